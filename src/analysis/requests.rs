//! Requests: by which entry each trace came in, and what the requests of each entry had in common.
//!
//! A request is a root; a trace whose roots are not in the input counts as one request of its first fragment. Roots of one
//! entry in one trace are one request, as in the attribution of latency.

use std::cmp::Reverse;

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::frame::Symbol;
use crate::partial::{Columns as _, GroupReader, GroupWriter, TraceNumber, columns};
use crate::span::TraceId;
use crate::trace::{RootReason, TargetKind, TimeBuckets, TraceView, bucket_of, total_ns};

/// Where requests come in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct RequestEntry {
    /// A root, or a fragment where there is none.
    pub(crate) kind: RootReason,
    /// Its service.
    pub(crate) service: Symbol,
    /// Its operation.
    pub(crate) operation: Symbol,
}

/// The largest of some values and the trace that it is of; of equal ones the smallest id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Largest {
    /// The value.
    pub(crate) value: i64,
    trace: Reverse<TraceId>,
}

impl Largest {
    fn new(value: i64, trace: TraceId) -> Self {
        Self { value, trace: Reverse(trace) }
    }

    /// The trace.
    pub(crate) fn trace_id(&self) -> TraceId {
        self.trace.0
    }
}

/// The requests of an entry.
#[derive(Clone, Debug, Default)]
pub(crate) struct EntryRequests {
    /// How many.
    pub(crate) requests: u64,
    /// Those whose root failed.
    pub(crate) failed: u64,
    /// Their summed durations in ns.
    pub(crate) duration_ns: i64,
    durations: Durations,
    /// The longest, in ns.
    pub(crate) longest: Option<Largest>,
    /// The longest of those that failed, in ns.
    pub(crate) longest_failed: Option<Largest>,
    /// The most calls in the trace of one, without heartbeats and plumbing.
    pub(crate) most_calls: Option<Largest>,
    /// The most such calls to databases.
    pub(crate) most_database_calls: Option<Largest>,
    /// The most synchronous hops in a row.
    pub(crate) deepest: Option<Largest>,
}

impl EntryRequests {
    fn largest(&mut self) -> [&mut Option<Largest>; 5] {
        let Self { longest, longest_failed, most_calls, most_database_calls, deepest, .. } = self;
        [longest, longest_failed, most_calls, most_database_calls, deepest]
    }

    fn merge(&mut self, mut other: Self) {
        self.requests += other.requests;
        self.failed += other.failed;
        self.duration_ns = total_ns([self.duration_ns, other.duration_ns]);
        self.durations.merge(std::mem::take(&mut other.durations));
        for (own, other) in self.largest().into_iter().zip(other.largest()) {
            *own = (*own).max(*other);
        }
    }

    /// A quantile of their durations by nearest rank: exact up to 65,536 requests, off by at most 0.4 % beyond.
    pub(crate) fn duration_quantile_ns(&self, percent: u64) -> i64 {
        let longest = self.longest.map_or(0, |longest| longest.value);
        self.durations.nearest_rank((self.requests * percent).div_ceil(100)).min(longest)
    }
}

/// So many durations of an entry are kept one by one. Their number alone decides, never memory or threads.
const MAX_EXACT: usize = 1 << 16;

/// Durations in ns.
#[derive(Clone, Debug, Default)]
struct Durations {
    exact: Vec<i64>,
    /// All of them, once they are too many.
    buckets: Option<TimeBuckets>,
}

impl Durations {
    fn add(&mut self, duration: i64) {
        match &mut self.buckets {
            Some(buckets) => buckets.add(duration, 1),
            None => {
                self.exact.push(duration);
                self.keep_few();
            }
        }
    }

    fn merge(&mut self, other: Self) {
        if let Some(buckets) = other.buckets {
            self.buckets.get_or_insert_default().merge(&buckets);
        }
        self.exact.extend(other.exact);
        self.keep_few();
    }

    fn keep_few(&mut self) {
        if self.buckets.is_some() || self.exact.len() > MAX_EXACT {
            let buckets = self.buckets.get_or_insert_default();
            std::mem::take(&mut self.exact).into_iter().for_each(|duration| buckets.add(duration, 1));
        }
    }

    fn nearest_rank(&self, rank: u64) -> i64 {
        if let Some(buckets) = &self.buckets {
            return buckets.nearest_rank(rank as i64);
        }
        let mut exact = self.exact.clone();
        let index = (rank.max(1) - 1) as usize;
        if index < exact.len() { *exact.select_nth_unstable(index).1 } else { 0 }
    }
}

/// Requests of some traces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Requests {
    numbers: HashMap<RequestEntry, u32, FixedState>,
    entries: Vec<EntryRequests>,
    /// The entry by which each trace came in.
    of_traces: Vec<(TraceNumber, u32)>,
}

