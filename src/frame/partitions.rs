//! Collected spans, parted by a hash of their trace id.
//!
//! A trace lies in one partition whole, and a partition is small enough to be grouped by trace in the processor's cache. So
//! nothing ever has to be moved that is larger than a partition, and partitions are worked on, or put aside, one by one.

use crate::span::{SpanId, TraceId};

use super::columns::TraceRows;
use super::own_values::{OwnReader, OwnValues, PackedOwnValues};
use super::packed_rows::PackedRows;
use super::signatures::SignatureId;

/// Number of partitions.
pub const PARTITIONS: usize = 256;

/// One collected span.
#[derive(Clone, Copy, Debug)]
pub struct CollectedSpan {
    /// Id of the trace.
    pub trace_id: TraceId,
    /// The rest.
    pub row: CollectedRow,
}

/// A collected span without its trace id, which spans that arrive together share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CollectedRow {
    /// Id of the span.
    pub span_id: SpanId,
    /// Id of the parent, [`SpanId::NONE`] for none.
    pub parent_span_id: SpanId,
    /// Start in ns since 1970.
    pub start: i64,
    /// Duration in ns, never negative.
    pub duration: i64,
    /// Hash of the arguments, 0 where they are not known.
    pub arguments: u64,
    /// Number of the signature, in the collector's own count.
    pub signature: SignatureId,
}

/// Spans of one trace that arrived one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Id of the trace.
    pub trace_id: TraceId,
    /// Number of spans.
    pub len: u32,
}

/// The partition of a trace. Ids may be random, counted up, or only 64 bits long.
pub fn partition_of(trace_id: TraceId) -> usize {
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
    let id = u128::from_be_bytes(trace_id.0);
    let folded = (id >> 64) as u64 ^ (id as u64).rotate_left(32);
    ((folded ^ folded >> 29).wrapping_mul(MIX) >> 56) as usize
}

/// The spans of one partition in order of arrival.
#[derive(Clone, Debug, Default)]
pub struct Partition {
    rows: PackedRows,
    runs: Vec<Run>,
    own_values: PackedOwnValues,
}

impl Partition {
    /// Adds a span, with its own values if they are asked for; the answer is how many bytes that took anew.
    pub fn push(&mut self, span: CollectedSpan, own_values: Option<&OwnValues>) -> usize {
        let mut new_bytes = self.own_values.push(own_values);
        match self.runs.last_mut() {
            Some(last) if last.trace_id == span.trace_id && last.len < u32::MAX => last.len += 1,
            _ => {
                let before = self.runs.capacity();
                self.runs.push(Run { trace_id: span.trace_id, len: 1 });
                new_bytes += (self.runs.capacity() - before) * size_of::<Run>();
            }
        }
        new_bytes + self.rows.push(span.row)
    }

    /// Adds the spans of a trace.
    pub fn push_trace(&mut self, trace: TraceRows<'_>) {
        for number in 0..trace.span_ids.len() {
            let row = CollectedRow {
                span_id: trace.span_ids[number],
                parent_span_id: trace.parent_span_ids[number],
                start: trace.starts[number],
                duration: trace.durations[number],
                arguments: trace.arguments[number],
                signature: trace.signatures[number],
            };
            self.push(
                CollectedSpan { trace_id: trace.trace_id, row },
                (!trace.own_values.is_empty()).then(|| trace.own_values.get(number)).as_ref(),
            );
        }
    }

    /// Forgets all spans.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.runs.clear();
        self.own_values = PackedOwnValues::default();
    }

    /// The spans without their trace ids.
    pub fn rows(&self) -> impl Iterator<Item = CollectedRow> {
        self.rows.iter()
    }

    /// The own values of the spans, as far as they were asked for.
    pub fn own_values(&self) -> OwnReader<'_> {
        self.own_values.reader()
    }

    /// Whether any span has own values.
    pub(crate) fn has_own_values(&self) -> bool {
        self.own_values.has_any()
    }

    /// The trace ids of the spans: run after run, of which none is empty.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The spans.
    pub fn spans(&self) -> impl Iterator<Item = CollectedSpan> {
        let trace_ids = self.runs.iter().flat_map(|run| std::iter::repeat_n(run.trace_id, run.len as usize));
        trace_ids.zip(self.rows()).map(|(trace_id, row)| CollectedSpan { trace_id, row })
    }

    /// Number of spans.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

/// Spans by partition.
#[derive(Clone, Debug, Default)]
pub struct Partitions {
    partitions: Vec<Partition>,
    len: usize,
}

impl Partitions {
    /// Adds a span, with its own values if they are asked for; the answer is how many bytes that took anew.
    pub fn push(&mut self, span: CollectedSpan, own_values: Option<&OwnValues>) -> usize {
        if self.partitions.is_empty() {
            self.partitions.resize_with(PARTITIONS, Partition::default);
        }
        self.len += 1;
        self.partitions[partition_of(span.trace_id)].push(span, own_values)
    }

