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
use crate::report::trace_links::TraceLinks;

/// How tables are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MarkdownStyle<'a> {
    /// Rows of each table at most.
    pub(crate) rows: usize,
    /// Where the rest of a table with so many rows is.
    pub(crate) rest: fn(usize) -> String,
    /// Where traces can be looked at.
    pub(crate) links: &'a TraceLinks,
}

impl MarkdownStyle<'_> {
    /// The id of a trace, or as much of it as is shown, which leads to the trace if anything does.
    fn linked(&self, trace_id: &str, shown: &str) -> String {
        match &*self.links.address(trace_id) {
            "" => sanitized_in_markdown(shown),
            address => format!("[{}](<{}>)", sanitized_in_markdown(shown), address.replace('|', "%7C")),
        }
    }
}

/// Writes the header, the problems and the first rows of each table.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_markdown(
    out: &mut impl Write,
    summary: &Summary,
    problems: &ProblemList<'_>,
    tables: &[DetectorTable<'_>],
    style: MarkdownStyle<'_>,
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
    write_problems(out, problems, style)?;
    let (empty, found): (Vec<_>, Vec<_>) = tables.iter().partition(|table| table.table.row_count() == 0);
    found.into_iter().try_for_each(|table| write_section(out, table, style))?;
    if !empty.is_empty() {
        let names: Vec<String> = empty.iter().map(|table| sanitized_in_markdown(&table.found_nothing())).collect();
        writeln!(out, "\n## nothing found\n\n{}", names.join(", "))?;
    }
    Ok(())
}

/// Writes tables alone, each with its name.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_markdown_tables(
    out: &mut impl Write,
    tables: &[Table],
    style: MarkdownStyle<'_>,
) -> io::Result<()> {
    for table in tables {
        writeln!(out, "\n## {}\n", table.name.replace('_', "-"))?;
        write_rows(out, table, style)?;
        let rows = table.row_count();
        if rows > style.rows {
            writeln!(out, "\n{} of {} rows; {}", units::count(style.rows), units::count(rows), (style.rest)(rows))?;
        }
    }
    Ok(())
}

/// Writes all rows of one table, each column in its place.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_markdown_table(out: &mut impl Write, table: &Table) -> io::Result<()> {
    let columns = table.columns.iter().zip(table.values.iter().map(Vec::as_slice)).collect();
    let style = MarkdownStyle { rows: table.row_count(), rest: |_| String::new(), links: &TraceLinks::default() };
    write_columns(out, columns, table.row_count(), style)
}

/// Problems for each row that is shown of a table: they are of all detectors.
const PROBLEMS_FOR_ROW: usize = 2;

/// Ends a line of a paragraph for good: else the next one would go on in it.
const LINE_BREAK: &str = "  ";

fn write_problems(out: &mut impl Write, problems: &ProblemList<'_>, style: MarkdownStyle<'_>) -> io::Result<()> {
    let (shown, more) = problems.first(style.rows.saturating_mul(PROBLEMS_FOR_ROW));
    if shown.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## problems\n")?;
    for problem in shown {
        let number = format!("{}. ", problem.rank);
        // What belongs to an item of a list begins where its text does.
        let indent = " ".repeat(number.len());
        writeln!(out, "{number}**{}**{LINE_BREAK}", sanitized_in_markdown(&problem.title))?;
        let mut costs: Vec<String> = problem.costs.iter().map(|cost| sanitized_in_markdown(cost)).collect();
        if !problem.trace_id.is_empty() {
            costs.push(format!("trace {}", style.linked(&problem.trace_id, &problem.trace_id)));
        }
        writeln!(out, "{indent}{}{LINE_BREAK}", costs.join(SEPARATOR))?;
        writeln!(out, "{indent}{}: {}", problem.detector, sanitized_in_markdown(&problem.fix))?;
        for cause in problem.causes {
            writeln!(out, "{indent}- causes: {}", sanitized_in_markdown(&cause))?;
        }
    }
    if more > 0 {
        writeln!(out, "\n{} more", units::count(more))?;
    }
    Ok(())
}

fn write_section(out: &mut impl Write, table: &DetectorTable<'_>, style: MarkdownStyle<'_>) -> io::Result<()> {
    let description = table.description;
    writeln!(out, "\n## {}\n", description.name)?;
    let rows_shown = table.rows_shown(style.rows, style.rest);
    writeln!(out, "{} ({rows_shown})\n", sanitized_in_markdown(description.summary))?;
    write_rows(out, table.table, style)
}

