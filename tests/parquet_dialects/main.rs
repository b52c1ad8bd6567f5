//! The same two spans as every store writes them to Parquet. Schemas are those of the stores' own sources or
//! documentation; each file must give the same spans again, by both ways of reading, but for what its store drops.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Decimal128Array, DictionaryArray, FixedSizeBinaryArray, Float64Array,
    Int8Array, Int16Array, Int32Array, Int64Array, LargeStringArray, ListArray, MapBuilder, RecordBatch, StringArray,
    StringBuilder, StringViewArray, StructArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray, UInt64Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{Field, Int32Type};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type, Int96, Int96Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use tracescan::conventions::{Attribute, UncountedCalls};
use tracescan::frame::{FrameBuilder, SpanSink, Symbol, group};
use tracescan::ingest::{IngestError, IngestWarning, InputReport, ReadFrames, ReadOptions, read_frames, read_records};
use tracescan::span::{KeyValue, Origin, SkipReason, SpanKind, SpanRecord, StatusCode};
use tracescan::trace::{Tree, derive};

mod spellings;

const TRACE: &str = "0102030405060708090a0b0c0d0e0f10";
const ROOT: &str = "00000000000000a1";
const CHILD: &str = "00000000000000b2";
const START: i64 = 1_700_000_000_123_456_789;
const ROOT_NS: i64 = 5_000_000;
const CHILD_START: i64 = START + 1_000_000;
const CHILD_NS: i64 = 2_000_000;
const EVENT_TIME: i64 = CHILD_START + 1_500_000;
const EXCEPTION: &str = "java.net.SocketTimeoutException";

type Texts = BTreeMap<String, String>;

/// What is compared of a span.
#[derive(Clone, PartialEq, Debug)]
struct Span {
    id: u64,
    parent: u64,
    name: String,
    kind: SpanKind,
    status: StatusCode,
    message: String,
    start: i64,
    duration: i64,
    attributes: Texts,
    resource: Texts,
    scope: (String, String, Texts),
    events: Vec<(i64, String, Texts)>,
    links: Vec<(u64, Texts)>,
}

fn texts(pairs: &[(&str, &str)]) -> Texts {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// A request and the failed call that it makes, which is linked to it besides.
fn both() -> [Span; 2] {
    let resource = texts(&[("service.name", "cart"), ("host.name", "h1")]);
    let root = Span {
        id: 0xa1,
        parent: 0,
        name: "GET /cart".to_owned(),
        kind: SpanKind::Server,
        status: StatusCode::Unset,
        message: String::new(),
        start: START,
        duration: ROOT_NS,
        attributes: texts(&[("http.method", "GET"), ("http.status_code", "200")]),
        resource: resource.clone(),
        scope: ("lib".to_owned(), "1.2".to_owned(), Texts::new()),
        events: Vec::new(),
        links: Vec::new(),
    };
    let child = Span {
        id: 0xb2,
        parent: 0xa1,
        name: "SELECT".to_owned(),
        kind: SpanKind::Client,
        status: StatusCode::Error,
        message: "timed out".to_owned(),
        start: CHILD_START,
        duration: CHILD_NS,
        attributes: texts(&[("db.system", "redis"), ("custom.key", "v")]),
        events: vec![(EVENT_TIME, "exception".to_owned(), texts(&[("exception.type", EXCEPTION)]))],
        links: vec![(0xa1, texts(&[("opentracing.ref_type", "follows_from")]))],
        ..root.clone()
    };
    [root, child]
}

#[derive(Default)]
struct Collected {
    spans: Vec<Span>,
    skipped: Vec<(SkipReason, u64)>,
}

fn of_pairs(attributes: &[KeyValue<'_>]) -> Texts {
    let count = attributes.len();
    let texts: Texts =
        attributes.iter().map(|pair| (pair.key.to_string(), pair.value.to_text().into_owned())).collect();
    assert_eq!(texts.len(), count, "no attribute comes twice: {attributes:?}");
    texts
}

impl SpanSink for Collected {
    fn span(&mut self, origin: &Origin<'_>, span: &SpanRecord<'_>, _offset: u64) {
        assert_eq!(span.trace_id.to_string(), TRACE);
        let scope = of_pairs(&origin.scope_attributes);
        let events = span.events.iter();
        let links = span.links.iter();
        self.spans.push(Span {
            id: span.span_id.0,
            parent: span.parent_span_id.0,
            name: span.name.to_string(),
            kind: span.kind,
            status: span.status,
            message: span.status_message.to_string(),
            start: span.start_unix_nano as i64,
            duration: span.end_unix_nano.wrapping_sub(span.start_unix_nano) as i64,
            attributes: of_pairs(&span.attributes),
            resource: of_pairs(&origin.resource_attributes),
            scope: (origin.scope_name.to_string(), origin.scope_version.to_string(), scope),
            events: events
                .map(|event| (event.time_unix_nano as i64, event.name.to_string(), of_pairs(&event.attributes)))
                .collect(),
            links: links
                .inspect(|link| assert_eq!(link.trace_id.to_string(), TRACE))
                .map(|link| (link.span_id.0, of_pairs(&link.attributes)))
                .collect(),
        });
    }

    fn skip(&mut self, reason: SkipReason, offset: u64) {
        self.skipped.push((reason, offset));
    }

    fn wants_everything(&self) -> bool {
        true
    }
}

/// A column: its name and its values.
type Column = (&'static str, ArrayRef);

fn write(path: &Path, columns: Vec<Column>, compression: Compression) {
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
            .expect("columns of one length");
    let properties = WriterProperties::builder().set_compression(compression).build();
    let file = File::create(path).expect("a new file");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).expect("a writer");
    writer.write(&batch).expect("written");
    writer.close().expect("closed");
}

/// All that the analysis knows of each span, in an order that does not depend on how it was read.
fn rows(builders: Vec<FrameBuilder>) -> Vec<String> {
    let (vocabulary, frame) = group(builders);
    let mut rows: Vec<String> = (0..frame.len())
        .map(|row| {
            let signature = vocabulary.signatures.resolve(frame.signatures_of_rows[row]);
            let text = |symbol: Symbol| vocabulary.symbols.resolve(symbol);
            let ids = (frame.span_ids[row], frame.parent_span_ids[row], frame.starts[row], frame.durations[row]);
            let (service, name) = (text(signature.service), text(signature.name));
            let attributes: Vec<(&Attribute, &str)> = Attribute::ALL
                .iter()
                .zip(signature.attributes.map(text))
                .filter(|(_, text)| !text.is_empty())
                .collect();
            let arguments = frame.arguments[row];
            format!("{ids:?} {service} {name} {:?} {:?} {attributes:?} {arguments}", signature.kind, signature.status)
        })
        .collect();
    rows.sort();
    rows
}

/// Reads a file completely and for the analysis, and compares what the analysis has of either.
fn read(path: &Path) -> (Collected, InputReport, Vec<String>) {
    let paths = [path.to_owned()];
    let mut collected = Collected::default();
    let mut reports = read_records(&paths, &ReadOptions::default(), &mut collected, &());
    let mut by_records = FrameBuilder::default();
    read_records(&paths, &ReadOptions::default(), &mut by_records, &());
    let ReadFrames { builders, reports: of_columns, .. } = read_frames(&paths, &ReadOptions::default(), &());
    assert!(of_columns[0].errors.is_empty(), "{:?}", of_columns[0].errors);
    assert_eq!(of_columns[0].skipped.counts, reports[0].skipped.counts);
    assert_eq!(of_columns[0].warnings, reports[0].warnings);
    let rows_of_columns = rows(builders);
    assert_eq!(rows_of_columns, rows(vec![by_records]), "the two ways differ");
    (collected, reports.remove(0), rows_of_columns)
}

/// Writes columns, reads them and checks the format; gives the rest to check.
fn check(format: &str, columns: Vec<Column>, expected: [Span; 2]) -> (InputReport, Vec<String>) {
    check_compressed(format, columns, expected, Compression::SNAPPY)
}

fn check_compressed(
    format: &str,
    columns: Vec<Column>,
    expected: [Span; 2],
    compression: Compression,
) -> (InputReport, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("spans.parquet");
    write(&path, columns, compression);
    let (collected, report, rows) = read(&path);
    assert_eq!(report.format, format, "{}", report.mapping);
    assert!(report.errors.is_empty(), "{:?}", report.errors);
    for (span, expected) in collected.spans.iter().zip(&expected) {
        assert_eq!(span, expected, "{}", report.mapping);
    }
    assert_eq!(collected.spans.len(), 2);
    (report, rows)
}

fn text<T: Into<Option<&'static str>> + Copy, const N: usize>(values: [T; N]) -> ArrayRef {
    Arc::new(StringArray::from(values.map(Into::into).to_vec()))
}

fn json<const N: usize>(values: [serde_json::Value; N]) -> ArrayRef {
    let texts = values.map(|value| (!value.is_null()).then(|| value.to_string()));
    Arc::new(StringArray::from(texts.to_vec()))
}

fn binary<const N: usize>(values: [&str; N]) -> ArrayRef {
    Arc::new(BinaryArray::from_vec(values.map(str::as_bytes).to_vec()))
}

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal")).collect()
}

