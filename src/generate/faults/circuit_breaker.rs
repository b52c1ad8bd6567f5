//! A target that is down while it goes on being called, and one in front of which a breaker opens.

use super::{Case, Fault, request};
use crate::generate::labels::Detector;
use crate::generate::shop::*;
use crate::generate::trace_builder::{Sent, TraceBuilder};

const DETECTOR: Detector = Detector::CircuitBreaker;

/// A breaker that looks at ten calls opens at the fifth that fails, and rejects what follows.
pub(super) static FAULTS: &[Fault] = &[
    Fault { stages: &[(22, &RATES_FINE), (5, &RATES_FAIL), (21, &RATES_DOWN)] },
    Fault { stages: &[(22, &CONTACTS_FINE), (5, &CONTACTS_FAIL), (21, &CONTACTS_REJECTED)] },
];

static RATES_FINE: Case = Case { name: "rates-are-there", play: rates_fine };
static RATES_FAIL: Case = Case { name: "rates-begin-to-fail", play: rates_fail };
static RATES_DOWN: Case = Case { name: "goes-on-calling", play: rates_down };
static CONTACTS_FINE: Case = Case { name: "contacts-are-there", play: contacts_fine };
static CONTACTS_FAIL: Case = Case { name: "contacts-begin-to-fail", play: contacts_fail };
static CONTACTS_REJECTED: Case = Case { name: "breaker-that-works", play: contacts_rejected };

fn wallet(builder: &mut TraceBuilder, start: u64, code: u16) {
    request(builder, &WALLET_PAGE, start, |builder, web| {
        builder.reach(web, &EXCHANGE_RATES, Sent::default(), code);
    });
}

fn rates_fine(builder: &mut TraceBuilder, start: u64) {
    wallet(builder, start, 200);
}

fn rates_fail(builder: &mut TraceBuilder, start: u64) {
    wallet(builder, start, 503);
}

fn rates_down(builder: &mut TraceBuilder, start: u64) {
    wallet(builder, start, 503);
    builder.planted(DETECTOR, Service::Web, Some(Partner::Exchange.host()));
}

fn contacts(builder: &mut TraceBuilder, start: u64, code: u16) {
    request(builder, &CONTACTS, start, |builder, mobile| {
        builder.reach(mobile, &FIND_CONTACTS, Sent::default(), code);
    });
}

fn contacts_fine(builder: &mut TraceBuilder, start: u64) {
    contacts(builder, start, 200);
}

fn contacts_fail(builder: &mut TraceBuilder, start: u64) {
    contacts(builder, start, 503);
}

fn contacts_rejected(builder: &mut TraceBuilder, start: u64) {
    request(builder, &CONTACTS, start, |builder, mobile| builder.reject(mobile, &FIND_CONTACTS));
    builder.look_alike(DETECTOR, Service::MobileBff, Some(Partner::Contacts.host()));
}
