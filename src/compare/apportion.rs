//! Means of parts that add up to the mean of the whole.

/// The mean of each part and that of all parts, in whole numbers that add up: of `parts`, which are sums over `count` things,
/// each is divided by `count` and rounded, the ones with the largest remainders up, so that together they are the rounded mean of
/// their sum (Hamilton's method). Ties go to the first.
pub(super) fn means(parts: &[i64], count: u64) -> (Vec<i64>, i64) {
    let count = i128::from(count.max(1));
    let whole: i128 = parts.iter().map(|&part| i128::from(part)).sum();
    let mean = (2 * whole + count).div_euclid(2 * count);
    let mut means: Vec<i128> = parts.iter().map(|&part| i128::from(part).div_euclid(count)).collect();
    let missing = mean - means.iter().sum::<i128>();
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|&part| std::cmp::Reverse(i128::from(parts[part]).rem_euclid(count)));
    for &part in order.iter().take(usize::try_from(missing).unwrap_or(0)) {
        means[part] += 1;
    }
    (means.into_iter().map(|mean| mean as i64).collect(), mean as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn remainders_go_to_the_largest() {
        assert_eq!(means(&[10, 10, 10], 3), (vec![4, 3, 3], 10));
        assert_eq!(means(&[1, 5, 3], 10), (vec![0, 1, 0], 1));
        assert_eq!(means(&[4], 10), (vec![0], 0));
        assert_eq!(means(&[5], 10), (vec![1], 1));
        assert_eq!(means(&[], 10), (vec![], 0));
        assert_eq!(means(&[-7, 3], 2), (vec![-3, 1], -2));
        assert_eq!(means(&[7], 0), (vec![7], 7));
    }

    proptest! {
        /// Whatever the parts, their means add up to that of the whole, and none is off by a whole.
        #[test]
        fn means_add_up(parts in prop::collection::vec(-1_000_000_000_000i64..1_000_000_000_000, 0..50), count in 1u64..100_000) {
            let (means, mean) = means(&parts, count);
            prop_assert_eq!(means.iter().sum::<i64>(), mean);
            let whole: i64 = parts.iter().sum();
            prop_assert!((mean as f64 - whole as f64 / count as f64).abs() <= 0.5 + 1e-3);
            for (&part, mean) in parts.iter().zip(means) {
                prop_assert!((mean as f64 - part as f64 / count as f64).abs() < 1.0 + 1e-3);
            }
        }
    }
}
