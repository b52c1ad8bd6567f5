//! How long, and with what pauses, a request goes on after failures.
//!
//! What counts is time that is lost: waiting for bytes that do not come, and pauses. A request is given up when so much
//! of it is lost as `--retry-timeout` allows, so that a store that is busy for a minute costs a minute, and one that is
//! gone does not cost the night. Bytes that come make the pauses short again; they give lost time back only when they
//! are many, so that a server that drips does not hold the run for ever.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::Duration;

/// The first pause; each further one in a row is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// No pause is longer, unless the server asks for it.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// So many bytes give back the time that was lost before them.
const FORGIVING_BYTES: u64 = 8 << 20;

/// How long a server may give nothing before the request is made anew, as a part of the timeout, and at most.
const STALLS_IN_TIMEOUT: u32 = 6;
const LONGEST_STALL: Duration = Duration::from_secs(30);
const SHORTEST_STALL: Duration = Duration::from_secs(1);

/// The failures of one request, and the time that they cost.
#[derive(Clone, Debug)]
pub(crate) struct Attempts {
    timeout: Duration,
    lost: Duration,
    /// Since bytes came.
    failures_in_a_row: u32,
    failures: u32,
    bytes_since_loss: u64,
}

impl Attempts {
    /// None yet; so much time may be lost.
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { timeout, lost: Duration::ZERO, failures_in_a_row: 0, failures: 0, bytes_since_loss: 0 }
    }

    /// How long to wait for the next bytes. Where nothing may be lost there is one attempt, which may be slow.
    pub(crate) fn patience(&self) -> Duration {
        if self.timeout.is_zero() {
            return LONGEST_STALL;
        }
        let stall = (self.timeout / STALLS_IN_TIMEOUT).clamp(SHORTEST_STALL, LONGEST_STALL);
        stall.min(self.timeout.saturating_sub(self.lost))
    }

    /// Takes notice of bytes that came.
    pub(crate) fn progressed(&mut self, bytes: u64) {
        self.failures_in_a_row = 0;
        self.bytes_since_loss += bytes;
        if self.bytes_since_loss >= FORGIVING_BYTES {
            self.lost = Duration::ZERO;
        }
    }

    /// Takes notice of a failure, `idle` after the last bytes or the last pause. The answer is how long to pause before
    /// the next attempt: no less than the server asks for. `None` is that no more time may be lost, of which there is
    /// `limit` in all. `share` is by chance between 0 and 1, so that many that fail together do not come back together.
    pub(crate) fn pause_after(
        &mut self,
        idle: Duration,
        asked_for: Option<Duration>,
        limit: Duration,
        share: f64,
    ) -> Option<Duration> {
        self.lost += idle;
        self.bytes_since_loss = 0;
        let doubled = FIRST_PAUSE.saturating_mul(1u32.checked_shl(self.failures_in_a_row).unwrap_or(u32::MAX));
        let pause = doubled.min(LONGEST_PAUSE).mul_f64(0.5 + share.clamp(0.0, 1.0) / 2.0);
        let pause = pause.max(asked_for.unwrap_or_default());
        self.failures_in_a_row += 1;
        self.failures += 1;
        // An attempt that is cut short says nothing.
        let least_attempt = SHORTEST_STALL.min(self.timeout / STALLS_IN_TIMEOUT);
        if self.lost + pause + least_attempt >= limit.min(self.timeout) {
            return None;
        }
        self.lost += pause;
        Some(pause)
    }

    /// How many attempts failed, and how much time they cost.
    pub(crate) fn failed(&self) -> (u32, Duration) {
        (self.failures, self.lost)
    }
}

/// A number by chance between 0 and 1, for [`Attempts::pause_after`].
pub(crate) fn random_share() -> f64 {
    // Every `RandomState` has keys of its own.
    let random = RandomState::new().build_hasher().finish();
    (random >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTES_3: Duration = Duration::from_secs(180);

    fn pauses(attempts: &mut Attempts, share: f64) -> Vec<f64> {
        let pause = || attempts.pause_after(Duration::ZERO, None, MINUTES_3, share);
        std::iter::from_fn(pause).map(|pause| pause.as_secs_f64()).collect()
    }

    /// Pauses double up to ten seconds and go on until three minutes are lost.
    #[test]
    fn pauses_grow_and_end_with_the_timeout() {
        let mut attempts = Attempts::new(MINUTES_3);
        let all = pauses(&mut attempts, 1.0);
        assert_eq!(all[..8], [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]);
        let total: f64 = all.iter().sum();
        assert!((168.0..179.0).contains(&total), "{total}");
        assert_eq!(attempts.failed().0 as usize, all.len() + 1);
        // The shortest are half as long.
        assert_eq!(pauses(&mut Attempts::new(MINUTES_3), 0.0)[..3], [0.1, 0.2, 0.4]);
    }

    /// A pause is as long as the server asks; one that is longer than what may be lost is not begun.
    #[test]
    fn the_server_may_ask_for_a_pause() {
        let mut attempts = Attempts::new(MINUTES_3);
        let asked = Some(Duration::from_secs(20));
        assert_eq!(attempts.pause_after(Duration::ZERO, asked, MINUTES_3, 0.5), asked);
        let short = attempts.pause_after(Duration::ZERO, Some(Duration::from_millis(1)), MINUTES_3, 1.0);
        assert_eq!(short, Some(Duration::from_millis(400)));
        assert_eq!(attempts.pause_after(Duration::ZERO, Some(MINUTES_3), MINUTES_3, 0.5), None);
    }

    /// A server that gives nothing is waited for in pieces, and no longer than the timeout in all.
    #[test]
    fn stalls_are_counted() {
        let mut attempts = Attempts::new(MINUTES_3);
        let mut waited = Duration::ZERO;
        loop {
            let patience = attempts.patience();
            assert!(patience <= LONGEST_STALL);
            waited += patience;
            match attempts.pause_after(patience, None, MINUTES_3, 0.5) {
                Some(pause) => waited += pause,
                None => break,
            }
        }
        assert!((Duration::from_secs(170)..=MINUTES_3).contains(&waited), "{waited:?}");
        assert_eq!(Attempts::new(Duration::from_secs(12)).patience(), Duration::from_secs(2));
        assert_eq!(Attempts::new(Duration::from_millis(300)).patience(), Duration::from_millis(300));
        assert_eq!(Attempts::new(Duration::ZERO).patience(), LONGEST_STALL);
        assert_eq!(Attempts::new(Duration::ZERO).pause_after(Duration::ZERO, None, MINUTES_3, 0.5), None);
    }

    /// Bytes make the pauses short at once, and many of them give the lost time back.
    #[test]
    fn bytes_are_progress() {
        let mut attempts = Attempts::new(MINUTES_3);
        let fail = |attempts: &mut Attempts| attempts.pause_after(Duration::from_secs(25), None, MINUTES_3, 1.0);
        fail(&mut attempts);
        fail(&mut attempts);
        attempts.progressed(1);
        assert_eq!(fail(&mut attempts), Some(FIRST_PAUSE));
        assert!(attempts.failed().1 > Duration::from_secs(75), "a byte gives no time back");
        attempts.progressed(FORGIVING_BYTES);
        assert_eq!(attempts.failed().1, Duration::ZERO);
    }

    #[test]
    fn chance_is_a_share() {
        let shares: Vec<f64> = (0..100).map(|_| random_share()).collect();
        assert!(shares.iter().all(|share| (0.0..1.0).contains(share)));
        assert!(shares.iter().any(|share| *share < 0.5) && shares.iter().any(|share| *share > 0.5));
    }
}
