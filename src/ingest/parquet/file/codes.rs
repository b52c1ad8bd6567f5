//! Text columns as codes: equal texts of one column get equal small numbers, whatever the column's type.
//!
//! Where the file keeps a column as a dictionary, each of its values is looked at once, and rows cost an array access.

use std::hash::BuildHasher as _;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use parquet::errors::ParquetError;

use super::cell::Cell;
use super::column_cells::{Cells, for_each_cell};
use super::dictionary::Dictionary;
use super::fingerprint::Fingerprint;
use super::row_codes::{ABSENT, RowCodes};
use crate::conventions::{Attribute, normalise};
use crate::frame::{MANY_TEXT_BYTES, Symbol, Symbols};
use crate::ingest::parquet::file::cells::text_at;

/// The code of a value that has not been asked for.
const UNSEEN: u32 = u32::MAX;

/// So many distinct texts of a column are kept; more are not worth their memory.
const MANY_TEXTS: usize = 1 << 18;

/// Codes of the texts of one column, the same for all its batches.
#[derive(Debug, Default)]
pub(crate) struct TextCodes {
    texts: Symbols,
    /// What tells the column's codes from those of others in fingerprints.
    source: u32,
    dictionary: Dictionary,
    of_dictionary: Vec<Coded>,
    /// Of numbers below [`SMALL_NUMBERS`], as status codes and ports are.
    of_small_numbers: Vec<Coded>,
    codes_of_numbers: HashMap<i64, u32, FixedState>,
}

/// A code, and what it adds to fingerprints.
#[derive(Clone, Copy, Debug)]
struct Coded {
    code: u32,
    contribution: Fingerprint,
}

impl Coded {
    const UNSEEN: Self = Self { code: UNSEEN, contribution: Fingerprint::NOTHING };
    const ABSENT: Self = Self { code: ABSENT, contribution: Fingerprint::NOTHING };

    /// The code `code` of the source number `source`.
    fn of(source: u32, code: u32) -> Self {
        Self { code, contribution: Fingerprint::of(source, 0, code) }
    }
}

const SMALL_NUMBERS: usize = 1 << 10;

impl TextCodes {
    /// Of the column that fingerprints know as source number `source`.
    pub(crate) fn of_source(source: u32) -> Self {
        Self { source, ..Self::default() }
    }

    /// The code of `text`.
    pub(crate) fn code(&mut self, text: &str) -> u32 {
        self.texts.intern(text).0
    }

    /// The text with the code `code`.
    pub(crate) fn text(&self, code: u32) -> &str {
        self.texts.resolve(Symbol(code))
    }

    /// Number of distinct texts so far.
    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether so many texts are kept that it is time to begin anew.
    pub(crate) fn is_large(&self) -> bool {
        self.len() > MANY_TEXTS || self.texts.text_bytes() > MANY_TEXT_BYTES
    }

    /// Fills `codes` with one code a row.
    pub(crate) fn read(&mut self, column: &ArrayRef, codes: &mut Vec<u32>) {
        codes.clear();
        codes.resize(column.len(), ABSENT);
        self.begin(column);
        for_each_cell(column, |row, cell| codes[row] = self.coded(cell).code);
    }

    /// Fills `codes` with the codes of the rows of `column`, and tells each row that has a text, and what that adds to its
    /// fingerprint.
    pub(crate) fn read_each(
        &mut self,
        mut column: Cells<'_>,
        codes: &mut RowCodes,
        mut tell: impl FnMut(usize, Fingerprint),
    ) -> Result<(), ParquetError> {
        if let Some(dictionary) = column.dictionary()? {
            self.begin_dictionary(dictionary);
        }
        codes.fill(column, |row, cell| {
            let coded = self.coded(cell);
            if coded.code != ABSENT {
                tell(row, coded.contribution);
            }
            coded.code
        })
    }

