//! Requests that are tried again and again, and what only looks so.

use super::{Case, visit};
use crate::generate::labels::Detector;
use crate::generate::shop::*;
use crate::generate::trace_builder::{Ending, Handler, MILLISECOND, Sent, TraceBuilder};

const DETECTOR: Detector = Detector::RetryStorm;

pub(super) static CASES: &[Case] = &[
    Case { name: "exponential-backoff", play: exponential_backoff },
    Case { name: "fixed-backoff", play: fixed_backoff },
    Case { name: "no-backoff", play: no_backoff },
    Case { name: "nested-three-by-three", play: nested_three_by_three },
    Case { name: "resend-count", play: resend_count },
    Case { name: "deadlocked-statement", play: deadlocked_statement },
    Case { name: "retries-exhausted", play: retries_exhausted },
    Case { name: "loop-one-failed-item", play: loop_with_one_failed_item },
    Case { name: "loop-over-failing-service", play: loop_over_failing_service },
    Case { name: "loop-over-unreachable-service", play: loop_over_unreachable_service },
    Case { name: "polling", play: polling },
    Case { name: "token-refresh", play: token_refresh },
    Case { name: "redirects", play: redirects },
    Case { name: "hedges", play: hedges },
    Case { name: "healed-by-one-retry", play: healed_by_one_retry },
    Case { name: "exactly-three-attempts", play: exactly_three_attempts },
];

/// How long a client waits before it tries again.
#[derive(Clone, Copy)]
enum Backoff {
    None,
    /// The same time each time.
    Fixed(u64),
    /// Twice as long each time, with jitter.
    Exponential(u64),
}

impl Backoff {
    fn wait(self, builder: &mut TraceBuilder, handler: &mut Handler, retry: u64) {
        handler.now += match self {
            Self::None => 0,
            Self::Fixed(time) => time,
            Self::Exponential(first) => builder.random.between(first * 3 / 4, first * 5 / 4) << (retry - 1),
        };
    }
}

/// Sends a request `attempts` times; only the last attempt gets the answer `last`, the others get `failure`.
fn attempt(
    builder: &mut TraceBuilder,
    handler: &mut Handler,
    operation: &'static Operation,
    attempts: u64,
    backoff: Backoff,
    [failure, last]: [u16; 2],
) {
    let sent = Sent::with_argument(builder.random.between(1_000, 999_999));
    for attempt in 1..=attempts {
        builder.call_leaf(handler, operation, sent, if attempt == attempts { last } else { failure });
        if attempt < attempts {
            backoff.wait(builder, handler, attempt);
        }
    }
}

fn exponential_backoff(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &SUBMIT_CHECKOUT, start, |builder, web| {
        builder.call(web, &PLACE_ORDER, |builder, checkout| {
            let attempts = builder.random.between(4, 5);
            attempt(builder, checkout, &CHARGE, attempts, Backoff::Exponential(100 * MILLISECOND), [503, 200]);
        });
        200
    });
    builder.planted(DETECTOR, Service::Checkout, Some("payment"));
}

/// All attempts fail, and the caller does without.
fn fixed_backoff(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &CART_PAGE, start, |builder, web| {
        let attempts = builder.random.between(4, 5);
        attempt(builder, web, &RATES, attempts, Backoff::Fixed(200 * MILLISECOND), [503, 503]);
        200
    });
    builder.planted(DETECTOR, Service::Web, Some("shipping"));
}

/// So many attempts that they are also too many calls to one target.
fn no_backoff(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &PRODUCT_PAGE, start, |builder, web| {
        builder.call(web, &GET_PRODUCT_DETAILS, |builder, catalog| {
            let attempts = builder.random.between(6, 9);
            attempt(builder, catalog, &QUOTE, attempts, Backoff::None, [503, 200]);
        });
        200
    });
    builder.planted(DETECTOR, Service::Catalog, Some("pricing"));
    builder.planted(Detector::NPlusOne, Service::Catalog, Some("pricing"));
}

