//! The configuration file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, FileProblem};
use super::keys::{FileText, Keys, number_text};
use super::limits::{budgets, comparison_rules, ignore_rules};
use super::values::{COUNT, DURATION, Form, MEMORY, REPORT, REPORT_SIZE, SHARE, TRACE_URL};
use crate::cli::{StdoutFormat, TableFormat};
use crate::compare::ComparisonRules;
use crate::conventions::{NameLists, UncountedCalls, WordList};
use crate::detectors::{CatalogEntry, Detectors, catalog, list_text};
use crate::gates::{Budget, GateWord, IgnoreRule};
use crate::report::{ReportFile, TraceUrl};

/// The file that is read if it is there and no other is named.
const DEFAULT_FILE: &str = "tracescan.toml";

const WHOLE_NUMBER: Form<usize> = Form { told: "a whole number", parse: |text| text.parse().ok() };

/// What the file says. All of it is known to make sense, also what an option then overrides.
#[derive(Debug, Default)]
pub(super) struct ConfigFile {
    /// The file, if there is one.
    pub(super) path: Option<PathBuf>,
    /// The keys in it, with those of the tables that they are in.
    pub(super) written: BTreeSet<String>,
    pub(super) detector: Vec<String>,
    pub(super) skip: Vec<String>,
    pub(super) overlap_tolerance: Option<f64>,
    pub(super) threads: Option<usize>,
    pub(super) count_every_call: bool,
    pub(super) uncounted_calls: UncountedCalls,
    pub(super) names: NameLists,
    pub(super) format: Option<StdoutFormat>,
    pub(super) table_format: Option<TableFormat>,
    pub(super) top: Option<usize>,
    pub(super) fail_on: Vec<String>,
    pub(super) min_impact_ns: Option<i64>,
    pub(super) min_total_impact_ns: Option<i64>,
    pub(super) min_failed_requests: Option<u64>,
    pub(super) comparison: ComparisonRules,
    pub(super) ignore: Vec<IgnoreRule>,
    pub(super) budgets: Vec<Budget>,
    pub(super) allow_empty: bool,
    pub(super) retry_timeout_ns: Option<i64>,
    pub(super) memory_limit_bytes: Option<u64>,
    pub(super) temp_dir: Option<PathBuf>,
    pub(super) trace_url: Option<TraceUrl>,
    /// Files for reports.
    pub(super) reports: Vec<ReportFile>,
    /// Largest size of a page, in bytes.
    pub(super) report_size_bytes: Option<u64>,
    pub(super) detectors: Detectors,
}

impl ConfigFile {
    /// The file at `path`, else the usual one, else nothing.
    ///
    /// # Errors
    /// If it cannot be read or something in it is not known.
    pub(super) fn read(path: Option<&Path>) -> Result<Self, ConfigError> {
        let path = match path {
            Some(path) => path,
            None if Path::new(DEFAULT_FILE).is_file() => Path::new(DEFAULT_FILE),
            None => return Ok(Self::default()),
        };
        let bytes = std::fs::read(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(path, &bytes)
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, ConfigError> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let (readable, _) = bytes.split_at(error.valid_up_to());
            let text = std::str::from_utf8(readable).unwrap_or_default();
            FileText::new(path, text).error(readable.len(), FileProblem::NotUtf8)
        })?;
        let file = FileText::new(path, text);
        let table = DeTable::parse(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            file.error(start, FileProblem::NotToml { reason: error.message().to_owned() })
        })?;
        let mut keys = Keys::of_file(&file, table.get_ref());
        let with_findings = |entry: &CatalogEntry| entry.description.has_findings;
        let any: Vec<String> = names(|_| true).collect();
        let fail_on: Vec<String> = GateWord::WORDS.map(str::to_owned).into_iter().chain(names(with_findings)).collect();
        let mut read = Self {
            path: Some(path.to_owned()),
            written: BTreeSet::new(),
            detector: keys.words("detector", &any)?.unwrap_or_default(),
            skip: keys.words("skip", &any)?.unwrap_or_default(),
            overlap_tolerance: keys.number("overlap_tolerance", &SHARE)?,
            threads: keys.number("threads", &WHOLE_NUMBER)?,
            count_every_call: flag(&mut keys, "count_every_call")?,
            uncounted_calls: uncounted_calls(&mut keys)?,
            names: name_lists(&mut keys)?,
            format: keys.choice("format")?,
            table_format: keys.choice("table_format")?,
            top: keys.number("top", &WHOLE_NUMBER)?,
            fail_on: keys.words("fail_on", &fail_on)?.unwrap_or_default(),
            min_impact_ns: keys.text("min_impact", &DURATION)?,
            min_total_impact_ns: keys.text("min_total_impact", &DURATION)?,
            min_failed_requests: keys.number("min_failed_requests", &COUNT)?,
            comparison: comparison_rules(&mut keys)?,
            ignore: ignore_rules(&mut keys)?,
            budgets: budgets(&mut keys)?,
            allow_empty: flag(&mut keys, "allow_empty")?,
            retry_timeout_ns: keys.text("retry_timeout", &DURATION)?,
            memory_limit_bytes: keys.text("memory_limit", &MEMORY)?,
            temp_dir: keys.value("temp_dir", "a text", |value| value.as_str().map(PathBuf::from))?,
            trace_url: keys.text("trace_url", &TRACE_URL)?,
            reports: keys.forms("report", &REPORT)?.unwrap_or_default(),
            report_size_bytes: keys.text("report_size", &REPORT_SIZE)?,
            detectors: detectors(&mut keys)?,
        };
        keys.finish()?;
        read.written = file.written.into_inner();
        Ok(read)
    }
}

