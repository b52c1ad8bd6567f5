//! `tracescan explain`: the documentation of detectors, tables and files.

use std::io::Write as _;

use crate::cli::{ExplainArgs, ExplainFormat};
use crate::explain::{detector_pages, topic_pages};
use crate::report::{write_book, write_catalog, write_page, write_page_as_markdown};

use crate::commands::Outcome;
use crate::commands::process::standard_output;

/// Prints one page, all of them, or the list of all.
///
/// # Errors
/// If standard output fails.
pub(crate) fn run(args: &ExplainArgs) -> anyhow::Result<Outcome> {
    let style = standard_output::style(args.color);
    let (detectors, topics) = (detector_pages(), topic_pages());
    let mut all = detectors.iter().chain(&topics);
    standard_output::write(|out| {
        if let Some(name) = &args.topic {
            let Some(page) = all.find(|page| page.name == name) else { return Ok(()) };
            return match args.format {
                ExplainFormat::Text => write_page(out, page, style),
                ExplainFormat::Markdown => write_page_as_markdown(out, page, 1),
            };
        }
        match (args.all, args.format) {
            (false, _) => write_catalog(out, &detectors, &topics, style),
            (true, ExplainFormat::Markdown) => write_book(out, &all.cloned().collect::<Vec<_>>()),
            (true, ExplainFormat::Text) => all.enumerate().try_for_each(|(index, page)| {
                if index > 0 {
                    writeln!(out, "\n")?;
                }
                write_page(out, page, style)
            }),
        }
    })?;
    Ok(Outcome::Done)
}
