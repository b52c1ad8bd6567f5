//! Wrong input is never silence: what holds no spans is named and counted, and what cannot be trusted is said.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use parquet::arrow::ArrowWriter;
use serde_json::Value;

const START: i64 = 1_768_478_400_000_000_000;

fn tracescan(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tracescan")).args(args).output().expect("the binary runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

fn write(directory: &Path, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = directory.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
    fs::write(&path, bytes).expect("a file");
    path.display().to_string()
}

/// The exit code, standard error, and `run.json` of an analysis.
fn analyse(args: &[&str]) -> (i32, String, Value) {
    let directory = tempfile::tempdir().expect("a directory");
    let out = directory.path().join("out").display().to_string();
    let all: Vec<&str> = ["analyze", "--table-format", "json", "-o", &out].iter().chain(args).copied().collect();
    let output = tracescan(&all);
    let run = fs::read_to_string(Path::new(&out).join("run.json")).expect("run.json");
    (output.status.code().expect("no signal"), stderr(&output), serde_json::from_str(&run).expect("JSON"))
}

fn cautions(run: &Value) -> String {
    let cautions = run["cautions"].as_array().expect("a list").iter();
    cautions.map(|caution| caution.as_str().expect("text")).collect::<Vec<_>>().join("\n")
}

/// One span of OTLP JSON; `more` goes on after its times.
fn span(number: u8, start: i64, end: i64, more: &str) -> String {
    format!(
        r#"{{"traceId":"{:032x}","spanId":"{number:016x}","name":"GET /","kind":2,"startTimeUnixNano":"{start}","endTimeUnixNano":"{end}"{more}}}"#,
        1
    )
}

fn otlp(spans: &[String]) -> String {
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","))
}

fn good() -> String {
    otlp(&[span(1, START, START + 1_000, "")])
}

/// Lines of logs have the ids, the times and the durations of spans; what they lack is a name. They are called what they are.
#[test]
fn lines_of_logs_are_called_so() {
    let directory = tempfile::tempdir().expect("a directory");
    for more in [
        r#""@timestamp":"2026-01-15T12:00:00Z","level":"WARN","message":"slow","logger_name":"db","duration":1200"#,
        r#""start_time":"2026-01-15T12:00:00Z","severity":"INFO","method":"GET","duration":0.5"#,
        r#""startTime":1768478400000,"endTime":1768478400007,"path":"/","status":200"#,
    ] {
        let line = format!(r#"{{"trace_id":"8e7b3576e667ac62f55d22f7d9fd23ba","span_id":"78398cdaf26cde49",{more}}}"#);
        let path = write(directory.path(), "app.log", format!("{line}\n{line}\n"));
        let (code, said, run) = analyse(&[&path]);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("lines of a log"), "{said}");
        let input = &run["inputs"][0];
        assert_eq!((&input["spans"], &input["skipped"]["unknown_content"]), (&0.into(), &2.into()));
    }
}

/// What has the ids of spans and is none of a distributed trace is refused by name.
#[test]
fn observations_and_runs_are_refused_by_name() {
    let directory = tempfile::tempdir().expect("a directory");
    for (text, name) in [
        (
            r#"{"data":[{"id":"o1","traceId":"t1","type":"GENERATION","name":"llm","startTime":"2026-01-15T12:00:00Z","endTime":"2026-01-15T12:00:01Z","parentObservationId":"o0","model":"m"}],"meta":{"page":1}}"#,
            "Langfuse",
        ),
        (
            r#"{"id":"t1","name":"chain","observations":[{"id":"o1","traceId":"t1","type":"SPAN"}],"scores":[]}"#,
            "Langfuse",
        ),
        (
            r#"{"id":"0190a1b2-1111-7000-8000-000000000001","trace_id":"0190a1b2-1111-7000-8000-000000000001","name":"tool","run_type":"tool","start_time":"2026-01-15T12:00:00","end_time":"2026-01-15T12:00:01","session_id":"s"}"#,
            "LangSmith",
        ),
    ] {
        let path = write(directory.path(), "input.json", text);
        let (code, said, run) = analyse(&[&path]);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(name), "{said}");
        assert_eq!(run["inputs"][0]["spans"], 0);
    }
}

