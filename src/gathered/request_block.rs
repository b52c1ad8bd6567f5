//! What traces say of the requests in them, some thousand traces at a time, and the same packed.
//!
//! Traces name entries, places, calls and so on by number: the names stand once in each block, so that a trace takes some
//! hundred bytes, and who goes through a block looks each name up once.

use std::hash::Hash;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::frame::Symbol;
use crate::partial::{TraceNumber, columns};
use crate::trace::{Component, Entry, Place, RootReason, Target, TargetKind};

use super::varints::{Packer, Unpacker};

/// Where path time is spent, and of what kind the target is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Spent {
    /// As latency attribution books it.
    pub(crate) place: Place,
    /// Kind of the place's target; `None` for the service's own work.
    pub(crate) target_kind: Option<TargetKind>,
}

/// What makes calls: an operation of a service.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct CallerOperation {
    /// The service.
    pub(crate) service: Symbol,
    /// What it was asked for.
    pub(crate) operation: Symbol,
}

/// What is called by such an operation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct CalledOperation {
    /// Number of the caller's operation in the block.
    pub(crate) caller: u32,
    /// What is called.
    pub(crate) target: Target,
    /// What it is asked for.
    pub(crate) operation: Symbol,
}

columns! {
    /// An entry of a trace.
    pub(crate) struct EntryOfTrace in EntryColumns {
        /// Number of the entry in the block.
        entry: u32,
        /// Summed durations of the roots, in ns.
        duration: i64,
        /// Whether one of them failed.
        failed: bool,
    }
}

columns! {
    /// Path time of a trace.
    pub(crate) struct TimeOfTrace in TimeColumns {
        /// Place of the entry among those of the trace.
        entry: u32,
        /// Number of the place in the block.
        spent: u32,
        /// The time in ns.
        time: i64,
    }
}

columns! {
    /// How often a trace has something.
    pub(crate) struct CountOfTrace in CountColumns {
        /// Number of that in the block.
        of: u32,
        /// How often.
        count: u64,
    }
}

columns! {
    /// A trace, and how many of each it has.
    pub(super) struct TraceHead in HeadColumns {
        trace: TraceNumber,
        start: i64,
        adjusted_count: f64,
        has_root: bool,
        entries: u32,
        times: u32,
        origins: u32,
        callers: u32,
        calls: u32,
    }
}

/// What one trace says of the requests in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TraceRequests<'a> {
    /// The trace.
    pub(crate) trace: TraceNumber,
    /// Start of the first root, else of the first span, in ns since 1970.
    pub(crate) start: i64,
    /// How many traces it stands for because of sampling.
    pub(crate) adjusted_count: f64,
    /// Whether it has a root: else it has no times, and its entry is its first fragment.
    pub(crate) has_root: bool,
    /// Its entries, each once; that of the first root is the first.
    pub(crate) entries: &'a [EntryOfTrace],
    /// Where the time of its roots went, in the order of entries and places.
    pub(crate) times: &'a [TimeOfTrace],
    /// Where its failures began.
    pub(crate) origins: &'a [CountOfTrace],
    /// The spans that make calls or could, by operation.
    pub(crate) callers: &'a [CountOfTrace],
    /// The counted calls.
    pub(crate) calls: &'a [CountOfTrace],
}

/// Names that are told by number.
#[derive(Clone, Debug)]
pub(crate) struct Numbered<T> {
    all: Vec<T>,
    numbers: HashMap<T, u32, FixedState>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { all: Vec::new(), numbers: HashMap::default() }
    }
}

impl<T: Copy + Eq + Hash> Numbered<T> {
    /// The number of a name, which gets the next one if it is new.
    pub(crate) fn number(&mut self, name: T) -> u32 {
        let next = self.all.len() as u32;
        let number = *self.numbers.entry(name).or_insert(next);
        if number == next {
            self.all.push(name);
        }
        number
    }

    /// The names by number.
    pub(crate) fn all(&self) -> &[T] {
        &self.all
    }
}

