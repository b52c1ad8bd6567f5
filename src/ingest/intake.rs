//! What a decoder reports to while it reads one input: spans, what was left out, and why.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::conventions::OwnAttributes;
use crate::frame::{EncodedSpan, SpanSink};
use crate::span::{FIRST_OFFSETS, Origin, SkipReason, Skipped, SpanRecord, unusable};

use super::error::{IngestError, IngestWarning};
use super::zipkin;
use crate::ingest::Progress;

/// How many faults of one input are told one by one.
const MAX_ERRORS: usize = 10;

/// What one input, or a part of it, came to.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Spans that can be analysed.
    pub(crate) spans: u64,
    /// What was left out.
    pub(crate) skipped: Skipped,
    /// What failed.
    pub(crate) errors: Vec<IngestError>,
    /// Ids that were replaced by a hash.
    pub(crate) opaque_ids: u64,
    /// The keys of the first JSON object that holds nothing known.
    pub(crate) unknown_keys: Option<String>,
    /// The format of the first message, where only messages tell it.
    pub(crate) format: Option<&'static str>,
    /// Zipkin's records, which wait for the end of the input.
    pub(crate) zipkin: zipkin::Held,
}

impl Tally {
    /// Notes a failure. After the first ones, faults of the same kind are only counted.
    pub(crate) fn fail(&mut self, error: IngestError) {
        let (path, offset, count) = match &error {
            IngestError::Malformed { path, offset, .. } => (path, *offset, 1),
            IngestError::MoreMalformed { path, offset, count } => (path, *offset, *count),
            IngestError::Unsupported { what, .. } => {
                let is_same = |known: &IngestError| matches!(known, IngestError::Unsupported { what: known, .. } if known == what);
                if !self.errors.iter().any(is_same) {
                    self.errors.push(error);
                }
                return;
            }
            _ => return self.errors.push(error),
        };
        let is_full = self.errors.len() >= MAX_ERRORS;
        let more = self.errors.iter_mut().find_map(|error| match error {
            IngestError::MoreMalformed { count, .. } => Some(count),
            _ => None,
        });
        match more {
            Some(more) => *more += count,
            None if !is_full => self.errors.push(error),
            None => self.errors.push(IngestError::MoreMalformed { path: path.clone(), offset, count }),
        }
    }

    /// Adds what a later part of the same input came to.
    pub(crate) fn add(&mut self, later: Self) {
        self.spans += later.spans;
        self.opaque_ids += later.opaque_ids;
        merge_skipped(&mut self.skipped, &later.skipped);
        later.errors.into_iter().for_each(|error| self.fail(error));
        self.unknown_keys = self.unknown_keys.take().or(later.unknown_keys);
        self.format = self.format.or(later.format);
        self.zipkin.add(later.zipkin);
    }

    /// What the user should know although nothing failed.
    pub(crate) fn warnings(&self, path: &Path) -> Vec<IngestWarning> {
        let mut warnings = Vec::new();
        if self.spans == 0 && self.skipped.counts.contains_key(&SkipReason::OtherSignal) {
            warnings.push(IngestWarning::OtherSignalOnly { path: path.to_owned() });
        }
        if self.opaque_ids > 0 {
            warnings.push(IngestWarning::OpaqueIds { path: path.to_owned(), count: self.opaque_ids });
        }
        warnings
    }
}

/// Adds what was left out of another part of the same input.
pub(crate) fn merge_skipped(all: &mut Skipped, part: &Skipped) {
    for (&reason, &count) in &part.counts {
        *all.counts.entry(reason).or_default() += count;
    }
    all.first_offsets.extend(&part.first_offsets);
    all.first_offsets.sort_unstable();
    all.first_offsets.truncate(FIRST_OFFSETS);
}

/// Tells how far an input has been read, from any thread.
pub(crate) struct Meter<'a> {
    progress: &'a dyn Progress,
    raw_bytes: Arc<AtomicU64>,
    told_bytes: AtomicU64,
}

impl<'a> Meter<'a> {
    /// `raw_bytes` counts what is read of the input before decompression.
    pub(crate) fn new(progress: &'a dyn Progress, raw_bytes: &Arc<AtomicU64>) -> Self {
        Self { progress, raw_bytes: Arc::clone(raw_bytes), told_bytes: AtomicU64::new(0) }
    }

    fn advance(&self, spans: u64) {
        let bytes = self.raw_bytes.load(Ordering::Relaxed);
        let told = self.told_bytes.fetch_max(bytes, Ordering::Relaxed);
        self.progress.advance(bytes.saturating_sub(told), spans);
    }
}

/// See the module.
pub(crate) struct Intake<'a> {
    path: &'a Path,
    sink: &'a mut dyn SpanSink,
    meter: &'a Meter<'a>,
    told_spans: u64,
    /// What the input came to so far.
    pub(crate) tally: Tally,
}

impl<'a> Intake<'a> {
    pub(crate) fn new(path: &'a Path, sink: &'a mut dyn SpanSink, meter: &'a Meter<'a>) -> Self {
        Self { path, sink, meter, told_spans: 0, tally: Tally::default() }
    }

    /// Goes on where `tally` stopped.
    pub(crate) fn resume(path: &'a Path, sink: &'a mut dyn SpanSink, meter: &'a Meter<'a>, tally: Tally) -> Self {
        Self { path, sink, meter, told_spans: tally.spans, tally }
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

    /// Counts a part that is of no known kind. `keys` says what it has.
    pub(crate) fn unknown(&mut self, keys: &str, offset: u64) {
        self.tally.unknown_keys.get_or_insert_with(|| keys.to_owned());
        self.skip(SkipReason::UnknownContent, offset);
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
        self.tally.fail(error);
    }
}

/// What passes through is counted.
impl SpanSink for Intake<'_> {
    fn span(&mut self, origin: &Origin<'_>, span: &SpanRecord<'_>, offset: u64) {
        match unusable(span.trace_id, span.span_id, span.start_unix_nano) {
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
        self.tally.skipped.add(reason, offset);
        self.sink.skip(reason, offset);
    }

    fn wants_everything(&self) -> bool {
        self.sink.wants_everything()
    }

    fn own_attributes(&self) -> OwnAttributes {
        self.sink.own_attributes()
    }
}
