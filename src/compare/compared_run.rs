//! One run as a comparison sees it, whether it was just made or lies in an output directory.

use std::collections::BTreeMap;
use std::path::Path;

use hashbrown::{HashMap, HashSet};

use crate::detectors::{CatalogEntry, catalog};
use crate::rank::{ENTRIES, PATTERN_ENTRIES, PATTERNS, PROBLEMS, Table};

use super::recorded_run::{CompareError, RunDirectory, TableColumns};
use super::status::{EntryName, ImpactSeen, PatternSeen, RunSeen};

/// What people are told of a pattern in one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PatternNames {
    /// What is wrong, in one sentence; empty where no problem is made of it.
    pub(crate) title: String,
    /// The detector.
    pub(crate) detector: String,
    /// The caller's, the entry's or the origin's service.
    pub(crate) service: String,
    /// What is called, entered or failed there.
    pub(crate) operation: String,
    /// What it is about, if that is a target.
    pub(crate) target: String,
    /// Summed impact in ns.
    pub(crate) impact_ns: i64,
    /// The largest impact of a finding that no other explains, in ns, if there is one.
    pub(crate) largest_impact_ns: Option<i64>,
    /// Failed requests that would not have failed without it.
    pub(crate) failed_requests: u64,
    /// Findings.
    pub(crate) findings: u64,
    /// The trace to open.
    pub(crate) example_trace_id: String,
    /// Whether it did no harm that is known: no gate looks at it.
    pub(crate) is_risk: bool,
}

/// Where the time of an entry goes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct LatencyPlace {
    /// The service that spends it.
    pub(crate) service: String,
    /// The span's operation, or the call's.
    pub(crate) operation: String,
    /// `self`, `network`, `wait` or `backoff`.
    pub(crate) component: String,
    /// What is waited for or tried again.
    pub(crate) target: String,
}

/// The time of an entry's requests.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct EntryTime {
    /// Requests.
    pub(crate) requests: u64,
    /// Their summed durations in ns.
    pub(crate) duration_ns: i64,
    /// Path time in ns by place, as far as the table of it goes.
    pub(crate) places: BTreeMap<LatencyPlace, i64>,
}

/// One run.
#[derive(Clone, Debug, Default)]
pub(crate) struct ComparedRun {
    /// The version of tracescan that made it.
    pub(crate) version: String,
    /// Names of the detectors that were on.
    pub(crate) enabled: Vec<String>,
    /// All its settings.
    pub(crate) settings: serde_json::Value,
    /// Inputs that could not be read, or not to the end.
    pub(crate) incomplete_inputs: u64,
    /// Requests and patterns.
    pub(super) seen: RunSeen,
    /// What people are told of the patterns, by their ids.
    pub(crate) names: BTreeMap<String, PatternNames>,
    /// Times by entries of roots.
    pub(super) times: BTreeMap<EntryName, EntryTime>,
}

const ENTRY_COLUMNS: &[&str] = &["entry_kind", "entry_service", "entry_operation", "requests", "duration_ns"];
const PATTERN_COLUMNS: &[&str] = &[
    "pattern_id",
    "detector",
    "service",
    "operation",
    "target",
    "findings",
    "requests",
    "impact_ns",
    "largest_impact_ns",
    "failed_requests",
    "impact_p50_ns",
    "impact_mad_ns",
    "impact_p50_low_ns",
    "impact_p50_high_ns",
    "example_trace_id",
];
const PATTERN_ENTRY_COLUMNS: &[&str] = &[
    "pattern_id",
    "entry_kind",
    "entry_service",
    "entry_operation",
    "requests",
    "impact_p50_ns",
    "impact_mad_ns",
    "impact_p50_low_ns",
    "impact_p50_high_ns",
];
const PROBLEM_COLUMNS: &[&str] = &["pattern_id", "title", "level"];
const LATENCY: &str = "latency_attribution";
const LATENCY_COLUMNS: &[&str] =
    &["entry_kind", "entry_service", "entry_operation", "service", "operation", "component", "target", "critical_ns"];

/// The kind of entries whose time is compared: nobody waits for others.
const ROOT: &str = "root";

impl ComparedRun {
    /// Whether any request came in.
    pub(crate) fn has_requests(&self) -> bool {
        self.seen.requests.values().any(|&requests| requests > 0)
    }

    /// The run in an output directory.
    ///
    /// # Errors
    /// If the directory does not hold all that a comparison needs, as Parquet.
    pub(crate) fn read(directory: &Path) -> Result<Self, CompareError> {
        let directory = RunDirectory::open(directory)?;
        let enabled = directory.run.enabled().into_iter().map(str::to_owned).collect();
        let run = Self::from_columns(
            enabled,
            directory.run.settings.clone(),
            &directory.table(ENTRIES, ENTRY_COLUMNS)?,
            &directory.table(PATTERNS, PATTERN_COLUMNS)?,
            &directory.table(PATTERN_ENTRIES, PATTERN_ENTRY_COLUMNS)?,
            &directory.table_if_there(LATENCY, LATENCY_COLUMNS)?,
            &directory.table_if_there(PROBLEMS, PROBLEM_COLUMNS)?,
        );
        Ok(Self { incomplete_inputs: directory.run.incomplete_inputs(), version: directory.run.version, ..run })
    }

