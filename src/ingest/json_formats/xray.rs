//! AWS X-Ray's segment documents, alone or as `batch-get-traces` gives them. The mapping to OpenTelemetry is that of the
//! collector's X-Ray receiver, but that calls to AWS and to other hosts are CLIENT spans and attributes have current names.
//!
//! A segment is what one service did for one request; its subsegments are nested in it, and do not repeat its trace.
//! <https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html>

use serde_json::Value as Json;

use crate::frame::SpanSink as _;
use crate::span::{Event, KeyValue, Origin, SkipReason, SpanId, SpanKind, SpanRecord, StatusCode, TraceId, Value};

use super::fields::{Fields, text_attribute};
use crate::ingest::counting_sink::CountingSink;
use crate::ingest::json::attributes::value_of_json;
use crate::ingest::text_ids;

/// The format, as `run.json` names it.
pub(crate) const XRAY: &str = "xray_json";

/// Fields that OpenTelemetry has a name for.
const RENAMED: &[(&str, &str)] = &[
    ("http.request.method", "http.request.method"),
    ("url.full", "http.request.url"),
    ("user_agent.original", "http.request.user_agent"),
    ("client.address", "http.request.client_ip"),
    ("http.response.status_code", "http.response.status"),
    ("http.response.body.size", "http.response.content_length"),
    ("db.query.text", "sql.sanitized_query"),
    ("db.connection_string", "sql.connection_string"),
    ("db.user", "sql.user"),
    ("rpc.method", "aws.operation"),
    ("aws.request_id", "aws.request_id"),
    ("cloud.region", "aws.region"),
    ("aws.sqs.queue.url", "aws.queue_url"),
    ("enduser.id", "user"),
    ("aws.xray.in_progress", "in_progress"),
];

/// Whether an object is a segment, or a subsegment that was sent alone: others call their ids so, too, but have no trace ids
/// of X-Ray's, and times as text.
pub(crate) fn is_segment(fields: &Fields) -> bool {
    const OF_OTHERS: &[&str] = &["span_id", "parent_span_id", "parent_run_id", "status_code"];
    let has_own = is_id_of_xray(fields.text_at("trace_id")) || fields.get("start_time").is_some_and(Json::is_number);
    let has_all = ["trace_id", "id", "start_time"].iter().all(|key| fields.has(&[key]));
    has_all && has_own && OF_OTHERS.iter().all(|key| fields.get(key).is_none())
}

/// Whether `text` is `1-`, 8 digits, `-`, and 24 digits.
fn is_id_of_xray(text: &str) -> bool {
    let halves = text.strip_prefix("1-").and_then(|rest| rest.split_once('-'));
    let are_digits = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    halves.is_some_and(|(time, rest)| time.len() == 8 && rest.len() == 24 && are_digits(time) && are_digits(rest))
}

/// What subsegments have from the segment that they are in.
struct Around<'a> {
    trace_id: TraceId,
    parent_span_id: SpanId,
    origin: &'a Origin<'static>,
}

/// Hands the spans that the segment `fields` is to `sink`.
pub(crate) fn emit(mut fields: Fields, offset: u64, sink: &mut CountingSink<'_>) {
    sink.tally.format.get_or_insert(XRAY);
    // X-Ray makes a segment of a call to what is not traced, in the name of the callee. The subsegment says all of it.
    if fields.get("inferred") == Some(&Json::Bool(true)) && fields.has(&["parent_id"]) {
        return sink.skip(SkipReason::JoinedRecord, offset);
    }
    let trace = fields.id_text(&["trace_id"]);
    let trace_id = text_ids::trace_id(&without_version(&trace));
    sink.tally.opaque_ids += u64::from(trace_id.is_hash);
    // A subsegment that was sent alone has the name of what it calls, not that of its service.
    let is_subsegment = fields.text(&["type"]) == "subsegment";
    let service = if is_subsegment { String::new() } else { fields.text_at("name").to_owned() };
    let mut resource_attributes: Vec<KeyValue<'static>> = text_attribute("service.name", service).into_iter().collect();
    for (key, path) in [
        ("service.version", "service.version"),
        ("cloud.account.id", "aws.account_id"),
        ("aws.xray.resource_arn", "resource_arn"),
        ("aws.xray.origin", "origin"),
        ("telemetry.sdk.name", "aws.xray.sdk"),
        ("telemetry.sdk.version", "aws.xray.sdk_version"),
    ] {
        resource_attributes.extend(text_attribute(key, fields.text(&[path])));
    }
    for (prefix, path) in
        [("service", "service"), ("aws.ec2", "aws.ec2"), ("aws.ecs", "aws.ecs"), ("aws.eks", "aws.eks")]
    {
        let attributes = fields.attributes(&[path]).into_iter();
        resource_attributes.extend(
            attributes.map(|attribute| KeyValue { key: format!("{prefix}.{}", attribute.key).into(), ..attribute }),
        );
    }
    let origin = Origin { resource_attributes, ..Origin::default() };
    let parent_span_id = fields.span_id(&["parent_id"]);
    let around = Around { trace_id: trace_id.id, parent_span_id, origin: &origin };
    emit_segment(fields, is_subsegment, &around, offset, sink);
}

/// `1-5f84c7a1-e7d1852db8c4fd35d88bf49a` is `5f84c7a1e7d1852db8c4fd35d88bf49a`.
fn without_version(trace: &str) -> String {
    match trace.strip_prefix("1-") {
        Some(rest) => rest.replacen('-', "", 1),
        None => trace.to_owned(),
    }
}

