//! What Go's `stdouttrace` exporter prints: its SDK's `SpanStub` through `encoding/json`, pretty-printed or one span a line.

use crate::frame::SpanSink as _;
use crate::span::{Event, Link, Origin, SpanRecord, StatusCode};

use super::fields::Fields;
use crate::ingest::counting_sink::CountingSink;

/// The format, as `run.json` names it.
pub(crate) const GO_STDOUTTRACE: &str = "go_stdouttrace_json";

const TRACE_ID: &[&str] = &["TraceID", "TraceId"];
const SPAN_ID: &[&str] = &["SpanID", "SpanId"];

/// Whether an object is such a span: no other has its ids in a `SpanContext`.
pub(crate) fn is_span(fields: &Fields) -> bool {
    fields.get("SpanContext").is_some_and(serde_json::Value::is_object)
}

/// Hands the span that `fields` are to `sink`.
pub(crate) fn emit(mut fields: Fields, offset: u64, sink: &mut CountingSink<'_>) {
    let mut context = fields.object(&["SpanContext"]);
    // Versions before 1.0 have the parent's id and the status in fields of their own.
    let mut parent = fields.object(&["Parent"]);
    let parent_span_id = match parent.has(SPAN_ID) {
        true => parent.span_id(SPAN_ID),
        false => fields.span_id(&["ParentSpanID"]),
    };
    let (status, status_message) = match fields.has(&["StatusCode"]) {
        true => (StatusCode::from_text(&fields.text(&["StatusCode"])), fields.text(&["StatusMessage"])),
        false => fields.status(&["Status"]),
    };
    let mut scope = fields.object(&["InstrumentationScope", "InstrumentationLibrary"]);
    let mut links = Vec::new();
    for mut link in fields.list(&["Links"]) {
        let mut linked = link.object(&["SpanContext"]);
        links.push(Link {
            trace_id: linked.trace_id(TRACE_ID),
            span_id: linked.span_id(SPAN_ID),
            trace_state: linked.text(&["TraceState"]).into(),
            attributes: link.attributes(&["Attributes"]),
        });
        fields.opaque_ids += linked.opaque_ids;
    }
    let origin = Origin {
        resource_attributes: fields.attributes(&["Resource"]),
        scope_name: scope.text(&["Name"]).into(),
        scope_version: scope.text(&["Version"]).into(),
        scope_attributes: scope.attributes(&["Attributes"]),
    };
    let span = SpanRecord {
        trace_id: context.trace_id(TRACE_ID),
        span_id: context.span_id(SPAN_ID),
        parent_span_id,
        name: fields.text(&["Name"]).into(),
        kind: fields.kind(&["SpanKind"]),
        status,
        status_message: status_message.into(),
        trace_state: context.text(&["TraceState"]).into(),
        start_unix_nano: fields.start(&["StartTime"]),
        end_unix_nano: fields.instant(&["EndTime"]),
        attributes: fields.attributes(&["Attributes"]),
        events: fields.list(&["Events", "MessageEvents"]).into_iter().map(event).collect(),
        links,
    };
    sink.tally.opaque_ids += fields.opaque_ids + context.opaque_ids + parent.opaque_ids;
    sink.tally.format.get_or_insert(GO_STDOUTTRACE);
    sink.span(&origin, &span, offset);
}

fn event(mut event: Fields) -> Event<'static> {
    Event {
        time_unix_nano: event.instant(&["Time"]),
        name: event.text(&["Name"]).into(),
        attributes: event.attributes(&["Attributes"]),
    }
}
