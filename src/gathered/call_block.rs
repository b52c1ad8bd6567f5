//! Logged calls in some ten to twenty bytes each: memory that a run touches is most of what a log of every call would cost.
//!
//! ```text
//! bytes of traces ─ trace ─ trace ─ … ─ number of edges ─ edge ─ edge ─ …
//! trace: number after the one before ─ start after the one before
//! edge:  target ─ caller ─ number of kinds ─ kind ─ kind ─ … ─ bytes of calls ─ call ─ call ─ …
//! kind:  flags ─ operations ─ instance                      what many calls have in common, told once
//! call:  kind and whether its trace is another ─ traces ahead ─ start in the trace ─ duration ─ row ─ caller span ─
//!        what the flags say is there
//! ```
//!
//! Those of one edge lie together, because whoever asks for calls mostly asks for those of few edges. Numbers are
//! [`varints`](super::varints). Many sources know only microseconds or milliseconds: times of a call are divided by the largest unit
//! that divides all of them, which is part of its kind. Calls are packed as they come, without being sorted.

use std::hash::{Hash, Hasher};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::conventions::ErrorClass;
use crate::frame::Symbol;
use crate::partial::TraceNumber;
use crate::span::SpanId;
use crate::trace::{Target, TargetKind};

use super::call_log::{FailedCall, LoggedCall};
use super::varints::{Packer, Unpacker, in_units};

/// Units of times in ns, the largest first.
const TIME_UNITS_NS: [i64; 3] = [1_000_000, 1_000, 1];

const IS_FIRST_OF_CALLER: u8 = 1 << 0;
const HAS_EXIT_SPAN: u8 = 1 << 1;
const IS_ALONG_EDGE: u8 = 1 << 2;
const IS_FAILED: u8 = 1 << 3;
const STANDS_FOR_SEVERAL: u8 = 1 << 4;
const HAS_ADJUSTED_COUNT: u8 = 1 << 5;
/// The place of the unit in [`TIME_UNITS_NS`].
const UNIT_SHIFT: u8 = 6;

/// Target and caller service.
pub(crate) type EdgeOfCalls = (Target, Symbol);

/// What calls of one kind have in common.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Kind {
    target: Target,
    caller_service: Symbol,
    caller_operation: Symbol,
    operation: Symbol,
    instance: u64,
    flags: u8,
}

/// Three words instead of seven numbers, because every call is looked up by its kind.
impl Hash for Kind {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { target, caller_service, caller_operation, operation, instance, flags } = *self;
        state.write_u64(u64::from(target.name.0) << 32 | u64::from(caller_service.0));
        state.write_u64(u64::from(caller_operation.0) << 32 | u64::from(operation.0));
        state.write_u64(instance << 16 | u64::from(flags) << 8 | target.kind as u64);
    }
}

impl Kind {
    fn of(call: &LoggedCall, unit: usize) -> Self {
        let LoggedCall { target, caller_service, caller_operation, operation, instance, .. } = *call;
        let flags = [
            (IS_FIRST_OF_CALLER, call.first_of.is_some()),
            (HAS_EXIT_SPAN, call.has_exit_span),
            (IS_ALONG_EDGE, call.is_along_edge),
            (IS_FAILED, call.failed.is_some()),
            (STANDS_FOR_SEVERAL, call.weight != 1),
            (HAS_ADJUSTED_COUNT, call.failed.is_some_and(|failed| failed.adjusted_count != 1.0)),
        ];
        let flags: u8 = flags.iter().map(|&(flag, is_set)| flag * u8::from(is_set)).sum();
        Self {
            target,
            caller_service,
            caller_operation,
            operation,
            instance,
            flags: flags | (unit as u8) << UNIT_SHIFT,
        }
    }

    fn unit_ns(&self) -> i64 {
        TIME_UNITS_NS.get(usize::from(self.flags >> UNIT_SHIFT)).copied().unwrap_or(1)
    }
}

/// A trace, where starts of its calls are told from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct TraceHead {
    trace: u32,
    start: i64,
}

impl TraceHead {
    /// Before all traces of a block.
    const NONE: Self = Self { trace: 0, start: 0 };
}

