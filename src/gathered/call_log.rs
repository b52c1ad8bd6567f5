//! Every counted call, by target and time: what a breaker would have seen, and how long calls take.
//!
//! ```text
//! see ──pack──▶ blocks ──beyond the memory limit──▶ a temporary file
//!                 └── unpack those of wanted targets, sort ──▶ the calls to each target
//! ```
//!
//! Unpacked calls take some hundred bytes each; too many are sorted in slices, which are packed again ([`TimeSlices`]).

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use crate::conventions::ErrorClass;
use crate::frame::{SpillError, SpillStore, Symbol};
use crate::partial::{Columns as _, PartialError, PartialReader, PartialWriter, Renumbering, TraceNumber, columns};
use crate::span::SpanId;
use crate::trace::{Call, Target, TraceView};

use super::call_block::{CallPacker, EdgeOfCalls, unpack};
use super::packed_block::{PackedBlock, bytes_of_ranks, renumber_blocks};
use super::time_slices::{Logged, OfSubject, Sample, TimeSlices, for_each_subject, sort_by_short_keys};

/// Calls of a block.
const CALLS_PER_BLOCK: usize = 1 << 15;

/// Calls that are written as one group: as many as a block has, so that writing needs no more memory than logging.
const CALLS_PER_GROUP: usize = CALLS_PER_BLOCK;

/// So many calls are sorted at once: some 60 MB, when spans no longer take any.
const MOST_IN_MEMORY: usize = 1 << 18;

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
    /// Start of the caller span in ns since 1970, of the first call that it makes along the edge. Late exit spans are nobody's: they
    /// are no caller spans that could be counted beside others.
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
}

impl Logged for LoggedCall {
    type Subject = Target;
    type Packer = CallPacker;

    const PER_BLOCK: usize = 1 << 12;

    fn subject(&self) -> Target {
        self.target
    }

    fn start(&self) -> i64 {
        self.start
    }

    fn sort(calls: &mut [Self]) {
        sort_by_short_keys(calls, |call| {
            let span = u64::from(call.trace.0) << 32 | u64::from(call.row) << 1 | u64::from(call.has_exit_span);
            (call.target, call.start, span)
        });
    }

    fn pack(&self, packer: &mut CallPacker) {
        packer.push(self);
    }

    fn block_of(packer: &mut CallPacker) -> Box<[u8]> {
        let block = packer.block();
        packer.clear();
        block
    }

    fn unpack(block: &[u8], take: impl FnMut(Self)) {
        unpack(block, |_| true, |trace| trace, take);
    }
}

/// All calls to one target, in the order of start, trace and row.
pub(crate) type CallsOfTarget<'a> = OfSubject<'a, LoggedCall>;

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

