//! The table of single findings of all detectors. Its rows are made while they are written: there may be millions.

use std::borrow::Cow;
use std::ops::Range;

use crate::detectors::{Cell, Column, Unit, Whole};
use crate::findings::FindingColumns;

use super::ranking::Ranked;
use super::table::Rows;

/// The name of the table of findings.
pub(crate) const FINDINGS: &str = "findings";

/// Columns of the table of findings.
pub(crate) static FINDING_COLUMNS: [Column; 16] = [
    Column::new("detector", Unit::Text, "detector that reports it"),
    Column::new("pattern_id", Unit::Id, "row of the detector's table that it belongs to"),
    Column::new("trace_id", Unit::Id, "trace, 32 hexadecimal digits; empty if it is about the whole input"),
    Column::new("span_id", Unit::Id, "span to look at first, 16 hexadecimal digits"),
    Column::new("service", Unit::Text, "service of the caller, the entry or the origin"),
    Column::new("operation", Unit::Text, "what the caller was doing, or what is called, entered or failed there"),
    Column::new("call_operation", Unit::Text, "n-plus-one, retry-storm: what is called; empty for others"),
    Column::new("target", Unit::Text, "what it is about, if that is a target"),
    Column::new("target_kind", Unit::Text, "service, database, messaging, external or unnamed"),
    Column::new("start_time", Unit::Time, "when it began"),
    Column::new(
        "measured",
        Unit::Number,
        "calls, hops, the larger of attempts and amplification, failed services, outages, refused calls, seconds waited, or 1 for an origin of failures",
    ),
    Column::new("threshold", Unit::Number, "what that was compared with"),
    Column::new("impact_ns", Unit::Nanoseconds, "critical-path time that it costs"),
    Column::new("span_ids", Unit::Names, "spans that prove it"),
    Column::new("kind", Unit::Text, "what kind it is of, where the detector tells several"),
    Column::new("level", Unit::Text, "level of its row: problem, risk or note"),
];

/// The findings of several detectors, by detector, then trace.
pub(crate) struct FindingsTable<'a> {
    detectors: Vec<OfDetector<'a>>,
    whole: &'a Whole<'a>,
    rows: usize,
}

struct OfDetector<'a> {
    ranked: &'a Ranked,
    /// Its first row in the table.
    first: usize,
    /// Its findings in their order.
    order: Vec<usize>,
}

impl<'a> FindingsTable<'a> {
    /// The findings of `ranked`.
    pub(crate) fn new(ranked: &'a [Ranked], whole: &'a Whole<'a>) -> Self {
        let mut rows = 0;
        let with_findings = ranked.iter().filter(|ranked| ranked.findings.len() > 0);
        let of_detector = |ranked: &'a Ranked| {
            let first = rows;
            rows += ranked.findings.len();
            OfDetector { ranked, first, order: ranked.findings.order() }
        };
        let detectors = with_findings.map(of_detector).collect();
        Self { detectors, whole, rows }
    }

    fn cell(&self, column: usize, of: &OfDetector<'_>, row: usize) -> Cell {
        let Ranked { description, findings, patterns_of_findings, pattern_ids, levels, .. } = of.ranked;
        let FindingColumns { trace, span_id, service, operation, target, start, .. } = findings;
        let caller_operation = of.ranked.caller_operation.map(|part| findings.key.get(row)[part]);
        match FINDING_COLUMNS[column].name {
            "detector" => Cell::Text(description.name.to_owned()),
            "pattern_id" => Cell::Text(pattern_ids[patterns_of_findings[row] as usize].clone()),
            "trace_id" => self.whole.trace_id(trace[row]),
            "span_id" => Cell::Text(span_id[row].to_string()),
            "service" => self.whole.name(service[row]),
            "operation" => self.whole.name(caller_operation.unwrap_or(operation[row])),
            "call_operation" => caller_operation.map_or(Cell::None, |_| self.whole.name(operation[row])),
            "target" => target.get(row).map_or(Cell::None, |target| self.whole.name(target.name)),
            "target_kind" => target.get(row).map_or(Cell::None, |target| Cell::Text(target.kind.as_str().to_owned())),
            "start_time" => Cell::Int(start[row]),
            "measured" => Cell::Float(findings.measured[row]),
            "threshold" => Cell::Float(findings.threshold[row]),
            "impact_ns" => Cell::Int(findings.impact_ns[row]),
            "kind" => Cell::Text(findings.kind.get(row).as_str().to_owned()),
            "level" => levels[patterns_of_findings[row] as usize].cell(),
            "span_ids" => Cell::Names(findings.evidence.get(row).iter().map(ToString::to_string).collect()),
            other => unreachable!("the table of findings has a column {other} without a rule"),
        }
    }
}

impl Rows for FindingsTable<'_> {
    fn name(&self) -> &'static str {
        FINDINGS
    }

    fn columns(&self) -> &[Column] {
        &FINDING_COLUMNS
    }

    fn row_count(&self) -> usize {
        self.rows
    }

    fn cells(&self, column: usize, rows: Range<usize>) -> Cow<'_, [Cell]> {
        let mut cells = Vec::with_capacity(rows.len());
        for of in &self.detectors {
            let own = rows.start.max(of.first)..rows.end.min(of.first + of.order.len());
            cells.extend(own.map(|row| self.cell(column, of, of.order[row - of.first])));
        }
        Cow::Owned(cells)
    }
}
