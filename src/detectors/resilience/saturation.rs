//! `saturation`: a limit that makes calls wait.

mod queue;
mod seen;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::conventions::{FindingKind, OwnAttributes};
use crate::detectors::kit::{
    self, CallRound, Cell, Concluded, Description, Detector, FindingsBeside, Level, NoRow, Pattern, PatternColumn,
    ProblemText, RankedBy, TableRow, TableRules, Unit, Whole, thresholds,
};
use crate::findings::{Finding, Findings, Remedy};
use crate::frame::Symbol;
use crate::gathered::{CallerSpansOfService, Gathers, LoggedCall};
use crate::partial::{Columns as _, Named as _, TraceNumber, columns};
use crate::span::SpanKind;
use crate::trace::{Call, Edit, NO_ROW, Row, Target, TargetKind, TraceView};

use queue::{Minimums, Queue, Wait, min_wait_ns, queue_of};
use seen::{Beside, LateCallee, LateCallees, Pool};

thresholds! {
    /// The detector of limits that make calls wait, and its thresholds.
    pub(crate) struct Saturation {
        /// Calls to a service that wait for their turn, over the whole input, from which on they are a queue.
        min_waits: Count = 8;
        /// Share of the time that calls wait from which on that is because others are before them.
        min_share: Share = 0.4;
    }
}

/// Shorter waits for a connection of a pool are none.
const MIN_POOL_WAIT_NS: i64 = 10_000_000;
/// Waits for connections of a pool from which on they count ...
const MIN_POOL_WAITS: u64 = 20;
/// ... and their share of all that were acquired.
const MIN_POOL_SHARE: f64 = 0.05;

columns! {
    /// What a finding of a call that waited says.
    pub(crate) struct Details in DetailColumns {
        /// How long it waited, in ns.
        wait_ns: i64,
        /// How long the request took that it waited for, in ns; 0 of a pool.
        work_ns: i64,
        /// The instance that it waited for, or that waited; 0 if that is not known.
        instance: u64,
        /// 1 if its caller had left before it was served.
        abandoned: i64,
    }
}

static DESCRIPTION: Description = Description {
    name: "saturation",
    table: "saturation",
    summary: "limits that make calls wait",
    documentation: "\
## What it does

Looks, for each instance of a service, at how long after a call its callee begins. What a call takes that does not wait is known
from the fastest of the same caller. A call that takes longer waits; it waits *for its turn* if its callee begins right after
another request of the instance has ended, one that was there when the call was made. If at least `min_waits` calls wait so, that
is at least `min_share` of all time waited, and most of them begin with equally many requests at work, that many is the limit, and
the row is a `queue`. A service that is only slow has no such moment: its callees begin whenever their calls do.

A `pool` is where the caller itself tells that it waits: spans that acquire a connection, at least 20 of which take 10 ms or more.

## Why it hurts

Who waits for a place works on nothing, and times out like one who does. Near a limit waits grow without bound: at 90 % of it a
request waits nine times as long as it is worked on. And a limit that all operations share lets the slowest of them
(`holder_operation`) keep all others waiting (`victims`).

## What it looks like

    CLIENT web > search  get      |············|===|        waits 40 ms for the report before it
    SERVER search  report    |=================|            limit 1, held by the database
    SERVER search  get                         |===|

## How to fix it

Find out what the places are for: threads, workers, connections, a lock. `held_by` names what the requests that were waited for
spent most time in: make that faster, or do it elsewhere. Where others are victims, give the holder places of its own (a
bulkhead). More places help as long as what stands behind them has room. A queue that is longer than anybody waits
(`abandoned_calls`) should be short, and refuse.

## When it is wrong

Limit 1 is also a lock, or a client that sends one request at a time; autoscaled instances without instance ids look like one.

## References

M. Nygard, \"Release It!\", 2nd edition, 2018, chapter 5, \"Bulkheads\". L. Kleinrock, \"Queueing Systems\", volume 1, 1975.
B. Gregg, \"Systems Performance\", 2nd edition, 2020, section 2.3 (the USE method).",
    currency: None,
    has_findings: true,
    gates_at_any_impact: false,
    finds_risks_only: false,
    needs_failures: false,
    least_of_all_traces: Some("min_waits"),
    terminal_columns: &[
        "rank",
        "service",
        "kind",
        "target",
        "critical_ns",
        "limit",
        "waits",
        "calls",
        "wait_p50_ns",
        "wait_p95_ns",
        "holder_operation",
        "victims",
        "held_by",
        "limit_at",
        "work_p50_ns",
        "level",
        "traces",
        "weighted_traces",
        "example_trace_id",
    ],
    ranked_by: &[
        RankedBy::LastIfText("level", "risk"),
        RankedBy::Largest("critical_ns"),
        RankedBy::Largest("waits"),
    ],
    problem: Some(ProblemText { title, fix, is_upper_bound: false }),
};

