//! Logged caller spans in some twelve bytes each, trace by trace, so that neither times nor traces are told in full.
//!
//! ```text
//! trace: its resolution (0 to 2) ─ number after the one before ─ first start after that of the one before
//! span:  what it is ─ row after the one before ─ start after the trace's ─ duration ─ instance ─ instance above ─ its call
//! call:  how long before the span it began ─ how long after the span it ended ─ how many rows above it stands
//! ```
//!
//! Numbers are [`varints`](super::varints). What spans are (service, operation, service above and what is there of the rest) and
//! their instances are told in full where they occur first, and by their numbers from there on. Times are divided by the
//! resolution of their trace.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::frame::Symbol;
use crate::partial::TraceNumber;

use super::caller_spans::{AnsweredCall, CallerSpan, InstanceAbove, RESOLUTIONS_NS};
use super::varints::{Packer, Unpacker, in_units};

const IS_ENTRY: u8 = 1 << 0;
const IS_CONSUMER: u8 = 1 << 1;
const HAS_INSTANCE: u8 = 1 << 2;
const HAS_ABOVE: u8 = 1 << 3;
const HAS_INSTANCE_ABOVE: u8 = 1 << 4;
const HAS_CALL: u8 = 1 << 5;

/// The first numbers begin a trace; those behind stand for what spans are.
const TRACE_MARKS: u32 = RESOLUTIONS_NS.len() as u32;

/// What many spans have in common.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Shape {
    service: Symbol,
    operation: Symbol,
    above: Symbol,
    flags: u8,
}

impl Shape {
    fn of(span: &CallerSpan) -> Self {
        let flags = [
            (IS_ENTRY, span.is_entry),
            (IS_CONSUMER, span.is_consumer),
            (HAS_INSTANCE, span.instance != 0),
            (HAS_ABOVE, span.above.is_some()),
            (HAS_INSTANCE_ABOVE, span.above.is_some_and(|above| above.instance != 0)),
            (HAS_CALL, span.call.is_some()),
        ];
        Self {
            service: span.service,
            operation: span.operation,
            above: span.above.map_or(Symbol::EMPTY, |above| above.service),
            flags: flags.iter().map(|&(flag, is_set)| flag * u8::from(is_set)).sum(),
        }
    }

    fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// What spans that come later are told after.
#[derive(Clone, Copy, Debug, Default)]
struct Before {
    trace: TraceNumber,
    /// Start of the first span of the trace, in ns since 1970.
    start: i64,
    row: u32,
    /// Place in [`RESOLUTIONS_NS`].
    resolution: usize,
}

impl Before {
    /// What times are divided by.
    fn unit(self) -> i64 {
        RESOLUTIONS_NS[self.resolution].max(1)
    }
}

/// A block that spans are added to.
#[derive(Debug, Default)]
pub(super) struct OpenBlock {
    packed: Packer,
    shapes: HashMap<Shape, u32, FixedState>,
    /// How many spans there are of each service.
    spans_of_shapes: Vec<(Symbol, u64)>,
    instances: HashMap<u64, u32, FixedState>,
    before: Before,
    spans: usize,
}

impl OpenBlock {
    /// Number of spans.
    pub(super) fn len(&self) -> usize {
        self.spans
    }

    /// Bytes of memory that are taken beside those of closed blocks.
    pub(super) fn bytes(&self) -> usize {
        self.packed.0.capacity()
            + self.shapes.capacity() * size_of::<(Shape, u32)>()
            + self.spans_of_shapes.capacity() * size_of::<(Symbol, u64)>()
            + self.instances.capacity() * size_of::<(u64, u32)>()
    }

    /// Adds a span. Those of one trace must come one after the other to take little.
    pub(super) fn push(&mut self, span: &CallerSpan) {
        if self.spans == 0 || self.before.trace != span.trace {
            self.begin_trace(span);
        }
        self.spans += 1;
        let shape = Shape::of(span);
        let next = self.shapes.len() as u32;
        let number = *self.shapes.entry(shape).or_insert(next);
        self.packed.number((TRACE_MARKS + number).into());
        if number == next {
            self.spans_of_shapes.push((shape.service, 0));
            self.packed.0.push(shape.flags);
            for name in [shape.service, shape.operation, shape.above] {
                self.packed.number(name.0.into());
            }
        }
        self.spans_of_shapes[number as usize].1 += 1;
        let unit = self.before.unit();
        self.packed.signed(i64::from(span.row) - i64::from(self.before.row));
        self.before.row = span.row;
        self.packed.signed(in_units(span.start.wrapping_sub(self.before.start), unit));
        self.packed.signed(in_units(span.duration, unit));
        for instance in [span.instance, span.above.map_or(0, |above| above.instance)] {
            if instance != 0 {
                self.push_instance(instance);
            }
        }
        if let Some(call) = span.call {
            self.packed.signed(in_units(span.start.wrapping_sub(call.start), unit));
            self.packed.signed(in_units(call.end().wrapping_sub(span.end()), unit));
            self.packed.signed(i64::from(span.row) - i64::from(call.row));
        }
    }

