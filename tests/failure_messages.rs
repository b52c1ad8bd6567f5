//! What failed spans say of their errors, and what tells requests apart: every format gives the same.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData, span::Event};
use parquet::arrow::ArrowWriter;
use prost::Message as _;
use serde_json::{Value as Json, json};
use tracescan::conventions::{ArgumentKind, Attribute};
use tracescan::frame::{SpanSink, group};
use tracescan::ingest::{ReadFrames, ReadOptions, read_frames, read_records};
use tracescan::report::CanonicalWriter;
use tracescan::span::{Origin, SkipReason, SpanRecord};

const START: u64 = 1_700_000_000_000_000_000;

/// A span with a message of its status, and one of an exception; the second did not fail.
struct Case {
    id: u64,
    failed: bool,
    status: &'static str,
    exception: &'static str,
    message_id: &'static str,
}

const CASES: [Case; 4] = [
    Case { id: 1, failed: true, status: "order 17 is gone", exception: "", message_id: "m-1" },
    Case { id: 2, failed: true, status: "", exception: "dial tcp 10.0.0.7:5432: refused", message_id: "m-2" },
    Case { id: 3, failed: false, status: "", exception: "caught", message_id: "" },
    Case { id: 4, failed: true, status: "boom", exception: "disk 3 full", message_id: "" },
];

/// Messages of status and exception, and what the arguments are known by.
type Read = BTreeMap<u64, (String, String, Option<ArgumentKind>)>;

fn expected() -> Read {
    let says = |id, status: &str, exception: &str, kind| (id, (status.to_owned(), exception.to_owned(), kind));
    let id = Some(ArgumentKind::Id);
    BTreeMap::from([
        says(1, "order ? is gone", "", id),
        says(2, "", "dial tcp ?: refused", id),
        says(3, "", "", None),
        says(4, "boom", "disk ? full", None),
    ])
}

fn read(path: &Path) -> Read {
    let ReadFrames { builders, reports, .. } = read_frames(&[path.to_owned()], &ReadOptions::default(), &());
    assert!(reports.iter().all(|report| report.errors.is_empty()), "{reports:?}");
    let (vocabulary, frame) = group(builders);
    let of_row = |row: usize| {
        let signature = vocabulary.signatures.resolve(frame.signatures_of_rows[row]);
        let text = |attribute| vocabulary.symbols.resolve(signature.get(attribute)).to_owned();
        let kind = ArgumentKind::of(frame.arguments[row]);
        (frame.span_ids[row].0, (text(Attribute::StatusMessage), text(Attribute::ExceptionMessage), kind))
    };
    (0..frame.len()).map(of_row).collect()
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn otlp_json() -> Json {
    let attribute = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let spans: Vec<Json> = CASES
        .iter()
        .map(|case| {
            let thrown = some(case.exception).map(|message| {
                json!({"name": "exception", "timeUnixNano": START.to_string(),
                    "attributes": [attribute("exception.message", message)]})
            });
            let sent = some(case.message_id).map(|id| attribute("messaging.message.id", id));
            json!({"traceId": format!("{:032x}", 1), "spanId": format!("{:016x}", case.id), "name": "x", "kind": 4,
                "startTimeUnixNano": START.to_string(), "endTimeUnixNano": (START + 1_000).to_string(),
                "status": {"code": if case.failed { 2 } else { 0 }, "message": case.status},
                "attributes": sent.into_iter().collect::<Vec<_>>(), "events": thrown.into_iter().collect::<Vec<_>>()})
        })
        .collect();
    json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})
}

fn otlp_protobuf() -> Vec<u8> {
    let attribute = |key: &str, text: &str| KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(any_value::Value::StringValue(text.to_owned())) }),
        ..KeyValue::default()
    };
    let of_case = |case: &Case| Span {
        trace_id: 1u128.to_be_bytes().to_vec(),
        span_id: case.id.to_be_bytes().to_vec(),
        name: "x".to_owned(),
        kind: 4,
        start_time_unix_nano: START,
        end_time_unix_nano: START + 1_000,
        attributes: some(case.message_id).map(|id| attribute("messaging.message.id", id)).into_iter().collect(),
        events: some(case.exception)
            .map(|message| Event {
                name: "exception".to_owned(),
                attributes: vec![attribute("exception.message", message)],
                ..Event::default()
            })
            .into_iter()
            .collect(),
        status: Some(Status { message: case.status.to_owned(), code: if case.failed { 2 } else { 0 } }),
        ..Span::default()
    };
    // The same spans twice: the second time what they say is known as it is encoded.
    let spans: Vec<Span> = CASES.iter().chain(&CASES).map(of_case).collect();
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    TracesData { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] }.encode_to_vec()
}

