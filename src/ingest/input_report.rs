//! What was read of one input, and what is said of it.

use std::path::{Path, PathBuf};

use crate::span::{SkipReason, Skipped};

use super::error::{IngestError, IngestWarning};
use super::input_format::InputFormat;
use super::recognise::Content;
use super::tally::{Tally, Unknown, merge_skipped};
use crate::ingest::otlp::names;
use crate::ingest::parquet::outcome::ParquetRead;
use crate::ingest::source::input::NotRead;

/// What was read of one input.
#[derive(Debug)]
pub struct InputReport {
    /// The path as it was given, or of the file that was found in a directory; `-` for standard input.
    pub path: PathBuf,
    /// The format, as `run.json` names it.
    pub format: &'static str,
    /// Bytes read, before decompression.
    pub bytes: u64,
    /// Spans that can be analysed.
    pub spans: u64,
    /// What was left out.
    pub skipped: Skipped,
    /// What failed.
    pub errors: Vec<IngestError>,
    /// What the user should know although nothing failed.
    pub warnings: Vec<IngestWarning>,
    /// For tables: which columns were taken for what, one on a line; empty for other formats.
    pub mapping: String,
}

/// What `run.json` names the format of an input of which it is not known.
const UNKNOWN_FORMAT: &str = "unknown";

