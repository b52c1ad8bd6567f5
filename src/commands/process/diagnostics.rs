//! What is said on standard error about the inputs.

use std::io::Write;

use crate::config::Settings;
use crate::ingest::InputReport;
use crate::report::sanitized;

/// Writes a line to standard error. That nobody listens is no reason to stop.
pub(in crate::commands) fn say(text: &str) {
    let line: String = text.lines().map(|line| format!("{}\n", sanitized(line))).collect();
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

/// Names the configuration file that was read, if one was.
pub(in crate::commands) fn say_configuration(settings: &Settings) {
    if let Some(path) = &settings.configuration {
        say(&format!("configuration: {}", path.display()));
    }
}

/// Says what went wrong with the inputs; the answer is whether all of them could be read. The mapping of columns is said
/// only if `verbose`.
pub(in crate::commands) fn say_input_problems(reports: &[InputReport], verbose: bool) -> bool {
    for report in reports {
        for error in &report.errors {
            say(&format!("error: {error}"));
        }
        for warning in &report.warnings {
            say(&format!("warning: {warning}"));
        }
        if verbose {
            say(&format!("{}: read as {}", report.path.display(), report.format));
            for line in report.mapping.lines() {
                say(&format!("  {line}"));
            }
        }
    }
    reports.iter().all(|report| report.errors.is_empty())
}

/// Whether no input is there, so that there is nothing to report.
pub(in crate::commands) fn all_absent(reports: &[InputReport]) -> bool {
    !reports.is_empty() && reports.iter().all(InputReport::is_absent)
}
