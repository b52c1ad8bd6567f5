//! The pass over all traces: rebuild, detect, book. Partial results of disjoint sets of traces merge.
//!
//! Traces whose operations depend on what other traces say (a service was called that recorded nothing) wait until all
//! others were seen; there are few of them, and the rest is never touched twice.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use rayon::prelude::*;

use crate::detectors::{Attribution, Detectors, LATENCY_ATTRIBUTION, RetrySequences, Shared};
use crate::findings::Findings;
use crate::frame::{Collection, Frame, Grouping, PARTITIONS, Partition, SpillError, Symbol, TraceRows, partition_of};
use crate::span::{SpanId, SpanKind, StatusCode, TraceId};
use crate::trace::{CalleeNames, Facts, NO_ROW, OverlapTolerance, RootReason, TraceModel, TraceView};

/// What the pass does.
#[derive(Clone, Debug)]
pub struct AnalysisSettings {
    /// Detectors with their thresholds.
    pub detectors: Detectors,
    /// Names of those to run, `latency-attribution` among them.
    pub enabled: Vec<&'static str>,
    /// How far siblings may overlap and still count as sequential.
    pub overlap_tolerance: OverlapTolerance,
}

impl AnalysisSettings {
    fn is_enabled(&self, name: &str) -> bool {
        self.enabled.contains(&name)
    }
}

/// What is counted whatever the detectors find.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Spans kept after duplicates were dropped.
    pub spans: u64,
    /// Traces.
    pub traces: u64,
    /// Spans without parent id.
    pub roots: u64,
    /// Calls by number of [`TargetKind`](crate::trace::TargetKind), heartbeats and plumbing included.
    pub calls: [u64; 5],
    /// Summed durations of the roots, in ns.
    pub root_duration_ns: i128,
    /// Start of the first span, in ns since 1970.
    pub first_start: Option<i64>,
    /// End of the last span, in ns since 1970.
    pub last_end: Option<i64>,
    /// Spans that failed, by status or by protocol code.
    pub failed_spans: u64,
}

/// What was odd about the data.
#[derive(Clone, Debug, Default)]
pub struct Quality {
    /// Spans whose parent id is not in the input.
    pub orphans: u64,
    /// Traces without a span that has no parent id.
    pub missing_roots: u64,
    /// Exact re-exports that were dropped.
    pub duplicates: u64,
    /// Spans that share an id with another span.
    pub id_collisions: u64,
    /// SERVER halves that share their CLIENT half's id.
    pub shared_ids: u64,
    /// Cycles of parents that were cut.
    pub cycles: u64,
    /// Spans cut to their parent's window.
    pub clamped: u64,
    /// Spans without kind.
    pub without_kind: u64,
    /// Spans with a status, OK or error.
    pub with_status: u64,
    /// Spans that say how many they stand for because of sampling, themselves or by their trace's root.
    pub with_adjusted_count: u64,
    /// Calls whose target is known only by the span's name.
    pub without_target: u64,
    /// Server spans that stick out of their client span, by (caller, callee).
    pub clock_skew: BTreeMap<(Symbol, Symbol), ClockSkew>,
}

/// How far server spans stick out of their client spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockSkew {
    /// Number of such spans.
    pub spans: u64,
    /// The largest distance in ns.
    pub max_ns: i64,
}

/// Results of a set of traces. Merging the results of disjoint sets gives the results of their union.
#[derive(Debug, Default)]
pub struct Partial {
    /// Findings by detector, in the order of [`Detectors::all`].
    pub findings: Vec<Findings>,
    /// Path time.
    pub attribution: Attribution,
    /// Facts that tables need beside findings.
    pub shared: Shared,
    /// Totals.
    pub totals: Totals,
    /// Data quality.
    pub quality: Quality,
    callee_names: CalleeNames,
    waiting: Waiting,
    /// The traces and their numbers.
    traces: Vec<(TraceId, u32)>,
    /// Why spans that were put aside are missing, if they are.
    pub failure: Option<SpillError>,
}

/// Traces whose operations depend on what other traces say.
#[derive(Debug, Default)]
struct Waiting {
    numbers: Vec<u32>,
    traces: Frame,
    /// Numbers of those that were put aside, by partition, in the order of their ids.
    deferred: BTreeMap<usize, Vec<u32>>,
}

