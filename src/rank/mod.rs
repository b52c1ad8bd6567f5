//! From what detectors conclude to ranked tables: aggregate by pattern, order with Polars, cut.

mod entries_table;
mod examples;
mod findings_table;
mod median;
mod pattern_requests;
mod patterns;
mod problems;
mod ranking;
#[cfg(test)]
mod seen_in_parts;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use entries_table::{ENTRIES, ENTRY_COLUMNS, entries_table};
pub(crate) use examples::{example_spans, example_traces};
pub(crate) use findings_table::{FINDING_COLUMNS, FINDINGS, FindingsTable};
pub(crate) use pattern_requests::{
    PATTERN_COLUMNS, PATTERN_ENTRIES, PATTERN_ENTRY_COLUMNS, PATTERNS, PatternRequests, pattern_entries_table,
    pattern_requests, patterns_table,
};
pub(crate) use problems::{Denominators, PROBLEM_COLUMNS, PROBLEMS, place_of_largest, problems, set_statuses};
pub use ranking::ranked_tables;
pub(crate) use ranking::{Headings, Ranked, Ranking};
pub(crate) use table::for_each_row;
pub use table::{Rows, Table};
