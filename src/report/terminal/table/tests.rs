//! Properties of tables, whatever is in them.

use proptest::prelude::*;

use super::*;
use crate::detectors::{Description, RankedBy};
use crate::rank::{Headings, Table};

static DESCRIPTION: Description = Description {
    name: "any",
    table: "any",
    summary: "anything",
    documentation: "",
    currency: None,
    has_findings: true,
    gates_at_any_impact: false,
    finds_risks_only: false,
    needs_failures: false,
    least_of_all_traces: None,
    terminal_columns: COLUMNS,
    ranked_by: &[RankedBy::Largest("saving_ns")],
    problem: None,
};

/// In the order of their importance, which is not that of the table.
const COLUMNS: &[&str] = &[
    "rank",
    "service",
    "operation",
    "saving_ns",
    "calls",
    "chain",
    "share",
    "message",
    "induced",
    "saving_p95_ns",
    "first_seen",
    "mean",
    "traces",
    "weighted_traces",
    "example_trace_id",
];

fn columns() -> Vec<Column> {
    let column = |name, unit, adds_up| Column { name, unit, doc: "", adds_up };
    vec![
        column("rank", Unit::Count, false),
        column("calls", Unit::Count, false),
        column("service", Unit::Text, false),
        column("chain", Unit::Names, false),
        column("induced", Unit::Flag, false),
        column("operation", Unit::Text, false),
        column("message", Unit::Text, false),
        column("traces", Unit::Count, false),
        column("weighted_traces", Unit::Number, false),
        column("share", Unit::Share, false),
        column("mean", Unit::Number, false),
        column("first_seen", Unit::Time, false),
        column("saving_ns", Unit::Nanoseconds, true),
        column("saving_p95_ns", Unit::Nanoseconds, false),
        column("example_trace_id", Unit::Id, false),
    ]
}

fn table_of(values: Vec<Vec<Cell>>) -> Table {
    Table { name: "any", columns: columns(), terminal_columns: COLUMNS, values, summed_up: 0 }
}

fn described<'a>(table: &'a Table, headings: Option<&'a Headings>) -> DetectorTable<'a> {
    DetectorTable { description: &DESCRIPTION, thresholds: Vec::new(), table, headings, notes_left_out: 0 }
}

fn written(table: &DetectorTable<'_>, width: usize) -> Vec<String> {
    let mut out = Vec::new();
    let links = TraceLinks::default();
    let style = TerminalStyle { width, colour: false };
    let shown = ShownTables { top: usize::MAX, style, links: &links, is_one_day: false };
    write_table(&mut out, table, &shown).unwrap();
    String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
}

/// Names as hostile as they come, and some that differ in one place only.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "(ts-)?[ab]{1,3}(-[ab]{1,14}){0,3}(-service)?",
        "SELECT [ab]{1,30} FROM orders WHERE id = \\?",
        "[\u{1b}\u{7}\u{202e}\u{200d}\u{301} a订👩🇩ש…#-]{0,30}",
    ]
}

fn cell(column: Column) -> BoxedStrategy<Cell> {
    let value = match column.unit {
        Unit::Text => name().prop_map(Cell::Text).boxed(),
        Unit::Names => prop::collection::vec(name(), 0..5).prop_map(Cell::Names).boxed(),
        Unit::Durations => prop::collection::vec(any::<i64>(), 0..5).prop_map(Cell::Ints).boxed(),
        Unit::Id => "[0-9a-f]{32}".prop_map(Cell::Text).boxed(),
        Unit::Flag => any::<bool>().prop_map(Cell::Flag).boxed(),
        Unit::Share => (0.0..=1.0).prop_map(Cell::Float).boxed(),
        Unit::Number => any::<f64>().prop_map(Cell::Float).boxed(),
        Unit::Count | Unit::Nanoseconds | Unit::Time => {
            prop_oneof![0..1_000_i64, any::<i64>()].prop_map(Cell::Int).boxed()
        }
    };
    prop_oneof![9 => value, 1 => Just(Cell::None)].boxed()
}

