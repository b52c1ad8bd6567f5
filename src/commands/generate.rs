//! `tracescan generate`: synthetic traces, written whole or not at all.

use std::io::BufWriter;
use std::path::Path;

use anyhow::{Context, bail};
use tempfile::NamedTempFile;

use crate::cli::GenerateArgs;
use crate::generate::{GenerateOptions, OutputFormat, Summary, generate};

use super::diagnostics::say;
use super::{Outcome, interrupt};

/// Generates what `args` ask for.
///
/// # Errors
/// If the name says no format, or writing fails.
pub fn run(args: &GenerateArgs) -> anyhow::Result<Outcome> {
    let summary = interrupt::while_writing(|| write(args))?;
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
        ..GenerateOptions::default()
    };
    let mut output = temporary_beside(&args.output)?;
    let mut labels = args.labels.as_deref().map(temporary_beside).transpose()?;
    let summary = generate(options, format, BufWriter::new(output.as_file_mut()), labels.as_mut().map(BufWriter::new))
        .with_context(|| format!("failed to generate {}", args.output.display()))?;
    put_in_place(output, &args.output)?;
    if let (Some(labels), Some(path)) = (labels, &args.labels) {
        put_in_place(labels, path)?;
    }
    Ok(summary)
}

/// A temporary file in the directory of `path`, so that it can be renamed to it.
fn temporary_beside(path: &Path) -> anyhow::Result<NamedTempFile> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As for any other file: what the umask leaves. Temporary files would else be for their owner alone.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder
        .tempfile_in(directory)
        .with_context(|| format!("failed to create a file in {}: does it exist?", directory.display()))
}

fn put_in_place(file: NamedTempFile, path: &Path) -> anyhow::Result<()> {
    file.persist(path).with_context(|| format!("failed to write {}", path.display()))?;
    Ok(())
}
