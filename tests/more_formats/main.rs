//! What people have beside the formats of trace stores: what SDKs print, what search engines and vendors give, archives,
//! Arrow. The inputs are made up, after the writers' own descriptions.

mod archives;
mod console;
mod container_logs;
mod documents;
mod tables;
mod vendors;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use tracescan::frame::SpanSink;
use tracescan::ingest::{InputReport, ReadOptions, read_records};
use tracescan::span::{KeyValue, Origin, SkipReason, SpanRecord};

/// What two ways of reading a span must agree in.
#[derive(Clone, PartialEq, Debug, Default)]
struct Described {
    ids: [String; 3],
    name: String,
    kind: &'static str,
    status: &'static str,
    message: String,
    start: u64,
    end: u64,
    service: String,
    scope: String,
    attributes: BTreeMap<String, String>,
    resource: BTreeMap<String, String>,
    events: Vec<String>,
    links: Vec<String>,
}

impl Described {
    /// Attribute `key`, or nothing.
    fn attribute(&self, key: &str) -> &str {
        self.attributes.get(key).map_or("", String::as_str)
    }

    /// Kind, status, name, and microseconds from the first instant of these tests.
    fn outline(&self) -> String {
        let from = (self.start - START) / 1_000;
        format!(
            "{} {} {} {} +{from} {}",
            self.service,
            self.kind,
            self.status,
            self.name,
            (self.end - self.start) / 1_000
        )
    }
}

/// 2026-01-15T12:00:00Z.
const START: u64 = 1_768_478_400_000_000_000;

const TRACE: &str = "8e7b3576e667ac62f55d22f7d9fd23ba";
const ROOT: &str = "78398cdaf26cde49";
const CHILD: &str = "b3b9cac491c8a430";

#[derive(Default)]
struct Collected {
    spans: Vec<Described>,
    skipped: Vec<SkipReason>,
}

fn texts(attributes: &[KeyValue<'_>]) -> BTreeMap<String, String> {
    attributes.iter().map(|entry| (entry.key.to_string(), entry.value.to_text().into_owned())).collect()
}

impl SpanSink for Collected {
    fn span(&mut self, origin: &Origin<'_>, span: &SpanRecord<'_>, _offset: u64) {
        let parent = if span.parent_span_id.is_none() { String::new() } else { span.parent_span_id.to_string() };
        let events = span.events.iter();
        let links = span.links.iter();
        self.spans.push(Described {
            ids: [span.trace_id.to_string(), span.span_id.to_string(), parent],
            name: span.name.to_string(),
            kind: span.kind.as_str(),
            status: span.status.as_str(),
            message: span.status_message.to_string(),
            start: span.start_unix_nano,
            end: span.end_unix_nano,
            service: origin.service_name().into_owned(),
            scope: origin.scope_name.to_string(),
            attributes: texts(&span.attributes),
            resource: texts(&origin.resource_attributes),
            events: events
                .map(|event| format!("{} {} {:?}", event.time_unix_nano, event.name, texts(&event.attributes)))
                .collect(),
            links: links
                .map(|link| format!("{} {} {:?}", link.trace_id, link.span_id, texts(&link.attributes)))
                .collect(),
        });
    }

    fn skip(&mut self, reason: SkipReason, _offset: u64) {
        self.skipped.push(reason);
    }

    fn wants_everything(&self) -> bool {
        true
    }
}

/// What is read of a path: the spans, in the order of their starts, and the reports.
fn read(path: &Path) -> (Vec<Described>, Vec<InputReport>) {
    let mut collected = Collected::default();
    let reports = read_records(&[path.to_owned()], &ReadOptions::default(), &mut collected, &());
    collected.spans.sort_by(|one, other| (one.start, &one.ids).cmp(&(other.start, &other.ids)));
    (collected.spans, reports)
}

/// What is read of `bytes` without any loss. Converting it and reading that gives the same spans again.
fn read_whole(bytes: impl AsRef<[u8]>) -> (Vec<Described>, &'static str) {
    let directory = tempfile::tempdir().expect("a directory");
    let input = directory.path().join("input");
    std::fs::write(&input, bytes).expect("written");
    let (spans, reports) = read(&input);
    for report in &reports {
        assert!(report.errors.is_empty() && report.warnings.is_empty(), "{report:?}");
        assert_eq!(report.skipped.total(), 0, "{report:?}");
    }
    let output = directory.path().join("spans.parquet");
    let convert =
        Command::new(env!("CARGO_BIN_EXE_tracescan")).arg("convert").arg(&input).arg("-o").arg(&output).output();
    let convert = convert.expect("the binary");
    assert!(convert.status.success(), "{}", String::from_utf8_lossy(&convert.stderr));
    let (again, _) = read(&output);
    // What the canonical form adds are attributes of its own, such as the type of an exception.
    let core = |spans: &[Described]| -> Vec<Described> {
        let without_added = |span: &Described| {
            let mut span = span.clone();
            span.attributes.retain(|key, value| {
                !value.is_empty() && !["exception.type", "opentracing.ref_type"].contains(&key.as_str())
            });
            span.attributes.remove("tracescan.adjusted_count");
            span.resource.retain(|_, value| !value.is_empty());
            (span.events, span.links) = Default::default();
            span
        };
        spans.iter().map(without_added).collect()
    };
    assert_eq!(core(&again), core(&spans));
    (spans, reports[0].format)
}

/// The outlines of what is read of `bytes`, and the format.
fn outlines(bytes: impl AsRef<[u8]>) -> (Vec<String>, &'static str) {
    let (spans, format) = read_whole(bytes);
    (spans.iter().map(Described::outline).collect(), format)
}

/// Checks that the two spans of a request and its query came out: ids, parent, outline.
fn assert_request_and_query(spans: &[Described], what: &str) {
    assert_eq!(spans.len(), 2, "{what}");
    assert_eq!(spans[0].ids, [TRACE, ROOT, ""], "{what}");
    assert_eq!(spans[1].ids, [TRACE, CHILD, ROOT], "{what}");
}
