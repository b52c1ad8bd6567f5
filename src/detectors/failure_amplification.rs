//! `failure-amplification`: one failure becomes many.

use crate::conventions::ErrorClass;
use crate::findings::{Finding, Findings};
use crate::frame::Symbol;
use crate::trace::{NO_CALL, NO_ROW, Row, TargetKind, TraceView};

use super::description::{Aggregate, Cell, Column, Description, Names, Pattern, RankedBy, Unit};
use super::failure_chains::{FailureChains, counts_for_service};
use super::retry_sequences::RetrySequences;
use super::{Detector, thresholds};

thresholds! {
    /// The detector of amplified failures and its thresholds.
    FailureAmplification {
        /// Services that one failure makes fail from which on it is reported.
        min_failed_services: u32 = 2,
    }
}

/// How long a callee must go on after its caller timed out for the callee to count as slow, in ns: clocks of hosts
/// that are synchronised by NTP differ by less.
const MIN_OVERTIME_NS: i64 = 3_000_000;

/// Most spans that a finding names as its evidence; a chain of failures that is longer is a chain without end.
const MAX_EVIDENCE: usize = 64;

const ERROR_CLASSES: &[&str] = &["caller", "cancelled", "server", "throttled", "timeout", "unavailable"];

const SERVICES_FAILED: usize = 0;
const SPANS_FAILED: usize = 1;
const ABSORBED: usize = 2;
const MISCLASSIFIED: usize = 3;
const ERROR_CLASS: usize = 4;
const SLOW: usize = 5;
const ONE: usize = 6;
/// Row of the failed root that was reached, plus one; 0 if the failure was absorbed.
const ENTRY_ROW: usize = 7;

const SERVICES: usize = 0;
const UNREACHED: usize = 1;
const ENTRY_OPERATION: usize = 2;
const ENTRY: usize = 3;

