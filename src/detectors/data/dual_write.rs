//! `dual-write`: a write and a message that do not belong to one transaction.

mod requests;
mod verdict;

use foldhash::fast::FixedState;
use hashbrown::HashSet;

use crate::conventions::{FindingKind, WordList};
use crate::detectors::kit::{
    Cell, Concluded, Description, Detector, FindingsBeside, Level, ProblemText, RankedBy, RowColumn, TableRow,
    TableRules, Unit, WEIGHTED_TRACES_DOC, Whole, thresholds,
};
use crate::findings::{Example, Finding, Findings, Remedy, TraceCount};
use crate::frame::Symbol;
use crate::gathered::Gathers;
use crate::partial::{Named as _, columns};
use crate::span::{SpanId, SpanKind};
use crate::trace::{
    Asked, Call, DeadLetterName, Row, Target, TargetKind, TraceView, TransactionEnd, dead_letter_name,
    destination_words, without_dead_letter_words,
};

use requests::{Pair, PairKey, Requests, Writing};
use verdict::{Done, Order, Together, Verdict};

thresholds! {
    /// The detector of dual writes and its thresholds.
    pub(crate) struct DualWrite {
        /// Requests of an operation that write and publish from which on they are a risk.
        min_entries: Count = 5;
        /// Share of the requests that write from which on these are no exception.
        min_share: Share = 0.5;
        /// Words of topics that take notice of what happens, and that nothing depends on.
        notice_words: Words = &[
            "log",
            "logs",
            "logging",
            "audit",
            "audits",
            "metric",
            "metrics",
            "telemetry",
            "trace",
            "traces",
            "tracing",
            "analytics",
            "heartbeat",
            "heartbeats",
        ];
    }
}

columns! {
    /// What a finding of a request that lost a message, or published one of nothing, says.
    pub(crate) struct Details in DetailColumns {
        /// Whether CLIENT spans published, not PRODUCER spans.
        by_client: bool,
    }
}

static DESCRIPTION: Description = Description {
    name: "dual-write",
    table: "dual_write",
    summary: "writes and messages that do not belong to one transaction",
    documentation: "\
## What it does

Looks at each request that writes to a database and publishes to a topic, and at whether its transaction was committed or
rolled back. `lost`: a write stayed and every attempt to publish failed. `ghost`: a message was published, and no write
succeeded, or the transaction was rolled back, or its commit failed. An operation that did either is a problem. One that
writes and publishes in at least `min_entries` requests, and in `min_share` of those that write, is a risk: it will one day.
Requests that use an outbox are left out, and so are topics of dead letters, logs, audits, metrics, traces, analytics and
heartbeats. Messages whose consumer failed come again, so that nothing is lost with them.

## Why it hurts

Nothing makes a database and a broker do both or neither. When the process dies, the broker is away or the commit fails
between the two, one of them knows what the other does not: an order that is never shipped, a mail about an order that does
not exist. Nobody sees an error, and what differs is found weeks later.

## What it looks like

    SERVER orders  POST /orders                            200
      CLIENT orders > postgresql/shop@db  INSERT orders    ok
      CLIENT orders > postgresql/shop@db  COMMIT           ok
      PRODUCER orders > kafka/orders      publish          failed    lost

## How to fix it

Write the message into a table of the same database in the same transaction (a transactional outbox), and let a relay publish
it, or read the log of the database (change data capture). Consumers must then take a message twice. `outbox_elsewhere` says
that the service has an outbox already. To publish after the commit instead of before it turns ghosts into losses.

## When it is wrong

A message that has nothing to do with the row; change data capture is not seen and needs no outbox; an outbox by a name that
is not among `outbox_tables` of `[names]`.

## References

C. Richardson, \"Microservices Patterns\", 2018, section 3.3.7: transactional outbox. M. Kleppmann, \"Designing Data-Intensive
Applications\", 2017, chapter 11: keeping systems in sync.",
    currency: None,
    has_findings: true,
    gates_at_any_impact: true,
    finds_risks_only: false,
    needs_failures: false,
    least_of_all_traces: None,
    terminal_columns: &[
        "rank",
        "level",
        "service",
        "operation",
        "database",
        "topic",
        "order",
        "entries",
        "together_share",
        "lost",
        "ghost",
        "outbox_elsewhere",
        "traces",
        "weighted_traces",
        "example_trace_id",
    ],
    ranked_by: &[
        RankedBy::LastIfText("level", "note"),
        RankedBy::LastIfText("level", "risk"),
        RankedBy::Largest("lost"),
        RankedBy::Largest("ghost"),
        RankedBy::Largest("entries"),
    ],
    problem: Some(ProblemText { title, fix, is_upper_bound: false }),
};

