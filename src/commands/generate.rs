//! `tracescan generate`: synthetic traces, written whole or not at all.

use std::io::BufWriter;
use std::path::Path;

use anyhow::{Context, anyhow, bail};

use crate::cli::GenerateArgs;
use crate::generate::{GenerateOptions, OutputFormat, Summary, generate};
use crate::report::{WholeFile, finish_files};

use super::Outcome;
use super::process::diagnostics::say;
use super::process::progress::Bar;

/// Generates what `args` ask for.
///
/// # Errors
/// If the name says no format, or writing fails.
pub(crate) fn run(args: &GenerateArgs) -> anyhow::Result<Outcome> {
    let summary = write(args)?;
    say(&format!(
        "wrote {} spans of {} traces to {}; planted {} anti-patterns and {} look-alikes",
        summary.spans,
        summary.traces,
        args.output.display(),
        summary.planted,
        summary.look_alikes
    ));
    Ok(Outcome::Done)
}

fn write(args: &GenerateArgs) -> anyhow::Result<Summary> {
    let Some(format) = OutputFormat::from_path(&args.output) else {
        bail!("{} ends in no known format: use one of {}", args.output.display(), OutputFormat::ENDINGS);
    };
    let options = GenerateOptions {
        spans: args.spans,
        seed: args.seed,
        anti_patterns: args.anti_patterns,
        faults: args.faults,
        smells: args.smells,
        ..GenerateOptions::default()
    };
    let create = |path: &Path| WholeFile::create(path).with_context(|| format!("failed to create {}", path.display()));
    let output = create(&args.output)?;
    let labels = args.labels.as_deref().map(create).transpose()?;
    let labels_out = labels.as_ref().map(|labels| BufWriter::new(labels.file()));
    let bar = Bar::for_spans("generating", args.spans);
    let summary = generate(options, format, BufWriter::new(output.file()), labels_out, &|spans| bar.add(spans))
        .with_context(|| format!("failed to generate {}", args.output.display()))?;
    bar.finish();
    let files = [Some(output), labels].into_iter().flatten().collect();
    finish_files(files).map_err(|(path, source)| anyhow!("failed to write {}: {source}", path.display()))?;
    Ok(summary)
}
