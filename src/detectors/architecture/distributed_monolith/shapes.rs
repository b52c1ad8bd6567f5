//! What is kept of all traces to tell which services are one: how often which services were in a trace together, and which of them
//! called which.
//!
//! Traces of one system have few shapes, so that each shape is kept once, with where it was seen.

use std::collections::BTreeMap;

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::way_down::{Below, NO_HOP, Way};
use crate::detectors::kit::{CountsBySignature, NoDetails, Seen, Sightings, read_seen, write_seen};
use crate::findings::Findings;
use crate::frame::Symbol;
use crate::partial::{Columns as _, GroupReader, GroupWriter, TraceNumber, columns};
use crate::savings::Unsettled;
use crate::trace::{Call, NO_ROW, RootReason, Row, TargetKind, TraceView};

/// Hops of a chain that are still fine, as those of `sync-chain`.
const MAX_HOPS: u32 = 3;

/// A synchronous call from one service to another, and where the callee passed the request on if all calls that it made for it
/// were to one service; else empty.
pub(super) type Passage = [Symbol; 3];

/// What traces may have in common. All lists are in order and without equals.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(super) struct Shape {
    /// Services that have spans.
    pub(super) services: Vec<Symbol>,
    /// What the trace was asked for: services and operations of its roots.
    pub(super) entries: Vec<[Symbol; 2]>,
    /// Synchronous calls between services.
    pub(super) passages: Vec<Passage>,
    /// Services of each chain of more than [`MAX_HOPS`] hops, one list behind the other, each ended by an empty name.
    pub(super) chains: Vec<Symbol>,
    /// Services that requests came to again on their way down.
    pub(super) revisited: Vec<Symbol>,
}

impl Shape {
    fn clear(&mut self) {
        let Self { services, entries, passages, chains, revisited } = self;
        [services, chains, revisited].into_iter().for_each(Vec::clear);
        entries.clear();
        passages.clear();
    }

    /// The services of each long chain.
    pub(super) fn chains(&self) -> impl Iterator<Item = &[Symbol]> {
        self.chains.split(|&service| service == Symbol::EMPTY).filter(|chain| !chain.is_empty())
    }
}

columns! {
    /// A shape.
    struct ShapeRow in ShapeColumns {
        services: Vec<Symbol>,
        /// One entry behind the other.
        entries: Vec<Symbol>,
        /// One passage behind the other.
        passages: Vec<Symbol>,
        chains: Vec<Symbol>,
        revisited: Vec<Symbol>,
    }
}

columns! {
    /// How many calls a passage stands for.
    struct PassageRow in PassageColumns {
        caller: Symbol,
        callee: Symbol,
        next: Symbol,
        calls: u64,
    }
}

columns! {
    /// When a version of a service was seen first.
    struct VersionRow in VersionColumns {
        service: Symbol,
        version: Symbol,
        first: i64,
    }
}

/// What is kept.
#[derive(Debug, Default)]
pub(crate) struct Shapes {
    pub(super) findings: Findings<NoDetails>,
    pub(super) shapes: HashMap<Shape, Sightings, FixedState>,
    /// Calls of all traces.
    pub(super) calls: CountsBySignature<Passage>,
    /// The same calls once more where who was called asks several: by each service that it asks.
    pub(super) calls_passed_to_several: CountsBySignature<Passage>,
    /// When each version of a service was seen first, in ns since 1970.
    pub(super) versions: HashMap<[Symbol; 2], i64, FixedState>,
    /// The shape of the trace.
    current: Shape,
    below: Below,
    way: Way,
    /// Which services each span of the trace asks.
    asked_by: Vec<(Row, Symbol)>,
}

