//! The messages of Arrow IPC, as they lie in files and streams.
//!
//! A file is a stream with eight bytes before it and a footer behind it, so both are read from start to end
//! (<https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc>):
//!
//! ```text
//! [ARROW1 00 …]  schema | dictionary or batch of rows | … | end of stream  [footer  ARROW1]
//!
//! message   ff ff ff ff | length of metadata (4 bytes) | metadata, which says the length of the body | body
//! ```
//!
//! A message is looked at before it is decoded: lengths written in it never decide how much memory is taken.

use arrow::ipc::{Message, MessageHeader, root_as_footer, root_as_message};

use crate::ingest::source::byte_stream::ByteStream;
use crate::ingest::source::compression::MAX_EXPANSION;
use crate::ingest::source::limits::MAX_MESSAGE_BYTES;

const FILE_MAGIC: &[u8] = b"ARROW1\0\0";
const FILE_END: &[u8] = b"ARROW1";
const JOINED_FILES: &[u8] = b"ARROW1ARROW1\0\0";
const MAX_ALIGNMENT: u64 = 64;
const CONTINUATION: [u8; 4] = [0xff; 4];
pub(super) const END_OF_STREAM: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// The metadata of a message describe columns, not rows.
const MAX_METADATA_BYTES: usize = 64 << 20;

/// So many bytes the columns of a batch may have however few they are compressed to: those of a batch without a value.
const FREE_BYTES: u64 = 64 << 20;

/// Whether `head` begins Arrow IPC.
pub(crate) fn is_arrow_ipc(head: &[u8]) -> bool {
    head.starts_with(FILE_MAGIC) || is_stream(head)
}

/// A stream begins with a message whose metadata are a table of flatbuffers, a few hundred bytes from its start.
fn is_stream(head: &[u8]) -> bool {
    let Some((CONTINUATION, rest)) = head.split_first_chunk::<4>().map(|(mark, rest)| (*mark, rest)) else {
        return false;
    };
    let Some((length, metadata)) = rest.split_first_chunk::<4>() else {
        return false;
    };
    let length = u32::from_le_bytes(*length) as usize;
    (8..=MAX_METADATA_BYTES).contains(&length)
        && length.is_multiple_of(8)
        && metadata.get(..length).is_none_or(|metadata| root_as_message(metadata).is_ok())
}

/// Whether a file begins here, which tells it before its schema.
pub(super) fn begins_file(stream: &mut ByteStream) -> bool {
    stream.fill(FILE_MAGIC.len()).starts_with(FILE_MAGIC)
}

/// Passes what a file begins with; streams have no such thing.
pub(super) fn pass_file_magic(stream: &mut ByteStream) {
    if begins_file(stream) {
        let start = stream.offset();
        stream.advance(FILE_MAGIC.len());
        // Writers may fill up to 64 bytes, so that what follows is aligned.
        while stream.offset() - start < MAX_ALIGNMENT && stream.fill(8).starts_with(&[0; 8]) {
            stream.advance(8);
        }
    }
}

/// The schema in front of a file's other messages, as the message that it should be, where its length is not said: Polars leaves it
/// out, and readers of files find the schema once more behind everything. It ends where the next message begins.
pub(super) fn schema_without_length(stream: &mut ByteStream) -> Option<Vec<u8>> {
    if stream.fill(4).starts_with(&CONTINUATION) {
        return None;
    }
    let mut looked_at = 1 << 12;
    let end = loop {
        let bytes = stream.fill(looked_at);
        // Messages begin at multiples of 8.
        if let Some(place) = bytes.chunks_exact(8).position(|chunk| chunk.starts_with(&CONTINUATION)) {
            break place * 8;
        }
        if bytes.len() < looked_at || looked_at >= MAX_METADATA_BYTES {
            return None;
        }
        looked_at *= 2;
    };
    let metadata = &stream.fill(end)[..end];
    root_as_message(metadata).ok()?.header_as_schema()?;
    let message = [&CONTINUATION[..], &u32::try_from(end).ok()?.to_le_bytes(), metadata].concat();
    stream.advance(end);
    Some(message)
}

