//! The table of what became of each pattern.

use std::collections::BTreeMap;

use crate::detectors::{Cell, Column, Unit};
use crate::rank::Table;
use crate::report::units;

use super::compared_run::{ComparedRun, PatternNames};
use super::latency_changes::{EntryChange, latency_changes};
use super::status::{ComparisonRules, Status, Verdict, verdicts};

/// Columns of the table.
pub(crate) static CHANGE_COLUMNS: [Column; 15] = [
    Column::new("rank", Unit::Count, "place: new ones first, then worse ones; of these the largest impact"),
    Column::new("pattern_id", Unit::Id, "id of the pattern, the same in every run"),
    Column::new("detector", Unit::Text, "detector that reports it"),
    Column::new("service", Unit::Text, "service of the caller, the entry or the origin"),
    Column::new("operation", Unit::Text, "what is called, entered or failed there"),
    Column::new("target", Unit::Text, "what it is about, if that is a target"),
    Column::new("title", Unit::Text, "the pattern in a sentence"),
    Column::new("status", Unit::Text, "new, worse, unseen_entry, gone, better, not_exercised, same or ignored"),
    Column::new("old_rate", Unit::Number, "requests with it for 1,000 of its entries' requests in the baseline"),
    Column::new("new_rate", Unit::Number, "the same in the new run"),
    Column::new("old_impact_per_request_ns", Unit::Nanoseconds, "median impact on a request with it in the baseline"),
    Column::new("new_impact_per_request_ns", Unit::Nanoseconds, "the same in the new run"),
    Column::new("old_example_trace_id", Unit::Id, "a trace of the baseline to open"),
    Column::new("new_example_trace_id", Unit::Id, "a trace of the new run to open"),
    Column::new("status_reason", Unit::Text, "why it has its status"),
];

/// The name of the table.
pub(crate) const CHANGES: &str = "changes";

/// Columns that are shown to people.
static SHOWN: &[&str] = &[
    "rank",
    "status",
    "title",
    "status_reason",
    "old_rate",
    "new_rate",
    "old_impact_per_request_ns",
    "new_impact_per_request_ns",
    "new_example_trace_id",
];

/// A row of the table.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// The pattern's id.
    pub(crate) pattern_id: String,
    /// What became of it.
    pub(crate) verdict: Verdict,
    /// What people are told of it, as it was and as it is.
    pub(crate) names: [Option<PatternNames>; 2],
    /// Median impact on a request in ns, as it was and as it is.
    pub(crate) impact_per_request_ns: [Option<i64>; 2],
}

impl Change {
    /// What people are told of it now, or last.
    pub(crate) fn shown(&self) -> &PatternNames {
        let [old, new] = &self.names;
        new.as_ref().or(old.as_ref()).expect("a pattern that is compared is in one of the runs")
    }
}

/// Two runs against each other.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// What became of each pattern, the most important first.
    pub(crate) changes: Vec<Change>,
    /// What became of the time of each entry.
    pub(crate) latency: Vec<EntryChange>,
    /// What could not be compared, or only with doubt, in words.
    pub(crate) doubts: Vec<String>,
}

impl Comparison {
    /// Compares the baseline with a run.
    pub(crate) fn new(mut old: ComparedRun, mut new: ComparedRun, rules: &ComparisonRules) -> Self {
        let doubts = doubts(&old, &new);
        let [of_old, of_new] = [&old, &new].map(|run| run.enabled.clone());
        let is_in_both = |detector: &str| of_old.iter().chain(&of_new).filter(|name| *name == detector).count() == 2;
        for run in [&mut old, &mut new] {
            let ComparedRun { names, seen, .. } = run;
            seen.patterns.retain(|id, _| names.get(id).is_some_and(|names| is_in_both(&names.detector)));
        }
        let changes: Vec<Change> = verdicts(&old.seen, &new.seen, rules)
            .into_iter()
            .map(|(pattern_id, verdict)| {
                let runs = [&old, &new];
                let impact = |run: &ComparedRun| Some(run.seen.patterns.get(&pattern_id)?.impact.p50_ns);
                let names = |run: &ComparedRun| run.names.get(&pattern_id).cloned();
                let (names, impact_per_request_ns) = (runs.map(names), runs.map(impact));
                Change { verdict, names, impact_per_request_ns, pattern_id }
            })
            .collect();
        let mut comparison = Self { changes, latency: latency_changes(&old, &new), doubts };
        comparison.order();
        comparison
    }

    /// How many patterns have each status.
    pub(crate) fn counts(&self) -> BTreeMap<Status, u64> {
        let mut counts = BTreeMap::new();
        for change in &self.changes {
            *counts.entry(change.verdict.status).or_default() += 1;
        }
        counts
    }

