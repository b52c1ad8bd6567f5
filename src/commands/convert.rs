//! `convert` writes the spans of all inputs as one canonical Parquet file: sorted by trace, nothing left out.
//!
//! Beyond the memory limit, spans are put aside in sorted runs. What is held apart from those is the row group that is being
//! written, whose size must not depend on the limit, and the traces of a selection.

use std::borrow::Cow;
use std::io::{BufWriter, IsTerminal as _, Write};

use anyhow::{Context, bail};

use crate::cli::{ConvertArgs, Timestamps};
use crate::config::{memory_for_spans, retry_timeout, selection};
use crate::ingest::{self, ReadOptions};
use crate::report::{CanonicalWriter, WholeFile, finish_files};

use super::Outcome;
use super::process::diagnostics::{all_absent, say, say_input_problems};
use super::process::progress::Bar;
use super::process::standard_output::STANDARD_OUTPUT;
use super::process::{standard_output, threads};

mod sorted_runs;
mod span_store;

use span_store::SpanStore;

/// Reads all inputs, sorts their spans and writes them.
///
/// # Errors
/// If there are no spans, or the output cannot be written.
pub(crate) fn run(args: &ConvertArgs) -> anyhow::Result<Outcome> {
    threads::pool(0)?.install(|| run_on_pool(args))
}

fn run_on_pool(args: &ConvertArgs) -> anyhow::Result<Outcome> {
    let (limit_bytes, directory) = memory_for_spans(&args.memory)?;
    // For inputs that must be copied before they can be read, too. A program around this one may have said otherwise.
    let _ = tempfile::env::override_temp_dir(&directory);
    if args.output.as_os_str() == STANDARD_OUTPUT && std::io::stdout().is_terminal() {
        bail!("standard output is a terminal, which cannot show Parquet: redirect it, or name a file with --output");
    }
    let mut store = SpanStore::new(limit_bytes, directory);
    let options = ReadOptions {
        format: args.input.input_format,
        selection: selection(&args.selection)?,
        retry_timeout: retry_timeout(&args.input)?,
        ..ReadOptions::default()
    };
    if !options.selection.is_all() {
        if args.input.inputs.iter().any(|path| path.as_os_str() == "-") {
            bail!("a selection reads its inputs twice, which standard input cannot be: write it to a file first");
        }
        let bar = Bar::for_reading(&args.input.inputs);
        store.wanted = Some(ingest::find_wanted_traces(&args.input.inputs, &options, &bar)?);
        bar.finish();
    }
    let bar = Bar::for_reading(&args.input.inputs);
    let inputs = ingest::read_records(&args.input.inputs, &options, &mut store, &bar);
    bar.finish();
    let all_read = say_input_problems(&inputs, false);
    if all_absent(&inputs) {
        return Ok(Outcome::Incomplete);
    }
    if store.len() == 0 && !all_read {
        bail!("no span could be read, so nothing was written");
    }
    if store.len() == 0 {
        bail!(
            "the inputs hold no spans{}, so nothing was written",
            if options.selection.is_all() { "" } else { " that are selected" }
        );
    }
    let to_standard_output = args.output.as_os_str() == STANDARD_OUTPUT;
    let output = if to_standard_output { Cow::Borrowed("standard output") } else { args.output.to_string_lossy() };
    let write = |store: &mut SpanStore| -> anyhow::Result<()> {
        if to_standard_output {
            return standard_output::write_binary(|out| write(out, store, args.timestamps));
        }
        let file = WholeFile::create(&args.output)?;
        write(&mut BufWriter::new(file.file()), store, args.timestamps)?;
        finish_files(vec![file]).map_err(|(_, source)| source)?;
        Ok(())
    };
    write(&mut store).with_context(|| format!("failed to write {output}"))?;
    say(&format!("wrote {} spans to {output}", store.len()));
    if store.skipped.total() > 0 {
        let counts: Vec<String> =
            store.skipped.counts.iter().map(|(reason, count)| format!("{} {count}", reason.as_str())).collect();
        say(&format!("left out: {}", counts.join(", ")));
    }
    Ok(if all_read { Outcome::Done } else { Outcome::Incomplete })
}

fn write(output: &mut (dyn Write + Send), store: &mut SpanStore, timestamps: Timestamps) -> anyhow::Result<()> {
    let mut writer = CanonicalWriter::with_timestamps(output, timestamps)?;
    let bar = Bar::for_spans("writing", store.len());
    store.for_each_sorted(|origin, span| -> anyhow::Result<()> {
        bar.add(1);
        Ok(writer.write(origin, span)?)
    })?;
    bar.finish();
    writer.finish()?.flush()?;
    Ok(())
}
