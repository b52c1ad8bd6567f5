//! Which columns of a table a terminal shows, and how wide they are.
//!
//! Which ones are shown depends on the table's columns and on the width alone, so that two runs side by side show the same;
//! and a wider terminal shows what a narrower one does, and more. So every column is taken to need a fixed room, whatever
//! its values are, and the first of them that together have room are shown, in the order of their importance. Only how wide
//! they then become depends on the values.

use crate::detectors::{Column, Unit};
use crate::report::detector_table::DetectorTable;
use crate::report::text::cell_text::title;

use super::text_width::{text_width, wrapped};

/// Space between columns.
pub(super) const GAP: usize = 2;

const RANK: &str = "rank";

/// What stands below a row, in a line of its own, because it is as long as a sentence.
pub(super) const BELOW_ROW: &str = "message";

/// What stands beside the number of traces where there is a value, so that no column is empty where there is none.
pub(super) const WEIGHTED: &str = "weighted_traces";
/// The column that it stands in.
pub(super) const TRACES: &str = "traces";

/// What a column tells, in the order from left to right.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::report) enum Role {
    /// The place in the ranking.
    Rank,
    /// What the row is about.
    Identity,
    /// How much, how often, when.
    Number,
    /// Where to look.
    Id,
}

impl Role {
    /// That of a column.
    pub(in crate::report) fn of(column: &Column) -> Self {
        match column.unit {
            _ if column.name == RANK => Self::Rank,
            Unit::Text | Unit::Names | Unit::Durations | Unit::Flag => Self::Identity,
            Unit::Count | Unit::Nanoseconds | Unit::Share | Unit::Number | Unit::Time => Self::Number,
            Unit::Id => Self::Id,
        }
    }
}

/// The room in which values of a unit can be read.
fn room(unit: Unit) -> usize {
    match unit {
        Unit::Text => 13,
        Unit::Names | Unit::Durations => 18,
        Unit::Id => 32,
        Unit::Count | Unit::Number | Unit::Share => 6,
        Unit::Nanoseconds => 10,
        Unit::Flag => 3,
        Unit::Time => 14,
    }
}

/// The most important columns are told in as little room as they can; each of the others needs more, so that names grow with
/// the number of columns and are not cut as short as in a narrow terminal.
const ESSENTIAL: usize = 7;
const ROOM_FOR_NAMES: usize = 2;

/// Columns whose values are one of a few words.
const WORDS: [&str; 6] = ["component", "shape", "execution", "backoff", "error_class", "level"];

/// The room for those.
const ROOM_FOR_WORD: usize = 9;

/// What is one word in a title, so that it is read as one.
const PHRASES: [&str; 2] = ["per request", "in all"];

const NO_BREAK: &str = "\u{a0}";

fn unbroken(title: &str) -> String {
    PHRASES.iter().fold(title.to_owned(), |title, phrase| title.replace(phrase, &phrase.replace(' ', NO_BREAK)))
}

/// The title in lines of at most `width` columns, broken between words.
pub(super) fn lines_of_title(title: &str, width: usize) -> Vec<String> {
    wrapped(&unbroken(title), width).into_iter().map(|line| line.replace(NO_BREAK, " ")).collect()
}

/// The narrowest column that has room for the title.
pub(super) fn widest_word(title: &str) -> usize {
    unbroken(title).split(' ').map(text_width).max().unwrap_or(0)
}

fn least_width(column: &Column) -> usize {
    let room = match column.name {
        RANK => RANK.len(),
        name if WORDS.contains(&name) => ROOM_FOR_WORD,
        _ => room(column.unit),
    };
    room.max(widest_word(&title(column)))
}

/// The columns of a table that are shown in `width` columns of a terminal, from left to right; what its rows are grouped by
/// is not among them.
pub(super) fn shown_columns(table: &DetectorTable<'_>, width: usize) -> Vec<usize> {
    let columns = &table.table.columns;
    let is_column = |name: &str| {
        let is_elsewhere = [BELOW_ROW, WEIGHTED].contains(&name);
        let is_of_group = table.headings.is_some_and(|headings| headings.by.contains(&name));
        !is_elsewhere && !is_of_group
    };
    let places = table.table.terminal_columns.iter().filter(|name| is_column(name));
    let mut places: Vec<usize> =
        places.filter_map(|name| columns.iter().position(|column| column.name == *name)).collect();
    let importance = |&place: &usize| match Role::of(&columns[place]) {
        Role::Rank => 0,
        Role::Id => 3,
        _ if Some(columns[place].name) == table.impact_column() => 1,
        Role::Identity | Role::Number => 2,
    };
    places.sort_by_key(importance);

    let mut taken = 0;
    let fitting = places.iter().enumerate().take_while(|&(index, &place)| {
        let gap = if index == 0 { 0 } else { GAP };
        taken += gap + least_width(&columns[place]) + if index < ESSENTIAL { 0 } else { ROOM_FOR_NAMES };
        // Rank, what it was ranked by, and what it is: without these there is no table.
        taken <= width || index < 3
    });
    let fitting = fitting.count();
    places.truncate(fitting);
    places.sort_by_key(|&place| (Role::of(&columns[place]), place));
    places
}

/// A column that wants room.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Less makes no sense.
    pub(super) least: usize,
    /// All values are shown whole.
    pub(super) values: usize,
    /// The title is shown on one line as well.
    pub(super) title: usize,
}

/// How wide columns are in `width`: as wide as their values if there is room, the narrow ones first, and titles get what is
/// left over.
pub(super) fn widths(columns: &[Wanted], width: usize) -> Vec<usize> {
    let mut widths: Vec<usize> = columns.iter().map(|column| column.least).collect();
    let taken = widths.iter().sum::<usize>() + columns.len().saturating_sub(1) * GAP;
    let mut spare = width.saturating_sub(taken);
    let goals: [fn(&Wanted) -> usize; 2] = [|column| column.values, |column| column.title];
    for goal in goals {
        // The narrowest column that wants more gets the next place, so that no name is cut much shorter than another.
        while spare > 0
            && let Some(column) = (0..widths.len())
                .filter(|&column| widths[column] < goal(&columns[column]))
                .min_by_key(|&column| widths[column])
        {
            widths[column] += 1;
            spare -= 1;
        }
    }
    widths
}
