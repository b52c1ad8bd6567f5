//! Standard output: what it can show, and what its closing means.

use std::io::{self, BufWriter, IsTerminal, Write};

use anyhow::Context as _;

use crate::report::TerminalStyle;

/// Columns of an output that is no terminal.
const DEFAULT_WIDTH: usize = 120;

/// Width and colours of standard output. `NO_COLOR` (no-color.org) and `COLUMNS` are honoured.
pub(super) fn style() -> TerminalStyle {
    let is_terminal = io::stdout().is_terminal();
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let own_width = || is_terminal.then(|| usize::from(console::Term::stdout().size().1));
    TerminalStyle {
        width: columns.or_else(own_width).filter(|&width| width > 0).unwrap_or(DEFAULT_WIDTH),
        colour: is_terminal && !no_colour,
    }
}

/// Writes to standard output. A reader that has read enough (`| head`) is no error.
pub(super) fn write(
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
