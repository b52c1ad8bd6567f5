//! Which traces are looked at: those whose hash ends in so many zeros that few enough are left.
//!
//! How many traces there are is known only when all were read. So what is found is kept by the level of its trace, which is how many
//! zeros the hash ends in, and whenever more traces than wanted are left, the lowest level is given up. Which traces remain follows
//! from all ids alone: the smallest level for which few enough are left, whatever came first and whoever read it.

use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::fast::FixedState;
use hashbrown::HashSet;

use crate::span::TraceId;

/// The level of a trace: the same in every run.
pub(crate) fn level_of(trace_id: TraceId) -> u32 {
    FixedState::with_seed(0x7361_6d70_6c65_7472).hash_one(trace_id.0).trailing_zeros()
}

/// Some traces of all that were met.
#[derive(Clone, Debug, Default)]
pub(crate) struct SampledTraces {
    /// So many at most.
    most: usize,
    /// Those of lower levels were given up.
    level: u32,
    traces: HashSet<TraceId, FixedState>,
}

impl SampledTraces {
    /// None so far, and never more than `most`.
    pub(crate) fn new(most: usize) -> Self {
        Self { most: most.max(1), ..Self::default() }
    }

    /// Those that are left of others: what [`Self::most`], [`Self::level`] and [`Self::iter`] told.
    pub(crate) fn of(most: usize, level: u32, traces: Vec<TraceId>) -> Self {
        let mut sampled = Self { most: most.max(1), level, traces: HashSet::default() };
        traces.into_iter().for_each(|trace_id| sampled.add(trace_id));
        sampled
    }

    /// The lowest level of those that are left.
    pub(crate) fn level(&self) -> u32 {
        self.level
    }

    /// The most that may be left.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// How many are left.
    pub(crate) fn len(&self) -> usize {
        self.traces.len()
    }

    /// The traces, in no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = TraceId> {
        self.traces.iter().copied()
    }

    /// Adds a trace, and gives up levels while there are too many.
    pub(crate) fn add(&mut self, trace_id: TraceId) {
        if level_of(trace_id) >= self.level && self.traces.insert(trace_id) {
            self.keep_few();
        }
    }

    /// Takes in the traces that are left of others.
    pub(crate) fn merge(&mut self, other: Self) {
        self.most = self.most.max(other.most);
        self.raise(other.level);
        let level = self.level;
        self.traces.extend(other.traces.into_iter().filter(|&trace| level_of(trace) >= level));
        self.keep_few();
    }

    /// Forgets those that are not wanted.
    pub(crate) fn retain(&mut self, is_wanted: impl Fn(TraceId) -> bool) {
        self.traces.retain(|&trace| is_wanted(trace));
    }

    fn keep_few(&mut self) {
        while self.traces.len() > self.most && self.level < u64::BITS {
            self.raise(self.level + 1);
        }
    }

    fn raise(&mut self, level: u32) {
        if level > self.level {
            self.level = level;
            self.traces.retain(|&trace| level_of(trace) >= level);
        }
    }
}

/// The traces that all who read an input together look at.
#[derive(Debug)]
pub struct Sampling {
    /// Whether traces may be left out once all were read, so that what is found must be known by trace.
    pub(super) is_by_trace: bool,
    level: AtomicU32,
    traces: Mutex<SampledTraces>,
}

impl Sampling {
    /// No traces so far, and never more than `most`. `is_by_trace` says that some may be left out once all were read.
    pub(crate) fn new(most: usize, is_by_trace: bool) -> Self {
        Self { is_by_trace, level: AtomicU32::new(0), traces: Mutex::new(SampledTraces::new(most)) }
    }

    /// The lowest level that is looked at. It only rises.
    pub(crate) fn level(&self) -> u32 {
        self.level.load(Ordering::Relaxed)
    }

    /// Takes notice of a trace.
    pub(super) fn add(&self, trace_id: TraceId) {
        let mut traces = self.lock();
        traces.add(trace_id);
        self.level.store(traces.level(), Ordering::Relaxed);
    }

    /// Forgets the traces that are not wanted.
    pub(super) fn retain(&self, is_wanted: impl Fn(TraceId) -> bool) {
        self.lock().retain(is_wanted);
    }

    /// The traces that were met so far, as far as they are left.
    pub(crate) fn traces(&self) -> SampledTraces {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, SampledTraces> {
        self.traces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(number: u32) -> TraceId {
        TraceId(u128::from(number).to_be_bytes())
    }

    fn sampled(numbers: impl Iterator<Item = u32>) -> SampledTraces {
        let mut traces = SampledTraces::new(100);
        numbers.for_each(|number| traces.add(trace(number)));
        traces
    }

    fn told(traces: &SampledTraces) -> (u32, Vec<TraceId>) {
        let mut all: Vec<TraceId> = traces.iter().collect();
        all.sort_unstable();
        (traces.level(), all)
    }

    /// The smallest level for which few enough are left, whatever the order and however the traces were parted.
    #[test]
    fn the_sample_follows_from_all_ids() {
        let all = sampled(0..5_000);
        let of_level = |level: u32| (0..5_000).filter(|&number| level_of(trace(number)) >= level).count();
        assert!(of_level(all.level()) <= 100 && of_level(all.level() - 1) > 100);
        assert_eq!(all.len(), of_level(all.level()));
        assert_eq!(told(&sampled((0..5_000).rev())), told(&all));
        for parts in [2, 3, 7] {
            let mut merged = SampledTraces::default();
            (0..parts).for_each(|part| merged.merge(sampled((0..5_000).filter(|number| number % parts == part))));
            assert_eq!(told(&merged), told(&all), "{parts} parts");
        }
        assert_eq!(sampled(0..100).len(), 100);
    }
}
