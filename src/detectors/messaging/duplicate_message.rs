//! `duplicate-message`: processed again, and written again.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::conventions::FindingKind;
use crate::detectors::kit::{
    Cell, Concluded, Description, Detector, Level, MessageRound, NoDetails, ProblemText, RankedBy, RowColumn,
    SeenAtTheEnd, TableRow, TableRules, Unit, WEIGHTED_TRACES_DOC, Whole, thresholds,
};
use crate::findings::{Finding, Findings, Remedy};
use crate::frame::Symbol;
use crate::gathered::{Gathers, Identity, LoggedMessage, RepeatableWrite};
use crate::partial::TraceNumber;
use crate::trace::{Asked, NO_ROW, Target, TargetKind, TraceView, total_ns};

use super::evidence::{TracesOfRow, int, median, most_frequent, share};

thresholds! {
    /// The detector of messages that are processed again. It has no thresholds.
    pub(crate) struct DuplicateMessage {}
}

static DESCRIPTION: Description = Description {
    name: "duplicate-message",
    table: "duplicate_message",
    summary: "messages that are processed again, and write again",
    documentation: "\
## What it does

Finds messages that a group of consumers processes again though it has processed them without failure, and that do a write of the
first time again: an INSERT, an UPDATE, a request that changes something, a message sent on. Messages are told by their ids of at
least eight characters, else by partition and offset. Writes that are as good twice as once (ON CONFLICT, MERGE, a cache) do not
count, and neither do failed ones: whoever only looks whether the message is known is safe.

## Why it hurts

Brokers deliver at least once. After a rebalance, a timeout or a restart a message comes again, and whoever does not recognise it
charges the card twice (level `problem`: something is added), or sets a value that was changed since (level `risk`).

## What it looks like

    CONSUMER bill  orders process   message 7c1e   ok
      CLIENT bill  INSERT INTO invoices
    CONSUMER bill  orders process   message 7c1e   ok     30 s later
      CLIENT bill  INSERT INTO invoices

## How to fix it

Remember what was processed, in the transaction of the write: a table of message ids, a unique key and ON CONFLICT DO NOTHING, an
idempotency key for requests. Make updates conditional on a version. See why messages come again too: acknowledge before the
broker's timeout, and leave time for a rebalance.

## When it is wrong

A unique key that the text does not show. A producer that re-uses ids.

## References

G. Hohpe, B. Woolf, \"Enterprise Integration Patterns\", 2003, \"Idempotent Receiver\". P. Helland, \"Idempotence Is Not a Medical
Condition\", ACM Queue 10(4), 2012.",
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
        "messages",
        "duplicates",
        "duplicate_share",
        "repeated_write",
        "repeated_operation",
        "identity",
        "gap_p50_ns",
        "critical_ns",
        "services",
        "traces",
        "weighted_traces",
        "example_trace_id",
    ],
    ranked_by: &[RankedBy::LastIfText("level", "risk"), RankedBy::Largest("duplicates")],
    problem: Some(ProblemText { title, fix, is_upper_bound: false }),
};

fn title(row: &TableRow<'_>) -> String {
    let (group, topic, duplicates) = (row.text("group"), row.text("topic"), row.counted("duplicates", "message"));
    format!("{group} processes {duplicates} of {topic} again, and writes to {} again", row.text("repeated_write"))
}

