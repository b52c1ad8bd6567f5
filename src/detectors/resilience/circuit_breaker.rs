//! `circuit-breaker`: what one would have saved.

mod breaker;
mod outage_times;

use std::collections::BTreeSet;

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::conventions::{ErrorClass, FindingKind, OwnAttributes};
use crate::detectors::kit::{
    self, CallRound, Cell, Concluded, Description, Detector, FindingsBeside, NoDetails, NoRow, Pattern, PatternColumn,
    ProblemText, RankedBy, Seen, TableRow, TableRules, Unit, Whole, thresholds,
};
use crate::findings::{Finding, Findings, Remedy};
use crate::frame::Symbol;
use crate::gathered::{CallerSpansOfService, CallsOfTarget, EdgeOfCalls, Gathers, LoggedCall};
use crate::partial::{Columns as _, GroupReader, GroupWriter, TraceNumber, columns};
use crate::savings::Unsettled;
use crate::span::SpanId;
use crate::trace::{Edit, Row, Target, TraceView, total_ns};

use super::deeper_patterns::{Explained, LateOccurrence, SpansAbove, explained_by_most};
use super::edge_calls::{Edge, is_outage};
use breaker::{Breaker, BreakerRules, Opening, Outcome, is_open_at};
use outage_times::OutageTimes;

thresholds! {
    /// The detector of missing circuit breakers and its thresholds.
    pub(crate) struct CircuitBreaker {
        /// Last outcomes of which half must be outages to open the breaker.
        window: Count = 10;
        /// How long the breaker rejects before it tries again.
        wait: Duration = 30_000_000_000;
        /// Calls that it tries then.
        trials: Count = 1;
        /// Rejected outages of a service and target from which on a breaker would have been worth it.
        min_avoided: Count = 10;
        /// Share of the rejected calls that would have been answered up to which it would have done no harm.
        max_sacrificed: Share = 0.2;
    }
}

static DESCRIPTION: Description = Description {
    name: "circuit-breaker",
    table: "circuit_breaker",
    summary: "calls to targets that are known to be down, which a circuit breaker would have saved",
    documentation: "\
## What it does

Replays a circuit breaker over the calls of each instance of a service to each service, host and database: closed until half of
the last `window` outcomes are outages, then open for `wait`, then `trials` calls to see. Errors of the caller's own (4xx and the
like) are no outages, cancelled calls are no outcomes. A service and target are a row if the breaker had rejected at least
`min_avoided` outages (`avoided_calls`), at most `max_sacrificed` of all that it had rejected would have been answered
(`sacrificed_calls`), and nobody holds back already: no call says that a breaker rejected it, and while it would have been open
requests went on calling the target as they did before (`breaker`: absent, or unknown where too few requests tell).

## Why it hurts

Each call to a target that is down costs its caller the time until it fails, up to the timeout; callers pile up behind, and the
target gets no rest to come back. A breaker fails at once and lets a few calls through to see when it is over.
`resilience4j_avoided` is the same with that library's defaults (100 calls, 60 s, 10 trials): where it is far smaller, the
defaults are too slow for the traffic of this target.

## What it looks like

    12:00:01  web > stock  failed  3.0 s   \u{2500}\u{2510}
    12:00:02  web > stock  failed  3.0 s    \u{2502} ten, of which five failed: open
    12:00:04  web > stock  failed  3.0 s   \u{2500}\u{2518}
    12:00:05  web > stock  failed  3.0 s    avoided, and 212 more until 12:03

## How to fix it

Put a circuit breaker around the call, with a window that fills within seconds at the rate of this target, and decide what the
caller answers while it is open: a default, what was cached, or an honest error at once. Rows that have `explained_by` fail with
a deeper row: begin there.

## When it is wrong

Failing fast saves nothing where the caller cannot do without (hard-dependency says so). A mesh's breaker is seen by its demand
only: by fewer requests that call the target while it is down.

## References

M. Nygard, \"Release It!\", 2nd edition, 2018, chapter 5. resilience4j's documentation of its CircuitBreaker, for the
defaults of `resilience4j_*`.",
    currency: None,
    has_findings: true,
    gates_at_any_impact: false,
    finds_risks_only: false,
    needs_failures: true,
    least_of_all_traces: Some("min_avoided"),
    terminal_columns: &[
        "rank",
        "caller_service",
        "target",
        "breaker",
        "critical_ns",
        "avoided_calls",
        "sacrificed_calls",
        "failed_calls",
        "calls",
        "opens",
        "first_open",
        "last_failure",
        "resilience4j_avoided",
        "traces",
        "weighted_traces",
        "example_trace_id",
    ],
    ranked_by: &[
        RankedBy::LastIfAny("explained_by"),
        RankedBy::Largest("critical_ns"),
        RankedBy::Largest("avoided_calls"),
    ],
    problem: Some(ProblemText { title, fix, is_upper_bound: false }),
};

