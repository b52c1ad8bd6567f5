//! One document within a stream of JSON: what it is, by its keys, and its spans.

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess};

use crate::frame::SpanSink as _;
use crate::span::{Origin, SkipReason};

use crate::ingest::counting_sink::CountingSink;
use crate::ingest::jaeger;
use crate::ingest::json::damaged;
use crate::ingest::json::lenient::{Fill, Message, Wanted, ignore};
use crate::ingest::json::line_starts::LOOKED_AT_BYTES;
use crate::ingest::json::quick;
use crate::ingest::json_formats::span_object;
use crate::ingest::otlp::json_message::{ResourceSpans, ScopeSpans, is_resource_spans_key};
use crate::ingest::otlp::json_quick;
use crate::ingest::otlp::names::OTLP_JSON;
use crate::ingest::refused;
use crate::ingest::source::position::Position;
use crate::ingest::zipkin;

/// A kind of object that spans are read from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    /// OTLP.
    ResourceSpans,
    /// A trace or a span.
    Jaeger,
    /// A record of a span.
    Zipkin,
    /// A span with its resource within itself.
    Span,
}

impl Shape {
    /// What an object is that has `key`, or `key` together with one of `others`; `None` if that does not tell.
    pub(super) fn of_key(key: &str, others: &[String]) -> Option<Self> {
        let has = |keys: &[&str]| others.iter().any(|other| keys.contains(&other.as_str()));
        match key {
            _ if is_resource_spans_key(key) => Some(Self::ResourceSpans),
            _ if jaeger::is_jaeger_key(key) => Some(Self::Jaeger),
            "traceId" if has(&["id"]) => Some(Self::Zipkin),
            "id" if has(&["traceId"]) => Some(Self::Zipkin),
            _ if span_object::may_be(key, others) => Some(Self::Span),
            _ => None,
        }
    }

    /// What it is called in messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ResourceSpans => "a ResourceSpans",
            Self::Jaeger => "a Jaeger trace or span",
            Self::Zipkin => "a Zipkin span",
            Self::Span => "a span",
        }
    }
}

/// The keys of an object.
#[derive(Default)]
struct Keys(Vec<String>);

impl<'de> Message<'de> for Keys {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        self.0.push(key.to_owned());
        ignore(map)
    }
}

/// How far a value was read.
pub(super) enum Parsed {
    /// It ends before this index.
    Value(usize),
    Unfinished,
    Bad {
        at: usize,
        reason: String,
    },
}

/// Parses the value at `at` of `text`.
pub(super) fn parse<'de, S: DeserializeSeed<'de>>(seed: S, text: &'de str, at: usize) -> (Option<S::Value>, Parsed) {
    let mut deserializer = serde_json::Deserializer::from_str(&text[at..]);
    let result = seed.deserialize(&mut deserializer);
    let end = at + deserializer.into_iter::<IgnoredAny>().byte_offset();
    match result {
        Ok(value) => (Some(value), Parsed::Value(end)),
        Err(error) if error.is_eof() => (None, Parsed::Unfinished),
        Err(error) => (None, Parsed::Bad { at: end.min(text.len()), reason: reason_of(&error) }),
    }
}

/// Parses the document at `at` of `text`; the answer is what `new` makes, filled as far as the text can be read.
pub(super) fn parse_document<'de, T: Message<'de>>(new: impl Fn() -> T, text: &'de str, at: usize) -> (T, Parsed) {
    let mut document = new();
    if let Some((_, end)) = quick::parse(Fill(&mut document), text, at) {
        return (document, Parsed::Value(end));
    }
    let mut document = new();
    let parsed = parse(Fill(&mut document), text, at).1;
    (document, parsed)
}

/// Serde's message without its line and column, which count from the value and not from the file.
fn reason_of(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.rfind(" at line ") {
        Some(end) => message[..end].to_owned(),
        None => message,
    }
}