impl Partial {
    /// Takes in the results of other traces.
    pub fn merge(&mut self, other: Self) {
        if self.findings.is_empty() {
            self.findings = other.findings;
        } else {
            for (own, findings) in self.findings.iter_mut().zip(other.findings) {
                own.merge(findings);
            }
        }
        self.attribution.merge(other.attribution);
        self.shared.windows.merge(other.shared.windows);
        for (entry, count) in other.shared.failed_entries {
            *self.shared.failed_entries.entry(entry).or_default() += count;
        }
        self.callee_names.merge(other.callee_names);
        self.waiting.numbers.extend(other.waiting.numbers);
        self.waiting.deferred.extend(other.waiting.deferred);
        for index in 0..other.waiting.traces.trace_count() {
            self.waiting.traces.push_trace(other.waiting.traces.trace(index));
        }
        self.traces.extend(other.traces);
        self.failure = self.failure.take().or(other.failure);

        let (own, totals) = (&mut self.totals, other.totals);
        own.spans += totals.spans;
        own.traces += totals.traces;
        own.roots += totals.roots;
        own.failed_spans += totals.failed_spans;
        own.root_duration_ns += totals.root_duration_ns;
        for (own, calls) in own.calls.iter_mut().zip(totals.calls) {
            *own += calls;
        }
        own.first_start = own.first_start.into_iter().chain(totals.first_start).min();
        own.last_end = own.last_end.into_iter().chain(totals.last_end).max();

        let (own, quality) = (&mut self.quality, other.quality);
        own.orphans += quality.orphans;
        own.missing_roots += quality.missing_roots;
        own.duplicates += quality.duplicates;
        own.id_collisions += quality.id_collisions;
        own.shared_ids += quality.shared_ids;
        own.cycles += quality.cycles;
        own.clamped += quality.clamped;
        own.without_kind += quality.without_kind;
        own.with_status += quality.with_status;
        own.with_adjusted_count += quality.with_adjusted_count;
        own.without_target += quality.without_target;
        for (pair, skew) in quality.clock_skew {
            let own = own.clock_skew.entry(pair).or_default();
            own.spans += skew.spans;
            own.max_ns = own.max_ns.max(skew.max_ns);
        }
    }
}

/// Share of spans that must say how many they stand for before any count is multiplied: what says nothing would count
/// as one beside others that count as hundreds.
pub const MIN_WEIGHTED_SHARE: f64 = 0.9;

/// The results of all traces of an input.
#[derive(Debug, Default)]
pub struct Analysis {
    /// The results. Traces are numbered in the order of their ids.
    pub results: Partial,
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
    let pass = Pass { facts, settings };
    // Whoever is done takes the next partition, so that at the end nobody waits for more than one.
    let next = AtomicUsize::new(0);
    let partial = (0..rayon::current_num_threads())
        .into_par_iter()
        .with_max_len(1)
        .map(|_| {
            let mut worker = Worker::new(settings);
            loop {
                let part = next.fetch_add(1, Ordering::Relaxed);
                if part >= collection.part_count() || cancelled.load(Ordering::Relaxed) {
                    return worker.partial;
                }
                done(worker.visit_part(pass, collection, part));
            }
        })
        .reduce_with(merged);
    let mut partial = partial.unwrap_or_default();

    let waiting = std::mem::take(&mut partial.waiting);
    let callee_names = std::mem::take(&mut partial.callee_names);
    let late = (0..waiting.numbers.len())
        .into_par_iter()
        .fold(
            || Worker::new(settings),
            |mut worker, index| {
                worker.analyse_late(pass, waiting.traces.trace(index), waiting.numbers[index], &callee_names);
                worker
            },
        )
        .map(|worker| worker.partial)
        .reduce_with(merged);
    let deferred: Vec<(usize, Vec<u32>)> = waiting.deferred.into_iter().collect();
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
        .map(|worker| worker.partial)
        .reduce_with(merged);
    late.into_iter().chain(deferred).for_each(|late| partial.merge(late));
    if partial.findings.is_empty() {
        partial.findings.resize_with(settings.detectors.all().len(), Findings::default);
    }
    partial.shared.traces = partial.totals.traces;
    partial.shared.peaks = partial.shared.windows.peaks();
    let weighted = partial.quality.with_adjusted_count;
    partial.shared.is_weighted = weighted > 0 && weighted as f64 >= MIN_WEIGHTED_SHARE * partial.totals.spans as f64;
    number_by_id(partial)
}

