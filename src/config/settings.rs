//! What the arguments and the configuration file mean together.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::ConfigError;
use super::file::ConfigFile;
use super::incident::incident;
use super::memory::{bytes_for_spans, usable_memory_bytes};
use super::selection::selection;
use super::values::{DURATION, MEMORY, SHARE, TRACE_URL};
use crate::analysis::AnalysisSettings;
use crate::cli::{
    AnalysisArgs, AnalyzeArgs, ColorChoice, DisplayArgs, InputArgs, MemoryArgs, MergeArgs, ResultsArgs, StdoutFormat,
    TableFormat, TablesShown, TraceArgs,
};
use crate::conventions::UncountedCalls;
use crate::detectors::{Detectors, catalog};
use crate::frame::SpillStore;
use crate::incident::AskedIncident;
use crate::ingest::{DEFAULT_RETRY_TIMEOUT, InputFormat, ReadOptions, Selection};
use crate::report::TraceUrl;
use crate::trace::OverlapTolerance;

/// Everything that was set, resolved. This is `settings` in `run.json`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Settings {
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
    /// Which tables are printed.
    pub tables: TablesShown,
    /// Whether problems alone are printed.
    pub quiet: bool,
    /// Whether output has colours.
    #[serde(skip)]
    pub color: ColorChoice,
    /// Where a trace can be looked at.
    pub trace_url: Option<TraceUrl>,
    /// Detectors whose findings make the run fail.
    pub fail_on: Vec<String>,
    /// Smallest impact of those findings, in ns.
    pub min_impact_ns: i64,
    /// Whether an input without spans is a success.
    pub allow_empty: bool,
    /// What the inputs are said to be.
    pub input_format: Option<InputFormat>,
    /// How much time a request to an object store may lose by failures, in ns.
    pub retry_timeout_ns: i64,
    /// Which traces are analysed.
    pub selection: Selection,
    /// Which of them are compared with which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident: Option<AskedIncident>,
    /// About how many bytes of memory may be used.
    pub memory_limit_bytes: u64,
    /// Where spans are put aside beyond that.
    pub temp_dir: PathBuf,
}

/// Share of the parent's window by which siblings may overlap unless something else is said.
const DEFAULT_OVERLAP_TOLERANCE: f64 = 0.01;

/// Rows of each table for people, who see more than one table at once.
const TOP_ON_TERMINAL: usize = 5;

/// Rows of each table in other formats.
const TOP_ELSEWHERE: usize = 10;

/// How much time a request to an object store may lose by failures, where there is no configuration file.
///
/// # Errors
/// If what was typed is no duration.
pub(crate) fn retry_timeout(args: &InputArgs) -> Result<Option<Duration>, ConfigError> {
    Ok(retry_timeout_ns(args)?.map(|nanoseconds| Duration::from_nanos(nanoseconds.unsigned_abs())))
}

fn retry_timeout_ns(args: &InputArgs) -> Result<Option<i64>, ConfigError> {
    args.retry_timeout.as_deref().map(|text| DURATION.argument("--retry-timeout", text)).transpose()
}

/// What decides results: parts that were analysed with the same of these merge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AnalysedWith {
    /// Names of the detectors that ran.
    pub enabled: Vec<String>,
    /// Their thresholds.
    pub detectors: Detectors,
    /// Share of the parent's window by which children may overlap, 0..1.
    pub overlap_tolerance: f64,
    /// Calls that are not counted.
    pub uncounted_calls: UncountedCalls,
}

impl Settings {
    /// Settings of `analyze`.
    ///
    /// # Errors
    /// If the configuration file cannot be read or a value makes no sense.
    pub(crate) fn for_analyze(args: &AnalyzeArgs) -> Result<Self, ConfigError> {
        let (file, mut settings) = Self::resolve(&args.analysis)?;
        settings.set_memory(&args.memory, &file)?;
        settings.set_results(&args.results, &file)?;
        settings.set_input(&args.input, &file)?;
        settings.selection = selection(&args.selection)?;
        settings.incident = incident(&args.incident)?;
        Ok(settings)
    }

    /// Settings of `merge`: what decides results is what the parts were analysed with.
    ///
    /// # Errors
    /// If a value makes no sense.
    pub(crate) fn for_merge(args: &MergeArgs, analysed: &AnalysedWith) -> Result<Self, ConfigError> {
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
        settings.incident = incident(&args.incident)?;
        Ok(settings)
    }

    /// What decides results.
    pub(crate) fn analysed_with(&self) -> AnalysedWith {
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
        let usual_top = if self.format == StdoutFormat::Table { TOP_ON_TERMINAL } else { TOP_ELSEWHERE };
        self.top = args.top.or(file.top).unwrap_or(usual_top);
        (self.tables, self.quiet) = (args.tables, args.quiet);
        self.set_display(&args.display, file)?;
        self.fail_on = if args.fail_on.is_empty() { file.fail_on.clone() } else { args.fail_on.clone() };
        let min_impact_ns =
            args.min_impact.as_deref().map(|text| DURATION.argument("--min-impact", text)).transpose()?;
        if let Some(min_impact_ns) = min_impact_ns.or(file.min_impact_ns) {
            self.min_impact_ns = min_impact_ns;
        }
        self.allow_empty = args.allow_empty || file.allow_empty;
        Ok(())
    }

