//! What `merge` understands.

use std::path::PathBuf;

use clap::Args;

use super::closing;
use super::options::headings::{COMPARISON, MACHINE, OTHER};
use super::options::{HelpArgs, IncidentArgs, MemoryArgs, ResultsArgs};

/// Arguments of `merge`.
#[derive(Debug, Args)]
#[command(disable_help_flag = true, after_long_help = closing::merge())]
pub struct MergeArgs {
    /// Files that analyze --partial wrote; directories and globs too
    ///
    /// They must have been written with the same detectors and thresholds.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

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

    /// Number of threads [default: all]
    #[arg(long, value_name = "N", help_heading = MACHINE)]
    pub threads: Option<usize>,

    /// How much memory is used.
    #[command(flatten)]
    pub memory: MemoryArgs,

    /// Configuration file [default: tracescan.toml, if there is one]
    ///
    /// Of it, gates, ignored patterns, budgets and output hold; thresholds are those of the parts. The default is looked for in
    /// the working directory only.
    #[arg(long, value_name = "FILE", help_heading = OTHER)]
    pub config: Option<PathBuf>,

    /// Help.
    #[command(flatten)]
    pub help: HelpArgs,
}
