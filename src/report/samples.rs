//! A table and a summary with one of everything that writers must cope with, for their tests.

use crate::detectors::{Cell, Column, Description, RankedBy, Unit};
use crate::rank::{PROBLEM_COLUMNS, Table};

use super::detector_table::DetectorTable;
use super::incident::{IncidentSummary, RunSummary, SuspectSummary, TimesSummary};
use super::summary::{ClockSkewSummary, InputSummary, QualitySummary, Summary, TotalsSummary};

pub(in crate::report) const EXAMPLE_TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn columns() -> Vec<Column> {
    let column = |name, unit| Column { name, unit, doc: "", adds_up: false };
    vec![
        column("rank", Unit::Count),
        column("caller_service", Unit::Text),
        column("operation", Unit::Text),
        column("chain", Unit::Names),
        column("induced", Unit::Flag),
        column("calls_p50", Unit::Count),
        column("trace_share", Unit::Share),
        column("attempts_mean", Unit::Number),
        column("first_seen", Unit::Time),
        column("saving_ns", Unit::Nanoseconds),
        column("example_trace_id", Unit::Id),
    ]
}

static DESCRIPTION: Description = Description {
    name: "n-plus-one",
    table: "sample",
    summary: "more calls to one target in a trace than one request should need",
    documentation: "",
    currency: None,
    has_findings: true,
    gates_at_any_impact: false,
    finds_risks_only: false,
    needs_failures: false,
    least_of_all_traces: None,
    terminal_columns: &[
        "rank",
        "caller_service",
        "operation",
        "chain",
        "calls_p50",
        "trace_share",
        "induced",
        "first_seen",
        "saving_ns",
        "example_trace_id",
    ],
    ranked_by: &[RankedBy::LastIf("induced"), RankedBy::Largest("saving_ns")],
    problem: None,
};

pub(in crate::report) fn table() -> Table {
    let text = |text: &str| Cell::Text(text.to_owned());
    let names = |names: &[&str]| Cell::Names(names.iter().map(|&name| name.to_owned()).collect());
    let rows = vec![
        vec![
            Cell::Int(1),
            text("checkout"),
            text("SELECT quantity, price FROM order_items WHERE order_id = ? AND product_id = ?"),
            names(&["web", "checkout", "inventory"]),
            Cell::Flag(false),
            Cell::Int(12_345),
            Cell::Float(0.34),
            Cell::Float(3.5),
            Cell::Int(1_704_164_645_000_000_006),
            Cell::Int(200_000_000_000),
            text(EXAMPLE_TRACE_ID),
        ],
        vec![
            Cell::Int(2),
            text("=HYPERLINK(\"x\")"),
            text("\u{1b}[31mred | `x` <b>"),
            names(&[]),
            Cell::Flag(true),
            Cell::Int(6),
            Cell::Float(0.0004),
            Cell::None,
            Cell::None,
            Cell::Int(340_000_000),
            text("00000000000000000000000000000002"),
        ],
        vec![
            Cell::Int(3),
            text("cart"),
            text("GET /cart"),
            names(&["web", "cart"]),
            Cell::Flag(true),
            Cell::Int(7),
            Cell::Float(1.0),
            Cell::Float(f64::NAN),
            Cell::Int(0),
            Cell::Int(0),
            text("00000000000000000000000000000003"),
        ],
    ];
    let mut values = vec![Vec::new(); columns().len()];
    for row in rows {
        for (column, cell) in values.iter_mut().zip(row) {
            column.push(cell);
        }
    }
    Table {
        name: DESCRIPTION.table,
        columns: columns(),
        terminal_columns: DESCRIPTION.terminal_columns,
        values,
        summed_up: 0,
    }
}

pub(in crate::report) fn empty_table() -> Table {
    Table { name: "empty", values: vec![Vec::new(); columns().len()], ..table() }
}

/// The table, and another that is empty.
pub(in crate::report) fn detector_tables(table: &Table) -> Vec<DetectorTable<'_>> {
    static EMPTY: std::sync::LazyLock<Table> = std::sync::LazyLock::new(empty_table);
    vec![
        DetectorTable {
            description: &DESCRIPTION,
            thresholds: vec![("max_calls", "5".to_owned())],
            table,
            headings: None,
            notes_left_out: 0,
        },
        DetectorTable {
            description: &DESCRIPTION,
            thresholds: vec![("max_calls", "5".to_owned())],
            table: &EMPTY,
            headings: None,
            notes_left_out: 0,
        },
    ]
}

/// The tables alone.
pub(in crate::report) fn tables(table: &Table) -> Vec<&Table> {
    detector_tables(table).into_iter().map(|table| table.table).collect()
}

