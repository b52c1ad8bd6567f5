//! Problems, each of which opens to its evidence.

use crate::detectors::{Cell, Column};
use crate::rank::Table;
use crate::report::kinds::Report;
use crate::report::problem_list::{ProblemInWords, ProblemList};
use crate::report::text::cell_text::{for_people, title};
use crate::report::text::units;

use super::shown_text::{Colours, percent, shortened, shown};
use super::waterfall::Waterfall;

/// How much of the problems is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Problems.
    pub(super) cards: usize,
    /// Those of them with their traces.
    pub(super) with_traces: usize,
    /// Lines of the first trace of a problem; the others get half as many.
    pub(super) lines: usize,
    /// Rows of each table.
    pub(super) rows: usize,
    /// Entries with their flame graphs.
    pub(super) flames: usize,
    /// Whether the service map and the timeline without scripts are drawn.
    pub(super) drawings: bool,
}

/// A problem.
#[derive(Clone, Debug, Default)]
pub(super) struct Card {
    pub(super) anchor: String,
    pub(super) rank: i64,
    pub(super) title: String,
    pub(super) detector: String,
    pub(super) service: String,
    pub(super) status: String,
    pub(super) status_state: &'static str,
    pub(super) status_reason: String,
    pub(super) is_explained: bool,
    /// What it costs, in words.
    pub(super) costs: Vec<String>,
    pub(super) failed: String,
    /// Width of the bar of what decides its rank, in percent of the largest.
    pub(super) meter: String,
    /// What it is sorted and filtered by.
    pub(super) saving_ns: i64,
    pub(super) failed_requests: i64,
    pub(super) wasted_ns: i64,
    pub(super) requests: i64,
    pub(super) first_seen_ms: i64,
    pub(super) last_seen_ms: i64,
    pub(super) fix: String,
    pub(super) figures: Vec<Figure>,
    pub(super) more_figures: Vec<Figure>,
    /// Anchors and titles.
    pub(super) causes: Vec<[String; 2]>,
    pub(super) cause: Option<[String; 2]>,
    pub(super) traces: Vec<Waterfall>,
    /// What is said of traces that are not drawn.
    pub(super) not_drawn: Vec<String>,
}

/// A value with its name and what it means.
#[derive(Clone, Debug, Default)]
pub(super) struct Figure {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) doc: &'static str,
}

/// Where in the page a problem stands.
pub(super) fn anchor(pattern_id: &str) -> String {
    format!("p-{pattern_id}")
}

const MAX_TITLE: usize = 400;
/// Characters of a service in menus; longer ones would make the page wider than any screen.
const MAX_SERVICE: usize = 80;
const MAX_VALUE: usize = 300;
const MAX_CAUSES: usize = 8;
const NS_PER_MS: i64 = 1_000_000;

/// The first problems, those that no other explains before the others.
pub(super) fn cards(report: &Report<'_>, colours: &Colours, room: Room) -> Vec<Card> {
    let problems = report.problems;
    let score = |row: usize| score(report, row);
    let largest = (0..problems.patterns()).map(score).fold(0.0, f64::max);
    (0..problems.patterns().min(room.cards))
        .map(|row| {
            let words = problems.in_words(row);
            let mut card = card(report, row, &words, largest);
            if row < room.with_traces {
                card.traces = traces(report, &words.pattern_id, colours, room.lines);
                card.not_drawn = not_drawn(report, &words.pattern_id);
            }
            card
        })
        .collect()
}

fn card(report: &Report<'_>, row: usize, words: &ProblemInWords, largest: f64) -> Card {
    let problems = report.problems;
    let ms = |column: &str| match problems.cell(column, row) {
        Cell::Int(time) => time.div_euclid(NS_PER_MS),
        _ => 0,
    };
    let status = problems.text("status", row);
    let explained_by = problems.text("explained_by", row);
    let failed = problems.int("failed_requests", row);
    let [of_list, of_detector] = figures(report, row, &words.pattern_id);
    Card {
        anchor: anchor(&words.pattern_id),
        rank: words.rank,
        title: shortened(&words.title, MAX_TITLE),
        detector: words.detector.clone(),
        service: shortened(problems.text("service", row), MAX_SERVICE),
        status: status.replace('_', " "),
        status_state: match status {
            "new" | "worse" => "bad",
            "better" | "gone" => "good",
            _ => "",
        },
        status_reason: shown(problems.text("status_reason", row)),
        is_explained: !explained_by.is_empty(),
        costs: costs(problems, row),
        failed: if failed > 0 { format!("{} failed", units::counted(failed as u64, "request")) } else { String::new() },
        meter: percent(if largest > 0.0 { score(report, row) / largest } else { 0.0 }),
        saving_ns: problems.int("saving_ns", row),
        failed_requests: failed,
        wasted_ns: problems.int("wasted_ns", row),
        requests: problems.int("requests", row),
        first_seen_ms: ms("first_seen"),
        last_seen_ms: ms("last_seen"),
        fix: shown(&words.fix),
        figures: of_list,
        more_figures: of_detector,
        causes: causes(problems, &words.pattern_id),
        cause: problems
            .row_of(explained_by)
            .map(|cause| [anchor(explained_by), shortened(problems.text("title", cause), MAX_TITLE)]),
        traces: Vec::new(),
        not_drawn: Vec::new(),
    }
}

