//! Logged calls in some ten to twenty bytes each: memory that a run touches is most of what a log of every call would cost.
//!
//! ```text
//! first start ─ first trace ─ time unit ─ run ─ run ─ …
//! run:  flags ─ target ─ caller ─ operations ─ instance ─ number of calls ─ call ─ call ─ …   (equal but for what follows)
//! call: start after the one before ─ duration ─ trace ─ row ─ caller span ─ what the flags say is there
//! ```
//!
//! Numbers are [`varints`](super::varints). Calls of a run come in time order, so that starts are small steps. Many sources know only microseconds: their times are divided by the largest
//! unit that divides all, which saves more than a byte a time.

use crate::conventions::ErrorClass;
use crate::frame::Symbol;
use crate::partial::TraceNumber;
use crate::span::SpanId;
use crate::trace::{Target, TargetKind};

use super::call_log::{FailedCall, LoggedCall};
use super::varints::{Packer, Unpacker};

/// Units of times in ns, the largest first.
const TIME_UNITS_NS: [i64; 3] = [1_000_000, 1_000, 1];

const IS_FIRST_OF_CALLER: u8 = 1 << 0;
const HAS_EXIT_SPAN: u8 = 1 << 1;
const IS_ALONG_EDGE: u8 = 1 << 2;
const IS_FAILED: u8 = 1 << 3;
const STANDS_FOR_SEVERAL: u8 = 1 << 4;
const HAS_ADJUSTED_COUNT: u8 = 1 << 5;

/// What calls of one run have in common.
type Run = (Target, Symbol, Symbol, Symbol, u64, u8);

fn run_of(call: &LoggedCall) -> Run {
    (call.target, call.caller_service, call.caller_operation, call.operation, call.instance, flags_of(call))
}

fn flags_of(call: &LoggedCall) -> u8 {
    let flags = [
        (IS_FIRST_OF_CALLER, call.first_of.is_some()),
        (HAS_EXIT_SPAN, call.has_exit_span),
        (IS_ALONG_EDGE, call.is_along_edge),
        (IS_FAILED, call.failed.is_some()),
        (STANDS_FOR_SEVERAL, call.weight != 1),
        (HAS_ADJUSTED_COUNT, call.failed.is_some_and(|failed| failed.adjusted_count != 1.0)),
    ];
    flags.iter().map(|&(flag, is_set)| flag * u8::from(is_set)).sum()
}

/// Packs calls, whose order is lost.
pub(super) fn pack(calls: &mut [LoggedCall]) -> Box<[u8]> {
    calls.sort_unstable_by_key(|call| (run_of(call), call.start, call.trace, call.row));
    let first_start = calls.iter().map(|call| call.start).min().unwrap_or_default();
    let first_trace = calls.iter().map(|call| call.trace.0).min().unwrap_or_default();
    let divides = |unit: i64| {
        calls.iter().all(|call| [call.start, call.duration, after_caller(call)].iter().all(|time| time % unit == 0))
    };
    let unit = TIME_UNITS_NS.into_iter().find(|&unit| divides(unit)).unwrap_or(1);
    let mut packed = Packer(Vec::with_capacity(16 * calls.len()));
    packed.signed(first_start);
    packed.number(first_trace.into());
    packed.number(unit as u64);
    for run in calls.chunk_by(|left, right| run_of(left) == run_of(right)) {
        let LoggedCall { target, caller_service, caller_operation, operation, .. } = run[0];
        packed.0.extend_from_slice(&[flags_of(&run[0]), target.kind as u8]);
        for name in [target.name, caller_service, caller_operation, operation] {
            packed.number(name.0.into());
        }
        packed.number(run[0].instance);
        packed.number(run.len() as u64);
        let mut last_start = first_start;
        for call in run {
            packed.call(call, last_start, first_trace, unit);
            last_start = call.start;
        }
    }
    packed.0.into_boxed_slice()
}

/// How long in ns after its caller span the call began, if it is the first.
fn after_caller(call: &LoggedCall) -> i64 {
    call.first_of.map_or(0, |caller_start| call.start.wrapping_sub(caller_start))
}

