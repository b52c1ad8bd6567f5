//! A trace as Chrome's trace events in JSON, which Perfetto (ui.perfetto.dev) and chrome://tracing open: a process for each
//! service, a thread for each of its lanes, and a process for the critical paths.
//!
//! The format is that of the "Trace Event Format": complete events (`X`) with times in µs, and metadata events (`M`) for names.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::report::json::write_compact;

use super::lanes::lanes;
use super::shown::ShownTrace;

/// Number of the process that holds critical paths; services come after it.
const PATHS: usize = 0;

/// Writes the events, one a line.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_chrome_trace(out: &mut impl Write, trace: &ShownTrace) -> io::Result<()> {
    out.write_all(b"{\"displayTimeUnit\":\"ms\",\"otherData\":")?;
    write_compact(out, &json!({ "trace_id": trace.trace_id, "start_unix_nano": trace.start.to_string() }))?;
    out.write_all(b",\"traceEvents\":[")?;
    for (index, event) in events(trace).enumerate() {
        out.write_all(if index == 0 { b"\n" } else { b",\n" })?;
        write_compact(out, &event)?;
    }
    out.write_all(b"\n]}\n")
}

fn events(trace: &ShownTrace) -> impl Iterator<Item = Value> {
    let named = |what: &str, process: usize, thread: usize, name: &str| json!({ "ph": "M", "name": what, "pid": process, "tid": thread, "args": { "name": name } });
    let mut events = Vec::new();
    let mut process = PATHS;
    for lane in lanes(&trace.spans) {
        if lane.number == 1 {
            process += 1;
            events.push(named("process_name", process, 0, &lane.service));
        }
        let name = format!("{} {}", lane.service, lane.number);
        events.push(named("thread_name", process, lane.number, &name));
        events.extend(lane.spans.into_iter().map(|place| {
            let span = &trace.spans[place];
            let parent = span.parent.map(|parent| trace.spans[parent].span_id.as_str());
            let mut arguments = json!({ "span_id": span.span_id, "parent_span_id": parent, "kind": span.kind });
            if let Some(target) = &span.target {
                arguments["target"] = json!(target);
            }
            if span.failed {
                arguments["failed"] = json!(true);
                arguments["message"] = json!(span.message);
            }
            for (name, value) in &span.attributes {
                arguments[*name] = json!(value);
            }
            json!({
                "ph": "X", "name": span.name, "cat": if span.failed { "failed" } else { "span" }, "pid": process,
                "tid": lane.number, "ts": microseconds(span.start_ns), "dur": microseconds(span.duration_ns.max(0)),
                "args": arguments,
            })
        }));
    }
    if trace.paths.iter().any(|path| !path.sections.is_empty()) {
        events.push(named("process_name", PATHS, 0, "critical path"));
    }
    for (thread, path) in (1..).zip(&trace.paths) {
        let root = &trace.spans[path.root];
        events.push(named("thread_name", PATHS, thread, &format!("{} {}", root.service, root.name)));
        events.extend(path.sections.iter().map(|section| {
            json!({
                "ph": "X", "name": format!("{}: {}", section.service, section.operation), "cat": section.component,
                "pid": PATHS, "tid": thread, "ts": microseconds(section.start_ns),
                "dur": microseconds(section.end_ns.saturating_sub(section.start_ns)),
                "args": { "span_id": trace.spans[section.span].span_id, "component": section.component, "target": section.target },
            })
        }));
    }
    events.into_iter()
}

/// Nanoseconds as microseconds. Offsets within a trace are small enough to be exact.
fn microseconds(ns: i64) -> f64 {
    ns as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::trace::shown::samples::trace;

    /// What every reader of the format asks for is there, and all times lie where the spans do.
    #[test]
    fn events_are_complete() {
        let trace = trace();
        let mut out = Vec::new();
        write_chrome_trace(&mut out, &trace).unwrap();
        let document: Value = serde_json::from_slice(&out).unwrap();
        let events = document["traceEvents"].as_array().unwrap();
        assert_eq!(document["displayTimeUnit"], "ms");
        for event in events {
            assert!(event["pid"].is_u64() && event["tid"].is_u64() && event["name"].is_string(), "{event}");
            match event["ph"].as_str().unwrap() {
                "X" => assert!(event["ts"].is_f64() && event["dur"].as_f64().unwrap() >= 0.0, "{event}"),
                "M" => assert!(event["args"]["name"].is_string(), "{event}"),
                other => panic!("{other}"),
            }
        }
        let spans: Vec<&Value> = events.iter().filter(|event| event["ph"] == "X" && event["pid"] != PATHS).collect();
        assert_eq!(spans.len(), trace.spans.len());
        let cart = spans.iter().find(|event| event["name"] == "GetCart").unwrap();
        assert_eq!((cart["ts"].as_f64(), cart["dur"].as_f64()), (Some(10_000.0), Some(60_000.001)));
        assert_eq!(cart["args"]["message"], "no such cart");
        let path = events.iter().filter(|event| event["ph"] == "X" && event["pid"] == PATHS);
        let total: f64 = path.map(|event| event["dur"].as_f64().unwrap()).sum();
        assert_eq!(total, 135_000.0);
    }
}