static DESCRIPTION: Description = Description {
    name: "failure-amplification",
    table: "failure_amplification",
    summary: "one failure becomes many",
    documentation: "\
## What it does

Finds where failures begin and how far they spread. An origin is a failed span below which nothing failed that it waited
for; from there the failure goes up through failed callers until one does not fail (it is absorbed) or the entry is
reached. An origin that makes at least `min_failed_services` services fail is a finding. Of a retried call only the first
failed attempt counts. A cancelled call is a victim, not an origin, where something beside it failed. Where a caller timed
out while its callee went on working, the origin is the callee: slow, not failing.

## Why it hurts

One database that refuses connections shows up as alerts of five services. Who reads the alerts debugs the wrong service,
and users see errors where a fallback would do.

## What it looks like

    SERVER web       POST /order    500        entry failed
      CLIENT web                    error
        SERVER order  PlaceOrder    error      failed because its callee failed
          CLIENT order              error
            SERVER stock  Reserve   error      origin: connection refused by stock-db

`entry_failures` counts the requests from outside that failed for it. `absorbed_share` says how often a caller coped.
`misclassified_share` says how often an error changed its meaning on the way up: a 404 that became a 500, a timeout that
became an internal error. `unreached` are services that never recorded the call.

## How to fix it

Absorb at the first caller that can do without: a fallback, a cached answer, a partial response. Pass errors on as what
they are, so that callers do not retry what cannot succeed. Set deadlines that leave time to answer.

## When it is wrong

Failures that are not recorded as span status, HTTP or RPC status are invisible, and then a caller seems to be the origin.
With clocks that differ by more than 3 ms, a callee can seem to go on after its caller gave up.

## References

M. Nygard, \"Release It!\", 2nd edition, 2018, \"Cascading Failures\". Google, \"Site Reliability Engineering\", 2016,
chapter 22.",
    thresholds: FailureAmplification::THRESHOLDS,
    columns: &[
        Column { name: "rank", unit: Unit::Count, doc: "place in the ranking by entry_failures", aggregate: Aggregate::Rank },
        Column { name: "pattern_id", unit: Unit::Id, doc: "id of the row, the same in every run", aggregate: Aggregate::PatternId },
        Column { name: "origin_service", unit: Unit::Text, doc: "service where the failure began", aggregate: Aggregate::Key(0) },
        Column { name: "origin_operation", unit: Unit::Text, doc: "what failed there", aggregate: Aggregate::Key(1) },
        Column { name: "origin_target", unit: Unit::Text, doc: "what the failed call was to, if the failure began with a call", aggregate: Aggregate::Key(2) },
        Column { name: "error_type", unit: Unit::Text, doc: "type of the error as recorded, else its HTTP or gRPC status", aggregate: Aggregate::Key(3) },
        Column { name: "error_class", unit: Unit::Text, doc: "timeout, throttled, unavailable, cancelled, caller or server", aggregate: Aggregate::MostFrequent(ERROR_CLASS, Names::Of(ERROR_CLASSES)) },
        Column { name: "slow", unit: Unit::Flag, doc: "whether the origin was slow, not failing: its caller timed out", aggregate: Aggregate::MostFrequentFlag(SLOW) },
        Column { name: "failures", unit: Unit::Count, doc: "failures that began there", aggregate: Aggregate::Findings },
        Column { name: "traces", unit: Unit::Count, doc: "traces with the pattern", aggregate: Aggregate::Traces },
        Column { name: "weighted_traces", unit: Unit::Number, doc: "the same before sampling; empty unless nearly all spans say how many they stand for", aggregate: Aggregate::WeightedTraces },
        Column { name: "services_failed_p50", unit: Unit::Count, doc: "services that a failure makes fail, median", aggregate: Aggregate::Quantile(SERVICES_FAILED, 0.5) },
        Column { name: "services_failed_max", unit: Unit::Count, doc: "most services that a failure makes fail", aggregate: Aggregate::Max(SERVICES_FAILED) },
        Column { name: "spans_failed_per_failure", unit: Unit::Number, doc: "failed spans that one failure explains, mean", aggregate: Aggregate::Ratio(SPANS_FAILED, ONE) },
        Column { name: "entry_failures", unit: Unit::Count, doc: "distinct failed roots and segment roots that were reached: the ranking", aggregate: Aggregate::Derived(entry_failures) },
        Column { name: "entry_failure_share", unit: Unit::Share, doc: "their share of all failed roots of these entries", aggregate: Aggregate::Derived(entry_failure_share) },
        Column { name: "absorbed_share", unit: Unit::Share, doc: "share of the failures that a caller coped with", aggregate: Aggregate::Ratio(ABSORBED, ONE) },
        Column { name: "misclassified_share", unit: Unit::Share, doc: "share of the failures whose class was changed for the worse on the way up", aggregate: Aggregate::Ratio(MISCLASSIFIED, ONE) },
        Column { name: "entry_operations", unit: Unit::Names, doc: "operations of the entries that failed", aggregate: Aggregate::Union(ENTRY_OPERATION) },
        Column { name: "services", unit: Unit::Names, doc: "services that failed", aggregate: Aggregate::Union(SERVICES) },
        Column { name: "unreached", unit: Unit::Names, doc: "services that failed calls were for and that recorded nothing", aggregate: Aggregate::Union(UNREACHED) },
        Column { name: "first_seen", unit: Unit::Time, doc: "start of the first failure", aggregate: Aggregate::FirstSeen },
        Column { name: "last_seen", unit: Unit::Time, doc: "start of the last failure", aggregate: Aggregate::LastSeen },
        Column { name: "example_trace_id", unit: Unit::Id, doc: "the trace with the largest impact: critical-path time of the topmost failed span", aggregate: Aggregate::ExampleTrace },
    ],
    terminal_columns: &["rank", "origin_service", "origin_operation", "origin_target", "error_type", "slow", "failures", "weighted_traces", "services_failed_max", "entry_failures", "entry_failure_share", "absorbed_share", "first_seen", "example_trace_id"],
    ranked_by: &[RankedBy::Largest("entry_failures")],
};

/// Distinct (trace, root) pairs.
fn entry_failures(pattern: &Pattern<'_>) -> Cell {
    let mut entries: Vec<(u32, i64)> = pattern
        .rows
        .iter()
        .map(|&row| (pattern.findings.traces[row], pattern.findings.details[ENTRY_ROW][row]))
        .filter(|&(_, entry)| entry != 0)
        .collect();
    entries.sort_unstable();
    entries.dedup();
    Cell::Int(entries.len() as i64)
}