/// The traces of a block.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestBlock {
    /// Where requests come in.
    pub(crate) entry_names: Numbered<Entry>,
    /// Where time is spent.
    pub(crate) spent_names: Numbered<Spent>,
    /// Where failures begin.
    pub(crate) origin_names: Numbered<Target>,
    /// What makes calls.
    pub(crate) caller_names: Numbered<CallerOperation>,
    /// What is called.
    pub(crate) call_names: Numbered<CalledOperation>,
    pub(super) heads: Vec<TraceHead>,
    pub(super) entries: Vec<EntryOfTrace>,
    pub(super) times: Vec<TimeOfTrace>,
    pub(super) origins: Vec<CountOfTrace>,
    pub(super) callers: Vec<CountOfTrace>,
    pub(super) calls: Vec<CountOfTrace>,
}

impl RequestBlock {
    /// The traces, in no order that means anything.
    pub(crate) fn traces(&self) -> impl Iterator<Item = TraceRequests<'_>> {
        let (mut entries, mut times, mut origins) = (&self.entries[..], &self.times[..], &self.origins[..]);
        let (mut callers, mut calls) = (&self.callers[..], &self.calls[..]);
        self.heads.iter().map(move |head| TraceRequests {
            trace: head.trace,
            start: head.start,
            adjusted_count: head.adjusted_count,
            has_root: head.has_root,
            entries: split_off(&mut entries, head.entries),
            times: split_off(&mut times, head.times),
            origins: split_off(&mut origins, head.origins),
            callers: split_off(&mut callers, head.callers),
            calls: split_off(&mut calls, head.calls),
        })
    }

    /// Whether every number means something: who made the block may have read it from a file.
    pub(super) fn is_sound(&self) -> bool {
        let total = |count: fn(&TraceHead) -> u32| self.heads.iter().map(|head| count(head) as usize).sum::<usize>();
        let counts_fit = total(|head| head.entries) == self.entries.len()
            && total(|head| head.times) == self.times.len()
            && total(|head| head.origins) == self.origins.len()
            && total(|head| head.callers) == self.callers.len()
            && total(|head| head.calls) == self.calls.len();
        let names = |counts: &[CountOfTrace], names: usize| counts.iter().all(|count| (count.of as usize) < names);
        counts_fit
            && self.heads.iter().all(|head| head.entries > 0)
            && self.entries.iter().all(|entry| (entry.entry as usize) < self.entry_names.all.len())
            && self.times.iter().all(|time| (time.spent as usize) < self.spent_names.all.len())
            && names(&self.origins, self.origin_names.all.len())
            && names(&self.callers, self.caller_names.all.len())
            && names(&self.calls, self.call_names.all.len())
            && self.call_names.all.iter().all(|call| (call.caller as usize) < self.caller_names.all.len())
            && self.traces().all(|trace| trace.times.iter().all(|time| (time.entry as usize) < trace.entries.len()))
    }

    /// Packs it.
    pub(super) fn pack(&self) -> Box<[u8]> {
        let mut packed = Packer(Vec::with_capacity(self.heads.len() * 128));
        let mut last_start = 0;
        packed.list(&self.heads, |packed, head| {
            packed.number(head.trace.0.into());
            packed.signed(head.start.wrapping_sub(last_start));
            last_start = head.start;
            // Most counts are whole numbers, whose last bytes are zeros.
            packed.number(head.adjusted_count.to_bits().swap_bytes());
            packed.number(head.has_root.into());
            for count in [head.entries, head.times, head.origins, head.callers, head.calls] {
                packed.number(count.into());
            }
        });
        packed.list(&self.entries, |packed, entry| {
            packed.number(u64::from(entry.entry) << 1 | u64::from(entry.failed));
            packed.signed(entry.duration);
        });
        packed.list(&self.times, |packed, time| {
            packed.number(time.entry.into());
            packed.number(time.spent.into());
            packed.signed(time.time);
        });
        for counts in [&self.origins, &self.callers, &self.calls] {
            packed.list(counts, |packed, count| {
                packed.number(count.of.into());
                packed.number(count.count);
            });
        }
        packed.list(&self.entry_names.all, |packed, entry| {
            packed.number(entry.kind as u64);
            packed.symbols([entry.service, entry.operation]);
        });
        packed.list(&self.spent_names.all, |packed, &Spent { place, target_kind }| {
            packed.number(place.component as u64);
            packed.number(target_kind.map_or(0, |kind| kind as u64 + 1));
            packed.symbols([place.service, place.operation, place.target]);
        });
        packed.list(&self.origin_names.all, |packed, origin| packed.target(*origin));
        packed.list(&self.caller_names.all, |packed, caller| packed.symbols([caller.service, caller.operation]));
        packed.list(&self.call_names.all, |packed, call| {
            packed.number(call.caller.into());
            packed.target(call.target);
            packed.symbols([call.operation]);
        });
        packed.0.into_boxed_slice()
    }

    /// The block that was packed.
    pub(super) fn unpack(packed: &[u8]) -> Self {
        let mut packed = Unpacker(packed);
        let mut start = 0i64;
        let heads = packed.list(|packed| {
            let trace = TraceNumber(packed.number() as u32);
            start = start.wrapping_add(packed.signed());
            let adjusted_count = f64::from_bits(packed.number().swap_bytes());
            let has_root = packed.number() != 0;
            let [entries, times, origins, callers, calls] = std::array::from_fn(|_| packed.number() as u32);
            TraceHead { trace, start, adjusted_count, has_root, entries, times, origins, callers, calls }
        });
        let entries = packed.list(|packed| {
            let entry = packed.number();
            EntryOfTrace { entry: (entry >> 1) as u32, duration: packed.signed(), failed: entry & 1 != 0 }
        });
        let times = packed.list(|packed| TimeOfTrace {
            entry: packed.number() as u32,
            spent: packed.number() as u32,
            time: packed.signed(),
        });
        let [origins, callers, calls] = std::array::from_fn(|_| {
            packed.list(|packed| CountOfTrace { of: packed.number() as u32, count: packed.number() })
        });
        let entry_names = packed.names(|packed| {
            let kind = RootReason::ALL[packed.number() as usize % RootReason::ALL.len()];
            let [service, operation] = packed.symbols();
            Entry { kind, service, operation }
        });
        let spent_names = packed.names(|packed| {
            let component = Component::ALL[packed.number() as usize % Component::ALL.len()];
            let target_kind = (packed.number() as usize).checked_sub(1).and_then(|kind| TargetKind::ALL.get(kind));
            let [service, operation, target] = packed.symbols();
            Spent { place: Place { service, operation, component, target }, target_kind: target_kind.copied() }
        });
        let origin_names = packed.names(Unpacker::target);
        let caller_names = packed.names(|packed| {
            let [service, operation] = packed.symbols();
            CallerOperation { service, operation }
        });
        let call_names = packed.names(|packed| {
            let (caller, target, [operation]) = (packed.number() as u32, packed.target(), packed.symbols());
            CalledOperation { caller, target, operation }
        });
        Self {
            entry_names,
            spent_names,
            origin_names,
            caller_names,
            call_names,
            heads,
            entries,
            times,
            origins,
            callers,
            calls,
        }
    }
}