fn title(row: &TableRow<'_>) -> String {
    let (caller, target) = (row.text("caller_service"), row.text("target"));
    let (avoided, failed) = (row.count("avoided_calls"), row.count("failed_calls"));
    format!(
        "{caller} goes on calling {target} while it is down: a breaker would have saved {avoided} of {failed} failures"
    )
}

fn fix(row: &TableRow<'_>) -> &'static str {
    if row.count("resilience4j_avoided") * 2 < row.count("avoided_calls") {
        "put a circuit breaker around the call, with a window that fills at this rate: a library's defaults are too slow here"
    } else {
        "put a circuit breaker around the call, and decide what to answer while it is open"
    }
}

type Column = PatternColumn<CircuitBreaker>;
type Rule = kit::Rule<CircuitBreaker>;

static COLUMNS: &[Column] = &[
    Column::rank("place in the ranking by critical_ns, then avoided_calls; explained rows come last"),
    Column::PATTERN_ID,
    Column::PROBLEM_LEVEL,
    Column::new("caller_service", Unit::Text, "service that goes on calling", Rule::Key(0)),
    Column::new("target_kind", Unit::Text, "service, database or external", Rule::Key(1)),
    Column::new("target", Unit::Text, "what is down", Rule::Key(2)),
    Column::new(
        "breaker",
        Unit::Text,
        "absent; unknown where too few requests tell whether somebody holds back",
        Rule::Derived(|pattern| Cell::Text(of_edge(pattern).demand.as_str().to_owned())),
    ),
    Column::new("calls", Unit::Count, "calls of the service to the target", Rule::Derived(|p| count(of_edge(p).calls))),
    Column::new(
        "failed_calls",
        Unit::Count,
        "those that were outages",
        Rule::Derived(|pattern| count(of_edge(pattern).outages)),
    ),
    Column::new(
        "opens",
        Unit::Count,
        "how often the breaker had opened, over all instances",
        Rule::Derived(|pattern| count(of_edge(pattern).textbook.opens)),
    ),
    Column::new(
        "avoided_calls",
        Unit::Count,
        "outages that it had rejected",
        Rule::Derived(|pattern| count(of_edge(pattern).textbook.avoided)),
    ),
    Column::new(
        "sacrificed_calls",
        Unit::Count,
        "calls that it had rejected and that were answered",
        Rule::Derived(|pattern| count(of_edge(pattern).textbook.sacrificed)),
    ),
    Column::new(
        "first_open",
        Unit::Time,
        "when it had opened first",
        Rule::Derived(|pattern| of_edge(pattern).first_open.map_or(Cell::None, Cell::Int)),
    ),
    Column::new(
        "last_failure",
        Unit::Time,
        "start of the last outage",
        Rule::Derived(|pattern| Cell::Int(of_edge(pattern).last_failure)),
    ),
    Column::new(
        "lead_ns",
        Unit::Nanoseconds,
        "from each opening to the last outage that it had rejected, summed: how much sooner the target had got its rest",
        Rule::Derived(|pattern| Cell::Int(of_edge(pattern).lead_ns)),
    ),
    Column::new(
        "avoided_ns",
        Unit::Nanoseconds,
        "summed durations of the avoided calls",
        Rule::Derived(|pattern| Cell::Int(of_edge(pattern).avoided_ns)),
    ),
    Column::new("critical_ns", Unit::Nanoseconds, "critical-path time of the avoided calls: the impact", Rule::Impact),
    Column::new(
        "resilience4j_opens",
        Unit::Count,
        "opens with resilience4j's defaults: 100 calls, 60 s, 10 trials",
        Rule::Derived(|pattern| count(of_edge(pattern).resilience4j.opens)),
    ),
    Column::new(
        "resilience4j_avoided",
        Unit::Count,
        "avoided_calls with these",
        Rule::Derived(|pattern| count(of_edge(pattern).resilience4j.avoided)),
    ),
    Column::new(
        "resilience4j_sacrificed",
        Unit::Count,
        "sacrificed_calls with these",
        Rule::Derived(|pattern| count(of_edge(pattern).resilience4j.sacrificed)),
    ),
    Column::new(
        "instances",
        Unit::Count,
        "instances of the service that call the target",
        Rule::Derived(|pattern| count(of_edge(pattern).openings.len() as u64)),
    ),
    Column::TRACES,
    Column::WEIGHTED_TRACES,
    Column::TRACE_SHARE,
    Column::FIRST_SEEN,
    Column::LAST_SEEN,
    Column::explained_by(|aside, key| aside.explained.get(key).map(|by| &**by)),
    Column::example_trace("the trace with the largest impact"),
];

fn of_edge<'a>(pattern: &Pattern<'a, CircuitBreaker>) -> &'a EdgeReplay {
    let edge = [0, 1, 2].map(|part| pattern.key(part));
    // Every finding has its edge.
    &pattern.aside.edges[&edge]
}

