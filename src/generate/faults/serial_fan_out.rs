//! Calls one after the other that need not be, and what only looks so.
//!
//! What one trace shows proves nothing: the pages in line are a problem because others ask for the same at the same time, so they
//! come twice as often as those.

use super::{Case, Fault};
use crate::generate::labels::Detector;
use crate::generate::shop::*;
use crate::generate::trace_builder::{Handler, MILLISECOND, Sent, TraceBuilder};

const DETECTOR: Detector = Detector::SerialFanOut;

pub(super) static FAULTS: &[Fault] =
    &[Fault { stages: &[(1, &IN_LINE), (1, &AT_ONCE), (1, &ONE_SLOW)] }, Fault { stages: &[(1, &NEEDED)] }];

static IN_LINE: Case = Case { name: "calls-in-line", play: calls_in_line };
static AT_ONCE: Case = Case { name: "calls-at-once", play: calls_at_once };
static ONE_SLOW: Case = Case { name: "one-slow-call-in-line", play: one_slow_call_in_line };
static NEEDED: Case = Case { name: "sequence-that-is-needed", play: sequence_that_is_needed };

/// What a page shows; none of it needs anything of the others.
const PARTS: [&Operation; 4] = [&GET_ACCOUNT, &GET_POINTS, &GET_REVIEWS, &PICK_AD];

/// Calls `operation`, which takes about `milliseconds`.
fn fetch(builder: &mut TraceBuilder, handler: &mut Handler, operation: &'static Operation, milliseconds: u64) {
    builder.send(handler, operation, Sent::default(), |builder, callee| {
        let mut inner = builder.enter(callee, "handle request");
        inner.now += builder.random.between(milliseconds * MILLISECOND * 3 / 4, milliseconds * MILLISECOND * 5 / 4);
        builder.leave(callee, inner);
        200
    });
}

fn page(builder: &mut TraceBuilder, start: u64, show: impl FnOnce(&mut TraceBuilder, &mut Handler)) {
    let mut web = builder.arrive(&PROFILE_PAGE, start);
    show(builder, &mut web);
    builder.work(&mut web, "render profile");
    builder.depart(web, &PROFILE_PAGE, 200);
}

fn calls_in_line(builder: &mut TraceBuilder, start: u64) {
    page(builder, start, |builder, web| PARTS.into_iter().for_each(|part| fetch(builder, web, part, 20)));
    builder.planted(DETECTOR, Service::Web, None);
}

fn one_slow_call_in_line(builder: &mut TraceBuilder, start: u64) {
    page(builder, start, |builder, web| {
        for (part, milliseconds) in PARTS.into_iter().zip([20, 20, 80, 20]) {
            fetch(builder, web, part, milliseconds);
        }
    });
    builder.planted(DETECTOR, Service::Web, None);
}

fn calls_at_once(builder: &mut TraceBuilder, start: u64) {
    page(builder, start, |builder, web| {
        let mut latest = web.now;
        for part in PARTS {
            let mut branch = *web;
            fetch(builder, &mut branch, part, 20);
            latest = latest.max(branch.now);
            builder.pass(web);
        }
        web.now = latest;
    });
    builder.look_alike(DETECTOR, Service::Web, None);
}

/// Each call needs what the one before found, and no trace shows it otherwise.
fn sequence_that_is_needed(builder: &mut TraceBuilder, start: u64) {
    let mut mobile = builder.arrive(&REORDER, start);
    for step in [&GET_ORDER, &RESERVE, &CHARGE] {
        fetch(builder, &mut mobile, step, 20);
    }
    builder.work(&mut mobile, "compose answer");
    builder.depart(mobile, &REORDER, 200);
    builder.look_alike(DETECTOR, Service::MobileBff, None);
}
