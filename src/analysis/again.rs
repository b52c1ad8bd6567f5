//! Single traces, looked at on their own: one that somebody asks for, or some once all were seen.

use std::collections::BTreeSet;
use std::slice;

use rayon::prelude::*;

use crate::detectors::{Concluded, Conclusions, Description, Detector, SeenByAll, Whole};
use crate::findings::FindingColumns;
use crate::frame::{Collection, Frame, Grouping, SpillError, partition_of};
use crate::gathered::Gathered;
use crate::savings::{Overlaps, Settling};
use crate::span::TraceId;
use crate::trace::{CalleeNames, Semantics, TraceModel, TraceView};

use super::pass::AnalysisSettings;

/// What one detector found in one trace.
pub(crate) struct FoundInTrace {
    /// The detector.
    pub(crate) description: &'static Description,
    /// Its findings.
    pub(crate) findings: FindingColumns,
    /// The part of their keys that is the caller's operation, where findings name the operation that is called.
    pub(crate) caller_operation: Option<usize>,
}

/// Keeps the findings of what detectors conclude.
#[derive(Default)]
struct FindingsAlone(Vec<FoundInTrace>);

impl Conclusions for FindingsAlone {
    fn take<D: Detector>(&mut self, _detector: &D, concluded: Concluded<D>) {
        let caller_operation = D::TABLE.caller_operation_in_key();
        let findings = concluded.findings.common;
        self.0.push(FoundInTrace { description: D::DESCRIPTION, findings, caller_operation });
    }
}

/// The view of one trace as [`analyse`] would see it, with the operations that other traces name, and its findings; none if
/// there is no such trace. The traces are taken out of `collection`, partition by partition, as far as they are needed.
///
/// # Errors
/// If spans that were put aside cannot be brought back.
pub(crate) fn with_trace<T>(
    collection: &Collection,
    semantics: &Semantics,
    settings: &AnalysisSettings,
    trace_id: TraceId,
    look: impl FnOnce(&TraceView<'_>, &[FoundInTrace]) -> T,
) -> Result<Option<T>, SpillError> {
    let own_part = partition_of(trace_id);
    if own_part >= collection.part_count() {
        return Ok(None);
    }
    let (mut grouping, mut model) = (Grouping::default(), TraceModel::default());
    collection.group(own_part, &mut grouping)?;
    let Ok(index) = grouping.traces.trace_ids.binary_search(&trace_id) else { return Ok(None) };
    let mut own = Frame::default();
    own.push_trace(grouping.traces.trace(index));
    let own = own.trace(0);
    if model.rebuild(own, semantics) {
        let mut callee_names = CalleeNames::default();
        let mut learn = |grouping: &Grouping, model: &mut TraceModel| {
            for other in 0..grouping.traces.trace_count() {
                model.rebuild(grouping.traces.trace(other), semantics);
                callee_names.learn(model);
            }
        };
        learn(&grouping, &mut model);
        for part in (0..collection.part_count()).filter(|&part| part != own_part) {
            collection.group(part, &mut grouping)?;
            learn(&grouping, &mut model);
        }
        model.rebuild(own, semantics);
        model.name_operations(&callee_names);
    }
    // There is one trace, so it is the first.
    let view = model.view(0, trace_id, semantics, settings.overlap_tolerance);
    Ok(Some(look(&view, &found_in(&view, semantics, settings))))
}

/// What the detectors find in a trace on its own.
fn found_in(view: &TraceView<'_>, semantics: &Semantics, settings: &AnalysisSettings) -> Vec<FoundInTrace> {
    let mut seen = SeenByAll::new(|name| settings.is_enabled(name));
    let mut overlaps = Overlaps::default();
    let (traces, mut settlings) = (slice::from_ref(view), [Settling::default()]);
    seen.see(&settings.detectors, traces, &mut settlings, &mut overlaps);
    let whole = Whole {
        symbols: &semantics.symbols,
        lists: &semantics.lists,
        trace_ids: &[view.trace_id],
        is_weighted: false,
        gathered: &Gathered::default(),
    };
    let mut found = FindingsAlone::default();
    seen.conclude(&settings.detectors, &whole, &mut overlaps, &mut found);
    found.0
}

/// Traces that are looked at again once all were seen.
#[derive(Clone, Copy)]
pub(crate) struct Again<'a> {
    /// The spans, of which those in memory were kept.
    pub(crate) collection: &'a Collection,
    /// What they mean.
    pub(crate) semantics: &'a Semantics,
    /// How they were analysed.
    pub(crate) settings: &'a AnalysisSettings,
    /// What all traces say of the operations of services that recorded nothing.
    pub(crate) callee_names: &'a CalleeNames,
}

