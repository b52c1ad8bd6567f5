//! All spans of the inputs, whole but compact, so that they can be sorted before they are written.
//!
//! A span is a string of bytes in one arena. Origins are kept once each, because spans of one batch share theirs and
//! batches of one process repeat it. When they are too many for memory, all that are there are sorted and put aside as one
//! [run](super::sorted_runs); the runs are merged when the spans are written.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;

use crate::frame::SpanSink;
use crate::ingest::TraceIds;
use crate::span::{
    Event, KeyValue, Link, Origin, SkipReason, Skipped, SpanId, SpanKind, SpanRecord, StatusCode, TraceId, Value,
    unusable,
};

use super::sorted_runs::{SortedRuns, SpanKey};

/// See the module.
pub(super) struct SpanStore {
    limit_bytes: u64,
    runs: SortedRuns,
    put_aside: u64,
    failure: Option<io::Error>,
    bytes: Vec<u8>,
    origin_bytes: usize,
    spans: Vec<StoredSpan>,
    origins: Vec<Box<[u8]>>,
    numbers_of_origins: HashMap<Box<[u8]>, u32>,
    last_origin: Vec<u8>,
    last_origin_number: Option<u32>,
    /// The traces that are kept, if not all.
    pub(super) wanted: Option<TraceIds>,
    /// What could not be kept: spans without ids or times, and what no span could be read from.
    pub(super) skipped: Skipped,
}

/// Where a span is, and what it is sorted by.
struct StoredSpan {
    key: SpanKey,
    origin: u32,
    offset: usize,
}

impl SpanStore {
    /// Keeps about `limit_bytes` in memory and puts the rest aside in `directory`.
    pub(super) fn new(limit_bytes: u64, directory: PathBuf) -> Self {
        Self {
            limit_bytes,
            runs: SortedRuns::new(directory),
            put_aside: 0,
            failure: None,
            bytes: Vec::new(),
            origin_bytes: 0,
            spans: Vec::new(),
            origins: Vec::new(),
            numbers_of_origins: HashMap::new(),
            last_origin: Vec::new(),
            last_origin_number: None,
            wanted: None,
            skipped: Skipped::default(),
        }
    }

    /// Number of spans kept.
    pub(super) fn len(&self) -> u64 {
        self.put_aside + self.spans.len() as u64
    }

    /// What is used of the memory: its room stays when spans are put aside, and is filled anew.
    fn bytes_in_memory(&self) -> u64 {
        (self.bytes.len() + self.spans.len() * size_of::<StoredSpan>() + self.origin_bytes) as u64
    }

    /// Puts all that is in memory aside.
    fn put_aside(&mut self) -> io::Result<()> {
        self.sort();
        let mut run = self.runs.begin()?;
        for span in &self.spans {
            let content = Reader(&self.bytes[span.offset..]).bytes();
            run.push(&span.key, &self.origins[span.origin as usize], content)?;
        }
        self.runs.end(run)?;
        self.put_aside += self.spans.len() as u64;
        self.bytes.clear();
        self.spans.clear();
        self.origins.clear();
        self.numbers_of_origins.clear();
        self.origin_bytes = 0;
        self.last_origin_number = None;
        Ok(())
    }

    /// Sorts by trace, start and span id. What still is equal is sorted by content, so that the order of input never
    /// shows.
    fn sort(&mut self) {
        let Self { bytes, spans, origins, .. } = self;
        let content = |span: &StoredSpan| {
            let rest = Reader(&bytes[span.offset..]).bytes();
            (rest, &origins[span.origin as usize])
        };
        spans.sort_unstable_by(|a, b| a.key.cmp(&b.key).then_with(|| content(a).cmp(&content(b))));
    }

    /// Hands over all spans in order.
    ///
    /// # Errors
    /// If they could not be put aside or cannot be brought back, or if `take` fails.
    pub(super) fn for_each_sorted<E: From<io::Error>>(
        &mut self,
        mut take: impl FnMut(&Origin<'_>, &SpanRecord<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if let Some(failure) = self.failure.take() {
            return Err(failure.into());
        }
        if self.put_aside > 0 {
            // What is left goes the same way: whoever writes needs the memory.
            if !self.spans.is_empty() {
                self.put_aside()?;
            }
            (self.bytes, self.spans) = (Vec::new(), Vec::new());
            return self.runs.merge(|key, origin, content| take(&Reader(origin).origin(), &Reader(content).span(key)));
        }
        self.sort();
        for stored in &self.spans {
            let origin = Reader(&self.origins[stored.origin as usize]).origin();
            let span = Reader(Reader(&self.bytes[stored.offset..]).bytes()).span(&stored.key);
            take(&origin, &span)?;
        }
        Ok(())
    }

