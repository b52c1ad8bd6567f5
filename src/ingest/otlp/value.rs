//! OTLP's arrays and maps as JSON text, the same from JSON and from protobuf.

use crate::span::{KeyValue, Value};

/// How deep arrays and maps may nest in one value; what is deeper is dropped.
pub(crate) const MAX_VALUE_DEPTH: usize = 24;

/// `values` as a JSON array.
pub(crate) fn array<'a>(values: &[Value<'_>]) -> Value<'a> {
    let mut json = String::from("[");
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        push_value(&mut json, value);
    }
    json.push(']');
    Value::Json(json.into())
}

/// `entries` as a JSON object.
pub(crate) fn map<'a>(entries: &[KeyValue<'_>]) -> Value<'a> {
    let mut json = String::from("{");
    for (index, entry) in entries.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        push_text(&mut json, &entry.key);
        json.push(':');
        push_value(&mut json, &entry.value);
    }
    json.push('}');
    Value::Json(json.into())
}

fn push_value(json: &mut String, value: &Value<'_>) {
    match value {
        Value::Empty => json.push_str("null"),
        Value::Bool(_) | Value::Int(_) | Value::Json(_) => json.push_str(&value.to_text()),
        Value::Double(number) if number.is_finite() => json.push_str(&value.to_text()),
        Value::Str(_) | Value::Double(_) | Value::Bytes(_) => push_text(json, &value.to_text()),
    }
}

fn push_text(json: &mut String, text: &str) {
    json.push_str(&serde_json::Value::from(text).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_and_maps_are_plain_json() {
        let list = [
            Value::Empty,
            Value::Bool(true),
            Value::Int(-1),
            Value::Double(0.5),
            Value::Double(f64::NAN),
            Value::Str("a\"b".into()),
            Value::Bytes(vec![0].into()),
        ];
        let inner = array(&list);
        let entries = [KeyValue { key: "k\n".into(), value: inner }, KeyValue { key: "e".into(), value: array(&[]) }];
        assert_eq!(map(&entries).to_text(), r#"{"k\n":[null,true,-1,0.5,"NaN","a\"b","AA=="],"e":[]}"#);
    }
}
