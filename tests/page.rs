//! The HTML report: whatever names spans have, it is the page that it is, within its size.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};

const SAMPLE: &str = "samples/incident.otlp.jsonl.gz";

/// Names that would be markup, end a script, run as one, or turn the text round.
const HOSTILE: [&str; 7] = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(2)>",
    "javascript:alert(3)",
    "\"><svg onload=alert(4)>",
    "line\u{2028}separator\u{2029} and \u{202e}reversed\u{202c}",
    "{{ 7 * 7 }} {% include \"page.html\" %}",
    "a\u{0}b\u{1b}[31mred",
];

fn tracescan(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tracescan")).args(arguments).output().expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    said
}

fn page(input: &Path, more: &[&str]) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    let report = directory.path().join("report.html");
    let input = input.to_str().expect("a path");
    let mut arguments = vec!["analyze", input, "-q", "--report", report.to_str().expect("a path")];
    arguments.extend(more);
    tracescan(&arguments);
    std::fs::read_to_string(report).expect("a page")
}

/// A request of `service` that calls each of `targets` eight times, one after the other; the calls fail.
fn request(number: u64, service: &str, name: &str, targets: &[&str]) -> serde_json::Value {
    let text = |text: &str| json!({ "stringValue": text });
    let trace_id = format!("{:032x}", number + 1);
    let time = |ms: u64| (1_767_225_600_000_000_000 + (number * 1_000 + ms) * 1_000_000).to_string();
    let mut spans = vec![json!({
        "traceId": trace_id, "spanId": format!("{:016x}", 1), "name": name, "kind": 2,
        "startTimeUnixNano": time(0), "endTimeUnixNano": time(900),
    })];
    for (place, target) in targets.iter().enumerate() {
        for call in 0..8 {
            let start = 10 * (8 * place as u64 + call) + 1;
            spans.push(json!({
                "traceId": trace_id, "spanId": format!("{:016x}", 2 + 8 * place as u64 + call),
                "parentSpanId": format!("{:016x}", 1), "name": name, "kind": 3,
                "startTimeUnixNano": time(start), "endTimeUnixNano": time(start + 8),
                "status": { "code": 2, "message": name },
                "attributes": [
                    { "key": "server.address", "value": text(target) },
                    { "key": "peer.service", "value": text(target) },
                ],
            }));
        }
    }
    json!({ "resourceSpans": [{
        "resource": { "attributes": [{ "key": "service.name", "value": text(service) }] },
        "scopeSpans": [{ "spans": spans }],
    }] })
}

fn dump(directory: &Path, requests: impl Iterator<Item = serde_json::Value>) -> PathBuf {
    let path = directory.join("dump.jsonl");
    let lines: Vec<String> = requests.map(|request| request.to_string()).collect();
    std::fs::write(&path, lines.join("\n")).expect("a file");
    path
}

/// What stands in `page` between each `open` and the next `close`.
fn between<'a>(page: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    page.split(open).skip(1).filter_map(|rest| rest.split(close).next()).collect()
}

#[test]
fn hostile_names_stay_text() {
    let directory = tempfile::tempdir().expect("a directory");
    let requests = HOSTILE.iter().enumerate().map(|(number, name)| request(number as u64, name, name, &HOSTILE));
    let page =
        page(&dump(directory.path(), requests), &["--trace-url", "https://traces.example/?q=\u{7b}trace_id\u{7d}&a=b"]);
    assert!(page.contains("&#60;script&#62;alert(1)") || page.contains("&lt;script&gt;alert(1)"), "the name is there");
    // The data and the script, and nothing else that runs or loads.
    let scripts = between(&page, "<script", ">");
    assert_eq!(scripts, [" type=\"application/json\" id=\"data\"", ""]);
    for absent in ["<img", "<iframe", "<svg onload", "\u{202e}", "\u{2028}", "\u{0}", "\u{1b}"] {
        assert!(!page.contains(absent), "{absent:?}");
    }
    assert!(page.contains("{{ 7 * 7 }}"), "a template is text as well");
    let data = between(&page, "id=\"data\">", "</script>");
    assert!(serde_json::from_str::<serde_json::Value>(data[0]).is_ok());
    for href in between(&page, "href=\"", "\"") {
        let is_known = href.starts_with('#') || href == "data:," || href.starts_with("https://traces.example/?q=");
        assert!(is_known, "{href}");
    }
}

