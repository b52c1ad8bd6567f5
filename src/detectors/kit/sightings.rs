//! Where something was seen that only all traces together show: in how many traces, when, and which of them to open.

use arrow::error::ArrowError;

use super::description::{Cell, Unit};
use super::detector::{Detector, Whole};
use super::rules::{RowColumn, WEIGHTED_TRACES_DOC};
use crate::findings::TraceCount;
use crate::partial::{Columns, GroupReader, GroupWriter, TraceNumber, columns};
use crate::span::{SpanId, TraceId};
use crate::trace::{Row, TraceView};

columns! {
    /// Traces in which something was seen.
    pub(crate) struct Sightings in SightingColumns {
        /// How many they are.
        count: TraceCount,
        /// Start of what was seen first, in ns since 1970.
        first: i64,
        /// Start of what was seen last, in ns since 1970.
        last: i64,
        /// How strong the evidence of the example is.
        strength: i64,
        /// The example: the trace with the strongest evidence, of those the one with the smallest id.
        trace_id: TraceId,
        /// Start of the example's span in ns since 1970: the earliest of equals.
        start: i64,
        /// The example's span.
        span_id: SpanId,
    }
}

impl Default for Sightings {
    fn default() -> Self {
        Self {
            count: TraceCount::default(),
            first: i64::MAX,
            last: i64::MIN,
            strength: i64::MIN,
            trace_id: TraceId([u8::MAX; 16]),
            start: i64::MAX,
            span_id: SpanId(u64::MAX),
        }
    }
}

impl Sightings {
    /// Takes notice of a span that shows it, as evidence of some strength. Whoever asks counts the trace
    /// ([`Sightings::count_trace`]).
    pub(crate) fn take(&mut self, trace: &TraceView<'_>, row: Row, strength: i64) {
        let start = trace.start(row);
        self.first = self.first.min(start);
        self.last = self.last.max(start);
        self.offer(strength, trace.trace_id, start, trace.span_id(row));
    }

    /// Counts the trace of which `row` was taken notice of.
    pub(crate) fn count_trace(&mut self, trace: &TraceView<'_>, row: Row) {
        self.count.add(trace.adjusted_counts().of_evidence(trace, &[trace.span_id(row)]));
    }

    fn offer(&mut self, strength: i64, trace_id: TraceId, start: i64, span_id: SpanId) {
        let place = |strength: i64, trace_id, start, span_id| (std::cmp::Reverse(strength), trace_id, start, span_id);
        if place(strength, trace_id, start, span_id) < place(self.strength, self.trace_id, self.start, self.span_id) {
            (self.strength, self.trace_id, self.start, self.span_id) = (strength, trace_id, start, span_id);
        }
    }

    /// Takes in where it was seen in other traces.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.count.merge(other.count);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.offer(other.strength, other.trace_id, other.start, other.span_id);
    }

    /// Whether the example is that of `other`, which was merged in.
    pub(crate) fn has_example_of(&self, other: &Self) -> bool {
        (self.trace_id, self.span_id) == (other.trace_id, other.span_id)
    }

    /// The number of the example's trace.
    pub(crate) fn example(&self, whole: &Whole<'_>) -> TraceNumber {
        let place = whole.trace_ids.binary_search(&self.trace_id);
        place.map_or(TraceNumber::NONE, |place| TraceNumber(place as u32))
    }

    /// The id of the example's trace, as a value of a table.
    pub(crate) fn example_cell(&self, whole: &Whole<'_>) -> Cell {
        whole.trace_id(self.example(whole))
    }
}

/// A row of a table of its own that tells where it was seen.
pub(crate) trait SeenInTraces {
    /// Where.
    fn seen(&self) -> &Sightings;
}

/// Columns that tables of such rows have in common.
impl<D: Detector<Row: SeenInTraces>> RowColumn<D> {
    /// The number of traces before sampling.
    pub(crate) const WEIGHTED_TRACES: Self =
        Self::new("weighted_traces", Unit::Number, WEIGHTED_TRACES_DOC, |row, whole| {
            whole.weighted(row.seen().count.weighted())
        });
    /// The number of traces as a share.
    pub(crate) const TRACE_SHARE: Self =
        Self::new("trace_share", Unit::Share, "their share of all traces", |row, whole| {
            Cell::Float(row.seen().count.traces as f64 / whole.trace_ids.len().max(1) as f64)
        });

    /// The number of traces, which `doc` tells.
    pub(crate) const fn traces(doc: &'static str) -> Self {
        Self::new("traces", Unit::Count, doc, |row, _| Cell::Int(row.seen().count.traces as i64))
    }
}

impl SightingColumns {
    /// Those of a row.
    pub(crate) fn get(&self, row: usize) -> Sightings {
        Sightings {
            count: self.count.get(row),
            first: self.first[row],
            last: self.last[row],
            strength: self.strength[row],
            trace_id: self.trace_id[row],
            start: self.start[row],
            span_id: self.span_id[row],
        }
    }
}

/// Writes things and where each was seen, in the given order.
pub(crate) fn write_seen<C: Columns>(things: impl Iterator<Item = (C::Row, Sightings)>, group: &mut GroupWriter<'_>) {
    let (mut columns, mut sightings) = (C::default(), SightingColumns::default());
    for (thing, seen) in things {
        columns.push(thing);
        sightings.push(seen);
    }
    columns.write("", group);
    sightings.write(SEEN, group);
}

/// Reads what [`write_seen`] wrote.
///
/// # Errors
/// If a column is not there or has another type.
pub(crate) fn read_seen<C: Columns>(group: &GroupReader<'_>) -> Result<(C, SightingColumns), ArrowError> {
    Ok((C::read("", group)?, SightingColumns::read(SEEN, group)?))
}

/// Stands before the names of the columns.
const SEEN: &str = "seen_";

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the order, the strongest evidence is the example, of equals that of the smallest trace id; and weights add up to
    /// the same number.
    #[test]
    fn sightings_merge_in_any_order() {
        let seen = |number: u8, strength: i64| {
            let mut seen = Sightings::default();
            seen.count.add(f64::from(number) / 3.0);
            (seen.first, seen.last) = (i64::from(number), i64::from(number));
            seen.offer(strength, TraceId([number; 16]), 100 - i64::from(number), SpanId(u64::from(number)));
            seen
        };
        let all = [seen(5, 1), seen(3, 7), seen(2, 7), seen(9, 7), seen(1, 2)];
        for first in 0..all.len() {
            let mut merged = Sightings::default();
            for place in 0..all.len() {
                merged.merge(&all[(first + place * 2) % all.len()]);
            }
            assert_eq!((merged.count.traces, merged.first, merged.last), (5, 1, 9));
            assert_eq!((merged.trace_id, merged.start, merged.span_id), (TraceId([2; 16]), 98, SpanId(2)));
            assert!((merged.count.weighted() - 20.0 / 3.0).abs() < 1e-6);
        }
    }
}
