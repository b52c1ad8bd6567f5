//! One pass over all traces, on all threads.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::detectors::{Concluded, Conclusions, Description, Detector, Detectors, SeenByAll, Whole};
use crate::findings::FindingColumns;
use crate::frame::{Collection, Frame, Grouping, Partition, TraceRows};
use crate::gathered::Gathered;
use crate::partial::TraceNumber;
use crate::span::TraceId;
use crate::trace::{CalleeNames, Facts, OverlapTolerance, TraceModel, TraceView};

use super::results::{AnalysisError, Results, Waiting};

/// What the pass does.
#[derive(Clone, Debug)]
pub struct AnalysisSettings {
    /// Detectors with their thresholds.
    pub detectors: Detectors,
    /// Names of those to run.
    pub enabled: Vec<&'static str>,
    /// How far siblings may overlap and still count as sequential.
    pub overlap_tolerance: OverlapTolerance,
}

impl AnalysisSettings {
    pub(super) fn is_enabled(&self, name: &str) -> bool {
        self.enabled.contains(&name)
    }
}

/// The results of all traces of an input.
#[derive(Default)]
pub struct Analysis {
    /// The results. Traces are numbered in the order of their ids.
    pub results: Results,
    /// The ids of the traces, ascending.
    pub trace_ids: Vec<TraceId>,
}

/// Analyses all traces of `collection` on the threads of the current rayon pool. `done` is told after each piece of work
/// how many spans it held; once `cancelled` is set, the rest is left out.
pub fn analyse(
    collection: &Collection,
    facts: &Facts,
    settings: &AnalysisSettings,
    done: &(dyn Fn(u64) + Sync),
    cancelled: &AtomicBool,
) -> Analysis {
    let numbering = Numbering::default();
    let pass = Pass { facts, settings, numbering: &numbering };
    // Whoever is done takes the next partition, so that at the end nobody waits for more than one.
    let next = AtomicUsize::new(0);
    let results = (0..rayon::current_num_threads())
        .into_par_iter()
        .with_max_len(1)
        .map(|_| {
            let mut worker = Worker::new(settings);
            loop {
                let part = next.fetch_add(1, Ordering::Relaxed);
                if part >= collection.part_count() || cancelled.load(Ordering::Relaxed) {
                    return worker.results;
                }
                done(worker.visit_part(pass, collection, part));
            }
        })
        .reduce_with(merged);
    let mut results = results.unwrap_or_else(|| Results::new(settings));

    let waiting = std::mem::take(&mut results.waiting);
    let callee_names = std::mem::take(&mut results.callee_names);
    let late = (0..waiting.numbers.len())
        .into_par_iter()
        .fold(
            || Worker::new(settings),
            |mut worker, index| {
                worker.analyse_late(pass, waiting.traces.trace(index), waiting.numbers[index], &callee_names);
                worker
            },
        )
        .map(|worker| worker.results)
        .reduce_with(merged);
    let deferred: Vec<(usize, Vec<TraceNumber>)> = waiting.deferred.into_iter().collect();
    let deferred = deferred
        .into_par_iter()
        .fold(
            || Worker::new(settings),
            |mut worker, (part, numbers)| {
                if !cancelled.load(Ordering::Relaxed) {
                    worker.visit_deferred(pass, collection, part, &numbers, &callee_names);
                }
                worker
            },
        )
        .map(|worker| worker.results)
        .reduce_with(merged);
    late.into_iter().chain(deferred).for_each(|late| results.merge(late));
    let analysis = number_by_id(results);
    see_targets(analysis, settings)
}

/// Lets detectors that ask for calls look at them, target by target.
fn see_targets(mut analysis: Analysis, settings: &AnalysisSettings) -> Analysis {
    let Results { seen, gathered, .. } = &mut analysis.results;
    if let Some(calls) = &gathered.calls {
        calls.for_each_target(|calls| seen.see_target(&settings.detectors, calls));
    }
    analysis
}

/// What a pass over traces reads.
#[derive(Clone, Copy)]
struct Pass<'a> {
    facts: &'a Facts,
    settings: &'a AnalysisSettings,
    numbering: &'a Numbering,
}

/// Gives traces numbers in the order in which threads meet them: they get their places among all when all are known.
#[derive(Debug)]
struct Numbering {
    next: AtomicU32,
    limit: u32,
}

