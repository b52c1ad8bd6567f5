//! `throttling`: told to slow down.

use std::collections::BTreeMap;

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::conventions::{FindingKind, OwnAttribute, OwnAttributes};
use crate::detectors::kit::{
    self, CallRound, Cell, Concluded, Description, Detector, FindingsBeside, NoRow, Pattern, PatternColumn,
    ProblemText, RankedBy, Seen, TableRow, TableRules, Unit, Whole, thresholds,
};
use crate::findings::{Finding, Findings, Remedy};
use crate::frame::Symbol;
use crate::gathered::{EdgeOfCalls, Gathers, LoggedCall};
use crate::partial::{Columns as _, GroupReader, GroupWriter, TraceNumber, columns};
use crate::savings::Unsettled;
use crate::trace::{Call, Edit, NO_ROW, Row, Target, TraceView, total_ns};

use super::edge_calls::{Edge, edge_of, is_throttled};
use super::named_windows::NamedWindows;
use super::window_counts::Peak;

thresholds! {
    /// The detector of throttled calls and its thresholds.
    pub(crate) struct Throttling {
        /// Throttled calls of a service to a target, over the whole input, from which on they are a problem.
        min_throttled: Count = 5;
    }
}

/// A retry that comes after less than this share of what the server asked to wait ignores it: timers are not exact.
const HEEDED_SHARE: f64 = 0.9;

columns! {
    /// What a finding of throttled calls says.
    pub(crate) struct Details in DetailColumns {
        /// Throttled calls.
        throttled: i64,
        /// Those that were sent again.
        retried: i64,
        /// Those whose answer says how long to wait.
        with_retry_after: i64,
        /// Those that say it and were sent again.
        told_retries: i64,
        /// Those that were sent again earlier.
        ignored: i64,
        /// Caller spans that failed with a throttled call that was not sent again.
        failed_callers: i64,
        /// From the end of a throttled call to the start of the next attempt, in ns; negative where they overlap.
        gaps: Vec<i64>,
        /// Operations of the throttled calls.
        operations: Vec<Symbol>,
    }
}

static DESCRIPTION: Description = Description {
    name: "throttling",
    table: "throttling",
    summary: "calls that are told to slow down",
    documentation: "\
## What it does

Finds calls that were answered with \"too many\": HTTP 429 or RPC RESOURCE_EXHAUSTED, on the span of the call or on its
callee's. From a service to a target at least `min_throttled` such calls over the whole input are a row, whatever became of
them. A gRPC message that is larger than the receiver takes has the same code and does not count.

## Why it hurts

Each such call is a round trip for nothing, and so is the pause before the next attempt. Who comes back before the limit has
room again (`ignored_share`: sooner than nine tenths of the Retry-After that the answer named) is refused again, and keeps
others out. What is not sent again fails whoever asked (`failed_callers`).

## What it looks like

    CLIENT web > api.example.com  POST /send  429   12 ms   Retry-After: 2
    CLIENT web > api.example.com  POST /send  429   11 ms   after 40 ms: ignored
    CLIENT web > api.example.com  POST /send  200   60 ms   after 2.1 s

## How to fix it

Send less: a limiter on the caller's side with the rate that the target grants, a batch, a cache, a queue for what can wait.
Wait as long as Retry-After says, with jitter, before the next attempt. Or agree on a higher limit. `peak_start` names the ten
seconds in which most calls were refused: a burst there can be spread, a limit that is reached all day (`windows`) cannot.

## When it is wrong

A target that limits each of several tenants or keys looks like one limit here. Some services answer 429 or RESOURCE_EXHAUSTED
when they are overloaded or out of memory rather than at a limit that somebody set. Retry-After is known only where the
instrumentation records the header, and dates in it are left out. A retry is seen only if it is a call of its own below the same
span: what a queue sends again later is counted as not retried.

## References

R. Fielding, M. Nottingham, J. Reschke, RFC 9110 \"HTTP Semantics\", 2022, section 10.2.3; M. Nottingham, R. Fielding, RFC 6585
\"Additional HTTP Status Codes\", 2012, section 4.",
    currency: None,
    has_findings: true,
    gates_at_any_impact: false,
    finds_risks_only: false,
    needs_failures: true,
    least_of_all_traces: Some("min_throttled"),
    terminal_columns: &[
        "rank",
        "caller_service",
        "target",
        "operation",
        "critical_ns",
        "throttled_calls",
        "throttled_share",
        "retried_share",
        "ignored_share",
        "failed_callers",
        "gap_p50_ns",
        "peak_share",
        "traces",
        "weighted_traces",
        "example_trace_id",
    ],
    ranked_by: &[RankedBy::Largest("critical_ns"), RankedBy::Largest("throttled_calls")],
    problem: Some(ProblemText { title, fix, is_upper_bound: false }),
};

