//! Services that clients reach each by a name of its own, and others behind one name.

use super::{Smell, request, toil};
use crate::generate::labels::Detector;
use crate::generate::shop::*;
use crate::generate::trace_builder::TraceBuilder;

const DETECTOR: Detector = Detector::NoGateway;

use crate::generate::conventions::put_text;

pub(super) static SMELLS: &[Smell] = &[
    Smell { name: "own-host", play: tickets },
    Smell { name: "own-host", play: waitlist },
    Smell { name: "own-host", play: badges },
    Smell { name: "one-host", play: wardrobe },
    Smell { name: "one-host", play: ushers },
    Smell { name: "one-host", play: programs },
];

static GET_TICKETS: Operation = http!(Tickets "GET" "/tickets" []);
static GET_WAITLIST: Operation = http!(Waitlist "GET" "/waitlist" []);
static GET_BADGES: Operation = http!(Badges "GET" "/badges" []);
static GET_WARDROBE: Operation = http!(Wardrobe "GET" "/wardrobe" []);
static GET_USHERS: Operation = http!(Ushers "GET" "/ushers" []);
static GET_PROGRAMS: Operation = http!(Programs "GET" "/programs" []);

/// Serves a request that was made for `host`.
fn serve(builder: &mut TraceBuilder, start: u64, entry: &'static Operation, host: &'static str) {
    request(builder, entry, start, |builder, handler| {
        put_text(builder.attributes(handler.span), "server.address", host);
        toil(&mut builder.random, handler, 10);
        200
    });
}

fn by_own_host(builder: &mut TraceBuilder, start: u64, entry: &'static Operation, host: &'static str) {
    serve(builder, start, entry, host);
    builder.planted(DETECTOR, entry.service, None);
}

/// Something that is in no trace knows who serves what.
fn by_one_host(builder: &mut TraceBuilder, start: u64, entry: &'static Operation) {
    serve(builder, start, entry, "front.believable-shop.com");
    builder.look_alike(DETECTOR, entry.service, None);
}

fn tickets(builder: &mut TraceBuilder, start: u64, _number: u64) {
    by_own_host(builder, start, &GET_TICKETS, "tickets.believable-shop.com");
}

fn waitlist(builder: &mut TraceBuilder, start: u64, _number: u64) {
    by_own_host(builder, start, &GET_WAITLIST, "waitlist.believable-shop.com");
}

fn badges(builder: &mut TraceBuilder, start: u64, _number: u64) {
    by_own_host(builder, start, &GET_BADGES, "badges.believable-shop.com");
}

fn wardrobe(builder: &mut TraceBuilder, start: u64, _number: u64) {
    by_one_host(builder, start, &GET_WARDROBE);
}

fn ushers(builder: &mut TraceBuilder, start: u64, _number: u64) {
    by_one_host(builder, start, &GET_USHERS);
}

fn programs(builder: &mut TraceBuilder, start: u64, _number: u64) {
    by_one_host(builder, start, &GET_PROGRAMS);
}
