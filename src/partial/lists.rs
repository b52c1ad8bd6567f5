//! A column of lists.

use std::fmt::{self, Debug, Formatter};

use arrow::error::ArrowError;

use super::columns::{Columns, Scalar};
use super::group::{GroupReader, GroupWriter};

/// A chunk of values takes lists until it has so many: enough that few are begun, and so few that the room which the last of them
/// has to spare is small.
const VALUES_PER_CHUNK: usize = 1 << 16;

/// Lists of values, one a row. They lie in chunks that are moved and never copied, because the values of all rows are the most
/// that a run keeps.
#[derive(Clone, Default)]
pub(crate) struct Lists<T> {
    /// Where each list ends in its chunk.
    ends: Vec<u32>,
    chunks: Vec<Chunk<T>>,
}

/// The lists of some rows, end to end.
#[derive(Clone, Debug)]
struct Chunk<T> {
    first_row: usize,
    values: Vec<T>,
}

/// The lists, in whatever chunks they lie.
impl<T: Copy + Debug> Debug for Lists<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_list().entries((0..self.len()).map(|row| self.get(row))).finish()
    }
}

impl<T: Copy> Lists<T> {
    /// Adds a list.
    pub(crate) fn push_slice(&mut self, list: &[T]) {
        let values = self.room_for(list.len());
        values.extend_from_slice(list);
        let end = values.len() as u32;
        self.ends.push(end);
    }

    /// The values of the last chunk, which are so few that a list of that length fits in.
    fn room_for(&mut self, length: usize) -> &mut Vec<T> {
        let is_full = self
            .chunks
            .last()
            .is_none_or(|chunk| !chunk.values.is_empty() && chunk.values.len() + length > VALUES_PER_CHUNK);
        if is_full {
            self.chunks.push(Chunk { first_row: self.ends.len(), values: Vec::new() });
        }
        let last = self.chunks.len() - 1;
        &mut self.chunks[last].values
    }

    /// Number of lists.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The list of `row`.
    pub(crate) fn get(&self, row: usize) -> &[T] {
        let chunk = &self.chunks[self.chunks.partition_point(|chunk| chunk.first_row <= row) - 1];
        let start = if row == chunk.first_row { 0 } else { self.ends[row - 1] };
        &chunk.values[start as usize..self.ends[row] as usize]
    }
}

impl<T: Scalar> Columns for Lists<T> {
    type Row = Vec<T>;

    fn push(&mut self, row: Vec<T>) {
        self.push_slice(&row);
    }

    fn append(&mut self, mut other: Self) {
        let rows = self.ends.len();
        other.chunks.iter_mut().for_each(|chunk| chunk.first_row += rows);
        self.chunks.append(&mut other.chunks);
        self.ends.append(&mut other.ends);
    }

    fn retain(&mut self, keep: &dyn Fn(usize) -> bool) {
        let Self { ends, chunks } = std::mem::take(self);
        let mut rows = (0..).zip(ends).peekable();
        let mut first_rows: Vec<usize> = chunks.iter().map(|chunk| chunk.first_row).skip(1).collect();
        first_rows.push(usize::MAX);
        for (Chunk { values, .. }, next_chunk) in chunks.into_iter().zip(first_rows) {
            let mut start = 0;
            while let Some((row, end)) = rows.next_if(|&(row, _)| row < next_chunk) {
                let list = &values[start as usize..end as usize];
                if keep(row) {
                    self.push_slice(list);
                }
                start = end;
            }
        }
    }

    fn bytes(&self) -> usize {
        let values: usize = self.chunks.iter().map(|chunk| chunk.values.len()).sum();
        self.ends.len() * size_of::<u32>() + values * size_of::<T>()
    }

    /// Lengths go with the other columns; values, which are more or fewer than rows, into a group of their own.
    fn write(&self, name: &str, group: &mut GroupWriter<'_>) {
        group.u32s(name, (0..self.len()).map(|row| self.get(row).len() as u32));
        let values = self.chunks.iter().flat_map(|chunk| &chunk.values).copied();
        group.beside(name, |group| T::write("values", values, group));
    }

    fn read(name: &str, group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let lengths = group.u32s(name)?;
        let values = group.beside(name, |values| T::read("values", values))?;
        let told: usize = lengths.iter().map(|&length| length as usize).sum();
        if values.len() != told {
            return Err(ArrowError::ParseError(format!(
                "lists of {name} have {told} values, and {} are there",
                values.len()
            )));
        }
        let (mut lists, mut rest) = (Self::default(), values.as_slice());
        for length in lengths {
            let (list, behind) = rest.split_at(length as usize);
            lists.push_slice(list);
            rest = behind;
        }
        Ok(lists)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Lists come back from their chunks, whatever their lengths, also behind others and where some are dropped.
        #[test]
        fn lists_come_back(
            lengths in proptest::collection::vec(
                proptest::collection::vec(prop_oneof![0..4usize, 0..VALUES_PER_CHUNK / 2, Just(2 * VALUES_PER_CHUNK)], 0..8),
                0..4,
            ),
            kept in any::<u32>(),
        ) {
            let keep = |row: usize| kept >> (row % 32) & 1 == 1;
            let (mut lists, mut expected) = (Lists::default(), Vec::new());
            for lengths in lengths {
                let mut behind = Lists::default();
                for length in lengths {
                    let list: Vec<u32> = (expected.len() as u32..).take(length).collect();
                    behind.push_slice(&list);
                    expected.push(list);
                }
                lists.append(behind);
            }
            let found = |lists: &Lists<u32>| (0..lists.len()).map(|row| lists.get(row).to_vec()).collect::<Vec<_>>();
            prop_assert!(found(&lists) == expected);
            lists.retain(&keep);
            let mut rows = 0..;
            expected.retain(|_| rows.next().is_some_and(keep));
            prop_assert!(found(&lists) == expected);
            let values: usize = expected.iter().map(Vec::len).sum();
            prop_assert!(lists.bytes() >= values * 4 + expected.len() * 4);
        }
    }
}