fn title(row: &TableRow<'_>) -> String {
    let (throttled, calls) = (row.count("throttled_calls"), row.count("calls"));
    let ignores = match row.number("ignored_share") {
        share if share > 0.5 => ", and does not wait as long as it is asked to",
        _ => "",
    };
    let (caller, target) = (row.text("caller_service"), row.text("target"));
    format!("{target} tells {caller} to slow down on {throttled} of {calls} calls{ignores}")
}

fn fix(row: &TableRow<'_>) -> &'static str {
    if row.number("ignored_share") > 0.5 {
        "wait as long as Retry-After says before the next attempt, and limit the rate on the caller's side"
    } else if row.number("retried_share") < 0.5 {
        "limit the rate on the caller's side, and send what is refused again after a pause"
    } else {
        "send less: limit the rate on the caller's side, batch or cache, or agree on a higher limit"
    }
}

type Column = PatternColumn<Throttling>;
type Rule = kit::Rule<Throttling>;

static COLUMNS: &[Column] = &[
    Column::rank("place in the ranking by critical_ns, then throttled_calls"),
    Column::PATTERN_ID,
    Column::PROBLEM_LEVEL,
    Column::new("caller_service", Unit::Text, "service that is told to slow down", Rule::Key(0)),
    Column::new("target_kind", Unit::Text, "service, database or external", Rule::Key(1)),
    Column::new("target", Unit::Text, "what it calls", Rule::Key(2)),
    Column::new("calls", Unit::Count, "all calls of the service to the target", Rule::Derived(calls)),
    Column::new(
        "throttled_calls",
        Unit::Count,
        "those answered with HTTP 429 or RESOURCE_EXHAUSTED",
        Rule::Sum(|details| &details.throttled),
    ),
    Column::new("throttled_share", Unit::Share, "their share of all calls", Rule::Derived(throttled_share)),
    Column::new(
        "retried_share",
        Unit::Share,
        "share of the throttled calls that were sent again",
        Rule::Derived(|pattern| {
            share(sum(pattern, |details| &details.retried), sum(pattern, |details| &details.throttled))
        }),
    ),
    Column::new(
        "gap_p50_ns",
        Unit::Nanoseconds,
        "median pause from a throttled call to the next attempt",
        Rule::Derived(gap_p50),
    ),
    Column::new(
        "retry_after_calls",
        Unit::Count,
        "throttled calls whose answer says in seconds how long to wait",
        Rule::Sum(|details| &details.with_retry_after),
    ),
    Column::new(
        "told_retries",
        Unit::Count,
        "those of them that were sent again",
        Rule::Sum(|details| &details.told_retries),
    ),
    Column::new(
        "ignored_share",
        Unit::Share,
        "share of told_retries that came before nine tenths of that time; empty if there are none",
        Rule::Derived(|pattern| {
            share(sum(pattern, |details| &details.ignored), sum(pattern, |details| &details.told_retries))
        }),
    ),
    Column::new(
        "failed_callers",
        Unit::Count,
        "caller spans that failed with a throttled call that was not sent again",
        Rule::Sum(|details| &details.failed_callers),
    ),
    Column::new("windows", Unit::Count, "windows of ten seconds with throttled calls", Rule::Derived(windows)),
    Column::new(
        "peak_share",
        Unit::Share,
        "highest share of throttled calls in ten seconds with at least 20 calls",
        Rule::Derived(peak_share),
    ),
    Column::new("peak_start", Unit::Time, "when those ten seconds began", Rule::Derived(peak_start)),
    Column::new(
        "operation",
        Unit::Text,
        "what was asked for in most of the throttled calls",
        Rule::MostFrequentName(|details| &details.operations),
    ),
    Column::TRACES,
    Column::WEIGHTED_TRACES,
    Column::TRACE_SHARE,
    Column::new(
        "critical_ns",
        Unit::Nanoseconds,
        "critical-path time of the throttled calls and of the caller in the pauses after them: the impact",
        Rule::Impact,
    ),
    Column::FIRST_SEEN,
    Column::LAST_SEEN,
    Column::explained_by(|_, _| None),
    Column::example_trace("the trace with the largest impact"),
];

/// What is kept beside findings.
#[derive(Default)]
pub(crate) struct Beside {
    /// Edges with throttled calls, by target and caller service.
    edges: BTreeMap<EdgeOfCalls, Edge>,
    /// Their throttled calls.
    throttled: NamedWindows,
    /// All their calls, once all traces were seen: they are part of no file.
    calls: NamedWindows,
}

columns! {
    /// An edge with throttled calls.
    struct EdgeRow in EdgeColumns {
        target: Option<Target>,
        caller_service: Symbol,
        kind_name: Symbol,
    }
}

impl Seen for Beside {
    fn merge(&mut self, other: Self) {
        self.edges.extend(other.edges);
        self.throttled.merge(other.throttled);
        self.calls.merge(other.calls);
    }

    fn renumber_traces(&mut self, _rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {}

    fn bytes(&self) -> usize {
        self.edges.len() * 2 * size_of::<(EdgeOfCalls, Edge)>() + self.throttled.bytes() + self.calls.bytes()
    }

    fn unsettled(&mut self) -> Option<Unsettled<'_>> {
        None
    }

    fn write(&self, group: &mut GroupWriter<'_>) {
        self.throttled.write(group);
        let mut edges = EdgeColumns::default();
        for (&(target, caller_service), &[_, kind_name, _]) in &self.edges {
            edges.push(EdgeRow { target: Some(target), caller_service, kind_name });
        }
        group.beside(EDGES, |group| edges.write("", group));
    }

    fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let EdgeColumns { target, caller_service, kind_name } =
            group.beside(EDGES, |group| EdgeColumns::read("", group))?;
        let edge = |row: usize| {
            let target = target.get(row).unwrap_or_default();
            ((target, caller_service[row]), [caller_service[row], kind_name[row], target.name])
        };
        let edges = (0..caller_service.len()).map(edge).collect();
        Ok(Self { edges, throttled: NamedWindows::read(group)?, ..Self::default() })
    }
}

