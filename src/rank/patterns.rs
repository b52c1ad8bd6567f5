//! Patterns: the findings of one detector with the same key, aggregated to one ranked row each.
//!
//! Which columns there are and how each is made is declared by the detector; here is how each rule becomes values. There may
//! be millions of findings, so that a column is made from where its details lie, pattern by pattern, and only rows are put in a
//! Polars frame. Patterns are numbered by key before anything else, so that "ties go by key" is a sort by number.

use polars::prelude::{Column as Series, *};

use crate::detectors::{
    Cell, Column, Description, Detector, Level, NamedValues, Pattern, PatternColumn, RankedBy, Rule, Whole,
};
use crate::findings::{FindingColumns, Findings, pattern_id};
use crate::frame::Symbol;
use crate::partial::{Lists, TraceNumber};
use crate::trace::{TargetKind, total_ns};

use super::table::{MAX_ROWS, Table};

const PATTERN: &str = "pattern";

/// A ranked table and which of its patterns each finding belongs to.
#[derive(Debug)]
pub(super) struct PatternTable {
    /// The table.
    pub(super) table: Table,
    /// Number of the pattern of each finding.
    pub(super) of_findings: Vec<u32>,
    /// The pattern ids by number.
    pub(super) ids: Vec<String>,
    /// Their levels.
    pub(super) levels: Vec<Level>,
}

/// A column, and what it is made of: a [`Rule`] that knows no detector.
pub(super) struct Made<'a> {
    column: Column,
    of: Of<'a>,
}

