//! Retry sequences of a trace: which calls repeat a failed one.
//!
//! Calls under one caller span with the same target, caller-side operation and method form a group, in order of start. If
//! more than one known argument value occurs among them, each value is a group of its own, and calls with unknown
//! arguments stand apart. A call of a group is a *retry* if the one before it failed and ended before it started, or if
//! it says itself that it was sent before; a redirect or an authentication challenge before it never makes one. A
//! *sequence* is a maximal run of two or more calls of which each but the first is a retry.
//!
//! Where arguments are unknown, a group that goes on after a success is a loop over items, some of which failed: only
//! what calls say themselves counts there. A run that fails only because callers ask for what is not there is such a loop too.
//!
//! What a proxy or a client library sends again leaves no spans of calls, but several answers below one exit span: these are
//! attempts as well ([`Calls::attempts_below`](crate::trace::Calls)).

use std::cmp::{Ordering, Reverse};
use std::ops::Range;

use crate::conventions::ErrorClass;
use crate::frame::Symbol;

use crate::trace::calls::Call;
use crate::trace::target::TargetKind;
use crate::trace::tree::{NO_ROW, Row};
use crate::trace::view::TraceView;

/// One attempt of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attempt {
    /// The span that stands for it: the call's, or the answer's if it was sent below an exit span.
    pub row: Row,
    /// Index of the call that it is, or is part of.
    pub call: u32,
}

/// One retry sequence.
#[derive(Clone, Debug)]
pub struct Sequence {
    /// Indices into [`RetrySequences::attempts`].
    attempts: Range<usize>,
    /// The span that the attempts were made for: their caller span, or the exit span that they lie below.
    pub caller_span: Row,
    /// Whether it lies below no attempt of another sequence.
    pub is_topmost: bool,
    /// Attempts at the lowest layer that one request to this sequence became: sum over its attempts of the largest
    /// amplification of a sequence below, else 1.
    pub amplification: u64,
    /// How many sequences lie within each other here, this one included.
    pub layers: u64,
}

/// The retry sequences of one trace. Reused from trace to trace.
#[derive(Debug, Default)]
pub struct RetrySequences {
    /// By caller span and start; those of attempts below one exit span come last.
    pub sequences: Vec<Sequence>,
    /// The attempts, sequence after sequence.
    attempts: Vec<Attempt>,
    /// Whether each call is a retry.
    pub is_retry: Vec<bool>,
    order: Vec<u32>,
    values: Vec<u64>,
    run: Vec<Attempt>,
    answers: Vec<Row>,
}

impl RetrySequences {
    /// The attempts of a sequence, by start.
    pub fn attempts(&self, sequence: &Sequence) -> &[Attempt] {
        &self.attempts[sequence.attempts.clone()]
    }

    /// Finds the sequences of `trace`.
    pub fn rebuild(&mut self, trace: &TraceView<'_>) {
        let calls = &trace.calls.calls;
        self.sequences.clear();
        self.attempts.clear();
        self.is_retry.clear();
        self.is_retry.resize(calls.len(), false);
        if !trace.calls.has_failures && !calls.iter().any(|call| trace.semantics_of(call.row).is_resend) {
            return;
        }
        self.order.clear();
        self.order.extend((0..calls.len() as u32).filter(|&call| may_be_attempt(&calls[call as usize])));
        let identity = |call: &Call| {
            (call.caller_span, call.target, call.caller_side_operation, trace.semantics_of(call.row).method)
        };
        let argument = |call: &Call| trace.tree.arguments[call.row as usize];
        let mut order = std::mem::take(&mut self.order);
        order.sort_unstable_by(|&left, &right| {
            let (left, right) = (&calls[left as usize], &calls[right as usize]);
            identity(left).cmp(&identity(right)).then_with(|| by_start(trace, left, right))
        });
        let mut first = 0;
        while first < order.len() {
            let group = identity(&calls[order[first] as usize]);
            let length = order[first..].iter().take_while(|&&call| identity(&calls[call as usize]) == group).count();
            let members = &mut order[first..first + length];
            first += length;
            if length == 1 {
                continue;
            }
            self.values.clear();
            self.values.extend(members.iter().map(|&call| argument(&calls[call as usize])).filter(|&value| value != 0));
            self.values.sort_unstable();
            self.values.dedup();
            if self.values.len() <= 1 {
                self.add_group(trace, members);
                continue;
            }
            members.sort_unstable_by(|&left, &right| {
                let (left, right) = (&calls[left as usize], &calls[right as usize]);
                argument(left).cmp(&argument(right)).then_with(|| by_start(trace, left, right))
            });
            for same in
                members.chunk_by(|&left, &right| argument(&calls[left as usize]) == argument(&calls[right as usize]))
            {
                self.add_group(trace, same);
            }
        }
        self.order = order;
        self.add_attempts_below_exits(trace);
        self.measure_nesting(trace);
    }

