//! Calls that are missing in the window, or were not there before.
//!
//! For each operation that calls and each that is called, the calls per caller are compared over the traces that have such a
//! caller: by how many standard errors their means differ. What differs is shown, but does not rank: faults that make
//! requests shorter would be found by it, and quiet windows would be loud.

use std::collections::BTreeMap;

use crate::trace::{Target, TargetKind};

use super::comparison::{BASELINE, Blamed, Called, Comparison, WINDOW};

/// How many standard errors the means of both sides must differ by.
const MIN_STANDARD_ERRORS: f64 = 4.0;

/// Standard deviation of the baseline that counts at least, as a share of its mean: where all traces are alike, one call more
/// would be beyond all chance.
const LEAST_DEVIATION_SHARE: f64 = 0.05;

/// An operation that calls whose traces in the baseline are fewer says nothing of the usual number of calls.
const MIN_BASELINE_TRACES: u64 = 3;

/// What calls per caller are counted in: integers add up to the same in any order.
const UNITS_PER_CALL: u32 = 1 << 20;

/// Sums of an operation that calls, on both sides.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CallerSums {
    /// Traces with such a span.
    traces: [u64; 2],
    /// Spans.
    callers: [u64; 2],
}

impl CallerSums {
    /// Adds a trace with so many spans.
    pub(super) fn add(&mut self, side: usize, callers: u64) {
        self.traces[side] += 1;
        self.callers[side] = self.callers[side].saturating_add(callers);
    }

    /// Adds what was summed up elsewhere.
    pub(super) fn merge(&mut self, other: Self) {
        for side in [WINDOW, BASELINE] {
            self.traces[side] += other.traces[side];
            self.callers[side] = self.callers[side].saturating_add(other.callers[side]);
        }
    }
}

/// Sums of calls, on both sides.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CallSums {
    calls: [u64; 2],
    /// Calls per caller, summed over traces, in [`UNITS_PER_CALL`].
    per_caller: [u128; 2],
    /// Their squares.
    squares: [u128; 2],
}

impl CallSums {
    /// Adds a trace with so many calls and callers.
    pub(super) fn add(&mut self, side: usize, calls: u64, callers: u64) {
        let per_caller = u128::from(calls) * u128::from(UNITS_PER_CALL) / u128::from(callers.max(1));
        self.merge_side(side, calls, per_caller, per_caller.saturating_mul(per_caller));
    }

    /// Adds what was summed up elsewhere.
    pub(super) fn merge(&mut self, other: Self) {
        for side in [WINDOW, BASELINE] {
            self.merge_side(side, other.calls[side], other.per_caller[side], other.squares[side]);
        }
    }

    fn merge_side(&mut self, side: usize, calls: u64, per_caller: u128, squares: u128) {
        self.calls[side] = self.calls[side].saturating_add(calls);
        self.per_caller[side] = self.per_caller[side].saturating_add(per_caller);
        self.squares[side] = self.squares[side].saturating_add(squares);
    }
}

/// How many calls there are beyond those expected; below zero if some are missing. `None` if that can be chance.
fn beyond_expected(callers: &CallerSums, calls: &CallSums) -> Option<f64> {
    if callers.traces[WINDOW] == 0 || callers.traces[BASELINE] < MIN_BASELINE_TRACES {
        return None;
    }
    let traces = callers.traces.map(|traces| traces as f64);
    let unit = f64::from(UNITS_PER_CALL);
    let mean = [WINDOW, BASELINE].map(|side| calls.per_caller[side] as f64 / unit / traces[side]);
    let usual = mean[BASELINE];
    // Over integers, because squares of numbers that are nearly alike differ by little.
    let sum = calls.per_caller[BASELINE];
    let spread = u128::from(callers.traces[BASELINE])
        .saturating_mul(calls.squares[BASELINE])
        .saturating_sub(sum.saturating_mul(sum));
    let variance = (spread as f64 / (traces[BASELINE] * unit).powi(2)).max((LEAST_DEVIATION_SHARE * usual).powi(2));
    let difference = mean[WINDOW] - usual;
    let standard_error = (variance * (1.0 / traces[WINDOW] + 1.0 / traces[BASELINE])).sqrt();
    let is_beyond_chance = difference != 0.0 && difference.abs() >= MIN_STANDARD_ERRORS * standard_error;
    let expected = usual * callers.callers[WINDOW] as f64;
    is_beyond_chance.then_some(calls.calls[WINDOW] as f64 - expected)
}

