//! Parses, runs, and turns errors into exit codes.

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod allocator;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use tracescan::cli::Cli;
use tracescan::commands::{self, Outcome};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(told) => {
            let outcome = if told.use_stderr() { Outcome::WrongUsage } else { Outcome::Done };
            let _ = told.print();
            return ExitCode::from(outcome.exit_code());
        }
    };
    commands::interrupt::listen();
    tracescan::ingest::keep_caught_panics_quiet();
    let outcome = commands::run(&cli).unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "error: {}", told_once(&error));
        commands::outcome_of(&error)
    });
    ExitCode::from(outcome.exit_code())
}

/// The error and its causes, but for those that the error above them tells already.
fn told_once(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}
