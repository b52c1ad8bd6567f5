//! What a detector sees of a trace.

use std::hash::{Hash, Hasher};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::conventions::{ArgumentKind, ErrorClass, OwnAttribute};
use crate::frame::{SignatureId, Symbol, TraceRows};
use crate::span::{SpanId, SpanKind, TraceId};

use super::calls::{Call, CallRole, Calls, NO_CALL};
use super::critical_path::{CriticalPaths, OverlapTolerance, Section, Windows};
use super::messages::MessageRole;
use super::on_demand::{
    AdjustedCounts, Backoff, Backoffs, CallsByTarget, Failures, FirstOperations, Hops, OnDemand, RetrySequences,
    Services, SoleCallees,
};
use super::semantics::{DataUse, Semantics, SpanSemantics};
use super::target::{Target, TargetKind};
use super::total_ns::total_ns;
use super::tree::{NO_ROW, PathRoot, RootReason, Row, Tree};

/// What a section of a critical path was spent on. The variants are in the order of their names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Component {
    /// The service pauses between two attempts.
    Backoff,
    /// A call's span outside its synchronous callee: network, queueing, pools.
    Network,
    /// The service works.
    SelfTime,
    /// Any other exit span: waiting for a database, a host, a poll.
    Wait,
}

impl Component {
    /// All components, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Backoff, Self::Network, Self::SelfTime, Self::Wait];

    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Backoff => "backoff",
            Self::Network => "network",
            Self::SelfTime => "self",
            Self::Wait => "wait",
        }
    }
}

/// Where path time is booked: service, operation, component and, unless it is the service's own work, target.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// The service that spends the time.
    pub service: Symbol,
    /// The span's own operation for the service's work, the call's otherwise.
    pub operation: Symbol,
    /// What it is spent on.
    pub component: Component,
    /// Name of the target; empty for the service's own work.
    pub target: Symbol,
}

/// Two words instead of five, because every span of a path is looked up by its place.
impl Hash for Place {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { service, operation, component, target } = *self;
        state.write_u64(u64::from(service.0) << 32 | u64::from(operation.0));
        state.write_u64(u64::from(target.0) << 32 | component as u64);
    }
}

/// Where requests come in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Entry {
    /// Root, segment or fragment.
    pub(crate) kind: RootReason,
    /// The root's service.
    pub(crate) service: Symbol,
    /// The root's operation.
    pub(crate) operation: Symbol,
}

/// The callee names that calls with a recorded callee show, by (caller, target, caller-side operation); `None` where there
/// are several. Calls that recorded no callee take their operation from here.
#[derive(Clone, Debug, Default)]
pub struct CalleeNames {
    names: HashMap<(Symbol, Symbol, Symbol), Option<Symbol>, FixedState>,
    /// Signatures of exit spans and callees of which notice was taken, and the services that they belong to: what a call says
    /// follows from them. Each pair has one place, where the next one replaces it.
    known: Vec<KnownPair>,
}

type KnownPair = [(SignatureId, Symbol); 2];

const KNOWN_PAIRS: usize = 1 << 12;

impl CalleeNames {
    /// Takes notice of the calls of one trace.
    pub fn learn(&mut self, trace: &TraceModel) {
        const NONE: (SignatureId, Symbol) = (SignatureId(u32::MAX), Symbol::EMPTY);
        self.known.resize(KNOWN_PAIRS, [NONE; 2]);
        let signature = |row: Row| trace.tree.signatures[row as usize];
        for call in trace.calls.calls.iter().filter(|call| call.callee != NO_ROW && call.callee != call.row) {
            let (exit, callee) = (signature(call.row), signature(call.callee));
            let pair = [(exit, call.caller_service), (callee, call.target.name)];
            let place = exit.index().wrapping_mul(31).wrapping_add(callee.index()) % KNOWN_PAIRS;
            if self.known[place] == pair {
                continue;
            }
            self.known[place] = pair;
            self.add((call.caller_service, call.target.name, call.caller_side_operation), Some(call.operation));
        }
    }

    /// What was learnt, by caller, target and caller-side operation; no name where there are several.
    pub(crate) fn entries(&self) -> impl Iterator<Item = ([Symbol; 3], Option<Symbol>)> {
        self.names.iter().map(|(&(caller, target, operation), &name)| ([caller, target, operation], name))
    }

    /// Takes in what was learnt elsewhere.
    pub(crate) fn learnt(&mut self, [caller, target, operation]: [Symbol; 3], name: Option<Symbol>) {
        self.add((caller, target, operation), name);
    }

