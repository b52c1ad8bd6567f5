//! One pass over all traces, on all threads.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::detectors::{CallRound, Detectors, SeenByAll, WhileRead};
use crate::frame::{Collection, Frame, Grouping, Partition, SpillError, SpillStore, Symbol, TraceRows};
use crate::gathered::{Gathered, Gathers};
use crate::partial::{PartialWriter, TraceNumber};
use crate::span::TraceId;
use crate::trace::{CalleeNames, OverlapTolerance, Semantics};

use super::batch::TraceBatch;
use super::part::{KeptRows, Part, PartFile};
use super::results::{AnalysisError, Results, Waiting};

/// What the pass does.
#[derive(Clone, Debug)]
pub struct AnalysisSettings {
    /// Detectors with their thresholds.
    pub detectors: Detectors,
    /// Names of those to run.
    pub enabled: Vec<&'static str>,
    /// What is gathered beside what detectors ask for: to compare requests, and for reports.
    pub gathers: Gathers,
    /// How far siblings may overlap and still count as sequential.
    pub overlap_tolerance: OverlapTolerance,
}

impl AnalysisSettings {
    /// What is to be gathered for the detectors that are on, and beside them.
    pub(super) fn gathers(&self) -> Gathers {
        let of_detectors = self.detectors.gathers(|name| self.is_enabled(name));
        of_detectors.or(self.gathers)
    }

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
    /// What all of them say of the operations of services that recorded nothing.
    pub(crate) callee_names: CalleeNames,
}

/// Analyses all traces of `collection` on the threads of the current rayon pool. `done` is told after each piece of work
/// how many spans it held; once `cancelled` is set, the rest is left out.
pub fn analyse(
    collection: &Collection,
    semantics: &Semantics,
    settings: &AnalysisSettings,
    done: &(dyn Fn(u64) + Sync),
    cancelled: &AtomicBool,
) -> Analysis {
    let numbering = Numbering::default();
    let pass = Pass { semantics, settings, numbering: &numbering };
    // Whoever is done takes the next partition, so that at the end nobody waits for more than one.
    let next = AtomicUsize::new(0);
    let results = (0..rayon::current_num_threads())
        .into_par_iter()
        .with_max_len(1)
        .map(|_| {
            let mut worker = Worker::new(settings, collection.store());
            loop {
                let part = next.fetch_add(1, Ordering::Relaxed);
                if part >= collection.part_count() || cancelled.load(Ordering::Relaxed) {
                    return worker.results;
                }
                done(worker.visit_part(pass, collection, part));
            }
        })
        .reduce_with(merged);
    let mut results = results.unwrap_or_else(|| Box::new(Results::new(settings, collection.store())));

    let waiting = std::mem::take(&mut results.waiting);
    let callee_names = std::mem::take(&mut results.callee_names);
    let late = (0..waiting.numbers.len())
        .into_par_iter()
        .fold(
            || Worker::new(settings, collection.store()),
            |mut worker, index| {
                let (trace, number) = (waiting.traces.trace(index), waiting.numbers[index]);
                worker.analyse_late(semantics, settings, trace, number, &callee_names);
                worker
            },
        )
        .map(|worker| worker.results)
        .reduce_with(merged);
    let deferred: Vec<(usize, Vec<TraceNumber>)> = waiting.deferred.into_iter().collect();
    let deferred = deferred
        .into_par_iter()
        .fold(
            || Worker::new(settings, collection.store()),
            |mut worker, (part, numbers)| {
                if !cancelled.load(Ordering::Relaxed) {
                    worker.visit_deferred(pass, collection, part, &numbers, &callee_names);
                }
                worker
            },
        )
        .map(|worker| worker.results)
        .reduce_with(merged);
    late.into_iter().chain(deferred).for_each(|late| results.merge(*late));
    take_read(&mut results, collection, semantics, settings);
    results.totals.services.extend(&semantics.certain_services);
    let mut analysis = see_targets(number_by_id(*results), settings);
    analysis.callee_names = callee_names;
    if let Some(not_put_aside) = collection.store().and_then(|store| store.take_failure()) {
        analysis.results.failure.get_or_insert(not_put_aside.into());
    }
    analysis
}

