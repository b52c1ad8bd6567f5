//! What each detector concludes, as a ranked table.

use std::collections::BTreeSet;

use hashbrown::HashMap;
use polars::prelude::PolarsError;

use crate::analysis::Analysis;
use crate::detectors::{
    Cell, Column, Concluded, Conclusions, Description, Detector, Detectors, Heading, Level, RowRule, TableRules, Whole,
};
use crate::findings::{FindingColumns, pattern_id};
use crate::frame::Symbol;
use crate::trace::Semantics;

use super::findings_table::FindingsTable;
use super::patterns::{PatternTable, columns_of, levels_of, pattern_table, ranking};
use super::problems::{Denominators, problems};
use super::table::{MAX_ROWS, Table};

/// Lets the detectors conclude and ranks what they found: the list of problems, a table of each detector that was on, and the
/// table of findings as the last.
///
/// # Errors
/// What Polars reports; with what detectors conclude there is nothing to report.
pub fn ranked_tables(
    analysis: Analysis,
    detectors: &Detectors,
    semantics: &Semantics,
) -> Result<Vec<Table>, PolarsError> {
    let Analysis { mut results, trace_ids, .. } = analysis;
    let seen = std::mem::take(&mut results.seen);
    let whole = Whole {
        symbols: &semantics.symbols,
        lists: &semantics.lists,
        trace_ids: &trace_ids,
        is_weighted: results.is_weighted(),
        gathered: &results.gathered,
    };
    let mut ranking = Ranking::new(&whole, &|| ());
    seen.conclude(detectors, &whole, &mut results.overlaps, &mut ranking);
    let ranked = ranking.ranked?;
    let denominators = Denominators { requests: results.totals.roots, segment_ns: results.totals.segment_duration_ns };
    let problems = problems(&ranked, &results.overlaps, denominators, &whole);
    let findings = Table::of(&FindingsTable::new(&ranked, &whole));
    Ok([problems].into_iter().chain(ranked.into_iter().map(|ranked| ranked.table)).chain([findings]).collect())
}

/// What a detector found, ranked.
#[derive(Debug)]
pub(crate) struct Ranked {
    /// The detector.
    pub(crate) description: &'static Description,
    /// Names and values of its thresholds, as set.
    pub(crate) thresholds: Vec<(&'static str, String)>,
    /// Its table.
    pub(crate) table: Table,
    /// Tables beside that.
    pub(crate) beside: Vec<Table>,
    /// What its rows are shown below, if they come in groups.
    pub(crate) headings: Option<Headings>,
    /// Its findings.
    pub(crate) findings: FindingColumns,
    /// Number of the pattern of each finding.
    pub(crate) patterns_of_findings: Vec<u32>,
    /// Pattern ids by number.
    pub(crate) pattern_ids: Vec<String>,
    /// How sure the harm is that each pattern tells of.
    pub(crate) levels: Vec<Level>,
    /// The part of the keys of its findings that is the caller's operation, if what they name is the operation that it calls.
    pub(crate) caller_operation: Option<usize>,
}

/// What groups of the rows of a table have in common, row by row.
#[derive(Clone, Debug)]
pub(crate) struct Headings {
    /// The columns of the table that are equal within a group.
    pub(crate) by: &'static [&'static str],
    /// Figures of the whole group, which are no columns of the table.
    pub(crate) figures: Vec<(Column, Vec<Cell>)>,
}

/// Ranks what detectors conclude, one after the other.
pub(crate) struct Ranking<'a> {
    whole: &'a Whole<'a>,
    done: &'a dyn Fn(),
    /// What was ranked so far, or why it was not.
    pub(crate) ranked: Result<Vec<Ranked>, PolarsError>,
}

impl<'a> Ranking<'a> {
    /// Nothing so far. `done` is called after each detector.
    pub(crate) fn new(whole: &'a Whole<'a>, done: &'a dyn Fn()) -> Self {
        Self { whole, done, ranked: Ok(Vec::new()) }
    }