/// Calls along one edge.
#[derive(Clone, Debug, Default)]
struct Stream {
    edge: EdgeOfCalls,
    /// In the order of their numbers.
    kinds: Vec<Kind>,
    calls: u64,
    /// The place of the trace of the last call.
    trace: u32,
    packed: Packer,
}

impl Stream {
    fn clear(&mut self) {
        let Self { edge, kinds, calls, trace, packed } = self;
        (*edge, *calls, *trace) = Default::default();
        kinds.clear();
        packed.0.clear();
    }
}

/// Where calls of a kind go.
#[derive(Clone, Copy, Debug)]
struct KindPlace {
    /// The place of its edge.
    stream: u32,
    /// Its number among the kinds of this edge.
    number: u32,
}

/// Packs calls: those of one trace should come together.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallPacker {
    kinds: HashMap<Kind, KindPlace, FixedState>,
    /// The places of edges.
    edges: HashMap<EdgeOfCalls, u32, FixedState>,
    /// By places of edges; more than there are edges where room is left of calls that were packed before.
    streams: Vec<Stream>,
    /// Bytes that these have room for.
    room: usize,
    traces: Packer,
    head: Option<TraceHead>,
    /// The place of the trace of the last call.
    trace: u32,
    calls: usize,
}

/// So much room is kept for the next calls: edges come in another order then, so that each place ends up with the room for the most
/// calls that any had.
const MOST_ROOM: usize = 2 << 20;

impl CallPacker {
    /// Number of calls.
    pub(super) fn len(&self) -> usize {
        self.calls
    }

    /// About how many bytes of memory it takes.
    pub(super) fn bytes(&self) -> usize {
        self.room
            + self.traces.0.capacity()
            + self.kinds.capacity() * 3 * size_of::<Kind>()
            + self.streams.capacity() * size_of::<Stream>()
    }

    /// Adds a call.
    pub(super) fn push(&mut self, call: &LoggedCall) {
        let known = self.head.filter(|head| head.trace == call.trace.0);
        let head = known.unwrap_or_else(|| self.begin_trace(call));
        let times = [call.start.wrapping_sub(head.start), call.duration, after_caller(call)];
        let kind = Kind::of(call, unit_of(times));
        let KindPlace { stream, number } = match self.kinds.get(&kind) {
            Some(&place) => place,
            None => self.new_kind(kind),
        };
        let stream = &mut self.streams[stream as usize];
        let room = stream.packed.0.capacity();
        let ahead = self.trace - stream.trace;
        stream.packed.number(u64::from(number) << 1 | u64::from(ahead > 0));
        if ahead > 0 {
            stream.packed.number(ahead.into());
            stream.trace = self.trace;
        }
        stream.packed.call(call, times, kind.unit_ns());
        stream.calls += 1;
        self.room += stream.packed.0.capacity() - room;
        self.calls += 1;
    }

    fn begin_trace(&mut self, call: &LoggedCall) -> TraceHead {
        // A multiple of all units, so that what is left is one too.
        let start = call.start.wrapping_sub(call.start.rem_euclid(TIME_UNITS_NS[0]));
        let head = TraceHead { trace: call.trace.0, start };
        self.trace = if self.head.is_some() { self.trace + 1 } else { 0 };
        let last = self.head.replace(head).unwrap_or(TraceHead::NONE);
        self.traces.signed(i64::from(head.trace) - i64::from(last.trace));
        self.traces.signed(head.start.wrapping_sub(last.start));
        head
    }

    fn new_kind(&mut self, kind: Kind) -> KindPlace {
        let edge = (kind.target, kind.caller_service);
        let next = self.edges.len() as u32;
        let place = *self.edges.entry(edge).or_insert(next);
        if place as usize == self.streams.len() {
            self.streams.push(Stream::default());
        }
        let stream = &mut self.streams[place as usize];
        stream.edge = edge;
        let place = KindPlace { stream: place, number: stream.kinds.len() as u32 };
        stream.kinds.push(kind);
        self.kinds.insert(kind, place);
        place
    }

    fn streams(&self) -> &[Stream] {
        &self.streams[..self.edges.len()]
    }

