//! `latency-attribution`: where the time goes.
//!
//! Not a detector of something bad, so there is no threshold and there are no findings: every nanosecond of every critical
//! path is booked, and the rows of an entry add up to the sum of its roots' durations.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::frame::Symbol;
use crate::trace::{Place, RootReason, TraceView, total_ns};

use super::description::{Aggregate, Column, Description, RankedBy, Unit};

/// Names of the kinds of entries.
pub const ENTRY_KINDS: &[&str] = &["fragment", "root", "segment"];

/// The slowest traces of an entry, one in this many, are its tail.
const TAIL_ONE_IN: usize = 100;

/// What the analysis of latency is and what its table holds.
pub static LATENCY_ATTRIBUTION: Description = Description {
    name: "latency-attribution",
    table: "latency_attribution",
    summary: "where the time of each entry goes, to the nanosecond",
    documentation: "\
## What it does

Walks the critical path of every root: at each moment, the one span that the root was waiting for. The time is booked by
service, operation, component and target, so that the rows of an entry add up to its roots' durations exactly. Components
are `self` (the service works), `network` (a call outside its callee: network, queueing, connection pools) and `wait` (a
database, an external host, a topic, a poll).

## Why it matters

Time that is not on the critical path costs nothing: a slow call beside a slower one can be ignored. What is on it is what
users wait for, and `tail_share` tells what the slowest one percent wait for.

## What it looks like

    web GET /cart    cart GetCart     network  cart          12 %
    web GET /cart    cart SELECT ...  wait     postgresql    61 %
    web GET /cart    web GET /cart    self                   27 %

Entries of kind `segment` are what nobody waits for (consumers of a topic), entries of kind `fragment` begin at spans whose
parent is not in the input.

## How to use it

Start with the largest `share` of the entry that matters. Large `self`: profile the service. Large `wait`: the query, the
index, the number of calls (see n-plus-one). Large `network`: pools, connections, payloads, distance.

## When it is wrong

Clocks that differ between hosts shift time between caller and callee; the sums stay right. Work that no span covers is
booked to the span around it.

## References

Z. Zhang et al., \"CRISP: Critical Path Analysis of Large-Scale Microservice Architectures\", USENIX ATC 2022.",
    thresholds: &[],
    columns: &[
        Column { name: "rank", unit: Unit::Count, doc: "place in the ranking by critical_ns", aggregate: Aggregate::Own },
        Column { name: "entry_kind", unit: Unit::Text, doc: "root, segment (asynchronous) or fragment (the parent is not in the input)", aggregate: Aggregate::Own },
        Column { name: "entry_service", unit: Unit::Text, doc: "service where the request came in", aggregate: Aggregate::Own },
        Column { name: "entry_operation", unit: Unit::Text, doc: "operation that was asked for", aggregate: Aggregate::Own },
        Column { name: "service", unit: Unit::Text, doc: "service that spent the time", aggregate: Aggregate::Own },
        Column { name: "operation", unit: Unit::Text, doc: "the span's operation, or the call's", aggregate: Aggregate::Own },
        Column { name: "component", unit: Unit::Text, doc: "self, network or wait", aggregate: Aggregate::Own },
        Column { name: "target", unit: Unit::Text, doc: "what was waited for; empty for self", aggregate: Aggregate::Own },
        Column { name: "traces", unit: Unit::Count, doc: "traces in which time was spent there", aggregate: Aggregate::Own },
        Column { name: "weighted_traces", unit: Unit::Number, doc: "the same before sampling; empty unless nearly all spans say how many they stand for", aggregate: Aggregate::Own },
        Column { name: "critical_ns", unit: Unit::Nanoseconds, doc: "critical-path time: the impact", aggregate: Aggregate::Own },
        Column { name: "share", unit: Unit::Share, doc: "share of the entry's time", aggregate: Aggregate::Own },
        Column { name: "p50_ns", unit: Unit::Nanoseconds, doc: "median over all traces of the entry, those without counted as 0", aggregate: Aggregate::Own },
        Column { name: "p95_ns", unit: Unit::Nanoseconds, doc: "95th percentile of the same", aggregate: Aggregate::Own },
        Column { name: "p99_ns", unit: Unit::Nanoseconds, doc: "99th percentile of the same", aggregate: Aggregate::Own },
        Column { name: "max_ns", unit: Unit::Nanoseconds, doc: "largest time in a trace", aggregate: Aggregate::Own },
        Column { name: "tail_share", unit: Unit::Share, doc: "share of the time of the slowest 1 % of the entry's traces", aggregate: Aggregate::Own },
        Column { name: "example_trace_id", unit: Unit::Id, doc: "the trace with the largest time", aggregate: Aggregate::Own },
    ],
    terminal_columns: &["rank", "entry_service", "entry_operation", "service", "operation", "component", "target", "weighted_traces", "critical_ns", "share", "p50_ns", "p99_ns", "tail_share", "example_trace_id"],
    ranked_by: &[RankedBy::Largest("critical_ns")],
};

