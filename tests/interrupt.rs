//! Ctrl-C and termination: the run ends soon with code 130, and nothing is left behind. What a killed run leaves is
//! taken away by the next one.

#![cfg(unix)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Far more than an interrupted run takes: it is there to fail on a run that never ends.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a busy machine may take to come to the moment that is waited for.
const TIME_TO_BEGIN: Duration = Duration::from_secs(60);

/// Names of output and temporary directory in the arguments of a run.
const OUT: &str = "OUT";
const TEMP: &str = "TEMP";

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name)
}

/// A run of the binary with an output and a temporary directory of its own.
struct Run {
    child: Child,
    directory: tempfile::TempDir,
}

impl Run {
    fn start(args: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let own = |name: &str| directory.path().join(name);
        [OUT, TEMP].iter().for_each(|name| fs::create_dir(own(name)).expect("a directory"));
        let args = args.iter().map(|arg| match Path::new(arg).components().next() {
            Some(first) if [OUT, TEMP].iter().any(|name| first.as_os_str() == *name) => own(arg).into_os_string(),
            _ => arg.into(),
        });
        let child = Command::new(env!("CARGO_BIN_EXE_tracescan"))
            .args(args)
            .env("TMPDIR", own(TEMP))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        Self { child, directory }
    }

    /// The names of all files that there are.
    fn files(&self) -> Vec<String> {
        let folders = [OUT, TEMP].map(|name| self.directory.path().join(name));
        let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).expect("a directory"));
        entries.map(|entry| entry.expect("a file").file_name().display().to_string()).collect()
    }

    /// Sends a signal and waits for the end.
    fn signal(mut self, signal: &str) -> (Output, Vec<String>) {
        let process = self.child.id().to_string();
        // The process may have ended by itself.
        let _ = Command::new("kill").args(["-s", signal, &process]).stderr(Stdio::null()).status().expect("kill runs");
        let since = Instant::now();
        while self.child.try_wait().expect("a child").is_none() {
            if since.elapsed() > PATIENCE {
                self.child.kill().expect("a child");
                panic!("still running {PATIENCE:?} after the signal");
            }
            sleep(Duration::from_millis(5));
        }
        let files = self.files();
        (self.child.wait_with_output().expect("an end"), files)
    }

    /// Sends a signal and checks that the run was interrupted and left nothing.
    fn ends_by(self, signal: &str) {
        let (output, files) = self.signal(signal);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), said.as_ref(), files), (Some(130), "", Vec::new()));
    }
}

/// What is in a folder, by name.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a directory");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("a file").file_name().display().to_string()).collect();
    names.sort();
    names
}