    #[inline]
    fn coded(&mut self, cell: Cell<'_>) -> Coded {
        // Nearly all cells of nearly all columns are keys that were met before.
        if let Cell::Key(key) = cell
            && let Some(known) = self.of_dictionary.get(key as usize)
            && known.code != UNSEEN
        {
            return *known;
        }
        self.coded_other(cell)
    }

    #[inline(never)]
    fn coded_other(&mut self, cell: Cell<'_>) -> Coded {
        match cell {
            Cell::Key(key) => self.coded_new_key(key as usize),
            Cell::Number(number) => self.coded_number(number),
            Cell::Text(text) => Coded::of(self.source, self.code(text)),
            Cell::Bytes(bytes) => Coded::of(self.source, self.code(&String::from_utf8_lossy(bytes))),
        }
    }

    fn coded_new_key(&mut self, key: usize) -> Coded {
        let Some(text) = self.dictionary.text(key) else { return Coded::ABSENT };
        let new = Coded::of(self.source, self.code(&text));
        self.of_dictionary[key] = new;
        new
    }

    /// Prepares [`Self::code_at`] for the rows of `column`.
    pub(crate) fn begin(&mut self, column: &ArrayRef) {
        if let Some(column) = column.as_dictionary_opt::<Int32Type>() {
            self.begin_dictionary(column.values());
        }
    }

    fn begin_dictionary(&mut self, values: &ArrayRef) {
        if self.dictionary.changes_to(values) {
            self.of_dictionary.clear();
            self.of_dictionary.resize(values.len(), Coded::UNSEEN);
        }
    }

    /// The code at `row` of the column that was begun last.
    pub(crate) fn code_at(&mut self, column: &ArrayRef, row: usize) -> u32 {
        if column.is_null(row) {
            return ABSENT;
        }
        match column.data_type() {
            DataType::Dictionary(_, _) => self.code_in_dictionary(column, row),
            DataType::Utf8 => self.code(column.as_string::<i32>().value(row)),
            DataType::Int64 => self.coded_number(column.as_primitive::<Int64Type>().value(row)).code,
            DataType::Int32 => self.coded_number(column.as_primitive::<Int32Type>().value(row).into()).code,
            _ => self.code(&text_at(column, row)),
        }
    }

    fn code_in_dictionary(&mut self, column: &ArrayRef, row: usize) -> u32 {
        match column.as_dictionary_opt::<Int32Type>() {
            Some(column) => self.coded(Cell::Key(column.keys().value(row) as u32)).code,
            None => ABSENT,
        }
    }

    fn coded_number(&mut self, number: i64) -> Coded {
        if !(0..SMALL_NUMBERS as i64).contains(&number) {
            return Coded::of(self.source, self.code_of_number(number));
        }
        self.of_small_numbers.resize(SMALL_NUMBERS, Coded::UNSEEN);
        if self.of_small_numbers[number as usize].code == UNSEEN {
            self.of_small_numbers[number as usize] = Coded::of(self.source, self.code(&number.to_string()));
        }
        self.of_small_numbers[number as usize]
    }

    fn code_of_number(&mut self, number: i64) -> u32 {
        if let Some(&code) = self.codes_of_numbers.get(&number) {
            return code;
        }
        let code = self.code(&number.to_string());
        self.codes_of_numbers.insert(number, code);
        code
    }
}

/// The same for a column whose values are too many to be kept: its codes are those of what is kept of them
/// ([`normalise`]), and arguments are hashed.
#[derive(Debug)]
pub(crate) struct NormalCodes {
    attribute: Attribute,
    codes: TextCodes,
    dictionary: Dictionary,
    of_dictionary: Vec<Option<(u32, u64)>>,
    /// Of query texts, which take long to normalise and often come again.
    of_texts: HashMap<u64, (u32, u64), FixedState>,
    normal: String,
}

