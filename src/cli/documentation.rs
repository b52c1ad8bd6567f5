//! What the commands understand that print documentation.

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::choices::{ColorChoice, ExplainFormat, one_of};
use crate::explain;

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A detector, a table or a file; without it, all are listed
    #[arg(value_name = "NAME", value_parser = topics(), hide_possible_values = true)]
    pub topic: Option<String>,

    /// Everything at once; as Markdown, a document with contents
    #[arg(long, conflicts_with = "topic")]
    pub all: bool,

    /// How the text is written.
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        hide_possible_values = true,
        help = one_of::<ExplainFormat>("Print")
    )]
    pub format: ExplainFormat,

    /// Whether to print in colours.
    #[arg(
        long,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        hide_possible_values = true,
        help = one_of::<ColorChoice>("Whether to print in colours")
    )]
    pub color: ColorChoice,
}

fn topics() -> PossibleValuesParser {
    explain::names().collect::<Vec<_>>().into()
}
