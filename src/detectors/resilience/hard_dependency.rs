//! `hard-dependency`: one target down, the operation down.

mod outcomes;

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::conventions::{ErrorClass, FindingKind};
use crate::detectors::kit::{
    self, Cell, Concluded, Currency, Description, Detector, FindingsBeside, NoRow, Pattern, PatternColumn, ProblemText,
    RankedBy, Seen, TableRow, TableRules, Unit, Whole, joined, thresholds,
};
use crate::findings::{Finding, Findings, Remedy};
use crate::frame::Symbol;
use crate::partial::{GroupReader, GroupWriter, TraceNumber, columns};
use crate::savings::Unsettled;
use crate::trace::{Call, NO_ROW, Row, TraceView, total_ns};

use super::deeper_patterns::{DeeperPatterns, Explained, Occurrence, explained_by_most};
use super::edge_calls::{edge_of, error_class, is_cancelled, is_outage};
use super::failure_evidence::{distinct_entries, entry_row_of};
use outcomes::{Calling, DependencyKey, OperationKey, Outcomes, Requests};

thresholds! {
    /// The detector of hard dependencies and its thresholds.
    pub(crate) struct HardDependency {
        /// Requests of an operation with an outage of the target from which on there is enough to judge by.
        min_failures: Count = 10;
        /// Share of these that fail from which on the operation depends on the target.
        min_hard: Share = 0.9;
        /// How much larger that must be than the share of requests that fail though the target is fine.
        min_effect: Share = 0.5;
    }
}

columns! {
    /// What a finding of a request that failed with its target says.
    pub(crate) struct Details in DetailColumns {
        /// Whether no other target of the request was bad.
        sole: bool,
        /// Row of the failed root that was reached, plus one; 0 if somebody coped.
        entry_row: u32,
        /// Classes of the outages, by number.
        classes: Vec<u32>,
    }
}

static DESCRIPTION: Description = Description {
    name: "hard-dependency",
    table: "hard_dependency",
    summary: "operations that fail whenever one target does",
    documentation: "\
## What it does

Compares, for each operation and each service, host or database that it calls, the requests in which the target failed with those
in which it was fine. Of a call that was tried again the last attempt counts; errors of the caller's own (4xx and the like) and
cancelled calls are no outages. If at least `min_failures` requests met an outage, at least `min_hard` of them failed, and that
is at least `min_effect` more than without an outage, the operation cannot do without the target.

## Why it hurts

The operation is never more available than the target. `availability` is that of the operation as recorded, and
`availability_without` what it would be if the target had not failed those requests in which nothing else did. Dependencies
multiply: ten of 99.9 % each leave 99 %.

## What it looks like

    SERVER web GET /product              failed   16 of 16 requests with the outage, 2 of 900 without
      CLIENT web > product  GetProduct   ok
      CLIENT web > ads      GetAds       failed   unavailable

## How to fix it

Ask whether the operation needs the target for its answer. If not: a fallback (a default, what was cached, an empty list), a
timeout that leaves time for it, and a circuit breaker so that it comes at once. If it does, make the target more available, or
take it off the request: a queue for what can be done later. `skipped_ok_share` tells how many requests of the operation
succeed without the call: a path without it exists already. Rows that have `explained_by` fail with a deeper row: begin there.

## When it is wrong

A payment must be hard; the row says what it costs, not that it is wrong.

## References

M. Nygard, \"Release It!\", 2nd edition, 2018, chapters 4 and 5. B. Treynor et al., \"The Calculus of Service Availability\", ACM
Queue 15(2), 2017.",
    currency: Some(Currency::FailedRequests),
    has_findings: true,
    gates_at_any_impact: false,
    finds_risks_only: false,
    needs_failures: true,
    least_of_all_traces: Some("min_failures"),
    terminal_columns: &[
        "rank",
        "caller_service",
        "caller_operation",
        "target",
        "entry_failures",
        "caller_failures",
        "target_failures",
        "failed_share",
        "base_failed_share",
        "availability",
        "availability_without",
        "error_class",
        "skipped_ok_share",
        "traces",
        "weighted_traces",
        "example_trace_id",
    ],
    ranked_by: &[
        RankedBy::LastIfAny("explained_by"),
        RankedBy::Largest("entry_failures"),
        RankedBy::Largest("caller_failures"),
    ],
    problem: Some(ProblemText { title, fix, is_upper_bound: false }),
};

