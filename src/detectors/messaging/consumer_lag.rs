//! `consumer-lag`: messages wait longer and longer.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use foldhash::fast::FixedState;
use hashbrown::HashSet;

use crate::conventions::{DELAY_WORDS, FindingKind};
use crate::detectors::kit::{
    Cell, Concluded, Description, Detector, Level, MessageRound, NoDetails, ProblemText, RankedBy, RowColumn,
    SeenAtTheEnd, TableRow, TableRules, Unit, WEIGHTED_TRACES_DOC, Whole, thresholds,
};
use crate::findings::{Finding, Findings};
use crate::frame::Symbol;
use crate::gathered::{Gathers, Identity, LoggedMessage};
use crate::partial::TraceNumber;
use crate::trace::{Target, TargetKind, TraceView};

use super::evidence::{TracesOfRow, int, median, quantile};

thresholds! {
    /// The detector of messages that wait and its thresholds.
    pub(crate) struct ConsumerLag {
        /// Messages of a topic and group whose lag is known from which on there is enough to judge by.
        min_messages: Count = 20;
        /// Lag that one message in twenty must have for consumers to be slow.
        max_lag: Duration = 30_000_000_000;
        /// Words of destinations whose messages are to wait.
        delay_words: Words = &DELAY_WORDS;
    }
}

/// A message that seems to be processed so long before it was sent shows that the clocks differ.
const CLOCKS_AGREE_WITHIN_NS: i64 = 10_000_000;

/// Of so many messages one may seem so, and times still tell something.
const ONE_IN_MAY_BE_EARLY: u64 = 20;

/// Parts of the time whose medians are compared.
const PARTS: usize = 4;

/// Messages that each part must have.
const MIN_PER_PART: usize = 5;

/// How many times as long, and by how much longer, messages must wait in the last part than in the first.
const MIN_GROWTH: i64 = 2;
const MIN_GROWTH_NS: i64 = 1_000_000_000;

static DESCRIPTION: Description = Description {
    name: "consumer-lag",
    table: "consumer_lag",
    summary: "messages that wait longer and longer before they are processed",
    documentation: "\
## What it does

Takes, for each topic and group of consumers, the time from the end of the span that sent a message to the start of its first
processing; where nobody knows who sent it, what `kafka.record.queue_time_ms` or an enqueued time says. From `min_messages` on
these make a row: `growing` if the medians of the four quarters of the time never fall, the last is at least twice the first and
at least a second more; else `slow` if one in twenty waits for `max_lag` or longer. Topics for messages that are to wait (delay,
retry, scheduled, and the like) and later deliveries are left out, and topics where more than one message in twenty seems to be
processed before it was sent: there the clocks differ.

## Why it hurts

What a message asks for is done that much later: an order is not shipped, a search does not find what is there. Consumers that
are slower than producers never catch up (`growth_per_s` over 1), until retention deletes what nobody has read.

## What it looks like

    PRODUCER shop  orders publish     10:00:00      10:05:00
    CONSUMER ship  orders process     10:00:01      10:09:30      lag 1 s, later 270 s

## How to fix it

Make a message cheaper to process (`work_p50_ns`): batch its writes, cache what it reads. Process more of them at once: more
consumers, and as many partitions. Where producers have peaks, let consumers scale with the lag, and send what is urgent to a
topic of its own.

## When it is wrong

Batch consumers are slow by design. A dump that begins with a backlog or ends within a peak shows growth that is none over a day.

## References

N. Narkhede, G. Shapira, T. Palino, \"Kafka: The Definitive Guide\", 2nd edition, 2021, chapter 13. OpenTelemetry semantic
conventions for messaging spans.",
    currency: None,
    has_findings: true,
    gates_at_any_impact: true,
    finds_risks_only: false,
    needs_failures: false,
    least_of_all_traces: None,
    terminal_columns: &[
        "rank",
        "level",
        "topic",
        "group",
        "kind",
        "messages",
        "lag_p50_ns",
        "lag_p95_ns",
        "lag_first_ns",
        "lag_last_ns",
        "growth_per_s",
        "work_p50_ns",
        "traces",
        "weighted_traces",
        "example_trace_id",
    ],
    ranked_by: &[RankedBy::LastIfText("level", "risk"), RankedBy::Largest("lag_p95_ns")],
    problem: Some(ProblemText { title, fix, is_upper_bound: false }),
};

