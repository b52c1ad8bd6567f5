//! Every caller span, by service and time: which requests a service worked on when, and which instance of it.
//!
//! ```text
//! see ──pack──▶ blocks of whole traces ──beyond the memory limit──▶ a temporary file
//!                  └── some services at a time: unpack, sort ──▶ the caller spans of each service
//! ```
//!
//! Blocks hold what came together, because a trace tells its times once. So whoever wants to see a service goes through all of
//! them; those that nobody wants to see are passed over, and of the others as many are shown in one go as fit.

use std::io::{self, Write};
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use crate::frame::{SpillError, SpillStore, Symbol};
use crate::partial::{Columns as _, PartialError, PartialReader, PartialWriter, Renumbering, TraceNumber, columns};
use crate::span::SpanKind;
use crate::trace::{NO_ROW, Row, TraceView};

use super::caller_span_block::{OpenBlock, unpack};
use super::packed_block::{PackedBlock, bytes_of_ranks, renumber_blocks};

/// Spans of a block: the more, the less often names are told in full.
const SPANS_PER_BLOCK: usize = 1 << 15;

/// Spans that are unpacked at once, as long as no service alone has more: that takes some 60 MB.
const SPANS_AT_ONCE: u64 = 1 << 19;

/// What the times of a trace are multiples of, in ns; 0 for a nanosecond.
pub(super) const RESOLUTIONS_NS: [i64; 3] = [0, 1_000, 1_000_000];

/// An entry span, or a span without parent: calls are made for these. What few detectors need of few of them is not here: they
/// keep it when they see the trace, by `trace` and `row`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct CallerSpan {
    /// Its service.
    pub(crate) service: Symbol,
    /// What it stands for.
    pub(crate) operation: Symbol,
    /// The instance of the service, as a number by which instances are told apart; 0 if its resource does not say.
    pub(crate) instance: u64,
    /// Its trace.
    pub(crate) trace: TraceNumber,
    /// Its row in the trace.
    pub(crate) row: u32,
    /// Start in ns since 1970.
    pub(crate) start: i64,
    /// Duration in ns.
    pub(crate) duration: i64,
    /// The resolution of the times of its trace in ns; 0 for a nanosecond.
    pub(crate) resolution_ns: i64,
    /// Whether a request comes in here.
    pub(crate) is_entry: bool,
    /// Whether a message does.
    pub(crate) is_consumer: bool,
    /// Who made the request, if it is an entry whose parent was recorded.
    pub(crate) above: Option<InstanceAbove>,
    /// The call that it answers, if it is a counted one that its caller recorded.
    pub(crate) call: Option<AnsweredCall>,
}

/// Who made a request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(crate) struct InstanceAbove {
    /// The service.
    pub(crate) service: Symbol,
    /// Its instance, as [`CallerSpan::instance`]: that of the call where there is one, else that of the parent.
    pub(crate) instance: u64,
}

/// A call with an exit span.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct AnsweredCall {
    /// Start in ns since 1970.
    pub(crate) start: i64,
    /// Duration in ns.
    pub(crate) duration: i64,
    /// Row of its span in the trace.
    pub(crate) row: u32,
}

impl AnsweredCall {
    /// End in ns since 1970.
    pub(crate) fn end(&self) -> i64 {
        self.start.wrapping_add(self.duration)
    }
}

impl CallerSpan {
    /// End in ns since 1970.
    pub(crate) fn end(&self) -> i64 {
        self.start.wrapping_add(self.duration)
    }

