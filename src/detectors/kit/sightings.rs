//! Where something was seen that only all traces together show: in how many traces, when, and which of them to open.

use arrow::error::ArrowError;

use super::description::Cell;
use super::detector::Whole;
use crate::partial::{Columns, GroupReader, GroupWriter, TraceNumber, columns};
use crate::span::{SpanId, TraceId};
use crate::trace::{Row, TraceView};

columns! {
    /// Traces in which something was seen.
    pub(crate) struct Sightings in SightingColumns {
        /// How many they are.
        traces: u64,
        /// How many these stand for because of sampling, in parts of [`PARTS_OF_TRACE`]: sums of whole numbers are the same in any
        /// order.
        weight_high: u64,
        weight_low: u64,
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

/// Parts of a trace in which counts of sampled ones are kept.
const PARTS_OF_TRACE: f64 = (1u64 << 20) as f64;

impl Default for Sightings {
    fn default() -> Self {
        Self {
            traces: 0,
            weight_high: 0,
            weight_low: 0,
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
        self.traces += 1;
        let adjusted_count = trace.adjusted_counts().of_evidence(trace, &[trace.span_id(row)]);
        self.add_weight((adjusted_count * PARTS_OF_TRACE).round() as u128);
    }

    fn add_weight(&mut self, weight: u128) {
        let sum = self.weight().saturating_add(weight);
        (self.weight_high, self.weight_low) = ((sum >> 64) as u64, sum as u64);
    }

    fn weight(&self) -> u128 {
        u128::from(self.weight_high) << 64 | u128::from(self.weight_low)
    }

    fn offer(&mut self, strength: i64, trace_id: TraceId, start: i64, span_id: SpanId) {
        let place = |strength: i64, trace_id, start, span_id| (std::cmp::Reverse(strength), trace_id, start, span_id);
        if place(strength, trace_id, start, span_id) < place(self.strength, self.trace_id, self.start, self.span_id) {
            (self.strength, self.trace_id, self.start, self.span_id) = (strength, trace_id, start, span_id);
        }
    }

    /// Takes in where it was seen in other traces.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.traces += other.traces;
        self.add_weight(other.weight());
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.offer(other.strength, other.trace_id, other.start, other.span_id);
    }

    /// Whether the example is that of `other`, which was merged in.
    pub(crate) fn has_example_of(&self, other: &Self) -> bool {
        (self.trace_id, self.span_id) == (other.trace_id, other.span_id)
    }

    /// How many traces they stand for because of sampling.
    pub(crate) fn weighted_traces(&self) -> f64 {
        self.weight() as f64 / PARTS_OF_TRACE
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

impl SightingColumns {
    /// Those of a row.
    pub(crate) fn get(&self, row: usize) -> Sightings {
        Sightings {
            traces: self.traces[row],
            weight_high: self.weight_high[row],
            weight_low: self.weight_low[row],
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
            let mut seen = Sightings { traces: 1, ..Sightings::default() };
            seen.add_weight(u128::from(number) * 349_525 + (1 << 63));
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
            assert_eq!((merged.traces, merged.first, merged.last), (5, 1, 9));
            assert_eq!((merged.trace_id, merged.start, merged.span_id), (TraceId([2; 16]), 98, SpanId(2)));
            assert_eq!(merged.weight(), 20 * 349_525 + 5 * (1 << 63));
        }
    }
}
