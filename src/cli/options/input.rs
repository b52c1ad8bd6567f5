//! Options that say what is read.

use std::path::PathBuf;

use clap::Args;

use super::headings::INPUT;
use crate::cli::choices::each_of;
use crate::ingest::InputFormat;

const INPUT_FORMAT: &str =
    "What the inputs are, if their bytes do not tell or mislead; compression is always told by them";

/// Arguments that say what is read.
#[derive(Debug, Args)]
#[command(next_help_heading = INPUT)]
pub struct InputArgs {
    /// Files, directories, globs with traces, of any known format; - for standard input
    #[arg(required = true, value_name = "INPUT", help_heading = None)]
    pub inputs: Vec<PathBuf>,

    /// What the inputs are.
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        hide_possible_values = true,
        help = "What the inputs are, if their bytes do not tell",
        long_help = each_of::<InputFormat>(INPUT_FORMAT)
    )]
    pub input_format: Option<InputFormat>,

    /// How long failures of object stores may last [default: 3min]
    ///
    /// How much time a request to an object store may lose by failures before its input is given up; 0s to try once.
    #[arg(long, value_name = "DURATION")]
    pub retry_timeout: Option<String>,
}
