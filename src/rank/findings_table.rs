//! The table of single findings of all detectors.

use crate::detectors::{Aggregate, Cell, Column, Detector, Unit};
use crate::findings::Findings;
use crate::frame::Symbols;
use crate::span::TraceId;

use super::table::Table;

const fn column(name: &'static str, unit: Unit, doc: &'static str) -> Column {
    Column { name, unit, doc, aggregate: Aggregate::Own }
}

/// Columns of the table of findings.
pub static FINDING_COLUMNS: &[Column] = &[
    column("detector", Unit::Text, "detector that reports it"),
    column("pattern_id", Unit::Id, "row of the detector's table that it belongs to"),
    column("trace_id", Unit::Id, "trace, 32 hexadecimal digits"),
    column("span_id", Unit::Id, "span to look at first, 16 hexadecimal digits"),
    column("service", Unit::Text, "service of the caller, the entry or the origin"),
    column("operation", Unit::Text, "what is called, entered or failed there"),
    column("target", Unit::Text, "what it is about, if that is a target"),
    column("target_kind", Unit::Text, "service, database, messaging, external or unnamed"),
    column("start_time", Unit::Time, "when it began"),
    column("measured", Unit::Number, "calls, hops, the larger of attempts and amplification, or failed services"),
    column("threshold", Unit::Number, "what that was compared with"),
    column("impact_ns", Unit::Nanoseconds, "critical-path time that it costs"),
    column("span_ids", Unit::Names, "spans that prove it"),
];

/// Findings of several detectors as one table, by detector, then trace. Each detector comes with its findings and their
/// pattern ids.
pub fn findings_table(
    detectors: &[(&dyn Detector, &Findings, &[String])],
    symbols: &Symbols,
    trace_ids: &[TraceId],
) -> Table {
    let mut values: Vec<Vec<Cell>> = vec![Vec::new(); FINDING_COLUMNS.len()];
    for (detector, findings, pattern_ids) in detectors {
        for row in findings.order() {
            let target = findings.targets[row];
            let evidence = findings.evidence.get(row).iter().map(ToString::to_string).collect();
            let cells = [
                Cell::Text(detector.description().name.to_owned()),
                Cell::Text(pattern_ids[row].clone()),
                Cell::Text(trace_ids[findings.traces[row] as usize].to_string()),
                Cell::Text(findings.span_ids[row].to_string()),
                Cell::Text(symbols.resolve(findings.services[row]).to_owned()),
                Cell::Text(symbols.resolve(findings.operations[row]).to_owned()),
                target.map_or(Cell::None, |target| Cell::Text(symbols.resolve(target.name).to_owned())),
                target.map_or(Cell::None, |target| Cell::Text(target.kind.as_str().to_owned())),
                Cell::Int(findings.starts[row]),
                Cell::Float(findings.measured[row]),
                Cell::Float(detector.measured_against()),
                Cell::Int(findings.impacts[row]),
                Cell::Names(evidence),
            ];
            for (column, cell) in values.iter_mut().zip(cells) {
                column.push(cell);
            }
        }
    }
    Table { name: "findings", columns: FINDING_COLUMNS, terminal_columns: &[], values, summed_up: 0 }
}
