//! What an input is, told by its bytes once compression is taken off.

use super::arrow_ipc::is_arrow_ipc;
use super::json::opening::{log_prefix, logger_prefix, looks_like_json, looks_like_named_rows, text_start};
use super::otlp::framing::{Framing, recognise_damaged, recognise_framing};
use super::otlp::proto;
use super::parquet::file::footer;
use super::refused::{self, Refused};
use super::source::byte_stream::ByteStream;

/// How much of the content is looked at to recognise it.
const HEAD_BYTES: usize = 64 << 10;

/// How much of it is looked at for frames between which something is damaged.
const DAMAGED_HEAD_BYTES: usize = 1 << 20;

/// What the bytes are once they are decompressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Content {
    /// Nothing, or white space.
    Empty,
    /// A Parquet file.
    Parquet,
    /// JSON values one after the other.
    Json,
    /// One protobuf message.
    Proto,
    /// Messages, each with its length before it.
    Framed(Framing),
    /// Arrow IPC, a file or a stream.
    Arrow,
    /// A known kind of file that may hold spans and is not read.
    Refused(Refused),
    /// A known kind of file that holds no spans.
    NoTraces(Refused),
    /// Anything else.
    Unknown,
}

/// Tells what the stream holds without consuming it.
pub(crate) fn recognise(stream: &mut ByteStream) -> Content {
    pass_over_white_space(stream);
    let ended = stream.ended();
    let head = stream.window();
    let text = text_start(head);
    if text.is_empty() && ended {
        return Content::Empty;
    }
    if head.starts_with(footer::MAGIC) {
        return Content::Parquet;
    }
    if is_arrow_ipc(head) {
        return Content::Arrow;
    }
    if let Some(refused) = refused::bytes::of_magic(head) {
        return Content::Refused(refused);
    }
    let is_json = looks_like_json(text) || log_prefix(text).is_some() || looks_like_named_rows(text);
    // A message of OTLP begins with the byte of a line feed, as JSON may. White space alone is no start of one in which all
    // lengths fit, so that JSON behind it is none, however much like a message the line feeds look.
    let is_behind_white_space = is_json && text.len() > 1 && head[..head.len() - text.len()].is_ascii();
    if !is_behind_white_space && proto::looks_like_message(head) {
        return Content::Proto;
    }
    if is_json {
        return Content::Json;
    }
    if let Some(framing) = recognise_framing(head, ended) {
        return Content::Framed(framing);
    }
    if has_json_line(head) || has_printed_span(head) {
        return Content::Json;
    }
    if let Some(refused) = refused::bytes::of_text(head) {
        return Content::Refused(refused);
    }
    if let Some(markup) = refused::bytes::markup(head) {
        return Content::NoTraces(markup);
    }
    recognise_damaged(stream.fill(DAMAGED_HEAD_BYTES)).map_or(Content::Unknown, Content::Framed)
}

/// So much white space is left before what is behind it: a line feed may be the first byte of a message.
const KEPT_WHITE_SPACE: usize = 64;

/// Fills the window with what tells what the stream holds. White space that leaves no room for it is consumed: there may be
/// gigabytes.
fn pass_over_white_space(stream: &mut ByteStream) {
    while text_start(stream.fill(HEAD_BYTES)).is_empty() && !stream.ended() {
        stream.advance(stream.window().len() - KEPT_WHITE_SPACE);
    }
}

impl Content {
    /// What it is, for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => "nothing",
            Self::Parquet => "Parquet",
            Self::Json => "JSON",
            Self::Proto => "OTLP protobuf",
            Self::Framed(Framing::BigEndian32) => "messages with their lengths in 4 bytes",
            Self::Framed(Framing::Varint) => "messages with their lengths as varints",
            Self::Framed(Framing::Grpc) => "messages as captured from gRPC",
            Self::Arrow => "Arrow IPC",
            Self::Refused(refused) | Self::NoTraces(refused) => refused.what,
            Self::Unknown => "nothing known",
        }
    }
}

/// Whether an OTLP JSON line follows a first line that is none, as where the start of a file was cut off, or stands behind
/// what a logger wrote.
fn has_json_line(head: &[u8]) -> bool {
    memchr::memmem::find(head, b"\n{\"resourceSpans\"").is_some()
        || head.split(|&byte| byte == b'\n').any(|line| logger_prefix(line).is_some())
}

/// Whether a span that an SDK printed follows lines of something else: what a program printed before.
fn has_printed_span(head: &[u8]) -> bool {
    let has = |text: &str| memchr::memmem::find(head, text.as_bytes()).is_some();
    has("\n{") && (has("\"SpanContext\":") || has("\"context\":") && has("\"parent_id\":"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content_of(bytes: &[u8]) -> Content {
        recognise(&mut ByteStream::new(std::io::Cursor::new(bytes.to_vec())))
    }

    /// However much white space stands before it, and whichever.
    #[test]
    fn json_may_stand_behind_white_space() {
        for space in ["\n", "\r\n", " ", "\t", "\n\n \r\n"] {
            for count in (0..40).chain([HEAD_BYTES - 1, HEAD_BYTES, 3 * HEAD_BYTES]) {
                for json in ["{\"resourceSpans\":[]}", "[\n {\"traceId\":\"1\"}]", "2026-01-15T12:00:00Z {\"a\":1}"] {
                    assert_eq!(content_of((space.repeat(count) + json).as_bytes()), Content::Json, "{count} {space:?}");
                }
                assert_eq!(content_of(space.repeat(count).as_bytes()), Content::Empty, "{count} {space:?}");
            }
        }
        let message = b"\x0a\x0a\x12\x08\x12\x06\x0a\x04\x01\x02\x03\x04";
        assert_eq!(content_of(message), Content::Proto);
        assert_eq!(content_of(&[&b"\n".repeat(2 * HEAD_BYTES)[..], message].concat()), Content::Proto);
    }
}
