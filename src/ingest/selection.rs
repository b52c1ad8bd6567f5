//! Which traces of the inputs are wanted. A trace is kept whole if any of its spans matches, because half a trace gives
//! wrong depths, wrong counts and wrong times.
//!
//! So it takes two steps: what may match is read first and tells the traces; what cannot match, as the statistics of a
//! Parquet file's row groups prove, is read afterwards and only as far as it belongs to those traces.

use std::collections::BTreeSet;

use foldhash::fast::FixedState;
use hashbrown::HashSet;

use crate::frame::FrameBuilder;
use crate::span::{TraceId, UNKNOWN_SERVICE};

/// The ids of the traces that are wanted.
pub type TraceIds = HashSet<TraceId, FixedState>;

/// What a span must be for its trace to be wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Selection {
    /// It starts at this time or later, in ns since 1970.
    pub since_unix_nano: Option<i64>,
    /// It starts before this time, in ns since 1970.
    pub until_unix_nano: Option<i64>,
    /// It is of one of these services; of any if there are none.
    pub services: Vec<String>,
}

impl Selection {
    /// Whether every trace is wanted.
    pub(crate) fn is_all(&self) -> bool {
        *self == Self::default()
    }

    /// Whether spans that start between `first` and `last` (inclusive) can match.
    pub(crate) fn may_start_within(&self, first: i64, last: i64) -> bool {
        self.since_unix_nano.is_none_or(|since| since <= last) && self.until_unix_nano.is_none_or(|until| first < until)
    }

    /// Whether spans of services between `first` and `last` (inclusive, by their bytes) can match.
    pub(crate) fn may_be_of_service_within(&self, first: &[u8], last: &[u8]) -> bool {
        // A span that names no service in its column may name one elsewhere.
        self.services.is_empty()
            || first.is_empty()
            || first <= UNKNOWN_SERVICE.as_bytes() && UNKNOWN_SERVICE.as_bytes() <= last
            || self.services.iter().any(|service| first <= service.as_bytes() && service.as_bytes() <= last)
    }

    fn has_start(&self, start: i64) -> bool {
        self.may_start_within(start, start)
    }

    fn has_service(&self, service: &str) -> bool {
        self.services.is_empty() || self.services.iter().any(|wanted| wanted == service)
    }

    /// Adds the traces of the spans in `builder` that match to `wanted`.
    pub(crate) fn collect(&self, builder: &FrameBuilder, wanted: &mut TraceIds) {
        let matching: Vec<bool> = builder.services_of_signatures().map(|service| self.has_service(service)).collect();
        for span in builder.spans.iter() {
            if matching[span.row.signature.index()] && self.has_start(span.row.start) {
                wanted.insert(span.trace_id);
            }
        }
    }
}

/// What there is to select, for whoever selected nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offered {
    /// The services that spans were read of, in the order of their names.
    pub services: BTreeSet<String>,
    /// The first and the last start of the spans that were read, in ns since 1970.
    pub starts: Option<(i64, i64)>,
}

impl Offered {
    /// Adds the spans in `builder`.
    pub(super) fn add(&mut self, builder: &FrameBuilder) {
        for service in builder.services_of_signatures() {
            if !self.services.contains(service) {
                self.services.insert(service.to_owned());
            }
        }
        let starts = builder.spans.iter().map(|span| (span.row.start, span.row.start));
        let earliest_and_latest =
            |(first, last): (i64, i64), (start, end): (i64, i64)| (first.min(start), last.max(end));
        self.starts = self.starts.into_iter().chain(starts).reduce(earliest_and_latest);
    }
}

/// What a selection left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Spans that were read, of traces that are not wanted.
    pub spans: u64,
    /// Row groups of Parquet files of which at most the trace ids were read.
    pub row_groups: u64,
    /// The spans in them.
    pub spans_not_read: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_include_the_first_and_not_the_last() {
        let selection =
            Selection { since_unix_nano: Some(10), until_unix_nano: Some(20), services: vec!["b".to_owned()] };
        assert!(selection.has_start(10) && selection.has_start(19));
        assert!(!selection.has_start(9) && !selection.has_start(20));
        assert!(selection.may_start_within(0, 10) && !selection.may_start_within(0, 9));
        assert!(selection.may_start_within(19, 30) && !selection.may_start_within(20, 30));
        assert!(selection.may_be_of_service_within(b"a", b"b") && !selection.may_be_of_service_within(b"c", b"d"));
        assert!(Selection::default().is_all() && Selection::default().may_start_within(0, 0));
    }
}
