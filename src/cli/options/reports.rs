//! Options that say which reports are written.

use clap::Args;

use super::headings::RESULTS;
use crate::report::ReportFile;

/// Arguments that say which reports are written.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = RESULTS)]
pub struct ReportArgs {
    /// Write a report to FILE, of the kind that its extension says
    #[arg(long, value_name = "FILE", long_help = report_help())]
    pub report: Vec<String>,

    /// Largest size of an HTML report [default: 2MB]
    ///
    /// What is left out for it is said there.
    #[arg(long, value_name = "SIZE")]
    pub report_size: Option<String>,
}

fn report_help() -> String {
    let mut help =
        "Write a report to FILE, of the kind that its extension says; may be given several times\n".to_owned();
    for (end, what) in ReportFile::kinds() {
        help.push_str(&format!("\n- {end}: {what}"));
    }
    help
}