impl Default for Numbering {
    fn default() -> Self {
        // The last number stands for no trace.
        Self { next: AtomicU32::new(0), limit: TraceNumber::NONE.0 }
    }
}

impl Numbering {
    /// The first of as many numbers as there are `traces`.
    fn take(&self, traces: usize) -> Result<u32, AnalysisError> {
        let too_many = AnalysisError::TooManyTraces { limit: self.limit };
        let Ok(traces) = u32::try_from(traces) else { return Err(too_many) };
        let beyond = |first: u32| first.checked_add(traces).filter(|&end| end <= self.limit);
        self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, beyond).map_err(|_| too_many)
    }
}

/// Numbers traces in the order of their ids, so that "ties go to the smaller id" is a comparison of numbers.
fn number_by_id(mut results: Results) -> Analysis {
    let mut traces = std::mem::take(&mut results.traces);
    traces.par_sort_unstable();
    let numbers = traces.iter().filter_map(|(_, number)| number.index()).max().map_or(0, |largest| largest + 1);
    let mut ranks = vec![TraceNumber::NONE; numbers];
    for (rank, (_, number)) in (0u32..).zip(&traces) {
        if let Some(index) = number.index() {
            ranks[index] = TraceNumber(rank);
        }
    }
    let rank_of = |number: TraceNumber| number.index().map_or(number, |index| ranks[index]);
    results.seen.renumber_traces(&rank_of);
    results.gathered.renumber_traces(&rank_of);
    Analysis { results, trace_ids: traces.into_iter().map(|(trace_id, _)| trace_id).collect() }
}

/// What one detector found in one trace.
pub(crate) struct FoundInTrace {
    /// The detector.
    pub(crate) description: &'static Description,
    /// Its findings.
    pub(crate) findings: FindingColumns,
}

/// Keeps the findings of what detectors conclude.
#[derive(Default)]
struct FindingsAlone(Vec<FoundInTrace>);

impl Conclusions for FindingsAlone {
    fn take<D: Detector>(&mut self, _detector: &D, concluded: Concluded<D>) {
        self.0.push(FoundInTrace { description: D::description(), findings: concluded.findings.common });
    }
}