fn entry_failure_share(pattern: &Pattern<'_>) -> Cell {
    let Cell::Int(reached) = entry_failures(pattern) else { return Cell::None };
    let mut entries: Vec<(i64, i64)> =
        pattern.lists(ENTRY).filter(|entry| !entry.is_empty()).map(|entry| (entry[0], entry[1])).collect();
    entries.sort_unstable();
    entries.dedup();
    let symbol = |number: i64| Symbol(number as u32);
    let all: u64 = entries
        .iter()
        .filter_map(|&(service, operation)| pattern.shared.failed_entries.get(&(symbol(service), symbol(operation))))
        .sum();
    if all == 0 { Cell::Float(0.0) } else { Cell::Float(reached as f64 / all as f64) }
}

impl Detector for FailureAmplification {
    fn description(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn threshold(&self, name: &str) -> Option<u64> {
        self.threshold_value(name)
    }

    fn measured_against(&self) -> f64 {
        f64::from(self.min_failed_services)
    }

    fn detect(&self, trace: &TraceView<'_>, retries: &RetrySequences, findings: &mut Findings) {
        let roles = &trace.calls.roles;
        if !roles.iter().any(|role| role.failed) {
            return;
        }
        let tree = trace.tree;
        let mut failed_below = vec![false; tree.len()];
        // Failed spans at and below each row, all of them and those that were cancelled.
        let mut failures_below = vec![(0u32, 0u32); tree.len()];
        for &row in tree.top_down.iter().rev() {
            let cancelled = roles[row as usize].failed && trace.facts_of(row).error_class == ErrorClass::Cancelled;
            failures_below[row as usize].0 += u32::from(roles[row as usize].failed);
            failures_below[row as usize].1 += u32::from(cancelled);
            let parent = tree.parents[row as usize];
            if parent == NO_ROW {
                continue;
            }
            let (all, cancelled) = failures_below[row as usize];
            failures_below[parent as usize].0 += all;
            failures_below[parent as usize].1 += cancelled;
            let carries = roles[row as usize].failed
                || (trace.calls.roles[row as usize].looked_through && failed_below[row as usize]);
            if !tree.is_async[row as usize] && carries {
                failed_below[parent as usize] = true;
            }
        }
        let dropped = rows_of_later_attempts(trace, retries);
        let victims = victims(trace, &failures_below);
        let chains = FailureChains::of(trace);
        for origin in 0..tree.len() as Row {
            let is_origin = roles[origin as usize].failed && !failed_below[origin as usize];
            if is_origin && !dropped[origin as usize] && !victims[origin as usize] {
                self.report(trace, &chains, origin, findings);
            }
        }
    }
}

/// Marks rows at or below the attempts of a retry sequence that come after its first failed one.
fn rows_of_later_attempts(trace: &TraceView<'_>, retries: &RetrySequences) -> Vec<bool> {
    let mut dropped = vec![false; trace.tree.len()];
    let calls = &trace.calls.calls;
    for sequence in &retries.sequences {
        let rows = retries.attempts(sequence).iter().map(|&call| calls[call as usize].row);
        let failed = |row: &Row| trace.calls.roles[*row as usize].failed;
        for row in rows.skip_while(|row| !failed(row)).skip(1) {
            dropped[row as usize] = true;
        }
    }
    for &row in &trace.tree.top_down {
        let parent = trace.tree.parents[row as usize];
        if parent != NO_ROW && dropped[parent as usize] {
            dropped[row as usize] = true;
        }
    }
    dropped
}

/// Marks cancelled spans that are victims: beside them, or beside the cancelled callers that they were cancelled with,
/// something failed otherwise.
fn victims(trace: &TraceView<'_>, failures_below: &[(u32, u32)]) -> Vec<bool> {
    let tree = trace.tree;
    let is_failed = |row: Row| trace.calls.roles[row as usize].failed;
    let is_cancelled = |row: Row| is_failed(row) && trace.facts_of(row).error_class == ErrorClass::Cancelled;
    let otherwise = |row: Row| failures_below[row as usize].0 - failures_below[row as usize].1;
    // Of spans that were not cancelled, whether what was cancelled below them is.
    let mut victims = vec![false; tree.len()];
    for &row in &tree.top_down {
        let parent = tree.parents[row as usize];
        if parent == NO_ROW {
            continue;
        }
        let own = u32::from(is_failed(parent) && !is_cancelled(parent));
        let passes_on = is_cancelled(parent) || trace.calls.roles[parent as usize].looked_through;
        let is_beside = otherwise(parent) - own > otherwise(row);
        victims[row as usize] = is_beside || passes_on && victims[parent as usize];
    }
    for row in 0..tree.len() as Row {
        victims[row as usize] &= is_cancelled(row);
    }
    victims
}

impl FailureAmplification {
    fn report(&self, trace: &TraceView<'_>, chains: &FailureChains, origin: Row, findings: &mut Findings) {
        let tree = trace.tree;
        let roles = &trace.calls.roles;
        let chain = chains.get(origin);
        if chains.service_count(chain) < self.min_failed_services as usize {
            return;
        }
        let as_number = |symbol: Symbol| i64::from(symbol.0);
        let mut services: Vec<i64> = chains.listed(chain).map(as_number).collect();
        services.sort_unstable();
        let top = chain.top;
        let reached_root = !chain.is_absorbed && top == tree.path_root_of(origin);

        let facts = trace.facts_of(origin);
        let call = match trace.calls.roles[origin as usize].call_of_exit {
            NO_CALL => None,
            call => Some(&trace.calls.calls[call as usize]),
        };
        let slow_callee = call.map(|call| call.callee).filter(|&callee| {
            callee != NO_ROW
                && !roles[callee as usize].failed
                && facts.error_class == ErrorClass::Timeout
                && trace.end(callee) > trace.end(origin) + MIN_OVERTIME_NS
        });
        let begins_at = slow_callee.unwrap_or(origin);
        let (operation, target) = match (slow_callee, call) {
            (Some(callee), _) => (trace.entry_operation(callee), None),
            (None, Some(call)) => (call.operation, Some(call.target)),
            (None, None) if trace.calls.roles[origin as usize].is_exit => (facts.call_operation, Some(facts.target)),
            (None, None) if counts_for_service(trace, origin) => (trace.entry_operation(origin), None),
            (None, None) => (facts.operation, None),
        };
        let unreached: Vec<i64> = call
            .filter(|call| call.callee == NO_ROW && call.target.kind == TargetKind::Service)
            .map(|call| i64::from(call.target.name.0))
            .into_iter()
            .collect();
        let entry: Vec<i64> = if reached_root {
            vec![as_number(trace.service(top)), as_number(trace.entry_operation(top))]
        } else {
            Vec::new()
        };
        let entry_operation: &[i64] = entry.get(1..).unwrap_or_default();
        let key_target = target.map_or(Symbol::EMPTY, |target| target.name);
        let service = trace.service(begins_at);
        let details = {
            let mut details = [0; ENTRY_ROW + 1];
            details[SERVICES_FAILED] = services.len() as i64;
            details[SPANS_FAILED] = i64::from(chain.len);
            details[ABSORBED] = i64::from(chain.is_absorbed);
            details[MISCLASSIFIED] = i64::from(chain.is_misclassified);
            details[ERROR_CLASS] = facts.error_class as i64;
            details[SLOW] = i64::from(slow_callee.is_some());
            details[ONE] = 1;
            details[ENTRY_ROW] = if reached_root { i64::from(top) + 1 } else { 0 };
            details
        };
        let span_ids: Vec<_> = slow_callee
            .into_iter()
            .chain(chains.rows(chain))
            .take(MAX_EVIDENCE)
            .map(|row| trace.span_id(row))
            .collect();
        findings.push(Finding {
            trace: trace.index,
            span_id: trace.span_id(begins_at),
            service,
            operation,
            target,
            start: trace.start(begins_at),
            measured: services.len() as f64,
            impact_ns: trace.path_time(top),
            induced: false,
            span_ids: &span_ids,
            key: &[service, operation, key_target, facts.error_type].map(as_number),
            details: &details,
            lists: &[&services, &unreached, entry_operation, &entry],
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_names_are_those_of_the_classes() {
        assert!(ErrorClass::ALL.iter().map(|class| class.as_str()).eq(ERROR_CLASSES.iter().copied()));
    }
}
