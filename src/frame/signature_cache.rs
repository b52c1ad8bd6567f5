//! What spans say, and the signatures that were worked out of it, so that each combination is worked out once.
//!
//! A combination is written down as bytes, which are compared as they are: no two are ever mistaken for one another. Of
//! values that are too many, what is written is what [`normalise`] keeps of them.

use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::conventions::{Attribute, nonzero_hash, normalise};
use crate::sensitive::Secrets;
use crate::span::{SpanKind, StatusCode, Value};

use super::number_table::NumberTable;
use super::signatures::SignatureId;
use super::sink::{EncodedSpan, Said};
use super::symbols::{MANY_TEXT_BYTES, Symbol, Symbols};
use super::value_caps::{SignaturePart, ValueCaps, cap_normal};

/// So many bytes of signature_cache are remembered; where they are more, most do not come again.
const MANY_BYTES: usize = 4 << 20;

/// So many long texts are remembered.
const MANY_LONG_TEXTS: usize = 1 << 14;

/// The signature_cache that came before, and the one that is being written.
#[derive(Debug, Default)]
pub(super) struct SignatureCache {
    bytes: Vec<u8>,
    known: Vec<Known>,
    table: NumberTable,
    hasher: FixedState,
    current: Vec<u8>,
    kind: SpanKind,
    query: Argument,
    id: Argument,
    url: Argument,
    path: Argument,
    long_texts: LongTexts,
    normal: String,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    /// Where the combination ends.
    end: usize,
    signature: SignatureId,
}

/// The hash of an argument, and the number of the spelling that it came under.
#[derive(Clone, Copy, Debug)]
struct Argument {
    hash: u64,
    rank: u8,
}

impl Default for Argument {
    fn default() -> Self {
        Self { hash: 0, rank: u8::MAX }
    }
}

impl Argument {
    /// The spelling with the lowest number wins, of one spelling the last value, as in a signature.
    fn put(&mut self, rank: u8, hash: u64, is_kept: bool) {
        if rank <= self.rank {
            self.hash = hash;
            if is_kept {
                self.rank = rank;
            }
        }
    }
}

impl SignatureCache {
    /// Begins to write a combination.
    pub(super) fn begin(&mut self, caps: &ValueCaps, service: &str, name: &str, kind: SpanKind, status: StatusCode) {
        self.current.clear();
        write_text(&mut self.current, [kind as u8, status as u8], caps.kept_of_said(SignaturePart::SERVICE, service));
        write_text(&mut self.current, [0; 2], caps.kept_of_said(SignaturePart::NAME, name));
        self.kind = kind;
        (self.query, self.id, self.url, self.path) = Default::default();
    }

    /// Adds a value that came under spelling number `rank` of `attribute`. Empty values are absent values.
    pub(super) fn put(&mut self, caps: &ValueCaps, attribute: Attribute, rank: u8, value: &Value<'_>) {
        if self.kind.is_served() && attribute.is_peer() {
            return;
        }
        let which = [attribute as u8, rank];
        let is_normalised = attribute.is_normalised();
        if let (Value::Int(number), false) = (value, is_normalised) {
            return write_number(&mut self.current, which, *number);
        }
        let text = value.to_text();
        if text.is_empty() {
            return;
        }
        if !is_normalised {
            return write_text(&mut self.current, which, caps.kept_of_said(attribute.into(), &text));
        }
        if attribute.is_long_text() {
            let (normal, hash) = self.long_texts.normalise(attribute, &text, caps.secrets);
            if attribute == Attribute::DbQueryText {
                self.query.put(rank, hash, !normal.is_empty());
            }
            return write_text(&mut self.current, which, caps.kept_of_said(attribute.into(), normal));
        }
        let hash = normalise(attribute, &text, caps.secrets, &mut self.normal);
        match attribute {
            Attribute::RequestId => return self.id.put(rank, hash, true),
            Attribute::UrlFull => self.url.put(rank, hash, !self.normal.is_empty()),
            // Nobody asks what a request that is served was about.
            Attribute::UrlPath if !self.kind.is_served() => self.path.put(rank, hash, !self.normal.is_empty()),
            _ => {}
        }
        cap_normal(caps, attribute, &mut self.normal);
        write_text(&mut self.current, which, &self.normal);
    }

