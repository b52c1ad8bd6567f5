//! The report as Markdown (GitHub's dialect), to paste into an issue or a post-mortem: the same columns and numbers as on a
//! terminal, nothing shortened.

use std::io::{self, Write};

use super::detector_table::DetectorTable;
use super::summary::Summary;
use crate::detectors::{Cell, Column};
use crate::rank::Table;
use crate::report::header::{CAUTION, header_lines};
use crate::report::problem_list::{ProblemList, SEPARATOR};
use crate::report::terminal::Role;
use crate::report::text::cell_text::{for_people, is_numeric, title};
use crate::report::text::sanitized::sanitized_in_markdown;
use crate::report::text::units;

/// Writes the header and at most `top` rows of each table.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_markdown(
    out: &mut impl Write,
    summary: &Summary,
    problems: &ProblemList<'_>,
    tables: &[DetectorTable<'_>],
    top: usize,
) -> io::Result<()> {
    writeln!(out, "# tracescan\n")?;
    let lines = header_lines(summary).into_iter().chain(problems.header_lines(summary));
    for (label, text) in lines {
        let text = sanitized_in_markdown(&text);
        if label == CAUTION {
            writeln!(out, "- **{label}: {text}**")?;
        } else {
            writeln!(out, "- {label}: {text}")?;
        }
    }
    if let Some(incident) = &summary.incident {
        let suspects =
            (1..).zip(&incident.first_suspects).map(|(rank, suspect)| format!("{rank}: {}", suspect.in_words()));
        for text in std::iter::once(incident.verdict()).chain(suspects).chain(incident.left_out()) {
            writeln!(out, "- incident: {}", sanitized_in_markdown(&text))?;
        }
    }
    write_problems(out, problems, top)?;
    write_sections(out, tables, top)
}

/// Writes tables alone, each with its name.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_markdown_tables(out: &mut impl Write, tables: &[Table], top: usize) -> io::Result<()> {
    for table in tables {
        writeln!(out, "\n## {}\n", table.name.replace('_', "-"))?;
        write_rows(out, table, top)?;
    }
    Ok(())
}

/// Writes all rows of one table, each column in its place.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_markdown_table(out: &mut impl Write, table: &Table) -> io::Result<()> {
    let columns = table.columns.iter().zip(table.values.iter().map(Vec::as_slice)).collect();
    write_columns(out, columns, table.row_count())
}

fn write_sections(out: &mut impl Write, tables: &[DetectorTable<'_>], top: usize) -> io::Result<()> {
    for table in tables {
        write_section(out, table, top)?;
    }
    Ok(())
}

/// Problems for each row that is shown of a table: they are of all detectors.
const PROBLEMS_FOR_ROW: usize = 2;

fn write_problems(out: &mut impl Write, problems: &ProblemList<'_>, top: usize) -> io::Result<()> {
    let (shown, more) = problems.first(top.saturating_mul(PROBLEMS_FOR_ROW));
    if shown.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## problems\n")?;
    for problem in shown {
        writeln!(out, "{}. **{}**", problem.rank, sanitized_in_markdown(&problem.title))?;
        let mut costs = problem.costs;
        if !problem.trace_id.is_empty() {
            costs.push(format!("trace {}", problem.trace_id));
        }
        writeln!(out, "   {}", sanitized_in_markdown(&costs.join(SEPARATOR)))?;
        writeln!(out, "   {}: {}", problem.detector, sanitized_in_markdown(&problem.fix))?;
        for cause in problem.causes {
            writeln!(out, "   - causes: {}", sanitized_in_markdown(&cause))?;
        }
    }
    if more > 0 {
        writeln!(out, "\n{} more", units::count(more))?;
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
    write_rows(out, table.table, top)
}

fn write_rows(out: &mut impl Write, table: &Table, top: usize) -> io::Result<()> {
    let mut columns: Vec<_> = table.shown().collect();
    columns.sort_by_key(|(column, _)| Role::of(column));
    write_columns(out, columns, table.row_count().min(top))
}

fn write_columns(out: &mut impl Write, columns: Vec<(&Column, &[Cell])>, rows: usize) -> io::Result<()> {
    let titles: Vec<String> = columns.iter().map(|(column, _)| sanitized_in_markdown(&title(column))).collect();
    let rules: Vec<&str> = columns.iter().map(|(column, _)| if is_numeric(column) { "---:" } else { "---" }).collect();
    writeln!(out, "| {} |", titles.join(" | "))?;
    writeln!(out, "| {} |", rules.join(" | "))?;
    for row in 0..rows {
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
        let problems = ProblemList { table: &samples::problems(), first_failure: None };
        write_markdown(&mut out, &samples::summary(), &problems, &samples::detector_tables(&table), 2).unwrap();
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
        - **caution: 3.2 % of all spans have a parent that is not in the input: traces are incomplete, so counts and chains come out too small**
        - failed: 7 spans in 4 traces; 3 of 670 requests failed (0.4 %)
        - problems: 3 of 4 patterns are not explained by others; they hold 5.0 % of all request time and 3 of 3 failed requests

        ## problems

        1. **checkout calls postgresql SELECT items up to 50 times for one request**
           36 requests (1.8 %) · saves 15 min 0 s = 10 % of all request time · 03:04:05 · trace 4bf92f3577b34da6a3ce929d0e0e4736
           n-plus-one: fetch the set in one call
           - causes: cart calls redis GET up to 9 times
        2. **�\[31mred \| \`x\` &lt;b&gt; fails**
           24 requests (1.8 %) · 3 failed · 03:04:05 to 03:05:05
           n-plus-one: fetch the set in one call
        3. **web GET / waits for 5 hops in a row**
           12 requests (1.8 %) · saves at most 30 ms = &lt;0.1 % of all request time · 03:04:05 to 03:06:05 · trace 4bf92f3577b34da6a3ce929d0e0e4736
           sync-chain: fetch the set in one call

        ## n-plus-one

        more calls to one target in a trace than one request should need (2 of 3 rows; --top 3 shows all)

        | rank | caller service | operation | chain | induced | calls p50 | trace share | first seen | saved | example trace id |
        | ---: | --- | --- | --- | --- | ---: | ---: | --- | ---: | --- |
        | 1 | checkout | SELECT quantity, price FROM order\_items WHERE order\_id = ? AND product\_id = ? | web → checkout → inventory | no | 12,345 | 34 % | 2024-01-02T03:04:05Z | 3 min 20 s | 4bf92f3577b34da6a3ce929d0e0e4736 |
        | 2 | =HYPERLINK("x") | �\[31mred \| \`x\` &lt;b&gt; |  | yes | 6 | &lt;0.1 % | - | 340 ms | 00000000000000000000000000000002 |

        ## n-plus-one

        none found with max\_calls = 5
        "#);
    }
}
