//! From what was asked for and what was gathered to suspects.

use crate::detectors::Whole;
use crate::gathered::RequestLog;
use crate::partial::TraceNumber;
use crate::rank::Table;
use crate::trace::Target;

use super::buckets::{EntryBuckets, Run};
use super::comparison::{BASELINE, Comparison, RowDifference, Sides, WINDOW};
use super::evidence::evidence;
use super::own_times::own_times;
use super::ranking::{Confidence, confidence, ranked};
use super::tables::{suspect_rows_table, suspects_table, window_attribution};
use super::window::{AskedIncident, IncidentError, TimeRange, WindowChoice, in_words, united};

/// What the comparison says.
#[derive(Clone, Debug)]
pub(crate) struct Incident {
    /// The window; `None` if none was found.
    pub(crate) window: Option<TimeRange>,
    /// What it was compared with; `None` for all other traces.
    pub(crate) baseline_window: Option<TimeRange>,
    /// Requests of the window and of the baseline, of entries that can be compared.
    pub(crate) requests: [u64; 2],
    /// The same of entries that cannot, because the baseline has too few requests of them.
    pub(crate) requests_left_out: [u64; 2],
    /// Those of them in the window that failed.
    pub(crate) failed_left_out: u64,
    /// Other times in which entries were off: the longest first.
    pub(crate) other_runs: Vec<OtherRun>,
    /// How sure the first suspect is.
    pub(crate) confidence: Confidence,
    /// The table of suspects, and that of their rows.
    pub(crate) tables: [Table; 2],
}

/// Another time in which an entry was off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OtherRun {
    /// When, and which entry.
    pub(crate) run: Run,
    /// Whether what begins then is in no baseline.
    pub(crate) is_left_out: bool,
}

/// Of a dump in which more of all buckets lie in off runs, most is faults: what is usual is then known too badly to leave the
/// rest out, and without the faults that are loud enough to be left out, all others would seem to be loud.
const MAX_OFF_SHARE: f64 = 0.1;

/// A suspect.
#[derive(Clone, Debug)]
pub(super) struct Suspect {
    pub(super) target: Target,
    pub(super) score: f64,
    pub(super) blame_ns: i64,
    pub(super) blame_share: f64,
    pub(super) time_ratio: Option<f64>,
    pub(super) excess_failures: f64,
    pub(super) excess_failure_share: f64,
    pub(super) vanished_calls: f64,
    pub(super) appeared_calls: f64,
    pub(super) onset: Option<i64>,
    pub(super) evidence: String,
    pub(super) example: TraceNumber,
    pub(super) baseline_example: TraceNumber,
    pub(super) rows: Vec<RowDifference>,
}

/// Compares what was asked for. `dump` are the times of the dump's spans, if there are any.
///
/// # Errors
/// If a window is none or empty, nothing is left to compare with, or what was put aside cannot be brought back.
pub(crate) fn conclude(
    asked: &AskedIncident,
    log: &RequestLog,
    whole: &Whole<'_>,
    dump: Option<TimeRange>,
) -> Result<Incident, IncidentError> {
    let mut buckets = EntryBuckets::of(log)?;
    let (Some(dump), Some(requests)) = (dump, buckets.requests) else {
        return Ok(nothing(whole, None));
    };
    let baseline_window = asked.baseline_window.as_ref().map(|window| window.resolve(dump)).transpose()?;
    let runs = buckets.off_runs();
    let window = match &asked.window {
        WindowChoice::Asked(window) => window.resolve(dump)?,
        WindowChoice::Auto => match runs.first() {
            Some(longest) => longest.range,
            None => return Ok(nothing(whole, baseline_window)),
        },
    };
    let is_inside = |run: &Run| window.start <= run.range.start && run.range.end <= window.end;
    let others = united(runs.iter().filter(|run| !is_inside(run)).map(|run| run.range));
    let is_quiet = buckets.share_within(&others, window) <= MAX_OFF_SHARE;
    let other_runs: Vec<OtherRun> = runs
        .into_iter()
        .filter(|run| !is_inside(run))
        .map(|run| OtherRun { run, is_left_out: baseline_window.is_none() && (is_quiet || run.range.overlaps(window)) })
        .collect();
    let left_out = united(other_runs.iter().filter(|other| other.is_left_out).map(|other| other.run.range));
    let sides = Sides { window, baseline: baseline_window, left_out };

    let comparison = Comparison::of(log, &sides)?;
    let [(of_window, window_left_out), (of_baseline, baseline_left_out)] =
        [WINDOW, BASELINE].map(|side| comparison.requests(side));
    if of_window + window_left_out == 0 {
        let asked = match &asked.window {
            WindowChoice::Asked(asked) => format!("{} {} ({})", asked.option, asked.text, in_words(window)),
            WindowChoice::Auto => in_words(window),
        };
        return Err(IncidentError::Empty { window: asked, requests: in_words(requests) });
    }
    if of_baseline == 0 {
        let what = match &asked.baseline_window {
            Some(asked) => format!("too few requests begin within {} {}", asked.option, asked.text),
            None => "too few requests begin at other times".to_owned(),
        };
        return Err(IncidentError::NoBaseline { what, requests: in_words(requests) });
    }

    let scored = ranked(comparison.blamed(), of_window, comparison.window_time_ns());
    let targets: Vec<Target> = scored.iter().map(|suspect| suspect.target).collect();
    let times = own_times(log, &comparison, &sides, &targets)?;
    let confidence =
        scored.iter().zip(&times).next().map_or(Confidence::Quiet, |(first, times)| confidence(first, times));
    let suspects: Vec<Suspect> = scored
        .into_iter()
        .zip(times)
        .map(|(scored, times)| Suspect {
            evidence: evidence(&scored, &times, of_window, whole.symbols),
            target: scored.target,
            score: scored.score,
            blame_ns: scored.blamed.blame_ns,
            blame_share: scored.blame_share,
            time_ratio: times.ratio(),
            excess_failures: scored.blamed.excess_failures,
            excess_failure_share: scored.excess_failure_share,
            vanished_calls: scored.blamed.vanished_calls,
            appeared_calls: scored.blamed.appeared_calls,
            onset: times.onset,
            example: times.example.or(scored.blamed.first_failure).unwrap_or(TraceNumber::NONE),
            baseline_example: times.baseline_example.unwrap_or(TraceNumber::NONE),
            rows: scored.blamed.rows,
        })
        .collect();
    let attribution = window_attribution(log, &comparison, &sides, whole)?;
    Ok(Incident {
        window: Some(window),
        baseline_window,
        requests: [of_window, of_baseline],
        requests_left_out: [window_left_out, baseline_left_out],
        failed_left_out: comparison.failed_left_out(),
        other_runs,
        confidence,
        tables: [suspects_table(&suspects, whole), suspect_rows_table(&suspects, attribution, whole)],
    })
}

/// What is said where there is no window.
fn nothing(whole: &Whole<'_>, baseline_window: Option<TimeRange>) -> Incident {
    Incident {
        window: None,
        baseline_window,
        requests: [0; 2],
        requests_left_out: [0; 2],
        failed_left_out: 0,
        other_runs: Vec::new(),
        confidence: Confidence::Quiet,
        tables: [suspects_table(&[], whole), suspect_rows_table(&[], Vec::new(), whole)],
    }
}
