//! One span as a JSON document with its resource within itself: Quickwit's index, the log group `aws/spans`, the indexes of
//! the collector's Elasticsearch and OpenSearch exporters and of Data Prepper, MLflow's spans, the rows of stores, and others
//! whose members are called as the columns of tables are ([`Members`]).
//!
//! Vendors' descriptions: `exporter/elasticsearchexporter/DOCUMENT_STRUCTURE.md` of the collector's contrib repository;
//! `docs/schemas/trace-analytics/otel-v1-apm-span-index-template.md` of Data Prepper.

use serde_json::Value as Json;

use crate::conventions::is_key_of_resource;
use crate::frame::SpanSink as _;
use crate::span::{Event, KeyValue, Link, NO_START_TIME, Origin, SkipReason, SpanKind, SpanRecord, StatusCode, Value};

use super::fields::{Fields, single, text_attribute};
use super::members::Members;
use super::waiting::{self, Missing};
use crate::ingest::counting_sink::CountingSink;
use crate::ingest::json::attributes::{attributes_of_json, value_of_json};
use crate::ingest::parquet::flat::mapping::dialect::normalised;
use crate::ingest::parquet::flat::mapping::field::Field;
use crate::ingest::parquet::flat::mapping::known_key::known_key;
use crate::ingest::parquet::flat::mapping::stores::{Others, Owner};
use crate::ingest::parquet::flat::times::{Unit, length_of_text};

/// The format, as `run.json` names it.
pub(crate) const SPAN_DOCUMENTS: &str = "span_documents_json";

/// The start of a document that has a length: of one that has none, it may be the time of a line in a log.
const TIMESTAMPS: &[&str] = &["@timestamp", "timestamp", "time"];

/// OTLP leaves out what is empty, a name among it; nobody else calls times so.
const TIMES_OF_OTLP: &[&str] = &["startTimeUnixNano", "start_time_unix_nano", "endTimeUnixNano", "end_time_unix_nano"];

/// Members that say that a span failed, or with what message, by their normalised names.
const FAILURES: &[&str] = &["haserror", "iserror", "error"];

/// Prefixes of members that hold an attribute each.
const ATTRIBUTE_PREFIXES: &[&str] = &["span.attributes.", "span_attributes.", "attributes.", "Attributes."];
const RESOURCE_PREFIXES: &[&str] =
    &["resource.attributes.", "resource.attributes@", "resource_attributes.", "resource.", "Resource."];

/// What is said of the document and not of the span, by normalised names and their ends.
const OF_DOCUMENT: &[&str] = &["@timestamp", "datastream", "flags", "traceflags", "spanflags", "docid"];
const OF_DOCUMENT_ENDS: &[&str] = &["schemaurl", "droppedattributescount", "droppedeventscount", "droppedlinkscount"];

/// Hands the span that `fields` are to `sink`. What names a span and is none, such as the line of a log, is counted.
pub(crate) fn emit(fields: Fields, offset: u64, sink: &mut CountingSink<'_>) {
    let members = Members::of(&fields);
    if !members.has(Field::TraceId) || !members.has(Field::SpanId) {
        return sink.unknown(&fields.keys(), "", offset);
    }
    let is_start = |path: &&str| !TIMESTAMPS.contains(&path.to_ascii_lowercase().as_str());
    let has_length = members.has(Field::End) || members.has(Field::Duration);
    let is_log = fields.has(&["body", "severity_number", "SeverityNumber"]);
    if !members.paths(Field::Start).iter().any(is_start) && (!has_length || is_log) {
        // An `id` may be of anything.
        if members.paths(Field::SpanId).iter().all(|path| path.eq_ignore_ascii_case("id")) {
            return sink.unknown(&fields.keys(), "", offset);
        }
        return sink.skip(SkipReason::OtherSignal, offset);
    }
    if !members.has(Field::Name) && !TIMES_OF_OTLP.iter().any(|time| fields.get(time).is_some()) {
        return sink.log_line(&fields.keys(), offset);
    }
    emit_span(fields, &members, offset, sink);
}

