//! One span as a JSON document with its resource within itself: Quickwit's index, the log group `aws/spans`, and others
//! of the kind that call their fields as OTLP does or nearly so.

use serde_json::{Map, Value as Json};

use crate::frame::SpanSink as _;
use crate::span::{Event, KeyValue, Link, NO_START_TIME, Origin, SpanKind, SpanRecord, StatusCode, Value};

use super::text_ids;
use crate::ingest::counting_sink::CountingSink;
use crate::ingest::json::attributes::{attributes_of_json, value_of_json};
use crate::ingest::json::lenient::Scalar;

/// The format, as `run.json` names it.
pub(crate) const SPAN_DOCUMENTS: &str = "span_documents_json";

/// Hands the span that `document` is to `sink`.
pub(crate) fn emit(mut document: Map<String, Json>, offset: u64, sink: &mut CountingSink<'_>) {
    let mut hashes = 0;
    let mut fields = DocumentFields(&mut document);
    let record = SpanRecord {
        trace_id: {
            let id = text_ids::trace_id(&fields.text(&["traceId", "trace_id"]));
            hashes += u64::from(id.is_hash);
            id.id
        },
        span_id: fields.span_id(&["spanId", "span_id"], &mut hashes),
        parent_span_id: fields.span_id(&["parentSpanId", "parent_span_id"], &mut hashes),
        name: fields.text(&["name", "span_name"]).into(),
        kind: SpanKind::from_text(&fields.text(&["kind", "span_kind"])),
        trace_state: fields.text(&["traceState", "trace_state"]).into(),
        start_unix_nano: fields.time(START_KEYS).unwrap_or(NO_START_TIME),
        ..SpanRecord::default()
    };
    let end = fields.time(&["endTimeUnixNano", "end_time_unix_nano", "span_end_timestamp_nanos"]);
    let duration_ns = fields.time(&["durationNano", "duration_nano", "span_duration_nanos"]);
    let duration_ms = fields.time(&["span_duration_millis"]);
    let duration_ns = duration_ns.or_else(|| Some(duration_ms?.saturating_mul(1_000_000))).unwrap_or(0);
    let end = end.filter(|end| *end > 0);
    let end_unix_nano = end.unwrap_or_else(|| record.start_unix_nano.saturating_add(duration_ns));
    let (status, status_message) = fields.status();
    let events = fields.list(&["events"]).into_iter().map(event).collect();
    let links = fields.list(&["links"]).into_iter().map(|link| self::link(link, &mut hashes)).collect();
    let mut resource_attributes = fields.resource();
    let service = fields.text(&["service_name", "serviceName"]);
    if !service.is_empty() && !resource_attributes.iter().any(|attribute| attribute.key == "service.name") {
        resource_attributes.insert(0, KeyValue { key: "service.name".into(), value: Value::Str(service.into()) });
    }
    let mut scope = fields.object(&["scope", "instrumentationScope"]);
    let mut scope = DocumentFields(&mut scope);
    let origin = Origin {
        resource_attributes,
        scope_name: or_else(scope.text(&["name"]), || fields.text(&["scope_name"])).into(),
        scope_version: or_else(scope.text(&["version"]), || fields.text(&["scope_version"])).into(),
        scope_attributes: scope.attributes(&["attributes"]),
    };
    let attributes = fields.attributes(&["attributes", "span_attributes"]);
    let span = SpanRecord {
        end_unix_nano,
        status,
        status_message: status_message.into(),
        attributes,
        events,
        links,
        ..record
    };
    sink.tally.opaque_ids += hashes;
    sink.tally.format.get_or_insert(SPAN_DOCUMENTS);
    sink.span(&origin, &span, offset);
}

const START_KEYS: &[&str] = &["startTimeUnixNano", "start_time_unix_nano", "span_start_timestamp_nanos"];

fn or_else(text: String, other: impl FnOnce() -> String) -> String {
    if text.is_empty() { other() } else { text }
}

/// The fields of an object, taken out one by one. Each has several names, of which the first present counts.
struct DocumentFields<'a>(&'a mut Map<String, Json>);

