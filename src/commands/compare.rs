//! `tracescan compare`: two runs against each other.

use std::path::Path;

use anyhow::{Context as _, bail};
use hashbrown::HashMap;

use crate::cli::{CompareArgs, StdoutFormat};
use crate::compare::{ComparedRun, Comparison, RunDirectory, Status, changes_table, latency_changes_table};
use crate::config::Settings;
use crate::rank::{Rows, Table, set_statuses};
use crate::report::{
    ComparisonQuality, ComparisonRun, ComparisonSummary, GateSummary, ProblemList, Report, Summary, TraceLinks,
    check_report_files, write_comparison, write_comparison_files, write_csv, write_json_tables, write_markdown_tables,
    write_ndjson, write_reports,
};

use super::Outcome;
use super::process::arguments;
use super::process::diagnostics::{say, say_configuration};
use super::process::standard_output;
use super::recorded_report::RecordedReport;
use super::results::judged::{
    check_gate, check_gate_over_both, failures, ignored, recorded_patterns_for_gate, say_unseen_failures, statuses,
    summary_of_comparison, tripping,
};

/// Reads both runs, says what changed, and writes it.
///
/// # Errors
/// If one of them cannot be read, or results cannot be written.
pub(crate) fn run(args: &CompareArgs) -> anyhow::Result<Outcome> {
    let settings = Settings::for_compare(args)?;
    say_configuration(&settings);
    check_report_files(&settings.reports)?;
    if settings.fail_on.iter().any(|word| word == "budget") {
        bail!("--fail-on budget would see nothing: budgets are of one run; give them to analyze");
    }
    if let Some(output) = &args.output {
        for run in [&args.old, &args.new] {
            if is_same(output, run) {
                bail!("--output {} would replace the tables of a run that is compared", output.display());
            }
        }
    }
    if let Some(report) = settings.reports.iter().find(|report| report.kind.needs_spans()) {
        bail!("compare reads no spans, of which {} is made: give it to analyze", report.path.display());
    }
    let old = ComparedRun::read(&args.old)?;
    let new = ComparedRun::read(&args.new)?;
    let enabled: Vec<&str> = new.enabled.iter().map(String::as_str).collect();
    check_gate(&settings, &enabled, true)?;
    check_gate_over_both(&settings, &old, &enabled)?;
    let names = new.names.clone();
    let ignored = ignored(&settings, &names);
    let mut comparison = Comparison::new(old, new, &settings.compare);
    comparison.ignore(|id, _| ignored.get(id).cloned());
    let statuses = statuses(&ignored, Some(&comparison));
    let for_gate = recorded_patterns_for_gate(&names, &statuses, settings.gate_thresholds());
    let failures = failures(&settings, &for_gate, &[]);

    let (changes, latency) = (changes_table(&comparison), latency_changes_table(&comparison.latency));
    let comparison_in_words = summary_of_comparison(&args.old, &comparison);
    if let Some(directory) = &args.output {
        let run = ComparisonRun {
            arguments: arguments(),
            settings: serde_json::to_value(&settings)?,
            baseline: args.old.display().to_string(),
            run: args.new.display().to_string(),
            totals: comparison.counts().into_iter().map(|(status, count)| (status.as_str(), count)).collect(),
            quality: ComparisonQuality { doubts: comparison.doubts.clone() },
        };
        let tables: [&dyn Rows; 2] = [&changes, &latency];
        write_comparison_files(directory, &tables, settings.table_format, &run)
            .with_context(|| format!("failed to write the results to {}", directory.display()))?;
    }
    let tables = [changes, latency];
    let tripped = tripping(&settings, &for_gate);
    let gate = GateSummary { fail_on: settings.fail_on.clone(), failures: failures.clone(), tripped };
    write_reports_of_comparison(&args.new, &settings, &tables, &comparison_in_words, &statuses, &gate)?;
    let all: Vec<&Table> = tables.iter().collect();
    let (top, style) = (settings.top, standard_output::style(settings.color));
    let links = TraceLinks::default();
    standard_output::write(|out| match settings.format {
        StdoutFormat::Table => write_comparison(out, &comparison_in_words, top, style),
        StdoutFormat::Markdown => write_markdown_tables(out, &tables, standard_output::markdown(top, &links)),
        StdoutFormat::Csv => write_csv(out, &all, top),
        StdoutFormat::Json => write_json_tables(out, &all, top),
        StdoutFormat::Ndjson => write_ndjson(out, &all, top),
    })?;
    standard_output::say_rows_left_out(settings.format, &all, top);
    // What cannot be told of a run that an older version made changes nothing of what was found.
    let recorded = RunDirectory::of_any_format(&args.new).ok().and_then(|run| run.run_json().ok());
    if let Some(summary) = recorded.and_then(|text| Summary::recorded(&text).ok()) {
        say_unseen_failures(&settings, &summary);
    }
    for failure in &failures {
        say(&format!("failed: {failure}"));
    }
    Ok(if failures.is_empty() { Outcome::Done } else { Outcome::FailOnMet })
}

/// Writes the reports that were asked for: of the new run, with what became of its patterns.
fn write_reports_of_comparison(
    run: &Path,
    settings: &Settings,
    tables: &[Table],
    comparison: &ComparisonSummary,
    statuses: &HashMap<String, (Status, String)>,
    gate: &GateSummary,
) -> anyhow::Result<()> {
    if settings.reports.is_empty() {
        return Ok(());
    }
    let mut recorded = RecordedReport::read(run)?;
    set_statuses(&mut recorded.problems, |id| {
        statuses.get(id).map(|(status, reason)| (status.as_str(), reason.as_str()))
    });
    let totals = &recorded.summary.totals;
    let between = (totals.first_start.unwrap_or(0), totals.last_end.unwrap_or(0));
    let arguments = arguments();
    let report = Report {
        summary: &recorded.summary,
        problems: &ProblemList { table: &recorded.problems, first_failure: None, notes_left_out: 0 },
        detectors: &recorded.detectors(),
        entries: recorded.entries.as_ref(),
        compared: tables,
        comparison: Some(comparison),
        service_graph: None,
        timeline: None,
        evidence: None,
        code: &HashMap::new(),
        incident: &[],
        path_stacks: None,
        gate,
        max_page_bytes: settings.report_size_bytes,
        is_complete: recorded.summary.is_complete(),
        links: &TraceLinks { url: settings.trace_url.clone(), between },
        arguments: &arguments,
        settings: &recorded.settings,
    };
    for warning in write_reports(&settings.reports, &report)? {
        say(&format!("warning: {warning}"));
    }
    Ok(())
}

fn is_same(left: &Path, right: &Path) -> bool {
    match (left.canonicalize(), right.canonicalize()) {
        (Ok(left), Ok(right)) => left == right,
        _ => left == right,
    }
}
