//! Selected traces are whole, the same from every format, and read without what cannot belong to them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeBinaryBuilder, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use tracescan::frame::{SpanSink, group};
use tracescan::ingest::{ReadFrames, ReadOptions, Selection, find_wanted_traces, read_frames, read_records};
use tracescan::span::{Origin, SkipReason, SpanRecord, TraceId};

const SECOND: i64 = 1_000_000_000;
const START: i64 = 1_700_000_000 * SECOND;
const ROW_GROUP: usize = 50;

struct Span {
    trace: u64,
    number: u64,
    service: &'static str,
    start: i64,
}

/// 200 traces of ten spans each: the spans of a trace are a second apart, traces begin every second, and every tenth
/// trace passes through `cart`. Trace 7 has one more span, long after all others.
fn spans() -> Vec<Span> {
    let mut spans = Vec::new();
    for trace in 0..200 {
        for number in 0..10 {
            let service = if trace % 10 == 3 && number == 5 { "cart" } else { "web" };
            spans.push(Span { trace, number, service, start: START + (trace + number) as i64 * SECOND });
        }
    }
    spans.push(Span { trace: 7, number: 10, service: "late", start: START + 100_000 * SECOND });
    spans
}

fn id(span: &Span) -> [u8; 16] {
    // The order of the ids has nothing to do with that of the times.
    u128::from(span.trace + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes()
}

fn write_parquet(path: &Path, spans: &[Span]) {
    let mut trace_ids = FixedSizeBinaryBuilder::new(16);
    let mut span_ids = FixedSizeBinaryBuilder::new(8);
    for span in spans {
        trace_ids.append_value(id(span)).expect("16 bytes");
        span_ids.append_value((span.trace * 100 + span.number + 1).to_be_bytes()).expect("8 bytes");
    }
    let services: Vec<&str> = spans.iter().map(|span| span.service).collect();
    let starts: Vec<i64> = spans.iter().map(|span| span.start).collect();
    let columns: [(&str, ArrayRef); 6] = [
        ("trace_id", Arc::new(trace_ids.finish())),
        ("span_id", Arc::new(span_ids.finish())),
        ("service_name", Arc::new(StringArray::from(services))),
        ("name", Arc::new(StringArray::from(vec!["work"; spans.len()]))),
        ("start_time", Arc::new(TimestampNanosecondArray::from(starts))),
        ("duration_ns", Arc::new(Int64Array::from(vec![5; spans.len()]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).expect("a batch");
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(ROW_GROUP)).build();
    let file = File::create(path).expect("a file");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).expect("a writer");
    writer.write(&batch).expect("rows");
    writer.close().expect("a footer");
}

fn write_json(path: &Path, spans: &[Span]) {
    let lines: Vec<String> = spans
        .iter()
        .map(|span| {
            format!(
                r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"{}"}}}}]}},"scopeSpans":[{{"spans":[{{"traceId":"{:032x}","spanId":"{:016x}","name":"work","startTimeUnixNano":"{}","endTimeUnixNano":"{}"}}]}}]}}]}}"#,
                span.service,
                u128::from_be_bytes(id(span)),
                span.trace * 100 + span.number + 1,
                span.start,
                span.start + 5
            )
        })
        .collect();
    std::fs::write(path, lines.join("\n")).expect("a file");
}

fn files(folder: &Path) -> [PathBuf; 3] {
    let by_time = {
        let mut spans = spans();
        spans.sort_by_key(|span| span.start);
        spans
    };
    let by_trace = {
        let mut spans = spans();
        spans.sort_by_key(id);
        spans
    };
    let paths = ["by_time.parquet", "by_trace.parquet", "lines.json"].map(|name| folder.join(name));
    write_parquet(&paths[0], &by_time);
    write_parquet(&paths[1], &by_trace);
    write_json(&paths[2], &by_time);
    paths
}

/// Spans by trace.
fn read(paths: &[PathBuf], selection: &Selection) -> (BTreeMap<TraceId, usize>, ReadFrames) {
    let options = ReadOptions { selection: selection.clone(), ..ReadOptions::default() };
    let mut read = read_frames(paths, &options, &());
    assert!(read.reports.iter().all(|report| report.errors.is_empty()));
    let (_, frame) = group(std::mem::take(&mut read.builders));
    let traces = frame.trace_ids.iter().zip(frame.trace_starts.windows(2));
    (traces.map(|(&trace_id, rows)| (trace_id, rows[1] - rows[0])).collect(), read)
}

/// What must come out, told span by span.
fn expected(selection: &Selection) -> BTreeMap<TraceId, usize> {
    let matches = |span: &&Span| {
        selection.since_unix_nano.is_none_or(|since| span.start >= since)
            && selection.until_unix_nano.is_none_or(|until| span.start < until)
            && (selection.services.is_empty() || selection.services.iter().any(|service| service == span.service))
    };
    let wanted: BTreeSet<u64> = spans().iter().filter(matches).map(|span| span.trace).collect();
    let mut traces = BTreeMap::new();
    for span in spans().iter().filter(|span| wanted.contains(&span.trace)) {
        *traces.entry(TraceId(id(span))).or_default() += 1;
    }
    traces
}

