//! What of the calls of one span comes one after the other, and what would be left if what needs nothing of the other ran at the same
//! time.

use crate::partial::TraceNumber;
use crate::span::SpanId;
use crate::trace::{Row, total_ns};

use super::call_order::HeaviestChain;
use super::fan_outs::{FanOutColumns, Limits};
use super::item_sets::{parts_of, place_of_pair};
use super::pair_evidence::{Evidence, PairEvidence, PairJudge};

/// A span that may be a finding, as it was kept.
pub(super) struct Candidate<'a> {
    pub(super) trace: TraceNumber,
    pub(super) adjusted_count: f64,
    pub(super) row: Row,
    pub(super) set: u32,
    /// Items with path time, by their first start.
    pub(super) items: Vec<CandidateItem<'a>>,
    path_ns: i64,
    in_series: &'a [u32],
}

/// An item of a span.
pub(super) struct CandidateItem<'a> {
    /// Place in the set.
    pub(super) place: usize,
    /// First start in ns since 1970.
    pub(super) start: i64,
    /// Spans of its calls, and their ids.
    pub(super) calls: &'a [Row],
    pub(super) span_ids: &'a [SpanId],
    /// Path time in ns.
    weight: i64,
}

impl<'a> Candidate<'a> {
    /// The one at a place.
    pub(super) fn of(columns: &'a FanOutColumns, place: usize) -> Self {
        let (mut calls, mut span_ids) = (columns.calls.get(place), columns.span_ids.get(place));
        let described = columns.items.get(place).as_chunks().0.iter().zip(columns.times.get(place).as_chunks().0);
        let items = described.map(|(&[place, count], &[start, weight])| {
            let count = (count as usize).min(calls.len()).min(span_ids.len());
            let (own, others) = calls.split_at(count);
            let (own_ids, other_ids) = span_ids.split_at(count);
            (calls, span_ids) = (others, other_ids);
            CandidateItem { place: place as usize, start, calls: own, span_ids: own_ids, weight }
        });
        Self {
            items: items.collect(),
            trace: columns.trace[place],
            adjusted_count: columns.adjusted_count[place],
            row: columns.row[place],
            set: columns.set[place],
            path_ns: columns.path_ns[place],
            in_series: columns.in_series.get(place),
        }
    }

    /// Whether all of the first item was done when the second began.
    fn is_in_series(&self, first: usize, second: usize) -> bool {
        let place = place_of_pair(self.items.len(), first, second);
        self.in_series.get(place / 32).is_some_and(|bits| bits >> (place % 32) & 1 != 0)
    }
}

/// The items of a span that usually come one after the other, as they do here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Run {
    /// Places among the items of the candidate.
    pub(super) items: Vec<usize>,
    /// What is left of them if what is proven to be independent runs at the same time.
    pub(super) chain: HeaviestChain,
    /// Their path time, in ns.
    pub(super) serial_ns: i64,
    /// What would be saved if none of the pairs needed anything of the other, in ns.
    pub(super) possible_ns: i64,
    pub(super) pairs: i64,
    /// Pairs that are proven to be independent.
    pub(super) independent_pairs: i64,
    /// The best evidence of any pair.
    pub(super) evidence: Evidence,
}

impl Run {
    /// That of a span; none if it is too short, or if too little could be saved.
    pub(super) fn of(candidate: &Candidate<'_>, judge: &mut PairJudge<'_>, limits: Limits) -> Option<Self> {
        let (_, items_of_set) = parts_of(judge.keys[candidate.set as usize]);
        let pairs = judge.pairs_of(candidate.set);
        Self::with(candidate, items_of_set.len(), pairs, limits)
    }

    fn with(candidate: &Candidate<'_>, items_of_set: usize, pairs: &[PairEvidence], limits: Limits) -> Option<Self> {
        // What all traces show of two items where the first comes before the second; nothing of those of which that is not usual
        // or not so here.
        let evidence = |first: usize, second: usize| {
            if !candidate.is_in_series(first, second) {
                return None;
            }
            let places = (candidate.items[first].place, candidate.items[second].place);
            let (pair, order) = match places.0 < places.1 {
                true => (place_of_pair(items_of_set, places.0, places.1), 0),
                false => (place_of_pair(items_of_set, places.1, places.0), 1),
            };
            pairs.get(pair).filter(|pair| pair.is_usual).map(|pair| pair.by_order[order])
        };
        let mut is_in_run = vec![false; candidate.items.len()];
        let (mut count, mut independent, mut best) = (0, 0, Evidence::None);
        for second in 0..candidate.items.len() {
            for first in 0..second {
                let Some(evidence) = evidence(first, second) else { continue };
                (is_in_run[first], is_in_run[second]) = (true, true);
                count += 1;
                independent += i64::from(evidence.is_proof());
                best = if evidence.strength() > best.strength() { evidence } else { best };
            }
        }
        let items: Vec<usize> = (0..candidate.items.len()).filter(|&item| is_in_run[item]).collect();
        if items.is_empty() || items.len() < limits.min_items {
            return None;
        }
        let weights: Vec<i64> = items.iter().map(|&item| candidate.items[item].weight).collect();
        let serial_ns = total_ns(weights.iter().copied());
        let proven =
            |first: usize, second: usize| evidence(items[first], items[second]).is_some_and(Evidence::is_proof);
        let any = |first: usize, second: usize| evidence(items[first], items[second]).is_some();
        let possible_ns = serial_ns - HeaviestChain::of(&weights, any).weight;
        if !limits.is_enough(possible_ns, candidate.path_ns) {
            return None;
        }
        Some(Self {
            chain: HeaviestChain::of(&weights, proven),
            items,
            serial_ns,
            possible_ns,
            pairs: count,
            independent_pairs: independent,
            evidence: best,
        })
    }