/// Runs the binary to its end.
fn run_to_end(args: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_tracescan")).args(args).output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

/// More than a pipe holds, so that whoever has taken it in is at work.
fn spans_without_end(run: &mut Run, times: usize) {
    let spans = fs::read(sample("incident.binpb.gz")).expect("the sample");
    let input = run.child.stdin.as_mut().expect("a pipe");
    // Members of gzip files may follow each other.
    (0..times).for_each(|_| input.write_all(&spans).expect("a reader"));
}

#[test]
fn while_reading() {
    for (args, signal) in [
        (&["analyze", "-", "-o", "OUT"][..], "INT"),
        (&["analyze", "-", "-o", "OUT"], "TERM"),
        (&["convert", "-", "-o", "OUT/spans.parquet"], "INT"),
        (&["trace", "-", "7382f0db29fa3860b8279190526e13ba"], "INT"),
    ] {
        let mut run = Run::start(args);
        spans_without_end(&mut run, 3);
        run.ends_by(signal);
    }
}

/// 64 MiB are too few for 700,000 spans. Files without names are told by the process that has them open.
#[cfg(target_os = "linux")]
fn run_that_puts_spans_aside() -> Run {
    let incident = sample("incident.flat.parquet").display().to_string();
    let mut args = vec!["analyze", "-o", "OUT", "--memory-limit", "64MiB", "--temp-dir", "TEMP", "--threads", "2"];
    args.extend([incident.as_str(); 140]);
    args.push("-");
    let run = Run::start(&args);
    let folder = run.directory.path().join(TEMP);
    let open_files = format!("/proc/{}/fd", run.child.id());
    let has_put_aside = || {
        let files = fs::read_dir(&open_files).expect("a process").filter_map(Result::ok);
        files.filter_map(|file| fs::read_link(file.path()).ok()).any(|target| target.starts_with(&folder))
    };
    let since = Instant::now();
    while !has_put_aside() {
        assert!(since.elapsed() < TIME_TO_BEGIN, "no span is put aside");
        sleep(Duration::from_millis(5));
    }
    run
}

#[cfg(target_os = "linux")]
#[test]
fn while_spans_are_put_aside() {
    run_that_puts_spans_aside().ends_by("INT");
}

#[cfg(target_os = "linux")]
#[test]
fn killed_while_spans_are_put_aside() {
    let (output, files) = run_that_puts_spans_aside().signal("KILL");
    assert_eq!((output.status.code(), files), (None, Vec::new()));
}

/// Parquet that comes through a pipe is copied to a temporary file.
#[test]
fn while_copying() {
    let mut run = Run::start(&["analyze", "-", "-o", "OUT", "--temp-dir", "TEMP"]);
    let spans = fs::read(sample("incident.flat.parquet")).expect("the sample");
    run.child.stdin.as_mut().expect("a pipe").write_all(&spans).expect("a reader");
    run.ends_by("INT");
}

#[test]
fn while_generating() {
    for name in ["spans.flat.parquet", "spans.binpb", "spans.otlp.jsonl.gz"] {
        let run =
            Run::start(&["generate", "--spans", "1000000000", "-o", &format!("OUT/{name}"), "--labels", "OUT/labels"]);
        let since = Instant::now();
        while run.files().len() < 2 && since.elapsed() < PATIENCE {
            sleep(Duration::from_millis(5));
        }
        run.ends_by("INT");
    }
}

/// Nobody reads what is printed, so that it never ends.
#[test]
fn while_printing() {
    let incident = sample("incident.flat.parquet").display().to_string();
    let mut run = Run::start(&["analyze", &incident, "--format", "ndjson", "--top", "100000", "--temp-dir", "TEMP"]);
    let mut first = [0; 1];
    std::io::Read::read_exact(run.child.stdout.as_mut().expect("a pipe"), &mut first).expect("output");
    run.ends_by("INT");
}

/// Whenever the signal comes, either all files are there or none is.
#[test]
fn at_any_moment() {
    let incident = sample("incident.flat.parquet").display().to_string();
    for (args, all) in [
        (&["analyze", &incident, "-o", "OUT", "--top", "0"][..], 32),
        (&["convert", &incident, "-o", "OUT/spans.parquet"], 1),
        (&["generate", "--spans", "5000", "-o", "OUT/spans.binpb", "--labels", "OUT/labels"], 2),
    ] {
        let since = Instant::now();
        let output = Run::start(args).child.wait_with_output().expect("an end");
        assert_eq!(output.status.code(), Some(0));
        let whole = since.elapsed();
        for step in (4..=20).step_by(2) {
            let run = Run::start(args);
            sleep(whole * step / 16);
            let (output, files) = run.signal("INT");
            match output.status.code() {
                Some(0) => assert_eq!(files.len(), all, "{args:?}"),
                // Without a code, the signal came before anything else.
                Some(130) | None => assert!(files.is_empty() || files.len() == all, "{args:?} left {files:?}"),
                code => panic!("{args:?} ended with {code:?}"),
            }
        }
    }
}

/// Starts a run that writes two files without end, and waits until both are begun.
fn run_that_writes_without_end() -> Run {
    let run = Run::start(&["generate", "--spans", "1000000000", "-o", "OUT/spans.binpb", "--labels", "OUT/labels"]);
    let since = Instant::now();
    while run.files().len() < 2 {
        assert!(since.elapsed() < TIME_TO_BEGIN, "no file is begun");
        sleep(Duration::from_millis(5));
    }
    run
}

/// What a killed run was writing is taken away by the next run into the directory; what a living one writes is not.
#[test]
fn after_a_kill() {
    let Run { child: mut killed, directory } = run_that_writes_without_end();
    let out = directory.path().join(OUT);
    killed.kill().and_then(|()| killed.wait()).expect("a child");
    assert_eq!(names(&out).len(), 2, "{:?}", names(&out));
    let next = out.join("next.binpb").display().to_string();
    run_to_end(&["generate", "--spans", "100", "-o", &next]);
    assert_eq!(names(&out), ["next.binpb"]);

    let Run { child: mut living, directory } = run_that_writes_without_end();
    let out = directory.path().join(OUT);
    let next = out.join("next.binpb").display().to_string();
    run_to_end(&["generate", "--spans", "100", "-o", &next]);
    assert_eq!(names(&out).len(), 3, "{:?}", names(&out));
    living.kill().and_then(|()| living.wait()).expect("a child");
    run_to_end(&["generate", "--spans", "100", "-o", &next]);
    assert_eq!(names(&out), ["next.binpb"]);
}

/// Whenever a run is killed, after the next one the directory holds that one alone.
#[test]
fn after_a_kill_at_any_moment() {
    let incident = sample("incident.flat.parquet").display().to_string();
    let directory = tempfile::tempdir().expect("a directory");
    let out = directory.path().join(OUT);
    let out_text = out.display().to_string();
    let args = |format| ["analyze", &incident, "-o", &out_text, "--top", "0", "--table-format", format];
    let since = Instant::now();
    run_to_end(&args("csv"));
    let whole = since.elapsed();
    let tables = names(&out);
    let in_format = |format: &str| -> Vec<String> { tables.iter().map(|name| name.replace(".csv", format)).collect() };
    for step in 8..=20 {
        let mut killed = Command::new(env!("CARGO_BIN_EXE_tracescan"))
            .args(args("parquet"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        sleep(whole * step / 18);
        killed.kill().and_then(|()| killed.wait()).expect("a child");
        run_to_end(&args("json"));
        assert_eq!(names(&out), in_format(".json"), "step {step}");
    }
}
