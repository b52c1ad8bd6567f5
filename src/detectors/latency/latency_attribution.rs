//! `latency-attribution`: where the time goes.
//!
//! Not a detector of something bad, so there is no threshold and there are no findings: every nanosecond of every critical
//! path is booked, and the rows of an entry add up to the sum of its roots' durations.

use std::cmp::Reverse;

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use rayon::prelude::*;

use crate::frame::Symbol;
use crate::partial::{Columns as _, GroupReader, GroupWriter, TraceNumber, columns};
use crate::savings::Unsettled;
use crate::span::TraceId;
use crate::trace::{Bucket, Component, Entry, Place, RootReason, Row, TimeBuckets, TraceView, bucket_of, total_ns};

use crate::detectors::kit::{
    Cell, Concluded, Description, Detector, Heading, NoDetails, RankedBy, RowColumn, Seen, TableRules, Unit,
    WEIGHTED_TRACES_DOC, Whole, thresholds,
};

thresholds! {
    /// The attribution of latency.
    pub(crate) struct LatencyAttribution {}
}

/// The slowest traces of an entry, one in this many, are its tail.
const TAIL_ONE_IN: u64 = 100;

static DESCRIPTION: Description = Description {
    name: "latency-attribution",
    table: "latency_attribution",
    summary: "where the time of each entry goes, to the nanosecond",
    documentation: "\
## What it does

Walks the critical path of every root: at each moment, the one span that the root was waiting for. The time is booked by
service, operation, component and target, so that the rows of an entry add up to its roots' durations exactly. Components
are `self` (the service works), `network` (a call outside its callee: network, queueing, connection pools, the proxies of a
mesh), `wait` (a database, an external host, a topic, a poll) and `backoff` (the service pauses between two attempts of a
request).

## Why it matters

Time that is not on the critical path costs nothing: a slow call beside a slower one can be ignored. What is on it is what
users wait for, and `tail_share` tells what the slowest one percent wait for.

## What it looks like

    web GET /cart    cart GetCart     network  cart          12 %
    web GET /cart    cart SELECT ...  wait     postgresql    61 %
    web GET /cart    web GET /cart    self                   19 %
    web GET /cart    cart GetCart     backoff  cart           8 %

Entries of kind `segment` are what nobody waits for (consumers of a topic, and what begins when its parent has ended), entries
of kind `fragment` begin at spans whose parent is not in the input.

## How to use it

Start with the largest `share` of the entry that matters. Large `self`: profile the service. Large `wait`: the query, the
index, the number of calls (see n-plus-one). Large `network`: pools, connections, payloads, distance. Large `backoff`: what
fails and is tried again (see retry-storm).

## When it is wrong

Clocks that differ between hosts shift time between caller and callee; the sums stay right. Work that no span covers is
booked to the span around it.

## References

Z. Zhang et al., \"CRISP: Critical Path Analysis of Large-Scale Microservice Architectures\", USENIX ATC 2022.",
    currency: None,
    has_findings: false,
    gates_at_any_impact: false,
    finds_risks_only: false,
    needs_failures: false,
    least_of_all_traces: None,
    terminal_columns: &[
        "rank",
        "entry_service",
        "entry_operation",
        "service",
        "operation",
        "component",
        "target",
        "critical_ns",
        "share",
        "p50_ns",
        "p99_ns",
        "tail_share",
        "traces",
        "weighted_traces",
        "example_trace_id",
    ],
    ranked_by: &[RankedBy::Largest("critical_ns")],
    problem: None,
};

type Column = RowColumn<LatencyAttribution>;

