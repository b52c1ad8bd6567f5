//! What `generate` plants of what only many traces show together is what `analyze` finds.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Those of which one trace says too little.
const DETECTORS: [&str; 6] =
    ["serial-fan-out", "hard-dependency", "timeouts", "circuit-breaker", "throttling", "saturation"];

fn done(arguments: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_tracescan")).args(arguments).output().expect("the binary runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Every planted trace is a problem of its detector, and no other trace is: neither look-alikes nor ordinary traffic.
#[test]
fn what_many_traces_show_is_what_was_planted() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (spans, labels, out) = (path("spans.flat.parquet"), path("labels.jsonl"), path("out"));
    for seed in ["1", "2"] {
        done(&[
            "generate",
            "--spans",
            "20000",
            "--seed",
            seed,
            "-o",
            &spans,
            "--labels",
            &labels,
            "--anti-patterns",
            "0.1",
            "--faults",
            "0.6",
        ]);
        done(&["analyze", &spans, "--output", &out, "--table-format", "json"]);
        let findings = fs::read_to_string(Path::new(&out).join("findings.json")).expect("findings");
        let findings: Vec<Value> = serde_json::from_str(&findings).expect("JSON");
        let labels = fs::read_to_string(&labels).expect("labels");
        let labels: Vec<Value> = labels.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        for detector in DETECTORS {
            let traces = |rows: &[Value], column: &str, value: &str| -> BTreeSet<String> {
                let rows = rows.iter().filter(|row| row["detector"] == detector && row[column] == value);
                rows.map(|row| row["trace_id"].to_string()).collect()
            };
            let (planted, found) = (traces(&labels, "kind", "planted"), traces(&findings, "level", "problem"));
            let look_alikes = traces(&labels, "kind", "look_alike");
            assert!(planted.len() > 5 && !look_alikes.is_empty(), "{detector}");
            assert!(found.is_disjoint(&look_alikes), "{detector} finds a look-alike");
            let missing = planted.difference(&found).count();
            let beside: Vec<&String> = found.difference(&planted).collect();
            // A breaker lets a call through now and then, and the first failures after others may open it sooner.
            let (may_miss, may_find) = if detector == "circuit-breaker" { (0.2, 0.3) } else { (0.0, 0.0) };
            assert!(
                missing as f64 <= may_miss * planted.len() as f64,
                "{detector} misses {missing} of {}",
                planted.len()
            );
            assert!(beside.len() as f64 <= may_find * planted.len() as f64, "{detector} finds {beside:?}");
        }
        fs::remove_dir_all(&out).expect("removable");
    }
}
