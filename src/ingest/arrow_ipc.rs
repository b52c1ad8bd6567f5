//! Arrow IPC, files and streams: copied to a temporary Parquet file, so that tables of spans are read through the same code
//! whichever of the two they come in.
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
//! A message is looked at before it is decoded: lengths written in it never decide how much memory is taken. One that is
//! damaged costs itself. An end is no reason to stop: several streams may be joined, and zeros where a message should begin look
//! like one. So what stands behind is looked through for the next message, and a footer tells how many there were.

use std::fs::File;
use std::io::{self, Seek as _};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, FieldRef, IntervalUnit, Schema, SchemaRef};
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::{MessageHeader, root_as_footer, root_as_message};
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use crate::ingest::error::IngestError;
use crate::ingest::parquet::file::guard::guarded;
use crate::ingest::source::byte_stream::ByteStream;
use crate::ingest::source::compression::MAX_EXPANSION;
use crate::ingest::source::limits::MAX_MESSAGE_BYTES;
use crate::ingest::tally::Tally;
use crate::span::SkipReason;

/// The format, as `run.json` names it.
pub(crate) const ARROW_IPC: &str = "arrow_ipc";

const FILE_MAGIC: &[u8] = b"ARROW1\0\0";
const FILE_END: &[u8] = b"ARROW1";
const JOINED_FILES: &[u8] = b"ARROW1ARROW1\0\0";
const MAX_ALIGNMENT: u64 = 64;
const CONTINUATION: [u8; 4] = [0xff; 4];
const END_OF_STREAM: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// The metadata of a message describe columns, not rows.
const MAX_METADATA_BYTES: usize = 64 << 20;

/// So many bytes the columns of a batch may have however few they are compressed to: those of a batch without a value.
const FREE_BYTES: u64 = 64 << 20;

/// Of so many rows a row group of the temporary file has at most; so many bytes of it are held.
const ROW_GROUP_ROWS: usize = 128 << 10;
const MAX_HELD_BYTES: usize = 64 << 20;

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

/// A table as Parquet, and what was lost of it.
pub(crate) struct Copied {
    pub(crate) file: File,
    pub(crate) lost: Tally,
}

/// Copies the table in `stream`, which is the input `path`.
pub(crate) fn to_parquet(stream: &mut ByteStream, path: &Path) -> Result<Copied, IngestError> {
    let is_file = stream.fill(FILE_MAGIC.len()).starts_with(FILE_MAGIC);
    let mut copy = Copy {
        path,
        is_file,
        decoder: Decoder::default(),
        batches: 0,
        copied: None,
        writer: None,
        lost: Tally::default(),
    };
    copy.begin(stream)?;
    loop {
        let offset = stream.offset();
        match next_message(stream) {
            Next::Message(message) => copy.take(&message, offset)?,
            Next::Over => break,
            Next::End { is_marked } => {
                let behind = behind_end(stream);
                if behind.is_file {
                    copy.begin(stream)?;
                } else if !copy.goes_on(&behind, is_marked, offset) {
                    break;
                }
            }
            Next::Truncated => {
                copy.lost.skipped.add(SkipReason::Truncated, offset);
                copy.lost.fail(IngestError::Truncated { path: path.to_owned(), offset, what: "an Arrow message" });
                break;
            }
            Next::TooLarge => {
                copy.lost.skipped.add(SkipReason::MalformedMessage, offset);
                let limit = MAX_MESSAGE_BYTES as u64;
                copy.lost.fail(IngestError::TooLarge { path: path.to_owned(), offset, limit });
                break;
            }
            Next::Damaged(reason) => {
                copy.lose(offset, reason.to_owned());
                break;
            }
        }
    }
    copy.end()
}