    /// How many calls go along which edges: target and caller service.
    pub(super) fn edges(&self) -> impl Iterator<Item = (EdgeOfCalls, u64)> {
        self.streams().iter().map(|stream| (stream.edge, stream.calls))
    }

    /// The calls, packed.
    pub(super) fn block(&self) -> Box<[u8]> {
        let bytes: usize = self.streams().iter().map(|stream| 20 + stream.packed.0.len()).sum();
        let mut packed = Packer(Vec::with_capacity(bytes + self.traces.0.len() + 20 * self.kinds.len() + 20));
        packed.number(self.traces.0.len() as u64);
        packed.0.extend_from_slice(&self.traces.0);
        packed.number(self.edges.len() as u64);
        for Stream { edge: (target, caller_service), kinds, packed: calls, .. } in self.streams() {
            packed.0.push(target.kind as u8);
            packed.number(target.name.0.into());
            packed.number(caller_service.0.into());
            packed.number(kinds.len() as u64);
            for kind in kinds {
                packed.0.push(kind.flags);
                packed.number(kind.caller_operation.0.into());
                packed.number(kind.operation.0.into());
                packed.number(kind.instance);
            }
            packed.number(calls.0.len() as u64);
            packed.0.extend_from_slice(&calls.0);
        }
        packed.0.into_boxed_slice()
    }

    /// Forgets all calls, but keeps the room that they took.
    pub(super) fn clear(&mut self) {
        let Self { kinds, edges, streams, room, traces, head, trace, calls } = self;
        kinds.clear();
        edges.clear();
        if *room > MOST_ROOM {
            (*streams, *room) = Default::default();
        }
        streams.iter_mut().for_each(Stream::clear);
        traces.0.clear();
        (*head, *trace, *calls) = (None, 0, 0);
    }
}

/// How long in ns after its caller span the call began, if it is the first.
fn after_caller(call: &LoggedCall) -> i64 {
    call.first_of.map_or(0, |caller_start| call.start.wrapping_sub(caller_start))
}

/// The place in [`TIME_UNITS_NS`] of the largest unit that divides all of some times. Units are named one by one, as in
/// [`in_units`].
fn unit_of(times: [i64; 3]) -> usize {
    if times.iter().all(|time| time % TIME_UNITS_NS[0] == 0) {
        0
    } else if times.iter().all(|time| time % TIME_UNITS_NS[1] == 0) {
        1
    } else {
        2
    }
}

impl Packer {
    /// Adds a call, with its start in the trace, its duration, and how long after its caller span it began.
    fn call(&mut self, call: &LoggedCall, [start, duration, after_caller]: [i64; 3], unit_ns: i64) {
        self.signed(in_units(start, unit_ns));
        self.signed(in_units(duration, unit_ns));
        self.number(call.row.into());
        self.signed(i64::from(call.row) - i64::from(call.caller_span));
        if call.weight != 1 {
            self.number(call.weight.into());
        }
        if call.first_of.is_some() {
            self.signed(in_units(after_caller, unit_ns));
        }
        if let Some(FailedCall { error_class, span_id, path_ns, adjusted_count }) = call.failed {
            self.0.push(error_class as u8);
            self.0.extend_from_slice(&span_id.0.to_le_bytes());
            self.signed(path_ns);
            if adjusted_count != 1.0 {
                self.0.extend_from_slice(&adjusted_count.to_le_bytes());
            }
        }
    }
}

