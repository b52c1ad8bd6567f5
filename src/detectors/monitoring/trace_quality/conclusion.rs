//! What all traces together say.

use std::collections::{BTreeMap, BTreeSet};

use super::TraceQuality;
use super::contexts::held_roots;
use super::rules::Rule;
use super::seen::{EdgeFacts, Instance, Missing, SeenQuality, ServiceFacts};
use crate::conventions::FindingKind;
use crate::detectors::kit::{Level, Sightings, Whole};
use crate::frame::Symbol;
use crate::span::UNKNOWN_SERVICE;

/// From this share on a service's spans lack a kind, its calls a target or a callee.
const MIN_SHARE: f64 = 0.05;
/// The share of calls whose callees stick out from which on clocks differ.
const MIN_SKEWED: f64 = 0.2;
/// So many calls at least, of which such a share hold roots, which are such a share of all, do not hand the context on.
const MIN_BROKEN: u64 = 10;
const MIN_HELD: f64 = 0.9;
const MIN_ROOTS: f64 = 0.5;
/// The share of names seen once from which on they are unbounded.
const MIN_ONCE: f64 = 0.5;
/// Traces that begin or end as near to the first and the last time as this share of roots is long may be cut.
const LONGEST_ROOTS: f64 = 0.99;

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(super) service: Symbol,
    pub(super) kind: FindingKind,
    /// The kind's name.
    pub(super) kind_name: Symbol,
    /// Empty if it is about no calls.
    pub(super) target: Symbol,
    pub(super) spans: u64,
    pub(super) share: f64,
    pub(super) value_ns: Option<i64>,
    /// The rules that the service fails, a bit each.
    pub(super) failed: u32,
    pub(super) sightings: Sightings,
}

impl Row {
    /// How sure the harm is.
    pub(super) fn level(&self) -> Level {
        match self.kind {
            FindingKind::BrokenContext | FindingKind::NoServiceName => Level::Problem,
            FindingKind::ClientRoot | FindingKind::UnnamedTarget => Level::Note,
            _ => Level::Risk,
        }
    }
}

/// A service with its score.
#[derive(Debug)]
pub(crate) struct Scored {
    pub(super) service: Symbol,
    pub(super) spans: u64,
    pub(super) failed: u32,
    pub(super) traces: Sightings,
}

