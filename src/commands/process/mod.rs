//! What every subcommand has to do with the process around it: standard output and error, progress, signals, threads.

pub(super) mod diagnostics;
pub mod interrupt;
pub(super) mod progress;
pub(super) mod standard_output;
pub(super) mod threads;
