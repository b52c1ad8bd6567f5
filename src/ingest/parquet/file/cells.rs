//! One cell of a column of any type: as a value, as text, as attributes.
//!
//! The reader is given a schema without the types that a writer's Arrow schema would restore, so that strings are
//! `Utf8` or `Binary`, lists are `List`, and dictionaries have `Int32` keys.

use std::borrow::Cow;

use arrow::array::{Array, ArrayRef, AsArray, ListArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, FieldRef, Fields, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::any_value::{any_value_at, is_any_value};
use super::json_attributes::attributes_of_text;
use crate::span::{KeyValue, Value};

/// The value at `row`. Bytes that are text come as text.
pub(crate) fn value_at(array: &dyn Array, row: usize) -> Value<'_> {
    if array.is_null(row) {
        return Value::Empty;
    }
    match array.data_type() {
        DataType::Null => Value::Empty,
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Int8 => integer::<Int8Type>(array, row),
        DataType::Int16 => integer::<Int16Type>(array, row),
        DataType::Int32 => integer::<Int32Type>(array, row),
        DataType::Int64 => integer::<Int64Type>(array, row),
        DataType::UInt8 => integer::<UInt8Type>(array, row),
        DataType::UInt16 => integer::<UInt16Type>(array, row),
        DataType::UInt32 => integer::<UInt32Type>(array, row),
        DataType::UInt64 => {
            let number = array.as_primitive::<UInt64Type>().value(row);
            i64::try_from(number).map_or_else(|_| Value::Str(number.to_string().into()), Value::Int)
        }
        DataType::Timestamp(unit, _) => match unit {
            TimeUnit::Nanosecond => integer::<TimestampNanosecondType>(array, row),
            TimeUnit::Microsecond => integer::<TimestampMicrosecondType>(array, row),
            TimeUnit::Millisecond => integer::<TimestampMillisecondType>(array, row),
            TimeUnit::Second => integer::<TimestampSecondType>(array, row),
        },
        DataType::Float32 => Value::Double(f64::from(array.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => Value::Double(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => Value::Str(array.as_string::<i32>().value(row).into()),
        DataType::Binary => value_of_bytes(array.as_binary::<i32>().value(row)),
        DataType::FixedSizeBinary(_) => value_of_bytes(array.as_fixed_size_binary().value(row)),
        DataType::Dictionary(_, _) => match array.as_dictionary_opt::<Int32Type>() {
            Some(dictionary) => match dictionary.key(row).filter(|&key| key < dictionary.values().len()) {
                Some(key) => value_at(dictionary.values(), key),
                None => Value::Empty,
            },
            None => Value::Empty,
        },
        DataType::Struct(fields) if is_any_value(fields) => any_value_at(array, row),
        DataType::List(_) | DataType::Struct(_) | DataType::Map(_, _) => {
            Value::Json(json_at(array, row).to_string().into())
        }
        _ => ArrayFormatter::try_new(array, &FormatOptions::default())
            .ok()
            .and_then(|formatter| formatter.value(row).try_to_string().ok())
            .map_or(Value::Empty, |text| Value::Str(text.into())),
    }
}

fn integer<T: ArrowPrimitiveType<Native: Into<i64>>>(array: &dyn Array, row: usize) -> Value<'_> {
    Value::Int(array.as_primitive::<T>().value(row).into())
}

fn value_of_bytes(bytes: &[u8]) -> Value<'_> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::Str(text.into()),
        Err(_) => Value::Bytes(bytes.into()),
    }
}

fn json_at(array: &dyn Array, row: usize) -> serde_json::Value {
    if array.is_null(row) {
        return serde_json::Value::Null;
    }
    match array.data_type() {
        DataType::List(_) => {
            let (values, range) = list_at(array.as_list::<i32>(), row);
            range.map(|item| json_at(values, item)).collect()
        }
        DataType::Struct(fields) if !is_any_value(fields) => {
            let columns = array.as_struct().columns();
            fields.iter().zip(columns).map(|(field, column)| (field.name().clone(), json_at(column, row))).collect()
        }
        DataType::Map(_, _) => {
            attributes_at(array, row).iter().map(|entry| (entry.key.to_string(), json_of(&entry.value))).collect()
        }
        _ => json_of(&value_at(array, row)),
    }
}

