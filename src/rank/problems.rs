//! The list of problems: the patterns of all detectors in one ranking, by what a fix would save.

use std::cmp::Reverse;

use hashbrown::HashMap;

use crate::detectors::{Cell, Column, EXPLAINED_BY, Level, TableRow, Unit, Whole, catalog};
use crate::frame::Symbol;
use crate::partial::TraceNumber;
use crate::savings::{Beyond, Overlaps, beyond};
use crate::trace::total_ns;

use super::ranking::Ranked;
use super::table::{MAX_ROWS, OTHER, Table};

/// Name of the table.
pub(crate) const PROBLEMS: &str = "problems";

/// Columns of the list of problems.
pub(crate) static PROBLEM_COLUMNS: [Column; 26] = [
    Column::new(
        "rank",
        Unit::Count,
        "place in the ranking by saving_share + failed_requests / requests of the dump; what costs nothing by level",
    ),
    Column::new("pattern_id", Unit::Id, "row of the detector's table"),
    Column::new("detector", Unit::Text, "detector that reports it"),
    Column::new("level", Unit::Text, "problem, risk or note"),
    Column::new("service", Unit::Text, "service of the caller, the entry or the origin"),
    Column::new("operation", Unit::Text, "what is called, entered or failed there"),
    Column::new("target", Unit::Text, "what it is about, if that is a target"),
    Column::new("title", Unit::Text, "what is wrong, in one sentence"),
    Column::new("requests", Unit::Count, "requests that it is part of: distinct roots"),
    Column::new("request_share", Unit::Share, "their share of all requests"),
    Column::adding_up("impact_ns", Unit::Nanoseconds, "critical-path time that its findings claim: what is in play"),
    Column::new(
        "saving_ns",
        Unit::Nanoseconds,
        "by how much all requests would have been shorter without it, retimed: what is to be won",
    ),
    Column::new("saving_share", Unit::Share, "that as a share of the summed durations of all segments"),
    Column::new("saving_per_request_ns", Unit::Nanoseconds, "that for each of its requests"),
    Column::adding_up(
        "beyond_saving_ns",
        Unit::Nanoseconds,
        "what it saves once all above it are mended: these add up",
    ),
    Column::new("failed_requests", Unit::Count, "failed roots that would not have failed without it"),
    Column::adding_up("beyond_failed_requests", Unit::Count, "those that none above it mends: these add up"),
    Column::adding_up("wasted_ns", Unit::Nanoseconds, "work that nobody waited for or used: retries that failed"),
    Column::new("upper_bound", Unit::Flag, "whether the saving is the most that a fix can save"),
    Column::new("explained_by", Unit::Id, "pattern that causes this one; empty if none does"),
    Column::new("first_seen", Unit::Time, "start of what was seen first; empty if only examples of many are known"),
    Column::new("last_seen", Unit::Time, "start of what was seen last"),
    Column::new("example_trace_id", Unit::Id, "the trace in which it saves most"),
    Column::new("fix", Unit::Text, "what to do about it"),
    Column::new(
        "status",
        Unit::Text,
        "beside another run: new, worse, better, same, unseen_entry; ignored; empty if nothing was compared, and of risks and notes, which are not",
    ),
    Column::new("status_reason", Unit::Text, "why it has that status"),
];

/// What is divided by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Denominators {
    /// Requests of the dump: roots.
    pub(crate) requests: u64,
    /// Summed durations of all segments in ns.
    pub(crate) segment_ns: i128,
}

/// A pattern, as numbers.
#[derive(Clone, Debug)]
struct Problem {
    /// Place of its detector among `ranked`.
    of: usize,
    /// Its number among the patterns of the detector.
    pattern: u32,
    /// Its first finding.
    finding: usize,
    findings: u64,
    requests: u64,
    impact_ns: i64,
    saving_ns: i64,
    failed_requests: u64,
    wasted_ns: i64,
    first_seen: i64,
    last_seen: i64,
    example: TraceNumber,
}

impl Problem {
    /// How sure the harm is, where it tells of the structure of a system and not of requests.
    fn level_of_structure(&self, ranked: &Ranked) -> Level {
        if ranked.description.gates_at_any_impact { ranked.levels[self.pattern as usize] } else { Level::Problem }
    }

    /// The starts of what was seen first and last. Where its findings are of no request, and the row of its detector tells of more
    /// traces than there are, they are but examples: if the row does not say when, nobody knows.
    fn seen(&self, row: Option<&TableRow<'_>>) -> [Cell; 2] {
        let of_row = |name: &str| row.and_then(|row| row.get(name));
        if let (Some(first), Some(last)) = (of_row("first_seen"), of_row("last_seen")) {
            return [first.clone(), last.clone()];
        }
        match of_row("traces") {
            Some(&Cell::Int(traces)) if self.requests == 0 && traces > self.findings as i64 => [Cell::None, Cell::None],
            _ => [Cell::Int(self.first_seen), Cell::Int(self.last_seen)],
        }
    }
}