/// What a pass over traces reads.
#[derive(Clone, Copy)]
struct Pass<'a> {
    facts: &'a Facts,
    settings: &'a AnalysisSettings,
}

/// Bits of a trace's number that say which of its partition it is; the others name the partition.
const BITS_OF_INDEX: u32 = 24;

/// Numbers traces in the order of their ids, so that "ties go to the smaller id" is a comparison of numbers.
fn number_by_id(mut results: Partial) -> Analysis {
    let mut traces = std::mem::take(&mut results.traces);
    traces.par_sort_unstable();
    let mut ranks: Vec<Vec<u32>> = vec![Vec::new(); PARTITIONS];
    for (rank, (_, number)) in (0u32..).zip(&traces) {
        let (part, index) = (number >> BITS_OF_INDEX, (number & ((1 << BITS_OF_INDEX) - 1)) as usize);
        let ranks = &mut ranks[part as usize];
        if ranks.len() <= index {
            ranks.resize(index + 1, 0);
        }
        ranks[index] = rank;
    }
    let rank_of =
        |number: u32| ranks[(number >> BITS_OF_INDEX) as usize][(number & ((1 << BITS_OF_INDEX) - 1)) as usize];
    for findings in &mut results.findings {
        findings.traces.iter_mut().for_each(|trace| *trace = rank_of(*trace));
    }
    results.attribution.renumber_traces(rank_of);
    Analysis { results, trace_ids: traces.into_iter().map(|(trace_id, _)| trace_id).collect() }
}

