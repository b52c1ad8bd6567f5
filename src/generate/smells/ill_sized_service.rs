//! Services that do too much or too little, and others that only look so.

use super::{Smell, request, toil};
use crate::generate::labels::Detector;
use crate::generate::shop::*;
use crate::generate::trace_builder::{MILLISECOND, TraceBuilder};

const DETECTOR: Detector = Detector::IllSizedService;

pub(super) static SMELLS: &[Smell] = &[
    Smell { name: "does-everything", play: does_everything },
    Smell { name: "waits-for-others", play: waits_for_others },
    Smell { name: "not-worth-its-network", play: not_worth_its_network },
    Smell { name: "shared-leaf", play: shared_leaf },
];

static GET_CITIZEN: Operation = http!(Portal "GET" "/citizens/{id}" []);
static TOWNHALL: [Operation; 8] = [
    http!(Townhall "GET" "/passports/{id}" []),
    http!(Townhall "GET" "/permits/{id}" []),
    http!(Townhall "GET" "/taxes/{id}" []),
    http!(Townhall "GET" "/weddings/{id}" []),
    http!(Townhall "GET" "/parking/{id}" []),
    http!(Townhall "GET" "/elections/{id}" []),
    http!(Townhall "GET" "/waste/{id}" []),
    http!(Townhall "GET" "/schools/{id}" []),
];
static LOBBY: [Operation; 8] = [
    http!(Lobby "GET" "/rooms/{id}" []),
    http!(Lobby "GET" "/meals/{id}" []),
    http!(Lobby "GET" "/keys/{id}" []),
    http!(Lobby "GET" "/taxis/{id}" []),
    http!(Lobby "GET" "/tables/{id}" []),
    http!(Lobby "GET" "/pools/{id}" []),
    http!(Lobby "GET" "/towels/{id}" []),
    http!(Lobby "GET" "/bills/{id}" []),
];
static GET_FLOOR: Operation = http!(Floors "GET" "/floors/{id}" []);
static PRINT_RECEIPT: Operation = http!(Cashier "POST" "/receipts" []);
static ROUND: Operation = http!(Rounding "GET" "/rounded/{id}" []);
static STOP_RACE: Operation = http!(Timekeeper "POST" "/races" []);
static STOP_TRAINING: Operation = http!(Coach "POST" "/trainings" []);
static STOP: Operation = http!(Stopwatch "GET" "/times/{id}" []);

queries! {
    SELECT_RECORD = TownDb "SELECT" "records", "SELECT * FROM records WHERE id = $1", 3 * MILLISECOND;
}

/// All that citizens ask for is in one service; each request asks for two things of eight.
fn does_everything(builder: &mut TraceBuilder, start: u64, number: u64) {
    request(builder, &GET_CITIZEN, start, |builder, portal| {
        for part in [2 * number, 2 * number + 1] {
            builder.call(portal, &TOWNHALL[part as usize % TOWNHALL.len()], |builder, townhall| {
                builder.ask(townhall, &SELECT_RECORD);
                toil(&mut builder.random, townhall, 8);
            });
        }
        200
    });
    builder.planted(DETECTOR, Service::Townhall, None);
    builder.of_kind("god");
}

/// As many things, but others do them.
fn waits_for_others(builder: &mut TraceBuilder, start: u64, number: u64) {
    request(builder, &LOBBY[number as usize % LOBBY.len()], start, |builder, lobby| {
        builder.call(lobby, &GET_FLOOR, |builder, floors| toil(&mut builder.random, floors, 30));
        200
    });
    builder.look_alike(DETECTOR, Service::Lobby, None);
}

fn not_worth_its_network(builder: &mut TraceBuilder, start: u64, _number: u64) {
    request(builder, &PRINT_RECEIPT, start, |builder, cashier| {
        toil(&mut builder.random, cashier, 6);
        for _ in 0..2 {
            builder.call(cashier, &ROUND, |_, _| ());
        }
        201
    });
    builder.planted(DETECTOR, Service::Rounding, None);
    builder.of_kind("nano");
}

/// As small, but two services share it.
fn shared_leaf(builder: &mut TraceBuilder, start: u64, number: u64) {
    request(builder, if number.is_multiple_of(2) { &STOP_RACE } else { &STOP_TRAINING }, start, |builder, caller| {
        toil(&mut builder.random, caller, 6);
        for _ in 0..2 {
            builder.call(caller, &STOP, |_, _| ());
        }
        201
    });
    builder.look_alike(DETECTOR, Service::Stopwatch, None);
}
