//! Patterns of the list of problems, as kinds of reports tell them that have an item for each.

use crate::detectors::{Level, TableRow};
use crate::rank::Table;
use crate::report::text::sanitized::sanitized;

use super::evidence::CodeLocation;
use super::write::Report;

/// Characters of a name or sentence that are told. Whoever shows such reports cuts longer ones himself, or refuses them.
const MOST_CHARACTERS: usize = 1_000;

/// A pattern.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pattern<'a> {
    report: &'a Report<'a>,
    row: TableRow<'a>,
}

/// How bad it is that a pattern is there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Severity {
    /// Requests failed because of it, or the gate fails.
    Error,
    /// It costs time or work.
    Warning,
    /// Another pattern causes it, or it is known.
    Note,
}

impl<'a> Pattern<'a> {
    /// The patterns of all detectors, by rank, and how many there are more that are only summed up.
    pub(super) fn all(report: &'a Report<'a>) -> (impl Iterator<Item = Self> + Clone, u64) {
        let Table { columns, values, summed_up, .. } = report.problems.table;
        let count = report.problems.table.row_count() - usize::from(*summed_up > 0);
        let row = move |row| Self { report, row: TableRow { columns, values, row } };
        ((0..count).map(row), *summed_up)
    }

    /// Its id, which is the same in every run.
    pub(super) fn id(&self) -> &'a str {
        self.row.text("pattern_id")
    }

    /// The detector that reports it.
    pub(super) fn detector(&self) -> &'a str {
        self.row.text("detector")
    }

    /// What is wrong, in one sentence without a full stop.
    pub(super) fn title(&self) -> String {
        told(self.row.text("title"))
    }

    /// What to do about it.
    pub(super) fn fix(&self) -> &'a str {
        self.row.text("fix")
    }

    /// A name or id in a column, as it was recorded.
    pub(super) fn name(&self, column: &str) -> &'a str {
        self.row.text(column)
    }

    /// A whole number in a column.
    pub(super) fn count(&self, column: &str) -> i64 {
        self.row.count(column)
    }

    /// A share in a column.
    pub(super) fn share(&self, column: &str) -> f64 {
        self.row.number(column)
    }

    /// What became of it beside another run, or that it is known; empty if neither is known.
    pub(super) fn status(&self) -> &'a str {
        self.row.text("status")
    }

    /// Whether it is known and counts nowhere.
    pub(super) fn is_ignored(&self) -> bool {
        self.status() == "ignored"
    }

    /// Whether the gate fails because of it.
    pub(super) fn trips_gate(&self) -> bool {
        self.report.gate.tripped.contains(self.id())
    }

    /// Whether harm was recorded.
    pub(super) fn is_problem(&self) -> bool {
        self.name("level") == Level::Problem.as_str()
    }

    /// Whether it is worth knowing, and may be meant so.
    pub(super) fn is_note(&self) -> bool {
        self.name("level") == Level::Note.as_str()
    }

    /// How often, what it costs, when, what to do, and where to look.
    pub(super) fn details(&self) -> String {
        let mut parts = self.report.problems.costs(self.row.row);
        let trace = self.name("example_trace_id");
        if !trace.is_empty() {
            parts.push(format!("trace {trace}"));
        }
        told(&format!("{}. {} (tracescan explain {})", parts.join(", "), capitalised(self.fix()), self.detector()))
    }

    /// The address of its example trace, if traces can be looked at.
    pub(super) fn trace_address(&self) -> Option<String> {
        let trace = self.name("example_trace_id");
        let url = self.report.links.url.as_ref().filter(|_| !trace.is_empty())?;
        let (start, end) = self.report.links.between;
        Some(url.of(trace, start, end))
    }

    /// The file and the line that it is about: of the code where spans name it, else of the configuration, where it can be
    /// ignored. Forges know paths from the root of the project only.
    pub(super) fn place(&self) -> (String, u32) {
        let code = self.report.code.get(self.id()).map(|CodeLocation { path, line }| (from_project(path), *line));
        code.filter(|(path, _)| !path.is_empty()).unwrap_or_else(|| (file_of(self.report), 1))
    }

    /// Whether spans say where in the code it comes from.
    pub(super) fn has_code(&self) -> bool {
        self.report.code.contains_key(self.id())
    }

    /// The share of all request time that a fix saves plus that of the requests that would not have failed, 0 to 1.
    pub(super) fn score(&self) -> f64 {
        let requests = self.report.summary.totals.roots.max(1) as f64;
        (self.share("saving_share") + self.count("failed_requests") as f64 / requests).clamp(0.0, 1.0)
    }

    /// How bad it is that it is there.
    pub(super) fn severity(&self) -> Severity {
        if self.is_ignored() {
            Severity::Note
        } else if self.trips_gate() {
            Severity::Error
        } else if !self.name("explained_by").is_empty() || self.is_note() {
            Severity::Note
        } else if self.count("failed_requests") > 0 {
            Severity::Error
        } else {
            Severity::Warning
        }
    }
}

