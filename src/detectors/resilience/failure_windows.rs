//! Calls and requests served, and those that failed, by what they are and ten seconds: when a failure was at its worst.

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::call_windows::{Peak, peaks_of, window_of};
use crate::frame::Symbol;
use crate::partial::{Columns as _, GroupReader, GroupWriter, columns};
use crate::trace::TraceView;

/// What is counted: service, operation and target of a call, or service and operation of an entry span and no target.
pub(super) type Counted = [Symbol; 3];

/// The worst window of each that has one.
pub(crate) type FailurePeaks = HashMap<Counted, Peak, FixedState>;

/// Counts by what is counted and window.
#[derive(Clone, Debug, Default)]
pub(super) struct FailureWindows {
    /// What is counted, by its number: with numbers for keys the table of counts, which is large, stays small.
    numbers: HashMap<Counted, u32, FixedState>,
    counted: Vec<Counted>,
    /// All and those that failed.
    counts: HashMap<(u32, i64), (u64, u64), FixedState>,
}

impl FailureWindows {
    /// Counts the calls of a trace and its entry spans.
    pub(super) fn add(&mut self, trace: &TraceView<'_>) {
        let roles = &trace.calls.roles;
        for call in &trace.calls.calls {
            let weight = u64::from(call.weight);
            let counted = [call.caller_service, call.operation, call.target.name];
            self.count(counted, trace.start(call.row), weight, roles[call.row as usize].failed);
        }
        for (row, role) in (0u32..).zip(roles).filter(|(_, role)| role.is_entry) {
            let counted = [trace.service(row), trace.entry_operation(row), Symbol::EMPTY];
            self.count(counted, trace.start(row), u64::from(trace.semantics_of(row).weight), role.failed);
        }
    }

    fn count(&mut self, counted: Counted, start: i64, weight: u64, failed: bool) {
        let number = self.number_of(counted);
        let (all, failures) = self.counts.entry((number, window_of(start))).or_default();
        *all += weight;
        *failures += if failed { weight } else { 0 };
    }

    fn number_of(&mut self, counted: Counted) -> u32 {
        let next = self.counted.len() as u32;
        let number = *self.numbers.entry(counted).or_insert(next);
        if number == next {
            self.counted.push(counted);
        }
        number
    }

    fn iter(&self) -> impl Iterator<Item = ((Counted, i64), (u64, u64))> {
        self.counts.iter().map(|(&(number, window), &count)| ((self.counted[number as usize], window), count))
    }

    /// Takes in the counts of other traces.
    pub(super) fn merge(&mut self, other: Self) {
        if self.counts.is_empty() {
            *self = other;
            return;
        }
        let numbers: Vec<u32> = other.counted.iter().map(|&counted| self.number_of(counted)).collect();
        for ((number, window), (all, failures)) in other.counts {
            let count = self.counts.entry((numbers[number as usize], window)).or_default();
            *count = (count.0 + all, count.1 + failures);
        }
    }

    /// The worst window of each of which any failed.
    pub(super) fn peaks(&self) -> FailurePeaks {
        peaks_of(self.iter())
    }

    /// About how many bytes of memory they take.
    pub(super) fn bytes(&self) -> usize {
        self.counts.capacity() * size_of::<((u32, i64), (u64, u64))>()
            + self.numbers.capacity() * size_of::<(Counted, u32)>()
            + self.counted.capacity() * size_of::<Counted>()
    }

    /// Writes the counts.
    pub(super) fn write(&self, group: &mut GroupWriter<'_>) {
        let mut windows: Vec<_> = self.iter().collect();
        windows.sort_unstable();
        let mut columns = WindowColumns::default();
        for (([service, operation, target], window), (all, failures)) in windows {
            columns.push(WindowRow { service, operation, target, window, all, failures });
        }
        columns.write("", group);
    }

    /// Reads what [`FailureWindows::write`] wrote.
    ///
    /// # Errors
    /// If a column is not there or has another type.
    pub(super) fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let columns = WindowColumns::read("", group)?;
        let mut windows = Self::default();
        for row in 0..group.len() {
            let number = windows.number_of([columns.service[row], columns.operation[row], columns.target[row]]);
            windows.counts.insert((number, columns.window[row]), (columns.all[row], columns.failures[row]));
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
