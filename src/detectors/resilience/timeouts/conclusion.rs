//! What `timeouts` concludes of the waits along each edge.

use std::cmp::Reverse;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::conventions::FindingKind;
use crate::detectors::kit::{NoDetails, Whole};
use crate::findings::{Finding, Findings, Remedy};
use crate::frame::Symbol;
use crate::partial::TraceNumber;
use crate::trace::{Edit, Row, total_ns};

use super::super::deeper_patterns::{Explained, LateOccurrence, explained_by_most};
use super::timers::{GiveUp, timers};
use super::waits::{
    ANSWERED_LATE, CALLEE_OK, CallsOfEdges, DEAD_ON_ARRIVAL, EdgeFacts, FAILED, GAVE_UP, OUTLIVED, SAYS_TIMEOUT,
    WaitedFor, Waits,
};
use super::{SeenIn, TimeoutRow, Timeouts};

const SECOND: i64 = 1_000_000_000;

/// No call of a request is worth a longer wait.
const LONGEST_CAP: i64 = 10 * SECOND;

/// Calls that succeed from which on these tell what a sensible timeout is.
const ENOUGH: u64 = 10;

/// Callees that went on from which on that is no accident.
const MIN_OUTLIVED: usize = 3;

/// Traces with calls that were answered late from which on these are no accident.
const MIN_TRACES: usize = 2;

/// Half of the calls that take this part of the longest wait or longer are long by design.
const LONG_BY_DESIGN: i64 = 10;

/// The share of an upper wait that a deeper one must last to explain it.
const MOST_OF_WAIT: f64 = 0.9;

/// The waits along one edge.
struct Edge {
    of: WaitedFor,
    /// Places among all waits, by trace, start and row.
    waits: Vec<usize>,
    /// Those of the calls that were given up.
    give_ups: Vec<usize>,
    facts: EdgeFacts,
}

/// Findings of a kind along an edge, as places among all waits.
struct Trouble {
    edge: usize,
    kind: FindingKind,
    waits: Vec<usize>,
}

/// The findings and rows of all edges.
pub(super) fn conclude(
    detector: &Timeouts,
    mut findings: Findings<NoDetails>,
    mut seen: Waits,
    whole: &Whole<'_>,
) -> (Findings<NoDetails>, Vec<TimeoutRow>) {
    let calls = seen.take_edges();
    let mut edges = edges_of(detector, &seen, &calls);
    find_below(detector, &seen, &calls, &mut edges);
    let mut troubles: Vec<Trouble> = Vec::new();
    for (number, edge) in edges.iter().enumerate() {
        let found = detector.troubles_of(&seen, edge).into_iter().filter(|(_, waits)| !waits.is_empty());
        let of_edge: Vec<Trouble> = found.map(|(kind, waits)| Trouble { edge: number, kind, waits }).collect();
        let is_abandoned = of_edge.iter().any(|trouble| trouble.kind == FindingKind::AbandonedWork);
        let quiet = |kind| Trouble { edge: number, kind, waits: Vec::new() };
        let is_alone = of_edge.is_empty();
        troubles.extend(of_edge);
        if edge.facts.below.is_some() && !is_abandoned {
            troubles.push(quiet(FindingKind::NotShrinking));
        } else if is_alone && !edge.facts.timers.is_empty() {
            troubles.push(quiet(FindingKind::Inferred));
        }
    }
    // Rows come in the order of their keys.
    let key_of = |trouble: &Trouble| -> [Symbol; 4] {
        let (caller_service, target) = edges[trouble.edge].of;
        let name = |text: &str| whole.symbols.get(text).unwrap_or_default();
        [caller_service, name(target.kind.as_str()), target.name, name(trouble.kind.as_str())]
    };
    troubles.sort_by_cached_key(key_of);
    let mut rows = Vec::new();
    let mut of_findings: Vec<usize> = Vec::new();
    for trouble in &troubles {
        let (edge, key) = (&edges[trouble.edge], key_of(trouble));
        for &wait in &trouble.waits {
            detector.report(&seen, edge, trouble.kind, &key, wait, &mut findings);
            of_findings.push(wait);
        }
        rows.push(row_of(&seen, edge, trouble, key));
    }
    let explained = explained(&seen, &findings, &of_findings);
    for row in &mut rows {
        row.explained_by = explained.get(&row.key[..]).cloned();
    }
    (findings, rows)
}

