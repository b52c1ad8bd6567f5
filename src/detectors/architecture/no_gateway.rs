//! `no-gateway`: clients reach many services directly.

use std::collections::{BTreeMap, BTreeSet};

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::conventions::{FindingKind, OwnAttribute, OwnAttributes, PRIVATE_LABELS};
use crate::detectors::kit::{
    Cell, Concluded, Description, Detector, Level, NoDetails, ProblemText, RankedBy, RowColumn, Seen, SeenInTraces,
    Sightings, TableRow, TableRules, Unit, Whole, read_seen, thresholds, write_seen,
};
use crate::findings::{Finding, Findings};
use crate::frame::Symbol;
use crate::gathered::Gathers;
use crate::partial::{GroupReader, GroupWriter, TraceNumber, columns};
use crate::savings::Unsettled;
use crate::span::SpanKind;
use crate::trace::{RootReason, TraceView};

thresholds! {
    /// The detector of missing gateways and its thresholds.
    pub(crate) struct NoGateway {
        /// Requests from outside from which on a service is exposed.
        min_entries: Count = 10;
        /// Families of exposed services from which on a gateway is missing.
        min_services: Count = 3;
        /// Labels behind the first of hosts that only a cluster, a company, a container or a test knows.
        private_labels: Names = &PRIVATE_LABELS;
    }
}

static DESCRIPTION: Description = Description {
    name: "no-gateway",
    table: "no_gateway",
    summary: "services that clients reach directly, without a gateway in front of them",
    documentation: "\
## What it does

Looks at root entries: SERVER spans without parent id, no health checks or probes, not of services that only pass requests
on. A request came from outside if the host that it asked for is one that the internet knows (a global IP address, or a
domain that is none of a cluster, a company or a test), or if the address at the other end is a global one. It is no direct
one where services of another family are asked for under the same host: something in front of both tells them apart. A
service is exposed with `min_entries` direct requests; rows come if services of `min_services` families are.

## Why it hurts

Every exposed service needs its own authentication, limits, certificates and protection, and each gets them a little
differently. Clients know how the system is cut, so that no service can be split or merged without new clients; and a screen
that needs five services waits for five round trips over the internet.

## What it looks like

    SERVER orders   GET /orders     server.address=orders.acme.com    no parent
    SERVER users    GET /users      server.address=users.acme.com     no parent
    SERVER catalog  GET /products   server.address=catalog.acme.com   no parent

## How to fix it

Put a gateway in front (or a backend for each kind of client) that owns the public host, and let services be reached from
inside alone.

## When it is wrong

A CDN or load balancer with a name for each service is a gateway that cannot be seen.

## References

C. Richardson, \"Microservices Patterns\", 2018, chapter 8, \"External API patterns\". S. Newman, \"Building
Microservices\", 2nd edition, 2021, chapter 14.",
    currency: None,
    has_findings: true,
    gates_at_any_impact: true,
    finds_risks_only: true,
    needs_failures: false,
    least_of_all_traces: Some("min_entries"),
    terminal_columns: &[
        "rank",
        "level",
        "service",
        "hosts",
        "operations",
        "entries",
        "entry_share",
        "gateways",
        "traces",
        "weighted_traces",
        "example_trace_id",
    ],
    ranked_by: &[RankedBy::Largest("entries")],
    problem: Some(ProblemText { title, fix, is_upper_bound: false }),
};

fn title(row: &TableRow<'_>) -> String {
    let (service, entries) = (row.text("service"), row.counted("entries", "request"));
    format!("clients reach {service} directly: {entries} from outside")
}

