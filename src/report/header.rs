//! The lines above the tables, for people: what was read, counted and doubted.

use crate::report::summary::{InputSummary, Summary};
use crate::report::text::units;

/// How many inputs are listed one by one.
const MAX_INPUTS: usize = 10;

/// Label of the lines that say what is not to be trusted.
pub(in crate::report) const CAUTION: &str = "caution";

/// The lines with their labels, not yet made harmless.
pub(in crate::report) fn header_lines(summary: &Summary) -> Vec<(&'static str, String)> {
    let totals = &summary.totals;
    let mut lines: Vec<(&str, String)> = input_lines(&summary.inputs).into_iter().map(|line| ("input", line)).collect();
    let formats = summary.by_format();
    if formats.len() > 1 {
        lines.extend(formats.iter().map(|(format, read)| ("format", read.in_words(format))));
    }
    lines.extend(summary.selection.as_ref().map(|selection| ("selected", selection.in_words())));
    lines.push((
        "spans",
        format!(
            "{} in {} of {}",
            units::count(totals.spans),
            units::counted(totals.traces, "trace"),
            units::counted(totals.services, "service")
        ),
    ));
    lines.extend(summary.time_range().map(|range| ("time", range)));
    let mut roots =
        format!("{}, which took {} in all", units::count(totals.roots), units::duration(totals.root_duration_ns));
    // Shares of time are of that.
    let whole = units::duration(totals.segment_duration_ns);
    if whole != units::duration(totals.root_duration_ns) {
        roots.push_str(&format!(" (all request time: {whole}, with asynchronous parts)"));
    }
    lines.push(("roots", roots));
    lines.push(("calls", summary.calls_by_kind()));
    lines.extend(summary.oddities().into_iter().map(|oddity| ("quality", oddity)));
    lines.extend(summary.doubts().into_iter().map(|doubt| (CAUTION, doubt)));
    lines
}

/// Of many inputs those that lost something come first, and the last line sums up the rest.
fn input_lines(inputs: &[InputSummary]) -> Vec<String> {
    let mut order: Vec<&InputSummary> = inputs.iter().collect();
    if inputs.len() > MAX_INPUTS {
        order.sort_by_key(|input| input.is_complete());
    }
    let (listed, rest) = order.split_at(order.len().min(MAX_INPUTS));
    let mut lines: Vec<String> = listed.iter().map(|input| format!("{}: {}", input.path, input.in_words())).collect();
    if !rest.is_empty() {
        let bytes = rest.iter().map(|input| input.bytes).sum();
        let spans = rest.iter().map(|input| input.spans).sum();
        let incomplete = rest.iter().filter(|input| !input.is_complete()).count();
        let mut line =
            format!("{} more: {}, {}", units::count(rest.len()), units::bytes(bytes), units::counted(spans, "span"));
        if incomplete > 0 {
            line.push_str(&format!("; {} of them incomplete", units::count(incomplete)));
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many inputs there are, those that lost something are seen.
    #[test]
    fn incomplete_inputs_come_first() {
        let mut inputs = vec![InputSummary { path: "fine".to_owned(), bytes: 10, spans: 2, ..Default::default() }; 12];
        inputs[11].path = "cut".to_owned();
        inputs[11].skipped.insert("truncated".to_owned(), 1);
        let lines = input_lines(&inputs);
        assert_eq!(lines.len(), MAX_INPUTS + 1);
        assert_eq!(lines[0], "cut: , 10 B, 2 spans; left out: 1 truncated");
        assert_eq!(lines[MAX_INPUTS], "2 more: 20 B, 4 spans");
    }
}
