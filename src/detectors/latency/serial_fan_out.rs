//! `serial-fan-out`: calls one after the other that need not be.

mod call_order;
mod fan_outs;
mod item_sets;
mod pair_evidence;
mod serial_run;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::conventions::FindingKind;
use crate::detectors::kit::{
    self, Cell, Concluded, Description, Detector, Level, NoRow, Pattern, PatternColumn, ProblemText, RankedBy,
    TableRow, TableRules, Unit, Whole, joined, thresholds,
};
use crate::findings::{Finding, Findings, Remedy};
use crate::frame::{Symbol, Symbols};
use crate::partial::{Named as _, columns};
use crate::span::SpanId;
use crate::trace::{Edit, Row, TraceView};

use fan_outs::{FanOuts, Limits};
use item_sets::parts_of;
use pair_evidence::{Evidence, Needed, PairJudge};
use serial_run::{Candidate, Run};

thresholds! {
    /// The detector of calls one after the other and its thresholds.
    pub(crate) struct SerialFanOut {
        /// Different calls of one span, one after the other, from which on they are worth a look.
        min_calls: Count = 3;
        /// Share of the span's critical-path time that must be possible to save.
        min_share: Share = 0.1;
        /// Traces from which on there is enough to say what is usual.
        min_traces: Count = 5;
        /// Traces that must show that two calls need nothing of each other.
        min_proof: Count = 2;
        /// Time by which calls may overlap and still come one after the other.
        tolerance: Duration = 1_000_000;
    }
}

columns! {
    /// What a finding of a span says.
    pub(crate) struct Details in DetailColumns {
        /// Place of what was called among all lists of it.
        calls: u32,
        /// Number of what was called.
        items: i64,
        /// Pairs of these that usually come one after the other, as here.
        pairs: i64,
        /// Those of them that are proven to need nothing of each other.
        independent_pairs: i64,
        /// Critical-path time of the calls, in ns.
        serial_ns: i64,
        /// What would be saved if all that needs nothing of the other, as is proven, ran at the same time, in ns.
        saving_ns: i64,
        /// The same if none of the pairs needed anything of the other.
        possible_ns: i64,
        /// The best evidence of any pair.
        evidence: Evidence,
    }
}

static DESCRIPTION: Description = Description {
    name: "serial-fan-out",
    table: "serial_fan_out",
    summary: "calls one after the other that need not be",
    documentation: "\
## What it does

Looks at spans that call at least `min_calls` different operations of services or hosts, most of them one after the other, and
asks all other traces whether they must. Only spans of the same operation with the same calls are compared: they took the same
path through the code. Two calls are *usually serial* if at least `min_traces` traces have both and over half of them one after
the other. They are *proven* independent if `min_proof` traces show them at the same time (`overlapped`), or as many each of
both orders (`reordered`). What only hints at it is told as `evidence` too: the second came all the same though the first had
failed (`survived`), or came in requests without the first (`skipped`).

The saving is the critical-path time of the calls less that of the heaviest chain that is left if what is proven runs at the same
time. `possible_ns` is the same if nothing needed anything of the other; rows are spans in which that is at least 1 ms and
`min_share` of their path time.

## Why it hurts

Times of calls one after the other add up, times of calls at the same time do not: three of 50 ms are 150 ms or 50 ms. The more
services a page is made of, the more it matters.

## What it looks like

    SERVER web GET /cart                  ├───────────────────────────────┤
      CLIENT web > user   GetUser          ├────────┤
      CLIENT web > cart   GetCart                    ├────────┤
      CLIENT web > rates  GetRates                             ├────────┤

## How to fix it

Start what needs nothing of the other at the same time and wait for all of it (futures, `async` with a join, a task group), with a
limit on how many run at once. Rows of level `problem` are proven by your own traces. In rows of level `risk` the order alone
proves nothing: run two of the calls at once in one test, and see whether anything breaks.

## When it is wrong

A value passed from one call to the next is not in a trace; `skipped` may be a cache. Spans with over 64 different calls are left
out: they are loops over data. Databases are left out too: a connection answers one query after the other.

## References

J. Dean, L. A. Barroso, \"The Tail at Scale\", CACM 56(2), 2013. M. Chow et al., \"The Mystery Machine: End-to-end Performance
Analysis of Large-scale Internet Services\", OSDI 2014: what many traces prove of the order of two steps.",
    currency: None,
    has_findings: true,
    gates_at_any_impact: false,
    finds_risks_only: false,
    needs_failures: false,
    least_of_all_traces: None,
    terminal_columns: &[
        "rank",
        "level",
        "caller_service",
        "caller_operation",
        "calls",
        "saving_ns",
        "possible_ns",
        "evidence",
        "serial_p50_ns",
        "traces",
        "independent_pairs",
        "pairs",
        "weighted_traces",
        "example_trace_id",
    ],
    ranked_by: &[
        RankedBy::LastIfText("level", "risk"),
        RankedBy::Largest("saving_ns"),
        RankedBy::Largest("possible_ns"),
    ],
    problem: Some(ProblemText { title, fix, is_upper_bound: false }),
};

