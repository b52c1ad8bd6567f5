//! `message-disorder`: messages of one key out of order.

mod overtaken;

use std::collections::{BTreeMap, BTreeSet};

use foldhash::fast::FixedState;
use hashbrown::hash_map::Entry;
use hashbrown::{HashMap, HashSet};

use crate::conventions::FindingKind;
use crate::detectors::kit::{
    Cell, Concluded, Description, Detector, Level, MessageRound, NoDetails, ProblemText, RankedBy, RowColumn,
    SeenAtTheEnd, TableRow, TableRules, Unit, WEIGHTED_TRACES_DOC, Whole, thresholds,
};
use crate::findings::{Finding, Findings};
use crate::frame::Symbol;
use crate::gathered::{Gathers, Identity, LoggedMessage};
use crate::partial::TraceNumber;
use crate::span::SpanId;
use crate::trace::{Target, TargetKind, TraceView};

use super::evidence::{TracesOfRow, int, median, share};
use overtaken::{Gaps, OfKey, Other, Overtaken, Timed};

thresholds! {
    /// The detector of messages out of order and its thresholds.
    pub(crate) struct MessageDisorder {
        /// How much earlier a later message must start in the same instance.
        min_gap: Duration = 10_000_000;
        /// The same in another instance, whose clock may differ.
        min_gap_across: Duration = 1_000_000_000;
        /// Messages out of order from which on they are a risk, where it is not known that their order matters.
        min_late: Count = 3;
    }
}

static DESCRIPTION: Description = Description {
    name: "message-disorder",
    table: "message_disorder",
    summary: "messages that are processed out of order",
    documentation: "\
## What it does

Follows, for each topic, group of consumers and partition, the order in which messages start to be processed. A message is late if
one with a larger offset started before it: `min_gap` in the same instance, `min_gap_across` in another, whose clock may differ.
What is read again is left out: a run of rising offsets that holds one that was seen before. A row is one of

- `key`: the message that overtook has the same key, whose order was asked for;
- `overlap`: one of the same key before it was still being processed, as much later as that;
- `partition`: the message has no key. From `min_late` on, as those that overlap.

Messages of different keys may overtake each other. Where no offsets are recorded, messages of one key from one service are
followed by when they were sent.

## Why it hurts

The later state is overwritten with the earlier one: an order that was cancelled is shipped, a balance is that of yesterday. It
happens under load, and no test shows it.

## What it looks like

    CONSUMER ship  orders process   offset 42  key 17   started 10:00:01
    CONSUMER ship  orders process   offset 41  key 17   started 10:00:03   late

## How to fix it

Process the messages of one key one after the other: partitions by key, one consumer a partition, no pool of threads behind it
unless it is split by key too. Retry in place, or stop the key, rather than put a message back. Or make handlers compare versions
and drop what is older.

## When it is wrong

A handler that hands over to its own ordered queue starts out of order and works in order.

## References

M. Kleppmann, \"Designing Data-Intensive Applications\", 2017, chapter 11. Apache Kafka documentation, \"Message Delivery
Semantics\".",
    currency: None,
    has_findings: true,
    gates_at_any_impact: true,
    finds_risks_only: false,
    needs_failures: false,
    least_of_all_traces: Some("min_late"),
    terminal_columns: &[
        "rank",
        "level",
        "topic",
        "group",
        "kind",
        "messages",
        "late",
        "late_share",
        "keys",
        "gap_p50_ns",
        "gap_max_ns",
        "services",
        "traces",
        "weighted_traces",
        "example_trace_id",
    ],
    ranked_by: &[RankedBy::LastIfText("level", "risk"), RankedBy::Largest("late")],
    problem: Some(ProblemText { title, fix, is_upper_bound: false }),
};

fn title(row: &TableRow<'_>) -> String {
    let (group, topic, late) = (row.text("group"), row.text("topic"), row.counted("late", "message"));
    if row.text("kind") == FindingKind::Overlap.as_str() {
        format!(
            "{group} processes messages of one key of {topic} at the same time: {late} did not wait for the one before"
        )
    } else {
        format!("{group} processes {late} of {topic} after later ones")
    }
}

