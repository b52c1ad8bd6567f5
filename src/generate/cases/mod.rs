//! Traces with a planted anti-pattern or with something that only looks like one, each with its labels.
//!
//! A case is thought through for every detector: whatever else its trace must show is labelled too. Services that no
//! case is about ([`visit`]) give it some ordinary surroundings.

mod failure_amplification;
mod n_plus_one;
mod retry_storm;
mod sync_chain;

use super::shop::{CONVERT, GET_IMAGE, GET_POINTS, Operation, PICK_AD};
use super::trace_builder::{Handler, Sent, TraceBuilder};

/// A kind of trace.
pub(super) struct Case {
    /// Name in the labels file.
    pub(super) name: &'static str,
    /// Plays one trace that begins at the given time.
    pub(super) play: fn(&mut TraceBuilder, u64),
}

/// All cases, by detector.
pub(super) fn all() -> impl Iterator<Item = &'static Case> + Clone {
    n_plus_one::CASES.iter().chain(sync_chain::CASES).chain(retry_storm::CASES).chain(failure_amplification::CASES)
}

/// Plays a request for `entry` with some harmless calls around what `serve` does; `serve` says the code of the answer.
pub(super) fn visit(
    builder: &mut TraceBuilder,
    entry: &'static Operation,
    start: u64,
    serve: impl FnOnce(&mut TraceBuilder, &mut Handler) -> u16,
) {
    const SURROUNDINGS: [&Operation; 4] = [&CONVERT, &GET_IMAGE, &GET_POINTS, &PICK_AD];
    let mut handler = builder.arrive(entry, start);
    let present = builder.random.bits();
    for (index, surrounding) in SURROUNDINGS[..2].iter().enumerate() {
        if present >> index & 1 == 1 {
            builder.call_leaf(&mut handler, surrounding, Sent::default(), 200);
        }
    }
    let code = serve(builder, &mut handler);
    for (index, surrounding) in SURROUNDINGS.iter().enumerate().skip(2) {
        if code == 200 && present >> index & 1 == 1 {
            builder.call_leaf(&mut handler, surrounding, Sent::default(), 200);
        }
    }
    builder.work(&mut handler, "render");
    builder.depart(handler, entry, code);
}
