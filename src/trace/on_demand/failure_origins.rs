//! Where failures of a trace begin.
//!
//! An origin is a failed span below which nothing failed that it waited for. Of one retried call only the first failed attempt
//! counts, and a cancelled span is no origin where something beside it failed: it is a victim.

use crate::conventions::ErrorClass;

use super::failure_chains::FailureChains;
use crate::trace::tree::{NO_ROW, Row};
use crate::trace::view::TraceView;

/// The failures of one trace.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    /// Failed spans where a failure begins, by row.
    pub(crate) origins: Vec<Row>,
    /// Where each of them goes.
    pub(crate) chains: FailureChains,
    failed_below: Vec<bool>,
    /// Failed spans at and below each row: all of them, and those that were cancelled.
    failures_below: Vec<(u32, u32)>,
}

impl Failures {
    pub(in crate::trace) fn rebuild(&mut self, trace: &TraceView<'_>) {
        self.origins.clear();
        let roles = &trace.calls.roles;
        if !roles.iter().any(|role| role.failed) {
            return;
        }
        let tree = trace.tree;
        self.failed_below.clear();
        self.failed_below.resize(tree.len(), false);
        self.failures_below.clear();
        self.failures_below.resize(tree.len(), (0, 0));
        let (failed_below, failures_below) = (&mut self.failed_below, &mut self.failures_below);
        for &row in tree.top_down.iter().rev() {
            let cancelled = roles[row as usize].failed && trace.semantics_of(row).error_class == ErrorClass::Cancelled;
            failures_below[row as usize].0 += u32::from(roles[row as usize].failed);
            failures_below[row as usize].1 += u32::from(cancelled);
            let parent = tree.parents[row as usize];
            if parent == NO_ROW {
                continue;
            }
            let (all, cancelled) = failures_below[row as usize];
            failures_below[parent as usize].0 += all;
            failures_below[parent as usize].1 += cancelled;
            let carries =
                roles[row as usize].failed || (roles[row as usize].looked_through && failed_below[row as usize]);
            if !tree.is_async[row as usize] && carries {
                failed_below[parent as usize] = true;
            }
        }
        let dropped = rows_of_later_attempts(trace);
        let victims = victims(trace, failures_below);
        let is_origin = |row: &Row| {
            let row = *row as usize;
            roles[row].failed && !failed_below[row] && !dropped[row] && !victims[row]
        };
        self.origins.extend((0..tree.len() as Row).filter(is_origin));
        self.chains.rebuild(trace);
    }
}

/// Marks rows at or below the attempts of a retry sequence that come after its first failed one.
fn rows_of_later_attempts(trace: &TraceView<'_>) -> Vec<bool> {
    let mut dropped = vec![false; trace.tree.len()];
    let calls = &trace.calls.calls;
    let retries = trace.retries();
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
    let is_cancelled = |row: Row| is_failed(row) && trace.semantics_of(row).error_class == ErrorClass::Cancelled;
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
