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
use super::values::{DURATION, MEMORY, REPORT, REPORT_SIZE, SHARE, TRACE_URL};
use crate::analysis::{AnalysisSettings, Gathers};
use crate::cli::{
    AnalysisArgs, AnalyzeArgs, ColorChoice, CompareArgs, ConfigArgs, DisplayArgs, GateArgs, InputArgs, MemoryArgs,
    MergeArgs, ReportArgs, ResultsArgs, StdoutFormat, TableFormat, TablesShown, TraceArgs,
};
use crate::compare::ComparisonRules;
use crate::conventions::{Lists, NameLists, UncountedCalls};
use crate::detectors::{Detector as _, Detectors, SensitiveData, catalog};
use crate::frame::SpillStore;
use crate::gates::{Budget, GateWord, IgnoreRule, Thresholds};
use crate::incident::AskedIncident;
use crate::ingest::{DEFAULT_RETRY_TIMEOUT, InputFormat, ReadOptions, Selection};
use crate::report::{ReportFile, TraceUrl};
use crate::trace::{Asked, OverlapTolerance};

/// Everything that was set, resolved. This is `settings` in `run.json`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Settings {
    /// The configuration file that was read.
    pub configuration: Option<PathBuf>,
    /// Names of the detectors that run.
    pub enabled: Vec<&'static str>,
    /// Their thresholds.
    #[serde(flatten)]
    pub detectors: Detectors,
    /// Share of the parent's window by which children may overlap, 0..1.
    pub overlap_tolerance: f64,
    /// Calls that are not counted.
    pub uncounted_calls: UncountedCalls,
    /// What names of services, tables and databases mean.
    pub names: NameLists,
    /// Threads; 0 for all.
    pub threads: usize,
    /// What goes to standard output.
    pub format: StdoutFormat,
    /// Format of files.
    pub table_format: TableFormat,
    /// Files for reports.
    #[serde(rename = "report")]
    pub reports: Vec<ReportFile>,
    /// Largest size of a page, in bytes.
    pub report_size_bytes: u64,
    /// Whether a file of partial results is written, of which any report may be made later.
    #[serde(skip)]
    pub is_partial: bool,
    /// Rows to print.
    pub top: usize,
    /// Which tables are printed.
    pub tables: TablesShown,
    /// Whether problems alone are printed.
    pub quiet: bool,
    /// Whether rows of level note are printed for people.
    pub notes: bool,
    /// Whether output has colours.
    #[serde(skip)]
    pub color: ColorChoice,
    /// Where a trace can be looked at.
    pub trace_url: Option<TraceUrl>,
    /// What makes the run fail: detectors that found something, patterns with a status, budgets.
    pub fail_on: Vec<String>,
    /// Smallest impact of those findings, in ns.
    pub min_impact_ns: i64,
    /// Whether somebody has set that, or another threshold: if nobody has, failures of any impact count.
    #[serde(skip)]
    pub has_thresholds: bool,
    /// Smallest summed impact of those patterns, in ns.
    pub min_total_impact_ns: Option<i64>,
    /// Fewest failed requests of those patterns.
    pub min_failed_requests: Option<u64>,
    /// When runs differ.
    pub compare: ComparisonRules,
    /// Patterns that are known.
    pub ignore: Vec<IgnoreRule>,
    /// What requests may cost.
    pub budgets: Vec<Budget>,
    /// Whether an input without spans is a success.
    pub allow_empty: bool,
    /// Whether names and values are shown that give secrets away.
    pub show_values: bool,
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