/// Two layers that each try three times: nine calls at the bottom, and a failure that fails two services.
fn nested_three_by_three(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &ORDERS_PAGE, start, |builder, web| {
        for outer in 1..=3 {
            builder.send(web, &LIST_ORDERS, Sent::default(), |builder, orders| {
                let last = if outer == 3 { 200 } else { 503 };
                attempt(builder, orders, &CHECK_STOCK, 3, Backoff::Fixed(50 * MILLISECOND), [503, last]);
                last
            });
            if outer < 3 {
                Backoff::Fixed(300 * MILLISECOND).wait(builder, web, outer);
            }
        }
        200
    });
    builder.planted(DETECTOR, Service::Web, Some("orders"));
    builder.planted(Detector::NPlusOne, Service::Orders, Some("inventory"));
    builder.planted(Detector::FailureAmplification, Service::Inventory, None);
}

/// The client library counts its attempts.
fn resend_count(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &ORDERS_PAGE, start, |builder, web| {
        builder.call(web, &TRACK_SHIPMENT, |builder, shipping| {
            let argument = builder.random.between(1_000, 999_999);
            let attempts = builder.random.between(4, 5);
            for resend_count in 0..attempts {
                let code = if resend_count + 1 < attempts { 503 } else { 200 };
                builder.reach(shipping, &TRACK, Sent { argument, resend_count }, code);
                if code != 200 {
                    Backoff::Exponential(50 * MILLISECOND).wait(builder, shipping, resend_count + 1);
                }
            }
        });
        200
    });
    builder.planted(DETECTOR, Service::Shipping, Some(Partner::Carrier.host()));
}

fn deadlocked_statement(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &SUBMIT_CHECKOUT, start, |builder, web| {
        builder.call(web, &RESERVE, |builder, inventory| {
            for retry in 1..=builder.random.between(3, 4) {
                builder.ask_with(inventory, &RESERVE_STOCK, Some("40P01"));
                Backoff::Exponential(10 * MILLISECOND).wait(builder, inventory, retry);
            }
            builder.ask(inventory, &RESERVE_STOCK);
        });
        200
    });
    builder.planted(DETECTOR, Service::Inventory, Some(Store::InventoryDb.semantics().target));
}

/// All attempts fail, and so does everything above.
fn retries_exhausted(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &SUBMIT_CHECKOUT, start, |builder, web| {
        builder.send(web, &PLACE_ORDER, Sent::default(), |builder, checkout| {
            let attempts = builder.random.between(4, 5);
            attempt(builder, checkout, &CHARGE, attempts, Backoff::Fixed(100 * MILLISECOND), [503, 503]);
            503
        })
    });
    builder.planted(DETECTOR, Service::Checkout, Some("payment"));
    builder.planted(Detector::FailureAmplification, Service::Payment, None);
}

/// The call after the failed one is for the next item.
fn loop_with_one_failed_item(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &ORDERS_PAGE, start, |builder, web| {
        builder.call(web, &LIST_ORDERS, |builder, orders| {
            let failed = builder.random.between(1, 6);
            for item in 0..8 {
                builder.call_leaf(orders, &CHECK_STOCK, Sent::default(), if item == failed { 500 } else { 200 });
            }
        });
        200
    });
    builder.look_alike(DETECTOR, Service::Orders, Some("inventory"));
    builder.planted(Detector::NPlusOne, Service::Orders, Some("inventory"));
}

/// The service goes down in the middle of a loop. What is asked of it was not recorded.
fn loop_over_failing_service(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &ORDERS_PAGE, start, |builder, web| {
        builder.call(web, &LIST_ORDERS, |builder, orders| {
            for item in 0..9 {
                builder.call_leaf(orders, &CHECK_STOCK, Sent::default(), if item < 4 { 200 } else { 503 });
            }
        });
        200
    });
    builder.look_alike(DETECTOR, Service::Orders, Some("inventory"));
    builder.planted(Detector::NPlusOne, Service::Orders, Some("inventory"));
}