impl Comparison {
    /// Adds calls that are missing or were not there before to what is blamed on both of their ends.
    pub(super) fn blame_structure(&self, blamed: &mut BTreeMap<Target, Blamed>) {
        let mut calls: Vec<_> = self.calls.iter().collect();
        calls.sort_unstable_by_key(|(key, _)| **key);
        for (&(entry, called), sums) in calls {
            let Called { caller, target, .. } = called;
            if self.comparable(&entry).is_none() {
                continue;
            }
            let callers = self.callers.get(&(entry, caller)).copied().unwrap_or_default();
            let Some(beyond) = beyond_expected(&callers, sums) else { continue };
            let service = Target { name: caller.service, kind: TargetKind::Service };
            let other_end = Some(target).filter(|&target| target != service && target.kind != TargetKind::Unnamed);
            for end in std::iter::once(service).chain(other_end) {
                let of_end = blamed.entry(end).or_default();
                of_end.appeared_calls += beyond.max(0.0);
                of_end.vanished_calls += (-beyond).max(0.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums of traces, told by their calls, of one caller each; and of traces without any.
    fn beyond(window: &[u64], baseline: &[u64]) -> Option<f64> {
        let (mut callers, mut calls) = (CallerSums::default(), CallSums::default());
        for (side, traces) in [(WINDOW, window), (BASELINE, baseline)] {
            for &count in traces {
                callers.add(side, 1);
                if count > 0 {
                    calls.add(side, count, 1);
                }
            }
        }
        beyond_expected(&callers, &calls)
    }

    /// Four traces with 2 calls each against usual 1 and 3: the variance is 1, so that the standard error over 4 and 16 traces is
    /// √(1/4 + 1/16) = 0.559, and four of these are 2.236 calls per caller.
    #[test]
    fn means_must_differ_by_four_standard_errors() {
        let usual = [1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3];
        for (window, expected) in
            [([2, 2, 2, 2], None), ([4, 4, 4, 4], None), ([4, 4, 4, 5], Some(9.0)), ([0, 0, 0, 0], None)]
        {
            assert_eq!(beyond(&window, &usual), expected, "{window:?}");
        }
        // 2 calls fewer than 3 usual ones in each of 20 traces; all are alike, so the deviation is 5 % of 3.
        assert_eq!(beyond(&[1; 20], &[3; 20]), Some(-40.0));
        // 4 × 0.15 × √(2/20) = 0.19 calls per caller, so that three more calls in 20 traces are not enough and four are.
        let with = |more: usize| -> Vec<u64> { (0..20).map(|trace| if trace < more { 4 } else { 3 }).collect() };
        assert_eq!(beyond(&with(3), &[3; 20]), None);
        assert_eq!(beyond(&with(4), &[3; 20]), Some(4.0));
    }

    /// What was never called before has appeared; of callers that the baseline has not seen often enough nothing is known.
    #[test]
    fn new_calls_appear() {
        assert_eq!(beyond(&[0, 1, 0], &[0, 0, 0]), Some(1.0));
        assert_eq!(beyond(&[0, 1, 0], &[0, 0]), None);
        assert_eq!(beyond(&[], &[3, 3, 3]), None);
    }

    /// What counts is calls per caller: twice the callers make twice the calls.
    #[test]
    fn more_callers_make_more_calls() {
        let (mut callers, mut calls) = (CallerSums::default(), CallSums::default());
        for (side, of_trace) in [(WINDOW, 6), (BASELINE, 3)] {
            for _ in 0..10 {
                callers.add(side, of_trace);
                calls.add(side, 2 * of_trace, of_trace);
            }
        }
        assert_eq!(beyond_expected(&callers, &calls), None);
    }
}
