//! Columns that a file does not have and that are made of one that it has, batch by batch: members of JSON objects, JSON
//! that stands in binary columns, fields that stand among attributes or references, and what columns of failures say beside
//! that there was one.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, DictionaryArray, Int32Array, StringArray, StringBuilder};
use serde_json::{Map, Value as Json};

use crate::ingest::json::attributes::{parse_object, value_of_json};
use crate::ingest::parquet::file::cells::{attributes_at, text_at};
use crate::ingest::parquet::flat::events::parent_in;
use crate::ingest::parquet::flat::failure::message_of_failure;
use crate::ingest::parquet::flat::mapping::partition_values::PartitionValue;
use crate::span::KeyValue;

/// A column that is made of another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Derived {
    /// A member of the JSON objects in a column.
    Member {
        /// Number of the root field of the objects.
        source: usize,
        /// The member's name; `outer.inner` for one of an object within.
        path: &'static str,
    },
    /// The texts of a column that are JSON arrays or objects.
    JsonText {
        /// Number of the root field.
        source: usize,
    },
    /// An attribute of the spans whose attributes are in a column.
    Attribute {
        /// Number of the root field of the attributes.
        source: usize,
        /// Its keys: the first counts that a span has.
        keys: &'static [&'static str],
    },
    /// The id of the parent, in hexadecimal, of a column of references to other spans.
    Parent {
        /// Number of the root field.
        source: usize,
    },
    /// What went wrong, of a column that tells the spans that failed.
    FailureMessage {
        /// Number of the root field.
        source: usize,
    },
    /// A value that stands in the file's path.
    PathValue {
        /// Number of the value.
        number: usize,
    },
}

impl Derived {
    /// Number of the root field that it is made of, if it is made of one.
    pub(crate) fn source(self) -> Option<usize> {
        match self {
            Self::Member { source, .. }
            | Self::JsonText { source }
            | Self::Attribute { source, .. }
            | Self::Parent { source }
            | Self::FailureMessage { source } => Some(source),
            Self::PathValue { .. } => None,
        }
    }
}

/// The columns of `wanted`, in that order, of `rows` rows. `column` is the file's column with a number.
pub(crate) fn derive<'a>(
    wanted: &[Derived],
    path_values: &[PartitionValue],
    rows: usize,
    column: impl Fn(usize) -> Option<&'a ArrayRef>,
) -> Vec<ArrayRef> {
    let mut made: Vec<StringBuilder> = wanted.iter().map(|_| StringBuilder::new()).collect();
    let mut sources: Vec<usize> = wanted.iter().filter_map(|derived| derived.source()).collect();
    sources.sort_unstable();
    sources.dedup();
    for source in sources {
        let Some(column) = column(source) else { continue };
        let has_members =
            wanted.iter().any(|derived| matches!(derived, Derived::Member { source: of, .. } if *of == source));
        let has_attributes =
            wanted.iter().any(|derived| matches!(derived, Derived::Attribute { source: of, .. } if *of == source));
        for row in 0..column.len() {
            let attributes = if has_attributes { attributes_at(column, row) } else { Vec::new() };
            let object = if has_members { parse_object(&text_at(column, row)) } else { None };
            for (derived, made) in wanted.iter().zip(&mut made) {
                match derived {
                    Derived::Member { source: of, path } if *of == source => {
                        made.append_option(object.as_ref().and_then(|object| member_of(object, path)));
                    }
                    Derived::JsonText { source: of } if *of == source => {
                        let text = text_at(column, row);
                        let is_json = text.starts_with(['[', '{']) && serde_json::from_str::<Json>(&text).is_ok();
                        made.append_option(is_json.then_some(text));
                    }
                    Derived::Attribute { source: of, keys } if *of == source => {
                        made.append_option(keys.iter().find_map(|key| text_of_key(&attributes, key)));
                    }
                    Derived::Parent { source: of } if *of == source => {
                        made.append_option(parent_in(column, row).map(|parent| parent.to_string()));
                    }
                    Derived::FailureMessage { source: of } if *of == source => {
                        made.append_option(message_of_failure(&text_at(column, row)));
                    }
                    _ => {}
                }
            }
        }
    }
    let finish = |(derived, mut made): (&Derived, StringBuilder)| match derived {
        Derived::PathValue { number } => repeated(&path_values[*number].value, rows),
        _ => Arc::new(made.finish()) as ArrayRef,
    };
    wanted.iter().zip(made).map(finish).collect()
}

/// A column of `rows` times the same text.
fn repeated(text: &str, rows: usize) -> ArrayRef {
    let values: ArrayRef = Arc::new(StringArray::from(vec![text]));
    Arc::new(DictionaryArray::new(Int32Array::from(vec![0; rows]), values))
}

/// The text of the attribute `key`, if it is there and not empty.
fn text_of_key<'a>(attributes: &'a [KeyValue<'_>], key: &str) -> Option<Cow<'a, str>> {
    let last = attributes.iter().rev().find(|attribute| attribute.key == key)?;
    Some(last.value.to_text()).filter(|text| !text.is_empty())
}

/// The text of a member that is there and not null.
fn member_of(object: &Map<String, Json>, path: &str) -> Option<String> {
    let member = object.get(path).or_else(|| {
        let (outer, inner) = path.split_once('.')?;
        object.get(outer)?.as_object()?.get(inner)
    })?;
    (!member.is_null()).then(|| value_of_json(member.clone()).to_text().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::AsArray;

    #[test]
    fn members_of_objects_and_of_objects_within() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![
            Some(r#"{"name":"a","status":{"code":2}}"#),
            Some(r#"{"name":null,"status.code":"OK"}"#),
            Some("no object"),
            None,
        ]));
        let wanted = [Derived::Member { source: 3, path: "status.code" }, Derived::Member { source: 3, path: "name" }];
        let made = derive(&wanted, &[], 4, |source| (source == 3).then_some(&texts));
        let texts_of = |column: &ArrayRef| -> Vec<Option<String>> {
            column.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
        };
        assert_eq!(texts_of(&made[0]), [Some("2".into()), Some("OK".into()), None, None]);
        assert_eq!(texts_of(&made[1]), [Some("a".into()), None, None, None]);
    }
}
