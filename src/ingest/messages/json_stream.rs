//! A stream of JSON values, one to a line, pretty-printed, or with nothing between them.
//!
//! The envelopes (`resourceSpans`, `batches`, `data`, `hits`, arrays, or none) are walked here, so that only one
//! document (a ResourceSpans of OTLP, a trace or span of Jaeger, a record of Zipkin) is held at a time however large the
//! stream is. Which of them an object is, is told by its keys. A document that does not parse costs itself: what can be
//! mended or read before the fault is used, and reading goes on after it, or, if its end cannot be told, at the next line
//! that begins a document.

use crate::frame::SpanSink as _;
use crate::span::SkipReason;

use super::json_document::{Chunk, Parsed, Shape, parse, separators};
use crate::ingest::counting_sink::CountingSink;
use crate::ingest::json::damaged;
use crate::ingest::json::lenient::Text;
use crate::ingest::json::line_starts::{self, Extent};
use crate::ingest::json::opening::{self, looks_like_json};
use crate::ingest::json_formats::rows::compact_rows::{CompactRows, NoNames};
use crate::ingest::json_formats::rows::field_rows;
use crate::ingest::json_formats::span_object;
use crate::ingest::messages::envelope::{self, Holds};
use crate::ingest::messages::partial_lines::{self, PartialRecords};
use crate::ingest::otlp::json_message::{is_other_signal_key, is_resource_spans_key};
use crate::ingest::source::byte_stream::ByteStream;
use crate::ingest::source::limits::MAX_MESSAGE_BYTES;
use crate::ingest::source::position::Position;
use crate::ingest::zipkin;

/// How much text is taken at once.
const CHUNK_BYTES: usize = 1 << 20;

/// How many arrays and objects may enclose a ResourceSpans.
const MAX_ENVELOPES: usize = 16;

/// How many texts that are documents themselves may be in one another. Text may be packed so that it unpacks to itself.
const MAX_DEPTH: usize = 4;

/// How many keys of an object are remembered to tell what it is.
const MAX_UNKNOWN_KEYS: usize = 24;

/// How much is quoted of what an answer says of errors.
const MAX_QUOTE: usize = 300;

/// How much text may be scanned for the ends of values that do not parse: so much and as much again as the input has. Each
/// such value may be scanned up to the end of the text; without a bound, faults in every line would cost the square of it.
const FREE_SCAN_BYTES: usize = 64 << 20;

/// Reads all values of `stream`. Records of Zipkin, which may be pieces of spans, go to `held`.
pub(crate) fn read_stream(stream: &mut ByteStream, held: &mut zipkin::Held, sink: &mut CountingSink<'_>) {
    let mut walk = Walk::new(None);
    let mut wanted = CHUNK_BYTES;
    loop {
        let available = stream.fill(wanted).len();
        let ended = stream.ended();
        let length = replace_bad_utf8(stream.window_mut(), ended);
        let text = std::str::from_utf8(&stream.window()[..length]).unwrap_or_default();
        let used = walk.advance(text, stream.offset(), ended, held, sink);
        stream.advance(used);
        sink.tell_progress();
        if ended {
            return;
        }
        wanted = if used == 0 { available.saturating_mul(2).max(CHUNK_BYTES) } else { CHUNK_BYTES };
        if used == 0 && available >= MAX_MESSAGE_BYTES {
            sink.too_large(stream.offset(), MAX_MESSAGE_BYTES);
            walk.give_up();
            wanted = CHUNK_BYTES;
        }
    }
}

/// Reads all values in `bytes`, which stand at `offset` of the input as they are, or if not `verbatim` are what was made
/// of the bytes there.
pub(crate) fn read_slice(
    bytes: &[u8],
    offset: u64,
    verbatim: bool,
    held: &mut zipkin::Held,
    sink: &mut CountingSink<'_>,
) {
    read_text(bytes, Walk::new((!verbatim).then_some(offset)), offset, held, sink);
}

fn read_text(bytes: &[u8], mut walk: Walk, offset: u64, held: &mut zipkin::Held, sink: &mut CountingSink<'_>) {
    let mut bytes = bytes.to_vec();
    replace_bad_utf8(&mut bytes, true);
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    walk.advance(text, offset, true, held, sink);
}

/// Replaces every byte that is not UTF-8 by a question mark, so that offsets stay. The answer is the length of what is
/// valid: all, but for a character that is cut off at the end if more text follows.
fn replace_bad_utf8(bytes: &mut [u8], ended: bool) -> usize {
    let mut valid = 0;
    while let Err(error) = std::str::from_utf8(&bytes[valid..]) {
        let start = valid + error.valid_up_to();
        let end = match error.error_len() {
            Some(length) => start + length,
            None if ended => bytes.len(),
            None => return start,
        };
        bytes[start..end].fill(b'?');
        valid = end;
    }
    bytes.len()
}

/// What is said of a line behind which another document begins before its own has ended.
const CUT_LINE: &str = "the line ends in the middle of a value";

/// Where in the envelope the walk is.
enum Container {
    Array,
    Object {
        /// Where it begins, as long as it may still turn out to be a document.
        start: Option<u64>,
        /// Where it begins in the input.
        offset: u64,
        /// Whether a key says that it is telemetry, be there any or not.
        known: bool,
        /// The keys that were not known, and those of envelopes.
        unknown_keys: Vec<String>,
        /// How many documents there were before it.
        documents_before: u64,
    },
}

/// The key of spans, which many formats have.
const SPANS: &str = "spans";

/// Whether an object with this key is OTLP, even if nothing stands under it.
fn is_otlp_envelope_key(key: &str) -> bool {
    matches!(key, "resourceSpans" | "resource_spans" | "batches")
}

