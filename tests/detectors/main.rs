//! For every detector, traces where it fires and look-alikes where it must stay silent, given to the real program.
//!
//! Cases are text files below `TABLE/fires` and `TABLE/silent`, or `TABLE/rows` for a table that every input has rows in.
//! A line is a span, indented below its parent:
//!
//! ```text
//! expect: web cart 6                                   service, target (- for none), measured: one line a finding
//! expect: web cart 6 *10                               the same ten times
//! finding: service=web operation="GET /cart"           columns of a finding: there is one like this
//! row: shape=loop saving_ns=40ms induced=false         columns of one row of the table: one line a row
//! config: sync-chain.max_hops = 4                      a line of the configuration file
//! rows: 3                                              how many rows there are, if not as many as such lines
//! web SERVER "GET /cart" 0..100
//!   web CLIENT "cart.get" 1..9 rpc.system=grpc *6+10   the span and what is below it six times, 10 ms apart
//!     cart SERVER "GetCart" 2..8 ERROR                 times in ms, status, attributes ({n}: the span's number; @ before those
//!                                                      of its resource, event: before those of an event; status.message,
//!                                                      and missing.parent where the parent is not in the input)
//! trace *3                                             what follows is another trace, here three with the same spans
//! trace *3+500                                         the same, each 500 ms after the one before
//! web SERVER "GET /" 0..100
//! web PRODUCER "send" 0..9 as:sent                     a name for the span, and for each that it stands for
//! work CONSUMER "process" 20..30 link:sent             a link to the first span of that name; the next, to the second
//! ```
//!
//! Values of columns: durations as 75ms, 1.5s or 250us, shares as 0.5, 50% or 1/3, lists with commas, - for empty.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

/// Start of all traces in ns since 1970; a multiple of ten seconds, as windows are.
const EPOCH_NS: u64 = 1_700_000_000_000_000_000;

struct Line {
    depth: usize,
    service: String,
    kind: u8,
    name: String,
    start_ms: f64,
    end_ms: f64,
    status: u8,
    attributes: Vec<(String, String)>,
    label: Option<String>,
    links: Vec<String>,
    times: u64,
    step_ms: f64,
    children: Vec<Line>,
}

/// Says of a span that its parent is not in the input.
const MISSING_PARENT: &str = "missing.parent";

impl Line {
    fn is_orphan(&self) -> bool {
        self.attributes.iter().any(|(key, _)| key == MISSING_PARENT)
    }
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

/// The number of a span kind in OTLP.
fn kind(name: &str) -> u8 {
    let kinds = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];
    kinds.iter().position(|known| *known == name).unwrap_or_else(|| panic!("{name} is no kind")) as u8
}

fn parse_line(line: &str) -> Line {
    let words = words(line.trim());
    let (start, end) = words[3].split_once("..").expect("start..end");
    let mut parsed = Line {
        depth: (line.len() - line.trim_start().len()) / 2,
        service: words[0].clone(),
        kind: kind(&words[1]),
        name: words[2].clone(),
        start_ms: start.parse().expect("start in ms"),
        end_ms: end.parse().expect("end in ms"),
        status: 0,
        attributes: Vec::new(),
        label: None,
        links: Vec::new(),
        times: 1,
        step_ms: 0.0,
        children: Vec::new(),
    };
    for word in &words[4..] {
        if let Some(repeat) = word.strip_prefix('*') {
            let (times, step) = repeat.split_once('+').expect("*times+step");
            (parsed.times, parsed.step_ms) = (times.parse().expect("times"), step.parse().expect("step in ms"));
        } else if let Some(label) = word.strip_prefix("as:") {
            parsed.label = Some(label.to_owned());
        } else if let Some(label) = word.strip_prefix("link:") {
            parsed.links.push(label.to_owned());
        } else if let Some((key, value)) = word.split_once('=') {
            parsed.attributes.push((key.to_owned(), value.to_owned()));
        } else {
            parsed.status = match word.as_str() {
                "OK" => 1,
                "ERROR" => 2,
                _ => panic!("{word} is no status"),
            };
        }
    }
    parsed
}

