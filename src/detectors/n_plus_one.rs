//! `n-plus-one`: more calls to one target in a trace than one request should need.

use std::cmp::Reverse;
use std::ops::Range;

use crate::findings::{Finding, Findings};
use crate::frame::Symbol;
use crate::trace::{ANY_SERVICE, Call, Row, TargetKind, TraceView, total_ns};

use super::description::{Aggregate, Column, Description, Names, RankedBy, Unit};
use super::retry_sequences::RetrySequences;
use super::{Detector, thresholds};

thresholds! {
    /// The detector of N+1 calls and its thresholds.
    NPlusOne {
        /// Calls to one target in a trace that are still fine.
        max_calls: u32 = 5,
    }
}

/// Calls of one operation that make a caller span's calls a loop; fewer may be chance.
const MIN_REPEATS_OF_LOOP: u64 = 3;

/// Shares of the time with two or more calls under way: below, calls wait for each other; above, they overlap.
const SERIAL_BELOW: f64 = 0.1;
const PARALLEL_ABOVE: f64 = 0.5;

const SHAPES: &[&str] = &["loop", "redundant", "retry", "scattered"];
const LOOP: i64 = 0;
const REDUNDANT: i64 = 1;
const RETRY: i64 = 2;
const SCATTERED: i64 = 3;

const EXECUTIONS: &[&str] = &["mixed", "parallel", "serial"];
const MIXED: i64 = 0;
const PARALLEL: i64 = 1;
const SERIAL: i64 = 2;

const CALLS: usize = 0;
const SHAPE: usize = 1;
const EXECUTION: usize = 2;
const INDUCED: usize = 3;
const GROUP_CALLS: usize = 4;
const TIME_TOTAL: usize = 5;
const CRITICAL: usize = 6;
const SAVING: usize = 7;

