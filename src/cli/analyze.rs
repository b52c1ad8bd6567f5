//! What `analyze` understands.

use std::path::PathBuf;

use clap::Args;

use super::closing;
use super::options::headings::{COMPARISON, RESULTS};
use super::options::{AnalysisArgs, HelpArgs, IncidentArgs, InputArgs, MemoryArgs, ResultsArgs, SelectionArgs};

/// Arguments of `analyze`.
#[derive(Debug, Args)]
#[command(disable_help_flag = true, after_long_help = closing::analyze())]
pub struct AnalyzeArgs {
    // Groups of help come in the order of their first options.
    /// What is made of the results.
    #[command(flatten)]
    pub results: ResultsArgs,

    /// Compare with the run whose output directory this is
    ///
    /// Patterns get a status (new, worse, better and others), and it is said where the time of each entry went. --window compares
    /// within this run.
    #[arg(long, value_name = "DIR", help_heading = COMPARISON)]
    pub baseline: Option<PathBuf>,

    /// Which traces are compared.
    #[command(flatten)]
    pub incident: IncidentArgs,

    /// Which traces are read.
    #[command(flatten)]
    pub selection: SelectionArgs,

    /// What is read.
    #[command(flatten)]
    pub input: InputArgs,

    /// What both `analyze` and `trace` understand.
    #[command(flatten)]
    pub analysis: AnalysisArgs,

    /// How much memory is used.
    #[command(flatten)]
    pub memory: MemoryArgs,

    /// Write what this part of an input gives to FILE, for merge
    ///
    /// Nothing is ranked or printed then; tracescan merge makes one result of many parts. As FILE, - is standard output.
    #[arg(
        long,
        value_name = "FILE",
        help_heading = RESULTS,
        conflicts_with_all = ["output", "report", "format", "top", "tables", "notes", "quiet", "fail_on", "baseline"]
    )]
    pub partial: Option<PathBuf>,

    /// Help.
    #[command(flatten)]
    pub help: HelpArgs,
}
