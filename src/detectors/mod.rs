//! The detectors: one file each, which states the rule, its reasons, its thresholds and the columns of its table.
//!
//! A detector sees one trace at a time ([`TraceView`]), pushes findings, and knows no other detector. What several of them
//! need is a fact in a file of its name ([`RetrySequences`]). `explain`, `--help`, the configuration keys and the
//! tables are made from [`Description`]s.

mod call_windows;
mod description;
mod failure_amplification;
mod failure_chains;
mod latency_attribution;
mod n_plus_one;
mod retry_sequences;
mod retry_storm;
mod sync_chain;
mod time_buckets;

pub use call_windows::{CallWindows, Peak};
pub use description::{Aggregate, Cell, Column, Description, Names, Pattern, RankedBy, Shared, Threshold, Unit};
pub use failure_amplification::FailureAmplification;
pub use latency_attribution::{Attribution, AttributionRow, ENTRY_KINDS, Entry, LATENCY_ATTRIBUTION};
pub use n_plus_one::NPlusOne;
pub use retry_sequences::{RetrySequences, Sequence};
pub use retry_storm::RetryStorm;
pub use sync_chain::SyncChain;

use serde::{Deserialize, Serialize};

use crate::findings::Findings;
use crate::trace::TraceView;

/// Finds one anti-pattern in one trace.
pub trait Detector: Send + Sync {
    /// What it is, its thresholds and its table.
    fn description(&self) -> &'static Description;

    /// The threshold's value by name, as set.
    fn threshold(&self, name: &str) -> Option<u64>;

    /// The value that findings are measured against.
    fn measured_against(&self) -> f64;

    /// Pushes the findings of one trace. `retries` are the retry sequences of the trace.
    fn detect(&self, trace: &TraceView<'_>, retries: &RetrySequences, findings: &mut Findings);
}

macro_rules! detectors {
    ($($(#[$doc:meta])* $field:ident: $detector:ident, $key:literal;)+) => {
        /// The detectors that report findings, with their thresholds: the part of the configuration that has one table for
        /// each detector.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Detectors {
            $($(#[$doc])* #[serde(rename = $key)] pub $field: $detector,)+
        }

        impl Detectors {
            /// All of them, in the order of the tables.
            pub fn all(&self) -> [&dyn Detector; [$($key),+].len()] {
                [$(&self.$field),+]
            }

            /// Sets a threshold; false if there is no such detector or threshold.
            pub fn set(&mut self, detector: &str, threshold: &str, value: u64) -> bool {
                match detector {
                    $($key => self.$field.set(threshold, value),)+
                    _ => false,
                }
            }
        }
    };
}

detectors! {
    /// More calls to one target in a trace than one request should need.
    n_plus_one: NPlusOne, "n-plus-one";
    /// More synchronous hops in a row than one request should wait for.
    sync_chain: SyncChain, "sync-chain";
    /// More attempts of one request than one failure deserves.
    retry_storm: RetryStorm, "retry-storm";
    /// One failure that makes several services fail.
    failure_amplification: FailureAmplification, "failure-amplification";
}

/// Names of everything that `--detector` and `--skip` choose from.
pub fn catalog() -> Vec<&'static Description> {
    let mut catalog: Vec<&'static Description> =
        Detectors::default().all().into_iter().map(Detector::description).collect();
    catalog.push(&LATENCY_ATTRIBUTION);
    catalog
}

/// Declares the thresholds of a detector: a struct of typed fields with their defaults, and the list that help, `explain`
/// and configuration are made from.
macro_rules! thresholds {
    ($(#[$struct_doc:meta])* $detector:ident { $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:literal,)+ }) => {
        $(#[$struct_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $detector {
            $($(#[doc = $doc])+ pub $field: $type,)+
        }

        impl Default for $detector {
            fn default() -> Self {
                Self { $($field: $default),+ }
            }
        }

        impl $detector {
            const THRESHOLDS: &'static [$crate::detectors::Threshold] = &[$($crate::detectors::Threshold {
                name: stringify!($field),
                doc: concat!($($doc),+),
                default: $default,
            }),+];

            fn threshold_value(&self, name: &str) -> Option<u64> {
                match name {
                    $(stringify!($field) => Some(u64::from(self.$field)),)+
                    _ => None,
                }
            }

            /// Sets a threshold by name; false if there is none of that name or the value does not fit.
            pub fn set(&mut self, name: &str, value: u64) -> bool {
                match name {
                    $(stringify!($field) => <$type>::try_from(value).map(|value| self.$field = value).is_ok(),)+
                    _ => false,
                }
            }
        }
    };
}
pub(crate) use thresholds;

#[cfg(test)]
mod tests {
    use super::*;

    /// Every detector can be named, explained and configured, and no table has two columns of one name.
    #[test]
    fn the_catalog_is_complete() {
        let mut names: Vec<&str> = catalog().iter().map(|description| description.name).collect();
        assert_eq!(names, ["n-plus-one", "sync-chain", "retry-storm", "failure-amplification", "latency-attribution"]);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), catalog().len());
        for description in catalog() {
            assert!(description.documentation.contains("## What it does"), "{}", description.name);
            assert!(description.documentation.contains("## When it is wrong"), "{}", description.name);
            assert_eq!(description.table, description.name.replace('-', "_"));
            let mut columns: Vec<&str> = description.columns.iter().map(|column| column.name).collect();
            columns.sort_unstable();
            columns.dedup();
            assert_eq!(columns.len(), description.columns.len(), "{}", description.name);
        }
        for detector in Detectors::default().all() {
            for threshold in detector.description().thresholds {
                assert_eq!(detector.threshold(threshold.name), Some(threshold.default));
            }
        }
    }
}
