//! `dead-letter`: messages that cannot be processed.

mod failed_messages;
mod topics;

use std::collections::{BTreeMap, BTreeSet};

use crate::conventions::FindingKind;
use crate::detectors::kit::{
    Cell, Concluded, Description, Detector, Level, MessageRound, NoDetails, ProblemText, RankedBy, RowColumn,
    SeenAtTheEnd, TableRow, TableRules, Unit, WEIGHTED_TRACES_DOC, Whole, thresholds,
};
use crate::findings::{Finding, Findings};
use crate::frame::Symbol;
use crate::gathered::{Gathers, Identity, Inside, LoggedMessage};
use crate::partial::TraceNumber;
use crate::span::SpanId;
use crate::trace::{DeadLetterName, MessageRole, Target, TargetKind, TraceView};

use super::evidence::{TracesOfRow, int, median, most_frequent, share};
use failed_messages::{FailedMessage, FailedMessages};
use topics::Topics;

thresholds! {
    /// The detector of messages that cannot be processed and its thresholds.
    pub(crate) struct DeadLetter {
        /// Failures of one message from which on it is poison.
        min_failures: Count = 3;
    }
}

static DESCRIPTION: Description = Description {
    name: "dead-letter",
    table: "dead_letter",
    summary: "messages that cannot be processed",
    documentation: "\
## What it does

Finds messages that failed at least `min_failures` times in a group of consumers, or failed and were delivered so often (kind
`poison`), and messages that went where messages go that cannot be processed (kind `dead-letter`): a publish to a dead-letter
destination, a message that was settled so, or, where nobody recorded a publish, what comes out of such a destination, because
the broker moved it there. Such destinations are known by their names: dlq, dead letter, parking lot, and the like; `orders_error`
beside `orders`. A message that is sent below the processing of a dead-letter destination is a replay and does not count.

## Why it hurts

What the message asked for was not done: an order without invoice. Until somebody gives up, each attempt costs as much as the
first (`critical_ns`), and a partition waits behind it. A `gap_p50_ns` near 0 is a loop that leaves no time for what is broken to
be mended. If `read_by` is empty nobody looks at what was put aside.

## What it looks like

    CONSUMER mail  orders process    failed   JsonParseException
    CONSUMER mail  orders process    failed   JsonParseException
    CONSUMER mail  orders process    failed   JsonParseException
      PRODUCER mail  orders-dlq send

## How to fix it

Tell what may pass (a database that is down) from what never will (a message that cannot be parsed): the first deserves pauses
between attempts, the second none at all. Look at `error_type`. Give dead letters an owner, an alarm, and a way back.

## When it is wrong

Without ids or offsets repeated failures cannot be told from many bad messages. Which topic a broker took a message from is told
by the names alone.

## References

G. Hohpe, B. Woolf, \"Enterprise Integration Patterns\", 2003, \"Dead Letter Channel\" and \"Invalid Message Channel\".",
    currency: None,
    has_findings: true,
    gates_at_any_impact: true,
    finds_risks_only: false,
    needs_failures: false,
    least_of_all_traces: None,
    terminal_columns: &[
        "rank",
        "topic",
        "kind",
        "service",
        "source",
        "messages",
        "message_share",
        "attempts_p50",
        "gap_p50_ns",
        "error_type",
        "recovered_share",
        "read_by",
        "critical_ns",
        "traces",
        "weighted_traces",
        "example_trace_id",
    ],
    ranked_by: &[RankedBy::Largest("messages")],
    problem: Some(ProblemText { title, fix, is_upper_bound: false }),
};

fn title(row: &TableRow<'_>) -> String {
    let (topic, messages) = (row.text("topic"), row.counted("messages", "message"));
    let who = match row.text("service") {
        "" => "consumers".to_owned(),
        service => service.to_owned(),
    };
    if row.text("kind") == FindingKind::Poison.as_str() {
        return format!("{messages} of {topic} failed in {who} time after time");
    }
    match row.text("source") {
        source if source.is_empty() || source == topic => format!("{messages} ended in {topic}"),
        source => format!("{messages} of {source} ended in {topic}"),
    }
}

