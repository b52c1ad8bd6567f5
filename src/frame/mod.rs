//! Spans as typed columns, strings as symbols.
//!
//! A decoder hands over [`SpanRecord`](crate::span::SpanRecord)s (or, where its source is columnar, rows and signatures) to a
//! [`FrameBuilder`]; [`group`] joins the builders of all inputs, and brings their rows in trace order.

mod builder;
mod columns;
mod group;
mod number_table;
mod own_values;
mod packed_rows;
mod partitions;
mod signature_cache;
mod signatures;
mod sink;
mod spill;
mod symbols;
mod value_caps;

pub use crate::sensitive::{Sampling, Secrets};
pub use builder::{AttributeSlots, Collecting, FrameBuilder};
pub(crate) use builder::{said_of_exception, said_of_resource};
pub use columns::{Frame, TraceRows, Vocabulary};
pub use group::{Collection, Grouping, group};
pub use own_values::{OwnRows, OwnSlice, OwnValues};
pub(crate) use own_values::{OwnSlots, only_link};
pub use partitions::{CollectedRow, CollectedSpan, PARTITIONS, Partition, Partitions, Run, partition_of};
pub(crate) use signatures::parts_with_many_values;
pub use signatures::{Signature, SignatureId, Signatures};
pub use sink::{EncodedSpan, Said, SpanSink, Wanted};
pub(crate) use spill::PutAside;
pub use spill::{SpillError, SpillStore};
pub(crate) use symbols::MANY_TEXT_BYTES;
pub use symbols::{Symbol, Symbols, TooManyStrings};
pub(crate) use value_caps::cap_normal;
pub use value_caps::{BEYOND_CAP, BeyondCap, MAX_DISTINCT_VALUES, SignaturePart, ValueCaps};