/// Browsers run the script and the style of the page and no others: the hashes are theirs.
#[test]
fn the_policy_names_what_is_there() {
    let page = page(Path::new(SAMPLE), &[]);
    let policy = between(&page, "Content-Security-Policy\" content=\"", "\"")[0];
    let hash = |text: &str| base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text.as_bytes()));
    let style = hash(between(&page, "<style>", "</style>")[0]);
    let script = hash(between(&page, "<script>", "</script>")[0]);
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(policy.contains(&format!("style-src 'sha256-{style}'")), "{policy}");
    assert!(policy.contains(&format!("script-src 'sha256-{script}'")), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(!page.contains(" style=\"") && !page.contains(" onclick"), "neither would be run");
}

/// What matters is said: the costliest problem, what failed first, a trace to open, where the rest stands.
#[test]
fn the_first_screen_gives_the_answer() {
    let page = page(Path::new(SAMPLE), &["--trace-url", "jaeger:https://jaeger.example"]);
    let start = &page[page.find("<header>").expect("a header")..page.find("id=\"problems\"").expect("problems")];
    for said in [
        "7 of 211 requests failed",
        "12:01:00 payment POST /charges, 503",
        "checkout tries payment POST /charges up to 5 times",
        "Open trace <a href=\"https://jaeger.example/trace/7382f0db29fa3860b8279190526e13ba\"",
    ] {
        assert!(start.contains(said), "{said}");
    }
    assert!(page.contains("https://jaeger.example/trace/7382f0db29fa3860b8279190526e13ba"));
    for section in ["problems", "timeline", "map", "flames", "latency", "tables", "measured"] {
        assert!(page.contains(&format!("<section id=\"{section}\"")), "{section}");
    }
    // The trace of the first problem, with what proves it.
    assert!(page.contains("this finding") && page.contains("evidence"));
}

/// However much there is to say, the page keeps its size and says what it leaves out.
#[test]
fn pages_keep_their_size() {
    let directory = tempfile::tempdir().expect("a directory");
    let targets: Vec<String> = (0..10).map(|number| format!("target-{number}")).collect();
    let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
    let requests = (0..260).map(|number| request(number, &format!("service-{number}"), "GET /", &targets));
    let input = dump(directory.path(), requests);
    for (size, most) in [("2MB", 2_000_000), ("300kB", 300_000)] {
        let page = page(&input, &["--report-size", size]);
        assert!(page.len() <= most, "{size}: {}", page.len());
        assert!(page.contains("more patterns not shown"), "{size}");
        assert!(page.contains("<details id=\"p-"), "{size}: some problems stay");
    }
}

/// The same spans give the same page, on any number of threads and in any order.
#[test]
fn pages_are_the_same_whatever_the_order() {
    let directory = tempfile::tempdir().expect("a directory");
    let make = |reverse: bool| {
        let mut requests: Vec<serde_json::Value> = (0..60)
            .map(|number| request(number, &format!("service-{}", number % 3), "GET /", &["cart", "stock"]))
            .collect();
        if reverse {
            requests.reverse();
        }
        dump(directory.path(), requests.into_iter())
    };
    let of = |reverse: bool, threads: &str| {
        let text = page(&make(reverse), &["--threads", threads]);
        // The last section tells arguments and the name of the file, which differ.
        text.split_once("<section id=\"measured\">").expect("the last section").0.to_owned()
    };
    let first = of(false, "1");
    assert!(first == of(false, "2") && first == of(true, "2"), "the pages differ");
}

/// Where nothing was found, that is the answer.
#[test]
fn nothing_found_is_said() {
    let directory = tempfile::tempdir().expect("a directory");
    let page = page(&dump(directory.path(), (0..3).map(|number| request(number, "web", "GET /", &[]))), &[]);
    assert!(page.contains("no anti-pattern was found") && page.contains("None was found."));
}

/// Reports of the configuration are those of whole runs: neither a part nor a comparison writes over them.
#[test]
fn configured_reports_are_of_whole_runs() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name).to_str().expect("a path").to_owned();
    let [config, report, out, part] = ["tracescan.toml", "report.folded", "out", "a.part"].map(path);
    std::fs::write(&config, format!("report = [{report:?}]\n")).expect("a file");
    let is_there = || Path::new(&report).exists();
    tracescan(&["analyze", SAMPLE, "--config", &config, "--partial", &part]);
    assert!(!is_there(), "a part is no run");
    tracescan(&["analyze", SAMPLE, "-q", "--config", &config, "-o", &out]);
    assert!(is_there());
    std::fs::remove_file(&report).expect("the report");
    tracescan(&["compare", &out, &out, "--config", &config]);
    assert!(!is_there(), "a comparison has its own");
}
