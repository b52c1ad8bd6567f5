//! Arrow IPC, files and streams: copied to a temporary Parquet file, so that tables of spans are read through the same code
//! whichever of the two they come in.
//!
//! One message that is damaged costs itself, and an end is no reason to stop: several streams may be joined, and zeros where a message
//! should begin look like one. So what stands behind is looked through for the next message, and a footer tells how many there were.

mod messages;

use std::fs::File;
use std::io::{self, Seek as _};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, FieldRef, IntervalUnit, Schema, SchemaRef};
use arrow::ipc::MessageHeader;
use arrow::ipc::reader::StreamDecoder;
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use crate::ingest::error::IngestError;
use crate::ingest::parquet::file::guard::guarded;
use crate::ingest::source::byte_stream::ByteStream;
use crate::ingest::source::limits::MAX_MESSAGE_BYTES;
use crate::ingest::tally::Tally;
use crate::span::SkipReason;
pub(crate) use messages::is_arrow_ipc;
use messages::{
    Behind, END_OF_STREAM, Next, begins_file, behind_end, header_of, is_in_proportion, next_message, pass_file_magic,
    schema_without_length,
};

/// The format, as `run.json` names it.
pub(crate) const ARROW_IPC: &str = "arrow_ipc";

/// Older streams end with four zeros, which may be filled up to eight.
const ZEROS_OF_END: u64 = 4;

/// So few bytes behind an end may be anything, such as the end of a line.
const LONGEST_FILLING: u64 = 8;

/// Of so many rows a row group of the temporary file has at most; so many bytes of it are held.
const ROW_GROUP_ROWS: usize = 128 << 10;
const MAX_HELD_BYTES: usize = 64 << 20;

/// A table as Parquet, and what was lost of it.
pub(crate) struct Copied {
    pub(crate) file: File,
    pub(crate) lost: Tally,
}

/// Copies the table in `stream`, which is the input `path`.
pub(crate) fn to_parquet(stream: &mut ByteStream, path: &Path) -> Result<Copied, IngestError> {
    let is_file = begins_file(stream);
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
                copy.count_missing(&behind, offset);
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
        pass_file_magic(stream);
        let offset = stream.offset();
        match schema_without_length(stream) {
            Some(schema) => self.take(&schema, offset),
            None => Ok(()),
        }
    }

    /// Counts the batches that a footer behind an end at `offset` tells of and that are not there.
    fn count_missing(&mut self, behind: &Behind, offset: u64) {
        if let Some(batches) = behind.batches_of_footer()
            && batches > self.batches
        {
            let missing = batches - self.batches;
            self.lose(offset, format!("of {batches} batches that the file's footer tells of {missing} are not there"));
        }
    }

    /// Whether there is another message behind an end that was read at `offset`; counts what is missing between.
    fn goes_on(&mut self, behind: &Behind, is_marked: bool, offset: u64) -> bool {
        if behind.is_message {
            if !behind.is_schema {
                self.batches += 1;
                self.lose(offset, "it begins with zeros".to_owned());
            }
            return true;
        }
        // A file of which the footer alone is damaged has lost nothing.
        let has_footer = behind.ends_file() || (is_marked && self.is_file);
        if !is_marked && behind.passed > ZEROS_OF_END && !behind.has_others_than_zeros {
            self.lost.skipped.add(SkipReason::Truncated, offset);
            let path = self.path.to_owned();
            self.lost.fail(IngestError::Truncated { path, offset, what: "an Arrow message" });
        } else if behind.has_others_than_zeros && behind.passed > LONGEST_FILLING && !has_footer {
            self.lose(offset, "behind an end stands what is none".to_owned());
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
