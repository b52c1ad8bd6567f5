//! `shared-database`: two services in one database.

use crate::conventions::{FindingKind, REPORTING_WORDS};
use crate::detectors::kit::{
    Cell, Concluded, Description, Detector, Level, NoDetails, ProblemText, RankedBy, RowColumn, SeenAtTheEnd, TableRow,
    TableRules, Unit, WEIGHTED_TRACES_DOC, Whole, thresholds,
};
use crate::findings::{Finding, Findings};
use crate::gathered::{Gathers, Sharing};
use crate::partial::Named as _;
use crate::trace::{Target, TargetKind, TraceView};

thresholds! {
    /// The detector of shared databases.
    pub(crate) struct SharedDatabase {
        /// Words of services that are made to read what others write.
        reporting_words: Words = &REPORTING_WORDS;
    }
}

static DESCRIPTION: Description = Description {
    name: "shared-database",
    table: "shared_database",
    summary: "services that use one database",
    documentation: "\
## What it does

Tells which tables the calls of services use, from query texts, summaries, attributes and span names, and finds tables of one
database that services of several families use. `orders-api` and `orders-worker` are one family: words behind a name that say
what part of a service a process plays (`role_words` of `[names]`) do not count. `several-writers`: two families write the
table; `foreign-reader`: one writes it, others read it; `common-reader`: nobody writes it here; `same-schema`: no table is
shared, but the namespace that all tables lie in. The owner is the service that writes most. Tables of migrations, schedulers,
outboxes, sessions and audits are nobody's (`infrastructure_tables` and `outbox_tables` of `[names]`), and whoever is made to
report, by a word of its name, may read what others write.

## Why it hurts

What two services write nobody can change alone: every column is an interface, and the rules that keep the data right must
hold in both. Who reads the tables of another sees its schema change under its feet, and its locks and slow queries are
shared. Even services that only share a schema share its migrations, its connections and its capacity.

## What it looks like

    SERVER orders  POST /orders
      CLIENT orders > postgresql/shop@db  INSERT INTO stock_moves …
    SERVER stock   PUT /stock
      CLIENT stock > postgresql/shop@db   UPDATE stock_moves …       several-writers: orders, stock

## How to fix it

Let one service own each table, and let the others ask it, or follow what it publishes with a copy of their own. Begin with
tables that several families write. A schema and a user for each service make the border visible and keep it.

## When it is wrong

Two names of one host (an IP here, a name there) hide a sharing; a namespace without host may be two databases of one name.

## References

S. Newman, \"Building Microservices\", 2nd edition, 2021, chapter 4; C. Richardson, \"Microservices Patterns\", 2018, section
1.4.5. D. Taibi, V. Lenarduzzi, \"On the Definition of Microservice Bad Smells\", IEEE Software 35(3), 2018: shared
persistency.",
    currency: None,
    has_findings: true,
    gates_at_any_impact: true,
    finds_risks_only: false,
    needs_failures: false,
    least_of_all_traces: None,
    terminal_columns: &[
        "rank",
        "level",
        "database",
        "table",
        "kind",
        "owner",
        "writers",
        "readers",
        "services",
        "calls",
        "foreign_calls",
        "joint_traces",
        "traces",
        "weighted_traces",
        "example_trace_id",
    ],
    ranked_by: &[
        RankedBy::LastIfText("level", "note"),
        RankedBy::LastIfText("level", "risk"),
        RankedBy::Largest("services"),
        RankedBy::Largest("foreign_calls"),
    ],
    problem: Some(ProblemText { title, fix, is_upper_bound: false }),
};

fn title(row: &TableRow<'_>) -> String {
    let (database, table, owner) = (row.text("database"), row.text("table"), row.text("owner"));
    let services = row.counted("services", "service");
    match row.text("kind") {
        "several-writers" => format!("{} write {table} of {database}", row.names("writers").join(", ")),
        "foreign-reader" => {
            let readers: Vec<&str> = row.names("readers").iter().map(String::as_str).collect();
            format!("{} read {table} of {database}, which {owner} writes", readers.join(", "))
        }
        "common-reader" => format!("{services} read {table} of {database}, which none of them writes"),
        _ => format!("{services} have their tables in {database}"),
    }
}