/// Analyses all traces of `collection`, which is a part of an input, and writes what they give to `out`. Afterwards they are
/// what [`merge_parts`](super::merge_parts) makes of several. `describe` says, once all traces were seen, what the file says of
/// itself. The answer is how many traces there are.
///
/// # Errors
/// If the file cannot be written, or spans that were put aside cannot be brought back.
pub(crate) fn analyse_part<W: Write + Send>(
    collection: &Collection,
    semantics: &Semantics,
    settings: &AnalysisSettings,
    out: W,
    describe: impl FnOnce() -> serde_json::Value,
    done: &(dyn Fn(u64) + Sync),
    cancelled: &AtomicBool,
) -> Result<usize, AnalysisError> {
    let file = PartFile::new(PartialWriter::new(out).map_err(AnalysisError::Write)?);
    let numbering = Numbering::default();
    let pass = Pass { semantics, settings, numbering: &numbering };
    let next = AtomicUsize::new(0);
    let results = (0..rayon::current_num_threads())
        .into_par_iter()
        .with_max_len(1)
        .map(|_| {
            let new = || Worker::new(settings, collection.store());
            let (mut worker, mut conditional) = (new(), new());
            loop {
                let part = next.fetch_add(1, Ordering::Relaxed);
                if part >= collection.part_count() || cancelled.load(Ordering::Relaxed) {
                    return (worker.results, conditional.results);
                }
                done(worker.visit_part_of_input(&mut conditional, pass, collection, part, &file));
            }
        })
        .reduce_with(|left, right| (merged(left.0, right.0), merged(left.1, right.1)));
    let (mut settled, mut conditional) = results.unwrap_or_else(|| {
        let new = || Box::new(Results::new(settings, collection.store()));
        (new(), new())
    });
    if let Some(failure) = settled.failure.take().or(conditional.failure.take()) {
        return Err(failure);
    }
    take_read(&mut settled, collection, semantics, settings);
    settled.totals.services.extend(&semantics.certain_services);
    let mut traces = std::mem::take(&mut settled.traces);
    traces.par_sort_unstable();
    let places = places_by_number(&traces);
    let trace_ids: Vec<TraceId> = traces.into_iter().map(|(trace_id, _)| trace_id).collect();
    let trace_count = trace_ids.len();
    let part = Part { settled: *settled, conditional: *conditional, trace_ids, places };
    file.finish(&part, &collection.vocabulary, semantics, describe()).map_err(AnalysisError::Write)?;
    Ok(trace_count)
}

/// Lets detectors take what was found while the spans of `collection` were read.
fn take_read(results: &mut Results, collection: &Collection, semantics: &Semantics, settings: &AnalysisSettings) {
    let read = &collection.vocabulary.symbols;
    let sorted = |&symbol: &Symbol| semantics.symbols.get(read.resolve(symbol)).unwrap_or_default();
    let sensitive = collection.sensitive().map(|facts| facts.clone().by_level(sorted));
    results.seen.take_read(&settings.detectors, WhileRead { sensitive });
}

/// The place of each trace in the order of ids, by its number. `traces` are in that order.
fn places_by_number(traces: &[(TraceId, TraceNumber)]) -> Vec<u32> {
    let numbers = traces.iter().filter_map(|(_, number)| number.index()).max().map_or(0, |largest| largest + 1);
    let mut places = vec![TraceNumber::NONE.0; numbers];
    for (place, (_, number)) in (0u32..).zip(traces) {
        if let Some(index) = number.index() {
            places[index] = place;
        }
    }
    places
}

