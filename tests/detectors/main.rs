//! For every detector, traces where it fires and look-alikes where it must stay silent.
//!
//! A trace is a text file below `NAME/fires` or `NAME/silent`. A line is a span, indented below its parent:
//!
//! ```text
//! expect: web cart 6                                   service, target (- for none), measured: one line a finding
//! web SERVER "GET /cart" 0..100
//!   web CLIENT "cart.get" 1..9 rpc.system=grpc *6+10   the span and what is below it six times, 10 ms apart
//!     cart SERVER "GetCart" 2..8 ERROR                 times in ms, status, attributes ({n}: the span's number)
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use tracescan::analysis::{AnalysisSettings, Partial, analyse};
use tracescan::conventions::UncountedCalls;
use tracescan::detectors::{Detectors, catalog};
use tracescan::frame::{Collection, FrameBuilder, SpanSink};
use tracescan::span::{KeyValue, Origin, SpanId, SpanKind, SpanRecord, StatusCode, TraceId, Value};
use tracescan::trace::{Facts, OverlapTolerance, derive};

struct Line {
    depth: usize,
    service: String,
    kind: SpanKind,
    name: String,
    start_ms: f64,
    end_ms: f64,
    status: StatusCode,
    attributes: Vec<(String, String)>,
    times: u64,
    step_ms: f64,
    children: Vec<Line>,
}

/// Words of a line; a quoted word may hold spaces.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            _ => words.last_mut().expect("never empty").push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn parse_line(line: &str) -> Line {
    let words = words(line.trim());
    let (start, end) = words[3].split_once("..").expect("start..end");
    let mut parsed = Line {
        depth: (line.len() - line.trim_start().len()) / 2,
        service: words[0].clone(),
        kind: SpanKind::from_text(&words[1]),
        name: words[2].clone(),
        start_ms: start.parse().expect("start in ms"),
        end_ms: end.parse().expect("end in ms"),
        status: StatusCode::Unset,
        attributes: Vec::new(),
        times: 1,
        step_ms: 0.0,
        children: Vec::new(),
    };
    for word in &words[4..] {
        if let Some(repeat) = word.strip_prefix('*') {
            let (times, step) = repeat.split_once('+').expect("*times+step");
            (parsed.times, parsed.step_ms) = (times.parse().expect("times"), step.parse().expect("step in ms"));
        } else if let Some((key, value)) = word.split_once('=') {
            parsed.attributes.push((key.to_owned(), value.to_owned()));
        } else {
            parsed.status = StatusCode::from_text(word);
            assert_ne!(parsed.status, StatusCode::Unset, "{word} is no status");
        }
    }
    parsed
}

fn parse(text: &str) -> Vec<Line> {
    let mut stack: Vec<Line> = Vec::new();
    let mut roots = Vec::new();
    let close_to = |stack: &mut Vec<Line>, roots: &mut Vec<Line>, depth: usize| {
        while stack.len() > depth {
            let done = stack.pop().expect("longer than depth");
            stack.last_mut().map_or(&mut *roots, |parent| &mut parent.children).push(done);
        }
    };
    for line in
        text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#') && !line.starts_with("expect:"))
    {
        let line = parse_line(line);
        close_to(&mut stack, &mut roots, line.depth);
        stack.push(line);
    }
    close_to(&mut stack, &mut roots, 0);
    roots
}

fn emit(line: &Line, parent: SpanId, shift_ms: f64, next_id: &mut u64, builder: &mut FrameBuilder) {
    let attribute = |(key, value): &(String, String), number: u64| KeyValue {
        key: key.clone().into(),
        value: Value::Str(value.replace("{n}", &number.to_string()).into()),
    };
    for time in 0..line.times {
        let shift_ms = shift_ms + time as f64 * line.step_ms;
        *next_id += 1;
        let at = |ms: f64| 1_700_000_000_000_000_000 + ((ms + shift_ms) * 1e6) as u64 + 1;
        let span_id = SpanId(*next_id);
        let record = SpanRecord {
            trace_id: TraceId([7; 16]),
            span_id,
            parent_span_id: parent,
            name: line.name.clone().into(),
            kind: line.kind,
            status: line.status,
            start_unix_nano: at(line.start_ms),
            end_unix_nano: at(line.end_ms),
            attributes: line.attributes.iter().map(|pair| attribute(pair, *next_id)).collect(),
            ..SpanRecord::default()
        };
        let service = KeyValue { key: "service.name".into(), value: Value::Str(line.service.clone().into()) };
        let origin = Origin { resource_attributes: vec![service], ..Origin::default() };
        builder.span(&origin, &record, 0);
        for child in &line.children {
            emit(child, span_id, shift_ms, next_id, builder);
        }
    }
}