static DESCRIPTION: Description = Description {
    name: "n-plus-one",
    table: "n_plus_one",
    summary: "more calls to one target in a trace than one request should need",
    documentation: "\
## What it does

Counts, in each trace, the calls to each service, database or topic. A trace and target with more than `max_calls` calls
gives one finding for each caller service that is over the limit alone, and, if none is, one finding for the sum, with
caller service `*`. An ORM's span over its driver's span is one call; heartbeats, health checks, pool and transaction
plumbing are none.

## Why it hurts

Each call pays network, serialisation, a place in a pool and a chance to fail. A list of 50 items fetched one by one takes
50 round trips where one would do, and its latency grows with the data, not with the code.

## What it looks like

    SERVER  shop  GET /orders            2 ms
      CLIENT shop  SELECT orders         3 ms     one query for the list ...
      CLIENT shop  SELECT items WHERE ?  3 ms     ... and one for each row
      CLIENT shop  SELECT items WHERE ?  3 ms
      (48 more)

`shape` says what repeats: `loop` (one caller span, one operation again and again), `redundant` (a loop with the same
arguments every time: cache it), `retry` (over half are retries: see retry-storm), `scattered` (many places, none of them
a loop). `induced` rows exist because a loop further up runs their caller several times: fix that loop first.

## How to fix it

Fetch the set in one call: a join, an `IN (...)`, a batch endpoint, a data loader. Where calls are needed, run them in
parallel: `saving_ns` is the critical-path time that one batched call would leave free, and a parallel fan-out saves next
to nothing by this rule.

## When it is wrong

A fan-out over shards or partitions is meant to make one call each. A target that is a gateway or a proxy stands for
several services. If the callee was not traced and calls name only a host, calls to different endpoints of the host count
together.

## References

Performance anti-patterns \"Empty Semi Trucks\" and \"Circuitous Treasure Hunt\": C. U. Smith and L. G. Williams, \"More New
Software Performance AntiPatterns\", CMG 2003.",
    thresholds: NPlusOne::THRESHOLDS,
    columns: &[
        Column { name: "rank", unit: Unit::Count, doc: "place in the ranking by saving_ns; induced rows and rows of several callers come last", aggregate: Aggregate::Rank },
        Column { name: "pattern_id", unit: Unit::Id, doc: "id of the row, the same in every run", aggregate: Aggregate::PatternId },
        Column { name: "caller_service", unit: Unit::Text, doc: "service that makes the calls; * for several that are over the limit only together", aggregate: Aggregate::Key(0) },
        Column { name: "caller_operation", unit: Unit::Text, doc: "entry span that the calls are made for", aggregate: Aggregate::Key(1) },
        Column { name: "target", unit: Unit::Text, doc: "what is called", aggregate: Aggregate::Key(2) },
        Column { name: "target_kind", unit: Unit::Text, doc: "service, database, messaging or external", aggregate: Aggregate::TargetKind },
        Column { name: "operation", unit: Unit::Text, doc: "what is called most often there", aggregate: Aggregate::Key(3) },
        Column { name: "shape", unit: Unit::Text, doc: "retry, redundant, loop or scattered", aggregate: Aggregate::MostFrequent(SHAPE, Names::Of(SHAPES)) },
        Column { name: "execution", unit: Unit::Text, doc: "serial, parallel or mixed: time with two or more of the calls under way over time with at least one, below 0.1, above 0.5, between", aggregate: Aggregate::MostFrequent(EXECUTION, Names::Of(EXECUTIONS)) },
        Column { name: "induced", unit: Unit::Flag, doc: "whether a loop further up is the cause", aggregate: Aggregate::MostFrequentFlag(INDUCED) },
        Column { name: "grows", unit: Unit::Flag, doc: "whether the number of calls varies, as it does when it grows with data: calls_p95 / calls_p50 at least 2 or robust CV at least 0.25", aggregate: Aggregate::Grows(CALLS) },
        Column { name: "traces", unit: Unit::Count, doc: "traces with the pattern", aggregate: Aggregate::Traces },
        Column { name: "weighted_traces", unit: Unit::Number, doc: "the same before sampling; empty unless nearly all spans say how many they stand for", aggregate: Aggregate::WeightedTraces },
        Column { name: "trace_share", unit: Unit::Share, doc: "their share of all traces", aggregate: Aggregate::TraceShare },
        Column { name: "calls_p50", unit: Unit::Count, doc: "calls in the median trace", aggregate: Aggregate::Quantile(CALLS, 0.5) },
        Column { name: "calls_p95", unit: Unit::Count, doc: "calls in the 95th percentile trace", aggregate: Aggregate::Quantile(CALLS, 0.95) },
        Column { name: "calls_max", unit: Unit::Count, doc: "most calls in a trace", aggregate: Aggregate::Max(CALLS) },
        Column { name: "calls_total", unit: Unit::Count, doc: "calls in all traces", aggregate: Aggregate::Sum(CALLS) },
        Column { name: "group_calls_p50", unit: Unit::Count, doc: "median of the largest number of calls of one operation by one caller span", aggregate: Aggregate::Quantile(GROUP_CALLS, 0.5) },
        Column { name: "time_total_ns", unit: Unit::Nanoseconds, doc: "summed durations of the calls", aggregate: Aggregate::Sum(TIME_TOTAL) },
        Column { name: "critical_ns", unit: Unit::Nanoseconds, doc: "critical-path time of the calls", aggregate: Aggregate::Sum(CRITICAL) },
        Column { name: "saving_ns", unit: Unit::Nanoseconds, doc: "critical-path time that one batched call for each caller span and operation would save: the impact", aggregate: Aggregate::Sum(SAVING) },
        Column { name: "saving_p95_ns", unit: Unit::Nanoseconds, doc: "saving in the 95th percentile trace", aggregate: Aggregate::Quantile(SAVING, 0.95) },
        Column { name: "example_trace_id", unit: Unit::Id, doc: "the trace with the largest saving", aggregate: Aggregate::ExampleTrace },
    ],
    terminal_columns: &["rank", "caller_service", "caller_operation", "target", "operation", "shape", "execution", "traces", "weighted_traces", "calls_p50", "calls_max", "saving_ns", "saving_p95_ns", "example_trace_id"],
    ranked_by: &[RankedBy::LastIfKey(0, ANY_SERVICE), RankedBy::LastIf("induced"), RankedBy::Largest("saving_ns")],
};

