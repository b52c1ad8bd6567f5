//! Traffic without any anti-pattern, by construction: no target is called more than five times in a trace, no chain has
//! more than three hops, nothing is tried more than twice, and no failure reaches a second service.

use super::shop::{ENTRIES, Operation, Service, Step, Target, Topic, steps_of_consumer};
use super::trace_builder::{Handler, Sent, TraceBuilder};

const MAX_CALLS: u8 = 5;
const MAX_HOPS: u32 = 3;
const MEDIAN_SPANS: u64 = 20;
/// Standard deviation of the binary logarithm of the number of spans.
const SPREAD_OF_SPANS: f64 = 1.15;
/// Share of traces in which one call fails without consequence.
const HARMLESS_FAILURES: f64 = 0.02;

/// What a trace may still do.
struct Allowance {
    calls: [u8; Target::COUNT],
    spans: u64,
    harmless_failure: bool,
    messages: Vec<(usize, Topic)>,
}

impl Allowance {
    fn take(&mut self, target: impl Into<Target>) -> bool {
        let left = &mut self.calls[target.into().0];
        let taken = *left > 0;
        *left = left.saturating_sub(1);
        taken
    }
}

/// Plays one request from outside and all that follows from it.
pub(super) fn play(builder: &mut TraceBuilder, start: u64) {
    let entry = *builder.random.choose(ENTRIES);
    let spans = builder.random.log_normal(MEDIAN_SPANS, SPREAD_OF_SPANS).clamp(1, 1_000);
    let harmless_failure = builder.random.chance(HARMLESS_FAILURES);
    let mut allowance =
        Allowance { calls: [MAX_CALLS; Target::COUNT], spans: spans - 1, harmless_failure, messages: Vec::new() };
    let mut handler = builder.arrive(entry, start);
    let share = allowance.spans;
    serve(builder, &mut handler, entry, MAX_HOPS, share, &mut allowance);
    builder.depart(handler, entry, 200);
    while let Some((producer, topic)) = allowance.messages.pop() {
        for &receiver in topic.consumers() {
            consume(builder, producer, receiver, topic, &mut allowance);
        }
    }
}

/// Serves `operation` in about `share` spans, which come off the allowance.
fn serve(
    builder: &mut TraceBuilder,
    handler: &mut Handler,
    operation: &'static Operation,
    hops: u32,
    share: u64,
    allowance: &mut Allowance,
) {
    let floor = allowance.spans - share;
    let mut latest = handler.now;
    let mut branches = 0;
    // Larger traces go through their steps several times: more products, more images.
    for _ in 0..3 {
        for step in operation.steps {
            let left = allowance.spans.saturating_sub(floor);
            if left == 0 {
                break;
            }
            match step {
                Step::Call(callee) => {
                    if hops == 0 || left < 2 || !allowance.take(callee.service) {
                        continue;
                    }
                    let mut branch = *handler;
                    call(builder, &mut branch, callee, hops, left, allowance);
                    if operation.parallel {
                        latest = latest.max(branch.now);
                        branches += 1;
                        builder.pass(handler);
                    } else {
                        *handler = branch;
                    }
                }
                Step::Work(_) if branches > 0 => {
                    handler.now = latest.max(handler.now);
                    branches = 0;
                    take_step(builder, handler, step, allowance);
                }
                _ => take_step(builder, handler, step, allowance),
            }
        }
        handler.now = latest.max(handler.now);
    }
    while allowance.spans > floor {
        work(builder, handler, floor, allowance);
    }
}

fn call(
    builder: &mut TraceBuilder,
    handler: &mut Handler,
    callee: &'static Operation,
    hops: u32,
    left: u64,
    allowance: &mut Allowance,
) {
    allowance.spans -= 2;
    let share = builder.random.between(0, (left - 2) / 2);
    let code = if allowance.harmless_failure {
        allowance.harmless_failure = false;
        *builder.random.choose(&[404, 500, 503])
    } else {
        200
    };
    builder.send(handler, callee, Sent::default(), |builder, inner| {
        if code == 200 {
            serve(builder, inner, callee, hops - 1, share, allowance);
        }
        code
    });
}

/// Takes a step that calls no service.
fn take_step(builder: &mut TraceBuilder, handler: &mut Handler, step: &'static Step, allowance: &mut Allowance) {
    match step {
        Step::Call(_) => {}
        Step::Ask(query) => {
            if allowance.take(query.store) {
                allowance.spans -= 1;
                builder.ask(handler, query);
            }
        }
        Step::Reach(endpoint) => {
            if allowance.take(endpoint.partner) {
                allowance.spans -= 1;
                builder.reach(handler, endpoint, Sent::default(), 200);
            }
        }
        Step::Publish(topic) => {
            if allowance.take(*topic) {
                allowance.spans -= 1;
                let producer = builder.publish(handler, *topic);
                allowance.messages.push((producer, *topic));
            }
        }
        Step::Work(name) => {
            allowance.spans -= 1;
            builder.work(handler, name);
        }
    }
}

/// Uses up to four spans of the allowance for nested work.
fn work(builder: &mut TraceBuilder, handler: &mut Handler, floor: u64, allowance: &mut Allowance) {
    const NAMES: [&str; 4] = ["load settings", "decode", "check permissions", "format"];
    let mut stack = [*handler; 4];
    let depth = builder.random.between(1, 4).min(allowance.spans - floor) as usize;
    for level in 0..depth {
        let outer = if level == 0 { &mut *handler } else { &mut stack[level - 1] };
        stack[level] = builder.enter(outer, NAMES[level]);
    }
    stack[depth - 1].now += builder.random.log_normal(200_000, 1.0);
    for level in (0..depth).rev() {
        let inner = stack[level];
        let outer = if level == 0 { &mut *handler } else { &mut stack[level - 1] };
        builder.leave(outer, inner);
    }
    allowance.spans -= depth as u64;
}

/// Messages are processed whatever is left of the allowance, but calls stay bounded.
fn consume(builder: &mut TraceBuilder, producer: usize, receiver: Service, topic: Topic, allowance: &mut Allowance) {
    let mut handler = builder.process(producer, receiver, topic);
    for step in steps_of_consumer(receiver) {
        allowance.spans = allowance.spans.max(1);
        take_step(builder, &mut handler, step, allowance);
    }
    builder.processed(handler, None);
}