static COLUMNS: &[Column] = &[
    Column::rank("place in the ranking by critical_ns"),
    Column::new(
        "entry_kind",
        Unit::Text,
        "root, segment (asynchronous) or fragment (the parent is not in the input)",
        |row, _| Cell::Text(row.entry.kind.as_str().to_owned()),
    ),
    Column::new("entry_service", Unit::Text, "service where the request came in", |row, whole| {
        whole.name(row.entry.service)
    }),
    Column::new("entry_operation", Unit::Text, "operation that was asked for", |row, whole| {
        whole.name(row.entry.operation)
    }),
    Column::new("service", Unit::Text, "service that spent the time", |row, whole| whole.name(row.place.service)),
    Column::new("operation", Unit::Text, "the span's operation, or the call's", |row, whole| {
        whole.name(row.place.operation)
    }),
    Column::new("component", Unit::Text, "self, network, wait or backoff", |row, _| {
        Cell::Text(row.place.component.as_str().to_owned())
    }),
    Column::new("target", Unit::Text, "what was waited for or tried again; empty for self", |row, whole| {
        whole.name(row.place.target)
    }),
    Column::new("traces", Unit::Count, "traces in which time was spent there", |row, _| Cell::Int(row.traces)),
    Column::new("entry_traces", Unit::Count, "all traces of the entry", |row, _| Cell::Int(row.of_entry.traces)),
    Column::new("weighted_traces", Unit::Number, WEIGHTED_TRACES_DOC, |row, whole| whole.weighted(row.weighted_traces)),
    Column::new("critical_ns", Unit::Nanoseconds, "critical-path time: the impact", |row, _| {
        Cell::Int(row.critical_ns)
    })
    .adding_up(),
    Column::new("share", Unit::Share, "share of the entry's time", |row, _| Cell::Float(row.share)),
    Column::new(
        "p50_ns",
        Unit::Nanoseconds,
        "median over all traces of the entry, those without counted as 0",
        |row, _| Cell::Int(row.p50_ns),
    ),
    Column::new("p95_ns", Unit::Nanoseconds, "95th percentile of the same", |row, _| Cell::Int(row.p95_ns)),
    Column::new("p99_ns", Unit::Nanoseconds, "99th percentile of the same", |row, _| Cell::Int(row.p99_ns)),
    Column::new("max_ns", Unit::Nanoseconds, "largest time in a trace", |row, _| Cell::Int(row.max_ns)),
    Column::new("tail_share", Unit::Share, "share of the time of the slowest 1 % of the entry's traces", |row, _| {
        Cell::Float(row.tail_share)
    }),
    Column::new("example_trace_id", Unit::Id, "the trace with the largest time", |row, whole| {
        whole.trace_id(row.example_trace)
    }),
];

/// What an entry's rows are parts of.
static FIGURES: &[Column] = &[
    Column::new("traces", Unit::Count, "traces of the entry", |row, _| Cell::Int(row.of_entry.traces)),
    Column::new("duration_ns", Unit::Nanoseconds, "their summed durations", |row, _| Cell::Int(row.of_entry.total_ns))
        .adding_up(),
    Column::new("p50_ns", Unit::Nanoseconds, "median duration", |row, _| Cell::Int(row.of_entry.p50_ns)),
    Column::new("p99_ns", Unit::Nanoseconds, "99th percentile of the same", |row, _| Cell::Int(row.of_entry.p99_ns)),
];

/// So many traces of an entry, or of a row, are kept one by one, and percentiles are exact; of more only [`TimeBuckets`] are
/// kept. The number of traces alone decides, never memory or threads.
const MAX_EXACT: u64 = 1 << 16;

/// Path time of many traces, booked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attribution {
    entries: HashMap<Entry, u32, FixedState>,
    rows: HashMap<(u32, Place), u32, FixedState>,
    /// Times of the traces of each entry.
    entry_times: Vec<Times>,
    /// Times of the traces of each row.
    row_times: Vec<Times>,
    /// The row of each span of the trace that is booked, once it is known.
    rows_of_spans: Vec<u32>,
    rows_of_trace: Vec<u32>,
    /// The slowest traces of each entry, once all traces are booked.
    tails: Option<Vec<Tail>>,
    /// Times of the trace that is booked, by row; 0 for all others.
    times_of_rows: Vec<i64>,
    entries_of_trace: Vec<(u32, i64)>,
}

/// The time of one trace in a row or an entry.
#[derive(Clone, Copy, Debug)]
struct TraceTime {
    /// The trace.
    trace: TraceNumber,
    /// Its time there, in ns.
    time: i64,
    /// The bucket of its time in the entry.
    of_entry: Bucket,
}

/// The times of many traces in a row or an entry.
#[derive(Clone, Debug, Default)]
struct Times {
    /// Number of the entry of a row.
    entry: u32,
    /// Number of traces.
    count: u64,
    /// The same, each as often as sampling says, in 2^-32: integers add up to the same in any order.
    weighted: u128,
    total_ns: i64,
    /// The largest time, of those the smallest trace id, and that trace's number.
    largest: Option<(i64, Reverse<TraceId>, TraceNumber)>,
    /// The traces one by one; empty once there are too many.
    exact: Vec<TraceTime>,
    /// More of them, as others booked them: to move pieces is cheaper than to copy times.
    exact_of_others: Vec<Vec<TraceTime>>,
    buckets: Option<Box<Buckets>>,
}

/// What is kept of many traces.
#[derive(Clone, Debug, Default)]
struct Buckets {
    /// Number of traces by their time.
    counts: TimeBuckets,
    /// Their summed times by their time in the entry.
    by_entry_time: TimeBuckets,
}

