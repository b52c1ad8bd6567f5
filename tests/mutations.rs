//! Damaged inputs of every format: no panic of ours, no hang, bounded memory, and what was read can be analysed.
//!
//! Seeds are small inputs of every format, those that lie beside the repository included where they are there. A mutation
//! cuts, flips, splices, repeats or blows up lengths. `TRACESCAN_MUTATIONS` says how many are tried and
//! `TRACESCAN_MUTATION_SEED` which ones; a failure names its seed file and number, and leaves the bytes in the temporary
//! directory.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use tracescan::analysis::{self, AnalysisSettings};
use tracescan::conventions::UncountedCalls;
use tracescan::detectors::{Detectors, catalog};
use tracescan::frame::{Collection, FrameBuilder, SpanSink};
use tracescan::generate::{Compression, GenerateOptions, OutputFormat, generate};
use tracescan::ingest::{ReadOptions, read_bytes, read_frames};
use tracescan::span::{Origin, SkipReason, SpanRecord};
use tracescan::trace::{OverlapTolerance, derive};

/// How many are tried if nothing else is said.
const FEW: usize = 400;

/// The largest seed: more bytes only take more time.
const MAX_SEED_BYTES: u64 = 64 << 10;

const MAX_TIME: Duration = Duration::from_secs(10);
const MAX_MEMORY_BYTES: u64 = 1 << 30;

const JAEGER: &str = r#"{"data":[{"traceID":"a1","spans":[{"traceID":"a1","spanID":"1","operationName":"GET /","references":[],"startTime":1700000000000000,"duration":90,"tags":[{"key":"span.kind","type":"string","value":"server"},{"key":"blob","type":"binary","value":"AAE="}],"logs":[{"timestamp":1700000000000001,"fields":[{"key":"event","type":"string","value":"x"}]}],"processID":"p1"},{"traceID":"a1","spanID":"2","operationName":"query","references":[{"refType":"CHILD_OF","traceID":"a1","spanID":"1"}],"startTime":1700000000000010,"duration":30,"tags":[{"key":"db.system","type":"string","value":"redis"},{"key":"error","type":"bool","value":true}],"processID":"p1"}],"processes":{"p1":{"serviceName":"web","tags":[]}}}]}"#;

const ZIPKIN: &str = r#"[{"traceId":"00000000000000000000000000000a1","id":"1","kind":"CLIENT","name":"get","timestamp":1700000000000000,"duration":50,"localEndpoint":{"serviceName":"web","ipv4":"10.0.0.1"},"remoteEndpoint":{"serviceName":"cart"},"tags":{"http.path":"/x","error":"yes"}},{"traceId":"00000000000000a1","id":"1","kind":"SERVER","shared":true,"timestamp":1700000000000010,"localEndpoint":{"serviceName":"cart"},"annotations":[{"timestamp":1700000000000011,"value":"wr|{\"a\":1}|0"}]},{"traceId":"a1","id":"2","parentId":"1","tags":{"otlp.link.0":"a|1|s|{}|0"}}]"#;

const DOCUMENT: &str = r#"{"timestamp":1,"message":"{\"traceId\":\"000000000000000000000000000000a1\",\"spanId\":\"0000000000000002\",\"name\":\"x\",\"startTimeUnixNano\":1.7e18,\"durationNano\":9,\"attributes\":{\"a\":{\"b\":[1]}},\"resource\":{\"attributes\":{\"service.name\":\"s\"}}}"}"#;

/// Small inputs with their names.
fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut seeds = vec![
        ("jaeger".to_owned(), JAEGER.as_bytes().to_vec()),
        ("zipkin".to_owned(), ZIPKIN.as_bytes().to_vec()),
        ("document".to_owned(), DOCUMENT.as_bytes().to_vec()),
    ];
    for (name, format) in [
        ("flat Parquet", OutputFormat::FlatParquet),
        ("canonical Parquet", OutputFormat::CanonicalParquet),
        ("JSON", OutputFormat::OtlpJsonLines(Compression::None)),
        ("JSON in gzip", OutputFormat::OtlpJsonLines(Compression::Gzip)),
        ("protobuf", OutputFormat::OtlpProto(Compression::None)),
        ("protobuf in zstd", OutputFormat::OtlpProto(Compression::Zstd)),
    ] {
        let mut bytes = Vec::new();
        let options = GenerateOptions { spans: 60, anti_patterns: 0.5, ..GenerateOptions::default() };
        generate(options, format, &mut bytes, None::<Vec<u8>>, &|_| ()).expect("memory takes everything");
        seeds.push((name.to_owned(), bytes));
    }
    let length_prefixed = |seeds: &[(String, Vec<u8>)]| {
        let message = &seeds.iter().find(|(name, _)| name == "protobuf").expect("it is there").1;
        [&(message.len() as u32).to_be_bytes()[..], message].concat().repeat(2)
    };
    let prefixed = length_prefixed(&seeds);
    seeds.push(("length-prefixed protobuf".to_owned(), prefixed));
    let shared = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/formats"));
    if !shared.exists() {
        #[expect(clippy::print_stderr, reason = "says what was not mutated")]
        {
            eprintln!("skipped mutations of shared data: {} is absent", shared.display());
        }
    }
    add_files(shared, &mut seeds);
    seeds
}

fn add_files(folder: &Path, seeds: &mut Vec<(String, Vec<u8>)>) {
    let Ok(entries) = folder.read_dir() else { return };
    let mut paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            add_files(&path, seeds);
        } else if path.metadata().is_ok_and(|file| file.len() <= MAX_SEED_BYTES) {
            seeds.push((path.display().to_string(), std::fs::read(&path).expect("a file that may be read")));
        }
    }
}

