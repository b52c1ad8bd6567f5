//! Rows that stay while the message that tells of them is lost, and others whose outbox keeps it.

use super::messages::Message;
use super::{Smell, request};
use crate::generate::labels::Detector;
use crate::generate::shop::*;
use crate::generate::trace_builder::{MILLISECOND, TraceBuilder};

const DETECTOR: Detector = Detector::DualWrite;

pub(super) static SMELLS: &[Smell] =
    &[Smell { name: "message-lost", play: message_lost }, Smell { name: "message-in-outbox", play: message_in_outbox }];

static BOOK_FITTING: Operation = http!(Tailor "POST" "/fittings" []);
static BOOK_REPAIR: Operation = http!(Cobbler "POST" "/repairs" []);

queries! {
    INSERT_FITTING = TailorDb "INSERT" "fittings",
        "INSERT INTO fittings (id, at, customer_id) VALUES ($1, $2, $3)", 2 * MILLISECOND;
    INSERT_REPAIR = CobblerDb "INSERT" "repairs",
        "INSERT INTO repairs (id, at, customer_id) VALUES ($1, $2, $3)", 2 * MILLISECOND;
    INSERT_OUTBOX = CobblerDb "INSERT" "repairs_outbox",
        "INSERT INTO repairs_outbox (id, payload) VALUES ($1, $2)", 2 * MILLISECOND;
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
