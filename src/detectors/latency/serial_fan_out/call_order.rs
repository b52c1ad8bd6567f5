//! Which of two lots of calls came first, and which calls would still have to wait for each other.
//!
//! ```text
//! a  ├──┤   ├──┤                a before c: c starts when a is done
//! b    ├──────┤                 a and b overlap: nobody waited with one for the other
//! c               ├──┤   ├──┤
//! d                    ├┤       c and d are mixed: they took turns
//! ```
//!
//! Clocks and threads blur the edges, so that calls that overlap by less than a tolerance do not overlap.

/// When a call began and ended, in ns since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TimedCall {
    pub(super) start: i64,
    pub(super) end: i64,
    /// Whether the caller recorded it: else these are the times of the callee's clock.
    pub(super) has_exit_span: bool,
}

/// How two lots of calls lie to each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    /// All of the first were done when the second began.
    FirstBefore,
    /// All of the second were done when the first began.
    SecondBefore,
    /// A call of each ran at the same time.
    Overlapping,
    /// None of these: they took turns.
    Mixed,
}

/// One part of so many parts of a call's duration by which it may overlap another one.
const PARTS_OF_CALL: i64 = 20;

/// The same where the clocks of two hosts are compared, and the least that is allowed then, in ns.
const PARTS_OF_CALL_ON_TWO_CLOCKS: i64 = 2;
const TOLERANCE_ON_TWO_CLOCKS_NS: i64 = 5_000_000;

/// How two lots of calls, each in the order of their starts and not empty, lie to each other. `tolerance_ns` is what calls that do
/// not overlap may overlap by, however short they are.
pub(super) fn order_of(first: &[TimedCall], second: &[TimedCall], tolerance_ns: i64) -> Order {
    if any_overlap(first, second, tolerance_ns) {
        return Order::Overlapping;
    }
    let (first, second) = (extent_of(first), extent_of(second));
    let shorter = (first.end - first.start).min(second.end - second.start);
    let is_before = |one: TimedCall, other: TimedCall| {
        one.start < other.start && !is_longer(one.end - other.start, tolerance_ns, shorter, PARTS_OF_CALL)
    };
    if is_before(first, second) {
        Order::FirstBefore
    } else if is_before(second, first) {
        Order::SecondBefore
    } else {
        Order::Mixed
    }
}

/// From the first start to the last end.
fn extent_of(calls: &[TimedCall]) -> TimedCall {
    let start = calls.first().map_or(0, |call| call.start);
    let end = calls.iter().map(|call| call.end).max().unwrap_or(start);
    TimedCall { start, end, has_exit_span: true }
}

/// Whether `time` is over both `least` and one of `parts` parts of `whole`, all in ns.
fn is_longer(time: i64, least: i64, whole: i64, parts: i64) -> bool {
    time > least && i128::from(time) * i128::from(parts) > i128::from(whole)
}

/// Whether a call of each ran at the same time for longer than clocks and threads explain.
fn any_overlap(first: &[TimedCall], second: &[TimedCall], tolerance_ns: i64) -> bool {
    let mut done = 0;
    for call in first.iter().filter(|call| call.end - call.start > tolerance_ns) {
        while second.get(done).is_some_and(|other| other.end <= call.start) {
            done += 1;
        }
        let others = second[done..].iter().take_while(|other| other.start < call.end);
        if others.into_iter().any(|other| overlap(call, other, tolerance_ns)) {
            return true;
        }
    }
    false
}

fn overlap(first: &TimedCall, second: &TimedCall, tolerance_ns: i64) -> bool {
    let both = first.end.min(second.end) - first.start.max(second.start);
    let shorter = (first.end - first.start).min(second.end - second.start);
    if first.has_exit_span && second.has_exit_span {
        is_longer(both, tolerance_ns, shorter, PARTS_OF_CALL)
    } else {
        is_longer(both, TOLERANCE_ON_TWO_CLOCKS_NS, shorter, PARTS_OF_CALL_ON_TWO_CLOCKS)
    }
}

/// Of items that run one after the other, the heaviest of which each may need the one before: what is left of them if everything
/// that needs nothing of the other runs at the same time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct HeaviestChain {
    /// How long it takes, in ns.
    pub(super) weight: i64,
    /// Whether each item is one of the chain.
    pub(super) has: Vec<bool>,
}

