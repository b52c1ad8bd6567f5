//! Attributes as a plain JSON object: `{"http.method":"GET"}`, or with the dots expanded into nested objects
//! as ClickHouse's JSON type has them, `{"http":{"method":"GET"}}`.

use serde_json::{Map, Value as Json};

use crate::span::{KeyValue, Value};

/// The object that `text` is, if it is one.
pub(crate) fn parse_object(text: &str) -> Option<Map<String, Json>> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// The attributes of `object`, those of nested objects under dotted keys.
pub(crate) fn attributes_of_json(object: Map<String, Json>) -> Vec<KeyValue<'static>> {
    let mut attributes = Vec::with_capacity(object.len());
    flatten("", object, &mut attributes);
    attributes
}

fn flatten(prefix: &str, object: Map<String, Json>, attributes: &mut Vec<KeyValue<'static>>) {
    for (name, member) in object {
        let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        match member {
            Json::Object(nested) if !nested.is_empty() => flatten(&key, nested, attributes),
            member => attributes.push(KeyValue { key: key.into(), value: value_of_json(member) }),
        }
    }
}

/// A JSON value as an attribute's value.
pub(crate) fn value_of_json(json: Json) -> Value<'static> {
    match json {
        Json::Null => Value::Empty,
        Json::Bool(value) => Value::Bool(value),
        Json::Number(number) => match number.as_i64() {
            Some(integer) => Value::Int(integer),
            None if number.is_f64() => Value::Double(number.as_f64().unwrap_or(f64::NAN)),
            None => Value::Str(number.to_string().into()),
        },
        Json::String(text) => Value::Str(text.into()),
        Json::Array(_) | Json::Object(_) => Value::Json(json.to_string().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_objects_get_dotted_keys() {
        let object = parse_object(r#"{"http":{"request":{"method":"GET"}},"n":7,"list":[1],"none":{}}"#);
        let attributes = attributes_of_json(object.expect("an object"));
        let texts: Vec<(String, String)> =
            attributes.iter().map(|entry| (entry.key.to_string(), entry.value.to_text().into_owned())).collect();
        let expected = [("http.request.method", "GET"), ("n", "7"), ("list", "[1]"), ("none", "{}")]
            .map(|(k, v)| (k.into(), v.into()));
        assert_eq!(texts, expected);
        assert!(parse_object("not json").is_none());
    }
}
