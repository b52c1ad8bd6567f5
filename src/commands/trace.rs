//! `tracescan trace`: one trace.

mod trace_id;

use anyhow::bail;

use crate::analysis::{self, FoundInTrace};
use crate::cli::{TraceArgs, TraceFormat};
use crate::config::Settings;
use crate::frame::Collection;
use crate::ingest::{self, ReadFrames};
use crate::report::{WaterfallOptions, write_chrome_trace, write_speedscope, write_trace_as_json, write_waterfall};
use crate::trace::{self, TraceView};

use super::Outcome;
use super::process::diagnostics::{all_absent, say_input_problems};
use super::process::progress::Bar;
use super::process::{standard_output, threads};
use super::shown_trace::{Found, shown_trace};
use trace_id::TypedTraceId;

/// Shows the trace.
///
/// # Errors
/// If the id is none, or no such trace is in the inputs.
pub(crate) fn run(args: &TraceArgs) -> anyhow::Result<Outcome> {
    let settings = Settings::for_trace(args)?;
    let Some(typed) = TypedTraceId::parse(&args.trace_id) else {
        bail!("{:?} is no trace id: it takes up to 32 hexadecimal digits, or a UUID", args.trace_id);
    };
    let pool = threads::pool(settings.threads)?;
    // For inputs that must be copied before they can be read, too. A program around this one may have said otherwise.
    let _ = tempfile::env::override_temp_dir(&settings.temp_dir);
    pool.install(|| run_on_pool(args, &settings, &typed))
}

fn run_on_pool(args: &TraceArgs, settings: &Settings, typed: &TypedTraceId) -> anyhow::Result<Outcome> {
    let reading = settings.reading();
    let bar = Bar::for_reading(&args.input.inputs);
    let ReadFrames { builders, reports: inputs, .. } = ingest::read_frames(&args.input.inputs, &reading, &bar);
    bar.finish();
    let all_read = say_input_problems(&inputs, args.analysis.verbose);
    if all_absent(&inputs) {
        return Ok(Outcome::Incomplete);
    }
    if let Some(failure) = reading.spill.as_ref().and_then(|spill| spill.take_failure()) {
        return Err(failure.into());
    }
    let collection = Collection::with_spilled(builders, reading.spill);
    if collection.is_empty() && !all_read {
        return Ok(Outcome::Incomplete);
    }
    let trace_id = typed.find(&collection)?;
    let semantics = trace::derive_asked(&collection.vocabulary, &settings.lists(), settings.of_signatures());
    semantics.symbols.check()?;
    let show = |view: &TraceView<'_>, findings: &[FoundInTrace]| {
        let found = findings.iter().flat_map(|&FoundInTrace { description, ref findings, caller_operation }| {
            let detector = description.name;
            (0..findings.len()).map(move |row| Found { detector, findings, caller_operation, row })
        });
        let shown = shown_trace(view, &collection.vocabulary, found);
        let last = shown.spans.iter().map(|span| span.start_ns.saturating_add(span.duration_ns)).max().unwrap_or(0);
        let between = (shown.start, shown.start.saturating_add(last));
        let style = standard_output::style(settings.color);
        let links = standard_output::links(settings.color, settings.trace_url.as_ref(), between);
        let options = WaterfallOptions { all: args.all, attributes: args.attributes };
        standard_output::write(|out| match args.format {
            TraceFormat::Table => write_waterfall(out, &shown, options, style, &links),
            TraceFormat::Json => write_trace_as_json(out, &shown),
            TraceFormat::Chrome => write_chrome_trace(out, &shown),
            TraceFormat::Speedscope => write_speedscope(out, &shown),
        })
    };
    let Some(shown) = analysis::with_trace(&collection, &semantics, &settings.analysis(), trace_id, show)? else {
        unreachable!("{trace_id} was found among the traces");
    };
    shown?;
    Ok(if all_read { Outcome::Done } else { Outcome::Incomplete })
}
