//! Attributes of resources, and values that are unique to spans: every format gives them, spilled or not, and only those that
//! belong there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, ListBuilder, MapBuilder, RecordBatch, StringArray, StringBuilder};
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue as OtlpKeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as OtlpSpan, TracesData};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;
use prost::Message as _;
use serde_json::{Value as Json, json};
use tracescan::conventions::{Attribute, AttributeClass, OwnAttribute, OwnAttributes};
use tracescan::frame::{Collection, Grouping, SpanSink, SpillStore};
use tracescan::ingest::{ReadFrames, ReadOptions, read_frames, read_records};
use tracescan::report::CanonicalWriter;
use tracescan::span::{Origin, SkipReason, SpanRecord};

const START: i64 = 1_700_000_000_000_000_000;

/// Attributes of the resource `cart`. The resource `web` has none, and the resources of `pay` tell its instances.
const OF_CART: [(&str, &str); 7] = [
    ("service.version", "1.2"),
    ("service.namespace", "shop"),
    ("deployment.environment", "production"),
    ("k8s.deployment.name", "cart-v1"),
    ("host.name", "node-1"),
    ("k8s.pod.uid", "uid-1"),
    ("messaging.message.id", "not a span's"),
];

/// How each resource of `pay` tells its instance.
const OF_PAY: [&[(&str, &str)]; 8] = [
    &[("service.instance.id", "a"), ("host.name", "node-1")],
    &[("host.name", "node-1"), ("k8s.pod.name", "b"), ("k8s.pod.uid", "uid-1")],
    &[("host.name", "node-1")],
    &[("host.name", "node-1"), ("host.id", "1")],
    &[("host.name", "node-2"), ("telemetry.sdk.language", "webjs")],
    &[("service.instance.id", ""), ("k8s.pod.uid", "a"), ("k8s.node.name", "n")],
    &[("service.instance.id", "b"), ("k8s.pod.name", "c"), ("k8s.pod.uid", "d"), ("host.name", "e")],
    &[("host.id", "1"), ("telemetry.sdk.language", "rust")],
];

struct Span {
    id: u64,
    service: &'static str,
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    resource: &'static [(&'static str, &'static str)],
}

/// Spans of each sort, several times over, so that what they say often is said again.
fn spans() -> Vec<Span> {
    let mut spans = Vec::new();
    for number in 1..=3u64 {
        let id = format!("m-{number}");
        let size = (1_000 * number).to_string();
        // What is said of the resource counts only there.
        let elsewhere = [("service.version", "9.9".to_owned()), ("host.name", "node-9".to_owned())];
        let both = [("messaging.message.id", id.clone()), ("messaging.message.body.size", size)];
        let both = elsewhere.iter().cloned().chain(both).collect();
        let older = vec![("messaging.message_id", id), ("messaging.message.payload_size_bytes", number.to_string())];
        let retry_after = ("http.response.header.retry-after", number.to_string());
        let of_web = elsewhere.into_iter().chain([retry_after]).collect();
        let of_cart = |id, name, attributes| Span { id, service: "cart", name, attributes, resource: &OF_CART };
        let said_of_message = [
            ("messaging.destination.partition.id", "7".to_owned()),
            ("messaging.kafka.offset", (number - 1).to_string()),
            ("messaging.kafka.message.key", format!("key {number}")),
            ("messaging.gcp_pubsub.message.delivery_attempt", number.to_string()),
            ("kafka.record.queue_time_ms", "-20".to_owned()),
            ("messaging.eventhubs.message.enqueued_time", "1700000000".to_owned()),
            ("messaging.rocketmq.message.delay_time_level", number.to_string()),
            ("messaging.client_id", "client-1".to_owned()),
            // What is part of signatures too.
            ("net.peer.ip", "8.8.4.4".to_owned()),
        ];
        spans.push(of_cart(40 + number, "process", said_of_message.to_vec()));
        spans.push(of_cart(10 + number, "send", both));
        spans.push(of_cart(20 + number, "receive", older));
        let name = "get";
        spans.push(Span { id: 30 + number, service: "web", name, attributes: of_web, resource: &[] });
        for (place, resource) in (1..).zip(OF_PAY) {
            let id = 100 * place + number;
            spans.push(Span { id, service: "pay", name: "charge", attributes: Vec::new(), resource });
        }
    }
    spans
}

