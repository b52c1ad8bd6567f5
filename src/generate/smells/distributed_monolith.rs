//! Services that call each other in a circle and are deployed together, and others that are only deployed at one time.

use super::{Smell, request, toil};
use crate::generate::labels::Detector;
use crate::generate::shop::*;
use crate::generate::trace_builder::TraceBuilder;

const DETECTOR: Detector = Detector::DistributedMonolith;

pub(super) static SMELLS: &[Smell] = &[
    Smell { name: "circle-of-one-deployment", play: circle_of_one_deployment },
    Smell { name: "deployed-by-chance", play: deployed_by_chance },
];

/// So many traces are before a deployment.
const BEFORE: u64 = 12;

static BUILD_WALL: [Operation; 2] = [http!(MasonBefore "POST" "/walls" []), http!(MasonAfter "POST" "/walls" [])];
static MIX_MORTAR: [Operation; 2] = [http!(MasonBefore "POST" "/mortar" []), http!(MasonAfter "POST" "/mortar" [])];
static PLASTER: [Operation; 2] =
    [http!(PlastererBefore "POST" "/plaster" []), http!(PlastererAfter "POST" "/plaster" [])];
static PAINT: [Operation; 2] = [http!(PainterBefore "POST" "/paint" []), http!(PainterAfter "POST" "/paint" [])];
static CROSSINGS: [[Operation; 2]; 3] = [
    [http!(FerryBefore "GET" "/ferries" []), http!(FerryAfter "GET" "/ferries" [])],
    [http!(TramBefore "GET" "/trams" []), http!(TramAfter "GET" "/trams" [])],
    [http!(CablecarBefore "GET" "/cablecars" []), http!(CablecarAfter "GET" "/cablecars" [])],
];

/// The version that is deployed: the first one or the other.
fn version(number: u64) -> usize {
    usize::from(number >= BEFORE)
}

/// The plasterer calls the mason back, and a painter comes with both.
fn circle_of_one_deployment(builder: &mut TraceBuilder, start: u64, number: u64) {
    let version = version(number);
    request(builder, &BUILD_WALL[version], start, |builder, mason| {
        toil(&mut builder.random, mason, 6);
        builder.call(mason, &PLASTER[version], |builder, plasterer| {
            builder.call(plasterer, &MIX_MORTAR[version], |builder, mason| toil(&mut builder.random, mason, 6));
            builder.call(plasterer, &PAINT[version], |builder, painter| toil(&mut builder.random, painter, 6));
        });
        201
    });
    builder.planted(DETECTOR, Service::MasonBefore, None);
}

/// Deployed at the same time, but none of them knows of another.
fn deployed_by_chance(builder: &mut TraceBuilder, start: u64, number: u64) {
    let entry = &CROSSINGS[number as usize % CROSSINGS.len()][version(number)];
    request(builder, entry, start, |builder, handler| {
        toil(&mut builder.random, handler, 6);
        200
    });
    builder.look_alike(DETECTOR, entry.service, None);
}
