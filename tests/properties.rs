//! What holds for every input: random traces with every oddity that ids, parents and times can have.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use proptest::prelude::*;
use tracescan::analysis::{Analysis, AnalysisSettings, Gathers, analyse};
use tracescan::conventions::UncountedCalls;
use tracescan::detectors::{Cell, Detectors, catalog};
use tracescan::frame::{Collecting, Collection, FrameBuilder, SignaturePart, SpanSink, SpillStore, ValueCaps, group};
use tracescan::rank::{Table, ranked_tables};
use tracescan::span::{KeyValue, Origin, SpanId, SpanKind, SpanRecord, StatusCode, TraceId, Value};
use tracescan::trace::{OverlapTolerance, Semantics, TraceModel, derive};

#[derive(Clone, Debug)]
struct Span {
    trace: u8,
    id: u64,
    parent: u64,
    service: u8,
    kind: i64,
    status: i64,
    start: u64,
    duration: u64,
    attributes: u8,
}

/// Few ids and short times, so that collisions, cycles, shared ids and equal times are frequent.
fn spans() -> impl Strategy<Value = Vec<Span>> {
    let span = (0..3u8, 1..24u64, 0..24u64, 0..4u8, 0..6i64, 0..3i64, 1..60u64, 0..40u64, 0..12u8).prop_map(
        |(trace, id, parent, service, kind, status, start, duration, attributes)| Span {
            trace,
            id,
            parent,
            service,
            kind,
            status,
            start,
            duration,
            attributes,
        },
    );
    prop::collection::vec(span, 0..120)
}

fn attributes(choice: u8) -> &'static [(&'static str, &'static str)] {
    match choice {
        1 => &[("db.system", "postgresql"), ("db.name", "orders"), ("db.statement", "SELECT 1")],
        2 => {
            &[("http.request.method", "GET"), ("url.full", "http://s1:8080/a/7"), ("http.response.status_code", "503")]
        }
        3 => &[("opentracing.ref_type", "follows_from")],
        4 => &[("peer.service", "s2"), ("error.type", "timeout")],
        5 => &[("messaging.system", "kafka"), ("messaging.destination.name", "t")],
        6 => &[("component", "proxy")],
        7 => &[("http.method", "GET"), ("url.path", "/users/ann/cart"), ("server.address", "localhost")],
        8 => &[("http.method", "GET"), ("url.path", "/users/bob/cart"), ("server.address", "localhost")],
        9 => &[("http.method", "GET"), ("url.path", "/users/eve/cart"), ("server.address", "localhost")],
        10 => &[("gen_ai.system", "openai"), ("server.address", "api.openai.com")],
        11 => &[("db.system", "redis"), ("db.statement", "BLPOP q")],
        _ => &[],
    }
}

fn build<'a>(spans: impl IntoIterator<Item = &'a Span>) -> FrameBuilder {
    build_in(FrameBuilder::default(), spans)
}

fn build_in<'a>(mut builder: FrameBuilder, spans: impl IntoIterator<Item = &'a Span>) -> FrameBuilder {
    for span in spans {
        let text = |key: &'static str, value: String| KeyValue { key: key.into(), value: Value::Str(value.into()) };
        let origin = Origin {
            // One of four names no service.
            resource_attributes: match span.service {
                0 => Vec::new(),
                service => vec![text("service.name", format!("s{service}"))],
            },
            ..Origin::default()
        };
        let record = SpanRecord {
            trace_id: TraceId([span.trace + 1; 16]),
            span_id: SpanId(span.id),
            parent_span_id: SpanId(span.parent),
            name: format!("op{}", span.id % 3).into(),
            kind: SpanKind::from_number(span.kind),
            status: StatusCode::from_number(span.status),
            start_unix_nano: span.start,
            end_unix_nano: span.start + span.duration,
            attributes: attributes(span.attributes).iter().map(|&(key, value)| text(key, value.to_owned())).collect(),
            ..SpanRecord::default()
        };
        builder.span(&origin, &record, 0);
    }
    builder
}