fn count(number: u64) -> Cell {
    Cell::Int(number as i64)
}

/// What a breaker would have done.
#[derive(Clone, Copy, Debug, Default)]
struct Effect {
    opens: u64,
    avoided: u64,
    sacrificed: u64,
    rejected: u64,
}

/// Whether somebody holds back while the breaker would have been open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Demand {
    /// Too few requests tell.
    #[default]
    Unknown,
    /// Requests go on calling.
    Unchanged,
    /// Fewer requests call.
    HeldBack,
}

impl Demand {
    fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Unchanged => "absent",
            Self::HeldBack => "present",
        }
    }
}

/// Caller spans by what they do, while the breaker would have been closed and while not.
#[derive(Clone, Copy, Debug, Default)]
struct CallerSpans {
    all: [u64; 2],
    calling: [u64; 2],
}

impl CallerSpans {
    /// Caller spans from which on it is known how many call while the target is fine.
    const ENOUGH: u64 = 20;
    /// Where fewer than this share of the usual number call, somebody holds back.
    const HELD_BACK: f64 = 0.5;

    fn demand(self) -> Demand {
        // Rounded once each.
        let [open, closed] =
            [[1, 0], [0, 1]].map(|[calling, all]| u128::from(self.calling[calling]) * u128::from(self.all[all]));
        if self.all[0] < Self::ENOUGH || self.calling[0] == 0 || self.all[1] == 0 {
            Demand::Unknown
        } else if (open as f64) < Self::HELD_BACK * closed as f64 {
            Demand::HeldBack
        } else {
            Demand::Unchanged
        }
    }
}

/// A call that the breaker had rejected, and that failed.
#[derive(Clone, Copy, Debug)]
struct Avoided {
    trace: TraceNumber,
    row: Row,
    start: i64,
    caller_operation: Symbol,
    span_id: SpanId,
    path_ns: i64,
    adjusted_count: f64,
}

/// The replay of the calls of a service to a target.
#[derive(Clone, Debug, Default)]
pub(crate) struct EdgeReplay {
    caller_service: Symbol,
    target: Target,
    calls: u64,
    outages: u64,
    textbook: Effect,
    resilience4j: Effect,
    first_open: Option<i64>,
    last_failure: i64,
    lead_ns: i64,
    avoided_ns: i64,
    avoided: Vec<Avoided>,
    /// By instance of the caller.
    openings: HashMap<u64, Vec<Opening>, FixedState>,
    /// Operations that call the target.
    operations: BTreeSet<Symbol>,
    caller_spans: CallerSpans,
    demand: Demand,
}

/// What is known of edges, and which patterns explain others.
pub(crate) struct Aside {
    edges: HashMap<Edge, EdgeReplay, FixedState>,
    explained: Explained,
}

/// What is kept beside findings.
#[derive(Default)]
pub(crate) struct Beside {
    /// Edges of which a call says that a breaker rejected it.
    with_breaker: BTreeSet<(Symbol, Target)>,
    /// When calls along edges were outages.
    outages: OutageTimes,
    above: SpansAbove,
    marked: Vec<Row>,
    /// Edges whose replays tell something, once all traces were seen: it is part of no file.
    replays: Vec<EdgeReplay>,
}

columns! {
    /// An edge of which a call says that a breaker rejected it.
    struct EdgeRow in EdgeColumns {
        caller_service: Symbol,
        target: Option<Target>,
    }
}

impl Seen for Beside {
    fn merge(&mut self, other: Self) {
        self.with_breaker.extend(other.with_breaker);
        self.outages.merge(other.outages);
        self.above.merge(other.above);
        self.replays.extend(other.replays);
    }

