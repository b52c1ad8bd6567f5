//! Retry sequences of a trace: which calls repeat a failed one.
//!
//! Calls under one caller span with the same target, caller-side operation and method form a group, in order of start. If
//! more than one known argument value occurs among them, each value is a group of its own, and calls with unknown
//! arguments stand apart. A call of a group is a *retry* if the one before it failed and ended before it started, or if
//! it says itself that it was sent before; a redirect or an authentication challenge before it never makes one. A
//! *sequence* is a maximal run of two or more calls of which each but the first is a retry.
//!
//! Where arguments are unknown, a group that goes on after a success is a loop over items, some of which failed: only
//! what calls say themselves counts there.

use std::cmp::Ordering;
use std::ops::Range;

use crate::trace::calls::Call;
use crate::trace::target::TargetKind;
use crate::trace::tree::{NO_ROW, Row};
use crate::trace::view::TraceView;

/// One retry sequence.
#[derive(Clone, Debug)]
pub struct Sequence {
    /// Indices into [`RetrySequences::attempts`].
    attempts: Range<usize>,
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
    /// By caller span and start.
    pub sequences: Vec<Sequence>,
    /// Indices of calls, sequence after sequence.
    attempts: Vec<u32>,
    /// Whether each call is a retry.
    pub is_retry: Vec<bool>,
    order: Vec<u32>,
    values: Vec<u64>,
}

impl RetrySequences {
    /// The calls of a sequence, as indices into the trace's calls, by start.
    pub fn attempts(&self, sequence: &Sequence) -> &[u32] {
        &self.attempts[sequence.attempts.clone()]
    }

    /// Finds the sequences of `trace`.
    pub fn rebuild(&mut self, trace: &TraceView<'_>) {
        let calls = &trace.calls.calls;
        self.sequences.clear();
        self.attempts.clear();
        self.is_retry.clear();
        self.is_retry.resize(calls.len(), false);
        let may_repeat =
            |call: &Call| trace.calls.roles[call.row as usize].failed || trace.semantics_of(call.row).is_resend;
        if !calls.iter().any(may_repeat) {
            return;
        }
        self.order.clear();
        self.order
            .extend((0..calls.len() as u32).filter(|&call| {
                calls[call as usize].counts && calls[call as usize].target.kind != TargetKind::Unnamed
            }));
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
        self.measure_nesting(trace);
    }

    fn add_group(&mut self, trace: &TraceView<'_>, group: &[u32]) {
        let calls = &trace.calls.calls;
        let row = |index: usize| calls[group[index] as usize].row;
        let failed = |index: usize| trace.calls.roles[row(index) as usize].failed;
        let unknown = group.iter().any(|&call| trace.tree.arguments[calls[call as usize].row as usize] == 0);
        let mut first_success = i64::MAX;
        let goes_on_after_success = (0..group.len()).any(|index| {
            let goes_on = trace.start(row(index)) >= first_success;
            if !failed(index) {
                first_success = first_success.min(trace.end(row(index)));
            }
            goes_on
        });
        let is_loop = unknown && goes_on_after_success;

        let mut start_of_run = 0;
        for index in 0..group.len() {
            let is_retry = index > 0 && {
                let before = &calls[group[index - 1] as usize];
                let elsewhere = trace.semantics_of(before.row).is_redirect_or_challenge
                    || (before.callee != NO_ROW && trace.semantics_of(before.callee).is_redirect_or_challenge);
                let repeats = !is_loop && failed(index - 1) && trace.end(row(index - 1)) <= trace.start(row(index));
                !elsewhere && (repeats || trace.semantics_of(row(index)).is_resend)
            };
            if is_retry {
                self.is_retry[group[index] as usize] = true;
            } else {
                self.add_run(&group[start_of_run..index]);
                start_of_run = index;
            }
        }
        self.add_run(&group[start_of_run..]);
    }

    fn add_run(&mut self, run: &[u32]) {
        if run.len() < 2 {
            return;
        }
        let first = self.attempts.len();
        self.attempts.extend_from_slice(run);
        self.sequences.push(Sequence {
            attempts: first..self.attempts.len(),
            is_topmost: true,
            amplification: run.len() as u64,
            layers: 1,
        });
    }

    /// Amplification and layers, from the innermost sequences outwards.
    fn measure_nesting(&mut self, trace: &TraceView<'_>) {
        if self.sequences.len() < 2 {
            return;
        }
        let calls = &trace.calls.calls;
        let tree = trace.tree;
        // The attempt that stands at each row, and the nearest one strictly above it.
        let mut attempt_at = vec![u32::MAX; tree.len()];
        let mut sequence_of = vec![u32::MAX; calls.len()];
        for (number, sequence) in (0u32..).zip(&self.sequences) {
            for &call in self.attempts(sequence) {
                attempt_at[calls[call as usize].row as usize] = call;
                sequence_of[call as usize] = number;
            }
        }
        let mut above = vec![u32::MAX; tree.len()];
        let mut depth = vec![0u32; tree.len()];
        for &row in &tree.top_down {
            let parent = tree.parents[row as usize];
            if parent != NO_ROW {
                depth[row as usize] = depth[parent as usize] + 1;
                let at_parent = attempt_at[parent as usize];
                above[row as usize] = if at_parent == u32::MAX { above[parent as usize] } else { at_parent };
            }
        }
        let first_rows: Vec<Row> =
            self.sequences.iter().map(|sequence| calls[self.attempts(sequence)[0] as usize].row).collect();
        let mut inside_out: Vec<u32> = (0..self.sequences.len() as u32).collect();
        inside_out
            .sort_unstable_by_key(|&number| std::cmp::Reverse((depth[first_rows[number as usize] as usize], number)));
        let mut best_below = vec![(0u64, 0u64); calls.len()];
        for number in inside_out {
            let sequence = &self.sequences[number as usize];
            let (mut amplification, mut layers) = (0, 0);
            for &call in self.attempts(sequence) {
                let (below, layers_below) = best_below[call as usize];
                amplification += below.max(1);
                layers = layers.max(layers_below);
            }
            layers += 1;
            let enclosing = above[first_rows[number as usize] as usize];
            let is_topmost = enclosing == u32::MAX || sequence_of[enclosing as usize] == number;
            if !is_topmost {
                let best = &mut best_below[enclosing as usize];
                *best = (best.0.max(amplification), best.1.max(layers));
            }
            let sequence = &mut self.sequences[number as usize];
            (sequence.amplification, sequence.layers, sequence.is_topmost) = (amplification, layers, is_topmost);
        }
    }
}

fn by_start(trace: &TraceView<'_>, left: &Call, right: &Call) -> Ordering {
    (trace.start(left.row), left.row).cmp(&(trace.start(right.row), right.row))
}