/// The root spans of one trace.
fn parse(lines: &[&str]) -> Vec<Line> {
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

/// Traces of a case, each as its root spans and by how many ms it comes later, with those that stand for several repeated.
fn traces(text: &str) -> Vec<(f64, Vec<Line>)> {
    let no_span = |line: &str| {
        line.trim().is_empty()
            || ["#", "config:", "expect:", "finding:", "row:", "rows:"].iter().any(|start| line.starts_with(start))
    };
    let mut traces: Vec<((usize, f64), Vec<&str>)> = vec![((1, 0.0), Vec::new())];
    for line in text.lines().filter(|line| !no_span(line)) {
        match line.strip_prefix("trace").filter(|rest| rest.is_empty() || rest.starts_with(" *")) {
            Some(rest) => {
                let repeated =
                    rest.strip_prefix(" *").map(|repeated| repeated.split_once('+').unwrap_or((repeated, "0")));
                let repeated = repeated.map(|(times, step)| (times.parse(), step.parse()));
                let repeated = repeated.map(|(times, step)| (times.expect("trace *times"), step.expect("+step in ms")));
                traces.push((repeated.unwrap_or((1, 0.0)), Vec::new()));
            }
            None => traces.last_mut().expect("never empty").1.push(line),
        }
    }
    let with_spans = traces.iter().filter(|(_, lines)| !lines.is_empty());
    let repeated = |&(times, step): &(usize, f64)| (0..times).map(move |time| time as f64 * step);
    with_spans.flat_map(|(of, lines)| repeated(of).map(|shift_ms| (shift_ms, parse(lines)))).collect()
}

/// The spans of a case as lines of OTLP JSON.
fn otlp_lines(text: &str) -> String {
    let mut emitter = Emitter::default();
    for (number, (shift_ms, roots)) in (1..).zip(traces(text)) {
        for root in &roots {
            emitter.emit(root, number, 0, shift_ms);
        }
    }
    emitter.out
}

#[derive(Default)]
struct Emitter {
    last_id: u64,
    /// Trace and span of each that has a name, and how many were linked so far.
    labelled: HashMap<String, (Vec<(u32, u64)>, usize)>,
    out: String,
}

impl Emitter {
    fn emit(&mut self, line: &Line, trace: u32, parent: u64, shift_ms: f64) {
        for time in 0..line.times {
            let shift_ms = shift_ms + time as f64 * line.step_ms;
            self.last_id += 1;
            let span_id = self.last_id;
            let at = |ms: f64| (EPOCH_NS + ((ms + shift_ms) * 1e6).round() as u64).to_string();
            let attribute = |(key, value): &(String, String)| json!({"key": key, "value": {"stringValue": value.replace("{n}", &span_id.to_string())}});
            let parent_id = match parent {
                _ if line.is_orphan() => "ffffffffffffffff".to_owned(),
                0 => String::new(),
                parent => format!("{parent:016x}"),
            };
            let of_event: Vec<Value> = line
                .attributes
                .iter()
                .filter_map(|(key, value)| Some((key.strip_prefix("event:")?, value)))
                .map(|(key, value)| json!({"key": key, "value": {"stringValue": value}}))
                .collect();
            let events = if of_event.is_empty() { json!([]) } else { json!([{"name": "log", "attributes": of_event}]) };
            let message =
                line.attributes.iter().find(|(key, _)| key == "status.message").map_or("", |(_, message)| message);
            let is_of_span = |key: &str| {
                !key.starts_with('@') && !key.starts_with("event:") && !matches!(key, "status.message" | MISSING_PARENT)
            };
            let links: Vec<Value> = line.links.iter().map(|label| self.link_to(label)).collect();
            if let Some(label) = &line.label {
                self.labelled.entry(label.clone()).or_default().0.push((trace, span_id));
            }
            let span = json!({
                "traceId": format!("{trace:032x}"), "spanId": format!("{span_id:016x}"), "parentSpanId": parent_id,
                "name": line.name, "kind": line.kind, "status": {"code": line.status, "message": message},
                "startTimeUnixNano": at(line.start_ms), "endTimeUnixNano": at(line.end_ms),
                "attributes": line.attributes.iter().filter(|(key, _)| is_of_span(key)).map(attribute).collect::<Vec<_>>(),
                "events": events, "links": links,
            });
            let of_resource =
                line.attributes.iter().filter_map(|(key, value)| Some((key.strip_prefix('@')?, value.as_str())));
            let of_resource = std::iter::once(("service.name", line.service.as_str())).chain(of_resource);
            let of_resource: Vec<Value> =
                of_resource.map(|(key, value)| json!({"key": key, "value": {"stringValue": value}})).collect();
            let resource_spans = json!({"resource": {"attributes": of_resource}, "scopeSpans": [{"spans": [span]}]});
            writeln!(self.out, "{}", json!({"resourceSpans": [resource_spans]})).expect("a string takes all");
            for child in &line.children {
                self.emit(child, trace, span_id, shift_ms);
            }
        }
    }

    /// A link to the next span of this name.
    fn link_to(&mut self, label: &str) -> Value {
        let (spans, linked) = self.labelled.get_mut(label).unwrap_or_else(|| panic!("no span before is named {label}"));
        let (trace, span) = spans[*linked % spans.len()];
        *linked += 1;
        json!({"traceId": format!("{trace:032x}"), "spanId": format!("{span:016x}")})
    }
}

/// What the program wrote about a case.
struct Output {
    folder: PathBuf,
}

impl Output {
    fn of(text: &str, table: &str) -> Result<Self, String> {
        static RUNS: AtomicUsize = AtomicUsize::new(0);
        let run = format!("detectors-{}-{}", std::process::id(), RUNS.fetch_add(1, Ordering::Relaxed));
        let output = Self { folder: Path::new(env!("CARGO_TARGET_TMPDIR")).join(run) };
        fs::create_dir_all(&output.folder).expect("a folder");
        let input = output.folder.join("input.jsonl");
        fs::write(&input, otlp_lines(text)).expect("a file");
        let configuration: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("config:")).collect();
        let config = output.folder.join("tracescan.toml");
        fs::write(&config, configuration.join("\n")).expect("a file");
        let mut program = Command::new(env!("CARGO_BIN_EXE_tracescan"));
        program.arg("analyze").arg(&input).arg("--config").arg(&config).arg("--output").arg(output.folder.join("out"));
        if table == "problems" {
            // What is wrong with traces is no problem of what they show.
            program.args(["--skip", "trace-quality"]);
        }
        let ran = program.args(["--table-format", "json", "--threads", "1"]).output().expect("the program runs");
        if !ran.status.success() {
            return Err(format!("{}: {}", ran.status, String::from_utf8_lossy(&ran.stderr)));
        }
        Ok(output)
    }

    fn json(&self, name: &str) -> Value {
        let path = self.folder.join("out").join(format!("{name}.json"));
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).expect("JSON")
    }

    fn rows(&self, table: &str) -> Vec<Value> {
        self.json(table).as_array().expect("an array").clone()
    }

    /// The findings of a detector.
    fn findings(&self, table: &str) -> Vec<Value> {
        let of_detector = |finding: &Value| finding["detector"].as_str().expect("a name").replace('-', "_") == table;
        self.rows("findings").into_iter().filter(of_detector).collect()
    }

    /// The findings of a detector as lines of the same form as expectations.
    fn lines_of_findings(&self, table: &str) -> Vec<String> {
        let findings = self.findings(table).into_iter();
        let line = |finding: Value| {
            let target = finding["target"].as_str().filter(|target| !target.is_empty()).unwrap_or("-");
            let measured = finding["measured"].as_f64().expect("a number");
            format!("{} {target} {measured}", finding["service"].as_str().expect("a service"))
        };
        let mut lines: Vec<String> = findings.map(line).collect();
        lines.sort_unstable();
        lines
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // What is left lies in the target folder; there is nothing to be done about it here.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A number as written in a `row:` line, in the unit of the column.
fn number(text: &str) -> Option<f64> {
    let units = [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("%", 0.01), ("s", 1e9)];
    for (unit, factor) in units {
        if let Some(value) = text.strip_suffix(unit).and_then(|value| value.parse::<f64>().ok()) {
            return Some(value * factor);
        }
    }
    match text.split_once('/') {
        Some((part, whole)) => Some(part.parse::<f64>().ok()? / whole.parse::<f64>().ok()?),
        None => text.parse().ok(),
    }
}

fn is_value(cell: &Value, expected: &str) -> bool {
    match cell {
        Value::Null => expected == "-",
        Value::Bool(flag) => expected == flag.to_string(),
        Value::Number(value) => {
            let value = value.as_f64().expect("a number");
            number(expected).is_some_and(|expected| (value - expected).abs() < 1e-9 * expected.abs().max(1.0))
        }
        Value::String(text) => expected == if text.is_empty() { "-" } else { text },
        Value::Array(values) if values.is_empty() => expected == "-",
        Value::Array(values) => {
            let expected: Vec<&str> = expected.split(',').collect();
            values.len() == expected.len() && values.iter().zip(expected).all(|(value, text)| is_value(value, text))
        }
        Value::Object(_) => false,
    }
}

/// Whether each of the expected rows can have a different actual one.
fn all_match(expected: &[Vec<(String, String)>], rows: &[&Value]) -> bool {
    let Some((first, rest)) = expected.split_first() else { return true };
    (0..rows.len()).any(|index| {
        let fits =
            first.iter().all(|(column, value)| rows[index].get(column).is_some_and(|cell| is_value(cell, value)));
        let others = || rows.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, row)| *row);
        fits && all_match(rest, &others().collect::<Vec<_>>())
    })
}