/// The next message of a stream, whole.
pub(super) enum Next {
    Message(Vec<u8>),
    /// The end of a stream, which was read: a mark, or in older ones only zeros.
    End {
        is_marked: bool,
    },
    /// There is nothing more.
    Over,
    Truncated,
    TooLarge,
    /// Where the next one begins, nothing tells.
    Damaged(&'static str),
}

pub(super) fn next_message(stream: &mut ByteStream) -> Next {
    let head = stream.fill(8);
    // Before version 0.15 there was no mark before the length.
    let prefix = if head.starts_with(&CONTINUATION) { 8 } else { 4 };
    let Some(length) = head.get(prefix - 4..prefix).and_then(|length| length.first_chunk::<4>()) else {
        return if head.is_empty() { Next::Over } else { Next::Truncated };
    };
    let length = u32::from_le_bytes(*length) as usize;
    if length == 0 {
        stream.advance(prefix);
        return Next::End { is_marked: prefix == END_OF_STREAM.len() };
    }
    if length > MAX_METADATA_BYTES {
        return Next::Damaged("the length of a message is out of all proportion");
    }
    let start = prefix + length;
    let Some(metadata) = stream.fill(start).get(prefix..start) else {
        return Next::Truncated;
    };
    let Ok(message) = root_as_message(metadata) else {
        return Next::Damaged("the metadata of a message cannot be decoded");
    };
    let Some(end) = usize::try_from(message.bodyLength()).ok().and_then(|body| body.checked_add(start)) else {
        return Next::Damaged("a message has a negative length");
    };
    if end > MAX_MESSAGE_BYTES {
        return Next::TooLarge;
    }
    let Some(message) = stream.fill(end).get(..end).map(<[u8]>::to_vec) else {
        return Next::Truncated;
    };
    stream.advance(end);
    Next::Message(message)
}

/// So many bytes are looked through at once for the next message, whose metadata are no longer than what two pieces have in common.
const LOOKED_THROUGH: usize = 1 << 20;
const MAX_METADATA_FOUND: usize = 1 << 18;

/// What stands behind the end of a stream.
#[derive(Default)]
pub(super) struct Behind {
    /// Whether the stream is now where another message begins.
    pub(super) is_message: bool,
    /// Whether that is a schema, with which a table begins.
    pub(super) is_schema: bool,
    /// Whether a file begins there, which tells it before its schema.
    pub(super) is_file: bool,
    /// The last bytes that were passed over.
    tail: Vec<u8>,
    /// How many these were in all, and whether all of them are zero.
    pub(super) passed: u64,
    pub(super) has_others_than_zeros: bool,
}

impl Behind {
    fn pass(&mut self, bytes: &[u8]) {
        self.passed += bytes.len() as u64;
        self.has_others_than_zeros |= bytes.iter().any(|&byte| byte != 0);
        self.tail.extend_from_slice(bytes);
        let surplus = self.tail.len().saturating_sub(LOOKED_THROUGH);
        self.tail.drain(..surplus);
    }

    /// Whether it ends as files do.
    pub(super) fn ends_file(&self) -> bool {
        self.tail.ends_with(FILE_END)
    }

