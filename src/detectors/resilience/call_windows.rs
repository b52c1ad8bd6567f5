//! Calls and retries by target and ten seconds: where a storm was at its worst, whoever took part.

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::window_counts::{Peak, WindowCounts};
use crate::detectors::kit::Seen;
use crate::partial::{Columns as _, GroupReader, GroupWriter, TraceNumber, columns};
use crate::savings::Unsettled;
use crate::trace::{RetrySequences, Target, TargetKind, TraceView};

/// Counts of calls and of retries.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallWindows(WindowCounts<Target>);

impl CallWindows {
    /// Counts the calls of a trace.
    pub(super) fn add(&mut self, trace: &TraceView<'_>, retries: &RetrySequences) {
        for (call, &is_retry) in trace.calls.calls.iter().zip(&retries.is_retry) {
            if call.counts && call.target.kind != TargetKind::Unnamed {
                self.0.add(call.target, trace.start(call.row), u64::from(call.weight), u64::from(is_retry));
            }
        }
    }

    /// The worst window of each target.
    pub(super) fn peaks(&self) -> HashMap<Target, Peak, FixedState> {
        self.0.peaks()
    }
}

impl Seen for CallWindows {
    fn merge(&mut self, other: Self) {
        self.0.merge(other.0);
    }

    fn renumber_traces(&mut self, _rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {}

    fn bytes(&self) -> usize {
        self.0.bytes()
    }

    fn unsettled(&mut self) -> Option<Unsettled<'_>> {
        None
    }

    fn write(&self, group: &mut GroupWriter<'_>) {
        let mut windows: Vec<_> = self.0.iter().collect();
        windows.sort_unstable();
        let mut columns = WindowColumns::default();
        for (target, window, calls, retries) in windows {
            columns.push(WindowRow { target: Some(target), window, calls, retries });
        }
        columns.write("", group);
    }

    fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let columns = WindowColumns::read("", group)?;
        let mut windows = Self::default();
        for row in 0..group.len() {
            let target = columns.target.get(row).unwrap_or_default();
            windows.0.add_in(target, columns.window[row], columns.calls[row], columns.retries[row]);
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