fn emit_span(mut fields: Fields, members: &Members, offset: u64, sink: &mut CountingSink<'_>) {
    let record_type = text(&mut fields, members, Field::RecordType);
    if members.dialect.only.is_some_and(|only| only != record_type) {
        return sink.skip(SkipReason::OtherSignal, offset);
    }
    let is_data_prepper = fields.has(&["traceGroup", "traceGroupFields", "durationInNanos"]);
    // Elasticsearch's OTel mapping has `duration` in nanoseconds, its older mapping `Duration` in microseconds.
    let unit_of_durations = if fields.has(&["TraceStatus", "EndTimestamp"]) {
        Some(Unit::Microseconds)
    } else if is_of_elastics_otel_mapping(&fields) {
        Some(Unit::Nanoseconds)
    } else {
        members.dialect.duration
    };
    let trace_id = fields.trace_id(&members.paths(Field::TraceId));
    let span_id = fields.span_id(&members.paths(Field::SpanId));
    let parent_span_id = fields.span_id(&members.paths(Field::ParentSpanId));
    let start_unix_nano = start(&mut fields, members);
    let length = length(&mut fields, members, unit_of_durations);
    let end_unix_nano = end(&mut fields, members);
    let status = status(&mut fields, members);
    let mut resource_attributes = resource(&mut fields, members);
    let service = text(&mut fields, members, Field::Service);
    // The column is what tables are read by, so it decides here too.
    if !service.is_empty() {
        resource_attributes.retain(|attribute| attribute.key != "service.name");
        resource_attributes.splice(0..0, text_attribute("service.name", service));
    }
    let mut origin = Origin {
        resource_attributes,
        scope_name: text(&mut fields, members, Field::ScopeName).into(),
        scope_version: text(&mut fields, members, Field::ScopeVersion).into(),
        scope_attributes: scope_attributes(&mut fields, members),
    };
    let mut links: Vec<Link<'static>> = Vec::new();
    for path in members.paths(Field::Links) {
        for link in fields.list(&[path]) {
            links.extend(self::link(link, &mut fields.opaque_ids));
        }
    }
    let events = members.paths(Field::Events).into_iter().flat_map(|path| fields.list(&[path])).map(event).collect();
    let (status, status_message) = status;
    let mut span = SpanRecord {
        trace_id,
        span_id,
        parent_span_id,
        name: text(&mut fields, members, Field::Name).into(),
        kind: kind(&mut fields, members),
        status,
        status_message: status_message.into(),
        trace_state: text(&mut fields, members, Field::TraceState).into(),
        start_unix_nano,
        end_unix_nano,
        attributes: Vec::new(),
        events,
        links,
    };
    for field in [Field::Attributes, Field::NumberAttributes, Field::BoolAttributes] {
        for path in members.paths(field) {
            span.attributes.extend(fields.attributes(&[path]));
        }
    }
    span.attributes.extend(fields.with_prefix(ATTRIBUTE_PREFIXES));
    span.attributes.extend(fields.attributes(&["span.attributes"]));
    sink.tally.opaque_ids += fields.opaque_ids;
    take_rest(fields, members, is_data_prepper, &mut span, &mut origin);
    if is_data_prepper {
        let of_events = span.events.iter_mut().flat_map(|event| &mut event.attributes);
        let of_links = span.links.iter_mut().flat_map(|link| &mut link.attributes);
        let of_span = span.attributes.iter_mut().chain(of_events).chain(of_links);
        for attribute in of_span.chain(&mut origin.resource_attributes).filter(|attribute| attribute.key.contains('@'))
        {
            attribute.key = attribute.key.replace('@', ".").into();
        }
    }
    sink.tally.format.get_or_insert(SPAN_DOCUMENTS);
    let Length { nanoseconds, number, column } = length;
    match (nanoseconds, number) {
        (_, Some(number)) if end_unix_nano > 0 => sink.waiting.compare(start_unix_nano, end_unix_nano, number),
        (Some(length), _) if end_unix_nano == 0 => span.end_unix_nano = start_unix_nano.saturating_add_signed(length),
        (None, Some(duration)) if start_unix_nano != NO_START_TIME => {
            return waiting::wait(origin, span, offset, Missing::Unit { duration, column }, sink);
        }
        _ => {}
    }
    sink.span(&origin, &span, offset);
}

