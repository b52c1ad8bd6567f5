//! Two runs against each other: what became of each pattern, and where the time of each entry went.
//!
//! ```text
//! output directory ─┐
//!                   ├─▶ requests of entries, patterns, times ──▶ status of each pattern, changes of latency ──▶ tables
//! output directory, ┘
//! or tables just made
//! ```

mod apportion;
mod chance;
mod changes;
mod compared_run;
mod latency_changes;
mod recorded_run;
mod status;

pub(crate) use changes::{CHANGE_COLUMNS, CHANGES, Comparison, changes_table, title};
pub(crate) use compared_run::{ComparedRun, PatternNames};
pub(crate) use latency_changes::{LATENCY_CHANGE_COLUMNS, LATENCY_CHANGES, latency_changes_table};
pub(crate) use recorded_run::{CompareError, RunDirectory};
pub(crate) use status::{ComparisonRules, Status};
