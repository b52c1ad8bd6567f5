//! What `query` understands.

use std::path::PathBuf;

use clap::Args;

use super::choices::{ColorChoice, StdoutFormat, each_of, one_of};
use super::closing;
use super::options::HelpArgs;
use super::options::headings::{INPUT, OTHER, RESULTS};

/// Arguments of `query`.
#[derive(Debug, Args)]
#[command(disable_help_flag = true, after_long_help = closing::query())]
pub struct QueryArgs {
    /// Output directory of the run whose tables are asked
    ///
    /// A table is called by the name of its file: problems, entries, latency_attribution, and so on. The table run has a row for
    /// each value of run.json.
    #[arg(required = true, value_name = "DIR")]
    pub directory: PathBuf,

    /// One SELECT, which may begin with WITH; without it, the tables are listed
    #[arg(value_name = "SQL", conflicts_with = "file")]
    pub sql: Option<String>,

    /// Read the SQL from this file; - for standard input
    #[arg(short, long, value_name = "FILE", help_heading = INPUT)]
    pub file: Option<PathBuf>,

    /// Ask tables of another run too, as NAME.problems and so on
    #[arg(long, value_name = "NAME=DIR", value_parser = parse_named_directory, help_heading = INPUT)]
    pub with: Vec<(String, PathBuf)>,

    /// What goes to standard output.
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        help_heading = RESULTS,
        hide_possible_values = true,
        hide_default_value = true,
        help = one_of::<StdoutFormat>("Print"),
        long_help = each_of::<StdoutFormat>("Print")
    )]
    pub format: StdoutFormat,

    /// Rows to print [default: all]
    #[arg(long, value_name = "N", help_heading = RESULTS)]
    pub top: Option<usize>,

    /// Whether to print in colours.
    #[arg(
        long,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        help_heading = OTHER,
        hide_possible_values = true,
        hide_default_value = true,
        help = one_of::<ColorChoice>("Whether to print in colours"),
        long_help = each_of::<ColorChoice>("Whether to print in colours")
    )]
    pub color: ColorChoice,

    /// Help.
    #[command(flatten)]
    pub help: HelpArgs,
}

/// `NAME=DIR`, of which the name can stand before a point in SQL.
fn parse_named_directory(text: &str) -> Result<(String, PathBuf), String> {
    let (name, directory) = text.split_once('=').ok_or("write it like before=DIR")?;
    let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) || !name.chars().all(is_word) {
        return Err("the name must be a word of letters, digits and _, like before".to_owned());
    }
    Ok((name.to_owned(), PathBuf::from(directory)))
}
