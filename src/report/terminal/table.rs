//! One ranked table, fitted to a terminal.
//!
//! What the rows are comes first, then numbers, then ids. Trace ids are never cut, since a part of one finds nothing: where
//! their column has no room, they are listed below the table. Rows that come in groups stand below a heading for each.

use std::io::{self, Write};

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, TableStyle, Width};

use crate::detectors::{Cell, Column, Unit};
use crate::report::detector_table::DetectorTable;
use crate::report::text::cell_text::{for_people, is_numeric, title};
use crate::report::text::sanitized::sanitized;
use crate::report::text::units;
use crate::report::trace_links::TraceLinks;

use super::TerminalStyle;
use super::columns::{BELOW_ROW, GAP, TRACES, WEIGHTED, Wanted, lines_of_title, shown_columns, widest_word, widths};
use super::distinct_names::{FittedNames, MIN_WIDTH, fitted};
use super::text_width::{broken, text_width, wrapped};

/// The column of traces to open.
pub(super) const EXAMPLE: &str = "example_trace_id";

/// Names can be read in so many columns.
const READABLE_NAME: usize = 13;

/// Label of the list of trace ids, with the gap behind it.
const EXAMPLES: &str = "traces  ";

/// What a line below a row begins with, and how far to the right.
const BELOW: &str = "└ ";
const INDENT: usize = 6;

/// A column with the texts of the rows that are shown.
struct ShownColumn {
    /// Its title.
    title: String,
    is_name: bool,
    is_right: bool,
    is_id: bool,
    /// The values, as long as they are; `None` is no name.
    values: Vec<Option<String>>,
    /// The values, as short as they can be.
    short_values: Vec<Option<String>>,
}

impl ShownColumn {
    fn of(table: &DetectorTable<'_>, place: usize, rows: &[usize], shown: &ShownTables<'_>) -> Self {
        let column = &table.table.columns[place];
        let cells = &table.table.values[place];
        let weighted = table.table.column(WEIGHTED).filter(|_| column.name == TRACES);
        let value = |&row: &usize| match (&cells[row], weighted.map(|(column, cells)| (column, &cells[row]))) {
            (Cell::None, _) if is_name(column) => None,
            (cell @ Cell::None, _) => Some(for_people(column, cell)),
            (cell, Some((weighted_column, weighted @ Cell::Float(_)))) => {
                Some(format!("{} ≈{}", for_people(column, cell), for_people(weighted_column, weighted)))
            }
            (Cell::Int(time), _) if column.unit == Unit::Time && shown.is_one_day => Some(units::time_of_day(*time)),
            (Cell::Int(time), _) if column.unit == Unit::Time => Some(units::day_and_time(*time)),
            (cell, _) => Some(for_people(column, cell)),
        };
        let short_value = |&row: &usize| match (column.unit, &cells[row]) {
            (Unit::Nanoseconds, Cell::Int(ns)) => Some(units::short_duration(*ns)),
            (Unit::Count, Cell::Int(number)) => Some(units::short_number(*number as f64)),
            (Unit::Number, Cell::Float(number)) => Some(units::short_number(*number)),
            _ => value(&row),
        };
        Self {
            title: title(column),
            is_name: is_name(column),
            is_right: is_numeric(column),
            is_id: column.name == EXAMPLE,
            values: rows.iter().map(value).collect(),
            short_values: rows.iter().map(short_value).collect(),
        }
    }

    fn widest_value(&self) -> usize {
        let widths = self.values.iter().map(|value| value.as_ref().map_or(1, |value| text_width(&sanitized(value))));
        widths.max().unwrap_or(0)
    }

    fn names(&self, width: usize) -> FittedNames {
        fitted(&self.values.iter().map(Option::as_deref).collect::<Vec<_>>(), width)
    }

    /// What the column wants, if names have at most `longest`.
    fn wanted(&self, longest: usize) -> Wanted {
        let word = widest_word(&self.title);
        let values = self.widest_value().min(longest).max(word);
        let least = if self.is_name { values.min(MIN_WIDTH.max(word)) } else { values };
        Wanted { least, values, title: values.max(text_width(&self.title)) }
    }
}

