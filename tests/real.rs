//! Whole dumps of real systems, against results that were counted independently with SQL.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use serde_json::Value;
use tracescan::analysis::{AnalysisSettings, Gathers, Quality, Totals, analyse};
use tracescan::conventions::UncountedCalls;
use tracescan::detectors::{Cell, Detectors, catalog};
use tracescan::frame::Collection;
use tracescan::ingest::{ReadFrames, ReadOptions, read_frames};
use tracescan::rank::{Table, ranked_tables};
use tracescan::trace::{OverlapTolerance, TargetKind, derive};

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

/// What a dump gives.
struct Analysed {
    totals: Totals,
    quality: Quality,
    services: usize,
    /// The tables, that of findings as the last.
    tables: Vec<Table>,
}

impl Analysed {
    /// The values of some columns of a table, row by row.
    fn rows<const N: usize>(&self, table: &str, columns: [&str; N]) -> Vec<[&Cell; N]> {
        let table = self.tables.iter().find(|known| known.name == table).expect("a table");
        let columns = columns.map(|name| table.column(name).expect("a column").1);
        (0..table.row_count()).map(|row| columns.map(|cells| &cells[row])).collect()
    }

    /// Findings of a detector: target, kind of the target, trace, and what was measured.
    fn findings(&self, detector: &str) -> Vec<(&str, &str, &str, f64)> {
        let rows = self.rows("findings", ["detector", "target", "target_kind", "trace_id", "measured"]);
        let of_detector = rows.into_iter().filter(|[name, ..]| text(name) == detector);
        of_detector
            .map(|[_, target, kind, trace, measured]| (text(target), text(kind), text(trace), number(measured)))
            .collect()
    }
}

fn text(cell: &Cell) -> &str {
    match cell {
        Cell::Text(text) => text,
        Cell::None => "",
        other => panic!("{other:?} is no text"),
    }
}

fn number(cell: &Cell) -> f64 {
    match cell {
        Cell::Float(number) => *number,
        Cell::Int(number) => *number as f64,
        other => panic!("{other:?} is no number"),
    }
}

fn analysed(file: &Path, detectors: &Detectors, uncounted: &UncountedCalls) -> Analysed {
    let ReadFrames { builders, reports, .. } = read_frames(&[file.to_owned()], &ReadOptions::default(), &());
    assert!(reports.iter().all(|report| report.errors.is_empty()), "{}", file.display());
    let collection = Collection::of(builders);
    let semantics = derive(&collection.vocabulary, uncounted);
    let settings = AnalysisSettings {
        detectors: detectors.clone(),
        enabled: catalog().iter().map(|entry| entry.description.name).collect(),
        gathers: Gathers::NOTHING,
        overlap_tolerance: OverlapTolerance { millionths: 10_000 },
    };
    let analysis = analyse(&collection, &semantics, &settings, &|_| {}, &AtomicBool::new(false));
    assert_eq!(analysis.trace_ids.len() as u64, analysis.results.totals.traces);
    Analysed {
        totals: analysis.results.totals.clone(),
        quality: analysis.results.quality.clone(),
        services: analysis.results.totals.services.len(),
        tables: ranked_tables(analysis, detectors, &semantics).expect("tables"),
    }
}

/// Traces with more than `hops` synchronous hops in a row.
fn traces_with_more_hops(file: &Path, hops: u32) -> i64 {
    let mut detectors = Detectors::default();
    detectors.set("sync-chain", "max_hops", &hops.to_string()).expect("a threshold");
    let analysed = analysed(file, &detectors, &UncountedCalls::none());
    let findings = analysed.findings("sync-chain");
    let traces: BTreeSet<&str> = findings.iter().map(|&(_, _, trace, _)| trace).collect();
    traces.len() as i64
}

