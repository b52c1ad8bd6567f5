//! What was seen of services, of calls between them, and of what is missing.

use std::collections::BTreeMap;

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use super::contexts::{LoneCall, ServedRoot};
use crate::conventions::FindingKind;
use crate::detectors::kit::{CountsBySignature, Seen, Sightings, Times, TimesColumns, TimesRow, read_seen, write_seen};
use crate::frame::Symbol;
use crate::partial::{Columns, GroupReader, GroupWriter, TraceNumber, columns};
use crate::savings::Unsettled;

/// What is known of a service.
#[derive(Clone, Debug, Default)]
pub(super) struct ServiceFacts {
    pub(super) spans: u64,
    /// Counted calls that it makes.
    pub(super) calls: u64,
    /// Rules that spans or traces of it fail, a bit each.
    pub(super) failed: u32,
    /// SERVER roots of it.
    pub(super) roots: u64,
    /// Traces that it is part of.
    pub(super) traces: Sightings,
}

/// What is known of counted calls of a service to another.
#[derive(Clone, Debug, Default)]
pub(super) struct EdgeFacts {
    pub(super) calls: u64,
    /// How much later the callee's clock is, of each call whose callee is not longer than itself.
    pub(super) offsets: Times,
    /// Calls whose callees begin when they have ended.
    pub(super) late: Option<Box<LateCallees>>,
}

/// Callees that begin when their calls have ended, and are not longer: nobody waits for them, or their clock is ahead by more than
/// the call lasts. A clock that is ahead is so by about as much for all of them: by at most what lies between the two starts, and
/// by at least what lies between the two ends, so that for all calls there is a time between the two.
#[derive(Clone, Debug, Default)]
pub(super) struct LateCallees {
    /// Calls that end before their callees by more than clocks may differ.
    pub(super) spans: u64,
    /// As [`EdgeFacts::offsets`].
    pub(super) offsets: Times,
    /// How much later the callee ends.
    pub(super) between_ends: Times,
    /// How much later it starts.
    pub(super) between_starts: Times,
    /// Traces with such calls, those left out that have others whose callees stick out.
    pub(super) sightings: Sightings,
}

/// The share of late callees of which a clock that is ahead must explain when they are.
const EXPLAINED: f64 = 0.9;
/// So many times as far as the shortest may the longest of these be.
const TIMES_APART: i64 = 4;

impl LateCallees {
    fn merge(&mut self, other: Self) {
        self.spans += other.spans;
        self.offsets.merge(other.offsets);
        self.between_ends.merge(other.between_ends);
        self.between_starts.merge(other.between_starts);
        self.sightings.merge(&other.sightings);
    }

    /// Whether clocks that are ahead explain when they are: one that is ahead by the same always, or several, or one that drifts, of
    /// which the times lie within a few times of each other. What is begun after an answer begins when there is time for it.
    pub(super) fn are_of_a_clock(&self) -> bool {
        let least = self.between_ends.quantile(EXPLAINED);
        let most = self.between_starts.quantile(1.0 - EXPLAINED);
        let is_one_time = least.zip(most).is_some_and(|(least, most)| least <= most);
        let short = self.offsets.quantile(1.0 - EXPLAINED);
        let long = self.offsets.quantile(EXPLAINED);
        is_one_time
            || short.zip(long).is_some_and(|(short, long)| short > 0 && long <= short.saturating_mul(TIMES_APART))
    }

    fn bytes(&self) -> usize {
        let times = [&self.offsets, &self.between_ends, &self.between_starts];
        size_of::<Self>() + times.into_iter().map(Times::bytes).sum::<usize>()
    }
}

/// A trace in which parents or roots are missing, of which nobody knows yet whether it is cut.
#[derive(Clone, Debug)]
pub(super) struct Missing {
    pub(super) kind: FindingKind,
    pub(super) service: Symbol,
    pub(super) spans: u64,
    /// When the trace begins and ends.
    pub(super) begin: i64,
    pub(super) end: i64,
    pub(super) sightings: Sightings,
}

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct SeenQuality {
    pub(super) services: HashMap<Symbol, ServiceFacts, FixedState>,
    pub(super) edges: HashMap<(Symbol, Symbol), EdgeFacts, FixedState>,
    /// What was seen of a kind, by service and target.
    pub(super) found: HashMap<(FindingKind, Symbol, Symbol), (u64, Sightings), FixedState>,
    pub(super) missing: Vec<Missing>,
    /// Spans by service and name, of names that follow from no route.
    pub(super) names: CountsBySignature<(Symbol, Symbol)>,
    /// Instances of services, and where they ran.
    pub(super) instances: HashSet<Instance, FixedState>,
    pub(super) lone_calls: Vec<LoneCall>,
    pub(super) served_roots: Vec<ServedRoot>,
    pub(super) root_durations: Times,
    /// Start of the first span and end of the last.
    pub(super) times: Option<(i64, i64)>,
    pub(super) scratch: super::see::Scratch,
}

