//! `large-payload`: bodies that should be references.

mod seen;

use std::collections::{BTreeMap, BTreeSet};

use crate::conventions::{FindingKind, OwnAttribute, OwnAttributes, WordList, words};
use crate::detectors::kit::{
    Cell, Concluded, Description, Detector, Level, NoDetails, ProblemText, RankedBy, RowColumn, TableRow, TableRules,
    Unit, WEIGHTED_TRACES_DOC, Whole, joined, size_text, thresholds,
};
use crate::findings::{Finding, Findings};
use crate::frame::Symbol;
use crate::gathered::{Gathers, has_outer_message};
use crate::partial::{Columns as _, TraceNumber};
use crate::span::SpanKind;
use crate::trace::{MessageRole, NO_ROW, Row as SpanRow, Target, TargetKind, TraceView, total_ns};

use seen::{OverColumns, OverRow, SeenSizes, SizeKey, Sizes};

thresholds! {
    /// The detector of large bodies and its thresholds.
    pub(crate) struct LargePayload {
        /// Bytes of a message beyond which it should be a reference: the limit of SQS, SNS and Service Bus for long.
        max_message_bytes: Bytes = 256 << 10;
        /// The same of the body of an HTTP request or its answer.
        max_body_bytes: Bytes = 1 << 20;
        /// Words of operations that are there for what is large.
        file_words: Words = &[
            "download",
            "upload",
            "file",
            "image",
            "img",
            "media",
            "static",
            "asset",
            "export",
            "backup",
            "attachment",
            "blob",
            "thumbnail",
            "video",
            "avatar",
            "photo",
        ];
    }
}

static DESCRIPTION: Description = Description {
    name: "large-payload",
    table: "large_payload",
    summary: "messages and bodies that should be references",
    documentation: "\
## What it does

Looks at the sizes that spans record of messages and of HTTP bodies. A message over `max_message_bytes` counts where it is
published, and where it is processed if nobody records how large what is published is. A body over `max_body_bytes` counts at
the SERVER span, and at the CLIENT span if the callee recorded no size. Batches do not count, and neither do operations that
are there for files: by a word such as download, upload, image or backup, or by a file's extension.

## Why it hurts

Brokers are made for small messages: a large one blocks the partition behind it, fills the memory of every consumer, and is
refused one day because it is over the limit. A large body takes its time on the network and in memory on both sides, each
time anew; `time_ratio` tells how much longer requests take that have one.

## What it looks like

    PRODUCER shop  orders publish   messaging.message.body.size=900000
    SERVER catalog GET /products    http.response.body.size=4000000

## How to fix it

Put what is large into an object store and send a reference (claim check). Answer page by page, or with the fields that are
asked for. Compress what remains.

## When it is wrong

A body that is read as it comes costs no memory. Where sizes are recorded as compressed, what is unpacked is larger.

## References

G. Hohpe, B. Woolf, \"Enterprise Integration Patterns\", 2003, \"Claim Check\". Microsoft Azure Architecture Center,
\"Claim-Check pattern\", \"Extraneous Fetching antipattern\". Limits of Amazon SQS and SNS, and of Azure Service Bus.",
    currency: None,
    has_findings: true,
    gates_at_any_impact: true,
    finds_risks_only: true,
    needs_failures: false,
    least_of_all_traces: None,
    terminal_columns: &[
        "rank",
        "service",
        "operation",
        "direction",
        "limit",
        "spans",
        "over",
        "over_share",
        "bytes_p50",
        "bytes_p95",
        "bytes_max",
        "time_ratio",
        "critical_ns",
        "traces",
        "weighted_traces",
        "example_trace_id",
    ],
    ranked_by: &[RankedBy::Largest("weighed_bytes")],
    problem: Some(ProblemText { title, fix, is_upper_bound: false }),
};

fn title(row: &TableRow<'_>) -> String {
    let (over, spans) = (row.count("over"), row.count("spans"));
    let limit = size_text(row.count("limit").unsigned_abs());
    let (service, operation) = (row.text("service"), row.text("operation"));
    match row.text("direction") {
        "message" => format!("{over} of {spans} messages of {operation} are over {limit} at {service}"),
        direction => {
            let what = joined([service, operation]);
            format!("{over} of {spans} {direction} bodies of {what} are over {limit}")
        }
    }
}

