//! Rows of the table `spans` that Jaeger 2 keeps in ClickHouse, as `FORMAT JSONEachRow` gives them: documents whose
//! attributes stand in columns by their types, keys and values side by side.
//! <https://github.com/jaegertracing/jaeger/tree/main/internal/storage/v2/clickhouse>

use serde_json::{Map, Value as Json};

use super::clickhouse_rows::columns_of;
use crate::ingest::counting_sink::CountingSink;
use crate::ingest::json_formats::documents;
use crate::ingest::json_formats::fields::Fields;

/// The format, as `run.json` names it.
pub(crate) const JAEGER_CLICKHOUSE: &str = "jaeger_clickhouse_json";

const TYPES: [&str; 5] = ["bool", "double", "int", "str", "complex"];

/// Whether an object is such a row.
pub(crate) fn is_row(fields: &Fields) -> bool {
    let has_all = ["trace_id", "id", "start_time", "duration"].iter().all(|key| fields.has(&[key]));
    has_all && fields.get("parent_span_id").is_some() && fields.get("service_name").is_some()
}

/// Hands the span that `fields` are to `sink`.
pub(crate) fn emit(mut fields: Fields, offset: u64, sink: &mut CountingSink<'_>) {
    for (prefix, own) in [("", "attributes"), ("resource_", "resource_attributes"), ("scope_", "scope_attributes")] {
        let mut attributes = Map::new();
        for of_type in TYPES {
            let column = format!("{prefix}{of_type}_attributes");
            for [key, value] in columns_of(&mut fields, &column, ["key", "value"]) {
                insert(&mut attributes, of_type, key, value);
            }
            // An empty column.
            fields.take(&[&column]);
        }
        fields.insert(own, Json::Object(attributes));
    }
    for (column, members) in [("events", ["timestamp", "name", ""]), ("links", ["trace_id", "span_id", "trace_state"])]
    {
        let items: Vec<Json> = items(&mut fields, column, members);
        fields.insert(column, Json::Array(items));
    }
    for (own, usual) in [("id", "span_id"), ("duration", "duration_nano")] {
        let json = fields.take(&[own]);
        fields.insert(usual, json);
    }
    sink.tally.format.get_or_insert(JAEGER_CLICKHOUSE);
    documents::emit(fields, offset, sink);
}

/// Attributes of events and links are lists of pairs for each.
fn items(fields: &mut Fields, column: &str, members: [&str; 3]) -> Vec<Json> {
    let names = TYPES.map(|of_type| format!("{of_type}_attributes"));
    let [bools, doubles, ints, texts, others] = names.each_ref().map(String::as_str);
    let [first, second, third] = members;
    let rows = columns_of(fields, column, [first, second, third, bools, doubles, ints, texts, others]).into_iter();
    let item = |[a, b, c, bools, doubles, ints, texts, others]: [Json; 8]| {
        let mut attributes = Map::new();
        for (of_type, pairs) in TYPES.into_iter().zip([bools, doubles, ints, texts, others]) {
            for pair in pairs.as_array().into_iter().flatten() {
                let [key, value] = match pair {
                    Json::Array(pair) => [0, 1].map(|at| pair.get(at).cloned().unwrap_or_default()),
                    pair => ["key", "value"].map(|member| pair.get(member).cloned().unwrap_or_default()),
                };
                insert(&mut attributes, of_type, key, value);
            }
        }
        let members = members.into_iter().zip([a, b, c]).filter(|(member, _)| !member.is_empty());
        let mut item: Map<String, Json> = members.map(|(member, json)| (member.to_owned(), json)).collect();
        item.insert("attributes".to_owned(), Json::Object(attributes));
        Json::Object(item)
    };
    rows.map(item).collect()
}

/// ClickHouse writes booleans as numbers, and may write numbers of 64 bits as text.
fn insert(attributes: &mut Map<String, Json>, of_type: &str, key: Json, value: Json) {
    let Json::String(key) = key else { return };
    let value = match (of_type, value) {
        ("bool", Json::Number(number)) => Json::Bool(number.as_i64() != Some(0)),
        ("int", Json::String(text)) => text.parse::<i64>().map_or(Json::String(text), Json::from),
        (_, value) => value,
    };
    attributes.insert(key, value);
}

#[cfg(test)]
mod tests {
    use crate::ingest::read::tests::read_bytes;

    /// In both ways that ClickHouse writes nested columns.
    #[test]
    fn rows_are_read_with_their_attributes() {
        let row = |attributes: &str| {
            format!(
                r#"{{"id":"0000000000000002","trace_id":"000000000000000000000000000000ab","trace_state":"","parent_span_id":"0000000000000001","name":"charge","kind":"client","start_time":"2026-01-15 12:00:00.000000001","status_code":"Error","status_message":"no","duration":"1500",{attributes},"service_name":"billing","scope_name":"lib","scope_version":"1"}}"#
            )
        };
        let dotted = r#""str_attributes.key":["peer.service"],"str_attributes.value":["bank"],"int_attributes.key":["tries"],"int_attributes.value":["3"],"bool_attributes.key":["ok"],"bool_attributes.value":[0],"resource_str_attributes.key":["host.name"],"resource_str_attributes.value":["h"],"events.name":["retry"],"events.timestamp":["2026-01-15 12:00:00.000000009"],"events.str_attributes":[[["why","late"]]]"#;
        let nested = r#""str_attributes":{"key":["peer.service"],"value":["bank"]},"int_attributes":[{"key":"tries","value":3}],"bool_attributes":{"key":["ok"],"value":[false]},"resource_str_attributes":{"key":["host.name"],"value":["h"]},"double_attributes":{"key":[],"value":[]},"events":[{"name":"retry","timestamp":"2026-01-15 12:00:00.000000009","str_attributes":[{"key":"why","value":"late"}]}]"#;
        for attributes in [dotted, nested] {
            let (collected, report) = read_bytes(row(attributes).as_bytes());
            let read = (report.format, report.skipped.total(), collected.spans.len());
            assert_eq!(read, ("jaeger_clickhouse_json", 0, 1), "{report:?}");
            for part in [
                "billing: ",
                "parent_span_id: 0000000000000001",
                "kind: Client",
                "status: Error",
                "end_unix_nano: 1768478400000001501",
                r#"key: "peer.service", value: Str("bank")"#,
                r#"key: "tries", value: Int(3)"#,
                r#"key: "ok", value: Bool(false)"#,
                "time_unix_nano: 1768478400000000009",
                r#"key: "why", value: Str("late")"#,
            ] {
                assert!(collected.spans[0].contains(part), "{part} in {}", collected.spans[0]);
            }
        }
    }
}
