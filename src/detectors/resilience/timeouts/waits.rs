//! What `timeouts` keeps of all traces: calls that were given up, outlived or waited for long, and of their edges how long calls
//! take that succeed.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use crate::conventions::ErrorClass;
use crate::detectors::kit::{CallRound, Seen};
use crate::frame::Symbol;
use crate::gathered::{EdgeOfCalls, LoggedCall};
use crate::partial::{Columns as _, GroupReader, GroupWriter, TraceNumber, columns};
use crate::savings::Unsettled;
use crate::span::{SpanId, SpanKind};
use crate::trace::{Call, NO_ROW, Row, Target, TraceView};

use super::super::deeper_patterns::SpansAbove;
use super::super::edge_calls::error_class;
use super::Timeouts;
use super::exact_quantiles::{CountedDurations, Quantiles};
use super::timers::Timer;

/// Caller service and target.
pub(super) type WaitedFor = (Symbol, Target);

columns! {
    /// A call that may be part of a finding.
    pub(super) struct Wait in WaitColumns {
        caller_service: Symbol,
        target: Option<Target>,
        caller_operation: Symbol,
        trace: TraceNumber,
        row: Row,
        start: i64,
        duration: i64,
        span_id: SpanId,
        path_ns: i64,
        adjusted_count: f64,
        /// What it is: [`GAVE_UP`] and so on.
        flags: u32,
        /// How long its callee went on for nobody.
        wasted_ns: i64,
        /// What its callee waited for longer than it was waited for itself, and how long.
        below: Option<Target>,
        below_ns: i64,
    }
}

/// Nobody but the caller ended it.
pub(super) const GAVE_UP: u32 = 1 << 0;
/// It says that it timed out.
pub(super) const SAYS_TIMEOUT: u32 = 1 << 1;
/// Its callee went on.
pub(super) const OUTLIVED: u32 = 1 << 2;
/// It was answered after a long time, and a request waited for it.
pub(super) const ANSWERED_LATE: u32 = 1 << 3;
/// It failed.
pub(super) const FAILED: u32 = 1 << 4;
/// Its callee began only after its caller had left.
pub(super) const DEAD_ON_ARRIVAL: u32 = 1 << 5;
/// Its callee did not fail.
pub(super) const CALLEE_OK: u32 = 1 << 6;

/// A callee that ends so much after its call shows that the caller left, in ns: clocks of two hosts differ by less.
const LEFT_NS: i64 = 3_000_000;

/// A callee must also end later by this part of the call's duration to have been left alone.
const OUTLIVED_PART: i64 = 50;

/// What is kept.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    pub(super) waits: WaitColumns,
    /// The longest call that failed and was answered, by edge.
    pub(super) longest_failed: HashMap<WaitedFor, i64, FixedState>,
    pub(super) above: SpansAbove,
    marked: Vec<Row>,
    /// What all calls say of the edges that have waits, once all traces were seen: it is part of no file.
    edges: HashMap<WaitedFor, CountedCalls, FixedState>,
    /// The edges that have waits, once all traces were seen and they are asked for.
    with_waits: OnceLock<HashSet<EdgeOfCalls, FixedState>>,
}

/// What all calls along an edge say.
#[derive(Clone, Debug, Default)]
pub(super) struct EdgeCalls {
    pub(super) calls: u64,
    /// Calls that did not fail.
    pub(super) ok_calls: u64,
    /// Median and 99th percentile of their durations in ns.
    pub(super) ok: Option<[i64; 2]>,
    pub(super) longest_ok_answered_ns: i64,
    /// What the target is asked for.
    pub(super) operations: BTreeSet<Symbol>,
}

impl EdgeCalls {
    /// Takes in what other calls say.
    fn merge(&mut self, other: Self) {
        let Self { calls, longest_ok_answered_ns, operations, .. } = self;
        *calls += other.calls;
        *longest_ok_answered_ns = (*longest_ok_answered_ns).max(other.longest_ok_answered_ns);
        operations.extend(other.operations);
    }
}

