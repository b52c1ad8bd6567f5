//! What the values of a column are, where a file does not say: CSV has texts, JSON no times.

use hashbrown::HashMap;

use crate::detectors::{Column, Unit};
use crate::explain::{detector_pages, topic_pages};

/// What the values of columns are, by the names of columns: a name means the same in every table.
pub(super) struct ColumnUnits {
    units: HashMap<&'static str, Unit>,
}

impl ColumnUnits {
    /// Those of all tables.
    pub(super) fn of_all_tables() -> Self {
        Self { units: all_columns().map(|column| (column.name, column.unit)).collect() }
    }

    /// That of a column; text if no table of this version has it.
    pub(super) fn of(&self, column: &str) -> Unit {
        self.units.get(column).copied().unwrap_or(Unit::Text)
    }
}

/// The columns of all tables that are explained, which are all that there are.
fn all_columns() -> impl Iterator<Item = Column> {
    let pages = detector_pages().into_iter().chain(topic_pages());
    pages.flat_map(|page| page.tables).flat_map(|table| table.columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise a column would be read as what it is elsewhere.
    #[test]
    fn a_name_means_the_same_in_every_table() {
        let units = ColumnUnits::of_all_tables();
        assert!(all_columns().count() > 100);
        for column in all_columns() {
            assert_eq!(units.of(column.name), column.unit, "{}", column.name);
        }
        assert_eq!(units.of("no such column"), Unit::Text);
    }
}
