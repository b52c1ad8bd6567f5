//! `--window`: who made the requests of some minutes slower, or fail, in all outputs, in parts, and what is said of wrong windows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn tracescan(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tracescan")).args(arguments).output().expect("the program runs")
}

fn done(arguments: &[&str]) -> String {
    let output = tracescan(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// What is said of a run that fails.
fn refused(arguments: &[&str]) -> String {
    let output = tracescan(arguments);
    assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}");
    String::from_utf8_lossy(&output.stderr).trim_end().to_owned()
}

fn sample() -> String {
    text(&Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/incident.flat.parquet")).to_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are texts")
}

fn json_file(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON")
}

/// Names of the columns of a table in JSON.
fn columns(rows: &Value) -> Vec<&str> {
    rows[0].as_object().expect("a row").keys().map(String::as_str).collect()
}

/// `run.json` has what was compared, the tables have their columns, and the rows of each suspect add up to its blame.
#[test]
fn tables_and_run_json() {
    let directory = tempfile::tempdir().expect("a directory");
    let out = text(directory.path());
    done(&["analyze", &sample(), "--window", "12:01..12:02", "--output", out, "--table-format", "json"]);
    let run = json_file(&directory.path().join("run.json"));
    let incident = &run["incident"];
    assert_eq!(incident["window"]["start"], "2026-01-15T12:01:00.000000000Z");
    assert_eq!(incident["window"]["end"], "2026-01-15T12:02:00.000000000Z");
    assert_eq!((&incident["window_requests"], &incident["baseline_requests"]), (&47.into(), &162.into()));
    assert_eq!((&incident["confidence"], &incident["baseline_window"]), (&"clear".into(), &Value::Null));
    assert_eq!(run["settings"]["incident"]["window"], "12:01..12:02");

    let [suspects, rows] =
        ["suspects", "suspect_rows"].map(|table| json_file(&directory.path().join(format!("{table}.json"))));
    assert_eq!(
        columns(&suspects),
        [
            "rank",
            "suspect",
            "kind",
            "score",
            "blame_ns",
            "blame_share",
            "time_ratio",
            "excess_failures",
            "excess_failure_share",
            "vanished_calls",
            "appeared_calls",
            "onset",
            "evidence",
            "example_trace_id",
            "baseline_example_trace_id",
        ]
    );
    let latency = json_file(&directory.path().join("latency_attribution.json"));
    let expected = [vec!["suspect"], columns(&latency), vec!["window_ns", "baseline_ns", "difference_ns"]].concat();
    assert_eq!(columns(&rows), expected);
    let rows = rows.as_array().expect("rows");
    for suspect in suspects.as_array().expect("suspects") {
        let of_suspect = rows.iter().filter(|row| row["suspect"] == suspect["suspect"]);
        let differences = of_suspect.map(|row| {
            let number = |column: &str| row[column].as_i64().expect("a number");
            assert_eq!(number("window_ns") - number("baseline_ns"), number("difference_ns"));
            assert_eq!(number("critical_ns"), number("window_ns"));
            number("difference_ns")
        });
        assert_eq!(Some(differences.sum::<i64>()), suspect["blame_ns"].as_i64(), "{suspect}");
    }
}

/// Each output tells of the suspects; on a terminal in words alone.
#[test]
fn every_output_tells_of_suspects() {
    let with =
        |format: &str| done(&["analyze", &sample(), "--window", "12:01..12:02", "--format", format, "--top", "2"]);
    let json: Value = serde_json::from_str(&with("json")).expect("JSON");
    assert_eq!(json["incident"]["confidence"], "clear");
    let suspects = json["tables"]["suspects"].as_array().expect("suspects");
    assert_eq!((suspects.len(), &suspects[0]["suspect"]), (2, &"payment".into()));
    let verdict = "2026-01-15T12:01:00Z to 2026-01-15T12:02:00Z, 47 requests compared with 162 at other times: clear";
    let markdown = with("markdown");
    assert!(markdown.contains(&format!("- incident: {verdict}")) && markdown.contains("## incident"), "{markdown}");
    assert!(with("csv").starts_with("table,rank,suspect,kind,score,"));
    assert!(with("ndjson").starts_with("{\"table\":\"suspects\",\"rank\":1,\"suspect\":\"payment\""));
    let table = with("table");
    assert!(table.contains("\n1  payment: +20 %") && !table.contains("time ratio"), "{table}");
    // What nobody asked for is not there.
    assert!(!done(&["analyze", &sample(), "--format", "json", "--top", "1"]).contains("incident\":"));
}

/// The same bytes for any number of threads, any order of inputs, and in parts.
#[test]
fn the_same_bytes_in_any_way() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let dumps: Vec<PathBuf> = ["1", "2"].map(|seed| path(&format!("{seed}.flat.parquet"))).to_vec();
    for (dump, seed) in dumps.iter().zip(["1", "2"]) {
        done(&["generate", "--spans", "30000", "--seed", seed, "--anti-patterns", "0.3", "--output", text(dump)]);
    }
    let tables = |name: &str| {
        ["suspects", "suspect_rows"].map(|table| {
            let file = fs::read(path(name).join(format!("{table}.csv"))).expect("a table");
            String::from_utf8(file).expect("text")
        })
    };
    let [first, second] = [text(&dumps[0]), text(&dumps[1])];
    let output = ["--table-format", "csv", "--window", "12:02..12:06", "--output"];
    let analyze = |name: &str, more: &[&str]| {
        done(&[&["analyze"], more, &output, &[text(&path(name))]].concat());
        tables(name)
    };
    let expected = analyze("one", &[first, second, "--threads", "1"]);
    assert!(expected.iter().all(|table| table.lines().count() > 5), "{expected:?}");
    assert_eq!(analyze("two", &[second, first, "--threads", "2"]), expected);
    let parts = ["a.partial", "b.partial"].map(&path);
    for (dump, part) in dumps.iter().zip(&parts) {
        done(&["analyze", text(dump), "--partial", text(part), "--window", "auto"]);
    }
    let merged = path("merged");
    done(&[&["merge", text(&parts[1]), text(&parts[0])], &output[..], &[text(&merged)]].concat());
    assert_eq!(tables("merged"), expected);
}