fn settings(detectors: Detectors) -> AnalysisSettings {
    AnalysisSettings {
        detectors,
        enabled: catalog().iter().map(|entry| entry.description.name).collect(),
        gathers: Gathers::NOTHING,
        overlap_tolerance: TOLERANCE,
    }
}

const TOLERANCE: OverlapTolerance = OverlapTolerance { millionths: 10_000 };

fn analysed(collection: &Collection, detectors: &Detectors) -> (Semantics, Analysis) {
    let semantics = derive(&collection.vocabulary, &UncountedCalls::default());
    let analysis = analyse(collection, &semantics, &settings(detectors.clone()), &|_| {}, &AtomicBool::new(false));
    (semantics, analysis)
}

/// The tables, problems first and findings last.
fn ranked(builders: Vec<FrameBuilder>, detectors: &Detectors) -> Vec<Table> {
    let (semantics, analysis) = analysed(&Collection::of(builders), detectors);
    ranked_tables(analysis, detectors, &semantics).expect("tables")
}

/// All tables as text.
fn tables(builders: Vec<FrameBuilder>) -> String {
    tables_of(&Collection::of(builders))
}

fn tables_of(collection: &Collection) -> String {
    let (semantics, analysis) = analysed(collection, &Detectors::default());
    let mut totals = analysis.results.totals.clone();
    // Numbers of strings depend on how many there are that nothing is made of.
    let services = std::mem::take(&mut totals.services);
    let services: Vec<&str> = services.into_iter().map(|service| semantics.symbols.resolve(service)).collect();
    let totals = format!("{totals:?} {services:?}");
    let tables = ranked_tables(analysis, &Detectors::default(), &semantics).expect("tables");
    assert_eq!(tables.len(), catalog().len() + 2);
    tables.iter().fold(totals, |text, table| format!("{text}\n{}: {:?}", table.name, table.values))
}

/// Detectors and trace ids of all findings.
fn findings(tables: &[Table]) -> Vec<(Cell, Cell)> {
    let findings = tables.last().expect("a table of findings");
    let cells = |name| findings.column(name).expect("a column").1.iter().cloned();
    cells("detector").zip(cells("trace_id")).collect()
}

