//! How a detector describes itself: names, documentation, thresholds, and the columns of its table with the rule by which
//! each is made from findings.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::findings::Findings;
use crate::frame::{Symbol, Symbols};
use crate::trace::Target;

use super::call_windows::{CallWindows, Peak};

/// A detector's description. Help, `explain`, configuration and tables are made from it.
#[derive(Debug)]
pub struct Description {
    /// Name on the command line: the bad pattern, not the remedy.
    pub name: &'static str,
    /// Name of the table.
    pub table: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Markdown for the person who got the finding.
    pub documentation: &'static str,
    /// Thresholds.
    pub thresholds: &'static [Threshold],
    /// Columns of the table.
    pub columns: &'static [Column],
    /// Columns that a terminal shows, the most important first.
    pub terminal_columns: &'static [&'static str],
    /// How rows are ranked: the first decides. Ties go by key, ascending.
    pub ranked_by: &'static [RankedBy],
}

/// A rule of a ranking.
#[derive(Clone, Copy, Debug)]
pub enum RankedBy {
    /// Rows with the largest value of the column come first.
    Largest(&'static str),
    /// Rows whose flag in the column is set come last.
    LastIf(&'static str),
    /// Rows with this text in that part of the key come last.
    LastIfKey(usize, &'static str),
}

/// A threshold of a detector.
#[derive(Debug)]
pub struct Threshold {
    /// Name, also as a configuration key and (with dashes) as an option.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// Its default.
    pub default: u64,
}

/// A column of a table.
#[derive(Debug)]
pub struct Column {
    /// Name.
    pub name: &'static str,
    /// What its values are.
    pub unit: Unit,
    /// What it means.
    pub doc: &'static str,
    /// How it is made from the findings of a pattern.
    pub aggregate: Aggregate,
}

/// What the values of a column are; decides type, alignment and how people see them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// A name.
    Text,
    /// A pattern's or trace's id.
    Id,
    /// A whole number.
    Count,
    /// A duration in ns.
    Nanoseconds,
    /// A share between 0 and 1.
    Share,
    /// A number.
    Number,
    /// Yes or no.
    Flag,
    /// A time in ns since 1970.
    Time,
    /// Several names.
    Names,
}

/// What the numbers of a detail stand for.
#[derive(Clone, Copy, Debug)]
pub enum Names {
    /// Symbols.
    Symbols,
    /// Indices of these names, which are in order.
    Of(&'static [&'static str]),
}

/// How a column is made. Numbers are those of the detector's details and lists.
#[derive(Clone, Copy, Debug)]
pub enum Aggregate {
    /// Place in the ranking, from 1.
    Rank,
    /// The pattern's id.
    PatternId,
    /// A part of the key.
    Key(usize),
    /// Kind of the target: the most frequent.
    TargetKind,
    /// Number of traces.
    Traces,
    /// Number of traces, each counted as often as sampling says; no value where too few spans say it.
    WeightedTraces,
    /// Their share of all traces.
    TraceShare,
    /// Number of findings.
    Findings,
    /// Sum of a detail.
    Sum(usize),
    /// Largest value of a detail.
    Max(usize),
    /// Quantile of a detail by nearest rank.
    Quantile(usize, f64),
    /// Whether a detail varies: p95 / p50 ≥ 2 or robust CV ≥ 0.25.
    Grows(usize),
    /// The most frequent value of a detail, ties by name.
    MostFrequent(usize, Names),
    /// The most frequent value of a flag, ties to "no".
    MostFrequentFlag(usize),
    /// Sum of the first detail over sum of the second.
    Ratio(usize, usize),
    /// Sum of the impacts.
    Impact,
    /// Quantile of the impacts by nearest rank.
    ImpactQuantile(f64),
    /// Start of the first finding.
    FirstSeen,
    /// Start of the last finding.
    LastSeen,
    /// The most frequent list of symbols, ties by names.
    MostFrequentList(usize),
    /// All symbols that occur in a list.
    Union(usize),
    /// The trace with the largest impact, ties by trace id.
    ExampleTrace,
    /// A rule of the detector's own.
    Derived(fn(&Pattern<'_>) -> Cell),
    /// Made by the detector itself: it does not report findings.
    Own,
}

/// A value of a table.
#[derive(Clone, PartialEq, PartialOrd, Debug)]
pub enum Cell {
    /// No value.
    None,
    /// Of [`Unit::Count`], [`Unit::Nanoseconds`] or [`Unit::Time`].
    Int(i64),
    /// Of [`Unit::Share`] or [`Unit::Number`].
    Float(f64),
    /// Of [`Unit::Flag`].
    Flag(bool),
    /// Of [`Unit::Text`] or [`Unit::Id`].
    Text(String),
    /// Of [`Unit::Names`].
    Names(Vec<String>),
}

/// What detectors' own rules may need that is not in findings.
#[derive(Debug, Default)]
pub struct Shared {
    /// Calls and retries by target and time.
    pub windows: CallWindows,
    /// The worst of those windows by target, once all traces were seen.
    pub peaks: HashMap<Target, Peak, FixedState>,
    /// Failed roots, segment roots and fragment roots by (service, operation).
    pub failed_entries: HashMap<(Symbol, Symbol), u64, FixedState>,
    /// Number of traces.
    pub traces: u64,
    /// Whether enough spans say how many they stand for.
    pub is_weighted: bool,
}

/// The findings of one pattern.
#[derive(Clone, Copy, Debug)]
pub struct Pattern<'a> {
    /// All findings of the detector.
    pub findings: &'a Findings,
    /// Rows of the pattern.
    pub rows: &'a [usize],
    /// Facts about the whole input.
    pub shared: &'a Shared,
    /// The strings.
    pub symbols: &'a Symbols,
}

impl Pattern<'_> {
    /// Values of a detail.
    pub fn details(&self, detail: usize) -> impl Iterator<Item = i64> {
        self.rows.iter().map(move |&row| self.findings.details[detail][row])
    }

    /// Values of a list.
    pub fn lists(&self, list: usize) -> impl Iterator<Item = &[i64]> {
        self.rows.iter().map(move |&row| self.findings.lists[list].get(row))
    }

    /// A part of the key as a symbol.
    pub fn key(&self, part: usize) -> Symbol {
        Symbol(self.findings.keys.get(self.rows[0])[part] as u32)
    }
}
