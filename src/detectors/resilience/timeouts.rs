//! `timeouts`: none, too long, and work that goes on.

mod conclusion;
mod exact_quantiles;
mod timers;
mod waits;

use crate::conventions::FindingKind;
use crate::detectors::kit::{
    CallRound, Cell, Concluded, Description, Detector, FindingsBeside, Level, NoDetails, ProblemText, RankedBy,
    RowColumn, TableRow, TableRules, Unit, Whole, duration_text, thresholds,
};
use crate::findings::pattern_id;
use crate::frame::Symbol;
use crate::gathered::{EdgeOfCalls, Gathers, LoggedCall};
use crate::partial::{Named as _, TraceNumber};
use crate::trace::TraceView;

use conclusion::conclude;
use waits::{EdgeFacts, Waits};

thresholds! {
    /// The detector of timeouts and its thresholds.
    pub(crate) struct Timeouts {
        /// Calls given up after the same time from which on that is a timeout.
        min_give_ups: Count = 10;
        /// How much later than its caller a callee must end to have been left alone.
        abandoned: Duration = 10_000_000;
        /// No request should wait as long for one call.
        max_wait: Duration = 30_000_000_000;
    }
}

static DESCRIPTION: Description = Description {
    name: "timeouts",
    table: "timeouts",
    summary: "timeouts that are missing or too long, and work that goes on after its caller has left",
    documentation: "\
## What it does

Finds the timeouts that are in force between a service and each service, host and database that it calls: durations of calls that
were given up, of which at least `min_give_ups` lie within a few percent, are a timer if most of the calls say that they timed
out, most of the callees go on after it, or it is a time that people set (`proof`). A row is one kind of trouble of one service
and target:

- `no-timeout`: requests waited `max_wait` or longer for an answer, in at least two traces. Calls that succeed do not count where
  half of them take a tenth of that or longer: they are long by design.
- `long-timeout`: a timeout over 10 s that is also over ten times what 99 % of the calls take.
- `abandoned-work`: at least three callees went on for more than `abandoned`, and 2 % of the call, after their caller had left.
  Nobody waits for what they do (`wasted_ns`); some began only then (`dead_on_arrival`), some succeeded (`finished_ok`).
- `not-shrinking` (a risk): what the callee calls has a longer timeout than its caller has for it (`below_target`, `below_ns`).
- `inferred` (a note): a timeout that is known and does no harm here: what is configured, as traces show it.

## Why it hurts

Without a timeout a caller waits as long as a target hangs, and with it everybody above. A timeout far beyond what calls take
is none when it is needed. Where timeouts do not shrink on the way down, callees work for callers that are gone, just when there
is too much to do.

## What it looks like

    SERVER web GET /cart                 3.0 s  failed
      CLIENT web > cart  GetCart         3.0 s  timeout
        SERVER cart GetCart             29.8 s  ok: nobody waited for 26.8 s of it
          CLIENT cart > redis  HGETALL  29.7 s  ok

## How to fix it

Set a timeout of some times what the slowest usual call takes (`ok_p99_ns`; `cap_ns` is what the saving is worked out with), and
pass the deadline on: each level down gets what is left, less what the level itself needs. Let callees stop when the deadline is
over. Rows that have `explained_by` wait for a deeper row: begin there.

## When it is wrong

A deadline set by the caller's caller looks like one of this edge; a proxy's timeout is taken for the client's.

## References

M. Nygard, \"Release It!\", 2nd edition, 2018, chapters 4 and 5. B. Beyer et al., \"Site Reliability Engineering\", 2016,
chapter 22, \"Latency and Deadlines\".",
    currency: None,
    has_findings: true,
    gates_at_any_impact: false,
    finds_risks_only: false,
    needs_failures: true,
    least_of_all_traces: None,
    terminal_columns: &[
        "rank",
        "caller_service",
        "target",
        "kind",
        "waits",
        "saving_ns",
        "wasted_ns",
        "timeout_ns",
        "proof",
        "give_ups",
        "calls",
        "ok_p99_ns",
        "below_target",
        "below_ns",
        "traces",
        "weighted_traces",
        "example_trace_id",
    ],
    ranked_by: &[
        RankedBy::LastIfAny("explained_by"),
        RankedBy::LastIfText("level", "note"),
        RankedBy::LastIfText("level", "risk"),
        RankedBy::Largest("saving_ns"),
        RankedBy::Largest("wasted_ns"),
        RankedBy::Largest("timeout_ns"),
    ],
    problem: Some(ProblemText { title, fix, is_upper_bound: false }),
};