/// The schema in front of a file's other messages, as the message that it should be, where its length is not said: Polars leaves it
/// out, and readers of files find the schema once more behind everything. It ends where the next message begins.
fn schema_without_length(stream: &mut ByteStream) -> Option<Vec<u8>> {
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
enum Next {
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

fn next_message(stream: &mut ByteStream) -> Next {
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

/// So few bytes behind an end may be anything, such as the end of a line.
const LONGEST_FILLING: u64 = 8;

/// What stands behind the end of a stream.
#[derive(Default)]
struct Behind {
    /// Whether the stream is now where another message begins.
    is_message: bool,
    /// Whether that is a schema, with which a table begins.
    is_schema: bool,
    /// Whether a file begins there, which tells it before its schema.
    is_file: bool,
    /// The last bytes that were passed over.
    tail: Vec<u8>,
    /// How many these were in all, and whether all of them are zero.
    passed: u64,
    has_others_than_zeros: bool,
}

impl Behind {
    fn pass(&mut self, bytes: &[u8]) {
        self.passed += bytes.len() as u64;
        self.has_others_than_zeros |= bytes.iter().any(|&byte| byte != 0);
        self.tail.extend_from_slice(bytes);
        let surplus = self.tail.len().saturating_sub(LOOKED_THROUGH);
        self.tail.drain(..surplus);
    }

    /// How many batches a footer at the end says that there are.
    fn batches_of_footer(&self) -> Option<usize> {
        let footer = self.tail.strip_suffix(FILE_END)?;
        let (footer, length) = footer.split_last_chunk::<4>()?;
        let start = footer.len().checked_sub(u32::from_le_bytes(*length) as usize)?;
        Some(root_as_footer(&footer[start..]).ok()?.recordBatches().map_or(0, |batches| batches.len()))
    }
}

/// Goes on to the next message, or to the end if there is none.
fn behind_end(stream: &mut ByteStream) -> Behind {
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

/// The metadata of a whole message.
fn header_of(message: &[u8]) -> Option<MessageHeader> {
    let prefix = if message.starts_with(&CONTINUATION) { 8 } else { 4 };
    let length = u32::from_le_bytes(*message[prefix - 4..].first_chunk::<4>()?) as usize;
    Some(root_as_message(message.get(prefix..prefix + length)?).ok()?.header_type())
}

/// Whether Parquet has a column for values of a type.
fn has_column(data_type: &DataType) -> bool {
    match data_type {
        DataType::Interval(IntervalUnit::MonthDayNano) | DataType::Union(_, _) | DataType::FixedSizeBinary(0) => false,
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => *scale >= 0,
        DataType::Struct(fields) => !fields.is_empty() && fields.iter().all(|field| has_column(field.data_type())),
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => has_column(field.data_type()),
        DataType::Dictionary(_, values) => has_column(values),
        _ => true,
    }
}

/// The columns of a batch that are copied, in their order; `None` if it has others, as a batch of another table may.
fn with_columns(batch: &RecordBatch, copied: &SchemaRef) -> Option<RecordBatch> {
    let schema = batch.schema();
    let place_of = |field: &FieldRef| {
        let (place, own) = schema.column_with_name(field.name())?;
        (own.data_type() == field.data_type()).then_some(place)
    };
    let places: Vec<usize> = copied.fields().iter().map(place_of).collect::<Option<_>>()?;
    let own = schema.fields().iter().filter(|field| has_column(field.data_type())).count();
    let columns = places.iter().map(|&place| Arc::clone(batch.column(place))).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    (own == places.len())
        .then(|| RecordBatch::try_new_with_options(Arc::clone(copied), columns, &options).ok())
        .flatten()
}

/// Whether what is compressed in a message, and the rows that it has, are in proportion to its size.
fn is_in_proportion(message: &[u8]) -> bool {
    let prefix = if message.starts_with(&CONTINUATION) { 8 } else { 4 };
    let Some(length) = message[prefix - 4..].first_chunk::<4>() else { return false };
    let start = prefix + u32::from_le_bytes(*length) as usize;
    let Some(Ok(root)) = message.get(prefix..start).map(root_as_message) else { return false };
    let body = &message[start..];
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

/// Decodes messages, and goes on after one that it cannot decode.
#[derive(Default)]
struct Decoder {
    decoder: StreamDecoder,
    /// The schema and the dictionaries so far, for the next decoder.
    needed: Vec<Buffer>,
}

impl Decoder {
    fn decode(&mut self, message: &[u8]) -> Result<Option<RecordBatch>, ParquetError> {
        let buffer = Buffer::from_slice_ref(message);
        let decoder = &mut self.decoder;
        match guarded(|| Ok(decoder.decode(&mut buffer.clone())?)) {
            Ok(Some(batch)) => Ok(Some(batch)),
            Ok(None) => {
                self.needed.push(buffer);
                Ok(None)
            }
            Err(error) => {
                self.decoder = StreamDecoder::new();
                for buffer in &self.needed {
                    let decoder = &mut self.decoder;
                    guarded(|| Ok(decoder.decode(&mut buffer.clone())?))?;
                }
                Err(error)
            }
        }
    }
}

struct Copy<'a> {
    path: &'a Path,
    /// Whether it began as files do, which end with a footer.
    is_file: bool,
    decoder: Decoder,
    /// Batches of the stream so far, whether they could be read or not.
    batches: usize,
    /// The columns that are copied.
    copied: Option<SchemaRef>,
    writer: Option<ArrowWriter<File>>,
    lost: Tally,
}

impl Copy<'_> {
    /// Reads the beginning of a file, or of a stream, which has none.
    fn begin(&mut self, stream: &mut ByteStream) -> Result<(), IngestError> {
        let start = stream.offset();
        if stream.fill(FILE_MAGIC.len()).starts_with(FILE_MAGIC) {
            stream.advance(FILE_MAGIC.len());
            // Writers may fill up to 64 bytes, so that what follows is aligned.
            while stream.offset() - start < MAX_ALIGNMENT && stream.fill(8).starts_with(&[0; 8]) {
                stream.advance(8);
            }
        }
        let offset = stream.offset();
        match schema_without_length(stream) {
            Some(schema) => self.take(&schema, offset),
            None => Ok(()),
        }
    }

    /// Counts what is missing where an end was read at `offset`, with what is behind it. Whether there is another message.
    fn goes_on(&mut self, behind: &Behind, is_marked: bool, offset: u64) -> bool {
        if behind.is_message {
            if !behind.is_schema {
                self.batches += 1;
                self.lose(offset, "it begins with zeros".to_owned());
            }
            return true;
        }
        match behind.batches_of_footer() {
            Some(batches) if batches > self.batches => {
                let missing = batches - self.batches;
                let reason = format!("of {batches} batches that the file's footer tells of {missing} are not there");
                self.lose(offset, reason);
            }
            Some(_) => {}
            // Older streams end with four zeros, which may be filled up to eight bytes.
            None if !is_marked && behind.passed > 4 && !behind.has_others_than_zeros => {
                self.lost.skipped.add(SkipReason::Truncated, offset);
                let path = self.path.to_owned();
                self.lost.fail(IngestError::Truncated { path, offset, what: "an Arrow message" });
            }
            // A file of which the footer alone is damaged has lost nothing.
            None if behind.has_others_than_zeros
                && behind.passed > LONGEST_FILLING
                && !(is_marked && self.is_file)
                && !behind.tail.ends_with(FILE_END) =>
            {
                self.lose(offset, "behind an end stands what is none".to_owned());
            }
            None => {}
        }
        false
    }

    fn take(&mut self, message: &[u8], offset: u64) -> Result<(), IngestError> {
        match header_of(message) {
            // Another stream, which has dictionaries of its own.
            Some(MessageHeader::Schema) => (self.decoder, self.batches) = (Decoder::default(), 0),
            Some(MessageHeader::RecordBatch) => self.batches += 1,
            _ => {}
        }
        if !is_in_proportion(message) {
            self.lose(offset, "its columns are out of all proportion to its size".to_owned());
            return Ok(());
        }
        match self.decoder.decode(message) {
            Ok(None) => Ok(()),
            Ok(Some(batch)) => self.write(&batch, offset),
            Err(error) => {
                self.lose(offset, error.to_string());
                Ok(())
            }
        }
    }

    fn write(&mut self, batch: &RecordBatch, offset: u64) -> Result<(), IngestError> {
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => self.open(batch.schema())?,
        };
        let Some(batch) = self.copied.as_ref().and_then(|copied| with_columns(batch, copied)) else {
            self.writer = Some(writer);
            self.lose(offset, "its columns are not those of the table before it".to_owned());
            return Ok(());
        };
        let written = guarded(|| {
            writer.write(&batch)?;
            if writer.in_progress_size() > MAX_HELD_BYTES { writer.flush() } else { Ok(()) }
        });
        match written {
            Ok(()) => self.writer = Some(writer),
            Err(ParquetError::External(source)) => return Err(self.cannot_copy(io::Error::other(source))),
            Err(error) => {
                self.lose(offset, error.to_string());
                self.writer = Some(writer);
            }
        }
        Ok(())
    }

    fn open(&mut self, schema: SchemaRef) -> Result<ArrowWriter<File>, IngestError> {
        let file = tempfile::tempfile().map_err(|source| self.cannot_copy(source))?;
        // Another stream behind this one may have nulls where it has none.
        let fields = schema.fields().iter().filter(|field| has_column(field.data_type()));
        let fields: Vec<FieldRef> = fields.map(|field| Arc::new(field.as_ref().clone().with_nullable(true))).collect();
        let copied = SchemaRef::new(Schema::new(fields));
        self.copied = Some(Arc::clone(&copied));
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(ROW_GROUP_ROWS)).build();
        guarded(|| ArrowWriter::try_new(file, copied, Some(properties))).map_err(|error| IngestError::Unsupported {
            path: self.path.to_owned(),
            what: format!("an Arrow file with columns that cannot be read ({error})"),
            advice: "leave these columns out, or write the table as Parquet".to_owned(),
        })
    }

    fn cannot_copy(&self, source: io::Error) -> IngestError {
        IngestError::Copy { path: self.path.to_owned(), directory: tempfile::env::temp_dir(), source }
    }

    fn lose(&mut self, offset: u64, reason: String) {
        self.lost.skipped.add(SkipReason::MalformedMessage, offset);
        let path = self.path.to_owned();
        self.lost.fail(IngestError::Malformed { path, offset, what: "an Arrow message", reason });
    }

    fn end(mut self) -> Result<Copied, IngestError> {
        if self.writer.is_none() {
            // A schema is decoded when the next message comes.
            self.decoder.decode(&END_OF_STREAM).ok();
        }
        let writer = match (self.writer.take(), self.decoder.decoder.schema()) {
            (Some(writer), _) => writer,
            // A table without rows still has columns, which tell whether they are those of spans.
            (None, Some(schema)) => self.open(schema)?,
            (None, None) => {
                return Err(self.lost.errors.pop().unwrap_or_else(|| IngestError::Unsupported {
                    path: self.path.to_owned(),
                    what: "Arrow IPC without a schema".to_owned(),
                    advice: "write the file again, or as Parquet".to_owned(),
                }));
            }
        };
        let file = guarded(|| writer.into_inner()).and_then(|mut file| {
            file.rewind()?;
            Ok(file)
        });
        match file {
            Ok(file) => Ok(Copied { file, lost: self.lost }),
            Err(error) => Err(self.cannot_copy(io::Error::other(error))),
        }
    }
}
