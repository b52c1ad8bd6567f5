//! Every counted call, by target and time: what a breaker would have seen, and how long calls take.
//!
//! ```text
//! see ──▶ some calls as they are ──pack──▶ blocks by a hash of the target's name ──beyond the memory limit──▶ a temporary file
//!                                              └── a partition at a time: unpack, sort ──▶ the calls to each target
//! ```
//!
//! Calls of one target lie in one partition, so that no more than a partition ever has to be unpacked at once. That takes
//! some hundred bytes a call; a partition of too many is sorted in slices, which are packed again ([`TimeSlices`]).

use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;

use arrow::error::ArrowError;
use rayon::slice::ParallelSliceMut as _;

use crate::conventions::ErrorClass;
use crate::frame::{SpillError, SpillStore, Symbol, Symbols};
use crate::partial::{Columns as _, PartialError, PartialReader, PartialWriter, Renumbering, TraceNumber, columns};
use crate::span::SpanId;
use crate::trace::{Call, Target, TraceView};

use super::call_block::{pack, unpack};
use super::packed_block::{PackedBlock, bytes_of_ranks, renumber_blocks};
use super::time_slices::{Sample, TimeSlices};

/// Number of partitions. It is part of what is written: see [`partition_of`].
const PARTITIONS: usize = 64;

/// Calls that are kept as they are before they are packed: the more, the longer are the runs of equal ones.
const PENDING_CALLS: usize = 1 << 15;

/// Calls that are written as one group: as many as are pending, so that writing needs no more memory than logging.
const CALLS_PER_GROUP: usize = PENDING_CALLS;

/// So many calls of a partition are sorted at once: some 60 MB.
const MOST_IN_MEMORY: usize = 1 << 19;

/// One call. What few detectors need of few calls is not here: they keep it when they see the trace, by `trace` and `row`.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct LoggedCall {
    /// What is called.
    pub(crate) target: Target,
    /// The caller.
    pub(crate) caller_service: Symbol,
    /// What the caller was doing.
    pub(crate) caller_operation: Symbol,
    /// What is asked of the target.
    pub(crate) operation: Symbol,
    /// Its trace.
    pub(crate) trace: TraceNumber,
    /// Row of its span in the trace.
    pub(crate) row: u32,
    /// Row of the caller span in the trace: calls with the same one were made for the same request.
    pub(crate) caller_span: u32,
    /// Start in ns since 1970.
    pub(crate) start: i64,
    /// Duration in ns.
    pub(crate) duration: i64,
    /// How many calls it stands for: 1 unless spans were pruned.
    pub(crate) weight: u32,
    /// Whether the caller recorded it: else its span is the callee's.
    pub(crate) has_exit_span: bool,
    /// Whether it goes along an edge ([`TraceView::is_edge_call`]).
    pub(crate) is_along_edge: bool,
    /// Who of the caller's instances made it ([`TraceView::instance_of_call`]); 0 if that is not known.
    pub(crate) instance: u64,
    /// Start of the caller span in ns since 1970, of the first call that it makes along the edge.
    pub(crate) first_of: Option<i64>,
    /// What is known if it failed.
    pub(crate) failed: Option<FailedCall>,
}

impl LoggedCall {
    /// End in ns since 1970.
    pub(crate) fn end(&self) -> i64 {
        self.start.wrapping_add(self.duration)
    }

    fn of(call: &Call, trace: &TraceView<'_>) -> Self {
        let failed = trace.calls.roles[call.row as usize].failed.then(|| FailedCall {
            error_class: trace.calls.error_class(call, trace.tree, trace.semantics),
            span_id: trace.span_id(call.row),
            path_ns: trace.call_path_time(call),
            adjusted_count: trace.adjusted_counts().of_evidence(trace, &[trace.span_id(call.row)]),
        });
        Self {
            target: call.target,
            caller_service: call.caller_service,
            caller_operation: trace.caller_operation(call),
            operation: call.operation,
            trace: TraceNumber(trace.number),
            row: call.row,
            caller_span: call.caller_span,
            start: trace.start(call.row),
            duration: trace.duration(call.row),
            weight: call.weight,
            has_exit_span: call.callee != call.row,
            is_along_edge: trace.is_edge_call(call),
            instance: trace.instance_of_call(call).unwrap_or(0),
            first_of: None,
            failed,
        }
    }

