//! Finds numbered things by their hashes: what strings, signatures and combinations of what spans say are looked up in.

use hashbrown::HashTable;

/// Numbers by the hashes of the things that they stand for, which lie elsewhere.
///
/// Half of each hash is kept beside its number. Nothing is looked at that has another one, nor when the table grows: where
/// there are many, each look at a thing is a miss of the cache.
#[derive(Clone, Debug, Default)]
pub(super) struct NumberTable {
    table: HashTable<Numbered>,
}

#[derive(Clone, Copy, Debug)]
struct Numbered {
    half: u32,
    number: u32,
}

impl Numbered {
    /// Where it stands in the table: the table takes the lowest bits as a place and the highest as a tag.
    fn place(half: u32) -> u64 {
        // 2^64 by the golden ratio, as in Fibonacci hashing.
        u64::from(half).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

impl NumberTable {
    /// The number of the thing with the hash `hash` that `is_it`.
    #[inline]
    pub(super) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let half = half_of(hash);
        let found = self.table.find(Numbered::place(half), |known| known.half == half && is_it(known.number));
        found.map(|known| known.number)
    }

    /// Adds a thing that was not found.
    pub(super) fn add(&mut self, hash: u64, number: u32) {
        let half = half_of(hash);
        self.table.insert_unique(Numbered::place(half), Numbered { half, number }, |known| Numbered::place(known.half));
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.table.clear();
    }
}

fn half_of(hash: u64) -> u32 {
    (hash >> u32::BITS) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Things are found however many there are, also those whose hashes are alike or equal.
    #[test]
    fn things_are_told_apart_by_more_than_their_hashes() {
        let mut table = NumberTable::default();
        let hash_of = |number: u32| u64::from(number / 3) << 33 | u64::from(number % 2);
        for number in 0..10_000 {
            assert_eq!(table.find(hash_of(number), |known| known == number), None);
            table.add(hash_of(number), number);
        }
        for number in 0..10_000 {
            assert_eq!(table.find(hash_of(number), |known| known == number), Some(number));
        }
        assert_eq!(table.find(hash_of(20_000), |_| true), None);
        table.clear();
        assert_eq!(table.find(hash_of(1), |_| true), None);
    }
}
