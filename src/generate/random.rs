//! Random numbers that are the same on every machine.
//!
//! ChaCha's sequence is fixed by its specification. What is drawn from it here uses integers and the four basic
//! floating-point operations only, because `exp` and `ln` may differ in the last bit between platforms.

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// A stream of random numbers.
pub(super) struct Random(ChaCha8Rng);

impl Random {
    /// Stream number `stream` of `seed`: streams of one seed are independent of each other.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(stream);
        Self(generator)
    }

    /// 64 random bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`, which must not be 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        debug_assert!(bound > 0, "no number is below 0");
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True with probability `probability`.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        ((self.bits() >> 11) as f64) < probability * (1u64 << 53) as f64
    }

    /// One of `choices`, which must not be empty.
    pub(super) fn choose<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }

    /// About standard normal: the sum of four uniform numbers, so never beyond ±3.5.
    fn normal(&mut self) -> f64 {
        let bits = self.bits();
        let sum: u64 = [0, 16, 32, 48].into_iter().map(|shift| bits >> shift & 0xffff).sum();
        let deviation = 37_836.9; // of that sum: 65536 / √3
        (sum as f64 - 131_070.0) / deviation
    }

    /// About log-normal with this median; `spread` is the standard deviation of the binary logarithm.
    pub(super) fn log_normal(&mut self, median: u64, spread: f64) -> u64 {
        (median as f64 * exp2(self.normal() * spread)) as u64
    }
}

/// 2^x for |x| < 30, to about 1e-5.
fn exp2(x: f64) -> f64 {
    let whole = x.floor();
    let part = x - whole;
    let rest = 0.240_226_5 + part * (0.055_504_1 + part * (0.009_618_1 + part * 0.001_504_0));
    let power = 1.0 + part * (std::f64::consts::LN_2 + part * rest);
    let scale = f64::from(1u32 << whole.abs() as u32);
    if whole < 0.0 { power / scale } else { power * scale }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_two_are_close() {
        for x in [-3.5, -1.0, -0.25, 0.0, 0.5, 0.999, 2.75] {
            let error = exp2(x) / f64::exp2(x) - 1.0;
            assert!(error.abs() < 1e-4, "{x}: {error}");
        }
    }

    /// The first numbers of a stream never change, or dumps made from a seed would.
    #[test]
    fn a_seed_means_the_same_numbers_for_ever() {
        let mut random = Random::new(42, 7);
        let drawn: Vec<u64> = (0..4).map(|_| random.below(1_000_000)).collect();
        assert_eq!(drawn, [128_506, 326_330, 615_444, 493_831]);
        assert_eq!(random.log_normal(1_000_000, 1.0), 1_404_008);
    }
}
