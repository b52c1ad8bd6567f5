//! Jaeger's JSON: a trace as its UI and API give it, a span with its process embedded, or a document of its
//! Elasticsearch storage. The mapping to OpenTelemetry is that of the collector's Jaeger translator.
//!
//! A trace names its processes beside its spans, in any order, so it is read as a whole.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::frame::SpanSink as _;
use crate::span::{
    Event, KeyValue, Link, NO_START_TIME, Origin, REF_TYPE, SkipReason, SpanKind, SpanRecord, StatusCode, Value,
};

use super::refused::{self, json::JAEGER_PROTOBUF};
use super::text_ids;
use crate::ingest::counting_sink::CountingSink;
use crate::ingest::json::lenient::{Fill, List, Listed, Message, Scalar, Text, Wanted, ignore, scalars_are};
use crate::ingest::otlp::json_message::{AnyValue, Attributes};

/// The format, as `run.json` names it.
pub(crate) const JAEGER_JSON: &str = "jaeger_json";

/// Whether an object with this key is a trace or a span of Jaeger: hardly anybody else spells these so.
pub(crate) fn is_jaeger_key(key: &str) -> bool {
    matches!(key, "traceID" | "spanID" | "processID" | "processes")
}

/// A trace or a span.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    /// The object itself, as a span.
    span: Span<'a>,
    /// The spans of a trace.
    spans: Option<Vec<Span<'a>>>,
    processes: Vec<(Cow<'a, str>, Process<'a>)>,
    /// How many elements of `spans` are no objects.
    malformed: u64,
    /// The keys before those of its spans or its id, the first ones.
    keys: Vec<String>,
    wanted: Wanted,
}

/// So many keys are remembered to tell what an object without spans is.
const MAX_KEYS: usize = 24;

impl Document<'_> {
    /// Nothing yet.
    pub(crate) fn new(wanted: Wanted) -> Self {
        Self { span: Span::start(wanted), spans: None, processes: Vec::new(), malformed: 0, keys: Vec::new(), wanted }
    }
}

impl<'de> Message<'de> for Document<'de> {
    fn starts_at(&mut self, address: usize) {
        self.span.address = address;
    }

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        if self.span.span_id.is_empty() && self.spans.is_none() && self.keys.len() < MAX_KEYS {
            self.keys.push(key.to_owned());
        }
        match key {
            "spans" => {
                let list = self.spans.get_or_insert_default();
                map.next_value_seed(List { list, malformed: &mut self.malformed, wanted: self.wanted })
            }
            "processes" => map.next_value_seed(Processes(&mut self.processes)),
            _ => self.span.field(key, map),
        }
    }
}

#[derive(Debug, Default)]
struct Span<'a> {
    trace_id: Cow<'a, str>,
    span_id: Cow<'a, str>,
    parent_span_id: Cow<'a, str>,
    name: Cow<'a, str>,
    references: Vec<Reference<'a>>,
    start_us: Option<u64>,
    duration_us: i64,
    tags: Vec<Tag<'a>>,
    plain_tags: Vec<KeyValue<'a>>,
    logs: Vec<Log<'a>>,
    process_id: Cow<'a, str>,
    process: Option<Process<'a>>,
    warnings: Value<'a>,
    /// The address of its first key in the text.
    address: usize,
    /// Whether binary values are hexadecimal and not base64.
    of_elasticsearch: bool,
    /// Whether its ids are spelled as protobuf's JSON has them.
    of_protobuf: bool,
}

impl<'de> Listed<'de> for Span<'de> {
    fn start(_: Wanted) -> Self {
        Self::default()
    }
}

