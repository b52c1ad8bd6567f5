//! A column that is no list and in no struct, read page by page without a place for its nulls.
//!
//! Spans have dozens of attribute columns, and few spans have any one of them. Arrow gives each column an entry for each row;
//! here a thousand rows without a value are one step. What this reader does not know, Arrow's reader does.
//!
//! A data page of such a column, decompressed (<https://parquet.apache.org/docs/file-format/data-pages/>):
//!
//! ```text
//! version 1   length of levels (4 bytes) | definition levels | values
//! version 2   definition levels | values                                  the page's header has the length of levels
//!
//! rows        0  1  2  3  4  5
//! levels      1  0  0  1  1  0      one bit a row, since nothing is nested: whether it has a value
//! values      a        b  c         only those that there are, so the ones among the levels count them
//! ```
//!
//! A required column has values only. Values are plain, or indices into the column chunk's dictionary, here called keys;
//! the dictionary is a page of its own, before all data pages. A writer that finds it grow too large goes on with plain pages,
//! so both may stand in one chunk.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanBufferBuilder, FixedSizeBinaryArray, Int32Array, Int64Array, StringArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::DataType;
use arrow::util::bit_chunk_iterator::UnalignedBitChunk;
use arrow::util::bit_iterator::BitIndexIterator;
use parquet::basic::{Encoding, Type};
use parquet::column::page::{Page, PageReader as _};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::serialized_reader::SerializedPageReader;
use prost::bytes::Bytes;

use super::rle_bit_packed::RleBitPacked;
use crate::ingest::parquet::file::cell::Cell;
use crate::ingest::source::shared_file::SharedFile;

/// What the values of a column are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ValueType {
    /// Texts.
    Text,
    /// Bytes, or texts that whoever takes them looks at.
    Bytes,
    /// So many bytes each.
    Fixed(usize),
    /// Integers of 32 bits.
    Int32,
    /// Integers of 64 bits.
    Int64,
}

impl ValueType {
    /// The values of a column of texts that Arrow would give as `data_type`; `None` if only Arrow can read them.
    pub(crate) fn of_text(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Utf8 => Some(Self::Text),
            DataType::Int32 => Some(Self::Int32),
            DataType::Int64 => Some(Self::Int64),
            _ => None,
        }
    }

    /// The same for a column of ids.
    pub(crate) fn of_id(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Utf8 | DataType::Binary => Some(Self::Bytes),
            DataType::FixedSizeBinary(width) => Some(Self::Fixed(usize::try_from(*width).ok()?)),
            _ => None,
        }
    }

    /// The same for a column of times.
    pub(crate) fn of_time(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Int64 | DataType::UInt64 | DataType::Timestamp(_, _) => Some(Self::Int64),
            _ => None,
        }
    }
}

/// A column chunk that is being read.
pub(crate) struct ColumnPages {
    pages: SerializedPageReader<SharedFile>,
    value_type: ValueType,
    is_optional: bool,
    dictionary: Option<ArrayRef>,
    dictionary_len: usize,
    keys: Vec<u32>,
    present: BooleanBufferBuilder,
    /// Rows of the current page that were not read yet.
    rows_left: usize,
    /// Definition levels, of an optional column.
    levels: RleBitPacked,
    values: Values,
}

/// The values of a page.
enum Values {
    Keys(RleBitPacked),
    Plain(Plain),
}

/// Values one after the other.
#[derive(Default)]
struct Plain {
    bytes: Bytes,
    at: usize,
}

