//! Results as people and programs read them: one file for each output format.
//!
//! Writers take `impl Write` and plain values. Names from traces go to a terminal, a spreadsheet or Markdown only after
//! [`sanitized`] has looked at them.

mod canonical_parquet;
mod csv;
mod detector_table;
mod header;
mod json;
mod json_row;
mod markdown;
mod ndjson;
mod output;
mod parquet;
mod run_json;
#[cfg(test)]
mod samples;
mod summary;
mod terminal;
mod text;

pub use canonical_parquet::CanonicalWriter;
pub use csv::write_csv;
pub use detector_table::DetectorTable;
pub use json::write_json;
pub use markdown::write_markdown;
pub use ndjson::write_ndjson;
pub use output::{WholeFile, finish_files, remove_unfinished_files, write_files};
pub use run_json::Run;
pub use summary::{
    BeyondCapSummary, ClockSkewSummary, InputSummary, QualitySummary, SelectionSummary, Summary, TotalsSummary,
};
pub use terminal::{
    TerminalStyle, Waterfall, WaterfallFinding, WaterfallRow, write_catalog, write_explanation, write_terminal,
    write_waterfall,
};
pub use text::sanitized::sanitized;
pub use text::units;
