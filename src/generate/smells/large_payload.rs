//! Messages and bodies that should be references, and others that are what was asked for.

use super::messages::Message;
use super::{Smell, request};
use crate::generate::labels::Detector;
use crate::generate::shop::*;
use crate::generate::trace_builder::TraceBuilder;

const DETECTOR: Detector = Detector::LargePayload;

use super::toil;
use crate::generate::conventions::put_number;

pub(super) static SMELLS: &[Smell] = &[
    Smell { name: "whole-list-in-a-message", play: whole_list_in_a_message },
    Smell { name: "everything-at-once", play: everything_at_once },
    Smell { name: "photo", play: photo },
];

static PUBLISH_PRICES: Operation = http!(Pricelists "POST" "/pricelists" []);
static GET_ASSORTMENT: Operation = http!(Assortment "GET" "/assortment" []);
static GET_PHOTO: Operation = http!(Albums "GET" "/photos/{id}" []);

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Every other message holds the whole list.
fn whole_list_in_a_message(builder: &mut TraceBuilder, start: u64, number: u64) {
    let is_whole = number.is_multiple_of(2);
    let bytes = if is_whole { builder.random.between(400 * KIB, 900 * KIB) } else { 20 * KIB };
    let message = Message { bytes, ..Message::new("pricelists-changed", number) };
    request(builder, &PUBLISH_PRICES, start, |builder, sender| {
        let sent = builder.send_message(sender, &message, None);
        let wait = builder.poll();
        let mut processing = builder.take_message(sent, Service::Shelves, &message, wait);
        builder.work(&mut processing, "print shelf labels");
        builder.processed(processing, None);
        202
    });
    if is_whole {
        builder.planted(DETECTOR, Service::Pricelists, Some("kafka/pricelists-changed"));
        builder.of_kind("message");
    }
}

/// Answers with a body of so many bytes.
fn answer(builder: &mut TraceBuilder, entry: &'static Operation, start: u64, bytes: u64) {
    request(builder, entry, start, |builder, handler| {
        toil(&mut builder.random, handler, 4 + bytes / (100 * KIB));
        put_number(builder.attributes(handler.span), "http.response.body.size", bytes as i64);
        200
    });
}

/// Every other answer has all articles in it.
fn everything_at_once(builder: &mut TraceBuilder, start: u64, number: u64) {
    let has_all = number.is_multiple_of(2);
    let bytes = if has_all { builder.random.between(2 * MIB, 4 * MIB) } else { 30 * KIB };
    answer(builder, &GET_ASSORTMENT, start, bytes);
    if has_all {
        builder.planted(DETECTOR, Service::Assortment, None);
        builder.of_kind("response");
    }
}

/// Photos are large.
fn photo(builder: &mut TraceBuilder, start: u64, _number: u64) {
    let bytes = builder.random.between(2 * MIB, 6 * MIB);
    answer(builder, &GET_PHOTO, start, bytes);
    builder.look_alike(DETECTOR, Service::Albums, None);
}
