//! Parquet inputs: real dumps give the spans that others counted, both ways of reading agree, and damage costs only what
//! it hits.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::{ARROW_SCHEMA_META_KEY, ArrowWriter};
use parquet::file::properties::WriterProperties;
use tracescan::frame::{FrameBuilder, SpanSink, Symbol, group};
use tracescan::ingest::{IngestError, InputReport, ReadFrames, ReadOptions, read_frames, read_records};
use tracescan::report::CanonicalWriter;
use tracescan::span::{KeyValue, Origin, SkipReason, SpanRecord, TraceId};

/// A file of the data that lies beside the repository, if it is there.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn shared(file: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")).join(file);
    if !path.exists() {
        eprintln!("skipped what needs shared data: {} is absent", path.display());
        return None;
    }
    Some(path)
}

/// Takes spans as text, so that they can be compared.
#[derive(Default)]
struct Collected {
    spans: Vec<String>,
    traces: BTreeSet<TraceId>,
    skipped: u64,
}

impl SpanSink for Collected {
    fn span(&mut self, origin: &Origin<'_>, span: &SpanRecord<'_>, _offset: u64) {
        self.spans.push(format!("{origin:?} {span:?}"));
        self.traces.insert(span.trace_id);
    }

    fn skip(&mut self, _reason: SkipReason, _offset: u64) {
        self.skipped += 1;
    }

    fn wants_everything(&self) -> bool {
        true
    }
}

fn collect(path: &Path) -> (Collected, InputReport) {
    let mut collected = Collected::default();
    let mut reports = read_records(&[path.to_owned()], &ReadOptions::default(), &mut collected, &());
    assert_eq!(reports.len(), 1);
    (collected, reports.remove(0))
}

fn analysed(path: &Path) -> (Vec<FrameBuilder>, InputReport) {
    let options = ReadOptions { resource_attributes: true, ..ReadOptions::default() };
    let ReadFrames { builders, mut reports, .. } = read_frames(&[path.to_owned()], &options, &());
    assert_eq!(reports.len(), 1);
    (builders, reports.remove(0))
}

/// All that the analysis knows of each span, as text, in an order that does not depend on how it was read.
fn rows(builders: Vec<FrameBuilder>) -> Vec<String> {
    let (vocabulary, frame) = group(builders);
    let mut rows: Vec<String> = (0..frame.len())
        .map(|row| {
            let signature = vocabulary.signatures.resolve(frame.signatures_of_rows[row]);
            let text = |symbol: Symbol| vocabulary.symbols.resolve(symbol);
            let ids = (frame.span_ids[row], frame.parent_span_ids[row], frame.starts[row], frame.durations[row]);
            let (service, name) = (text(signature.service), text(signature.name));
            let attributes = signature.attributes.map(text);
            let arguments = frame.arguments[row];
            format!("{ids:?} {service} {name} {:?} {:?} {attributes:?} {arguments}", signature.kind, signature.status)
        })
        .collect();
    rows.sort();
    rows
}

