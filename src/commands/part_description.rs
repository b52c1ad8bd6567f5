//! What a file of partial results says of itself.

use serde::{Deserialize, Serialize};

use crate::config::{AnalysedWith, Settings};
use crate::ingest::InputReport;
use crate::report::{BeyondCapSummary, InputSummary};

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
    /// Values that were too many to be told apart.
    pub(super) beyond_cap: Vec<BeyondCapSummary>,
    /// Whether it says of each trace what a comparison of requests needs.
    #[serde(default)]
    pub(super) keeps_requests: bool,
    /// Whether names and values are as they were recorded, though they give secrets away.
    #[serde(default)]
    pub(super) shows_values: bool,
}

impl PartDescription {
    /// That of a part.
    pub(super) fn new(settings: &Settings, inputs: &[InputReport], counts: ReadCounts) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            analysed_with: settings.analysed_with(),
            inputs: input_summaries(inputs),
            counts,
            beyond_cap: Vec::new(),
            keeps_requests: settings.incident.is_some(),
            shows_values: settings.show_values,
        }
    }

    /// The description as it stands in the file.
    pub(super) fn as_json(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("texts and numbers are JSON")
    }
}