impl Buckets {
    fn add(&mut self, time: TraceTime) {
        self.counts.add(time.time, 1);
        self.by_entry_time.add_to(time.of_entry, time.time);
    }
}

impl Times {
    fn add(&mut self, time: TraceTime, trace_id: TraceId, weight: u128) {
        self.count += 1;
        self.weighted += weight;
        self.total_ns = total_ns([self.total_ns, time.time]);
        self.largest = self.largest.max(Some((time.time, Reverse(trace_id), time.trace)));
        match &mut self.buckets {
            Some(buckets) => buckets.add(time),
            None => {
                self.exact.push(time);
                self.keep_few();
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.weighted += other.weighted;
        self.total_ns = total_ns([self.total_ns, other.total_ns]);
        self.largest = self.largest.max(other.largest);
        if let Some(theirs) = other.buckets {
            let own = self.buckets.get_or_insert_default();
            own.counts.merge(&theirs.counts);
            own.by_entry_time.merge(&theirs.by_entry_time);
        }
        self.exact_of_others.push(other.exact);
        self.exact_of_others.extend(other.exact_of_others);
        self.keep_few();
    }

    fn keep_few(&mut self) {
        if self.buckets.is_some() || self.count > MAX_EXACT {
            let buckets = self.buckets.get_or_insert_default();
            let exact = std::iter::once(std::mem::take(&mut self.exact)).chain(self.exact_of_others.drain(..));
            exact.flatten().for_each(|time| buckets.add(time));
        }
    }

    fn bytes(&self) -> usize {
        let exact = self.exact.capacity() + self.exact_of_others.iter().map(Vec::capacity).sum::<usize>();
        let buckets = self.buckets.as_ref().map_or(0, |buckets| buckets.counts.len() + buckets.by_entry_time.len());
        size_of::<Self>() + exact * size_of::<TraceTime>() + buckets * size_of::<i64>()
    }

    /// The traces one by one, in no particular order; none if there are too many.
    fn exact(&self) -> impl Iterator<Item = &TraceTime> {
        self.exact.iter().chain(self.exact_of_others.iter().flatten())
    }

    /// The nearest ranks among `traces` times, of which those that are not kept here are zero, in the order of `percents`,
    /// which must be descending.
    fn percentiles<const N: usize>(&self, traces: u64, percents: [u64; N]) -> [i64; N] {
        let mut times: Vec<i64> = self.exact().map(|time| time.time).collect();
        // Times that are larger than those asked for next need not be looked at again.
        let mut left = times.len();
        percents.map(|percent| {
            let rank = (traces * percent).div_ceil(100);
            let Some(index) = rank.checked_sub(traces - self.count).and_then(|rank| rank.checked_sub(1)) else {
                return 0;
            };
            if let Some(buckets) = &self.buckets {
                return buckets.counts.nearest_rank(index as i64 + 1).min(self.largest.map_or(0, |(time, ..)| time));
            }
            let index = index as usize;
            if index < left {
                times[..left].select_nth_unstable(index);
                left = index;
            }
            times[index]
        })
    }
}

/// The row of a span that was not looked up yet.
const NOT_KNOWN: u32 = u32::MAX;

/// What a weight of 1 is in [`Times::weighted`].
const UNITS_OF_WEIGHT: f64 = 4_294_967_296.0;

/// The slowest traces of an entry.
#[derive(Clone, Debug)]
enum Tail {
    /// These, in order, their summed times, and the bucket of the shortest of these.
    Traces(Vec<TraceNumber>, i64, Bucket),
    /// Those in the buckets from this one on, of the first of them only a share, and about their summed times.
    Buckets { first: usize, share_of_first: f64, time: f64 },
}

impl Tail {
    /// The slowest 1 % of an entry's traces, at least one. Of equals the one that comes first in the order of `rank` counts as
    /// the slowest.
    fn of(entry: &Times, rank: impl Fn(TraceNumber) -> TraceNumber) -> Self {
        let size = (entry.count / TAIL_ONE_IN).max(1);
        let Some(buckets) = &entry.buckets else {
            let mut slowest: Vec<_> =
                entry.exact().map(|time| (Reverse(time.time), rank(time.trace), time.trace)).collect();
            let size = (size as usize).min(slowest.len());
            if size < slowest.len() {
                slowest.select_nth_unstable(size);
            }
            let tail = &slowest[..size];
            let mut traces: Vec<TraceNumber> = tail.iter().map(|&(_, _, trace)| trace).collect();
            traces.sort_unstable();
            let times = || tail.iter().map(|&(Reverse(time), _, _)| time);
            return Self::Traces(traces, total_ns(times()), bucket_of(times().min().unwrap_or(0)));
        };
        let (mut left, mut time) = (size as i64, 0.0);
        for bucket in (0..buckets.counts.len()).rev() {
            let count = buckets.counts.get(bucket);
            let sum = buckets.by_entry_time.get(bucket) as f64;
            if count >= left {
                let share_of_first = left as f64 / count as f64;
                return Self::Buckets { first: bucket, share_of_first, time: time + share_of_first * sum };
            }
            left -= count;
            time += sum;
        }
        Self::Buckets { first: 0, share_of_first: 1.0, time }
    }

    /// The share of the tail's time that was spent in a row.
    fn share_in(&self, row: &Times) -> f64 {
        match self {
            Self::Traces(traces, time, shortest) => {
                let may_be_in_tail = row.exact().filter(|time| time.of_entry >= *shortest);
                let in_tail = may_be_in_tail.filter(|time| traces.binary_search(&time.trace).is_ok());
                share(total_ns(in_tail.map(|time| time.time)), *time)
            }
            Self::Buckets { first, share_of_first, time } => {
                let mut kept = TimeBuckets::default();
                let sums = match &row.buckets {
                    Some(buckets) => &buckets.by_entry_time,
                    None => {
                        row.exact().for_each(|time| kept.add_to(time.of_entry, time.time));
                        &kept
                    }
                };
                let whole: f64 = (first + 1..sums.len()).map(|bucket| sums.get(bucket) as f64).sum();
                let in_tail = whole + share_of_first * sums.get(*first) as f64;
                if *time == 0.0 { 0.0 } else { in_tail / time }
            }
        }
    }
}

/// A row of the table before it is ranked.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct AttributionRow {
    /// Where the request came in.
    pub(crate) entry: Entry,
    /// Where the time went.
    pub(crate) place: Place,
    /// Traces with time there.
    pub(crate) traces: i64,
    /// The same, each counted as often as sampling says.
    pub(crate) weighted_traces: f64,
    /// Path time in ns.
    pub(crate) critical_ns: i64,
    /// Share of the entry's time, 0..1.
    pub(crate) share: f64,
    /// Median in ns over all traces of the entry.
    pub(crate) p50_ns: i64,
    /// 95th percentile in ns.
    pub(crate) p95_ns: i64,
    /// 99th percentile in ns.
    pub(crate) p99_ns: i64,
    /// Largest in ns.
    pub(crate) max_ns: i64,
    /// Share of the tail's time, 0..1.
    pub(crate) tail_share: f64,
    /// The trace with the largest time.
    pub(crate) example_trace: TraceNumber,
    /// What the row is a part of.
    pub(crate) of_entry: EntryTimes,
}

/// The times of an entry, all of its rows together.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct EntryTimes {
    /// Its traces.
    pub(crate) traces: i64,
    /// Their summed durations in ns.
    pub(crate) total_ns: i64,
    /// Their median in ns.
    pub(crate) p50_ns: i64,
    /// Their 99th percentile in ns.
    pub(crate) p99_ns: i64,
}

