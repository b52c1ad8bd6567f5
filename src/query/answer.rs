//! The answer as a table that the writers of reports know: plain values, with units that follow from names.
//!
//! Names that end in `_ns` are durations, in `_share` shares, in `_id` ids, as in the tables that are asked. So an answer looks
//! like them, whatever was calculated.

use polars::prelude::{AnyValue, Column as Series, DataFrame, DataType, TimeUnit};

use crate::detectors::{Cell, Column, Unit};
use crate::rank::Table;
use crate::report::{NAMED_BY_ASKER, sanitized};

/// The table of a frame.
pub(super) fn table_of(frame: &DataFrame) -> Table {
    let columns: Vec<Column> = frame.columns().iter().map(column_of).collect();
    let values = columns.iter().zip(frame.columns()).map(|(column, series)| {
        let cells = (0..series.len()).map(|row| series.get(row).map_or(Cell::None, |value| cell(column.unit, &value)));
        cells.collect()
    });
    let values = values.collect();
    Table { name: "query", columns, terminal_columns: &["example_trace_id"], values, summed_up: 0 }
}

/// A process answers one question, so that names that live as long as it does are few.
fn column_of(series: &Series) -> Column {
    let name = sanitized(series.name()).into_owned();
    Column::new(name.leak(), unit(series.name(), series.dtype()), NAMED_BY_ASKER)
}

fn unit(name: &str, data_type: &DataType) -> Unit {
    let is = |ending: &str| name == &ending[1..] || name.ends_with(ending);
    match data_type {
        DataType::Boolean => Unit::Flag,
        DataType::Datetime(..) => Unit::Time,
        DataType::Duration(_) => Unit::Nanoseconds,
        DataType::List(inner) if **inner == DataType::String => Unit::Names,
        DataType::List(inner) if **inner == DataType::Int64 && (is("_ns") || is("_timeouts")) => Unit::Durations,
        data_type if data_type.is_numeric() && is("_ns") => Unit::Nanoseconds,
        data_type if data_type.is_integer() => Unit::Count,
        data_type if data_type.is_float() && is("_share") => Unit::Share,
        data_type if data_type.is_float() => Unit::Number,
        _ if is("_id") => Unit::Id,
        _ => Unit::Text,
    }
}

fn cell(unit: Unit, value: &AnyValue<'_>) -> Cell {
    let found = match (unit, value) {
        (_, AnyValue::Null) => None,
        (Unit::Flag, AnyValue::Boolean(flag)) => Some(Cell::Flag(*flag)),
        (Unit::Time | Unit::Nanoseconds, AnyValue::Datetime(time, unit, _) | AnyValue::Duration(time, unit)) => {
            Some(Cell::Int(time.saturating_mul(nanoseconds(*unit))))
        }
        // What was calculated of nanoseconds is told to the nanosecond.
        (Unit::Nanoseconds, value) if value.is_float() => value.extract().map(|ns: f64| Cell::Int(ns.round() as i64)),
        (Unit::Count | Unit::Nanoseconds, value) => value.extract().map(Cell::Int),
        (Unit::Share | Unit::Number, value) => value.extract().map(Cell::Float),
        (Unit::Names, AnyValue::List(names)) => Some(Cell::Names(match names.str() {
            Ok(names) => names.iter().map(|name| name.unwrap_or_default().to_owned()).collect(),
            Err(_) => Vec::new(),
        })),
        (Unit::Durations, AnyValue::List(values)) => {
            Some(Cell::Ints(values.i64().map_or(Vec::new(), |values| values.iter().flatten().collect())))
        }
        (_, value) => Some(Cell::Text(match value.get_str() {
            Some(text) => text.to_owned(),
            None => value.to_string(),
        })),
    };
    found.unwrap_or(Cell::None)
}

fn nanoseconds(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Nanoseconds => 1,
        TimeUnit::Microseconds => 1_000,
        TimeUnit::Milliseconds => 1_000_000,
    }
}