/// The columns and values that a line of expectations names.
fn columns(line: &str) -> Vec<(String, String)> {
    let pair = |word: String| {
        word.split_once('=').map(|(column, value)| (column.to_owned(), value.to_owned())).expect("column=value")
    };
    words(line).into_iter().map(pair).collect()
}

/// A finding that a case names and that is not there, if any is.
fn missing_finding(text: &str, findings: &[Value]) -> Option<String> {
    let mut named = text.lines().filter_map(|line| line.strip_prefix("finding:")).map(columns);
    let is_there = |named: &Vec<(String, String)>| {
        findings.iter().any(|finding| named.iter().all(|(column, value)| is_value(&finding[column.as_str()], value)))
    };
    let missing = named.find(|named| !is_there(named))?;
    Some(format!("no finding like {missing:?} in {}", Value::from(findings.to_vec())))
}

/// What is wrong with the rows of a table, if anything.
fn wrong_rows(text: &str, rows: &[Value]) -> Option<String> {
    let expected: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("row:")).map(columns).collect();
    let count = text.lines().find_map(|line| line.strip_prefix("rows:"));
    let count = count.map(|count| count.trim().parse().expect("rows: N"));
    let count = count.or((!expected.is_empty()).then_some(expected.len()));
    let is_right =
        count.is_none_or(|count| count == rows.len()) && all_match(&expected, &rows.iter().collect::<Vec<_>>());
    let shown = || rows.iter().map(|row| format!("\n    {row}")).collect::<String>();
    (!is_right).then(|| format!("expected {count:?} rows {expected:?}, found{}", shown()))
}

