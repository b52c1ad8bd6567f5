//! What reports are made of, and how they are written.

use std::collections::BTreeSet;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use hashbrown::HashMap;

use crate::gathered::Timeline;
use crate::rank::Table;
use crate::report::detector_table::DetectorTable;
use crate::report::html::write_page;
use crate::report::output::{WholeFile, finish_files};
use crate::report::problem_list::ProblemList;
use crate::report::summary::Summary;
use crate::report::terminal::ComparisonSummary;
use crate::report::text::units;
use crate::report::trace_links::TraceLinks;

use super::code_quality::write_code_quality;
use super::dot::write_dot;
use super::evidence::{CodeLocation, Evidence};
use super::folded::write_folded;
use super::github::write_github;
use super::junit::write_junit;
use super::kind::{ReportFile, ReportKind};
use super::markdown_file::write_markdown_file;
use super::prometheus::write_prometheus;
use super::sarif::write_sarif;
use super::speedscope::write_speedscope_profile;

/// An edge of the service graph: who calls what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GraphEdge {
    /// The calling service.
    pub(crate) caller: String,
    /// What it calls: a service, or what stands behind it.
    pub(crate) target: String,
    /// What that is: service, database, messaging, external or unnamed.
    pub(crate) target_kind: &'static str,
    /// Whether the caller waits.
    pub(crate) is_synchronous: bool,
    /// Calls without heartbeats and plumbing.
    pub(crate) calls: u64,
    /// Those that failed.
    pub(crate) failed: u64,
    /// Critical-path time of the calls and what lies below them, in ns.
    pub(crate) path_ns: i64,
    /// Traces with such a call.
    pub(crate) traces: u64,
}

/// Where critical paths went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PathStack {
    /// The entry, then what is below each other, as `service operation`; the last may be `[network]`, `[wait]` or `[backoff]`
    /// and for whom.
    pub(crate) frames: Vec<String>,
    /// For how long requests waited for the last of them itself, in ns.
    pub(crate) time_ns: i64,
}

/// What the gate said.
#[derive(Clone, Debug, Default)]
pub(crate) struct GateSummary {
    /// What was asked for, as it is typed after `--fail-on`; empty if there was no gate.
    pub(crate) fail_on: Vec<String>,
    /// Why the run fails, in words, a line for each reason.
    pub(crate) failures: Vec<String>,
    /// Ids of the patterns because of which it fails.
    pub(crate) tripped: BTreeSet<String>,
}

/// Everything that a report may say of a run.
#[derive(Clone, Debug)]
pub(crate) struct Report<'a> {
    /// What was read and counted.
    pub(crate) summary: &'a Summary,
    /// All problems.
    pub(crate) problems: &'a ProblemList<'a>,
    /// Tables of the detectors that were on, the one with the largest problem first.
    pub(crate) detectors: &'a [DetectorTable<'a>],
    /// Where requests came in.
    pub(crate) entries: Option<&'a Table>,
    /// Tables of what was compared with another run, and of budgets.
    pub(crate) compared: &'a [Table],
    /// The comparison with another run in words.
    pub(crate) comparison: Option<&'a ComparisonSummary>,
    /// Who calls whom, in the order of names; none if no report asks for it.
    pub(crate) service_graph: Option<Vec<GraphEdge>>,
    /// Requests by time; none if no report asks for it.
    pub(crate) timeline: Option<&'a Timeline>,
    /// Traces that were looked at again; none if no report asks for them, or their spans are not at hand.
    pub(crate) evidence: Option<&'a Evidence>,
    /// Where in the code patterns come from, by their ids, as far as spans say it.
    pub(crate) code: &'a HashMap<String, CodeLocation>,
    /// Tables of the comparison of a window with other times; none if there was none.
    pub(crate) incident: &'a [Table],
    /// Where critical paths went, in the order of frames; none if no report asks for it.
    pub(crate) path_stacks: Option<Vec<PathStack>>,
    /// What the gate said.
    pub(crate) gate: &'a GateSummary,
    /// Largest size of a page, in bytes.
    pub(crate) max_page_bytes: u64,
    /// Whether everything could be read.
    pub(crate) is_complete: bool,
    /// Where traces can be looked at.
    pub(crate) links: &'a TraceLinks,
    /// Arguments of the run, without the program's name.
    pub(crate) arguments: &'a [String],
    /// Settings as resolved.
    pub(crate) settings: &'a serde_json::Value,
}

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the report {}: {source}", path.display())]
pub(crate) struct ReportError {
    path: PathBuf,
    source: io::Error,
}

/// Looks, before work is done, whether there is a place for each file.
///
/// # Errors
/// If there is none, or something else than a file is there.
pub(crate) fn check_report_files(files: &[ReportFile]) -> Result<(), ReportError> {
    for ReportFile { path, .. } in files {
        let fail =
            |kind: io::ErrorKind, text: &str| ReportError { path: path.clone(), source: io::Error::new(kind, text) };
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !directory.is_dir() {
            return Err(fail(io::ErrorKind::NotFound, "its directory is not there"));
        }
        if path.metadata().is_ok_and(|present| !present.is_file()) {
            return Err(fail(io::ErrorKind::AlreadyExists, "what is there is no file, and is left as it is"));
        }
    }
    Ok(())
}

/// Writes `report` to all `files`: all appear or none. The answer is what somebody should know of them, in words.
///
/// # Errors
/// If one cannot be written.
pub(crate) fn write_reports(files: &[ReportFile], report: &Report<'_>) -> Result<Vec<String>, ReportError> {
    let (mut written, mut warnings) = (Vec::new(), Vec::new());
    for ReportFile { path, kind } in files {
        let mut page_bytes = 0;
        let mut write = || {
            let file = WholeFile::create(path)?;
            let mut out = BufWriter::new(file.file());
            match kind {
                ReportKind::Html => page_bytes = write_page(&mut out, report, report.max_page_bytes)?,
                ReportKind::Markdown => write_markdown_file(&mut out, report)?,
                ReportKind::Sarif => write_sarif(&mut out, report)?,
                ReportKind::JUnit => write_junit(&mut out, report)?,
                ReportKind::Prometheus => write_prometheus(&mut out, report)?,
                ReportKind::Folded => write_folded(&mut out, report)?,
                ReportKind::Speedscope => write_speedscope_profile(&mut out, report)?,
                ReportKind::Dot => write_dot(&mut out, report)?,
                ReportKind::GitHub => write_github(&mut out, report)?,
                ReportKind::CodeQuality => write_code_quality(&mut out, report)?,
            }
            out.flush()?;
            drop(out);
            Ok(file)
        };
        written.push(write().map_err(|source| ReportError { path: path.clone(), source })?);
        if page_bytes > report.max_page_bytes {
            let (bytes, most) = (units::bytes(page_bytes), units::bytes(report.max_page_bytes));
            warnings
                .push(format!("{} has {bytes}, more than the {most} of --report-size, at its least", path.display()));
        }
    }
    finish_files(written).map_err(|(path, source)| ReportError { path, source })?;
    Ok(warnings)
}
