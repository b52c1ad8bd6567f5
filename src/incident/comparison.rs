//! Sums over the traces of the window and those of the baseline, and what of them is blamed on whom.

use std::collections::BTreeMap;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::frame::{SpillError, Symbol};
use crate::gathered::{CallerOperation, RequestBlock, RequestLog, Spent, TraceRequests};
use crate::partial::TraceNumber;
use crate::trace::{Component, Entry, Place, RootReason, Target, TargetKind};

use super::structure::{CallSums, CallerSums};
use super::window::{TimeRange, contains};

/// An entry with fewer traces in the baseline cannot be compared.
const MIN_BASELINE_TRACES: u64 = 3;

/// The two sides of a comparison, as places of pairs.
pub(super) const WINDOW: usize = 0;
/// See [`WINDOW`].
pub(super) const BASELINE: usize = 1;

/// Which traces are compared.
#[derive(Clone, Debug)]
pub(super) struct Sides {
    /// Traces that begin here are the window.
    pub(super) window: TimeRange,
    /// Traces that begin here, and not in the window, are the baseline: any if nothing is said.
    pub(super) baseline: Option<TimeRange>,
    /// Traces that begin here are neither, unless they are the window; ascending, and they do not overlap.
    pub(super) left_out: Vec<TimeRange>,
}

impl Sides {
    /// The side of a trace that begins at `start`.
    pub(super) fn side_of(&self, start: i64) -> Option<usize> {
        if self.window.contains(start) {
            return Some(WINDOW);
        }
        let is_baseline =
            !contains(&self.left_out, start) && self.baseline.is_none_or(|baseline| baseline.contains(start));
        is_baseline.then_some(BASELINE)
    }
}

/// What is blamed for the time that is spent at a place: its service, its target, or both, each once.
pub(super) fn blamed_for(spent: &Spent) -> impl Iterator<Item = Target> + use<> {
    let Place { service, component, target, .. } = spent.place;
    let service = Target { name: service, kind: TargetKind::Service };
    // What is known by a span's name only is nobody who could be blamed.
    let target = spent.target_kind.filter(|&kind| kind != TargetKind::Unnamed && !target.is_empty());
    let target = target.map(|kind| Target { name: spent.place.target, kind });
    let (first, second) = match (component, target) {
        (Component::Wait, Some(target)) => (target, None),
        (Component::Network | Component::Backoff, target) => (service, target.filter(|target| *target != service)),
        (Component::SelfTime, _) | (Component::Wait, None) => (service, None),
    };
    std::iter::once(first).chain(second)
}

/// Sums of one entry on both sides.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct EntrySums {
    /// Traces with the entry.
    pub(super) traces: [u64; 2],
    /// Those of them whose root failed.
    pub(super) failed: [u64; 2],
    /// Their summed durations, in ns.
    pub(super) duration_ns: [i128; 2],
}

impl EntrySums {
    /// Whether there are enough traces in the baseline.
    pub(super) fn can_be_compared(&self) -> bool {
        self.traces[BASELINE] >= MIN_BASELINE_TRACES
    }

    /// How many traces of the window there are for each of the baseline.
    pub(super) fn scale(&self) -> f64 {
        self.traces[WINDOW] as f64 / self.traces[BASELINE] as f64
    }

    /// What `time` ns of the baseline would be for as many traces as the window has.
    fn scaled_ns(&self, time: i128) -> i64 {
        let (window, baseline) = (i128::from(self.traces[WINDOW]), i128::from(self.traces[BASELINE]));
        let scaled = time.saturating_mul(window).saturating_add(baseline / 2) / baseline;
        scaled.clamp(0, i64::MAX.into()) as i64
    }
}

/// A place of an entry, compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RowDifference {
    /// The entry.
    pub(super) entry: Entry,
    /// Where the time is spent.
    pub(super) spent: Spent,
    /// Time in the window, in ns.
    pub(super) window_ns: i64,
    /// Time in the baseline for as many requests as the window has, in ns.
    pub(super) baseline_ns: i64,
}

impl RowDifference {
    /// By how much more is spent, in ns.
    pub(super) fn difference_ns(&self) -> i64 {
        self.window_ns.saturating_sub(self.baseline_ns)
    }
}

