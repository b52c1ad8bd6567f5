//! The values that stand in paths for columns: `date=2026-01-15/service_name=cart/data_0.parquet`, as Hive has it.

use std::path::{Component, Path};

use super::field::Field;

/// What stands for a value that is absent.
const ABSENT: &str = "__HIVE_DEFAULT_PARTITION__";

/// A column that has one value in all rows of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PartitionValue {
    /// The column's name.
    pub(crate) name: String,
    /// Its value.
    pub(crate) value: String,
}

impl PartitionValue {
    /// Those in the directories of `path`. Of several with one name the innermost counts.
    pub(crate) fn all_in(path: &Path) -> Vec<Self> {
        let mut values: Vec<Self> = Vec::new();
        for component in path.parent().into_iter().flat_map(Path::components) {
            let Component::Normal(text) = component else { continue };
            let Some((name, value)) = text.to_str().and_then(|text| text.split_once('=')) else { continue };
            let (name, value) = (decoded(name), decoded(value));
            values.retain(|known| known.name != name);
            if !name.is_empty() && !value.is_empty() && value != ABSENT {
                values.push(Self { name, value });
            }
        }
        values
    }

    /// Whether `field` may stand in a path: what tells spans apart, or when they were, does not.
    pub(crate) fn may_hold(field: Field) -> bool {
        matches!(
            field,
            Field::TraceId
                | Field::Name
                | Field::Kind
                | Field::Status
                | Field::Service
                | Field::ScopeName
                | Field::ScopeVersion
                | Field::RecordType
        )
    }
}

/// `text` with its `%` escapes as what they stand for, if all of them are.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let code = bytes.get(at + 1..at + 3).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let code = code.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match (byte, code) {
            (b'%', Some(code)) => {
                decoded.push(code);
                at += 3;
            }
            _ => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_name_columns() {
        let values = |path: &str| -> Vec<(String, String)> {
            let values = PartitionValue::all_in(Path::new(path)).into_iter();
            values.map(|PartitionValue { name, value }| (name, value)).collect()
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            values("/data/date=2026-01-15/service_name=a%2Fb%20c/x=1.parquet"),
            [pair("date", "2026-01-15"), pair("service_name", "a/b c")]
        );
        assert_eq!(values("s3://bucket/a=1/a=2/part.parquet"), [pair("a", "2")]);
        assert_eq!(values("a=1/a=__HIVE_DEFAULT_PARTITION__/b=/=c/100%/d=5%/p"), [pair("d", "5%")]);
    }
}