/// The view of one trace as [`analyse`] would see it, with the operations that other traces name, and its findings.
pub(crate) fn with_trace<T>(
    frame: &Frame,
    facts: &Facts,
    settings: &AnalysisSettings,
    index: u32,
    look: impl FnOnce(&TraceView<'_>, &[FoundInTrace]) -> T,
) -> T {
    let mut callee_names = CalleeNames::default();
    let mut model = TraceModel::default();
    if model.rebuild(frame.trace(index as usize), facts) {
        for other in 0..frame.trace_count() {
            model.rebuild(frame.trace(other), facts);
            callee_names.learn(&model);
        }
        model.rebuild(frame.trace(index as usize), facts);
    }
    model.name_operations(&callee_names);
    let view = model.view(index, frame.trace_ids[index as usize], facts, settings.overlap_tolerance);
    let mut seen = SeenByAll::new(|name| settings.is_enabled(name));
    seen.see(&settings.detectors, &view);
    let gathered = Gathered::default();
    let whole = Whole { symbols: &facts.symbols, trace_ids: &frame.trace_ids, is_weighted: false, gathered: &gathered };
    let mut found = FindingsAlone::default();
    seen.conclude(&settings.detectors, &whole, &mut found);
    look(&view, &found.0)
}

fn merged(mut left: Results, right: Results) -> Results {
    left.merge(right);
    left
}

struct Worker {
    grouping: Grouping,
    model: TraceModel,
    results: Results,
}

impl Worker {
    fn new(settings: &AnalysisSettings) -> Self {
        Self { grouping: Grouping::default(), model: TraceModel::default(), results: Results::new(settings) }
    }

    /// Groups a partition and analyses its traces; the answer is how many spans there are.
    fn visit_part(&mut self, pass: Pass<'_>, collection: &Collection, part: usize) -> u64 {
        if let Err(failure) = collection.group(part, &mut self.grouping) {
            self.results.failure.get_or_insert(failure.into());
        }
        let traces = std::mem::take(&mut self.grouping.traces);
        match pass.numbering.take(traces.trace_count()) {
            Ok(first) => self.visit_traces(pass, collection, part, &traces, first),
            Err(failure) => {
                self.results.failure.get_or_insert(failure);
            }
        }
        self.grouping.traces = traces;
        self.grouping.traces.len() as u64
    }

    fn visit_traces(&mut self, pass: Pass<'_>, collection: &Collection, part: usize, traces: &Frame, first: u32) {
        let (mut deferred, mut deferred_numbers) = (Partition::default(), Vec::new());
        for (index, number) in (0..traces.trace_count()).zip((first..).map(TraceNumber)) {
            let trace_id = traces.trace_ids[index];
            self.results.traces.push((trace_id, number));
            let must_wait = self.model.rebuild(traces.trace(index), pass.facts);
            self.results.callee_names.learn(&self.model);
            if !must_wait {
                self.analyse_trace(pass, trace_id, number);
            } else if collection.defers() {
                deferred_numbers.push(number);
                deferred.push_trace(traces.trace(index));
            } else {
                let Waiting { numbers, traces: waiting, .. } = &mut self.results.waiting;
                numbers.push(number);
                waiting.push_trace(traces.trace(index));
            }
        }
        if !deferred_numbers.is_empty() {
            collection.defer(part, deferred);
            self.results.waiting.deferred.insert(part, deferred_numbers);
        }
    }

    /// Analyses the traces of a partition that were deferred, whose numbers in the order of their ids are `numbers`.
    fn visit_deferred(
        &mut self,
        pass: Pass<'_>,
        collection: &Collection,
        part: usize,
        numbers: &[TraceNumber],
        names: &CalleeNames,
    ) {
        if let Err(failure) = collection.group_deferred(part, &mut self.grouping) {
            self.results.failure.get_or_insert(failure.into());
        }
        let traces = std::mem::take(&mut self.grouping.traces);
        for (index, &number) in (0..traces.trace_count()).zip(numbers) {
            self.analyse_late(pass, traces.trace(index), number, names);
        }
        self.grouping.traces = traces;
    }

    /// Analyses a trace once all others were seen.
    fn analyse_late(&mut self, pass: Pass<'_>, trace: TraceRows<'_>, number: TraceNumber, names: &CalleeNames) {
        self.model.rebuild(trace, pass.facts);
        self.model.name_operations(names);
        self.analyse_trace(pass, trace.trace_id, number);
    }

    fn analyse_trace(&mut self, pass: Pass<'_>, trace_id: TraceId, number: TraceNumber) {
        let Pass { facts, settings, .. } = pass;
        let trace = self.model.view(number.0, trace_id, facts, settings.overlap_tolerance);
        self.results.totals.count(&trace);
        self.results.quality.see(&trace);
        self.results.gathered.see(&trace);
        self.results.seen.see(&settings.detectors, &trace);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many traces a partition holds, their numbers are their own; what does not fit is an error, not a number of
    /// another trace.
    #[test]
    fn numbers_of_traces_never_wrap() {
        let numbering = Numbering { next: AtomicU32::new(0), limit: 100 };
        assert_eq!(numbering.take(70).unwrap(), 0);
        assert!(matches!(numbering.take(31), Err(AnalysisError::TooManyTraces { limit: 100 })));
        assert_eq!(numbering.take(30).unwrap(), 70);
        assert!(numbering.take(1).is_err() && numbering.take(usize::MAX).is_err());
        let all = Numbering::default();
        assert_eq!(all.take(1 << 25).unwrap(), 0);
        assert_eq!(all.take(1).unwrap(), 1 << 25);
    }

    /// Threads that take numbers at the same time never get the same ones, and none is left out, however much is refused.
    #[test]
    fn threads_share_numbers() {
        const EACH: u32 = 3;
        let numbering = Numbering { next: AtomicU32::new(0), limit: 3_000 };
        let mut first_numbers: Vec<u32> =
            (0..2_000).into_par_iter().filter_map(|_| numbering.take(EACH as usize).ok()).collect();
        first_numbers.sort_unstable();
        assert_eq!(first_numbers, (0..3_000).step_by(EACH as usize).collect::<Vec<_>>());
    }

    /// Numbers in the order of meeting become places in the order of ids.
    #[test]
    fn traces_are_numbered_by_id() {
        let trace = |id: u8, number: u32| (TraceId([id; 16]), TraceNumber(number));
        let traces = vec![trace(9, 0), trace(2, 5), trace(7, 1)];
        let results = Results { traces, ..Results::default() };
        assert_eq!(number_by_id(results).trace_ids, [2, 7, 9].map(|id| TraceId([id; 16])));
    }
}
