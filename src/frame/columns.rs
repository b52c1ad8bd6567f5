//! The span columns of the whole input, in trace order.

use super::ids::{SignatureId, SpanId, TraceId};
use super::signatures::Signatures;
use super::symbols::Symbols;

/// Span columns, one row a span. The rows of a trace are contiguous (in no particular order), and traces stand in the
/// order of their ids, so that nothing depends on the order of input.
#[derive(Debug, Default)]
pub struct Frame {
    /// The strings of the input.
    pub symbols: Symbols,
    /// The distinct signatures.
    pub signatures: Signatures,
    /// Ids of the traces, ascending.
    pub trace_ids: Vec<TraceId>,
    /// Row where each trace begins; one more for the end of all.
    pub trace_starts: Vec<usize>,
    /// Span ids.
    pub span_ids: Vec<SpanId>,
    /// Parent ids, [`SpanId::NONE`] for none.
    pub parent_span_ids: Vec<SpanId>,
    /// Start times in ns since 1970.
    pub starts: Vec<i64>,
    /// Durations in ns, never negative.
    pub durations: Vec<i64>,
    /// Signatures.
    pub signatures_of_rows: Vec<SignatureId>,
    /// Hash of the arguments, 0 where they are not known.
    pub arguments: Vec<u64>,
}

/// The rows of one trace.
#[derive(Clone, Copy, Debug)]
pub struct TraceRows<'a> {
    /// Id of the trace.
    pub trace_id: TraceId,
    /// Span ids.
    pub span_ids: &'a [SpanId],
    /// Parent ids, [`SpanId::NONE`] for none.
    pub parent_span_ids: &'a [SpanId],
    /// Start times in ns since 1970.
    pub starts: &'a [i64],
    /// Durations in ns.
    pub durations: &'a [i64],
    /// Signatures.
    pub signatures: &'a [SignatureId],
    /// Hash of the arguments, 0 where they are not known.
    pub arguments: &'a [u64],
}

impl Frame {
    /// Number of spans.
    pub fn len(&self) -> usize {
        self.span_ids.len()
    }

    /// Whether there is no span.
    pub fn is_empty(&self) -> bool {
        self.span_ids.is_empty()
    }

    /// Number of traces.
    pub fn trace_count(&self) -> usize {
        self.trace_ids.len()
    }

    /// The rows of trace number `index`.
    pub fn trace(&self, index: usize) -> TraceRows<'_> {
        let rows = self.trace_starts[index]..self.trace_starts[index + 1];
        TraceRows {
            trace_id: self.trace_ids[index],
            span_ids: &self.span_ids[rows.clone()],
            parent_span_ids: &self.parent_span_ids[rows.clone()],
            starts: &self.starts[rows.clone()],
            durations: &self.durations[rows.clone()],
            signatures: &self.signatures_of_rows[rows.clone()],
            arguments: &self.arguments[rows],
        }
    }
}