fn title(row: &TableRow<'_>) -> String {
    let (service, waits, calls) = (row.text("service"), row.count("waits"), row.count("calls"));
    if row.text("kind") == FindingKind::Pool.as_str() {
        return format!("{service} waits for a connection to {} on {waits} of {calls} times", row.text("target"));
    }
    let (limit, holder) = (row.count("limit"), row.text("holder_operation"));
    match row.names("victims") {
        [] => format!("{waits} of {calls} calls to {service} wait for their turn: it serves {limit} at a time"),
        [victim] => format!("{victim} waits for {holder} in {service}, which serves {limit} at a time"),
        [victim, others @ ..] => {
            let others = others.len();
            format!("{victim} and {others} more wait for {holder} in {service}, which serves {limit} at a time")
        }
    }
}

fn fix(row: &TableRow<'_>) -> &'static str {
    if row.text("kind") == FindingKind::Pool.as_str() {
        "hold connections for a shorter time, or give the pool more if the target has room"
    } else if !row.names("victims").is_empty() {
        "give the operation that holds the places a limit of its own, and make what it waits for faster"
    } else if row.text("limit_at") == queue::LimitAt::Caller.as_str() {
        "let each caller send more at a time, or make what is waited for faster"
    } else {
        "make what the requests wait for faster, or serve more at a time if what stands behind has room"
    }
}

type Column = PatternColumn<Saturation>;
type Rule = kit::Rule<Saturation>;

static COLUMNS: &[Column] = &[
    Column::rank("place in the ranking by level, critical_ns, then waits"),
    Column::PATTERN_ID,
    Column::new(
        "level",
        Unit::Text,
        "problem: other operations wait than those that hold the places; else risk",
        Rule::Derived(|pattern| level(pattern).cell()),
    ),
    Column::new("service", Unit::Text, "service that is called; of a pool its user", Rule::Key(0)),
    Column::new("kind", Unit::Text, "queue or pool", Rule::Key(1)),
    Column::new("target", Unit::Text, "the service again; of a pool what its connections lead to", Rule::Key(2)),
    Column::new(
        "limit",
        Unit::Count,
        "requests that an instance works on at once when a call that waited is served; empty for pools",
        Rule::Derived(|pattern| queue(pattern).map_or(Cell::None, |queue| Cell::Int(queue.limit))),
    ),
    Column::new(
        "limit_at",
        Unit::Text,
        "target, caller or unknown: whether calls wait for those of other callers, or for their own alone",
        Rule::Derived(|pattern| text(queue(pattern).map(|queue| queue.limit_at.as_str()))),
    ),
    Column::new("waits", Unit::Count, "calls that waited for their turn, or for a connection", Rule::Findings),
    Column::new(
        "calls",
        Unit::Count,
        "all calls to the service; of a pool all connections that were acquired",
        Rule::Derived(calls),
    ),
    Column::new(
        "wait_p50_ns",
        Unit::Nanoseconds,
        "median time that a call waited",
        Rule::Quantile(|details| &details.wait_ns, 0.5),
    ),
    Column::new(
        "wait_p95_ns",
        Unit::Nanoseconds,
        "95th percentile of that time",
        Rule::Quantile(|details| &details.wait_ns, 0.95),
    ),
    Column::new("wait_max_ns", Unit::Nanoseconds, "the longest", Rule::Max(|details| &details.wait_ns)),
    Column::new(
        "work_p50_ns",
        Unit::Nanoseconds,
        "median duration of the request that a call waited for; empty for pools",
        Rule::Derived(work_p50),
    ),
    Column::new(
        "holder_operation",
        Unit::Text,
        "operation of the requests that were waited for longest; empty for pools",
        Rule::Derived(|pattern| text(queue(pattern).map(|queue| &*queue.holder))),
    ),
    Column::new(
        "holder_share",
        Unit::Share,
        "its share of the time of all requests that were waited for; empty for pools",
        Rule::Derived(|pattern| share(queue(pattern).map(|queue| queue.holder_share))),
    ),
    Column::new(
        "held_by",
        Unit::Text,
        "what the requests that were waited for spent most time in; empty if they called nothing",
        Rule::Derived(|pattern| text(queue(pattern).and_then(|queue| queue.held_by.as_ref()).map(|held| &*held.0))),
    ),
    Column::new(
        "held_share",
        Unit::Share,
        "time of their calls to that over the time of all requests that were waited for",
        Rule::Derived(|pattern| share(queue(pattern).and_then(|queue| queue.held_by.as_ref()).map(|held| held.1))),
    ),
    Column::new(
        "victims",
        Unit::Names,
        "operations other than holder_operation that waited",
        Rule::Derived(|pattern| Cell::Names(queue(pattern).map_or_else(Vec::new, |queue| queue.victims.clone()))),
    ),
    Column::new(
        "abandoned_calls",
        Unit::Count,
        "calls that waited so long that their caller had left",
        Rule::Sum(|details| &details.abandoned),
    ),
    Column::new("instances", Unit::Count, "instances at which calls waited", Rule::Derived(instances)),
    Column::TRACES,
    Column::WEIGHTED_TRACES,
    Column::TRACE_SHARE,
    Column::new("critical_ns", Unit::Nanoseconds, "critical-path time of the waits: the impact", Rule::Impact),
    Column::FIRST_SEEN,
    Column::LAST_SEEN,
    Column::explained_by(|_, _| None),
    Column::example_trace("the trace with the largest impact"),
];

/// What is known of a queue beside its findings.
#[derive(Debug)]
pub(crate) struct QueueFacts {
    limit: i64,
    limit_at: queue::LimitAt,
    calls: u64,
    holder: String,
    holder_share: f64,
    held_by: Option<(String, f64)>,
    victims: Vec<String>,
}

/// What is known beside findings.
pub(crate) struct Aside {
    queue_kind: Symbol,
    /// By service.
    queues: HashMap<Symbol, QueueFacts, FixedState>,
    pools: HashMap<Pool, u64, FixedState>,
}

/// The queue that a pattern is; none if it is a pool.
fn queue<'a>(pattern: &Pattern<'a, Saturation>) -> Option<&'a QueueFacts> {
    if pattern.key(1) == pattern.aside.queue_kind { pattern.aside.queues.get(&pattern.key(0)) } else { None }
}