fn is_of_elastics_otel_mapping(fields: &Fields) -> bool {
    let is_own = |key: &str| key.starts_with("resource.attributes.") || key.starts_with("data_stream.");
    let has_own =
        || fields.has(&["resource.attributes", "data_stream"]) || fields.members().any(|(key, _)| is_own(key));
    fields.has(&["@timestamp"]) && has_own()
}

/// The unit that the name of a member says.
fn unit_of_path(path: &str) -> Option<Unit> {
    Unit::of_name(path.rsplit('.').next().unwrap_or(path))
}

fn start(fields: &mut Fields, members: &Members) -> u64 {
    let mut starts = members.paths(Field::Start).into_iter();
    let start = starts.find_map(|path| fields.time_if_any(&[path], unit_of_path(path).unwrap_or(Unit::ByMagnitude)));
    start.unwrap_or_else(|| fields.start(&[]))
}

/// 0 if it is not said.
fn end(fields: &mut Fields, members: &Members) -> u64 {
    let ends = members.paths(Field::End).into_iter();
    let mut ends = ends.map(|path| fields.time(&[path], unit_of_path(path).unwrap_or(Unit::ByMagnitude)));
    ends.find(|&end| end > 0).unwrap_or(0)
}

/// How long a span is, as far as it says so.
#[derive(Default)]
struct Length {
    /// In nanoseconds, if the unit is known.
    nanoseconds: Option<i64>,
    /// The number, where what it stands under does not say its unit.
    number: Option<f64>,
    /// What it stands under.
    column: String,
}

