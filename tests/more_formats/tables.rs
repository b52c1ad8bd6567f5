//! Tables of spans that are no Parquet: ClickHouse's rows as JSON, Arrow. And Parquet whose pages have checksums.

use std::fs;
use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeBinaryArray, Int64Array, RecordBatch, StringArray, StringDictionaryBuilder};
use arrow::datatypes::Int8Type;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use tracescan::frame::FrameBuilder;
use tracescan::ingest::{IngestError, ReadFrames, ReadOptions, read_frames};
use tracescan::span::SkipReason;

use super::{CHILD, ROOT, START, TRACE, assert_request_and_query, read, read_whole};

/// The columns and the two rows of `otel_traces`.
fn rows() -> [Vec<(&'static str, String)>; 2] {
    let row = |time: &str, id: &str, parent: &str, more: [&str; 6]| {
        let [name, kind, attributes, duration, status, message] = more.map(str::to_owned);
        let text = |text: &str| format!("\"{text}\"");
        vec![
            ("Timestamp", text(time)),
            ("TraceId", text(TRACE)),
            ("SpanId", text(id)),
            ("ParentSpanId", text(parent)),
            ("TraceState", text("ot=th:8")),
            ("SpanName", text(&name)),
            ("SpanKind", text(&kind)),
            ("ServiceName", text("shop")),
            ("ResourceAttributes", r#"{"service.name":"shop","host.name":"h"}"#.to_owned()),
            ("ScopeName", text("lib")),
            ("ScopeVersion", text("")),
            ("SpanAttributes", attributes),
            ("Duration", duration),
            ("StatusCode", text(&status)),
            ("StatusMessage", text(&message)),
            ("Events.Timestamp", r#"["2026-01-15 12:00:00.001000000"]"#.to_owned()),
            ("Events.Name", r#"["e"]"#.to_owned()),
            ("Events.Attributes", r#"[{"k":"v"}]"#.to_owned()),
            ("Links.TraceId", format!(r#"["{TRACE}"]"#)),
            ("Links.SpanId", r#"["0000000000000001"]"#.to_owned()),
            ("Links.TraceState", r#"[""]"#.to_owned()),
            ("Links.Attributes", "[{}]".to_owned()),
        ]
    };
    [
        row(
            "2026-01-15 12:00:00.000000000",
            ROOT,
            "",
            ["GET /", "SPAN_KIND_SERVER", r#"{"http.request.method":"GET"}"#, "\"50000000\"", "Unset", ""],
        ),
        row(
            "2026-01-15 12:00:00.010000000",
            CHILD,
            ROOT,
            ["SELECT", "Client", r#"{"db":{"system":"mysql"}}"#, "20000000", "STATUS_CODE_ERROR", "oh"],
        ),
    ]
}

/// All formats of ClickHouse in which rows keep the names of their columns.
#[test]
fn rows_of_clickhouse_are_read() {
    let rows = rows();
    let object = |row: &Vec<(&str, String)>| {
        let members: Vec<String> = row.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    };
    let list = |row: &Vec<(&str, String)>| {
        let values: Vec<&str> = row.iter().map(|(_, value)| value.as_str()).collect();
        format!("[{}]", values.join(", "))
    };
    let names: Vec<String> = rows[0].iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let types = vec!["\"DateTime64(9)\""; names.len()].join(",");
    let meta: Vec<String> = names
        .iter()
        .map(|name| format!("\n\t\t{{\n\t\t\t\"name\": {name},\n\t\t\t\"type\": \"String\"\n\t\t}}"))
        .collect();
    let meta = format!("\"meta\":\n\t[{}\n\t]", meta.join(","));
    let nested = object(&rows[1]).replace(
        r#""Events.Timestamp":["2026-01-15 12:00:00.001000000"],"Events.Name":["e"],"Events.Attributes":[{"k":"v"}]"#,
        r#""Events":[{"Timestamp":"2026-01-15 12:00:00.001000000","Name":"e","Attributes":{"k":"v"}}]"#,
    );
    for text in [
        rows.each_ref().map(object).join("\n"),
        format!("{}\n{nested}", object(&rows[0])),
        format!(
            "{{\n\t{meta},\n\n\t\"data\":\n\t[\n\t\t{}\n\t],\n\n\t\"rows\": 2,\n\n\t\"statistics\":\n\t{{\n\t\t\"elapsed\": 0.1\n\t}}\n}}",
            rows.each_ref().map(object).join(",\n\t\t")
        ),
        format!(
            "{{\n\t{meta},\n\n\t\"data\":\n\t[\n\t\t{}\n\t],\n\n\t\"rows\": 2\n}}",
            rows.each_ref().map(list).join(",\n\t\t")
        ),
        format!("[{}]\n{}\n", names.join(","), rows.each_ref().map(list).join("\n")),
        format!("[{}]\n[{types}]\n{}\n", names.join(","), rows.each_ref().map(list).join("\n")),
    ] {
        let (spans, format) = read_whole(&text);
        assert_eq!(format, "clickhouse_json", "{text}");
        assert_request_and_query(&spans, &text);
        assert_eq!(spans[0].outline(), "shop server unset GET / +0 50000");
        assert_eq!(spans[1].outline(), "shop client error SELECT +10000 20000");
        assert_eq!(
            (spans[1].attribute("db.system"), spans[1].message.as_str(), spans[1].scope.as_str()),
            ("mysql", "oh", "lib")
        );
        assert_eq!(spans[0].resource["host.name"], "h");
        assert_eq!(spans[1].events, ["1768478400001000000 e {\"k\": \"v\"}"]);
        assert!(spans[1].links[0].contains("0000000000000001"));
    }
}

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hexadecimal")).collect()
}

/// So many times the request and its query, each time with another trace.
fn batch(first: u8, count: u8) -> RecordBatch {
    let numbers: Vec<u8> = (first..first + count).flat_map(|number| [number, number]).collect();
    let traces = numbers.iter().map(|&number| if number == 0 { bytes_of(TRACE) } else { vec![number; 16] });
    let ids = numbers.iter().enumerate().map(|(row, _)| bytes_of(if row % 2 == 0 { ROOT } else { CHILD }));
    let parents = numbers.iter().enumerate().map(|(row, _)| (row % 2 == 1).then(|| bytes_of(ROOT)));
    let mut names = StringDictionaryBuilder::<Int8Type>::new();
    numbers.iter().enumerate().for_each(|(row, _)| names.append_value(if row % 2 == 0 { "GET /" } else { "SELECT" }));
    let of_row = |root: i64, child: i64| {
        Int64Array::from_iter_values((0..numbers.len()).map(|row| if row % 2 == 0 { root } else { child }))
    };
    let attributes = StringArray::from_iter_values(
        (0..numbers.len()).map(|row| if row % 2 == 0 { "{}" } else { r#"{"db.system":"mysql"}"# }),
    );
    let columns: Vec<(&str, ArrayRef, bool)> = vec![
        ("trace_id", Arc::new(FixedSizeBinaryArray::try_from_iter(traces).expect("ids")), false),
        ("span_id", Arc::new(FixedSizeBinaryArray::try_from_iter(ids).expect("ids")), false),
        (
            "parent_span_id",
            Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(parents, 8).expect("ids")),
            true,
        ),
        ("name", Arc::new(names.finish()), false),
        ("service_name", Arc::new(StringArray::from(vec!["shop"; numbers.len()])), false),
        ("kind", Arc::new(of_row(2, 3)), false),
        ("status_code", Arc::new(of_row(0, 2)), false),
        ("start_time_unix_nano", Arc::new(of_row(START as i64, START as i64 + 10_000_000)), false),
        ("end_time_unix_nano", Arc::new(of_row(START as i64 + 50_000_000, START as i64 + 30_000_000)), false),
        ("attributes", Arc::new(attributes), false),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).expect("a batch")
}

fn arrow(batches: &[RecordBatch], as_file: bool, compression: Option<arrow::ipc::CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(compression).expect("options");
    if as_file {
        let mut writer = FileWriter::try_new_with_options(Vec::new(), &batches[0].schema(), options).expect("a writer");
        batches.iter().for_each(|batch| writer.write(batch).expect("written"));
        return writer.into_inner().expect("written");
    }
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), &batches[0].schema(), options).expect("a writer");
    batches.iter().for_each(|batch| writer.write(batch).expect("written"));
    writer.into_inner().expect("written")
}

/// Files and streams, compressed or not, of one batch or several.
#[test]
fn arrow_is_read_like_parquet() {
    use arrow::ipc::CompressionType;
    for as_file in [true, false] {
        for compression in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
            let bytes = arrow(&[batch(0, 1)], as_file, compression);
            let (spans, format) = read_whole(&bytes);
            assert_eq!(format, "arrow_ipc");
            assert_request_and_query(&spans, "arrow");
            assert_eq!(spans[0].outline(), "shop server unset GET / +0 50000");
            assert_eq!(spans[1].outline(), "shop client error SELECT +10000 20000");
            assert_eq!(spans[1].attribute("db.system"), "mysql");
        }
        assert_eq!(read_whole(arrow(&[batch(1, 3), batch(4, 5)], as_file, None)).0.len(), 16);
        assert_eq!(
            read_whole(zstd::encode_all(&arrow(&[batch(1, 3)], as_file, None)[..], 1).expect("compressed")).0.len(),
            6
        );
    }
}

/// Polars writes the schema in front of a file without its length, which readers of files do not need.
#[test]
fn arrow_of_polars_is_read() {
    for compression in [None, Some(arrow::ipc::CompressionType::ZSTD)] {
        let whole = arrow(&[batch(1, 3), batch(4, 5)], true, compression);
        // Behind the magic and its padding, the mark and the length of the schema.
        let mark = whole.windows(4).position(|bytes| bytes == [0xff; 4]).expect("a message");
        let without_length = [&whole[..mark], &whole[mark + 8..]].concat();
        let (spans, format) = read_whole(&without_length);
        assert_eq!((spans.len(), format), (16, "arrow_ipc"));
        assert_eq!(read_whole([&without_length[..], &without_length[..]].concat()).0.len(), 32, "joined");
        // What is no schema is damage, as before.
        let mut damaged = without_length.clone();
        damaged[mark..mark + 8].fill(0x7f);
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("spans.arrow");
        fs::write(&path, damaged).expect("written");
        let (spans, reports) = read(&path);
        assert!(spans.is_empty() && !reports[0].errors.is_empty(), "{reports:?}");
    }
}

/// Whatever byte is damaged or missing: what can be read is, and the rest is an error.
#[test]
fn damaged_arrow_costs_its_messages() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("spans.arrow");
    for as_file in [true, false] {
        let whole =
            arrow(&[batch(1, 2), batch(3, 2), batch(5, 2)], as_file, Some(arrow::ipc::CompressionType::LZ4_FRAME));
        for cut in (8..whole.len() - 200).step_by(211) {
            fs::write(&path, &whole[..cut]).expect("written");
            let (spans, reports) = read(&path);
            assert!(spans.len() % 4 == 0 && spans.len() <= 12, "{cut}");
            assert!(
                spans.len() == 12 || !reports[0].errors.is_empty() || !reports[0].warnings.is_empty(),
                "{cut} {reports:?}"
            );
        }
        for at in (0..whole.len()).step_by(29) {
            let mut damaged = whole.clone();
            damaged[at] ^= [0xff, 0x80, 0x01][at % 3];
            fs::write(&path, &damaged).expect("written");
            let (spans, _) = read(&path);
            assert!(spans.len() <= 12, "{at}");
        }
    }
}

/// An end is no reason to stop: what stands behind it is read, and what is missing is told.
#[test]
fn nothing_behind_an_end_of_arrow_is_lost() {
    let directory = tempfile::tempdir().expect("a directory");
    let read_bytes = |bytes: &[u8]| {
        let path = directory.path().join("spans.arrow");
        fs::write(&path, bytes).expect("written");
        let (spans, reports) = read(&path);
        (spans.len(), reports[0].skipped.counts.clone(), reports[0].errors.len())
    };
    let batches = || [batch(1, 2), batch(3, 2), batch(5, 2)];
    for as_file in [true, false] {
        let whole = arrow(&batches(), as_file, None);
        assert_eq!(read_bytes(&whole), (12, Default::default(), 0));
        // One behind the other, as `cat` puts them.
        let other = arrow(&[batch(7, 3)], as_file, None);
        assert_eq!(read_bytes(&[&whole[..], &other[..]].concat()), (18, Default::default(), 0), "{as_file}");
        // A message that begins with zeros looks like an end.
        let messages: Vec<usize> =
            whole.windows(4).enumerate().filter(|(_, bytes)| *bytes == [0xff; 4]).map(|(at, _)| at).collect();
        let [second, last] = [messages[messages.len() - 3], messages[messages.len() - 2]];
        for (at, left) in [(second, 8), (last, 8)] {
            let mut damaged = whole.clone();
            damaged[at..at + 8].fill(0);
            let lost = [(SkipReason::MalformedMessage, 1)].into();
            assert_eq!(read_bytes(&damaged), (left, lost, 1), "{as_file} {at}");
        }
        // The footer of a file tells of its batches wherever the file stands.
        if as_file {
            let end = messages[messages.len() - 1];
            let without_last = [&whole[..last], &whole[end..], &other[..]].concat();
            assert_eq!(read_bytes(&without_last), (14, [(SkipReason::MalformedMessage, 1)].into(), 1));
        }
        // What was never written of a file that was made large enough before.
        let mut cut = whole.clone();
        cut[last..].fill(0);
        assert_eq!(read_bytes(&cut), (8, [(SkipReason::Truncated, 1)].into(), 1), "{as_file}");
        // Buffers may be larger than what is in them.
        if !as_file {
            assert_eq!(read_bytes(&[&whole[..], &[0; 4096]].concat()), (12, Default::default(), 0));
        }
        // Tables with the same columns in another order are one; of others nothing is known.
        let batch = batch(7, 3);
        let reversed: Vec<usize> = (0..batch.num_columns()).rev().collect();
        let turned = arrow(&[batch.project(&reversed).expect("columns")], as_file, None);
        assert_eq!(read_bytes(&[&whole[..], &turned[..]].concat()), (18, Default::default(), 0), "{as_file}");
        let fewer = arrow(&[batch.project(&reversed[1..]).expect("columns")], as_file, None);
        let lost = [(SkipReason::MalformedMessage, 1)].into();
        assert_eq!(read_bytes(&[&whole[..], &fewer[..]].concat()), (12, lost, 1), "{as_file}");
        // A table without rows, with which the second one's columns are known.
        assert_eq!(read_bytes(&arrow(&[batch.slice(0, 0)], as_file, None)).0, 0);
    }
}

/// Columns that Parquet has not are left out, whether anybody needs them or not.
#[test]
fn arrow_with_intervals_is_read() {
    use arrow::array::IntervalMonthDayNanoArray;
    use arrow::datatypes::{Field, Schema};
    let spans = batch(1, 2);
    let took = arrow::array::types::IntervalMonthDayNano::new(0, 0, 1);
    let intervals: ArrayRef = Arc::new(IntervalMonthDayNanoArray::from(vec![took; spans.num_rows()]));
    let field = Field::new("took", intervals.data_type().clone(), true);
    let fields = spans.schema().fields().iter().cloned().chain([Arc::new(field)]).collect::<Vec<_>>();
    let columns = spans.columns().iter().cloned().chain([intervals]).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("a batch");
    assert_eq!(read_whole(arrow(&[batch], true, None)).0.len(), 4);
}

/// A column in which all values are equal is compressed to a thousandth, and more.
#[test]
fn arrow_with_empty_columns_is_read() {
    const ROWS: usize = 100_000;
    let numbers =
        |first: i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values((0..ROWS as i64).map(|row| first + row))) };
    let ids = |length: usize| -> ArrayRef {
        let id = |row: usize| [vec![1; length - 4], (row as u32 + 1).to_be_bytes().to_vec()].concat();
        Arc::new(FixedSizeBinaryArray::try_from_iter((0..ROWS).map(id)).expect("ids"))
    };
    let nothing: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>; ROWS]));
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("trace_id", ids(16), false),
        ("span_id", ids(8), false),
        ("name", Arc::new(StringArray::from(vec!["work"; ROWS])) as ArrayRef, false),
        ("start_time_unix_nano", numbers(START as i64), false),
        ("duration_ns", numbers(0), false),
        ("http.route", Arc::clone(&nothing), true),
        ("db.system", nothing, true),
    ])
    .expect("a batch");
    let bytes = arrow(&[batch], true, Some(arrow::ipc::CompressionType::ZSTD));
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("spans.arrow");
    fs::write(&path, bytes).expect("written");
    let ReadFrames { builders, reports, .. } = read_frames(&[path], &ReadOptions::default(), &());
    assert_eq!(builders.iter().map(FrameBuilder::len).sum::<usize>(), ROWS, "{reports:?}");
    assert!(reports[0].errors.is_empty(), "{reports:?}");
}