/// How to go on after a value that could not be read.
///
/// ```text
/// {"resourceSpans": … }             read
/// garbage                           no value: NextLine
/// {"resourceSpans": [ … }} … ]}     the fault is within a document, of which more lines may follow: NextDocument
///   "name": "x",                    left out
/// {"resourceSpans": … }             read
/// ```
///
/// Where a document ends that does not parse, nothing tells for certain. That a line begins with `{` or `[` is what all
/// writers of documents have in common, and what the lines of a pretty-printed document, all but its first, have not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Resync {
    /// With the next line.
    NextLine,
    /// With the next line that begins a document.
    NextDocument,
}

/// Where the walk goes on, or that it needs more text.
enum Step {
    To(usize),
    NeedMore,
}

/// The walk through the envelope, which goes on where it stopped when more text arrives.
struct Walk {
    stack: Vec<Container>,
    /// Where the outermost open value begins.
    document_start: u64,
    /// What it begins with, as those after it are likely to.
    head: Vec<u8>,
    resync: Option<Resync>,
    /// How much of the text that is handed in next was looked at already.
    looked_at: usize,
    scan_budget: usize,
    /// The offset of everything, if the text does not stand in the input as it is.
    fixed_offset: Option<u64>,
    /// How many texts the text is in.
    depth: usize,
    rows: CompactRows,
    partial_records: PartialRecords,
    /// How many documents were read, or were found to be none.
    documents: u64,
    /// What the outermost open value says of errors, and where.
    errors: Option<(String, u64)>,
}

impl Walk {
    fn new(fixed_offset: Option<u64>) -> Self {
        Self {
            stack: Vec::new(),
            document_start: 0,
            head: Vec::new(),
            resync: None,
            looked_at: 0,
            scan_budget: FREE_SCAN_BYTES,
            fixed_offset,
            depth: 0,
            rows: CompactRows::default(),
            partial_records: PartialRecords::default(),
            documents: 0,
            errors: None,
        }
    }

    /// Drops the value that the walk is in.
    fn give_up(&mut self) {
        self.stack.clear();
        self.resync = Some(Resync::NextDocument);
        self.looked_at = 0;
    }

    /// Walks through `text`, which stands at `offset`; the answer is how much of it is done with.
    fn advance(
        &mut self,
        text: &str,
        offset: u64,
        ended: bool,
        held: &mut zipkin::Held,
        sink: &mut CountingSink<'_>,
    ) -> usize {
        let done = self.walk(text, offset, ended, held, sink);
        if ended {
            for (text, offset) in self.partial_records.rest() {
                self.read_within(text.as_bytes(), offset, held, sink);
            }
        }
        done
    }

    fn walk(
        &mut self,
        text: &str,
        offset: u64,
        ended: bool,
        held: &mut zipkin::Held,
        sink: &mut CountingSink<'_>,
    ) -> usize {
        let position = match self.fixed_offset {
            Some(offset) => Position::fixed(offset),
            None => Position::of(text.as_bytes(), offset),
        };
        let mut chunk = Chunk { text, start: offset, position, ended, held, sink };
        let mut at = self.looked_at;
        self.scan_budget = self.scan_budget.saturating_add(text.len() - at.min(text.len()));
        loop {
            match self.step(&mut chunk, at) {
                Some(Step::To(next)) => at = next,
                Some(Step::NeedMore) if ended => {
                    let start = at + separators(&text[at..]);
                    match line_starts::end_of_cut_line(&text[start..], text.len(), &self.head) {
                        Some(length) => at = self.leave_cut_line(&mut chunk, start + length),
                        None => {
                            chunk.sink.truncated("a JSON document", self.document_start);
                            self.stack.clear();
                            return text.len();
                        }
                    }
                }
                Some(Step::NeedMore) => break,
                None if ended && !self.stack.is_empty() => {
                    chunk.sink.truncated("a JSON document", self.document_start);
                    self.stack.clear();
                    return text.len();
                }
                None => {
                    // That a line begins here is to be seen when there is more.
                    at = text.len() - usize::from(!ended && text.ends_with('\n'));
                    break;
                }
            }
        }
        // An object that may yet turn out to be a document, by a key that comes later, must stay to be read from its start.
        let done = match self.stack.last() {
            Some(Container::Object { start: Some(start), .. }) => {
                usize::try_from(start.saturating_sub(offset)).unwrap_or(at).min(at)
            }
            _ => at,
        };
        self.looked_at = at - done;
        done
    }

    /// One step from `at`; `None` if the text is at its end.
    fn step(&mut self, chunk: &mut Chunk<'_, '_, '_>, at: usize) -> Option<Step> {
        let bytes = chunk.text.as_bytes();
        if let Some(resync) = self.resync {
            return self.find_line(chunk, at, resync);
        }
        let at = at + separators(&chunk.text[at..]);
        let byte = *bytes.get(at)?;
        Some(match (self.stack.last(), byte) {
            (Some(Container::Object { .. }), b'"') => self.member(chunk, at),
            (Some(Container::Object { .. }), b'}') => {
                self.close(chunk);
                Step::To(at + 1)
            }
            (Some(Container::Object { .. }), _) => self.bad(chunk, at, at, "expected a key"),
            (Some(Container::Array), b']') => {
                self.stack.pop();
                Step::To(at + 1)
            }
            (Some(Container::Array), _) if is_first_of_line(bytes, at) && !chunk.can_look_ahead(at) => Step::NeedMore,
            (Some(Container::Array), _) if is_first_of_line(bytes, at) && self.begins_anew(&bytes[at..]) => {
                self.bad(chunk, at, at, "expected an item")
            }
            // Loggers write brackets around times and threads.
            (None, b'[') if !chunk.can_look_ahead(at) => Step::NeedMore,
            (None, b'[') if let Some(length) = opening::logger_prefix(&bytes[at..]) => Step::To(at + length),
            (Some(Container::Array) | None, b'{' | b'[') => self.open(chunk, at),
            (Some(Container::Array), _) => match chunk.ignore(at) {
                Parsed::Value(end) => {
                    chunk.sink.skip(SkipReason::UnknownContent, chunk.offset(at));
                    Step::To(end)
                }
                Parsed::Unfinished => Step::NeedMore,
                Parsed::Bad { at: fault, reason } => self.bad(chunk, at, fault, &reason),
            },
            (None, _) if begins_partial_line(&bytes[at..]) => match partial_lines::join(&chunk.text[at..], chunk.ended)
            {
                Some(joined) => {
                    self.read_within(joined.text.as_bytes(), chunk.offset(at), chunk.held, chunk.sink);
                    Step::To(at + joined.length)
                }
                None => Step::NeedMore,
            },
            (None, _) if let Some(length) = opening::log_prefix(&bytes[at..]) => Step::To(at + length),
            (None, _) if !chunk.ended && opening::may_be_logger_prefix(&bytes[at..]) => Step::NeedMore,
            (None, _) if let Some(length) = opening::logger_prefix(&bytes[at..]) => Step::To(at + length),
            (None, _) => {
                chunk.sink.malformed("a line", chunk.offset(at), "expected a JSON object or array");
                self.resync = Some(Resync::NextLine);
                Step::To(at)
            }
        })
    }