fn is_name(column: &Column) -> bool {
    matches!(column.unit, Unit::Text | Unit::Names)
}

/// How tables are shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShownTables<'a> {
    /// So many rows of each.
    pub(super) top: usize,
    /// What the terminal can show.
    pub(super) style: TerminalStyle,
    /// What trace ids lead to.
    pub(super) links: &'a TraceLinks,
    /// Whether all spans are of one day, so that times need not say of which.
    pub(super) is_one_day: bool,
}

/// Writes the first rows, with the columns that matter most.
pub(super) fn write_table(out: &mut impl Write, table: &DetectorTable<'_>, shown: &ShownTables<'_>) -> io::Result<()> {
    write_columns(out, table, &shown_columns(table, shown.style.width), shown)
}

/// Whether there is room for all these columns of the first rows, so that names can be read.
pub(super) fn fits(table: &DetectorTable<'_>, places: &[usize], shown: &ShownTables<'_>) -> bool {
    let rows: Vec<usize> = (0..table.table.row_count().min(shown.top)).collect();
    let columns = places.iter().map(|&place| ShownColumn::of(table, place, &rows, shown));
    let least = columns.map(|mut column| {
        column.values = std::mem::take(&mut column.short_values);
        let wanted = column.wanted(usize::MAX);
        if column.is_name { wanted.values.min(READABLE_NAME.max(widest_word(&column.title))) } else { wanted.least }
    });
    least.sum::<usize>() + places.len().saturating_sub(1) * GAP <= shown.style.width
}

/// Writes these columns of the first rows.
pub(super) fn write_columns(
    out: &mut impl Write,
    table: &DetectorTable<'_>,
    places: &[usize],
    shown: &ShownTables<'_>,
) -> io::Result<()> {
    let ShownTables { top, style, links, .. } = *shown;
    let paint = style.paint();
    let groups = groups(table, top);
    let rows: Vec<usize> = groups.iter().flat_map(|group| group.rows.iter().copied()).collect();
    let mut columns: Vec<ShownColumn> =
        places.iter().map(|&place| ShownColumn::of(table, place, &rows, shown)).collect();
    let widths = fitted_widths(&mut columns, style.width);

    let mut notes = Vec::new();
    let mut heads = Vec::new();
    let mut texts = Vec::new();
    for (column, &width) in columns.iter().zip(&widths) {
        let mut head = lines_of_title(&column.title, width);
        texts.push(match column.is_name {
            true => {
                let FittedNames { texts, dropped } = column.names(width);
                if text_width(&dropped) > width {
                    notes.push(format!("{}: {dropped}", column.title));
                } else if !dropped.is_empty() {
                    head.push(dropped);
                }
                texts
            }
            false => {
                column.values.iter().map(|value| sanitized(value.as_deref().unwrap_or("-")).into_owned()).collect()
            }
        });
        heads.push(head);
    }

    let height = heads.iter().map(Vec::len).max().unwrap_or(0);
    // Titles stand on the rule.
    let head = |line: usize, head: &Vec<String>| {
        (line + head.len()).checked_sub(height).map_or_else(String::new, |line| head[line].clone())
    };
    let head_rows = (0..height).map(|line| heads.iter().map(|of_column| head(line, of_column)).collect());
    let body_rows = (0..rows.len()).map(|row| texts.iter().map(|texts| texts[row].clone()).collect());
    let mut drawn = drawn_lines(head_rows.chain(body_rows), &columns, &widths).into_iter();
    for line in drawn.by_ref().take(height) {
        writeln!(out, "{}", paint.bold(&line))?;
    }
    let ruled = widths.iter().sum::<usize>() + widths.len().saturating_sub(1) * GAP;
    writeln!(out, "{}", paint.dim(&"─".repeat(ruled.min(style.width))))?;

    let below = below_rows(table, &rows, style.width);
    let mut row = 0;
    for group in &groups {
        write_heading(out, group, style)?;
        for _ in &group.rows {
            let mut line = drawn.next().unwrap_or_default();
            // What leads to a trace takes no room, so it is added last.
            for (_, texts) in columns.iter().zip(&texts).filter(|(column, _)| column.is_id) {
                line = line.replace(&texts[row], &links.linked(&texts[row], &texts[row]));
            }
            writeln!(out, "{line}")?;
            for (index, line) in below.get(row).into_iter().flatten().enumerate() {
                let begin = if index == 0 { BELOW } else { "  " };
                writeln!(out, "{:INDENT$}{}", "", paint.dim(&format!("{begin}{line}")))?;
            }
            row += 1;
        }
    }
    for note in notes {
        for line in wrapped(&note, style.width) {
            writeln!(out, "{}", paint.dim(&line))?;
        }
    }
    let is_in_table = columns.iter().any(|column| column.is_id);
    let ids = table.table.column(EXAMPLE).filter(|_| !is_in_table && table.shows(EXAMPLE));
    ids.map_or(Ok(()), |(_, cells)| write_examples(out, cells, &rows, style, links))
}

