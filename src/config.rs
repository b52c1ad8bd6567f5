//! What the arguments and `tracescan.toml` mean together: arguments first, then the file, then the defaults.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::analysis::AnalysisSettings;
use crate::cli::{
    AnalysisArgs, AnalyzeArgs, MemoryArgs, MergeArgs, ResultsArgs, SelectionArgs, StdoutFormat, TableFormat, TraceArgs,
};
use crate::conventions::UncountedCalls;
use crate::detectors::{CatalogEntry, Detectors, catalog};
use crate::frame::SpillStore;
use crate::ingest::{InputFormat, ReadOptions, Selection};
use crate::trace::OverlapTolerance;

/// The configuration file that is read if it is there and no other is named.
const DEFAULT_FILE: &str = "tracescan.toml";

/// Why settings cannot be resolved.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("read configuration {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML, or a key or value in it is not known.
    #[error("understand configuration {path}: {message}", path = path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        message: String,
    },
    /// A name is no detector's.
    #[error("find a detector named {name}: there are {known}")]
    UnknownDetector {
        /// The name.
        name: String,
        /// All names.
        known: String,
    },
    /// A share is not between 0 and 1.
    #[error("use {value} as {name}: it must lie between 0 and 1")]
    Share {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// A duration is not one.
    #[error("read {text:?} as a duration: write it like 1ms or 2.5s")]
    Duration {
        /// What was given.
        text: String,
    },
    /// A size of memory is not one.
    #[error("use {text:?} as a size of memory: write it like 512MiB or 2GiB, at least 64MiB")]
    Memory {
        /// What was given.
        text: String,
    },
    /// A time is not one.
    #[error("read {text:?} as a time: write it like 2026-03-01T10:00:00Z, 2026-03-01 10:00 (UTC) or 2026-03-01")]
    Time {
        /// What was given.
        text: String,
    },
    /// No time lies between the bounds.
    #[error("find a time between --since {since} and --until {until}: the first must be the earlier one")]
    NoTimeBetween {
        /// The earliest time.
        since: String,
        /// The time before which to end.
        until: String,
    },
}

/// `tracescan.toml` but for the detectors' own tables.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ConfigFile {
    detector: Vec<String>,
    skip: Vec<String>,
    overlap_tolerance: Option<f64>,
    threads: Option<usize>,
    count_every_call: bool,
    uncounted_calls: UncountedCalls,
    format: Option<StdoutFormat>,
    table_format: Option<TableFormat>,
    top: Option<usize>,
    fail_on: Vec<String>,
    min_impact: Option<String>,
    allow_empty: bool,
    memory_limit: Option<String>,
    temp_dir: Option<PathBuf>,
}

/// Everything that was set, resolved. This is `settings` in `run.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Settings {
    /// Names of the detectors that run.
    pub enabled: Vec<&'static str>,
    /// Their thresholds.
    #[serde(flatten)]
    pub detectors: Detectors,
    /// Share of the parent's window by which children may overlap, 0..1.
    pub overlap_tolerance: f64,
    /// Calls that are not counted.
    pub uncounted_calls: UncountedCalls,
    /// Threads; 0 for all.
    pub threads: usize,
    /// What goes to standard output.
    pub format: StdoutFormat,
    /// Format of files.
    pub table_format: TableFormat,
    /// Rows to print.
    pub top: usize,
    /// Detectors whose findings make the run fail.
    pub fail_on: Vec<String>,
    /// Smallest impact of those findings, in ns.
    pub min_impact_ns: i64,
    /// Whether an input without spans is a success.
    pub allow_empty: bool,
    /// What the inputs are said to be.
    pub input_format: Option<InputFormat>,
    /// Which traces are analysed.
    pub selection: Selection,
    /// About how many bytes of memory may be used.
    pub memory_limit_bytes: u64,
    /// Where spans are put aside beyond that.
    pub temp_dir: PathBuf,
}

/// Share of the parent's window by which siblings may overlap unless something else is said.
const DEFAULT_OVERLAP_TOLERANCE: f64 = 0.01;

/// What decides results: parts that were analysed with the same of these merge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnalysedWith {
    /// Names of the detectors that ran.
    pub enabled: Vec<String>,
    /// Their thresholds.
    pub detectors: Detectors,
    /// Share of the parent's window by which children may overlap, 0..1.
    pub overlap_tolerance: f64,
    /// Calls that are not counted.
    pub uncounted_calls: UncountedCalls,
}

