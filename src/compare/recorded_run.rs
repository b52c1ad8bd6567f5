//! What an output directory holds of a run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray as _, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use hashbrown::HashMap;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::Deserialize;

use crate::detectors::{Cell, Column, Unit};
use crate::rank::Table;
use crate::report::UNIX_NANO;

/// Why an output directory cannot be compared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompareError {
    /// It is none.
    #[error("{} is no output directory of tracescan: {reason}", path.display())]
    NoRun {
        /// The directory.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Its tables are not there as Parquet.
    #[error("{} holds its tables as {format}, and only Parquet can be compared: write it with --table-format parquet", path.display())]
    Format {
        /// The directory.
        path: PathBuf,
        /// What they are.
        format: String,
    },
    /// It has not all that a comparison needs.
    #[error("{} has no {table}.parquet: a version that did not compare wrote it; analyze its input anew", path.display())]
    NoTable {
        /// The directory.
        path: PathBuf,
        /// The table.
        table: &'static str,
    },
    /// A table cannot be read.
    #[error("{} cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Some columns of a table.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableColumns {
    columns: HashMap<&'static str, Vec<Cell>>,
    rows: usize,
}

impl TableColumns {
    /// Those of a table that was just made.
    pub(crate) fn of(table: &Table, names: &[&'static str]) -> Self {
        let columns = names.iter().filter_map(|&name| Some((name, table.column(name)?.1.to_vec()))).collect();
        Self { columns, rows: table.row_count() }
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    fn cell(&self, column: &str, row: usize) -> &Cell {
        self.columns.get(column).and_then(|cells| cells.get(row)).unwrap_or(&Cell::None)
    }

    /// The text in a cell; empty if there is none.
    pub(crate) fn text(&self, column: &str, row: usize) -> &str {
        match self.cell(column, row) {
            Cell::Text(text) => text,
            _ => "",
        }
    }

    /// The number in a cell, if there is one.
    pub(crate) fn int(&self, column: &str, row: usize) -> Option<i64> {
        match self.cell(column, row) {
            Cell::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The number in a cell; 0 if there is none.
    pub(crate) fn count(&self, column: &str, row: usize) -> u64 {
        self.int(column, row).and_then(|number| u64::try_from(number).ok()).unwrap_or(0)
    }
}

/// An output directory.
#[derive(Debug)]
pub(crate) struct RunDirectory {
    path: PathBuf,
    /// What its `run.json` says.
    pub(crate) run: RunFile,
}

/// What of a `run.json` a comparison needs.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RunFile {
    /// The version that wrote it.
    pub(crate) version: String,
    /// Settings of the run.
    pub(crate) settings: serde_json::Value,
    #[serde(default)]
    files: Vec<String>,
    #[serde(default)]
    inputs: Vec<RecordedInput>,
}

/// What a `run.json` says of an input.
#[derive(Clone, Debug, Deserialize)]
struct RecordedInput {
    #[serde(default)]
    errors: Vec<String>,
}

impl RunFile {
    /// How many inputs could not be read, or not to the end.
    pub(crate) fn incomplete_inputs(&self) -> u64 {
        self.inputs.iter().filter(|input| !input.errors.is_empty()).count() as u64
    }

    /// Names of the detectors that were on.
    pub(crate) fn enabled(&self) -> Vec<&str> {
        let enabled = self.settings.get("enabled").and_then(serde_json::Value::as_array);
        enabled.into_iter().flatten().filter_map(serde_json::Value::as_str).collect()
    }
}

impl RunDirectory {
    /// The directory at `path`, with tables in any format.
    ///
    /// # Errors
    /// If no run has written its results there.
    pub(crate) fn of_any_format(path: &Path) -> Result<Self, CompareError> {
        let no_run = |reason: String| CompareError::NoRun { path: path.to_owned(), reason };
        let file = path.join("run.json");
        let text = fs::read(&file).map_err(|error| no_run(format!("{}: {error}", file.display())))?;
        let run: RunFile =
            serde_json::from_slice(&text).map_err(|error| no_run(format!("{}: {error}", file.display())))?;
        Ok(Self { path: path.to_owned(), run })
    }

    /// The directory at `path`, with tables as Parquet.
    ///
    /// # Errors
    /// If no run has written its results there, or not as Parquet.
    pub(crate) fn open(path: &Path) -> Result<Self, CompareError> {
        let directory = Self::of_any_format(path)?;
        let extension = |name: &String| Path::new(name).extension()?.to_str().map(str::to_owned);
        let other = directory.run.files.iter().filter_map(extension).find(|extension| extension != "parquet");
        match other {
            Some(format) => Err(CompareError::Format { path: path.to_owned(), format: format.to_uppercase() }),
            None => Ok(directory),
        }
    }

    /// The files of its tables, as its `run.json` lists them. What is not in the directory itself is left out, because a
    /// `run.json` can come from anywhere.
    pub(crate) fn table_files(&self) -> Vec<PathBuf> {
        let is_inside = |name: &&String| Path::new(name).file_name().is_some_and(|file| file == name.as_str());
        self.run.files.iter().filter(is_inside).map(|name| self.path.join(name)).collect()
    }

    /// The text of its `run.json`.
    ///
    /// # Errors
    /// If it cannot be read any more.
    pub(crate) fn run_json(&self) -> Result<Vec<u8>, CompareError> {
        let path = self.path.join("run.json");
        fs::read(&path).map_err(|error| CompareError::Unreadable { path, reason: error.to_string() })
    }

    /// All rows of one of its tables, in these columns; none if the table is not there.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub(crate) fn whole_table(
        &self,
        table: &'static str,
        columns: &[Column],
        terminal_columns: &'static [&'static str],
    ) -> Result<Option<Table>, CompareError> {
        // Times stand beside with all their digits.
        let name = |column: &Column| match column.unit {
            Unit::Time => format!("{}{UNIX_NANO}", column.name),
            _ => column.name.to_owned(),
        };
        let names: Vec<String> = columns.iter().map(name).collect();
        let path = self.path.join(format!("{table}.parquet"));
        if !path.is_file() {
            return Ok(None);
        }
        let mut values: Vec<Vec<Cell>> = vec![Vec::new(); columns.len()];
        self.for_each_batch(&path, names.iter().map(String::as_str), |batch| {
            for (values, name) in values.iter_mut().zip(&names) {
                values.extend(cells(batch, name));
            }
        })?;
        Ok(Some(Table { name: table, columns: columns.to_vec(), terminal_columns, values, summed_up: 0 }))
    }

    fn for_each_batch<'a>(
        &self,
        path: &Path,
        names: impl Iterator<Item = &'a str>,
        mut look: impl FnMut(&RecordBatch),
    ) -> Result<(), CompareError> {
        let unreadable = |reason: String| CompareError::Unreadable { path: path.to_owned(), reason };
        let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| unreadable(error.to_string()))?;
        let wanted = ProjectionMask::columns(reader.parquet_schema(), names);
        let batches = reader.with_projection(wanted).build().map_err(|error| unreadable(error.to_string()))?;
        for batch in batches {
            look(&batch.map_err(|error| unreadable(error.to_string()))?);
        }
        Ok(())
    }

    /// Some columns of one of its tables; those that are not there are empty.
    ///
    /// # Errors
    /// If the table is not there or cannot be read.
    pub(crate) fn table(&self, table: &'static str, names: &[&'static str]) -> Result<TableColumns, CompareError> {
        let path = self.path.join(format!("{table}.parquet"));
        if !path.is_file() {
            return Err(CompareError::NoTable { path: self.path.clone(), table });
        }
        let mut read = TableColumns::default();
        self.for_each_batch(&path, names.iter().copied(), |batch| {
            for &name in names {
                read.columns.entry(name).or_default().extend(cells(batch, name));
            }
            read.rows += batch.num_rows();
        })?;
        Ok(read)
    }

    /// The same, empty if the table is not there: its detector was off.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub(crate) fn table_if_there(
        &self,
        table: &'static str,
        names: &[&'static str],
    ) -> Result<TableColumns, CompareError> {
        match self.table(table, names) {
            Err(CompareError::NoTable { .. }) => Ok(TableColumns::default()),
            read => read,
        }
    }
}