/// What is blamed on one suspect.
#[derive(Clone, Debug, Default)]
pub(super) struct Blamed {
    /// How much more time is spent, in ns.
    pub(super) blame_ns: i64,
    /// Where, by entry and place.
    pub(super) rows: Vec<RowDifference>,
    /// How many more failures there are.
    pub(super) excess_failures: f64,
    /// Calls that are missing.
    pub(super) vanished_calls: f64,
    /// Calls that were not there.
    pub(super) appeared_calls: f64,
    /// The trace of the window with the lowest number in which a failure began there.
    pub(super) first_failure: Option<TraceNumber>,
}

/// Sums over all traces of both sides. Entries and what else is compared are told by names, whatever block they come from.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// Sums of entries.
    pub(super) entries: HashMap<Entry, EntrySums, FixedState>,
    times: HashMap<(Entry, Spent), [i128; 2], FixedState>,
    origins: HashMap<(Entry, Target), [u64; 2], FixedState>,
    first_failures: HashMap<Target, TraceNumber, FixedState>,
    pub(super) callers: HashMap<(Entry, CallerOperation), CallerSums, FixedState>,
    pub(super) calls: HashMap<(Entry, Called), CallSums, FixedState>,
}

/// What is called, and by what.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Called {
    /// The caller.
    pub(super) caller: CallerOperation,
    /// What is called.
    pub(super) target: Target,
    /// What it is asked for.
    pub(super) operation: Symbol,
}

impl Comparison {
    /// The sums of all traces.
    pub(super) fn of(log: &RequestLog, sides: &Sides) -> Result<Self, SpillError> {
        let mut all = Self::default();
        log.for_each_block(|block| {
            // Most keys of a block occur in many of its traces, so names are looked up once a block.
            let mut of_block = BlockSums::default();
            for trace in block.traces() {
                if let Some(side) = sides.side_of(trace.start) {
                    of_block.add(block, &trace, side);
                }
            }
            all.take(block, of_block);
        })?;
        Ok(all)
    }

    fn take(&mut self, block: &RequestBlock, sums: BlockSums) {
        let entry = |number: u32| block.entry_names.all()[number as usize];
        let caller = |number: u32| block.caller_names.all()[number as usize];
        for (number, sums) in sums.entries {
            let own = self.entries.entry(entry(number)).or_default();
            for side in [WINDOW, BASELINE] {
                own.traces[side] += sums.traces[side];
                own.failed[side] += sums.failed[side];
                own.duration_ns[side] += sums.duration_ns[side];
            }
        }
        for ((of, spent), times) in sums.times {
            let key = (entry(of), block.spent_names.all()[spent as usize]);
            let own = self.times.entry(key).or_default();
            own.iter_mut().zip(times).for_each(|(own, time)| *own += time);
        }
        for ((of, origin), counts) in sums.origins {
            let own = self.origins.entry((entry(of), block.origin_names.all()[origin as usize])).or_default();
            own.iter_mut().zip(counts).for_each(|(own, count)| *own = own.saturating_add(count));
        }
        for (origin, trace) in sums.first_failures {
            let first = self.first_failures.entry(block.origin_names.all()[origin as usize]).or_insert(trace);
            *first = trace.min(*first);
        }
        for ((of, number), sums) in sums.callers {
            self.callers.entry((entry(of), caller(number))).or_default().merge(sums);
        }
        for ((of, number), sums) in sums.calls {
            let call = block.call_names.all()[number as usize];
            let called = Called { caller: caller(call.caller), target: call.target, operation: call.operation };
            self.calls.entry((entry(of), called)).or_default().merge(sums);
        }
    }

    /// The sums of an entry, if it can be compared.
    pub(super) fn comparable(&self, entry: &Entry) -> Option<&EntrySums> {
        self.entries.get(entry).filter(|sums| sums.can_be_compared())
    }

    /// Requests of one side of entries that can be compared, and of those that cannot.
    pub(super) fn requests(&self, side: usize) -> (u64, u64) {
        let roots = || self.entries.iter().filter(|(entry, _)| entry.kind == RootReason::Root);
        let of = |can: bool| -> u64 {
            roots().filter(|(_, sums)| sums.can_be_compared() == can).map(|(_, sums)| sums.traces[side]).sum()
        };
        (of(true), of(false))
    }

