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
use tracescan::analysis::{Analysis, AnalysisSettings, analyse};
use tracescan::conventions::UncountedCalls;
use tracescan::detectors::{Attribution, Detectors, RetrySequences, catalog};
use tracescan::findings::Findings;
use tracescan::frame::{Collection, Frame, FrameBuilder, group};
use tracescan::generate::{Compression, GenerateOptions, OutputFormat, generate};
use tracescan::ingest::{ReadOptions, read_frames};
use tracescan::rank::{attribution_table, pattern_table};
use tracescan::trace::{Calls, CriticalPaths, Facts, OverlapTolerance, TraceView, Tree, derive};

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

/// All traces, rebuilt.
struct Traces {
    frame: Frame,
    facts: Facts,
    trees: Vec<Tree>,
    calls: Vec<Calls>,
    paths: Vec<CriticalPaths>,
    retries: Vec<RetrySequences>,
}

static TRACES: LazyLock<Traces> = LazyLock::new(|| {
    let (vocabulary, frame) = group(read(OutputFormat::FlatParquet));
    let facts = derive(&vocabulary, &UncountedCalls::default());
    let mut traces =
        Traces { frame, facts, trees: Vec::new(), calls: Vec::new(), paths: Vec::new(), retries: Vec::new() };
    for index in 0..traces.frame.trace_count() {
        let (mut tree, mut calls) = (Tree::default(), Calls::default());
        let (mut paths, mut retries) = (CriticalPaths::default(), RetrySequences::default());
        tree.rebuild(traces.frame.trace(index), &traces.facts);
        calls.rebuild(&tree, &traces.facts);
        paths.rebuild(&tree, &traces.facts, TOLERANCE);
        traces.trees.push(tree);
        traces.calls.push(calls);
        traces.paths.push(paths);
        retries.rebuild(&traces.view(index));
        traces.retries.push(retries);
    }
    traces
});

impl Traces {
    fn view(&self, index: usize) -> TraceView<'_> {
        TraceView {
            index: index as u32,
            trace_id: self.frame.trace_ids[index],
            facts: &self.facts,
            tree: &self.trees[index],
            calls: &self.calls[index],
            paths: &self.paths[index],
        }
    }

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
fn derive_facts(bencher: Bencher<'_, '_>) {
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
            tree.rebuild(traces.frame.trace(index), &traces.facts);
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
            calls.rebuild(tree, &traces.facts);
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
            paths.rebuild(tree, &traces.facts, TOLERANCE);
            black_box(&paths);
        }
    });
}

#[divan::bench]
fn retry_sequences(bencher: Bencher<'_, '_>) {
    let traces = &*TRACES;
    let mut retries = RetrySequences::default();
    bencher.counter(traces.spans()).bench_local(|| {
        for index in traces.indexes() {
            retries.rebuild(&traces.view(index));
            black_box(&retries);
        }
    });
}

#[divan::bench(args = ["n-plus-one", "sync-chain", "retry-storm", "failure-amplification"])]
fn detect(bencher: Bencher<'_, '_>, name: &str) {
    let traces = &*TRACES;
    let detectors = Detectors::default();
    let all = detectors.all();
    let detector = all.iter().find(|detector| detector.description().name == name).expect("a detector");
    bencher.counter(traces.spans()).bench_local(|| {
        let mut findings = Findings::default();
        for index in traces.indexes() {
            detector.detect(&traces.view(index), &traces.retries[index], &mut findings);
        }
        findings
    });
}

#[divan::bench]
fn latency_attribution(bencher: Bencher<'_, '_>) {
    let traces = &*TRACES;
    bencher.counter(traces.spans()).bench_local(|| {
        let mut attribution = Attribution::default();
        for index in traces.indexes() {
            attribution.add(&traces.view(index), 1.0);
        }
        attribution.finish()
    });
}

fn analysed() -> Analysis {
    let collection = Collection::of(read(OutputFormat::FlatParquet));
    let settings = AnalysisSettings {
        detectors: Detectors::default(),
        enabled: catalog().iter().map(|description| description.name).collect(),
        overlap_tolerance: TOLERANCE,
    };
    analyse(&collection, &TRACES.facts, &settings, &|_| (), &AtomicBool::new(false))
}

/// The tables of all detectors.
#[divan::bench]
fn rank(bencher: Bencher<'_, '_>) {
    let symbols = &TRACES.facts.symbols;
    let spans = |analysis: &Analysis| ItemsCount::new(analysis.results.totals.spans);
    bencher.with_inputs(analysed).input_counter(spans).bench_values(|Analysis { results, trace_ids }| {
        for (detector, findings) in Detectors::default().all().into_iter().zip(&results.findings) {
            let table = pattern_table(detector.description(), findings, &results.shared, symbols, &trace_ids);
            black_box(table.expect("numbers that Polars takes"));
        }
        let rows = results.attribution.finish();
        attribution_table(rows, symbols, &trace_ids, false).expect("numbers that Polars takes")
    });
}
