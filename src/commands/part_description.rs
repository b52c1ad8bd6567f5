//! What a file of partial results says of itself.

use serde::{Deserialize, Serialize};

use crate::config::{AnalysedWith, Settings};
use crate::ingest::InputReport;
use crate::report::InputSummary;

use super::results::{ReadCounts, input_summaries};

/// What a file of partial results says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PartDescription {
    /// The program's version.
    pub(super) version: String,
    /// What decides results.
    pub(super) analysed_with: AnalysedWith,
    /// What was read.
    pub(super) inputs: Vec<InputSummary>,
    /// What was counted while it was read.
    pub(super) counts: ReadCounts,
}

impl PartDescription {
    /// That of a part.
    pub(super) fn new(settings: &Settings, inputs: &[InputReport], counts: ReadCounts) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            analysed_with: settings.analysed_with(),
            inputs: input_summaries(inputs),
            counts,
        }
    }
}
