use std::io::Write as _;

use opentelemetry_proto::tonic::common::v1 as common;
use opentelemetry_proto::tonic::trace::v1 as otlp;
use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::ingest::error::IngestWarning;
use crate::span::{Origin, SkipReason, SpanRecord};

/// Keeps spans as text.
#[derive(Default)]
pub(crate) struct Collected {
    pub(crate) spans: Vec<String>,
    pub(crate) offsets: Vec<u64>,
    pub(crate) skipped: Vec<(SkipReason, u64)>,
}

impl SpanSink for Collected {
    fn span(&mut self, origin: &Origin<'_>, span: &SpanRecord<'_>, offset: u64) {
        self.spans.push(format!("{}: {span:?}", origin.service_name()));
        self.offsets.push(offset);
    }

    fn skip(&mut self, reason: SkipReason, offset: u64) {
        self.skipped.push((reason, offset));
    }

    fn wants_everything(&self) -> bool {
        true
    }
}

pub(crate) fn read_bytes(bytes: &[u8]) -> (Collected, InputReport) {
    let mut collected = Collected::default();
    let options = ReadOptions::default();
    let report = crate::ingest::read_bytes(Path::new("test"), bytes.to_vec(), &options, &mut collected);
    (collected, report)
}

fn attribute(key: &str, value: &str) -> common::KeyValue {
    let value = common::any_value::Value::StringValue(value.to_owned());
    common::KeyValue { key: key.to_owned(), value: Some(common::AnyValue { value: Some(value) }), ..Default::default() }
}

fn message(first_span: u8, spans: u8) -> otlp::TracesData {
    let spans = (first_span..first_span + spans)
        .map(|number| otlp::Span {
            trace_id: vec![number; 16],
            span_id: vec![number; 8],
            name: format!("span {number}"),
            kind: 3,
            start_time_unix_nano: 1_700_000_000_000_000_000,
            end_time_unix_nano: 1_700_000_000_000_000_001,
            attributes: vec![attribute("http.route", "/{x}\n\u{1f600}")],
            ..Default::default()
        })
        .collect();
    otlp::TracesData {
        resource_spans: vec![otlp::ResourceSpans {
            resource: Some(opentelemetry_proto::tonic::resource::v1::Resource {
                attributes: vec![attribute("service.name", "shop")],
                ..Default::default()
            }),
            scope_spans: vec![otlp::ScopeSpans { spans, ..Default::default() }],
            ..Default::default()
        }],
    }
}

fn json(data: &otlp::TracesData) -> String {
    let resource_spans = &data.resource_spans[0];
    let spans: Vec<serde_json::Value> = resource_spans.scope_spans[0]
        .spans
        .iter()
        .map(|span| {
            let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            serde_json::json!({
                "traceId": hex(&span.trace_id), "spanId": hex(&span.span_id), "name": span.name, "kind": span.kind,
                "startTimeUnixNano": span.start_time_unix_nano.to_string(),
                "endTimeUnixNano": span.end_time_unix_nano,
                "attributes": [{"key": "http.route", "value": {"stringValue": "/{x}\n\u{1f600}"}}],
            })
        })
        .collect();
    let resource = serde_json::json!({"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]});
    serde_json::json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}).to_string()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 1).expect("memory")
}

fn with_lengths(messages: &[Vec<u8>], header: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for message in messages {
        out.extend_from_slice(header);
        out.extend_from_slice(&(message.len() as u32).to_be_bytes());
        out.extend_from_slice(message);
    }
    out
}

/// Six spans in three messages in every framing: name, bytes, and whether the spans stand in them as they are.
fn framings() -> Vec<(&'static str, Vec<u8>, bool)> {
    let data = [message(1, 2), message(3, 1), message(4, 3)];
    let protos: Vec<Vec<u8>> = data.iter().map(otlp::TracesData::encode_to_vec).collect();
    let jsons: Vec<String> = data.iter().map(json).collect();
    let values: Vec<serde_json::Value> = jsons.iter().map(|json| serde_json::from_str(json).expect("JSON")).collect();
    let lines = jsons.join("\n");
    let pretty = |value: &serde_json::Value| serde_json::to_string_pretty(value).expect("JSON");
    let zstds: Vec<Vec<u8>> = protos.iter().map(|message| zstd(message)).collect();
    let zstd_jsons: Vec<Vec<u8>> = jsons.iter().map(|message| zstd(message.as_bytes())).collect();
    let bare: Vec<String> = values.iter().map(|value| value["resourceSpans"][0].to_string()).collect();
    let mut varints = Vec::new();
    protos.iter().for_each(|message| {
        prost::encoding::encode_varint(message.len() as u64, &mut varints);
        varints.extend_from_slice(message);
    });
    vec![
        ("lines", lines.clone().into_bytes(), true),
        ("concatenated", jsons.concat().into_bytes(), true),
        ("pretty", values.iter().map(pretty).collect::<Vec<_>>().join("\n").into_bytes(), true),
        ("array", format!("[{}]", bare.join(",")).into_bytes(), true),
        ("bare", bare.join("\n").into_bytes(), true),
        ("mark", format!("\u{feff}{lines}").into_bytes(), true),
        ("proto", protos.concat(), true),
        ("framed", with_lengths(&protos, b""), true),
        (
            "framed json",
            with_lengths(&jsons.iter().map(|json| json.clone().into_bytes()).collect::<Vec<_>>(), b""),
            true,
        ),
        ("grpc", with_lengths(&protos, &[0]), true),
        ("varints", varints, true),
        ("framed zstd", with_lengths(&zstds, b""), false),
        ("framed zstd json", with_lengths(&zstd_jsons, b""), false),
        ("gzip members", jsons.iter().flat_map(|json| gzip(json.as_bytes())).collect(), false),
        ("zstd frames", protos.iter().flat_map(|message| zstd(message)).collect(), false),
        ("gzip of framed", gzip(&with_lengths(&zstds, b"")), false),
    ]
}

