//! A short cut to a ResourceSpans of OTLP JSON in the form that exporters write it: what spans have most of is read
//! directly. All else is left to the rules of [`otlp_json_message`](super::json_message), one value at a time or,
//! if a message is no object, altogether.

use serde::de::DeserializeSeed as _;

use crate::span::{KeyValue, Value};

use super::json_message::{AnyValue, ReadAttribute, ResourceSpans, ScopeSpans, Span, integer, is_scope_spans_key};
use crate::ingest::json::lenient::{Fill, Listed as _, Message, Scalar, Wanted};
use crate::ingest::json::quick::{GivenUp, Parser};
use crate::ingest::text_ids;

/// So many attributes are made room for at first.
const USUAL_ATTRIBUTES: usize = 8;

/// Reads the message at `at` of `text`; the answer is the message and where it ends, if it is as expected.
pub(crate) fn read(wanted: Wanted, text: &str, at: usize) -> Option<(ResourceSpans<'_>, usize)> {
    let mut parser = Parser::new(text, at);
    let mut message = ResourceSpans::new(wanted);
    let read = parser.object(|parser, key| {
        if !is_scope_spans_key(key) {
            return parser.field(&mut message, key);
        }
        message.has_scopes = true;
        parser.array(|parser| {
            let mut scope = ScopeSpans::start(wanted);
            read_scope_spans(parser, &mut scope, wanted)?;
            message.scopes.push(scope);
            Ok(())
        })
    });
    read.ok().map(|()| (message, parser.at()))
}

fn read_scope_spans<'a>(parser: &mut Parser<'a>, scope: &mut ScopeSpans<'a>, wanted: Wanted) -> Result<(), GivenUp> {
    parser.object(|parser, key| {
        if key != "spans" {
            return parser.field(scope, key);
        }
        parser.array(|parser| {
            let mut span = Span::start(wanted);
            read_span(parser, &mut span, wanted)?;
            scope.spans.push(span);
            Ok(())
        })
    })
}

fn read_span<'a>(parser: &mut Parser<'a>, span: &mut Span<'a>, wanted: Wanted) -> Result<(), GivenUp> {
    parser.object(|parser, key| {
        if span.address == 0 {
            span.starts_at(key.as_ptr().addr());
        }
        match key {
            "attributes" if parser.is_next(b'[') => {
                let attributes = &mut span.record.attributes;
                attributes.clear();
                attributes.reserve(USUAL_ATTRIBUTES);
                let wanted = wanted.of_trace(span.record.trace_id);
                parser.array(|parser| read_attribute(parser, attributes, wanted))
            }
            "traceId" | "spanId" | "parentSpanId" | "name" | "startTimeUnixNano" | "endTimeUnixNano"
                if parser.is_next(b'"') =>
            {
                let text = parser.string()?;
                let record = &mut span.record;
                let mut span_id = || {
                    let id = text_ids::span_id(&text);
                    span.opaque_ids += u64::from(id.is_hash);
                    id.id
                };
                match key {
                    "traceId" => {
                        let id = text_ids::trace_id(&text);
                        span.opaque_ids += u64::from(id.is_hash);
                        record.trace_id = id.id;
                    }
                    "spanId" => record.span_id = span_id(),
                    "parentSpanId" => record.parent_span_id = span_id(),
                    "name" => record.name = text,
                    "startTimeUnixNano" => record.start_unix_nano = Scalar::Text(text).start_time(),
                    _ => record.end_unix_nano = Scalar::Text(text).to_time(),
                }
                Ok(())
            }
            _ => parser.field(span, key),
        }
    })
}

fn read_attribute<'a>(
    parser: &mut Parser<'a>,
    attributes: &mut Vec<KeyValue<'a>>,
    wanted: Wanted,
) -> Result<(), GivenUp> {
    let start = parser.clone();
    match read_usual_attribute(parser, wanted) {
        Some(attribute) => attributes.extend(attribute),
        None => {
            *parser = start;
            let mut attribute = ReadAttribute::new(0, wanted);
            Fill(&mut attribute).deserialize(&mut *parser)?;
            attributes.extend(attribute.into_wanted());
        }
    }
    Ok(())
}