impl Packer {
    fn call(&mut self, call: &LoggedCall, last_start: i64, first_trace: u32, unit: i64) {
        // Starts grow within a run, so the distance is right even where it does not fit a signed number.
        self.number(call.start.wrapping_sub(last_start) as u64 / unit as u64);
        self.signed(call.duration / unit);
        self.number((call.trace.0 - first_trace).into());
        self.number(call.row.into());
        self.signed(i64::from(call.row) - i64::from(call.caller_span));
        if call.weight != 1 {
            self.number(call.weight.into());
        }
        if call.first_of.is_some() {
            self.signed(after_caller(call) / unit);
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

/// Shows the calls of a packed block, in no order that means anything. Where it ends too early, so do the calls.
pub(super) fn unpack(packed: &[u8], mut take: impl FnMut(LoggedCall)) {
    let mut packed = Unpacker(packed);
    let (first_start, first_trace, unit) = (packed.signed(), packed.number() as u32, packed.number() as i64);
    while !packed.0.is_empty() {
        let flags = packed.byte();
        let kind = TargetKind::ALL.get(usize::from(packed.byte())).copied().unwrap_or_default();
        let [name, caller_service, caller_operation, operation] =
            std::array::from_fn(|_| Symbol(packed.number() as u32));
        let target = Target { name, kind };
        let instance = packed.number();
        let calls = packed.number();
        let mut last_start = first_start;
        for _ in 0..calls {
            if packed.0.is_empty() {
                return;
            }
            let call =
                LoggedCall { target, caller_service, caller_operation, operation, instance, ..LoggedCall::default() };
            let call = packed.call(call, flags, last_start, first_trace, unit);
            last_start = call.start;
            take(call);
        }
    }
}

impl Unpacker<'_> {
    fn call(&mut self, common: LoggedCall, flags: u8, last_start: i64, first_trace: u32, unit: i64) -> LoggedCall {
        let has = |flag: u8| flags & flag != 0;
        let start = last_start.wrapping_add(self.number().wrapping_mul(unit as u64) as i64);
        let duration = self.signed().wrapping_mul(unit);
        let trace = TraceNumber((self.number() as u32).wrapping_add(first_trace));
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
            trace,
            row,
            caller_span,
            start,
            duration,
            weight,
            has_exit_span: has(HAS_EXIT_SPAN),
            is_along_edge: has(IS_ALONG_EDGE),
            first_of,
            failed,
            ..common
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

    proptest! {
        /// Whatever calls say, also what no trace says, they come back as they were; a block cut short is no panic.
        #[test]
        fn calls_come_back(mut calls in proptest::collection::vec(any_call(), 0..40), cut in any::<prop::sample::Index>()) {
            let packed = pack(&mut calls);
            let mut found = Vec::new();
            unpack(&packed, |call| found.push(call));
            prop_assert_eq!(found, calls);
            let mut of_less = 0;
            unpack(&packed[..cut.index(packed.len())], |_| of_less += 1);
            prop_assert!(of_less <= 40);
        }
    }

    /// A call as traces have them takes few bytes, and fewer where clocks know only microseconds.
    #[test]
    fn calls_are_small() {
        let packed_bytes = |noise_ns: i64| {
            let call = |number: i64| {
                let start = 1_700_000_000_000_000_000 + number * 7_001_000 + number * 31 % noise_ns;
                let duration = 4_000_000 + number % 997 * 1_000 + number * 17 % noise_ns;
                LoggedCall {
                    trace: TraceNumber(70_000 + number as u32),
                    row: 5,
                    caller_span: 2,
                    start,
                    duration,
                    weight: 1,
                    first_of: Some(start - 301_000),
                    ..LoggedCall::default()
                }
            };
            pack(&mut (0..1_000).map(call).collect::<Vec<_>>()).len()
        };
        let (microseconds, nanoseconds) = (packed_bytes(1), packed_bytes(1_000));
        assert!(microseconds < 13_000 && nanoseconds < 20_000, "{microseconds} {nanoseconds}");
        assert!(microseconds < nanoseconds, "{microseconds} {nanoseconds}");
    }
}
