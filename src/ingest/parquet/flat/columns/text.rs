//! A text column that is part of a signature: which one, what dictionary its texts are in, and the indices of the current batch.

use std::sync::Arc;

use arrow::array::RecordBatch;
use parquet::errors::ParquetError;

use crate::conventions::Attribute;
use crate::frame::{SignaturePart, Symbol, ValueCaps};
use crate::ingest::parquet::file::column_cells::Cells;
use crate::ingest::parquet::file::dictionaries::dictionary_indices::DictionaryIndices;
use crate::ingest::parquet::file::dictionaries::normalised_dictionary::NormalisedDictionary;
use crate::ingest::parquet::file::dictionaries::text_dictionary::TextDictionary;
use crate::ingest::parquet::file::fingerprint::Fingerprint;
use crate::ingest::parquet::file::pages::ColumnPages;
use crate::ingest::parquet::flat::mapping::dialect::Place;
use crate::ingest::parquet::flat::table::BatchColumns;

/// A text column that is part of a signature.
pub(crate) struct TextColumn {
    pub(crate) says: Says,
    pub(crate) place: Place,
    texts: Texts,
    /// The column in the current row group, unless Arrow reads it.
    pub(crate) pages: Option<ColumnPages>,
    indices: DictionaryIndices,
    /// By the indices of texts, once they are asked for.
    symbols: Vec<Option<Symbol>>,
    source: u32,
}

/// What a text column says of a span.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Says {
    /// The service.
    Service,
    /// The span's name.
    Name,
    /// Its kind.
    Kind,
    /// Its status.
    Status,
    /// An attribute, under the spelling with this number.
    Attribute(Attribute, u8),
}

/// The texts of a column, whole or normalised.
enum Texts {
    Whole(TextDictionary),
    Normal(NormalisedDictionary),
}

impl Texts {
    fn of(says: Says, source: u32, caps: &Arc<ValueCaps>) -> Self {
        let whole = TextDictionary::of_source(source);
        match says {
            Says::Attribute(attribute, _) if attribute.is_normalised() => {
                Self::Normal(NormalisedDictionary::new(attribute, source, caps))
            }
            Says::Attribute(attribute, _) => Self::Whole(whole.capped(caps, attribute.into())),
            Says::Name => Self::Whole(whole.capped(caps, SignaturePart::NAME)),
            Says::Service => Self::Whole(whole.capped(caps, SignaturePart::SERVICE)),
            Says::Kind | Says::Status => Self::Whole(whole),
        }
    }

    fn text(&self, index: u32) -> &str {
        match self {
            Self::Whole(texts) => texts.text(index),
            Self::Normal(texts) => texts.text(index),
        }
    }

    fn is_large(&self) -> bool {
        match self {
            Self::Whole(texts) => texts.is_large(),
            Self::Normal(texts) => texts.is_large(),
        }
    }
}

impl TextColumn {
    pub(crate) fn new(says: Says, place: Place, source: u32, caps: &Arc<ValueCaps>) -> Self {
        Self {
            says,
            place,
            texts: Texts::of(says, source, caps),
            pages: None,
            indices: DictionaryIndices::default(),
            symbols: Vec::new(),
            source,
        }
    }

    /// Whether only a normalised form of its texts is kept.
    pub(crate) fn is_normalised(&self) -> bool {
        matches!(self.texts, Texts::Normal(_))
    }

    /// Whether it tells who is at the other end of a connection.
    pub(crate) fn is_peer(&self) -> bool {
        matches!(self.says, Says::Attribute(attribute, _) if attribute.is_peer())
    }

    /// Whether so many texts are kept that it is time to begin anew.
    pub(crate) fn is_large(&self) -> bool {
        self.texts.is_large()
    }

    /// Forgets all texts and their indices.
    pub(crate) fn forget(&mut self, caps: &Arc<ValueCaps>) {
        self.texts = Texts::of(self.says, self.source, caps);
        self.symbols = Vec::new();
    }

    /// The text with the index `index`.
    pub(crate) fn text(&self, index: u32) -> &str {
        self.texts.text(index)
    }

    /// The text at `row` of the batch; empty if it has none.
    pub(crate) fn text_at(&self, row: usize) -> &str {
        self.text(self.indices.at(row))
    }

    /// The symbol of the text at `row` of the batch, which `symbol_of` tells: it is asked once for each text.
    pub(crate) fn symbol_at(&mut self, row: usize, symbol_of: impl FnOnce(&str) -> Symbol) -> Symbol {
        let Self { texts, indices, symbols, .. } = self;
        let index = indices.at(row);
        if symbols.len() <= index as usize {
            symbols.resize(index as usize + 1, None);
        }
        *symbols[index as usize].get_or_insert_with(|| symbol_of(texts.text(index)))
    }

    /// Whether no row of the batch has a text.
    pub(crate) fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// Hands over each row of the batch that has a text, and its index.
    pub(crate) fn for_each_index(&self, take: impl FnMut(usize, u32)) {
        self.indices.for_each(take);
    }

    /// Reads the rows of a batch: adds what they say to their fingerprints, and tells the hashes of the arguments of
    /// normalised texts.
    pub(crate) fn read(
        &mut self,
        columns: &BatchColumns,
        batch: &RecordBatch,
        fingerprints: &mut [Fingerprint],
        mut tell: impl FnMut(Says, usize, u64),
    ) -> Result<(), ParquetError> {
        self.indices.clear();
        let column = match (&mut self.pages, columns.get(batch, self.place)) {
            (Some(pages), _) => Cells::Pages(pages, batch.num_rows()),
            (None, Some(column)) => Cells::Array(column),
            (None, None) => return Ok(()),
        };
        match &mut self.texts {
            Texts::Whole(texts) => texts.read_each(column, &mut self.indices, |row, contribution| {
                fingerprints[row].merge(contribution);
            }),
            Texts::Normal(texts) => texts.read_each(column, &mut self.indices, |row, contribution, hash| {
                fingerprints[row].merge(contribution);
                tell(self.says, row, hash);
            }),
        }
    }
}
