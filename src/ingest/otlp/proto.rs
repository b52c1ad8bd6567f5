//! OTLP protobuf: TracesData, which is ExportTraceServiceRequest on the wire.
//!
//! The outer messages and the spans are walked in place, so that nothing is copied that is not kept and that a fault
//! costs one span; nested values go through prost and opentelemetry-proto's types. The field numbers are those of
//! opentelemetry-proto 1.11, and 1000 is where ResourceSpans held its spans before 2022.
//!
//! Nothing in a message says which signal it is: logs and metrics have the same outer fields. They are told by what
//! their innermost messages hold where a span would hold its ids and times.

use std::borrow::Cow;

use opentelemetry_proto::tonic::common::v1 as common;
use prost::Message as _;

use crate::conventions::{Attribute, OwnAttribute, OwnAttributes, attribute_of_key_bytes};
use crate::frame::{EncodedSpan, OwnSlots, Said, SpanSink as _, Wanted, said_of_resource};
use crate::span::{
    Event, KeyValue, Link, NO_START_TIME, Origin, REF_TYPE, SkipReason, SpanId, SpanKind, SpanRecord, SpanRow,
    StatusCode, TraceId, Value, unusable,
};

use super::protobuf_fields::{Undecodable, WireField, WireFields, text};
use super::value;
use crate::ingest::counting_sink::CountingSink;
use crate::ingest::source::byte_stream::ByteStream;
use crate::ingest::source::limits::MAX_MESSAGE_BYTES;
use crate::ingest::source::position::Position;

/// The key of field 1 with a length, with which every message of ours begins.
const RESOURCE_SPANS_KEY: u8 = 0x0a;

/// The longest key and length of a field.
pub(crate) const MAX_HEADER_BYTES: usize = 20;

/// Whether `head`, the start of a message, can be TracesData (or logs or metrics, which look the same from outside).
pub(crate) fn looks_like_message(head: &[u8]) -> bool {
    let Some(resource_spans) = first_message(head, &[1]) else {
        return false;
    };
    if resource_spans.is_empty() {
        // An empty ResourceSpans is legal, but two bytes are not enough to go by.
        return head.starts_with(&[RESOURCE_SPANS_KEY, 0, RESOURCE_SPANS_KEY]) || head == [RESOURCE_SPANS_KEY, 0];
    }
    let mut fields = WireFields::of(resource_spans);
    match fields.next() {
        // A resource: attributes, a count, or entities.
        Some(Ok((1, WireField::Bytes(resource) | WireField::Cut(resource)))) => match WireFields::of(resource).next() {
            Some(Ok((1 | 3, WireField::Bytes(_) | WireField::Cut(_)) | (2, WireField::Varint(_)))) => {}
            None => {}
            Some(Err(error)) if error.is_cut => {}
            Some(_) => return false,
        },
        Some(Ok((2 | 1000, WireField::Bytes(scope_spans) | WireField::Cut(scope_spans)))) => {
            match WireFields::of(scope_spans).next() {
                Some(Ok((1..=3, WireField::Bytes(_) | WireField::Cut(_)))) | None => {}
                Some(Err(error)) if error.is_cut => {}
                Some(_) => return false,
            }
        }
        Some(Ok((3, WireField::Bytes(_) | WireField::Cut(_)))) => {}
        Some(Err(error)) if error.is_cut => return resource_spans.len() < MAX_HEADER_BYTES,
        _ => return false,
    }
    fields.next().is_none_or(|field| match field {
        Ok((number, WireField::Bytes(_) | WireField::Cut(_))) => matches!(number, 1..=3 | 1000),
        Ok(_) => false,
        Err(error) => error.is_cut,
    })
}

/// The bytes of the first field of `message`, if it is a message and its number among `numbers`.
fn first_message<'a>(message: &'a [u8], numbers: &[u32]) -> Option<&'a [u8]> {
    match WireFields::of(message).next()? {
        Ok((number, WireField::Bytes(bytes) | WireField::Cut(bytes))) if numbers.contains(&number) => Some(bytes),
        _ => None,
    }
}