    /// Writes a combination that is still encoded. None is ever taken for one that was decoded.
    pub(super) fn write_encoded(&mut self, caps: &ValueCaps, span: &EncodedSpan<'_>) {
        self.begin(caps, &span.service, "", span.kind, span.status);
        let name = caps.kept_encoded(SignaturePart::NAME, span.name, Some(span.name));
        write_bytes(&mut self.current, [ENCODED; 2], name);
        for (attribute, rank, value) in &span.resource {
            self.put(caps, *attribute, *rank, value);
        }
        for (attribute, rank, said) in &span.attributes {
            match said {
                Said::Value(value) => self.put(caps, *attribute, *rank, value),
                Said::Encoded(_) if self.kind.is_served() && attribute.is_peer() => {}
                Said::Encoded(bytes) => {
                    let bytes = caps.kept_encoded((*attribute).into(), bytes, text_of_encoded(bytes));
                    write_bytes(&mut self.current, [*attribute as u8, *rank], bytes);
                }
            }
        }
    }

    /// The hashes of the query text, the id, the URL and the path.
    pub(super) fn hashes(&self) -> [u64; 4] {
        [self.query.hash, self.id.hash, self.url.hash, self.path.hash]
    }

    /// What was worked out of the combination that was written last.
    pub(super) fn known(&self) -> Option<SignatureId> {
        let hash = self.hasher.hash_one(&self.current);
        let number = self.table.find(hash, |number| bytes_of(&self.bytes, &self.known, number) == self.current)?;
        Some(self.known[number as usize].signature)
    }

    /// Remembers what was worked out of the combination that was written last.
    pub(super) fn remember(&mut self, signature: SignatureId) {
        if self.bytes.len() + self.current.len() > MANY_BYTES {
            self.bytes.clear();
            self.known.clear();
            self.table.clear();
        }
        let Self { bytes, known, table, hasher, current, .. } = self;
        let number = known.len() as u32;
        bytes.extend_from_slice(current);
        known.push(Known { end: bytes.len(), signature });
        table.add(hasher.hash_one(&**current), number);
    }
}

/// Long texts take long to normalise and often come again, so what is kept of them is remembered by their hash.
#[derive(Debug, Default)]
struct LongTexts {
    normals: Symbols,
    known: HashMap<(Attribute, u64), (Symbol, u64), FixedState>,
    normal: String,
}

impl LongTexts {
    /// What is kept of `text`, and the hash of its arguments.
    fn normalise(&mut self, attribute: Attribute, text: &str, secrets: Secrets) -> (&str, u64) {
        let key = (attribute, nonzero_hash(text));
        let is_large = self.known.len() >= MANY_LONG_TEXTS || self.normals.text_bytes() > MANY_TEXT_BYTES;
        if is_large && !self.known.contains_key(&key) {
            self.known.clear();
            self.normals = Symbols::default();
        }
        let (normal, hash) = *self.known.entry(key).or_insert_with(|| {
            let hash = normalise(attribute, text, secrets, &mut self.normal);
            (self.normals.intern(&self.normal), hash)
        });
        (self.normals.resolve(normal), hash)
    }
}

/// The text of an encoded value, if it is a short one: a field 2 that holds a field 1 that is a text, as in OTLP.
fn text_of_encoded(bytes: &[u8]) -> Option<&[u8]> {
    let &[0x12, value_length, 0x0a, text_length, ref text @ ..] = bytes else { return None };
    let fits =
        text_length < 0x80 && usize::from(text_length) == text.len() && usize::from(value_length) == text.len() + 2;
    fits.then_some(text)
}

/// What stands before the name of a combination that is encoded, where another has its first attribute.
const ENCODED: u8 = u8::MAX;

/// Writes a text after its length and what it belongs to.
fn write_text(bytes: &mut Vec<u8>, which: [u8; 2], text: &str) {
    write_bytes(bytes, which, text.as_bytes());
}

fn write_bytes(bytes: &mut Vec<u8>, [first, second]: [u8; 2], text: &[u8]) {
    let length = (text.len() as u64) << 24;
    bytes.extend_from_slice(&(length | u64::from(second) << 8 | u64::from(first)).to_le_bytes());
    bytes.extend_from_slice(text);
}

/// Writes a number in the same way; a bit tells it from a text.
fn write_number(bytes: &mut Vec<u8>, [first, second]: [u8; 2], number: i64) {
    const IS_NUMBER: u64 = 1 << 16;
    bytes.extend_from_slice(&(IS_NUMBER | u64::from(second) << 8 | u64::from(first)).to_le_bytes());
    bytes.extend_from_slice(&number.to_le_bytes());
}

