//! Steps that stay done though a later one failed, and others that are undone.

use super::{Smell, request, toil};
use crate::generate::labels::Detector;
use crate::generate::shop::*;
use crate::generate::trace_builder::{Handler, MILLISECOND, Sent, TraceBuilder};

const DETECTOR: Detector = Detector::UncompensatedSaga;

pub(super) static SMELLS: &[Smell] = &[
    Smell { name: "seat-stays-taken", play: seat_stays_taken },
    Smell { name: "cabin-is-released", play: cabin_is_released },
    Smell { name: "hall-stays-reserved", play: hall_stays_reserved },
    Smell { name: "band-is-cancelled", play: band_is_cancelled },
];

static BOOK_TOUR: Operation = http!(Tours "POST" "/tours" []);
static TAKE_SEAT: Operation = http!(Seats "POST" "/seats" []);
static ASK_GUIDE: Operation = http!(Guides "POST" "/guides" []);
static BOOK_VOYAGE: Operation = http!(Voyages "POST" "/voyages" []);
static TAKE_CABIN: Operation = http!(Cabins "POST" "/cabins" []);
static RELEASE_CABIN: Operation = http!(Cabins "DELETE" "/cabins/{id}" []);
static ASK_SKIPPER: Operation = http!(Skippers "POST" "/skippers" []);
static PLAN_BANQUET: Operation = http!(Banquets "POST" "/banquets" []);
static RESERVE_HALL: Operation = http!(Halls "POST" "/halls/{id}/reserve" []);
static ASK_COOK: Operation = http!(Cooks "POST" "/menus" []);
static PLAN_WEDDING: Operation = http!(Weddings "POST" "/weddings" []);
static BOOK_BAND: Operation = http!(Bands "POST" "/bands/{id}/book" []);
static CANCEL_BAND: Operation = http!(Bands "POST" "/bands/{id}/cancel" []);
static ASK_VICAR: Operation = http!(Vicars "POST" "/vows" []);

queries! {
    INSERT_SEAT = SeatsDb "INSERT" "seats", "INSERT INTO seats (id, tour_id) VALUES ($1, $2)", 2 * MILLISECOND;
    INSERT_CABIN = CabinsDb "INSERT" "cabins", "INSERT INTO cabins (id, voyage_id) VALUES ($1, $2)", 2 * MILLISECOND;
    DELETE_CABIN = CabinsDb "DELETE" "cabins", "DELETE FROM cabins WHERE id = $1", 2 * MILLISECOND;
}

fn step(builder: &mut TraceBuilder, handler: &mut Handler, operation: &'static Operation, query: &'static Query) {
    builder.call(handler, operation, |builder, callee| builder.ask(callee, query));
}

/// Asks somebody, who declines if `code` says so.
fn ask(builder: &mut TraceBuilder, handler: &mut Handler, operation: &'static Operation, code: u16) {
    builder.send(handler, operation, Sent::default(), |builder, callee| {
        toil(&mut builder.random, callee, 8);
        code
    });
}

/// Every other guide has no time, and the seat stays taken.
fn seat_stays_taken(builder: &mut TraceBuilder, start: u64, number: u64) {
    let code = if number.is_multiple_of(2) { 409 } else { 201 };
    request(builder, &BOOK_TOUR, start, |builder, tours| {
        step(builder, tours, &TAKE_SEAT, &INSERT_SEAT);
        ask(builder, tours, &ASK_GUIDE, code);
        code
    });
    if code == 409 {
        builder.planted(DETECTOR, Service::Tours, Some(Service::Seats.name()));
        builder.of_kind("database");
    }
}

fn cabin_is_released(builder: &mut TraceBuilder, start: u64, number: u64) {
    let code = if number.is_multiple_of(2) { 409 } else { 201 };
    request(builder, &BOOK_VOYAGE, start, |builder, voyages| {
        step(builder, voyages, &TAKE_CABIN, &INSERT_CABIN);
        ask(builder, voyages, &ASK_SKIPPER, code);
        if code == 409 {
            step(builder, voyages, &RELEASE_CABIN, &DELETE_CABIN);
        }
        code
    });
    if code == 409 {
        builder.look_alike(DETECTOR, Service::Voyages, Some(Service::Cabins.name()));
    }
}

/// Reserves or cancels something at a service of which no database is recorded.
fn act(builder: &mut TraceBuilder, handler: &mut Handler, operation: &'static Operation) {
    builder.call(handler, operation, |builder, callee| toil(&mut builder.random, callee, 8));
}

/// Every third cook has no time, and the hall stays reserved.
fn hall_stays_reserved(builder: &mut TraceBuilder, start: u64, number: u64) {
    let code = if number.is_multiple_of(3) { 409 } else { 201 };
    request(builder, &PLAN_BANQUET, start, |builder, banquets| {
        act(builder, banquets, &RESERVE_HALL);
        ask(builder, banquets, &ASK_COOK, code);
        code
    });
    if code == 409 {
        builder.planted(DETECTOR, Service::Banquets, Some(Service::Halls.name()));
        builder.of_kind("verb");
    }
}

/// Every third vicar has no time either, but then the band is told.
fn band_is_cancelled(builder: &mut TraceBuilder, start: u64, number: u64) {
    let code = if number.is_multiple_of(3) { 409 } else { 201 };
    request(builder, &PLAN_WEDDING, start, |builder, weddings| {
        act(builder, weddings, &BOOK_BAND);
        ask(builder, weddings, &ASK_VICAR, code);
        if code == 409 {
            act(builder, weddings, &CANCEL_BAND);
        }
        code
    });
    if code == 409 {
        builder.look_alike(DETECTOR, Service::Weddings, Some(Service::Bands.name()));
        builder.of_kind("verb");
    }
}
