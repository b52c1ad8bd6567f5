//! Where the only links of CONSUMER spans lead: every format that has links gives it, if it is asked for.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, ListBuilder, RecordBatch, StringArray, StringBuilder};
use opentelemetry_proto::tonic::trace::v1::span::Link;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as OtlpSpan, TracesData};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;
use prost::Message as _;
use serde_json::{Value as Json, json};
use tracescan::conventions::{OwnAttribute, OwnAttributes};
use tracescan::frame::{Collection, Grouping, SpanSink};
use tracescan::ingest::{ReadFrames, ReadOptions, read_frames, read_records};
use tracescan::report::CanonicalWriter;
use tracescan::span::{Origin, SkipReason, SpanRecord};

const START: i64 = 1_700_000_000_000_000_000;

struct Span {
    id: u64,
    kind: &'static str,
    /// Traces and spans that it has links to.
    links: &'static [(u128, u64)],
}

/// Spans of each sort, several times over, so that what they say often is said again.
fn spans() -> Vec<Span> {
    let mut spans = Vec::new();
    for number in [0, 10, 20] {
        spans.push(Span { id: number + 1, kind: "CONSUMER", links: &[(7, 77)] });
        spans.push(Span { id: number + 2, kind: "CONSUMER", links: &[(7, 77), (8, 88)] });
        spans.push(Span { id: number + 3, kind: "SERVER", links: &[(7, 77)] });
        spans.push(Span { id: number + 4, kind: "CONSUMER", links: &[] });
        spans.push(Span { id: number + 5, kind: "CONSUMER", links: &[(8, 88)] });
    }
    spans
}

fn expected() -> BTreeMap<u64, Option<u64>> {
    let only_link = |span: &Span| match span.links {
        [(trace, id)] if span.kind == "CONSUMER" => {
            Some(OwnAttribute::OnlyLink.value_of(&format!("{trace:032x}-{id:016x}")))
        }
        _ => None,
    };
    spans().iter().map(|span| (span.id, only_link(span))).collect()
}

fn read(path: &Path, own_attributes: OwnAttributes) -> BTreeMap<u64, Option<u64>> {
    let options = ReadOptions { own_attributes, ..ReadOptions::default() };
    let ReadFrames { builders, reports, .. } = read_frames(&[path.to_owned()], &options, &());
    assert!(reports.iter().all(|report| report.errors.is_empty()), "{reports:?}");
    let collection = Collection::with_spilled(builders, None);
    let (mut read, mut grouping) = (BTreeMap::new(), Grouping::default());
    for part in 0..collection.part_count() {
        collection.group(part, &mut grouping).expect("grouped");
        for row in 0..grouping.traces.len() {
            let own = grouping.traces.own_values.get(row);
            read.insert(grouping.traces.span_ids[row].0, own.get(OwnAttribute::OnlyLink));
        }
    }
    read
}

fn otlp_json() -> Json {
    let link = |(trace, id): &(u128, u64)| json!({"traceId": format!("{trace:032x}"), "spanId": format!("{id:016x}")});
    let of_span = |span: Span| {
        json!({"traceId": format!("{:032x}", 1), "spanId": format!("{:016x}", span.id), "name": "a",
            "kind": if span.kind == "CONSUMER" { 5 } else { 2 }, "startTimeUnixNano": START.to_string(),
            "endTimeUnixNano": (START + 1_000).to_string(), "links": span.links.iter().map(link).collect::<Vec<_>>()})
    };
    json!({"resourceSpans": [{"scopeSpans": [{"spans": spans().into_iter().map(of_span).collect::<Vec<_>>()}]}]})
}

fn otlp_protobuf() -> Vec<u8> {
    let link = |(trace, id): &(u128, u64)| Link {
        trace_id: trace.to_be_bytes().to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        ..Link::default()
    };
    let of_span = |span: Span| OtlpSpan {
        trace_id: 1u128.to_be_bytes().to_vec(),
        span_id: span.id.to_be_bytes().to_vec(),
        name: "a".to_owned(),
        kind: if span.kind == "CONSUMER" { 5 } else { 2 },
        start_time_unix_nano: START as u64,
        end_time_unix_nano: START as u64 + 1_000,
        links: span.links.iter().map(link).collect(),
        ..OtlpSpan::default()
    };
    let scope_spans = vec![ScopeSpans { spans: spans().into_iter().map(of_span).collect(), ..ScopeSpans::default() }];
    TracesData { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] }.encode_to_vec()
}

fn jaeger_json() -> Json {
    let reference = |(trace, id): &(u128, u64)| json!({"refType": "FOLLOWS_FROM", "traceID": format!("{trace:032x}"), "spanID": format!("{id:016x}")});
    let of_span = |span: Span| {
        json!({"traceID": format!("{:032x}", 1), "spanID": format!("{:016x}", span.id), "operationName": "a",
            "references": span.links.iter().map(reference).collect::<Vec<_>>(), "startTime": START / 1_000, "duration": 1,
            "tags": [{"key": "span.kind", "type": "string", "value": span.kind.to_lowercase()}], "logs": [],
            "processID": "p"})
    };
    let spans: Vec<Json> = spans().into_iter().map(of_span).collect();
    json!({"data": [{"traceID": format!("{:032x}", 1), "spans": spans, "processes": {"p": {"serviceName": "s", "tags": []}}}]})
}

