//! The codes of the rows of a batch, kept without a place for rows that have none.

use arrow::array::BooleanBufferBuilder;
use arrow::util::bit_chunk_iterator::UnalignedBitChunk;
use arrow::util::bit_iterator::BitIndexIterator;
use parquet::errors::ParquetError;

use super::cell::Cell;
use super::column_cells::Cells;

/// The code of "no text": null and the empty text alike.
pub(crate) const ABSENT: u32 = 0;

/// The codes of the rows of a batch.
#[derive(Debug)]
pub(crate) struct RowCodes {
    /// Which rows have a value.
    present: BooleanBufferBuilder,
    /// The codes of those rows.
    codes: Vec<u32>,
}

impl Default for RowCodes {
    fn default() -> Self {
        Self { present: BooleanBufferBuilder::new(0), codes: Vec::new() }
    }
}

impl RowCodes {
    /// Forgets all rows.
    pub(crate) fn clear(&mut self) {
        self.present.truncate(0);
        self.codes.clear();
    }

    /// Forgets all rows, and takes those of `column` with the codes that `code` gives their cells.
    #[inline]
    pub(crate) fn fill(
        &mut self,
        column: Cells<'_>,
        mut code: impl FnMut(usize, Cell<'_>) -> u32,
    ) -> Result<(), ParquetError> {
        self.clear();
        column.for_each(&mut self.present, |row, cell| self.codes.push(code(row, cell)))
    }

    /// Hands over each row that has a value, and its code.
    pub(crate) fn for_each(&self, mut take: impl FnMut(usize, u32)) {
        let rows = BitIndexIterator::new(self.present.as_slice(), 0, self.present.len());
        rows.zip(&self.codes).for_each(|(row, &code)| take(row, code));
    }

    /// The code of a row.
    pub(crate) fn at(&self, row: usize) -> u32 {
        if row >= self.present.len() || !self.present.get_bit(row) {
            return ABSENT;
        }
        self.codes[UnalignedBitChunk::new(self.present.as_slice(), 0, row).count_ones()]
    }
}