/// Ranks the patterns of all detectors.
pub(crate) fn problems(ranked: &[Ranked], overlaps: &Overlaps, denominators: Denominators, whole: &Whole<'_>) -> Table {
    let mut problems: Vec<Problem> = Vec::new();
    let mut first_of_detector = Vec::new();
    for (of, ranked) in ranked.iter().enumerate() {
        first_of_detector.push(problems.len());
        if ranked.description.problem.is_some() {
            problems.extend(patterns_of(of, ranked));
        }
    }
    let index = Index { ranked, problems: &problems, first_of_detector: &first_of_detector, numbers: numbers(ranked) };
    let explained_by = explained(&index, overlaps);

    let score = |problem: &Problem| {
        let share = |part: f64, all: f64| if all > 0.0 { part / all } else { 0.0 };
        share(problem.saving_ns as f64, denominators.segment_ns as f64)
            + share(problem.failed_requests as f64, denominators.requests as f64)
    };
    let mut order: Vec<usize> = (0..problems.len()).collect();
    order.sort_by(|&left, &right| {
        let key = |index: usize| {
            let problem = &problems[index];
            let description = ranked[problem.of].description;
            let is_upper_bound = description.problem.as_ref().is_some_and(|text| text.is_upper_bound);
            let part = (explained_by[index].is_some(), is_upper_bound);
            let level = problem.level_of_structure(&ranked[problem.of]);
            (part, Reverse(problem.wasted_ns), level, description.name, problem.pattern)
        };
        let (left_key, right_key) = (key(left), key(right));
        let by_score = || score(&problems[right]).total_cmp(&score(&problems[left]));
        left_key.0.cmp(&right_key.0).then_with(by_score).then_with(|| left_key.cmp(&right_key))
    });
    let mut ranks = vec![0; order.len()];
    for (rank, &place) in order.iter().enumerate() {
        ranks[place] = rank;
    }
    let alone: Vec<Beyond> = order
        .iter()
        .map(|&place| &problems[place])
        .map(|problem| Beyond { saving_ns: problem.saving_ns, failed_requests: problem.failed_requests })
        .collect();
    let rank_of = |detector: u8, key: &[Symbol]| index.place_of(detector, key).map(|place| ranks[place]);
    let beyond = beyond(overlaps, &rank_of, &alone);
    let listed = Listed { ranked, problems: &problems, explained_by: &explained_by, order: &order, beyond: &beyond };
    listed.table(denominators, whole)
}

/// The number of each detector's place in the catalog.
fn numbers(ranked: &[Ranked]) -> HashMap<u8, usize> {
    let names: Vec<&str> = catalog().iter().map(|entry| entry.description.name).collect();
    let number = |ranked: &Ranked| names.iter().position(|&name| name == ranked.description.name);
    ranked.iter().enumerate().filter_map(|(of, ranked)| Some((number(ranked)? as u8, of))).collect()
}

/// Finds patterns by their keys.
struct Index<'a> {
    ranked: &'a [Ranked],
    problems: &'a [Problem],
    /// Where the patterns of each detector begin.
    first_of_detector: &'a [usize],
    /// Places among `ranked` by number in the catalog.
    numbers: HashMap<u8, usize>,
}

impl Index<'_> {
    /// The place of a pattern among all problems.
    fn place_of(&self, detector: u8, key: &[Symbol]) -> Option<usize> {
        let of = *self.numbers.get(&detector)?;
        let first = self.first_of_detector[of];
        let own = &self.problems[first..];
        let own = &own[..own.partition_point(|problem| problem.of == of)];
        let keys = &self.ranked[of].findings.key;
        // Patterns are numbered by their keys.
        let place = own.binary_search_by(|problem| keys.get(problem.finding).cmp(key)).ok()?;
        Some(first + place)
    }

    /// Places of patterns and of those that explain them, where the tables of their detectors say so.
    fn explained_in_tables(&self) -> Vec<[usize; 2]> {
        let mut explained = Vec::new();
        for (of, ranked) in self.ranked.iter().enumerate() {
            let (Some((_, ids)), Some((_, by))) =
                (ranked.table.column("pattern_id"), ranked.table.column(EXPLAINED_BY))
            else {
                continue;
            };
            let own = (0..self.problems.len()).filter(|&place| self.problems[place].of == of);
            let places: HashMap<&str, usize> =
                own.map(|place| (ranked.pattern_ids[self.problems[place].pattern as usize].as_str(), place)).collect();
            let place_of =
                |cell: &Cell| if let Cell::Text(id) = cell { places.get(id.as_str()).copied() } else { None };
            explained.extend(ids.iter().zip(by).filter_map(|(id, by)| Some([place_of(id)?, place_of(by)?])));
        }
        explained
    }
}

