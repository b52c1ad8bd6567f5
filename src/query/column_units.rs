//! What the values of a column are, where a file does not say: CSV has texts, JSON no times.

use hashbrown::HashMap;

use crate::detectors::{Column, Unit};
use crate::explain::{detector_pages, topic_pages};

/// What the values of columns are, by the names of tables and columns.
pub(super) struct ColumnUnits {
    units: HashMap<(&'static str, &'static str), Unit>,
}

impl ColumnUnits {
    /// Those of all tables.
    pub(super) fn of_all_tables() -> Self {
        Self { units: all_columns().map(|(table, column)| ((table, column.name), column.unit)).collect() }
    }

    /// That of a column of a table; text if the table has no such column in this version.
    pub(super) fn of(&self, table: &'static str, column: &'static str) -> Unit {
        self.units.get(&(table, column)).copied().unwrap_or(Unit::Text)
    }
}

/// The columns of all tables that are explained, which are all that there are, each after its table.
fn all_columns() -> impl Iterator<Item = (&'static str, Column)> {
    let pages = detector_pages().into_iter().chain(topic_pages());
    let tables = pages.flat_map(|page| page.tables);
    tables.flat_map(|table| table.columns.into_iter().map(move |column| (table.name, column)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls are counted in most tables and named in one: what a column is depends on its table.
    #[test]
    fn a_name_means_one_thing_in_a_table() {
        let units = ColumnUnits::of_all_tables();
        assert!(all_columns().count() > 100);
        for (table, column) in all_columns() {
            assert_eq!(units.of(table, column.name), column.unit, "{table}.{}", column.name);
        }
        assert_eq!(
            (units.of("hard_dependency", "calls"), units.of("serial_fan_out", "calls")),
            (Unit::Count, Unit::Names)
        );
        assert_eq!(units.of("problems", "no such column"), Unit::Text);
    }
}
