//! Kinds of reports, told by the extension of their files.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use crate::gathered::Gathers;

/// What a report is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReportKind {
    /// A page for a browser.
    Html,
    /// Problems and tables as Markdown, for summaries of jobs and for chats.
    Markdown,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// JUnit's XML, for what shows results of tests.
    JUnit,
    /// Prometheus' text format, for node_exporter.
    Prometheus,
    /// Critical paths as folded stacks, for flame graphs.
    Folded,
    /// Critical paths as a profile for speedscope.
    Speedscope,
    /// The service graph for Graphviz.
    Dot,
    /// GitHub's workflow commands, for annotations.
    GitHub,
    /// GitLab's code quality report.
    CodeQuality,
}

impl ReportKind {
    /// What is gathered for it while traces are looked at.
    pub(crate) fn gathers(self) -> Gathers {
        match self {
            Self::Html => Gathers { timeline: true, service_graph: true, ..Gathers::NOTHING },
            Self::Dot => Gathers { service_graph: true, ..Gathers::NOTHING },
            Self::Folded | Self::Speedscope => Gathers { path_stacks: true, ..Gathers::NOTHING },
            Self::Markdown | Self::Sarif | Self::JUnit | Self::Prometheus | Self::GitHub | Self::CodeQuality => {
                Gathers::NOTHING
            }
        }
    }

    /// Whether it is made of what spans alone say, which no table holds.
    pub(crate) fn needs_spans(self) -> bool {
        match self {
            Self::Folded | Self::Speedscope | Self::Dot => true,
            Self::Html
            | Self::Markdown
            | Self::Sarif
            | Self::JUnit
            | Self::Prometheus
            | Self::GitHub
            | Self::CodeQuality => false,
        }
    }

    /// Whether it says where in the code something is.
    pub(crate) fn names_code(self) -> bool {
        matches!(self, Self::Sarif | Self::GitHub | Self::CodeQuality)
    }

    /// Whether it shows single traces, which are looked at again for it.
    pub(crate) fn shows_traces(self) -> bool {
        matches!(self, Self::Html)
    }
}

/// Kinds by the ends of file names; where one ends with two of them, the longer one counts.
const KINDS: &[(&str, ReportKind, &str)] = &[
    (".html", ReportKind::Html, "a page for a browser, with evidence for each problem"),
    (".md", ReportKind::Markdown, "problems and tables, at most 1 MiB, for summaries of jobs and for chats"),
    (".sarif", ReportKind::Sarif, "SARIF 2.1.0, for code scanning"),
    (".xml", ReportKind::JUnit, "JUnit: a case for each pattern and budget"),
    (".prom", ReportKind::Prometheus, "Prometheus text, for node_exporter's textfile collector"),
    (".folded", ReportKind::Folded, "critical paths of all requests as stacks, in ns, for flame graphs"),
    (".speedscope.json", ReportKind::Speedscope, "the same, for speedscope.app"),
    (".dot", ReportKind::Dot, "the service graph, for Graphviz"),
    (".github", ReportKind::GitHub, "GitHub's workflow commands, which become annotations"),
    (".codequality.json", ReportKind::CodeQuality, "GitLab's code quality"),
];

/// A file that a report is to be written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReportFile {
    /// Where.
    pub(crate) path: PathBuf,
    /// What.
    pub(crate) kind: ReportKind,
}

impl ReportFile {
    /// What a name must be like, for whoever has typed another.
    pub(crate) const FORM: &str = "a file name that ends with .html, .md, .sarif, .xml, .prom, .folded, .speedscope.json, .dot, .github \
                                   or .codequality.json";

    /// The ends of names, and what such files are.
    pub(crate) fn kinds() -> impl Iterator<Item = (&'static str, &'static str)> {
        KINDS.iter().map(|&(end, _, what)| (end, what))
    }

    /// The file at `path`, if its name says what is to be in it.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let name = Path::new(path).file_name()?.to_str()?.to_ascii_lowercase();
        let fits = |(end, ..): &&(&str, ReportKind, &str)| name.len() > end.len() && name.ends_with(end);
        let (_, kind, _) = KINDS.iter().filter(fits).max_by_key(|(end, ..)| end.len())?;
        Some(Self { path: PathBuf::from(path), kind: *kind })
    }
}

/// Settings show the path.
impl Serialize for ReportFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.path.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The end of the name decides, whatever its case; a name that is nothing else, or that says nothing, is refused.
    #[test]
    fn kinds_are_told_by_extensions() {
        let kind = |path: &str| ReportFile::parse(path).map(|file| file.kind);
        assert_eq!(kind("out/report.md"), Some(ReportKind::Markdown));
        assert_eq!(kind("REPORT.MD"), Some(ReportKind::Markdown));
        assert_eq!(kind("out/gl.codequality.json"), Some(ReportKind::CodeQuality));
        assert_eq!(kind("paths.speedscope.json"), Some(ReportKind::Speedscope));
        assert_eq!(kind("report.json"), None);
        for refused in ["report", ".md", "report.pdf", "report.md/", "", "-", "md"] {
            let is_directory = refused.ends_with('/');
            assert_eq!(kind(refused).is_none(), !is_directory, "{refused}");
        }
        // Every kind is named to whoever types another.
        assert!(KINDS.iter().all(|(end, ..)| ReportFile::FORM.contains(end)));
    }
}
