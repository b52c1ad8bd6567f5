//! Spellings of one field or another that no store has and that tables have which people made themselves.

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BooleanArray, Float64Array, Int8Array, MapArray, NullArray, StringArray,
    StructArray, UInt8Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::Field;
use parquet::basic::Compression;
use tracescan::span::StatusCode;

use super::{
    CHILD, CHILD_NS, CHILD_START, Column, EVENT_TIME, EXCEPTION, ROOT, ROOT_NS, START, Span, TRACE, both, check,
    in_microseconds, int64, json, lists, maps, nanos, read, structs, text, texts, write,
};

/// The two spans with little more than what a span must have; columns of `own` replace those of the same name.
fn table(own: Vec<Column>) -> Vec<Column> {
    let usual = vec![
        ("trace_id", text([TRACE; 2])),
        ("span_id", text([ROOT, CHILD])),
        ("parent_span_id", text([None, Some(ROOT)])),
        ("name", text(["GET /cart", "SELECT"])),
        ("kind", text(["server", "client"])),
        ("start_time", nanos([START, CHILD_START])),
        ("duration_ns", int64([ROOT_NS, CHILD_NS])),
        ("service_name", text(["cart"; 2])),
    ];
    let is_replaced = |(name, _): &Column| own.iter().any(|(known, _)| known == name);
    usual.into_iter().filter(|column| !is_replaced(column)).chain(own.iter().cloned()).collect()
}

/// What both ways of reading make of the columns.
fn spans(columns: Vec<Column>) -> [Span; 2] {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("spans.parquet");
    write(&path, columns, Compression::UNCOMPRESSED);
    let (collected, report, _) = read(&path);
    assert!(report.errors.is_empty() && report.warnings.is_empty(), "{:?} {:?}", report.errors, report.warnings);
    collected.spans.try_into().expect("two spans")
}

/// Whatever says that a span failed, one is a failure and zero is none; a text tells what went wrong, unless another
/// column does.
#[test]
fn columns_of_failures() {
    let flags: [ArrayRef; 5] = [
        Arc::new(UInt8Array::from(vec![Some(0), Some(1)])),
        Arc::new(Int8Array::from(vec![None, Some(1)])),
        Arc::new(Float64Array::from(vec![Some(0.0), Some(1.0)])),
        Arc::new(BooleanArray::from(vec![Some(false), Some(true)])),
        text(["False", "1"]),
    ];
    for name in ["error", "hasError", "is_error", "HAS_ERROR"] {
        for flag in &flags {
            let spans = spans(table(vec![(name, Arc::clone(flag))]));
            let said = spans.map(|span| (span.status, span.message));
            let expected = [StatusCode::Unset, StatusCode::Error].map(|status| (status, String::new()));
            assert_eq!(said, expected, "{name} {flag:?}");
        }
    }
    let child = |own: Vec<Column>| {
        let [root, child] = spans(table(own));
        assert_eq!((root.status, root.message.as_str()), (StatusCode::Unset, ""));
        (child.status, child.message)
    };
    let refused = || ("error", text([None, Some("connection refused")]));
    let flag = || ("has_error", Arc::clone(&flags[3]));
    let message = ("status_message", text([None, Some("timed out")]));
    assert_eq!(child(vec![refused()]), (StatusCode::Error, "connection refused".to_owned()));
    assert_eq!(child(vec![flag(), refused()]), (StatusCode::Error, "connection refused".to_owned()));
    assert_eq!(child(vec![refused(), message]), (StatusCode::Error, "timed out".to_owned()));
}

/// OTLP's values as a struct with a field for each type that occurs, two for each span.
fn any_values() -> ArrayRef {
    structs(vec![
        ("string_value", text([Some("GET"), None, Some("redis"), Some("v")])),
        ("intValue", text([None, Some("200"), None, None])),
        ("doubleValue", Arc::new(NullArray::new(4))),
    ])
}

const KEYS: [&str; 4] = ["http.method", "http.status_code", "db.system", "custom.key"];

