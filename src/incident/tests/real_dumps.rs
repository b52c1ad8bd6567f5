//! Whole dumps: known faults are found, and minutes in which nothing happens are quiet.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use crate::analysis::{Analysis, AnalysisSettings, Gathers, analyse};
use crate::conventions::UncountedCalls;
use crate::detectors::{Cell, Detectors, Whole};
use crate::frame::Collection;
use crate::incident::ranking::Confidence;
use crate::incident::window::in_words;
use crate::incident::{AskedIncident, AskedWindow, Incident, IncidentError, Moment, TimeRange, WindowChoice, conclude};
use crate::ingest::{ReadFrames, ReadOptions, read_frames};
use crate::trace::{OverlapTolerance, Semantics, derive};

const SECOND: i64 = 1_000_000_000;

/// A dump whose requests can be compared.
struct Dump {
    analysis: Analysis,
    semantics: Semantics,
}

/// The folder of the dumps; `None`, with a message, where it is absent.
fn dumps() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/real");
    if folder.is_dir() {
        return Some(folder);
    }
    #[expect(clippy::print_stderr, reason = "says why nothing was tested")]
    {
        eprintln!("skipped what needs shared data: {} is absent", folder.display());
    }
    None
}

impl Dump {
    fn read(file: &Path) -> Self {
        let ReadFrames { builders, .. } = read_frames(&[file.to_owned()], &ReadOptions::default(), &());
        let collection = Collection::of(builders);
        let semantics = derive(&collection.vocabulary, &UncountedCalls::default());
        let settings = AnalysisSettings {
            detectors: Detectors::default(),
            enabled: Vec::new(),
            gathers: Gathers { requests: true, ..Gathers::NOTHING },
            overlap_tolerance: OverlapTolerance { millionths: 10_000 },
        };
        let analysis = analyse(&collection, &semantics, &settings, &|_| {}, &AtomicBool::new(false));
        Self { analysis, semantics }
    }

    fn times(&self) -> TimeRange {
        let totals = &self.analysis.results.totals;
        TimeRange { start: totals.first_start.unwrap(), end: totals.last_end.unwrap() + 1 }
    }

    fn compare(&self, window: WindowChoice) -> Result<Incident, IncidentError> {
        let whole = Whole {
            symbols: &self.semantics.symbols,
            lists: &self.semantics.lists,
            trace_ids: &self.analysis.trace_ids,
            is_weighted: false,
            gathered: &self.analysis.results.gathered,
        };
        let asked = AskedIncident { window, baseline_window: None };
        conclude(&asked, whole.gathered.requests.as_ref().unwrap(), &whole, Some(self.times()))
    }

    fn compare_from(&self, start: i64, seconds: i64) -> Result<Incident, IncidentError> {
        let at = |time| Some(Moment::At(time));
        let (option, text) = ("--window", String::new());
        self.compare(WindowChoice::Asked(AskedWindow {
            option,
            text,
            from: at(start),
            to: at(start + seconds * SECOND),
        }))
    }
}

/// The first suspects, each with its evidence.
fn suspects(incident: &Incident) -> Vec<(String, String)> {
    let texts = |column: &str| -> Vec<String> {
        let (_, cells) = incident.tables[0].column(column).unwrap();
        cells.iter().map(|cell| if let Cell::Text(text) = cell { text.clone() } else { String::new() }).collect()
    };
    texts("suspect").into_iter().zip(texts("evidence")).take(3).collect()
}

/// When faults were injected, in what, and of what kind.
fn faults(folder: &Path) -> Vec<(i64, String, String)> {
    let text = std::fs::read_to_string(folder.join("online-boutique.faults.json")).unwrap();
    let faults: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    faults
        .iter()
        .map(|fault| {
            let text = |key: &str| fault[key].as_str().unwrap().to_owned();
            let injected: jiff::Timestamp = text("injected").parse().unwrap();
            (injected.as_nanosecond() as i64, text("service"), text("fault"))
        })
        .collect()
}

/// Length of windows without a fault: the dump has little of that in a piece.
const CALM_SECONDS: i64 = 20;

/// Windows with requests in which no fault is active that changes times: faults take less than two minutes.
fn calm_windows(dump: &Dump, faults: &[(i64, String, String)]) -> Vec<i64> {
    let mut starts = std::collections::BTreeMap::<i64, usize>::new();
    let log = dump.analysis.results.gathered.requests.as_ref().unwrap();
    log.for_each_block(|block| {
        for trace in block.traces() {
            *starts.entry(trace.start.div_euclid(CALM_SECONDS * SECOND) * CALM_SECONDS * SECOND).or_default() += 1;
        }
    })
    .unwrap();
    let is_calm = |start: i64| {
        let slow = faults.iter().filter(|(.., kind)| LATENCY_FAULTS.contains(&kind.as_str()));
        slow.into_iter()
            .all(|&(injected, ..)| start + CALM_SECONDS * SECOND <= injected || start > injected + 120 * SECOND)
    };
    starts.into_iter().filter(|&(start, requests)| requests >= 50 && is_calm(start)).map(|(start, _)| start).collect()
}

/// Kinds of faults that change how long requests take.
const LATENCY_FAULTS: [&str; 3] = ["network_delay", "cpu_contention", "cpu_consumed"];

/// Of the faults that make a real system slow, nine in ten have their culprit first, and nearly all among the first three; of
/// minutes without any fault, nine in ten are quiet. `--nocapture` shows each.
#[test]
fn faults_of_a_real_dump() {
    let Some(folder) = dumps() else { return };
    let dump = Dump::read(&folder.join("online-boutique.flat.parquet"));
    let faults = faults(&folder);
    let (mut latency, mut first, mut among_three) = (0, 0, 0);
    let mut told = String::new();
    for (injected, service, kind) in &faults {
        // Of one, no request begins within three minutes.
        let Ok(incident) = dump.compare_from(*injected, 180) else { continue };
        let suspects = suspects(&incident);
        let rank = suspects.iter().position(|(name, _)| name == service);
        if LATENCY_FAULTS.contains(&kind.as_str()) {
            latency += 1;
            first += usize::from(rank == Some(0));
            among_three += usize::from(rank.is_some());
        }
        told.push_str(&format!("{kind} {service}: place {rank:?}, {:?}, {suspects:?}\n", incident.confidence));
    }
    let (mut windows, mut quiet) = (0, 0);
    for start in calm_windows(&dump, &faults) {
        let incident = dump.compare_from(start, CALM_SECONDS).unwrap();
        windows += 1;
        quiet += usize::from(incident.confidence == Confidence::Quiet);
        if incident.confidence != Confidence::Quiet {
            told.push_str(&format!("not quiet: {:?} {:?}\n", incident.window.map(in_words), suspects(&incident)));
        }
    }
    #[expect(clippy::print_stderr, reason = "shown with --nocapture")]
    {
        eprintln!("{told}{first} and {among_three} of {latency} faults, {quiet} of {windows} windows are quiet");
    }
    assert!(latency >= 12 && first * 10 >= latency * 9 && among_three * 20 >= latency * 19, "{told}");
    assert!(windows >= 20 && quiet * 10 >= windows * 9, "{quiet} of {windows}\n{told}");
}
