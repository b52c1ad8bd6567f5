//! What every trace says of the requests in it: when they came in, whether they failed, where their time went, and who called
//! whom how often. So traces can be told apart by time once all were seen, and some compared with others.

use std::io::{self, Write};
use std::sync::Arc;

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::conventions::{ErrorClass, classify};
use crate::frame::{SpillError, SpillStore, Symbol};
use crate::partial::{
    Columns, GroupReader, GroupWriter, PartialError, PartialReader, PartialWriter, Renumbering, TraceNumber, columns,
};
use crate::trace::{Component, Entry, FailureOrigin, NO_ROW, Place, RootReason, Target, TargetKind, TraceView};

use super::packed_block::{PackedBlock, bytes_of_ranks, renumber_blocks};
use super::request_block::{
    CalledOperation, CallerOperation, CountColumns, CountOfTrace, EntryColumns, EntryOfTrace, HeadColumns, Numbered,
    RequestBlock, Spent, TimeColumns, TimeOfTrace, TraceHead,
};

/// Traces that are kept as they are before they are packed: with more of them, names would be written less often.
const TRACES_PER_BLOCK: usize = 1 << 12;

/// Times that are kept as they are: a trace may have as many as it has spans.
const TIMES_PER_BLOCK: usize = 1 << 18;

/// What all traces say of the requests in them.
#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    /// Where blocks go once too much is in memory, the spans' part included.
    store: Option<Arc<SpillStore>>,
    pending: RequestBlock,
    blocks: Vec<PackedBlock>,
    bytes_of_blocks: usize,
    /// One more than the largest number of a trace in blocks that were not renumbered.
    trace_numbers: u32,
    of_trace: OfTrace,
}

/// What is known so far of the trace that is looked at, by numbers in the block.
#[derive(Debug, Default)]
struct OfTrace {
    /// Places among the trace's entries.
    entries: HashMap<u32, u32, FixedState>,
    times: HashMap<(u32, u32), i64, FixedState>,
    counts: HashMap<u32, u64, FixedState>,
}

/// Names of a trace for which room is kept: to empty a map takes as long as it has room.
const MAX_NAMES_KEPT: usize = 1 << 12;

impl OfTrace {
    /// Forgets what was known, and gives back the room that few traces need.
    fn clear(&mut self) {
        let Self { entries, times, counts } = self;
        entries.clear();
        if entries.capacity() > MAX_NAMES_KEPT {
            *entries = HashMap::default();
        }
        if times.capacity() > MAX_NAMES_KEPT {
            *times = HashMap::default();
        }
        if counts.capacity() > MAX_NAMES_KEPT {
            *counts = HashMap::default();
        }
    }

    /// Moves what was counted to the end of `counts`.
    fn flush_counts(&mut self, counts: &mut Vec<CountOfTrace>) -> u32 {
        let before = counts.len();
        counts.extend(self.counts.drain().map(|(of, count)| CountOfTrace { of, count }));
        counts[before..].sort_unstable_by_key(|count| count.of);
        (counts.len() - before) as u32
    }
}

impl RequestLog {
    /// An empty log, whose blocks are put aside in `store` beyond its limit.
    pub(crate) fn new(store: Option<&Arc<SpillStore>>) -> Self {
        Self { store: store.cloned(), ..Self::default() }
    }

