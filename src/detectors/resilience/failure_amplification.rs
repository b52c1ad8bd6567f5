//! `failure-amplification`: one failure becomes many.

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::conventions::{ErrorClass, FindingKind};
use crate::detectors::kit::{
    self, Cell, Concluded, Currency, Description, Detector, NoRow, Pattern, PatternColumn, ProblemText, RankedBy, Seen,
    TableRow, TableRules, Unit, Whole, joined, thresholds,
};
use crate::findings::{Explained, Finding, Findings, Remedy};
use crate::frame::Symbol;
use crate::partial::{Columns as _, GroupReader, GroupWriter, TraceNumber, columns};
use crate::savings::Unsettled;
use crate::trace::{FailureOrigin, Row, TraceView};

use super::failure_evidence::{distinct_entries, entry_row_of, evidence_of};

thresholds! {
    /// The detector of amplified failures and its thresholds.
    pub(crate) struct FailureAmplification {
        /// Services that one failure makes fail from which on it is reported.
        min_failed_services: Count = 2, option "min-failed-services";
    }
}

columns! {
    /// What a finding of a failure says.
    pub(crate) struct Details in DetailColumns {
        /// Services that failed.
        services_failed: i64,
        /// Spans that failed.
        spans_failed: i64,
        /// Whether a caller coped.
        absorbed: bool,
        /// Whether the class of the error was changed for the worse on the way up.
        misclassified: bool,
        /// Class of the error at the origin.
        error_class: ErrorClass,
        /// Whether the origin was slow, not failing.
        slow: bool,
        /// Row of the failed root that was reached, plus one; 0 if the failure was absorbed.
        entry_row: u32,
        /// Services that failed.
        services: Vec<Symbol>,
        /// Services that failed calls were for and that recorded nothing.
        unreached: Vec<Symbol>,
        /// Operation of the failed root that was reached, if one was.
        entry_operation: Vec<Symbol>,
        /// Its service and operation.
        entry: Vec<Symbol>,
    }
}

/// What is kept of all traces.
#[derive(Default)]
pub(crate) struct FailuresSeen {
    findings: Findings<DetailColumns>,
    failed_entries: FailedEntries,
}

/// Failed roots, segment roots and fragment roots by (service, operation).
pub(crate) type FailedEntries = HashMap<(Symbol, Symbol), u64, FixedState>;

columns! {
    /// How often an entry failed.
    struct EntryRow in EntryColumns {
        service: Symbol,
        operation: Symbol,
        failures: u64,
    }
}

impl Seen for FailuresSeen {
    fn merge(&mut self, other: Self) {
        self.findings.merge(other.findings);
        for (entry, failures) in other.failed_entries {
            *self.failed_entries.entry(entry).or_default() += failures;
        }
    }

    fn renumber_traces(&mut self, rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {
        self.findings.renumber_traces(rank_of);
    }

    fn bytes(&self) -> usize {
        self.findings.bytes() + self.failed_entries.capacity() * size_of::<((Symbol, Symbol), u64)>()
    }

    fn unsettled(&mut self) -> Option<Unsettled<'_>> {
        self.findings.unsettled()
    }

    fn write(&self, group: &mut GroupWriter<'_>) {
        self.findings.write(group);
        let mut entries: Vec<_> = self.failed_entries.iter().map(|(&entry, &failures)| (entry, failures)).collect();
        entries.sort_unstable();
        let mut columns = EntryColumns::default();
        for ((service, operation), failures) in entries {
            columns.push(EntryRow { service, operation, failures });
        }
        group.beside("entries", |group| columns.write("", group));
    }

    fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let entries = group.beside("entries", |group| EntryColumns::read("", group))?;
        let keys = entries.service.into_iter().zip(entries.operation);
        Ok(Self { findings: Findings::read(group)?, failed_entries: keys.zip(entries.failures).collect() })
    }
}