impl Attribution {
    /// Books the paths of one trace, which stands for `adjusted_count` traces.
    fn add(&mut self, trace: &TraceView<'_>, adjusted_count: f64) {
        self.entries_of_trace.clear();
        self.rows_of_spans.clear();
        self.rows_of_spans.resize(trace.tree.len(), NOT_KNOWN);
        for (index, root) in trace.tree.path_roots.iter().enumerate() {
            let entry = self.entry(trace.entry_of(root));
            self.entries_of_trace.push((entry, trace.duration(root.row)));
            trace.for_each_piece(index, |piece, backoff| {
                let row = match backoff {
                    Some(backoff) => self.row_of(entry, trace.place_of_backoff(backoff)),
                    None => self.row_of_span(entry, trace, piece.row),
                };
                self.book(row, piece.end - piece.start);
            });
        }
        // A trace may have as many segments as spans, so they are put in order rather than looked through.
        self.entries_of_trace.sort_unstable();
        self.entries_of_trace.dedup_by(|later, first| {
            let is_same = later.0 == first.0;
            if is_same {
                first.1 = first.1.saturating_add(later.1);
            }
            is_same
        });
        self.finish_trace(TraceNumber(trace.number), trace.trace_id, adjusted_count);
    }

    /// Books what was booked of a trace before, which stands for `adjusted_count` traces: its time in each of its entries, each
    /// once, and in places, with which of these entries they belong to.
    pub(crate) fn add_booked(
        &mut self,
        (trace, trace_id): (TraceNumber, TraceId),
        adjusted_count: f64,
        entries: &[(Entry, i64)],
        times: impl Iterator<Item = (usize, Place, i64)>,
    ) {
        let numbers: Vec<u32> = entries.iter().map(|&(entry, _)| self.entry(entry)).collect();
        for (entry, place, time) in times {
            let row = self.row_of(numbers[entry], place);
            self.book(row, time);
        }
        self.entries_of_trace.clear();
        self.entries_of_trace.extend(numbers.into_iter().zip(entries).map(|(entry, &(_, time))| (entry, time)));
        self.entries_of_trace.sort_unstable();
        self.finish_trace(trace, trace_id, adjusted_count);
    }