    /// Takes in what was learnt from other traces.
    pub fn merge(&mut self, other: Self) {
        for (key, name) in other.names {
            self.add(key, name);
        }
    }

    fn add(&mut self, key: (Symbol, Symbol, Symbol), name: Option<Symbol>) {
        self.names
            .entry(key)
            .and_modify(|known| {
                if *known != name {
                    *known = None;
                }
            })
            .or_insert(name);
    }

    fn get(&self, call: &Call) -> Option<Symbol> {
        *self.names.get(&(call.caller_service, call.target.name, call.caller_side_operation))?
    }
}

/// Buffers for one trace at a time.
#[derive(Debug, Default)]
pub struct TraceModel {
    tree: Tree,
    calls: Calls,
    paths: CriticalPaths,
    demanded: Demanded,
}

/// Facts about one trace that only some detectors ask for.
#[derive(Debug, Default)]
struct Demanded {
    retries: OnDemand<RetrySequences>,
    backoffs: OnDemand<Backoffs>,
    failures: OnDemand<Failures>,
    calls_by_target: OnDemand<CallsByTarget>,
    adjusted_counts: OnDemand<AdjustedCounts>,
    first_operations: OnDemand<FirstOperations>,
    hops: OnDemand<Hops>,
    services: OnDemand<Services>,
    sole_callees: OnDemand<SoleCallees>,
    windows: OnDemand<Windows>,
}

impl Demanded {
    fn forget(&mut self) {
        let Self {
            retries,
            backoffs,
            failures,
            calls_by_target,
            adjusted_counts,
            first_operations,
            hops,
            services,
            sole_callees,
            windows,
        } = self;
        retries.forget();
        backoffs.forget();
        failures.forget();
        calls_by_target.forget();
        adjusted_counts.forget();
        first_operations.forget();
        hops.forget();
        services.forget();
        sole_callees.forget();
        windows.forget();
    }
}

impl TraceModel {
    /// Rebuilds tree and calls from the rows of a trace. The answer tells whether an operation of a call depends on what
    /// other traces say: then [`TraceModel::name_operations`] must follow once all traces were seen.
    pub fn rebuild(&mut self, trace: TraceRows<'_>, semantics: &Semantics) -> bool {
        self.tree.rebuild(trace, semantics);
        self.calls.rebuild(&self.tree, semantics);
        self.calls.has_open_operations
    }

    /// Whether a target of the trace would be another one if other services were in the input.
    pub(crate) fn depends_on_services(&self, semantics: &Semantics) -> bool {
        let depends = |(signature, role): (&SignatureId, &CallRole)| {
            role.callee == NO_ROW && semantics.by_signature[signature.index()].depends_on_services
        };
        self.tree.signatures.iter().zip(&self.calls.roles).any(depends)
    }

    /// Names the operations of calls to services that recorded no callee.
    pub fn name_operations(&mut self, names: &CalleeNames) {
        for call in &mut self.calls.calls {
            if call.callee == NO_ROW
                && call.target.kind == super::TargetKind::Service
                && let Some(name) = names.get(call)
            {
                call.operation = name;
            }
        }
    }

    /// Makes calls one operation that only their URL names, if of that one segment varies. What other traces name is named.
    fn unite_operations(&mut self, semantics: &Semantics) {
        if semantics.repetitions.is_empty() {
            return;
        }
        let of_row = |row: Row| &semantics.by_signature[self.tree.signatures[row as usize].index()];
        let is_named_by_url = |call: &Call| {
            call.callee == NO_ROW && of_row(call.row).is_variant_of_url && call.operation == call.caller_side_operation
        };
        let named_by_url: Vec<u32> =
            (0..).zip(&self.calls.calls).filter(|(_, call)| is_named_by_url(call)).map(|(index, _)| index).collect();
        semantics.repetitions.unite(&mut self.calls.calls, |call| of_row(call.row).method, named_by_url);
    }

    /// Works out the critical paths and gives the whole view. `number` is that of the trace in the input.
    pub fn view<'a>(
        &'a mut self,
        number: u32,
        trace_id: TraceId,
        semantics: &'a Semantics,
        tolerance: OverlapTolerance,
    ) -> TraceView<'a> {
        self.unite_operations(semantics);
        self.paths.rebuild(&self.tree, semantics, tolerance);
        self.demanded.forget();
        let Self { tree, calls, paths, demanded } = self;
        TraceView { number, trace_id, semantics, tree, calls, paths, tolerance, demanded }
    }
}

