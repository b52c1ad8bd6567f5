//! From what detectors conclude to ranked tables, with Polars: aggregate by pattern, order, cut.

mod findings_table;
mod patterns;
mod problems;
mod ranking;
#[cfg(test)]
mod seen_in_parts;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use findings_table::{FINDINGS, FindingsTable};
#[cfg(test)]
pub(crate) use problems::PROBLEM_COLUMNS;
pub(crate) use problems::{Denominators, problems};
pub use ranking::ranked_tables;
pub(crate) use ranking::{Headings, Ranked, Ranking};
pub(crate) use table::for_each_row;
pub use table::{Rows, Table};