impl Requests {
    /// Takes notice of one trace.
    pub(super) fn see(&mut self, trace: &TraceView<'_>) {
        let roots = &trace.tree.path_roots;
        let is_root = |index: &usize| roots[*index].reason == RootReason::Root;
        let first_root = (0..roots.len()).find(is_root);
        let Some(first) = first_root.or_else(|| (!roots.is_empty()).then_some(0)) else { return };
        let (mut calls, mut database_calls) = (0, 0);
        for call in trace.calls.calls.iter().filter(|call| call.counts) {
            calls += i64::from(call.weight);
            database_calls += if call.target.kind == TargetKind::Database { i64::from(call.weight) } else { 0 };
        }
        let depth = i64::from(trace.hops().deepest());
        // Most traces have one root, and those that have many have them of few entries.
        let mut entries: Vec<(u32, i64, bool)> = Vec::with_capacity(1);
        for (index, root) in roots.iter().enumerate().skip(first) {
            // Beside the first, other roots count, and fragments never.
            let counts = index == first || (first_root.is_some() && root.reason == RootReason::Root);
            if !counts {
                continue;
            }
            let entry = RequestEntry {
                kind: root.reason,
                service: trace.service(root.row),
                operation: trace.entry_operation(root.row),
            };
            let (entry, duration) = (self.entry(entry), trace.duration(root.row));
            let failed = trace.calls.roles[root.row as usize].failed;
            entries.push((entry, duration, failed));
        }
        self.of_traces.push((TraceNumber(trace.number), entries[0].0));
        // A trace may have as many roots as spans, so they are put in order rather than looked through.
        entries.sort_unstable();
        for same in entries.chunk_by(|left, right| left.0 == right.0) {
            let duration = total_ns(same.iter().map(|&(_, duration, _)| duration));
            let failed = same.iter().any(|&(_, _, failed)| failed);
            let entry = &mut self.entries[same[0].0 as usize];
            entry.requests += 1;
            entry.failed += u64::from(failed);
            entry.duration_ns = total_ns([entry.duration_ns, duration]);
            entry.durations.add(duration);
            let values = [Some(duration), failed.then_some(duration), Some(calls), Some(database_calls), Some(depth)];
            for (largest, value) in entry.largest().into_iter().zip(values) {
                *largest = (*largest).max(value.map(|value| Largest::new(value, trace.trace_id)));
            }
        }
    }

    fn entry(&mut self, entry: RequestEntry) -> u32 {
        let next = self.entries.len() as u32;
        let number = *self.numbers.entry(entry).or_insert(next);
        if number == next {
            self.entries.push(EntryRequests::default());
        }
        number
    }

    /// Takes in those of other traces.
    pub(super) fn merge(&mut self, other: Self) {
        let mut numbers = vec![0; other.entries.len()];
        for (entry, number) in other.numbers {
            numbers[number as usize] = self.entry(entry);
        }
        for (&number, requests) in numbers.iter().zip(other.entries) {
            self.entries[number as usize].merge(requests);
        }
        self.of_traces.extend(other.of_traces.into_iter().map(|(trace, entry)| (trace, numbers[entry as usize])));
    }

