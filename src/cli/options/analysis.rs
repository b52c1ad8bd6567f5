//! Options that say how traces are analysed.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::headings::{ANALYSIS, MACHINE, OTHER};
use super::thresholds::ThresholdArgs;
use crate::detectors::catalog;

/// Arguments that say how traces are analysed.
#[derive(Debug, Args)]
#[command(next_help_heading = ANALYSIS)]
pub struct AnalysisArgs {
    /// Run only these detectors; tracescan explain lists them
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "DETECTOR",
        value_parser = detector_names(),
        hide_possible_values = true
    )]
    pub detector: Vec<String>,

    /// Leave these detectors out
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "DETECTOR",
        value_parser = detector_names(),
        hide_possible_values = true
    )]
    pub skip: Vec<String>,

    /// Thresholds of the detectors.
    #[command(flatten)]
    pub thresholds: ThresholdArgs,

    /// Configuration file [default: tracescan.toml, if there is one]
    ///
    /// The default is looked for in the working directory only. tracescan config prints what is set, and by whom.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// How far children in a row may overlap [default: 0.01]
    ///
    /// A share of the parent's duration; 0 for none.
    #[arg(long, value_name = "SHARE")]
    pub overlap_tolerance: Option<f64>,

    /// Count heartbeats, health checks and plumbing of pools, too
    ///
    /// Those, and plumbing of transactions, are no calls to detectors otherwise.
    #[arg(long)]
    pub count_every_call: bool,

    /// Show what gives secrets away, too
    ///
    /// Otherwise {} stands for it in names, URLs, messages and all else that is shown: what the detector sensitive-data looks for.
    #[arg(long)]
    pub show_values: bool,

    /// Number of threads [default: all]
    #[arg(long, value_name = "N", help_heading = MACHINE)]
    pub threads: Option<usize>,

    /// Say more about what is read
    #[arg(short, long, help_heading = OTHER)]
    pub verbose: bool,
}

fn detector_names() -> PossibleValuesParser {
    catalog().into_iter().map(|entry| entry.description.name).collect::<Vec<_>>().into()
}
