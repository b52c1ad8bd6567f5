//! One thin file for each subcommand. Beside [`report`](crate::report), only these print.

mod analyze;
mod compare;
mod config;
mod convert;
mod documentation;
mod generate;
mod merge;
mod no_match;
mod part_description;
mod process;
mod query;
mod recorded_report;
mod results;
mod shown_trace;
mod trace;

pub use process::interrupt;

use crate::cli::{Cli, Command};
use crate::config::ConfigError;
use crate::query::QueryError;

/// How a run ended. This is where exit codes are defined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// 0: done.
    Done,
    /// 1: done, and `--fail-on` is met.
    FailOnMet,
    /// 2: some input could not be read, or there was nothing to read; what could be read is reported.
    Incomplete,
    /// 64: what was typed makes no sense (`EX_USAGE` of `sysexits.h`).
    WrongUsage,
    /// 130: interrupted.
    Interrupted,
}

impl Outcome {
    /// The exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::FailOnMet => 1,
            Self::Incomplete => 2,
            Self::WrongUsage => 64,
            Self::Interrupted => 130,
        }
    }
}

/// How a run ended that reported nothing.
pub fn outcome_of(error: &anyhow::Error) -> Outcome {
    let is_usage = error.downcast_ref::<ConfigError>().is_some_and(ConfigError::is_usage)
        || error.downcast_ref::<QueryError>().is_some_and(QueryError::is_usage);
    if is_usage { Outcome::WrongUsage } else { Outcome::Incomplete }
}

/// Runs the subcommand.
///
/// # Errors
/// What kept it from reporting anything; [`outcome_of`] says what the exit code is.
pub fn run(cli: &Cli) -> anyhow::Result<Outcome> {
    match &cli.command {
        Command::Analyze(args) => analyze::run(args),
        Command::Merge(args) => merge::run(args),
        Command::Compare(args) => compare::run(args),
        Command::Query(args) => query::run(args),
        Command::Config(args) => config::run(args),
        Command::Trace(args) => trace::run(args),
        Command::Explain(args) => documentation::explain(args),
        Command::Convert(args) => convert::run(args),
        Command::Generate(args) => generate::run(args),
        Command::Completions(args) => documentation::completions(args),
        Command::Man(args) => documentation::man(args),
    }
}
