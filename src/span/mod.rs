//! What one span is: the record that decoders hand over, its ids, its kind, and why one is left out.

mod ids;
mod kind;
mod left_out;
mod record;
mod row;

pub use ids::{SpanId, TraceId};
pub use kind::{SpanKind, StatusCode};
pub use left_out::{FIRST_OFFSETS, NO_START_TIME, SkipReason, Skipped, unusable};
pub use record::{Event, KeyValue, Link, Origin, REF_TYPE, SpanRecord, UNKNOWN_SERVICE, Value, is_exception};
pub use row::SpanRow;