fn title(row: &TableRow<'_>) -> String {
    let what = format!("{} {}", row.text("service"), row.text("operation"));
    let (database, topic, entries) = (row.text("database"), row.text("topic"), row.count("entries"));
    match (row.count("lost"), row.count("ghost")) {
        (0, 0) => format!("{what} writes to {database} and publishes to {topic} without a transaction over both"),
        (lost, 0) => format!("{what} wrote to {database} and did not publish to {topic}: {lost} of {entries} times"),
        (0, ghost) => format!("{what} published to {topic} what {database} does not have: {ghost} of {entries} times"),
        (lost, ghost) => {
            format!("{what} left {database} and {topic} in disagreement: {} of {entries} times", lost + ghost)
        }
    }
}

fn fix(row: &TableRow<'_>) -> &'static str {
    if row.flag("outbox_elsewhere") {
        "put the message into the outbox that the service has, in the transaction that writes"
    } else {
        "write the message into an outbox in the same transaction, and let a relay publish it"
    }
}

/// An operation that writes to a database and publishes to a topic.
pub(crate) struct DualWriteRow {
    key: PairKey,
    level: Level,
    order: Order,
    requests: u64,
    /// Share of the requests that write.
    together_share: f64,
    lost: u64,
    ghost: u64,
    outbox_elsewhere: bool,
    traces: TraceCount,
    example: Example,
}

type Column = RowColumn<DualWrite>;

static COLUMNS: &[Column] = &[
    Column::rank("place in the ranking by level, lost, ghost, then entries"),
    Column::pattern_id(|row| row.key.to_vec()),
    Column::new("level", Unit::Text, "problem: a message or a write was lost; else risk", |row, _| row.level.cell()),
    Column::new("service", Unit::Text, "service that writes and publishes", |row, whole| whole.name(row.key[0])),
    Column::new("operation", Unit::Text, "what it is asked for", |row, whole| whole.name(row.key[1])),
    Column::new("database", Unit::Text, "what it writes to", |row, whole| whole.name(row.key[2])),
    Column::new("topic", Unit::Text, "what it publishes to", |row, whole| whole.name(row.key[3])),
    Column::new(
        "order",
        Unit::Text,
        "when it first publishes, most often: publish-first, before-commit, after-commit or write-first",
        |row, _| Cell::Text(row.order.as_str().to_owned()),
    ),
    Column::new("entries", Unit::Count, "requests that write and publish", |row, _| count(row.requests)).adding_up(),
    Column::new(
        "together_share",
        Unit::Share,
        "their share of the requests that write, without an outbox",
        |row, _| Cell::Float(row.together_share),
    ),
    Column::new("lost", Unit::Count, "those in which a write stayed and nothing was published", |row, _| {
        count(row.lost)
    })
    .adding_up(),
    Column::new("ghost", Unit::Count, "those in which something was published and no write stayed", |row, _| {
        count(row.ghost)
    })
    .adding_up(),
    Column::new("outbox_elsewhere", Unit::Flag, "whether the service has an outbox for other requests", |row, _| {
        Cell::Flag(row.outbox_elsewhere)
    }),
    Column::new("traces", Unit::Count, "traces with such requests", |row, _| count(row.traces.traces)),
    Column::new("weighted_traces", Unit::Number, WEIGHTED_TRACES_DOC, |row, whole| {
        whole.weighted(row.traces.weighted())
    }),
    Column::new(
        "example_trace_id",
        Unit::Id,
        "the first trace in which something was lost or published for nothing, else the first",
        |row, whole| whole.trace_id(row.example.trace(whole.trace_ids)),
    ),
];

fn count(number: u64) -> Cell {
    Cell::Int(number as i64)
}

impl Detector for DualWrite {
    type Seen = FindingsBeside<DetailColumns, Requests>;
    type Details = DetailColumns;
    type Aside = ();
    type Row = DualWriteRow;

    const DESCRIPTION: &'static Description = &DESCRIPTION;
    const TABLE: TableRules<Self> = TableRules::Rows(COLUMNS);

    fn gathers() -> Gathers {
        Gathers { of_signatures: Asked { data_use: true }, ..Gathers::NOTHING }
    }

    fn see(&self, trace: &TraceView<'_>, seen: &mut Self::Seen) {
        see(trace, &mut seen.findings, &mut seen.beside);
    }

    fn conclude(&self, seen: Self::Seen, whole: &Whole<'_>) -> Concluded<Self> {
        let FindingsBeside { mut findings, beside: requests } = seen;
        let counting = counting_topics(&requests, &self.notice_words.0, whole);
        let mut rows: Vec<DualWriteRow> = requests
            .pairs
            .iter()
            .filter(|((key, by_client), _)| counting.contains(&key[3]) && requests.counts(key, *by_client))
            .filter_map(|((key, _), pair)| self.row_of(&requests, *key, pair))
            .collect();
        rows.sort_by_key(|row| row.key);
        findings.retain(|findings, finding| {
            let &[service, operation, database, topic] = findings.common.key.get(finding) else { return false };
            let by_client = findings.details.by_client[finding];
            counting.contains(&topic) && requests.counts(&[service, operation, database, topic], by_client)
        });
        for row in rows.iter().filter(|row| row.level == Level::Risk) {
            let by_client = requests.counts(&row.key, true);
            findings.push_of(
                row.example.trace(whole.trace_ids),
                row.example.adjusted_count,
                Finding {
                    span_id: row.example.span_id,
                    start: row.example.start,
                    measured: row.requests as f64,
                    threshold: f64::from(self.min_entries.0),
                    span_ids: &[row.example.span_id],
                    ..finding_of(&row.key, FindingKind::None, by_client)
                },
            );
        }
        Concluded { findings, aside: (), rows }
    }
}

/// The topics that count: none that nothing depends on, or that take what could not be processed.
fn counting_topics(requests: &Requests, notice_words: &WordList, whole: &Whole<'_>) -> HashSet<Symbol, FixedState> {
    let destination = |topic: Symbol| {
        let name = whole.symbols.resolve(topic);
        name.split_once('/').map_or(name, |(_, destination)| destination)
    };
    let words_of = |topic: &Symbol| destination_words(destination(*topic));
    let known: HashSet<Vec<String>, FixedState> = requests.topics.iter().map(words_of).collect();
    let counts = |topic: &&Symbol| {
        let destination = destination(**topic);
        let is_dead_letter = match dead_letter_name(destination) {
            DeadLetterName::No => false,
            DeadLetterName::Beside => without_dead_letter_words(destination).iter().any(|words| known.contains(words)),
            DeadLetterName::Always => true,
        };
        !is_dead_letter && !notice_words.has_word_of(destination)
    };
    requests.topics.iter().filter(counts).copied().collect()
}

impl DualWrite {
    fn row_of(&self, requests: &Requests, key: PairKey, pair: &Pair) -> Option<DualWriteRow> {
        let [service, operation, database, _] = key;
        let writing = requests.writing.get(&[service, operation, database]).copied().unwrap_or_default();
        let share = |part: u64, all: u64| if all > 0 { part as f64 / all as f64 } else { 0.0 };
        // What messages ask for comes again if it fails: it is told only where harm was done.
        let asked = pair.requests - pair.of_consumers;
        let is_risk = asked >= u64::from(self.min_entries.0)
            && share(asked, writing.requests - writing.of_consumers) >= self.min_share.0;
        let level = match pair.lost + pair.ghost {
            0 if is_risk => Level::Risk,
            0 => return None,
            _ => Level::Problem,
        };
        Some(DualWriteRow {
            key,
            level,
            order: pair.order(),
            requests: pair.requests,
            together_share: share(pair.requests, writing.requests),
            lost: pair.lost,
            ghost: pair.ghost,
            outbox_elsewhere: requests.with_outbox.contains(&service),
            traces: pair.traces,
            example: pair.example.clone(),
        })
    }
}

/// A finding of an operation, still without the request.
fn finding_of(key: &PairKey, kind: FindingKind, by_client: bool) -> Finding<'_, Details> {
    Finding {
        span_id: SpanId::default(),
        service: key[0],
        operation: key[1],
        target: Some(Target { name: key[3], kind: TargetKind::Messaging }),
        start: 0,
        measured: 1.0,
        threshold: 0.0,
        impact_ns: 0,
        own_impact: 0,
        induced: false,
        kind,
        span_ids: &[],
        key,
        details: Details { by_client },
    }
}

