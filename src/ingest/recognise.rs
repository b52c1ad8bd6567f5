//! What an input is, told by its bytes once compression is taken off.

use super::arrow_ipc::is_arrow_ipc;
use super::json::opening::{log_prefix, looks_like_json, looks_like_named_rows, text_start};
use super::otlp::framing::{Framing, recognise_framing};
use super::otlp::proto;
use super::parquet::file::footer;
use super::refused::{self, Refused};
use super::source::byte_stream::ByteStream;

/// How much of the content is looked at to recognise it.
const HEAD_BYTES: usize = 64 << 10;

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
    stream.fill(HEAD_BYTES);
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
    // A message of OTLP begins with the byte of a line feed, which JSON may begin with: it must be looked at more closely first.
    if proto::looks_like_message(head) {
        return Content::Proto;
    }
    if looks_like_json(text) || log_prefix(text).is_some() || looks_like_named_rows(text) {
        return Content::Json;
    }
    match recognise_framing(head, ended) {
        Some(framing) => Content::Framed(framing),
        None if has_json_line(head) || has_printed_span(head) => Content::Json,
        None => {
            let refused = refused::bytes::of_text(head).map(Content::Refused);
            refused.or_else(|| refused::bytes::markup(head).map(Content::NoTraces)).unwrap_or(Content::Unknown)
        }
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

/// Whether an OTLP JSON line follows a first line that is none, as where the start of a file was cut off.
fn has_json_line(head: &[u8]) -> bool {
    memchr::memmem::find(head, b"\n{\"resourceSpans\"").is_some()
}

/// Whether a span that an SDK printed follows lines of something else: what a program printed before.
fn has_printed_span(head: &[u8]) -> bool {
    let has = |text: &str| memchr::memmem::find(head, text.as_bytes()).is_some();
    has("\n{") && (has("\"SpanContext\":") || has("\"context\":") && has("\"parent_id\":"))
}