/// OpenTracing's names for the exception.
fn jaeger_json() -> Json {
    let tag = |key: &str, value: &str| json!({"key": key, "type": "string", "value": value});
    let spans: Vec<Json> = CASES
        .iter()
        .map(|case| {
            let mut tags = Vec::new();
            tags.extend(case.failed.then(|| json!({"key": "error", "type": "bool", "value": true})));
            tags.extend(some(case.status).map(|text| tag("otel.status_description", text)));
            tags.extend(some(case.message_id).map(|text| tag("messaging.message_id", text)));
            let logs = some(case.exception).map(
                |text| json!({"timestamp": START / 1_000, "fields": [tag("event", "error"), tag("message", text)]}),
            );
            json!({"traceID": format!("{:032x}", 1), "spanID": format!("{:016x}", case.id), "operationName": "x",
                "references": [], "startTime": START / 1_000, "duration": 1, "tags": tags,
                "logs": logs.into_iter().collect::<Vec<_>>(), "processID": "p"})
        })
        .collect();
    json!({"data": [{"spans": spans, "processes": {"p": {"serviceName": "s", "tags": []}}}]})
}

fn write_flat(path: &Path) {
    let texts = |text: &dyn Fn(&Case) -> Option<String>| -> ArrayRef {
        Arc::new(CASES.iter().map(text).collect::<StringArray>())
    };
    let numbers = |number: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![number; CASES.len()])) };
    let event = |case: &Case| {
        let message = some(case.exception)?;
        Some(json!([{"name": "exception", "attributes": {"exception.message": message}}]).to_string())
    };
    let columns: Vec<(&str, ArrayRef, bool)> = vec![
        ("trace_id", texts(&|_| Some(format!("{:032x}", 1))), true),
        ("span_id", texts(&|case| Some(format!("{:016x}", case.id))), true),
        ("name", texts(&|_| Some("x".to_owned())), true),
        ("kind", texts(&|_| Some("producer".to_owned())), true),
        ("status_code", texts(&|case| case.failed.then(|| "error".to_owned())), true),
        ("status_message", texts(&|case| some(case.status).map(str::to_owned)), true),
        ("start_time_unix_nano", numbers(START as i64), true),
        ("duration_nano", numbers(1_000), true),
        ("messaging.message.id", texts(&|case| some(case.message_id).map(str::to_owned)), true),
        ("events", texts(&event), true),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length");
    let mut writer = ArrowWriter::try_new(File::create(path).expect("a file"), batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("written");
    writer.close().expect("closed");
}

struct Converter(CanonicalWriter<File>);

impl SpanSink for Converter {
    fn span(&mut self, origin: &Origin<'_>, span: &SpanRecord<'_>, _offset: u64) {
        self.0.write(origin, span).expect("written");
    }

    fn skip(&mut self, reason: SkipReason, _offset: u64) {
        panic!("{reason:?}");
    }

    fn wants_everything(&self) -> bool {
        true
    }
}

/// Guarantees: the messages of failed spans come without what differs each time, those of others do not come at all, and ids of
/// messages tell requests apart, whatever the format, and also from what `convert` makes of it.
#[test]
fn every_format_gives_messages_and_ids() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let write = |name: &str, bytes: &[u8]| -> PathBuf {
        std::fs::write(path(name), bytes).expect("written");
        path(name)
    };
    write_flat(&path("flat.parquet"));
    let inputs = [
        write("otlp.jsonl", otlp_json().to_string().as_bytes()),
        write("otlp-pretty.json", &serde_json::to_vec_pretty(&otlp_json()).expect("JSON")),
        write("otlp.binpb", &otlp_protobuf()),
        write("jaeger.json", jaeger_json().to_string().as_bytes()),
        path("flat.parquet"),
    ];
    for input in inputs {
        assert_eq!(read(&input), expected(), "{}", input.display());
        let canonical = path("canonical.parquet");
        let mut converter =
            Converter(CanonicalWriter::new(File::create(&canonical).expect("a file")).expect("a writer"));
        read_records(std::slice::from_ref(&input), &ReadOptions::default(), &mut converter, &());
        converter.0.finish().expect("finished");
        assert_eq!(read(&canonical), expected(), "{} converted", input.display());
    }
    let zipkin = json!([{"traceId": "1", "id": "1", "name": "x", "timestamp": START / 1_000, "duration": 1,
        "localEndpoint": {"serviceName": "s"}, "tags": {"error": "order 17 is gone"}}]);
    let zipkin = read(&write("zipkin.json", zipkin.to_string().as_bytes()));
    assert_eq!(zipkin[&1].0, "order ? is gone");
}
