//! Rows of the table `traces` that Jaeger keeps in Cassandra, as `SELECT JSON *` and `dsbulk` give them: Jaeger's own spans
//! with other keys, and ids that are signed numbers. <https://www.jaegertracing.io/docs/latest/storage/cassandra/>

use serde::de::DeserializeSeed as _;
use serde_json::{Value as Json, json};

use crate::frame::SpanSink as _;

use crate::ingest::counting_sink::CountingSink;
use crate::ingest::jaeger;
use crate::ingest::json::lenient::Fill;
use crate::ingest::json_formats::fields::Fields;

/// Whether an object is such a row.
pub(crate) fn is_row(fields: &Fields) -> bool {
    ["trace_id", "span_id", "span_hash", "operation_name", "start_time"].iter().all(|key| fields.has(&[key]))
}

/// Hands the span that `fields` are to `sink`.
pub(crate) fn emit(mut fields: Fields, offset: u64, sink: &mut CountingSink<'_>) {
    let trace_id = fields.id_text(&["trace_id"]);
    let references = fields.list(&["refs"]).into_iter().map(reference).collect::<Vec<Json>>();
    let logs = fields
        .list(&["logs"])
        .into_iter()
        .map(|mut log| json!({"timestamp": log.take(&["ts"]), "fields": tags(&mut log, "fields")}));
    let logs = logs.collect::<Vec<Json>>();
    let mut process = fields.object(&["process"]);
    let span = json!({
        "traceID": trace_id,
        "spanID": hexadecimal(&fields.take(&["span_id"])),
        "parentSpanID": hexadecimal(&fields.take(&["parent_id"])),
        "operationName": fields.take(&["operation_name"]),
        "references": references,
        "startTime": fields.take(&["start_time"]),
        "duration": fields.take(&["duration"]),
        "tags": tags(&mut fields, "tags"),
        "logs": logs,
        "process": {"serviceName": process.take(&["service_name"]), "tags": tags(&mut process, "tags")},
    });
    let text = span.to_string();
    let mut document = jaeger::Document::new(sink.wanted());
    let read = Fill(&mut document).deserialize(&mut serde_json::Deserializer::from_str(&text));
    debug_assert!(read.is_ok(), "what was written as JSON is JSON");
    jaeger::emit(document, offset, |_| offset, sink);
}

/// The id that a signed number is.
fn hexadecimal(id: &Json) -> String {
    let number = match id {
        Json::String(text) => text.trim().parse().ok(),
        id => id.as_i64().or_else(|| id.as_u64().map(|number| number as i64)),
    };
    match number {
        Some(0) | None => String::new(),
        Some(number) => format!("{:016x}", number as u64),
    }
}

fn reference(mut reference: Fields) -> Json {
    json!({
        "refType": reference.text(&["ref_type"]).to_ascii_uppercase().replace('-', "_"),
        "traceID": reference.id_text(&["trace_id"]),
        "spanID": hexadecimal(&reference.take(&["span_id"])),
    })
}

/// Of the values of a tag the one of its type counts.
fn tags(fields: &mut Fields, path: &str) -> Vec<Json> {
    let tag = |mut tag: Fields| {
        let value_type = tag.text(&["value_type"]);
        let value = match value_type.as_str() {
            "bool" => "value_bool",
            "int64" => "value_long",
            "float64" => "value_double",
            "binary" => "value_binary",
            _ => "value_string",
        };
        // Bytes come as hexadecimal digits.
        let value_type = if value_type == "binary" { "string" } else { &value_type };
        json!({"key": tag.take(&["key"]), "type": value_type, "value": tag.take(&[value])})
    };
    fields.list(&[path]).into_iter().map(tag).collect()
}

#[cfg(test)]
mod tests {
    use crate::ingest::read::tests::read_bytes;

    /// A row is the span that Jaeger's API would give: its ids are 64 bits with a sign, its times microseconds.
    #[test]
    fn rows_are_spans_of_jaeger() {
        let tag = |key: &str, kind: &str, text: &str, number: i64| {
            format!(
                r#"{{"key":"{key}","value_type":"{kind}","value_string":"{text}","value_bool":true,"value_long":{number},"value_double":0.5,"value_binary":null}}"#
            )
        };
        let row = format!(
            r#"{{"trace_id":"0x000000000000000000000000000000ab","span_id":-2,"span_hash":1,"duration":1500,"flags":1,
                "logs":[{{"ts":1700000000000100,"fields":[{}]}}],"operation_name":"charge","parent_id":17,
                "process":{{"service_name":"billing","tags":[{}]}},
                "refs":[{{"ref_type":"child-of","trace_id":"0x000000000000000000000000000000ab","span_id":17}}],
                "start_time":1700000000000000,"tags":[{},{},{}]}}"#,
            tag("event", "string", "retry", 0),
            tag("host.name", "string", "h", 0),
            tag("span.kind", "string", "client", 0),
            tag("tries", "int64", "", 3),
            tag("share", "float64", "", 0),
        );
        let (collected, report) = read_bytes(row.as_bytes());
        assert_eq!((report.format, report.skipped.total(), collected.spans.len()), ("jaeger_json", 0, 1), "{report:?}");
        let span = &collected.spans[0];
        for part in [
            "billing: ",
            "span_id: fffffffffffffffe",
            "parent_span_id: 0000000000000011",
            r#"name: "charge""#,
            "kind: Client",
            "start_unix_nano: 1700000000000000000",
            "end_unix_nano: 1700000000001500000",
            "Int(3)",
            "Double(0.5)",
            "time_unix_nano: 1700000000000100000",
        ] {
            assert!(span.contains(part), "{part} in {span}");
        }
    }
}
