//! Attributes in a Tempo block: lists of a key and a column for each type of value, and columns that belong to one key.
//!
//! vParquet3 has one value of each type, later forms a list of them, where a list of one may be an array. What fits no
//! type is OTLP's JSON; in events of vParquet3 all values are OTLP's protobuf.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, StructArray};
use arrow::datatypes::DataType;

use super::items::{Items, bytes_at, number_at};
use crate::conventions::{OwnAttributes, exception_attribute_of_key, resource_attribute_of_key};
use crate::frame::Wanted as WantedOfSpans;
use crate::ingest::otlp::json_message;
use crate::ingest::otlp::proto;
use crate::ingest::otlp::value;
use crate::ingest::parquet::file::cells::{list_at, text_at, value_at};
use crate::span::{KeyValue, REF_TYPE, Value};

/// The types of arrays begin here in the `ValueType` of vParquet4 before its release.
const FIRST_ARRAY_TYPE: u64 = 5;

/// Which attributes are taken.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WantedAttributes {
    /// All.
    Everything,
    /// Those of spans that the analysis asks for.
    Known(WantedOfSpans),
    /// Those of resources that the analysis asks for, of those beside rows only these.
    KnownOfResources(OwnAttributes),
    /// What an event tells of an exception.
    OfExceptions,
    /// What a link says of how the span refers to its parent.
    RefType,
}

impl WantedAttributes {
    /// Whether the attribute `key` is taken.
    pub(crate) fn takes(self, key: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Known(wanted) => wanted.takes(key),
            Self::KnownOfResources(own) => {
                key == "service.name" || resource_attribute_of_key(key).is_some() || own.of_resource_key(key).is_some()
            }
            Self::OfExceptions => exception_attribute_of_key(key).is_some(),
            Self::RefType => key == REF_TYPE,
        }
    }
}

/// The attribute lists of one kind of parent in one batch.
#[derive(Debug)]
pub(crate) struct AttributeLists<'a> {
    items: Items<'a>,
    keys: &'a ArrayRef,
    /// Columns with at most one value, for the types of vParquet3.
    scalars: Vec<&'a ArrayRef>,
    /// Columns with any number of values, for the types of later forms.
    lists: Vec<&'a ListArray>,
    is_array: Option<&'a BooleanArray>,
    value_types: Option<&'a ArrayRef>,
    json: Vec<&'a ArrayRef>,
    messages: Option<&'a ArrayRef>,
}

impl<'a> AttributeLists<'a> {
    /// The list `Attrs` of `parent`, if it was read.
    pub(crate) fn of(parent: &'a StructArray) -> Option<Self> {
        let items = Items::of(parent, "Attrs")?;
        let is_typed = items.column("ValueInt").is_some();
        let columns = || ["Value", "ValueInt", "ValueDouble", "ValueBool"].into_iter().filter_map(|n| items.column(n));
        let is_list = |column: &&ArrayRef| matches!(column.data_type(), DataType::List(_));
        Some(Self {
            keys: items.column("Key")?,
            scalars: columns().filter(|column| is_typed && !is_list(column)).collect(),
            lists: columns().filter_map(|column| column.as_list_opt::<i32>()).collect(),
            is_array: items.column("IsArray").and_then(|column| column.as_boolean_opt()),
            value_types: items.column("ValueType"),
            json: ["ValueArray", "ValueKVList", "ValueUnsupported", "ValueDropped"]
                .into_iter()
                .filter_map(|name| items.column(name))
                .collect(),
            messages: items.column("Value").filter(|_| !is_typed),
            items,
        })
    }

    /// Adds those attributes of the parent at `row` that are wanted.
    pub(crate) fn read(&self, row: usize, wanted: WantedAttributes, attributes: &mut Vec<KeyValue<'a>>) {
        for at in self.items.at(row) {
            let key = text_at(self.keys, at);
            if wanted.takes(&key) {
                attributes.push(KeyValue { key, value: self.value_at(at) });
            }
        }
    }

    fn value_at(&self, at: usize) -> Value<'a> {
        if let Some(scalar) = self.scalars.iter().copied().find(|column| column.is_valid(at)) {
            return value_at(scalar, at);
        }
        let is_array = self.is_array.is_some_and(|is_array| is_array.is_valid(at) && is_array.value(at))
            || number_at(self.value_types, at) >= FIRST_ARRAY_TYPE;
        for list in &self.lists {
            if let Some(value) = value_of_list(list, at, is_array) {
                return value;
            }
        }
        if let Some(json) =
            self.json.iter().copied().find(|column| column.is_valid(at) && !bytes_at(Some(column), at).is_empty())
        {
            return value_of_json(json, at);
        }
        match self.messages {
            Some(messages) => value_of_message(bytes_at(Some(messages), at)),
            None if is_array => value::array(&[]),
            None => Value::Empty,
        }
    }
}

/// The values of the list at `row`: the value itself if there is one and it is no array.
fn value_of_list<'a>(list: &'a ListArray, row: usize, is_array: bool) -> Option<Value<'a>> {
    let (values, range) = list_at(list, row);
    if range.is_empty() {
        None
    } else if range.len() == 1 && !is_array {
        Some(value_at(values, range.start))
    } else {
        let values: Vec<Value<'_>> = range.map(|at| value_at(values, at)).collect();
        Some(value::array(&values))
    }
}

/// Text that cannot be understood is kept as it is.
fn value_of_json(column: &ArrayRef, at: usize) -> Value<'_> {
    let bytes = bytes_at(Some(column), at);
    let value = std::str::from_utf8(bytes).ok().and_then(json_message::read_value);
    value.filter(|value| *value != Value::Empty).unwrap_or_else(|| Value::Str(text_at(column, at)))
}

/// OTLP's `AnyValue`; old blocks have it as JSON, whose brace no protobuf message can begin with.
fn value_of_message(bytes: &[u8]) -> Value<'_> {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.starts_with('{') => json_message::read_value(text).unwrap_or(Value::Str(text.into())),
        _ => proto::read_value(bytes),
    }
}

/// A column that belongs to one key.
#[derive(Debug)]
pub(crate) struct NamedColumn<'a> {
    /// The key.
    pub(crate) key: &'a str,
    /// The values.
    pub(crate) column: &'a ArrayRef,
    /// Whether one value is an array of one.
    pub(crate) is_array: bool,
}

impl<'a> NamedColumn<'a> {
    /// The attribute of the parent at `row`, if it has it.
    pub(crate) fn at(&self, row: usize) -> Option<KeyValue<'a>> {
        if self.column.is_null(row) {
            return None;
        }
        let value = match self.column.as_list_opt::<i32>() {
            Some(list) => value_of_list(list, row, self.is_array)?,
            None => value_at(self.column, row),
        };
        Some(KeyValue { key: self.key.into(), value })
    }
}
