//! The report on a terminal: a header, then a table for each detector, fitted to the width.

use std::io::{self, Write};

use crate::report::detector_table::DetectorTable;
use crate::report::header::{CAUTION, header_lines};
use crate::report::summary::Summary;
use crate::report::terminal::incident::write_incident;
use crate::report::terminal::paint::Paint;
use crate::report::terminal::table::write_table;
use crate::report::terminal::text_width::wrapped;
use crate::report::text::sanitized::sanitized;

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

/// Narrowest room for the header's text: in less, the terminal may as well break the lines itself.
const MIN_TEXT_WIDTH: usize = 20;

/// Writes the header and at most `top` rows of each table.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_terminal(
    out: &mut impl Write,
    summary: &Summary,
    tables: &[DetectorTable<'_>],
    top: usize,
    style: TerminalStyle,
) -> io::Result<()> {
    write_header(out, summary, style)?;
    if let Some(incident) = &summary.incident {
        writeln!(out)?;
        write_incident(out, incident, style)?;
    }
    for table in tables {
        writeln!(out)?;
        write_titled(out, table, top, style)?;
    }
    if tables.iter().any(|table| table.table.row_count() > 0) {
        writeln!(out)?;
        let hint = "tracescan explain DETECTOR says what was looked for, what each column means and how to fix it.";
        for line in wrapped(hint, style.width) {
            writeln!(out, "{}", style.paint().dim(&line))?;
        }
    }
    Ok(())
}

fn write_header(out: &mut impl Write, summary: &Summary, style: TerminalStyle) -> io::Result<()> {
    let paint = style.paint();
    let mut previous = "";
    for (label, text) in header_lines(summary) {
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

fn write_titled(out: &mut impl Write, table: &DetectorTable<'_>, top: usize, style: TerminalStyle) -> io::Result<()> {
    let name = table.description.name;
    if table.table.row_count() == 0 {
        return writeln!(out, "{}: {}", style.paint().bold(name), table.none_found());
    }
    let title = format!("{name}: {} ({})", table.description.summary, table.rows_shown(top));
    for (index, line) in wrapped(&title, style.width).iter().enumerate() {
        match line.strip_prefix(name) {
            Some(rest) if index == 0 => writeln!(out, "{}{rest}", style.paint().bold(name))?,
            _ => writeln!(out, "{line}")?,
        }
    }
    write_table(out, table, top, style)
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
        write_terminal(&mut out, &samples::summary(), &samples::detector_tables(&table), 2, style).unwrap();
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
                 clock skew between 1 pair of services, up to 1.5 ms from web to cart
                 no span says how it was sampled: counts are of recorded spans
        caution  no span has a status and no HTTP or RPC code tells of a failure:
                 failures cannot be seen, so retry-storm, failure-amplification and
                 failure-origins may miss everything
                 3.2 % of all spans have a parent that is not in the input: traces are
                 incomplete, so counts and chains come out too small

        n-plus-one: more calls to one target in a trace than one request should need (2
        of 3 rows; --top 3 shows all)
        rank  caller service  operation       chain            calls   trace      saving
                                                                 p50   share
        ────────────────────────────────────────────────────────────────────────────────
           1  checkout        SELECT …id = ?  web → c…entory  12,345    34 %  3 min 20 s
           2  =HYPERL…K("x")  �[31mre…x` <b>                       6  <0.1 %      340 ms
        example traces by rank
        1 4bf92f3577b34da6a3ce929d0e0e4736  2 00000000000000000000000000000002

        n-plus-one: none found with max_calls = 5

        tracescan explain DETECTOR says what was looked for, what each column means and
        how to fix it.
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
                 clock skew between 1 pair of services, up to 1.5 ms from web to cart
                 no span says how it was sampled: counts are of recorded spans
        caution  no span has a status and no HTTP or RPC code tells of a failure: failures cannot be seen, so retry-storm, failure-amplification and failure-origins may
                 miss everything
                 3.2 % of all spans have a parent that is not in the input: traces are incomplete, so counts and chains come out too small

        n-plus-one: more calls to one target in a trace than one request should need (2 of 3 rows; --top 3 shows all)
        rank  caller service   operation              chain                   calls   trace  induced  first seen                saving  example trace id
                                                                                p50   share
        ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
           1  checkout         SELECT qua…uct_id = ?  web → chec… inventory  12,345    34 %  no       2024-01-02T03:04:05Z  3 min 20 s  4bf92f3577b34da6a3ce929d0e0e4736
           2  =HYPERLINK("x")  �[31mred | `x` <b>                                 6  <0.1 %  yes      -                         340 ms  00000000000000000000000000000002

        n-plus-one: none found with max_calls = 5

        tracescan explain DETECTOR says what was looked for, what each column means and how to fix it.
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
            assert!(text.contains("rank") && text.contains("saving"), "{width}");
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
