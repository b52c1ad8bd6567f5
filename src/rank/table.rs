//! A ranked table, ready to be written: plain values, no symbols, no Polars.

use crate::detectors::{Aggregate, Cell, Column, Unit};
use crate::trace::total_ns;

/// A table whose rows are in the order of their ranks.
#[derive(Clone, Debug)]
pub struct Table {
    /// Name: file name and key in JSON.
    pub name: &'static str,
    /// Columns, declared by the detector.
    pub columns: &'static [Column],
    /// Columns that a terminal shows, the most important first.
    pub terminal_columns: &'static [&'static str],
    /// Values by column, then row.
    pub values: Vec<Vec<Cell>>,
    /// How many rows the last one stands for; 0 if every row stands for itself.
    pub summed_up: u64,
}

/// The most rows of a table that stand for themselves. Where every request has a span name of its own there are as many
/// patterns as requests, and nobody reads the rest of those.
pub(super) const MAX_ROWS: usize = 100_000;

/// What the row that sums up all others is called.
pub(super) const OTHER: &str = "(other)";

impl Table {
    /// Sums up all rows beyond the first `most` in one row, called [`OTHER`] in its first text: what adds up is added up, and
    /// the rest has no value.
    pub(super) fn capped(mut self, most: usize) -> Self {
        if self.row_count() <= most {
            return self;
        }
        self.summed_up = (self.row_count() - most) as u64;
        let first_text = self.columns.iter().position(|column| column.unit == Unit::Text);
        for (index, (column, cells)) in self.columns.iter().zip(&mut self.values).enumerate() {
            let rest = cells.split_off(most);
            let adds_up = matches!(column.aggregate, Aggregate::Sum(_) | Aggregate::Impact | Aggregate::Findings)
                || column.name == "critical_ns";
            cells.push(match column.aggregate {
                Aggregate::Rank => Cell::Int(most as i64 + 1),
                _ if column.name == "rank" => Cell::Int(most as i64 + 1),
                _ if Some(index) == first_text => Cell::Text(OTHER.to_owned()),
                _ if adds_up => Cell::Int(total_ns(rest.iter().map(|cell| match cell {
                    Cell::Int(number) => *number,
                    _ => 0,
                }))),
                _ => Cell::None,
            });
        }
        self
    }

    /// Number of rows.
    pub fn row_count(&self) -> usize {
        self.values.first().map_or(0, Vec::len)
    }

    /// The columns that a terminal shows; those without any value are left out.
    pub fn shown(&self) -> impl Iterator<Item = (&'static Column, &[Cell])> {
        let columns = self.terminal_columns.iter().filter_map(|name| self.column(name));
        columns.filter(|(_, cells)| cells.is_empty() || cells.iter().any(|cell| *cell != Cell::None))
    }

    /// The column of that name and its values.
    pub fn column(&self, name: &str) -> Option<(&'static Column, &[Cell])> {
        let index = self.columns.iter().position(|column| column.name == name)?;
        Some((&self.columns[index], &self.values[index]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[
        Column { name: "rank", unit: Unit::Count, doc: "", aggregate: Aggregate::Rank },
        Column { name: "service", unit: Unit::Text, doc: "", aggregate: Aggregate::Key(0) },
        Column { name: "time_ns", unit: Unit::Nanoseconds, doc: "", aggregate: Aggregate::Sum(0) },
        Column { name: "traces", unit: Unit::Count, doc: "", aggregate: Aggregate::Traces },
    ];

    #[test]
    fn rows_beyond_the_cap_are_summed_up() {
        let text = |text: &str| Cell::Text(text.to_owned());
        let numbers = |numbers: [i64; 4]| numbers.map(Cell::Int).to_vec();
        let table = || Table {
            name: "t",
            columns: COLUMNS,
            terminal_columns: &[],
            values: vec![
                numbers([1, 2, 3, 4]),
                ["a", "b", "c", "d"].map(text).to_vec(),
                numbers([40, 30, 20, 10]),
                numbers([4, 3, 2, 1]),
            ],
            summed_up: 0,
        };
        let capped = table().capped(2);
        assert_eq!((capped.row_count(), capped.summed_up), (3, 2));
        let last: Vec<&Cell> = capped.values.iter().map(|cells| &cells[2]).collect();
        assert_eq!(last, [&Cell::Int(3), &text(OTHER), &Cell::Int(30), &Cell::None]);
        assert_eq!(table().capped(4).values, table().values);
    }
}
