//! What findings of a failure say alike: the spans that prove it, and the failed entry that it reached.

use crate::partial::TraceNumber;
use crate::span::SpanId;
use crate::trace::{FailureOrigin, Row, TraceView};

/// Most spans that a finding names as its evidence; a chain of failures that is longer is a chain without end.
const MAX_EVIDENCE: usize = 64;

/// The slow callee, if it began with one, and the failed spans from the lowest up.
pub(super) fn evidence_of(trace: &TraceView<'_>, origin: &FailureOrigin) -> Vec<SpanId> {
    let chains = &trace.failures().chains;
    let slow = origin.is_slow.then_some(origin.begins_at);
    let rows = slow.into_iter().chain(chains.rows(chains.get(origin.row)));
    rows.take(MAX_EVIDENCE).map(|row| trace.span_id(row)).collect()
}

/// The entry that a failure reached, as a detail of its finding: its row plus one, or 0 for none.
pub(super) fn entry_row_of(entry: Option<Row>) -> u32 {
    entry.map_or(0, |row| row + 1)
}

/// How many different entries failures reached, of which traces and [`entry_row_of`] are given.
pub(super) fn distinct_entries(reached: impl Iterator<Item = (TraceNumber, u32)>) -> i64 {
    let mut entries: Vec<(TraceNumber, u32)> = reached.filter(|&(_, entry)| entry != 0).collect();
    entries.sort_unstable();
    entries.dedup();
    entries.len() as i64
}