/// Share of the memory that may be used for spans at most. The rest is for decoding, for the partitions that are being
/// analysed, and for results.
const SHARE_FOR_SPANS: f64 = 0.35;

/// The least memory that anything can be done in.
const MIN_MEMORY_BYTES: u64 = 64 << 20;

impl Settings {
    /// Settings of `analyze`.
    ///
    /// # Errors
    /// If the configuration file cannot be read or a value makes no sense.
    pub fn for_analyze(args: &AnalyzeArgs) -> Result<Self, ConfigError> {
        let (file, mut settings) = Self::resolve(&args.analysis)?;
        settings.set_memory(&args.memory, &file)?;
        settings.set_results(&args.results, &file)?;
        settings.input_format = args.input.input_format;
        settings.selection = selection(&args.selection)?;
        Ok(settings)
    }

    /// Settings of `merge`: what decides results is what the parts were analysed with.
    ///
    /// # Errors
    /// If a value makes no sense.
    pub fn for_merge(args: &MergeArgs, analysed: &AnalysedWith) -> Result<Self, ConfigError> {
        let catalog = catalog();
        let names = catalog.iter().map(|entry| entry.description.name);
        let mut settings = Self {
            enabled: names.filter(|name| analysed.enabled.iter().any(|enabled| enabled == name)).collect(),
            detectors: analysed.detectors.clone(),
            overlap_tolerance: analysed.overlap_tolerance,
            uncounted_calls: analysed.uncounted_calls.clone(),
            ..Self::unset()
        };
        settings.threads = args.threads.unwrap_or(0);
        settings.set_memory(&args.memory, &ConfigFile::default())?;
        settings.set_results(&args.results, &ConfigFile::default())?;
        Ok(settings)
    }

    /// What decides results.
    pub fn analysed_with(&self) -> AnalysedWith {
        AnalysedWith {
            enabled: self.enabled.iter().map(|&name| name.to_owned()).collect(),
            detectors: self.detectors.clone(),
            overlap_tolerance: self.overlap_tolerance,
            uncounted_calls: self.uncounted_calls.clone(),
        }
    }

    fn set_results(&mut self, args: &ResultsArgs, file: &ConfigFile) -> Result<(), ConfigError> {
        self.format = args.format.or(file.format).unwrap_or_default();
        self.table_format = args.table_format.or(file.table_format).unwrap_or_default();
        self.top = args.top.or(file.top).unwrap_or(10);
        self.fail_on = if args.fail_on.is_empty() { file.fail_on.clone() } else { args.fail_on.clone() };
        for name in self.fail_on.iter().filter(|name| *name != "any") {
            detector_name(name)?;
        }
        if let Some(text) = args.min_impact.as_ref().or(file.min_impact.as_ref()) {
            self.min_impact_ns = parse_duration_ns(text)?;
        }
        self.allow_empty = args.allow_empty || file.allow_empty;
        Ok(())
    }

    /// Settings of `trace`.
    ///
    /// # Errors
    /// As [`Settings::for_analyze`].
    pub fn for_trace(args: &TraceArgs) -> Result<Self, ConfigError> {
        let (file, mut settings) = Self::resolve(&args.analysis)?;
        settings.input_format = args.input.input_format;
        settings.set_memory(&args.memory, &file)?;
        Ok(settings)
    }

    fn set_memory(&mut self, args: &MemoryArgs, file: &ConfigFile) -> Result<(), ConfigError> {
        if let Some(text) = args.memory_limit.as_ref().or(file.memory_limit.as_ref()) {
            self.memory_limit_bytes = parse_memory_bytes(text)?;
        }
        if let Some(directory) = args.temp_dir.as_ref().or(file.temp_dir.as_ref()) {
            self.temp_dir.clone_from(directory);
        }
        Ok(())
    }

