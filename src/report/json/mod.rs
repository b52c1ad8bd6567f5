//! Results as JSON: one document, or a line for each row.

mod document;
mod lines;
mod row;

pub(crate) use document::{write_json, write_json_table, write_json_tables};
pub(crate) use lines::{write_ndjson, write_ndjson_table};
pub(in crate::report) use row::{write_compact, write_pretty, write_rows};