/// Other tables are named.
#[test]
fn arrow_of_other_tables_is_refused() {
    let column: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let batch = RecordBatch::try_from_iter([("price", column)]).expect("a batch");
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("prices.arrow");
    fs::write(&path, arrow(&[batch], true, None)).expect("written");
    let (spans, reports) = read(&path);
    assert!(spans.is_empty());
    assert!(
        matches!(&reports[0].errors[..], [IngestError::NoSpanColumns { columns, .. }] if columns.contains("price")),
        "{reports:?}"
    );
}

/// A page whose checksum does not fit is told with its place, and costs what is left of its row group. The file is one of
/// pyarrow with `write_page_checksum`: three row groups of two rows each.
#[test]
fn checksums_of_pages_are_checked() {
    const WHOLE: &[u8] = include_bytes!("checksums.parquet");
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("spans.parquet");
    fs::write(&path, WHOLE).expect("written");
    let (spans, reports) = read(&path);
    assert_eq!((spans.len(), reports[0].errors.len()), (6, 0), "{reports:?}");
    let file = SerializedFileReader::new(fs::File::open(&path).expect("opened")).expect("Parquet");
    let names = file.metadata().row_group(1).column(3);
    let (start, length) = names.byte_range();
    let mut damaged = WHOLE.to_vec();
    damaged[(start + length - 1) as usize] ^= 0x01;
    fs::write(&path, &damaged).expect("written");
    let (spans, reports) = read(&path);
    assert_eq!(spans.len(), 4);
    let message = reports[0].errors.iter().map(ToString::to_string).collect::<String>();
    let page = names.data_page_offset();
    assert!(
        message.contains("spans.parquet") && message.contains(&format!("the page at byte {page}, in row group 1")),
        "{message}"
    );
    assert_eq!(reports[0].skipped.counts.get(&SkipReason::MalformedMessage), Some(&1));
    // The analysis reads other columns and other ways, and finds the same.
    let ReadFrames { builders, reports, .. } = read_frames(&[path], &ReadOptions::default(), &());
    assert_eq!(builders.iter().map(FrameBuilder::len).sum::<usize>(), 4);
    assert!(reports[0].errors[0].to_string().contains(&format!("the page at byte {page},")), "{reports:?}");
}