/// The text that is walked through and what goes with it.
pub(super) struct Chunk<'t, 'i, 's> {
    pub(super) text: &'t str,
    /// Where the text begins, in the stream that is handed in piece by piece.
    pub(super) start: u64,
    pub(super) position: Position,
    pub(super) ended: bool,
    pub(super) held: &'i mut zipkin::Held,
    pub(super) sink: &'i mut CountingSink<'s>,
}

impl Chunk<'_, '_, '_> {
    fn wanted(&self) -> Wanted {
        self.sink.wanted()
    }

    pub(super) fn offset(&self, at: usize) -> u64 {
        self.position.offset_of(&self.text.as_bytes()[at.min(self.text.len())..])
    }

    /// The index of what stands at `offset` of the stream.
    pub(super) fn index_of(&self, offset: u64) -> Option<usize> {
        let index = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        (index < self.text.len()).then_some(index)
    }

    /// Whether there is so much text behind `at` that it can be told whether a document begins there.
    pub(super) fn can_look_ahead(&self, at: usize) -> bool {
        self.ended || self.text.len() >= at + LOOKED_AT_BYTES
    }

    /// Passes over the value at `at`.
    pub(super) fn ignore(&self, at: usize) -> Parsed {
        let parsed = parse(std::marker::PhantomData::<IgnoredAny>, self.text, at).1;
        match parsed {
            // A number may go on in the text that follows.
            Parsed::Value(end)
                if end == self.text.len()
                    && !self.ended
                    && !matches!(self.text.as_bytes()[end - 1], b'}' | b']' | b'"') =>
            {
                Parsed::Unfinished
            }
            parsed => parsed,
        }
    }

    /// Whether the spans at `at`, in an object with `other_keys`, are Jaeger's; `None` if that takes more text.
    pub(super) fn has_jaeger_spans(&self, at: usize, other_keys: &[String]) -> Option<bool> {
        let bytes = self.text.as_bytes();
        if bytes[at] != b'[' {
            return Some(false);
        }
        if other_keys.iter().any(|key| key == "process") {
            return Some(true);
        }
        let inner = at + 1 + separators(&self.text[at + 1..]);
        match bytes.get(inner) {
            None if !self.ended => return None,
            Some(b'{') => {}
            _ => return Some(false),
        }
        let mut keys = Keys::default();
        let parsed = parse(Fill(&mut keys), self.text, inner).1;
        if matches!(parsed, Parsed::Unfinished) && !self.ended {
            return None;
        }
        let has = |key: &str| keys.0.iter().any(|known| known == key);
        let is_nobody_elses = || has("operationName") && !has("traceId") && refused::json::of_keys(has).is_none();
        Some(keys.0.iter().any(|key| jaeger::is_jaeger_key(key)) || is_nobody_elses())
    }

    /// Counts an object with these `keys`, which holds no spans that are read and says `errors`, if any.
    pub(super) fn foreign(&mut self, keys: &[String], errors: &str, offset: u64) {
        match refused::json::of_keys(|key| keys.iter().any(|own| own == key)) {
            Some(refused) => self.sink.unsupported(refused.what, refused.advice, offset),
            None => self.sink.unknown(&keys.join(", "), errors, offset),
        }
    }

    /// Reads the document at `at` of `text`, which is this chunk's or a copy, and hands its spans on.
    pub(super) fn read(&mut self, shape: Shape, text: &str, at: usize, position: Position, offset: u64) -> Parsed {
        match shape {
            Shape::ResourceSpans => {
                let (message, parsed) = match json_quick::read(self.wanted(), text, at) {
                    Some((message, end)) => (message, Parsed::Value(end)),
                    None => parse_document(|| ResourceSpans::new(self.wanted()), text, at),
                };
                if matches!(parsed, Parsed::Value(_)) {
                    if message.is_span && message.scopes.is_empty() {
                        return self.read(Shape::Span, text, at, position, offset);
                    }
                    if message.is_telemetry() {
                        self.emit(message, position, offset);
                    } else {
                        let keys = message.other_keys.into_iter().chain(["resource".to_owned()]);
                        self.foreign(&keys.collect::<Vec<_>>(), "", offset);
                    }
                }
                parsed
            }
            Shape::Jaeger => {
                let (document, parsed) = parse_document(|| jaeger::Document::new(self.wanted()), text, at);
                if matches!(parsed, Parsed::Value(_)) {
                    // The brace stands before the quote of the first key.
                    let offset_of = |address: usize| position.offset_of_address(address - 2);
                    jaeger::emit(document, offset, offset_of, self.sink);
                }
                parsed
            }
            Shape::Zipkin => {
                let (record, parsed) = parse_document(zipkin::Record::default, text, at);
                if matches!(parsed, Parsed::Value(_)) {
                    if record.is_of_others() {
                        return self.read(Shape::Span, text, at, position, offset);
                    }
                    zipkin::hold(record, offset, self.held, self.sink);
                }
                parsed
            }
            Shape::Span => {
                let (document, parsed) =
                    parse(std::marker::PhantomData::<serde_json::Map<String, serde_json::Value>>, text, at);
                if let Some(document) = document {
                    let has = |key: &str| document.contains_key(key);
                    if refused::json::of_keys(has).is_some() {
                        self.foreign(&document.keys().cloned().collect::<Vec<_>>(), "", offset);
                    } else if refused::json::is_log_record(has) {
                        let keys: Vec<&str> = document.keys().map(String::as_str).collect();
                        self.sink.log_line(&keys.join(", "), offset);
                    } else {
                        span_object::emit(document, offset, self.sink);
                    }
                }
                parsed
            }
        }
    }

    /// Reads the spans between `start` and `end` that are complete. Those of a Jaeger trace are of no use without the
    /// processes that come after them.
    pub(super) fn salvage(&mut self, shape: Shape, start: usize, end: usize) {
        if shape == Shape::ResourceSpans
            && let Some(copy) = damaged::up_to_last_span(&damaged::mend(&self.text[start..end]))
        {
            self.read_copy(shape, &copy, start);
        }
    }

    /// Reads a document from a mended copy of what stands at `start`; whether it could be parsed.
    pub(super) fn read_copy(&mut self, shape: Shape, copy: &str, start: usize) -> bool {
        let offset = self.offset(start);
        matches!(self.read(shape, copy, 0, Position::fixed(offset), offset), Parsed::Value(_))
    }

    fn emit(&mut self, message: ResourceSpans<'_>, position: Position, offset: u64) {
        let ResourceSpans { resource_attributes, scopes, malformed, is_other_signal, .. } = message;
        if is_other_signal && scopes.is_empty() {
            self.sink.skip(SkipReason::OtherSignal, offset);
        }
        self.sink.tally.format.get_or_insert(OTLP_JSON);
        let mut origin = Origin { resource_attributes, ..Origin::default() };
        let mut malformed_spans = malformed;
        for scope in scopes {
            let ScopeSpans { name, version, attributes, spans, malformed, .. } = scope;
            malformed_spans += malformed;
            origin.scope_name = name;
            origin.scope_version = version;
            origin.scope_attributes = attributes;
            for span in &spans {
                self.sink.tally.opaque_ids += span.opaque_ids;
                // The brace stands before the quote of the first key.
                let offset = if span.address == 0 { offset } else { position.offset_of_address(span.address - 2) };
                self.sink.span(&origin, &span.record, offset);
            }
        }
        for _ in 0..malformed_spans {
            self.sink.skip(SkipReason::MalformedSpan, offset);
        }
    }
}

/// The length of the white space and the like that `text` begins with: commas, record separators and byte order marks
/// say nothing here.
pub(super) fn separators(text: &str) -> usize {
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        // There may be gigabytes of them.
        at += bytes[at..]
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | b',' | 0x1e | 0))
            .count();
        if !bytes[at..].starts_with(BYTE_ORDER_MARK) {
            return at;
        }
        at += BYTE_ORDER_MARK.len();
    }
}