/// The waits by edge, and what is known of each edge on its own.
fn edges_of(detector: &Timeouts, seen: &Waits, calls: &CallsOfEdges) -> Vec<Edge> {
    let waits = &seen.waits;
    let edge_of = |place: usize| (waits.caller_service[place], waits.target.get(place).unwrap_or_default());
    let mut order: Vec<usize> = (0..waits.row.len()).collect();
    order.sort_unstable_by_key(|&place| (edge_of(place), waits.trace[place], waits.start[place], waits.row[place]));
    let of_edges = order.chunk_by(|&left, &right| edge_of(left) == edge_of(right));
    of_edges
        .map(|of_edge| {
            let of = edge_of(of_edge[0]);
            let has = |place: &&usize| waits.flags[**place] & GAVE_UP != 0;
            let give_ups: Vec<usize> = of_edge.iter().filter(has).copied().collect();
            let durations: Vec<GiveUp> = give_ups
                .iter()
                .map(|&place| GiveUp {
                    duration: waits.duration[place],
                    is_timeout: waits.flags[place] & SAYS_TIMEOUT != 0,
                    is_outlived: waits.flags[place] & OUTLIVED != 0,
                })
                .collect();
            let calls = calls.get(&of).cloned().unwrap_or_default();
            let longest_failed = seen.longest_failed.get(&of).copied().unwrap_or_default();
            let cap_ns = match calls.ok {
                Some([_, p99]) if calls.ok_calls >= ENOUGH => LONGEST_CAP.min(p99.saturating_mul(2).max(SECOND)),
                _ => LONGEST_CAP,
            };
            let facts = EdgeFacts {
                calls: calls.calls,
                give_ups: give_ups.len() as u64,
                timers: timers(&durations, detector.min_give_ups.0),
                ok_calls: calls.ok_calls,
                ok: calls.ok,
                longest_answered_ns: calls.longest_ok_answered_ns.max(longest_failed),
                below: None,
                cap_ns,
            };
            Edge { of, waits: of_edge.to_vec(), give_ups, facts }
        })
        .collect()
}

/// Finds what the callee of each edge may wait for longer than its caller does: as traces show it, else as timeouts say.
fn find_below(detector: &Timeouts, seen: &Waits, calls: &CallsOfEdges, edges: &mut [Edge]) {
    let waits = &seen.waits;
    let seen_below = |edge: &Edge| {
        let outlived = edge.waits.iter().filter(|&&place| waits.flags[place] & OUTLIVED != 0);
        let below: Vec<(i64, Reverse<Symbol>)> = outlived
            .filter_map(|&place| Some((waits.below_ns[place], Reverse(waits.below.get(place)?.name))))
            .collect();
        let longest = below.iter().max().filter(|_| below.len() >= MIN_OUTLIVED)?;
        Some((longest.1.0, longest.0))
    };
    let inferred = |edge: &Edge| {
        let (_, target) = edge.of;
        let timeout = edge.facts.timers.first().filter(|_| target.kind == crate::trace::TargetKind::Service)?.value;
        let operations = &calls.get(&edge.of)?.operations;
        let longer = |below: &&Edge| below.of.0 == target.name;
        let mut longest: Option<(i64, Reverse<Symbol>)> = None;
        for below in edges.iter().filter(longer) {
            for timer in below.facts.timers.iter().filter(|timer| timer.value > timeout + timeout / 50 + 5_000_000) {
                let give_ups = timer.calls.iter().map(|&call| below.give_ups[call]);
                let called = give_ups.filter(|&place| operations.contains(&waits.caller_operation[place])).count();
                if called >= detector.min_give_ups.0 as usize {
                    longest = longest.max(Some((timer.value, Reverse(below.of.1.name))));
                }
            }
        }
        longest.map(|(value, Reverse(name))| (name, value))
    };
    let below: Vec<Option<(Symbol, i64)>> =
        edges.iter().map(|edge| seen_below(edge).or_else(|| inferred(edge))).collect();
    for (edge, below) in edges.iter_mut().zip(below) {
        edge.facts.below = below;
    }
}

