//! What is made of results, wherever they come from: ranked, written, printed, and an exit code.

mod evidence;
pub(super) mod judged;
mod report_facts;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::analysis::{Again, Analysis, Results};
use crate::cli::{StdoutFormat, TablesShown};
use crate::compare::{ComparedRun, Comparison, changes_table, latency_changes_table};
use crate::config::Settings;
use crate::detectors::{Cell, Level, SeenByAll, TableRow, Whole};
use crate::frame::{Collection, Symbol};
use crate::gates::{CheckedBudget, budgets_table, check_budgets};
use crate::incident::{Incident, IncidentError, SUSPECT_ROWS, SUSPECTS, TimeRange, conclude};
use crate::ingest::{IngestWarning, InputReport};
use crate::rank::{
    Denominators, FindingsTable, Ranked, Ranking, Rows, Table, entries_table, pattern_entries_table, pattern_requests,
    patterns_table, place_of_largest, problems, set_statuses,
};
use crate::report::{
    BeyondCapSummary, ClockSkewSummary, ComparisonSummary, DetectorTable, FirstFailure, GateSummary, InputSummary,
    ProblemList, QualitySummary, Report, Run, SelectionSummary, SensitiveTraces, Summary, TerminalReport,
    TotalsSummary, TraceLinks, write_comparison, write_csv, write_files, write_json, write_markdown,
    write_markdown_tables, write_ndjson, write_reports, write_terminal,
};
use crate::savings::Overlaps;
use crate::trace::{Semantics, TargetKind};

use super::Outcome;
use super::process::arguments;
use super::process::diagnostics::say;
use super::process::progress::Bar;
use super::process::standard_output;
pub(super) use evidence::names_code;
use evidence::{code_locations, evidence};
use judged::{
    Baseline, failures, ignored, names_of, patterns_for_gate, say_unseen_failures, statuses, summary_of_comparison,
    tripping,
};
use report_facts::{path_stacks, service_graph};

/// What was counted while inputs were read.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct ReadCounts {
    /// Spans whose end lies before their start.
    pub(super) end_before_start: u64,
    /// Spans whose sampling threshold says that they were not kept.
    pub(super) inconsistent_sampling: u64,
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// The inputs.
    pub(super) inputs: Vec<InputSummary>,
    /// Which traces were analysed, if not all.
    pub(super) selection: Option<SelectionSummary>,
    /// Why there are no spans, if a selection matches none of those that there are.
    pub(super) no_match: Option<String>,
    /// What was counted.
    pub(super) counts: ReadCounts,
    /// Values that were too many to be told apart.
    pub(super) beyond_cap: Vec<BeyondCapSummary>,
    /// Bytes of spans that were put aside.
    pub(super) spilled_bytes: u64,
    /// Whether everything could be read.
    pub(super) all_read: bool,
    /// The run to compare with.
    pub(super) baseline: Option<Baseline>,
    /// The spans, if some traces are to be looked at again.
    pub(super) kept: Option<Collection>,
}

