//! The counted calls of a trace, those to one target side by side.

use crate::trace::calls::Call;
use crate::trace::target::TargetKind;
use crate::trace::view::TraceView;

/// Indices of the calls that detectors count and whose target has a name of its own, by target; those to one target in the
/// order of their spans.
#[derive(Debug, Default)]
pub(crate) struct CallsByTarget {
    order: Vec<u32>,
}

impl CallsByTarget {
    pub(in crate::trace) fn rebuild(&mut self, trace: &TraceView<'_>) {
        let calls = &trace.calls.calls;
        let counts = |call: &Call| call.counts && call.target.kind != TargetKind::Unnamed;
        self.order.clear();
        self.order.extend((0..).zip(calls).filter(|(_, call)| counts(call)).map(|(index, _)| index));
        self.order.sort_unstable_by_key(|&call| (calls[call as usize].target, call));
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[u32] {
        &self.order
    }

    /// The calls to each target.
    pub(crate) fn by_target<'a>(&'a self, calls: &'a [Call]) -> impl Iterator<Item = &'a [u32]> {
        self.order.chunk_by(|&left, &right| calls[left as usize].target == calls[right as usize].target)
    }
}
