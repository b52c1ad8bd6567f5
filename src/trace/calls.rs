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

use crate::conventions::ErrorClass;
use crate::frame::Symbol;
use crate::span::{SpanKind, StatusCode};

use super::semantics::{Semantics, SpanSemantics};
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

/// What one span has to do with calls.
#[derive(Clone, Copy, Debug)]
pub struct CallRole {
    /// The span that gives the caller operation for calls made here.
    pub caller_span: Row,
    /// The recorded callee, [`NO_ROW`] for none.
    pub callee: Row,
    /// The exit span (or poll) that the span's own time is spent in, [`NO_ROW`] for the service's own work.
    pub owner: Row,
    /// Index of the call whose exit span this is, [`NO_CALL`] for none.
    pub call_of_exit: u32,
    /// Whether it is an entry span.
    pub is_entry: bool,
    /// Whether it is an exit span.
    pub is_exit: bool,
    /// Whether it failed.
    pub failed: bool,
    /// Whether failure analysis looks through it: it neither fails nor absorbs.
    pub looked_through: bool,
    exit_below: bool,
    is_poll: bool,
    carries_poll: bool,
    is_plumbing: bool,
    kind: SpanKind,
    service: Symbol,
    /// The exit span above through neither entry nor exit spans, [`NO_ROW`] for none.
    pub(super) exit_above: Row,
    call_above: Row,
}

impl CallRole {
    const UNKNOWN: Self = Self {
        caller_span: NO_ROW,
        callee: NO_ROW,
        owner: NO_ROW,
        call_of_exit: NO_CALL,
        is_entry: false,
        is_exit: false,
        failed: false,
        looked_through: false,
        exit_below: false,
        is_poll: false,
        carries_poll: false,
        is_plumbing: false,
        kind: SpanKind::Unspecified,
        service: Symbol::EMPTY,
        exit_above: NO_ROW,
        call_above: NO_ROW,
    };

    /// The nearest exit span above, through spans that are neither entry nor exit; [`NO_ROW`] for none.
    pub(super) fn exit_above(&self) -> Row {
        self.exit_above
    }
}

/// The calls of one trace and what goes with them. Reused from trace to trace.
#[derive(Debug, Default)]
pub struct Calls {
    /// The calls, by row of their span; of two calls of one span the one without client comes first.
    pub calls: Vec<Call>,
    /// Whether any span failed.
    pub has_failures: bool,
    /// Whether any span says that more was asked for than is allowed.
    pub has_throttled: bool,
    /// What each row has to do with them: side by side, because every step asks for several of these.
    pub roles: Vec<CallRole>,
    /// Whether a call's operation waits for what other traces say (a service is the target, but recorded no callee).
    pub has_open_operations: bool,
    /// The callees that proxies lead to where the client was not instrumented; empty where no proxy lies between two services.
    callees_behind_proxies: Vec<Row>,
}

/// No call.
pub const NO_CALL: u32 = u32::MAX;

impl Calls {
    /// Works out the calls of `tree`.
    pub fn rebuild(&mut self, tree: &Tree, semantics: &Semantics) {
        let semantics_of = |row: Row| &semantics.by_signature[tree.signatures[row as usize].index()];
        self.roles.clear();
        self.roles.resize(tree.len(), CallRole::UNKNOWN);
        let has_polls = self.mark_entries(tree, semantics);
        if has_polls {
            self.mark_carriers_of_polls(tree, &semantics_of);
        }
        self.mark_exits(tree, &semantics_of);
        self.find_callees(tree, &semantics_of);
        self.find_owners(tree);
        self.list_calls(tree, semantics);
        self.find_calls_behind_proxies(tree);
        self.mark_failed(tree, &semantics_of);
    }

    /// The answer is whether there are polls.
    fn mark_entries(&mut self, tree: &Tree, semantics: &Semantics) -> bool {
        let mut has_polls = false;
        for &row in &tree.top_down {
            let &SpanSemantics { is_poll, is_plumbing, .. } =
                &semantics.by_signature[tree.signatures[row as usize].index()];
            let (service, kind) = (tree.service(row, semantics), tree.kind(row, semantics));
            let above = self.roles.get(tree.parents[row as usize] as usize);
            let is_entry = matches!(kind, SpanKind::Server | SpanKind::Consumer)
                || above.is_some_and(|above| above.service != service);
            // Nobody above the root of a segment waits for what is called below it.
            let climbs = !is_entry && !tree.is_async[row as usize];
            let caller_span = above.filter(|_| climbs).map_or(row, |above| above.caller_span);
            self.roles[row as usize] =
                CallRole { service, kind, is_poll, is_plumbing, is_entry, caller_span, ..CallRole::UNKNOWN };
            has_polls |= is_poll;
        }
        has_polls
    }

