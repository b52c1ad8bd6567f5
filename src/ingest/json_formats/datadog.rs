//! Datadog's spans as JSON: what its API answers, what its interface gives of one trace, and what its tracers send.
//! <https://docs.datadoghq.com/api/latest/spans/>
//!
//! Ids are decimal numbers, of traces the lower half of 128 bits: the upper half stands in the tag `_dd.p.tid`, which tracers
//! give to one span only of those that they send together. So a span without it [waits](waiting) for the one that has it,
//! wherever in the input that stands; a file with a part of what was sent together may lack it.
//!
//! What is done stands in `resource`, which is what OpenTelemetry calls the span's name; Datadog's
//! name of a span says of what sort it is.

use serde_json::Value as Json;

use crate::frame::SpanSink as _;
use crate::span::{KeyValue, Origin, SkipReason, SpanId, SpanKind, SpanRecord, StatusCode, TraceId, Value};

use super::fields::{Fields, text_attribute};
use super::waiting::{self, Missing};
use crate::ingest::counting_sink::CountingSink;
use crate::ingest::parquet::flat::times::Unit;
use crate::ingest::text_ids;

/// The format, as `run.json` names it.
pub(crate) const DATADOG: &str = "datadog_json";

/// Whether an object is a span of the API: `{"id":…,"type":"spans","attributes":{…}}`.
pub(crate) fn is_item(fields: &Fields) -> bool {
    fields.has(&["attributes.trace_id"])
        && fields.has(&["attributes.span_id"])
        && fields.has(&["attributes.start_timestamp"])
}

/// Whether an object is a span of a tracer: `{"trace_id":…,"span_id":…,"resource":…,"meta":{…}}`. Any of its own members
/// may be absent or null.
pub(crate) fn is_span(fields: &Fields) -> bool {
    let is_of = |path: &str, is_it: fn(&Json) -> bool| fields.get(path).map(|json| json.is_null() || is_it(json));
    let own = [
        is_of("resource", Json::is_string),
        is_of("service", Json::is_string),
        is_of("type", Json::is_string),
        is_of("meta", Json::is_object),
        is_of("metrics", Json::is_object),
    ];
    let has_own = own.iter().flatten().count() >= 2 && own.iter().flatten().all(|&is_it| is_it);
    let has_ids = fields.has(&["trace_id"]) && fields.has(&["span_id"]);
    has_ids && fields.has(&["start"]) && has_own && fields.has(&["resource", "name"])
}

/// Whether an object is a trace of the interface: `{"root_id":…,"spans":{"…":{…}}}`.
pub(crate) fn is_trace(fields: &Fields) -> bool {
    fields.get("spans").is_some_and(Json::is_object)
}

/// Hands the spans of the trace `fields` to `sink`.
pub(crate) fn emit_trace(mut fields: Fields, offset: u64, sink: &mut CountingSink<'_>) {
    if let Json::Object(spans) = fields.take(&["spans"]) {
        for (_, span) in spans {
            match Fields::of(span) {
                span if is_span(&span) => emit_span(span, offset, sink),
                _ => sink.skip(SkipReason::MalformedSpan, offset),
            }
        }
    }
}

/// Hands the span of the API `fields` to `sink`.
pub(crate) fn emit_item(mut fields: Fields, offset: u64, sink: &mut CountingSink<'_>) {
    let mut item = fields.object(&["attributes"]);
    let start_unix_nano = item.start(&["start_timestamp"]);
    let end_unix_nano = match item.instant(&["end_timestamp"]) {
        0 => start_unix_nano,
        end => end,
    };
    let mut details = item.object(&["custom"]);
    let mut own = item.object(&["attributes"]);
    // Instants have milliseconds, the duration among the details nanoseconds.
    let exact = match own.time(&["duration"], Unit::Nanoseconds) {
        0 => details.time(&["duration"], Unit::Nanoseconds),
        exact => exact,
    };
    let is_exact = exact > 0 && exact.abs_diff(end_unix_nano.saturating_sub(start_unix_nano)) <= 2 * MILLISECOND;
    let end_unix_nano = if is_exact { start_unix_nano + exact } else { end_unix_nano };
    let tags = match item.take(&["tags"]) {
        Json::Array(tags) => tags,
        _ => Vec::new(),
    };
    let mut attributes = details.rest();
    attributes.extend(own.rest());
    for tag in tags.iter().filter_map(Json::as_str) {
        if let Some((key, value)) = tag.split_once(':')
            && !attributes.iter().any(|attribute| attribute.key == key)
        {
            attributes.push(KeyValue { key: key.to_owned().into(), value: Value::Str(value.to_owned().into()) });
        }
    }
    emit(item, [start_unix_nano, end_unix_nano], attributes, offset, sink);
}

const MILLISECOND: u64 = 1_000_000;

/// Hands the span of a tracer `fields` to `sink`.
pub(crate) fn emit_span(mut fields: Fields, offset: u64, sink: &mut CountingSink<'_>) {
    // Tracers count nanoseconds, the interface gives seconds with a fraction.
    let start_unix_nano = fields.start(&["start"]);
    let is_seconds = fields.get("duration").is_some_and(Json::is_f64) || fields.has(&["end"]);
    let unit = if is_seconds { Unit::Seconds } else { Unit::Nanoseconds };
    let end_unix_nano = match fields.instant(&["end"]) {
        0 => start_unix_nano.saturating_add_signed(fields.length(&["duration"], unit)),
        end => end,
    };
    let mut attributes = fields.attributes(&["meta"]);
    attributes.extend(fields.attributes(&["metrics"]));
    emit(fields, [start_unix_nano, end_unix_nano], attributes, offset, sink);
}

