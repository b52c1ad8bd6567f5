//! `tracescan analyze`: the main job.

use std::borrow::Cow;
use std::io::IsTerminal as _;
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::analysis;
use crate::cli::AnalyzeArgs;
use crate::config::Settings;
use crate::frame::Collection;
use crate::ingest::{self, ReadFrames};
use crate::report::{SelectionSummary, WholeFile, check_report_files, finish_files, units};
use crate::trace::{self, Semantics};

use super::Outcome;
use super::no_match::no_match;
use super::part_description::PartDescription;
use super::process::diagnostics::{all_absent, say, say_configuration, say_input_problems};
use super::process::progress::Bar;
use super::process::standard_output::STANDARD_OUTPUT;
use super::process::{interrupt, standard_output, threads};
use super::results::judged::{Baseline, check_gate, check_gate_over_both};
use super::results::{Phases, Read, ReadCounts, beyond_cap_summaries, input_summaries, names_code, outcome, present};

/// So many spans are read once more to say what could have been selected.
const MOST_SPANS_TO_READ_AGAIN: u64 = 10_000_000;

/// Reads the inputs, analyses them, prints and writes what was found.
///
/// # Errors
/// If the settings make no sense or results cannot be written.
pub(crate) fn run(args: &AnalyzeArgs) -> anyhow::Result<Outcome> {
    let settings = Settings::for_analyze(args)?;
    say_configuration(&settings);
    if args.partial.as_deref().is_some_and(is_standard_output) && std::io::stdout().is_terminal() {
        bail!(
            "standard output is a terminal, which cannot show partial results: redirect it, or name a file with --partial"
        );
    }
    check_report_files(&settings.reports)?;
    check_gate(&settings, &settings.enabled, args.baseline.is_some())?;
    // For inputs that must be copied before they can be read, too. A program around this one may have said otherwise.
    let _ = tempfile::env::override_temp_dir(&settings.temp_dir);
    let pool = threads::pool(settings.threads)?;
    pool.install(|| run_on_pool(args, &settings))
}

fn run_on_pool(args: &AnalyzeArgs, settings: &Settings) -> anyhow::Result<Outcome> {
    let mut phases = Phases::default();
    // Before the work, and before the results take its place.
    let baseline = args.baseline.as_deref().map(Baseline::read).transpose()?;
    if let Some(baseline) = &baseline {
        check_gate_over_both(settings, &baseline.run, &settings.enabled)?;
    }
    let reading = settings.reading();
    let bar = Bar::for_reading(&args.input.inputs);
    let ReadFrames { builders, reports: inputs, left_out, offered } =
        ingest::read_frames(&args.input.inputs, &reading, &bar);
    bar.finish();
    phases.end("read");
    let all_read = say_input_problems(&inputs, args.analysis.verbose);
    if all_absent(&inputs) {
        return Ok(Outcome::Incomplete);
    }

    let no_match = offered.filter(|_| left_out.spans + left_out.spans_not_read > 0).map(|offered| {
        // Statistics of row groups rule services out, and do not say which ones there are.
        let is_all = left_out.spans_not_read == 0 || left_out.spans_not_read > MOST_SPANS_TO_READ_AGAIN;
        let offered = if is_all { offered } else { ingest::offered(&args.input.inputs, &reading, &()) };
        no_match(&settings.selection, &offered)
    });

    let inconsistent_sampling = builders.iter().map(|builder| builder.inconsistent_sampling()).sum();
    let end_before_start = builders.iter().map(|builder| builder.end_before_start()).sum();
    if let Some(failure) = reading.spill.as_ref().and_then(|spill| spill.take_failure()) {
        return Err(failure.into());
    }
    let store = reading.spill.clone();
    let mut collection = Collection::with_spilled(builders, reading.spill);
    let is_kept = settings.shows_traces() || settings.names_code() && names_code(&collection.vocabulary);
    if is_kept {
        collection.keep();
    }
    let semantics = trace::derive_asked(&collection.vocabulary, &settings.lists(), settings.of_signatures());
    semantics.symbols.check()?;
    phases.end("derive");
    let spans = collection.len();
    let bar = Bar::for_spans("analysing", spans as u64);
    let done = |spans| bar.add(spans);
    let counts = ReadCounts { end_before_start, inconsistent_sampling };
    if let Some(path) = &args.partial {
        let part = PartDescription::new(settings, &inputs, counts);
        let traces = write_part(path, part, &collection, &semantics, settings, &done)?;
        bar.finish();
        let (of_spans, of_traces) = (units::counted(spans as u64, "span"), units::counted(traces as u64, "trace"));
        say(&format!("wrote what {of_spans} of {of_traces} give to {}", output_name(path)));
        return Ok(outcome(spans as u64, no_match.as_deref(), all_read, false, settings));
    }
    let mut analysis = analysis::analyse(&collection, &semantics, &settings.analysis(), &done, interrupt::flag());
    let beyond_cap = beyond_cap_summaries(&collection);
    let kept = is_kept.then_some(collection);
    if let Some(failure) = analysis.results.failure.take() {
        return Err(failure.into());
    }
    bar.finish();
    phases.end("analyse");
    // What was gathered may have been put aside as well.
    let spilled_bytes = store.map_or(0, |store| store.spilled_bytes());

    let left_out = (!settings.selection.is_all()).then(|| SelectionSummary {
        since: settings.selection.since_unix_nano,
        until: settings.selection.until_unix_nano,
        services: settings.selection.services.clone(),
        spans_left_out: left_out.spans,
        row_groups_not_read: left_out.row_groups,
        spans_not_read: left_out.spans_not_read,
    });
    let read = Read {
        inputs: input_summaries(&inputs),
        selection: left_out,
        no_match,
        counts,
        beyond_cap,
        spilled_bytes,
        all_read,
        baseline,
        kept,
    };
    present(analysis, &semantics, read, settings, args.results.output.as_deref(), phases)
}

fn is_standard_output(path: &Path) -> bool {
    path.as_os_str() == STANDARD_OUTPUT
}

/// What is written to `path`, for people.
fn output_name(path: &Path) -> Cow<'_, str> {
    if is_standard_output(path) { Cow::Borrowed("standard output") } else { path.to_string_lossy() }
}

/// Analyses a part of an input and writes what it gives to `path`, a file whole or not at all.
fn write_part(
    path: &Path,
    mut part: PartDescription,
    collection: &Collection,
    semantics: &Semantics,
    settings: &Settings,
    done: &(dyn Fn(u64) + Sync),
) -> anyhow::Result<usize> {
    let failed = || format!("failed to write partial results to {}", output_name(path));
    let (settings, cancelled) = (settings.analysis(), interrupt::flag());
    let describe = || {
        part.beyond_cap = beyond_cap_summaries(collection);
        part.as_json()
    };
    if is_standard_output(path) {
        let mut traces = 0;
        let written = standard_output::write_binary(|out| {
            traces = analysis::analyse_part(collection, semantics, &settings, out, describe, done, cancelled)?;
            Ok(())
        });
        return written.map(|()| traces).with_context(failed);
    }
    let file = WholeFile::create(path).with_context(failed)?;
    let traces = analysis::analyse_part(collection, semantics, &settings, file.file(), describe, done, cancelled)
        .with_context(failed)?;
    finish_files(vec![file]).map_err(|(_, source)| source).with_context(failed)?;
    Ok(traces)
}