    /// Books the trace in its entries, which are in the order of their numbers, and in its rows.
    fn finish_trace(&mut self, trace: TraceNumber, trace_id: TraceId, adjusted_count: f64) {
        let weight = (adjusted_count * UNITS_OF_WEIGHT).round() as u128;
        for &(entry, time) in &self.entries_of_trace {
            let time = TraceTime { trace, time, of_entry: bucket_of(time) };
            self.entry_times[entry as usize].add(time, trace_id, weight);
        }
        for row in self.rows_of_trace.drain(..) {
            let times = &mut self.row_times[row as usize];
            let time = std::mem::take(&mut self.times_of_rows[row as usize]);
            let of_entry = self.entries_of_trace.binary_search_by_key(&times.entry, |&(entry, _)| entry);
            let of_entry = of_entry.map_or(time, |index| self.entries_of_trace[index].1);
            let time = TraceTime { trace, time, of_entry: bucket_of(of_entry) };
            times.add(time, trace_id, weight);
        }
    }

    /// The row of a span of the trace.
    fn row_of_span(&mut self, entry: u32, trace: &TraceView<'_>, span: Row) -> u32 {
        let mut row = self.rows_of_spans[span as usize];
        if row == NOT_KNOWN {
            row = self.row_of(entry, trace.place(span));
            self.rows_of_spans[span as usize] = row;
        }
        row
    }

    /// Books time of the trace in a row.
    fn book(&mut self, row: u32, time: i64) {
        let booked = &mut self.times_of_rows[row as usize];
        if *booked == 0 {
            self.rows_of_trace.push(row);
        }
        *booked = booked.saturating_add(time);
    }

    fn entry(&mut self, entry: Entry) -> u32 {
        let next = self.entries.len() as u32;
        let number = *self.entries.entry(entry).or_insert(next);
        if number == next {
            self.entry_times.push(Times::default());
        }
        number
    }

    fn row_of(&mut self, entry: u32, place: Place) -> u32 {
        let next = self.rows.len() as u32;
        let row = *self.rows.entry((entry, place)).or_insert(next);
        if row == next {
            self.row_times.push(Times { entry, ..Times::default() });
            self.times_of_rows.push(0);
        }
        row
    }

    /// The rows in the order of entries and places. Percentiles are exact for entries of up to 65,536 traces, and off by at most 0.4 %
    /// for others.
    pub(crate) fn finish(mut self) -> Vec<AttributionRow> {
        let mut entries: Vec<Option<Entry>> = vec![None; self.entries.len()];
        for (&entry, &number) in &self.entries {
            entries[number as usize] = Some(entry);
        }
        if self.tails.is_none() {
            self.renumber_traces(&|trace| trace);
        }
        let tails = self.tails.unwrap_or_default();
        let mut places: Vec<Option<Place>> = vec![None; self.rows.len()];
        for (&(_, place), &number) in &self.rows {
            places[number as usize] = Some(place);
        }
        let entry_times = self.entry_times.par_iter().map(|times| {
            let [p99_ns, p50_ns] = times.percentiles(times.count, [99, 50]);
            EntryTimes { traces: times.count as i64, total_ns: times.total_ns, p50_ns, p99_ns }
        });
        let entry_times: Vec<EntryTimes> = entry_times.collect();
        let rows = self.row_times.par_iter().zip(places);
        let rows = rows.filter_map(|(times, place)| {
            let entry = times.entry as usize;
            let Times { count: traces, total_ns: total, .. } = self.entry_times[entry];
            let (max_ns, _, example_trace) = times.largest?;
            let [p99_ns, p95_ns, p50_ns] = times.percentiles(traces, [99, 95, 50]);
            Some(AttributionRow {
                entry: entries[entry]?,
                place: place?,
                traces: times.count as i64,
                weighted_traces: times.weighted as f64 / UNITS_OF_WEIGHT,
                critical_ns: times.total_ns,
                share: share(times.total_ns, total),
                p50_ns,
                p95_ns,
                p99_ns,
                max_ns,
                tail_share: tails[entry].share_in(times),
                example_trace,
                of_entry: entry_times[entry],
            })
        });
        let mut rows: Vec<AttributionRow> = rows.collect();
        rows.par_sort_unstable_by_key(|row| (row.entry, row.place));
        rows
    }
}

