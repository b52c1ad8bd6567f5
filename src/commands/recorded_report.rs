//! What reports say of a run that lies in an output directory.

use std::path::Path;

use anyhow::Context as _;

use crate::compare::RunDirectory;
use crate::detectors::{Description, catalog};
use crate::rank::{ENTRIES, ENTRY_COLUMNS, PROBLEM_COLUMNS, PROBLEMS, Table, place_of_largest};
use crate::report::{DetectorTable, Summary};

/// The table of a detector, with the thresholds that it ran with.
struct RecordedTable {
    description: &'static Description,
    thresholds: Vec<(&'static str, String)>,
    table: Table,
}

/// A run with its tables.
pub(super) struct RecordedReport {
    /// What it read and counted.
    pub(super) summary: Summary,
    /// Its problems.
    pub(super) problems: Table,
    /// Where its requests came in.
    pub(super) entries: Option<Table>,
    tables: Vec<RecordedTable>,
    /// Its settings.
    pub(super) settings: serde_json::Value,
}

impl RecordedReport {
    /// The run in the directory at `path`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let directory = RunDirectory::open(path)?;
        let text = directory.run_json()?;
        let no_run = || format!("{} holds no run.json of tracescan", path.display());
        let summary = Summary::recorded(&text).with_context(no_run)?;
        let settings = directory.run.settings.clone();
        let problems = directory.whole_table(PROBLEMS, &PROBLEM_COLUMNS, &[])?.with_context(no_run)?;
        let mut tables = Vec::new();
        for entry in catalog() {
            let description = entry.description;
            let Some(table) = directory.whole_table(description.table, &entry.columns, description.terminal_columns)?
            else {
                continue;
            };
            let value = |name: &str| settings.get(description.name)?.get(name).map(ToString::to_string);
            let said = entry.thresholds.iter().filter(|threshold| threshold.kind.list().is_none());
            let names = said.map(|threshold| threshold.name);
            let thresholds = names.filter_map(|name| Some((name, value(name)?))).collect();
            tables.push(RecordedTable { description, thresholds, table });
        }
        // As where they were made: the one with the largest problem first.
        tables.sort_by_key(|RecordedTable { description, .. }| place_of_largest(&problems, description.name));
        let entries = directory.whole_table(ENTRIES, &ENTRY_COLUMNS, &[])?;
        Ok(Self { summary, entries, tables, settings, problems })
    }

    /// The tables of its detectors.
    pub(super) fn detectors(&self) -> Vec<DetectorTable<'_>> {
        self.tables
            .iter()
            .map(|RecordedTable { description, thresholds, table }| DetectorTable {
                description,
                thresholds: thresholds.clone(),
                table,
                headings: None,
                notes_left_out: 0,
            })
            .collect()
    }
}
