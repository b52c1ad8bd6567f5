//! Options that say how much memory is used, and what instead.

use std::path::PathBuf;

use clap::Args;

use super::headings::MACHINE;

/// Arguments that say how much memory is used, and what instead.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = MACHINE)]
pub struct MemoryArgs {
    /// About how much memory to use, like 2GiB [default: 3/4 of all]
    ///
    /// More spans than that are put aside in files; the results are the same bytes. The default is three quarters of what the
    /// machine or its control group has.
    #[arg(long, value_name = "SIZE")]
    pub memory_limit: Option<String>,

    /// Where to put spans aside [default: the system's]
    ///
    /// Files there have no names and vanish however the run ends.
    #[arg(long, value_name = "DIR")]
    pub temp_dir: Option<PathBuf>,
}