    fn renumber_traces(&mut self, rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {
        self.above.renumber_traces(rank_of);
    }

    fn bytes(&self) -> usize {
        let avoided: usize = self.replays.iter().map(|replay| size_of_val(&*replay.avoided)).sum();
        self.above.bytes() + self.outages.bytes() + avoided
    }

    fn unsettled(&mut self) -> Option<Unsettled<'_>> {
        None
    }

    fn marked(&mut self) -> Option<&mut Vec<Row>> {
        Some(&mut self.marked)
    }

    fn write(&self, group: &mut GroupWriter<'_>) {
        let mut edges = EdgeColumns::default();
        for &(caller_service, target) in &self.with_breaker {
            edges.push(EdgeRow { caller_service, target: Some(target) });
        }
        edges.write("", group);
        group.beside(OUTAGES, |group| self.outages.write(group));
        group.beside(ABOVE, |group| self.above.write(group));
    }

    fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let EdgeColumns { caller_service, target } = EdgeColumns::read("", group)?;
        let edge = |row: usize| Some((caller_service[row], target.get(row)?));
        let with_breaker = (0..caller_service.len()).filter_map(edge).collect();
        let outages = group.beside(OUTAGES, OutageTimes::read)?;
        Ok(Self { with_breaker, outages, above: group.beside(ABOVE, SpansAbove::read)?, ..Self::default() })
    }
}

/// Names of groups.
const ABOVE: &str = "above";
const OUTAGES: &str = "outages";

impl Detector for CircuitBreaker {
    type Seen = FindingsBeside<NoDetails, Beside>;
    type Details = NoDetails;
    type Aside = Aside;
    type Row = NoRow;

    const DESCRIPTION: &'static Description = &DESCRIPTION;
    const TABLE: TableRules<Self> = TableRules::Patterns(COLUMNS);

    fn gathers() -> Gathers {
        Gathers { calls: true, caller_spans: true, own_attributes: OwnAttributes::INSTANCE, ..Gathers::NOTHING }
    }

    fn see(&self, trace: &TraceView<'_>, seen: &mut Self::Seen) {
        if !trace.calls.has_failures {
            return;
        }
        let Beside { with_breaker, outages, above, marked, .. } = &mut seen.beside;
        let failed = trace.calls.calls.iter().filter(|call| trace.calls.roles[call.row as usize].failed);
        for call in failed.filter(|call| trace.is_edge_call(call)) {
            if trace.semantics_of(call.row).says_breaker_is_open {
                with_breaker.insert((call.caller_service, call.target));
            }
            if is_outage(trace, call) {
                let end = trace.start(call.row).wrapping_add(trace.duration(call.row));
                let instance = trace.instance_of_call(call).unwrap_or(0);
                outages.add((call.target, call.caller_service), instance, end);
                marked.push(call.row);
            }
        }
        marked.sort_unstable();
        marked.dedup();
        above.add(trace, marked);
    }

    fn wants_calls(&self, round: CallRound, seen: &mut Self::Seen) -> bool {
        round == CallRound::First && seen.beside.outages.put_in_order()
    }

    fn wants_calls_along(&self, _round: CallRound, edge: EdgeOfCalls, seen: &Self::Seen) -> bool {
        seen.beside.outages.is_often_down(edge, self.least_outages())
    }

    fn see_call(&self, _round: CallRound, call: &LoggedCall, known: &Self::Seen, learned: &mut Self::Seen) {
        if call.is_along_edge && outcome_of(call) == Outcome::Fine {
            let edge = (call.target, call.caller_service);
            learned.beside.outages.add_other(edge, call.instance, call.end(), &known.beside.outages);
        }
    }

    fn wants_edge(&self, edge: EdgeOfCalls, seen: &Self::Seen) -> bool {
        seen.beside.outages.may_have_opened(edge, self.rules().window, self.least_outages())
    }

