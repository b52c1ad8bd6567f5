//! Whether two counts differ by more than chance.
//!
//! Counts of independent events are Poisson distributed. Given how many there were in both runs together, those of the second
//! are binomially distributed, whatever the rate, as long as it was the same in both: so the test is exact for counts of any
//! size, the smallest too (J. Przyborowski and H. Wileński, "Homogeneity of results in testing samples from Poisson series",
//! Biometrika 31, 1940). Many patterns are tested at once, so a level for one would let some of them differ in any two runs:
//! the level is that of finding any, with the correction for discrete tests by R. E. Tarone ("A modified Bonferroni method for
//! discrete data", Biometrics 46, 1990), which does not count those that could not differ whatever is seen.

/// Two counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Counts {
    /// In the first run.
    pub(super) old: u64,
    /// In the second run.
    pub(super) new: u64,
    /// Which share of both is expected in the second, if rates are equal: its share of what the counts are out of, 0..1.
    pub(super) expected_new_share: f64,
}

impl Counts {
    /// The probability, if rates are equal, of counts that are as unlikely as these or more so.
    pub(super) fn p_value(&self) -> f64 {
        two_sided(self.new, self.old + self.new, self.expected_new_share)
    }

    /// The same, where a count of none may stand for up to so many that were not told: the largest that it can be then.
    pub(super) fn p_value_where_none(&self, untold: u64) -> f64 {
        let Self { old, new, expected_new_share } = *self;
        let odds = expected_new_share / (1.0 - expected_new_share);
        // The more of them there were, the less rates differ, until they are equal.
        let told = |equal: f64| untold.min(equal.round() as u64);
        match (old, new) {
            (0, new) => Self { old: told(new as f64 / odds), ..*self }.p_value(),
            (old, 0) => Self { new: told(old as f64 * odds), ..*self }.p_value(),
            _ => self.p_value(),
        }
    }

    /// The smallest that it can be, given the sum of the counts.
    fn smallest_p_value(&self) -> f64 {
        let all = self.old + self.new;
        let p_value = |new| two_sided(new, all, self.expected_new_share);
        p_value(0).min(p_value(all))
    }

    /// How many times the old rate the new one is; infinite where nothing was seen in the first run.
    pub(super) fn ratio(&self) -> f64 {
        let expected = self.expected_new_share / (1.0 - self.expected_new_share);
        self.new as f64 / (self.old as f64 * expected)
    }
}

/// The level at which each of several pairs of counts must be tested, so that with probability `1 - level` none differs where
/// all rates are equal.
pub(super) fn level_of_each<'a>(all: impl IntoIterator<Item = &'a Counts>, level: f64) -> f64 {
    let mut smallest: Vec<f64> = all.into_iter().map(Counts::smallest_p_value).collect();
    smallest.sort_by(f64::total_cmp);
    let tests = (1..=smallest.len().max(1))
        .find(|&tests| smallest.partition_point(|&p_value| p_value < level / tests as f64) <= tests);
    level / tests.unwrap_or(1) as f64
}

/// Terms of a sum that are smaller than this share of it change nothing.
const NEGLIGIBLE: f64 = 1e-18;

/// Outcomes count as equally likely as another where rounding alone tells them apart.
const ROUNDING: f64 = 1.0 + 1e-7;

/// The probability of all outcomes of a binomial distribution that are no more likely than `seen` among `all`.
fn two_sided(seen: u64, all: u64, share: f64) -> f64 {
    if share <= 0.0 || share >= 1.0 {
        let certain = if share <= 0.0 { 0 } else { all };
        return if seen == certain { 1.0 } else { 0.0 };
    }
    let own = ln_binomial(seen, all, share);
    let mode = (((all + 1) as f64) * share).floor().min(all as f64) as u64;
    let relative = |outcome: u64| (ln_binomial(outcome, all, share) - own).exp();
    let (low, high) = if seen <= mode {
        // Above the mode, outcomes become less likely.
        let first = first_where(mode.max(seen + 1), all + 1, |outcome| relative(outcome) <= ROUNDING);
        (Some(seen), first)
    } else {
        let first = first_where(0, mode.min(seen - 1) + 1, |outcome| relative(outcome) > ROUNDING);
        (first.checked_sub(1), seen)
    };
    let odds = share / (1.0 - share);
    let mut sum = 0.0;
    if let Some(low) = low {
        let mut term = relative(low);
        for outcome in (0..=low).rev() {
            sum += term;
            term *= outcome as f64 / ((all - outcome + 1) as f64 * odds);
            if term < sum * NEGLIGIBLE {
                break;
            }
        }
    }
    if high <= all {
        let mut term = relative(high);
        for outcome in high..=all {
            sum += term;
            term *= (all - outcome) as f64 / (outcome + 1) as f64 * odds;
            if term < sum * NEGLIGIBLE {
                break;
            }
        }
    }
    (sum.ln() + own).exp().min(1.0)
}

/// The first of the numbers from `start` up to `end`, not included, from which on something holds; `end` if it never does.
fn first_where(start: u64, end: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut start, mut end) = (start, end);
    while start < end {
        let middle = start + (end - start) / 2;
        if holds(middle) { end = middle } else { start = middle + 1 }
    }
    start
}

