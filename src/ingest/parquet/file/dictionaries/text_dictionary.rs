//! Text columns as indices into one dictionary: equal texts of a column get equal small numbers in all its row groups,
//! whatever the column's type.
//!
//! Where the file keeps a column as a dictionary, each of its values is looked at once, and rows cost an array access.
//!
//! ```text
//! row group 0   dictionary [GET, POST]   keys 0 1 0        of_keys [1, 2]   indices 1 2 1
//! row group 1   dictionary [POST, PUT]   keys 1 0          of_keys [2, 3]   indices 3 2
//!               null, or no text                                            index   0
//! ```
//!
//! Keys mean something in one row group only, indices in the whole file, as long as nothing is forgotten: what was made
//! of indices, as fingerprints are, must be forgotten together with the dictionary.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use parquet::errors::ParquetError;

use super::dictionary_indices::{ABSENT, DictionaryIndices};
use super::file_dictionary::FileDictionary;
use crate::frame::{MANY_TEXT_BYTES, SignaturePart, Symbol, Symbols, ValueCaps};
use crate::ingest::parquet::file::cell::Cell;
use crate::ingest::parquet::file::cells::text_at;
use crate::ingest::parquet::file::column_cells::{Cells, for_each_cell};
use crate::ingest::parquet::file::fingerprint::Fingerprint;

/// The index of a value that has not been asked for.
const UNSEEN: u32 = u32::MAX;

/// So many distinct texts of a column are kept; more are not worth their memory.
pub(crate) const MANY_TEXTS: usize = 1 << 18;

/// The distinct texts of one column, numbered alike for all its batches.
#[derive(Debug, Default)]
pub(crate) struct TextDictionary {
    texts: Symbols,
    /// The text that was looked up last: what stands for values beyond a cap comes again and again.
    last: Option<Symbol>,
    /// What tells the column's indices from those of others in fingerprints.
    source: u32,
    /// How many distinct texts are told from one another, and as what part of signatures.
    cap: Option<(Arc<ValueCaps>, SignaturePart)>,
    dictionary: FileDictionary,
    /// By the keys of the file's dictionary.
    of_keys: Vec<Entry>,
    /// Of numbers below [`SMALL_NUMBERS`], as status codes and ports are.
    of_small_numbers: Vec<Entry>,
    indices_of_numbers: HashMap<i64, u32, FixedState>,
}

/// An index, and what it adds to fingerprints.
#[derive(Clone, Copy, Debug)]
struct Entry {
    index: u32,
    contribution: Fingerprint,
}

impl Entry {
    const UNSEEN: Self = Self { index: UNSEEN, contribution: Fingerprint::NOTHING };
    const ABSENT: Self = Self { index: ABSENT, contribution: Fingerprint::NOTHING };

    /// The index `index` of the source number `source`.
    fn of(source: u32, index: u32) -> Self {
        Self { index, contribution: Fingerprint::of(source, 0, index) }
    }
}

const SMALL_NUMBERS: usize = 1 << 10;

impl TextDictionary {
    /// Of the column that fingerprints know as source number `source`.
    pub(crate) fn of_source(source: u32) -> Self {
        Self { source, ..Self::default() }
    }

    /// The same; texts beyond the cap of `part` have one index.
    pub(crate) fn capped(self, caps: &Arc<ValueCaps>, part: SignaturePart) -> Self {
        Self { cap: Some((Arc::clone(caps), part)), ..self }
    }

    /// The index of `text`.
    pub(crate) fn index_of(&mut self, text: &str) -> u32 {
        let text = self.cap.as_ref().map_or(text, |(caps, part)| caps.kept_of_said(*part, text));
        if let Some(last) = self.last
            && self.texts.resolve(last) == text
        {
            return last.0;
        }
        let index = self.texts.intern(text);
        self.last = Some(index);
        index.0
    }

    /// The text with the index `index`.
    pub(crate) fn text(&self, index: u32) -> &str {
        self.texts.resolve(Symbol(index))
    }

    /// Number of distinct texts so far.
    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether so many texts are kept that it is time to begin anew.
    pub(crate) fn is_large(&self) -> bool {
        self.len() > MANY_TEXTS || self.texts.text_bytes() > MANY_TEXT_BYTES
    }

    /// Fills `indices` with one index a row.
    pub(crate) fn read(&mut self, column: &ArrayRef, indices: &mut Vec<u32>) {
        indices.clear();
        indices.resize(column.len(), ABSENT);
        self.begin(column);
        for_each_cell(column, |row, cell| indices[row] = self.entry(cell).index);
    }

    /// Fills `indices` with the indices of the rows of `column`, and tells each row that has a text, and what that adds to its
    /// fingerprint.
    pub(crate) fn read_each(
        &mut self,
        mut column: Cells<'_>,
        indices: &mut DictionaryIndices,
        mut tell: impl FnMut(usize, Fingerprint),
    ) -> Result<(), ParquetError> {
        if let Some(dictionary) = column.dictionary()? {
            self.begin_dictionary(dictionary);
        }
        indices.fill(column, |row, cell| {
            let entry = self.entry(cell);
            if entry.index != ABSENT {
                tell(row, entry.contribution);
            }
            entry.index
        })
    }