fn emit_segment(
    mut fields: Fields,
    is_subsegment: bool,
    around: &Around<'_>,
    offset: u64,
    sink: &mut CountingSink<'_>,
) {
    let span_id = fields.span_id(&["id"]);
    let name = fields.text(&["name"]);
    let namespace = fields.text(&["namespace"]);
    let subsegments = fields.list(&["subsegments"]);
    let kind = match namespace.as_str() {
        _ if !is_subsegment => SpanKind::Server,
        "aws" | "remote" => SpanKind::Client,
        _ if fields.has(&["sql"]) => SpanKind::Client,
        _ => SpanKind::Internal,
    };
    let start_unix_nano = fields.start(&["start_time"]);
    // What is in progress has no end yet.
    let end_unix_nano = fields.instant(&["end_time"]).max(start_unix_nano);
    let is_throttled = fields.get("throttle") == Some(&Json::Bool(true));
    let status = status(&mut fields, kind);
    let events = exceptions(&mut fields, end_unix_nano);
    let status_message = match (status, events.first()) {
        (StatusCode::Error, Some(event)) => {
            event.attributes.iter().find(|attribute| attribute.key == "exception.message")
        }
        _ => None,
    };
    let status_message = status_message.map(|message| message.value.to_text().into_owned()).unwrap_or_default();
    let mut attributes = attributes(&mut fields, &name, &namespace);
    // Services of AWS answer so with 400, which otherwise says that the request is wrong.
    attributes
        .extend(is_throttled.then(|| KeyValue { key: "error.type".into(), value: Value::Str("throttled".into()) }));
    let opaque_ids = fields.opaque_ids;
    attributes.extend(fields.attributes(&["annotations"]));
    for attribute in fields.attributes(&["metadata"]) {
        attributes.push(KeyValue { key: format!("aws.xray.metadata.{}", attribute.key).into(), ..attribute });
    }
    ["trace_id", "parent_id", "type"].iter().for_each(|path| drop(fields.take(&[path])));
    attributes.extend(fields.rest());
    let span = SpanRecord {
        trace_id: around.trace_id,
        span_id,
        parent_span_id: around.parent_span_id,
        name: name.into(),
        kind,
        status,
        status_message: status_message.into(),
        start_unix_nano,
        end_unix_nano,
        attributes,
        events,
        ..SpanRecord::default()
    };
    sink.tally.opaque_ids += opaque_ids;
    sink.span(around.origin, &span, offset);
    let below = Around { parent_span_id: span_id, ..*around };
    for subsegment in subsegments {
        emit_segment(subsegment, true, &below, offset, sink);
    }
}

/// `fault` is a failure of the service, `throttle` a 429, and `error` a 4xx, which for who serves it is none.
fn status(fields: &mut Fields, kind: SpanKind) -> StatusCode {
    let mut is_set = |flag: &str| fields.take(&[flag]) == Json::Bool(true);
    let [fault, throttle, error] = ["fault", "throttle", "error"].map(&mut is_set);
    let code = fields.get("http.response.status").and_then(Json::as_u64);
    let is_clients = kind == SpanKind::Server && (400..500).contains(&code.unwrap_or(0));
    if fault || throttle || (error && !is_clients) { StatusCode::Error } else { StatusCode::Unset }
}

/// The exceptions of a `cause`; it may also be no more than the id of one that another segment has.
fn exceptions(fields: &mut Fields, time_unix_nano: u64) -> Vec<Event<'static>> {
    let exceptions = fields.list(&["cause.exceptions"]).into_iter();
    let event = |mut exception: Fields| {
        let stack = exception.take(&["stack"]);
        let stack = if stack.is_null() { String::new() } else { stack.to_string() };
        let attributes = [
            text_attribute("exception.type", exception.text(&["type"])),
            text_attribute("exception.message", exception.text(&["message"])),
            text_attribute("exception.stacktrace", stack),
        ];
        let rest = exception.rest().into_iter();
        let rest = rest.map(|left| KeyValue { key: format!("aws.xray.exception.{}", left.key).into(), ..left });
        Event {
            time_unix_nano,
            name: "exception".into(),
            attributes: attributes.into_iter().flatten().chain(rest).collect(),
        }
    };
    exceptions.map(event).collect()
}

fn attributes(fields: &mut Fields, name: &str, namespace: &str) -> Vec<KeyValue<'static>> {
    let mut attributes = Vec::new();
    if namespace == "aws" {
        attributes.extend(text_attribute("rpc.system", "aws-api".to_owned()));
        attributes.extend(text_attribute("rpc.service", name.to_owned()));
        if name.eq_ignore_ascii_case("dynamodb") {
            attributes.extend(text_attribute("db.system.name", "aws.dynamodb".to_owned()));
            attributes.extend(text_attribute("db.operation.name", fields.text_at("aws.operation").to_owned()));
            attributes.extend(text_attribute("db.collection.name", fields.text_at("aws.table_name").to_owned()));
        }
    }
    if fields.has(&["sql"]) {
        let system = fields.text(&["sql.database_type"]).to_ascii_lowercase();
        attributes.extend(text_attribute("db.system.name", system));
        // Names of database calls are `database@host`.
        let (database, host) = name.split_once('@').unwrap_or(("", ""));
        attributes.extend(text_attribute("db.namespace", database.to_owned()));
        attributes.extend(text_attribute("server.address", host.to_owned()));
    } else if namespace == "remote" && !fields.has(&["http.request.url"]) {
        // The name of a call is the host that it is made to.
        attributes.extend(text_attribute("server.address", name.to_owned()));
    }
    for &(key, path) in RENAMED {
        let json = fields.take(&[path]);
        if !json.is_null() {
            attributes.push(KeyValue { key: key.into(), value: value_of_json(json) });
        }
    }
    attributes.extend(
        (!namespace.is_empty())
            .then(|| KeyValue { key: "aws.xray.namespace".into(), value: Value::Str(namespace.to_owned().into()) }),
    );
    attributes
}
