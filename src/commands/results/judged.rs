//! What is made of patterns once they are ranked: what became of them, which are known, and whether the run fails.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::bail;
use hashbrown::HashMap;

use crate::compare::{ComparedRun, Comparison, PatternNames, Status, title};
use crate::config::Settings;
use crate::detectors::{CatalogEntry, Cell, Level, Whole, catalog};
use crate::gates::{
    Budget, CheckedBudget, Gate, GateWord, IgnoredPatterns, PatternForGate, PatternForIgnore, Thresholds, Tripped,
};
use crate::partial::TraceNumber;
use crate::rank::{PatternRequests, Ranked, Table};
use crate::report::{ChangedEntry, ChangedPattern, ComparisonSummary, Summary, units};

use crate::commands::process::diagnostics::say;

/// A run to compare with.
#[derive(Debug)]
pub(in crate::commands) struct Baseline {
    /// Its output directory.
    pub(in crate::commands) path: PathBuf,
    /// What is there.
    pub(in crate::commands) run: ComparedRun,
}

impl Baseline {
    /// The run in an output directory.
    ///
    /// # Errors
    /// If there is none that can be compared.
    pub(in crate::commands) fn read(path: &Path) -> anyhow::Result<Self> {
        Ok(Self { path: path.to_owned(), run: ComparedRun::read(path)? })
    }
}

/// Checks that the gate sees something, before work is done.
///
/// # Errors
/// If a part of it could not trip whatever happened.
pub(in crate::commands) fn check_gate(settings: &Settings, enabled: &[&str], has_baseline: bool) -> anyhow::Result<()> {
    let words = settings.gate_words();
    let gate = Gate { words: &words, thresholds: settings.gate_thresholds() };
    let has_findings =
        catalog().iter().any(|entry| entry.description.has_findings && enabled.contains(&entry.description.name));
    let has_limits = settings.budgets.iter().any(Budget::has_limit);
    gate.check(|name| enabled.contains(&name), has_findings, has_baseline, has_limits)?;
    let risks = catalog().into_iter().filter(|entry| entry.description.finds_risks_only);
    for CatalogEntry { description, .. } in risks {
        if words.contains(&GateWord::Detector(description.name.to_owned())) {
            let name = description.name;
            say(&format!("warning: --fail-on {name} never fails: what it finds are risks, at which no gate looks"));
        }
    }
    Ok(())
}

/// Says that a gate looks at failures where spans do not tell of any.
pub(in crate::commands) fn say_unseen_failures(settings: &Settings, summary: &Summary) {
    let needs_failures = |word: &GateWord| match word {
        GateWord::Any | GateWord::New | GateWord::Worse => true,
        GateWord::Budget => settings.budgets.iter().any(|budget| budget.max_failed_share.is_some()),
        GateWord::Detector(name) => {
            let named = catalog().into_iter().find(|entry| entry.description.name == name);
            named.is_some_and(|entry| entry.description.needs_failures)
        }
    };
    if summary.totals.spans > 0 && summary.tells_no_outcome() && settings.gate_words().iter().any(needs_failures) {
        say("warning: --fail-on sees no failures: no span has a status");
    }
}

/// Checks that what became of patterns can be said at all: some detector that finds patterns was on in both runs.
///
/// # Errors
/// If there is none, and the gate asks.
pub(in crate::commands) fn check_gate_over_both(
    settings: &Settings,
    old: &ComparedRun,
    new: &[&str],
) -> anyhow::Result<()> {
    let asked = settings.fail_on.iter().find(|word| *word == "new" || *word == "worse");
    let is_in_both = |entry: &CatalogEntry| {
        let name = entry.description.name;
        entry.description.has_findings && new.contains(&name) && old.enabled.iter().any(|known| known == name)
    };
    match asked {
        Some(word) if !catalog().iter().any(is_in_both) => {
            bail!("--fail-on {word} would see nothing: no detector was on in both runs")
        }
        Some(word) if !old.has_requests() => {
            bail!("--fail-on {word} would see nothing: there is no request in the baseline")
        }
        _ => Ok(()),
    }
}