impl ColumnPages {
    /// Begins to read a column chunk of `rows` rows; `None` if this reader does not know how.
    pub(crate) fn open(
        file: &Arc<SharedFile>,
        chunk: &ColumnChunkMetaData,
        value_type: ValueType,
        rows: usize,
    ) -> Option<Result<Self>> {
        let column = chunk.column_descr();
        let is_flat = column.max_rep_level() == 0 && column.max_def_level() <= 1;
        let lies_as = match value_type {
            ValueType::Text | ValueType::Bytes => Type::BYTE_ARRAY,
            ValueType::Fixed(width) if usize::try_from(column.type_length()) == Ok(width) => Type::FIXED_LEN_BYTE_ARRAY,
            ValueType::Fixed(_) => return None,
            ValueType::Int32 => Type::INT32,
            ValueType::Int64 => Type::INT64,
        };
        // A chunk lists the encodings of levels and values together. RLE is that of the levels: values of our types never
        // have it. PLAIN_DICTIONARY is what version 1 called RLE_DICTIONARY.
        let known = |encoding| {
            matches!(encoding, Encoding::PLAIN | Encoding::RLE | Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY)
        };
        if !is_flat || chunk.column_type() != lies_as || !chunk.encodings().all(known) {
            return None;
        }
        let pages = SerializedPageReader::new(Arc::clone(file), chunk, rows, None);
        Some(pages.map(|pages| Self {
            pages,
            value_type,
            is_optional: column.max_def_level() == 1,
            dictionary: None,
            dictionary_len: 0,
            keys: Vec::new(),
            present: BooleanBufferBuilder::new(0),
            rows_left: 0,
            levels: RleBitPacked::default(),
            values: Values::Plain(Plain::default()),
        }))
    }

    /// The dictionary that the keys of the next rows point into.
    pub(crate) fn dictionary(&mut self) -> Result<Option<&ArrayRef>> {
        if self.rows_left == 0 && self.dictionary.is_none() {
            // It is not known before the data page behind it is begun.
            self.next_page()?;
        }
        Ok(self.dictionary.as_ref())
    }

