//! Which breakers may have opened at all: few have, and only the calls of those are worth putting in order.
//!
//! ```text
//!   ends of outages   o  o o     o        oo oo o       of one caller instance, ascending
//!   other outcomes   1  0 0   7     3    0  1 0  2      how many ended in each gap
//!                                         └─────┘
//!                             5 outages and 1 other: half of 10 in a row may be outages
//! ```
//!
//! A breaker opens when at least half of `window` outcomes in a row are outages, so that between the first and the last of that many
//! outages there are at most half as many other outcomes. Gaps are counted in any order, outages are few.

use std::sync::OnceLock;

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use crate::frame::Symbol;
use crate::gathered::EdgeOfCalls;
use crate::partial::{Columns as _, GroupReader, GroupWriter, columns};
use crate::trace::Target;

/// The edge that a breaker watches, and the caller's instance that it is in.
type Watched = (EdgeOfCalls, u64);

/// Outages, and what ended between them.
#[derive(Debug, Default)]
pub(super) struct OutageTimes {
    /// When outages ended, in ns since 1970; in order once that is asked for.
    ends: HashMap<Watched, Vec<i64>, FixedState>,
    /// How many other outcomes ended before the outage at the same place, and after the one before. It is part of no file.
    others: HashMap<Watched, Vec<u32>, FixedState>,
    /// Edges with enough outages, once that is asked for.
    often_down: OnceLock<HashSet<EdgeOfCalls, FixedState>>,
    /// Edges of which a breaker may have opened, once that is asked for.
    may_have_opened: OnceLock<HashSet<EdgeOfCalls, FixedState>>,
}

columns! {
    /// The end of an outage.
    struct EndRow in EndColumns {
        target: Option<Target>,
        caller_service: Symbol,
        instance: u64,
        end: i64,
    }
}

impl OutageTimes {
    /// Takes an outage.
    pub(super) fn add(&mut self, edge: EdgeOfCalls, instance: u64, end: i64) {
        self.ends.entry((edge, instance)).or_default().push(end);
    }

    /// Puts outages in order; the answer is whether there are any.
    pub(super) fn put_in_order(&mut self) -> bool {
        self.ends.values_mut().for_each(|ends| ends.sort_unstable());
        !self.ends.is_empty()
    }

    /// Whether at least so many calls along an edge were outages.
    pub(super) fn is_often_down(&self, edge: EdgeOfCalls, least: u64) -> bool {
        self.often_down(least).contains(&edge)
    }

    fn often_down(&self, least: u64) -> &HashSet<EdgeOfCalls, FixedState> {
        self.often_down.get_or_init(|| {
            let mut outages: HashMap<EdgeOfCalls, u64, FixedState> = HashMap::default();
            for ((edge, _), ends) in &self.ends {
                *outages.entry(*edge).or_default() += ends.len() as u64;
            }
            outages.into_iter().filter(|&(_, outages)| outages >= least).map(|(edge, _)| edge).collect()
        })
    }

    /// Counts an outcome that is no outage between `known` outages, which are in order. One that ended with an outage may have come
    /// before or after it, and is left out, so that no breaker is taken for one that cannot have opened.
    pub(super) fn add_other(&mut self, edge: EdgeOfCalls, instance: u64, end: i64, known: &Self) {
        let watched = (edge, instance);
        let Some(ends) = known.ends.get(&watched) else { return };
        let place = ends.partition_point(|&outage| outage < end);
        if ends.get(place).is_some_and(|&outage| outage != end) {
            self.others.entry(watched).or_insert_with(|| vec![0; ends.len()])[place] += 1;
        }
    }

    /// Whether a breaker of `window` outcomes may have opened along an edge with at least so many outages, once all outcomes
    /// were counted.
    pub(super) fn may_have_opened(&self, edge: EdgeOfCalls, window: u32, least: u64) -> bool {
        let found = || {
            let mut edges = HashSet::default();
            for (watched, ends) in &self.ends {
                let others = self.others.get(watched).map_or(&[][..], |others| others);
                if self.is_often_down(watched.0, least) && may_have_opened(window as usize, ends.len(), others) {
                    edges.insert(watched.0);
                }
            }
            edges
        };
        self.may_have_opened.get_or_init(found).contains(&edge)
    }

    /// Takes in those of other traces.
    pub(super) fn merge(&mut self, other: Self) {
        for (watched, ends) in other.ends {
            self.ends.entry(watched).or_default().extend(ends);
        }
        for (watched, others) in other.others {
            let own = self.others.entry(watched).or_default();
            own.resize(own.len().max(others.len()), 0);
            own.iter_mut().zip(others).for_each(|(own, other)| *own += other);
        }
    }

