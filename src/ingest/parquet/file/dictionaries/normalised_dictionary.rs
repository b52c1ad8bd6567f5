//! Text columns whose values are too many to be kept, as indices into a dictionary of what is kept of them.

use std::hash::BuildHasher as _;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use parquet::errors::ParquetError;

use super::dictionary_indices::{ABSENT, DictionaryIndices};
use super::file_dictionary::FileDictionary;
use super::text_dictionary::{MANY_TEXTS, TextDictionary};
use crate::conventions::{Attribute, normalise};
use crate::frame::{ValueCaps, cap_normal};
use crate::ingest::parquet::file::cell::Cell;
use crate::ingest::parquet::file::column_cells::Cells;
use crate::ingest::parquet::file::fingerprint::Fingerprint;

/// What is kept of the texts of such a column ([`normalise`]), numbered alike for all its batches. What is not kept, their
/// arguments, is hashed.
#[derive(Debug)]
pub(crate) struct NormalisedDictionary {
    attribute: Attribute,
    caps: Arc<ValueCaps>,
    /// What tells the column from others in fingerprints.
    source: u32,
    kept: TextDictionary,
    dictionary: FileDictionary,
    of_keys: Vec<Option<(u32, u64)>>,
    /// Of long texts, which take long to normalise and often come again. Their hashes stand for them: that two of as many
    /// as are kept, 2^18, have the same one has a chance of 2^-29.
    of_texts: HashMap<u64, (u32, u64), FixedState>,
    normal: String,
}

impl NormalisedDictionary {
    pub(crate) fn new(attribute: Attribute, source: u32, caps: &Arc<ValueCaps>) -> Self {
        Self {
            attribute,
            caps: Arc::clone(caps),
            source,
            kept: TextDictionary::of_source(source),
            dictionary: FileDictionary::default(),
            of_keys: Vec::new(),
            of_texts: HashMap::default(),
            normal: String::new(),
        }
    }

    /// The normalised text with the index `index`.
    pub(crate) fn text(&self, index: u32) -> &str {
        self.kept.text(index)
    }

    /// Whether so many texts are kept that it is time to begin anew.
    pub(crate) fn is_large(&self) -> bool {
        self.kept.is_large()
    }

    /// The index of what is kept of `text`, and the hash of its arguments.
    pub(crate) fn index_of(&mut self, text: &str) -> (u32, u64) {
        if text.is_empty() {
            return (ABSENT, 0);
        }
        if !self.attribute.is_long_text() {
            let hash = normalise(self.attribute, text, self.caps.secrets, &mut self.normal);
            cap_normal(&self.caps, self.attribute, &mut self.normal);
            return (self.kept.index_of(&self.normal), hash);
        }
        let key = self.of_texts.hasher().hash_one(text);
        if let Some(&known) = self.of_texts.get(&key) {
            return known;
        }
        let hash = normalise(self.attribute, text, self.caps.secrets, &mut self.normal);
        cap_normal(&self.caps, self.attribute, &mut self.normal);
        let new = (self.kept.index_of(&self.normal), hash);
        if self.of_texts.len() >= MANY_TEXTS {
            self.of_texts.clear();
        }
        self.of_texts.insert(key, new);
        new
    }

    /// Fills `indices` with the indices of the rows of `column`, and tells each row that has a text, what that adds to its
    /// fingerprint, and the hash of the arguments.
    pub(crate) fn read_each(
        &mut self,
        mut column: Cells<'_>,
        indices: &mut DictionaryIndices,
        mut tell: impl FnMut(usize, Fingerprint, u64),
    ) -> Result<(), ParquetError> {
        if let Some(dictionary) = column.dictionary()?
            && self.dictionary.changes_to(dictionary)
        {
            self.of_keys.clear();
            self.of_keys.resize(dictionary.len(), None);
        }
        indices.fill(column, |row, cell| {
            let (index, hash) = match cell {
                Cell::Key(key) => self.index_of_key(key as usize),
                Cell::Text(text) => self.index_of(text),
                Cell::Bytes(bytes) => self.index_of(&String::from_utf8_lossy(bytes)),
                Cell::Number(number) => self.index_of(&number.to_string()),
            };
            if index != ABSENT {
                tell(row, Fingerprint::of(self.source, 0, index), hash);
            } else if hash != 0 {
                tell(row, Fingerprint::NOTHING, hash);
            }
            index
        })
    }

    fn index_of_key(&mut self, key: usize) -> (u32, u64) {
        if let Some(&Some(known)) = self.of_keys.get(key) {
            return known;
        }
        let Some(text) = self.dictionary.text(key) else { return (ABSENT, 0) };
        let new = self.index_of(&text);
        self.of_keys[key] = Some(new);
        new
    }
}