fn write_parquet(path: &Path, links: Vec<(&str, ArrayRef)>) {
    let text = |text: &dyn Fn(&Span) -> String| -> ArrayRef {
        Arc::new(spans().iter().map(|span| Some(text(span))).collect::<StringArray>())
    };
    let numbers = |number: i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(spans().iter().map(|_| number))) };
    let columns = vec![
        ("TraceId", text(&|_| format!("{:032x}", 1))),
        ("SpanId", text(&|span| format!("{:016x}", span.id))),
        ("SpanName", text(&|_| "a".to_owned())),
        ("SpanKind", text(&|span| span.kind.to_owned())),
        ("ServiceName", text(&|_| "s".to_owned())),
        ("Timestamp", numbers(START)),
        ("Duration", numbers(1_000)),
    ];
    let columns = columns.into_iter().chain(links).map(|(name, column)| (name, column, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length");
    let mut writer = ArrowWriter::try_new(File::create(path).expect("a file"), batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("written");
    writer.close().expect("closed");
}

fn list_columns() -> Vec<(&'static str, ArrayRef)> {
    let lists = |text: &dyn Fn(&(u128, u64)) -> String| -> ArrayRef {
        let mut lists = ListBuilder::new(StringBuilder::new());
        for span in spans() {
            span.links.iter().for_each(|link| lists.values().append_value(text(link)));
            lists.append(true);
        }
        Arc::new(lists.finish())
    };
    vec![
        ("Links.TraceId", lists(&|(trace, _)| format!("{trace:032x}"))),
        ("Links.SpanId", lists(&|(_, id)| format!("{id:016x}"))),
    ]
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

/// Writes a canonical file as it was before where links lead had a column of its own.
fn write_older_canonical(canonical: &Path, path: &Path) {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(canonical).expect("a file")).expect("Parquet");
    let version = builder.metadata().file_metadata().key_value_metadata().cloned();
    let version = version.map(|all| all.into_iter().filter(|entry| entry.key != "ARROW:schema").collect());
    let batches: Vec<RecordBatch> = builder.build().expect("a reader").map(|batch| batch.expect("a batch")).collect();
    let schema = batches[0].schema();
    let fields = schema.fields().iter().enumerate();
    let old: Vec<usize> =
        fields.filter(|(_, field)| field.name() != "tracescan.only_link").map(|(column, _)| column).collect();
    assert_eq!(old.len() + 1, schema.fields().len());
    let properties = WriterProperties::builder().set_key_value_metadata(version).build();
    let old_schema = Arc::new(schema.project(&old).expect("columns"));
    let mut writer =
        ArrowWriter::try_new(File::create(path).expect("a file"), old_schema, Some(properties)).expect("a writer");
    batches.iter().for_each(|batch| writer.write(&batch.project(&old).expect("columns")).expect("written"));
    writer.close().expect("closed");
}

fn inputs(folder: &Path) -> Vec<PathBuf> {
    let path = |name: &str| folder.join(name);
    let write = |name: &str, bytes: Vec<u8>| std::fs::write(path(name), bytes).expect("written");
    write("otlp.jsonl", otlp_json().to_string().into_bytes());
    write("otlp.json", serde_json::to_vec_pretty(&otlp_json()).expect("JSON"));
    write("otlp.binpb", otlp_protobuf());
    write("jaeger.json", jaeger_json().to_string().into_bytes());
    write_parquet(&path("lists.parquet"), list_columns());
    write_canonical(&path("otlp.jsonl"), &path("canonical.parquet"));
    write_older_canonical(&path("canonical.parquet"), &path("older-canonical.parquet"));
    let mut paths: Vec<PathBuf> =
        folder.read_dir().expect("the folder").map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    assert_eq!(paths.len(), 7);
    paths
}

/// Guarantees: a CONSUMER span with one link says where it leads, in every format; others say nothing, and nobody does who is not
/// asked.
#[test]
fn consumers_say_where_their_only_link_leads() {
    let folder = tempfile::tempdir().expect("a folder");
    let nothing: BTreeMap<u64, Option<u64>> = expected().into_keys().map(|id| (id, None)).collect();
    assert!(expected().values().flatten().count() == 6);
    for path in inputs(folder.path()) {
        assert_eq!(read(&path, OwnAttributes::of(&[OwnAttribute::OnlyLink])), expected(), "{}", path.display());
        assert_eq!(read(&path, OwnAttributes::ALL), expected(), "{}", path.display());
        assert_eq!(read(&path, OwnAttributes::NONE), nothing, "{}", path.display());
        assert_eq!(read(&path, OwnAttributes::of(&[OwnAttribute::MessageId])), nothing, "{}", path.display());
    }
}
