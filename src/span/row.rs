//! What of a span is its own: ids and times.

use super::ids::{SpanId, TraceId};
use super::left_out::NO_START_TIME;

/// Ids, times and the rest of a span that is not in its signature.
#[derive(Clone, Copy, Debug)]
pub struct SpanRow {
    /// Id of the trace.
    pub trace_id: TraceId,
    /// Id of the span.
    pub span_id: SpanId,
    /// Id of the parent, [`SpanId::NONE`] for a root.
    pub parent_span_id: SpanId,
    /// Start in ns since 1970, [`NO_START_TIME`] if the source has none.
    pub start_unix_nano: u64,
    /// End − start in ns; negative if the source's end lies before its start.
    pub duration_ns: i64,
}

impl Default for SpanRow {
    fn default() -> Self {
        Self {
            trace_id: TraceId::default(),
            span_id: SpanId::NONE,
            parent_span_id: SpanId::NONE,
            start_unix_nano: NO_START_TIME,
            duration_ns: 0,
        }
    }
}
