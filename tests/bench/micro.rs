//! Spans a second of each step, on one thread: `cargo bench --profile profiling --bench micro`, or with `-- STEP` behind it.
//! The profile spares linking all dependencies once more.
//!
//! Inputs are 100,000 spans of the crate's own generator, always the same ones. What leads to a step is not timed.

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{LazyLock, OnceLock};

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use tracescan::analysis::{Analysis, AnalysisSettings, Gathers, analyse};
use tracescan::conventions::UncountedCalls;
use tracescan::detectors::{Detectors, catalog};
use tracescan::frame::{Collection, Frame, FrameBuilder, group};
use tracescan::generate::{Compression, GenerateOptions, OutputFormat, generate};
use tracescan::ingest::{ReadOptions, read_frames};
use tracescan::rank::ranked_tables;
use tracescan::trace::{Calls, CriticalPaths, OverlapTolerance, Semantics, TraceModel, Tree, derive};

const SPANS: u64 = 100_000;
const TOLERANCE: OverlapTolerance = OverlapTolerance { millionths: 10_000 };

const FORMATS: [OutputFormat; 6] = [
    OutputFormat::FlatParquet,
    OutputFormat::FlatParquetHexIds,
    OutputFormat::CanonicalParquet,
    OutputFormat::ClickHouseParquet,
    OutputFormat::OtlpProto(Compression::None),
    OutputFormat::OtlpJsonLines(Compression::None),
];

static DUMPS: OnceLock<PathBuf> = OnceLock::new();

fn main() {
    // What is measured is work, not how many processors there are.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build_global();
    pool.expect("the pool is not in use yet");
    let directory = tempfile::tempdir().expect("a directory");
    DUMPS.get_or_init(|| directory.path().to_owned());
    for format in FORMATS {
        let file = BufWriter::new(File::create(dump(format)).expect("a file"));
        let options = GenerateOptions { spans: SPANS, ..GenerateOptions::default() };
        generate(options, format, file, None::<Vec<u8>>, &|_| ()).expect("the disk takes the spans");
    }
    divan::main();
}

fn dump(format: OutputFormat) -> PathBuf {
    DUMPS.get().expect("main sets it").join(format!("{format:?}"))
}

fn read(format: OutputFormat) -> Vec<FrameBuilder> {
    read_frames(&[dump(format)], &ReadOptions::default(), &()).builders
}

fn count(builders: &[FrameBuilder]) -> ItemsCount {
    ItemsCount::new(builders.iter().map(FrameBuilder::len).sum::<usize>())
}

/// All traces, their trees and calls.
struct Traces {
    frame: Frame,
    semantics: Semantics,
    trees: Vec<Tree>,
}

static TRACES: LazyLock<Traces> = LazyLock::new(|| {
    let (vocabulary, frame) = group(read(OutputFormat::FlatParquet));
    let semantics = derive(&vocabulary, &UncountedCalls::default());
    let tree = |index| {
        let mut tree = Tree::default();
        tree.rebuild(frame.trace(index), &semantics);
        tree
    };
    let trees = (0..frame.trace_count()).map(tree).collect();
    Traces { frame, semantics, trees }
});

impl Traces {
    fn spans(&self) -> ItemsCount {
        ItemsCount::new(self.frame.len())
    }

    fn indexes(&self) -> std::ops::Range<usize> {
        0..self.trees.len()
    }
}

#[divan::bench(args = FORMATS)]
fn decode(bencher: Bencher<'_, '_>, format: OutputFormat) {
    let path = dump(format);
    let spans = count(&read(format));
    bencher.counter(spans).bench(|| read_frames(std::slice::from_ref(&path), &ReadOptions::default(), &()));
}

#[divan::bench]
fn group_by_trace(bencher: Bencher<'_, '_>) {
    let builders = || read(OutputFormat::FlatParquet);
    bencher.with_inputs(builders).input_counter(|builders| count(builders)).bench_values(group);
}

