//! Rows that stay while the message that tells of them is lost, and messages of rows that were never written; and others whose outbox
//! keeps them, or that are written at the second try.

use super::messages::Message;
use super::{Smell, request};
use crate::generate::labels::Detector;
use crate::generate::shop::*;
use crate::generate::trace_builder::{MILLISECOND, TraceBuilder};

const DETECTOR: Detector = Detector::DualWrite;

pub(super) static SMELLS: &[Smell] = &[
    Smell { name: "message-lost", play: message_lost },
    Smell { name: "message-in-outbox", play: message_in_outbox },
    Smell { name: "row-not-written", play: row_not_written },
    Smell { name: "row-written-later", play: row_written_later },
];

static BOOK_FITTING: Operation = http!(Tailor "POST" "/fittings" []);
static BOOK_REPAIR: Operation = http!(Cobbler "POST" "/repairs" []);
static ORDER_BOUQUET: Operation = http!(Florist "POST" "/bouquets" []);
static KNEAD: Operation = http!(Dough "POST" "/doughs" []);

queries! {
    INSERT_FITTING = TailorDb "INSERT" "fittings",
        "INSERT INTO fittings (id, at, customer_id) VALUES ($1, $2, $3)", 2 * MILLISECOND;
    INSERT_REPAIR = CobblerDb "INSERT" "repairs",
        "INSERT INTO repairs (id, at, customer_id) VALUES ($1, $2, $3)", 2 * MILLISECOND;
    INSERT_OUTBOX = CobblerDb "INSERT" "repairs_outbox",
        "INSERT INTO repairs_outbox (id, payload) VALUES ($1, $2)", 2 * MILLISECOND;
    INSERT_BOUQUET = FlowersDb "INSERT" "bouquets",
        "INSERT INTO bouquets (id, flowers, customer_id) VALUES ($1, $2, $3)", 2 * MILLISECOND;
    INSERT_LOAF = BreadDb "INSERT" "loaves", "INSERT INTO loaves (id, dough_id) VALUES ($1, $2)", 2 * MILLISECOND;
}

/// Writes rows and sends a message of them; every fourth time the broker does not answer. The result is whether it did not.
fn book(
    builder: &mut TraceBuilder,
    (start, number): (u64, u64),
    entry: &'static Operation,
    rows: &[&'static Query],
    topic: &'static str,
) -> bool {
    let is_lost = number.is_multiple_of(4);
    request(builder, entry, start, |builder, handler| {
        rows.iter().for_each(|row| builder.ask(handler, row));
        let error = is_lost.then_some("org.apache.kafka.common.errors.TimeoutException");
        builder.send_message(handler, &Message::new(topic, number), error);
        201
    });
    is_lost
}

fn message_lost(builder: &mut TraceBuilder, start: u64, number: u64) {
    let is_lost = book(builder, (start, number), &BOOK_FITTING, &[&INSERT_FITTING], "fittings-booked");
    if is_lost {
        builder.planted(DETECTOR, Service::Tailor, Some("kafka/fittings-booked"));
        builder.of_kind("lost");
    }
}

/// A relay sends from the outbox what could not be sent at once.
fn message_in_outbox(builder: &mut TraceBuilder, start: u64, number: u64) {
    let rows = [&INSERT_REPAIR, &INSERT_OUTBOX];
    if book(builder, (start, number), &BOOK_REPAIR, &rows, "repairs-booked") {
        builder.look_alike(DETECTOR, Service::Cobbler, Some("kafka/repairs-booked"));
    }
}

const DEADLOCK: &str = "40P01";

/// Every fourth bouquet is told of and then not written.
fn row_not_written(builder: &mut TraceBuilder, start: u64, number: u64) {
    let is_ghost = number.is_multiple_of(4);
    request(builder, &ORDER_BOUQUET, start, |builder, florist| {
        builder.send_message(florist, &Message::new("bouquets-ordered", number), None);
        builder.ask_with(florist, &INSERT_BOUQUET, is_ghost.then_some(DEADLOCK));
        if is_ghost { 500 } else { 201 }
    });
    if is_ghost {
        builder.planted(DETECTOR, Service::Florist, Some("kafka/bouquets-ordered"));
        builder.of_kind("ghost");
    }
}

/// Every fourth loaf is written at the second try. What takes messages and fails gets them again, so that it is no risk either.
fn row_written_later(builder: &mut TraceBuilder, start: u64, number: u64) {
    let fails_first = number.is_multiple_of(4);
    request(builder, &KNEAD, start, |builder, dough| {
        let message = Message::new("doughs-ready", number);
        let sent = builder.send_message(dough, &message, None);
        let wait = builder.poll();
        let mut baker = builder.take_message(sent, Service::Baker, &message, wait);
        builder.send_message(&mut baker, &Message::new("loaves-baked", number), None);
        if fails_first {
            builder.ask_with(&mut baker, &INSERT_LOAF, Some(DEADLOCK));
        }
        builder.ask(&mut baker, &INSERT_LOAF);
        builder.processed(baker, None);
        202
    });
    if fails_first {
        builder.look_alike(DETECTOR, Service::Baker, Some("kafka/loaves-baked"));
        builder.of_kind("ghost");
    }
}
