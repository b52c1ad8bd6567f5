//! A disk that is full: the message names it, the exit code says so, and nothing is left behind.

#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::{Command, Output};

/// Runs the binary in a file system of 64 KiB, and lists the files that it leaves there. Nothing is run where no file system
/// may be mounted.
#[expect(clippy::print_stderr, reason = "says why nothing was tested")]
fn on_full_disk(args: &[&str]) -> Option<Output> {
    const SCRIPT: &str = r#"
        mount -t tmpfs -o size=64k tmpfs "$1" || exit 77
        cd "$1"
        shift
        "$@" > /dev/null
        code=$?
        find . -type f
        exit $code
    "#;
    let directory = tempfile::tempdir().expect("a directory");
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", SCRIPT, "sh"])
        .arg(directory.path())
        .arg(env!("CARGO_BIN_EXE_tracescan"))
        .args(args)
        .output()
        .ok();
    let ran = output.filter(|output| {
        let said = String::from_utf8_lossy(&output.stderr);
        output.status.code() != Some(77) && !said.starts_with("unshare:")
    });
    if ran.is_none() {
        eprintln!("skipped: no file system may be mounted here");
    }
    ran
}

fn sample(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name).display().to_string()
}

#[test]
fn nothing_is_left_on_a_full_disk() {
    let incident = sample("incident.flat.parquet");
    let mut many = vec!["analyze", "--memory-limit", "64MiB", "--temp-dir", "."];
    many.extend([incident.as_str(); 140]);
    for (args, named) in [
        (&["analyze", &incident, "-o", "out", "--table-format", "json"][..], "out/"),
        (&["convert", &incident, "-o", "spans.parquet"], "spans.parquet"),
        (&["generate", "--spans", "10000", "-o", "spans.flat.parquet"], "spans.flat.parquet"),
        (&["generate", "--spans", "10000", "-o", "spans.binpb.zst", "--labels", "labels"], "spans.binpb.zst"),
        (&many, "--temp-dir"),
    ] {
        let Some(Output { status, stdout, stderr }) = on_full_disk(args) else { return };
        let said = String::from_utf8_lossy(&stderr);
        assert_eq!((status.code(), String::from_utf8_lossy(&stdout).as_ref()), (Some(2), ""), "{args:?}: {said}");
        assert!(said.contains(named) && said.matches("No space left on device").count() == 1, "{said}");
    }
}