/// Name of the group.
const EDGES: &str = "edges";

/// All calls along an edge, by ten seconds.
#[derive(Clone, Copy, Default)]
pub(crate) struct CallsOfEdge {
    calls: u64,
    windows_with_throttled: u64,
    peak: Option<Peak>,
}

fn of_edge(pattern: &Pattern<'_, Throttling>) -> CallsOfEdge {
    pattern.aside.get(&[0, 1, 2].map(|part| pattern.key(part))).copied().unwrap_or_default()
}

fn sum(pattern: &Pattern<'_, Throttling>, detail: fn(&DetailColumns) -> &[i64]) -> i64 {
    let values = detail(&pattern.findings.details);
    pattern.rows.iter().map(|&row| values[row]).sum()
}

/// The share; no value of none.
fn share(part: i64, all: i64) -> Cell {
    if all > 0 { Cell::Float(part as f64 / all as f64) } else { Cell::None }
}

fn calls(pattern: &Pattern<'_, Throttling>) -> Cell {
    Cell::Int(of_edge(pattern).calls as i64)
}

fn throttled_share(pattern: &Pattern<'_, Throttling>) -> Cell {
    share(sum(pattern, |details| &details.throttled), of_edge(pattern).calls as i64)
}

/// The median by nearest rank.
fn gap_p50(pattern: &Pattern<'_, Throttling>) -> Cell {
    let mut gaps: Vec<i64> = pattern.lists(|details| &details.gaps).flatten().copied().collect();
    gaps.sort_unstable();
    let middle = gaps.len().div_ceil(2).checked_sub(1);
    middle.map_or(Cell::None, |middle| Cell::Int(gaps[middle]))
}

