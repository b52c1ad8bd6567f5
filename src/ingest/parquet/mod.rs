//! Spans from Parquet files: canonical ones, the tables of many stores, any flat table whose columns can be told by their
//! names, and the blocks of Grafana Tempo.
//!
//! [`read_columns`] brings what the analysis needs by the shortest way, [`read_records`] everything that the table has.
//! Both read whatever part of a damaged file can be read, and say what could not.

pub(crate) mod file;
pub(crate) mod flat;
pub(crate) mod outcome;
pub(crate) mod read;
mod tempo;

pub use file::guard::keep_caught_panics_quiet;
