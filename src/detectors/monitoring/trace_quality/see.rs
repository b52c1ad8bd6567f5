//! Looks at one trace.

use super::contexts::{LoneCall, ServedRoot};
use super::rules::Rule;
use super::seen::{EdgeFacts, Instance, Missing, Places, SeenQuality};
use crate::conventions::{FindingKind, OwnAttribute};
use crate::detectors::kit::Sightings;
use crate::frame::Symbol;
use crate::span::SpanKind;
use crate::trace::{Call, NO_ROW, RootReason, Row, SpanSemantics, TargetKind, TraceView};

/// Callees that stick out of their calls by more show that clocks differ.
const MAX_SKEW_NS: i64 = 2_000_000;

/// So short spans are counted by the rule of instrumentation-score, and more than so many of them in a trace are too many.
const SHORT_NS: i64 = 5_000_000;
const MAX_SHORT: u32 = 20;
/// The same of spans within a service.
const MAX_INTERNAL: u32 = 10;

/// What is worked out of one trace; used again for the next.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    services: Vec<OfService>,
    /// Rows with a parent or a child in another service.
    between: Vec<bool>,
    found: Vec<Found>,
    /// Calls whose callees begin when they have ended: caller, target and span.
    late: Vec<(Symbol, Symbol, Row)>,
}

/// A service in the trace.
#[derive(Debug)]
struct OfService {
    service: Symbol,
    first: Row,
    spans: u64,
    calls: u64,
    roots: u64,
    internal: u32,
    short: u32,
    failed: u32,
    /// The last instance, and where it was.
    instance: Option<(u64, Places)>,
}

/// What was found of a kind in the trace.
#[derive(Debug)]
struct Found {
    key: (FindingKind, Symbol, Symbol),
    spans: u64,
    first: Row,
}

impl Scratch {
    fn add(&mut self, kind: FindingKind, service: Symbol, target: Symbol, row: Row, spans: u64) {
        let key = (kind, service, target);
        match self.found.iter_mut().find(|found| found.key == key) {
            Some(found) => {
                found.spans += spans;
                found.first = found.first.min(row);
            }
            None => self.found.push(Found { key, spans, first: row }),
        }
    }
}

/// Takes what a trace says into `seen`.
pub(super) fn see(trace: &TraceView<'_>, seen: &mut SeenQuality) {
    if trace.tree.is_empty() {
        return;
    }
    let mut scratch = std::mem::take(&mut seen.scratch);
    scratch.services.clear();
    scratch.found.clear();
    scratch.late.clear();
    see_spans(trace, &mut scratch, seen);
    see_kinds(trace, &mut scratch);
    see_roots(trace, &mut scratch, seen);
    trace.calls.calls.iter().filter(|call| call.counts).for_each(|call| see_call(trace, call, &mut scratch, seen));
    see_late(trace, &scratch, seen);
    for of_service in &scratch.services {
        let too_many =
            [(Rule::Internal, of_service.internal > MAX_INTERNAL), (Rule::Short, of_service.short > MAX_SHORT)];
        let failed = too_many.into_iter().filter(|(_, is_broken)| *is_broken);
        let facts = seen.services.entry(of_service.service).or_default();
        facts.spans += of_service.spans;
        facts.calls += of_service.calls;
        facts.roots += of_service.roots;
        facts.failed |= failed.fold(of_service.failed, |bits, (rule, _)| bits | rule.bit());
        facts.traces.take(trace, of_service.first, 0);
        facts.traces.count_trace(trace, of_service.first);
    }
    for found in &scratch.found {
        let (spans, sightings) = seen.found.entry(found.key).or_default();
        *spans += found.spans;
        sightings.take(trace, found.first, 0);
        sightings.count_trace(trace, found.first);
    }
    seen.scratch = scratch;
}

fn see_spans(trace: &TraceView<'_>, scratch: &mut Scratch, seen: &mut SeenQuality) {
    let services = trace.services();
    let mut end = i64::MIN;
    for row in 0..trace.tree.len() as Row {
        let own = trace.semantics_of(row);
        let place = services.place_of(row);
        let service = services.names()[place];
        if place == scratch.services.len() {
            scratch.services.push(OfService {
                service,
                first: row,
                spans: 0,
                calls: 0,
                roots: 0,
                internal: 0,
                short: 0,
                failed: 0,
                instance: None,
            });
        }
        end = end.max(trace.end(row));
        // Below a span with a name it belongs to that one's service.
        if own.lacks_service_name && service == own.service {
            scratch.add(FindingKind::NoServiceName, own.service, Symbol::EMPTY, row, 1);
        }
        if own.lacks_error_status {
            scratch.add(FindingKind::ErrorWithoutStatus, service, Symbol::EMPTY, row, 1);
        }
        if !own.has_route {
            seen.names.add(trace.tree.signatures[row as usize], (service, own.operation), 1);
        }
        let of_service = &mut scratch.services[place];
        of_service.spans += 1;
        of_service.internal += u32::from(own.kind == SpanKind::Internal);
        of_service.short += u32::from(trace.duration(row) < SHORT_NS);
        of_service.failed |= see_resource(trace, row, of_service.service, &mut of_service.instance, seen);
    }
    seen.take_times(trace.start(0), end);
}

