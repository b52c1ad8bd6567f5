//! Values by hashes of what they belong to, in hardly more memory than they take: there may be one for each message.

use rayon::slice::ParallelSliceMut as _;

/// Hashes for each start that is known, on average.
const HASHES_PER_START: usize = 4;

/// Values by hashes, in the order of these; of a hash that comes several times the smallest value.
#[derive(Debug)]
pub(super) struct ByHash<T> {
    entries: Vec<(u64, T)>,
    /// Where the entries begin whose hashes have so many of the highest bits.
    starts: Vec<usize>,
    /// What is left of a hash without these bits.
    rest: u32,
}

impl<T: Ord + Send> ByHash<T> {
    /// Puts entries in order.
    pub(super) fn of(mut entries: Vec<(u64, T)>) -> Self {
        entries.par_sort_unstable();
        entries.dedup_by_key(|(hash, _)| *hash);
        let bits = (entries.len() / HASHES_PER_START).max(2).ilog2();
        let rest = u64::BITS - bits;
        let mut starts = Vec::with_capacity((1 << bits) + 1);
        for (place, (hash, _)) in entries.iter().enumerate() {
            let first = (hash >> rest) as usize;
            starts.resize(starts.len().max(first + 1), place);
        }
        starts.resize((1 << bits) + 1, entries.len());
        Self { entries, starts, rest }
    }

    /// The value of a hash, if there is one.
    pub(super) fn get(&self, hash: u64) -> Option<&T> {
        let first = (hash >> self.rest) as usize;
        let near = &self.entries[self.starts[first]..self.starts[first + 1]];
        near.iter().find(|(other, _)| *other == hash).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Every hash has its value, and no other has one, however they lie.
        #[test]
        fn hashes_are_found(
            entries in proptest::collection::vec((prop_oneof![any::<u64>(), 0..9u64, u64::MAX - 9..], 0..3u32), 0..200),
            others in proptest::collection::vec(prop_oneof![any::<u64>(), 0..9u64], 20),
        ) {
            let mut expected: BTreeMap<u64, u32> = BTreeMap::new();
            for &(hash, value) in &entries {
                let least = expected.entry(hash).or_insert(value);
                *least = value.min(*least);
            }
            let by_hash = ByHash::of(entries.clone());
            for hash in others.into_iter().chain(entries.into_iter().map(|(hash, _)| hash)) {
                prop_assert_eq!(by_hash.get(hash), expected.get(&hash));
            }
        }
    }
}
