//! Reads messages that stand in frames.
//!
//! What a frame holds is told by its bytes, frame by frame: JSON or protobuf, either of them compressed on its own, as the
//! collector's `compression: zstd` writes it.
//!
//! A length that is wrong, or bytes that are missing, would make nonsense of all lengths behind them. So a frame is believed
//! only if what follows it is a frame, too, or if its message is whole; else the next one that is is looked for, and what
//! stands before it is told of as one damage.
//!
//! ```text
//! |frame|frame|frame ~~hole~~ ame|frame|frame|
//!             \__ damaged: its __/\_ whole: reading goes on
//!                start is read
//! ```

use std::ops::Range;

use super::json_stream;
use crate::frame::SpanSink as _;
use crate::ingest::counting_sink::CountingSink;
use crate::ingest::error::IngestError;
use crate::ingest::json::opening::{looks_like_json, text_start};
use crate::ingest::otlp::framing::{FrameHeader, Framing, LOOKED_AT_BYTES, leading_zeros, looks_like_payload};
use crate::ingest::otlp::names::{OTLP_JSON, OTLP_PROTO};
use crate::ingest::otlp::proto;
use crate::ingest::otlp::whole_message::{Effort, is_whole_message};
use crate::ingest::source::byte_stream::ByteStream;
use crate::ingest::source::compression::{Compression, MAX_EXPANSION, decompress_slice};
use crate::ingest::source::limits::MAX_MESSAGE_BYTES;
use crate::ingest::zipkin::Held;
use crate::span::SkipReason;

/// How large a compressed message may become whatever its size.
const FREE_MESSAGE_BYTES: usize = 1 << 20;

/// A message behind damage is found if it is no larger.
const MAX_FOUND_BYTES: usize = 16 << 20;

/// How much is searched at once.
const SEARCHED_BYTES: usize = 2 * MAX_FOUND_BYTES;

/// Reads all messages of `stream`.
pub(crate) fn read_stream(stream: &mut ByteStream, framing: Framing, held: &mut Held, sink: &mut CountingSink<'_>) {
    let mut effort = Effort::default();
    loop {
        skip_empty(stream, framing, u64::MAX);
        if !read_frame(stream, framing, held, &mut effort, sink) {
            return;
        }
    }
}

/// How many bytes are looked at together for empty frames.
const EMPTY_BYTES: usize = 64 << 10;

/// Passes over frames without anything in them, together: all their bytes are 0. The answer is whether there were none but
/// those within `limit` bytes.
pub(crate) fn skip_empty(stream: &mut ByteStream, framing: Framing, limit: u64) -> bool {
    let end = stream.offset().saturating_add(limit);
    let header = framing.empty_frame_bytes();
    // Streams that have none are not to be read ahead for it.
    while leading_zeros(stream.fill(header)) >= header {
        let zeros = leading_zeros(stream.fill(EMPTY_BYTES));
        stream.advance(zeros - zeros % header);
        if stream.offset() >= end {
            return true;
        }
    }
    false
}

/// Where in the window the message stands whose frame begins at `at` in it, if the frame can be believed. It is all there
/// then.
pub(crate) fn believed_frame(
    stream: &mut ByteStream,
    framing: Framing,
    at: usize,
    effort: &mut Effort,
) -> Option<Range<usize>> {
    let head = &stream.fill(at + LOOKED_AT_BYTES)[at..];
    let FrameHeader::Frame { bytes, length } = framing.header(head) else {
        return None;
    };
    let size = usize::try_from(length).ok().filter(|size| *size <= MAX_MESSAGE_BYTES)?;
    let payload = at + bytes..at + bytes + size;
    if size == 0 {
        return Some(payload);
    }
    let has_looks = looks_like_payload(&head[bytes..][..size.min(head.len() - bytes)]);
    // What does not look like a message is not worth a gigabyte of memory, and where any byte is a length, it is no frame.
    if !has_looks && (size > SEARCHED_BYTES || framing == Framing::Varint) {
        return None;
    }
    let window = stream.fill(payload.end + LOOKED_AT_BYTES);
    let message = window.get(payload.clone())?;
    let is_believed = framing.goes_on(&window[payload.end..]) || has_looks && is_whole_message(message, effort);
    is_believed.then_some(payload)
}