/// The fast way and the complete way find the same spans, and as many as were counted by others.
#[test]
fn dumps_hold_as_many_spans_and_traces_as_counted() {
    for (file, spans, traces, format) in [
        ("real/online-boutique.flat.parquet", 463_718, 10_997, "parquet_flat"),
        ("real/robot-shop.flat.parquet", 14_772, 2_416, "parquet_flat"),
        ("real/robot-shop.otel_traces.parquet", 14_772, 2_416, "parquet_clickhouse"),
        ("real/media.flat.parquet", 27_000, 1_000, "parquet_flat"),
        ("formats/clickhouse/otel_traces.ch-new.map.parquet", 63, 24, "parquet_clickhouse"),
        ("formats/clickhouse/otel_traces.ch-new.json.parquet", 63, 24, "parquet_clickhouse"),
        ("formats/otlp2parquet/testdata/parquet/traces.parquet", 19, 19, "parquet_otlp2parquet"),
        ("formats/otlp2records-derived/traces.otlp2records-0.8.4.parquet", 19, 19, "parquet_otlp2records"),
        ("formats/otlp2records-derived/traces-initial.otlp2records-0.8.4.parquet", 1, 1, "parquet_otlp2records"),
    ] {
        let Some(path) = shared(file) else { continue };
        let (collected, report) = collect(&path);
        assert_eq!((collected.spans.len(), collected.traces.len()), (spans, traces), "{file}");
        assert!(report.errors.is_empty() && report.skipped.total() == 0, "{file}: {report:?}");
        assert_eq!(report.format, format, "{file}");
        let (builders, report) = analysed(&path);
        assert_eq!(builders.iter().map(FrameBuilder::len).sum::<usize>(), spans, "{file}");
        assert!(report.errors.is_empty() && report.skipped.total() == 0, "{file}: {report:?}");

        let mut by_records = FrameBuilder::default();
        read_records(std::slice::from_ref(&path), &ReadOptions::default(), &mut by_records, &());
        assert!(rows(builders) == rows(vec![by_records]), "{file}: the two ways differ");
    }
}

/// ClickHouse writes the same table with attributes as maps or as JSON.
#[test]
fn maps_and_json_give_the_same_spans() {
    let Some(maps) = shared("formats/clickhouse/otel_traces.ch-new.map.parquet") else { return };
    let Some(json) = shared("formats/clickhouse/otel_traces.ch-new.json.parquet") else { return };
    let texts_of = |path: PathBuf| {
        let mut texts = Texts::default();
        read_records(&[path], &ReadOptions::default(), &mut texts, &());
        texts.0.sort();
        texts.0
    };
    for (of_map, of_json) in texts_of(maps).iter().zip(&texts_of(json)) {
        assert_eq!(of_map, of_json);
    }
}

/// A table of spans in two row groups of four spans each.
fn two_row_groups(path: &Path) {
    let texts = |texts: [&str; 8]| Arc::new(StringArray::from(texts.to_vec())) as ArrayRef;
    let numbers = |numbers: [i64; 8]| Arc::new(Int64Array::from(numbers.to_vec())) as ArrayRef;
    let start = 1_700_000_000_000_000_000;
    let batch = RecordBatch::try_from_iter([
        ("trace_id", texts(["1", "1", "1", "1", "2", "2", "2", "2"])),
        ("span_id", texts(["1", "2", "3", "4", "5", "6", "7", "8"])),
        ("parent_span_id", texts(["", "1", "1", "1", "", "5", "5", "5"])),
        ("name", texts(["a", "b", "b", "b", "a", "b", "b", "b"])),
        ("service_name", texts(["s", "s", "s", "s", "t", "t", "t", "t"])),
        ("http.request.method", texts(["GET", "", "GET", "", "PUT", "", "PUT", ""])),
        ("start_time_unix_nano", numbers([start; 8])),
        ("duration_nano", numbers([10, 1, 2, 3, 10, 1, 2, 3])),
    ])
    .expect("columns of one length");
    let file = fs::File::create(path).expect("a new file");
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(4)).build();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).expect("a writer");
    writer.write(&batch).expect("written");
    writer.close().expect("closed");
}

fn is_parquet_failure(error: &IngestError) -> bool {
    matches!(error, IngestError::Parquet { .. })
}

/// A damaged row group is reported with its place, and the other is read.
#[test]
fn damage_costs_its_row_group() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("spans.parquet");
    two_row_groups(&path);
    let mut bytes = fs::read(&path).expect("readable");
    // The first row group begins behind the magic.
    bytes[4..24].fill(0xff);
    fs::write(&path, &bytes).expect("writable");

    let (collected, report) = collect(&path);
    assert_eq!((collected.spans.len(), collected.skipped), (4, 1));
    assert_eq!(report.errors.iter().filter(|error| is_parquet_failure(error)).count(), 1, "{report:?}");
    let message = report.errors[0].to_string();
    assert!(message.contains("spans.parquet") && message.contains("row group 0"), "{message}");

    let (builders, report) = analysed(&path);
    assert_eq!(builders.iter().map(FrameBuilder::len).sum::<usize>(), 4);
    assert_eq!(report.errors.len(), 1, "{report:?}");
}

