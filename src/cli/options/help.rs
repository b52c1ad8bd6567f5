//! The option that prints help: the last one of a command's help, not the first.

use clap::{ArgAction, Args};

use super::headings::OTHER;

/// The option that prints help.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = OTHER)]
pub struct HelpArgs {
    /// Print help: -h in short, --help with examples and details
    #[arg(short, long, action = ArgAction::Help)]
    pub help: Option<bool>,
}
