//! Messages of one key out of order, and others whose order nobody asked for.

use super::messages::Message;
use super::{Smell, request};
use crate::generate::labels::Detector;
use crate::generate::shop::*;
use crate::generate::trace_builder::{MILLISECOND, TraceBuilder};

const DETECTOR: Detector = Detector::MessageDisorder;

pub(super) static SMELLS: &[Smell] = &[
    Smell { name: "closed-before-opened", play: closed_before_opened },
    Smell { name: "other-doors-first", play: other_doors_first },
];

static USE_LOCKER: Operation = http!(Lockers "POST" "/lockers/{id}" []);
static USE_DOOR: Operation = http!(Doors "POST" "/doors/{id}" []);

/// Sends two messages with these keys, of which the second is processed first if they change places.
fn two_messages(
    builder: &mut TraceBuilder,
    (start, number): (u64, u64),
    entry: &'static Operation,
    (topic, receiver): (&'static str, Service),
    (keys, change_places): ([u64; 2], bool),
) {
    let [first, second] =
        [0, 1].map(|place| Message { key: Some(keys[place]), ..Message::new(topic, 2 * number + place as u64) });
    request(builder, entry, start, |builder, sender| {
        let sent = [first, second].map(|message| builder.send_message(sender, &message, None));
        let (soon, later) = (builder.poll(), 60 * MILLISECOND + builder.poll());
        let waits = if change_places { [later, soon] } else { [soon, later] };
        for ((sent, message), wait) in sent.into_iter().zip([first, second]).zip(waits) {
            let mut processing = builder.take_message(sent, receiver, &message, wait);
            builder.work(&mut processing, "apply change");
            builder.processed(processing, None);
        }
        202
    });
}

/// Every third locker is closed before it is opened.
fn closed_before_opened(builder: &mut TraceBuilder, start: u64, number: u64) {
    let is_late = number.is_multiple_of(3);
    let order = ([number; 2], is_late);
    two_messages(builder, (start, number), &USE_LOCKER, ("lockers-changed", Service::Keyring), order);
    if is_late {
        builder.planted(DETECTOR, Service::Keyring, Some("kafka/lockers-changed"));
        builder.of_kind("key");
    }
}

/// Which of two doors is first does not matter.
fn other_doors_first(builder: &mut TraceBuilder, start: u64, number: u64) {
    let order = ([2 * number, 2 * number + 1], true);
    two_messages(builder, (start, number), &USE_DOOR, ("doors-changed", Service::Doorkeeper), order);
    builder.look_alike(DETECTOR, Service::Doorkeeper, Some("kafka/doors-changed"));
}