fn title(row: &TableRow<'_>) -> String {
    let (caller, target, times) = (row.text("caller_service"), row.text("target"), row.times("waits"));
    match row.text("kind") {
        "no-timeout" => format!("{caller} waits for {target} without a timeout, {times}"),
        "long-timeout" => {
            let timeout = duration_text(row.count("timeout_ns"));
            format!("{caller} waits up to {timeout} for {target}, which takes far less when it answers: {times}")
        }
        _ => format!("{target} goes on working after {caller} has left, {times}"),
    }
}

fn fix(row: &TableRow<'_>) -> &'static str {
    match row.text("kind") {
        "no-timeout" => "set a timeout of a few times what the slowest usual call takes",
        "long-timeout" => "shorten the timeout to a few times what the slowest usual call takes",
        _ if !row.text("below_target").is_empty() => {
            "pass the deadline on, and give what the callee calls a shorter timeout than its caller has"
        }
        _ => "pass the deadline on, and let the callee stop when it is over",
    }
}

/// A row: one kind of trouble of an edge.
#[derive(Clone, Debug)]
pub(crate) struct TimeoutRow {
    /// Caller service, kind of the target, target and kind of trouble.
    pub(super) key: [Symbol; 4],
    pub(super) kind: FindingKind,
    pub(super) edge: EdgeFacts,
    /// Findings.
    pub(super) waits: u64,
    pub(super) path_ns: i64,
    pub(super) saving_ns: i64,
    pub(super) wasted_ns: i64,
    pub(super) dead_on_arrival: u64,
    pub(super) finished_ok: u64,
    pub(super) seen: SeenIn,
    /// Key of the row that explains it.
    pub(super) explained_by: Option<Box<[Symbol]>>,
}

/// Where something was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct SeenIn {
    pub(super) traces: u64,
    pub(super) weighted_traces: f64,
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) example: Option<TraceNumber>,
}

impl TimeoutRow {
    /// How sure the harm is that a kind of trouble tells of.
    fn level(&self) -> Level {
        match self.kind {
            FindingKind::NotShrinking => Level::Risk,
            FindingKind::Inferred => Level::Note,
            _ => Level::Problem,
        }
    }
}

type Column = RowColumn<Timeouts>;

