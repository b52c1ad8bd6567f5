//! Who comes first, and how sure that is.

use std::collections::BTreeMap;

use crate::trace::{Component, Target, TargetKind};

use super::comparison::Blamed;
use super::own_times::OwnTimes;

/// The share of the first suspect's blame by which that of the second may differ for the two to share it.
const SHARED_BLAME: f64 = 0.05;

/// A score from which on the first suspect stands out.
const CLEAR_SCORE: f64 = 0.15;

/// How many times as slow as before makes the first suspect stand out.
const CLEAR_RATIO: f64 = 4.0;

/// How sure the first suspect is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Confidence {
    /// It stands out.
    Clear,
    /// Differences like that are seen in minutes in which nothing happens.
    #[default]
    Quiet,
}

impl Confidence {
    /// The name in tables.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Quiet => "quiet",
        }
    }
}

/// A suspect before its times are known.
#[derive(Clone, Debug)]
pub(super) struct Scored {
    /// Who.
    pub(super) target: Target,
    /// What it is blamed for.
    pub(super) blamed: Blamed,
    /// The ranking.
    pub(super) score: f64,
    /// Blame as a share of the time of the window's requests.
    pub(super) blame_share: f64,
    /// Failures beyond those expected for each request of the window.
    pub(super) excess_failure_share: f64,
}

/// The suspects in the order of their ranks, where the window has so many requests that took so long in all.
pub(super) fn ranked(blamed: BTreeMap<Target, Blamed>, requests: u64, time_ns: i128) -> Vec<Scored> {
    let share = |part: f64, whole: f64| if whole == 0.0 { 0.0 } else { part / whole };
    let mut suspects: Vec<Scored> = blamed
        .into_iter()
        .map(|(target, blamed)| {
            let blame_share = share(blamed.blame_ns as f64, time_ns as f64);
            let excess_failure_share = share(blamed.excess_failures, requests as f64);
            Scored { target, blamed, score: excess_failure_share + blame_share, blame_share, excess_failure_share }
        })
        .filter(|suspect| {
            suspect.score > 0.0 || suspect.blamed.vanished_calls > 0.0 || suspect.blamed.appeared_calls > 0.0
        })
        .collect();
    suspects.sort_by(|left, right| {
        let by_blame = || right.blamed.blame_ns.cmp(&left.blamed.blame_ns);
        let by_name = || (left.target.kind, left.target.name).cmp(&(right.target.kind, right.target.name));
        right.score.total_cmp(&left.score).then_with(by_blame).then_with(by_name)
    });
    if let [first, second, ..] = &suspects[..]
        && is_callee_second(first, second)
    {
        suspects.swap(0, 1);
    }
    suspects
}

/// Whether the first two share their blame, and the second is who was called: of a slow network between two services nobody
/// can say which end it is, and the callee is what is slow more often.
fn is_callee_second(first: &Scored, second: &Scored) -> bool {
    let (blame, other) = (first.blamed.blame_ns as f64, second.blamed.blame_ns as f64);
    let is_shared = (blame - other).abs() <= SHARED_BLAME * blame.abs();
    let calls = network_difference_ns(first, second);
    is_shared && calls > 0 && calls > network_difference_ns(second, first)
}

/// How much more time the network takes when `caller` calls `callee`, in ns.
fn network_difference_ns(caller: &Scored, callee: &Scored) -> i64 {
    if callee.target.kind != TargetKind::Service {
        return 0;
    }
    let rows = caller.blamed.rows.iter().filter(|row| {
        let place = row.spent.place;
        place.component == Component::Network
            && place.service == caller.target.name
            && place.target == callee.target.name
    });
    rows.map(|row| row.difference_ns()).fold(0, i64::saturating_add)
}

