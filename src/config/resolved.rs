//! The settings one by one, with where each comes from, as one would write them in the configuration file.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::error::ConfigError;
use super::file::ConfigFile;
use super::settings::Settings;
use crate::cli::{ConfigArgs, GateArgs, ReportArgs, ResultsArgs};
use crate::detectors::{CatalogEntry, catalog, duration_text, size_text};

/// Where a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nobody has said anything.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// An option.
    CommandLine,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::CommandLine => f.write_str("command line"),
        }
    }
}

/// A setting.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ResolvedSetting {
    /// The table that it is in, with its brackets; empty for the whole file.
    pub(crate) table: String,
    /// Whether the table begins with it.
    pub(crate) begins_table: bool,
    /// Its key.
    pub(crate) key: String,
    /// Its value as TOML; none if it is not set.
    pub(crate) value: Option<String>,
    /// Where that comes from.
    pub(crate) source: Source,
}

/// All settings that the configuration file may hold.
///
/// # Errors
/// If the configuration file cannot be read or a value makes no sense.
pub(crate) fn resolved_settings(args: &ConfigArgs) -> Result<Vec<ResolvedSetting>, ConfigError> {
    let (file, settings) = Settings::for_config(args)?;
    let mut list =
        List { file: &file, table: String::new(), prefix: String::new(), begins_table: false, settings: Vec::new() };
    let ConfigArgs { results, memory, analysis, .. } = args;
    let ResultsArgs {
        reports: ReportArgs { report, report_size }, format, table_format, top, gate, allow_empty, ..
    } = results;
    let GateArgs { fail_on, min_impact, min_total_impact, min_failed_requests } = gate;

    let names_are_typed = !analysis.detector.is_empty() || !analysis.skip.is_empty();
    let source = list.source(&["detector", "skip"], names_are_typed);
    list.add_from("detector", Some(&settings.enabled), source);
    list.add("overlap_tolerance", Some(settings.overlap_tolerance), analysis.overlap_tolerance.is_some());
    list.add("threads", Some(settings.threads), analysis.threads.is_some());
    list.add("format", Some(settings.format), format.is_some());
    list.add("table_format", Some(settings.table_format), table_format.is_some());
    list.add("report", Some(&settings.reports), !report.is_empty());
    list.add("report_size", Some(size_text(settings.report_size_bytes)), report_size.is_some());
    list.add("top", Some(settings.top), top.is_some());
    list.add("fail_on", Some(&settings.fail_on), !fail_on.is_empty());
    list.add("min_impact", Some(duration_text(settings.min_impact_ns)), min_impact.is_some());
    list.add("min_total_impact", settings.min_total_impact_ns.map(duration_text), min_total_impact.is_some());
    list.add("min_failed_requests", settings.min_failed_requests, min_failed_requests.is_some());
    list.add("allow_empty", Some(settings.allow_empty), *allow_empty);
    list.add("retry_timeout", Some(duration_text(settings.retry_timeout_ns)), false);
    list.add("memory_limit", Some(size_text(settings.memory_limit_bytes)), memory.memory_limit.is_some());
    list.add("temp_dir", Some(&settings.temp_dir), memory.temp_dir.is_some());

    list.add("trace_url", settings.trace_url.as_ref(), results.display.trace_url.is_some());

    list.begin("compare");
    list.add("min_requests", Some(settings.compare.min_requests), false);
    list.add("min_ratio", Some(settings.compare.min_ratio), false);
    list.add("chance", Some(settings.compare.chance), false);

    list.begin("uncounted_calls");
    let every_call = list.source_of("count_every_call", analysis.count_every_call);
    for (key, value) in fields(&settings.uncounted_calls) {
        match &every_call {
            // Its own lists do not count then.
            Source::Default => list.add(&key, Some(value), false),
            source => list.add_from(&key, Some(value), source.clone()),
        }
    }

    list.begin("names");
    for (key, value) in fields(&settings.names) {
        list.add(&key, Some(value), false);
    }

    let thresholds_of_all = serde_json::to_value(&settings.detectors).unwrap_or_default();
    for CatalogEntry { description, thresholds, .. } in catalog().iter().filter(|entry| !entry.thresholds.is_empty()) {
        list.begin(description.name);
        for threshold in thresholds {
            let typed =
                |(detector, name, _): &(String, String, String)| detector == description.name && name == threshold.name;
            let is_typed = analysis.thresholds.values.iter().any(typed);
            list.add(threshold.name, thresholds_of_all[description.name].get(threshold.name), is_typed);
        }
    }
    for rule in &settings.ignore {
        list.begin_as("[[ignore]]", "ignore");
        let texts = [
            ("pattern", &rule.pattern),
            ("detector", &rule.detector),
            ("service", &rule.service),
            ("operation", &rule.operation),
            ("target", &rule.target),
            ("reason", &Some(rule.reason.clone())),
            ("owner", &rule.owner),
            ("expires", &rule.expires.map(|day| day.to_string())),
            ("max_impact", &rule.max_impact_ns.map(duration_text)),
        ];
        texts.into_iter().for_each(|(key, value)| list.add_written(key, value.as_ref()));
    }
    for budget in &settings.budgets {
        list.begin_as(&format!("[budget.{}]", toml_text(&budget.entry).unwrap_or_default()), "budget");
        list.add_written("max_calls", budget.max_calls);
        list.add_written("max_database_calls", budget.max_database_calls);
        list.add_written("max_depth", budget.max_depth);
        list.add_written("max_p99", budget.max_p99_ns.map(duration_text));
        list.add_written("max_failed_share", budget.max_failed_share);
    }
    Ok(list.settings)
}