    fn number_of_origin(&mut self, origin: &Origin<'_>) -> u32 {
        let mut bytes = Vec::with_capacity(self.last_origin.len());
        write_origin(&mut bytes, origin);
        if let Some(number) = self.last_origin_number.filter(|_| bytes == self.last_origin) {
            return number;
        }
        let number = match self.numbers_of_origins.get(bytes.as_slice()) {
            Some(&number) => number,
            None => {
                let number = u32::try_from(self.origins.len()).expect("fewer than 2^32 origins");
                let key: Box<[u8]> = bytes.as_slice().into();
                // Once in the list and once in the map.
                self.origin_bytes += 2 * (key.len() + size_of::<Box<[u8]>>());
                self.origins.push(key.clone());
                self.numbers_of_origins.insert(key, number);
                number
            }
        };
        self.last_origin = bytes;
        self.last_origin_number = Some(number);
        number
    }
}

impl SpanSink for SpanStore {
    fn span(&mut self, origin: &Origin<'_>, span: &SpanRecord<'_>, offset: u64) {
        if self.failure.is_some() {
            return;
        }
        if let Some(reason) = unusable(span.trace_id, span.span_id, span.start_unix_nano) {
            self.skipped.add(reason, offset);
            return;
        }
        if self.wanted.as_ref().is_some_and(|wanted| !wanted.contains(&span.trace_id)) {
            return;
        }
        let mut bytes = Vec::new();
        write_span(&mut bytes, span);
        let stored = StoredSpan {
            key: SpanKey { trace_id: span.trace_id, start_unix_nano: span.start_unix_nano, span_id: span.span_id },
            origin: self.number_of_origin(origin),
            offset: self.bytes.len(),
        };
        write_bytes(&mut self.bytes, &bytes);
        self.spans.push(stored);
        if self.bytes_in_memory() > self.limit_bytes
            && let Err(failure) = self.put_aside()
        {
            // It is told when the spans are asked for: whoever reads cannot do anything about it. Nor is there any use in
            // keeping what comes.
            self.failure.get_or_insert(failure);
            (self.bytes, self.spans) = (Vec::new(), Vec::new());
        }
    }

    fn skip(&mut self, reason: SkipReason, offset: u64) {
        self.skipped.add(reason, offset);
    }

    fn wants_everything(&self) -> bool {
        true
    }
}

fn write_origin(to: &mut Vec<u8>, origin: &Origin<'_>) {
    write_attributes(to, &origin.resource_attributes);
    write_text(to, &origin.scope_name);
    write_text(to, &origin.scope_version);
    write_attributes(to, &origin.scope_attributes);
}

/// Everything but what [`SpanKey`] has.
fn write_span(to: &mut Vec<u8>, span: &SpanRecord<'_>) {
    to.extend_from_slice(&span.parent_span_id.to_bytes());
    to.extend_from_slice(&span.end_unix_nano.to_be_bytes());
    to.extend([span.kind as u8, span.status as u8]);
    write_text(to, &span.name);
    write_text(to, &span.status_message);
    write_text(to, &span.trace_state);
    write_attributes(to, &span.attributes);
    write_length(to, span.events.len());
    for event in &span.events {
        to.extend_from_slice(&event.time_unix_nano.to_be_bytes());
        write_text(to, &event.name);
        write_attributes(to, &event.attributes);
    }
    write_length(to, span.links.len());
    for link in &span.links {
        to.extend_from_slice(&link.trace_id.0);
        to.extend_from_slice(&link.span_id.to_bytes());
        write_text(to, &link.trace_state);
        write_attributes(to, &link.attributes);
    }
}

