//! `tracescan trace`: one trace.

use anyhow::bail;
use serde::Serialize;

use crate::analysis::{self, FoundInTrace};
use crate::cli::{TraceArgs, TraceFormat};
use crate::config::Settings;
use crate::findings::{FindingColumns, pattern_id};
use crate::frame::{Collection, Symbol};
use crate::ingest::{self, ReadFrames};
use crate::report::{Waterfall, WaterfallFinding, WaterfallRow, write_waterfall};
use crate::trace::{self, NO_ROW, TraceView};

use super::diagnostics::{all_absent, say_input_problems};
use super::progress::Bar;
use super::trace_id::TypedTraceId;
use super::{Outcome, standard_output, threads};

#[derive(Serialize)]
struct Document {
    trace_id: String,
    roots: Vec<Root>,
    findings: Vec<Found>,
}

#[derive(Serialize)]
struct Root {
    root_span_id: String,
    reason: &'static str,
    duration_ns: i64,
    sections: Vec<Piece>,
}

#[derive(Serialize)]
struct Piece {
    span_id: String,
    service: String,
    operation: String,
    component: &'static str,
    target: String,
    start_unix_nano: String,
    end_unix_nano: String,
}

#[derive(Serialize)]
struct Found {
    detector: &'static str,
    pattern_id: String,
    span_id: String,
    service: String,
    operation: String,
    target: Option<String>,
    target_kind: Option<&'static str>,
    start_unix_nano: String,
    measured: f64,
    threshold: f64,
    impact_ns: i64,
    span_ids: Vec<String>,
}

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
    let semantics = trace::derive(&collection.vocabulary, &settings.uncounted_calls);
    semantics.symbols.check()?;
    let show = |view: &TraceView<'_>, findings: &[FoundInTrace]| {
        let mut found = Vec::new();
        for FoundInTrace { description, findings } in findings {
            found.extend((0..findings.len()).map(|row| finding(view, description.name, findings, row)));
        }
        match args.format {
            TraceFormat::Json => standard_output::write(|out| {
                serde_json::to_writer(&mut *out, &document(view, found))?;
                std::io::Write::write_all(out, b"\n")
            }),
            TraceFormat::Table => {
                let style = standard_output::style(settings.color);
                standard_output::write(|out| write_waterfall(out, &waterfall(view, &found), args.all, style))
            }
        }
    };
    let Some(shown) = analysis::with_trace(&collection, &semantics, &settings.analysis(), trace_id, show)? else {
        unreachable!("{trace_id} was found among the traces");
    };
    shown?;
    Ok(if all_read { Outcome::Done } else { Outcome::Incomplete })
}

fn finding(view: &TraceView<'_>, detector: &'static str, findings: &FindingColumns, row: usize) -> Found {
    let name = |symbol: Symbol| view.semantics.symbols.resolve(symbol).to_owned();
    let key = findings.key.get(row).iter().map(|&part| view.semantics.symbols.resolve(part));
    let target = findings.target.get(row);
    Found {
        detector,
        pattern_id: pattern_id(detector, key),
        span_id: findings.span_id[row].to_string(),
        service: name(findings.service[row]),
        operation: name(findings.operation[row]),
        target: target.map(|target| name(target.name)),
        target_kind: target.map(|target| target.kind.as_str()),
        start_unix_nano: findings.start[row].to_string(),
        measured: findings.measured[row],
        threshold: findings.threshold[row],
        impact_ns: findings.impact_ns[row],
        span_ids: findings.evidence.get(row).iter().map(ToString::to_string).collect(),
    }
}

fn document(view: &TraceView<'_>, findings: Vec<Found>) -> Document {
    let name = |symbol: Symbol| view.semantics.symbols.resolve(symbol).to_owned();
    let roots = view.tree.path_roots.iter().enumerate().map(|(index, root)| Root {
        root_span_id: view.span_id(root.row).to_string(),
        reason: root.reason.as_str(),
        duration_ns: view.duration(root.row),
        sections: view
            .booked_sections(index)
            .into_iter()
            .map(|(section, place)| Piece {
                span_id: view.span_id(section.row).to_string(),
                service: name(place.service),
                operation: name(place.operation),
                component: place.component.as_str(),
                target: name(place.target),
                start_unix_nano: section.start.to_string(),
                end_unix_nano: section.end.to_string(),
            })
            .collect(),
    });
    Document { trace_id: view.trace_id.to_string(), roots: roots.collect(), findings }
}

fn waterfall(view: &TraceView<'_>, found: &[Found]) -> Waterfall {
    let tree = view.tree;
    let name = |symbol: Symbol| view.semantics.symbols.resolve(symbol).to_owned();
    let begin = tree.starts.first().copied().unwrap_or(0);
    let mut on_path = vec![Vec::new(); tree.len()];
    for section in &view.paths.sections {
        on_path[section.row as usize].push((section.start - begin, section.end - begin));
    }
    let label = |index: usize| format!("[{}]", index + 1);

    // Depth first, children by start; a stack, because a trace may be one deep chain.
    let mut rows = Vec::with_capacity(tree.len());
    let tops = (0..tree.len() as u32).rev().filter(|&row| tree.parents[row as usize] == NO_ROW);
    let mut stack: Vec<(u32, usize)> = tops.map(|row| (row, 0)).collect();
    while let Some((row, depth)) = stack.pop() {
        let semantics = view.semantics_of(row);
        let span_id = view.span_id(row).to_string();
        let root = tree.path_roots.binary_search_by_key(&row, |root| root.row).ok().map(|index| tree.path_roots[index]);
        rows.push(WaterfallRow {
            depth,
            service: name(view.service(row)),
            name: name(semantics.name),
            kind: semantics.kind.as_str().to_owned(),
            start_ns: view.start(row) - begin,
            duration_ns: view.duration(row),
            on_path: std::mem::take(&mut on_path[row as usize]),
            failed: view.calls.roles[row as usize].failed,
            markers: (0..found.len()).filter(|&index| found[index].span_id == span_id).map(label).collect(),
            root_reason: root.map(|root| root.reason.as_str()),
        });
        stack.extend(tree.children(row).iter().rev().map(|&child| (child, depth + 1)));
    }
    let findings = found.iter().enumerate().map(|(index, found)| WaterfallFinding {
        label: label(index),
        detector: found.detector.to_owned(),
        pattern_id: found.pattern_id.clone(),
        span_id: found.span_id.clone(),
        service: found.service.clone(),
        operation: found.operation.clone(),
        target: found.target.clone(),
        measured: found.measured,
        threshold: found.threshold,
        impact_ns: found.impact_ns,
    });
    Waterfall { trace_id: view.trace_id.to_string(), start: Some(begin), findings: findings.collect(), rows }
}