fn fix(_row: &TableRow<'_>) -> &'static str {
    "put a gateway in front that owns the public host, and let the service be reached from inside alone"
}

/// An exposed service.
#[derive(Debug)]
pub(crate) struct Exposed {
    service: Symbol,
    hosts: BTreeSet<Symbol>,
    operations: BTreeSet<Symbol>,
    entries: u64,
    entry_share: f64,
    gateways: BTreeSet<Symbol>,
    seen: Sightings,
}

impl SeenInTraces for Exposed {
    fn seen(&self) -> &Sightings {
        &self.seen
    }
}

type Column = RowColumn<NoGateway>;

static COLUMNS: &[Column] = &[
    Column::rank("place in the ranking by entries"),
    Column::pattern_id(|row| vec![row.service]),
    Column::new("level", Unit::Text, "risk: what it tells is known to do harm", |_, _| Level::Risk.cell()),
    Column::new("service", Unit::Text, "service that clients reach directly", |row, whole| whole.name(row.service)),
    Column::new("hosts", Unit::Names, "public hosts under which it is asked for", |row, whole| {
        whole.names(&Vec::from_iter(row.hosts.iter().copied()))
    }),
    Column::new("operations", Unit::Count, "different operations that are asked for so", |row, _| {
        Cell::Int(row.operations.len() as i64)
    }),
    Column::new("entries", Unit::Count, "requests from outside", |row, _| Cell::Int(row.entries as i64)).adding_up(),
    Column::new("entry_share", Unit::Share, "their share of all that the service serves", |row, _| {
        Cell::Float(row.entry_share)
    }),
    Column::new("gateways", Unit::Names, "services of the input that only pass requests on", |row, whole| {
        whole.names(&Vec::from_iter(row.gateways.iter().copied()))
    }),
    Column::traces("traces with such requests"),
    Column::WEIGHTED_TRACES,
    Column::TRACE_SHARE,
    Column::new("first_seen", Unit::Time, "start of the first of these requests", |row, _| Cell::Int(row.seen.first)),
    Column::new("last_seen", Unit::Time, "start of the last of these requests", |row, _| Cell::Int(row.seen.last)),
    Column::new("example_trace_id", Unit::Id, "the trace with the smallest id", |row, whole| {
        row.seen.example_cell(whole)
    }),
];

/// What is asked for from outside: service, public host (empty where only the address at the other end tells) and operation.
type Asked = [Symbol; 3];

columns! {
    /// Requests from outside.
    struct AskedRow in AskedColumns {
        service: Symbol,
        host: Symbol,
        operation: Symbol,
        entries: u64,
    }
}

/// Requests from outside.
#[derive(Debug, Default)]
pub(crate) struct RootEntries {
    findings: Findings<NoDetails>,
    asked: HashMap<Asked, (u64, Sightings), FixedState>,
    /// Services of the trace that were counted in it.
    counted: Vec<Symbol>,
}

impl Seen for RootEntries {
    fn merge(&mut self, other: Self) {
        self.findings.merge(other.findings);
        for (asked, (entries, seen)) in other.asked {
            let own = self.asked.entry(asked).or_default();
            own.0 += entries;
            own.1.merge(&seen);
        }
    }

    fn renumber_traces(&mut self, rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {
        self.findings.renumber_traces(rank_of);
    }

    fn bytes(&self) -> usize {
        self.findings.bytes() + self.asked.capacity() * size_of::<(Asked, (u64, Sightings))>()
    }

    fn unsettled(&mut self) -> Option<Unsettled<'_>> {
        None
    }

    fn write(&self, group: &mut GroupWriter<'_>) {
        let mut asked: Vec<_> = self.asked.iter().collect();
        asked.sort_unstable_by_key(|&(asked, _)| asked);
        let row = |(&[service, host, operation], (entries, seen)): (&Asked, &(u64, Sightings))| {
            (AskedRow { service, host, operation, entries: *entries }, seen.clone())
        };
        write_seen::<AskedColumns>(asked.into_iter().map(row), group);
    }

    fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let (columns, seen) = read_seen::<AskedColumns>(group)?;
        let AskedColumns { service, host, operation, entries } = columns;
        let asked = |row: usize| ([service[row], host[row], operation[row]], (entries[row], seen.get(row)));
        Ok(Self { asked: (0..service.len()).map(asked).collect(), ..Self::default() })
    }
}

impl Detector for NoGateway {
    type Seen = RootEntries;
    type Details = NoDetails;
    type Aside = ();
    type Row = Exposed;

    const DESCRIPTION: &'static Description = &DESCRIPTION;
    const TABLE: TableRules<Self> = TableRules::Rows(COLUMNS);

