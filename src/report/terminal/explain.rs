//! A page of documentation, for the person who got a finding or reads a table.

use std::io::{self, Write};

use crate::detectors::Unit;

use crate::report::explanation::Page;
use crate::report::terminal::TerminalStyle;
use crate::report::terminal::text_width::{text_width, wrapped};

/// Narrowest room for text beside names.
const MIN_TEXT_WIDTH: usize = 20;

/// Writes a page.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_page(out: &mut impl Write, page: &Page, style: TerminalStyle) -> io::Result<()> {
    let paint = style.paint();
    writeln!(out, "{}\n", paint.bold(&format!("# {}", page.name)))?;
    for line in wrapped(&page.opening, style.width) {
        writeln!(out, "{line}")?;
    }
    writeln!(out)?;
    for line in page.documentation.lines() {
        if line.starts_with('#') {
            writeln!(out, "{}", paint.bold(line))?;
        } else {
            writeln!(out, "{line}")?;
        }
    }
    if !page.thresholds.is_empty() {
        writeln!(out, "\n{}\n", paint.bold("## Thresholds"))?;
        let thresholds = page.thresholds.iter();
        let thresholds = thresholds.map(|threshold| (threshold.name, page.threshold_in_words(threshold)));
        write_definitions(out, &thresholds.collect::<Vec<_>>(), style)?;
    }
    for table in &page.tables {
        writeln!(out, "\n{}\n", paint.bold(&format!("## Columns of {}", table.name)))?;
        let columns = table.columns.iter();
        let columns = columns.map(|column| (column.name, format!("{}{}", column.doc, unit(column.unit))));
        write_definitions(out, &columns.collect::<Vec<_>>(), style)?;
    }
    for document in &page.documents {
        writeln!(out, "\n{}\n", paint.bold(&format!("## Fields of {}", document.name)))?;
        let meaning = |doc: &str, unit: &str| if unit.is_empty() { doc.to_owned() } else { format!("{doc} ({unit})") };
        let fields = document.fields.iter().map(|field| (&*field.path, meaning(&field.doc, field.unit)));
        write_definitions(out, &fields.collect::<Vec<_>>(), style)?;
    }
    Ok(())
}

/// Writes the names and summaries of all pages: detectors, then topics.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_catalog(
    out: &mut impl Write,
    detectors: &[Page],
    topics: &[Page],
    style: TerminalStyle,
) -> io::Result<()> {
    for (title, pages) in [("detectors", detectors), ("topics", topics)] {
        writeln!(out, "{}", style.paint().bold(title))?;
        let entries: Vec<(&str, String)> = pages.iter().map(|page| (page.name, page.summary.to_owned())).collect();
        write_definitions(out, &entries, style)?;
        writeln!(out)?;
    }
    writeln!(out, "tracescan explain NAME says more; --all says everything.")
}

/// What the number or text is, where the meaning alone does not say.
fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Nanoseconds => " (ns)",
        Unit::Share => " (0 to 1)",
        Unit::Flag => " (yes or no)",
        Unit::Names => " (list)",
        Unit::Durations => " (list, ns)",
        Unit::Time => " (time, UTC)",
        Unit::Text | Unit::Id | Unit::Count | Unit::Number => "",
    }
}

/// Names in a column of their own, meanings beside them. Names that take much room have lines of their own.
fn write_definitions(out: &mut impl Write, entries: &[(&str, String)], style: TerminalStyle) -> io::Result<()> {
    let widest = entries.iter().map(|(name, _)| text_width(name)).max().unwrap_or(0).min(style.width / 3);
    let indent = widest + 4;
    for (name, meaning) in entries {
        let mut lines = wrapped(meaning, style.width.saturating_sub(indent).max(MIN_TEXT_WIDTH)).into_iter();
        let bold = style.paint().bold(&format!("{name:widest$}"));
        if text_width(name) > widest {
            writeln!(out, "  {bold}")?;
        } else {
            writeln!(out, "  {bold}  {}", lines.next().unwrap_or_default())?;
        }
        for line in lines {
            writeln!(out, "{:indent$}{line}", "")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::catalog;

    const STYLE: TerminalStyle = TerminalStyle { width: 80, colour: false };

    fn detectors() -> Vec<Page> {
        catalog().into_iter().map(Page::of_detector).collect()
    }

    #[test]
    fn the_catalog_lists_all_detectors() {
        let mut out = Vec::new();
        write_catalog(&mut out, &detectors(), &[], STYLE).unwrap();
        let text = String::from_utf8(out).unwrap();
        for page in detectors() {
            assert!(text.contains(&format!("\n  {} ", page.name)), "{text}");
        }
    }

    /// Everything that a detector declares is explained.
    #[test]
    fn explanations_are_complete() {
        for page in detectors() {
            let mut out = Vec::new();
            write_page(&mut out, &page, STYLE).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert!(text.contains(page.documentation));
            for column in page.tables.iter().flat_map(|table| &table.columns) {
                assert!(text.contains(&format!("\n  {} ", column.name)), "{}", column.name);
            }
            for threshold in &page.thresholds {
                assert!(text.contains(&format!("\n  {} ", threshold.name)), "{}", threshold.name);
                assert!(text.contains(threshold.option.unwrap_or("set")), "{}", threshold.name);
            }
        }
    }
}