/// What all calls along an edge say while they are looked at.
#[derive(Debug, Default)]
struct CountedCalls {
    calls: EdgeCalls,
    durations: CountedDurations,
    /// Of the durations, in the second round.
    quantiles: Quantiles,
}

/// What all calls say, by edge.
pub(super) type CallsOfEdges = HashMap<WaitedFor, EdgeCalls, FixedState>;

/// What is known of an edge.
#[derive(Clone, Debug, Default)]
pub(crate) struct EdgeFacts {
    pub(super) calls: u64,
    pub(super) give_ups: u64,
    /// Timeouts in force, that of most calls first. Their calls are places among the edge's calls that were given up.
    pub(super) timers: Vec<Timer>,
    pub(super) ok_calls: u64,
    /// Median and 99th percentile of the durations of calls that succeed, in ns.
    pub(super) ok: Option<[i64; 2]>,
    pub(super) longest_answered_ns: i64,
    /// What the callee may wait for longer than its caller does, and how long in ns.
    pub(super) below: Option<(Symbol, i64)>,
    pub(super) cap_ns: i64,
}

impl Waits {
    /// Looks at the calls of one trace.
    pub(super) fn see(&mut self, detector: &Timeouts, trace: &TraceView<'_>) {
        let mut by_caller: Option<Vec<(Row, u32)>> = None;
        for call in trace.calls.calls.iter().filter(|call| call.callee != call.row) {
            let failed = trace.calls.roles[call.row as usize].failed;
            let is_long = trace.duration(call.row) >= detector.max_wait.0;
            if !(failed || is_long) || !trace.is_edge_call(call) {
                continue;
            }
            let mut flags = if failed { FAILED } else { 0 };
            let mut was_answered = true;
            let mut below = None;
            if failed {
                let class = error_class(trace, call);
                let lateness = (call.callee != NO_ROW).then(|| trace.end(call.callee) - trace.end(call.row));
                let gave_up = gave_up(trace, call, class, lateness);
                was_answered = !gave_up && class != ErrorClass::Cancelled;
                let least = detector.abandoned.0.max(trace.duration(call.row) / OUTLIVED_PART);
                let is_outlived = lateness.is_some_and(|lateness| lateness > least);
                flags |= if gave_up { GAVE_UP } else { 0 };
                flags |= if class == ErrorClass::Timeout { SAYS_TIMEOUT } else { 0 };
                if is_outlived {
                    flags |= OUTLIVED;
                    flags |= if trace.start(call.callee) >= trace.end(call.row) { DEAD_ON_ARRIVAL } else { 0 };
                    flags |= if trace.calls.roles[call.callee as usize].failed { 0 } else { CALLEE_OK };
                    let by_caller = by_caller.get_or_insert_with(|| calls_by_caller(trace));
                    below = longer_wait_below(trace, call, by_caller);
                }
                if was_answered {
                    let longest = self.longest_failed.entry((call.caller_service, call.target)).or_default();
                    *longest = (*longest).max(trace.duration(call.row));
                }
            }
            if is_long && was_answered && is_request(trace, call.caller_span) {
                flags |= ANSWERED_LATE;
            }
            if flags & (GAVE_UP | OUTLIVED | ANSWERED_LATE) != 0 {
                self.push(trace, call, flags, below);
            }
        }
        self.marked.sort_unstable();
        self.marked.dedup();
        self.above.add(trace, &self.marked);
    }

