//! The fields of a JSON object, taken out one by one, however their writer spelled them.
//!
//! A field is named by a path: `trace.id` is a key with a dot, or the member `id` of the object `trace`. What is left when a
//! reader has taken what it knows are attributes like any others, so that nothing is lost.

use serde::de::DeserializeSeed as _;
use serde_json::{Map, Value as Json};

use crate::ingest::json::attributes::{attributes_of_json, value_of_json};
use crate::ingest::json::id_text::IdText;
use crate::ingest::json::printed_map::json_of_text;
use crate::ingest::parquet::flat::times::{Unit, time_of_text};
use crate::ingest::text_ids;
use crate::span::{KeyValue, NO_START_TIME, SpanId, SpanKind, StatusCode, TraceId, Value};

/// The fields of an object that were not taken yet. Where a method is given several paths, the first present counts.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    object: Map<String, Json>,
    /// How many ids were replaced by a hash.
    pub(crate) opaque_ids: u64,
}

impl Fields {
    /// The members of `json`; none if it is no object.
    pub(crate) fn of(json: Json) -> Self {
        match json {
            Json::Object(object) => Self { object, opaque_ids: 0 },
            _ => Self::default(),
        }
    }

    /// The members that were not taken yet.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&String, &Json)> {
        self.object.iter()
    }

    /// The same, taken.
    pub(crate) fn into_members(self) -> impl Iterator<Item = (String, Json)> {
        self.object.into_iter()
    }

    /// Adds a member, in place of one with the same key; nothing for nothing.
    pub(crate) fn insert(&mut self, key: &str, json: Json) {
        let is_empty =
            json.is_null() || json.as_object().is_some_and(Map::is_empty) || json.as_array().is_some_and(Vec::is_empty);
        if !is_empty {
            self.object.insert(key.to_owned(), json);
        }
    }

    /// The value at `path`.
    pub(crate) fn get(&self, path: &str) -> Option<&Json> {
        find(&self.object, path)
    }

    /// Whether there is something at one of `paths`.
    pub(crate) fn has(&self, paths: &[&str]) -> bool {
        paths.iter().any(|path| self.get(path).is_some_and(|json| !json.is_null()))
    }

    /// The text at `path`, without taking it.
    pub(crate) fn text_at(&self, path: &str) -> &str {
        self.get(path).and_then(Json::as_str).unwrap_or_default()
    }

    /// Takes what stands there; `null` if there is nothing.
    pub(crate) fn take(&mut self, paths: &[&str]) -> Json {
        paths.iter().find_map(|path| remove(&mut self.object, path)).unwrap_or_default()
    }

    /// As text; empty for what is absent.
    pub(crate) fn text(&mut self, paths: &[&str]) -> String {
        value_of_json(single(self.take(paths))).to_text().into_owned()
    }

    /// An id, as its text is spelled; see [`text_ids::trace_id`].
    pub(crate) fn trace_id(&mut self, paths: &[&str]) -> TraceId {
        let id = text_ids::trace_id(&self.id_text(paths));
        self.opaque_ids += u64::from(id.is_hash);
        id.id
    }

    /// An id, as its text is spelled; see [`text_ids::span_id`].
    pub(crate) fn span_id(&mut self, paths: &[&str]) -> SpanId {
        let id = text_ids::span_id(&self.id_text(paths));
        self.opaque_ids += u64::from(id.is_hash);
        id.id
    }

    /// The text of an id, without `0x` before it.
    pub(crate) fn id_text(&mut self, paths: &[&str]) -> String {
        // A number in a list is a byte.
        let id = match self.take(paths) {
            Json::Array(mut items) if items.len() == 1 && items[0].is_string() => items.remove(0),
            id => id,
        };
        let text = IdText.deserialize(id).unwrap_or_default();
        let text = text.trim();
        text.strip_prefix("0x").unwrap_or(text).to_owned()
    }

    /// A time in ns, 0 if absent: text, or a number of `unit`s.
    pub(crate) fn time(&mut self, paths: &[&str], unit: Unit) -> u64 {
        self.time_if_any(paths, unit).unwrap_or(0)
    }

    /// The same, if there is one.
    pub(crate) fn time_if_any(&mut self, paths: &[&str], unit: Unit) -> Option<u64> {
        nanoseconds(&single(self.take(paths)), unit).and_then(|time| u64::try_from(time).ok())
    }

    /// A length in ns, 0 if absent: text, or a number of `unit`s. It is below 0 where a span ends before it starts.
    pub(crate) fn length(&mut self, paths: &[&str], unit: Unit) -> i64 {
        Self::length_of(&single(self.take(paths)), unit).unwrap_or(0)
    }

    /// The length in ns that `json` is, if it is one.
    pub(crate) fn length_of(json: &Json, unit: Unit) -> Option<i64> {
        let wrapped = match json {
            Json::Number(number) => number.as_u64(),
            Json::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        match wrapped.filter(|&length| i64::try_from(length).is_err()) {
            // Who counts without a sign goes around below 0.
            Some(length) => unit.nanoseconds(length as i64),
            None => nanoseconds(json, unit),
        }
    }

    /// The start of a span, as [`Fields::instant`]; [`NO_START_TIME`] if absent.
    pub(crate) fn start(&mut self, paths: &[&str]) -> u64 {
        self.time_if_any(paths, Unit::ByMagnitude).unwrap_or(NO_START_TIME)
    }

    /// An instant in ns since 1970, 0 if absent: text, or a number in whichever unit puts it into our times.
    pub(crate) fn instant(&mut self, paths: &[&str]) -> u64 {
        self.time(paths, Unit::ByMagnitude)
    }

    /// The kind of a span, however it is spelled.
    pub(crate) fn kind(&mut self, paths: &[&str]) -> SpanKind {
        SpanKind::from_text(&self.text(paths))
    }

    /// The members of an object.
    pub(crate) fn object(&mut self, paths: &[&str]) -> Self {
        Self::of(self.take(paths))
    }

    /// The objects of a list. The list, and each of its items, may be JSON in a text.
    pub(crate) fn list(&mut self, paths: &[&str]) -> Vec<Self> {
        let items: Vec<Json> = match self.take(paths) {
            Json::Array(items) => items,
            Json::String(text) => serde_json::from_str(&text).unwrap_or_default(),
            _ => Vec::new(),
        };
        let parsed = items.into_iter().map(|item| match item {
            Json::String(text) => serde_json::from_str(&text).unwrap_or_default(),
            item => item,
        });
        parsed.filter(Json::is_object).map(Self::of).collect()
    }

    /// Attributes: an object, or a list of keys and values.
    pub(crate) fn attributes(&mut self, paths: &[&str]) -> Vec<KeyValue<'static>> {
        match self.take(paths) {
            Json::Object(object) => attributes_of_json(object),
            Json::Array(items) => items.into_iter().filter_map(listed_attribute).collect(),
            Json::String(text) => match json_of_text(&text) {
                Some(Json::Object(object)) => attributes_of_json(object),
                Some(Json::Array(items)) => items.into_iter().filter_map(listed_attribute).collect(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// The members whose keys begin with one of `prefixes`, named by what follows.
    pub(crate) fn with_prefix(&mut self, prefixes: &[&str]) -> Vec<KeyValue<'static>> {
        let key_without = |key: &str| prefixes.iter().find_map(|prefix| key.strip_prefix(prefix)).map(str::to_owned);
        let (taken, left) =
            std::mem::take(&mut self.object).into_iter().partition(|(key, _)| key_without(key).is_some());
        self.object = left;
        let taken: Map<String, Json> = taken;
        let named = taken.into_iter().filter_map(|(key, value)| Some((key_without(&key)?, single(value))));
        attributes_of_json(named.collect())
    }

    /// A status: an object, or the code alone. What stands in an object at `paths` may also be written with dots.
    pub(crate) fn status(&mut self, paths: &[&str]) -> (StatusCode, String) {
        let is_plain = |json: &&Json| !json.is_object() && !json.is_null();
        if paths.iter().any(|path| self.get(path).as_ref().is_some_and(is_plain)) {
            return (StatusCode::from_text(&self.text(paths)), String::new());
        }
        let mut first = |names: &[&str]| {
            let member = |path: &&str| names.iter().map(|name| format!("{path}.{name}")).collect::<Vec<String>>();
            let members: Vec<String> = paths.iter().flat_map(member).collect();
            self.text(&members.iter().map(String::as_str).collect::<Vec<&str>>())
        };
        let code = first(&["code", "status_code", "statusCode", "Code"]);
        (StatusCode::from_text(&code), first(&["message", "description", "Description"]))
    }

    /// The first keys that were not taken, for messages.
    pub(crate) fn keys(&self) -> String {
        const MOST: usize = 16;
        self.object.keys().take(MOST).map(String::as_str).collect::<Vec<&str>>().join(", ")
    }

    /// What was not taken, as attributes.
    pub(crate) fn rest(self) -> Vec<KeyValue<'static>> {
        attributes_of_json(self.object)
    }
}

fn find<'a>(object: &'a Map<String, Json>, path: &str) -> Option<&'a Json> {
    object.get(path).or_else(|| {
        path.match_indices('.').find_map(|(dot, _)| find(object.get(&path[..dot])?.as_object()?, &path[dot + 1..]))
    })
}

