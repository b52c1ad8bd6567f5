//! Findings: one occurrence of an anti-pattern in one trace, and the patterns that they repeat.

mod fingerprint;
mod sink;

pub use fingerprint::pattern_id;
pub use sink::{Finding, Findings, Lists};