#[test]
fn all_framings_give_the_same_spans() {
    let all = framings();
    let (first, _) = read_bytes(&all[0].1);
    assert_eq!(first.spans.len(), 6);
    for (name, bytes, _) in &all {
        let (collected, report) = read_bytes(bytes);
        assert_eq!(collected.spans, first.spans, "{name}");
        assert!(report.errors.is_empty() && report.warnings.is_empty() && collected.skipped.is_empty(), "{name}");
    }
}

/// Whatever is cut off, what stood before is read: all spans up to the cut, and no others.
#[test]
fn a_cut_costs_only_what_follows() {
    for (name, bytes, verbatim) in framings() {
        let (whole, _) = read_bytes(&bytes);
        for length in (32..bytes.len()).step_by(3) {
            let (cut, report) = read_bytes(&bytes[..length]);
            assert!(whole.spans.starts_with(&cut.spans), "{name} cut at {length}");
            if verbatim {
                let before = whole.offsets.iter().skip(1).filter(|&&next| next as usize + 2 < length).count();
                let at_least = if report.format == "unknown" { 0 } else { before };
                assert!(cut.spans.len() >= at_least, "{name} cut at {length}: {} < {before}", cut.spans.len());
            }
        }
    }
}

/// Wherever frames are damaged, and however many, all messages but the damaged ones are read, and each damage is told once,
/// with its place.
#[test]
fn damage_between_frames_costs_only_what_it_hits() {
    const MESSAGES: usize = 60;
    let data: Vec<otlp::TracesData> = (1..=MESSAGES as u8).map(|number| message(number, 3)).collect();
    let messages: Vec<Vec<u8>> = data.iter().map(otlp::TracesData::encode_to_vec).collect();
    let zstds: Vec<Vec<u8>> = messages.iter().map(|message| zstd(message)).collect();
    let jsons: Vec<Vec<u8>> = data.iter().map(|data| json(data).into_bytes()).collect();
    let varints: Vec<u8> = data.iter().flat_map(otlp::TracesData::encode_length_delimited_to_vec).collect();
    let bytes_of = |messages: &[Vec<u8>]| messages[0].len();
    for (name, whole, message_bytes) in [
        ("lengths", with_lengths(&messages, b""), bytes_of(&messages)),
        ("grpc", with_lengths(&messages, &[0]), bytes_of(&messages)),
        ("varints", varints, bytes_of(&messages)),
        ("zstd", with_lengths(&zstds, b""), bytes_of(&zstds)),
        ("json", with_lengths(&jsons, b""), bytes_of(&jsons)),
    ] {
        let (all, _) = read_bytes(&whole);
        assert_eq!(all.spans.len(), 3 * MESSAGES, "{name}");
        let hole = message_bytes / 2;
        let middle = whole.len() / 2;
        for damages in [
            vec![2],
            vec![message_bytes / 3],
            vec![2 * message_bytes],
            vec![middle],
            vec![message_bytes / 3, middle, middle + 5 * message_bytes, whole.len() - 4 * message_bytes],
        ] {
            let mut bytes = whole.clone();
            for &at in damages.iter().rev() {
                bytes.drain(at..at + hole);
            }
            let (read, report) = read_bytes(&bytes);
            let context = format!("{name} without {hole} bytes at {damages:?}: {:?}", report.errors);
            let lost = all.spans.iter().filter(|span| !read.spans.contains(span)).count();
            assert!(lost <= 2 * 3 * damages.len(), "{lost} spans lost of {context}");
            assert_eq!(report.skipped.total(), damages.len() as u64, "{context}");
            assert_eq!(report.errors.len(), damages.len(), "{context}");
            for (number, (at, told)) in damages.iter().zip(&report.skipped.first_offsets).enumerate() {
                // Where the end of a value is missing, the length is wrong of the next message only.
                let at = (at - number * hole) as u64;
                assert!(told.abs_diff(at) <= 2 * message_bytes as u64, "{context}");
            }
        }
    }
}

