//! For every detector, traces where it fires and look-alikes where it must stay silent.
//!
//! A case is a text file below `TABLE/fires` or `TABLE/silent`. A line is a span, indented below its parent; a line `trace`
//! begins another trace:
//!
//! ```text
//! expect: web cart 6                                   service, target (- for none), measured: one line a finding
//! row: shape=loop execution=serial saving_ns=45ms      columns of the detector's table: one line a row
//! web SERVER "GET /cart" 0..100
//!   web CLIENT "cart.get" 1..9 rpc.system=grpc *6+10   the span and what is below it six times, 10 ms apart
//!     cart SERVER "GetCart" 2..8 ERROR                 times in ms, status, attributes ({n}: the span's number)
//! ```
//!
//! Where a case has lines `row:`, the table has that many rows, and each line matches a row of its own. Durations are written
//! like `45ms`, `1.5s` or `0`, shares like `0.5`, lists like `web,cart`, no value as `-`; a value with spaces is quoted. A case
//! that fires may have no findings but rows.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use tracescan::analysis::{AnalysisSettings, analyse};
use tracescan::conventions::UncountedCalls;
use tracescan::detectors::{Cell, Column, Detectors, Unit, catalog};
use tracescan::frame::{Collection, FrameBuilder, SpanSink};
use tracescan::rank::{Table, ranked_tables};
use tracescan::span::{KeyValue, Origin, SpanId, SpanKind, SpanRecord, StatusCode, TraceId, Value};
use tracescan::trace::{OverlapTolerance, derive};

/// When the times of cases begin, in ns since 1970.
const EPOCH_NS: u64 = 1_700_000_000_000_000_000;

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

/// Whether a line says something of the case, not of a span.
fn is_about_case(line: &str) -> bool {
    line.trim().is_empty() || line.starts_with(['#']) || line.starts_with("expect:") || line.starts_with("row:")
}

/// The roots of each trace.
fn parse(text: &str) -> Vec<Vec<Line>> {
    let mut traces: Vec<Vec<&str>> = vec![Vec::new()];
    for line in text.lines().filter(|line| !is_about_case(line)) {
        match line.trim() {
            "trace" => traces.push(Vec::new()),
            _ => traces.last_mut().expect("never empty").push(line),
        }
    }
    traces.iter().filter(|lines| !lines.is_empty()).map(|lines| parse_trace(lines)).collect()
}

fn parse_trace(lines: &[&str]) -> Vec<Line> {
    let mut stack: Vec<Line> = Vec::new();
    let mut roots = Vec::new();
    let close_to = |stack: &mut Vec<Line>, roots: &mut Vec<Line>, depth: usize| {
        while stack.len() > depth {
            let done = stack.pop().expect("longer than depth");
            stack.last_mut().map_or(&mut *roots, |parent| &mut parent.children).push(done);
        }
    };
    for line in lines {
        let line = parse_line(line);
        close_to(&mut stack, &mut roots, line.depth);
        stack.push(line);
    }
    close_to(&mut stack, &mut roots, 0);
    roots
}

fn emit(line: &Line, trace_id: TraceId, parent: SpanId, shift_ms: f64, next_id: &mut u64, builder: &mut FrameBuilder) {
    let attribute = |(key, value): &(String, String), number: u64| KeyValue {
        key: key.clone().into(),
        value: Value::Str(value.replace("{n}", &number.to_string()).into()),
    };
    for time in 0..line.times {
        let shift_ms = shift_ms + time as f64 * line.step_ms;
        *next_id += 1;
        let at = |ms: f64| EPOCH_NS + ((ms + shift_ms) * 1e6) as u64 + 1;
        let span_id = SpanId(*next_id);
        let record = SpanRecord {
            trace_id,
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
            emit(child, trace_id, span_id, shift_ms, next_id, builder);
        }
    }
}