fn names(is_meant: impl Fn(&CatalogEntry) -> bool) -> impl Iterator<Item = String> {
    catalog().into_iter().filter(is_meant).map(|entry| entry.description.name.to_owned())
}

/// What a text says.
#[cfg(test)]
pub(super) fn parsed(text: &str) -> Result<ConfigFile, ConfigError> {
    ConfigFile::parse(Path::new("tracescan.toml"), text.as_bytes())
}

/// The keys that a table may have.
#[cfg(test)]
pub(super) fn known_keys(table: &str) -> Vec<String> {
    const UNKNOWN: &str = "what nobody would call a key";
    let text = match table {
        "" => format!("\"{UNKNOWN}\" = 1"),
        "ignore" => format!("[[ignore]]\nservice = \"x\"\nreason = \"x\"\n\"{UNKNOWN}\" = 1"),
        table => format!("[{table}]\n\"{UNKNOWN}\" = 1"),
    };
    match parsed(&text) {
        Err(ConfigError::InFile { problem, .. }) => match *problem {
            FileProblem::UnknownKey { known, .. } => known,
            other => panic!("{other}"),
        },
        other => panic!("{other:?}"),
    }
}

fn flag(keys: &mut Keys<'_>, key: &'static str) -> Result<bool, ConfigError> {
    Ok(keys.value(key, "true or false", |value| value.as_bool())?.unwrap_or(false))
}

fn uncounted_calls(keys: &mut Keys<'_>) -> Result<UncountedCalls, ConfigError> {
    let usual = UncountedCalls::default();
    let Some(mut keys) = keys.table("uncounted_calls")? else { return Ok(usual) };
    let read = UncountedCalls {
        heartbeats: keys.texts("heartbeats", usual.heartbeats)?,
        health_checks: keys.texts("health_checks", usual.health_checks)?,
        health_check_parts: keys.texts("health_check_parts", usual.health_check_parts)?,
        plumbing: keys.texts("plumbing", usual.plumbing)?,
        plumbing_spans: keys.texts("plumbing_spans", usual.plumbing_spans)?,
        sql_plumbing: keys.texts("sql_plumbing", usual.sql_plumbing)?,
        brokers: keys.texts("brokers", usual.brokers)?,
        broker_polls: keys.texts("broker_polls", usual.broker_polls)?,
        database_polls: keys.texts("database_polls", usual.database_polls)?,
    };
    keys.finish()?;
    Ok(read)
}

fn name_lists(keys: &mut Keys<'_>) -> Result<NameLists, ConfigError> {
    let mut lists = NameLists::default();
    let Some(mut keys) = keys.table("names")? else { return Ok(lists) };
    for &(name, _, form) in NameLists::DESCRIBED {
        if let (Some(entries), Some(list)) = (keys.entries(name, form)?, lists.list_mut(name)) {
            let read = WordList::read(entries.iter().map(String::as_str), form, list);
            debug_assert!(read.is_ok(), "all entries are of the form");
            *list = read.unwrap_or_default();
        }
    }
    keys.finish()?;
    Ok(lists)
}

fn detectors(keys: &mut Keys<'_>) -> Result<Detectors, ConfigError> {
    let mut detectors = Detectors::default();
    for CatalogEntry { description, thresholds, .. } in catalog() {
        let Some(mut keys) = keys.table(description.name)? else { continue };
        for threshold in thresholds {
            if let Some(form) = threshold.kind.list() {
                if let Some(entries) = keys.entries(threshold.name, form)? {
                    let set =
                        detectors.set(description.name, threshold.name, &list_text(entries.iter().map(String::as_str)));
                    debug_assert!(set.is_ok(), "all entries are of the form");
                }
                continue;
            }
            let text = |value: &DeValue<'_>| number_text(value).or_else(|| value.as_str().map(str::to_owned));
            let set = |value: &DeValue<'_>| detectors.set(description.name, threshold.name, &text(value)?).ok();
            keys.value(threshold.name, threshold.kind.form(), set)?;
        }
        keys.finish()?;
    }
    Ok(detectors)
}

#[cfg(test)]
mod tests;
