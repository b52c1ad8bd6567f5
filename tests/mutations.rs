//! Damaged inputs of every format: no panic of ours, no hang, bounded memory, and what was read can be analysed.
//!
//! Seeds are small inputs of every format, those that lie beside the repository included where they are there. A mutation
//! cuts, flips, splices, repeats or blows up lengths. `TRACESCAN_MUTATIONS` says how many are tried and
//! `TRACESCAN_MUTATION_SEED` which ones; a failure names its seed file and number, and leaves the bytes in the temporary
//! directory.

use std::io::{Cursor, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use tracescan::analysis::{self, AnalysisSettings, Gathers};
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

/// A span of each kind of document, one to a line but for the last.
const DOCUMENTS: &str = r#"{"name":"q","context":{"trace_id":"0xa1","span_id":"0x2","trace_state":"['{key=a, value=b}']"},"kind":"SpanKind.CLIENT","parent_id":"0x1","start_time":"2026-01-15T12:00:00.01Z","end_time":"2026-01-15T12:00:00.03Z","status":{"status_code":"ERROR"},"attributes":{"db.system":"sqlite"},"events":[],"links":[{"context":{"trace_id":"0x1"}}],"resource":{"attributes":{"service.name":"s"}}}
{"Name":"Run","SpanContext":{"TraceID":"a1","SpanID":"3","TraceState":""},"Parent":{"SpanID":"1"},"SpanKind":2,"StartTime":"2026-01-15T12:00:00Z","EndTime":"2026-01-15T12:00:00.05Z","Attributes":[{"Key":"k","Value":{"Type":"INT64","Value":1}}],"Status":{"Code":"Unset"},"Resource":[{"Key":"service.name","Value":{"Type":"STRING","Value":"s"}}]}
{"_index":"apm","_source":{"@timestamp":"2026-01-15T12:00:00.010Z","processor":{"event":"span"},"trace":{"id":"a1"},"transaction":{"id":"1"},"span":{"id":"4","name":"q","type":"db","subtype":"mysql","duration":{"us":10}},"service":{"name":"s"},"timestamp":{"us":1768478400010000}}}
{"Timestamp":"2026-01-15 12:00:00.000000000","TraceId":"a1","SpanId":"5","ParentSpanId":"","SpanName":"GET /","SpanKind":"Server","ServiceName":"s","SpanAttributes":{"a":"b"},"Duration":"5","StatusCode":"Unset","Events.Timestamp":["2026-01-15 12:00:00"],"Events.Name":["e"]}
{"trace.trace_id":"a1","trace.span_id":"6","name":"x","duration_ms":1.5,"Timestamp":"2026-01-15T12:00:00Z","service.name":"s"}
{"data":[{"id":"A","type":"spans","attributes":{"trace_id":"161","span_id":"7","parent_id":"1","start_timestamp":"2026-01-15T12:00:00Z","end_timestamp":"2026-01-15T12:00:01Z","service":"s","resource_name":"r","custom":{"duration":1}}}]}
2026-01-15T12:00:00.000Z {"resource":{"attributes":{"service.name":"s"}},"traceId":{"0":161},"spanId":[8],"name":"h","kind":"SERVER","startTimeUnixNano":1768478400000000000,"durationNano":5}
["TraceId","SpanId","SpanName","Timestamp"]
["a1","9","n","2026-01-15 12:00:00"]
{"Traces":[{"Id":"1-6968d500-aabbccddeeff001122334455","Segments":[{"Id":"1","Document":"{\"id\":\"a\",\"trace_id\":\"1-6968d500-aabbccddeeff001122334455\",\"name\":\"s\",\"start_time\":1768478400.0,\"subsegments\":[{\"id\":\"b\",\"name\":\"DynamoDB\",\"start_time\":1768478400.01,\"namespace\":\"aws\"}]}"}]}]}"#;

/// The same spans in archives and compressions, and a table of Arrow.
fn packed() -> Vec<(String, Vec<u8>)> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let mut tar = tar::Builder::new(Vec::new());
    for (name, text) in [("a.json", DOCUMENTS), ("d/b.json", JAEGER)] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("packed");
        zip.write_all(text.as_bytes()).expect("packed");
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        tar.append_data(&mut header, name, text.as_bytes()).expect("packed");
    }
    let tar = tar.into_inner().expect("packed");
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(&tar).expect("compressed");
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(DOCUMENTS.as_bytes()).expect("compressed");
    let texts = |text: &str| Arc::new(StringArray::from(vec![text; 40])) as ArrayRef;
    let times = Arc::new(Int64Array::from(vec![1_768_478_400_000_000_000; 40])) as ArrayRef;
    let columns = [
        ("trace_id", texts("a1")),
        ("span_id", texts("1")),
        ("name", texts("n")),
        ("end_time_unix_nano", times.clone()),
    ];
    let columns = columns.into_iter().chain([("start_time_unix_nano", times)]);
    let batch = RecordBatch::try_from_iter(columns).expect("a batch");
    let arrow = |compression| {
        let options = IpcWriteOptions::default().try_with_compression(compression).expect("options");
        let mut writer = FileWriter::try_new_with_options(Vec::new(), &batch.schema(), options).expect("a writer");
        (0..3).for_each(|_| writer.write(&batch).expect("written"));
        writer.into_inner().expect("written")
    };
    let packed = [
        ("zip", zip.finish().expect("packed").into_inner()),
        ("tar", tar),
        ("tar in xz", xz.finish().expect("compressed")),
        ("bzip2", bzip2.finish().expect("compressed")),
        ("Arrow", arrow(None)),
        ("Arrow in LZ4", arrow(Some(CompressionType::LZ4_FRAME))),
    ];
    packed.map(|(name, bytes)| (name.to_owned(), bytes)).into()
}

/// Small inputs with their names.
fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut seeds = vec![
        ("jaeger".to_owned(), JAEGER.as_bytes().to_vec()),
        ("zipkin".to_owned(), ZIPKIN.as_bytes().to_vec()),
        ("document".to_owned(), DOCUMENT.as_bytes().to_vec()),
        ("documents".to_owned(), DOCUMENTS.as_bytes().to_vec()),
    ];
    seeds.extend(packed());
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
const WORDS: [&[u8]; 17] = [
    &[0xff; 4],
    &[0xff, 0xff, 0xff, 0x7f],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
    &[0; 8],
    &[0x80; 10],
    b"PAR1",
    b"ARROW1\0\0",
    b"PK\x03\x04",
    b"\xfd7zXZ\0",
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
        gathers: Gathers::NOTHING,
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