    /// About how many bytes of memory they take.
    pub(super) fn bytes(&self) -> usize {
        let ends: usize = self.ends.values().map(|ends| ends.capacity() * size_of::<i64>()).sum();
        ends + self.ends.capacity() * size_of::<(Watched, Vec<i64>)>()
    }

    pub(super) fn write(&self, group: &mut GroupWriter<'_>) {
        let mut rows: Vec<(&Watched, i64)> =
            self.ends.iter().flat_map(|(watched, ends)| ends.iter().map(move |&end| (watched, end))).collect();
        rows.sort_unstable();
        let mut columns = EndColumns::default();
        for (&((target, caller_service), instance), end) in rows {
            columns.push(EndRow { target: Some(target), caller_service, instance, end });
        }
        columns.write("", group);
    }

    pub(super) fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let columns = EndColumns::read("", group)?;
        let mut read = Self::default();
        for row in 0..columns.end.len() {
            let edge = (columns.target.get(row).unwrap_or_default(), columns.caller_service[row]);
            read.add(edge, columns.instance[row], columns.end[row]);
        }
        Ok(read)
    }
}

/// Whether at least half of `window` outcomes in a row may be outages, of which there are so many, with so many other outcomes
/// before each.
fn may_have_opened(window: usize, outages: usize, others: &[u32]) -> bool {
    let needed = window.div_ceil(2);
    if outages < needed {
        return false;
    }
    // From the first of as many outages as it takes to the last.
    let between = |first: usize| -> usize {
        let gaps = others.get(first + 1..first + needed).unwrap_or_default();
        gaps.iter().map(|&count| count as usize).sum()
    };
    (0..=outages - needed).any(|first| between(first) <= window - needed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::breaker::{Breaker, BreakerRules, Outcome};
    use super::*;

    const EDGE: EdgeOfCalls = (Target { name: Symbol(3), kind: crate::trace::TargetKind::Service }, Symbol(1));

    #[test]
    fn half_of_a_window_must_be_outages() {
        // What ends in each gap, of five outages.
        for (window, others, expected) in [
            (10, [9, 0, 0, 0, 0], true),
            (10, [9, 1, 2, 1, 1], true),
            (10, [9, 1, 2, 1, 2], false),
            (9, [9, 1, 2, 1, 0], true),
            (9, [9, 1, 2, 1, 1], false),
            (12, [0, 0, 0, 0, 0], false),
            (1, [7, 7, 7, 7, 7], true),
            (4, [7, 7, 2, 7, 7], true),
            (4, [7, 7, 3, 7, 7], false),
        ] {
            assert_eq!(may_have_opened(window, 5, &others), expected, "{window} {others:?}");
        }
        assert!(may_have_opened(10, 5, &[]));
    }

    proptest! {
        /// No breaker that opens is missed, however calls overlap; and counting by halves is the same.
        #[test]
        fn no_opening_is_missed(
            calls in proptest::collection::vec((0..60i64, 0..20i64, 0..4u8), 1..80),
            window in 1..8u32,
            outages in 1..4u8,
        ) {
            let mut calls: Vec<(i64, i64, Outcome)> = calls
                .into_iter()
                .map(|(start, duration, kind)| {
                    let outcome = if kind < outages { Outcome::Outage } else { [Outcome::Fine, Outcome::Cancelled][usize::from(start % 5 == 0)] };
                    (start, start + duration, outcome)
                })
                .collect();
            calls.sort_unstable();
            let mut breaker = Breaker::new(BreakerRules { window, wait_ns: 30, trials: 1 });
            calls.iter().for_each(|&(start, end, outcome)| _ = breaker.call(start, end, outcome));
            let mut times = OutageTimes::default();
            calls.iter().rev().filter(|call| call.2 == Outcome::Outage).for_each(|&(_, end, _)| times.add(EDGE, 7, end));
            times.put_in_order();
            let (left, right) = calls.split_at(calls.len() / 2);
            for half in [left, right] {
                let mut learned = OutageTimes::default();
                let fine = half.iter().filter(|call| call.2 == Outcome::Fine);
                fine.for_each(|&(_, end, _)| learned.add_other(EDGE, 7, end, &times));
                times.merge(learned);
            }
            if !breaker.openings().is_empty() {
                prop_assert!(times.may_have_opened(EDGE, window, 1));
            }
        }
    }
}