fn title(row: &TableRow<'_>) -> String {
    let what = joined([row.text("caller_service"), row.text("caller_operation")]);
    let (failed, of) = (row.count("caller_failures"), row.count("target_failures"));
    format!("{what} fails when {} does: {failed} of {of} times", row.text("target"))
}

fn fix(row: &TableRow<'_>) -> &'static str {
    if row.number("skipped_ok_share") > 0.0 {
        "answer without it: other requests of this operation succeed and do not call it"
    } else {
        "give a fallback if the answer can do without it; else make it more available or take it off the request"
    }
}

type Column = PatternColumn<HardDependency>;
type Rule = kit::Rule<HardDependency>;

static COLUMNS: &[Column] = &[
    Column::rank("place in the ranking by entry_failures, then caller_failures; explained rows come last"),
    Column::PATTERN_ID,
    Column::PROBLEM_LEVEL,
    Column::new("caller_service", Unit::Text, "service whose operation fails", Rule::Key(0)),
    Column::new("caller_operation", Unit::Text, "the operation", Rule::Key(1)),
    Column::new("target_kind", Unit::Text, "service, database or external", Rule::Key(2)),
    Column::new("target", Unit::Text, "what it cannot do without", Rule::Key(3)),
    Column::new(
        "calls",
        Unit::Count,
        "requests of the operation that called the target; cancelled ones do not count, here and below",
        Rule::Derived(|pattern| count(calling(pattern).all)),
    ),
    Column::new(
        "target_failures",
        Unit::Count,
        "those of them with an outage of the target",
        Rule::Derived(|pattern| count(calling(pattern).bad)),
    ),
    Column::new(
        "failed_share",
        Unit::Share,
        "share of those that failed",
        Rule::Derived(|pattern| share(calling(pattern).failed_with_bad, calling(pattern).bad)),
    ),
    Column::new(
        "absorbed_share",
        Unit::Share,
        "share of those that succeeded all the same",
        Rule::Derived(|pattern| share(calling(pattern).bad - calling(pattern).failed_with_bad, calling(pattern).bad)),
    ),
    Column::new(
        "base_failed_share",
        Unit::Share,
        "share of the requests that failed though the target was fine",
        Rule::Derived(|pattern| Cell::Float(calling(pattern).base())),
    ),
    Column::new("caller_failures", Unit::Count, "requests that failed with the outage", Rule::Findings),
    Column::new(
        "sole_failures",
        Unit::Count,
        "those of them in which no other target had an outage",
        Rule::Derived(|pattern| count(sole_failures(pattern))),
    ),
    Column::new(
        "entry_failures",
        Unit::Count,
        "distinct failed roots and segment roots that were reached: the ranking",
        Rule::Derived(entry_failures),
    ),
    Column::new(
        "requests",
        Unit::Count,
        "requests of the operation, whether they called the target or not",
        Rule::Derived(|pattern| count(requests(pattern).all)),
    ),
    Column::new(
        "availability",
        Unit::Share,
        "share of the requests that succeeded",
        Rule::Derived(|pattern| share(requests(pattern).succeeded(), requests(pattern).all)),
    ),
    Column::new(
        "availability_without",
        Unit::Share,
        "what that would be if those in sole_failures had not failed",
        Rule::Derived(|pattern| share(requests(pattern).succeeded() + sole_failures(pattern), requests(pattern).all)),
    ),
    Column::new(
        "skipped_ok_share",
        Unit::Share,
        "share of the requests that succeeded that did not call the target; empty if none succeeded",
        Rule::Derived(|pattern| {
            let succeeded = requests(pattern).succeeded();
            share(succeeded.saturating_sub(calling(pattern).succeeded()), succeeded)
        }),
    ),
    Column::new(
        "error_class",
        Unit::Text,
        "what most of the outages were: timeout, throttled, unavailable or server",
        Rule::Derived(most_frequent_class),
    ),
    Column::TRACES,
    Column::WEIGHTED_TRACES,
    Column::TRACE_SHARE,
    Column::new(
        "critical_ns",
        Unit::Nanoseconds,
        "critical-path time of the calls that failed the requests: the impact",
        Rule::Impact,
    ),
    Column::FIRST_SEEN,
    Column::LAST_SEEN,
    Column::explained_by(|aside, key| aside.explained.get(key).map(|by| &**by)),
    Column::example_trace("the trace with the largest impact"),
];

fn key_of(pattern: &Pattern<'_, HardDependency>) -> DependencyKey {
    [0, 1, 2, 3].map(|part| pattern.key(part))
}

fn calling(pattern: &Pattern<'_, HardDependency>) -> Calling {
    pattern.aside.outcomes.targets.get(&key_of(pattern)).copied().unwrap_or_default()
}

fn requests(pattern: &Pattern<'_, HardDependency>) -> Requests {
    let [service, operation, ..] = key_of(pattern);
    pattern.aside.outcomes.operations.get(&[service, operation]).copied().unwrap_or_default()
}

fn count(number: u64) -> Cell {
    Cell::Int(number as i64)
}

/// The share; no value of none.
fn share(part: u64, all: u64) -> Cell {
    if all > 0 { Cell::Float(part as f64 / all as f64) } else { Cell::None }
}

fn sole_failures(pattern: &Pattern<'_, HardDependency>) -> u64 {
    let sole = &pattern.findings.details.sole;
    pattern.rows.iter().filter(|&&row| sole[row]).count() as u64
}

/// Distinct (trace, root) pairs.
fn entry_failures(pattern: &Pattern<'_, HardDependency>) -> Cell {
    let Findings { common, details, .. } = pattern.findings;
    let reached = pattern.rows.iter().map(|&row| (common.trace[row], details.entry_row[row]));
    Cell::Int(distinct_entries(reached))
}

/// The most frequent class of all outages, ties by name: classes are numbered so.
fn most_frequent_class(pattern: &Pattern<'_, HardDependency>) -> Cell {
    let mut times = [0u64; ErrorClass::ALL.len()];
    for &class in pattern.lists(|details| &details.classes).flatten() {
        times[class as usize % times.len()] += 1;
    }
    let most = ErrorClass::ALL.into_iter().max_by_key(|&class| (times[class as usize], std::cmp::Reverse(class)));
    Cell::Text(most.map_or("", ErrorClass::as_str).to_owned())
}

/// What is known of all requests, and which patterns explain others.
pub(crate) struct Aside {
    outcomes: Outcomes,
    explained: Explained,
}

/// What is kept beside findings.
#[derive(Default)]
pub(crate) struct Beside {
    outcomes: Outcomes,
    deeper: DeeperPatterns,
}

impl Seen for Beside {
    fn merge(&mut self, other: Self) {
        self.outcomes.merge(other.outcomes);
        self.deeper.merge(other.deeper);
    }

    fn renumber_traces(&mut self, _rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {}

    fn bytes(&self) -> usize {
        self.outcomes.bytes() + self.deeper.bytes()
    }

    fn unsettled(&mut self) -> Option<Unsettled<'_>> {
        None
    }

    fn write(&self, group: &mut GroupWriter<'_>) {
        self.outcomes.write(group);
        group.beside("deeper", |group| self.deeper.write(group));
    }

    fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        Ok(Self { outcomes: Outcomes::read(group)?, deeper: group.beside("deeper", DeeperPatterns::read)? })
    }
}

