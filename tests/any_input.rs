//! Whatever the input is, the tables say the same: converted or not, in folders among other files, sampled or not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const TABLES: [&str; 28] = [
    "n_plus_one",
    "sync_chain",
    "retry_storm",
    "failure_amplification",
    "failure_origins",
    "latency_attribution",
    "problems",
    "findings",
    "hard_dependency",
    "throttling",
    "saturation",
    "shared_database",
    "dual_write",
    "uncompensated_saga",
    "distributed_monolith",
    "ill_sized_service",
    "no_gateway",
    "message_disorder",
    "duplicate_message",
    "dead_letter",
    "consumer_lag",
    "large_payload",
    "sensitive_data",
    "trace_quality",
    "trace_quality_score",
    "serial_fan_out",
    "timeouts",
    "circuit_breaker",
];

/// Number of the table of latency.
const LATENCY: usize = 5;

fn tracescan(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tracescan")).args(args).output().expect("the binary runs")
}

/// The exit code, all tables and `run.json` of an analysis.
fn analyse(args: &[&str]) -> (i32, Vec<String>, Value) {
    let directory = tempfile::tempdir().expect("a directory");
    let out = directory.path().join("out").display().to_string();
    let fixed = ["analyze", "--table-format", "json", "--allow-empty", "--output", &out];
    let all: Vec<&str> = fixed.iter().chain(args).copied().collect();
    let output = tracescan(&all);
    let read = |name: &str| fs::read_to_string(Path::new(&out).join(name)).expect("a table");
    let tables = TABLES.iter().map(|table| read(&format!("{table}.json"))).collect();
    let code = output.status.code().expect("no signal");
    (code, tables, serde_json::from_str(&read("run.json")).expect("JSON"))
}

/// The folder of other projects' files, if it is there.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn shared_formats() -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/formats"));
    if !path.exists() {
        eprintln!("skipped what needs shared data: {} is absent", path.display());
        return None;
    }
    Some(path.to_owned())
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().expect("a folder").filter_map(Result::ok) {
        if entry.path().is_dir() { files_below(&entry.path(), files) } else { files.push(entry.path()) }
    }
}

/// Converting loses nothing that an analysis sees.
#[test]
fn converted_files_give_the_same_tables() {
    let samples = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/samples"));
    let mut files = Vec::new();
    files_below(samples, &mut files);
    if let Some(formats) = shared_formats() {
        files_below(&formats, &mut files);
    }
    let directory = tempfile::tempdir().expect("a directory");
    let mut converted = 0;
    for file in files {
        let canonical = directory.path().join("canonical.parquet").display().to_string();
        let file = file.display().to_string();
        if !matches!(tracescan(&["convert", &file, "-o", &canonical]).status.code(), Some(0)) {
            continue;
        }
        let (_, of_file, run_of_file) = analyse(&[&file]);
        let (_, of_canonical, run_of_canonical) = analyse(&[&canonical]);
        for (name, (one, other)) in TABLES.iter().zip(of_file.iter().zip(&of_canonical)) {
            assert_eq!(one, other, "{name} of {file}");
        }
        assert_eq!(run_of_file["totals"], run_of_canonical["totals"], "{file}");
        converted += 1;
    }
    assert!(converted >= 3, "{converted}");
}

/// One report for a folder of everything, and every part of it accounted for.
#[test]
fn a_folder_of_everything_is_one_report() {
    let Some(formats) = shared_formats() else { return };
    let folder = tempfile::tempdir().expect("a directory");
    let mut files = Vec::new();
    files_below(&formats, &mut files);
    let mut expected_spans = 0;
    for file in &files {
        let (_, _, run) = analyse(&[&file.display().to_string()]);
        expected_spans += run["inputs"][0]["spans"].as_u64().expect("a number");
        let name = file.strip_prefix(&formats).expect("below").display().to_string();
        let copy = folder.path().join(name);
        fs::create_dir_all(copy.parent().expect("a folder")).expect("folders");
        fs::copy(file, copy).expect("a copy");
    }
    for (name, content) in [
        ("_SUCCESS", &b""[..]),
        ("part=1/.a.parquet.crc", b"crc"),
        ("_delta_log/0.json", b"{}"),
        ("index_service_1.binpb.gz", b"x"),
        ("broken.parquet", b"PAR1xxxxxxxxPAR1"),
        ("broken.json", b"{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":\"1\""),
        ("empty.jsonl", b""),
        ("notes.txt", b"these are no spans"),
    ] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        fs::write(path, content).expect("a file");
    }
    let (code, _, run) = analyse(&[&folder.path().display().to_string()]);
    assert_eq!(code, 2, "some inputs are broken");
    let inputs = run["inputs"].as_array().expect("a list");
    let spans: u64 = inputs.iter().map(|input| input["spans"].as_u64().expect("a number")).sum();
    assert_eq!(spans, expected_spans);
    let kept = run["totals"]["spans"].as_u64().expect("a number");
    assert_eq!(kept + run["quality"]["duplicates"].as_u64().expect("a number"), spans);
    for name in ["_SUCCESS", "_delta_log", "index_service_1.binpb.gz", "broken.parquet", "broken.json", "notes.txt"] {
        let input = inputs.iter().find(|input| input["path"].as_str().is_some_and(|path| path.ends_with(name)));
        let input = input.unwrap_or_else(|| panic!("{name} is not listed"));
        let told = input["skipped"].as_object().is_some_and(|skipped| !skipped.is_empty())
            || input["errors"].as_array().is_some_and(|errors| !errors.is_empty());
        assert!(told, "{name}: {input}");
    }
}

