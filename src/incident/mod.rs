//! What made the requests of some minutes slower, or fail, compared with others of the same dump.
//!
//! ```text
//! requests of all traces ──buckets──▶ off runs ──window──▶ which traces are compared with which
//!                              └─────────comparison──▶ sums of both sides ──blame, failures, structure──▶ suspects
//!                                                       own times of these ──onset, confidence──▶ ranked, with evidence
//! ```
//!
//! Nothing depends on the order of traces: sums are of integers, and what is not is summed up in the order of names.

mod buckets;
mod comparison;
mod conclusion;
mod description;
mod evidence;
mod own_times;
mod ranking;
mod statistics;
mod structure;
mod summary;
mod tables;
#[cfg(test)]
mod tests;
mod window;

pub(crate) use conclusion::{Incident, conclude};
pub(crate) use description::{SUSPECT_ROWS, SUSPECTS, columns};
pub(crate) use window::{AskedIncident, AskedWindow, IncidentError, Moment, TimeRange, WindowChoice};
