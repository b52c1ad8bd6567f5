//! Results of a set of traces, which merge.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::detectors::SeenByAll;
use crate::frame::{Frame, SpillError, SpillStore};
use crate::gathered::Gathered;
use crate::partial::TraceNumber;
use crate::savings::Overlaps;
use crate::span::TraceId;
use crate::trace::CalleeNames;

use super::pass::AnalysisSettings;
use super::quality::Quality;
use super::requests::Requests;
use super::totals::Totals;

/// Results of a set of traces. Merging the results of disjoint sets gives the results of their union.
#[derive(Default)]
pub struct Results {
    /// What the detectors have seen.
    pub(crate) seen: SeenByAll,
    /// What was gathered for them.
    pub(crate) gathered: Gathered,
    /// What several patterns would change.
    pub(crate) overlaps: Overlaps,
    /// Totals.
    pub totals: Totals,
    /// Requests by entry.
    pub(crate) requests: Requests,
    /// Data quality.
    pub quality: Quality,
    pub(super) callee_names: CalleeNames,
    pub(super) waiting: Waiting,
    /// The traces and their numbers.
    pub(super) traces: Vec<(TraceId, TraceNumber)>,
    /// Why some of it is missing, if it is.
    pub failure: Option<AnalysisError>,
}

/// Why results are missing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnalysisError {
    /// Spans that were put aside cannot be brought back, or others put aside.
    #[error(transparent)]
    Spill(#[from] SpillError),
    /// The file of partial results cannot be written.
    #[error("cannot write partial results: {0}")]
    Write(std::io::Error),
    /// Traces cannot be numbered.
    #[error("the input holds more than {limit} traces: analyse parts of it with --partial, and merge those")]
    TooManyTraces {
        /// The most that can be.
        limit: u32,
    },
}

/// Traces whose operations depend on what other traces say.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) numbers: Vec<TraceNumber>,
    pub(super) traces: Frame,
    /// Numbers of those that were put aside, by partition, in the order of their ids.
    pub(super) deferred: BTreeMap<usize, Vec<TraceNumber>>,
}

impl Results {
    /// Those of no trace. What is gathered is put aside in `store` if it is too much for memory.
    pub(super) fn new(settings: &AnalysisSettings, store: Option<&Arc<SpillStore>>) -> Self {
        Self {
            seen: SeenByAll::new(|name| settings.is_enabled(name)),
            gathered: Gathered::new(settings.gathers(), store),
            ..Self::default()
        }
    }

    /// Takes in the results of other traces.
    pub(super) fn merge(&mut self, other: Self) {
        self.seen.merge(other.seen);
        self.gathered.merge(other.gathered);
        self.overlaps.merge(other.overlaps);
        self.totals.merge(other.totals);
        self.requests.merge(other.requests);
        self.quality.merge(other.quality);
        self.callee_names.merge(other.callee_names);
        self.waiting.numbers.extend(other.waiting.numbers);
        self.waiting.deferred.extend(other.waiting.deferred);
        for index in 0..other.waiting.traces.trace_count() {
            self.waiting.traces.push_trace(other.waiting.traces.trace(index));
        }
        self.traces.extend(other.traces);
        self.failure = self.failure.take().or(other.failure);
    }

    /// Whether enough spans say how many they stand for.
    pub fn is_weighted(&self) -> bool {
        let weighted = self.quality.with_adjusted_count;
        weighted > 0 && weighted as f64 >= MIN_WEIGHTED_SHARE * self.totals.spans as f64
    }
}

/// Share of spans that must say how many they stand for before any count is multiplied: what says nothing would count
/// as one beside others that count as hundreds.
pub const MIN_WEIGHTED_SHARE: f64 = 0.9;
