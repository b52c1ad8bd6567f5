//! Real files of every writer that we know, and what must come out of them. The files are other projects' and lie beside
//! the repository; where they do not, the tests say so and pass.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use tracescan::frame::SpanSink;
use tracescan::ingest::{IngestError, IngestWarning, InputReport, ReadFrames, ReadOptions, read_frames, read_records};
use tracescan::span::{Origin, SkipReason, SpanKind, SpanRecord, StatusCode, TraceId};

/// The folder of shared data, if there is one.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")).join(path);
    if !path.exists() {
        eprintln!("skipped what needs shared data: {} is absent", path.display());
        return None;
    }
    Some(path)
}

/// Keeps what the tests ask for.
#[derive(Default)]
struct Collected {
    spans: u64,
    traces: HashSet<TraceId>,
    kinds: BTreeMap<SpanKind, u64>,
    errors: u64,
    texts: Vec<String>,
    skipped: Vec<(SkipReason, u64)>,
}

impl SpanSink for Collected {
    fn span(&mut self, origin: &Origin<'_>, span: &SpanRecord<'_>, _offset: u64) {
        self.spans += 1;
        self.traces.insert(span.trace_id);
        *self.kinds.entry(span.kind).or_default() += 1;
        self.errors += u64::from(span.status == StatusCode::Error);
        // Everything that two encodings of one span must agree in.
        self.texts.push(format!("{origin:?} {span:?}"));
    }

    fn skip(&mut self, reason: SkipReason, offset: u64) {
        self.skipped.push((reason, offset));
    }

    fn wants_everything(&self) -> bool {
        true
    }
}

fn read(path: &Path) -> (Collected, InputReport) {
    let mut collected = Collected::default();
    let mut reports = read_records(&[path.to_owned()], &ReadOptions::default(), &mut collected, &());
    assert_eq!(reports.len(), 1, "{}", path.display());
    (collected, reports.remove(0))
}

/// Reads a file that nothing may be wrong with, both for the analysis and completely.
fn read_whole(path: &Path) -> (Collected, InputReport) {
    let (mut collected, report) = read(path);
    assert!(report.errors.is_empty(), "{}: {:?}", path.display(), report.errors);
    assert_eq!(report.skipped.total(), 0, "{}: {:?}", path.display(), report.skipped);
    assert_eq!(report.spans, collected.spans);
    assert_eq!(report.bytes, std::fs::metadata(path).expect("a file").len());
    let ReadFrames { builders, reports, .. } = read_frames(&[path.to_owned()], &ReadOptions::default(), &());
    assert_eq!(builders.iter().map(|builder| builder.len() as u64).sum::<u64>(), collected.spans);
    assert_eq!(reports[0].spans, collected.spans);
    collected.texts.sort();
    (collected, report)
}

/// Every framing and compression of one set of spans gives the same spans.
#[test]
fn framings_agree() {
    let Some(folder) = shared("formats/framing") else { return };
    let mut sets: BTreeMap<&str, Vec<(String, Vec<String>)>> = BTreeMap::new();
    let mut names: Vec<_> = folder.read_dir().expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    names.sort();
    for path in names {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let (set, spans, traces) = if name.starts_with("awss3") { ("awss3", 19, 1) } else { ("others", 37, 3) };
        let (collected, report) = read_whole(&path);
        assert_eq!((collected.spans, collected.traces.len()), (spans, traces), "{name}");
        let is_json = name.contains("json") || name.contains("rotel");
        assert_eq!(report.format, if is_json { "otlp_json" } else { "otlp_proto" }, "{name}");
        assert_eq!(report.warnings, [], "{name}");
        sets.entry(set).or_default().push((name, collected.texts));
    }
    assert_eq!(sets.values().map(Vec::len).sum::<usize>(), 18);
    for files in sets.values() {
        for (name, texts) in &files[1..] {
            for (one, other) in files[0].1.iter().zip(texts) {
                assert_eq!(one, other, "{} and {name}", files[0].0);
            }
        }
    }
}

/// Each writer's own files: number of spans, of traces, of spans with an error.
#[test]
fn writers_are_read() {
    for (name, spans, traces, errors) in [
        ("otlp-proto/trace.json", 1, 1, 0),
        ("java/expected-spans.json", 2, 2, 1),
        ("java/expected-spans-wrapper.json", 2, 2, 1),
        ("python-file-exporter/traces.jsonl", 30, 3, 3),
        ("tempo/pkg_tempopb_trace.json", 1, 1, 0),
        ("tempo/servicegraphs_trace-with-queue-database.json", 19, 1, 0),
        ("tempo/servicegraphs_trace-with-failed-requests.json", 15, 1, 3),
        ("jaeger/anonymizer_trace_success.json", 2, 1, 1),
        ("jaeger/es_01.json", 1, 1, 1),
        ("jaeger/es_01_as_otlp.json", 1, 1, 1),
        ("jaeger/es_01_string_tags.json", 1, 1, 1),
        ("jaeger/integration_example_trace.json", 5, 1, 0),
        ("jaeger/integration_link_attributes_trace.json", 1, 1, 0),
        ("jaeger/otlp2jaeger-in.json", 2, 1, 0),
        ("jaeger/otlp2jaeger-out.json", 2, 1, 0),
        ("zipkin/ascend.json", 8, 1, 0),
        ("zipkin/messaging-kafka.json", 28, 1, 3),
        ("zipkin/simple-db-p6.json", 5, 1, 0),
        ("zipkin/skew.json", 4, 1, 0),
        ("zipkin/smartthings-oauth-authorization.json", 175, 1, 2),
        ("otlp2parquet/testdata/trace.json", 2, 1, 0),
        ("otlp2parquet/testdata/trace.pb", 2, 1, 0),
        ("otlp2parquet/testdata/traces.jsonl", 19, 19, 0),
        ("otlp2parquet/testdata/traces.pb", 19, 19, 0),
        ("jaeger/es_01_as_otlp.json", 1, 1, 1),
        ("jaeger/otlp2jaeger-in.json", 2, 1, 0),
    ] {
        let Some(path) = shared(&format!("formats/{name}")) else { return };
        let (collected, _) = read_whole(&path);
        assert_eq!((collected.spans, collected.traces.len(), collected.errors), (spans, traces, errors), "{name}");
    }
}