impl Timeouts {
    /// The waits of each kind of trouble of an edge.
    fn troubles_of(&self, seen: &Waits, edge: &Edge) -> [(FindingKind, Vec<usize>); 3] {
        let (waits, facts) = (&seen.waits, &edge.facts);
        let with = |flag: u32| edge.waits.iter().copied().filter(move |&place| waits.flags[place] & flag != 0);
        let is_by_design = facts.ok.is_some_and(|[p50, _]| p50 > self.max_wait.0 / LONG_BY_DESIGN);
        let mut late: Vec<usize> =
            with(ANSWERED_LATE).filter(|&place| !is_by_design || waits.flags[place] & FAILED != 0).collect();
        let mut traces: Vec<TraceNumber> = late.iter().map(|&place| waits.trace[place]).collect();
        traces.dedup();
        if traces.len() < MIN_TRACES {
            late.clear();
        }
        let mut long: Vec<usize> = Vec::new();
        if let Some([_, p99]) = facts.ok.filter(|_| facts.ok_calls >= ENOUGH) {
            let is_long = |value: i64| value > LONGEST_CAP && value > p99.saturating_mul(10);
            for timer in facts.timers.iter().filter(|timer| is_long(timer.value)) {
                long.extend(timer.calls.iter().map(|&call| edge.give_ups[call]));
            }
        }
        long.sort_unstable_by_key(|&place| (waits.trace[place], waits.start[place], waits.row[place]));
        let mut outlived: Vec<usize> = with(OUTLIVED).collect();
        if outlived.len() < MIN_OUTLIVED {
            outlived.clear();
        }
        [(FindingKind::NoTimeout, late), (FindingKind::LongTimeout, long), (FindingKind::AbandonedWork, outlived)]
    }

    fn report(
        &self,
        seen: &Waits,
        edge: &Edge,
        kind: FindingKind,
        key: &[Symbol],
        place: usize,
        findings: &mut Findings<NoDetails>,
    ) {
        let waits = &seen.waits;
        let seconds = |ns: i64| ns as f64 / SECOND as f64;
        let is_abandoned = kind == FindingKind::AbandonedWork;
        let (measured, limit) = match kind {
            FindingKind::AbandonedWork => (waits.wasted_ns[place], self.abandoned.0),
            FindingKind::NoTimeout => (waits.duration[place], self.max_wait.0),
            _ => (waits.duration[place], LONGEST_CAP),
        };
        let (row, span_id): (Row, _) = (waits.row[place], waits.span_id[place]);
        let finding = Finding {
            span_id,
            service: edge.of.0,
            operation: waits.caller_operation[place],
            target: Some(edge.of.1),
            start: waits.start[place],
            measured: seconds(measured),
            threshold: seconds(limit),
            impact_ns: if is_abandoned { 0 } else { (waits.path_ns[place] - edge.facts.cap_ns).max(0) },
            own_impact: 0,
            induced: false,
            kind,
            span_ids: &[span_id],
            key,
            details: NoDetails,
        };
        let caps = [(row, Edit::Cap(edge.facts.cap_ns))];
        let remedy = Remedy {
            edits: if is_abandoned { &[] } else { &caps },
            wasted_ns: if is_abandoned { waits.wasted_ns[place] } else { 0 },
            ..Remedy::none(row)
        };
        findings.push_late(waits.trace[place], waits.adjusted_count[place], finding, remedy);
    }
}

