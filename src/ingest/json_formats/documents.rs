//! One span as a JSON document with its resource within itself: Quickwit's index, the log group `aws/spans`, the indexes of
//! the collector's Elasticsearch and OpenSearch exporters and of Data Prepper, MLflow's spans, and others of the kind that
//! call their fields as OTLP does or nearly so.
//!
//! Vendors' descriptions: `exporter/elasticsearchexporter/DOCUMENT_STRUCTURE.md` of the collector's contrib repository;
//! `docs/schemas/trace-analytics/otel-v1-apm-span-index-template.md` of Data Prepper.

use crate::frame::SpanSink as _;
use crate::span::{Event, KeyValue, Link, Origin, SpanRecord};

use super::fields::{Fields, text_attribute};
use crate::ingest::counting_sink::CountingSink;
use crate::ingest::parquet::flat::times::Unit;

/// The format, as `run.json` names it.
pub(crate) const SPAN_DOCUMENTS: &str = "span_documents_json";

const TRACE_ID: &[&str] = &["traceId", "trace_id", "TraceId", "TraceID"];
const SPAN_ID: &[&str] = &["spanId", "span_id", "SpanId", "SpanID"];
const PARENT_ID: &[&str] = &["parentSpanId", "parent_span_id", "ParentSpanId", "parentSpanID", "parent_id", "parentId"];

/// Times whose names say that they are nanoseconds.
const START_NANOS: &[&str] = &["startTimeUnixNano", "start_time_unix_nano", "span_start_timestamp_nanos"];
const END_NANOS: &[&str] = &["endTimeUnixNano", "end_time_unix_nano", "span_end_timestamp_nanos"];
const START: &[&str] = &["startTime", "start_time", "StartTime"];
const END: &[&str] = &["endTime", "end_time", "EndTime", "EndTimestamp"];
/// The start of a document that has a length: of one that has none, it may be the time of a line in a log.
const TIMESTAMP: &[&str] = &["@timestamp", "Timestamp", "timestamp"];

/// Elasticsearch's OTel mapping has `duration` in nanoseconds, its older mapping `Duration` in microseconds.
const LENGTHS: &[(Unit, &[&str])] = &[
    (Unit::Nanoseconds, &["durationNano", "duration_nano", "durationInNanos", "span_duration_nanos", "duration_ns"]),
    (Unit::Microseconds, &["Duration", "duration_us"]),
    (Unit::Milliseconds, &["span_duration_millis", "duration_ms", "durationMs"]),
    (Unit::Nanoseconds, &["duration"]),
];

/// Whether an object names a span.
pub(crate) fn has_ids(fields: &Fields) -> bool {
    fields.has(TRACE_ID) && fields.has(SPAN_ID)
}

/// Whether an object with the ids of a span is a span, and not a line of a log that was written within one.
pub(crate) fn is_span(fields: &Fields) -> bool {
    [START_NANOS, END_NANOS, START, END].iter().any(|paths| fields.has(paths))
        || LENGTHS.iter().any(|(_, paths)| fields.has(paths))
            && !fields.has(&["body", "severity_number", "SeverityNumber"])
}

