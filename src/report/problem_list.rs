//! The list of problems, as people read it.

use crate::detectors::Cell;
use crate::rank::Table;
use crate::report::summary::{Summary, TotalsSummary};
use crate::report::text::units;

/// The list of problems.
#[derive(Clone, Debug)]
pub(crate) struct ProblemList<'a> {
    /// A row for each pattern of every detector, in the order of their ranks.
    pub table: &'a Table,
    /// The failure that was first, if any is known.
    pub first_failure: Option<FirstFailure>,
    /// Rows of level note that were left out of the table.
    pub notes_left_out: u64,
}

/// The failure that was first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FirstFailure {
    /// When, in ns since 1970.
    pub start: i64,
    /// Where, and what is known of why.
    pub what: String,
}

/// Problems that the header sums up.
const SUMMED_UP: usize = 5;

/// What separates parts of a line.
pub(in crate::report) const SEPARATOR: &str = " · ";

/// Digits of a trace id that `tracescan trace` takes if no other trace begins with them.
const ID_DIGITS: usize = 8;

/// What ids of 64 bits begin with. They all begin with it, and `tracescan trace` takes them without.
const NO_UPPER_HALF: &str = "0000000000000000";

/// One problem in words.
#[derive(Clone, Debug)]
pub(in crate::report) struct ProblemInWords {
    /// Its rank.
    pub(in crate::report) rank: i64,
    /// The id of its pattern.
    pub(in crate::report) pattern_id: String,
    /// What is wrong.
    pub(in crate::report) title: String,
    /// How often, what it costs, when.
    pub(in crate::report) costs: Vec<String>,
    /// The trace to open; empty if there is none.
    pub(in crate::report) trace_id: String,
    /// The detector that explains what to do.
    pub(in crate::report) detector: String,
    /// What to do.
    pub(in crate::report) fix: String,
    /// What it causes, in words.
    pub(in crate::report) causes: Vec<String>,
}

impl ProblemInWords {
    /// As much of the trace's id as finds it.
    pub(in crate::report) fn short_trace_id(&self) -> &str {
        if let Some(lower_half) = self.trace_id.strip_prefix(NO_UPPER_HALF) {
            return lower_half;
        }
        self.trace_id.get(..ID_DIGITS).unwrap_or(&self.trace_id)
    }
}