impl Again<'_> {
    /// What `look` makes of each of the traces `wanted`, in the order of their ids.
    ///
    /// # Errors
    /// If spans that were put aside cannot be brought back.
    pub(crate) fn look_at<T: Send>(
        self,
        wanted: &BTreeSet<TraceId>,
        look: impl Fn(&TraceView<'_>) -> T + Sync,
    ) -> Result<Vec<(TraceId, T)>, SpillError> {
        let parts: BTreeSet<usize> = wanted.iter().map(|&trace_id| partition_of(trace_id)).collect();
        let parts: Vec<usize> = parts.into_iter().filter(|&part| part < self.collection.part_count()).collect();
        let of_part = |(grouping, model): &mut (Grouping, TraceModel), part: usize| {
            self.collection.group_again(part, wanted, grouping)?;
            let traces = (0..grouping.traces.trace_count()).map(|index| {
                let trace = grouping.traces.trace(index);
                if model.rebuild(trace, self.semantics) {
                    model.name_operations(self.callee_names);
                }
                let view = model.view(0, trace.trace_id, self.semantics, self.settings.overlap_tolerance);
                (trace.trace_id, look(&view))
            });
            Ok(traces.collect())
        };
        let looked: Vec<Vec<(TraceId, T)>> =
            parts.into_par_iter().map_init(Default::default, of_part).collect::<Result<_, SpillError>>()?;
        let mut looked: Vec<(TraceId, T)> = looked.into_iter().flatten().collect();
        looked.sort_unstable_by_key(|&(trace_id, _)| trace_id);
        Ok(looked)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::analysis::{Gathers, analyse};
    use crate::conventions::UncountedCalls;
    use crate::detectors::{Detectors, catalog};
    use crate::frame::SpillStore;
    use crate::ingest::{ReadFrames, ReadOptions, read_frames};
    use crate::trace::{OverlapTolerance, derive};

    /// Traces are what they were, and none is missing, whether their spans stayed in memory or were put aside; what was not asked
    /// for is not looked at.
    #[test]
    fn traces_are_what_they_were() {
        let sample = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/samples/incident.flat.parquet"));
        let directory = tempfile::tempdir().unwrap();
        let settings = AnalysisSettings {
            detectors: Detectors::default(),
            enabled: catalog().iter().map(|entry| entry.description.name).collect(),
            gathers: Gathers::NOTHING,
            overlap_tolerance: OverlapTolerance { millionths: 10_000 },
        };
        let looked = |spill: Option<Arc<SpillStore>>, every: usize| {
            let options = ReadOptions { spill, ..ReadOptions::default() };
            let ReadFrames { builders, .. } = read_frames(std::slice::from_ref(&sample), &options, &());
            let mut collection = Collection::with_spilled(builders, options.spill);
            collection.keep();
            let semantics = derive(&collection.vocabulary, &UncountedCalls::default());
            let analysis = analyse(&collection, &semantics, &settings, &|_| {}, &AtomicBool::new(false));
            let wanted: BTreeSet<TraceId> = analysis.trace_ids.iter().copied().step_by(every).collect();
            let again = Again {
                collection: &collection,
                semantics: &semantics,
                settings: &settings,
                callee_names: &analysis.callee_names,
            };
            let look = |view: &TraceView<'_>| {
                let name = |row: u32| semantics.symbols.resolve(view.entry_operation(row)).to_owned();
                let spans = (0..view.tree.len() as u32).map(|row| (view.span_id(row), view.duration(row), name(row)));
                spans.collect::<Vec<_>>()
            };
            let looked = again.look_at(&wanted, look).unwrap();
            assert!(looked.iter().map(|(trace_id, _)| trace_id).eq(&wanted));
            let spans: usize = looked.iter().map(|(_, spans)| spans.len()).sum();
            (looked, spans as u64, analysis.results.totals.spans)
        };
        let (all, spans, of_input) = looked(None, 1);
        assert!(spans == of_input);
        let (some, ..) = looked(None, 7);
        assert!(all.iter().step_by(7).eq(&some));
        let tiny = Arc::new(SpillStore::new(directory.path(), 1));
        let (aside, ..) = looked(Some(Arc::clone(&tiny)), 1);
        assert!(tiny.spilled_bytes() > 0 && aside == all);
    }
}
