//! Options that say which requests are compared with which.

use clap::Args;

use super::headings::COMPARISON;

/// Arguments that say which requests are compared with which.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = COMPARISON)]
pub struct IncidentArgs {
    /// Say who made the requests of these minutes slow, or fail
    ///
    /// A window is FROM..TO, or auto for the longest time in which an entry was not as usual. Times are times of day (12:01,
    /// UTC), those of --since, seconds since 1970, or -15min (before the end of the dump); one side may be open, the end is
    /// exclusive. For merge, parts must have been analysed with --window too.
    #[arg(long, value_name = "A..B|auto", allow_hyphen_values = true)]
    pub window: Option<String>,

    /// Compare the window with this one [default: the other requests]
    ///
    /// Without it, the window is compared with all other requests but those of times in which entries were not as usual.
    #[arg(long, value_name = "A..B", allow_hyphen_values = true, requires = "window")]
    pub baseline_window: Option<String>,
}