/// Removes what stands at `path`, and objects that it leaves empty.
fn remove(object: &mut Map<String, Json>, path: &str) -> Option<Json> {
    if let Some(json) = object.shift_remove(path) {
        return Some(json);
    }
    path.match_indices('.').find_map(|(dot, _)| {
        let Some(Json::Object(inner)) = object.get_mut(&path[..dot]) else {
            return None;
        };
        let json = remove(inner, &path[dot + 1..])?;
        if inner.is_empty() {
            object.shift_remove(&path[..dot]);
        }
        Some(json)
    })
}

/// The only item of a list of one: Elasticsearch may give any field as such.
pub(crate) fn single(json: Json) -> Json {
    match json {
        Json::Array(mut items) if items.len() == 1 => items.remove(0),
        json => json,
    }
}

/// The instant that `json` is, in ns since 1970; 0 if it is none.
pub(crate) fn instant(json: &Json) -> u64 {
    nanoseconds(json, Unit::ByMagnitude).and_then(|time| u64::try_from(time).ok()).unwrap_or(0)
}

/// A number of `unit`s, or text that says a time, in ns.
fn nanoseconds(json: &Json, unit: Unit) -> Option<i64> {
    match json {
        Json::Number(number) => match number.as_i64() {
            Some(number) => unit.nanoseconds(number),
            // The decimal digits are exact where a product of floats is not; whole numbers beyond 2^53 come as floats.
            None => {
                time_of_text(&number.to_string(), unit).or_else(|| unit.nanoseconds(number.as_f64()?.round() as i64))
            }
        },
        Json::String(text) => {
            time_of_text(text, unit).or_else(|| unit.nanoseconds(text.trim().parse::<f64>().ok()?.round() as i64))
        }
        // JavaScript's SDK has times as `[seconds, nanoseconds]`.
        Json::Array(items) => match items.as_slice() {
            [seconds, nanos] => Unit::Seconds.nanoseconds(seconds.as_i64()?)?.checked_add(nanos.as_i64()?),
            _ => None,
        },
        // As protobuf has them in other languages, and as MongoDB exports them.
        Json::Object(object) => match (object.get("seconds"), object.get("$date")) {
            (Some(seconds), _) => {
                let nanos = object.get("nanos").map_or(Some(0), Json::as_i64)?;
                nanoseconds(seconds, Unit::Seconds)?.checked_add(nanos)
            }
            (_, Some(date @ (Json::String(_) | Json::Number(_)))) => nanoseconds(date, Unit::ByMagnitude),
            _ => None,
        },
        _ => None,
    }
}

