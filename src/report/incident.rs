//! What a comparison of a window with other times says, in words: the verdict, the first suspects, what was left out.

use serde::Serialize;

use super::summary::as_time;
use crate::report::text::units;

/// What the comparison of a window with other times says. This is `incident` in `run.json`.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct IncidentSummary {
    /// The window; none if no entry was ever off.
    pub window: Option<TimesSummary>,
    /// What it was compared with; none for all other requests.
    pub baseline_window: Option<TimesSummary>,
    /// Requests of the window that were compared.
    pub window_requests: u64,
    /// Requests that they were compared with.
    pub baseline_requests: u64,
    /// Requests of the window whose entries have too few requests in the baseline.
    pub window_requests_left_out: u64,
    /// Those of them that failed.
    pub window_failed_left_out: u64,
    /// Requests of the baseline with such entries.
    pub baseline_requests_left_out: u64,
    /// Other times in which entries were off, the longest first.
    pub other_runs: Vec<RunSummary>,
    /// How sure the first suspect is: `clear` or `quiet`.
    pub confidence: &'static str,
    /// How many suspects there are.
    pub suspects: u64,
    /// The first of them, for people.
    #[serde(skip)]
    pub first_suspects: Vec<SuspectSummary>,
}

/// Times in ns since 1970, written as RFC 3339.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct TimesSummary {
    /// The first.
    #[serde(serialize_with = "as_time")]
    pub start: Option<i64>,
    /// The one after the last.
    #[serde(serialize_with = "as_time")]
    pub end: Option<i64>,
}

impl TimesSummary {
    fn in_words(self) -> String {
        let [start, end] = [self.start, self.end].map(|time| time.map_or(String::new(), units::time_to_the_second));
        format!("{start} to {end}")
    }
}

/// A time in which an entry was off.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct RunSummary {
    /// Its service.
    pub entry_service: String,
    /// What was asked for.
    pub entry_operation: String,
    /// When.
    #[serde(flatten)]
    pub times: TimesSummary,
    /// How many of its ten seconds were off.
    pub off_buckets: u64,
    /// Whether nothing that begins then was compared with.
    pub left_out: bool,
}

/// A suspect, for people.
#[derive(Clone, Debug, Default)]
pub(crate) struct SuspectSummary {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: String,
    /// Why it is one.
    pub evidence: String,
    /// The trace to open.
    pub example_trace_id: String,
}

/// So many other runs are named.
const MAX_RUNS: usize = 3;

impl IncidentSummary {
    /// What was compared, and how sure it is.
    pub(in crate::report) fn verdict(&self) -> String {
        let Some(window) = self.window else {
            return "no entry was off in any ten seconds with at least 10 of its requests, so there is no window (--window A..B names one)".to_owned();
        };
        let with = match self.baseline_window {
            Some(baseline) => format!("{} from {}", units::count(self.baseline_requests), baseline.in_words()),
            None => format!("{} at other times", units::count(self.baseline_requests)),
        };
        let requests = units::counted(self.window_requests, "request");
        let verdict = match (self.confidence, self.suspects) {
            ("clear", _) => "clear",
            (_, 0) => "quiet, nothing takes longer or fails more often",
            _ => "quiet, such differences are seen when nothing happens too",
        };
        format!("{}, {requests} compared with {with}: {verdict}", window.in_words())
    }

    /// What is not part of the comparison.
    pub(in crate::report) fn left_out(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.window_requests_left_out > 0 {
            let failed = match self.window_failed_left_out {
                0 => String::new(),
                failed => format!(", {} of which failed", units::count(failed)),
            };
            notes.push(format!(
                "left out: {} of entries with fewer than 3 requests to compare with{failed}",
                units::counted(self.window_requests_left_out, "request")
            ));
        }
        for (left_out, said) in [(true, "also not as usual, and not compared with"), (false, "also not as usual")] {
            let runs: Vec<&RunSummary> = self.other_runs.iter().filter(|run| run.left_out == left_out).collect();
            let named = runs.iter().take(MAX_RUNS);
            let named: Vec<String> = named
                .map(|run| format!("{} ({} {})", run.times.in_words(), run.entry_service, run.entry_operation))
                .collect();
            let more = runs.len().saturating_sub(MAX_RUNS);
            let more = if more > 0 { format!(" and {} more", units::count(more)) } else { String::new() };
            if !named.is_empty() {
                notes.push(format!("{said}: {}{more}", named.join(", ")));
            }
        }
        notes
    }
}

impl SuspectSummary {
    /// Who it is and why, with the trace to open.
    pub(in crate::report) fn in_words(&self) -> String {
        let kind = if self.kind == "service" { String::new() } else { format!(" ({})", self.kind) };
        let example = match self.example_trace_id.as_str() {
            "" => String::new(),
            id => format!("; trace {id}"),
        };
        format!("{}{kind}: {}{example}", self.name, self.evidence)
    }
}