    /// Leaves an object. One in which nothing was found is unknown content.
    fn close(&mut self, chunk: &mut Chunk<'_, '_, '_>) {
        let Some(Container::Object { known, unknown_keys, documents_before, offset, .. }) = self.stack.pop() else {
            return;
        };
        let holds_nothing = !known && self.documents == documents_before && !unknown_keys.is_empty();
        // Telemetry of nothing is no unknown content, neither here nor in what it is wrapped in.
        self.documents += u64::from(known);
        let errors = if self.stack.is_empty() { self.errors.take() } else { None };
        if holds_nothing && !envelope::is_header(&unknown_keys) {
            self.documents += 1;
            let says = errors.map(|(text, _)| text).unwrap_or_default();
            chunk.foreign(&unknown_keys, &says, offset);
        } else if let Some((text, offset)) = errors {
            chunk.sink.says_errors(text, offset);
        }
    }

    /// Notes what the outermost object says of errors: the value from `start` to `end`.
    fn note_errors(&mut self, chunk: &Chunk<'_, '_, '_>, start: usize, end: usize) {
        let text = &chunk.text[start..end];
        let says_nothing = matches!(text, "null" | "false" | "0")
            || text.trim_matches(['[', ']', '{', '}', '"', ' ', '\n', '\t', '\r']).is_empty();
        if self.stack.len() == 1 && !says_nothing {
            let end = text.char_indices().map(|(at, _)| at).find(|&at| at >= MAX_QUOTE);
            let quoted = end.map_or_else(|| text.to_owned(), |end| format!("{}…", &text[..end]));
            self.errors.get_or_insert((quoted, chunk.offset(start)));
        }
    }

    /// Whether a line within an array of an object begins what can only be in none.
    fn begins_anew(&self, line: &[u8]) -> bool {
        let is_same = || {
            let head = line_starts::head(line);
            line_starts::is_envelope(&head) && head == self.head
        };
        line_starts::has_prefix(line) || is_same()
    }

    fn find_line(&mut self, chunk: &Chunk<'_, '_, '_>, at: usize, resync: Resync) -> Option<Step> {
        let bytes = chunk.text.as_bytes();
        let line = at + memchr::memchr(b'\n', bytes.get(at..)?)? + 1;
        if resync == Resync::NextLine {
            self.resync = None;
            return Some(Step::To(line));
        }
        let rest = &bytes[line..];
        if line_starts::may_begin_document(rest) {
            self.resync = None;
        } else if !chunk.ended && opening::may_be_logger_prefix(rest) {
            return Some(Step::NeedMore);
        }
        Some(Step::To(line))
    }

    /// Enters or reads the object or array at `at`.
    fn open(&mut self, chunk: &mut Chunk<'_, '_, '_>, at: usize) -> Step {
        if self.stack.is_empty() {
            if !chunk.can_look_ahead(at) {
                return Step::NeedMore;
            }
            self.document_start = chunk.offset(at);
            self.head = line_starts::head(&chunk.text.as_bytes()[at..]);
        }
        if self.stack.len() >= MAX_ENVELOPES {
            return match chunk.ignore(at) {
                Parsed::Value(end) => {
                    chunk.sink.skip(SkipReason::UnknownContent, chunk.offset(at));
                    Step::To(end)
                }
                Parsed::Unfinished => Step::NeedMore,
                Parsed::Bad { at: fault, reason } => self.bad(chunk, at, fault, &reason),
            };
        }
        let bytes = chunk.text.as_bytes();
        if bytes[at] == b'[' {
            match bytes.get(at + 1 + separators(&chunk.text[at + 1..])) {
                None if !chunk.ended => return Step::NeedMore,
                Some(first) if self.rows.may_begin_with(*first) => return self.row(chunk, at),
                _ => {}
            }
            if matches!(self.stack.last(), Some(Container::Array)) {
                if !chunk.can_look_ahead(at) {
                    return Step::NeedMore;
                }
                if field_rows::may_begin(&bytes[at..]) {
                    return self.field_row(chunk, at);
                }
            }
            self.stack.push(Container::Array);
            return Step::To(at + 1);
        }
        let first = at + 1 + separators(&chunk.text[at + 1..]);
        match bytes.get(first) {
            None => Step::NeedMore,
            Some(b'}') => Step::To(first + 1),
            Some(b'"') => match parse(Text, chunk.text, first) {
                (Some(key), _) if is_resource_spans_key(&key) => self.document(Shape::ResourceSpans, chunk, at),
                (None, Parsed::Unfinished) => Step::NeedMore,
                _ => {
                    self.stack.push(Container::Object {
                        start: Some(chunk.start + at as u64),
                        offset: chunk.offset(at),
                        known: false,
                        unknown_keys: Vec::new(),
                        documents_before: self.documents,
                    });
                    Step::To(first)
                }
            },
            Some(_) => self.bad(chunk, at, first, "expected a key"),
        }
    }