fn write_attributes(to: &mut Vec<u8>, attributes: &[KeyValue<'_>]) {
    write_length(to, attributes.len());
    for attribute in attributes {
        write_text(to, &attribute.key);
        match &attribute.value {
            Value::Empty => to.push(tag::EMPTY),
            Value::Str(text) => {
                to.push(tag::TEXT);
                write_text(to, text);
            }
            Value::Bool(value) => to.extend([tag::BOOL, u8::from(*value)]),
            Value::Int(value) => {
                to.push(tag::INT);
                to.extend_from_slice(&value.to_be_bytes());
            }
            Value::Double(value) => {
                to.push(tag::DOUBLE);
                to.extend_from_slice(&value.to_bits().to_be_bytes());
            }
            Value::Bytes(bytes) => {
                to.push(tag::BYTES);
                write_bytes(to, bytes);
            }
            Value::Json(text) => {
                to.push(tag::JSON);
                write_text(to, text);
            }
        }
    }
}

fn write_text(to: &mut Vec<u8>, text: &str) {
    write_bytes(to, text.as_bytes());
}

fn write_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    write_length(to, bytes.len());
    to.extend_from_slice(bytes);
}

/// Seven bits a byte, the lowest first; the top bit says that more follow.
fn write_length(to: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        to.push(length as u8 | 0x80);
        length >>= 7;
    }
    to.push(length as u8);
}

/// What kind of value follows.
mod tag {
    pub(super) const EMPTY: u8 = 0;
    pub(super) const TEXT: u8 = 1;
    pub(super) const BOOL: u8 = 2;
    pub(super) const INT: u8 = 3;
    pub(super) const DOUBLE: u8 = 4;
    pub(super) const BYTES: u8 = 5;
    pub(super) const JSON: u8 = 6;
}