columns! {
    /// A service.
    struct ServiceRow in ServiceColumns {
        service: Symbol,
        spans: u64,
        calls: u64,
        failed: u32,
        roots: u64,
    }
}

columns! {
    /// Calls of a service to another.
    struct EdgeRow in EdgeColumns {
        caller: Symbol,
        target: Symbol,
        calls: u64,
    }
}

columns! {
    /// Callees that begin when their calls have ended.
    struct LateRow in LateColumns {
        caller: Symbol,
        target: Symbol,
        spans: u64,
        offsets: TimesRow,
        between_ends: TimesRow,
        between_starts: TimesRow,
    }
}

columns! {
    /// What was seen of a kind.
    struct FoundRow in FoundColumns {
        kind: FindingKind,
        service: Symbol,
        target: Symbol,
        spans: u64,
    }
}

columns! {
    /// A trace in which something is missing.
    struct MissingRow in MissingColumns {
        kind: FindingKind,
        service: Symbol,
        spans: u64,
        begin: i64,
        end: i64,
    }
}

columns! {
    /// A name of spans.
    struct NameRow in NameColumns {
        service: Symbol,
        name: Symbol,
        spans: u64,
    }
}

/// Where an instance was: the UID and the name of its pod, and its host, each a hash.
pub(super) type Places = [Option<u64>; 3];

/// An instance of a service, and where it was.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Instance {
    pub(super) service: Symbol,
    pub(super) instance: u64,
    /// Which of [`Places`]: pods are compared with pods, and hosts with hosts.
    pub(super) kind: u8,
    pub(super) place: u64,
}

columns! {
    /// An instance.
    struct InstanceRow in InstanceColumns {
        service: Symbol,
        instance: u64,
        kind: u32,
        place: u64,
    }
}

columns! {
    /// A call without callee.
    struct LoneCallRow in LoneCallColumns {
        target: Symbol,
        method: Symbol,
        start: i64,
        end: i64,
        caller: Symbol,
    }
}

columns! {
    /// A root.
    struct ServedRootRow in ServedRootColumns {
        service: Symbol,
        method: Symbol,
        start: i64,
        end: i64,
    }
}

/// Names of the groups.
const SERVICES: &str = "services";
const EDGES: &str = "edges";
const LATE: &str = "late";
const FOUND: &str = "found";
const MISSING: &str = "missing";
const NAMES: &str = "names";
const INSTANCES: &str = "instances";
const LONE_CALLS: &str = "lone_calls";
const SERVED_ROOTS: &str = "served_roots";
const ROOT_DURATIONS: &str = "root_durations";

/// The first time and the last one.
fn span_of(left: Option<(i64, i64)>, right: Option<(i64, i64)>) -> Option<(i64, i64)> {
    match (left, right) {
        (Some(left), Some(right)) => Some((left.0.min(right.0), left.1.max(right.1))),
        (left, right) => left.or(right),
    }
}

impl SeenQuality {
    /// Takes notice of when a trace begins and ends.
    pub(super) fn take_times(&mut self, begin: i64, end: i64) {
        self.times = span_of(self.times, Some((begin, end)));
    }
}

impl Seen for SeenQuality {
    fn merge(&mut self, other: Self) {
        for (service, facts) in other.services {
            let own = self.services.entry(service).or_default();
            own.spans += facts.spans;
            own.calls += facts.calls;
            own.failed |= facts.failed;
            own.roots += facts.roots;
            own.traces.merge(&facts.traces);
        }
        for (edge, facts) in other.edges {
            let own = self.edges.entry(edge).or_default();
            own.calls += facts.calls;
            own.offsets.merge(facts.offsets);
            if let Some(late) = facts.late {
                own.late.get_or_insert_default().merge(*late);
            }
        }
        for (key, (spans, sightings)) in other.found {
            let own = self.found.entry(key).or_default();
            own.0 += spans;
            own.1.merge(&sightings);
        }
        self.names.merge(other.names);
        self.missing.extend(other.missing);
        self.instances.extend(other.instances);
        self.lone_calls.extend(other.lone_calls);
        self.served_roots.extend(other.served_roots);
        self.root_durations.merge(other.root_durations);
        self.times = span_of(self.times, other.times);
    }