fn fix(row: &TableRow<'_>) -> &'static str {
    if row.text("level") == Level::Problem.as_str() {
        "remember processed messages in the transaction of the write, or give it a unique key"
    } else {
        "make the write conditional on what the message was based on"
    }
}

type Column = RowColumn<DuplicateMessage>;

static COLUMNS: &[Column] = &[
    Column::rank("place in the ranking by level, then duplicates"),
    Column::pattern_id(|row| vec![row.topic, row.group]),
    Column::new("level", Unit::Text, "problem if a repeated write adds something, else risk", |row, _| {
        row.level().cell()
    }),
    Column::new("topic", Unit::Text, "system and destination of the messages", |row, whole| whole.name(row.topic)),
    Column::new("group", Unit::Text, "group of consumers, else the service", |row, whole| whole.name(row.group)),
    Column::new("messages", Unit::Count, "processings of messages that can be told from others", |row, _| {
        Cell::Int(row.messages as i64)
    })
    .adding_up(),
    Column::new("duplicates", Unit::Count, "those that write again: the ranking", |row, _| {
        Cell::Int(row.duplicates as i64)
    })
    .adding_up(),
    Column::new("duplicate_share", Unit::Share, "their share", |row, _| share(row.duplicates, row.messages)),
    Column::new("repeated_write", Unit::Text, "what most of them write to again", |row, whole| {
        whole.name(row.repeated.target.name)
    }),
    Column::new("repeated_operation", Unit::Text, "what they do there", |row, whole| {
        whole.name(row.repeated.operation)
    }),
    Column::new("identity", Unit::Text, "id or offset: what most of them are told by", |row, _| {
        Cell::Text(if row.has_ids { "id" } else { "offset" }.to_owned())
    }),
    Column::new("gap_p50_ns", Unit::Nanoseconds, "median time from the start of the first processing", |row, _| {
        int(row.gap_p50)
    }),
    Column::new(
        "critical_ns",
        Unit::Nanoseconds,
        "path time of the duplicates and below them: the impact",
        |row, _| Cell::Int(row.critical_ns),
    )
    .adding_up(),
    Column::new("services", Unit::Names, "services that process them again", |row, whole| whole.names(&row.services)),
    Column::new("first_trace_id", Unit::Id, "the trace of the first processing of the example", |row, whole| {
        whole.trace_id(row.first)
    }),
    Column::new("traces", Unit::Count, "traces with duplicates", |row, _| row.traces.count()),
    Column::new("weighted_traces", Unit::Number, WEIGHTED_TRACES_DOC, |row, whole| {
        whole.weighted(row.traces.weighted())
    }),
    Column::new("example_trace_id", Unit::Id, "a trace with a duplicate", |row, whole| whole.trace_id(row.example)),
];

/// A topic and a group that processes messages of it again.
pub(crate) struct Row {
    topic: Symbol,
    group: Symbol,
    messages: u64,
    duplicates: u64,
    inserts: bool,
    repeated: RepeatableWrite,
    has_ids: bool,
    gap_p50: Option<i64>,
    critical_ns: i64,
    services: Vec<Symbol>,
    traces: TracesOfRow,
    example: TraceNumber,
    first: TraceNumber,
}

impl Row {
    fn level(&self) -> Level {
        if self.inserts { Level::Problem } else { Level::Risk }
    }
}

/// What is known once messages were seen.
#[derive(Default)]
pub(crate) struct Found {
    rows: Vec<Row>,
    findings: Findings<NoDetails>,
    /// Of the topic that is shown: what its groups have processed.
    groups: BTreeMap<Symbol, OfGroup>,
}

/// What a group has processed of the topic that is shown.
#[derive(Default)]
struct OfGroup {
    /// Processings of messages that can be told from others.
    messages: u64,
    /// Messages that may come again, once they were processed without failure.
    done: HashMap<Identity, Done, FixedState>,
    duplicates: Vec<Duplicate>,
}

/// The first processing of a message without failure.
struct Done {
    start: i64,
    trace: TraceNumber,
    writes: Vec<RepeatableWrite>,
    /// How often it was processed without failure so far.
    times: u64,
}

/// A message that was processed again.
struct Duplicate {
    /// Start of the first processing in ns since 1970, and its trace.
    first: (i64, TraceNumber),
    again: LoggedMessage,
    /// How often it was processed without failure before.
    before: u64,
    repeated: Vec<RepeatableWrite>,
}

impl Detector for DuplicateMessage {
    type Seen = SeenAtTheEnd<Found>;
    type Details = NoDetails;
    type Aside = ();
    type Row = Row;

    const DESCRIPTION: &'static Description = &DESCRIPTION;
    const TABLE: TableRules<Self> = TableRules::Rows(COLUMNS);

    fn gathers() -> Gathers {
        Gathers { of_signatures: Asked { data_use: true }, ..Gathers::MESSAGES }
    }

    fn see(&self, _trace: &TraceView<'_>, _seen: &mut Self::Seen) {}

    fn see_message(&self, round: MessageRound, message: &LoggedMessage, seen: &mut Self::Seen) {
        if round == MessageRound::First && message.role.is_processing() && message.identity != Identity::Unknown {
            seen.0.groups.entry(message.group).or_default().see(message);
        }
    }

    fn end_topic(&self, _round: MessageRound, topic: Symbol, seen: &mut Self::Seen) -> bool {
        let Found { rows, findings, groups } = &mut seen.0;
        for (group, OfGroup { messages, duplicates, .. }) in std::mem::take(groups) {
            duplicates.iter().for_each(|duplicate| report(topic, group, duplicate, findings));
            rows.extend(row_of(topic, group, messages, &duplicates));
        }
        false
    }

    fn conclude(&self, seen: Self::Seen, _whole: &Whole<'_>) -> Concluded<Self> {
        let SeenAtTheEnd(Found { mut rows, findings, .. }) = seen;
        rows.sort_by_key(|row| (row.topic, row.group));
        Concluded { findings, aside: (), rows }
    }
}

impl OfGroup {
    /// Takes notice of a message that can be told from others, in time order.
    fn see(&mut self, again: &LoggedMessage) {
        self.messages += 1;
        if !again.may_come_again {
            return;
        }
        if let Some(done) = self.done.get(&again.identity) {
            let is_same = |one: &RepeatableWrite, other: &RepeatableWrite| {
                (one.target, one.operation) == (other.target, other.operation)
            };
            let is_repeated = |write: &&RepeatableWrite| done.writes.iter().any(|done| is_same(write, done));
            let repeated: Vec<RepeatableWrite> = again.writes.iter().filter(is_repeated).copied().collect();
            if !repeated.is_empty() {
                let (first, before) = ((done.start, done.trace), done.times);
                self.duplicates.push(Duplicate { first, again: again.clone(), before, repeated });
            }
        }
        if !again.failed {
            let first = || Done { start: again.start, trace: again.trace, writes: again.writes.clone(), times: 0 };
            self.done.entry(again.identity).or_insert_with(first).times += 1;
        }
    }
}

fn report(topic: Symbol, group: Symbol, duplicate: &Duplicate, findings: &mut Findings<NoDetails>) {
    let again = &duplicate.again;
    let finding = Finding {
        span_id: again.span_id,
        service: again.service,
        operation: again.operation,
        target: Some(Target { name: topic, kind: TargetKind::Messaging }),
        start: again.start,
        measured: (duplicate.before + 1) as f64,
        threshold: 1.0,
        impact_ns: again.path_ns,
        own_impact: 0,
        induced: false,
        kind: FindingKind::None,
        span_ids: &[again.span_id],
        key: &[topic, group],
        details: NoDetails,
    };
    // Nobody needed what was done again.
    let remedy = Remedy { wasted_ns: again.path_ns, ..Remedy::none(NO_ROW) };
    findings.push_late(again.trace, again.adjusted_count, finding, remedy);
}

fn row_of(topic: Symbol, group: Symbol, messages: u64, duplicates: &[Duplicate]) -> Option<Row> {
    let again = || duplicates.iter().map(|duplicate| &duplicate.again);
    let example = duplicates.iter().min_by_key(|duplicate| {
        let again = &duplicate.again;
        (again.trace, again.start, again.row)
    })?;
    let repeated = || duplicates.iter().flat_map(|duplicate| &duplicate.repeated).copied();
    let services: BTreeSet<Symbol> = again().map(|message| message.service).collect();
    let mut traces = TracesOfRow::default();
    again().for_each(|message| traces.add(message));
    let mut identities: BTreeMap<bool, u64> = BTreeMap::new();
    again().for_each(|message| *identities.entry(matches!(message.identity, Identity::Id(_))).or_default() += 1);
    let count = |has_id: bool| identities.get(&has_id).copied().unwrap_or(0);
    Some(Row {
        topic,
        group,
        messages,
        duplicates: duplicates.len() as u64,
        inserts: repeated().any(|write| write.inserts),
        repeated: most_frequent(repeated()).unwrap_or_default(),
        has_ids: count(true) >= count(false),
        gap_p50: median(duplicates.iter().map(|duplicate| duplicate.again.start - duplicate.first.0).collect()),
        critical_ns: total_ns(again().map(|message| message.path_ns)),
        services: services.into_iter().collect(),
        traces,
        example: example.again.trace,
        first: example.first.1,
    })
}
