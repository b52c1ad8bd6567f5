//! What was found in sampled traces: counts and hashes, never a value.

use std::collections::BTreeMap;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use crate::span::{SpanId, TraceId};

use super::kind::SensitiveKind;
use super::sampling::{SampledTraces, level_of};

/// What a trace counts towards: its level, and where traces may be left out later the trace itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Bucket {
    level: u32,
    trace: TraceId,
}

impl Bucket {
    /// That of a trace.
    pub(super) fn of(trace_id: TraceId, is_by_trace: bool) -> Self {
        Self { level: level_of(trace_id), trace: if is_by_trace { trace_id } else { TraceId::default() } }
    }

    /// That of all traces of a level.
    pub(crate) fn of_level(level: u32) -> Self {
        Self { level, trace: TraceId::default() }
    }

    /// The level of its traces.
    pub(crate) fn level(self) -> u32 {
        self.level
    }
}

/// Where something was found: a service, and what it says there (`span.name`, `status.message`, `event:KEY`, `resource:KEY`, or the key
/// of a span's attribute).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Place<N> {
    /// The service.
    pub(crate) service: N,
    /// Where its spans say it.
    pub(crate) attribute: N,
}

/// What was found of one kind in one place.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Evidence {
    /// Spans that have it.
    pub(crate) spans: u64,
    /// Hashes of their traces.
    pub(crate) traces: HashSet<u64, FixedState>,
    /// Hashes of the distinct values.
    pub(crate) values: HashSet<u64, FixedState>,
    /// Hashes of the distinct names of the spans, templated.
    pub(crate) operations: HashSet<u64, FixedState>,
    /// Start of the first of the spans, and of the last, in ns since 1970.
    pub(crate) seen: Option<(i64, i64)>,
    /// The span to look at: of the smallest trace id, then the earliest start, then the smallest id.
    pub(crate) example: Option<(TraceId, i64, SpanId)>,
}

impl Evidence {
    /// Takes in what was found in other spans.
    pub(crate) fn merge(&mut self, other: Self) {
        self.spans += other.spans;
        self.traces.extend(other.traces);
        self.values.extend(other.values);
        self.operations.extend(other.operations);
        self.seen = match (self.seen, other.seen) {
            (Some(own), Some(other)) => Some((own.0.min(other.0), own.1.max(other.1))),
            (own, other) => own.or(other),
        };
        self.example = match (self.example, other.example) {
            (Some(own), Some(other)) => Some(own.min(other)),
            (own, other) => own.or(other),
        };
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + (self.traces.len() + self.values.len() + self.operations.len()) * 2 * size_of::<u64>()
    }
}

/// What was found in sampled traces. `N` are names: texts while spans are read, symbols afterwards.
#[derive(Clone, Debug)]
pub(crate) struct SensitiveFacts<N> {
    /// The traces.
    pub(crate) traces: SampledTraces,
    /// What was found.
    pub(crate) found: HashMap<(Bucket, Place<N>, SensitiveKind), Evidence, FixedState>,
    /// Hashes of the distinct numbers that are as long as those of cards, by where they were.
    pub(crate) numbers: HashMap<(Bucket, Place<N>), HashSet<u64, FixedState>, FixedState>,
    /// Spans that say something in a place, by [`hash_of_place`].
    pub(crate) spans: HashMap<(Bucket, u64), u64, FixedState>,
}

impl<N> Default for SensitiveFacts<N> {
    fn default() -> Self {
        Self {
            traces: SampledTraces::default(),
            found: HashMap::default(),
            numbers: HashMap::default(),
            spans: HashMap::default(),
        }
    }
}

impl<N: std::hash::Hash + Eq + Clone> SensitiveFacts<N> {
    /// All names, some more than once.
    #[cfg(test)]
    pub(crate) fn names(&self) -> impl Iterator<Item = &N> {
        let found = self.found.keys().map(|(_, place, _)| place);
        let places = found.chain(self.numbers.keys().map(|(_, place)| place));
        places.flat_map(|place| [&place.service, &place.attribute])
    }