impl NormalCodes {
    pub(crate) fn new(attribute: Attribute, source: u32) -> Self {
        Self {
            attribute,
            codes: TextCodes::of_source(source),
            dictionary: Dictionary::default(),
            of_dictionary: Vec::new(),
            of_texts: HashMap::default(),
            normal: String::new(),
        }
    }

    /// The normalised text with the code `code`.
    pub(crate) fn text(&self, code: u32) -> &str {
        self.codes.text(code)
    }

    /// Whether so many texts are kept that it is time to begin anew.
    pub(crate) fn is_large(&self) -> bool {
        self.codes.is_large()
    }

    /// The code of what is kept of `text`, and the hash of its arguments.
    pub(crate) fn code(&mut self, text: &str) -> (u32, u64) {
        if text.is_empty() {
            return (ABSENT, 0);
        }
        if self.attribute != Attribute::DbQueryText {
            let hash = normalise(self.attribute, text, &mut self.normal);
            return (self.codes.code(&self.normal), hash);
        }
        let key = self.of_texts.hasher().hash_one(text);
        if let Some(&known) = self.of_texts.get(&key) {
            return known;
        }
        let hash = normalise(self.attribute, text, &mut self.normal);
        let new = (self.codes.code(&self.normal), hash);
        if self.of_texts.len() >= MANY_TEXTS {
            self.of_texts.clear();
        }
        self.of_texts.insert(key, new);
        new
    }

    /// Fills `codes` with the codes of the rows of `column`, and tells each row that has a text, what that adds to its
    /// fingerprint, and the hash of the arguments.
    pub(crate) fn read_each(
        &mut self,
        mut column: Cells<'_>,
        codes: &mut RowCodes,
        mut tell: impl FnMut(usize, Fingerprint, u64),
    ) -> Result<(), ParquetError> {
        if let Some(dictionary) = column.dictionary()?
            && self.dictionary.changes_to(dictionary)
        {
            self.of_dictionary.clear();
            self.of_dictionary.resize(dictionary.len(), None);
        }
        codes.fill(column, |row, cell| {
            let (code, hash) = match cell {
                Cell::Key(key) => self.code_of_key(key as usize),
                Cell::Text(text) => self.code(text),
                Cell::Bytes(bytes) => self.code(&String::from_utf8_lossy(bytes)),
                Cell::Number(number) => self.code(&number.to_string()),
            };
            if code != ABSENT {
                tell(row, Fingerprint::of(self.codes.source, 0, code), hash);
            }
            code
        })
    }

    fn code_of_key(&mut self, key: usize) -> (u32, u64) {
        if let Some(&Some(known)) = self.of_dictionary.get(key) {
            return known;
        }
        let Some(text) = self.dictionary.text(key) else { return (ABSENT, 0) };
        let new = self.code(&text);
        self.of_dictionary[key] = Some(new);
        new
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use arrow::array::{DictionaryArray, Int32Array, StringArray};

    /// Text, a dictionary and numbers agree; what stands under a null is not looked at.
    #[test]
    fn equal_texts_have_equal_codes() {
        let plain: ArrayRef = Arc::new(StringArray::from(vec![Some("5"), None, Some(""), Some("6")]));
        let keys = Int32Array::new(vec![1, 1, 0, 2].into(), Some(vec![true, false, true, true].into()));
        let values = Arc::new(StringArray::from(vec!["", "5", "6"]));
        let dictionary: ArrayRef = Arc::new(DictionaryArray::new(keys, values));
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(5), None, None, Some(6)]));

        let mut codes = TextCodes::default();
        let mut all = Vec::new();
        for column in [plain, dictionary, numbers] {
            let mut of_column = Vec::new();
            codes.read(&column, &mut of_column);
            all.push(of_column);
        }
        assert_eq!(all[0], all[1]);
        assert_eq!(all[0], all[2]);
        assert_eq!(codes.text(all[0][3]), "6");
        assert_eq!(all[0][1], ABSENT);
    }
}