/// The rules that the resource of a span fails.
fn see_resource(
    trace: &TraceView<'_>,
    row: Row,
    service: Symbol,
    last: &mut Option<(u64, Places)>,
    seen: &mut SeenQuality,
) -> u32 {
    let names_deployment = trace.semantics_of(row).names_deployment;
    if !trace.has_own(row) {
        return Rule::Instance.bit() | if names_deployment { Rule::PodUid.bit() } else { 0 };
    }
    let own = |attribute| trace.own(row, attribute);
    let pod_uid = own(OwnAttribute::PodUid);
    let pod_name = own(OwnAttribute::PodName);
    let is_in_kubernetes = pod_name.is_some() || own(OwnAttribute::Kubernetes).is_some() || names_deployment;
    let without_uid = if is_in_kubernetes && pod_uid.is_none() { Rule::PodUid.bit() } else { 0 };
    let Some(instance) = own(OwnAttribute::Instance) else { return without_uid | Rule::Instance.bit() };
    let places = [pod_uid, pod_name, own(OwnAttribute::HostName)];
    if *last != Some((instance, places)) {
        *last = Some((instance, places));
        let places = (0..).zip(places).filter_map(|(kind, place)| Some((kind, place?)));
        seen.instances.extend(places.map(|(kind, place)| Instance { service, instance, kind, place }));
    }
    without_uid
}

/// Finds spans that call or serve, and do not say so.
fn see_kinds(trace: &TraceView<'_>, scratch: &mut Scratch) {
    let says_nothing = |row: Row| matches!(trace.semantics_of(row).kind, SpanKind::Internal | SpanKind::Unspecified);
    scratch.between.clear();
    scratch.between.resize(trace.tree.len(), false);
    let services = trace.services();
    for (row, &parent) in (0..).zip(&trace.tree.parents) {
        if parent != NO_ROW && services.place_of(row) != services.place_of(parent) {
            scratch.between[row as usize] = true;
            scratch.between[parent as usize] = true;
        }
    }
    for row in 0..trace.tree.len() as Row {
        if !says_nothing(row) {
            continue;
        }
        let own = trace.semantics_of(row);
        if scratch.between[row as usize] || (own.kind == SpanKind::Unspecified && own.has_protocol) {
            scratch.add(FindingKind::MissingKind, trace.service(row), Symbol::EMPTY, row, 1);
        }
    }
}

fn see_roots(trace: &TraceView<'_>, scratch: &mut Scratch, seen: &mut SeenQuality) {
    let mut has_root = false;
    let mut orphans: Vec<(usize, u64, Row)> = Vec::new();
    for root in &trace.tree.path_roots {
        let place = trace.services().place_of(root.row);
        let own = trace.semantics_of(root.row);
        match root.reason {
            RootReason::Segment => {}
            RootReason::Fragment if trace.tree.is_orphan(root.row) => {
                scratch.services[place].failed |= Rule::Orphan.bit();
                match orphans.iter_mut().find(|(known, ..)| *known == place) {
                    Some((_, spans, _)) => *spans += 1,
                    None => orphans.push((place, 1, root.row)),
                }
            }
            RootReason::Fragment => {}
            RootReason::Root => {
                has_root = true;
                seen.root_durations.add(trace.duration(root.row));
                if own.kind == SpanKind::Client && trace.own(root.row, OwnAttribute::Browser).is_none() {
                    scratch.services[place].failed |= Rule::ClientRoot.bit();
                    scratch.add(FindingKind::ClientRoot, trace.service(root.row), Symbol::EMPTY, root.row, 1);
                }
                if own.kind == SpanKind::Server {
                    scratch.services[place].roots += 1;
                    seen.served_roots.push(ServedRoot {
                        service: trace.service(root.row),
                        method: method_of(own),
                        time: (trace.start(root.row), trace.end(root.row)),
                    });
                }
            }
        }
    }
    let of_missing_root = (!has_root).then(|| (FindingKind::MissingRoot, trace.service(0), 1, 0));
    let of_orphans = orphans
        .into_iter()
        .map(|(place, spans, row)| (FindingKind::Orphan, scratch.services[place].service, spans, row));
    let (begin, end) = (trace.start(0), trace.tree.ends.iter().copied().max().unwrap_or(0));
    for (kind, service, spans, row) in of_orphans.chain(of_missing_root) {
        let mut sightings = Sightings::default();
        sightings.take(trace, row, 0);
        sightings.count_trace(trace, row);
        seen.missing.push(Missing { kind, service, spans, begin, end, sightings });
    }
}

