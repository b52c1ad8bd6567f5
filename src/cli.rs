//! What can be typed: clap structs and enums, nothing else. What it means is worked out in `config`.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Args, Command as ClapCommand, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::detectors::{CatalogEntry, Detectors, NotSet, catalog};
use crate::ingest::InputFormat;

/// Finds what made distributed systems slow and fragile, in a dump of their traces.
#[derive(Debug, Parser)]
#[command(name = "tracescan", version, max_term_width = 120, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str =
    "Exit codes: 0 done; 1 --fail-on met; 2 an error, or some input could not be read; 64 wrong usage; 130 interrupted";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find the anti-patterns in a dump of traces and rank them by what they cost
    Analyze(Box<AnalyzeArgs>),
    /// Make one result of many parts that analyze --partial wrote: the same as one analyze over everything
    Merge(MergeArgs),
    /// Say what became of each anti-pattern from one run to another, and where the time of each entry went
    Compare(CompareArgs),
    /// Ask the tables of an output directory in SQL
    Query(QueryArgs),
    /// Show one trace: a waterfall with the critical path marked, and the findings in it
    Trace(TraceArgs),
    /// Print the documentation of a detector, or the list of detectors
    Explain(ExplainArgs),
    /// Print the settings and where each comes from, or the schema of the configuration file
    Config(ConfigArgs),
    /// Write canonical Parquet: the form that is read fastest, with everything that was recorded
    Convert(ConvertArgs),
    /// Write synthetic traces with known anti-patterns
    Generate(GenerateArgs),
}

/// Arguments of `analyze`.
#[derive(Debug, Args)]
#[command(after_long_help = table_help())]
pub struct AnalyzeArgs {
    /// What is read.
    #[command(flatten)]
    pub input: InputArgs,

    /// What is made of the results.
    #[command(flatten)]
    pub results: ResultsArgs,

    /// Compare patterns and latency with the run whose output directory this is; --window compares within this run
    #[arg(long, value_name = "DIR")]
    pub baseline: Option<PathBuf>,

    /// Write what this part of an input gives to FILE instead of ranking it; tracescan merge makes one result of many parts
    #[arg(long, value_name = "FILE", conflicts_with_all = ["output", "report", "format", "top", "tables", "quiet", "fail_on", "baseline"])]
    pub partial: Option<PathBuf>,

    /// Which traces are compared.
    #[command(flatten)]
    pub incident: IncidentArgs,

    /// Which traces are read.
    #[command(flatten)]
    pub selection: SelectionArgs,

    /// How much memory is used.
    #[command(flatten)]
    pub memory: MemoryArgs,

    /// What both `analyze` and `trace` understand.
    #[command(flatten)]
    pub analysis: AnalysisArgs,
}

/// Arguments that say what is made of the results.
#[derive(Debug, Args)]
pub struct ResultsArgs {
    /// Write all rows of all tables, the findings and run.json to this directory
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,

    /// Which reports are written.
    #[command(flatten)]
    pub reports: ReportArgs,

    /// What goes to standard output
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<StdoutFormat>,

    /// Format of the files in the output directory
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub table_format: Option<TableFormat>,

    /// Rows of each table to print [default: 5 on a terminal, 10 in other formats]
    #[arg(long, value_name = "N")]
    pub top: Option<usize>,

    /// Which tables to print below the problems
    #[arg(long, value_enum, value_name = "none|all", default_value_t)]
    pub tables: TablesShown,

    /// Print problems only: neither what was read nor tables
    #[arg(short, long)]
    pub quiet: bool,

    /// How results look.
    #[command(flatten)]
    pub display: DisplayArgs,

    /// When the run fails.
    #[command(flatten)]
    pub gate: GateArgs,

    /// Take an input without spans as a success
    #[arg(long)]
    pub allow_empty: bool,
}

const REPORT_HELP: &str = "Write a report to FILE, as its extension says: .html, .md. May be given several times";

const TRACE_URL_HELP: &str = "Where a trace can be looked at, to make links of trace ids: \
    https://jaeger.example/trace/{trace_id}, also with {start} and {end} in ms; or jaeger:BASE, grafana-tempo:BASE, \
    datadog:BASE, honeycomb:BASE, signoz:BASE";

/// Arguments that say which reports are written.
#[derive(Clone, Debug, Default, Args)]
pub struct ReportArgs {
    /// Write a report to FILE, whose extension says of which kind; may be given several times
    #[arg(long, value_name = "FILE", help = REPORT_HELP)]
    pub report: Vec<String>,