fn fix(row: &TableRow<'_>) -> &'static str {
    if row.text("kind") == FindingKind::Partition.as_str() {
        "if their order matters, process the messages of a partition one after the other"
    } else {
        "process the messages of one key one after the other, or drop those that are older than what is known"
    }
}

type Column = RowColumn<MessageDisorder>;

static COLUMNS: &[Column] = &[
    Column::rank("place in the ranking by level, then late"),
    Column::pattern_id(|row| row.key.to_vec()),
    Column::new("level", Unit::Text, "problem where the order was asked for, else risk", |row, _| row.level().cell()),
    Column::new("topic", Unit::Text, "system and destination of the messages", |row, whole| whole.name(row.key[0])),
    Column::new("group", Unit::Text, "group of consumers, else the service", |row, whole| whole.name(row.key[1])),
    Column::new("kind", Unit::Text, "key, overlap or partition", |row, _| Cell::Text(row.kind.as_str().to_owned())),
    Column::new("messages", Unit::Count, "messages of the topic and group whose order is known", |row, _| {
        Cell::Int(row.messages as i64)
    }),
    Column::new("late", Unit::Count, "those that were overtaken, or overlap: the ranking", |row, _| {
        Cell::Int(row.late as i64)
    })
    .adding_up(),
    Column::new("late_share", Unit::Share, "their share", |row, _| share(row.late, row.messages)),
    Column::new("keys", Unit::Count, "distinct keys of those", |row, _| Cell::Int(row.keys as i64)),
    Column::new(
        "gap_p50_ns",
        Unit::Nanoseconds,
        "median time from the start of the other message to theirs",
        |row, _| int(row.gap_p50),
    ),
    Column::new("gap_max_ns", Unit::Nanoseconds, "longest", |row, _| int(row.gap_max)),
    Column::new("services", Unit::Names, "services that process them", |row, whole| whole.names(&row.services)),
    Column::new("other_trace_id", Unit::Id, "the trace of the other message of the example", |row, whole| {
        whole.trace_id(row.other)
    }),
    Column::new("traces", Unit::Count, "traces with such messages", |row, _| row.traces.count()),
    Column::new("weighted_traces", Unit::Number, WEIGHTED_TRACES_DOC, |row, whole| {
        whole.weighted(row.traces.weighted())
    }),
    Column::new("example_trace_id", Unit::Id, "a trace with such a message", |row, whole| whole.trace_id(row.example)),
];

/// Messages of a topic and group that are out of order in one way.
pub(crate) struct Row {
    /// Topic, group and kind.
    key: [Symbol; 3],
    kind: FindingKind,
    messages: u64,
    late: u64,
    keys: u64,
    gap_p50: Option<i64>,
    gap_max: Option<i64>,
    services: Vec<Symbol>,
    traces: TracesOfRow,
    example: TraceNumber,
    other: TraceNumber,
}

impl Row {
    fn level(&self) -> Level {
        if self.kind == FindingKind::Key { Level::Problem } else { Level::Risk }
    }
}

/// What is known once messages were seen.
#[derive(Default)]
pub(crate) struct Found {
    disorders: Vec<Disorder>,
    /// Of the topic that is shown: what its groups have processed.
    groups: BTreeMap<Symbol, OfGroup>,
}

/// All messages of a topic and group that are out of order in one way.
struct Disorder {
    topic: Symbol,
    group: Symbol,
    kind: FindingKind,
    messages: u64,
    late: Vec<Late>,
}

/// A message that is out of order.
#[derive(Clone, Copy)]
struct Late {
    service: Symbol,
    operation: Symbol,
    trace: TraceNumber,
    row: u32,
    span_id: SpanId,
    start: i64,
    key: u64,
    adjusted_count: f64,
    /// The trace of the other message.
    other: TraceNumber,
    gap_ns: i64,
}

impl Late {
    fn of(message: &LoggedMessage, other: Other) -> Self {
        Self {
            service: message.service,
            operation: message.operation,
            trace: message.trace,
            row: message.row,
            span_id: message.span_id,
            start: message.start,
            key: message.key,
            adjusted_count: message.adjusted_count,
            other: other.trace,
            gap_ns: message.start.saturating_sub(other.start),
        }
    }
}

impl Detector for MessageDisorder {
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
        if message.role.is_processing() {
            seen.0.groups.entry(message.group).or_default().see(round, message, self.gaps());
        }
    }

    fn end_topic(&self, round: MessageRound, topic: Symbol, seen: &mut Self::Seen) -> bool {
        let Found { disorders, groups } = &mut seen.0;
        if round == MessageRound::First {
            groups.values_mut().for_each(OfGroup::end_runs);
            if groups.values().any(|of_group| !of_group.partitions.is_empty()) {
                return true;
            }
        }
        for (group, of_group) in std::mem::take(groups) {
            let (messages, mut all) = of_group.judged();
            for (kind, min_late) in [
                (FindingKind::Key, 1),
                (FindingKind::Overlap, self.min_late.0 as usize),
                (FindingKind::Partition, self.min_late.0 as usize),
            ] {
                let late: Vec<Late> = all.extract_if(.., |(of, _)| *of == kind).map(|(_, late)| late).collect();
                if !late.is_empty() && late.len() >= min_late {
                    disorders.push(Disorder { topic, group, kind, messages, late });
                }
            }
        }
        false
    }

    fn conclude(&self, seen: Self::Seen, whole: &Whole<'_>) -> Concluded<Self> {
        let mut findings = Findings::default();
        let mut rows = Vec::new();
        for disorder in seen.0.disorders {
            let kind_name = whole.symbols.get(disorder.kind.as_str()).unwrap_or_default();
            let key = [disorder.topic, disorder.group, kind_name];
            disorder.late.iter().for_each(|late| self.report(&disorder, late, &key, &mut findings));
            rows.extend(disorder.concluded(key));
        }
        rows.sort_by_key(|row| row.key);
        Concluded { findings, aside: (), rows }
    }
}