/// A path as from the root of the project, which is taken to be where the program runs.
fn from_project(path: &str) -> String {
    let path = told(path).replace('\\', "/");
    let here = std::env::current_dir().ok().and_then(|here| here.to_str().map(|here| format!("{here}/")));
    let own = here.as_deref().and_then(|here| path.strip_prefix(here)).unwrap_or(&path);
    let without_drive = own.split_once(":/").map_or(own, |(_, rest)| rest);
    let parts = without_drive.split('/').filter(|part| !part.is_empty() && *part != "." && *part != "..");
    parts.collect::<Vec<_>>().join("/")
}

/// The file of the repository that patterns are told of: the configuration, where they can be ignored. They are of running services,
/// and readers of code ask for a place in a file.
pub(super) fn file_of(report: &Report<'_>) -> String {
    let configured = report.settings.get("configuration").and_then(|path| path.as_str());
    configured.filter(|path| is_within_repository(path)).unwrap_or(CONFIGURATION_FILE).to_owned()
}

/// Where the configuration is unless something else is said.
const CONFIGURATION_FILE: &str = "tracescan.toml";

/// Whether a path leads down from the root of the repository, and means the same as a URI.
fn is_within_repository(path: &str) -> bool {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "/._-".contains(character);
    !path.is_empty() && path.chars().all(is_plain) && path.split('/').all(|part| !["", "..", "."].contains(&part))
}

/// Text of traces for whoever shows a report: without what cannot be seen, and no longer than anybody reads.
pub(super) fn told(text: &str) -> String {
    cut(&sanitized(text), MOST_CHARACTERS)
}

/// The first characters of a text, with a mark if there are more.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Forges find files by paths without a root, a drive or steps upwards.
    #[test]
    fn paths_are_those_of_the_project() {
        let here = std::env::current_dir().unwrap().join("src/main.rs");
        for (recorded, told) in [
            ("src/cart.py", "src/cart.py"),
            ("/app/src/cart.py", "app/src/cart.py"),
            ("C:\\app\\Cart.cs", "app/Cart.cs"),
            ("../../etc/passwd", "etc/passwd"),
            (here.to_str().unwrap(), "src/main.rs"),
            ("/", ""),
        ] {
            assert_eq!(from_project(recorded), told);
        }
    }

    /// What is told of a file must be in the repository for whoever reads it there.
    #[test]
    fn files_are_within_the_repository() {
        for (path, is_within) in [
            ("tracescan.toml", true),
            ("ci/traces/tracescan.toml", true),
            ("/etc/tracescan.toml", false),
            ("../tracescan.toml", false),
            ("./tracescan.toml", false),
            ("a b.toml", false),
            ("file:tracescan.toml", false),
            ("", false),
        ] {
            assert_eq!(is_within_repository(path), is_within, "{path}");
        }
    }

    /// Nothing of a name is lost without a mark, and characters stay whole.
    #[test]
    fn long_names_are_cut() {
        assert_eq!(cut("Zürich", 6), "Zürich");
        assert_eq!(cut("Zürich", 2), "Zü…");
        assert_eq!(cut("", 2), "");
    }
}
