//! Kind c: looks at all calls to one target in time order, across traces.

use crate::conventions::FindingKind;
use crate::detectors::kit::{
    self, Concluded, Currency, Description, Detector, NoRow, PatternColumn, RankedBy, TableRules, Unit, Whole,
    thresholds,
};
use crate::findings::{Finding, Findings};
use crate::gathered::{CallsOfTarget, EdgeOfCalls, Gathers};
use crate::partial::columns;
use crate::span::SpanId;
use crate::trace::{TraceView, total_ns};

thresholds! {
    /// Finds targets that go on failing while they are called.
    pub(crate) struct FailuresInARow {
        /// Failures one after the other that are still fine, whoever calls.
        max_failures: Count = 2;
    }
}

columns! {
    /// What is said of failures in a row.
    pub(crate) struct Details in DetailColumns {
        /// Traces that they are from.
        traces: i64,
        /// The most of them at once.
        at_once: i64,
    }
}

static DESCRIPTION: Description = Description {
    name: "failures-in-a-row",
    table: "failures_in_a_row",
    summary: "targets that go on failing while they are called",
    documentation: "",
    currency: Some(Currency::FailedRequests),
    has_findings: true,
    gates_at_any_impact: false,
    finds_risks_only: false,
    needs_failures: false,
    least_of_all_traces: None,
    terminal_columns: &["rank"],
    ranked_by: &[RankedBy::Largest("failures")],
    problem: None,
};

type Column = PatternColumn<FailuresInARow>;
type Rule = kit::Rule<FailuresInARow>;

static COLUMNS: &[Column] = &[
    Column::rank("place"),
    Column::new("target", Unit::Text, "target", Rule::Key(0)),
    Column::new("rows", Unit::Count, "failures in a row, so often", Rule::Findings),
    Column::new("failures", Unit::Count, "failures", Rule::OwnImpact),
    Column::new("traces_max", Unit::Count, "most traces of one row", Rule::Max(|details| &details.traces)),
    Column::new("at_once_max", Unit::Count, "most calls at once", Rule::Max(|details| &details.at_once)),
    Column::new("critical_ns", Unit::Nanoseconds, "path time", Rule::Impact),
    Column::example_trace("trace of the first failure"),
];

impl Detector for FailuresInARow {
    type Seen = Findings<DetailColumns>;
    type Details = DetailColumns;
    type Aside = ();
    type Row = NoRow;

    const DESCRIPTION: &'static Description = &DESCRIPTION;
    const TABLE: TableRules<Self> = TableRules::Patterns(COLUMNS);

    fn gathers() -> Gathers {
        Gathers { calls: true, ..Gathers::NOTHING }
    }

    fn see(&self, _trace: &TraceView<'_>, _seen: &mut Self::Seen) {}

    fn wants_edge(&self, _edge: EdgeOfCalls, _seen: &Self::Seen) -> bool {
        true
    }

    fn see_target(&self, calls: &CallsOfTarget<'_>, seen: &mut Self::Seen) {
        let mut all = Vec::new();
        calls.for_each(|&call| all.push(call));
        for row in all.chunk_by(|left, right| left.failed.is_some() == right.failed.is_some()) {
            let failures: Vec<_> = row.iter().filter_map(|call| call.failed).collect();
            if failures.len() <= self.max_failures.0 as usize {
                continue;
            }
            let first = &row[0];
            let span_ids: Vec<SpanId> = failures.iter().map(|failure| failure.span_id).collect();
            let mut traces: Vec<_> = row.iter().map(|call| call.trace).collect();
            traces.sort_unstable();
            traces.dedup();
            let running_at =
                |moment: i64| row.iter().filter(|call| call.start <= moment && moment < call.end()).count();
            let finding = Finding {
                span_id: span_ids[0],
                service: first.caller_service,
                operation: first.caller_operation,
                target: Some(calls.subject),
                start: first.start,
                measured: failures.len() as f64,
                threshold: f64::from(self.max_failures.0),
                impact_ns: total_ns(failures.iter().map(|failure| failure.path_ns)),
                own_impact: failures.len() as i64,
                induced: false,
                kind: FindingKind::None,
                span_ids: &span_ids,
                key: &[calls.subject.name],
                details: Details {
                    traces: traces.len() as i64,
                    at_once: row.iter().map(|call| running_at(call.start)).max().unwrap_or_default() as i64,
                },
            };
            seen.push_of(first.trace, failures[0].adjusted_count, finding);
        }
    }

    fn conclude(&self, seen: Self::Seen, _whole: &Whole<'_>) -> Concluded<Self> {
        Concluded::findings(seen)
    }
}
