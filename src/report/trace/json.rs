//! A trace as one JSON document: `{"trace_id", "roots": [{…, "sections": […]}], "findings": […], "spans": […]}`.
//!
//! Absolute times are ns since 1970 as strings, since numbers of many readers have no room for them.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use crate::report::json::write_compact;

use super::shown::{ShownPath, ShownSpan, ShownTrace};

/// Writes the document; every span and every section is there.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_trace_as_json(out: &mut impl Write, trace: &ShownTrace) -> io::Result<()> {
    let roots: Vec<Value> = trace.paths.iter().map(|path| root(trace, path)).collect();
    let spans: Vec<Value> = trace.spans.iter().map(|shown| span(trace, shown)).collect();
    write_compact(
        out,
        &json!({ "trace_id": trace.trace_id, "roots": roots, "findings": trace.findings, "spans": spans }),
    )?;
    out.write_all(b"\n")
}

fn root(trace: &ShownTrace, path: &ShownPath) -> Value {
    let root = &trace.spans[path.root];
    let sections: Vec<Value> = path
        .sections
        .iter()
        .map(|section| {
            json!({
                "span_id": trace.spans[section.span].span_id,
                "service": section.service,
                "operation": section.operation,
                "component": section.component,
                "target": section.target,
                "start_unix_nano": absolute(trace, section.start_ns.into()),
                "end_unix_nano": absolute(trace, section.end_ns.into()),
            })
        })
        .collect();
    json!({
        "root_span_id": root.span_id, "reason": root.root_reason, "duration_ns": root.duration_ns, "sections": sections,
    })
}

fn span(trace: &ShownTrace, span: &ShownSpan) -> Value {
    let pattern_ids = |places: &[usize]| -> Vec<&str> {
        places.iter().map(|&place| trace.findings[place].pattern_id.as_str()).collect()
    };
    let attributes: Map<String, Value> =
        span.attributes.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    json!({
        "span_id": span.span_id,
        "parent_span_id": span.parent.map(|parent| trace.spans[parent].span_id.as_str()),
        "service": span.service,
        "name": span.name,
        "kind": span.kind,
        "target": span.target,
        "start_unix_nano": absolute(trace, span.start_ns.into()),
        "end_unix_nano": absolute(trace, span.end_ns()),
        "duration_ns": span.duration_ns,
        "critical_ns": span.on_path.iter().map(|(start, end)| end.saturating_sub(*start)).sum::<i64>(),
        "failed": span.failed,
        "message": span.message,
        "begins": span.root_reason,
        "findings": pattern_ids(&span.findings),
        "evidence_of": pattern_ids(&span.evidence_of),
        "attributes": attributes,
    })
}

fn absolute(trace: &ShownTrace, offset: i128) -> String {
    (i128::from(trace.start) + offset).to_string()
}
