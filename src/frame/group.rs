//! Grouping by trace: spans in order of arrival become columns in trace order.
//!
//! Spans were parted by a hash of their trace id when they were read. Within a partition, which fits the processor's
//! cache, trace ids are hashed to dense numbers once, the numbers are put in the order of the ids, and every column is
//! filled by a counting sort: linear in the spans, and no trace is ever looked up again.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::sensitive::SensitiveFacts;
use crate::span::{SpanId, TraceId};

use super::builder::FrameBuilder;
use super::columns::{Frame, Vocabulary};
use super::own_values::OwnValues;
use super::partitions::{CollectedSpan, PARTITIONS, Partition};
use super::signatures::SignatureId;
use super::spill::{SpillError, SpillStore};
use super::symbols::Symbol;
use super::value_caps::{BEYOND_CAP, BeyondCap, SignaturePart, ValueCaps, hash_of_value};

/// What several decoders collected, with one vocabulary, still in partitions.
#[derive(Debug, Default)]
pub struct Collection {
    /// What the spans are made of.
    pub vocabulary: Vocabulary,
    /// Those of a partition are taken out when it is grouped.
    parts: Vec<Mutex<Vec<Piece>>>,
    len: usize,
    /// Where more may be put aside.
    store: Option<Arc<SpillStore>>,
    /// Spans that were put aside, and the signatures by their numbers in each collector's own count.
    spilled: Option<Arc<SpillStore>>,
    signatures_of_collectors: HashMap<u32, Arc<Vec<SignatureId>>, FixedState>,
    /// Traces that are looked at again once all others were, if there are too many spans for memory.
    deferred: Option<SpillStore>,
    /// Whether spans in memory stay where they are when they are grouped.
    keeps: bool,
    /// If any values were beyond their cap.
    beyond_cap: Option<SpansBeyondCap>,
    /// What was found in traces in which secrets were looked for, if they were.
    sensitive: Option<SensitiveFacts<Symbol>>,
}

/// The largest hash that is kept of the values of each part of signatures, over all decoders.
#[derive(Debug)]
struct Limits {
    of_parts: Vec<Option<u64>>,
    kept: u64,
}

impl Limits {
    fn of(builders: &[FrameBuilder]) -> Self {
        let mut of_parts = vec![None; SignaturePart::COUNT];
        let Some(first) = builders.first() else { return Self { of_parts, kept: 0 } };
        let kept = first.caps.max_distinct() as u64;
        if builders.iter().all(|builder| Arc::ptr_eq(&builder.caps, &first.caps)) {
            return Self { of_parts: first.caps.limits(), kept };
        }
        // Those who did not share their caps may each have kept what together is too much.
        let together = ValueCaps::new(first.caps.max_distinct());
        builders.iter().for_each(|builder| together.absorb(&builder.caps));
        of_parts.clone_from(&together.limits());
        Self { of_parts, kept }
    }

    fn any(&self) -> bool {
        self.of_parts.iter().any(Option::is_some)
    }

    /// Takes the signatures of `builder` into `vocabulary`, and of its strings those that they name; the answer gives their
    /// numbers.
    fn absorb(&self, vocabulary: &mut Vocabulary, builder: &FrameBuilder) -> Vec<SignatureId> {
        let Vocabulary { symbols, signatures, .. } = vocabulary;
        let mut known: Vec<Option<Symbol>> = vec![None; builder.symbols.len()];
        let mut hashes: Vec<u64> = if self.any() { vec![0; builder.symbols.len()] } else { Vec::new() };
        signatures.absorb(&builder.signatures, |part, symbol| {
            let text = builder.symbols.resolve(symbol);
            if let Some(limit) = self.of_parts[part.index()]
                && !symbol.is_empty()
            {
                let hash = &mut hashes[symbol.index()];
                if *hash == 0 {
                    *hash = hash_of_value(text);
                }
                if *hash > limit {
                    return symbols.intern(BEYOND_CAP);
                }
            }
            *known[symbol.index()].get_or_insert_with(|| symbols.intern(text))
        })
    }
}

/// Counts spans whose signatures have values that were beyond their cap.
#[derive(Debug)]
struct SpansBeyondCap {
    /// By the number of the signature: a bit for each part.
    parts_of_signatures: Vec<u128>,
    /// By the number of the part.
    spans: Vec<AtomicU64>,
    kept: u64,
}

impl SpansBeyondCap {
    fn of(vocabulary: &Vocabulary, limits: &Limits) -> Self {
        let beyond = vocabulary.symbols.get(BEYOND_CAP);
        let parts_of = |id| {
            let signature = vocabulary.signatures.resolve(SignatureId(id));
            let parts = signature
                .parts()
                .filter(|&(part, value)| Some(value) == beyond && limits.of_parts[part.index()].is_some());
            parts.fold(0, |bits, (part, _)| bits | 1 << part.index())
        };
        Self {
            parts_of_signatures: (0..vocabulary.signatures.len() as u32).map(parts_of).collect(),
            spans: (0..SignaturePart::COUNT).map(|_| AtomicU64::new(0)).collect(),
            kept: limits.kept,
        }
    }

