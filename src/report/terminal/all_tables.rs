//! The report on a terminal: a header, problems, then a table for each detector that found something, fitted to the width.

use std::io::{self, Write};

use crate::report::detector_table::DetectorTable;
use crate::report::header::{CAUTION, header_lines};
use crate::report::problem_list::ProblemList;
use crate::report::summary::Summary;
use crate::report::terminal::incident::write_incident;
use crate::report::terminal::paint::Paint;
use crate::report::terminal::problems::write_problems;
use crate::report::terminal::table::{ShownTables, write_table};
use crate::report::terminal::text_width::wrapped;
use crate::report::text::sanitized::sanitized;
use crate::report::text::units;
use crate::report::trace_links::TraceLinks;

/// What the terminal can show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TerminalStyle {
    /// Columns.
    pub width: usize,
    /// Whether it wants colours.
    pub colour: bool,
}

impl TerminalStyle {
    pub(in crate::report) fn paint(self) -> Paint {
        Paint { colour: self.colour }
    }
}

/// Width of the labels in the header, with the gap after them.
const LABEL_WIDTH: usize = 9;

/// Problems that are listed for each row that is shown of a table: they are of all detectors.
const PROBLEMS_FOR_ROW: usize = 2;

/// Narrowest room for the header's text: in less, the terminal may as well break the lines itself.
const MIN_TEXT_WIDTH: usize = 20;

/// What is shown.
#[derive(Clone, Debug)]
pub(crate) struct TerminalReport<'a> {
    /// What was read, counted and doubted.
    pub summary: &'a Summary,
    /// The list of problems.
    pub problems: &'a ProblemList<'a>,
    /// The tables, the most important first.
    pub tables: &'a [DetectorTable<'a>],
    /// So many rows of each.
    pub top: usize,
    /// Whether neither what was read nor the tables are wanted.
    pub quiet: bool,
    /// What trace ids lead to.
    pub links: TraceLinks,
}

/// Writes the report.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_terminal(
    out: &mut impl Write,
    report: &TerminalReport<'_>,
    style: TerminalStyle,
) -> io::Result<()> {
    let mut lines = if report.quiet { Vec::new() } else { header_lines(report.summary) };
    lines.extend(report.problems.header_lines(report.summary));
    write_header(out, lines, style)?;
    if let Some(incident) = &report.summary.incident {
        writeln!(out)?;
        write_incident(out, incident, style)?;
    }
    if report.problems.table.row_count() > 0 {
        writeln!(out)?;
        write_problems(out, report.problems, PROBLEMS_FOR_ROW * report.top, &report.links, style)?;
    }
    if !report.quiet {
        write_tables(out, report, style)?;
    }
    Ok(())
}

fn write_tables(out: &mut impl Write, report: &TerminalReport<'_>, style: TerminalStyle) -> io::Result<()> {
    let totals = &report.summary.totals;
    let times = totals.first_start.zip(totals.last_end);
    let shown = ShownTables {
        top: report.top,
        style,
        links: &report.links,
        is_one_day: times.is_some_and(|(first, last)| units::are_of_one_day(first, last)),
    };
    let (found, empty): (Vec<_>, Vec<_>) = report.tables.iter().partition(|table| table.table.row_count() > 0);
    for table in &found {
        writeln!(out)?;
        write_titled(out, table, &shown)?;
    }
    if !empty.is_empty() {
        writeln!(out)?;
        let names: Vec<String> = empty.iter().map(|table| table.found_nothing()).collect();
        let mut shown = "nothing";
        let width = style.width.saturating_sub(LABEL_WIDTH).max(MIN_TEXT_WIDTH);
        for line in wrapped(&format!("found by {}", names.join(", ")), width) {
            writeln!(out, "{}{line}", style.paint().bold(&format!("{shown:LABEL_WIDTH$}")))?;
            shown = "";
        }
    }
    if !found.is_empty() {
        writeln!(out)?;
        let more = if found.iter().any(|table| table.table.row_count() > report.top) {
            "--top N shows more rows. "
        } else {
            ""
        };
        let hint =
            format!("{more}tracescan explain DETECTOR says what was looked for, what columns mean and how to fix it.");
        for line in wrapped(&hint, style.width) {
            writeln!(out, "{}", style.paint().dim(&line))?;
        }
    }
    Ok(())
}

