//! `sync-chain`: more synchronous hops in a row than one request should wait for.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

use hashbrown::HashMap;

use crate::conventions::FindingKind;
use crate::findings::{Finding, Findings, Remedy};
use crate::frame::Symbol;
use crate::partial::columns;
use crate::trace::{Edit, Hop, Row, TraceView, total_ns};

use crate::detectors::kit::{
    self, Cell, Concluded, Description, Detector, NoRow, Pattern, PatternColumn, ProblemText, RankedBy, TableRow,
    TableRules, Unit, Whole, joined, thresholds,
};

thresholds! {
    /// The detector of synchronous chains and its thresholds.
    pub(crate) struct SyncChain {
        /// Synchronous hops from service to service in a row that are still fine.
        max_hops: Count = 3, option "max-hops";
    }
}

columns! {
    /// What a finding of a chain says.
    pub(crate) struct Details in DetailColumns {
        /// Duration of the segment's root, in ns.
        duration_ns: i64,
        /// Critical-path time in and below the first hop that is too many, in ns.
        deep_critical_ns: i64,
        /// Services from the entry to the deepest.
        chain: Vec<Symbol>,
        /// Whether the calls of the hops failed, from the first on.
        outcomes: Vec<bool>,
    }
}

static DESCRIPTION: Description = Description {
    name: "sync-chain",
    table: "sync_chain",
    summary: "more synchronous hops in a row than one request should wait for",
    documentation: "\
## What it does

Follows calls from service to service as long as each caller waits. Every sequence of `max_hops` hops that goes on is a
finding; its chain is the longest below. Databases, topics and external hosts are no hops; calls within a service and
INTERNAL spans add none; what is sent over a topic, or starts after its parent ended, begins a chain of its own.

## Why it hurts

Latencies add up and availabilities multiply: five services in a row that each answer 99.9 % of requests answer 99.5 %.
Every service of the chain holds a thread, a connection and a request in memory while the deepest one works, and one slow
service slows them all.

## What it looks like

    SERVER web > SERVER cart > SERVER pricing > SERVER tax > SERVER rates

`deep_critical_ns` is the critical-path time spent in and below the first hop that is too many. `success_rate` is the
product, over the hops, of the share of calls that did not fail.

## How to fix it

Take a hop out: let the first service fetch what the deep one needs, keep a local copy fed by events, merge services that
never work apart, or answer the request before the deep work is done (a topic instead of a call).

## When it is wrong

Gateways, sidecars and service meshes that report as services of their own add hops that cost little. A chain with a
`revisits` flag may be a callback by design.

## References

Google, \"The Site Reliability Workbook\", 2018, on the arithmetic of dependent availabilities (\"The Calculus of Service
Availability\", ACM Queue 15(2), 2017).",
    currency: None,
    has_findings: true,
    gates_at_any_impact: false,
    finds_risks_only: false,
    needs_failures: false,
    least_of_all_traces: None,
    terminal_columns: &[
        "rank",
        "chain",
        "entry_operation",
        "deep_critical_ns",
        "hops",
        "traces",
        "duration_p50_ns",
        "duration_p99_ns",
        "entry_service",
        "success_rate",
        "weighted_traces",
        "example_trace_id",
    ],
    ranked_by: &[RankedBy::Largest("deep_critical_ns")],
    problem: Some(ProblemText { title, fix, is_upper_bound: true }),
};

fn title(row: &TableRow<'_>) -> String {
    let entry = joined([row.text("entry_service"), row.text("entry_operation")]);
    format!("{entry} waits for {} hops in a row: {}", row.count("hops"), row.names("chain").join(" → "))
}