fn row_of(seen: &Waits, edge: &Edge, trouble: &Trouble, key: [Symbol; 4]) -> TimeoutRow {
    let waits = &seen.waits;
    let is_abandoned = trouble.kind == FindingKind::AbandonedWork;
    let sum = |value: &dyn Fn(usize) -> i64| total_ns(trouble.waits.iter().map(|&place| value(place)));
    let with = |flag: u32| {
        let places = trouble.waits.iter().filter(|&&place| is_abandoned && waits.flags[place] & flag != 0);
        places.count() as u64
    };
    let impact = |place: usize| if is_abandoned { 0 } else { (waits.path_ns[place] - edge.facts.cap_ns).max(0) };
    // A row without findings shows where the timeout does.
    let of_timer = edge.facts.timers.first().map(|timer| timer.calls.iter().map(|&call| edge.give_ups[call]));
    let shown: Vec<usize> = match of_timer {
        Some(of_timer) if trouble.waits.is_empty() => of_timer.collect(),
        _ => trouble.waits.clone(),
    };
    TimeoutRow {
        key,
        kind: trouble.kind,
        edge: edge.facts.clone(),
        waits: trouble.waits.len() as u64,
        path_ns: sum(&|place| waits.path_ns[place]),
        saving_ns: sum(&impact),
        wasted_ns: if is_abandoned { sum(&|place| waits.wasted_ns[place]) } else { 0 },
        dead_on_arrival: with(DEAD_ON_ARRIVAL),
        finished_ok: with(CALLEE_OK),
        seen: seen_in(seen, shown, if trouble.waits.is_empty() { &|_| 0 } else { &impact }),
        explained_by: None,
    }
}

/// Where waits were seen. The example is the trace with the largest impact, then that with the lowest id.
fn seen_in(seen: &Waits, mut shown: Vec<usize>, impact: &dyn Fn(usize) -> i64) -> SeenIn {
    let waits = &seen.waits;
    shown.sort_unstable_by_key(|&place| waits.trace[place]);
    let of_traces = || shown.chunk_by(|&left, &right| waits.trace[left] == waits.trace[right]);
    let weight = |of_trace: &[usize]| of_trace.iter().map(|&place| waits.adjusted_count[place]).fold(0.0, f64::max);
    let starts = || shown.iter().map(|&place| waits.start[place]);
    let example = shown.iter().max_by_key(|&&place| (impact(place), Reverse(waits.trace[place])));
    SeenIn {
        traces: of_traces().count() as u64,
        weighted_traces: of_traces().map(weight).fold(0.0, |sum, weight| sum + weight),
        first: starts().min().unwrap_or_default(),
        last: starts().max().unwrap_or_default(),
        example: example.map(|&place| waits.trace[place]),
    }
}

/// The pattern that explains each pattern that another explains: only among abandoned work, and among the other kinds, and
/// where the deeper wait lasts nearly as long.
fn explained(seen: &Waits, findings: &Findings<NoDetails>, waits_of_findings: &[usize]) -> Explained {
    let waits = &seen.waits;
    let rows: Vec<[Row; 1]> = waits_of_findings.iter().map(|&place| [waits.row[place]]).collect();
    let occurrences: Vec<LateOccurrence<'_>> = rows
        .iter()
        .enumerate()
        .map(|(number, rows)| LateOccurrence {
            trace: findings.common.trace[number],
            key: findings.common.key.get(number),
            rows,
        })
        .collect();
    let is_abandoned = |number: usize| findings.common.kind.get(number) == FindingKind::AbandonedWork;
    let deeper = seen.above.patterns(&occurrences, |(deeper, _), (upper, _)| {
        let duration = |number: usize| waits.duration[waits_of_findings[number]] as f64;
        is_abandoned(deeper) == is_abandoned(upper) && duration(deeper) >= MOST_OF_WAIT * duration(upper)
    });
    let explained: HashMap<_, _, FixedState> = explained_by_most(&deeper, &findings.common);
    explained
}