/// Ranks results, writes them to `output`, prints them, and says how the run ended.
///
/// # Errors
/// If results cannot be written.
pub(super) fn present(
    analysis: Analysis,
    semantics: &Semantics,
    read: Read,
    settings: &Settings,
    output: Option<&Path>,
    mut phases: Phases,
) -> anyhow::Result<Outcome> {
    let Analysis { mut results, trace_ids, callee_names } = analysis;
    let (all_read, spilled_bytes, no_match) = (read.all_read, read.spilled_bytes, read.no_match.clone());
    let mut read = read;
    let (baseline, kept) = (read.baseline.take(), read.kept.take());
    let mut summary = summary_of(&results, semantics, read);
    let mut kept_bytes = results.seen.bytes();
    kept_bytes.push(("gathered", results.gathered.bytes()));
    kept_bytes.push(("overlaps", results.overlaps.bytes()));
    kept_bytes.push(("requests", results.requests.bytes()));
    let requests = std::mem::take(&mut results.requests).by_entry();
    let sampled = results.seen.sampled_traces();
    let sensitive_traces = sampled.map(|read| SensitiveTraces { read, of: results.totals.traces });
    let seen = std::mem::take(&mut results.seen);
    let whole = Whole {
        symbols: &semantics.symbols,
        lists: &semantics.lists,
        trace_ids: &trace_ids,
        is_weighted: results.is_weighted(),
        gathered: &results.gathered,
    };
    let incident = incident(settings, &results, &whole)?;
    summary.incident = incident.as_ref().map(|incident| incident.summary(whole.symbols));
    let ranked = rank(seen, settings, &whole, &mut results.overlaps)?;
    let denominators = Denominators { requests: summary.totals.roots, segment_ns: summary.totals.segment_duration_ns };
    let mut problems = problems(&ranked, &results.overlaps, denominators, &whole);
    let patterns = pattern_requests(&ranked, &requests);
    let beside: Vec<Table> = vec![
        entries_table(&requests, &whole),
        patterns_table(&patterns, &whole),
        pattern_entries_table(&patterns, &requests, &whole),
    ];
    let names = names_of(&patterns, &problems, &whole);
    let ignored = ignored(settings, &names);
    let made = || ranked.iter().map(|ranked| &ranked.table).chain(&beside).chain([&problems]);
    let comparison = match baseline {
        Some(Baseline { path, run }) => {
            let mut new = ComparedRun::of_tables(&settings.enabled, serde_json::to_value(settings)?, made());
            new.incomplete_inputs = summary.incomplete_inputs();
            let mut comparison = Comparison::new(run, new, &settings.compare);
            comparison.ignore(|id, _| ignored.get(id).cloned());
            Some((path, comparison))
        }
        None => None,
    };
    let statuses = statuses(&ignored, comparison.as_ref().map(|(_, comparison)| comparison));
    let budgets = check_budgets(&settings.budgets, &requests, &whole);
    let for_gate = patterns_for_gate(&ranked, &names, &statuses, settings.gate_thresholds(), &whole);
    let failures = failures(settings, &for_gate, &budgets);
    set_statuses(&mut problems, |id| statuses.get(id).map(|(status, reason)| (status.as_str(), reason.as_str())));
    let mut compared = Vec::new();
    if let Some((_, comparison)) = &comparison {
        compared.push(changes_table(comparison));
        compared.push(latency_changes_table(&comparison.latency));
    }
    if !settings.budgets.is_empty() {
        compared.push(budgets_table(&budgets));
    }
    phases.end("rank");

    let arguments = arguments();
    if let Some(directory) = output {
        let run = Run {
            arguments: arguments.clone(),
            settings: serde_json::to_value(settings)?,
            phases: phases.seconds,
            peak_memory_bytes: peak_memory_bytes(),
            spilled_bytes,
            kept_bytes,
            sensitive_traces,
        };
        let findings = FindingsTable::new(&ranked, &whole);
        let tables = ranked.iter().flat_map(|ranked| std::iter::once(&ranked.table).chain(&ranked.beside));
        let tables = tables.map(|table| table as &dyn Rows);
        let of_incident = incident.iter().flat_map(|incident| &incident.tables);
        let beside = beside.iter().chain(&compared).chain(of_incident).map(|table| table as &dyn Rows);
        let tables = [&problems as &dyn Rows].into_iter().chain(tables);
        let files: Vec<&dyn Rows> = tables.chain([&findings as &dyn Rows]).chain(beside).collect();
        let bar = Bar::for_tables("writing", files.len());
        write_files(directory, &files, settings.table_format, &run, &summary, &|| bar.add(1))
            .with_context(|| format!("failed to write the results to {}", directory.display()))?;
        bar.finish();
    }
    let comparison = comparison.map(|(path, comparison)| summary_of_comparison(&path, &comparison));
    let printed = Printed {
        summary: &summary,
        problems: ProblemList { table: &problems, first_failure: first_failure(&ranked), notes_left_out: 0 },
        ranked: &ranked,
        compared: &compared,
        comparison: comparison.as_ref(),
        incident: incident.as_ref(),
    };
    if !settings.reports.is_empty() {
        let (mut shown, mut code) = (None, HashMap::new());
        if let Some(collection) = &kept {
            let analysis = &settings.analysis();
            let again = Again { collection, semantics, settings: analysis, callee_names: &callee_names };
            if settings.shows_traces() {
                shown = Some(evidence(again, &ranked, &problems, &requests, &whole)?);
            }
            if settings.names_code() {
                code = code_locations(again, &ranked, &problems, &whole)?;
            }
        }
        drop(kept);
        let tripped = tripping(settings, &for_gate);
        let gate = GateSummary { fail_on: settings.fail_on.clone(), failures: failures.clone(), tripped };
        let detectors = detector_tables(&printed);
        let report = Report {
            summary: &summary,
            problems: &printed.problems,
            detectors: &detectors,
            entries: beside.first(),
            compared: &compared,
            comparison: comparison.as_ref(),
            timeline: results.gathered.timeline.as_ref(),
            evidence: shown.as_ref(),
            code: &code,
            incident: incident.as_ref().map_or(&[][..], |incident| &incident.tables),
            max_page_bytes: settings.report_size_bytes,
            service_graph: service_graph(&results.gathered, &semantics.symbols),
            path_stacks: path_stacks(&results.gathered, &semantics.symbols),
            gate: &gate,
            is_complete: all_read,
            links: &TraceLinks { url: settings.trace_url.clone(), between: times_of(&summary) },
            arguments: &arguments,
            settings: &serde_json::to_value(settings)?,
        };
        for warning in write_reports(&settings.reports, &report)? {
            say(&format!("warning: {warning}"));
        }
    }
    print(settings, &printed)?;
    say_gate(settings, &summary, &budgets, &failures);
    // The process ends next and gives its memory back at once; to free each text of each table takes much longer.
    std::mem::forget(ranked);
    Ok(outcome(summary.totals.spans, no_match.as_deref(), all_read, !failures.is_empty(), settings))
}