/// Settings that are listed one by one.
struct List<'a> {
    file: &'a ConfigFile,
    table: String,
    prefix: String,
    begins_table: bool,
    settings: Vec<ResolvedSetting>,
}

impl List<'_> {
    fn begin(&mut self, table: &str) {
        self.begin_as(&format!("[{table}]"), table);
    }

    fn begin_as(&mut self, table: &str, prefix: &str) {
        self.table = table.to_owned();
        self.prefix = format!("{prefix}.");
        self.begins_table = true;
    }

    fn source_of(&self, key: &str, is_typed: bool) -> Source {
        match &self.file.path {
            _ if is_typed => Source::CommandLine,
            Some(path) if self.file.written.contains(key) => Source::File(path.clone()),
            _ => Source::Default,
        }
    }

    fn source(&self, keys: &[&str], is_typed: bool) -> Source {
        let of_keys = keys.iter().map(|key| self.source_of(key, is_typed));
        of_keys.into_iter().find(|source| *source != Source::Default).unwrap_or(Source::Default)
    }

    fn add(&mut self, key: &str, value: Option<impl Serialize>, is_typed: bool) {
        let source = self.source_of(&format!("{}{key}", self.prefix), is_typed);
        self.add_from(key, value, source);
    }

    fn add_from(&mut self, key: &str, value: Option<impl Serialize>, source: Source) {
        let value = value.and_then(|value| toml_text(&value));
        let begins_table = std::mem::take(&mut self.begins_table);
        self.settings.push(ResolvedSetting {
            table: self.table.clone(),
            begins_table,
            key: key.to_owned(),
            value,
            source,
        });
    }

    /// What stands in the file, or nowhere.
    fn add_written(&mut self, key: &str, value: Option<impl Serialize>) {
        if let (Some(value), Some(path)) = (value, &self.file.path) {
            self.add_from(key, Some(value), Source::File(path.clone()));
        }
    }
}

fn toml_text(value: &(impl Serialize + ?Sized)) -> Option<String> {
    Some(toml::Value::try_from(value).ok()?.to_string())
}

