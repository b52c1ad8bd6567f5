//! Quantiles of times, or of sizes, that are too many to be kept one by one.

use std::borrow::Cow;

use crate::partial::{Stored, columns};
use crate::trace::TimeBuckets;

/// So many are kept one by one, and quantiles are exact; of more only buckets are, which are 0.8 % wide. Their number alone decides.
const MAX_EXACT: usize = 1 << 14;

/// So many are put into buckets at once: buckets are far apart, and there are those of many edges.
const MAX_WAITING: usize = 1 << 6;

type Buckets = [TimeBuckets; 2];

/// Times in ns, which may be negative; or sizes in bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times {
    count: u64,
    /// All of them, or those that are not in buckets yet.
    exact: Vec<i64>,
    /// Those below zero, by how far, and the others; none as long as all are kept.
    buckets: Option<Box<Buckets>>,
}

columns! {
    /// Times, as they are written.
    pub(crate) struct TimesRow in TimesColumns {
        exact: Vec<i64>,
        below: Vec<i64>,
        above: Vec<i64>,
    }
}

impl Times {
    /// Adds one.
    pub(crate) fn add(&mut self, time: i64) {
        self.count += 1;
        self.exact.push(time);
        let most = if self.buckets.is_some() { MAX_WAITING } else { MAX_EXACT };
        if self.exact.len() > most {
            self.put_into_buckets();
        }
    }

    /// Takes in others.
    pub(crate) fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.exact.extend(other.exact);
        if let Some(others) = other.buckets {
            let own = self.buckets.get_or_insert_default();
            own.iter_mut().zip(others.iter()).for_each(|(own, other)| own.merge(other));
        }
        if self.buckets.is_some() || self.exact.len() > MAX_EXACT {
            self.put_into_buckets();
        }
    }

    fn put_into_buckets(&mut self) {
        let buckets = self.buckets.get_or_insert_default();
        self.exact.iter().for_each(|&time| add_to(buckets, time));
        self.exact.clear();
        self.exact.shrink_to(MAX_WAITING + 1);
    }

    fn sorted(&self) -> Vec<i64> {
        let mut exact = self.exact.clone();
        exact.sort_unstable();
        exact
    }

    /// All of them in buckets, if there are too many to keep them.
    fn buckets(&self) -> Option<Cow<'_, Buckets>> {
        let mut buckets = Cow::Borrowed(&**self.buckets.as_ref()?);
        for &time in &self.exact {
            add_to(buckets.to_mut(), time);
        }
        Some(buckets)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u64 {
        self.count
    }

    /// The quantile by nearest rank, ⌈q n⌉; none of none.
    pub(crate) fn quantile(&self, share: f64) -> Option<i64> {
        let rank = (self.count as f64 * share).ceil().max(1.0) as i64;
        let Some(buckets) = self.buckets() else {
            return self.sorted().get(rank as usize - 1).copied();
        };
        let [below, above] = &*buckets;
        let negative: i64 = (0..below.len()).map(|bucket| below.get(bucket)).sum();
        if rank > negative {
            Some(above.nearest_rank(rank - negative))
        } else {
            Some(-below.nearest_rank(negative - rank + 1))
        }
    }

    /// About how many bytes of memory they take.
    pub(crate) fn bytes(&self) -> usize {
        let buckets = self.buckets.as_ref().map_or(0, |buckets| buckets.iter().map(TimeBuckets::len).sum());
        size_of::<Self>() + (self.exact.capacity() + buckets) * size_of::<i64>()
    }

    /// As they are written.
    pub(crate) fn row(&self) -> TimesRow {
        let Some(buckets) = self.buckets() else {
            return TimesRow { exact: self.sorted(), below: Vec::new(), above: Vec::new() };
        };
        let [below, above] = buckets.each_ref().map(|times| (0..times.len()).map(|bucket| times.get(bucket)).collect());
        TimesRow { exact: Vec::new(), below, above }
    }
}

impl Stored for TimesRow {
    type Column = TimesColumns;
}

impl TimesColumns {
    /// Those of a row.
    pub(crate) fn get(&self, row: usize) -> Times {
        let exact = self.exact.get(row).to_vec();
        let [below, above] = [&self.below, &self.above].map(|amounts| amounts.get(row).to_vec());
        let in_buckets = below.iter().chain(&above).fold(0i64, |sum, amount| sum.saturating_add(*amount));
        let count = exact.len() as u64 + in_buckets.unsigned_abs();
        let buckets = (in_buckets != 0).then(|| Box::new([below, above].map(TimeBuckets::of)));
        Times { count, exact, buckets }
    }
}

fn add_to([below, above]: &mut Buckets, time: i64) {
    if time < 0 {
        below.add(time.saturating_neg(), 1);
    } else {
        above.add(time, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many there are and however they were parted, quantiles are where they belong, to 0.4 %.
    #[test]
    fn quantiles_are_near() {
        for count in [1i64, 9, 1_000, 40_000] {
            let time = |number: i64| (number - count / 3) * 1_000_003;
            let mut all = Times::default();
            for part in 0..3 {
                let mut times = Times::default();
                (0..count)
                    .filter(|number| number % 3 == part)
                    .for_each(|number| times.add(time(number * 7919 % count)));
                all.merge(times);
            }
            assert_eq!(all.len(), count as u64);
            for share in [0.01, 0.3, 0.5, 0.99, 1.0] {
                let expected = time((count as f64 * share).ceil().max(1.0) as i64 - 1);
                let found = all.quantile(share).unwrap();
                assert!((found - expected).abs() as f64 <= 0.004 * expected.abs() as f64, "{count} {share}");
                assert!(count > MAX_EXACT as i64 || found == expected);
            }
        }
        assert_eq!(Times::default().quantile(0.5), None);
    }
}