/// Names of patterns as they are told.
pub(in crate::commands) fn names_of(
    patterns: &[PatternRequests],
    problems: &Table,
    whole: &Whole<'_>,
) -> BTreeMap<String, PatternNames> {
    let column = |name: &str| problems.column(name).map_or(&[][..], |(_, cells)| cells);
    let by_id = |name: &str| -> HashMap<&str, &str> {
        let cells = column("pattern_id").iter().zip(column(name));
        let texts = cells.filter_map(|cells| match cells {
            (Cell::Text(id), Cell::Text(text)) => Some((id.as_str(), text.as_str())),
            _ => None,
        });
        texts.collect()
    };
    let (titles, levels) = (by_id("title"), by_id("level"));
    let text = |symbol| whole.symbols.resolve(symbol).to_owned();
    let trace = |number: TraceNumber| {
        number.index().and_then(|index| whole.trace_ids.get(index)).map(ToString::to_string).unwrap_or_default()
    };
    let names = |pattern: &PatternRequests| {
        let names = PatternNames {
            title: titles.get(pattern.pattern_id.as_str()).map_or_else(String::new, |&title| title.to_owned()),
            detector: pattern.detector.to_owned(),
            service: text(pattern.service),
            operation: text(pattern.operation),
            target: text(pattern.target),
            impact_ns: pattern.impact_ns,
            largest_impact_ns: pattern.largest.map(|(impact, _)| impact),
            failed_requests: pattern.failed_requests,
            findings: pattern.findings,
            example_trace_id: trace(pattern.example_trace),
            is_risk: levels.get(pattern.pattern_id.as_str()).is_some_and(|&level| level != Level::Problem.as_str()),
        };
        (pattern.pattern_id.clone(), names)
    };
    patterns.iter().map(names).collect()
}

/// Which patterns are known, and why; says what is wrong with the rules.
pub(in crate::commands) fn ignored(
    settings: &Settings,
    names: &BTreeMap<String, PatternNames>,
) -> BTreeMap<String, String> {
    let mut rules = IgnoredPatterns::new(&settings.ignore, IgnoredPatterns::today());
    let mut ignored = BTreeMap::new();
    for (id, names) in names {
        let PatternNames { detector, service, operation, target, impact_ns, .. } = names;
        let pattern = PatternForIgnore { id, detector, service, operation, target, impact_ns: *impact_ns };
        if let Some(reason) = rules.reason(&pattern) {
            ignored.insert(id.clone(), reason);
        }
    }
    for warning in rules.warnings() {
        say(&format!("warning: {warning}"));
    }
    ignored
}

/// What became of each pattern, by its id: that it is known, or how it compares with a baseline.
pub(in crate::commands) fn statuses(
    ignored: &BTreeMap<String, String>,
    comparison: Option<&Comparison>,
) -> HashMap<String, (Status, String)> {
    let compared = comparison.into_iter().flat_map(Comparison::by_pattern);
    let compared = compared.map(|(id, verdict)| (id.to_owned(), (verdict.status, verdict.reason.clone())));
    let known = ignored.iter().map(|(id, reason)| (id.clone(), (Status::Ignored, reason.clone())));
    compared.chain(known).collect()
}

/// Why the run fails, if it does; what is said is one line for each reason.
pub(in crate::commands) fn failures(
    settings: &Settings,
    patterns: &[PatternForGate],
    budgets: &[CheckedBudget],
) -> Vec<String> {
    let words = settings.gate_words();
    let gate = Gate { words: &words, thresholds: settings.gate_thresholds() };
    let mut failures: Vec<String> = gate.tripped_by(patterns).as_ref().map(Tripped::to_string).into_iter().collect();
    if words.contains(&GateWord::Budget) {
        let missed: Vec<&CheckedBudget> = budgets.iter().filter(|budget| budget.is_met() == Some(false)).collect();
        if let Some(first) = missed.first() {
            let are = if missed.len() == 1 { "is" } else { "are" };
            let budgets = units::counted(missed.len() as u64, "budget");
            failures.push(format!("{budgets} {are} not met, first: {}", first.told()));
        }
    }
    failures
}

/// Ids of the patterns because of which the run fails.
pub(in crate::commands) fn tripping(settings: &Settings, patterns: &[PatternForGate]) -> BTreeSet<String> {
    let words = settings.gate_words();
    let gate = Gate { words: &words, thresholds: settings.gate_thresholds() };
    patterns.iter().filter(|pattern| gate.trips(pattern)).map(|pattern| pattern.pattern_id.clone()).collect()
}

/// The findings of a pattern that count.
#[derive(Clone, Copy, Default)]
struct Counted {
    findings: u64,
    /// Those that are too small, but count if the pattern is singled out.
    if_singled_out: u64,
    /// The largest impact in ns and its trace; of equal ones the smallest id.
    worst: Option<(i64, Reverse<TraceNumber>)>,
}