fn fixed(values: [Option<&str>; 2], width: i32) -> ArrayRef {
    let values = values.iter().map(|value| value.map(bytes_of));
    Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(values, width).expect("of one width"))
}

fn int64<const N: usize>(values: [i64; N]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn uint64<const N: usize>(values: [u64; N]) -> ArrayRef {
    Arc::new(UInt64Array::from(values.to_vec()))
}

fn nanos<const N: usize>(values: [i64; N]) -> ArrayRef {
    Arc::new(TimestampNanosecondArray::from(values.to_vec()).with_timezone("UTC"))
}

fn micros<const N: usize>(values: [i64; N]) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(values.map(|value| value / 1_000).to_vec()).with_timezone("UTC"))
}

fn maps(rows: &[&[(&str, &str)]]) -> ArrayRef {
    let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for row in rows {
        for (key, value) in *row {
            map.keys().append_value(key);
            map.values().append_value(value);
        }
        map.append(true).expect("as many keys as values");
    }
    Arc::new(map.finish())
}

/// Lists of `lengths` of the `values`.
fn lists(lengths: &[usize], values: ArrayRef) -> ArrayRef {
    let item = Field::new("item", values.data_type().clone(), true);
    Arc::new(ListArray::new(Arc::new(item), OffsetBuffer::from_lengths(lengths.iter().copied()), values, None))
}

fn structs(fields: Vec<Column>) -> ArrayRef {
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(name, column)| (Arc::new(Field::new(name, column.data_type().clone(), true)), column))
        .collect();
    Arc::new(StructArray::from(fields))
}

const ROOT_ATTRIBUTES: &[(&str, &str)] = &[("http.method", "GET"), ("http.status_code", "200")];
const CHILD_ATTRIBUTES: &[(&str, &str)] = &[("db.system", "redis"), ("custom.key", "v")];
const RESOURCE: &[(&str, &str)] = &[("service.name", "cart"), ("host.name", "h1")];
const EVENT: &[(&str, &str)] = &[("exception.type", EXCEPTION)];
const LINK: &[(&str, &str)] = &[("opentracing.ref_type", "follows_from")];

fn attribute_maps() -> ArrayRef {
    maps(&[ROOT_ATTRIBUTES, CHILD_ATTRIBUTES])
}

fn attribute_jsons() -> ArrayRef {
    json([
        serde_json::json!({"http.method": "GET", "http.status_code": 200}),
        serde_json::json!({"db.system": "redis", "custom.key": "v"}),
    ])
}

/// In ClickHouse's column names, with the given separator.
fn clickhouse(kinds: [&'static str; 2], codes: [&'static str; 2], duration: ArrayRef) -> Vec<Column> {
    vec![
        ("Timestamp", nanos([START, CHILD_START])),
        ("TraceId", text([TRACE; 2])),
        ("SpanId", text([ROOT, CHILD])),
        ("ParentSpanId", text(["", ROOT])),
        ("TraceState", text(["", ""])),
        ("SpanName", text(["GET /cart", "SELECT"])),
        ("SpanKind", text(kinds)),
        ("ServiceName", text(["cart"; 2])),
        ("ResourceAttributes", maps(&[RESOURCE, RESOURCE])),
        ("ScopeName", text(["lib"; 2])),
        ("ScopeVersion", text(["1.2"; 2])),
        ("SpanAttributes", attribute_maps()),
        ("Duration", duration),
        ("StatusCode", text(codes)),
        ("StatusMessage", text(["", "timed out"])),
    ]
}

fn nested_columns(columns: &mut Vec<Column>) {
    columns.extend([
        ("Events.Timestamp", lists(&[0, 1], nanos([EVENT_TIME]))),
        ("Events.Name", lists(&[0, 1], text(["exception"]))),
        ("Events.Attributes", lists(&[0, 1], maps(&[EVENT]))),
        ("Links.TraceId", lists(&[0, 1], text([TRACE]))),
        ("Links.SpanId", lists(&[0, 1], text([ROOT]))),
        ("Links.TraceState", lists(&[0, 1], text([""]))),
        ("Links.Attributes", lists(&[0, 1], maps(&[LINK]))),
    ]);
}

const NEW_SPELLING: ([&str; 2], [&str; 2]) = (["Server", "Client"], ["Unset", "Error"]);
const OLD_SPELLING: ([&str; 2], [&str; 2]) =
    (["SPAN_KIND_SERVER", "SPAN_KIND_CLIENT"], ["STATUS_CODE_UNSET", "STATUS_CODE_ERROR"]);

