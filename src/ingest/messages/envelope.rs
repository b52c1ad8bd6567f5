//! What stands around documents: the answers of APIs, exports of logs and of searches. An envelope is walked into, so that
//! only one document of it is held at a time.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::ingest::json::lenient::Text;
use crate::ingest::source::compression::{Compression, MAX_EXPANSION, decompress_slice};
use crate::ingest::text_ids;

/// How far into `data` it is looked for what Honeycomb has there.
const LOOKED_AT_BYTES: usize = 64 << 10;

/// CloudWatch sends no more than a few megabytes at once.
const MAX_UNPACKED_BYTES: usize = 64 << 20;

/// What the id of a trace is called in indexes of Elasticsearch and OpenSearch.
const TRACE_IDS: &[&str] = &["trace_id", "traceId", "trace.id", "TraceId"];

/// Whether documents may stand in a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Holds {
    /// They may.
    Documents,
    /// They do not, or the object around it is one itself.
    NoDocuments,
    /// More of the text is needed to tell.
    Unknown,
}

/// Whether documents may stand in the value that `text` begins with, under `key` and after the keys `others`.
pub(crate) fn holds(key: &str, text: &str, others: &[String], ended: bool) -> Holds {
    let is_object = text.starts_with('{');
    let documents_if = |answer: Option<bool>| match answer {
        Some(true) => Holds::Documents,
        None if !ended => Holds::Unknown,
        Some(false) | None => Holds::NoDocuments,
    };
    match key {
        "resourceSpans" | "resource_spans" | "batches" | "result" | "data" | "hits" | "_source" => Holds::Documents,
        // Answers of Elasticsearch within others, X-Ray's, what CloudWatch sends to subscribers and to Kinesis, and its queries.
        "rawResponse" | "responses" | "Traces" | "Segments" | "logEvents" | "awslogs" | "Records" | "kinesis"
        | "results" => Holds::Documents,
        // Dynatrace's within its result.
        "records" if text.starts_with('[') => Holds::Documents,
        // Spans of Datadog's tracers are lists of lists; elsewhere a `trace` is a summary.
        "traces" if text.get(1..).is_some_and(|items| text.starts_with('[') && items.trim_start().starts_with('[')) => {
            Holds::Documents
        }
        // A hit without its source may have all its fields.
        "fields"
            if is_object && others.iter().any(|key| key == "_index") && !others.iter().any(|key| key == "_source") =>
        {
            documents_if(keys(text).map(|keys| keys.iter().any(|key| TRACE_IDS.contains(&key.as_str()))))
        }
        // Elastic has no more than an id there.
        "trace" if is_object => documents_if(first_key(text).map(|key| key != "id")),
        "trace" => Holds::Documents,
        "message" | "@message" | "Document" if is_object => Holds::Documents,
        // A span has events, too.
        "events" if text.starts_with('[') => {
            documents_if(keys_of_first_item(text).map(|keys| keys.iter().any(|key| key == "message")))
        }
        "spans" if text.starts_with('[') && !others.iter().any(|key| key == "process" || key == "processes") => {
            documents_if(keys_of_first_item(text).map(|keys| are_keys_of_document(&keys)))
        }
        _ => Holds::NoDocuments,
    }
}

/// Whether the text under `key` may be a document itself: a message of a log, a segment of X-Ray, a field of a query's result,
/// or what [`unpack`] unpacks.
pub(crate) fn may_be_document(key: &str, others: &[String]) -> bool {
    matches!(key, "message" | "@message" | "log" | "Document" | "data")
        || key == "value" && others.iter().any(|key| key == "field")
}

/// The bytes that CloudWatch sends to functions and to Kinesis, if `text` is such: gzip in base64.
pub(crate) fn unpack(text: &str) -> Option<Vec<u8>> {
    let bytes = text_ids::base64_bytes(text.as_bytes())?;
    match Compression::of(&bytes) {
        Some(compression) => {
            let limit = bytes.len().saturating_mul(MAX_EXPANSION as usize).clamp(1 << 20, MAX_UNPACKED_BYTES);
            let (unpacked, ended) = decompress_slice(compression, &bytes, limit);
            ended.is_ok().then_some(unpacked)
        }
        None => bytes.starts_with(b"{").then_some(bytes),
    }
}

