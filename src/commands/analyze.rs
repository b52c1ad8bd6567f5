//! `tracescan analyze`: the main job.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::Context;

use crate::analysis::{self, Analysis, Partial};
use crate::cli::{AnalyzeArgs, StdoutFormat};
use crate::config::Settings;
use crate::detectors::{Description, LATENCY_ATTRIBUTION};
use crate::frame::{Collection, Symbol};
use crate::ingest::{self, InputReport, LeftOut, ReadFrames};
use crate::rank::{PatternTable, Table, attribution_table, findings_table, pattern_table};
use crate::report::{
    BeyondCapSummary, ClockSkewSummary, DetectorTable, InputSummary, QualitySummary, Run, SelectionSummary, Summary,
    TotalsSummary, write_csv, write_files, write_json, write_markdown, write_ndjson, write_terminal,
};
use crate::span::TraceId;
use crate::trace::{self, Facts, TargetKind};

use super::diagnostics::{say, say_input_problems};
use super::progress::Bar;
use super::{Outcome, interrupt, standard_output};

/// Reads the inputs, analyses them, prints and writes what was found.
///
/// # Errors
/// If the settings make no sense or results cannot be written.
pub fn run(args: &AnalyzeArgs) -> anyhow::Result<Outcome> {
    let settings = Settings::for_analyze(args)?;
    // For inputs that must be copied before they can be read, too. A program around this one may have said otherwise.
    let _ = tempfile::env::override_temp_dir(&settings.temp_dir);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(settings.threads).build()?;
    pool.install(|| run_on_pool(args, &settings))
}

fn run_on_pool(args: &AnalyzeArgs, settings: &Settings) -> anyhow::Result<Outcome> {
    let mut phases = Phases::default();
    let reading = settings.reading();
    let bar = Bar::for_reading(&args.input.inputs);
    let ReadFrames { builders, reports: inputs, left_out } = ingest::read_frames(&args.input.inputs, &reading, &bar);
    bar.finish();
    phases.end("read");
    let all_read = say_input_problems(&inputs, args.analysis.verbose);

    let inconsistent_sampling = builders.iter().map(|builder| builder.inconsistent_sampling()).sum();
    let end_before_start = builders.iter().map(|builder| builder.end_before_start()).sum();
    if let Some(failure) = reading.spill.as_ref().and_then(|spill| spill.take_failure()) {
        return Err(failure.into());
    }
    let spilled_bytes = reading.spill.as_ref().map_or(0, |spill| spill.spilled_bytes());
    let collection = Collection::with_spilled(builders, reading.spill);
    let facts = trace::derive(&collection.vocabulary, &settings.uncounted_calls);
    phases.end("derive");
    let bar = Bar::for_spans("analysing", collection.len() as u64);
    let done = |spans| bar.add(spans);
    let Analysis { results: mut partial, trace_ids } =
        analysis::analyse(&collection, &facts, &settings.analysis(), &done, interrupt::flag());
    let beyond_cap = collection.beyond_cap();
    drop(collection);
    if let Some(failure) = partial.failure.take() {
        return Err(failure.into());
    }
    bar.finish();
    phases.end("analyse");

    let mut summary =
        summary_of(&partial, &facts, &inputs, [end_before_start, inconsistent_sampling], settings, left_out);
    summary.quality.beyond_cap = beyond_cap.into_iter().map(BeyondCapSummary::from).collect();
    let results = Results::rank(&mut partial, settings, &trace_ids, &facts)?;
    phases.end("rank");

    if let Some(directory) = &args.output {
        let run = Run {
            arguments: std::env::args().skip(1).collect(),
            settings: serde_json::to_value(settings)?,
            phases: phases.seconds,
            peak_memory_bytes: peak_memory_bytes(),
            spilled_bytes,
        };
        let files: Vec<&Table> = results.tables.iter().map(|(_, table)| table).chain([&results.findings]).collect();
        let bar = Bar::for_tables("writing", files.len());
        write_files(directory, &files, settings.table_format, &run, &summary, &|| bar.add(1))
            .with_context(|| format!("failed to write the results to {}", directory.display()))?;
        bar.finish();
    }
    print(settings, &summary, &results)?;

    if summary.totals.spans == 0 && !settings.allow_empty {
        say("error: the input holds no spans (--allow-empty takes that as a success)");
        return Ok(Outcome::Incomplete);
    }
    if !all_read {
        return Ok(Outcome::Incomplete);
    }
    let outcome = if results.fails { Outcome::FailOnMet } else { Outcome::Done };
    // The process ends next and gives its memory back at once; to free each text of each finding before takes much longer.
    std::mem::forget((results, partial));
    Ok(outcome)
}

