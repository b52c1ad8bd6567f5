//! What one input, or a part of it, came to: spans, what was left out, and why.

use std::path::Path;

use crate::span::{FIRST_OFFSETS, SkipReason, Skipped};

use super::error::{IngestError, IngestWarning};

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
    /// The first JSON object that holds nothing known.
    pub(crate) unknown: Option<Unknown>,
    /// The format of the first message, where only messages tell it.
    pub(crate) format: Option<&'static str>,
    /// What durations stand under whose unit nothing tells, and the unit that they were taken for.
    pub(crate) assumed_unit: Option<(String, &'static str)>,
}

/// A JSON object that holds nothing known.
#[derive(Debug)]
pub(crate) struct Unknown {
    /// Its keys, the first ones.
    pub(crate) keys: String,
    /// Whether it is the line of a log.
    pub(crate) is_log: bool,
    /// What it says of errors; empty if it says nothing.
    pub(crate) errors: String,
    /// Where it stands.
    pub(crate) offset: u64,
}

impl Unknown {
    /// What it has and says, to be put behind what it is.
    pub(crate) fn in_words(&self) -> String {
        let says = if self.errors.is_empty() { String::new() } else { format!(", which says: {}", self.errors) };
        let what = if self.is_log { "lines of a log, with the keys" } else { "its keys" };
        format!(" ({what}: {}){says}", self.keys)
    }
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
        self.unknown = self.unknown.take().or(later.unknown);
        self.format = self.format.or(later.format);
        self.assumed_unit = self.assumed_unit.take().or(later.assumed_unit);
    }

    /// What the user should know although nothing failed.
    pub(crate) fn warnings(&self, path: &Path) -> Vec<IngestWarning> {
        let mut warnings = Vec::new();
        if self.spans == 0 && self.skipped.counts.contains_key(&SkipReason::OtherSignal) {
            warnings.push(IngestWarning::OtherSignalOnly { path: path.to_owned() });
        }
        if let Some((column, unit)) = &self.assumed_unit {
            warnings.push(IngestWarning::AssumedUnit { path: path.to_owned(), column: column.clone(), unit });
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