/// `count` traces of a loop of eight queries; of the spans, all but `without_state` say that they stand for two.
fn loops(count: usize, without_state: usize) -> String {
    let mut lines = Vec::new();
    let mut left = without_state;
    let mut state = || {
        if left > 0 {
            left -= 1;
            return "";
        }
        r#","traceState":"ot=th:8""#
    };
    for trace in 1..=count {
        // The end of a trace id is its randomness, which must not be below the threshold.
        let trace_id = format!("{trace:018x}ffffffffffffff");
        let times = |start: u64| {
            format!(
                r#""startTimeUnixNano":"{}","endTimeUnixNano":"{}""#,
                start * 1_000_000 + 1_700_000_000_000_000_000,
                start * 1_000_000 + 1_700_000_000_000_900_000
            )
        };
        let mut spans = vec![format!(
            r#"{{"traceId":"{trace_id}","spanId":"0000000000000001","name":"GET /","kind":2,"startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000000020000000"{}}}"#,
            state()
        )];
        for number in 2..10 {
            spans.push(format!(
                r#"{{"traceId":"{trace_id}","spanId":"{number:016x}","parentSpanId":"0000000000000001","name":"query","kind":3,"attributes":[{{"key":"db.system","value":{{"stringValue":"redis"}}}}],{}{}}}"#,
                times(number),
                state()
            ));
        }
        lines.push(format!(
            r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"web"}}}}]}},"scopeSpans":[{{"spans":[{}]}}]}}]}}"#,
            spans.join(",")
        ));
    }
    lines.join("\n")
}

/// Counts are multiplied by what sampling says, but only if nearly all spans say it.
#[test]
fn counts_are_weighted_if_nearly_all_spans_say_how() {
    let directory = tempfile::tempdir().expect("a directory");
    for (without_state, weighted) in [(0, Some(20.0)), (8, Some(20.0)), (10, None), (90, None)] {
        let json = directory.path().join("loops.json").display().to_string();
        let canonical = directory.path().join("loops.parquet").display().to_string();
        fs::write(&json, loops(10, without_state)).expect("a file");
        assert!(tracescan(&["convert", &json, "-o", &canonical]).status.success());
        for input in [json, canonical] {
            let (_, tables, run) = analyse(&[&input]);
            let rows: Value = serde_json::from_str(&tables[0]).expect("JSON");
            assert_eq!((rows[0]["traces"].as_u64(), rows[0]["calls_p50"].as_u64()), (Some(10), Some(8)));
            let attribution: Value = serde_json::from_str(&tables[LATENCY]).expect("JSON");
            for row in [&rows[0], &attribution[0]] {
                // A trace of which the root says nothing is still weighed by its other spans.
                assert_eq!(row["weighted_traces"].as_f64(), weighted, "{without_state} of {input}");
            }
            assert_eq!(run["quality"]["with_adjusted_count"].as_u64(), Some(90 - without_state as u64));
        }
    }
}

/// Spans that their threshold would not have kept are counted, whatever the form they are read in.
#[test]
fn thresholds_that_contradict_trace_ids_are_counted() {
    let directory = tempfile::tempdir().expect("a directory");
    let json = directory.path().join("loops.json").display().to_string();
    let canonical = directory.path().join("loops.parquet").display().to_string();
    let first = format!("{:018x}ffffffffffffff", 1);
    fs::write(&json, loops(3, 0).replace(&first, &format!("{:018x}00000000000001", 1))).expect("a file");
    assert!(tracescan(&["convert", &json, "-o", &canonical]).status.success());
    for input in [json, canonical] {
        let (_, _, run) = analyse(&[&input]);
        let counted = ["inconsistent_sampling", "with_adjusted_count"].map(|name| run["quality"][name].as_u64());
        assert_eq!(counted, [Some(9), Some(18)], "{input}");
    }
}