/// Bytes that mean much to some decoder: lengths at their limits, magic bytes, brackets.
const WORDS: [&[u8]; 14] = [
    &[0xff; 4],
    &[0xff, 0xff, 0xff, 0x7f],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
    &[0; 8],
    &[0x80; 10],
    b"PAR1",
    &[0x1f, 0x8b],
    &[0x28, 0xb5, 0x2f, 0xfd],
    b"{\"resourceSpans\":[",
    b"[[[[[[[[",
    b"}]}",
    b"\"",
    b"\n",
    b"999999999999999999999999",
];

fn mutate(bytes: &[u8], others: &[(String, Vec<u8>)], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..random.random_range(1..=4) {
        if bytes.is_empty() {
            break;
        }
        let at = random.random_range(0..bytes.len());
        let span = random.random_range(1..=64.min(bytes.len()));
        match random.random_range(0..8) {
            0 => bytes.truncate(at),
            1 => bytes[at] ^= 1 << random.random_range(0..8),
            2 => bytes[at] = random.random(),
            3 => {
                let end = (at + span).min(bytes.len());
                bytes.drain(at..end);
            }
            4 => {
                let piece = bytes[at..(at + span).min(bytes.len())].to_vec();
                let copies = piece.repeat(random.random_range(1..=50));
                bytes.splice(at..at, copies);
            }
            5 => {
                let other = &others[random.random_range(0..others.len())].1;
                let from = random.random_range(0..other.len().max(1)).min(other.len());
                let to = (from + random.random_range(0..=4096)).min(other.len());
                bytes.splice(at..at, other[from..to].iter().copied());
            }
            6 => {
                let word = WORDS[random.random_range(0..WORDS.len())];
                let end = (at + word.len()).min(bytes.len());
                bytes.splice(at..end, word.iter().copied());
            }
            _ => bytes.rotate_left(at),
        }
    }
    bytes
}

/// Takes everything and keeps nothing.
struct Everything(u64);

impl SpanSink for Everything {
    fn span(&mut self, origin: &Origin<'_>, span: &SpanRecord<'_>, _: u64) {
        self.0 += u64::from(!format!("{origin:?}{span:?}").is_empty());
    }

    fn skip(&mut self, _: SkipReason, _: u64) {}

    fn wants_everything(&self) -> bool {
        true
    }
}

/// Reads the bytes in both ways, and analyses what came out.
fn read_and_analyse(bytes: &[u8], file: &Path) {
    let options = ReadOptions::default();
    let mut sink = Everything(0);
    read_bytes(Path::new("mutation"), bytes.to_vec(), &options, &mut sink);
    std::fs::write(file, bytes).expect("a temporary file");
    let read = read_frames(&[file.to_owned()], &options, &());
    let spans: usize = read.builders.iter().map(FrameBuilder::len).sum();
    let collection = Collection::of(read.builders);
    let semantics = derive(&collection.vocabulary, &UncountedCalls::default());
    let settings = AnalysisSettings {
        detectors: Detectors::default(),
        enabled: catalog().iter().map(|entry| entry.description.name).collect(),
        overlap_tolerance: OverlapTolerance { millionths: 10_000 },
    };
    let partial = analysis::analyse(&collection, &semantics, &settings, &|_| {}, &AtomicBool::new(false)).results;
    assert_eq!(partial.totals.spans + partial.quality.duplicates, spans as u64, "every span is accounted for");
}

/// Where our own code panicked, caught or not, on any thread.
static OUR_PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The most memory that this process had at once, where the system tells.
fn peak_memory_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap_or(0) * 1024
}

#[test]
#[expect(clippy::print_stdout, reason = "a long run says what it did")]
fn damaged_inputs_do_no_harm() {
    let count = number("TRACESCAN_MUTATIONS", FEW);
    let first = number("TRACESCAN_MUTATION_SEED", 0);
    let seeds = seeds();
    // The Parquet decoder may panic, which is caught; none of our own code may, caught or not.
    let print = take_hook();
    set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let is_ours = place.starts_with("src/") || place.starts_with("tests/");
        if is_ours {
            print(panic);
            OUR_PANICS.lock().expect("no panic while it is held").push(place);
        }
    }));
    let folder = tempfile::tempdir().expect("a temporary directory");
    let failures: Vec<String> = (first..first + count)
        .into_par_iter()
        .filter_map(|number| {
            let mut random = ChaCha8Rng::seed_from_u64(number as u64);
            let (name, bytes) = &seeds[number % seeds.len()];
            let mutated = mutate(bytes, &seeds, &mut random);
            let file = folder.path().join(number.to_string());
            let since = Instant::now();
            let done = catch_unwind(AssertUnwindSafe(|| read_and_analyse(&mutated, &file)));
            let _ = std::fs::remove_file(&file);
            let problem = match done {
                Err(_) => "panicked".to_owned(),
                Ok(()) if since.elapsed() > MAX_TIME => format!("took {:?}", since.elapsed()),
                Ok(()) => return None,
            };
            let kept = std::env::temp_dir().join(format!("tracescan-mutation-{number}"));
            let _ = std::fs::write(&kept, &mutated);
            Some(format!("mutation {number} of {name}: {problem}; kept as {}", kept.display()))
        })
        .collect();
    let _ = take_hook();
    let peak = peak_memory_bytes();
    println!("{count} mutations of {} inputs, {} failures, at most {} MB", seeds.len(), failures.len(), peak >> 20);
    let panics = OUR_PANICS.lock().expect("no panic while it is held").clone();
    assert!(failures.is_empty() && panics.is_empty(), "{}\npanics, caught or not: {panics:?}", failures.join("\n"));
    assert!(peak < MAX_MEMORY_BYTES, "{peak} bytes");
}
