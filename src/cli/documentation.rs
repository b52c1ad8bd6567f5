//! What the commands understand that print documentation.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

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

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell that completes
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: Shell,
}

/// Arguments of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write a page for each command to this directory, and print nothing
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

/// The command line, for what is made of it: completions and manual pages.
pub(crate) fn command() -> clap::Command {
    super::Cli::command()
}

fn topics() -> PossibleValuesParser {
    explain::names().collect::<Vec<_>>().into()
}