    /// Number of spans.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Partition number `number`.
    pub fn get(&self, number: usize) -> Option<&Partition> {
        self.partitions.get(number)
    }

    /// Takes all spans out.
    pub fn take(&mut self) -> Vec<Partition> {
        self.len = 0;
        std::mem::take(&mut self.partitions)
    }

    /// All spans.
    pub fn iter(&self) -> impl Iterator<Item = CollectedSpan> {
        self.partitions.iter().flat_map(Partition::spans)
    }

    /// Gives every span the signature that `renumber` makes of its own.
    pub fn renumber_signatures(&mut self, renumber: impl Fn(SignatureId) -> SignatureId) {
        for partition in &mut self.partitions {
            let mut renumbered = PackedRows::default();
            for row in partition.rows() {
                renumbered.push(CollectedRow { signature: renumber(row.signature), ..row });
            }
            partition.rows = renumbered;
        }
    }

    /// Drops the spans whose traces are not wanted.
    pub fn retain_traces(&mut self, is_wanted: impl Fn(TraceId) -> bool) {
        for partition in std::mem::take(&mut self.partitions) {
            let mut kept = Partition::default();
            let mut own_values = partition.own_values();
            for span in partition.spans() {
                let own_values = own_values.next_row();
                if is_wanted(span.trace_id) {
                    kept.push(span, own_values);
                }
            }
            self.partitions.push(kept);
        }
        self.len = self.partitions.iter().map(Partition::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conventions::OwnAttribute;

    /// Whatever ids look like, no partition gets far more than its share.
    #[test]
    fn partitions_are_even() {
        const COUNT: u128 = 100_000;
        let kinds: [fn(u128) -> u128; 4] = [
            |number| number,
            |number| number << 64,
            |number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835),
            |number| 0x6650_0000_0000_0000_0000_0000_0000_0000 | number << 40,
        ];
        for id in kinds {
            let mut sizes = [0u32; PARTITIONS];
            for number in 1..=COUNT {
                sizes[partition_of(TraceId(id(number).to_be_bytes()))] += 1;
            }
            let most = *sizes.iter().max().unwrap();
            assert!(u128::from(most) < 3 * COUNT / PARTITIONS as u128, "{most}");
        }
    }

    /// Own values stay with their spans, whichever of them have any, and take nothing where none has.
    #[test]
    fn own_values_stay_with_their_spans() {
        let own = |number: u64| {
            let mut values = OwnValues::default();
            values.set(OwnAttribute::MessageId, number);
            values
        };
        for given in [
            vec![None; 300],
            vec![Some(own(0)); 300],
            (0..300).map(|number| Some(own(number % 3))).collect(),
            (0..300).map(|number| (number > 250).then(|| own(number))).collect(),
            (0..300).map(|number| (number < 5).then(|| own(number))).collect(),
        ] {
            let mut partition = Partition::default();
            for (number, values) in (1..).zip(&given) {
                let row = CollectedRow {
                    span_id: SpanId(number),
                    parent_span_id: SpanId::NONE,
                    start: 0,
                    duration: 0,
                    arguments: 0,
                    signature: SignatureId(0),
                };
                partition.push(CollectedSpan { trace_id: TraceId([7; 16]), row }, values.as_ref());
            }
            let mut found = partition.own_values();
            for values in &given {
                assert_eq!(found.next_row(), values.as_ref().filter(|values| !values.is_empty()));
            }
        }
    }

    #[test]
    fn nothing_is_lost() {
        // Every trace comes in several runs of three.
        let trace_of = |number: u64| TraceId(u128::from(number / 3 % 50 + 1).to_be_bytes());
        let mut partitions = Partitions::default();
        for number in 1..=5_000u64 {
            let row = CollectedRow {
                span_id: SpanId(number),
                parent_span_id: SpanId::NONE,
                start: 0,
                duration: 0,
                arguments: 0,
                signature: SignatureId(0),
            };
            partitions.push(CollectedSpan { trace_id: trace_of(number), row }, None);
        }
        let is_right = |span: &CollectedSpan| span.trace_id == trace_of(span.row.span_id.0);
        assert!(partitions.iter().all(|span| is_right(&span)));
        let mut ids: Vec<u64> = partitions.iter().map(|span| span.row.span_id.0).collect();
        ids.sort_unstable();
        assert!(ids.into_iter().eq(1..=5_000));
        let is_wanted = |trace_id: TraceId| trace_id.0[15].is_multiple_of(2);
        let wanted = partitions.iter().filter(|span| is_wanted(span.trace_id)).count();
        assert!((2_000..3_000).contains(&wanted), "{wanted}");
        partitions.retain_traces(is_wanted);
        assert!(partitions.iter().all(|span| is_right(&span) && is_wanted(span.trace_id)));
        assert_eq!((partitions.len(), partitions.iter().count()), (wanted, wanted));
    }
}