    /// The order in which calls are shown: by target, then time.
    pub(super) fn order(&self) -> (Target, i64, TraceNumber, u32, bool) {
        (self.target, self.start, self.trace, self.row, self.has_exit_span)
    }
}

/// What is known of a call that failed. It is evidence, and failures are few.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct FailedCall {
    /// What went wrong.
    pub(crate) error_class: ErrorClass,
    /// The call's span.
    pub(crate) span_id: SpanId,
    /// Critical-path time of the call and what lies below it, in ns.
    pub(crate) path_ns: i64,
    /// How many traces its trace stands for because of sampling, as far as this span is evidence; 1 where that is not known.
    pub(crate) adjusted_count: f64,
}

/// All calls to one target, in the order of start, trace and row.
#[derive(Debug)]
pub(crate) struct CallsOfTarget<'a> {
    /// What is called.
    pub(crate) target: Target,
    source: Source<'a>,
}

#[derive(Debug)]
enum Source<'a> {
    InMemory(&'a [LoggedCall]),
    Slices(&'a TimeSlices, Range<usize>),
}

impl CallsOfTarget<'_> {
    /// Shows each call. It may be asked for several times.
    pub(crate) fn for_each(&self, mut show: impl FnMut(&LoggedCall)) {
        match &self.source {
            Source::InMemory(calls) => calls.iter().for_each(show),
            Source::Slices(slices, range) => {
                for slice in range.clone() {
                    let is_own = |call: &&LoggedCall| call.target == self.target;
                    slices.sorted(slice).iter().filter(is_own).for_each(&mut show);
                }
            }
        }
    }
}

columns! {
    /// One call, as it is written.
    struct CallRow in CallColumns {
        partition: u32,
        target: Option<Target>,
        caller_service: Symbol,
        caller_operation: Symbol,
        operation: Symbol,
        trace: TraceNumber,
        row: u32,
        caller_span: u32,
        start: i64,
        duration: i64,
        weight: u32,
        has_exit_span: bool,
        is_along_edge: bool,
        instance: u64,
        is_first: bool,
        caller_start: i64,
        failed: bool,
        error_class: ErrorClass,
        span_id: SpanId,
        path_ns: i64,
        adjusted_count: f64,
    }
}

impl CallRow {
    fn new(partition: usize, call: LoggedCall) -> Self {
        let failure = call.failed.unwrap_or_default();
        Self {
            partition: partition as u32,
            target: Some(call.target),
            caller_service: call.caller_service,
            caller_operation: call.caller_operation,
            operation: call.operation,
            trace: call.trace,
            row: call.row,
            caller_span: call.caller_span,
            start: call.start,
            duration: call.duration,
            weight: call.weight,
            has_exit_span: call.has_exit_span,
            is_along_edge: call.is_along_edge,
            instance: call.instance,
            is_first: call.first_of.is_some(),
            caller_start: call.first_of.unwrap_or_default(),
            failed: call.failed.is_some(),
            error_class: failure.error_class,
            span_id: failure.span_id,
            path_ns: failure.path_ns,
            adjusted_count: failure.adjusted_count,
        }
    }
}

impl CallColumns {
    fn get(&self, row: usize) -> LoggedCall {
        let failed = FailedCall {
            error_class: self.error_class.get(row),
            span_id: self.span_id[row],
            path_ns: self.path_ns[row],
            adjusted_count: self.adjusted_count[row],
        };
        LoggedCall {
            target: self.target.get(row).unwrap_or_default(),
            caller_service: self.caller_service[row],
            caller_operation: self.caller_operation[row],
            operation: self.operation[row],
            trace: self.trace[row],
            row: self.row[row],
            caller_span: self.caller_span[row],
            start: self.start[row],
            duration: self.duration[row],
            weight: self.weight[row],
            has_exit_span: self.has_exit_span[row],
            is_along_edge: self.is_along_edge[row],
            instance: self.instance[row],
            first_of: self.is_first[row].then_some(self.caller_start[row]),
            failed: self.failed[row].then_some(failed),
        }
    }
}

/// The partition of a target: the same in every run and for every cut of the input, because the order in which targets are
/// shown follows from it, and because files are written by partition. FNV-1a, the lower half of whose bits is even.
fn partition_of(name: &str) -> u8 {
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    ((hash ^ hash >> 16) as usize % PARTITIONS) as u8
}

