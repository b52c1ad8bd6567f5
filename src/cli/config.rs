//! What `config` understands.

use clap::Args;

use super::options::headings::OTHER;
use super::options::{AnalysisArgs, HelpArgs, MemoryArgs, ResultsArgs};

/// Arguments of `config`.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub struct ConfigArgs {
    /// Print the JSON Schema of tracescan.toml instead
    #[arg(long, help_heading = OTHER)]
    pub schema: bool,

    /// What is made of the results.
    #[command(flatten)]
    pub results: ResultsArgs,

    /// What both `analyze` and `trace` understand.
    #[command(flatten)]
    pub analysis: AnalysisArgs,

    /// How much memory is used.
    #[command(flatten)]
    pub memory: MemoryArgs,

    /// Help.
    #[command(flatten)]
    pub help: HelpArgs,
}
