//! What is kept beside rows of attributes that have columns of their own, and whatever else a batch says of such.

use arrow::array::{Array as _, RecordBatch};

use crate::conventions::{OwnAttribute, OwnAttributes};
use crate::frame::OwnSlots;
use crate::ingest::parquet::file::own_texts::OwnTexts;
use crate::ingest::parquet::flat::mapping::dialect::Place;
use crate::ingest::parquet::flat::table::{BatchColumns, Table};

/// The attributes that are kept beside rows and are asked for.
pub(crate) struct OwnColumns {
    pub(crate) asked: OwnAttributes,
    /// Those that have columns of their own.
    columns: Vec<OwnColumn>,
    /// What the rows of the batch say; nothing unless something is asked for.
    pub(crate) of_rows: Vec<OwnSlots>,
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
        Self { asked, columns: columns.collect(), of_rows: Vec::new() }
    }

    /// The columns that are needed.
    pub(crate) fn places(&self) -> impl Iterator<Item = Place> + '_ {
        self.columns.iter().map(|column| column.place)
    }

    /// Begins a batch with what the columns say of its rows.
    pub(crate) fn read(&mut self, columns: &BatchColumns, batch: &RecordBatch) {
        if self.asked.is_empty() {
            return;
        }
        self.of_rows.iter_mut().for_each(OwnSlots::clear);
        self.of_rows.resize(batch.num_rows(), OwnSlots::default());
        for OwnColumn { attribute, rank, place, texts } in &mut self.columns {
            let Some(column) = columns.get(batch, *place) else { continue };
            texts.begin(column);
            // Few spans have most of these.
            let of_rows = &mut self.of_rows;
            let put = |row: usize| of_rows[row].put(*attribute, *rank, texts.kept_at(*attribute, column, row));
            match column.nulls() {
                Some(nulls) => nulls.valid_indices().for_each(put),
                None => (0..column.len()).for_each(put),
            }
        }
    }
}