    fn add_group(&mut self, trace: &TraceView<'_>, group: &[u32]) {
        let calls = &trace.calls.calls;
        let row = |index: usize| calls[group[index] as usize].row;
        let failed = |index: usize| trace.calls.roles[row(index) as usize].failed;
        let unknown = group.iter().any(|&call| trace.request_of(calls[call as usize].row).is_none());
        let mut first_success = i64::MAX;
        let goes_on_after_success = (0..group.len()).any(|index| {
            let goes_on = trace.start(row(index)) >= first_success;
            if !failed(index) {
                first_success = first_success.min(trace.end(row(index)));
            }
            goes_on
        });
        let is_loop = unknown && goes_on_after_success;

        let mut run = std::mem::take(&mut self.run);
        run.clear();
        for (index, &call) in group.iter().enumerate() {
            let is_retry = index > 0 && {
                let before = &calls[group[index - 1] as usize];
                let elsewhere = trace.semantics_of(before.row).is_redirect_or_challenge
                    || (before.callee != NO_ROW && trace.semantics_of(before.callee).is_redirect_or_challenge);
                let repeats = !is_loop && failed(index - 1) && trace.end(row(index - 1)) <= trace.start(row(index));
                !elsewhere && (repeats || trace.semantics_of(row(index)).is_resend)
            };
            if !is_retry {
                self.add_run(trace, &run, unknown);
                run.clear();
            }
            run.push(Attempt { row: row(index), call });
        }
        self.add_run(trace, &run, unknown);
        self.run = run;
    }

    /// Adds a run of calls, if it is a sequence.
    fn add_run(&mut self, trace: &TraceView<'_>, run: &[Attempt], unknown: bool) {
        let is_resend = |attempt: &Attempt| trace.semantics_of(attempt.row).is_resend;
        let asks_for_what_is_not_there = || unknown && !run.iter().any(is_resend) && fails_by_caller(trace, run);
        if run.len() < 2 || asks_for_what_is_not_there() {
            return;
        }
        self.is_retry[run[0].call as usize] = is_resend(&run[0]);
        for attempt in &run[1..] {
            self.is_retry[attempt.call as usize] = true;
        }
        self.add_sequence(run, trace.calls.calls[run[0].call as usize].caller_span);
    }

    fn add_sequence(&mut self, attempts: &[Attempt], caller_span: Row) {
        let first = self.attempts.len();
        self.attempts.extend_from_slice(attempts);
        self.sequences.push(Sequence {
            attempts: first..self.attempts.len(),
            caller_span,
            is_topmost: true,
            amplification: attempts.len() as u64,
            layers: 1,
        });
    }

    /// Adds the sequences of what was sent several times below one exit span.
    fn add_attempts_below_exits(&mut self, trace: &TraceView<'_>) {
        let roles = &trace.calls.roles;
        let mut answers = std::mem::take(&mut self.answers);
        let mut run = std::mem::take(&mut self.run);
        for (number, call) in (0u32..).zip(&trace.calls.calls) {
            let first_failed = call.callee != NO_ROW && call.callee != call.row && roles[call.callee as usize].failed;
            if !first_failed || !may_be_attempt(call) {
                continue;
            }
            trace.calls.attempts_below(trace.tree, &|row| trace.semantics_of(row), call.row, &mut answers);
            let requests = || answers.iter().filter_map(|&row| trace.request_of(row));
            let first = requests().next();
            if answers.is_empty() || requests().any(|request| Some(request) != first) {
                continue;
            }
            run.clear();
            run.extend(answers.iter().map(|&row| Attempt { row, call: number }));
            let unknown = trace.request_of(call.row).is_none() && requests().count() < answers.len();
            if !(unknown && fails_by_caller(trace, &run)) {
                self.add_sequence(&run, call.row);
            }
        }
        (self.answers, self.run) = (answers, run);
    }

