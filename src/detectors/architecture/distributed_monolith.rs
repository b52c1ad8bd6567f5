//! `distributed-monolith`: services that are one deployment in disguise.

mod deployments;
mod graph;
mod groups;
mod shapes;
mod way_down;

use crate::conventions::FindingKind;
use crate::detectors::kit::{
    Cell, Concluded, Description, Detector, NoDetails, ProblemText, RankedBy, RowColumn, SeenInTraces, Sightings,
    TableRow, TableRules, Unit, Whole, thresholds,
};
use crate::findings::Finding;
use crate::frame::Symbol;
use crate::gathered::Gathers;
use crate::span::SpanId;
use crate::trace::TraceView;

use groups::{Group, groups};
use shapes::Shapes;

thresholds! {
    /// The detector of distributed monoliths and its thresholds.
    pub(crate) struct DistributedMonolith {
        /// Within how long of one another new versions are one deployment.
        deploy_window: Duration = 600_000_000_000;
    }
}

static DESCRIPTION: Description = Description {
    name: "distributed-monolith",
    table: "distributed_monolith",
    summary: "services that call each other in circles, share tables or are deployed together: one deployment in disguise",
    documentation: "\
## What it does

Looks for services that cannot be released alone, of different families (`orders-api` and `orders-worker` are one), by what
connects them (`evidence`):

- `cycle`: synchronous calls lead from each to the other, along edges that at least two traces show. Calls through gateways
  are calls of who stands behind them.
- `database`: one writes a table that the other writes or reads.
- `deploy`: new versions (`service.version`) of three families or more were seen first within `deploy_window` of one
  another, each connected with the next by calls or a table.

A row is a group of services that hang together by these; groups of `database` alone are left to shared-database. The
`score` is 30 times the share of the services in the largest cycle, 25 times that in shared tables, 25 times that in joint
deployments (half of it if there was one only), 10 times the share of the traces in which a chain of more than three hops
holds three of the services (`chain_share`), and 10 times the share of the pairs that nearly never occur alone
(`together_pairs`: each in 20 traces of three entry operations, 95 % of them in common). The weights are a judgement: what
stops independent release counts most.

The level is problem with two of the three, or where a request comes to a service of the cycle again (`revisit_traces`: each
waits for the other's pool, so that both can stand still); risk with a cycle or two joint deployments; else note.

## Why it hurts

It has the costs of a distributed system (network, partial failures, versions) and the costs of a monolith (nothing is
released alone, everything fails together). Circles are the worst: no order of deployment is right, and requests that come
back take a second thread while they hold the first.

## What it looks like

    SERVER orders  POST /orders
      CLIENT orders > stock  Reserve
        SERVER stock  Reserve
          CLIENT stock > orders  GetOrder       and back
            SERVER orders  GetOrder

## How to fix it

Cut the circle where it is called least (`weakest_call`): pass what is asked for along with the request, or let an event
tell it. Give each shared table one owner. Deploy what changes together as one service, or find the interface that makes it
change.

## When it is wrong

A release train is no coupling; one version for a whole repository looks like joint deployments.

## References

S. Newman, \"Building Microservices\", 2nd edition, 2021, chapter 1, \"The distributed monolith\". R. C. Martin, \"Agile
Software Development\", 2002: acyclic dependencies principle. D. Taibi, V. Lenarduzzi, \"On the Definition of Microservice
Bad Smells\", IEEE Software 35(3), 2018: cyclic dependency, shared persistency.",
    currency: None,
    has_findings: true,
    gates_at_any_impact: true,
    finds_risks_only: false,
    needs_failures: false,
    least_of_all_traces: None,
    terminal_columns: &[
        "rank",
        "level",
        "services",
        "score",
        "evidence",
        "cycle",
        "weakest_call",
        "revisit_traces",
        "tables",
        "joint_deployments",
        "chain_share",
        "together_pairs",
        "sync_calls",
        "traces",
        "weighted_traces",
        "example_trace_id",
    ],
    ranked_by: &[
        RankedBy::LastIfText("level", "note"),
        RankedBy::LastIfText("level", "risk"),
        RankedBy::Largest("score"),
        RankedBy::Largest("sync_calls"),
    ],
    problem: Some(ProblemText { title, fix, is_upper_bound: false }),
};

fn title(row: &TableRow<'_>) -> String {
    format!("{} are one deployment in disguise", row.names("services").join(", "))
}

fn fix(row: &TableRow<'_>) -> &'static str {
    if row.names("cycle").is_empty() {
        "give each shared table one owner, and deploy what changes together as one service"
    } else {
        "cut the circle where it is called least: pass what is asked for along, or let an event tell it"
    }
}

impl SeenInTraces for Group {
    fn seen(&self) -> &Sightings {
        &self.seen
    }
}

type Column = RowColumn<DistributedMonolith>;

static COLUMNS: &[Column] = &[
    Column::rank("place in the ranking by level, score, then sync_calls"),
    Column::pattern_id(|row| row.services.clone()),
    Column::new("level", Unit::Text, "problem, risk or note", |row, _| row.level.cell()),
    Column::new("services", Unit::Names, "services that are one", |row, whole| whole.names(&row.services)),
    Column::new("score", Unit::Count, "how much of one they are, 0 to 100", |row, _| Cell::Int(row.score())),
    Column::new("evidence", Unit::Names, "what connects them: cycle, database, deploy", |row, _| {
        Cell::Names(row.evidence.iter().map(|evidence| evidence.as_str().to_owned()).collect())
    }),
    Column::new("cycle", Unit::Names, "the shortest way around, through the busiest edges", |row, whole| {
        whole.names(&row.cycle)
    }),
    Column::new(
        "weakest_call",
        Unit::Text,
        "the edge of the cycle that is called least: where to cut",
        |row, whole| {
            let name = |symbol: Symbol| whole.symbols.resolve(symbol);
            let call = row.weakest_call.map(|[caller, callee]| format!("{} -> {}", name(caller), name(callee)));
            Cell::Text(call.unwrap_or_default())
        },
    ),
    Column::new("revisit_traces", Unit::Count, "traces in which a request comes to a service of the cycle again", {
        |row, _| Cell::Int(row.revisit_traces as i64)
    }),
    Column::new("tables", Unit::Names, "tables that they share", |row, whole| whole.names(&row.tables)),
    Column::new("joint_deployments", Unit::Count, "most joint deployments of two of them", |row, _| {
        Cell::Int(row.joint_deployments as i64)
    }),
    Column::new(
        "chain_share",
        Unit::Share,
        "share of the traces in which a long chain holds three of them",
        |row, _| Cell::Float(row.chain_share),
    ),
    Column::new("together_pairs", Unit::Count, "pairs of them that nearly never occur alone", |row, _| {
        Cell::Int(row.together_pairs as i64)
    }),
    Column::new("sync_calls", Unit::Count, "synchronous calls between them", |row, _| Cell::Int(row.sync_calls as i64))
        .adding_up(),
    Column::traces("traces with such calls; without any, traces with all of them"),
    Column::WEIGHTED_TRACES,
    Column::TRACE_SHARE,
    Column::new("first_seen", Unit::Time, "start of the first of these traces", |row, _| row.first_seen()),
    Column::new("last_seen", Unit::Time, "start of the last of these traces", |row, _| row.last_seen()),
    Column::new("example_trace_id", Unit::Id, "the trace with the smallest id", |row, whole| {
        row.seen.example_cell(whole)
    }),
];

impl Group {
    fn first_seen(&self) -> Cell {
        if self.seen.count.traces > 0 { Cell::Int(self.seen.first) } else { Cell::None }
    }

    fn last_seen(&self) -> Cell {
        if self.seen.count.traces > 0 { Cell::Int(self.seen.last) } else { Cell::None }
    }
}

impl Detector for DistributedMonolith {
    type Seen = Shapes;
    type Details = NoDetails;
    type Aside = ();
    type Row = Group;

    const DESCRIPTION: &'static Description = &DESCRIPTION;
    const TABLE: TableRules<Self> = TableRules::Rows(COLUMNS);

    fn gathers() -> Gathers {
        Gathers { resource_attributes: true, ..Gathers::SERVICE_ENTRIES.or(Gathers::DATA_TOUCHES) }
    }

    fn see(&self, trace: &TraceView<'_>, seen: &mut Self::Seen) {
        seen.see(trace);
    }

    fn conclude(&self, mut seen: Self::Seen, whole: &Whole<'_>) -> Concluded<Self> {
        let mut findings = std::mem::take(&mut seen.findings);
        let rows = groups(&seen, self.deploy_window.0, whole);
        for row in &rows {
            // What is only deployed together may be in no trace together.
            let has_example = row.seen.count.traces > 0;
            let example = [row.seen.span_id];
            let finding = Finding {
                span_id: if has_example { row.seen.span_id } else { SpanId::NONE },
                service: row.services[0],
                operation: Symbol::EMPTY,
                target: None,
                start: if has_example { row.seen.start } else { row.changed_first },
                measured: row.services.len() as f64,
                threshold: 1.0,
                impact_ns: 0,
                own_impact: 0,
                induced: false,
                kind: FindingKind::None,
                span_ids: if has_example { &example } else { &[] },
                key: &row.services,
                details: NoDetails,
            };
            if has_example {
                findings.push_of(row.seen.example(whole), 1.0, finding);
            } else {
                findings.push_without_trace(finding);
            }
        }
        Concluded { findings, aside: (), rows }
    }
}
