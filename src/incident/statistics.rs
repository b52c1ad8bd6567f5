//! What is usual, and what is away from it.

/// The scale that makes the median absolute deviation of normally distributed values their standard deviation.
const MAD_SCALE: f64 = 1.4826;

/// How many deviations a value must be away from the median to be off.
const MAX_DEVIATIONS: f64 = 6.0;

/// The median by nearest rank: of an even number of values the lower one. `None` of nothing.
pub(super) fn median<T: Copy>(values: &mut [T], order: impl FnMut(&T, &T) -> std::cmp::Ordering) -> Option<T> {
    let middle = values.len().checked_sub(1)? / 2;
    Some(*values.select_nth_unstable_by(middle, order).1)
}

/// What is usual of a value.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Usual {
    median: f64,
    tolerance: f64,
}

impl Usual {
    /// That of `values`, whose deviation counts as at least what `least` says of the median. `None` of nothing.
    pub(super) fn of(values: impl Iterator<Item = f64>, least: impl FnOnce(f64) -> f64) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        let median_of = |values: &mut [f64]| median(values, f64::total_cmp);
        let median = median_of(&mut values)?;
        values.iter_mut().for_each(|value| *value = (*value - median).abs());
        let deviation = MAD_SCALE * median_of(&mut values)?;
        Some(Self { median, tolerance: MAX_DEVIATIONS * deviation.max(least(median)) })
    }

    /// Whether a value is not usual.
    pub(super) fn is_off(self, value: f64) -> bool {
        (value - self.median).abs() > self.tolerance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_even_number_the_lower_one_is_the_median() {
        for (values, expected) in [
            (vec![], None),
            (vec![7], Some(7)),
            (vec![9, 1], Some(1)),
            (vec![5, 1, 9], Some(5)),
            (vec![4, 3, 2, 1], Some(2)),
        ] {
            assert_eq!(median(&mut values.clone(), Ord::cmp), expected, "{values:?}");
        }
    }

    /// Values 90 to 110 have the median 100 and a median absolute deviation of 5, so more than 6 × 1.4826 × 5 = 44.478 is off;
    /// where all are alike it is what counts at least.
    #[test]
    fn what_is_off_is_six_deviations_away() {
        let usual = Usual::of((90..=110).map(f64::from), |_| 0.0).unwrap();
        for (value, expected) in [(144.4, false), (144.5, true), (55.6, false), (55.5, true)] {
            assert_eq!(usual.is_off(value), expected, "{value}");
        }
        let alike = Usual::of([100.0; 9].into_iter(), |median| 0.05 * median).unwrap();
        for (value, expected) in [(130.0, false), (130.1, true), (70.0, false), (69.9, true)] {
            assert_eq!(alike.is_off(value), expected, "{value}");
        }
        assert_eq!(Usual::of(std::iter::empty(), |_| 0.0), None);
    }
}