/// Reads one message of any length from `stream`, ResourceSpans by ResourceSpans.
pub(crate) fn read_stream(stream: &mut ByteStream, sink: &mut CountingSink<'_>) {
    let mut is_answer_of_tempo = false;
    loop {
        let start = stream.offset();
        let (number, header_bytes, length) = match header(stream.fill(MAX_HEADER_BYTES)) {
            MessageHeader::End => return,
            MessageHeader::LineFeed => {
                stream.advance(1);
                continue;
            }
            MessageHeader::Field { number, bytes, length } => (number, bytes, length),
            MessageHeader::Cut => return sink.truncated("a message", start),
            MessageHeader::Invalid => return sink.malformed("a message", start, "it is not OTLP protobuf"),
        };
        stream.advance(header_bytes);
        let Some(size) = usize::try_from(length).ok().filter(|size| *size <= MAX_MESSAGE_BYTES) else {
            sink.too_large(start, MAX_MESSAGE_BYTES);
            if !stream.skip(length) {
                sink.truncated("a message", start);
            }
            continue;
        };
        let offset = stream.offset();
        let window = stream.fill(size);
        let message = &window[..size.min(window.len())];
        let available = message.len();
        if number == 1 {
            is_answer_of_tempo |= is_trace(message);
            read_resource_spans(message, Position::of(message, offset), available < size, sink);
        } else if !is_answer_of_tempo {
            sink.skip(SkipReason::UnknownContent, start);
        }
        if available < size {
            sink.truncated("a ResourceSpans", start);
        }
        stream.advance(available);
        sink.tell_progress();
    }
}

/// What the outermost message goes on with.
pub(crate) enum MessageHeader {
    /// A field with a length.
    Field {
        /// Its number.
        number: u32,
        /// Bytes of its key and length.
        bytes: usize,
        /// Bytes of its value.
        length: u64,
    },
    /// A line feed between messages: the collector's `encoding` writes one after each.
    LineFeed,
    /// Nothing.
    End,
    /// Less than a key and a length.
    Cut,
    /// Something that no OTLP message has.
    Invalid,
}

/// What `head`, of which there are [`MAX_HEADER_BYTES`] unless the input ends, goes on with.
pub(crate) fn header(head: &[u8]) -> MessageHeader {
    match head {
        [] => return MessageHeader::End,
        [b'\n'] => return MessageHeader::LineFeed,
        // A line feed and the key of field 1 are the same byte. Of two of them the first may be either: it is a key if what
        // follows, taken for a length and so on, makes sense.
        [b'\n', RESOURCE_SPANS_KEY, ..] if !looks_like_message(head) => return MessageHeader::LineFeed,
        _ => {}
    }
    let mut rest = head;
    let key = prost::encoding::decode_key(&mut rest);
    if let Ok((number, prost::encoding::WireType::LengthDelimited)) = key
        && let Ok(length) = prost::encoding::decode_varint(&mut rest)
    {
        return MessageHeader::Field { number, bytes: head.len() - rest.len(), length };
    }
    if head.len() < MAX_HEADER_BYTES { MessageHeader::Cut } else { MessageHeader::Invalid }
}

/// Reads one message, which stands at `offset` of the input as it is, or if not `verbatim` was made of what stands there.
pub(crate) fn read_slice(message: &[u8], offset: u64, verbatim: bool, sink: &mut CountingSink<'_>) {
    let position = if verbatim { Position::of(message, offset) } else { Position::fixed(offset) };
    let mut fields = WireFields::of(message);
    let mut is_answer_of_tempo = false;
    loop {
        let at = position.offset_of(fields.rest());
        match fields.next() {
            None => return,
            Some(Ok((1, WireField::Bytes(resource_spans)))) => {
                is_answer_of_tempo |= is_trace(resource_spans);
                read_resource_spans(resource_spans, position, false, sink);
            }
            // The frame that is cut off is reported by whoever read it.
            Some(Ok((1, WireField::Cut(resource_spans)))) => {
                read_resource_spans(resource_spans, position, true, sink);
            }
            // What Tempo says of the search beside the trace.
            Some(Ok(_)) if is_answer_of_tempo => {}
            Some(Ok(_)) => sink.skip(SkipReason::UnknownContent, at),
            Some(Err(error)) => return sink.malformed("a message", at, error.reason),
        }
    }
}

