//! What the writers for standard output get of each detector.

use crate::detectors::{Description, RankedBy};
use crate::rank::{Headings, Table};
use crate::report::units;

/// A detector's table with what it takes to introduce it.
#[derive(Clone, Debug)]
pub(crate) struct DetectorTable<'a> {
    /// The detector.
    pub description: &'static Description,
    /// Names and values of its thresholds, as set.
    pub thresholds: Vec<(&'static str, String)>,
    /// Its table.
    pub table: &'a Table,
    /// What its rows are shown below, if they come in groups.
    pub headings: Option<&'a Headings>,
    /// Rows of level note that were left out of the table.
    pub notes_left_out: usize,
}

impl DetectorTable<'_> {
    /// The column that decides the ranking.
    pub(in crate::report) fn impact_column(&self) -> Option<&'static str> {
        self.description.ranked_by.iter().find_map(|rule| match rule {
            RankedBy::Largest(column) => Some(*column),
            _ => None,
        })
    }

    /// Whether a terminal shows the column of that name, if there is room.
    pub(in crate::report) fn shows(&self, column: &str) -> bool {
        self.table.terminal_columns.contains(&column)
    }

    /// What is said of an empty table in a list of such.
    pub(in crate::report) fn found_nothing(&self) -> String {
        let thresholds: Vec<String> = self.thresholds.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        let mut said = thresholds;
        if self.notes_left_out > 0 {
            said.push(format!("{} with --notes", units::counted(self.notes_left_out as u64, "note")));
        }
        let name = self.description.name;
        if said.is_empty() { name.to_owned() } else { format!("{name} ({})", said.join(", ")) }
    }

    /// How many rows are shown, of how many, and where the `rest` is.
    pub(in crate::report) fn rows_shown(&self, top: usize, rest: fn(usize) -> String) -> String {
        let rows = self.table.row_count();
        let shown = if rows <= top {
            units::counted(rows as u64, "row")
        } else {
            format!("{} of {} rows; {}", units::count(top), units::count(rows), rest(rows))
        };
        match self.table.summed_up {
            0 => shown,
            more => format!("{shown}; the last row sums up {} more", units::count(more)),
        }
    }
}
