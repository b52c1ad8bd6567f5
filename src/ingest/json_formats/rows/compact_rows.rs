//! Rows as arrays with the names of their columns before them: ClickHouse's `JSONCompactEachRowWithNames`, with types or
//! without, and `JSONCompact`, which has the names in `meta`.

use serde_json::{Map, Value as Json};

/// The names of the columns of the rows that come next.
#[derive(Debug, Default)]
pub(crate) struct CompactRows {
    names: Vec<String>,
    /// Whether the next row may be that of the types.
    is_at_start: bool,
}

impl CompactRows {
    /// Takes the names from `meta`: `[{"name":…,"type":…},…]`.
    pub(crate) fn take_meta(&mut self, meta: &Json) {
        let name = |column: &Json| Some(column.get("name")?.as_str()?.to_owned());
        let names = meta.as_array().and_then(|columns| columns.iter().map(name).collect::<Option<Vec<String>>>());
        if let Some(names) = names.filter(|names| has_ids(names)) {
            *self = Self { names, is_at_start: false };
        }
    }

    /// Whether an array whose first item begins with `byte` may be a row: of numbers only where the names are known.
    pub(crate) fn may_begin_with(&self, byte: u8) -> bool {
        byte == b'"' || !self.names.is_empty() && !matches!(byte, b'{' | b'[' | b']')
    }

    /// Takes a row; the answer is the object that it stands for, `None` for names and types.
    ///
    /// # Errors
    /// If nothing tells the columns of the row.
    pub(crate) fn take_row(&mut self, row: Vec<Json>) -> Result<Option<Map<String, Json>>, NoNames> {
        let texts: Option<Vec<&str>> = row.iter().map(Json::as_str).collect();
        if let Some(names) = texts.as_ref().filter(|texts| has_ids(texts)) {
            *self = Self { names: names.iter().map(|&name| name.to_owned()).collect(), is_at_start: true };
            return Ok(None);
        }
        if self.names.len() != row.len() {
            return Err(NoNames);
        }
        let of_types = texts.is_some_and(|types| types.iter().all(|name| is_type(name)));
        if std::mem::take(&mut self.is_at_start) && of_types {
            return Ok(None);
        }
        Ok(Some(self.names.iter().cloned().zip(row).collect()))
    }
}

/// Whether `name` is that of a type of ClickHouse, with what stands in its brackets or without.
fn is_type(name: &str) -> bool {
    const TYPES: &[&str] = &[
        "String",
        "FixedString",
        "LowCardinality",
        "Nullable",
        "Array",
        "Map",
        "Tuple",
        "Nested",
        "UUID",
        "Bool",
        "Date",
        "Date32",
        "DateTime",
        "DateTime64",
        "Time",
        "Time64",
        "Enum8",
        "Enum16",
        "JSON",
        "Object",
        "Variant",
        "Dynamic",
        "IPv4",
        "IPv6",
        "Decimal",
        "Float32",
        "Float64",
        "BFloat16",
        "Int8",
        "Int16",
        "Int32",
        "Int64",
        "Int128",
        "Int256",
        "UInt8",
        "UInt16",
        "UInt32",
        "UInt64",
        "UInt128",
        "UInt256",
        "SimpleAggregateFunction",
        "AggregateFunction",
    ];
    TYPES.contains(&name.split('(').next().unwrap_or_default())
}

/// No names of columns came before a row.
#[derive(Debug)]
pub(crate) struct NoNames;

fn has_ids<T: AsRef<str>>(names: &[T]) -> bool {
    ["TraceId", "SpanId"].iter().all(|id| names.iter().any(|name| name.as_ref() == *id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_get_the_names_before_them() {
        let row = |json: &str| serde_json::from_str::<Vec<Json>>(json).expect("an array");
        let mut rows = CompactRows::default();
        assert!(rows.take_row(row(r#"["a","b"]"#)).is_err());
        assert_eq!(rows.take_row(row(r#"["TraceId","SpanId","Duration"]"#)).unwrap(), None);
        assert_eq!(rows.take_row(row(r#"["String","String","UInt64"]"#)).unwrap(), None);
        let object = rows.take_row(row(r#"["1","2",3]"#)).unwrap().expect("a row");
        assert_eq!(Json::Object(object).to_string(), r#"{"TraceId":"1","SpanId":"2","Duration":3}"#);
        assert!(rows.take_row(row("[1]")).is_err());
        for types in [r#"["String","String"]"#, r#"["FixedString(32)","LowCardinality(String)"]"#] {
            assert_eq!(rows.take_row(row(r#"["TraceId","SpanId"]"#)).unwrap(), None);
            assert_eq!(rows.take_row(row(types)).unwrap(), None, "{types}");
            assert!(rows.take_row(row(r#"["1","2"]"#)).unwrap().is_some(), "{types}");
        }
    }
}