/// Shows the calls of a packed block along wanted edges, with the numbers that `rank_of` gives their traces.
/// Where the block ends too early, so do the calls.
pub(super) fn unpack(
    packed: &[u8],
    wants: impl Fn(EdgeOfCalls) -> bool,
    rank_of: impl Fn(TraceNumber) -> TraceNumber,
    mut take: impl FnMut(LoggedCall),
) {
    let mut packed = Unpacker(packed);
    let mut packed_traces = packed.part();
    // The number and the start of each.
    let mut traces: Vec<(TraceNumber, i64)> = Vec::new();
    let mut kinds: Vec<Kind> = Vec::new();
    for _ in 0..packed.number() {
        if packed.0.is_empty() {
            return;
        }
        let kind = TargetKind::ALL.get(usize::from(packed.byte())).copied().unwrap_or_default();
        let target = Target { kind, name: Symbol(packed.number() as u32) };
        let caller_service = Symbol(packed.number() as u32);
        kinds.clear();
        for _ in 0..packed.number() {
            if packed.0.is_empty() {
                return;
            }
            let flags = packed.byte();
            let [caller_operation, operation] = std::array::from_fn(|_| Symbol(packed.number() as u32));
            let instance = packed.number();
            kinds.push(Kind { target, caller_service, caller_operation, operation, instance, flags });
        }
        let mut calls = packed.part();
        if !wants((target, caller_service)) {
            continue;
        }
        let mut head = TraceHead::NONE;
        while !packed_traces.0.is_empty() {
            head.trace = i64::from(head.trace).wrapping_add(packed_traces.signed()) as u32;
            head.start = head.start.wrapping_add(packed_traces.signed());
            traces.push((rank_of(TraceNumber(head.trace)), head.start));
        }
        let mut place = 0usize;
        while !calls.0.is_empty() {
            let number = calls.number();
            if number & 1 > 0 {
                place = place.saturating_add(calls.number() as usize);
            }
            let Some((kind, &(trace, start))) = kinds.get((number >> 1) as usize).zip(traces.get(place)) else {
                return;
            };
            take(calls.call(kind, start, trace));
        }
    }
}