/// The rows in the order of their keys, and all services in the order of their names.
pub(super) fn conclude(detector: &TraceQuality, seen: SeenQuality, whole: &Whole<'_>) -> (Vec<Row>, Vec<Scored>) {
    let SeenQuality { mut services, mut edges, mut found, missing, names, instances, lone_calls, served_roots, .. } =
        seen;
    let longest = seen.root_durations.quantile(LONGEST_ROOTS).unwrap_or(0);
    let min_spans = u64::from(detector.min_spans.0);
    let lone: BTreeMap<(Symbol, Symbol), u64> = lone_calls.iter().fold(BTreeMap::new(), |mut lone, call| {
        *lone.entry((call.caller, call.target)).or_default() += 1;
        lone
    });
    let held = held_roots(lone_calls, &served_roots);
    for (&(caller, target), edge) in &mut edges {
        let Some(late) = edge.late.take().filter(|late| late.are_of_a_clock()) else { continue };
        let (spans, sightings) = found.entry((FindingKind::ClockSkew, caller, target)).or_default();
        // A few may be late by about the same by chance, unless others of the calls say that clocks differ, too.
        let calls = edge.offsets.len();
        let others_stick_out = *spans > 0 && *spans as f64 >= MIN_SKEWED * calls as f64;
        if late.offsets.len() >= min_spans || (others_stick_out && late.offsets.len() + calls >= min_spans) {
            *spans += late.spans;
            sightings.merge(&late.sightings);
            edge.offsets.merge(late.offsets);
        }
    }

    let mut rows: Vec<Row> = Vec::new();
    let mut add = |kind: FindingKind, service, target, spans: u64, of: u64, value_ns, sightings| {
        let share = spans as f64 / of.max(spans).max(1) as f64;
        let kind_name = whole.symbols.get(kind.as_str()).unwrap_or_default();
        rows.push(Row { service, kind, kind_name, target, spans, share, value_ns, failed: 0, sightings });
    };
    let of_service = |service: Symbol| services.get(&service).map_or((0, 0), |facts| (facts.spans, facts.calls));
    for ((kind, service, target), (spans, sightings)) in found {
        let (all_spans, all_calls) = of_service(service);
        let edge = || edges.get(&(service, target));
        let calls = edge().map_or(0, |edge| edge.calls);
        let is_share = |of: u64| spans as f64 >= MIN_SHARE * of as f64;
        match kind {
            FindingKind::NoServiceName => add(kind, service, target, spans, all_spans, None, sightings),
            FindingKind::ClockSkew => {
                if let Some((spans, value)) = edge().and_then(|edge| skew(edge, spans, min_spans)) {
                    add(kind, service, target, spans, calls, Some(value), sightings);
                }
            }
            _ if spans < min_spans => {}
            FindingKind::ErrorWithoutStatus | FindingKind::ClientRoot => {
                add(kind, service, target, spans, all_spans, None, sightings);
            }
            FindingKind::MissingKind if is_share(all_spans) => {
                add(kind, service, target, spans, all_spans, None, sightings);
            }
            FindingKind::UnnamedTarget if is_share(all_calls) => {
                add(kind, service, target, spans, all_calls, None, sightings);
            }
            FindingKind::LostCallee => {
                let Some(callee) = services.get(&target) else {
                    add(FindingKind::UninstrumentedCallee, service, target, spans, calls, None, sightings);
                    continue;
                };
                let edge = (service, target);
                let (alone, held) = (lone.get(&edge).copied(), held.get(&edge).copied());
                if is_broken(alone.unwrap_or(0), held.unwrap_or(0), callee.roots) {
                    add(FindingKind::BrokenContext, service, target, spans, calls, None, sightings);
                } else if is_share(calls) {
                    add(kind, service, target, spans, calls, None, sightings);
                }
            }
            _ => {}
        }
    }

    let whole_traces = missing.into_iter().filter(|missing| !is_cut(missing, seen.times, longest));
    let mut of_whole: BTreeMap<(FindingKind, Symbol), (u64, Sightings)> = BTreeMap::new();
    for missing in whole_traces {
        let (spans, sightings) = of_whole.entry((missing.kind, missing.service)).or_default();
        *spans += missing.spans;
        sightings.merge(&missing.sightings);
    }
    for ((kind, service), (spans, sightings)) in of_whole.into_iter().filter(|(_, (spans, _))| *spans >= min_spans) {
        add(kind, service, Symbol::EMPTY, spans, of_service(service).0, None, sightings);
    }

    let mut names_of: BTreeMap<Symbol, Names> = BTreeMap::new();
    for ((service, _), spans) in names.in_order() {
        let of_service = names_of.entry(service).or_default();
        of_service.distinct += 1;
        of_service.once += u64::from(spans == 1);
        of_service.spans += spans;
    }
    names_of.retain(|_, names| names.are_unbounded(u64::from(detector.max_names.0)));
    for (&service, names) in &names_of {
        let Some(facts) = services.get(&service) else { continue };
        add(FindingKind::UnboundedNames, service, Symbol::EMPTY, names.spans, facts.spans, None, facts.traces.clone());
    }

    let in_several_places = in_several_places(instances.into_iter());
    for (&service, facts) in &mut services {
        let broken = [
            (Rule::Place, in_several_places.contains(&service)),
            (Rule::ServiceName, whole.symbols.resolve(service).starts_with(UNKNOWN_SERVICE)),
            (Rule::Names, names_of.contains_key(&service)),
        ];
        let broken = broken.into_iter().filter(|(_, is_broken)| *is_broken);
        facts.failed = broken.fold(facts.failed, |bits, (rule, _)| bits | rule.bit());
    }
    for row in &mut rows {
        row.failed = services.get(&row.service).map_or(Rule::ServiceName.bit(), |facts| facts.failed);
    }
    rows.sort_unstable_by_key(|row| (row.service, row.kind, row.target));
    let services: BTreeMap<Symbol, ServiceFacts> = services.into_iter().collect();
    let scored = services.into_iter().map(|(service, facts)| {
        let ServiceFacts { spans, failed, traces, .. } = facts;
        Scored { service, spans, failed, traces }
    });
    (rows, scored.collect())
}

