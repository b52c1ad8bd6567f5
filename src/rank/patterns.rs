//! Patterns: the findings of one detector with the same key, aggregated to one ranked row each.
//!
//! Which columns there are and how each is made is declared by the detector; here is how each rule becomes a Polars
//! expression; sums, which must not go around, are made without it. Patterns are numbered by key before anything else, so that "ties go by key" is a sort by number.

use polars::prelude::*;

use crate::detectors::{Aggregate, Cell, Description, Names, Pattern, RankedBy, Shared};
use crate::findings::{Findings, pattern_id};
use crate::frame::{Symbol, Symbols};
use crate::span::TraceId;
use crate::trace::{TargetKind, total_ns};

use super::table::{MAX_ROWS, Table};

const PATTERN: &str = "pattern";
const TRACE: &str = "trace";
const IMPACT: &str = "impact";
const START: &str = "start";
const TARGET_KIND: &str = "target_kind";

/// A ranked table and which of its patterns each finding belongs to.
#[derive(Debug)]
pub struct PatternTable {
    /// The table.
    pub table: Table,
    /// The pattern id of each finding.
    pub pattern_ids: Vec<String>,
}

/// Aggregates and ranks the findings of a detector. `trace_ids` are the ids of the traces by number.
///
/// # Errors
/// What Polars reports; with findings as detectors push them there is nothing to report.
pub fn pattern_table(
    description: &'static Description,
    findings: &Findings,
    shared: &Shared,
    symbols: &Symbols,
    trace_ids: &[TraceId],
) -> PolarsResult<PatternTable> {
    let patterns = Patterns::new(findings);
    let frame = frame_of(findings, &patterns)?;
    let mut columns: Vec<Vec<Cell>> = Vec::new();
    let aggregated = aggregate(description, &frame)?;
    for column in description.columns {
        let numbers = || integers(&aggregated, column.name);
        let by_pattern = |make: &dyn Fn(&Pattern<'_>) -> Cell| -> Vec<Cell> {
            patterns.rows.iter().map(|rows| make(&Pattern { findings, rows, shared, symbols })).collect()
        };
        let name_of = |names: Names, number: i64| match names {
            Names::Symbols => symbols.resolve(Symbol(number as u32)).to_owned(),
            Names::Of(names) => names[number as usize].to_owned(),
        };
        let cells: Vec<Cell> = match column.aggregate {
            Aggregate::Rank | Aggregate::Own => vec![Cell::None; patterns.rows.len()],
            Aggregate::PatternId => by_pattern(&|pattern| {
                let key = findings.keys.get(pattern.rows[0]);
                Cell::Text(pattern_id(description.name, key.iter().map(|&part| symbols.resolve(Symbol(part as u32)))))
            }),
            Aggregate::Key(part) => by_pattern(&|pattern| Cell::Text(symbols.resolve(pattern.key(part)).to_owned())),
            Aggregate::TargetKind => most_frequent(&frame, TARGET_KIND)?
                .into_iter()
                .map(|kind| Cell::Text(TargetKind::ALL[kind as usize].as_str().to_owned()))
                .collect(),
            Aggregate::MostFrequent(detail, names) => most_frequent(&frame, &detail_name(detail))?
                .into_iter()
                .map(|number| Cell::Text(name_of(names, number)))
                .collect(),
            Aggregate::MostFrequentFlag(detail) => {
                most_frequent(&frame, &detail_name(detail))?.into_iter().map(|flag| Cell::Flag(flag != 0)).collect()
            }
            Aggregate::WeightedTraces if shared.is_weighted => {
                by_pattern(&|pattern| Cell::Float(weighted_traces(findings, pattern.rows)))
            }
            Aggregate::WeightedTraces => vec![Cell::None; patterns.rows.len()],
            Aggregate::TraceShare => {
                let share = |traces: i64| Cell::Float(traces as f64 / shared.traces.max(1) as f64);
                numbers()?.into_iter().map(share).collect()
            }
            Aggregate::Ratio(part, whole) => by_pattern(&|pattern| {
                let [part, whole] = [part, whole].map(|detail| total_ns(pattern.details(detail)));
                Cell::Float(if whole == 0 { 0.0 } else { part as f64 / whole as f64 })
            }),
            Aggregate::Sum(detail) => by_pattern(&|pattern| Cell::Int(total_ns(pattern.details(detail)))),
            Aggregate::Impact => {
                by_pattern(&|pattern| Cell::Int(total_ns(pattern.rows.iter().map(|&row| findings.impacts[row]))))
            }
            Aggregate::Grows(detail) => by_pattern(&|pattern| Cell::Flag(grows(pattern.details(detail).collect()))),
            Aggregate::ExampleTrace => {
                numbers()?.into_iter().map(|trace| Cell::Text(trace_ids[trace as usize].to_string())).collect()
            }
            Aggregate::MostFrequentList(list) => by_pattern(&|pattern| {
                let mut lists: Vec<&[i64]> = pattern.lists(list).collect();
                lists.sort_unstable();
                let most = lists
                    .chunk_by(|left, right| left == right)
                    .min_by_key(|same| (std::cmp::Reverse(same.len()), same[0]))
                    .map_or(&[][..], |same| same[0]);
                names_cell(symbols, most)
            }),
            Aggregate::Union(list) => by_pattern(&|pattern| {
                let mut all: Vec<i64> = pattern.lists(list).flatten().copied().collect();
                all.sort_unstable();
                all.dedup();
                names_cell(symbols, &all)
            }),
            Aggregate::Derived(rule) => by_pattern(&|pattern| rule(pattern)),
            Aggregate::Traces
            | Aggregate::Findings
            | Aggregate::Max(_)
            | Aggregate::Quantile(..)
            | Aggregate::ImpactQuantile(_)
            | Aggregate::FirstSeen
            | Aggregate::LastSeen => numbers()?.into_iter().map(Cell::Int).collect(),
        };
        columns.push(cells);
    }

    let order = ranking(description, &columns, patterns.rows.len())?;
    let id_column = description.columns.iter().position(|column| matches!(column.aggregate, Aggregate::PatternId));
    let id_of_pattern = |number: usize| match id_column.map(|column| &columns[column][number]) {
        Some(Cell::Text(id)) => id.clone(),
        _ => String::new(),
    };
    let pattern_ids = patterns.of_rows.iter().map(|&number| id_of_pattern(number as usize)).collect();
    let values = description
        .columns
        .iter()
        .zip(columns)
        .map(|(column, mut cells)| match column.aggregate {
            Aggregate::Rank => (1..=order.len() as i64).map(Cell::Int).collect(),
            _ => order.iter().map(|&number| std::mem::replace(&mut cells[number], Cell::None)).collect(),
        })
        .collect();
    let table = Table {
        name: description.table,
        columns: description.columns,
        terminal_columns: description.terminal_columns,
        values,
        summed_up: 0,
    }
    .capped(MAX_ROWS);
    Ok(PatternTable { table, pattern_ids })
}