/// A detector that ran.
struct Ran {
    description: &'static Description,
    /// Names and values of its thresholds.
    thresholds: Vec<(&'static str, u64)>,
}

/// Everything that was found, ranked.
struct Results {
    /// The detectors that ran, and their tables.
    tables: Vec<(Ran, Table)>,
    /// All findings.
    findings: Table,
    /// Whether `--fail-on` is met.
    fails: bool,
}

impl Results {
    fn rank(partial: &mut Partial, settings: &Settings, trace_ids: &[TraceId], facts: &Facts) -> anyhow::Result<Self> {
        let mut tables = Vec::new();
        let mut fails = false;
        let mut ranked: Vec<PatternTable> = Vec::new();
        let detectors = settings.detectors.all();
        let bar = Bar::for_tables("ranking", detectors.len() + 2);
        for (detector, findings) in detectors.iter().zip(&partial.findings) {
            let description = detector.description();
            ranked.push(pattern_table(description, findings, &partial.shared, &facts.symbols, trace_ids)?);
            let is_watched = settings.fail_on.iter().any(|name| name == "any" || name == description.name);
            let counts = |row: usize| findings.impacts[row] >= settings.min_impact_ns && !findings.induced[row];
            fails |= is_watched && (0..findings.len()).any(counts);
            bar.add(1);
        }
        let with_ids: Vec<_> = detectors
            .iter()
            .zip(&partial.findings)
            .zip(&ranked)
            .map(|((&detector, findings), ranked)| (detector, findings, ranked.pattern_ids.as_slice()))
            .collect();
        let attribution = std::mem::take(&mut partial.attribution);
        let (findings, attribution) = rayon::join(
            || findings_table(&with_ids, &facts.symbols, trace_ids),
            || attribution_table(attribution.finish(), &facts.symbols, trace_ids, partial.shared.is_weighted),
        );
        bar.add(1);
        for (detector, ranked) in detectors.iter().zip(ranked) {
            let description = detector.description();
            let threshold = |name| detector.threshold(name).map(|value| (name, value));
            let thresholds = description.thresholds.iter().filter_map(|known| threshold(known.name)).collect();
            if settings.enabled.contains(&description.name) {
                tables.push((Ran { description, thresholds }, ranked.table));
            }
        }
        if settings.enabled.contains(&LATENCY_ATTRIBUTION.name) {
            tables.push((Ran { description: &LATENCY_ATTRIBUTION, thresholds: Vec::new() }, attribution?));
        }
        bar.finish();
        Ok(Self { tables, findings, fails })
    }
}

fn print(settings: &Settings, summary: &Summary, results: &Results) -> anyhow::Result<()> {
    let tables: Vec<DetectorTable<'_>> = results
        .tables
        .iter()
        .map(|(ran, table)| DetectorTable { description: ran.description, thresholds: ran.thresholds.clone(), table })
        .collect();
    let style = standard_output::style();
    standard_output::write(|out| match settings.format {
        StdoutFormat::Table => write_terminal(out, summary, &tables, settings.top, style),
        StdoutFormat::Markdown => write_markdown(out, summary, &tables, settings.top),
        StdoutFormat::Csv => write_csv(out, &tables, settings.top),
        StdoutFormat::Json => write_json(out, summary, &tables, settings.top),
        StdoutFormat::Ndjson => write_ndjson(out, &tables, settings.top),
    })
}

fn summary_of(
    partial: &Partial,
    facts: &Facts,
    inputs: &[InputReport],
    [end_before_start, inconsistent_sampling]: [u64; 2],
    settings: &Settings,
    left_out: LeftOut,
) -> Summary {
    let (totals, quality) = (&partial.totals, &partial.quality);
    let calls: BTreeMap<String, u64> = TargetKind::ALL
        .into_iter()
        .zip(totals.calls)
        .filter(|&(_, count)| count > 0)
        .map(|(kind, count)| (kind.as_str().to_owned(), count))
        .collect();
    let name = |symbol: Symbol| facts.symbols.resolve(symbol).to_owned();
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
        inputs: inputs.iter().map(input_summary).collect(),
        selection: (!settings.selection.is_all()).then(|| SelectionSummary {
            since: settings.selection.since_unix_nano,
            until: settings.selection.until_unix_nano,
            services: settings.selection.services.clone(),
            spans_left_out: left_out.spans,
            row_groups_not_read: left_out.row_groups,
            spans_not_read: left_out.spans_not_read,
        }),
        totals: TotalsSummary {
            spans: totals.spans,
            traces: totals.traces,
            services: facts.service_count as u64,
            roots: totals.roots,
            calls,
            root_duration_ns: totals.root_duration_ns,
            failed_spans: totals.failed_spans,
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
            clamped: quality.clamped,
            without_kind: quality.without_kind,
            with_status: quality.with_status,
            with_adjusted_count: quality.with_adjusted_count,
            inconsistent_sampling,
            is_weighted: partial.shared.is_weighted,
            without_target: quality.without_target,
            end_before_start,
            beyond_cap: Vec::new(),
            clock_skew,
        },
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
    }
}

/// Seconds by phase.
struct Phases {
    seconds: Vec<(String, f64)>,
    since: Instant,
}

impl Default for Phases {
    fn default() -> Self {
        Self { seconds: Vec::new(), since: Instant::now() }
    }
}

impl Phases {
    fn end(&mut self, name: &str) {
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
