//! A ranked table, ready to be written: plain values, no symbols, no Polars.

use std::borrow::Cow;
use std::ops::Range;

use crate::detectors::{BesideTable, Cell, Column, Description, Unit};
use crate::trace::total_ns;

/// A table whose rows are in the order of their ranks.
#[derive(Clone, Debug)]
pub struct Table {
    /// Name: file name and key in JSON.
    pub name: &'static str,
    /// Columns, declared by the detector.
    pub columns: Vec<Column>,
    /// Columns that a terminal shows, the most important first.
    pub terminal_columns: &'static [&'static str],
    /// Values by column, then row.
    pub values: Vec<Vec<Cell>>,
    /// How many rows the last one stands for; 0 if every row stands for itself.
    pub summed_up: u64,
}

/// Rows that are written: those of a table, or rows that are made while they are written.
pub trait Rows: Sync {
    /// Name: file name and key in JSON.
    fn name(&self) -> &'static str;

    /// Columns.
    fn columns(&self) -> &[Column];

    /// Number of rows.
    fn row_count(&self) -> usize;

    /// The values of a column in some of the rows.
    fn cells(&self, column: usize, rows: Range<usize>) -> Cow<'_, [Cell]>;
}

/// Rows that are made at a time where they are written one by one.
const ROWS_AT_A_TIME: usize = 1 << 12;

/// Shows the values of each of the first `top` rows.
///
/// # Errors
/// The first of `show`.
pub(crate) fn for_each_row<E>(
    table: &dyn Rows,
    top: usize,
    mut show: impl FnMut(&[&Cell]) -> Result<(), E>,
) -> Result<(), E> {
    let count = table.row_count().min(top);
    for first in (0..count).step_by(ROWS_AT_A_TIME) {
        let rows = first..(first + ROWS_AT_A_TIME).min(count);
        let columns: Vec<Cow<'_, [Cell]>> =
            (0..table.columns().len()).map(|column| table.cells(column, rows.clone())).collect();
        for row in 0..rows.len() {
            let cells: Vec<&Cell> = columns.iter().map(|cells| &cells[row]).collect();
            show(&cells)?;
        }
    }
    Ok(())
}

impl Rows for Table {
    fn name(&self) -> &'static str {
        self.name
    }

    fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn row_count(&self) -> usize {
        Table::row_count(self)
    }

    fn cells(&self, column: usize, rows: Range<usize>) -> Cow<'_, [Cell]> {
        Cow::Borrowed(&self.values[column][rows])
    }
}

/// The most rows of a table that stand for themselves. Where every request has a span name of its own there are as many
/// patterns as requests, and nobody reads the rest of those.
pub(super) const MAX_ROWS: usize = 100_000;

/// The column of places in the ranking.
const RANK: &str = "rank";

/// What the row that sums up all others is called.
pub(super) const OTHER: &str = "(other)";

impl Table {
    /// All of `rows` at once.
    pub fn of(rows: &dyn Rows) -> Self {
        let columns = rows.columns().to_vec();
        let values = (0..columns.len()).map(|column| rows.cells(column, 0..rows.row_count()).into_owned()).collect();
        Self { name: rows.name(), columns, terminal_columns: &[], values, summed_up: 0 }
    }

    /// A table beside a detector's own.
    pub(super) fn beside(table: BesideTable) -> Self {
        let BesideTable { name, columns, values } = table;
        Self { name, columns: columns.to_vec(), terminal_columns: &[], values, summed_up: 0 }.capped(MAX_ROWS)
    }

    /// A detector's table. `cells` are by column, then row, rows in the order of their keys; `order` are their places in the
    /// order of their ranks.
    pub(super) fn ranked(
        description: &Description,
        columns: Vec<Column>,
        mut cells: Vec<Vec<Cell>>,
        order: &[usize],
    ) -> Self {
        let values = columns.iter().zip(&mut cells).map(|(column, cells)| match column.name {
            RANK => (1..=order.len() as i64).map(Cell::Int).collect(),
            _ => order.iter().map(|&row| std::mem::replace(&mut cells[row], Cell::None)).collect(),
        });
        let values = values.collect();
        Self { name: description.table, terminal_columns: description.terminal_columns, columns, values, summed_up: 0 }
    }

    /// The same table without the rows whose `column` says `text`; `None` if there is none.
    pub(crate) fn without(&self, column: &str, text: &str) -> Option<Self> {
        let column = self.columns.iter().position(|known| known.name == column)?;
        let is_kept = |row: &usize| !matches!(&self.values[column][*row], Cell::Text(value) if value == text);
        let kept: Vec<usize> = (0..self.row_count()).filter(is_kept).collect();
        let values = || self.values.iter().map(|cells| kept.iter().map(|&row| cells[row].clone()).collect());
        (kept.len() < self.row_count()).then(|| Self { values: values().collect(), ..self.clone() })
    }

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
            cells.push(match column.name {
                RANK => Cell::Int(most as i64 + 1),
                _ if Some(index) == first_text => Cell::Text(OTHER.to_owned()),
                _ if column.adds_up => Cell::Int(total_ns(rest.iter().map(|cell| match cell {
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
    pub fn shown(&self) -> impl Iterator<Item = (&Column, &[Cell])> {
        let columns = self.terminal_columns.iter().filter_map(|name| self.column(name));
        columns.filter(|(_, cells)| cells.is_empty() || cells.iter().any(|cell| *cell != Cell::None))
    }

    /// The column of that name and its values.
    pub fn column(&self, name: &str) -> Option<(&Column, &[Cell])> {
        let index = self.columns.iter().position(|column| column.name == name)?;
        Some((&self.columns[index], &self.values[index]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Vec<Column> {
        let column = |name, unit, adds_up| Column { name, unit, doc: "", adds_up };
        vec![
            column("rank", Unit::Count, false),
            column("service", Unit::Text, false),
            column("time_ns", Unit::Nanoseconds, true),
            column("traces", Unit::Count, false),
        ]
    }

    #[test]
    fn rows_beyond_the_cap_are_summed_up() {
        let text = |text: &str| Cell::Text(text.to_owned());
        let numbers = |numbers: [i64; 4]| numbers.map(Cell::Int).to_vec();
        let table = || Table {
            name: "t",
            columns: columns(),
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
