//! Calls of a trace that may undo what others did.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::conventions::WordList;
use crate::frame::Symbol;
use crate::trace::{Call, NO_ROW, Row, TargetKind, TraceView};

/// Whether a call succeeded, and was not answered with a refusal either.
pub(super) fn succeeded(trace: &TraceView<'_>, call: &Call) -> bool {
    let refused = |row: Row| row != NO_ROW && trace.semantics_of(row).failed_as_client;
    !trace.calls.roles[call.row as usize].failed && !refused(call.row) && !refused(call.callee)
}

/// Whether a call is a DELETE.
pub(super) fn is_delete(trace: &TraceView<'_>, call: &Call) -> bool {
    let symbols = &trace.semantics.symbols;
    let deletes = |row: Row| row != NO_ROW && symbols.resolve(trace.semantics_of(row).method) == "DELETE";
    deletes(call.row) || deletes(call.callee)
}

/// Writes of databases in a trace, by their place in depth-first order.
pub(super) struct DatabaseWrites {
    places: Vec<u32>,
}

impl DatabaseWrites {
    pub(super) fn of(trace: &TraceView<'_>) -> Self {
        let writes = |call: &&Call| call.counts && trace.data_use(call.row).writes_database;
        let calls = trace.calls.calls.iter().filter(writes);
        let mut places: Vec<u32> = calls.map(|call| trace.tree.position(call.row)).collect();
        places.sort_unstable();
        Self { places }
    }

    /// Whether there is one at or below the callee of a call.
    pub(super) fn are_below(&self, trace: &TraceView<'_>, call: &Call) -> bool {
        if call.callee == NO_ROW {
            return false;
        }
        let below = trace.tree.subtree(call.callee);
        let first = self.places.partition_point(|&place| place < below.start);
        self.places.get(first).is_some_and(|&place| place < below.end)
    }
}

/// Whether the name of what a call asks for begins with a word that says that something is changed.
pub(super) fn has_writing_word(trace: &TraceView<'_>, call: &Call) -> bool {
    let has = |row: Row| row != NO_ROW && trace.data_use(row).has_writing_word;
    has(call.row) || has(call.callee)
}

/// The latest start of calls of one operation, and of calls of the others: what must not be of one operation has
/// another one that
/// is as late as any.
#[derive(Clone, Copy, Default)]
struct Latest {
    first: Option<(i64, Symbol)>,
    second: Option<(i64, Symbol)>,
}

impl Latest {
    fn add(&mut self, start: i64, operation: Symbol) {
        let new = Some((start, operation));
        match self.first {
            Some((known, same)) if same == operation => self.first = Some((known.max(start), same)),
            Some((known, _)) if known < start => {
                (self.second, self.first) = (self.first, new);
            }
            Some(_) => self.second = self.second.max(new),
            None => self.first = new,
        }
    }

    /// Whether a call of another operation starts at `from` or later.
    fn has_other(&self, operation: Symbol, from: i64) -> bool {
        let is_other = |latest: &(i64, Symbol)| latest.1 != operation && latest.0 >= from;
        self.first.is_some_and(|first| is_other(&first)) || self.second.is_some_and(|second| is_other(&second))
    }
}

/// Calls to a service that may undo.
#[derive(Clone, Copy, Default)]
struct OfService {
    /// Those that say that they do.
    undoing: Latest,
    /// Those that write to a database.
    writing: Latest,
    /// Those whose names say that they write.
    with_writing_word: Latest,
}

/// Calls of a trace that may undo what others did.
#[derive(Default)]
pub(super) struct Undoing {
    services: HashMap<Symbol, OfService, FixedState>,
    /// The latest start of a publish that succeeded.
    published: Option<i64>,
}

impl Undoing {
    pub(super) fn of(trace: &TraceView<'_>, writes: &DatabaseWrites, undoing_words: &WordList) -> Self {
        let mut undoing = Self::default();
        for call in trace.calls.calls.iter().filter(|call| call.counts && succeeded(trace, call)) {
            let start = trace.start(call.row);
            if trace.data_use(call.row).publishes {
                undoing.published = undoing.published.max(Some(start));
            }
            if call.target.kind != TargetKind::Service {
                continue;
            }
            let of_service = undoing.services.entry(call.target.name).or_default();
            if is_delete(trace, call) || undoing_words.has_word_of(trace.semantics.symbols.resolve(call.operation)) {
                of_service.undoing.add(start, call.operation);
            }
            if writes.are_below(trace, call) {
                of_service.writing.add(start, call.operation);
            } else if has_writing_word(trace, call) {
                of_service.with_writing_word.add(start, call.operation);
            }
        }
        undoing
    }

    /// Whether what a call to a service did, which ended at `done`, was undone after the request failed in a call that began at
    /// `failed`. `by_words` says whether names of operations are all that tells whether the service writes.
    pub(super) fn undo(&self, step: &Call, done: i64, failed: i64, by_words: bool) -> bool {
        if self.published.is_some_and(|start| start >= failed) {
            return true;
        }
        let Some(of_service) = self.services.get(&step.target.name) else { return false };
        let after_both = done.max(failed);
        of_service.undoing.has_other(step.operation, done)
            || of_service.writing.has_other(step.operation, after_both)
            || by_words && of_service.with_writing_word.has_other(step.operation, after_both)
    }
}

#[cfg(test)]
mod tests {
    use super::super::UncompensatedSaga;
    use super::*;

    #[test]
    fn words_undo_as_a_whole() {
        let saga = UncompensatedSaga::default();
        let undoes = |operation: &str| saga.undoing_words.0.has_word_of(operation);
        for operation in ["stock.Stock/ReleaseItems", "POST /payments/{}/refund", "closeAccount", "DELETE /x"] {
            assert!(undoes(operation), "{operation}");
        }
        for operation in ["Reserve", "POST /returns", "Released", "closest", ""] {
            assert!(!undoes(operation), "{operation}");
        }
    }

    /// The two latest operations answer for any operation that must be another one, as all calls would.
    #[test]
    fn two_operations_answer_for_all() {
        let orders: [&[(i64, u32)]; 5] = [
            &[(1, 1), (2, 2), (3, 3)],
            &[(3, 1), (1, 1), (2, 2), (2, 3)],
            &[(1, 1), (5, 1), (4, 2), (9, 3), (6, 1), (9, 2)],
            &[(7, 1), (7, 2), (7, 1)],
            &[],
        ];
        for calls in orders {
            let mut latest = Latest::default();
            calls.iter().for_each(|&(start, operation)| latest.add(start, Symbol(operation)));
            for operation in 0..5 {
                for from in 0..11 {
                    let expected = calls.iter().any(|&(start, other)| other != operation && start >= from);
                    assert_eq!(latest.has_other(Symbol(operation), from), expected, "{calls:?} {operation} {from}");
                }
            }
        }
    }
}
