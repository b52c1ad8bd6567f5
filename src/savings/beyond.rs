//! What each pattern adds when all that are ranked above it are mended already.

use crate::frame::Symbol;
use crate::trace::{Edit, PatternEdits, RetimingBuffers};

use super::overlaps::Overlaps;

/// What a pattern adds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Beyond {
    /// Time in ns.
    pub(crate) saving_ns: i64,
    /// Failed roots.
    pub(crate) failed_requests: u64,
}

/// What each pattern adds to those that come before it. `rank_of` gives the place of a pattern, from 0, and `alone` by place
/// what it saves if nothing else is mended.
pub(crate) fn beyond(
    overlaps: &Overlaps,
    rank_of: &dyn Fn(u8, &[Symbol]) -> Option<usize>,
    alone: &[Beyond],
) -> Vec<Beyond> {
    let mut beyond = alone.to_vec();
    let mut buffers = RetimingBuffers::default();
    for index in 0..overlaps.segments.len() {
        let segment = overlaps.segments.get(index);
        let ranked = |pattern: PatternEdits<'_>| Some((rank_of(pattern.detector, pattern.key)?, pattern.edits));
        let mut patterns: Vec<(usize, Vec<(u32, Edit)>)> = segment.patterns.into_iter().filter_map(ranked).collect();
        patterns.sort_unstable_by_key(|&(rank, _)| rank);
        let whole = segment.retiming.length();
        let mut done: Vec<(u32, Edit)> = Vec::new();
        let mut length = whole;
        for (rank, edits) in patterns {
            let alone = whole - segment.retiming.length_with(edits.iter().copied(), &mut buffers);
            done.extend(edits);
            let next = segment.retiming.length_with(done.iter().copied(), &mut buffers);
            beyond[rank].saving_ns += length - next - alone;
            length = next;
        }
    }
    for (patterns, roots) in overlaps.mended() {
        let ranks = patterns.iter().filter_map(|(detector, key)| rank_of(*detector, key));
        let mut ranks: Vec<usize> = ranks.collect();
        ranks.sort_unstable();
        for &rank in ranks.iter().skip(1) {
            beyond[rank].failed_requests = beyond[rank].failed_requests.saturating_sub(roots);
        }
    }
    beyond
}
