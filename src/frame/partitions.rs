//! Collected spans, parted by a hash of their trace id.
//!
//! A trace lies in one partition whole, and a partition is small enough to be grouped by trace in the processor's cache. So
//! nothing ever has to be moved that is larger than a partition, and partitions are worked on, or put aside, one by one.

use super::ids::{SignatureId, SpanId, TraceId};

/// Number of partitions.
pub const PARTITIONS: usize = 256;

/// Rows of the first piece of a partition, and of the largest.
const PIECE_ROWS: std::ops::RangeInclusive<usize> = 16..=2048;

/// One collected span: a cache line.
#[derive(Clone, Copy, Debug)]
pub struct CollectedSpan {
    /// Id of the trace.
    pub trace_id: TraceId,
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

/// The partition of a trace. Ids may be random, counted up, or only 64 bits long.
pub fn partition_of(trace_id: TraceId) -> usize {
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
    let id = u128::from_be_bytes(trace_id.0);
    let folded = (id >> 64) as u64 ^ (id as u64).rotate_left(32);
    ((folded ^ folded >> 29).wrapping_mul(MIX) >> 56) as usize
}

/// The spans of one partition in order of arrival. They lie in pieces, so that none is moved when more arrive.
#[derive(Clone, Debug, Default)]
pub struct Partition {
    pieces: Vec<Vec<CollectedSpan>>,
}

impl Partition {
    /// Adds a span; the answer is how many bytes that took anew.
    fn push(&mut self, span: CollectedSpan) -> usize {
        if let Some(last) = self.pieces.last_mut()
            && last.len() < last.capacity()
        {
            last.push(span);
            return 0;
        }
        let rows = self.pieces.last().map_or(*PIECE_ROWS.start(), |last| (2 * last.len()).min(*PIECE_ROWS.end()));
        let mut piece = Vec::with_capacity(rows);
        piece.push(span);
        self.pieces.push(piece);
        rows * size_of::<CollectedSpan>()
    }

    /// The spans, piece by piece.
    pub fn pieces(&self) -> impl Iterator<Item = &[CollectedSpan]> {
        self.pieces.iter().map(Vec::as_slice)
    }

    /// Number of spans.
    pub fn len(&self) -> usize {
        self.pieces.iter().map(Vec::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }
}

/// Spans by partition.
#[derive(Clone, Debug, Default)]
pub struct Partitions {
    partitions: Vec<Partition>,
    len: usize,
}

impl Partitions {
    /// Adds a span; the answer is how many bytes that took anew.
    pub fn push(&mut self, span: CollectedSpan) -> usize {
        if self.partitions.is_empty() {
            self.partitions.resize_with(PARTITIONS, Partition::default);
        }
        self.len += 1;
        self.partitions[partition_of(span.trace_id)].push(span)
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
    pub fn iter(&self) -> impl Iterator<Item = &CollectedSpan> {
        self.partitions.iter().flat_map(Partition::pieces).flatten()
    }

    /// All spans, to be changed but for their trace ids.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut CollectedSpan> {
        self.partitions.iter_mut().flat_map(|partition| &mut partition.pieces).flatten()
    }

    /// Drops the spans that are not wanted.
    pub fn retain(&mut self, is_wanted: impl Fn(&CollectedSpan) -> bool) {
        for piece in self.partitions.iter_mut().flat_map(|partition| &mut partition.pieces) {
            piece.retain(&is_wanted);
        }
        self.len = self.partitions.iter().map(Partition::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn nothing_is_lost() {
        let mut partitions = Partitions::default();
        for number in 1..=5_000u64 {
            partitions.push(CollectedSpan {
                trace_id: TraceId(u128::from(number % 50 + 1).to_be_bytes()),
                span_id: SpanId(number),
                parent_span_id: SpanId::NONE,
                start: 0,
                duration: 0,
                arguments: 0,
                signature: SignatureId(0),
            });
        }
        let mut ids: Vec<u64> = partitions.iter().map(|span| span.span_id.0).collect();
        ids.sort_unstable();
        assert!(ids.into_iter().eq(1..=5_000));
        partitions.retain(|span| span.span_id.0 % 2 == 0);
        assert_eq!((partitions.len(), partitions.iter().count()), (2_500, 2_500));
    }
}
