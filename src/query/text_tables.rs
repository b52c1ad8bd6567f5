//! Tables in files of CSV and JSON, with the types that they have in Parquet.
//!
//! JSON tells all that Parquet does, numbers with fractions to about the last digit. CSV does not tell an empty text from none, so that all are empty texts, and has an
//! apostrophe before texts that spreadsheets would take for formulas.

use std::path::Path;

use hashbrown::HashSet;
use serde_json::Value;

use crate::detectors::{Cell, Column, Unit};
use crate::rank::Table;

use super::QueryError;
use super::column_units::ColumnUnits;
use super::tables::unreadable;

/// What parts the names of a list in CSV.
const BETWEEN_NAMES: char = ';';

/// The table in a file of JSON: an array of objects.
///
/// # Errors
/// If it is something else.
pub(super) fn read_json_table(path: &Path, name: &'static str, units: &ColumnUnits) -> Result<Table, QueryError> {
    let text = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    let rows: Vec<serde_json::Map<String, Value>> =
        serde_json::from_slice(&text).map_err(|error| unreadable(path, &error))?;
    let mut names: Vec<&str> = Vec::new();
    let mut known = HashSet::new();
    for key in rows.iter().flat_map(serde_json::Map::keys) {
        if known.insert(key.as_str()) {
            names.push(key);
        }
    }
    let columns: Vec<Column> = names.iter().map(|column| column_of(name, column, units)).collect();
    let values = columns.iter().map(|column| {
        let cells =
            rows.iter().map(|row| row.get(column.name).map_or(Cell::None, |value| from_json(column.unit, value)));
        cells.collect()
    });
    let values = values.collect();
    Ok(Table { name, columns, terminal_columns: &[], values, summed_up: 0 })
}

/// The table in a file of CSV.
///
/// # Errors
/// If it cannot be read.
pub(super) fn read_csv_table(path: &Path, name: &'static str, units: &ColumnUnits) -> Result<Table, QueryError> {
    let mut reader = csv::Reader::from_path(path).map_err(|error| unreadable(path, &error))?;
    let names = reader.headers().map_err(|error| unreadable(path, &error))?;
    let columns: Vec<Column> = names.iter().map(|column| column_of(name, column, units)).collect();
    let mut values: Vec<Vec<Cell>> = vec![Vec::new(); columns.len()];
    for row in reader.records() {
        let row = row.map_err(|error| unreadable(path, &error))?;
        for ((column, values), text) in columns.iter().zip(&mut values).zip(&row) {
            values.push(from_csv(column.unit, text));
        }
    }
    Ok(Table { name, columns, terminal_columns: &[], values, summed_up: 0 })
}

/// A column of that name. A process answers one question, so that names that live as long as it does are few.
fn column_of(table: &'static str, name: &str, units: &ColumnUnits) -> Column {
    let name = name.to_owned().leak();
    Column::new(name, units.of(table, name), "")
}

/// A value that is none of the unit is no value.
fn from_json(unit: Unit, value: &Value) -> Cell {
    let cell = match (unit, value) {
        (Unit::Text | Unit::Id, Value::String(text)) => Some(Cell::Text(text.clone())),
        (Unit::Count | Unit::Nanoseconds, value) => value.as_i64().map(Cell::Int),
        (Unit::Share | Unit::Number, value) => value.as_f64().map(Cell::Float),
        (Unit::Flag, value) => value.as_bool().map(Cell::Flag),
        (Unit::Time, Value::String(text)) => time(text),
        (Unit::Names, Value::Array(names)) => {
            Some(Cell::Names(names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()))
        }
        (Unit::Durations, Value::Array(values)) => Some(Cell::Ints(values.iter().filter_map(Value::as_i64).collect())),
        _ => None,
    };
    cell.unwrap_or(Cell::None)
}

fn from_csv(unit: Unit, text: &str) -> Cell {
    let cell = match unit {
        Unit::Text | Unit::Id => Some(Cell::Text(text.to_owned())),
        Unit::Count | Unit::Nanoseconds => text.parse().ok().map(Cell::Int),
        Unit::Share | Unit::Number => text.parse().ok().map(Cell::Float),
        Unit::Flag => text.parse().ok().map(Cell::Flag),
        Unit::Time => time(text),
        Unit::Names if text.is_empty() => Some(Cell::Names(Vec::new())),
        Unit::Names => Some(Cell::Names(text.split(BETWEEN_NAMES).map(str::to_owned).collect())),
        Unit::Durations => Some(Cell::Ints(text.split(BETWEEN_NAMES).filter_map(|value| value.parse().ok()).collect())),
    };
    cell.unwrap_or(Cell::None)
}

fn time(text: &str) -> Option<Cell> {
    let time: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok().map(Cell::Int)
}
