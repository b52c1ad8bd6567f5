//! `convert` writes the spans of all inputs as one canonical Parquet file: sorted by trace, nothing left out.

use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, bail};
use tempfile::NamedTempFile;

use crate::cli::ConvertArgs;
use crate::frame::CanonicalWriter;
use crate::ingest;

use super::diagnostics::{say, say_input_problems};
use super::progress::Bar;
use super::{Outcome, interrupt};

mod span_store;

use span_store::SpanStore;

/// Reads all inputs, sorts their spans and writes them.
///
/// # Errors
/// If there are no spans, or the output cannot be written.
pub fn run(args: &ConvertArgs) -> anyhow::Result<Outcome> {
    let mut store = SpanStore::default();
    let bar = Bar::for_reading(&args.inputs);
    let inputs = ingest::read_records(&args.inputs, &mut store, &bar);
    bar.finish();
    let all_read = say_input_problems(&inputs, false);
    if store.len() == 0 {
        bail!("the inputs hold no spans, so nothing was written");
    }
    store.sort();
    interrupt::while_writing(|| write_atomically(&args.output, &store))
        .with_context(|| format!("failed to write {}", args.output.display()))?;
    say(&format!("wrote {} spans to {}", store.len(), args.output.display()));
    if store.skipped.total() > 0 {
        let counts: Vec<String> =
            store.skipped.counts.iter().map(|(reason, count)| format!("{} {count}", reason.as_str())).collect();
        say(&format!("left out: {}", counts.join(", ")));
    }
    Ok(if all_read { Outcome::Done } else { Outcome::Incomplete })
}

/// A file that is cut short by an error or an interrupt is never seen under its name.
fn write_atomically(output: &Path, store: &SpanStore) -> anyhow::Result<()> {
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let unfinished = new_file_in(folder)?;
    let mut writer = CanonicalWriter::new(BufWriter::new(unfinished.as_file()))?;
    store.for_each(|origin, span| writer.write(origin, span))?;
    writer.finish()?.flush()?;
    unfinished.persist(output)?;
    Ok(())
}

/// With the permissions that any new file gets; those of a temporary file would keep others from reading it.
#[cfg(unix)]
fn new_file_in(folder: &Path) -> std::io::Result<NamedTempFile> {
    use std::os::unix::fs::PermissionsExt as _;
    tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o666)).tempfile_in(folder)
}

#[cfg(not(unix))]
fn new_file_in(folder: &Path) -> std::io::Result<NamedTempFile> {
    NamedTempFile::new_in(folder)
}