    #[inline]
    fn entry(&mut self, cell: Cell<'_>) -> Entry {
        // Nearly all cells of nearly all columns are keys that were met before.
        if let Cell::Key(key) = cell
            && let Some(known) = self.of_keys.get(key as usize)
            && known.index != UNSEEN
        {
            return *known;
        }
        self.find_entry(cell)
    }

    /// Apart, so that the way of known keys is small enough to become part of the loops over rows.
    #[inline(never)]
    fn find_entry(&mut self, cell: Cell<'_>) -> Entry {
        match cell {
            Cell::Key(key) => self.entry_of_new_key(key as usize),
            Cell::Number(number) => self.entry_of_number(number),
            Cell::Text(text) => Entry::of(self.source, self.index_of(text)),
            Cell::Bytes(bytes) => Entry::of(self.source, self.index_of(&String::from_utf8_lossy(bytes))),
        }
    }

    fn entry_of_new_key(&mut self, key: usize) -> Entry {
        let Some(text) = self.dictionary.text(key) else { return Entry::ABSENT };
        let new = Entry::of(self.source, self.index_of(&text));
        self.of_keys[key] = new;
        new
    }

    /// Prepares [`Self::index_at`] for the rows of `column`.
    pub(crate) fn begin(&mut self, column: &ArrayRef) {
        if let Some(column) = column.as_dictionary_opt::<Int32Type>() {
            self.begin_dictionary(column.values());
        }
    }

    fn begin_dictionary(&mut self, values: &ArrayRef) {
        if self.dictionary.changes_to(values) {
            self.of_keys.clear();
            self.of_keys.resize(values.len(), Entry::UNSEEN);
        }
    }

    /// The index at `row` of the column that was begun last.
    pub(crate) fn index_at(&mut self, column: &ArrayRef, row: usize) -> u32 {
        if column.is_null(row) {
            return ABSENT;
        }
        match column.data_type() {
            DataType::Dictionary(_, _) => self.index_in_dictionary(column, row),
            DataType::Utf8 => self.index_of(column.as_string::<i32>().value(row)),
            DataType::Int64 => self.entry_of_number(column.as_primitive::<Int64Type>().value(row)).index,
            DataType::Int32 => self.entry_of_number(column.as_primitive::<Int32Type>().value(row).into()).index,
            _ => self.index_of(&text_at(column, row)),
        }
    }

    /// The index of a key of the dictionary that was begun last.
    #[inline]
    pub(crate) fn index_of_key(&mut self, key: usize) -> u32 {
        u32::try_from(key).map_or(ABSENT, |key| self.entry(Cell::Key(key)).index)
    }

    fn index_in_dictionary(&mut self, column: &ArrayRef, row: usize) -> u32 {
        match column.as_dictionary_opt::<Int32Type>() {
            Some(column) => self.entry(Cell::Key(column.keys().value(row) as u32)).index,
            None => ABSENT,
        }
    }

    fn entry_of_number(&mut self, number: i64) -> Entry {
        if !(0..SMALL_NUMBERS as i64).contains(&number) {
            return Entry::of(self.source, self.index_of_number(number));
        }
        self.of_small_numbers.resize(SMALL_NUMBERS, Entry::UNSEEN);
        if self.of_small_numbers[number as usize].index == UNSEEN {
            self.of_small_numbers[number as usize] = Entry::of(self.source, self.index_of(&number.to_string()));
        }
        self.of_small_numbers[number as usize]
    }

    fn index_of_number(&mut self, number: i64) -> u32 {
        if let Some(&index) = self.indices_of_numbers.get(&number) {
            return index;
        }
        let index = self.index_of(&number.to_string());
        self.indices_of_numbers.insert(number, index);
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{DictionaryArray, Int32Array, StringArray};

    /// Text, a dictionary and numbers agree; what stands under a null is not looked at.
    #[test]
    fn equal_texts_have_equal_indices() {
        let plain: ArrayRef = Arc::new(StringArray::from(vec![Some("5"), None, Some(""), Some("6")]));
        let keys = Int32Array::new(vec![1, 1, 0, 2].into(), Some(vec![true, false, true, true].into()));
        let values = Arc::new(StringArray::from(vec!["", "5", "6"]));
        let dictionary: ArrayRef = Arc::new(DictionaryArray::new(keys, values));
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(5), None, None, Some(6)]));

        let mut indices = TextDictionary::default();
        let mut all = Vec::new();
        for column in [plain, dictionary, numbers] {
            let mut of_column = Vec::new();
            indices.read(&column, &mut of_column);
            all.push(of_column);
        }
        assert_eq!(all[0], all[1]);
        assert_eq!(all[0], all[2]);
        assert_eq!(indices.text(all[0][3]), "6");
        assert_eq!(all[0][1], ABSENT);
    }
}
