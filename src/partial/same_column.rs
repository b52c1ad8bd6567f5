//! Columns of which mostly all values are the same.

use std::ops::Index;

use arrow::error::ArrowError;

use super::columns::{Columns, Scalar, Stored};
use super::group::{GroupReader, GroupWriter};

/// A field that mostly says the same of all: a threshold that was not changed, how many traces one stands for where nobody
/// samples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Same<T>(T);

/// Many of them: one value for all, until another one comes.
#[derive(Clone, Default)]
pub(crate) struct SameColumn<T> {
    rows: usize,
    same: T,
    /// The values; none while all are the same.
    each: Vec<T>,
}

impl<T: Scalar + PartialEq> SameColumn<T> {
    /// Adds a value.
    pub(crate) fn push(&mut self, value: T) {
        if self.rows == 0 {
            self.same = value;
        }
        if value != self.same || !self.each.is_empty() {
            self.tell_each();
            self.each.push(value);
        }
        self.rows += 1;
    }

    /// Changes the value of a row.
    pub(crate) fn set(&mut self, row: usize, value: T) {
        if value != self[row] {
            self.tell_each();
            self.each[row] = value;
        }
    }

    /// The values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = T> {
        (0..self.rows).map(|row| self[row])
    }

    fn tell_each(&mut self) {
        if self.each.is_empty() {
            self.each.resize(self.rows, self.same);
        }
    }
}

impl<T: Scalar + PartialEq> Index<usize> for SameColumn<T> {
    type Output = T;

    fn index(&self, row: usize) -> &T {
        if self.each.is_empty() && row < self.rows { &self.same } else { &self.each[row] }
    }
}

impl<T: Scalar + PartialEq + std::fmt::Debug> std::fmt::Debug for SameColumn<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T: Scalar + PartialEq> Columns for SameColumn<T> {
    type Row = Same<T>;

    fn push(&mut self, row: Same<T>) {
        Self::push(self, row.0);
    }

    fn append(&mut self, mut other: Self) {
        if self.rows == 0 {
            *self = other;
            return;
        }
        if other.rows > 0 && (other.same != self.same || !self.each.is_empty() || !other.each.is_empty()) {
            self.tell_each();
            other.tell_each();
            self.each.append(&mut other.each);
        }
        self.rows += other.rows;
    }

    fn retain(&mut self, keep: &dyn Fn(usize) -> bool) {
        let mut kept = Self::default();
        (0..self.rows).filter(|&row| keep(row)).for_each(|row| kept.push(self[row]));
        *self = kept;
    }

    fn bytes(&self) -> usize {
        self.each.len() * size_of::<T>()
    }

    fn write(&self, name: &str, group: &mut GroupWriter<'_>) {
        T::write(name, self.iter(), group);
    }

    fn read(name: &str, group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let mut column = Self::default();
        T::read(name, group)?.into_iter().for_each(|value| column.push(value));
        Ok(column)
    }
}

impl<T: Scalar + PartialEq> Stored for Same<T> {
    type Column = SameColumn<T>;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn column(values: &[u32]) -> SameColumn<u32> {
        let mut column = SameColumn::default();
        values.iter().for_each(|&value| column.push(value));
        column
    }

    proptest! {
        /// Whatever is pushed, set, appended and dropped, values are those of a vector.
        #[test]
        fn values_are_those_of_a_vector(
            mut values in proptest::collection::vec(prop_oneof![4 => Just(7u32), 1 => 0..9u32], 0..20),
            others in proptest::collection::vec(prop_oneof![4 => Just(7u32), 1 => 0..9u32], 0..20),
            (row, value) in (any::<prop::sample::Index>(), prop_oneof![2 => Just(7u32), 1 => 0..9u32]),
        ) {
            let mut kept = column(&values);
            if !values.is_empty() {
                let row = row.index(values.len());
                values[row] = value;
                kept.set(row, value);
            }
            Columns::append(&mut kept, column(&others));
            values.extend(&others);
            prop_assert_eq!(kept.iter().collect::<Vec<_>>(), values.clone());
            Columns::retain(&mut kept, &|row| row % 3 > 0);
            let values: Vec<u32> = (0..).zip(values).filter(|(row, _)| row % 3 > 0).map(|(_, value)| value).collect();
            prop_assert_eq!(kept.iter().collect::<Vec<_>>(), values);
        }
    }

    /// What is the same takes nothing.
    #[test]
    fn the_same_takes_nothing() {
        assert_eq!(Columns::bytes(&column(&[5; 1_000])), 0);
        assert_eq!(Columns::bytes(&column(&[5, 5, 6])), 12);
    }
}
