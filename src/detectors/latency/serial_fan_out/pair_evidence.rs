//! Whether calls that come one after the other need anything of each other, judged by all traces.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::frame::Symbol;
use crate::partial::{TraceNumber, named};

use super::item_sets::{Item, ItemSets, pairs_of, parts_of};

named! {
    /// What shows that two calls that come one after the other need nothing of each other. In the order of the names; how strong it
    /// is tells [`Evidence::strength`].
    pub(crate) enum Evidence {
        /// Nothing does.
        None = "none",
        /// They ran at the same time.
        Overlapped = "overlapped",
        /// They ran in either order.
        Reordered = "reordered",
        /// The second ran without the first.
        Skipped = "skipped",
        /// The second ran though the first had failed.
        Survived = "survived",
    }
}

impl Evidence {
    /// The strongest has the largest number.
    pub(super) fn strength(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Skipped => 1,
            Self::Survived => 2,
            Self::Reordered => 3,
            Self::Overlapped => 4,
        }
    }

    /// Whether it proves it: the others only hint at it.
    pub(super) fn is_proof(self) -> bool {
        matches!(self, Self::Overlapped | Self::Reordered)
    }
}

/// What all traces show of a pair of a set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PairEvidence {
    /// Whether one usually comes after the other.
    pub(super) is_usual: bool,
    /// What shows that they need nothing of each other where the first comes before the second, and where it is the other way around.
    pub(super) by_order: [Evidence; 2],
}

/// How many traces it takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needed {
    /// To say what is usual.
    pub(super) usual: u32,
    /// To prove something.
    pub(super) proof: u32,
}

/// Judges the pairs of sets, each when it is asked for.
pub(super) struct PairJudge<'a> {
    sets: &'a ItemSets,
    /// The keys of the sets by number.
    pub(super) keys: Vec<&'a [Symbol]>,
    needed: Needed,
    by_operation: HashMap<[Symbol; 2], Vec<u32>, FixedState>,
    /// Whether enough traces of an operation have the second item without the first.
    skipped: HashMap<([Symbol; 2], [Item; 2]), bool, FixedState>,
    judged: Vec<Option<Box<[PairEvidence]>>>,
}

impl<'a> PairJudge<'a> {
    pub(super) fn new(sets: &'a ItemSets, needed: Needed) -> Self {
        let keys = sets.keys();
        let mut by_operation: HashMap<[Symbol; 2], Vec<u32>, FixedState> = HashMap::default();
        for (key, number) in keys.iter().zip(0..) {
            by_operation.entry(parts_of(key).0).or_default().push(number);
        }
        let judged = vec![None; sets.len()];
        Self { sets, keys, needed, by_operation, skipped: HashMap::default(), judged }
    }

    /// What all traces show of the pairs of a set, by place.
    pub(super) fn pairs_of(&mut self, set: u32) -> &[PairEvidence] {
        if self.judged[set as usize].is_none() {
            self.judged[set as usize] = Some(self.judge(set));
        }
        self.judged[set as usize].as_deref().unwrap_or_default()
    }

    fn judge(&mut self, number: u32) -> Box<[PairEvidence]> {
        let (operation, items) = parts_of(self.keys[number as usize]);
        let mut judged = Vec::with_capacity(pairs_of(items.len()));
        for (place, &first) in items.iter().enumerate() {
            for &second in &items[place + 1..] {
                judged.push(self.judge_pair(number, judged.len(), operation, [first, second]));
            }
        }
        judged.into()
    }

    fn judge_pair(&mut self, set: u32, place: usize, operation: [Symbol; 2], items: [Item; 2]) -> PairEvidence {
        let set = self.sets.get(set);
        let (counts, needed) = (set.pair(place), self.needed);
        let is_usual = set.traces() >= needed.usual && u64::from(counts.in_series()) * 2 > u64::from(set.traces());
        if !is_usual {
            return PairEvidence { is_usual, by_order: [Evidence::None; 2] };
        }
        let are_enough = |traces: u32| traces >= needed.proof;
        let by_order = [0, 1].map(|order| {
            if are_enough(counts.overlapping()) {
                Evidence::Overlapped
            } else if counts.by_order().into_iter().all(are_enough) {
                Evidence::Reordered
            } else if are_enough(counts.after_outage()[order]) && are_enough(counts.after_success()[order]) {
                Evidence::Survived
            } else if self.is_skipped(operation, [items[order], items[1 - order]]) {
                Evidence::Skipped
            } else {
                Evidence::None
            }
        });
        PairEvidence { is_usual, by_order }
    }

