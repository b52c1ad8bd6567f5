//! Columns of ids in any of their spellings: bytes, text, numbers, lists of bytes.
//!
//! Where there is none, or too many bytes, the id is all zero, which whoever takes the span counts.

use std::str::Utf8Error;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, Int32Type, Int64Type, UInt64Type};
use parquet::errors::ParquetError;

use crate::ingest::parquet::file::cell::Cell;
use crate::ingest::parquet::file::cells::{list_at, value_at};
use crate::ingest::parquet::file::column_cells::Cells;
use crate::ingest::parquet::file::dictionaries::file_dictionary::FileDictionary;
use crate::ingest::parquet::file::pages::ColumnPages;
use crate::ingest::text_ids::{self, TextId};
use crate::span::{SpanId, TraceId, Value};

/// An id of a fixed number of bytes.
pub(crate) trait Id: Copy + Default {
    /// Its number of bytes.
    const BYTES: usize;

    /// The id whose last bytes are `bytes`, all zero if there are too many.
    fn of_bytes(bytes: &[u8]) -> Self;

    /// The id that `text` spells.
    fn of_text(text: &str) -> TextId<Self>;

    /// The id whose hexadecimal digits, none missing, are `text`.
    fn of_whole_hex(text: &[u8]) -> Option<Self>;
}

impl Id for TraceId {
    const BYTES: usize = 16;

    fn of_bytes(bytes: &[u8]) -> Self {
        match bytes.try_into() {
            Ok(bytes) => Self(bytes),
            Err(_) => Self::from_bytes(bytes).unwrap_or_default(),
        }
    }

    fn of_text(text: &str) -> TextId<Self> {
        text_ids::trace_id(text)
    }

    fn of_whole_hex(text: &[u8]) -> Option<Self> {
        text_ids::whole_hex_trace_id(text)
    }
}

impl Id for SpanId {
    const BYTES: usize = 8;

    fn of_bytes(bytes: &[u8]) -> Self {
        match bytes.try_into() {
            Ok(bytes) => Self(u64::from_be_bytes(bytes)),
            Err(_) => Self::from_bytes(bytes).unwrap_or_default(),
        }
    }

    fn of_text(text: &str) -> TextId<Self> {
        text_ids::span_id(text)
    }

    fn of_whole_hex(text: &[u8]) -> Option<Self> {
        text_ids::whole_hex_span_id(text)
    }
}

/// Decodes columns of ids; a dictionary's values are decoded once for all batches that share it.
#[derive(Debug, Default)]
pub(crate) struct IdColumn<T> {
    dictionary: FileDictionary,
    ids_of_dictionary: Vec<T>,
    /// Which of them are hashes: a value is hashed once and counts in every row that has it.
    opaque_of_dictionary: Vec<bool>,
    /// Ids that were replaced by a hash of their text.
    pub(crate) opaque: u64,
}

/// What the bytes of a column of ids are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Spelling {
    /// The ids.
    Exact,
    /// Ids or their text.
    BytesOrText,
    /// Text.
    Text,
}

impl Spelling {
    fn of<T: Id>(data_type: Option<&DataType>) -> Self {
        match data_type {
            Some(DataType::FixedSizeBinary(width)) if usize::try_from(*width) == Ok(T::BYTES) => Self::Exact,
            Some(DataType::Utf8) => Self::Text,
            _ => Self::BytesOrText,
        }
    }

    /// The id that `bytes` spell, and whether it is a hash of them.
    #[inline]
    fn id<T: Id>(self, bytes: &[u8]) -> Result<(T, bool), Utf8Error> {
        match self {
            Self::Exact => Ok((T::of_bytes(bytes), false)),
            Self::BytesOrText => Ok(of_bytes_or_text(bytes)),
            Self::Text => match T::of_whole_hex(bytes) {
                Some(id) => Ok((id, false)),
                None => std::str::from_utf8(bytes).map(of_text),
            },
        }
    }
}

impl<T: Id> IdColumn<T> {
    /// Fills `ids` with one id a row, of a column that Arrow would give as `data_type`; null rows get the all-zero id.
    pub(crate) fn read_cells(
        &mut self,
        cells: Cells<'_>,
        data_type: Option<&DataType>,
        ids: &mut Vec<T>,
    ) -> Result<(), ParquetError> {
        match cells {
            Cells::Array(column) => {
                self.read(column, ids);
                Ok(())
            }
            Cells::Pages(pages, rows) => self.read_pages(pages, Spelling::of::<T>(data_type), rows, ids),
        }
    }