/// All counted calls.
#[derive(Debug, Default)]
pub(crate) struct CallLog {
    /// Where blocks go once too much is in memory, the spans' part included.
    store: Option<Arc<SpillStore>>,
    pending: Vec<LoggedCall>,
    /// Those of the trace that is looked at.
    of_trace: Vec<LoggedCall>,
    /// Blocks by partition.
    partitions: Vec<Vec<PackedBlock>>,
    bytes_of_blocks: usize,
    /// Partitions by symbol, [`NOT_KNOWN`] for those that named no target so far.
    partitions_of_names: Vec<u8>,
    /// One more than the largest number of a trace in blocks without ranks.
    trace_numbers: u32,
    /// Instead of [`MOST_IN_MEMORY`].
    most_in_memory: Option<usize>,
}

const NOT_KNOWN: u8 = u8::MAX;

impl CallLog {
    /// An empty log, whose calls are put aside in `store` beyond its limit.
    pub(crate) fn new(store: Option<&Arc<SpillStore>>) -> Self {
        Self { store: store.cloned(), ..Self::default() }
    }

    /// Takes notice of the calls of one trace.
    pub(crate) fn see(&mut self, trace: &TraceView<'_>) {
        self.of_trace.clear();
        for call in trace.calls.calls.iter().filter(|call| call.counts) {
            self.learn_partition(call.target.name, &trace.semantics.symbols);
            self.of_trace.push(LoggedCall::of(call, trace));
        }
        // Calls of one caller span along one edge side by side, the first of them first.
        self.of_trace
            .sort_unstable_by_key(|call| (call.caller_span, call.target, call.caller_service, call.start, call.row));
        let edge = |call: &LoggedCall| (call.caller_span, call.target, call.caller_service, call.is_along_edge);
        let mut calls = std::mem::take(&mut self.of_trace);
        let mut last = None;
        for call in &mut calls {
            if call.is_along_edge && last != Some(edge(call)) {
                last = Some(edge(call));
                call.first_of = Some(trace.start(call.caller_span));
            }
            self.push(*call);
        }
        self.of_trace = calls;
    }

    fn learn_partition(&mut self, name: Symbol, symbols: &Symbols) {
        if self.known_partition(name) == NOT_KNOWN {
            self.set_partition(name, partition_of(symbols.resolve(name)));
        }
    }

    fn known_partition(&self, name: Symbol) -> u8 {
        self.partitions_of_names.get(name.index()).copied().unwrap_or(NOT_KNOWN)
    }

    fn set_partition(&mut self, name: Symbol, partition: u8) {
        if self.partitions_of_names.len() <= name.index() {
            self.partitions_of_names.resize(name.index() + 1, NOT_KNOWN);
        }
        self.partitions_of_names[name.index()] = partition;
    }

    /// Adds a call, whose target's partition is known.
    fn push(&mut self, call: LoggedCall) {
        if self.pending.capacity() == 0 {
            self.pending.reserve_exact(PENDING_CALLS);
            self.grow(self.pending.capacity() * size_of::<LoggedCall>());
        }
        self.pending.push(call);
        if self.pending.len() == PENDING_CALLS {
            self.pack_pending();
        }
    }

    fn pack_pending(&mut self) {
        let mut pending = std::mem::take(&mut self.pending);
        let partition = |call: &LoggedCall| usize::from(self.partitions_of_names[call.target.name.index()]);
        pending.sort_unstable_by_key(partition);
        let blocks: Vec<(usize, Box<[u8]>)> = pending
            .chunk_by_mut(|left, right| partition(left) == partition(right))
            .map(|calls| (partition(&calls[0]), pack(calls)))
            .collect();
        let numbers = pending.iter().filter_map(|call| call.trace.index()).map(|index| index as u32 + 1);
        self.trace_numbers = numbers.max().unwrap_or(0).max(self.trace_numbers);
        pending.clear();
        self.pending = pending;
        let mut new_bytes = 0;
        for (partition, packed) in blocks {
            new_bytes += packed.len();
            self.add(partition, PackedBlock::new(packed));
        }
        if self.grow(new_bytes) {
            self.put_aside();
        }
    }

    /// Packs what is left, where few or no calls will follow.
    fn end(&mut self) {
        self.pack_pending();
        let pending = std::mem::take(&mut self.pending);
        if let Some(store) = &self.store {
            store.shrink((pending.capacity() * size_of::<LoggedCall>()) as u64);
        }
    }