fn fix(row: &TableRow<'_>) -> &'static str {
    if row.text("kind") == FindingKind::Poison.as_str() {
        "put a message aside that can never be processed, and leave time between attempts of others"
    } else if row.names("read_by").is_empty() {
        "mend what fails them, and let somebody read what was put aside"
    } else {
        "mend what fails them, and replay what was put aside"
    }
}

type Column = RowColumn<DeadLetter>;

static COLUMNS: &[Column] = &[
    Column::rank("place in the ranking by messages"),
    Column::pattern_id(|row| row.key.to_vec()),
    Column::new("level", Unit::Text, "problem: what messages asked for was not done", |_, _| Level::Problem.cell()),
    Column::new("topic", Unit::Text, "topic that messages fail in, or end in", |row, whole| whole.name(row.key[0])),
    Column::new("kind", Unit::Text, "poison: they fail time after time; dead-letter: they were put aside", |row, _| {
        Cell::Text(row.kind.as_str().to_owned())
    }),
    Column::new("service", Unit::Text, "service that fails, or gives up; empty if it is the broker", |row, whole| {
        whole.name(row.key[2])
    }),
    Column::new("group", Unit::Text, "group of consumers that most of them failed in", |row, whole| {
        whole.name(row.group)
    }),
    Column::new("source", Unit::Text, "topic that they failed in; empty if that is not known", |row, whole| {
        whole.name(row.key[3])
    }),
    Column::new("messages", Unit::Count, "messages: the ranking", |row, _| Cell::Int(row.messages as i64)).adding_up(),
    Column::new("message_share", Unit::Share, "their share of the messages of the source", |row, _| {
        share(row.messages.min(row.of_messages), row.of_messages)
    }),
    Column::new("attempts_p50", Unit::Count, "median of failures, or of deliveries if these are more", |row, _| {
        int(row.attempts_p50)
    }),
    Column::new("attempts_max", Unit::Count, "most of them", |row, _| int(row.attempts_max)),
    Column::new("gap_p50_ns", Unit::Nanoseconds, "median time between attempts: near 0 is a hot loop", |row, _| {
        int(row.gap_p50)
    }),
    Column::new("error_type", Unit::Text, "error of the deepest failure in most of the attempts", |row, whole| {
        whole.name(row.error_type)
    }),
    Column::new("recovered_share", Unit::Share, "share of the messages that were processed in the end", |row, _| {
        share(row.recovered, row.messages)
    }),
    Column::new(
        "read_by",
        Unit::Names,
        "services that read what was put aside; none: nobody handles it here",
        |row, whole| whole.names(&row.read_by),
    ),
    Column::new("critical_ns", Unit::Nanoseconds, "path time of the attempts after the first", |row, _| {
        Cell::Int(row.critical_ns)
    })
    .adding_up(),
    Column::new("traces", Unit::Count, "traces with such messages", |row, _| row.traces.count()),
    Column::new("weighted_traces", Unit::Number, WEIGHTED_TRACES_DOC, |row, whole| {
        whole.weighted(row.traces.weighted())
    }),
    Column::new("example_trace_id", Unit::Id, "a trace with such a message", |row, whole| {
        whole.trace_id(row.traces.smallest())
    }),
];

/// Topic, kind, service and source.
type Key = [Symbol; 4];

/// Messages of one key that cannot be processed.
pub(crate) struct Row {
    key: Key,
    kind: FindingKind,
    group: Symbol,
    messages: u64,
    of_messages: u64,
    attempts_p50: Option<i64>,
    attempts_max: Option<i64>,
    gap_p50: Option<i64>,
    error_type: Symbol,
    recovered: u64,
    read_by: Vec<Symbol>,
    critical_ns: i64,
    traces: TracesOfRow,
}

/// What is known once messages were seen.
#[derive(Default)]
pub(crate) struct Known {
    topics: Topics,
    failed: FailedMessages,
    put_aside: Vec<PutAside>,
    /// Of the topic that is shown: messages that came out of it, where its name says that they could not be processed.
    came_out: BTreeSet<Identity>,
}

/// A message that may have been put aside.
struct PutAside {
    topic: Symbol,
    by: By,
    service: Symbol,
    operation: Symbol,
    trace: TraceNumber,
    adjusted_count: f64,
    span_id: SpanId,
    start: i64,
    /// The message that it was when it failed.
    failed_as: Option<Inside>,
    /// With what error it failed.
    error_type: Symbol,
}

/// Who has put a message aside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum By {
    /// A client that publishes.
    Client,
    /// A producer, which may only have made what a client sends.
    Producer,
    /// Whoever told the broker.
    Settlement,
    /// The broker: it comes out of a destination of such messages.
    Broker,
}

