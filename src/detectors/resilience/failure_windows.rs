//! Calls and requests served, and those that failed, by what they are and ten seconds: when a failure was at its worst.

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::window_counts::{Peak, WindowCounts};
use crate::detectors::kit::Seen;
use crate::frame::Symbol;
use crate::partial::{Columns as _, GroupReader, GroupWriter, TraceNumber, columns};
use crate::savings::Unsettled;
use crate::trace::TraceView;

/// What is counted: service, operation and target of a call, or service and operation of an entry span and no target.
pub(super) type Counted = [Symbol; 3];

/// The worst window of each that has one.
pub(crate) type FailurePeaks = HashMap<Counted, Peak, FixedState>;

/// Counts of all and of those that failed.
#[derive(Clone, Debug, Default)]
pub(crate) struct FailureWindows(WindowCounts<Counted>);

impl FailureWindows {
    /// Counts the calls of a trace and its entry spans.
    pub(super) fn add(&mut self, trace: &TraceView<'_>) {
        let roles = &trace.calls.roles;
        let mut count = |counted, row, weight: u32| {
            let failed = if roles[row as usize].failed { weight } else { 0 };
            self.0.add(counted, trace.start(row), u64::from(weight), u64::from(failed));
        };
        for call in &trace.calls.calls {
            count([call.caller_service, call.operation, call.target.name], call.row, call.weight);
        }
        for (row, _) in (0u32..).zip(roles).filter(|(_, role)| role.is_entry) {
            let counted = [trace.service(row), trace.entry_operation(row), Symbol::EMPTY];
            count(counted, row, trace.semantics_of(row).weight);
        }
    }

    /// The worst window of each.
    pub(super) fn peaks(&self) -> FailurePeaks {
        self.0.peaks()
    }
}

impl Seen for FailureWindows {
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
        for ([service, operation, target], window, all, failures) in windows {
            columns.push(WindowRow { service, operation, target, window, all, failures });
        }
        columns.write("", group);
    }

    fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let columns = WindowColumns::read("", group)?;
        let mut windows = Self::default();
        for row in 0..group.len() {
            let counted = [columns.service[row], columns.operation[row], columns.target[row]];
            windows.0.add_in(counted, columns.window[row], columns.all[row], columns.failures[row]);
        }
        Ok(windows)
    }
}

columns! {
    /// Counts of one window.
    struct WindowRow in WindowColumns {
        service: Symbol,
        operation: Symbol,
        target: Symbol,
        window: i64,
        all: u64,
        failures: u64,
    }
}
