//! Parses, runs, and turns errors into exit codes.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use tracescan::cli::Cli;
use tracescan::commands::{self, Outcome};

fn main() -> ExitCode {
    let cli = Cli::parse();
    commands::interrupt::listen();
    tracescan::ingest::keep_caught_panics_quiet();
    let outcome = commands::run(&cli).unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "error: {error:#}");
        Outcome::Incomplete
    });
    ExitCode::from(outcome.exit_code())
}
