//! The indices of the rows of a batch into a dictionary, kept without a place for rows that have none.

use std::sync::OnceLock;

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
    /// How many rows before each run of [`RUN`] have a value, once somebody asks for a row.
    before_runs: OnceLock<Vec<u32>>,
}

/// So many rows are counted each time that a row is asked for.
const RUN: usize = 64;

impl Default for DictionaryIndices {
    fn default() -> Self {
        Self { present: BooleanBufferBuilder::new(0), indices: Vec::new(), before_runs: OnceLock::new() }
    }
}

impl DictionaryIndices {
    /// Forgets all rows.
    pub(crate) fn clear(&mut self) {
        self.present.truncate(0);
        self.indices.clear();
        self.before_runs.take();
    }

    /// Whether no row has a value.
    pub(crate) fn is_empty(&self) -> bool {
        self.indices.is_empty()
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
        let present = self.present.as_slice();
        let before_runs = self.before_runs.get_or_init(|| {
            let runs = present.chunks(RUN / 8).map(|run| run.iter().map(|byte| byte.count_ones()).sum::<u32>());
            let begins = runs.scan(0, |count, run| Some(std::mem::replace(count, *count + run)));
            begins.collect()
        });
        let run = row / RUN;
        let in_run = UnalignedBitChunk::new(present, run * RUN, row % RUN).count_ones();
        self.indices[before_runs[run] as usize + in_run]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wherever a row lies in its run, and however many rows before it have none.
    #[test]
    fn rows_have_the_indices_that_were_given_to_them() {
        for (rows, one_in) in [(1, 1), (64, 1), (200, 1), (200, 2), (200, 3), (1_000, 70), (1_000, 2_000)] {
            let index_of = |row: usize| if row % one_in == one_in - 1 { row as u32 + 1 } else { ABSENT };
            let mut indices = DictionaryIndices::default();
            for row in 0..rows {
                indices.present.append(index_of(row) != ABSENT);
            }
            indices.indices = (0..rows).map(index_of).filter(|&index| index != ABSENT).collect();
            for row in 0..rows {
                assert_eq!(indices.at(row), index_of(row), "row {row} of {rows}");
            }
            assert_eq!(indices.at(rows), ABSENT, "no row");
            assert_eq!(indices.is_empty(), one_in > rows);
            indices.clear();
            assert_eq!(indices.at(0), ABSENT, "forgotten");
        }
    }
}