impl MessageDisorder {
    fn gaps(&self) -> Gaps {
        Gaps { within_ns: self.min_gap.0, across_ns: self.min_gap_across.0 }
    }

    fn report(&self, disorder: &Disorder, late: &Late, key: &[Symbol], findings: &mut Findings<NoDetails>) {
        let finding = Finding {
            span_id: late.span_id,
            service: late.service,
            operation: late.operation,
            target: Some(Target { name: disorder.topic, kind: TargetKind::Messaging }),
            start: late.start,
            measured: late.gap_ns as f64 / 1e9,
            threshold: self.min_gap.0 as f64 / 1e9,
            impact_ns: 0,
            own_impact: 0,
            induced: false,
            kind: disorder.kind,
            span_ids: &[late.span_id],
            key,
            details: NoDetails,
        };
        findings.push_of(late.trace, late.adjusted_count, finding);
    }
}

impl Disorder {
    fn concluded(&self, key: [Symbol; 3]) -> Option<Row> {
        let example = self.late.iter().min_by_key(|late| (late.trace, late.start, late.row))?;
        let mut traces = TracesOfRow::default();
        self.late.iter().for_each(|late| traces.add_trace(late.trace, late.adjusted_count));
        let keys: BTreeSet<u64> = self.late.iter().map(|late| late.key).filter(|&key| key != 0).collect();
        let services: BTreeSet<Symbol> = self.late.iter().map(|late| late.service).collect();
        Some(Row {
            key,
            kind: self.kind,
            messages: self.messages,
            late: self.late.len() as u64,
            keys: keys.len() as u64,
            gap_p50: median(self.late.iter().map(|late| late.gap_ns).collect()),
            gap_max: self.late.iter().map(|late| late.gap_ns).max(),
            services: services.into_iter().collect(),
            traces,
            example: example.trace,
            other: example.other,
        })
    }
}

/// What a group has processed of the topic that is shown.
#[derive(Default)]
struct OfGroup {
    /// Messages whose place in a partition is known.
    partitions: HashMap<u64, Partition, FixedState>,
    /// The others.
    senders: Senders,
}

impl OfGroup {
    /// Takes notice of a message, in time order.
    fn see(&mut self, round: MessageRound, message: &LoggedMessage, gaps: Gaps) {
        if message.partition == 0 || message.offset == 0 {
            if round == MessageRound::First {
                self.senders.see(message, gaps);
            }
            return;
        }
        let new = || Partition::beginning_with(message);
        let partition = self.partitions.entry(message.partition).or_insert_with(new);
        match round {
            MessageRound::First => partition.replays.see(message),
            MessageRound::Second if partition.replays.holds(message.offset) => {}
            MessageRound::Second => partition.judge(message, gaps),
        }
    }

    /// Ends the first round.
    fn end_runs(&mut self) {
        self.partitions.values_mut().for_each(|partition| partition.replays.end());
    }

    /// How many messages have an order that is known, and those that are late, partition by partition.
    fn judged(self) -> (u64, Vec<(FindingKind, Late)>) {
        let mut partitions: Vec<Partition> = self.partitions.into_values().collect();
        partitions.sort_unstable_by_key(|partition| partition.first);
        let messages: u64 = partitions.iter().map(|partition| partition.messages).sum();
        let of_partitions = partitions.into_iter().flat_map(|partition| partition.late);
        let of_senders = self.senders.late.into_iter().map(|late| (FindingKind::Key, late));
        (messages + self.senders.messages, of_partitions.chain(of_senders).collect())
    }
}

