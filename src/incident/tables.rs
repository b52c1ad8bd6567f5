//! The tables of suspects and of their rows.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::detectors::{
    Attribution, AttributionRow, Cell, Column, Detector as _, EntryTimes, LatencyAttribution, RowColumn, RowRule,
    TableRules, Unit, Whole,
};
use crate::frame::SpillError;
use crate::gathered::RequestLog;
use crate::partial::TraceNumber;
use crate::rank::Table;
use crate::trace::{Entry, Place};

use super::comparison::{Comparison, Sides, WINDOW};
use super::conclusion::Suspect;
use super::description::{SUSPECT_ROWS, SUSPECTS};

/// Columns of the table of suspects.
pub(super) static SUSPECT_COLUMNS: [Column; 15] = [
    Column::new(
        "rank",
        Unit::Count,
        "place in the ranking by score; of two ends of a slow network the callee comes first",
    ),
    Column::new("suspect", Unit::Text, "service, database, host or topic"),
    Column::new("kind", Unit::Text, "service, database, external or messaging"),
    Column::new("score", Unit::Number, "blame_share plus excess_failure_share: the ranking"),
    Column::new(
        "blame_ns",
        Unit::Nanoseconds,
        "path time beyond what the baseline lets expect; below zero if time was saved",
    ),
    Column::new("blame_share", Unit::Share, "the same as a share of the time of the window's requests"),
    Column::new(
        "time_ratio",
        Unit::Number,
        "median time per request that spends any there, as a multiple of the baseline's; empty with fewer than 3 such \
         requests on a side",
    ),
    Column::new("excess_failures", Unit::Number, "failures that began there, beyond what the baseline lets expect"),
    Column::new("excess_failure_share", Unit::Share, "the same for each request of the window"),
    Column::new("vanished_calls", Unit::Number, "calls from or to it that are missing, where that is beyond chance"),
    Column::new(
        "appeared_calls",
        Unit::Number,
        "calls from or to it beyond those expected, where that is beyond chance",
    ),
    Column::new(
        "onset",
        Unit::Time,
        "start of the first ten seconds of the window in which its time per request was off",
    ),
    Column::new("evidence", Unit::Text, "why it is a suspect, in a sentence"),
    Column::new(
        "example_trace_id",
        Unit::Id,
        "the trace of the window with most time there, else the first with a failure",
    ),
    Column::new("baseline_example_trace_id", Unit::Id, "the trace of the baseline with the median time there"),
];

/// The table of suspects.
pub(super) fn suspects_table(suspects: &[Suspect], whole: &Whole<'_>) -> Table {
    let cell = |name: &str, rank: usize, suspect: &Suspect| match name {
        "rank" => Cell::Int(rank as i64 + 1),
        "suspect" => whole.name(suspect.target.name),
        "kind" => Cell::Text(suspect.target.kind.as_str().to_owned()),
        "score" => Cell::Float(suspect.score),
        "blame_ns" => Cell::Int(suspect.blame_ns),
        "blame_share" => Cell::Float(suspect.blame_share),
        "time_ratio" => suspect.time_ratio.map_or(Cell::None, Cell::Float),
        "excess_failures" => Cell::Float(suspect.excess_failures),
        "excess_failure_share" => Cell::Float(suspect.excess_failure_share),
        "vanished_calls" => Cell::Float(suspect.vanished_calls),
        "appeared_calls" => Cell::Float(suspect.appeared_calls),
        "onset" => suspect.onset.map_or(Cell::None, Cell::Int),
        "evidence" => Cell::Text(suspect.evidence.clone()),
        "example_trace_id" => whole.trace_id(suspect.example),
        "baseline_example_trace_id" => whole.trace_id(suspect.baseline_example),
        other => unreachable!("the table of suspects has a column {other} without a rule"),
    };
    let values =
        |column: &Column| suspects.iter().enumerate().map(|(rank, suspect)| cell(column.name, rank, suspect)).collect();
    Table {
        name: SUSPECTS.table,
        columns: SUSPECT_COLUMNS.to_vec(),
        terminal_columns: SUSPECTS.terminal_columns,
        values: SUSPECT_COLUMNS.iter().map(values).collect(),
        summed_up: 0,
    }
}

