//! Kind b: looks at an aggregate over all traces, which is gathered for it.

use arrow::error::ArrowError;

use crate::conventions::FindingKind;
use crate::detectors::kit::{
    Cell, Concluded, Currency, Description, Detector, NoDetails, RankedBy, RowColumn, Seen, TableRules, Unit, Whole,
    thresholds,
};
use crate::findings::{Finding, Findings};
use crate::frame::Symbol;
use crate::gathered::Gathers;
use crate::partial::{GroupReader, GroupWriter, TraceNumber};
use crate::savings::Unsettled;
use crate::span::SpanId;
use crate::trace::{Target, TraceView};

thresholds! {
    /// Finds what many services wait for.
    pub(crate) struct FanIn {
        /// Services that wait for it that are still fine.
        max_callers: Count = 1;
    }
}

/// It keeps nothing: all that it needs is gathered.
#[derive(Default)]
pub(crate) struct Nothing;

impl Seen for Nothing {
    fn merge(&mut self, _other: Self) {}

    fn renumber_traces(&mut self, _rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {}

    fn bytes(&self) -> usize {
        0
    }

    fn unsettled(&mut self) -> Option<Unsettled<'_>> {
        None
    }

    fn write(&self, _group: &mut GroupWriter<'_>) {}

    fn read(_group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        Ok(Self)
    }
}

/// A target and those that wait for it.
pub(crate) struct Row {
    target: Target,
    callers: Vec<Symbol>,
    calls: i64,
    failed: i64,
    path_ns: i64,
}

static DESCRIPTION: Description = Description {
    name: "fan-in",
    table: "fan_in",
    summary: "what many services wait for",
    documentation: "",
    currency: Some(Currency::Count),
    has_findings: true,
    gates_at_any_impact: false,
    finds_risks_only: false,
    needs_failures: false,
    least_of_all_traces: None,
    terminal_columns: &["rank"],
    ranked_by: &[RankedBy::Largest("calls")],
    problem: None,
};

type Column = RowColumn<FanIn>;

static COLUMNS: &[Column] = &[
    Column::rank("place"),
    Column::pattern_id(|row| vec![row.target.name]),
    Column::new("target", Unit::Text, "target", |row, whole| whole.name(row.target.name)),
    Column::new("callers", Unit::Names, "who waits", |row, whole| whole.names(&row.callers)),
    Column::new("calls", Unit::Count, "calls", |row, _| Cell::Int(row.calls)).adding_up(),
    Column::new("failed", Unit::Count, "failed calls", |row, _| Cell::Int(row.failed)),
    Column::new("path_ns", Unit::Nanoseconds, "path time", |row, _| Cell::Int(row.path_ns)),
];

impl Detector for FanIn {
    type Seen = Nothing;
    type Details = NoDetails;
    type Aside = ();
    type Row = Row;

    const DESCRIPTION: &'static Description = &DESCRIPTION;
    const TABLE: TableRules<Self> = TableRules::Rows(COLUMNS);

    fn gathers() -> Gathers {
        Gathers { service_graph: true, ..Gathers::NOTHING }
    }

    fn see(&self, _trace: &TraceView<'_>, _seen: &mut Self::Seen) {}

    fn conclude(&self, _seen: Self::Seen, whole: &Whole<'_>) -> Concluded<Self> {
        let mut edges = whole.gathered.service_graph.as_ref().map(|graph| graph.edges()).unwrap_or_default();
        edges.retain(|(edge, _)| edge.is_synchronous);
        edges.sort_by_key(|(edge, _)| (edge.target, edge.caller));
        let (mut rows, mut findings) = (Vec::new(), Findings::default());
        for edges in edges.chunk_by(|left, right| left.0.target == right.0.target) {
            if edges.len() <= self.max_callers.0 as usize {
                continue;
            }
            let target = edges[0].0.target;
            let calls = edges.iter().map(|(_, figures)| figures.calls as i64).sum();
            rows.push(Row {
                target,
                callers: edges.iter().map(|(edge, _)| edge.caller).collect(),
                calls,
                failed: edges.iter().map(|(_, figures)| figures.failed as i64).sum(),
                path_ns: edges.iter().map(|(_, figures)| figures.path_ns).sum(),
            });
            findings.push_without_trace(Finding {
                span_id: SpanId::NONE,
                service: target.name,
                operation: Symbol::EMPTY,
                target: Some(target),
                start: 0,
                measured: edges.len() as f64,
                threshold: f64::from(self.max_callers.0),
                impact_ns: 0,
                own_impact: calls,
                induced: false,
                kind: FindingKind::None,
                span_ids: &[],
                key: &[target.name],
                details: NoDetails,
            });
        }
        Concluded { findings, aside: (), rows }
    }
}
