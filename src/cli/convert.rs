//! What `convert` understands.

use std::path::PathBuf;

use clap::Args;

use super::choices::{Timestamps, each_of, one_of};
use super::closing;
use super::options::headings::RESULTS;
use super::options::{HelpArgs, InputArgs, MemoryArgs, SelectionArgs};

const TIMESTAMPS: &str = "What start times count; Spark reads nothing finer than us, which get the nanoseconds as a number in a \
                          column beside them";

/// Arguments of `convert`.
#[derive(Debug, Args)]
#[command(disable_help_flag = true, after_long_help = closing::convert())]
pub struct ConvertArgs {
    /// The Parquet file to write; - for standard output
    #[arg(short, long, value_name = "FILE", help_heading = RESULTS)]
    pub output: PathBuf,

    /// What start times count.
    #[arg(
        long,
        value_enum,
        value_name = "UNIT",
        default_value_t,
        help_heading = RESULTS,
        hide_possible_values = true,
        help = one_of::<Timestamps>("What start times count:"),
        long_help = each_of::<Timestamps>(TIMESTAMPS)
    )]
    pub timestamps: Timestamps,

    /// Which traces are read.
    #[command(flatten)]
    pub selection: SelectionArgs,

    /// What is read.
    #[command(flatten)]
    pub input: InputArgs,

    /// How much memory is used.
    #[command(flatten)]
    pub memory: MemoryArgs,

    /// Help.
    #[command(flatten)]
    pub help: HelpArgs,
}
