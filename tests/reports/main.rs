//! Reports are what those who read them can read: each kind is checked by its schema or reader, for input with problems, without
//! any, with names that mean harm, and with more patterns than are told.

mod annotations;
mod inputs;
mod junit;
mod pictures;
mod prometheus;
mod sarif;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// Runs `analyze`; the answer has its exit code.
fn analyze(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tracescan"));
    let output =
        command.arg("analyze").args(arguments).args(["--quiet", "--threads", "2"]).stdin(Stdio::null()).output();
    output.expect("the binary runs")
}

/// What analysing an input gives as a report of a kind. More arguments may follow.
fn report(input: &Path, extension: &str, more: &[&str]) -> String {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(format!("report{extension}"));
    let output = analyze(&[&[input.to_str().unwrap(), "--report", path.to_str().unwrap()], more].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!([Some(0), Some(1)].contains(&output.status.code()), "{extension}: {said}");
    std::fs::read_to_string(&path).unwrap()
}

/// Whatever the number of threads and the order of input, a report is the same bytes.
#[test]
fn reports_are_the_same_bytes() {
    let folder = TempDir::new().unwrap();
    let (hostile, many) = (inputs::hostile(), inputs::many());
    let [first, second] = [&hostile.path, &many.path].map(|path| path.to_str().unwrap());
    let kinds = [".sarif", ".xml", ".folded", ".speedscope.json", ".dot", ".github", ".codequality.json"];
    let written = |name: &str, inputs: [&str; 2], threads: &str| -> Vec<String> {
        let path = |kind: &&str| folder.path().join(format!("{name}{kind}"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_tracescan"));
        command.arg("analyze").args(inputs).args(["--quiet", "--threads", threads]).stdin(Stdio::null());
        kinds.iter().for_each(|kind| _ = command.arg("--report").arg(path(kind)));
        assert!(command.output().unwrap().status.success());
        kinds.iter().map(|kind| std::fs::read_to_string(path(kind)).unwrap()).collect()
    };
    let (one, other) = (written("one", [first, second], "1"), written("other", [second, first], "4"));
    for ((kind, one), other) in kinds.iter().zip(one).zip(other) {
        assert!(one == other, "{kind} differs");
    }
}

/// Runs a reader on a text, if it is on this machine; else that is said and the answer is none.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn read_by(program: &str, arguments: &[&str], text: &str, extension: &str) -> Option<Output> {
    let folder = TempDir::new().unwrap();
    let path: PathBuf = folder.path().join(format!("report{extension}"));
    std::fs::write(&path, text).unwrap();
    let output = Command::new(program).args(arguments).arg(&path).stdin(Stdio::null()).output();
    if output.is_err() {
        eprintln!("skipped: there is no {program} on this machine");
    }
    output.ok()
}

/// Asserts that a document is what a schema in `schemas` says.
fn assert_valid(schema: &str, document: &serde_json::Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reports/schemas").join(schema);
    let schema: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).take(5).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}
