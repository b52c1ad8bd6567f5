//! Reads messages that stand in frames.
//!
//! What a frame holds is told by its bytes, frame by frame: JSON or protobuf, either of them compressed on its own, as the
//! collector's `compression: zstd` writes it.

use super::framing::{Framing, Header, MAX_HEADER_BYTES};
use super::names::{OTLP_JSON, OTLP_PROTO};
use super::proto;
use crate::frame::SpanSink as _;
use crate::ingest::error::IngestError;
use crate::ingest::intake::Intake;
use crate::ingest::json;
use crate::ingest::json::opening::{looks_like_json, text_start};
use crate::ingest::source::byte_stream::ByteStream;
use crate::ingest::source::compression::{Compression, MAX_EXPANSION, decompress_slice};
use crate::ingest::source::limits::MAX_MESSAGE_BYTES;
use crate::ingest::zipkin::Held;
use crate::span::SkipReason;

/// How large a compressed message may become whatever its size.
const FREE_MESSAGE_BYTES: usize = 1 << 20;

/// Reads all messages of `stream`.
pub(crate) fn read_stream(stream: &mut ByteStream, framing: Framing, held: &mut Held, intake: &mut Intake<'_>) {
    while read_frame(stream, framing, held, intake) {}
}

/// Reads one message; `false` if none can follow.
fn read_frame(stream: &mut ByteStream, framing: Framing, held: &mut Held, intake: &mut Intake<'_>) -> bool {
    let start = stream.offset();
    let (bytes, length) = match framing.header(stream.fill(MAX_HEADER_BYTES)) {
        _ if stream.window().is_empty() => return false,
        Header::Frame { bytes, length } => (bytes, length),
        Header::Cut => {
            intake.truncated("a length", start);
            return false;
        }
        Header::Invalid => {
            intake.malformed("a length", start, "it is not one");
            return false;
        }
    };
    stream.advance(bytes);
    let Some(size) = usize::try_from(length).ok().filter(|size| *size <= MAX_MESSAGE_BYTES) else {
        intake.too_large(start, MAX_MESSAGE_BYTES);
        if !stream.skip(length) {
            intake.truncated("a message", start);
        }
        return true;
    };
    let offset = stream.offset();
    let window = stream.fill(size);
    let payload = &window[..size.min(window.len())];
    let available = payload.len();
    let payload_format = read_payload(payload, offset, held, intake);
    if available > 0 {
        intake.tally.format.get_or_insert(payload_format);
    }
    if available < size {
        intake.truncated("a message", start);
    }
    stream.advance(available);
    intake.tell_progress();
    true
}

/// Reads the message `payload`, which stands at `offset`.
fn read_payload(payload: &[u8], offset: u64, held: &mut Held, intake: &mut Intake<'_>) -> &'static str {
    let Some(compression) = Compression::of(payload) else {
        return read_message(payload, offset, true, held, intake);
    };
    let limit = payload.len().saturating_mul(MAX_EXPANSION as usize).clamp(FREE_MESSAGE_BYTES, MAX_MESSAGE_BYTES);
    let (message, ended) = decompress_slice(compression, payload, limit);
    let format = read_message(&message, offset, false, held, intake);
    if let Err(error) = ended {
        intake.skip(SkipReason::Truncated, offset);
        intake.fail(IngestError::Read { path: intake.path().to_owned(), offset, source: error });
    }
    format
}

fn read_message(message: &[u8], offset: u64, verbatim: bool, held: &mut Held, intake: &mut Intake<'_>) -> &'static str {
    if proto::looks_like_message(message) || !looks_like_json(text_start(message)) {
        proto::read_slice(message, offset, verbatim, intake);
        OTLP_PROTO
    } else {
        json::stream::read_slice(message, offset, verbatim, held, intake);
        OTLP_JSON
    }
}
