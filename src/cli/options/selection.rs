//! Options that say which traces are read. Traces are kept whole.

use clap::Args;

/// Arguments that say which traces are read. Traces are kept whole.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Selection (a trace is kept whole if one of its spans fulfils all)")]
pub struct SelectionArgs {
    /// Only traces with a span that starts then or later
    ///
    /// Times are written like 2026-03-01T10:00:00Z, 2026-03-01 10:00 (UTC), 2026-03-01.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,

    /// Only traces with a span that starts before this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,

    /// Only traces with a span of this service, or of one of these
    #[arg(long, value_delimiter = ',', value_name = "SERVICE")]
    pub service: Vec<String>,
}
