//! Sizes that were seen, and the spans whose sizes are beyond the limit.

use std::collections::BTreeMap;

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use crate::conventions::FindingKind;
use crate::detectors::kit::{Seen, Times, TimesColumns};
use crate::frame::Symbol;
use crate::partial::{Columns, GroupReader, GroupWriter, TraceNumber, columns};
use crate::savings::Unsettled;
use crate::span::SpanId;

/// What a size is of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct SizeKey {
    pub(super) service: Symbol,
    /// What is called, on the side of who calls; else empty.
    pub(super) target: Symbol,
    /// The operation, or the topic.
    pub(super) operation: Symbol,
    pub(super) direction: FindingKind,
    /// Whether messages are processed, not published.
    pub(super) is_processing: bool,
    /// Whether they are only received, as far as the span says.
    pub(super) is_receive: bool,
}

/// Sizes of one kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Sizes {
    pub(super) bytes: Times,
    pub(super) total: u64,
    pub(super) max: u64,
    /// Durations of spans over the limit, and of the others.
    pub(super) durations_over: Times,
    pub(super) durations_under: Times,
}

columns! {
    /// A span whose size is over the limit.
    pub(super) struct OverRow in OverColumns {
        service: Symbol,
        target: Symbol,
        operation: Symbol,
        direction: FindingKind,
        is_processing: bool,
        is_receive: bool,
        trace: TraceNumber,
        span_id: SpanId,
        start: i64,
        bytes: u64,
        impact_ns: i64,
        adjusted_count: f64,
    }
}

impl OverColumns {
    /// What the size of a row is of.
    pub(super) fn key(&self, row: usize) -> SizeKey {
        SizeKey {
            service: self.service[row],
            target: self.target[row],
            operation: self.operation[row],
            direction: self.direction.get(row),
            is_processing: self.is_processing[row],
            is_receive: self.is_receive[row],
        }
    }
}

columns! {
    /// Sizes of one kind, as they are written.
    struct SizesRow in SizesColumns {
        service: Symbol,
        target: Symbol,
        operation: Symbol,
        direction: FindingKind,
        is_processing: bool,
        is_receive: bool,
        total: u64,
        max: u64,
    }
}

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct SeenSizes {
    pub(super) sizes: HashMap<SizeKey, Sizes, FixedState>,
    pub(super) over: OverColumns,
    /// Services and topics whose messages they process, not only receive, whether or not sizes are known.
    pub(super) processed: HashSet<[Symbol; 2], FixedState>,
    /// Whether large bodies are what an operation is for, by its name and whether that is a topic's.
    pub(super) is_for_files: HashMap<(Symbol, bool), bool, FixedState>,
}

/// Names of the groups.
const SIZES: &str = "sizes";
const PROCESSED: &str = "processed";
const BYTES: &str = "bytes_";
const DURATIONS_OVER: &str = "over_";
const DURATIONS_UNDER: &str = "under_";

impl Seen for SeenSizes {
    fn merge(&mut self, other: Self) {
        for (key, sizes) in other.sizes {
            let own = self.sizes.entry(key).or_default();
            own.bytes.merge(sizes.bytes);
            own.total = own.total.saturating_add(sizes.total);
            own.max = own.max.max(sizes.max);
            own.durations_over.merge(sizes.durations_over);
            own.durations_under.merge(sizes.durations_under);
        }
        self.over.append(other.over);
        self.processed.extend(other.processed);
    }

    fn renumber_traces(&mut self, rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {
        self.over.trace.iter_mut().for_each(|trace| *trace = rank_of(*trace));
    }

    fn bytes(&self) -> usize {
        let of_one = |sizes: &Sizes| sizes.bytes.bytes() + sizes.durations_over.bytes() + sizes.durations_under.bytes();
        let processed = self.processed.capacity() * size_of::<[Symbol; 2]>();
        self.over.bytes() + processed + self.sizes.values().map(of_one).sum::<usize>()
    }

    fn unsettled(&mut self) -> Option<Unsettled<'_>> {
        None
    }

    fn write(&self, group: &mut GroupWriter<'_>) {
        self.over.write("", group);
        let mut processed: Vec<[Symbol; 2]> = self.processed.iter().copied().collect();
        processed.sort_unstable();
        group.beside(PROCESSED, |group| group.symbols(PROCESSED, processed.concat().into_iter()));
        let sizes: BTreeMap<_, _> = self.sizes.iter().collect();
        group.beside(SIZES, |group| {
            let mut columns = SizesColumns::default();
            let [mut bytes, mut over, mut under] = std::array::from_fn(|_| TimesColumns::default());
            for (&SizeKey { service, target, operation, direction, is_processing, is_receive }, sizes) in sizes {
                let &Sizes { total, max, .. } = sizes;
                columns.push(SizesRow { service, target, operation, direction, is_processing, is_receive, total, max });
                bytes.push(sizes.bytes.row());
                over.push(sizes.durations_over.row());
                under.push(sizes.durations_under.row());
            }
            columns.write("", group);
            bytes.write(BYTES, group);
            over.write(DURATIONS_OVER, group);
            under.write(DURATIONS_UNDER, group);
        });
    }

    fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let over = OverColumns::read("", group)?;
        let sizes = group.beside(SIZES, |group| {
            let columns = SizesColumns::read("", group)?;
            let times = |name: &str| TimesColumns::read(name, group);
            let (bytes, over, under) = (times(BYTES)?, times(DURATIONS_OVER)?, times(DURATIONS_UNDER)?);
            let sizes = |row: usize| {
                let key = SizeKey {
                    service: columns.service[row],
                    target: columns.target[row],
                    operation: columns.operation[row],
                    direction: columns.direction.get(row),
                    is_processing: columns.is_processing[row],
                    is_receive: columns.is_receive[row],
                };
                let sizes = Sizes {
                    bytes: bytes.get(row),
                    total: columns.total[row],
                    max: columns.max[row],
                    durations_over: over.get(row),
                    durations_under: under.get(row),
                };
                (key, sizes)
            };
            Ok((0..columns.service.len()).map(sizes).collect())
        })?;
        let processed = group.beside(PROCESSED, |group| group.symbols(PROCESSED))?;
        let processed = processed.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect();
        Ok(Self { sizes, over, processed, ..Self::default() })
    }
}
