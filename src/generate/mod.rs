//! Synthetic traces of a believable shop, with known anti-patterns and with what only looks like one.
//!
//! Ordinary traffic is free of anti-patterns by construction; a stated share of traces shows a planted case or a
//! look-alike, each labelled with what the detectors must find in it. So the labels are the truth that an analysis can
//! be measured against. The same options give the same spans in every format, and the same bytes on every machine.

mod cases;
mod collector;
mod conventions;
mod dump;
mod faults;
mod healthy;
mod labels;
mod origins;
mod output;
mod random;
mod services;
mod shop;
mod smells;
mod trace_builder;

pub use dump::{GenerateError, GenerateOptions, Summary, generate};
pub use output::{Compression, OutputFormat};