/// Parts that say nothing of requests are refused by name; with them everything else can still be merged.
#[test]
fn parts_must_keep_requests() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let (with, without) = (path("with.partial"), path("without.partial"));
    done(&["analyze", &sample(), "--partial", text(&without)]);
    done(&["analyze", &sample(), "--partial", text(&with), "--window", "-1min.."]);
    let error = refused(&["merge", text(&without), "--window", "auto"]);
    assert!(error.contains("without.partial was analysed without --window"), "{error}");
    done(&["merge", text(&without)]);
    assert!(!done(&["merge", text(&with)]).contains("incident "));
    assert!(done(&["merge", text(&with), "--window", "12:01..12:02"]).contains("\n1  payment: "));
}

/// What makes no sense is refused, with what the times of the dump are.
#[test]
fn wrong_windows() {
    let error = |arguments: &[&str]| refused(&[&["analyze", &sample()], arguments].concat());
    assert_eq!(
        error(&["--window", "13:00..14:00"]),
        "error: no request begins within --window 13:00..14:00 (2026-01-15T13:00:00Z to 2026-01-15T14:00:00Z); requests of the \
         dump begin from 2026-01-15T12:00:00Z to 2026-01-15T12:04:17Z"
    );
    assert!(error(&["--window", "12:00..12:10"]).starts_with("error: nothing is left to compare the window with"));
    assert!(error(&["--window", "12:01:00Z"]).starts_with("error: --window must be auto, or FROM..TO with times like"));
    assert!(error(&["--baseline-window", "12:00..12:01"]).contains("--window"));
    let baseline = ["--window", "12:01..12:02", "--baseline-window", "13:00..14:00"];
    assert!(error(&baseline).contains("too few requests begin within --baseline-window 13:00..14:00"));
}

/// What the README of the samples shows is what the program says.
#[test]
fn the_walk_through_is_fresh() {
    let said = done(&["analyze", &sample(), "--window", "12:01..12:02", "--top", "1"]);
    let (_, said) = said.split_once("\n\n").expect("a header");
    let (said, _) = said.split_once("\n\n").expect("tables");
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/README.md");
    let readme = fs::read_to_string(readme).expect("a README");
    assert!(said.starts_with("incident ") && said.lines().count() <= 10, "{said}");
    assert!(readme.contains(said), "{said}");
}

/// The comparison is explained as detectors are.
#[test]
fn it_is_explained() {
    let text = done(&["explain", "incident"]);
    for part in
        ["## When it is wrong", "mostly quiet", "## Columns of suspects", "## Columns of suspect_rows", "difference_ns"]
    {
        assert!(text.contains(part), "{part}");
    }
    assert!(done(&["explain"]).contains("\n  incident "));
}