    /// The run that made these tables.
    pub(crate) fn of_tables<'a>(
        enabled: &[&str],
        settings: serde_json::Value,
        tables: impl Iterator<Item = &'a Table> + Clone,
    ) -> Self {
        let columns = |name: &str, columns: &[&'static str]| {
            let table = tables.clone().find(|table| table.name == name);
            table.map(|table| TableColumns::of(table, columns)).unwrap_or_default()
        };
        let run = Self::from_columns(
            enabled.iter().map(|&name| name.to_owned()).collect(),
            settings,
            &columns(ENTRIES, ENTRY_COLUMNS),
            &columns(PATTERNS, PATTERN_COLUMNS),
            &columns(PATTERN_ENTRIES, PATTERN_ENTRY_COLUMNS),
            &columns(LATENCY, LATENCY_COLUMNS),
            &columns(PROBLEMS, PROBLEM_COLUMNS),
        );
        Self { version: env!("CARGO_PKG_VERSION").to_owned(), ..run }
    }

    fn from_columns(
        enabled: Vec<String>,
        settings: serde_json::Value,
        entries: &TableColumns,
        patterns: &TableColumns,
        pattern_entries: &TableColumns,
        latency: &TableColumns,
        problems: &TableColumns,
    ) -> Self {
        let titles: HashMap<&str, String> = (0..problems.len())
            .map(|row| (problems.text("pattern_id", row), problems.text("title", row).to_owned()))
            .collect();
        // What is a problem and what a risk is told by so many traces, and those of a night may be just too few for either.
        let is_risk = |row: &usize| !matches!(problems.text("level", *row), "" | "problem");
        let risks: HashSet<&str> =
            (0..problems.len()).filter(is_risk).map(|row| problems.text("pattern_id", row)).collect();
        let untold = untold(&settings);
        let mut run = Self { enabled, settings, ..Self::default() };
        for row in 0..entries.len() {
            let entry = entry_of(entries, row);
            let requests = entries.count("requests", row);
            if entry.kind == ROOT {
                let time = run.times.entry(entry.clone()).or_default();
                time.requests += requests;
                time.duration_ns += entries.int("duration_ns", row).unwrap_or(0);
            }
            *run.seen.requests.entry(entry).or_default() += requests;
        }
        for row in 0..patterns.len() {
            let id = patterns.text("pattern_id", row);
            // The row that sums up those beyond the cap has none.
            if id.is_empty() {
                continue;
            }
            let text = |column| patterns.text(column, row).to_owned();
            let int = |column| patterns.int(column, row);
            let names = PatternNames {
                title: titles.get(id).cloned().unwrap_or_default(),
                detector: text("detector"),
                service: text("service"),
                operation: text("operation"),
                target: text("target"),
                impact_ns: int("impact_ns").unwrap_or(0),
                largest_impact_ns: int("largest_impact_ns"),
                failed_requests: patterns.count("failed_requests", row),
                findings: patterns.count("findings", row),
                example_trace_id: text("example_trace_id"),
                is_risk: risks.contains(id),
            };
            run.names.insert(id.to_owned(), names);
            if risks.contains(id) {
                continue;
            }
            let seen = PatternSeen {
                of_entries: BTreeMap::new(),
                requests: patterns.count("requests", row),
                untold: untold.get(patterns.text("detector", row)).copied().unwrap_or(0),
                impact: impact_of(patterns, row).unwrap_or_default(),
            };
            run.seen.patterns.insert(id.to_owned(), seen);
        }
        for row in 0..pattern_entries.len() {
            if let Some(pattern) = run.seen.patterns.get_mut(pattern_entries.text("pattern_id", row)) {
                let seen = pattern.of_entries.entry(entry_of(pattern_entries, row)).or_default();
                seen.requests += pattern_entries.count("requests", row);
                seen.impact = impact_of(pattern_entries, row);
            }
        }
        for row in 0..latency.len() {
            let Some(time) = run.times.get_mut(&entry_of(latency, row)) else { continue };
            let text = |column| latency.text(column, row).to_owned();
            let place = LatencyPlace {
                service: text("service"),
                operation: text("operation"),
                component: text("component"),
                target: text("target"),
            };
            *time.places.entry(place).or_default() += latency.int("critical_ns", row).unwrap_or(0);
        }
        run
    }

    /// Whether a detector was on.
    pub(crate) fn is_enabled(&self, detector: &str) -> bool {
        self.enabled.iter().any(|name| name == detector)
    }
}

/// In how many requests something may be and detectors are silent, because they are too few, by their names.
fn untold(settings: &serde_json::Value) -> HashMap<&'static str, u64> {
    let of_detector = |entry: CatalogEntry| {
        let least = settings.get(entry.description.name)?.get(entry.description.least_of_all_traces?)?.as_u64()?;
        Some((entry.description.name, least.saturating_sub(1)))
    };
    catalog().into_iter().filter_map(of_detector).collect()
}

/// The impact on a request; `None` where it is not recorded.
fn impact_of(columns: &TableColumns, row: usize) -> Option<ImpactSeen> {
    let int = |column| columns.int(column, row);
    Some(ImpactSeen {
        p50_ns: int("impact_p50_ns")?,
        mad_ns: int("impact_mad_ns")?,
        bounds_ns: int("impact_p50_low_ns").zip(int("impact_p50_high_ns")),
    })
}

fn entry_of(columns: &TableColumns, row: usize) -> EntryName {
    EntryName {
        kind: columns.text("entry_kind", row).to_owned(),
        service: columns.text("entry_service", row).to_owned(),
        operation: columns.text("entry_operation", row).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::Detectors;

    /// A threshold that is no longer called so would hide nothing, and nobody would notice.
    #[test]
    fn thresholds_that_may_hide_something_are_settings() {
        let settings = serde_json::to_value(Detectors::default()).unwrap();
        let untold = untold(&settings);
        let named = catalog().into_iter().filter(|entry| entry.description.least_of_all_traces.is_some());
        assert_eq!(untold.len(), named.count());
        assert_eq!((untold["circuit-breaker"], untold.get("n-plus-one")), (9, None));
    }
}
