//! `tracescan explain`: the documentation of a detector.

use crate::cli::ExplainArgs;
use crate::detectors::catalog;
use crate::incident;
use crate::report::{write_catalog, write_columns, write_explanation};

use super::Outcome;
use super::process::standard_output;

/// Prints the documentation of one detector, or the list of all.
///
/// # Errors
/// If standard output fails.
pub(crate) fn run(args: &ExplainArgs) -> anyhow::Result<Outcome> {
    let style = standard_output::style(args.color);
    let mut catalog = catalog();
    let [suspects, suspect_rows] = incident::explanation();
    if args.detector.as_deref() == Some(suspects.description.name) {
        standard_output::write(|out| {
            write_explanation(out, &suspects, style)?;
            write_columns(out, &suspect_rows, style)
        })?;
        return Ok(Outcome::Done);
    }
    let wanted = args.detector.as_ref().and_then(|name| catalog.iter().find(|entry| entry.description.name == name));
    if let Some(entry) = wanted {
        standard_output::write(|out| write_explanation(out, entry, style))?;
        return Ok(Outcome::Done);
    }
    catalog.push(suspects);
    standard_output::write(|out| write_catalog(out, &catalog, style))?;
    Ok(Outcome::Done)
}
