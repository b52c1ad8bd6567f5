//! `failure-origins`: where failures come from.

use std::cmp::Reverse;

use crate::conventions::{ErrorClass, FindingKind};
use crate::detectors::kit::{
    self, Cell, Concluded, Currency, Description, Detector, FindingsBeside, NoRow, Pattern, PatternColumn, ProblemText,
    RankedBy, TableRow, TableRules, Unit, Whole, joined, thresholds,
};
use crate::findings::{Finding, Findings, Remedy};
use crate::frame::Symbol;
use crate::partial::columns;
use crate::trace::{Call, FailureOrigin, TargetKind, TraceView};

use super::failure_evidence::{distinct_entries, entry_row_of, evidence_of};
use super::named_windows::{NamedPeaks, NamedWindows};
use super::window_counts::Peak;

thresholds! {
    /// The list of where failures begin.
    pub(crate) struct FailureOrigins {}
}

columns! {
    /// What a finding of a failure says.
    pub(crate) struct Details in DetailColumns {
        /// Whether a caller coped.
        absorbed: bool,
        /// Class of the error.
        error_class: ErrorClass,
        /// Whether the origin was slow, not failing.
        slow: bool,
        /// Row of the failed root that was reached, plus one; 0 if the failure was absorbed.
        entry_row: u32,
        /// What the lowest failed span says of its error; nothing if it says nothing.
        message: Vec<Symbol>,
    }
}

static DESCRIPTION: Description = Description {
    name: "failure-origins",
    table: "failure_origins",
    summary: "where failures come from",
    documentation: "\
## What it does

Lists where failures begin, however far they spread: every failed span below which nothing failed that it waited for. Of a
retried call only the first failed attempt counts; a cancelled call beside which something failed is a victim, not an
origin; where a caller gave up while its callee went on working, the origin is the callee: slow, not failing. A failed span
that is part of a failed call (a connection that was refused) is told as that call, with the error of the span. There is no
threshold: any failed span of the input is explained by a row.

## Why it matters

In an incident most errors are echoes. The rows ranked first made most requests fail; the row with `onset_rank` 1 was there
before all others.

## What it looks like

    origin              target       error              failures  entry failures  onset
    stock   SELECT ...  postgresql   ConnectionRefused       126              63      1
    order   PlaceOrder               NullPointer               2               2      2

`entry_failures` counts the requests that failed for it, `absorbed_share` says how often a caller coped. `message` is what
the errors say, without what differs each time. `peak_start` and `peak_share` tell the ten seconds in which most of these
calls failed; for an origin that is no call, of the requests that its service was asked for.

## How to use it

Begin with the first row and the first onset. An origin that is a call to something that recorded nothing (a database, a host)
is as near as traces come: look there. See failure-amplification for what spreads, and retry-storm for what feeds it.

## When it is wrong

Failures that are not recorded as span status, HTTP or RPC status are invisible, and then a caller seems to be the origin.
Answers that are meant (a 404 that a caller asked for to know) are listed if the client's span says that they failed. With
clocks that differ by more than 3 ms, a callee can seem to go on after its caller gave up.

## References

B. Beyer et al., \"Site Reliability Engineering\", 2016, chapter 12 \"Effective Troubleshooting\".",
    currency: Some(Currency::FailedRequests),
    has_findings: true,
    gates_at_any_impact: false,
    finds_risks_only: false,
    needs_failures: true,
    least_of_all_traces: None,
    terminal_columns: &[
        "rank",
        "origin_service",
        "origin_target",
        "origin_operation",
        "error_type",
        "message",
        "entry_failures",
        "failures",
        "onset_rank",
        "first_seen",
        "absorbed_share",
        "peak_share",
        "traces",
        "weighted_traces",
        "example_trace_id",
    ],
    ranked_by: &[RankedBy::Largest("entry_failures"), RankedBy::Largest("failures")],
    problem: Some(ProblemText { title, fix, is_upper_bound: false }),
};