impl DocumentFields<'_> {
    fn take(&mut self, keys: &[&str]) -> Json {
        keys.iter().find_map(|key| self.0.remove(*key)).unwrap_or_default()
    }

    fn text(&mut self, keys: &[&str]) -> String {
        value_of_json(self.take(keys)).to_text().into_owned()
    }

    fn span_id(&mut self, keys: &[&str], hashes: &mut u64) -> crate::span::SpanId {
        let id = text_ids::span_id(&self.text(keys));
        *hashes += u64::from(id.is_hash);
        id.id
    }

    /// A time or duration, if there is one; whole numbers beyond 2^53 may come as floats.
    fn time(&mut self, keys: &[&str]) -> Option<u64> {
        match self.take(keys) {
            Json::Number(number) => match number.as_u64() {
                Some(number) => Some(number),
                None => Scalar::Float(number.as_f64()?).time(),
            },
            Json::String(text) => Scalar::Text(text.into()).time(),
            _ => None,
        }
    }

    fn object(&mut self, keys: &[&str]) -> Map<String, Json> {
        match self.take(keys) {
            Json::Object(object) => object,
            _ => Map::new(),
        }
    }

    fn list(&mut self, keys: &[&str]) -> Vec<Map<String, Json>> {
        let objects = |json| match json {
            Json::Object(object) => Some(object),
            _ => None,
        };
        match self.take(keys) {
            Json::Array(items) => items.into_iter().filter_map(objects).collect(),
            _ => Vec::new(),
        }
    }

    /// Attributes as an object, or as OTLP's list of keys and values.
    fn attributes(&mut self, keys: &[&str]) -> Vec<KeyValue<'static>> {
        match self.take(keys) {
            Json::Object(object) => attributes_of_json(object),
            Json::Array(items) => items.into_iter().filter_map(otlp_attribute).collect(),
            _ => Vec::new(),
        }
    }

    fn resource(&mut self) -> Vec<KeyValue<'static>> {
        let mut attributes = self.attributes(&["resource_attributes", "resourceAttributes"]);
        let mut resource = self.object(&["resource"]);
        attributes.extend(DocumentFields(&mut resource).attributes(&["attributes"]));
        attributes
    }

    fn status(&mut self) -> (StatusCode, String) {
        match self.take(&["status", "span_status"]) {
            Json::Object(mut status) => {
                let mut status = DocumentFields(&mut status);
                (StatusCode::from_text(&status.text(&["code"])), status.text(&["message"]))
            }
            code => (StatusCode::from_text(&value_of_json(code).to_text()), self.text(&["status_message"])),
        }
    }
}

fn otlp_attribute(item: Json) -> Option<KeyValue<'static>> {
    let Json::Object(mut item) = item else {
        return None;
    };
    let key = DocumentFields(&mut item).text(&["key"]);
    let value = match item.remove("value").unwrap_or_default() {
        Json::Object(any) => {
            any.into_iter().next().map_or(Value::Empty, |(kind, value)| match (kind.as_str(), value) {
                ("intValue", Json::String(text)) => text.parse().map_or(Value::Str(text.into()), Value::Int),
                (_, value) => value_of_json(value),
            })
        }
        plain => value_of_json(plain),
    };
    Some(KeyValue { key: key.into(), value })
}

fn event(mut event: Map<String, Json>) -> Event<'static> {
    let mut fields = DocumentFields(&mut event);
    Event {
        time_unix_nano: fields.time(&["timeUnixNano", "time_unix_nano", "event_timestamp_nanos"]).unwrap_or(0),
        name: fields.text(&["name", "event_name"]).into(),
        attributes: fields.attributes(&["attributes", "event_attributes"]),
    }
}

fn link(mut link: Map<String, Json>, hashes: &mut u64) -> Link<'static> {
    let mut fields = DocumentFields(&mut link);
    let trace_id = text_ids::trace_id(&fields.text(&["traceId", "trace_id", "link_trace_id"]));
    *hashes += u64::from(trace_id.is_hash);
    Link {
        trace_id: trace_id.id,
        span_id: fields.span_id(&["spanId", "span_id", "link_span_id"], hashes),
        trace_state: fields.text(&["traceState", "trace_state", "link_trace_state"]).into(),
        attributes: fields.attributes(&["attributes", "link_attributes"]),
    }
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