/// Hands the span that `fields` are to `sink`.
pub(crate) fn emit(mut fields: Fields, offset: u64, sink: &mut CountingSink<'_>) {
    let has_at_for_dots = fields.has(&["traceGroup", "traceGroupFields", "durationInNanos"]);
    // Elasticsearch's older mappings have attributes beside the fields.
    let is_old_mapping = fields.has(&["TraceStatus", "EndTimestamp"]);
    let trace_id = fields.trace_id(TRACE_ID);
    let span_id = fields.span_id(SPAN_ID);
    let parent_span_id = fields.span_id(PARENT_ID);
    let start_unix_nano = start(&mut fields);
    let end_unix_nano = end(&mut fields, start_unix_nano);
    // Elsewhere a `status_code` may be HTTP's.
    let is_usual = fields.has(&["status", "span_status", "status.code"]);
    let (status, status_message) = match is_usual {
        true => fields.status(&["status", "span_status"]),
        false => fields.status(&["TraceStatus", "statusCode", "status_code"]),
    };
    let status_message =
        or_else(status_message, || fields.text(&["status_message", "statusMessage", "TraceStatusDescription"]));
    let mut links: Vec<Link<'static>> = Vec::new();
    for link in fields.list(&["links", "Link"]) {
        links.push(self::link(link, &mut fields.opaque_ids));
    }
    let mut resource_attributes = resource(&mut fields);
    if !resource_attributes.iter().any(|attribute| attribute.key == "service.name") {
        let service = text_attribute("service.name", fields.text(&["service_name", "serviceName"]));
        resource_attributes.splice(0..0, service);
    }
    let mut scope = fields.object(&["scope", "instrumentationScope", "instrumentationLibrary"]);
    let mut origin = Origin {
        resource_attributes,
        scope_name: or_else(scope.text(&["name"]), || {
            fields.text(&["scope_name", "scope.name", "Scope.name", "instrumentationScope.name"])
        })
        .into(),
        scope_version: or_else(scope.text(&["version"]), || {
            fields.text(&["scope_version", "scope.version", "Scope.version", "instrumentationScope.version"])
        })
        .into(),
        scope_attributes: scope.attributes(&["attributes"]),
    };
    let mut span = SpanRecord {
        trace_id,
        span_id,
        parent_span_id,
        name: fields.text(&["name", "span_name", "Name", "spanName"]).into(),
        kind: fields.kind(&["kind", "span_kind", "Kind", "spanKind"]),
        status,
        status_message: status_message.into(),
        trace_state: fields.text(&["traceState", "trace_state", "TraceState"]).into(),
        start_unix_nano,
        end_unix_nano,
        attributes: fields.attributes(&["attributes", "span_attributes", "spanAttributes"]),
        events: fields.list(&["events"]).into_iter().map(event).collect(),
        links,
    };
    span.attributes.extend(fields.with_prefix(&["span.attributes.", "attributes.", "Attributes."]));
    span.attributes.extend(fields.attributes(&["span.attributes", "Attributes"]));
    sink.tally.opaque_ids += fields.opaque_ids;
    if is_old_mapping {
        span.attributes.extend(fields.rest());
    }
    if has_at_for_dots {
        let of_events = span.events.iter_mut().flat_map(|event| &mut event.attributes);
        let of_links = span.links.iter_mut().flat_map(|link| &mut link.attributes);
        let of_span = span.attributes.iter_mut().chain(of_events).chain(of_links);
        for attribute in of_span.chain(&mut origin.resource_attributes).filter(|attribute| attribute.key.contains('@'))
        {
            attribute.key = attribute.key.replace('@', ".").into();
        }
    }
    sink.tally.format.get_or_insert(SPAN_DOCUMENTS);
    sink.span(&origin, &span, offset);
}

fn start(fields: &mut Fields) -> u64 {
    let start = fields.time_if_any(START_NANOS, Unit::Nanoseconds);
    start.unwrap_or_else(|| fields.start(&[START, TIMESTAMP].concat()))
}

fn end(fields: &mut Fields, start: u64) -> u64 {
    let end = match fields.time(END_NANOS, Unit::Nanoseconds) {
        0 => fields.instant(END),
        end => end,
    };
    let lengths = LENGTHS.iter().map(|&(unit, paths)| fields.time(paths, unit));
    let length = lengths.fold(0, |first, length| if first == 0 { length } else { first });
    if end == 0 { start.saturating_add(length) } else { end }
}

fn or_else(text: String, other: impl FnOnce() -> String) -> String {
    if text.is_empty() { other() } else { text }
}

fn resource(fields: &mut Fields) -> Vec<KeyValue<'static>> {
    let mut attributes = fields.attributes(&["resource_attributes", "resourceAttributes"]);
    attributes.extend(fields.with_prefix(&["resource.attributes.", "Resource."]));
    let mut resource = fields.object(&["resource"]);
    // The collector's OpenSearch exporter has the attributes themselves there.
    let is_nested = resource.has(&["attributes"]);
    attributes.extend(if is_nested { resource.attributes(&["attributes"]) } else { resource.rest() });
    attributes
}

fn event(mut event: Fields) -> Event<'static> {
    let nanos = event.time(&["timeUnixNano", "time_unix_nano", "event_timestamp_nanos"], Unit::Nanoseconds);
    let instant = event.instant(&["time", "timestamp", "@timestamp", "Timestamp"]);
    Event {
        time_unix_nano: if nanos == 0 { instant } else { nanos },
        name: event.text(&["name", "event_name", "Name"]).into(),
        attributes: event.attributes(&["attributes", "event_attributes", "Attributes"]),
    }
}

fn link(mut link: Fields, opaque_ids: &mut u64) -> Link<'static> {
    let read = Link {
        trace_id: link.trace_id(&["traceId", "trace_id", "link_trace_id", "traceID", "TraceId"]),
        span_id: link.span_id(&["spanId", "span_id", "link_span_id", "spanID", "SpanId"]),
        trace_state: link.text(&["traceState", "trace_state", "link_trace_state", "TraceState"]).into(),
        attributes: link.attributes(&["attributes", "link_attributes", "attribute", "Attributes"]),
    };
    *opaque_ids += link.opaque_ids;
    read
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
}
