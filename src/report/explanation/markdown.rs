//! Pages as Markdown: one, or all in a document with a table of contents.

use std::io::{self, Write};

use super::page::{Page, unit_in_words};
use crate::report::text::sanitized::sanitized_in_markdown;

/// Writes a page. Its title has the level of heading `level`, at least 1; what is below it follows.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_page_as_markdown(out: &mut impl Write, page: &Page, level: usize) -> io::Result<()> {
    let (title, section) = ("#".repeat(level), "#".repeat(level + 1));
    writeln!(out, "{title} {}\n\n{}\n", page.name, page.opening)?;
    for line in page.documentation.lines() {
        match line.strip_prefix("## ") {
            Some(heading) => writeln!(out, "{section} {heading}")?,
            None => writeln!(out, "{line}")?,
        }
    }
    if !page.thresholds.is_empty() {
        writeln!(out, "\n{section} Thresholds\n")?;
        for threshold in &page.thresholds {
            let meaning = sanitized_in_markdown(&page.threshold_in_words(threshold));
            writeln!(out, "- `{}`: {meaning}", threshold.name)?;
        }
    }
    for table in &page.tables {
        writeln!(out, "\n{section} Columns of {}\n\n| column | values | meaning |\n| --- | --- | --- |", table.name)?;
        for column in &table.columns {
            let meaning = sanitized_in_markdown(column.doc);
            writeln!(out, "| `{}` | {} | {meaning} |", column.name, unit_in_words(column.unit))?;
        }
    }
    for document in &page.documents {
        writeln!(out, "\n{section} Fields of {}\n\n| field | values | meaning |\n| --- | --- | --- |", document.name)?;
        for field in &document.fields {
            writeln!(out, "| `{}` | {} | {} |", field.path, field.unit, sanitized_in_markdown(&field.doc))?;
        }
    }
    Ok(())
}

/// Writes all pages as one document.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_book(out: &mut impl Write, pages: &[Page]) -> io::Result<()> {
    writeln!(out, "# tracescan {}: what it finds and what it writes\n\n## Contents\n", env!("CARGO_PKG_VERSION"))?;
    for page in pages {
        writeln!(out, "- [{}](#{}): {}", page.name, anchor(page.name), sanitized_in_markdown(page.summary))?;
    }
    for page in pages {
        writeln!(out)?;
        write_page_as_markdown(out, page, 2)?;
    }
    Ok(())
}

/// What forges call a heading in links.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|&character| character.is_alphanumeric() || " -_".contains(character));
    kept.map(|character| if character == ' ' { '-' } else { character.to_ascii_lowercase() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::explanation::Field;
    use crate::report::explanation::page::{ExplainedDocument, ExplainedTable};
    use crate::report::samples;

    fn page() -> Page {
        let columns = samples::table().columns.into_iter().take(2).collect();
        let tables = vec![ExplainedTable { name: "sample", columns }];
        let mut page = Page::of_tables("run.json", "what a | b is", "## Why\n\nBecause.", tables);
        let field = Field { path: "inputs[].path".into(), unit: "text", doc: "as <given>".into() };
        page.documents.push(ExplainedDocument { name: "run.json", fields: vec![field] });
        page
    }

    #[test]
    fn a_page_has_all_of_it() {
        let mut out = Vec::new();
        write_page_as_markdown(&mut out, &page(), 1).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        # run.json

        What a | b is.

        ## Why

        Because.

        ## Columns of sample

        | column | values | meaning |
        | --- | --- | --- |
        | `rank` | whole number |  |
        | `caller_service` | text |  |

        ## Fields of run.json

        | field | values | meaning |
        | --- | --- | --- |
        | `inputs[].path` | text | as &lt;given&gt; |
        ");
    }

    /// Every entry of the contents leads to a heading.
    #[test]
    fn contents_lead_to_pages() {
        let mut out = Vec::new();
        write_book(&mut out, &[page()]).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("\n- [run.json](#runjson): what a \\| b is\n"), "{text}");
        assert!(text.contains("\n## run.json\n") && text.contains("\n### Why\n"), "{text}");
    }
}