/// Whether a message in the place of a ResourceSpans is a trace of them, as Tempo's `/api/v2/traces` answers. Where a
/// ResourceSpans has its spans, a resource has a number.
fn is_trace(message: &[u8]) -> bool {
    let mut has_spans = false;
    for (number, field) in WireFields::of(message).readable() {
        let (1, WireField::Bytes(inner) | WireField::Cut(inner)) = (number, field) else {
            return false;
        };
        has_spans |= WireFields::of(inner)
            .readable()
            .any(|(number, field)| matches!((number, field), (2, WireField::Bytes(_) | WireField::Cut(_))));
    }
    has_spans
}

fn read_resource_spans(message: &[u8], position: Position, is_cut: bool, sink: &mut CountingSink<'_>) {
    if is_trace(message) {
        for (_, field) in WireFields::of(message).readable() {
            match field {
                WireField::Bytes(inner) => read_inner_resource_spans(inner, position, false, sink),
                WireField::Cut(inner) => read_inner_resource_spans(inner, position, is_cut, sink),
                _ => {}
            }
        }
        return;
    }
    read_inner_resource_spans(message, position, is_cut, sink);
}

fn read_inner_resource_spans(message: &[u8], position: Position, is_cut: bool, sink: &mut CountingSink<'_>) {
    let start = position.offset_of(message);
    let mut is_known = message.is_empty();
    let mut origin = Origin::default();
    // The resource may stand after the spans.
    for (number, field) in WireFields::of(message).readable() {
        if let (1, WireField::Bytes(resource)) = (number, field) {
            read_attributes(resource, 1, &mut origin.resource_attributes);
        }
    }
    let mut fields = WireFields::of(message);
    let mut span = SpanRecord::default();
    let mut encoded = EncodedSpan { service: origin.service_name().into_owned(), ..EncodedSpan::default() };
    encoded.own_of_resource = OwnSlots::of_resource(sink.wanted().own, &origin);
    said_of_resource(&origin, |attribute, rank, value| {
        encoded.resource.push((attribute, rank, Value::Str(value.to_text().into_owned().into())));
    });
    loop {
        let at = position.offset_of(fields.rest());
        match fields.next() {
            None if is_known => return,
            None => return sink.skip(SkipReason::UnknownContent, start),
            Some(Ok((2 | 1000, WireField::Bytes(scope_spans) | WireField::Cut(scope_spans)))) => {
                is_known = true;
                read_scope_spans(scope_spans, &mut origin, &mut span, &mut encoded, position, is_cut, sink);
            }
            Some(Ok((number, field))) => {
                is_known |= matches!((number, field), (1 | 3, WireField::Bytes(_) | WireField::Cut(_)));
            }
            Some(Err(error)) if error.is_cut && is_cut => return,
            Some(Err(error)) => return sink.malformed("a ResourceSpans", at, error.reason),
        }
    }
}