    /// Gives each trace its place among all traces in the order of their ids.
    pub(super) fn renumber_traces(&mut self, rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {
        self.of_traces.iter_mut().for_each(|(trace, _)| *trace = rank_of(*trace));
    }

    /// About how many bytes of memory they take.
    pub(crate) fn bytes(&self) -> usize {
        let durations = |entry: &EntryRequests| entry.durations.exact.capacity() * size_of::<i64>();
        let entries = self.entries.iter().map(|entry| size_of::<EntryRequests>() + durations(entry));
        entries.sum::<usize>() + self.of_traces.capacity() * size_of::<(TraceNumber, u32)>()
    }

    /// The entries in their order, and the place among them of each trace's.
    pub(crate) fn by_entry(mut self) -> RequestsByEntry {
        let mut order: Vec<(RequestEntry, u32)> = self.numbers.into_iter().collect();
        order.sort_unstable();
        let mut places = vec![0; order.len()];
        for (place, &(_, number)) in (0u32..).zip(&order) {
            places[number as usize] = place;
        }
        let entries = order.iter().map(|&(entry, number)| {
            let requests = std::mem::take(&mut self.entries[number as usize]);
            (entry, requests)
        });
        let entries = entries.collect();
        let traces = self.of_traces.iter().filter_map(|(trace, _)| trace.index()).max().map_or(0, |last| last + 1);
        let mut of_traces = vec![NO_ENTRY; traces];
        for (trace, number) in self.of_traces {
            if let Some(index) = trace.index() {
                // A trace that was cut in two is in several parts, and belongs to the first of their entries.
                of_traces[index] = of_traces[index].min(places[number as usize]);
            }
        }
        RequestsByEntry { entries, of_traces }
    }

    /// Writes them.
    pub(super) fn write(&self, group: &mut GroupWriter<'_>) {
        let mut order: Vec<(RequestEntry, u32)> =
            self.numbers.iter().map(|(&entry, &number)| (entry, number)).collect();
        order.sort_unstable();
        let mut places = vec![0; order.len()];
        let mut columns = EntryColumns::default();
        for (place, (entry, number)) in (0u32..).zip(order) {
            places[number as usize] = place;
            let mut requests = self.entries[number as usize].clone();
            let largest: Vec<Largest> = requests.largest().into_iter().filter_map(|largest| *largest).collect();
            let has = requests.largest().map(|largest| largest.is_some());
            let buckets = requests.durations.buckets.unwrap_or_default();
            columns.push(EntryRow {
                kind: entry.kind,
                service: entry.service,
                operation: entry.operation,
                requests: requests.requests,
                failed: requests.failed,
                duration_ns: requests.duration_ns,
                exact: requests.durations.exact,
                buckets: (0..buckets.len()).map(|bucket| buckets.get(bucket)).collect(),
                largest_of: has.to_vec(),
                largest: largest.iter().map(|largest| largest.value).collect(),
                largest_traces: largest.iter().map(Largest::trace_id).collect(),
            });
        }
        columns.write("", group);
        let mut of_traces = TraceColumns::default();
        for &(trace, number) in &self.of_traces {
            of_traces.push(TraceRow { trace, entry: places[number as usize] });
        }
        group.beside("traces", |group| of_traces.write("", group));
    }

    /// Reads what [`Requests::write`] wrote.
    ///
    /// # Errors
    /// If a column is not there, has another type, or names what is not there.
    pub(super) fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let columns = EntryColumns::read("", group)?;
        let of_traces = group.beside("traces", |group| TraceColumns::read("", group))?;
        let mut read = Self::default();
        let mut numbers = Vec::new();
        for row in 0..group.len() {
            let entry = RequestEntry {
                kind: columns.kind.get(row),
                service: columns.service[row],
                operation: columns.operation[row],
            };
            let buckets = columns.buckets.get(row);
            if buckets.len() > usize::from(bucket_of(i64::MAX)) + 1 {
                return Err(ArrowError::ParseError("durations are in buckets that there are not".to_owned()));
            }
            let durations = Durations {
                exact: columns.exact.get(row).to_vec(),
                buckets: (!buckets.is_empty()).then(|| TimeBuckets::of(buckets.to_vec())),
            };
            let mut requests = EntryRequests {
                requests: columns.requests[row],
                failed: columns.failed[row],
                duration_ns: columns.duration_ns[row],
                durations,
                ..EntryRequests::default()
            };
            let mut largest = columns.largest.get(row).iter().zip(columns.largest_traces.get(row));
            for (place, &is_there) in requests.largest().into_iter().zip(columns.largest_of.get(row)) {
                if is_there {
                    *place = largest.next().map(|(&value, &trace)| Largest::new(value, trace));
                }
            }
            let number = read.entry(entry);
            read.entries[number as usize].merge(requests);
            numbers.push(number);
        }
        for (&trace, &entry) in of_traces.trace.iter().zip(&of_traces.entry) {
            let number = numbers.get(entry as usize).copied();
            let number = number.ok_or_else(|| ArrowError::ParseError(format!("there is no entry number {entry}")))?;
            read.of_traces.push((trace, number));
        }
        Ok(read)
    }
}

columns! {
    /// The requests of an entry.
    struct EntryRow in EntryColumns {
        kind: RootReason,
        service: Symbol,
        operation: Symbol,
        requests: u64,
        failed: u64,
        duration_ns: i64,
        exact: Vec<i64>,
        buckets: Vec<i64>,
        /// Which of the largest values are there.
        largest_of: Vec<bool>,
        largest: Vec<i64>,
        largest_traces: Vec<TraceId>,
    }
}

columns! {
    /// By which entry a trace came in.
    struct TraceRow in TraceColumns {
        trace: TraceNumber,
        entry: u32,
    }
}

const NO_ENTRY: u32 = u32::MAX;

/// The requests of all traces.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestsByEntry {
    /// The entries in their order.
    pub(crate) entries: Vec<(RequestEntry, EntryRequests)>,
    of_traces: Vec<u32>,
}

impl RequestsByEntry {
    /// The place of the entry by which a trace came in.
    pub(crate) fn entry_of(&self, trace: TraceNumber) -> Option<usize> {
        let entry = *self.of_traces.get(trace.index()?)?;
        (entry != NO_ENTRY).then_some(entry as usize)
    }