    fn resolve(args: &AnalysisArgs) -> Result<(ConfigFile, Self), ConfigError> {
        let (file, mut detectors) = read_file(args.config.as_deref())?;
        for (detector, threshold, value) in &args.thresholds.values {
            let set = detectors.set(detector, threshold, value);
            debug_assert!(set.is_ok(), "whoever parsed the arguments has set it before");
        }
        let only = if args.detector.is_empty() { &file.detector } else { &args.detector };
        let skip = if args.skip.is_empty() { &file.skip } else { &args.skip };
        for name in only.iter().chain(skip) {
            detector_name(name)?;
        }
        let enabled = catalog()
            .into_iter()
            .map(|entry| entry.description.name)
            .filter(|name| only.is_empty() || only.iter().any(|only| only == name))
            .filter(|name| !skip.iter().any(|skip| skip == name))
            .collect();
        let overlap_tolerance = args.overlap_tolerance.or(file.overlap_tolerance).unwrap_or(DEFAULT_OVERLAP_TOLERANCE);
        if !(0.0..=1.0).contains(&overlap_tolerance) {
            return Err(ConfigError::Share { name: "overlap tolerance", value: overlap_tolerance });
        }
        let count_every_call = args.count_every_call || file.count_every_call;
        let settings = Self {
            enabled,
            detectors,
            overlap_tolerance,
            uncounted_calls: if count_every_call { UncountedCalls::none() } else { file.uncounted_calls.clone() },
            threads: args.threads.or(file.threads).unwrap_or(0),
            ..Self::unset()
        };
        Ok((file, settings))
    }

    /// Where nothing is said.
    fn unset() -> Self {
        Self {
            enabled: Vec::new(),
            detectors: Detectors::default(),
            overlap_tolerance: DEFAULT_OVERLAP_TOLERANCE,
            uncounted_calls: UncountedCalls::default(),
            threads: 0,
            format: StdoutFormat::default(),
            table_format: TableFormat::default(),
            top: 0,
            fail_on: Vec::new(),
            min_impact_ns: 1_000_000,
            allow_empty: false,
            input_format: None,
            selection: Selection::default(),
            memory_limit_bytes: usable_memory_bytes(),
            temp_dir: std::env::temp_dir(),
        }
    }

    /// How inputs are read.
    pub fn reading(&self) -> ReadOptions {
        let spans_bytes = (self.memory_limit_bytes as f64 * SHARE_FOR_SPANS) as u64;
        ReadOptions {
            format: self.input_format,
            selection: self.selection.clone(),
            spill: Some(Arc::new(SpillStore::new(&self.temp_dir, spans_bytes))),
            own_attributes: self.detectors.gathers(|name| self.enabled.contains(&name)).own_attributes,
        }
    }

    /// The part that the pass over the traces needs.
    pub fn analysis(&self) -> AnalysisSettings {
        AnalysisSettings {
            detectors: self.detectors.clone(),
            enabled: self.enabled.clone(),
            overlap_tolerance: OverlapTolerance { millionths: (self.overlap_tolerance * 1e6).round() as u32 },
        }
    }
}

/// The file's own settings, and the detectors with the thresholds that it sets.
fn read_file(path: Option<&Path>) -> Result<(ConfigFile, Detectors), ConfigError> {
    let path = match path {
        Some(path) => path,
        None if Path::new(DEFAULT_FILE).is_file() => Path::new(DEFAULT_FILE),
        None => return Ok(Default::default()),
    };
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    let unclear = |error: toml::de::Error| ConfigError::Parse { path: path.to_owned(), message: error.to_string() };
    let mut file: toml::Table = toml::from_str(&text).map_err(unclear)?;
    let mut detectors = toml::Table::new();
    for CatalogEntry { description, .. } in catalog() {
        if let Some((name, table)) = file.remove_entry(description.name) {
            detectors.insert(name, table);
        }
    }
    let file = file.try_into().map_err(unclear)?;
    let detectors = detectors.try_into().map_err(unclear)?;
    Ok((file, detectors))
}

fn detector_name(name: &str) -> Result<(), ConfigError> {
    let names: Vec<&str> = catalog().iter().map(|entry| entry.description.name).collect();
    if names.contains(&name) {
        return Ok(());
    }
    Err(ConfigError::UnknownDetector { name: name.to_owned(), known: names.join(", ") })
}

/// About how many bytes of spans may be in memory, and where to put others aside, where there is no configuration file.
///
/// # Errors
/// If the limit is no size of memory.
pub fn memory_for_spans(args: &MemoryArgs) -> Result<(u64, PathBuf), ConfigError> {
    let limit_bytes = args.memory_limit.as_deref().map_or_else(|| Ok(usable_memory_bytes()), parse_memory_bytes)?;
    let directory = args.temp_dir.clone().unwrap_or_else(std::env::temp_dir);
    Ok(((limit_bytes as f64 * SHARE_FOR_SPANS) as u64, directory))
}

