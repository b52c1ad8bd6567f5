//! Reports in files: for tickets, chats, CI runs, dashboards and browsers. Each kind has a file of its own.

mod code_quality;
mod dot;
mod evidence;
mod folded;
mod github;
mod junit;
mod kind;
mod markdown_file;
mod pattern;
mod prometheus;
mod sarif;
mod speedscope;
mod write;

pub(crate) use evidence::{CodeLocation, Evidence, PathsOfEntry, PathsOfRequests};
pub(crate) use kind::ReportFile;
pub(crate) use write::{GateSummary, GraphEdge, PathStack, Report, check_report_files, write_reports};
