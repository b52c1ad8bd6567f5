//! Calls: the requests that leave a service, each counted once however many spans describe it.
//!
//! ```text
//! SERVER  web   GET /cart
//!   INTERNAL web   loadCart                caller span: the SERVER span
//!     CLIENT web   cart.get                exit span, with recorded callee: call (a)
//!       CLIENT web   tcp.connect           part of that call
//!       SERVER cart  GetCart               callee
//!         CLIENT cart  orm.find            exit span of a nest: no call
//!           CLIENT cart  SELECT            innermost exit span without callee: call (b)
//!   SERVER ads   GetAds                    parent in another service, no exit span above: call (c)
//! ```
//!
//! "Below, in its service" never passes through an entry span. A span that is no entry span has its parent in its own
//! service, so a walk over non-entry spans stays in one service by itself.

use crate::frame::{SpanKind, StatusCode, Symbol};

use super::error_class::ErrorClass;
use super::facts::{Facts, SpanFacts};
use super::target::{Target, TargetKind};
use super::tree::{NO_ROW, Row, Tree};

/// One call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// The span that stands for it: the exit span, or the callee's entry span if the client was not instrumented.
    pub row: Row,
    /// The callee's entry span, [`NO_ROW`] if none was recorded.
    pub callee: Row,
    /// The span that gives the caller operation: the nearest entry span at or above the call in the caller's service, else
    /// the topmost span there.
    pub caller_span: Row,
    /// The caller's service.
    pub caller_service: Symbol,
    /// What is reached.
    pub target: Target,
    /// What repeats.
    pub operation: Symbol,
    /// The same as far as the caller's own span says.
    pub caller_side_operation: Symbol,
    /// How many calls it stands for: 1 unless spans were pruned.
    pub weight: u32,
    /// Whether detectors count it: neither heartbeat nor plumbing.
    pub counts: bool,
}

/// The calls of one trace and what goes with them. Reused from trace to trace.
#[derive(Debug, Default)]
pub struct Calls {
    /// The calls, by row of their span; of two calls of one span the one without client comes first.
    pub calls: Vec<Call>,
    /// Whether each row is an entry span.
    pub is_entry: Vec<bool>,
    /// Whether each row is an exit span.
    pub is_exit: Vec<bool>,
    /// The span that gives the caller operation for calls made at each row.
    pub caller_spans: Vec<Row>,
    /// The recorded callee of each row, [`NO_ROW`] for none.
    pub callees: Vec<Row>,
    /// The exit span (or poll) that each row's own time is spent in, [`NO_ROW`] for the service's own work.
    pub owners: Vec<Row>,
    /// Index of the call whose exit span a row is, [`NO_CALL`] for none.
    pub call_of_exit: Vec<u32>,
    /// Whether each row failed.
    pub failed: Vec<bool>,
    /// Whether failure analysis looks through each row: it neither fails nor absorbs.
    pub looked_through: Vec<bool>,
    /// Whether a call's operation waits for what other traces say (a service is the target, but recorded no callee).
    pub has_open_operations: bool,
    exit_below: Vec<bool>,
    exits_above: Vec<Row>,
    calls_above: Vec<Row>,
}

/// No call.
pub const NO_CALL: u32 = u32::MAX;

impl Calls {
    /// Works out the calls of `tree`.
    pub fn rebuild(&mut self, tree: &Tree, facts: &Facts) {
        let facts_of = |row: Row| &facts.by_signature[tree.signatures[row as usize].index()];
        self.mark_entries(tree, &facts_of);
        self.mark_exits(tree, &facts_of);
        self.find_callees(tree, &facts_of);
        self.find_owners(tree, &facts_of);
        self.list_calls(tree, &facts_of);
        self.mark_failed(tree, &facts_of);
    }

