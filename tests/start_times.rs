//! A start time of 0 is a time, as synthetic traces have it; only an absent one is missing.

use std::path::Path;

use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, TracesData};
use prost::Message as _;
use tracescan::frame::SpanSink;
use tracescan::ingest::{ReadOptions, read_bytes};
use tracescan::span::{Origin, SkipReason, SpanRecord};

#[derive(Default)]
struct Starts(Vec<(u64, u64)>);

impl SpanSink for Starts {
    fn span(&mut self, _origin: &Origin<'_>, span: &SpanRecord<'_>, _offset: u64) {
        self.0.push((span.start_unix_nano, span.end_unix_nano));
    }

    fn skip(&mut self, _reason: SkipReason, _offset: u64) {}
}

/// Starts and ends of the spans of an input, how many can be used, and how many lack a start.
fn read(bytes: &[u8]) -> (Vec<(u64, u64)>, u64, u64) {
    let mut starts = Starts::default();
    let report = read_bytes(Path::new("test"), bytes.to_vec(), &ReadOptions::default(), &mut starts);
    let missing = report.skipped.counts.get(&SkipReason::MissingStartTime).copied().unwrap_or(0);
    assert_eq!(report.skipped.total(), missing, "{report:?}");
    (starts.0, report.spans, missing)
}

fn otlp(span: &str) -> String {
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"01","spanId":"01",{span}}}]}}]}}]}}"#)
}

#[test]
fn zero_is_a_time_in_json() {
    for text in [
        otlp(r#""startTimeUnixNano":"0","endTimeUnixNano":"7000""#),
        otlp(r#""startTimeUnixNano":0,"endTimeUnixNano":7000"#),
        otlp(r#""start_time_unix_nano":{"low":0,"high":0},"end_time_unix_nano":7000"#),
        r#"{"traceId":"01","spanId":"01","startTimeUnixNano":0,"durationNano":7000}"#.to_owned(),
        r#"{"traceID":"01","spanID":"01","operationName":"x","startTime":0,"duration":7}"#.to_owned(),
        r#"[{"traceId":"01","id":"01","timestamp":0,"duration":7}]"#.to_owned(),
    ] {
        assert_eq!(read(text.as_bytes()), (vec![(0, 7_000)], 1, 0), "{text}");
    }
}

#[test]
fn what_is_no_time_is_missing_in_json() {
    for text in [
        otlp(r#""endTimeUnixNano":"7000""#),
        otlp(r#""startTimeUnixNano":null,"endTimeUnixNano":"7000""#),
        otlp(r#""startTimeUnixNano":"soon","endTimeUnixNano":"7000""#),
        otlp(r#""startTimeUnixNano":-1,"endTimeUnixNano":"7000""#),
        r#"{"traceId":"01","spanId":"01","endTimeUnixNano":7000}"#.to_owned(),
        r#"{"traceID":"01","spanID":"01","operationName":"x","duration":7}"#.to_owned(),
        r#"[{"traceId":"01","id":"01","duration":7}]"#.to_owned(),
    ] {
        let (_, spans, missing) = read(text.as_bytes());
        assert_eq!((spans, missing), (0, 1), "{text}");
    }
}

/// Protobuf does not write what is 0, so that only a span without any time has none.
#[test]
fn protobuf_does_not_write_zero() {
    let message = |start_time_unix_nano, end_time_unix_nano| {
        let span = Span {
            trace_id: vec![1; 16],
            span_id: vec![1; 8],
            start_time_unix_nano,
            end_time_unix_nano,
            ..Span::default()
        };
        let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
        TracesData { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] }.encode_to_vec()
    };
    assert_eq!(read(&message(0, 7_000)), (vec![(0, 7_000)], 1, 0));
    let (_, spans, missing) = read(&message(0, 0));
    assert_eq!((spans, missing), (0, 1));
}
