//! Rows as arrays of fields with their names, as queries of CloudWatch Logs Insights are answered:
//! `[{"field":"traceId","value":"…"},{"field":"spanId","value":"…"}]`.

use serde_json::{Map, Value as Json};

use crate::ingest::json::opening::looks_like_json;

/// Whether an array that begins so may be a row.
pub(crate) fn may_begin(text: &[u8]) -> bool {
    let inner = |text: &[u8], bracket: u8| text.strip_prefix(&[bracket]).map(|text| text.trim_ascii_start().to_vec());
    let head = &text[..text.len().min(256)];
    let key = inner(head, b'[').and_then(|object| inner(&object, b'{'));
    key.is_some_and(|key| key.starts_with(b"\"field\""))
}

/// The object that a row stands for; `None` if it is none, or has the message of a log that is a document.
pub(crate) fn object_of_row(row: &Json) -> Option<Map<String, Json>> {
    let mut object = Map::new();
    for field in row.as_array()? {
        let name = field.get("field")?.as_str()?;
        let value = field.get("value").cloned().unwrap_or_default();
        if value.as_str().is_some_and(|text| name == "@message" && looks_like_json(text.trim_start().as_bytes())) {
            return None;
        }
        object.insert(name.to_owned(), value);
    }
    Some(object)
}
