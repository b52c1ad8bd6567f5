//! What detectors are made of: the trait, the catalog, descriptions, thresholds, and the rules that make their tables.

#![cfg_attr(
    not(test),
    expect(
        dead_code,
        unused_imports,
        reason = "the kit has room for more kinds of detectors than there are; its tests have one of each"
    )
)]

mod catalog;
mod description;
mod detector;
mod rules;
mod thresholds;

pub use catalog::CatalogEntry;
pub(crate) use catalog::{Conclusions, catalog};
pub use description::{Cell, Column, Currency, Description, RankedBy, Unit};
pub(crate) use detector::{Concluded, Detector, NoDetails, NoRow, Seen, Whole};
pub(crate) use rules::{
    NamedValues, Pattern, PatternColumn, RowColumn, RowRule, Rule, TableRules, WEIGHTED_TRACES_DOC,
};
pub(crate) use thresholds::{Bytes, Count, Duration, Share, ThresholdType, Thresholds, thresholds};
pub use thresholds::{NotSet, Threshold, ThresholdKind};