/// Compares requests, if the settings ask for it.
fn incident(settings: &Settings, results: &Results, whole: &Whole<'_>) -> Result<Option<Incident>, IncidentError> {
    let Some((asked, log)) = settings.incident.as_ref().zip(whole.gathered.requests.as_ref()) else {
        return Ok(None);
    };
    let (first, last) = (results.totals.first_start, results.totals.last_end);
    let dump = first.zip(last).map(|(start, end)| TimeRange { start, end: end.saturating_add(1) });
    conclude(asked, log, whole, dump).map(Some)
}

/// How a run ended that found `spans` spans; `no_match` says why if its selection matches none of those that there are.
pub(super) fn outcome(spans: u64, no_match: Option<&str>, all_read: bool, fails: bool, settings: &Settings) -> Outcome {
    // Of what could not be read nobody knows whether it holds spans.
    if spans == 0 && !settings.allow_empty && all_read {
        let why = no_match.unwrap_or("the input holds no spans");
        say(&format!("error: {why} (--allow-empty takes that as a success)"));
        return Outcome::Incomplete;
    }
    match (all_read, fails) {
        (false, _) => Outcome::Incomplete,
        (true, true) => Outcome::FailOnMet,
        (true, false) => Outcome::Done,
    }
}

/// Values of `collection` that were too many to be told apart, once its traces were seen.
pub(super) fn beyond_cap_summaries(collection: &Collection) -> Vec<BeyondCapSummary> {
    collection.beyond_cap().into_iter().map(BeyondCapSummary::from).collect()
}

/// What was read of each input.
pub(super) fn input_summaries(inputs: &[InputReport]) -> Vec<InputSummary> {
    inputs.iter().map(input_summary).collect()
}

/// Lets the detectors conclude, and ranks what they found.
fn rank(
    seen: SeenByAll,
    settings: &Settings,
    whole: &Whole<'_>,
    overlaps: &mut Overlaps,
) -> anyhow::Result<Vec<Ranked>> {
    let bar = Bar::for_tables("ranking", settings.enabled.len());
    let done = || bar.add(1);
    let mut ranking = Ranking::new(whole, &done);
    seen.conclude(&settings.detectors, whole, overlaps, &mut ranking);
    let ranked = ranking.ranked?;
    bar.finish();
    Ok(ranked)
}

/// Says why the run fails, and what the gate could not see.
fn say_gate(settings: &Settings, summary: &Summary, budgets: &[CheckedBudget], failures: &[String]) {
    for budget in budgets.iter().filter(|budget| budget.is_met().is_none()) {
        say(&format!("warning: no request for [budget] {}", budget.told()));
    }
    say_unseen_failures(settings, summary);
    for failure in failures {
        say(&format!("failed: {failure}"));
    }
}

/// What is printed.
struct Printed<'a> {
    summary: &'a Summary,
    problems: ProblemList<'a>,
    ranked: &'a [Ranked],
    /// Tables of what was compared with others, and of budgets.
    compared: &'a [Table],
    comparison: Option<&'a ComparisonSummary>,
    incident: Option<&'a Incident>,
}

