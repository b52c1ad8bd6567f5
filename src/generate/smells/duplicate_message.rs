//! Messages that are processed again and write again, and others that write what is there.

use super::messages::Message;
use super::{Smell, request};
use crate::generate::labels::Detector;
use crate::generate::shop::*;
use crate::generate::trace_builder::{MILLISECOND, TraceBuilder};

const DETECTOR: Detector = Detector::DuplicateMessage;

pub(super) static SMELLS: &[Smell] =
    &[Smell { name: "pays-again", play: pays_again }, Smell { name: "stamps-once", play: stamps_once }];

static APPROVE_REFUND: Operation = http!(Refunds "POST" "/refunds" []);
static EARN_STAMP: Operation = http!(Stamps "POST" "/stamps" []);

queries! {
    INSERT_PAYOUT = PayoutsDb "INSERT" "payouts",
        "INSERT INTO payouts (id, refund_id, amount) VALUES ($1, $2, $3)", 2 * MILLISECOND;
    INSERT_STAMP = StampsDb "INSERT" "stamps",
        "INSERT INTO stamps (card_id, order_id) VALUES ($1, $2) ON CONFLICT DO NOTHING", 2 * MILLISECOND;
}

/// Sends a message that `receiver` writes `query` for, so often.
fn deliver(
    builder: &mut TraceBuilder,
    (start, number): (u64, u64),
    entry: &'static Operation,
    (topic, receiver): (&'static str, Service),
    (query, times): (&'static Query, u64),
) {
    let message = Message::new(topic, number);
    request(builder, entry, start, |builder, sender| {
        let sent = builder.send_message(sender, &message, None);
        for time in 0..times {
            let wait = builder.poll() + time * 700 * MILLISECOND;
            let mut processing = builder.take_message(sent, receiver, &message, wait);
            builder.ask(&mut processing, query);
            builder.processed(processing, None);
        }
        202
    });
}

/// Every third refund comes twice, and is paid twice.
fn pays_again(builder: &mut TraceBuilder, start: u64, number: u64) {
    let comes_twice = number.is_multiple_of(3);
    let writes = (&INSERT_PAYOUT, if comes_twice { 2 } else { 1 });
    deliver(builder, (start, number), &APPROVE_REFUND, ("refunds-approved", Service::Payouts), writes);
    if comes_twice {
        builder.planted(DETECTOR, Service::Payouts, Some("kafka/refunds-approved"));
    }
}

/// All come twice, but the statement says what to do then.
fn stamps_once(builder: &mut TraceBuilder, start: u64, number: u64) {
    deliver(builder, (start, number), &EARN_STAMP, ("stamps-earned", Service::Stampbook), (&INSERT_STAMP, 2));
    builder.look_alike(DETECTOR, Service::Stampbook, Some("kafka/stamps-earned"));
}
