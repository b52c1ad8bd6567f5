//! Secrets and personal data in spans, and what was masked before it got there.

use super::{Smell, request};
use crate::generate::labels::Detector;
use crate::generate::shop::*;
use crate::generate::trace_builder::{MILLISECOND, TraceBuilder};

const DETECTOR: Detector = Detector::SensitiveData;

use crate::generate::conventions::put_text;

pub(super) static SMELLS: &[Smell] =
    &[Smell { name: "tells-all", play: tells_all }, Smell { name: "masked", play: masked }];

static TAKE_COAT: Operation = http!(Cloakroom "POST" "/coats" []);
static ENTER: Operation = http!(Turnstile "POST" "/visits" []);

/// Serves a request with this query and these values of attributes.
fn serve(
    builder: &mut TraceBuilder,
    start: u64,
    entry: &'static Operation,
    [query, authorization, email]: [String; 3],
) {
    request(builder, entry, start, |builder, handler| {
        let attributes = builder.attributes(handler.span);
        put_text(attributes, "url.query", query);
        put_text(attributes, "http.request.header.authorization", authorization);
        put_text(attributes, "user.email", email);
        handler.now += 5 * MILLISECOND;
        201
    });
}

/// Nothing of it opens anything: it is made up as the dump is.
fn tells_all(builder: &mut TraceBuilder, start: u64, number: u64) {
    let [token, key] = [builder.random.bits(), builder.random.bits()];
    let values = [
        format!("coat={number}&access_token=made-up-{key:016x}"),
        format!("[\"Bearer made-up-{token:016x}\"]"),
        format!("nobody.{number}@believable-shop.com"),
    ];
    serve(builder, start, &TAKE_COAT, values);
    for (attribute, kind) in
        [("url.query", "url-parameter"), ("http.request.header.authorization", "bearer"), ("user.email", "email")]
    {
        builder.planted(DETECTOR, Service::Cloakroom, Some(attribute));
        builder.of_kind(kind);
    }
}

fn masked(builder: &mut TraceBuilder, start: u64, number: u64) {
    let values = [
        format!("visit={number}&access_token=REDACTED"),
        "[\"Bearer ***\"]".to_owned(),
        "noreply@believable-shop.com".to_owned(),
    ];
    serve(builder, start, &ENTER, values);
    builder.look_alike(DETECTOR, Service::Turnstile, None);
}