#[test]
fn clickhouse_in_both_spellings() {
    for (kinds, codes) in [NEW_SPELLING, OLD_SPELLING] {
        let mut columns = clickhouse(kinds, codes, int64([ROOT_NS, CHILD_NS]));
        nested_columns(&mut columns);
        let (_, rows) = check("parquet_clickhouse", columns, both());
        assert!(rows.iter().any(|row| row.contains("follows_from") && row.contains(EXCEPTION)), "{rows:?}");
    }
}

/// Older servers write strings as bare bytes; HyperDX adds columns; some exporters write upper-case ids.
#[test]
fn clickhouse_with_bare_bytes_and_added_columns() {
    let (kinds, codes) = OLD_SPELLING;
    let mut columns = clickhouse(kinds, codes, uint64([ROOT_NS as u64, CHILD_NS as u64]));
    nested_columns(&mut columns);
    for (name, column) in &mut columns {
        match *name {
            "TraceId" => *column = binary([TRACE.to_uppercase().as_str(); 2]),
            "SpanId" => *column = binary(["00000000000000A1", "00000000000000B2"]),
            "ParentSpanId" => *column = binary(["", "00000000000000A1"]),
            "SpanName" => *column = binary(["GET /cart", "SELECT"]),
            "SpanKind" => *column = binary(kinds),
            "StatusCode" => *column = binary(codes),
            "ServiceName" => *column = binary(["cart"; 2]),
            _ => {}
        }
    }
    columns.push(("SampleRate", uint64([1, 10])));
    columns.push(("__hdx_materialized_rum.sessionId", text(["s1"; 2])));
    let mut expected = both();
    for (span, rate) in expected.iter_mut().zip(["1", "10"]) {
        span.attributes.insert("SampleRate".to_owned(), rate.to_owned());
    }
    check_compressed("parquet_clickhouse", columns, expected, Compression::LZ4_RAW);
}

/// With `flatten_nested=0` events and links are lists of structs. A duration that wrapped is an end before the start.
#[test]
fn clickhouse_with_nested_events_and_wrapped_durations() {
    for duration in [uint64([(-5i64) as u64, CHILD_NS as u64]), int64([-5, CHILD_NS])] {
        let mut columns = clickhouse(NEW_SPELLING.0, NEW_SPELLING.1, duration);
        let event =
            vec![("Timestamp", nanos([EVENT_TIME])), ("Name", text(["exception"])), ("Attributes", maps(&[EVENT]))];
        let link = vec![
            ("TraceId", text([TRACE])),
            ("SpanId", text([ROOT])),
            ("TraceState", text([""])),
            ("Attributes", maps(&[LINK])),
        ];
        columns.push(("Events", lists(&[0, 1], structs(event))));
        columns.push(("Links", lists(&[0, 1], structs(link))));
        let mut expected = both();
        expected[0].duration = -5;
        check("parquet_clickhouse", columns, expected);
    }
}

/// ClickHouse's JSON type makes objects of dotted keys and text of integers.
#[test]
fn clickhouse_with_json_attributes() {
    let (kinds, codes) = NEW_SPELLING;
    let mut columns = clickhouse(kinds, codes, uint64([ROOT_NS as u64, CHILD_NS as u64]));
    nested_columns(&mut columns);
    for (name, column) in &mut columns {
        let resource = || serde_json::json!({"service": {"name": "cart"}, "host": {"name": "h1"}});
        let event = serde_json::json!({"exception": {"type": EXCEPTION}});
        match *name {
            "ResourceAttributes" => *column = json([resource(), resource()]),
            "SpanAttributes" => {
                *column = json([
                    serde_json::json!({"http": {"method": "GET", "status_code": "200"}}),
                    serde_json::json!({"db": {"system": "redis"}, "custom": {"key": "v"}}),
                ]);
            }
            "Events.Attributes" => *column = lists(&[0, 1], json([event])),
            "Links.Attributes" => {
                *column = lists(&[0, 1], json([serde_json::json!({"opentracing": {"ref_type": "follows_from"}})]));
            }
            _ => {}
        }
    }
    check("parquet_clickhouse", columns, both());
}

/// ClickHouse's spans from before duckdb-otlp 0.5: the same names, no events in columns of their own.
#[test]
fn old_duckdb_otlp() {
    let (kinds, codes) = OLD_SPELLING;
    let mut columns = clickhouse(kinds, codes, int64([ROOT_NS, CHILD_NS]));
    for (name, column) in &mut columns {
        if *name == "SpanAttributes" {
            *column = attribute_jsons();
        }
    }
    let mut expected = both();
    for span in &mut expected {
        span.events.clear();
        span.links.clear();
    }
    check("parquet_clickhouse", columns, expected);
}

