//! The binary: standard output, standard error, files and exit code together.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const TABLES: [&str; 31] = [
    "problems",
    "n_plus_one",
    "sync_chain",
    "serial_fan_out",
    "retry_storm",
    "failure_amplification",
    "failure_origins",
    "hard_dependency",
    "timeouts",
    "circuit_breaker",
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
    "latency_attribution",
    "entries",
    "patterns",
    "pattern_entries",
    "findings",
];

/// Those that are of all detectors, or beside the table of one.
const OF_NO_DETECTOR: [&str; 6] =
    ["problems", "trace_quality_score", "entries", "patterns", "pattern_entries", "findings"];

fn sample(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name).display().to_string()
}

fn tracescan(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tracescan")).args(args).output().expect("the binary runs")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("no signal")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// All tables of an analysis as JSON text.
fn tables(args: &[&str]) -> Vec<String> {
    let directory = tempfile::tempdir().expect("a directory");
    let out = directory.path().join("out").display().to_string();
    let all: Vec<&str> = ["analyze", "--table-format", "json", "--output", &out].iter().chain(args).copied().collect();
    let output = tracescan(&all);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    TABLES
        .iter()
        .map(|table| fs::read_to_string(Path::new(&out).join(format!("{table}.json"))).expect("a table"))
        .collect()
}

fn write(directory: &Path, name: &str, bytes: &[u8]) -> String {
    let path: PathBuf = directory.join(name);
    fs::write(&path, bytes).expect("a file");
    path.display().to_string()
}

/// The same spans give the same tables whatever their format, the number of threads and the order of files.
#[test]
fn tables_depend_on_the_spans_alone() {
    let expected = tables(&[&sample("incident.flat.parquet")]);
    assert_eq!(tables(&[&sample("incident.otlp.jsonl.gz")]), expected);
    assert_eq!(tables(&[&sample("incident.binpb.gz")]), expected);
    assert_eq!(tables(&["--threads", "1", &sample("incident.flat.parquet")]), expected);

    let directory = tempfile::tempdir().expect("a directory");
    let mut text = String::new();
    let compressed = fs::File::open(sample("incident.otlp.jsonl.gz")).expect("the sample");
    flate2::read::MultiGzDecoder::new(compressed).read_to_string(&mut text).expect("gzip");
    let lines: Vec<&str> = text.lines().collect();
    let (first, second) = lines.split_at(lines.len() / 3);
    let first = write(directory.path(), "first", first.join("\n").as_bytes());
    let second = write(directory.path(), "second", second.join("\n").as_bytes());
    assert_eq!(tables(&[&second, &first]), expected);

    let canonical = directory.path().join("canonical.parquet").display().to_string();
    assert_eq!(code(&tracescan(&["convert", &sample("incident.binpb.gz"), "-o", &canonical])), 0);
    assert_eq!(tables(&[&canonical]), expected);
}

/// Everything that is planted is found, and nothing else is.
#[test]
fn findings_are_what_was_planted() {
    let findings: Vec<Value> =
        serde_json::from_str(tables(&[&sample("incident.flat.parquet")]).last().expect("findings")).expect("JSON");
    let key = |row: &Value| {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let target = if row["detector"] == "sync-chain" { String::new() } else { text("target") };
        (text("trace_id"), text("detector"), text("service"), target)
    };
    // Calls one after the other are in ordinary traffic too, and a risk only: nothing proves that they need not be. Chains that were
    // planted come back to where they began, which makes a circle of all of them.
    let is_planted = |row: &Value| row["level"] == "problem" && row["detector"] != "distributed-monolith";
    let findings: Vec<Value> = findings.into_iter().filter(is_planted).collect();
    // Whatever failed has an origin, also where nothing was planted but a failure that somebody coped with.
    let is_origin = |row: &&Value| row["detector"] == "failure-origins";
    let found: BTreeSet<_> = findings.iter().filter(|row| !is_origin(row)).map(key).collect();
    let spread = found.iter().filter(|(_, detector, _, _)| detector == "failure-amplification");
    let origins: BTreeSet<_> = findings.iter().filter(is_origin).map(key).collect();
    for (trace, _, service, target) in spread {
        let origin = (trace.clone(), "failure-origins".to_owned(), service.clone(), target.clone());
        assert!(origins.contains(&origin), "{origin:?}");
    }
    let labels = fs::read_to_string(sample("incident.labels.jsonl")).expect("labels");
    let labels = labels.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let planted: BTreeSet<_> = labels.filter(|label| label["kind"] == "planted").map(|label| key(&label)).collect();
    assert!(planted.len() > 40);
    assert_eq!(found, planted);

    let healthy: Vec<Value> =
        serde_json::from_str(tables(&[&sample("healthy.flat.parquet")]).last().expect("findings")).expect("JSON");
    let is_problem = |row: &&Value| row["level"] == "problem";
    let problems: Vec<&Value> = healthy.iter().filter(is_problem).filter(|row| !is_origin(row)).collect();
    assert!(problems.is_empty(), "{problems:?}");
}

/// Exit codes say what happened, and what could be read is reported all the same.
#[test]
fn exit_codes() {
    let incident = sample("incident.flat.parquet");
    let healthy = sample("healthy.flat.parquet");
    assert_eq!(code(&tracescan(&["analyze", &incident])), 0);
    assert_eq!(code(&tracescan(&["analyze", &incident, "--fail-on", "any"])), 1);
    assert_eq!(code(&tracescan(&["analyze", &healthy, "--fail-on", "any"])), 0);
    assert_eq!(code(&tracescan(&["analyze", &incident, "--fail-on", "sync-chain", "--min-impact", "1h"])), 0);
    assert_eq!(code(&tracescan(&["analyze", &incident, "--detector", "n-plus-two"])), 64);

    let directory = tempfile::tempdir().expect("a directory");
    let picture = write(directory.path(), "picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    let empty = write(directory.path(), "empty", b"");
    let logs = write(directory.path(), "logs.json", br#"{"resourceLogs":[{"scopeLogs":[]}]}"#);
    for (file, said) in [(&picture, "89 50 4e 47"), (&empty, "is empty"), (&logs, "looks like logs")] {
        let output = tracescan(&["analyze", file]);
        assert_eq!(code(&output), 2, "{file}");
        assert!(stderr(&output).contains(said) && stderr(&output).contains(file.as_str()), "{}", stderr(&output));
    }
    assert_eq!(code(&tracescan(&["analyze", "--allow-empty", &empty])), 0);
    let mixed = tracescan(&["analyze", &picture, &incident]);
    assert_eq!(code(&mixed), 2);
    assert!(stdout(&mixed).contains("6,001 in 211 traces"), "{}", stdout(&mixed));
}

/// A file that is cut anywhere never makes the program panic, and if something is lost the message names the file.
#[test]
fn cut_files_are_read_as_far_as_they_go() {
    let directory = tempfile::tempdir().expect("a directory");
    for name in ["incident.flat.parquet", "incident.otlp.jsonl.gz", "incident.binpb.gz"] {
        let bytes = fs::read(sample(name)).expect("the sample");
        for part in 0..12 {
            let cut = write(directory.path(), "cut", &bytes[..bytes.len() * part / 12 + part]);
            let output = tracescan(&["analyze", &cut]);
            assert_eq!(code(&output), 2, "{name} {part}");
            assert!(stderr(&output).contains(&cut) && !stderr(&output).contains("panicked"), "{}", stderr(&output));
        }
    }
}

/// Results for programs are valid, and a reader that stops early is no error.
#[test]
fn formats_for_programs() {
    let incident = sample("incident.flat.parquet");
    let json: Value =
        serde_json::from_str(&stdout(&tracescan(&["analyze", &incident, "--format", "json"]))).expect("JSON");
    assert_eq!(json["totals"]["spans"], 6001);
    assert_eq!(json["tables"].as_object().map(|tables| tables.len()), Some(TABLES.len() - 4));
    let lines = stdout(&tracescan(&["analyze", &incident, "--format", "ndjson", "--top", "2"]));
    assert_eq!(lines.lines().count(), 20);
    for line in lines.lines() {
        assert!(serde_json::from_str::<Value>(line).expect("JSON")["table"].is_string());
    }
    assert!(
        stdout(&tracescan(&["analyze", &incident, "--format", "csv"])).starts_with("table,rank,pattern_id,detector,")
    );
    assert!(stdout(&tracescan(&["analyze", &incident, "--format", "markdown"])).contains("| rank |"));

    let mut child = Command::new(env!("CARGO_BIN_EXE_tracescan"))
        .args(["analyze", &incident, "--format", "ndjson", "--top", "100000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut first = [0; 16];
    child.stdout.take().expect("a pipe").read_exact(&mut first).expect("output");
    let output = child.wait_with_output().expect("an end");
    assert_eq!((code(&output), stderr(&output)), (0, String::new()));
}

/// The output directory holds a file for each table and run.json, and nothing else.
#[test]
fn output_files() {
    let directory = tempfile::tempdir().expect("a directory");
    let out = directory.path().join("deep/out");
    let output = tracescan(&["analyze", &sample("incident.flat.parquet"), "-o", &out.display().to_string()]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let mut names: Vec<String> = fs::read_dir(&out)
        .expect("a directory")
        .map(|file| file.expect("a file").file_name().display().to_string())
        .collect();
    names.sort();
    let mut expected: Vec<String> = TABLES.iter().map(|table| format!("{table}.parquet")).collect();
    expected.push("run.json".to_owned());
    expected.sort();
    assert_eq!(names, expected);
    let run: Value = serde_json::from_str(&fs::read_to_string(out.join("run.json")).expect("run.json")).expect("JSON");
    assert_eq!(run["totals"]["spans"], 6001);
    assert_eq!(run["inputs"][0]["spans"], 6001);
    assert_eq!(run["settings"]["n-plus-one"]["max_calls"], 5);
    for key in ["version", "arguments", "settings", "inputs", "totals", "quality", "phases", "peak_memory_bytes"] {
        assert!(!run[key].is_null(), "{key}");
    }
    expected.retain(|name| name != "run.json");
    assert_eq!(run["files"], serde_json::json!(expected));
}

/// The types of the columns of a Parquet file, by name.
fn column_types(path: &Path) -> Vec<(String, String)> {
    let file = fs::File::open(path).expect("the file");
    let reader = parquet::file::serialized_reader::SerializedFileReader::new(file).expect("Parquet");
    let metadata = parquet::file::reader::FileReader::metadata(&reader).file_metadata();
    let types = metadata.schema_descr().columns().iter();
    types.map(|column| (column.path().string(), format!("{:?}", column.logical_type_ref()))).collect()
}

/// No time in what is written is finer than readers know that know microseconds only; all digits stand beside it.
#[test]
fn times_are_microseconds_with_nanoseconds_beside_them() {
    let directory = tempfile::tempdir().expect("a directory");
    let out = directory.path().display().to_string();
    let output = tracescan(&["analyze", &sample("incident.flat.parquet"), "-o", &out]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    for (table, time) in
        [("findings", "start_time"), ("failure_amplification", "first_seen"), ("retry_storm", "peak_start")]
    {
        let types = column_types(&directory.path().join(format!("{table}.parquet")));
        let place = types.iter().position(|(name, _)| name == time).expect("the column");
        assert!(types[place].1.contains("MICROS"), "{table}: {:?}", types[place]);
        assert_eq!(types[place + 1], (format!("{time}_unix_nano"), "None".to_owned()), "{table}");
        assert!(!types.iter().any(|(_, kind)| kind.contains("NANOS")), "{table}: {types:?}");
    }
}

/// Canonical Parquet with microseconds holds the same spans as with nanoseconds: read back, it gives the same bytes and
/// tables. On standard output are the bytes that are in a file.
#[test]
fn convert_with_microseconds_and_to_standard_output() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name).display().to_string();
    let incident = sample("incident.otlp.jsonl.gz");
    for (input, name, more) in [
        (incident.as_str(), "ns.parquet", &[][..]),
        (&incident, "us.parquet", &["--timestamps", "us"]),
        (&path("us.parquet"), "ns-again.parquet", &["--timestamps", "ns"]),
        (&path("ns.parquet"), "us-again.parquet", &["--timestamps", "us"]),
    ] {
        let output = tracescan(&[&["convert", input, "-o", &path(name)], more].concat());
        assert_eq!(code(&output), 0, "{}", stderr(&output));
    }
    let read = |name: &str| fs::read(path(name)).expect("the file");
    assert!(read("ns.parquet") == read("ns-again.parquet") && read("us.parquet") == read("us-again.parquet"));
    assert_eq!(tables(&[&path("us.parquet")]), tables(&[&path("ns.parquet")]));
    let times = |name: &str| -> Vec<(String, bool)> {
        let types = column_types(&directory.path().join(name)).into_iter();
        let times = types.filter(|(name, _)| name.starts_with("start_time"));
        times.map(|(name, kind)| (name, kind.contains("MICROS"))).collect()
    };
    assert_eq!(times("ns.parquet"), [("start_time".to_owned(), false)]);
    assert_eq!(times("us.parquet"), [("start_time".to_owned(), true), ("start_time_unix_nano".to_owned(), false)]);

    let output = tracescan(&["convert", &incident, "-o", "-"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(output.stdout == read("ns.parquet"), "the bytes differ");
    assert_eq!(stderr(&output), "wrote 6001 spans to standard output\n");
    assert!(!Path::new("-").exists());

    // A reader that has read enough is no error.
    let mut child = Command::new(env!("CARGO_BIN_EXE_tracescan"))
        .args(["convert", &incident, "-o", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    assert_eq!(code(&child.wait_with_output().expect("an end")), 0);
}

/// Detectors and thresholds are chosen by options and by the configuration file; the option wins.
#[test]
fn settings() {
    let incident = sample("incident.flat.parquet");
    let count = |args: &[&str]| {
        let all: Vec<&str> = args.iter().copied().chain([incident.as_str()]).collect();
        serde_json::from_str::<Vec<Value>>(tables_of_detectors(&all).last().expect("findings")).expect("JSON").len()
    };
    let all = count(&["--detector", "n-plus-one"]);
    assert!(all > count(&["--detector", "n-plus-one", "--max-calls", "12"]));
    let directory = tempfile::tempdir().expect("a directory");
    let config =
        write(directory.path(), "tracescan.toml", b"detector = [\"n-plus-one\"]\n[n-plus-one]\nmax_calls = 1000\n");
    assert_eq!(count(&["--config", &config]), 0);
    assert_eq!(count(&["--config", &config, "--max-calls", "5"]), all);
}

/// Settings that make no sense are refused in one sentence, which names the place or the option and says what would.
#[test]
fn settings_that_make_no_sense() {
    let incident = sample("incident.flat.parquet");
    let directory = tempfile::tempdir().expect("a directory");
    let wrong = write(directory.path(), "wrong.toml", b"top = 3\n[n-plus-one]\n  max_call = 5\n");
    let told = format!("{wrong}, line 3, column 3: there is no key max_call in [n-plus-one]; did you mean max_calls?");
    let size = "a size of memory like 512MiB or 2GiB, and at least 64MiB";
    let spans = directory.path().join("spans.parquet").display().to_string();
    for (args, told) in [
        (&["analyze", "--config", &wrong][..], told.as_str()),
        (&["trace", "1", "--config", &wrong], &told),
        (&["analyze", "--memory-limit", "x"], &format!("--memory-limit must be {size}, not x")),
        (&["convert", "-o", &spans, "--memory-limit", "1MiB"], &format!("--memory-limit must be {size}, not 1MiB")),
        (&["analyze", "--min-impact", "soon"], "--min-impact must be a duration like 1ms or 2.5s, not soon"),
        (&["analyze", "--overlap-tolerance", "2"], "--overlap-tolerance must be a number between 0 and 1, not 2"),
        (
            &["analyze", "--since", "2026-03-02", "--until", "2026-03-01"],
            "--since 2026-03-02 must be earlier than --until 2026-03-01",
        ),
    ] {
        let all: Vec<&str> =
            args[..1].iter().copied().chain([incident.as_str()]).chain(args[1..].iter().copied()).collect();
        let output = tracescan(&all);
        let exit = if told.starts_with("--") { 64 } else { 2 };
        assert_eq!((code(&output), stderr(&output)), (exit, format!("error: {told}\n")), "{args:?}");
        assert_eq!(stdout(&output), "", "{args:?}");
    }
}

/// However the number is asked for, there are no more threads than the machine is good for, and that is said.
#[test]
fn threads_are_no_more_than_the_machine_is_good_for() {
    let incident = sample("incident.flat.parquet");
    let directory = tempfile::tempdir().expect("a directory");
    let config = write(directory.path(), "tracescan.toml", b"threads = 9999\n");
    let expected = stdout(&tracescan(&["analyze", &incident]));
    let trace = "7382f0db29fa3860b8279190526e13ba";
    for args in [
        &["analyze", &incident, "--threads", "9999"][..],
        &["analyze", &incident, "--config", &config],
        &["trace", &incident, trace, "--threads", "9999"],
    ] {
        let output = tracescan(args);
        assert_eq!(code(&output), 0, "{args:?}");
        assert!(stderr(&output).contains("warning: 9999 threads are too many for "), "{}", stderr(&output));
        assert!(args[0] != "analyze" || stdout(&output) == expected, "{args:?}");
    }
    let spans = directory.path().join("spans.parquet").display().to_string();
    for args in [&["analyze", &incident][..], &["convert", &incident, "-o", &spans]] {
        let output = Command::new(env!("CARGO_BIN_EXE_tracescan")).args(args).env("RAYON_NUM_THREADS", "9999").output();
        let output = output.expect("the binary runs");
        assert_eq!(code(&output), 0, "{args:?}");
        assert!(stderr(&output).starts_with("warning: 9999 threads are too many for "), "{}", stderr(&output));
    }
}

/// `convert` puts spans aside that are too many for memory, and writes the same bytes.
#[test]
fn convert_writes_the_same_with_little_memory() {
    let incident = sample("incident.flat.parquet");
    let directory = tempfile::tempdir().expect("a directory");
    let temp = directory.path().join("temp");
    fs::create_dir(&temp).expect("a directory");
    let temp = temp.display().to_string();
    let spans = |name: &str, more: &[&str]| {
        let output = directory.path().join(name);
        let path = output.display().to_string();
        let mut args = vec!["convert", "-o", &path, "--temp-dir", &temp];
        args.extend(more);
        args.extend([incident.as_str(); 25]);
        let ran = tracescan(&args);
        assert_eq!(code(&ran), 0, "{}", stderr(&ran));
        fs::read(output).expect("spans")
    };
    assert!(spans("a.parquet", &[]) == spans("b.parquet", &["--memory-limit", "64MiB"]), "the bytes differ");
    assert_eq!(fs::read_dir(&temp).expect("a directory").count(), 0);
    let args = ["convert", &incident, "-o", "x.parquet", "--memory-limit", "little"];
    assert_eq!(code(&tracescan(&args)), 64);
}

/// Findings alone: with detectors left out, their tables are not written.
fn tables_of_detectors(args: &[&str]) -> Vec<String> {
    let directory = tempfile::tempdir().expect("a directory");
    let out = directory.path().display().to_string();
    let all: Vec<&str> = ["analyze", "--table-format", "json", "--output", &out].iter().chain(args).copied().collect();
    let output = tracescan(&all);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    vec![fs::read_to_string(directory.path().join("findings.json")).expect("findings")]
}

/// What `trace` finds in a trace is what `analyze` finds in it, also with other traces put aside.
#[test]
fn trace_finds_what_analyze_finds() {
    let incident = sample("incident.flat.parquet");
    let spans: Vec<&str> = std::iter::once(incident.as_str()).collect();
    let findings = tables_of_detectors(&spans);
    let mut findings: Vec<Value> = serde_json::from_str(&findings[0]).expect("JSON");
    // One trace does not show what is usual.
    findings
        .retain(|finding| !["serial-fan-out", "distributed-monolith"].iter().any(|late| finding["detector"] == *late));
    let id_of = |finding: &Value| finding["trace_id"].as_str().expect("an id").to_owned();
    let ids: BTreeSet<String> = findings.iter().map(id_of).collect();
    let told = |finding: &Value, impact: &str| {
        let texts =
            ["detector", "pattern_id", "span_id", "service", "operation", "target"].map(|key| finding[key].to_string());
        format!("{texts:?} {}", finding[impact])
    };
    let directory = tempfile::tempdir().expect("a directory");
    let temp = directory.path().display().to_string();
    for (index, id) in ids.iter().step_by(ids.len() / 12 + 1).enumerate() {
        let mut expected: Vec<String> =
            findings.iter().filter(|finding| id_of(finding) == *id).map(|finding| told(finding, "impact_ns")).collect();
        expected.sort();
        let mut args = vec!["trace", id, "--format", "json", "--temp-dir", &temp, "--memory-limit", "64MiB"];
        // The same spans again and again are dropped, but not before they are too many for the memory.
        args.splice(1..1, std::iter::repeat_n(incident.as_str(), if index == 0 { 140 } else { 1 }));
        let output = tracescan(&args);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let found = document["findings"].as_array().expect("findings");
        let mut found: Vec<String> = found.iter().map(|finding| told(finding, "impact_ns")).collect();
        found.sort();
        assert_eq!(found, expected, "{id}");
    }
    assert_eq!(fs::read_dir(directory.path()).expect("a directory").count(), 0);
}

/// One trace as JSON: the sections of every root follow each other without gap and add up to its duration.
#[test]
fn trace_as_json() {
    let incident = sample("incident.flat.parquet");
    let labels = fs::read_to_string(sample("incident.labels.jsonl")).expect("labels");
    let ids: BTreeSet<String> = labels
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["trace_id"].as_str().expect("an id").to_owned())
        .collect();
    for id in ids.iter().take(12) {
        let output = tracescan(&["trace", &incident, id, "--format", "json"]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let trace: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
        assert_eq!(trace["trace_id"], id.as_str());
        for root in trace["roots"].as_array().expect("roots") {
            let time =
                |section: &Value, key: &str| section[key].as_str().expect("a string").parse::<i64>().expect("ns");
            let sections = root["sections"].as_array().expect("sections");
            for pair in sections.windows(2) {
                assert_eq!(time(&pair[0], "end_unix_nano"), time(&pair[1], "start_unix_nano"));
            }
            let total: i64 =
                sections.iter().map(|section| time(section, "end_unix_nano") - time(section, "start_unix_nano")).sum();
            assert_eq!(Some(total), root["duration_ns"].as_i64());
        }
    }
    let unknown = tracescan(&["trace", &incident, "1234"]);
    assert_eq!(code(&unknown), 2);
    assert!(stderr(&unknown).contains("is not among the traces of the input"), "{}", stderr(&unknown));
}

/// A trace is found by its id as a UUID and by the digits that only it begins with; where several begin so, they are
/// named.
#[test]
fn traces_by_parts_of_their_ids() {
    let directory = tempfile::tempdir().expect("a directory");
    let ids = [
        "00112233445566778899aabbccddeeff",
        "0011223344556677ffffffffffffffff",
        "abcdef0123456789abcdef0123456789",
        "00000000000000001234567890abcdef",
    ];
    let span = |id: &str| {
        format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{id}","spanId":"0102030405060708","name":"a","startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000001000000000"}}]}}]}}]}}"#
        )
    };
    let lines: Vec<String> = ids.iter().map(|id| span(id)).collect();
    let file = write(directory.path(), "spans.jsonl", lines.join("\n").as_bytes());
    for (typed, found) in [
        ("00112233-4455-6677-8899-AABBCCDDEEFF", ids[0]),
        ("001122334455667788", ids[0]),
        ("abcdef01", ids[2]),
        ("ABCDEF0123456789abcdef0123456789", ids[2]),
        // An id of 64 bits, as a whole and in part.
        ("1234567890abcdef", ids[3]),
        ("1234567890", ids[3]),
    ] {
        let output = tracescan(&["trace", &file, typed, "--format", "json"]);
        assert_eq!(code(&output), 0, "{typed}: {}", stderr(&output));
        let trace: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
        assert_eq!(trace["trace_id"], found, "{typed}");
    }
    for (typed, said) in [
        ("00112233445566", "00112233445566 begins 2 trace ids: 00112233445566778899aabbccddeeff, 0011223344556677ffff"),
        ("abcdef0", "give at least 8 digits"),
        ("abcdef02", "trace abcdef02 is not among the traces of the input"),
        ("abc-def", "no trace id"),
    ] {
        let output = tracescan(&["trace", &file, typed]);
        assert_eq!(code(&output), 2, "{typed}");
        assert!(stderr(&output).contains(said), "{typed}: {}", stderr(&output));
    }
}

/// Every detector is explained, with its thresholds and columns.
#[test]
fn explain() {
    let list = stdout(&tracescan(&["explain"]));
    for name in TABLES.iter().filter(|table| !OF_NO_DETECTOR.contains(table)).map(|table| table.replace('_', "-")) {
        let name = name.as_str();
        assert!(list.contains(name));
        let text = stdout(&tracescan(&["explain", name]));
        assert!(text.contains("## When it is wrong") && text.contains("example_trace_id"), "{text}");
    }
    assert!(stdout(&tracescan(&["explain", "n-plus-one"])).contains("max_calls"));
}

/// Names from traces cannot steer the terminal that they are printed on.
#[test]
fn names_are_made_harmless() {
    let directory = tempfile::tempdir().expect("a directory");
    let line = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","name":"evil\u001b[31m\nname","startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000001000000000"}]}]}]}"#;
    let file = write(directory.path(), "evil.jsonl", line.as_bytes());
    let output = tracescan(&["analyze", &file]);
    assert_eq!(code(&output), 0);
    assert!(stdout(&output).contains("evil") && !stdout(&output).contains('\u{1b}'));
}

/// What nobody sees in a name is told on a terminal, in CSV and in Markdown; in data the name is as it was recorded.
#[test]
fn invisible_characters_are_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let name = "ca\u{200b}rt\u{ad}\u{202e}\u{feff}\u{fdd0}";
    let span = serde_json::json!({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": name}}]},
        "scopeSpans": [{"spans": [{"traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": "0102030405060708", "name": "a",
            "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000001000000000"}]}]}]});
    let file = write(directory.path(), "spans.jsonl", span.to_string().as_bytes());
    let told = r"ca\u{200b}rt\u{ad}\u{202e}\u{feff}\u{fdd0}";
    for (format, shown) in
        [("table", told.to_owned()), ("csv", told.to_owned()), ("markdown", told.replace('\\', r"\\"))]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_tracescan"))
            .args(["analyze", &file, "--format", format])
            .env("COLUMNS", "400")
            .output()
            .expect("the binary runs");
        assert!(stdout(&output).contains(&shown), "{format}: {}", stdout(&output));
        assert!(!stdout(&output).contains('\u{200b}'), "{format}");
    }
    let out = directory.path().join("out");
    for (format, file_name) in [("json", "latency_attribution.json"), ("parquet", "latency_attribution.parquet")] {
        let output = tracescan(&["analyze", &file, "--table-format", format, "--output", &out.display().to_string()]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let bytes = fs::read(out.join(file_name)).expect("the table");
        if format == "json" {
            let rows: Value = serde_json::from_slice(&bytes).expect("JSON");
            assert_eq!(rows[0]["service"], name);
        } else {
            let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(
                fs::File::open(out.join(file_name)).expect("the table"),
            );
            let batch = reader.expect("Parquet").build().expect("Parquet").next().expect("a row").expect("Parquet");
            let services = arrow::array::AsArray::as_string::<i32>(&batch["service"]);
            assert_eq!(services.value(0), name);
        }
    }
}

/// A selection that matches nothing is not an input without spans: what there is to select is told, in any format.
#[test]
fn an_empty_selection_is_not_an_empty_input() {
    for name in ["incident.flat.parquet", "incident.otlp.jsonl.gz"] {
        let output = tracescan(&["analyze", &sample(name), "--service", "chekout"]);
        assert_eq!(code(&output), 2, "{name}");
        let said = stderr(&output);
        assert!(said.contains("no trace matches --service chekout; services are account, "), "{said}");
        assert!(said.contains("did you mean checkout?") && !said.contains("holds no spans"), "{said}");
        let output = tracescan(&["analyze", &sample(name), "--service", "cart", "--until", "2020-01-01"]);
        assert!(stderr(&output).contains("; spans start between 2026-01-15T12:00:00"), "{}", stderr(&output));
        let output = tracescan(&["analyze", &sample(name), "--service", "chekout", "--allow-empty"]);
        assert_eq!((code(&output), stderr(&output).as_str()), (0, ""), "{name}");
    }
}

/// A dump can come through a pipe.
#[test]
fn standard_input() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tracescan"))
        .args(["analyze", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let bytes = fs::read(sample("incident.otlp.jsonl.gz")).expect("the sample");
    child.stdin.take().expect("a pipe").write_all(&bytes).expect("a reader");
    let output = child.wait_with_output().expect("an end");
    assert_eq!(code(&output), 0);
    assert!(stdout(&output).contains("6,001 in 211 traces"));
}

/// The same seed gives the same bytes.
#[test]
fn generate_is_repeatable() {
    let directory = tempfile::tempdir().expect("a directory");
    let make = |name: &str| {
        let path = directory.path().join(name).display().to_string();
        let output = tracescan(&["generate", "--spans", "2000", "--seed", "5", "-o", &path]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        fs::read(path).expect("the dump")
    };
    assert_eq!(make("a.otlp.jsonl"), make("b.otlp.jsonl"));
    assert_eq!(make("a.flat.parquet"), make("b.flat.parquet"));
    assert_eq!(fs::read_dir(directory.path()).expect("a directory").count(), 4);
}