    fn begin_trace(&mut self, span: &CallerSpan) {
        let resolution = RESOLUTIONS_NS.iter().position(|&known| known == span.resolution_ns).unwrap_or(0);
        self.packed.number(resolution as u64);
        self.packed.signed(i64::from(span.trace.0) - i64::from(self.before.trace.0));
        self.packed.signed(span.start.wrapping_sub(self.before.start));
        self.before = Before { trace: span.trace, start: span.start, row: 0, resolution };
    }

    fn push_instance(&mut self, instance: u64) {
        let next = self.instances.len() as u32;
        let number = *self.instances.entry(instance).or_insert(next);
        self.packed.number(number.into());
        if number == next {
            self.packed.number(instance);
        }
    }

    /// The packed block, and how many spans of each service are in it, some of them several times; it is empty afterwards.
    pub(super) fn close(&mut self) -> (Box<[u8]>, Vec<(Symbol, u64)>) {
        let packed = self.packed.0.as_slice().into();
        let spans_of_shapes = std::mem::take(&mut self.spans_of_shapes);
        self.packed.0.clear();
        self.shapes.clear();
        self.instances.clear();
        (self.before, self.spans) = (Before::default(), 0);
        (packed, spans_of_shapes)
    }

    /// Shows the spans of services that `is_wanted`, as [`unpack`].
    pub(super) fn unpack(&self, is_wanted: impl Fn(Symbol) -> bool, take: impl FnMut(CallerSpan)) {
        unpack(&self.packed.0, is_wanted, take);
    }
}

/// Shows the spans of a packed block of services that `is_wanted`. Where the block ends too early, so do the spans.
pub(super) fn unpack(packed: &[u8], is_wanted: impl Fn(Symbol) -> bool, mut take: impl FnMut(CallerSpan)) {
    let mut packed = Unpacker(packed);
    let mut shapes: Vec<(Shape, bool)> = Vec::new();
    let mut instances: Vec<u64> = Vec::new();
    let mut before = Before::default();
    while !packed.0.is_empty() {
        let mark = packed.number();
        let Some(number) = mark.checked_sub(TRACE_MARKS.into()) else {
            let trace = TraceNumber(i64::from(before.trace.0).wrapping_add(packed.signed()) as u32);
            let start = before.start.wrapping_add(packed.signed());
            before = Before { trace, start, row: 0, resolution: mark as usize };
            continue;
        };
        if number == shapes.len() as u64 {
            let flags = packed.byte();
            let [service, operation, above] = std::array::from_fn(|_| Symbol(packed.number() as u32));
            shapes.push((Shape { service, operation, above, flags }, is_wanted(service)));
        }
        // Only a block that is cut short names a shape that it has not told.
        let Some(&(shape, is_wanted)) = shapes.get(number as usize) else { return };
        let span = packed.span(shape, &mut before, &mut instances);
        if is_wanted {
            take(span);
        }
    }
}

impl Unpacker<'_> {
    fn span(&mut self, shape: Shape, before: &mut Before, instances: &mut Vec<u64>) -> CallerSpan {
        let unit = before.unit();
        let row = i64::from(before.row).wrapping_add(self.signed()) as u32;
        before.row = row;
        let start = before.start.wrapping_add(self.signed().wrapping_mul(unit));
        let duration = self.signed().wrapping_mul(unit);
        let instance = if shape.has(HAS_INSTANCE) { self.instance(instances) } else { 0 };
        let instance_above = if shape.has(HAS_INSTANCE_ABOVE) { self.instance(instances) } else { 0 };
        let call = shape.has(HAS_CALL).then(|| {
            let call_start = start.wrapping_sub(self.signed().wrapping_mul(unit));
            let end = start.wrapping_add(duration).wrapping_add(self.signed().wrapping_mul(unit));
            let row = i64::from(row).wrapping_sub(self.signed()) as u32;
            AnsweredCall { start: call_start, duration: end.wrapping_sub(call_start), row }
        });
        CallerSpan {
            service: shape.service,
            operation: shape.operation,
            instance,
            trace: before.trace,
            row,
            start,
            duration,
            resolution_ns: RESOLUTIONS_NS[before.resolution],
            is_entry: shape.has(IS_ENTRY),
            is_consumer: shape.has(IS_CONSUMER),
            above: shape.has(HAS_ABOVE).then_some(InstanceAbove { service: shape.above, instance: instance_above }),
            call,
        }
    }