fn windows(pattern: &Pattern<'_, Throttling>) -> Cell {
    Cell::Int(of_edge(pattern).windows_with_throttled as i64)
}

fn peak_share(pattern: &Pattern<'_, Throttling>) -> Cell {
    of_edge(pattern).peak.map_or(Cell::None, |peak| Cell::Float(peak.share))
}

fn peak_start(pattern: &Pattern<'_, Throttling>) -> Cell {
    of_edge(pattern).peak.map_or(Cell::None, |peak| Cell::Int(peak.start))
}

impl Detector for Throttling {
    type Seen = FindingsBeside<DetailColumns, Beside>;
    type Details = DetailColumns;
    type Aside = HashMap<Edge, CallsOfEdge, FixedState>;
    type Row = NoRow;

    const DESCRIPTION: &'static Description = &DESCRIPTION;
    const TABLE: TableRules<Self> = TableRules::Patterns(COLUMNS);

    fn gathers() -> Gathers {
        let own_attributes = OwnAttributes::of(&[OwnAttribute::RetryAfter]);
        Gathers { calls: true, own_attributes, ..Gathers::NOTHING }
    }

    fn see(&self, trace: &TraceView<'_>, seen: &mut Self::Seen) {
        if !trace.calls.has_throttled {
            return;
        }
        let numbered = (0u32..).zip(&trace.calls.calls);
        let is_throttled = |(_, call): &(u32, &Call)| trace.is_edge_call(call) && is_throttled(trace, call);
        let mut throttled: Vec<(Edge, i64, u32)> = Vec::new();
        for (number, call) in numbered.filter(is_throttled) {
            let (edge, start) = (edge_of(trace, call), trace.start(call.row));
            seen.beside.edges.insert((call.target, call.caller_service), edge);
            seen.beside.throttled.add(edge, start, call.weight, 0);
            throttled.push((edge, start, number));
        }
        if throttled.is_empty() {
            return;
        }
        throttled.sort_unstable();
        let next_attempts = next_attempts(trace);
        for of_edge in throttled.chunk_by(|left, right| left.0 == right.0) {
            let calls: Vec<u32> = of_edge.iter().map(|&(_, _, number)| number).collect();
            self.report(trace, of_edge[0].0, &calls, &next_attempts, &mut seen.findings);
        }
    }

    fn wants_calls(&self, round: CallRound, seen: &mut Self::Seen) -> bool {
        round == CallRound::First && !seen.beside.edges.is_empty()
    }

    fn wants_calls_along(&self, _round: CallRound, edge: EdgeOfCalls, seen: &Self::Seen) -> bool {
        seen.beside.edges.contains_key(&edge)
    }

    fn see_call(&self, _round: CallRound, call: &LoggedCall, known: &Self::Seen, learned: &mut Self::Seen) {
        if call.is_along_edge
            && let Some(&edge) = known.beside.edges.get(&(call.target, call.caller_service))
        {
            learned.beside.calls.add(edge, call.start, call.weight, 0);
        }
    }

    fn conclude(&self, seen: Self::Seen, _whole: &Whole<'_>) -> Concluded<Self> {
        let mut findings = seen.findings;
        let mut throttled: HashMap<Edge, i64, FixedState> = HashMap::default();
        let edge_of = |key: &[Symbol]| -> Edge { [key[0], key[1], key[2]] };
        for row in 0..findings.len() {
            *throttled.entry(edge_of(findings.common.key.get(row))).or_default() += findings.details.throttled[row];
        }
        findings.retain_keys(|key| throttled[&edge_of(key)] >= i64::from(self.min_throttled.0));

        let mut edges: HashMap<Edge, CallsOfEdge, FixedState> = HashMap::default();
        let Beside { throttled: throttled_calls, calls: mut windows, .. } = seen.beside;
        // Each of them is one of all calls, which were counted.
        throttled_calls.iter().for_each(|(edge, window, throttled, _)| windows.add_in(edge, window, 0, throttled));
        let of_findings = windows.iter().filter(|(edge, ..)| throttled.contains_key(edge));
        for (edge, _, calls, throttled) in of_findings {
            let of_edge = edges.entry(edge).or_default();
            of_edge.calls += calls;
            of_edge.windows_with_throttled += u64::from(throttled > 0);
        }
        for (edge, peak) in windows.peaks() {
            if let Some(of_edge) = edges.get_mut(&edge) {
                of_edge.peak = Some(peak);
            }
        }
        Concluded { findings, aside: edges, rows: Vec::new() }
    }
}