/// A failed request with an outage of one of its targets.
struct FailedWith {
    caller_span: Row,
    key: DependencyKey,
    /// The calls that were outages, by start.
    calls: Vec<u32>,
    is_sole: bool,
}

impl Detector for HardDependency {
    type Seen = FindingsBeside<DetailColumns, Beside>;
    type Details = DetailColumns;
    type Aside = Aside;
    type Row = NoRow;

    const DESCRIPTION: &'static Description = &DESCRIPTION;
    const TABLE: TableRules<Self> = TableRules::Patterns(COLUMNS);

    fn see(&self, trace: &TraceView<'_>, seen: &mut Self::Seen) {
        let failed_with = count_outcomes(trace, &mut seen.beside.outcomes);
        if failed_with.is_empty() {
            return;
        }
        let calls = &trace.calls.calls;
        let rows = |failed: &FailedWith| failed.calls.iter().map(|&call| calls[call as usize].row).collect();
        let rows: Vec<Vec<Row>> = failed_with.iter().map(rows).collect();
        let occurrences: Vec<Occurrence<'_>> =
            failed_with.iter().zip(&rows).map(|(failed, rows)| Occurrence { key: &failed.key, rows }).collect();
        seen.beside.deeper.add(trace, &occurrences);
        let reached = reached_roots(trace);
        for (failed, rows) in failed_with.iter().zip(&rows) {
            report(trace, failed, rows, reached[failed.caller_span as usize], &mut seen.findings);
        }
    }

