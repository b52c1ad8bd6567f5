//! Groups of services that are one, and how much of one.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::conventions::FindingKind;
use crate::detectors::kit::{Level, Sightings, Whole};
use crate::frame::Symbol;
use crate::gathered::Sharing;

use super::deployments::{Pairs, joint_deployments};
use super::graph::{Edges, components, cycles, shortest_cycle};
use super::shapes::{Passage, Shape, Shapes};

/// What connects services.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Evidence {
    /// They call each other in a circle.
    Cycle,
    /// They share a table.
    Database,
    /// They are deployed together.
    Deploy,
}

impl Evidence {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Cycle => "cycle",
            Self::Database => "database",
            Self::Deploy => "deploy",
        }
    }
}

/// A group of services.
#[derive(Debug)]
pub(crate) struct Group {
    /// By name.
    pub(super) services: Vec<Symbol>,
    pub(super) level: Level,
    pub(super) evidence: BTreeSet<Evidence>,
    /// Services of the largest cycle, of those that share a table with others, and of those that are deployed with others.
    parts: [usize; 3],
    pub(super) cycle: Vec<Symbol>,
    pub(super) weakest_call: Option<[Symbol; 2]>,
    pub(super) revisit_traces: u64,
    pub(super) tables: Vec<Symbol>,
    pub(super) joint_deployments: u64,
    pub(super) chain_share: f64,
    pub(super) together_pairs: u64,
    pub(super) sync_calls: u64,
    pub(super) seen: Sightings,
    /// When a version of any of them was seen first, in ns since 1970; 0 if none says one.
    pub(super) changed_first: i64,
}

impl Group {
    /// How much of one the services are, 0 to 100.
    pub(super) fn score(&self) -> i64 {
        let services = self.services.len() as f64;
        let [cycle, database, deploy] = self.parts.map(|part| part as f64 / services);
        let repeated = (self.joint_deployments as f64 / 2.0).min(1.0);
        let together = self.together_pairs as f64 / (services * (services - 1.0) / 2.0);
        let score =
            30.0 * cycle + 25.0 * database + 25.0 * deploy * repeated + 10.0 * self.chain_share + 10.0 * together;
        score.round_ties_even() as i64
    }
}

/// A table that services of several families touch, of which at least one writes it.
pub(super) struct SharedTable {
    pub(super) table: Symbol,
    pub(super) services: Vec<Symbol>,
}

/// Traces from which on an edge may be part of a cycle: one call back is an accident.
const MIN_TRACES_OF_EDGE: u64 = 2;
/// Services of a group in one long chain that make it one of the group's.
const MIN_SERVICES_IN_CHAIN: usize = 3;
/// Traces of a service and entry operations from which on it says something that two occur together.
const MIN_TRACES_TOGETHER: u64 = 20;
const MIN_ENTRIES_TOGETHER: usize = 3;
/// Share of their traces that two services must have in common.
const TOGETHER: f64 = 0.95;

/// The groups, in the order of their services.
pub(super) fn groups(seen: &Shapes, window_ns: i64, whole: &Whole<'_>) -> Vec<Group> {
    let structure = Structure::new(seen, whole);
    let shared = shared_tables(whole);
    let tables =
        Pairs::from_iter(shared.iter().flat_map(|shared| structure.pairs_of(&shared.services)).map(|pair| (pair, 1)));
    let are_linked = |left: Symbol, right: Symbol| {
        structure.calls(left, right)
            || structure.calls(right, left)
            || tables.contains_key(&[left.min(right), left.max(right)])
    };
    let first_seen = seen.versions.iter().map(|(&[service, _], &first)| (service, first));
    let joint = joint_deployments(first_seen, window_ns, are_linked, |service| structure.family(service));
    let cycles = cycles(&structure.repeated_edges());
    let of_cycles = cycles.iter().flat_map(|cycle| {
        let first = cycle.first().copied();
        cycle.iter().filter_map(move |&service| Some((first?, service)))
    });
    let of_pairs = tables.keys().chain(joint.keys()).map(|&[left, right]| (left, right));
    let facts = Facts {
        structure: &structure,
        shared: &shared,
        tables: &tables,
        joint: &joint,
        cycles: &cycles,
        versions: &seen.versions,
    };
    let mut groups: Vec<Group> =
        components(of_cycles.chain(of_pairs)).into_iter().filter_map(|services| facts.group_of(services)).collect();
    groups.sort_unstable_by(|left, right| left.services.cmp(&right.services));
    groups
}