enum Of<'a> {
    Rank,
    PatternId,
    Key(usize),
    TargetKind,
    Traces,
    WeightedTraces,
    TraceShare,
    Findings,
    Sum(&'a [i64]),
    Mean(&'a [i64]),
    Max(&'a [i64]),
    Quantile(&'a [i64], f64),
    Grows(&'a [i64]),
    MostFrequent(NamedValues<'a>),
    MostFrequentFlag(&'a [bool]),
    ShareSet(&'a [bool]),
    Impact,
    OwnImpact,
    FirstSeen,
    LastSeen,
    MostFrequentList(&'a Lists<Symbol>),
    MostFrequentName(&'a Lists<Symbol>),
    Union(&'a Lists<Symbol>),
    ExampleTrace,
    ExplainedBy(Box<ExplainedRule<'a>>),
    PlaceBy(&'static str),
    Derived(Box<DerivedRule<'a>>),
}

/// Makes a value of the findings of a pattern, by their rows.
type DerivedRule<'a> = dyn Fn(&[usize]) -> Cell + 'a;

/// Finds the key of the pattern that explains the one with a key.
type ExplainedRule<'a> = dyn Fn(&[Symbol]) -> Option<&'a [Symbol]> + 'a;

/// The columns of a detector's table, and the details that each is made of.
pub(super) fn columns_of<'a, D: Detector>(
    columns: &'static [PatternColumn<D>],
    findings: &'a Findings<D::Details>,
    aside: &'a D::Aside,
) -> Vec<Made<'a>> {
    let details = &findings.details;
    let made = |column: &'static PatternColumn<D>| {
        let of = match column.rule {
            Rule::Rank => Of::Rank,
            Rule::PatternId => Of::PatternId,
            Rule::Key(part) => Of::Key(part),
            Rule::TargetKind => Of::TargetKind,
            Rule::Traces => Of::Traces,
            Rule::WeightedTraces => Of::WeightedTraces,
            Rule::TraceShare => Of::TraceShare,
            Rule::Findings => Of::Findings,
            Rule::Sum(detail) => Of::Sum(detail(details)),
            Rule::Mean(detail) => Of::Mean(detail(details)),
            Rule::Max(detail) => Of::Max(detail(details)),
            Rule::Quantile(detail, q) => Of::Quantile(detail(details), q),
            Rule::Grows(detail) => Of::Grows(detail(details)),
            Rule::MostFrequent(detail) => Of::MostFrequent(detail(details)),
            Rule::MostFrequentFlag(detail) => Of::MostFrequentFlag(detail(details)),
            Rule::ShareOf(detail) => Of::ShareSet(detail(details)),
            Rule::Impact => Of::Impact,
            Rule::OwnImpact => Of::OwnImpact,
            Rule::FirstSeen => Of::FirstSeen,
            Rule::LastSeen => Of::LastSeen,
            Rule::MostFrequentList(list) => Of::MostFrequentList(list(details)),
            Rule::MostFrequentName(list) => Of::MostFrequentName(list(details)),
            Rule::Union(list) => Of::Union(list(details)),
            Rule::ExampleTrace => Of::ExampleTrace,
            Rule::ExplainedBy(of) => Of::ExplainedBy(Box::new(move |key| of(aside, key))),
            Rule::PlaceBy(column) => Of::PlaceBy(column),
            Rule::Derived(rule) => Of::Derived(Box::new(move |rows| rule(&Pattern { findings, rows, aside }))),
        };
        Made { column: column.column(), of }
    };
    columns.iter().map(made).collect()
}

/// Aggregates and ranks the findings of a detector.
///
/// # Errors
/// What Polars reports; with findings as detectors push them there is nothing to report.
pub(super) fn pattern_table(
    description: &'static Description,
    made: &[Made<'_>],
    findings: &FindingColumns,
    whole: &Whole<'_>,
) -> PolarsResult<PatternTable> {
    let patterns = Patterns::new(findings);
    let mut cells_of_columns: Vec<Vec<Cell>> = Vec::new();
    let traces = whole.trace_ids.len();
    let symbols = whole.symbols;
    let key = |rows: &[usize]| findings.key.get(rows[0]);
    let id_of = |key: &[Symbol]| pattern_id(description.name, key.iter().map(|&part| symbols.resolve(part)));
    for Made { of, .. } in made {
        let by_pattern =
            |make: &dyn Fn(&[usize]) -> Cell| -> Vec<Cell> { patterns.rows.iter().map(|rows| make(rows)).collect() };
        // No pattern is without findings.
        let quantile = |values: &[i64], q: f64| {
            by_pattern(&|rows| Cell::Int(nearest_rank(rows.iter().map(|&row| values[row]).collect(), q)))
        };
        let largest = |values: &[i64]| {
            by_pattern(&|rows| Cell::Int(rows.iter().map(|&row| values[row]).max().unwrap_or_default()))
        };
        let smallest = |values: &[i64]| {
            by_pattern(&|rows| Cell::Int(rows.iter().map(|&row| values[row]).min().unwrap_or_default()))
        };
        let sum = |values: &[i64]| by_pattern(&|rows| Cell::Int(total(values, rows)));
        let cells: Vec<Cell> = match of {
            Of::Rank | Of::PlaceBy(_) => vec![Cell::None; patterns.rows.len()],
            Of::PatternId => by_pattern(&|rows| Cell::Text(id_of(key(rows)))),
            Of::ExplainedBy(of) => by_pattern(&|rows| Cell::Text(of(key(rows)).map_or_else(String::new, id_of))),
            Of::Key(part) => by_pattern(&|rows| whole.name(key(rows)[*part])),
            Of::TargetKind => {
                let kind = |row| findings.target.get(row).map_or(TargetKind::default(), |target| target.kind) as u8;
                let kinds = patterns.most_frequent(kind);
                kinds.map(|kind| Cell::Text(TargetKind::ALL[kind as usize].as_str().to_owned())).collect()
            }
            Of::Traces => by_pattern(&|rows| Cell::Int(traces_of(findings, rows).count() as i64)),
            Of::WeightedTraces => by_pattern(&|rows| whole.weighted(weighted_traces(findings, rows))),
            Of::TraceShare => {
                by_pattern(&|rows| Cell::Float(traces_of(findings, rows).count() as f64 / traces.max(1) as f64))
            }
            Of::Findings => by_pattern(&|rows| Cell::Int(rows.len() as i64)),
            Of::Sum(values) => sum(values),
            Of::Mean(values) => by_pattern(&|rows| Cell::Float(total(values, rows) as f64 / rows.len() as f64)),
            Of::Max(values) => largest(values),
            Of::Quantile(values, q) => quantile(values, *q),
            Of::Grows(values) => by_pattern(&|rows| Cell::Flag(grows(rows.iter().map(|&row| values[row]).collect()))),
            Of::MostFrequent(named) => {
                let numbers = patterns.most_frequent(|row| named.numbers[row]);
                numbers.map(|number| Cell::Text((named.name)(number).to_owned())).collect()
            }
            Of::MostFrequentFlag(flags) => {
                let flags = patterns.most_frequent(|row| u8::from(flags[row]));
                flags.map(|flag| Cell::Flag(flag != 0)).collect()
            }
            Of::ShareSet(flags) => by_pattern(&|rows| {
                let set = rows.iter().filter(|&&row| flags[row]).count();
                Cell::Float(set as f64 / rows.len() as f64)
            }),
            Of::Impact => sum(&findings.impact_ns),
            Of::OwnImpact => by_pattern(&|rows| Cell::Int(total_ns(rows.iter().map(|&row| findings.own_impact[row])))),
            Of::FirstSeen => smallest(&findings.start),
            Of::LastSeen => largest(&findings.start),
            Of::MostFrequentList(lists) => by_pattern(&|rows| {
                let mut lists: Vec<&[Symbol]> = rows.iter().map(|&row| lists.get(row)).collect();
                lists.sort_unstable();
                let most = lists
                    .chunk_by(|left, right| left == right)
                    .min_by_key(|same| (std::cmp::Reverse(same.len()), same[0]))
                    .map_or(&[][..], |same| same[0]);
                whole.names(most)
            }),
            Of::MostFrequentName(lists) => by_pattern(&|rows| {
                let mut all: Vec<Symbol> = rows.iter().flat_map(|&row| lists.get(row)).copied().collect();
                all.sort_unstable();
                let same = all.chunk_by(|left, right| left == right);
                let most = same.min_by_key(|same| (std::cmp::Reverse(same.len()), same[0]));
                whole.name(most.map_or(Symbol::EMPTY, |same| same[0]))
            }),
            Of::Union(lists) => by_pattern(&|rows| {
                let mut all: Vec<Symbol> = rows.iter().flat_map(|&row| lists.get(row)).copied().collect();
                all.sort_unstable();
                all.dedup();
                whole.names(&all)
            }),
            Of::ExampleTrace => by_pattern(&|rows| whole.trace_id(example_trace(findings, rows))),
            Of::Derived(rule) => by_pattern(rule.as_ref()),
        };
        cells_of_columns.push(cells);
    }

    let columns: Vec<Column> = made.iter().map(|made| made.column).collect();
    let order = ranking(description, &columns, &cells_of_columns, patterns.rows.len())?;
    for (place, made) in made.iter().enumerate() {
        if let Of::PlaceBy(column) = made.of {
            let by = columns.iter().position(|other| other.name == column);
            let by = by.map_or(&[][..], |by| &cells_of_columns[by]);
            let mut in_order = order.clone();
            in_order.sort_by_key(|&pattern| by.get(pattern).map_or(0, integer));
            let places = places_of(&in_order).into_iter();
            cells_of_columns[place] = places.map(|place| Cell::Int(place as i64 + 1)).collect();
        }
    }
    let id_column = made.iter().position(|made| matches!(made.of, Of::PatternId));
    let id_of_pattern = |number: usize| match id_column.map(|column| &cells_of_columns[column][number]) {
        Some(Cell::Text(id)) => id.clone(),
        _ => String::new(),
    };
    let ids = (0..patterns.rows.len()).map(id_of_pattern).collect();
    let levels = levels_of(made.iter().map(|made| made.column.name), &cells_of_columns, patterns.rows.len());
    let table = Table::ranked(description, columns, cells_of_columns, &order).capped(MAX_ROWS);
    Ok(PatternTable { table, of_findings: patterns.of_rows, ids, levels })
}

/// How sure the harm is that so many rows tell of, by their column of levels. Where there is none, all did harm.
pub(super) fn levels_of<'a>(
    mut columns: impl Iterator<Item = &'a str>,
    cells_of_columns: &[Vec<Cell>],
    rows: usize,
) -> Vec<Level> {
    let place = columns.position(|column| column == "level");
    let level = |row: usize| match place.map(|place| &cells_of_columns[place][row]) {
        Some(Cell::Text(level)) => Level::of_text(level),
        _ => Level::Problem,
    };
    (0..rows).map(level).collect()
}

/// Where each number stands in `order`.
fn places_of(order: &[usize]) -> Vec<usize> {
    let mut places = vec![0; order.len()];
    for (place, &number) in order.iter().enumerate() {
        places[number] = place;
    }
    places
}

/// The patterns of some findings, numbered in the order of their keys.
struct Patterns {
    /// Number of the pattern of each finding.
    of_rows: Vec<u32>,
    /// Findings of each pattern, by trace.
    rows: Vec<Vec<usize>>,
}

impl Patterns {
    fn new(findings: &FindingColumns) -> Self {
        let mut order = findings.order();
        order.sort_by_key(|&row| findings.key.get(row));
        let rows: Vec<Vec<usize>> = order
            .chunk_by(|&left, &right| findings.key.get(left) == findings.key.get(right))
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

    /// The most frequent value in each pattern, ties to the smallest: numbers are in the order of names.
    fn most_frequent(&self, value_of_row: impl Fn(usize) -> u8) -> impl Iterator<Item = u8> {
        self.rows.iter().map(move |rows| {
            let mut times = [0u64; 1 << u8::BITS];
            rows.iter().for_each(|&row| times[usize::from(value_of_row(row))] += 1);
            (0..=u8::MAX).max_by_key(|&value| (times[usize::from(value)], std::cmp::Reverse(value))).unwrap_or_default()
        })
    }
}

/// Sum of the values of some rows.
fn total(values: &[i64], rows: &[usize]) -> i64 {
    total_ns(rows.iter().map(|&row| values[row]))
}

/// The findings in a trace of `rows`, which are in the order of their traces, trace by trace. Findings about the whole input,
/// which come last, are in none.
fn traces_of<'a>(findings: &FindingColumns, rows: &'a [usize]) -> impl Iterator<Item = &'a [usize]> {
    let with_trace = &rows[..rows.partition_point(|&row| findings.trace[row] != TraceNumber::NONE)];
    with_trace.chunk_by(|&left, &right| findings.trace[left] == findings.trace[right])
}

/// The trace of the finding with the largest impact of those that have one, ties to the trace with the smallest id; none
/// where no finding has one.
fn example_trace(findings: &FindingColumns, rows: &[usize]) -> TraceNumber {
    let with_trace = rows.iter().filter(|&&row| findings.trace[row] != TraceNumber::NONE);
    let largest = with_trace.max_by_key(|&&row| (findings.impact_ns[row], std::cmp::Reverse(findings.trace[row])));
    largest.map_or(TraceNumber::NONE, |&row| findings.trace[row])
}

/// The quantile by nearest rank, ⌈q n⌉; 0 of no values.
fn nearest_rank(mut values: Vec<i64>, q: f64) -> i64 {
    // Exact below 2^53 values.
    let rank = (values.len() as f64 * q).ceil().max(1.0) as usize;
    if rank > values.len() {
        return 0;
    }
    *values.select_nth_unstable(rank - 1).1
}

/// Places of rows, which come in the order of their keys, in the order of their ranks.
pub(super) fn ranking(
    description: &Description,
    columns: &[Column],
    cells_of_columns: &[Vec<Cell>],
    rows: usize,
) -> PolarsResult<Vec<usize>> {
    let mut sort_columns: Vec<Series> = Vec::new();
    let mut descending: Vec<bool> = Vec::new();
    for (index, rule) in description.ranked_by.iter().enumerate() {
        let place = columns.iter().position(|column| column.name == rule.column());
        let cells = place.map_or(&[][..], |place| &cells_of_columns[place]);
        let name = || PlSmallStr::from(format!("rule_{index}"));
        let (values, largest_first): (Vec<i64>, bool) = match *rule {
            RankedBy::Largest(_) if cells.iter().any(|cell| matches!(cell, Cell::Float(_))) => {
                sort_columns.push(Series::new(name(), cells.iter().map(float).collect::<Vec<f64>>()));
                descending.push(true);
                continue;
            }
            RankedBy::Largest(_) => (cells.iter().map(integer).collect(), true),
            RankedBy::LastIf(_) => (cells.iter().map(integer).collect(), false),
            RankedBy::LastIfAny(_) => (
                cells.iter().map(|cell| i64::from(matches!(cell, Cell::Text(own) if !own.is_empty()))).collect(),
                false,
            ),
            RankedBy::LastIfText(_, text) => {
                (cells.iter().map(|cell| i64::from(matches!(cell, Cell::Text(own) if own == text))).collect(), false)
            }
        };
        sort_columns.push(Series::new(name(), values));
        descending.push(largest_first);
    }
    sort_columns.push(Series::new(PATTERN.into(), (0..rows as i64).collect::<Vec<_>>()));
    descending.push(false);
    let names: Vec<PlSmallStr> = sort_columns.iter().map(|column| column.name().clone()).collect();
    let options = SortMultipleOptions::default().with_order_descending_multi(descending);
    let sorted = DataFrame::new(rows, sort_columns)?.sort(names, options)?;
    Ok(integers(&sorted, PATTERN)?.into_iter().map(|number| number as usize).collect())
}

fn integers(frame: &DataFrame, column: &str) -> PolarsResult<Vec<i64>> {
    let column = frame.column(column)?.cast(&DataType::Int64)?;
    Ok(column.i64()?.iter().map(Option::unwrap_or_default).collect())
}

fn float(cell: &Cell) -> f64 {
    if let Cell::Float(value) = cell { *value } else { integer(cell) as f64 }
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

/// The traces of `rows`, each counted as often as the largest of its findings says.
fn weighted_traces(findings: &FindingColumns, rows: &[usize]) -> f64 {
    let of_trace = |rows: &[usize]| rows.iter().map(|&row| findings.adjusted_count[row]).fold(0.0, f64::max);
    // A sum of none would be -0.
    traces_of(findings, rows).fold(0.0, |sum, rows| sum + of_trace(rows))
}