    fn conclude(&self, seen: Self::Seen, _whole: &Whole<'_>) -> Concluded<Self> {
        let FindingsBeside { mut findings, beside: Beside { outcomes, deeper } } = seen;
        findings.retain_keys(|key| self.is_hard(&outcomes.targets, key));
        let explained = explained_by_most(&deeper, &findings.common);
        Concluded { aside: Aside { outcomes, explained }, findings, rows: Vec::new() }
    }
}

impl Calling {
    /// Share of the requests that failed though the target was fine; 0 if it never was.
    fn base(self) -> f64 {
        let fine = self.all - self.bad;
        if fine > 0 { self.failed_with_fine as f64 / fine as f64 } else { 0.0 }
    }

    /// By how much the share of failed requests is larger with an outage than without.
    fn effect(self) -> f64 {
        let fine = (self.all - self.bad).max(1);
        // Rounded once: the difference of two rounded shares is less than a half where it is one (11 of 12 and 5 of 12).
        let [bad, failed_with_bad, fine, failed_with_fine] =
            [self.bad, self.failed_with_bad, fine, self.failed_with_fine].map(i128::from);
        (failed_with_bad * fine - failed_with_fine * bad) as f64 / (bad * fine) as f64
    }

    fn succeeded(self) -> u64 {
        self.all - self.failed_with_bad - self.failed_with_fine
    }
}

impl Requests {
    fn succeeded(self) -> u64 {
        self.all - self.failed
    }
}

impl HardDependency {
    fn is_hard(&self, targets: &HashMap<DependencyKey, Calling, FixedState>, key: &[Symbol]) -> bool {
        let key = DependencyKey::try_from(key).ok();
        let Some(calling) = key.and_then(|key| targets.get(&key)) else { return false };
        let hard = calling.failed_with_bad as f64 / calling.bad as f64;
        calling.bad >= u64::from(self.min_failures.0)
            && hard >= self.min_hard.0
            && calling.effect() >= self.min_effect.0
    }
}

