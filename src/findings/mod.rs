//! Findings: one occurrence of an anti-pattern, in one trace or in the whole input, and the patterns that they repeat.

mod example;
mod fingerprint;
mod remedy;
mod sink;
mod trace_count;

pub(crate) use example::Example;
pub(crate) use fingerprint::pattern_id;
pub(crate) use remedy::{Explained, Remedies, Remedy};
pub(crate) use sink::{Finding, FindingColumns, Findings};
pub(crate) use trace_count::TraceCount;
