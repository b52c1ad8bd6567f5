//! The operation of the first call with a recorded callee that each span makes: what roots are called that are named only by a
//! method. A trace may have as many of these as it has spans, so calls are put in order once.

use crate::frame::Symbol;

use crate::trace::tree::{NO_ROW, Row};
use crate::trace::view::TraceView;

/// First operations by the span that makes the calls.
#[derive(Debug, Default)]
pub(crate) struct FirstOperations {
    /// By caller span, start and row of the call; of each caller span the first alone.
    of_callers: Vec<(Row, i64, Row, Symbol)>,
}

impl FirstOperations {
    pub(in crate::trace) fn rebuild(&mut self, trace: &TraceView<'_>) {
        let calls = trace.calls.calls.iter().filter(|call| call.callee != NO_ROW);
        self.of_callers.clear();
        self.of_callers.extend(calls.map(|call| (call.caller_span, trace.start(call.row), call.row, call.operation)));
        self.of_callers.sort_unstable();
        self.of_callers.dedup_by_key(|(caller, ..)| *caller);
    }

    /// The operation of the first call that `caller` makes.
    pub(crate) fn get(&self, caller: Row) -> Option<Symbol> {
        let found = self.of_callers.binary_search_by_key(&caller, |&(caller, ..)| caller).ok()?;
        Some(self.of_callers[found].3)
    }
}