fn time_adds_up(text: &str, output: &Output) -> Option<String> {
    let duration = |root: &Line| root.times as i64 * ((root.end_ms - root.start_ms) * 1e6).round() as i64;
    let traces = traces(text);
    let roots = traces.iter().flat_map(|(_, roots)| roots).filter(|root| !root.is_orphan());
    let expected: i64 = roots.map(duration).sum();
    let rows = output.rows("latency_attribution");
    let time = |row: &Value| row["critical_ns"].as_i64().expect("an integer");
    let found: i64 = rows.iter().filter(|row| row["entry_kind"] == "root").map(time).sum();
    let totals = output.json("run")["totals"]["root_duration_ns"].as_i64();
    ((found, totals) != (expected, Some(expected)))
        .then(|| format!("roots take {expected} ns, attributed are {found}, totals say {totals:?}"))
}

struct Case {
    table: String,
    kind: String,
    path: PathBuf,
}

impl Case {
    fn failure(&self) -> Option<String> {
        let text = fs::read_to_string(&self.path).expect("text");
        let output = match Output::of(&text, &self.table) {
            Ok(output) => output,
            Err(message) => return Some(message),
        };
        let found = output.lines_of_findings(&self.table);
        let rows = output.rows(&self.table);
        let expectations = text.lines().filter_map(|line| line.strip_prefix("expect: "));
        let repeated = |line: &'_ str| -> Vec<String> {
            let (line, times) = line.split_once(" *").unwrap_or((line, "1"));
            vec![line.to_owned(); times.parse().expect("expect: … *times")]
        };
        let mut expected: Vec<String> = expectations.flat_map(repeated).collect();
        expected.sort_unstable();
        let says_rows = text.lines().any(|line| line.starts_with("row:"));
        let is_sound = match self.kind.as_str() {
            "silent" => expected.is_empty() && !says_rows && rows.is_empty(),
            "fires" => (says_rows || !expected.is_empty()) && !rows.is_empty(),
            _ => says_rows,
        };
        if found != expected {
            return Some(format!("expected findings {expected:?}, found {found:?}"));
        }
        if !is_sound {
            return Some(format!("no sound case of {}: {} rows", self.kind, rows.len()));
        }
        wrong_rows(&text, &rows)
            .or_else(|| missing_finding(&text, &output.findings(&self.table)))
            .or_else(|| time_adds_up(&text, &output))
    }
}

/// Names in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
    names.sort();
    names
}

fn cases() -> Vec<Case> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/detectors");
    let mut cases = Vec::new();
    for table in names(&all).into_iter().filter(|name| all.join(name).is_dir()) {
        let kinds = names(&all.join(&table));
        assert!(kinds == ["fires", "silent"] || kinds == ["rows"], "{table} has {kinds:?}");
        for kind in kinds {
            let folder = all.join(&table).join(&kind);
            let files = names(&folder);
            assert!(!files.is_empty(), "{} has no case", folder.display());
            cases.extend(files.iter().map(|file| Case {
                table: table.clone(),
                kind: kind.clone(),
                path: folder.join(file),
            }));
        }
    }
    cases
}

/// Findings and rows are those that each case says, look-alikes give none, and in every case of any detector the time of
/// the roots adds up: what is attributed to them is the sum of their durations, to the nanosecond.
#[test]
fn every_case_gives_what_it_says() {
    let cases = cases();
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut failures = Vec::new();
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            failures.extend(case.failure().map(|failure| format!("{}: {failure}", case.path.display())));
        }
        failures
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let mut failures: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no panic")).collect()
    });
    failures.sort();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