impl Shapes {
    /// Takes notice of one trace.
    pub(super) fn see(&mut self, trace: &TraceView<'_>) {
        self.current.clear();
        let mut first = NO_ROW;
        for (row, role) in (0..).zip(&trace.calls.roles) {
            let is_topmost = role.is_entry || trace.tree.parents[row as usize] == NO_ROW;
            if is_topmost {
                first = first.min(row);
                self.see_version(trace, row, trace.service(row));
            }
        }
        self.current.services.extend_from_slice(trace.services().names());
        for root in trace.tree.path_roots.iter().filter(|root| root.reason != RootReason::Segment) {
            push_new(&mut self.current.entries, [trace.service(root.row), trace.entry_operation(root.row)]);
        }
        self.see_calls(trace);
        self.see_hops(trace);
        let Shape { services, entries, passages, revisited, .. } = &mut self.current;
        in_order(services);
        in_order(entries);
        in_order(passages);
        in_order(revisited);
        if first == NO_ROW {
            return;
        }
        let sightings = match self.shapes.get_mut(&self.current) {
            Some(sightings) => sightings,
            None => self.shapes.entry(self.current.clone()).or_default(),
        };
        sightings.take(trace, first, 0);
        sightings.count_trace(trace, first);
    }

    fn see_version(&mut self, trace: &TraceView<'_>, row: Row, service: Symbol) {
        let version = trace.semantics_of(row).version;
        if version != Symbol::EMPTY {
            let first = self.versions.entry([service, version]).or_insert(i64::MAX);
            *first = (*first).min(trace.start(row));
        }
    }

    fn see_calls(&mut self, trace: &TraceView<'_>) {
        let callees = trace.sole_callees();
        let is_waited_for = |call: &&Call| call.callee == NO_ROW || trace.tree.waits_for(call.row, call.callee);
        let to_services =
            trace.calls.calls.iter().filter(|call| call.counts && call.target.kind == TargetKind::Service);
        let calls = to_services.filter(is_waited_for);
        self.asked_by.clear();
        let of_callers = calls.clone().filter(|call| callees.of(call.caller_span).is_of_several());
        self.asked_by.extend(of_callers.map(|call| (call.caller_span, call.target.name)));
        in_order(&mut self.asked_by);
        for call in calls {
            let of_callee = callees.of(call.callee);
            let next = if of_callee.is_waited_for { of_callee.service } else { Symbol::EMPTY };
            let passage = [call.caller_service, call.target.name, next];
            self.calls.add(trace.tree.signatures[call.row as usize], passage, u64::from(call.weight));
            push_new(&mut self.current.passages, passage);
            if !of_callee.is_of_several() {
                continue;
            }
            let first = self.asked_by.partition_point(|&(caller, _)| caller < call.callee);
            for &(_, next) in self.asked_by[first..].iter().take_while(|&&(caller, _)| caller == call.callee) {
                let passage = [call.caller_service, call.target.name, next];
                self.calls_passed_to_several.add_key(passage, u64::from(call.weight));
                push_new(&mut self.current.passages, passage);
            }
        }
    }

    /// Finds long chains, and services that a request comes to again.
    fn see_hops(&mut self, trace: &TraceView<'_>) {
        let all = trace.hops().all();
        if all.iter().all(|hop| hop.depth == 1) {
            return;
        }
        let services = trace.services();
        let Self { below, way, current, .. } = self;
        below.link(all);
        way.begin(services.names().len());
        let mut waiting = vec![below.first];
        while let Some(number) = waiting.pop() {
            let Some(hop) = all.get(number) else { continue };
            waiting.extend([below.next[number], below.first_below[number]]);
            if hop.depth == 1 {
                // Who made the first call.
                let caller = trace.calls.roles[hop.call as usize].caller_span;
                let caller = if hop.call == hop.row { trace.tree.parents[hop.row as usize] } else { caller };
                way.begin_below((caller != NO_ROW).then(|| services.place_of(caller)));
            } else {
                way.go_up_to(hop.before);
            }
            let place = services.place_of(hop.row);
            if way.comes_by(place) && hop.depth > 1 {
                current.revisited.push(services.names()[place]);
            }
            way.go_down(number, place);
            if below.first_below[number] == NO_HOP && hop.depth > MAX_HOPS {
                way.take_chain(services.names(), &mut current.chains);
            }
        }
    }
}

/// So many elements are few enough to look through all of them.
const FEW: usize = 64;

/// Adds an element that is not among the others, unless these are many: what is there twice is found when they are put in order.
fn push_new<T: PartialEq>(list: &mut Vec<T>, element: T) {
    if list.len() > FEW || !list.contains(&element) {
        list.push(element);
    }
}

pub(super) fn in_order<T: Ord>(list: &mut Vec<T>) {
    list.sort_unstable();
    list.dedup();
}