/// Columns of rows of suspects that latency attribution does not have: one before its own, and some behind.
const SUSPECT: Column = Column::new("suspect", Unit::Text, "the suspect whose blame this is a part of");
const DIFFERENCE: [Column; 3] = [
    Column::new("window_ns", Unit::Nanoseconds, "path time in the window"),
    Column::new(
        "baseline_ns",
        Unit::Nanoseconds,
        "path time in the baseline, for as many requests of the entry as in the window",
    ),
    Column::new(
        "difference_ns",
        Unit::Nanoseconds,
        "by how much more is spent; the rows of a suspect add up to its blame",
    ),
];

fn latency_columns() -> &'static [RowColumn<LatencyAttribution>] {
    match LatencyAttribution::TABLE {
        TableRules::Rows(columns) => columns,
        TableRules::Patterns(_) => unreachable!("latency attribution has rows"),
    }
}

/// Columns of the table of rows.
pub(super) fn suspect_row_columns() -> Vec<Column> {
    let of_latency = latency_columns().iter().map(RowColumn::column);
    std::iter::once(SUSPECT).chain(of_latency).chain(DIFFERENCE).collect()
}

/// The table of rows: those of the first suspect first, and of each those that differ most.
pub(super) fn suspect_rows_table(suspects: &[Suspect], attribution: Vec<AttributionRow>, whole: &Whole<'_>) -> Table {
    let of_window: HashMap<(Entry, Place), AttributionRow, FixedState> =
        attribution.into_iter().map(|row| ((row.entry, row.place), row)).collect();
    let mut columns = suspect_row_columns();
    let mut values: Vec<Vec<Cell>> = vec![Vec::new(); columns.len()];
    let mut rank = 0;
    for suspect in suspects {
        let mut rows: Vec<_> = suspect.rows.iter().collect();
        rows.sort_by_key(|row| (-i128::from(row.difference_ns()), row.entry, row.spent));
        for row in rows {
            rank += 1;
            let key = (row.entry, row.spent.place);
            let in_window = of_window.get(&key).copied().unwrap_or_else(|| nowhere_in_window(key));
            let of_latency = latency_columns().iter().map(|column| match column.rule {
                RowRule::Rank => Cell::Int(rank),
                RowRule::PatternId(_) => Cell::None,
                RowRule::Value(value) => value(&in_window, whole),
            });
            let difference = [row.window_ns, row.baseline_ns, row.difference_ns()].map(Cell::Int);
            let cells = std::iter::once(whole.name(suspect.target.name)).chain(of_latency).chain(difference);
            values.iter_mut().zip(cells).for_each(|(column, cell)| column.push(cell));
        }
    }
    columns.iter_mut().for_each(|column| column.adds_up &= column.unit == Unit::Nanoseconds);
    Table { name: SUSPECT_ROWS.table, columns, terminal_columns: SUSPECT_ROWS.terminal_columns, values, summed_up: 0 }
}

/// What latency attribution would say of a place where the window spends no time.
fn nowhere_in_window((entry, place): (Entry, Place)) -> AttributionRow {
    AttributionRow {
        entry,
        place,
        traces: 0,
        weighted_traces: 0.0,
        critical_ns: 0,
        share: 0.0,
        p50_ns: 0,
        p95_ns: 0,
        p99_ns: 0,
        max_ns: 0,
        tail_share: 0.0,
        example_trace: TraceNumber::NONE,
        of_entry: EntryTimes::default(),
    }
}

/// What latency attribution says of the window's requests that can be compared.
pub(super) fn window_attribution(
    log: &RequestLog,
    comparison: &Comparison,
    sides: &Sides,
    whole: &Whole<'_>,
) -> Result<Vec<AttributionRow>, SpillError> {
    let mut attribution = Attribution::default();
    log.for_each_block(|block| {
        let names = block.entry_names.all();
        for trace in block.traces().filter(|trace| trace.has_root && sides.side_of(trace.start) == Some(WINDOW)) {
            let Some(&trace_id) = trace.trace.index().and_then(|index| whole.trace_ids.get(index)) else { continue };
            let entries: Vec<(Entry, i64)> =
                trace.entries.iter().map(|entry| (names[entry.entry as usize], entry.duration)).collect();
            let can_be_compared: Vec<bool> =
                entries.iter().map(|(entry, _)| comparison.comparable(entry).is_some()).collect();
            let times = trace.times.iter().filter(|time| can_be_compared[time.entry as usize]);
            let spent = block.spent_names.all();
            let times = times.map(|time| (time.entry as usize, spent[time.spent as usize].place, time.time));
            attribution.add_booked((trace.trace, trace_id), trace.adjusted_count, &entries, times);
        }
    })?;
    Ok(attribution.finish())
}