fn fix(row: &TableRow<'_>) -> &'static str {
    match row.text("kind") {
        "several-writers" => "let one service own the table, and let the others ask it to change what it holds",
        "foreign-reader" => "let the readers ask the owner, or keep a copy of what it publishes",
        "common-reader" => "let one service own the table, or give each a copy",
        _ => "give each service a schema and a user of its own",
    }
}

type Column = RowColumn<SharedDatabase>;

static COLUMNS: &[Column] = &[
    Column::rank("place in the ranking by level, services, then foreign_calls"),
    Column::pattern_id(|row| row.key.to_vec()),
    Column::new("level", Unit::Text, "problem, risk or note", |row, _| level(row).cell()),
    Column::new("database", Unit::Text, "the database, by its most frequent name", |row, whole| whole.name(row.key[0])),
    Column::new("table", Unit::Text, "the table, or what keys begin with; empty for a schema", |row, whole| {
        whole.name(row.key[1])
    }),
    Column::new("kind", Unit::Text, "several-writers, foreign-reader, common-reader or same-schema", |row, _| {
        Cell::Text(row.kind.as_str().to_owned())
    }),
    Column::new("owner", Unit::Text, "the service that writes most, else calls most", |row, whole| {
        whole.name(row.owner)
    }),
    Column::new("writers", Unit::Names, "services that write it", |row, whole| whole.names(&row.writers)),
    Column::new("readers", Unit::Names, "services that use it and never write it", |row, whole| {
        whole.names(&row.readers)
    }),
    Column::new("services", Unit::Count, "services that use it; those of one family count once", |row, _| {
        count(row.families)
    }),
    Column::new("calls", Unit::Count, "calls that use it", |row, _| count(row.calls)).adding_up(),
    Column::new("writes", Unit::Count, "those that write, failed ones too", |row, _| count(row.writes)).adding_up(),
    Column::new("foreign_calls", Unit::Count, "calls of services that are not of the owner's family", |row, _| {
        count(row.foreign_calls)
    })
    .adding_up(),
    Column::new("foreign_share", Unit::Share, "their share of the calls", |row, _| {
        Cell::Float(row.foreign_calls as f64 / row.calls as f64)
    }),
    Column::new("joint_traces", Unit::Count, "traces in which several families use it", |row, _| {
        count(row.joint_traces)
    }),
    Column::new(
        "seen_in",
        Unit::Text,
        "where most calls name tables: query, summary, collection or name; empty if none does",
        |row, _| Cell::Text(row.seen_in.map_or("", |seen_in| seen_in.as_str()).to_owned()),
    ),
    Column::new(
        "identity",
        Unit::Text,
        "what is known of the database: full, no host, or no namespace where the system has none",
        |row, _| Cell::Text(row.identity.to_owned()),
    ),
    Column::new("traces", Unit::Count, "traces with calls that use it", |row, _| count(row.traces.traces)),
    Column::new("weighted_traces", Unit::Number, WEIGHTED_TRACES_DOC, |row, whole| {
        whole.weighted(row.traces.weighted())
    }),
    Column::new("critical_ns", Unit::Nanoseconds, "critical-path time of the calls", |row, _| {
        Cell::Int(row.critical_ns)
    })
    .adding_up(),
    Column::new(
        "example_trace_id",
        Unit::Id,
        "the first trace in which another family than the owner's writes, else reads",
        |row, whole| whole.trace_id(row.example.1.trace(whole.trace_ids)),
    ),
];

/// How sure the harm is: less so where two databases of one name may be taken for one.
fn level(row: &Sharing) -> Level {
    match (row.kind, row.has_host) {
        (FindingKind::SeveralWriters, true) => Level::Problem,
        (FindingKind::SeveralWriters, false) | (FindingKind::ForeignReader, true) => Level::Risk,
        _ => Level::Note,
    }
}

fn count(number: u64) -> Cell {
    Cell::Int(number as i64)
}

impl Detector for SharedDatabase {
    type Seen = SeenAtTheEnd<()>;
    type Details = NoDetails;
    type Aside = ();
    type Row = Sharing;

    const DESCRIPTION: &'static Description = &DESCRIPTION;
    const TABLE: TableRules<Self> = TableRules::Rows(COLUMNS);

    fn gathers() -> Gathers {
        Gathers::DATA_TOUCHES
    }

    fn see(&self, _trace: &TraceView<'_>, _seen: &mut Self::Seen) {}

    fn conclude(&self, _seen: Self::Seen, whole: &Whole<'_>) -> Concluded<Self> {
        let touches = whole.gathered.data_touches.as_ref();
        let rows = touches.map(|touches| touches.sharings(whole.symbols, whole.lists)).unwrap_or_default();
        let mut findings = Findings::default();
        for row in &rows {
            let (service, example) = &row.example;
            let finding = Finding {
                span_id: example.span_id,
                service: *service,
                operation: example.operation,
                target: Some(Target { name: row.key[0], kind: TargetKind::Database }),
                start: example.start,
                measured: row.families as f64,
                threshold: 1.0,
                impact_ns: 0,
                own_impact: 0,
                induced: false,
                kind: row.kind,
                span_ids: &[example.span_id],
                key: &row.key,
                details: NoDetails,
            };
            findings.push_of(example.trace(whole.trace_ids), example.adjusted_count, finding);
        }
        Concluded { findings, aside: (), rows }
    }
}