/// `{"key":…,"value":…}`, the value alone or under the name of its type, as OTLP and Go's exporter have it.
fn listed_attribute(item: Json) -> Option<KeyValue<'static>> {
    let mut item = Fields::of(item);
    let key = item.text(&["key", "Key"]);
    let value = match item.take(&["value", "Value"]) {
        Json::Object(mut of_type) if of_type.contains_key("Type") => {
            let value = of_type.remove("Value").unwrap_or_default();
            match of_type.get("Type").and_then(Json::as_str) {
                Some("FLOAT64") => value.as_f64().map_or_else(|| value_of_json(value), Value::Double),
                _ => value_of_json(value),
            }
        }
        Json::Object(any) => {
            any.into_iter().next().map_or(Value::Empty, |(kind, value)| match (kind.as_str(), value) {
                ("intValue", Json::String(text)) => text.parse().map_or(Value::Str(text.into()), Value::Int),
                (_, value) => value_of_json(value),
            })
        }
        plain => value_of_json(plain),
    };
    (!key.is_empty()).then(|| KeyValue { key: key.into(), value })
}

/// An attribute made of a field, unless it is empty.
pub(crate) fn text_attribute(key: &'static str, text: String) -> Option<KeyValue<'static>> {
    (!text.is_empty()).then(|| KeyValue { key: key.into(), value: Value::Str(text.into()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(json: &str) -> Fields {
        Fields::of(serde_json::from_str(json).expect("JSON"))
    }

    /// A path leads to a key with dots and to a member of a member alike, and taking leaves no empty husks.
    #[test]
    fn paths_lead_through_dots_and_objects() {
        let mut fields = fields(r#"{"a.b":{"c":1},"a":{"d":{"e":"x"},"f":[2]},"g":null}"#);
        assert!(fields.has(&["none", "a.b.c"]) && !fields.has(&["g", "a.b.d"]));
        assert_eq!((fields.text(&["a.d.e"]), fields.text(&["a.b.c"])), ("x".to_owned(), "1".to_owned()));
        let rest: Vec<String> =
            fields.rest().iter().map(|left| format!("{}={}", left.key, left.value.to_text())).collect();
        assert_eq!(rest, ["a.f=[2]", "g="]);
    }

    /// The same instant in text and numbers of every unit, exact where it is decimal.
    #[test]
    fn instants_are_read_in_every_form() {
        for json in [
            r#""2026-01-15T12:00:00.010Z""#,
            r#""2026-01-15 12:00:00.010000000""#,
            "1768478400.01",
            "1768478400010",
            r#""1768478400010.0""#,
            "1768478400010000000",
            r#""1768478400010000000""#,
            "[1768478400,10000000]",
            r#"{"seconds":"1768478400","nanos":10000000}"#,
            r#"{"$date":"2026-01-15T12:00:00.010Z"}"#,
        ] {
            assert_eq!(instant(&serde_json::from_str(json).expect("JSON")), 1_768_478_400_010_000_000, "{json}");
        }
        assert_eq!(instant(&Json::from("soon")), 0);
        assert_eq!(instant(&Json::from(1.768_478_4e18)), 1_768_478_400_000_000_000);
    }

    #[test]
    fn attributes_are_read_in_every_form() {
        let mut fields = fields(
            r#"{"a":{"k":1,"n":{"m":true}},"b":[{"Key":"k","Value":{"Type":"FLOAT64","Value":1}},{"key":"k","value":{"intValue":"7"}},{"key":"k","value":"v"},3],
                "c":"{\"k\":\"v\"}","d":"{'k':'v'}","s.x":1,"s.y":"2"}"#,
        );
        let mut of = |path: &str| {
            let attributes = fields.attributes(&[path]);
            attributes.iter().map(|entry| format!("{}={:?}", entry.key, entry.value)).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of("a"), "k=Int(1) n.m=Bool(true)");
        assert_eq!(of("b"), r#"k=Double(1.0) k=Int(7) k=Str("v")"#);
        assert_eq!(of("c"), r#"k=Str("v")"#);
        assert_eq!(of("d"), r#"k=Str("v")"#);
        assert_eq!(fields.with_prefix(&["s."]).len(), 2);
        assert!(fields.rest().is_empty());
    }
}
