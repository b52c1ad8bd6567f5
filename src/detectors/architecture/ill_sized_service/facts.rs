//! What is kept of all traces to tell how large services are.

use std::collections::BTreeSet;

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::detectors::kit::{LastBySignature, NoDetails, Seen, Sightings, read_seen, write_seen};
use crate::findings::Findings;
use crate::frame::Symbol;
use crate::partial::{Columns as _, GroupReader, GroupWriter, TraceNumber, columns};
use crate::savings::Unsettled;
use crate::span::SpanId;
use crate::trace::{Call, NO_ROW, RootReason, Row, Target, TargetKind, TraceView, total_ns};

use super::MOST_OPERATIONS_OF_NANO;

/// Answers by which scanners are told from users: who are you, you must not, there is no such thing, not this way.
const ANSWERS_TO_SCANNERS: [u16; 4] = [401, 403, 404, 405];

/// A nanoservice has one caller, beside those that only pass its requests on: more are none, whatever those turn out to be.
const MOST_CALLERS_OF_NANO: usize = 3;

/// What is known of a service.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// Entries of each capability.
    pub(super) capabilities: HashMap<Symbol, u64, FixedState>,
    /// What is asked for.
    pub(super) operations: BTreeSet<Symbol>,
    /// Services that call it and wait, of calls that both sides recorded.
    pub(super) callers: BTreeSet<Symbol>,
    /// What it calls.
    pub(super) targets: BTreeSet<Target>,
    /// Entries that are no health checks or scanners'.
    pub(super) entries: u64,
    /// Entries that nobody called, as far as traces show.
    pub(super) root_entries: u64,
    /// Calls into it that both sides recorded and that are waited for.
    pub(super) calls: u64,
    /// Counted calls that it makes.
    pub(super) calls_made: u64,
    /// Path time of its entries and what lies below them, in ns.
    pub(super) entry_ns: i64,
    /// The part of it that it spent itself or waited for a database.
    pub(super) own_ns: i64,
    /// The coarsest resolution of the times of its traces, in ns.
    pub(super) resolution_ns: i64,
    /// Its entries; the longest is the example.
    pub(super) seen: Sightings,
}

columns! {
    /// What is known of a service, sets aside.
    struct FactRow in FactColumns {
        service: Symbol,
        entries: u64,
        root_entries: u64,
        calls: u64,
        calls_made: u64,
        entry_ns: i64,
        own_ns: i64,
        resolution_ns: i64,
    }
}

columns! {
    /// A capability, an operation or a caller of a service.
    struct NameRow in NameColumns {
        service: Symbol,
        name: Symbol,
        count: u64,
    }
}

columns! {
    /// Something that a service calls.
    struct TargetRow in TargetColumns {
        service: Symbol,
        target: Option<Target>,
    }
}

columns! {
    /// A call into a service that may be too small.
    pub(super) struct NanoCall in NanoCalls {
        service: Symbol,
        trace: TraceNumber,
        row: Row,
        caller_service: Symbol,
        operation: Symbol,
        span_id: SpanId,
        start: i64,
        /// Duration of the call less that of its callee, in ns.
        network_ns: i64,
        /// Duration of the callee in ns.
        work_ns: i64,
        /// Critical-path time between them, in ns.
        path_ns: i64,
        adjusted_count: f64,
    }
}

/// What is kept.
#[derive(Debug, Default)]
pub(crate) struct ServiceFacts {
    pub(super) findings: Findings<NoDetails>,
    pub(super) services: HashMap<Symbol, Facts, FixedState>,
    pub(super) nano_calls: NanoCalls,
    /// Whether a database is called.
    pub(super) has_databases: bool,
    /// What is known already of spans of each signature: of calls who calls what, of entries whose they are, of callees who calls
    /// them.
    known_targets: LastBySignature<(Symbol, Target)>,
    known_operations: LastBySignature<(Symbol, Symbol)>,
    known_callers: LastBySignature<(Symbol, Symbol)>,
    /// What the trace says of each of its services.
    of_trace: Vec<OfTrace>,
    /// The entries of the trace, each with the place of its service.
    entries: Vec<(usize, Row)>,
}

/// What a trace says of a service: looked up once, for all its spans and calls.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct OfTrace {
    own_ns: i64,
    root_entries: u64,
    calls_made: u64,
    calls: u64,
    may_be_nano: Option<bool>,
}