/// Counts the requests of a trace and what became of them; the answer are those that failed with an outage of a target.
fn count_outcomes(trace: &TraceView<'_>, outcomes: &mut Outcomes) -> Vec<FailedWith> {
    let failed = |row: Row| trace.calls.roles[row as usize].failed;
    let is_request = |row: Row| trace.is_caller_span(row) && !is_cancelled(trace, row);
    for row in (0..trace.tree.len() as Row).filter(|&row| is_request(row)) {
        let operation: OperationKey = [trace.service(row), trace.entry_operation(row)];
        outcomes.add_requests(operation, Requests { all: 1, failed: u64::from(failed(row)) });
    }

    let numbered = (0u32..).zip(&trace.calls.calls);
    let counts = |call: &Call| trace.is_edge_call(call) && call.row != call.caller_span && is_request(call.caller_span);
    let mut calls: Vec<(Row, DependencyKey, i64, u32)> = numbered
        .filter(|(_, call)| counts(call))
        .map(|(number, call)| {
            let [service, kind, target] = edge_of(trace, call);
            (call.caller_span, [service, trace.caller_operation(call), kind, target], trace.start(call.row), number)
        })
        .collect();
    calls.sort_unstable();
    let mut failed_with: Vec<FailedWith> = Vec::new();
    let is_repeated = if trace.calls.has_failures { repeated_calls(trace) } else { Vec::new() };
    for of_request in calls.chunk_by(|left, right| left.0 == right.0) {
        let caller_span = of_request[0].0;
        let mut bad_targets = 0;
        let first = failed_with.len();
        for to_target in of_request.chunk_by(|left, right| left.1 == right.1) {
            let key = to_target[0].1;
            let mut outages: Vec<u32> = Vec::new();
            if trace.calls.has_failures {
                let finals = to_target.iter().map(|call| call.3).filter(|&call| !is_repeated[call as usize]);
                outages.extend(finals.filter(|&call| is_outage(trace, &trace.calls.calls[call as usize])));
            }
            let is_bad = !outages.is_empty();
            let has_failed = failed(caller_span);
            outcomes.add_calling(
                key,
                Calling {
                    all: 1,
                    bad: u64::from(is_bad),
                    failed_with_bad: u64::from(has_failed && is_bad),
                    failed_with_fine: u64::from(has_failed && !is_bad),
                },
            );
            bad_targets += usize::from(is_bad);
            if has_failed && is_bad {
                failed_with.push(FailedWith { caller_span, key, calls: outages, is_sole: true });
            }
        }
        failed_with[first..].iter_mut().for_each(|failed| failed.is_sole = bad_targets == 1);
    }
    failed_with
}

/// Whether another attempt of its request follows each call.
fn repeated_calls(trace: &TraceView<'_>) -> Vec<bool> {
    let mut repeated = vec![false; trace.calls.calls.len()];
    let retries = trace.retries();
    for sequence in &retries.sequences {
        for pair in retries.attempts(sequence).windows(2) {
            // What a proxy sent again below one exit span is one call.
            repeated[pair[0].call as usize] |= pair[0].call != pair[1].call;
        }
    }
    repeated
}

/// The failed root of a segment that a failure of each span reaches through failed spans; [`NO_ROW`] where somebody coped.
fn reached_roots(trace: &TraceView<'_>) -> Vec<Row> {
    let mut reached = vec![NO_ROW; trace.tree.len()];
    for &row in &trace.tree.top_down {
        let role = &trace.calls.roles[row as usize];
        let waiting = trace.tree.waiting_parent(row);
        reached[row as usize] = if waiting == NO_ROW {
            if role.failed && !trace.is_late_exit(row) { row } else { NO_ROW }
        } else if role.failed || role.looked_through {
            reached[waiting as usize]
        } else {
            NO_ROW
        };
    }
    reached
}

fn report(trace: &TraceView<'_>, failed: &FailedWith, rows: &[Row], root: Row, findings: &mut Findings<DetailColumns>) {
    let calls: Vec<&Call> = failed.calls.iter().map(|&call| &trace.calls.calls[call as usize]).collect();
    let entry = (root != NO_ROW).then_some(root);
    let span_ids: Vec<_> = rows.iter().map(|&row| trace.span_id(row)).collect();
    let finding = Finding {
        span_id: span_ids[0],
        service: failed.key[0],
        operation: failed.key[1],
        target: Some(calls[0].target),
        start: trace.start(rows[0]),
        measured: calls.len() as f64,
        threshold: 0.0,
        impact_ns: total_ns(calls.iter().map(|call| trace.call_path_time(call))),
        own_impact: i64::from(entry.is_some()),
        induced: false,
        kind: FindingKind::None,
        span_ids: &span_ids,
        key: &failed.key,
        details: Details {
            sole: failed.is_sole,
            entry_row: entry_row_of(entry),
            classes: calls.iter().map(|call| error_class(trace, call) as u32).collect(),
        },
    };
    let mends = entry.filter(|_| failed.is_sole);
    findings.push(trace, finding, Remedy { mends, ..Remedy::none(failed.caller_span) });
}
