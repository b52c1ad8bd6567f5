//! How the columns of a detector's table are made: from the findings of a pattern, or from rows of the detector's own.

use crate::frame::Symbol;
use crate::partial::{Lists, Named, NamedColumn};

use super::description::{Cell, Column, Unit};
use super::detector::{Detector, Whole};
use crate::findings::Findings;

/// A detector's table.
pub(crate) enum TableRules<D: Detector> {
    /// A row for each pattern: the findings with one key.
    Patterns(&'static [PatternColumn<D>]),
    /// Rows of the detector's own, which come in the order of their keys.
    Rows(&'static [RowColumn<D>]),
}

impl<D: Detector> TableRules<D> {
    /// The columns, as people see them.
    pub(crate) fn columns(&self) -> Vec<Column> {
        match self {
            Self::Patterns(columns) => columns.iter().map(PatternColumn::column).collect(),
            Self::Rows(columns) => columns.iter().map(RowColumn::column).collect(),
        }
    }

    /// The part of the keys of findings that is the caller's operation, where findings name the operation that is called.
    pub(crate) fn caller_operation_in_key(&self) -> Option<usize> {
        let Self::Patterns(columns) = self else { return None };
        let part_of_key = |name| {
            let column = columns.iter().find(|column| column.name == name)?;
            if let Rule::Key(part) = column.rule { Some(part) } else { None }
        };
        part_of_key("operation").and_then(|_| part_of_key("caller_operation"))
    }
}

/// A column that is made from the findings of a pattern.
pub(crate) struct PatternColumn<D: Detector> {
    pub(crate) name: &'static str,
    pub(crate) unit: Unit,
    pub(crate) doc: &'static str,
    pub(crate) rule: Rule<D>,
}

/// Columns that tables of patterns have in common.
impl<D: Detector> PatternColumn<D> {
    /// Id of the row.
    pub(crate) const PATTERN_ID: Self =
        Self::new("pattern_id", Unit::Id, "id of the row, the same in every run", Rule::PatternId);
    /// Number of traces.
    pub(crate) const TRACES: Self = Self::new("traces", Unit::Count, "traces with the pattern", Rule::Traces);
    /// The same before sampling.
    pub(crate) const WEIGHTED_TRACES: Self =
        Self::new("weighted_traces", Unit::Number, WEIGHTED_TRACES_DOC, Rule::WeightedTraces);
    /// The same as a share.
    pub(crate) const TRACE_SHARE: Self =
        Self::new("trace_share", Unit::Share, "their share of all traces", Rule::TraceShare);

    /// How sure harm is, of a detector all of whose rows are problems.
    pub(crate) const PROBLEM_LEVEL: Self =
        Self::new("level", Unit::Text, "problem: what it tells did harm", Rule::Derived(|_| Level::Problem.cell()));
    /// Start of the first finding.
    pub(crate) const FIRST_SEEN: Self =
        Self::new("first_seen", Unit::Time, "start of the first finding", Rule::FirstSeen);
    /// Start of the last finding.
    pub(crate) const LAST_SEEN: Self = Self::new("last_seen", Unit::Time, "start of the last finding", Rule::LastSeen);

    /// Place in the ranking that `doc` tells.
    pub(crate) const fn rank(doc: &'static str) -> Self {
        Self::new("rank", Unit::Count, doc, Rule::Rank)
    }

    /// The pattern of the same detector that explains the row, which `of` finds by the row's key.
    pub(crate) const fn explained_by(of: ExplainedBy<D>) -> Self {
        Self::new(EXPLAINED_BY, Unit::Id, "pattern that causes this one; empty if none does", Rule::ExplainedBy(of))
    }

    /// The trace to open, which `doc` tells.
    pub(crate) const fn example_trace(doc: &'static str) -> Self {
        Self::new("example_trace_id", Unit::Id, doc, Rule::ExampleTrace)
    }

    /// A column.
    pub(crate) const fn new(name: &'static str, unit: Unit, doc: &'static str, rule: Rule<D>) -> Self {
        Self { name, unit, doc, rule }
    }

    pub(crate) fn column(&self) -> Column {
        let adds_up = matches!(self.rule, Rule::Sum(_) | Rule::Impact | Rule::OwnImpact | Rule::Findings);
        Column { name: self.name, unit: self.unit, doc: self.doc, adds_up }
    }
}

/// How sure the harm is that a row tells of; the surest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Level {
    /// Harm was recorded.
    Problem,
    /// What is known to do harm.
    Risk,
    /// Worth knowing; may be intended.
    Note,
}

impl Level {
    /// All levels, the surest first.
    pub(crate) const ALL: [Self; 3] = [Self::Problem, Self::Risk, Self::Note];