    /// An SDK polls by a request, and where its HTTP client is instrumented too that has a span of its own. It is as little a call as
    /// the poll is, and takes nearly all of its time: what takes less may be what is done with a message.
    fn mark_carriers_of_polls<'f>(&mut self, tree: &Tree, semantics_of: &impl Fn(Row) -> &'f SpanSemantics) {
        let mut is_over_entry = vec![false; tree.len()];
        for &row in tree.top_down.iter().rev() {
            let is_over = self.roles[row as usize].is_entry || is_over_entry[row as usize];
            if let Some(above) = is_over_entry.get_mut(tree.parents[row as usize] as usize) {
                *above |= is_over;
            }
        }
        let mut poll_above = vec![NO_ROW; tree.len()];
        for &row in &tree.top_down {
            let parent = tree.parents[row as usize];
            let own = &self.roles[row as usize];
            let Some(above) = self.roles.get(parent as usize).filter(|_| !own.is_entry) else { continue };
            let poll = match above.kind {
                _ if above.is_poll => parent,
                _ if above.is_entry => NO_ROW,
                SpanKind::Internal | SpanKind::Unspecified => poll_above[parent as usize],
                _ if above.carries_poll => poll_above[parent as usize],
                _ => NO_ROW,
            };
            poll_above[row as usize] = poll;
            let length = |row: Row| i128::from(tree.ends[row as usize]) - i128::from(tree.starts[row as usize]);
            self.roles[row as usize].carries_poll = poll != NO_ROW
                && own.kind == SpanKind::Client
                && semantics_of(row).is_http
                && !is_over_entry[row as usize]
                && length(row) * 10 >= length(poll) * 9;
        }
    }

    /// Bottom-up, because a database span of kind INTERNAL is an exit span only if none lies below it. Plumbing below does
    /// not count: a query that opens its connection is still the call.
    fn mark_exits<'f>(&mut self, tree: &Tree, semantics_of: &impl Fn(Row) -> &'f SpanSemantics) {
        for &row in tree.top_down.iter().rev() {
            let own = &mut self.roles[row as usize];
            own.is_exit = match own.kind {
                SpanKind::Client => !own.is_poll && !own.carries_poll,
                SpanKind::Producer => true,
                SpanKind::Internal | SpanKind::Unspecified => {
                    !own.exit_below && semantics_of(row).has_database_system && !tree.is_interceptor(row)
                }
                SpanKind::Server | SpanKind::Consumer => false,
            };
            let own = *own;
            if !own.is_entry
                && (own.exit_below || (own.is_exit && !own.is_plumbing))
                && let Some(above) = self.roles.get_mut(tree.parents[row as usize] as usize)
            {
                above.exit_below = true;
            }
        }
    }

    fn find_callees<'f>(&mut self, tree: &Tree, semantics_of: &impl Fn(Row) -> &'f SpanSemantics) {
        for &row in &tree.top_down {
            let parent = tree.parents[row as usize];
            let Some(above) = self.roles.get(parent as usize) else { continue };
            let reaching = match above {
                CallRole { is_exit: true, .. } => parent,
                CallRole { is_entry: true, .. } => NO_ROW,
                _ => above.exit_above,
            };
            let own = &mut self.roles[row as usize];
            own.exit_above = reaching;
            let own = *own;
            if own.is_entry
                && let Some(exit) = self.roles.get_mut(reaching as usize)
            {
                let leaves = exit.service != own.service || own.kind == SpanKind::Server;
                // Who sends a message reaches its topic, whoever gets it from there.
                let is_sent = own.kind == SpanKind::Consumer && semantics_of(reaching).is_messaging;
                if leaves && !is_sent && exit.kind == SpanKind::Client && (exit.callee == NO_ROW || row < exit.callee) {
                    exit.callee = row;
                }
            }
        }
    }

    /// Top-down: whose time a row's own time is, and which call with a callee lies above it in its service.
    fn find_owners(&mut self, tree: &Tree) {
        for &row in &tree.top_down {
            let parent = tree.parents[row as usize];
            let own = self.roles[row as usize];
            let above = self.roles.get(parent as usize).filter(|_| !own.is_entry);
            let owner = above.map_or(NO_ROW, |above| above.owner);
            let call_above = match above {
                None => NO_ROW,
                Some(above) if above.callee != NO_ROW => parent,
                Some(above) => above.call_above,
            };
            let takes_over = own.callee != NO_ROW || {
                let part_of_another = call_above != NO_ROW || (own.is_plumbing && owner != NO_ROW);
                (own.is_exit || own.is_poll) && !part_of_another
            };
            let own = &mut self.roles[row as usize];
            own.call_above = call_above;
            own.owner = if takes_over { row } else { owner };
        }
    }

    fn list_calls(&mut self, tree: &Tree, semantics: &Semantics) {
        let semantics_of = |row: Row| &semantics.by_signature[tree.signatures[row as usize].index()];
        self.calls.clear();
        self.has_open_operations = false;
        for row in 0..tree.len() as Row {
            let role = self.roles[row as usize];
            if role.is_entry
                && role.exit_above == NO_ROW
                && let Some(above) = self.roles.get(tree.parents[row as usize] as usize)
                && above.service != role.service
                && role.kind != SpanKind::Consumer
                && let own = semantics_of(row)
                && !own.follows_from
            {
                self.calls.push(Call {
                    row,
                    callee: row,
                    caller_span: above.caller_span,
                    caller_service: above.service,
                    target: Target { name: role.service, kind: TargetKind::Service },
                    operation: own.entry_operation,
                    caller_side_operation: own.entry_operation,
                    weight: own.weight,
                    counts: !own.is_heartbeat,
                });
            }
            let is_call = role.is_exit && (role.callee != NO_ROW || (role.owner == row && !role.exit_below));
            if !is_call {
                continue;
            }
            let own = semantics_of(row);
            let (target, operation) = if role.callee == NO_ROW {
                let target = semantics.target_of(tree.signatures[row as usize], role.service);
                self.has_open_operations |= target.kind == TargetKind::Service;
                (target, own.call_operation)
            } else {
                let name = self.roles[role.callee as usize].service;
                (Target { name, kind: TargetKind::Service }, semantics_of(role.callee).entry_operation)
            };
            self.roles[row as usize].call_of_exit = self.calls.len() as u32;
            self.calls.push(Call {
                row,
                callee: role.callee,
                caller_span: role.caller_span,
                caller_service: role.service,
                target,
                operation,
                caller_side_operation: own.call_operation,
                weight: own.weight,
                counts: !own.is_heartbeat && (role.callee != NO_ROW || !own.is_plumbing),
            });
        }
    }

    /// The call with an exit span whose recorded callee a span is.
    pub(crate) fn answered_by(&self, row: Row) -> Option<&Call> {
        let exit = self.roles.get(self.roles[row as usize].exit_above as usize)?;
        if exit.callee == row { self.calls.get(exit.call_of_exit as usize) } else { None }
    }

    /// Finds the callee that each proxy leads to where the client was not instrumented: the earliest.
    fn find_calls_behind_proxies(&mut self, tree: &Tree) {
        self.callees_behind_proxies.clear();
        if !tree.has_interceptors() {
            return;
        }
        self.callees_behind_proxies.resize(tree.len(), NO_ROW);
        for call in self.calls.iter().filter(|call| call.callee == call.row) {
            self.callees_behind_proxies[call.row as usize] = call.row;
        }
        for &row in tree.top_down.iter().rev() {
            let parent = tree.parents[row as usize];
            if parent != NO_ROW && tree.is_interceptor(parent) {
                let callee = self.callees_behind_proxies[row as usize];
                let earliest = &mut self.callees_behind_proxies[parent as usize];
                *earliest = callee.min(*earliest);
            }
        }
    }

    /// The callee that a proxy leads to where no exit span lies above it; [`NO_ROW`] for all other spans.
    pub(super) fn callee_behind_proxy(&self, row: Row, tree: &Tree) -> Row {
        let callee = self.callees_behind_proxies.get(row as usize).copied();
        callee.filter(|_| tree.is_interceptor(row)).unwrap_or(NO_ROW)
    }

    fn mark_failed<'f>(&mut self, tree: &Tree, semantics_of: &impl Fn(Row) -> &'f SpanSemantics) {
        (self.has_failures, self.has_throttled) = (false, false);
        for &row in tree.top_down.iter().rev() {
            let own = semantics_of(row);
            let role = self.roles[row as usize];
            let is_inner = matches!(own.kind, SpanKind::Internal | SpanKind::Unspecified) && !role.is_entry;
            let has_code = own.has_protocol_code;
            let is_over_call = role.is_exit && role.call_of_exit == NO_CALL;
            let (failed, looked_through) = match own.status {
                _ if tree.is_interceptor(row) => (false, true),
                StatusCode::Error => (true, false),
                StatusCode::Ok => (false, false),
                StatusCode::Unset if is_inner || is_over_call && !has_code => (false, true),
                StatusCode::Unset => {
                    let is_client = matches!(own.kind, SpanKind::Client | SpanKind::Producer);
                    let by_code = if is_client { own.failed_as_client } else { own.failed_as_server };
                    (by_code || !has_code && self.callee_failed(tree, semantics_of, row), false)
                }
            };
            self.has_failures |= failed;
            self.has_throttled |= own.says_throttled;
            let role = &mut self.roles[row as usize];
            role.failed = failed;
            role.looked_through = looked_through;
        }
    }

    /// Whether the callee that an exit span waits for failed; of several attempts the last.
    fn callee_failed<'f>(&self, tree: &Tree, semantics_of: &impl Fn(Row) -> &'f SpanSemantics, exit: Row) -> bool {
        let callee = self.roles[exit as usize].callee;
        if callee == NO_ROW || !tree.waits_for(exit, callee) || !self.roles[callee as usize].failed {
            return false;
        }
        let mut attempts = Vec::new();
        self.attempts_below(tree, semantics_of, exit, &mut attempts);
        attempts.last().is_none_or(|&last| self.roles[last as usize].failed)
    }

    /// Fills `attempts` with what became of the request of an exit span, if that was sent several times by what it did not
    /// record, a proxy or a client library: entry spans below it of its callee's service and operation, one after the other,
    /// of which each but the last failed. None if there are fewer than two.
    pub(super) fn attempts_below<'f>(
        &self,
        tree: &Tree,
        semantics_of: &impl Fn(Row) -> &'f SpanSemantics,
        exit: Row,
        attempts: &mut Vec<Row>,
    ) {
        attempts.clear();
        let callee = self.roles[exit as usize].callee;
        let sought = (self.roles[callee as usize].service, semantics_of(callee).entry_operation);
        let mut below: Vec<Row> = tree.children(exit).to_vec();
        while let Some(row) = below.pop() {
            let role = self.roles[row as usize];
            if role.is_entry {
                let own = semantics_of(row);
                let is_answer = own.kind != SpanKind::Consumer && !own.follows_from;
                if is_answer && (role.service, own.entry_operation) == sought {
                    attempts.push(row);
                }
            } else if !role.is_exit {
                below.extend_from_slice(tree.children(row));
            }
        }
        attempts.sort_unstable();
        let sent_again = |pair: &[Row]| {
            let (before, after) = (pair[0] as usize, pair[1] as usize);
            self.roles[before].failed
                && tree.ends[before] <= tree.starts[after]
                && !semantics_of(pair[0]).is_redirect_or_challenge
        };
        if attempts.len() < 2 || !attempts.windows(2).all(sent_again) {
            attempts.clear();
        }
    }

    /// Class of the error of a failed call: its own, or its failed callee's if that says more than "the server failed".
    pub fn error_class(&self, call: &Call, tree: &Tree, semantics: &Semantics) -> ErrorClass {
        let class = |row: Row| semantics.by_signature[tree.signatures[row as usize].index()].error_class;
        let own = class(call.row);
        let callee_failed = call.callee != NO_ROW && self.roles[call.callee as usize].failed;
        if own == ErrorClass::Server && callee_failed { class(call.callee) } else { own }
    }
}
