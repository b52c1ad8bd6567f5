//! One ranked table, fitted to a terminal.
//!
//! Columns that do not fit are left out, the least important first; the rank and what decides it always stay. Long names
//! lose their middle. Trace ids are never cut, since a part of one finds nothing: where their column does not fit, they are
//! listed below the table.

use std::io::{self, Write};

use comfy_table::{
    Attribute, Cell as StyledCell, CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, TableStyle, Width,
};

use crate::detectors::{Column, Unit};

use crate::report::detector_table::DetectorTable;
use crate::report::terminal::TerminalStyle;
use crate::report::terminal::text_width::{shortened, text_width};
use crate::report::text::cell_text::{for_people, is_numeric, title};
use crate::report::text::sanitized::sanitized;

const RANK: &str = "rank";
const EXAMPLE: &str = "example_trace_id";

/// Terminals of at least this width have room for trace ids in the table.
const MIN_WIDTH_FOR_EXAMPLES: usize = 120;

/// Narrowest column in which a name can be told from others.
const MIN_NAME_WIDTH: usize = 14;

/// Space between columns.
const GAP: usize = 2;

/// A column with the texts of the rows that are shown.
struct ShownColumn {
    column: Column,
    title: String,
    texts: Vec<String>,
}

impl ShownColumn {
    fn widest_text(&self) -> usize {
        self.texts.iter().map(|text| text_width(text)).max().unwrap_or(0)
    }

    /// Titles break between words.
    fn widest_word_of_title(&self) -> usize {
        self.title.split(' ').map(text_width).max().unwrap_or(0)
    }

    fn natural_width(&self) -> usize {
        self.widest_text().max(self.widest_word_of_title())
    }

    /// Names can be shortened, numbers, times and ids cannot.
    fn smallest_width(&self) -> usize {
        if matches!(self.column.unit, Unit::Text | Unit::Names) {
            self.natural_width().min(MIN_NAME_WIDTH.max(self.widest_word_of_title()))
        } else {
            self.natural_width()
        }
    }
}

/// Writes the first `top` rows.
pub(in crate::report) fn write_table(
    out: &mut impl Write,
    table: &DetectorTable<'_>,
    top: usize,
    style: TerminalStyle,
) -> io::Result<()> {
    let mut columns = shown_columns(table, top);
    let is_pinned = |name: &str| {
        name == RANK
            || Some(name) == table.impact_column()
            || (name == EXAMPLE && style.width >= MIN_WIDTH_FOR_EXAMPLES)
    };
    let mut examples = None;
    while width_of(columns.iter().map(ShownColumn::smallest_width)) > style.width
        && let Some(least) = columns.iter().rposition(|column| !is_pinned(column.column.name))
    {
        let dropped = columns.remove(least);
        if dropped.column.name == EXAMPLE {
            examples = Some(dropped.texts);
        }
    }

    let widths = fitted_widths(&columns, style.width);
    let mut drawn = comfy_table::Table::new();
    let rule = LineStyle::none().fill('─');
    drawn
        .load_style(TableStyle::new().header_separator(rule))
        .set_content_arrangement(ContentArrangement::Disabled)
        .force_no_tty();
    if style.colour {
        drawn.enforce_styling();
    }
    drawn.set_header(columns.iter().map(|column| {
        let cell = StyledCell::new(&column.title).set_alignment(alignment(&column.column));
        if style.colour { cell.add_attribute(Attribute::Bold) } else { cell }
    }));
    for row in 0..table.table.row_count().min(top) {
        let cells = columns.iter().zip(&widths).map(|(column, &width)| {
            StyledCell::new(shortened(&column.texts[row], width)).set_alignment(alignment(&column.column))
        });
        drawn.add_row(cells.collect::<Vec<_>>());
    }
    let last = columns.len().saturating_sub(1);
    for (index, (column, &width)) in drawn.column_iter_mut().zip(&widths).enumerate() {
        let gap = if index == last { 0 } else { GAP };
        column.set_padding((0, gap as u16));
        column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(u16::try_from(width + gap).unwrap_or(u16::MAX))));
    }
    for line in drawn.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    match examples {
        Some(ids) => write_examples(out, &ids, style),
        None => Ok(()),
    }
}

fn shown_columns(table: &DetectorTable<'_>, top: usize) -> Vec<ShownColumn> {
    table
        .table
        .shown()
        .map(|(column, cells)| ShownColumn {
            column: *column,
            title: title(column),
            texts: cells.iter().take(top).map(|cell| sanitized(&for_people(column, cell)).into_owned()).collect(),
        })
        .collect()
}

fn alignment(column: &Column) -> CellAlignment {
    if is_numeric(column) { CellAlignment::Right } else { CellAlignment::Left }
}

fn width_of(columns: impl ExactSizeIterator<Item = usize>) -> usize {
    let gaps = columns.len().saturating_sub(1) * GAP;
    columns.sum::<usize>() + gaps
}

/// Room beyond the smallest widths goes to the texts first, then to titles on one line.
fn fitted_widths(columns: &[ShownColumn], width: usize) -> Vec<usize> {
    let mut widths: Vec<usize> = columns.iter().map(ShownColumn::smallest_width).collect();
    let mut spare = width.saturating_sub(width_of(widths.iter().copied()));
    let texts: Vec<usize> = columns.iter().map(ShownColumn::natural_width).collect();
    let titles: Vec<usize> =
        columns.iter().map(|column| column.natural_width().max(text_width(&column.title))).collect();
    for goals in [texts, titles] {
        // The narrowest column that wants more gets the next place, so that no name is cut much shorter than another.
        while spare > 0
            && let Some(column) =
                (0..widths.len()).filter(|&column| widths[column] < goals[column]).min_by_key(|&column| widths[column])
        {
            widths[column] += 1;
            spare -= 1;
        }
    }
    widths
}

/// Lists the trace ids by rank, as many on a line as fit.
fn write_examples(out: &mut impl Write, ids: &[String], style: TerminalStyle) -> io::Result<()> {
    let digits = ids.len().to_string().len();
    let entries: Vec<String> = (1..).zip(ids).map(|(rank, id)| format!("{rank:>digits$} {id}")).collect();
    let widest = entries.iter().map(|entry| text_width(entry)).max().unwrap_or(0);
    let on_a_line = ((style.width + GAP) / (widest + GAP)).max(1);
    writeln!(out, "{}", style.paint().dim("example traces by rank"))?;
    for line in entries.chunks(on_a_line) {
        writeln!(out, "{}", line.join("  "))?;
    }
    Ok(())
}
