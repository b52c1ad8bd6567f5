//! What lies in how a system is cut, in its data and in its messages, and only the whole input shows; and what only looks so.
//!
//! Traces of all smells come in turn, so that each is spread over the whole time. Its services, databases, topics and hosts are
//! asked by nothing else, so that what is found there is what was planted. Who serves a call takes some milliseconds, but for what
//! is planted as too small.

mod consumer_lag;
mod dead_letter;
mod distributed_monolith;
mod dual_write;
mod duplicate_message;
mod ill_sized_service;
mod large_payload;
mod message_disorder;
mod messages;
mod no_gateway;
mod sensitive_data;
mod shared_database;
mod trace_quality;
mod uncompensated_saga;

use super::random::Random;
use super::shop::Operation;
use super::trace_builder::{Handler, MILLISECOND, TraceBuilder};

/// A kind of trace that shows a smell together with others of its kind.
pub(super) struct Smell {
    /// Name in the labels file.
    pub(super) name: &'static str,
    /// Plays the trace of this number, which begins at the given time. They are numbered from 0 in the order of time.
    pub(super) play: fn(&mut TraceBuilder, u64, u64),
}

/// All smells and what looks like them, those of one detector side by side.
pub(super) fn all() -> impl Iterator<Item = &'static Smell> + Clone {
    shared_database::SMELLS
        .iter()
        .chain(dual_write::SMELLS)
        .chain(uncompensated_saga::SMELLS)
        .chain(distributed_monolith::SMELLS)
        .chain(ill_sized_service::SMELLS)
        .chain(no_gateway::SMELLS)
        .chain(message_disorder::SMELLS)
        .chain(duplicate_message::SMELLS)
        .chain(dead_letter::SMELLS)
        .chain(consumer_lag::SMELLS)
        .chain(large_payload::SMELLS)
        .chain(sensitive_data::SMELLS)
        .chain(trace_quality::SMELLS)
}

/// Plays a request from outside for `entry`, of which `serve` says how it is answered.
fn request(
    builder: &mut TraceBuilder,
    entry: &'static Operation,
    start: u64,
    serve: impl FnOnce(&mut TraceBuilder, &mut Handler) -> u16,
) {
    let mut handler = builder.arrive(entry, start);
    let code = serve(builder, &mut handler);
    builder.depart(handler, entry, code);
}

/// Lets about so many milliseconds pass in the handler's own code.
fn toil(random: &mut Random, handler: &mut Handler, milliseconds: u64) {
    handler.now += random.between(milliseconds * MILLISECOND * 3 / 4, milliseconds * MILLISECOND * 5 / 4);
}