    /// Reads the array at `at`, which is a row of a table or the names of its columns.
    fn row(&mut self, chunk: &mut Chunk<'_, '_, '_>, at: usize) -> Step {
        match parse(std::marker::PhantomData::<Vec<serde_json::Value>>, chunk.text, at) {
            (Some(row), Parsed::Value(end)) => {
                let offset = chunk.offset(at);
                self.documents += 1;
                match self.rows.take_row(row) {
                    Ok(Some(object)) => span_object::emit(object, offset, chunk.sink),
                    Ok(None) => {}
                    Err(NoNames) => chunk.sink.unknown("an array without names of columns", "", offset),
                }
                Step::To(end)
            }
            (_, Parsed::Bad { at: fault, reason }) => self.bad(chunk, at, fault, &reason),
            _ => Step::NeedMore,
        }
    }

    /// Reads the array at `at`, which is a row of fields with their names.
    fn field_row(&mut self, chunk: &mut Chunk<'_, '_, '_>, at: usize) -> Step {
        match parse(std::marker::PhantomData::<serde_json::Value>, chunk.text, at) {
            (Some(row), Parsed::Value(end)) => {
                let Some(object) = field_rows::object_of_row(&row) else {
                    // A field that is a document itself is read where it stands.
                    self.stack.push(Container::Array);
                    return Step::To(at + 1);
                };
                let offset = chunk.offset(at);
                let keys: Vec<String> = object.keys().cloned().collect();
                self.documents += 1;
                if keys.iter().any(|key| span_object::may_be(key, &keys)) {
                    span_object::emit(object, offset, chunk.sink);
                } else {
                    chunk.foreign(&keys, "", offset);
                }
                Step::To(end)
            }
            (_, Parsed::Bad { at: fault, reason }) => self.bad(chunk, at, fault, &reason),
            _ => Step::NeedMore,
        }
    }

    /// Reads the member of an object whose key stands at `at`.
    fn member(&mut self, chunk: &mut Chunk<'_, '_, '_>, at: usize) -> Step {
        let bytes = chunk.text.as_bytes();
        let (key, end) = match parse(Text, chunk.text, at) {
            (Some(key), Parsed::Value(end)) => (key, end),
            (_, Parsed::Bad { at: fault, reason }) => return self.bad(chunk, at, fault, &reason),
            _ => return Step::NeedMore,
        };
        let colon = end + separators(&chunk.text[end..]);
        match bytes.get(colon) {
            None => return Step::NeedMore,
            Some(b':') => {}
            Some(_) => return self.bad(chunk, at, colon, "expected `:`"),
        }
        let value = colon + 1 + separators(&chunk.text[colon + 1..]);
        let Some(&first) = bytes.get(value) else {
            return Step::NeedMore;
        };
        if is_first_of_line(bytes, value) {
            if !chunk.can_look_ahead(value) {
                return Step::NeedMore;
            }
            if self.is_no_value(&bytes[value..]) {
                chunk.sink.malformed("JSON", chunk.offset(at), "the line ends where a value should stand");
                self.give_up();
                return Step::To(value - 1);
            }
        }
        let Some(Container::Object { start, known, unknown_keys, .. }) = self.stack.last_mut() else {
            unreachable!("members are read in objects only");
        };
        let rest = &chunk.text[value..];
        let holds = envelope::holds(&key, rest, unknown_keys, chunk.ended);
        let shape = match key.as_ref() {
            SPANS if holds == Holds::Unknown => return Step::NeedMore,
            SPANS if holds == Holds::Documents => None,
            // One trace in Datadog's interface.
            SPANS if first == b'{' => Some(Shape::Span),
            SPANS => match chunk.has_jaeger_spans(value, unknown_keys) {
                Some(is_jaeger) => is_jaeger.then_some(Shape::Jaeger),
                None => return Step::NeedMore,
            },
            "data" if envelope::is_event_of_honeycomb(rest) => Some(Shape::Span),
            _ => Shape::of_key(&key, unknown_keys),
        };
        if let Some(shape) = shape
            && let Some(start) = *start
            && let Some(back) = chunk.index_of(start)
        {
            let step = self.document(shape, chunk, back);
            // Until all of it is there, the object is walked again from its start.
            if matches!(step, Step::To(_)) {
                self.stack.pop();
            }
            return step;
        }
        if first == b'"' && envelope::may_be_document(&key, unknown_keys) {
            return self.message(chunk, &key, value);
        }
        if key == "meta" && first == b'[' {
            let (meta, _) = parse(std::marker::PhantomData::<serde_json::Value>, chunk.text, value);
            meta.iter().for_each(|meta| self.rows.take_meta(meta));
        }
        if holds == Holds::Unknown {
            return Step::NeedMore;
        }
        // Traces and spans of others are looked into to tell whose they are.
        let is_envelope = holds == Holds::Documents || key == SPANS || key == "traces";
        let is_other_signal = is_other_signal_key(&key);
        *known |= envelope::is_bulk_action(&key, rest);
        if is_envelope || is_other_signal {
            *start = None;
            *known |=
                is_other_signal || is_otlp_envelope_key(&key) || envelope::is_empty_answer(&key, rest, unknown_keys);
        }
        let is_new = !unknown_keys.iter().any(|known| *known == key);
        if is_envelope && is_new && unknown_keys.len() < MAX_UNKNOWN_KEYS {
            unknown_keys.push(key.clone().into_owned());
        }
        if is_envelope && matches!(first, b'{' | b'[') {
            // The key is read again if the value turns out to need more text, which changes nothing.
            return self.open(chunk, value);
        }
        match chunk.ignore(value) {
            Parsed::Value(end) => {
                if is_other_signal {
                    chunk.sink.skip(SkipReason::OtherSignal, chunk.offset(at));
                    self.documents += 1;
                } else if !is_envelope && unknown_keys.len() < MAX_UNKNOWN_KEYS {
                    let says_errors = matches!(&*key, "errors" | "error" | "exception");
                    unknown_keys.push(key.into_owned());
                    if says_errors {
                        self.note_errors(chunk, value, end);
                    }
                }
                Step::To(end)
            }
            Parsed::Unfinished => Step::NeedMore,
            Parsed::Bad { at: fault, reason } => self.bad(chunk, at, fault, &reason),
        }
    }