fn title(row: &TableRow<'_>) -> String {
    let (topic, group) = (row.text("topic"), row.text("group"));
    let seconds = |column: &str| format!("{:.1} s", row.count(column) as f64 / 1e9);
    if row.text("kind") == FindingKind::Growing.as_str() {
        let (first, last) = (seconds("lag_first_ns"), seconds("lag_last_ns"));
        format!("{group} falls behind {topic}: its messages waited {first} at first and {last} at last")
    } else {
        format!("{group} is {} behind {topic} with one message in twenty", seconds("lag_p95_ns"))
    }
}

fn fix(row: &TableRow<'_>) -> &'static str {
    if row.number("growth_per_s") > 1.0 {
        "add consumers and partitions, or make a message cheaper to process: it never catches up as it is"
    } else {
        "make a message cheaper to process, or process more of them at once"
    }
}

type Column = RowColumn<ConsumerLag>;

static COLUMNS: &[Column] = &[
    Column::rank("place in the ranking by level, then lag_p95_ns"),
    Column::pattern_id(|row| vec![row.topic, row.group]),
    Column::new("level", Unit::Text, "problem where lag grows, else risk", |row, _| row.level().cell()),
    Column::new("topic", Unit::Text, "system and destination of the messages", |row, whole| whole.name(row.topic)),
    Column::new("group", Unit::Text, "group of consumers, else the service", |row, whole| whole.name(row.group)),
    Column::new("kind", Unit::Text, "growing, or slow", |row, _| Cell::Text(row.kind.as_str().to_owned())),
    Column::new("messages", Unit::Count, "messages whose lag is known", |row, _| Cell::Int(row.messages)).adding_up(),
    Column::new("lag_p50_ns", Unit::Nanoseconds, "median time from sent to processed", |row, _| int(row.lag_p50)),
    Column::new("lag_p95_ns", Unit::Nanoseconds, "what one message in twenty waits for: the ranking", |row, _| {
        int(row.lag_p95)
    }),
    Column::new("lag_max_ns", Unit::Nanoseconds, "longest", |row, _| int(row.lag_max)),
    Column::new("lag_first_ns", Unit::Nanoseconds, "median of the first quarter of the time", |row, _| {
        int(row.lag_first)
    }),
    Column::new("lag_last_ns", Unit::Nanoseconds, "median of the last quarter", |row, _| int(row.lag_last)),
    Column::new(
        "growth_per_s",
        Unit::Number,
        "seconds of lag a second between these quarters: over 1 it never catches up",
        |row, _| row.growth_per_s.map_or(Cell::None, Cell::Float),
    ),
    Column::new("measured_by", Unit::Text, "span or attribute: what tells when most messages were sent", |row, _| {
        Cell::Text(row.measured_by.as_str().to_owned())
    }),
    Column::new("work_p50_ns", Unit::Nanoseconds, "median duration of a processing", |row, _| int(row.work_p50)),
    Column::new("services", Unit::Names, "services that process the messages", |row, whole| whole.names(&row.services)),
    Column::new("traces", Unit::Count, "traces with such messages", |row, _| row.traces.count()),
    Column::new("weighted_traces", Unit::Number, WEIGHTED_TRACES_DOC, |row, whole| {
        whole.weighted(row.traces.weighted())
    }),
    Column::new("example_trace_id", Unit::Id, "the trace with the message that waited longest", |row, whole| {
        whole.trace_id(row.example)
    }),
];

/// How it is known when a message was sent. In the order of the names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum MeasuredBy {
    Attribute,
    Span,
}

impl MeasuredBy {
    fn as_str(self) -> &'static str {
        match self {
            Self::Attribute => "attribute",
            Self::Span => "span",
        }
    }
}

/// A topic and a group that lags behind it.
pub(crate) struct Row {
    topic: Symbol,
    group: Symbol,
    kind: FindingKind,
    messages: i64,
    lag_p50: Option<i64>,
    lag_p95: Option<i64>,
    lag_max: Option<i64>,
    lag_first: Option<i64>,
    lag_last: Option<i64>,
    growth_per_s: Option<f64>,
    measured_by: MeasuredBy,
    work_p50: Option<i64>,
    services: Vec<Symbol>,
    traces: TracesOfRow,
    example: TraceNumber,
}

