//! Spans as typed columns, strings as symbols.
//!
//! A decoder hands over [`SpanRecord`]s (or, where its source is columnar, rows and signatures) to a [`FrameBuilder`];
//! the builders of all inputs are merged into one [`Frame`], whose rows are in trace order.

mod builder;
mod canonical;
mod columns;
mod combinations;
mod ids;
mod packed_rows;
mod partitions;
mod record;
mod sampling;
mod schema;
mod signatures;
mod spill;
mod symbols;
mod templates;

pub(crate) use builder::Resolution;
pub use builder::{
    ArgumentsIn, AttributeSlots, FIRST_OFFSETS, FrameBuilder, Skipped, SpanRow, WorkedOut, normalise, unusable,
};
pub use canonical::CanonicalWriter;
pub(crate) use canonical::{VERSION as CANONICAL_VERSION, VERSION_KEY as CANONICAL_VERSION_KEY};
pub use columns::{Frame, TraceRows, Vocabulary};
pub use ids::{SignatureId, SpanId, Symbol, TraceId};
pub use partitions::{CollectedRow, CollectedSpan, PARTITIONS, Partition, Partitions, Run, partition_of};
pub use record::{
    EncodedSpan, Event, KeyValue, Link, Origin, REF_TYPE, Said, SkipReason, SpanKind, SpanRecord, SpanSink, StatusCode,
    UNKNOWN_SERVICE, Value,
};
pub use sampling::TraceStateSampling;
pub(crate) use sampling::count_of_jaeger_sampler;
pub use schema::{ATTRIBUTE_COUNT, Attribute, attribute_of_key, attribute_of_key_bytes};
pub use signatures::{Signature, Signatures};
pub use spill::{SpillError, SpillStore};
pub use symbols::Symbols;
pub use templates::{name_template, path_template, query_template, url_host};