    fn mark_entries<'f>(&mut self, tree: &Tree, facts_of: &impl Fn(Row) -> &'f SpanFacts) {
        reset(&mut self.is_entry, tree.len(), false);
        reset(&mut self.caller_spans, tree.len(), NO_ROW);
        for &row in &tree.top_down {
            let own = facts_of(row);
            let parent = tree.parents[row as usize];
            let is_entry = matches!(own.kind, SpanKind::Server | SpanKind::Consumer)
                || (parent != NO_ROW && facts_of(parent).service != own.service);
            self.is_entry[row as usize] = is_entry;
            self.caller_spans[row as usize] =
                if is_entry || parent == NO_ROW { row } else { self.caller_spans[parent as usize] };
        }
    }

    /// Bottom-up, because a database span of kind INTERNAL is an exit span only if none lies below it. Plumbing below does
    /// not count: a query that opens its connection is still the call.
    fn mark_exits<'f>(&mut self, tree: &Tree, facts_of: &impl Fn(Row) -> &'f SpanFacts) {
        reset(&mut self.is_exit, tree.len(), false);
        reset(&mut self.exit_below, tree.len(), false);
        for &row in tree.top_down.iter().rev() {
            let own = facts_of(row);
            let is_exit = match own.kind {
                SpanKind::Client => !own.is_poll,
                SpanKind::Producer => true,
                SpanKind::Internal | SpanKind::Unspecified => own.has_database_system && !self.exit_below[row as usize],
                SpanKind::Server | SpanKind::Consumer => false,
            };
            self.is_exit[row as usize] = is_exit;
            let parent = tree.parents[row as usize];
            if parent != NO_ROW && !self.is_entry[row as usize] {
                self.exit_below[parent as usize] |= self.exit_below[row as usize] || (is_exit && !own.is_plumbing);
            }
        }
    }

    fn find_callees<'f>(&mut self, tree: &Tree, facts_of: &impl Fn(Row) -> &'f SpanFacts) {
        reset(&mut self.callees, tree.len(), NO_ROW);
        reset(&mut self.exits_above, tree.len(), NO_ROW);
        for &row in &tree.top_down {
            let parent = tree.parents[row as usize];
            if parent != NO_ROW {
                let reaching = if self.is_exit[parent as usize] {
                    parent
                } else if self.is_entry[parent as usize] {
                    NO_ROW
                } else {
                    self.exits_above[parent as usize]
                };
                self.exits_above[row as usize] = reaching;
                if reaching != NO_ROW && self.is_entry[row as usize] && facts_of(reaching).kind == SpanKind::Client {
                    let own = facts_of(row);
                    let leaves = facts_of(reaching).service != own.service || own.kind == SpanKind::Server;
                    let callee = &mut self.callees[reaching as usize];
                    if leaves && (*callee == NO_ROW || row < *callee) {
                        *callee = row;
                    }
                }
            }
        }
    }

    /// Top-down: whose time a row's own time is, and which call with a callee lies above it in its service.
    fn find_owners<'f>(&mut self, tree: &Tree, facts_of: &impl Fn(Row) -> &'f SpanFacts) {
        reset(&mut self.owners, tree.len(), NO_ROW);
        reset(&mut self.calls_above, tree.len(), NO_ROW);
        for &row in &tree.top_down {
            let parent = tree.parents[row as usize];
            let mut owner = NO_ROW;
            let mut call_above = NO_ROW;
            if parent != NO_ROW && !self.is_entry[row as usize] {
                owner = self.owners[parent as usize];
                call_above =
                    if self.callees[parent as usize] != NO_ROW { parent } else { self.calls_above[parent as usize] };
            }
            self.calls_above[row as usize] = call_above;
            let own = facts_of(row);
            let takes_over = if self.callees[row as usize] != NO_ROW {
                true
            } else {
                let part_of_another = call_above != NO_ROW || (own.is_plumbing && owner != NO_ROW);
                (self.is_exit[row as usize] || own.is_poll) && !part_of_another
            };
            self.owners[row as usize] = if takes_over { row } else { owner };
        }
    }

    fn list_calls<'f>(&mut self, tree: &Tree, facts_of: &impl Fn(Row) -> &'f SpanFacts) {
        self.calls.clear();
        self.has_open_operations = false;
        reset(&mut self.call_of_exit, tree.len(), NO_CALL);
        for row in 0..tree.len() as Row {
            let own = facts_of(row);
            let parent = tree.parents[row as usize];
            let from_another = parent != NO_ROW && facts_of(parent).service != own.service;
            if from_another && self.exits_above[row as usize] == NO_ROW {
                self.calls.push(Call {
                    row,
                    callee: row,
                    caller_span: self.caller_spans[parent as usize],
                    caller_service: facts_of(parent).service,
                    target: Target { name: own.service, kind: TargetKind::Service },
                    operation: own.entry_operation,
                    caller_side_operation: own.call_operation,
                    weight: own.weight,
                    counts: !own.is_heartbeat,
                });
            }
            if !self.is_exit[row as usize] {
                continue;
            }
            let callee = self.callees[row as usize];
            let is_call = callee != NO_ROW || (self.owners[row as usize] == row && !self.exit_below[row as usize]);
            if !is_call {
                continue;
            }
            let (target, operation) = if callee == NO_ROW {
                self.has_open_operations |= own.target.kind == TargetKind::Service;
                (own.target, own.call_operation)
            } else {
                let callee = facts_of(callee);
                (Target { name: callee.service, kind: TargetKind::Service }, callee.entry_operation)
            };
            self.call_of_exit[row as usize] = self.calls.len() as u32;
            self.calls.push(Call {
                row,
                callee,
                caller_span: self.caller_spans[row as usize],
                caller_service: own.service,
                target,
                operation,
                caller_side_operation: own.call_operation,
                weight: own.weight,
                counts: !own.is_heartbeat && (callee != NO_ROW || !own.is_plumbing),
            });
        }
    }

    fn mark_failed<'f>(&mut self, tree: &Tree, facts_of: &impl Fn(Row) -> &'f SpanFacts) {
        reset(&mut self.failed, tree.len(), false);
        reset(&mut self.looked_through, tree.len(), false);
        for &row in tree.top_down.iter().rev() {
            let own = facts_of(row);
            let is_entry = self.is_entry[row as usize];
            let is_inner = matches!(own.kind, SpanKind::Internal | SpanKind::Unspecified) && !is_entry;
            self.failed[row as usize] = match own.status {
                StatusCode::Error => true,
                StatusCode::Ok => false,
                StatusCode::Unset if is_inner => {
                    self.looked_through[row as usize] = true;
                    false
                }
                StatusCode::Unset => {
                    let callee = self.callees[row as usize];
                    let callee_failed =
                        callee != NO_ROW && !tree.is_async[callee as usize] && self.failed[callee as usize];
                    let is_client = matches!(own.kind, SpanKind::Client | SpanKind::Producer);
                    callee_failed || if is_client { own.failed_as_client } else { own.failed_as_server }
                }
            };
        }
    }

    /// Class of the error of a failed call: its own, or its failed callee's if that says more than "the server failed".
    pub fn error_class(&self, call: &Call, tree: &Tree, facts: &Facts) -> ErrorClass {
        let class = |row: Row| facts.by_signature[tree.signatures[row as usize].index()].error_class;
        let own = class(call.row);
        let callee_failed = call.callee != NO_ROW && self.failed[call.callee as usize];
        if own == ErrorClass::Server && callee_failed { class(call.callee) } else { own }
    }
}

fn reset<T: Clone>(column: &mut Vec<T>, length: usize, value: T) {
    column.clear();
    column.resize(length, value);
}
