//! The dictionary of the file that a column's keys point into, of which each value is looked at once.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _};
use arrow::buffer::NullBuffer;
use arrow::datatypes::Int32Type;

use crate::ingest::parquet::file::cells::text_at;

/// The dictionary that was met last.
#[derive(Debug, Default)]
pub(crate) struct FileDictionary(Option<ArrayRef>);

impl FileDictionary {
    /// Takes notice of a dictionary; true if it is another one than before, so that what was known of keys is void.
    pub(crate) fn changes_to(&mut self, values: &ArrayRef) -> bool {
        // All batches of a row group share one array. It is kept, so that no other can be put where it lay.
        let is_other = !self.0.as_ref().is_some_and(|known| Arc::ptr_eq(known, values));
        if is_other {
            self.0 = Some(Arc::clone(values));
        }
        is_other
    }

    /// The text with the key `key`; `None` if there is none.
    pub(crate) fn text(&self, key: usize) -> Option<String> {
        let values = self.0.as_ref().filter(|values| key < values.len())?;
        Some(text_at(values, key).into_owned())
    }
}

/// The keys of the rows of a column that has a dictionary: found once for a batch, because every row asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeysOfRows<'a> {
    keys: &'a [i32],
    nulls: Option<&'a NullBuffer>,
    /// The dictionary.
    pub(crate) values: &'a ArrayRef,
}

impl<'a> KeysOfRows<'a> {
    /// Those of `column`; `None` if it has no dictionary.
    pub(crate) fn of(column: &'a ArrayRef) -> Option<Self> {
        let column = column.as_dictionary_opt::<Int32Type>()?;
        Some(Self { keys: column.keys().values(), nulls: column.nulls(), values: column.values() })
    }

    /// The key at `row`; `None` if it has no value.
    #[inline]
    pub(crate) fn at(&self, row: usize) -> Option<usize> {
        let is_null = self.nulls.is_some_and(|nulls| nulls.is_null(row));
        if is_null { None } else { usize::try_from(self.keys[row]).ok() }
    }

    /// Whether some rows have the keys of others, one by one. Where some have no value, that is not known.
    pub(crate) fn are_equal(&self, rows: Range<usize>, others: Range<usize>) -> bool {
        self.nulls.is_none_or(|nulls| nulls.null_count() == 0) && self.keys[rows] == self.keys[others]
    }
}