    /// Largest size of an HTML report; what is left out for it is said there [default: 2MB]
    #[arg(long, value_name = "SIZE")]
    pub report_size: Option<String>,
}

/// Arguments that say how results look.
#[derive(Clone, Debug, Default, Args)]
pub struct DisplayArgs {
    /// Whether to print in colours; auto does on a terminal, unless NO_COLOR is set
    #[arg(long, value_enum, value_name = "WHEN", default_value_t)]
    pub color: ColorChoice,

    /// Where a trace can be looked at.
    #[arg(long, value_name = "URL", help = TRACE_URL_HELP)]
    pub trace_url: Option<String>,
}

/// Arguments that say when a run fails.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Gates (all thresholds that are set must be reached)")]
pub struct GateArgs {
    /// Exit with 1 if a detector found something (any, or names), a pattern is new or worse than in the baseline, or a budget of
    /// the configuration is not met
    #[arg(long, value_delimiter = ',', value_name = "any|new|worse|budget|DETECTOR", value_parser = fail_on_names())]
    pub fail_on: Vec<String>,

    /// Smallest impact of a finding that --fail-on looks at [default: 1ms, and a failure of any impact]
    #[arg(long, value_name = "DURATION")]
    pub min_impact: Option<String>,

    /// Smallest summed impact of a pattern that --fail-on looks at
    #[arg(long, value_name = "DURATION")]
    pub min_total_impact: Option<String>,

    /// Fewest failed requests of a pattern that --fail-on looks at
    #[arg(long, value_name = "N")]
    pub min_failed_requests: Option<u64>,
}

/// Arguments of `compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Output directory of the run to compare with, with tables as Parquet
    #[arg(required = true, value_name = "OLD")]
    pub old: PathBuf,

    /// Output directory of the run that is compared
    #[arg(required = true, value_name = "NEW")]
    pub new: PathBuf,

    /// Write all rows of the tables of changes and run.json to this directory
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,

    /// What goes to standard output
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<StdoutFormat>,

    /// Format of the files in the output directory
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub table_format: Option<TableFormat>,

    /// Rows of each table to print [default: 10]
    #[arg(long, value_name = "N")]
    pub top: Option<usize>,

    /// Which reports are written.
    #[command(flatten)]
    pub reports: ReportArgs,

    /// When the run fails.
    #[command(flatten)]
    pub gate: GateArgs,

    /// Configuration file [default: tracescan.toml in this directory, if there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Arguments of `query`.
#[derive(Debug, Args)]
#[command(after_help = QUERY_HELP)]
pub struct QueryArgs {
    /// Output directory of the run whose tables are asked: problems, entries, latency_attribution, …, and run, which has the
    /// values of run.json
    #[arg(required = true, value_name = "DIR")]
    pub directory: PathBuf,

    /// One SELECT, also WITH … SELECT; without it, the tables are listed
    #[arg(value_name = "SQL", conflicts_with = "file")]
    pub sql: Option<String>,

    /// Read the SQL from this file; - for standard input
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,

    /// Tables of another run too, as NAME.problems and so on
    #[arg(long, value_name = "NAME=DIR", value_parser = parse_named_directory)]
    pub with: Vec<(String, PathBuf)>,

    /// What goes to standard output
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub format: StdoutFormat,

    /// Rows to print [default: all]
    #[arg(long, value_name = "N")]
    pub top: Option<usize>,

    /// Whether to print in colours; auto does on a terminal, unless NO_COLOR is set
    #[arg(long, value_enum, value_name = "WHEN", default_value_t)]
    pub color: ColorChoice,
}

const QUERY_HELP: &str = "\
Examples:
  tracescan query out
  tracescan query out \"SELECT title, saving_ns FROM problems WHERE service = 'cart' ORDER BY rank\"
  tracescan query out -f queries/what_got_slower.sql --with before=yesterday --format markdown";

/// `NAME=DIR`, of which the name can stand before a point in SQL.
fn parse_named_directory(text: &str) -> Result<(String, PathBuf), String> {
    let (name, directory) = text.split_once('=').ok_or("write it like before=DIR")?;
    let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) || !name.chars().all(is_word) {
        return Err("the name must be a word of letters, digits and _, like before".to_owned());
    }
    Ok((name.to_owned(), PathBuf::from(directory)))
}

/// Arguments of `config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// Print the JSON Schema of tracescan.toml instead
    #[arg(long)]
    pub schema: bool,

    /// What is made of the results.
    #[command(flatten)]
    pub results: ResultsArgs,

    /// How much memory is used.
    #[command(flatten)]
    pub memory: MemoryArgs,

    /// What both `analyze` and `trace` understand.
    #[command(flatten)]
    pub analysis: AnalysisArgs,
}

