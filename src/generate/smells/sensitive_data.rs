//! Secrets and personal data in spans, and what was masked before it got there.

use super::{Smell, request};
use crate::generate::conventions::put_text;
use crate::generate::labels::Detector;
use crate::generate::random::Random;
use crate::generate::shop::*;
use crate::generate::trace_builder::{MILLISECOND, TraceBuilder};

const DETECTOR: Detector = Detector::SensitiveData;

pub(super) static SMELLS: &[Smell] = &[
    Smell { name: "tells-all", play: tells_all },
    Smell { name: "masked", play: masked },
    Smell { name: "keeps-keys", play: keeps_keys },
    Smell { name: "keeps-masks", play: keeps_masks },
];

static TAKE_COAT: Operation = http!(Cloakroom "POST" "/coats" []);
static ENTER: Operation = http!(Turnstile "POST" "/visits" []);
static FIND_OWNER: Operation = http!(LostProperty "POST" "/finds" []);
static OPEN_WICKET: Operation = http!(Wicket "POST" "/wickets" []);

queries! {
    RESET_LODGER = LodgersDb "UPDATE" "lodgers",
        "UPDATE lodgers SET password = 'made-up-word' WHERE id = 7", 2 * MILLISECOND;
    CHANGE_GUEST = GuestsDb "UPDATE" "guests", "UPDATE guests SET password = $1 WHERE id = $2", 2 * MILLISECOND;
}

/// Serves a request with these values of attributes, and changes a row.
fn serve(
    builder: &mut TraceBuilder,
    start: u64,
    entry: &'static Operation,
    values: &[(&'static str, String)],
    query: Option<&'static Query>,
) {
    request(builder, entry, start, |builder, handler| {
        for (key, value) in values {
            put_text(builder.attributes(handler.span), key, value.clone());
        }
        handler.now += 5 * MILLISECOND;
        query.iter().for_each(|query| builder.ask(handler, query));
        201
    });
}

const QUERY: &str = "url.query";
const AUTHORIZATION: &str = "http.request.header.authorization";
const EMAIL: &str = "user.email";

/// Nothing of it opens anything: it is made up as the dump is.
fn tells_all(builder: &mut TraceBuilder, start: u64, number: u64) {
    let [token, key] = [builder.random.bits(), builder.random.bits()];
    let values = [
        (QUERY, format!("coat={number}&access_token=made-up-{key:016x}")),
        (AUTHORIZATION, format!("[\"Bearer made-up-{token:016x}\"]")),
        (EMAIL, format!("nobody.{number}@believable-shop.com")),
    ];
    serve(builder, start, &TAKE_COAT, &values, None);
    for (attribute, kind) in [(QUERY, "url-parameter"), (AUTHORIZATION, "bearer"), (EMAIL, "email")] {
        builder.planted(DETECTOR, Service::Cloakroom, Some(attribute));
        builder.of_kind(kind);
    }
}

fn masked(builder: &mut TraceBuilder, start: u64, number: u64) {
    let values = [
        (QUERY, format!("visit={number}&access_token=REDACTED")),
        (AUTHORIZATION, "[\"Bearer ***\"]".to_owned()),
        (EMAIL, "noreply@believable-shop.com".to_owned()),
    ];
    serve(builder, start, &ENTER, &values, None);
    builder.look_alike(DETECTOR, Service::Turnstile, None);
}

/// Attributes that only what follows has, the kind of what stands there, and what stands there where it is masked or published.
const KEPT: [(&str, &str, &str); 11] = [
    ("app.tls.key", "private-key", "-----BEGIN PRIVATE KEY-----\n***\n-----END PRIVATE KEY-----"),
    ("app.session", "jwt", "eyJ***.eyJ***.***"),
    ("app.upstream.auth", "basic-auth", "Basic ***"),
    ("app.bucket.key_id", "aws-key", "AKIAIOSFODNN7EXAMPLE"),
    ("app.cloud.key", "vendor-token", "dop_v1_********"),
    ("app.database.url", "url-password", "postgres://nobody:***@lodgers-db:5432/lodgers"),
    ("app.body", "json-field", r#"{"user":"nobody","password":"[Filtered]"}"#),
    ("process.command_line", "argument", "finds --password=${FINDS_PASSWORD}"),
    ("app.smtp.password", "credential", "********"),
    ("app.refund.account", "iban", "DE88370400440532013000"),
    ("app.payment.card", "card", "4242424242424242"),
];

/// What stands there where it is not.
fn made_up(kind: &str, random: &mut Random, number: u64) -> String {
    let bits: [u64; 4] = std::array::from_fn(|_| random.bits());
    let hex: String = bits.iter().map(|bits| format!("{bits:016x}")).collect();
    match kind {
        "private-key" => format!("-----BEGIN PRIVATE KEY-----\n{hex}\n-----END PRIVATE KEY-----"),
        // {"alg":"none","typ":"made-up"} and {"sub":"nobody"}
        "jwt" => format!("eyJhbGciOiJub25lIiwidHlwIjoibWFkZS11cCJ9.eyJzdWIiOiJub2JvZHkifQ.{hex}"),
        // nobody:made-up
        "basic-auth" => "Basic bm9ib2R5Om1hZGUtdXA=".to_owned(),
        "aws-key" => {
            const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
            let letters = (0..16).map(|place| char::from(LETTERS[(bits[0] >> (4 * place)) as usize % LETTERS.len()]));
            format!("AKIA{}", letters.collect::<String>())
        }
        "vendor-token" => format!("dop_v1_{hex}"),
        "url-password" => format!("postgres://nobody:made-up-{number}@lodgers-db:5432/lodgers"),
        "json-field" => format!(r#"{{"user":"nobody","password":"made-up-{number}"}}"#),
        "argument" => format!("finds --password=made-up-{number}"),
        "iban" => "DE89370400440532013000".to_owned(),
        "card" => card(number),
        _ => format!("made-up-{number}"),
    }
}

/// A number as those of cards are, with the check digit of Luhn.
fn card(number: u64) -> String {
    let digits = format!("45397182{:07}", number % 10_000_000);
    let sum: u32 = (digits.bytes().rev().enumerate())
        .map(|(place, digit)| u32::from(digit - b'0') * if place % 2 == 0 { 2 } else { 1 })
        .map(|digit| digit / 10 + digit % 10)
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

/// Secrets of all other kinds: keys of this and of that, in attributes and in a query.
fn keeps_keys(builder: &mut TraceBuilder, start: u64, number: u64) {
    let values = KEPT.map(|(attribute, kind, _)| (attribute, made_up(kind, &mut builder.random, number)));
    serve(builder, start, &FIND_OWNER, &values, Some(&RESET_LODGER));
    for (attribute, kind) in KEPT.map(|(attribute, kind, _)| (attribute, kind)).into_iter().chain([SQL_LITERAL]) {
        builder.planted(DETECTOR, Service::LostProperty, Some(attribute));
        builder.of_kind(kind);
    }
}

const SQL_LITERAL: (&str, &str) = ("db.query.text", "sql-literal");

fn keeps_masks(builder: &mut TraceBuilder, start: u64, _number: u64) {
    let values = KEPT.map(|(attribute, _, masked)| (attribute, masked.to_owned()));
    serve(builder, start, &OPEN_WICKET, &values, Some(&CHANGE_GUEST));
    builder.look_alike(DETECTOR, Service::Wicket, None);
}