fn map_of(values: ArrayRef) -> ArrayRef {
    let entries = structs(vec![("keys", text(KEYS)), ("values", values)]);
    let (mut fields, columns, _) = entries.as_struct().clone().into_parts();
    fields =
        fields.iter().map(|field| Arc::new(field.as_ref().clone().with_nullable(field.name() == "values"))).collect();
    let entries = StructArray::new(fields, columns, None);
    let field = Arc::new(Field::new("entries", entries.data_type().clone(), false));
    Arc::new(MapArray::new(field, OffsetBuffer::from_lengths([2, 2]), entries, None, false))
}

/// Whichever way a table nests keys and values, plain or as OTLP has them, they are the same attributes.
#[test]
fn attributes_of_any_shape() {
    let plain = || text(["GET", "200", "redis", "v"]);
    let pairs = |fields: Vec<Column>| lists(&[2, 2], structs(fields));
    let of_otlp =
        |key: &str, value: &str| serde_json::json!({"key": key, "value": {"stringValue": value, "intValue": null}});
    let shapes: Vec<ArrayRef> = vec![
        pairs(vec![("key", text(KEYS)), ("value", any_values())]),
        pairs(vec![("value", any_values()), ("key", text(KEYS))]),
        pairs(vec![("Key", text(KEYS)), ("Value", plain())]),
        pairs(vec![("key", text(KEYS)), ("type", text(["string"; 4])), ("value", plain())]),
        map_of(any_values()),
        json([
            serde_json::json!([of_otlp(KEYS[0], "GET"), of_otlp(KEYS[1], "200")]),
            serde_json::json!([of_otlp(KEYS[2], "redis"), {"key": KEYS[3], "type": "string", "value": "v"}]),
        ]),
        json([
            serde_json::json!({"http": {"method": "GET", "status_code": 200}}),
            serde_json::json!({"db.system": {"stringValue": "redis"}, "custom.key": "v"}),
        ]),
        structs(vec![
            ("http", structs(vec![("method", text([Some("GET"), None])), ("status_code", text([Some("200"), None]))])),
            ("db", structs(vec![("system", text([None, Some("redis")]))])),
            ("custom.key", text([None, Some("v")])),
        ]),
    ];
    let expected = both().map(|span| span.attributes);
    for shape in shapes {
        let spans = spans(table(vec![("attributes", Arc::clone(&shape))]));
        assert_eq!(spans.map(|span| span.attributes), expected, "{:?}", shape.data_type());
    }
}