/// Wherever a file is cut it is refused with a message; without its end nothing of it can be read.
#[test]
fn a_file_cut_anywhere_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("spans.parquet");
    two_row_groups(&path);
    let bytes = fs::read(&path).expect("readable");
    for length in 0..bytes.len() {
        fs::write(&path, &bytes[..length]).expect("writable");
        let (collected, report) = collect(&path);
        assert_eq!(collected.spans.len(), 0, "cut to {length} bytes");
        assert!(!report.errors.is_empty() || length == 0, "cut to {length} bytes");
        let (builders, _) = analysed(&path);
        assert_eq!(builders.iter().map(FrameBuilder::len).sum::<usize>(), 0, "cut to {length} bytes");
    }
}

/// Whichever bytes are wrong, reading ends with what could be read.
#[test]
fn flipped_bytes_never_panic() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("spans.parquet");
    two_row_groups(&path);
    let bytes = fs::read(&path).expect("readable");
    for place in (0..bytes.len()).step_by(3) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1 << (place % 8);
        fs::write(&path, &damaged).expect("writable");
        let (collected, _) = collect(&path);
        assert!(collected.spans.len() <= 8, "byte {place}");
        let _ = analysed(&path);
    }
}

/// The message says which columns were looked for and which are there.
#[test]
fn a_table_without_spans_is_refused_by_its_columns() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("index.parquet");
    let column = || Arc::new(Int64Array::from(vec![1])) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("TraceId", column()), ("Begin", column()), ("End", column())]);
    let batch = batch.expect("columns of one length");
    let file = fs::File::create(&path).expect("a new file");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("written");
    writer.close().expect("closed");

    let (_, report) = collect(&path);
    let message = report.errors[0].to_string();
    assert!(message.contains("no column for span id") && message.contains("TraceId, Begin, End"), "{message}");
}

