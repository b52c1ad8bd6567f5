//! No output shows what `sensitive-data` finds: secrets that are planted in every field that reaches any output do not come out,
//! unless `--show-values` is given.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tracescan::conventions::{Attribute, AttributeClass};

/// Put together so that nobody who looks for secrets in sources takes them for some.
const KEY: &str = concat!("AKIAQ3EGTQ7Y", "DKX5WJ2N");
const TOKEN: &str = concat!("ghp_16C7e42F292c6912E771", "0c838347Ae178B4a");
const SIGNED: &str =
    concat!("eyJhbGciOiJIUzI1NiJ9", ".eyJzdWIiOiIxMjM0NTY3ODkwIn0", ".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P");
const PASSWORD: &str = "hunter2pw";
const BEARER: &str = "9f8e7d6c5b4a39281706abcd";
const MAIL: &str = "ann.lee@shop.io";

/// What must not be seen of them: pieces that no template leaves by chance.
const TRACES: [&str; 8] = [KEY, TOKEN, "c838347Ae178B4a", SIGNED, "dozjgNryP4J3jVmNHl0w5N", PASSWORD, BEARER, MAIL];

const TRACE_ID: &str = "000000000000000000000000000000ab";

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

/// A value of an attribute, with secrets in it.
fn planted(attribute: Attribute) -> String {
    match attribute {
        Attribute::UrlFull => {
            format!(
                "https://ann:{PASSWORD}@api.{TOKEN}.example.com/u/{MAIL}/{KEY}?password={PASSWORD}#access_token={TOKEN}"
            )
        }
        Attribute::UrlPath | Attribute::HttpRoute | Attribute::UrlTemplate => {
            format!("/u/{MAIL}/{KEY}/{SIGNED}?password={PASSWORD}")
        }
        Attribute::DbQueryText => {
            format!("SELECT \"{TOKEN}\" FROM \"{KEY}\" WHERE password = '{PASSWORD}' AND mail = '{MAIL}' -- {SIGNED}")
        }
        Attribute::DbConnectionString => format!("postgres://app:{PASSWORD}@db/orders?password={PASSWORD}"),
        // Names of hosts and of who consumes look like addresses of people.
        Attribute::HttpHost | Attribute::NetHostName | Attribute::MessagingGroup => {
            format!("a {KEY} b {TOKEN} c {SIGNED} e --password={PASSWORD}")
        }
        _ => format!("a {KEY} b {TOKEN} c {SIGNED} d {MAIL} e --password={PASSWORD} f Bearer {BEARER}"),
    }
}

/// A trace whose spans say every attribute under every spelling, one a span, beside what makes them calls; and some more traces.
fn dump() -> String {
    let message =
        format!("Bearer {BEARER} of {MAIL} refused at postgres://app:{PASSWORD}@db/orders with {TOKEN} and {SIGNED}");
    let name = format!("login {TOKEN} {MAIL} --password={PASSWORD} {SIGNED}");
    let span = |trace: u64, id: u64, kind: u32, attributes: Vec<Value>| {
        let parent = if id == 1 { String::new() } else { format!("{:016x}", 1) };
        let start = 1_700_000_000_000_000_000 + trace * 1_000_000_000 + id * 1_000_000;
        let (service, trace_id) = (format!("shop {KEY}"), format!("{:032x}", 0xab + trace));
        let of_resource = Attribute::ALL.iter().filter(|attribute| attribute.class() == AttributeClass::Resource);
        let of_resource = of_resource.map(|&attribute| text(attribute.aliases()[0], &planted(attribute)));
        let of_resource: Vec<Value> = [text("service.name", &service)].into_iter().chain(of_resource).collect();
        let event = json!({"name": "exception", "attributes": [
            text("exception.type", &format!("E {KEY}")), text("exception.message", &message),
        ]});
        json!({"resourceSpans": [{
            "resource": {"attributes": of_resource},
            "scopeSpans": [{"scope": {"name": format!("lib {TOKEN}")}, "spans": [{
                "traceId": trace_id, "spanId": format!("{id:016x}"), "parentSpanId": parent, "name": name, "kind": kind,
                "startTimeUnixNano": start.to_string(), "endTimeUnixNano": (start + 500_000).to_string(),
                "status": {"code": 2, "message": message}, "attributes": attributes, "events": [event],
                "traceState": format!("vendor={TOKEN}"),
            }]}],
        }]})
        .to_string()
    };
    let mut lines = Vec::new();
    for trace in 0..2 {
        let header = text("http.request.header.authorization", &format!("Bearer {BEARER}"));
        lines.push(span(trace, 1, 2, vec![header, text("user.email", MAIL)]));
        let mut id = 1;
        for &attribute in Attribute::ALL.iter().filter(|attribute| attribute.is_recorded()) {
            for spelling in attribute.aliases() {
                id += 1;
                lines.push(span(trace, id, 3 + (id % 3) as u32, vec![text(spelling, &planted(attribute))]));
            }
        }
    }
    lines.join("\n")
}