columns! {
    /// One call, as it is written.
    struct CallRow in CallColumns {
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
    fn new(call: LoggedCall) -> Self {
        let failure = call.failed.unwrap_or_default();
        Self {
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

/// All counted calls.
#[derive(Debug, Default)]
pub(crate) struct CallLog {
    /// Where blocks go once too much is in memory, the spans' part included.
    store: Option<Arc<SpillStore>>,
    pending: CallPacker,
    /// Bytes of those that are pending of which the store was told.
    told_bytes: u64,
    blocks: Vec<PackedBlock>,
    bytes_of_blocks: usize,
    /// How many calls in blocks go along which edges.
    calls_of_edges: HashMap<EdgeOfCalls, u64, FixedState>,
    /// One more than the largest number of a trace in blocks without ranks.
    trace_numbers: u32,
    /// Caller spans of the trace that is looked at, and the targets that they have called.
    called: Called,
    /// Instead of [`MOST_IN_MEMORY`].
    most_in_memory: Option<usize>,
}

/// What each caller span of a trace has called so far.
#[derive(Debug, Default)]
struct Called {
    few: Vec<(u32, Target)>,
    many: HashSet<(u32, Target), FixedState>,
}

impl Called {
    /// So many are looked through one by one.
    const FEW: usize = 24;

    /// Whether it is the first call of the caller span to the target.
    fn is_first(&mut self, caller_span: u32, target: Target) -> bool {
        let call = (caller_span, target);
        if self.few.contains(&call) {
            return false;
        }
        if self.few.len() < Self::FEW {
            self.few.push(call);
            return true;
        }
        self.many.insert(call)
    }

    /// Makes ready for the next trace. To empty a set takes as long as it has room.
    fn clear(&mut self) {
        self.few.clear();
        if !self.many.is_empty() {
            self.many = HashSet::default();
        }
    }
}

impl CallLog {
    /// An empty log, whose calls are put aside in `store` beyond its limit.
    pub(crate) fn new(store: Option<&Arc<SpillStore>>) -> Self {
        Self { store: store.cloned(), ..Self::default() }
    }

    /// Takes notice of the calls of one trace, which come by start.
    pub(crate) fn see(&mut self, trace: &TraceView<'_>) {
        self.called.clear();
        for call in trace.calls.calls.iter().filter(|call| call.counts) {
            let mut logged = LoggedCall::of(call, trace);
            if logged.is_along_edge
                && trace.is_caller_span(call.caller_span)
                && self.called.is_first(call.caller_span, call.target)
            {
                logged.first_of = Some(trace.start(call.caller_span));
            }
            self.push(&logged);
        }
        let bytes = self.pending.bytes() as u64;
        if let Some(store) = self.store.as_ref().filter(|_| bytes > self.told_bytes) {
            store.grow(bytes - self.told_bytes);
            self.told_bytes = bytes;
        }
    }

    fn push(&mut self, call: &LoggedCall) {
        if let Some(index) = call.trace.index() {
            self.trace_numbers = self.trace_numbers.max(index as u32 + 1);
        }
        self.pending.push(call);
        if self.pending.len() == CALLS_PER_BLOCK {
            self.pack_pending();
        }
    }

    fn pack_pending(&mut self) {
        if self.pending.len() == 0 {
            return;
        }
        for (edge, calls) in self.pending.edges() {
            *self.calls_of_edges.entry(edge).or_default() += calls;
        }
        let block = PackedBlock::new(self.pending.block());
        self.pending.clear();
        let bytes = block.bytes_in_memory();
        self.add(block);
        if self.grow(bytes) {
            self.put_aside();
        }
    }

    /// Packs what is left, where few or no calls will follow.
    fn end(&mut self) {
        self.pack_pending();
        self.pending = CallPacker::default();
        if let Some(store) = &self.store {
            store.shrink(std::mem::take(&mut self.told_bytes));
        }
    }

    fn add(&mut self, block: PackedBlock) {
        self.bytes_of_blocks += block.bytes_in_memory();
        self.blocks.push(block);
    }

    /// Takes notice of more bytes in memory; the answer is whether blocks are to be put aside.
    fn grow(&self, bytes: usize) -> bool {
        let Some(store) = &self.store else { return false };
        store.grow(bytes as u64) && self.bytes_of_blocks as u64 >= store.least_bytes()
    }

    fn put_aside(&mut self) {
        let Some(store) = &self.store else { return };
        for block in &mut self.blocks {
            self.bytes_of_blocks -= block.put_aside(store);
        }
    }

    /// How many calls go along which edges.
    pub(crate) fn edges(&self) -> HashMap<EdgeOfCalls, u64, FixedState> {
        let mut edges = self.calls_of_edges.clone();
        for (edge, calls) in self.pending.edges() {
            *edges.entry(edge).or_default() += calls;
        }
        edges
    }

    /// Shows the calls to each target that go along wanted edges, in the order of targets.
    ///
    /// # Errors
    /// If calls that were put aside cannot be brought back.
    pub(crate) fn for_each_target(
        &self,
        wants: impl Fn(EdgeOfCalls) -> bool + Sync,
        show: impl FnMut(&CallsOfTarget<'_>),
    ) -> Result<(), SpillError> {
        let edges = self.edges();
        let wanted: u64 = edges.iter().filter(|(edge, _)| wants(**edge)).map(|(_, calls)| calls).sum();
        if wanted == 0 {
            return Ok(());
        }
        if wanted > self.most_in_memory() as u64 {
            return self.for_each_target_in_slices(&wants, show);
        }
        let calls = self.for_each_call(&wants, Vec::new, |calls, call| calls.push(*call))?.concat();
        for_each_subject(calls, show);
        Ok(())
    }

    /// The same of more calls than can be in memory at once.
    fn for_each_target_in_slices(
        &self,
        wants: &impl Fn(EdgeOfCalls) -> bool,
        show: impl FnMut(&CallsOfTarget<'_>),
    ) -> Result<(), SpillError> {
        let mut sample = Sample::default();
        self.unpack(wants, |call| sample.take(&call))?;
        let mut slices = TimeSlices::new(sample, self.most_in_memory() / 2, self.store.as_ref());
        self.unpack(wants, |call| slices.push(&call))?;
        slices.for_each_subject(show)
    }

    /// So many calls are unpacked at once: what they take counts, but spans no longer do.
    fn most_in_memory(&self) -> usize {
        self.most_in_memory.unwrap_or(MOST_IN_MEMORY)
    }

    /// Lets all threads take the calls along wanted edges, in no order that means anything: that takes little memory, and less
    /// time. Each thread begins with something `new`; the answer is what they have made of it.
    ///
    /// # Errors
    /// If calls that were put aside cannot be brought back.
    pub(crate) fn for_each_call<T: Send>(
        &self,
        wants: impl Fn(EdgeOfCalls) -> bool + Sync,
        new: impl Fn() -> T + Sync,
        take: impl Fn(&mut T, &LoggedCall) + Sync,
    ) -> Result<Vec<T>, SpillError> {
        let next = AtomicUsize::new(0);
        let taken_by = |thread: usize| {
            let mut taken = new();
            while let Some(block) = self.blocks.get(next.fetch_add(1, Ordering::Relaxed)) {
                let rank_of = |trace| block.rank_of(trace);
                unpack(&block.bytes()?, &wants, rank_of, |call| take(&mut taken, &call));
            }
            if thread == 0 {
                unpack(&self.pending.block(), &wants, |trace| trace, |call| take(&mut taken, &call));
            }
            Ok(taken)
        };
        (0..rayon::current_num_threads()).into_par_iter().with_max_len(1).map(taken_by).collect()
    }

    /// Unpacks calls one after the other, in the order in which they came.
    fn unpack(&self, wants: &impl Fn(EdgeOfCalls) -> bool, mut take: impl FnMut(LoggedCall)) -> Result<(), SpillError> {
        for block in &self.blocks {
            unpack(&block.bytes()?, wants, |trace| block.rank_of(trace), &mut take);
        }
        unpack(&self.pending.block(), wants, |trace| trace, take);
        Ok(())
    }

    /// Takes in the calls of other traces.
    pub(crate) fn merge(&mut self, mut other: Self) {
        other.end();
        self.trace_numbers = self.trace_numbers.max(other.trace_numbers);
        for block in std::mem::take(&mut other.blocks) {
            self.add(block);
        }
        for (edge, calls) in std::mem::take(&mut other.calls_of_edges) {
            *self.calls_of_edges.entry(edge).or_default() += calls;
        }
        if self.grow(0) {
            self.put_aside();
        }
    }

    /// Gives each trace its place among all traces in the order of their ids.
    pub(crate) fn renumber_traces(&mut self, rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {
        self.end();
        renumber_blocks(self.blocks.iter_mut(), self.trace_numbers, rank_of);
        self.trace_numbers = 0;
    }

    /// About how many bytes of memory they take: what was put aside takes none.
    pub(crate) fn bytes(&self) -> usize {
        let blocks = self.blocks.capacity() * size_of::<PackedBlock>();
        let edges = self.calls_of_edges.capacity() * size_of::<(EdgeOfCalls, u64)>();
        self.pending.bytes() + blocks + bytes_of_ranks(self.blocks.iter()) + self.bytes_of_blocks + edges
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
        let unpacked = self.unpack(&|_| true, |call| {
            columns.push(CallRow::new(call));
            if columns.start.len() == CALLS_PER_GROUP && written.is_ok() {
                written = write(std::mem::take(&mut columns));
            }
        });
        unpacked.map_err(io::Error::other)?;
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
            let columns = file.group(&format!("{name}/{group}"), numbers, |group| CallColumns::read("", group))?;
            for row in 0..columns.start.len() {
                self.push(&columns.get(row));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::frame::Symbols;
    use crate::trace::TargetKind;

    const CALLS: u32 = 50_000;
    const CALLS_PER_TRACE: u32 = 16;
    const TRACES: u32 = CALLS / CALLS_PER_TRACE;

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
            trace: TraceNumber(number / CALLS_PER_TRACE),
            row: number % CALLS_PER_TRACE,
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
        let (_, names) = symbols();
        let log_of = |part: u32| {
            let mut log = CallLog::new(store);
            for call in (0..CALLS).filter(|number| number % parts == part).map(|number| call(number, &names)) {
                log.push(&LoggedCall { trace: number(call.trace), ..call });
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
            shown.push((calls.subject, all));
        };
        log.for_each_target(|_| true, show).unwrap();
        shown
    }

    /// What must be shown, in the order of targets.
    fn expected() -> Vec<(Target, Vec<LoggedCall>)> {
        let (_, names) = symbols();
        let mut calls: Vec<LoggedCall> = (0..CALLS).map(|number| call(number, &names)).collect();
        calls.sort_by_key(|call| (call.target, call.start, call.trace, call.row));
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
