//! Results as people and programs read them: one file for each output format.
//!
//! Writers take `impl Write` and plain values. Names from traces go to a terminal, a spreadsheet or Markdown only after
//! `sanitized` has looked at them.

mod canonical_parquet;
mod csv;
mod detector_table;
mod explanation;
mod header;
mod html;
mod incident;
mod json;
mod kinds;
mod markdown;
mod output;
mod parquet;
mod problem_list;
mod run_json;
#[cfg(test)]
mod samples;
mod summary;
mod terminal;
mod text;
mod trace;
mod trace_links;

pub use canonical_parquet::CanonicalWriter;
pub(crate) use csv::{write_csv, write_csv_table};
pub(crate) use detector_table::DetectorTable;
pub(crate) use explanation::{ExplainedDocument, ExplainedTable, Field, Page, write_book, write_page_as_markdown};
pub(crate) use incident::{IncidentSummary, RunSummary, SuspectSummary, TimesSummary};
pub(crate) use json::{write_json, write_json_table, write_json_tables, write_ndjson, write_ndjson_table};
pub(crate) use kinds::{
    CodeLocation, Evidence, GateSummary, GraphEdge, PathStack, PathsOfEntry, PathsOfRequests, Report, ReportFile,
    check_report_files, write_reports,
};
pub(crate) use markdown::{MarkdownStyle, write_markdown, write_markdown_table, write_markdown_tables};
pub(crate) use output::{WholeFile, finish_files, remove_unfinished_files, write_comparison_files, write_files};
pub(crate) use parquet::{UNIX_NANO, write_parquet_table};
pub(crate) use problem_list::{FirstFailure, ProblemList};
pub(crate) use run_json::{ComparisonQuality, ComparisonRun, Run, SensitiveTraces};
pub(crate) use summary::{
    BeyondCapSummary, ClockSkewSummary, InputSummary, QualitySummary, SelectionSummary, Summary, TotalsSummary,
};
pub(crate) use terminal::{
    ChangedEntry, ChangedPattern, ComparisonSummary, TerminalReport, TerminalStyle, WaterfallOptions, write_catalog,
    write_comparison, write_page, write_query_answer, write_table_list, write_terminal, write_waterfall,
};
pub(crate) use text::cell_text::NAMED_BY_ASKER;
pub(crate) use text::sanitized::sanitized;
pub(crate) use text::units;
pub(crate) use trace::{
    ShownFinding, ShownPath, ShownSection, ShownSpan, ShownTrace, write_chrome_trace, write_speedscope,
    write_trace_as_json,
};
pub(crate) use trace_links::{TraceLinks, TraceUrl};