impl Seen for Attribution {
    fn merge(&mut self, other: Self) {
        let mut entry_map = vec![0; other.entries.len()];
        for (entry, number) in other.entries {
            entry_map[number as usize] = self.entry(entry);
        }
        for (&entry, times) in entry_map.iter().zip(other.entry_times) {
            self.entry_times[entry as usize].merge(times);
        }
        let mut row_map = vec![0; other.rows.len()];
        for ((entry, place), number) in other.rows {
            row_map[number as usize] = self.row_of(entry_map[entry as usize], place);
        }
        for (&row, times) in row_map.iter().zip(other.row_times) {
            self.row_times[row as usize].merge(times);
        }
    }

    /// The tails of entries are found now, by both numbers at once: to give each of the many times a new number would take
    /// longer.
    fn renumber_traces(&mut self, rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {
        self.tails = Some(self.entry_times.par_iter().map(|times| Tail::of(times, rank_of)).collect());
        for times in &mut self.row_times {
            if let Some((_, _, trace)) = &mut times.largest {
                *trace = rank_of(*trace);
            }
        }
    }

    fn bytes(&self) -> usize {
        let times = self.entry_times.iter().chain(&self.row_times);
        let of_places = self.rows.capacity() * size_of::<((u32, Place), u32)>();
        times.map(Times::bytes).sum::<usize>() + of_places
    }

    fn unsettled(&mut self) -> Option<Unsettled<'_>> {
        None
    }

    fn write(&self, group: &mut GroupWriter<'_>) {
        let mut entries = vec![None; self.entry_times.len()];
        for (&entry, &number) in &self.entries {
            entries[number as usize] = Some(entry);
        }
        let mut places = vec![None; self.row_times.len()];
        for (&(_, place), &number) in &self.rows {
            places[number as usize] = Some(place);
        }
        let mut written = WrittenTimes::default();
        for (entry, times) in entries.iter().zip(&self.entry_times) {
            if let Some(entry) = entry {
                written.push(*entry, None, times);
            }
        }
        for (place, times) in places.into_iter().zip(&self.row_times) {
            if let (Some(place), Some(entry)) = (place, entries[times.entry as usize]) {
                written.push(entry, Some(place), times);
            }
        }
        written.summaries.write("", group);
        group.beside("exact", |group| written.exact.write("", group));
        group.beside("buckets", |group| written.buckets.write("", group));
    }

    fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let written = WrittenTimes {
            summaries: SummaryColumns::read("", group)?,
            exact: group.beside("exact", |group| ExactColumns::read("", group))?,
            buckets: group.beside("buckets", |group| BucketColumns::read("", group))?,
        };
        written.into_attribution()
    }
}

columns! {
    /// What is kept of an entry or of a row, but for its single traces.
    struct SummaryRow in SummaryColumns {
        entry_kind: RootReason,
        entry_service: Symbol,
        entry_operation: Symbol,
        /// Whether it is a row, and has a place.
        is_row: bool,
        service: Symbol,
        operation: Symbol,
        component: Component,
        target: Symbol,
        count: u64,
        weighted_high: u64,
        weighted_low: u64,
        total_ns: i64,
        largest_ns: i64,
        largest_trace_id: TraceId,
        largest_trace: TraceNumber,
        has_buckets: bool,
    }
}

columns! {
    /// The time of one trace.
    struct ExactRow in ExactColumns {
        /// Row of the summary.
        of: u32,
        trace: TraceNumber,
        time: i64,
        of_entry: u32,
    }
}

columns! {
    /// A bucket of times.
    struct BucketRow in BucketColumns {
        /// Row of the summary.
        of: u32,
        bucket: u32,
        count: i64,
        by_entry_time: i64,
    }
}

/// Entries and rows on their way to a file or from one.
#[derive(Default)]
struct WrittenTimes {
    summaries: SummaryColumns,
    exact: ExactColumns,
    buckets: BucketColumns,
}

