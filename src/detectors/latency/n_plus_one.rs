//! `n-plus-one`: more calls to one target in a trace than one request should need.

use std::cmp::Reverse;
use std::ops::Range;

use crate::findings::{Explained, Finding, Findings, Remedy};
use crate::frame::Symbol;
use crate::partial::{columns, named};
use crate::trace::{ANY_SERVICE, Call, Edit, Row, TraceView, total_ns};

use crate::conventions::FindingKind;
use crate::detectors::kit::{
    self, Concluded, Description, Detector, NoRow, PatternColumn, ProblemText, RankedBy, TableRow, TableRules, Unit,
    Whole, joined, thresholds,
};

thresholds! {
    /// The detector of N+1 calls and its thresholds.
    pub(crate) struct NPlusOne {
        /// Calls to one target in a trace that are still fine.
        max_calls: Count = 5, option "max-calls";
    }
}

/// Calls of one operation that make a caller span's calls a loop; fewer may be chance.
const MIN_REPEATS_OF_LOOP: u64 = 3;

/// Shares of the time with two or more calls under way: below, calls wait for each other; above, they overlap.
const SERIAL_BELOW: f64 = 0.1;
const PARALLEL_ABOVE: f64 = 0.5;

named! {
    /// What repeats.
    pub(crate) enum Shape {
        /// One caller span, one operation again and again.
        Loop = "loop",
        /// A loop with the same arguments every time.
        Redundant = "redundant",
        /// Over half are retries.
        Retry = "retry",
        /// Many places, none of them a loop.
        Scattered = "scattered",
    }
}

named! {
    /// Whether calls wait for each other.
    pub(crate) enum Execution {
        /// Some do.
        Mixed = "mixed",
        /// They do not.
        Parallel = "parallel",
        /// They do.
        Serial = "serial",
    }
}

columns! {
    /// What a finding of N+1 calls says.
    pub(crate) struct Details in DetailColumns {
        /// Calls to the target.
        calls: i64,
        /// What repeats.
        shape: Shape,
        /// Whether the calls wait for each other.
        execution: Execution,
        /// Whether a loop further up is the cause.
        induced: bool,
        /// Calls of the largest (caller span, operation) group.
        group_calls: i64,
        /// Summed durations of the calls, in ns.
        time_total_ns: i64,
        /// Their critical-path time, in ns.
        critical_ns: i64,
        /// What one batched call for each group would save of it, in ns.
        saving_ns: i64,
    }
}

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
to nothing by this rule. Calls between which a generative model was asked belong to different rounds of a conversation: each
may need the answer before it, so they are not taken for one batch, and questions to the model itself save nothing.

## When it is wrong

A fan-out over shards or partitions is meant to make one call each. A target that is a gateway or a proxy stands for
several services. If the callee was not traced and calls name only a host, calls to different endpoints of the host count
together.

## References

Performance anti-patterns \"Empty Semi Trucks\" and \"Circuitous Treasure Hunt\": C. U. Smith and L. G. Williams, \"More New
Software Performance AntiPatterns\", CMG 2003.",
    currency: None,
    has_findings: true,
    gates_at_any_impact: false,
    finds_risks_only: false,
    needs_failures: false,
    least_of_all_traces: None,
    terminal_columns: &[
        "rank",
        "caller_service",
        "target",
        "operation",
        "saving_ns",
        "traces",
        "calls_p50",
        "shape",
        "caller_operation",
        "execution",
        "calls_max",
        "saving_p95_ns",
        "weighted_traces",
        "example_trace_id",
    ],
    ranked_by: &[RankedBy::LastIf("induced"), RankedBy::Largest("saving_ns")],
    problem: Some(ProblemText { title, fix, is_upper_bound: false }),
};