/// Tables of the detectors, the one with the largest problem first.
fn detector_tables<'a>(printed: &Printed<'a>) -> Vec<DetectorTable<'a>> {
    let mut order: Vec<&'a Ranked> = printed.ranked.iter().collect();
    order.sort_by_cached_key(|ranked| place_of_largest(printed.problems.table, ranked.description.name));
    order.into_iter().map(detector_table).collect()
}

fn detector_table(ranked: &Ranked) -> DetectorTable<'_> {
    let Ranked { description, thresholds, table, headings, .. } = ranked;
    DetectorTable { description, thresholds: thresholds.clone(), table, headings: headings.as_ref(), notes_left_out: 0 }
}

/// When the first span began and the last one ended, in ns since 1970.
fn times_of(summary: &Summary) -> (i64, i64) {
    (summary.totals.first_start.unwrap_or(0), summary.totals.last_end.unwrap_or(0))
}

fn print(settings: &Settings, printed: &Printed<'_>) -> anyhow::Result<()> {
    let Printed { summary, problems, ranked, compared, comparison, incident } = printed;
    let is_for_people = settings.format == StdoutFormat::Table;
    let mut tables_of_detectors =
        if is_for_people { detector_tables(printed) } else { ranked.iter().map(detector_table).collect() };
    let are_notes_shown = settings.notes || !is_for_people;
    let without_notes: Vec<Option<Table>> = tables_of_detectors
        .iter()
        .map(|shown| shown.table.without("level", Level::Note.as_str()).filter(|_| !are_notes_shown))
        .collect();
    for (shown, without_notes) in tables_of_detectors.iter_mut().zip(&without_notes) {
        if let Some(table) = without_notes {
            shown.notes_left_out = shown.table.row_count() - table.row_count();
            shown.table = table;
        }
    }
    let of_incident = || incident.iter().flat_map(|incident| &incident.tables);
    let of_detectors = ranked.iter().flat_map(|ranked| std::iter::once(&ranked.table).chain(&ranked.beside));
    let tables: Vec<&Table> =
        of_incident().chain(std::iter::once(problems.table)).chain(of_detectors).chain(*compared).collect();
    // People on a terminal are told of suspects in words.
    if !is_for_people {
        let described = [&SUSPECTS, &SUSPECT_ROWS].into_iter().zip(of_incident());
        let described = described.map(|(description, table)| DetectorTable {
            description,
            thresholds: Vec::new(),
            table,
            headings: None,
            notes_left_out: 0,
        });
        tables_of_detectors.splice(0..0, described);
    }
    let shown_problems = problems.table.without("level", Level::Note.as_str()).filter(|_| !are_notes_shown);
    let shown = shown_problems.as_ref().unwrap_or(problems.table);
    let notes_left_out = (problems.table.row_count() - shown.row_count()) as u64;
    let problems = &ProblemList { table: shown, notes_left_out, ..problems.clone() };
    let report = TerminalReport {
        summary,
        problems,
        tables: if settings.tables == TablesShown::All { &tables_of_detectors } else { &[] },
        top: settings.top,
        quiet: settings.quiet,
        links: standard_output::links(settings.color, settings.trace_url.as_ref(), times_of(summary)),
    };
    standard_output::say_rows_left_out(settings.format, &tables, settings.top);
    let style = standard_output::style(settings.color);
    standard_output::write(|out| match settings.format {
        StdoutFormat::Table => {
            write_terminal(out, &report, style)?;
            let Some(comparison) = comparison else { return Ok(()) };
            writeln!(out)?;
            write_comparison(out, comparison, settings.top, style)
        }
        StdoutFormat::Markdown => {
            let links = TraceLinks { url: settings.trace_url.clone(), between: times_of(summary) };
            let style = standard_output::markdown(settings.top, &links);
            write_markdown(out, summary, problems, &tables_of_detectors, style)?;
            write_markdown_tables(out, compared, style)
        }
        StdoutFormat::Csv => write_csv(out, &tables, settings.top),
        StdoutFormat::Json => write_json(out, summary, &tables, settings.top),
        StdoutFormat::Ndjson => write_ndjson(out, &tables, settings.top),
    })
}