    /// Takes notice of one trace.
    pub(crate) fn see(&mut self, trace: &TraceView<'_>) {
        let roots = &trace.tree.path_roots;
        let first_root = roots.iter().find(|root| root.reason == RootReason::Root);
        let Some(first) = first_root.or(roots.first()) else { return };
        let Self { pending, of_trace, .. } = self;
        let (first_entry, first_time) = (pending.entries.len(), pending.times.len());
        of_trace.clear();
        for (index, root) in roots.iter().enumerate() {
            if root.row != first.row && (first_root.is_none() || root.reason != RootReason::Root) {
                continue;
            }
            let number = pending.entry_names.number(trace.entry_of(root));
            let entry = *of_trace.entries.entry(number).or_insert_with(|| {
                pending.entries.push(EntryOfTrace { entry: number, duration: 0, failed: false });
                (pending.entries.len() - first_entry) as u32 - 1
            });
            let known = &mut pending.entries[first_entry + entry as usize];
            known.duration = known.duration.saturating_add(trace.duration(root.row));
            known.failed |= trace.calls.roles[root.row as usize].failed;
            if first_root.is_some() {
                book(trace, index, entry, &mut pending.spent_names, &mut of_trace.times);
            }
        }
        let times = of_trace.times.drain().map(|((entry, spent), time)| TimeOfTrace { entry, spent, time });
        pending.times.extend(times);
        pending.times[first_time..].sort_unstable_by_key(|time| (time.entry, time.spent));

        if trace.calls.has_failures {
            for origin in &trace.failures().origins {
                *of_trace.counts.entry(pending.origin_names.number(blamed(trace, origin))).or_default() += 1;
            }
        }
        let origins = of_trace.flush_counts(&mut pending.origins);
        let (mut callers, mut calls) = (0, 0);
        if first_root.is_some() {
            for (row, _) in (0u32..).zip(&trace.calls.roles).filter(|&(row, role)| role.caller_span == row) {
                let caller = CallerOperation { service: trace.service(row), operation: trace.entry_operation(row) };
                *of_trace.counts.entry(pending.caller_names.number(caller)).or_default() += 1;
            }
            callers = of_trace.flush_counts(&mut pending.callers);
            for call in trace.calls.calls.iter().filter(|call| call.counts) {
                let caller = CallerOperation { service: call.caller_service, operation: trace.caller_operation(call) };
                let caller = pending.caller_names.number(caller);
                let called = CalledOperation { caller, target: call.target, operation: call.operation };
                *of_trace.counts.entry(pending.call_names.number(called)).or_default() += u64::from(call.weight);
            }
            calls = of_trace.flush_counts(&mut pending.calls);
        }
        pending.heads.push(TraceHead {
            trace: TraceNumber(trace.number),
            start: trace.start(first.row),
            adjusted_count: trace.adjusted_counts().of_trace,
            has_root: first_root.is_some(),
            entries: (pending.entries.len() - first_entry) as u32,
            times: (pending.times.len() - first_time) as u32,
            origins,
            callers,
            calls,
        });
        if pending.heads.len() >= TRACES_PER_BLOCK || pending.times.len() >= TIMES_PER_BLOCK {
            self.pack_pending();
        }
    }

    fn pack_pending(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        if !pending.heads.is_empty() {
            self.add(&pending);
        }
    }

    fn add(&mut self, block: &RequestBlock) {
        let numbers = block.heads.iter().filter_map(|head| head.trace.index()).map(|index| index as u32 + 1);
        self.trace_numbers = numbers.max().unwrap_or(0).max(self.trace_numbers);
        let packed = block.pack();
        let bytes = packed.len();
        self.bytes_of_blocks += bytes;
        self.blocks.push(PackedBlock::new(packed));
        self.make_room(bytes);
    }

    /// Takes notice of more bytes in memory, and puts blocks aside if that is too much.
    fn make_room(&mut self, bytes: usize) {
        let Some(store) = &self.store else { return };
        if store.grow(bytes as u64) && self.bytes_of_blocks as u64 >= store.least_bytes() {
            self.bytes_of_blocks -= self.blocks.iter_mut().map(|block| block.put_aside(store)).sum::<usize>();
        }
    }

    /// Shows all traces, block by block, in no order that means anything.
    ///
    /// # Errors
    /// If blocks that were put aside cannot be brought back.
    pub(crate) fn for_each_block(&self, mut show: impl FnMut(&RequestBlock)) -> Result<(), SpillError> {
        for packed in &self.blocks {
            let mut block = RequestBlock::unpack(&packed.bytes()?);
            block.heads.iter_mut().for_each(|head| head.trace = packed.rank_of(head.trace));
            show(&block);
        }
        if !self.pending.heads.is_empty() {
            show(&self.pending);
        }
        Ok(())
    }

    /// Takes in what other traces say.
    pub(crate) fn merge(&mut self, mut other: Self) {
        other.pack_pending();
        self.trace_numbers = self.trace_numbers.max(other.trace_numbers);
        self.bytes_of_blocks += other.bytes_of_blocks;
        self.blocks.append(&mut other.blocks);
        self.make_room(0);
    }