/// A call that writes, publishes, uses an outbox or ends a transaction.
#[derive(Clone, Copy)]
struct Step<'a> {
    call: &'a Call,
    does: Does,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    UseOutbox,
    Write { may_undo: bool },
    Publish { topic: Symbol, by_client: bool },
    End(TransactionEnd),
}

/// A request that writes and publishes, judged.
struct Judged {
    key: PairKey,
    by_client: bool,
    is_of_consumer: bool,
    verdict: Verdict,
    order: Order,
    /// The span to look at: the publish that failed last, or that succeeded first.
    row: Row,
    /// The calls.
    rows: Vec<Row>,
    caller_span: Row,
}

fn see(trace: &TraceView<'_>, findings: &mut Findings<DetailColumns>, requests: &mut Requests) {
    let mut steps: Vec<Step<'_>> = Vec::new();
    let mut writes_or_publishes = false;
    for call in &trace.calls.calls {
        let data_use = trace.data_use(call.row);
        if data_use.uses_outbox {
            steps.push(Step { call, does: Does::UseOutbox });
            requests.with_outbox.insert(call.caller_service);
        }
        if call.counts && data_use.writes_database {
            steps.push(Step { call, does: Does::Write { may_undo: data_use.deletes_or_updates } });
            writes_or_publishes = true;
        }
        if call.counts && data_use.publishes {
            let semantics = trace.semantics_of(call.row);
            let (named, by_client) = (semantics.messaging.topic, semantics.kind == SpanKind::Client);
            let topic = if named.is_empty() { call.target.name } else { named };
            steps.push(Step { call, does: Does::Publish { topic, by_client } });
            writes_or_publishes = true;
            requests.topics.insert(topic);
            if by_client {
                requests.client_topics.insert([call.caller_service, topic]);
            }
        }
        if let Some(end) = data_use.ends {
            steps.push(Step { call, does: Does::End(end) });
        }
    }
    if !writes_or_publishes {
        return;
    }
    steps.sort_by_key(|step| (step.call.caller_span, trace.start(step.call.row), step.call.row));
    let mut judged: Vec<Judged> = Vec::new();
    for of_request in steps.chunk_by(|left, right| left.call.caller_span == right.call.caller_span) {
        if of_request.iter().all(|step| step.does != Does::UseOutbox) {
            see_request(trace, of_request, requests, &mut judged);
        }
    }
    judged.sort_by_key(|judged| (judged.key, judged.by_client, judged.caller_span));
    for of_key in judged.chunk_by(|left, right| left.key == right.key && left.by_client == right.by_client) {
        add_pair(trace, of_key, requests);
        for judged in of_key {
            report(trace, judged, findings);
        }
    }
}