fn write_rows(out: &mut impl Write, table: &Table, style: MarkdownStyle<'_>) -> io::Result<()> {
    let mut columns: Vec<_> = table.shown().collect();
    columns.sort_by_key(|(column, _)| Role::of(column));
    write_columns(out, columns, table.row_count().min(style.rows), style)
}

fn write_columns(
    out: &mut impl Write,
    columns: Vec<(&Column, &[Cell])>,
    rows: usize,
    style: MarkdownStyle<'_>,
) -> io::Result<()> {
    let titles: Vec<String> = columns.iter().map(|(column, _)| sanitized_in_markdown(&title(column))).collect();
    let rules: Vec<&str> = columns.iter().map(|(column, _)| if is_numeric(column) { "---:" } else { "---" }).collect();
    writeln!(out, "| {} |", titles.join(" | "))?;
    writeln!(out, "| {} |", rules.join(" | "))?;
    for row in 0..rows {
        let shown = |(column, cells): &(&Column, &[Cell])| {
            let text = for_people(column, &cells[row]);
            match &cells[row] {
                Cell::Text(id) if column.is_trace() => style.linked(id, &text),
                _ => sanitized_in_markdown(&text),
            }
        };
        let cells: Vec<String> = columns.iter().map(shown).collect();
        writeln!(out, "| {} |", cells.join(" | "))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;
    use crate::report::trace_links::TraceUrl;

    #[test]
    fn names_cannot_break_the_tables() {
        let table = samples::table();
        let mut out = Vec::new();
        let problems = ProblemList { table: &samples::problems(), first_failure: None, notes_left_out: 0 };
        let links = TraceLinks { url: TraceUrl::parse("https://x.example/{trace_id}?a=|"), between: (0, 0) };
        let style = MarkdownStyle { rows: 2, rest: |rows| format!("--top {rows} shows all"), links: &links };
        write_markdown(&mut out, &samples::summary(), &problems, &samples::detector_tables(&table), style).unwrap();
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
        - quality: clock skew: 3 callees of 1 pair of services stick out of their calls, by up to 1.5 ms from web to cart
        - quality: no span says how it was sampled: counts are of recorded spans
        - **caution: 3.2 % of all spans have a parent that is not in the input: traces are incomplete, so counts and chains come out too small**
        - failed: 7 spans in 4 traces; 3 of 670 requests failed (0.4 %)
        - problems: 3 of 4 patterns are not explained by others; they hold 5.0 % of all request time and 3 of 3 failed requests

        ## problems

        1. **checkout calls postgresql SELECT items up to 50 times for one request**  
           36 requests (1.8 %) · saves 15 min 0 s = 10 % of all request time · 03:04:05 · trace [4bf92f3577b34da6a3ce929d0e0e4736](<https://x.example/4bf92f3577b34da6a3ce929d0e0e4736?a=%7C>)  
           n-plus-one: fetch the set in one call
           - causes: cart calls redis GET up to 9 times
        2. **�\[31mred \| \`x\` &lt;b&gt; fails**  
           24 requests (1.8 %) · 3 failed · 03:04:05 to 03:05:05  
           n-plus-one: fetch the set in one call
        3. **web GET / waits for 5 hops in a row**  
           12 requests (1.8 %) · saves at most 30 ms = &lt;0.1 % of all request time · 03:04:05 to 03:06:05 · trace [4bf92f3577b34da6a3ce929d0e0e4736](<https://x.example/4bf92f3577b34da6a3ce929d0e0e4736?a=%7C>)  
           sync-chain: fetch the set in one call

        ## n-plus-one

        more calls to one target in a trace than one request should need (2 of 3 rows; --top 3 shows all)

        | rank | caller service | operation | chain | induced | calls p50 | trace share | first seen | saved | example trace id |
        | ---: | --- | --- | --- | --- | ---: | ---: | --- | ---: | --- |
        | 1 | checkout | SELECT quantity, price FROM order\_items WHERE order\_id = ? AND product\_id = ? | web → checkout → inventory | no | 12,345 | 34 % | 2024-01-02T03:04:05Z | 3 min 20 s | [4bf92f3577b34da6a3ce929d0e0e4736](<https://x.example/4bf92f3577b34da6a3ce929d0e0e4736?a=%7C>) |
        | 2 | =HYPERLINK("x") | �\[31mred \| \`x\` &lt;b&gt; |  | yes | 6 | &lt;0.1 % | - | 340 ms | [00000000000000000000000000000002](<https://x.example/00000000000000000000000000000002?a=%7C>) |

        ## nothing found

        n-plus-one (max\_calls = 5)
        "#);
    }
}
