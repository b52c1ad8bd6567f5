//! What Python's `ConsoleSpanExporter` prints (`ReadableSpan.to_json` of the OpenTelemetry SDK), pretty-printed or one span a
//! line, the spans of MLflow 2, which have the same keys, and what PHP's exporter of that name prints
//! (`FriendlySpanConverter`), which calls times and parents otherwise.

use crate::frame::SpanSink as _;
use crate::span::{Event, Link, Origin, SpanRecord, StatusCode};

use super::fields::Fields;
use crate::ingest::counting_sink::CountingSink;

/// The format, as `run.json` names it.
pub(crate) const PYTHON_CONSOLE: &str = "python_console_json";

/// The same of PHP's.
pub(crate) const PHP_CONSOLE: &str = "php_console_json";

/// Whether an object is such a span: no other has its ids in a `context`.
pub(crate) fn is_span(fields: &Fields) -> bool {
    let context = fields.get("context").and_then(serde_json::Value::as_object);
    context.is_some_and(|context| context.contains_key("span_id") && context.contains_key("trace_id"))
}

/// Hands the span that `fields` are to `sink`.
pub(crate) fn emit(mut fields: Fields, offset: u64, sink: &mut CountingSink<'_>) {
    let is_php = fields.get("parent_span_id").is_some() && fields.has(&["start"]);
    let mut context = fields.object(&["context"]);
    let (status, status_message) = match fields.has(&["status_code"]) {
        true => (StatusCode::from_text(&fields.text(&["status_code"])), fields.text(&["status_message"])),
        false => fields.status(&["status"]),
    };
    let mut resource = fields.object(&["resource"]);
    // Older versions print the attributes themselves.
    let is_nested = resource.has(&["attributes"]);
    let mut scope = fields.object(&["instrumentation_scope", "instrumentation_info"]);
    let mut links = Vec::new();
    for mut link in fields.list(&["links"]) {
        let mut linked = link.object(&["context"]);
        links.push(Link {
            trace_id: linked.trace_id(&["trace_id"]),
            span_id: linked.span_id(&["span_id"]),
            trace_state: trace_state(&linked.text(&["trace_state"])).into(),
            attributes: link.attributes(&["attributes"]),
        });
        fields.opaque_ids += linked.opaque_ids;
    }
    let origin = Origin {
        resource_attributes: if is_nested { resource.attributes(&["attributes"]) } else { resource.rest() },
        scope_name: scope.text(&["name"]).into(),
        scope_version: scope.text(&["version"]).into(),
        scope_attributes: scope.attributes(&["attributes"]),
    };
    let span = SpanRecord {
        trace_id: context.trace_id(&["trace_id"]),
        span_id: context.span_id(&["span_id"]),
        parent_span_id: fields.span_id(&["parent_id", "parent_span_id"]),
        name: fields.text(&["name"]).into(),
        kind: fields.kind(&["kind"]),
        status,
        status_message: status_message.into(),
        trace_state: trace_state(&context.text(&["trace_state"])).into(),
        start_unix_nano: fields.start(&["start_time", "start"]),
        end_unix_nano: fields.instant(&["end_time", "end"]),
        attributes: fields.attributes(&["attributes"]),
        events: fields.list(&["events"]).into_iter().map(event).collect(),
        links,
    };
    sink.tally.opaque_ids += fields.opaque_ids + context.opaque_ids;
    sink.tally.format.get_or_insert(if is_php { PHP_CONSOLE } else { PYTHON_CONSOLE });
    sink.span(&origin, &span, offset);
}

fn event(mut event: Fields) -> Event<'static> {
    Event {
        time_unix_nano: event.instant(&["timestamp"]),
        name: event.text(&["name"]).into(),
        attributes: event.attributes(&["attributes"]),
    }
}

/// The trace state whose representation in Python is `text`: `['{key=a, value=b}', …]`, empty `[]`.
fn trace_state(text: &str) -> String {
    let entries = text.split("{key=").skip(1).filter_map(|entry| {
        let (key, rest) = entry.split_once(", value=")?;
        Some(format!("{key}={}", rest.split_once('}')?.0))
    });
    entries.collect::<Vec<String>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_states_are_read_from_their_representation() {
        assert_eq!(trace_state("['{key=ot, value=th:8}', '{key=b, value=1}']"), "ot=th:8,b=1");
        assert_eq!(trace_state("[]"), "");
    }
}
