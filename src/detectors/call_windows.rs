//! Calls and retries by target and ten seconds: where a storm was at its worst, whoever took part.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::trace::{Target, TargetKind, TraceView};

use super::retry_sequences::RetrySequences;

/// Length of a window in ns; windows start at its multiples.
const WINDOW_NS: i64 = 10_000_000_000;

/// Fewest calls in a window whose share of retries says something.
const MIN_CALLS: u64 = 20;

/// Counts of calls by target and window.
#[derive(Clone, Debug, Default)]
pub struct CallWindows {
    /// Calls and retries.
    counts: HashMap<(Target, i64), (u64, u64), FixedState>,
}

/// The window of a target with the highest share of retries.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Peak {
    /// Retries over all calls, 0..1.
    pub retry_share: f64,
    /// Start of the window in ns since 1970.
    pub start: i64,
}

impl CallWindows {
    /// Counts the calls of a trace.
    pub fn add(&mut self, trace: &TraceView<'_>, retries: &RetrySequences) {
        for (call, &is_retry) in trace.calls.calls.iter().zip(&retries.is_retry) {
            if !call.counts || call.target.kind == TargetKind::Unnamed {
                continue;
            }
            let window = trace.start(call.row).div_euclid(WINDOW_NS);
            let (calls, retried) = self.counts.entry((call.target, window)).or_default();
            *calls += u64::from(call.weight);
            *retried += u64::from(is_retry);
        }
    }

    /// Takes in the counts of other traces.
    pub fn merge(&mut self, other: Self) {
        if self.counts.is_empty() {
            *self = other;
            return;
        }
        for (key, (calls, retried)) in other.counts {
            let count = self.counts.entry(key).or_default();
            *count = (count.0 + calls, count.1 + retried);
        }
    }

    /// The worst window of each target that has a window with enough calls, the earliest of equals.
    pub fn peaks(&self) -> HashMap<Target, Peak, FixedState> {
        let mut peaks: HashMap<Target, Peak, FixedState> = HashMap::default();
        for (&(target, window), &(calls, retried)) in self.counts.iter().filter(|(_, (calls, _))| *calls >= MIN_CALLS) {
            let new = Peak { retry_share: retried as f64 / calls as f64, start: window * WINDOW_NS };
            let peak = peaks.entry(target).or_insert(new);
            if new.retry_share.total_cmp(&peak.retry_share).then(peak.start.cmp(&new.start)).is_gt() {
                *peak = new;
            }
        }
        peaks
    }
}
