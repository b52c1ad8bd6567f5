//! Results as people and programs read them: one file for each output format.
//!
//! Writers take `impl Write` and plain values. Names from traces go to a terminal, a spreadsheet or Markdown only after
//! [`harmless`] has looked at them.

mod canonical_parquet;
mod cell_text;
mod csv;
mod detector_table;
mod explain;
mod files;
mod harmless;
mod header;
mod json;
mod json_row;
mod markdown;
mod ndjson;
mod paint;
mod parquet;
mod run_json;
#[cfg(test)]
mod samples;
mod summary;
mod terminal;
mod terminal_table;
mod text_width;
pub mod units;
mod waterfall;
mod whole_file;

pub use canonical_parquet::CanonicalWriter;
pub use csv::{write_csv, write_csv_table};
pub use detector_table::DetectorTable;
pub use explain::{write_catalog, write_explanation};
pub use files::{OutputError, write_files};
pub use harmless::{harmless, harmless_in_csv, harmless_in_markdown};
pub use json::write_json;
pub use markdown::write_markdown;
pub use ndjson::write_ndjson;
pub use paint::Paint;
pub use parquet::write_parquet_table;
pub use run_json::{Run, write_run_json};
pub use summary::{
    BeyondCapSummary, ClockSkewSummary, InputSummary, QualitySummary, SelectionSummary, Summary, TotalsSummary,
};
pub use terminal::{TerminalStyle, write_terminal};
pub use waterfall::{Waterfall, WaterfallFinding, WaterfallRow, write_waterfall};
pub use whole_file::{WholeFile, finish_files, remove_unfinished_files};