/// Whether the text under `key` is there for whoever carries it: a field of a query's result, or what CloudWatch sends to
/// see whether somebody listens.
pub(crate) fn says_nothing(key: &str, text: &str) -> bool {
    key == "value" || text.starts_with("CWL CONTROL MESSAGE")
}

/// Whether the value that `text` begins with, under `key` and after the keys `others`, says that nothing was found: the last page of a
/// search that is read page by page, a trace that Tempo does not have.
pub(crate) fn is_empty_answer(key: &str, text: &str, others: &[String]) -> bool {
    let is_empty =
        |begin: char, end: char| text.strip_prefix(begin).is_some_and(|rest| rest.trim_start().starts_with(end));
    match key {
        "hits" => is_empty('[', ']') && others.iter().all(|key| matches!(key.as_str(), "total" | "max_score")),
        "trace" => is_empty('{', '}') && others.is_empty(),
        _ => false,
    }
}

/// Whether an object with these keys only says how the next one is written, as X-Ray's SDKs send it to their daemon.
pub(crate) fn is_header(keys: &[String]) -> bool {
    keys.iter().map(String::as_str).eq(["format", "version"])
}

/// Whether a span with these keys is one that has all that belongs to it within itself. Those of Jaeger, SkyWalking and
/// Google have not.
fn are_keys_of_document(keys: &[String]) -> bool {
    let has = |names: &[&str]| keys.iter().any(|key| names.contains(&key.as_str()));
    let has_ids = has(&["traceId", "trace_id"]) && has(&["spanId", "span_id"]);
    (has_ids || has(&["context"])) && !has(&["operationName", "process", "segmentId"])
}

/// Whether the object that `text` begins with is what Honeycomb's API takes as the `data` of an event.
pub(crate) fn is_event_of_honeycomb(text: &str) -> bool {
    let text = &text.as_bytes()[..text.len().min(LOOKED_AT_BYTES)];
    text.starts_with(b"{") && has_own_text(text, b"\"trace.trace_id\"")
}

/// Whether the object that `text` begins with has `quoted` as a key, and not only what is within it.
fn has_own_text(text: &[u8], quoted: &[u8]) -> bool {
    let mut depth = 0;
    let mut in_string = false;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\\' if in_string => at += 1,
            b'"' if !in_string && depth == 1 && text[at..].starts_with(quoted) => return true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string && depth == 1 => return false,
            b'}' | b']' if !in_string => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    false
}

/// Whether the object that `text` begins with says where Elasticsearch is to put the document on the next line.
pub(crate) fn is_bulk_action(key: &str, text: &str) -> bool {
    const KEYS: &[&str] = &["_index", "_id", "_type", "routing", "require_alias", "dynamic_templates", "pipeline"];
    matches!(key, "index" | "create")
        && text.starts_with('{')
        && keys(text).is_some_and(|keys| keys.iter().all(|key| KEYS.contains(&key.as_str())))
}

/// The first key of the object that `text` begins with, empty if it has none; `None` if it is not all there.
fn first_key(text: &str) -> Option<String> {
    let key = text.get(1..)?.trim_start();
    match Text.deserialize(&mut serde_json::Deserializer::from_str(key)) {
        Ok(key) => Some(key.into_owned()),
        Err(error) if error.is_eof() => None,
        Err(_) => Some(String::new()),
    }
}

/// The keys of the first item of the array that `text` begins with; `None` if it is not all there.
fn keys_of_first_item(text: &str) -> Option<Vec<String>> {
    keys(text.get(1..)?.trim_start())
}

/// The keys of the object that `text` begins with, none if it begins otherwise; `None` if it is not all there.
fn keys(text: &str) -> Option<Vec<String>> {
    match Keys.deserialize(&mut serde_json::Deserializer::from_str(text)) {
        Ok(keys) => Some(keys),
        Err(error) if error.is_eof() => None,
        // Whoever reads the value tells what is wrong with it.
        Err(_) => Some(Vec::new()),
    }
}

struct Keys;

impl<'de> DeserializeSeed<'de> for Keys {
    type Value = Vec<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<String>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Keys {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut keys = Vec::new();
        while let Some(key) = map.next_key_seed(Text)? {
            keys.push(key.into_owned());
            map.next_value::<IgnoredAny>()?;
        }
        Ok(keys)
    }
}