/// What traces say, with services taken out that only pass requests on.
struct Structure<'a> {
    whole: &'a Whole<'a>,
    families: RefCell<BTreeMap<Symbol, String>>,
    shapes: Vec<(&'a Shape, &'a Sightings, Vec<[Symbol; 2]>)>,
    /// Calls of each edge.
    edges: Edges<Symbol>,
    /// Traces of each edge.
    traces: BTreeMap<[Symbol; 2], u64>,
}

impl<'a> Structure<'a> {
    fn new(seen: &'a Shapes, whole: &'a Whole<'a>) -> Self {
        let entries = whole.gathered.service_entries.as_ref();
        let gateways = entries.map(|entries| entries.pass_through()).unwrap_or_default();
        let mut structure = Self {
            whole,
            families: RefCell::default(),
            shapes: Vec::new(),
            edges: Edges::new(),
            traces: BTreeMap::new(),
        };
        let calls = seen.calls.in_order();
        let passed_to_several = seen.calls_passed_to_several.in_order();
        let all: BTreeSet<Passage> = calls.iter().chain(&passed_to_several).map(|&(passage, _)| passage).collect();
        // What asks several is one call, unless it passes requests on.
        let by_gateways = passed_to_several.into_iter().filter(|([_, callee, _], _)| gateways.contains(callee));
        for (passage, calls) in calls.into_iter().chain(by_gateways) {
            for [caller, callee] in structure.edges_of(passage, &gateways, &|passage| all.contains(passage), &all) {
                *structure.edges.entry(caller).or_default().entry(callee).or_default() += calls;
            }
        }
        for (shape, sightings) in &seen.shapes {
            let is_in = |passage: &Passage| shape.passages.binary_search(passage).is_ok();
            let own = shape.passages.iter().flat_map(|&passage| structure.edges_of(passage, &gateways, &is_in, &all));
            let edges: BTreeSet<[Symbol; 2]> = own.collect();
            edges.iter().for_each(|&edge| *structure.traces.entry(edge).or_default() += sightings.count.traces);
            structure.shapes.push((shape, sightings, edges.into_iter().collect()));
        }
        structure
    }

    /// The edges between families that a passage stands for: its own, or, through what passes requests on, those to what that
    /// calls in the same traces.
    fn edges_of(
        &self,
        [caller, callee, next]: Passage,
        gateways: &BTreeSet<Symbol>,
        is_known: &dyn Fn(&Passage) -> bool,
        all: &BTreeSet<Passage>,
    ) -> Vec<[Symbol; 2]> {
        if gateways.contains(&caller) {
            return Vec::new();
        }
        let (mut reached, mut passed) = (BTreeSet::new(), BTreeSet::new());
        let mut waiting = vec![[callee, next]];
        while let Some([callee, next]) = waiting.pop() {
            if !gateways.contains(&callee) {
                reached.insert(callee);
            } else if next != Symbol::EMPTY && passed.insert([callee, next]) {
                if gateways.contains(&next) {
                    let behind = all.range([callee, next, Symbol::EMPTY]..);
                    let behind = behind.take_while(|passage| passage[..2] == [callee, next]);
                    waiting.extend(behind.filter(|passage| is_known(passage)).map(|passage| [next, passage[2]]));
                } else {
                    reached.insert(next);
                }
            }
        }
        let between = reached.into_iter().filter(|&callee| self.are_of_two_families(caller, callee));
        between.map(|callee| [caller, callee]).collect()
    }