    /// What would be saved if all that is proven to be independent ran at the same time, in ns.
    pub(super) fn saving_ns(&self) -> i64 {
        self.serial_ns - self.chain.weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Evidence::{None as Nothing, Overlapped, Skipped};

    const LIMITS: Limits = Limits { min_items: 3, min_proof: 2, tolerance_ns: 0, min_share: 0.1 };
    const MS: i64 = 1_000_000;

    /// Items with these weights in ms; pairs that are in series here, and what all traces show of usual ones. Items come here in the
    /// order of their places, or `is_turned` in the opposite one.
    fn run(
        weights: &[i64],
        in_series: &[(usize, usize)],
        usual: &[(usize, usize, Evidence)],
        path_ms: i64,
        is_turned: bool,
    ) -> Option<(Vec<usize>, [i64; 5], Evidence)> {
        let items = weights.len();
        let mut bits = vec![0; 4];
        for &(first, second) in in_series {
            let place = place_of_pair(items, first, second);
            bits[place / 32] |= 1 << (place % 32);
        }
        let nothing = PairEvidence { is_usual: false, by_order: [Nothing; 2] };
        let mut pairs = vec![nothing; items * items];
        for &(first, second, evidence) in usual {
            let places = if is_turned { (items - 1 - second, items - 1 - first) } else { (first, second) };
            let by_order = if is_turned { [Nothing, evidence] } else { [evidence, Nothing] };
            pairs[place_of_pair(items, places.0, places.1)] = PairEvidence { is_usual: true, by_order };
        }
        let item = |(number, &weight): (usize, &i64)| CandidateItem {
            place: if is_turned { items - 1 - number } else { number },
            start: number as i64,
            calls: &[],
            span_ids: &[],
            weight: weight * MS,
        };
        let candidate = Candidate {
            trace: TraceNumber(0),
            adjusted_count: 1.0,
            row: 0,
            set: 0,
            items: weights.iter().enumerate().map(item).collect(),
            path_ns: path_ms * MS,
            in_series: &bits,
        };
        let run = Run::with(&candidate, items, &pairs, LIMITS)?;
        let times = [run.serial_ns, run.saving_ns(), run.possible_ns].map(|ns| ns / MS);
        Some((run.items, [times[0], times[1], times[2], run.pairs, run.independent_pairs], run.evidence))
    }

    #[test]
    fn runs_are_what_is_usual_and_so_here() {
        let all = [(0, 1), (0, 2), (1, 2)];
        let with = |evidence: [Evidence; 3]| [0, 1, 2].map(|pair| (all[pair].0, all[pair].1, evidence[pair]));
        for is_turned in [false, true] {
            let run = |in_series: &[(usize, usize)], usual: &[(usize, usize, Evidence)], path_ms| {
                run(&[30, 50, 40], in_series, usual, path_ms, is_turned)
            };
            // Serial for no reason that anything shows: all of it may go but the heaviest.
            let nothing = with([Nothing; 3]);
            assert_eq!(run(&all, &nothing, 120), Some((vec![0, 1, 2], [120, 0, 70, 3, 0], Nothing)));
            // Proven of two: the lighter of them goes.
            let proven = with([Overlapped, Nothing, Skipped]);
            assert_eq!(run(&all, &proven, 120), Some((vec![0, 1, 2], [120, 30, 70, 3, 1], Overlapped)));
            let hinted = with([Nothing, Nothing, Skipped]);
            assert_eq!(run(&all, &hinted, 120), Some((vec![0, 1, 2], [120, 0, 70, 3, 0], Skipped)));
            // What is not so here is none of its pairs, whatever is proven of it, and neither is what is not usual.
            assert_eq!(
                run(&all[..2], &with([Nothing, Nothing, Overlapped]), 120),
                Some((vec![0, 1, 2], [120, 0, 30, 2, 0], Nothing))
            );
            assert_eq!(run(&all, &proven[1..], 120), Some((vec![0, 1, 2], [120, 0, 40, 2, 0], Skipped)));
            // Two items are no run.
            assert_eq!(run(&all[..1], &proven, 120), None);
            assert_eq!(run(&all, &proven[..1], 120), None);
            // A tenth of the path time must be possible, no less.
            assert!(run(&all, &nothing, 700).is_some() && run(&all, &nothing, 701).is_none());
        }
    }
}
