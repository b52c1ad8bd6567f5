//! What a decoder of messages hands the spans of one input to: they pass through, and with what was left out are counted.

use std::path::Path;

use crate::conventions::OwnAttributes;
use crate::frame::{EncodedSpan, SpanSink};
use crate::span::{Origin, SkipReason, SpanRecord, unusable};

use super::error::IngestError;
use super::json_formats::waiting::Waiting;
use super::progress::Meter;
use super::tally::{Tally, Unknown};

/// Hands on to another sink, and counts, what is decoded of one input, on one thread.
pub(crate) struct CountingSink<'a> {
    path: &'a Path,
    sink: &'a mut dyn SpanSink,
    meter: &'a Meter<'a>,
    told_spans: u64,
    /// Whether what is left out is told of otherwise.
    is_salvaging: bool,
    /// What the input came to so far.
    pub(crate) tally: Tally,
    /// What waits for the rest of the input.
    pub(crate) waiting: Waiting,
}

impl<'a> CountingSink<'a> {
    pub(crate) fn new(path: &'a Path, sink: &'a mut dyn SpanSink, meter: &'a Meter<'a>) -> Self {
        Self::resume(path, sink, meter, Tally::default(), Waiting::default())
    }

    /// Goes on where `tally` stopped and with what was `waiting`.
    pub(crate) fn resume(
        path: &'a Path,
        sink: &'a mut dyn SpanSink,
        meter: &'a Meter<'a>,
        tally: Tally,
        waiting: Waiting,
    ) -> Self {
        Self { path, sink, meter, told_spans: tally.spans, is_salvaging: false, tally, waiting }
    }

    /// The input.
    pub(crate) fn path(&self) -> &'a Path {
        self.path
    }

    /// Tells what was read since it was last told.
    pub(crate) fn tell_progress(&mut self) {
        self.meter.advance(self.tally.spans - self.told_spans);
        self.told_spans = self.tally.spans;
    }

    /// Counts a part that cannot be decoded, and says why.
    pub(crate) fn malformed(&mut self, what: &'static str, offset: u64, reason: impl Into<String>) {
        self.skip(SkipReason::MalformedMessage, offset);
        let reason = reason.into();
        self.fail(IngestError::Malformed { path: self.path.to_owned(), offset, what, reason });
    }

    /// Takes what `read` can read of a part that is damaged. The part is told of as a whole, so that what is left out of it is
    /// not told again.
    pub(crate) fn salvage(&mut self, read: impl FnOnce(&mut Self)) {
        self.is_salvaging = true;
        read(self);
        self.is_salvaging = false;
    }

    /// Counts a part that the input ends in, and says so.
    pub(crate) fn truncated(&mut self, what: &'static str, offset: u64) {
        self.skip(SkipReason::Truncated, offset);
        self.fail(IngestError::Truncated { path: self.path.to_owned(), offset, what });
    }

    /// Counts a message that is too large to be held, and says so.
    pub(crate) fn too_large(&mut self, offset: u64, limit: usize) {
        self.skip(SkipReason::MalformedMessage, offset);
        self.fail(IngestError::TooLarge { path: self.path.to_owned(), offset, limit: limit as u64 });
    }

    /// Counts a part that is of no known kind. `keys` says what it has, `errors` what it says of errors, if it does.
    pub(crate) fn unknown(&mut self, keys: &str, errors: &str, offset: u64) {
        let unknown = || Unknown { keys: keys.to_owned(), is_log: false, errors: errors.to_owned(), offset };
        self.tally.unknown.get_or_insert_with(unknown);
        self.skip(SkipReason::UnknownContent, offset);
    }

    /// Counts the line of a log, which names a span and is none. `keys` says what it has.
    pub(crate) fn log_line(&mut self, keys: &str, offset: u64) {
        let unknown = || Unknown { keys: keys.to_owned(), is_log: true, errors: String::new(), offset };
        self.tally.unknown.get_or_insert_with(unknown);
        self.skip(SkipReason::UnknownContent, offset);
    }

    /// Notes that the input says itself that something went wrong while it was made.
    pub(crate) fn says_errors(&mut self, errors: String, offset: u64) {
        self.fail(IngestError::SaysErrors { path: self.path.to_owned(), offset, errors });
    }

    /// Counts a span of a format that is known and not read, and says so once.
    pub(crate) fn unsupported(&mut self, what: &str, advice: &str, offset: u64) {
        self.skip(SkipReason::UnsupportedFormat, offset);
        let error =
            IngestError::Unsupported { path: self.path.to_owned(), what: what.to_owned(), advice: advice.to_owned() };
        self.fail(error);
    }

    /// Notes a failure.
    pub(crate) fn fail(&mut self, error: IngestError) {
        if !self.is_salvaging {
            self.tally.fail(error);
        }
    }
}

/// What passes through is counted.
impl SpanSink for CountingSink<'_> {
    fn span(&mut self, origin: &Origin<'_>, span: &SpanRecord<'_>, offset: u64) {
        match unusable(span.trace_id, span.span_id, span.start_unix_nano) {
            Some(_) if self.is_salvaging => {}
            Some(reason) => self.tally.skipped.add(reason, offset),
            None => self.tally.spans += 1,
        }
        self.sink.span(origin, span, offset);
    }

    fn encoded(&mut self, span: &EncodedSpan<'_>, offset: u64) -> bool {
        let is_taken = self.sink.encoded(span, offset);
        self.tally.spans += u64::from(is_taken);
        is_taken
    }

    fn decoded(&mut self, encoded: &EncodedSpan<'_>, origin: &Origin<'_>, span: &SpanRecord<'_>, offset: u64) {
        self.tally.spans += 1;
        self.sink.decoded(encoded, origin, span, offset);
    }

    fn skip(&mut self, reason: SkipReason, offset: u64) {
        if self.is_salvaging {
            return;
        }
        self.tally.skipped.add(reason, offset);
        self.sink.skip(reason, offset);
    }

    fn wants_everything(&self) -> bool {
        self.sink.wants_everything()
    }

    fn own_attributes(&self) -> OwnAttributes {
        self.sink.own_attributes()
    }

    fn sampled_level(&self) -> Option<u32> {
        self.sink.sampled_level()
    }
}
