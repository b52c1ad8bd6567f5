//! What traces do not show, and what only looks as if something were missing.

use super::{Smell, request, toil};
use crate::generate::conventions::put_text;
use crate::generate::labels::Detector;
use crate::generate::shop::*;
use crate::generate::trace_builder::{Handler, MICROSECOND, MILLISECOND, Scope, Sent, TraceBuilder};
use crate::span::{SpanId, SpanKind, StatusCode};

const DETECTOR: Detector = Detector::TraceQuality;

pub(super) static SMELLS: &[Smell] = &[
    Smell { name: "callee-not-there", play: callee_not_there },
    Smell { name: "callee-outside", play: callee_outside },
    Smell { name: "error-without-status", play: error_without_status },
    Smell { name: "refused-without-status", play: refused_without_status },
    Smell { name: "clock-ahead", play: clock_ahead },
    Smell { name: "clock-nearly-right", play: clock_nearly_right },
    Smell { name: "root-not-there", play: root_not_there },
    Smell { name: "work-that-is-late", play: work_that_is_late },
    Smell { name: "begins-with-a-call", play: begins_with_a_call },
    Smell { name: "begins-with-a-job", play: begins_with_a_job },
    Smell { name: "serves-and-does-not-say-so", play: serves_and_does_not_say_so },
    Smell { name: "works-inside", play: works_inside },
    Smell { name: "calls-nobody-knows-whom", play: calls_nobody_knows_whom },
    Smell { name: "calls-a-partner", play: calls_a_partner },
    Smell { name: "has-no-name", play: has_no_name },
    Smell { name: "is-called-unknowns", play: is_called_unknowns },
    Smell { name: "names-without-end", play: names_without_end },
    Smell { name: "names-with-numbers", play: names_with_numbers },
    Smell { name: "context-not-handed-on", play: context_not_handed_on },
    Smell { name: "context-handed-on", play: context_handed_on },
    Smell { name: "callee-not-traced", play: callee_not_traced },
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
static FETCH_WINE: Operation = http!(Cellar "GET" "/wines/{id}" []);
static FETCH_TRUNK: Operation = http!(Attic "GET" "/trunks/{id}" []);
static RING: Operation = http!(Belfry "POST" "/peals" []);
static PLAY: Operation = http!(Organ "POST" "/hymns" []);
static ORDER_CLOTH: Operation = http!(Weaver "POST" "/cloths" []);
static WEAVE: Operation = http!(Loom "POST" "/weaves" []);
static ORDER_YARN: Operation = http!(Spinner "POST" "/yarns" []);
static SPIN: Operation = http!(Spindle "POST" "/spins" []);
static FORETELL: Operation = http!(Oracle "GET" "/fates/{id}" []);
static WATCH_BIRDS: Operation = http!(Augur "GET" "/omens/{id}" []);
static DO_SOMETHING: Operation = http!(Nameless "GET" "/things/{id}" []);
static COUNT_UNKNOWNS: Operation = http!(Unknowns "GET" "/equations/{id}" []);
static WRITE_LETTERS: Operation = http!(Scribe "POST" "/letters" []);
static COPY_PAGES: Operation = http!(Copyist "POST" "/copies" []);
static CROSS_BRIDGE: Operation = http!(Bridge "POST" "/crossings" []);
static PAY_TOLL: Operation = http!(Toll "POST" "/tolls" []);
static CROSS_FORD: Operation = http!(Ford "POST" "/crossings" []);
static LAND: Operation = http!(Dock "POST" "/landings" []);
static STORE_GOLD: Operation = http!(Vault "POST" "/bars" []);

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
    builder.of_kind("uninstrumented-callee");
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

/// Every third time the root is not there.
fn root_not_there(builder: &mut TraceBuilder, start: u64, number: u64) {
    request(builder, &FETCH_WINE, start, |builder, cellar| {
        builder.work(cellar, "go down");
        builder.work(cellar, "come up");
        200
    });
    if number.is_multiple_of(3) {
        builder.spans.retain(|span| span.record.parent_span_id != SpanId::NONE);
        for kind in ["orphan", "missing-root"] {
            builder.planted(DETECTOR, Service::Cellar, None);
            builder.of_kind(kind);
        }
    }
}

/// What goes on when the request is answered is no orphan.
fn work_that_is_late(builder: &mut TraceBuilder, start: u64, _number: u64) {
    request(builder, &FETCH_TRUNK, start, |builder, attic| {
        builder.work(attic, "look around");
        200
    });
    for span in builder.spans.iter_mut().filter(|span| span.record.kind == SpanKind::Internal) {
        span.record.start_unix_nano += 200 * MILLISECOND;
        span.record.end_unix_nano += 200 * MILLISECOND;
    }
    builder.look_alike(DETECTOR, Service::Attic, None);
    builder.of_kind("orphan");
}

/// A job that nobody asked for calls somebody.
fn job(builder: &mut TraceBuilder, start: u64, service: Service, operation: &'static Operation) {
    let span = builder.open(None, service, Scope::Code, SpanKind::Internal, "nightly run", start);
    let mut job = Handler { span, service, now: start };
    builder.pass(&mut job);
    builder.call(&mut job, operation, |builder, callee| toil(&mut builder.random, callee, 8));
    builder.end(span, job.now);
}

/// Who made the call is not traced: a note.
fn begins_with_a_call(builder: &mut TraceBuilder, start: u64, _number: u64) {
    job(builder, start, Service::Sexton, &RING);
    builder.spans.remove(0);
    builder.spans[0].record.parent_span_id = SpanId::NONE;
    builder.planted(DETECTOR, Service::Sexton, None);
    builder.of_kind("client-root");
}

fn begins_with_a_job(builder: &mut TraceBuilder, start: u64, _number: u64) {
    job(builder, start, Service::Verger, &PLAY);
    builder.look_alike(DETECTOR, Service::Verger, None);
    builder.of_kind("client-root");
}

fn ask_once(builder: &mut TraceBuilder, start: u64, [entry, operation]: [&'static Operation; 2]) {
    request(builder, entry, start, |builder, caller| {
        builder.call(caller, operation, |builder, callee| {
            toil(&mut builder.random, callee, 6);
            builder.work(callee, "go to and fro");
        });
        201
    });
}

/// What the loom serves has the kind of what is done inside.
fn serves_and_does_not_say_so(builder: &mut TraceBuilder, start: u64, _number: u64) {
    ask_once(builder, start, [&ORDER_CLOTH, &WEAVE]);
    for span in builder.spans.iter_mut().filter(|span| span.service == Service::Loom) {
        span.record.kind = SpanKind::Internal;
    }
    builder.planted(DETECTOR, Service::Loom, None);
    builder.of_kind("missing-kind");
}

/// What is done inside a service has that kind for good.
fn works_inside(builder: &mut TraceBuilder, start: u64, _number: u64) {
    ask_once(builder, start, [&ORDER_YARN, &SPIN]);
    builder.look_alike(DETECTOR, Service::Spindle, None);
    builder.of_kind("missing-kind");
}

/// Nothing but a name says where the call goes: a note.
fn calls_nobody_knows_whom(builder: &mut TraceBuilder, start: u64, _number: u64) {
    request(builder, &FORETELL, start, |builder, oracle| {
        let span = builder.open(Some(oracle.span), Service::Oracle, Scope::Code, SpanKind::Client, "ask", oracle.now);
        toil(&mut builder.random, oracle, 8);
        builder.end(span, oracle.now);
        200
    });
    builder.planted(DETECTOR, Service::Oracle, None);
    builder.of_kind("unnamed-target");
}

fn calls_a_partner(builder: &mut TraceBuilder, start: u64, _number: u64) {
    request(builder, &WATCH_BIRDS, start, |builder, augur| {
        builder.reach(augur, &FORECAST, Sent::default(), 200);
        200
    });
    builder.look_alike(DETECTOR, Service::Augur, Some(Partner::Weather.host()));
    builder.of_kind("unnamed-target");
}

/// Serves a request alone.
fn serve(builder: &mut TraceBuilder, start: u64, entry: &'static Operation) {
    request(builder, entry, start, |builder, handler| {
        toil(&mut builder.random, handler, 6);
        200
    });
}

/// An SDK that was told no name makes one up.
fn has_no_name(builder: &mut TraceBuilder, start: u64, _number: u64) {
    serve(builder, start, &DO_SOMETHING);
    builder.planted(DETECTOR, Service::Nameless, None);
    builder.of_kind("no-service-name");
}

fn is_called_unknowns(builder: &mut TraceBuilder, start: u64, _number: u64) {
    serve(builder, start, &COUNT_UNKNOWNS);
    builder.look_alike(DETECTOR, Service::Unknowns, None);
    builder.of_kind("no-service-name");
}

/// Works in so many spans, of which `name` says the names.
fn work_in_spans(
    builder: &mut TraceBuilder,
    start: u64,
    entry: &'static Operation,
    name: impl Fn(&mut TraceBuilder) -> String,
) {
    const SPANS: usize = 6;
    request(builder, entry, start, |builder, handler| {
        for _ in 0..SPANS {
            let name = name(builder);
            let span =
                builder.open(Some(handler.span), handler.service, Scope::Code, SpanKind::Internal, name, handler.now);
            toil(&mut builder.random, handler, 2);
            builder.end(span, handler.now);
        }
        201
    });
}

/// A name that hardly anybody else has.
fn name_of_somebody(builder: &mut TraceBuilder) -> String {
    const SYLLABLES: [&str; 16] =
        ["ba", "den", "fi", "gol", "ha", "ju", "ker", "lo", "mi", "nor", "pe", "ro", "sa", "tul", "va", "win"];
    (0..5).map(|_| *builder.random.choose(&SYLLABLES)).collect()
}

/// Each letter's span is called after whom it is for.
fn names_without_end(builder: &mut TraceBuilder, start: u64, _number: u64) {
    work_in_spans(builder, start, &WRITE_LETTERS, |builder| format!("write to {}", name_of_somebody(builder)));
    builder.planted(DETECTOR, Service::Scribe, None);
    builder.of_kind("unbounded-names");
}

/// Numbers in names are no names of their own.
fn names_with_numbers(builder: &mut TraceBuilder, start: u64, _number: u64) {
    work_in_spans(builder, start, &COPY_PAGES, |builder| format!("copy page {}", builder.random.between(1, 999_999)));
    builder.look_alike(DETECTOR, Service::Copyist, None);
    builder.of_kind("unbounded-names");
}

/// The toll does not hear of the trace that it is part of.
fn context_not_handed_on(builder: &mut TraceBuilder, start: u64, _number: u64) {
    ask_once(builder, start, [&CROSS_BRIDGE, &PAY_TOLL]);
    builder.lose_context(Service::Toll);
    builder.planted(DETECTOR, Service::Bridge, Some(Service::Toll.name()));
    builder.of_kind("broken-context");
}

/// The dock is also asked by others while it is asked from the ford.
fn context_handed_on(builder: &mut TraceBuilder, start: u64, _number: u64) {
    ask_once(builder, start, [&CROSS_FORD, &LAND]);
    let of_others = builder.spans.len();
    serve(builder, start + MILLISECOND, &LAND);
    let mut others = builder.spans.split_off(of_others);
    std::mem::swap(&mut builder.spans, &mut others);
    builder.lose_context(Service::Dock);
    others.append(&mut builder.spans);
    builder.spans = others;
    builder.look_alike(DETECTOR, Service::Ford, Some(Service::Dock.name()));
    builder.of_kind("broken-context");
}

/// Who is called has a name, and no spans.
fn callee_not_traced(builder: &mut TraceBuilder, start: u64, _number: u64) {
    request(builder, &STORE_GOLD, start, |builder, vault| {
        let span =
            builder.open(Some(vault.span), Service::Vault, Scope::HttpClient, SpanKind::Client, "POST", vault.now);
        put_text(builder.attributes(span), "http.request.method", "POST");
        put_text(builder.attributes(span), "peer.service", "treasury");
        toil(&mut builder.random, vault, 8);
        builder.end(span, vault.now);
        201
    });
    builder.planted(DETECTOR, Service::Vault, Some("treasury"));
    builder.of_kind("uninstrumented-callee");
}