impl Facts {
    /// Whether nothing that was seen so far says that it is too large for a nanoservice.
    pub(super) fn may_be_nano(&self) -> bool {
        self.calls_made == 0
            && self.root_entries == 0
            && self.callers.len() <= MOST_CALLERS_OF_NANO
            && self.operations.len() <= MOST_OPERATIONS_OF_NANO
    }

    fn merge(&mut self, other: Self) {
        for (capability, entries) in other.capabilities {
            *self.capabilities.entry(capability).or_default() += entries;
        }
        self.operations.extend(other.operations);
        self.callers.extend(other.callers);
        self.targets.extend(other.targets);
        self.entries += other.entries;
        self.root_entries += other.root_entries;
        self.calls += other.calls;
        self.calls_made += other.calls_made;
        self.entry_ns = total_ns([self.entry_ns, other.entry_ns]);
        self.own_ns = total_ns([self.own_ns, other.own_ns]);
        self.resolution_ns = self.resolution_ns.max(other.resolution_ns);
        self.seen.merge(&other.seen);
    }
}

impl ServiceFacts {
    /// Takes notice of one trace.
    pub(super) fn see(&mut self, trace: &TraceView<'_>) {
        let services = trace.services();
        let mut of_trace = std::mem::take(&mut self.of_trace);
        of_trace.clear();
        of_trace.resize_with(services.names().len(), OfTrace::default);
        self.entries.clear();
        for row in 0..trace.tree.len() as Row {
            if let Some(own_ns) = own_ns_of(trace, row) {
                let place = services.place_of(row);
                of_trace[place].own_ns = total_ns([of_trace[place].own_ns, own_ns]);
                if trace.calls.roles[row as usize].is_entry {
                    self.entries.push((place, row));
                }
            }
        }
        for root in trace.tree.path_roots.iter().filter(|root| root.reason == RootReason::Root) {
            let (own, role) = (trace.semantics_of(root.row), &trace.calls.roles[root.row as usize]);
            if (role.is_entry || own.kind.is_served()) && is_of_users(trace, root.row) {
                of_trace[services.place_of(root.row)].root_entries += 1;
            }
        }
        self.see_entries(trace);
        for call in trace.calls.calls.iter().filter(|call| call.counts) {
            self.has_databases |= call.target.kind == TargetKind::Database;
            of_trace[services.place_of(call.caller_span)].calls_made += u64::from(call.weight);
            let signature = trace.tree.signatures[call.row as usize];
            if self.known_targets.changes(signature, (call.caller_service, call.target)) {
                self.services.entry(call.caller_service).or_default().targets.insert(call.target);
            }
            self.see_callee(trace, call, &mut of_trace);
        }
        for (&service, of_trace) in services.names().iter().zip(&of_trace) {
            if *of_trace != OfTrace::default() {
                let facts = self.services.entry(service).or_default();
                facts.own_ns = total_ns([facts.own_ns, of_trace.own_ns]);
                facts.root_entries += of_trace.root_entries;
                facts.calls_made += of_trace.calls_made;
                facts.calls += of_trace.calls;
            }
        }
        self.of_trace = of_trace;
    }

    /// Takes notice of the entries of the trace, service by service.
    fn see_entries(&mut self, trace: &TraceView<'_>) {
        self.entries.sort_unstable();
        for of_service in self.entries.chunk_by(|left, right| left.0 == right.0) {
            let service = trace.service(of_service[0].1);
            let facts = self.services.entry(service).or_default();
            facts.entries += of_service.len() as u64;
            facts.resolution_ns = facts.resolution_ns.max(trace.tree.resolution_ns);
            for (number, &(_, row)) in of_service.iter().enumerate() {
                // What one of the same service above it waits for is part of that one's time.
                if number == 0 || !has_entry_above(trace, row, service) {
                    facts.entry_ns = total_ns([facts.entry_ns, trace.path_time(row)]);
                }
                let operation = trace.entry_operation(row);
                if self.known_operations.changes(trace.tree.signatures[row as usize], (service, operation)) {
                    facts.operations.insert(operation);
                }
                let capability = trace.semantics_of(row).capability;
                if capability != Symbol::EMPTY {
                    *facts.capabilities.entry(capability).or_default() += 1;
                }
                facts.seen.take(trace, row, trace.duration(row));
                if number == 0 {
                    facts.seen.count_trace(trace, row);
                }
            }
        }
    }

