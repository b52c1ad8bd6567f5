//! A ranked table, ready to be written: plain values, no symbols, no Polars.

use crate::detectors::{Cell, Column};

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
}

impl Table {
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
