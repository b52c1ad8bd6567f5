//! What JavaScript's `ConsoleSpanExporter` has of a span, as JSON: its own names and kinds, times in microseconds.

use serde_json::Value as Json;

use crate::frame::SpanSink as _;
use crate::span::{Event, Link, Origin, SpanKind, SpanRecord};

use super::fields::Fields;
use crate::ingest::counting_sink::CountingSink;
use crate::ingest::parquet::flat::times::Unit;

/// The format, as `run.json` names it.
pub(crate) const JAVASCRIPT_CONSOLE: &str = "javascript_console_json";

/// Whether an object is such a span: Zipkin's have the same ids, but other kinds and no attributes.
pub(crate) fn is_span(fields: &Fields) -> bool {
    fields.has(&["traceId"])
        && fields.has(&["id"])
        && fields.get("attributes").is_some_and(Json::is_object)
        && fields.get("events").is_some_and(Json::is_array)
        && fields.get("kind").is_some_and(Json::is_number)
}

/// Hands the span that `fields` are to `sink`.
pub(crate) fn emit(mut fields: Fields, offset: u64, sink: &mut CountingSink<'_>) {
    let start_unix_nano = fields.time_if_any(&["timestamp"], Unit::Microseconds);
    let start_unix_nano = start_unix_nano.unwrap_or_else(|| fields.start(&[]));
    let length = fields.length(&["duration"], Unit::Microseconds);
    let (status, status_message) = fields.status(&["status"]);
    let mut scope = fields.object(&["instrumentationScope", "instrumentationLibrary"]);
    let mut links = Vec::new();
    for mut link in fields.list(&["links"]) {
        let mut linked = link.object(&["context"]);
        links.push(Link {
            trace_id: linked.trace_id(&["traceId"]),
            span_id: linked.span_id(&["spanId"]),
            trace_state: trace_state(&mut linked).into(),
            attributes: link.attributes(&["attributes"]),
        });
        fields.opaque_ids += linked.opaque_ids;
    }
    let origin = Origin {
        resource_attributes: fields.attributes(&["resource.attributes"]),
        scope_name: scope.text(&["name"]).into(),
        scope_version: scope.text(&["version"]).into(),
        ..Origin::default()
    };
    // JavaScript counts its kinds from 0, OTLP from 1.
    let kind =
        fields.get("kind").and_then(Json::as_i64).map_or(SpanKind::Unspecified, |kind| SpanKind::from_number(kind + 1));
    let span = SpanRecord {
        trace_id: fields.trace_id(&["traceId"]),
        span_id: fields.span_id(&["id"]),
        parent_span_id: fields.span_id(&["parentId", "parentSpanId", "parentSpanContext.spanId"]),
        name: fields.text(&["name"]).into(),
        kind,
        status,
        status_message: status_message.into(),
        trace_state: trace_state(&mut fields).into(),
        start_unix_nano,
        end_unix_nano: start_unix_nano.saturating_add_signed(length),
        attributes: fields.attributes(&["attributes"]),
        events: fields.list(&["events"]).into_iter().map(event).collect(),
        links,
    };
    sink.tally.opaque_ids += fields.opaque_ids;
    sink.tally.format.get_or_insert(JAVASCRIPT_CONSOLE);
    sink.span(&origin, &span, offset);
}

/// The trace state where it is text, and not the object that it is in the SDK.
fn trace_state(fields: &mut Fields) -> String {
    if fields.get("traceState").is_some_and(Json::is_string) { fields.text(&["traceState"]) } else { String::new() }
}

fn event(mut event: Fields) -> Event<'static> {
    Event {
        time_unix_nano: event.instant(&["time"]),
        name: event.text(&["name"]).into(),
        attributes: event.attributes(&["attributes"]),
    }
}
