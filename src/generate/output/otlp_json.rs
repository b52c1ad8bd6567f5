//! OTLP JSON lines as the collector's file exporter writes them: one request a line.

use std::io::{self, Write};

use crate::generate::collector::Batch;
use crate::generate::origins::Origins;
use crate::generate::trace_builder::Scope;
use crate::span::{KeyValue, SpanId, SpanRecord, StatusCode, Value};

/// One request for `batch`, with the line's end.
pub(super) fn line_of(origins: &Origins, batch: &Batch) -> io::Result<Vec<u8>> {
    let mut line = Vec::with_capacity(batch.spans.len() * 1_200 + 1_000);
    line.extend(br#"{"resourceSpans":[{"resource":{"attributes":"#);
    put_attributes(&mut line, &origins.get(batch.service, Scope::Code).resource_attributes)?;
    line.extend(br#"},"scopeSpans":["#);
    let mut first_scope = true;
    for scope in Scope::ALL {
        let mut spans = batch.spans.iter().filter(|span| span.scope == scope).peekable();
        if spans.peek().is_none() {
            continue;
        }
        separate(&mut line, &mut first_scope);
        let origin = origins.get(batch.service, scope);
        line.extend(br#"{"scope":{"name":"#);
        put_text(&mut line, &origin.scope_name)?;
        line.extend(br#","version":"#);
        put_text(&mut line, &origin.scope_version)?;
        line.extend(br#"},"spans":["#);
        let mut first = true;
        for span in spans {
            separate(&mut line, &mut first);
            put_span(&mut line, &span.record)?;
        }
        line.extend(b"]}");
    }
    line.extend(b"]}]}\n");
    Ok(line)
}

fn separate(line: &mut Vec<u8>, first: &mut bool) {
    if !std::mem::replace(first, false) {
        line.push(b',');
    }
}

fn put_span(line: &mut Vec<u8>, record: &SpanRecord<'_>) -> io::Result<()> {
    write!(line, r#"{{"traceId":"{}","spanId":"{}","#, record.trace_id, record.span_id)?;
    if record.parent_span_id != SpanId::NONE {
        write!(line, r#""parentSpanId":"{}","#, record.parent_span_id)?;
    }
    line.extend(br#""name":"#);
    put_text(line, &record.name)?;
    write!(
        line,
        r#","kind":{},"startTimeUnixNano":"{}","endTimeUnixNano":"{}","attributes":"#,
        record.kind as u8, record.start_unix_nano, record.end_unix_nano,
    )?;
    put_attributes(line, &record.attributes)?;
    if !record.events.is_empty() {
        line.extend(br#","events":["#);
        let mut first = true;
        for event in &record.events {
            separate(line, &mut first);
            write!(line, r#"{{"timeUnixNano":"{}","name":"#, event.time_unix_nano)?;
            put_text(line, &event.name)?;
            line.extend(br#","attributes":"#);
            put_attributes(line, &event.attributes)?;
            line.push(b'}');
        }
        line.push(b']');
    }
    line.extend(br#","status":{"#);
    if record.status != StatusCode::Unset {
        if !record.status_message.is_empty() {
            line.extend(br#""message":"#);
            put_text(line, &record.status_message)?;
            line.push(b',');
        }
        write!(line, r#""code":{}"#, record.status as u8)?;
    }
    line.extend(b"}}");
    Ok(())
}

fn put_attributes(line: &mut Vec<u8>, attributes: &[KeyValue<'_>]) -> io::Result<()> {
    line.push(b'[');
    let mut first = true;
    for attribute in attributes {
        separate(line, &mut first);
        line.extend(br#"{"key":"#);
        put_text(line, &attribute.key)?;
        match &attribute.value {
            Value::Int(number) => write!(line, r#","value":{{"intValue":"{number}"}}}}"#)?,
            other => {
                line.extend(br#","value":{"stringValue":"#);
                put_text(line, &other.to_text())?;
                line.extend(b"}}");
            }
        }
    }
    line.push(b']');
    Ok(())
}

fn put_text(line: &mut Vec<u8>, text: &str) -> io::Result<()> {
    serde_json::to_writer(line, text).map_err(io::Error::from)
}
