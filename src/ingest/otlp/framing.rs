//! Messages with a length before each: the collector's file exporter (4 bytes, big-endian), varint-delimited protobuf,
//! and captured gRPC streams (a flag byte, then 4 bytes, big-endian).
//!
//! What a frame holds is told by its bytes, frame by frame: JSON or protobuf, either of them compressed on its own, as the
//! collector's `compression: zstd` writes it.

use crate::frame::SpanSink as _;
use crate::span::SkipReason;

use super::proto;
use crate::ingest::error::IngestError;
use crate::ingest::intake::Intake;
use crate::ingest::json;
use crate::ingest::recognise::{Compression, MAX_EXPANSION, decompress_slice, looks_like_json, text_start};
use crate::ingest::source::byte_stream::ByteStream;

/// The largest message that is held in memory.
pub(crate) const MAX_MESSAGE_BYTES: usize = 1 << 30;

/// The names of the formats in `run.json`.
pub(crate) const OTLP_JSON: &str = "otlp_json";
pub(crate) const OTLP_PROTO: &str = "otlp_proto";

/// How large a compressed message may become whatever its size.
const FREE_MESSAGE_BYTES: usize = 1 << 20;

/// The most bytes that a length takes.
pub(crate) const MAX_HEADER_BYTES: usize = 10;

/// How many frames are looked at to recognise a framing.
const FRAMES_LOOKED_AT: usize = 64;

/// How messages are told apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Framing {
    /// 4 bytes of length, big-endian.
    BigEndian32,
    /// A varint of length.
    Varint,
    /// A flag byte and 4 bytes of length, big-endian.
    Grpc,
}

/// What stands before a message.
pub(crate) enum Header {
    /// So many bytes, and then a message of so many.
    Frame { bytes: usize, length: u64 },
    /// It is cut off.
    Cut,
    /// It is none.
    Invalid,
}

impl Framing {
    const ALL: [Self; 3] = [Self::BigEndian32, Self::Grpc, Self::Varint];

    /// What `bytes` begin with.
    pub(crate) fn header(self, bytes: &[u8]) -> Header {
        let big_endian = |bytes: &[u8]| bytes.first_chunk().map(|bytes| u64::from(u32::from_be_bytes(*bytes)));
        match self {
            Self::BigEndian32 => big_endian(bytes).map_or(Header::Cut, |length| Header::Frame { bytes: 4, length }),
            Self::Grpc => match bytes.split_first() {
                None => Header::Cut,
                Some((0 | 1, rest)) => {
                    big_endian(rest).map_or(Header::Cut, |length| Header::Frame { bytes: 5, length })
                }
                Some(_) => Header::Invalid,
            },
            Self::Varint => {
                let mut rest = bytes;
                match prost::encoding::decode_varint(&mut rest) {
                    Ok(length) => Header::Frame { bytes: bytes.len() - rest.len(), length },
                    Err(_) if bytes.len() < 10 => Header::Cut,
                    Err(_) => Header::Invalid,
                }
            }
        }
    }

    /// Whether a file can begin with `head`, which is all of it if `ended`.
    fn fits(self, head: &[u8], ended: bool) -> bool {
        let mut rest = head;
        let mut messages = 0;
        for _ in 0..FRAMES_LOOKED_AT {
            if rest.is_empty() {
                break;
            }
            let (bytes, length) = match self.header(rest) {
                Header::Frame { bytes, length } => (bytes, length),
                Header::Cut => break,
                Header::Invalid => return false,
            };
            rest = &rest[bytes..];
            if length > 0 {
                if rest.is_empty() {
                    break;
                }
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                let payload = &rest[..length.min(rest.len())];
                if !looks_like_payload(payload) || length > MAX_MESSAGE_BYTES {
                    return false;
                }
                messages += 1;
                rest = &rest[payload.len()..];
            }
        }
        // Zero bytes alone are no file of empty messages.
        messages > 0 && (ended || !head.is_empty())
    }
}

fn looks_like_payload(payload: &[u8]) -> bool {
    Compression::of(payload).is_some() || looks_like_json(text_start(payload)) || proto::looks_like_message(payload)
}

/// The framing of a file that begins with `head`, which is all of it if `ended`.
pub(crate) fn recognise_framing(head: &[u8], ended: bool) -> Option<Framing> {
    Framing::ALL.into_iter().find(|framing| framing.fits(head, ended))
}

/// Reads all messages of `stream`.
pub(crate) fn read_stream(stream: &mut ByteStream, framing: Framing, intake: &mut Intake<'_>) {
    while read_frame(stream, framing, intake) {}
}

/// Reads one message; `false` if none can follow.
fn read_frame(stream: &mut ByteStream, framing: Framing, intake: &mut Intake<'_>) -> bool {
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
    let payload_format = read_payload(payload, offset, intake);
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
fn read_payload(payload: &[u8], offset: u64, intake: &mut Intake<'_>) -> &'static str {
    let Some(compression) = Compression::of(payload) else {
        return read_message(payload, offset, true, intake);
    };
    let limit = payload.len().saturating_mul(MAX_EXPANSION as usize).clamp(FREE_MESSAGE_BYTES, MAX_MESSAGE_BYTES);
    let (message, ended) = decompress_slice(compression, payload, limit);
    let format = read_message(&message, offset, false, intake);
    if let Err(error) = ended {
        intake.skip(SkipReason::Truncated, offset);
        intake.fail(IngestError::Read { path: intake.path().to_owned(), offset, source: error });
    }
    format
}

fn read_message(message: &[u8], offset: u64, verbatim: bool, intake: &mut Intake<'_>) -> &'static str {
    if proto::looks_like_message(message) || !looks_like_json(text_start(message)) {
        proto::read_slice(message, offset, verbatim, intake);
        OTLP_PROTO
    } else {
        json::stream::read_slice(message, offset, verbatim, intake);
        OTLP_JSON
    }
}