/// What a request is told by beside its time: the method of HTTP, or of an RPC with its service.
fn method_of(own: &SpanSemantics) -> Symbol {
    let is_rpc = own.has_protocol && !own.is_http && !own.is_messaging && !own.has_database_system;
    if own.method.is_empty() && is_rpc { own.call_operation } else { own.method }
}

fn see_call(trace: &TraceView<'_>, call: &Call, scratch: &mut Scratch, seen: &mut SeenQuality) {
    let weight = u64::from(call.weight);
    scratch.services[trace.services().place_of(call.caller_span)].calls += weight;
    match call.target.kind {
        TargetKind::Unnamed => {
            scratch.add(FindingKind::UnnamedTarget, call.caller_service, Symbol::EMPTY, call.row, weight);
        }
        TargetKind::Service => {
            let edge = (call.caller_service, call.target.name);
            let facts = seen.edges.entry(edge).or_default();
            facts.calls += weight;
            if call.callee == NO_ROW {
                scratch.add(FindingKind::LostCallee, edge.0, edge.1, call.row, weight);
                seen.lone_calls.push(LoneCall {
                    target: edge.1,
                    method: method_of(trace.semantics_of(call.row)),
                    time: (trace.start(call.row), trace.end(call.row)),
                    caller: edge.0,
                });
            } else if call.callee != call.row {
                see_skew(trace, call, scratch, facts);
            }
        }
        _ => {}
    }
}

/// How far the callee sticks out of its call. A callee that takes longer than its call tells nothing of clocks, nor does one that
/// goes on, or begins, after a caller that has left. Of one that begins after its call has ended all calls together tell whether
/// nobody waits for it, or its clock is ahead.
fn see_skew(trace: &TraceView<'_>, call: &Call, scratch: &mut Scratch, edge: &mut EdgeFacts) {
    let [start, end] = [trace.start(call.row), trace.end(call.row)];
    let [callee_start, callee_end] = [trace.start(call.callee), trace.end(call.callee)];
    let (before, behind) = (callee_start.saturating_sub(start), end.saturating_sub(callee_end));
    let goes_on = before >= 0 && behind < 0;
    let is_longer = callee_end.saturating_sub(callee_start) > end.saturating_sub(start);
    if is_longer || (goes_on && trace.calls.roles[call.row as usize].failed) {
        return;
    }
    let is_late = !trace.tree.waits_for(call.row, call.callee);
    if is_late && !may_be_of_a_clock(trace, call.callee) {
        return;
    }
    let (caller, target) = (call.caller_service, call.target.name);
    let offset = before.saturating_sub(behind) / 2;
    let sticks_out = before.min(behind) < -MAX_SKEW_NS;
    if is_late {
        let late = edge.late.get_or_insert_default();
        late.offsets.add(offset);
        late.between_ends.add(behind.saturating_neg());
        late.between_starts.add(before);
        if sticks_out {
            late.spans += u64::from(call.weight);
            scratch.late.push((caller, target, call.row));
        }
        return;
    }
    edge.offsets.add(offset);
    if sticks_out {
        scratch.add(FindingKind::ClockSkew, caller, target, call.row, u64::from(call.weight));
    }
}

/// Whether a callee that nobody waits for may only seem late. Where an interceptor was late, which has the caller's clock, the
/// callee was; a proxy may have the callee's.
fn may_be_of_a_clock(trace: &TraceView<'_>, callee: Row) -> bool {
    let late = trace.tree.path_root_of(callee);
    (late == callee || trace.semantics_of(late).is_proxy)
        && trace.tree.is_only_late(late, trace.semantics)
        && trace.tree.kind(callee, trace.semantics) == SpanKind::Server
}

/// Takes notice of callees that begin when their calls have ended, once all other calls were seen.
fn see_late(trace: &TraceView<'_>, scratch: &Scratch, seen: &mut SeenQuality) {
    let mut counted: Vec<(Symbol, Symbol)> = Vec::new();
    for &(caller, target, row) in &scratch.late {
        let Some(late) = seen.edges.get_mut(&(caller, target)).and_then(|edge| edge.late.as_mut()) else { continue };
        late.sightings.take(trace, row, 0);
        let key = (FindingKind::ClockSkew, caller, target);
        let is_counted = counted.contains(&(caller, target)) || scratch.found.iter().any(|found| found.key == key);
        if !is_counted {
            late.sightings.count_trace(trace, row);
            counted.push((caller, target));
        }
    }
}