    fn family(&self, service: Symbol) -> String {
        let name = || self.whole.family_name(service);
        self.families.borrow_mut().entry(service).or_insert_with(name).clone()
    }

    fn are_of_two_families(&self, left: Symbol, right: Symbol) -> bool {
        left != right && self.family(left) != self.family(right)
    }

    fn pairs_of(&self, services: &[Symbol]) -> Vec<[Symbol; 2]> {
        let mut services = services.to_vec();
        services.sort_unstable();
        let pairs = services
            .iter()
            .enumerate()
            .flat_map(|(place, &left)| services[place + 1..].iter().map(move |&right| [left, right]));
        pairs.filter(|&[left, right]| self.are_of_two_families(left, right)).collect()
    }

    fn calls(&self, caller: Symbol, callee: Symbol) -> bool {
        self.edges.get(&caller).is_some_and(|callees| callees.contains_key(&callee))
    }

    /// The edges that several traces show.
    fn repeated_edges(&self) -> Edges<Symbol> {
        let mut edges = self.edges.clone();
        for (&caller, callees) in &mut edges {
            callees.retain(|&callee, _| {
                self.traces.get(&[caller, callee]).is_some_and(|&traces| traces >= MIN_TRACES_OF_EDGE)
            });
        }
        edges
    }
}

/// What connects services.
struct Facts<'a> {
    structure: &'a Structure<'a>,
    shared: &'a [SharedTable],
    tables: &'a Pairs<Symbol>,
    joint: &'a Pairs<Symbol>,
    cycles: &'a [BTreeSet<Symbol>],
    versions: &'a HashMap<[Symbol; 2], i64, FixedState>,
}