impl<'de> Message<'de> for Span<'de> {
    fn starts_at(&mut self, address: usize) {
        self.address = address;
    }

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "traceID" => self.trace_id = Scalar::next(map)?.into_text(),
            "spanID" => self.span_id = Scalar::next(map)?.into_text(),
            "parentSpanID" => self.parent_span_id = Scalar::next(map)?.into_text(),
            "operationName" => self.name = Scalar::next(map)?.into_text(),
            "references" => map.next_value_seed(listed(&mut self.references))?,
            "startTime" => self.start_us = Scalar::next(map)?.time(),
            "startTimeMillis" => {
                self.of_elasticsearch = true;
                ignore(map)?;
            }
            "duration" => self.duration_us = Scalar::next(map)?.to_length(),
            "tags" => map.next_value_seed(listed(&mut self.tags))?,
            "tag" => next_plain_tags(map, &mut self.plain_tags)?,
            "logs" => map.next_value_seed(listed(&mut self.logs))?,
            "processID" => self.process_id = Scalar::next(map)?.into_text(),
            "process" => {
                let mut process = Process::default();
                self.process = map.next_value_seed(Fill(&mut process))?.then_some(process);
            }
            "warnings" => self.warnings = map.next_value_seed(AnyValue::top())?,
            "traceId" | "spanId" => {
                self.of_protobuf = true;
                ignore(map)?;
            }
            _ => ignore(map)?,
        }
        Ok(())
    }
}

fn listed<'l, T>(list: &'l mut Vec<T>) -> ListOf<'l, T> {
    list.clear();
    ListOf(list)
}

/// A list of which elements that are no objects are dropped.
struct ListOf<'l, T>(&'l mut Vec<T>);

impl<'de, T: Listed<'de>> DeserializeSeed<'de> for ListOf<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        List { list: self.0, malformed: &mut 0, wanted: Wanted::EVERYTHING }.deserialize(deserializer)
    }
}

/// Elasticsearch documents have tags as an object, the dots of its keys replaced.
fn next_plain_tags<'de, A: MapAccess<'de>>(map: &mut A, tags: &mut Vec<KeyValue<'de>>) -> Result<(), A::Error> {
    let first = tags.len();
    map.next_value_seed(Attributes::all(tags))?;
    for tag in &mut tags[first..] {
        if tag.key.contains('@') {
            tag.key = tag.key.replace('@', ".").into();
        }
    }
    Ok(())
}

#[derive(Debug, Default)]
struct Reference<'a> {
    ref_type: Cow<'a, str>,
    trace_id: Cow<'a, str>,
    span_id: Cow<'a, str>,
}

impl<'de> Listed<'de> for Reference<'de> {
    fn start(_: Wanted) -> Self {
        Self::default()
    }
}

impl<'de> Message<'de> for Reference<'de> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "refType" => self.ref_type = Scalar::next(map)?.into_text(),
            "traceID" => self.trace_id = Scalar::next(map)?.into_text(),
            "spanID" => self.span_id = Scalar::next(map)?.into_text(),
            _ => ignore(map)?,
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Tag<'a> {
    key: Cow<'a, str>,
    value_type: Cow<'a, str>,
    value: Value<'a>,
}

impl<'de> Listed<'de> for Tag<'de> {
    fn start(_: Wanted) -> Self {
        Self::default()
    }
}

impl<'de> Message<'de> for Tag<'de> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "key" => self.key = Scalar::next(map)?.into_text(),
            "type" => self.value_type = Scalar::next(map)?.into_text(),
            "value" => self.value = map.next_value_seed(AnyValue::top())?,
            _ => ignore(map)?,
        }
        Ok(())
    }
}

impl<'a> Tag<'a> {
    /// The attribute with the type that the tag says, however its value is written.
    fn into_attribute(self, of_elasticsearch: bool) -> KeyValue<'a> {
        let value = match (self.value_type.to_ascii_lowercase().as_str(), self.value) {
            ("bool", Value::Str(text)) if text.eq_ignore_ascii_case("true") => Value::Bool(true),
            ("bool", Value::Str(text)) if text.eq_ignore_ascii_case("false") => Value::Bool(false),
            ("int64", Value::Str(text)) => text.trim().parse().map_or(Value::Str(text), Value::Int),
            ("float64", Value::Str(text)) => text.trim().parse().map_or(Value::Str(text), Value::Double),
            ("float64", Value::Int(number)) => Value::Double(number as f64),
            ("binary", Value::Str(text)) => {
                let bytes = if of_elasticsearch { hex_bytes(&text) } else { text_ids::base64_bytes(text.as_bytes()) };
                bytes.map_or(Value::Str(text), |bytes| Value::Bytes(bytes.into()))
            }
            ("string", value @ (Value::Bool(_) | Value::Int(_) | Value::Double(_))) => {
                Value::Str(value.to_text().into_owned().into())
            }
            (_, value) => value,
        };
        KeyValue { key: self.key, value }
    }
}

fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    if text.len() % 2 == 1 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[derive(Debug, Default)]
struct Log<'a> {
    timestamp_us: u64,
    fields: Vec<Tag<'a>>,
}

impl<'de> Listed<'de> for Log<'de> {
    fn start(_: Wanted) -> Self {
        Self::default()
    }
}

impl<'de> Message<'de> for Log<'de> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "timestamp" => self.timestamp_us = Scalar::next(map)?.to_time(),
            "fields" => map.next_value_seed(listed(&mut self.fields))?,
            _ => ignore(map)?,
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Process<'a> {
    service_name: Cow<'a, str>,
    tags: Vec<Tag<'a>>,
    plain_tags: Vec<KeyValue<'a>>,
}

impl<'de> Message<'de> for Process<'de> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "serviceName" => self.service_name = Scalar::next(map)?.into_text(),
            "tags" => map.next_value_seed(listed(&mut self.tags))?,
            "tag" => next_plain_tags(map, &mut self.plain_tags)?,
            _ => ignore(map)?,
        }
        Ok(())
    }
}

/// What the collector writes where a resource has no service name.
const NO_SERVICE_NAME: &str = "OTLPResourceNoServiceName";

impl<'a> Process<'a> {
    fn into_resource_attributes(self, of_elasticsearch: bool) -> Vec<KeyValue<'a>> {
        let mut attributes = Vec::with_capacity(1 + self.tags.len() + self.plain_tags.len());
        if !matches!(self.service_name.as_ref(), "" | NO_SERVICE_NAME) {
            attributes.push(KeyValue { key: "service.name".into(), value: Value::Str(self.service_name) });
        }
        let tags = self.tags.into_iter().map(|tag| tag.into_attribute(of_elasticsearch));
        for KeyValue { key, value } in tags.chain(self.plain_tags) {
            attributes.push(match key.as_ref() {
                "hostname" => KeyValue { key: "host.name".into(), value },
                "jaeger.version" => {
                    let value = Value::Str(format!("Jaeger-{}", value.to_text()).into());
                    KeyValue { key: "opencensus.exporterversion".into(), value }
                }
                _ => KeyValue { key, value },
            });
        }
        attributes
    }
}

/// The processes of a trace by their ids.
struct Processes<'l, 'a>(&'l mut Vec<(Cow<'a, str>, Process<'a>)>);

impl<'de> DeserializeSeed<'de> for Processes<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Processes<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    scalars_are!(());

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(id) = map.next_key_seed(Text)? {
            let mut process = Process::default();
            if map.next_value_seed(Fill(&mut process))? {
                self.0.push((id, process));
            }
        }
        Ok(())
    }
}

