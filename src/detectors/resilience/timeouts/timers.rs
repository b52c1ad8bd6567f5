//! Timeouts in force, as the durations of calls that were given up show them.
//!
//! Who gives up by a timer gives up after the same time again and again: where the durations of many lie within a few percent,
//! that is a timer if something proves it.

use crate::partial::named;

named! {
    /// What proves a timer.
    pub(crate) enum Proof {
        /// Most of the callees went on after their callers had left.
        Outlived = "outlived",
        /// It is a time that people set.
        Round = "round",
        /// Most of the calls say that they timed out.
        Timeout = "timeout",
    }
}

/// A call that was given up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct GiveUp {
    /// How long it was waited for, in ns.
    pub(super) duration: i64,
    /// Whether it says that it timed out.
    pub(super) is_timeout: bool,
    /// Whether the callee went on.
    pub(super) is_outlived: bool,
}

/// A timeout in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Timer {
    /// Its value in ns: the usual one where there is one.
    pub(super) value: i64,
    /// What proves it.
    pub(super) proof: Proof,
    /// Places of the calls that it ended.
    pub(super) calls: Vec<usize>,
}

/// Shorter times are no timers: at 50 ms, calls differ by less than schedulers do.
const SHORTEST: i64 = 50_000_000;

/// Late by so much, and by a share, a timer still is the same.
const LATE: i64 = 5_000_000;

/// Fewer than this share of all that were given up are no timer.
const LEAST_SHARE: f64 = 0.2;

/// What people set, times a power of ten.
const USUAL: [i64; 14] = [10, 12, 15, 18, 20, 25, 30, 40, 45, 50, 60, 75, 80, 90];

/// How long after a start calls with a timer of `value` may end: its grace.
fn latest(value: i64) -> i64 {
    value.saturating_add(value / 50).saturating_add(LATE)
}

/// The usual value between 100 ms and 9,000 s that a duration is of.
fn usual_value(duration: i64) -> Option<i64> {
    const EARLY: i64 = 1_000_000;
    let powers = std::iter::successors(Some(10_000_000_i64), |power| Some(power * 10)).take(5);
    let values = powers.flat_map(|power| USUAL.map(|usual| usual * power));
    let mut near = values.filter(|&value| (value - EARLY..=latest(value)).contains(&duration));
    near.next()
}

/// The timers among calls that were given up: that of most calls first, then the shorter.
pub(super) fn timers(give_ups: &[GiveUp], min_give_ups: u32) -> Vec<Timer> {
    let least = f64::from(min_give_ups).max(LEAST_SHARE * give_ups.len() as f64);
    let mut left: Vec<usize> = (0..give_ups.len()).collect();
    left.sort_by_key(|&place| give_ups[place].duration);
    let mut timers = Vec::new();
    loop {
        let duration = |at: usize| give_ups[left[at]].duration;
        let (mut end, mut most) = (0, 0..0);
        for start in 0..left.len() {
            if duration(start) < SHORTEST {
                continue;
            }
            end = end.max(start);
            while end < left.len() && duration(end) <= latest(duration(start)) {
                end += 1;
            }
            if end - start > most.len() {
                most = start..end;
            }
        }
        if most.is_empty() || (most.len() as f64) < least {
            break;
        }
        let value = duration(most.start);
        let calls: Vec<usize> = left.drain(most).collect();
        let over_half = |holds: fn(&GiveUp) -> bool| {
            calls.iter().filter(|&&place| holds(&give_ups[place])).count() * 2 > calls.len()
        };
        let usual = usual_value(value);
        let proof = if over_half(|give_up| give_up.is_timeout) {
            Some(Proof::Timeout)
        } else if over_half(|give_up| give_up.is_outlived) {
            Some(Proof::Outlived)
        } else {
            usual.map(|_| Proof::Round)
        };
        if let Some(proof) = proof {
            timers.push(Timer { value: usual.unwrap_or(value), proof, calls });
        }
    }
    timers.sort_by_key(|timer| (std::cmp::Reverse(timer.calls.len()), timer.value));
    timers
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    #[test]
    fn usual_values_are_known() {
        for (duration, usual) in [
            (99 * MS, Some(100 * MS)),
            (98 * MS, None),
            (107 * MS, Some(100 * MS)),
            (108 * MS, None),
            (3_000 * MS, Some(3_000 * MS)),
            (3_065 * MS, Some(3_000 * MS)),
            (3_066 * MS, None),
            (3_400 * MS, None),
            (7_500 * MS, Some(7_500 * MS)),
            (30_001 * MS, Some(30_000 * MS)),
            (9_000_000 * MS, Some(9_000_000 * MS)),
            (10_000_000 * MS, None),
            (90 * MS, None),
        ] {
            assert_eq!(usual_value(duration), usual, "{duration}");
        }
    }

    /// Windows of calls that were given up, in ms: `t` says that it timed out, `o` that the callee went on.
    #[test]
    fn windows_are_timers() {
        let give_ups = |text: &str| -> Vec<GiveUp> {
            let mut all = Vec::new();
            for word in text.split_whitespace() {
                let (times, of) = word.split_once('x').unwrap();
                let duration: i64 = of.trim_end_matches(['t', 'o']).parse().unwrap();
                let give_up =
                    GiveUp { duration: duration * MS, is_timeout: of.ends_with('t'), is_outlived: of.ends_with('o') };
                all.extend(vec![give_up; times.parse().unwrap()]);
            }
            all
        };
        for (calls, expected) in [
            ("9x1000", vec![]),
            ("10x1000", vec![(1_000, Proof::Round, 10)]),
            // Within 5 ms and 2 %: 1,025 belongs to it, 1,026 does not.
            ("9x1000 1x1025", vec![(1_000, Proof::Round, 10)]),
            ("9x1000 1x1026", vec![]),
            // No usual value: only what calls or callees say proves it.
            ("10x1380", vec![]),
            ("5x1380t 5x1381", vec![]),
            ("6x1380t 4x1381", vec![(1_380, Proof::Timeout, 10)]),
            ("6x1380o 4x1381", vec![(1_380, Proof::Outlived, 10)]),
            // The usual value counts, whatever proves it.
            ("6x1003t 4x1001", vec![(1_000, Proof::Timeout, 10)]),
            // A fifth of all are enough, fewer are not; that of most calls comes first, then the shorter.
            ("40x1000 10x3000", vec![(1_000, Proof::Round, 40), (3_000, Proof::Round, 10)]),
            ("41x1000 10x3000", vec![(1_000, Proof::Round, 41)]),
            ("10x3000 10x1000", vec![(1_000, Proof::Round, 10), (3_000, Proof::Round, 10)]),
            // What is dropped takes its calls along, and others are still looked for.
            ("15x1380 10x3000", vec![(3_000, Proof::Round, 10)]),
            ("20x49", vec![]),
        ] {
            let timers = timers(&give_ups(calls), 10);
            let told: Vec<_> = timers.iter().map(|timer| (timer.value / MS, timer.proof, timer.calls.len())).collect();
            assert_eq!(told, expected, "{calls}");
        }
    }
}
