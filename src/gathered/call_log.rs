//! Every counted call, by target and time: what a breaker would have seen, and what queued where.

use arrow::error::ArrowError;

use crate::conventions::ErrorClass;
use crate::frame::Symbol;
use crate::partial::{Columns as _, GroupReader, GroupWriter, TraceNumber, columns};
use crate::trace::{Target, TraceView};

/// One call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LoggedCall {
    /// Its trace.
    pub(crate) trace: TraceNumber,
    /// Row of its span in the trace.
    pub(crate) row: u32,
    /// Start in ns since 1970.
    pub(crate) start: i64,
    /// Duration in ns.
    pub(crate) duration: i64,
    /// The caller.
    pub(crate) caller_service: Symbol,
    /// What is called.
    pub(crate) operation: Symbol,
    /// Class of the error if it failed.
    pub(crate) failed: Option<ErrorClass>,
}

/// All calls to one target, in the order of start, trace and row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallsOfTarget<'a> {
    /// What is called.
    pub(crate) target: Target,
    /// The calls.
    pub(crate) calls: &'a [LoggedCall],
}

columns! {
    /// One call.
    struct CallRow in CallColumns {
        target: Option<Target>,
        trace: TraceNumber,
        row: u32,
        start: i64,
        duration: i64,
        caller_service: Symbol,
        operation: Symbol,
        failed: bool,
        error_class: ErrorClass,
    }
}

/// All counted calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallLog {
    calls: CallColumns,
}

impl CallLog {
    /// Takes notice of the calls of one trace.
    pub(crate) fn see(&mut self, trace: &TraceView<'_>) {
        for call in trace.calls.calls.iter().filter(|call| call.counts) {
            self.calls.push(CallRow {
                target: Some(call.target),
                trace: TraceNumber(trace.number),
                row: call.row,
                start: trace.start(call.row),
                duration: trace.duration(call.row),
                caller_service: call.caller_service,
                operation: call.operation,
                failed: trace.calls.roles[call.row as usize].failed,
                error_class: trace.calls.error_class(call, trace.tree, trace.facts),
            });
        }
    }

    /// Shows the calls to each target, targets in the order of their names.
    pub(crate) fn for_each_target(&self, mut show: impl FnMut(&CallsOfTarget<'_>)) {
        let mut order: Vec<u32> = (0..self.calls.start.len() as u32).collect();
        let target = |call: u32| self.calls.target.get(call as usize).unwrap_or_default();
        order.sort_unstable_by_key(|&call| {
            let row = call as usize;
            (target(call), self.calls.start[row], self.calls.trace[row], self.calls.row[row])
        });
        let mut calls = Vec::new();
        for of_target in order.chunk_by(|&left, &right| target(left) == target(right)) {
            calls.clear();
            calls.extend(of_target.iter().map(|&call| self.get(call as usize)));
            show(&CallsOfTarget { target: target(of_target[0]), calls: &calls });
        }
    }

    fn get(&self, row: usize) -> LoggedCall {
        let calls = &self.calls;
        LoggedCall {
            trace: calls.trace[row],
            row: calls.row[row],
            start: calls.start[row],
            duration: calls.duration[row],
            caller_service: calls.caller_service[row],
            operation: calls.operation[row],
            failed: calls.failed[row].then(|| calls.error_class.get(row)),
        }
    }

    /// Takes in the calls of other traces.
    pub(crate) fn merge(&mut self, mut other: Self) {
        self.calls.append(&mut other.calls);
    }

    /// Gives each trace its place among all traces in the order of their ids.
    pub(crate) fn renumber_traces(&mut self, rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {
        self.calls.trace.iter_mut().for_each(|trace| *trace = rank_of(*trace));
    }

    /// About how many bytes of memory they take.
    pub(crate) fn bytes(&self) -> usize {
        self.calls.bytes()
    }

    /// Writes the calls.
    pub(crate) fn write(&self, group: &mut GroupWriter<'_>) {
        self.calls.write("", group);
    }

    /// Reads what [`CallLog::write`] wrote.
    ///
    /// # Errors
    /// If a column is not there or has another type.
    pub(crate) fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        Ok(Self { calls: CallColumns::read("", group)? })
    }
}