impl Detector for NPlusOne {
    fn description(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn threshold(&self, name: &str) -> Option<u64> {
        self.threshold_value(name)
    }

    fn measured_against(&self) -> f64 {
        f64::from(self.max_calls)
    }

    fn detect(&self, trace: &TraceView<'_>, retries: &RetrySequences, findings: &mut Findings) {
        let calls = &trace.calls.calls;
        let counts = |call: &Call| call.counts && call.target.kind != TargetKind::Unnamed;
        if calls.iter().filter(|call| counts(call)).map(|call| u64::from(call.weight)).sum::<u64>()
            <= u64::from(self.max_calls)
        {
            return;
        }
        let mut order: Vec<u32> = Vec::with_capacity(calls.len());
        order.extend((0..).zip(calls).filter(|(_, call)| counts(call)).map(|(index, _)| index));
        order.sort_unstable_by_key(|&call| calls[call as usize].target);
        let same_target = |&left: &u32, &right: &u32| calls[left as usize].target == calls[right as usize].target;
        if order.chunk_by(same_target).all(|of_target| weight(calls, of_target) <= u64::from(self.max_calls)) {
            return;
        }
        order.sort_unstable_by_key(|&call| {
            let call = &calls[call as usize];
            (call.target, call.caller_service, call.caller_span, trace.start(call.row), call.row)
        });
        let same_caller =
            |&left: &u32, &right: &u32| calls[left as usize].caller_service == calls[right as usize].caller_service;
        let mut loops: Option<Vec<Loop>> = None;
        for of_target in order.chunk_by(same_target) {
            if weight(calls, of_target) <= u64::from(self.max_calls) {
                continue;
            }
            let loops = loops.get_or_insert_with(|| self.loops(trace, &order));
            let mut over_alone = false;
            for of_caller in of_target.chunk_by(same_caller) {
                if weight(calls, of_caller) > u64::from(self.max_calls) {
                    over_alone = true;
                    let caller = calls[of_caller[0] as usize].caller_service;
                    self.report(trace, retries, of_caller, caller, loops, findings);
                }
            }
            if !over_alone {
                self.report(trace, retries, of_target, trace.facts.any_service, loops, findings);
            }
        }
    }
}

/// The calls of one caller span to one target, again and again: the depth-first places below each, ascending and disjoint.
struct Loop(Vec<Range<u32>>);

impl NPlusOne {
    /// The loops of the trace: caller spans that make more than `max_calls` calls to a target, one operation at least
    /// [`MIN_REPEATS_OF_LOOP`] of them. `order` has the calls of a (target, caller span) side by side.
    fn loops(&self, trace: &TraceView<'_>, order: &[u32]) -> Vec<Loop> {
        let calls = &trace.calls.calls;
        let key = |&call: &u32| (calls[call as usize].target, calls[call as usize].caller_span);
        order
            .chunk_by(|left, right| key(left) == key(right))
            .filter(|of_span| self.is_loop(calls, of_span))
            .map(|of_span| {
                let mut below: Vec<Range<u32>> =
                    of_span.iter().map(|&call| trace.tree.subtree(calls[call as usize].row)).collect();
                below.sort_unstable_by_key(|places| places.start);
                below.dedup_by(|later, earlier| later.start < earlier.end);
                Loop(below)
            })
            .collect()
    }

    fn is_loop(&self, calls: &[Call], of_span: &[u32]) -> bool {
        weight(calls, of_span) > u64::from(self.max_calls)
            && largest_group(calls, of_span, |call| call.operation).is_some_and(|(_, most)| most >= MIN_REPEATS_OF_LOOP)
    }

    fn report(
        &self,
        trace: &TraceView<'_>,
        retries: &RetrySequences,
        members: &[u32],
        caller: Symbol,
        loops: &[Loop],
        findings: &mut Findings,
    ) {
        let calls = &trace.calls.calls;
        let measured = weight(calls, members);
        let Some(((_, caller_operation, operation), _)) =
            largest_group(calls, members, |call| (call.caller_service, trace.caller_operation(call), call.operation))
        else {
            return;
        };
        let target = calls[members[0] as usize].target;

        let by_span: Vec<&[u32]> = members
            .chunk_by(|&left, &right| calls[left as usize].caller_span == calls[right as usize].caller_span)
            .collect();
        let span_of = |of_span: &[u32]| calls[of_span[0] as usize].caller_span;
        let Some(deciding) = by_span
            .iter()
            .copied()
            .min_by_key(|of_span| (Reverse(weight(calls, of_span)), trace.start(span_of(of_span)), span_of(of_span)))
        else {
            return;
        };
        let retried = members.iter().filter(|&&call| retries.is_retry[call as usize]).count();
        let shape = if retried * 2 > members.len() {
            RETRY
        } else if self.is_loop(calls, deciding) {
            let argument = |call: u32| trace.tree.arguments[calls[call as usize].row as usize];
            let first = argument(deciding[0]);
            let identical = first != 0 && deciding.iter().all(|&call| argument(call) == first);
            if identical { REDUNDANT } else { LOOP }
        } else {
            SCATTERED
        };

        let rows: Vec<Row> = members.iter().map(|&call| calls[call as usize].row).collect();
        let critical_ns = total_ns(rows.iter().map(|&row| trace.path_time(row)));
        let mut saving_ns = 0;
        let mut group_calls = 0;
        for of_span in &by_span {
            let mut of_span = of_span.to_vec();
            of_span.sort_unstable_by_key(|&call| calls[call as usize].operation);
            for group in
                of_span.chunk_by(|&left, &right| calls[left as usize].operation == calls[right as usize].operation)
            {
                let times = group
                    .iter()
                    .map(|&call| &calls[call as usize])
                    .map(|call| (trace.path_time(call.row), call.weight));
                let largest = times.clone().map(|(time, calls)| time / i64::from(calls)).max().unwrap_or(0);
                saving_ns = total_ns([saving_ns, total_ns(times.map(|(time, _)| time)) - largest]);
                group_calls = group_calls.max(weight(calls, group));
            }
        }
        let induced = self.is_induced(trace, &by_span, loops);
        let details = {
            let mut details = [0; SAVING + 1];
            details[CALLS] = measured as i64;
            details[SHAPE] = shape;
            details[EXECUTION] = execution(trace, &rows);
            details[INDUCED] = i64::from(induced);
            details[GROUP_CALLS] = group_calls as i64;
            details[TIME_TOTAL] = total_ns(rows.iter().map(|&row| trace.duration(row)));
            details[CRITICAL] = critical_ns;
            details[SAVING] = saving_ns;
            details
        };
        let span_ids: Vec<_> = rows.iter().map(|&row| trace.span_id(row)).collect();
        findings.push(Finding {
            trace: trace.index,
            span_id: trace.span_id(span_of(deciding)),
            service: caller,
            operation,
            target: Some(target),
            start: rows.iter().map(|&row| trace.start(row)).min().unwrap_or(0),
            measured: measured as f64,
            impact_ns: saving_ns,
            induced,
            span_ids: &span_ids,
            key: &[caller, caller_operation, target.name, operation].map(|symbol| i64::from(symbol.0)),
            details: &details,
            lists: &[],
        });
    }

