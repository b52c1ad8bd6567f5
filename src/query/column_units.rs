//! What the values of a column are, where a file does not say: CSV has texts, JSON no times.

use hashbrown::HashMap;

use crate::compare::{CHANGE_COLUMNS, LATENCY_CHANGE_COLUMNS};
use crate::detectors::{CatalogEntry, Column, Unit, catalog};
use crate::gates::BUDGET_COLUMNS;
use crate::incident;
use crate::rank::{ENTRY_COLUMNS, FINDING_COLUMNS, PATTERN_COLUMNS, PATTERN_ENTRY_COLUMNS, PROBLEM_COLUMNS};

/// What the values of columns are, by the names of columns: a name means the same in every table.
pub(super) struct ColumnUnits {
    units: HashMap<&'static str, Unit>,
}

impl ColumnUnits {
    /// Those of all tables.
    pub(super) fn of_all_tables() -> Self {
        Self { units: all_columns().iter().map(|column| (column.name, column.unit)).collect() }
    }

    /// That of a column; text if no table of this version has it.
    pub(super) fn of(&self, column: &str) -> Unit {
        self.units.get(column).copied().unwrap_or(Unit::Text)
    }
}

fn all_columns() -> Vec<Column> {
    let explained = catalog().into_iter().chain(incident::explanation());
    let mut columns: Vec<Column> = explained.flat_map(|CatalogEntry { columns, .. }| columns).collect();
    let others: [&[Column]; 8] = [
        &PROBLEM_COLUMNS,
        &FINDING_COLUMNS,
        &ENTRY_COLUMNS,
        &PATTERN_COLUMNS,
        &PATTERN_ENTRY_COLUMNS,
        &CHANGE_COLUMNS,
        &LATENCY_CHANGE_COLUMNS,
        &BUDGET_COLUMNS,
    ];
    columns.extend(others.into_iter().flatten());
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise a column would be read as what it is elsewhere.
    #[test]
    fn a_name_means_the_same_in_every_table() {
        let units = ColumnUnits::of_all_tables();
        for column in all_columns() {
            assert_eq!(units.of(column.name), column.unit, "{}", column.name);
        }
        assert_eq!(units.of("no such column"), Unit::Text);
    }
}