/// Largest size of a page: forges and chats show no larger ones, and it opens at once.
const DEFAULT_REPORT_SIZE: u64 = 2_000_000;

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
    /// What names of services, tables and databases mean.
    #[serde(default)]
    pub names: NameLists,
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
        settings.is_partial = args.partial.is_some();
        // Of a part, nothing is told.
        settings.reports.retain(|_| !settings.is_partial);
        settings.incident = incident(&args.incident)?;
        Ok(settings)
    }

    /// Settings of `config`, and the file that some of them come from.
    ///
    /// # Errors
    /// As [`Settings::for_analyze`].
    pub(super) fn for_config(args: &ConfigArgs) -> Result<(ConfigFile, Self), ConfigError> {
        let (file, mut settings) = Self::resolve(&args.analysis)?;
        settings.set_memory(&args.memory, &file)?;
        settings.set_results(&args.results, &file)?;
        if let Some(retry_timeout_ns) = file.retry_timeout_ns {
            settings.retry_timeout_ns = retry_timeout_ns;
        }
        Ok((file, settings))
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
            names: analysed.names.clone(),
            ..Self::unset()
        };
        let file = ConfigFile::read(args.config.as_deref())?;
        settings.configuration.clone_from(&file.path);
        settings.threads = args.threads.or(file.threads).unwrap_or(0);
        settings.set_memory(&args.memory, &file)?;
        settings.set_results(&args.results, &file)?;
        settings.incident = incident(&args.incident)?;
        Ok(settings)
    }

    /// Settings of `compare`.
    ///
    /// # Errors
    /// If the configuration file cannot be read or a value makes no sense.
    pub(crate) fn for_compare(args: &CompareArgs) -> Result<Self, ConfigError> {
        let file = ConfigFile::read(args.config.as_deref())?;
        let mut settings = Self { configuration: file.path.clone(), ..Self::unset() };
        settings.set_output(args.format, args.table_format, args.top, &file);
        settings.set_reports(&args.reports, &file)?;
        // Those of the configuration are of single runs, and a comparison must not write over them.
        settings.reports.retain(|_| !args.reports.report.is_empty());
        settings.trace_url.clone_from(&file.trace_url);
        settings.set_gate(&args.gate, &file)?;
        Ok(settings)
    }

    /// What decides results.
    pub(crate) fn analysed_with(&self) -> AnalysedWith {
        AnalysedWith {
            enabled: self.enabled.iter().map(|&name| name.to_owned()).collect(),
            detectors: self.detectors.clone(),
            overlap_tolerance: self.overlap_tolerance,
            uncounted_calls: self.uncounted_calls.clone(),
            names: self.names.clone(),
        }
    }

    fn set_results(&mut self, args: &ResultsArgs, file: &ConfigFile) -> Result<(), ConfigError> {
        self.set_output(args.format, args.table_format, args.top, file);
        self.set_reports(&args.reports, file)?;
        (self.tables, self.quiet, self.notes) = (args.tables, args.quiet, args.notes);
        self.set_display(&args.display, file)?;
        self.set_gate(&args.gate, file)?;
        self.allow_empty = args.allow_empty || file.allow_empty;
        Ok(())
    }

    fn set_output(
        &mut self,
        format: Option<StdoutFormat>,
        table_format: Option<TableFormat>,
        top: Option<usize>,
        file: &ConfigFile,
    ) {
        self.format = format.or(file.format).unwrap_or_default();
        self.table_format = table_format.or(file.table_format).unwrap_or_default();
        let usual_top = if self.format == StdoutFormat::Table { TOP_ON_TERMINAL } else { TOP_ELSEWHERE };
        self.top = top.or(file.top).unwrap_or(usual_top);
    }

    fn set_reports(&mut self, args: &ReportArgs, file: &ConfigFile) -> Result<(), ConfigError> {
        let reports = args.report.iter().map(|path| REPORT.argument("--report", path));
        self.reports = if args.report.is_empty() { file.reports.clone() } else { reports.collect::<Result<_, _>>()? };
        let size = args.report_size.as_deref().map(|text| REPORT_SIZE.argument("--report-size", text)).transpose()?;
        self.report_size_bytes = size.or(file.report_size_bytes).unwrap_or(DEFAULT_REPORT_SIZE);
        Ok(())
    }

    fn set_gate(&mut self, args: &GateArgs, file: &ConfigFile) -> Result<(), ConfigError> {
        let duration =
            |option, text: &Option<String>| text.as_deref().map(|text| DURATION.argument(option, text)).transpose();
        self.fail_on = if args.fail_on.is_empty() { file.fail_on.clone() } else { args.fail_on.clone() };
        let min_impact_ns = duration("--min-impact", &args.min_impact)?.or(file.min_impact_ns);
        self.min_total_impact_ns = duration("--min-total-impact", &args.min_total_impact)?.or(file.min_total_impact_ns);
        self.min_failed_requests = args.min_failed_requests.or(file.min_failed_requests);
        self.has_thresholds =
            min_impact_ns.or(self.min_total_impact_ns).is_some() || self.min_failed_requests.is_some();
        if let Some(min_impact_ns) = min_impact_ns {
            self.min_impact_ns = min_impact_ns;
        }
        self.compare = file.comparison.clone();
        self.ignore.clone_from(&file.ignore);
        self.budgets.clone_from(&file.budgets);
        Ok(())
    }

    /// What the gate looks at.
    pub(crate) fn gate_words(&self) -> Vec<GateWord> {
        let Ok(words) = self.fail_on.iter().map(|word| word.parse()).collect::<Result<_, std::convert::Infallible>>();
        words
    }

    /// What is too small to trip the gate.
    pub(crate) fn gate_thresholds(&self) -> Thresholds {
        Thresholds {
            min_impact_ns: self.min_impact_ns,
            is_set: self.has_thresholds,
            min_total_impact_ns: self.min_total_impact_ns,
            min_failed_requests: self.min_failed_requests,
        }
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
            configuration: file.path.clone(),
            enabled,
            detectors,
            overlap_tolerance,
            uncounted_calls: if count_every_call { UncountedCalls::none() } else { file.uncounted_calls.clone() },
            names: file.names.clone(),
            threads: args.threads.or(file.threads).unwrap_or(0),
            show_values: args.show_values,
            ..Self::unset()
        };
        Ok((file, settings))
    }

    /// Where nothing is said.
    fn unset() -> Self {
        Self {
            configuration: None,
            enabled: Vec::new(),
            detectors: Detectors::default(),
            overlap_tolerance: DEFAULT_OVERLAP_TOLERANCE,
            uncounted_calls: UncountedCalls::default(),
            names: NameLists::default(),
            threads: 0,
            format: StdoutFormat::default(),
            table_format: TableFormat::default(),
            reports: Vec::new(),
            report_size_bytes: DEFAULT_REPORT_SIZE,
            is_partial: false,
            top: 0,
            tables: TablesShown::default(),
            quiet: false,
            notes: false,
            color: ColorChoice::default(),
            trace_url: None,
            fail_on: Vec::new(),
            min_impact_ns: 1_000_000,
            has_thresholds: false,
            min_total_impact_ns: None,
            min_failed_requests: None,
            compare: ComparisonRules::default(),
            ignore: Vec::new(),
            budgets: Vec::new(),
            allow_empty: false,
            show_values: false,
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
            shows_values: self.show_values,
            sample_traces: self.sample_traces(),
            secrets: self.detectors.sensitive_data.secrets(),
            retry_timeout: Some(Duration::from_nanos(self.retry_timeout_ns.unsigned_abs())),
        }
    }

    /// What is worked out of signatures for the detectors that are on.
    pub(crate) fn of_signatures(&self) -> Asked {
        self.detectors.gathers(|name| self.enabled.contains(&name)).of_signatures
    }

    /// The lists of words by which signatures are read.
    pub(crate) fn lists(&self) -> Lists {
        let Detectors { shared_database, uncompensated_saga, consumer_lag, no_gateway, .. } = &self.detectors;
        Lists {
            uncounted: self.uncounted_calls.clone(),
            names: self.names.clone(),
            reporting_words: shared_database.reporting_words.0.clone(),
            writing_words: uncompensated_saga.writing_words.0.clone(),
            delay_words: consumer_lag.delay_words.0.clone(),
            private_labels: no_gateway.private_labels.0.clone(),
        }
    }

    /// In how many traces secrets are looked for; 0 if the detector of these is off.
    fn sample_traces(&self) -> u32 {
        let is_on = self.enabled.contains(&SensitiveData::DESCRIPTION.name);
        if is_on { self.detectors.sensitive_data.sample_traces.0 } else { 0 }
    }

    /// What is gathered beside what detectors ask for: to compare requests, and for reports.
    fn gathers(&self) -> Gathers {
        let of_reports = self.reports.iter().map(|report| report.kind.gathers());
        let asked = of_reports.fold(Gathers::NOTHING, Gathers::or);
        Gathers {
            requests: self.incident.is_some(),
            timeline: asked.timeline || self.is_partial,
            service_graph: asked.service_graph || self.is_partial,
            ..asked
        }
    }

    /// Whether single traces are looked at again for reports.
    pub(crate) fn shows_traces(&self) -> bool {
        self.reports.iter().any(|report| report.kind.shows_traces())
    }

    /// Whether reports say where in the code something is.
    pub(crate) fn names_code(&self) -> bool {
        self.reports.iter().any(|report| report.kind.names_code())
    }

    /// The part that the pass over the traces needs.
    pub(crate) fn analysis(&self) -> AnalysisSettings {
        AnalysisSettings {
            detectors: self.detectors.clone(),
            enabled: self.enabled.clone(),
            gathers: self.gathers(),
            overlap_tolerance: OverlapTolerance { millionths: (self.overlap_tolerance * 1e6).round() as u32 },
        }
    }
}