    fn gathers() -> Gathers {
        let own_attributes = OwnAttributes::of(&[OwnAttribute::PublicPeer]);
        Gathers::SERVICE_ENTRIES.or(Gathers { own_attributes, ..Gathers::NOTHING })
    }

    fn see(&self, trace: &TraceView<'_>, seen: &mut Self::Seen) {
        seen.counted.clear();
        for root in trace.tree.path_roots.iter().filter(|root| root.reason == RootReason::Root) {
            let own = trace.semantics_of(root.row);
            if own.kind != SpanKind::Server || own.is_heartbeat {
                continue;
            }
            let is_from_outside =
                own.public_host != Symbol::EMPTY || trace.own(root.row, OwnAttribute::PublicPeer).is_some();
            if !is_from_outside || trace.is_probe(root.row) {
                continue;
            }
            let service = trace.service(root.row);
            let asked = [service, own.public_host, trace.entry_operation(root.row)];
            let (entries, sightings) = seen.asked.entry(asked).or_default();
            *entries += u64::from(own.weight);
            sightings.take(trace, root.row, 0);
            if !seen.counted.contains(&service) {
                sightings.count_trace(trace, root.row);
                seen.counted.push(service);
            }
        }
    }

    fn conclude(&self, seen: Self::Seen, whole: &Whole<'_>) -> Concluded<Self> {
        let RootEntries { mut findings, asked, .. } = seen;
        let entries = whole.gathered.service_entries.as_ref();
        let gateways = entries.map(|entries| entries.pass_through()).unwrap_or_default();
        let asked: BTreeMap<Asked, (u64, Sightings)> =
            asked.into_iter().filter(|([service, ..], _)| !gateways.contains(service)).collect();
        let mut families_of_hosts: BTreeMap<Symbol, BTreeSet<String>> = BTreeMap::new();
        for &[service, host, _] in asked.keys() {
            families_of_hosts.entry(host).or_default().insert(whole.family_name(service));
        }
        let is_direct = |host: Symbol| host == Symbol::EMPTY || families_of_hosts[&host].len() == 1;
        let mut exposed: BTreeMap<Symbol, (Exposed, Symbol)> = BTreeMap::new();
        for ([service, host, operation], (count, sightings)) in
            asked.into_iter().filter(|([_, host, _], _)| is_direct(*host))
        {
            let new = || {
                let row = Exposed {
                    service,
                    hosts: BTreeSet::new(),
                    operations: BTreeSet::new(),
                    entries: 0,
                    entry_share: 0.0,
                    gateways: gateways.clone(),
                    seen: Sightings::default(),
                };
                (row, operation)
            };
            let (row, operation_of_example) = exposed.entry(service).or_insert_with(new);
            row.hosts.extend(Some(host).filter(|&host| host != Symbol::EMPTY));
            row.operations.insert(operation);
            row.entries += count;
            row.seen.merge(&sightings);
            if row.seen.has_example_of(&sightings) {
                *operation_of_example = operation;
            }
        }
        exposed.retain(|_, (row, _)| row.entries >= u64::from(self.min_entries.0));
        let families: BTreeSet<String> = exposed.keys().map(|&service| whole.family_name(service)).collect();
        if families.len() < self.min_services.0 as usize {
            exposed.clear();
        }
        let mut rows = Vec::new();
        for (mut row, operation) in exposed.into_values() {
            let served = entries.map_or(0, |entries| entries.served(row.service)).max(1);
            row.entry_share = row.entries as f64 / served as f64;
            let finding = Finding {
                span_id: row.seen.span_id,
                service: row.service,
                operation,
                target: None,
                start: row.seen.start,
                measured: row.entries as f64,
                threshold: f64::from(self.min_entries.0),
                impact_ns: 0,
                own_impact: 0,
                induced: false,
                kind: FindingKind::None,
                span_ids: &[row.seen.span_id],
                key: &[row.service],
                details: NoDetails,
            };
            findings.push_of(row.seen.example(whole), 1.0, finding);
            rows.push(row);
        }
        Concluded { findings, aside: (), rows }
    }
}