    /// Settings of `trace`.
    ///
    /// # Errors
    /// As [`Settings::for_analyze`].
    pub(crate) fn for_trace(args: &TraceArgs) -> Result<Self, ConfigError> {
        let (file, mut settings) = Self::resolve(&args.analysis)?;
        settings.set_input(&args.input, &file)?;
        settings.set_memory(&args.memory, &file)?;
        settings.set_display(&args.display, &file)?;
        Ok(settings)
    }

    fn set_display(&mut self, args: &DisplayArgs, file: &ConfigFile) -> Result<(), ConfigError> {
        self.color = args.color;
        let given = args.trace_url.as_deref().map(|text| TRACE_URL.argument("--trace-url", text)).transpose()?;
        self.trace_url = given.or_else(|| file.trace_url.clone());
        Ok(())
    }

    fn set_input(&mut self, args: &InputArgs, file: &ConfigFile) -> Result<(), ConfigError> {
        self.input_format = args.input_format;
        if let Some(retry_timeout_ns) = retry_timeout_ns(args)?.or(file.retry_timeout_ns) {
            self.retry_timeout_ns = retry_timeout_ns;
        }
        Ok(())
    }

    fn set_memory(&mut self, args: &MemoryArgs, file: &ConfigFile) -> Result<(), ConfigError> {
        let limit_bytes =
            args.memory_limit.as_deref().map(|text| MEMORY.argument("--memory-limit", text)).transpose()?;
        if let Some(limit_bytes) = limit_bytes.or(file.memory_limit_bytes) {
            self.memory_limit_bytes = limit_bytes;
        }
        if let Some(directory) = args.temp_dir.as_ref().or(file.temp_dir.as_ref()) {
            self.temp_dir.clone_from(directory);
        }
        Ok(())
    }

    fn resolve(args: &AnalysisArgs) -> Result<(ConfigFile, Self), ConfigError> {
        let file = ConfigFile::read(args.config.as_deref())?;
        let mut detectors = file.detectors.clone();
        for (detector, threshold, value) in &args.thresholds.values {
            let set = detectors.set(detector, threshold, value);
            debug_assert!(set.is_ok(), "whoever parsed the arguments has set it before");
        }
        let only = if args.detector.is_empty() { &file.detector } else { &args.detector };
        let skip = if args.skip.is_empty() { &file.skip } else { &args.skip };
        let enabled = catalog()
            .into_iter()
            .map(|entry| entry.description.name)
            .filter(|name| only.is_empty() || only.iter().any(|only| only == name))
            .filter(|name| !skip.iter().any(|skip| skip == name))
            .collect();
        let given = args.overlap_tolerance.map(|share| SHARE.argument("--overlap-tolerance", &share.to_string()));
        let overlap_tolerance = given.transpose()?.or(file.overlap_tolerance).unwrap_or(DEFAULT_OVERLAP_TOLERANCE);
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
            tables: TablesShown::default(),
            quiet: false,
            color: ColorChoice::default(),
            trace_url: None,
            fail_on: Vec::new(),
            min_impact_ns: 1_000_000,
            allow_empty: false,
            input_format: None,
            retry_timeout_ns: DEFAULT_RETRY_TIMEOUT.as_nanos() as i64,
            selection: Selection::default(),
            incident: None,
            memory_limit_bytes: usable_memory_bytes(),
            temp_dir: std::env::temp_dir(),
        }
    }

    /// How inputs are read.
    pub(crate) fn reading(&self) -> ReadOptions {
        let spans_bytes = bytes_for_spans(self.memory_limit_bytes);
        let gathers = self.detectors.gathers(|name| self.enabled.contains(&name));
        ReadOptions {
            format: self.input_format,
            selection: self.selection.clone(),
            spill: Some(Arc::new(SpillStore::new(&self.temp_dir, spans_bytes))),
            own_attributes: gathers.own_attributes,
            resource_attributes: gathers.resource_attributes,
            retry_timeout: Some(Duration::from_nanos(self.retry_timeout_ns.unsigned_abs())),
        }
    }

    /// The part that the pass over the traces needs.
    pub(crate) fn analysis(&self) -> AnalysisSettings {
        AnalysisSettings {
            detectors: self.detectors.clone(),
            enabled: self.enabled.clone(),
            keeps_requests: self.incident.is_some(),
            overlap_tolerance: OverlapTolerance { millionths: (self.overlap_tolerance * 1e6).round() as u32 },
        }
    }
}
