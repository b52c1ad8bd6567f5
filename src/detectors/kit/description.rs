//! How a detector describes itself, to people: names, documentation, what its columns mean.

use crate::report::units;

/// A detector's description. Help, `explain` and tables are made from it.
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
    /// What findings cost beside critical-path time, if that is not all.
    pub currency: Option<Currency>,
    /// Whether it reports findings, which `--fail-on` may look at, or only rows.
    pub has_findings: bool,
    /// Whether a gate that names it takes its problems whatever their impact: what is lost or shown to everybody costs no time.
    pub gates_at_any_impact: bool,
    /// Whether all that it finds are structures that may do harm, at which no gate looks.
    pub finds_risks_only: bool,
    /// Whether it may miss everything where spans do not say whether they failed.
    pub needs_failures: bool,
    /// The threshold that says how often something must have happened, over all traces, for any of its rows to be told, if there is one:
    /// another run may have seen nearly as much and be silent. What must have been looked at for a row is none.
    pub least_of_all_traces: Option<&'static str>,
    /// Columns that a terminal shows if it has room, the most important first. From left to right stand what a row is about,
    /// numbers and ids, each in the order of the table.
    pub terminal_columns: &'static [&'static str],
    /// How rows are ranked: the first decides. Ties go by key, ascending.
    pub ranked_by: &'static [RankedBy],
    /// What its rows say in the list of problems; none if they are no problems.
    pub problem: Option<ProblemText>,
}

/// What the rows of a detector's table say in the list of problems.
#[derive(Clone, Copy, Debug)]
pub struct ProblemText {
    /// One sentence about a row, without a full stop.
    pub title: fn(&TableRow<'_>) -> String,
    /// What to do about it, in one line.
    pub fix: fn(&TableRow<'_>) -> &'static str,
    /// Whether what a fix saves is the most that it can save.
    pub is_upper_bound: bool,
}

/// A row of a detector's table.
#[derive(Clone, Copy, Debug)]
pub struct TableRow<'a> {
    /// The columns.
    pub columns: &'a [Column],
    /// The values by column, then row.
    pub values: &'a [Vec<Cell>],
    /// The row.
    pub row: usize,
}

impl<'a> TableRow<'a> {
    /// A value, if there is such a column.
    pub fn get(&self, column: &str) -> Option<&'a Cell> {
        let index = self.columns.iter().position(|known| known.name == column)?;
        self.values[index].get(self.row)
    }

    fn cell(&self, column: &str) -> Option<&'a Cell> {
        let index = self.columns.iter().position(|known| known.name == column);
        debug_assert!(index.is_some(), "there is no column {column}");
        self.values.get(index?)?.get(self.row)
    }

    /// A name; empty if there is none.
    pub fn text(&self, column: &str) -> &'a str {
        let cell = self.cell(column);
        debug_assert!(matches!(cell, None | Some(Cell::Text(_) | Cell::None)), "{column} is no text: {cell:?}");
        match cell {
            Some(Cell::Text(text)) => text,
            _ => "",
        }
    }

    /// The first of some texts that says something: one that is not `unknown`, and more than what stands for values and secrets.
    pub(crate) fn first_said<const N: usize>(&self, columns: [&str; N]) -> Option<&'a str> {
        let says_something = |text: &&str| *text != "unknown" && text.contains(char::is_alphanumeric);
        columns.map(|column| self.text(column)).into_iter().find(says_something)
    }

    /// Names; none if there are none.
    pub fn names(&self, column: &str) -> &'a [String] {
        let cell = self.cell(column);
        debug_assert!(matches!(cell, None | Some(Cell::Names(_) | Cell::None)), "{column} is no list: {cell:?}");
        match cell {
            Some(Cell::Names(names)) => names,
            _ => &[],
        }
    }

    /// A whole number; 0 if there is none.
    pub fn count(&self, column: &str) -> i64 {
        match self.cell(column) {
            Some(Cell::Int(number)) => *number,
            _ => 0,
        }
    }

    /// A whole number with its noun: `1 call`, `12,345 calls`.
    pub fn counted(&self, column: &str, noun: &str) -> String {
        units::counted(self.count(column) as u64, noun)
    }

    /// How often: `once`, `12,345 times`.
    pub fn times(&self, column: &str) -> String {
        match self.count(column) {
            1 => "once".to_owned(),
            times => format!("{} times", units::count(times)),
        }
    }

    /// A share or number; 0 if there is none.
    pub fn number(&self, column: &str) -> f64 {
        match self.cell(column) {
            Some(Cell::Float(number)) => *number,
            _ => 0.0,
        }
    }

    /// A flag; not set if there is none.
    pub fn flag(&self, column: &str) -> bool {
        matches!(self.cell(column), Some(Cell::Flag(true)))
    }
}