    fn count(&self, signatures: &[SignatureId]) {
        let mut counts = [0u64; SignaturePart::COUNT];
        for signature in signatures {
            let mut parts = self.parts_of_signatures[signature.index()];
            while parts != 0 {
                counts[parts.trailing_zeros() as usize] += 1;
                parts &= parts - 1;
            }
        }
        for (spans, count) in self.spans.iter().zip(counts) {
            spans.fetch_add(count, Ordering::Relaxed);
        }
    }
}

/// The spans of a partition that one decoder collected.
#[derive(Debug)]
struct Piece {
    spans: Partition,
    /// The signatures by their numbers in the decoder's own count.
    signatures: Arc<Vec<SignatureId>>,
}

impl Collection {
    /// Joins what several decoders collected. Only vocabularies are looked at; spans stay where they are.
    pub fn of(builders: Vec<FrameBuilder>) -> Self {
        Self::with_spilled(builders, None)
    }

    /// The same, with what the decoders put aside.
    pub fn with_spilled(builders: Vec<FrameBuilder>, spilled: Option<Arc<SpillStore>>) -> Self {
        let mut signatures_of_collectors = HashMap::default();
        let mut vocabulary = Vocabulary::default();
        let mut parts: Vec<Vec<Piece>> = Vec::new();
        parts.resize_with(PARTITIONS, Vec::new);
        let mut len = 0;
        let limits = Limits::of(&builders);
        let mut sensitive: Option<SensitiveFacts<Box<str>>> = None;
        for mut builder in builders {
            if let Some(facts) = builder.take_sensitive_facts() {
                sensitive.get_or_insert_default().merge(facts);
            }
            if builder.skipped().total() > 0 && builder.len() == builder.spans.len() {
                builder.forget_unused_signatures();
            }
            let signatures = Arc::new(limits.absorb(&mut vocabulary, &builder));
            if let Some(collector) = builder.collector() {
                signatures_of_collectors.insert(collector, Arc::clone(&signatures));
            }
            len += builder.len();
            for (part, spans) in parts.iter_mut().zip(builder.spans.take()) {
                if !spans.is_empty() {
                    part.push(Piece { spans, signatures: Arc::clone(&signatures) });
                }
            }
        }
        // Names of theirs that nothing else has get numbers like all others.
        let sensitive = sensitive.map(|facts| {
            let symbols = RefCell::new(&mut vocabulary.symbols);
            facts.by_level(|name| symbols.borrow_mut().intern(name))
        });
        let store = spilled.clone();
        let spilled = spilled.filter(|store| store.spilled_bytes() > 0);
        let parts = parts.into_iter().map(Mutex::new).collect();
        let deferred = spilled.as_ref().map(|store| store.beside());
        let beyond_cap = limits.any().then(|| SpansBeyondCap::of(&vocabulary, &limits));
        Self {
            vocabulary,
            parts,
            len,
            store,
            spilled,
            signatures_of_collectors,
            deferred,
            keeps: false,
            beyond_cap,
            sensitive,
        }
    }

    /// Number of spans.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no span.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What was found in traces in which secrets were looked for, if they were.
    pub(crate) fn sensitive(&self) -> Option<&SensitiveFacts<Symbol>> {
        self.sensitive.as_ref()
    }

    /// Where what is made of the spans may be put aside, if anywhere.
    pub(crate) fn store(&self) -> Option<&Arc<SpillStore>> {
        self.store.as_ref()
    }

    /// Number of partitions.
    pub fn part_count(&self) -> usize {
        self.parts.len()
    }

    /// Lets spans stay in memory when they are grouped, so that some traces can be looked at again.
    pub(crate) fn keep(&mut self) {
        self.keeps = true;
    }

    /// Moves the traces of partition number `part` to `grouping`: there are none the next time, unless they are to be kept.
    ///
    /// # Errors
    /// If spans that were put aside cannot be brought back; those in memory are there.
    pub fn group(&self, part: usize, grouping: &mut Grouping) -> Result<(), SpillError> {
        let mut returned = std::mem::take(&mut grouping.returned);
        returned.clear();
        let read = self.spilled.as_ref().map_or(Ok(()), |store| {
            store.read(part, |collector, mut span, own_values| {
                if let Some(signatures) = self.signatures_of_collectors.get(&collector) {
                    span.row.signature = signatures[span.row.signature.index()];
                    returned.push(span, own_values);
                }
            })
        });
        let mut in_memory = self.parts[part].lock().unwrap_or_else(PoisonError::into_inner);
        let taken = if self.keeps { Vec::new() } else { std::mem::take(&mut *in_memory) };
        let in_memory = taken.iter().chain(in_memory.iter()).map(|piece| (&piece.spans, Some(&**piece.signatures)));
        let all: Vec<_> = in_memory.chain([(&returned, None)]).collect();
        grouping.arrange(&all);
        grouping.returned = returned;
        if let Some(beyond_cap) = &self.beyond_cap {
            beyond_cap.count(&grouping.traces.signatures_of_rows);
        }
        read
    }