fn read_scope_spans<'a>(
    message: &'a [u8],
    origin: &mut Origin<'a>,
    span: &mut SpanRecord<'a>,
    encoded: &mut EncodedSpan<'a>,
    position: Position,
    is_cut: bool,
    sink: &mut CountingSink<'_>,
) {
    let wanted = sink.wanted();
    origin.scope_name = Cow::Borrowed("");
    origin.scope_version = Cow::Borrowed("");
    origin.scope_attributes.clear();
    for (number, field) in WireFields::of(message).readable() {
        if let (1, WireField::Bytes(scope)) = (number, field) {
            read_scope(scope, origin);
        }
    }
    let start = position.offset_of(message);
    let mut is_known = message.is_empty();
    let mut fields = WireFields::of(message);
    loop {
        let at = position.offset_of(fields.rest());
        let field = fields.next();
        is_known |= matches!(&field, Some(Ok((1..=3, WireField::Bytes(_) | WireField::Cut(_))) | Err(_)));
        match field {
            None if is_known => return,
            None => return sink.skip(SkipReason::UnknownContent, start),
            Some(Ok((2, WireField::Bytes(bytes))))
                if !wanted.everything && read_encoded(bytes, encoded, wanted.own) =>
            {
                if wanted.is_sampled(encoded.row.trace_id) {
                    match read_span(bytes, span, Wanted::EVERYTHING) {
                        Ok(()) => sink.span(origin, span, at),
                        Err(_) => sink.skip(SkipReason::MalformedSpan, at),
                    }
                } else if !sink.encoded(encoded, at) {
                    match read_span(bytes, span, wanted) {
                        Ok(()) => sink.decoded(encoded, origin, span, at),
                        Err(_) => sink.skip(SkipReason::MalformedSpan, at),
                    }
                }
            }
            Some(Ok((2, WireField::Bytes(bytes)))) => match read_span(bytes, span, wanted.of_any_trace()) {
                Ok(()) if !is_usable(span) && looks_like_other_signal(bytes) => {
                    sink.skip(SkipReason::OtherSignal, at);
                }
                Ok(()) => sink.span(origin, span, at),
                Err(_) if looks_like_other_signal(bytes) => sink.skip(SkipReason::OtherSignal, at),
                Err(_) => sink.skip(SkipReason::MalformedSpan, at),
            },
            Some(Ok((2, WireField::Cut(_)))) if !is_cut => sink.skip(SkipReason::MalformedSpan, at),
            Some(Ok(_)) => {}
            Some(Err(error)) if error.is_cut && is_cut => return,
            Some(Err(error)) => return sink.malformed("a ScopeSpans", at, error.reason),
        }
    }
}

fn read_scope<'a>(message: &'a [u8], origin: &mut Origin<'a>) {
    for (number, field) in WireFields::of(message).readable() {
        match (number, field) {
            (1, WireField::Bytes(name)) => origin.scope_name = text(name),
            (2, WireField::Bytes(version)) => origin.scope_version = text(version),
            _ => {}
        }
    }
    read_attributes(message, 3, &mut origin.scope_attributes);
}

fn is_usable(span: &SpanRecord<'_>) -> bool {
    unusable(span.trace_id, span.span_id, span.start_unix_nano).is_none()
}

/// Whether what stands in the place of a span is a log record or a metric. A span has a start time, or ids of the
/// right lengths; a log record has a time where a span has its trace id, a metric its name.
fn looks_like_other_signal(message: &[u8]) -> bool {
    let mut ids_of_right_length = 0;
    let mut says_anything = false;
    for (number, field) in WireFields::of(message).readable() {
        says_anything = true;
        match (number, field) {
            (7, WireField::Fixed64(_)) => return false,
            (1, WireField::Bytes(bytes)) => ids_of_right_length += usize::from(matches!(bytes.len(), 8 | 16)),
            (2, WireField::Bytes(bytes)) => ids_of_right_length += usize::from(bytes.len() == 8),
            _ => {}
        }
    }
    says_anything && ids_of_right_length < 2
}

