//! Which format a JSON object is of, told by keys that only it has.

use serde_json::{Map, Value as Json};

use super::fields::Fields;
use super::rows::{clickhouse_rows, jaeger_cassandra, jaeger_clickhouse};
use super::{datadog, documents, elastic_apm, go_stdouttrace, honeycomb, javascript_console, python_console, xray};
use crate::ingest::counting_sink::CountingSink;

/// Keys of which two make an object that may be a span. Whether it is one, its whole content tells.
const PAIRS: &[[&str; 2]] = &[
    ["traceId", "spanId"],
    ["traceId", "span_id"],
    ["trace_id", "span_id"],
    ["trace_id", "spanId"],
    ["TraceId", "SpanId"],
    ["TraceID", "SpanID"],
    // Other spellings of columns, Dynatrace's and Parseable's among them.
    ["context.trace_id", "context.span_id"],
    ["span_trace_id", "span_span_id"],
    ["TRACE", "RECORD"],
    // Python's console exporter.
    ["context", "parent_id"],
    ["context", "kind"],
    // Go's stdouttrace.
    ["SpanContext", "SpanKind"],
    ["SpanContext", "StartTime"],
    // Elastic APM.
    ["trace", "transaction"],
    ["trace", "span"],
    ["trace", "processor"],
    ["trace.id", "transaction.id"],
    ["trace.id", "span.id"],
    // What stands beside its spans: errors and metrics.
    ["trace.id", "processor.event"],
    ["metricset", "processor"],
    ["metricset.name", "processor.event"],
    // X-Ray.
    ["trace_id", "id"],
    // Honeycomb.
    ["trace.trace_id", "trace.span_id"],
    ["trace.trace_id", "trace.parent_id"],
    // Datadog.
    ["attributes", "type"],
];

/// Whether an object that has `key` beside `others` may be a span.
pub(crate) fn may_be(key: &str, others: &[String]) -> bool {
    PAIRS.iter().any(|pair| {
        let other = match pair {
            [one, other] if *one == key => other,
            [other, one] if *one == key => other,
            _ => return false,
        };
        others.iter().any(|key| key == other)
    })
}

/// Whether a key that stands beside the resource of a span says that it is one.
pub(crate) fn is_key_beside_resource(key: &str) -> bool {
    matches!(key, "spanId" | "span_id" | "context" | "trace" | "traceId")
}

/// Hands the spans of `object` to `sink`.
pub(crate) fn emit(object: Map<String, Json>, offset: u64, sink: &mut CountingSink<'_>) {
    let fields = Fields::of(Json::Object(without_lists(object)));
    if go_stdouttrace::is_span(&fields) {
        go_stdouttrace::emit(fields, offset, sink);
    } else if python_console::is_span(&fields) {
        python_console::emit(fields, offset, sink);
    } else if honeycomb::is_event(&fields) {
        honeycomb::emit(fields, offset, sink);
    } else if datadog::is_item(&fields) {
        datadog::emit_item(fields, offset, sink);
    } else if datadog::is_span(&fields) {
        datadog::emit_span(fields, offset, sink);
    } else if datadog::is_trace(&fields) {
        datadog::emit_trace(fields, offset, sink);
    } else if clickhouse_rows::is_span(&fields) {
        clickhouse_rows::emit(fields, offset, sink);
    } else if javascript_console::is_span(&fields) {
        javascript_console::emit(fields, offset, sink);
    } else if jaeger_cassandra::is_row(&fields) {
        jaeger_cassandra::emit(fields, offset, sink);
    } else if jaeger_clickhouse::is_row(&fields) {
        jaeger_clickhouse::emit(fields, offset, sink);
    } else if elastic_apm::is_document(&fields) {
        elastic_apm::emit(fields, offset, sink);
    } else if xray::is_segment(&fields) {
        xray::emit(fields, offset, sink);
    } else {
        documents::emit(fields, offset, sink);
    }
}

/// The `fields` of one of Elasticsearch's hits are all lists, most of them of one value, which is then what the field is.
fn without_lists(mut object: Map<String, Json>) -> Map<String, Json> {
    if object.values().all(Json::is_array) {
        for value in object.values_mut() {
            if let Json::Array(items) = value
                && items.len() == 1
                && !items[0].is_object()
            {
                *value = items.remove(0);
            }
        }
    }
    object
}