    /// Whether a line behind a member's colon begins the next document: the line before was cut. No writer begins a member's
    /// value at the start of a line, but for one that gives each bracket its own.
    fn is_no_value(&self, line: &[u8]) -> bool {
        line.starts_with(b"{\"") || line_starts::has_prefix(line) || line_starts::head(line) == self.head
    }

    /// Reads the string at `at`, such as the message of a log record, which may be a document itself.
    fn message(&mut self, chunk: &mut Chunk<'_, '_, '_>, key: &str, at: usize) -> Step {
        match parse(Text, chunk.text, at) {
            (Some(_), Parsed::Value(end)) if key == "log" && !chunk.can_look_ahead(end) => Step::NeedMore,
            (Some(text), Parsed::Value(end)) => {
                let offset = chunk.offset(at);
                if key != "log" {
                    self.read_message(chunk, key, &text, offset);
                    return Step::To(end);
                }
                let stream = partial_lines::stream_of_record(&chunk.text[end..]);
                let texts = self.partial_records.take(stream, text, offset);
                if let (true, Some(Container::Object { known, .. })) = (texts.is_empty(), self.stack.last_mut()) {
                    // What becomes of it is told with the rest of its line.
                    *known = true;
                }
                for (text, offset) in texts {
                    self.read_message(chunk, key, &text, offset);
                }
                Step::To(end)
            }
            (_, Parsed::Bad { at: fault, reason }) => self.bad(chunk, at, fault, &reason),
            _ => Step::NeedMore,
        }
    }

    /// Reads the `text` under `key` of the object that the walk is in.
    fn read_message(&mut self, chunk: &mut Chunk<'_, '_, '_>, key: &str, text: &str, offset: u64) {
        // What unpacks within what was unpacked could grow without bound.
        let unpacked = if key == "data" && self.depth == 0 { envelope::unpack(text) } else { None };
        let document = unpacked.as_deref().unwrap_or(text.as_bytes()).trim_ascii_start();
        let is_document = looks_like_json(document) && self.depth < MAX_DEPTH;
        if let Some(Container::Object { known, unknown_keys, .. }) = self.stack.last_mut() {
            *known |= envelope::says_nothing(key, text);
            if !is_document && unknown_keys.len() < MAX_UNKNOWN_KEYS {
                unknown_keys.push(key.to_owned());
            }
        }
        if is_document {
            // What was found in it is told where it is read.
            self.documents += 1;
            self.read_within(document, offset, chunk.held, chunk.sink);
        }
    }

    /// Reads a text that is made of what stands at `offset`.
    fn read_within(&self, text: &[u8], offset: u64, held: &mut zipkin::Held, sink: &mut CountingSink<'_>) {
        let offset = self.fixed_offset.unwrap_or(offset);
        let walk = Walk { depth: self.depth + 1, ..Walk::new(Some(offset)) };
        read_text(text, walk, offset, held, sink);
    }

    /// Reads the document at `at`.
    fn document(&mut self, shape: Shape, chunk: &mut Chunk<'_, '_, '_>, at: usize) -> Step {
        match chunk.read(shape, chunk.text, at, chunk.position, chunk.offset(at)) {
            Parsed::Value(end) => {
                self.documents += 1;
                Step::To(end)
            }
            Parsed::Unfinished if !chunk.ended => Step::NeedMore,
            Parsed::Unfinished => {
                let cut = line_starts::end_of_cut_line(&chunk.text[at..], chunk.text.len(), &self.head);
                let end = cut.map_or(chunk.text.len(), |length| at + length);
                chunk.salvage(shape, at, end);
                if cut.is_some() {
                    return Step::To(self.leave_cut_line(chunk, end));
                }
                chunk.sink.truncated(shape.name(), chunk.offset(at));
                self.stack.clear();
                Step::To(end)
            }
            Parsed::Bad { at: fault, reason } => self.bad_document(shape, chunk, at, fault, &reason),
        }
    }

    fn bad_document(
        &mut self,
        shape: Shape,
        chunk: &mut Chunk<'_, '_, '_>,
        at: usize,
        fault: usize,
        reason: &str,
    ) -> Step {
        // The parser stops at the first fault and cannot tell where the value would end: its brackets do, unless they are what
        // is damaged.
        let extent = match self.scan_budget {
            0 => Extent::Broken(before_line_feed(chunk.text, fault) - at),
            _ => line_starts::extent(&chunk.text[at..], &self.head),
        };
        match extent {
            Extent::Complete(length) => {
                self.scan_budget = self.scan_budget.saturating_sub(length);
                self.documents += 1;
                let mended = damaged::mend(&chunk.text[at..at + length]);
                if !chunk.read_copy(shape, &mended, at) {
                    chunk.salvage(shape, at, at + length);
                    chunk.sink.malformed(shape.name(), chunk.offset(fault), reason);
                }
                Step::To(at + length)
            }
            Extent::Unfinished(_) if !chunk.ended => {
                self.scan_budget = self.scan_budget.saturating_sub(chunk.text.len() - at);
                Step::NeedMore
            }
            Extent::Unfinished(None) => {
                self.scan_budget = self.scan_budget.saturating_sub(chunk.text.len() - at);
                let line_end = memchr::memchr(b'\n', &chunk.text.as_bytes()[fault..]);
                chunk.salvage(shape, at, line_end.map_or(chunk.text.len(), |length| fault + length));
                self.bad(chunk, at, fault, reason)
            }
            Extent::Broken(length) | Extent::Unfinished(Some(length)) => {
                self.scan_budget = self.scan_budget.saturating_sub(length);
                chunk.salvage(shape, at, at + length);
                if at + length < before_line_feed(chunk.text, fault) {
                    return Step::To(self.leave_cut_line(chunk, at + length));
                }
                chunk.sink.malformed("JSON", chunk.offset(fault), reason);
                self.give_up();
                Step::To(at + length)
            }
        }
    }