    fn push(&mut self, trace: &TraceView<'_>, call: &Call, flags: u32, below: Option<(Target, i64)>) {
        let span_id = trace.span_id(call.row);
        let wasted_ns = if flags & OUTLIVED == 0 {
            0
        } else {
            trace.end(call.callee) - trace.start(call.callee).max(trace.end(call.row))
        };
        self.marked.push(call.row);
        self.waits.push(Wait {
            caller_service: call.caller_service,
            target: Some(call.target),
            caller_operation: trace.caller_operation(call),
            trace: TraceNumber(trace.number),
            row: call.row,
            start: trace.start(call.row),
            duration: trace.duration(call.row),
            span_id,
            path_ns: trace.call_path_time(call),
            adjusted_count: trace.adjusted_counts().of_evidence(trace, &[span_id]),
            flags,
            wasted_ns,
            below: below.map(|(target, _)| target),
            below_ns: below.map_or(0, |(_, wait)| wait),
        });
    }

    /// Makes ready for a round of looking at all calls; the answer is whether it is wanted.
    pub(super) fn wants_calls(&mut self, round: CallRound) -> bool {
        match round {
            CallRound::First => !self.waits.row.is_empty(),
            CallRound::Second => {
                for counted in self.edges.values_mut() {
                    counted.quantiles = counted.durations.quantiles(&[0.5, 0.99]);
                }
                !self.edges.is_empty()
            }
            CallRound::Last => false,
        }
    }

    /// Learns from a call what is not `known` of its edge.
    pub(super) fn see_call(&mut self, round: CallRound, call: &LoggedCall, known: &Self) {
        let edge = (call.caller_service, call.target);
        if !call.is_along_edge || !known.has_waits((call.target, call.caller_service)) {
            return;
        }
        if round == CallRound::First {
            let CountedCalls { calls, durations, .. } = self.edges.entry(edge).or_default();
            calls.calls += u64::from(call.weight);
            calls.operations.insert(call.operation);
            if call.failed.is_none() {
                durations.add(call.duration);
                if call.has_exit_span {
                    calls.longest_ok_answered_ns = calls.longest_ok_answered_ns.max(call.duration);
                }
            }
        } else if call.failed.is_none()
            && let Some(counted) = known.edges.get(&edge)
        {
            let new = || CountedCalls { quantiles: counted.quantiles.clone(), ..CountedCalls::default() };
            self.edges.entry(edge).or_insert_with(new).quantiles.add(call.duration);
        }
    }

    /// What all calls say of the edges that have waits.
    pub(super) fn take_edges(&mut self) -> CallsOfEdges {
        let edges = std::mem::take(&mut self.edges).into_iter();
        let counted = |CountedCalls { mut calls, durations, quantiles }: CountedCalls| {
            calls.ok_calls = durations.len();
            calls.ok = quantiles.end().try_into().ok();
            calls
        };
        edges.map(|(edge, calls)| (edge, counted(calls))).collect()
    }

    /// Whether a call along an edge is kept, once all traces were seen.
    pub(super) fn has_waits(&self, edge: EdgeOfCalls) -> bool {
        let Self { waits, with_waits, .. } = self;
        let edge_of = |row: usize| (waits.target.get(row).unwrap_or_default(), waits.caller_service[row]);
        with_waits.get_or_init(|| (0..waits.row.len()).map(edge_of).collect()).contains(&edge)
    }
}

/// Whether nobody but the caller ended a failed call of this class, whose callee ended so much after it, if it is known.
fn gave_up(trace: &TraceView<'_>, call: &Call, class: ErrorClass, lateness: Option<i64>) -> bool {
    let is_answer = |class| matches!(class, ErrorClass::Caller | ErrorClass::Throttled | ErrorClass::Cancelled);
    let own = trace.semantics_of(call.row);
    match lateness {
        // What a callee says that was left is what the leaving did.
        Some(lateness) => lateness > LEFT_NS && !is_answer(own.error_class),
        None => !is_answer(class) && (class == ErrorClass::Timeout || own.lacks_answer),
    }
}

/// Whether a caller span is a request that somebody waits for.
fn is_request(trace: &TraceView<'_>, row: Row) -> bool {
    match trace.tree.kind(row, trace.semantics) {
        SpanKind::Server => true,
        SpanKind::Consumer => false,
        _ => trace.calls.roles[row as usize].is_entry,
    }
}