/// Hands the spans of `document`, which stands at `offset`, to `sink`; `offset_of` knows the places of addresses.
pub(crate) fn emit(document: Document<'_>, offset: u64, offset_of: impl Fn(usize) -> u64, sink: &mut CountingSink<'_>) {
    let Document { span, spans, processes, malformed, keys, .. } = document;
    for _ in 0..malformed {
        sink.skip(SkipReason::MalformedSpan, offset);
    }
    let is_span = spans.is_none();
    if is_span && span.span_id.is_empty() && !span.of_protobuf {
        return match refused::json::of_keys(|key| keys.iter().any(|own| own == key)) {
            Some(refused) => sink.unsupported(refused.what, refused.advice, offset),
            None => sink.unknown(&keys.join(", "), "", offset),
        };
    }
    let mut resources: Vec<(Cow<'_, str>, Vec<KeyValue<'_>>)> = Vec::new();
    let of_elasticsearch = span.of_elasticsearch;
    for (id, process) in processes {
        resources.push((id, process.into_resource_attributes(of_elasticsearch)));
    }
    let trace_id = span.trace_id.clone();
    let is_protobuf_batch = !is_span && span.process.is_some();
    for mut span in spans.unwrap_or_else(|| vec![span]) {
        let offset = if span.address == 0 { offset } else { offset_of(span.address) };
        if span.of_protobuf || is_protobuf_batch {
            sink.unsupported(JAEGER_PROTOBUF.what, JAEGER_PROTOBUF.advice, offset);
            continue;
        }
        if span.trace_id.is_empty() {
            span.trace_id.clone_from(&trace_id);
        }
        let resource = match span.process.take() {
            Some(process) => process.into_resource_attributes(span.of_elasticsearch),
            None => {
                let found = resources.iter().find(|(id, _)| *id == span.process_id);
                found.map(|(_, attributes)| attributes.clone()).unwrap_or_default()
            }
        };
        emit_span(span, resource, offset, sink);
    }
    sink.tally.format.get_or_insert(JAEGER_JSON);
}

fn emit_span<'a>(span: Span<'a>, resource_attributes: Vec<KeyValue<'a>>, offset: u64, sink: &mut CountingSink<'_>) {
    let mut hashes = 0;
    let mut trace_id = |text: &str| {
        let id = text_ids::hex_trace_id(text);
        hashes += u64::from(id.is_hash);
        id.id
    };
    let own_trace = trace_id(&span.trace_id);
    let reference_traces: Vec<_> = span.references.iter().map(|reference| trace_id(&reference.trace_id)).collect();
    let mut span_id = |text: &str| {
        let id = text_ids::hex_span_id(text);
        hashes += u64::from(id.is_hash);
        id.id
    };
    let own_id = span_id(&span.span_id);
    let reference_spans: Vec<_> = span.references.iter().map(|reference| span_id(&reference.span_id)).collect();
    let old_parent = span_id(&span.parent_span_id);
    sink.tally.opaque_ids += hashes;

    let to_own_trace = |ref_type: &str| {
        (0..span.references.len()).find(|&number| {
            span.references[number].ref_type.eq_ignore_ascii_case(ref_type)
                && (span.references[number].trace_id.is_empty() || reference_traces[number] == own_trace)
        })
    };
    let parent = to_own_trace("CHILD_OF");
    let followed = to_own_trace("FOLLOWS_FROM").filter(|_| parent.is_none());
    let parent_span_id = parent.or(followed).map_or(old_parent, |number| reference_spans[number]);
    let mut links = Vec::new();
    for (number, reference) in span.references.iter().enumerate() {
        // The link to a parent that does not wait is kept, since nothing else says that it does not.
        if Some(number) != parent {
            let ref_type = Value::Str(reference.ref_type.to_ascii_lowercase().into());
            links.push(Link {
                trace_id: if reference.trace_id.is_empty() { own_trace } else { reference_traces[number] },
                span_id: reference_spans[number],
                attributes: vec![KeyValue { key: REF_TYPE.into(), value: ref_type }],
                ..Link::default()
            });
        }
    }

    let start_unix_nano = span.start_us.map_or(NO_START_TIME, |start| start.saturating_mul(1000));
    let mut record = SpanRecord {
        trace_id: own_trace,
        span_id: own_id,
        parent_span_id,
        name: span.name,
        start_unix_nano,
        end_unix_nano: start_unix_nano.saturating_add_signed(span.duration_us.saturating_mul(1000)),
        events: span.logs.into_iter().map(|log| event(log, span.of_elasticsearch)).collect(),
        links,
        ..SpanRecord::default()
    };
    let mut origin = Origin { resource_attributes, ..Origin::default() };
    let tags = span.tags.into_iter().map(|tag| tag.into_attribute(span.of_elasticsearch));
    let attributes = tags.chain(span.plain_tags).collect();
    apply_tags(attributes, &mut record, &mut origin);
    if !matches!(span.warnings.to_text().as_ref(), "" | "[]") {
        record.attributes.push(KeyValue { key: "jaeger.warnings".into(), value: span.warnings });
    }
    sink.span(&origin, &record, offset);
}