impl InputReport {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            format: UNKNOWN_FORMAT,
            bytes: 0,
            spans: 0,
            skipped: Skipped::default(),
            errors: Vec::new(),
            warnings: Vec::new(),
            mapping: String::new(),
        }
    }

    /// What was read of two files of one archive.
    pub(super) fn with(mut self, next: Self) -> Self {
        if self.spans == 0 {
            self.format = next.format;
        }
        self.bytes += next.bytes;
        self.spans += next.spans;
        merge_skipped(&mut self.skipped, &next.skipped);
        self.errors.extend(next.errors);
        self.warnings.extend(next.warnings);
        self
    }

    /// Whether nothing is known of it because it is not there, or cannot be opened.
    pub fn is_absent(&self) -> bool {
        let is_absence = |error: &IngestError| {
            matches!(
                error,
                IngestError::Open { .. }
                    | IngestError::NoMatch { .. }
                    | IngestError::ObjectStore { .. }
                    | IngestError::NoObjectStores { .. }
            )
        };
        self.bytes == 0 && self.spans == 0 && !self.errors.is_empty() && self.errors.iter().all(is_absence)
    }

    /// Whether nothing is said of it.
    pub(super) fn is_silent(&self) -> bool {
        self.errors.is_empty() && self.warnings.is_empty() && self.skipped.total() == 0
    }

    /// Says it if there are spans and none of them can be used. `place` is what offsets count.
    pub(super) fn say_if_all_left_out(&mut self, place: &'static str) {
        let counts = || self.skipped.counts.iter().filter(|(reason, _)| reason.is_of_span());
        if self.spans > 0 || counts().next().is_none() {
            return;
        }
        let reasons: Vec<String> =
            counts().map(|(reason, count)| format!("{count} with {}", reason.as_str().replace('_', " "))).collect();
        self.errors.push(IngestError::AllLeftOut {
            path: self.path.clone(),
            reasons: reasons.join(", "),
            place,
            offset: self.skipped.first_offsets.first().copied().unwrap_or(0),
        });
    }

    /// Makes one error of all, if nothing could be read of an input whose bytes are not of the `format` that it is said to be.
    pub(super) fn blame_format(&mut self, format: InputFormat, recognised: Content) {
        if self.spans > 0 || self.errors.is_empty() {
            return;
        }
        let reason = match self.errors.swap_remove(0) {
            IngestError::Malformed { what, offset, reason, .. } => format!("{what} at byte {offset}: {reason}"),
            IngestError::Truncated { what, .. } => format!("it ends in the middle of {what}"),
            IngestError::TooLarge { .. } => "what would be a length is too large".to_owned(),
            IngestError::Parquet { source, .. } => source.to_string(),
            error => error.to_string(),
        };
        let advice = match recognised {
            Content::Unknown => "its bytes look like nothing known, check what wrote the file".to_owned(),
            recognised => format!("its bytes look like {}, leave --input-format out", recognised.name()),
        };
        self.errors = vec![IngestError::NotInFormat { path: self.path.clone(), format: format.name(), reason, advice }];
    }

    /// Takes in why a file could not be read.
    pub(super) fn take_failure(&mut self, error: IngestError, found: bool) {
        if matches!(error, IngestError::NoSpanColumns { .. } | IngestError::Unsupported { .. }) {
            self.not_traces(error, found);
        } else {
            self.errors.push(error);
        }
    }

    /// What turned out to be no traces is an error if it was asked for, and only left out if it was found in a directory.
    pub(super) fn not_traces(&mut self, error: IngestError, found: bool) {
        self.skipped.add(SkipReason::UnknownContent, 0);
        if found {
            let reason = error.to_string().replacen(&format!("{} is ", self.path.display()), "it is ", 1);
            self.warnings.push(IngestWarning::LeftOut { path: self.path.clone(), reason });
        } else {
            self.errors.push(error);
        }
    }

    /// That of an input that was not read.
    pub(super) fn of_not_read(not_read: NotRead) -> Self {
        match not_read {
            NotRead::LeftOut { path, reason } => {
                let mut report = Self::new(&path);
                report.skipped.add(SkipReason::UnknownContent, 0);
                report.warnings.push(IngestWarning::LeftOut { path, reason: reason.to_owned() });
                report
            }
            NotRead::Failed(error) => {
                let path = match &error {
                    IngestError::Open { path, .. }
                    | IngestError::NoMatch { path, .. }
                    | IngestError::ObjectStore { path, .. }
                    | IngestError::NoObjectStores { path }
                    | IngestError::Read { path, .. }
                    | IngestError::ReadWhole { path, .. }
                    | IngestError::AlmostAllEmpty { path, .. }
                    | IngestError::Copy { path, .. }
                    | IngestError::Unsupported { path, .. } => path.clone(),
                    _ => PathBuf::new(),
                };
                let mut report = Self::new(&path);
                match error {
                    IngestError::Read { offset, .. } => report.skipped.add(SkipReason::Truncated, offset),
                    IngestError::Unsupported { .. } => report.skipped.add(SkipReason::UnsupportedFormat, 0),
                    _ => {}
                }
                report.errors.push(error);
                report
            }
        }
    }

    /// Takes in what is known of a Parquet file that was read.
    pub(super) fn take_parquet(&mut self, read: ParquetRead) {
        self.format = read.format;
        self.mapping = read.mapping;
        self.errors.extend(read.errors);
        self.warnings.extend(read.warnings);
        if read.opaque_ids > 0 {
            self.warnings.push(IngestWarning::OpaqueIds { path: self.path.clone(), count: read.opaque_ids });
        }
    }

    /// Takes in what is known of messages that were read.
    pub(super) fn take_messages(&mut self, content: Content, tally: Tally) {
        let is_known =
            |reason: &SkipReason| !matches!(reason, SkipReason::UnknownContent | SkipReason::UnsupportedFormat);
        let holds_nothing_known = tally.spans == 0
            && tally.format.is_none()
            && tally.skipped.total() > 0
            && !tally.skipped.counts.keys().any(is_known);
        self.format = match content {
            _ if holds_nothing_known => UNKNOWN_FORMAT,
            Content::Json | Content::Empty => tally.format.unwrap_or(names::OTLP_JSON),
            _ => tally.format.unwrap_or(names::OTLP_PROTO),
        };
        self.warnings.extend(tally.warnings(&self.path));
        self.spans = tally.spans;
        self.skipped = tally.skipped;
        self.errors.extend(tally.errors);
        let nothing_known = self.spans == 0 && self.format == UNKNOWN_FORMAT;
        let Some(&count) = self.skipped.counts.get(&SkipReason::UnknownContent) else { return };
        let what = tally.unknown.as_ref().map_or_else(String::new, Unknown::in_words);
        let path = self.path.clone();
        if nothing_known && self.skipped.counts.len() == 1 && self.errors.is_empty() {
            self.errors.push(IngestError::Unsupported {
                path,
                what: format!("JSON or protobuf without spans{what}"),
                advice: "give OTLP (whose JSON has the key resourceSpans), Jaeger or Zipkin".to_owned(),
            });
        } else {
            let first =
                tally.unknown.map(|unknown| unknown.offset).or_else(|| self.skipped.first_offsets.first().copied());
            self.errors.push(IngestError::UnknownContent { path, offset: first.unwrap_or(0), count, what });
        }
    }
}