fn title(row: &TableRow<'_>) -> String {
    let what = joined([row.text("caller_service"), row.text("caller_operation")]);
    let calls = row.names("calls");
    let proof = match row.text("level") {
        "problem" => "that need not wait for each other",
        _ => "that may not need to",
    };
    format!("{what} makes {} calls one after the other {proof}: {}", calls.len(), calls.join(", "))
}

fn fix(row: &TableRow<'_>) -> &'static str {
    match row.text("level") {
        "problem" => "start what needs nothing of the other at the same time, and wait for all of it",
        _ => "run two of the calls at once in one test: the order alone does not prove that they may",
    }
}

type Column = PatternColumn<SerialFanOut>;
type Rule = kit::Rule<SerialFanOut>;

static COLUMNS: &[Column] = &[
    Column::rank("place in the ranking by level, then saving_ns, then possible_ns"),
    Column::PATTERN_ID,
    Column::new(
        "level",
        Unit::Text,
        "problem: traces prove that time is lost; risk: nothing does, the order alone is no proof",
        Rule::Derived(level),
    ),
    Column::new("caller_service", Unit::Text, "service that makes the calls", Rule::Key(0)),
    Column::new("caller_operation", Unit::Text, "the operation that makes them", Rule::Key(1)),
    Column::new(
        "calls",
        Unit::Names,
        "what it calls in this order, target and operation: the most frequent",
        Rule::Derived(calls),
    ),
    Column::new(
        "calls_p50",
        Unit::Count,
        "median number of different calls",
        Rule::Quantile(|details| &details.items, 0.5),
    ),
    Column::new(
        "evidence",
        Unit::Text,
        "the best that shows, for two of these calls, that they need nothing of each other: overlapped, reordered (these two prove \
         it), survived, skipped or none",
        Rule::Derived(evidence),
    ),
    Column::new(
        "pairs",
        Unit::Count,
        "pairs of these calls that usually come one after the other",
        Rule::Derived(|pattern| most_frequent_number(pattern, |details| &details.pairs)),
    ),
    Column::new(
        "independent_pairs",
        Unit::Count,
        "those of them that are proven to need nothing of each other",
        Rule::Derived(|pattern| most_frequent_number(pattern, |details| &details.independent_pairs)),
    ),
    Column::new(
        "serial_p50_ns",
        Unit::Nanoseconds,
        "median critical-path time of the calls",
        Rule::Quantile(|details| &details.serial_ns, 0.5),
    ),
    Column::new(
        "saving_ns",
        Unit::Nanoseconds,
        "critical-path time that goes if what is proven to be independent runs at the same time: the ranking",
        Rule::Impact,
    ),
    Column::new(
        "possible_ns",
        Unit::Nanoseconds,
        "the same if all that usually comes one after the other were independent",
        Rule::Sum(|details| &details.possible_ns),
    ),
    Column::new(
        "saving_p95_ns",
        Unit::Nanoseconds,
        "95th percentile of saving_ns of one span",
        Rule::Quantile(|details| &details.saving_ns, 0.95),
    ),
    Column::TRACES,
    Column::WEIGHTED_TRACES,
    Column::TRACE_SHARE,
    Column::new("critical_ns", Unit::Nanoseconds, "the impact: saving_ns", Rule::Impact),
    Column::FIRST_SEEN,
    Column::LAST_SEEN,
    Column::explained_by(|_, _| None),
    Column::example_trace("the trace with the largest impact"),
];

fn level(pattern: &Pattern<'_, SerialFanOut>) -> Cell {
    let has_impact = pattern.rows.iter().any(|&row| pattern.findings.common.impact_ns[row] > 0);
    if has_impact { Level::Problem.cell() } else { Level::Risk.cell() }
}

/// The most frequent of some values, ties to the smallest.
fn most_frequent<T: Ord + Copy>(mut values: Vec<T>) -> Option<T> {
    values.sort_unstable();
    let same = values.chunk_by(|left, right| left == right);
    same.min_by_key(|same| (Reverse(same.len()), same[0])).map(|same| same[0])
}

/// Place of the most frequent list of calls.
fn most_frequent_calls(pattern: &Pattern<'_, SerialFanOut>) -> Option<u32> {
    most_frequent(pattern.rows.iter().map(|&row| pattern.findings.details.calls[row]).collect())
}

fn calls(pattern: &Pattern<'_, SerialFanOut>) -> Cell {
    let calls = most_frequent_calls(pattern).and_then(|place| pattern.aside.get(place as usize));
    Cell::Names(calls.cloned().unwrap_or_default())
}

/// The findings with the most frequent list of calls.
fn with_these_calls(pattern: &Pattern<'_, SerialFanOut>) -> impl Iterator<Item = usize> {
    let (calls, of_findings) = (most_frequent_calls(pattern), &pattern.findings.details.calls);
    pattern.rows.iter().copied().filter(move |&row| Some(of_findings[row]) == calls)
}

fn most_frequent_number(pattern: &Pattern<'_, SerialFanOut>, number: fn(&DetailColumns) -> &[i64]) -> Cell {
    let numbers = number(&pattern.findings.details);
    most_frequent(with_these_calls(pattern).map(|row| numbers[row]).collect()).map_or(Cell::None, Cell::Int)
}

fn evidence(pattern: &Pattern<'_, SerialFanOut>) -> Cell {
    let evidence = &pattern.findings.details.evidence;
    let most = most_frequent(with_these_calls(pattern).map(|row| evidence.get(row)).collect());
    Cell::Text(most.unwrap_or(Evidence::None).as_str().to_owned())
}

impl Detector for SerialFanOut {
    type Seen = FanOuts;
    type Details = DetailColumns;
    // Lists of what was called, each a target and an operation, in the order of their names.
    type Aside = Vec<Vec<String>>;
    type Row = NoRow;

    const DESCRIPTION: &'static Description = &DESCRIPTION;
    const TABLE: TableRules<Self> = TableRules::Patterns(COLUMNS);

    fn see(&self, trace: &TraceView<'_>, seen: &mut Self::Seen) {
        seen.look(trace, self.limits());
    }

    fn conclude(&self, seen: Self::Seen, whole: &Whole<'_>) -> Concluded<Self> {
        let FanOuts { sets, candidates, .. } = seen;
        let needed = Needed { usual: self.min_traces.0, proof: self.min_proof.0 };
        let mut judge = PairJudge::new(&sets, needed);
        let mut findings = Findings::default();
        let mut lists = ListsOfCalls::default();
        for place in 0..candidates.trace.len() {
            let candidate = Candidate::of(&candidates, place);
            let Some(run) = Run::of(&candidate, &mut judge, self.limits()) else { continue };
            let key = judge.keys[candidate.set as usize];
            self.report(&candidate, &run, key, &mut lists, &mut findings);
        }
        let aside = lists.in_order(whole.symbols, &mut findings.details.calls);
        Concluded { findings, aside, rows: Vec::new() }
    }
}

impl SerialFanOut {
    fn limits(&self) -> Limits {
        Limits {
            min_items: self.min_calls.0 as usize,
            min_proof: self.min_proof.0,
            tolerance_ns: self.tolerance.0,
            min_share: self.min_share.0,
        }
    }

    fn report(
        &self,
        candidate: &Candidate<'_>,
        run: &Run,
        key: &[Symbol],
        lists: &mut ListsOfCalls,
        findings: &mut Findings<DetailColumns>,
    ) {
        let (operation, items) = parts_of(key);
        let of_run = || run.items.iter().map(|&item| &candidate.items[item]);
        let list: Vec<[Symbol; 2]> = of_run().map(|item| [items[item.place][1], items[item.place][2]]).collect();
        let span_ids: Vec<SpanId> = of_run().flat_map(|item| item.span_ids).copied().collect();
        let edits: Vec<(Row, Edit)> = of_run()
            .zip(&run.chain.has)
            .filter(|&(_, &is_left)| !is_left)
            .flat_map(|(item, _)| item.calls.iter().map(|&row| (row, Edit::Cut)))
            .collect();
        let finding = Finding {
            span_id: span_ids[0],
            service: operation[0],
            operation: operation[1],
            target: None,
            start: candidate.items[run.items[0]].start,
            measured: run.items.len() as f64,
            threshold: f64::from(self.min_calls.0),
            impact_ns: run.saving_ns(),
            own_impact: 0,
            induced: false,
            kind: if run.saving_ns() > 0 { FindingKind::Proven } else { FindingKind::Unproven },
            span_ids: &span_ids,
            key: &operation,
            details: Details {
                calls: lists.place_of(list),
                items: run.items.len() as i64,
                pairs: run.pairs,
                independent_pairs: run.independent_pairs,
                serial_ns: run.serial_ns,
                saving_ns: run.saving_ns(),
                possible_ns: run.possible_ns,
                evidence: run.evidence,
            },
        };
        let remedy = Remedy { edits: &edits, ..Remedy::none(candidate.row) };
        findings.push_late(candidate.trace, candidate.adjusted_count, finding, remedy);
    }
}

/// Lists of what was called, each once. They get places as they come; in the end these are in the order of names, so that of two
/// that are as frequent the first by name is the smaller one.
#[derive(Default)]
struct ListsOfCalls {
    places: HashMap<Vec<[Symbol; 2]>, u32, FixedState>,
}

impl ListsOfCalls {
    fn place_of(&mut self, list: Vec<[Symbol; 2]>) -> u32 {
        let next = self.places.len() as u32;
        *self.places.entry(list).or_insert(next)
    }

    /// The lists by name; `places` become those among them.
    fn in_order(self, symbols: &Symbols, places: &mut [u32]) -> Vec<Vec<String>> {
        let name = |&[target, operation]: &[Symbol; 2]| joined([symbols.resolve(target), symbols.resolve(operation)]);
        let mut by_name: BTreeMap<Vec<String>, Vec<u32>> = BTreeMap::new();
        for (list, place) in &self.places {
            by_name.entry(list.iter().map(name).collect()).or_default().push(*place);
        }
        let mut new_places = vec![0; self.places.len()];
        for (new, olds) in (0u32..).zip(by_name.values()) {
            olds.iter().for_each(|&old| new_places[old as usize] = new);
        }
        places.iter_mut().for_each(|place| *place = new_places[*place as usize]);
        by_name.into_keys().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::latency::serial_fan_out::fan_outs::MAX_ITEMS;

    /// Lists that read alike are one, and of two that are as frequent the first by name is shown.
    #[test]
    fn lists_are_told_apart_by_their_names() {
        let mut symbols = Symbols::default();
        let [a, a_b, b, none] = ["a", "a b", "b", ""].map(|name| symbols.intern(name));
        let mut lists = ListsOfCalls::default();
        let lists_of = [vec![[b, a]], vec![[a, b]], vec![[a_b, none]], vec![[a, b], [b, a]], vec![[b, a]]];
        let mut places: Vec<u32> = lists_of.into_iter().map(|list| lists.place_of(list)).collect();
        let in_order = lists.in_order(&symbols, &mut places);
        assert_eq!(in_order, [vec!["a b"], vec!["a b", "b a"], vec!["b a"]]);
        assert_eq!(places, [2, 0, 0, 1, 2]);
    }

    #[test]
    fn the_page_says_what_is_left_out() {
        assert!(DESCRIPTION.documentation.contains(&format!("over {MAX_ITEMS} different calls")));
    }
}