fn event(log: Log<'_>, of_elasticsearch: bool) -> Event<'_> {
    let mut event = Event { time_unix_nano: log.timestamp_us.saturating_mul(1000), ..Event::default() };
    for field in log.fields {
        let field = field.into_attribute(of_elasticsearch);
        if field.key == "event" && event.name.is_empty() {
            event.name = field.value.to_text().into_owned().into();
        } else {
            event.attributes.push(field);
        }
    }
    event
}

/// Takes from `attributes` what OpenTelemetry has fields for; the rest are the span's attributes.
fn apply_tags<'a>(attributes: Vec<KeyValue<'a>>, record: &mut SpanRecord<'a>, origin: &mut Origin<'a>) {
    let text_of = |key: &str| {
        let last = attributes.iter().rev().find(|attribute| attribute.key == key);
        last.map(|attribute| attribute.value.to_text().into_owned())
    };
    let kind = text_of("span.kind").map(|text| SpanKind::from_text(&text));
    record.kind = kind.unwrap_or_default();
    let failed = text_of("error").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let code = text_of("otel.status_code").map(|text| StatusCode::from_text(&text));
    let http_code = || text_of("http.status_code").or_else(|| text_of("http.response.status_code"));
    record.status = match code {
        _ if failed => StatusCode::Error,
        Some(code) => code,
        None => match http_code().and_then(|text| text.trim().parse::<u16>().ok()) {
            None | Some(100..400) => StatusCode::Unset,
            Some(400..500) if record.kind == SpanKind::Server => StatusCode::Unset,
            Some(_) => StatusCode::Error,
        },
    };
    let message = text_of("otel.status_description");
    let http_message = || text_of("http.status_message").filter(|_| record.status == StatusCode::Error);
    record.status_message = message.clone().or_else(http_message).unwrap_or_default().into();
    record.trace_state = text_of("w3c.tracestate").unwrap_or_default().into();
    origin.scope_name = text_of("otel.scope.name").or_else(|| text_of("otel.library.name")).unwrap_or_default().into();
    origin.scope_version =
        text_of("otel.scope.version").or_else(|| text_of("otel.library.version")).unwrap_or_default().into();
    record.attributes = attributes
        .into_iter()
        .filter(|attribute| match attribute.key.as_ref() {
            "span.kind" => kind == Some(SpanKind::Unspecified),
            "error" => !failed,
            "otel.status_code" => code == Some(StatusCode::Unset) && !attribute.value.to_text().is_empty(),
            "otel.status_description"
            | "w3c.tracestate"
            | "otel.scope.name"
            | "otel.scope.version"
            | "otel.library.name"
            | "otel.library.version" => false,
            _ => true,
        })
        .collect();
}

#[cfg(test)]
mod tests {
    use crate::ingest::IngestError;
    use crate::ingest::read::tests::read_bytes;
    use crate::span::SkipReason;

    fn span(id: &str, more: &str) -> String {
        format!(
            r#"{{"traceID":"abc","spanID":"{id}","operationName":"op","startTime":1700000000000000,"duration":7{more}}}"#
        )
    }

    const PROCESSES: &str =
        r#""processes":{"p1":{"serviceName":"cart","tags":[{"key":"hostname","type":"string","value":"h"}]}}"#;

