//! `retry-storm`: more attempts of one request than one failure deserves.

use crate::conventions::{ErrorClass, FindingKind};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::findings::{Finding, Remedy};
use crate::partial::columns;
use crate::trace::{Attempt, Edit, Row, Sequence, Target, TargetKind, TraceView, total_ns};

use super::call_windows::CallWindows;
use super::window_counts::Peak;
use crate::detectors::kit::{
    self, Cell, Concluded, Description, Detector, FindingsBeside, NoRow, Pattern, PatternColumn, ProblemText, RankedBy,
    TableRow, TableRules, Unit, Whole, joined, thresholds,
};

thresholds! {
    /// The detector of retry storms and its thresholds.
    pub(crate) struct RetryStorm {
        /// Attempts for one request that are still fine, over all layers that retry.
        max_attempts: Count = 3, option "max-attempts";
    }
}

/// Shortest pause between attempts that can be a backoff: below, and below this share of an attempt, there is none.
const MIN_BACKOFF_NS: i64 = 5_000_000;
const MIN_BACKOFF_SHARE: f64 = 0.05;

/// Growth of the pause, second over first: within, it is fixed; from, it is exponential.
const FIXED_GROWTH: std::ops::RangeInclusive<f64> = 0.8..=1.25;
const EXPONENTIAL_GROWTH: f64 = 1.5;

/// Robust CV of the first pause: below, there is no jitter; below, it is weak. Fewer sequences tell nothing.
const NO_JITTER_CV: f64 = 0.03;
const WEAK_JITTER_CV: f64 = 0.12;
const MIN_SEQUENCES_FOR_JITTER: usize = 20;

columns! {
    /// What a finding of retries says.
    pub(crate) struct Details in DetailColumns {
        /// Attempts in this layer.
        attempts: i64,
        /// Attempts but the first.
        retries: i64,
        /// Attempts that the request became in the lowest layer.
        amplification: i64,
        /// Layers that retry it.
        layers: i64,
        /// What is retried.
        error_class: ErrorClass,
        /// Whether the last attempt succeeded.
        recovered: bool,
        /// Whether it is not safe to repeat.
        non_idempotent: bool,
        /// Whether an error is retried that a retry cannot help.
        non_retryable: bool,
        /// Summed durations of the attempts, in ns.
        time_total_ns: i64,
        /// Critical-path time of the retries and the pauses before them, in ns.
        critical_ns: i64,
        /// Kind of the target.
        target_kind: TargetKind,
        /// Pauses between attempts, in ns.
        gaps: Vec<i64>,
        /// Durations of the attempts, in ns.
        durations: Vec<i64>,
    }
}

static DESCRIPTION: Description = Description {
    name: "retry-storm",
    table: "retry_storm",
    summary: "more attempts of one request than one failure deserves",
    documentation: "\
## What it does

Finds calls that repeat a failed call: the same caller span, target, operation and method, each attempt starting after the
one before failed. Retries of retries multiply: three attempts that each make three below are nine (`amplification`).
A topmost sequence with more than `max_attempts` attempts, or a larger amplification, is a finding. What a proxy or a client
library sends again shows as several answers below one client span, which are attempts too. Calls with different query texts,
ids, URLs or paths are different requests. A loop over items of which some fail, look-ups of what is not there, polling,
redirects, a token refresh and hedged requests are no retries.

## Why it hurts

A service in trouble gets the more requests the worse it does. Retries without backoff arrive while it is still down,
retries without jitter arrive together, and every layer that retries multiplies those of the layer above.

## What it looks like

    CLIENT web > payment  POST /charge  503   40 ms
    CLIENT web > payment  POST /charge  503   38 ms     gap 1 ms: backoff none
    CLIENT web > payment  POST /charge  503   41 ms
    CLIENT web > payment  POST /charge  200   44 ms     recovered

## How to fix it

Retry in one layer only, a few times, with exponential backoff and full jitter, under a retry budget (retries at most a
tenth of requests). Do not retry what cannot succeed (`non_retryable_share`: 4xx and the like) nor what is not safe to
repeat (`non_idempotent_share`) without an idempotency key. `peak_retry_share` says how much of the target's traffic was
retries in its worst ten seconds.

## When it is wrong

A client that sends a batch of requests of one kind one by one, each of which fails, looks like one request retried if the
arguments are not recorded. Retries within a client library are seen only if it or the callee makes a span for each attempt.

## References

M. Brooker, \"Timeouts, retries, and backoff with jitter\", Amazon Builders' Library, 2019. Google, \"Site Reliability
Engineering\", 2016, chapter 22 \"Addressing Cascading Failures\".",
    currency: None,
    has_findings: true,
    gates_at_any_impact: false,
    finds_risks_only: false,
    needs_failures: true,
    least_of_all_traces: None,
    terminal_columns: &[
        "rank",
        "caller_service",
        "target",
        "operation",
        "critical_ns",
        "sequences",
        "attempts_max",
        "error_class",
        "recovered_share",
        "amplification_max",
        "backoff",
        "traces",
        "weighted_traces",
        "example_trace_id",
    ],
    ranked_by: &[RankedBy::Largest("critical_ns")],
    problem: Some(ProblemText { title, fix, is_upper_bound: false }),
};