static DESCRIPTION: Description = Description {
    name: "failure-amplification",
    table: "failure_amplification",
    summary: "one failure that becomes many",
    documentation: "\
## What it does

Finds where failures begin and how far they spread. An origin is a failed span below which nothing failed that it waited
for; from there the failure goes up through failed callers until one does not fail (it is absorbed) or the entry is
reached. An origin that makes at least `min_failed_services` services fail is a finding. Of a retried call only the first
failed attempt counts. A cancelled call is a victim, not an origin, where something beside it failed. Where a caller gave up
while its callee went on working, the origin is the callee: slow, not failing. Slow services and services that never recorded
a failed call count as failed.

## Why it hurts

One database that refuses connections shows up as alerts of five services. Who reads the alerts debugs the wrong service,
and users see errors where a fallback would do.

## What it looks like

    SERVER web       POST /order    500        entry failed
      CLIENT web                    error
        SERVER order  PlaceOrder    error      failed because its callee failed
          CLIENT order              error
            SERVER stock  Reserve   error      origin: connection refused by stock-db

`entry_failures` counts the requests from outside that failed for it. `absorbed_share` says how often a caller coped.
`misclassified_share` says how often an error changed its meaning on the way up: a 404 that became a 500, a timeout that
became an internal error. `unreached` are services that never recorded the call.

## How to fix it

Absorb at the first caller that can do without: a fallback, a cached answer, a partial response. Pass errors on as what
they are, so that callers do not retry what cannot succeed. Set deadlines that leave time to answer.

## When it is wrong

Failures that are not recorded as span status, HTTP or RPC status are invisible, and then a caller seems to be the origin.
With clocks that differ by more than 3 ms, a callee can seem to go on after its caller gave up.

## References

M. Nygard, \"Release It!\", 2nd edition, 2018, \"Cascading Failures\". Google, \"Site Reliability Engineering\", 2016,
chapter 22.",
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
        "entry_failures",
        "error_type",
        "failures",
        "services_failed_max",
        "entry_failure_share",
        "absorbed_share",
        "first_seen",
        "slow",
        "traces",
        "weighted_traces",
        "example_trace_id",
    ],
    ranked_by: &[RankedBy::Largest("entry_failures")],
    problem: Some(ProblemText { title, fix, is_upper_bound: false }),
};

fn title(row: &TableRow<'_>) -> String {
    let what = joined([row.text("origin_service"), row.text("origin_operation"), row.text("origin_target")]);
    let how = if row.flag("slow") { "is slow" } else { "fails" };
    format!("{what} {how}, and up to {} services in all fail", row.count("services_failed_max"))
}