fn length(fields: &mut Fields, members: &Members, unit: Option<Unit>) -> Length {
    let mut first = None;
    for path in members.paths(Field::Duration) {
        let json = single(fields.take(&[path]));
        if first.is_some() {
            continue;
        }
        let number = match &json {
            Json::Number(number) => number.as_f64(),
            Json::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let number = number.filter(|number: &f64| number.is_finite());
        let said = unit_of_path(path);
        let nanoseconds = match (number, said.or(unit), &json) {
            // Digits are exact where a product of floats is not.
            (Some(_), Some(unit), json) => Fields::length_of(json, unit),
            (Some(_), None, _) => None,
            (None, _, Json::String(text)) => length_of_text(text.trim()),
            (None, _, json) => Fields::length_of(json, Unit::Nanoseconds),
        };
        let number = number.filter(|_| said.is_none());
        if nanoseconds.is_some() || number.is_some() {
            first = Some(Length { nanoseconds, number, column: path.to_owned() });
        }
    }
    first.unwrap_or_default()
}

/// The first text that is not empty. Others that say the same are copies; what says something else is left.
fn text(fields: &mut Fields, members: &Members, field: Field) -> String {
    let mut first = String::new();
    for path in members.paths(field) {
        let text = fields.get(path).map(|json| value_of_json(single(json.clone())).to_text().into_owned());
        let text = text.unwrap_or_default();
        if first.is_empty() {
            first.clone_from(&text);
        }
        if text == first || text.is_empty() {
            fields.take(&[path]);
        }
    }
    first
}

fn kind(fields: &mut Fields, members: &Members) -> SpanKind {
    let mut first = SpanKind::Unspecified;
    for path in members.paths(Field::Kind) {
        let text = value_of_json(single(fields.get(path).cloned().unwrap_or_default())).to_text().into_owned();
        let kind = SpanKind::from_text(&text);
        if first == SpanKind::Unspecified {
            first = kind;
        }
        // Elsewhere a kind may be of something else.
        if kind != SpanKind::Unspecified || SpanKind::is_unspecified(&text) {
            fields.take(&[path]);
        }
    }
    first
}

/// A `status` or `status_code` that is no status of OpenTelemetry is HTTP's, and left. Flags and messages of failures count
/// where nothing else is said.
fn status(fields: &mut Fields, members: &Members) -> (StatusCode, String) {
    let mut status = None;
    for path in members.paths(Field::Status) {
        if FAILURES.contains(&normalised(path).as_str()) {
            continue;
        }
        let text = value_of_json(single(fields.get(path).cloned().unwrap_or_default())).to_text().into_owned();
        if let Some(said) = StatusCode::said_by(&text) {
            fields.take(&[path]);
            status = status.filter(|&status| status != StatusCode::Unset).or(Some(said));
        }
    }
    let mut message = text(fields, members, Field::StatusMessage);
    let mut status = status.unwrap_or_default();
    for path in ["status", "span_status"] {
        if fields.get(path).is_some_and(Json::is_object) {
            let (code, description) = fields.status(&[path]);
            status = if status == StatusCode::Unset { code } else { status };
            message = if message.is_empty() { description } else { message };
        }
    }
    let failures: Vec<String> = fields
        .members()
        .map(|(key, _)| key.clone())
        .filter(|key| FAILURES.contains(&normalised(key).as_str()))
        .collect();
    for key in failures {
        let (failed, said, is_all) = match fields.get(&key) {
            Some(Json::Bool(failed)) => (*failed, String::new(), true),
            Some(Json::Number(number)) => (number.as_f64() != Some(0.0), String::new(), true),
            Some(Json::String(text)) => match text.trim().to_ascii_lowercase().as_str() {
                "" | "0" | "false" => (false, String::new(), true),
                "1" | "true" => (true, String::new(), true),
                _ => (true, text.clone(), true),
            },
            Some(Json::Object(error)) => {
                let said = error.get("message").and_then(Json::as_str).unwrap_or_default();
                (!error.is_empty(), said.to_owned(), false)
            }
            _ => continue,
        };
        if is_all {
            fields.take(&[&key]);
        }
        if failed && status == StatusCode::Unset {
            status = StatusCode::Error;
        }
        if failed && message.is_empty() {
            message = said;
        }
    }
    (status, message)
}

fn resource(fields: &mut Fields, members: &Members) -> Vec<KeyValue<'static>> {
    let mut attributes = Vec::new();
    for path in members.paths(Field::ResourceAttributes) {
        // The collector's OpenSearch exporter has the attributes themselves there, others an object around them.
        let has_object =
            fields.get(path).and_then(|resource| resource.get("attributes")).is_some_and(|json| !json.is_string());
        if has_object {
            let mut resource = fields.object(&[path]);
            attributes.extend(resource.attributes(&["attributes"]));
            attributes.extend(resource.rest().into_iter().filter(|attribute| !is_of_document(&attribute.key)));
        } else {
            attributes.extend(fields.attributes(&[path]));
        }
    }
    attributes.extend(fields.with_prefix(RESOURCE_PREFIXES));
    attributes
}

fn scope_attributes(fields: &mut Fields, members: &Members) -> Vec<KeyValue<'static>> {
    let mut attributes = Vec::new();
    for path in members.paths(Field::ScopeAttributes) {
        attributes.extend(fields.attributes(&[path]));
    }
    for path in ["scope", "instrumentationScope", "instrumentation_scope", "instrumentationLibrary", "Scope"] {
        if fields.get(path).is_some_and(Json::is_object) {
            let rest = fields.object(&[path]).rest().into_iter();
            attributes.extend(rest.filter(|attribute| !is_of_document(&attribute.key)));
        }
    }
    attributes
}

/// Whether a member says something of the document and not of the span.
fn is_of_document(key: &str) -> bool {
    let name = normalised(key);
    OF_DOCUMENT.contains(&name.as_str()) || OF_DOCUMENT_ENDS.iter().any(|end| name.ends_with(end))
}

