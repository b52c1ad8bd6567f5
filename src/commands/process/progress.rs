//! A progress bar on standard error for what takes longer than a second; nothing where that is no terminal.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::ingest::{self, Progress};

/// Nobody wants a bar for less.
const QUIET_FOR: Duration = Duration::from_secs(1);

/// The progress of one run. It draws nothing before a second has passed.
pub(in crate::commands) struct Bar {
    bar: ProgressBar,
    since: Instant,
    spans: AtomicU64,
}

impl Bar {
    /// A bar for reading `inputs`.
    pub(in crate::commands) fn for_reading(inputs: &[PathBuf]) -> Self {
        let bytes = ingest::input_bytes(inputs);
        let template = "{msg} {wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
        Self::new(bytes, "reading", template)
    }

    /// A bar for doing what `doing` says with `spans` spans.
    pub(in crate::commands) fn for_spans(doing: &'static str, spans: u64) -> Self {
        Self::new(spans, doing, "{msg} {wide_bar} {human_pos} of {human_len} spans, {spans_per_sec}, {eta} left")
    }

    /// A bar for doing what `doing` says with `tables` tables.
    pub(in crate::commands) fn for_tables(doing: &'static str, tables: usize) -> Self {
        Self::new(tables as u64, doing, "{msg} {wide_bar} {pos} of {len} tables, {elapsed} so far, {eta} left")
    }

    fn new(length: u64, message: &'static str, template: &str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::hidden()).with_message(message);
        if let Ok(style) = ProgressStyle::with_template(template) {
            let spans_per_sec = |state: &ProgressState, out: &mut dyn fmt::Write| {
                let _ = write!(out, "{} spans/s", HumanCount(state.per_sec() as u64));
            };
            bar.set_style(style.with_key("spans_per_sec", spans_per_sec));
        }
        Self { bar, since: Instant::now(), spans: AtomicU64::new(0) }
    }

    /// So much more is done.
    pub(in crate::commands) fn add(&self, amount: u64) {
        if self.bar.is_hidden() && self.since.elapsed() >= QUIET_FOR {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.inc(amount);
    }

    /// Takes the bar away.
    pub(in crate::commands) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Bar {
    fn advance(&self, bytes: u64, spans: u64) {
        let spans = self.spans.fetch_add(spans, Ordering::Relaxed) + spans;
        if !self.bar.is_hidden() {
            self.bar.set_message(format!("reading, {} spans", HumanCount(spans)));
        }
        self.add(bytes);
    }
}