    /// A trace is one object among many, alone, or in the envelope of the API, its processes before or after its spans.
    #[test]
    fn every_shape_is_read() {
        let spans = [span("1", r#","processID":"p1""#), span("2", r#","processID":"p1""#)].join(",");
        let after = format!(r#"{{"traceID":"abc","spans":[{spans}],{PROCESSES},"warnings":null}}"#);
        let before = format!(r#"{{{PROCESSES},"spans":[{spans}]}}"#);
        let process = r#","process":{"serviceName":"cart","tags":[{"key":"hostname","type":"string","value":"h"}]}"#;
        let embedded = [span("1", process), span("2", process)];
        let expected = read_bytes(after.as_bytes()).0.spans;
        assert_eq!(expected.len(), 2);
        assert!(expected[0].starts_with("cart: ") && expected[0].contains("1700000000000007000"), "{}", expected[0]);
        for text in [
            before.clone(),
            format!(r#"{{"data":[{before}],"total":0,"errors":null}}"#),
            format!(r#"{{"data":{after}}}"#),
            format!("[{after}]"),
            format!("[{}]", embedded.join(",\n")),
            embedded.join("\n"),
            format!(
                r#"{{"took":1,"hits":{{"total":{{"value":2}},"hits":[{{"_index":"j","_source":{}}},{{"_source":{}}}]}}}}"#,
                embedded[0], embedded[1]
            ),
            format!(r#"{{"_index":"jaeger-span","_source":{}}}"#, embedded[0])
                + &format!("\n{{\"_source\":{}}}", embedded[1]),
        ] {
            let (collected, report) = read_bytes(text.as_bytes());
            assert_eq!(collected.spans, expected, "{text}");
            assert_eq!((report.format, report.skipped.total()), ("jaeger_json", 0), "{text}");
        }
    }

    #[test]
    fn tags_become_fields() {
        let tags = r#","references":[{"refType":"FOLLOWS_FROM","traceID":"0abc","spanID":"9"}],"tag":{"http@status_code":"503"},
            "tags":[{"key":"span.kind","value":"client","type":"string"},{"key":"w3c.tracestate","type":"string","value":"ot=th:8"},
            {"value":"AAE=","type":"binary","key":"blob"},{"key":"n","type":"int64","value":"7"}],
            "logs":[{"timestamp":1,"fields":[{"key":"event","type":"string","value":"retry"},{"key":"k","type":"bool","value":"true"}]}],
            "warnings":["clock skew"]"#;
        let (collected, _) = read_bytes(span("00f", tags).as_bytes());
        for part in [
            "kind: Client",
            "status: Error",
            "parent_span_id: 0000000000000009",
            "follows_from",
            r#"trace_state: "ot=th:8""#,
            r#"key: "blob", value: Bytes([0, 1])"#,
            r#"key: "n", value: Int(7)"#,
            r#"key: "http.status_code", value: Str("503")"#,
            r#"name: "retry""#,
            r#"key: "k", value: Bool(true)"#,
            r#"key: "jaeger.warnings", value: Json("[\"clock skew\"]")"#,
        ] {
            assert!(collected.spans[0].contains(part), "{part} in {}", collected.spans[0]);
        }
        assert!(!collected.spans[0].contains("span.kind"));
    }

    /// Ids that are no numbers still join spans to their parents.
    #[test]
    fn other_ids_are_hashed() {
        let child = r#","references":[{"refType":"CHILD_OF","traceID":"T","spanID":"A"}]"#;
        let text = format!("[{},{}]", span("A", ""), span("B", child)).replace("abc", "T");
        let (collected, report) = read_bytes(text.as_bytes());
        let id = |span: &str, field: &str| {
            let start = span.find(field).expect("the field") + field.len();
            span[start..start + 16].to_owned()
        };
        assert_eq!(id(&collected.spans[0], " span_id: "), id(&collected.spans[1], "parent_span_id: "));
        assert_eq!(report.warnings.len(), 1);
    }

    #[test]
    fn protobuf_as_json_is_refused_by_name() {
        let text = r#"{"process":{"serviceName":"x"},"spans":[{"traceId":"AAAAAAAAAAAAAAAAAAAAAQ==","spanId":"AAAAAAAAAAI=","startTime":"2017-01-26T21:46:31Z"},{"traceId":"AA=="}]}"#;
        let (collected, report) = read_bytes(text.as_bytes());
        assert!(collected.spans.is_empty());
        assert_eq!(report.skipped.counts.get(&SkipReason::UnsupportedFormat), Some(&2));
        assert!(
            matches!(&report.errors[..], [IngestError::Unsupported { what, .. }] if what.contains("protobuf")),
            "{:?}",
            report.errors
        );
    }
}