/// Arguments of `merge`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// Files that analyze --partial wrote, with the same detectors and thresholds; directories and globs too
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// What is made of the results.
    #[command(flatten)]
    pub results: ResultsArgs,

    /// Which traces are compared.
    #[command(flatten)]
    pub incident: IncidentArgs,
    /// Compare patterns and latency with the run whose output directory this is; --window compares within this run
    #[arg(long, value_name = "DIR")]
    pub baseline: Option<PathBuf>,

    /// Configuration file, of which gates, ignored patterns, budgets and output hold [default: tracescan.toml in this directory,
    /// if there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Number of threads [default: all]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,

    /// How much memory is used.
    #[command(flatten)]
    pub memory: MemoryArgs,
}

/// What is explained beside detectors: what `--window` does.
pub(crate) const INCIDENT: &str = "incident";

/// Arguments that say which requests are compared with which.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Incident (tracescan explain incident says more)")]
pub struct IncidentArgs {
    /// Say who made the requests of a window slower, or fail: auto, or FROM..TO with times like 12:01, those of --since,
    /// seconds since 1970, or -15min (before the end of the dump); one side may be open, the end is exclusive. For merge, parts
    /// must have been analysed with --window too
    #[arg(long, value_name = "A..B|auto", allow_hyphen_values = true)]
    pub window: Option<String>,

    /// Compare the window with this one [default: all other requests, but for times in which entries were not as usual]
    #[arg(long, value_name = "A..B", allow_hyphen_values = true, requires = "window")]
    pub baseline_window: Option<String>,
}

/// Arguments that say what is read.
#[derive(Debug, Args)]
pub struct InputArgs {
    /// Files, directories and globs with traces, of any known format; - for standard input
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,

    /// What the inputs are, if their bytes do not tell or mislead; compression is always told by them
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub input_format: Option<InputFormat>,

    /// How much time a request to an object store may lose by failures before its input is given up; 0s to try once
    /// [default: 3min]
    #[arg(long, value_name = "DURATION")]
    pub retry_timeout: Option<String>,
}

/// Arguments that say how much memory is used, and what instead.
#[derive(Debug, Default, Args)]
pub struct MemoryArgs {
    /// About how much memory to use, like 2GiB; more spans than that are put aside in files [default: three quarters of what
    /// the machine or its control group has]
    #[arg(long, value_name = "SIZE")]
    pub memory_limit: Option<String>,

    /// Where to put spans aside [default: the system's directory for temporary files]
    #[arg(long, value_name = "DIR")]
    pub temp_dir: Option<PathBuf>,
}

/// Arguments that say which traces are read. Traces are kept whole.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Selection (a trace is kept whole if one of its spans fulfils all)")]
pub struct SelectionArgs {
    /// Only traces with a span that starts at this time or later: 2026-03-01T10:00:00Z, 2026-03-01 10:00 (UTC), 2026-03-01
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,

    /// Only traces with a span that starts before this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,

    /// Only traces with a span of this service, or of one of these
    #[arg(long, value_delimiter = ',', value_name = "SERVICE")]
    pub service: Vec<String>,
}

/// Arguments that say how traces are analysed.
#[derive(Debug, Args)]
pub struct AnalysisArgs {
    /// Run only these detectors
    #[arg(long, value_delimiter = ',', value_name = "DETECTOR", value_parser = detector_names())]
    pub detector: Vec<String>,

    /// Leave these detectors out
    #[arg(long, value_delimiter = ',', value_name = "DETECTOR", value_parser = detector_names())]
    pub skip: Vec<String>,

    /// Configuration file [default: tracescan.toml in this directory, if there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Share of the parent's duration by which consecutive children may overlap; 0 for none [default: 0.01]
    #[arg(long, value_name = "SHARE")]
    pub overlap_tolerance: Option<f64>,

    /// Count heartbeats, health checks, pool and transaction plumbing as calls like any other
    #[arg(long)]
    pub count_every_call: bool,

    /// Number of threads [default: all]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,

    /// Say more about what is read
    #[arg(short, long)]
    pub verbose: bool,

    /// Thresholds of the detectors.
    #[command(flatten)]
    pub thresholds: ThresholdArgs,
}