/// Takes notice of a request without an outbox: of each database that it writes to, and of each topic that it
/// publishes to beside
/// that.
fn see_request(trace: &TraceView<'_>, steps: &[Step<'_>], requests: &mut Requests, judged: &mut Vec<Judged>) {
    let caller = steps[0].call;
    let is_of_consumer = trace.tree.kind(caller.caller_span, trace.semantics) == SpanKind::Consumer;
    if is_of_consumer {
        requests.topics.insert(trace.semantics_of(caller.caller_span).messaging.topic);
    }
    let mut databases: Vec<Symbol> = Vec::new();
    let mut topics: Vec<(Symbol, bool)> = Vec::new();
    for step in steps {
        match step.does {
            Does::Write { .. } => databases.push(step.call.target.name),
            Does::Publish { topic, by_client } => topics.push((topic, by_client)),
            Does::UseOutbox | Does::End(_) => {}
        }
    }
    databases.sort_unstable();
    databases.dedup();
    topics.sort_unstable();
    topics.dedup();
    let system = |name: Symbol| {
        let name = trace.semantics.symbols.resolve(name);
        name.split_once(['/', '@']).map_or(name, |(system, _)| system)
    };
    for &database in &databases {
        let key = [caller.caller_service, trace.caller_operation(caller), database];
        requests.add_writing(key, Writing { requests: 1, of_consumers: u64::from(is_of_consumer) });
        for &(topic, by_client) in &topics {
            // A queue that is part of the database is part of its transactions.
            if system(database).eq_ignore_ascii_case(system(topic)) {
                continue;
            }
            let [service, operation, _] = key;
            judged.push(judge(trace, steps, [service, operation, database, topic], by_client, is_of_consumer));
        }
    }
}