/// Fills `span`, whose vectors are used again, from a message.
fn read_span<'a>(message: &'a [u8], span: &mut SpanRecord<'a>, wanted: Wanted) -> Result<(), Undecodable> {
    span.clear();
    let mut has_end = false;
    for field in WireFields::of(message) {
        match field? {
            (1, WireField::Bytes(id)) => span.trace_id = TraceId::from_bytes(id).unwrap_or_default(),
            (2, WireField::Bytes(id)) => span.span_id = SpanId::from_bytes(id).unwrap_or_default(),
            (3, WireField::Bytes(state)) => span.trace_state = text(state),
            (4, WireField::Bytes(id)) => span.parent_span_id = SpanId::from_bytes(id).unwrap_or_default(),
            (5, WireField::Bytes(name)) => span.name = text(name),
            (6, WireField::Varint(kind)) => span.kind = SpanKind::from_number(kind as i64),
            (7, WireField::Fixed64(time)) => span.start_unix_nano = time,
            (8, WireField::Fixed64(time)) => (span.end_unix_nano, has_end) = (time, true),
            (9, WireField::Bytes(attribute)) => span.attributes.extend(read_attribute(attribute, wanted)),
            (11, WireField::Bytes(event)) => span.events.extend(read_event(event, wanted.everything)),
            (13, WireField::Bytes(link))
                if wanted.takes_links() || memchr::memmem::find(link, REF_TYPE.as_bytes()).is_some() =>
            {
                span.links.push(read_link(link));
            }
            (15, WireField::Bytes(status)) => {
                for (number, field) in WireFields::of(status).readable() {
                    match (number, field) {
                        (2, WireField::Bytes(message)) => span.status_message = text(message),
                        (3, WireField::Varint(code)) => span.status = StatusCode::from_number(code as i64),
                        _ => {}
                    }
                }
            }
            (_, WireField::Cut(_)) => {
                return Err(Undecodable { reason: "a field is longer than the span".to_owned(), is_cut: true });
            }
            _ => {}
        }
    }
    span.start_unix_nano = start_time(span.start_unix_nano, has_end);
    Ok(())
}

/// The start time that is meant. Writers of protobuf leave out what is 0, so that a span with an end and without a start
/// starts at 0.
fn start_time(start_unix_nano: u64, has_end: bool) -> u64 {
    if start_unix_nano == NO_START_TIME && has_end { 0 } else { start_unix_nano }
}

/// Fills `encoded`, but for what its resource says, from a message; false if that does not say all of it: if it has a trace state, an
/// exception or a reference to what it follows from, or is not as it should be.
fn read_encoded<'a>(message: &'a [u8], encoded: &mut EncodedSpan<'a>, own: OwnAttributes) -> bool {
    let EncodedSpan { row, own_of_resource, name, kind, status, attributes, own_values, .. } = encoded;
    *row = SpanRow::default();
    (*name, *kind, *status) = (b"", SpanKind::default(), StatusCode::default());
    attributes.clear();
    let mut end_unix_nano = None;
    let mut own_slots = *own_of_resource;
    let mut links: (usize, Option<&[u8]>) = (0, None);
    for field in WireFields::of(message) {
        match field {
            Ok((1, WireField::Bytes(id))) => row.trace_id = TraceId::from_bytes(id).unwrap_or_default(),
            Ok((2, WireField::Bytes(id))) => row.span_id = SpanId::from_bytes(id).unwrap_or_default(),
            Ok((3, WireField::Bytes(state))) if !state.is_empty() => return false,
            Ok((4, WireField::Bytes(id))) => row.parent_span_id = SpanId::from_bytes(id).unwrap_or_default(),
            Ok((5, WireField::Bytes(text))) => *name = text,
            Ok((6, WireField::Varint(number))) => *kind = SpanKind::from_number(number as i64),
            Ok((7, WireField::Fixed64(time))) => row.start_unix_nano = time,
            Ok((8, WireField::Fixed64(time))) => end_unix_nano = Some(time),
            Ok((9, WireField::Bytes(attribute_bytes))) => {
                let mut fields = WireFields::of(attribute_bytes);
                let Some(Ok((1, WireField::Bytes(key)))) = fields.next() else { return false };
                if let Some((known, rank)) = attribute_of_key_bytes(key) {
                    let said = if !known.is_normalised() {
                        Said::Encoded(fields.rest())
                    } else if let Some(Ok((2, WireField::Bytes(value)))) = fields.next()
                        && fields.rest().is_empty()
                    {
                        Said::Value(read_value(value))
                    } else {
                        return false;
                    };
                    attributes.push((known, rank, said));
                }
                if let Some((attribute, rank)) = own.of_key_bytes(key) {
                    let mut fields = WireFields::of(attribute_bytes);
                    fields.next();
                    let Some(Ok((2, WireField::Bytes(value)))) = fields.next() else { return false };
                    if !fields.rest().is_empty() {
                        return false;
                    }
                    own_slots.put(attribute, rank, attribute.value_of(&read_value(value).to_text()));
                }
            }
            Ok((11, WireField::Bytes(event))) => {
                if read_event(event, false).is_some() {
                    return false;
                }
            }
            Ok((13, WireField::Bytes(link))) => {
                if memchr::memmem::find(link, REF_TYPE.as_bytes()).is_some() {
                    return false;
                }
                links = (links.0 + 1, Some(link));
            }
            Ok((15, WireField::Bytes(said))) => {
                for (number, field) in WireFields::of(said).readable() {
                    match (number, field) {
                        (2, WireField::Bytes(message)) if !message.is_empty() => {
                            let message = Said::Value(Value::Str(text(message)));
                            attributes.push((Attribute::StatusMessage, 0, message));
                        }
                        (3, WireField::Varint(code)) => *status = StatusCode::from_number(code as i64),
                        _ => {}
                    }
                }
            }
            Ok((_, WireField::Cut(_))) | Err(_) => return false,
            Ok(_) => {}
        }
    }
    if let (1, Some(link)) = links
        && *kind == SpanKind::Consumer
        && own.contains(OwnAttribute::OnlyLink)
    {
        let link = read_link(link);
        own_slots.put_only_link(link.trace_id, link.span_id);
    }
    *own_values = (!own.is_empty()).then(|| *own_slots.values());
    row.start_unix_nano = start_time(row.start_unix_nano, end_unix_nano.is_some());
    row.duration_ns = end_unix_nano.unwrap_or(0).wrapping_sub(row.start_unix_nano) as i64;
    unusable(row.trace_id, row.span_id, row.start_unix_nano).is_none()
}

