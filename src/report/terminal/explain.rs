//! What a detector looks for, for the person who got its finding: its documentation, thresholds and columns.

use std::io::{self, Write};

use crate::detectors::{CatalogEntry, Threshold, Unit};

use crate::report::terminal::TerminalStyle;
use crate::report::terminal::text_width::{text_width, wrapped};

/// Narrowest room for text beside names.
const MIN_TEXT_WIDTH: usize = 20;

/// Writes the documentation of a detector, as Markdown.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_explanation(out: &mut impl Write, entry: &CatalogEntry, style: TerminalStyle) -> io::Result<()> {
    let CatalogEntry { description, thresholds, .. } = entry;
    let paint = style.paint();
    writeln!(out, "{}", paint.bold(&format!("# {}", description.name)))?;
    writeln!(out)?;
    for line in wrapped(&format!("Finds {}.", description.summary), style.width) {
        writeln!(out, "{line}")?;
    }
    writeln!(out)?;
    for line in description.documentation.lines() {
        if line.starts_with('#') {
            writeln!(out, "{}", paint.bold(line))?;
        } else {
            writeln!(out, "{line}")?;
        }
    }
    if !thresholds.is_empty() {
        writeln!(out, "\n{}\n", paint.bold("## Thresholds"))?;
        let thresholds = thresholds.iter().map(|threshold| {
            let Threshold { name, doc, kind, default, option } = threshold;
            let doc = doc.trim_end_matches('.');
            let option = option.map_or(String::new(), |option| format!("; option --{option} N"));
            let meaning = format!(
                "{doc}, {}. Default {default}{option}; --set {}.{name}=VALUE; key {name} of [{}] in tracescan.toml",
                kind.form(),
                description.name,
                description.name
            );
            (*name, meaning)
        });
        write_definitions(out, &thresholds.collect::<Vec<_>>(), style)?;
    }
    write_columns(out, entry, style)
}

/// Writes what the columns of a table mean.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_columns(out: &mut impl Write, entry: &CatalogEntry, style: TerminalStyle) -> io::Result<()> {
    let CatalogEntry { description, columns, .. } = entry;
    writeln!(out, "\n{}\n", style.paint().bold(&format!("## Columns of {}", description.table)))?;
    let columns = columns.iter().map(|column| (column.name, format!("{}{}", column.doc, unit(column.unit))));
    write_definitions(out, &columns.collect::<Vec<_>>(), style)
}

/// Writes the names and summaries of all detectors.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_catalog(out: &mut impl Write, catalog: &[CatalogEntry], style: TerminalStyle) -> io::Result<()> {
    let entries: Vec<(&str, String)> = catalog
        .iter()
        .map(|CatalogEntry { description, .. }| (description.name, description.summary.to_owned()))
        .collect();
    write_definitions(out, &entries, style)?;
    writeln!(out, "\ntracescan explain DETECTOR says more.")
}

/// What the number or text is, where the meaning alone does not say.
fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Nanoseconds => " (ns)",
        Unit::Share => " (0 to 1)",
        Unit::Flag => " (yes or no)",
        Unit::Names => " (list)",
        Unit::Text | Unit::Id | Unit::Count | Unit::Number | Unit::Time => "",
    }
}

/// Names in a column of their own, meanings beside them.
fn write_definitions(out: &mut impl Write, entries: &[(&str, String)], style: TerminalStyle) -> io::Result<()> {
    let widest = entries.iter().map(|(name, _)| text_width(name)).max().unwrap_or(0);
    let indent = widest + 4;
    for (name, meaning) in entries {
        for (index, line) in wrapped(meaning, style.width.saturating_sub(indent).max(MIN_TEXT_WIDTH)).iter().enumerate()
        {
            if index == 0 {
                writeln!(out, "  {}  {line}", style.paint().bold(&format!("{name:widest$}")))?;
            } else {
                writeln!(out, "{:indent$}{line}", "")?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::catalog;

    const STYLE: TerminalStyle = TerminalStyle { width: 80, colour: false };

    #[test]
    fn the_catalog_lists_all_detectors() {
        let mut out = Vec::new();
        write_catalog(&mut out, &catalog(), STYLE).unwrap();
        let text = String::from_utf8(out).unwrap();
        for entry in catalog() {
            assert!(text.contains(entry.description.name));
        }
    }

    /// Everything that a detector declares is explained.
    #[test]
    fn explanations_are_complete() {
        for entry in catalog() {
            let mut out = Vec::new();
            write_explanation(&mut out, &entry, STYLE).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert!(text.contains(entry.description.documentation));
            for column in entry.columns {
                assert!(text.contains(&format!("\n  {} ", column.name)), "{}", column.name);
            }
            for threshold in entry.thresholds {
                assert!(text.contains(&format!("\n  {} ", threshold.name)), "{}", threshold.name);
                assert!(text.contains(threshold.option.unwrap_or("set")), "{}", threshold.name);
            }
        }
    }
}
