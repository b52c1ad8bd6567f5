//! Long chains of synchronous calls, and what only looks so.

use super::{Case, visit};
use crate::generate::labels::Detector;
use crate::generate::shop::*;
use crate::generate::trace_builder::{Ending, Handler, Sent, TraceBuilder};

const DETECTOR: Detector = Detector::SyncChain;

pub(super) static CASES: &[Case] = &[
    Case { name: "four-hops", play: four_hops },
    Case { name: "many-hops", play: many_hops },
    Case { name: "hops-with-revisit", play: hops_with_revisit },
    Case { name: "exactly-three-hops", play: exactly_three_hops },
    Case { name: "deep-internal-nesting", play: deep_internal_nesting },
    Case { name: "asynchronous-chain", play: asynchronous_chain },
    Case { name: "interceptor-spans", play: interceptor_spans },
];

/// Each operation calls the next, with some work before and after.
fn chain(builder: &mut TraceBuilder, handler: &mut Handler, operations: &[&'static Operation]) {
    builder.work(handler, "prepare");
    if let Some((operation, rest)) = operations.split_first() {
        builder.call(handler, operation, |builder, callee| chain(builder, callee, rest));
    }
}

fn four_hops(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &SUBMIT_CHECKOUT, start, |builder, web| {
        chain(builder, web, &[&PLACE_ORDER, &CREATE_ORDER, &RESERVE, &LIST_PICKS]);
        200
    });
    builder.planted(DETECTOR, Service::Web, None);
}

fn many_hops(builder: &mut TraceBuilder, start: u64) {
    const OPERATIONS: [&Operation; 8] =
        [&PLACE_ORDER, &QUOTE, &APPLY_PROMOTION, &GET_CATEGORY, &CHECK_STOCK, &LIST_PICKS, &RATES, &VALIDATE_ADDRESS];
    let hops = builder.random.between(5, 8) as usize;
    visit(builder, &SUBMIT_CHECKOUT, start, |builder, web| {
        chain(builder, web, &OPERATIONS[..hops]);
        200
    });
    builder.planted(DETECTOR, Service::Web, None);
}

fn hops_with_revisit(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &MOBILE_CHECKOUT, start, |builder, mobile| {
        chain(builder, mobile, &[&PLACE_ORDER, &CREATE_ORDER, &QUOTE, &GET_ORDER, &CHECK_STOCK]);
        200
    });
    builder.planted(DETECTOR, Service::MobileBff, None);
}

fn exactly_three_hops(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &SUBMIT_CHECKOUT, start, |builder, web| {
        builder.call(web, &PLACE_ORDER, |builder, checkout| {
            builder.call(checkout, &CREATE_ORDER, |builder, orders| {
                builder.call(orders, &RESERVE, |builder, inventory| {
                    // Stores and hosts outside are no hops.
                    builder.ask(inventory, &RESERVE_STOCK);
                    builder.reach(inventory, &TRACK, Sent::default(), 200);
                });
            });
        });
        200
    });
    builder.look_alike(DETECTOR, Service::Web, None);
}

/// Many spans below one another, but within two services.
fn deep_internal_nesting(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &SEARCH_PAGE, start, |builder, web| {
        builder.call(web, &RUN_QUERY, |builder, search| {
            let depth = builder.random.between(10, 30);
            nest(builder, search, depth);
        });
        200
    });
    builder.look_alike(DETECTOR, Service::Web, None);
}

fn nest(builder: &mut TraceBuilder, handler: &mut Handler, depth: u64) {
    if depth == 0 {
        builder.ask(handler, &SEARCH_PRODUCTS);
        return;
    }
    let mut inner = builder.enter(handler, "Node.evaluate");
    nest(builder, &mut inner, depth - 1);
    builder.leave(handler, inner);
}

/// Six services, but nobody waits for the next one.
fn asynchronous_chain(builder: &mut TraceBuilder, start: u64) {
    const LEGS: [(Topic, Service); 5] = [
        (Topic::OrderPlaced, Service::Warehouse),
        (Topic::PicksReady, Service::Shipping),
        (Topic::StockChanged, Service::SearchIndexer),
        (Topic::MailQueued, Service::Notification),
        (Topic::AuditTrail, Service::Audit),
    ];
    let mut producer = 0;
    visit(builder, &SUBMIT_CHECKOUT, start, |builder, web| {
        builder.call(web, &CREATE_ORDER, |builder, orders| producer = builder.publish(orders, LEGS[0].0));
        200
    });
    for (index, &(topic, receiver)) in LEGS.iter().enumerate() {
        let mut handler = builder.process(producer, receiver, topic);
        builder.work(&mut handler, "handle message");
        if let Some(&(next, _)) = LEGS.get(index + 1) {
            producer = builder.publish(&mut handler, next);
        }
        builder.processed(handler, None);
    }
    builder.look_alike(DETECTOR, Service::Web, None);
}

/// Three hops, each with an interceptor's span between the two halves of the call.
fn interceptor_spans(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &SUBMIT_CHECKOUT, start, |builder, web| {
        intercepted_chain(builder, web, &[&PLACE_ORDER, &QUOTE, &APPLY_PROMOTION]);
        200
    });
    builder.look_alike(DETECTOR, Service::Web, None);
}

fn intercepted_chain(builder: &mut TraceBuilder, handler: &mut Handler, operations: &[&'static Operation]) {
    let Some((operation, rest)) = operations.split_first() else {
        builder.work(handler, "handle request");
        return;
    };
    let pending = builder.open_client(handler, operation, Sent::default());
    let mut client = Handler { span: pending.span, ..*handler };
    builder.pass(&mut client);
    let mut interceptor = builder.enter(&mut client, "DeadlineInterceptor.intercept");
    let mut callee = builder.receive(interceptor.span, pending, operation);
    intercepted_chain(builder, &mut callee, rest);
    interceptor.now = builder.answer(callee, operation, 200);
    builder.leave(&mut client, interceptor);
    builder.close_client(pending, Ending::Answer(200), client.now);
    handler.now = client.now;
    builder.pass(handler);
}