/// What decides the rank: one failed request weighs as much as the whole time of one.
fn score(report: &Report<'_>, row: usize) -> f64 {
    let failed = report.problems.int("failed_requests", row) as f64;
    report.problems.share("saving_share", row) + failed / report.summary.totals.roots.max(1) as f64
}

fn costs(problems: &ProblemList<'_>, row: usize) -> Vec<String> {
    let mut costs = Vec::new();
    let saving = problems.int("saving_ns", row);
    if saving > 0 {
        let at_most = if *problems.cell("upper_bound", row) == Cell::Flag(true) { "at most " } else { "" };
        costs.push(format!(
            "saves {at_most}{} = {} of all time",
            units::duration(saving),
            units::share(problems.share("saving_share", row))
        ));
    }
    let wasted = problems.int("wasted_ns", row);
    if wasted > 0 && saving == 0 {
        costs.push(format!("{} of work wasted", units::duration(wasted)));
    }
    let requests = problems.int("requests", row);
    if requests > 0 {
        costs.push(format!(
            "{} ({})",
            units::counted(requests as u64, "request"),
            units::share(problems.share("request_share", row))
        ));
    }
    costs
}

fn causes(problems: &ProblemList<'_>, pattern_id: &str) -> Vec<[String; 2]> {
    let explained = (0..problems.patterns()).filter(|&other| problems.text("explained_by", other) == pattern_id);
    let named = |other: usize| {
        [anchor(problems.text("pattern_id", other)), shortened(problems.text("title", other), MAX_TITLE)]
    };
    explained.take(MAX_CAUSES).map(named).collect()
}

/// Columns that the card says in other places, or that say nothing to people.
const SAID_ELSEWHERE: [&str; 14] = [
    "rank",
    "pattern_id",
    "detector",
    "title",
    "fix",
    "status",
    "status_reason",
    "explained_by",
    "example_trace_id",
    "service",
    "operation",
    "target",
    "level",
    "upper_bound",
];

/// What the list of problems says of it, and what the detector's own table says beside that.
fn figures(report: &Report<'_>, row: usize, pattern_id: &str) -> [Vec<Figure>; 2] {
    let of_list = figures_of(report.problems.table, row);
    let of_detector = report.detectors.iter().find_map(|detector| {
        let (_, ids) = detector.table.column("pattern_id")?;
        let is_own = |cell: &Cell| matches!(cell, Cell::Text(id) if id == pattern_id);
        Some(figures_of(detector.table, ids.iter().position(is_own)?))
    });
    let mut more = of_detector.unwrap_or_default();
    more.retain(|figure| of_list.iter().all(|known| known.name != figure.name));
    [of_list, more]
}

fn figures_of(table: &Table, row: usize) -> Vec<Figure> {
    let says_nothing = |cell: &Cell| match cell {
        Cell::None | Cell::Int(0) => true,
        Cell::Text(text) => text.is_empty(),
        Cell::Names(names) => names.is_empty(),
        Cell::Ints(values) => values.is_empty(),
        Cell::Float(value) => *value == 0.0,
        Cell::Flag(_) | Cell::Int(_) => false,
    };
    let cells = table.columns.iter().zip(&table.values).map(|(column, cells)| (column, &cells[row]));
    let said = cells.filter(|(column, cell)| !SAID_ELSEWHERE.contains(&column.name) && !says_nothing(cell));
    said.map(|(column, cell)| figure(column, cell)).collect()
}

fn figure(column: &Column, cell: &Cell) -> Figure {
    Figure { name: title(column), value: shortened(&for_people(column, cell), MAX_VALUE), doc: column.doc }
}

fn traces(report: &Report<'_>, pattern_id: &str, colours: &Colours, lines: usize) -> Vec<Waterfall> {
    let Some(evidence) = report.evidence else { return Vec::new() };
    let ids = evidence.examples.get(pattern_id).into_iter().flatten();
    let traces = ids.filter_map(|id| evidence.traces.get(id));
    traces
        .enumerate()
        .map(|(place, trace)| {
            let most = if place == 0 { lines } else { lines / 2 };
            Waterfall::of(trace, pattern_id, report.links.address(&trace.trace_id), colours, most)
        })
        .collect()
}

fn not_drawn(report: &Report<'_>, pattern_id: &str) -> Vec<String> {
    let Some(evidence) = report.evidence else { return Vec::new() };
    let ids = evidence.examples.get(pattern_id).into_iter().flatten();
    let large = ids.filter_map(|id| Some((id, *evidence.too_large.get(id)?)));
    large.map(|(id, spans)| format!("Trace {id} has {}, too many to be drawn", units::counted(spans, "span"))).collect()
}