    fn renumber_traces(&mut self, _rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {}

    fn bytes(&self) -> usize {
        let of_edge = |edge: &EdgeFacts| edge.offsets.bytes() + edge.late.as_ref().map_or(0, |late| late.bytes());
        let edges: usize = self.edges.values().map(|edge| size_of::<(Symbol, Symbol)>() + of_edge(edge)).sum();
        self.services.capacity() * size_of::<(Symbol, ServiceFacts)>()
            + edges
            + self.found.capacity() * size_of::<((FindingKind, Symbol, Symbol), (u64, Sightings))>()
            + self.missing.capacity() * size_of::<Missing>()
            + self.names.bytes()
            + self.instances.capacity() * size_of::<Instance>()
            + self.lone_calls.capacity() * size_of::<LoneCall>()
            + self.served_roots.capacity() * size_of::<ServedRoot>()
            + self.root_durations.bytes()
    }

    fn unsettled(&mut self) -> Option<Unsettled<'_>> {
        None
    }

    fn write(&self, group: &mut GroupWriter<'_>) {
        let times: Vec<i64> = self.times.into_iter().flat_map(|(first, last)| [first, last]).collect();
        times.write("time", group);

        let services: BTreeMap<_, _> = self.services.iter().collect();
        let services = services.into_iter().map(|(&service, facts)| {
            let &ServiceFacts { spans, calls, failed, roots, ref traces } = facts;
            (ServiceRow { service, spans, calls, failed, roots }, traces.clone())
        });
        group.beside(SERVICES, |group| write_seen::<ServiceColumns>(services, group));

        let edges: BTreeMap<_, _> = self.edges.iter().collect();
        group.beside(EDGES, |group| {
            let (mut columns, mut offsets) = (EdgeColumns::default(), TimesColumns::default());
            for (&&(caller, target), facts) in &edges {
                columns.push(EdgeRow { caller, target, calls: facts.calls });
                offsets.push(facts.offsets.row());
            }
            columns.write("", group);
            offsets.write("offsets_", group);
        });
        let late = edges.into_iter().filter_map(|(edge, facts)| Some((edge, facts.late.as_deref()?)));
        let late = late.map(|(&(caller, target), late)| {
            let row = LateRow {
                caller,
                target,
                spans: late.spans,
                offsets: late.offsets.row(),
                between_ends: late.between_ends.row(),
                between_starts: late.between_starts.row(),
            };
            (row, late.sightings.clone())
        });
        group.beside(LATE, |group| write_seen::<LateColumns>(late, group));

        let found: BTreeMap<_, _> = self.found.iter().collect();
        let found = found.into_iter().map(|(&(kind, service, target), (spans, sightings))| {
            (FoundRow { kind, service, target, spans: *spans }, sightings.clone())
        });
        group.beside(FOUND, |group| write_seen::<FoundColumns>(found, group));

        let mut missing: Vec<&Missing> = self.missing.iter().collect();
        missing.sort_unstable_by_key(|missing| (missing.sightings.trace_id, missing.kind, missing.service));
        let missing = missing.into_iter().map(|missing| {
            let &Missing { kind, service, spans, begin, end, ref sightings } = missing;
            (MissingRow { kind, service, spans, begin, end }, sightings.clone())
        });
        group.beside(MISSING, |group| write_seen::<MissingColumns>(missing, group));

        let mut columns = NameColumns::default();
        for ((service, name), spans) in self.names.in_order() {
            columns.push(NameRow { service, name, spans });
        }
        group.beside(NAMES, |group| columns.write("", group));

        let mut instances: Vec<_> = self.instances.iter().copied().collect();
        instances.sort_unstable();
        let mut columns = InstanceColumns::default();
        for Instance { service, instance, kind, place } in instances {
            columns.push(InstanceRow { service, instance, kind: u32::from(kind), place });
        }
        group.beside(INSTANCES, |group| columns.write("", group));

        let mut lone_calls = self.lone_calls.clone();
        lone_calls.sort_unstable();
        let mut columns = LoneCallColumns::default();
        for LoneCall { target, method, time: (start, end), caller } in lone_calls {
            columns.push(LoneCallRow { target, method, start, end, caller });
        }
        group.beside(LONE_CALLS, |group| columns.write("", group));

        let mut served_roots = self.served_roots.clone();
        served_roots.sort_unstable();
        let mut columns = ServedRootColumns::default();
        for ServedRoot { service, method, time: (start, end) } in served_roots {
            columns.push(ServedRootRow { service, method, start, end });
        }
        group.beside(SERVED_ROOTS, |group| columns.write("", group));

        let mut columns = TimesColumns::default();
        columns.push(self.root_durations.row());
        group.beside(ROOT_DURATIONS, |group| columns.write("", group));
    }

    fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let times = Vec::<i64>::read("time", group)?;
        let (services, traces) = group.beside(SERVICES, read_seen::<ServiceColumns>)?;
        let service = |row: usize| {
            let facts = ServiceFacts {
                spans: services.spans[row],
                calls: services.calls[row],
                failed: services.failed[row],
                roots: services.roots[row],
                traces: traces.get(row),
            };
            (services.service[row], facts)
        };
        let (edges, offsets) =
            group.beside(EDGES, |group| Ok((EdgeColumns::read("", group)?, TimesColumns::read("offsets_", group)?)))?;
        let edge = |row: usize| {
            let facts = EdgeFacts { calls: edges.calls[row], offsets: offsets.get(row), late: None };
            ((edges.caller[row], edges.target[row]), facts)
        };
        let mut edges: HashMap<(Symbol, Symbol), EdgeFacts, FixedState> = (0..edges.caller.len()).map(edge).collect();
        let (late, of_late) = group.beside(LATE, read_seen::<LateColumns>)?;
        for row in 0..late.caller.len() {
            let callees = LateCallees {
                spans: late.spans[row],
                offsets: late.offsets.get(row),
                between_ends: late.between_ends.get(row),
                between_starts: late.between_starts.get(row),
                sightings: of_late.get(row),
            };
            edges.entry((late.caller[row], late.target[row])).or_default().late = Some(Box::new(callees));
        }
        let (found, sightings) = group.beside(FOUND, read_seen::<FoundColumns>)?;
        let found_at = |row: usize| {
            let key = (found.kind.get(row), found.service[row], found.target[row]);
            (key, (found.spans[row], sightings.get(row)))
        };
        let (missing, of_missing) = group.beside(MISSING, read_seen::<MissingColumns>)?;
        let missing_at = |row: usize| Missing {
            kind: missing.kind.get(row),
            service: missing.service[row],
            spans: missing.spans[row],
            begin: missing.begin[row],
            end: missing.end[row],
            sightings: of_missing.get(row),
        };
        let names = group.beside(NAMES, |group| NameColumns::read("", group))?;
        let mut of_names = CountsBySignature::default();
        for row in 0..names.service.len() {
            of_names.add_key((names.service[row], names.name[row]), names.spans[row]);
        }
        let instances = group.beside(INSTANCES, |group| InstanceColumns::read("", group))?;
        let instance = |row: usize| Instance {
            service: instances.service[row],
            instance: instances.instance[row],
            kind: instances.kind[row] as u8,
            place: instances.place[row],
        };
        let calls = group.beside(LONE_CALLS, |group| LoneCallColumns::read("", group))?;
        let lone_call = |row: usize| LoneCall {
            target: calls.target[row],
            method: calls.method[row],
            time: (calls.start[row], calls.end[row]),
            caller: calls.caller[row],
        };
        let roots = group.beside(SERVED_ROOTS, |group| ServedRootColumns::read("", group))?;
        let served_root = |row: usize| ServedRoot {
            service: roots.service[row],
            method: roots.method[row],
            time: (roots.start[row], roots.end[row]),
        };
        let durations = group.beside(ROOT_DURATIONS, |group| {
            let durations = TimesColumns::read("", group)?;
            Ok(if group.len() > 0 { durations.get(0) } else { Times::default() })
        })?;
        Ok(Self {
            services: (0..services.service.len()).map(service).collect(),
            edges,
            found: (0..found.service.len()).map(found_at).collect(),
            missing: (0..missing.service.len()).map(missing_at).collect(),
            names: of_names,
            instances: (0..instances.service.len()).map(instance).collect(),
            lone_calls: (0..calls.target.len()).map(lone_call).collect(),
            served_roots: (0..roots.service.len()).map(served_root).collect(),
            root_durations: durations,
            times: times.first().copied().zip(times.get(1).copied()),
            scratch: super::see::Scratch::default(),
        })
    }
}
