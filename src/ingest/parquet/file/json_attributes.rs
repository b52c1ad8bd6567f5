//! Attributes in JSON, in either form that exporters have: an object, whose nested objects are keys with dots, or a list of
//! keys and values as OTLP and Jaeger have it. Values are plain, or in the braces of OTLP's `AnyValue`.

use serde::de::DeserializeSeed as _;
use serde_json::{Map, Value as Json};

use super::any_value::is_member;
use crate::ingest::json::attributes::{attributes_of_json, value_of_json};
use crate::ingest::json::printed_map::json_of_text;
use crate::ingest::otlp::json_message::AnyValue;
use crate::span::{KeyValue, Value};

/// What stands beside the attributes of a resource where they are a member of it, and is no attribute.
const BESIDE_ATTRIBUTES: [&str; 4] = ["schemaUrl", "schema_url", "droppedAttributesCount", "dropped_attributes_count"];

/// The attributes that `text` has, none if it is no JSON and no map.
pub(crate) fn attributes_of_text(text: &str) -> Vec<KeyValue<'static>> {
    json_of_text(text).map(attributes_of).unwrap_or_default()
}

/// The attributes that `json` has, which may be the text of JSON.
pub(crate) fn attributes_of(json: Json) -> Vec<KeyValue<'static>> {
    match json {
        Json::Object(members) => attributes_of_members(members),
        Json::Array(items) => items.into_iter().flat_map(attributes_of_item).collect(),
        Json::String(text) => attributes_of_text(&text),
        _ => Vec::new(),
    }
}

fn attributes_of_members(mut members: Map<String, Json>) -> Vec<KeyValue<'static>> {
    // A whole resource: `{"attributes": …}`.
    let is_around = |(name, member): (&String, &Json)| {
        BESIDE_ATTRIBUTES.contains(&name.as_str()) || name == "attributes" && (member.is_object() || member.is_array())
    };
    if members.iter().all(is_around)
        && let Some(attributes) = members.remove("attributes")
    {
        return attributes_of(attributes);
    }
    if !members.values().any(is_any_value) {
        return attributes_of_json(members);
    }
    let (values, others): (Vec<_>, Vec<_>) = members.into_iter().partition(|(_, member)| is_any_value(member));
    let mut attributes = attributes_of_json(others.into_iter().collect());
    attributes.extend(values.into_iter().map(|(key, value)| KeyValue { key: key.into(), value: value_of(value) }));
    attributes
}

fn attributes_of_item(item: Json) -> Vec<KeyValue<'static>> {
    let Json::Object(mut members) = item else { return Vec::new() };
    let Some(key) = members.remove("key").or_else(|| members.remove("Key")) else {
        return attributes_of_members(members);
    };
    let value = members.remove("value").or_else(|| members.remove("Value"));
    let key = value_of_json(key).to_text().into_owned().into();
    vec![KeyValue { key, value: value.map(value_of).unwrap_or_default() }]
}

fn is_any_value(json: &Json) -> bool {
    json.as_object().is_some_and(|members| !members.is_empty() && members.keys().all(|name| is_member(name)))
}

fn value_of(json: Json) -> Value<'static> {
    if is_any_value(&json) {
        AnyValue::top().deserialize(without_nulls(json)).unwrap_or_default()
    } else {
        value_of_json(json)
    }
}

/// `json` without the members that have no value. Who makes JSON of a struct names all its fields, and the last would count.
fn without_nulls(json: Json) -> Json {
    match json {
        Json::Object(members) => members
            .into_iter()
            .filter(|(_, member)| !member.is_null())
            .map(|(name, member)| (name, without_nulls(member)))
            .collect(),
        Json::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(json: &str) -> Vec<(String, String)> {
        let attributes = attributes_of_text(json);
        attributes.iter().map(|entry| (entry.key.to_string(), entry.value.to_text().into_owned())).collect()
    }

    /// Every form of the same attributes, as objects and as lists, of OTLP, Go, Jaeger and data frames.
    #[test]
    fn objects_and_lists_are_attributes() {
        for json in [
            r#"{"a.b":"x","n":7}"#,
            r#"{"a":{"b":"x"},"n":7}"#,
            r#"{"a.b":{"stringValue":"x"},"n":{"intValue":"7"}}"#,
            r#"{"attributes":{"a.b":"x","n":7},"schema_url":""}"#,
            r#"{"attributes":[{"key":"a.b","value":{"stringValue":"x"}},{"key":"n","value":{"intValue":"7"}}]}"#,
            r#"[{"key":"a.b","value":{"stringValue":"x","intValue":null}},{"key":"n","value":{"stringValue":null,"intValue":7}}]"#,
            r#" [{"key":"a.b","type":"string","value":"x"},{"key":"n","type":"int64","value":7}]"#,
            r#"[{"Value":"x","Key":"a.b"},{"n":"7"}]"#,
        ] {
            assert_eq!(texts(json), [("a.b".into(), "x".into()), ("n".into(), "7".into())], "{json}");
        }
        let nested = r#"[{"key":"l","value":{"arrayValue":{"values":[{"stringValue":"x","intValue":null}]}}},{"key":"o","value":{"p":1}}]"#;
        assert_eq!(texts(nested), [("l".into(), r#"["x"]"#.into()), ("o".into(), r#"{"p":1}"#.into())]);
        assert_eq!(texts(r#"{"attributes":"x"}"#), [("attributes".into(), "x".into())]);
        assert!(["[1,\"x\"]", "[[{}]]", "null", "[", "no json"].iter().all(|json| texts(json).is_empty()));
    }
}