fn selections() -> Vec<Selection> {
    let bounds = |since: Option<i64>, until: Option<i64>, services: &[&str]| Selection {
        since_unix_nano: since.map(|second| START + second * SECOND),
        until_unix_nano: until.map(|second| START + second * SECOND),
        services: services.iter().map(|&service| service.to_owned()).collect(),
    };
    vec![
        bounds(Some(50), Some(52), &[]),
        bounds(Some(1_000), None, &[]),
        bounds(None, Some(1), &[]),
        bounds(None, None, &["cart"]),
        bounds(None, None, &["late", "nobody"]),
        bounds(Some(30), Some(60), &["cart"]),
        bounds(Some(500), Some(600), &[]),
    ]
}

/// A trace is whole wherever its spans stand, and whatever statistics say of the row groups between them.
#[test]
fn selected_traces_are_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    for path in files(folder.path()) {
        for selection in selections() {
            let (traces, read) = read(std::slice::from_ref(&path), &selection);
            assert_eq!(traces, expected(&selection), "{} {selection:?}", path.display());
            let kept: usize = traces.values().sum();
            let left_out = read.left_out.spans + read.left_out.spans_not_read;
            assert_eq!(kept as u64 + left_out, spans().len() as u64, "{} {selection:?}", path.display());
        }
    }
}

/// How many values are told apart depends on those of the selected traces alone, however many others have.
#[test]
fn values_of_other_traces_count_for_nothing() {
    const OTHERS: u64 = 17_000;
    const SELECTED: u64 = 300;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("spans.json");
    let line = |number: u64| {
        let service = if number < SELECTED { "cart" } else { "web" };
        let name: String = number.to_string().chars().map(|digit| char::from(b'a' + digit as u8 - b'0')).collect();
        let ids = format!(r#""traceId":"{:032x}","spanId":"{:016x}""#, number + 1, number + 1);
        let times = format!(r#""startTimeUnixNano":"{START}","endTimeUnixNano":"{}""#, START + 5);
        format!(
            r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"{service}"}}}}]}},"scopeSpans":[{{"spans":[{{{ids},"name":"{name}",{times}}}]}}]}}]}}"#
        )
    };
    let lines: Vec<String> = (0..SELECTED + OTHERS).map(line).collect();
    std::fs::write(&path, lines.join("\n")).expect("a file");
    for (services, expected) in [(&["cart"][..], SELECTED), (&["web"], 16_385), (&["web", "cart"], 16_385)] {
        let services = services.iter().map(|&service| service.to_owned()).collect();
        let options =
            ReadOptions { selection: Selection { services, ..Selection::default() }, ..ReadOptions::default() };
        let (vocabulary, frame) = group(read_frames(std::slice::from_ref(&path), &options, &()).builders);
        let name = |&signature| vocabulary.signatures.resolve(signature).name;
        let names: BTreeSet<_> = frame.signatures_of_rows.iter().map(name).collect();
        assert_eq!(names.len() as u64, expected, "{:?}", options.selection);
    }
}

/// Row groups without a wanted trace are not read, in whichever order a file is.
#[test]
fn what_cannot_belong_is_not_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let [by_time, by_trace, _] = files(folder.path());
    let selection = &selections()[1];
    for path in [by_time, by_trace] {
        let (_, read) = read(std::slice::from_ref(&path), selection);
        assert!(read.left_out.row_groups >= 36, "{}: {:?}", path.display(), read.left_out);
        assert!(read.reports[0].spans <= 5 * ROW_GROUP as u64);
    }
}

/// Spans of a wanted trace are found in another file than the span that matches.
#[test]
fn traces_are_followed_over_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let (late, early): (Vec<Span>, Vec<Span>) = spans().into_iter().partition(|span| span.service == "late");
    let paths = ["early.parquet", "late.parquet"].map(|name| folder.path().join(name));
    write_parquet(&paths[0], &early);
    write_parquet(&paths[1], &late);
    let (traces, _) = read(&paths, &selections()[4]);
    assert_eq!(traces.into_values().collect::<Vec<_>>(), [11]);
}

#[derive(Default)]
struct Counted(usize);

impl SpanSink for Counted {
    fn span(&mut self, _: &Origin<'_>, _: &SpanRecord<'_>, _: u64) {
        self.0 += 1;
    }

    fn skip(&mut self, _: SkipReason, _: u64) {}
}

#[test]
fn wanted_traces_are_told_for_a_second_reading() {
    let folder = tempfile::tempdir().expect("a folder");
    let paths = files(folder.path());
    let options = ReadOptions { selection: selections()[3].clone(), ..ReadOptions::default() };
    let wanted: BTreeSet<TraceId> = find_wanted_traces(&paths, &options, &()).expect("few names").into_iter().collect();
    assert_eq!(wanted, expected(&options.selection).into_keys().collect());
    let mut counted = Counted::default();
    read_records(&paths, &options, &mut counted, &());
    assert_eq!(counted.0, 3 * spans().len());
}
