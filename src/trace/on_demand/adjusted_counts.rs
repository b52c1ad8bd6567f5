//! What sampling says of a trace: how many traces it stands for.

use std::sync::OnceLock;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::span::SpanId;

use crate::trace::tree::RootReason;
use crate::trace::view::TraceView;

/// What sampling says of a trace.
#[derive(Debug)]
pub(crate) struct AdjustedCounts {
    /// How many traces it stands for: what its root says, else the most that any span says, else 1.
    pub(crate) of_trace: f64,
    /// Spans that say how many they stand for.
    pub(crate) spans: u64,
    by_id: OnceLock<HashMap<SpanId, f64, FixedState>>,
}

impl Default for AdjustedCounts {
    fn default() -> Self {
        Self { of_trace: 1.0, spans: 0, by_id: OnceLock::new() }
    }
}

impl AdjustedCounts {
    pub(in crate::trace) fn rebuild(&mut self, trace: &TraceView<'_>) {
        *self = Self::default();
        if !trace.semantics.has_adjusted_counts {
            return;
        }
        let rows = || 0..trace.tree.len() as u32;
        let said = rows().filter(|&row| trace.semantics_of(row).adjusted_count.is_some()).count();
        let by_sampler = rows().find_map(|row| trace.semantics_of(row).trace_adjusted_count);
        let roots = trace.tree.path_roots.iter().filter(|root| root.reason == RootReason::Root);
        let by_root = roots.filter_map(|root| trace.semantics_of(root.row).adjusted_count).reduce(f64::max);
        let by_any = || rows().filter_map(|row| trace.semantics_of(row).adjusted_count).reduce(f64::max);
        self.of_trace = by_root.or(by_sampler).or_else(by_any).unwrap_or(1.0);
        self.spans = if by_sampler.is_some() { trace.tree.len() as u64 } else { said as u64 };
    }

    /// How many a finding with this evidence stands for. It is seen only if all its spans were kept, so these are as many as
    /// the rarest of them says, or the root.
    pub(crate) fn of_evidence(&self, trace: &TraceView<'_>, evidence: &[SpanId]) -> f64 {
        if self.spans == 0 {
            return 1.0;
        }
        let by_id = self.by_id.get_or_init(|| {
            let mut by_id: HashMap<SpanId, f64, FixedState> = HashMap::default();
            for row in 0..trace.tree.len() as u32 {
                if let Some(count) = trace.semantics_of(row).adjusted_count {
                    let known = by_id.entry(trace.tree.span_ids[row as usize]).or_insert(count);
                    *known = known.max(count);
                }
            }
            by_id
        });
        evidence.iter().filter_map(|id| by_id.get(id).copied()).fold(self.of_trace, f64::max)
    }
}
