//! Messages that cannot be processed, and others that only need another attempt.

use super::messages::Message;
use super::{Smell, request};
use crate::generate::labels::Detector;
use crate::generate::shop::*;
use crate::generate::trace_builder::{MILLISECOND, TraceBuilder};

const DETECTOR: Detector = Detector::DeadLetter;

pub(super) static SMELLS: &[Smell] =
    &[Smell { name: "fails-for-ever", play: fails_for_ever }, Smell { name: "fails-twice", play: fails_twice }];

static ORDER_LABEL: Operation = http!(Labels "POST" "/labels" []);
static SET_DEADLINE: Operation = http!(Diary "POST" "/deadlines" []);

/// How long a consumer waits after each attempt.
const PAUSES_NS: [u64; 4] = [5 * MILLISECOND, 200 * MILLISECOND, 400 * MILLISECOND, 800 * MILLISECOND];

/// The service that processes messages of a topic.
type Consumer = (&'static str, Service);

/// Sends a message that is processed after so many attempts that fail, or else put aside.
fn attempts(
    builder: &mut TraceBuilder,
    (start, number): (u64, u64),
    entry: &'static Operation,
    (topic, receiver): Consumer,
    (failures, error, aside): (usize, &'static str, Option<&'static str>),
) {
    let message = Message::new(topic, number);
    request(builder, entry, start, |builder, sender| {
        let sent = builder.send_message(sender, &message, None);
        let attempts = if aside.is_some() { failures } else { failures + 1 };
        let mut wait = 0;
        for (attempt, pause) in (1..=attempts).zip(PAUSES_NS) {
            wait += pause;
            let mut processing = builder.take_message(sent, receiver, &message, wait);
            builder.work(&mut processing, "handle message");
            if let Some(topic) = aside.filter(|_| attempt == failures) {
                builder.send_message(&mut processing, &Message::new(topic, number), None);
            }
            builder.processed(processing, (attempt <= failures).then_some(error));
        }
        202
    });
}

/// Every other label has a template that is not there.
fn fails_for_ever(builder: &mut TraceBuilder, start: u64, number: u64) {
    let is_bad = number.is_multiple_of(2);
    let fate = (if is_bad { 4 } else { 0 }, "TemplateMissing", is_bad.then_some("labels-ordered-dlq"));
    attempts(builder, (start, number), &ORDER_LABEL, ("labels-ordered", Service::Printer), fate);
    if is_bad {
        builder.planted(DETECTOR, Service::Printer, Some("kafka/labels-ordered"));
        builder.of_kind("poison");
        builder.planted(DETECTOR, Service::Printer, Some("kafka/labels-ordered-dlq"));
        builder.of_kind("dead-letter");
    }
}

/// What is done at the third attempt is no poison, and a deadline is no dead letter.
fn fails_twice(builder: &mut TraceBuilder, start: u64, number: u64) {
    let consumer = ("deadline-reminders", Service::Reminders);
    attempts(builder, (start, number), &SET_DEADLINE, consumer, (2, "ConnectionReset", None));
    builder.look_alike(DETECTOR, Service::Reminders, Some("kafka/deadline-reminders"));
}
