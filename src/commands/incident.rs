//! What `--window` asks for: the comparison as tables, and in words.

use crate::analysis::Results;
use crate::config::Settings;
use crate::detectors::{Cell, Whole};
use crate::incident::{Incident, IncidentError, OtherRun, TimeRange, conclude};
use crate::rank::Table;
use crate::report::{IncidentSummary, RunSummary, SuspectSummary, TimesSummary};

/// So many suspects are told in words.
const MAX_SUSPECTS: usize = 3;

/// Compares what the settings ask for, if they do.
///
/// # Errors
/// If that is not possible.
pub(super) fn compared(
    settings: &Settings,
    results: &Results,
    whole: &Whole<'_>,
) -> Result<Option<Incident>, IncidentError> {
    let Some((asked, log)) = settings.incident.as_ref().zip(whole.gathered.requests.as_ref()) else {
        return Ok(None);
    };
    let (first, last) = (results.totals.first_start, results.totals.last_end);
    let dump = first.zip(last).map(|(start, end)| TimeRange { start, end: end.saturating_add(1) });
    conclude(asked, log, whole, dump).map(Some)
}

/// The comparison in words.
pub(super) fn summary_of(incident: &Incident, whole: &Whole<'_>) -> IncidentSummary {
    let times = |range: TimeRange| TimesSummary { start: Some(range.start), end: Some(range.end) };
    let name = |symbol| whole.symbols.resolve(symbol).to_owned();
    let other_runs = incident.other_runs.iter().map(|&OtherRun { run, is_left_out }| RunSummary {
        entry_service: name(run.entry.service),
        entry_operation: name(run.entry.operation),
        times: times(run.range),
        off_buckets: run.off,
        left_out: is_left_out,
    });
    let [suspects, _] = &incident.tables;
    IncidentSummary {
        window: incident.window.map(times),
        baseline_window: incident.baseline_window.map(times),
        window_requests: incident.requests[0],
        baseline_requests: incident.requests[1],
        window_requests_left_out: incident.requests_left_out[0],
        window_failed_left_out: incident.failed_left_out,
        baseline_requests_left_out: incident.requests_left_out[1],
        other_runs: other_runs.collect(),
        confidence: incident.confidence.as_str(),
        suspects: suspects.row_count() as u64,
        first_suspects: (0..suspects.row_count().min(MAX_SUSPECTS)).map(|row| suspect(suspects, row)).collect(),
    }
}

fn suspect(suspects: &Table, row: usize) -> SuspectSummary {
    let text = |column: &str| match suspects.column(column) {
        Some((_, cells)) => match &cells[row] {
            Cell::Text(text) => text.clone(),
            _ => String::new(),
        },
        None => String::new(),
    };
    SuspectSummary {
        name: text("suspect"),
        kind: text("kind"),
        evidence: text("evidence"),
        example_trace_id: text("example_trace_id"),
    }
}