fn fix(_row: &TableRow<'_>) -> &'static str {
    "let a caller cope: a fallback, a cached answer, or the request without this part"
}

type Column = PatternColumn<FailureAmplification>;
type Rule = kit::Rule<FailureAmplification>;

static COLUMNS: &[Column] = &[
    Column::rank("place in the ranking by entry_failures"),
    Column::PATTERN_ID,
    Column::new("origin_service", Unit::Text, "service where the failure began", Rule::Key(0)),
    Column::new("origin_operation", Unit::Text, "what failed there", Rule::Key(1)),
    Column::new(
        "origin_target",
        Unit::Text,
        "what the failed call was to, if the failure began with a call",
        Rule::Key(2),
    ),
    Column::new("error_type", Unit::Text, "type of the error as recorded, else its HTTP or gRPC status", Rule::Key(3)),
    Column::new(
        "error_class",
        Unit::Text,
        "timeout, throttled, unavailable, cancelled, caller or server",
        Rule::MostFrequent(|details| (&details.error_class).into()),
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
        "services_failed_p50",
        Unit::Count,
        "services that a failure makes fail, slow and unreached ones too, median",
        Rule::Quantile(|details| &details.services_failed, 0.5),
    ),
    Column::new(
        "services_failed_max",
        Unit::Count,
        "most services that a failure makes fail",
        Rule::Max(|details| &details.services_failed),
    ),
    Column::new(
        "spans_failed_per_failure",
        Unit::Number,
        "failed spans that one failure explains, mean",
        Rule::Mean(|details| &details.spans_failed),
    ),
    Column::new(
        "entry_failures",
        Unit::Count,
        "distinct failed roots and segment roots that were reached: the ranking",
        Rule::Derived(entry_failures),
    ),
    Column::new(
        "entry_failure_share",
        Unit::Share,
        "their share of all failed roots of these entries",
        Rule::Derived(entry_failure_share),
    ),
    Column::new(
        "absorbed_share",
        Unit::Share,
        "share of the failures that a caller coped with",
        Rule::ShareOf(|details| &details.absorbed),
    ),
    Column::new(
        "misclassified_share",
        Unit::Share,
        "share of the failures whose class was changed for the worse on the way up",
        Rule::ShareOf(|details| &details.misclassified),
    ),
    Column::new(
        "entry_operations",
        Unit::Names,
        "operations of the entries that failed",
        Rule::Union(|details| &details.entry_operation),
    ),
    Column::new("services", Unit::Names, "services that failed", Rule::Union(|details| &details.services)),
    Column::new(
        "unreached",
        Unit::Names,
        "services that failed calls were for and that recorded nothing",
        Rule::Union(|details| &details.unreached),
    ),
    Column::new("first_seen", Unit::Time, "start of the first failure", Rule::FirstSeen),
    Column::new("last_seen", Unit::Time, "start of the last failure", Rule::LastSeen),
    Column::example_trace("the trace with the largest impact: critical-path time of the topmost failed span"),
];

/// Distinct (trace, root) pairs.
fn entry_failures(pattern: &Pattern<'_, FailureAmplification>) -> Cell {
    let Findings { common, details, .. } = pattern.findings;
    let reached = pattern.rows.iter().map(|&row| (common.trace[row], details.entry_row[row]));
    Cell::Int(distinct_entries(reached))
}

fn entry_failure_share(pattern: &Pattern<'_, FailureAmplification>) -> Cell {
    let Cell::Int(reached) = entry_failures(pattern) else { return Cell::None };
    let lists = pattern.lists(|details| &details.entry);
    let mut entries: Vec<(Symbol, Symbol)> =
        lists.filter(|entry| !entry.is_empty()).map(|entry| (entry[0], entry[1])).collect();
    entries.sort_unstable();
    entries.dedup();
    let all: u64 = entries.iter().filter_map(|entry| pattern.aside.get(entry)).sum();
    if all == 0 { Cell::Float(0.0) } else { Cell::Float(reached as f64 / all as f64) }
}

impl Detector for FailureAmplification {
    type Seen = FailuresSeen;
    type Details = DetailColumns;
    type Aside = FailedEntries;
    type Row = NoRow;

    const DESCRIPTION: &'static Description = &DESCRIPTION;
    const TABLE: TableRules<Self> = TableRules::Patterns(COLUMNS);

    fn see(&self, trace: &TraceView<'_>, seen: &mut Self::Seen) {
        if !trace.calls.has_failures {
            return;
        }
        let failed = |row: &Row| trace.calls.roles[*row as usize].failed && !trace.is_late_exit(*row);
        for row in trace.tree.path_roots.iter().map(|root| root.row).filter(failed) {
            let entry = (trace.service(row), trace.entry_operation(row));
            *seen.failed_entries.entry(entry).or_default() += 1;
        }
        for origin in &trace.failures().origins {
            self.report(trace, origin, &mut seen.findings);
        }
    }

    fn conclude(&self, seen: Self::Seen, _whole: &Whole<'_>) -> Concluded<Self> {
        Concluded { findings: seen.findings, aside: seen.failed_entries, rows: Vec::new() }
    }
}

impl FailureAmplification {
    fn report(&self, trace: &TraceView<'_>, origin: &FailureOrigin, findings: &mut Findings<DetailColumns>) {
        let services = origin.failed_services(trace);
        if services.len() < self.min_failed_services.0 as usize {
            return;
        }
        let chain = trace.failures().chains.get(origin.row);
        let semantics = trace.semantics_of(origin.row);
        let service = origin.service(trace);
        let (operation, target) = origin.operation_and_target(trace);
        let reached = origin.reached_entry(trace);
        let entry: Vec<Symbol> =
            reached.map_or_else(Vec::new, |row| vec![trace.service(row), trace.entry_operation(row)]);
        let finding = Finding {
            span_id: trace.span_id(origin.begins_at),
            service,
            operation,
            target,
            start: trace.start(origin.begins_at),
            measured: services.len() as f64,
            threshold: f64::from(self.min_failed_services.0),
            impact_ns: trace.path_time(chain.top),
            own_impact: i64::from(reached.is_some()),
            induced: false,
            kind: FindingKind::None,
            span_ids: &evidence_of(trace, origin),
            key: &[service, operation, target.map_or(Symbol::EMPTY, |target| target.name), semantics.error_type],
            details: Details {
                services_failed: services.len() as i64,
                spans_failed: i64::from(chain.len),
                absorbed: chain.is_absorbed,
                misclassified: chain.is_misclassified,
                error_class: semantics.error_class,
                slow: origin.is_slow,
                entry_row: entry_row_of(reached),
                services,
                unreached: origin.unreached(trace).into_iter().collect(),
                entry_operation: entry.get(1..).unwrap_or_default().to_vec(),
                entry,
            },
        };
        let explained = Some(Explained::BySameKey("failure-origins"));
        findings.push(trace, finding, Remedy { mends: reached, explained, ..Remedy::none(origin.begins_at) });
    }
}
