//! Quantiles of durations that are too many to be kept, to the nanosecond, in two passes.
//!
//! The first pass counts durations by ranges that are a thousandth wide, so that it is known in which range a quantile lies; the
//! second keeps those of these ranges alone.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// Bits of a duration behind its first that tell ranges apart.
const BITS: u32 = 10;

/// Number of the range that a duration lies in: larger durations have larger or equal numbers.
fn range_of(duration: i64) -> u32 {
    let duration = duration.max(0) as u64;
    let exponent = (u64::BITS - duration.leading_zeros()).saturating_sub(BITS + 1);
    (exponent << (BITS + 1)) + (duration >> exponent) as u32
}

/// Durations, counted.
#[derive(Clone, Debug, Default)]
pub(super) struct CountedDurations {
    counts: HashMap<u32, u64, FixedState>,
    len: u64,
}

/// The quantiles of counted durations, in the middle of the second pass.
#[derive(Clone, Debug, Default)]
pub(super) struct Quantiles {
    /// Of each: the range, its place in it from 0, and the durations of the range.
    wanted: Vec<(u32, u64, Vec<i64>)>,
}

impl CountedDurations {
    /// Counts one.
    pub(super) fn add(&mut self, duration: i64) {
        *self.counts.entry(range_of(duration)).or_default() += 1;
        self.len += 1;
    }

    /// Takes in what was counted of others.
    pub(super) fn merge(&mut self, other: Self) {
        for (range, count) in other.counts {
            *self.counts.entry(range).or_default() += count;
        }
        self.len += other.len;
    }

    /// How many there are.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Makes ready for the quantiles by nearest rank, ⌈q n⌉; none of no durations.
    pub(super) fn quantiles(&self, shares: &[f64]) -> Quantiles {
        let mut counts: Vec<(u32, u64)> = self.counts.iter().map(|(&range, &count)| (range, count)).collect();
        counts.sort_unstable();
        let place = |share: &f64| {
            let rank = (self.len as f64 * share).ceil().max(1.0) as u64;
            let mut before = 0;
            for &(range, count) in &counts {
                if before + count >= rank {
                    return Some((range, rank - 1 - before, Vec::new()));
                }
                before += count;
            }
            None
        };
        Quantiles { wanted: shares.iter().filter_map(place).collect() }
    }
}

impl Quantiles {
    /// Takes one of the same durations.
    pub(super) fn add(&mut self, duration: i64) {
        let range = range_of(duration);
        for (wanted, _, durations) in &mut self.wanted {
            if *wanted == range {
                durations.push(duration);
            }
        }
    }

    /// Takes in those that were taken elsewhere, of the same quantiles.
    pub(super) fn merge(&mut self, other: Self) {
        for ((.., own), (.., others)) in self.wanted.iter_mut().zip(other.wanted) {
            own.extend(others);
        }
    }

    /// The quantiles, in the order in which they were asked for.
    pub(super) fn end(self) -> Vec<i64> {
        let value = |(_, place, mut durations): (u32, u64, Vec<i64>)| {
            let place = (place as usize).min(durations.len().checked_sub(1)?);
            Some(*durations.select_nth_unstable(place).1)
        };
        self.wanted.into_iter().filter_map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever the durations, quantiles are those of the sorted list.
        #[test]
        fn quantiles_are_exact(durations in proptest::collection::vec(prop_oneof![0..5_000i64, 0..i64::MAX], 1..300)) {
            let (left, right) = durations.split_at(durations.len() / 3);
            let counted = |durations: &[i64]| {
                let mut counted = CountedDurations::default();
                durations.iter().for_each(|&duration| counted.add(duration));
                counted
            };
            let mut all = counted(left);
            all.merge(counted(right));
            let wanted = all.quantiles(&[0.5, 0.99]);
            let taken = |durations: &[i64]| {
                let mut quantiles = wanted.clone();
                durations.iter().for_each(|&duration| quantiles.add(duration));
                quantiles
            };
            let mut quantiles = taken(left);
            quantiles.merge(taken(right));
            let mut sorted = durations.clone();
            sorted.sort_unstable();
            let rank = |share: f64| sorted[(sorted.len() as f64 * share).ceil() as usize - 1];
            prop_assert_eq!(quantiles.end(), [rank(0.5), rank(0.99)]);
            prop_assert!(sorted.windows(2).all(|pair| range_of(pair[0]) <= range_of(pair[1])));
        }
    }
}
