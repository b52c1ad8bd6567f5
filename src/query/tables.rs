//! The tables that can be asked: those of one output directory by their names, those of others behind a name of their own.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use polars::prelude::{IntoLazy as _, LazyFrame, len};

use crate::compare::RunDirectory;
use crate::detectors::{Cell, Column, Unit};
use crate::rank::Table;
use crate::report::write_parquet_table;

use super::QueryError;
use super::column_units::ColumnUnits;
use super::frames::{frame_of, frame_of_file};
use super::run_values::{RUN, run_table};
use super::text_tables::{read_csv_table, read_json_table};

/// The tables of some output directories.
#[derive(Debug, Default)]
pub(crate) struct RunTables {
    tables: Vec<RunTable>,
}

/// A table of a run. It is read when it is asked for.
#[derive(Debug)]
struct RunTable {
    /// As it is called: `problems`, or `before.problems`.
    name: String,
    file: PathBuf,
    is_run: bool,
}

impl RunTables {
    /// Adds the tables of an output directory; behind `name` and a point if one is given.
    ///
    /// # Errors
    /// If no run has written its results there, or that name is taken.
    pub(crate) fn add(&mut self, directory: &Path, name: Option<&str>) -> Result<(), QueryError> {
        let called = |table: &str| name.map_or_else(|| table.to_owned(), |name| format!("{name}.{table}"));
        if let Some(name) = name
            && self.tables.iter().any(|table| table.name == called(RUN))
        {
            return Err(QueryError::NameTaken { name: name.to_owned() });
        }
        let run = RunDirectory::of_any_format(directory)?;
        let files = run.table_files().into_iter().map(|file| (file, false));
        for (file, is_run) in files.chain([(directory.join("run.json"), true)]) {
            let Some(stem) = file.file_stem().and_then(|stem| stem.to_str()) else { continue };
            self.tables.push(RunTable { name: called(stem), is_run, file });
        }
        Ok(())
    }

    /// What they are called.
    pub(super) fn names(&self) -> Vec<String> {
        self.tables.iter().map(|table| table.name.clone()).collect()
    }

    /// A table that there is.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn frame(&self, name: &str) -> Result<LazyFrame, QueryError> {
        let Some(table) = self.tables.iter().find(|table| table.name == name) else {
            unreachable!("a statement names only tables that there are, and {name} is none")
        };
        let file = &table.file;
        // Of another run, its name stands before.
        let stem: &'static str = name.rsplit_once('.').map_or(name, |(_, stem)| stem).to_owned().leak();
        let units = ColumnUnits::of_all_tables;
        let in_memory = match file.extension().and_then(|extension| extension.to_str()) {
            _ if table.is_run => {
                let text = std::fs::read(file).map_err(|error| unreadable(file, &error))?;
                run_table(&serde_json::from_slice(&text).map_err(|error| unreadable(file, &error))?)
            }
            Some("csv") => read_csv_table(file, stem, &units())?,
            Some("json") => read_json_table(file, stem, &units())?,
            _ => return Ok(frame_of_file(file)?.lazy()),
        };
        // As Parquet, so that there is one rule for what becomes of a value.
        let bytes = write_parquet_table(Vec::new(), &in_memory).map_err(|error| unreadable(file, &error))?;
        Ok(frame_of(bytes::Bytes::from(bytes), file)?.lazy())
    }

    /// A table of the tables: names, rows, columns.
    ///
    /// # Errors
    /// If one cannot be read.
    pub(crate) fn listed(&self) -> Result<Table, QueryError> {
        let columns = vec![
            Column::new("table", Unit::Text, "its name"),
            Column::new("rows", Unit::Count, "number of rows"),
            Column::new("columns", Unit::Names, "its columns"),
        ];
        let mut values: Vec<Vec<Cell>> = columns.iter().map(|_| Vec::new()).collect();
        for RunTable { name, file, .. } in &self.tables {
            let mut frame = self.frame(name)?;
            let schema = frame.collect_schema().map_err(|error| unreadable(file, &error))?;
            let counted = frame.select([len()]).collect().map_err(|error| unreadable(file, &error))?;
            let rows = counted.columns().first().and_then(|rows| rows.u32().ok()?.get(0)).unwrap_or(0);
            let cells = [
                Cell::Text(name.clone()),
                Cell::Int(i64::from(rows)),
                Cell::Names(schema.iter_names().map(ToString::to_string).collect()),
            ];
            values.iter_mut().zip(cells).for_each(|(column, cell)| column.push(cell));
        }
        Ok(Table { name: "tables", columns, terminal_columns: &["table", "rows", "columns"], values, summed_up: 0 })
    }
}

/// Why a table cannot be read.
pub(super) fn unreadable(path: &Path, reason: &dyn Display) -> QueryError {
    QueryError::Unreadable { path: path.to_owned(), reason: reason.to_string() }
}
