//! What changed since a baseline, for people.

use std::io::{self, Write};

use crate::report::terminal::all_tables::TerminalStyle;
use crate::report::terminal::text_width::wrapped;
use crate::report::text::sanitized::sanitized;
use crate::report::text::units;

/// What changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct ComparisonSummary {
    /// The baseline.
    pub(crate) baseline: String,
    /// How many patterns have each status, in the order in which they are told.
    pub(crate) counts: Vec<(&'static str, u64)>,
    /// What makes the comparison doubtful, in words.
    pub(crate) doubts: Vec<String>,
    /// The patterns that changed, the most important first.
    pub(crate) patterns: Vec<ChangedPattern>,
    /// The entries whose time changed, the most important first.
    pub(crate) entries: Vec<ChangedEntry>,
}

/// A pattern that changed.
#[derive(Clone, Debug)]
pub(crate) struct ChangedPattern {
    /// What became of it.
    pub(crate) status: &'static str,
    /// The pattern in a few words.
    pub(crate) title: String,
    /// Why that is said.
    pub(crate) reason: String,
    /// A trace to open, or empty.
    pub(crate) trace_id: String,
}

/// An entry whose mean duration changed.
#[derive(Clone, Debug)]
pub(crate) struct ChangedEntry {
    /// Its service and operation.
    pub(crate) name: String,
    /// Mean durations in ns, before and now.
    pub(crate) mean_ns: [i64; 2],
    /// The places where its time changed most, and by how much, in ns for a request.
    pub(crate) places: Vec<(String, i64)>,
}

/// Width of the labels, with the gap after them.
const LABEL_WIDTH: usize = 9;

/// Narrowest room for text: in less, the terminal may as well break the lines itself.
const MIN_TEXT_WIDTH: usize = 20;

/// Places that are told of an entry.
const PLACES: usize = 3;

/// Writes it, at most `top` patterns and entries.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_comparison(
    out: &mut impl Write,
    summary: &ComparisonSummary,
    top: usize,
    style: TerminalStyle,
) -> io::Result<()> {
    let paint = style.paint();
    let mut line = |label: &str, text: &str| -> io::Result<()> {
        let mut shown = label;
        for line in wrapped(&sanitized(text), style.width.saturating_sub(LABEL_WIDTH).max(MIN_TEXT_WIDTH)) {
            writeln!(out, "{}{line}", paint.bold(&format!("{shown:LABEL_WIDTH$}")))?;
            shown = "";
        }
        Ok(())
    };
    let counts: Vec<String> =
        summary.counts.iter().map(|(status, count)| format!("{} {}", units::count(count), words(status))).collect();
    let counts = if counts.is_empty() { "no patterns".to_owned() } else { counts.join(", ") };
    line("baseline", &format!("{}: {counts}", summary.baseline))?;
    for doubt in &summary.doubts {
        line("caution", doubt)?;
    }
    for ChangedPattern { status, title, reason, trace_id } in summary.patterns.iter().take(top) {
        // The longest statuses are longer than a label.
        let title = if status.len() < LABEL_WIDTH { title.clone() } else { format!("{}: {title}", words(status)) };
        line(if status.len() < LABEL_WIDTH { status } else { "" }, &title)?;
        let trace = if trace_id.is_empty() { String::new() } else { format!("; trace {trace_id}") };
        line("", &format!("{reason}{trace}"))?;
    }
    if summary.patterns.len() > top {
        line(
            "",
            &format!(
                "and {} more; --top {} shows all",
                units::count(summary.patterns.len() - top),
                summary.patterns.len()
            ),
        )?;
    }
    let mut label = "latency";
    for ChangedEntry { name, mean_ns: [old, new], places } in summary.entries.iter().take(top) {
        let [old_mean, new_mean] = [*old, *new].map(units::duration);
        line(label, &format!("{name}: {new_mean} a request, {old_mean} before ({})", signed(new - old)))?;
        label = "";
        for (place, difference_ns) in places.iter().filter(|(_, difference)| *difference != 0).take(PLACES) {
            line("", &format!("{} {place}", signed(*difference_ns)))?;
        }
    }
    Ok(())
}

fn words(status: &str) -> String {
    status.replace('_', " ")
}

fn signed(ns: i64) -> String {
    format!("{}{}", if ns > 0 { "+" } else { "" }, units::duration(ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_in_words() {
        let pattern = |status, title: &str| ChangedPattern {
            status,
            title: title.to_owned(),
            reason: "in 80 of 1,000 requests of its entries; 0 of 990 requests before".to_owned(),
            trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".to_owned(),
        };
        let place = |name: &str, ns| (name.to_owned(), ns);
        let summary = ComparisonSummary {
            baseline: "out/2026-01-14".to_owned(),
            counts: vec![("new", 1), ("unseen_entry", 1), ("worse", 1), ("same", 1_234)],
            doubts: vec!["retry-storm did not run in the baseline, so nothing is said of what it finds".to_owned()],
            patterns: vec![
                pattern("new", "n-plus-one: orders GET /orders → cart\u{1b}[2J"),
                pattern("unseen_entry", "retry-storm: web GET /new → cart"),
                pattern("worse", "retry-storm: web GET / → cart"),
            ],
            entries: vec![ChangedEntry {
                name: "web GET /".to_owned(),
                mean_ns: [12_000_000, 18_500_000],
                places: vec![
                    place("cart GetCart wait postgresql/cart", 7_000_000),
                    place("web GET / self", -500_000),
                    place("x", 0),
                ],
            }],
        };
        let shown = |top, width| {
            let mut out = Vec::new();
            write_comparison(&mut out, &summary, top, TerminalStyle { width, colour: false }).unwrap();
            String::from_utf8(out).unwrap()
        };
        insta::assert_snapshot!(shown(2, 80), @"
        baseline out/2026-01-14: 1 new, 1 unseen entry, 1 worse, 1,234 same
        caution  retry-storm did not run in the baseline, so nothing is said of what it
                 finds
        new      n-plus-one: orders GET /orders → cart�[2J
                 in 80 of 1,000 requests of its entries; 0 of 990 requests before; trace
                 4bf92f3577b34da6a3ce929d0e0e4736
                 unseen entry: retry-storm: web GET /new → cart
                 in 80 of 1,000 requests of its entries; 0 of 990 requests before; trace
                 4bf92f3577b34da6a3ce929d0e0e4736
                 and 1 more; --top 3 shows all
        latency  web GET /: 19 ms a request, 12 ms before (+6.5 ms)
                 +7.0 ms cart GetCart wait postgresql/cart
                 -500 µs web GET / self
        ");
        assert!(shown(3, 80).contains("worse    retry-storm"));
        let nothing = ComparisonSummary { baseline: "x".to_owned(), ..ComparisonSummary::default() };
        let mut out = Vec::new();
        write_comparison(&mut out, &nothing, 2, TerminalStyle { width: 80, colour: false }).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "baseline x: no patterns\n");
    }
}
