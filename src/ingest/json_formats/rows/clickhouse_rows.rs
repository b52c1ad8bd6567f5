//! Rows of ClickHouse's `otel_traces` as `FORMAT JSONEachRow`, `JSON` and their like give them: the same spans as from its
//! Parquet. Numbers of 64 bits may be text, and attributes of type JSON nested objects.

use serde_json::Value as Json;

use crate::frame::SpanSink as _;
use crate::span::{Event, KeyValue, Link, Origin, SpanRecord, StatusCode};

use crate::ingest::counting_sink::CountingSink;
use crate::ingest::json::attributes::{attributes_of_json, value_of_json};
use crate::ingest::json::printed_map::json_of_text;
use crate::ingest::json_formats::fields::{Fields, instant, text_attribute};
use crate::ingest::parquet::flat::times::Unit;
use crate::ingest::text_ids;

/// The format, as `run.json` names it.
pub(crate) const CLICKHOUSE_ROWS: &str = "clickhouse_json";

/// Whether an object is such a row.
pub(crate) fn is_span(fields: &Fields) -> bool {
    fields.has(&["TraceId"]) && fields.has(&["SpanId"]) && fields.has(&["SpanName"]) && fields.has(&["Timestamp"])
}

/// Hands the span that `fields` are to `sink`.
pub(crate) fn emit(mut fields: Fields, offset: u64, sink: &mut CountingSink<'_>) {
    let start_unix_nano = fields.start(&["Timestamp"]);
    let service = fields.text(&["ServiceName"]);
    let mut resource_attributes = fields.attributes(&["ResourceAttributes"]);
    // The column is what Parquet is read by, so it decides here too.
    let said = resource_attributes.iter().rev().find(|attribute| attribute.key == "service.name");
    if !service.is_empty() && said.is_none_or(|said| said.value.to_text() != service) {
        resource_attributes.retain(|attribute| attribute.key != "service.name");
        resource_attributes.splice(0..0, text_attribute("service.name", service));
    }
    let origin = Origin {
        resource_attributes,
        scope_name: fields.text(&["ScopeName"]).into(),
        scope_version: fields.text(&["ScopeVersion"]).into(),
        scope_attributes: fields.attributes(&["ScopeAttributes"]),
    };
    let mut span = SpanRecord {
        trace_id: fields.trace_id(&["TraceId"]),
        span_id: fields.span_id(&["SpanId"]),
        parent_span_id: fields.span_id(&["ParentSpanId"]),
        name: fields.text(&["SpanName"]).into(),
        kind: fields.kind(&["SpanKind"]),
        status: StatusCode::from_text(&fields.text(&["StatusCode"])),
        status_message: fields.text(&["StatusMessage"]).into(),
        trace_state: fields.text(&["TraceState"]).into(),
        start_unix_nano,
        end_unix_nano: start_unix_nano.saturating_add_signed(fields.length(&["Duration"], Unit::Nanoseconds)),
        attributes: fields.attributes(&["SpanAttributes"]),
        events: events(&mut fields),
        links: links(&mut fields, &mut sink.tally.opaque_ids),
    };
    let sample_rate = fields.text(&["SampleRate"]);
    span.attributes.extend(text_attribute("SampleRate", sample_rate));
    sink.tally.opaque_ids += fields.opaque_ids;
    sink.tally.format.get_or_insert(CLICKHOUSE_ROWS);
    sink.span(&origin, &span, offset);
}

/// Nested columns are lists side by side, `Events.Name` and its like, or one list of objects.
pub(super) fn columns_of<const N: usize>(fields: &mut Fields, column: &str, members: [&str; N]) -> Vec<[Json; N]> {
    if fields.get(column).is_some_and(Json::is_array) {
        let rows = fields.list(&[column]).into_iter();
        return rows.map(|mut row| members.map(|member| row.take(&[member]))).collect();
    }
    let lists = members.map(|member| match fields.take(&[&format!("{column}.{member}")]) {
        Json::Array(items) => items,
        _ => Vec::new(),
    });
    let rows = lists.iter().map(Vec::len).max().unwrap_or(0);
    let mut lists = lists.map(Vec::into_iter);
    (0..rows).map(|_| std::array::from_fn(|member| lists[member].next().unwrap_or_default())).collect()
}

fn events(fields: &mut Fields) -> Vec<Event<'static>> {
    let events = columns_of(fields, "Events", ["Timestamp", "Name", "Attributes"]).into_iter();
    let read = events.map(|[time, name, attributes]| Event {
        time_unix_nano: instant(&time),
        name: value_of_json(name).to_text().into_owned().into(),
        attributes: attributes_of(attributes),
    });
    read.collect()
}

fn links(fields: &mut Fields, opaque_ids: &mut u64) -> Vec<Link<'static>> {
    let links = columns_of(fields, "Links", ["TraceId", "SpanId", "TraceState", "Attributes"]).into_iter();
    let read = links.map(|[trace_id, span_id, trace_state, attributes]| {
        let text = |json: Json| value_of_json(json).to_text().into_owned();
        let (trace_id, span_id) = (text_ids::trace_id(&text(trace_id)), text_ids::span_id(&text(span_id)));
        *opaque_ids += u64::from(trace_id.is_hash) + u64::from(span_id.is_hash);
        Link {
            trace_id: trace_id.id,
            span_id: span_id.id,
            trace_state: text(trace_state).into(),
            attributes: attributes_of(attributes),
        }
    });
    read.collect()
}

fn attributes_of(json: Json) -> Vec<KeyValue<'static>> {
    match json {
        Json::Object(object) => attributes_of_json(object),
        // Where all values are texts, maps are printed.
        Json::String(text) => match json_of_text(&text) {
            Some(Json::Object(object)) => attributes_of_json(object),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}
