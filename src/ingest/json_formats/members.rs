//! Which members of a JSON object hold which fields of a span, told by their names: those that columns of tables go by, so
//! that a store's rows are the same spans whether they come as Parquet or as JSON.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde_json::Value as Json;

use super::fields::Fields;
use crate::ingest::parquet::flat::mapping::dialect::normalised;
use crate::ingest::parquet::flat::mapping::field::{ALIASES, FIELD_COUNT, Field};
use crate::ingest::parquet::flat::mapping::stores::{DIALECTS, Dialect, UNKNOWN};

/// What documents call fields and no table does.
const OF_DOCUMENTS: &[(Field, &[&str])] = &[
    (Field::ParentSpanId, &["span.parent_id"]),
    (Field::Start, &["@timestamp", "start_ns"]),
    (Field::Status, &["TraceStatus"]),
    (Field::StatusMessage, &["status.description", "span_status.description", "TraceStatusDescription"]),
    (Field::ScopeName, &["instrumentationLibrary.name"]),
    (Field::ScopeVersion, &["instrumentationLibrary.version"]),
    (Field::Attributes, &["tagMap"]),
    (Field::Events, &["event"]),
    (Field::Links, &["Link", "references"]),
];

/// The members of an object by the fields that they can hold.
pub(crate) struct Members {
    /// The table that it is a row of, as far as that is known.
    pub(crate) dialect: &'static Dialect,
    /// The paths of each field, the best first.
    paths: [Vec<String>; FIELD_COUNT],
}

impl Members {
    pub(crate) fn of(fields: &Fields) -> Self {
        let has = |column: &&str| fields.get(column).is_some();
        let dialect = DIALECTS.iter().find(|dialect| dialect.has.iter().all(has)).unwrap_or(&UNKNOWN);
        let mut ranked: [Vec<(bool, u8, String)>; FIELD_COUNT] = Default::default();
        for (key, value) in fields.members() {
            let found = field_of_name(&normalised(key));
            match found {
                Some((field, rank)) if can_hold(field, value) => {
                    ranked[field as usize].push((is_empty(value), rank, key.clone()));
                    continue;
                }
                // What attributes are called is not what fields are called.
                Some((field, _)) if is_of_attributes(field) => continue,
                _ => {}
            }
            for (inner, value) in value.as_object().into_iter().flatten() {
                let path = format!("{key}.{inner}");
                if let Some((field, rank)) = field_of_name(&normalised(&path)).filter(|found| can_hold(found.0, value))
                {
                    ranked[field as usize].push((is_empty(value), rank, path));
                }
            }
        }
        let mut paths = ranked.map(|mut paths| {
            paths.sort();
            paths.into_iter().map(|(_, _, path)| path).collect::<Vec<String>>()
        });
        for &(field, names) in OF_DOCUMENTS {
            let there = names.iter().filter(|name| fields.get(name).is_some_and(|value| can_hold(field, value)));
            paths[field as usize].extend(there.map(|&name| name.to_owned()));
        }
        for &(field, names) in dialect.columns {
            paths[field as usize] =
                names.iter().filter(|name| fields.has(&[name])).map(|&name| name.to_owned()).collect();
        }
        for &(field, column, member) in dialect.members {
            let path = format!("{column}.{member}");
            if fields.has(&[&path]) {
                paths[field as usize].insert(0, path);
            }
        }
        // An `id` alone may be of anything.
        if paths[Field::ParentSpanId as usize].is_empty() {
            paths[Field::SpanId as usize].retain(|path| !path.eq_ignore_ascii_case("id"));
        }
        Self { dialect, paths }
    }

    /// Where `field` may stand, the best first.
    pub(crate) fn paths(&self, field: Field) -> Vec<&str> {
        self.paths[field as usize].iter().map(String::as_str).collect()
    }

    pub(crate) fn has(&self, field: Field) -> bool {
        !self.paths[field as usize].is_empty()
    }
}