    /// Leaves the value at `at` because of a fault, and everything around it, for the next line that begins a document. That
    /// may stand before the fault, if the line before it was cut where a value may follow.
    fn bad(&mut self, chunk: &mut Chunk<'_, '_, '_>, at: usize, fault: usize, reason: &str) -> Step {
        let fault = fault.max(at);
        if !chunk.can_look_ahead(fault) {
            return Step::NeedMore;
        }
        let line_end = before_line_feed(chunk.text, fault);
        match line_starts::end_of_cut_line(&chunk.text[at..], fault - at, &self.head) {
            Some(length) if at + length < line_end => Step::To(self.leave_cut_line(chunk, at + length)),
            _ => {
                chunk.sink.malformed("JSON", chunk.offset(fault), reason);
                self.give_up();
                Step::To(line_end)
            }
        }
    }

    /// Leaves the line that ends at `end`, and all that it began; the answer is where to go on.
    fn leave_cut_line(&mut self, chunk: &mut Chunk<'_, '_, '_>, end: usize) -> usize {
        chunk.sink.malformed("JSON", chunk.offset(end), CUT_LINE);
        self.give_up();
        end
    }
}

/// Whether `line` of a container's log is the first part of one that begins a document.
fn begins_partial_line(line: &[u8]) -> bool {
    opening::container_line(line).is_some_and(|part| part.is_partial && line.get(part.content) == Some(&b'{'))
}

fn is_first_of_line(bytes: &[u8], at: usize) -> bool {
    bytes[..at].ends_with(b"\n")
}