impl PutAside {
    fn of(message: &LoggedMessage, by: By) -> Self {
        let itself = Inside {
            topic: message.topic,
            group: message.group,
            identity: message.identity,
            deliveries: message.deliveries,
            dead_letter: message.dead_letter,
            failed: message.failed,
            is_dead_lettered: message.is_dead_lettered,
        };
        let is_settled_itself = by == By::Settlement && message.role.is_processing();
        Self {
            topic: message.topic,
            by,
            service: message.service,
            operation: message.operation,
            trace: message.trace,
            adjusted_count: message.adjusted_count,
            span_id: message.span_id,
            start: message.start,
            failed_as: if is_settled_itself { Some(itself) } else { message.inside },
            error_type: message.error_type,
        }
    }
}

impl Detector for DeadLetter {
    type Seen = SeenAtTheEnd<Known>;
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
        if round != MessageRound::First {
            return;
        }
        let Known { topics, failed, put_aside, came_out } = &mut seen.0;
        if message.role.is_processing() {
            topics.see_processing(message);
            failed.see(message);
        }
        let may_be_aside = message.dead_letter != DeadLetterName::No;
        let by = match message.role {
            MessageRole::Publish if may_be_aside && !message.is_inner && message.is_producer => By::Producer,
            MessageRole::Publish if may_be_aside && !message.is_inner => By::Client,
            // The processing may say it, too.
            MessageRole::Settle if message.inside.is_some_and(|inside| inside.is_dead_lettered) => return,
            MessageRole::Settle => By::Settlement,
            MessageRole::Process | MessageRole::Receive if message.is_dead_lettered => By::Settlement,
            // Several groups read what was put aside once.
            MessageRole::Process | MessageRole::Receive
                if may_be_aside && is_first(message, |identity| came_out.insert(identity)) =>
            {
                By::Broker
            }
            _ => return,
        };
        put_aside.push(PutAside::of(message, by));
    }

    fn end_topic(&self, _round: MessageRound, _topic: Symbol, seen: &mut Self::Seen) -> bool {
        let Known { topics, failed, came_out, .. } = &mut seen.0;
        topics.end_topic();
        failed.end_topic();
        came_out.clear();
        false
    }

    fn conclude(&self, seen: Self::Seen, whole: &Whole<'_>) -> Concluded<Self> {
        let SeenAtTheEnd(Known { mut topics, failed, put_aside, .. }) = seen;
        topics.learn(whole.gathered.messages.iter().flat_map(|messages| messages.topics()));
        topics.learn_names(whole.symbols);
        let kind_name = |kind: FindingKind| whole.symbols.get(kind.as_str()).unwrap_or_default();
        let mut rows: BTreeMap<Key, RowSoFar> = BTreeMap::new();
        let mut findings = Findings::default();
        for message in failed.poison(u64::from(self.min_failures.0)) {
            let key = [message.topic, kind_name(FindingKind::Poison), message.service, message.topic];
            let row = rows.entry(key).or_insert_with(|| RowSoFar::new(FindingKind::Poison));
            row.add(message.group, Some(message));
            message.attempts.iter().for_each(|attempt| row.traces.add_trace(attempt.trace, attempt.adjusted_count));
            let Some(last) = message.attempts.iter().rfind(|attempt| attempt.failed) else { continue };
            let failed = message.attempts.iter().filter(|attempt| attempt.failed);
            let span_ids: Vec<SpanId> = failed.map(|attempt| attempt.span_id).collect();
            findings.push_of(
                last.trace,
                last.adjusted_count,
                Finding {
                    span_id: last.span_id,
                    service: message.service,
                    operation: last.operation,
                    target: Some(target(message.topic)),
                    start: last.start,
                    measured: message.times() as f64,
                    threshold: f64::from(self.min_failures.0),
                    impact_ns: message.critical_ns(),
                    own_impact: 0,
                    induced: false,
                    kind: FindingKind::Poison,
                    span_ids: &span_ids,
                    key: &key,
                    details: NoDetails,
                },
            );
        }
        for message in topics.put_aside(put_aside) {
            let is_broker = message.by == By::Broker;
            let failed_as = message.failed_as.filter(|_| !is_broker);
            let failed = failed_as.and_then(|inside| failed.get(inside.topic, inside.group, inside.identity));
            let source = match message.by {
                By::Settlement => Some(message.topic),
                _ => failed_as.map(|inside| inside.topic).or_else(|| topics.source_of(message.topic)),
            };
            let service = if is_broker { Symbol::EMPTY } else { message.service };
            let key = [message.topic, kind_name(FindingKind::DeadLetter), service, source.unwrap_or_default()];
            let row = rows.entry(key).or_insert_with(|| RowSoFar::new(FindingKind::DeadLetter));
            row.add(failed_as.map_or(Symbol::EMPTY, |inside| inside.group), failed);
            // Of a message that nothing tells from others one failure is known at least: that of the processing around.
            let has_failed = failed_as.is_some_and(|inside| inside.failed);
            let delivered = failed_as.map_or(0, |inside| inside.deliveries).max(u64::from(has_failed));
            if failed.is_none() && delivered > 0 {
                row.attempts.push(delivered as i64);
                row.error_types.extend(has_failed.then_some(message.error_type));
            }
            row.traces.add_trace(message.trace, message.adjusted_count);
            findings.push_of(
                message.trace,
                message.adjusted_count,
                Finding {
                    span_id: message.span_id,
                    service: message.service,
                    operation: message.operation,
                    target: Some(target(message.topic)),
                    start: message.start,
                    measured: failed.map_or(delivered, |failed| failed.times().max(delivered)).max(1) as f64,
                    threshold: 0.0,
                    impact_ns: failed.map_or(0, FailedMessage::critical_ns),
                    own_impact: 0,
                    induced: false,
                    kind: FindingKind::DeadLetter,
                    span_ids: &[message.span_id],
                    key: &key,
                    details: NoDetails,
                },
            );
        }
        let rows = rows.into_iter().map(|(key, row)| row.concluded(key, &topics)).collect();
        Concluded { findings, aside: (), rows }
    }
}