/// JSON and protobuf of the same spans differ in nothing.
#[test]
fn encodings_agree() {
    for pair in [
        ["jaeger/es_01.json", "jaeger/es_01_as_otlp.json"],
        ["jaeger/es_01_string_tags.json", "jaeger/es_01_as_otlp.json"],
        ["jaeger/otlp2jaeger-in.json", "jaeger/otlp2jaeger-out.json"],
    ] {
        let [Some(one), Some(other)] = pair.map(|name| shared(&format!("formats/{name}"))) else { return };
        assert_eq!(read_whole(&one).0.texts, read_whole(&other).0.texts, "{pair:?}");
    }
    for name in ["trace", "traces"] {
        let Some(json) = shared(&format!(
            "formats/otlp2parquet/testdata/{name}.{}",
            ["jsonl", "json"][usize::from(name == "trace")]
        )) else {
            return;
        };
        let (json, _) = read_whole(&json);
        let Some(proto) = shared(&format!("formats/otlp2parquet/testdata/{name}.pb")) else { return };
        let (proto, _) = read_whole(&proto);
        assert_eq!(json.texts, proto.texts);
    }
}

/// NaN, empty arrays, 2^53 + 1.
#[test]
fn odd_values_survive() {
    let Some(path) = shared("formats/python-file-exporter/traces.jsonl") else { return };
    let (collected, _) = read_whole(&path);
    let all = collected.texts.concat();
    for value in ["Double(NaN)", "Json(\"[]\")", "Int(9007199254740993)"] {
        assert!(all.contains(value), "{value}");
    }
}

#[test]
fn bad_files_are_told() {
    let Some(folder) = shared("formats/otlp2parquet/testdata/invalid") else { return };
    for name in ["trace_invalid_base64.json", "trace_mixed_encoding.json"] {
        let (collected, report) = read(&folder.join(name));
        assert_eq!(collected.spans, 1, "{name}");
        assert!(matches!(report.warnings[..], [IngestWarning::OpaqueIds { count: 2, .. }]), "{name}: {report:?}");
    }
    let (collected, report) = read(&folder.join("trace_invalid_kind.json"));
    assert_eq!(collected.kinds, BTreeMap::from([(SpanKind::Unspecified, 1)]));
    assert!(report.errors.is_empty());
    let (collected, report) = read(&folder.join("../../../jaeger/apiv3_GetTrace.json"));
    assert_eq!(collected.spans, 1);
    assert_eq!(report.skipped.counts, BTreeMap::from([(SkipReason::MissingStartTime, 1)]));
    for name in ["log_invalid_severity.json", "metrics_invalid_temporality.json"] {
        let (collected, report) = read(&folder.join(name));
        assert_eq!(collected.skipped, [(SkipReason::OtherSignal, 4)], "{name}");
        assert!(matches!(report.warnings[..], [IngestWarning::OtherSignalOnly { .. }]), "{name}: {report:?}");
    }
    let (_, report) = read(&folder.join("malformed.json"));
    assert!(matches!(report.errors[..], [IngestError::Malformed { offset: 414.., .. }]), "{report:?}");
}

#[test]
fn other_json_is_named() {
    let Some(path) = shared("formats/tempo/vparquet4.meta.json") else { return };
    let (_, report) = read(&path);
    assert!(matches!(report.errors[..], [IngestError::Unsupported { .. }]), "{report:?}");
    assert_eq!(report.format, "unknown");
}

/// Whole dumps, against counts made from the same data in another format.
#[test]
fn dumps_are_read_whole() {
    for (name, spans, traces) in [("robot-shop", 14_772, 2_416), ("online-boutique", 463_718, 10_997)] {
        let Some(path) = shared(&format!("real/{name}.otlp.jsonl.gz")) else { return };
        let mut traces_seen = HashSet::new();
        let ReadFrames { builders, reports, .. } =
            read_frames(std::slice::from_ref(&path), &ReadOptions::default(), &());
        let count = builders.iter().map(|builder| builder.len() as u64).sum::<u64>();
        assert!(reports[0].errors.is_empty(), "{reports:?}");
        assert_eq!((count, reports[0].spans, reports[0].skipped.total()), (spans, spans, 0), "{name}");
        if name == "robot-shop" {
            let (collected, _) = read(&path);
            traces_seen.extend(collected.traces);
            assert_eq!(traces_seen.len(), traces, "{name}");
        }
    }
}

/// A directory is read file by file; what holds no spans is left out with a reason, and is no error.
#[test]
fn directories_are_searched() {
    let Some(folder) = shared("formats/otlp-proto") else { return };
    let ReadFrames { builders, reports, .. } = read_frames(&[folder], &ReadOptions::default(), &());
    assert_eq!(builders.iter().map(|builder| builder.len()).sum::<usize>(), 1);
    let told: Vec<(String, u64, usize, usize)> = reports
        .iter()
        .map(|report| {
            let name = report.path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, report.spans, report.errors.len(), report.warnings.len())
        })
        .collect();
    assert_eq!(told, [("LICENSE".to_owned(), 0, 0, 1), ("trace.json".to_owned(), 1, 0, 0)]);
}
