//! The comparison in words.

use crate::detectors::Cell;
use crate::frame::Symbols;
use crate::rank::Table;
use crate::report::{IncidentSummary, RunSummary, SuspectSummary, TimesSummary};

use super::comparison::{BASELINE, WINDOW};
use super::conclusion::{Incident, OtherRun};
use super::window::TimeRange;

/// So many suspects are told in words.
const MAX_SUSPECTS: usize = 3;

impl Incident {
    /// What readers are told of it beside its tables.
    pub(crate) fn summary(&self, symbols: &Symbols) -> IncidentSummary {
        let times = |range: TimeRange| TimesSummary { start: Some(range.start), end: Some(range.end) };
        let name = |symbol| symbols.resolve(symbol).to_owned();
        let other_runs = self.other_runs.iter().map(|&OtherRun { run, is_left_out }| RunSummary {
            entry_service: name(run.entry.service),
            entry_operation: name(run.entry.operation),
            times: times(run.range),
            off_buckets: run.off,
            left_out: is_left_out,
        });
        let [suspects, _] = &self.tables;
        IncidentSummary {
            window: self.window.map(times),
            baseline_window: self.baseline_window.map(times),
            window_requests: self.requests[WINDOW],
            baseline_requests: self.requests[BASELINE],
            window_requests_left_out: self.requests_left_out[WINDOW],
            window_failed_left_out: self.failed_left_out,
            baseline_requests_left_out: self.requests_left_out[BASELINE],
            other_runs: other_runs.collect(),
            confidence: self.confidence.as_str(),
            suspects: suspects.row_count() as u64,
            first_suspects: (0..suspects.row_count().min(MAX_SUSPECTS)).map(|row| suspect(suspects, row)).collect(),
        }
    }
}

fn suspect(suspects: &Table, row: usize) -> SuspectSummary {
    let text = |column: &str| match suspects.column(column).map(|(_, cells)| &cells[row]) {
        Some(Cell::Text(text)) => text.clone(),
        _ => String::new(),
    };
    SuspectSummary {
        name: text("suspect"),
        kind: text("kind"),
        evidence: text("evidence"),
        example_trace_id: text("example_trace_id"),
    }
}