/// How sure the first suspect is.
pub(super) fn confidence(first: &Scored, times: &OwnTimes) -> Confidence {
    let is_slower = first.blamed.blame_ns > 0 && times.ratio().is_some_and(|ratio| ratio >= CLEAR_RATIO);
    if first.score >= CLEAR_SCORE || is_slower { Confidence::Clear } else { Confidence::Quiet }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Symbol;
    use crate::gathered::Spent;
    use crate::incident::comparison::RowDifference;
    use crate::trace::{Entry, Place, RootReason};

    fn service(name: u32) -> Target {
        Target { name: Symbol(name), kind: TargetKind::Service }
    }

    fn blamed(blame_ns: i64, excess_failures: f64) -> Blamed {
        Blamed { blame_ns, excess_failures, ..Blamed::default() }
    }

    fn network(caller: u32, callee: u32, window_ns: i64, baseline_ns: i64) -> RowDifference {
        let place = Place {
            service: Symbol(caller),
            operation: Symbol(9),
            component: Component::Network,
            target: Symbol(callee),
        };
        RowDifference {
            entry: Entry { kind: RootReason::Root, service: Symbol(1), operation: Symbol(1) },
            spent: Spent { place, target_kind: Some(TargetKind::Service) },
            window_ns,
            baseline_ns,
        }
    }

    fn names(suspects: &[Scored]) -> Vec<u32> {
        suspects.iter().map(|suspect| suspect.target.name.0).collect()
    }

    /// Failures and time add up: of 10 requests that take 1,000 ns, 2 failures and 300 ns count alike as 20 % and 30 %. Who
    /// has less than nothing of both is no suspect, unless calls of it are missing.
    #[test]
    fn the_score_is_of_failures_and_time() {
        let all = [
            (service(1), blamed(300, 0.0)),
            (service(2), blamed(200, 2.0)),
            (service(3), blamed(-10, 0.0)),
            (service(4), Blamed { vanished_calls: 3.0, ..blamed(-500, 0.0) }),
            (service(5), blamed(400, -1.5)),
        ];
        let suspects = ranked(all.into_iter().collect(), 10, 1_000);
        assert_eq!(names(&suspects), [2, 1, 5, 4]);
        let scores: Vec<String> = suspects.iter().map(|suspect| format!("{:.2}", suspect.score)).collect();
        assert_eq!(scores, ["0.40", "0.30", "0.25", "-0.50"]);
        assert!(ranked(BTreeMap::new(), 0, 0).is_empty());
    }

    /// The callee of a slow network comes first where the blame of both ends differs by at most 5 %.
    #[test]
    fn of_two_ends_the_callee_comes_first() {
        let order = |blames: [i64; 2], rows: &[RowDifference]| {
            let with_rows = |blame: i64| Blamed { rows: rows.to_vec(), ..blamed(blame, 0.0) };
            let all = [(service(1), with_rows(blames[0])), (service(2), with_rows(blames[1]))];
            names(&ranked(all.into_iter().collect(), 10, 1_000))
        };
        let to_second = network(1, 2, 150, 50);
        assert_eq!(order([200, 190], &[to_second]), [2, 1]);
        assert_eq!(order([200, 189], &[to_second]), [1, 2]);
        assert_eq!(order([200, 190], &[]), [1, 2]);
        // The first is who is called already, the network between them is faster, or calls go both ways.
        assert_eq!(order([200, 190], &[network(2, 1, 150, 50)]), [1, 2]);
        assert_eq!(order([200, 190], &[network(1, 2, 50, 150)]), [1, 2]);
        assert_eq!(order([200, 190], &[to_second, network(2, 1, 151, 50)]), [1, 2]);
        assert_eq!(order([200, 190], &[to_second, network(2, 1, 149, 50)]), [2, 1]);
    }

    #[test]
    fn confidence_needs_a_score_or_much_slower_requests() {
        let times = |requests: [usize; 2], medians: [i64; 2]| OwnTimes {
            requests,
            median_ns: medians.map(Some),
            ..OwnTimes::default()
        };
        let scored = |blame_ns: i64, excess_failures: f64| {
            ranked([(service(1), blamed(blame_ns, excess_failures))].into_iter().collect(), 100, 1_000).remove(0)
        };
        let unchanged = times([9, 9], [10, 10]);
        for (suspect, times, expected) in [
            (scored(150, 0.0), unchanged, Confidence::Clear),
            (scored(149, 0.0), unchanged, Confidence::Quiet),
            (scored(100, 5.0), unchanged, Confidence::Clear),
            (scored(1, 0.0), times([3, 3], [40, 10]), Confidence::Clear),
            (scored(1, 0.0), times([3, 3], [39, 10]), Confidence::Quiet),
            (scored(1, 0.0), times([2, 3], [40, 10]), Confidence::Quiet),
            (scored(0, 1.0), times([3, 3], [40, 10]), Confidence::Quiet),
        ] {
            assert_eq!(confidence(&suspect, &times), expected, "{suspect:?} {times:?}");
        }
    }
}