fn run(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tracescan"));
    command.current_dir(folder).args(arguments).env("COLUMNS", "4000").env("NO_COLOR", "1");
    let output = command.output().expect("the program runs");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {errors}");
    [output.stdout, output.stderr].concat()
}

/// All bytes of the files below a folder.
fn bytes_below(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        all.extend(if path.is_dir() { bytes_below(&path) } else { fs::read(&path).unwrap() });
    }
    all
}

/// Secrets in an output, each with what stands before it.
fn seen_in(output: &[u8]) -> Vec<String> {
    const BEFORE: usize = 80;
    let output = String::from_utf8_lossy(output);
    let seen = |secret: &str| {
        let at = output.find(secret)?;
        let start = (at.saturating_sub(BEFORE)..=at).find(|&start| output.is_char_boundary(start))?;
        Some(output[start..at + secret.len()].to_owned())
    };
    TRACES.into_iter().filter_map(seen).collect()
}

/// Whatever is asked for, in whatever format.
const COMMANDS: [&[&str]; 16] = [
    &["analyze", "dump.jsonl", "--tables", "all", "--top", "1000"],
    &["analyze", "dump.jsonl", "--format", "markdown"],
    &["analyze", "dump.jsonl", "--format", "csv"],
    &["analyze", "dump.jsonl", "--format", "json"],
    &["analyze", "dump.jsonl", "--format", "ndjson"],
    &["analyze", "dump.jsonl", "-o", "csv", "--table-format", "csv"],
    &["analyze", "dump.jsonl", "-o", "json", "--table-format", "json"],
    &["analyze", "dump.jsonl", "--partial", "part"],
    &[
        "analyze",
        "dump.jsonl",
        "-q",
        "--report",
        "a.html",
        "--report",
        "a.md",
        "--report",
        "a.sarif",
        "--report",
        "a.xml",
    ],
    &["analyze", "dump.jsonl", "-q", "--report", "a.prom", "--report", "a.folded", "--report", "a.speedscope.json"],
    &["analyze", "dump.jsonl", "-q", "--report", "a.dot", "--report", "a.github", "--report", "a.codequality.json"],
    &["trace", "dump.jsonl", TRACE_ID, "--all", "--attributes"],
    &["trace", "dump.jsonl", TRACE_ID, "--format", "json"],
    &["trace", "dump.jsonl", TRACE_ID, "--format", "chrome"],
    &["trace", "dump.jsonl", TRACE_ID, "--format", "speedscope"],
    &["query", "json", "SELECT * FROM findings"],
];

#[test]
fn no_output_shows_a_secret() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path();
    let inputs = tempfile::tempdir().unwrap();
    let input = inputs.path().join("dump.jsonl");
    fs::write(&input, dump()).unwrap();
    let input = input.to_str().expect("paths of tests are texts");
    let mut failures = Vec::new();
    for command in COMMANDS {
        let arguments: Vec<&str> =
            command.iter().map(|&argument| if argument == "dump.jsonl" { input } else { argument }).collect();
        let seen = seen_in(&run(folder, &arguments));
        if !seen.is_empty() {
            failures.push(format!("{command:?} shows {seen:?}"));
        }
        let seen = seen_in(&bytes_below(folder));
        if !seen.is_empty() {
            failures.push(format!("files of {command:?} hold {seen:?}"));
            break;
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));

    let found = run(
        folder,
        &["query", "json", "SELECT kind FROM sensitive_data GROUP BY kind ORDER BY kind", "--format", "csv"],
    );
    let found = String::from_utf8_lossy(&found).into_owned();
    for kind in [
        "argument",
        "aws-key",
        "bearer",
        "email",
        "jwt",
        "sql-literal",
        "url-parameter",
        "url-password",
        "vendor-token",
    ] {
        assert!(found.lines().any(|line| line == kind), "{kind} is found: {found}");
    }
    let shown = run(folder, &["trace", input, TRACE_ID, "--all", "--attributes", "--show-values"]);
    assert!(seen_in(&shown).iter().any(|seen| seen.ends_with(KEY)), "whoever asks for it sees it");
}