/// The patterns of some findings, numbered in the order of their keys.
struct Patterns {
    /// Number of the pattern of each finding.
    of_rows: Vec<u32>,
    /// Findings of each pattern, by trace.
    rows: Vec<Vec<usize>>,
}

impl Patterns {
    fn new(findings: &Findings) -> Self {
        let mut order = findings.order();
        order.sort_by_key(|&row| findings.keys.get(row));
        let rows: Vec<Vec<usize>> = order
            .chunk_by(|&left, &right| findings.keys.get(left) == findings.keys.get(right))
            .map(<[usize]>::to_vec)
            .collect();
        let mut of_rows = vec![0; findings.len()];
        for (number, rows) in (0u32..).zip(&rows) {
            for &row in rows {
                of_rows[row] = number;
            }
        }
        Self { of_rows, rows }
    }
}

fn detail_name(detail: usize) -> String {
    format!("detail_{detail}")
}

/// Findings as a Polars frame: numbers only.
fn frame_of(findings: &Findings, patterns: &Patterns) -> PolarsResult<DataFrame> {
    let kinds: Vec<i64> = (0..findings.len()).map(|row| findings.target_kind(row).unwrap_or_default() as i64).collect();
    let mut columns = vec![
        Column::new(PATTERN.into(), &patterns.of_rows),
        Column::new(TRACE.into(), &findings.traces),
        Column::new(IMPACT.into(), &findings.impacts),
        Column::new(START.into(), &findings.starts),
        Column::new(TARGET_KIND.into(), kinds),
    ];
    for (detail, values) in findings.details.iter().enumerate() {
        columns.push(Column::new(detail_name(detail).into(), values));
    }
    DataFrame::new(findings.len(), columns)
}

/// One row a pattern, in the order of their numbers, with every column that a single expression makes.
fn aggregate(description: &Description, frame: &DataFrame) -> PolarsResult<DataFrame> {
    if frame.height() == 0 {
        return Ok(DataFrame::empty());
    }
    let mut expressions: Vec<Expr> = Vec::new();
    for column in description.columns {
        let detail = |detail: usize| col(detail_name(detail));
        let expression = match column.aggregate {
            Aggregate::Traces | Aggregate::TraceShare => col(TRACE).n_unique(),
            Aggregate::Findings => len(),
            Aggregate::Max(of) => detail(of).max(),
            Aggregate::Quantile(of, q) => nearest_rank(detail(of), q),
            Aggregate::ImpactQuantile(q) => nearest_rank(col(IMPACT), q),
            Aggregate::FirstSeen => col(START).min(),
            Aggregate::LastSeen => col(START).max(),
            Aggregate::ExampleTrace => example_trace(),
            _ => continue,
        };
        expressions.push(expression.cast(DataType::Int64).alias(column.name));
    }
    frame
        .clone()
        .lazy()
        .group_by([col(PATTERN)])
        .agg(expressions)
        .sort([PATTERN], SortMultipleOptions::default())
        .collect()
}