impl ProblemList<'_> {
    /// The value of a column.
    pub(in crate::report) fn cell(&self, column: &str, row: usize) -> &Cell {
        self.table.column(column).and_then(|(_, cells)| cells.get(row)).unwrap_or(&Cell::None)
    }

    /// A text; empty if there is none.
    pub(in crate::report) fn text(&self, column: &str, row: usize) -> &str {
        if let Cell::Text(text) = self.cell(column, row) { text } else { "" }
    }

    /// A number; 0 if there is none.
    pub(in crate::report) fn int(&self, column: &str, row: usize) -> i64 {
        if let Cell::Int(number) = self.cell(column, row) { *number } else { 0 }
    }

    /// A share; 0 if there is none.
    pub(in crate::report) fn share(&self, column: &str, row: usize) -> f64 {
        if let Cell::Float(share) = self.cell(column, row) { *share } else { 0.0 }
    }

    /// Rows that stand for a pattern each.
    pub(in crate::report) fn patterns(&self) -> usize {
        self.table.row_count() - usize::from(self.table.summed_up > 0)
    }

    fn is_explained(&self, row: usize) -> bool {
        !self.text("explained_by", row).is_empty()
    }

    /// The row of a pattern.
    pub(in crate::report) fn row_of(&self, pattern_id: &str) -> Option<usize> {
        (0..self.patterns()).find(|&row| !pattern_id.is_empty() && self.text("pattern_id", row) == pattern_id)
    }

    /// How many patterns there are, and how many of them no other explains.
    pub(in crate::report) fn counts(&self) -> (u64, u64) {
        let patterns = self.patterns() as u64 + self.table.summed_up;
        let explained = (0..self.patterns()).filter(|&row| self.is_explained(row)).count() as u64;
        (patterns, patterns - explained)
    }

    /// What the first five save together, as a share of all request time, which lasts `segment_ns`.
    pub(in crate::report) fn saved_by_first(&self, segment_ns: i128) -> f64 {
        let first = 0..self.patterns().min(SUMMED_UP);
        let saved: i128 = first.map(|row| i128::from(self.int("beyond_saving_ns", row))).sum();
        if segment_ns > 0 { saved as f64 / segment_ns as f64 } else { 0.0 }
    }

    /// How many failed requests the first five mend together.
    pub(in crate::report) fn mended_by_first(&self) -> u64 {
        (0..self.patterns().min(SUMMED_UP)).map(|row| self.int("beyond_failed_requests", row) as u64).sum()
    }

    /// Rows of problems that no other explains, by rank.
    fn unexplained(&self) -> impl Iterator<Item = usize> {
        (0..self.patterns()).filter(|&row| !self.is_explained(row))
    }

    /// Lines of the header, with their labels: what failed, and what the problems are in sum. Where there is no span, nothing is
    /// said of either.
    pub(in crate::report) fn header_lines(&self, summary: &Summary) -> Vec<(&'static str, String)> {
        let totals = &summary.totals;
        if totals.spans == 0 {
            return Vec::new();
        }
        let failed = match totals.failed_spans {
            0 if summary.tells_no_outcome() => "no span, but none has a status either".to_owned(),
            _ => self.failed(totals),
        };
        let mut lines = vec![("failed", failed)];
        let patterns = self.patterns() as u64 + self.table.summed_up;
        if patterns > 0 {
            lines.push(("problems", self.in_sum(patterns, totals)));
        }
        lines
    }

    fn failed(&self, totals: &TotalsSummary) -> String {
        if totals.failed_spans == 0 {
            return "no span".to_owned();
        }
        let mut text = format!(
            "{} in {}; ",
            units::counted(totals.failed_spans, "span"),
            units::counted(totals.failed_traces, "trace")
        );
        if totals.roots == 0 {
            text.push_str("how many requests is not known, because the input has the root of none");
        } else {
            text.push_str(&format!(
                "{} of {} failed ({})",
                units::count(totals.failed_roots),
                units::counted(totals.roots, "request"),
                units::share_of(totals.failed_roots, totals.roots)
            ));
        }
        if let Some(first) = &self.first_failure {
            text.push_str(&format!("; first {}", self.first_failure_in_words(totals, first)));
        }
        text
    }

    /// When it was and what, with the day where the input has several.
    pub(in crate::report) fn first_failure_in_words(&self, totals: &TotalsSummary, first: &FirstFailure) -> String {
        let last = totals.last_end.unwrap_or(first.start);
        let is_of_one_day = units::are_of_one_day(totals.first_start.unwrap_or(first.start), last);
        let when = if is_of_one_day { units::time_of_day(first.start) } else { units::day_and_time(first.start) };
        format!("{when} {}", first.what)
    }

    fn in_sum(&self, patterns: u64, totals: &TotalsSummary) -> String {
        let explained = (0..self.patterns()).filter(|&row| self.is_explained(row)).count() as u64;
        let mut text = match explained {
            0 => units::counted(patterns, "pattern"),
            _ => format!(
                "{} of {} are not explained by others",
                patterns - explained,
                units::counted(patterns, "pattern")
            ),
        };
        if self.notes_left_out > 0 {
            text.push_str(&format!(", beside {}", units::counted(self.notes_left_out, "note")));
        }
        let (share, mended) = (self.saved_by_first(totals.segment_duration_ns), self.mended_by_first());
        let mut holds = Vec::new();
        if share > 0.0 {
            holds.push(format!("{} of all request time", units::share(share)));
        }
        if mended > 0 {
            holds.push(format!(
                "{} of {}",
                units::count(mended),
                units::counted(totals.failed_roots, "failed request")
            ));
        }
        if !holds.is_empty() {
            let who = match self.patterns() {
                1 => "it holds".to_owned(),
                count if count <= SUMMED_UP => "they hold".to_owned(),
                _ => "the first five hold".to_owned(),
            };
            text.push_str(&format!("; {who} {}", holds.join(" and ")));
        }
        text
    }

    /// The first problems that no other explains, at most so many, and how many there are more.
    pub(in crate::report) fn first(&self, most: usize) -> (Vec<ProblemInWords>, usize) {
        let all = self.unexplained().count();
        let shown = self.unexplained().take(most).map(|row| self.in_words(row)).collect();
        (shown, all.saturating_sub(most))
    }

    /// The problem of a row in words.
    pub(in crate::report) fn in_words(&self, row: usize) -> ProblemInWords {
        let id = self.text("pattern_id", row);
        let causes = (0..self.patterns()).filter(|&other| self.text("explained_by", other) == id);
        ProblemInWords {
            rank: self.int("rank", row),
            pattern_id: id.to_owned(),
            title: self.text("title", row).to_owned(),
            costs: self.costs(row),
            trace_id: self.text("example_trace_id", row).to_owned(),
            detector: self.text("detector", row).to_owned(),
            fix: self.text("fix", row).to_owned(),
            causes: causes.map(|other| self.text("title", other).to_owned()).collect(),
        }
    }

    /// How often a problem is there, what it costs, when it was seen, and what became of it.
    pub(in crate::report) fn costs(&self, row: usize) -> Vec<String> {
        let mut costs = Vec::new();
        let requests = self.int("requests", row);
        if requests > 0 {
            let share = units::share(self.share("request_share", row));
            costs.push(format!("{} ({share})", units::counted(requests as u64, "request")));
        }
        let saving = self.int("saving_ns", row);
        if saving > 0 {
            let at_most = if *self.cell("upper_bound", row) == Cell::Flag(true) { "at most " } else { "" };
            let share = units::share(self.share("saving_share", row));
            costs.push(format!("saves {at_most}{} = {share} of all request time", units::duration(saving)));
        }
        let failed = self.int("failed_requests", row);
        if failed > 0 {
            costs.push(format!("{} failed", units::count(failed)));
        }
        let wasted = self.int("wasted_ns", row);
        if wasted > 0 && saving == 0 && failed == 0 {
            costs.push(format!("{} wasted", units::duration(wasted)));
        }
        if let (Cell::Int(first), Cell::Int(last)) = (self.cell("first_seen", row), self.cell("last_seen", row)) {
            costs.push(self.between(*first, *last));
        }
        let status = self.text("status", row);
        if !status.is_empty() {
            costs.push(status.to_owned());
        }
        costs
    }

    fn between(&self, first: i64, last: i64) -> String {
        if units::time_of_day(first) == units::time_of_day(last) && units::are_of_one_day(first, last) {
            units::time_of_day(first)
        } else if units::are_of_one_day(first, last) {
            format!("{} to {}", units::time_of_day(first), units::time_of_day(last))
        } else {
            format!("{} to {}", units::day_and_time(first), units::day_and_time(last))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    /// Nothing failed is not said where nothing was looked at, nor where nobody would have said so.
    #[test]
    fn what_failed_is_said_as_far_as_it_is_known() {
        let table = samples::problems();
        let problems = ProblemList { table: &table, first_failure: None, notes_left_out: 0 };
        let failed = |spans: u64, failed_spans: u64, [with_status, with_code]: [u64; 2]| {
            let mut summary = samples::summary();
            (summary.totals.spans, summary.totals.failed_spans) = (spans, failed_spans);
            summary.quality.with_status = with_status;
            summary.quality.with_code = with_code;
            problems.header_lines(&summary).into_iter().find(|(label, _)| *label == "failed").map(|(_, text)| text)
        };
        assert_eq!(failed(0, 0, [0, 0]), None);
        assert_eq!(failed(5, 0, [0, 0]).as_deref(), Some("no span, but none has a status either"));
        assert_eq!(failed(5, 0, [5, 0]).as_deref(), Some("no span"));
        let calls: u64 = samples::summary().totals.calls.values().sum();
        assert_eq!(failed(5, 0, [0, calls]).as_deref(), Some("no span"));
        assert_eq!(failed(5, 0, [0, calls / 9]).as_deref(), Some("no span, but none has a status either"));
        let mut summary = samples::summary();
        (summary.totals.failed_spans, summary.totals.roots, summary.totals.failed_roots) = (2, 0, 0);
        let failed_of_no_root = problems.failed(&summary.totals);
        assert!(failed_of_no_root.contains("the input has the root of none"), "{failed_of_no_root}");
        assert!(
            failed(5, 2, [0, 0]).is_some_and(|text| text.starts_with("2 spans in 4 traces; 3 of 670 requests failed"))
        );
    }
}