    /// Copies those traces of partition number `part` to `grouping` whose ids are `wanted`. Those that were in memory are there
    /// only if they were to be kept.
    ///
    /// # Errors
    /// If spans that were put aside cannot be brought back.
    pub(crate) fn group_again(
        &self,
        part: usize,
        wanted: &BTreeSet<TraceId>,
        grouping: &mut Grouping,
    ) -> Result<(), SpillError> {
        let mut found = std::mem::take(&mut grouping.returned);
        found.clear();
        // Spans of a trace mostly come one after the other, so that few are looked up.
        let mut last = (TraceId::default(), wanted.contains(&TraceId::default()));
        let mut take = |mut span: CollectedSpan, own_values: Option<&OwnValues>, signatures: &[SignatureId]| {
            if span.trace_id != last.0 {
                last = (span.trace_id, wanted.contains(&span.trace_id));
            }
            if last.1 {
                span.row.signature = signatures[span.row.signature.index()];
                found.push(span, own_values);
            }
        };
        if let Some(store) = &self.spilled {
            store.read(part, |collector, span, own_values| {
                if let Some(signatures) = self.signatures_of_collectors.get(&collector) {
                    take(span, own_values, signatures);
                }
            })?;
        }
        for Piece { spans, signatures } in self.parts[part].lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let mut own_values = spans.own_values();
            for span in spans.spans() {
                take(span, own_values.next_row(), signatures);
            }
        }
        grouping.arrange(&[(&found, None)]);
        grouping.returned = found;
        Ok(())
    }

    /// The ids of those traces for which `is_meant` holds, as long as none was grouped.
    ///
    /// # Errors
    /// If spans that were put aside cannot be brought back.
    pub(crate) fn trace_ids(&self, is_meant: impl Fn(TraceId) -> bool) -> Result<BTreeSet<TraceId>, SpillError> {
        let mut found = BTreeSet::new();
        let mut look = |id: TraceId| {
            if is_meant(id) {
                found.insert(id);
            }
        };
        for (part, pieces) in self.parts.iter().enumerate() {
            if let Some(store) = &self.spilled {
                store.read(part, |_, span, _| look(span.trace_id))?;
            }
            for piece in pieces.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                piece.spans.spans().for_each(|span| look(span.trace_id));
            }
        }
        Ok(found)
    }

    /// How often values were beyond their cap, among the spans that were grouped so far.
    pub fn beyond_cap(&self) -> Vec<BeyondCap> {
        let of_part = |beyond: &SpansBeyondCap, part: SignaturePart| {
            let spans = beyond.spans[part.index()].load(Ordering::Relaxed);
            (spans > 0).then_some(BeyondCap { part, spans, kept: beyond.kept })
        };
        self.beyond_cap
            .iter()
            .flat_map(|beyond| SignaturePart::all().filter_map(|part| of_part(beyond, part)))
            .collect()
    }

    /// Whether traces that must wait are to be deferred rather than kept.
    pub fn defers(&self) -> bool {
        self.deferred.is_some()
    }

    /// Puts traces of partition number `part`, which were grouped, aside until [`Self::group_deferred`].
    pub fn defer(&self, part: usize, traces: Partition) {
        if let Some(store) = self.deferred.as_ref().filter(|_| !traces.is_empty()) {
            store.put(part, 0, traces);
        }
    }

    /// Moves the traces of partition number `part` that were deferred to `grouping`.
    ///
    /// # Errors
    /// If they could not be put aside, or cannot be brought back.
    pub fn group_deferred(&self, part: usize, grouping: &mut Grouping) -> Result<(), SpillError> {
        let mut returned = std::mem::take(&mut grouping.returned);
        returned.clear();
        let read = self.deferred.as_ref().map_or(Ok(()), |store| {
            let read = store.read(part, |_, span, own_values| {
                returned.push(span, own_values);
            });
            store.take_failure().map_or(read, Err)
        });
        grouping.arrange(&[(&returned, None)]);
        grouping.returned = returned;
        read
    }
}

