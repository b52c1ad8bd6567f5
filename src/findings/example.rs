//! The place to look at first of what many traces show.

use crate::frame::Symbol;
use crate::partial::{Stored, TraceNumber, columns};
use crate::span::{SpanId, TraceId};
use crate::trace::{Row, TraceView};

columns! {
    /// A span that shows something. Of several the one to look at is that of the smallest trace id, then the earliest: the
    /// smallest in the order of examples.
    pub(crate) struct Example in ExampleColumns {
        /// Its trace: numbers are not in the order of ids before all traces were seen.
        trace_id: TraceId,
        /// Its start, in ns since 1970.
        start: i64,
        /// The span.
        span_id: SpanId,
        /// What its service was asked for.
        operation: Symbol,
        /// How many traces one with this span stands for because of sampling.
        adjusted_count: f64,
    }
}

impl Stored for Example {
    type Column = ExampleColumns;
}

impl Example {
    /// A span of a trace, at work for `operation`.
    pub(crate) fn of(trace: &TraceView<'_>, row: Row, operation: Symbol) -> Self {
        let span_id = trace.span_id(row);
        Self {
            trace_id: trace.trace_id,
            start: trace.start(row),
            span_id,
            operation,
            adjusted_count: trace.adjusted_counts().of_evidence(trace, &[span_id]),
        }
    }

    /// The number of its trace among all traces, which are in the order of their ids.
    pub(crate) fn trace(&self, trace_ids: &[TraceId]) -> TraceNumber {
        trace_ids.binary_search(&self.trace_id).map_or(TraceNumber::NONE, |place| TraceNumber(place as u32))
    }

    /// By what examples are compared: the smallest is the one to look at.
    pub(crate) fn order(&self) -> (TraceId, i64, SpanId, Symbol) {
        (self.trace_id, self.start, self.span_id, self.operation)
    }

    /// The one of both to look at.
    pub(crate) fn first(self, other: Self) -> Self {
        if other.order() < self.order() { other } else { self }
    }
}

impl ExampleColumns {
    /// The example of a row.
    pub(crate) fn get(&self, row: usize) -> Example {
        Example {
            trace_id: self.trace_id[row],
            start: self.start[row],
            span_id: self.span_id[row],
            operation: self.operation[row],
            adjusted_count: self.adjusted_count[row],
        }
    }
}