/// Where requests come in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Entry {
    /// Root, segment or fragment.
    pub kind: RootReason,
    /// The root's service.
    pub service: Symbol,
    /// The root's operation.
    pub operation: Symbol,
}

/// Path time of many traces, booked.
#[derive(Clone, Debug, Default)]
pub struct Attribution {
    entries: HashMap<Entry, u32, FixedState>,
    rows: HashMap<(u32, Place), u32, FixedState>,
    /// (entry, trace, path time): one for each entry that a trace has.
    entry_times: Vec<(u32, u32, i64)>,
    /// (row, trace, path time): one for each row that a trace has.
    row_times: Vec<(u32, u32, i64)>,
    /// How many traces a trace stands for, where that is not one.
    adjusted_counts: HashMap<u32, f64, FixedState>,
    scratch: Vec<(u32, i64)>,
}

/// A row of the table before it is ranked.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AttributionRow {
    /// Where the request came in.
    pub entry: Entry,
    /// Where the time went.
    pub place: Place,
    /// Traces with time there.
    pub traces: i64,
    /// The same, each counted as often as sampling says.
    pub weighted_traces: f64,
    /// Path time in ns.
    pub critical_ns: i64,
    /// Share of the entry's time, 0..1.
    pub share: f64,
    /// Median in ns over all traces of the entry.
    pub p50_ns: i64,
    /// 95th percentile in ns.
    pub p95_ns: i64,
    /// 99th percentile in ns.
    pub p99_ns: i64,
    /// Largest in ns.
    pub max_ns: i64,
    /// Share of the tail's time, 0..1.
    pub tail_share: f64,
    /// Number of the trace with the largest time.
    pub example_trace: u32,
}

impl Attribution {
    /// Books the paths of one trace, which stands for `adjusted_count` traces.
    pub fn add(&mut self, trace: &TraceView<'_>, adjusted_count: f64) {
        if adjusted_count != 1.0 {
            self.adjusted_counts.insert(trace.index, adjusted_count);
        }
        let first_entry = self.entry_times.len();
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        for (index, root) in trace.tree.path_roots.iter().enumerate() {
            let entry = Entry {
                kind: root.reason,
                service: trace.service(root.row),
                operation: trace.entry_operation(root.row),
            };
            let next = self.entries.len() as u32;
            let entry = *self.entries.entry(entry).or_insert(next);
            let duration = trace.duration(root.row);
            match self.entry_times[first_entry..].iter_mut().find(|(known, ..)| *known == entry) {
                Some((_, _, time)) => *time = time.saturating_add(duration),
                None => self.entry_times.push((entry, trace.index, duration)),
            }
            for section in trace.paths.sections_of(index) {
                let next = self.rows.len() as u32;
                let row = *self.rows.entry((entry, trace.place(section.row))).or_insert(next);
                scratch.push((row, section.end - section.start));
            }
        }
        scratch.sort_unstable();
        self.row_times.extend(
            scratch
                .chunk_by(|left, right| left.0 == right.0)
                .map(|same| (same[0].0, trace.index, total_ns(same.iter().map(|&(_, time)| time)))),
        );
        self.scratch = scratch;
    }

    /// Gives every trace the number that `renumber` says.
    pub fn renumber_traces(&mut self, renumber: impl Fn(u32) -> u32) {
        for (_, trace, _) in self.entry_times.iter_mut().chain(&mut self.row_times) {
            *trace = renumber(*trace);
        }
        self.adjusted_counts = self.adjusted_counts.drain().map(|(trace, count)| (renumber(trace), count)).collect();
    }