/// Whether a message is processed for the first time; `is_new` says so of its identity, if it has one.
fn is_first(message: &LoggedMessage, is_new: impl FnOnce(Identity) -> bool) -> bool {
    match message.identity {
        Identity::Unknown => message.deliveries <= 1,
        identity => is_new(identity),
    }
}

fn target(topic: Symbol) -> Target {
    Target { name: topic, kind: TargetKind::Messaging }
}

/// A row while messages are added.
struct RowSoFar {
    kind: FindingKind,
    groups: Vec<Symbol>,
    attempts: Vec<i64>,
    gaps: Vec<i64>,
    error_types: Vec<Symbol>,
    recovered: u64,
    critical_ns: i64,
    traces: TracesOfRow,
}

impl RowSoFar {
    fn new(kind: FindingKind) -> Self {
        Self {
            kind,
            groups: Vec::new(),
            attempts: Vec::new(),
            gaps: Vec::new(),
            error_types: Vec::new(),
            recovered: 0,
            critical_ns: 0,
            traces: TracesOfRow::default(),
        }
    }

    /// Adds a message that failed in a group, and what is known of that.
    fn add(&mut self, group: Symbol, failed: Option<&FailedMessage>) {
        self.groups.push(group);
        let Some(failed) = failed else { return };
        self.attempts.push(failed.times() as i64);
        self.gaps.extend(failed.gaps());
        self.error_types.extend(failed.error_types());
        self.recovered += u64::from(failed.has_recovered());
        self.critical_ns = self.critical_ns.saturating_add(failed.critical_ns());
    }

    fn concluded(mut self, key: Key, topics: &Topics) -> Row {
        let [topic, _, _, source] = key;
        let messages = self.groups.len() as u64;
        let group = most_frequent(self.groups.iter().copied()).unwrap_or_default();
        self.groups.sort_unstable();
        self.groups.dedup();
        Row {
            key,
            kind: self.kind,
            group,
            messages,
            of_messages: topics.messages_of(source, &self.groups),
            attempts_max: self.attempts.iter().max().copied(),
            attempts_p50: median(self.attempts),
            gap_p50: median(self.gaps),
            error_type: most_frequent(self.error_types).unwrap_or_default(),
            recovered: self.recovered,
            read_by: topics.readers_of(topic),
            critical_ns: self.critical_ns,
            traces: self.traces,
        }
    }
}
