//! `retry-storm`: more attempts of one request than one failure deserves.

use crate::conventions::ErrorClass;
use crate::findings::{Finding, Findings};
use crate::frame::Symbol;
use crate::trace::{Row, Target, TargetKind, TraceView, total_ns};

use super::description::{Aggregate, Cell, Column, Description, Names, Pattern, RankedBy, Unit};
use super::retry_sequences::RetrySequences;
use super::{Detector, thresholds};

thresholds! {
    /// The detector of retry storms and its thresholds.
    RetryStorm {
        /// Attempts for one request that are still fine, over all layers that retry.
        max_attempts: u32 = 3,
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

const ERROR_CLASSES: &[&str] = &["caller", "cancelled", "server", "throttled", "timeout", "unavailable"];

const ATTEMPTS: usize = 0;
const RETRIES: usize = 1;
const AMPLIFICATION: usize = 2;
const LAYERS: usize = 3;
const ERROR_CLASS: usize = 4;
const RECOVERED: usize = 5;
const NON_IDEMPOTENT: usize = 6;
const NON_RETRYABLE: usize = 7;
const TIME_TOTAL: usize = 8;
const CRITICAL: usize = 9;
const ONE: usize = 10;
const TARGET_KIND: usize = 11;

const GAPS: usize = 0;
const DURATIONS: usize = 1;

static DESCRIPTION: Description = Description {
    name: "retry-storm",
    table: "retry_storm",
    summary: "more attempts of one request than one failure deserves",
    documentation: "\
## What it does

Finds calls that repeat a failed call: the same caller span, target, operation and method, each attempt starting after the
one before failed. Retries of retries multiply: three attempts that each make three below are nine (`amplification`).
A topmost sequence with more than `max_attempts` attempts, or a larger amplification, is a finding. A loop over items of
which some fail, polling, redirects, a token refresh and hedged requests are no retries.

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
arguments are not recorded. Retries within a client library are seen only if it makes a span for each attempt.

## References

M. Brooker, \"Timeouts, retries, and backoff with jitter\", Amazon Builders' Library, 2019. Google, \"Site Reliability
Engineering\", 2016, chapter 22 \"Addressing Cascading Failures\".",
    thresholds: RetryStorm::THRESHOLDS,
    columns: &[
        Column { name: "rank", unit: Unit::Count, doc: "place in the ranking by critical_ns", aggregate: Aggregate::Rank },
        Column { name: "pattern_id", unit: Unit::Id, doc: "id of the row, the same in every run", aggregate: Aggregate::PatternId },
        Column { name: "caller_service", unit: Unit::Text, doc: "service that retries", aggregate: Aggregate::Key(0) },
        Column { name: "caller_operation", unit: Unit::Text, doc: "entry span that it retries for", aggregate: Aggregate::Key(1) },
        Column { name: "target", unit: Unit::Text, doc: "what is called again and again", aggregate: Aggregate::Key(2) },
        Column { name: "target_kind", unit: Unit::Text, doc: "service, database, messaging or external", aggregate: Aggregate::TargetKind },
        Column { name: "operation", unit: Unit::Text, doc: "what is retried", aggregate: Aggregate::Key(3) },
        Column { name: "traces", unit: Unit::Count, doc: "traces with the pattern", aggregate: Aggregate::Traces },
        Column { name: "weighted_traces", unit: Unit::Number, doc: "the same before sampling; empty unless nearly all spans say how many they stand for", aggregate: Aggregate::WeightedTraces },
        Column { name: "sequences", unit: Unit::Count, doc: "requests that were retried so", aggregate: Aggregate::Findings },
        Column { name: "attempts_p50", unit: Unit::Count, doc: "median attempts of a request in this layer", aggregate: Aggregate::Quantile(ATTEMPTS, 0.5) },
        Column { name: "attempts_p95", unit: Unit::Count, doc: "95th percentile of the same", aggregate: Aggregate::Quantile(ATTEMPTS, 0.95) },
        Column { name: "attempts_max", unit: Unit::Count, doc: "most attempts of a request in this layer", aggregate: Aggregate::Max(ATTEMPTS) },
        Column { name: "retries_total", unit: Unit::Count, doc: "attempts but the first, of all requests, in this layer", aggregate: Aggregate::Sum(RETRIES) },
        Column { name: "amplification_max", unit: Unit::Count, doc: "most attempts that one request became in the lowest layer", aggregate: Aggregate::Max(AMPLIFICATION) },
        Column { name: "layers_max", unit: Unit::Count, doc: "most layers that retry one request", aggregate: Aggregate::Max(LAYERS) },
        Column { name: "error_class", unit: Unit::Text, doc: "what is retried: timeout, throttled, unavailable, cancelled, caller or server", aggregate: Aggregate::MostFrequent(ERROR_CLASS, Names::Of(ERROR_CLASSES)) },
        Column { name: "backoff", unit: Unit::Text, doc: "how the pauses grow: none, fixed, exponential, irregular or unknown", aggregate: Aggregate::Derived(backoff) },
        Column { name: "jitter", unit: Unit::Text, doc: "how the first pause varies between requests: none, weak, good or unknown", aggregate: Aggregate::Derived(jitter) },
        Column { name: "gap_p50_ns", unit: Unit::Nanoseconds, doc: "median pause between attempts", aggregate: Aggregate::Derived(gap_p50) },
        Column { name: "recovered_share", unit: Unit::Share, doc: "share of requests whose last attempt succeeded", aggregate: Aggregate::Ratio(RECOVERED, ONE) },
        Column { name: "non_idempotent_share", unit: Unit::Share, doc: "share of requests that are not safe to repeat", aggregate: Aggregate::Ratio(NON_IDEMPOTENT, ONE) },
        Column { name: "non_retryable_share", unit: Unit::Share, doc: "share of requests retried after an error that a retry cannot help", aggregate: Aggregate::Ratio(NON_RETRYABLE, ONE) },
        Column { name: "peak_retry_share", unit: Unit::Share, doc: "highest share of retries among all calls to the target in ten seconds with at least 20 calls", aggregate: Aggregate::Derived(peak_retry_share) },
        Column { name: "peak_start", unit: Unit::Time, doc: "when those ten seconds began", aggregate: Aggregate::Derived(peak_start) },
        Column { name: "time_total_ns", unit: Unit::Nanoseconds, doc: "summed durations of the attempts", aggregate: Aggregate::Sum(TIME_TOTAL) },
        Column { name: "critical_ns", unit: Unit::Nanoseconds, doc: "critical-path time of the retries and the pauses before them: the impact", aggregate: Aggregate::Sum(CRITICAL) },
        Column { name: "example_trace_id", unit: Unit::Id, doc: "the trace with the largest impact", aggregate: Aggregate::ExampleTrace },
    ],
    terminal_columns: &["rank", "caller_service", "target", "operation", "sequences", "weighted_traces", "attempts_max", "amplification_max", "error_class", "backoff", "recovered_share", "critical_ns", "example_trace_id"],
    ranked_by: &[RankedBy::Largest("critical_ns")],
};

/// The pauses with a number (0 is the first) over all sequences of the row, ascending.
fn gaps_with_number(pattern: &Pattern<'_>, number: usize) -> Vec<i64> {
    let mut gaps: Vec<i64> = pattern.lists(GAPS).filter_map(|gaps| gaps.get(number).copied()).collect();
    gaps.sort_unstable();
    gaps
}

/// The median by nearest rank of ascending values.
fn median(sorted: &[i64]) -> Option<i64> {
    sorted.get(sorted.len().div_ceil(2).checked_sub(1)?).copied()
}

fn backoff(pattern: &Pattern<'_>) -> Cell {
    let mut durations: Vec<i64> = pattern.lists(DURATIONS).flatten().copied().collect();
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

fn jitter(pattern: &Pattern<'_>) -> Cell {
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

fn gap_p50(pattern: &Pattern<'_>) -> Cell {
    let mut gaps: Vec<i64> = pattern.lists(GAPS).flatten().copied().collect();
    gaps.sort_unstable();
    median(&gaps).map_or(Cell::None, Cell::Int)
}

fn peak(pattern: &Pattern<'_>) -> Option<super::Peak> {
    let kind = pattern.details(TARGET_KIND).next()?;
    let kind = TargetKind::ALL.into_iter().find(|&known| known as i64 == kind)?;
    pattern.shared.peaks.get(&Target { name: pattern.key(2), kind }).copied()
}

fn peak_retry_share(pattern: &Pattern<'_>) -> Cell {
    peak(pattern).map_or(Cell::None, |peak| Cell::Float(peak.retry_share))
}

fn peak_start(pattern: &Pattern<'_>) -> Cell {
    peak(pattern).map_or(Cell::None, |peak| Cell::Int(peak.start))
}

impl Detector for RetryStorm {
    fn description(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn threshold(&self, name: &str) -> Option<u64> {
        self.threshold_value(name)
    }

    fn measured_against(&self) -> f64 {
        f64::from(self.max_attempts)
    }

    fn detect(&self, trace: &TraceView<'_>, retries: &RetrySequences, findings: &mut Findings) {
        let calls = &trace.calls.calls;
        for sequence in retries.sequences.iter().filter(|sequence| sequence.is_topmost) {
            let attempts = retries.attempts(sequence);
            let measured = sequence.amplification.max(attempts.len() as u64);
            if measured <= u64::from(self.max_attempts) {
                continue;
            }
            let rows: Vec<Row> = attempts.iter().map(|&call| calls[call as usize].row).collect();
            let call = &calls[attempts[0] as usize];
            let operation = most_frequent(attempts.iter().map(|&call| calls[call as usize].operation).collect());
            let operation = operation.unwrap_or(call.operation);
            let caller_operation = trace.caller_operation(call);

            let failures: Vec<ErrorClass> = attempts
                .iter()
                .map(|&call| &calls[call as usize])
                .filter(|call| trace.calls.roles[call.row as usize].failed)
                .map(|call| trace.calls.error_class(call, trace.tree, trace.facts))
                .collect();
            let retried = attempts[..attempts.len() - 1].iter().map(|&call| &calls[call as usize]);
            let non_retryable = retried
                .filter(|call| trace.calls.roles[call.row as usize].failed)
                .any(|call| trace.calls.error_class(call, trace.tree, trace.facts) == ErrorClass::Caller);

            let mut gaps: Vec<i64> = Vec::new();
            let mut critical_ns = 0;
            for pair in rows.windows(2) {
                let (end, start) = (trace.end(pair[0]), trace.start(pair[1]));
                gaps.push((start - end).max(0));
                if start > end {
                    critical_ns = total_ns([critical_ns, trace.path_time_within(call.caller_span, end, start)]);
                }
                critical_ns = total_ns([critical_ns, trace.path_time(pair[1])]);
            }
            let durations: Vec<i64> = rows.iter().map(|&row| trace.duration(row)).collect();
            let recovered = rows.last().is_some_and(|&row| !trace.calls.roles[row as usize].failed);
            let details = {
                let mut details = [0; TARGET_KIND + 1];
                details[ATTEMPTS] = attempts.len() as i64;
                details[RETRIES] = attempts.len() as i64 - 1;
                details[AMPLIFICATION] = sequence.amplification as i64;
                details[LAYERS] = sequence.layers as i64;
                details[ERROR_CLASS] = most_frequent(failures).unwrap_or_default() as i64;
                details[RECOVERED] = i64::from(recovered);
                details[NON_IDEMPOTENT] = i64::from(trace.facts_of(call.row).is_non_idempotent);
                details[NON_RETRYABLE] = i64::from(non_retryable);
                details[TIME_TOTAL] = total_ns(durations.iter().copied());
                details[CRITICAL] = critical_ns;
                details[ONE] = 1;
                details[TARGET_KIND] = call.target.kind as i64;
                details
            };
            let span_ids: Vec<_> = rows.iter().map(|&row| trace.span_id(row)).collect();
            let as_number = |symbol: Symbol| i64::from(symbol.0);
            findings.push(Finding {
                trace: trace.index,
                span_id: trace.span_id(call.caller_span),
                service: call.caller_service,
                operation,
                target: Some(call.target),
                start: trace.start(rows[0]),
                measured: measured as f64,
                impact_ns: critical_ns,
                induced: false,
                span_ids: &span_ids,
                key: &[call.caller_service, caller_operation, call.target.name, operation].map(as_number),
                details: &details,
                lists: &[&gaps, &durations],
            });
        }
    }
}

/// The most frequent value, ties to the smallest: values are in the order of their names.
fn most_frequent<T: Copy + Ord>(mut values: Vec<T>) -> Option<T> {
    values.sort_unstable();
    let groups = values.chunk_by(|left, right| left == right);
    groups.min_by_key(|same| (std::cmp::Reverse(same.len()), same[0])).map(|same| same[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_names_are_those_of_the_classes() {
        assert!(ErrorClass::ALL.iter().map(|class| class.as_str()).eq(ERROR_CLASSES.iter().copied()));
    }
}