/// Spans as canonical Parquet gives them back: every value as text.
fn as_text(origin: &Origin<'_>, span: &SpanRecord<'_>) -> String {
    fn texts(attributes: &[KeyValue<'_>]) -> BTreeMap<String, String> {
        attributes.iter().map(|pair| (pair.key.to_string(), pair.value.to_text().into_owned())).collect()
    }
    let events: Vec<_> =
        span.events.iter().map(|event| (event.time_unix_nano, &event.name, texts(&event.attributes))).collect();
    let links: Vec<_> = span
        .links
        .iter()
        .map(|link| (link.trace_id, link.span_id, &link.trace_state, texts(&link.attributes)))
        .collect();
    let own = SpanRecord { attributes: Vec::new(), events: Vec::new(), links: Vec::new(), ..span.clone() };
    let (resource, scope) = (texts(&origin.resource_attributes), texts(&origin.scope_attributes));
    let scope = (&origin.scope_name, &origin.scope_version, scope);
    format!("{own:?} {resource:?} {scope:?} {:?} {events:?} {links:?}", texts(&span.attributes))
}

/// Writes what it is given as canonical Parquet.
struct Converter {
    writer: CanonicalWriter<fs::File>,
    spans: Vec<String>,
}

impl SpanSink for Converter {
    fn span(&mut self, origin: &Origin<'_>, span: &SpanRecord<'_>, _offset: u64) {
        self.writer.write(origin, span).expect("written");
        self.spans.push(as_text(origin, span));
    }

    fn skip(&mut self, _reason: SkipReason, _offset: u64) {}

    fn wants_everything(&self) -> bool {
        true
    }
}

/// Spans as text, as [`as_text`] writes them.
#[derive(Default)]
struct Texts(Vec<String>);

impl SpanSink for Texts {
    fn span(&mut self, origin: &Origin<'_>, span: &SpanRecord<'_>, _offset: u64) {
        self.0.push(as_text(origin, span));
    }

    fn skip(&mut self, _reason: SkipReason, _offset: u64) {}

    fn wants_everything(&self) -> bool {
        true
    }
}

/// What is written as canonical Parquet comes back whole, and the fast way finds in its columns what it finds in the
/// source's.
#[test]
fn canonical_parquet_loses_nothing() {
    for file in [
        "real/robot-shop.otel_traces.parquet",
        "real/media.flat.parquet",
        "formats/clickhouse/otel_traces.ch-new.map.parquet",
        "formats/otlp2parquet/testdata/parquet/traces.parquet",
        "formats/otlp2records-derived/traces-initial.otlp2records-0.8.4.parquet",
    ] {
        let Some(path) = shared(file) else { continue };
        let folder = tempfile::tempdir().expect("a folder");
        let canonical = folder.path().join("spans.parquet");
        let output = fs::File::create(&canonical).expect("a new file");
        let mut converter = Converter { writer: CanonicalWriter::new(output).expect("a writer"), spans: Vec::new() };
        read_records(std::slice::from_ref(&path), &ReadOptions::default(), &mut converter, &());
        converter.writer.finish().expect("finished");
        let mut texts = Texts::default();
        let reports = read_records(std::slice::from_ref(&canonical), &ReadOptions::default(), &mut texts, &());
        assert_eq!(reports[0].format, "parquet_canonical");
        assert!(reports[0].errors.is_empty(), "{:?}", reports[0].errors);
        assert_eq!(texts.0.len(), converter.spans.len(), "{file}");
        for (back, given) in texts.0.iter().zip(&converter.spans) {
            assert_eq!(back, given, "{file}");
        }
        assert!(rows(analysed(&path).0) == rows(analysed(&canonical).0), "{file}: the columns differ");
    }
}

/// A canonical file that was written before attributes had columns of their own is read whole: what has no column comes from
/// the attribute map.
#[test]
fn an_older_canonical_file_is_read_whole() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/samples/incident.flat.parquet"));
    let folder = tempfile::tempdir().expect("a folder");
    let canonical = folder.path().join("spans.parquet");
    let output = fs::File::create(&canonical).expect("a new file");
    let mut converter = Converter { writer: CanonicalWriter::new(output).expect("a writer"), spans: Vec::new() };
    read_records(&[path.to_owned()], &ReadOptions::default(), &mut converter, &());
    converter.writer.finish().expect("finished");

    let file = fs::File::open(&canonical).expect("a file");
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
    let key_values = builder.metadata().file_metadata().key_value_metadata().expect("a version").clone();
    let key_values = key_values.into_iter().filter(|entry| entry.key != ARROW_SCHEMA_META_KEY).collect();
    let dropped = ["url.full", "http.request.method", "server.address", "error.type", "db.query.text"];
    let fields = builder.schema().fields();
    let kept: Vec<usize> = (0..fields.len()).filter(|&at| !dropped.contains(&fields[at].name().as_str())).collect();
    assert_eq!(kept.len(), fields.len() - dropped.len());
    let older = folder.path().join("older.parquet");
    let schema = Arc::new(builder.schema().project(&kept).expect("columns"));
    let properties = WriterProperties::builder().set_key_value_metadata(Some(key_values)).build();
    let output = fs::File::create(&older).expect("a new file");
    let mut writer = ArrowWriter::try_new(output, schema, Some(properties)).expect("a writer");
    for batch in builder.build().expect("a reader") {
        writer.write(&batch.and_then(|batch| batch.project(&kept)).expect("rows")).expect("written");
    }
    writer.close().expect("closed");

    let (builders, report) = analysed(&older);
    assert_eq!(report.format, "parquet_canonical");
    assert!(rows(builders) == rows(analysed(path).0), "the older file says something else");
}
