//! The report as Markdown (GitHub's dialect), to paste into an issue or a post-mortem: the same columns and numbers as on a
//! terminal, nothing shortened.

use std::io::{self, Write};

use super::detector_table::DetectorTable;
use super::summary::Summary;
use crate::report::header::{CAUTION, header_lines};
use crate::report::text::cell_text::{for_people, is_numeric, title};
use crate::report::text::sanitized::sanitized_in_markdown;

/// Writes the header and at most `top` rows of each table.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_markdown(
    out: &mut impl Write,
    summary: &Summary,
    tables: &[DetectorTable<'_>],
    top: usize,
) -> io::Result<()> {
    writeln!(out, "# tracescan\n")?;
    for (label, text) in header_lines(summary) {
        let text = sanitized_in_markdown(&text);
        if label == CAUTION {
            writeln!(out, "- **{label}: {text}**")?;
        } else {
            writeln!(out, "- {label}: {text}")?;
        }
    }
    write_sections(out, tables, top)
}

/// Writes tables alone.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_markdown_tables(out: &mut impl Write, tables: &[DetectorTable<'_>], top: usize) -> io::Result<()> {
    writeln!(out, "# tracescan")?;
    write_sections(out, tables, top)
}

fn write_sections(out: &mut impl Write, tables: &[DetectorTable<'_>], top: usize) -> io::Result<()> {
    for table in tables {
        write_section(out, table, top)?;
    }
    Ok(())
}

fn write_section(out: &mut impl Write, table: &DetectorTable<'_>, top: usize) -> io::Result<()> {
    let description = table.description;
    writeln!(out, "\n## {}\n", description.name)?;
    if table.table.row_count() == 0 {
        return writeln!(out, "{}", sanitized_in_markdown(&table.none_found()));
    }
    writeln!(out, "{} ({})\n", sanitized_in_markdown(description.summary), table.rows_shown(top))?;
    let columns: Vec<_> = table.table.shown().collect();
    let titles: Vec<String> = columns.iter().map(|(column, _)| title(column)).collect();
    let rules: Vec<&str> = columns.iter().map(|(column, _)| if is_numeric(column) { "---:" } else { "---" }).collect();
    writeln!(out, "| {} |", titles.join(" | "))?;
    writeln!(out, "| {} |", rules.join(" | "))?;
    for row in 0..table.table.row_count().min(top) {
        let cells: Vec<String> =
            columns.iter().map(|(column, cells)| sanitized_in_markdown(&for_people(column, &cells[row]))).collect();
        writeln!(out, "| {} |", cells.join(" | "))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn names_cannot_break_the_tables() {
        let table = samples::table();
        let mut out = Vec::new();
        write_markdown(&mut out, &samples::summary(), &samples::detector_tables(&table), 2).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"
        # tracescan

        - input: spans.parquet: parquet, 1.2 MB, 12,000 spans
        - input: collector�.jsonl: otlp-json, 999 B, 345 spans; left out: 2 invalid trace id, 1 truncated; 1 error
        - format: otlp-json: 1 input, 999 B, 345 spans; left out: 2 invalid trace id, 1 truncated
        - format: parquet: 1 input, 1.2 MB, 12,000 spans
        - spans: 12,345 in 678 traces of 9 services
        - time: 2024-01-02T03:04:05Z to 2024-01-02T04:04:05Z (1.0 h)
        - roots: 670, which took 2.5 h in all
        - calls: 5,000 service, 4,000 database
        - quality: 400 spans whose parent is not in the input (3.2 %)
        - quality: 8 traces without root (1.2 %)
        - quality: clock skew between 1 pair of services, up to 1.5 ms from web to cart
        - quality: no span says how it was sampled: counts are of recorded spans
        - **caution: no span has a status and no HTTP or RPC code tells of a failure: failures cannot be seen, so retry-storm, failure-amplification and failure-origins may miss everything**
        - **caution: 3.2 % of all spans have a parent that is not in the input: traces are incomplete, so counts and chains come out too small**

        ## n-plus-one

        more calls to one target in a trace than one request should need (2 of 3 rows; --top 3 shows all)

        | rank | caller service | operation | chain | calls p50 | trace share | induced | first seen | saving | example trace id |
        | ---: | --- | --- | --- | ---: | ---: | --- | --- | ---: | --- |
        | 1 | checkout | SELECT quantity, price FROM order\_items WHERE order\_id = ? AND product\_id = ? | web → checkout → inventory | 12,345 | 34 % | no | 2024-01-02T03:04:05Z | 3 min 20 s | 4bf92f3577b34da6a3ce929d0e0e4736 |
        | 2 | =HYPERLINK("x") | �\[31mred \| \`x\` &lt;b&gt; |  | 6 | &lt;0.1 % | yes | - | 340 ms | 00000000000000000000000000000002 |

        ## n-plus-one

        none found with max\_calls = 5
        "#);
    }
}
