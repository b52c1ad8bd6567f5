//! The table of `latency-attribution`, ranked.

use polars::prelude::*;

use crate::detectors::{AttributionRow, Cell, LATENCY_ATTRIBUTION};
use crate::frame::{Symbol, Symbols};
use crate::span::TraceId;

use super::table::{MAX_ROWS, Table};

/// Ranks the rows by path time, largest first; ties go by entry, then place. Weighted counts are given only if
/// `is_weighted`.
///
/// # Errors
/// What Polars reports; with rows as the detector makes them there is nothing to report.
pub fn attribution_table(
    mut rows: Vec<AttributionRow>,
    symbols: &Symbols,
    trace_ids: &[TraceId],
    is_weighted: bool,
) -> PolarsResult<Table> {
    rows.sort_unstable_by_key(|row| (row.entry, row.place));
    let critical: Vec<i64> = rows.iter().map(|row| row.critical_ns).collect();
    let columns = vec![
        Column::new("critical_ns".into(), critical),
        Column::new("row".into(), (0..rows.len() as u64).collect::<Vec<_>>()),
    ];
    let largest_first = SortMultipleOptions::default().with_order_descending_multi([true, false]);
    let ranked = DataFrame::new(rows.len(), columns)?.sort(["critical_ns", "row"], largest_first)?;
    let order: Vec<usize> = ranked.column("row")?.u64()?.iter().map(|row| row.unwrap_or_default() as usize).collect();

    let name = |symbol: Symbol| Cell::Text(symbols.resolve(symbol).to_owned());
    let mut values: Vec<Vec<Cell>> = vec![Vec::with_capacity(rows.len()); LATENCY_ATTRIBUTION.columns.len()];
    for (rank, row) in (1..).zip(order.into_iter().map(|index| &rows[index])) {
        let cells = [
            Cell::Int(rank),
            Cell::Text(row.entry.kind.as_str().to_owned()),
            name(row.entry.service),
            name(row.entry.operation),
            name(row.place.service),
            name(row.place.operation),
            Cell::Text(row.place.component.as_str().to_owned()),
            name(row.place.target),
            Cell::Int(row.traces),
            if is_weighted { Cell::Float(row.weighted_traces) } else { Cell::None },
            Cell::Int(row.critical_ns),
            Cell::Float(row.share),
            Cell::Int(row.p50_ns),
            Cell::Int(row.p95_ns),
            Cell::Int(row.p99_ns),
            Cell::Int(row.max_ns),
            Cell::Float(row.tail_share),
            Cell::Text(trace_ids[row.example_trace as usize].to_string()),
        ];
        for (column, cell) in values.iter_mut().zip(cells) {
            column.push(cell);
        }
    }
    Ok(Table {
        name: LATENCY_ATTRIBUTION.table,
        columns: LATENCY_ATTRIBUTION.columns,
        terminal_columns: LATENCY_ATTRIBUTION.terminal_columns,
        values,
        summed_up: 0,
    }
    .capped(MAX_ROWS))
}
