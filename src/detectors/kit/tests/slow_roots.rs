//! Kind a: looks at one trace at a time.

use crate::conventions::FindingKind;
use crate::detectors::kit::{
    self, Concluded, Description, Detector, NoRow, PatternColumn, RankedBy, TableRules, Unit, Whole, thresholds,
};
use crate::findings::{Finding, Findings, Remedy};
use crate::partial::columns;
use crate::trace::TraceView;

thresholds! {
    /// Finds requests that take too long.
    pub(crate) struct SlowRoots {
        /// Duration that is still fine.
        max_duration: Duration = 100_000_000;
    }
}

columns! {
    /// What a slow request says.
    pub(crate) struct Details in DetailColumns {
        /// Its duration in ns.
        duration_ns: i64,
    }
}

static DESCRIPTION: Description = Description {
    name: "slow-roots",
    table: "slow_roots",
    summary: "requests that take too long",
    documentation: "",
    currency: None,
    has_findings: true,
    gates_at_any_impact: false,
    finds_risks_only: false,
    needs_failures: false,
    least_of_all_traces: None,
    terminal_columns: &["rank"],
    ranked_by: &[RankedBy::Largest("longest_ns")],
    problem: None,
};

type Column = PatternColumn<SlowRoots>;
type Rule = kit::Rule<SlowRoots>;

static COLUMNS: &[Column] = &[
    Column::rank("place"),
    Column::new("service", Unit::Text, "service", Rule::Key(0)),
    Column::new("operation", Unit::Text, "operation", Rule::Key(1)),
    Column::TRACES,
    Column::TRACE_SHARE,
    Column::new("longest_ns", Unit::Nanoseconds, "longest", Rule::Max(|details| &details.duration_ns)),
    Column::example_trace("trace with the largest impact"),
];

impl Detector for SlowRoots {
    type Seen = Findings<DetailColumns>;
    type Details = DetailColumns;
    type Aside = ();
    type Row = NoRow;

    const DESCRIPTION: &'static Description = &DESCRIPTION;
    const TABLE: TableRules<Self> = TableRules::Patterns(COLUMNS);

    fn see(&self, trace: &TraceView<'_>, seen: &mut Self::Seen) {
        for root in &trace.tree.path_roots {
            let duration_ns = trace.duration(root.row);
            if duration_ns <= self.max_duration.0 {
                continue;
            }
            let key = [trace.service(root.row), trace.entry_operation(root.row)];
            let finding = Finding {
                span_id: trace.span_id(root.row),
                service: key[0],
                operation: key[1],
                target: None,
                start: trace.start(root.row),
                measured: duration_ns as f64 / 1e9,
                threshold: self.max_duration.0 as f64 / 1e9,
                impact_ns: duration_ns - self.max_duration.0,
                own_impact: 0,
                induced: false,
                kind: FindingKind::None,
                span_ids: &[trace.span_id(root.row)],
                key: &key,
                details: Details { duration_ns },
            };
            seen.push(trace, finding, Remedy::none(root.row));
        }
    }

    fn conclude(&self, seen: Self::Seen, _whole: &Whole<'_>) -> Concluded<Self> {
        Concluded::findings(seen)
    }
}