fn joined(cells: impl Iterator<Item = String>) -> String {
    cells.collect::<Vec<_>>().join(&" ".repeat(GAP))
}

/// A line for each row of texts, which fit their columns.
fn drawn_lines(rows: impl Iterator<Item = Vec<String>>, columns: &[ShownColumn], widths: &[usize]) -> Vec<String> {
    let mut drawn = comfy_table::Table::new();
    drawn.load_style(TableStyle::new()).set_content_arrangement(ContentArrangement::Disabled).force_no_tty();
    for row in rows {
        drawn.add_row(row);
    }
    let last = columns.len().saturating_sub(1);
    for (index, (drawn, (column, &width))) in drawn.column_iter_mut().zip(columns.iter().zip(widths)).enumerate() {
        let gap = if index == last { 0 } else { GAP };
        drawn.set_padding((0, gap as u16));
        drawn.set_cell_alignment(if column.is_right { CellAlignment::Right } else { CellAlignment::Left });
        drawn.set_constraint(ColumnConstraint::Absolute(Width::Fixed(u16::try_from(width + gap).unwrap_or(u16::MAX))));
    }
    drawn.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// Names give way to numbers; if they cannot, numbers lose digits.
fn fitted_widths(columns: &mut [ShownColumn], width: usize) -> Vec<usize> {
    let taken = |columns: &[ShownColumn]| {
        let least = columns.iter().map(|column| column.wanted(usize::MAX).least);
        least.sum::<usize>() + columns.len().saturating_sub(1) * GAP
    };
    if taken(columns) > width {
        columns.iter_mut().for_each(|column| column.values.clone_from(&column.short_values));
    }
    let first: Vec<Wanted> = columns.iter().map(|column| column.wanted(usize::MAX)).collect();
    let first = widths(&first, width);
    // Names that lose what is common to them need less, and others get what they leave.
    let shorter = columns.iter().zip(&first).map(|(column, &width)| match column.is_name {
        true if column.widest_value() > width => {
            let FittedNames { texts, dropped } = column.names(width);
            let widest = texts.iter().map(|text| text_width(text)).max().unwrap_or(0);
            let longest = if dropped.is_empty() || widest == width { usize::MAX } else { widest };
            column.wanted(longest)
        }
        _ => column.wanted(usize::MAX),
    });
    widths(&shorter.collect::<Vec<_>>(), width)
}

/// Rows below one heading, if there are headings.
struct Group {
    /// What the rows have in common, and the figures of the group.
    heading: Option<(String, String)>,
    rows: Vec<usize>,
}

/// The first `top` rows in groups, those with the best rank first.
fn groups(table: &DetectorTable<'_>, top: usize) -> Vec<Group> {
    let rows = 0..table.table.row_count().min(top);
    let Some(headings) = table.headings else { return vec![Group { heading: None, rows: rows.collect() }] };
    let by: Vec<(&Column, &[Cell])> = headings.by.iter().filter_map(|name| table.table.column(name)).collect();
    let mut groups: Vec<(Vec<&Cell>, Group)> = Vec::new();
    for row in rows {
        let key: Vec<&Cell> = by.iter().map(|(_, cells)| &cells[row]).collect();
        if let Some((_, group)) = groups.iter_mut().find(|(known, _)| *known == key) {
            group.rows.push(row);
            continue;
        }
        let figures = headings.figures.iter().filter_map(|(column, cells)| {
            let cell = cells.get(row)?;
            let value = for_people(column, cell);
            Some(match (column.unit, column.name.strip_suffix("_ns")) {
                (Unit::Nanoseconds, _) if column.adds_up => format!("{value} in all"),
                (Unit::Nanoseconds, Some(statistic)) => format!("{statistic} {value}"),
                _ => format!("{value} {}", title(column)),
            })
        });
        let names = key.iter().zip(&by).filter_map(|(cell, (column, _))| match cell {
            // What everything is unless something else is said.
            Cell::Text(text) if text == "root" => None,
            Cell::None => None,
            cell => Some(for_people(column, cell)),
        });
        let names = sanitized(&names.collect::<Vec<_>>().join(" ")).into_owned();
        let heading = Some((names, figures.collect::<Vec<_>>().join(" · ")));
        groups.push((key, Group { heading, rows: vec![row] }));
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

fn write_heading(out: &mut impl Write, group: &Group, style: TerminalStyle) -> io::Result<()> {
    let Some((names, figures)) = &group.heading else { return Ok(()) };
    let paint = style.paint();
    if text_width(names) + GAP + text_width(figures) <= style.width {
        let blanks = " ".repeat(GAP);
        return writeln!(out, "{}", format!("{}{blanks}{}", paint.bold(names), paint.dim(figures)).trim_end());
    }
    for line in broken(names, style.width) {
        writeln!(out, "{}", paint.bold(&line))?;
    }
    for line in wrapped(figures, style.width.saturating_sub(GAP)) {
        writeln!(out, "{:GAP$}{}", "", paint.dim(&line))?;
    }
    Ok(())
}

/// The lines below each row; none if the table has no such column.
fn below_rows(table: &DetectorTable<'_>, rows: &[usize], width: usize) -> Vec<Vec<String>> {
    let Some((_, cells)) = table.table.column(BELOW_ROW).filter(|_| table.shows(BELOW_ROW)) else { return Vec::new() };
    let width = width.saturating_sub(INDENT + text_width(BELOW));
    let lines = rows.iter().map(|&row| match &cells[row] {
        Cell::Text(text) if !text.is_empty() => broken(&sanitized(text), width),
        _ => Vec::new(),
    });
    lines.collect()
}

/// Lists the trace ids by rank, as many on a line as fit.
fn write_examples(
    out: &mut impl Write,
    ids: &[Cell],
    rows: &[usize],
    style: TerminalStyle,
    links: &TraceLinks,
) -> io::Result<()> {
    let ids: Vec<(usize, &str)> = rows
        .iter()
        .filter_map(|&row| match &ids[row] {
            Cell::Text(id) => Some((row + 1, id.as_str())),
            _ => None,
        })
        .collect();
    let digits = ids.iter().map(|(rank, _)| rank.to_string().len()).max().unwrap_or(0);
    let widest = ids.iter().map(|(_, id)| digits + 1 + text_width(id)).max().unwrap_or(0);
    let label = if EXAMPLES.len() + widest <= style.width { EXAMPLES } else { "" };
    let on_a_line = ((style.width.saturating_sub(label.len()) + GAP) / (widest + GAP)).max(1);
    for (index, line) in ids.chunks(on_a_line).enumerate() {
        let entries = line.iter().map(|(rank, id)| format!("{rank:>digits$} {}", links.linked(id, &sanitized(id))));
        let label = if index == 0 { style.paint().dim(label) } else { " ".repeat(label.len()) };
        writeln!(out, "{label}{}", joined(entries))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