/// Takes the first of what is left.
fn split_off<'a, T>(left: &mut &'a [T], count: u32) -> &'a [T] {
    let (first, rest) = left.split_at(count as usize);
    *left = rest;
    first
}

impl Packer {
    fn list<T>(&mut self, list: &[T], mut pack: impl FnMut(&mut Self, &T)) {
        self.number(list.len() as u64);
        list.iter().for_each(|value| pack(self, value));
    }

    fn symbols<const N: usize>(&mut self, symbols: [Symbol; N]) {
        symbols.iter().for_each(|symbol| self.number(symbol.0.into()));
    }

    fn target(&mut self, target: Target) {
        self.number(target.kind as u64);
        self.symbols([target.name]);
    }
}

impl Unpacker<'_> {
    fn list<T>(&mut self, mut unpack: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = self.number();
        (0..count).map(|_| unpack(self)).collect()
    }

    fn names<T: Copy + Eq + Hash>(&mut self, unpack: impl FnMut(&mut Self) -> T) -> Numbered<T> {
        // Nobody asks for the number of a name that was unpacked.
        Numbered { all: self.list(unpack), numbers: HashMap::default() }
    }

    fn symbols<const N: usize>(&mut self) -> [Symbol; N] {
        std::array::from_fn(|_| Symbol(self.number() as u32))
    }

    fn target(&mut self) -> Target {
        let kind = TargetKind::ALL[self.number() as usize % TargetKind::ALL.len()];
        let [name] = self.symbols();
        Target { name, kind }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block() -> RequestBlock {
        let mut block = RequestBlock::default();
        for number in 0..3u32 {
            let target = Target { name: Symbol(number + 7), kind: TargetKind::ALL[number as usize] };
            block.entry_names.number(Entry {
                kind: RootReason::ALL[number as usize],
                service: Symbol(number),
                operation: Symbol(300),
            });
            let place = Place {
                service: Symbol(number),
                operation: Symbol(1),
                component: Component::ALL[number as usize],
                target: target.name,
            };
            block.spent_names.number(Spent { place, target_kind: (number > 0).then_some(target.kind) });
            block.origin_names.number(target);
            block.caller_names.number(CallerOperation { service: Symbol(number), operation: Symbol(2) });
            block.call_names.number(CalledOperation { caller: number, target, operation: Symbol(3) });
            block.heads.push(TraceHead {
                trace: TraceNumber(number),
                start: [i64::MIN, 1_700_000_000_000_000_000, i64::MAX][number as usize],
                adjusted_count: [1.0, 2.5, 1e300][number as usize],
                has_root: number != 1,
                entries: 1,
                times: number,
                origins: 1,
                callers: 1,
                calls: 1,
            });
            block.entries.push(EntryOfTrace { entry: number, duration: i64::MAX, failed: number == 2 });
            block.times.extend((0..number).map(|spent| TimeOfTrace { entry: 0, spent, time: 1 << spent }));
            for counts in [&mut block.origins, &mut block.callers, &mut block.calls] {
                counts.push(CountOfTrace { of: number, count: u64::MAX });
            }
        }
        block
    }

    fn shown(block: &RequestBlock) -> String {
        let traces: Vec<TraceRequests<'_>> = block.traces().collect();
        let names = (block.entry_names.all(), block.spent_names.all(), block.origin_names.all());
        format!("{traces:?} {names:?} {:?} {:?}", block.caller_names.all(), block.call_names.all())
    }

    /// What is packed comes back, whatever numbers there are.
    #[test]
    fn blocks_come_back() {
        let block = block();
        assert!(block.is_sound());
        assert_eq!(shown(&RequestBlock::unpack(&block.pack())), shown(&block));
    }

    /// Numbers that mean nothing are found before anybody follows them.
    #[test]
    fn wrong_numbers_are_found() {
        let wrong: [fn(&mut RequestBlock); 10] = [
            |block| block.heads[1].entries = 2,
            |block| block.heads[2].times = 1,
            |block| block.entries[0].entry = 3,
            |block| block.times[0].spent = 3,
            |block| block.times[0].entry = 1,
            |block| block.origins[0].of = 3,
            |block| block.callers[0].of = 3,
            |block| block.calls[0].of = 3,
            |block| block.calls.truncate(2),
            |block| block.call_names.all[0].caller = 3,
        ];
        for (number, make_wrong) in wrong.into_iter().enumerate() {
            let mut block = block();
            make_wrong(&mut block);
            assert!(!block.is_sound(), "{number}");
        }
    }
}