fn title(row: &TableRow<'_>) -> String {
    let what = joined([row.text("origin_service"), row.text("origin_operation"), row.text("origin_target")]);
    let how = if row.flag("slow") { "is slow, and its caller gives up" } else { "fails" };
    let why = row.first_said(["message", "error_type", "error_class"]);
    why.map_or_else(|| format!("{what} {how}"), |why| format!("{what} {how}: {why}"))
}

fn fix(row: &TableRow<'_>) -> &'static str {
    match row.text("error_class") {
        _ if row.flag("slow") => "make it answer in time, or give it the time that it needs",
        "unavailable" => "see whether the target is up and can be reached from there",
        "timeout" => "find out why the target does not answer in time: open the trace, look below the call",
        "throttled" => "send less, or ask for a higher limit",
        "caller" => "mend the request: its caller sends what cannot be answered",
        _ => "open the trace and begin at this span: what failed above it failed because of it",
    }
}

type Column = PatternColumn<FailureOrigins>;
type Rule = kit::Rule<FailureOrigins>;

static COLUMNS: &[Column] = &[
    Column::rank("place in the ranking by entry_failures, then failures"),
    Column::PATTERN_ID,
    Column::new("origin_service", Unit::Text, "service where the failure began", Rule::Key(0)),
    Column::new("origin_operation", Unit::Text, "what failed there", Rule::Key(1)),
    Column::new(
        "origin_target",
        Unit::Text,
        "what the failed call was to, if the failure began with a call",
        Rule::Key(2),
    ),
    Column::new(
        "target_kind",
        Unit::Text,
        "service, database, messaging, external or unnamed; empty without target",
        Rule::Derived(target_kind),
    ),
    Column::new("error_type", Unit::Text, "type of the error as recorded, else its HTTP or gRPC status", Rule::Key(3)),
    Column::new(
        "error_class",
        Unit::Text,
        "timeout, throttled, unavailable, cancelled, caller or server",
        Rule::MostFrequent(|details| (&details.error_class).into()),
    ),
    Column::new(
        "message",
        Unit::Text,
        "what most of the errors say: message of the status, else of the exception; ids are {}, numbers and addresses ?",
        Rule::MostFrequentName(|details| &details.message),
    ),
    Column::new(
        "slow",
        Unit::Flag,
        "whether the origin was slow, not failing: its caller gave up",
        Rule::MostFrequentFlag(|details| &details.slow),
    ),
    Column::new("failures", Unit::Count, "failures that began there", Rule::Findings),
    Column::TRACES,
    Column::WEIGHTED_TRACES,
    Column::new(
        "entry_failures",
        Unit::Count,
        "distinct failed roots and segment roots that were reached: the ranking",
        Rule::Derived(entry_failures),
    ),
    Column::new(
        "absorbed_share",
        Unit::Share,
        "share of the failures that a caller coped with",
        Rule::ShareOf(|details| &details.absorbed),
    ),
    Column::new("onset_rank", Unit::Count, "place in the order of first_seen", Rule::PlaceBy("first_seen")),
    Column::new("first_seen", Unit::Time, "start of the first failure", Rule::FirstSeen),
    Column::new("last_seen", Unit::Time, "start of the last failure", Rule::LastSeen),
    Column::new(
        "peak_start",
        Unit::Time,
        "start of the ten seconds with the highest share of failures among at least 20 of these calls",
        Rule::Derived(peak_start),
    ),
    Column::new("peak_share", Unit::Share, "share of these calls that failed then", Rule::Derived(peak_share)),
    Column::example_trace("the trace with the largest impact: critical-path time of the topmost failed span"),
];

/// Distinct (trace, root) pairs.
fn entry_failures(pattern: &Pattern<'_, FailureOrigins>) -> Cell {
    let Findings { common, details, .. } = pattern.findings;
    let reached = pattern.rows.iter().map(|&row| (common.trace[row], details.entry_row[row]));
    Cell::Int(distinct_entries(reached))
}

/// The most frequent kind of the targets, ties by name.
fn target_kind(pattern: &Pattern<'_, FailureOrigins>) -> Cell {
    let targets = &pattern.findings.common.target;
    let mut kinds: Vec<TargetKind> =
        pattern.rows.iter().filter_map(|&row| targets.get(row)).map(|target| target.kind).collect();
    kinds.sort_unstable();
    let same = kinds.chunk_by(|left, right| left == right);
    let most = same.min_by_key(|same| (Reverse(same.len()), same[0]));
    Cell::Text(most.map_or("", |same| same[0].as_str()).to_owned())
}

fn peak(pattern: &Pattern<'_, FailureOrigins>) -> Option<Peak> {
    pattern.aside.get(&[0, 1, 2].map(|part| pattern.key(part))).copied()
}

fn peak_start(pattern: &Pattern<'_, FailureOrigins>) -> Cell {
    peak(pattern).map_or(Cell::None, |peak| Cell::Int(peak.start))
}

fn peak_share(pattern: &Pattern<'_, FailureOrigins>) -> Cell {
    peak(pattern).map_or(Cell::None, |peak| Cell::Float(peak.share))
}

impl Detector for FailureOrigins {
    type Seen = FindingsBeside<DetailColumns, NamedWindows>;
    type Details = DetailColumns;
    type Aside = NamedPeaks;
    type Row = NoRow;

    const DESCRIPTION: &'static Description = &DESCRIPTION;
    const TABLE: TableRules<Self> = TableRules::Patterns(COLUMNS);

    fn see(&self, trace: &TraceView<'_>, seen: &mut Self::Seen) {
        count_failures(trace, &mut seen.beside);
        if trace.calls.has_failures {
            for origin in &trace.failures().origins {
                report(trace, origin, &mut seen.findings);
            }
        }
    }

    fn conclude(&self, seen: Self::Seen, _whole: &Whole<'_>) -> Concluded<Self> {
        Concluded { aside: seen.beside.peaks(), findings: seen.findings, rows: Vec::new() }
    }
}

/// Counts the calls of a trace by service, operation and target, and its entry spans by service, operation and no target.
fn count_failures(trace: &TraceView<'_>, windows: &mut NamedWindows) {
    let roles = &trace.calls.roles;
    let mut count = |names, row, weight: u32| {
        let failed = if roles[row as usize].failed { weight } else { 0 };
        windows.add(names, trace.start(row), weight, failed);
    };
    // Names of spans that say no target are too many, and what detectors do not count is none of their calls.
    let has_peak = |call: &&Call| call.counts && call.target.kind != TargetKind::Unnamed;
    for call in trace.calls.calls.iter().filter(has_peak) {
        count([call.caller_service, call.operation, call.target.name], call.row, call.weight);
    }
    for (row, _) in (0u32..).zip(roles).filter(|(_, role)| role.is_entry) {
        let names = [trace.service(row), trace.entry_operation(row), Symbol::EMPTY];
        count(names, row, trace.semantics_of(row).weight);
    }
}

fn report(trace: &TraceView<'_>, origin: &FailureOrigin, findings: &mut Findings<DetailColumns>) {
    let chain = trace.failures().chains.get(origin.row);
    let semantics = trace.semantics_of(origin.row);
    let service = origin.service(trace);
    let (operation, target) = origin.operation_and_target(trace);
    let entry = origin.reached_entry(trace);
    let finding = Finding {
        span_id: trace.span_id(origin.begins_at),
        service,
        operation,
        target,
        start: trace.start(origin.begins_at),
        measured: 1.0,
        threshold: 0.0,
        impact_ns: trace.path_time(chain.top),
        own_impact: i64::from(entry.is_some()),
        induced: false,
        kind: FindingKind::None,
        span_ids: &evidence_of(trace, origin),
        key: &[service, operation, target.map_or(Symbol::EMPTY, |target| target.name), semantics.error_type],
        details: Details {
            absorbed: chain.is_absorbed,
            error_class: semantics.error_class,
            slow: origin.is_slow,
            entry_row: entry_row_of(entry),
            message: Some(semantics.message).filter(|message| !message.is_empty()).into_iter().collect(),
        },
    };
    findings.push(trace, finding, Remedy { mends: entry, ..Remedy::none(origin.begins_at) });
}
