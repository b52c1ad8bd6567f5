//! What is kept beside rows of attributes that have columns of their own, and whatever else a batch says of such.

use arrow::array::{Array as _, RecordBatch};

use crate::conventions::{OwnAttribute, OwnAttributes};
use crate::frame::{OwnSlots, OwnValues};
use crate::ingest::parquet::file::own_texts::OwnTexts;
use crate::ingest::parquet::flat::mapping::dialect::Place;
use crate::ingest::parquet::flat::table::{BatchColumns, Table};

/// The attributes that are kept beside rows and are asked for.
pub(crate) struct OwnColumns {
    pub(crate) asked: OwnAttributes,
    /// Those that have columns of their own.
    columns: Vec<OwnColumn>,
    /// What the rows of the batch say; nothing unless something is asked for.
    pub(crate) of_rows: SlotsOfRows,
}

/// What the rows of a batch say. Most say nothing, and slots are large, so that those of rows that say nothing are not touched.
#[derive(Default)]
pub(crate) struct SlotsOfRows {
    slots: Vec<OwnSlots>,
    /// Whether a row says something.
    says_some: Vec<bool>,
}

impl SlotsOfRows {
    /// Forgets everything, and makes it so many rows.
    fn begin(&mut self, rows: usize) {
        let slots = self.slots.iter_mut().zip(&self.says_some);
        slots.filter(|(_, says_some)| **says_some).for_each(|(slots, _)| *slots = OwnSlots::default());
        self.says_some.clear();
        self.says_some.resize(rows, false);
        self.slots.resize(rows, OwnSlots::default());
    }

    /// The slots of a row that says something.
    pub(crate) fn slots(&mut self, row: usize) -> &mut OwnSlots {
        self.says_some[row] = true;
        &mut self.slots[row]
    }

    /// What a row says, if it is one of the batch.
    fn values(&self, row: usize) -> Option<&OwnValues> {
        let says_some = *self.says_some.get(row)?;
        Some(if says_some { self.slots[row].values() } else { &OwnValues::NONE })
    }
}

/// A column that holds one of them, under the spelling with this number.
struct OwnColumn {
    attribute: OwnAttribute,
    rank: u8,
    place: Place,
    texts: OwnTexts,
}

impl OwnColumns {
    pub(crate) fn new(table: &Table, asked: OwnAttributes) -> Self {
        let columns = table.mapping.flat.iter().filter_map(|flat| {
            let (attribute, rank) = flat.own.filter(|(attribute, _)| asked.contains(*attribute))?;
            let place = Place { root: flat.root, child: None };
            Some(OwnColumn { attribute, rank, place, texts: OwnTexts::default() })
        });
        Self { asked, columns: columns.collect(), of_rows: SlotsOfRows::default() }
    }

    /// The columns that are needed.
    pub(crate) fn places(&self) -> impl Iterator<Item = Place> + '_ {
        self.columns.iter().map(|column| column.place)
    }

    /// What the span at `row` of the batch says, if anything is asked for.
    pub(crate) fn values(&self, row: usize) -> Option<&OwnValues> {
        if self.asked.is_empty() { None } else { self.of_rows.values(row) }
    }

    /// Begins a batch with what the columns say of its rows.
    pub(crate) fn read(&mut self, columns: &BatchColumns, batch: &RecordBatch) {
        if self.asked.is_empty() {
            return;
        }
        self.of_rows.begin(batch.num_rows());
        for OwnColumn { attribute, rank, place, texts } in &mut self.columns {
            let Some(column) = columns.get(batch, *place) else { continue };
            texts.begin(column);
            // Few spans have most of these.
            let of_rows = &mut self.of_rows;
            let put = |row: usize| of_rows.slots(row).put(*attribute, *rank, texts.kept_at(*attribute, column, row));
            match column.nulls() {
                Some(nulls) => nulls.valid_indices().for_each(put),
                None => (0..column.len()).for_each(put),
            }
        }
    }
}