    /// The name in tables.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Problem => "problem",
            Self::Risk => "risk",
            Self::Note => "note",
        }
    }

    /// The level with this name in tables.
    pub(crate) fn of_text(text: &str) -> Self {
        Self::ALL.into_iter().find(|level| level.as_str() == text).unwrap_or(Self::Problem)
    }

    /// As a value of a table.
    pub(crate) fn cell(self) -> Cell {
        Cell::Text(self.as_str().to_owned())
    }
}

/// Name of the column of [`PatternColumn::explained_by`].
pub(crate) const EXPLAINED_BY: &str = "explained_by";

/// Finds the key of the pattern of the same detector that explains the one with the given key.
pub(crate) type ExplainedBy<D> = for<'a> fn(&'a <D as Detector>::Aside, &[Symbol]) -> Option<&'a [Symbol]>;

/// What weighted counts of traces mean.
pub(crate) const WEIGHTED_TRACES_DOC: &str =
    "the same before sampling; empty unless nearly all spans say how many they stand for";

/// How a column is made from the findings of a pattern. Functions give a column of their details.
pub(crate) enum Rule<D: Detector> {
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
    Sum(fn(&D::Details) -> &[i64]),
    /// Mean of a detail.
    Mean(fn(&D::Details) -> &[i64]),
    /// Largest value of a detail.
    Max(fn(&D::Details) -> &[i64]),
    /// Quantile of a detail by nearest rank.
    Quantile(fn(&D::Details) -> &[i64], f64),
    /// Whether a detail varies: p95 / p50 ≥ 2 or robust CV ≥ 0.25.
    Grows(fn(&D::Details) -> &[i64]),
    /// The most frequent value of a detail, ties by name.
    MostFrequent(fn(&D::Details) -> NamedValues<'_>),
    /// The most frequent value of a flag, ties to "no".
    MostFrequentFlag(fn(&D::Details) -> &[bool]),
    /// Share of findings whose flag is set.
    ShareOf(fn(&D::Details) -> &[bool]),
    /// Sum of the impacts.
    Impact,
    /// Sum of the impacts in the detector's own currency.
    #[cfg_attr(not(test), expect(dead_code, reason = "no detector of the catalog has a currency of its own so far"))]
    OwnImpact,
    /// Start of the first finding.
    FirstSeen,
    /// Start of the last finding.
    LastSeen,
    /// The most frequent list, ties by names.
    MostFrequentList(fn(&D::Details) -> &Lists<Symbol>),
    /// The most frequent of all that occurs in a list, ties by name; empty if nothing does.
    MostFrequentName(fn(&D::Details) -> &Lists<Symbol>),
    /// All that occurs in a list.
    Union(fn(&D::Details) -> &Lists<Symbol>),
    /// The trace with the largest impact, ties by trace id.
    ExampleTrace,
    /// The id of the pattern of the same detector that explains this one; empty if none does.
    ExplainedBy(ExplainedBy<D>),
    /// Place, from 1, in the ascending order of the column with this name; ties by rank.
    PlaceBy(&'static str),
    /// A rule of the detector's own.
    Derived(fn(&Pattern<'_, D>) -> Cell),
}

/// Values of a detail that have names, as places of the names in their order.
pub(crate) struct NamedValues<'a> {
    /// Places of the names.
    pub(crate) numbers: &'a [u8],
    /// The name at a place.
    pub(crate) name: fn(u8) -> &'static str,
}

impl<'a, T: Named> From<&'a NamedColumn<T>> for NamedValues<'a> {
    fn from(column: &'a NamedColumn<T>) -> Self {
        Self { numbers: column.numbers(), name: NamedColumn::<T>::name }
    }
}

/// The findings of one pattern.
pub(crate) struct Pattern<'a, D: Detector> {
    /// All findings of the detector.
    pub(crate) findings: &'a Findings<D::Details>,
    /// Rows of the pattern, by trace.
    pub(crate) rows: &'a [usize],
    /// What the detector knows beside its findings.
    pub(crate) aside: &'a D::Aside,
}

impl<D: Detector> Pattern<'_, D> {
    /// A part of the key.
    pub(crate) fn key(&self, part: usize) -> Symbol {
        self.findings.common.key.get(self.rows[0])[part]
    }

