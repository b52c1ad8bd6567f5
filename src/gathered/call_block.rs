//! Logged calls in some ten to twenty bytes each: memory that a run touches is most of what a log of every call would cost.
//!
//! ```text
//! number of kinds ─ kind ─ kind ─ … ─ trace ─ call ─ call ─ … ─ trace ─ call ─ …
//! kind:  flags ─ target ─ caller ─ operations ─ instance      what many calls have in common, told once
//! trace: 0 ─ number after the one before ─ start after the one before
//! call:  number of its kind ─ start in the trace ─ duration ─ row ─ caller span ─ what the flags say is there
//! ```
//!
//! Numbers are [`varints`](super::varints). Many sources know only microseconds or milliseconds: times of a call are divided by
//! the largest unit that divides all of them, which is part of its kind. Calls are packed as they come, without being sorted.

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

/// Packs calls one after the other: those of one trace should come together.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallPacker {
    kinds: HashMap<Kind, u64, FixedState>,
    /// The kinds in the order of their numbers, and how many calls are of each.
    order: Vec<(Kind, u64)>,
    packed: Vec<u8>,
    head: Option<TraceHead>,
    calls: usize,
}

impl CallPacker {
    /// Number of calls.
    pub(super) fn len(&self) -> usize {
        self.calls
    }

    /// About how many bytes of memory it takes.
    pub(super) fn bytes(&self) -> usize {
        self.packed.capacity() + self.order.capacity() * 3 * size_of::<Kind>()
    }

    /// Adds a call.
    pub(super) fn push(&mut self, call: &LoggedCall) {
        let known = self.head.filter(|head| head.trace == call.trace.0);
        let head = known.unwrap_or_else(|| TraceHead {
            trace: call.trace.0,
            // A multiple of all units, so that what is left is one too.
            start: call.start.wrapping_sub(call.start.rem_euclid(TIME_UNITS_NS[0])),
        });
        let times = [call.start.wrapping_sub(head.start), call.duration, after_caller(call)];
        let kind = Kind::of(call, unit_of(times));
        let next = self.order.len() as u64;
        let number = *self.kinds.entry(kind).or_insert(next);
        if number == next {
            self.order.push((kind, 0));
        }
        self.order[number as usize].1 += 1;
        let mut packed = Packer(std::mem::take(&mut self.packed));
        if known.is_none() {
            let last = self.head.unwrap_or(TraceHead::NONE);
            packed.number(0);
            packed.signed(i64::from(head.trace) - i64::from(last.trace));
            packed.signed(head.start.wrapping_sub(last.start));
        }
        self.head = Some(head);
        packed.number(number + 1);
        packed.call(call, times, kind.unit_ns());
        self.packed = packed.0;
        self.calls += 1;
    }

    /// How many calls go along which edges: target and caller service, of which some come several times.
    pub(super) fn edges(&self) -> impl Iterator<Item = (EdgeOfCalls, u64)> {
        self.order.iter().map(|(kind, calls)| ((kind.target, kind.caller_service), *calls))
    }

    /// The calls, packed.
    pub(super) fn block(&self) -> Box<[u8]> {
        let mut packed = Packer(Vec::with_capacity(self.packed.len() + 24 * self.order.len() + 8));
        packed.number(self.order.len() as u64);
        for (kind, _) in &self.order {
            packed.0.extend_from_slice(&[kind.flags, kind.target.kind as u8]);
            for name in [kind.target.name, kind.caller_service, kind.caller_operation, kind.operation] {
                packed.number(name.0.into());
            }
            packed.number(kind.instance);
        }
        packed.0.extend_from_slice(&self.packed);
        packed.0.into_boxed_slice()
    }

    /// Forgets all calls, but keeps the room that they took.
    pub(super) fn clear(&mut self) {
        let Self { kinds, order, packed, head, calls } = self;
        kinds.clear();
        order.clear();
        packed.clear();
        (*head, *calls) = (None, 0);
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
    let mut kinds: Vec<(Kind, bool)> = Vec::new();
    for _ in 0..packed.number() {
        if packed.0.is_empty() {
            return;
        }
        let flags = packed.byte();
        let kind = TargetKind::ALL.get(usize::from(packed.byte())).copied().unwrap_or_default();
        let [name, caller_service, caller_operation, operation] =
            std::array::from_fn(|_| Symbol(packed.number() as u32));
        let target = Target { name, kind };
        let instance = packed.number();
        kinds.push((
            Kind { target, caller_service, caller_operation, operation, instance, flags },
            wants((target, caller_service)),
        ));
    }
    let (mut head, mut trace) = (TraceHead::NONE, TraceNumber::NONE);
    while !packed.0.is_empty() {
        let Some(kind) = packed.number().checked_sub(1) else {
            head.trace = i64::from(head.trace).wrapping_add(packed.signed()) as u32;
            head.start = head.start.wrapping_add(packed.signed());
            trace = rank_of(TraceNumber(head.trace));
            continue;
        };
        let Some((kind, is_wanted)) = kinds.get(kind as usize) else { return };
        if *is_wanted {
            take(packed.call(kind, head.start, trace));
        } else {
            packed.skip_call(kind);
        }
    }
}

impl Unpacker<'_> {
    /// Passes over a call: mostly few are wanted.
    fn skip_call(&mut self, kind: &Kind) {
        let has = |flag: u8| kind.flags & flag != 0;
        self.skip_numbers(4 + usize::from(has(STANDS_FOR_SEVERAL)) + usize::from(has(IS_FIRST_OF_CALLER)));
        if has(IS_FAILED) {
            self.skip_bytes(1 + size_of::<SpanId>());
            self.skip_numbers(1);
            self.skip_bytes(if has(HAS_ADJUSTED_COUNT) { size_of::<f64>() } else { 0 });
        }
    }

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

    proptest! {
        /// Whatever calls say, also what no trace says, they come back as they were and in their order; those of targets that
        /// are not wanted are left out, and a block cut short is no panic.
        #[test]
        fn calls_come_back(calls in proptest::collection::vec(any_call(), 0..40), cut in any::<prop::sample::Index>()) {
            let packed = packed(&calls);
            let mut found = Vec::new();
            unpack(&packed, |_| true, |trace| trace, |call| found.push(call));
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