/// Where the line ends that is before `at` if a line begins there, and `at` otherwise: what could not go on with a line may
/// have read its line feed.
fn before_line_feed(text: &str, at: usize) -> usize {
    at - usize::from(is_first_of_line(text.as_bytes(), at))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::ingest::read::tests::{Collected, read_bytes};

    const TIMES: &str = r#""startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000000000000001""#;

    fn span(number: u8, more: &str) -> String {
        format!(r#"{{"traceId":"{number:032x}","spanId":"{number:016x}",{TIMES}{more}}}"#)
    }

    fn line(spans: &[String]) -> String {
        format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","))
    }

    /// Odd values cost at most themselves: no span, no error.
    #[test]
    fn odd_values_are_taken() {
        for (more, found) in [
            (r#","kind":"SPAN_KIND_SERVER""#, "kind: Server"),
            (r#","kind":"3""#, "kind: Client"),
            (r#","kind":3.0"#, "kind: Client"),
            (r#","kind":99,"links":null,"events":7,"flags":"x""#, "kind: Unspecified"),
            (r#","status":{"code":"STATUS_CODE_ERROR"}"#, "status: Error"),
            (r#","status":null,"name":null,"attributes":null"#, r#"name: """#),
            (r#","name":17,"name":"last""#, r#"name: "last""#),
            (r#","startTimeUnixNano":1.7e18"#, "start_unix_nano: 1700000000000000000"),
            (r#","startTimeUnixNano":{"low":1,"high":2}"#, "start_unix_nano: 8589934593"),
            (r#","startTimeUnixNano":{"low":-1,"high":{"low":{}}},"startTimeUnixNano":5"#, "start_unix_nano: 5"),
            (r#","start_time_unix_nano":7"#, "start_unix_nano: 7"),
            (r#","attributes":[{"key":"a","value":{"doubleValue":"NaN"}}]"#, "Double(NaN)"),
            (r#","attributes":[{"key":"a","value":{"doubleValue":null}}]"#, "Empty"),
            (r#","attributes":[{"key":"a","value":{"intValue":"9007199254740993"}}]"#, "Int(9007199254740993)"),
            (r#","attributes":[{"key":"a","value":{"intValue":1e300}}]"#, "Double(1e300)"),
            (r#","attributes":[{"key":"a","value":{"boolValue":"true"}}]"#, "Bool(true)"),
            (r#","attributes":[{"key":"a","value":{"stringValue":12}}]"#, r#"Str("12")"#),
            (r#","attributes":[{"key":"a","value":{"value":{"stringValue":"deep"}}}]"#, r#"Str("deep")"#),
            (r#","attributes":[{"key":"a","value":{"bytesValue":"_-8"}}]"#, "Bytes([255, 239])"),
            (r#","attributes":[{"key":"a","value":{"arrayValue":{}}}]"#, r#"Json("[]")"#),
            (
                r#","attributes":[{"key":"a","value":{"kvlistValue":{"values":[{"key":"b","value":{"intValue":1}}]}}}]"#,
                r#"Json("{\"b\":1}")"#,
            ),
            (
                r#","attributes":[7,null,{"value":{}},{"key":"a"},{"key":"b","value":[]}]"#,
                r#"key: "b", value: Json("[]")"#,
            ),
            (r#","attributes":{"a":"plain"}"#, r#"Str("plain")"#),
            (r#","name":NaN,"traceState":"a\x"#, "a\u{fffd}x"),
            (r#","name":"\ud83d!""#, "\u{fffd}!"),
        ] {
            let more = if more.ends_with("\\x") { format!("{more}\"") } else { more.to_owned() };
            let (collected, report) = read_bytes(line(&[span(1, &more)]).as_bytes());
            assert!(collected.spans.len() == 1 && collected.spans[0].contains(found), "{more}: {:?}", collected.spans);
            assert!(report.errors.is_empty() && report.skipped.total() == 0, "{more}: {report:?}");
        }
    }

    /// A bad span costs one span, a bad line one line, and both are told with their offsets.
    #[test]
    fn faults_cost_little() {
        let bad_spans = line(&[span(1, ""), "null".into(), "[]".into(), span(2, "")]);
        let cut_line = &line(&[span(3, ""), span(4, r#","name":"cut"#)])[..230];
        let wrong_bracket = line(&[span(5, ""), "{]}".into(), span(6, "")]);
        let good = line(&[span(7, "")]);
        let text = [bad_spans.as_str(), "no JSON", cut_line, &wrong_bracket, "{\"x\" 1}", &good].join("\n");
        let (collected, report) = read_bytes(text.as_bytes());
        let ids: Vec<&str> =
            collected.spans.iter().map(|span| &span[span.find("span_id: ").unwrap_or(0) + 24..][..1]).collect();
        assert_eq!(ids, ["1", "2", "3", "5", "7"]);
        let count = |reason| report.skipped.counts.get(&reason).copied().unwrap_or_default();
        assert_eq!(count(SkipReason::MalformedSpan), 2);
        assert_eq!(count(SkipReason::MalformedMessage), 4);
        assert_eq!(report.errors.len(), 4);
        let no_json = bad_spans.len() + 1;
        assert!(report.errors[0].to_string().contains(&format!("at byte {no_json} ")), "{}", report.errors[0]);
    }

    /// Offsets are those of the spans.
    #[test]
    fn offsets_point_to_spans() {
        let text = [line(&[span(1, ""), span(2, "")]), line(&[span(3, "")])].join("\n");
        let (collected, _) = read_bytes(text.as_bytes());
        for (number, offset) in (1..).zip(collected.offsets) {
            assert!(text[offset as usize..].starts_with(&span(number, "")), "{number} at {offset}");
        }
    }

    /// Nesting is no way to exhaust the stack, and costs the value that is nested.
    #[test]
    fn deep_nesting_costs_one_value() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let values = format!("{}1{}", r#"{"arrayValue":{"values":["#.repeat(10_000), "]}}".repeat(10_000));
        for more in [
            format!(r#","x":{deep}"#),
            format!(r#","name":{deep}"#),
            format!(r#","attributes":[{{"key":"a","value":{values}}}]"#),
            format!(r#","attributes":[{{"key":"a","value":{deep}}}]"#),
        ] {
            let (collected, report) = read_bytes(line(&[span(1, &more)]).as_bytes());
            assert_eq!(collected.spans.len(), 1, "{:?}", report.errors);
            assert!(report.errors.is_empty());
        }
        let (collected, _) = read_bytes(format!("{deep}\n{}", line(&[span(1, "")])).as_bytes());
        assert_eq!(collected.spans.len(), 1);
        let (_, report) = read_bytes("[".repeat(100_000).as_bytes());
        assert!(!report.errors.is_empty());
    }

    /// The key that tells what an object is may come after others, however long, and the resource after the spans.
    #[test]
    fn keys_come_in_any_order() {
        let long = "x".repeat(3 << 20);
        let text = format!(
            r#"{{"metrics":{{"a":["{long}"]}},"trace":{{"n":1,"resourceSpans":[{{"unknown":"{long}","scopeSpans":[{{"spans":[{}]}}],"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"shop"}}}}]}}}}]}}}}"#,
            span(1, "")
        );
        let (collected, report) = read_bytes(text.as_bytes());
        assert!(collected.spans[0].starts_with("shop: "), "{:?}", collected.spans);
        assert_eq!((report.skipped.total(), report.errors.len()), (0, 0), "{report:?}");
    }

    /// Lines of other signals are counted, also where nothing but the inner key tells them.
    #[test]
    fn other_signals_are_counted() {
        let text = [
            r#"{"resourceLogs":[{"scopeLogs":[]}]}"#,
            &line(&[span(1, "")]),
            r#"{"resource":{},"scopeMetrics":[{"metrics":[]}]}"#,
            "{}",
        ]
        .join("\n");
        let (collected, report) = read_bytes(text.as_bytes());
        assert_eq!(collected.spans.len(), 1);
        assert_eq!(report.skipped.counts.into_iter().collect::<Vec<_>>(), [(SkipReason::OtherSignal, 2)]);
    }

    /// Documents of any kind and size are read wherever the pieces of text that are taken at once end.
    #[test]
    fn documents_cross_the_ends_of_pieces() {
        let zipkin = |number: u64| {
            let tags = "x".repeat(900);
            format!(r#"{{"traceId":"{number:016x}","id":"1","timestamp":1700000000000000,"tags":{{"t":"{tags}"}}}}"#)
        };
        let jaeger = |number: u64| {
            let name = "x".repeat(900);
            format!(
                r#"{{"traceID":"{number:x}","spanID":"1","operationName":"{name}","startTime":1700000000000000,"processID":"p"}}"#
            )
        };
        let join = |document: &dyn Fn(u64) -> String, separator: &str| {
            (1..=3_000).map(document).collect::<Vec<String>>().join(separator)
        };
        let one_trace = format!(r#"{{"traceID":"1","spans":[{}],"processes":{{}}}}"#, join(&jaeger, ","));
        for text in [
            format!("[{}]", join(&zipkin, ",\n")),
            join(&zipkin, "\n"),
            join(&jaeger, ""),
            format!(r#"{{"data":[{}]}}"#, join(&jaeger, ", ")),
            format!(r#"{{"data":[{one_trace}]}}"#),
            one_trace,
        ] {
            let (collected, report) = read_bytes(text.as_bytes());
            let errors = &report.errors;
            assert_eq!((collected.spans.len(), errors.len()), (3_000, 0), "{} {errors:?}", &text[..60]);
        }
    }

    /// A document of each of some formats, with one span. Keys stand as their writers have them.
    fn documents(number: u8) -> Vec<String> {
        let (trace, span_id) = (format!("{number:032x}"), format!("{number:016x}"));
        vec![
            format!(
                r#"{{"resourceSpans":[{{"resource":{{"attributes":[]}},"scopeSpans":[{{"spans":[{}]}}]}}]}}"#,
                span(number, r#","attributes":[{"key":"a","value":{"stringValue":"b\n"}}]"#)
            ),
            format!(
                r#"{{"traceId":"{trace}","id":"{span_id}","name":"get","timestamp":1700000000000000,"annotations":[{{"timestamp":1700000000000001,"value":"ws"}}],"tags":{{"a":"b"}}}}"#
            ),
            format!(
                r#"{{"data":[{{"traceID":"{trace}","spans":[{{"traceID":"{trace}","spanID":"{span_id}","operationName":"get","references":[],"startTime":1700000000000000,"duration":7,"processID":"p1"}}],"processes":{{"p1":{{"serviceName":"shop","tags":[]}}}}}}]}}"#
            ),
            format!(
                r#"{{"name":"get","context":{{"trace_id":"0x{trace}","span_id":"0x{span_id}","trace_state":"[]"}},"kind":"SpanKind.SERVER","parent_id":null,"start_time":"2026-01-15T12:00:00.000000Z","end_time":"2026-01-15T12:00:00.050000Z","status":{{"status_code":"UNSET"}},"attributes":{{"tags":["a","b"]}},"events":[],"links":[],"resource":{{"attributes":{{"service.name":"shop"}},"schema_url":""}}}}"#
            ),
            format!(
                r#"{{"_index":"jaeger","_id":"1","_source":{{"traceID":"{trace}","spanID":"{span_id}","operationName":"get","references":[],"startTime":1700000000000000,"duration":7,"tags":[{{"key":"a","type":"string","value":"b"}}],"process":{{"serviceName":"shop","tags":[]}}}}}}"#
            ),
        ]
    }

    /// Compact, with white space behind separators, and pretty-printed.
    fn styles(document: &str) -> [String; 3] {
        let value: serde_json::Value = serde_json::from_str(document).expect("JSON");
        let pretty = serde_json::to_string_pretty(&value).expect("JSON");
        [document.to_owned(), document.replace("\":", "\": ").replace(",\"", ", \"").replace(",{", ", {"), pretty]
    }

    /// What is read of `text`, of which these documents are whole.
    fn assert_only_the_cut_one_is_lost(text: &str, whole: &[u8], about: &str) {
        let (collected, report) = read_bytes(text.as_bytes());
        let missing = whole.iter().find(|number| {
            let id = format!("{number:032x}");
            !collected.spans.iter().any(|span| span.contains(&id))
        });
        assert_eq!(missing, None, "{about}: {:?}\n{text}", report.errors);
        assert!(!report.errors.is_empty(), "{about}");
        assert_eq!(report.skipped.total(), 1, "{about}: {:?} {:?}\n{text}", report.skipped, report.errors);
    }

    /// Wherever a document is cut, those after it are read, be it one or more, and it is counted as one.
    #[test]
    fn a_cut_line_costs_itself() {
        for format in 0..documents(0).len() {
            for style in 0..3 {
                let document = |number: u8| styles(&documents(number)[format])[style].clone();
                let whole = document(2);
                let closers = whole.chars().rev().take_while(|character| matches!(character, '}' | ']' | ' ' | '\n'));
                // Within a word and within another one, a cut is the same.
                let is_in_word = |at: usize| whole.as_bytes()[at - 1..=at].iter().all(u8::is_ascii_alphanumeric);
                for length in (2..whole.len() - closers.count()).filter(|length| !is_in_word(*length)) {
                    for after in [&[3][..], &[3, 4]] {
                        let before = [document(1), whole[..length].to_owned()];
                        let text = before.into_iter().chain(after.iter().map(|&number| document(number)));
                        let text = text.collect::<Vec<_>>().join("\n");
                        let about = format!("format {format}, style {style}, cut at {length}, {} after", after.len());
                        assert_only_the_cut_one_is_lost(&text, &[&[1], after].concat(), &about);
                    }
                }
            }
        }
    }

    /// Where the pieces of text end that are taken at once changes nothing.
    #[test]
    fn a_cut_line_is_the_same_in_pieces() {
        let meter = crate::ingest::progress::Meter::new(&(), &Arc::default());
        let whole = &documents(2)[0];
        for length in (2..whole.len() - 8).step_by(5) {
            let text = [&documents(1)[0], &whole[..length], &documents(3)[0], &documents(4)[0]].join("\n");
            let read_in_pieces = |size: usize| {
                let mut collected = Collected::default();
                let mut sink = CountingSink::new(Path::new("test"), &mut collected, &meter);
                let mut walk = Walk::new(None);
                let (mut done, mut taken) = (0, 0);
                while taken < text.len() {
                    taken = text.len().min(taken + size);
                    let ended = taken == text.len();
                    let held = &mut zipkin::Held::default();
                    done += walk.advance(&text[done..taken], done as u64, ended, held, &mut sink);
                }
                let errors: Vec<String> = sink.tally.errors.iter().map(ToString::to_string).collect();
                (collected.spans, collected.skipped, errors)
            };
            let at_once = read_in_pieces(text.len());
            for size in [1, 7, 100] {
                assert_eq!(read_in_pieces(size), at_once, "cut at {length}, pieces of {size}");
            }
        }
    }

    /// Lines that a log wrote something before are such, too.
    #[test]
    fn a_cut_line_of_a_log_costs_itself() {
        let prefix = |line: &str| format!("2026-01-15T12:00:00.123456789Z stdout F {line}");
        let whole = &documents(2)[0];
        for length in 2..whole.len() - 8 {
            let lines = [&documents(1)[0], &whole[..length], &documents(3)[0], &documents(4)[0]].map(prefix);
            assert_only_the_cut_one_is_lost(&lines.join("\n"), &[1, 3, 4], &format!("cut at {length}"));
        }
    }
}
