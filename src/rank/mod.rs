//! From findings to ranked tables, with Polars: aggregate by pattern, order, cut.

mod attribution;
mod findings_table;
mod patterns;
mod table;

pub use attribution::attribution_table;
pub use findings_table::{FINDING_COLUMNS, findings_table};
pub use patterns::{PatternTable, pattern_table};
pub use table::Table;
