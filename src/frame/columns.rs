//! Span columns in trace order, and the vocabulary that they are written in.

use crate::span::{SpanId, TraceId};

use super::own_values::{OwnRows, OwnSlice};
use super::signatures::{SignatureId, Signatures};
use super::symbols::{Symbol, Symbols};

/// What spans are made of: strings, and signatures made of those.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    /// The strings of the input.
    pub symbols: Symbols,
    /// The distinct signatures.
    pub signatures: Signatures,
    /// Services that other parts of the input name.
    pub other_services: Vec<Symbol>,
}

impl Vocabulary {
    /// The services of the signatures.
    pub(crate) fn services(&self) -> impl Iterator<Item = &str> {
        self.signatures.services().map(|service| self.symbols.resolve(service))
    }
}

/// Span columns, one row a span. The rows of a trace are contiguous (in no particular order), and traces stand in the
/// order of their ids, so that nothing depends on the order of input.
#[derive(Debug, Default)]
pub struct Frame {
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
    /// Own values; empty unless they are asked for.
    pub own_values: OwnRows,
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
    /// Own values; empty unless they are asked for.
    pub own_values: OwnSlice<'a>,
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

    /// Adds a trace after all others.
    pub fn push_trace(&mut self, trace: TraceRows<'_>) {
        if self.trace_starts.is_empty() {
            self.trace_starts.push(0);
        }
        self.trace_ids.push(trace.trace_id);
        self.span_ids.extend_from_slice(trace.span_ids);
        self.parent_span_ids.extend_from_slice(trace.parent_span_ids);
        self.starts.extend_from_slice(trace.starts);
        self.durations.extend_from_slice(trace.durations);
        self.signatures_of_rows.extend_from_slice(trace.signatures);
        self.arguments.extend_from_slice(trace.arguments);
        // Traces come with own values only if spans beside theirs have some.
        if !(trace.own_values.is_empty() && self.own_values.is_empty()) {
            self.own_values.resize(self.span_ids.len() - trace.span_ids.len());
            (0..trace.own_values.len()).for_each(|row| self.own_values.push_from(trace.own_values, row));
            self.own_values.resize(self.span_ids.len());
        }
        self.trace_starts.push(self.span_ids.len());
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
            arguments: &self.arguments[rows.clone()],
            own_values: self.own_values.slice(rows),
        }
    }
}