/// The quantile by nearest rank, ⌈q n⌉. Exact below 2^53.
fn nearest_rank(values: Expr, q: f64) -> Expr {
    values.quantile(lit(q), QuantileMethod::Equiprobable)
}

/// The trace of the finding with the largest impact, ties to the trace with the smallest id.
fn example_trace() -> Expr {
    let largest_first = SortMultipleOptions::default().with_order_descending_multi([true, false]);
    col(TRACE).sort_by([col(IMPACT), col(TRACE)], largest_first).first()
}

/// The most frequent value of a column in each pattern, ties to the smallest: numbers are in the order of names.
fn most_frequent(frame: &DataFrame, column: &str) -> PolarsResult<Vec<i64>> {
    if frame.height() == 0 {
        return Ok(Vec::new());
    }
    let most_first = SortMultipleOptions::default().with_order_descending_multi([false, true, false]);
    let counted = frame
        .clone()
        .lazy()
        .group_by([col(PATTERN), col(column)])
        .agg([len().alias("times")])
        .sort([PATTERN, "times", column], most_first)
        .group_by_stable([col(PATTERN)])
        .agg([col(column).first()])
        .collect()?;
    integers(&counted, column)
}

fn integers(frame: &DataFrame, column: &str) -> PolarsResult<Vec<i64>> {
    if frame.height() == 0 {
        return Ok(Vec::new());
    }
    let column = frame.column(column)?.cast(&DataType::Int64)?;
    Ok(column.i64()?.iter().map(Option::unwrap_or_default).collect())
}

/// Numbers of the patterns in the order of their ranks.
fn ranking(description: &Description, columns: &[Vec<Cell>], patterns: usize) -> PolarsResult<Vec<usize>> {
    let cells = |name: &str| {
        description.columns.iter().position(|column| column.name == name).map_or(&[][..], |column| &columns[column])
    };
    let mut sort_columns: Vec<Column> = Vec::new();
    let mut descending: Vec<bool> = Vec::new();
    for (index, rule) in description.ranked_by.iter().enumerate() {
        let (values, largest_first): (Vec<i64>, bool) = match *rule {
            RankedBy::Largest(name) => (cells(name).iter().map(integer).collect(), true),
            RankedBy::LastIf(name) => (cells(name).iter().map(integer).collect(), false),
            RankedBy::LastIfKey(part, text) => {
                let key = description
                    .columns
                    .iter()
                    .position(|column| matches!(column.aggregate, Aggregate::Key(of) if of == part));
                let texts = key.map_or(&[][..], |column| &columns[column]);
                (texts.iter().map(|cell| i64::from(*cell == Cell::Text(text.to_owned()))).collect(), false)
            }
        };
        sort_columns.push(Column::new(format!("rule_{index}").into(), values));
        descending.push(largest_first);
    }
    sort_columns.push(Column::new(PATTERN.into(), (0..patterns as i64).collect::<Vec<_>>()));
    descending.push(false);
    let names: Vec<PlSmallStr> = sort_columns.iter().map(|column| column.name().clone()).collect();
    let options = SortMultipleOptions::default().with_order_descending_multi(descending);
    let sorted = DataFrame::new(patterns, sort_columns)?.sort(names, options)?;
    Ok(integers(&sorted, PATTERN)?.into_iter().map(|number| number as usize).collect())
}

fn integer(cell: &Cell) -> i64 {
    match cell {
        Cell::Int(value) => *value,
        Cell::Flag(flag) => i64::from(*flag),
        _ => 0,
    }
}

/// Whether counts vary as they do when they grow with data: p95 / p50 ≥ 2, or robust CV (1.4826 · MAD / median, the
/// factor that makes the MAD of a normal distribution its standard deviation) ≥ 0.25.
fn grows(mut values: Vec<i64>) -> bool {
    const MIN_SPREAD: i64 = 2;
    const MIN_ROBUST_CV: f64 = 0.25;
    values.sort_unstable();
    let rank = |values: &[i64], percent: usize| values.get((values.len() * percent).div_ceil(100).max(1) - 1).copied();
    let (Some(p50), Some(p95)) = (rank(&values, 50), rank(&values, 95)) else { return false };
    let mut deviations: Vec<i64> = values.iter().map(|value| (value - p50).abs()).collect();
    deviations.sort_unstable();
    let mad = rank(&deviations, 50).unwrap_or(0);
    p95 >= MIN_SPREAD * p50 || 1.4826 * mad as f64 >= MIN_ROBUST_CV * p50 as f64
}

/// The traces of `rows`, which are in the order of their traces, each counted as often as the largest of its findings says.
fn weighted_traces(findings: &Findings, rows: &[usize]) -> f64 {
    let of_trace = |rows: &[usize]| rows.iter().map(|&row| findings.adjusted_counts[row]).fold(0.0, f64::max);
    rows.chunk_by(|&left, &right| findings.traces[left] == findings.traces[right]).map(of_trace).sum()
}

fn names_cell(symbols: &Symbols, numbers: &[i64]) -> Cell {
    Cell::Names(numbers.iter().map(|&number| symbols.resolve(Symbol(number as u32)).to_owned()).collect())
}