/// Arguments of `trace`.
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// What is read.
    #[command(flatten)]
    pub input: InputArgs,

    /// Id of the trace, up to 32 hexadecimal digits or a UUID; 8 or more digits that only one id begins with are enough
    #[arg(required = true, value_name = "TRACE_ID")]
    pub trace_id: String,

    /// What goes to standard output
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub format: TraceFormat,

    /// Show all spans, however many: nothing is folded or cut
    #[arg(long)]
    pub all: bool,

    /// Show the attributes of spans, as far as the analysis keeps them
    #[arg(long)]
    pub attributes: bool,

    /// How results look.
    #[command(flatten)]
    pub display: DisplayArgs,

    /// How much memory is used.
    #[command(flatten)]
    pub memory: MemoryArgs,

    /// What both `analyze` and `trace` understand.
    #[command(flatten)]
    pub analysis: AnalysisArgs,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The detector, or incident for what --window does; without it, all are listed
    #[arg(value_name = "DETECTOR", value_parser = explained_names())]
    pub detector: Option<String>,

    /// Whether to print in colours; auto does on a terminal, unless NO_COLOR is set
    #[arg(long, value_enum, value_name = "WHEN", default_value_t)]
    pub color: ColorChoice,
}

/// Arguments of `convert`.
#[derive(Debug, Args)]
pub struct ConvertArgs {
    /// What is read.
    #[command(flatten)]
    pub input: InputArgs,

    /// The Parquet file to write; - for standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,

    /// What start times count; Spark reads nothing finer than us, which get the nanoseconds as a number in a column
    /// beside them
    #[arg(long, value_enum, value_name = "UNIT", default_value_t)]
    pub timestamps: Timestamps,

    /// How much memory is used.
    #[command(flatten)]
    pub memory: MemoryArgs,

    /// Which traces are read.
    #[command(flatten)]
    pub selection: SelectionArgs,
}

/// Arguments of `generate`.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// About how many spans to write; the last trace is written whole
    #[arg(long, value_name = "N")]
    pub spans: u64,

    /// The same seed gives the same traces, on any machine and in any format
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,

    /// The file to write; its extension says the format: .flat.parquet, .hex.parquet, .otel_traces.parquet,
    /// .parquet, .jsonl, .binpb, the last two also with
    /// .gz or .zst
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,

    /// Where to write which traces hold a planted anti-pattern or a look-alike, as JSON lines
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,

    /// Share of traces that hold a planted anti-pattern or a look-alike, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    pub anti_patterns: f64,
}

/// What `analyze` writes to standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StdoutFormat {
    /// Tables for people
    #[default]
    Table,
    /// Tables in Markdown
    Markdown,
    /// Tables as comma-separated values
    Csv,
    /// One JSON document
    Json,
    /// One JSON object a row
    Ndjson,
}

/// Which tables are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TablesShown {
    /// None
    None,
    /// One of each detector that found something
    #[default]
    All,
}

/// Whether output has colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Wherever it goes
    Always,
    /// Nowhere
    Never,
}

/// What `trace` writes to standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TraceFormat {
    /// A waterfall for people
    #[default]
    Table,
    /// Spans, critical paths and findings as JSON
    Json,
    /// Chrome's trace events as JSON, for Perfetto (ui.perfetto.dev)
    Chrome,
    /// Profiles for speedscope (speedscope.app)
    Speedscope,
}

/// What start times count in Parquet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Timestamps {
    /// Nanoseconds
    #[default]
    Ns,
    /// Microseconds
    Us,
}

/// Format of table files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableFormat {
    /// Parquet
    #[default]
    Parquet,
    /// Comma-separated values
    Csv,
    /// A JSON array of objects
    Json,
}

/// Thresholds as typed: `--set`, and the options that some thresholds have of their own.
#[derive(Clone, Debug, Default)]
pub struct ThresholdArgs {
    /// (detector, threshold, value), in the order in which they take effect.
    pub values: Vec<(String, String, String)>,
}

/// Name of the option that sets any threshold.
const SET: &str = "set";

impl Args for ThresholdArgs {
    fn augment_args(mut command: ClapCommand) -> ClapCommand {
        for CatalogEntry { description, thresholds, .. } in catalog() {
            for threshold in thresholds {
                let Some(option) = threshold.option else { continue };
                let help = format!("{} ({}) [default: {}]", threshold.doc, description.name, threshold.default);
                command = command.arg(
                    Arg::new(option)
                        .long(option)
                        .value_name("N")
                        .value_parser(clap::value_parser!(u32))
                        .help_heading("Thresholds")
                        .help(help),
                );
            }
        }
        command.arg(
            Arg::new(SET)
                .long(SET)
                .value_name("DETECTOR.NAME=VALUE")
                .action(clap::ArgAction::Append)
                .value_parser(parse_threshold)
                .help_heading("Thresholds")
                .help("Set any threshold of a detector; tracescan explain DETECTOR lists them"),
        )
    }

