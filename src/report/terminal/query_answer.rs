//! What `query` shows: the answer with all columns that were asked for, or the tables that there are.

use std::io::{self, Write};

use crate::detectors::{Cell, Description};
use crate::rank::Table;
use crate::report::detector_table::DetectorTable;
use crate::report::terminal::all_tables::TerminalStyle;
use crate::report::terminal::table::{EXAMPLE, ShownTables, fits, write_columns};
use crate::report::terminal::text_width::{broken, text_width, wrapped};
use crate::report::text::cell_text::{for_people, title};
use crate::report::text::sanitized::sanitized;
use crate::report::text::units;
use crate::report::trace_links::TraceLinks;

/// Space before what belongs to the line above.
const INDENT: usize = 2;

/// Narrowest room for text: in less, the terminal may as well break the lines itself.
const MIN_TEXT_WIDTH: usize = 20;

/// No detector made the table.
static NO_DETECTOR: Description = Description {
    name: "query",
    table: "query",
    summary: "",
    documentation: "",
    currency: None,
    has_findings: false,
    gates_at_any_impact: false,
    finds_risks_only: false,
    needs_failures: false,
    least_of_all_traces: None,
    terminal_columns: &[],
    ranked_by: &[],
    problem: None,
};

/// Writes the first rows of an answer that has `rows` of them, each column in its place. Where there is no room for all columns beside each other,
/// each value is a line: somebody who asks for a column wants to see it.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_query_answer(
    out: &mut impl Write,
    answer: &Table,
    rows: usize,
    style: TerminalStyle,
) -> io::Result<()> {
    let top = answer.row_count();
    let table = DetectorTable {
        description: &NO_DETECTOR,
        thresholds: Vec::new(),
        table: answer,
        headings: None,
        notes_left_out: 0,
    };
    let links = TraceLinks::default();
    let shown = ShownTables { top, style, links: &links, is_one_day: false };
    let all: Vec<usize> = (0..answer.columns.len()).collect();
    // Traces to open may stand below the table.
    let without_traces = all.iter().copied().filter(|&place| answer.columns[place].name != EXAMPLE).collect();
    match [all, without_traces].iter().find(|places| !places.is_empty() && fits(&table, places, &shown)) {
        Some(places) => write_columns(out, &table, places, &shown)?,
        None => write_records(out, answer, style)?,
    }
    let count = match rows {
        0 => "no rows".to_owned(),
        rows if rows > top => format!("{} of {} rows", units::count(top), units::count(rows)),
        rows => units::counted(rows as u64, "row"),
    };
    writeln!(out, "{}", style.paint().dim(&count))
}

fn write_records(out: &mut impl Write, answer: &Table, style: TerminalStyle) -> io::Result<()> {
    let titles: Vec<String> = answer.columns.iter().map(title).collect();
    let label_width = titles.iter().map(|title| text_width(title)).max().unwrap_or(0) + INDENT;
    let width = style.width.saturating_sub(label_width).max(MIN_TEXT_WIDTH);
    for row in 0..answer.row_count() {
        writeln!(out, "{}", style.paint().dim(&format!("row {}", units::count(row + 1))))?;
        for (title, (column, cells)) in titles.iter().zip(answer.columns.iter().zip(&answer.values)) {
            let mut label = title.as_str();
            let lines = broken(&sanitized(&for_people(column, &cells[row])), width);
            let none = if lines.is_empty() { &[String::new()][..] } else { &[] };
            for line in lines.iter().chain(none) {
                let padding = " ".repeat(label_width.saturating_sub(text_width(label)));
                writeln!(out, "{}", format!("{}{padding}{line}", style.paint().bold(label)).trim_end())?;
                label = "";
            }
        }
    }
    Ok(())
}

/// Writes a list of tables: names, numbers of rows, columns.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_table_list(out: &mut impl Write, tables: &Table, style: TerminalStyle) -> io::Result<()> {
    let [names, rows, columns] = &tables.values[..] else { return Ok(()) };
    for (name, (rows, columns)) in names.iter().zip(rows.iter().zip(columns)) {
        let (Cell::Text(name), Cell::Int(rows), Cell::Names(columns)) = (name, rows, columns) else { continue };
        let rows = units::counted(u64::try_from(*rows).unwrap_or(0), "row");
        writeln!(out, "{}  {rows}", style.paint().bold(&sanitized(name)))?;
        for line in wrapped(&sanitized(&columns.join(", ")), style.width.saturating_sub(INDENT).max(MIN_TEXT_WIDTH)) {
            writeln!(out, "{:INDENT$}{}", "", style.paint().dim(&line))?;
        }
    }
    Ok(())
}
