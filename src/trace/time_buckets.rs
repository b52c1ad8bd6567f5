//! Counts and sums of times by size: what is kept of times that are too many to be kept one by one.
//!
//! A bucket holds the times that agree in their exponent and their first seven bits (as in an HDR histogram, G. Tene), so
//! it is at most 1/128 of its times wide and its middle is off by at most 0.4 %. Only integers are involved: adding and
//! merging in any order gives the same, on any machine.

/// Bits after the first that tell buckets apart.
const BITS: u32 = 7;

/// Something by time in ns.
#[derive(Clone, Debug, Default)]
pub(crate) struct TimeBuckets(Vec<i64>);

impl TimeBuckets {
    /// Those with these amounts, by bucket.
    pub(crate) fn of(amounts: Vec<i64>) -> Self {
        Self(amounts)
    }

    /// Adds `amount` at `time`.
    pub(crate) fn add(&mut self, time: i64, amount: i64) {
        self.add_to(bucket_of(time), amount);
    }

    /// Adds `amount` to a bucket.
    pub(crate) fn add_to(&mut self, bucket: Bucket, amount: i64) {
        let bucket = usize::from(bucket);
        if self.0.len() <= bucket {
            self.0.resize(bucket + 1, 0);
        }
        self.0[bucket] = self.0[bucket].saturating_add(amount);
    }

    /// Adds everything of `other`.
    pub(crate) fn merge(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (own, amount) in self.0.iter_mut().zip(&other.0) {
            *own = own.saturating_add(*amount);
        }
    }

    /// The amount in a bucket.
    pub(crate) fn get(&self, bucket: usize) -> i64 {
        self.0.get(bucket).copied().unwrap_or(0)
    }

    /// Number of buckets, of which the last is not empty.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The time with rank `rank`, from 1, if the amounts are counts: the middle of its bucket.
    pub(crate) fn nearest_rank(&self, rank: i64) -> i64 {
        let mut below = 0;
        for (bucket, &count) in self.0.iter().enumerate() {
            below += count;
            if below >= rank {
                return middle_of(bucket);
            }
        }
        0
    }
}

/// Number of a bucket.
pub(crate) type Bucket = u16;

/// The bucket of `time`; that of a longer time is the same or a later one.
pub(crate) fn bucket_of(time: i64) -> Bucket {
    let time = time.max(0) as u64;
    let shift = (u64::BITS - time.leading_zeros()).saturating_sub(BITS + 1);
    // At most 56 shifts of 128 buckets each, and 256 before the first.
    ((u64::from(shift) << BITS) + (time >> shift)) as Bucket
}

fn middle_of(bucket: usize) -> i64 {
    let shift = (bucket >> BITS).saturating_sub(1) as u32;
    let first = (bucket - ((shift as usize) << BITS)) as u64;
    ((first << shift) + (1u64 << shift) / 2).min(i64::MAX as u64) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stated error holds from one end of the range to the other, and small times are exact.
    #[test]
    fn middles_are_near() {
        for exponent in 0..63 {
            for part in 0..1000i64 {
                let time = ((1i128 << exponent) + (1i128 << exponent) * i128::from(part) / 1000) as i64;
                let middle = middle_of(bucket_of(time).into());
                assert!((middle - time).abs() as f64 <= 0.004 * time as f64, "{time} {middle}");
                assert!(time >= 256 || middle == time, "{time} {middle}");
            }
        }
        assert!(bucket_of(i64::MAX) < 8_000);
        assert_eq!(middle_of(bucket_of(0).into()), 0);
    }

    #[test]
    fn buckets_follow_the_times() {
        let mut last = 0;
        for time in (0..100_000).chain((0..1000).map(|step| 100_000 + step * 1_000_000_007)) {
            let bucket = bucket_of(time);
            assert!(bucket >= last, "{time}");
            last = bucket;
        }
    }

    #[test]
    fn ranks_are_counted_from_one() {
        let mut buckets = TimeBuckets::default();
        for time in 1..=100 {
            buckets.add(time, 1);
        }
        assert_eq!([1, 50, 95, 100].map(|rank| buckets.nearest_rank(rank)), [1, 50, 95, 100]);
        let mut other = TimeBuckets::default();
        other.add(1_000_000, 3);
        buckets.merge(&other);
        assert!((995_000..1_005_000).contains(&buckets.nearest_rank(103)));
    }
}