    fn augment_args_for_update(command: ClapCommand) -> ClapCommand {
        Self::augment_args(command)
    }
}

/// `DETECTOR.NAME=VALUE`, of which all three parts are known to make sense.
fn parse_threshold(text: &str) -> Result<(String, String, String), String> {
    let form = "write it like n-plus-one.max_calls=10";
    let (name, value) = text.split_once('=').ok_or(form)?;
    let (detector, threshold) = name.split_once('.').ok_or(form)?;
    match Detectors::default().set(detector, threshold, value) {
        Ok(()) => Ok((detector.to_owned(), threshold.to_owned(), value.to_owned())),
        Err(error) => {
            let known: Vec<String> = catalog()
                .into_iter()
                .flat_map(|entry| {
                    let name = entry.description.name;
                    entry.thresholds.into_iter().map(move |threshold| format!("{name}.{}", threshold.name))
                })
                .collect();
            match error {
                NotSet::WrongValue(wrong) => Err(wrong.to_string()),
                unknown => Err(format!("{unknown}; there are {}", known.join(", "))),
            }
        }
    }
}

impl FromArgMatches for ThresholdArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut thresholds = Self::default();
        thresholds.update_from_arg_matches(matches)?;
        Ok(thresholds)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for CatalogEntry { description, thresholds, .. } in catalog() {
            for threshold in thresholds {
                if let Some(option) = threshold.option
                    && let Some(value) = matches.get_one::<u32>(option)
                {
                    self.values.push((description.name.to_owned(), threshold.name.to_owned(), value.to_string()));
                }
            }
        }
        self.values.extend(matches.get_many::<(String, String, String)>(SET).into_iter().flatten().cloned());
        Ok(())
    }
}

fn detector_names() -> clap::builder::PossibleValuesParser {
    catalog().into_iter().map(|entry| entry.description.name).collect::<Vec<_>>().into()
}

fn explained_names() -> clap::builder::PossibleValuesParser {
    let names = catalog().into_iter().map(|entry| entry.description.name);
    names.chain([INCIDENT]).collect::<Vec<_>>().into()
}

fn fail_on_names() -> clap::builder::PossibleValuesParser {
    let with_findings = catalog().into_iter().filter(|entry| entry.description.has_findings);
    let names = with_findings.map(|entry| entry.description.name);
    crate::gates::GateWord::WORDS.into_iter().chain(names).collect::<Vec<_>>().into()
}

/// What each column of each table means, for `analyze --help`.
fn table_help() -> String {
    let mut help = String::from(
        "Tables and their columns (see also: tracescan explain DETECTOR). In Parquet, a time counts microseconds, and \
         a column NAME_unix_nano beside it nanoseconds:\n",
    );
    for CatalogEntry { description, columns, .. } in catalog() {
        help.push_str(&format!("\n{}: {}\n", description.name, description.summary));
        for column in columns {
            help.push_str(&format!("  {}: {}\n", column.name, column.doc));
        }
    }
    help
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// No two options collide, those of thresholds among them: clap looks for that itself.
    #[test]
    fn the_command_line_makes_sense() {
        Cli::command().debug_assert();
    }

    /// Later ones win, and what makes no sense is refused with what does.
    #[test]
    fn any_threshold_can_be_set() {
        let parse = |arguments: &[&str]| {
            let all = ["tracescan", "analyze", "x"].iter().chain(arguments);
            match Cli::try_parse_from(all).map(|cli| cli.command) {
                Ok(Command::Analyze(args)) => Ok(args.analysis.thresholds.values),
                Ok(other) => panic!("{other:?}"),
                Err(error) => Err(error.to_string()),
            }
        };
        let set = |detector: &str, name: &str, value: &str| (detector.to_owned(), name.to_owned(), value.to_owned());
        assert_eq!(
            parse(&["--set", "n-plus-one.max_calls=10", "--max-hops", "4", "--set", "n-plus-one.max_calls=9"]).unwrap(),
            [
                set("sync-chain", "max_hops", "4"),
                set("n-plus-one", "max_calls", "10"),
                set("n-plus-one", "max_calls", "9")
            ]
        );
        for (wrong, told) in [
            ("max_calls=1", "n-plus-one.max_calls=10"),
            ("n-plus-one.max_call=1", "there is no such threshold; there are n-plus-one.max_calls"),
            ("n-plus-two.max_calls=1", "there is no such detector"),
            ("n-plus-one.max_calls=many", "a whole number"),
        ] {
            let error = parse(&["--set", wrong]).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }
}
