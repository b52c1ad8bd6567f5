//! Messages that wait longer and longer, and others that are meant to wait.

use super::messages::Message;
use super::{Smell, request};
use crate::generate::labels::Detector;
use crate::generate::shop::*;
use crate::generate::trace_builder::{MILLISECOND, TraceBuilder};

const DETECTOR: Detector = Detector::ConsumerLag;

pub(super) static SMELLS: &[Smell] =
    &[Smell { name: "falls-behind", play: falls_behind }, Smell { name: "meant-to-wait", play: meant_to_wait }];

static WEIGH: Operation = http!(Scale "POST" "/weighings" []);
static BOOK_PICKUP: Operation = http!(Calendar "POST" "/pickups" []);

/// How long the message of this number waits: the fourth waits twice as long as the first, the hundredth ten times, so that in dumps of
/// any length the last wait much longer than the first, and none for hours.
fn wait_ns(number: u64) -> u64 {
    const FIRST_NS: u64 = 3_000 * MILLISECOND;
    const EXACT: u64 = 1_000;
    FIRST_NS / EXACT * ((number + 1) * EXACT * EXACT).isqrt()
}

fn wait(
    builder: &mut TraceBuilder,
    (start, number): (u64, u64),
    entry: &'static Operation,
    (topic, receiver): (&'static str, Service),
) {
    let message = Message::new(topic, number);
    request(builder, entry, start, |builder, sender| {
        let sent = builder.send_message(sender, &message, None);
        let mut processing = builder.take_message(sent, receiver, &message, wait_ns(number));
        builder.work(&mut processing, "handle message");
        builder.processed(processing, None);
        202
    });
}

/// Stickers are printed more slowly than parcels are weighed.
fn falls_behind(builder: &mut TraceBuilder, start: u64, number: u64) {
    wait(builder, (start, number), &WEIGH, ("parcels-weighed", Service::Stickers));
    builder.planted(DETECTOR, Service::Stickers, Some("kafka/parcels-weighed"));
    builder.of_kind("growing");
}

/// A pickup is for later.
fn meant_to_wait(builder: &mut TraceBuilder, start: u64, number: u64) {
    wait(builder, (start, number), &BOOK_PICKUP, ("pickups-scheduled", Service::Couriers));
    builder.look_alike(DETECTOR, Service::Couriers, Some("kafka/pickups-scheduled"));
}
