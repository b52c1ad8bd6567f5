//! The indices of the rows of a batch into a dictionary, kept without a place for rows that have none.

use arrow::array::BooleanBufferBuilder;
use arrow::util::bit_chunk_iterator::UnalignedBitChunk;
use arrow::util::bit_iterator::BitIndexIterator;
use parquet::errors::ParquetError;

use crate::ingest::parquet::file::cell::Cell;
use crate::ingest::parquet::file::column_cells::Cells;

/// The index of "no text": null and the empty text alike.
pub(crate) const ABSENT: u32 = 0;

/// The indices of the rows of a batch.
#[derive(Debug)]
pub(crate) struct DictionaryIndices {
    /// Which rows have a value.
    present: BooleanBufferBuilder,
    /// The indices of those rows.
    indices: Vec<u32>,
}

impl Default for DictionaryIndices {
    fn default() -> Self {
        Self { present: BooleanBufferBuilder::new(0), indices: Vec::new() }
    }
}

impl DictionaryIndices {
    /// Forgets all rows.
    pub(crate) fn clear(&mut self) {
        self.present.truncate(0);
        self.indices.clear();
    }

    /// Forgets all rows, and takes those of `column` with the indices that `index` gives their cells.
    #[inline]
    pub(crate) fn fill(
        &mut self,
        column: Cells<'_>,
        mut index: impl FnMut(usize, Cell<'_>) -> u32,
    ) -> Result<(), ParquetError> {
        self.clear();
        column.for_each(&mut self.present, |row, cell| self.indices.push(index(row, cell)))
    }

    /// Hands over each row that has a value, and its index.
    pub(crate) fn for_each(&self, mut take: impl FnMut(usize, u32)) {
        let rows = BitIndexIterator::new(self.present.as_slice(), 0, self.present.len());
        rows.zip(&self.indices).for_each(|(row, &index)| take(row, index));
    }

    /// The index of a row.
    pub(crate) fn at(&self, row: usize) -> u32 {
        if row >= self.present.len() || !self.present.get_bit(row) {
            return ABSENT;
        }
        // Bits need not be counted where each row has a value, as names and services do.
        if self.indices.len() == self.present.len() {
            return self.indices[row];
        }
        // Counting takes longer the later the row is. Only rows that say what no row before them said are asked for.
        self.indices[UnalignedBitChunk::new(self.present.as_slice(), 0, row).count_ones()]
    }
}