    fn rank<D: Detector>(&self, detector: &D, concluded: Concluded<D>) -> Result<Ranked, PolarsError> {
        let description = D::DESCRIPTION;
        let Concluded { findings, aside, rows } = concluded;
        let mut headings = None;
        let beside = D::tables_beside(&aside, self.whole).into_iter().map(Table::beside).collect();
        let PatternTable { table, of_findings, ids, levels } = match D::TABLE {
            TableRules::Patterns(columns) => {
                let made = columns_of(columns, &findings, &aside);
                pattern_table(description, &made, &findings.common, self.whole)?
            }
            TableRules::Rows(columns) => {
                let cells_of_columns: Vec<Vec<Cell>> = columns
                    .iter()
                    .map(|column| match column.rule {
                        RowRule::Rank => vec![Cell::None; rows.len()],
                        RowRule::PatternId(key) => rows
                            .iter()
                            .map(|row| {
                                let key = key(row);
                                let key = key.iter().map(|&part| self.whole.symbols.resolve(part));
                                Cell::Text(pattern_id(description.name, key))
                            })
                            .collect(),
                        RowRule::Value(value) => rows.iter().map(|row| value(row, self.whole)).collect(),
                    })
                    .collect();
                let columns: Vec<Column> = D::TABLE.columns();
                let order = ranking(description, &columns, &cells_of_columns, rows.len())?;
                headings = D::HEADING.map(|heading| self.headings(&heading, &rows, &order));
                let levels = levels_of(columns.iter().map(|column| column.name), &cells_of_columns, rows.len());
                let ids = D::TABLE.columns().iter().position(|column| column.name == "pattern_id");
                let level_of: HashMap<String, Level> = ids
                    .map(|place| {
                        let ids = cells_of_columns[place].iter().map(|id| match id {
                            Cell::Text(id) => id.clone(),
                            _ => String::new(),
                        });
                        ids.zip(levels).collect()
                    })
                    .unwrap_or_default();
                let table = Table::ranked(description, columns, cells_of_columns, &order).capped(MAX_ROWS);
                self.with_findings(description, table, &findings.common, &level_of)
            }
        };
        let thresholds = D::thresholds();
        // Lists are long, and say nothing of how much is much.
        let said = thresholds.iter().zip(detector.values()).filter(|(threshold, _)| threshold.kind.list().is_none());
        Ok(Ranked {
            description,
            thresholds: said.map(|(threshold, value)| (threshold.name, value)).collect(),
            table,
            beside,
            headings,
            findings: findings.common,
            patterns_of_findings: of_findings,
            pattern_ids: ids,
            levels,
            caller_operation: D::TABLE.caller_operation_in_key(),
        })
    }

    /// The figures of the groups of `rows` in the order of their ranks.
    fn headings<D: Detector>(&self, heading: &Heading<D>, rows: &[D::Row], order: &[usize]) -> Headings {
        let figures = heading.figures.iter().map(|figure| {
            let cell = |&row: &usize| match figure.rule {
                RowRule::Value(value) => value(&rows[row], self.whole),
                RowRule::Rank | RowRule::PatternId(_) => unreachable!("{} is no figure", figure.name),
            };
            (figure.column(), order.iter().take(MAX_ROWS).map(cell).collect())
        });
        Headings { by: heading.by, figures: figures.collect() }
    }

    /// A table of rows, and the patterns of the findings that go with them: their keys are those of the rows. Patterns are numbered
    /// in the order of their keys, for findings lie in any.
    fn with_findings(
        &self,
        description: &Description,
        table: Table,
        findings: &FindingColumns,
        level_of: &HashMap<String, Level>,
    ) -> PatternTable {
        let keys: BTreeSet<&[Symbol]> = (0..findings.len()).map(|finding| findings.key.get(finding)).collect();
        let numbers: HashMap<&[Symbol], u32> = keys.iter().copied().zip(0..).collect();
        let of_findings = (0..findings.len()).map(|finding| numbers[findings.key.get(finding)]).collect();
        let name = |&part: &Symbol| self.whole.symbols.resolve(part);
        let ids: Vec<String> = keys.iter().map(|key| pattern_id(description.name, key.iter().map(name))).collect();
        let levels = ids.iter().map(|id| level_of.get(id).copied().unwrap_or(Level::Problem)).collect();
        PatternTable { table, of_findings, ids, levels }
    }
}

impl Conclusions for Ranking<'_> {
    fn take<D: Detector>(&mut self, detector: &D, concluded: Concluded<D>) {
        let ranked = self.rank(detector, concluded);
        match (&mut self.ranked, ranked) {
            (Ok(all), Ok(ranked)) => all.push(ranked),
            (all @ Ok(_), Err(error)) => *all = Err(error),
            (Err(_), _) => {}
        }
        (self.done)();
    }
}