/// The service goes away in the middle of a loop. Each request was for something else, as its URL shows.
fn loop_over_unreachable_service(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &ORDERS_PAGE, start, |builder, web| {
        builder.call(web, &LIST_ORDERS, |builder, orders| {
            for item in 0..9 {
                let sent = Sent::with_argument(2_000 + item);
                if item < 2 {
                    builder.call_leaf(orders, &GET_STOCK, sent, 200);
                } else {
                    builder.call_refused(orders, &GET_STOCK, sent);
                }
            }
        });
        200
    });
    builder.look_alike(DETECTOR, Service::Orders, Some("inventory"));
    builder.planted(Detector::NPlusOne, Service::Orders, Some("inventory"));
}

/// The same request again and again, but none fails.
fn polling(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &SUBMIT_CHECKOUT, start, |builder, web| {
        builder.call(web, &CHARGE, |builder, payment| {
            let sent = Sent::with_argument(builder.random.between(1_000, 999_999));
            for _ in 0..5 {
                builder.reach(payment, &CAPTURE_STATUS, sent, 200);
                payment.now += 100 * MILLISECOND;
            }
        });
        200
    });
    builder.look_alike(DETECTOR, Service::Payment, Some(Partner::PaymentHost.host()));
}

/// A token is renewed after each 401.
fn token_refresh(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &SUBMIT_CHECKOUT, start, |builder, web| {
        builder.call(web, &CHARGE, |builder, payment| {
            let sent = Sent::with_argument(builder.random.between(1_000, 999_999));
            for _ in 0..3 {
                builder.reach(payment, &CAPTURE_STATUS, sent, 401);
                builder.call_leaf(payment, &VALIDATE_SESSION, Sent::default(), 200);
            }
            builder.reach(payment, &CAPTURE_STATUS, sent, 200);
        });
        200
    });
    builder.look_alike(DETECTOR, Service::Payment, Some(Partner::PaymentHost.host()));
}

/// The client library counts redirects as re-sent requests.
fn redirects(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &ORDERS_PAGE, start, |builder, web| {
        builder.call(web, &TRACK_SHIPMENT, |builder, shipping| {
            let argument = builder.random.between(1_000, 999_999);
            for resend_count in 0..5 {
                let code = if resend_count < 4 { 302 } else { 200 };
                builder.reach(shipping, &TRACK, Sent { argument, resend_count }, code);
            }
        });
        200
    });
    builder.look_alike(DETECTOR, Service::Shipping, Some(Partner::Carrier.host()));
}

/// Copies of one request are sent before the first is answered; the last one wins, and the others are cancelled.
fn hedges(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &CART_PAGE, start, |builder, web| {
        let sent = Sent::with_argument(builder.random.between(1_000, 999_999));
        let mut copies = Vec::new();
        for _ in 0..4 {
            let pending = builder.open_client(web, &RATES, sent);
            copies.push((pending, builder.receive(pending.span, pending, &RATES)));
            web.now += 20 * MILLISECOND;
        }
        if let Some((pending, mut winner)) = copies.pop() {
            builder.work(&mut winner, "pick rate");
            web.now = web.now.max(builder.answer(winner, &RATES, 200));
            builder.close_client(pending, Ending::Answer(200), web.now);
        }
        let won = web.now;
        for (pending, mut callee) in copies {
            callee.now = won;
            let end = builder.answer(callee, &RATES, 200);
            builder.close_client(pending, Ending::Cancelled, end);
            web.now = web.now.max(end);
        }
        builder.pass(web);
        200
    });
    builder.look_alike(DETECTOR, Service::Web, Some("shipping"));
}

fn healed_by_one_retry(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &SUBMIT_CHECKOUT, start, |builder, web| {
        builder.call(web, &PLACE_ORDER, |builder, checkout| {
            attempt(builder, checkout, &CHARGE, 2, Backoff::Exponential(100 * MILLISECOND), [503, 200]);
        });
        200
    });
    builder.look_alike(DETECTOR, Service::Checkout, Some("payment"));
}

fn exactly_three_attempts(builder: &mut TraceBuilder, start: u64) {
    visit(builder, &CART_PAGE, start, |builder, web| {
        attempt(builder, web, &RATES, 3, Backoff::Exponential(100 * MILLISECOND), [503, 503]);
        200
    });
    builder.look_alike(DETECTOR, Service::Web, Some("shipping"));
}