/// The fields of something and their values, in their order.
fn fields(value: &impl Serialize) -> Vec<(String, serde_json::Value)> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::Object(fields)) => fields.into_iter().collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::file::parsed;
    use super::*;
    use crate::cli::{Cli, Command};
    use crate::detectors::Detectors;

    const FILE: &str = r#"
        top = 3
        skip = ["retry-storm"]
        min_total_impact = "2s"
        n-plus-one.max_calls = 7
        large-payload.file_words = ["scan"]
        [names]
        role_words = ["...", "tier"]
        [compare]
        min_ratio = 2.5
        [[ignore]]
        service = "web"
        reason = "known \"here\""
        expires = 2030-01-02
        [budget."web GET /"]
        max_p99 = "300ms"
    "#;

    fn resolved(arguments: &[&str]) -> Vec<ResolvedSetting> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tracescan.toml");
        std::fs::write(&path, FILE).unwrap();
        let path = path.to_str().unwrap();
        let all = ["tracescan", "config", "--config", path].into_iter().chain(arguments.iter().copied());
        let Command::Config(args) = Cli::parse_from(all).command else { panic!("that is config") };
        let mut settings = resolved_settings(&args).unwrap();
        for setting in &mut settings {
            if let Source::File(path) = &mut setting.source {
                *path = PathBuf::from("file");
            }
        }
        settings
    }

    /// Each setting comes from where it was said last.
    #[test]
    fn sources_are_told() {
        let settings = resolved(&["--top", "9", "--max-hops", "4", "--fail-on", "any,new"]);
        let found = |table: &str, key: &str| {
            let setting = settings.iter().find(|setting| setting.table == table && setting.key == key).unwrap();
            format!("{} {}", setting.value.as_deref().unwrap_or("-"), setting.source)
        };
        for (table, key, expected) in [
            ("", "top", "9 command line"),
            ("", "threads", "0 default"),
            ("", "fail_on", r#"["any", "new"] command line"#),
            ("", "min_impact", r#""1ms" default"#),
            ("", "min_total_impact", r#""2s" file"#),
            ("", "min_failed_requests", "- default"),
            ("[compare]", "min_ratio", "2.5 file"),
            ("[compare]", "min_requests", "20 default"),
            ("[n-plus-one]", "max_calls", "7 file"),
            ("[sync-chain]", "max_hops", "4 command line"),
            ("[retry-storm]", "max_attempts", "3 default"),
            ("[[ignore]]", "reason", r#"'known "here"' file"#),
            ("[budget.\"web GET /\"]", "max_p99", r#""300ms" file"#),
        ] {
            assert_eq!(found(table, key), expected, "{table} {key}");
        }
        assert!(found("", "detector").ends_with("file") && !found("", "detector").contains("retry-storm"));
        assert!(found("[uncounted_calls]", "plumbing").ends_with("default"));
        assert!(found("[names]", "role_words").ends_with("\"tier\"] file"));
        assert!(found("[names]", "outbox_tables").ends_with("default"));
        assert_eq!(found("[large-payload]", "file_words"), r#"["scan"] file"#);
    }

    /// What is printed can be read, and says the same.
    #[test]
    fn settings_are_a_configuration_file() {
        let settings =
            resolved(&["--set", "consumer-lag.delay_words=...,parked", "--set", "dual-write.notice_words=[]"]);
        let of_lists =
            |table: &str| table.starts_with("[names]") || table.contains('-') || table == "[uncounted_calls]";
        let mut text = String::new();
        for setting in settings.iter().filter(|setting| of_lists(&setting.table)) {
            if setting.begins_table {
                text += &format!("{}\n", setting.table);
            }
            text += &format!("{} = {}\n", setting.key, setting.value.as_deref().unwrap());
        }
        let read = parsed(&text).unwrap();
        assert!(read.names.role_words.has("tier") && read.names.role_words.has("svc"));
        let mut detectors = Detectors::default();
        for (detector, name, value) in [
            ("n-plus-one", "max_calls", "7"),
            ("large-payload", "file_words", "scan"),
            ("consumer-lag", "delay_words", "...,parked"),
            ("dual-write", "notice_words", "[]"),
        ] {
            detectors.set(detector, name, value).unwrap();
        }
        assert_eq!(read.detectors, detectors);
    }
}
