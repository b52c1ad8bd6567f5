//! The first screen: what a reader must know in five seconds, and what not to trust.

use crate::report::header::{CAUTION, header_lines};
use crate::report::kinds::Report;
use crate::report::problem_list::ProblemInWords;
use crate::report::text::units;

use super::problem_cards::anchor;
use super::shown_text::{shortened, shown};

/// A figure with its name.
#[derive(Clone, Debug, Default)]
pub(super) struct Tile {
    pub(super) label: &'static str,
    pub(super) value: String,
    pub(super) note: String,
    /// `good`, `warn`, `bad` or nothing.
    pub(super) state: &'static str,
}

/// A statement that stands out.
#[derive(Clone, Debug, Default)]
pub(super) struct Callout {
    pub(super) heading: &'static str,
    pub(super) text: String,
    pub(super) more: Vec<String>,
    /// The trace to open, and where it can be looked at; both may be empty.
    pub(super) trace_id: String,
    pub(super) href: String,
    /// Where in the page the rest stands; may be empty.
    pub(super) anchor: String,
    /// `good`, `warn` or `bad`, and `wide` if there is much to say.
    pub(super) state: &'static str,
}

/// Characters of a statement.
const MAX_FACT: usize = 1_000;

/// From such a share on, somebody should do something.
const LARGE_SHARE: f64 = 0.2;

/// How sure a comparison is that found somebody.
const CLEAR: &str = "clear";

/// The first screen.
#[derive(Clone, Debug, Default)]
pub(super) struct Verdict {
    pub(super) headline: String,
    pub(super) source: String,
    pub(super) tiles: Vec<Tile>,
    pub(super) callouts: Vec<Callout>,
    pub(super) cautions: Vec<String>,
    /// What was odd about the data, in one line; empty if nothing was.
    pub(super) quality: String,
    pub(super) facts: Vec<[String; 2]>,
}

impl Verdict {
    /// That of a run. `first` is the problem to mend first, if there is any.
    pub(super) fn of(report: &Report<'_>, first: Option<&ProblemInWords>) -> Self {
        let totals = &report.summary.totals;
        let (patterns, unexplained) = report.problems.counts();
        let saved = report.problems.saved_by_first(totals.segment_duration_ns);
        let lines = header_lines(report.summary);
        let is_caution = |line: &&(&str, String)| line.0 == CAUTION;
        let cautions: Vec<String> = lines.iter().filter(is_caution).map(|(_, text)| shown(text)).collect();
        let mut facts: Vec<[String; 2]> = lines
            .iter()
            .filter(|line| !is_caution(line))
            .map(|(label, text)| [(*label).to_owned(), shortened(text, MAX_FACT)])
            .collect();
        facts.extend(
            report
                .problems
                .header_lines(report.summary)
                .into_iter()
                .map(|(label, text)| [label.to_owned(), shortened(&text, MAX_FACT)]),
        );
        let mut tiles = vec![
            Tile {
                label: "requests",
                value: units::count(totals.roots),
                note: format!(
                    "{}, {}",
                    units::counted(totals.traces, "trace"),
                    units::counted(totals.services, "service")
                ),
                state: "",
            },
            failed_tile(report),
            Tile {
                label: "time of all requests",
                value: units::duration(totals.segment_duration_ns),
                note: "summed durations, asynchronous parts too".to_owned(),
                state: "",
            },
            Tile {
                label: "problems",
                value: units::count(unexplained),
                note: match patterns - unexplained {
                    0 => "none follows from another".to_owned(),
                    1 => "1 more follows from these".to_owned(),
                    others => format!("{} more follow from these", units::count(others)),
                },
                state: "",
            },
        ];
        tiles.extend(held_tile(report, saved));
        if !report.gate.fail_on.is_empty() {
            let is_met = report.gate.failures.is_empty();
            tiles.insert(
                0,
                Tile {
                    label: "gate",
                    value: if is_met { "passed" } else { "failed" }.to_owned(),
                    note: report.gate.fail_on.join(", "),
                    state: if is_met { "good" } else { "bad" },
                },
            );
        }
        let names = report.summary.inputs.iter().map(|input| shown(&input.path)).take(3).collect::<Vec<_>>();
        let more = report.summary.inputs.len().saturating_sub(names.len());
        let mut source = names.join(", ");
        if more > 0 {
            source.push_str(&format!(" and {}", units::counted(more as u64, "more input")));
        }
        if let Some(range) = report.summary.time_range() {
            source.push_str(&format!(" · {}", shown(&range)));
        }
        Self {
            headline: headline(report, unexplained, saved),
            source,
            tiles,
            callouts: callouts(report, first),
            cautions,
            quality: shortened(&report.summary.oddities().join("; "), MAX_FACT),
            facts,
        }
    }
}

