//! One trace at a time: tree, calls, failures and critical path, and the view of them that detectors see.
//!
//! ```text
//! frame ──group──▶ rows of a trace ──tree──▶ parents as row numbers ──calls──▶ who calls whom, what failed
//!                                                    └──critical_path──▶ sections, path time
//! ```
//!
//! Everything is indexed by row number within the trace, nothing recurses, and all buffers are reused. What only some
//! detectors need (retries, failures, calls by target, sampling) is worked out when the first of them asks.

mod calls;
mod critical_path;
mod heirs;
mod messages;
mod on_demand;
mod retiming;
mod rows_by_id;
#[cfg(test)]
pub(crate) mod sample;
mod semantics;
mod target;
mod time_buckets;
mod total_ns;
mod tree;
mod url_repetitions;
mod view;

pub use calls::{Call, CallRole, Calls, NO_CALL};
pub use critical_path::{CriticalPaths, OverlapTolerance, Section};
pub use messages::{DeadLetterName, MessageFacts, MessageRole};
pub(crate) use messages::{dead_letter_name, destination_words, without_dead_letter_words};
pub use on_demand::{Attempt, RetrySequences, Sequence};
pub(crate) use on_demand::{FailureOrigin, Hop, SoleCallee};
pub(crate) use retiming::{Edit, EditedSegment, Mark, PackedSegments, PatternEdits, RetimingBuffers, SegmentToPack};
pub use semantics::{ANY_SERVICE, Semantics, SpanSemantics, derive};
pub(crate) use semantics::{Asked, TablesSeenIn, TransactionEnd, derive_asked, services_that_matter};
pub use target::{Target, TargetKind};
pub(crate) use time_buckets::{Bucket, TimeBuckets, bucket_of};
pub use total_ns::total_ns;
pub use tree::{NO_ROW, PathRoot, RootReason, Row, Tree, TreeCounts};
pub(crate) use view::Entry;
pub use view::{CalleeNames, Component, Place, TraceModel, TraceView};
