//! The middle of some values, how far they lie from it, and how well that is known.

/// What is known of the middle of some values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Median {
    /// The value in the middle; of an even number the mean of the two there, rounded down. 0 of none.
    pub(super) median: i64,
    /// The median of the distances from that.
    pub(super) mad: i64,
    /// Between which values the median of all such values lies with a probability of 99.9 %, if these were drawn from them: no
    /// shape of their distribution is assumed (W. J. Conover, "Practical Nonparametric Statistics", 3rd ed., section 3.2). None of
    /// fewer than 11 values.
    pub(super) bounds: Option<(i64, i64)>,
}

impl Median {
    /// That of some values, which are put in another order.
    pub(super) fn of(values: &mut [i64]) -> Self {
        let bounds = rank_of_bound(values.len() as u64).checked_sub(1).map(|below| {
            let below = below as usize;
            let above = values.len() - 1 - below;
            let high = *values.select_nth_unstable(above).1;
            (*values.select_nth_unstable(below).1, high)
        });
        let median = middle(values);
        let mut distances: Vec<i64> =
            values.iter().map(|value| value.abs_diff(median).min(i64::MAX as u64) as i64).collect();
        Self { median, mad: middle(&mut distances), bounds }
    }
}

fn middle(values: &mut [i64]) -> i64 {
    let Some(last) = values.len().checked_sub(1) else { return 0 };
    let (below, &mut upper, _) = values.select_nth_unstable(last / 2 + last % 2);
    if last % 2 == 0 {
        return upper;
    }
    let lower = below.iter().copied().max().unwrap_or(upper);
    (i128::from(lower) + i128::from(upper)).div_euclid(2) as i64
}

/// The probability that the median lies outside of the bounds.
const OUTSIDE: f64 = 0.001;

/// What half of that of a normal distribution lies beyond, in standard deviations.
const DEVIATIONS: f64 = 3.290_526_731_491_895;

/// Most values for which binomial probabilities are summed up; of more, half a rank matters nothing.
const MAX_SUMMED_UP: u64 = 1_000;

/// The rank, from 1, of the value below which, and above whose mirror image, the median of all values lies with a probability of
/// [`OUTSIDE`] at most; 0 if there is none among `count` values.
fn rank_of_bound(count: u64) -> u64 {
    if count > MAX_SUMMED_UP {
        return ((count as f64 - DEVIATIONS * (count as f64).sqrt()) / 2.0).floor() as u64;
    }
    // The probability that so many of the values lie below the median.
    let mut probability = 0.5f64.powi(count as i32);
    let mut sum = 0.0;
    for below in 0..count {
        sum += probability;
        if 2.0 * sum > OUTSIDE {
            return below;
        }
        probability *= (count - below) as f64 / (below + 1) as f64;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Exact values: `(sorted(v)[(len(v) - 1) // 2] + sorted(v)[len(v) // 2]) // 2` of Python 3.
    #[test]
    fn medians_are_in_the_middle() {
        for (values, expected) in [
            (&[][..], 0),
            (&[7], 7),
            (&[9, 2], 5),
            (&[-3, -4], -4),
            (&[5, 1, 9], 5),
            (&[4, 1, 3, 2], 2),
            (&[10, 10, 1, 1, 10], 10),
            (&[8, 0, 7, 1, 100, 3], 5),
            (&[i64::MAX, i64::MAX], i64::MAX),
        ] {
            assert_eq!(Median::of(&mut values.to_vec()).median, expected, "{values:?}");
        }
        assert_eq!(Median::of(&mut [1, 2, 4, 7, 100]).mad, 3);
    }

    /// Exact values: the most `r` for which `sum(comb(n, k) for k in range(r)) / 2**n <= 1/2000`, as fractions of Python 3. Of many
    /// values ranks are off by one at most.
    #[test]
    fn bounds_of_medians_are_exact() {
        const RANKS: [(u64, u64); 13] = [
            (0, 0),
            (1, 0),
            (10, 0),
            (11, 1),
            (12, 1),
            (20, 3),
            (21, 3),
            (50, 14),
            (100, 34),
            (999, 448),
            (1000, 448),
            (1001, 448),
            (5000, 2384),
        ];
        for (count, rank) in RANKS {
            let found = rank_of_bound(count);
            assert!(
                found == rank || count > MAX_SUMMED_UP && found.abs_diff(rank) <= 1,
                "{count}: {found}, not {rank}"
            );
        }
        let mut values: Vec<i64> = (1..=20).rev().collect();
        assert_eq!(Median::of(&mut values), Median { median: 10, mad: 5, bounds: Some((3, 18)) });
        assert_eq!(Median::of(&mut [1; 10]).bounds, None);
        assert_eq!(Median::of(&mut [1; 11]).bounds, Some((1, 1)));
    }
}
