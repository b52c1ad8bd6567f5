//! Standard output: what it can show, and what its closing means.

use std::io::{self, BufWriter, IsTerminal, Write};

use anyhow::Context as _;

use crate::cli::{ColorChoice, StdoutFormat};
use crate::rank::Table;
use crate::report::{MarkdownStyle, TerminalStyle, TraceLinks, TraceUrl, units};

use super::diagnostics::say;

/// Standard output, as a path.
pub(in crate::commands) const STANDARD_OUTPUT: &str = "-";

/// Columns of an output that is no terminal.
const DEFAULT_WIDTH: usize = 120;

/// Standard output looks for the ends of lines in what it is given, which are none in pieces of this size.
const BINARY_BUFFER_BYTES: usize = 256 << 10;

/// Width and colours of standard output. `NO_COLOR` (no-color.org) and `COLUMNS` are honoured.
pub(in crate::commands) fn style(color: ColorChoice) -> TerminalStyle {
    let is_terminal = io::stdout().is_terminal();
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let own_width = || is_terminal.then(|| usize::from(console::Term::stdout().size().1));
    TerminalStyle {
        width: columns.or_else(own_width).filter(|&width| width > 0).unwrap_or(DEFAULT_WIDTH),
        colour: match color {
            ColorChoice::Auto => is_terminal && !no_colour,
            ColorChoice::Always => true,
            ColorChoice::Never => false,
        },
    }
}

/// What the ids of traces that lie `between` two times lead to, where standard output takes links: on a terminal, or wherever
/// colours go too.
pub(in crate::commands) fn links(color: ColorChoice, url: Option<&TraceUrl>, between: (i64, i64)) -> TraceLinks {
    let is_dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    let takes_links = match color {
        ColorChoice::Auto => io::stdout().is_terminal() && !is_dumb,
        ColorChoice::Always => true,
        ColorChoice::Never => false,
    };
    TraceLinks { url: url.filter(|_| takes_links).cloned(), between }
}

/// How tables look in Markdown on standard output, where `--top` sets how many of their rows are shown.
pub(in crate::commands) fn markdown(top: usize, links: &TraceLinks) -> MarkdownStyle<'_> {
    MarkdownStyle { rows: top, rest: |rows| format!("--top {rows} shows all"), links }
}

/// Tells those who run programs that read standard output, and so count on its rows, of rows that `--top` leaves out.
pub(in crate::commands) fn say_rows_left_out(format: StdoutFormat, tables: &[&Table], top: usize) {
    if !matches!(format, StdoutFormat::Csv | StdoutFormat::Json | StdoutFormat::Ndjson) {
        return;
    }
    let cut = tables.iter().filter(|table| table.row_count() > top);
    let cut: Vec<String> = cut
        .map(|table| {
            let left_out = units::count(table.row_count() - top);
            format!("{left_out} of {} of {}", units::count(table.row_count()), table.name)
        })
        .collect();
    if !cut.is_empty() {
        say(&format!("rows left out: {}; --top N gives more", cut.join(", ")));
    }
}

/// Writes bytes to standard output. A reader that has read enough is no error.
pub(in crate::commands) fn write_binary(
    write: impl FnOnce(&mut BufWriter<io::Stdout>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut out = BufWriter::with_capacity(BINARY_BUFFER_BYTES, io::stdout());
    let written = write(&mut out).and_then(|()| Ok(out.flush()?));
    match written {
        Err(error) if error.chain().any(is_closed_pipe) => {
            let _ = out.into_parts();
            Ok(())
        }
        result => result,
    }
}

fn is_closed_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Writes to standard output. A reader that has read enough (`| head`) is no error.
pub(in crate::commands) fn write(
    write: impl FnOnce(&mut BufWriter<io::StdoutLock<'static>>) -> io::Result<()>,
) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            // What is still buffered has no reader either.
            let _ = out.into_parts();
            Ok(())
        }
        result => result.context("failed to write to standard output"),
    }
}