impl Seen for Shapes {
    fn merge(&mut self, other: Self) {
        self.findings.merge(other.findings);
        for (shape, seen) in other.shapes {
            self.shapes.entry(shape).or_default().merge(&seen);
        }
        self.calls.merge(other.calls);
        self.calls_passed_to_several.merge(other.calls_passed_to_several);
        for (version, first) in other.versions {
            let own = self.versions.entry(version).or_insert(i64::MAX);
            *own = (*own).min(first);
        }
    }

    fn renumber_traces(&mut self, rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {
        self.findings.renumber_traces(rank_of);
    }

    fn bytes(&self) -> usize {
        let of_shape = |shape: &Shape| {
            let Shape { services, entries, passages, chains, revisited } = shape;
            let names: usize = [services, chains, revisited].into_iter().map(Vec::capacity).sum();
            (names + entries.capacity() * 2 + passages.capacity() * 3) * size_of::<Symbol>()
        };
        let shapes: usize = self.shapes.keys().map(of_shape).sum();
        let calls = self.calls.bytes() + self.calls_passed_to_several.bytes();
        self.findings.bytes() + shapes + self.shapes.capacity() * size_of::<(Shape, Sightings)>() + calls
    }

    fn unsettled(&mut self) -> Option<Unsettled<'_>> {
        None
    }

    fn write(&self, group: &mut GroupWriter<'_>) {
        let shapes: BTreeMap<&Shape, &Sightings> = self.shapes.iter().collect();
        let row = |(shape, seen): (&Shape, &Sightings)| {
            let Shape { services, entries, passages, chains, revisited } = shape.clone();
            (
                ShapeRow { services, entries: entries.concat(), passages: passages.concat(), chains, revisited },
                seen.clone(),
            )
        };
        write_seen::<ShapeColumns>(shapes.into_iter().map(row), group);
        for (name, calls) in [(CALLS, &self.calls), (CALLS_PASSED_TO_SEVERAL, &self.calls_passed_to_several)] {
            let mut columns = PassageColumns::default();
            for ([caller, callee, next], calls) in calls.in_order() {
                columns.push(PassageRow { caller, callee, next, calls });
            }
            group.beside(name, |group| columns.write("", group));
        }
        let mut versions: Vec<(&[Symbol; 2], &i64)> = self.versions.iter().collect();
        versions.sort_unstable();
        let mut columns = VersionColumns::default();
        for (&[service, version], &first) in versions {
            columns.push(VersionRow { service, version, first });
        }
        group.beside(VERSIONS, |group| columns.write("", group));
    }

    fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let (columns, seen) = read_seen::<ShapeColumns>(group)?;
        let mut read = Self::default();
        for row in 0..columns.services.len() {
            // Symbols have new numbers, but their order is that of their strings as before.
            let passages =
                columns.passages.get(row).chunks_exact(3).map(|passage| [passage[0], passage[1], passage[2]]);
            let shape = Shape {
                services: columns.services.get(row).to_vec(),
                entries: columns.entries.get(row).chunks_exact(2).map(|entry| [entry[0], entry[1]]).collect(),
                passages: passages.collect(),
                chains: columns.chains.get(row).to_vec(),
                revisited: columns.revisited.get(row).to_vec(),
            };
            read.shapes.insert(shape, seen.get(row));
        }
        let counts = [(CALLS, &mut read.calls), (CALLS_PASSED_TO_SEVERAL, &mut read.calls_passed_to_several)];
        for (name, counts) in counts {
            let calls = group.beside(name, |group| PassageColumns::read("", group))?;
            for row in 0..calls.calls.len() {
                counts.add_key([calls.caller[row], calls.callee[row], calls.next[row]], calls.calls[row]);
            }
        }
        let versions = group.beside(VERSIONS, |group| VersionColumns::read("", group))?;
        for row in 0..versions.first.len() {
            read.versions.insert([versions.service[row], versions.version[row]], versions.first[row]);
        }
        Ok(read)
    }
}

/// Names of groups.
const CALLS: &str = "calls";
const CALLS_PASSED_TO_SEVERAL: &str = "calls_passed_to_several";
const VERSIONS: &str = "versions";