/// Starts are cut to µs, and the service stands outside of the resource's JSON.
#[test]
fn otlp2parquet() {
    let (kinds, codes) = OLD_SPELLING;
    let columns = vec![
        ("Timestamp", micros([START, CHILD_START])),
        ("TraceId", text([TRACE; 2])),
        ("SpanId", text([ROOT, CHILD])),
        ("ServiceName", text(["cart"; 2])),
        ("ResourceAttributes", text([r#"{"host.name":"h1"}"#; 2])),
        ("ScopeName", text(["lib"; 2])),
        ("ScopeVersion", text(["1.2"; 2])),
        ("ParentSpanId", text([None, Some(ROOT)])),
        ("SpanName", text(["GET /cart", "SELECT"])),
        ("SpanKind", text(kinds)),
        ("SpanAttributes", attribute_jsons()),
        ("Duration", int64([ROOT_NS, CHILD_NS])),
        ("StatusCode", text(codes)),
        ("StatusMessage", text([None, Some("timed out")])),
        ("EventsTimestamp", lists(&[0, 1], micros([EVENT_TIME]))),
        ("EventsName", lists(&[0, 1], text(["exception"]))),
        ("EventsAttributes", lists(&[0, 1], json([serde_json::json!({"exception.type": EXCEPTION})]))),
        ("LinksTraceId", lists(&[0, 1], text([TRACE]))),
        ("LinksSpanId", lists(&[0, 1], text([ROOT]))),
        ("LinksTraceState", lists(&[0, 1], text([None]))),
        ("LinksAttributes", lists(&[0, 1], text([r#"{"opentracing.ref_type":"follows_from"}"#]))),
    ];
    check("parquet_otlp2parquet", columns, in_microseconds(both()));
}

fn in_microseconds(mut spans: [Span; 2]) -> [Span; 2] {
    for span in &mut spans {
        span.start = span.start / 1_000 * 1_000;
        for event in &mut span.events {
            event.0 = event.0 / 1_000 * 1_000;
        }
    }
    spans
}

fn events_json(time: &str) -> ArrayRef {
    let mut event = serde_json::json!({"name": "exception", "attributes": {"exception.type": EXCEPTION}});
    event[time] = EVENT_TIME.into();
    json([serde_json::Value::Null, serde_json::json!([event])])
}

fn links_json() -> ArrayRef {
    let attributes = serde_json::json!({"opentracing.ref_type": "follows_from"});
    let link = serde_json::json!({"trace_id": TRACE, "span_id": ROOT, "trace_state": "", "attributes": attributes});
    json([serde_json::Value::Null, serde_json::json!([link])])
}

/// Ids are bytes as written by otlp2records and text as exported by DuckDB; a kind or code of 0 is null.
#[test]
fn otlp2records_and_duckdb_otlp() {
    let fixed_ids = [fixed([Some(TRACE); 2], 16), fixed([Some(ROOT), Some(CHILD)], 8), fixed([None, Some(ROOT)], 8)];
    let text_ids = [text([TRACE; 2]), text([ROOT, CHILD]), text([None, Some(ROOT)])];
    for [trace_ids, span_ids, parents] in [fixed_ids, text_ids] {
        let columns = vec![
            ("start_time_unix_nano", Arc::new(TimestampNanosecondArray::from(vec![START, CHILD_START])) as ArrayRef),
            ("duration_time_unix_nano", int64([ROOT_NS, CHILD_NS])),
            ("trace_id", trace_ids),
            ("span_id", span_ids),
            ("parent_span_id", parents),
            ("service_name", text(["cart"; 2])),
            ("service_namespace", text([None, Some("shop")])),
            ("service_instance_id", text([None::<&str>; 2])),
            ("name", text(["GET /cart", "SELECT"])),
            ("kind", Arc::new(Int32Array::from(vec![None, Some(3)]))),
            ("status_code", Arc::new(Int32Array::from(vec![None, Some(2)]))),
            ("status_status_message", text([None, Some("timed out")])),
            ("resource_attributes", text([r#"{"host.name":"h1"}"#; 2])),
            ("scope_name", text(["lib"; 2])),
            ("scope_version", text(["1.2"; 2])),
            ("scope_attributes", text([None, Some(r#"{"short":true}"#)])),
            ("span_attributes", attribute_jsons()),
            ("events_json", events_json("time_unix_nano")),
            ("links_json", links_json()),
        ];
        let mut expected = both();
        expected[0].kind = SpanKind::Unspecified;
        expected[1].resource.insert("service.namespace".to_owned(), "shop".to_owned());
        expected[1].scope.2 = texts(&[("short", "true")]);
        check("parquet_otlp2records", columns, expected);
    }
}

fn databricks(attributes: ArrayRef, resource: ArrayRef, event: ArrayRef, link: ArrayRef) -> Vec<Column> {
    let (kinds, codes) = OLD_SPELLING;
    let event = vec![
        ("time_unix_nano", int64([EVENT_TIME])),
        ("name", text(["exception"])),
        ("attributes", event),
        ("dropped_attributes_count", int64([0])),
    ];
    let link = vec![
        ("trace_id", text([TRACE])),
        ("span_id", text([ROOT])),
        ("trace_state", text([""])),
        ("attributes", link),
        ("dropped_attributes_count", int64([0])),
    ];
    vec![
        ("trace_id", text([TRACE; 2])),
        ("span_id", text([ROOT, CHILD])),
        ("trace_state", text(["", ""])),
        ("parent_span_id", text(["", ROOT])),
        ("name", text(["GET /cart", "SELECT"])),
        ("kind", text(kinds)),
        ("start_time_unix_nano", int64([START, CHILD_START])),
        ("end_time_unix_nano", int64([START + ROOT_NS, CHILD_START + CHILD_NS])),
        ("attributes", attributes),
        ("events", lists(&[0, 1], structs(event))),
        ("links", lists(&[0, 1], structs(link))),
        ("status", structs(vec![("message", text(["", "timed out"])), ("code", text(codes))])),
        ("resource", structs(vec![("attributes", resource), ("dropped_attributes_count", int64([0; 2]))])),
        ("resource_schema_url", text(["", ""])),
        (
            "instrumentation_scope",
            structs(vec![
                ("name", text(["lib"; 2])),
                ("version", text(["1.2"; 2])),
                ("attributes", maps(&[&[], &[("short", "true")]])),
            ]),
        ),
        ("span_schema_url", text(["", ""])),
    ]
}

#[test]
fn databricks_v1() {
    let columns = databricks(attribute_maps(), maps(&[RESOURCE, RESOURCE]), maps(&[EVENT]), maps(&[LINK]));
    let mut expected = both();
    expected[1].scope.2 = texts(&[("short", "true")]);
    let (report, _) = check("parquet_databricks", columns, expected);
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
}

/// VARIANT is not read, and what is lost with it is said.
#[test]
fn databricks_v2_without_its_variants() {
    fn variants<const N: usize>() -> ArrayRef {
        structs(vec![("metadata", binary(["\u{1}"; N])), ("value", binary(["\u{2}"; N]))])
    }
    let mut columns = databricks(variants::<2>(), variants::<2>(), variants::<1>(), variants::<1>());
    columns.push(("time", micros([START, CHILD_START])));
    columns.push(("service_name", text(["cart"; 2])));
    let mut expected = both();
    for span in &mut expected {
        span.attributes.clear();
        span.resource = texts(&[("service.name", "cart")]);
    }
    expected[1].scope.2 = texts(&[("short", "true")]);
    expected[1].events[0].2.clear();
    expected[1].links[0].1.clear();
    let (report, _) = check("parquet_databricks", columns, expected);
    let [IngestWarning::VariantAttributes { columns, .. }] = &report.warnings[..] else {
        panic!("{:?}", report.warnings)
    };
    assert_eq!(columns, "attributes, events.attributes, links.attributes, resource.attributes");
}

#[test]
fn rotel() {
    let (kinds, codes) = NEW_SPELLING;
    let columns = vec![
        ("timestamp", uint64([START as u64, CHILD_START as u64])),
        ("trace_id", text([TRACE; 2])),
        ("span_id", text([ROOT, CHILD])),
        ("parent_span_id", text(["", ROOT])),
        ("trace_state", text(["", ""])),
        ("span_name", text(["GET /cart", "SELECT"])),
        ("span_kind", text(kinds)),
        ("service_name", text(["cart"; 2])),
        ("resource_attributes", text([r#"{"service.name":"cart","host.name":"h1"}"#; 2])),
        ("scope_name", text(["lib"; 2])),
        ("scope_version", text(["1.2"; 2])),
        ("span_attributes", attribute_jsons()),
        ("duration", int64([ROOT_NS, CHILD_NS])),
        ("status_code", text(codes)),
        ("status_message", text(["", "timed out"])),
        ("events_timestamp", lists(&[0, 1], uint64([EVENT_TIME as u64]))),
        ("events_name", lists(&[0, 1], text(["exception"]))),
        ("events_attributes", lists(&[0, 1], json([serde_json::json!({"exception.type": EXCEPTION})]))),
        ("links_trace_id", lists(&[0, 1], text([TRACE]))),
        ("links_span_id", lists(&[0, 1], text([ROOT]))),
        ("links_trace_state", lists(&[0, 1], text([""]))),
        ("links_attributes", lists(&[0, 1], text([r#"{"opentracing.ref_type":"follows_from"}"#]))),
    ];
    check("parquet_rotel", columns, both());
}

/// Attributes have a column each. Arrays and maps are JSONB, of which only what is plain text is read.
#[test]
fn greptimedb() {
    let (kinds, _) = OLD_SPELLING;
    let columns = vec![
        ("timestamp", nanos([START, CHILD_START])),
        ("timestamp_end", nanos([START + ROOT_NS, CHILD_START + CHILD_NS])),
        ("duration_nano", uint64([ROOT_NS as u64, CHILD_NS as u64])),
        ("parent_span_id", text([None, Some(ROOT)])),
        ("trace_id", text([TRACE; 2])),
        ("span_id", text([ROOT, CHILD])),
        ("span_kind", text(kinds)),
        ("span_name", text(["GET /cart", "SELECT"])),
        ("span_status_code", text(["", "STATUS_CODE_ERROR"])),
        ("span_status_message", text(["", "timed out"])),
        ("trace_state", text(["", ""])),
        ("scope_name", text(["lib"; 2])),
        ("scope_version", text(["1.2"; 2])),
        ("service_name", text(["cart"; 2])),
        ("span_attributes.http.method", text([Some("GET"), None])),
        ("span_attributes.http.status_code", Arc::new(Int64Array::from(vec![Some(200), None]))),
        ("span_attributes.db.system", text([None, Some("redis")])),
        ("span_attributes.custom.key", text([None, Some("v")])),
        ("span_attributes.custom.flag", Arc::new(BooleanArray::from(vec![None, Some(true)]))),
        ("span_attributes.custom.share", Arc::new(Float64Array::from(vec![None, Some(0.5)]))),
        ("span_attributes.custom.list", binary(["@\0\0\u{1}\u{10}", "[1,2]"])),
        ("scope_attributes.short", Arc::new(BooleanArray::from(vec![None, Some(true)]))),
        ("resource_attributes.host.name", text(["h1"; 2])),
        ("span_events", binary_json(EVENTS_OF_GREPTIME)),
        (
            "span_links",
            binary_json(
                r#"[{"trace_id":"0102030405060708090a0b0c0d0e0f10","span_id":"00000000000000a1","trace_state":"","attributes":{"opentracing.ref_type":"follows_from"}}]"#,
            ),
        ),
    ];
    let mut expected = both();
    let more = [("custom.flag", "true"), ("custom.share", "0.5"), ("custom.list", "[1,2]")];
    expected[1].attributes.extend(texts(&more));
    expected[1].scope.2 = texts(&[("short", "true")]);
    check("parquet_greptimedb", columns, expected);
}

const EVENTS_OF_GREPTIME: &str = r#"[{"name":"exception","time":"2023-11-14 22:13:20.125956789+0000","attributes":{"exception.type":"java.net.SocketTimeoutException"}}]"#;

/// The first is JSONB of an empty array, which is no text.
fn binary_json(second: &str) -> ArrayRef {
    binary(["\u{0}\0\0\0", second])
}

/// Attributes are spread over a map for each type; columns that repeat some of them count for nothing.
#[test]
fn signoz() {
    let attributes_number = || {
        let mut map = MapBuilder::new(None, StringBuilder::new(), arrow::array::Float64Builder::new());
        map.keys().append_value("http.status_code");
        map.values().append_value(200.0);
        map.append(true).expect("one entry");
        map.append(true).expect("no entry");
        Arc::new(map.finish()) as ArrayRef
    };
    let attributes_bool = || {
        let mut map = MapBuilder::new(None, StringBuilder::new(), arrow::array::BooleanBuilder::new());
        map.append(true).expect("no entry");
        map.keys().append_value("custom.flag");
        map.values().append_value(true);
        map.append(true).expect("one entry");
        Arc::new(map.finish()) as ArrayRef
    };
    let event = r#"{"name":"exception","timeUnixNano":1700000000125956789,"attributeMap":{"exception.type":"java.net.SocketTimeoutException"},"isError":true}"#;
    let references =
        r#"[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"00000000000000a1","refType":"CHILD_OF"}]"#;
    let columns = || {
        vec![
            ("ts_bucket_start", uint64([1_700_000_000; 2])),
            ("timestamp", nanos([START, CHILD_START])),
            ("trace_id", binary([TRACE; 2])),
            ("span_id", text([ROOT, CHILD])),
            ("trace_state", text(["", ""])),
            ("parent_span_id", text(["", ROOT])),
            ("flags", uint64([1; 2])),
            ("name", text(["GET /cart", "SELECT"])),
            ("kind", Arc::new(Int8Array::from(vec![2, 3])) as ArrayRef),
            ("kind_string", text(["Server", "Client"])),
            ("duration_nano", uint64([ROOT_NS as u64, CHILD_NS as u64])),
            ("status_code", Arc::new(Int16Array::from(vec![0, 2]))),
            ("status_message", text(["", "timed out"])),
            ("status_code_string", text(["Unset", "Error"])),
            ("attributes_string", maps(&[&[("http.method", "GET")], CHILD_ATTRIBUTES])),
            ("attributes_number", attributes_number()),
            ("attributes_bool", attributes_bool()),
            ("resources_string", maps(&[RESOURCE, RESOURCE])),
            ("resource", text([r#"{"service.name":"cart"}"#; 2])),
            ("events", lists(&[0, 1], json_of(event))),
            ("links", text(["[]", references])),
            ("response_status_code", text(["200", ""])),
            ("http_method", text(["GET", ""])),
            ("db_operation", text(["", "other"])),
            ("has_error", Arc::new(BooleanArray::from(vec![false, true]))),
            ("resource_string_service$$name", text(["cart"; 2])),
        ]
    };
    let mut expected = both();
    for span in &mut expected {
        span.scope = Default::default();
    }
    expected[1].attributes.insert("custom.flag".to_owned(), "true".to_owned());
    expected[1].links.clear();
    check("parquet_signoz", columns(), expected.clone());
    // Materialised columns are not part of every export.
    for left_out in [&["resource_string_service$$name", "kind_string"][..], &["kind", "ts_bucket_start", "status_code"]]
    {
        let columns = columns().into_iter().filter(|(name, _)| !left_out.contains(name)).collect();
        check("parquet_signoz", columns, expected.clone());
    }
}

fn json_of(value: &'static str) -> ArrayRef {
    text([value])
}

/// Durations are cut to µs while starts and ends are exact, and keys have `_` for their dots.
#[test]
fn openobserve() {
    let event = r#"[{"name":"exception","_timestamp":1700000000125956789,"attributes":{"exception.type":"java.net.SocketTimeoutException"}}]"#;
    let link = r#"[{"context":{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"00000000000000a1","traceFlags":1,"traceState":""},"attributes":{"opentracing.ref_type":"follows_from"},"droppedAttributesCount":0}]"#;
    let columns = vec![
        ("_timestamp", int64([START / 1_000, CHILD_START / 1_000])),
        ("trace_id", text([TRACE; 2])),
        ("span_id", text([ROOT, CHILD])),
        ("reference_parent_span_id", text([None, Some(ROOT)])),
        ("reference_parent_trace_id", text([None, Some(TRACE)])),
        ("reference_ref_type", text([None, Some("ChildOf")])),
        ("flags", int64([1; 2])),
        ("span_kind", text(["2", "3"])),
        ("span_status", text(["UNSET", "ERROR"])),
        ("status_code", int64([0, 2])),
        ("status_message", text(["", "timed out"])),
        ("operation_name", text(["GET /cart", "SELECT"])),
        ("start_time", int64([START, CHILD_START])),
        ("end_time", int64([START + ROOT_NS + 7, CHILD_START + CHILD_NS + 8])),
        ("duration", int64([ROOT_NS / 1_000, CHILD_NS / 1_000])),
        ("service_name", text(["cart"; 2])),
        ("service_host_name", text(["h1"; 2])),
        ("service_team_slack", text([None, Some("#cart")])),
        ("otel_scope_name", text(["lib"; 2])),
        ("otel_scope_version", text(["1.2"; 2])),
        ("http_method", text([Some("GET"), None])),
        ("http_status_code", text([Some("200"), None])),
        ("db_system", text([None, Some("redis")])),
        ("custom_key", text([None, Some("v")])),
        ("duration_ms", text([None, Some("3")])),
        ("infer_service_name", text([None, Some("redis")])),
        ("events", text(["[]", event])),
        ("links", text(["[]", link])),
    ];
    let mut expected = both();
    expected[0].duration += 7;
    expected[1].duration += 8;
    expected[1].resource.insert("team_slack".to_owned(), "#cart".to_owned());
    expected[1].attributes = texts(&[("db.system", "redis"), ("custom_key", "v"), ("duration_ms", "3")]);
    check("parquet_openobserve", columns, expected);
}

/// A span has a row for each of its events and links; the analysis takes it once.
#[test]
fn parseable() {
    let times = ["2023-11-14T22:13:20.124456789Z", "2023-11-14T22:13:20.126456789Z"];
    let columns = vec![
        ("p_timestamp", Arc::new(TimestampMillisecondArray::from(vec![1_700_000_000_123; 3])) as ArrayRef),
        ("span_trace_id", text([TRACE; 3])),
        ("span_span_id", text([ROOT, CHILD, CHILD])),
        ("span_parent_span_id", text([None, Some(ROOT), Some(ROOT)])),
        ("span_name", text(["GET /cart", "SELECT", "SELECT"])),
        ("span_kind", int64([2, 3, 3])),
        ("span_kind_description", text(["SPAN_KIND_SERVER", "SPAN_KIND_CLIENT", "SPAN_KIND_CLIENT"])),
        ("span_start_time_unix_nano", text(["2023-11-14T22:13:20.123456789Z", times[0], times[0]])),
        ("span_end_time_unix_nano", text(["2023-11-14T22:13:20.128456789Z", times[1], times[1]])),
        ("span_start_time_unix_nano_epoch", int64([START, CHILD_START, CHILD_START])),
        ("span_duration_ns", int64([ROOT_NS, CHILD_NS, CHILD_NS])),
        ("span_status_code", int64([0, 2, 2])),
        ("span_status_description", text(["STATUS_CODE_UNSET", "STATUS_CODE_ERROR", "STATUS_CODE_ERROR"])),
        ("span_status_message", text([None, Some("timed out"), Some("timed out")])),
        ("scope_name", text(["lib"; 3])),
        ("scope_version", text(["1.2"; 3])),
        ("service.name", text(["cart"; 3])),
        ("host.name", text(["h1"; 3])),
        ("http.method", text([Some("GET"), None, None])),
        ("http.status_code", text([Some("200"), None, None])),
        ("db.system", text([None, Some("redis"), Some("redis")])),
        ("custom.key", text([None, Some("v"), Some("v")])),
        ("event_name", text([None, Some("exception"), None])),
        ("event_time_unix_nano", text([None, Some("2023-11-14T22:13:20.125956789Z"), None])),
        ("link_trace_id", text([None, None, Some(TRACE)])),
        ("link_span_id", text([None, None, Some(ROOT)])),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("spans.parquet");
    write(&path, columns, Compression::SNAPPY);
    let (collected, report, rows) = read(&path);
    assert_eq!(report.format, "parquet_parseable");
    let [root, child] = both();
    let of_event =
        Span { links: Vec::new(), events: vec![(EVENT_TIME, "exception".to_owned(), Texts::new())], ..child.clone() };
    let of_link = Span { links: vec![(0xa1, Texts::new())], events: Vec::new(), ..child };
    assert_eq!(collected.spans, [root, of_event, of_link]);
    assert_eq!(rows.len(), 3, "{rows:?}");
    let (vocabulary, frame) = group(read_frames(&[path], &ReadOptions::default(), &()).builders);
    let semantics = derive(&vocabulary, &UncountedCalls::default());
    let mut tree = Tree::default();
    tree.rebuild(frame.trace(0), &semantics);
    assert_eq!((tree.len(), tree.counts.duplicates), (2, 1));
}

/// Rows of an event table are spans only if they say so, and `TIMESTAMP` is a span's end.
#[test]
fn snowflake() {
    let record = r#"{"kind":"SPAN_KIND_SERVER","name":"GET /cart","status":{"code":"STATUS_CODE_UNSET"}}"#;
    let call = r#"{"kind":"SPAN_KIND_CLIENT","name":"SELECT","parent_span_id":"00000000000000a1","status":{"code":"STATUS_CODE_ERROR","message":"timed out"}}"#;
    let trace = |id| serde_json::json!({"trace_id": TRACE, "span_id": id});
    let columns = vec![
        ("TIMESTAMP", nanos([START + ROOT_NS, EVENT_TIME, CHILD_START + CHILD_NS])),
        ("START_TIMESTAMP", nanos([START, 0, CHILD_START])),
        ("TRACE", json([trace(ROOT), trace(CHILD), trace(CHILD)])),
        ("RESOURCE_ATTRIBUTES", text([r#"{"service.name":"cart","host.name":"h1"}"#; 3])),
        ("SCOPE", text([r#"{"name":"lib","version":"1.2"}"#; 3])),
        ("RECORD_TYPE", text(["SPAN", "SPAN_EVENT", "SPAN"])),
        ("RECORD", text([record, r#"{"name":"exception"}"#, call])),
        (
            "RECORD_ATTRIBUTES",
            json([
                serde_json::json!({"http.method": "GET", "http.status_code": 200}),
                serde_json::json!({"exception.type": EXCEPTION}),
                serde_json::json!({"db.system": "redis", "custom.key": "v"}),
            ]),
        ),
        ("VALUE", text([None::<&str>; 3])),
    ];
    let mut expected = both();
    expected[1].events.clear();
    expected[1].links.clear();
    let (report, _) = check("parquet_snowflake", columns, expected);
    assert_eq!(report.skipped.counts, [(SkipReason::OtherSignal, 1)].into());
    assert_eq!(report.skipped.first_offsets, [1]);
}

/// Kusto's dynamic columns are JSON; times are text or timestamps.
#[test]
fn adx() {
    let event = r#"[{"EventName":"exception","Timestamp":"2023-11-14T22:13:20.125956789Z","EventAttributes":{"exception.type":"java.net.SocketTimeoutException"}}]"#;
    let link = r#"[{"TraceID":"0102030405060708090a0b0c0d0e0f10","SpanID":"00000000000000a1","TraceState":"","SpanLinkAttributes":{"opentracing.ref_type":"follows_from"}}]"#;
    let as_text = [
        text(["2023-11-14T22:13:20.123456789Z", "2023-11-14T22:13:20.124456789Z"]),
        text(["2023-11-14T22:13:20.128456789Z", "2023-11-14T22:13:20.126456789Z"]),
    ];
    let as_times = [nanos([START, CHILD_START]), nanos([START + ROOT_NS, CHILD_START + CHILD_NS])];
    for [starts, ends] in [as_text, as_times] {
        let (kinds, codes) = OLD_SPELLING;
        let columns = vec![
            ("TraceID", text([TRACE; 2])),
            ("SpanID", text([ROOT, CHILD])),
            ("ParentID", text(["", ROOT])),
            ("SpanName", text(["GET /cart", "SELECT"])),
            ("SpanStatus", text(codes)),
            ("SpanStatusMessage", text(["", "timed out"])),
            ("SpanKind", text(kinds)),
            ("StartTime", starts),
            ("EndTime", ends),
            ("ResourceAttributes", text([r#"{"service.name":"cart","host.name":"h1"}"#; 2])),
            ("TraceAttributes", attribute_jsons()),
            ("Events", text(["[]", event])),
            ("Links", text(["[]", link])),
        ];
        let mut expected = both();
        for span in &mut expected {
            span.scope = Default::default();
        }
        check("parquet_adx", columns, expected);
    }
}

/// The service is a tag, or one of the attributes.
#[test]
fn influxdb() {
    let (kinds, codes) = OLD_SPELLING;
    let columns = |attributes| {
        vec![
            ("time", nanos([START, CHILD_START])),
            ("trace_id", text([TRACE; 2])),
            ("span_id", text([ROOT, CHILD])),
            ("parent_span_id", text([None, Some(ROOT)])),
            ("name", text(["GET /cart", "SELECT"])),
            ("kind", text(kinds)),
            ("end_time_unix_nano", int64([START + ROOT_NS, CHILD_START + CHILD_NS])),
            ("status_code", text(codes)),
            ("attributes", attributes),
        ]
    };
    let mut expected = both();
    for span in &mut expected {
        span.message.clear();
        span.resource = texts(&[("service.name", "cart")]);
        span.scope = Default::default();
        span.events.clear();
        span.links.clear();
    }
    let mut tagged = columns(attribute_jsons());
    tagged.push(("service.name", text(["cart"; 2])));
    check("parquet_influxdb", tagged, expected.clone());
    for span in &mut expected {
        span.attributes.insert("service.name".to_owned(), "cart".to_owned());
    }
    let attributes = json([
        serde_json::json!({"service.name": "cart", "http.method": "GET", "http.status_code": 200}),
        serde_json::json!({"service.name": "cart", "db.system": "redis", "custom.key": "v"}),
    ]);
    check("parquet_influxdb", columns(attributes), expected);
}

/// datasette-otel-file-exporter and others of its kind are read by the names of their columns.
#[test]
fn datasette_by_aliases() {
    let columns = vec![
        ("trace_id", text([TRACE; 2])),
        ("span_id", text([ROOT, CHILD])),
        ("parent_span_id", text([None, Some(ROOT)])),
        ("name", text(["GET /cart", "SELECT"])),
        ("kind", text(["SERVER", "CLIENT"])),
        ("start_time", micros([START, CHILD_START])),
        ("start_time_unix_nano", int64([START, CHILD_START])),
        ("end_time_unix_nano", int64([START + ROOT_NS, CHILD_START + CHILD_NS])),
        ("duration_ns", int64([ROOT_NS, CHILD_NS])),
        ("status_code", text(["UNSET", "ERROR"])),
        ("status_message", text([None, Some("timed out")])),
        ("service_name", text(["cart"; 2])),
        ("scope_name", text(["lib"; 2])),
        ("attributes", attribute_jsons()),
        ("resource", text([r#"{"service.name":"cart","host.name":"h1"}"#; 2])),
        ("events", events_json("timestamp")),
        ("links", links_json()),
    ];
    let mut expected = both();
    for span in &mut expected {
        span.scope.1.clear();
    }
    check("parquet_flat", columns, expected);
}

/// Whatever Arrow type a writer had in mind, columns are read by what Parquet keeps. Ids may be base64, times
/// milliseconds or local.
#[test]
fn arrow_types_do_not_matter() {
    let trace_ids = ["AQIDBAUGBwgJCgsMDQ4PEA=="; 2];
    let dictionary: DictionaryArray<Int32Type> = ["SERVER", "CLIENT"].into_iter().collect();
    let milliseconds = |time: i64| time / 1_000_000;
    let starts = vec![milliseconds(START), milliseconds(CHILD_START)];
    let decimals = Decimal128Array::from(vec![i128::from(ROOT_NS), i128::from(CHILD_NS)]);
    let decimals = decimals.with_precision_and_scale(38, 0).expect("wide enough");
    let columns = vec![
        ("trace_id", Arc::new(LargeStringArray::from(trace_ids.to_vec())) as ArrayRef),
        ("span_id", Arc::new(StringViewArray::from(vec!["AAAAAAAAAKE=", "AAAAAAAAALI="]))),
        ("parent_span_id", fixed([None, Some(ROOT)], 8)),
        ("name", Arc::new(LargeStringArray::from(vec!["GET /cart", "SELECT"]))),
        ("kind", Arc::new(dictionary)),
        ("start_time", Arc::new(TimestampMillisecondArray::from(starts))),
        ("duration_ns", Arc::new(decimals)),
        ("status_code", text(["unset", "error"])),
        ("service", Arc::new(StringViewArray::from(vec!["cart"; 2]))),
    ];
    let mut expected = both();
    for span in &mut expected {
        *span = Span {
            start: milliseconds(span.start) * 1_000_000,
            message: String::new(),
            attributes: Texts::new(),
            resource: texts(&[("service.name", "cart")]),
            scope: Default::default(),
            events: Vec::new(),
            links: Vec::new(),
            ..span.clone()
        };
    }
    check("parquet_flat", columns, expected);
}

/// Old writers: times as INT96, text without annotation, lists as bare repeated groups.
#[test]
fn old_physical_types() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("spans.parquet");
    let schema = "message spans {
        required binary trace_id; required binary span_id; required binary name;
        required int96 start_time; required int64 duration_ns;
        repeated group events { required binary name; required int64 time; }
    }";
    let schema = Arc::new(parse_message_type(schema).expect("a schema"));
    let mut writer =
        SerializedFileWriter::new(File::create(&path).expect("a new file"), schema, Arc::default()).expect("a writer");
    let mut group = writer.next_row_group().expect("a row group");
    for texts in [TRACE, CHILD, "SELECT"] {
        let mut column = group.next_column().expect("a column").expect("one more");
        let value = [ByteArray::from(texts)];
        column.typed::<ByteArrayType>().write_batch(&value, None, None).expect("written");
        column.close().expect("closed");
    }
    let mut start = Int96::new();
    let nanos_of_day = (START % 86_400_000_000_000) as u64;
    let day = 2_440_588 + (START / 86_400_000_000_000) as u32;
    start.set_data(nanos_of_day as u32, (nanos_of_day >> 32) as u32, day);
    let mut column = group.next_column().expect("a column").expect("one more");
    column.typed::<Int96Type>().write_batch(&[start], None, None).expect("written");
    column.close().expect("closed");
    let mut column = group.next_column().expect("a column").expect("one more");
    column.typed::<Int64Type>().write_batch(&[CHILD_NS], None, None).expect("written");
    column.close().expect("closed");
    let mut column = group.next_column().expect("a column").expect("one more");
    let names = ["a", "b"].map(ByteArray::from);
    column.typed::<ByteArrayType>().write_batch(&names, Some(&[1, 1]), Some(&[0, 1])).expect("written");
    column.close().expect("closed");
    let mut column = group.next_column().expect("a column").expect("one more");
    let times = [EVENT_TIME, EVENT_TIME + 1];
    column.typed::<Int64Type>().write_batch(&times, Some(&[1, 1]), Some(&[0, 1])).expect("written");
    column.close().expect("closed");
    group.close().expect("closed");
    writer.close().expect("closed");

    let (collected, _, _) = read(&path);
    let span = &collected.spans[0];
    assert_eq!((span.start, span.duration, span.name.as_str()), (START, CHILD_NS, "SELECT"));
    let events: Vec<(i64, &str)> = span.events.iter().map(|event| (event.0, event.1.as_str())).collect();
    assert_eq!(events, [(EVENT_TIME, "a"), (EVENT_TIME + 1, "b")]);
}

/// An attribute column that is empty in one row group does not bring those of the row group before.
#[test]
fn attributes_do_not_leak_into_the_next_row_group() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("spans.parquet");
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("trace_id", text([TRACE; 2]), false),
        ("span_id", text([ROOT, CHILD]), false),
        ("name", text(["a"; 2]), false),
        ("start_time", int64([START, CHILD_START]), false),
        ("duration_ns", int64([1, 1]), false),
        ("attributes", text([Some(r#"{"db.system":"redis"}"#), None]), true),
        ("resource_attributes", text([Some(r#"{"service.name":"cart"}"#), None]), true),
        ("links", text([Some(r#"[{"span_id":"","attributes":{"opentracing.ref_type":"follows_from"}}]"#), None]), true),
    ])
    .expect("columns of one length");
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(1)).build();
    let file = File::create(&path).expect("a new file");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).expect("a writer");
    writer.write(&batch).expect("written");
    writer.close().expect("closed");

    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    let rows = pool.install(|| rows(read_frames(std::slice::from_ref(&path), &ReadOptions::default(), &()).builders));
    let mut by_records = FrameBuilder::default();
    read_records(std::slice::from_ref(&path), &ReadOptions::default(), &mut by_records, &());
    assert_eq!(rows, self::rows(vec![by_records]));
    assert!(rows[0].contains("redis") && rows[0].contains("follows_from"), "{rows:?}");
    assert!(!rows[1].contains("redis") && rows[1].contains("unknown_service"), "{rows:?}");
    assert!(!rows[1].contains("follows_from"), "{rows:?}");
}

/// A table of a store that holds no spans is refused by its name, with the way out.
#[test]
fn other_tables_of_a_store_are_refused_by_name() {
    let number = || int64([1, 2]);
    let otap_spans = vec![
        ("id", number()),
        ("resource", structs(vec![("id", number())])),
        ("scope", structs(vec![("id", number()), ("name", text(["lib"; 2]))])),
        ("start_time_unix_nano", nanos([START, CHILD_START])),
        ("duration_time_unix_nano", int64([ROOT_NS, CHILD_NS])),
        ("trace_id", fixed([Some(TRACE); 2], 16)),
        ("span_id", fixed([Some(ROOT), Some(CHILD)], 8)),
        ("parent_span_id", fixed([None, Some(ROOT)], 8)),
        ("name", text(["GET /cart", "SELECT"])),
        ("status", structs(vec![("code", number())])),
    ];
    let otap_attributes =
        vec![("parent_id", number()), ("key", text(["a", "b"])), ("type", number()), ("str", text(["a", "b"]))];
    let otap_events =
        vec![("id", number()), ("parent_id", number()), ("time_unix_nano", number()), ("name", text(["a", "b"]))];
    let otap_links = vec![
        ("id", number()),
        ("parent_id", number()),
        ("trace_id", fixed([Some(TRACE); 2], 16)),
        ("span_id", fixed([Some(ROOT); 2], 8)),
    ];
    let index = vec![("TraceId", text([TRACE; 2])), ("Start", nanos([START; 2])), ("End", nanos([START; 2]))];
    let folder = tempfile::tempdir().expect("a folder");
    for (columns, what, advice) in [
        (otap_spans, "`spans` table of an OTAP", "write OTLP"),
        (otap_attributes, "attributes of an OTAP", "write OTLP"),
        (otap_events, "`span_events` table of an OTAP", "write OTLP"),
        (otap_links, "`span_links` table of an OTAP", "write OTLP"),
        (index, "`otel_traces_trace_id_ts`", "export the table `otel_traces`"),
    ] {
        let path = folder.path().join("other.parquet");
        write(&path, columns, Compression::SNAPPY);
        let paths: [PathBuf; 1] = [path];
        let of_columns = read_frames(&paths, &ReadOptions::default(), &()).reports;
        let of_records = read_records(&paths, &ReadOptions::default(), &mut Collected::default(), &());
        for report in [&of_columns[0], &of_records[0]] {
            assert!(matches!(report.errors[..], [IngestError::Unsupported { .. }]), "{:?}", report.errors);
            let message = report.errors[0].to_string();
            assert!(message.contains(what) && message.contains(advice), "{message}");
        }
        // Found beside the spans in a directory it is no fault.
        let of_folder = read_frames(&[folder.path().to_owned()], &ReadOptions::default(), &()).reports;
        assert!(of_folder.iter().all(|report| report.errors.is_empty()), "{of_folder:?}");
        let is_left_out = |warning: &IngestWarning| matches!(warning, IngestWarning::LeftOut { .. });
        assert!(of_folder.iter().any(|report| report.warnings.iter().any(is_left_out)), "{of_folder:?}");
    }
}
