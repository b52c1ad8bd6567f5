//! Where failures of a trace begin.
//!
//! An origin is a failed span below which nothing failed that it waited for. Of one retried call only the first failed attempt
//! counts, and a cancelled span is no origin where something beside it failed: it is a victim. Where a call gave up on a
//! callee that went on, the origin is that callee: slow, not failing.

use crate::conventions::ErrorClass;
use crate::frame::Symbol;
use crate::span::SpanKind;

use super::failure_chains::FailureChains;
use super::retries::Attempt;
use crate::trace::calls::{Call, NO_CALL};
use crate::trace::target::{Target, TargetKind};
use crate::trace::tree::{NO_ROW, Row};
use crate::trace::view::TraceView;

/// How long a callee must go on after its call failed for the callee to count as slow, in ns: clocks of hosts that are
/// synchronised by NTP differ by less.
const MIN_OVERTIME_NS: i64 = 3_000_000;

/// Where a failure begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FailureOrigin {
    /// The lowest failed span: what it says of the error counts, and its chain is the failure's.
    pub(crate) row: Row,
    /// The span that is the origin: the slow callee, the call that the lowest failed span is part of, or that span.
    pub(crate) begins_at: Row,
    /// Whether that is slow, not failing.
    pub(crate) is_slow: bool,
    /// Index of the call with which it began, [`NO_CALL`] for none.
    call: u32,
}

impl FailureOrigin {
    fn of(trace: &TraceView<'_>, row: Row) -> Self {
        let call = failed_call_of(trace, row);
        let calls = &trace.calls.calls;
        let slow =
            calls.get(call as usize).map_or(NO_ROW, |call| if gave_up(trace, call) { call.callee } else { NO_ROW });
        let is_slow = slow != NO_ROW && !trace.calls.roles[slow as usize].failed;
        let begins_at = if is_slow { slow } else { calls.get(call as usize).map_or(row, |call| call.row) };
        Self { row, begins_at, is_slow, call }
    }

    /// The call with which it began.
    pub(crate) fn call<'a>(&self, trace: &TraceView<'a>) -> Option<&'a Call> {
        trace.calls.calls.get(self.call as usize)
    }

    /// The service where it began.
    pub(crate) fn service(&self, trace: &TraceView<'_>) -> Symbol {
        trace.service(self.begins_at)
    }

    /// What failed there, and what it was to, if it was a call or leaves the service.
    pub(crate) fn operation_and_target(&self, trace: &TraceView<'_>) -> (Symbol, Option<Target>) {
        let semantics = trace.semantics_of(self.begins_at);
        if self.is_slow {
            return (trace.entry_operation(self.begins_at), None);
        }
        match self.call(trace) {
            Some(call) => (call.operation, Some(call.target)),
            None if trace.calls.roles[self.begins_at as usize].is_exit => {
                let (operation, target) = trace.reached_by(self.begins_at);
                (operation, Some(target))
            }
            None if counts_for_service(trace, self.begins_at) => (trace.entry_operation(self.begins_at), None),
            None => (semantics.operation, None),
        }
    }

    /// The service that a failed call was for and that recorded nothing.
    pub(crate) fn unreached(&self, trace: &TraceView<'_>) -> Option<Symbol> {
        let call = self.call(trace).filter(|call| call.callee == NO_ROW)?;
        (call.target.kind == TargetKind::Service).then_some(call.target.name)
    }

    /// The services that failed for it, each once, in the order of their names: those of its chain, the one that was slow, and
    /// the one that recorded nothing.
    pub(crate) fn failed_services(&self, trace: &TraceView<'_>) -> Vec<Symbol> {
        let chains = &trace.failures().chains;
        let mut services: Vec<Symbol> = chains.listed(chains.get(self.row)).collect();
        services.extend(self.is_slow.then(|| self.service(trace)));
        services.extend(self.unreached(trace));
        services.sort_unstable();
        services.dedup();
        services
    }

    /// The failed root of a request or a segment that the failure reached; `None` if somebody coped with it.
    pub(crate) fn reached_entry(&self, trace: &TraceView<'_>) -> Option<Row> {
        let chain = trace.failures().chains.get(self.row);
        (!chain.is_absorbed && trace.tree.waiting_parent(chain.top) == NO_ROW && !trace.is_late_exit(chain.top))
            .then_some(chain.top)
    }
}

/// The failures of one trace.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    /// Where a failure begins, by row.
    pub(crate) origins: Vec<FailureOrigin>,
    /// Where each of them goes.
    pub(crate) chains: FailureChains,
    failed_below: Vec<bool>,
    /// Failed spans at and below each row in its segment: all of them, and those that were cancelled.
    failures_below: Vec<(u32, u32)>,
}