impl WrittenTimes {
    fn push(&mut self, entry: Entry, place: Option<Place>, times: &Times) {
        let of = self.summaries.count.len() as u32;
        let (largest_ns, Reverse(largest_trace_id), largest_trace) = times.largest.unwrap_or_default();
        let of_entry = Place {
            service: entry.service,
            operation: entry.operation,
            component: Component::SelfTime,
            target: Symbol::EMPTY,
        };
        let Place { service, operation, component, target } = place.unwrap_or(of_entry);
        self.summaries.push(SummaryRow {
            entry_kind: entry.kind,
            entry_service: entry.service,
            entry_operation: entry.operation,
            is_row: place.is_some(),
            service,
            operation,
            component,
            target,
            count: times.count,
            weighted_high: (times.weighted >> u64::BITS) as u64,
            weighted_low: times.weighted as u64,
            total_ns: times.total_ns,
            largest_ns,
            largest_trace_id,
            largest_trace,
            has_buckets: times.buckets.is_some(),
        });
        for &TraceTime { trace, time, of_entry } in times.exact() {
            self.exact.push(ExactRow { of, trace, time, of_entry: u32::from(of_entry) });
        }
        if let Some(Buckets { counts, by_entry_time }) = times.buckets.as_deref() {
            for bucket in 0..counts.len().max(by_entry_time.len()) {
                let (count, by_entry_time) = (counts.get(bucket), by_entry_time.get(bucket));
                if (count, by_entry_time) != (0, 0) {
                    self.buckets.push(BucketRow { of, bucket: bucket as u32, count, by_entry_time });
                }
            }
        }
    }

    fn into_attribution(self) -> Result<Attribution, ArrowError> {
        let Self { summaries, exact, buckets } = self;
        let mut all: Vec<Times> = (0..summaries.count.len())
            .map(|row| Times {
                count: summaries.count[row],
                weighted: u128::from(summaries.weighted_high[row]) << u64::BITS
                    | u128::from(summaries.weighted_low[row]),
                total_ns: summaries.total_ns[row],
                largest: Some((
                    summaries.largest_ns[row],
                    Reverse(summaries.largest_trace_id[row]),
                    summaries.largest_trace[row],
                )),
                buckets: summaries.has_buckets[row].then(Box::default),
                ..Times::default()
            })
            .collect();
        let is_none = || ArrowError::ParseError("times are of an entry that is not there".to_owned());
        let bucket_of_number = |number: u32| {
            Bucket::try_from(number).ok().filter(|&bucket| bucket <= bucket_of(i64::MAX)).ok_or_else(is_none)
        };
        for row in 0..exact.of.len() {
            let times = all.get_mut(exact.of[row] as usize).ok_or_else(is_none)?;
            let of_entry = bucket_of_number(exact.of_entry[row])?;
            times.exact.push(TraceTime { trace: exact.trace[row], time: exact.time[row], of_entry });
        }
        for row in 0..buckets.of.len() {
            let times = all.get_mut(buckets.of[row] as usize).ok_or_else(is_none)?;
            let bucket = bucket_of_number(buckets.bucket[row])?;
            let kept = times.buckets.get_or_insert_default();
            kept.counts.add_to(bucket, buckets.count[row]);
            kept.by_entry_time.add_to(bucket, buckets.by_entry_time[row]);
        }
        let mut attribution = Attribution::default();
        for (row, times) in all.into_iter().enumerate() {
            let entry = attribution.entry(Entry {
                kind: summaries.entry_kind.get(row),
                service: summaries.entry_service[row],
                operation: summaries.entry_operation[row],
            });
            if summaries.is_row[row] {
                let place = Place {
                    service: summaries.service[row],
                    operation: summaries.operation[row],
                    component: summaries.component.get(row),
                    target: summaries.target[row],
                };
                let row = attribution.row_of(entry, place);
                attribution.row_times[row as usize].merge(times);
            } else {
                attribution.entry_times[entry as usize].merge(times);
            }
        }
        Ok(attribution)
    }
}

impl Detector for LatencyAttribution {
    type Seen = Attribution;
    type Details = NoDetails;
    type Aside = ();
    type Row = AttributionRow;

    const DESCRIPTION: &'static Description = &DESCRIPTION;
    const HEADING: Option<Heading<Self>> =
        Some(Heading { by: &["entry_kind", "entry_service", "entry_operation"], figures: FIGURES });
    const TABLE: TableRules<Self> = TableRules::Rows(COLUMNS);

    fn see(&self, trace: &TraceView<'_>, seen: &mut Attribution) {
        seen.add(trace, trace.adjusted_counts().of_trace);
    }

    fn conclude(&self, seen: Attribution, _whole: &Whole<'_>) -> Concluded<Self> {
        Concluded::rows(seen.finish())
    }
}