fn headline(report: &Report<'_>, unexplained: u64, saved: f64) -> String {
    let totals = &report.summary.totals;
    if totals.spans == 0 {
        return "There are no spans in the input".to_owned();
    }
    let failed = match totals.failed_roots {
        0 if report.summary.tells_no_outcome() => "Whether requests failed was not recorded".to_owned(),
        0 => format!("None of {} failed", units::counted(totals.roots, "request")),
        failed => format!(
            "{} of {} failed ({})",
            units::count(failed),
            units::counted(totals.roots, "request"),
            units::share_of(failed, totals.roots)
        ),
    };
    let problems = match (unexplained, saved) {
        (0, _) => "no anti-pattern was found".to_owned(),
        (1, saved) if saved > 0.0 => format!("one problem holds {} of all request time", units::share(saved)),
        (2..=5, saved) if saved > 0.0 => {
            format!("{} hold {} of all request time", units::counted(unexplained, "problem"), units::share(saved))
        }
        (_, saved) if saved > 0.0 => {
            format!("the first five problems hold {} of all request time", units::share(saved))
        }
        (count, _) => format!("{} to look at", units::counted(count, "problem")),
    };
    format!("{failed}; {problems}")
}

/// What mending the first problems would give, if that is known.
fn held_tile(report: &Report<'_>, saved: f64) -> Option<Tile> {
    let label = "held by the first five";
    let mended = report.problems.mended_by_first();
    if saved > 0.0 {
        let state = if saved >= LARGE_SHARE { "warn" } else { "" };
        return Some(Tile { label, value: units::share(saved), note: "of the time of all requests".to_owned(), state });
    }
    let failed = units::counted(report.summary.totals.failed_roots, "failed request");
    (mended > 0).then(|| Tile { label, value: units::count(mended), note: format!("of {failed}"), state: "warn" })
}

fn failed_tile(report: &Report<'_>) -> Tile {
    let totals = &report.summary.totals;
    let is_known = totals.failed_spans > 0 || !report.summary.tells_no_outcome();
    let note = match totals.failed_spans {
        0 if is_known => "no span failed".to_owned(),
        0 => "no span has a status".to_owned(),
        spans => {
            format!("{}; {}", units::share_of(totals.failed_roots, totals.roots), units::counted(spans, "failed span"))
        }
    };
    let state = match totals.failed_roots {
        _ if !is_known => "",
        0 => "good",
        _ => "bad",
    };
    let value = if is_known { units::count(totals.failed_roots) } else { "–".to_owned() };
    Tile { label: "failed requests", value, note, state }
}

fn callouts(report: &Report<'_>, first: Option<&ProblemInWords>) -> Vec<Callout> {
    let mut callouts = Vec::new();
    if !report.gate.failures.is_empty() {
        callouts.push(Callout {
            heading: "Why the gate fails",
            text: report.gate.failures.iter().map(|failure| shown(failure)).collect::<Vec<_>>().join("; "),
            state: "bad",
            ..Callout::default()
        });
    }
    if let Some(failure) = &report.problems.first_failure {
        callouts.push(Callout {
            heading: "What failed first",
            text: shortened(&report.problems.first_failure_in_words(&report.summary.totals, failure), MAX_FACT),
            state: "bad",
            ..Callout::default()
        });
    }
    if let Some(first) = first {
        callouts.push(Callout {
            heading: "What to mend first",
            text: shortened(&first.title, MAX_FACT),
            more: vec![shown(&first.costs.join(" · ")), format!("Fix: {}", shown(&first.fix))],
            trace_id: first.trace_id.clone(),
            href: report.links.address(&first.trace_id),
            anchor: anchor(&first.pattern_id),
            state: "wide",
        });
    }
    if let Some(incident) = &report.summary.incident {
        // Who it was comes first, if that is clear; else that nothing is.
        let mut lines = vec![shown(&incident.verdict())];
        lines.extend(incident.first_suspects.first().map(|suspect| shown(&suspect.in_words())));
        if incident.confidence == CLEAR {
            lines.reverse();
        }
        callouts.push(Callout {
            heading: "What was different in the window",
            text: shortened(&lines.remove(0), MAX_FACT),
            more: lines,
            anchor: "incident".to_owned(),
            state: "warn wide",
            ..Callout::default()
        });
    }
    if !report.is_complete {
        callouts.push(Callout {
            heading: "Not everything could be read",
            text: "What is missing is not part of any number here: see what was read".to_owned(),
            anchor: "measured".to_owned(),
            state: "bad",
            ..Callout::default()
        });
    }
    callouts
}
