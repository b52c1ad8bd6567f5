//! What mostly follows from the signature of a span, and so mostly is what it was for the last span of that signature: to compare
//! with that takes less than to look it up.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::frame::SignatureId;

/// Remembers what was said last of each signature.
#[derive(Clone, Debug)]
pub(crate) struct LastBySignature<K>(Vec<Option<K>>);

impl<K> Default for LastBySignature<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: PartialEq> LastBySignature<K> {
    /// Whether something else was said of a signature last, or nothing. From now on it is `key`.
    pub(crate) fn changes(&mut self, signature: SignatureId, key: K) -> bool {
        let last = place_of(&mut self.0, signature, || None);
        if last.as_ref() == Some(&key) {
            return false;
        }
        *last = Some(key);
        true
    }
}

/// Counts by keys.
#[derive(Clone, Debug)]
pub(crate) struct CountsBySignature<K> {
    /// The last key of each signature, and what was counted of it since.
    last: Vec<Option<(K, u64)>>,
    counts: HashMap<K, u64, FixedState>,
}

impl<K> Default for CountsBySignature<K> {
    fn default() -> Self {
        Self { last: Vec::new(), counts: HashMap::default() }
    }
}

impl<K: Copy + Eq + std::hash::Hash> CountsBySignature<K> {
    /// Adds to the count of a key, which a span of the signature has.
    pub(crate) fn add(&mut self, signature: SignatureId, key: K, count: u64) {
        let last = place_of(&mut self.last, signature, || None);
        match last {
            Some((known, counted)) if *known == key => *counted += count,
            _ => {
                if let Some((known, counted)) = last.replace((key, count)) {
                    *self.counts.entry(known).or_default() += counted;
                }
            }
        }
    }

    /// Adds to the count of a key.
    pub(crate) fn add_key(&mut self, key: K, count: u64) {
        *self.counts.entry(key).or_default() += count;
    }

    /// Takes in what others counted.
    pub(crate) fn merge(&mut self, other: Self) {
        let last = other.last.into_iter().flatten();
        other.counts.into_iter().chain(last).for_each(|(key, count)| self.add_key(key, count));
    }

    /// The counts of all keys, ascending.
    pub(crate) fn in_order(&self) -> Vec<(K, u64)>
    where
        K: Ord,
    {
        let mut all: Vec<(K, u64)> = self.counts.iter().map(|(&key, &count)| (key, count)).collect();
        all.extend(self.last.iter().flatten());
        all.sort_unstable();
        all.dedup_by(|next, kept| {
            let is_same = next.0 == kept.0;
            kept.1 += if is_same { next.1 } else { 0 };
            is_same
        });
        all
    }

    /// About how many bytes of memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.counts.capacity() * size_of::<(K, u64)>() + self.last.capacity() * size_of::<Option<(K, u64)>>()
    }
}

fn place_of<T>(of_signatures: &mut Vec<T>, signature: SignatureId, none: impl FnMut() -> T) -> &mut T {
    if signature.index() >= of_signatures.len() {
        of_signatures.resize_with(signature.index() + 1, none);
    }
    &mut of_signatures[signature.index()]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Whatever signatures say, in whatever order and in however many parts, counts are those of keys.
    #[test]
    fn counts_are_those_of_keys() {
        let said: Vec<(u32, u32, u64)> = (0..5_000u32).map(|at| (at * 7 % 13, at * at / 31 % 17, at.into())).collect();
        let mut expected: BTreeMap<u32, u64> = BTreeMap::new();
        let mut parts =
            [const { CountsBySignature { last: Vec::new(), counts: HashMap::with_hasher(FixedState::with_seed(0)) } };
                3];
        for (at, &(signature, key, count)) in said.iter().enumerate() {
            *expected.entry(key).or_default() += count;
            match at % 4 {
                3 => parts[0].add_key(key, count),
                part => parts[part].add(SignatureId(signature), key, count),
            }
        }
        let [mut merged, second, third] = parts;
        merged.merge(second);
        merged.merge(third);
        assert_eq!(merged.in_order(), expected.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn the_last_is_remembered() {
        let mut last = LastBySignature::default();
        let said = [(3, 'a'), (3, 'a'), (0, 'a'), (3, 'b'), (3, 'a'), (0, 'a')];
        let changes = said.map(|(signature, key)| last.changes(SignatureId(signature), key));
        assert_eq!(changes, [true, false, true, true, true, false]);
    }
}
