//! Calls and retries by target and ten seconds: where a storm was at its worst, whoever took part.

use std::hash::Hash;

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::partial::{Columns as _, GroupReader, GroupWriter, columns};
use crate::trace::{RetrySequences, Target, TargetKind, TraceView};

/// Length of a window in ns; windows start at its multiples.
const WINDOW_NS: i64 = 10_000_000_000;

/// Fewest calls in a window whose share says something.
const MIN_CALLS: u64 = 20;

/// The number of the window that a time in ns since 1970 falls into.
pub(super) fn window_of(time: i64) -> i64 {
    time.div_euclid(WINDOW_NS)
}

/// Of counts by something and window, all and those that are looked for: the worst window of each that has a window with enough
/// of all, the earliest of equals.
pub(super) fn peaks_of<K: Copy + Eq + Hash>(
    counts: impl Iterator<Item = ((K, i64), (u64, u64))>,
) -> HashMap<K, Peak, FixedState> {
    let mut peaks: HashMap<K, Peak, FixedState> = HashMap::default();
    for ((of, window), (all, looked_for)) in counts.filter(|(_, (all, _))| *all >= MIN_CALLS) {
        let new = Peak { share: looked_for as f64 / all as f64, start: window * WINDOW_NS };
        let peak = peaks.entry(of).or_insert(new);
        if new.share.total_cmp(&peak.share).then(peak.start.cmp(&new.start)).is_gt() {
            *peak = new;
        }
    }
    peaks
}

/// Counts of calls by target and window.
#[derive(Clone, Debug, Default)]
pub(super) struct CallWindows {
    /// Calls and retries.
    counts: HashMap<(Target, i64), (u64, u64), FixedState>,
}

/// The window with the highest share of what is looked for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Peak {
    /// That over all, 0..1.
    pub(crate) share: f64,
    /// Start of the window in ns since 1970.
    pub(crate) start: i64,
}

impl CallWindows {
    /// Counts the calls of a trace.
    pub(super) fn add(&mut self, trace: &TraceView<'_>, retries: &RetrySequences) {
        for (call, &is_retry) in trace.calls.calls.iter().zip(&retries.is_retry) {
            if !call.counts || call.target.kind == TargetKind::Unnamed {
                continue;
            }
            let window = window_of(trace.start(call.row));
            let (calls, retried) = self.counts.entry((call.target, window)).or_default();
            *calls += u64::from(call.weight);
            *retried += u64::from(is_retry);
        }
    }

    /// Takes in the counts of other traces.
    pub(super) fn merge(&mut self, other: Self) {
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
    pub(super) fn peaks(&self) -> HashMap<Target, Peak, FixedState> {
        peaks_of(self.counts.iter().map(|(&key, &count)| (key, count)))
    }

    /// About how many bytes of memory they take.
    pub(super) fn bytes(&self) -> usize {
        self.counts.capacity() * size_of::<((Target, i64), (u64, u64))>()
    }

    /// Writes the counts.
    pub(super) fn write(&self, group: &mut GroupWriter<'_>) {
        let mut windows: Vec<_> = self.counts.iter().map(|(&key, &count)| (key, count)).collect();
        windows.sort_unstable();
        let mut columns = WindowColumns::default();
        for ((target, window), (calls, retries)) in windows {
            columns.push(WindowRow { target: Some(target), window, calls, retries });
        }
        columns.write("", group);
    }

    /// Reads what [`CallWindows::write`] wrote.
    ///
    /// # Errors
    /// If a column is not there or has another type.
    pub(super) fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let columns = WindowColumns::read("", group)?;
        let mut windows = Self::default();
        for row in 0..group.len() {
            let key = (columns.target.get(row).unwrap_or_default(), columns.window[row]);
            windows.counts.insert(key, (columns.calls[row], columns.retries[row]));
        }
        Ok(windows)
    }
}

columns! {
    /// Counts of one window.
    struct WindowRow in WindowColumns {
        target: Option<Target>,
        window: i64,
        calls: u64,
        retries: u64,
    }
}