/// The tables of a case, that of findings as the last.
fn tables(text: &str) -> Vec<Table> {
    let mut builder = FrameBuilder::default();
    let mut next_id = 0;
    for (number, roots) in (1u8..).zip(parse(text)) {
        for root in roots {
            emit(&root, TraceId([number; 16]), SpanId::NONE, 0.0, &mut next_id, &mut builder);
        }
    }
    let collection = Collection::of(vec![builder]);
    let facts = derive(&collection.vocabulary, &UncountedCalls::default());
    let settings = AnalysisSettings {
        detectors: Detectors::default(),
        enabled: catalog().iter().map(|entry| entry.description.name).collect(),
        overlap_tolerance: OverlapTolerance { millionths: 10_000 },
    };
    let analysis = analyse(&collection, &facts, &settings, &|_| {}, &AtomicBool::new(false));
    ranked_tables(analysis, &settings.detectors, &facts).expect("tables")
}

/// A value as cases write it.
fn written(column: &Column, cell: &Cell) -> String {
    match cell {
        Cell::None => "-".to_owned(),
        Cell::Int(0) => "0".to_owned(),
        Cell::Int(ns) if matches!(column.unit, Unit::Nanoseconds) => {
            const UNITS: [(i64, &str); 4] = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"), (1, "ns")];
            // A second and a half is written as such, not as 1500 ms.
            let (unit_ns, unit) = UNITS
                .into_iter()
                .find(|(unit_ns, _)| ns.abs() >= *unit_ns && ns % (unit_ns / 10).max(1) == 0)
                .unwrap_or((1, "ns"));
            format!("{}{unit}", *ns as f64 / unit_ns as f64)
        }
        Cell::Int(ns) if matches!(column.unit, Unit::Time) => {
            format!("{}ms", (ns - EPOCH_NS as i64 - 1) as f64 / 1e6)
        }
        Cell::Int(number) => number.to_string(),
        Cell::Float(number) => format!("{}", (number * 1e4).round() / 1e4),
        Cell::Flag(true) => "yes".to_owned(),
        Cell::Flag(false) => "no".to_owned(),
        Cell::Text(text) if text.is_empty() => "-".to_owned(),
        Cell::Text(text) => text.clone(),
        Cell::Names(names) if names.is_empty() => "-".to_owned(),
        Cell::Names(names) => names.join(","),
    }
}

/// The rows of a table as `column=value`.
fn rows(table: &Table) -> Vec<Vec<String>> {
    let row = |row: usize| {
        let columns = table.columns.iter().zip(&table.values);
        columns.map(|(column, cells)| format!("{}={}", column.name, written(column, &cells[row]))).collect()
    };
    (0..table.row_count()).map(row).collect()
}

/// Findings of a detector as lines of the same form as expectations.
fn found(table: &str, tables: &[Table]) -> Vec<String> {
    let findings = tables.last().expect("a table of findings");
    let name = table.replace('_', "-");
    let value = |row: usize, column: &str| {
        let (column, cells) = findings.column(column).expect("a column");
        written(column, &cells[row])
    };
    let mut lines: Vec<String> = (0..findings.row_count())
        .filter(|&row| value(row, "detector") == name)
        .map(|row| format!("{} {} {}", value(row, "service"), value(row, "target"), value(row, "measured")))
        .collect();
    lines.sort_unstable();
    lines
}

/// The folders of cases, each named like a table.
fn folders() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/detectors");
    let entries = fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut names: Vec<String> = entries
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn cases(table: &str, kind: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/detectors").join(table).join(kind);
    let Ok(files) = fs::read_dir(&folder) else { return Vec::new() };
    let mut cases: Vec<(PathBuf, String)> = files
        .map(|file| file.expect("a file").path())
        .map(|path| (path.clone(), fs::read_to_string(path).expect("text")))
        .collect();
    cases.sort();
    cases
}