/// The event, if it is wanted.
fn read_event(message: &[u8], everything: bool) -> Option<Event<'_>> {
    let mut event = Event::default();
    for (number, field) in WireFields::of(message).readable() {
        match (number, field) {
            (1, WireField::Fixed64(time)) => event.time_unix_nano = time,
            (2, WireField::Bytes(name)) => event.name = text(name),
            _ => {}
        }
    }
    if !everything && !event.is_exception() {
        return None;
    }
    read_attributes(message, 3, &mut event.attributes);
    Some(event)
}

/// The links of a message that has nothing but links, in its field 1.
pub(crate) fn links_of_message(message: &[u8]) -> impl Iterator<Item = Link<'_>> {
    WireFields::of(message).readable().filter_map(|(number, field)| match (number, field) {
        (1, WireField::Bytes(link)) => Some(read_link(link)),
        _ => None,
    })
}

fn read_link(message: &[u8]) -> Link<'_> {
    let mut link = Link::default();
    for (number, field) in WireFields::of(message).readable() {
        match (number, field) {
            (1, WireField::Bytes(id)) => link.trace_id = TraceId::from_bytes(id).unwrap_or_default(),
            (2, WireField::Bytes(id)) => link.span_id = SpanId::from_bytes(id).unwrap_or_default(),
            (3, WireField::Bytes(state)) => link.trace_state = text(state),
            _ => {}
        }
    }
    read_attributes(message, 4, &mut link.attributes);
    link
}

/// Adds the attributes that `message` has in its field `number`.
fn read_attributes<'a>(message: &'a [u8], number: u32, attributes: &mut Vec<KeyValue<'a>>) {
    for field in WireFields::of(message).readable() {
        if let (found, WireField::Bytes(attribute)) = field
            && found == number
        {
            attributes.extend(read_attribute(attribute, Wanted::EVERYTHING));
        }
    }
}

/// The attribute, if it has a key, and if it is wanted; the key comes first, or else
/// it is taken to be asked for.
fn read_attribute(message: &[u8], wanted: Wanted) -> Option<KeyValue<'_>> {
    let mut key = None;
    let mut value = Value::Empty;
    let mut is_asked_for = false;
    for (number, field) in WireFields::of(message).readable() {
        match (number, field) {
            (1, WireField::Bytes(bytes)) if is_asked_for || wanted.takes_bytes(bytes) => key = Some(bytes),
            (1, WireField::Bytes(_)) => return None,
            (2, WireField::Bytes(bytes)) => value = read_value(bytes),
            _ => {}
        }
        is_asked_for = true;
    }
    key.map(|key| KeyValue { key: text(key), value })
}