    /// The places of the entries by which all traces came in, in the order of their ids.
    pub(crate) fn entries_of_traces(&self) -> impl Iterator<Item = (TraceNumber, Option<usize>)> {
        let place = |&entry: &u32| (entry != NO_ENTRY).then_some(entry as usize);
        (0u32..).map(TraceNumber).zip(self.of_traces.iter().map(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partial::{Renumbering, written};
    use crate::trace::sample::Sample;

    /// Requests of traces, each given by its spans, in this order.
    fn requests(traces: &[&str], order: &[usize]) -> (Sample, Requests) {
        let lines: Vec<String> = traces
            .iter()
            .enumerate()
            .flat_map(|(number, spans)| spans.split(" | ").map(move |span| format!("{} {span}", number + 1)))
            .collect();
        let sample = Sample::of(&lines.join("\n"));
        let mut requests = Requests::default();
        for &index in order {
            sample.with_trace(index, index as u32, |trace| requests.see(trace));
        }
        (sample, requests)
    }

    fn text(sample: &Sample, requests: Requests) -> Vec<String> {
        let name = |symbol| sample.semantics.symbols.resolve(symbol).to_owned();
        let RequestsByEntry { entries, of_traces } = requests.by_entry();
        let mut lines: Vec<String> = entries
            .iter()
            .map(|(entry, of)| {
                let mut of = of.clone();
                let largest: Vec<String> = of
                    .largest()
                    .into_iter()
                    .map(|largest| {
                        largest.map_or("-".to_owned(), |largest| {
                            format!("{}@{}", largest.value, largest.trace_id().to_string().trim_start_matches('0'))
                        })
                    })
                    .collect();
                let (kind, service, operation) = (entry.kind.as_str(), name(entry.service), name(entry.operation));
                let EntryRequests { requests, failed, duration_ns, .. } = of;
                let p50 = of.duration_quantile_ns(50);
                format!("{kind} {service} {operation}: {requests} {failed} {duration_ns} {p50} {}", largest.join(" "))
            })
            .collect();
        lines.push(format!("{of_traces:?}"));
        lines
    }

    const TRACES: &[&str] = &[
        // Two calls to a database, one hop.
        "1 0 web SERVER cart 0..9 | 2 1 web CLIENT x 1..8 db.system=redis | 3 1 web CLIENT y 1..2 db.system=redis \
         | 4 1 web CLIENT z 2..7 | 5 4 cart SERVER get 3..6",
        // The same entry, failed, two roots of it and one of another.
        "1 0 web SERVER cart 0..4 ERROR | 2 0 web SERVER cart 5..7 | 3 0 app SERVER help 8..9",
        // No root.
        "2 1 cart SERVER get 0..3 | 3 9 cart SERVER put 5..6",
    ];

    /// Every number of every entry, in any order and by way of a file.
    #[test]
    fn requests_are_counted_by_entry() {
        let expected = |lines: &[String]| {
            insta::assert_snapshot!(lines.join("\n"), @r"
            fragment cart get: 1 0 3000000 3000000 3000000@3 - 0@3 0@3 0@3
            root app help: 1 0 1000000 1000000 1000000@2 - 0@2 0@2 0@2
            root web cart: 2 1 15000000 6000000 9000000@1 6000000@2 3@1 2@1 1@1
            [2, 2, 0]
            ");
        };
        let (sample, all) = requests(TRACES, &[0, 1, 2]);
        let lines = text(&sample, all.clone());
        expected(&lines);
        for order in [[2, 1, 0], [1, 0, 2]] {
            let (sample, all) = requests(TRACES, &order);
            assert_eq!(text(&sample, all), lines);
        }
        let (_, mut first) = requests(TRACES, &[2]);
        let (_, rest) = requests(TRACES, &[1, 0]);
        first.merge(rest);
        assert_eq!(text(&sample, first), lines);

        let directory = tempfile::tempdir().unwrap();
        let file = written(&directory.path().join("partial"), |file| {
            file.group("requests", Renumbering::NONE, |group| all.write(group)).unwrap();
        });
        let read = file.group("requests", Renumbering::NONE, Requests::read).unwrap();
        assert_eq!(text(&sample, read), lines);
    }

    /// Durations that are too many are counted in buckets, whoever has seen how many of them.
    #[test]
    fn many_durations_are_kept_alike() {
        let durations = |range: std::ops::Range<i64>| {
            let mut durations = Durations::default();
            range.for_each(|duration| durations.add(duration * 1_000));
            durations
        };
        let many = MAX_EXACT as i64 + 1;
        let whole = durations(0..many);
        let mut merged = durations(40_000..many);
        merged.merge(durations(0..40_000));
        for rank in [1, 30_000, many as u64] {
            assert_eq!(whole.nearest_rank(rank), merged.nearest_rank(rank));
        }
        assert!(merged.exact.is_empty() && durations(0..many - 1).buckets.is_none());
    }
}