/// Lengths below 0 are told, whether they have a sign or went around below it, as in Jaeger's unsigned numbers.
#[test]
fn lengths_below_zero_are_told_of_every_format() {
    let directory = tempfile::tempdir().expect("a directory");
    let start = 1_700_000_000_000_000u64;
    let jaeger = |duration: &str| {
        format!(
            r#"{{"data":[{{"traceID":"a1","spans":[{{"traceID":"a1","spanID":"b1","operationName":"op","references":[],"startTime":{start},"duration":{duration},"tags":[],"logs":[],"processID":"p1"}}],"processes":{{"p1":{{"serviceName":"web","tags":[]}}}}}}]}}"#
        )
    };
    let rows = |duration: &str| {
        format!(
            r#"{{"Timestamp":"2023-11-14 22:13:20.000000000","TraceId":"a1","SpanId":"b1","ParentSpanId":"","SpanName":"op","SpanKind":"Server","ServiceName":"web","ResourceAttributes":{{}},"SpanAttributes":{{}},"Duration":{duration},"StatusCode":"Unset","StatusMessage":""}}"#
        )
    };
    let document = |duration: &str| {
        format!(
            r#"{{"trace_id":"a1","span_id":"b1","name":"op","service_name":"web","start_time":"2023-11-14T22:13:20Z","duration_ms":{duration}}}"#
        )
    };
    let honeycomb = |duration: &str| {
        format!(
            r#"{{"time":"2023-11-14T22:13:20Z","data":{{"trace.trace_id":"a1","trace.span_id":"b1","name":"op","service.name":"web","duration_ms":{duration}}}}}"#
        )
    };
    let zipkin = |duration: &str| {
        format!(
            r#"[{{"traceId":"a1","id":"b1","name":"op","kind":"SERVER","timestamp":{start},"duration":{duration},"localEndpoint":{{"serviceName":"web"}}}}]"#
        )
    };
    for (format, content, expected) in [
        ("jaeger", jaeger("18446744073709551615"), 1),
        // What JavaScript makes of it.
        ("jaeger", jaeger("18446744073709552000"), 0),
        ("jaeger", jaeger("-1"), 1),
        ("jaeger", jaeger("0"), 0),
        ("rows", rows("-1000"), 1),
        ("rows", rows("\"18446744073709550616\""), 1),
        ("rows", rows("1000"), 0),
        ("document", document("-1"), 1),
        ("document", document("-0.25"), 1),
        ("document", document("0.25"), 0),
        ("honeycomb", honeycomb("-1.5"), 1),
        ("zipkin", zipkin("-3"), 1),
        ("zipkin", zipkin("3"), 0),
    ] {
        let input = directory.path().join("spans.json").display().to_string();
        fs::write(&input, &content).expect("a file");
        let (_, _, run) = analyse(&[&input]);
        assert_eq!(run["totals"]["spans"].as_u64(), Some(1), "{format}: {content}");
        assert_eq!(run["quality"]["end_before_start"].as_u64(), Some(expected), "{format}: {content}");
        assert!(run["totals"]["root_duration_ns"].as_u64() < Some(2_000_000), "{format}: {content}");
    }
}

/// Spans that end before they start are counted before and after `convert`.
#[test]
fn ends_before_starts_are_told_of_canonical_files() {
    let directory = tempfile::tempdir().expect("a directory");
    let json = directory.path().join("loops.json").display().to_string();
    let ends = r#""endTimeUnixNano":"1700000000020000000""#;
    fs::write(&json, loops(3, 0).replace(ends, r#""endTimeUnixNano":"1699999999999999999""#)).expect("a file");
    for timestamps in ["ns", "us"] {
        let canonical = directory.path().join(format!("{timestamps}.parquet")).display().to_string();
        assert!(tracescan(&["convert", &json, "-o", &canonical, "--timestamps", timestamps]).status.success());
        let [(_, tables, run), (_, expected, of_json)] = [&canonical, &json].map(|input| analyse(&[input]));
        assert_eq!(run["quality"]["end_before_start"].as_u64(), Some(3));
        assert_eq!((tables, &run["quality"]), (expected, &of_json["quality"]));
    }
}

/// Clocks that were never set make spans of decades, whose sums do not go around.
#[test]
fn sums_of_absurd_times_stay_at_the_largest() {
    let directory = tempfile::tempdir().expect("a directory");
    let input = directory.path().join("loops.json").display().to_string();
    let unset = r#""startTimeUnixNano":"1","endTimeUnixNano":"1700000000020000000""#;
    let set = r#""startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000000020000000""#;
    fs::write(&input, loops(12, 0).replace(set, unset)).expect("a file");
    let (code, tables, run) = analyse(&[&input]);
    assert_eq!(code, 0);
    assert_eq!(run["totals"]["root_duration_ns"].as_f64(), Some(12.0 * 1_700_000_000_019_999_999.0));
    let attribution: Value = serde_json::from_str(&tables[LATENCY]).expect("JSON");
    assert_eq!(attribution[0]["critical_ns"].as_i64(), Some(i64::MAX));
}
