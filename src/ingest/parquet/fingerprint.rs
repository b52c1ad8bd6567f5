//! Fingerprints of what a row's columns say, so that a signature is worked out once for each combination of values.

/// The sum of what was added, in any order. Two rows that say different things have different fingerprints but for a chance
/// of 2^-128.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub(super) struct Fingerprint([u64; 2]);

impl Fingerprint {
    /// Adds that the source number `source` has the value with the code `code` under `key`.
    pub(super) fn add(&mut self, source: u32, key: u32, code: u32) {
        // Four odd constants without pattern: the first digits of the golden ratio and of the roots of 2, 3 and 5.
        let which = u64::from(source) << 32 | u64::from(key);
        let value = u64::from(code).wrapping_add(which.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        self.0[0] = self.0[0].wrapping_add(folded(value ^ 0xb504_f333_f9de_6485, 0xddb3_d742_c265_539d));
        self.0[1] = self.0[1].wrapping_add(folded(value ^ 0x3c6e_f372_fe94_f82b, 0x9e37_79b9_7f4a_7c15));
    }
}

/// What each code of one source adds to fingerprints, worked out once.
#[derive(Debug)]
pub(super) struct Contributions {
    source: u32,
    of_codes: Vec<Fingerprint>,
}

impl Contributions {
    /// Of the source number `source`.
    pub(super) fn new(source: u32) -> Self {
        Self { source, of_codes: Vec::new() }
    }

    /// Adds that the source has the value with the code `code`. Codes are counted up from 0.
    pub(super) fn add(&mut self, fingerprint: &mut Fingerprint, code: u32) {
        let known = self.of_codes.len() as u32;
        self.of_codes.extend((known..=code).map(|code| {
            let mut contribution = Fingerprint::default();
            contribution.add(self.source, 0, code);
            contribution
        }));
        let Fingerprint(contribution) = self.of_codes[code as usize];
        fingerprint.0[0] = fingerprint.0[0].wrapping_add(contribution[0]);
        fingerprint.0[1] = fingerprint.0[1].wrapping_add(contribution[1]);
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

    #[test]
    fn contributions_add_the_same() {
        let mut contributions = Contributions::new(3);
        for code in [5, 0, 7, 5] {
            let mut fingerprint = of(&[(1, 0, 1)]);
            contributions.add(&mut fingerprint, code);
            assert_eq!(fingerprint, of(&[(3, 0, code), (1, 0, 1)]));
        }
    }

    fn of(values: &[(u32, u32, u32)]) -> Fingerprint {
        let mut fingerprint = Fingerprint::default();
        values.iter().for_each(|&(source, key, code)| fingerprint.add(source, key, code));
        fingerprint
    }

    /// Small codes of few sources, as they are met, all differ, also in sums and with sources exchanged.
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