/// The patterns of a detector, by number.
fn patterns_of(of: usize, ranked: &Ranked) -> Vec<Problem> {
    let findings = &ranked.findings;
    let mut patterns: Vec<Option<Problem>> = vec![None; ranked.pattern_ids.len()];
    let nothing_saved = (0, 0, Reverse(TraceNumber::NONE));
    let mut most_saved: Vec<(i64, u32, Reverse<TraceNumber>)> = vec![nothing_saved; patterns.len()];
    for finding in 0..findings.len() {
        let pattern = ranked.patterns_of_findings[finding];
        let start = findings.start[finding];
        let problem = patterns[pattern as usize].get_or_insert(Problem {
            of,
            pattern,
            finding,
            findings: 0,
            requests: 0,
            impact_ns: 0,
            saving_ns: 0,
            failed_requests: 0,
            wasted_ns: 0,
            first_seen: start,
            last_seen: start,
            example: TraceNumber::NONE,
        });
        let trace = findings.trace[finding];
        // Whatever order findings lie in, the first is that of the trace with the lowest id.
        if trace < findings.trace[problem.finding] {
            problem.finding = finding;
        }
        problem.findings += 1;
        problem.requests += u64::from(findings.requests[finding]);
        problem.impact_ns = total_ns([problem.impact_ns, findings.impact_ns[finding]]);
        problem.saving_ns = total_ns([problem.saving_ns, findings.saving_ns[finding]]);
        problem.failed_requests += u64::from(findings.failed_requests[finding]);
        problem.wasted_ns = total_ns([problem.wasted_ns, findings.wasted_ns[finding]]);
        problem.first_seen = problem.first_seen.min(start);
        problem.last_seen = problem.last_seen.max(start);
        let most = &mut most_saved[pattern as usize];
        *most = (*most).max((findings.saving_ns[finding], findings.failed_requests[finding], Reverse(trace)));
        problem.example = most.2.0;
    }
    patterns.into_iter().flatten().collect()
}

/// The place of the pattern that explains over half of the findings of each, where one does.
fn explained(index: &Index<'_>, overlaps: &Overlaps) -> Vec<Option<usize>> {
    let mut best: HashMap<usize, (u64, Reverse<usize>)> = HashMap::new();
    for ([pattern, by], count) in overlaps.explained() {
        let places = index.place_of(pattern.0, &pattern.1).zip(index.place_of(by.0, &by.1));
        let Some((place, by)) = places.filter(|(place, by)| place != by) else { continue };
        if count * 2 > index.problems[place].findings {
            let best = best.entry(place).or_insert((count, Reverse(by)));
            *best = (*best).max((count, Reverse(by)));
        }
    }
    let mut explained: Vec<Option<usize>> =
        (0..index.problems.len()).map(|place| best.get(&place).map(|&(_, Reverse(by))| by)).collect();
    for [place, by] in index.explained_in_tables() {
        explained[place].get_or_insert(by);
    }
    explained
}

/// Problems in their order, and what is known of each beside its numbers.
struct Listed<'a> {
    ranked: &'a [Ranked],
    problems: &'a [Problem],
    explained_by: &'a [Option<usize>],
    /// Places of problems by rank.
    order: &'a [usize],
    /// What each adds, by rank.
    beyond: &'a [Beyond],
}

