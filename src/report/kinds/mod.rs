//! Reports in files: for tickets, chats, CI runs, dashboards and browsers. Each kind has a file of its own.

mod evidence;
mod kind;
mod markdown_file;
mod write;

pub(crate) use evidence::{Evidence, PathsOfEntry, PathsOfRequests};
pub(crate) use kind::ReportFile;
pub(crate) use write::{GateSummary, GraphEdge, PathStack, Report, write_reports};