/// Calls whose callees stick out, and by how much the callee's clock is ahead in the median of all calls; none if they are too few.
fn skew(edge: &EdgeFacts, spans: u64, min_calls: u64) -> Option<(u64, i64)> {
    let calls = edge.offsets.len();
    let is_skewed = calls >= min_calls && spans as f64 >= MIN_SKEWED * calls as f64;
    is_skewed.then(|| edge.offsets.quantile(0.5)).flatten().map(|value| (spans, value))
}

/// Whether calls without callee have theirs elsewhere, as roots: `held` of them hold one each, of `roots` in all.
fn is_broken(calls: u64, held: u64, roots: u64) -> bool {
    let is_share = |part: u64, share: f64, whole: u64| part as f64 >= share * whole as f64;
    calls >= MIN_BROKEN && is_share(held, MIN_HELD, calls) && is_share(held, MIN_ROOTS, roots)
}

/// Whether a trace may be cut by the begin or the end of the input.
fn is_cut(missing: &Missing, times: Option<(i64, i64)>, longest: i64) -> bool {
    times.is_none_or(|(first, last)| {
        missing.begin.saturating_sub(first) <= longest || last.saturating_sub(missing.end) <= longest
    })
}

/// Names of spans of a service.
#[derive(Default)]
struct Names {
    distinct: u64,
    once: u64,
    spans: u64,
}

impl Names {
    fn are_unbounded(&self, most: u64) -> bool {
        self.distinct > most && self.once as f64 > MIN_ONCE * self.distinct as f64
    }
}

/// Services one instance of which ran in several places.
fn in_several_places(instances: impl Iterator<Item = Instance>) -> BTreeSet<Symbol> {
    let mut place_of: BTreeMap<(Symbol, u64, u8), u64> = BTreeMap::new();
    let is_elsewhere = |Instance { service, instance, kind, place }| {
        let known = *place_of.entry((service, instance, kind)).or_insert(place);
        (known != place).then_some(service)
    };
    instances.filter_map(is_elsewhere).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_are_broken_if_nearly_all_calls_hold_a_root() {
        for (calls, held, roots, expected) in
            [(10, 9, 18, true), (9, 9, 9, false), (10, 8, 10, false), (10, 10, 21, false), (100, 90, 180, true)]
        {
            assert_eq!(is_broken(calls, held, roots), expected, "{calls} {held} {roots}");
        }
    }

    #[test]
    fn names_are_unbounded_if_most_come_once() {
        for (distinct, once, expected) in [(101, 51, true), (100, 100, false), (102, 51, false)] {
            assert_eq!(Names { distinct, once, spans: distinct }.are_unbounded(100), expected);
        }
    }

    #[test]
    fn instances_have_one_place() {
        let [web, cart, shop] = [Symbol(1), Symbol(2), Symbol(3)];
        let instances = [
            (web, 1, 1, 1),
            (web, 2, 1, 2),
            // One pod on one host.
            (web, 1, 2, 4),
            (cart, 1, 0, 1),
            (cart, 1, 0, 3),
            // One pod, as it seems, on two hosts.
            (shop, 1, 1, 1),
            (shop, 1, 2, 5),
            (shop, 1, 2, 6),
        ];
        let instances = instances.map(|(service, instance, kind, place)| Instance { service, instance, kind, place });
        assert_eq!(in_several_places(instances.into_iter()), BTreeSet::from([cart, shop]));
    }
}