/// The value that an `AnyValue` holds.
pub(crate) fn read_value(message: &[u8]) -> Value<'_> {
    let mut value = Value::Empty;
    for (number, field) in WireFields::of(message).readable() {
        value = match (number, field) {
            (1, WireField::Bytes(bytes)) => Value::Str(text(bytes)),
            (2, WireField::Varint(number)) => Value::Bool(number != 0),
            (3, WireField::Varint(number)) => Value::Int(number as i64),
            (4, WireField::Fixed64(bits)) => Value::Double(f64::from_bits(bits)),
            (5, WireField::Bytes(bytes)) => {
                common::ArrayValue::decode(bytes).map_or(Value::Empty, |list| array(list, 1))
            }
            (6, WireField::Bytes(bytes)) => {
                common::KeyValueList::decode(bytes).map_or(Value::Empty, |list| map(list, 1))
            }
            (7, WireField::Bytes(bytes)) => Value::Bytes(bytes.into()),
            _ => value,
        };
    }
    value
}

fn array(list: common::ArrayValue, depth: usize) -> Value<'static> {
    let values: Vec<Value<'static>> = list.values.into_iter().map(|value| nested(value, depth)).collect();
    value::array(&values)
}

fn map(list: common::KeyValueList, depth: usize) -> Value<'static> {
    let entries: Vec<KeyValue<'static>> = list
        .values
        .into_iter()
        .map(|entry| KeyValue {
            key: entry.key.into(),
            value: entry.value.map_or(Value::Empty, |value| nested(value, depth)),
        })
        .collect();
    value::map(&entries)
}