/// Of resources, too, whose service they name, and of events.
#[test]
fn resources_and_events_of_any_shape() {
    let service =
        |values: ArrayRef| lists(&[1, 1], structs(vec![("key", text(["service.name"; 2])), ("value", values)]));
    let otlp = r#"{"attributes":[{"key":"service.name","value":{"stringValue":"stock"}}],"droppedAttributesCount":0}"#;
    let shapes: Vec<ArrayRef> = vec![
        structs(vec![("attributes", service(structs(vec![("stringValue", text(["stock"; 2]))])))]),
        service(structs(vec![("stringValue", text(["stock"; 2]))])),
        structs(vec![("service", structs(vec![("name", text(["stock"; 2]))]))]),
        text([otlp; 2]),
        text([r#"{"attributes":{"service.name":"stock"},"schema_url":""}"#; 2]),
    ];
    for shape in shapes {
        let mut columns = table(vec![("resource", Arc::clone(&shape))]);
        columns.retain(|(name, _)| *name != "service_name");
        let expected = texts(&[("service.name", "stock")]);
        assert_eq!(spans(columns).map(|span| span.resource), [expected.clone(), expected], "{:?}", shape.data_type());
    }
    let event = serde_json::json!([{"timeUnixNano": EVENT_TIME.to_string(), "name": "exception", "attributes": [
        {"key": "exception.type", "value": {"stringValue": EXCEPTION}},
    ]}]);
    let [_, child] = spans(table(vec![("events", json([serde_json::json!([]), event]))]));
    assert_eq!(child.events, both()[1].events);
}

/// Kinds and codes as data frames have them that miss some, and a status as Python's console exporter prints it.
#[test]
fn kinds_and_statuses_of_any_type() {
    let numbers = |values: [Option<f64>; 2]| Arc::new(Float64Array::from(values.to_vec())) as ArrayRef;
    let status =
        structs(vec![("status_code", text(["UNSET", "ERROR"])), ("description", text([None, Some("timed out")]))]);
    let of_python = spans(table(vec![("status", status)]));
    let of_numbers = spans(table(vec![
        ("kind", numbers([Some(2.0), Some(3.0)])),
        ("status.code", numbers([None, Some(2.0)])),
        ("status_message", text([None, Some("timed out")])),
    ]));
    for spans in [of_python, of_numbers] {
        let said = spans.map(|span| (span.kind, span.status, span.message));
        assert_eq!(said, both().map(|span| (span.kind, span.status, span.message)));
    }
}

/// Jaeger's JSON in a table, nested or with JSON in its columns: the parent is a reference, and the kind a tag.
#[test]
fn jaeger() {
    let tag = |key: &str, value: &str| serde_json::json!({"key": key, "type": "string", "value": value});
    let tags = [
        vec![tag("http.method", "GET"), tag("http.status_code", "200"), tag("span.kind", "server")],
        vec![
            tag("db.system", "redis"),
            tag("custom.key", "v"),
            tag("span.kind", "client"),
            tag("error", "true"),
            tag("otel.status_description", "timed out"),
        ],
    ];
    let process = serde_json::json!({"serviceName": "cart", "tags": [tag("host.name", "h1")]});
    let reference = |how: &str| serde_json::json!({"refType": how, "traceID": TRACE, "spanID": ROOT});
    let logs = serde_json::json!([{"timestamp": EVENT_TIME / 1_000, "fields": [tag("event", "exception"), tag("exception.type", EXCEPTION)]}]);
    let columns = |nested: [ArrayRef; 4]| {
        let [references, tags, logs, process] = nested;
        vec![
            ("traceID", text([TRACE; 2])),
            ("spanID", text([ROOT, CHILD])),
            ("operationName", text(["GET /cart", "SELECT"])),
            ("references", references),
            ("startTime", int64([START / 1_000, CHILD_START / 1_000])),
            ("duration", int64([ROOT_NS / 1_000, CHILD_NS / 1_000])),
            ("tags", tags),
            ("logs", logs),
            ("process", process),
        ]
    };
    let of_json = columns([
        json([serde_json::json!([]), serde_json::json!([reference("FOLLOWS_FROM")])]),
        json([serde_json::Value::Array(tags[0].clone()), serde_json::Value::Array(tags[1].clone())]),
        json([serde_json::json!([]), logs]),
        json([process.clone(), process]),
    ]);
    let member = |name: &str| {
        let texts = tags.iter().flatten().map(|tag| tag[name].as_str());
        Arc::new(texts.collect::<StringArray>()) as ArrayRef
    };
    let pair = |key, value| lists(&[1, 1], structs(vec![("key", text([key; 2])), ("value", text([value; 2]))]));
    let fields = structs(vec![("key", text(["event", "exception.type"])), ("value", text(["exception", EXCEPTION]))]);
    let nested = columns([
        lists(
            &[0, 1],
            structs(vec![("refType", text(["FOLLOWS_FROM"])), ("traceID", text([TRACE])), ("spanID", text([ROOT]))]),
        ),
        lists(&[3, 5], structs(vec![("key", member("key")), ("type", member("type")), ("value", member("value"))])),
        lists(&[0, 1], structs(vec![("timestamp", int64([EVENT_TIME / 1_000])), ("fields", lists(&[2], fields))])),
        structs(vec![("serviceName", text(["cart"; 2])), ("tags", pair("host.name", "h1"))]),
    ]);
    let mut expected = in_microseconds(both());
    for (span, tags) in expected.iter_mut().zip(&tags) {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        span.attributes = tags.iter().map(|tag| (text(&tag["key"]), text(&tag["value"]))).collect();
        span.scope = Default::default();
    }
    expected[1].events[0].0 = EVENT_TIME / 1_000 * 1_000;
    for columns in [of_json, nested] {
        check("parquet_jaeger", columns, expected.clone());
    }
}

/// What Datadog's tracers send in a table: ids are numbers, and the resource is what the span is about.
#[test]
fn datadog() {
    let meta: [&[(&str, &str)]; 2] =
        [&[("span.kind", "server")], &[("span.kind", "client"), ("error.message", "timed out")]];
    let columns = vec![
        ("trace_id", text([TRACE; 2])),
        ("span_id", int64([0xa1, 0xb2])),
        ("parent_id", int64([0, 0xa1])),
        ("service", text(["cart"; 2])),
        ("name", text(["web.request", "redis.command"])),
        ("resource", text(["GET /cart", "SELECT"])),
        ("type", text(["web", "redis"])),
        ("start", int64([START, CHILD_START])),
        ("duration", int64([ROOT_NS, CHILD_NS])),
        ("error", int64([0, 1])),
        ("meta", maps(&meta)),
    ];
    let mut expected = both();
    let own = [["web.request", "web"], ["redis.command", "redis"]];
    for ((span, meta), [operation, span_type]) in expected.iter_mut().zip(meta).zip(own) {
        *span = Span {
            attributes: texts(&[meta, &[("operation.name", operation), ("span.type", span_type)]].concat()),
            resource: texts(&[("service.name", "cart")]),
            scope: Default::default(),
            events: Vec::new(),
            links: Vec::new(),
            ..span.clone()
        };
    }
    check("parquet_datadog", columns, expected);
}

/// Zipkin's JSON in a table.
#[test]
fn zipkin() {
    let tags: [&[(&str, &str)]; 2] = [&[], &[("error", "timed out")]];
    let columns = vec![
        ("traceId", text([TRACE; 2])),
        ("id", text([ROOT, CHILD])),
        ("parentId", text([None, Some(ROOT)])),
        ("kind", text(["SERVER", "CLIENT"])),
        ("name", text(["GET /cart", "SELECT"])),
        ("timestamp", int64([START / 1_000, CHILD_START / 1_000])),
        ("duration", int64([ROOT_NS / 1_000, CHILD_NS / 1_000])),
        ("localEndpoint", structs(vec![("serviceName", text(["cart"; 2])), ("port", int64([80; 2]))])),
        ("tags", maps(&tags)),
    ];
    let mut expected = in_microseconds(both());
    for (span, tags) in expected.iter_mut().zip(tags) {
        *span = Span {
            message: String::new(),
            attributes: texts(tags),
            resource: texts(&[("service.name", "cart")]),
            scope: Default::default(),
            events: Vec::new(),
            links: Vec::new(),
            ..span.clone()
        };
    }
    check("parquet_zipkin", columns, expected);
}

/// Columns of a table of nobody's are attributes under their own names, but for those that programs add or that repeat a field.
#[test]
fn columns_of_any_name_are_attributes() {
    let columns = vec![
        ("region", text([Some("eu"), None])),
        ("Tenant", int64([7, 8])),
        ("is cached", Arc::new(BooleanArray::from(vec![None, Some(true)])) as ArrayRef),
        ("shards", lists(&[2, 0], int64([1, 2]))),
        ("http_method", text([Some("GET"), None])),
        ("start_time_ms", int64([START / 1_000_000, CHILD_START / 1_000_000])),
        ("trace_flags", int64([1, 1])),
        ("dropped_events_count", int64([0, 0])),
        ("index", int64([0, 1])),
        ("__index_level_0__", int64([0, 1])),
        ("Unnamed: 0", int64([0, 1])),
    ];
    let attributes = spans(table(columns)).map(|span| span.attributes);
    let root = [("region", "eu"), ("Tenant", "7"), ("shards", "[1,2]"), ("http.method", "GET")];
    let child = [("Tenant", "8"), ("is cached", "true"), ("shards", "[]")];
    assert_eq!(attributes, [texts(&root), texts(&child)]);
}