/// One trace, rebuilt.
#[derive(Clone, Copy, Debug)]
pub struct TraceView<'a> {
    /// Number of the trace in the input.
    pub number: u32,
    /// Id of the trace.
    pub trace_id: TraceId,
    /// What signatures tell, and the strings.
    pub semantics: &'a Semantics,
    /// Spans, parents, path roots.
    pub tree: &'a Tree,
    /// Calls and failures.
    pub calls: &'a Calls,
    /// Critical paths.
    pub paths: &'a CriticalPaths,
    tolerance: OverlapTolerance,
    demanded: &'a Demanded,
}

impl<'a> TraceView<'a> {
    /// The retry sequences.
    pub fn retries(&self) -> &'a RetrySequences {
        self.demanded.retries.get(|retries| retries.rebuild(self))
    }

    /// The pauses between attempts on critical paths, in the order of sections.
    pub(crate) fn backoffs(&self) -> &'a [Backoff] {
        self.demanded.backoffs.get(|backoffs| backoffs.rebuild(self)).pieces()
    }

    /// Where failures begin and how far they go.
    pub(crate) fn failures(&self) -> &'a Failures {
        self.demanded.failures.get(|failures| failures.rebuild(self))
    }

    /// The counted calls, those to one target side by side.
    pub(crate) fn calls_by_target(&self) -> &'a CallsByTarget {
        self.demanded.calls_by_target.get(|calls| calls.rebuild(self))
    }

    /// Synchronous calls from service to service.
    pub(crate) fn hops(&self) -> &'a Hops {
        self.demanded.hops.get(|hops| hops.rebuild(self))
    }

    /// The services, and whose each span is.
    pub(crate) fn services(&self) -> &'a Services {
        self.demanded.services.get(|services| services.rebuild(self))
    }

    /// Which service each span asks, where it asks only one.
    pub(crate) fn sole_callees(&self) -> &'a SoleCallees {
        self.demanded.sole_callees.get(|callees| callees.rebuild(self))
    }

    /// Whether the span can call: an entry span, or one without parent.
    pub(crate) fn is_caller_span(&self, row: Row) -> bool {
        self.calls.roles[row as usize].is_entry || self.tree.parents[row as usize] == NO_ROW
    }

    /// What sampling says.
    pub(crate) fn adjusted_counts(&self) -> &'a AdjustedCounts {
        self.demanded.adjusted_counts.get(|counts| counts.rebuild(self))
    }

    /// The window of every span.
    pub(crate) fn windows(&self) -> &'a Windows {
        self.demanded.windows.get(|windows| windows.rebuild(self.tree, self.semantics, self.tolerance))
    }

    /// What the signature of a span tells.
    pub fn semantics_of(&self, row: Row) -> &'a SpanSemantics {
        &self.semantics.by_signature[self.tree.signatures[row as usize].index()]
    }

    /// What a span does with messages.
    pub(crate) fn message_role(&self, row: Row) -> MessageRole {
        let signature = self.tree.signatures[row as usize];
        self.semantics.message_roles.get(signature.index()).copied().unwrap_or_default()
    }

    /// What a span does with data if it is a call. Only if a detector asks ([`Asked::data_use`](super::Asked)).
    pub(crate) fn data_use(&self, row: Row) -> &'a DataUse {
        self.semantics.data_use(self.tree.signatures[row as usize])
    }

    /// Whether a call changes something: whether it is to a database, publishes a message, or is an HTTP request of which
    /// nobody else recorded what became. It may have failed.
    pub(crate) fn is_write(&self, call: &Call) -> bool {
        let data_use = self.data_use(call.row);
        // Search engines and document stores are asked by POST too: what the request is for stands in the driver's span above it.
        let driver = self.calls.roles[call.row as usize].exit_above();
        let reads_alone = driver != NO_ROW && self.data_use(driver).reads_database;
        let writes_by_http = data_use.writes_by_http && call.callee == NO_ROW && !reads_alone;
        call.counts && (data_use.writes_database || data_use.publishes || writes_by_http)
    }

    /// The service of a span.
    pub fn service(&self, row: Row) -> Symbol {
        self.tree.service(row, self.semantics)
    }

    /// Path time in ns of a call and everything below it on its caller span's path: none if its span roots a segment of its
    /// own, unless that is its caller span.
    pub fn call_path_time(&self, call: &Call) -> i64 {
        let is_elsewhere = self.tree.is_async[call.row as usize] && call.caller_span != call.row;
        if is_elsewhere { 0 } else { self.path_time(call.row) }
    }

    /// Whether a call asks a generative model, itself or as the HTTP request of a client that does.
    pub fn asks_model(&self, call: &Call) -> bool {
        if !self.semantics.has_gen_ai {
            return false;
        }
        let own = self.semantics_of(call.row);
        let above = self.calls.roles[call.row as usize].exit_above();
        own.is_gen_ai || (own.is_http && above != NO_ROW && self.semantics_of(above).is_gen_ai)
    }

    /// Whether a span leaves a service when whoever is above it waits no more: it serves nobody.
    pub(crate) fn is_late_exit(&self, row: Row) -> bool {
        let role = &self.calls.roles[row as usize];
        role.is_exit && !role.is_entry && self.tree.is_async[row as usize]
    }

    /// The id of a span.
    pub fn span_id(&self, row: Row) -> SpanId {
        self.tree.span_ids[row as usize]
    }

    /// Whether a call goes along an edge between a service and what it needs: a counted one to a service, an external host or
    /// a database that no CONSUMER answers.
    pub(crate) fn is_edge_call(&self, call: &Call) -> bool {
        let has_kind = matches!(call.target.kind, TargetKind::Database | TargetKind::External | TargetKind::Service);
        let is_answered_by_consumer =
            || call.callee != NO_ROW && self.tree.kind(call.callee, self.semantics) == SpanKind::Consumer;
        call.counts && has_kind && !is_answered_by_consumer()
    }

    /// The value of `attribute` of a span, or its hash; `None` if it has none, or if nobody asks for it
    /// (`own_attributes`).
    pub fn own(&self, row: Row, attribute: OwnAttribute) -> Option<u64> {
        self.tree.own_values.value(row as usize, attribute)
    }

    /// Whether a health check or a monitor made the request that begins the trace at this span, as its user agent says
    /// ([`OwnAttribute::Probe`]).
    pub(crate) fn is_probe(&self, row: Row) -> bool {
        self.tree.parents[row as usize] == NO_ROW && self.own(row, OwnAttribute::Probe).is_some()
    }

    /// Whether a span has any value that somebody asks for.
    pub(crate) fn has_own(&self, row: Row) -> bool {
        self.tree.own_values.has_any(row as usize)
    }

    /// How long in ns who answered a span's request asked to wait before the next one; `None` if nobody did, or if nobody asks
    /// for [`OwnAttribute::RetryAfter`].
    pub(crate) fn retry_after_ns(&self, row: Row) -> Option<i64> {
        self.own(row, OwnAttribute::RetryAfter).map(|delay| delay as i64 - 1)
    }

    /// Which instance of its service made a span, as a number by which instances are told apart; `None` if its resource does
    /// not say, or if nobody asks for [`OwnAttributes::INSTANCE`](crate::conventions::OwnAttributes::INSTANCE).
    pub(crate) fn instance(&self, row: Row) -> Option<u64> {
        [OwnAttribute::Instance, OwnAttribute::PodName, OwnAttribute::PodUid, OwnAttribute::HostName]
            .into_iter()
            .find_map(|attribute| self.own(row, attribute))
    }

    /// The instance that a call belongs to: that of its caller span, else that of its own span.
    pub(crate) fn instance_of_call(&self, call: &Call) -> Option<u64> {
        self.instance(call.caller_span).or_else(|| self.instance(call.row))
    }

    /// The arguments of a call's span, if equal ones make two calls one request. The URL of a request with a body says nothing of
    /// what stands in that, and a path nothing of the query.
    pub(crate) fn request_of(&self, row: Row) -> Option<u64> {
        let arguments = self.tree.arguments[row as usize];
        match ArgumentKind::of(arguments)? {
            ArgumentKind::Url if !self.semantics_of(row).is_read => None,
            ArgumentKind::Path => None,
            _ => Some(arguments),
        }
    }

    /// The arguments of a call's span, if equal ones are answered alike: all that was asked for is known.
    pub(crate) fn question_of(&self, row: Row) -> Option<u64> {
        let arguments = self.request_of(row)?;
        (ArgumentKind::of(arguments) != Some(ArgumentKind::Id)).then_some(arguments)
    }

    /// Start of a span in ns since 1970.
    pub fn start(&self, row: Row) -> i64 {
        self.tree.starts[row as usize]
    }

    /// End of a span in ns since 1970.
    pub fn end(&self, row: Row) -> i64 {
        self.tree.ends[row as usize]
    }

    /// Duration of a span in ns.
    pub fn duration(&self, row: Row) -> i64 {
        self.end(row) - self.start(row)
    }

    /// Path time in ns of a span and everything below it on the same path.
    pub fn path_time(&self, row: Row) -> i64 {
        self.paths.inclusive[row as usize]
    }

    /// The operation that an entry span, a root or a topmost span stands for. A root that is named only by a method takes
    /// the operation of its first call with a recorded callee.
    pub fn entry_operation(&self, row: Row) -> Symbol {
        let semantics = self.semantics_of(row);
        if semantics.entry_operation_is_bare && self.tree.parents[row as usize] == NO_ROW {
            let first = self.demanded.first_operations.get(|operations| operations.rebuild(self)).get(row);
            if let Some(operation) = first {
                return operation;
            }
        }
        semantics.entry_operation
    }

    /// The operation at the origin of a call.
    pub fn caller_operation(&self, call: &Call) -> Symbol {
        self.entry_operation(call.caller_span)
    }

    /// Where the own path time of `row` is booked.
    pub fn place(&self, row: Row) -> Place {
        let semantics = self.semantics_of(row);
        let owner = self.calls.roles[row as usize].owner;
        if owner == NO_ROW {
            let callee = self.calls.callee_behind_proxy(row, self.tree);
            if callee != NO_ROW {
                return Place {
                    service: self.service(row),
                    operation: self.semantics_of(callee).entry_operation,
                    component: Component::Network,
                    target: self.service(callee),
                };
            }
            let operation = if self.tree.parents[row as usize] == NO_ROW || self.calls.roles[row as usize].is_entry {
                self.entry_operation(row)
            } else {
                semantics.operation
            };
            return Place {
                service: self.service(row),
                operation,
                component: Component::SelfTime,
                target: Symbol::EMPTY,
            };
        }
        let callee = self.calls.roles[owner as usize].callee;
        let waits_for_callee = callee != NO_ROW && self.tree.waits_for(owner, callee);
        let component = if waits_for_callee { Component::Network } else { Component::Wait };
        let (operation, target) = self.reached_by(owner);
        Place { service: self.service(row), operation, component, target: target.name }
    }

    /// Class of the error of a failed span; of a call that of the call, which its callee may tell.
    pub(crate) fn error_class_of(&self, row: Row) -> ErrorClass {
        let call = self.calls.calls.get(self.calls.roles[row as usize].call_of_exit as usize);
        match call.filter(|call| call.row == row) {
            Some(call) => self.calls.error_class(call, self.tree, self.semantics),
            None => self.semantics_of(row).error_class,
        }
    }

    /// Where a pause between attempts is booked.
    pub(crate) fn place_of_backoff(&self, backoff: &Backoff) -> Place {
        let Backoff { section, operation, target, .. } = *backoff;
        let service = self.service(self.paths.sections[section].row);
        Place { service, operation, component: Component::Backoff, target: target.name }
    }

    /// The kind of the target of [`TraceView::place`]; `None` for the service's own work.
    pub(crate) fn target_kind_of_place(&self, row: Row, place: &Place) -> Option<TargetKind> {
        match place.component {
            // Pauses are no places of spans.
            Component::SelfTime | Component::Backoff => None,
            // It was reached, so it is a service.
            Component::Network => Some(TargetKind::Service),
            Component::Wait => {
                let owner = self.calls.roles[row as usize].owner;
                (owner != NO_ROW).then(|| self.reached_by(owner).1.kind)
            }
        }
    }

    /// Where requests come in that begin at a path root.
    pub(crate) fn entry_of(&self, root: &PathRoot) -> Entry {
        Entry { kind: root.reason, service: self.service(root.row), operation: self.entry_operation(root.row) }
    }

    /// Shows the sections of path number `index` in the order of time, cut where pauses between attempts begin and end; each
    /// piece that is a pause with that.
    pub(crate) fn for_each_piece(&self, index: usize, mut show: impl FnMut(Section, Option<&Backoff>)) {
        let first = self.paths.section_starts[index];
        let backoffs = self.backoffs();
        let mut next = backoffs.partition_point(|backoff| backoff.section < first);
        for (number, &section) in (first..).zip(self.paths.sections_of(index)) {
            let mut cursor = section.start;
            let mut show_until = |end: i64, backoff: Option<&Backoff>| {
                if cursor < end {
                    show(Section { row: section.row, start: cursor, end }, backoff);
                    cursor = end;
                }
            };
            while let Some(backoff) = backoffs.get(next).filter(|backoff| backoff.section == number) {
                show_until(backoff.start, None);
                show_until(backoff.end, Some(backoff));
                next += 1;
            }
            show_until(section.end, None);
        }
    }

    /// The pieces of path number `index` in the order of time, and where each is booked.
    pub(crate) fn booked_sections(&self, index: usize) -> Vec<(Section, Place)> {
        let mut booked = Vec::new();
        self.for_each_piece(index, |piece, backoff| {
            let place = backoff.map_or_else(|| self.place(piece.row), |backoff| self.place_of_backoff(backoff));
            booked.push((piece, place));
        });
        booked
    }

    /// Operation and target of an exit span: its call's, or its own if it is no call.
    pub(crate) fn reached_by(&self, exit: Row) -> (Symbol, Target) {
        match self.calls.roles[exit as usize].call_of_exit {
            NO_CALL => {
                let target = self.semantics.target_of(self.tree.signatures[exit as usize], self.service(exit));
                (self.semantics_of(exit).call_operation, target)
            }
            call => {
                let call = &self.calls.calls[call as usize];
                (call.operation, call.target)
            }
        }
    }

    /// Path time in ns between `start` and `end` (ns since 1970) of spans at or below `ancestor`, on the path that
    /// `ancestor` lies on.
    pub fn path_time_within(&self, ancestor: Row, start: i64, end: i64) -> i64 {
        self.path_time_within_of(ancestor, start, end, |_| true)
    }

    /// The same of the spans at and below `ancestor` that are of its service.
    pub(crate) fn own_path_time_within(&self, ancestor: Row, start: i64, end: i64) -> i64 {
        let service = self.service(ancestor);
        self.path_time_within_of(ancestor, start, end, |row| self.service(row) == service)
    }

    fn path_time_within_of(&self, ancestor: Row, start: i64, end: i64, counts: impl Fn(Row) -> bool) -> i64 {
        let root = self.tree.path_root_of(ancestor);
        let path = self.tree.path_roots.partition_point(|path| path.row < root);
        let sections = self.paths.sections_of(path);
        let first = sections.partition_point(|section| section.end <= start);
        let below = sections[first..]
            .iter()
            .take_while(|section| section.start < end)
            .filter(|section| self.tree.is_at_or_below(section.row, ancestor) && counts(section.row));
        total_ns(below.map(|section: &Section| section.end.min(end) - section.start.max(start)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conventions::OwnAttribute;
    use crate::trace::sample::Sample;

    /// A call belongs to the instance of its caller span, wherever its own span says that it was made; only a caller span
    /// without an instance leaves that to the call's own.
    #[test]
    fn calls_belong_to_the_instance_of_their_caller() {
        let sample = Sample::of(
            "
            1 1 0 web  SERVER get    0..9 resource.host.name=a
            1 2 1 web  CLIENT first  1..2 resource.host.name=b server.address=x
            1 3 1 cart SERVER second 3..4 resource.host.name=c
            2 1 0 web  SERVER get    0..9
            2 2 1 web  CLIENT first  1..2 resource.host.name=b server.address=x
            2 3 1 web  CLIENT second 3..4 server.address=x host.name=d
            ",
        );
        let value = |name: &str| Some(OwnAttribute::Instance.value_of(name));
        for (index, (of_spans, of_calls)) in [
            ([value("a"), value("b"), value("c")], [value("a"), value("a")]),
            ([None, value("b"), None], [value("b"), None]),
        ]
        .into_iter()
        .enumerate()
        {
            sample.with_trace(index, 0, |trace| {
                let mut instances: Vec<(SpanId, Option<u64>)> =
                    (0..3).map(|row| (trace.span_id(row), trace.instance(row))).collect();
                instances.sort();
                assert_eq!(instances.iter().map(|(_, instance)| *instance).collect::<Vec<_>>(), of_spans);
                let mut calls: Vec<(SpanId, Option<u64>)> = trace
                    .calls
                    .calls
                    .iter()
                    .map(|call| (trace.span_id(call.row), trace.instance_of_call(call)))
                    .collect();
                calls.sort();
                assert_eq!(calls.iter().map(|(_, instance)| *instance).collect::<Vec<_>>(), of_calls);
                assert_eq!(trace.instance(NO_ROW), None);
            });
        }
    }
}
