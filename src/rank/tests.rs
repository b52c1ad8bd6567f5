//! Tables of two detectors of the smallest kind: one whose rows are patterns, one that has rows of its own.

use crate::conventions::{FindingKind, Lists};
use crate::detectors::kit::{
    self, Cell, Concluded, Conclusions as _, Description, Detector, NoDetails, NoRow, PatternColumn, RankedBy,
    RowColumn, TableRules, Unit, Whole, thresholds,
};
use crate::findings::{Finding, Findings, pattern_id};
use crate::frame::{Symbol, Symbols};
use crate::gathered::Gathered;
use crate::partial::TraceNumber;
use crate::rank::{FindingsTable, Ranked, Ranking, Table};
use crate::span::{SpanId, TraceId};
use crate::trace::TraceView;

thresholds! {
    /// Reports what its tests put in.
    struct Patterned {}
}

thresholds! {
    /// The same, with rows of its own.
    struct Listed {
        /// What its tests set.
        max_rows: Count = 9;
    }
}

static PATTERNED: Description = Description {
    name: "patterned",
    table: "patterned",
    summary: "",
    documentation: "",
    currency: None,
    has_findings: true,
    gates_at_any_impact: false,
    finds_risks_only: false,
    needs_failures: false,
    least_of_all_traces: None,
    terminal_columns: &[],
    ranked_by: &[RankedBy::Largest("impact_ns")],
    problem: None,
};

static LISTED: Description = Description {
    name: "listed",
    table: "listed",
    ranked_by: &[RankedBy::LastIfText("state", "fine"), RankedBy::Largest("count")],
    ..PATTERNED
};

type Column = PatternColumn<Patterned>;

static PATTERN_COLUMNS: &[Column] = &[
    Column::rank(""),
    Column::PATTERN_ID,
    Column::new("service", Unit::Text, "", kit::Rule::Key(0)),
    Column::TRACES,
    Column::WEIGHTED_TRACES,
    Column::TRACE_SHARE,
    Column::new("findings", Unit::Count, "", kit::Rule::Findings),
    Column::new("impact_ns", Unit::Nanoseconds, "", kit::Rule::Impact),
    Column::example_trace(""),
];

