//! Traces that were looked at again for a report, once it was known which of them show something.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use crate::report::trace::ShownTrace;

use super::write::PathStack;

/// Traces that were looked at again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    /// By their ids.
    pub(crate) traces: BTreeMap<String, ShownTrace>,
    /// How many spans those have that are too large to be drawn, by their ids.
    pub(crate) too_large: BTreeMap<String, u64>,
    /// The ids of the traces that show a pattern best, the best first, by the pattern's id.
    pub(crate) examples: HashMap<String, Vec<String>>,
    /// Where the critical paths of some requests went, by entry: that with the most time first.
    pub(crate) paths: Vec<PathsOfEntry>,
}

/// Where in the code a pattern comes from, as the spans say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CodeLocation {
    /// The file.
    pub(crate) path: String,
    /// The line in it, from 1.
    pub(crate) line: u32,
}

/// Where the critical paths of some requests of an entry went.
#[derive(Clone, Debug, Default)]
pub(crate) struct PathsOfEntry {
    /// Its service and operation.
    pub(crate) entry: String,
    /// How many requests there are.
    pub(crate) requests: u64,
    /// How many of them were looked at, evenly over all in the order of their ids.
    pub(crate) looked_at: u64,
    /// Those in the middle fifth by duration.
    pub(crate) typical: PathsOfRequests,
    /// The slowest twentieth.
    pub(crate) slow: PathsOfRequests,
}

/// Where the critical paths of some requests went.
#[derive(Clone, Debug, Default)]
pub(crate) struct PathsOfRequests {
    /// How many requests.
    pub(crate) requests: u64,
    /// The shortest and the longest duration in ns.
    pub(crate) durations_ns: (i64, i64),
    /// Their stacks, in the order of frames, with times summed over all of them.
    pub(crate) stacks: Vec<PathStack>,
}
