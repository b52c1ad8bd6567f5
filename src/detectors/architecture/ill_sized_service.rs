//! `ill-sized-service`: god services and nanoservices.

mod facts;

use std::collections::BTreeSet;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::conventions::FindingKind;
use crate::detectors::kit::{
    Cell, Concluded, Count, Description, Detector, Level, NoDetails, ProblemText, RankedBy, RowColumn, SeenInTraces,
    Sightings, TableRow, TableRules, Unit, Whole, thresholds,
};
use crate::findings::{Finding, Findings};
use crate::frame::Symbol;
use crate::gathered::Gathers;
use crate::partial::TraceNumber;
use crate::span::SpanId;
use crate::trace::{Target, TargetKind, TraceView, total_ns};

use facts::{Facts, NanoCalls, ServiceFacts};

thresholds! {
    /// The detector of services that are too large or too small, and its thresholds.
    pub(crate) struct IllSizedService {
        /// Capabilities from which on a service may do too much.
        min_capabilities: Count = 8;
        /// Longest median work of a service that does too little.
        max_work: Duration = 5_000_000;
    }
}

/// Requests from which on something is a capability: what came once may be a scanner's.
const MIN_ENTRIES_OF_CAPABILITY: u64 = 3;
/// Services from which on their sizes can be compared.
const MIN_SERVING_SERVICES: usize = 5;
/// A god service has so many times the capabilities of the median of the others.
const TIMES_OF_MEDIAN: f64 = 3.0;
/// It spends at least this share of its entries' time itself: a backend for frontends waits for others.
const MIN_OWN_SHARE: f64 = 0.5;
/// Calls from which on medians say something of a nanoservice.
const MIN_CALLS_OF_NANO: u64 = 20;
/// Most operations of a nanoservice.
const MOST_OPERATIONS_OF_NANO: usize = 2;

static DESCRIPTION: Description = Description {
    name: "ill-sized-service",
    table: "ill_sized_service",
    summary: "services that do too much (god), and services that are not worth their network (nano)",
    documentation: "\
## What it does

- `god`: a service with at least `min_capabilities` capabilities, three times as many as the median of the other services,
  which spends at least half of its requests' time itself and in its databases (`own_share`): a gateway or a backend for
  frontends waits for others. A capability is what at least three requests ask for: the RPC service, the destination, or the
  first part of the path that is not how services are asked (`api`, `v1`), not variable and not the service's own name.
  Needs five services.
- `nano`: a service with one caller, of another family, and at most two operations, that calls nothing, where requests wait
  longer for the network to it (`network_p50_ns`: the call less its callee, so that no clocks are compared) than for its
  work (`work_p50_ns`, at most `max_work`). Needs at least 20 calls that both sides recorded, and database calls somewhere
  in the input: else nobody knows who owns data.

Many callers alone make no god: that is what shared leaves (authentication, currencies) have.

## Why it hurts

All teams change a god service, it is deployed for everything, it fails for everything, and it scales as a whole. A
nanoservice costs a network hop, serialisation, a deployment and a pager for work that a function call does; requests wait
mostly for the way.

## What it looks like

    SERVER shop  GET /orders   12.0 ms     shop also answers /users, /stock, /invoices, /coupons, /reviews, …
      CLIENT shop > tax  Rate   4.0 ms     nothing but shop calls tax
        SERVER tax  Rate        0.3 ms

## How to fix it

Split a god service by capability, beginning with the one that changes most often and shares least data. Merge a nanoservice
into its caller, as a library or a module: that saves `critical_ns`.

## When it is wrong

A nanoservice may exist for security, a licence or another team; data in memory or in an untraced store is not seen.

## References

S. Newman, \"Building Microservices\", 2nd edition, 2021, chapter 2. D. Taibi, V. Lenarduzzi, \"On the Definition of
Microservice Bad Smells\", IEEE Software 35(3), 2018: megaservice, nanoservice. C. Richardson, \"Microservices Patterns\",
2018, chapter 2.",
    currency: None,
    has_findings: true,
    gates_at_any_impact: true,
    finds_risks_only: true,
    needs_failures: false,
    least_of_all_traces: None,
    terminal_columns: &[
        "rank",
        "level",
        "service",
        "kind",
        "operations",
        "capabilities",
        "callers",
        "calls",
        "work_p50_ns",
        "network_p50_ns",
        "own_share",
        "critical_ns",
        "traces",
        "weighted_traces",
        "example_trace_id",
    ],
    ranked_by: &[RankedBy::LastIfText("kind", "nano"), RankedBy::Largest("critical_ns")],
    problem: Some(ProblemText { title, fix, is_upper_bound: false }),
};