/// Reads an attribute that is written as exporters write it, without white space and its key first; nothing within if it
/// is not wanted.
fn read_usual_attribute<'a>(parser: &mut Parser<'a>, wanted: Wanted) -> Option<Option<KeyValue<'a>>> {
    parser.literal(r#"{"key":"#)?;
    let key = parser.next_string()?;
    parser.literal(r#","value":"#)?;
    let is_wanted = wanted.takes(&key);
    let value = if !is_wanted {
        parser.skip_value().ok()?;
        Value::Empty
    } else {
        read_value(parser)?
    };
    parser.literal("}")?;
    Some(is_wanted.then_some(KeyValue { key, value }))
}

fn read_value<'a>(parser: &mut Parser<'a>) -> Option<Value<'a>> {
    let start = parser.clone();
    let usual = if parser.literal(r#"{"stringValue":"#).is_some() {
        parser.next_string().map(Value::Str)
    } else if parser.literal(r#"{"intValue":"#).is_some() {
        parser.next_string().map(|text| integer(Scalar::Text(text)))
    } else {
        None
    };
    if let Some(value) = usual
        && parser.literal("}").is_some()
    {
        return Some(value);
    }
    *parser = start;
    AnyValue::top().deserialize(parser).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conventions::OwnAttributes;

    const USUAL: &str = concat!(
        r#"{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeSpans":[{"scope":"#,
        r#"{"name":"lib"},"spans":[{"traceId":"000000000000000000000000000000ab","spanId":"0000000000000002","#,
        r#""parentSpanId":"","name":"get \"x\"","kind":3,"startTimeUnixNano":"17","endTimeUnixNano":18,"attributes":["#,
        r#"{"key":"http.method","value":{"stringValue":"GET"}},{"key":"thread.id","value":{"intValue":"7"}},"#,
        r#"{"key":"messaging.message.id","value":{"stringValue":"m"}},"#,
        r#"{"key":"server.port","value":{"intValue":"80"}},{"key":"http.status_code","value":{"intValue":200}},"#,
        r#"{"value":{"boolValue":true},"key":"error"}, {"key":"db.statement","value":{"stringValue":"a\nb"}}],"#,
        r#""status":{"code":2},"events":[{"name":"exception","attributes":[]}],"flags":1},{}]}],"schemaUrl":"u"}"#,
    );

    /// What the rules make of the message that `text` begins with, and where it ends.
    fn by_the_rules(text: &str, wanted: Wanted) -> Option<(String, usize)> {
        let mut message = ResourceSpans::new(wanted);
        let mut deserializer = serde_json::Deserializer::from_str(text);
        Fill(&mut message).deserialize(&mut deserializer).ok()?;
        let end = deserializer.into_iter::<serde::de::IgnoredAny>().byte_offset();
        Some((format!("{message:?}"), end))
    }

    /// The short cut leads to where the rules lead, also where any byte is another one or the text ends.
    #[test]
    fn the_short_cut_changes_nothing() {
        let own = Wanted { own: OwnAttributes::ALL, ..Wanted::default() };
        let sampled = Wanted { sampled_level: Some(1), ..Wanted::default() };
        for wanted in [Wanted::default(), Wanted::EVERYTHING, own, sampled] {
            assert!(read(wanted, USUAL, 0).is_some());
            for at in 0..USUAL.len() {
                for replaced in ["\"", "\\", "{", "}", "[", "]", ",", ":", "0", "x", " ", "\n", "\u{1}", "é", ""] {
                    let text = [&USUAL[..at], replaced, &USUAL[at + 1..]].concat();
                    for text in [&text, text.get(..text.len() - 1).unwrap_or_default(), &USUAL[..at]] {
                        if let Some((message, end)) = read(wanted, text, 0) {
                            assert_eq!(Some((format!("{message:?}"), end)), by_the_rules(text, wanted), "{text}");
                        }
                    }
                }
            }
        }
    }
}