impl Row {
    fn level(&self) -> Level {
        if self.kind == FindingKind::Growing { Level::Problem } else { Level::Risk }
    }
}

/// What is known once messages were seen.
#[derive(Default)]
pub(crate) struct Found {
    rows: Vec<Row>,
    findings: Findings<NoDetails>,
    /// Of the topic that is shown: what its groups have processed.
    groups: BTreeMap<Symbol, Lags>,
}

/// What a group has processed of the topic that is shown, column by column: there may be very many.
#[derive(Default)]
struct Lags {
    /// The first start and the last of all that it has processed, in ns since 1970.
    time: Option<(i64, i64)>,
    /// Messages that may come again.
    known: HashSet<Identity, FixedState>,
    /// Of the messages whose lag is known: the lag in ns.
    ns: Vec<i64>,
    starts: Vec<i64>,
    durations: Vec<i64>,
    traces: Vec<TraceNumber>,
    /// Those of which a trace stands for more or less than itself.
    adjusted: Vec<(TraceNumber, f64)>,
    services: BTreeSet<Symbol>,
    measured_by: BTreeMap<MeasuredBy, u64>,
    /// The one that waited longest.
    longest: Option<(i64, LoggedMessage)>,
}

impl Detector for ConsumerLag {
    type Seen = SeenAtTheEnd<Found>;
    type Details = NoDetails;
    type Aside = ();
    type Row = Row;

    const DESCRIPTION: &'static Description = &DESCRIPTION;
    const TABLE: TableRules<Self> = TableRules::Rows(COLUMNS);

    fn gathers() -> Gathers {
        Gathers::MESSAGES
    }

