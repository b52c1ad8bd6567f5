//! Pauses between the attempts of a request, as pieces of critical paths: time in which a service waits because it wants to.
//!
//! ```text
//! caller    |=========================================|
//! attempts     |=== failed|           |=== failed|
//! path      ...            ~~~~~~~~~~~            ......     ~ the caller's own time in the gap is backoff
//! ```
//!
//! A gap lies between the end of an attempt and the start of the next. What counts in it is the own time of the spans above both
//! attempts, up to the span that they are made for: there is no other reason for that time than the pause. Of gaps that overlap
//! the one of the sequence that began first takes it.

use std::collections::BTreeSet;

use crate::frame::Symbol;

use crate::trace::calls::NO_CALL;
use crate::trace::critical_path::Section;
use crate::trace::target::Target;
use crate::trace::tree::{NO_ROW, Row};
use crate::trace::view::TraceView;

/// A piece of a section of a critical path that was a pause.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Backoff {
    /// Number of the section among those of all paths.
    pub(crate) section: usize,
    /// Start in ns since 1970.
    pub(crate) start: i64,
    /// End in ns since 1970.
    pub(crate) end: i64,
    /// The operation that was tried again.
    pub(crate) operation: Symbol,
    /// What it was to.
    pub(crate) target: Target,
}

/// The pauses on the paths of one trace, in the order of sections, then of time.
#[derive(Debug, Default)]
pub(crate) struct Backoffs {
    pieces: Vec<Backoff>,
}

/// What the own time of a span is spent for: the span that makes calls, or the exit span of a call that is under way.
type Spender = (bool, Row);

/// The time between two attempts.
#[derive(Clone, Copy, Debug)]
struct Gap {
    spender: Spender,
    start: i64,
    end: i64,
    before: Row,
    after: Row,
    /// When its sequence began, and the number of that.
    began: (i64, u32),
    operation: Symbol,
    target: Target,
}

impl Gap {
    /// Whether a span lies above both attempts.
    fn is_below(&self, trace: &TraceView<'_>, row: Row) -> bool {
        let is_above = |attempt: Row| attempt != row && trace.tree.is_at_or_below(attempt, row);
        is_above(self.before) && is_above(self.after)
    }
}

impl Backoffs {
    /// All pauses on paths.
    pub(crate) fn pieces(&self) -> &[Backoff] {
        &self.pieces
    }

    pub(in crate::trace) fn rebuild(&mut self, trace: &TraceView<'_>) {
        self.pieces.clear();
        let gaps = gaps_of(trace);
        if gaps.is_empty() {
            return;
        }
        let is_above_attempt = rows_above_attempts(trace, &gaps);
        let spender_of = |row: Row| -> Spender {
            let role = &trace.calls.roles[row as usize];
            // An exit span that is no call, as an SDK's over those that it sends, waits for nothing of its own.
            match trace.calls.roles.get(role.owner as usize) {
                Some(owner) if owner.call_of_exit != NO_CALL => (true, role.owner),
                _ => (false, role.caller_span),
            }
        };
        let mut sections: Vec<(Spender, usize)> = (0..)
            .zip(&trace.paths.sections)
            .filter(|(_, section)| is_above_attempt[section.row as usize])
            .map(|(number, section)| (spender_of(section.row), number))
            .collect();
        sections.sort_by_key(|&(spender, number)| (spender, trace.paths.sections[number].start));
        for of_spender in sections.chunk_by(|left, right| left.0 == right.0) {
            let first = gaps.partition_point(|gap| gap.spender < of_spender[0].0);
            let end = gaps.partition_point(|gap| gap.spender <= of_spender[0].0);
            self.add_pauses(trace, &gaps[first..end], of_spender);
        }
        self.pieces.sort_unstable_by_key(|piece| (piece.section, piece.start));
    }

    /// Goes through the sections of one spender in the order of time, with the gaps that are open there, the one that counts most
    /// first.
    fn add_pauses(&mut self, trace: &TraceView<'_>, gaps: &[Gap], sections: &[(Spender, usize)]) {
        let mut open: BTreeSet<((i64, u32), usize)> = BTreeSet::new();
        let mut ends: BTreeSet<(i64, usize)> = BTreeSet::new();
        let mut next = 0;
        for &(_, number) in sections {
            let Section { row, start, end } = trace.paths.sections[number];
            let mut cursor = start;
            while cursor < end {
                while let Some(gap) = gaps.get(next).filter(|gap| gap.start <= cursor) {
                    open.insert((gap.began, next));
                    ends.insert((gap.end, next));
                    next += 1;
                }
                while let Some(&(gap_end, index)) = ends.first()
                    && gap_end <= cursor
                {
                    ends.pop_first();
                    open.remove(&(gaps[index].began, index));
                }
                let opens = gaps.get(next).map_or(end, |gap| gap.start.min(end));
                let gap = open.iter().map(|&(_, index)| &gaps[index]).find(|gap| gap.is_below(trace, row));
                let piece_end = gap.map_or(opens, |gap| gap.end.min(opens));
                if let Some(&Gap { operation, target, .. }) = gap {
                    self.pieces.push(Backoff { section: number, start: cursor, end: piece_end, operation, target });
                }
                cursor = piece_end;
            }
        }
    }
}

/// The gaps between attempts, by spender, then by start.
fn gaps_of(trace: &TraceView<'_>) -> Vec<Gap> {
    let retries = trace.retries();
    let mut gaps = Vec::new();
    for (number, sequence) in (0u32..).zip(&retries.sequences) {
        let attempts = retries.attempts(sequence);
        let call = &trace.calls.calls[attempts[0].call as usize];
        let is_below_exit = call.row == sequence.caller_span && attempts[0].row != call.row;
        let operation = retries.operation(trace, sequence);
        for pair in attempts.windows(2) {
            let (start, end) = (trace.end(pair[0].row), trace.start(pair[1].row));
            if start < end {
                gaps.push(Gap {
                    spender: (is_below_exit, sequence.caller_span),
                    start,
                    end,
                    before: pair[0].row,
                    after: pair[1].row,
                    began: (trace.start(attempts[0].row), number),
                    operation,
                    target: call.target,
                });
            }
        }
    }
    gaps.sort_unstable_by_key(|gap| (gap.spender, gap.start, gap.began));
    gaps
}

/// Marks the rows above attempts, up to the spans that these are made for: nothing else needs to be looked at.
fn rows_above_attempts(trace: &TraceView<'_>, gaps: &[Gap]) -> Vec<bool> {
    // What lies above an attempt of one kind lies above those beside it, up to the same span: the way up is gone once. Gaps of
    // calls come before those below exit spans.
    let first_below_exit = gaps.partition_point(|gap| !gap.spender.0);
    let (of_calls, below_exits) = gaps.split_at(first_below_exit);
    let [mut marked, others] = [of_calls, below_exits].map(|gaps| {
        let mut marked = vec![false; trace.tree.len()];
        for gap in gaps {
            for attempt in [gap.before, gap.after] {
                let mut row = trace.tree.parents[attempt as usize];
                while row != NO_ROW && !marked[row as usize] {
                    marked[row as usize] = true;
                    row = if row == gap.spender.1 { NO_ROW } else { trace.tree.parents[row as usize] };
                }
            }
        }
        marked
    });
    marked.iter_mut().zip(others).for_each(|(marked, other)| *marked |= other);
    marked
}
