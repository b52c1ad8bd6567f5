//! What `compare` understands.

use std::path::PathBuf;

use clap::Args;

use super::choices::{StdoutFormat, TableFormat, each_of, one_of};
use super::closing;
use super::options::headings::{OTHER, RESULTS};
use super::options::{GateArgs, HelpArgs, ReportArgs};

/// Arguments of `compare`.
#[derive(Debug, Args)]
#[command(disable_help_flag = true, after_long_help = closing::compare())]
pub struct CompareArgs {
    /// Output directory of the run to compare with, with tables as Parquet
    #[arg(required = true, value_name = "OLD")]
    pub old: PathBuf,

    /// Output directory of the run that is compared
    #[arg(required = true, value_name = "NEW")]
    pub new: PathBuf,

    /// Write the tables of changes and run.json to this directory
    #[arg(short, long, value_name = "DIR", help_heading = RESULTS)]
    pub output: Option<PathBuf>,

    /// Which reports are written.
    #[command(flatten)]
    pub reports: ReportArgs,

    /// Format of the files in the output directory.
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        help_heading = RESULTS,
        hide_possible_values = true,
        help = one_of::<TableFormat>("Format of the files in DIR"),
        long_help = each_of::<TableFormat>("Format of the files in DIR")
    )]
    pub table_format: Option<TableFormat>,

    /// What goes to standard output.
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        help_heading = RESULTS,
        hide_possible_values = true,
        help = one_of::<StdoutFormat>("Print"),
        long_help = each_of::<StdoutFormat>("What goes to standard output")
    )]
    pub format: Option<StdoutFormat>,

    /// Rows of each table to print [default: 5 as tables, else 10]
    #[arg(long, value_name = "N", help_heading = RESULTS)]
    pub top: Option<usize>,

    /// When the run fails.
    #[command(flatten)]
    pub gate: GateArgs,

    /// Configuration file [default: tracescan.toml, if there is one]
    ///
    /// The default is looked for in the working directory only.
    #[arg(long, value_name = "FILE", help_heading = OTHER)]
    pub config: Option<PathBuf>,

    /// Help.
    #[command(flatten)]
    pub help: HelpArgs,
}