/// Places of the calls along edges by their caller spans.
fn calls_by_caller(trace: &TraceView<'_>) -> Vec<(Row, u32)> {
    let numbered = (0u32..).zip(&trace.calls.calls).filter(|(_, call)| trace.is_edge_call(call));
    let mut by_caller: Vec<(Row, u32)> = numbered.map(|(number, call)| (call.caller_span, number)).collect();
    by_caller.sort_unstable();
    by_caller
}

/// The call of the callee that was running when its caller left and lasted longer than the caller waited: the longest.
fn longer_wait_below(trace: &TraceView<'_>, call: &Call, by_caller: &[(Row, u32)]) -> Option<(Target, i64)> {
    let left = trace.end(call.row);
    let own = &by_caller[by_caller.partition_point(|&(caller, _)| caller < call.callee)..];
    let own = own.iter().take_while(|&&(caller, _)| caller == call.callee);
    let calls = own.map(|&(_, number)| &trace.calls.calls[number as usize]);
    let waits = calls.filter(|below| trace.start(below.row) <= left && left < trace.end(below.row));
    let longer = waits
        .map(|below| (below.target, trace.duration(below.row)))
        .filter(|&(_, wait)| wait > trace.duration(call.row));
    longer.max_by_key(|&(target, wait)| (wait, std::cmp::Reverse(target)))
}

impl Seen for Waits {
    fn merge(&mut self, other: Self) {
        self.waits.append(other.waits);
        for (edge, longest) in other.longest_failed {
            let own = self.longest_failed.entry(edge).or_default();
            *own = (*own).max(longest);
        }
        self.above.merge(other.above);
        for (edge, counted) in other.edges {
            let own = self.edges.entry(edge).or_default();
            own.calls.merge(counted.calls);
            own.durations.merge(counted.durations);
            own.quantiles.merge(counted.quantiles);
        }
    }

    fn renumber_traces(&mut self, rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {
        self.waits.trace.iter_mut().for_each(|trace| *trace = rank_of(*trace));
        self.above.renumber_traces(rank_of);
    }

    fn bytes(&self) -> usize {
        self.waits.bytes() + self.longest_failed.capacity() * size_of::<(WaitedFor, i64)>() + self.above.bytes()
    }

    fn unsettled(&mut self) -> Option<Unsettled<'_>> {
        None
    }

    fn marked(&mut self) -> Option<&mut Vec<Row>> {
        Some(&mut self.marked)
    }

    fn write(&self, group: &mut GroupWriter<'_>) {
        self.waits.write("", group);
        let mut longest: Vec<(&WaitedFor, &i64)> = self.longest_failed.iter().collect();
        longest.sort_unstable();
        let mut columns = LongestColumns::default();
        for (&(caller_service, target), &duration) in longest {
            columns.push(LongestRow { caller_service, target: Some(target), duration });
        }
        group.beside(LONGEST, |group| columns.write("", group));
        group.beside(ABOVE, |group| self.above.write(group));
    }

    fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let columns = group.beside(LONGEST, |group| LongestColumns::read("", group))?;
        let longest = |row: usize| {
            let edge = (columns.caller_service[row], columns.target.get(row).unwrap_or_default());
            (edge, columns.duration[row])
        };
        Ok(Self {
            waits: WaitColumns::read("", group)?,
            longest_failed: (0..columns.duration.len()).map(longest).collect(),
            above: group.beside(ABOVE, SpansAbove::read)?,
            ..Self::default()
        })
    }
}

/// Names of groups.
const LONGEST: &str = "longest";
const ABOVE: &str = "above";

columns! {
    /// The longest call along an edge that failed and was answered.
    struct LongestRow in LongestColumns {
        caller_service: Symbol,
        target: Option<Target>,
        duration: i64,
    }
}