/// Which traces the arguments ask for.
///
/// # Errors
/// If a time is none, or none lies between the bounds.
pub fn selection(args: &SelectionArgs) -> Result<Selection, ConfigError> {
    let time = |text: &Option<String>| text.as_deref().map(parse_time_unix_nano).transpose();
    let selection = Selection {
        since_unix_nano: time(&args.since)?,
        until_unix_nano: time(&args.until)?,
        services: args.service.clone(),
    };
    if let (Some(since), Some(until)) = (selection.since_unix_nano, selection.until_unix_nano)
        && since >= until
    {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        return Err(ConfigError::NoTimeBetween { since: text(&args.since), until: text(&args.until) });
    }
    Ok(selection)
}

/// A time with its offset from UTC, a date and time of day in UTC, or the beginning of a day in UTC.
fn parse_time_unix_nano(text: &str) -> Result<i64, ConfigError> {
    let in_utc = |time: jiff::civil::DateTime| time.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|time| time.timestamp());
    let time = text.parse::<jiff::Timestamp>().ok().or_else(|| in_utc(text.parse().ok()?));
    time.and_then(|time| i64::try_from(time.as_nanosecond()).ok())
        .ok_or_else(|| ConfigError::Time { text: text.to_owned() })
}

fn parse_memory_bytes(text: &str) -> Result<u64, ConfigError> {
    let bytes: Option<bytesize::ByteSize> = text.parse().ok();
    bytes
        .map(|bytes| bytes.as_u64())
        .filter(|&bytes| bytes >= MIN_MEMORY_BYTES)
        .ok_or_else(|| ConfigError::Memory { text: text.to_owned() })
}

/// Three quarters of the memory that the machine has, or that this process's group may use if that is less.
fn usable_memory_bytes() -> u64 {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let of_machine = read(Path::new("/proc/meminfo")).and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
    });
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let of_groups = memory_limit_files(&groups).into_iter().filter_map(|path| read(&path)?.trim().parse::<u64>().ok());
    // Where neither is told, as on other systems than Linux, this much is there on any machine that runs such jobs.
    const UNTOLD: u64 = 8 << 30;
    let all = of_machine.into_iter().chain(of_groups).min().unwrap_or(UNTOLD);
    (all / 4 * 3).max(MIN_MEMORY_BYTES)
}

/// The files that may limit the memory of a process, given what its `/proc/self/cgroup` says: one for its group and each
/// group around that. In a container the outermost is all that is there.
fn memory_limit_files(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else { continue };
        // Version 2 has one hierarchy, which names no controllers; version 1 has one for each.
        let (root, name) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            _ => continue,
        };
        let groups = Path::new(path.trim_start_matches('/')).ancestors();
        files.extend(groups.map(|group| Path::new(root).join(group).join(name)));
    }
    files
}

fn parse_duration_ns(text: &str) -> Result<i64, ConfigError> {
    let duration: Option<jiff::SignedDuration> = text.parse().ok();
    duration
        .and_then(|duration| i64::try_from(duration.as_nanos()).ok())
        .filter(|&duration| duration >= 0)
        .ok_or_else(|| ConfigError::Duration { text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(parse_duration_ns("1ms").ok(), Some(1_000_000));
        assert_eq!(parse_duration_ns("2.5s").ok(), Some(2_500_000_000));
        assert!(parse_duration_ns("soon").is_err() && parse_duration_ns("-1ms").is_err());
    }

    #[test]
    fn memory_is_limited_by_all_groups_around_a_process() {
        let files = |groups| -> Vec<String> {
            memory_limit_files(groups).into_iter().map(|path| path.display().to_string()).collect()
        };
        assert_eq!(
            files("0::/system.slice/night.service\n"),
            [
                "/sys/fs/cgroup/system.slice/night.service/memory.max",
                "/sys/fs/cgroup/system.slice/memory.max",
                "/sys/fs/cgroup/memory.max"
            ]
        );
        assert_eq!(
            files("4:memory:/job\n3:cpuset:/\n1:name=systemd:/\n"),
            ["/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        );
        assert!(files("").is_empty());
    }
}