fn json_of(value: &Value<'_>) -> serde_json::Value {
    match value {
        Value::Empty => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Double(value) if value.is_finite() => (*value).into(),
        Value::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| text.as_ref().into()),
        Value::Str(_) | Value::Double(_) | Value::Bytes(_) => value.to_text().into(),
    }
}

/// The text at `row`, empty where there is none: that of [`value_at`].
pub(crate) fn text_at(array: &dyn Array, row: usize) -> Cow<'_, str> {
    match value_at(array, row) {
        Value::Str(text) | Value::Json(text) => text,
        value => Cow::Owned(value.to_text().into_owned()),
    }
}

/// The items of the list at `row`: the array that holds them and where they stand in it.
pub(crate) fn list_at(list: &ListArray, row: usize) -> (&ArrayRef, std::ops::Range<usize>) {
    if list.is_null(row) {
        return (list.values(), 0..0);
    }
    let offsets = list.value_offsets();
    (list.values(), offsets[row] as usize..offsets[row + 1] as usize)
}

/// The attributes that the cell at `row` holds: the entries of a map or of a list of keys and values, the members of a
/// JSON text (nested ones with dotted keys), the fields of a struct (the same). A VARIANT is not read.
pub(crate) fn attributes_at(array: &dyn Array, row: usize) -> Vec<KeyValue<'_>> {
    if array.is_null(row) {
        return Vec::new();
    }
    match array.data_type() {
        DataType::Map(_, _) => {
            let map = array.as_map();
            let offsets = map.value_offsets();
            (offsets[row] as usize..offsets[row + 1] as usize)
                .map(|entry| KeyValue { key: text_at(map.keys(), entry), value: value_at(map.values(), entry) })
                .collect()
        }
        DataType::List(item) if let Some(parts) = key_and_value(item.data_type()) => {
            let (pairs, range) = list_at(array.as_list::<i32>(), row);
            let [keys, values] = parts.map(|part| &pairs.as_struct().columns()[part]);
            let pairs = range.filter(|&at| pairs.is_valid(at));
            pairs.map(|at| KeyValue { key: text_at(keys, at), value: value_at(values, at) }).collect()
        }
        data_type @ DataType::Struct(_) if is_variant_type(data_type) => Vec::new(),
        DataType::Struct(_) => {
            let mut attributes = Vec::new();
            push_fields("", array, row, &mut attributes);
            attributes
        }
        DataType::Utf8 | DataType::Binary | DataType::Dictionary(_, _) => attributes_of_text(&text_at(array, row)),
        _ => Vec::new(),
    }
}

/// Appends the fields of the struct at `row`, those of structs within it under keys with dots.
fn push_fields<'a>(prefix: &str, array: &'a dyn Array, row: usize, attributes: &mut Vec<KeyValue<'a>>) {
    let array = array.as_struct();
    for (field, column) in array.fields().iter().zip(array.columns()).filter(|(_, column)| column.is_valid(row)) {
        let key =
            if prefix.is_empty() { field.name().into() } else { Cow::Owned(format!("{prefix}.{}", field.name())) };
        match column.data_type() {
            DataType::Struct(fields) if !is_any_value(fields) && !is_variant(fields) => {
                push_fields(&key, column, row, attributes);
            }
            _ => attributes.push(KeyValue { key, value: value_at(column, row) }),
        }
    }
}

/// Whether this is the group that Parquet keeps a VARIANT in.
pub(crate) fn is_variant_type(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Struct(fields) if is_variant(fields))
}

/// Whether these are the fields of that group.
pub(crate) fn is_variant(fields: &Fields) -> bool {
    let is_part = |field: &FieldRef| matches!(field.name().as_str(), "metadata" | "value" | "typed_value");
    let has_metadata = fields.iter().any(|field| field.name() == "metadata" && *field.data_type() == DataType::Binary);
    has_metadata && fields.len() > 1 && fields.iter().all(is_part)
}

/// Whether this is a struct of a key and a value.
pub(crate) fn is_key_value(data_type: &DataType) -> bool {
    key_and_value(data_type).is_some()
}

/// Where in a struct the key and the value stand, whatever else it has, as Jaeger's tags have a type.
fn key_and_value(data_type: &DataType) -> Option<[usize; 2]> {
    let DataType::Struct(fields) = data_type else { return None };
    let place = |name: &str| fields.iter().position(|field| field.name().eq_ignore_ascii_case(name));
    Some([place("key")?, place("value")?])
}
