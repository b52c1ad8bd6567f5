//! `tracescan analyze`: the main job.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::Context;

use crate::analysis::{self, Analysis, Results};
use crate::cli::{AnalyzeArgs, StdoutFormat};
use crate::config::Settings;
use crate::detectors::{SeenByAll, Whole};
use crate::frame::{Collection, Symbol};
use crate::ingest::{self, InputReport, LeftOut, ReadFrames};
use crate::rank::{FindingsTable, Ranked, Ranking, Rows};
use crate::report::{
    ClockSkewSummary, DetectorTable, InputSummary, QualitySummary, Run, SelectionSummary, Summary, TotalsSummary,
    write_csv, write_files, write_json, write_markdown, write_ndjson, write_terminal,
};
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
    let Analysis { mut results, trace_ids } =
        analysis::analyse(&collection, &facts, &settings.analysis(), &done, interrupt::flag());
    drop(collection);
    if let Some(failure) = results.failure.take() {
        return Err(failure.into());
    }
    bar.finish();
    phases.end("analyse");

    let summary = summary_of(&results, &facts, &inputs, [end_before_start, inconsistent_sampling], settings, left_out);
    let kept_bytes = results.seen.bytes();
    let whole = Whole {
        symbols: &facts.symbols,
        trace_ids: &trace_ids,
        is_weighted: results.is_weighted(),
        gathered: &results.gathered,
    };
    let ranked = rank(std::mem::take(&mut results.seen), settings, &whole)?;
    let fails = ranked.iter().any(|ranked| fails(ranked, settings));
    phases.end("rank");

    if let Some(directory) = &args.output {
        let run = Run {
            arguments: std::env::args().skip(1).collect(),
            settings: serde_json::to_value(settings)?,
            phases: phases.seconds,
            peak_memory_bytes: peak_memory_bytes(),
            spilled_bytes,
            kept_bytes,
        };
        let findings = FindingsTable::new(&ranked, &whole);
        let tables = ranked.iter().map(|ranked| &ranked.table as &dyn Rows);
        let files: Vec<&dyn Rows> = tables.chain([&findings as &dyn Rows]).collect();
        let bar = Bar::for_tables("writing", files.len());
        write_files(directory, &files, settings.table_format, &run, &summary, &|| bar.add(1))
            .with_context(|| format!("failed to write the results to {}", directory.display()))?;
        bar.finish();
    }
    print(settings, &summary, &ranked)?;

    if summary.totals.spans == 0 && !settings.allow_empty {
        say("error: the input holds no spans (--allow-empty takes that as a success)");
        return Ok(Outcome::Incomplete);
    }
    if !all_read {
        return Ok(Outcome::Incomplete);
    }
    // The process ends next and gives its memory back at once; to free each text of each table takes much longer.
    std::mem::forget(ranked);
    Ok(if fails { Outcome::FailOnMet } else { Outcome::Done })
}

/// Lets the detectors conclude, and ranks what they found.
fn rank(seen: SeenByAll, settings: &Settings, whole: &Whole<'_>) -> anyhow::Result<Vec<Ranked>> {
    let bar = Bar::for_tables("ranking", settings.enabled.len());
    let done = || bar.add(1);
    let mut ranking = Ranking::new(whole, &done);
    seen.conclude(&settings.detectors, whole, &mut ranking);
    let ranked = ranking.ranked?;
    bar.finish();
    Ok(ranked)
}

/// Whether `--fail-on` is met by findings of a detector.
fn fails(ranked: &Ranked, settings: &Settings) -> bool {
    let is_watched = settings.fail_on.iter().any(|name| name == "any" || name == ranked.description.name);
    let findings = &ranked.findings;
    let counts = |row: usize| findings.impact_ns[row] >= settings.min_impact_ns && !findings.induced[row];
    is_watched && (0..findings.len()).any(counts)
}

fn print(settings: &Settings, summary: &Summary, ranked: &[Ranked]) -> anyhow::Result<()> {
    let tables: Vec<DetectorTable<'_>> = ranked
        .iter()
        .map(|Ranked { description, thresholds, table, .. }| DetectorTable {
            description,
            thresholds: thresholds.clone(),
            table,
        })
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
    results: &Results,
    facts: &Facts,
    inputs: &[InputReport],
    [end_before_start, inconsistent_sampling]: [u64; 2],
    settings: &Settings,
    left_out: LeftOut,
) -> Summary {
    let (totals, quality) = (&results.totals, &results.quality);
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
            is_weighted: results.is_weighted(),
            without_target: quality.without_target,
            end_before_start,
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