fn title(row: &TableRow<'_>) -> String {
    let what = joined([row.text("target"), row.text("operation")]);
    let (most, multiplied) = (row.count("attempts_max"), row.count("amplification_max"));
    let how = match row.text("backoff") {
        "none" => ", without backoff",
        "fixed" => ", always after the same pause",
        _ => "",
    };
    let layers = match row.count("layers_max") {
        layers if layers > 1 && multiplied > most => format!(", {multiplied} over {layers} layers"),
        layers if layers > 1 => format!(", {layers} layers multiplying"),
        _ => String::new(),
    };
    // Attempts, of which the first is no retry.
    format!("{} tries {what} up to {most} times{layers}{how}", row.text("caller_service"))
}

fn fix(row: &TableRow<'_>) -> &'static str {
    if row.count("layers_max") > 1 {
        "retry in one layer only, with a budget, exponential backoff and jitter"
    } else if row.number("non_retryable_share") > 0.5 {
        "do not retry what the answer says will fail again (4xx, invalid argument)"
    } else {
        "fewer attempts, exponential backoff with jitter, a retry budget; give up fast while the target is down"
    }
}

type Column = PatternColumn<RetryStorm>;
type Rule = kit::Rule<RetryStorm>;

static COLUMNS: &[Column] = &[
    Column::rank("place in the ranking by critical_ns"),
    Column::PATTERN_ID,
    Column::new("caller_service", Unit::Text, "service that retries", Rule::Key(0)),
    Column::new("caller_operation", Unit::Text, "entry span that it retries for", Rule::Key(1)),
    Column::new("target", Unit::Text, "what is called again and again", Rule::Key(2)),
    Column::new("target_kind", Unit::Text, "service, database, messaging or external", Rule::TargetKind),
    Column::new("operation", Unit::Text, "what is retried", Rule::Key(3)),
    Column::TRACES,
    Column::WEIGHTED_TRACES,
    Column::new("sequences", Unit::Count, "requests that were retried so", Rule::Findings),
    Column::new(
        "attempts_p50",
        Unit::Count,
        "median attempts of a request in this layer",
        Rule::Quantile(|details| &details.attempts, 0.5),
    ),
    Column::new(
        "attempts_p95",
        Unit::Count,
        "95th percentile of the same",
        Rule::Quantile(|details| &details.attempts, 0.95),
    ),
    Column::new(
        "attempts_max",
        Unit::Count,
        "most attempts of a request in this layer",
        Rule::Max(|details| &details.attempts),
    ),
    Column::new(
        "retries_total",
        Unit::Count,
        "attempts but the first, of all requests, in this layer; the first too if it says that it was sent before",
        Rule::Sum(|details| &details.retries),
    ),
    Column::new(
        "amplification_max",
        Unit::Count,
        "most attempts that one request became in the lowest layer",
        Rule::Max(|details| &details.amplification),
    ),
    Column::new("layers_max", Unit::Count, "most layers that retry one request", Rule::Max(|details| &details.layers)),
    Column::new(
        "error_class",
        Unit::Text,
        "what is retried: timeout, throttled, unavailable, cancelled, caller or server",
        Rule::MostFrequent(|details| (&details.error_class).into()),
    ),
    Column::new(
        "backoff",
        Unit::Text,
        "how the pauses grow: none, fixed, exponential, irregular or unknown",
        Rule::Derived(backoff),
    ),
    Column::new(
        "jitter",
        Unit::Text,
        "how the first pause varies between requests: none, weak, good or unknown",
        Rule::Derived(jitter),
    ),
    Column::new("gap_p50_ns", Unit::Nanoseconds, "median pause between attempts", Rule::Derived(gap_p50)),
    Column::new(
        "recovered_share",
        Unit::Share,
        "share of requests whose last attempt succeeded",
        Rule::ShareOf(|details| &details.recovered),
    ),
    Column::new(
        "non_idempotent_share",
        Unit::Share,
        "share of requests that are not safe to repeat",
        Rule::ShareOf(|details| &details.non_idempotent),
    ),
    Column::new(
        "non_retryable_share",
        Unit::Share,
        "share of requests retried after an error that a retry cannot help",
        Rule::ShareOf(|details| &details.non_retryable),
    ),
    Column::new(
        "peak_retry_share",
        Unit::Share,
        "highest share of retries among all calls to the target in ten seconds with at least 20 calls",
        Rule::Derived(peak_retry_share),
    ),
    Column::new("peak_start", Unit::Time, "when those ten seconds began", Rule::Derived(peak_start)),
    Column::new(
        "time_total_ns",
        Unit::Nanoseconds,
        "summed durations of the attempts",
        Rule::Sum(|details| &details.time_total_ns),
    ),
    Column::new(
        "critical_ns",
        Unit::Nanoseconds,
        "critical-path time of the retries and the pauses before them: the impact",
        Rule::Sum(|details| &details.critical_ns),
    ),
    Column::example_trace("the trace with the largest impact"),
];

/// The pauses with a number (0 is the first) over all sequences of the row, ascending.
fn gaps_with_number(pattern: &Pattern<'_, RetryStorm>, number: usize) -> Vec<i64> {
    let mut gaps: Vec<i64> =
        pattern.lists(|details| &details.gaps).filter_map(|gaps| gaps.get(number).copied()).collect();
    gaps.sort_unstable();
    gaps
}

/// The median by nearest rank of ascending values.
fn median(sorted: &[i64]) -> Option<i64> {
    sorted.get(sorted.len().div_ceil(2).checked_sub(1)?).copied()
}

fn backoff(pattern: &Pattern<'_, RetryStorm>) -> Cell {
    let mut durations: Vec<i64> = pattern.lists(|details| &details.durations).flatten().copied().collect();
    durations.sort_unstable();
    let first = median(&gaps_with_number(pattern, 0)).unwrap_or(0);
    let attempt = median(&durations).unwrap_or(0);
    let name = if first < MIN_BACKOFF_NS || (first as f64) < MIN_BACKOFF_SHARE * attempt as f64 {
        "none"
    } else {
        match median(&gaps_with_number(pattern, 1)) {
            None => "unknown",
            Some(second) => {
                let growth = second as f64 / first as f64;
                if FIXED_GROWTH.contains(&growth) {
                    "fixed"
                } else if growth >= EXPONENTIAL_GROWTH {
                    "exponential"
                } else {
                    "irregular"
                }
            }
        }
    };
    Cell::Text(name.to_owned())
}

fn jitter(pattern: &Pattern<'_, RetryStorm>) -> Cell {
    let gaps = gaps_with_number(pattern, 0);
    let name = match median(&gaps) {
        Some(middle) if gaps.len() >= MIN_SEQUENCES_FOR_JITTER && middle > 0 => {
            let mut deviations: Vec<i64> = gaps.iter().map(|gap| (gap - middle).abs()).collect();
            deviations.sort_unstable();
            let robust_cv = 1.4826 * median(&deviations).unwrap_or(0) as f64 / middle as f64;
            if robust_cv < NO_JITTER_CV {
                "none"
            } else if robust_cv < WEAK_JITTER_CV {
                "weak"
            } else {
                "good"
            }
        }
        _ => "unknown",
    };
    Cell::Text(name.to_owned())
}

fn gap_p50(pattern: &Pattern<'_, RetryStorm>) -> Cell {
    let mut gaps: Vec<i64> = pattern.lists(|details| &details.gaps).flatten().copied().collect();
    gaps.sort_unstable();
    median(&gaps).map_or(Cell::None, Cell::Int)
}

fn peak(pattern: &Pattern<'_, RetryStorm>) -> Option<Peak> {
    let kind = pattern.findings.details.target_kind.get(*pattern.rows.first()?);
    pattern.aside.get(&Target { name: pattern.key(2), kind }).copied()
}

fn peak_retry_share(pattern: &Pattern<'_, RetryStorm>) -> Cell {
    peak(pattern).map_or(Cell::None, |peak| Cell::Float(peak.share))
}

fn peak_start(pattern: &Pattern<'_, RetryStorm>) -> Cell {
    peak(pattern).map_or(Cell::None, |peak| Cell::Int(peak.start))
}

impl Detector for RetryStorm {
    type Seen = FindingsBeside<DetailColumns, CallWindows>;
    type Details = DetailColumns;
    /// The worst ten seconds of each target.
    type Aside = HashMap<Target, Peak, FixedState>;
    type Row = NoRow;

    const DESCRIPTION: &'static Description = &DESCRIPTION;
    const TABLE: TableRules<Self> = TableRules::Patterns(COLUMNS);

    fn conclude(&self, seen: Self::Seen, _whole: &Whole<'_>) -> Concluded<Self> {
        Concluded { findings: seen.findings, aside: seen.beside.peaks(), rows: Vec::new() }
    }

    fn see(&self, trace: &TraceView<'_>, seen: &mut Self::Seen) {
        let retries = trace.retries();
        seen.beside.add(trace, retries);
        let calls = &trace.calls.calls;
        for sequence in retries.sequences.iter().filter(|sequence| sequence.is_topmost) {
            let attempts = retries.attempts(sequence);
            let measured = sequence.amplification.max(attempts.len() as u64);
            if measured <= u64::from(self.max_attempts.0) {
                continue;
            }
            let rows: Vec<Row> = attempts.iter().map(|attempt| attempt.row).collect();
            let call = &calls[attempts[0].call as usize];
            let operation = retries.operation(trace, sequence);
            let caller_operation = trace.caller_operation(call);

            let failed = |attempts: &[Attempt]| -> Vec<ErrorClass> {
                let failed = attempts.iter().filter(|attempt| attempt.failed(trace));
                failed.map(|attempt| attempt.error_class(trace)).collect()
            };
            let non_retryable = failed(&attempts[..attempts.len() - 1]).contains(&ErrorClass::Caller);

            // What was sent before by something that made no span for it is a retry from the first recorded attempt on.
            let first_is_retry = trace.semantics_of(rows[0]).is_resend;
            let mut gaps: Vec<i64> = Vec::new();
            let mut critical_ns = if first_is_retry { path_time(trace, sequence, rows[0]) } else { 0 };
            for pair in rows.windows(2) {
                let (end, start) = (trace.end(pair[0]), trace.start(pair[1]));
                gaps.push((start - end).max(0));
                if start > end {
                    critical_ns = total_ns([critical_ns, trace.path_time_within(sequence.caller_span, end, start)]);
                }
                critical_ns = total_ns([critical_ns, path_time(trace, sequence, pair[1])]);
            }
            let durations: Vec<i64> = rows.iter().map(|&row| trace.duration(row)).collect();
            let recovered = rows.last().is_some_and(|&row| !trace.calls.roles[row as usize].failed);
            let details = Details {
                attempts: attempts.len() as i64,
                retries: attempts.len() as i64 - i64::from(!first_is_retry),
                amplification: sequence.amplification as i64,
                layers: sequence.layers as i64,
                error_class: most_frequent(failed(attempts)).unwrap_or_default(),
                recovered,
                non_idempotent: trace.semantics_of(call.row).is_non_idempotent,
                non_retryable,
                time_total_ns: total_ns(durations.iter().copied()),
                critical_ns,
                target_kind: call.target.kind,
                gaps,
                durations,
            };
            let span_ids: Vec<_> = rows.iter().map(|&row| trace.span_id(row)).collect();
            let finding = Finding {
                span_id: trace.span_id(rows[0]),
                service: call.caller_service,
                operation,
                target: Some(call.target),
                start: trace.start(rows[0]),
                measured: measured as f64,
                threshold: f64::from(self.max_attempts.0),
                impact_ns: critical_ns,
                own_impact: 0,
                induced: false,
                kind: FindingKind::None,
                span_ids: &span_ids,
                key: &[call.caller_service, caller_operation, call.target.name, operation],
                details,
            };
            let again = || rows.iter().skip(1);
            let edits: Vec<(Row, Edit)> = again().flat_map(|&row| [(row, Edit::Cut), (row, Edit::Lead)]).collect();
            let wasted = again().filter(|&&row| trace.calls.roles[row as usize].failed);
            let wasted_ns = total_ns(wasted.map(|&row| trace.duration(row)));
            let remedy = Remedy { edits: &edits, wasted_ns, calls: &rows, ..Remedy::none(rows[0]) };
            seen.findings.push(trace, finding, remedy);
        }
    }
}

/// Path time in ns of an attempt: none if nobody waits for it, unless it is all that was asked for.
fn path_time(trace: &TraceView<'_>, sequence: &Sequence, row: Row) -> i64 {
    let is_waited_for = !trace.tree.is_async[row as usize] || row == sequence.caller_span;
    if is_waited_for { trace.path_time(row) } else { 0 }
}

/// The most frequent value, ties to the smallest: values are in the order of their names.
fn most_frequent<T: Copy + Ord>(mut values: Vec<T>) -> Option<T> {
    values.sort_unstable();
    let groups = values.chunk_by(|left, right| left == right);
    groups.min_by_key(|same| (std::cmp::Reverse(same.len()), same[0])).map(|same| same[0])
}
