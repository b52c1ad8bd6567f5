//! Values of tables as text: for people, and for CSV.

use crate::detectors::{Cell, Column, Unit};

use crate::report::text::units;

/// The value as people read it, not yet made harmless. Lists that people are shown are paths.
pub(in crate::report) fn for_people(column: &Column, cell: &Cell) -> String {
    match (column.unit, cell) {
        (_, Cell::None) => "-".to_owned(),
        (Unit::Nanoseconds, Cell::Int(value)) => units::duration(*value),
        (Unit::Time, Cell::Int(value)) => units::time_to_the_second(*value),
        (_, Cell::Int(value)) => units::count(value),
        (Unit::Share, Cell::Float(value)) => units::share(*value),
        (_, Cell::Float(value)) => units::number(*value),
        (_, Cell::Flag(flag)) => if *flag { "yes" } else { "no" }.to_owned(),
        (_, Cell::Text(text)) => text.clone(),
        (_, Cell::Names(names)) => names.join(" → "),
    }
}

/// The title of a column: its name without unit, as words.
pub(in crate::report) fn title(column: &Column) -> String {
    column.name.strip_suffix("_ns").unwrap_or(column.name).replace('_', " ")
}

/// Whether values are compared by size, so that their last digits belong below each other.
pub(in crate::report) fn is_numeric(column: &Column) -> bool {
    matches!(column.unit, Unit::Count | Unit::Nanoseconds | Unit::Share | Unit::Number)
}
