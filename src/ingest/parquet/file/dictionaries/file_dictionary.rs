//! The dictionary of the file that a column's keys point into, of which each value is looked at once.

use std::sync::Arc;

use arrow::array::ArrayRef;

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