/// Pairs each expected row with a row of its own; the first expectation without one is the answer.
fn unmatched<'a>(expected: &'a [Vec<String>], rows: &[Vec<String>]) -> Option<&'a Vec<String>> {
    fn pair(expected: &[Vec<String>], rows: &[Vec<String>], taken: &mut Vec<bool>) -> bool {
        let Some((first, rest)) = expected.split_first() else { return true };
        (0..rows.len()).any(|row| {
            if taken[row] || !first.iter().all(|value| rows[row].contains(value)) {
                return false;
            }
            taken[row] = true;
            let all = pair(rest, rows, taken);
            taken[row] = all;
            all
        })
    }
    let fits = |count: usize| pair(&expected[..count], rows, &mut vec![false; rows.len()]);
    (1..=expected.len()).find(|&count| !fits(count)).map(|count| &expected[count - 1])
}

fn check_rows(path: &Path, text: &str, table: &Table) {
    let expected: Vec<Vec<String>> = text.lines().filter_map(|line| line.strip_prefix("row:")).map(words).collect();
    if expected.is_empty() {
        return;
    }
    for value in expected.iter().flatten() {
        let name = value.split('=').next().unwrap_or_default();
        assert!(table.column(name).is_some(), "{}: there is no column {name}", path.display());
    }
    let rows = rows(table);
    let shown: Vec<String> = rows.iter().map(|row| row.join(" ")).collect();
    let shown = shown.join("\n  ");
    assert_eq!(rows.len(), expected.len(), "{} has other rows:\n  {shown}", path.display());
    if let Some(row) = unmatched(&expected, &rows) {
        panic!("{}: no row of its own for {}; there are\n  {shown}", path.display(), row.join(" "));
    }
}

/// Every case: the findings and the rows that it says, and none where it says none.
#[test]
fn cases_hold() {
    let folders = folders();
    assert!(folders.len() >= 5, "{folders:?}");
    for name in folders {
        let table = |tables: &[Table]| {
            tables.iter().find(|table| table.name == name).cloned().expect("a folder is named like a table")
        };
        let has_findings =
            catalog().iter().any(|entry| entry.description.table == name && entry.description.has_findings);
        for (path, text) in cases(&name, "fires") {
            let tables = tables(&text);
            let mut expected: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("expect: ")).collect();
            expected.sort_unstable();
            assert!(!has_findings || !expected.is_empty(), "{} expects nothing", path.display());
            assert_eq!(found(&name, &tables), expected, "{}", path.display());
            check_rows(&path, &text, &table(&tables));
        }
        for (path, text) in cases(&name, "silent") {
            let tables = tables(&text);
            assert_eq!(found(&name, &tables), Vec::<String>::new(), "{}", path.display());
            assert_eq!(rows(&table(&tables)), Vec::<Vec<String>>::new(), "{}", path.display());
        }
    }
}

/// Every case, of any detector: attribution adds up to the sum of the durations of all roots.
#[test]
fn time_adds_up_in_every_case() {
    for name in folders() {
        for (path, text) in cases(&name, "fires").into_iter().chain(cases(&name, "silent")) {
            let roots = parse(&text);
            let durations: i64 = roots
                .iter()
                .flatten()
                .map(|root| ((root.end_ms - root.start_ms) * 1e6) as i64 * root.times as i64)
                .sum();
            let tables = tables(&text);
            let attribution = tables.iter().find(|table| table.name == "latency_attribution").expect("a table");
            let cells = |name| attribution.column(name).expect("a column").1.iter();
            let of_roots =
                cells("entry_kind").zip(cells("critical_ns")).filter_map(|(kind, time)| match (kind, time) {
                    (Cell::Text(kind), Cell::Int(time)) if kind == "root" => Some(*time),
                    _ => None,
                });
            assert_eq!(of_roots.sum::<i64>(), durations, "{}", path.display());
        }
    }
}

/// A row is no other row's.
#[test]
fn expectations_take_rows_of_their_own() {
    let row = |values: &[&str]| -> Vec<String> { values.iter().map(ToString::to_string).collect() };
    let rows = [row(&["a=1", "b=1"]), row(&["a=1", "b=2"])];
    assert_eq!(unmatched(&[row(&["a=1"]), row(&["b=1"])], &rows), None);
    assert_eq!(unmatched(&[row(&["b=1"]), row(&["b=1"])], &rows), Some(&row(&["b=1"])));
}