/// The spans that come from each resource.
fn spans_of_resources() -> Vec<Vec<Span>> {
    let mut by_resource: Vec<Vec<Span>> = Vec::new();
    for span in spans() {
        let is_same = |known: &&mut Vec<Span>| (known[0].service, known[0].resource) == (span.service, span.resource);
        match by_resource.iter_mut().find(is_same) {
            Some(known) => known.push(span),
            None => by_resource.push(vec![span]),
        }
    }
    by_resource
}

/// By span: attributes of the resource that are part of its signature, and own values.
type Read = BTreeMap<u64, (Vec<String>, Vec<Option<u64>>)>;

fn expected() -> Read {
    let own = |span: &Span, own: OwnAttribute| {
        if own.class() == AttributeClass::Resource {
            let said = |key: &&str| span.resource.iter().find(|(known, text)| known == key && !text.is_empty());
            let (_, text) = own.aliases().iter().find_map(said)?;
            return Some(own.value_of(text)).filter(|&value| value != 0);
        }
        let found = span.attributes.iter().find(|(key, _)| own.aliases().contains(key));
        found.map(|(_, text)| own.value_of(text))
    };
    let of_span = |span: Span| {
        let resource = if span.service == "cart" { ["1.2", "shop", "production", "cart-v1"] } else { [""; 4] };
        let own = OwnAttribute::ALL.iter().map(|&attribute| own(&span, attribute)).collect();
        (span.id, (resource.map(str::to_owned).to_vec(), own))
    };
    spans().into_iter().map(of_span).collect()
}

/// Reads an input for the analysis; with `limit_bytes`, spans beyond it are put aside.
fn read(path: &Path, own_attributes: OwnAttributes, limit_bytes: Option<u64>) -> Read {
    let folder = tempfile::tempdir().expect("a folder");
    let spill = limit_bytes.map(|limit| Arc::new(SpillStore::new(folder.path(), limit)));
    let options =
        ReadOptions { own_attributes, resource_attributes: true, spill: spill.clone(), ..ReadOptions::default() };
    let ReadFrames { builders, reports, .. } = read_frames(&[path.to_owned()], &options, &());
    assert!(reports.iter().all(|report| report.errors.is_empty()), "{reports:?}");
    let collection = Collection::with_spilled(builders, spill.clone());
    assert_eq!(spill.is_some_and(|store| store.spilled_bytes() > 0), limit_bytes.is_some());
    let of_resources = || Attribute::ALL.iter().filter(|attribute| attribute.class() == AttributeClass::Resource);
    let (mut read, mut grouping) = (Read::new(), Grouping::default());
    for part in 0..collection.part_count() {
        collection.group(part, &mut grouping).expect("grouped");
        let traces = &grouping.traces;
        assert_eq!(traces.own_values.len(), if own_attributes.is_empty() { 0 } else { traces.len() });
        for row in 0..traces.len() {
            let signature = collection.vocabulary.signatures.resolve(traces.signatures_of_rows[row]);
            let text = |&attribute| collection.vocabulary.symbols.resolve(signature.get(attribute)).to_owned();
            let values = traces.own_values.get(row);
            let own = OwnAttribute::ALL.iter().map(|&attribute| values.get(attribute)).collect();
            read.insert(traces.span_ids[row].0, (of_resources().map(text).collect(), own));
        }
    }
    read
}

fn otlp_json() -> Json {
    let attribute = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let of_span = |span: Span| {
        let mut resource = vec![attribute("service.name", span.service)];
        resource.extend(span.resource.iter().map(|(key, value)| attribute(key, value)));
        let attributes: Vec<Json> = span.attributes.iter().map(|(key, value)| attribute(key, value)).collect();
        json!({"resource": {"attributes": resource}, "scopeSpans": [{"spans": [{
            "traceId": format!("{:032x}", 1), "spanId": format!("{:016x}", span.id), "name": span.name,
            "startTimeUnixNano": START.to_string(), "endTimeUnixNano": (START + 1_000).to_string(),
            "attributes": attributes,
        }]}]})
    };
    json!({"resourceSpans": spans().into_iter().map(of_span).collect::<Vec<Json>>()})
}