    /// Whether enough traces of an operation, whatever else they call, have the second item without the first.
    fn is_skipped(&mut self, operation: [Symbol; 2], items: [Item; 2]) -> bool {
        if let Some(&known) = self.skipped.get(&(operation, items)) {
            return known;
        }
        let [skipped, present] = items;
        let mut traces: Vec<TraceNumber> = Vec::new();
        for &set in self.by_operation.get(&operation).into_iter().flatten() {
            let (_, items) = parts_of(self.keys[set as usize]);
            let has = |item: Item| items.binary_search(&item).is_ok();
            if has(present) && !has(skipped) {
                let others = self.sets.get(set).sample().iter().filter(|trace| !traces.contains(trace));
                let missing = (self.needed.proof as usize).saturating_sub(traces.len());
                let found: Vec<TraceNumber> = others.copied().take(missing).collect();
                traces.extend(found);
            }
            if traces.len() >= self.needed.proof as usize {
                break;
            }
        }
        let is_skipped = traces.len() >= self.needed.proof as usize;
        self.skipped.insert((operation, items), is_skipped);
        is_skipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::latency::serial_fan_out::call_order::Order;
    use crate::detectors::latency::serial_fan_out::item_sets::Shown;

    const A: Item = [Symbol(10), Symbol(11), Symbol(12)];
    const B: Item = [Symbol(10), Symbol(11), Symbol(13)];

    /// Whatever the traces before it say, what is stronger goes first.
    #[test]
    fn the_strongest_evidence_is_told() {
        use Evidence::{None, Overlapped, Reordered, Skipped, Survived};
        let before = Shown::of(Order::FirstBefore, [false, false]);
        let after_outage = Shown::of(Order::FirstBefore, [true, false]);
        let turned = Shown::of(Order::SecondBefore, [false, false]);
        let turned_after_outage = Shown::of(Order::SecondBefore, [false, true]);
        let overlapping = Shown::of(Order::Overlapping, [false, false]);
        let mixed = Shown::of(Order::Mixed, [false, false]);
        for (shown, without_first, expected) in [
            // Too few traces, or not over half of them in series.
            (vec![(4, before)], 0, (false, [None, None])),
            (vec![(5, before)], 0, (true, [None, None])),
            (vec![(5, before), (5, mixed)], 0, (false, [None, None])),
            (vec![(6, before), (5, mixed)], 0, (true, [None, None])),
            (vec![(5, before), (1, overlapping)], 0, (true, [None, None])),
            (vec![(5, before), (2, overlapping)], 0, (true, [Overlapped, Overlapped])),
            (vec![(5, before), (1, turned)], 0, (true, [None, None])),
            (vec![(5, before), (2, turned)], 0, (true, [Reordered, Reordered])),
            (vec![(5, before), (2, turned), (2, overlapping)], 0, (true, [Overlapped, Overlapped])),
            // An outage shows something only if it is not always there, and only of what comes after it.
            (vec![(5, before), (1, after_outage)], 0, (true, [None, None])),
            (vec![(5, before), (2, after_outage)], 0, (true, [Survived, None])),
            (vec![(1, before), (5, after_outage)], 0, (true, [None, None])),
            (vec![(5, before), (1, turned), (3, turned_after_outage)], 0, (true, [Reordered, Reordered])),
            (vec![(5, before)], 1, (true, [None, None])),
            (vec![(5, before)], 2, (true, [Skipped, None])),
            (vec![(5, before), (2, after_outage)], 2, (true, [Survived, None])),
        ] {
            let mut sets = ItemSets::default();
            let key = |items: &[Item]| -> Vec<Symbol> {
                [Symbol(1), Symbol(2)].into_iter().chain(items.iter().flatten().copied()).collect()
            };
            let (both, second) = (key(&[A, B]), key(&[B]));
            let mut next = (0..).map(TraceNumber);
            for (times, shown) in &shown {
                for trace in next.by_ref().take(*times) {
                    sets.entry(&both).1.add(trace, &[*shown], 2);
                }
            }
            // A trace with two such spans is one trace, whatever else these call.
            for trace in next.take(without_first) {
                sets.entry(&second).1.add(trace, &[], 2);
                sets.entry(&second).1.add(trace, &[], 2);
                let other = key(&[B, [Symbol(20); 3]]);
                sets.entry(&other).1.add(trace, &[], 2);
            }
            let number = sets.entry(&both).0;
            let mut judge = PairJudge::new(&sets, Needed { usual: 5, proof: 2 });
            let (is_usual, by_order) = expected;
            assert_eq!(judge.pairs_of(number), [PairEvidence { is_usual, by_order }], "{shown:?} {without_first}");
        }
    }

    #[test]
    fn the_strongest_is_not_the_first_by_name() {
        let mut all =
            [Evidence::None, Evidence::Overlapped, Evidence::Reordered, Evidence::Skipped, Evidence::Survived];
        all.sort_by_key(|evidence| std::cmp::Reverse(evidence.strength()));
        assert_eq!(all.map(crate::partial::Named::as_str), ["overlapped", "reordered", "survived", "skipped", "none"]);
        assert_eq!(all.map(Evidence::is_proof), [true, true, false, false, false]);
    }
}