    fn add(&mut self, partition: usize, block: PackedBlock) {
        self.partitions.resize_with(PARTITIONS, Vec::new);
        self.bytes_of_blocks += block.bytes_in_memory();
        self.partitions[partition].push(block);
    }

    /// Takes notice of more bytes in memory; the answer is whether blocks are to be put aside.
    fn grow(&self, bytes: usize) -> bool {
        let Some(store) = &self.store else { return false };
        store.grow(bytes as u64) && self.bytes_of_blocks as u64 >= store.least_bytes()
    }

    fn put_aside(&mut self) {
        let Some(store) = &self.store else { return };
        for block in self.partitions.iter_mut().flatten() {
            self.bytes_of_blocks -= block.put_aside(store);
        }
    }

    /// Names of the targets of calls.
    pub(crate) fn names(&self) -> impl Iterator<Item = Symbol> {
        let known = (0..).zip(&self.partitions_of_names).filter(|&(_, &partition)| partition != NOT_KNOWN);
        known.map(|(name, _)| Symbol(name))
    }

    /// Shows the calls to each target whose name is wanted. The order of targets is fixed by their names, but not that of the
    /// names: a target has its turn where the hash of its name is.
    ///
    /// # Errors
    /// If calls that were put aside cannot be brought back.
    pub(crate) fn for_each_target(
        &self,
        wants: impl Fn(Symbol) -> bool,
        mut show: impl FnMut(&CallsOfTarget<'_>),
    ) -> Result<(), SpillError> {
        let wants = |(name, &partition): (u32, &u8)| partition != NOT_KNOWN && wants(Symbol(name));
        let wanted: Vec<bool> = (0..).zip(&self.partitions_of_names).map(wants).collect();
        let mut calls = Vec::new();
        for partition in 0..PARTITIONS {
            let names = self.partitions_of_names.iter().zip(&wanted);
            if !names.into_iter().any(|(&own, &is_wanted)| is_wanted && usize::from(own) == partition) {
                continue;
            }
            calls.clear();
            let mut is_too_large = false;
            self.unpack_partition(partition, |call| {
                if wanted[call.target.name.index()] {
                    is_too_large |= calls.len() == self.most_in_memory();
                    if !is_too_large {
                        calls.push(call);
                    }
                }
            })?;
            if is_too_large {
                calls = Vec::new();
                self.for_each_target_in_slices(partition, &wanted, &mut show)?;
                continue;
            }
            calls.par_sort_unstable_by_key(LoggedCall::order);
            for of_target in calls.chunk_by(|left, right| left.target == right.target) {
                show(&CallsOfTarget { target: of_target[0].target, source: Source::InMemory(of_target) });
            }
        }
        Ok(())
    }

    /// The same of a partition of which not all calls can be in memory at once.
    fn for_each_target_in_slices(
        &self,
        partition: usize,
        wanted: &[bool],
        show: &mut impl FnMut(&CallsOfTarget<'_>),
    ) -> Result<(), SpillError> {
        let is_wanted = |call: &LoggedCall| wanted[call.target.name.index()];
        let mut sample = Sample::default();
        self.unpack_partition(partition, |call| {
            if is_wanted(&call) {
                sample.take(&call)
            }
        })?;
        let mut slices = TimeSlices::new(&mut sample, self.most_in_memory() / 2, self.store.as_ref());
        self.unpack_partition(partition, |call| {
            if is_wanted(&call) {
                slices.push(call)
            }
        })?;
        slices.end();
        let mut loaded = (usize::MAX, Vec::new());
        for &target in &sample.targets {
            let range = slices.of_target(target);
            let source = if range.len() == 1 {
                if loaded.0 != range.start {
                    loaded = (range.start, slices.sorted(range.start));
                }
                let first = loaded.1.partition_point(|call| call.target < target);
                let own = &loaded.1[first..];
                Source::InMemory(&own[..own.partition_point(|call| call.target == target)])
            } else {
                loaded = (usize::MAX, Vec::new());
                Source::Slices(&slices, range)
            };
            show(&CallsOfTarget { target, source });
        }
        slices.take_failure().map_or(Ok(()), Err)
    }

    /// So many calls are unpacked at once: what they take counts, but spans no longer do.
    fn most_in_memory(&self) -> usize {
        self.most_in_memory.unwrap_or(MOST_IN_MEMORY)
    }

    /// Shows all calls, in no order that means anything: that takes little memory, and less time.
    ///
    /// # Errors
    /// If calls that were put aside cannot be brought back.
    pub(crate) fn for_each_call(&self, mut show: impl FnMut(LoggedCall)) -> Result<(), SpillError> {
        (0..PARTITIONS).try_for_each(|partition| self.unpack_partition(partition, &mut show))
    }

    fn unpack_partition(&self, partition: usize, mut take: impl FnMut(LoggedCall)) -> Result<(), SpillError> {
        for block in self.partitions.get(partition).into_iter().flatten() {
            let bytes = block.bytes()?;
            unpack(&bytes, |call| take(LoggedCall { trace: block.rank_of(call.trace), ..call }));
        }
        let is_here = |call: &&LoggedCall| usize::from(self.known_partition(call.target.name)) == partition;
        self.pending.iter().filter(is_here).for_each(|&call| take(call));
        Ok(())
    }

    /// Takes in the calls of other traces.
    pub(crate) fn merge(&mut self, mut other: Self) {
        other.end();
        self.trace_numbers = self.trace_numbers.max(other.trace_numbers);
        for (partition, blocks) in other.partitions.into_iter().enumerate() {
            blocks.into_iter().for_each(|block| self.add(partition, block));
        }
        for (name, partition) in (0..).zip(other.partitions_of_names).filter(|&(_, partition)| partition != NOT_KNOWN) {
            self.set_partition(Symbol(name), partition);
        }
        if self.grow(0) {
            self.put_aside();
        }
    }

    /// Gives each trace its place among all traces in the order of their ids.
    pub(crate) fn renumber_traces(&mut self, rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {
        self.end();
        renumber_blocks(self.partitions.iter_mut().flatten(), self.trace_numbers, rank_of);
        self.trace_numbers = 0;
    }

    /// About how many bytes of memory they take: what was put aside takes none.
    pub(crate) fn bytes(&self) -> usize {
        let blocks: usize = self.partitions.iter().map(|blocks| blocks.capacity() * size_of::<PackedBlock>()).sum();
        let ranks = bytes_of_ranks(self.partitions.iter().flatten());
        self.pending.capacity() * size_of::<LoggedCall>()
            + blocks
            + ranks
            + self.bytes_of_blocks
            + self.partitions_of_names.len()
    }

    /// Writes the calls, so many as a group each, below the group `name` that tells how many groups there are.
    ///
    /// # Errors
    /// If the file cannot be written, or calls that were put aside cannot be brought back.
    pub(crate) fn write<W: Write>(
        &self,
        file: &mut PartialWriter<W>,
        name: &str,
        numbers: Renumbering<'_>,
    ) -> io::Result<()> {
        let (mut columns, mut groups, mut written) = (CallColumns::default(), 0, Ok(()));
        let mut write = |columns: CallColumns| {
            let group = format!("{name}/{groups}");
            groups += 1;
            file.group(&group, numbers, |group| columns.write("", group))
        };
        for partition in 0..PARTITIONS {
            let unpacked = self.unpack_partition(partition, |call| {
                columns.push(CallRow::new(partition, call));
                if columns.start.len() == CALLS_PER_GROUP && written.is_ok() {
                    written = write(std::mem::take(&mut columns));
                }
            });
            unpacked.map_err(io::Error::other)?;
        }
        written?;
        write(columns)?;
        file.group(name, numbers, |group| group.u32s("groups", std::iter::once(groups)))
    }

    /// Takes in what [`CallLog::write`] wrote.
    ///
    /// # Errors
    /// If it is not there or cannot be decoded.
    pub(crate) fn merge_file(
        &mut self,
        file: &PartialReader,
        name: &str,
        numbers: Renumbering<'_>,
    ) -> Result<(), PartialError> {
        let groups = file.group(name, numbers, |group| group.u32s("groups"))?;
        for group in 0..groups.first().copied().unwrap_or_default() {
            let columns = file.group(&format!("{name}/{group}"), numbers, |group| {
                let columns = CallColumns::read("", group)?;
                match columns.partition.iter().find(|&&partition| partition as usize >= PARTITIONS) {
                    Some(partition) => Err(ArrowError::ParseError(format!("there is no partition {partition}"))),
                    None => Ok(columns),
                }
            })?;
            for row in 0..columns.start.len() {
                let call = columns.get(row);
                self.set_partition(call.target.name, columns.partition[row] as u8);
                self.push(call);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::trace::TargetKind;

    const CALLS: u32 = 50_000;
    const TRACES: u32 = 3_500;

    fn symbols() -> (Symbols, Vec<Symbol>) {
        let mut symbols = Symbols::default();
        let names = (0..200).map(|number| symbols.intern(&format!("service {number:03}"))).collect();
        (symbols, names)
    }

    /// Half of the calls are to one target, the others to many; every third failed, and starts repeat.
    fn call(number: u32, names: &[Symbol]) -> LoggedCall {
        let mixed = number.wrapping_mul(2_654_435_761) >> 8;
        let name = if number.is_multiple_of(2) { names[0] } else { names[(mixed % 150) as usize] };
        let start = 1_700_000_000_000_000_000 + i64::from(mixed % 50_000) * 1_000;
        let duration = i64::from(mixed % 977) * 1_000;
        let failed = FailedCall {
            error_class: ErrorClass::ALL[(number % 6) as usize],
            span_id: SpanId(u64::from(number) << 20),
            path_ns: i64::from(number),
            adjusted_count: 1.0 + f64::from(number % 2),
        };
        LoggedCall {
            target: Target { name, kind: TargetKind::ALL[(mixed % 2) as usize] },
            caller_service: names[(mixed % 5) as usize],
            caller_operation: names[(mixed % 7) as usize],
            operation: names[(mixed % 11) as usize],
            trace: TraceNumber(number % TRACES),
            row: number / TRACES,
            caller_span: mixed % 3,
            start,
            duration,
            weight: 1 + u32::from(mixed.is_multiple_of(100)),
            has_exit_span: mixed.is_multiple_of(3),
            is_along_edge: mixed.is_multiple_of(5),
            instance: u64::from(mixed % 3),
            first_of: mixed.is_multiple_of(4).then_some(start - 1_000),
            failed: number.is_multiple_of(3).then_some(failed),
        }
    }

    /// Logs of every so manyth call, whose traces have the numbers that `number` gives.
    fn logs(parts: u32, store: Option<&Arc<SpillStore>>, number: impl Fn(TraceNumber) -> TraceNumber) -> Vec<CallLog> {
        let (symbols, names) = symbols();
        let log_of = |part: u32| {
            let mut log = CallLog::new(store);
            for call in (0..CALLS).filter(|number| number % parts == part).map(|number| call(number, &names)) {
                log.learn_partition(call.target.name, &symbols);
                log.push(LoggedCall { trace: number(call.trace), ..call });
            }
            log
        };
        (0..parts).map(log_of).collect()
    }

    fn merged(logs: impl Iterator<Item = CallLog>) -> CallLog {
        logs.reduce(|mut left, right| {
            left.merge(right);
            left
        })
        .unwrap()
    }

    fn shown(log: &CallLog) -> Vec<(Target, Vec<LoggedCall>)> {
        let mut shown = Vec::new();
        let show = |calls: &CallsOfTarget<'_>| {
            let mut all = Vec::new();
            calls.for_each(|&call| all.push(call));
            let mut again = 0;
            calls.for_each(|_| again += 1);
            assert_eq!(all.len(), again, "they can be asked for again");
            shown.push((calls.target, all));
        };
        log.for_each_target(|_| true, show).unwrap();
        shown
    }

    /// What must be shown, in the order of the partitions.
    fn expected() -> Vec<(Target, Vec<LoggedCall>)> {
        let (symbols, names) = symbols();
        let mut calls: Vec<LoggedCall> = (0..CALLS).map(|number| call(number, &names)).collect();
        calls.sort_by_key(|call| {
            (partition_of(symbols.resolve(call.target.name)), call.target, call.start, call.trace, call.row)
        });
        calls
            .chunk_by(|left, right| left.target == right.target)
            .map(|calls| (calls[0].target, calls.to_vec()))
            .collect()
    }

    /// Every target is shown once, its calls in time order, whatever parts were merged in what order, whether traces were
    /// renumbered before or after, and whether there was memory for the calls or not.
    #[test]
    fn targets_are_shown_once_in_time_order() {
        let expected = expected();
        let folder = tempfile::tempdir().unwrap();
        let backwards = |trace: TraceNumber| TraceNumber(TRACES - 1 - trace.0);
        let elsewhere = |trace: TraceNumber| TraceNumber((trace.0 + 1) % TRACES);
        let back = |trace: TraceNumber| TraceNumber((trace.0 + TRACES - 1) % TRACES);
        for limit in [None, Some(0), Some(4 << 20), Some(u64::MAX)] {
            let store = limit.map(|limit| Arc::new(SpillStore::new(folder.path(), limit)));
            for parts in [1, 3] {
                for most_in_memory in [None, Some(20_000), Some(700)] {
                    let whole = merged(logs(parts, store.as_ref(), |trace| trace).into_iter());
                    assert!(shown(&CallLog { most_in_memory, ..whole }) == expected, "{most_in_memory:?}");
                }
                let mut renumbered = merged(logs(parts, store.as_ref(), backwards).into_iter().rev());
                renumbered.renumber_traces(&backwards);
                assert!(shown(&renumbered) == expected, "{limit:?} {parts}");
                renumbered.renumber_traces(&elsewhere);
                renumbered.renumber_traces(&back);
                assert!(shown(&renumbered) == expected, "{limit:?} {parts}");
                // Parts that were renumbered on their own merge too.
                let each = logs(parts, store.as_ref(), backwards).into_iter().map(|mut log| {
                    log.renumber_traces(&backwards);
                    log
                });
                assert!(shown(&merged(each)) == expected, "{limit:?} {parts}");
            }
            let spilled = store.as_ref().map_or(0, |store| store.spilled_bytes());
            assert_eq!(spilled > 0, limit.is_some_and(|limit| limit < u64::MAX), "{limit:?}");
            assert!(store.is_none_or(|store| store.take_failure().is_none()));
        }
        assert_eq!(folder.path().read_dir().unwrap().count(), 0, "no file has a name");
    }

    /// What was put aside is not in memory, and what is packed is small.
    #[test]
    fn calls_take_little_memory() {
        let folder = tempfile::tempdir().unwrap();
        let mut in_memory = logs(1, None, |trace| trace).remove(0);
        in_memory.end();
        let bytes = in_memory.bytes();
        assert!((10 * CALLS as usize..20 * CALLS as usize).contains(&bytes), "{bytes}");
        let store = Arc::new(SpillStore::new(folder.path(), 0));
        let mut aside = logs(1, Some(&store), |trace| trace).remove(0);
        aside.end();
        let bytes = aside.bytes();
        assert!(bytes < 2 * CALLS as usize, "{bytes}");
    }

    /// A folder that takes nothing is told, and nothing is lost that memory still holds.
    #[test]
    fn what_cannot_be_put_aside_stays() {
        let store = Arc::new(SpillStore::new("/nowhere/at/all".as_ref(), 0));
        let log = merged(logs(2, Some(&store), |trace| trace).into_iter());
        assert!(shown(&log) == expected());
        assert!(store.take_failure().unwrap().to_string().contains("/nowhere/at/all"));
    }

    /// Written and read, the calls of several files are those of one log, with strings and traces of the whole.
    #[test]
    fn files_merge() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SpillStore::new(folder.path(), 0));
        let (_, names) = symbols();
        // The files know each string by the number of the one before.
        let mut of_file: Vec<Symbol> = vec![Symbol::EMPTY, names[0]];
        of_file.extend(&names[1..]);
        let path = |part: usize| folder.path().join(part.to_string());
        for (part, log) in logs(3, Some(&store), |trace| TraceNumber(trace.0 + 5)).into_iter().enumerate() {
            let mut file = PartialWriter::new(File::create(path(part)).unwrap()).unwrap();
            log.write(&mut file, "calls", Renumbering::NONE).unwrap();
            file.finish(serde_json::Value::Null).unwrap();
        }
        let traces: Vec<u32> = (0..5).map(|_| u32::MAX).chain(0..TRACES).collect();
        let numbers = Renumbering { symbols: Some(&of_file), traces: Some(&traces) };
        for order in [[0, 1, 2], [2, 0, 1]] {
            let mut whole = CallLog::new(Some(&store));
            for part in order {
                whole.merge_file(&PartialReader::open(&path(part)).unwrap(), "calls", numbers).unwrap();
            }
            assert!(shown(&whole) == expected());
        }
        let error = CallLog::default().merge_file(&PartialReader::open(&path(0)).unwrap(), "others", numbers);
        assert!(error.unwrap_err().to_string().contains("others"));
    }
}