fn otlp_protobuf() -> Vec<u8> {
    let attribute = |key: &str, value: any_value::Value| OtlpKeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..OtlpKeyValue::default()
    };
    let text = |key: &str, value: &str| attribute(key, any_value::Value::StringValue(value.to_owned()));
    let of_resource = |spans: Vec<Span>| {
        let mut resource = vec![text("service.name", spans[0].service)];
        resource.extend(spans[0].resource.iter().map(|(key, value)| text(key, value)));
        let of_span = |span: &Span| OtlpSpan {
            trace_id: 1u128.to_be_bytes().to_vec(),
            span_id: span.id.to_be_bytes().to_vec(),
            name: span.name.to_owned(),
            start_time_unix_nano: START as u64,
            end_time_unix_nano: START as u64 + 1_000,
            attributes: span
                .attributes
                .iter()
                .map(|(key, value)| match value.parse() {
                    Ok(number) => attribute(key, any_value::Value::IntValue(number)),
                    Err(_) => text(key, value),
                })
                .collect(),
            ..OtlpSpan::default()
        };
        ResourceSpans {
            resource: Some(Resource { attributes: resource, ..Resource::default() }),
            scope_spans: vec![ScopeSpans { spans: spans.iter().map(of_span).collect(), ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        }
    };
    TracesData { resource_spans: spans_of_resources().into_iter().map(of_resource).collect() }.encode_to_vec()
}

/// A span as Jaeger has it, with what tells its process.
fn jaeger_span(span: &Span, process: (&str, Json)) -> Json {
    let attributes: Vec<Json> = span.attributes.iter().map(|(key, value)| jaeger_tag(key, value)).collect();
    let mut json = json!({"traceID": format!("{:032x}", 1), "spanID": format!("{:016x}", span.id),
        "operationName": span.name, "references": [], "startTime": START / 1_000, "duration": 1, "tags": attributes,
        "logs": []});
    json[process.0] = process.1;
    json
}

fn jaeger_tag(key: &str, value: &str) -> Json {
    json!({"key": key, "type": "string", "value": value})
}

fn jaeger_process(span: &Span) -> Json {
    let tags: Vec<Json> = span.resource.iter().map(|(key, value)| jaeger_tag(key, value)).collect();
    json!({"serviceName": span.service, "tags": tags})
}

fn jaeger_json() -> Json {
    let (mut processes, mut spans) = (serde_json::Map::new(), Vec::new());
    for (number, of_resource) in spans_of_resources().iter().enumerate() {
        let id = format!("p{number}");
        processes.insert(id.clone(), jaeger_process(&of_resource[0]));
        spans.extend(of_resource.iter().map(|span| jaeger_span(span, ("processID", id.as_str().into()))));
    }
    json!({"data": [{"traceID": format!("{:032x}", 1), "spans": spans, "processes": processes}]})
}

/// Documents as Jaeger has them in Elasticsearch.
fn jaeger_documents() -> String {
    lines(|span| jaeger_span(span, ("process", jaeger_process(span))))
}

fn lines(json: impl Fn(&Span) -> Json) -> String {
    spans().iter().map(|span| json(span).to_string()).collect::<Vec<String>>().join("\n")
}

fn object<T: AsRef<str>>(pairs: &[(&str, T)]) -> Json {
    Json::Object(pairs.iter().map(|(key, value)| ((*key).to_owned(), value.as_ref().into())).collect())
}

/// All attributes of a span and of its resource in one object, where nothing tells them apart but their keys.
fn flattened(span: &Span) -> serde_json::Map<String, Json> {
    let of_resources = Attribute::ALL.iter().filter(|attribute| attribute.class() == AttributeClass::Resource);
    let own = OwnAttribute::ALL.iter().filter(|attribute| attribute.class() == AttributeClass::Resource);
    let keys: Vec<&str> =
        of_resources.flat_map(|of| of.aliases()).chain(own.flat_map(|own| own.aliases())).copied().collect();
    let of_resource = span.resource.iter().map(|&(key, value)| (key, value)).filter(|(key, _)| keys.contains(key));
    let of_span = span.attributes.iter().map(|(key, value)| (*key, value.as_str()));
    let of_span = of_span.filter(|(key, _)| !keys.contains(key));
    of_resource.chain(of_span).map(|(key, value)| (key.to_owned(), value.into())).collect()
}

fn zipkin() -> String {
    lines(|span| {
        json!({"traceId": format!("{:032x}", 1), "id": format!("{:016x}", span.id), "name": span.name,
            "timestamp": START / 1_000, "duration": 1, "localEndpoint": {"serviceName": span.service, "ipv4": "10.0.0.1"},
            "tags": flattened(span)})
    })
}

fn honeycomb() -> String {
    lines(|span| {
        let mut data = flattened(span);
        data.insert("trace.trace_id".to_owned(), format!("{:032x}", 1).into());
        data.insert("trace.span_id".to_owned(), format!("{:016x}", span.id).into());
        data.insert("service.name".to_owned(), span.service.into());
        data.insert("name".to_owned(), span.name.into());
        data.insert("duration_ms".to_owned(), 0.001.into());
        json!({"time": "2023-11-14T22:13:20Z", "data": data})
    })
}

fn clickhouse_rows() -> String {
    lines(|span| {
        json!({"Timestamp": "2023-11-14 22:13:20.000000000", "TraceId": format!("{:032x}", 1),
            "SpanId": format!("{:016x}", span.id), "ParentSpanId": "", "SpanName": span.name, "SpanKind": "Internal",
            "ServiceName": span.service, "ResourceAttributes": object(span.resource),
            "SpanAttributes": object(&span.attributes), "Duration": 1_000, "StatusCode": "Unset"})
    })
}

/// As OpenTelemetry's console exporter of Go prints them.
fn go_console() -> String {
    let pairs = |pairs: &mut dyn Iterator<Item = (&str, &str)>| -> Vec<Json> {
        pairs.map(|(key, value)| json!({"Key": key, "Value": {"Type": "STRING", "Value": value}})).collect()
    };
    lines(|span| {
        let service = [("service.name", span.service)];
        let mut of_span = span.attributes.iter().map(|(key, value)| (*key, value.as_str()));
        json!({"Name": span.name, "SpanContext": {"TraceID": format!("{:032x}", 1), "SpanID": format!("{:016x}", span.id)},
            "SpanKind": 1, "StartTime": "2023-11-14T22:13:20Z", "EndTime": "2023-11-14T22:13:20.000001Z",
            "Attributes": pairs(&mut of_span), "Status": {"Code": "Unset", "Description": ""},
            "Resource": pairs(&mut service.into_iter().chain(span.resource.iter().copied()))})
    })
}

/// As OpenTelemetry's console exporter of Python prints them.
fn python_console() -> String {
    lines(|span| {
        let mut resource = object(span.resource);
        resource["service.name"] = span.service.into();
        json!({"name": span.name, "context": {"trace_id": format!("0x{:032x}", 1), "span_id": format!("0x{:016x}", span.id),
            "trace_state": "[]"}, "kind": "SpanKind.INTERNAL", "parent_id": null,
            "start_time": "2023-11-14T22:13:20.000000Z", "end_time": "2023-11-14T22:13:20.000001Z",
            "status": {"status_code": "UNSET"}, "attributes": object(&span.attributes), "events": [], "links": [],
            "resource": {"attributes": resource, "schema_url": ""}})
    })
}

fn documents() -> String {
    lines(|span| {
        json!({"trace_id": format!("{:032x}", 1), "span_id": format!("{:016x}", span.id), "service_name": span.service,
            "resource_attributes": object(span.resource), "span_name": span.name, "span_kind": 1,
            "span_start_timestamp_nanos": START, "span_end_timestamp_nanos": START + 1_000,
            "span_attributes": object(&span.attributes), "events": [], "links": []})
    })
}

fn write_parquet(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let columns = columns.into_iter().map(|(name, column)| (name, column, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length");
    let mut writer = ArrowWriter::try_new(File::create(path).expect("a file"), batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("written");
    writer.close().expect("closed");
}

/// A column of texts, one for each span.
fn column(text: impl Fn(&Span) -> Option<String>) -> ArrayRef {
    Arc::new(spans().iter().map(text).collect::<StringArray>())
}

/// Ids, names and times, under some names.
fn plain_columns(names: [&'static str; 6]) -> Vec<(&'static str, ArrayRef)> {
    let columns: [ArrayRef; 6] = [
        column(|_| Some(format!("{:032x}", 1))),
        column(|span| Some(format!("{:016x}", span.id))),
        column(|span| Some(span.name.to_owned())),
        column(|span| Some(span.service.to_owned())),
        Arc::new(Int64Array::from_iter_values(spans().iter().map(|_| START))),
        Arc::new(Int64Array::from_iter_values(spans().iter().map(|_| 1_000))),
    ];
    names.into_iter().zip(columns).collect()
}

const CLICKHOUSE_COLUMNS: [&str; 6] = ["TraceId", "SpanId", "SpanName", "ServiceName", "Timestamp", "Duration"];
const FLAT_COLUMNS: [&str; 6] =
    ["trace_id", "span_id", "name", "service_name", "start_time_unix_nano", "duration_nano"];

fn write_clickhouse(path: &Path) {
    let map = |pairs: &dyn Fn(&Span) -> Vec<(String, String)>| -> ArrayRef {
        let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
        for span in spans() {
            for (key, value) in pairs(&span) {
                map.keys().append_value(key);
                map.values().append_value(value);
            }
            map.append(true).expect("as many keys as values");
        }
        Arc::new(map.finish())
    };
    let texts = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let mut columns = plain_columns(CLICKHOUSE_COLUMNS);
    columns.push(("ResourceAttributes", map(&|span| span.resource.iter().map(texts).collect())));
    let of_span = |span: &Span| span.attributes.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    columns.push(("SpanAttributes", map(&of_span)));
    write_parquet(path, columns);
}

fn write_with_json(path: &Path) {
    let mut columns = plain_columns(FLAT_COLUMNS);
    let resource = |span: &Span| serde_json::to_string(&span.resource.iter().copied().collect::<BTreeMap<_, _>>());
    let attributes = |span: &Span| serde_json::to_string(&span.attributes.iter().cloned().collect::<BTreeMap<_, _>>());
    columns.push(("resource_attributes", column(|span| resource(span).ok())));
    columns.push(("attributes", column(|span| attributes(span).ok())));
    write_parquet(path, columns);
}

fn write_with_columns(path: &Path) {
    let mut columns = plain_columns(FLAT_COLUMNS);
    let of_pay = OF_PAY.iter().flat_map(|resource| resource.iter());
    let keys: BTreeSet<&str> = OF_CART.iter().chain(of_pay).map(|(key, _)| *key).collect();
    let resource_columns: Vec<(String, &str)> =
        keys.into_iter().map(|key| (format!("resource_attributes.{key}"), key)).collect();
    for (name, key) in &resource_columns {
        let of_resource = |span: &Span| Some(span.resource.iter().find(|(known, _)| known == key)?.1.to_owned());
        columns.push((name, column(of_resource)));
    }
    let own = OwnAttribute::ALL.iter().filter(|own| own.class() == AttributeClass::Shape);
    let own = own.flat_map(|own| own.aliases()).copied();
    let span_columns: Vec<(String, &str)> =
        own.chain(["service.version", "host.name"]).map(|key| (format!("attributes.{key}"), key)).collect();
    for (name, key) in &span_columns {
        columns.push((name, column(|span| Some(span.attributes.iter().find(|(known, _)| known == key)?.1.clone()))));
    }
    write_parquet(path, columns);
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

fn write_canonical(input: &Path, path: &Path) {
    let mut converter = Converter(CanonicalWriter::new(File::create(path).expect("a file")).expect("a writer"));
    read_records(&[input.to_owned()], &ReadOptions::default(), &mut converter, &());
    converter.0.finish().expect("finished");
}

/// Writes a canonical file as it was before some attributes had columns of their own.
fn write_older_canonical(canonical: &Path, path: &Path) {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(canonical).expect("a file")).expect("Parquet");
    let version = builder.metadata().file_metadata().key_value_metadata().cloned();
    let version = version.map(|all| all.into_iter().filter(|entry| entry.key != "ARROW:schema").collect());
    let is_old = |name: &str| {
        !name.starts_with("resource.") && !name.starts_with("messaging.message.") && name != "messaging.message_id"
    };
    let batches: Vec<RecordBatch> = builder.build().expect("a reader").map(|batch| batch.expect("a batch")).collect();
    let schema = batches[0].schema();
    let old: Vec<usize> = (0..schema.fields().len()).filter(|&column| is_old(schema.field(column).name())).collect();
    assert!(old.len() < schema.fields().len());
    let properties = WriterProperties::builder().set_key_value_metadata(version).build();
    let old_schema = Arc::new(schema.project(&old).expect("columns"));
    let mut writer =
        ArrowWriter::try_new(File::create(path).expect("a file"), old_schema, Some(properties)).expect("a writer");
    batches.iter().for_each(|batch| writer.write(&batch.project(&old).expect("columns")).expect("written"));
    writer.close().expect("closed");
}

/// One small input of each format.
fn inputs(folder: &Path) -> Vec<PathBuf> {
    let path = |name: &str| folder.join(name);
    let write = |name: &str, bytes: Vec<u8>| std::fs::write(path(name), bytes).expect("written");
    write("otlp.jsonl", otlp_json().to_string().into_bytes());
    write("otlp-pretty.json", serde_json::to_vec_pretty(&otlp_json()).expect("JSON"));
    write("otlp.binpb", otlp_protobuf());
    write("jaeger.json", jaeger_json().to_string().into_bytes());
    write("jaeger-documents.jsonl", jaeger_documents().into_bytes());
    write("zipkin.jsonl", zipkin().into_bytes());
    write("honeycomb.jsonl", honeycomb().into_bytes());
    write("clickhouse.jsonl", clickhouse_rows().into_bytes());
    write("go.jsonl", go_console().into_bytes());
    write("python.jsonl", python_console().into_bytes());
    write("documents.jsonl", documents().into_bytes());
    write_clickhouse(&path("clickhouse.parquet"));
    write_with_json(&path("json.parquet"));
    write_with_columns(&path("columns.parquet"));
    write_canonical(&path("otlp.jsonl"), &path("canonical.parquet"));
    write_older_canonical(&path("canonical.parquet"), &path("older-canonical.parquet"));
    let mut paths: Vec<PathBuf> =
        folder.read_dir().expect("the folder").map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    assert_eq!(paths.len(), 16);
    paths
}

/// Guarantees: every format gives the attributes of resources, as parts of signatures, and the own values that are asked for,
/// with spans in memory and put aside; none of a span that looks like the resource's, nor the other way round.
#[test]
fn every_format_gives_attributes_of_all_classes() {
    let folder = tempfile::tempdir().expect("a folder");
    let asked_for_none: Read =
        expected().into_iter().map(|(id, (resource, own))| (id, (resource, vec![None; own.len()]))).collect();
    let asked_for_one = |asked: OwnAttribute| -> Read {
        let only = |(id, (resource, mut own)): (u64, (Vec<String>, Vec<Option<u64>>))| {
            let others = own.iter_mut().zip(OwnAttribute::ALL).filter(|(_, of)| **of != asked);
            others.for_each(|(value, _)| *value = None);
            (id, (resource, own))
        };
        expected().into_iter().map(only).collect()
    };
    for path in inputs(folder.path()) {
        for limit in [None, Some(0)] {
            assert_eq!(read(&path, OwnAttributes::NONE, limit), asked_for_none, "{}", path.display());
            assert_eq!(read(&path, OwnAttributes::ALL, limit), expected(), "{}", path.display());
            for one in [OwnAttribute::MessageBodySize, OwnAttribute::Instance, OwnAttribute::HostName] {
                let asked = OwnAttributes::of(&[one]);
                assert_eq!(read(&path, asked, limit), asked_for_one(one), "{}", path.display());
            }
        }
    }
}

/// The names of tables that a span with an attribute that is an array says, read from one input.
fn listed_tables(path: &Path) -> String {
    let ReadFrames { builders, reports, .. } = read_frames(&[path.to_owned()], &ReadOptions::default(), &());
    assert!(reports.iter().all(|report| report.errors.is_empty()), "{reports:?}");
    let collection = Collection::of(builders);
    let mut grouping = Grouping::default();
    for part in 0..collection.part_count() {
        collection.group(part, &mut grouping).expect("grouped");
        if let Some(&signature) = grouping.traces.signatures_of_rows.first() {
            let signature = collection.vocabulary.signatures.resolve(signature);
            return collection.vocabulary.symbols.resolve(signature.get(Attribute::DbCollection)).to_owned();
        }
    }
    panic!("{} has no span", path.display());
}

/// Guarantees: an attribute that is an array is the same text in every format, whether the format has arrays or only texts.
#[test]
fn every_format_gives_arrays_alike() {
    const KEY: &str = "aws.dynamodb.table_names";
    const LISTED: &str = r#"["orders","Shop.Items"]"#;
    let names = ["orders", "Shop.Items"];
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let write = |name: &str, text: Vec<u8>| std::fs::write(path(name), text).expect("written");
    let (trace, id, end) = (format!("{:032x}", 1), format!("{:016x}", 1), START + 1_000);

    let values: Vec<Json> = names.iter().map(|name| json!({"stringValue": name})).collect();
    let span = json!({
        "traceId": trace, "spanId": id, "name": "DynamoDB", "startTimeUnixNano": START.to_string(),
        "endTimeUnixNano": end.to_string(), "attributes": [{"key": KEY, "value": {"arrayValue": {"values": values}}}],
    });
    write("otlp.jsonl", json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).to_string().into_bytes());

    let value = |value| Some(AnyValue { value: Some(value) });
    let values = names.iter().map(|name| AnyValue { value: Some(any_value::Value::StringValue((*name).to_owned())) });
    let array = any_value::Value::ArrayValue(ArrayValue { values: values.collect() });
    let span = OtlpSpan {
        trace_id: 1u128.to_be_bytes().to_vec(),
        span_id: 1u64.to_be_bytes().to_vec(),
        start_time_unix_nano: START as u64,
        end_time_unix_nano: end as u64,
        attributes: vec![OtlpKeyValue { key: KEY.to_owned(), value: value(array), ..OtlpKeyValue::default() }],
        ..OtlpSpan::default()
    };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    let data = TracesData { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] };
    write("otlp.binpb", data.encode_to_vec());

    let tag = json!({"key": KEY, "type": "string", "value": LISTED});
    let span = json!({
        "traceID": trace, "spanID": id, "operationName": "DynamoDB", "startTime": START / 1_000, "duration": 1,
        "tags": [tag], "processID": "p1", "references": [],
    });
    let process = json!({"p1": {"serviceName": "web", "tags": []}});
    let jaeger = json!({"data": [{"traceID": trace, "spans": [span], "processes": process}]});
    write("jaeger.json", jaeger.to_string().into_bytes());

    let row = json!({
        "TraceId": trace, "SpanId": id, "ParentSpanId": "", "SpanName": "DynamoDB", "ServiceName": "web",
        "Timestamp": "2023-11-14 22:13:20.000000000", "Duration": 1_000, "SpanAttributes": {KEY: LISTED},
    });
    write("clickhouse.jsonl", row.to_string().into_bytes());

    let texts = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text])) };
    let number = |number: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![number])) };
    let with = |name: &str, attributes: (&str, ArrayRef)| {
        let columns = FLAT_COLUMNS.into_iter().zip([
            texts(&trace),
            texts(&id),
            texts("DynamoDB"),
            texts("web"),
            number(START),
            number(1_000),
        ]);
        write_parquet(&path(name), columns.chain([attributes]).collect());
    };
    let column_name = format!("attributes.{KEY}");
    with("json.parquet", ("attributes", texts(&json!({KEY: names}).to_string())));
    with("column.parquet", (&column_name, texts(LISTED)));
    let mut list = ListBuilder::new(StringBuilder::new());
    list.append_value(names.map(Some));
    with("list.parquet", (KEY, Arc::new(list.finish())));
    write_canonical(&path("otlp.jsonl"), &path("canonical.parquet"));

    let mut inputs: Vec<PathBuf> =
        folder.path().read_dir().expect("the folder").map(|entry| entry.expect("a file").path()).collect();
    inputs.sort();
    assert_eq!(inputs.len(), 8);
    for input in inputs {
        assert_eq!(listed_tables(&input), LISTED, "{}", input.display());
    }
}