    fn of(row: Row, trace: &TraceView<'_>) -> Self {
        let role = &trace.calls.roles[row as usize];
        let parent = trace.tree.parents[row as usize];
        let call = trace.calls.answered_by(row).filter(|call| call.counts);
        let above = (role.is_entry && parent != NO_ROW).then(|| InstanceAbove {
            service: trace.service(parent),
            instance: call.map_or_else(|| trace.instance(parent), |call| trace.instance_of_call(call)).unwrap_or(0),
        });
        Self {
            service: trace.service(row),
            operation: trace.entry_operation(row),
            instance: trace.instance(row).unwrap_or(0),
            trace: TraceNumber(trace.number),
            row,
            start: trace.start(row),
            duration: trace.duration(row),
            resolution_ns: trace.tree.resolution_ns,
            is_entry: role.is_entry,
            is_consumer: trace.tree.kind(row, trace.semantics) == SpanKind::Consumer,
            above,
            call: call.map(|call| AnsweredCall {
                start: trace.start(call.row),
                duration: trace.duration(call.row),
                row: call.row,
            }),
        }
    }
}

/// Spans in the order in which they are shown: by service, then time. Their places are sorted by short keys, because they are
/// long.
fn sorted(spans: &[CallerSpan]) -> Vec<CallerSpan> {
    let key = |(place, span): (u32, &CallerSpan)| {
        (span.service, span.start, u64::from(span.trace.0) << 32 | u64::from(span.row), place)
    };
    let mut keys: Vec<(Symbol, i64, u64, u32)> = (0..).zip(spans).map(key).collect();
    keys.par_sort_unstable();
    keys.into_iter().map(|(_, _, _, place)| spans[place as usize]).collect()
}

/// All caller spans of one service, in the order of start, trace and row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallerSpansOfService<'a> {
    /// The service.
    pub(crate) service: Symbol,
    /// The spans.
    pub(crate) spans: &'a [CallerSpan],
}

columns! {
    /// One caller span, as it is written.
    struct SpanRow in SpanColumns {
        service: Symbol,
        operation: Symbol,
        instance: u64,
        trace: TraceNumber,
        row: u32,
        start: i64,
        duration: i64,
        resolution_ns: i64,
        is_entry: bool,
        is_consumer: bool,
        has_above: bool,
        service_above: Symbol,
        instance_above: u64,
        has_call: bool,
        call_start: i64,
        call_duration: i64,
        call_row: u32,
    }
}

impl From<CallerSpan> for SpanRow {
    fn from(span: CallerSpan) -> Self {
        let (above, call) = (span.above.unwrap_or_default(), span.call.unwrap_or_default());
        Self {
            service: span.service,
            operation: span.operation,
            instance: span.instance,
            trace: span.trace,
            row: span.row,
            start: span.start,
            duration: span.duration,
            resolution_ns: span.resolution_ns,
            is_entry: span.is_entry,
            is_consumer: span.is_consumer,
            has_above: span.above.is_some(),
            service_above: above.service,
            instance_above: above.instance,
            has_call: span.call.is_some(),
            call_start: call.start,
            call_duration: call.duration,
            call_row: call.row,
        }
    }
}

impl SpanColumns {
    fn get(&self, row: usize) -> CallerSpan {
        let above = InstanceAbove { service: self.service_above[row], instance: self.instance_above[row] };
        let call =
            AnsweredCall { start: self.call_start[row], duration: self.call_duration[row], row: self.call_row[row] };
        CallerSpan {
            service: self.service[row],
            operation: self.operation[row],
            instance: self.instance[row],
            trace: self.trace[row],
            row: self.row[row],
            start: self.start[row],
            duration: self.duration[row],
            resolution_ns: self.resolution_ns[row],
            is_entry: self.is_entry[row],
            is_consumer: self.is_consumer[row],
            above: self.has_above[row].then_some(above),
            call: self.has_call[row].then_some(call),
        }
    }
}

/// All caller spans.
#[derive(Debug)]
pub(crate) struct CallerSpanLog {
    /// Where blocks go once too much is in memory, the spans' part included.
    store: Option<Arc<SpillStore>>,
    open: OpenBlock,
    blocks: Vec<PackedBlock>,
    bytes_of_blocks: usize,
    /// Spans of each service in blocks that are closed.
    spans_of_services: HashMap<Symbol, u64, FixedState>,
    /// One more than the largest number of a trace in blocks without ranks.
    trace_numbers: u32,
    spans_at_once: u64,
}

