//! Why a span is left out, and how many were.

use std::collections::BTreeMap;

use super::ids::{SpanId, TraceId};

/// Why a span, a message or a line was left out. The names are keys of `skipped` in `run.json`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SkipReason {
    /// The trace id is absent, all zero or too long.
    InvalidTraceId,
    /// The span id is absent, all zero or too long.
    InvalidSpanId,
    /// The start time is absent. One of 0 is a time: synthetic traces begin there.
    MissingStartTime,
    /// The start time is beyond the year 2262, which 64 bits of nanoseconds do not hold.
    TimeOutOfRange,
    /// The span is not shaped like one.
    MalformedSpan,
    /// A JSON value, a line or a protobuf message that cannot be decoded.
    MalformedMessage,
    /// The input ends in the middle of a value, a message or a compressed stream.
    Truncated,
    /// Metrics, logs or profiles among the traces.
    OtherSignal,
    /// JSON or a message that holds nothing known.
    UnknownContent,
    /// A span in a format that is known and not read.
    UnsupportedFormat,
    /// A record that says the rest of a span of which another record was read: nothing is lost.
    JoinedRecord,
}

impl SkipReason {
    /// Whether it is a span that was left out, and not something else.
    pub fn is_of_span(self) -> bool {
        matches!(
            self,
            Self::InvalidTraceId
                | Self::InvalidSpanId
                | Self::MissingStartTime
                | Self::TimeOutOfRange
                | Self::MalformedSpan
        )
    }

    /// The key in `run.json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidTraceId => "invalid_trace_id",
            Self::InvalidSpanId => "invalid_span_id",
            Self::MissingStartTime => "missing_start_time",
            Self::TimeOutOfRange => "time_out_of_range",
            Self::MalformedSpan => "malformed_span",
            Self::MalformedMessage => "malformed_message",
            Self::Truncated => "truncated",
            Self::OtherSignal => "other_signal",
            Self::UnknownContent => "unknown_content",
            Self::UnsupportedFormat => "unsupported_format",
            Self::JoinedRecord => "joined_record",
        }
    }
}

/// How many offsets of skipped parts are kept for each input.
pub const FIRST_OFFSETS: usize = 5;

/// What was left out of one input.
#[derive(Clone, Debug, Default)]
pub struct Skipped {
    /// How many, by reason.
    pub counts: BTreeMap<SkipReason, u64>,
    /// Where the first few stood: bytes of the decompressed input, or rows for Parquet.
    pub first_offsets: Vec<u64>,
}

impl Skipped {
    /// Counts one more.
    pub fn add(&mut self, reason: SkipReason, offset: u64) {
        *self.counts.entry(reason).or_default() += 1;
        if self.first_offsets.len() < FIRST_OFFSETS {
            self.first_offsets.push(offset);
        }
    }

    /// Number of parts left out.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }
}

/// What stands for a start time that is absent: as a time it would be out of range.
pub const NO_START_TIME: u64 = u64::MAX;

/// Why a span cannot be analysed, if it cannot: every taker of spans skips the same ones.
pub fn unusable(trace_id: TraceId, span_id: SpanId, start_unix_nano: u64) -> Option<SkipReason> {
    if trace_id.is_invalid() {
        Some(SkipReason::InvalidTraceId)
    } else if span_id.is_none() {
        Some(SkipReason::InvalidSpanId)
    } else if start_unix_nano == NO_START_TIME {
        Some(SkipReason::MissingStartTime)
    } else if i64::try_from(start_unix_nano).is_err() {
        Some(SkipReason::TimeOutOfRange)
    } else {
        None
    }
}
