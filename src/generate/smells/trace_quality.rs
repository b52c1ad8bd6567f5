//! What traces do not show, and what only looks as if something were missing.

use super::{Smell, request, toil};
use crate::generate::labels::Detector;
use crate::generate::shop::*;
use crate::generate::trace_builder::{MICROSECOND, MILLISECOND, Sent, TraceBuilder};

const DETECTOR: Detector = Detector::TraceQuality;

use crate::span::StatusCode;

pub(super) static SMELLS: &[Smell] = &[
    Smell { name: "callee-not-there", play: callee_not_there },
    Smell { name: "callee-outside", play: callee_outside },
    Smell { name: "error-without-status", play: error_without_status },
    Smell { name: "refused-without-status", play: refused_without_status },
    Smell { name: "clock-ahead", play: clock_ahead },
    Smell { name: "clock-nearly-right", play: clock_nearly_right },
];

static SELL: Operation = http!(Booth "POST" "/sales" []);
static LIFT: Operation = http!(Barrier "POST" "/barriers/{id}" []);
static SHOW_WAY: Operation = http!(Signpost "GET" "/ways/{id}" []);
static TELL_TIME: Operation = http!(Sundial "GET" "/time" []);
static TURN: Operation = http!(Hourglass "GET" "/turns/{id}" []);
static BEAT: Operation = http!(Metronome "GET" "/beats" []);
static FLASH: Operation = http!(Lighthouse "GET" "/flashes/{id}" []);
static SWING: Operation = http!(Pendulum "GET" "/swings" []);
static BLINK: Operation = http!(Beacon "GET" "/blinks/{id}" []);

/// Every third time nothing is left of what the barrier recorded.
fn callee_not_there(builder: &mut TraceBuilder, start: u64, number: u64) {
    let is_lost = number.is_multiple_of(3);
    request(builder, &SELL, start, |builder, booth| {
        builder.call(booth, &LIFT, |builder, barrier| toil(&mut builder.random, barrier, 8));
        201
    });
    if is_lost {
        builder.spans.retain(|span| span.service != Service::Barrier);
        builder.planted(DETECTOR, Service::Booth, Some(Service::Barrier.name()));
        builder.of_kind("lost-callee");
    }
}

/// Nobody expects spans of a partner.
fn callee_outside(builder: &mut TraceBuilder, start: u64, _number: u64) {
    request(builder, &SHOW_WAY, start, |builder, signpost| {
        builder.reach(signpost, &FORECAST, Sent::default(), 200);
        200
    });
    builder.look_alike(DETECTOR, Service::Signpost, Some(Partner::Weather.host()));
}

/// Answers `code`, and no status says anything.
fn answer(builder: &mut TraceBuilder, start: u64, entry: &'static Operation, code: u16) {
    request(builder, entry, start, |builder, handler| {
        toil(&mut builder.random, handler, 5);
        code
    });
    builder.spans[0].record.status = StatusCode::Unset;
}

/// At night it does not know the time.
fn error_without_status(builder: &mut TraceBuilder, start: u64, number: u64) {
    let is_night = number.is_multiple_of(2);
    answer(builder, start, &TELL_TIME, if is_night { 503 } else { 200 });
    if is_night {
        builder.planted(DETECTOR, Service::Sundial, None);
        builder.of_kind("error-without-status");
    }
}

/// What is not there is no error of whoever says so.
fn refused_without_status(builder: &mut TraceBuilder, start: u64, number: u64) {
    let is_there = number % 2 == 1;
    answer(builder, start, &TURN, if is_there { 200 } else { 404 });
    if !is_there {
        builder.look_alike(DETECTOR, Service::Hourglass, None);
    }
}

/// Calls somebody whose clock is ahead by so much, which is less than the call takes.
fn call_ahead(builder: &mut TraceBuilder, start: u64, [entry, operation]: [&'static Operation; 2], ahead: u64) {
    request(builder, entry, start, |builder, caller| {
        builder.call(caller, operation, |builder, callee| toil(&mut builder.random, callee, 40));
        200
    });
    for span in builder.spans.iter_mut().filter(|span| span.service == operation.service) {
        span.record.start_unix_nano += ahead;
        span.record.end_unix_nano += ahead;
    }
}

fn clock_ahead(builder: &mut TraceBuilder, start: u64, _number: u64) {
    call_ahead(builder, start, [&BEAT, &FLASH], 15 * MILLISECOND);
    builder.planted(DETECTOR, Service::Metronome, Some(Service::Lighthouse.name()));
    builder.of_kind("clock-skew");
}

fn clock_nearly_right(builder: &mut TraceBuilder, start: u64, _number: u64) {
    call_ahead(builder, start, [&SWING, &BLINK], 500 * MICROSECOND);
    builder.look_alike(DETECTOR, Service::Pendulum, Some(Service::Beacon.name()));
}