fn level(pattern: &Pattern<'_, Saturation>) -> Level {
    let has_victims = queue(pattern).is_some_and(|queue| !queue.victims.is_empty());
    if has_victims { Level::Problem } else { Level::Risk }
}

fn calls(pattern: &Pattern<'_, Saturation>) -> Cell {
    let of_pool = || pattern.aside.pools.get(&[pattern.key(0), pattern.key(2)]).copied().unwrap_or_default();
    Cell::Int(queue(pattern).map_or_else(of_pool, |queue| queue.calls) as i64)
}

/// The median by nearest rank.
fn work_p50(pattern: &Pattern<'_, Saturation>) -> Cell {
    let mut times: Vec<i64> = pattern.rows.iter().map(|&row| pattern.findings.details.work_ns[row]).collect();
    times.sort_unstable();
    let median = times.get(times.len().div_ceil(2) - 1).copied();
    queue(pattern).and(median).map_or(Cell::None, Cell::Int)
}

fn instances(pattern: &Pattern<'_, Saturation>) -> Cell {
    let mut instances: Vec<u64> = pattern.rows.iter().map(|&row| pattern.findings.details.instance[row]).collect();
    instances.sort_unstable();
    instances.dedup();
    Cell::Int(instances.len() as i64)
}

fn text(text: Option<&str>) -> Cell {
    Cell::Text(text.unwrap_or_default().to_owned())
}

fn share(share: Option<f64>) -> Cell {
    share.map_or(Cell::None, Cell::Float)
}

impl Detector for Saturation {
    type Seen = FindingsBeside<DetailColumns, Beside>;
    type Details = DetailColumns;
    type Aside = Aside;
    type Row = NoRow;

    const DESCRIPTION: &'static Description = &DESCRIPTION;
    const TABLE: TableRules<Self> = TableRules::Patterns(COLUMNS);