fn title(row: &TableRow<'_>) -> String {
    let (caller, target, operation) = (row.text("caller_service"), row.text("target"), row.text("operation"));
    let who =
        if caller == ANY_SERVICE { "several services together call".to_owned() } else { format!("{caller} calls") };
    let how = match row.text("shape") {
        "redundant" => "asking the same each time",
        "retry" => "most of them retries",
        "scattered" => "from many places",
        _ if row.text("execution") == "parallel" => "in parallel",
        _ if row.text("execution") == "mixed" => "partly in parallel",
        _ => "one after the other",
    };
    let most = row.count("calls_max");
    // Calls are those of the trace to the target: of other operations and entry spans too, unless one makes all of them.
    if row.count("group_calls_p50") < row.count("calls_p50") {
        let often = if operation.is_empty() { String::new() } else { format!(", most often {operation}") };
        return format!("{who} {target} up to {most} times in one trace{often}, {how}");
    }
    let entry = match row.text("caller_operation") {
        "" => String::new(),
        entry => format!(" for one {entry}"),
    };
    format!("{who} {} up to {most} times{entry}, {how}", joined([target, operation]))
}

fn fix(row: &TableRow<'_>) -> &'static str {
    match row.text("shape") {
        _ if row.flag("induced") => "mend the loop above it that runs its caller again and again",
        "redundant" => "keep the first answer for the rest of the request",
        "retry" => "limit the retries: see retry-storm",
        "scattered" => "load what the request needs once and hand it down, or cache it for the request",
        _ => "fetch the set in one call: a join, an IN list, a batch endpoint, a data loader",
    }
}

type Column = PatternColumn<NPlusOne>;
type Rule = kit::Rule<NPlusOne>;

static COLUMNS: &[Column] = &[
    Column::rank("place in the ranking by saving_ns; induced rows come last"),
    Column::PATTERN_ID,
    Column::new(
        "caller_service",
        Unit::Text,
        "service that makes the calls; * for several that are over the limit only together",
        Rule::Key(0),
    ),
    Column::new("caller_operation", Unit::Text, "entry span that the calls are made for", Rule::Key(1)),
    Column::new("target", Unit::Text, "what is called", Rule::Key(2)),
    Column::new("target_kind", Unit::Text, "service, database, messaging or external", Rule::TargetKind),
    Column::new("operation", Unit::Text, "what is called most often there", Rule::Key(3)),
    Column::new(
        "shape",
        Unit::Text,
        "retry, redundant, loop or scattered",
        Rule::MostFrequent(|details| (&details.shape).into()),
    ),
    Column::new(
        "execution",
        Unit::Text,
        "serial, parallel or mixed: time with two or more of the calls under way over time with at least one, below 0.1, above 0.5, between",
        Rule::MostFrequent(|details| (&details.execution).into()),
    ),
    Column::new(
        "induced",
        Unit::Flag,
        "whether a loop further up is the cause",
        Rule::MostFrequentFlag(|details| &details.induced),
    ),
    Column::new(
        "grows",
        Unit::Flag,
        "whether the number of calls varies, as it does when it grows with data: calls_p95 / calls_p50 at least 2 or robust CV at least 0.25",
        Rule::Grows(|details| &details.calls),
    ),
    Column::TRACES,
    Column::WEIGHTED_TRACES,
    Column::TRACE_SHARE,
    Column::new("calls_p50", Unit::Count, "calls in the median trace", Rule::Quantile(|details| &details.calls, 0.5)),
    Column::new(
        "calls_p95",
        Unit::Count,
        "calls in the 95th percentile trace",
        Rule::Quantile(|details| &details.calls, 0.95),
    ),
    Column::new("calls_max", Unit::Count, "most calls in a trace", Rule::Max(|details| &details.calls)),
    Column::new("calls_total", Unit::Count, "calls in all traces", Rule::Sum(|details| &details.calls)),
    Column::new(
        "group_calls_p50",
        Unit::Count,
        "median of the largest number of calls of one operation by one caller span",
        Rule::Quantile(|details| &details.group_calls, 0.5),
    ),
    Column::new(
        "time_total_ns",
        Unit::Nanoseconds,
        "summed durations of the calls",
        Rule::Sum(|details| &details.time_total_ns),
    ),
    Column::new(
        "critical_ns",
        Unit::Nanoseconds,
        "critical-path time of the calls",
        Rule::Sum(|details| &details.critical_ns),
    ),
    Column::new(
        "saving_ns",
        Unit::Nanoseconds,
        "critical-path time that one batched call for each caller span and operation would save: the impact",
        Rule::Sum(|details| &details.saving_ns),
    ),
    Column::new(
        "saving_p95_ns",
        Unit::Nanoseconds,
        "saving in the 95th percentile trace",
        Rule::Quantile(|details| &details.saving_ns, 0.95),
    ),
    Column::example_trace("the trace with the largest saving"),
];

impl Detector for NPlusOne {
    type Seen = Findings<DetailColumns>;
    type Details = DetailColumns;
    type Aside = ();
    type Row = NoRow;

    const DESCRIPTION: &'static Description = &DESCRIPTION;
    const TABLE: TableRules<Self> = TableRules::Patterns(COLUMNS);

    fn see(&self, trace: &TraceView<'_>, seen: &mut Self::Seen) {
        let calls = &trace.calls.calls;
        let all: u64 = calls.iter().filter(|call| call.counts).map(|call| u64::from(call.weight)).sum();
        if all <= self.max_calls() {
            return;
        }
        let counted = trace.calls_by_target();
        if counted.by_target(calls).all(|of_target| weight(calls, of_target) <= self.max_calls()) {
            return;
        }
        let mut order: Vec<u32> = counted.all().to_vec();
        order.sort_unstable_by_key(|&call| {
            let call = &calls[call as usize];
            (call.target, call.caller_service, call.caller_span, trace.start(call.row), call.row)
        });
        let same_target = |&left: &u32, &right: &u32| calls[left as usize].target == calls[right as usize].target;
        let same_caller =
            |&left: &u32, &right: &u32| calls[left as usize].caller_service == calls[right as usize].caller_service;
        let mut loops: Option<Vec<Loop>> = None;
        let rounds = Rounds::of_trace(trace);
        for of_target in order.chunk_by(same_target) {
            if weight(calls, of_target) <= self.max_calls() {
                continue;
            }
            let loops = loops.get_or_insert_with(|| self.loops(trace, &order));
            let mut over_alone = false;
            for of_caller in of_target.chunk_by(same_caller) {
                if weight(calls, of_caller) > self.max_calls() {
                    over_alone = true;
                    let caller = calls[of_caller[0] as usize].caller_service;
                    self.report(trace, of_caller, caller, loops, &rounds, seen);
                }
            }
            if !over_alone {
                self.report(trace, of_target, trace.semantics.any_service, loops, &rounds, seen);
            }
        }
    }

    fn conclude(&self, seen: Self::Seen, _whole: &Whole<'_>) -> Concluded<Self> {
        Concluded::findings(seen)
    }
}

/// The calls of one caller span to one target, again and again.
struct Loop {
    /// Their spans.
    calls: Vec<Row>,
    /// The depth-first places below each, ascending and disjoint.
    below: Vec<Range<u32>>,
}

impl NPlusOne {
    fn max_calls(&self) -> u64 {
        u64::from(self.max_calls.0)
    }

    /// The loops of the trace: caller spans that make more than `max_calls` calls to a target, one operation at least
    /// [`MIN_REPEATS_OF_LOOP`] of them. `order` has the calls of a (target, caller span) side by side.
    fn loops(&self, trace: &TraceView<'_>, order: &[u32]) -> Vec<Loop> {
        let calls = &trace.calls.calls;
        let key = |&call: &u32| (calls[call as usize].target, calls[call as usize].caller_span);
        order
            .chunk_by(|left, right| key(left) == key(right))
            .filter(|of_span| self.is_loop(calls, of_span))
            .map(|of_span| {
                let calls: Vec<Row> = of_span.iter().map(|&call| calls[call as usize].row).collect();
                let mut below: Vec<Range<u32>> = calls.iter().map(|&row| trace.tree.subtree(row)).collect();
                below.sort_unstable_by_key(|places| places.start);
                below.dedup_by(|later, earlier| later.start < earlier.end);
                Loop { calls, below }
            })
            .collect()
    }

    fn is_loop(&self, calls: &[Call], of_span: &[u32]) -> bool {
        weight(calls, of_span) > self.max_calls()
            && largest_group(calls, of_span, |call| call.operation).is_some_and(|(_, most)| most >= MIN_REPEATS_OF_LOOP)
    }

    fn report(
        &self,
        trace: &TraceView<'_>,
        members: &[u32],
        caller: Symbol,
        loops: &[Loop],
        rounds: &Rounds,
        findings: &mut Findings<DetailColumns>,
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
        let retried = members.iter().filter(|&&call| trace.retries().is_retry[call as usize]).count();
        let shape = if retried * 2 > members.len() {
            Shape::Retry
        } else if self.is_loop(calls, deciding) {
            let question = |call: u32| trace.question_of(calls[call as usize].row);
            let first = question(deciding[0]);
            let identical = first.is_some() && deciding.iter().all(|&call| question(call) == first);
            if identical { Shape::Redundant } else { Shape::Loop }
        } else {
            Shape::Scattered
        };

        let rows: Vec<Row> = members.iter().map(|&call| calls[call as usize].row).collect();
        let critical_ns = total_ns(members.iter().map(|&call| trace.call_path_time(&calls[call as usize])));
        let mut saving_ns = 0;
        let mut edits: Vec<(Row, Edit)> = Vec::new();
        let mut group_calls = 0;
        for of_span in &by_span {
            let mut of_span = of_span.to_vec();
            of_span.sort_unstable_by_key(|&call| calls[call as usize].operation);
            for group in
                of_span.chunk_by_mut(|&left, &right| calls[left as usize].operation == calls[right as usize].operation)
            {
                group_calls = group_calls.max(weight(calls, group));
                let round_of = |&call: &u32| rounds.of(trace, &calls[call as usize]);
                if !rounds.0.is_empty() {
                    group.sort_by_cached_key(round_of);
                }
                for of_round in group.chunk_by(|left, right| round_of(left) == round_of(right)) {
                    saving_ns = total_ns([saving_ns, saving(trace, of_round)]);
                    edits.extend(all_but_one(trace, of_round).map(|row| (row, Edit::Cut)));
                }
            }
        }
        let cause = self.loop_above(trace, &by_span, loops);
        let induced = cause.is_some();
        let details = Details {
            calls: measured as i64,
            shape,
            execution: execution(trace, &rows),
            induced,
            group_calls: group_calls as i64,
            time_total_ns: total_ns(rows.iter().map(|&row| trace.duration(row))),
            critical_ns,
            saving_ns,
        };
        let span_ids: Vec<_> = rows.iter().map(|&row| trace.span_id(row)).collect();
        let of_most = |call: &&u32| {
            let call = &calls[**call as usize];
            (trace.caller_operation(call), call.operation) == (caller_operation, operation)
        };
        let first = members.iter().filter(of_most).map(|&call| calls[call as usize].row);
        let first = first.min_by_key(|&row| (trace.start(row), row)).unwrap_or(rows[0]);
        let finding = Finding {
            span_id: trace.span_id(first),
            service: caller,
            operation,
            target: Some(target),
            start: rows.iter().map(|&row| trace.start(row)).min().unwrap_or(0),
            measured: measured as f64,
            threshold: self.max_calls() as f64,
            impact_ns: saving_ns,
            own_impact: 0,
            induced,
            kind: FindingKind::None,
            span_ids: &span_ids,
            key: &[caller, caller_operation, target.name, operation],
            details,
        };
        let explained = match cause {
            Some(cause) => Some(Explained::ByMostOf(DESCRIPTION.name, &cause.calls)),
            None => (shape == Shape::Retry).then_some(Explained::ByMostOf("retry-storm", &rows)),
        };
        let remedy = Remedy { edits: &edits, calls: &rows, explained, ..Remedy::none(first) };
        findings.push(trace, finding, remedy);
    }

    /// The one other loop of the trace that is the cause, if there is one: over half of the caller spans lie below its calls,
    /// below at least two of them, and no caller span is over the limit alone. Of several it is the one with most of them.
    fn loop_above<'l>(&self, trace: &TraceView<'_>, by_span: &[&[u32]], loops: &'l [Loop]) -> Option<&'l Loop> {
        let calls = &trace.calls.calls;
        if by_span.iter().any(|of_span| weight(calls, of_span) > self.max_calls()) {
            return None;
        }
        let mut spans: Vec<u32> =
            by_span.iter().map(|of_span| trace.tree.position(calls[of_span[0] as usize].caller_span)).collect();
        spans.sort_unstable();
        let first_from = |place: u32| spans.partition_point(|&span| span < place);
        let spans_below = |cause: &Loop| {
            let spans_below = |places: &Range<u32>| first_from(places.end) - first_from(places.start);
            let (mut spans_in_all, mut calls_with_spans) = (0, 0);
            for count in cause.below.iter().map(spans_below) {
                spans_in_all += count;
                calls_with_spans += usize::from(count > 0);
            }
            (spans_in_all * 2 > spans.len() && calls_with_spans >= 2).then_some(spans_in_all)
        };
        let causes = loops.iter().filter_map(|cause| Some((spans_below(cause)?, cause)));
        // The first of those with most.
        causes.min_by_key(|&(spans, _)| Reverse(spans)).map(|(_, cause)| cause)
    }
}

/// When caller spans asked generative models. What is called after an answer may need it, so it cannot be batched with what was
/// called before.
struct Rounds(Vec<(Row, i64, Row)>);

impl Rounds {
    fn of_trace(trace: &TraceView<'_>) -> Self {
        if !trace.semantics.has_gen_ai {
            return Self(Vec::new());
        }
        let of_model = trace.calls.calls.iter().filter(|call| trace.asks_model(call));
        let mut asked: Vec<(Row, i64, Row)> = of_model.map(|call| Self::place(trace, call)).collect();
        asked.sort_unstable();
        Self(asked)
    }

    fn place(trace: &TraceView<'_>, call: &Call) -> (Row, i64, Row) {
        (call.caller_span, trace.start(call.row), call.row)
    }

    /// The number of the round that a call belongs to, among those of all caller spans.
    fn of(&self, trace: &TraceView<'_>, call: &Call) -> usize {
        let place = Self::place(trace, call);
        self.0.partition_point(|&asked| asked < place)
    }
}

/// What one batched call would leave of the path time of calls of one caller span, operation and round.
fn saving(trace: &TraceView<'_>, of_round: &[u32]) -> i64 {
    let calls = || of_round.iter().map(|&call| &trace.calls.calls[call as usize]);
    if calls().any(|call| trace.asks_model(call)) {
        return 0;
    }
    let times = calls().map(|call| (trace.call_path_time(call), call.weight));
    let largest = times.clone().map(|(time, calls)| time / i64::from(calls)).max().unwrap_or(0);
    total_ns(times.map(|(time, _)| time)) - largest
}

/// The spans of the calls of one caller span, operation and round that one batched call would replace: all but the one with
/// most path time, then duration, then the earliest.
fn all_but_one<'t>(trace: &'t TraceView<'_>, of_round: &'t [u32]) -> impl Iterator<Item = Row> + 't {
    let calls = move || of_round.iter().map(|&call| &trace.calls.calls[call as usize]);
    let asks_model = calls().any(|call| trace.asks_model(call));
    let kept = calls().min_by_key(|call| {
        (Reverse(trace.call_path_time(call)), Reverse(trace.duration(call.row)), trace.start(call.row), call.row)
    });
    let kept = kept.map(|call| call.row);
    calls().map(|call| call.row).filter(move |&row| !asks_model && Some(row) != kept)
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
fn execution(trace: &TraceView<'_>, rows: &[Row]) -> Execution {
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
        Execution::Serial
    } else if share > PARALLEL_ABOVE {
        Execution::Parallel
    } else {
        Execution::Mixed
    }
}