fn fix(row: &TableRow<'_>) -> &'static str {
    if row.flag("revisits") {
        "hand down what the service that is asked twice knows already, so that nobody calls back"
    } else {
        "shorten the chain: hand the data down, keep a copy near, or let the last steps go on without being waited for"
    }
}

type Column = PatternColumn<SyncChain>;
type Rule = kit::Rule<SyncChain>;

static COLUMNS: &[Column] = &[
    Column::rank("place in the ranking by deep_critical_ns"),
    Column::PATTERN_ID,
    Column::new(
        "chain",
        Unit::Names,
        "services from the entry to the deepest",
        Rule::MostFrequentList(|details| &details.chain),
    ),
    Column::new("hops", Unit::Count, "hops of that chain", Rule::Derived(hops_of_chain)),
    Column::new(
        "revisits",
        Unit::Flag,
        "whether a service occurs twice in it",
        Rule::Derived(|pattern| Cell::Flag(revisits(shown_chain(pattern)))),
    ),
    Column::new("entry_service", Unit::Text, "service where the waiting begins", Rule::Key(0)),
    Column::new("entry_operation", Unit::Text, "operation there", Rule::Key(1)),
    Column::TRACES,
    Column::WEIGHTED_TRACES,
    Column::TRACE_SHARE,
    Column::new(
        "duration_p50_ns",
        Unit::Nanoseconds,
        "median duration of the entry",
        Rule::Quantile(|details| &details.duration_ns, 0.5),
    ),
    Column::new(
        "duration_p95_ns",
        Unit::Nanoseconds,
        "95th percentile of the same",
        Rule::Quantile(|details| &details.duration_ns, 0.95),
    ),
    Column::new(
        "duration_p99_ns",
        Unit::Nanoseconds,
        "99th percentile of the same",
        Rule::Quantile(|details| &details.duration_ns, 0.99),
    ),
    Column::new(
        "deep_critical_ns",
        Unit::Nanoseconds,
        "critical-path time in and below the first hop that is too many: the impact",
        Rule::Sum(|details| &details.deep_critical_ns),
    ),
    Column::new(
        "success_rate",
        Unit::Share,
        "product over the hops of that chain of the share of calls that did not fail",
        Rule::Derived(success_rate),
    ),
    Column::example_trace("the trace with the largest impact"),
];

/// The chain shown: the most frequent one.
fn shown_chain<'a>(pattern: &'a Pattern<'_, SyncChain>) -> &'a [Symbol] {
    let mut chains: Vec<&[Symbol]> = pattern.lists(|details| &details.chain).collect();
    chains.sort_unstable();
    let most_frequent = chains.chunk_by(|left, right| left == right).min_by_key(|same| (Reverse(same.len()), same[0]));
    most_frequent.map_or(&[], |same| same[0])
}

/// Whether a service occurs twice in a chain.
fn revisits(chain: &[Symbol]) -> bool {
    (1..chain.len()).any(|index| chain[..index].contains(&chain[index]))
}

/// Length of the chain shown.
fn hops_of_chain(pattern: &Pattern<'_, SyncChain>) -> Cell {
    Cell::Int(shown_chain(pattern).len().saturating_sub(1) as i64)
}

/// Product over the hops of the chain shown of the share of findings with that chain in which the hop did not fail.
fn success_rate(pattern: &Pattern<'_, SyncChain>) -> Cell {
    let shown = shown_chain(pattern);
    let mut by_hop: Vec<(u64, u64)> = vec![(0, 0); shown.len().saturating_sub(1)];
    let findings = pattern.lists(|details| &details.chain).zip(pattern.lists(|details| &details.outcomes));
    for (_, outcomes) in findings.filter(|(chain, _)| *chain == shown) {
        for ((succeeded, all), &failed) in by_hop.iter_mut().zip(outcomes) {
            *succeeded += u64::from(!failed);
            *all += 1;
        }
    }
    Cell::Float(by_hop.iter().map(|&(succeeded, all)| succeeded as f64 / all as f64).product())
}

impl Detector for SyncChain {
    type Seen = Findings<DetailColumns>;
    type Details = DetailColumns;
    type Aside = ();
    type Row = NoRow;

    const DESCRIPTION: &'static Description = &DESCRIPTION;
    const TABLE: TableRules<Self> = TableRules::Patterns(COLUMNS);

    fn conclude(&self, seen: Self::Seen, _whole: &Whole<'_>) -> Concluded<Self> {
        Concluded::findings(seen)
    }

    fn see(&self, trace: &TraceView<'_>, seen: &mut Self::Seen) {
        if trace.hops().deepest() > self.max_hops.0 {
            self.report(trace, trace.hops().all(), seen);
        }
    }
}

/// What goes on below one sequence of the first hops.
struct Continuation {
    deep_critical_ns: i64,
    /// Calls of the first hop that is too many.
    deep_calls: Vec<Row>,
    first_call: Row,
    /// How many hops the longest way has, and the last hops of all ways that have as many.
    depth: u32,
    deepest: Vec<usize>,
}

impl Continuation {
    /// The last hop of the longest chain. Of several chains that is the one on the calls of whose last hop most time of the critical path
    /// is spent, then the first by the names of its services; of the hops of one chain the one with most such time.
    fn longest(&self, trace: &TraceView<'_>, hops: &[Hop]) -> usize {
        let path_time = |hop: usize| trace.path_time(hops[hop].call);
        let mut by_chain: BTreeMap<Vec<Symbol>, Vec<usize>> = BTreeMap::new();
        for &hop in &self.deepest {
            by_chain.entry(services_down_to(trace, hops, hop)).or_default().push(hop);
        }
        let time_of = |of_chain: &[usize]| total_ns(of_chain.iter().map(|&hop| path_time(hop)));
        let chains = by_chain.into_values().rev().max_by_key(|of_chain| time_of(of_chain));
        let last = chains
            .and_then(|of_chain| of_chain.into_iter().min_by_key(|&hop| (Reverse(path_time(hop)), hops[hop].row)));
        last.unwrap_or_default()
    }
}

impl SyncChain {
    fn report(&self, trace: &TraceView<'_>, hops: &[Hop], findings: &mut Findings<DetailColumns>) {
        // For each hop too many, the sequence of services above it; every deeper hop belongs to the one above it.
        let mut continuations: Vec<Continuation> = Vec::new();
        let mut by_sequence: HashMap<(Row, Vec<Symbol>), usize> = HashMap::new();
        let mut continuation_of = vec![usize::MAX; hops.len()];
        for (index, hop) in hops.iter().enumerate() {
            if hop.depth <= self.max_hops.0 {
                continue;
            }
            if hop.depth > self.max_hops.0 + 1 {
                continuation_of[index] = continuation_of[hop.before];
            } else {
                let sequence: Vec<Symbol> = services_down_to(trace, hops, hop.before);
                let number = *by_sequence.entry((hop.segment, sequence)).or_insert_with(|| {
                    continuations.push(Continuation {
                        deep_critical_ns: 0,
                        deep_calls: Vec::new(),
                        first_call: hop.call,
                        depth: 0,
                        deepest: Vec::new(),
                    });
                    continuations.len() - 1
                });
                continuation_of[index] = number;
                let Continuation { deep_critical_ns, deep_calls, .. } = &mut continuations[number];
                *deep_critical_ns = total_ns([*deep_critical_ns, trace.path_time(hop.call)]);
                deep_calls.push(hop.call);
            }
            let continuation = &mut continuations[continuation_of[index]];
            if hop.depth == self.max_hops.0 + 1 {
                continuation.first_call = continuation.first_call.min(hop.call);
            }
            match hops[index].depth.cmp(&continuation.depth) {
                Ordering::Less => {}
                Ordering::Equal => continuation.deepest.push(index),
                Ordering::Greater => (continuation.depth, continuation.deepest) = (hops[index].depth, vec![index]),
            }
        }
        let mut ordered: Vec<(&(Row, Vec<Symbol>), &usize)> = by_sequence.iter().collect();
        ordered.sort_unstable();
        for ((segment, sequence), &number) in ordered {
            let continuation = &continuations[number];
            let longest = continuation.longest(trace, hops);
            let entry_service = trace.service(*segment);
            let entry_operation = trace.entry_operation(*segment);
            let mut chain = vec![entry_service];
            chain.extend(services_down_to(trace, hops, longest));
            let way: Vec<&Hop> = way_down_to(hops, longest).collect();
            let outcomes: Vec<bool> = way.iter().rev().map(|hop| trace.calls.roles[hop.call as usize].failed).collect();
            let span_ids: Vec<_> = way.iter().rev().map(|hop| trace.span_id(hop.call)).collect();
            let mut key = vec![entry_service, entry_operation];
            key.extend(sequence);
            let hops_of_chain = chain.len() as f64 - 1.0;
            let finding = Finding {
                span_id: trace.span_id(continuation.first_call),
                service: entry_service,
                operation: entry_operation,
                target: None,
                start: trace.start(*segment),
                measured: hops_of_chain,
                threshold: f64::from(self.max_hops.0),
                impact_ns: continuation.deep_critical_ns,
                own_impact: 0,
                induced: false,
                kind: FindingKind::None,
                span_ids: &span_ids,
                key: &key,
                details: Details {
                    duration_ns: trace.duration(*segment),
                    deep_critical_ns: continuation.deep_critical_ns,
                    chain,
                    outcomes,
                },
            };
            let edits: Vec<(Row, Edit)> = continuation.deep_calls.iter().map(|&row| (row, Edit::Cut)).collect();
            findings.push(trace, finding, Remedy { edits: &edits, ..Remedy::none(*segment) });
        }
    }
}

/// The hops from `hop` up to the segment's root.
fn way_down_to(hops: &[Hop], hop: usize) -> impl Iterator<Item = &Hop> {
    std::iter::successors(hops.get(hop), |hop| hops.get(hop.before))
}

/// The services that the hops down to `hop` reach.
fn services_down_to(trace: &TraceView<'_>, hops: &[Hop], hop: usize) -> Vec<Symbol> {
    let mut services: Vec<Symbol> = way_down_to(hops, hop).map(|hop| trace.service(hop.row)).collect();
    services.reverse();
    services
}