impl Listed<'_> {
    fn table(&self, denominators: Denominators, whole: &Whole<'_>) -> Table {
        let Self { ranked, problems, explained_by, order, beyond } = *self;
        let rows_by_id: Vec<HashMap<&str, usize>> = ranked.iter().map(rows_by_id).collect();
        let mut values: Vec<Vec<Cell>> = vec![Vec::new(); PROBLEM_COLUMNS.len()];
        let id = |problem: &Problem| ranked[problem.of].pattern_ids[problem.pattern as usize].as_str();
        for (rank, &place) in order.iter().enumerate().take(MAX_ROWS) {
            let problem = &problems[place];
            let Ranked { description, table, findings, .. } = &ranked[problem.of];
            let Some(text) = &description.problem else { continue };
            let row = rows_by_id[problem.of].get(id(problem)).copied();
            let row = row.map(|row| TableRow { columns: &table.columns, values: &table.values, row });
            let share = |part: f64, all: f64| Cell::Float(if all > 0.0 { part / all } else { 0.0 });
            let target = findings.target.get(problem.finding);
            let per_request = problem.saving_ns.checked_div(problem.requests as i64);
            let [first_seen, last_seen] = problem.seen(row.as_ref());
            let cells = [
                Cell::Int(rank as i64 + 1),
                Cell::Text(id(problem).to_owned()),
                Cell::Text(description.name.to_owned()),
                ranked[problem.of].levels[problem.pattern as usize].cell(),
                whole.name(findings.service[problem.finding]),
                whole.name(findings.operation[problem.finding]),
                whole.name(target.map_or(Symbol::EMPTY, |target| target.name)),
                Cell::Text(row.map_or_else(|| description.summary.to_owned(), |row| (text.title)(&row))),
                Cell::Int(problem.requests as i64),
                share(problem.requests as f64, denominators.requests as f64),
                Cell::Int(problem.impact_ns),
                Cell::Int(problem.saving_ns),
                share(problem.saving_ns as f64, denominators.segment_ns as f64),
                per_request.map_or(Cell::None, Cell::Int),
                Cell::Int(beyond[rank].saving_ns),
                Cell::Int(problem.failed_requests as i64),
                Cell::Int(beyond[rank].failed_requests as i64),
                Cell::Int(problem.wasted_ns),
                Cell::Flag(text.is_upper_bound),
                Cell::Text(explained_by[place].map_or_else(String::new, |by| id(&problems[by]).to_owned())),
                first_seen,
                last_seen,
                whole.trace_id(problem.example),
                Cell::Text(row.map_or("", |row| (text.fix)(&row)).to_owned()),
                Cell::Text(String::new()),
                Cell::Text(String::new()),
            ];
            for (values, cell) in values.iter_mut().zip(cells) {
                values.push(cell);
            }
        }
        let mut summed_up = 0;
        if order.len() > MAX_ROWS {
            summed_up = (order.len() - MAX_ROWS) as u64;
            let rest = || (MAX_ROWS..order.len()).map(|rank| (&problems[order[rank]], beyond[rank]));
            for (column, values) in PROBLEM_COLUMNS.iter().zip(&mut values) {
                let total = |of: fn(&Problem, Beyond) -> i64| {
                    Cell::Int(total_ns(rest().map(|(problem, beyond)| of(problem, beyond))))
                };
                values.push(match column.name {
                    "rank" => Cell::Int(MAX_ROWS as i64 + 1),
                    "detector" => Cell::Text(OTHER.to_owned()),
                    "impact_ns" => total(|problem, _| problem.impact_ns),
                    "beyond_saving_ns" => total(|_, beyond| beyond.saving_ns),
                    "beyond_failed_requests" => total(|_, beyond| beyond.failed_requests as i64),
                    "wasted_ns" => total(|problem, _| problem.wasted_ns),
                    _ => Cell::None,
                });
            }
        }
        Table { name: PROBLEMS, columns: PROBLEM_COLUMNS.to_vec(), terminal_columns: &[], values, summed_up }
    }
}

/// The place of a detector's largest problem among all; those without any come last.
pub(crate) fn place_of_largest(problems: &Table, detector: &str) -> usize {
    let detectors = problems.column("detector").map_or(&[][..], |(_, detectors)| detectors);
    let is_own = |cell: &Cell| matches!(cell, Cell::Text(name) if name == detector);
    detectors.iter().position(is_own).unwrap_or(usize::MAX)
}

/// Says of patterns what became of them and why, where `status` knows it by the pattern's id.
pub(crate) fn set_statuses<'a>(problems: &mut Table, status: impl Fn(&str) -> Option<(&'a str, &'a str)>) {
    let place = |name: &str| PROBLEM_COLUMNS.iter().position(|column| column.name == name).expect("it is a column");
    let [ids, statuses, reasons] = ["pattern_id", "status", "status_reason"].map(place);
    for row in 0..problems.row_count() {
        let Cell::Text(id) = &problems.values[ids][row] else { continue };
        if let Some((status, reason)) = status(id) {
            problems.values[statuses][row] = Cell::Text(status.to_owned());
            problems.values[reasons][row] = Cell::Text(reason.to_owned());
        }
    }
}

/// Rows of a detector's table by the ids of their patterns.
fn rows_by_id(ranked: &Ranked) -> HashMap<&str, usize> {
    let Some((_, ids)) = ranked.table.column("pattern_id") else { return HashMap::new() };
    let ids = ids.iter().enumerate();
    ids.filter_map(|(row, id)| if let Cell::Text(id) = id { Some((id.as_str(), row)) } else { None }).collect()
}