#[divan::bench]
fn derive_semantics(bencher: Bencher<'_, '_>) {
    let (vocabulary, _) = group(read(OutputFormat::FlatParquet));
    let signatures = ItemsCount::new(vocabulary.signatures.len());
    bencher.counter(signatures).bench(|| derive(&vocabulary, &UncountedCalls::default()));
}

#[divan::bench]
fn tree(bencher: Bencher<'_, '_>) {
    let traces = &*TRACES;
    let mut tree = Tree::default();
    bencher.counter(traces.spans()).bench_local(|| {
        for index in traces.indexes() {
            tree.rebuild(traces.frame.trace(index), &traces.semantics);
            black_box(&tree);
        }
    });
}

#[divan::bench]
fn calls(bencher: Bencher<'_, '_>) {
    let traces = &*TRACES;
    let mut calls = Calls::default();
    bencher.counter(traces.spans()).bench_local(|| {
        for tree in &traces.trees {
            calls.rebuild(tree, &traces.semantics);
            black_box(&calls);
        }
    });
}

#[divan::bench]
fn critical_path(bencher: Bencher<'_, '_>) {
    let traces = &*TRACES;
    let mut paths = CriticalPaths::default();
    bencher.counter(traces.spans()).bench_local(|| {
        for tree in &traces.trees {
            paths.rebuild(tree, &traces.semantics, TOLERANCE);
            black_box(&paths);
        }
    });
}

/// Tree, calls, paths and retries of each trace.
#[divan::bench]
fn retry_sequences(bencher: Bencher<'_, '_>) {
    let traces = &*TRACES;
    let mut model = TraceModel::default();
    bencher.counter(traces.spans()).bench_local(|| {
        for index in traces.indexes() {
            model.rebuild(traces.frame.trace(index), &traces.semantics);
            let view = model.view(index as u32, traces.frame.trace_ids[index], &traces.semantics, TOLERANCE);
            black_box(view.retries());
        }
    });
}

fn settings(enabled: &[&str]) -> AnalysisSettings {
    let names = catalog().into_iter().map(|entry| entry.description.name);
    AnalysisSettings {
        detectors: Detectors::default(),
        enabled: names.filter(|name| enabled.is_empty() || enabled.contains(name)).collect(),
        gathers: Gathers::NOTHING,
        overlap_tolerance: TOLERANCE,
    }
}

fn analysed(enabled: &[&str]) -> Analysis {
    let collection = Collection::of(read(OutputFormat::FlatParquet));
    analyse(&collection, &TRACES.semantics, &settings(enabled), &|_| (), &AtomicBool::new(false))
}

/// The whole pass with one detector on.
#[divan::bench(args = [
    "n-plus-one",
    "sync-chain",
    "serial-fan-out",
    "retry-storm",
    "failure-amplification",
    "failure-origins",
    "hard-dependency",
    "timeouts",
    "circuit-breaker",
    "throttling",
    "saturation",
    "latency-attribution",
])]
fn analyse_with(bencher: Bencher<'_, '_>, name: &str) {
    let collections = || Collection::of(read(OutputFormat::FlatParquet));
    let spans = |collection: &Collection| ItemsCount::new(collection.len());
    bencher.with_inputs(collections).input_counter(spans).bench_values(|collection| {
        analyse(&collection, &TRACES.semantics, &settings(&[name]), &|_| (), &AtomicBool::new(false))
    });
}

/// The tables of all detectors.
#[divan::bench]
fn rank(bencher: Bencher<'_, '_>) {
    let spans = |analysis: &Analysis| ItemsCount::new(analysis.results.totals.spans);
    bencher.with_inputs(|| analysed(&[])).input_counter(spans).bench_values(|analysis| {
        ranked_tables(analysis, &Detectors::default(), &TRACES.semantics).expect("numbers that Polars takes")
    });
}
