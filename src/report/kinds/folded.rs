//! Folded stacks, for flame graphs: where the critical paths of all requests went, in ns.

use std::io::{self, Write};

use super::pattern::told;
use super::write::Report;

/// Writes a line for each stack.
///
/// # Errors
/// If `out` fails.
pub(super) fn write_folded(out: &mut impl Write, report: &Report<'_>) -> io::Result<()> {
    for stack in report.path_stacks.iter().flatten().filter(|stack| stack.time_ns > 0) {
        let frames: Vec<String> = stack.frames.iter().map(|frame| told(frame).replace(';', ":")).collect();
        writeln!(out, "{} {}", frames.join(";"), stack.time_ns)?;
    }
    Ok(())
}