    /// Takes notice of a call into a service that is waited for.
    fn see_callee(&mut self, trace: &TraceView<'_>, call: &Call, of_trace: &mut [OfTrace]) {
        if call.callee == NO_ROW
            || call.target.kind != TargetKind::Service
            || !trace.tree.waits_for(call.row, call.callee)
            || !is_of_users(trace, call.callee)
        {
            return;
        }
        let service = trace.service(call.callee);
        let of_trace = &mut of_trace[trace.services().place_of(call.callee)];
        // Of a call that its caller did not record it is known who made it, and no more.
        let is_recorded = call.callee != call.row;
        of_trace.calls += if is_recorded { u64::from(call.weight) } else { 0 };
        let signature = trace.tree.signatures[call.callee as usize];
        if self.known_callers.changes(signature, (service, call.caller_service)) {
            self.services.entry(service).or_default().callers.insert(call.caller_service);
            of_trace.may_be_nano = None;
        }
        if !is_recorded {
            return;
        }
        let may_be_nano = || self.services.entry(service).or_default().may_be_nano();
        if !*of_trace.may_be_nano.get_or_insert_with(may_be_nano) {
            return;
        }
        let span_id = trace.span_id(call.row);
        let (duration, work_ns) = (trace.duration(call.row), trace.duration(call.callee));
        self.nano_calls.push(NanoCall {
            service,
            trace: TraceNumber(trace.number),
            row: call.row,
            caller_service: call.caller_service,
            operation: call.operation,
            span_id,
            start: trace.start(call.row),
            network_ns: duration.saturating_sub(work_ns),
            work_ns,
            path_ns: trace.call_path_time(call).saturating_sub(trace.path_time(call.callee)).max(0),
            adjusted_count: trace.adjusted_counts().of_evidence(trace, &[span_id]),
        });
    }
}

/// The path time in ns of the span itself that is its service's own work, or a wait for a database; `None` if it has no part in a
/// user's request, or no time and is no entry.
fn own_ns_of(trace: &TraceView<'_>, row: Row) -> Option<i64> {
    let role = &trace.calls.roles[row as usize];
    let path_ns = trace.paths.own[row as usize];
    if !role.is_entry && path_ns == 0 {
        return None;
    }
    // What is left out takes its time with it.
    let entry = if role.is_entry { row } else { role.caller_span };
    if !trace.calls.roles[entry as usize].is_entry || !is_of_users(trace, entry) {
        return None;
    }
    Some(if is_of_service_or_database(trace, row) { path_ns } else { 0 })
}

/// Whether path time of the span itself is its service's own work, or a wait for a database.
fn is_of_service_or_database(trace: &TraceView<'_>, row: Row) -> bool {
    let owner = trace.calls.roles[row as usize].owner;
    owner == NO_ROW || trace.reached_by(owner).1.kind == TargetKind::Database
}

/// Whether a request is a user's: no health check, and not answered as scanners are.
fn is_of_users(trace: &TraceView<'_>, entry: Row) -> bool {
    let own = trace.semantics_of(entry);
    !own.is_heartbeat && !ANSWERS_TO_SCANNERS.contains(&own.http_status) && !trace.is_probe(entry)
}

/// Whether a user's request to the same service waits for that at `row`, so that its path time holds the other's.
fn has_entry_above(trace: &TraceView<'_>, row: Row, service: Symbol) -> bool {
    let mut above = trace.tree.waiting_parent(row);
    while above != NO_ROW {
        let is_entry = trace.calls.roles[above as usize].is_entry;
        if is_entry && trace.service(above) == service && is_of_users(trace, above) {
            return true;
        }
        above = trace.tree.waiting_parent(above);
    }
    false
}

impl Seen for ServiceFacts {
    fn merge(&mut self, other: Self) {
        self.findings.merge(other.findings);
        self.has_databases |= other.has_databases;
        for (service, facts) in other.services {
            self.services.entry(service).or_default().merge(facts);
        }
        self.nano_calls.append(other.nano_calls);
        // What two parts know together may say that a service is too large.
        let kept: Vec<bool> =
            self.nano_calls.service.iter().map(|service| self.services[service].may_be_nano()).collect();
        if kept.contains(&false) {
            self.nano_calls.retain(&|row| kept[row]);
        }
    }