    /// How many batches a footer at the end says that there are.
    pub(super) fn batches_of_footer(&self) -> Option<usize> {
        let footer = self.tail.strip_suffix(FILE_END)?;
        let (footer, length) = footer.split_last_chunk::<4>()?;
        let start = footer.len().checked_sub(u32::from_le_bytes(*length) as usize)?;
        Some(root_as_footer(&footer[start..]).ok()?.recordBatches().map_or(0, |batches| batches.len()))
    }
}

/// Goes on to the next message, or to the end if there is none.
pub(super) fn behind_end(stream: &mut ByteStream) -> Behind {
    let mut behind = Behind::default();
    loop {
        let bytes = stream.fill(LOOKED_THROUGH);
        let found = message_in(bytes);
        let file = if behind.passed == 0 && bytes.starts_with(FILE_MAGIC) {
            Some(0)
        } else {
            // Behind the end of a file another begins.
            memchr::memmem::find(bytes, JOINED_FILES).map(|at| at + FILE_END.len())
        };
        if let Some(at) = file.filter(|&at| found.is_none_or(|(message, _)| at < message)) {
            behind.pass(&bytes[..at]);
            stream.advance(at);
            return Behind { is_file: true, ..behind };
        }
        let end = match found {
            Some((at, _)) => at,
            None if bytes.len() < LOOKED_THROUGH => bytes.len(),
            None => bytes.len() - MAX_METADATA_FOUND,
        };
        behind.pass(&bytes[..end]);
        let is_last = bytes.len() < LOOKED_THROUGH;
        stream.advance(end);
        if let Some((_, header)) = found {
            return Behind { is_message: true, is_schema: header == MessageHeader::Schema, ..behind };
        }
        if is_last {
            return behind;
        }
    }
}

/// Where the first message begins whose metadata are whole, and what it is.
fn message_in(bytes: &[u8]) -> Option<(usize, MessageHeader)> {
    let mut from = 0;
    while let Some(found) = memchr::memmem::find(&bytes[from..], &CONTINUATION) {
        let at = from + found;
        let header = || {
            let (length, metadata) = bytes[at + CONTINUATION.len()..].split_first_chunk::<4>()?;
            let length = u32::from_le_bytes(*length) as usize;
            let is_length = (8..=MAX_METADATA_FOUND).contains(&length) && length.is_multiple_of(8);
            let metadata = metadata.get(..length).filter(|_| is_length)?;
            Some(root_as_message(metadata).ok()?.header_type()).filter(|&header| header != MessageHeader::NONE)
        };
        if let Some(header) = header() {
            return Some((at, header));
        }
        from = at + 1;
    }
    None
}

/// The metadata and the body of a whole message.
fn parts_of(message: &[u8]) -> Option<(Message<'_>, &[u8])> {
    let prefix = if message.starts_with(&CONTINUATION) { 8 } else { 4 };
    let length = u32::from_le_bytes(*message[prefix - 4..].first_chunk::<4>()?) as usize;
    let (metadata, body) = message[prefix..].split_at_checked(length)?;
    Some((root_as_message(metadata).ok()?, body))
}

/// What a whole message is.
pub(super) fn header_of(message: &[u8]) -> Option<MessageHeader> {
    Some(parts_of(message)?.0.header_type())
}

/// Whether what is compressed in a message, and the rows that it has, are in proportion to its size.
pub(super) fn is_in_proportion(message: &[u8]) -> bool {
    let Some((root, body)) = parts_of(message) else { return false };
    let of_dictionary = root.header_as_dictionary_batch().and_then(|dictionary| dictionary.data());
    let Some(batch) = root.header_as_record_batch().or(of_dictionary) else { return true };
    let mut expanded = body.len() as u64;
    if batch.compression().is_some() {
        for buffer in batch.buffers().into_iter().flatten() {
            let (Ok(offset), Ok(length)) = (usize::try_from(buffer.offset()), u64::try_from(buffer.length())) else {
                return false;
            };
            let said = body.get(offset..).filter(|_| length > 0).and_then(<[u8]>::first_chunk::<8>);
            let said = said.map_or(0, |said| u64::try_from(i64::from_le_bytes(*said)).unwrap_or(0));
            expanded = expanded.saturating_add(said);
        }
    }
    // A column of equal values may be a few bytes: it is all columns together that must be in proportion.
    if expanded > (body.len() as u64).saturating_mul(MAX_EXPANSION).max(FREE_BYTES) {
        return false;
    }
    // No table of spans has rows of less than a byte.
    let rows = batch.length();
    let most = expanded.max(1 << 10);
    let is_of_rows = |rows: i64| u64::try_from(rows).is_ok_and(|rows| rows <= most.saturating_mul(8));
    expanded <= MAX_MESSAGE_BYTES as u64
        && is_of_rows(rows)
        && batch.nodes().into_iter().flatten().all(|node| is_of_rows(node.length()) && node.null_count() >= 0)
}
