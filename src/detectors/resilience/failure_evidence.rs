//! The spans that prove a failure.

use crate::span::SpanId;
use crate::trace::{FailureOrigin, TraceView};

/// Most spans that a finding names as its evidence; a chain of failures that is longer is a chain without end.
const MAX_EVIDENCE: usize = 64;

/// The slow callee, if it began with one, and the failed spans from the lowest up.
pub(super) fn evidence_of(trace: &TraceView<'_>, origin: &FailureOrigin) -> Vec<SpanId> {
    let chains = &trace.failures().chains;
    let slow = origin.is_slow.then_some(origin.begins_at);
    let rows = slow.into_iter().chain(chains.rows(chains.get(origin.row)));
    rows.take(MAX_EVIDENCE).map(|row| trace.span_id(row)).collect()
}