    fn instance(&mut self, instances: &mut Vec<u64>) -> u64 {
        let number = self.number();
        if number == instances.len() as u64 {
            let instance = self.number();
            instances.push(instance);
        }
        instances.get(number as usize).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_span() -> impl Strategy<Value = CallerSpan> {
        let number = || prop_oneof![0..3u32, any::<u32>()];
        let time = || prop_oneof![(0..5_000i64).prop_map(|time| time * 1_000_000), any::<i64>()];
        let instance = || prop_oneof![0..3u64, any::<u64>()];
        let names = (0..4u32, 0..3u32, instance());
        let above = proptest::option::of((0..3u32, instance()));
        let call = proptest::option::of((time(), time(), number()));
        (names, (number(), number()), (time(), time()), (any::<bool>(), any::<bool>()), above, call).prop_map(
            |(names, (trace, row), (start, duration), (is_entry, is_consumer), above, call)| CallerSpan {
                service: Symbol(names.0),
                operation: Symbol(names.1),
                instance: names.2,
                trace: TraceNumber(trace),
                row,
                start,
                duration,
                resolution_ns: 0,
                is_entry,
                is_consumer,
                above: above.map(|(service, instance)| InstanceAbove { service: Symbol(service), instance }),
                call: call.map(|(start, duration, row)| AnsweredCall { start, duration, row }),
            },
        )
    }

    /// As the traces of a clock that tells no more have it.
    fn rounded(span: CallerSpan, resolution_ns: i64) -> CallerSpan {
        let whole = |time: i64| time / resolution_ns.max(1) * resolution_ns.max(1);
        let call = |call: AnsweredCall| AnsweredCall {
            start: whole(call.start / 4),
            duration: whole(call.duration / 4),
            row: call.row,
        };
        let (start, duration) = (whole(span.start / 4), whole(span.duration / 4));
        CallerSpan { start, duration, resolution_ns, call: span.call.map(call), ..span }
    }

    fn unpacked(packed: &[u8], is_wanted: impl Fn(Symbol) -> bool) -> Vec<CallerSpan> {
        let mut found = Vec::new();
        unpack(packed, is_wanted, |span| found.push(span));
        found
    }

    proptest! {
        /// Whatever spans say, also what no trace says, they come back as they were, in their order, and those of one service
        /// alone; a block cut short is no panic.
        #[test]
        fn spans_come_back(
            spans in proptest::collection::vec(any_span(), 0..40),
            resolution in 0..RESOLUTIONS_NS.len(),
            cut in any::<prop::sample::Index>(),
        ) {
            let spans: Vec<CallerSpan> = spans.into_iter().map(|span| rounded(span, RESOLUTIONS_NS[resolution])).collect();
            let mut block = OpenBlock::default();
            for _ in 0..2 {
                spans.iter().for_each(|span| block.push(span));
                prop_assert_eq!(block.len(), spans.len());
                let (packed, services) = block.close();
                prop_assert_eq!(&unpacked(&packed, |_| true), &spans);
                let of_one: Vec<CallerSpan> = spans.iter().filter(|span| span.service == Symbol(1)).copied().collect();
                prop_assert_eq!(&unpacked(&packed, |service| service == Symbol(1)), &of_one);
                let counted: u64 = services.iter().filter(|(service, _)| *service == Symbol(1)).map(|(_, spans)| spans).sum();
                prop_assert_eq!(counted, of_one.len() as u64);
                prop_assert!(unpacked(&packed[..cut.index(packed.len().max(1)).min(packed.len())], |_| true).len() <= 40);
            }
        }
    }

    /// A span as traces have them takes few bytes, and fewer where clocks know only microseconds.
    #[test]
    fn spans_are_small() {
        let bytes_of = |resolution_ns: i64| {
            let mut block = OpenBlock::default();
            let noise = if resolution_ns == 0 { 1_000 } else { 1 };
            for number in 0..4_000i64 {
                let (trace, row) = (number / 4, number % 4);
                let start = 1_700_000_000_000_000_000 + trace * 7_001_000 + row * 3_017_000 + number * 31 % noise;
                let duration = 40_000_000 - row * 9_000_000 + number % 997 * 1_000 + number * 17 % noise;
                let call = AnsweredCall { start: start - 301_000, duration: duration + 508_000, row: row as u32 * 3 };
                block.push(&CallerSpan {
                    service: Symbol(row as u32),
                    operation: Symbol(100 + number as u32 % 7),
                    instance: (1 << 39) + number as u64 % 8,
                    trace: TraceNumber(70_000 + trace as u32),
                    row: row as u32 * 3 + 1,
                    start,
                    duration,
                    resolution_ns,
                    is_entry: true,
                    is_consumer: false,
                    above: (row > 0)
                        .then_some(InstanceAbove { service: Symbol(7), instance: (1 << 38) + number as u64 % 5 }),
                    call: (row > 0).then_some(call),
                });
            }
            let (packed, _) = block.close();
            packed.len() / 4_000
        };
        let (microseconds, nanoseconds) = (bytes_of(1_000), bytes_of(0));
        assert!(microseconds <= 14 && nanoseconds < 19, "{microseconds} {nanoseconds}");
    }
}
