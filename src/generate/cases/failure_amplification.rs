//! Failures that spread from service to service, and failures that do not.

use super::{Case, visit};
use crate::generate::labels::Detector;
use crate::generate::shop::*;
use crate::generate::trace_builder::{MILLISECOND, Sent, TraceBuilder};

const DETECTOR: Detector = Detector::FailureAmplification;

pub(super) static CASES: &[Case] = &[
    Case { name: "outside-host-down", play: outside_host_down },
    Case { name: "database-down", play: database_down },
    Case { name: "exception", play: exception },
    Case { name: "slow-callee", play: slow_callee },
    Case { name: "stopped-halfway", play: stopped_halfway },
    Case { name: "unreached-service", play: unreached_service },
    Case { name: "fallback-at-first-caller", play: fallback_at_first_caller },
    Case { name: "handled-not-found", play: handled_not_found },
    Case { name: "timeout-with-fallback", play: timeout_with_fallback },
    Case { name: "failed-consumer", play: failed_consumer },
];

/// The payment host fails, and with it payment, checkout and the entry.
fn outside_host_down(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &SUBMIT_CHECKOUT, start, |builder, web| {
        builder.send(web, &PLACE_ORDER, Sent::default(), |builder, checkout| {
            builder.call_leaf(checkout, &GET_CART_CONTENT, Sent::default(), 200);
            builder.send(checkout, &CHARGE, Sent::default(), |builder, payment| {
                builder.ask(payment, &INSERT_CHARGE);
                builder.reach(payment, &CAPTURE, Sent::default(), 503);
                502
            });
            500
        })
    });
    builder.planted(DETECTOR, Service::Payment, Some(Partner::PaymentHost.host()));
}

fn database_down(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &MOBILE_CHECKOUT, start, |builder, mobile| {
        builder.send(mobile, &CREATE_ORDER, Sent::default(), |builder, orders| {
            builder.send(orders, &RESERVE, Sent::default(), |builder, inventory| {
                builder.ask_with(inventory, &SELECT_STOCK, Some("java.sql.SQLTransientConnectionException"));
                503
            });
            500
        });
        500
    });
    builder.planted(DETECTOR, Service::Inventory, Some(Store::InventoryDb.semantics().target));
}

/// Pricing fails by itself.
fn exception(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &CART_PAGE, start, |builder, web| {
        builder.send(web, &GET_CATEGORY, Sent::default(), |builder, catalog| {
            builder.ask(catalog, &SELECT_CATEGORY);
            builder.send(catalog, &QUOTE, Sent::default(), |builder, pricing| {
                builder.ask(pricing, &SELECT_PRICE);
                builder.throw(pricing, "*errors.errorString", "no price list is valid");
                500
            });
            500
        })
    });
    builder.planted(DETECTOR, Service::Pricing, None);
}

/// Checkout gives up waiting for pricing, which goes on: slow, not failing.
fn slow_callee(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &SUBMIT_CHECKOUT, start, |builder, web| {
        builder.send(web, &PLACE_ORDER, Sent::default(), |builder, checkout| {
            let overrun = builder.random.between(500 * MILLISECOND, 3_000 * MILLISECOND);
            builder.call_timed_out(checkout, &QUOTE, 1_000 * MILLISECOND, overrun);
            504
        })
    });
    builder.planted(DETECTOR, Service::Pricing, None);
}

/// Two services fail, and the entry does without them.
fn stopped_halfway(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &PRODUCT_PAGE, start, |builder, web| {
        builder.send(web, &RECOMMEND, Sent::default(), |builder, recommendation| {
            builder.send(recommendation, &GET_PRODUCT_DETAILS, Sent::default(), |builder, catalog| {
                builder.throw(catalog, "java.lang.NullPointerException", "product is null");
                500
            });
            500
        });
        200
    });
    builder.planted(DETECTOR, Service::Catalog, None);
}

/// Nobody listens at inventory, which has no span in the trace.
fn unreached_service(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &SUBMIT_CHECKOUT, start, |builder, web| {
        builder.send(web, &CREATE_ORDER, Sent::default(), |builder, orders| {
            builder.work(orders, "validate order");
            builder.call_refused(orders, &RESERVE, Sent::default());
            503
        })
    });
    builder.planted(DETECTOR, Service::Orders, Some("inventory"));
}

fn fallback_at_first_caller(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &PRODUCT_PAGE, start, |builder, web| {
        builder.send(web, &RECOMMEND, Sent::default(), |builder, recommendation| {
            builder.throw(recommendation, "KeyError", "'embedding'");
            500
        });
        builder.work(web, "use default recommendations");
        200
    });
    builder.look_alike(DETECTOR, Service::Recommendation, None);
}

fn handled_not_found(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &PRODUCT_PAGE, start, |builder, web| {
        builder.send(web, &GET_REVIEWS, Sent::default(), |builder, reviews| {
            builder.ask(reviews, &FIND_REVIEWS);
            404
        });
        builder.work(web, "show no reviews");
        200
    });
    builder.look_alike(DETECTOR, Service::Web, Some("reviews"));
}

fn timeout_with_fallback(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &PRODUCT_PAGE, start, |builder, web| {
        builder.call_timed_out(web, &RECOMMEND, 300 * MILLISECOND, 400 * MILLISECOND);
        builder.work(web, "use default recommendations");
        200
    });
    builder.look_alike(DETECTOR, Service::Recommendation, None);
}

/// A message cannot be processed; whoever sent it does not notice.
fn failed_consumer(builder: &mut TraceBuilder, start: u64) {
    let mut producer = 0;
    visit(builder, &SUBMIT_CHECKOUT, start, |builder, web| {
        builder.call(web, &CREATE_ORDER, |builder, orders| producer = builder.publish(orders, Topic::MailQueued));
        200
    });
    let mut handler = builder.process(producer, Service::Notification, Topic::MailQueued);
    builder.reach(&mut handler, &SEND_MAIL, Sent::default(), 503);
    builder.processed(handler, Some("MailRejected"));
    builder.look_alike(DETECTOR, Service::Notification, Some(Partner::Mailer.host()));
}
