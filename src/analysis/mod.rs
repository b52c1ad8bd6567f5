//! The pass over all traces: rebuild, let detectors see, book. Results of disjoint sets of traces merge.
//!
//! Traces whose operations depend on what other traces say (a service was called that recorded nothing) wait until all
//! others were seen; there are few of them, and the rest is never touched twice.

mod again;
mod batch;
mod merge;
mod part;
mod pass;
mod quality;
mod requests;
mod results;
mod totals;

pub use crate::gathered::Gathers;
pub(crate) use again::{Again, FoundInTrace, with_trace};
pub(crate) use merge::{MergedParts, merge_parts};
pub(crate) use pass::analyse_part;
#[cfg(test)]
pub(crate) use pass::see_gathered;
pub use pass::{Analysis, AnalysisSettings, analyse};
pub use quality::{ClockSkew, Quality};
pub(crate) use requests::{EntryRequests, Largest, RequestEntry, RequestsByEntry};
pub use results::{AnalysisError, MIN_WEIGHTED_SHARE, Results};
pub use totals::Totals;
