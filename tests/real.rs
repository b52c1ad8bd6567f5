//! Whole dumps of real systems, against results that were counted independently with SQL.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use serde_json::Value;
use tracescan::analysis::{AnalysisSettings, Partial, analyse};
use tracescan::conventions::UncountedCalls;
use tracescan::detectors::{Detectors, catalog};
use tracescan::frame::Collection;
use tracescan::ingest::{ReadFrames, ReadOptions, read_frames};
use tracescan::span::TraceId;
use tracescan::trace::{Facts, OverlapTolerance, TargetKind, derive};

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

fn analysed(file: &Path, detectors: Detectors, uncounted: &UncountedCalls) -> (Vec<TraceId>, Facts, Partial) {
    let ReadFrames { builders, reports, .. } = read_frames(&[file.to_owned()], &ReadOptions::default(), &());
    assert!(reports.iter().all(|report| report.errors.is_empty()), "{}", file.display());
    let collection = Collection::of(builders);
    let facts = derive(&collection.vocabulary, uncounted);
    let settings = AnalysisSettings {
        detectors,
        enabled: catalog().iter().map(|description| description.name).collect(),
        overlap_tolerance: OverlapTolerance { millionths: 10_000 },
    };
    let analysis = analyse(&collection, &facts, &settings, &|_| {}, &AtomicBool::new(false));
    (analysis.trace_ids, facts, analysis.results)
}

/// Traces with more than `hops` synchronous hops in a row.
fn traces_with_more_hops(file: &Path, hops: u32) -> i64 {
    let mut detectors = Detectors::default();
    detectors.sync_chain.max_hops = hops;
    let (_, _, partial) = analysed(file, detectors, &UncountedCalls::none());
    let mut traces = partial.findings[1].traces.clone();
    traces.sort_unstable();
    traces.dedup();
    traces.len() as i64
}

fn check(name: &str, file: &str) {
    let Some(folder) = dumps() else { return };
    let expected = std::fs::read_to_string(folder.join(format!("{name}.expected.json"))).expect("expected results");
    let expected: Value = serde_json::from_str(&expected).expect("JSON");
    let file = folder.join(file);
    let (trace_ids, facts, partial) = analysed(&file, Detectors::default(), &UncountedCalls::none());
    let number = |key: &str| expected[key].as_i64().expect("a number");

    assert_eq!(partial.totals.spans as i64, number("spans"));
    assert_eq!(partial.totals.traces as i64, number("traces"));
    assert_eq!(facts.service_count as i64, number("services"));
    assert_eq!(partial.quality.orphans as i64, number("orphans"));
    assert_eq!(partial.totals.root_duration_ns, i128::from(number("root_duration_ns")));
    for kind in TargetKind::ALL {
        let calls = partial.totals.calls[kind as usize] as i64;
        assert_eq!(
            calls,
            expected["calls"].get(kind.as_str()).and_then(Value::as_i64).unwrap_or(0),
            "{}",
            kind.as_str()
        );
    }
    assert_eq!(trace_ids.len() as u64, partial.totals.traces);

    // (trace, target) pairs over the limit, by target: a pair with several callers has several findings.
    let findings = &partial.findings[0];
    let mut pairs: BTreeMap<(&str, u32), (TargetKind, f64)> = BTreeMap::new();
    for row in 0..findings.len() {
        let target = findings.targets[row].expect("n-plus-one has targets");
        let pair =
            pairs.entry((facts.symbols.resolve(target.name), findings.traces[row])).or_insert((target.kind, 0.0));
        pair.1 += findings.measured[row];
    }
    for kind in ["service", "database", "messaging"] {
        for of_target in expected[format!("n_plus_one_by_target_{kind}")].as_array().expect("a list") {
            let target = of_target[0].as_str().expect("a name");
            let found: Vec<f64> = pairs
                .iter()
                .filter(|((name, _), (of, _))| *name == target && of.as_str() == kind)
                .map(|(_, pair)| pair.1)
                .collect();
            assert_eq!(found.len() as i64, of_target[1].as_i64().expect("a count"), "{target}");
            let most = found.iter().copied().fold(0.0, f64::max);
            // Calls of callers that are not over the limit alone are in the pair, but in no finding.
            assert!(most <= of_target[3].as_f64().expect("a maximum"), "{target}");
        }
        let all = pairs.values().filter(|(of, _)| of.as_str() == kind).count() as i64;
        assert_eq!(all, expected[format!("n_plus_one_findings_{kind}")][0].as_i64().expect("a count"), "{kind}");
    }

    let histogram = expected["hops_histogram"].as_array().expect("a list");
    for hops in 0..4 {
        let more = histogram
            .iter()
            .filter(|bin| bin[0].as_i64().expect("hops") > i64::from(hops))
            .map(|bin| bin[1].as_i64().expect("traces"))
            .sum::<i64>();
        assert_eq!(traces_with_more_hops(&file, hops), more, "more than {hops} hops");
    }

    let rows = partial.attribution.finish();
    let of_roots = rows.iter().filter(|row| row.entry.kind.as_str() == "root").map(|row| i128::from(row.critical_ns));
    assert_eq!(of_roots.sum::<i128>(), i128::from(number("root_duration_ns")));
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
    let (_, _, partial) = analysed(&file, Detectors::default(), &UncountedCalls::default());
    assert_eq!(partial.findings[0].len(), 0);
    assert_eq!(partial.totals.calls[TargetKind::Database as usize], 1623, "totals count heartbeats");
}