/// The view of one trace as [`analyse`] would see it, with the operations that other traces name, and its findings; none if
/// there is no such trace. The traces are taken out of `collection`, partition by partition, as far as they are needed.
///
/// # Errors
/// If spans that were put aside cannot be brought back.
pub fn with_trace<T>(
    collection: &Collection,
    facts: &Facts,
    settings: &AnalysisSettings,
    trace_id: TraceId,
    look: impl FnOnce(&TraceView<'_>, &[Findings]) -> T,
) -> Result<Option<T>, SpillError> {
    let pass = Pass { facts, settings };
    let own_part = partition_of(trace_id);
    let mut worker = Worker::new(settings);
    if own_part >= collection.part_count() {
        return Ok(None);
    }
    collection.group(own_part, &mut worker.grouping)?;
    let Ok(index) = worker.grouping.traces.trace_ids.binary_search(&trace_id) else { return Ok(None) };
    let mut own = Frame::default();
    own.push_trace(worker.grouping.traces.trace(index));
    let own = own.trace(0);
    if worker.model.rebuild(own, facts) {
        let mut callee_names = CalleeNames::default();
        let mut learn = |grouping: &Grouping, model: &mut TraceModel| {
            for other in 0..grouping.traces.trace_count() {
                model.rebuild(grouping.traces.trace(other), facts);
                callee_names.learn(model);
            }
        };
        learn(&worker.grouping, &mut worker.model);
        for part in (0..collection.part_count()).filter(|&part| part != own_part) {
            collection.group(part, &mut worker.grouping)?;
            learn(&worker.grouping, &mut worker.model);
        }
        worker.model.rebuild(own, facts);
        worker.model.name_operations(&callee_names);
    }
    // There is one trace, so its number says nothing.
    let number = 0;
    worker.analyse_trace(pass, trace_id, number);
    let view = worker.model.view(number, trace_id, facts, settings.overlap_tolerance);
    Ok(Some(look(&view, &worker.partial.findings)))
}

fn merged(mut left: Partial, right: Partial) -> Partial {
    left.merge(right);
    left
}

struct Worker {
    grouping: Grouping,
    model: TraceModel,
    retries: RetrySequences,
    /// Whether each detector runs.
    enabled: Vec<bool>,
    attributes: bool,
    partial: Partial,
}

impl Worker {
    fn new(settings: &AnalysisSettings) -> Self {
        let mut partial = Partial::default();
        let detectors = settings.detectors.all();
        partial.findings.resize_with(detectors.len(), Findings::default);
        Self {
            enabled: detectors.iter().map(|detector| settings.is_enabled(detector.description().name)).collect(),
            attributes: settings.is_enabled(LATENCY_ATTRIBUTION.name),
            grouping: Grouping::default(),
            model: TraceModel::default(),
            retries: RetrySequences::default(),
            partial,
        }
    }

    /// Groups a partition and analyses its traces; the answer is how many spans there are.
    fn visit_part(&mut self, pass: Pass<'_>, collection: &Collection, part: usize) -> u64 {
        if let Err(failure) = collection.group(part, &mut self.grouping) {
            self.partial.failure.get_or_insert(failure);
        }
        let traces = std::mem::take(&mut self.grouping.traces);
        let (mut deferred, mut deferred_numbers) = (Partition::default(), Vec::new());
        for index in 0..traces.trace_count() {
            let number = (part << BITS_OF_INDEX) as u32 | index as u32;
            let trace_id = traces.trace_ids[index];
            self.partial.traces.push((trace_id, number));
            let must_wait = self.model.rebuild(traces.trace(index), pass.facts);
            self.partial.callee_names.learn(&self.model);
            if !must_wait {
                self.analyse_trace(pass, trace_id, number);
            } else if collection.defers() {
                deferred_numbers.push(number);
                deferred.push_trace(traces.trace(index));
            } else {
                self.partial.waiting.numbers.push(number);
                self.partial.waiting.traces.push_trace(traces.trace(index));
            }
        }
        if !deferred_numbers.is_empty() {
            collection.defer(part, deferred);
            self.partial.waiting.deferred.insert(part, deferred_numbers);
        }
        self.grouping.traces = traces;
        self.grouping.traces.len() as u64
    }

    /// Analyses the traces of a partition that were deferred, whose numbers in the order of their ids are `numbers`.
    fn visit_deferred(
        &mut self,
        pass: Pass<'_>,
        collection: &Collection,
        part: usize,
        numbers: &[u32],
        names: &CalleeNames,
    ) {
        if let Err(failure) = collection.group_deferred(part, &mut self.grouping) {
            self.partial.failure.get_or_insert(failure);
        }
        let traces = std::mem::take(&mut self.grouping.traces);
        for (index, &number) in (0..traces.trace_count()).zip(numbers) {
            self.analyse_late(pass, traces.trace(index), number, names);
        }
        self.grouping.traces = traces;
    }

    /// Analyses a trace once all others were seen.
    fn analyse_late(&mut self, pass: Pass<'_>, trace: TraceRows<'_>, number: u32, names: &CalleeNames) {
        self.model.rebuild(trace, pass.facts);
        self.model.name_operations(names);
        self.analyse_trace(pass, trace.trace_id, number);
    }

    fn analyse_trace(&mut self, pass: Pass<'_>, trace_id: TraceId, number: u32) {
        let Pass { facts, settings } = pass;
        let trace = self.model.view(number, trace_id, facts, settings.overlap_tolerance);
        count(&trace, &mut self.partial.totals, &mut self.partial.quality, &mut self.partial.shared.failed_entries);
        self.retries.rebuild(&trace);
        self.partial.shared.windows.add(&trace, &self.retries);
        let adjusted_counts = AdjustedCounts::of(&trace);
        self.partial.quality.with_adjusted_count += adjusted_counts.spans;
        let detectors = settings.detectors.all().into_iter().zip(&self.enabled);
        for ((detector, &is_enabled), findings) in detectors.zip(&mut self.partial.findings) {
            if is_enabled {
                let first = findings.len();
                detector.detect(&trace, &self.retries, findings);
                adjusted_counts.weigh(&trace, findings, first);
            }
        }
        if self.attributes {
            self.partial.attribution.add(&trace, adjusted_counts.of_trace);
        }
    }
}

/// What sampling says of a trace.
struct AdjustedCounts {
    /// How many traces it stands for: what its root says, else the most that any span says, else 1.
    of_trace: f64,
    /// Spans that say how many they stand for.
    spans: u64,
}

impl AdjustedCounts {
    fn of(trace: &TraceView<'_>) -> Self {
        if !trace.facts.has_adjusted_counts {
            return Self { of_trace: 1.0, spans: 0 };
        }
        let rows = || 0..trace.tree.len() as u32;
        let said = rows().filter(|&row| trace.facts_of(row).adjusted_count.is_some()).count();
        let by_sampler = rows().find_map(|row| trace.facts_of(row).trace_adjusted_count);
        let roots = trace.tree.path_roots.iter().filter(|root| root.reason == RootReason::Root);
        let by_root = roots.filter_map(|root| trace.facts_of(root.row).adjusted_count).reduce(f64::max);
        let by_any = || rows().filter_map(|row| trace.facts_of(row).adjusted_count).reduce(f64::max);
        Self {
            of_trace: by_root.or(by_sampler).or_else(by_any).unwrap_or(1.0),
            spans: if by_sampler.is_some() { trace.tree.len() as u64 } else { said as u64 },
        }
    }

    /// A finding is seen only if all its spans were kept, so it stands for as many as the rarest of them, or its root.
    fn weigh(&self, trace: &TraceView<'_>, findings: &mut Findings, first: usize) {
        if self.spans == 0 || first == findings.len() {
            return;
        }
        let mut by_id: HashMap<SpanId, f64, FixedState> = HashMap::default();
        for row in 0..trace.tree.len() as u32 {
            if let Some(count) = trace.facts_of(row).adjusted_count {
                let known = by_id.entry(trace.tree.span_ids[row as usize]).or_insert(count);
                *known = known.max(count);
            }
        }
        for finding in first..findings.len() {
            let evidence = findings.evidence.get(finding).iter().filter_map(|id| by_id.get(id).copied());
            findings.adjusted_counts[finding] = evidence.fold(self.of_trace, f64::max);
        }
    }
}

fn count(
    trace: &TraceView<'_>,
    totals: &mut Totals,
    quality: &mut Quality,
    failed_entries: &mut HashMap<(Symbol, Symbol), u64, FixedState>,
) {
    let tree = trace.tree;
    totals.traces += 1;
    totals.spans += tree.len() as u64;
    for call in &trace.calls.calls {
        totals.calls[call.target.kind as usize] += u64::from(call.weight);
    }
    totals.first_start = totals.first_start.into_iter().chain(tree.starts.first().copied()).min();
    totals.last_end = totals.last_end.into_iter().chain(tree.ends.iter().copied().max()).max();

    let mut has_root = false;
    for root in &tree.path_roots {
        if root.reason == RootReason::Root {
            has_root = true;
            totals.roots += 1;
            totals.root_duration_ns += i128::from(trace.duration(root.row));
        }
        if trace.calls.roles[root.row as usize].failed {
            let entry = (trace.service(root.row), trace.entry_operation(root.row));
            *failed_entries.entry(entry).or_default() += 1;
        }
    }
    quality.missing_roots += u64::from(!has_root);
    quality.orphans += tree.counts.orphans;
    quality.duplicates += tree.counts.duplicates;
    quality.id_collisions += tree.counts.id_collisions;
    quality.shared_ids += tree.counts.shared_ids;
    quality.cycles += tree.counts.cycles;
    quality.clamped += trace.paths.clamped;
    quality.without_target +=
        trace.calls.calls.iter().filter(|call| call.target.kind == crate::trace::TargetKind::Unnamed).count() as u64;
    for row in 0..tree.len() as u32 {
        let facts = trace.facts_of(row);
        quality.without_kind += u64::from(facts.kind == SpanKind::Unspecified);
        quality.with_status += u64::from(facts.status != StatusCode::Unset);
        totals.failed_spans += u64::from(trace.calls.roles[row as usize].failed);
    }
    for call in trace.calls.calls.iter().filter(|call| call.callee != NO_ROW && call.callee != call.row) {
        if tree.is_async[call.callee as usize] {
            continue;
        }
        let early = trace.start(call.row) - trace.start(call.callee);
        let late = trace.end(call.callee) - trace.end(call.row);
        let distance = early.max(late);
        if distance > trace.facts.clock_tolerance_ns {
            let skew = quality.clock_skew.entry((call.caller_service, trace.service(call.callee))).or_default();
            skew.spans += 1;
            skew.max_ns = skew.max_ns.max(distance);
        }
    }
}
