//! Many calls to one target in one trace, and what only looks so.

use super::{Case, visit};
use crate::generate::labels::{Detector, LabelKind};
use crate::generate::shop::*;
use crate::generate::trace_builder::{Handler, Sent, TraceBuilder};
use crate::span::SpanKind;

const DETECTOR: Detector = Detector::NPlusOne;

pub(super) static CASES: &[Case] = &[
    Case { name: "loop-service", play: loop_over_service },
    Case { name: "loop-service-that-queries", play: loop_over_service_that_queries },
    Case { name: "loop-database-orm", play: loop_over_database },
    Case { name: "redundant-query", play: redundant_query },
    Case { name: "parallel-fan-out", play: parallel_fan_out },
    Case { name: "scattered", play: scattered },
    Case { name: "scattered-over-callers", play: scattered_over_callers },
    Case { name: "exactly-five-calls", play: exactly_five_calls },
    Case { name: "two-targets-three-calls", play: two_targets_three_calls },
    Case { name: "transactions-and-pool", play: transactions_and_pool },
    Case { name: "heartbeats", play: heartbeats },
    Case { name: "loop-with-async-consumers", play: loop_with_async_consumers },
];

fn loop_over_service(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &ORDERS_PAGE, start, |builder, web| {
        builder.call(web, &LIST_ORDERS, |builder, orders| {
            builder.ask(orders, &SELECT_ORDERS);
            for _ in 0..builder.random.between(6, 24) {
                builder.call_leaf(orders, &GET_PRODUCT_DETAILS, Sent::default(), 200);
            }
        });
        200
    });
    builder.planted(DETECTOR, Service::Orders, Some("catalog"));
}

/// Each call of the loop makes a query, so that the database sees a loop too, induced by the first.
fn loop_over_service_that_queries(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &ORDERS_PAGE, start, |builder, web| {
        builder.call(web, &LIST_ORDERS, |builder, orders| {
            builder.ask(orders, &SELECT_ORDERS);
            for _ in 0..builder.random.between(6, 24) {
                builder.call(orders, &GET_PRODUCT_DETAILS, |builder, catalog| builder.ask(catalog, &SELECT_PRODUCT));
            }
        });
        200
    });
    builder.planted(DETECTOR, Service::Orders, Some("catalog"));
    builder.planted(DETECTOR, Service::Catalog, Some(Store::CatalogDb.semantics().target));
}

/// An object-relational mapper loads the lines of each order; its spans and the driver's are one call each.
fn loop_over_database(builder: &mut TraceBuilder, start: u64) {
    let kind = if builder.random.chance(0.5) { SpanKind::Internal } else { SpanKind::Client };
    visit(builder, &ORDERS_PAGE, start, |builder, web| {
        builder.call(web, &LIST_ORDERS, |builder, orders| {
            builder.ask_through_orm(orders, &SELECT_ORDERS, "Session.find Order", kind);
            let mut mapping = builder.enter(orders, "OrderMapper.map");
            for _ in 0..builder.random.between(6, 40) {
                builder.ask_through_orm(&mut mapping, &SELECT_ORDER_LINES, "Session.find OrderLine", kind);
            }
            builder.leave(orders, mapping);
        });
        200
    });
    builder.planted(DETECTOR, Service::Orders, Some(Store::OrdersDb.semantics().target));
}

/// The query text holds its arguments, and they never change.
fn redundant_query(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &CART_PAGE, start, |builder, web| {
        builder.call(web, &TAX, |builder, tax| {
            for _ in 0..builder.random.between(6, 14) {
                builder.ask(tax, &SELECT_TAX_RATE);
                builder.work(tax, "apply rate");
            }
        });
        200
    });
    builder.planted(DETECTOR, Service::Tax, Some(Store::PricingDb.semantics().target));
}

fn parallel_fan_out(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &SEARCH_PAGE, start, |builder, web| {
        builder.call(web, &RUN_QUERY, |builder, search| {
            builder.ask(search, &SEARCH_PRODUCTS);
            let mut latest = search.now;
            for _ in 0..builder.random.between(8, 24) {
                let mut branch = *search;
                builder.call_leaf(&mut branch, &GET_STOCK, Sent::default(), 200);
                latest = latest.max(branch.now);
                search.now += 4_000;
            }
            search.now = latest.max(search.now);
        });
        200
    });
    builder.planted(DETECTOR, Service::Search, Some("inventory"));
}