/// The field that a normalised name is an alias of, and how good an alias it is.
fn field_of_name(name: &str) -> Option<(Field, u8)> {
    static BY_NAME: OnceLock<HashMap<&'static str, (Field, u8)>> = OnceLock::new();
    let by_name = BY_NAME.get_or_init(|| {
        let mut by_name = HashMap::new();
        for (field, _, aliases) in ALIASES {
            for (rank, &alias) in (0u8..).zip(aliases) {
                by_name.entry(alias).or_insert((field, rank));
            }
        }
        by_name
    });
    by_name.get(name).copied()
}

/// Whether it says nothing, so that another member may.
fn is_empty(json: &Json) -> bool {
    json.is_null() || json.as_str().is_some_and(str::is_empty)
}

fn is_of_attributes(field: Field) -> bool {
    matches!(
        field,
        Field::Attributes
            | Field::ResourceAttributes
            | Field::ScopeAttributes
            | Field::NumberAttributes
            | Field::BoolAttributes
            | Field::Events
            | Field::Links
    )
}

/// Whether what stands there can be `field`.
fn can_hold(field: Field, json: &Json) -> bool {
    let is_scalar = |json: &Json| json.is_string() || json.is_number();
    // Elasticsearch may give any value as the only item of a list.
    let json = match json {
        Json::Array(items) if items.len() == 1 && !is_of_attributes(field) => &items[0],
        json => json,
    };
    match field {
        Field::TraceId | Field::SpanId | Field::ParentSpanId => match json {
            // A root says that it has no parent.
            Json::Null => field == Field::ParentSpanId,
            // The bytes of an id.
            Json::Object(object) => object.contains_key("0") || object.contains_key("data"),
            json => is_scalar(json) || json.is_array(),
        },
        Field::Start | Field::End | Field::Duration => match json {
            Json::Object(object) => ["seconds", "$date"].iter().any(|key| object.contains_key(*key)),
            Json::Array(items) => items.len() == 2,
            json => is_scalar(json),
        },
        Field::Kind | Field::Status => is_scalar(json) || json.is_boolean(),
        Field::Attributes
        | Field::ResourceAttributes
        | Field::ScopeAttributes
        | Field::NumberAttributes
        | Field::BoolAttributes => match json {
            Json::Array(items) => items.iter().all(Json::is_object),
            Json::String(text) => text.trim_start().starts_with('{'),
            json => json.is_object(),
        },
        Field::Events | Field::Links => match json {
            Json::String(text) => text.trim_start().starts_with('['),
            json => json.is_array(),
        },
        Field::EventTimes
        | Field::EventNames
        | Field::EventAttributes
        | Field::LinkTraceIds
        | Field::LinkSpanIds
        | Field::LinkTraceStates
        | Field::LinkAttributes => false,
        _ => is_scalar(json),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(json: &str) -> Members {
        Members::of(&Fields::of(serde_json::from_str(json).expect("JSON")))
    }

    /// The best name comes first, and what cannot be the field is not it.
    #[test]
    fn members_are_found_by_the_names_of_columns() {
        let members = members(
            r#"{"Trace-ID":"1","span.id":"2","operation":"op","name":"n","kind_string":"Server","resource":"GET /","parent_id":"","parent":{"span_id":"3"},
                "status":{"code":2},"tags":["a"],"attributes":{"name":"x"},"resources_string":{"a":1}}"#,
        );
        let expected = [
            (Field::TraceId, vec!["Trace-ID"]),
            (Field::SpanId, vec!["span.id"]),
            (Field::ParentSpanId, vec!["parent.span_id", "parent_id"]),
            (Field::Name, vec!["name", "operation"]),
            (Field::Kind, vec!["kind_string"]),
            (Field::Status, vec!["status.code"]),
            (Field::Attributes, vec!["attributes"]),
            (Field::ResourceAttributes, vec!["resources_string"]),
        ];
        for (field, paths) in expected {
            assert_eq!(members.paths(field), paths, "{field:?}");
        }
    }

    /// The table says what names do not.
    #[test]
    fn rows_of_known_tables_are_what_their_columns_are() {
        let row = members(r#"{"_timestamp":1,"operation_name":"a","name":"b","trace_id":"1","span_id":"2"}"#);
        assert_eq!((row.dialect.format, row.paths(Field::Name)), ("parquet_openobserve", vec!["operation_name"]));
        assert!(members(r#"{"trace_id":"1","id":"2"}"#).paths(Field::SpanId).is_empty());
    }
}