/// Reads what the functions above wrote.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn origin(mut self) -> Origin<'a> {
        Origin {
            resource_attributes: self.attributes(),
            scope_name: self.text(),
            scope_version: self.text(),
            scope_attributes: self.attributes(),
        }
    }

    fn span(mut self, key: &SpanKey) -> SpanRecord<'a> {
        let parent_span_id = SpanId(self.number());
        let end_unix_nano = self.number();
        let [kind, status] = self.array();
        SpanRecord {
            trace_id: key.trace_id,
            span_id: key.span_id,
            parent_span_id,
            start_unix_nano: key.start_unix_nano,
            end_unix_nano,
            kind: SpanKind::from_number(kind.into()),
            status: StatusCode::from_number(status.into()),
            name: self.text(),
            status_message: self.text(),
            trace_state: self.text(),
            attributes: self.attributes(),
            events: (0..self.length())
                .map(|_| Event { time_unix_nano: self.number(), name: self.text(), attributes: self.attributes() })
                .collect(),
            links: (0..self.length())
                .map(|_| Link {
                    trace_id: TraceId(self.array()),
                    span_id: SpanId(self.number()),
                    trace_state: self.text(),
                    attributes: self.attributes(),
                })
                .collect(),
        }
    }

    fn attributes(&mut self) -> Vec<KeyValue<'a>> {
        (0..self.length()).map(|_| KeyValue { key: self.text(), value: self.value() }).collect()
    }

    fn value(&mut self) -> Value<'a> {
        let [kind] = self.array();
        match kind {
            tag::TEXT => Value::Str(self.text()),
            tag::BOOL => Value::Bool(self.array() == [1]),
            tag::INT => Value::Int(self.number() as i64),
            tag::DOUBLE => Value::Double(f64::from_bits(self.number())),
            tag::BYTES => Value::Bytes(self.bytes().into()),
            tag::JSON => Value::Json(self.text()),
            _ => Value::Empty,
        }
    }

    fn text(&mut self) -> Cow<'a, str> {
        Cow::Borrowed(std::str::from_utf8(self.bytes()).expect("text was stored"))
    }

    fn number(&mut self) -> u64 {
        u64::from_be_bytes(self.array())
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let (array, rest) = self.0.split_first_chunk().expect("as many bytes were stored");
        self.0 = rest;
        *array
    }

    fn bytes(&mut self) -> &'a [u8] {
        let length = self.length();
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes
    }

    fn length(&mut self) -> usize {
        let mut length = 0;
        for shift in (0..).step_by(7) {
            let [byte] = self.array();
            length |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute<'a>(key: &'a str, value: Value<'a>) -> KeyValue<'a> {
        KeyValue { key: key.into(), value }
    }

    fn full_span(number: u64) -> SpanRecord<'static> {
        SpanRecord {
            trace_id: TraceId([7; 16]),
            span_id: SpanId(number),
            parent_span_id: SpanId(3),
            name: "GET /".into(),
            kind: SpanKind::Client,
            status: StatusCode::Error,
            status_message: "m".repeat(300).into(),
            trace_state: "a=b".into(),
            start_unix_nano: 100,
            end_unix_nano: 90,
            attributes: vec![
                attribute("empty", Value::Empty),
                attribute("text", Value::Str("ü".into())),
                attribute("bool", Value::Bool(true)),
                attribute("int", Value::Int(i64::MIN)),
                attribute("double", Value::Double(f64::INFINITY)),
                attribute("bytes", Value::Bytes(vec![0, 255].into())),
                attribute("json", Value::Json("[1]".into())),
            ],
            events: vec![Event { time_unix_nano: 95, name: "exception".into(), attributes: Vec::new() }],
            links: vec![Link {
                trace_id: TraceId([9; 16]),
                span_id: SpanId(1),
                trace_state: "c=d".into(),
                attributes: vec![attribute("k", Value::Bool(false))],
            }],
        }
    }

    fn origin(service: &str) -> Origin<'_> {
        Origin {
            resource_attributes: vec![attribute("service.name", Value::Str(service.into()))],
            scope_name: "scope".into(),
            scope_version: "1".into(),
            scope_attributes: vec![attribute("s", Value::Int(1))],
        }
    }

    fn contents(store: &mut SpanStore) -> Vec<String> {
        let mut all = Vec::new();
        let take = |origin: &Origin<'_>, span: &SpanRecord<'_>| -> io::Result<()> {
            all.push(format!("{origin:?} {span:?}"));
            Ok(())
        };
        store.for_each_sorted(take).expect("nothing fails");
        all
    }

    fn store(limit_bytes: u64) -> SpanStore {
        SpanStore::new(limit_bytes, std::env::temp_dir())
    }

    /// Runs of one span, of a few and of all: as many runs as are merged more than once.
    #[test]
    fn what_is_put_aside_does_not_show() {
        let spans: Vec<_> = (0..3_000u64).map(|number| number * 7919 % 1009 + 1).collect();
        let all = |limit_bytes| {
            let mut store = store(limit_bytes);
            for (index, &number) in spans.iter().enumerate() {
                store.span(&origin(["a", "b", "c"][index % 3]), &full_span(number), 0);
            }
            assert_eq!(store.len(), 3_000);
            contents(&mut store)
        };
        let expected = all(u64::MAX);
        assert_eq!(expected.len(), 3_000);
        assert!(all(0) == expected && all(100_000) == expected);
    }

    #[test]
    fn a_directory_that_takes_nothing_is_told() {
        let mut store = SpanStore::new(0, "/nowhere/at/all".into());
        (1..4).for_each(|number| store.span(&origin("a"), &full_span(number), 0));
        let failure = store.for_each_sorted(|_, _| io::Result::Ok(())).unwrap_err().to_string();
        assert!(failure.contains("/nowhere/at/all") && failure.contains("--temp-dir"), "{failure}");
    }

    #[test]
    fn everything_comes_back() {
        let mut store = store(u64::MAX);
        store.span(&origin("a"), &full_span(5), 0);
        assert_eq!(contents(&mut store), [format!("{:?} {:?}", origin("a"), full_span(5))]);
    }

    /// Even spans that agree in all that is sorted by stand in the same order, whichever came first.
    #[test]
    fn the_order_of_input_does_not_show() {
        let spans = [(origin("b"), full_span(2)), (origin("a"), full_span(2)), (origin("a"), full_span(1))];
        let mut forwards = store(u64::MAX);
        spans.iter().for_each(|(origin, span)| forwards.span(origin, span, 0));
        let mut backwards = store(u64::MAX);
        spans.iter().rev().for_each(|(origin, span)| backwards.span(origin, span, 0));
        let contents = [contents(&mut forwards), contents(&mut backwards)];
        assert_eq!(contents[0], contents[1]);
        assert!(contents[0][0].contains("SpanId(1)") || contents[0][0].contains("0000000000000001"));
    }

    #[test]
    fn spans_that_no_one_could_use_are_counted() {
        let mut store = store(u64::MAX);
        store.span(&origin("a"), &full_span(0), 17);
        assert_eq!((store.len(), store.skipped.total()), (0, 1));
        assert_eq!(store.skipped.first_offsets, [17]);
    }
}
