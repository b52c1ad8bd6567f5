//! SQL over what a run wrote: the tables of output directories, whatever their format, asked through Polars.
//!
//! ```text
//! output directories ──tables──▶ names and frames ─┐
//! SQL ──statement──▶ one SELECT, its tables known ─┴─execution──▶ frame ──answer──▶ table
//! ```
//!
//! Nothing but the tables of the directories that were named can be read, and nothing can be written. The same question gives
//! the same rows in the same order on any number of threads.

mod answer;
mod column_units;
mod error;
mod execution;
mod run_values;
mod statement;
mod tables;
mod text_tables;

pub(crate) use error::QueryError;
pub(crate) use execution::{Answer, answer};
pub(crate) use tables::RunTables;
