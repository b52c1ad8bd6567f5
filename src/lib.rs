//! `tracescan` reads a dump of distributed traces, rebuilds every trace, finds the anti-patterns that make distributed
//! systems slow and fragile, and ranks them by what they cost.
//!
//! ```text
//! files ──ingest──▶ span columns ──group──▶ traces ──detect──▶ findings, attributions ──rank──▶ tables ──report──▶ terminal, files
//!         sniff,     Arrow typed     by trace,   one pass per trace,      Polars:                    one writer
//!         decode,    columns,        parents     pure detectors,          aggregate by pattern,      per format
//!         normalise  strings as      resolved    in parallel              order, cut
//!                    symbols         once
//! ```
//!
//! The modules are named by the steps: [`ingest`], [`frame`], [`trace`], [`detectors`], `findings`, [`rank`],
//! [`report`]. [`analysis`] is the pass over all traces; `incident` compares the requests of a window with others;
//! [`commands`] has one file for each subcommand.

#![forbid(unsafe_code)]

pub mod analysis;
pub mod cli;
pub mod commands;
mod compare;
mod config;
pub mod conventions;
pub mod detectors;
mod explain;
mod findings;
pub mod frame;
mod gates;
mod gathered;
pub mod generate;
mod incident;
pub mod ingest;
mod partial;
mod query;
pub mod rank;
pub mod report;
mod savings;
mod sensitive;
pub mod span;
pub mod trace;