fn title(row: &TableRow<'_>) -> String {
    let service = row.text("service");
    match row.text("kind") {
        "god" => format!("{service} does what several services should do: {}", row.counted("operations", "operation")),
        _ => format!("the way to {service} takes longer than its work"),
    }
}

fn fix(row: &TableRow<'_>) -> &'static str {
    match row.text("kind") {
        "god" => "split it by capability, beginning with the one that changes most often and shares least data",
        _ => "merge it into its only caller, as a library or a module",
    }
}

/// A service that is too large or too small.
#[derive(Debug)]
pub(crate) struct IllSized {
    /// Service and kind.
    key: [Symbol; 2],
    service: Symbol,
    kind: FindingKind,
    operations: u64,
    capabilities: Vec<Symbol>,
    callers: BTreeSet<Symbol>,
    targets: Vec<Symbol>,
    calls: u64,
    /// Medians of work and network in ns, of a nanoservice.
    medians: Option<[i64; 2]>,
    own_share: f64,
    critical_ns: i64,
    seen: Sightings,
    example: TraceNumber,
}

impl SeenInTraces for IllSized {
    fn seen(&self) -> &Sightings {
        &self.seen
    }
}

type Column = RowColumn<IllSizedService>;

static COLUMNS: &[Column] = &[
    Column::rank("place in the ranking by kind, then critical_ns"),
    Column::pattern_id(|row| row.key.to_vec()),
    Column::new("level", Unit::Text, "risk: what it tells is known to do harm", |_, _| Level::Risk.cell()),
    Column::new("service", Unit::Text, "service that is too large or too small", |row, whole| whole.name(row.service)),
    Column::new("kind", Unit::Text, "god or nano", |row, _| Cell::Text(row.kind.as_str().to_owned())),
    Column::new("operations", Unit::Count, "different operations that it is asked for", |row, _| {
        Cell::Int(row.operations as i64)
    }),
    Column::new("capabilities", Unit::Names, "what it offers, each asked for three times or more", |row, whole| {
        whole.names(&row.capabilities)
    }),
    Column::new("callers", Unit::Names, "services that call it and wait; those behind gateways", |row, whole| {
        whole.names(&Vec::from_iter(row.callers.iter().copied()))
    }),
    Column::new("targets", Unit::Names, "what it calls", |row, whole| whole.names(&row.targets)),
    Column::new("calls", Unit::Count, "calls into it that both sides recorded", |row, _| Cell::Int(row.calls as i64))
        .adding_up(),
    Column::new("work_p50_ns", Unit::Nanoseconds, "of a nanoservice, median time that it works on a call", |row, _| {
        row.medians.map_or(Cell::None, |[work, _]| Cell::Int(work))
    }),
    Column::new(
        "network_p50_ns",
        Unit::Nanoseconds,
        "of a nanoservice, median time of a call beside that",
        |row, _| row.medians.map_or(Cell::None, |[_, network]| Cell::Int(network)),
    ),
    Column::new(
        "own_share",
        Unit::Share,
        "share of its requests' path time that it spends itself and in its databases",
        |row, _| Cell::Float(row.own_share),
    ),
    Column::new(
        "critical_ns",
        Unit::Nanoseconds,
        "critical-path time: of a god service its own, of a nanoservice that of the network to it, which merging saves",
        |row, _| Cell::Int(row.critical_ns),
    )
    .adding_up(),
    Column::traces("traces with requests to it"),
    Column::WEIGHTED_TRACES,
    Column::TRACE_SHARE,
    Column::new("first_seen", Unit::Time, "start of the first of these requests", |row, _| Cell::Int(row.seen.first)),
    Column::new("last_seen", Unit::Time, "start of the last of these requests", |row, _| Cell::Int(row.seen.last)),
    Column::new(
        "example_trace_id",
        Unit::Id,
        "of a god service the longest request, of a nanoservice the trace with most network time",
        |row, whole| whole.trace_id(row.example),
    ),
];

impl Detector for IllSizedService {
    type Seen = ServiceFacts;
    type Details = NoDetails;
    type Aside = ();
    type Row = IllSized;

    const DESCRIPTION: &'static Description = &DESCRIPTION;
    const TABLE: TableRules<Self> = TableRules::Rows(COLUMNS);

    fn gathers() -> Gathers {
        Gathers::SERVICE_ENTRIES
    }

    fn see(&self, trace: &TraceView<'_>, seen: &mut Self::Seen) {
        seen.see(trace);
    }

    fn conclude(&self, seen: Self::Seen, whole: &Whole<'_>) -> Concluded<Self> {
        let Conclusion { findings, rows } = Conclusion::of(self, seen, whole);
        Concluded { findings, aside: (), rows }
    }
}

struct Conclusion {
    findings: Findings<NoDetails>,
    rows: Vec<IllSized>,
}

impl Conclusion {
    fn of(detector: &IllSizedService, mut seen: ServiceFacts, whole: &Whole<'_>) -> Self {
        let entries = whole.gathered.service_entries.as_ref();
        let gateways = entries.map(|entries| entries.pass_through()).unwrap_or_default();
        let mut services: Vec<Symbol> = seen.services.keys().copied().collect();
        services.sort_unstable();
        let mut conclusion = Self { findings: std::mem::take(&mut seen.findings), rows: Vec::new() };
        let serving: Vec<Symbol> = services
            .iter()
            .copied()
            .filter(|service| seen.services[service].entries > 0 && !gateways.contains(service))
            .collect();
        let number_of_capabilities = |service: &Symbol| seen.services[service].capabilities().len();
        let mut capabilities: Vec<usize> = serving.iter().map(number_of_capabilities).collect();
        capabilities.sort_unstable();
        for &service in &serving {
            let facts = &seen.services[&service];
            let is_god = serving.len() >= MIN_SERVING_SERVICES
                && detector.has_too_many(facts.capabilities().len(), &capabilities)
                && facts.own_share() >= MIN_OWN_SHARE;
            if is_god {
                conclusion.push_god(detector, service, facts, callers_of(facts, &seen, &gateways), whole);
            }
        }
        // Without any database nobody knows who owns data.
        if seen.has_databases {
            let mut calls_of: HashMap<Symbol, Vec<usize>, FixedState> = HashMap::default();
            for (call, &service) in seen.nano_calls.service.iter().enumerate() {
                calls_of.entry(service).or_default().push(call);
            }
            for service in services {
                let facts = &seen.services[&service];
                let callers = callers_of(facts, &seen, &gateways);
                if facts.is_nano_by_structure() && is_called_by_one_other(service, &callers, whole) {
                    let own = calls_of.remove(&service).unwrap_or_default();
                    conclusion.push_nano(detector, service, facts, callers, (&seen.nano_calls, own), whole);
                }
            }
        }
        conclusion.rows.sort_unstable_by_key(|row| row.key);
        conclusion
    }

    fn push_god(
        &mut self,
        detector: &IllSizedService,
        service: Symbol,
        facts: &Facts,
        callers: BTreeSet<Symbol>,
        whole: &Whole<'_>,
    ) {
        let row = IllSized {
            critical_ns: facts.own_ns,
            example: facts.seen.example(whole),
            ..row_of(FindingKind::God, service, facts, callers, whole)
        };
        let finding = Finding {
            span_id: facts.seen.span_id,
            service,
            operation: Symbol::EMPTY,
            target: None,
            start: facts.seen.start,
            measured: row.capabilities.len() as f64,
            threshold: f64::from(detector.min_capabilities.0),
            impact_ns: 0,
            own_impact: 0,
            induced: false,
            kind: row.kind,
            span_ids: &[facts.seen.span_id],
            key: &row.key,
            details: NoDetails,
        };
        self.findings.push_of(row.example, 1.0, finding);
        self.rows.push(row);
    }

    fn push_nano(
        &mut self,
        detector: &IllSizedService,
        service: Symbol,
        facts: &Facts,
        callers: BTreeSet<Symbol>,
        (calls, mut own): (&NanoCalls, Vec<usize>),
        whole: &Whole<'_>,
    ) {
        let median = |times: &[i64]| {
            let mut times: Vec<i64> = own.iter().map(|&call| times[call]).collect();
            times.sort_unstable();
            // By nearest rank.
            times[times.len().div_ceil(2) - 1]
        };
        let (work, network) = (median(&calls.work_ns), median(&calls.network_ns));
        let margin = facts.resolution_ns.saturating_mul(2);
        if work > detector.max_work.0 || network.saturating_sub(work) <= margin {
            return;
        }
        own.sort_unstable_by_key(|&call| (calls.trace[call], calls.start[call], calls.row[call]));
        let of_traces = own.chunk_by(|&left, &right| calls.trace[left] == calls.trace[right]);
        let path_ns = |of_trace: &[usize]| total_ns(of_trace.iter().map(|&call| calls.path_ns[call]));
        let traces: Vec<(&[usize], i64)> = of_traces.map(|of_trace| (of_trace, path_ns(of_trace))).collect();
        let most = traces.iter().max_by_key(|&&(of_trace, ns)| (ns, std::cmp::Reverse(calls.trace[of_trace[0]])));
        let row = IllSized {
            medians: Some([work, network]),
            critical_ns: total_ns(traces.iter().map(|&(_, ns)| ns)),
            example: most.map_or(TraceNumber::NONE, |(of_trace, _)| calls.trace[of_trace[0]]),
            ..row_of(FindingKind::Nano, service, facts, callers, whole)
        };
        for &(of_trace, path_ns) in &traces {
            let first = of_trace[0];
            let span_ids: Vec<SpanId> = of_trace.iter().map(|&call| calls.span_id[call]).collect();
            let adjusted_count = of_trace.iter().map(|&call| calls.adjusted_count[call]).fold(1.0, f64::max);
            let finding = Finding {
                span_id: span_ids[0],
                service: calls.caller_service[first],
                operation: calls.operation[first],
                target: Some(Target { name: service, kind: TargetKind::Service }),
                start: calls.start[first],
                measured: network as f64,
                threshold: work as f64,
                impact_ns: path_ns,
                own_impact: 0,
                induced: false,
                kind: row.kind,
                span_ids: &span_ids,
                key: &row.key,
                details: NoDetails,
            };
            self.findings.push_of(calls.trace[first], adjusted_count, finding);
        }
        self.rows.push(row);
    }
}

impl IllSizedService {
    /// Whether so many capabilities are too many, where all services, this one among them, have so many: they come sorted.
    fn has_too_many(&self, capabilities: usize, of_all: &[usize]) -> bool {
        let Count(least) = self.min_capabilities;
        let own = of_all.partition_point(|&number| number < capabilities);
        let others = of_all.len().saturating_sub(1);
        let of_other = |place: usize| of_all[place + usize::from(place >= own)] as f64;
        let middle = others / 2;
        let median = match others {
            0 => return false,
            odd if odd % 2 == 1 => of_other(middle),
            _ => f64::midpoint(of_other(middle - 1), of_other(middle)),
        };
        capabilities >= least as usize && capabilities as f64 >= TIMES_OF_MEDIAN * median
    }
}

impl Facts {
    /// What is asked for often enough, in the order of names.
    fn capabilities(&self) -> Vec<Symbol> {
        let often = self.capabilities.iter().filter(|&(_, &entries)| entries >= MIN_ENTRIES_OF_CAPABILITY);
        let mut names: Vec<Symbol> = often.map(|(&name, _)| name).collect();
        names.sort_unstable();
        names
    }

    /// The part of its requests' path time that the service spends itself and in its databases.
    fn own_share(&self) -> f64 {
        if self.entry_ns > 0 { self.own_ns as f64 / self.entry_ns as f64 } else { 0.0 }
    }

    /// Whether it does little and calls nothing.
    fn is_nano_by_structure(&self) -> bool {
        self.may_be_nano() && self.calls >= MIN_CALLS_OF_NANO
    }
}

/// The services that call one; of those that only pass requests on, their callers.
fn callers_of(facts: &Facts, seen: &ServiceFacts, gateways: &BTreeSet<Symbol>) -> BTreeSet<Symbol> {
    let mut callers = BTreeSet::new();
    let mut passed = BTreeSet::new();
    let mut waiting: Vec<Symbol> = facts.callers.iter().copied().collect();
    while let Some(caller) = waiting.pop() {
        if !gateways.contains(&caller) {
            callers.insert(caller);
        } else if passed.insert(caller) {
            waiting.extend(seen.services.get(&caller).into_iter().flat_map(|facts| &facts.callers));
        }
    }
    callers
}

fn is_called_by_one_other(service: Symbol, callers: &BTreeSet<Symbol>, whole: &Whole<'_>) -> bool {
    callers.len() == 1 && callers.iter().all(|&caller| whole.family_name(caller) != whole.family_name(service))
}

fn row_of(kind: FindingKind, service: Symbol, facts: &Facts, callers: BTreeSet<Symbol>, whole: &Whole<'_>) -> IllSized {
    IllSized {
        key: [service, whole.symbols.get(kind.as_str()).unwrap_or_default()],
        service,
        kind,
        operations: facts.operations.len() as u64,
        capabilities: facts.capabilities(),
        callers,
        targets: facts.targets.iter().map(|target| target.name).collect::<BTreeSet<_>>().into_iter().collect(),
        calls: facts.calls,
        medians: None,
        own_share: facts.own_share(),
        critical_ns: 0,
        seen: facts.seen.clone(),
        example: TraceNumber::NONE,
    }
}