fn bytes_of<'a>(bytes: &'a [u8], known: &[Known], number: u32) -> &'a [u8] {
    let number = number as usize;
    let start = if number == 0 { 0 } else { known[number - 1].end };
    &bytes[start..known[number].end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{FrameBuilder, SpanSink as _};
    use crate::span::{KeyValue, Origin, SpanId, SpanRecord, TraceId};

    fn span<'a>(kind: SpanKind, attributes: &[(&'a str, Value<'a>)]) -> SpanRecord<'a> {
        let attributes = attributes.iter().map(|(key, value)| KeyValue { key: (*key).into(), value: value.clone() });
        SpanRecord {
            trace_id: TraceId([1; 16]),
            span_id: SpanId(1),
            kind,
            start_unix_nano: 1,
            attributes: attributes.collect(),
            ..SpanRecord::default()
        }
    }

    /// What the spans that `builder` took are to the analysis.
    fn taken(builder: &FrameBuilder) -> Vec<(SpanKind, Vec<&str>, u64)> {
        let of_span = |span: crate::frame::CollectedSpan| {
            let signature = builder.signatures.resolve(span.row.signature);
            let texts = signature.attributes.iter().map(|&value| builder.symbols.resolve(value)).collect();
            (signature.kind, texts, span.row.arguments)
        };
        builder.spans.iter().map(of_span).collect()
    }

    /// A span whose combination is known is taken as if it were the first.
    #[test]
    fn what_is_known_is_what_would_be_worked_out() {
        let text = |text: &'static str| Value::Str(text.into());
        let get = ("http.method", text("GET"));
        let client = |attributes: &[_]| span(SpanKind::Client, attributes);
        let spans = [
            client(&[get.clone(), ("url.full", text("http://a/1"))]),
            client(&[get.clone(), ("url.full", text("http://a/2"))]),
            client(&[get.clone(), ("url.full", text("http://a/2")), ("http.url", text("http://a/3"))]),
            client(&[get.clone(), ("http.url", text("http://a/3")), ("url.full", text(""))]),
            client(&[get.clone(), ("url.path", Value::Int(7))]),
            client(&[("db.statement", text("select 1"))]),
            client(&[("db.statement", text("select 2"))]),
            client(&[("db.statement", text("select ?"))]),
            client(&[("db.statement", text("select ?")), get.clone(), ("url.full", text("http://a/1"))]),
            client(&[("messaging.message.id", text("m1"))]),
            client(&[("messaging.message_id", text("m2")), ("url.full", text("http://a/1"))]),
            client(&[("messaging.message.id", text("m1")), ("messaging.message_id", text("m2"))]),
            client(&[("url.full", text("http://a/1"))]),
            client(&[("http.target", text("/1?a")), get.clone()]),
            client(&[("http.target", text("/2")), ("url.path", text("/3"))]),
            span(SpanKind::Server, &[("url.path", text("/3"))]),
            client(&[("db.query.text", text("-- none")), ("db.statement", text("select 2"))]),
            client(&[("server.port", Value::Int(1))]),
            client(&[("server.port", text("1"))]),
            client(&[("net.peer.port", Value::Int(1))]),
            span(SpanKind::Server, &[("net.peer.port", Value::Int(1))]),
            span(SpanKind::Server, &[("net.peer.port", Value::Int(2))]),
            client(&[("server.address", text("a")), ("peer.service", text("b"))]),
            client(&[("server.address", text("ab"))]),
        ];
        let mut together = FrameBuilder::default();
        for span in spans.iter().chain(&spans) {
            together.span(&Origin::default(), span, 0);
        }
        let mut apart = Vec::new();
        for span in spans.iter().chain(&spans) {
            let mut builder = FrameBuilder::default();
            builder.span(&Origin::default(), span, 0);
            apart.push(builder);
        }
        let apart: Vec<_> = apart.iter().flat_map(taken).collect();
        assert_eq!(taken(&together), apart);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut signature_cache = SignatureCache::default();
        let long = "x".repeat(1 << 20);
        let caps = ValueCaps::default();
        for number in 0..10u32 {
            signature_cache.begin(&caps, &long, "", SpanKind::Client, StatusCode::Unset);
            signature_cache.put(&caps, Attribute::PeerService, 0, &Value::Int(number.into()));
            assert_eq!(signature_cache.known(), None);
            signature_cache.remember(SignatureId(number));
            assert_eq!(signature_cache.known(), Some(SignatureId(number)));
        }
        assert!(signature_cache.bytes.len() <= MANY_BYTES);
    }

    #[test]
    fn long_texts_are_normalised_alike_each_time() {
        let mut texts = LongTexts::default();
        for number in (0..MANY_LONG_TEXTS + 10).chain(0..3) {
            let text = format!("select {number}");
            let (normal, hash) = texts.normalise(Attribute::DbQueryText, &text, Secrets::default());
            assert_eq!((normal, hash), ("select ?", nonzero_hash(&text)));
        }
        assert_eq!(texts.normalise(Attribute::DbQueryText, "select ?", Secrets::default()), ("select ?", 0));
        assert_eq!(texts.normalise(Attribute::StatusMessage, "select 1", Secrets::default()), ("select ?", 0));
    }
}