impl Unpacker<'_> {
    fn call(&mut self, kind: &Kind, trace_start: i64, trace: TraceNumber) -> LoggedCall {
        let &Kind { target, caller_service, caller_operation, operation, instance, flags } = kind;
        let (has, unit) = (|flag: u8| flags & flag != 0, kind.unit_ns());
        let start = trace_start.wrapping_add(self.signed().wrapping_mul(unit));
        let duration = self.signed().wrapping_mul(unit);
        let row = self.number() as u32;
        let caller_span = i64::from(row).wrapping_sub(self.signed()) as u32;
        let weight = if has(STANDS_FOR_SEVERAL) { self.number() as u32 } else { 1 };
        let first_of = has(IS_FIRST_OF_CALLER).then(|| start.wrapping_sub(self.signed().wrapping_mul(unit)));
        let failed = has(IS_FAILED).then(|| {
            let error_class = ErrorClass::ALL.get(usize::from(self.byte())).copied().unwrap_or_default();
            let span_id = SpanId(u64::from_le_bytes(self.word()));
            let path_ns = self.signed();
            let adjusted_count = if has(HAS_ADJUSTED_COUNT) { f64::from_le_bytes(self.word()) } else { 1.0 };
            FailedCall { error_class, span_id, path_ns, adjusted_count }
        });
        LoggedCall {
            target,
            caller_service,
            caller_operation,
            operation,
            trace,
            row,
            caller_span,
            start,
            duration,
            weight,
            has_exit_span: has(HAS_EXIT_SPAN),
            is_along_edge: has(IS_ALONG_EDGE),
            instance,
            first_of,
            failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_call() -> impl Strategy<Value = LoggedCall> {
        let number = prop_oneof![0..3u32, any::<u32>()];
        let time = prop_oneof![(0..5_000i64).prop_map(|time| time * 1_000), any::<i64>()];
        let names = (0..4u32, 0..5usize, 0..3u32, 0..3u32, any::<u32>());
        let failed = proptest::option::of((0..6usize, any::<u64>(), any::<i64>()));
        let first_of = proptest::option::of(time.clone());
        let flags = (any::<bool>(), any::<bool>());
        let instance = prop_oneof![0..3u64, any::<u64>()];
        let numbers = (number.clone(), number.clone(), number.clone(), number, instance);
        (names, numbers, (time.clone(), time), flags, first_of, failed).prop_map(
            |(names, (trace, row, caller_span, weight, instance), (start, duration), flags, first_of, failed)| {
                LoggedCall {
                    target: Target { name: Symbol(names.0), kind: TargetKind::ALL[names.1] },
                    caller_service: Symbol(names.2),
                    caller_operation: Symbol(names.3),
                    operation: Symbol(names.4),
                    trace: TraceNumber(trace),
                    row,
                    caller_span,
                    start,
                    duration,
                    weight,
                    has_exit_span: flags.0,
                    is_along_edge: flags.1,
                    instance,
                    first_of,
                    failed: failed.map(|(class, span_id, path_ns)| FailedCall {
                        error_class: ErrorClass::ALL[class],
                        span_id: SpanId(span_id),
                        path_ns,
                        adjusted_count: 1.0 + (span_id % 2) as f64 / 4.0,
                    }),
                }
            },
        )
    }

    fn packed(calls: &[LoggedCall]) -> Box<[u8]> {
        let mut packer = CallPacker::default();
        calls.iter().for_each(|call| packer.push(call));
        assert_eq!(packer.len(), calls.len());
        packer.block()
    }

    /// Edge by edge, in the order in which edges came first.
    fn by_edge(calls: &[LoggedCall]) -> Vec<LoggedCall> {
        let edge = |call: &LoggedCall| (call.target, call.caller_service);
        let mut ordered = calls.to_vec();
        ordered.sort_by_key(|call| calls.iter().position(|first| edge(first) == edge(call)));
        ordered
    }

    proptest! {
        /// Whatever calls say, also what no trace says, they come back as they were, those of each edge in their order; those of targets that
        /// are not wanted are left out, and a block cut short is no panic.
        #[test]
        fn calls_come_back(calls in proptest::collection::vec(any_call(), 0..40), cut in any::<prop::sample::Index>()) {
            let packed = packed(&calls);
            let mut found = Vec::new();
            unpack(&packed, |_| true, |trace| trace, |call| found.push(call));
            let calls = by_edge(&calls);
            prop_assert_eq!(&found, &calls);
            let (mut wanted, name) = (Vec::new(), Symbol(1));
            let renumbered = |trace: TraceNumber| TraceNumber(trace.0 ^ 5);
            unpack(&packed, |(target, _)| target.name == name, renumbered, |call| wanted.push(call));
            let of_name = calls.iter().filter(|call| call.target.name == name);
            let expected: Vec<LoggedCall> =
                of_name.map(|call| LoggedCall { trace: renumbered(call.trace), ..*call }).collect();
            prop_assert_eq!(wanted, expected);
            let mut of_less = 0;
            unpack(&packed[..cut.index(packed.len())], |_| true, |trace| trace, |_| of_less += 1);
            prop_assert!(of_less <= 40);
        }
    }

    /// Calls of one trace that are so far apart that the distance is no number of their units come back too.
    #[test]
    fn calls_far_apart_come_back() {
        let call = |start: i64, duration: i64| LoggedCall {
            trace: TraceNumber(1),
            start,
            duration,
            weight: 1,
            first_of: Some(start.wrapping_add(duration)),
            ..LoggedCall::default()
        };
        let calls =
            [call(6_108_773_581_294_000_000, 0), call(-6_108_773_581_294_000_000, 7_000), call(i64::MIN, i64::MAX)];
        let mut found = Vec::new();
        unpack(&packed(&calls), |_| true, |trace| trace, |call| found.push(call));
        assert_eq!(found, calls);
    }

    /// A call as traces have them takes few bytes, and fewer where clocks know only microseconds.
    #[test]
    fn calls_are_small() {
        let packed_bytes = |noise_ns: i64| {
            let call = |number: i64| {
                let trace = number / 5;
                let start = 1_700_000_000_000_000_000 + trace * 70_010_000 + number % 5 * 3_001_000;
                let start = start + number * 31 % noise_ns;
                LoggedCall {
                    trace: TraceNumber(70_000 + trace as u32),
                    row: 5,
                    caller_span: 2,
                    start,
                    duration: 4_000_000 + number % 997 * 1_000 + number * 17 % noise_ns,
                    weight: 1,
                    operation: Symbol(number as u32 % 7),
                    first_of: (number % 2 == 0).then_some(start - 301_000),
                    ..LoggedCall::default()
                }
            };
            packed(&(0..1_000).map(call).collect::<Vec<_>>()).len()
        };
        let (microseconds, nanoseconds) = (packed_bytes(1), packed_bytes(1_000));
        assert!(microseconds < 11_000 && nanoseconds < 15_000, "{microseconds} {nanoseconds}");
        assert!(microseconds < nanoseconds, "{microseconds} {nanoseconds}");
    }
}