/// What findings cost beside critical-path time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Currency {
    /// Requests from outside that failed.
    FailedRequests,
    /// Work that nobody waited for or used, in ns.
    WastedNanoseconds,
    /// So many of what the detector counts.
    Count,
}

/// A rule of a ranking.
#[derive(Clone, Copy, Debug)]
pub enum RankedBy {
    /// Rows with the largest value of the column come first.
    Largest(&'static str),
    /// Rows whose flag in the column is set come last.
    LastIf(&'static str),
    /// Rows with any text in the column come last.
    LastIfAny(&'static str),
    /// Rows with this text in the column come last.
    LastIfText(&'static str, &'static str),
}

impl RankedBy {
    /// The column that it looks at.
    pub fn column(&self) -> &'static str {
        match *self {
            Self::Largest(column) | Self::LastIf(column) | Self::LastIfAny(column) | Self::LastIfText(column, _) => {
                column
            }
        }
    }
}

/// What there is of some names, with spaces between.
pub(crate) fn joined<const N: usize>(names: [&str; N]) -> String {
    let mut text = String::new();
    for name in names.into_iter().filter(|name| !name.is_empty()) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(name);
    }
    text
}

/// A column of a table, as people see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Column {
    /// Name.
    pub name: &'static str,
    /// What its values are.
    pub unit: Unit,
    /// What it means.
    pub doc: &'static str,
    /// Whether the values of several rows have a sum that means the same.
    pub adds_up: bool,
}

impl Column {
    /// A column whose values have no sum that means the same.
    pub(crate) const fn new(name: &'static str, unit: Unit, doc: &'static str) -> Self {
        Self { name, unit, doc, adds_up: false }
    }

    /// A column whose values add up.
    pub(crate) const fn adding_up(name: &'static str, unit: Unit, doc: &'static str) -> Self {
        Self { name, unit, doc, adds_up: true }
    }

    /// Whether its values are ids of traces.
    pub(crate) fn is_trace(&self) -> bool {
        self.name.ends_with("trace_id")
    }
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
    /// Several durations in ns.
    Durations,
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
    /// Of [`Unit::Durations`].
    Ints(Vec<i64>),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands for a value or a secret says nothing, and neither does a class that nobody knows.
    #[test]
    fn the_first_that_says_something_is_told() {
        let columns = ["message", "error_type", "error_class"].map(|name| Column {
            name,
            unit: Unit::Text,
            doc: "",
            adds_up: false,
        });
        for (said, first) in [
            (["refused ?", "IOError", "server"], Some("refused ?")),
            (["?", "KeyError", "server"], Some("KeyError")),
            (["", "", "timeout"], Some("timeout")),
            (["{}", "", "unknown"], None),
        ] {
            let values = said.map(|text| vec![Cell::Text(text.to_owned())]);
            let row = TableRow { columns: &columns, values: &values, row: 0 };
            assert_eq!(row.first_said(["message", "error_type", "error_class"]), first, "{said:?}");
        }
    }
}