fn judge(trace: &TraceView<'_>, steps: &[Step<'_>], key: PairKey, by_client: bool, is_of_consumer: bool) -> Judged {
    let [.., database, topic] = key;
    let (mut writes, mut publishes, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    let (mut rows, mut first_published, mut last_failed): (Vec<Row>, _, _) = (Vec::new(), None, None);
    for Step { call, does } in steps {
        let failed = trace.calls.roles[call.row as usize].failed;
        let may_undo = matches!(does, Does::Write { may_undo: true });
        let done = Done { start: trace.start(call.row), end: trace.end(call.row), failed, may_undo };
        match *does {
            Does::Write { .. } if call.target.name == database => writes.push(done),
            Does::Publish { topic: own, by_client: own_client } if own == topic && own_client == by_client => {
                publishes.push(done);
                if failed {
                    last_failed = Some(call.row);
                } else {
                    first_published.get_or_insert(call.row);
                }
            }
            Does::End(end) if call.target.name == database => ends.push((end, done)),
            _ => continue,
        }
        rows.push(call.row);
    }
    let caller_span = steps[0].call.caller_span;
    let failed = trace.calls.roles[caller_span as usize].failed;
    let is_given_again = is_of_consumer && failed;
    let together = Together { writes: &writes, publishes: &publishes, ends: &ends, is_given_again };
    let row = first_published.or(last_failed).unwrap_or(caller_span);
    let (verdict, order) = (together.verdict(), together.order());
    Judged { key, by_client, is_of_consumer, verdict, order, row, rows, caller_span }
}

/// Counts the requests of a trace that write to one database and publish to one topic.
fn add_pair(trace: &TraceView<'_>, judged: &[Judged], requests: &mut Requests) {
    let Judged { key, by_client, .. } = judged[0];
    let mut traces = TraceCount::default();
    let mut span_ids: Vec<SpanId> = Vec::new();
    if trace.semantics.has_adjusted_counts {
        span_ids.extend(judged.iter().flat_map(|judged| &judged.rows).map(|&row| trace.span_id(row)));
    }
    traces.add(trace.adjusted_counts().of_evidence(trace, &span_ids));
    for (place, judged) in judged.iter().enumerate() {
        let mut orders = [0; Order::ALL.len()];
        orders[usize::from(judged.order.number())] = 1;
        requests.add_pair(
            key,
            by_client,
            Pair {
                requests: 1,
                of_consumers: u64::from(judged.is_of_consumer),
                lost: u64::from(judged.verdict == Verdict::Lost),
                ghost: u64::from(judged.verdict == Verdict::Ghost),
                orders,
                traces: if place == 0 { traces } else { TraceCount::default() },
                example: Example::of(trace, judged.row, key[1]),
                example_is_bad: judged.verdict != Verdict::Fine,
            },
        );
    }
}

fn report(trace: &TraceView<'_>, judged: &Judged, findings: &mut Findings<DetailColumns>) {
    let kind = match judged.verdict {
        Verdict::Fine => return,
        Verdict::Lost => FindingKind::Lost,
        Verdict::Ghost => FindingKind::Ghost,
    };
    let span_ids: Vec<SpanId> = judged.rows.iter().map(|&row| trace.span_id(row)).collect();
    let finding = Finding {
        span_id: trace.span_id(judged.row),
        start: trace.start(judged.row),
        span_ids: &span_ids,
        ..finding_of(&judged.key, kind, judged.by_client)
    };
    findings.push(trace, finding, Remedy::none(judged.caller_span));
}
