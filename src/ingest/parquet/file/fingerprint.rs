//! Fingerprints of what a row's columns say, so that a signature is worked out once for each combination of values.
//!
//! They are sums, not a hash of all values one after the other: columns are read one by one, each for all rows of a batch, on
//! whichever thread, and a row that has no value in a column costs nothing there.

/// The sum of what was added, in any order. Two rows that say different things have different fingerprints but for a chance
/// of 2^-128.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub(crate) struct Fingerprint([u64; 2]);

impl Fingerprint {
    /// What nothing was added to.
    pub(crate) const NOTHING: Self = Self([0; 2]);

    /// What [`Self::add`] adds.
    pub(crate) fn of(source: u32, key: u32, index: u32) -> Self {
        let mut fingerprint = Self::default();
        fingerprint.add(source, key, index);
        fingerprint
    }

    /// Adds all that was added to `other`.
    #[inline]
    pub(crate) fn merge(&mut self, other: Self) {
        self.0[0] = self.0[0].wrapping_add(other.0[0]);
        self.0[1] = self.0[1].wrapping_add(other.0[1]);
    }

    /// Adds that the source number `source` has the value with the index `index` under `key`.
    pub(crate) fn add(&mut self, source: u32, key: u32, index: u32) {
        // Four odd constants without pattern: the first digits of the golden ratio and of the roots of 2, 3 and 5.
        let which = u64::from(source) << 32 | u64::from(key);
        let value = u64::from(index).wrapping_add(which.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        self.0[0] = self.0[0].wrapping_add(folded(value ^ 0xb504_f333_f9de_6485, 0xddb3_d742_c265_539d));
        self.0[1] = self.0[1].wrapping_add(folded(value ^ 0x3c6e_f372_fe94_f82b, 0x9e37_79b9_7f4a_7c15));
    }
}

/// Both halves of the product, folded: every bit of `a` moves about half the bits of the answer.
fn folded(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    let mixed = (product >> 64) as u64 ^ product as u64;
    let product = u128::from(mixed ^ a.rotate_left(32)) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn of(values: &[(u32, u32, u32)]) -> Fingerprint {
        let mut fingerprint = Fingerprint::default();
        values.iter().for_each(|&(source, key, index)| fingerprint.merge(Fingerprint::of(source, key, index)));
        fingerprint
    }

    /// Small indices of few sources, as they are met, all differ, also in sums and with sources exchanged.
    #[test]
    fn what_differs_has_another_fingerprint() {
        let mut seen = [HashSet::new(), HashSet::new()];
        let mut count = 0;
        for first in 0..60 {
            for second in 0..60 {
                for third in 0..60 {
                    let Fingerprint(lanes) = of(&[(0, 0, first), (1, 0, second), (2, 7, third)]);
                    seen[0].insert(lanes[0]);
                    seen[1].insert(lanes[1]);
                    count += 1;
                }
            }
        }
        assert_eq!(seen.map(|seen| seen.len()), [count; 2]);
        assert_eq!(of(&[(0, 0, 1), (1, 0, 2)]), of(&[(1, 0, 2), (0, 0, 1)]));
        assert_ne!(of(&[(0, 0, 1), (1, 0, 2)]), of(&[(0, 0, 2), (1, 0, 1)]));
    }
}