    /// Takes in what was booked for other traces.
    pub fn merge(&mut self, other: Self) {
        self.adjusted_counts.extend(other.adjusted_counts);
        let mut entry_map = vec![0; other.entries.len()];
        for (entry, number) in other.entries {
            let next = self.entries.len() as u32;
            entry_map[number as usize] = *self.entries.entry(entry).or_insert(next);
        }
        let mut row_map = vec![0; other.rows.len()];
        for ((entry, place), number) in other.rows {
            let next = self.rows.len() as u32;
            row_map[number as usize] = *self.rows.entry((entry_map[entry as usize], place)).or_insert(next);
        }
        self.entry_times
            .extend(other.entry_times.into_iter().map(|(entry, trace, time)| (entry_map[entry as usize], trace, time)));
        self.row_times
            .extend(other.row_times.into_iter().map(|(row, trace, time)| (row_map[row as usize], trace, time)));
    }

    /// The rows, in no particular order. All percentiles are exact.
    pub fn finish(mut self) -> Vec<AttributionRow> {
        let mut entries: Vec<Option<Entry>> = vec![None; self.entries.len()];
        for (&entry, &number) in &self.entries {
            entries[number as usize] = Some(entry);
        }
        // The tail of each entry: its slowest traces, ties to the lower trace number.
        self.entry_times.sort_unstable_by_key(|&(entry, trace, time)| (entry, std::cmp::Reverse(time), trace));
        let mut totals = vec![(0usize, 0i64); entries.len()];
        let mut tails: Vec<Vec<u32>> = vec![Vec::new(); entries.len()];
        let mut tail_times = vec![0i64; entries.len()];
        for of_entry in self.entry_times.chunk_by(|left, right| left.0 == right.0) {
            let entry = of_entry[0].0 as usize;
            totals[entry] = (of_entry.len(), total_ns(of_entry.iter().map(|&(_, _, time)| time)));
            let tail = &of_entry[..(of_entry.len() / TAIL_ONE_IN).max(1)];
            tails[entry] = tail.iter().map(|&(_, trace, _)| trace).collect();
            tails[entry].sort_unstable();
            tail_times[entry] = total_ns(tail.iter().map(|&(_, _, time)| time));
        }

        let mut keys: Vec<Option<(u32, Place)>> = vec![None; self.rows.len()];
        for (&key, &number) in &self.rows {
            keys[number as usize] = Some(key);
        }
        self.row_times.sort_unstable_by_key(|&(row, trace, time)| (row, time, std::cmp::Reverse(trace)));
        self.row_times
            .chunk_by(|left, right| left.0 == right.0)
            .filter_map(|times| {
                let (entry, place) = keys[times[0].0 as usize]?;
                let (traces, total) = totals[entry as usize];
                let critical_ns = total_ns(times.iter().map(|&(_, _, time)| time));
                let tail = &tails[entry as usize];
                let in_tail = times.iter().filter(|(_, trace, _)| tail.binary_search(trace).is_ok());
                let tail_ns = total_ns(in_tail.map(|&(_, _, time)| time));
                let &(_, example_trace, max_ns) = times.last()?;
                Some(AttributionRow {
                    entry: entries[entry as usize]?,
                    place,
                    traces: times.len() as i64,
                    weighted_traces: times
                        .iter()
                        .map(|(_, trace, _)| self.adjusted_counts.get(trace).unwrap_or(&1.0))
                        .sum(),
                    critical_ns,
                    share: share(critical_ns, total),
                    p50_ns: percentile_with_zeros(times, traces, 50),
                    p95_ns: percentile_with_zeros(times, traces, 95),
                    p99_ns: percentile_with_zeros(times, traces, 99),
                    max_ns,
                    tail_share: share(tail_ns, tail_times[entry as usize]),
                    example_trace,
                })
            })
            .collect()
    }
}

fn share(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Nearest rank among `count` values, of which the ascending `times` are those that are not zero.
fn percentile_with_zeros(times: &[(u32, u32, i64)], count: usize, percent: usize) -> i64 {
    let rank = (count * percent).div_ceil(100);
    let zeros = count - times.len();
    rank.checked_sub(zeros + 1).map_or(0, |index| times[index].2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Component;

    #[test]
    fn kind_names_are_those_of_the_reasons() {
        assert!(RootReason::ALL.iter().map(|reason| reason.as_str()).eq(ENTRY_KINDS.iter().copied()));
        assert!(Component::ALL.is_sorted_by_key(|component| component.as_str()));
    }

    #[test]
    fn percentiles_count_traces_without_time() {
        let times = [(0, 0, 5), (0, 1, 7)];
        assert_eq!(percentile_with_zeros(&times, 4, 50), 0);
        assert_eq!(percentile_with_zeros(&times, 4, 75), 5);
        assert_eq!(percentile_with_zeros(&times, 4, 99), 7);
    }
}
