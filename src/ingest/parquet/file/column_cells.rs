//! The cells of a column, whether Arrow decoded it or its pages are read as they are.

use arrow::array::{Array, ArrayRef, AsArray, BooleanBufferBuilder, DictionaryArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{Int32Type, Int64Type};
use parquet::errors::ParquetError;

use super::cell::Cell;
use super::pages::ColumnPages;
use crate::ingest::parquet::file::cells::text_at;

/// Rows of a column, from whichever reader.
pub(crate) enum Cells<'a> {
    /// Those of an array.
    Array(&'a ArrayRef),
    /// So many that come next.
    Pages(&'a mut ColumnPages, usize),
}

impl Cells<'_> {
    /// The dictionary that keys point into, if there is one.
    pub(crate) fn dictionary(&mut self) -> Result<Option<&ArrayRef>, ParquetError> {
        match self {
            Self::Array(column) => Ok(column.as_dictionary_opt::<Int32Type>().map(DictionaryArray::values)),
            Self::Pages(pages, _) => pages.dictionary(),
        }
    }

    /// Hands over the rows that have a value, and what they hold. To `present` it appends which rows those are.
    #[inline]
    pub(crate) fn for_each(
        self,
        present: &mut BooleanBufferBuilder,
        take: impl FnMut(usize, Cell<'_>),
    ) -> Result<(), ParquetError> {
        match self {
            Self::Array(column) => {
                match column.nulls() {
                    Some(nulls) => present.append_buffer(nulls.inner()),
                    None => present.append_n(column.len(), true),
                }
                for_each_cell(column, take);
                Ok(())
            }
            Self::Pages(pages, rows) => pages.for_each_cell(rows, present, take),
        }
    }
}

/// Hands over the rows of a column that have a value, and what they hold.
pub(crate) fn for_each_cell(column: &ArrayRef, mut take: impl FnMut(usize, Cell<'_>)) {
    let valid = ValidRows::of(column);
    if let Some(dictionary) = column.as_dictionary_opt::<Int32Type>() {
        let keys = dictionary.keys().values();
        valid.for_each(|row| take(row, Cell::Key(keys[row] as u32)));
    } else if let Some(numbers) = column.as_primitive_opt::<Int64Type>() {
        valid.for_each(|row| take(row, Cell::Number(numbers.values()[row])));
    } else if let Some(numbers) = column.as_primitive_opt::<Int32Type>() {
        valid.for_each(|row| take(row, Cell::Number(numbers.values()[row].into())));
    } else if let Some(texts) = column.as_string_opt::<i32>() {
        valid.for_each(|row| take(row, Cell::Text(texts.value(row))));
    } else {
        valid.for_each(|row| take(row, Cell::Text(&text_at(column, row))));
    }
}

/// The rows of a column that have a value.
struct ValidRows<'a> {
    nulls: Option<&'a NullBuffer>,
    rows: usize,
}

impl<'a> ValidRows<'a> {
    fn of(column: &'a ArrayRef) -> Self {
        Self { nulls: column.nulls(), rows: column.len() }
    }

    fn for_each(self, take: impl FnMut(usize)) {
        match self.nulls {
            Some(nulls) => nulls.valid_indices().for_each(take),
            None => (0..self.rows).for_each(take),
        }
    }
}