fn low_thresholds() -> Detectors {
    let mut detectors = Detectors::default();
    for (detector, threshold, value) in [
        ("n-plus-one", "max_calls", "1"),
        ("sync-chain", "max_hops", "0"),
        ("retry-storm", "max_attempts", "1"),
        ("failure-amplification", "min_failed_services", "1"),
    ] {
        detectors.set(detector, threshold, value).expect("a threshold");
    }
    detectors
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every span is in exactly one trace, and every trace holds only its own.
    #[test]
    fn grouping_is_complete_and_disjoint(spans in spans()) {
        let (_, frame) = group(vec![build(&spans)]);
        prop_assert_eq!(frame.len(), spans.len());
        prop_assert_eq!(*frame.trace_starts.last().unwrap_or(&0), spans.len());
        prop_assert!(frame.trace_ids.is_sorted());
        for index in 0..frame.trace_count() {
            let trace = frame.trace(index);
            let mut starts: Vec<i64> = trace.starts.to_vec();
            let own = spans.iter().filter(|span| TraceId([span.trace + 1; 16]) == trace.trace_id);
            let mut expected: Vec<i64> = own.map(|span| span.start as i64).collect();
            starts.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(starts, expected);
        }
    }

    /// The sections of every root, segment and fragment partition its interval exactly, and every span lies on one path.
    #[test]
    fn critical_paths_partition_every_root(spans in spans()) {
        let (vocabulary, frame) = group(vec![build(&spans)]);
        let semantics = derive(&vocabulary, &UncountedCalls::default());
        let mut model = TraceModel::default();
        for index in 0..frame.trace_count() {
            model.rebuild(frame.trace(index), &semantics);
            let view = model.view(index as u32, frame.trace_ids[index], &semantics, TOLERANCE);
            for (path, root) in view.tree.path_roots.iter().enumerate() {
                let mut at = view.start(root.row);
                for section in view.paths.sections_of(path) {
                    prop_assert_eq!(section.start, at, "no gap and no overlap");
                    prop_assert!(section.end > section.start);
                    prop_assert_eq!(view.tree.path_root_of(section.row), root.row);
                    at = section.end;
                }
                prop_assert_eq!(at, view.end(root.row));
                prop_assert_eq!(view.path_time(root.row), view.duration(root.row));
            }
            prop_assert_eq!(view.tree.top_down.len(), view.tree.len());
        }
    }

    /// Attribution adds up to the sum of the durations of all roots, segments and fragments.
    #[test]
    fn attribution_adds_up(spans in spans()) {
        let collection = Collection::of(vec![build(&spans)]);
        let (semantics, analysis) = analysed(&collection, &Detectors::default());
        let roots = analysis.results.totals.root_duration_ns;
        let tables = ranked_tables(analysis, &Detectors::default(), &semantics).expect("tables");
        let attribution = tables.iter().find(|table| table.name == "latency_attribution").expect("a table");
        let cells = |name| attribution.column(name).expect("a column").1.iter();
        let of_roots = cells("entry_kind").zip(cells("critical_ns")).filter_map(|(kind, time)| match (kind, time) {
            (Cell::Text(kind), Cell::Int(time)) if kind == "root" => Some(i128::from(*time)),
            _ => None,
        });
        prop_assert_eq!(of_roots.sum::<i128>(), roots);
    }

    /// Neither the order of input, nor how it is cut into files, nor the number of threads changes a value.
    #[test]
    fn order_and_threads_change_nothing(spans in spans(), cut in 0..120usize) {
        let straight = tables(vec![build(&spans)]);
        let cut = cut.min(spans.len());
        let turned = tables(vec![build(spans[cut..].iter().rev()), build(&spans[..cut])]);
        prop_assert_eq!(&straight, &turned);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
        prop_assert_eq!(&straight, &pool.install(|| tables(vec![build(&spans)])));
    }

    /// Spans that were put aside for want of memory change nothing.
    #[test]
    fn memory_changes_nothing(spans in spans(), cut in 0..120usize) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Arc::new(SpillStore::new(folder.path(), 0));
        let collecting = Collecting { spill: Some(Arc::clone(&store)), ..Collecting::default() };
        let (first, second) = spans.split_at(cut.min(spans.len()));
        let builders = vec![
            build_in(FrameBuilder::of(&collecting), second),
            build(&first[..first.len() / 2]),
            build_in(FrameBuilder::of(&collecting), &first[first.len() / 2..]),
        ];
        prop_assert_eq!(builders.iter().map(FrameBuilder::len).sum::<usize>(), spans.len());
        let spilled = tables_of(&Collection::with_spilled(builders, Some(Arc::clone(&store))));
        prop_assert_eq!(store.spilled_bytes() > 0, first.len() / 2 < spans.len());
        prop_assert_eq!(spilled, tables(vec![build(&spans)]));
    }

    /// Of names and services more than the cap, the same are kept and the same spans counted, whatever came first, whoever
    /// collected it, and whether it was put aside.
    #[test]
    fn caps_keep_the_same_values(spans in spans(), cut in 0..120usize) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Arc::new(SpillStore::new(folder.path(), 0));
        let capped = || Collecting { caps: Arc::new(ValueCaps::new(2)), ..Collecting::default() };
        let results = |builders, store: Option<Arc<SpillStore>>| {
            let collection = Collection::with_spilled(builders, store);
            (tables_of(&collection), collection.beyond_cap())
        };
        let (first, second) = spans.split_at(cut.min(spans.len()));
        let straight = results(vec![build_in(FrameBuilder::of(&capped()), &spans)], None);
        let shared = capped();
        let together = [second, first].map(|spans| build_in(FrameBuilder::of(&shared), spans.iter().rev()));
        prop_assert_eq!(&straight, &results(together.into(), None));
        let apart = [second, first].map(|spans| build_in(FrameBuilder::of(&capped()), spans));
        prop_assert_eq!(&straight, &results(apart.into(), None));
        let spilling = Collecting { spill: Some(Arc::clone(&store)), ..capped() };
        let spilled = [second, first].map(|spans| build_in(FrameBuilder::of(&spilling), spans));
        prop_assert_eq!(&straight, &results(spilled.into(), Some(store)));
        let names: HashSet<u64> = spans.iter().map(|span| span.id % 3).collect();
        let counts_names = straight.1.iter().any(|beyond| beyond.part == SignaturePart::NAME);
        prop_assert_eq!(counts_names, names.len() > 2);
    }

    /// Savings are never negative, never more than what is in play, and what patterns add to each other is never more than
    /// there is.
    #[test]
    fn savings_add_up(spans in spans()) {
        let detectors = low_thresholds();
        let (semantics, analysis) = analysed(&Collection::of(vec![build(&spans)]), &detectors);
        let totals = analysis.results.totals.clone();
        let tables = ranked_tables(analysis, &detectors, &semantics).expect("tables");
        let problems = &tables[0];
        prop_assert_eq!(problems.name, "problems");
        let patterns: usize = tables.iter().filter(|table| table.column("pattern_id").is_some()).map(Table::row_count).sum();
        let findings = tables.last().expect("a table").row_count();
        prop_assert_eq!(problems.row_count(), patterns - problems.row_count() - findings, "a row for each pattern");
        let column = |name: &str| -> Vec<i64> {
            let cells = problems.column(name).expect("a column").1.iter();
            cells.map(|cell| if let Cell::Int(number) = cell { *number } else { 0 }).collect()
        };
        for (saving, beyond, all) in [
            ("saving_ns", "beyond_saving_ns", totals.segment_duration_ns),
            ("failed_requests", "beyond_failed_requests", i128::from(totals.failed_roots)),
        ] {
            let (saving, beyond) = (column(saving), column(beyond));
            // Of two that run at the same time each may save nothing alone, and the second all that both save.
            prop_assert!(beyond.iter().all(|&beyond| 0 <= beyond));
            prop_assert!(beyond.iter().map(|&part| i128::from(part)).sum::<i128>() <= all);
            prop_assert!(saving.iter().all(|&saving| i128::from(saving) <= all));
        }
        let detectors = problems.column("detector").expect("a column").1;
        for ((detector, saving), impact) in detectors.iter().zip(column("saving_ns")).zip(column("impact_ns")) {
            if *detector == Cell::Text("n-plus-one".to_owned()) || *detector == Cell::Text("sync-chain".to_owned()) {
                prop_assert!(saving <= impact, "{:?} saves {} of {}", detector, saving, impact);
            }
        }
        prop_assert!(column("requests").iter().all(|&requests| requests as u64 <= totals.roots));
    }

    /// A higher threshold never adds findings.
    #[test]
    fn higher_thresholds_find_less(spans in spans()) {
        let low = findings(&ranked(vec![build(&spans)], &low_thresholds()));
        let high = findings(&ranked(vec![build(&spans)], &Detectors::default()));
        for entry in catalog() {
            let name = Cell::Text(entry.description.name.to_owned());
            let count = |findings: &[(Cell, Cell)]| findings.iter().filter(|(detector, _)| *detector == name).count();
            // A sum over callers is one finding where none of them is over the limit alone, and several where some are.
            if entry.description.name != "n-plus-one" {
                prop_assert!(count(&high) <= count(&low), "{:?}", name);
            }
        }
        prop_assert!(high.iter().all(|finding| low.contains(finding)), "a trace has findings with a higher threshold only");
    }
}