/// Joins what several decoders collected into columns of all traces.
pub fn group(builders: Vec<FrameBuilder>) -> (Vocabulary, Frame) {
    let collection = Collection::of(builders);
    let parts: Vec<Frame> = (0..collection.part_count())
        .map(|part| {
            let mut grouping = Grouping::default();
            // Nothing was put aside, so nothing can fail.
            let _ = collection.group(part, &mut grouping);
            grouping.traces
        })
        .collect();
    let mut order: Vec<(TraceId, usize, usize)> = Vec::new();
    for (part, traces) in parts.iter().enumerate() {
        order.extend(traces.trace_ids.iter().enumerate().map(|(index, &trace_id)| (trace_id, part, index)));
    }
    order.sort_unstable();
    let mut all = Frame { trace_starts: vec![0], ..Frame::default() };
    for (_, part, index) in order {
        all.push_trace(parts[part].trace(index));
    }
    (collection.vocabulary, all)
}

/// The traces of one partition. Reused from partition to partition, so that its buffers are allocated once.
#[derive(Debug, Default)]
pub struct Grouping {
    /// The traces.
    pub traces: Frame,
    numbers: HashMap<TraceId, u32, FixedState>,
    arrived: Vec<TraceId>,
    trace_of_run: Vec<u32>,
    order: Vec<u32>,
    counts: Vec<usize>,
    next: Vec<usize>,
    returned: Partition,
}

impl Grouping {
    /// Fills in the traces of all `spans`, with the signatures by their numbers if these are a decoder's own.
    fn arrange(&mut self, spans: &[(&Partition, Option<&[SignatureId]>)]) {
        let has_own_values = spans.iter().any(|(spans, _)| spans.has_own_values());
        self.number_traces(spans.iter().map(|(spans, _)| *spans), has_own_values);
        let mut first_run = 0;
        for (spans, signatures) in spans {
            self.fill(first_run, spans, *signatures);
            first_run += spans.runs().len();
        }
    }

    /// Numbers traces in the order of their arrival, puts those numbers in the order of the ids, and makes room for each
    /// trace.
    fn number_traces<'a>(&mut self, partitions: impl Iterator<Item = &'a Partition>, has_own_values: bool) {
        let Self { numbers, arrived, counts, trace_of_run, .. } = self;
        numbers.clear();
        arrived.clear();
        counts.clear();
        trace_of_run.clear();
        for run in partitions.flat_map(Partition::runs) {
            let number = *numbers.entry(run.trace_id).or_insert_with(|| {
                arrived.push(run.trace_id);
                counts.push(0);
                arrived.len() as u32 - 1
            });
            counts[number as usize] += run.len as usize;
            trace_of_run.push(number);
        }
        self.order.clear();
        self.order.extend(0..self.arrived.len() as u32);
        self.order.sort_unstable_by_key(|&number| self.arrived[number as usize]);
        let traces = &mut self.traces;
        traces.trace_ids.clear();
        traces.trace_starts.clear();
        self.next.clear();
        self.next.resize(self.arrived.len(), 0);
        let mut start = 0;
        for &number in &self.order {
            traces.trace_ids.push(self.arrived[number as usize]);
            traces.trace_starts.push(start);
            self.next[number as usize] = start;
            start += self.counts[number as usize];
        }
        traces.trace_starts.push(start);
        traces.span_ids.resize(start, SpanId::NONE);
        traces.parent_span_ids.resize(start, SpanId::NONE);
        traces.starts.resize(start, 0);
        traces.durations.resize(start, 0);
        traces.signatures_of_rows.resize(start, SignatureId(0));
        traces.arguments.resize(start, 0);
        traces.own_values.clear();
        if has_own_values {
            traces.own_values.resize(start);
        }
    }

    /// Puts the spans of `partition`, whose first run was number `first_run`, where their traces lie. `signatures` are those
    /// of their numbers, if these are a decoder's own.
    fn fill(&mut self, first_run: usize, partition: &Partition, signatures: Option<&[SignatureId]>) {
        let Frame { span_ids, parent_span_ids, starts, durations, signatures_of_rows, arguments, own_values, .. } =
            &mut self.traces;
        let mut own_values_of_rows = partition.own_values();
        let mut runs = self.trace_of_run[first_run..].iter().zip(partition.runs());
        let (mut row, mut left) = (0, 0);
        for span in partition.rows() {
            if left == 0
                && let Some((&trace, run)) = runs.next()
            {
                left = run.len;
                row = self.next[trace as usize];
                self.next[trace as usize] += run.len as usize;
            }
            span_ids[row] = span.span_id;
            parent_span_ids[row] = span.parent_span_id;
            starts[row] = span.start;
            durations[row] = span.duration;
            signatures_of_rows[row] =
                signatures.map_or(span.signature, |signatures| signatures[span.signature.index()]);
            arguments[row] = span.arguments;
            if let Some(values) = own_values_of_rows.next_row() {
                own_values.set(row, values);
            }
            row += 1;
            left -= 1;
        }
    }
}