fn analysed(text: &str) -> (Partial, Facts) {
    let mut builder = FrameBuilder::default();
    for root in parse(text) {
        emit(&root, SpanId::NONE, 0.0, &mut 0, &mut builder);
    }
    let collection = Collection::of(vec![builder]);
    let facts = derive(&collection.vocabulary, &UncountedCalls::default());
    let settings = AnalysisSettings {
        detectors: Detectors::default(),
        enabled: catalog().iter().map(|description| description.name).collect(),
        overlap_tolerance: OverlapTolerance { millionths: 10_000 },
    };
    (analyse(&collection, &facts, &settings, &|_| {}, &AtomicBool::new(false)).results, facts)
}

/// The findings of a detector as lines of the same form as expectations.
fn found(detector: &str, text: &str) -> Vec<String> {
    let (partial, facts) = analysed(text);
    let detectors = Detectors::default();
    let index = detectors.all().iter().position(|known| known.description().table == detector);
    let findings = &partial.findings[index.expect("a folder is named like a table")];
    let mut lines: Vec<String> = (0..findings.len())
        .map(|row| {
            let target = findings.targets[row].map_or("-", |target| facts.symbols.resolve(target.name));
            format!("{} {} {}", facts.symbols.resolve(findings.services[row]), target, findings.measured[row])
        })
        .collect();
    lines.sort_unstable();
    lines
}

fn cases(detector: &str, kind: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/detectors").join(detector).join(kind);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut cases: Vec<(PathBuf, String)> = files
        .map(|file| file.expect("a file").path())
        .map(|path| (path.clone(), fs::read_to_string(path).expect("text")))
        .collect();
    cases.sort();
    assert!(!cases.is_empty(), "{} has no case", folder.display());
    cases
}

fn check(detector: &str) {
    for (path, text) in cases(detector, "fires") {
        let mut expected: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("expect: ")).collect();
        expected.sort_unstable();
        assert!(!expected.is_empty(), "{} expects nothing", path.display());
        assert_eq!(found(detector, &text), expected, "{}", path.display());
    }
    for (path, text) in cases(detector, "silent") {
        assert_eq!(found(detector, &text), Vec::<String>::new(), "{}", path.display());
    }
}

/// N+1 calls are found by caller and target, and nothing that only looks like them is.
#[test]
fn n_plus_one() {
    check("n_plus_one");
}

/// Chains of synchronous hops are found with their length, and nothing that nobody waits for is.
#[test]
fn sync_chain() {
    check("sync_chain");
}

/// Retried requests are found with their amplification, and loops, polling, redirects and hedges are not.
#[test]
fn retry_storm() {
    check("retry_storm");
}

/// Failures that spread are found at their origin with the number of services that failed.
#[test]
fn failure_amplification() {
    check("failure_amplification");
}

/// Every case, of any detector: the sections of each path partition its interval, and attribution adds up to the sum of
/// the durations of all roots, segments and fragments.
#[test]
fn time_adds_up_in_every_case() {
    for detector in ["n_plus_one", "sync_chain", "retry_storm", "failure_amplification"] {
        for (path, text) in cases(detector, "fires").into_iter().chain(cases(detector, "silent")) {
            let (partial, _) = analysed(&text);
            let entries: i64 = parse(&text).iter().map(|root| ((root.end_ms - root.start_ms) * 1e6) as i64).sum();
            let rows = partial.attribution.finish();
            let of_roots = rows.iter().filter(|row| row.entry.kind.as_str() == "root");
            assert_eq!(of_roots.map(|row| row.critical_ns).sum::<i64>(), entries, "{}", path.display());
        }
    }
}