/// Documents that are no traces: named with their keys and what they say of errors, counted, and shown in the exit code, also
/// beside files that are read.
#[test]
fn documents_without_spans_are_named() {
    for (text, count, said) in [
        (r#"{"data":{"viewer":null},"errors":[{"message":"not allowed"}]}"#, 1, r#"[{"message":"not allowed"}]"#),
        (r#"{"error":{"type":"index_not_found_exception"},"status":404}"#, 1, "index_not_found_exception"),
        (
            r#"{"data":[],"total":0,"limit":0,"offset":0,"errors":null}"#,
            1,
            "its keys: data, total, limit, offset, errors",
        ),
        (
            "{\"level\":\"info\",\"resource\":{\"host\":\"a\"},\"msg\":\"x\"}\n{\"level\":\"warn\",\"resource\":{},\"msg\":\"y\"}\n",
            2,
            "level, msg, resource",
        ),
        ("{\"trace_id\":\"01\",\"span_id\":\"02\",\"severity\":\"INFO\",\"body\":\"x\"}\n", 1, "severity"),
        (r#"{"operationName":"Cart","query":"{ cart }","variables":{}}"#, 1, "operationName, query, variables"),
        (r#"{"process":{"pid":1},"message":"started"}"#, 1, "process, message"),
        (
            r#"{"results":[[{"field":"@message","value":"started"}],[{"field":"@message","value":"done"}]]}"#,
            2,
            "@message",
        ),
        // A time series as it is pushed to Prometheus; its message has the fields of OTLP's.
        (
            "\x0a\x19\x0a\x0a\x0a\x04name\x12\x02up\x12\x0b\x09\x01\x02\x03\x04\x05\x06\x07\x08\x10\x07",
            1,
            "protobuf without spans",
        ),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let other = write(directory.path(), "other.json", text);
        write(directory.path(), "good.json", good());
        let (code, errors, run) = analyse(&[&directory.path().display().to_string()]);
        assert_eq!(code, 2, "{text}");
        assert!(errors.contains(&other) && errors.contains(said), "{errors}");
        assert_eq!(run["totals"]["spans"], 1);
        assert_eq!(run["inputs"][1]["skipped"]["unknown_content"], count, "{text}");
    }
}

/// The same of single documents among those that are read.
#[test]
fn parts_without_spans_are_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = write(directory.path(), "mixed.jsonl", format!("{0}\n{{\"a\":1,\"b\":2}}\n{0}\n", good()));
    let (code, errors, run) = analyse(&[&file]);
    assert_eq!((code, &run["inputs"][0]["skipped"]["unknown_content"]), (2, &1.into()));
    assert!(errors.contains("1 part without spans") && errors.contains("its keys: a, b"), "{errors}");
    let answer = format!(r#"{{"data":[{}],"errors":[{{"code":500,"msg":"shard 3 timed out"}}]}}"#, jaeger_trace());
    let (code, errors, run) = analyse(&[&write(directory.path(), "jaeger.json", answer)]);
    assert_eq!((code, &run["totals"]["spans"]), (2, &1.into()));
    assert!(errors.contains("shard 3 timed out"), "{errors}");
    let row = r#"{"TraceId":"01","SpanId":"02","SpanName":"x","Timestamp":"2026-01-15 12:00:00","Duration":"5"}"#;
    let answer = format!(r#"{{"meta":[],"data":[{row}],"rows":1,"exception":"Code: 159. Timeout exceeded"}}"#);
    let (code, errors, run) = analyse(&[&write(directory.path(), "rows.json", answer)]);
    assert_eq!((code, &run["totals"]["spans"]), (2, &1.into()));
    assert!(errors.contains("Timeout exceeded"), "{errors}");
}

fn jaeger_trace() -> &'static str {
    r#"{"traceID":"1","spans":[{"traceID":"1","spanID":"1","operationName":"x","startTime":1768478400000000,"duration":5,"processID":"p1"}],"processes":{"p1":{"serviceName":"shop"}}}"#
}

/// What has nothing in it and is well formed is said, and costs nothing.
#[test]
fn empty_answers_are_said() {
    let directory = tempfile::tempdir().expect("a directory");
    write(directory.path(), "good.json", good());
    for text in [
        "[]",
        "{}",
        r#"{"resourceSpans":[]}"#,
        r#"{"result":{"resourceSpans":[]}}"#,
        r#"{"_scroll_id":"x","took":1,"timed_out":false,"hits":{"total":{"value":1,"relation":"eq"},"hits":[ ]}}"#,
        r#"{"trace":{},"metrics":{}}"#,
    ] {
        let empty = write(directory.path(), "none.json", text);
        let (code, errors, _) = analyse(&[&directory.path().display().to_string()]);
        assert_eq!(code, 0, "{errors}");
        assert!(errors.contains(&format!("{empty} holds no spans")), "{errors}");
    }
    // What has such a key among others is something else.
    for text in
        [r#"{"@timestamp":"2026-01-15T12:00:00Z","message":"hello","trace":{}}"#, r#"{"page":1,"hits":[],"ads":[]}"#]
    {
        let other = write(directory.path(), "none.json", text);
        let (code, errors, _) = analyse(&[&other]);
        assert_eq!(code, 2, "{errors}");
        assert!(!errors.contains("holds no spans"), "{errors}");
    }
}

#[test]
fn a_file_without_usable_spans_is_said() {
    let directory = tempfile::tempdir().expect("a directory");
    write(directory.path(), "good.json", good());
    let without_ids = good().replace(&format!("{:032x}", 1), &"0".repeat(32));
    let bad = write(directory.path(), "zero.json", format!("{without_ids}\n{without_ids}"));
    let table = write_parquet(
        &directory.path().join("nulls.parquet"),
        vec![
            ("trace_id", texts(&["01", "01"])),
            ("span_id", texts(&["01", "02"])),
            ("parent_span_id", texts(&["", "01"])),
            ("name", texts(&["a", "b"])),
            ("start_time_unix_nano", Arc::new(Int64Array::from(vec![None, None])) as ArrayRef),
            ("duration_ns", Arc::new(Int64Array::from(vec![1, 1]))),
        ],
    );
    let (code, errors, run) = analyse(&[&directory.path().display().to_string()]);
    assert_eq!((code, &run["totals"]["spans"]), (2, &1.into()));
    let said = |file: &str, reason: &str| {
        let line = errors.lines().find(|line| line.contains(file) && line.contains("none of them can be used"));
        assert!(line.is_some_and(|line| line.contains(reason)), "{file}: {errors}");
    };
    said(&bad, "2 with invalid trace id, the first at byte 43");
    said(&table, "2 with missing start time, the first at row 0");
    // A file of which some spans can be used is not said to be useless.
    let half = otlp(&[span(1, START, START + 1, ""), span(0, START, START + 1, "")]);
    let (code, errors, _) = analyse(&[&write(directory.path(), "half.json", half)]);
    assert_eq!((code, errors.as_str()), (0, ""));
}

/// Other systems' JSON is told by the keys that only they have.
#[test]
fn other_systems_are_refused_by_name() {
    let directory = tempfile::tempdir().expect("a directory");
    for (text, name, spans) in [
        (
            r#"{"data":{"trace":{"spans":[{"traceId":"a.1","segmentId":"s","spanId":0,"parentSpanId":-1,"serviceCode":"x","startTime":1,"endTime":2,"endpointName":"/"},{"traceId":"a.1","segmentId":"s","spanId":1,"parentSpanId":0,"serviceCode":"x","startTime":1,"endTime":2,"endpointName":"/"}]}}}"#,
            "SkyWalking",
            2,
        ),
        (
            r#"{"traceId":"a","traceSegmentId":"b","service":"x","spans":[{"operationName":"/","startTime":1,"endTime":2,"spanType":"Entry","spanLayer":"Http","spanId":0,"parentSpanId":-1}]}"#,
            "SkyWalking",
            1,
        ),
        (
            r#"{"traces":[{"projectId":"p","traceId":"0123456789abcdef0123456789abcdef","spans":[{"spanId":"1","kind":"RPC_SERVER","name":"/","startTime":"2026-01-01T00:00:00Z","endTime":"2026-01-01T00:00:01Z"}]}]}"#,
            "Google Cloud Trace",
            1,
        ),
        (
            r#"[{"name":"projects/p/traces/t/spans/s","spanId":"aa","displayName":{"value":"x"},"startTime":"2026-01-01T00:00:00Z","endTime":"2026-01-01T00:00:01Z"}]"#,
            "Google Cloud Trace",
            1,
        ),
        (
            r#"{"traces":[{"traceID":"abc","rootServiceName":"x","durationMs":3},{"traceID":"abd","rootServiceName":"x"}],"metrics":{}}"#,
            "search in Grafana Tempo",
            2,
        ),
        (r#"[{"parent":"a","child":"b","callCount":7}]"#, "list of dependencies", 1),
        (r#"{"traceEvents":[{"ph":"X","ts":1}],"displayTimeUnit":"ms"}"#, "Chrome", 1),
    ] {
        let file = write(directory.path(), "other.json", text);
        let (code, errors, run) = analyse(&[&file]);
        assert_eq!((code, &run["inputs"][0]["skipped"]["unsupported_format"]), (2, &spans.into()), "{text}");
        assert!(errors.contains(&file) && errors.contains(name) && !errors.contains("Jaeger's"), "{errors}");
    }
}

/// Spans in a list of their own are read one by one, and Jaeger's with their processes, wherever those stand.
#[test]
fn lists_of_spans_are_told_apart() {
    let directory = tempfile::tempdir().expect("a directory");
    let spans = r#"[{"trace_id":"jns1duZnrGL1XSL32f0jug==","span_id":"eDmM2vJs3kk=","parent_span_id":null,"name":"agent","start_time_unix_nano":1768478400000000000,"end_time_unix_nano":1768478400050000000}]"#;
    let list =
        write(directory.path(), "list.json", format!(r#"{{"info":{{"state":"OK"}},"data":{{"spans":{spans}}}}}"#));
    let (code, _, run) = analyse(&[&list]);
    assert_eq!(
        (code, &run["totals"]["spans"], &run["inputs"][0]["format"]),
        (0, &1.into(), &"span_documents_json".into())
    );
    let (spans, processes) = jaeger_trace().split_once(r#","processes":"#).expect("both");
    let spans_first = spans.replace(r#""traceID":"1","spans""#, r#""spans""#);
    for text in [format!(r#"{spans_first},"processes":{processes}"#), jaeger_trace().to_owned()] {
        let (code, _, run) = analyse(&[&write(directory.path(), "jaeger.json", &text)]);
        assert_eq!((code, &run["totals"]["spans"]), (0, &1.into()), "{text}");
        assert_eq!(run["inputs"][0]["format"], "jaeger_json");
    }
}

#[test]
fn other_files_are_refused_by_name() {
    let directory = tempfile::tempdir().expect("a directory");
    let utf_16: Vec<u8> = good().encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (bytes, name, command) in [
        (utf_16, "UTF-16", "iconv"),
        (b"Obj\x01\x04\x16avro.schema".to_vec(), "Avro", "read_avro"),
        (b"ORC\x08\x03\x10".to_vec(), "ORC", "pyarrow.orc"),
        (b"trace_id,span_id,name\n01,02,a\n".to_vec(), "CSV", "read_csv"),
        (b"\x0a\x0d\x0d\x0a\x84\0\0\0\x4d\x3c\x2b\x1a".to_vec(), "pcap", "exporter `file`"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 7\n".to_vec(), "Git LFS", "git lfs pull"),
    ] {
        let file = write(directory.path(), "spans", &bytes);
        write(directory.path(), "good.json", good());
        let (code, errors, run) = analyse(&[&directory.path().display().to_string()]);
        assert_eq!((code, &run["totals"]["spans"]), (2, &1.into()), "{name}");
        assert!(
            errors.contains(&format!("{file} is ")) && errors.contains(name) && errors.contains(command),
            "{errors}"
        );
    }
}

/// What is not there is one line, and leaves nothing behind.
#[test]
fn an_absent_input_is_one_line() {
    let directory = tempfile::tempdir().expect("a directory");
    let absent = directory.path().join("absent.json").display().to_string();
    let out = directory.path().join("out");
    let (out_text, trace_id) = (out.display().to_string(), "1".repeat(32));
    for args in [
        &["analyze", &absent, "-o", &out_text][..],
        &["analyze", &absent, "--partial", &out_text],
        &["convert", &absent, "-o", &out_text],
        &["trace", &trace_id, &absent],
        &["analyze", &directory.path().join("*.none").display().to_string(), "-o", &out_text],
    ] {
        let output = tracescan(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert_eq!((stderr(&output).lines().count(), output.stdout.len()), (1, 0), "{args:?} {}", stderr(&output));
        assert!(!out.exists(), "{args:?}");
    }
    // Beside another input it is one error of a report.
    let good = write(directory.path(), "good.json", good());
    let (code, _, run) = analyse(&[&absent, &good]);
    assert_eq!((code, &run["totals"]["spans"]), (2, &1.into()));
}

/// A file may have any name that the system allows: a good one is read, and an absent one is an error as any other.
#[cfg(unix)]
#[test]
fn names_that_are_no_text_are_names() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let directory = tempfile::tempdir().expect("a directory");
    let named = |name: &[u8]| directory.path().join(OsStr::from_bytes(name));
    let (good_file, part, absent) = (named(b"spans-\xff\xfe.json"), named(b"\xc3.partial"), named(b"none-\xe9.json"));
    // Some file systems take text only.
    if fs::write(&good_file, good()).is_err() {
        return;
    }
    let run = |args: &[&OsStr]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tracescan"));
        let output = command.current_dir(&directory).args(args).output().expect("the binary runs");
        (output.status.code(), stderr(&output))
    };
    let [analyze, partial, merge, compare, convert, out, query, sql] =
        ["analyze", "--partial", "merge", "compare", "convert", "--output", "query", "SELECT 1"].map(OsStr::new);
    let (good_file, part, absent) = (good_file.as_os_str(), part.as_os_str(), absent.as_os_str());
    let (tables, converted) = (named(b"out-\xff"), named(b"\xff.parquet"));
    for (args, expected) in [
        (vec![analyze, good_file], 0),
        (vec![analyze, good_file, partial, part], 0),
        (vec![merge, part, out, tables.as_os_str()], 0),
        (vec![compare, tables.as_os_str(), tables.as_os_str()], 0),
        (vec![convert, good_file, out, converted.as_os_str()], 0),
        (vec![query, tables.as_os_str(), sql], 0),
        (vec![analyze, absent], 2),
        (vec![merge, absent], 2),
        (vec![compare, absent, absent], 2),
        (vec![convert, absent, out, converted.as_os_str()], 2),
        (vec![query, absent, sql], 2),
    ] {
        let (code, errors) = run(&args);
        assert_eq!(code, Some(expected), "{args:?}: {errors}");
        assert!(!errors.contains("panicked"), "{args:?}: {errors}");
    }
}

/// The wrong format is the user's mistake, told once and not for every record.
#[test]
fn the_wrong_input_format_is_one_message() {
    let directory = tempfile::tempdir().expect("a directory");
    let json = write(directory.path(), "a.json", format!("{}\n", good()).repeat(50));
    let text = write(directory.path(), "notes", "no spans here\n".repeat(50));
    for (file, format, looks_like) in [
        (&json, "protobuf", "JSON"),
        (&json, "length-prefixed", "JSON"),
        (&json, "varint-delimited", "JSON"),
        (&json, "grpc", "JSON"),
        (&json, "parquet", "JSON"),
        (&text, "json", "nothing known"),
    ] {
        let (code, errors, _) = analyse(&["--input-format", format, file]);
        assert_eq!(code, 2, "{format}");
        let about: Vec<&str> = errors.lines().filter(|line| line.contains(file.as_str())).collect();
        assert_eq!(about.len(), 1, "{errors}");
        assert!(about[0].contains(format) && about[0].contains(looks_like), "{errors}");
    }
    let (code, errors, _) = analyse(&["--input-format", "json", &json]);
    assert_eq!((code, errors.as_str()), (0, ""));
}

/// Times that cannot be are cautions.
#[test]
fn impossible_times_are_cautions() {
    let directory = tempfile::tempdir().expect("a directory");
    let day = 86_400_000_000_000;
    let year_2200 = 7_258_118_400_000_000_000;
    for (start, end, said) in [
        (1_768_478_400_000, 1_768_478_400_050, "1 span of 1970 (100 % of all)"),
        (0, 1_000, "1 span of 1970"),
        (START, START + day + 1, "1 root takes more than 24 h"),
        (year_2200, year_2200 + 1_000, "100 % of all spans start after now"),
    ] {
        let (code, _, run) = analyse(&[&write(directory.path(), "a.json", otlp(&[span(1, start, end, "")]))]);
        assert_eq!(code, 0);
        assert!(cautions(&run).contains(said), "{said}: {}", cautions(&run));
    }
    let (_, _, run) = analyse(&[&write(directory.path(), "a.json", otlp(&[span(1, START, START + day, "")]))]);
    for said in ["1970", "24 h", "after now"] {
        assert!(!cautions(&run).contains(said), "{}", cautions(&run));
    }
    // The header says the same.
    let file = write(directory.path(), "a.json", otlp(&[span(1, 5, 6, "")]));
    let header = String::from_utf8(tracescan(&["analyze", &file]).stdout).expect("UTF-8");
    assert!(header.contains("caution  1 span of 1970"), "{header}");
}

/// Spans of one trace without parents, and parents that are nobody.
#[test]
fn parents_that_never_match_are_cautions() {
    let directory = tempfile::tempdir().expect("a directory");
    let run_of = |parent: &str| {
        let more = if parent.is_empty() { String::new() } else { format!(r#","parentSpanId":"{parent}""#) };
        let spans = [span(1, START, START + 9, ""), span(2, START, START + 5, &more), span(3, START, START + 5, &more)];
        analyse(&[&write(directory.path(), "a.json", otlp(&spans))]).2
    };
    assert!(cautions(&run_of("")).contains("no span has a parent"));
    assert!(cautions(&run_of("00000000000000ff")).contains("no parent id is the id of a span"));
    let sound = cautions(&run_of("0000000000000001"));
    assert!(!sound.contains("parent"), "{sound}");
}

fn texts(texts: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(texts.to_vec()))
}

fn write_parquet(path: &Path, columns: Vec<(&str, ArrayRef)>) -> String {
    fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
    let columns = columns.into_iter().map(|(name, column)| (name, column, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length");
    let mut writer =
        ArrowWriter::try_new(fs::File::create(path).expect("a file"), batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("written");
    writer.close().expect("closed");
    path.display().to_string()
}

/// A request and the call that it makes; `more` are further columns.
fn table(more: Vec<(&'static str, ArrayRef)>) -> Vec<(&'static str, ArrayRef)> {
    let starts = vec![START / 1_000, START / 1_000 + 10_000];
    let mut columns = vec![
        ("trace_id", texts(&["01", "01"])),
        ("span_id", texts(&["01", "02"])),
        ("name", texts(&["GET /", "SELECT"])),
        ("kind", texts(&["SERVER", "CLIENT"])),
        ("start_time", Arc::new(TimestampMicrosecondArray::from(starts)) as ArrayRef),
    ];
    columns.extend(more);
    columns
}

fn floats(numbers: [f64; 2]) -> ArrayRef {
    Arc::new(Float64Array::from(numbers.to_vec()))
}

fn ends() -> (&'static str, ArrayRef) {
    let ends = vec![Some(START / 1_000 + 50_000), Some(START / 1_000 + 30_000)];
    ("end_time", Arc::new(TimestampMicrosecondArray::from(ends)))
}

/// The same lengths in any unit, where the ends of spans tell which; both ways of reading agree.
#[test]
fn durations_are_calibrated() {
    let directory = tempfile::tempdir().expect("a directory");
    let parents = || ("parent_span_id", texts(&["", "01"]));
    let root_duration = |columns| {
        let file = write_parquet(&directory.path().join("a.parquet"), table(columns));
        let canonical = directory.path().join("canonical.parquet").display().to_string();
        let (_, errors, run) = analyse(&[&file]);
        assert!(tracescan(&["convert", &file, "-o", &canonical]).status.success());
        let (_, _, run_of_canonical) = analyse(&[&canonical]);
        assert_eq!(run["totals"], run_of_canonical["totals"]);
        (run["totals"]["root_duration_ns"].as_i64().expect("a number"), errors, cautions(&run))
    };
    for numbers in [[0.05, 0.02], [50.0, 20.0], [5e4, 2e4], [5e7, 2e7]] {
        let (duration, errors, _) = root_duration(vec![parents(), ends(), ("duration", floats(numbers))]);
        assert_eq!((duration, errors.as_str()), (50_000_000, ""), "{numbers:?}");
    }
    let milliseconds: ArrayRef = Arc::new(Int64Array::from(vec![50, 20]));
    assert_eq!(root_duration(vec![parents(), ends(), ("duration", milliseconds)]).0, 50_000_000);
    // Something else than a length.
    let (duration, errors, said) = root_duration(vec![parents(), ends(), ("duration", floats([3.7, 9e5]))]);
    assert_eq!(duration, 50_000_000);
    assert!(errors.contains("from start to end was taken") && said.contains("from start to end was taken"), "{errors}");
    // Nothing proves it.
    for (numbers, unit, expected) in [([5e7, 2e7], "ns", 50_000_000), ([50.5, 20.25], "ms", 50_500_000)] {
        let (duration, errors, said) = root_duration(vec![parents(), ("duration", floats(numbers))]);
        assert_eq!(duration, expected);
        assert!(errors.contains(&format!("taken as {unit}")) && said.contains(&format!("taken as {unit}")), "{said}");
    }
    // A name is proof enough.
    let (duration, errors, _) = root_duration(vec![parents(), ("duration_ms", floats([50.0, 20.0]))]);
    assert_eq!((duration, errors.as_str()), (50_000_000, ""));
}

#[test]
fn a_table_without_parents_is_said() {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, is_known) in [("trace.parent_id", true), ("parentSpanId", true), ("belongs_to", false)] {
        let columns = table(vec![ends(), (name, texts(&["", "01"]))]);
        let file = write_parquet(&directory.path().join("a.parquet"), columns);
        let (_, errors, run) = analyse(&[&file]);
        let roots = run["totals"]["roots"].as_u64();
        assert_eq!(roots, Some(if is_known { 1 } else { 2 }), "{name}");
        assert_eq!(errors.contains("no column for the parents"), !is_known, "{errors}");
        assert_eq!(cautions(&run).contains("no column for the parents"), !is_known, "{}", cautions(&run));
    }
}

/// Values in paths are columns; both ways of reading agree, and a column of the file wins.
#[test]
fn values_in_paths_are_columns() {
    let directory = tempfile::tempdir().expect("a directory");
    let parents = || ("parent_span_id", texts(&["", "01"]));
    let in_folder = |folder: &str, more: Vec<(&'static str, ArrayRef)>| {
        let columns = table([vec![parents(), ends()], more].concat());
        write_parquet(&directory.path().join(folder).join("part-0.parquet"), columns)
    };
    let service_of = |file: &str| {
        let canonical = directory.path().join("canonical.parquet").display().to_string();
        let name_of = |file: &str| {
            let output = tracescan(&["analyze", "--format", "json", file]);
            let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            json["tables"]["latency_attribution"][0]["entry_service"].as_str().expect("a name").to_owned()
        };
        assert!(tracescan(&["convert", file, "-o", &canonical]).status.success());
        let service = name_of(file);
        assert_eq!(service, name_of(&canonical));
        service
    };
    assert_eq!(service_of(&in_folder("day=7/service_name=cart", Vec::new())), "cart");
    assert_eq!(service_of(&in_folder("ServiceName=web%20shop/hour=01", Vec::new())), "web shop");
    assert_eq!(service_of(&in_folder("service.name=__HIVE_DEFAULT_PARTITION__", Vec::new())), "unknown_service");
    let own = vec![("service_name", texts(&["own", "own"]))];
    assert_eq!(service_of(&in_folder("service_name=other", own)), "own");
}

/// A gate warns that it sees no failures if what it looks at is made of them: a detector that is, any, new ones, a budget of failed
/// requests.
#[test]
fn gates_of_failures_warn_where_there_are_none() {
    let directory = tempfile::tempdir().expect("a directory");
    let input = write(directory.path(), "good.json", good());
    let config = |limit: &str| {
        let table = format!("[budget.\"unknown_service GET /\"]\n{limit}\n");
        write(directory.path(), &format!("{}.toml", limit.len()), table)
    };
    let (slow, failed) = (config("max_p99 = \"1h\""), config("max_failed_share = 0.5"));
    for (gate, warns) in [
        (&["retry-storm"][..], true),
        (&["uncompensated-saga"], true),
        (&["any"], true),
        (&["shared-database,retry-storm"], true),
        (&["shared-database"], false),
        (&["n-plus-one,trace-quality"], false),
        (&["budget", "--config", &failed], true),
        (&["budget", "--config", &slow], false),
    ] {
        let (_, told, _) = analyse(&[&[input.as_str(), "--fail-on"], gate].concat());
        assert_eq!(told.contains("--fail-on sees no failures"), warns, "{gate:?}: {told}");
    }
}