impl Facts<'_> {
    /// The group of connected services; none if nothing but tables connects them.
    fn group_of(&self, services: BTreeSet<Symbol>) -> Option<Group> {
        let is_within = |[left, right]: &[Symbol; 2]| services.contains(left) && services.contains(right);
        let own_cycles = || self.cycles.iter().filter(|cycle| cycle.is_subset(&services));
        let largest = own_cycles().max_by(|left, right| left.len().cmp(&right.len()).then_with(|| right.cmp(left)));
        let members = |pairs: &Pairs<Symbol>| {
            let own = pairs.keys().filter(|pair| is_within(pair));
            own.flatten().copied().collect::<BTreeSet<Symbol>>().len()
        };
        let parts = [largest.map_or(0, BTreeSet::len), members(self.tables), members(self.joint)];
        let kinds = [Evidence::Cycle, Evidence::Database, Evidence::Deploy];
        let evidence: BTreeSet<Evidence> =
            kinds.into_iter().zip(parts).filter(|&(_, part)| part > 0).map(|(kind, _)| kind).collect();
        if evidence.iter().all(|&kind| kind == Evidence::Database) {
            return None;
        }
        let structure = self.structure;
        let cycle = largest.map_or(Vec::new(), |cycle| shortest_cycle(&structure.repeated_edges(), cycle));
        let calls = |edge: &[Symbol]| structure.edges[&edge[0]][&edge[1]];
        let weakest_call =
            cycle.windows(2).min_by_key(|edge| (calls(edge), edge.to_vec())).map(|edge| [edge[0], edge[1]]);
        let of_tables = self.shared.iter().filter(|shared| structure.pairs_of(&shared.services).iter().any(is_within));
        let tables: BTreeSet<Symbol> = of_tables.map(|shared| shared.table).collect();
        let joint_deployments =
            self.joint.iter().filter(|(pair, _)| is_within(pair)).map(|(_, &joint)| joint).max().unwrap_or(0);
        let in_cycles: BTreeSet<Symbol> = own_cycles().flatten().copied().collect();
        let has_calls = structure.traces.keys().any(is_within);
        let mut seen = Sightings::default();
        let (mut revisit_traces, mut chain_traces) = (0, 0);
        for (shape, sightings, edges) in &structure.shapes {
            if shape.revisited.iter().any(|service| in_cycles.contains(service)) {
                revisit_traces += sightings.count.traces;
            }
            let is_own = if has_calls {
                edges.iter().any(is_within)
            } else {
                services.iter().all(|service| shape.services.binary_search(service).is_ok())
            };
            if !is_own {
                continue;
            }
            seen.merge(sightings);
            let holds = |chain: &[Symbol]| {
                chain.iter().filter(|service| services.contains(service)).count() >= MIN_SERVICES_IN_CHAIN
            };
            chain_traces += if shape.chains().any(holds) { sightings.count.traces } else { 0 };
        }
        let level = if evidence.len() >= 2 || revisit_traces > 0 {
            Level::Problem
        } else if evidence.contains(&Evidence::Cycle) || joint_deployments >= 2 {
            Level::Risk
        } else {
            Level::Note
        };
        let edges = structure
            .edges
            .iter()
            .flat_map(|(&caller, callees)| callees.iter().map(move |(&callee, &calls)| ([caller, callee], calls)));
        Some(Group {
            level,
            evidence,
            parts,
            cycle,
            weakest_call,
            revisit_traces,
            tables: tables.into_iter().collect(),
            joint_deployments,
            chain_share: chain_traces as f64 / seen.count.traces.max(1) as f64,
            together_pairs: self.together_pairs(&services),
            sync_calls: edges.filter(|(edge, _)| is_within(edge)).map(|(_, calls)| calls).sum(),
            seen,
            changed_first: self.first_change_of(&services),
            services: services.into_iter().collect(),
        })
    }

    fn first_change_of(&self, services: &BTreeSet<Symbol>) -> i64 {
        let versions = self.versions.iter().filter(|([service, _], _)| services.contains(service));
        versions.map(|(_, &first)| first).min().unwrap_or_default()
    }

    /// How many pairs of services nearly never occur alone.
    fn together_pairs(&self, services: &BTreeSet<Symbol>) -> u64 {
        let services: Vec<Symbol> = services.iter().copied().collect();
        let mut traces = vec![0u64; services.len()];
        let mut entries: Vec<BTreeSet<[Symbol; 2]>> = vec![BTreeSet::new(); services.len()];
        let mut in_common: BTreeMap<[usize; 2], u64> = BTreeMap::new();
        for (shape, sightings, _) in &self.structure.shapes {
            let is_there = |place: &usize| shape.services.binary_search(&services[*place]).is_ok();
            let there: Vec<usize> = (0..services.len()).filter(is_there).collect();
            for (number, &left) in there.iter().enumerate() {
                traces[left] += sightings.count.traces;
                entries[left].extend(&shape.entries);
                for &right in &there[number + 1..] {
                    *in_common.entry([left, right]).or_default() += sightings.count.traces;
                }
            }
        }
        let are_together = |&(&[left, right], &both): &(&[usize; 2], &u64)| {
            let either = traces[left] + traces[right] - both;
            traces[left].min(traces[right]) >= MIN_TRACES_TOGETHER
                && entries[left].union(&entries[right]).count() >= MIN_ENTRIES_TOGETHER
                && both as f64 >= TOGETHER * either as f64
        };
        in_common.iter().filter(are_together).count() as u64
    }
}

/// The tables that hold services together: those that one service at least writes.
fn shared_tables(whole: &Whole<'_>) -> Vec<SharedTable> {
    let touches = whole.gathered.data_touches.as_ref();
    let sharings = touches.map(|touches| touches.sharings(whole.symbols, whole.lists)).unwrap_or_default();
    let holds = |sharing: &Sharing| matches!(sharing.kind, FindingKind::SeveralWriters | FindingKind::ForeignReader);
    let shared = |sharing: Sharing| SharedTable { table: sharing.key[1], services: sharing.services() };
    sharings.into_iter().filter(holds).map(shared).collect()
}
