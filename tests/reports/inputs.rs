//! What is analysed.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// An input; the folder that it may lie in goes with it.
pub(crate) struct Input {
    pub(crate) name: &'static str,
    pub(crate) path: PathBuf,
    _folder: Option<TempDir>,
}

/// A sample of the repository.
fn sample(name: &'static str, file: &str) -> Input {
    Input { name, path: Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(file), _folder: None }
}

fn written(name: &'static str, spans: &[String]) -> Input {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("spans.jsonl");
    std::fs::write(&path, spans.join("\n")).unwrap();
    Input { name, path, _folder: Some(folder) }
}

/// With many problems.
pub(crate) fn incident() -> Input {
    sample("incident", "incident.otlp.jsonl.gz")
}

/// Without any: requests that are answered at once, with a call each.
pub(crate) fn quiet() -> Input {
    let span = |trace, id, parent, service, kind| span(trace, [id, parent], service, "GET /", [kind, 1], 0);
    let of_trace = |trace| [span(trace, 1, 0, "web", 2), span(trace, 2, 1, "web", 3), span(trace, 3, 2, "cart", 2)];
    written("quiet", &(0..20).flat_map(of_trace).collect::<Vec<_>>())
}

/// Spans of a real system, if they are on this machine; else that is said.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
pub(crate) fn real() -> Option<Input> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/real/robot-shop.flat.parquet");
    if !path.exists() {
        eprintln!("skipped: there is no {}", path.display());
        return None;
    }
    Some(Input { name: "real", path, _folder: None })
}

/// All of them.
pub(crate) fn all() -> Vec<Input> {
    [incident(), quiet(), hostile(), many()].into_iter().chain(real()).collect()
}

/// So many patterns `many` has.
pub(crate) const MANY: usize = 5_200;

/// A pattern for each of many services that fail.
pub(crate) fn many() -> Input {
    let spans: Vec<String> = (0..MANY)
        .map(|number| span(number, [1, 0], &format!("service-{number:05}"), "GET /", [2, 2], number))
        .collect();
    written("many", &spans)
}

/// What might mean something where it is shown.
pub(crate) fn hostile_names() -> Vec<String> {
    let mut names: Vec<String> = [
        "two\nlines\r\nand more",
        "::error file=a,line=1::got you",
        "%0A::warning::%25",
        "##[error]got you",
        "quotes \" ' ` and \\ backslash \\",
        "]]> <script>alert(1)</script> <!-- & &amp;",
        "[click](javascript:alert(1))",
        "line\u{2028}paragraph\u{2029}end",
        "right\u{202e}tfel\u{200f} \u{feff}\u{fffe}\u{ffff}",
        "control \u{0}\u{1}\u{7}\u{1b}[31m\u{7f}\u{9b}",
        "a;b;c 12",
        "{0} {label=\"x\"} # HELP x",
        "} -> n1 [label=\"x\"]; //",
        "日本語 Zürich 👍🏽",
        " ",
    ]
    .map(str::to_owned)
    .to_vec();
    names.push("long ".repeat(2_000));
    names
}

/// Services and operations with such names, which call each other and fail.
pub(crate) fn hostile() -> Input {
    let names = hostile_names();
    let mut spans = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let callee = &names[(number + 1) % names.len()];
        spans.push(span(number, [1, 0], name, name, [2, 2], 0));
        spans.push(span(number, [2, 1], name, callee, [3, 2], 0));
        spans.push(span(number, [3, 2], callee, name, [2, 2], 0));
    }
    written("hostile", &spans)
}

/// A span of 80 ms as a line of OTLP. Those below begin later and end earlier. A parent of 0 is none.
fn span(
    trace: usize,
    [id, parent]: [u64; 2],
    service: &str,
    name: &str,
    [kind, status]: [u8; 2],
    delay_ms: usize,
) -> String {
    let start = 1_700_000_000_000_000_000 + delay_ms as u64 * 1_000_000 + id * 10_000_000;
    let end = start + 100_000_000 - 20_000_000 * id;
    let parent = if parent == 0 { String::new() } else { format!("{parent:016x}") };
    let document = serde_json::json!({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
        "scopeSpans": [{"spans": [{
            "traceId": format!("{:032x}", trace + 1),
            "spanId": format!("{id:016x}"),
            "parentSpanId": parent,
            "name": name,
            "kind": kind,
            "startTimeUnixNano": start.to_string(),
            "endTimeUnixNano": end.to_string(),
            "status": {"code": status, "message": name},
        }]}],
    }]});
    document.to_string()
}

/// Failures of two services, one of which says in a span above the call that fails where its code is.
pub(crate) fn with_code() -> Input {
    let code = r#","attributes":[{"key":"code.file.path","value":{"stringValue":"/app/cart service.py"}},{"key":"code.line.number","value":{"intValue":"17"}}]"#;
    let mut spans = Vec::new();
    for trace in 0..3 {
        let served = span(trace, [1, 0], "cart", "GET /", [2, 2], 0);
        spans.push(served.replacen(r#","name":"#, &format!(r#"{code},"name":"#), 1));
        spans.push(span(trace, [2, 1], "cart", "SELECT", [3, 2], 0));
        spans.push(span(trace + 10, [1, 0], "stock", "GET /", [2, 2], 0));
    }
    assert!(spans[0].contains("code.file.path"), "{}", spans[0]);
    written("with code", &spans)
}
