//! What detectors are made of: the trait, the catalog, descriptions, thresholds, and the rules that make their tables.

mod by_signature;
mod catalog;
mod description;
mod detector;
mod findings_beside;
mod rules;
mod seen_at_the_end;
mod sightings;
#[cfg(test)]
mod tests;
mod thresholds;
mod times;

pub(crate) use by_signature::{CountsBySignature, LastBySignature};
pub use catalog::CatalogEntry;
pub(crate) use catalog::{Conclusions, catalog};
pub(crate) use description::joined;
pub use description::{Cell, Column, Currency, Description, ProblemText, RankedBy, TableRow, Unit};
pub(crate) use detector::{
    BesideTable, CallRound, Concluded, Detector, MessageRound, NoDetails, NoRow, Seen, WhileRead, Whole,
};
pub(crate) use findings_beside::FindingsBeside;
pub(crate) use rules::{
    EXPLAINED_BY, Heading, Level, NamedValues, Pattern, PatternColumn, RowColumn, RowRule, Rule, TableRules,
    WEIGHTED_TRACES_DOC,
};
pub(crate) use seen_at_the_end::SeenAtTheEnd;
pub(crate) use sightings::{SeenInTraces, Sightings, read_seen, write_seen};
pub(crate) use thresholds::{
    Bytes, Count, Duration, Names, Share, ThresholdType, Thresholds, Words, duration_text, list_text, size_text,
    thresholds,
};
pub use thresholds::{NotSet, Threshold, ThresholdKind};
pub(crate) use times::{Times, TimesColumns, TimesRow};
