//! What every subcommand has to do with the process around it: standard output and error, progress, signals, threads.

pub(super) mod diagnostics;
pub mod interrupt;
pub(super) mod progress;
pub(super) mod standard_output;
pub(super) mod threads;

/// Arguments of the run without the program's name. What in them is no text is shown as such.
pub(super) fn arguments() -> Vec<String> {
    std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect()
}
