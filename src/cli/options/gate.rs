//! Options that say when a run fails.

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::headings::GATES;
use crate::detectors::catalog;
use crate::gates::GateWord;

/// Arguments that say when a run fails.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = GATES)]
pub struct GateArgs {
    /// Fail, with exit code 1, on any, new, worse, budget or detectors
    ///
    /// any, or names of detectors: if they found something; new and worse: if a pattern is new or worse beside the baseline;
    /// budget: if a budget of the configuration is not met. Several are separated by commas.
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "WHAT",
        value_parser = fail_on_names(),
        hide_possible_values = true
    )]
    pub fail_on: Vec<String>,

    /// Smallest impact of a finding that counts [default: 1ms]
    ///
    /// Without any threshold, a failure of any impact that made a request fail counts, too.
    #[arg(long, value_name = "DURATION")]
    pub min_impact: Option<String>,

    /// Smallest summed impact of a pattern that counts
    #[arg(long, value_name = "DURATION")]
    pub min_total_impact: Option<String>,

    /// Fewest failed requests of a pattern that counts
    #[arg(long, value_name = "N")]
    pub min_failed_requests: Option<u64>,
}

fn fail_on_names() -> PossibleValuesParser {
    let with_findings = catalog().into_iter().filter(|entry| entry.description.has_findings);
    let names = with_findings.map(|entry| entry.description.name);
    GateWord::WORDS.into_iter().chain(names).collect::<Vec<_>>().into()
}