    fn see_target(&self, calls: &CallsOfTarget<'_>, seen: &mut Self::Seen) {
        let is_wanted = |call: &LoggedCall| {
            let edge = (call.target, call.caller_service);
            // Others may have asked for what no breaker had rejected.
            call.is_along_edge && self.wants_edge(edge, seen)
        };
        let mut replays: HashMap<Symbol, Replaying, FixedState> = HashMap::default();
        calls.for_each(|call| {
            if is_wanted(call) {
                let new = || Replaying::new(call.caller_service, calls.subject);
                replays.entry(call.caller_service).or_insert_with(new).take(self, call);
            }
        });
        let replays = replays.into_iter().map(|(service, replaying)| (service, replaying.end()));
        let mut told: HashMap<Symbol, EdgeReplay, FixedState> =
            replays.filter(|(_, replay)| self.is_worth_it(&replay.textbook)).collect();
        if told.is_empty() {
            return;
        }
        let mut resilience4j: HashMap<(Symbol, u64), Breaker, FixedState> = HashMap::default();
        calls.for_each(|call| {
            if call.is_along_edge
                && let Some(replay) = told.get_mut(&call.caller_service)
            {
                let new = || Breaker::new(BreakerRules::RESILIENCE4J);
                let breaker = resilience4j.entry((call.caller_service, call.instance)).or_insert_with(new);
                replay.resilience4j.take(breaker, call);
                replay.operations.insert(call.caller_operation);
                if let Some(time) = call.first_of {
                    let is_open = is_open_at(&replay.openings[&call.instance], time);
                    replay.caller_spans.calling[usize::from(is_open)] += 1;
                }
            }
        });
        for ((caller_service, _), breaker) in resilience4j {
            if let Some(replay) = told.get_mut(&caller_service) {
                replay.resilience4j.opens += breaker.openings().len() as u64;
            }
        }
        let mut told: Vec<EdgeReplay> = told.into_values().collect();
        told.sort_unstable_by_key(|replay| replay.caller_service);
        seen.beside.replays.extend(told);
    }

    fn wants_service(&self, service: Symbol, seen: &Self::Seen) -> bool {
        seen.beside.replays.iter().any(|replay| replay.caller_service == service)
    }

    fn see_service(&self, spans: &CallerSpansOfService<'_>, seen: &mut Self::Seen) {
        let mut replays: Vec<&mut EdgeReplay> =
            seen.beside.replays.iter_mut().filter(|replay| replay.caller_service == spans.service).collect();
        if replays.is_empty() {
            return;
        }
        for span in spans.spans {
            for replay in replays.iter_mut().filter(|replay| replay.operations.contains(&span.operation)) {
                if let Some(openings) = replay.openings.get(&span.instance) {
                    replay.caller_spans.all[usize::from(is_open_at(openings, span.start))] += 1;
                }
            }
        }
    }

    fn conclude(&self, seen: Self::Seen, whole: &Whole<'_>) -> Concluded<Self> {
        let FindingsBeside { mut findings, beside: Beside { with_breaker, above, mut replays, .. } } = seen;
        replays.retain(|replay| !with_breaker.contains(&(replay.caller_service, replay.target)));
        replays.iter_mut().for_each(|replay| replay.demand = replay.caller_spans.demand());
        replays.retain(|replay| replay.demand != Demand::HeldBack);
        let mut edges: HashMap<Edge, EdgeReplay, FixedState> = HashMap::default();
        let mut rows_of_findings: Vec<Vec<Row>> = Vec::new();
        for mut replay in replays {
            let kind = whole.symbols.get(replay.target.kind.as_str()).unwrap_or_default();
            let edge: Edge = [replay.caller_service, kind, replay.target.name];
            let mut avoided = std::mem::take(&mut replay.avoided);
            avoided.sort_unstable_by_key(|call| (call.trace, call.start, call.row));
            for of_trace in avoided.chunk_by(|left, right| left.trace == right.trace) {
                self.report(&replay, &edge, of_trace, &mut findings);
                rows_of_findings.push(of_trace.iter().map(|call| call.row).collect());
            }
            edges.insert(edge, replay);
        }
        let numbered = rows_of_findings.iter().enumerate();
        let occurrences: Vec<LateOccurrence<'_>> = numbered
            .map(|(number, rows)| LateOccurrence {
                trace: findings.common.trace[number],
                key: findings.common.key.get(number),
                rows,
            })
            .collect();
        let deeper = above.patterns(&occurrences, |_, _| true);
        let explained = explained_by_most(&deeper, &findings.common);
        Concluded { aside: Aside { edges, explained }, findings, rows: Vec::new() }
    }
}

fn outcome_of(call: &LoggedCall) -> Outcome {
    match call.failed.map(|failed| failed.error_class) {
        None | Some(ErrorClass::Caller) => Outcome::Fine,
        Some(ErrorClass::Cancelled) => Outcome::Cancelled,
        Some(_) => Outcome::Outage,
    }
}

