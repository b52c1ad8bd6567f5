//! Messages that wait longer and longer, or always long, and others that are meant to wait, or come again.

use super::messages::Message;
use super::{Smell, request};
use crate::generate::labels::Detector;
use crate::generate::shop::*;
use crate::generate::trace_builder::{MILLISECOND, TraceBuilder};

const DETECTOR: Detector = Detector::ConsumerLag;

pub(super) static SMELLS: &[Smell] = &[
    Smell { name: "falls-behind", play: falls_behind },
    Smell { name: "meant-to-wait", play: meant_to_wait },
    Smell { name: "always-late", play: always_late },
    Smell { name: "comes-again-late", play: comes_again_late },
];

static WEIGH: Operation = http!(Scale "POST" "/weighings" []);
static BOOK_PICKUP: Operation = http!(Calendar "POST" "/pickups" []);
static POST_LETTER: Operation = http!(Letterbox "POST" "/letters" []);
static SEND_TELEGRAM: Operation = http!(Telegraph "POST" "/telegrams" []);

const SECOND: u64 = 1_000 * MILLISECOND;

/// How long the message of this number waits: the fourth waits twice as long as the first, the hundredth ten times, so that in dumps of
/// any length the last wait much longer than the first, and none for hours.
fn wait_ns(number: u64) -> u64 {
    const FIRST_NS: u64 = 3_000 * MILLISECOND;
    const EXACT: u64 = 1_000;
    FIRST_NS / EXACT * ((number + 1) * EXACT * EXACT).isqrt()
}

/// Sends a message that is processed after so long, and again after so long where the attempt before has failed.
fn wait(
    builder: &mut TraceBuilder,
    start: u64,
    entry: &'static Operation,
    (message, receiver): (&Message, Service),
    waits_ns: &[u64],
) {
    request(builder, entry, start, |builder, sender| {
        let sent = builder.send_message(sender, message, None);
        for (place, &wait_ns) in waits_ns.iter().enumerate() {
            let mut processing = builder.take_message(sent, receiver, message, wait_ns);
            builder.work(&mut processing, "handle message");
            let is_last = place + 1 == waits_ns.len();
            builder.processed(processing, (!is_last).then_some("ConnectionReset"));
        }
        202
    });
}

/// Stickers are printed more slowly than parcels are weighed.
fn falls_behind(builder: &mut TraceBuilder, start: u64, number: u64) {
    let message = Message::new("parcels-weighed", number);
    wait(builder, start, &WEIGH, (&message, Service::Stickers), &[wait_ns(number)]);
    builder.planted(DETECTOR, Service::Stickers, Some("kafka/parcels-weighed"));
    builder.of_kind("growing");
}

/// A pickup is for later.
fn meant_to_wait(builder: &mut TraceBuilder, start: u64, number: u64) {
    let message = Message::new("pickups-scheduled", number);
    wait(builder, start, &BOOK_PICKUP, (&message, Service::Couriers), &[wait_ns(number)]);
    builder.look_alike(DETECTOR, Service::Couriers, Some("kafka/pickups-scheduled"));
    builder.of_kind("growing");
}

/// The postman comes once in a while: no letter waits longer than those before it, and all wait long.
fn always_late(builder: &mut TraceBuilder, start: u64, number: u64) {
    let wait_ns = builder.random.between(32 * SECOND, 48 * SECOND);
    let message = Message::new("letters-posted", number);
    wait(builder, start, &POST_LETTER, (&message, Service::Postman), &[wait_ns]);
    builder.planted(DETECTOR, Service::Postman, Some("kafka/letters-posted"));
    builder.of_kind("slow");
}

/// Every other telegram fails at once and is as late when it comes again.
fn comes_again_late(builder: &mut TraceBuilder, start: u64, number: u64) {
    let (soon, late) = (builder.poll(), builder.random.between(32 * SECOND, 48 * SECOND));
    let message = Message::new("telegrams-sent", number);
    let waits = [soon, late];
    let waits = if number.is_multiple_of(2) { &waits[..] } else { &waits[..1] };
    wait(builder, start, &SEND_TELEGRAM, (&message, Service::Clerk), waits);
    builder.look_alike(DETECTOR, Service::Clerk, Some("kafka/telegrams-sent"));
    builder.of_kind("slow");
}
