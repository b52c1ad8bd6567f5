//! Calls that are too many to be sorted at once: dealt out by target and time to slices that can be, which are
//! packed, and put aside where there is a memory limit.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use crate::frame::{SpillError, SpillStore};
use crate::trace::Target;

use super::call_block::{CallPacker, unpack};
use super::call_log::{LoggedCall, sorted};
use super::packed_block::PackedBlock;

/// Calls that are packed together.
const CALLS_PER_BLOCK: usize = 1 << 12;

/// Where a slice begins.
type Place = (Target, i64);

/// Places of calls, evenly over all, by which slices are cut.
#[derive(Debug, Default)]
pub(super) struct Sample {
    /// All targets, ascending.
    pub(super) targets: std::collections::BTreeSet<Target>,
    places: Vec<Place>,
    every: usize,
    seen: usize,
}

/// So many places are kept at most.
const MOST_PLACES: usize = 1 << 16;

impl Sample {
    pub(super) fn take(&mut self, call: &LoggedCall) {
        // Nearly always it is the one before.
        if self.targets.last() != Some(&call.target) {
            self.targets.insert(call.target);
        }
        self.every = self.every.max(1);
        if self.seen.is_multiple_of(self.every) {
            self.places.push((call.target, call.start));
        }
        self.seen += 1;
        if self.places.len() == MOST_PLACES {
            let mut number = 0usize;
            self.places.retain(|_| {
                number += 1;
                number % 2 == 1
            });
            self.every *= 2;
        }
    }
}

/// Slices of calls.
#[derive(Debug)]
pub(super) struct TimeSlices {
    /// Where each slice but the first begins.
    starts: Vec<Place>,
    /// Calls that are not packed yet, by slice.
    pending: Vec<CallPacker>,
    blocks: Vec<Vec<PackedBlock>>,
    store: Option<Arc<SpillStore>>,
    failure: RefCell<Option<SpillError>>,
}

impl TimeSlices {
    /// Empty slices for about so many calls each.
    pub(super) fn new(sample: &mut Sample, calls_per_slice: usize, store: Option<&Arc<SpillStore>>) -> Self {
        sample.places.sort_unstable();
        let slices = sample.seen.div_ceil(calls_per_slice.max(1)).max(1);
        let places = &sample.places;
        let mut starts: Vec<Place> = (1..slices).map(|slice| places[slice * places.len() / slices]).collect();
        starts.dedup();
        let slices = starts.len() + 1;
        Self {
            starts,
            pending: vec![CallPacker::default(); slices],
            blocks: vec![Vec::new(); slices],
            store: store.cloned(),
            failure: RefCell::default(),
        }
    }

    fn slice_of(&self, place: Place) -> usize {
        self.starts.partition_point(|&start| start <= place)
    }

    /// The slices that calls of a target lie in.
    pub(super) fn of_target(&self, target: Target) -> Range<usize> {
        self.slice_of((target, i64::MIN))..self.slice_of((target, i64::MAX)) + 1
    }

    /// Adds a call.
    pub(super) fn push(&mut self, call: &LoggedCall) {
        let slice = self.slice_of((call.target, call.start));
        self.pending[slice].push(call);
        if self.pending[slice].len() == CALLS_PER_BLOCK {
            self.pack(slice);
        }
    }

    /// Packs what is left.
    pub(super) fn end(&mut self) {
        (0..self.pending.len()).for_each(|slice| self.pack(slice));
        self.pending = Vec::new();
    }

    fn pack(&mut self, slice: usize) {
        let mut block = PackedBlock::new(self.pending[slice].block());
        self.pending[slice].clear();
        if let Some(store) = &self.store
            && store.grow(block.bytes_in_memory() as u64)
        {
            block.put_aside(store);
        }
        self.blocks[slice].push(block);
    }

    /// The calls of a slice in their order. What cannot be brought back is missing, and told by
    /// [`TimeSlices::take_failure`].
    pub(super) fn sorted(&self, slice: usize) -> Vec<LoggedCall> {
        let mut calls = Vec::new();
        for block in &self.blocks[slice] {
            match block.bytes() {
                Ok(bytes) => unpack(&bytes, |_| true, |trace| trace, |call| calls.push(call)),
                Err(failure) => _ = self.failure.borrow_mut().get_or_insert(failure),
            }
        }
        sorted(&calls)
    }

    /// Why calls are missing, if some are.
    pub(super) fn take_failure(&self) -> Option<SpillError> {
        self.failure.borrow_mut().take()
    }
}

impl Drop for TimeSlices {
    fn drop(&mut self) {
        let bytes: usize = self.blocks.iter().flatten().map(PackedBlock::bytes_in_memory).sum();
        if let Some(store) = &self.store {
            store.shrink(bytes as u64);
        }
    }
}
