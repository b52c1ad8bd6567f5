//! GitHub's workflow commands: lines in the log of a job that become annotations.

use std::io::{self, Write};

use crate::report::text::units;

use super::pattern::{Pattern, Severity, cut};
use super::write::Report;

/// GitHub shows so many annotations of a kind for a step.
const MAX_OF_KIND: usize = 10;

/// Characters of a message: more are not read in a log.
const MOST_CHARACTERS: usize = 400;

/// Writes the report.
///
/// # Errors
/// If `out` fails.
pub(super) fn write_github(out: &mut impl Write, report: &Report<'_>) -> io::Result<()> {
    let (patterns, summed_up) = Pattern::all(report);
    let mut left_out = Vec::new();
    for (severity, command, noun) in [
        (Severity::Error, "error", "error"),
        (Severity::Warning, "warning", "warning"),
        (Severity::Note, "notice", "notice"),
    ] {
        let mut own = patterns.clone().filter(|pattern| pattern.severity() == severity);
        for pattern in own.by_ref().take(MAX_OF_KIND) {
            let message = cut(&format!("{}. {}", pattern.title(), pattern.details()), MOST_CHARACTERS);
            let title = format!("tracescan {}", pattern.detector());
            let (path, line) = pattern.place();
            // Without a file that is there, the annotation stands at the job.
            let place =
                if pattern.has_code() { format!("file={},line={line},", property(&path)) } else { String::new() };
            writeln!(out, "::{command} {place}title={}::{}", property(&title), data(&message))?;
        }
        let more = own.count() as u64;
        if more > 0 {
            left_out.push(units::counted(more, noun));
        }
    }
    if summed_up > 0 {
        left_out.push(units::counted(summed_up, "pattern"));
    }
    if !left_out.is_empty() {
        writeln!(out, "tracescan: left out: {}; the other reports have them", left_out.join(", "))?;
    }
    // No pattern, and a word all the same.
    if patterns.clone().next().is_none() {
        writeln!(out, "tracescan: no problem found in {}", units::counted(report.summary.totals.traces, "trace"))?;
    }
    for failure in &report.gate.failures {
        writeln!(out, "tracescan: failed: {}", cut(&data(&super::pattern::told(failure)), MOST_CHARACTERS))?;
    }
    Ok(())
}

/// What stands behind `::`. An older form of commands is taken from the middle of lines, too.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A").replace("##[", "## [")
}

/// The value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