    /// Amplification and layers, from the innermost sequences outwards. What nobody waits for is below nothing.
    fn measure_nesting(&mut self, trace: &TraceView<'_>) {
        if self.sequences.len() < 2 {
            return;
        }
        const NONE: u32 = u32::MAX;
        let tree = trace.tree;
        // The attempt that stands at each row, and the nearest one strictly above it.
        let mut attempt_at = vec![NONE; tree.len()];
        for (number, attempt) in (0u32..).zip(&self.attempts) {
            attempt_at[attempt.row as usize] = number;
        }
        let mut sequence_of = vec![NONE; self.attempts.len()];
        for (number, sequence) in (0u32..).zip(&self.sequences) {
            sequence_of[sequence.attempts.clone()].fill(number);
        }
        let mut above = vec![NONE; tree.len()];
        let mut depth = vec![0u32; tree.len()];
        for &row in &tree.top_down {
            let parent = tree.parents[row as usize];
            if parent != NO_ROW {
                depth[row as usize] = depth[parent as usize] + 1;
            }
            let waiting = tree.waiting_parent(row);
            if waiting != NO_ROW {
                let at_parent = attempt_at[waiting as usize];
                above[row as usize] = if at_parent == NONE { above[waiting as usize] } else { at_parent };
            }
        }
        // A sequence below an attempt of another has its caller span there, and that other's lies above the attempt.
        let mut inside_out: Vec<u32> = (0..self.sequences.len() as u32).collect();
        inside_out.sort_unstable_by_key(|&number| {
            (Reverse(depth[self.sequences[number as usize].caller_span as usize]), number)
        });
        let mut best_below = vec![(0u64, 0u64); self.attempts.len()];
        for number in inside_out {
            let sequence = &mut self.sequences[number as usize];
            let (mut amplification, mut layers) = (0u64, 0);
            for &(below, layers_below) in &best_below[sequence.attempts.clone()] {
                amplification = amplification.saturating_add(below.max(1));
                layers = layers.max(layers_below);
            }
            layers += 1;
            let first_row = self.attempts[sequence.attempts.start].row;
            let enclosing = above[first_row as usize];
            let is_topmost = enclosing == NONE || sequence_of[enclosing as usize] == number;
            if !is_topmost {
                let best = &mut best_below[enclosing as usize];
                *best = (best.0.max(amplification), best.1.max(layers));
            }
            (sequence.amplification, sequence.layers, sequence.is_topmost) = (amplification, layers, is_topmost);
        }
    }

    /// The operation of a sequence's attempts, the most frequent if they have several.
    pub fn operation(&self, trace: &TraceView<'_>, sequence: &Sequence) -> Symbol {
        let operation = |attempt: &Attempt| trace.calls.calls[attempt.call as usize].operation;
        let attempts = self.attempts(sequence);
        let first = operation(&attempts[0]);
        if attempts.iter().all(|attempt| operation(attempt) == first) {
            return first;
        }
        let mut operations: Vec<Symbol> = attempts.iter().map(operation).collect();
        operations.sort_unstable();
        let groups = operations.chunk_by(|left, right| left == right);
        groups.min_by_key(|same| (Reverse(same.len()), same[0])).map_or(first, |same| same[0])
    }
}

impl Attempt {
    /// Whether it failed.
    pub fn failed(self, trace: &TraceView<'_>) -> bool {
        trace.calls.roles[self.row as usize].failed
    }

    /// The class of its error, if it failed.
    pub fn error_class(self, trace: &TraceView<'_>) -> ErrorClass {
        let call = &trace.calls.calls[self.call as usize];
        if call.row == self.row {
            trace.calls.error_class(call, trace.tree, trace.semantics)
        } else {
            trace.semantics_of(self.row).error_class
        }
    }
}

/// Whether a call can be an attempt: it is counted and has a target of its own.
fn may_be_attempt(call: &Call) -> bool {
    call.counts && call.target.kind != TargetKind::Unnamed
}

/// Whether all attempts that failed did so because of what was asked.
fn fails_by_caller(trace: &TraceView<'_>, attempts: &[Attempt]) -> bool {
    let mut failed = attempts.iter().filter(|attempt| attempt.failed(trace));
    failed.all(|attempt| attempt.error_class(trace) == ErrorClass::Caller)
}

fn by_start(trace: &TraceView<'_>, left: &Call, right: &Call) -> Ordering {
    (trace.start(left.row), left.row).cmp(&(trace.start(right.row), right.row))
}