    /// Takes in what was found elsewhere, and gives up what is of no sampled trace any more.
    pub(crate) fn merge(&mut self, other: Self) {
        self.traces.merge(other.traces);
        for (key, evidence) in other.found {
            self.found.entry(key).or_default().merge(evidence);
        }
        for (key, numbers) in other.numbers {
            self.numbers.entry(key).or_default().extend(numbers);
        }
        for (key, spans) in other.spans {
            *self.spans.entry(key).or_default() += spans;
        }
        self.forget_below(self.traces.level());
    }

    /// Gives up what is of lower levels.
    pub(crate) fn forget_below(&mut self, level: u32) {
        self.retain(|bucket| bucket.level >= level);
    }

    /// Keeps what is of wanted traces: all of it must be known by trace.
    pub(crate) fn retain_traces(&mut self, is_wanted: impl Fn(TraceId) -> bool) {
        self.retain(|bucket| is_wanted(bucket.trace));
        self.traces.retain(is_wanted);
    }

    fn retain(&mut self, keep: impl Fn(Bucket) -> bool) {
        self.found.retain(|(bucket, ..), _| keep(*bucket));
        self.numbers.retain(|(bucket, _), _| keep(*bucket));
        self.spans.retain(|(bucket, _), _| keep(*bucket));
    }

    /// Makes one bucket of those of one level, and other names of names.
    pub(crate) fn by_level<M: std::hash::Hash + Eq + Clone>(self, name: impl Fn(&N) -> M) -> SensitiveFacts<M> {
        let place = |place: Place<N>| Place { service: name(&place.service), attribute: name(&place.attribute) };
        let of_level = |bucket: Bucket| Bucket::of_level(bucket.level);
        let mut facts = SensitiveFacts { traces: self.traces, ..SensitiveFacts::default() };
        for ((bucket, at, kind), evidence) in self.found {
            facts.found.entry((of_level(bucket), place(at), kind)).or_default().merge(evidence);
        }
        for ((bucket, at), numbers) in self.numbers {
            facts.numbers.entry((of_level(bucket), place(at))).or_default().extend(numbers);
        }
        for ((bucket, at), spans) in self.spans {
            *facts.spans.entry((of_level(bucket), at)).or_default() += spans;
        }
        facts
    }

    /// What was found of each kind in each place, all levels together.
    pub(crate) fn found_in_all(&self) -> BTreeMap<(Place<N>, SensitiveKind), Evidence>
    where
        N: Ord,
    {
        let mut all: BTreeMap<(Place<N>, SensitiveKind), Evidence> = BTreeMap::new();
        for ((_, place, kind), evidence) in &self.found {
            all.entry((place.clone(), *kind)).or_default().merge(evidence.clone());
        }
        all
    }

    /// How many distinct numbers as long as those of cards were in a place.
    pub(crate) fn numbers_in(&self, place: &Place<N>) -> usize {
        let mut all: HashSet<u64, FixedState> = HashSet::default();
        for ((_, _), numbers) in self.numbers.iter().filter(|((_, at), _)| at == place) {
            all.extend(numbers);
        }
        all.len()
    }

    /// How many spans say something in a place.
    pub(crate) fn spans_in(&self, hash_of_place: u64) -> u64 {
        self.spans.iter().filter(|((_, place), _)| *place == hash_of_place).map(|(_, spans)| spans).sum()
    }

    /// About how many bytes of memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        let found: usize = self.found.values().map(Evidence::bytes).sum();
        let numbers: usize = self.numbers.values().map(|numbers| numbers.len() * 2 * size_of::<u64>()).sum();
        let spans = self.spans.len() * 2 * size_of::<((Bucket, u64), u64)>();
        found + numbers + spans + self.traces.len() * 2 * size_of::<TraceId>()
    }
}

/// A place as a number, the same in every run.
pub(crate) fn hash_of_place(service: &str, attribute: &str) -> u64 {
    use std::hash::BuildHasher as _;
    FixedState::with_seed(0x706c_6163_6573).hash_one((service, attribute))
}
