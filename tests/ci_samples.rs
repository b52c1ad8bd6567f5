//! The samples for CI do what they say: the gate runs as GitHub would run it, and its reports are where they are looked for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// Runs the step of the action in a folder of its own, with the binary on `PATH`.
fn run_gate(folder: &Path, settings: &[(&str, &str)]) -> Output {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_tracescan"));
    let own = program.parent().unwrap().display().to_string();
    let path = format!("{own}:{}", std::env::var("PATH").unwrap());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/ci/gate.sh");
    let mut command = Command::new("bash");
    command.arg(script).current_dir(folder).stdin(Stdio::null()).env("PATH", path);
    for name in ["CONFIG", "BASELINE", "FAIL_ON"] {
        command.env(name, "");
    }
    command.env("GITHUB_OUTPUT", folder.join("output")).env("GITHUB_STEP_SUMMARY", folder.join("summary"));
    command.envs(settings.iter().copied()).output().expect("bash runs")
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A gate that fails leaves its reports, its exit code and its words, and lets the steps run that take them up.
#[test]
fn a_failing_gate_leaves_its_reports() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/incident.otlp.jsonl.gz");
    let ran = run_gate(folder, &[("TRACES", sample.to_str().unwrap()), ("FAIL_ON", "any"), ("OUT", "out")]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(read(folder, "output"), "exit-code=1\nreports=out\n");
    assert_eq!(read(folder, "out/exit-code"), "1\n");
    assert!(String::from_utf8_lossy(&ran.stdout).contains("\n::error title=tracescan "));
    assert!(read(folder, "summary").contains("> **failed**: "));
    assert!(read(folder, "out/report.sarif").contains("\"2.1.0\""));
    assert!(read(folder, "out/report.xml").contains("<failure"));
    assert!(read(folder, "out/report.html").contains("</html>"));
    assert!(read(folder, "out/report.codequality.json").contains("blocker"));

    // The tables are the baseline of the next run, in which nothing is new.
    let baseline = folder.join("out/tables");
    let settings = [
        ("TRACES", sample.to_str().unwrap()),
        ("BASELINE", baseline.to_str().unwrap()),
        ("FAIL_ON", "new,worse"),
        ("OUT", "next"),
    ];
    let ran = run_gate(folder, &settings);
    assert_eq!(read(folder, "next/exit-code"), "0\n", "{}", String::from_utf8_lossy(&ran.stderr));
}

/// The first run has no baseline: what would look at it is left out, and said.
#[test]
fn the_first_run_has_no_baseline() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/healthy.flat.parquet");
    let traces = format!("\n{}\n", sample.display());
    let ran = run_gate(folder, &[("TRACES", &traces), ("BASELINE", "none"), ("FAIL_ON", "new,worse,n-plus-one")]);
    assert_eq!(read(folder, "tracescan-report/exit-code"), "0\n", "{}", String::from_utf8_lossy(&ran.stderr));
    assert!(String::from_utf8_lossy(&ran.stdout).contains("no baseline in 'none'"));
    let recorded: serde_json::Value = serde_json::from_str(&read(folder, "tracescan-report/tables/run.json")).unwrap();
    assert_eq!(recorded["settings"]["fail_on"], serde_json::json!(["n-plus-one"]));
}

/// Input that cannot be read is told by its exit code, not taken for a success.
#[test]
fn unreadable_input_fails_the_job() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    run_gate(folder, &[("TRACES", "nowhere/"), ("FAIL_ON", "any")]);
    assert!(read(folder, "output").starts_with("exit-code=2\n"));
    let ran = run_gate(folder, &[("TRACES", "")]);
    assert!(!ran.status.success());
}