    fn read_pages(
        &mut self,
        pages: &mut ColumnPages,
        spelling: Spelling,
        rows: usize,
        ids: &mut Vec<T>,
    ) -> Result<(), ParquetError> {
        if let Some(dictionary) = pages.dictionary()?
            && self.begin_dictionary(dictionary)
        {
            for index in 0..dictionary.len() {
                let bytes = match dictionary.as_fixed_size_binary_opt() {
                    Some(dictionary) => dictionary.value(index),
                    None => dictionary.as_binary::<i32>().value(index),
                };
                let (id, is_opaque) = spelling.id(bytes)?;
                self.ids_of_dictionary.push(id);
                self.opaque_of_dictionary.push(is_opaque);
            }
        }
        ids.clear();
        ids.resize(rows, T::default());
        // What Arrow would refuse to decode as text is refused here too, so that who decodes a column makes no difference.
        let mut no_text = None;
        pages.for_each_value(rows, |row, cell| {
            let (id, is_opaque) = match cell {
                Cell::Key(key) => (self.ids_of_dictionary[key as usize], self.opaque_of_dictionary[key as usize]),
                Cell::Bytes(bytes) => spelling.id(bytes).unwrap_or_else(|error| {
                    no_text = Some(error);
                    (T::default(), false)
                }),
                Cell::Text(_) | Cell::Number(_) => (T::default(), false),
            };
            ids[row] = id;
            self.opaque += u64::from(is_opaque);
        })?;
        no_text.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Prepares for the ids of another dictionary; false if it is the same.
    fn begin_dictionary(&mut self, values: &ArrayRef) -> bool {
        let is_other = self.dictionary.changes_to(values);
        if is_other {
            self.ids_of_dictionary.clear();
            self.opaque_of_dictionary.clear();
        }
        is_other
    }

    /// The same of an array.
    pub(crate) fn read(&mut self, column: &ArrayRef, ids: &mut Vec<T>) {
        ids.clear();
        let Some(column) = column.as_dictionary_opt::<Int32Type>() else {
            return decode(column, |id, is_opaque| {
                ids.push(id);
                self.opaque += u64::from(is_opaque);
            });
        };
        if self.begin_dictionary(column.values()) {
            decode(column.values(), |id, is_opaque| {
                self.ids_of_dictionary.push(id);
                self.opaque_of_dictionary.push(is_opaque);
            });
        }
        let has_opaque = self.opaque_of_dictionary.contains(&true);
        for key in column.keys() {
            let key = key.map_or(usize::MAX, |key| key as usize);
            ids.push(self.ids_of_dictionary.get(key).copied().unwrap_or_default());
            if has_opaque {
                self.opaque += u64::from(self.opaque_of_dictionary.get(key).copied().unwrap_or_default());
            }
        }
    }
}

/// Hands over one id for each row, and whether it is a hash.
fn decode<T: Id>(column: &ArrayRef, mut take: impl FnMut(T, bool)) {
    let none = (T::default(), false);
    let mut take_pair = |(id, is_opaque)| take(id, is_opaque);
    match column.data_type() {
        DataType::FixedSizeBinary(width) if usize::try_from(*width) == Ok(T::BYTES) => {
            let column = column.as_fixed_size_binary();
            let ids = column.value_data().chunks_exact(T::BYTES).take(column.len());
            if column.null_count() == 0 {
                return ids.for_each(|bytes| take_pair((T::of_bytes(bytes), false)));
            }
            for (row, bytes) in ids.enumerate() {
                take_pair(if column.is_valid(row) { (T::of_bytes(bytes), false) } else { none });
            }
        }
        DataType::FixedSizeBinary(_) => {
            column.as_fixed_size_binary().iter().map(|bytes| bytes.map_or(none, of_bytes_or_text)).for_each(take_pair);
        }
        DataType::Utf8 => {
            column.as_string::<i32>().iter().map(|text| text.map_or(none, of_text)).for_each(take_pair);
        }
        DataType::Binary => {
            column.as_binary::<i32>().iter().map(|bytes| bytes.map_or(none, of_bytes_or_text)).for_each(take_pair);
        }
        DataType::Int64 => {
            let numbers = column.as_primitive::<Int64Type>().iter();
            numbers.map(|number| (T::of_bytes(&number.unwrap_or(0).to_be_bytes()), false)).for_each(take_pair);
        }
        DataType::UInt64 => {
            let numbers = column.as_primitive::<UInt64Type>().iter();
            numbers.map(|number| (T::of_bytes(&number.unwrap_or(0).to_be_bytes()), false)).for_each(take_pair);
        }
        DataType::Decimal128(_, 0) => {
            let numbers = column.as_primitive::<Decimal128Type>().iter();
            numbers.map(|number| (of_number(number.unwrap_or(0)), false)).for_each(take_pair);
        }
        DataType::List(_) => {
            let lists = (0..column.len())
                .map(|row| (bytes_of_list(column, row).map_or(T::default(), |bytes| T::of_bytes(&bytes)), false));
            lists.for_each(take_pair);
        }
        _ => (0..column.len()).for_each(|_| take_pair(none)),
    }
}

/// The id that is the number `number`, which has more bytes than ids of spans.
fn of_number<T: Id>(number: i128) -> T {
    let bytes = number.to_be_bytes();
    let (above, bytes) = bytes.split_at(bytes.len() - T::BYTES);
    if above.iter().all(|&byte| byte == 0) { T::of_bytes(bytes) } else { T::default() }
}

/// The bytes that the list at `row` has, which may be signed; `None` if it has anything else.
fn bytes_of_list(column: &ArrayRef, row: usize) -> Option<Vec<u8>> {
    let (items, range) = list_at(column.as_list::<i32>(), row);
    let byte = |item| match value_at(items, item) {
        Value::Int(byte) => u8::try_from(byte).ok().or_else(|| i8::try_from(byte).ok().map(i8::cast_unsigned)),
        _ => None,
    };
    range.map(byte).collect()
}

/// The id at `row` of a column or a list's values; the all-zero id where there is none.
pub(crate) fn id_at<T: Id>(column: &ArrayRef, row: usize) -> T {
    let mut found = T::default();
    decode(&column.slice(row, 1), |id, _| found = id);
    found
}

/// The id that `text` spells, and whether it is a hash of it.
pub(crate) fn of_text<T: Id>(text: &str) -> (T, bool) {
    let TextId { id, is_hash } = T::of_text(text);
    (id, is_hash)
}

/// Bytes without a string annotation hold an id or its text. An id whose bytes are all digits of its own text is as
/// good as impossible, and would be read alike wherever it stands.
fn of_bytes_or_text<T: Id>(bytes: &[u8]) -> (T, bool) {
    let is_text = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_hexdigit);
    if is_text || bytes.len() > T::BYTES {
        of_text(&String::from_utf8_lossy(bytes))
    } else {
        (T::of_bytes(bytes), false)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use arrow::array::{BinaryArray, Decimal128Array, FixedSizeBinaryArray, ListArray, StringArray, UInt64Array};
    use arrow::datatypes::Int8Type;

    fn read<T: Id>(column: impl Array + 'static) -> Vec<T> {
        let mut ids = Vec::new();
        let column: ArrayRef = Arc::new(column);
        IdColumn::default().read(&column, &mut ids);
        ids
    }

    /// One id in every spelling, and each kind of absence.
    #[test]
    fn all_spellings_agree() {
        let span = SpanId(0x0102_0304_0506_0708);
        assert_eq!(
            read::<SpanId>(StringArray::from(vec![
                Some("0102030405060708"),
                Some("102030405060708"),
                Some("AQIDBAUGBwg="),
                Some(""),
                None
            ])),
            [span, span, span, SpanId::NONE, SpanId::NONE]
        );
        assert_eq!(
            read::<SpanId>(BinaryArray::from_opt_vec(vec![Some(&[1, 2, 3, 4, 5, 6, 7, 8]), Some(b"0102030405060708")])),
            [span, span]
        );
        assert_eq!(read::<SpanId>(UInt64Array::from(vec![span.0])), [span]);
        let of_decimals = |numbers: Vec<Option<i128>>| {
            Decimal128Array::from(numbers).with_precision_and_scale(38, 0).expect("wide enough")
        };
        assert_eq!(
            read::<SpanId>(of_decimals(vec![Some(span.0.into()), None, Some(1 << 64), Some(-1)])),
            [span, SpanId::NONE, SpanId::NONE, SpanId::NONE]
        );
        let trace = TraceId([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
        assert_eq!(read::<TraceId>(of_decimals(vec![Some(i128::from_be_bytes(trace.0))])), [trace]);
        let bytes = |bytes: &[i64]| Some(bytes.iter().copied().map(Some).collect::<Vec<_>>());
        let lists = [bytes(&[1, 2, 3, 4, 5, 6, 7, 8]), None, bytes(&[]), bytes(&[300; 8]), bytes(&[1; 9])];
        assert_eq!(
            read::<SpanId>(ListArray::from_iter_primitive::<Int64Type, _, _>(lists)),
            [span, SpanId::NONE, SpanId::NONE, SpanId::NONE, SpanId::NONE]
        );
        assert_eq!(
            read::<SpanId>(ListArray::from_iter_primitive::<Int8Type, _, _>([Some(vec![Some(-1); 8])])),
            [SpanId(u64::MAX)]
        );
        let fixed = FixedSizeBinaryArray::try_from_sparse_iter_with_size(
            [Some([1u8, 2, 3, 4, 5, 6, 7, 8]), None].into_iter(),
            8,
        );
        assert_eq!(read::<SpanId>(fixed.expect("of one width")), [span, SpanId::NONE]);
    }

    #[test]
    fn short_trace_ids_are_padded() {
        assert_eq!(
            read::<TraceId>(StringArray::from(vec!["0102030405060708"]))[0],
            TraceId([0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8])
        );
    }
}