/// Takes what is no field as attributes, of the span or of the resource as far as the keys tell.
fn take_rest(
    fields: Fields,
    members: &Members,
    is_data_prepper: bool,
    span: &mut SpanRecord<'static>,
    origin: &mut Origin<'static>,
) {
    if matches!(members.dialect.others, Others::Copies) && members.has(Field::Attributes) {
        return;
    }
    for (name, json) in fields.into_members() {
        let is_group = is_data_prepper && name.starts_with("traceGroup");
        if json.is_null() || is_group || is_of_document(&name) {
            continue;
        }
        let named = members.dialect.attributes.iter().find(|(column, _, _)| *column == name);
        let (owner, key) = match (named, &members.dialect.others) {
            (Some((_, key, owner)), _) => (*owner, (*key).to_owned()),
            (None, Others::Attributes { but, but_affixed, key }) => {
                let is_affixed = |affix: &&str| name.starts_with(affix) || name.ends_with(affix);
                if but.contains(&name.as_str()) || but_affixed.iter().any(is_affixed) {
                    continue;
                }
                key(&name)
            }
            _ if is_key_of_resource(&name) => (Owner::Resource, name),
            _ => (Owner::Span, known_key(&name).to_owned()),
        };
        let attributes = match owner {
            Owner::Span => &mut span.attributes,
            Owner::Resource => &mut origin.resource_attributes,
            Owner::Scope => &mut origin.scope_attributes,
        };
        attributes.extend(attributes_of_json([(key, json)].into_iter().collect()));
    }
}

fn event(mut event: Fields) -> Event<'static> {
    let nanos = event.time(&["timeUnixNano", "time_unix_nano", "event_timestamp_nanos"], Unit::Nanoseconds);
    let instant = event.instant(&["time", "timestamp", "@timestamp", "Timestamp", "_timestamp"]);
    let name = event.text(&["name", "event_name", "Name"]);
    let mut attributes = event.attributes(&["attributes", "event_attributes", "Attributes", "attributeMap"]);
    attributes.extend(rest_of_part(event));
    Event { time_unix_nano: if nanos == 0 { instant } else { nanos }, name: name.into(), attributes }
}

/// `None` for what only names the parent.
fn link(mut link: Fields, opaque_ids: &mut u64) -> Option<Link<'static>> {
    if matches!(link.text_at("refType"), "CHILD_OF") {
        return None;
    }
    let read = Link {
        trace_id: link.trace_id(&[
            "traceId",
            "trace_id",
            "link_trace_id",
            "traceID",
            "TraceId",
            "context.traceId",
            "context.trace_id",
        ]),
        span_id: link.span_id(&[
            "spanId",
            "span_id",
            "link_span_id",
            "spanID",
            "SpanId",
            "context.spanId",
            "context.span_id",
        ]),
        trace_state: link
            .text(&["traceState", "trace_state", "link_trace_state", "TraceState", "context.traceState"])
            .into(),
        attributes: link.attributes(&["attributes", "link_attributes", "attribute", "Attributes"]),
    };
    *opaque_ids += link.opaque_ids;
    let mut attributes = read.attributes;
    attributes.extend(rest_of_part(link));
    Some(Link { attributes, ..read })
}

/// What is left of an event or a link.
fn rest_of_part(part: Fields) -> Vec<KeyValue<'static>> {
    let is_said = |attribute: &KeyValue<'_>| attribute.value != Value::Empty && !is_of_document(&attribute.key);
    part.rest().into_iter().filter(is_said).collect()
}

#[cfg(test)]
mod tests {
    use crate::ingest::read::tests::read_bytes;

