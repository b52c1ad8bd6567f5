//! Which service each span asks, where it asks one and nobody else.

use crate::frame::Symbol;
use crate::trace::{NO_ROW, Row, TargetKind, TraceView};

/// What the counted calls of a span have in common.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SoleCallee {
    /// How many counted calls there are.
    pub(crate) calls: u32,
    /// The service that all of them are to, each by itself; else empty.
    pub(crate) service: Symbol,
    /// Whether all of them are waited for.
    pub(crate) is_waited_for: bool,
}

impl SoleCallee {
    const NONE: Self = Self { calls: 0, service: Symbol::EMPTY, is_waited_for: true };

    /// Whether calls have no service in common, though there are several.
    pub(crate) fn is_of_several(&self) -> bool {
        self.calls > 1 && self.service == Symbol::EMPTY
    }
}

/// The same by row.
#[derive(Debug, Default)]
pub(crate) struct SoleCallees {
    of_rows: Vec<SoleCallee>,
}

impl SoleCallees {
    pub(in crate::trace) fn rebuild(&mut self, trace: &TraceView<'_>) {
        self.of_rows.clear();
        self.of_rows.resize(trace.tree.len(), SoleCallee::NONE);
        for call in trace.calls.calls.iter().filter(|call| call.counts) {
            let Some(of_row) = self.of_rows.get_mut(call.caller_span as usize) else { continue };
            let is_to_service = call.target.kind == TargetKind::Service && call.weight == 1;
            let service = if is_to_service { call.target.name } else { Symbol::EMPTY };
            let is_same = of_row.calls == 0 || of_row.service == service;
            of_row.service = if is_same { service } else { Symbol::EMPTY };
            of_row.calls += 1;
            of_row.is_waited_for &= call.callee == NO_ROW || trace.tree.waits_for(call.row, call.callee);
        }
    }

    /// What the calls of a span have in common.
    pub(crate) fn of(&self, row: Row) -> SoleCallee {
        self.of_rows.get(row as usize).copied().unwrap_or(SoleCallee::NONE)
    }
}

#[cfg(test)]
mod tests {
    use crate::trace::sample::Sample;

    /// A retry is the same service again; another service, a database, or a call that nobody waits for is not.
    #[test]
    fn spans_that_ask_one_service_are_told() {
        let to = |row: u64, service: &str| {
            format!("1 {row} 1 a CLIENT GET {row}0..{row}9\n1 {row}0 {row} {service} SERVER GET {row}1..{row}8\n")
        };
        let database = "1 5 1 a CLIENT select 50..51 db.system.name=mysql db.namespace=x\n".to_owned();
        let left_alone = "1 6 1 a CLIENT GET 60..61\n1 60 6 b SERVER GET 70..80\n".to_owned();
        for (calls, count, service, is_waited_for) in [
            (vec![], 0, "", true),
            (vec![to(2, "b")], 1, "b", true),
            (vec![to(2, "b"), to(3, "b")], 2, "b", true),
            (vec![to(2, "b"), to(3, "c")], 2, "", true),
            (vec![to(2, "b"), to(3, "c"), to(4, "c")], 3, "", true),
            (vec![to(2, "b"), database.clone()], 2, "", true),
            (vec![database], 1, "", true),
            (vec![to(2, "b"), left_alone], 2, "b", false),
        ] {
            let sample = Sample::of(&format!("1 1 0 a SERVER GET 0..100\n{}", calls.concat()));
            sample.with_trace(0, 0, |trace| {
                let found = trace.sole_callees().of(0);
                let name = trace.semantics.symbols.resolve(found.service);
                assert_eq!((found.calls, name, found.is_waited_for), (count, service, is_waited_for), "{calls:?}");
            });
        }
    }
}