impl CircuitBreaker {
    fn rules(&self) -> BreakerRules {
        let Self { window, wait, trials, .. } = self;
        BreakerRules { window: window.0.max(1), wait_ns: wait.0, trials: trials.0.max(1) }
    }

    /// Fewer outages along an edge cannot be as many that are avoided.
    fn least_outages(&self) -> u64 {
        u64::from(self.min_avoided.0).max(1)
    }

    fn is_worth_it(&self, effect: &Effect) -> bool {
        effect.avoided >= u64::from(self.min_avoided.0)
            && effect.sacrificed as f64 <= self.max_sacrificed.0 * effect.rejected as f64
    }

    /// Reports the avoided calls of a trace, which come by start.
    fn report(&self, replay: &EdgeReplay, edge: &Edge, avoided: &[Avoided], findings: &mut Findings<NoDetails>) {
        let span_ids: Vec<SpanId> = avoided.iter().map(|call| call.span_id).collect();
        let edits: Vec<(Row, Edit)> = avoided.iter().map(|call| (call.row, Edit::Cut)).collect();
        let first = &avoided[0];
        let finding = Finding {
            span_id: first.span_id,
            service: replay.caller_service,
            operation: first.caller_operation,
            target: Some(replay.target),
            start: first.start,
            measured: avoided.len() as f64,
            threshold: f64::from(self.min_avoided.0),
            impact_ns: total_ns(avoided.iter().map(|call| call.path_ns)),
            own_impact: 0,
            induced: false,
            kind: FindingKind::None,
            span_ids: &span_ids,
            key: edge,
            details: NoDetails,
        };
        let adjusted_count = avoided.iter().map(|call| call.adjusted_count).fold(1.0, f64::max);
        findings.push_late(first.trace, adjusted_count, finding, Remedy { edits: &edits, ..Remedy::none(first.row) });
    }
}

/// The breakers of the instances of a service in front of a target, in the middle of a replay.
struct Replaying {
    replay: EdgeReplay,
    instances: HashMap<u64, Breaker, FixedState>,
}

impl Effect {
    /// Shows a breaker the next call; the answer is whether it permits it.
    fn take(&mut self, breaker: &mut Breaker, call: &LoggedCall) -> bool {
        let (outcome, weight) = (outcome_of(call), u64::from(call.weight));
        let is_permitted = breaker.call(call.start, call.end(), outcome);
        if !is_permitted {
            self.rejected += weight;
            match outcome {
                Outcome::Outage => self.avoided += weight,
                Outcome::Fine => self.sacrificed += weight,
                Outcome::Cancelled => {}
            }
        }
        is_permitted
    }
}

impl Replaying {
    fn new(caller_service: Symbol, target: Target) -> Self {
        let replay = EdgeReplay { caller_service, target, ..EdgeReplay::default() };
        Self { replay, instances: HashMap::default() }
    }

    fn take(&mut self, detector: &CircuitBreaker, call: &LoggedCall) {
        let Self { replay, instances } = self;
        let outcome = outcome_of(call);
        let weight = u64::from(call.weight);
        replay.calls += weight;
        if outcome == Outcome::Outage {
            replay.outages += weight;
            replay.last_failure = call.start;
        }
        let breaker = instances.entry(call.instance).or_insert_with(|| Breaker::new(detector.rules()));
        let is_permitted = replay.textbook.take(breaker, call);
        if let Some(failed) = call.failed.filter(|_| outcome == Outcome::Outage && !is_permitted) {
            replay.avoided_ns = total_ns([replay.avoided_ns, call.duration]);
            replay.avoided.push(Avoided {
                trace: call.trace,
                row: call.row,
                start: call.start,
                caller_operation: call.caller_operation,
                span_id: failed.span_id,
                path_ns: failed.path_ns,
                adjusted_count: failed.adjusted_count,
            });
        }
    }

    fn end(self) -> EdgeReplay {
        let Self { mut replay, instances } = self;
        for (instance, breaker) in instances {
            let openings = breaker.openings();
            replay.textbook.opens += openings.len() as u64;
            for opening in &openings {
                replay.first_open = Some(replay.first_open.map_or(opening.start, |first| first.min(opening.start)));
                let lead_ns = opening.last_avoided.map_or(0, |last| last.saturating_sub(opening.start));
                replay.lead_ns = total_ns([replay.lead_ns, lead_ns]);
            }
            replay.openings.insert(instance, openings);
        }
        replay
    }
}