    #[test]
    fn documents_of_stores_are_read() {
        let quickwit = r#"{"trace_id":"000000000000000000000000000000ab","span_id":"0000000000000002","service_name":"cart","resource_attributes":{"host":"h"},
            "span_kind":3,"span_name":"get","span_start_timestamp_nanos":1700000000000000000,"span_end_timestamp_nanos":1700000000000000009,
            "span_attributes":{"http.method":"GET"},"span_status":{"code":"error","message":"bad"},"events":[{"event_timestamp_nanos":5,"event_name":"e","event_attributes":{"k":1}}],"links":[]}"#;
        let aws = r#"{"resource":{"attributes":{"service.name":"cart","host":"h"}},"traceId":"000000000000000000000000000000ab","spanId":"0000000000000002","name":"get","kind":"CLIENT",
            "startTimeUnixNano":1700000000000000000,"endTimeUnixNano":1.700000000000000009e18,"durationNano":9,"attributes":{"http":{"method":"GET"}},"status":{"code":"ERROR","message":"bad"}}"#;
        let wrapped = format!(r#"{{"timestamp":1,"message":{}}}"#, serde_json::Value::from(aws));
        for text in [quickwit, aws, &wrapped] {
            let (collected, report) = read_bytes(text.as_bytes());
            assert_eq!(
                (report.format, report.skipped.total(), collected.spans.len()),
                ("span_documents_json", 0, 1),
                "{text}"
            );
            for part in [
                "cart: ",
                "kind: Client",
                "status: Error",
                "\"bad\"",
                "http.method",
                "trace_id: 000000000000000000000000000000ab",
            ] {
                assert!(collected.spans[0].contains(part), "{part} in {}", collected.spans[0]);
            }
        }
    }

    /// Flags and messages count where no status is said, whatever their type; what is HTTP's status stays an attribute.
    #[test]
    fn failures_are_read_in_every_form() {
        for (more, expected) in [
            (r#""hasError":true"#, r#"status: Error, status_message: """#),
            (r#""is_error":"1""#, r#"status: Error, status_message: """#),
            (r#""error":"timed out""#, r#"status: Error, status_message: "timed out""#),
            (r#""error":{"message":"refused","type":"E"}"#, r#"status: Error, status_message: "refused""#),
            (r#""error":0,"has_error":"false","isError":"" "#, r#"status: Unset, status_message: """#),
            (r#""statusCodeString":"Error","status_message":"m""#, r#"status: Error, status_message: "m""#),
            (r#""otel_status_code":"ERROR","status_code":503"#, "status: Error"),
            (r#""status":404"#, r#"key: "status", value: Int(404)"#),
            (r#""status":"OK","status_code":0"#, "status: Ok"),
        ] {
            let text = format!(
                r#"{{"trace_id":"ab","span_id":"02","operation":"op","service":"cart","start":1700000000000,"end":1700000000001,{more}}}"#
            );
            let (collected, report) = read_bytes(text.as_bytes());
            assert!(collected.spans[0].contains(expected), "{text}: {}", collected.spans[0]);
            assert!(collected.spans[0].starts_with("cart: ") && collected.spans[0].contains(r#"name: "op""#), "{text}");
            assert_eq!(report.skipped.total(), 0);
        }
    }

    /// What no reader knows is an attribute: of the resource if only resources have it, of the span otherwise.
    #[test]
    fn what_is_left_is_kept() {
        let text = r#"{"traceId":"ab","spanId":"02","name":"n","startTime":1700000000000,"endTime":1700000000001,"http_method":"GET","team":"a","nested":{"k":[1]},
            "service.version":"7","labels":{"l":"m"},"tags":{"a":"b"},"none":null,"links":[{"context":{"traceId":"cd","spanId":"03"},"why":"w"},{"traceId":"ab","spanId":"01","refType":"CHILD_OF"}],
            "events":["{\"name\":\"e\",\"_timestamp\":1700000000000000007,\"detail\":\"d\"}"]}"#;
        let span = read_bytes(text.as_bytes()).0.spans.remove(0);
        for part in [
            r#"key: "http.method", value: Str("GET")"#,
            r#"key: "team", value: Str("a")"#,
            r#"key: "nested.k", value: Json("[1]")"#,
            r#"key: "labels.l", value: Str("m")"#,
            r#"key: "a", value: Str("b")"#,
            r#"key: "why", value: Str("w")"#,
            r#"key: "detail", value: Str("d")"#,
            "time_unix_nano: 1700000000000000007",
            "trace_id: 000000000000000000000000000000cd, span_id: 0000000000000003",
        ] {
            assert!(span.contains(part), "{part} in {span}");
        }
        assert!(!span.contains("none") && !span.contains("CHILD_OF"), "{span}");
    }
}
