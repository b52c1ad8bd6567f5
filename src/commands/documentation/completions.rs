//! `tracescan completions`: what makes a shell complete commands, options and values.

use std::io::Write as _;

use crate::cli::{CompletionsArgs, command};

use crate::commands::Outcome;
use crate::commands::process::standard_output;

/// Prints the completions of a shell.
///
/// # Errors
/// If standard output fails.
pub(crate) fn run(args: &CompletionsArgs) -> anyhow::Result<Outcome> {
    let mut command = command();
    let name = command.get_name().to_owned();
    // The generator takes a failure to write for its own, and a closed pipe is none.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    standard_output::write(|out| out.write_all(&script))?;
    Ok(Outcome::Done)
}
