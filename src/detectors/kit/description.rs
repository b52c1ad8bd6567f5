//! How a detector describes itself, to people: names, documentation, what its columns mean.

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
    /// Columns that a terminal shows if it has room, the most important first. From left to right stand what a row is about,
    /// numbers and ids, each in the order of the table.
    pub terminal_columns: &'static [&'static str],
    /// How rows are ranked: the first decides. Ties go by key, ascending.
    pub ranked_by: &'static [RankedBy],
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
    /// Rows with this text in the column come last.
    LastIfText(&'static str, &'static str),
}

impl RankedBy {
    /// The column that it looks at.
    pub fn column(&self) -> &'static str {
        match *self {
            Self::Largest(column) | Self::LastIf(column) | Self::LastIfText(column, _) => column,
        }
    }
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