/// Reads one message, or what is damaged up to the next one; `false` if none can follow.
pub(crate) fn read_frame(
    stream: &mut ByteStream,
    framing: Framing,
    held: &mut Held,
    effort: &mut Effort,
    sink: &mut CountingSink<'_>,
) -> bool {
    let start = stream.offset();
    effort.passed(start);
    let Some(payload) = believed_frame(stream, framing, 0, effort) else {
        return read_damaged(stream, framing, held, effort, sink);
    };
    let message = &stream.window()[payload.clone()];
    let format = read_payload(message, start + payload.start as u64, held, sink);
    if !message.is_empty() {
        sink.tally.format.get_or_insert(format);
    }
    stream.advance(payload.end);
    sink.tell_progress();
    true
}

/// Reads what is readable of a frame that cannot be believed, and passes over what follows up to one that is whole; `false`
/// if there is none.
fn read_damaged(
    stream: &mut ByteStream,
    framing: Framing,
    held: &mut Held,
    effort: &mut Effort,
    sink: &mut CountingSink<'_>,
) -> bool {
    let start = stream.offset();
    let head = stream.fill(LOOKED_AT_BYTES);
    let (bytes, length) = match framing.header(head) {
        _ if head.is_empty() => return false,
        FrameHeader::Frame { bytes, length } => (bytes, length),
        FrameHeader::Cut => {
            sink.truncated("a length", start);
            stream.advance(stream.window().len());
            return false;
        }
        FrameHeader::Invalid => (0, 0),
    };
    let end = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(bytes);
    let has_looks = looks_like_payload(&head[bytes..end.min(head.len())]);
    if has_looks && length > MAX_MESSAGE_BYTES as u64 {
        sink.too_large(start, MAX_MESSAGE_BYTES);
        stream.advance(bytes);
        if !stream.skip(length) {
            sink.truncated("a message", start);
        }
        return true;
    }
    stream.fill(SEARCHED_BYTES);
    let window = stream.window();
    let found = framing.find_whole(window, 1, effort);
    let is_cut = found.is_none() && stream.ended() && end > window.len();
    let readable = window.get(bytes..end.min(found.unwrap_or(window.len()))).filter(|_| has_looks);
    let mut read = |sink: &mut CountingSink<'_>| {
        if let Some(readable) = readable {
            let format = read_payload(readable, start + bytes as u64, held, sink);
            sink.tally.format.get_or_insert(format);
        }
    };
    if is_cut {
        read(sink);
        sink.truncated("a message", start);
        stream.advance(stream.window().len());
        return false;
    }
    sink.salvage(read);
    let goes_on = match found {
        Some(at) => {
            stream.advance(at);
            true
        }
        None => pass_to_whole_frame(stream, framing, effort),
    };
    let reason = match goes_on {
        true => format!("it is damaged, and the next whole one begins at byte {}", stream.offset()),
        false => "it is damaged, and no whole one follows".to_owned(),
    };
    sink.malformed("a message", start, reason);
    sink.tell_progress();
    goes_on
}

/// Passes over the window, where no whole frame begins, and all that follows up to one; `false` if there is none.
fn pass_to_whole_frame(stream: &mut ByteStream, framing: Framing, effort: &mut Effort) -> bool {
    loop {
        // What begins near the end of the window may end behind it.
        let kept = if stream.ended() { 0 } else { MAX_FOUND_BYTES };
        stream.advance(stream.window().len() - kept);
        effort.passed(stream.offset());
        if stream.fill(SEARCHED_BYTES).is_empty() {
            return false;
        }
        if let Some(at) = framing.find_whole(stream.window(), 0, effort) {
            stream.advance(at);
            return true;
        }
    }
}

/// Reads the message `payload`, which stands at `offset`.
fn read_payload(payload: &[u8], offset: u64, held: &mut Held, sink: &mut CountingSink<'_>) -> &'static str {
    let Some(compression) = Compression::of(payload) else {
        return read_message(payload, offset, true, held, sink);
    };
    let limit = payload.len().saturating_mul(MAX_EXPANSION as usize).clamp(FREE_MESSAGE_BYTES, MAX_MESSAGE_BYTES);
    let (message, ended) = decompress_slice(compression, payload, limit);
    let format = read_message(&message, offset, false, held, sink);
    if let Err(error) = ended {
        sink.skip(SkipReason::Truncated, offset);
        sink.fail(IngestError::Read { path: sink.path().to_owned(), offset, source: error });
    }
    format
}

fn read_message(
    message: &[u8],
    offset: u64,
    verbatim: bool,
    held: &mut Held,
    sink: &mut CountingSink<'_>,
) -> &'static str {
    if proto::looks_like_message(message) || !looks_like_json(text_start(message)) {
        proto::read_slice(message, offset, verbatim, sink);
        OTLP_PROTO
    } else {
        json_stream::read_slice(message, offset, verbatim, held, sink);
        OTLP_JSON
    }
}