    /// The same as [`Self::for_each_cell`] for who does not ask which rows have a value.
    #[inline]
    pub(crate) fn for_each_value(&mut self, rows: usize, take: impl FnMut(usize, Cell<'_>)) -> Result<()> {
        let mut present = std::mem::replace(&mut self.present, BooleanBufferBuilder::new(0));
        present.truncate(0);
        let done = self.for_each_cell(rows, &mut present, take);
        self.present = present;
        done
    }

    /// Hands over what each of the next `rows` rows that has a value holds; rows are counted from 0. To `present` it appends
    /// which rows those are.
    #[inline]
    pub(crate) fn for_each_cell(
        &mut self,
        rows: usize,
        present: &mut BooleanBufferBuilder,
        mut take: impl FnMut(usize, Cell<'_>),
    ) -> Result<()> {
        let before = present.len();
        let mut row = 0;
        while row < rows {
            if self.rows_left == 0 && !self.next_page()? {
                return Err(too_short());
            }
            // Batches and pages end where they like: this is what one has in common with the other.
            let end = rows.min(row + self.rows_left);
            self.rows_left -= end - row;
            let mut count = end - row;
            if self.is_optional {
                self.levels.read_bits(end - row, present).ok_or_else(too_short)?;
                count = UnalignedBitChunk::new(present.as_slice(), before + row, end - row).count_ones();
            } else {
                present.append_n(end - row, true);
            }
            let values = PageValues {
                values: &mut self.values,
                keys: &mut self.keys,
                value_type: self.value_type,
                dictionary_len: self.dictionary_len,
            };
            // Two loops, because a range costs less to walk than the ones among bits, and is what full columns have.
            if count == end - row {
                values.for_each(count, row..end, &mut take)?;
            } else {
                let rows_present = BitIndexIterator::new(present.as_slice(), before + row, end - row);
                values.for_each(count, rows_present.map(|index| row + index), &mut take)?;
            }
            row = end;
        }
        Ok(())
    }

    /// Hands over what each of the `wanted` rows that has a value holds. The column is read from its first row on, and no further
    /// than the last that may be wanted.
    pub(crate) fn for_each_value_of(
        &mut self,
        wanted: &BooleanBuffer,
        mut take: impl FnMut(usize, Cell<'_>),
    ) -> Result<()> {
        let mut row = 0;
        let mut picked: Vec<(usize, usize)> = Vec::new();
        while row < wanted.len() {
            if self.rows_left == 0 && !self.next_page()? {
                return Err(too_short());
            }
            let rows = self.rows_left.min(wanted.len() - row);
            self.rows_left -= rows;
            self.present.truncate(0);
            if self.is_optional {
                self.levels.read_bits(rows, &mut self.present).ok_or_else(too_short)?;
            } else {
                self.present.append_n(rows, true);
            }
            picked.clear();
            let count = pick(self.present.as_slice(), rows, wanted, row, &mut picked);
            let values = PageValues {
                values: &mut self.values,
                keys: &mut self.keys,
                value_type: self.value_type,
                dictionary_len: self.dictionary_len,
            };
            values.for_each_picked(count, &picked, &mut take)?;
            row += rows;
        }
        Ok(())
    }

    /// Goes on to the next page of values, past the dictionary; false if there is none.
    fn next_page(&mut self) -> Result<bool> {
        while self.rows_left == 0 {
            let Some(page) = self.pages.get_next_page()? else { return Ok(false) };
            match page {
                Page::DictionaryPage { buf, num_values, .. } => {
                    self.dictionary_len = num_values as usize;
                    self.dictionary = Some(self.dictionary_of(buf, num_values as usize)?);
                }
                Page::DataPage { buf, num_values, encoding, def_level_encoding, .. } => {
                    let mut values = 0;
                    // Where there are no levels, there is no length of levels either.
                    if self.is_optional {
                        if def_level_encoding != Encoding::RLE {
                            let message =
                                format!("definition levels are {def_level_encoding}, not what the footer says");
                            return Err(ParquetError::General(message));
                        }
                        let length = *buf.first_chunk().ok_or_else(too_short)?;
                        values = (u32::from_le_bytes(length) as usize).saturating_add(size_of::<u32>());
                    }
                    let levels = size_of::<u32>().min(values)..values;
                    self.begin_page(&buf, num_values as usize, levels, encoding)?;
                }
                Page::DataPageV2 { buf, num_values, encoding, def_levels_byte_len, rep_levels_byte_len, .. } => {
                    let start = rep_levels_byte_len as usize;
                    let levels = start..start.saturating_add(def_levels_byte_len as usize);
                    self.begin_page(&buf, num_values as usize, levels, encoding)?;
                }
            }
        }
        Ok(true)
    }

    /// `levels` are the bytes of the definition levels, behind which the values begin.
    fn begin_page(&mut self, page: &Bytes, rows: usize, levels: Range<usize>, encoding: Encoding) -> Result<()> {
        if levels.end > page.len() {
            return Err(too_short());
        }
        self.rows_left = rows;
        let values = page.slice(levels.end..);
        self.levels = RleBitPacked::new(page.slice(levels), 1);
        self.values = match encoding {
            Encoding::PLAIN => Values::Plain(Plain { bytes: values, at: 0 }),
            Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => {
                // One byte before the indices tells their width. A page of nulls may have no values, not even that.
                let width = values.first().copied().unwrap_or(0);
                if u32::from(width) > u32::BITS {
                    return Err(ParquetError::General(format!("dictionary keys of {width} bits")));
                }
                Values::Keys(RleBitPacked::new(values.slice(values.len().min(1)..), width.into()))
            }
            _ => return Err(ParquetError::General(format!("a page of {encoding}, not what the footer says"))),
        };
        Ok(())
    }

    fn dictionary_of(&self, bytes: Bytes, count: usize) -> Result<ArrayRef> {
        let mut plain = Plain { bytes, at: 0 };
        Ok(match self.value_type {
            ValueType::Int32 => Arc::new(Int32Array::from(plain.numbers(count, i32::from_le_bytes)?)),
            ValueType::Int64 => Arc::new(Int64Array::from(plain.numbers(count, i64::from_le_bytes)?)),
            ValueType::Text => {
                let (offsets, texts) = plain.texts(count)?;
                Arc::new(StringArray::try_new(offsets, texts, None)?)
            }
            ValueType::Bytes => {
                let (offsets, texts) = plain.texts(count)?;
                Arc::new(BinaryArray::try_new(offsets, texts, None)?)
            }
            ValueType::Fixed(width) => {
                let length =
                    count.checked_mul(width).filter(|length| *length <= plain.bytes.len()).ok_or_else(too_short)?;
                let bytes = Buffer::from_slice_ref(&plain.bytes[..length]);
                Arc::new(FixedSizeBinaryArray::try_new(i32::try_from(width)?, bytes, None)?)
            }
        })
    }
}

/// The texts of a chunk's dictionary, however its rows are nested; `None` if it has none.
pub(crate) fn dictionary_texts(
    file: &Arc<SharedFile>,
    chunk: &ColumnChunkMetaData,
    rows: usize,
) -> Result<Option<BinaryArray>> {
    if chunk.column_type() != Type::BYTE_ARRAY {
        return Ok(None);
    }
    let mut pages = SerializedPageReader::new(Arc::clone(file), chunk, rows, None)?;
    let Some(Page::DictionaryPage { buf, num_values, .. }) = pages.get_next_page()? else { return Ok(None) };
    let (offsets, texts) = Plain { bytes: buf, at: 0 }.texts(num_values as usize)?;
    Ok(Some(BinaryArray::try_new(offsets, texts, None)?))
}

/// The next values of a page.
struct PageValues<'a> {
    values: &'a mut Values,
    keys: &'a mut Vec<u32>,
    value_type: ValueType,
    dictionary_len: usize,
}

impl PageValues<'_> {
    /// Hands over the next `count` values, which are those of `rows`.
    #[inline]
    fn for_each(
        self,
        count: usize,
        rows: impl Iterator<Item = usize>,
        take: &mut impl FnMut(usize, Cell<'_>),
    ) -> Result<()> {
        let plain = match self.values {
            Values::Keys(keys) => {
                self.keys.clear();
                keys.read(count, self.keys).ok_or_else(too_short)?;
                // Checked here, once for all: whoever takes a key may index with it.
                if let Some(key) = self.keys.iter().find(|&&key| key as usize >= self.dictionary_len) {
                    let message = format!("a key of {key} in a dictionary of {}", self.dictionary_len);
                    return Err(ParquetError::General(message));
                }
                rows.zip(&*self.keys).for_each(|(row, &key)| take(row, Cell::Key(key)));
                return Ok(());
            }
            Values::Plain(plain) => plain,
        };
        match self.value_type {
            ValueType::Text => {
                for row in rows {
                    take(row, Cell::Text(std::str::from_utf8(plain.next_text()?)?));
                }
            }
            ValueType::Bytes => {
                for row in rows {
                    take(row, Cell::Bytes(plain.next_text()?));
                }
            }
            ValueType::Fixed(0) => rows.for_each(|row| take(row, Cell::Bytes(&[]))),
            ValueType::Fixed(width) => {
                let values = plain.next_slice(count.checked_mul(width).ok_or_else(too_short)?)?;
                rows.zip(values.chunks_exact(width)).for_each(|(row, value)| take(row, Cell::Bytes(value)));
            }
            ValueType::Int32 => {
                let (values, _) = plain.next_slice(count * size_of::<i32>())?.as_chunks();
                rows.zip(values).for_each(|(row, value)| take(row, Cell::Number(i32::from_le_bytes(*value).into())));
            }
            ValueType::Int64 => {
                let (values, _) = plain.next_slice(count * size_of::<i64>())?.as_chunks();
                rows.zip(values).for_each(|(row, value)| take(row, Cell::Number(i64::from_le_bytes(*value))));
            }
        }
        Ok(())
    }
}

impl PageValues<'_> {
    /// Hands over some of the next `count` values: of each its row, and its place among them.
    fn for_each_picked(
        self,
        count: usize,
        picked: &[(usize, usize)],
        take: &mut impl FnMut(usize, Cell<'_>),
    ) -> Result<()> {
        let Values::Keys(keys) = self.values else {
            // Texts lie one behind the other, each with its length, so that all must be gone through.
            let mut picked = picked.iter().copied().peekable();
            return self.for_each(count, 0..count, &mut |place, cell| {
                if let Some((row, _)) = picked.next_if(|&(_, next)| next == place) {
                    take(row, cell);
                }
            });
        };
        self.keys.clear();
        keys.read(count, self.keys).ok_or_else(too_short)?;
        for &(row, place) in picked {
            let key = self.keys[place];
            if key as usize >= self.dictionary_len {
                let message = format!("a key of {key} in a dictionary of {}", self.dictionary_len);
                return Err(ParquetError::General(message));
            }
            take(row, Cell::Key(key));
        }
        Ok(())
    }
}

/// Of `rows` rows, of which `present` tells which have a value, those that are `wanted`, where the first is number `first`: to `picked`
/// it adds each such row, and the place of its value among all. The answer is how many have a value.
fn pick(present: &[u8], rows: usize, wanted: &BooleanBuffer, first: usize, picked: &mut Vec<(usize, usize)>) -> usize {
    let mut count = 0;
    for start in (0..rows).step_by(u64::BITS as usize) {
        let present = word_at(present, start) & mask_of(rows - start);
        let mut both = present & word_at(wanted.values(), wanted.offset() + first + start);
        while both != 0 {
            let bit = both.trailing_zeros();
            let before = present & ((1 << bit) - 1);
            picked.push((first + start + bit as usize, count + before.count_ones() as usize));
            both &= both - 1;
        }
        count += present.count_ones() as usize;
    }
    count
}

/// As many bits as a word has from bit number `bit` on; those behind the last are 0.
fn word_at(bits: &[u8], bit: usize) -> u64 {
    let bytes = bits.get(bit / 8..).unwrap_or_default();
    // Only at the end are there fewer.
    let word = bytes.first_chunk().map_or_else(
        || {
            let mut word = [0; size_of::<u128>()];
            word[..bytes.len()].copy_from_slice(bytes);
            u128::from_le_bytes(word)
        },
        |&word| u128::from_le_bytes(word),
    );
    (word >> (bit % 8)) as u64
}

/// The lowest `bits` bits.
fn mask_of(bits: usize) -> u64 {
    if bits < u64::BITS as usize { (1 << bits) - 1 } else { u64::MAX }
}

impl Plain {
    #[inline]
    fn next_text(&mut self) -> Result<&[u8]> {
        let length = u32::from_le_bytes(self.next_bytes()?) as usize;
        self.next_slice(length)
    }

    #[inline]
    fn next_slice(&mut self, length: usize) -> Result<&[u8]> {
        let bytes = self.bytes.get(self.at..).and_then(|rest| rest.get(..length)).ok_or_else(too_short)?;
        self.at += length;
        Ok(bytes)
    }

    #[inline]
    fn next_bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk).ok_or_else(too_short)?;
        self.at += N;
        Ok(*bytes)
    }

