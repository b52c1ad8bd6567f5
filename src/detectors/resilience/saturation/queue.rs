//! Whether requests queue in front of a service: each begins when another has ended, as many at once as there is room for.
//!
//! ```text
//! call        |···········|=======|          waits until a request before it has ended
//! entries   =====|========|
//!            ====|===========|               level: how many there are when it begins, itself among them
//!                         |=======|          begins right after the end of its predecessor
//! ```
//!
//! Where the text leaves room, this is how it is read:
//!
//! - Counted calls alone have waits and floors; levels and predecessors are those of all entries of the instance but CONSUMER
//!   ones. The caller of an entry is the instance that made the call, else that of its parent; an entry without a recorded
//!   parent has a caller that is no other's.
//! - Of entries that ended at the same moment the one that began last is the predecessor, then the one of the later trace.
//! - A wait for which the clock is too coarse counts for nothing, also not for the share.
//! - What is asked of eight calls is asked of `min_waits`, wherever it says eight. `calls` are those of instances that have as
//!   many.
//! - Of levels that are as frequent the lower one is the limit, of operations that are as busy the first by name the holder.
//! - With victims all findings of the row are of kind `missing-bulkhead`, also those of the holder's own calls.
//! - The caller has left before the callee begins where the call's end lies before the callee's start, not at it.

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use crate::frame::Symbol;
use crate::gathered::{CallerSpan, CallerSpansOfService, InstanceAbove};
use crate::partial::{TraceNumber, named};

/// Shorter waits are none.
const MIN_WAIT_NS: i64 = 5_000_000;
/// Neither are those of fewer ticks of the clock.
const MIN_WAIT_TICKS: i64 = 5;
/// Of so many calls between two instances the shortest of these shows how long one takes that does not wait.
const CALLS_OF_FLOOR: usize = 20;
/// A request begins right after another one if that took no more than so many ticks ...
const NEAR_TICKS: i64 = 2;
/// ... or this share of the time between two ends.
const NEAR_SHARE: f64 = 0.1;
/// Where that is more than this share of the time, any begin would be near to some end.
const MAX_NEAR: f64 = 0.3;

/// From which on calls wait, in ns, where times are whole multiples of `resolution_ns`.
pub(super) fn min_wait_ns(resolution_ns: i64) -> i64 {
    MIN_WAIT_NS.max(MIN_WAIT_TICKS.saturating_mul(resolution_ns))
}

/// What a queue must have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Minimums {
    /// Calls that waited for their turn.
    pub(super) waits: usize,
    /// Share of all time waited that these waited.
    pub(super) share: f64,
}

named! {
    /// Where the limit is that makes calls wait.
    pub(crate) enum LimitAt {
        /// With each caller: a pool of connections of its own.
        Caller = "caller",
        /// With the target: requests of one caller begin when those of another end.
        Target = "target",
        /// Either.
        Unknown = "unknown",
    }
}

/// A queue in front of a service.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Queue {
    /// The service.
    pub(super) service: Symbol,
    /// How many requests an instance works on at once.
    pub(super) limit: i64,
    /// Where the limit is.
    pub(super) limit_at: LimitAt,
    /// Calls to the instances.
    pub(super) calls: u64,
    /// Those that waited for a request before them at the limit.
    pub(super) waits: Vec<Wait>,
    /// The operation whose requests were waited for most.
    pub(super) holder: Symbol,
    /// Its share of the time that all requests took which were waited for.
    pub(super) holder_share: f64,
    /// Other operations many of whose requests waited.
    pub(super) victims: Vec<Symbol>,
    /// The requests that were waited for.
    pub(super) predecessors: HashSet<(TraceNumber, u32), FixedState>,
    /// What they took, in ns.
    pub(super) busy_ns: i64,
}

/// A call that waited until a request before it had ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    /// Its trace.
    pub(super) trace: TraceNumber,
    /// Row of its exit span.
    pub(super) call_row: u32,
    /// Start of the call in ns since 1970.
    pub(super) call_start: i64,
    /// Duration of the call in ns.
    pub(super) call_ns: i64,
    /// Who called.
    pub(super) caller: InstanceAbove,
    /// Which instance was called; 0 if that is not known.
    pub(super) instance: u64,
    /// How long it waited, in ns.
    pub(super) wait_ns: i64,
    /// How long the request took that it waited for, in ns.
    pub(super) work_ns: i64,
    /// Whether the caller had left before the callee began.
    pub(super) is_abandoned: bool,
}