impl CallerSpanLog {
    /// An empty log, whose spans are put aside in `store` beyond its limit.
    pub(crate) fn new(store: Option<&Arc<SpillStore>>) -> Self {
        Self {
            store: store.cloned(),
            open: OpenBlock::default(),
            blocks: Vec::new(),
            bytes_of_blocks: 0,
            spans_of_services: HashMap::default(),
            trace_numbers: 0,
            spans_at_once: SPANS_AT_ONCE,
        }
    }

    /// Takes notice of the caller spans of one trace.
    pub(crate) fn see(&mut self, trace: &TraceView<'_>) {
        for row in 0..trace.tree.len() as Row {
            if trace.is_caller_span(row) {
                self.push(&CallerSpan::of(row, trace));
            }
        }
    }

    fn push(&mut self, span: &CallerSpan) {
        if let Some(index) = span.trace.index() {
            self.trace_numbers = self.trace_numbers.max(index as u32 + 1);
        }
        self.open.push(span);
        if self.open.len() == SPANS_PER_BLOCK {
            self.close_block();
        }
    }

    fn close_block(&mut self) {
        if self.open.len() == 0 {
            return;
        }
        let (packed, spans_of_services) = self.open.close();
        for (service, spans) in spans_of_services {
            *self.spans_of_services.entry(service).or_default() += spans;
        }
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

    /// All services that have caller spans, in the order of their names.
    pub(crate) fn services(&self) -> impl Iterator<Item = Symbol> {
        let mut services: Vec<Symbol> = self.counted_spans().into_keys().collect();
        services.sort_unstable();
        services.into_iter()
    }

    /// Shows the caller spans of each of these services, in the order of their names.
    ///
    /// # Errors
    /// If spans that were put aside cannot be brought back.
    pub(crate) fn for_each_service(
        &self,
        mut services: Vec<Symbol>,
        mut show: impl FnMut(&CallerSpansOfService<'_>),
    ) -> Result<(), SpillError> {
        services.sort_unstable();
        let counted = self.counted_spans();
        let mut rest = &services[..];
        while !rest.is_empty() {
            let mut spans = 0;
            let fits = rest.iter().take_while(|service| {
                spans += counted.get(*service).copied().unwrap_or_default();
                spans <= self.spans_at_once
            });
            let (at_once, later) = rest.split_at(fits.count().max(1));
            rest = later;
            let spans = sorted(&self.spans_of(&at_once.iter().copied().collect())?);
            for of_service in spans.chunk_by(|left, right| left.service == right.service) {
                show(&CallerSpansOfService { service: of_service[0].service, spans: of_service });
            }
        }
        Ok(())
    }

    /// How many spans of each service there are.
    fn counted_spans(&self) -> HashMap<Symbol, u64, FixedState> {
        let mut counted = self.spans_of_services.clone();
        self.open.unpack(|_| true, |span| *counted.entry(span.service).or_default() += 1);
        counted
    }

    /// All spans of some services, in no order that means anything.
    fn spans_of(&self, services: &HashSet<Symbol, FixedState>) -> Result<Vec<CallerSpan>, SpillError> {
        let unpacked = |block: &PackedBlock| -> Result<Vec<CallerSpan>, SpillError> {
            let mut spans = Vec::new();
            let take = |span: CallerSpan| spans.push(CallerSpan { trace: block.rank_of(span.trace), ..span });
            unpack(&block.bytes()?, |service| services.contains(&service), take);
            Ok(spans)
        };
        let mut of_blocks: Vec<Vec<CallerSpan>> =
            self.blocks.par_iter().map(unpacked).collect::<Result<_, SpillError>>()?;
        let mut spans = Vec::with_capacity(of_blocks.iter().map(Vec::len).sum());
        of_blocks.iter_mut().for_each(|of_block| spans.append(of_block));
        self.open.unpack(|service| services.contains(&service), |span| spans.push(span));
        Ok(spans)
    }

    /// Takes in the spans of other traces.
    pub(crate) fn merge(&mut self, mut other: Self) {
        other.close_block();
        self.trace_numbers = self.trace_numbers.max(other.trace_numbers);
        for (service, spans) in other.spans_of_services {
            *self.spans_of_services.entry(service).or_default() += spans;
        }
        self.bytes_of_blocks += other.bytes_of_blocks;
        self.blocks.append(&mut other.blocks);
        self.make_room(0);
    }

    /// Gives each trace its place among all traces in the order of their ids.
    pub(crate) fn renumber_traces(&mut self, rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {
        self.close_block();
        renumber_blocks(self.blocks.iter_mut(), self.trace_numbers, rank_of);
        self.trace_numbers = 0;
    }

    /// About how many bytes of memory they take: what was put aside takes none.
    pub(crate) fn bytes(&self) -> usize {
        self.open.bytes()
            + self.blocks.capacity() * size_of::<PackedBlock>()
            + self.bytes_of_blocks
            + bytes_of_ranks(self.blocks.iter())
    }

    /// Writes the spans, block by block, each as a group below the group `name` that tells how many groups there are.
    ///
    /// # Errors
    /// If the file cannot be written, or spans that were put aside cannot be brought back.
    pub(crate) fn write<W: Write>(
        &self,
        file: &mut PartialWriter<W>,
        name: &str,
        numbers: Renumbering<'_>,
    ) -> io::Result<()> {
        let mut groups = 0;
        let mut write = |columns: SpanColumns| {
            let group = format!("{name}/{groups}");
            groups += 1;
            file.group(&group, numbers, |group| columns.write("", group))
        };
        for block in &self.blocks {
            let mut columns = SpanColumns::default();
            let bytes = block.bytes().map_err(io::Error::other)?;
            unpack(
                &bytes,
                |_| true,
                |span| columns.push(CallerSpan { trace: block.rank_of(span.trace), ..span }.into()),
            );
            write(columns)?;
        }
        let mut columns = SpanColumns::default();
        self.open.unpack(|_| true, |span| columns.push(span.into()));
        write(columns)?;
        file.group(name, numbers, |group| group.u32s("groups", std::iter::once(groups)))
    }

    /// Takes in what [`CallerSpanLog::write`] wrote.
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
            let columns = file.group(&format!("{name}/{group}"), numbers, |group| SpanColumns::read("", group))?;
            (0..columns.start.len()).for_each(|row| self.push(&columns.get(row)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partial::written;
    use crate::trace::sample::{SAMPLE_START, Sample};

    const SPANS: u32 = 120_000;
    const TRACES: u32 = 9_000;
    const SERVICES: u32 = 40;

    /// Half of the spans are of one service, the others of many; starts repeat.
    fn span(number: u32) -> CallerSpan {
        let mixed = number.wrapping_mul(2_654_435_761) >> 8;
        let service = if number.is_multiple_of(2) { 0 } else { mixed % SERVICES };
        let start = 1_700_000_000_000_000_000 + i64::from(mixed % 50_000) * 1_000;
        let duration = i64::from(mixed % 977) * 1_000;
        let call = AnsweredCall { start: start - 2_000, duration: duration + 3_000, row: mixed % 5 };
        CallerSpan {
            service: Symbol(service),
            operation: Symbol(mixed % 7),
            instance: u64::from(mixed % 4),
            trace: TraceNumber(number % TRACES),
            row: number / TRACES,
            start,
            duration,
            resolution_ns: 1_000,
            is_entry: !mixed.is_multiple_of(3),
            is_consumer: mixed.is_multiple_of(11),
            above: mixed
                .is_multiple_of(2)
                .then_some(InstanceAbove { service: Symbol(mixed % 9), instance: u64::from(mixed % 3) }),
            call: mixed.is_multiple_of(5).then_some(call),
        }
    }

    /// Logs of every so manyth trace, whose traces have the numbers that `number` gives.
    fn logs(
        parts: u32,
        store: Option<&Arc<SpillStore>>,
        number: impl Fn(TraceNumber) -> TraceNumber,
    ) -> Vec<CallerSpanLog> {
        let log_of = |part: u32| {
            let mut log = CallerSpanLog { spans_at_once: 10_000, ..CallerSpanLog::new(store) };
            for trace in (0..TRACES).filter(|trace| trace % parts == part) {
                for row in 0..SPANS.div_ceil(TRACES) {
                    let span = span(row * TRACES + trace);
                    log.push(&CallerSpan { trace: number(span.trace), ..span });
                }
            }
            log
        };
        (0..parts).map(log_of).collect()
    }

    fn merged(logs: impl Iterator<Item = CallerSpanLog>) -> CallerSpanLog {
        logs.reduce(|mut left, right| {
            left.merge(right);
            left
        })
        .unwrap()
    }

    fn shown(log: &CallerSpanLog) -> Vec<(Symbol, Vec<CallerSpan>)> {
        let mut shown = Vec::new();
        log.for_each_service(log.services().collect(), |spans| shown.push((spans.service, spans.spans.to_vec())))
            .unwrap();
        shown
    }

    fn expected() -> Vec<(Symbol, Vec<CallerSpan>)> {
        let mut spans: Vec<CallerSpan> = (0..SPANS.div_ceil(TRACES) * TRACES).map(span).collect();
        spans.sort_by_key(|span| (span.service, span.start, span.trace, span.row));
        spans
            .chunk_by(|left, right| left.service == right.service)
            .map(|spans| (spans[0].service, spans.to_vec()))
            .collect()
    }

    /// Every service is shown once, its spans in time order, whatever parts were merged in what order, whether traces were
    /// renumbered before or after, and whether there was memory for the spans or not; and those that are asked for alone.
    #[test]
    fn services_are_shown_once_in_time_order() {
        let expected = expected();
        assert!(expected.len() == SERVICES as usize && expected[0].1.len() > 10_000, "one does not fit with others");
        let folder = tempfile::tempdir().unwrap();
        let backwards = |trace: TraceNumber| TraceNumber(TRACES - 1 - trace.0);
        for limit in [None, Some(0)] {
            let store = limit.map(|limit| Arc::new(SpillStore::new(folder.path(), limit)));
            for parts in [1, 3] {
                let log = merged(logs(parts, store.as_ref(), |trace| trace).into_iter());
                assert!(shown(&log) == expected, "{limit:?} {parts}");
                let mut few = Vec::new();
                let asked = vec![Symbol(31), Symbol(2)];
                log.for_each_service(asked, |spans| few.push((spans.service, spans.spans.to_vec()))).unwrap();
                let wanted = expected.iter().filter(|(service, _)| matches!(service.0, 2 | 31));
                assert!(wanted.eq(&few), "{limit:?} {parts}");
                let mut renumbered = merged(logs(parts, store.as_ref(), backwards).into_iter().rev());
                renumbered.renumber_traces(&backwards);
                assert!(shown(&renumbered) == expected, "{limit:?} {parts}");
                // Parts that were renumbered on their own merge too.
                let each = logs(parts, store.as_ref(), backwards).into_iter().map(|mut log| {
                    log.renumber_traces(&backwards);
                    log
                });
                assert!(shown(&merged(each)) == expected, "{limit:?} {parts}");
            }
            let spilled = store.as_ref().map_or(0, |store| store.spilled_bytes());
            assert_eq!(spilled > 0, limit == Some(0), "{limit:?}");
            assert!(store.is_none_or(|store| store.take_failure().is_none()));
        }
    }

    /// What was put aside is not in memory, and what is packed is small.
    #[test]
    fn spans_take_little_memory() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = |store: Option<&Arc<SpillStore>>| {
            let mut log = logs(1, store, |trace| trace).remove(0);
            log.close_block();
            log.bytes() - log.open.bytes()
        };
        let in_memory = bytes(None);
        assert!((8 * SPANS as usize..14 * SPANS as usize).contains(&in_memory), "{in_memory}");
        let aside = bytes(Some(&Arc::new(SpillStore::new(folder.path(), 0))));
        assert!(aside < SPANS as usize / 100, "{aside}");
    }

    /// Written and read, the spans of several files are those of one log, with strings and traces of the whole.
    #[test]
    fn files_merge() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SpillStore::new(folder.path(), 0));
        // The files know each string by the number of the one before, and traces by five more.
        let of_file: Vec<Symbol> = std::iter::once(Symbol(0)).chain((0..SERVICES).map(Symbol)).collect();
        let traces: Vec<u32> = (0..5).map(|_| u32::MAX).chain(0..TRACES).collect();
        let numbers = Renumbering { symbols: Some(&of_file), traces: Some(&traces) };
        let shift = |span: CallerSpan| CallerSpan {
            service: Symbol(span.service.0 + 1),
            operation: Symbol(span.operation.0 + 1),
            above: span.above.map(|above| InstanceAbove { service: Symbol(above.service.0 + 1), ..above }),
            trace: TraceNumber(span.trace.0 + 5),
            ..span
        };
        let files: Vec<PartialReader> = (0..3u32)
            .map(|part| {
                let mut log = CallerSpanLog::new(Some(&store));
                let rows = 0..SPANS.div_ceil(TRACES);
                let traces = (0..TRACES).filter(|trace| trace % 3 == part);
                traces.for_each(|trace| rows.clone().for_each(|row| log.push(&shift(span(row * TRACES + trace)))));
                written(&folder.path().join(part.to_string()), |file| {
                    log.write(file, "spans", Renumbering::NONE).unwrap();
                })
            })
            .collect();
        for order in [[0, 1, 2], [2, 0, 1]] {
            let mut whole = CallerSpanLog::new(Some(&store));
            order.iter().for_each(|&part: &usize| whole.merge_file(&files[part], "spans", numbers).unwrap());
            assert!(shown(&whole) == expected());
        }
        let error = CallerSpanLog::new(None).merge_file(&files[0], "others", numbers);
        assert!(error.unwrap_err().to_string().contains("others"));
    }

    /// Entries and roots are logged, with who called them and the call that they answer; a call that nobody counts is none.
    #[test]
    fn caller_spans_of_a_trace() {
        let sample = Sample::of(
            "1 1 0 web  SERVER   buy     0..100
             1 2 1 web  INTERNAL work    1..99
             1 3 2 web  CLIENT   get     10..60
             1 4 3 web  INTERNAL proxy   11..59
             1 5 4 cart SERVER   Get     15..50
             1 6 2 web  CLIENT   check/health 61..70
             1 7 6 cart SERVER   health  62..69
             1 8 1 cart CONSUMER take    80..90
             1 9 42 shop INTERNAL lost   5..6",
        );
        let mut log = CallerSpanLog::new(None);
        sample.with_trace(0, 0, |trace| log.see(trace));
        let name = |symbol: Symbol| sample.semantics.symbols.resolve(symbol);
        let ms = |time: i64| (time - SAMPLE_START) / 1_000_000;
        let mut lines = Vec::new();
        log.for_each_service(log.services().collect(), |of_service| {
            for span in of_service.spans {
                assert_eq!((span.resolution_ns, span.trace), (1_000_000, TraceNumber(0)));
                let above = span.above.map(|above| name(above.service).to_owned());
                let call = span.call.map(|call| (ms(call.start), ms(call.end())));
                let flags = (span.is_entry, span.is_consumer);
                let (service, operation) = (name(span.service), name(span.operation));
                lines.push(format!(
                    "{service} {operation} {}..{} {flags:?} {above:?} {call:?}",
                    ms(span.start),
                    ms(span.end())
                ));
            }
        })
        .unwrap();
        let expected = [
            "cart Get 15..50 (true, false) Some(\"web\") Some((10, 60))",
            "cart health 62..69 (true, false) Some(\"web\") None",
            "cart take 80..90 (true, true) Some(\"web\") None",
            "shop lost 5..6 (false, false) None None",
            "web buy 0..100 (true, false) None None",
        ];
        assert_eq!(lines, expected);
    }
}