    fn renumber_traces(&mut self, rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {
        self.findings.renumber_traces(rank_of);
        self.nano_calls.trace.iter_mut().for_each(|trace| *trace = rank_of(*trace));
    }

    fn bytes(&self) -> usize {
        self.findings.bytes() + self.services.capacity() * size_of::<(Symbol, Facts)>() + self.nano_calls.bytes()
    }

    fn unsettled(&mut self) -> Option<Unsettled<'_>> {
        None
    }

    fn write(&self, group: &mut GroupWriter<'_>) {
        let mut services: Vec<(&Symbol, &Facts)> = self.services.iter().collect();
        services.sort_unstable_by_key(|&(service, _)| service);
        let row = |&(&service, facts): &(&Symbol, &Facts)| {
            let &Facts { entries, root_entries, calls, calls_made, entry_ns, own_ns, resolution_ns, .. } = facts;
            let row = FactRow { service, entries, root_entries, calls, calls_made, entry_ns, own_ns, resolution_ns };
            (row, facts.seen.clone())
        };
        write_seen::<FactColumns>(services.iter().map(row), group);
        let (mut capabilities, mut operations, mut callers, mut targets) =
            (NameColumns::default(), NameColumns::default(), NameColumns::default(), TargetColumns::default());
        for (&service, facts) in services {
            let mut of_service: Vec<(&Symbol, &u64)> = facts.capabilities.iter().collect();
            of_service.sort_unstable();
            of_service.iter().for_each(|&(&name, &count)| capabilities.push(NameRow { service, name, count }));
            facts.operations.iter().for_each(|&name| operations.push(NameRow { service, name, count: 1 }));
            facts.callers.iter().for_each(|&name| callers.push(NameRow { service, name, count: 1 }));
            facts.targets.iter().for_each(|&target| targets.push(TargetRow { service, target: Some(target) }));
        }
        group.beside(CAPABILITIES, |group| capabilities.write("", group));
        group.beside(OPERATIONS, |group| operations.write("", group));
        group.beside(CALLERS, |group| callers.write("", group));
        group.beside(TARGETS, |group| targets.write("", group));
        group.beside(NANO_CALLS, |group| self.nano_calls.write("", group));
        group.beside(DATABASES, |group| group.bools("has_databases", std::iter::once(self.has_databases)));
    }

    fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let (columns, seen) = read_seen::<FactColumns>(group)?;
        let facts = |row: usize| {
            let facts = Facts {
                entries: columns.entries[row],
                root_entries: columns.root_entries[row],
                calls: columns.calls[row],
                calls_made: columns.calls_made[row],
                entry_ns: columns.entry_ns[row],
                own_ns: columns.own_ns[row],
                resolution_ns: columns.resolution_ns[row],
                seen: seen.get(row),
                ..Facts::default()
            };
            (columns.service[row], facts)
        };
        let mut services: HashMap<Symbol, Facts, FixedState> = (0..columns.service.len()).map(facts).collect();
        let names = |name: &str| group.beside(name, |group| NameColumns::read("", group));
        let capabilities = names(CAPABILITIES)?;
        for row in 0..capabilities.service.len() {
            let facts = services.entry(capabilities.service[row]).or_default();
            *facts.capabilities.entry(capabilities.name[row]).or_default() += capabilities.count[row];
        }
        let (operations, callers) = (names(OPERATIONS)?, names(CALLERS)?);
        for (&service, &name) in operations.service.iter().zip(&operations.name) {
            services.entry(service).or_default().operations.insert(name);
        }
        for (&service, &name) in callers.service.iter().zip(&callers.name) {
            services.entry(service).or_default().callers.insert(name);
        }
        let targets = group.beside(TARGETS, |group| TargetColumns::read("", group))?;
        for (row, &service) in targets.service.iter().enumerate() {
            services.entry(service).or_default().targets.extend(targets.target.get(row));
        }
        let nano_calls = group.beside(NANO_CALLS, |group| NanoCalls::read("", group))?;
        nano_calls.service.iter().for_each(|service| _ = services.entry(*service).or_default());
        let has_databases = group.beside(DATABASES, |group| group.bools("has_databases"))?.contains(&true);
        Ok(Self { services, nano_calls, has_databases, ..Self::default() })
    }
}

/// Names of groups.
const CAPABILITIES: &str = "capabilities";
const OPERATIONS: &str = "operations";
const CALLERS: &str = "callers";
const TARGETS: &str = "targets";
const NANO_CALLS: &str = "nano_calls";
const DATABASES: &str = "databases";
