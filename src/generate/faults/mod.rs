//! What goes wrong for a while, and only many traces show together; and what only looks so.
//!
//! A fault is a row of traces that come one after the other: some show it, some show how it is without it. Its services and
//! hosts are asked by nothing else, so that what is found there is what was planted.

mod circuit_breaker;
mod hard_dependency;
mod saturation;
mod serial_fan_out;
mod throttling;
mod timeouts;

use super::cases::{Case, visit};
use super::shop::Operation;
use super::trace_builder::{Handler, TraceBuilder};

/// Something that goes wrong for a while.
pub(super) struct Fault {
    /// What its traces play, each as often as it is said, one after the other.
    stages: &'static [(u32, &'static Case)],
}

/// So many traces are of one fault before the next comes.
pub(super) const TRACES: u32 = 48;

impl Fault {
    /// What its trace number `number` plays.
    pub(super) fn case(&self, number: u32) -> &'static Case {
        let turn: u32 = self.stages.iter().map(|(times, _)| times).sum();
        let mut left = number % turn;
        for &(times, case) in self.stages {
            if left < times {
                return case;
            }
            left -= times;
        }
        unreachable!("a number below the sum is in one of the stages")
    }
}

/// All faults, those of one detector side by side.
pub(super) fn all() -> impl Iterator<Item = &'static Fault> + Clone {
    serial_fan_out::FAULTS
        .iter()
        .chain(hard_dependency::FAULTS)
        .chain(timeouts::FAULTS)
        .chain(circuit_breaker::FAULTS)
        .chain(throttling::FAULTS)
        .chain(saturation::FAULTS)
}

/// Plays a request for `entry`, which is served well whatever `serve` does.
fn request(
    builder: &mut TraceBuilder,
    entry: &'static Operation,
    start: u64,
    serve: impl FnOnce(&mut TraceBuilder, &mut Handler),
) {
    visit(builder, entry, start, |builder, handler| {
        serve(builder, handler);
        200
    });
}