fn write_header(out: &mut impl Write, lines: Vec<(&'static str, String)>, style: TerminalStyle) -> io::Result<()> {
    let paint = style.paint();
    let mut previous = "";
    for (label, text) in lines {
        let mut shown = if label == previous { "" } else { label };
        previous = label;
        for line in wrapped(&sanitized(&text), style.width.saturating_sub(LABEL_WIDTH).max(MIN_TEXT_WIDTH)) {
            let line = if label == CAUTION { paint.warning(&line) } else { line };
            writeln!(out, "{}{line}", paint.bold(&format!("{shown:LABEL_WIDTH$}")))?;
            shown = "";
        }
    }
    Ok(())
}

/// How many rows are shown, of how many.
fn rows_shown(table: &DetectorTable<'_>, top: usize) -> String {
    let rows = table.table.row_count();
    let shown = if rows <= top {
        units::counted(rows as u64, "row")
    } else {
        format!("{} of {} rows", units::count(top), units::count(rows))
    };
    let shown = match table.table.summed_up {
        0 => shown,
        more => format!("{shown}; the last one sums up {} more", units::count(more)),
    };
    match table.notes_left_out {
        0 => shown,
        notes => format!("{shown}; {} more with --notes", units::counted(notes as u64, "note")),
    }
}

fn write_titled(out: &mut impl Write, table: &DetectorTable<'_>, shown: &ShownTables<'_>) -> io::Result<()> {
    let name = table.description.name;
    let style = shown.style;
    let title = format!("{name}: {} ({})", table.description.summary, rows_shown(table, shown.top));
    for (index, line) in wrapped(&title, style.width).iter().enumerate() {
        match line.strip_prefix(name) {
            Some(rest) if index == 0 => writeln!(out, "{}{rest}", style.paint().bold(name))?,
            _ => writeln!(out, "{line}")?,
        }
    }
    write_table(out, table, shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;
    use crate::report::terminal::text_width::text_width;

    fn shown(width: usize, colour: bool) -> String {
        let table = samples::table();
        let mut out = Vec::new();
        let style = TerminalStyle { width, colour };
        let summary = samples::summary();
        let tables = samples::detector_tables(&table);
        let links = TraceLinks::default();
        let problems = ProblemList { table: &samples::problems(), first_failure: None, notes_left_out: 0 };
        let report =
            TerminalReport { summary: &summary, problems: &problems, tables: &tables, top: 2, quiet: false, links };
        write_terminal(&mut out, &report, style).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_narrow_terminal_gets_what_matters_most() {
        insta::assert_snapshot!(shown(80, false), @r#"
        input    spans.parquet: parquet, 1.2 MB, 12,000 spans
                 collector�.jsonl: otlp-json, 999 B, 345 spans; left out: 2 invalid
                 trace id, 1 truncated; 1 error
        format   otlp-json: 1 input, 999 B, 345 spans; left out: 2 invalid trace id, 1
                 truncated
                 parquet: 1 input, 1.2 MB, 12,000 spans
        spans    12,345 in 678 traces of 9 services
        time     2024-01-02T03:04:05Z to 2024-01-02T04:04:05Z (1.0 h)
        roots    670, which took 2.5 h in all
        calls    5,000 service, 4,000 database
        quality  400 spans whose parent is not in the input (3.2 %)
                 8 traces without root (1.2 %)
                 clock skew: 3 callees of 1 pair of services stick out of their calls,
                 by up to 1.5 ms from web to cart
                 no span says how it was sampled: counts are of recorded spans
        caution  3.2 % of all spans have a parent that is not in the input: traces are
                 incomplete, so counts and chains come out too small
        failed   7 spans in 4 traces; 3 of 670 requests failed (0.4 %)
        problems 3 of 4 patterns are not explained by others; they hold 5.0 % of all
                 request time and 3 of 3 failed requests

        1  checkout calls postgresql SELECT items up to 50 times for one request
           36 requests (1.8 %) · saves 15 min 0 s = 10 % of all request time · 03:04:05
           trace 4bf92f35 · tracescan explain n-plus-one
           ↳ cart calls redis GET up to 9 times
        2  �[31mred | `x` <b> fails
           24 requests (1.8 %) · 3 failed · 03:04:05 to 03:05:05
           tracescan explain n-plus-one
        3  web GET / waits for 5 hops in a row
           12 requests (1.8 %) · saves at most 30 ms = <0.1 % of all request time
           03:04:05 to 03:06:05 · trace 4bf92f35 · tracescan explain sync-chain

        n-plus-one: more calls to one target in a trace than one request should need (2
        of 3 rows)
                                                                       calls
        rank  caller service   operation           chain                 p50       saved
        ────────────────────────────────────────────────────────────────────────────────
           1  checkout         SELECT qu…t_id = ?  web → ch…nventory  12,345  3 min 20 s
           2  =HYPERLINK("x")  �[31mred | `x` <b>                          6      340 ms
        traces  1 4bf92f3577b34da6a3ce929d0e0e4736  2 00000000000000000000000000000002

        nothing  found by n-plus-one (max_calls = 5)

        --top N shows more rows. tracescan explain DETECTOR says what was looked for,
        what columns mean and how to fix it.
        "#);
    }

    #[test]
    fn a_wide_terminal_gets_whole_trace_ids() {
        insta::assert_snapshot!(shown(160, false), @r#"
        input    spans.parquet: parquet, 1.2 MB, 12,000 spans
                 collector�.jsonl: otlp-json, 999 B, 345 spans; left out: 2 invalid trace id, 1 truncated; 1 error
        format   otlp-json: 1 input, 999 B, 345 spans; left out: 2 invalid trace id, 1 truncated
                 parquet: 1 input, 1.2 MB, 12,000 spans
        spans    12,345 in 678 traces of 9 services
        time     2024-01-02T03:04:05Z to 2024-01-02T04:04:05Z (1.0 h)
        roots    670, which took 2.5 h in all
        calls    5,000 service, 4,000 database
        quality  400 spans whose parent is not in the input (3.2 %)
                 8 traces without root (1.2 %)
                 clock skew: 3 callees of 1 pair of services stick out of their calls, by up to 1.5 ms from web to cart
                 no span says how it was sampled: counts are of recorded spans
        caution  3.2 % of all spans have a parent that is not in the input: traces are incomplete, so counts and chains come out too small
        failed   7 spans in 4 traces; 3 of 670 requests failed (0.4 %)
        problems 3 of 4 patterns are not explained by others; they hold 5.0 % of all request time and 3 of 3 failed requests

        1  checkout calls postgresql SELECT items up to 50 times for one request
           36 requests (1.8 %) · saves 15 min 0 s = 10 % of all request time · 03:04:05 · trace 4bf92f35 · tracescan explain n-plus-one
           ↳ cart calls redis GET up to 9 times
        2  �[31mred | `x` <b> fails
           24 requests (1.8 %) · 3 failed · 03:04:05 to 03:05:05 · tracescan explain n-plus-one
        3  web GET / waits for 5 hops in a row
           12 requests (1.8 %) · saves at most 30 ms = <0.1 % of all request time · 03:04:05 to 03:06:05 · trace 4bf92f35 · tracescan explain sync-chain

        n-plus-one: more calls to one target in a trace than one request should need (2 of 3 rows)
                                                                                                   calls   trace  first
        rank  caller service   operation                     chain                       induced     p50   share  seen           saved  example trace id
        ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
           1  checkout         SELECT quantit…roduct_id = ?  web → checkout → inventory  no       12,345    34 %  03:04:05  3 min 20 s  4bf92f3577b34da6a3ce929d0e0e4736
           2  =HYPERLINK("x")  �[31mred | `x` <b>                                        yes           6  <0.1 %  -             340 ms  00000000000000000000000000000002

        nothing  found by n-plus-one (max_calls = 5)

        --top N shows more rows. tracescan explain DETECTOR says what was looked for, what columns mean and how to fix it.
        "#);
    }

    /// Whatever the width, no line is longer, rank and impact are there, and no trace id is cut.
    #[test]
    fn tables_fit() {
        for width in 50..250 {
            let text = shown(width, false);
            for line in text.lines() {
                assert!(text_width(line) <= width, "{width}: {line}");
            }
            assert!(text.contains("rank") && text.contains("saved"), "{width}");
            assert!(text.contains(samples::EXAMPLE_TRACE_ID), "{width}:\n{text}");
        }
        shown(1, false);
    }

    #[test]
    fn no_escape_sequence_is_written_unless_colour_is_wanted() {
        assert!(!shown(100, false).contains('\u{1b}'));
        let coloured = shown(100, true);
        assert!(coloured.contains("\u{1b}[1mn-plus-one\u{1b}[0m"));
        assert!(!coloured.contains("\u{1b}[31mred"));
    }
}
