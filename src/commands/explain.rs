//! `tracescan explain`: the documentation of a detector.

use crate::cli::ExplainArgs;
use crate::detectors::catalog;
use crate::report::{write_catalog, write_explanation};

use super::{Outcome, standard_output};

/// Prints the documentation of one detector, or the list of all.
///
/// # Errors
/// If standard output fails.
pub(crate) fn run(args: &ExplainArgs) -> anyhow::Result<Outcome> {
    let style = standard_output::style(args.color);
    let catalog = catalog();
    let wanted = args.detector.as_ref().and_then(|name| catalog.iter().find(|entry| entry.description.name == name));
    standard_output::write(|out| match wanted {
        Some(entry) => write_explanation(out, entry, style),
        None => write_catalog(out, &catalog, style),
    })?;
    Ok(Outcome::Done)
}