/// Messages without offsets, which are judged by when one service has sent those of one key.
#[derive(Default)]
struct Senders {
    known: HashSet<Identity, FixedState>,
    of_keys: HashMap<(u64, Symbol), Overtaken, FixedState>,
    messages: u64,
    late: Vec<Late>,
}

impl Senders {
    fn see(&mut self, message: &LoggedMessage, gaps: Gaps) {
        let is_first =
            message.identity != Identity::Unknown && (!message.may_come_again || self.known.insert(message.identity));
        let Some(sender) = message.sender().filter(|_| is_first && message.key != 0) else { return };
        self.messages += 1;
        let overtaken = self.of_keys.entry((message.key, sender.service)).or_default();
        let timed = Timed::of(message, sender.start as u64);
        // Of two messages the one was sent before the other was begun to be sent.
        if let Some(other) = overtaken.overtaking(&timed, sender.end as u64, gaps) {
            self.late.push(Late::of(message, other));
        }
        overtaken.add(&timed);
    }
}

/// The messages of a partition.
struct Partition {
    /// What comes first.
    first: (i64, TraceNumber, u32),
    replays: Replays,
    /// Messages that were not read again.
    messages: u64,
    late: Vec<(FindingKind, Late)>,
    /// All messages, where some have no key.
    all: Overtaken,
    of_keys: HashMap<u64, OfKey, FixedState>,
}

impl Partition {
    fn beginning_with(message: &LoggedMessage) -> Self {
        Self {
            first: (message.start, message.trace, message.row),
            replays: Replays::default(),
            messages: 0,
            late: Vec::new(),
            all: Overtaken::default(),
            of_keys: HashMap::default(),
        }
    }

    /// Judges a message, in time order.
    fn judge(&mut self, message: &LoggedMessage, gaps: Gaps) {
        self.messages += 1;
        let timed = Timed::of(message, message.offset);
        let late = if message.key == 0 {
            self.all.overtaking(&timed, timed.place, gaps).map(|other| (FindingKind::Partition, other))
        } else {
            match self.of_keys.entry(message.key) {
                Entry::Vacant(entry) => {
                    entry.insert(OfKey::one(timed));
                    None
                }
                Entry::Occupied(mut entry) => {
                    let (overtaken, overlapped) = entry.get_mut().several(gaps);
                    let by_key = overtaken.overtaking(&timed, timed.place, gaps);
                    let running = || overlapped.running(&timed, gaps);
                    let late = by_key
                        .map(|other| (FindingKind::Key, other))
                        .or_else(|| running().map(|other| (FindingKind::Overlap, other)));
                    overtaken.add(&timed);
                    overlapped.add(&timed, gaps);
                    late
                }
            }
        };
        self.late.extend(late.map(|(kind, other)| (kind, Late::of(message, other))));
        if self.replays.some_lack_keys {
            self.all.add(&timed);
        }
    }
}

/// What was read again of a partition, in the order of starts: runs of rising offsets that hold one that was seen before.
#[derive(Default)]
struct Replays {
    seen: HashSet<u64, FixedState>,
    last: u64,
    run: u32,
    is_replay: bool,
    /// The runs that were read again, ascending.
    runs: Vec<u32>,
    /// Of these, those that were passed.
    passed: usize,
    some_lack_keys: bool,
}

impl Replays {
    /// Takes notice of a message.
    fn see(&mut self, message: &LoggedMessage) {
        if message.offset <= self.last {
            self.end_run();
        }
        self.last = message.offset;
        self.is_replay |= !self.seen.insert(message.offset);
        self.some_lack_keys |= message.key == 0;
    }

    fn end_run(&mut self) {
        if std::mem::take(&mut self.is_replay) {
            self.runs.push(self.run);
        }
        self.run += 1;
    }

    /// Makes ready for the same messages once more.
    fn end(&mut self) {
        self.end_run();
        self.seen = HashSet::default();
        (self.last, self.run) = (0, 0);
    }

    /// Whether the next message, which has this offset, was read again.
    fn holds(&mut self, offset: u64) -> bool {
        if offset <= self.last {
            self.passed += usize::from(self.runs.get(self.passed) == Some(&self.run));
            self.run += 1;
        }
        self.last = offset;
        self.runs.get(self.passed) == Some(&self.run)
    }
}

#[cfg(test)]
mod tests;