fn fix(row: &TableRow<'_>) -> &'static str {
    match row.text("direction") {
        "message" => "put what is large into an object store, and send a reference to it",
        "request" => "upload what is large to an object store, and send a reference to it",
        _ => "answer page by page, with the fields that are asked for, or with a reference",
    }
}

type Column = RowColumn<LargePayload>;

static COLUMNS: &[Column] = &[
    Column::rank("place in the ranking by weighed_bytes"),
    Column::pattern_id(|row| row.key.to_vec()),
    Column::new("level", Unit::Text, "risk", |_, _| Level::Risk.cell()),
    Column::new("service", Unit::Text, "service that sends or answers; of messages, that publishes", |row, whole| {
        whole.name(row.key[0])
    }),
    Column::new("operation", Unit::Text, "topic, operation, or what is called and its operation", |row, whole| {
        let [target, operation] = [row.key[1], row.key[2]].map(|name| whole.symbols.resolve(name));
        Cell::Text(joined([target, operation]))
    }),
    Column::new("direction", Unit::Text, "message, request or response", |row, _| {
        Cell::Text(row.direction.as_str().to_owned())
    }),
    Column::new("limit", Unit::Count, "bytes beyond which it is large", |row, _| Cell::Int(row.limit as i64)),
    Column::new("spans", Unit::Count, "spans with a size", |row, _| Cell::Int(row.sizes.bytes.len() as i64))
        .adding_up(),
    Column::new("over", Unit::Count, "those of them over the limit", |row, _| Cell::Int(row.over as i64)).adding_up(),
    Column::new("over_share", Unit::Share, "their share", |row, _| Cell::Float(row.over_share())),
    Column::new("bytes_p50", Unit::Count, "median size in bytes", |row, _| size_at(&row.sizes, 0.5)),
    Column::new("bytes_p95", Unit::Count, "95th percentile of the same", |row, _| size_at(&row.sizes, 0.95)),
    Column::new("bytes_max", Unit::Count, "largest", |row, _| Cell::Int(as_int(row.sizes.max))),
    Column::new("bytes_total", Unit::Count, "bytes of all spans with a size", |row, _| {
        Cell::Int(as_int(row.sizes.total))
    })
    .adding_up(),
    Column::new(
        "time_ratio",
        Unit::Number,
        "median duration of spans over the limit, over that of the others; empty with fewer than five of either",
        |row, _| time_ratio(&row.sizes).map_or(Cell::None, Cell::Float),
    ),
    Column::new("critical_ns", Unit::Nanoseconds, "critical-path time of the spans over the limit", |row, _| {
        Cell::Int(row.critical_ns)
    })
    .adding_up(),
    Column::new("weighed_bytes", Unit::Number, "bytes_total times over_share: the ranking", |row, _| {
        Cell::Float(row.sizes.total as f64 * row.over_share())
    }),
    Column::new("traces", Unit::Count, "traces with spans over the limit", |row, _| Cell::Int(row.traces as i64)),
    Column::new("weighted_traces", Unit::Number, WEIGHTED_TRACES_DOC, |row, whole| whole.weighted(row.weighted_traces)),
    Column::new("example_trace_id", Unit::Id, "the trace with the largest", |row, whole| whole.trace_id(row.example)),
];

/// A row of the table.
pub(crate) struct Row {
    /// Service, target, operation and direction.
    key: [Symbol; 4],
    direction: FindingKind,
    limit: u64,
    sizes: Sizes,
    over: u64,
    critical_ns: i64,
    traces: u64,
    weighted_traces: f64,
    example: TraceNumber,
}

impl Row {
    fn over_share(&self) -> f64 {
        self.over as f64 / self.sizes.bytes.len().max(1) as f64
    }
}

fn as_int(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn size_at(sizes: &Sizes, share: f64) -> Cell {
    sizes.bytes.quantile(share).map_or(Cell::None, Cell::Int)
}

/// So many durations of either kind there must be to compare them.
const MIN_DURATIONS: u64 = 5;

fn time_ratio(sizes: &Sizes) -> Option<f64> {
    let [over, under] = [&sizes.durations_over, &sizes.durations_under];
    if over.len() < MIN_DURATIONS || under.len() < MIN_DURATIONS {
        return None;
    }
    let (over, under) = (over.quantile(0.5)?, under.quantile(0.5)?);
    (under > 0).then(|| over as f64 / under as f64)
}

/// Whether large bodies are what an operation is for: by a word, or by a file's extension other than that of JSON.
/// Parts of a topic's name behind dots are no extensions (`orders.fifo`).
fn is_for_files(operation: &str, is_topic: bool, file_words: &WordList) -> bool {
    let has_extension = || {
        let (_, last) = operation.rsplit_once('/')?;
        let (_, extension) = last.rsplit_once('.')?;
        let is_extension = (1..=5).contains(&extension.len())
            && extension.starts_with(|c: char| c.is_ascii_alphabetic())
            && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
        Some(is_extension && !extension.eq_ignore_ascii_case("json"))
    };
    words(operation).any(|word| file_words.has_one_of(word)) || (!is_topic && has_extension().unwrap_or(false))
}

impl LargePayload {
    fn limit(&self, direction: FindingKind) -> u64 {
        if direction == FindingKind::Message { self.max_message_bytes.0 } else { self.max_body_bytes.0 }
    }

    /// Takes the size of a span.
    fn take(&self, trace: &TraceView<'_>, row: SpanRow, key: SizeKey, bytes: u64, seen: &mut SeenSizes) {
        let name = |symbol: Symbol| trace.semantics.symbols.resolve(symbol);
        let is_message = key.direction == FindingKind::Message;
        let is_for_files = || is_for_files(name(key.operation), is_message, &self.file_words.0);
        if *seen.is_for_files.entry((key.operation, is_message)).or_insert_with(is_for_files) {
            return;
        }
        let sizes = seen.sizes.entry(key).or_default();
        sizes.bytes.add(as_int(bytes));
        sizes.total = sizes.total.saturating_add(bytes);
        sizes.max = sizes.max.max(bytes);
        if bytes <= self.limit(key.direction) {
            return sizes.durations_under.add(trace.duration(row));
        }
        sizes.durations_over.add(trace.duration(row));
        let SizeKey { service, target, operation, direction, is_processing, is_receive } = key;
        let span_id = trace.span_id(row);
        seen.over.push(OverRow {
            service,
            target,
            operation,
            direction,
            is_processing,
            is_receive,
            trace: TraceNumber(trace.number),
            span_id,
            start: trace.start(row),
            bytes,
            impact_ns: trace.path_time(row),
            adjusted_count: trace.adjusted_counts().of_evidence(trace, &[span_id]),
        });
    }

    /// Takes the size of a message, if the span publishes or processes one alone.
    fn take_message(&self, trace: &TraceView<'_>, row: SpanRow, seen: &mut SeenSizes) {
        let message = trace.semantics_of(row).messaging;
        let (service, topic) = (trace.service(row), message.topic);
        if message.role == MessageRole::Process && !seen.processed.contains(&[service, topic]) {
            seen.processed.insert([service, topic]);
        }
        let Some(bytes) = size(trace, row, OwnAttribute::MessageBodySize) else { return };
        let is_processing = message.role.is_processing();
        if message.is_batch || message.topic.is_empty() || !(is_processing || message.role == MessageRole::Publish) {
            return;
        }
        // Of a framework's span around a client's, or a producer's around a client's, one tells of the message.
        if has_outer_message(trace, row) {
            return;
        }
        let key = SizeKey {
            service,
            target: Symbol::EMPTY,
            operation: topic,
            direction: FindingKind::Message,
            is_processing,
            is_receive: message.role == MessageRole::Receive,
        };
        self.take(trace, row, key, bytes, seen);
    }
}

/// The size in bytes that a span says in an attribute.
fn size(trace: &TraceView<'_>, row: SpanRow, attribute: OwnAttribute) -> Option<u64> {
    trace.own(row, attribute).map(|one_more| one_more - 1)
}

/// The directions of bodies, and where their sizes are.
const BODIES: [(FindingKind, OwnAttribute); 2] =
    [(FindingKind::Request, OwnAttribute::RequestBodySize), (FindingKind::Response, OwnAttribute::ResponseBodySize)];

impl Detector for LargePayload {
    type Seen = SeenSizes;
    type Details = NoDetails;
    type Aside = ();
    type Row = Row;

    const DESCRIPTION: &'static Description = &DESCRIPTION;
    const TABLE: TableRules<Self> = TableRules::Rows(COLUMNS);

    fn gathers() -> Gathers {
        let own_attributes = OwnAttributes::of(&[
            OwnAttribute::MessageBodySize,
            OwnAttribute::RequestBodySize,
            OwnAttribute::ResponseBodySize,
        ]);
        Gathers { own_attributes, ..Gathers::NOTHING }
    }

    fn see(&self, trace: &TraceView<'_>, seen: &mut Self::Seen) {
        let mut has_bodies = false;
        for row in 0..trace.tree.own_values.len() as SpanRow {
            self.take_message(trace, row, seen);
            for (direction, attribute) in BODIES {
                let Some(bytes) = size(trace, row, attribute) else { continue };
                has_bodies = true;
                let own = trace.semantics_of(row);
                if own.kind != SpanKind::Server || own.is_heartbeat {
                    continue;
                }
                let (service, operation) = (trace.service(row), trace.entry_operation(row));
                let key = SizeKey {
                    service,
                    target: Symbol::EMPTY,
                    operation,
                    direction,
                    is_processing: false,
                    is_receive: false,
                };
                self.take(trace, row, key, bytes, seen);
            }
        }
        if !has_bodies {
            return;
        }
        let by_client = |row: SpanRow| trace.semantics_of(row).kind == SpanKind::Client;
        for call in trace.calls.calls.iter().filter(|call| call.counts && by_client(call.row)) {
            for (direction, attribute) in BODIES {
                let at_callee = if call.callee == NO_ROW { None } else { trace.own(call.callee, attribute) };
                if let (Some(bytes), None) = (size(trace, call.row, attribute), at_callee) {
                    let key = SizeKey {
                        service: call.caller_service,
                        target: call.target.name,
                        operation: call.operation,
                        direction,
                        is_processing: false,
                        is_receive: false,
                    };
                    self.take(trace, call.row, key, bytes, seen);
                }
            }
        }
    }

    fn conclude(&self, seen: Self::Seen, whole: &Whole<'_>) -> Concluded<Self> {
        let SeenSizes { sizes, over, processed, .. } = seen;
        let is_published = |key: &SizeKey| key.direction == FindingKind::Message && !key.is_processing;
        let published: BTreeSet<Symbol> =
            sizes.keys().filter(|key| is_published(key)).map(|key| key.operation).collect();
        let mut rows_of: BTreeMap<SizeKey, Vec<usize>> = BTreeMap::new();
        for row in 0..over.trace.len() {
            let key = over.key(row);
            let is_told_twice = key.is_receive && processed.contains(&[key.service, key.operation]);
            let is_told_by_sender = key.is_processing && published.contains(&key.operation);
            if !(is_told_twice || is_told_by_sender) {
                rows_of.entry(key).or_default().push(row);
            }
        }
        let mut findings = Findings::default();
        let mut rows = Vec::new();
        let mut sizes = sizes;
        for (key, mut of_key) in rows_of {
            of_key.sort_unstable_by_key(|&row| (over.trace[row], over.start[row], over.span_id[row]));
            let direction_name = whole.symbols.get(key.direction.as_str()).unwrap_or_default();
            let symbols = [key.service, key.target, key.operation, direction_name];
            let sizes = sizes.remove(&key).unwrap_or_default();
            rows.push(self.row(symbols, key.direction, sizes, &over, &of_key));
            of_key.iter().for_each(|&row| self.report(&symbols, &over, row, &mut findings));
        }
        Concluded { findings, aside: (), rows }
    }
}

impl LargePayload {
    /// The row of the spans over the limit at some places, which come by trace.
    fn row(&self, key: [Symbol; 4], direction: FindingKind, sizes: Sizes, over: &OverColumns, places: &[usize]) -> Row {
        let largest = places.iter().copied().min_by_key(|&place| {
            (std::cmp::Reverse(over.bytes[place]), over.trace[place], over.start[place], over.span_id[place])
        });
        let of_traces = || places.chunk_by(|&left, &right| over.trace[left] == over.trace[right]);
        Row {
            key,
            direction,
            limit: self.limit(direction),
            sizes,
            over: places.len() as u64,
            critical_ns: total_ns(places.iter().map(|&place| over.impact_ns[place])),
            traces: of_traces().count() as u64,
            weighted_traces: of_traces().map(|of_trace| over.adjusted_count[of_trace[0]]).sum(),
            example: largest.map_or(TraceNumber::NONE, |place| over.trace[place]),
        }
    }

    fn report(&self, key: &[Symbol; 4], over: &OverColumns, place: usize, findings: &mut Findings<NoDetails>) {
        let direction = over.direction.get(place);
        let target = Target { name: over.target[place], kind: TargetKind::Service };
        let finding = Finding {
            span_id: over.span_id[place],
            service: over.service[place],
            operation: over.operation[place],
            target: (!target.name.is_empty()).then_some(target),
            start: over.start[place],
            measured: over.bytes[place] as f64,
            threshold: self.limit(direction) as f64,
            impact_ns: over.impact_ns[place],
            own_impact: 0,
            induced: false,
            kind: direction,
            span_ids: &[over.span_id[place]],
            key,
            details: NoDetails,
        };
        findings.push_of(over.trace[place], over.adjusted_count[place], finding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_words_and_extensions() {
        let file_words = LargePayload::default().file_words.0;
        let is_for_files = |operation| is_for_files(operation, false, &file_words);
        for operation in
            ["GET /files/{}", "POST /upload", "GET /a/{}.pdf", "Media.Get", "GET /user/avatar", "exportAll"]
        {
            assert!(is_for_files(operation), "{operation}");
        }
        for operation in
            ["GET /products", "GET /a/{}.json", "shop.Cart/Get", "profile", "GET /v1.2/x", "kafka/orders", "GET /filed"]
        {
            assert!(!is_for_files(operation), "{operation}");
        }
    }
}
