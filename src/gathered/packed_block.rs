//! Packed facts about traces, in memory or put aside, whose traces can be renumbered without packing anything again.

use std::borrow::Cow;
use std::sync::Arc;

use crate::frame::{PutAside, SpillError, SpillStore};
use crate::partial::TraceNumber;

/// The places of traces in the order of their ids, by numbers that they had before.
type Ranks = Arc<[TraceNumber]>;

/// Packed facts.
#[derive(Clone, Debug)]
pub(super) struct PackedBlock {
    packed: Packed,
    /// By the numbers that traces have in the block; `None` where these are the numbers.
    ranks: Option<Ranks>,
}

#[derive(Clone, Debug)]
enum Packed {
    InMemory(Box<[u8]>),
    Aside(Arc<SpillStore>, PutAside),
}

impl PackedBlock {
    /// A block in memory.
    pub(super) fn new(packed: Box<[u8]>) -> Self {
        Self { packed: Packed::InMemory(packed), ranks: None }
    }

    /// The packed bytes.
    ///
    /// # Errors
    /// If they were put aside and cannot be brought back.
    pub(super) fn bytes(&self) -> Result<Cow<'_, [u8]>, SpillError> {
        match &self.packed {
            Packed::InMemory(bytes) => Ok(Cow::Borrowed(bytes)),
            Packed::Aside(store, place) => store.read_bytes(*place).map(Cow::Owned),
        }
    }

    /// The number of a trace that has another one in the block.
    pub(super) fn rank_of(&self, trace: TraceNumber) -> TraceNumber {
        match self.ranks.as_deref().zip(trace.index()) {
            Some((ranks, index)) => ranks.get(index).copied().unwrap_or(TraceNumber::NONE),
            None => trace,
        }
    }

    /// How many bytes of memory the packed facts take.
    pub(super) fn bytes_in_memory(&self) -> usize {
        match &self.packed {
            Packed::InMemory(bytes) => bytes.len(),
            Packed::Aside(..) => 0,
        }
    }

    /// Puts the packed facts aside, if they are in memory and it can be done; the answer is how many bytes that freed.
    pub(super) fn put_aside(&mut self, store: &Arc<SpillStore>) -> usize {
        let Packed::InMemory(bytes) = &self.packed else { return 0 };
        let Some(place) = store.put_bytes(bytes) else { return 0 };
        let freed = bytes.len();
        self.packed = Packed::Aside(Arc::clone(store), place);
        freed
    }
}

/// Gives each trace the number that `rank_of` says. Of blocks that were not renumbered so far, numbers are below `numbers`.
pub(super) fn renumber_blocks<'a>(
    blocks: impl Iterator<Item = &'a mut PackedBlock>,
    numbers: u32,
    rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync),
) {
    let not_ranked: Ranks = (0..numbers).map(|number| rank_of(TraceNumber(number))).collect();
    // Blocks that were renumbered together share their ranks, and go on to do so.
    let mut ranked_again: Vec<(Ranks, Ranks)> = Vec::new();
    for block in blocks {
        let Some(ranks) = &block.ranks else {
            block.ranks = Some(Arc::clone(&not_ranked));
            continue;
        };
        let known = ranked_again.iter().find(|(before, _)| Arc::ptr_eq(before, ranks));
        let again =
            known.map_or_else(|| ranks.iter().map(|&rank| rank_of(rank)).collect(), |(_, again)| Arc::clone(again));
        if known.is_none() {
            ranked_again.push((Arc::clone(ranks), Arc::clone(&again)));
        }
        block.ranks = Some(again);
    }
}

/// Bytes of memory that new numbers of traces take. Nearly always all blocks share theirs.
pub(super) fn bytes_of_ranks<'a>(blocks: impl Iterator<Item = &'a PackedBlock>) -> usize {
    blocks.filter_map(|block| block.ranks.as_ref()).map(|ranks| size_of_val(&**ranks)).max().unwrap_or_default()
}