    /// Requests of the window that failed and cannot be compared.
    pub(super) fn failed_left_out(&self) -> u64 {
        let roots = self.entries.iter().filter(|(entry, _)| entry.kind == RootReason::Root);
        roots.filter(|(_, sums)| !sums.can_be_compared()).map(|(_, sums)| sums.failed[WINDOW]).sum()
    }

    /// Summed durations of the window's requests that can be compared, in ns.
    pub(super) fn window_time_ns(&self) -> i128 {
        let entries =
            self.entries.iter().filter(|(entry, sums)| entry.kind == RootReason::Root && sums.can_be_compared());
        entries.map(|(_, sums)| sums.duration_ns[WINDOW]).sum()
    }

    /// What is blamed on whom.
    pub(super) fn blamed(&self) -> BTreeMap<Target, Blamed> {
        let mut blamed: BTreeMap<Target, Blamed> = BTreeMap::new();
        let mut times: Vec<_> = self.times.iter().collect();
        times.sort_unstable();
        for (&(entry, spent), times) in times {
            let Some(sums) = self.comparable(&entry) else { continue };
            let row = RowDifference {
                entry,
                spent,
                window_ns: times[WINDOW].clamp(0, i64::MAX.into()) as i64,
                baseline_ns: sums.scaled_ns(times[BASELINE]),
            };
            for target in blamed_for(&spent) {
                let of_target = blamed.entry(target).or_default();
                of_target.blame_ns = of_target.blame_ns.saturating_add(row.difference_ns());
                of_target.rows.push(row);
            }
        }
        let mut origins: Vec<_> = self.origins.iter().collect();
        origins.sort_unstable();
        for (&(entry, origin), counts) in origins {
            let Some(sums) = self.comparable(&entry) else { continue };
            let expected = counts[BASELINE] as f64 * sums.scale();
            let of_target = blamed.entry(origin).or_default();
            of_target.excess_failures += counts[WINDOW] as f64 - expected;
            of_target.first_failure = self.first_failures.get(&origin).copied();
        }
        self.blame_structure(&mut blamed);
        blamed
    }
}

/// Sums over the traces of one block, by numbers in it.
#[derive(Default)]
struct BlockSums {
    entries: HashMap<u32, EntrySums, FixedState>,
    times: HashMap<(u32, u32), [i128; 2], FixedState>,
    origins: HashMap<(u32, u32), [u64; 2], FixedState>,
    first_failures: HashMap<u32, TraceNumber, FixedState>,
    callers: HashMap<(u32, u32), CallerSums, FixedState>,
    calls: HashMap<(u32, u32), CallSums, FixedState>,
}

impl BlockSums {
    fn add(&mut self, block: &RequestBlock, trace: &TraceRequests<'_>, side: usize) {
        for entry in trace.entries {
            let sums = self.entries.entry(entry.entry).or_default();
            sums.traces[side] += 1;
            sums.failed[side] += u64::from(entry.failed);
            sums.duration_ns[side] += i128::from(entry.duration);
        }
        for time in trace.times {
            let entry = trace.entries[time.entry as usize].entry;
            self.times.entry((entry, time.spent)).or_default()[side] += i128::from(time.time);
        }
        let entry = trace.entries[0].entry;
        for origin in trace.origins {
            let count = &mut self.origins.entry((entry, origin.of)).or_default()[side];
            *count = count.saturating_add(origin.count);
            if side == WINDOW {
                let first = self.first_failures.entry(origin.of).or_insert(trace.trace);
                *first = trace.trace.min(*first);
            }
        }
        for caller in trace.callers {
            self.callers.entry((entry, caller.of)).or_default().add(side, caller.count);
        }
        for call in trace.calls {
            let caller = block.call_names.all()[call.of as usize].caller;
            let callers = trace.callers.binary_search_by_key(&caller, |callers| callers.of);
            let callers = callers.map_or(1, |place| trace.callers[place].count);
            self.calls.entry((entry, call.of)).or_default().add(side, call.count, callers);
        }
    }
}