/// A wait that was handed over to the callee by the end of another request.
struct HandedOver<'a> {
    wait_ns: i64,
    level: i64,
    callee: &'a CallerSpan,
    predecessor: &'a CallerSpan,
}

/// Waits of calls to a service that were tested, and those that were handed over.
#[derive(Default)]
struct Waits<'a> {
    tested_ns: Vec<i64>,
    handed_over: Vec<HandedOver<'a>>,
    calls: u64,
}

/// The queue in front of a service, if there is one.
pub(super) fn queue_of(spans: &CallerSpansOfService<'_>, minimums: Minimums) -> Option<Queue> {
    let mut entries: Vec<&CallerSpan> = spans.spans.iter().filter(|span| span.is_entry && !span.is_consumer).collect();
    // Within an instance they stay in the order of time.
    entries.sort_by_key(|entry| entry.instance);
    let mut waits = Waits::default();
    for of_instance in entries.chunk_by(|left, right| left.instance == right.instance) {
        waits.add_instance(of_instance, minimums);
    }
    let callers: HashSet<InstanceAbove, FixedState> = entries.iter().filter_map(|entry| entry.above).collect();
    waits.queue(spans.service, callers.len(), minimums)
}

impl<'a> Waits<'a> {
    /// Looks at the entries of one instance, which come in the order of time.
    fn add_instance(&mut self, entries: &[&'a CallerSpan], minimums: Minimums) {
        let calls = entries.iter().filter(|entry| raw_wait(entry).is_some()).count();
        if calls < minimums.waits {
            return;
        }
        self.calls += calls as u64;
        let may_wait =
            |entry: &&&CallerSpan| raw_wait(entry).is_some_and(|raw| raw >= min_wait_ns(entry.resolution_ns));
        if !entries.iter().any(|entry| may_wait(&entry)) {
            return;
        }
        let floors = floors_of(entries);
        let mut ends: Vec<(i64, i64, usize)> =
            (0..).zip(entries).map(|(place, entry)| (entry.end(), entry.start, place)).collect();
        ends.sort_unstable();
        for callee in entries.iter().filter(may_wait) {
            let floor = callee.above.and_then(|caller| floors.get(&caller)).copied().unwrap_or_default();
            let wait_ns = raw_wait(callee).unwrap_or_default().saturating_sub(floor);
            if wait_ns < min_wait_ns(callee.resolution_ns) {
                continue;
            }
            let begin = callee.start;
            let started = entries.partition_point(|entry| entry.start <= begin);
            let ended = ends.partition_point(|&(end, ..)| end <= begin);
            let level = started as i64 - ended as i64;
            // What ended at the same moment as it began is none that began before it.
            let before = ends.partition_point(|&(end, start, _)| (end, start) < (begin, begin));
            let predecessor = ends[..before].last().map(|&(.., place)| entries[place]);
            let Some(predecessor) = predecessor.filter(|predecessor| level >= 1 && predecessor.start < begin) else {
                self.tested_ns.push(wait_ns);
                continue;
            };
            let (work_ns, level_size) = (predecessor.duration as f64, level as f64);
            let ticks = NEAR_TICKS.saturating_mul(callee.resolution_ns) as f64;
            let near_ns = ticks.max(NEAR_SHARE * work_ns / level_size);
            if near_ns * level_size > MAX_NEAR * work_ns {
                continue;
            }
            self.tested_ns.push(wait_ns);
            let is_near = begin.saturating_sub(predecessor.end()) as f64 <= near_ns;
            let has_waited = callee.call.is_some_and(|call| call.start < predecessor.end());
            if is_near && has_waited {
                self.handed_over.push(HandedOver { wait_ns, level, callee, predecessor });
            }
        }
    }

    fn queue(self, service: Symbol, callers: usize, minimums: Minimums) -> Option<Queue> {
        let Self { tested_ns, mut handed_over, calls } = self;
        if handed_over.is_empty() || handed_over.len() < minimums.waits {
            return None;
        }
        let mut sorted_ns: Vec<i64> = handed_over.iter().map(|wait| wait.wait_ns).collect();
        sorted_ns.sort_unstable();
        let median_ns = sorted_ns[sorted_ns.len().div_ceil(2) - 1];
        let cut_sum =
            |waits_ns: &[i64]| waits_ns.iter().map(|&wait_ns| i128::from(wait_ns.min(median_ns))).sum::<i128>();
        if (cut_sum(&sorted_ns) as f64 / cut_sum(&tested_ns) as f64) < minimums.share {
            return None;
        }
        let (limit, at_limit) = most_frequent(handed_over.iter().map(|wait| wait.level))?;
        if at_limit * 2 < handed_over.len() || at_limit < minimums.waits {
            return None;
        }
        handed_over.retain(|wait| wait.level == limit);
        let mut busy = Busy::default();
        handed_over.iter().for_each(|wait| busy.add(wait.predecessor));
        let (holder, holder_ns) = busy.holder();
        let holder_share = if busy.all_ns > 0 { holder_ns as f64 / busy.all_ns as f64 } else { 0.0 };
        Some(Queue {
            service,
            limit,
            limit_at: limit_at(&handed_over, callers),
            calls,
            holder,
            holder_share,
            victims: victims_of(&handed_over, holder, minimums),
            predecessors: busy.seen,
            busy_ns: busy.all_ns,
            waits: handed_over.iter().filter_map(HandedOver::wait).collect(),
        })
    }
}

/// How long after its call an entry began, if it answers one.
fn raw_wait(entry: &CallerSpan) -> Option<i64> {
    entry.call.map(|call| entry.start.saturating_sub(call.start))
}

/// How long after the call a callee begins that does not wait, in ns, by caller.
fn floors_of(entries: &[&CallerSpan]) -> HashMap<InstanceAbove, i64, FixedState> {
    let mut of_callers: HashMap<InstanceAbove, Vec<i64>, FixedState> = HashMap::default();
    for (caller, raw) in entries.iter().filter_map(|entry| entry.above.zip(raw_wait(entry))) {
        of_callers.entry(caller).or_default().push(raw);
    }
    let floor = |mut raw: Vec<i64>| {
        let place = raw.len() / CALLS_OF_FLOOR;
        (*raw.select_nth_unstable(place).1).max(0)
    };
    of_callers.into_iter().map(|(caller, raw)| (caller, floor(raw))).collect()
}

/// The most frequent of some levels, the lowest of ties, and how often it occurs.
fn most_frequent(levels: impl Iterator<Item = i64>) -> Option<(i64, usize)> {
    let mut levels: Vec<i64> = levels.collect();
    levels.sort_unstable();
    let counted = levels.chunk_by(|left, right| left == right).map(|same| (same[0], same.len()));
    counted.max_by_key(|&(level, times)| (times, std::cmp::Reverse(level)))
}

fn limit_at(waits: &[HandedOver<'_>], callers: usize) -> LimitAt {
    let of_others = waits.iter().filter(|wait| wait.predecessor.above != wait.callee.above).count();
    if of_others * 5 >= waits.len() {
        LimitAt::Target
    } else if of_others == 0 && callers > 1 {
        LimitAt::Caller
    } else {
        LimitAt::Unknown
    }
}

/// Operations other than the holder that waited often enough, by name.
fn victims_of(waits: &[HandedOver<'_>], holder: Symbol, minimums: Minimums) -> Vec<Symbol> {
    let mut operations: Vec<Symbol> = waits.iter().map(|wait| wait.callee.operation).collect();
    operations.sort_unstable();
    let waited = operations.chunk_by(|left, right| left == right).filter(|same| same.len() >= minimums.waits);
    waited.map(|same| same[0]).filter(|&operation| operation != holder).collect()
}

impl HandedOver<'_> {
    fn wait(&self) -> Option<Wait> {
        let (call, caller) = self.callee.call.zip(self.callee.above)?;
        Some(Wait {
            trace: self.callee.trace,
            call_row: call.row,
            call_start: call.start,
            call_ns: call.duration,
            caller,
            instance: self.callee.instance,
            wait_ns: self.wait_ns,
            work_ns: self.predecessor.duration,
            is_abandoned: call.end() < self.callee.start,
        })
    }
}

/// Requests that were waited for, each once, and what they took.
#[derive(Default)]
struct Busy {
    seen: HashSet<(TraceNumber, u32), FixedState>,
    of_operations: HashMap<Symbol, i64, FixedState>,
    all_ns: i64,
}

impl Busy {
    fn add(&mut self, request: &CallerSpan) {
        if self.seen.insert((request.trace, request.row)) {
            self.all_ns = self.all_ns.saturating_add(request.duration);
            let of_operation = self.of_operations.entry(request.operation).or_default();
            *of_operation = of_operation.saturating_add(request.duration);
        }
    }

    /// The operation that took most of the time, and how much.
    fn holder(&self) -> (Symbol, i64) {
        let operations = self.of_operations.iter().map(|(&operation, &time)| (operation, time));
        operations.max_by_key(|&(operation, time)| (time, std::cmp::Reverse(operation))).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
