//! Elastic APM's documents of transactions and spans, as its server and the collector's exporter in mode `ecs` index them.
//!
//! A transaction is the work of one service for one request: an entry span. Field names are those of
//! <https://www.elastic.co/docs/reference/apm/observability/apm-fields>; those that OpenTelemetry has a name for get it, the
//! others keep their own.

use crate::frame::SpanSink as _;
use crate::span::{KeyValue, Link, Origin, SkipReason, SpanKind, SpanRecord, StatusCode, Value};

use super::fields::{Fields, text_attribute};
use crate::ingest::counting_sink::CountingSink;
use crate::ingest::json::attributes::value_of_json;
use crate::ingest::parquet::flat::times::Unit;

/// The format, as `run.json` names it.
pub(crate) const ELASTIC_APM: &str = "elastic_apm_json";

/// Fields that OpenTelemetry calls otherwise. Of two that mean the same the first present counts, the other stays as it is.
const RENAMED: &[(&str, &[&str])] = &[
    ("http.request.method", &["span.http.method"]),
    ("http.response.status_code", &["span.http.response.status_code", "span.http.status_code"]),
    ("url.full", &["span.http.url.original", "url.original"]),
    ("server.address", &["destination.address", "destination.domain"]),
    ("server.port", &["destination.port"]),
    ("db.query.text", &["span.db.statement"]),
    ("db.namespace", &["span.db.instance"]),
    ("db.user", &["span.db.user.name"]),
    ("db.response.returned_rows", &["span.db.rows_affected"]),
    ("messaging.destination.name", &["span.message.queue.name", "transaction.message.queue.name"]),
    ("composite.count", &["span.composite.count"]),
];

/// The same for the service and what it runs on.
const RENAMED_OF_RESOURCE: &[(&str, &[&str])] = &[
    ("deployment.environment.name", &["service.environment"]),
    ("service.instance.id", &["service.node.name"]),
    ("telemetry.sdk.language", &["service.language.name"]),
    ("k8s.deployment.name", &["kubernetes.deployment.name"]),
    ("k8s.namespace.name", &["kubernetes.namespace"]),
    ("k8s.pod.name", &["kubernetes.pod.name"]),
];

/// Where fields are the resource's.
const OF_RESOURCE: &[&str] = &[
    "service.",
    "host.",
    "container.",
    "kubernetes.",
    "cloud.",
    "process.",
    "agent.",
    "device.",
    "os.",
    "faas.",
    "k8s.",
];

/// What is said of the document and its way into the index, or was taken for the span before.
const OF_DOCUMENT: &[&str] =
    &["@timestamp", "timestamp", "processor", "ecs", "observer", "data_stream", "event", "_doc_count"];

/// Whether an object is a document of APM, be it of a span or of something else.
pub(crate) fn is_document(fields: &Fields) -> bool {
    // Dynatrace calls its ids so, too.
    let has_ids =
        fields.has(&["trace.id"]) && fields.has(&["span.id", "transaction.id"]) && !fields.has(&["start_time"]);
    has_ids || fields.has(&["processor.event"])
}

/// Hands the span that `fields` are to `sink`; documents of errors, logs and metrics are counted as such.
pub(crate) fn emit(mut fields: Fields, offset: u64, sink: &mut CountingSink<'_>) {
    sink.tally.format.get_or_insert(ELASTIC_APM);
    let event = fields.text(&["processor.event"]);
    let is_transaction = match event.as_str() {
        "transaction" => true,
        "span" => false,
        "" if fields.has(&["span.name", "span.duration.us", "span.kind"]) => false,
        "" if fields.has(&["transaction.name", "transaction.duration.us"]) => true,
        _ => return sink.skip(SkipReason::OtherSignal, offset),
    };
    let transaction_id = fields.span_id(&["transaction.id"]);
    let parent_id = fields.span_id(&["parent.id"]);
    let own_id = fields.span_id(&["span.id"]);
    let (span_id, parent_span_id) = match is_transaction {
        true => (transaction_id, parent_id),
        false if parent_id.is_none() && transaction_id != own_id => (own_id, transaction_id),
        false => (own_id, parent_id),
    };
    let kind = kind(&mut fields, is_transaction, parent_id.is_none());
    let start_unix_nano = fields.time_if_any(&["timestamp.us"], Unit::Microseconds);
    let start_unix_nano = start_unix_nano.unwrap_or_else(|| fields.start(&["@timestamp", "timestamp"]));
    let length = match fields.length(&["span.duration.us", "transaction.duration.us"], Unit::Microseconds) {
        0 => fields.length(&["event.duration"], Unit::Nanoseconds),
        length => length,
    };
    let status = match fields.text(&["event.outcome"]).as_str() {
        "failure" => StatusCode::Error,
        "success" => StatusCode::Ok,
        _ => StatusCode::Unset,
    };
    let mut links = Vec::new();
    for mut link in fields.list(&["span.links", "transaction.links"]) {
        links.push(Link {
            trace_id: link.trace_id(&["trace.id"]),
            span_id: link.span_id(&["span.id"]),
            ..Link::default()
        });
        fields.opaque_ids += link.opaque_ids;
    }
    let trace_id = fields.trace_id(&["trace.id"]);
    let name = match is_transaction {
        true => fields.text(&["transaction.name"]),
        false => fields.text(&["span.name"]),
    };
    let mut attributes = systems(&mut fields);
    attributes.extend(renamed(RENAMED, &mut fields));
    let resource_attributes: Vec<KeyValue<'static>> = renamed(RENAMED_OF_RESOURCE, &mut fields);
    sink.tally.opaque_ids += fields.opaque_ids;
    let mut origin = Origin {
        resource_attributes,
        scope_name: fields.text(&["service.framework.name"]).into(),
        scope_version: fields.text(&["service.framework.version"]).into(),
        ..Origin::default()
    };
    OF_DOCUMENT.iter().for_each(|path| drop(fields.take(&[path])));
    for attribute in fields.rest() {
        let is_of_resource = OF_RESOURCE.iter().any(|prefix| attribute.key.starts_with(prefix));
        // Labels are the attributes that have no field of their own.
        let label = ["labels.", "numeric_labels."].iter().find_map(|prefix| attribute.key.strip_prefix(prefix));
        let key = label.map_or(attribute.key.clone(), |label| label.to_owned().into());
        let target = if is_of_resource { &mut origin.resource_attributes } else { &mut attributes };
        target.push(KeyValue { key, value: attribute.value });
    }
    let span = SpanRecord {
        trace_id,
        span_id,
        parent_span_id,
        name: name.into(),
        kind,
        status,
        start_unix_nano,
        end_unix_nano: start_unix_nano.saturating_add_signed(length),
        attributes,
        links,
        ..SpanRecord::default()
    };
    sink.span(&origin, &span, offset);
}

