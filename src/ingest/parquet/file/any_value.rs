//! OTLP's `AnyValue` as a struct, which is what Spark, DuckDB and data frames make of OTLP's JSON: a field for each type of
//! value, of which one is not null.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Fields};

use super::cells::{attributes_at, list_at, value_at};
use crate::ingest::otlp::value;
use crate::ingest::text_ids::base64_bytes;
use crate::span::Value;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Member {
    Text,
    Bool,
    Int,
    Double,
    Bytes,
    Array,
    Map,
}

/// What the members are called, in lower case and without `_`.
const MEMBERS: [(&str, Member); 7] = [
    ("stringvalue", Member::Text),
    ("boolvalue", Member::Bool),
    ("intvalue", Member::Int),
    ("doublevalue", Member::Double),
    ("bytesvalue", Member::Bytes),
    ("arrayvalue", Member::Array),
    ("kvlistvalue", Member::Map),
];

fn member_of(name: &str) -> Option<Member> {
    let plain = || name.chars().filter(|&character| character != '_').map(|character| character.to_ascii_lowercase());
    MEMBERS.iter().find(|(known, _)| plain().eq(known.chars())).map(|(_, member)| *member)
}

/// Whether `name` is that of one of its members.
pub(crate) fn is_member(name: &str) -> bool {
    member_of(name).is_some()
}

/// Whether these are its fields, as many of them as occurred.
pub(crate) fn is_any_value(fields: &Fields) -> bool {
    !fields.is_empty() && fields.iter().all(|field| is_member(field.name()))
}

/// The value that the struct at `row` is.
pub(crate) fn any_value_at(array: &dyn Array, row: usize) -> Value<'_> {
    let Some(members) = array.as_struct_opt().filter(|members| members.is_valid(row)) else { return Value::Empty };
    let values = members.fields().iter().zip(members.columns()).filter(|(_, column)| column.is_valid(row));
    let values = values.filter_map(|(field, column)| Some(value_of(member_of(field.name())?, column, row)));
    values.into_iter().find(|value| *value != Value::Empty).unwrap_or_default()
}

fn value_of(member: Member, column: &ArrayRef, row: usize) -> Value<'_> {
    match (member, column.data_type()) {
        (Member::Bytes, DataType::Binary) => Value::Bytes(column.as_binary::<i32>().value(row).into()),
        (Member::Array, _) if let Some(list) = values_of(column) => {
            let (items, range) = list_at(list.as_list::<i32>(), row);
            value::array(&range.map(|item| value_at(items, item)).collect::<Vec<Value<'_>>>())
        }
        (Member::Map, _) if let Some(list) = values_of(column) => value::map(&attributes_at(list, row)),
        _ => typed(member, value_at(column, row)),
    }
}

/// The list that `{"values": […]}` is around.
fn values_of(column: &ArrayRef) -> Option<&ArrayRef> {
    let list = column.as_struct_opt()?.column_by_name("values")?;
    list.as_list_opt::<i32>().map(|_| list)
}

/// `value` as what the name of its member says. JSON has integers of 64 bits, bytes and what is no number as text.
fn typed(member: Member, value: Value<'_>) -> Value<'_> {
    let Value::Str(text) = &value else { return value };
    let typed = match member {
        Member::Bool => text.trim().to_ascii_lowercase().parse().ok().map(Value::Bool),
        Member::Int => text.trim().parse().ok().map(Value::Int),
        Member::Double => text.trim().parse().ok().map(Value::Double),
        Member::Bytes => base64_bytes(text.as_bytes()).map(|bytes| Value::Bytes(bytes.into())),
        Member::Text | Member::Array | Member::Map => None,
    };
    typed.unwrap_or(value)
}
