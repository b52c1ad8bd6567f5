//! Patterns: the findings of one detector with the same key, aggregated to one ranked row each.
//!
//! Which columns there are and how each is made is declared by the detector; here is how each rule becomes a Polars
//! expression; sums, which must not go around, are made without it. Patterns are numbered by key before anything else, so that "ties go by key" is a sort by number.

use polars::prelude::{Column as Series, *};

use crate::detectors::{
    Cell, Column, Description, Detector, NamedValues, Pattern, PatternColumn, RankedBy, Rule, Whole,
};
use crate::findings::{FindingColumns, Findings, pattern_id};
use crate::frame::Symbol;
use crate::partial::{Lists, TraceNumber};
use crate::trace::{TargetKind, total_ns};

use super::table::{MAX_ROWS, Table};

const PATTERN: &str = "pattern";
const TRACE: &str = "trace";
const IMPACT: &str = "impact";
const START: &str = "start";
const TARGET_KIND: &str = "target_kind";

/// A ranked table and which of its patterns each finding belongs to.
#[derive(Debug)]
pub(super) struct PatternTable {
    /// The table.
    pub(super) table: Table,
    /// Number of the pattern of each finding.
    pub(super) of_findings: Vec<u32>,
    /// The pattern ids by number.
    pub(super) ids: Vec<String>,
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
    PlaceBy(&'static str),
    Derived(Box<DerivedRule<'a>>),
}

/// Makes a value of the findings of a pattern, by their rows.
type DerivedRule<'a> = dyn Fn(&[usize]) -> Cell + 'a;

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
    let frame = frame_of(findings, made, &patterns)?;
    let aggregated = aggregate(made, &frame)?;
    let mut cells_of_columns: Vec<Vec<Cell>> = Vec::new();
    let traces = whole.trace_ids.len();
    let symbols = whole.symbols;
    for Made { column, of } in made {
        let name = column.name;
        let numbers = || integers(&aggregated, name);
        let by_pattern =
            |make: &dyn Fn(&[usize]) -> Cell| -> Vec<Cell> { patterns.rows.iter().map(|rows| make(rows)).collect() };
        let total = |values: &[i64], rows: &[usize]| total_ns(rows.iter().map(|&row| values[row]));
        let key = |rows: &[usize]| findings.key.get(rows[0]);
        let cells: Vec<Cell> = match of {
            Of::Rank | Of::PlaceBy(_) => vec![Cell::None; patterns.rows.len()],
            Of::PatternId => by_pattern(&|rows| {
                let key = key(rows).iter().map(|&part| symbols.resolve(part));
                Cell::Text(pattern_id(description.name, key))
            }),
            Of::Key(part) => by_pattern(&|rows| whole.name(key(rows)[*part])),
            Of::TargetKind => most_frequent(&frame, TARGET_KIND)?
                .into_iter()
                .map(|kind| Cell::Text(TargetKind::ALL[kind as usize].as_str().to_owned()))
                .collect(),
            Of::MostFrequent(named) => most_frequent(&frame, name)?
                .into_iter()
                .map(|number| Cell::Text((named.name)(number as u8).to_owned()))
                .collect(),
            Of::MostFrequentFlag(_) => {
                most_frequent(&frame, name)?.into_iter().map(|flag| Cell::Flag(flag != 0)).collect()
            }
            Of::WeightedTraces => by_pattern(&|rows| whole.weighted(weighted_traces(findings, rows))),
            Of::TraceShare => {
                let share = |of: i64| Cell::Float(of as f64 / traces.max(1) as f64);
                numbers()?.into_iter().map(share).collect()
            }
            Of::Mean(values) => by_pattern(&|rows| Cell::Float(total(values, rows) as f64 / rows.len() as f64)),
            Of::ShareSet(flags) => by_pattern(&|rows| {
                let set = rows.iter().filter(|&&row| flags[row]).count();
                Cell::Float(set as f64 / rows.len() as f64)
            }),
            Of::Sum(values) => by_pattern(&|rows| Cell::Int(total(values, rows))),
            Of::Impact => by_pattern(&|rows| Cell::Int(total(&findings.impact_ns, rows))),
            Of::OwnImpact => by_pattern(&|rows| Cell::Int(total(&findings.own_impact, rows))),
            Of::Grows(values) => by_pattern(&|rows| Cell::Flag(grows(rows.iter().map(|&row| values[row]).collect()))),
            Of::ExampleTrace => {
                let traces = optional_integers(&aggregated, name)?.into_iter();
                traces
                    .map(|trace| whole.trace_id(trace.map_or(TraceNumber::NONE, |trace| TraceNumber(trace as u32))))
                    .collect()
            }
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
            Of::Derived(rule) => by_pattern(rule.as_ref()),
            Of::Traces | Of::Findings | Of::Max(_) | Of::Quantile(..) | Of::FirstSeen | Of::LastSeen => {
                numbers()?.into_iter().map(Cell::Int).collect()
            }
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
    let table = Table::ranked(description, columns, cells_of_columns, &order).capped(MAX_ROWS);
    Ok(PatternTable { table, of_findings: patterns.of_rows, ids })
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
}

/// What expressions need of the findings as a Polars frame: numbers only.
fn frame_of(findings: &FindingColumns, made: &[Made<'_>], patterns: &Patterns) -> PolarsResult<DataFrame> {
    let kind = |row: usize| findings.target.get(row).map_or(TargetKind::default(), |target| target.kind);
    let kinds: Vec<i64> = (0..findings.len()).map(|row| kind(row) as i64).collect();
    let traces: Vec<Option<u32>> = findings.trace.iter().map(|trace| trace.index().map(|_| trace.0)).collect();
    let mut columns = vec![
        Series::new(PATTERN.into(), &patterns.of_rows),
        Series::new(TRACE.into(), traces),
        Series::new(IMPACT.into(), &findings.impact_ns),
        Series::new(START.into(), &findings.start),
        Series::new(TARGET_KIND.into(), kinds),
    ];
    for Made { column, of } in made {
        let name = PlSmallStr::from_static(column.name);
        columns.push(match of {
            Of::Max(values) | Of::Quantile(values, _) => Series::new(name, values),
            Of::MostFrequent(named) => {
                Series::new(name, named.numbers.iter().map(|&number| i64::from(number)).collect::<Vec<_>>())
            }
            Of::MostFrequentFlag(flags) => {
                Series::new(name, flags.iter().map(|&flag| i64::from(flag)).collect::<Vec<_>>())
            }
            _ => continue,
        });
    }
    DataFrame::new(findings.len(), columns)
}

/// One row a pattern, in the order of their numbers, with every column that a single expression makes.
fn aggregate(made: &[Made<'_>], frame: &DataFrame) -> PolarsResult<DataFrame> {
    if frame.height() == 0 {
        return Ok(DataFrame::empty());
    }
    let mut expressions: Vec<Expr> = Vec::new();
    for Made { column, of } in made {
        let detail = || col(column.name);
        let expression = match of {
            Of::Traces | Of::TraceShare => col(TRACE).drop_nulls().n_unique(),
            Of::Findings => len(),
            Of::Max(_) => detail().max(),
            Of::Quantile(_, q) => nearest_rank(detail(), *q),
            Of::FirstSeen => col(START).min(),
            Of::LastSeen => col(START).max(),
            Of::ExampleTrace => example_trace(),
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

/// The trace of the finding with the largest impact of those that have one, ties to the trace with the smallest id.
fn example_trace() -> Expr {
    let largest_first = SortMultipleOptions::default().with_order_descending_multi([true, false]);
    col(TRACE).sort_by([col(IMPACT), col(TRACE)], largest_first).drop_nulls().first()
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
    Ok(optional_integers(frame, column)?.into_iter().map(Option::unwrap_or_default).collect())
}

fn optional_integers(frame: &DataFrame, column: &str) -> PolarsResult<Vec<Option<i64>>> {
    if frame.height() == 0 {
        return Ok(Vec::new());
    }
    let column = frame.column(column)?.cast(&DataType::Int64)?;
    Ok(column.i64()?.iter().collect())
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
        let (values, largest_first): (Vec<i64>, bool) = match *rule {
            RankedBy::Largest(_) => (cells.iter().map(integer).collect(), true),
            RankedBy::LastIf(_) => (cells.iter().map(integer).collect(), false),
            RankedBy::LastIfText(_, text) => {
                (cells.iter().map(|cell| i64::from(matches!(cell, Cell::Text(own) if own == text))).collect(), false)
            }
        };
        sort_columns.push(Series::new(format!("rule_{index}").into(), values));
        descending.push(largest_first);
    }
    sort_columns.push(Series::new(PATTERN.into(), (0..rows as i64).collect::<Vec<_>>()));
    descending.push(false);
    let names: Vec<PlSmallStr> = sort_columns.iter().map(|column| column.name().clone()).collect();
    let options = SortMultipleOptions::default().with_order_descending_multi(descending);
    let sorted = DataFrame::new(rows, sort_columns)?.sort(names, options)?;
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
/// Findings about the whole input, which come last, are no trace.
fn weighted_traces(findings: &FindingColumns, rows: &[usize]) -> f64 {
    let of_trace = |rows: &[usize]| rows.iter().map(|&row| findings.adjusted_count[row]).fold(0.0, f64::max);
    let with_trace = &rows[..rows.partition_point(|&row| findings.trace[row] != TraceNumber::NONE)];
    // A sum of none would be -0.
    with_trace
        .chunk_by(|&left, &right| findings.trace[left] == findings.trace[right])
        .fold(0.0, |sum, rows| sum + of_trace(rows))
}
