//! The table of entries: how many requests came in by each, and what they had in common.

use crate::analysis::{EntryRequests, Largest, RequestEntry, RequestsByEntry};
use crate::detectors::{Cell, Column, Unit, Whole};

use super::table::{MAX_ROWS, Table};

/// Columns of the table of entries.
pub(crate) static ENTRY_COLUMNS: [Column; 19] = [
    Column::new("rank", Unit::Count, "place in the ranking by duration_ns"),
    Column::new("entry_kind", Unit::Text, "root, or fragment (the parent is not in the input)"),
    Column::new("entry_service", Unit::Text, "service where the request came in"),
    Column::new("entry_operation", Unit::Text, "operation that was asked for"),
    Column::adding_up("requests", Unit::Count, "requests: roots of one trace count once"),
    Column::adding_up("failed_requests", Unit::Count, "those whose root failed"),
    Column::new("failed_share", Unit::Share, "their share"),
    Column::adding_up("duration_ns", Unit::Nanoseconds, "summed durations"),
    Column::new("p50_ns", Unit::Nanoseconds, "median duration"),
    Column::new("p99_ns", Unit::Nanoseconds, "99th percentile of the durations"),
    Column::new("max_ns", Unit::Nanoseconds, "longest duration"),
    Column::new("calls_max", Unit::Count, "most calls in the trace of a request, without heartbeats and plumbing"),
    Column::new("database_calls_max", Unit::Count, "most such calls to databases"),
    Column::new("depth_max", Unit::Count, "most synchronous hops in a row"),
    Column::new("slowest_trace_id", Unit::Id, "the trace with the longest duration"),
    Column::new("failed_trace_id", Unit::Id, "the trace with the longest duration of a request that failed"),
    Column::new("most_calls_trace_id", Unit::Id, "the trace with most calls"),
    Column::new("most_database_calls_trace_id", Unit::Id, "the trace with most calls to databases"),
    Column::new("deepest_trace_id", Unit::Id, "the trace with most synchronous hops in a row"),
];

/// The name of the table of entries.
pub(crate) const ENTRIES: &str = "entries";

/// Kind, service and operation of an entry.
pub(super) fn entry_cells(entry: &RequestEntry, whole: &Whole<'_>) -> [Cell; 3] {
    [Cell::Text(entry.kind.as_str().to_owned()), whole.name(entry.service), whole.name(entry.operation)]
}

/// The table of entries, by their summed durations.
pub(crate) fn entries_table(requests: &RequestsByEntry, whole: &Whole<'_>) -> Table {
    let mut order: Vec<&(RequestEntry, EntryRequests)> = requests.entries.iter().collect();
    order.sort_by_key(|(entry, of)| (std::cmp::Reverse(of.duration_ns), *entry));
    let mut values: Vec<Vec<Cell>> = vec![Vec::new(); ENTRY_COLUMNS.len()];
    for (rank, (entry, of)) in (1..).zip(order) {
        let [kind, service, operation] = entry_cells(entry, whole);
        let value = |largest: Option<Largest>| largest.map_or(Cell::None, |largest| Cell::Int(largest.value));
        let trace =
            |largest: Option<Largest>| largest.map_or(Cell::None, |largest| Cell::Text(largest.trace_id().to_string()));
        let cells = [
            Cell::Int(rank),
            kind,
            service,
            operation,
            Cell::Int(of.requests as i64),
            Cell::Int(of.failed as i64),
            Cell::Float(of.failed as f64 / of.requests.max(1) as f64),
            Cell::Int(of.duration_ns),
            Cell::Int(of.duration_quantile_ns(50)),
            Cell::Int(of.duration_quantile_ns(99)),
            value(of.longest),
            value(of.most_calls),
            value(of.most_database_calls),
            value(of.deepest),
            trace(of.longest),
            trace(of.longest_failed),
            trace(of.most_calls),
            trace(of.most_database_calls),
            trace(of.deepest),
        ];
        values.iter_mut().zip(cells).for_each(|(column, cell)| column.push(cell));
    }
    let columns = ENTRY_COLUMNS.to_vec();
    Table { name: ENTRIES, columns, terminal_columns: &[], values, summed_up: 0 }.capped(MAX_ROWS)
}