    fn gathers() -> Gathers {
        Gathers { calls: true, caller_spans: true, own_attributes: OwnAttributes::INSTANCE, ..Gathers::NOTHING }
    }

    fn see(&self, trace: &TraceView<'_>, seen: &mut Self::Seen) {
        for call in trace.calls.calls.iter().filter(|call| call.callee != NO_ROW && call.callee != call.row) {
            let raw = trace.start(call.callee).saturating_sub(trace.start(call.row));
            if raw >= min_wait_ns(trace.tree.resolution_ns) && trace.is_edge_call(call) {
                keep(trace, call, &mut seen.beside);
            }
        }
        if trace.semantics.has_pools {
            for row in (0..trace.tree.len() as Row).filter(|&row| is_pool(trace, row)) {
                see_pool(trace, row, seen);
            }
        }
    }

    fn wants_service(&self, service: Symbol, seen: &Self::Seen) -> bool {
        let late_callees = seen.beside.late_callees_of.get(&service).copied().unwrap_or_default();
        late_callees > 0 && late_callees >= u64::from(self.min_waits.0)
    }

    fn see_service(&self, spans: &CallerSpansOfService<'_>, seen: &mut Self::Seen) {
        let minimums = Minimums { waits: self.min_waits.0 as usize, share: self.min_share.0 };
        if let Some(queue) = queue_of(spans, minimums) {
            seen.beside.push_queue(queue);
        }
    }

    fn wants_calls(&self, round: CallRound, seen: &mut Self::Seen) -> bool {
        round == CallRound::Last && !seen.beside.queues.is_empty()
    }

    fn see_call(&self, _round: CallRound, call: &LoggedCall, known: &Self::Seen, learned: &mut Self::Seen) {
        learned.beside.add_call(call, &known.beside);
    }

    fn conclude(&self, seen: Self::Seen, whole: &Whole<'_>) -> Concluded<Self> {
        let FindingsBeside { mut findings, beside } = seen;
        let held_by = beside.held_by();
        let Beside { pools, late_callees, queues, .. } = beside;
        retain_pools(&mut findings, &pools);
        let queue_kind = whole.symbols.get(FindingKind::Queue.as_str()).unwrap_or_default();
        let by_call = places_by_call(&late_callees);
        for queue in &queues {
            for wait in &queue.waits {
                if let Ok(place) = by_call.binary_search_by_key(&(wait.trace, wait.call_row), |&(call, _)| call) {
                    report(queue, wait, queue_kind, &late_callees, by_call[place].1, &mut findings);
                }
            }
        }
        let facts = queues.iter().zip(held_by).map(|(queue, held_by)| (queue.service, facts_of(queue, held_by, whole)));
        let queues = facts.collect();
        Concluded { findings, aside: Aside { queue_kind, queues, pools }, rows: Vec::new() }
    }
}

/// Keeps what only the trace tells of a call that may have waited.
fn keep(trace: &TraceView<'_>, call: &Call, beside: &mut Beside) {
    let span_id = trace.span_id(call.row);
    let (start, end) = (trace.start(call.row), trace.end(call.row).min(trace.start(call.callee)));
    let is_elsewhere = trace.tree.is_async[call.row as usize] && call.caller_span != call.row;
    beside.late_callees.push(LateCallee {
        trace: TraceNumber(trace.number),
        row: call.row,
        span_id,
        caller_operation: trace.caller_operation(call),
        path_ns: if is_elsewhere { 0 } else { trace.path_time_within(call.row, start, end) },
        adjusted_count: trace.adjusted_counts().of_evidence(trace, &[span_id]),
    });
    *beside.late_callees_of.entry(call.target.name).or_default() += 1;
    beside.marked.push(call.row);
}

/// Whether a span waits for a connection of a pool.
fn is_pool(trace: &TraceView<'_>, row: Row) -> bool {
    let role = &trace.calls.roles[row as usize];
    trace.semantics_of(row).acquires_connection
        && !role.is_entry
        && role.callee == NO_ROW
        && matches!(trace.tree.kind(row, trace.semantics), SpanKind::Client | SpanKind::Internal)
}