/// Service, state, how often, and an example.
struct ListedRow(Symbol, &'static str, i64, TraceNumber);

type OwnColumn = RowColumn<Listed>;

static ROW_COLUMNS: &[OwnColumn] = &[
    OwnColumn::rank(""),
    OwnColumn::pattern_id(|row| vec![row.0]),
    OwnColumn::new("service", Unit::Text, "", |row, whole| whole.name(row.0)),
    OwnColumn::new("state", Unit::Text, "", |row, _| Cell::Text(row.1.to_owned())),
    OwnColumn::new("count", Unit::Count, "", |row, _| Cell::Int(row.2)).adding_up(),
    OwnColumn::new("example_trace_id", Unit::Id, "", |row, whole| whole.trace_id(row.3)),
];

macro_rules! detectors_that_see_nothing {
    ($($detector:ident: $row:ty, $description:ident, $table:expr;)+) => {$(
        impl Detector for $detector {
            type Seen = Findings<NoDetails>;
            type Details = NoDetails;
            type Aside = ();
            type Row = $row;

            const DESCRIPTION: &'static Description = &$description;
            const TABLE: TableRules<Self> = $table;

            fn see(&self, _trace: &TraceView<'_>, _seen: &mut Self::Seen) {}

            fn conclude(&self, seen: Self::Seen, _whole: &Whole<'_>) -> Concluded<Self> {
                Concluded::findings(seen)
            }
        }
    )+};
}

detectors_that_see_nothing! {
    Patterned: NoRow, PATTERNED, TableRules::Patterns(PATTERN_COLUMNS);
    Listed: ListedRow, LISTED, TableRules::Rows(ROW_COLUMNS);
}

const CART: Symbol = Symbol(1);
const SHOP: Symbol = Symbol(2);
const WEB: Symbol = Symbol(3);

fn symbols() -> Symbols {
    let mut symbols = Symbols::default();
    for (symbol, name) in [(CART, "cart"), (SHOP, "shop"), (WEB, "web")] {
        assert_eq!(symbols.intern(name), symbol);
    }
    symbols
}

/// Findings by service, trace, how many traces that stands for, and impact.
fn findings(rows: &[(Symbol, Option<u32>, f64, i64)]) -> Findings<NoDetails> {
    let mut findings = Findings::default();
    for (&(service, trace, adjusted_count, impact_ns), number) in rows.iter().zip(1..) {
        findings.push_without_trace(Finding {
            span_id: SpanId(number),
            service,
            operation: Symbol::EMPTY,
            target: None,
            start: 5,
            measured: 2.0,
            threshold: 1.0,
            impact_ns,
            own_impact: 0,
            induced: false,
            kind: FindingKind::None,
            span_ids: &[SpanId(number)],
            key: &[service],
            details: NoDetails,
        });
        if let Some(trace) = trace {
            *findings.common.trace.last_mut().unwrap() = TraceNumber(trace);
            let last = findings.common.len() - 1;
            findings.common.adjusted_count.set(last, adjusted_count);
        }
    }
    findings
}

/// Ranks what `conclude` says, and gives the detectors' tables with that of findings as the last.
fn tables(conclude: impl FnOnce(&mut Ranking<'_>)) -> (Vec<Ranked>, Table) {
    let (symbols, gathered) = (symbols(), Gathered::default());
    let trace_ids = [1, 2, 3, 4].map(|id| TraceId([id; 16]));
    let lists = Lists::default();
    let whole =
        Whole { symbols: &symbols, lists: &lists, trace_ids: &trace_ids, is_weighted: true, gathered: &gathered };
    let mut ranking = Ranking::new(&whole, &|| ());
    conclude(&mut ranking);
    let ranked = ranking.ranked.unwrap();
    let findings = Table::of(&FindingsTable::new(&ranked, &whole));
    (ranked, findings)
}

fn cells(table: &Table, column: &str) -> Vec<Cell> {
    table.column(column).unwrap().1.to_vec()
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<Cell> {
    texts.map(|text| Cell::Text(text.to_owned())).to_vec()
}

fn ints<const N: usize>(numbers: [i64; N]) -> Vec<Cell> {
    numbers.map(Cell::Int).to_vec()
}

fn trace_id(number: u8) -> Cell {
    Cell::Text(TraceId([number + 1; 16]).to_string())
}

/// Findings about the whole input count as findings and cost what they cost, but they are no trace: none is counted, weighed
/// or shown for them, also where they cost the most of their pattern.
#[test]
fn findings_without_a_trace_are_no_trace() {
    let rows = [
        (WEB, None, 1.0, 100),
        (SHOP, Some(2), 4.0, 10),
        (WEB, None, 1.0, 7),
        (SHOP, None, 1.0, 300),
        (SHOP, Some(1), 2.0, 10),
        (SHOP, Some(1), 8.0, 5),
        (CART, Some(3), 1.0, 107),
    ];
    let (ranked, all) = tables(|ranking| ranking.take(&Patterned {}, Concluded::findings(findings(&rows))));
    let table = &ranked[0].table;
    // Cart and web cost the same, so the key decides.
    assert_eq!(cells(table, "service"), texts(["shop", "cart", "web"]));
    assert_eq!(cells(table, "rank"), ints([1, 2, 3]));
    assert_eq!(cells(table, "impact_ns"), ints([325, 107, 107]));
    assert_eq!(cells(table, "findings"), ints([4, 1, 2]));
    assert_eq!(cells(table, "traces"), ints([2, 1, 0]));
    assert_eq!(cells(table, "trace_share"), [0.5, 0.25, 0.0].map(Cell::Float));
    assert_eq!(cells(table, "weighted_traces"), [12.0, 1.0, 0.0].map(Cell::Float));
    // Two traces of the shop's cost 10: the one with the smaller id is shown.
    assert_eq!(cells(table, "example_trace_id"), [trace_id(1), trace_id(3), Cell::None]);

    assert_eq!(
        cells(&all, "trace_id"),
        [trace_id(1), trace_id(1), trace_id(2), trace_id(3), Cell::None, Cell::None, Cell::None]
    );
    let spans: Vec<Cell> = [5, 6, 2, 7, 1, 3, 4].map(|span| Cell::Text(SpanId(span).to_string())).to_vec();
    assert_eq!(cells(&all, "span_id"), spans, "by trace, then as they were found");
    assert_eq!(cells(&all, "target"), vec![Cell::None; rows.len()]);
    let [shop, cart, web] = ["shop", "cart", "web"].map(|service| pattern_id("patterned", [service]));
    assert_eq!(cells(table, "pattern_id"), texts([&shop, &cart, &web]));
    assert_eq!(cells(&all, "pattern_id"), texts([&shop, &shop, &shop, &cart, &web, &web, &shop]));
}

/// Rows of a detector's own are ranked by its rules, ties by the order of their keys; its findings go with the rows of their
/// keys.
#[test]
fn rows_of_a_detectors_own_are_ranked() {
    let rows = vec![
        ListedRow(CART, "open", 3, TraceNumber(2)),
        ListedRow(SHOP, "fine", 9, TraceNumber::NONE),
        ListedRow(WEB, "open", 3, TraceNumber(0)),
    ];
    let found = findings(&[(WEB, Some(0), 1.0, 4), (CART, None, 1.0, 4), (WEB, None, 1.0, 4)]);
    let listed = Listed { max_rows: kit::Count(7) };
    let (ranked, all) = tables(|ranking| ranking.take(&listed, Concluded { findings: found, aside: (), rows }));
    let Ranked { table, thresholds, .. } = &ranked[0];
    assert_eq!(thresholds, &[("max_rows", "7".to_owned())], "as it was set");
    assert_eq!(cells(table, "rank"), ints([1, 2, 3]));
    assert_eq!(cells(table, "service"), texts(["cart", "web", "shop"]));
    assert_eq!(cells(table, "count"), ints([3, 3, 9]));
    assert_eq!(cells(table, "example_trace_id"), [trace_id(2), trace_id(0), Cell::None]);
    let adding_up: Vec<&str> = table.columns.iter().filter(|column| column.adds_up).map(|column| column.name).collect();
    assert_eq!(adding_up, ["count"]);

    let [cart, web, shop] = ["cart", "web", "shop"].map(|service| pattern_id("listed", [service]));
    assert_eq!(cells(table, "pattern_id"), texts([&cart, &web, &shop]));
    assert_eq!(cells(&all, "pattern_id"), texts([&web, &cart, &web]));
    assert_eq!(cells(&all, "trace_id"), [trace_id(0), Cell::None, Cell::None]);
}

/// Detectors that have found nothing have a table all the same, and findings of several come one detector after the other.
#[test]
fn tables_of_several_detectors() {
    let (ranked, all) = tables(|ranking| {
        ranking.take(&Listed::default(), Concluded::rows(Vec::new()));
        ranking.take(&Patterned {}, Concluded::findings(Findings::default()));
    });
    assert_eq!(ranked.iter().map(|ranked| ranked.table.row_count()).collect::<Vec<_>>(), [0, 0]);
    assert_eq!(ranked[1].table.columns.len(), PATTERN_COLUMNS.len());
    assert_eq!(all.row_count(), 0);

    let (_, all) = tables(|ranking| {
        let found = findings(&[(WEB, None, 1.0, 1)]);
        ranking.take(&Listed::default(), Concluded { findings: found, aside: (), rows: Vec::new() });
        ranking.take(&Patterned {}, Concluded::findings(findings(&[(WEB, Some(3), 1.0, 1), (WEB, Some(0), 1.0, 1)])));
    });
    assert_eq!(cells(&all, "detector"), texts(["listed", "patterned", "patterned"]));
    assert_eq!(cells(&all, "trace_id"), [Cell::None, trace_id(0), trace_id(3)]);
}
