//! `message-disorder`: messages of one key out of order.

mod overtaken;

use std::collections::BTreeSet;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use crate::conventions::FindingKind;
use crate::detectors::kit::{
    Cell, Concluded, Description, Detector, Level, NoDetails, ProblemText, RankedBy, RowColumn, SeenAtTheEnd, TableRow,
    TableRules, Unit, WEIGHTED_TRACES_DOC, Whole, thresholds,
};
use crate::findings::{Finding, Findings};
use crate::frame::Symbol;
use crate::gathered::{Gathers, Identity, LoggedMessage, MessagesOfTopic};
use crate::partial::TraceNumber;
use crate::trace::{Target, TargetKind, TraceView};

use super::evidence::{TracesOfRow, int, median, share};
use overtaken::{Gaps, Overlapped, Overtaken};

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
    needs_failures: false,
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
    let (group, topic, late) = (row.text("group"), row.text("topic"), row.count("late"));
    if row.text("kind") == FindingKind::Overlap.as_str() {
        format!(
            "{group} processes messages of one key of {topic} at the same time: {late} did not wait for the one before"
        )
    } else {
        format!("{group} processes {late} messages of {topic} after later ones")
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
pub(crate) struct Found(Vec<Disorder>);

/// All messages of a topic and group that are out of order in one way.
struct Disorder {
    topic: Symbol,
    group: Symbol,
    kind: FindingKind,
    messages: u64,
    late: Vec<Late>,
}

/// A message that is out of order.
struct Late {
    message: LoggedMessage,
    /// The trace of the other message.
    other: TraceNumber,
    gap_ns: i64,
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

    fn see_topic(&self, messages: &MessagesOfTopic<'_>, seen: &mut Self::Seen) {
        for (group, processings) in messages.processings_by_group() {
            let mut judged = Judged { gaps: self.gaps(), messages: 0, late: Vec::new() };
            judged.judge_partitions(&processings);
            judged.judge_senders(&processings);
            for (kind, min_late) in [
                (FindingKind::Key, 1),
                (FindingKind::Overlap, self.min_late.0 as usize),
                (FindingKind::Partition, self.min_late.0 as usize),
            ] {
                let late: Vec<Late> = judged.late.extract_if(.., |(of, _)| *of == kind).map(|(_, late)| late).collect();
                if !late.is_empty() && late.len() >= min_late {
                    let topic = messages.topic;
                    seen.0.0.push(Disorder { topic, group, kind, messages: judged.messages, late });
                }
            }
        }
    }

    fn conclude(&self, seen: Self::Seen, whole: &Whole<'_>) -> Concluded<Self> {
        let mut findings = Findings::default();
        let mut rows = Vec::new();
        for disorder in seen.0.0 {
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
        let message = &late.message;
        let finding = Finding {
            span_id: message.span_id,
            service: message.service,
            operation: message.operation,
            target: Some(Target { name: disorder.topic, kind: TargetKind::Messaging }),
            start: message.start,
            measured: late.gap_ns as f64 / 1e9,
            threshold: self.min_gap.0 as f64 / 1e9,
            impact_ns: 0,
            own_impact: 0,
            induced: false,
            kind: disorder.kind,
            span_ids: &[message.span_id],
            key,
            details: NoDetails,
        };
        findings.push_of(message.trace, message.adjusted_count, finding);
    }
}

impl Disorder {
    fn concluded(&self, key: [Symbol; 3]) -> Option<Row> {
        let place = |late: &&Late| (late.message.trace, late.message.start, late.message.row);
        let example = self.late.iter().min_by_key(place)?;
        let mut traces = TracesOfRow::default();
        self.late.iter().for_each(|late| traces.add(&late.message));
        let distinct = |of: fn(&LoggedMessage) -> u64| {
            self.late.iter().map(|late| of(&late.message)).filter(|&value| value != 0).collect::<BTreeSet<u64>>().len()
        };
        let services: BTreeSet<Symbol> = self.late.iter().map(|late| late.message.service).collect();
        Some(Row {
            key,
            kind: self.kind,
            messages: self.messages,
            late: self.late.len() as u64,
            keys: distinct(|message| message.key) as u64,
            gap_p50: median(self.late.iter().map(|late| late.gap_ns).collect()),
            gap_max: self.late.iter().map(|late| late.gap_ns).max(),
            services: services.into_iter().collect(),
            traces,
            example: example.message.trace,
            other: example.other,
        })
    }
}

/// What a group has processed of a topic while it is judged.
struct Judged {
    gaps: Gaps,
    /// Messages whose order is known.
    messages: u64,
    late: Vec<(FindingKind, Late)>,
}

impl Judged {
    fn push(&mut self, kind: FindingKind, message: &LoggedMessage, other: &LoggedMessage) {
        let gap_ns = message.start.saturating_sub(other.start);
        self.late.push((kind, Late { message: message.clone(), other: other.trace, gap_ns }));
    }

    /// Judges messages by their offsets, partition by partition.
    fn judge_partitions(&mut self, processings: &[&LoggedMessage]) {
        let mut by_partition: HashMap<u64, Vec<&LoggedMessage>, FixedState> = HashMap::default();
        for &message in processings.iter().filter(|message| message.partition != 0 && message.offset != 0) {
            by_partition.entry(message.partition).or_default().push(message);
        }
        let mut partitions: Vec<Vec<&LoggedMessage>> = by_partition.into_values().collect();
        partitions.sort_by_key(|messages| (messages[0].start, messages[0].trace, messages[0].row));
        for messages in partitions {
            let messages = without_replays(&messages);
            self.messages += messages.len() as u64;
            let mut by_key: HashMap<u64, (Overtaken<'_>, Overlapped<'_>), FixedState> = HashMap::default();
            let mut all = Overtaken::new(self.gaps);
            for message in messages {
                if message.key == 0 {
                    if let Some(other) = all.overtaking(message, message.offset) {
                        self.push(FindingKind::Partition, message, other);
                    }
                } else {
                    let gaps = self.gaps;
                    let (overtaken, overlapped) =
                        by_key.entry(message.key).or_insert_with(|| (Overtaken::new(gaps), Overlapped::new(gaps)));
                    if let Some(other) = overtaken.overtaking(message, message.offset) {
                        self.push(FindingKind::Key, message, other);
                    } else if let Some(other) = overlapped.running(message) {
                        self.push(FindingKind::Overlap, message, other);
                    }
                    overtaken.add(message, message.offset);
                    overlapped.add(message);
                }
                all.add(message, message.offset);
            }
        }
    }

    /// Judges messages without offsets by when one service has sent those of one key.
    fn judge_senders(&mut self, processings: &[&LoggedMessage]) {
        let mut known: HashSet<Identity, FixedState> = HashSet::default();
        let mut by_sender: HashMap<(u64, Symbol), Overtaken<'_>, FixedState> = HashMap::default();
        for &message in processings.iter().filter(|message| message.partition == 0 || message.offset == 0) {
            let is_first = message.identity != Identity::Unknown && known.insert(message.identity);
            let Some(sender) = message.sender().filter(|_| is_first && message.key != 0) else { continue };
            self.messages += 1;
            let gaps = self.gaps;
            let overtaken = by_sender.entry((message.key, sender.service)).or_insert_with(|| Overtaken::new(gaps));
            // Of two messages the one was sent before the other was begun to be sent.
            if let Some(other) = overtaken.overtaking(message, sender.end as u64) {
                self.push(FindingKind::Key, message, other);
            }
            overtaken.add(message, sender.start as u64);
        }
    }
}

/// The messages of a partition in the order of starts without what was read again: runs of rising offsets that hold one that was
/// seen before.
fn without_replays<'a>(messages: &[&'a LoggedMessage]) -> Vec<&'a LoggedMessage> {
    let mut seen: HashSet<u64, FixedState> = HashSet::default();
    let mut left = Vec::with_capacity(messages.len());
    for run in messages.chunk_by(|before, after| before.offset < after.offset) {
        if !run.iter().any(|message| seen.contains(&message.offset)) {
            left.extend_from_slice(run);
        }
        seen.extend(run.iter().map(|message| message.offset));
    }
    left
}

#[cfg(test)]
mod tests;