fn table() -> impl Strategy<Value = Table> {
    let row: Vec<BoxedStrategy<Cell>> = columns().into_iter().map(cell).collect();
    prop::collection::vec(row, 1..12).prop_map(|rows| {
        let column = |place: usize| match place {
            0 => (1..=rows.len() as i64).map(Cell::Int).collect(),
            _ => rows.iter().map(|row| row[place].clone()).collect(),
        };
        table_of((0..columns().len()).map(column).collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// No line is too long, no id is cut, and rows whose names differ look different.
    #[test]
    fn tables_fit_and_tell_rows_apart(table in table(), width in 60_usize..260) {
        let described = described(&table, None);
        let lines = written(&described, width);
        for line in &lines {
            prop_assert!(text_width(line) <= width, "{width}: {line}");
            prop_assert!(!line.contains(|character: char| character.is_control()), "{line:?}");
        }
        let text = lines.join("\n");
        let (_, ids) = table.column(EXAMPLE).unwrap();
        for id in ids {
            if let Cell::Text(id) = id {
                prop_assert!(text.contains(id.as_str()), "{id} is not in\n{text}");
            }
        }
        let rule = lines.iter().position(|line| line.starts_with('─')).unwrap();
        let is_below = |line: &&String| line.starts_with(&" ".repeat(INDENT));
        let rows: Vec<&str> = lines[rule + 1..].iter().filter(|line| !is_below(line)).map(|line| &line[4..]).collect();
        let (_, services) = table.column("service").unwrap();
        for (row, service) in rows.iter().zip(services) {
            for (other_row, other) in rows.iter().zip(services) {
                prop_assert!(service == other || row != other_row, "{service:?} {other:?}\n{text}");
            }
        }
    }
}

/// What is shown follows from the width alone, and more of it never shows less; what decides the ranking is always there.
#[test]
fn columns_depend_on_the_width_alone() {
    let few = table_of(columns().into_iter().map(|_| vec![Cell::None]).collect());
    let long = Cell::Text("x".repeat(300));
    let many = table_of(columns().into_iter().map(|_| vec![long.clone(), Cell::Int(i64::MAX)]).collect());
    let names = |table: &Table, width: usize| -> Vec<&'static str> {
        shown_columns(&described(table, None), width).into_iter().map(|place| table.columns[place].name).collect()
    };
    assert_eq!(names(&few, 20), ["rank", "service", "saving_ns"]);
    assert_eq!(names(&few, 80), ["rank", "service", "chain", "operation", "calls", "saving_ns"]);
    for width in 1..300 {
        let (narrow, wide) = (names(&few, width), names(&few, width + 1));
        assert_eq!(narrow, names(&many, width));
        assert!(narrow.iter().all(|name| wide.contains(name)), "{width}: {narrow:?} {wide:?}");
    }
    // What the row is, numbers, ids; messages and weighted counts stand elsewhere.
    let all = names(&few, 300);
    let told = ["rank", "service", "chain", "induced", "operation", "calls", "traces", "share", "mean", "first_seen"];
    assert_eq!(all[..10], told);
    assert_eq!(all[10..], ["saving_ns", "saving_p95_ns", "example_trace_id"]);
}

#[test]
fn groups_messages_and_common_ends() {
    let text = |text: &str| Cell::Text(text.to_owned());
    let mut values: Vec<Vec<Cell>> = columns().into_iter().map(|_| vec![Cell::None; 3]).collect();
    values[0] = (1..=3).map(Cell::Int).collect();
    values[2] = ["web", "cart", "web"].map(text).to_vec();
    values[3] = vec![Cell::Names(vec!["web".to_owned(), "cart".to_owned()]); 3];
    let operation = |what: &str| text(&format!("com.example.shop.checkout.{what}.Handler"));
    values[5] = ["list", "addItem", "removeEverything"].map(operation).to_vec();
    values[6] = ["", "connection\nrefused", ""].map(text).to_vec();
    values[7] = [4, 12_345, 1].map(Cell::Int).to_vec();
    values[8] = vec![Cell::Float(40.0), Cell::Float(123_450.0), Cell::None];
    values[12] = [3_000_000_000, 20_000_000, 1].map(Cell::Int).to_vec();
    values[14] = ["a", "b", "c"].map(|id| text(&id.repeat(32))).to_vec();
    let table = table_of(values);
    let total = Column { name: "total_ns", unit: Unit::Nanoseconds, doc: "", adds_up: true };
    let p50 = Column { name: "p50_ns", adds_up: false, ..total };
    let numbers = |numbers: [i64; 3]| numbers.map(Cell::Int).to_vec();
    let figures = vec![(total, numbers([5_000_000_000, 1_000_000, 5_000_000_000])), (p50, numbers([7_000_000; 3]))];
    let headings = Headings { by: &["service"], figures };
    insta::assert_snapshot!(written(&described(&table, Some(&headings)), 76).join("\n"), @"
    rank  chain       induced  operation         calls  share  saved in all
    ───────────────────────────────────────────────────────────────────────
    web  5.0 s in all · p50 7.0 ms
       1  web → cart  -        list                  -      -         3.0 s
       3  web → cart  -        removeEverything      -      -          1 ns
    cart  1.0 ms in all · p50 7.0 ms
       2  web → cart  -        addItem               -      -         20 ms
          └ connection refused
    operation: com.example.shop.checkout.….Handler
    traces  1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
            3 cccccccccccccccccccccccccccccccc
            2 bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
    ");
    // Weighted counts stand beside those of recorded traces, where there are any.
    let wide = written(&described(&table, Some(&headings)), 240).join("\n");
    assert!(wide.contains("  4 ≈40  ") && wide.contains("  12,345 ≈123,450  ") && wide.contains("      1  "), "{wide}");
}