    /// Gives each trace its place among all traces in the order of their ids.
    pub(crate) fn renumber_traces(&mut self, rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {
        self.pack_pending();
        renumber_blocks(self.blocks.iter_mut(), self.trace_numbers, rank_of);
        self.trace_numbers = 0;
    }

    /// About how many bytes of memory it takes: what was put aside takes none.
    pub(crate) fn bytes(&self) -> usize {
        self.blocks.capacity() * size_of::<PackedBlock>() + self.bytes_of_blocks + bytes_of_ranks(self.blocks.iter())
    }

    /// Writes the blocks, each as a group below the group `name` that tells how many there are.
    ///
    /// # Errors
    /// If the file cannot be written, or blocks that were put aside cannot be brought back.
    pub(crate) fn write<W: Write>(
        &self,
        file: &mut PartialWriter<W>,
        name: &str,
        numbers: Renumbering<'_>,
    ) -> io::Result<()> {
        let (mut blocks, mut written) = (0, Ok(()));
        let unpacked = self.for_each_block(|block| {
            if written.is_ok() {
                written = file.group(&format!("{name}/{blocks}"), numbers, |group| write_block(block, group));
                blocks += 1;
            }
        });
        unpacked.map_err(io::Error::other)?;
        written?;
        file.group(name, numbers, |group| group.u32s("blocks", std::iter::once(blocks)))
    }

    /// Takes in what [`RequestLog::write`] wrote.
    ///
    /// # Errors
    /// If it is not there or cannot be decoded.
    pub(crate) fn merge_file(
        &mut self,
        file: &PartialReader,
        name: &str,
        numbers: Renumbering<'_>,
    ) -> Result<(), PartialError> {
        let blocks = file.group(name, numbers, |group| group.u32s("blocks"))?;
        for block in 0..blocks.first().copied().unwrap_or_default() {
            let block = file.group(&format!("{name}/{block}"), numbers, read_block)?;
            self.add(&block);
        }
        Ok(())
    }
}

/// Books path number `index`, which belongs to the trace's entry number `entry`.
fn book(
    trace: &TraceView<'_>,
    index: usize,
    entry: u32,
    names: &mut Numbered<Spent>,
    times: &mut HashMap<(u32, u32), i64, FixedState>,
) {
    trace.for_each_piece(index, |piece, backoff| {
        let spent = match backoff {
            Some(backoff) => Spent { place: trace.place_of_backoff(backoff), target_kind: Some(backoff.target.kind) },
            None => {
                let place = trace.place(piece.row);
                Spent { place, target_kind: trace.target_kind_of_place(piece.row, &place) }
            }
        };
        let time = times.entry((entry, names.number(spent))).or_default();
        *time = time.saturating_add(piece.end - piece.start);
    });
}

/// What a failure is blamed on: what the call that began it did not reach, else the service where it began.
fn blamed(trace: &TraceView<'_>, origin: &FailureOrigin) -> Target {
    let in_service = Target { name: origin.service(trace), kind: TargetKind::Service };
    let Some(call) = origin.call(trace).filter(|call| call.callee == NO_ROW && !origin.is_slow) else {
        return in_service;
    };
    let is_unreached = |class| matches!(class, ErrorClass::Timeout | ErrorClass::Unavailable);
    match call.target.kind {
        TargetKind::Service => call.target,
        TargetKind::Unnamed => in_service,
        TargetKind::Database | TargetKind::External | TargetKind::Messaging => {
            let of_call = trace.calls.error_class(call, trace.tree, trace.semantics);
            let origin = trace.semantics_of(origin.row);
            // Many errors have no type, and say in words that nobody was there.
            let of_message = classify(trace.semantics.symbols.resolve(origin.message), 0, None);
            let is_unreached = [of_call, origin.error_class, of_message].into_iter().any(is_unreached);
            if is_unreached { call.target } else { in_service }
        }
    }
}

columns! {
    /// An entry, as it is written.
    struct EntryName in EntryNames {
        kind: RootReason,
        service: Symbol,
        operation: Symbol,
    }
}

columns! {
    /// Where time is spent, as it is written; the target's kind is told beside it.
    struct SpentName in SpentNames {
        service: Symbol,
        operation: Symbol,
        component: Component,
        target: Symbol,
        has_kind: bool,
        target_kind: TargetKind,
    }
}

columns! {
    /// Where failures begin, as it is written.
    struct OriginName in OriginNames {
        origin: Option<Target>,
    }
}

columns! {
    /// What makes calls, as it is written.
    struct CallerName in CallerNames {
        service: Symbol,
        operation: Symbol,
    }
}

columns! {
    /// What is called, as it is written.
    struct CallName in CallNames {
        caller: u32,
        target: Option<Target>,
        operation: Symbol,
    }
}

/// Columns of rows.
fn columns_of<C: Columns>(rows: impl Iterator<Item = C::Row>) -> C {
    let mut columns = C::default();
    rows.for_each(|row| columns.push(row));
    columns
}

fn write_block(block: &RequestBlock, group: &mut GroupWriter<'_>) {
    columns_of::<HeadColumns>(block.heads.iter().cloned()).write("", group);
    let mut beside = |name: &str, write: &dyn Fn(&mut GroupWriter<'_>)| group.beside(name, write);
    beside("entries", &|group| columns_of::<EntryColumns>(block.entries.iter().cloned()).write("", group));
    beside("times", &|group| columns_of::<TimeColumns>(block.times.iter().cloned()).write("", group));
    for (name, counts) in [("origins", &block.origins), ("callers", &block.callers), ("calls", &block.calls)] {
        beside(name, &|group| columns_of::<CountColumns>(counts.iter().cloned()).write("", group));
    }
    beside("entry_names", &|group| {
        let names = block.entry_names.all().iter();
        let names = names.map(|&Entry { kind, service, operation }| EntryName { kind, service, operation });
        columns_of::<EntryNames>(names).write("", group);
    });
    beside("spent_names", &|group| {
        let names = block.spent_names.all().iter().map(|&Spent { place, target_kind }| {
            let Place { service, operation, component, target } = place;
            let (has_kind, target_kind) = (target_kind.is_some(), target_kind.unwrap_or_default());
            SpentName { service, operation, component, target, has_kind, target_kind }
        });
        columns_of::<SpentNames>(names).write("", group);
    });
    beside("origin_names", &|group| {
        let names = block.origin_names.all().iter().map(|&origin| OriginName { origin: Some(origin) });
        columns_of::<OriginNames>(names).write("", group);
    });
    beside("caller_names", &|group| {
        let names = block.caller_names.all().iter();
        let names = names.map(|&CallerOperation { service, operation }| CallerName { service, operation });
        columns_of::<CallerNames>(names).write("", group);
    });
    beside("call_names", &|group| {
        let names = block.call_names.all().iter().map(|&CalledOperation { caller, target, operation }| CallName {
            caller,
            target: Some(target),
            operation,
        });
        columns_of::<CallNames>(names).write("", group);
    });
}

/// Numbers names in the order in which they come: in a file each stands once.
fn numbered<T: Copy + Eq + std::hash::Hash>(names: impl Iterator<Item = T>) -> Result<Numbered<T>, ArrowError> {
    let mut numbered = Numbered::default();
    for (place, name) in (0u32..).zip(names) {
        if numbered.number(name) != place {
            return Err(unsound());
        }
    }
    Ok(numbered)
}

fn unsound() -> ArrowError {
    ArrowError::ParseError("what is said of requests names what is not there".to_owned())
}

fn read_counts(name: &str, group: &GroupReader<'_>) -> Result<Vec<CountOfTrace>, ArrowError> {
    let CountColumns { of, count } = group.beside(name, |group| CountColumns::read("", group))?;
    Ok(of.into_iter().zip(count).map(|(of, count)| CountOfTrace { of, count }).collect())
}

fn read_block(group: &GroupReader<'_>) -> Result<RequestBlock, ArrowError> {
    let heads = HeadColumns::read("", group)?;
    let entries = group.beside("entries", |group| EntryColumns::read("", group))?;
    let times = group.beside("times", |group| TimeColumns::read("", group))?;
    let entry_names = group.beside("entry_names", |group| EntryNames::read("", group))?;
    let spent_names = group.beside("spent_names", |group| SpentNames::read("", group))?;
    let OriginNames { origin } = group.beside("origin_names", |group| OriginNames::read("", group))?;
    let caller_names = group.beside("caller_names", |group| CallerNames::read("", group))?;
    let call_names = group.beside("call_names", |group| CallNames::read("", group))?;
    let origin_count = group.beside("origin_names", |group| Ok(group.len()))?;
    let block = RequestBlock {
        entry_names: numbered((0..entry_names.service.len()).map(|row| Entry {
            kind: entry_names.kind.get(row),
            service: entry_names.service[row],
            operation: entry_names.operation[row],
        }))?,
        spent_names: numbered((0..spent_names.service.len()).map(|row| {
            let place = Place {
                service: spent_names.service[row],
                operation: spent_names.operation[row],
                component: spent_names.component.get(row),
                target: spent_names.target[row],
            };
            Spent { place, target_kind: spent_names.has_kind[row].then(|| spent_names.target_kind.get(row)) }
        }))?,
        origin_names: numbered((0..origin_count).map(|row| origin.get(row).unwrap_or_default()))?,
        caller_names: numbered((0..caller_names.service.len()).map(|row| CallerOperation {
            service: caller_names.service[row],
            operation: caller_names.operation[row],
        }))?,
        call_names: numbered((0..call_names.caller.len()).map(|row| CalledOperation {
            caller: call_names.caller[row],
            target: call_names.target.get(row).unwrap_or_default(),
            operation: call_names.operation[row],
        }))?,
        heads: (0..heads.trace.len())
            .map(|row| TraceHead {
                trace: heads.trace[row],
                start: heads.start[row],
                adjusted_count: heads.adjusted_count[row],
                has_root: heads.has_root[row],
                entries: heads.entries[row],
                times: heads.times[row],
                origins: heads.origins[row],
                callers: heads.callers[row],
                calls: heads.calls[row],
            })
            .collect(),
        entries: (0..entries.entry.len())
            .map(|row| EntryOfTrace {
                entry: entries.entry[row],
                duration: entries.duration[row],
                failed: entries.failed[row],
            })
            .collect(),
        times: (0..times.entry.len())
            .map(|row| TimeOfTrace { entry: times.entry[row], spent: times.spent[row], time: times.time[row] })
            .collect(),
        origins: read_counts("origins", group)?,
        callers: read_counts("callers", group)?,
        calls: read_counts("calls", group)?,
    };
    if block.is_sound() { Ok(block) } else { Err(unsound()) }
}