static COLUMNS: &[Column] = &[
    Column::rank("place in the ranking by level, saving_ns, wasted_ns, then timeout_ns; explained rows come last"),
    Column::pattern_id(|row| row.key.to_vec()),
    Column::new("level", Unit::Text, "problem, risk or note", |row, _| row.level().cell()),
    Column::new("caller_service", Unit::Text, "service that waits", |row, whole| whole.name(row.key[0])),
    Column::new("target_kind", Unit::Text, "service, database or external", |row, whole| whole.name(row.key[1])),
    Column::new("target", Unit::Text, "what it waits for", |row, whole| whole.name(row.key[2])),
    Column::new(
        "kind",
        Unit::Text,
        "no-timeout, long-timeout, abandoned-work, not-shrinking or inferred",
        |row, whole| whole.name(row.key[3]),
    ),
    Column::new("waits", Unit::Count, "calls that it is about", |row, _| count(row.waits)).adding_up(),
    Column::new("path_ns", Unit::Nanoseconds, "critical-path time of these calls", |row, _| Cell::Int(row.path_ns))
        .adding_up(),
    Column::new("saving_ns", Unit::Nanoseconds, "that beyond cap_ns each: the impact", |row, _| {
        Cell::Int(row.saving_ns)
    })
    .adding_up(),
    Column::new("wasted_ns", Unit::Nanoseconds, "how long callees went on after their callers had left", |row, _| {
        Cell::Int(row.wasted_ns)
    })
    .adding_up(),
    Column::new("dead_on_arrival", Unit::Count, "callees that began only after that", |row, _| {
        count(row.dead_on_arrival)
    }),
    Column::new("finished_ok", Unit::Count, "callees that went on and succeeded", |row, _| count(row.finished_ok)),
    Column::new("calls", Unit::Count, "calls of the service to the target", |row, _| count(row.edge.calls)),
    Column::new("give_ups", Unit::Count, "those that nobody but the caller ended", |row, _| count(row.edge.give_ups)),
    Column::new(
        "timeout_ns",
        Unit::Nanoseconds,
        "timeout that most of these show; empty if none is known",
        |row, _| row.edge.timers.first().map_or(Cell::None, |timer| Cell::Int(timer.value)),
    ),
    Column::new("timeout_calls", Unit::Count, "calls that it ended", |row, _| {
        count(row.edge.timers.first().map_or(0, |timer| timer.calls.len() as u64))
    }),
    Column::new(
        "proof",
        Unit::Text,
        "timeout: the calls say so; outlived: callees go on after it; round: people set such times",
        |row, _| Cell::Text(row.edge.timers.first().map_or("", |timer| timer.proof.as_str()).to_owned()),
    ),
    Column::new("other_timeouts", Unit::Durations, "other timeouts, those of most calls first", |row, _| {
        Cell::Ints(row.edge.timers.iter().skip(1).map(|timer| timer.value).collect())
    }),
    Column::new("ok_p50_ns", Unit::Nanoseconds, "median duration of calls that succeed", |row, _| {
        row.edge.ok.map_or(Cell::None, |[p50, _]| Cell::Int(p50))
    }),
    Column::new("ok_p99_ns", Unit::Nanoseconds, "99th percentile of these", |row, _| {
        row.edge.ok.map_or(Cell::None, |[_, p99]| Cell::Int(p99))
    }),
    Column::new("longest_answered_ns", Unit::Nanoseconds, "longest call that was answered", |row, _| {
        Cell::Int(row.edge.longest_answered_ns)
    }),
    Column::new(
        "below_target",
        Unit::Text,
        "what the callee may wait for longer than its caller does; empty if nothing is known",
        |row, whole| row.edge.below.map_or(Cell::Text(String::new()), |(target, _)| whole.name(target)),
    ),
    Column::new("below_ns", Unit::Nanoseconds, "longest timeout or wait for it", |row, _| {
        row.edge.below.map_or(Cell::None, |(_, ns)| Cell::Int(ns))
    }),
    Column::new("cap_ns", Unit::Nanoseconds, "what a sensible timeout would have let pass", |row, _| {
        Cell::Int(row.edge.cap_ns)
    }),
    Column::new("traces", Unit::Count, "traces with such calls; of rows without, with calls that the timeout ended", {
        |row, _| count(row.seen.traces)
    }),
    Column::new("weighted_traces", Unit::Number, crate::detectors::kit::WEIGHTED_TRACES_DOC, |row, whole| {
        whole.weighted(row.seen.weighted_traces)
    }),
    Column::new("trace_share", Unit::Share, "their share of all traces", |row, whole| {
        Cell::Float(row.seen.traces as f64 / whole.trace_ids.len().max(1) as f64)
    }),
    Column::new("critical_ns", Unit::Nanoseconds, "the impact: saving_ns", |row, _| Cell::Int(row.saving_ns))
        .adding_up(),
    Column::new("first_seen", Unit::Time, "start of the first of these calls", |row, _| Cell::Int(row.seen.first)),
    Column::new("last_seen", Unit::Time, "start of the last of these calls", |row, _| Cell::Int(row.seen.last)),
    Column::new(
        crate::detectors::kit::EXPLAINED_BY,
        Unit::Id,
        "pattern that causes this one; empty if none does",
        |row, whole| {
            let id = |key: &[Symbol]| pattern_id(DESCRIPTION.name, key.iter().map(|&part| whole.symbols.resolve(part)));
            Cell::Text(row.explained_by.as_deref().map_or_else(String::new, id))
        },
    ),
    Column::new("example_trace_id", Unit::Id, "the trace with the largest impact", |row, whole| {
        row.seen.example.map_or(Cell::None, |trace| whole.trace_id(trace))
    }),
];

fn count(number: u64) -> Cell {
    Cell::Int(number as i64)
}

impl Detector for Timeouts {
    type Seen = FindingsBeside<NoDetails, Waits>;
    type Details = NoDetails;
    type Aside = ();
    type Row = TimeoutRow;

    const DESCRIPTION: &'static Description = &DESCRIPTION;
    const TABLE: TableRules<Self> = TableRules::Rows(COLUMNS);

    fn gathers() -> Gathers {
        Gathers { calls: true, ..Gathers::NOTHING }
    }

    fn see(&self, trace: &TraceView<'_>, seen: &mut Self::Seen) {
        seen.beside.see(self, trace);
    }

    fn wants_calls(&self, round: CallRound, seen: &mut Self::Seen) -> bool {
        seen.beside.wants_calls(round)
    }

    fn wants_calls_along(&self, _round: CallRound, edge: EdgeOfCalls, seen: &Self::Seen) -> bool {
        seen.beside.has_waits(edge)
    }

    fn see_call(&self, round: CallRound, call: &LoggedCall, known: &Self::Seen, learned: &mut Self::Seen) {
        learned.beside.see_call(round, call, &known.beside);
    }

    fn conclude(&self, seen: Self::Seen, whole: &Whole<'_>) -> Concluded<Self> {
        let (findings, rows) = conclude(self, seen.findings, seen.beside, whole);
        Concluded { findings, aside: (), rows }
    }
}