    /// Whether one other loop of the trace is the cause: over half of the caller spans lie below its calls, below at least
    /// two of them, and no caller span is over the limit alone.
    fn is_induced(&self, trace: &TraceView<'_>, by_span: &[&[u32]], loops: &[Loop]) -> bool {
        let calls = &trace.calls.calls;
        if by_span.iter().any(|of_span| weight(calls, of_span) > u64::from(self.max_calls)) {
            return false;
        }
        let mut spans: Vec<u32> =
            by_span.iter().map(|of_span| trace.tree.position(calls[of_span[0] as usize].caller_span)).collect();
        spans.sort_unstable();
        let first_from = |place: u32| spans.partition_point(|&span| span < place);
        loops.iter().any(|Loop(calls)| {
            let spans_below = |places: &Range<u32>| first_from(places.end) - first_from(places.start);
            let (mut spans_in_all, mut calls_with_spans) = (0, 0);
            for count in calls.iter().map(spans_below) {
                spans_in_all += count;
                calls_with_spans += usize::from(count > 0);
            }
            spans_in_all * 2 > spans.len() && calls_with_spans >= 2
        })
    }
}

fn weight(calls: &[Call], members: &[u32]) -> u64 {
    members.iter().map(|&call| u64::from(calls[call as usize].weight)).sum()
}

/// The key with most calls, ties to the smallest key, and their number.
fn largest_group<K: Ord + Copy>(calls: &[Call], members: &[u32], key: impl Fn(&Call) -> K) -> Option<(K, u64)> {
    let mut keyed: Vec<(K, u64)> =
        members.iter().map(|&call| (key(&calls[call as usize]), u64::from(calls[call as usize].weight))).collect();
    keyed.sort_unstable_by_key(|&(key, _)| key);
    keyed
        .chunk_by(|left, right| left.0 == right.0)
        .map(|group| (group[0].0, group.iter().map(|&(_, weight)| weight).sum::<u64>()))
        .min_by_key(|&(key, weight)| (Reverse(weight), key))
}

/// Time covered by two or more of the spans over time covered by at least one.
fn execution(trace: &TraceView<'_>, rows: &[Row]) -> i64 {
    let mut edges: Vec<(i64, i32)> =
        rows.iter().flat_map(|&row| [(trace.start(row), 1), (trace.end(row), -1)]).collect();
    edges.sort_unstable();
    let (mut open, mut covered, mut overlapping) = (0, 0, 0);
    for pair in edges.windows(2) {
        open += pair[0].1;
        let length = pair[1].0 - pair[0].0;
        covered += if open >= 1 { length } else { 0 };
        overlapping += if open >= 2 { length } else { 0 };
    }
    let share = if covered == 0 { 0.0 } else { overlapping as f64 / covered as f64 };
    if share < SERIAL_BELOW {
        SERIAL
    } else if share > PARALLEL_ABOVE {
        PARALLEL
    } else {
        MIXED
    }
}
