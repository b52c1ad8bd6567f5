//! Synchronous calls from one service to another, one below the other.

use crate::trace::calls::Call;
use crate::trace::tree::{NO_ROW, Row};
use crate::trace::view::TraceView;

/// The hops of a trace.
#[derive(Debug, Default)]
pub(crate) struct Hops {
    hops: Vec<Hop>,
    deepest: u32,
    steps: Vec<Step>,
}

/// Where a span lies on the way down.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// The topmost span that waits for it.
    segment: Row,
    /// Row of the span of the call that it is the callee of, or [`NO_ROW`].
    call: Row,
    /// Index of the last hop at or above it, or [`NO_HOP`].
    hop: usize,
}

/// The hop that a span is the callee of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hop {
    /// The callee.
    pub(crate) row: Row,
    /// Row of the call's span.
    pub(crate) call: Row,
    /// Index of the hop before, or `usize::MAX`.
    pub(crate) before: usize,
    /// Number of the hop from the segment's root, from 1.
    pub(crate) depth: u32,
    /// The segment's root.
    pub(crate) segment: Row,
}

const NO_HOP: usize = usize::MAX;

impl Hops {
    pub(in crate::trace) fn rebuild(&mut self, trace: &TraceView<'_>) {
        let tree = trace.tree;
        self.hops.clear();
        self.deepest = 0;
        let is_hop =
            |call: &Call| call.counts && call.callee != NO_ROW && trace.service(call.callee) != call.caller_service;
        let mut calls = trace.calls.calls.iter().filter(|call| is_hop(call)).peekable();
        // Most traces stay in one service.
        if calls.peek().is_none() {
            return;
        }
        self.steps.clear();
        self.steps.resize(tree.len(), Step { segment: NO_ROW, call: NO_ROW, hop: NO_HOP });
        for call in calls {
            self.steps[call.callee as usize].call = call.row;
        }
        for &row in &tree.top_down {
            let parent = tree.waiting_parent(row);
            let above = (parent != NO_ROW).then(|| self.steps[parent as usize]);
            let segment = above.map_or(row, |above| above.segment);
            let mut hop = above.map_or(NO_HOP, |above| above.hop);
            let call = self.steps[row as usize].call;
            if call != NO_ROW {
                let caller_row = if call == row { parent } else { call };
                let within = self.steps.get(caller_row as usize).is_some_and(|caller| caller.segment == segment);
                if within {
                    let depth = self.hops.get(hop).map_or(1, |before| before.depth + 1);
                    self.deepest = self.deepest.max(depth);
                    self.hops.push(Hop { row, call, before: hop, depth, segment });
                    hop = self.hops.len() - 1;
                }
            }
            self.steps[row as usize] = Step { segment, call, hop };
        }
    }

    /// All hops, each behind the one before it.
    pub(crate) fn all(&self) -> &[Hop] {
        &self.hops
    }

    /// The most hops in a row.
    pub(crate) fn deepest(&self) -> u32 {
        self.deepest
    }
}