/// Lets detectors that ask for calls or caller spans look at them, target by target and service by service.
pub(super) fn see_targets(mut analysis: Analysis, settings: &AnalysisSettings) -> Analysis {
    let Results { seen, gathered, failure, .. } = &mut analysis.results;
    if let Err(not_read) = see_gathered(seen, gathered, &settings.detectors) {
        failure.get_or_insert(not_read.into());
    }
    analysis
}

/// Lets detectors look at what was gathered for them.
///
/// # Errors
/// If what was put aside cannot be brought back.
pub(crate) fn see_gathered(seen: &mut SeenByAll, gathered: &Gathered, detectors: &Detectors) -> Result<(), SpillError> {
    for round in CallRound::BEFORE_TARGETS {
        see_calls(round, seen, gathered, detectors)?;
    }
    if let Some(calls) = &gathered.calls {
        let mut wanted = calls.edges();
        wanted.retain(|&edge, _| seen.wants_edge(detectors, edge));
        calls.for_each_target(|edge| wanted.contains_key(&edge), |calls| seen.see_target(detectors, calls))?;
    }
    if let Some(spans) = &gathered.caller_spans {
        let wanted = spans.services().filter(|&service| seen.wants_service(detectors, service)).collect();
        spans.for_each_service(wanted, |spans| seen.see_service(detectors, spans))?;
    }
    if let Some(messages) = &gathered.messages {
        messages.for_each_topic(|messages| seen.see_topic(detectors, messages))?;
    }
    see_calls(CallRound::Last, seen, gathered, detectors)
}

/// Lets those that want it look at all calls, on all threads.
fn see_calls(
    round: CallRound,
    seen: &mut SeenByAll,
    gathered: &Gathered,
    detectors: &Detectors,
) -> Result<(), SpillError> {
    let Some(calls) = &gathered.calls else { return Ok(()) };
    let Some(nothing) = seen.begin_round(detectors, round) else { return Ok(()) };
    let known: &SeenByAll = seen;
    let learned = calls.for_each_call(
        |edge| known.wants_calls_along(detectors, round, edge, &nothing),
        || Box::new(nothing.emptied()),
        |learned, call| known.see_call(detectors, round, call, learned),
    )?;
    learned.into_iter().for_each(|learned| seen.merge(*learned));
    Ok(())
}

/// What a pass over traces reads.
#[derive(Clone, Copy)]
struct Pass<'a> {
    semantics: &'a Semantics,
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
    let places = places_by_number(&traces);
    let rank_of = |number: TraceNumber| number.index().map_or(number, |index| TraceNumber(places[index]));
    results.seen.renumber_traces(&rank_of);
    results.gathered.renumber_traces(&rank_of);
    results.requests.renumber_traces(&rank_of);
    results.overlaps.renumber_traces(&rank_of);
    Analysis {
        results,
        trace_ids: traces.into_iter().map(|(trace_id, _)| trace_id).collect(),
        callee_names: CalleeNames::default(),
    }
}

pub(super) fn merged(mut left: Box<Results>, right: Box<Results>) -> Box<Results> {
    left.merge(*right);
    left
}

pub(super) struct Worker {
    grouping: Grouping,
    batch: TraceBatch,
    /// On the heap: what all detectors have seen is large, and pools merge it level by level on small stacks.
    pub(super) results: Box<Results>,
}