/// No single request of `account` makes more than five queries; together they do.
fn scattered(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &ORDERS_PAGE, start, |builder, web| {
        for _ in 0..3 {
            builder.call(web, &GET_ACCOUNT, |builder, account| {
                builder.ask(account, &SELECT_ACCOUNT);
                builder.ask(account, &SELECT_CONSENTS);
                builder.work(account, "map account");
                builder.ask(account, &SELECT_CONSENTS);
            });
        }
        200
    });
    builder.planted(DETECTOR, Service::Account, Some(Store::AccountDb.semantics().target));
}

/// No caller makes more than five calls to `session`; four callers together do.
fn scattered_over_callers(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &SUBMIT_CHECKOUT, start, |builder, web| {
        validate_twice(builder, web);
        builder.call(web, &GET_ACCOUNT, validate_twice);
        builder.call(web, &PLACE_ORDER, |builder, checkout| {
            validate_twice(builder, checkout);
            builder.call(checkout, &CREATE_ORDER, validate_twice);
        });
        200
    });
    builder.label(DETECTOR, LabelKind::Planted, "*", Some("session"));
}

fn validate_twice(builder: &mut TraceBuilder, handler: &mut Handler) {
    for _ in 0..2 {
        builder.call_leaf(handler, &VALIDATE_SESSION, Sent::default(), 200);
        builder.work(handler, "check permissions");
    }
}

fn exactly_five_calls(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &ORDERS_PAGE, start, |builder, web| {
        builder.call(web, &LIST_ORDERS, |builder, orders| {
            for _ in 0..5 {
                builder.call(orders, &GET_PRODUCT_DETAILS, |builder, catalog| builder.ask(catalog, &SELECT_PRODUCT));
            }
        });
        200
    });
    builder.look_alike(DETECTOR, Service::Orders, Some("catalog"));
}

/// Six calls of one caller, but to two targets.
fn two_targets_three_calls(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &CART_PAGE, start, |builder, web| {
        builder.call(web, &GET_CART_CONTENT, |builder, cart| {
            for _ in 0..3 {
                builder.ask(cart, &GET_CART);
                builder.call_leaf(cart, &CHECK_STOCK, Sent::default(), 200);
            }
        });
        200
    });
    builder.look_alike(DETECTOR, Service::Cart, Some("inventory"));
    builder.look_alike(DETECTOR, Service::Cart, Some(Store::CartCache.semantics().target));
}

/// Four inserts, each with a connect, a BEGIN and a COMMIT that are no calls.
fn transactions_and_pool(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &SUBMIT_CHECKOUT, start, |builder, web| {
        builder.call(web, &CREATE_ORDER, |builder, orders| {
            for _ in 0..4 {
                builder.plumb(orders, &INSERT_ORDER, "pg-pool.connect", None);
                builder.ask(orders, &BEGIN);
                builder.ask(orders, &INSERT_ORDER);
                builder.ask(orders, &COMMIT);
            }
        });
        200
    });
    builder.look_alike(DETECTOR, Service::Orders, Some(Store::OrdersDb.semantics().target));
}

/// The driver asks its server whether it is still the primary, again and again.
fn heartbeats(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &PRODUCT_PAGE, start, |builder, web| {
        builder.call(web, &GET_REVIEWS, |builder, reviews| {
            for _ in 0..builder.random.between(7, 12) {
                builder.plumb(reviews, &FIND_REVIEWS, "mongodb.isMaster", Some("isMaster"));
            }
            for _ in 0..3 {
                builder.ask(reviews, &FIND_REVIEWS);
            }
        });
        200
    });
    builder.look_alike(DETECTOR, Service::Reviews, Some(Store::ReviewsDb.semantics().target));
}

/// Five messages, each processed by three services: no service is called more than once.
fn loop_with_async_consumers(builder: &mut TraceBuilder, start: u64) {
    let mut producers = Vec::new();
    visit(builder, &SUBMIT_CHECKOUT, start, |builder, web| {
        builder.call(web, &CREATE_ORDER, |builder, orders| {
            for _ in 0..5 {
                producers.push(builder.publish(orders, Topic::OrderPlaced));
            }
        });
        200
    });
    for producer in producers {
        for &receiver in Topic::OrderPlaced.consumers() {
            let mut handler = builder.process(producer, receiver, Topic::OrderPlaced);
            match receiver {
                Service::Warehouse => builder.ask(&mut handler, &INSERT_PICK),
                Service::Invoicing => builder.ask(&mut handler, &INSERT_INVOICE),
                _ => builder.work(&mut handler, "render mail"),
            }
            builder.processed(handler, None);
        }
    }
    for &receiver in Topic::OrderPlaced.consumers() {
        builder.look_alike(DETECTOR, Service::Orders, Some(receiver.name()));
    }
}