fn ln_binomial(seen: u64, all: u64, share: f64) -> f64 {
    let choices = ln_factorial(all) - ln_factorial(seen) - ln_factorial(all - seen);
    choices + seen as f64 * share.ln() + (all - seen) as f64 * (-share).ln_1p()
}

/// The logarithm of a factorial: summed up for small numbers, by Stirling's series for others, to about 1e-14 of its value.
fn ln_factorial(number: u64) -> f64 {
    if number < 32 {
        return (2..=number).map(|factor| (factor as f64).ln()).sum();
    }
    let n = number as f64;
    let correction = (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / (1260.0 * n * n)) / (n * n)) / n;
    (n + 0.5) * n.ln() - n + 0.5 * (2.0 * std::f64::consts::PI).ln() + correction
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Exact values: sums of the probabilities of a binomial distribution as fractions of whole numbers
    /// (`sum(p for p in probabilities if p <= probabilities[new])`, with `fractions.Fraction` and `math.comb` of Python 3).
    const EXACT: &[(u64, u64, (u32, u32), f64)] = &[
        (0, 0, (1, 2), 1.0),
        (0, 1, (1, 2), 1.0),
        (1, 0, (1, 2), 1.0),
        (0, 5, (1, 2), 0.0625),
        (0, 7, (1, 2), 0.015625),
        (0, 8, (1, 2), 0.0078125),
        (3, 3, (1, 2), 1.0),
        (10, 30, (1, 2), 0.0022214337732293643),
        (30, 10, (1, 2), 0.0022214337732293643),
        (10, 20, (1, 2), 0.09873714670538902),
        (20, 40, (1, 2), 0.01348929373119186),
        (100, 150, (1, 2), 0.001883300935076157),
        (5, 15, (2, 3), 0.48776276517476597),
        (15, 5, (2, 3), 0.0001673659546694754),
        (0, 20, (1, 11), 1.486436280241437e-21),
        (3, 9, (1, 11), 7.22402976221098e-08),
        (50, 1, (99, 100), 5.05e-99),
        (2, 200, (98, 100), 0.448955301347454),
        (7, 8, (1, 3), 0.10764269362119358),
        (1, 12, (3, 7), 0.000301677712231936),
        (400, 500, (1, 2), 0.0009564441369189461),
        (0, 3, (1, 100), 1e-06),
        (1000, 1200, (1, 2), 2.1817026407914712e-05),
        (640, 20, (1, 64), 0.006498385107079489),
    ];

    #[test]
    fn probabilities_are_exact() {
        for &(old, new, (part, whole), exact) in EXACT {
            let counts = Counts { old, new, expected_new_share: f64::from(part) / f64::from(whole) };
            let found = counts.p_value();
            assert!((found / exact - 1.0).abs() < 1e-9, "{counts:?}: {found}, not {exact}");
        }
    }

    /// Where nothing was asked for in one run, what is seen in the other proves nothing, and impossible counts do.
    #[test]
    fn shares_may_be_all_or_nothing() {
        for (old, new, expected_new_share, p_value) in
            [(4, 0, 0.0, 1.0), (0, 4, 1.0, 1.0), (4, 1, 0.0, 0.0), (1, 4, 1.0, 0.0), (0, 0, 0.0, 1.0)]
        {
            assert_eq!(Counts { old, new, expected_new_share }.p_value(), p_value);
        }
    }

    /// Large counts take no time and no wrong turns: the normal approximation is near.
    #[test]
    fn large_counts_are_counted() {
        let counts = |old, new| Counts { old, new, expected_new_share: 0.5 };
        // 5,000,000 ± 3 standard deviations: 2 (1 - Φ(3)) = 0.0027.
        let p_value = counts(5_000_000, 5_000_000 + 9_488).p_value();
        assert!((0.0026..0.0028).contains(&p_value), "{p_value}");
        assert!(counts(1_000_000_000, 1_000_000_000).p_value() > 0.99);
        assert!(counts(1_000_000_000, 2_000_000_000).p_value() < 1e-300);
    }

    #[test]
    fn rates_are_compared_by_what_they_are_out_of() {
        let counts = Counts { old: 10, new: 30, expected_new_share: 0.75 };
        assert!((counts.ratio() - 1.0).abs() < 1e-12);
        assert_eq!(Counts { old: 0, new: 3, expected_new_share: 0.5 }.ratio(), f64::INFINITY);
        assert_eq!(Counts { old: 3, new: 0, expected_new_share: 0.5 }.ratio(), 0.0);
    }

    /// What could not differ whatever is seen costs the others nothing. Of 8 in all, 8 and 0 have 2 / 2^8 = 0.0078.
    #[test]
    fn only_what_could_differ_counts_as_a_test() {
        let few = Counts { old: 1, new: 1, expected_new_share: 0.5 };
        let many = Counts { old: 50, new: 50, expected_new_share: 0.5 };
        let eight = Counts { old: 4, new: 4, expected_new_share: 0.5 };
        assert_eq!(level_of_each([], 0.01), 0.01);
        assert_eq!(level_of_each(&[few; 100], 0.01), 0.01);
        assert_eq!(level_of_each(&[many; 4], 0.01), 0.0025);
        assert_eq!(level_of_each(&[few, eight, many], 0.01), 0.005);
        assert_eq!(level_of_each(&[few, eight], 0.01), 0.01);
    }
}