/// The kind, which only spans that came as OpenTelemetry say. Spans of Elastic's agents have a type instead.
fn kind(fields: &mut Fields, is_transaction: bool, is_root: bool) -> SpanKind {
    let said = fields.kind(&["span.kind"]);
    if said != SpanKind::Unspecified {
        return said;
    }
    if is_transaction {
        return match fields.text_at("transaction.type") {
            "request" => SpanKind::Server,
            "messaging" => SpanKind::Consumer,
            _ if is_root => SpanKind::Internal,
            _ => SpanKind::Server,
        };
    }
    let SpanType { of_sort, action, .. } = SpanType::of(fields);
    match of_sort.as_str() {
        "db" | "external" | "storage" | "cache" | "ext" => SpanKind::Client,
        "messaging" if matches!(action.as_str(), "send" | "publish" | "produce") => SpanKind::Producer,
        "messaging" => SpanKind::Client,
        _ if fields.has(&["span.destination.service.resource"]) => SpanKind::Client,
        _ => SpanKind::Internal,
    }
}

/// What a span is of. Agents before version 6.5 write all of it as `span.type`: `db.postgresql.query`.
struct SpanType {
    of_sort: String,
    subtype: String,
    action: String,
}

impl SpanType {
    fn of(fields: &Fields) -> Self {
        let mut parts = fields.text_at("span.type").splitn(3, '.');
        let mut part = |own: &str| {
            let part = parts.next().unwrap_or_default();
            let own = fields.text_at(own);
            if own.is_empty() { part.to_owned() } else { own.to_owned() }
        };
        Self { of_sort: part(""), subtype: part("span.subtype"), action: part("span.action") }
    }
}

/// What is reached: the subtype names the system, the type says of what sort it is.
fn systems(fields: &mut Fields) -> Vec<KeyValue<'static>> {
    let SpanType { of_sort, subtype, action } = SpanType::of(fields);
    let database = fields.text_at("span.db.type").to_owned();
    let resource = fields.text_at("span.destination.service.resource").to_owned();
    let mut attributes = Vec::new();
    match of_sort.as_str() {
        "db" | "cache" => {
            // The type may be no more than `sql`.
            let system = if subtype.is_empty() { database } else { subtype };
            attributes.extend(text_attribute("db.system.name", system));
        }
        "messaging" => {
            attributes.extend(text_attribute("messaging.system", subtype));
            attributes.extend(text_attribute("messaging.operation.type", action));
        }
        "external" if subtype == "grpc" => attributes.extend(text_attribute("rpc.system", subtype)),
        "" => attributes.extend(text_attribute("db.system.name", database)),
        _ => {}
    }
    let is_network = matches!(of_sort.as_str(), "external" | "ext");
    if is_network && !fields.has(&["destination.address", "span.http.url.original"]) {
        let (host, port) = resource.rsplit_once(':').unwrap_or((&resource, ""));
        attributes.extend(text_attribute("server.address", host.to_owned()));
        attributes
            .extend(port.parse().ok().map(|port| KeyValue { key: "server.port".into(), value: Value::Int(port) }));
    }
    attributes
}

fn renamed(names: &[(&'static str, &[&str])], fields: &mut Fields) -> Vec<KeyValue<'static>> {
    let mut attributes = Vec::new();
    for &(name, paths) in names {
        if fields.has(&[name]) {
            continue;
        }
        let json = fields.take(paths);
        if !json.is_null() {
            attributes.push(KeyValue { key: name.into(), value: value_of_json(json) });
        }
    }
    attributes
}
