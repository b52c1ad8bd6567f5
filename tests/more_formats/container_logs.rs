//! Logs of containers whose runtime has cut long lines into parts.

use std::fs;

use super::{Described, START, read, read_whole};
use tracescan::ingest::InputReport;

fn otlp(number: u8, name: &str) -> String {
    format!(
        r#"{{"resourceSpans": [{{"resource": {{"attributes": [{{"key": "service.name", "value": {{"stringValue": "shop"}}}}]}}, "scopeSpans": [{{"scope": {{"name": "lib"}}, "spans": [{{"traceId": "{number:032x}", "spanId": "{number:016x}", "name": "{name}", "kind": 2, "startTimeUnixNano": "{}", "endTimeUnixNano": "{}", "attributes": [{{"key": "k", "value": {{"stringValue": "v"}}}}]}}]}}]}}]}}"#,
        START + u64::from(number),
        START + 1_000 + u64::from(number)
    )
}

fn go(number: u8) -> String {
    format!(
        r#"{{"Name":"Run","SpanContext":{{"TraceID":"{number:032x}","SpanID":"{number:016x}","TraceFlags":"01"}},"Parent":{{"TraceID":"00000000000000000000000000000000","SpanID":"0000000000000000"}},"SpanKind":2,"StartTime":"2026-01-15T12:00:00.00{number}Z","EndTime":"2026-01-15T12:00:00.05Z","Attributes":[{{"Key":"k","Value":{{"Type":"STRING","Value":"v"}}}}],"Resource":[{{"Key":"service.name","Value":{{"Type":"STRING","Value":"fib"}}}}]}}"#
    )
}

/// Lines of a log of containerd or CRI-O.
fn cri(stream: &str, parts: &[&str]) -> Vec<String> {
    let tag = |number: usize| if number + 1 == parts.len() { 'F' } else { 'P' };
    let line = |(number, part): (usize, &&str)| format!("2026-01-15T12:00:01.5Z {stream} {} {part}\n", tag(number));
    parts.iter().enumerate().map(line).collect()
}

/// Records of a log of Docker.
fn docker(parts: &[&str]) -> Vec<String> {
    let record = |(number, part): (usize, &&str)| {
        let line_feed = if number + 1 == parts.len() { "\n" } else { "" };
        let log = serde_json::json!({"log": format!("{part}{line_feed}"), "stream": "stdout", "time": "2026-01-15T12:00:01Z"});
        format!("{log}\n")
    };
    parts.iter().enumerate().map(record).collect()
}

fn read_text(text: &str) -> (Vec<Described>, InputReport) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("0.log");
    fs::write(&path, text).expect("written");
    let (spans, mut reports) = read(&path);
    (spans, reports.remove(0))
}

/// Wherever a line is cut into parts, its spans are those of the whole line, be it followed by more or not.
#[test]
fn parts_are_put_together() {
    for document in [|number| otlp(number, "GET /orders"), go] {
        let (whole, _) = read_text(&[document(1), document(2)].join("\n"));
        assert_eq!(whole.len(), 2);
        let first = document(1);
        for cut in (1..first.len()).step_by(3) {
            let end = (cut + first.len()) / 2;
            let parts = [&first[..cut], &first[cut..end], &first[end..]];
            let mut lines = cri("stdout", &parts);
            lines.insert(1, cri("stderr", &[&document(2)]).concat());
            for text in [
                lines.concat(),
                cri("stdout", &parts).concat() + &cri("stdout", &[&document(2)]).concat(),
                docker(&parts).concat() + &docker(&[&document(2)]).concat(),
            ] {
                let (spans, report) = read_text(&text);
                assert_eq!(spans, whole, "cut at {cut}: {report:?}\n{text}");
                assert!(report.errors.is_empty() && report.skipped.total() == 0, "cut at {cut}: {report:?}");
            }
        }
    }
}

/// A line whose last part is missing is counted, and costs none of those after it.
#[test]
fn parts_without_an_end_are_told() {
    let first = otlp(1, "GET /");
    let whole = otlp(2, "GET /");
    for text in [
        cri("stdout", &[&first[..200], ""])[0].clone() + "Goodbye\n" + &cri("stdout", &[&whole]).concat(),
        docker(&[&first[..200], ""])[0].clone() + &docker(&[&whole]).concat(),
        docker(&[&whole]).concat() + &docker(&[&first[..200], ""])[0],
        cri("stdout", &[&whole]).concat() + &cri("stdout", &[&first[..200], ""])[0],
    ] {
        let (spans, report) = read_text(&text);
        assert_eq!(spans.len(), 1, "{text}: {report:?}");
        assert!(report.skipped.total() >= 1 && !report.errors.is_empty(), "{text}: {report:?}");
    }
}

/// Lines of more than what is read at once, and more of them than one thread takes.
#[test]
fn long_lines_are_put_together() {
    let long = "x".repeat(1_500_000);
    let parts_of = |document: &str| -> Vec<String> {
        document.as_bytes().chunks(16 << 10).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
    };
    for make in [|parts: &[&str]| cri("stdout", parts), docker] {
        let lines = (1..=3).flat_map(|number| {
            let parts = parts_of(&otlp(number, &long));
            make(&parts.iter().map(String::as_str).collect::<Vec<_>>())
        });
        let (spans, _) = read_whole(lines.collect::<String>());
        assert_eq!(spans.len(), 3);
        assert!(spans.iter().all(|span| span.name.len() == long.len()));
    }
}