fn check(name: &str, file: &str) {
    let Some(folder) = dumps() else { return };
    let expected = std::fs::read_to_string(folder.join(format!("{name}.expected.json"))).expect("expected results");
    let expected: Value = serde_json::from_str(&expected).expect("JSON");
    let file = folder.join(file);
    let analysed = analysed(&file, &Detectors::default(), &UncountedCalls::none());
    let counted = |key: &str| expected[key].as_i64().expect("a number");

    assert_eq!(analysed.totals.spans as i64, counted("spans"));
    assert_eq!(analysed.totals.traces as i64, counted("traces"));
    assert_eq!(analysed.services as i64, counted("services"));
    assert_eq!(analysed.quality.orphans as i64, counted("orphans"));
    assert_eq!(analysed.totals.root_duration_ns, i128::from(counted("root_duration_ns")));
    for kind in TargetKind::ALL {
        let calls = analysed.totals.calls[kind as usize] as i64;
        assert_eq!(
            calls,
            expected["calls"].get(kind.as_str()).and_then(Value::as_i64).unwrap_or(0),
            "{}",
            kind.as_str()
        );
    }
    // (trace, target) pairs over the limit, by target: a pair with several callers has several findings.
    let mut pairs: BTreeMap<(&str, &str), (&str, f64)> = BTreeMap::new();
    for (target, kind, trace, measured) in analysed.findings("n-plus-one") {
        pairs.entry((target, trace)).or_insert((kind, 0.0)).1 += measured;
    }
    for kind in ["service", "database", "messaging"] {
        for of_target in expected[format!("n_plus_one_by_target_{kind}")].as_array().expect("a list") {
            let target = of_target[0].as_str().expect("a name");
            let found: Vec<f64> = pairs
                .iter()
                .filter(|((name, _), (of, _))| *name == target && *of == kind)
                .map(|(_, pair)| pair.1)
                .collect();
            assert_eq!(found.len() as i64, of_target[1].as_i64().expect("a count"), "{target}");
            let most = found.iter().copied().fold(0.0, f64::max);
            // Calls of callers that are not over the limit alone are in the pair, but in no finding.
            assert!(most <= of_target[3].as_f64().expect("a maximum"), "{target}");
        }
        let all = pairs.values().filter(|(of, _)| *of == kind).count() as i64;
        assert_eq!(all, expected[format!("n_plus_one_findings_{kind}")][0].as_i64().expect("a count"), "{kind}");
    }

    let histogram = expected["hops_histogram"].as_array().expect("a list");
    // One of robot-shop's callees begins when its caller has ended: the histogram takes it for a hop.
    let late_hops = |hops: u32| i64::from(name == "robot-shop" && hops == 0);
    for hops in 0..4 {
        let more = histogram
            .iter()
            .filter(|bin| bin[0].as_i64().expect("hops") > i64::from(hops))
            .map(|bin| bin[1].as_i64().expect("traces"))
            .sum::<i64>();
        assert_eq!(traces_with_more_hops(&file, hops), more - late_hops(hops), "more than {hops} hops");
    }

    let rows = analysed.rows("latency_attribution", ["entry_kind", "critical_ns"]);
    let of_roots = rows.iter().filter(|[kind, _]| text(kind) == "root").map(|[_, time]| match time {
        Cell::Int(time) => i128::from(*time),
        other => panic!("{other:?} is no time"),
    });
    assert_eq!(of_roots.sum::<i128>(), i128::from(counted("root_duration_ns")));
}

/// A shop under load: loops over services and databases, traces spread over lines.
#[test]
fn online_boutique() {
    check("online-boutique", "online-boutique.flat.parquet");
}

/// The same spans in three formats: errors, orphans, heartbeats, times in whole milliseconds.
#[test]
fn robot_shop() {
    for file in ["robot-shop.flat.parquet", "robot-shop.otel_traces.parquet", "robot-shop.otlp.jsonl.gz"] {
        check("robot-shop", file);
    }
}

/// Parallel siblings, deep chains, no kinds.
#[test]
fn media() {
    check("media", "media.flat.parquet");
}

/// The endless traces of robot-shop are heartbeats, and with the list of heartbeats nothing is found there.
#[test]
fn heartbeats_are_no_finding() {
    let Some(folder) = dumps() else { return };
    let file = folder.join("robot-shop.flat.parquet");
    let analysed = analysed(&file, &Detectors::default(), &UncountedCalls::default());
    assert_eq!(analysed.findings("n-plus-one"), []);
    assert_eq!(analysed.totals.calls[TargetKind::Database as usize], 1623, "totals count heartbeats");
}