/// Problems: the second has a hostile title, the third saves at most so much, and the last is caused by the first.
pub(in crate::report) fn problems() -> Table {
    const MINUTE: i64 = 60_000_000_000;
    let text = |text: &str| Cell::Text(text.to_owned());
    let first_seen = 1_704_164_645_000_000_006;
    let row = |rank: i64, id: &str, title: &str, saving: i64, failed: i64, by: &str| -> Vec<(&str, Cell)> {
        vec![
            ("rank", Cell::Int(rank)),
            ("pattern_id", text(id)),
            ("detector", text(if rank == 3 { "sync-chain" } else { "n-plus-one" })),
            ("title", text(title)),
            ("requests", Cell::Int(12 * (4 - rank))),
            ("request_share", Cell::Float(0.018)),
            ("saving_ns", Cell::Int(saving)),
            ("saving_share", Cell::Float(saving as f64 / 9e12)),
            ("beyond_saving_ns", Cell::Int(saving / 2)),
            ("failed_requests", Cell::Int(failed)),
            ("beyond_failed_requests", Cell::Int(failed)),
            ("wasted_ns", Cell::Int(7_000_000)),
            ("upper_bound", Cell::Flag(rank == 3)),
            ("explained_by", text(by)),
            ("first_seen", Cell::Int(first_seen)),
            ("last_seen", Cell::Int(first_seen + (rank - 1) * MINUTE)),
            ("example_trace_id", text(if rank == 2 { "" } else { EXAMPLE_TRACE_ID })),
            ("fix", text("fetch the set in one call")),
        ]
    };
    let rows = [
        row(1, "a1", "checkout calls postgresql SELECT items up to 50 times for one request", 900_000_000_000, 0, ""),
        row(2, "b2", "\u{1b}[31mred | `x` <b> fails", 0, 3, ""),
        row(3, "c3", "web GET / waits for 5 hops in a row", 30_000_000, 0, ""),
        row(4, "d4", "cart calls redis GET up to 9 times", 0, 0, "a1"),
    ];
    let mut values = vec![Vec::new(); PROBLEM_COLUMNS.len()];
    for row in rows {
        for (column, values) in PROBLEM_COLUMNS.iter().zip(&mut values) {
            let cell = row.iter().find(|(name, _)| *name == column.name).map(|(_, cell)| cell.clone());
            values.push(cell.unwrap_or_else(|| Cell::Text(String::new())));
        }
    }
    Table { name: "problems", columns: PROBLEM_COLUMNS.to_vec(), terminal_columns: &[], values, summed_up: 0 }
}

pub(in crate::report) fn summary() -> Summary {
    Summary {
        incident: None,
        selection: None,
        inputs: vec![
            InputSummary {
                path: "spans.parquet".to_owned(),
                format: "parquet".to_owned(),
                bytes: 1_234_567,
                spans: 12_000,
                ..Default::default()
            },
            InputSummary {
                path: "collector\u{1b}.jsonl".to_owned(),
                format: "otlp-json".to_owned(),
                bytes: 999,
                spans: 345,
                skipped: [("truncated".to_owned(), 1), ("invalid_trace_id".to_owned(), 2)].into(),
                first_offsets: vec![17, 400],
                errors: vec!["collector.jsonl ends in the middle of a line".to_owned()],
                cautions: Vec::new(),
            },
        ],
        totals: TotalsSummary {
            spans: 12_345,
            traces: 678,
            services: 9,
            roots: 670,
            calls: [("database".to_owned(), 4_000), ("service".to_owned(), 5_000)].into(),
            root_duration_ns: 9_000_000_000_000,
            failed_spans: 7,
            failed_traces: 4,
            failed_roots: 3,
            segment_duration_ns: 9_000_000_000_000,
            first_start: Some(1_704_164_645_000_000_006),
            last_end: Some(1_704_168_245_000_000_006),
        },
        quality: QualitySummary {
            orphans: 400,
            missing_roots: 8,
            beyond_cap: Vec::new(),
            clock_skew: vec![ClockSkewSummary {
                caller: "web".to_owned(),
                callee: "cart".to_owned(),
                spans: 3,
                max_ns: 1_500_000,
            }],
            ..Default::default()
        },
    }
}

/// A comparison with one of everything.
pub(in crate::report) fn incident() -> IncidentSummary {
    let start = 1_704_164_645_000_000_000;
    let times = |from: i64, to: i64| TimesSummary {
        start: Some(start + from * 1_000_000_000),
        end: Some(start + to * 1_000_000_000),
    };
    let suspect = |name: &str, kind: &str, evidence: &str, example: &str| SuspectSummary {
        name: name.to_owned(),
        kind: kind.to_owned(),
        evidence: evidence.to_owned(),
        example_trace_id: example.to_owned(),
    };
    let run = |from: i64| RunSummary {
        entry_service: "web".to_owned(),
        entry_operation: "GET /cart".to_owned(),
        times: times(from, from + 10),
        off_buckets: 1,
        left_out: from != 1_400,
    };
    IncidentSummary {
        window: Some(times(600, 780)),
        window_requests: 512,
        baseline_requests: 10_233,
        window_requests_left_out: 2,
        window_failed_left_out: 1,
        other_runs: vec![run(1_000), run(1_100), run(1_200), run(1_300), run(1_400)],
        confidence: "clear",
        suspects: 7,
        first_suspects: vec![
            suspect(
                "cart",
                "service",
                "+53 % of the window's request time, most of it between web and cart (GetCart); 249 ms per request, 9.0 ms \
                 before; since 03:14:10",
                EXAMPLE_TRACE_ID,
            ),
            suspect("orders\u{1b}[31m", "database", "12 calls fewer than expected", ""),
        ],
        ..IncidentSummary::default()
    }
}