/// What the gate looks at of the patterns of a run that was just made.
pub(in crate::commands) fn patterns_for_gate(
    ranked: &[Ranked],
    names: &BTreeMap<String, PatternNames>,
    statuses: &HashMap<String, (Status, String)>,
    thresholds: Thresholds,
    whole: &Whole<'_>,
) -> Vec<PatternForGate> {
    let mut all = Vec::new();
    // A structure that may do harm is no reason to fail: a new release would turn nightly jobs red that nothing has changed for.
    for Ranked { description, findings, patterns_of_findings, pattern_ids, levels, .. } in ranked {
        let mut counted = vec![Counted::default(); pattern_ids.len()];
        for (row, &pattern) in patterns_of_findings.iter().enumerate() {
            let impact_ns = findings.impact_ns[row];
            let is_failure = findings.failed_requests[row] > 0;
            let is_problem = levels[pattern as usize] == Level::Problem;
            let counts = thresholds.counts(impact_ns, findings.induced[row], is_failure);
            if is_problem && (counts || description.gates_at_any_impact) {
                let counted = &mut counted[pattern as usize];
                *(if counts { &mut counted.findings } else { &mut counted.if_singled_out }) += 1;
                counted.worst = counted.worst.max(Some((impact_ns, Reverse(findings.trace[row]))));
            }
        }
        for (id, Counted { findings, if_singled_out, worst }) in pattern_ids.iter().zip(counted) {
            let Some(names) = names.get(id) else { continue };
            let trace = |number: TraceNumber| {
                let id = number.index().and_then(|index| whole.trace_ids.get(index));
                id.map(ToString::to_string).unwrap_or_default()
            };
            let worst = worst.map(|(impact, Reverse(number))| (impact, trace(number)));
            let status = statuses.get(id).map(|(status, _)| *status);
            let pattern = pattern_for_gate(id, names, [findings, if_singled_out], worst, status);
            all.push(PatternForGate { has_counted_findings: true, ..pattern });
        }
    }
    all
}

/// What the gate looks at of the patterns of a run whose output directory was read.
pub(in crate::commands) fn recorded_patterns_for_gate(
    names: &BTreeMap<String, PatternNames>,
    statuses: &HashMap<String, (Status, String)>,
    thresholds: Thresholds,
) -> Vec<PatternForGate> {
    let catalog = catalog();
    let of_pattern = |(id, names): (&String, &PatternNames)| {
        let is_failure = names.failed_requests > 0;
        let counts = names.largest_impact_ns.is_some_and(|impact| thresholds.counts(impact, false, is_failure));
        let at_any_impact =
            |entry: &CatalogEntry| entry.description.name == names.detector && entry.description.gates_at_any_impact;
        let counts_at_any = catalog.iter().any(at_any_impact);
        let worst = names.largest_impact_ns.map(|impact| (impact, names.example_trace_id.clone()));
        let findings = match (names.is_risk, counts) {
            (false, true) => [names.findings, 0],
            (false, false) if counts_at_any => [0, names.findings],
            _ => [0, 0],
        };
        pattern_for_gate(id, names, findings, worst, statuses.get(id).map(|(status, _)| *status))
    };
    names.iter().map(of_pattern).collect()
}

fn pattern_for_gate(
    id: &str,
    names: &PatternNames,
    [findings, findings_if_singled_out]: [u64; 2],
    worst: Option<(i64, String)>,
    status: Option<Status>,
) -> PatternForGate {
    PatternForGate {
        pattern_id: id.to_owned(),
        detector: names.detector.clone(),
        title: title(names),
        findings,
        has_counted_findings: false,
        findings_if_singled_out,
        worst,
        impact_ns: names.impact_ns,
        failed_requests: names.failed_requests,
        status,
    }
}

/// What people are told of a comparison.
pub(in crate::commands) fn summary_of_comparison(baseline: &Path, comparison: &Comparison) -> ComparisonSummary {
    let is_told = |status: Status| !matches!(status, Status::Same | Status::Ignored | Status::NotExercised);
    let patterns = comparison.changes.iter().filter(|change| is_told(change.verdict.status));
    let patterns = patterns.map(|change| ChangedPattern {
        status: change.verdict.status.as_str(),
        title: title(change.shown()),
        reason: change.verdict.reason.clone(),
        trace_id: change.shown().example_trace_id.clone(),
    });
    let entries = comparison.latency.iter().filter(|entry| entry.mean_ns[0] != entry.mean_ns[1]);
    let entries = entries.map(|entry| ChangedEntry {
        name: format!("{} {}", entry.entry.service, entry.entry.operation),
        mean_ns: entry.mean_ns,
        places: entry
            .rows
            .iter()
            .map(|row| {
                let place = &row.place;
                let words = [&place.service, &place.operation, &place.component, &place.target];
                let words: Vec<&str> = words.into_iter().map(String::as_str).filter(|word| !word.is_empty()).collect();
                (words.join(" "), row.difference_ns())
            })
            .collect(),
    });
    ComparisonSummary {
        baseline: baseline.display().to_string(),
        counts: comparison.counts().into_iter().map(|(status, count)| (status.as_str(), count)).collect(),
        doubts: comparison.doubts.clone(),
        patterns: patterns.collect(),
        entries: entries.collect(),
    }
}