/// Frames that claim to end where others go on, over and over, are searched in a time that their size allows.
#[test]
fn lengths_that_lie_do_not_cost_a_search_each() {
    let honest = message(1, 1).encode_to_vec();
    let mut bytes = with_lengths(&[honest.clone(), honest.clone()], b"");
    let spans = 20_000;
    for number in 0..spans {
        // The start of a message that holds all others, up to a length of several megabytes.
        bytes.extend_from_slice(&(3_000_000u32 + number).to_be_bytes());
        bytes.push(0x0a);
        prost::encoding::encode_varint(2_999_990 + u64::from(number), &mut bytes);
        bytes.extend(with_lengths(std::slice::from_ref(&honest), b""));
    }
    let started = std::time::Instant::now();
    let (read, report) = read_bytes(&bytes);
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
    assert!(read.spans.len() >= 2, "{}", read.spans.len());
    assert!(!report.errors.is_empty() && report.errors.len() < 20);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Damage anywhere neither panics nor hangs, and never makes more spans than there is room for.
    #[test]
    fn damage_is_survived(
        framing in 0usize..16,
        damages in prop::collection::vec((any::<prop::sample::Index>(), 0u8..5, any::<u8>()), 1..6),
    ) {
        let (_, mut bytes, _) = framings().swap_remove(framing);
        for (place, kind, byte) in damages {
            if bytes.is_empty() {
                break;
            }
            let at = place.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes[at] ^= 1 << (byte % 8),
                2 => bytes.truncate(at),
                3 => bytes.insert(at, byte),
                _ => {
                    let end = (at + usize::from(byte)).min(bytes.len());
                    let copy = bytes[at..end].to_vec();
                    bytes.splice(at..at, copy);
                }
            }
        }
        let (collected, report) = read_bytes(&bytes);
        prop_assert!(report.spans as usize <= collected.spans.len());
        prop_assert!(collected.spans.len() < 40);
        for error in &report.errors {
            prop_assert!(error.to_string().contains("test"));
        }
    }

    /// So do bytes that were never a trace.
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300), start in 0usize..6) {
        let start: &[u8] = [&b""[..], b"{\"resourceSpans\":[", b"\x0a", b"\0\0\0\x20", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"][start];
        read_bytes(&[start, &bytes].concat());
    }
}

#[test]
fn nothing_is_a_warning() {
    for bytes in [&b""[..], b" \n", b"\xef\xbb\xbf", &gzip(b"")] {
        let (_, report) = read_bytes(bytes);
        assert!(matches!(report.warnings[..], [IngestWarning::Empty { .. }]), "{report:?}");
        assert!(report.errors.is_empty());
    }
}

#[test]
fn what_is_no_trace_is_an_error() {
    let (_, report) = read_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\0\0\0\x01\0");
    let message = report.errors[0].to_string();
    assert!(message.contains("89 50 4e 47 0d 0a 1a 0a 00 00 00 0d 49 48 44 52 (.PNG........IHDR)"), "{message}");
    let (_, report) = read_bytes(b"Dear Sir or Madam,\n");
    assert!(matches!(report.errors[..], [IngestError::UnknownFormat { .. }]));
    let (_, report) = read_bytes(br#"{"name":"x","version":[1,2]}"#);
    assert!(report.errors[0].to_string().contains("name, version"), "{report:?}");
    assert_eq!(report.format, "unknown");
}

/// A log record has the outer fields of traces.
#[test]
fn logs_are_told_from_traces() {
    // LogsData{ResourceLogs{Resource{}, ScopeLogs{LogRecord{time, severity, body}}}}
    let record =
        [&[0x09][..], &1_700_000_000_000_000_000u64.to_le_bytes(), &[0x10, 9, 0x2a, 4, 0x0a, 2, b'h', b'i']].concat();
    let scope_logs = [&[0x12, record.len() as u8][..], &record].concat();
    let resource_logs = [&[0x0a, 0, 0x12, scope_logs.len() as u8][..], &scope_logs].concat();
    let bytes = [&[0x0a, resource_logs.len() as u8][..], &resource_logs].concat();
    let (collected, report) = read_bytes(&bytes);
    assert_eq!(report.skipped.counts.into_iter().collect::<Vec<_>>(), [(SkipReason::OtherSignal, 1)]);
    assert!(matches!(report.warnings[..], [IngestWarning::OtherSignalOnly { .. }]));
    assert!(collected.spans.is_empty());
}

/// Tempo's answer to a query of one trace has the trace in a field, and what it says of the search beside it.
#[test]
fn answers_of_tempo_are_unwrapped() {
    let in_field = |message: &[u8]| {
        let mut bytes = vec![0x0a];
        prost::encoding::encode_varint(message.len() as u64, &mut bytes);
        [&bytes, message].concat()
    };
    let trace = [message(1, 2), message(3, 2)].iter().flat_map(otlp::TracesData::encode_to_vec).collect::<Vec<u8>>();
    let answer = [in_field(&trace), vec![0x12, 2, 8, 1]].concat();
    let (whole, _) = read_bytes(&trace);
    let (collected, report) = read_bytes(&answer);
    assert_eq!((whole.spans.len(), &collected.spans), (4, &whole.spans));
    assert_eq!((report.skipped.total(), report.errors.len()), (0, 0), "{report:?}");
    let (collected, report) = read_bytes(&answer[..answer.len() - 60]);
    assert!(collected.spans.len() >= 2 && report.skipped.total() > 0, "{report:?}");
}
