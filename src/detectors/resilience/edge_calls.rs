//! What detectors that look at the edges between a service and what it calls mean by a call, by an outage and by a throttled call.

use crate::conventions::ErrorClass;
use crate::frame::Symbol;
use crate::trace::{Call, NO_ROW, Row, TraceView};

/// Caller service, kind of the target and target: as the keys of patterns have them.
pub(super) type Edge = [Symbol; 3];

/// The edge of a call.
pub(super) fn edge_of(trace: &TraceView<'_>, call: &Call) -> Edge {
    [call.caller_service, trace.semantics.kind_name(call.target.kind), call.target.name]
}

/// Whether who answers the call, or the way there, said that more was asked for than is allowed. That a message is larger than
/// is taken is told with the same code and is another thing.
pub(super) fn is_throttled(trace: &TraceView<'_>, call: &Call) -> bool {
    let own = trace.semantics_of(call.row);
    let callee = (call.callee != NO_ROW).then(|| trace.semantics_of(call.callee));
    let says_throttled = own.says_throttled || callee.is_some_and(|callee| callee.says_throttled);
    says_throttled && !own.says_too_large && !callee.is_some_and(|callee| callee.says_too_large)
}

/// Whether the span failed because whoever waited for it gave up.
pub(super) fn is_cancelled(trace: &TraceView<'_>, row: Row) -> bool {
    trace.calls.roles[row as usize].failed && trace.semantics_of(row).error_class == ErrorClass::Cancelled
}

/// The class of the error of a call that failed.
pub(super) fn error_class(trace: &TraceView<'_>, call: &Call) -> ErrorClass {
    trace.calls.error_class(call, trace.tree, trace.semantics)
}

/// Whether the call failed, and neither for what was asked nor because whoever asked gave up: what a circuit breaker counts.
pub(in crate::detectors) fn is_outage(trace: &TraceView<'_>, call: &Call) -> bool {
    trace.calls.roles[call.row as usize].failed
        && !matches!(error_class(trace, call), ErrorClass::Caller | ErrorClass::Cancelled)
}