impl Failures {
    pub(in crate::trace) fn rebuild(&mut self, trace: &TraceView<'_>) {
        self.origins.clear();
        if !trace.calls.has_failures {
            return;
        }
        let roles = &trace.calls.roles;
        let tree = trace.tree;
        self.failed_below.clear();
        self.failed_below.resize(tree.len(), false);
        self.failures_below.clear();
        self.failures_below.resize(tree.len(), (0, 0));
        let (failed_below, failures_below) = (&mut self.failed_below, &mut self.failures_below);
        for &row in tree.top_down.iter().rev() {
            let cancelled = roles[row as usize].failed && trace.error_class_of(row) == ErrorClass::Cancelled;
            failures_below[row as usize].0 += u32::from(roles[row as usize].failed);
            failures_below[row as usize].1 += u32::from(cancelled);
            let waiting = tree.waiting_parent(row);
            if waiting != NO_ROW {
                let (all, cancelled) = failures_below[row as usize];
                failures_below[waiting as usize].0 += all;
                failures_below[waiting as usize].1 += cancelled;
            }
            let carries =
                roles[row as usize].failed || (roles[row as usize].looked_through && failed_below[row as usize]);
            if carries {
                let above = goes_on_to(trace, row);
                if above != NO_ROW {
                    failed_below[above as usize] = true;
                }
            }
        }
        let victims = victims(trace, failures_below);
        let dropped = rows_of_later_attempts(trace, &victims);
        let is_origin = |row: &Row| {
            let row = *row as usize;
            roles[row].failed && !failed_below[row] && !dropped[row] && !victims[row]
        };
        let rows = (0..tree.len() as Row).filter(is_origin);
        self.origins.extend(rows.map(|row| FailureOrigin::of(trace, row)));
        self.chains.rebuild(trace);
    }
}

/// Whether a service failed if this span of it did.
pub(super) fn counts_for_service(trace: &TraceView<'_>, row: Row) -> bool {
    trace.calls.roles[row as usize].is_entry || trace.tree.waiting_parent(row) == NO_ROW && !trace.is_late_exit(row)
}

/// The span above `row` that its failure goes on to: the one that waited for it, or gave up on it before it began.
pub(super) fn goes_on_to(trace: &TraceView<'_>, row: Row) -> Row {
    if !trace.tree.is_async[row as usize] {
        return trace.tree.parents[row as usize];
    }
    let exit_above = trace.calls.roles[row as usize].exit_above;
    let call = trace.calls.roles.get(exit_above as usize).map_or(NO_CALL, |exit| exit.call_of_exit);
    match trace.calls.calls.get(call as usize) {
        // The callee, or what was in between: a proxy, an interceptor.
        Some(call) if gave_up(trace, call) && trace.tree.is_at_or_below(call.callee, row) => {
            trace.tree.parents[row as usize]
        }
        _ => NO_ROW,
    }
}

/// Index of the failed call that a failed span is, or is part of in its service; [`NO_CALL`] if there is none.
fn failed_call_of(trace: &TraceView<'_>, row: Row) -> u32 {
    let roles = &trace.calls.roles;
    let call = roles.get(roles[row as usize].owner as usize).map_or(NO_CALL, |owner| owner.call_of_exit);
    let failed = trace.calls.calls.get(call as usize).is_some_and(|call| roles[call.row as usize].failed);
    if failed { call } else { NO_CALL }
}

/// Whether a call failed while its callee, which should have answered it, went on.
fn gave_up(trace: &TraceView<'_>, call: &Call) -> bool {
    if call.callee == NO_ROW || call.callee == call.row || !trace.calls.roles[call.row as usize].failed {
        return false;
    }
    let callee = trace.semantics_of(call.callee);
    callee.kind != SpanKind::Consumer
        && !callee.follows_from
        && trace.end(call.callee) > trace.end(call.row).saturating_add(MIN_OVERTIME_NS)
}

/// Marks rows at the attempts of a retry sequence that come after its first failed one, and what these waited for. The first is the
/// first that is no victim: what an attempt after it made a victim of it would else have no origin at all.
fn rows_of_later_attempts(trace: &TraceView<'_>, victims: &[bool]) -> Vec<bool> {
    let mut dropped = vec![false; trace.tree.len()];
    let retries = trace.retries();
    for sequence in &retries.sequences {
        let begins = |attempt: &Attempt| attempt.failed(trace) && !victims[attempt.row as usize];
        for attempt in retries.attempts(sequence).iter().skip_while(|attempt| !begins(attempt)).skip(1) {
            dropped[attempt.row as usize] = true;
        }
    }
    for &row in &trace.tree.top_down {
        let waiting = trace.tree.waiting_parent(row);
        if waiting != NO_ROW && dropped[waiting as usize] {
            dropped[row as usize] = true;
        }
    }
    dropped
}

/// Marks cancelled spans that are victims: something failed otherwise beside them in their segment, or, where they were cancelled
/// with their callers, beside the topmost of these.
fn victims(trace: &TraceView<'_>, failures_below: &[(u32, u32)]) -> Vec<bool> {
    let tree = trace.tree;
    let is_failed = |row: Row| trace.calls.roles[row as usize].failed;
    let is_cancelled = |row: Row| is_failed(row) && trace.error_class_of(row) == ErrorClass::Cancelled;
    let otherwise = |row: Row| failures_below[row as usize].0 - failures_below[row as usize].1;
    // Of spans that were not cancelled, whether what was cancelled below them is.
    let mut victims = vec![false; tree.len()];
    for &row in &tree.top_down {
        let waiting = tree.waiting_parent(row);
        if waiting == NO_ROW {
            continue;
        }
        let own = u32::from(is_failed(waiting) && !is_cancelled(waiting));
        let passes_on = is_cancelled(waiting) || trace.calls.roles[waiting as usize].looked_through;
        // Who was cancelled himself cancelled what he waited for, whatever else became of that.
        let is_beside = !is_cancelled(waiting) && otherwise(waiting) - own > otherwise(row);
        victims[row as usize] = is_beside || passes_on && victims[waiting as usize];
    }
    for row in 0..tree.len() as Row {
        victims[row as usize] &= is_cancelled(row);
    }
    victims
}