fn see_pool(trace: &TraceView<'_>, row: Row, seen: &mut FindingsBeside<DetailColumns, Beside>) {
    let (_, mut target) = trace.reached_by(row);
    if target.kind == TargetKind::Unnamed {
        target.name = trace.semantics_of(row).operation;
    }
    let service = trace.service(row);
    *seen.beside.pools.entry([service, target.name]).or_default() += 1;
    let wait_ns = trace.duration(row);
    if wait_ns < MIN_POOL_WAIT_NS {
        return;
    }
    let details = Details { wait_ns, work_ns: 0, instance: trace.instance(row).unwrap_or_default(), abandoned: 0 };
    let finding = Finding {
        span_id: trace.span_id(row),
        service,
        operation: trace.entry_operation(trace.calls.roles[row as usize].caller_span),
        target: Some(target),
        start: trace.start(row),
        measured: seconds(wait_ns),
        threshold: seconds(MIN_POOL_WAIT_NS),
        impact_ns: trace.path_time(row),
        own_impact: 0,
        induced: false,
        kind: FindingKind::Pool,
        span_ids: &[trace.span_id(row)],
        key: &[service, trace.semantics.finding_kind_name(FindingKind::Pool), target.name],
        details,
    };
    seen.findings.push(trace, finding, Remedy { edits: &[(row, Edit::Cut)], ..Remedy::none(row) });
}

/// Drops waits for pools that are too few. All findings so far are of pools.
fn retain_pools(findings: &mut Findings<DetailColumns>, pools: &HashMap<Pool, u64, FixedState>) {
    let pool_of = |key: &[Symbol]| -> Pool { [key[0], key[2]] };
    let mut waits: HashMap<Pool, u64, FixedState> = HashMap::default();
    for row in 0..findings.len() {
        *waits.entry(pool_of(findings.common.key.get(row))).or_default() += 1;
    }
    findings.retain_keys(|key| {
        let pool = pool_of(key);
        let all = pools.get(&pool).copied().unwrap_or_default();
        waits[&pool] >= MIN_POOL_WAITS && waits[&pool] as f64 >= MIN_POOL_SHARE * all as f64
    });
}

/// Places of calls that may have waited, by trace and row.
fn places_by_call(late_callees: &LateCallees) -> Vec<((TraceNumber, u32), usize)> {
    let calls = late_callees.trace.iter().copied().zip(late_callees.row.iter().copied());
    let mut places: Vec<((TraceNumber, u32), usize)> = calls.zip(0..).collect();
    places.sort_unstable();
    places
}

/// Reports a call that waited, which stands at a place of those that may have.
fn report(
    queue: &Queue,
    wait: &Wait,
    queue_kind: Symbol,
    late_callees: &LateCallees,
    place: usize,
    findings: &mut Findings<DetailColumns>,
) {
    let span_id = late_callees.span_id[place];
    let finding = Finding {
        span_id,
        service: wait.caller.service,
        operation: late_callees.caller_operation[place],
        target: Some(Target { name: queue.service, kind: TargetKind::Service }),
        start: wait.call_start,
        measured: seconds(wait.wait_ns),
        threshold: seconds(min_wait_ns(0)),
        impact_ns: late_callees.path_ns[place],
        own_impact: 0,
        induced: false,
        kind: if queue.victims.is_empty() { FindingKind::Queue } else { FindingKind::MissingBulkhead },
        span_ids: &[span_id],
        key: &[queue.service, queue_kind, queue.service],
        details: Details {
            wait_ns: wait.wait_ns,
            work_ns: wait.work_ns,
            instance: wait.instance,
            abandoned: i64::from(wait.is_abandoned),
        },
    };
    let cap = Edit::Cap(wait.call_ns.saturating_sub(wait.wait_ns).max(0));
    let remedy = Remedy { edits: &[(wait.call_row, cap)], ..Remedy::none(wait.call_row) };
    findings.push_late(wait.trace, late_callees.adjusted_count[place], finding, remedy);
}

fn facts_of(queue: &Queue, held_by: Option<(Symbol, f64)>, whole: &Whole<'_>) -> QueueFacts {
    let name = |symbol: Symbol| whole.symbols.resolve(symbol).to_owned();
    QueueFacts {
        limit: queue.limit,
        limit_at: queue.limit_at,
        calls: queue.calls,
        holder: name(queue.holder),
        holder_share: queue.holder_share,
        held_by: held_by.map(|(target, share)| (name(target), share)),
        victims: queue.victims.iter().map(|&victim| name(victim)).collect(),
    }
}

fn seconds(ns: i64) -> f64 {
    ns as f64 / 1e9
}