impl HeaviestChain {
    /// That of items with these weights in ns, in the order of their starts. An item may need any earlier one, but where `is_free`
    /// says of an earlier and a later one that they need nothing of each other. Of equal chains it is the one with earlier items.
    pub(super) fn of(weights: &[i64], is_free: impl Fn(usize, usize) -> bool) -> Self {
        let mut chains: Vec<(i64, Option<usize>)> = Vec::with_capacity(weights.len());
        let mut last: Option<usize> = None;
        for (item, &weight) in weights.iter().enumerate() {
            let mut before: Option<usize> = None;
            for earlier in (0..item).filter(|&earlier| !is_free(earlier, item)) {
                if before.is_none_or(|before| chains[earlier].0 > chains[before].0) {
                    before = Some(earlier);
                }
            }
            chains.push((weight.saturating_add(before.map_or(0, |before| chains[before].0)), before));
            if last.is_none_or(|last| chains[item].0 > chains[last].0) {
                last = Some(item);
            }
        }
        let mut has = vec![false; weights.len()];
        let weight = last.map_or(0, |last| chains[last].0);
        while let Some(item) = last {
            has[item] = true;
            last = chains[item].1;
        }
        Self { weight, has }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLERANCE_NS: i64 = 1_000_000;

    /// Calls from `start..end` in µs, with `c` behind them where only the callee recorded them.
    fn calls(text: &str) -> Vec<TimedCall> {
        let call = |word: &str| {
            let (start, end) = word.trim_end_matches('c').split_once("..").unwrap();
            let ns = |text: &str| text.parse::<i64>().unwrap() * 1_000;
            TimedCall { start: ns(start), end: ns(end), has_exit_span: !word.ends_with('c') }
        };
        text.split_whitespace().map(call).collect()
    }

    #[test]
    fn calls_come_before_overlap_or_take_turns() {
        use Order::{FirstBefore, Mixed, Overlapping, SecondBefore};
        for (first, second, expected) in [
            ("0..10000", "10000..20000", FirstBefore),
            // A millisecond is no overlap of calls, a bit more is.
            ("0..10000", "9000..20000", FirstBefore),
            ("0..10000", "8999..20000", Overlapping),
            // Of long calls a twentieth of the shorter one.
            ("0..100000", "95000..300000", FirstBefore),
            ("0..100000", "94999..300000", Overlapping),
            // Two clocks: 5 ms, or half of the shorter one.
            ("0..10000c", "5000..20000", Mixed),
            ("0..8000", "3000..9000c", Mixed),
            ("0..8000", "2999..9000c", Overlapping),
            ("0..10000", "4999..20000c", Overlapping),
            ("0..100000c", "50000..300000", Mixed),
            ("0..100000c", "49999..300000", Overlapping),
            // Nothing overlaps by as much as it lasts, if that is not more than a millisecond.
            ("0..1000", "0..1000", Mixed),
            ("0..1000", "1..1000", FirstBefore),
            ("1..1000", "0..900", SecondBefore),
            // Any two calls overlap; else the last end counts, not that of the call that began last.
            ("0..2000 10000..20000", "3000..5000 15000..30000", Overlapping),
            ("0..2000 10000..20000", "3000..5000", Mixed),
            ("0..2000 10000..20000", "20000..21000 30000..40000", FirstBefore),
            ("0..50000 1000..2000", "40000..41000", Mixed),
            ("0..50000 1000..2000", "40000..42000", Overlapping),
            ("0..50000 1000..2000", "50000..51000", FirstBefore),
            // The slack is one of the whole lots.
            ("0..1000 99500..103000", "100000..100900 200000..300000", FirstBefore),
            ("0..1000 99500..106000", "100000..100900 200000..300000", Mixed),
            ("0..40000", "0..40000", Overlapping),
        ] {
            let (first, second) = (calls(first), calls(second));
            assert_eq!(order_of(&first, &second, TOLERANCE_NS), expected, "{first:?} {second:?}");
            let turned = match expected {
                FirstBefore => SecondBefore,
                SecondBefore => FirstBefore,
                same => same,
            };
            assert_eq!(order_of(&second, &first, TOLERANCE_NS), turned, "{second:?} {first:?}");
        }
    }

    /// Overlaps are found wherever they are, as if each call were compared with each.
    #[test]
    fn every_overlap_is_found() {
        let mut state = 7u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) % below) as i64
        };
        let (mut overlapping, rounds) = (0, 2_000);
        for _ in 0..rounds {
            let mut lot = || {
                let mut calls: Vec<TimedCall> = (0..1 + random(5))
                    .map(|_| {
                        let start = random(40_000_000);
                        TimedCall { start, end: start + random(4_000_000), has_exit_span: random(4) > 0 }
                    })
                    .collect();
                calls.sort_by_key(|call| call.start);
                calls
            };
            let (first, second) = (lot(), lot());
            let expected = first.iter().any(|call| second.iter().any(|other| overlap(call, other, TOLERANCE_NS)));
            assert_eq!(any_overlap(&first, &second, TOLERANCE_NS), expected, "{first:?} {second:?}");
            overlapping += usize::from(expected);
        }
        assert!((rounds / 10..rounds * 9 / 10).contains(&overlapping), "{overlapping}");
    }

    #[test]
    fn the_heaviest_chain_is_what_is_left() {
        for (weights, free, weight, has) in [
            (&[][..], &[][..], 0, &[][..]),
            // Everything waits for what came before it.
            (&[3, 4, 5], &[], 12, &[true, true, true]),
            // Two do not: the heavier one stays.
            (&[3, 4, 5], &[(0, 1)], 9, &[false, true, true]),
            (&[3, 4, 5], &[(0, 1), (1, 2), (0, 2)], 5, &[false, false, true]),
            // What two may do at the same time, a third may need of both.
            (&[3, 4, 5, 6], &[(1, 2)], 14, &[true, false, true, true]),
            // Of equal chains the one with the earlier items.
            (&[4, 4, 4], &[(0, 1), (1, 2), (0, 2)], 4, &[true, false, false]),
            (&[4, 4, 4], &[(0, 1)], 8, &[true, false, true]),
            (&[2, 1, 1, 2], &[(0, 1), (0, 2), (1, 3), (2, 3), (1, 2)], 4, &[true, false, false, true]),
        ] {
            let found = HeaviestChain::of(weights, |earlier, later| free.contains(&(earlier, later)));
            assert_eq!(found, HeaviestChain { weight, has: has.to_vec() }, "{weights:?} {free:?}");
        }
    }
}