/// The values of a column; none where it is not there or has another type.
fn cells(batch: &RecordBatch, name: &str) -> Vec<Cell> {
    let Some(array) = batch.column_by_name(name) else { return vec![Cell::None; batch.num_rows()] };
    let rows = 0..array.len();
    match array.data_type() {
        DataType::Utf8 => {
            let texts = array.as_string::<i32>();
            rows.map(|row| if texts.is_null(row) { Cell::None } else { Cell::Text(texts.value(row).to_owned()) })
                .collect()
        }
        DataType::Int64 => {
            let numbers = array.as_primitive::<Int64Type>();
            rows.map(|row| if numbers.is_null(row) { Cell::None } else { Cell::Int(numbers.value(row)) }).collect()
        }
        DataType::Float64 => {
            let numbers = array.as_primitive::<Float64Type>();
            rows.map(|row| if numbers.is_null(row) { Cell::None } else { Cell::Float(numbers.value(row)) }).collect()
        }
        DataType::Boolean => {
            let flags = array.as_boolean();
            rows.map(|row| if flags.is_null(row) { Cell::None } else { Cell::Flag(flags.value(row)) }).collect()
        }
        DataType::List(item) if item.data_type() == &DataType::Utf8 => {
            let lists = array.as_list::<i32>();
            let names = |row: usize| {
                let names = lists.value(row);
                names.as_string::<i32>().iter().map(|name| name.unwrap_or_default().to_owned()).collect()
            };
            rows.map(|row| if lists.is_null(row) { Cell::None } else { Cell::Names(names(row)) }).collect()
        }
        DataType::List(item) if item.data_type() == &DataType::Int64 => {
            let lists = array.as_list::<i32>();
            let values = |row: usize| lists.value(row).as_primitive::<Int64Type>().iter().flatten().collect();
            rows.map(|row| if lists.is_null(row) { Cell::None } else { Cell::Ints(values(row)) }).collect()
        }
        _ => vec![Cell::None; array.len()],
    }
}