    fn see(&self, _trace: &TraceView<'_>, _seen: &mut Self::Seen) {}

    fn see_message(&self, round: MessageRound, message: &LoggedMessage, seen: &mut Self::Seen) {
        if round == MessageRound::First && message.role.is_processing() {
            seen.0.groups.entry(message.group).or_default().see(message);
        }
    }

    fn end_topic(&self, _round: MessageRound, topic: Symbol, seen: &mut Self::Seen) -> bool {
        for (group, lags) in std::mem::take(&mut seen.0.groups) {
            self.judge(topic, group, lags, &mut seen.0);
        }
        false
    }

    fn conclude(&self, seen: Self::Seen, _whole: &Whole<'_>) -> Concluded<Self> {
        let SeenAtTheEnd(Found { mut rows, findings, .. }) = seen;
        rows.sort_by_key(|row| (row.topic, row.group));
        Concluded { findings, aside: (), rows }
    }
}

impl ConsumerLag {
    /// Judges what a group has processed of a topic.
    fn judge(&self, topic: Symbol, group: Symbol, lags: Lags, found: &mut Found) {
        if lags.ns.len() < (self.min_messages.0 as usize).max(1) {
            return;
        }
        let early = lags.ns.iter().filter(|&&ns| ns < -CLOCKS_AGREE_WITHIN_NS).count() as u64;
        if early * ONE_IN_MAY_BE_EARLY > lags.ns.len() as u64 {
            return;
        }
        let parts = Parts::of(&lags);
        let Lags { ns: mut all, durations, traces: of_lags, adjusted, services, measured_by, longest, .. } = lags;
        all.sort_unstable();
        let lag_p95 = quantile(&all, 0.95);
        let kind = if parts.grow() {
            FindingKind::Growing
        } else if lag_p95.is_some_and(|lag| lag >= self.max_lag.0) {
            FindingKind::Slow
        } else {
            return;
        };
        let mut traces = TracesOfRow::default();
        of_lags.into_iter().for_each(|trace| traces.add_trace(trace, 1.0));
        adjusted.into_iter().for_each(|(trace, count)| traces.add_trace(trace, count));
        let Some((_, message)) = longest else { return };
        let finding = Finding {
            span_id: message.span_id,
            service: message.service,
            operation: message.operation,
            target: Some(Target { name: topic, kind: TargetKind::Messaging }),
            start: message.start,
            measured: lag_p95.unwrap_or_default() as f64 / 1e9,
            threshold: self.max_lag.0 as f64 / 1e9,
            impact_ns: 0,
            own_impact: 0,
            induced: false,
            kind,
            span_ids: &[message.span_id],
            key: &[topic, group],
            details: NoDetails,
        };
        found.findings.push_of(message.trace, message.adjusted_count, finding);
        found.rows.push(Row {
            topic,
            group,
            kind,
            messages: all.len() as i64,
            lag_p50: quantile(&all, 0.5),
            lag_p95,
            lag_max: all.last().copied(),
            lag_first: parts.medians[0],
            lag_last: parts.medians[PARTS - 1],
            growth_per_s: parts.growth_per_s(),
            measured_by: measured_by
                .into_iter()
                .rev()
                .max_by_key(|&(_, times)| times)
                .map_or(MeasuredBy::Span, |(by, _)| by),
            work_p50: median(durations),
            services: services.into_iter().collect(),
            traces,
            example: message.trace,
        });
    }
}

impl Lags {
    /// Takes notice of a message, in time order: it has a lag when it is processed first, unless it is to wait.
    fn see(&mut self, message: &LoggedMessage) {
        self.time.get_or_insert((message.start, message.start)).1 = message.start;
        let is_new = !message.may_come_again || self.known.insert(message.identity);
        let is_delayed = message.is_delayed || message.sender().is_some_and(|sender| sender.is_delayed);
        if !is_new || is_delayed || message.deliveries > 1 {
            return;
        }
        let by_span = message.sender().map(|sender| (message.start.wrapping_sub(sender.end), MeasuredBy::Span));
        let by_attribute = || message.waited_ns.map(|ns| (ns, MeasuredBy::Attribute));
        let Some((ns, measured_by)) = by_span.or_else(by_attribute) else { return };
        self.ns.push(ns);
        self.starts.push(message.start);
        self.durations.push(message.duration);
        if message.adjusted_count == 1.0 {
            self.traces.push(message.trace);
        } else {
            self.adjusted.push((message.trace, message.adjusted_count));
        }
        self.services.insert(message.service);
        *self.measured_by.entry(measured_by).or_default() += 1;
        let key = |ns: i64, message: &LoggedMessage| (Reverse(ns), message.trace, message.start, message.row);
        if self.longest.as_ref().is_none_or(|(longest, of)| key(ns, message) < key(*longest, of)) {
            self.longest = Some((ns, message.clone()));
        }
    }
}

/// Lags by the quarters of the time.
struct Parts {
    medians: [Option<i64>; PARTS],
    counts: [usize; PARTS],
    /// From the first start to the last, in ns.
    time_ns: i64,
}

impl Parts {
    /// Those of the time in which the group processed anything of the topic.
    fn of(lags: &Lags) -> Self {
        let (first, last) = lags.time.unwrap_or_default();
        let time_ns = last.saturating_sub(first);
        let mut parts: [Vec<i64>; PARTS] = Default::default();
        for (&start, &ns) in lags.starts.iter().zip(&lags.ns) {
            let at = i128::from(start - first) * PARTS as i128;
            let part = if time_ns > 0 { (at / i128::from(time_ns)) as usize } else { 0 };
            parts[part.min(PARTS - 1)].push(ns);
        }
        let counts = [0, 1, 2, 3].map(|part: usize| parts[part].len());
        Self { medians: parts.map(median), counts, time_ns }
    }

    /// Whether lag grows from part to part, and enough.
    fn grow(&self) -> bool {
        let [Some(first), .., Some(last)] = self.medians else { return false };
        self.counts.iter().all(|&count| count >= MIN_PER_PART)
            && self.medians.is_sorted()
            && last >= MIN_GROWTH.saturating_mul(first)
            && last.saturating_sub(first) >= MIN_GROWTH_NS
    }

    /// Growth of lag from the middle of the first part to that of the last, which is all of the time but a part.
    fn growth_per_s(&self) -> Option<f64> {
        let growth = self.medians[PARTS - 1]?.saturating_sub(self.medians[0]?) as f64;
        let between = self.time_ns as f64 * (PARTS - 1) as f64 / PARTS as f64;
        (between > 0.0).then(|| growth / between)
    }
}