    /// Says of patterns of the new run that they are known, where `reason` says why.
    pub(crate) fn ignore(&mut self, mut reason: impl FnMut(&str, &PatternNames) -> Option<String>) {
        for change in &mut self.changes {
            let [_, Some(names)] = &change.names else { continue };
            if let Some(reason) = reason(&change.pattern_id, names) {
                change.verdict.status = Status::Ignored;
                change.verdict.reason = reason;
            }
        }
        self.order();
    }

    fn order(&mut self) {
        self.changes.sort_by_cached_key(|change| {
            let impact = change.names.iter().flatten().map(|names| names.impact_ns).max();
            let detector = change.shown().detector.clone();
            (change.verdict.status, std::cmp::Reverse(impact), detector, change.pattern_id.clone())
        });
    }

    /// The status of each pattern, and why.
    pub(crate) fn by_pattern(&self) -> BTreeMap<&str, &Verdict> {
        self.changes.iter().map(|change| (change.pattern_id.as_str(), &change.verdict)).collect()
    }
}

/// What makes a comparison of two runs doubtful.
fn doubts(old: &ComparedRun, new: &ComparedRun) -> Vec<String> {
    let mut doubts = Vec::new();
    if old.version != new.version {
        doubts.push(format!(
            "version {} made the baseline and {} the new run: they may not look for the same",
            old.version, new.version
        ));
    }
    let without = |run: &ComparedRun, other: &ComparedRun| -> Vec<String> {
        other.enabled.iter().filter(|name| !run.is_enabled(name)).cloned().collect()
    };
    for (run, other, which) in [(old, new, "the baseline"), (new, old, "the new run")] {
        let off = without(run, other);
        if !off.is_empty() {
            doubts.push(format!("{} did not run in {which}, so nothing is said of what it finds", off.join(", ")));
        }
    }
    for detector in old.enabled.iter().filter(|name| new.is_enabled(name)) {
        let [was, is] = [old, new].map(|run| run.settings.get(detector).unwrap_or(&serde_json::Value::Null));
        if was != is {
            doubts.push(format!("thresholds of {detector} differ: {was} in the baseline, {is} in the new run"));
        }
    }
    for (run, which) in [(old, "the baseline"), (new, "the new run")] {
        if run.incomplete_inputs > 0 {
            let inputs = units::counted(run.incomplete_inputs, "input");
            doubts.push(format!(
                "{inputs} of {which} could not be read to the end: what is missing may look gone, or new"
            ));
        }
    }
    let services = |run: &ComparedRun| -> Vec<String> {
        let selected = run.settings.pointer("/selection/services").and_then(serde_json::Value::as_array);
        selected.into_iter().flatten().filter_map(|service| Some(service.as_str()?.to_owned())).collect()
    };
    if services(old) != services(new) {
        let [was, is] = [old, new].map(|run| match services(run) {
            all if all.is_empty() => "all services".to_owned(),
            some => some.join(", "),
        });
        doubts.push(format!("traces of {was} are in the baseline, of {is} in the new run"));
    }
    for key in ["overlap_tolerance", "uncounted_calls", "names"] {
        if old.settings.get(key) != new.settings.get(key) {
            doubts.push(format!("{key} differs between the runs"));
        }
    }
    doubts
}

/// The table of all patterns.
pub(crate) fn changes_table(comparison: &Comparison) -> Table {
    let mut values: Vec<Vec<Cell>> = vec![Vec::new(); CHANGE_COLUMNS.len()];
    for (rank, change) in (1..).zip(&comparison.changes) {
        let Verdict { status, reason, old_rate, new_rate } = &change.verdict;
        let PatternNames { detector, service, operation, target, .. } = change.shown();
        let text = |text: &str| Cell::Text(text.to_owned());
        let float = |number: Option<f64>| number.map_or(Cell::None, Cell::Float);
        let int = |number: Option<i64>| number.map_or(Cell::None, Cell::Int);
        let example = |run: usize| {
            let names = change.names[run].as_ref();
            names
                .filter(|names| !names.example_trace_id.is_empty())
                .map_or(Cell::None, |names| text(&names.example_trace_id))
        };
        let cells = [
            Cell::Int(rank),
            text(&change.pattern_id),
            text(detector),
            text(service),
            text(operation),
            text(target),
            Cell::Text(title(change.shown())),
            text(status.as_str()),
            float(*old_rate),
            float(*new_rate),
            int(change.impact_per_request_ns[0]),
            int(change.impact_per_request_ns[1]),
            example(0),
            example(1),
            text(reason),
        ];
        values.iter_mut().zip(cells).for_each(|(column, cell)| column.push(cell));
    }
    Table { name: CHANGES, columns: CHANGE_COLUMNS.to_vec(), terminal_columns: SHOWN, values, summed_up: 0 }
}

/// A pattern in a few words.
pub(crate) fn title(names: &PatternNames) -> String {
    let PatternNames { title, detector, service, operation, target, .. } = names;
    if !title.is_empty() {
        return title.clone();
    }
    let place = format!("{detector}: {service} {operation}");
    if target.is_empty() { place } else { format!("{place} → {target}") }
}
