//! Honeycomb's events that are spans: rows of a query's raw data, and the events that its API takes.
//! <https://docs.honeycomb.io/getting-data-in/tracing/send-trace-data/>
//!
//! All fields of an event are in one object, so that nothing but their keys tells attributes of resources from those of spans.

use serde_json::Value as Json;

use crate::conventions::is_key_of_resource;
use crate::frame::SpanSink as _;
use crate::span::{KeyValue, Origin, SkipReason, SpanRecord, StatusCode};

use super::fields::{Fields, text_attribute};
use crate::ingest::counting_sink::CountingSink;
use crate::ingest::parquet::flat::times::Unit;

/// The format, as `run.json` names it.
pub(crate) const HONEYCOMB: &str = "honeycomb_json";

/// Whether an object is an event of a trace, or has one under `data`.
pub(crate) fn is_event(fields: &Fields) -> bool {
    fields.has(&["trace.trace_id", "data.trace.trace_id"])
}

/// Hands the span that `fields` are to `sink`; events and links of spans, which are rows of their own, are counted.
pub(crate) fn emit(mut fields: Fields, offset: u64, sink: &mut CountingSink<'_>) {
    sink.tally.format.get_or_insert(HONEYCOMB);
    let time = fields.time_if_any(&["time", "timestamp", "Timestamp", "_time"], Unit::ByMagnitude);
    let sample_rate = fields.text(&["samplerate", "sampleRate", "SampleRate", "Sample Rate", "meta.sample_rate"]);
    let mut fields = match fields.has(&["data.trace.trace_id"]) {
        true => fields.object(&["data"]),
        false => fields,
    };
    if matches!(fields.text_at("meta.annotation_type"), "span_event" | "link") || !fields.has(&["trace.span_id"]) {
        return sink.skip(SkipReason::OtherSignal, offset);
    }
    let start_unix_nano = time.unwrap_or_else(|| fields.start(&["Timestamp", "timestamp", "time", "meta.timestamp"]));
    let length = fields.length(&["duration_ms", "durationMs"], Unit::Milliseconds);
    let (status, status_message) = status(&mut fields);
    let service = fields.text(&["service.name", "service_name", "serviceName"]);
    let mut origin = Origin {
        resource_attributes: text_attribute("service.name", service).into_iter().collect(),
        scope_name: fields.text(&["library.name"]).into(),
        scope_version: fields.text(&["library.version"]).into(),
        ..Origin::default()
    };
    let mut span = SpanRecord {
        trace_id: fields.trace_id(&["trace.trace_id"]),
        span_id: fields.span_id(&["trace.span_id"]),
        parent_span_id: fields.span_id(&["trace.parent_id"]),
        name: fields.text(&["name"]).into(),
        kind: fields.kind(&["span.kind", "span_kind", "kind"]),
        status,
        status_message: status_message.into(),
        trace_state: fields.text(&["trace.trace_state"]).into(),
        start_unix_nano,
        end_unix_nano: start_unix_nano.saturating_add_signed(length),
        ..SpanRecord::default()
    };
    sink.tally.opaque_ids += fields.opaque_ids;
    let is_of_resource = |attribute: &KeyValue<'_>| is_key_of_resource(&attribute.key);
    let (of_resource, of_span): (Vec<_>, Vec<_>) = fields.rest().into_iter().partition(is_of_resource);
    origin.resource_attributes.extend(of_resource);
    span.attributes = text_attribute("SampleRate", sample_rate).into_iter().chain(of_span).collect();
    sink.span(&origin, &span, offset);
}

/// `status_code` is OpenTelemetry's where it came as such, and may be HTTP's where it did not. `error` is a flag or a message.
fn status(fields: &mut Fields) -> (StatusCode, String) {
    let message = fields.text(&["status_message", "status.message"]);
    let is_code = fields.get("status_code").and_then(Json::as_u64).is_none_or(|code| code <= 2);
    let code = if is_code { StatusCode::from_text(&fields.text(&["status_code"])) } else { StatusCode::Unset };
    match fields.get("error") {
        Some(Json::Bool(true)) => (StatusCode::Error, message),
        Some(Json::String(text)) if !matches!(text.as_str(), "" | "false") => {
            let message = if message.is_empty() && text != "true" { text.clone() } else { message };
            (StatusCode::Error, message)
        }
        _ => (code, message),
    }
}