    /// The lists of the findings.
    pub(crate) fn lists<T: Copy + 'static>(&self, list: fn(&D::Details) -> &Lists<T>) -> impl Iterator<Item = &[T]> {
        let lists = list(&self.findings.details);
        self.rows.iter().map(move |&row| lists.get(row))
    }
}

/// A column that is made from rows of a detector's own.
pub(crate) struct RowColumn<D: Detector> {
    pub(crate) name: &'static str,
    pub(crate) unit: Unit,
    pub(crate) doc: &'static str,
    pub(crate) adds_up: bool,
    pub(crate) rule: RowRule<D>,
}

/// Rows of a detector's own that are shown below a heading for each group of them.
pub(crate) struct Heading<D: Detector> {
    /// The columns of the table that are equal within a group.
    pub(crate) by: &'static [&'static str],
    /// Figures of the whole group, which its rows do not give: no columns of the table.
    pub(crate) figures: &'static [RowColumn<D>],
}

/// How a column is made from rows of a detector's own.
pub(crate) enum RowRule<D: Detector> {
    /// Place in the ranking, from 1.
    Rank,
    /// The id of the pattern with this key.
    PatternId(fn(&D::Row) -> Vec<Symbol>),
    /// A value of the row.
    Value(fn(&D::Row, &Whole<'_>) -> Cell),
}

impl<D: Detector> RowColumn<D> {
    /// Place in the ranking that `doc` tells.
    pub(crate) const fn rank(doc: &'static str) -> Self {
        Self { name: "rank", unit: Unit::Count, doc, adds_up: false, rule: RowRule::Rank }
    }

    /// Id of the row with the key that `key` gives.
    pub(crate) const fn pattern_id(key: fn(&D::Row) -> Vec<Symbol>) -> Self {
        let doc = "id of the row, the same in every run";
        Self { name: "pattern_id", unit: Unit::Id, doc, adds_up: false, rule: RowRule::PatternId(key) }
    }

    /// A column of values.
    pub(crate) const fn new(
        name: &'static str,
        unit: Unit,
        doc: &'static str,
        value: fn(&D::Row, &Whole<'_>) -> Cell,
    ) -> Self {
        Self { name, unit, doc, adds_up: false, rule: RowRule::Value(value) }
    }

    /// The same column, whose values add up.
    pub(crate) const fn adding_up(self) -> Self {
        Self { name: self.name, unit: self.unit, doc: self.doc, adds_up: true, rule: self.rule }
    }

    /// The column, as people see it.
    pub(crate) fn column(&self) -> Column {
        Column { name: self.name, unit: self.unit, doc: self.doc, adds_up: self.adds_up }
    }
}