/// The failure that was first: that of the table of origins which was seen first, ties by rank.
fn first_failure(ranked: &[Ranked]) -> Option<FirstFailure> {
    let Ranked { table, .. } = ranked.iter().find(|ranked| ranked.description.table == "failure_origins")?;
    let (_, starts) = table.column("first_seen")?;
    let starts = starts.iter().enumerate().filter_map(|(row, cell)| match cell {
        Cell::Int(start) => Some((*start, row)),
        _ => None,
    });
    let (start, row) = starts.min()?;
    let row = TableRow { columns: &table.columns, values: &table.values, row };
    let place = [row.text("origin_service"), row.text("origin_operation"), row.text("origin_target")];
    let place: Vec<&str> = place.into_iter().filter(|name| !name.is_empty()).collect();
    let what = match row.first_said(["message", "error_type", "error_class"]) {
        Some(reason) => format!("{}, {reason}", place.join(" ")),
        None => place.join(" "),
    };
    Some(FirstFailure { start, what })
}

fn summary_of(results: &Results, semantics: &Semantics, read: Read) -> Summary {
    let (totals, quality) = (&results.totals, &results.quality);
    let calls: BTreeMap<String, u64> = TargetKind::ALL
        .into_iter()
        .zip(totals.calls)
        .filter(|&(_, count)| count > 0)
        .map(|(kind, count)| (kind.as_str().to_owned(), count))
        .collect();
    let name = |symbol: Symbol| semantics.symbols.resolve(symbol).to_owned();
    let clock_skew = quality
        .clock_skew
        .iter()
        .map(|(&(caller, callee), skew)| ClockSkewSummary {
            caller: name(caller),
            callee: name(callee),
            spans: skew.spans,
            max_ns: skew.max_ns,
        })
        .collect();
    Summary {
        inputs: read.inputs,
        selection: read.selection,
        totals: TotalsSummary {
            spans: totals.spans,
            traces: totals.traces,
            services: totals.services.len() as u64,
            roots: totals.roots,
            calls,
            root_duration_ns: totals.root_duration_ns,
            failed_spans: totals.failed_spans,
            failed_traces: totals.failed_traces,
            failed_roots: totals.failed_roots,
            segment_duration_ns: totals.segment_duration_ns,
            first_start: totals.first_start,
            last_end: totals.last_end,
        },
        quality: QualitySummary {
            orphans: quality.orphans,
            missing_roots: quality.missing_roots,
            duplicates: quality.duplicates,
            id_collisions: quality.id_collisions,
            shared_ids: quality.shared_ids,
            cycles: quality.cycles,
            without_service: quality.without_service,
            inherited_services: quality.inherited_services,
            clamped: quality.clamped,
            without_kind: quality.without_kind,
            with_status: quality.with_status,
            with_code: quality.with_code,
            with_adjusted_count: quality.with_adjusted_count,
            inconsistent_sampling: read.counts.inconsistent_sampling,
            is_weighted: results.is_weighted(),
            without_target: quality.without_target,
            end_before_start: read.counts.end_before_start,
            before_1971: quality.before_1971,
            in_future: quality.in_future,
            long_roots: quality.long_roots,
            in_several_parts: quality.in_several_parts,
            beyond_cap: read.beyond_cap,
            clock_skew,
        },
        incident: None,
    }
}

fn input_summary(report: &InputReport) -> InputSummary {
    let reasons = report.skipped.counts.iter();
    InputSummary {
        path: report.path.display().to_string(),
        format: report.format.to_owned(),
        bytes: report.bytes,
        spans: report.spans,
        skipped: reasons.map(|(reason, &count)| (reason.as_str().to_owned(), count)).collect(),
        first_offsets: report.skipped.first_offsets.clone(),
        errors: report.errors.iter().map(ToString::to_string).collect(),
        cautions: report.warnings.iter().filter_map(IngestWarning::doubt).collect(),
    }
}

/// Seconds by phase.
pub(super) struct Phases {
    seconds: Vec<(String, f64)>,
    since: Instant,
}

impl Default for Phases {
    fn default() -> Self {
        Self { seconds: Vec::new(), since: Instant::now() }
    }
}

impl Phases {
    pub(super) fn end(&mut self, name: &str) {
        self.seconds.push((name.to_owned(), self.since.elapsed().as_secs_f64()));
        self.since = Instant::now();
    }
}

/// The most memory that this process had at once, as Linux counts it.
fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}