impl Worker {
    pub(super) fn new(settings: &AnalysisSettings, store: Option<&Arc<SpillStore>>) -> Self {
        let results = Box::new(Results::new(settings, store));
        Self { grouping: Grouping::default(), batch: TraceBatch::default(), results }
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

    /// Groups a partition of a part of an input, books its traces as settled here or in `conditional`, and writes the rows of
    /// those that may have to be looked at again.
    fn visit_part_of_input<W: Write>(
        &mut self,
        conditional: &mut Self,
        pass: Pass<'_>,
        collection: &Collection,
        part: usize,
        file: &PartFile<W>,
    ) -> u64 {
        if let Err(failure) = collection.group(part, &mut self.grouping) {
            self.results.failure.get_or_insert(failure.into());
        }
        let traces = std::mem::take(&mut self.grouping.traces);
        let mut kept = KeptRows::default();
        let first = pass.numbering.take(traces.trace_count()).unwrap_or_else(|failure| {
            self.results.failure.get_or_insert(failure);
            0
        });
        for (index, number) in (0..traces.trace_count()).zip((first..).map(TraceNumber)) {
            let trace = traces.trace(index);
            let waits = self.rebuild(pass, trace, number);
            let is_conditional = self.batch.next().depends_on_services(pass.semantics);
            if waits || is_conditional {
                kept.push(trace, waits);
            }
            if waits {
                continue;
            }
            if is_conditional {
                conditional.make_room(pass, trace);
                std::mem::swap(self.batch.next(), conditional.batch.next());
                conditional.batch.keep(trace, number);
            } else {
                self.batch.keep(trace, number);
            }
        }
        self.book(pass.semantics, pass.settings);
        conditional.book(pass.semantics, pass.settings);
        if !kept.is_empty()
            && let Err(failure) = file.write_rows(part, &kept)
        {
            self.results.failure.get_or_insert(failure);
        }
        self.grouping.traces = traces;
        self.grouping.traces.len() as u64
    }

    fn visit_traces(&mut self, pass: Pass<'_>, collection: &Collection, part: usize, traces: &Frame, first: u32) {
        let (mut deferred, mut deferred_numbers) = (Partition::default(), Vec::new());
        for (index, number) in (0..traces.trace_count()).zip((first..).map(TraceNumber)) {
            let trace = traces.trace(index);
            let must_wait = self.rebuild(pass, trace, number);
            if !must_wait {
                self.batch.keep(trace, number);
            } else if collection.defers() {
                deferred_numbers.push(number);
                deferred.push_trace(trace);
            } else {
                let Waiting { numbers, traces: waiting, .. } = &mut self.results.waiting;
                numbers.push(number);
                waiting.push_trace(trace);
            }
        }
        self.book(pass.semantics, pass.settings);
        if !deferred_numbers.is_empty() {
            collection.defer(part, deferred);
            self.results.waiting.deferred.insert(part, deferred_numbers);
        }
    }

    /// Rebuilds a trace, of which nothing is booked yet but what it says of names. The answer tells whether it must wait for all
    /// others.
    fn rebuild(&mut self, pass: Pass<'_>, trace: TraceRows<'_>, number: TraceNumber) -> bool {
        self.make_room(pass, trace);
        self.results.traces.push((trace.trace_id, number));
        let must_wait = self.batch.rebuild(trace, pass.semantics);
        self.results.callee_names.learn(self.batch.next());
        must_wait
    }

    /// Books what is in the batch if a trace does not fit beside it.
    fn make_room(&mut self, pass: Pass<'_>, trace: TraceRows<'_>) {
        if self.batch.is_full_for(trace.span_ids.len()) {
            self.book(pass.semantics, pass.settings);
        }
    }

    /// Books what is in the batch.
    fn book(&mut self, semantics: &Semantics, settings: &AnalysisSettings) {
        self.batch.book(&mut self.results, semantics, settings);
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
            self.analyse_late(pass.semantics, pass.settings, traces.trace(index), number, names);
        }
        self.grouping.traces = traces;
    }

    /// Analyses a trace once all others were seen.
    pub(super) fn analyse_late(
        &mut self,
        semantics: &Semantics,
        settings: &AnalysisSettings,
        trace: TraceRows<'_>,
        number: TraceNumber,
        names: &CalleeNames,
    ) {
        self.batch.rebuild(trace, semantics);
        self.batch.next().name_operations(names);
        self.batch.keep(trace, number);
        self.book(semantics, settings);
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
