//! What can be typed: clap structs and enums, nothing else. What it means is worked out in `config`.
//!
//! A command has a file, and so has what its options are about, where several commands have them. The first paragraph of an
//! option's documentation is its line of `-h`; `--help` has all of it. Groups of options stand in the order of their use.

mod analyze;
mod choices;
mod closing;
mod compare;
mod config;
mod convert;
mod documentation;
mod generate;
mod merge;
mod options;
mod query;
#[cfg(test)]
mod tests;
mod trace;

use clap::{Parser, Subcommand};

pub use analyze::AnalyzeArgs;
pub use choices::{ColorChoice, ExplainFormat, StdoutFormat, TableFormat, TablesShown, Timestamps, TraceFormat};
pub use compare::CompareArgs;
pub use config::ConfigArgs;
pub use convert::ConvertArgs;
pub(crate) use documentation::command;
pub use documentation::{CompletionsArgs, ExplainArgs, ManArgs};
pub use generate::GenerateArgs;
pub use merge::MergeArgs;
pub use options::{
    AnalysisArgs, DisplayArgs, GateArgs, HelpArgs, IncidentArgs, InputArgs, MemoryArgs, ReportArgs, ResultsArgs,
    SelectionArgs, ThresholdArgs,
};
pub use query::QueryArgs;
pub use trace::TraceArgs;

/// Finds what made distributed systems slow and fragile, in a dump of their traces.
#[derive(Debug, Parser)]
#[command(
    name = "tracescan",
    version,
    max_term_width = 120,
    after_help = "tracescan COMMAND -h lists the options of a command; --help has examples and exit codes.",
    after_long_help = closing::main()
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find the anti-patterns in a dump of traces and rank them by what they cost
    Analyze(Box<AnalyzeArgs>),
    /// Show one trace: a waterfall with the critical path, and the findings in it
    Trace(TraceArgs),
    /// Say what became of each anti-pattern from one run to another
    ///
    /// Beside it stands where the time of each entry went: the rows of an entry add up to the change of its mean duration.
    Compare(CompareArgs),
    /// Make one result of many parts that analyze --partial wrote
    ///
    /// It is the same as one analyze over everything, to the byte.
    Merge(MergeArgs),
    /// Ask the tables of an output directory in SQL
    Query(QueryArgs),
    /// Say what a detector, a table or a file means: why, columns, units, how to fix it
    Explain(ExplainArgs),
    /// Print the settings and where each comes from, or the schema of tracescan.toml
    Config(ConfigArgs),
    /// Write canonical Parquet: everything that was recorded, in the form read fastest
    Convert(ConvertArgs),
    /// Write synthetic traces with known anti-patterns
    Generate(GenerateArgs),
    /// Print what makes a shell complete commands, options and values
    Completions(CompletionsArgs),
    /// Print the manual page, or write one for each command
    Man(ManArgs),
}
