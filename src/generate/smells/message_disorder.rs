//! Messages of one key, or of one partition, out of order or at once, and others whose order nobody asked for.

use super::messages::Message;
use super::{Smell, request};
use crate::generate::labels::Detector;
use crate::generate::shop::*;
use crate::generate::trace_builder::{MILLISECOND, TraceBuilder};

const DETECTOR: Detector = Detector::MessageDisorder;

pub(super) static SMELLS: &[Smell] = &[
    Smell { name: "closed-before-opened", play: closed_before_opened },
    Smell { name: "other-doors-first", play: other_doors_first },
    Smell { name: "two-keys-for-one-room", play: two_keys_for_one_room },
    Smell { name: "two-ramps-at-once", play: two_ramps_at_once },
    Smell { name: "later-reading-first", play: later_reading_first },
    Smell { name: "other-partition-first", play: other_partition_first },
];

static USE_LOCKER: Operation = http!(Lockers "POST" "/lockers/{id}" []);
static USE_DOOR: Operation = http!(Doors "POST" "/doors/{id}" []);
static USE_ROOM: Operation = http!(Rooms "POST" "/rooms/{id}" []);
static USE_RAMP: Operation = http!(Ramps "POST" "/ramps/{id}" []);
static READ_METER: Operation = http!(Meters "POST" "/meters/{id}" []);
static READ_GAUGE: Operation = http!(Gauges "POST" "/gauges/{id}" []);

/// How two messages are processed.
#[derive(Clone, Copy)]
enum Order {
    AsSent,
    Swapped,
    /// The second begins while the first is still worked on.
    AtOnce,
}

/// Where a message stands: its partition, and its key if it has one.
type Place = (usize, Option<u64>);

/// Sends two messages with these places and processes them in some order.
fn two_messages(
    builder: &mut TraceBuilder,
    (start, number): (u64, u64),
    entry: &'static Operation,
    (topic, receiver): (&'static str, Service),
    (places, order): ([Place; 2], Order),
) {
    let messages = [0, 1].map(|second| {
        let (partition, key) = places[second];
        Message { key, ..Message::placed(topic, 2 * number + second as u64, partition) }
    });
    request(builder, entry, start, |builder, sender| {
        let sent = messages.map(|message| builder.send_message(sender, &message, None));
        let (soon, later) = (builder.poll(), 60 * MILLISECOND + builder.poll());
        let (waits, work) = match order {
            Order::AsSent => ([soon, later], 0),
            Order::Swapped => ([later, soon], 0),
            Order::AtOnce => ([soon, later], 150 * MILLISECOND),
        };
        for (place, (sent, message)) in sent.into_iter().zip(messages).enumerate() {
            let mut processing = builder.take_message(sent, receiver, &message, waits[place]);
            builder.work(&mut processing, "apply change");
            if place == 0 {
                processing.now += work;
            }
            builder.processed(processing, None);
        }
        202
    });
}

/// Every third time something is out of order.
fn every_third(number: u64, order: Order) -> Order {
    if number.is_multiple_of(3) { order } else { Order::AsSent }
}

/// Every third locker is closed before it is opened.
fn closed_before_opened(builder: &mut TraceBuilder, start: u64, number: u64) {
    let order = ([(3, Some(number)); 2], every_third(number, Order::Swapped));
    two_messages(builder, (start, number), &USE_LOCKER, ("lockers-changed", Service::Keyring), order);
    if number.is_multiple_of(3) {
        builder.planted(DETECTOR, Service::Keyring, Some("kafka/lockers-changed"));
        builder.of_kind("key");
    }
}

/// Which of two doors is first does not matter.
fn other_doors_first(builder: &mut TraceBuilder, start: u64, number: u64) {
    let order = ([(3, Some(2 * number)), (3, Some(2 * number + 1))], Order::Swapped);
    two_messages(builder, (start, number), &USE_DOOR, ("doors-changed", Service::Doorkeeper), order);
    builder.look_alike(DETECTOR, Service::Doorkeeper, Some("kafka/doors-changed"));
    builder.of_kind("key");
}

/// Every third room is given to the next guest while the last one's key is still taken back.
fn two_keys_for_one_room(builder: &mut TraceBuilder, start: u64, number: u64) {
    let order = ([(2, Some(number)); 2], every_third(number, Order::AtOnce));
    two_messages(builder, (start, number), &USE_ROOM, ("rooms-changed", Service::Bellboy), order);
    if number.is_multiple_of(3) {
        builder.planted(DETECTOR, Service::Bellboy, Some("kafka/rooms-changed"));
        builder.of_kind("overlap");
    }
}

/// What happens on two ramps may happen at once.
fn two_ramps_at_once(builder: &mut TraceBuilder, start: u64, number: u64) {
    let order = ([(2, Some(2 * number)), (2, Some(2 * number + 1))], Order::AtOnce);
    two_messages(builder, (start, number), &USE_RAMP, ("ramps-changed", Service::Forklift), order);
    builder.look_alike(DETECTOR, Service::Forklift, Some("kafka/ramps-changed"));
    builder.of_kind("overlap");
}

/// Readings of meters have no key, so that all of a partition may be of one; every third time the later one comes first.
fn later_reading_first(builder: &mut TraceBuilder, start: u64, number: u64) {
    let order = ([(1, None); 2], every_third(number, Order::Swapped));
    two_messages(builder, (start, number), &READ_METER, ("meters-read", Service::Utilities), order);
    if number.is_multiple_of(3) {
        builder.planted(DETECTOR, Service::Utilities, Some("kafka/meters-read"));
        builder.of_kind("partition");
    }
}

/// Nothing has an order over partitions.
fn other_partition_first(builder: &mut TraceBuilder, start: u64, number: u64) {
    let order = ([(1, None), (2, None)], Order::Swapped);
    two_messages(builder, (start, number), &READ_GAUGE, ("gauges-read", Service::Waterworks), order);
    builder.look_alike(DETECTOR, Service::Waterworks, Some("kafka/gauges-read"));
    builder.of_kind("partition");
}
