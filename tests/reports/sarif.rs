//! SARIF is valid by its schema, and keeps what GitHub asks for beyond it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;

use serde_json::Value;
use tempfile::TempDir;

use crate::inputs::{self, MANY};
use crate::{analyze, assert_valid, report};

/// GitHub's limits.
const MAX_RESULTS: usize = 5_000;
const MAX_COMPRESSED_BYTES: usize = 10_000_000;

#[test]
fn it_is_valid_and_what_github_takes() {
    for input in inputs::all() {
        let text = report(&input.path, ".sarif", &["--trace-url", "https://jaeger.example/trace/{trace_id}"]);
        let document: Value = serde_json::from_str(&text).unwrap();
        assert_valid("sarif-2.1.0.json", &document);
        let run = &document["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        let ids: Vec<&str> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
        for rule in rules {
            for text in [
                &rule["shortDescription"]["text"],
                &rule["fullDescription"]["text"],
                &rule["help"]["text"],
                &rule["help"]["markdown"],
            ] {
                assert!(text.as_str().is_some_and(|text| !text.trim().is_empty()), "{rule}");
            }
            assert!(rule["properties"].get("security-severity").is_none());
        }
        let results = run["results"].as_array().unwrap();
        let mut fingerprints = BTreeSet::new();
        for result in results {
            let id = result["ruleId"].as_str().unwrap();
            assert_eq!(ids[result["ruleIndex"].as_u64().unwrap() as usize], id);
            assert!(fingerprints.insert(result["partialFingerprints"]["patternId/v1"].as_str().unwrap()));
            let place = &result["locations"][0]["physicalLocation"];
            let uri = place["artifactLocation"]["uri"].as_str().unwrap();
            assert!(!uri.starts_with('/') && !uri.contains(':'), "{uri}");
            assert!(place["region"]["startLine"].as_u64() >= Some(1));
            let rank = result["rank"].as_f64().unwrap();
            assert!((0.0..=100.0).contains(&rank), "{rank}");
            let message = result["message"]["text"].as_str().unwrap();
            assert!(!message.trim().is_empty() && message.chars().count() < 3_000, "{message}");
            assert!(!message.contains("](") && !message.chars().any(char::is_control), "{message}");
            let address = result["hostedViewerUri"].as_str().unwrap();
            assert_eq!(
                address,
                format!("https://jaeger.example/trace/{}", result["properties"]["example_trace_id"].as_str().unwrap())
            );
        }
        assert!(results.len() <= MAX_RESULTS);
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        assert!(encoder.finish().unwrap().len() <= MAX_COMPRESSED_BYTES);
        match input.name {
            "quiet" => assert!(results.is_empty()),
            "many" => {
                let notes = run["invocations"][0]["toolExecutionNotifications"].to_string();
                assert_eq!(results.len(), MAX_RESULTS);
                assert!(
                    notes.contains(&format!("{} patterns beyond the first 5000 left out", MANY - MAX_RESULTS)),
                    "{notes}"
                );
            }
            _ => assert!(results.len() >= 8, "{}: {}", input.name, results.len()),
        }
    }
}

/// What is known is suppressed with its reason, and beside a baseline each result says whether it is new.
#[test]
fn it_tells_what_is_known_and_what_is_new() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let input = inputs::incident();
    let input = input.path.to_str().unwrap();
    fs::write(path("c.toml"), "[[ignore]]\ndetector = \"retry-storm\"\nreason = \"is <known>\"\n").unwrap();
    let (baseline, sarif, config) = (path("baseline"), path("new.sarif"), path("c.toml"));
    assert!(analyze(&[input, "--output", &baseline, "--service", "web"]).status.success());
    assert!(analyze(&[input, "--baseline", &baseline, "--config", &config, "--report", &sarif]).status.success());
    let document: Value = serde_json::from_str(&fs::read_to_string(sarif).unwrap()).unwrap();
    assert_valid("sarif-2.1.0.json", &document);
    let results = document["runs"][0]["results"].as_array().unwrap();
    let states: BTreeSet<&str> = results.iter().map(|result| result["baselineState"].as_str().unwrap()).collect();
    assert!(states.contains("unchanged") && states.contains("new"), "{states:?}");
    let mut suppressed = 0;
    for result in results {
        let is_known = result["ruleId"] == "retry-storm";
        assert_eq!(result.get("suppressions").is_some(), is_known);
        if is_known {
            assert_eq!(result["suppressions"][0]["justification"], "is <known>");
            assert_eq!(result["level"], "note");
            suppressed += 1;
        }
    }
    assert!(suppressed > 2);
}

/// What trips the gate is an error, and why the run fails is told.
#[test]
fn it_tells_what_trips_the_gate() {
    let text = report(&inputs::incident().path, ".sarif", &["--fail-on", "n-plus-one"]);
    let document: Value = serde_json::from_str(&text).unwrap();
    let run = &document["runs"][0];
    let notes = run["invocations"][0]["toolExecutionNotifications"].as_array().unwrap();
    assert!(
        notes
            .iter()
            .any(|note| note["level"] == "error" && note["message"]["text"].as_str().unwrap().contains("finding"))
    );
    let of_rule = |rule: &str| -> Vec<&str> {
        let results = run["results"].as_array().unwrap().iter().filter(|result| result["ruleId"] == rule);
        results.map(|result| result["level"].as_str().unwrap()).collect()
    };
    assert!(of_rule("n-plus-one").contains(&"error"));
    assert!(of_rule("sync-chain").iter().all(|&level| level != "error"));
}

/// A comparison of two runs is reported like a run beside its baseline: by the tables that lie in the directories.
#[test]
fn comparisons_are_reported_too() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let input = inputs::incident();
    let input = input.path.to_str().unwrap();
    let (old, new) = (path("old"), path("new"));
    assert!(analyze(&[input, "--output", &old, "--service", "web"]).status.success());
    assert!(analyze(&[input, "--output", &new]).status.success());
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tracescan"));
    command.args(["compare", &old, &new, "--fail-on", "new"]);
    for extension in ["sarif", "xml", "prom", "github", "codequality.json"] {
        command.args(["--report", &path(&format!("report.{extension}"))]);
    }
    let output = command.output().unwrap();
    let code = output.status.code();
    assert!([Some(0), Some(1)].contains(&code), "{}", String::from_utf8_lossy(&output.stderr));
    let document: Value = serde_json::from_str(&fs::read_to_string(path("report.sarif")).unwrap()).unwrap();
    assert_valid("sarif-2.1.0.json", &document);
    let results = document["runs"][0]["results"].as_array().unwrap();
    assert!(results.len() > 10 && results.iter().all(|result| result.get("baselineState").is_some()));
    let gauges = fs::read_to_string(path("report.prom")).unwrap();
    assert!(gauges.contains(&format!("tracescan_gate_failed {}\n", code.unwrap())), "{gauges}");
    let notes = document["runs"][0]["invocations"][0]["toolExecutionNotifications"].as_array().unwrap();
    assert_eq!(notes.iter().any(|note| note["level"] == "error"), code == Some(1), "{notes:#?}");
}