    fn texts(&mut self, count: usize) -> Result<(OffsetBuffer<i32>, Buffer)> {
        let mut offsets = vec![0];
        let mut texts: Vec<u8> = Vec::with_capacity(self.bytes.len());
        for _ in 0..count {
            texts.extend_from_slice(self.next_text()?);
            offsets.push(i32::try_from(texts.len())?);
        }
        Ok((OffsetBuffer::new(ScalarBuffer::from(offsets)), Buffer::from_vec(texts)))
    }

    fn numbers<T, const N: usize>(&mut self, count: usize, of_bytes: impl Fn([u8; N]) -> T) -> Result<Vec<T>> {
        (0..count).map(|_| Ok(of_bytes(self.next_bytes()?))).collect()
    }
}

fn too_short() -> ParquetError {
    ParquetError::EOF("a column ends before its last row".into())
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array as _, RecordBatch};
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::{WriterProperties, WriterVersion};

    use super::*;
    use crate::ingest::parquet::file::cells::text_at;
    use crate::ingest::parquet::file::footer::Footer;

    const ROWS: usize = 5_000;

    /// What a column has in each row, read in pieces of `piece` rows.
    fn texts(column: &ArrayRef, is_optional: bool, properties: WriterProperties, piece: usize) -> Vec<Option<String>> {
        let batch =
            RecordBatch::try_from_iter_with_nullable([("column", Arc::clone(column), is_optional)]).expect("a batch");
        let mut file = tempfile::tempfile().expect("a file");
        let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), Some(properties)).expect("a writer");
        writer.write(&batch).expect("written");
        writer.close().expect("closed");
        let footer =
            Footer::open(SharedFile::new(file).expect("a file"), "columns.parquet".as_ref()).expect("a footer");
        let file = Arc::new(footer.file.clone());
        let chunk = footer.parquet().row_group(0).column(0);
        let value_type = ValueType::of_text(column.data_type()).expect("a type of texts");
        let mut pages =
            ColumnPages::open(&file, chunk, value_type, ROWS).expect("a column that this reader knows").expect("pages");
        let mut texts = Vec::new();
        while texts.len() < ROWS {
            let rows = piece.min(ROWS - texts.len());
            let first = texts.len();
            texts.resize(first + rows, None);
            let dictionary = pages.dictionary().expect("a dictionary or none").cloned();
            let mut present = BooleanBufferBuilder::new(0);
            let read = pages.for_each_cell(rows, &mut present, |row, cell| {
                texts[first + row] = Some(text_of(dictionary.as_ref(), cell));
            });
            read.expect("rows");
            assert_eq!(present.len(), rows);
            assert!((0..rows).all(|row| present.get_bit(row) == texts[first + row].is_some()));
        }
        let beyond = pages.for_each_cell(1, &mut BooleanBufferBuilder::new(0), |_, _| {});
        assert!(beyond.is_err(), "a row beyond the last");
        let mut pages = ColumnPages::open(&file, chunk, value_type, ROWS).expect("known").expect("pages");
        let dictionary = pages.dictionary().expect("a dictionary or none").cloned();
        let wanted: BooleanBuffer =
            (0..ROWS - piece % 100).map(|row| row % 7 == 3 || row % piece < piece / 9).collect();
        let mut of_wanted = vec![None; ROWS];
        let take = |row: usize, cell: Cell<'_>| of_wanted[row] = Some(text_of(dictionary.as_ref(), cell));
        pages.for_each_value_of(&wanted, take).expect("rows");
        let is_wanted = |row: usize| row < wanted.len() && wanted.value(row);
        assert!((0..ROWS).all(|row| of_wanted[row] == texts[row].clone().filter(|_| is_wanted(row))), "of some rows");
        texts
    }

    fn text_of(dictionary: Option<&ArrayRef>, cell: Cell<'_>) -> String {
        match cell {
            Cell::Key(key) => text_at(dictionary.expect("a dictionary"), key as usize).into_owned(),
            Cell::Text(text) => text.to_owned(),
            Cell::Bytes(bytes) => format!("{bytes:?}"),
            Cell::Number(number) => number.to_string(),
        }
    }

    /// Every sort of column is read as it was written: of any type, in pages of both versions, with a dictionary, without, and
    /// with one that was given up, in runs and without.
    #[test]
    fn all_columns_are_read_as_they_were_written() {
        let noise = |row: usize| (row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let cell = |row: usize, one_of: u64| noise(row).is_multiple_of(one_of).then(|| noise(row / 7) % 300);
        let dense = |row: usize| (row / 2_000) as u64 % 2 * 70 + noise(row) % 3;
        let sparse = |one_of| move |row| cell(row, one_of);
        let columns: [(bool, Vec<Option<u64>>); 4] = [
            (true, (0..ROWS).map(sparse(3)).collect()),
            (true, (0..ROWS).map(sparse(1_000)).collect()),
            (true, vec![None; ROWS]),
            (false, (0..ROWS).map(|row| Some(dense(row))).collect()),
        ];
        let settings = [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0].into_iter().flat_map(|version| {
            [None, Some(1 << 20), Some(64)].map(|dictionary_bytes| {
                let builder = WriterProperties::builder()
                    .set_writer_version(version)
                    .set_data_page_row_count_limit(700)
                    .set_write_batch_size(64)
                    .set_encoding(Encoding::PLAIN)
                    .set_dictionary_enabled(dictionary_bytes.is_some());
                builder.set_dictionary_page_size_limit(dictionary_bytes.unwrap_or(1 << 20)).build()
            })
        });
        for properties in settings {
            for (is_optional, numbers) in &columns {
                let of_type: [ArrayRef; 3] = [
                    Arc::new(StringArray::from_iter(numbers.iter().map(|number| Some(number.as_ref()?.to_string())))),
                    Arc::new(Int64Array::from_iter(numbers.iter().map(|number| Some((*number)? as i64)))),
                    Arc::new(Int32Array::from_iter(numbers.iter().map(|number| Some((*number)? as i32)))),
                ];
                let expected: Vec<Option<String>> =
                    numbers.iter().map(|number| Some(number.as_ref()?.to_string())).collect();
                for column in of_type {
                    for piece in [512, 1_001, ROWS] {
                        let read = texts(&column, *is_optional, properties.clone(), piece);
                        assert!(read == expected, "{} in pieces of {piece}", column.data_type());
                    }
                }
            }
        }
    }
}