fn share(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partial::{Renumbering, written};

    fn times(values: impl Iterator<Item = i64>) -> Times {
        let mut times = Times::default();
        for (trace, time) in (0u32..).zip(values) {
            let trace_id = TraceId(u128::from(trace + 1).to_be_bytes());
            times.add(TraceTime { trace: TraceNumber(trace), time, of_entry: bucket_of(2 * time) }, trace_id, 1);
        }
        times
    }

    #[test]
    fn percentiles_count_traces_without_time() {
        assert_eq!(times([7, 5].into_iter()).percentiles(4, [99, 75, 51, 50]), [7, 5, 5, 0]);
        assert_eq!(times((1..=200).rev()).percentiles(200, [100, 99, 99, 50, 1, 0]), [200, 198, 198, 100, 2, 0]);
    }

    /// The tail is that of the times in order, the first of equals in it, also if others booked some of them.
    #[test]
    fn the_tail_is_that_of_times_in_order() {
        let mut all = times((0..250).map(|number| number * 7 % 100));
        all.merge(times([99].into_iter()));
        let rank = |trace: TraceNumber| TraceNumber(1_000 - trace.0);
        let Tail::Traces(traces, time, shortest) = Tail::of(&all, rank) else { panic!("few traces") };
        // Number 0 of the others takes 99 too, as do 57 and 157, but comes last in the order of ranks.
        assert_eq!((traces, time, shortest), (vec![TraceNumber(57), TraceNumber(157)], 198, bucket_of(99)));
    }

    /// Many times give nearly what few give exactly, whatever the order and the parts they come in.
    #[test]
    fn many_times_are_told_by_buckets() {
        const COUNT: i64 = 100_000;
        let value = |number: i64| 1_000 + number * 7_919 % COUNT * 1_000;
        let all = times((0..COUNT).map(value));
        assert!(all.buckets.is_some() && all.exact.is_empty());
        for percent in [1, 50, 95, 99] {
            let exact = 1_000 + (COUNT as u64 * percent / 100 - 1) as i64 * 1_000;
            let [told] = all.percentiles(COUNT as u64, [percent]);
            assert!((told - exact).abs() as f64 <= 0.005 * exact as f64, "{percent}: {told} {exact}");
        }
        let mut merged = times((0..30_000).map(value));
        merged.merge(times((30_000..COUNT).map(value)));
        assert_eq!(format!("{:?}", merged.buckets), format!("{:?}", all.buckets));
        assert_eq!((merged.count, merged.total_ns), (all.count, all.total_ns));
        let (whole, half) =
            (Tail::of(&all, |trace| trace).share_in(&all), Tail::of(&merged, |trace| trace).share_in(&merged));
        assert_eq!(whole, half);
    }

    /// What was written of an entry and a row comes back, whether traces are kept one by one or in buckets, and adds up with
    /// what others booked: here once in one piece, and once in two that are written and merged.
    #[test]
    fn times_come_back_exactly_and_in_buckets() {
        let entry = Entry { kind: RootReason::Root, service: Symbol(1), operation: Symbol(2) };
        let place = Place { service: Symbol(1), operation: Symbol(3), component: Component::Wait, target: Symbol(4) };
        let booked = |numbers: std::ops::Range<u32>| {
            let mut attribution = Attribution::default();
            for number in numbers {
                let of = attribution.entry(entry);
                let row = attribution.row_of(of, place);
                let trace_id = TraceId(u128::from(number + 1).to_be_bytes());
                let time = 1_000 + i64::from(number) * 7_919 % 1_009;
                let of_entry = bucket_of(2 * time);
                let weight = u128::from(number) << 60;
                let in_row = TraceTime { trace: TraceNumber(number), time, of_entry };
                attribution.entry_times[of as usize].add(TraceTime { time: 2 * time, ..in_row }, trace_id, weight);
                attribution.row_times[row as usize].add(in_row, trace_id, weight);
            }
            attribution
        };
        let directory = tempfile::tempdir().unwrap();
        for (cut, count) in [(0, 0), (70, 200), (30_000, 70_000), (66_000, 66_100)] {
            let file = written(&directory.path().join(count.to_string()), |file| {
                file.group("first", Renumbering::NONE, |group| booked(0..cut).write(group)).unwrap();
                file.group("second", Renumbering::NONE, |group| booked(cut..count).write(group)).unwrap();
            });
            let read = |name: &str| file.group(name, Renumbering::NONE, Attribution::read).unwrap();
            let mut merged = read("second");
            merged.merge(read("first"));
            let rows = booked(0..count).finish();
            assert_eq!(rows.first().map_or(0, |row| row.traces), i64::from(count));
            assert_eq!(merged.finish(), rows, "{cut} of {count}");
        }
    }
}