/// The attempt that follows each call in its retry sequence; [`NO_ROW`] where none does.
fn next_attempts(trace: &TraceView<'_>) -> Vec<Row> {
    let mut next = vec![NO_ROW; trace.calls.calls.len()];
    let retries = trace.retries();
    for sequence in &retries.sequences {
        for pair in retries.attempts(sequence).windows(2) {
            // What a proxy sent again below one exit span is one call.
            if pair[0].call != pair[1].call {
                next[pair[0].call as usize] = pair[1].row;
            }
        }
    }
    next
}

impl Throttling {
    /// Reports the throttled calls of a trace along an edge, which come by start.
    fn report(
        &self,
        trace: &TraceView<'_>,
        edge: Edge,
        numbers: &[u32],
        next_attempts: &[Row],
        findings: &mut Findings<DetailColumns>,
    ) {
        let mut details = Details {
            throttled: 0,
            retried: 0,
            with_retry_after: 0,
            told_retries: 0,
            ignored: 0,
            failed_callers: 0,
            gaps: Vec::new(),
            operations: Vec::new(),
        };
        let mut impact_ns = 0;
        let mut edits: Vec<(Row, Edit)> = Vec::new();
        let mut failed_callers: Vec<Row> = Vec::new();
        let calls: Vec<&Call> = numbers.iter().map(|&number| &trace.calls.calls[number as usize]).collect();
        for (call, &number) in calls.iter().zip(numbers) {
            let weight = i64::from(call.weight);
            let retry_after_ns = [call.row, call.callee]
                .into_iter()
                .filter(|&row| row != NO_ROW)
                .find_map(|row| trace.retry_after_ns(row));
            details.throttled += weight;
            details.with_retry_after += if retry_after_ns.is_some() { weight } else { 0 };
            details.operations.push(call.operation);
            impact_ns = total_ns([impact_ns, trace.call_path_time(call)]);
            edits.push((call.row, Edit::Cut));
            let next = next_attempts[number as usize];
            if next == NO_ROW {
                if trace.calls.roles[call.caller_span as usize].failed {
                    failed_callers.push(call.caller_span);
                }
                continue;
            }
            let (end, start) = (trace.end(call.row), trace.start(next));
            details.retried += weight;
            details.gaps.push(start - end);
            if let Some(retry_after_ns) = retry_after_ns {
                details.told_retries += weight;
                let is_ignored = ((start - end) as f64) < HEEDED_SHARE * retry_after_ns as f64;
                details.ignored += if is_ignored { weight } else { 0 };
            }
            if start > end {
                impact_ns = total_ns([impact_ns, trace.own_path_time_within(call.caller_span, end, start)]);
            }
            edits.push((next, Edit::Lead));
        }
        failed_callers.sort_unstable();
        failed_callers.dedup();
        details.failed_callers = failed_callers.len() as i64;
        let first = calls[0];
        let span_ids: Vec<_> = calls.iter().map(|call| trace.span_id(call.row)).collect();
        let finding = Finding {
            span_id: trace.span_id(first.row),
            service: first.caller_service,
            operation: trace.caller_operation(first),
            target: Some(first.target),
            start: trace.start(first.row),
            measured: details.throttled as f64,
            threshold: f64::from(self.min_throttled.0),
            impact_ns,
            own_impact: 0,
            induced: false,
            kind: FindingKind::None,
            span_ids: &span_ids,
            key: &edge,
            details,
        };
        findings.push(trace, finding, Remedy { edits: &edits, ..Remedy::none(first.row) });
    }
}
