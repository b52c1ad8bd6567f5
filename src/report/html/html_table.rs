//! Tables of the report as tables of the page.

use crate::detectors::Cell;
use crate::rank::Table;
use crate::report::terminal::Role;
use crate::report::text::cell_text::{for_people, is_numeric, title};
use crate::report::text::units;
use crate::report::trace_links::TraceLinks;

use super::shown_text::shortened;

/// A table.
#[derive(Clone, Debug, Default)]
pub(super) struct HtmlTable {
    pub(super) name: String,
    /// What it says; may be empty.
    pub(super) about: String,
    pub(super) heads: Vec<Head>,
    pub(super) rows: Vec<Vec<HtmlCell>>,
    /// What is said of rows that are not shown; may be empty.
    pub(super) more: String,
}

/// The head of a column.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    pub(super) title: String,
    pub(super) doc: &'static str,
    pub(super) is_numeric: bool,
}

/// A cell.
#[derive(Clone, Debug, Default)]
pub(super) struct HtmlCell {
    pub(super) text: String,
    /// Where it leads; may be empty.
    pub(super) href: String,
    pub(super) is_numeric: bool,
    pub(super) is_id: bool,
}

const MAX_TEXT: usize = 200;

impl HtmlTable {
    /// The first rows of `table`, in the columns that a terminal shows, or in all but `hidden` ones where it names none.
    pub(super) fn of(table: &Table, about: String, most: usize, links: &TraceLinks, hidden: &[&str]) -> Self {
        let mut columns: Vec<_> = if table.terminal_columns.is_empty() {
            table.columns.iter().zip(table.values.iter().map(Vec::as_slice)).collect()
        } else {
            table.shown().collect()
        };
        columns.retain(|(column, _)| !hidden.contains(&column.name));
        columns.sort_by_key(|(column, _)| Role::of(column));
        let head = |(column, _): &(&crate::detectors::Column, &[Cell])| Head {
            title: title(column),
            doc: column.doc,
            is_numeric: is_numeric(column),
        };
        let rows = table.row_count();
        let row = |row: usize| {
            columns
                .iter()
                .map(|(column, cells)| {
                    let is_trace = column.is_trace();
                    let href = match &cells[row] {
                        Cell::Text(id) if is_trace => links.address(id),
                        _ => String::new(),
                    };
                    HtmlCell {
                        text: shortened(&for_people(column, &cells[row]), MAX_TEXT),
                        href,
                        is_numeric: is_numeric(column),
                        is_id: is_trace,
                    }
                })
                .collect()
        };
        let more = rows.saturating_sub(most) as u64 + table.summed_up.saturating_sub(u64::from(table.summed_up > 0));
        Self {
            name: table.name.replace('_', "-"),
            about,
            heads: columns.iter().map(head).collect(),
            rows: (0..rows.min(most)).map(row).collect(),
            more: match more {
                0 => String::new(),
                more => format!("{} not shown: the tables of --output hold all", units::counted(more, "more row")),
            },
        }
    }
}