fn nested(value: common::AnyValue, depth: usize) -> Value<'static> {
    use common::any_value::Value as Any;
    if depth > value::MAX_VALUE_DEPTH {
        return Value::Empty;
    }
    match value.value {
        Some(Any::StringValue(text)) => Value::Str(text.into()),
        Some(Any::BoolValue(value)) => Value::Bool(value),
        Some(Any::IntValue(number)) => Value::Int(number),
        Some(Any::DoubleValue(number)) => Value::Double(number),
        Some(Any::ArrayValue(list)) => array(list, depth + 1),
        Some(Any::KvlistValue(list)) => map(list, depth + 1),
        Some(Any::BytesValue(bytes)) => Value::Bytes(bytes.into()),
        _ => Value::Empty,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData, span};

    use super::*;
    use crate::frame::FrameBuilder;
    use crate::ingest::progress::Meter;

    /// Hands decoded spans on, and only those.
    struct Decoded<'a>(&'a mut FrameBuilder);

    impl crate::frame::SpanSink for Decoded<'_> {
        fn span(&mut self, origin: &Origin<'_>, span: &SpanRecord<'_>, offset: u64) {
            self.0.span(origin, span, offset);
        }

        fn skip(&mut self, reason: SkipReason, offset: u64) {
            self.0.skip(reason, offset);
        }
    }

    /// What the spans of `builder` are to the analysis, and what was left out.
    fn taken(builder: &FrameBuilder) -> (Vec<String>, u64) {
        let spans = builder.spans.iter().map(|span| {
            let signature = builder.signatures.resolve(span.row.signature);
            let texts = [signature.service, signature.name].into_iter().chain(signature.attributes);
            let texts: Vec<&str> = texts.map(|symbol| builder.symbols.resolve(symbol)).collect();
            let row = crate::frame::CollectedRow { signature: Default::default(), ..span.row };
            format!("{:?} {row:?} {:?} {:?} {texts:?}", span.trace_id, signature.kind, signature.status)
        });
        let mut spans: Vec<String> = spans.collect();
        spans.sort();
        (spans, builder.skipped().total())
    }

    fn pair(key: &str, value: Any) -> common::KeyValue {
        common::KeyValue {
            key: key.to_owned(),
            value: Some(common::AnyValue { value: Some(value) }),
            ..common::KeyValue::default()
        }
    }

    fn pairs(attributes: &[(&str, &str)]) -> Vec<common::KeyValue> {
        attributes.iter().map(|(key, value)| pair(key, Any::StringValue((*value).to_owned()))).collect()
    }

    fn message(services: &[&str], spans: &[Span]) -> Vec<u8> {
        let of_service = |service: &&str| ResourceSpans {
            resource: Some(Resource { attributes: pairs(&[("service.name", service)]), ..Resource::default() }),
            scope_spans: vec![ScopeSpans { spans: spans.to_vec(), ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        };
        TracesData { resource_spans: services.iter().map(of_service).collect() }.encode_to_vec()
    }

    /// Spans of every sort, each some times over, so that those that say what was said before are taken as they stand.
    #[test]
    fn what_is_encoded_alike_is_decoded_once() {
        let plain = Span {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            parent_span_id: vec![3; 8],
            name: "get".to_owned(),
            kind: 3,
            start_time_unix_nano: 5,
            end_time_unix_nano: 9,
            ..Span::default()
        };
        let with = |attributes: &[(&str, &str)]| Span { attributes: pairs(attributes), ..plain.clone() };
        let get = ("http.request.method", "GET");
        let event = |name: &str| span::Event {
            name: name.to_owned(),
            attributes: pairs(&[("exception.type", "Timeout")]),
            ..span::Event::default()
        };
        let mut spans = vec![
            plain.clone(),
            Span { kind: 2, ..plain.clone() },
            Span { status: Some(Status { code: 2, ..Status::default() }), ..plain.clone() },
            Span { name: "set".to_owned(), ..plain.clone() },
            Span { trace_state: "ot=th:8".to_owned(), ..plain.clone() },
            Span { events: vec![event("exception")], ..plain.clone() },
            Span { events: vec![event("other")], ..plain.clone() },
            Span { links: vec![span::Link { trace_id: vec![7; 16], ..span::Link::default() }], ..plain.clone() },
            Span { trace_id: Vec::new(), ..plain.clone() },
            Span { start_time_unix_nano: 0, end_time_unix_nano: 0, ..plain.clone() },
            Span { end_time_unix_nano: 1, ..plain.clone() },
            with(&[get, ("url.full", "http://a/1")]),
            with(&[get, ("url.full", "http://a/2")]),
            with(&[get, ("url.full", "http://b/2"), ("http.url", "http://c/3")]),
            with(&[("db.system", "mysql"), ("db.statement", "select 1")]),
            with(&[("db.system", "mysql"), ("db.statement", "select 2")]),
            with(&[("db.system", "mysql"), ("db.statement", "select x")]),
            with(&[("db.system", "mysql"), ("thread.id", "7")]),
            with(&[("server.address", "a"), ("server.address", "b")]),
            with(&[("server.address", "b"), ("server.address", "a")]),
            Span { attributes: vec![pair("server.port", Any::IntValue(7))], ..plain.clone() },
            Span { attributes: vec![pair("error", Any::BoolValue(true))], ..plain.clone() },
        ];
        for port in ["1", "2"] {
            let attributes = pairs(&[("net.peer.port", port)]);
            spans.extend([2, 3].map(|kind| Span { kind, attributes: attributes.clone(), ..plain.clone() }));
        }
        let messages = [message(&["a", "b", ""], &spans), message(&["b"], &spans)].concat();
        let read = |sink: &mut dyn crate::frame::SpanSink| {
            let meter = Meter::new(&(), &Arc::default());
            let mut sink = CountingSink::new(Path::new("spans.binpb"), sink, &meter);
            read_slice(&messages, 0, true, &mut sink);
            (sink.tally.spans, sink.tally.skipped.total())
        };
        let (mut quickly, mut by_the_rules) = (FrameBuilder::default(), FrameBuilder::default());
        let counts = read(&mut quickly);
        assert_eq!(counts, read(&mut Decoded(&mut by_the_rules)));
        assert_eq!(counts, (4 * (spans.len() as u64 - 2), 4 * 2));
        assert_eq!(taken(&quickly), taken(&by_the_rules));
    }
}
