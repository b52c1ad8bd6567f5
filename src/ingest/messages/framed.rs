//! Reads messages that stand in frames.
//!
//! What a frame holds is told by its bytes, frame by frame: JSON or protobuf, either of them compressed on its own, as the
//! collector's `compression: zstd` writes it.

use super::json_stream;
use crate::frame::SpanSink as _;
use crate::ingest::counting_sink::CountingSink;
use crate::ingest::error::IngestError;
use crate::ingest::json::opening::{looks_like_json, text_start};
use crate::ingest::otlp::framing::{FrameHeader, Framing, MAX_HEADER_BYTES, leading_zeros};
use crate::ingest::otlp::names::{OTLP_JSON, OTLP_PROTO};
use crate::ingest::otlp::proto;
use crate::ingest::source::byte_stream::ByteStream;
use crate::ingest::source::compression::{Compression, MAX_EXPANSION, decompress_slice};
use crate::ingest::source::limits::MAX_MESSAGE_BYTES;
use crate::ingest::zipkin::Held;
use crate::span::SkipReason;

/// How large a compressed message may become whatever its size.
const FREE_MESSAGE_BYTES: usize = 1 << 20;

/// Reads all messages of `stream`.
pub(crate) fn read_stream(stream: &mut ByteStream, framing: Framing, held: &mut Held, sink: &mut CountingSink<'_>) {
    loop {
        skip_empty(stream, framing, u64::MAX);
        if !read_frame(stream, framing, held, sink) {
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

/// Reads one message; `false` if none can follow.
fn read_frame(stream: &mut ByteStream, framing: Framing, held: &mut Held, sink: &mut CountingSink<'_>) -> bool {
    let start = stream.offset();
    let (bytes, length) = match framing.header(stream.fill(MAX_HEADER_BYTES)) {
        _ if stream.window().is_empty() => return false,
        FrameHeader::Frame { bytes, length } => (bytes, length),
        FrameHeader::Cut => {
            sink.truncated("a length", start);
            return false;
        }
        FrameHeader::Invalid => {
            sink.malformed("a length", start, "it is not one");
            return false;
        }
    };
    stream.advance(bytes);
    let Some(size) = usize::try_from(length).ok().filter(|size| *size <= MAX_MESSAGE_BYTES) else {
        sink.too_large(start, MAX_MESSAGE_BYTES);
        if !stream.skip(length) {
            sink.truncated("a message", start);
        }
        return true;
    };
    let offset = stream.offset();
    let window = stream.fill(size);
    let payload = &window[..size.min(window.len())];
    let available = payload.len();
    let payload_format = read_payload(payload, offset, held, sink);
    if available > 0 {
        sink.tally.format.get_or_insert(payload_format);
    }
    if available < size {
        sink.truncated("a message", start);
    }
    stream.advance(available);
    sink.tell_progress();
    true
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