fn emit(
    mut fields: Fields,
    [start_unix_nano, end_unix_nano]: [u64; 2],
    mut attributes: Vec<KeyValue<'static>>,
    offset: u64,
    sink: &mut CountingSink<'_>,
) {
    let has = |attributes: &[KeyValue<'_>], key: &str| attributes.iter().any(|attribute| attribute.key == key);
    let text_of = |attributes: &[KeyValue<'_>], key: &str| {
        let last = attributes.iter().rev().find(|attribute| attribute.key == key);
        last.map(|attribute| attribute.value.to_text().into_owned()).unwrap_or_default()
    };
    let upper = text_of(&attributes, "_dd.p.tid");
    let operation = fields.text(&["operation_name", "name"]);
    let resource = fields.text(&["resource_name", "resource"]);
    let span_type = fields.text(&["type"]);
    let kind = match SpanKind::from_text(&text_of(&attributes, "span.kind")) {
        SpanKind::Unspecified => kind_of_type(&span_type),
        kind => kind,
    };
    let has_error = !matches!(fields.text(&["error"]).as_str(), "" | "0" | "false")
        || fields.text(&["status"]).eq_ignore_ascii_case("error");
    if matches!(span_type.as_str(), "sql" | "db")
        && !has(&attributes, "db.statement")
        && !has(&attributes, "db.query.text")
    {
        attributes.extend(text_attribute("db.statement", resource.clone()));
    }
    for (key, own) in [("server.address", "out.host"), ("server.port", "network.destination.port")] {
        if !has(&attributes, key) {
            attributes.extend(text_attribute(key, text_of(&attributes, own)));
        }
    }
    let mut resource_attributes: Vec<KeyValue<'static>> = Vec::new();
    for (key, text) in [
        ("service.name", fields.text(&["service"])),
        ("deployment.environment", fields.text(&["env"])),
        ("host.name", fields.text(&["host", "hostname"])),
        ("service.version", text_of(&attributes, "version")),
    ] {
        resource_attributes.extend(text_attribute(key, text));
    }
    let mut hashes = 0;
    let id_text = fields.id_text(&["trace_id"]);
    let trace_id = decimal_trace_id(&id_text, &upper, &mut hashes);
    let mut span_id = |fields: &mut Fields, path| decimal_span_id(&fields.id_text(&[path]), &mut hashes);
    let (own_id, parent_span_id) = (span_id(&mut fields, "span_id"), span_id(&mut fields, "parent_id"));
    let message = ["error.message", "error.msg"].map(|key| text_of(&attributes, key));
    attributes.extend(text_attribute("operation.name", operation.clone()));
    attributes.extend(text_attribute("span.type", span_type));
    attributes.extend(fields.rest());
    let span = SpanRecord {
        trace_id,
        span_id: own_id,
        parent_span_id,
        name: if resource.is_empty() { operation } else { resource }.into(),
        kind,
        status: if has_error { StatusCode::Error } else { StatusCode::Unset },
        status_message: message.into_iter().find(|message| has_error && !message.is_empty()).unwrap_or_default().into(),
        start_unix_nano,
        end_unix_nano,
        attributes,
        ..SpanRecord::default()
    };
    sink.tally.opaque_ids += hashes;
    sink.tally.format.get_or_insert(DATADOG);
    let origin = Origin { resource_attributes, ..Origin::default() };
    // A number beyond 64 bits has both halves.
    match (id_text.parse::<u64>(), u64::from_str_radix(&upper, 16)) {
        (Ok(_), Err(_)) => waiting::wait(origin, span, offset, Missing::UpperHalf, sink),
        (Ok(lower), Ok(upper)) => {
            waiting::note_halves(lower, upper, sink);
            sink.span(&origin, &span, offset);
        }
        _ => sink.span(&origin, &span, offset),
    }
}

fn kind_of_type(span_type: &str) -> SpanKind {
    match span_type {
        "web" | "serverless" | "rpc" => SpanKind::Server,
        "http" | "sql" | "db" | "cache" | "redis" | "memcached" | "mongodb" | "cassandra" | "elasticsearch"
        | "leveldb" | "dns" | "graphql_client" => SpanKind::Client,
        "queue" | "worker" => SpanKind::Consumer,
        _ => SpanKind::Unspecified,
    }
}

/// Decimal digits, with the upper half in hexadecimal elsewhere, or all of it in hexadecimal.
fn decimal_trace_id(text: &str, upper: &str, hashes: &mut u64) -> TraceId {
    match text.parse::<u128>() {
        Ok(number) if text.len() < 32 => {
            let upper = u128::from(u64::from_str_radix(upper, 16).unwrap_or(0));
            TraceId((number | upper << 64).to_be_bytes())
        }
        _ => {
            let id = text_ids::trace_id(text);
            *hashes += u64::from(id.is_hash);
            id.id
        }
    }
}

fn decimal_span_id(text: &str, hashes: &mut u64) -> SpanId {
    match text.parse() {
        Ok(number) => SpanId(number),
        Err(_) => {
            let id = text_ids::span_id(text);
            *hashes += u64::from(id.is_hash);
            id.id
        }
    }
}
