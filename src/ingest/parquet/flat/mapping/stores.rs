//! The tables of spans that are known by name: what tells each from others, and what its column names do not say.
//!
//! Also the tables that belong to a trace store and hold no spans that could be read, so that they can be refused with a
//! reason.

use super::field::Field;
use super::known_key::known_key;
use crate::ingest::parquet::flat::times::Unit;

/// A table that is known by name.
pub(crate) struct Dialect {
    /// The format, as `run.json` names it.
    pub(crate) format: &'static str,
    /// The columns, in exact case, that tell it from others.
    pub(crate) has: &'static [&'static str],
    /// Columns that aliases do not lead to, or not to the best of several: the first that the table has. As
    /// `struct.field` where one is in a struct.
    pub(crate) columns: &'static [(Field, &'static [&'static str])],
    /// Fields that are members of a JSON object: its column and the member, `outer.inner` for one of an object within.
    pub(crate) members: &'static [(Field, &'static str, &'static str)],
    /// Fields that are attributes of the span: their column, and the keys, of which the first counts that a span has.
    pub(crate) tags: &'static [(Field, &'static str, &'static [&'static str])],
    /// Columns that hold one attribute each and do not look like it: their names and the attributes' keys.
    pub(crate) attributes: &'static [(&'static str, &'static str, Owner)],
    /// What columns are that no field and none of [`Self::attributes`] stands in.
    pub(crate) others: Others,
    /// Whether attributes in binary columns are encoded JSON.
    pub(crate) binary_is_json: bool,
    /// What the field [`Field::RecordType`] says of a span, if there are other rows than spans.
    pub(crate) only: Option<&'static str>,
    /// The unit of its instants, if their columns do not say it and it is always the same.
    pub(crate) instants: Option<Unit>,
    /// The unit of its durations, if their column does not say it.
    pub(crate) duration: Option<Unit>,
}

/// What an attribute is one of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Owner {
    /// The span.
    Span,
    /// The resource.
    Resource,
    /// The instrumentation scope.
    Scope,
}

/// What the columns are in which no field stands.
pub(crate) enum Others {
    /// Attributes if their names look like it. Stores have columns of their own beside attributes.
    AttributesByName,
    /// Attributes of whatever name, unless it is one of those that programs give to columns of their own.
    AttributesOfAnyName,
    /// Copies of attributes, if there are columns that hold all of them.
    Copies,
    /// Attributes, but for some.
    Attributes {
        /// Those that are none, by name.
        but: &'static [&'static str],
        /// Those that are none, by the beginning or the end of the name.
        but_affixed: &'static [&'static str],
        /// The owner and the key of the attribute in a column of this name.
        key: fn(&str) -> (Owner, String),
    },
}

/// The table that nothing is known of.
pub(crate) const UNKNOWN: Dialect = Dialect { others: Others::AttributesOfAnyName, ..PLAIN };

/// A table in which everything stands in columns whose names say what it is.
const PLAIN: Dialect = Dialect {
    format: "parquet_flat",
    has: &[],
    columns: &[],
    members: &[],
    tags: &[],
    attributes: &[],
    others: Others::AttributesByName,
    binary_is_json: false,
    only: None,
    instants: None,
    duration: None,
};

/// What this program writes.
pub(crate) const CANONICAL: Dialect =
    Dialect { format: "parquet_canonical", duration: Some(Unit::Nanoseconds), ..PLAIN };

const CLICKHOUSE: Dialect = Dialect {
    format: "parquet_clickhouse",
    has: &["TraceId", "SpanId", "SpanName", "Timestamp"],
    attributes: &[("SampleRate", "SampleRate", Owner::Span)],
    duration: Some(Unit::Nanoseconds),
    ..PLAIN
};

const SIGNOZ: Dialect = Dialect {
    format: "parquet_signoz",
    has: &["attributes_string", "duration_nano"],
    columns: &[
        (Field::Service, &["resource_string_service$$name", "service_name", "serviceName"]),
        (Field::ResourceAttributes, &["resources_string", "resource"]),
        (Field::ScopeAttributes, &["scope_string", "scope_attributes"]),
        (Field::Kind, &["kind_string", "kind"]),
        (Field::Name, &["name"]),
    ],
    others: Others::Copies,
    ..PLAIN
};

/// The first whose columns are all there is it.
pub(crate) const DIALECTS: &[Dialect] = &[
    Dialect {
        format: "parquet_otlp2parquet",
        has: &["TraceId", "SpanId", "SpanName", "EventsTimestamp"],
        duration: Some(Unit::Nanoseconds),
        ..PLAIN
    },
    CLICKHOUSE,
    Dialect {
        format: "parquet_otlp2records",
        has: &["start_time_unix_nano", "duration_time_unix_nano", "trace_id", "span_id", "name"],
        attributes: &[
            ("service_namespace", "service.namespace", Owner::Resource),
            ("service_instance_id", "service.instance.id", Owner::Resource),
        ],
        duration: Some(Unit::Nanoseconds),
        ..PLAIN
    },
    Dialect {
        format: "parquet_databricks",
        has: &["start_time_unix_nano", "end_time_unix_nano", "instrumentation_scope"],
        columns: &[
            (Field::ResourceAttributes, &["resource.attributes"]),
            (Field::Status, &["status.code"]),
            (Field::StatusMessage, &["status.message"]),
        ],
        ..PLAIN
    },
    Dialect {
        format: "parquet_rotel",
        has: &["span_name", "span_attributes", "duration", "timestamp", "events_timestamp"],
        duration: Some(Unit::Nanoseconds),
        ..PLAIN
    },
    Dialect {
        format: "parquet_greptimedb",
        has: &["timestamp", "timestamp_end", "duration_nano", "span_name"],
        binary_is_json: true,
        ..PLAIN
    },
    SIGNOZ,
    Dialect { has: &["ts_bucket_start", "trace_id", "span_id", "duration_nano"], ..SIGNOZ },
    Dialect {
        format: "parquet_openobserve",
        has: &["_timestamp", "operation_name", "trace_id", "span_id"],
        columns: &[
            (Field::ParentSpanId, &["reference_parent_span_id"]),
            (Field::Start, &["start_time"]),
            (Field::End, &["end_time"]),
            (Field::Duration, &["duration"]),
            (Field::Name, &["operation_name"]),
            (Field::Status, &["span_status", "status_code"]),
            (Field::Service, &["service_name"]),
            (Field::Attributes, &[]),
            (Field::ResourceAttributes, &[]),
        ],
        others: Others::Attributes {
            but: &[
                "_timestamp",
                "status_code",
                "flags",
                "reference_parent_trace_id",
                "reference_ref_type",
                "_o2_id",
                "_original",
            ],
            but_affixed: &["infer_service_"],
            key: key_of_openobserve,
        },
        instants: Some(Unit::Nanoseconds),
        duration: Some(Unit::Microseconds),
        ..PLAIN
    },
    Dialect {
        format: "parquet_parseable",
        has: &["span_trace_id", "span_span_id"],
        columns: &[
            (Field::Start, &["span_start_time_unix_nano"]),
            (Field::End, &["span_end_time_unix_nano"]),
            (Field::Duration, &["span_duration_ns"]),
            (Field::Name, &["span_name"]),
            (Field::Kind, &["span_kind", "span_kind_description"]),
            (Field::Status, &["span_status_code", "span_status_description"]),
            (Field::Service, &["service.name", "service_name"]),
            (Field::EventTimes, &["event_time_unix_nano"]),
            (Field::EventNames, &["event_name"]),
            (Field::LinkTraceIds, &["link_trace_id"]),
            (Field::LinkSpanIds, &["link_span_id"]),
            (Field::LinkTraceStates, &["link_trace_state"]),
            (Field::Attributes, &[]),
            (Field::ResourceAttributes, &[]),
        ],
        others: Others::Attributes {
            but: &[
                "p_timestamp",
                "p_user_agent",
                "p_src_ip",
                "p_format",
                "flags",
                "span_flags",
                "link_flags",
                "span_kind_description",
                "span_status_description",
            ],
            but_affixed: &[
                "_epoch",
                "_schema_url",
                "_dropped_attributes_count",
                "_dropped_events_count",
                "_dropped_links_count",
            ],
            key: key_of_parseable,
        },
        ..PLAIN
    },
    Dialect {
        format: "parquet_snowflake",
        has: &["RECORD_TYPE", "TRACE", "START_TIMESTAMP"],
        // A span's `TIMESTAMP` is its end.
        columns: &[
            (Field::RecordType, &["RECORD_TYPE"]),
            (Field::Start, &["START_TIMESTAMP"]),
            (Field::End, &["TIMESTAMP"]),
            (Field::Duration, &[]),
        ],
        members: &[
            (Field::TraceId, "TRACE", "trace_id"),
            (Field::SpanId, "TRACE", "span_id"),
            (Field::TraceState, "TRACE", "trace_state"),
            (Field::ParentSpanId, "RECORD", "parent_span_id"),
            (Field::Name, "RECORD", "name"),
            (Field::Kind, "RECORD", "kind"),
            (Field::Status, "RECORD", "status.code"),
            (Field::StatusMessage, "RECORD", "status.message"),
            (Field::ScopeName, "SCOPE", "name"),
            (Field::ScopeVersion, "SCOPE", "version"),
            (Field::ScopeAttributes, "SCOPE", "attributes"),
            (Field::Links, "RECORD", "links"),
        ],
        only: Some("SPAN"),
        ..PLAIN
    },
    Dialect { format: "parquet_adx", has: &["TraceID", "ParentID", "TraceAttributes"], ..PLAIN },
    Dialect {
        format: "parquet_influxdb",
        has: &["time", "trace_id", "span_id", "end_time_unix_nano", "attributes"],
        columns: &[
            (Field::Start, &["time"]),
            (Field::Name, &["name", "span.name"]),
            (Field::Kind, &["kind", "span.kind"]),
            (Field::Status, &["status_code", "otel.status_code"]),
            (Field::StatusMessage, &["status_message", "otel.status_description"]),
            (Field::ScopeName, &["scope_name", "otel.scope.name", "otel.library.name"]),
            (Field::ScopeVersion, &["scope_version", "otel.scope.version", "otel.library.version"]),
            (Field::Service, &["service_name", "service.name"]),
        ],
        // Where the service is no tag it stands among the span's attributes.
        members: &[(Field::Service, "attributes", "service.name")],
        ..PLAIN
    },
    // What Datadog's tracers send, and Jaeger's and Zipkin's JSON, read into a table by whichever program.
    Dialect {
        format: "parquet_datadog",
        has: &["trace_id", "span_id", "service", "name", "resource", "start", "duration", "meta"],
        columns: &[
            (Field::Name, &["resource"]),
            (Field::Attributes, &["meta"]),
            (Field::NumberAttributes, &["metrics"]),
            (Field::ResourceAttributes, &[]),
        ],
        tags: &[(Field::Kind, "meta", &["span.kind"]), (Field::StatusMessage, "meta", &["error.message", "error.msg"])],
        attributes: &[("name", "operation.name", Owner::Span), ("type", "span.type", Owner::Span)],
        duration: Some(Unit::Nanoseconds),
        ..UNKNOWN
    },
    Dialect {
        format: "parquet_jaeger",
        has: &["traceID", "spanID", "operationName", "startTime"],
        columns: &[
            (Field::Service, &["process.serviceName", "serviceName", "service_name"]),
            (Field::ResourceAttributes, &["process.tags"]),
            (Field::Events, &["logs"]),
        ],
        members: &[(Field::Service, "process", "serviceName"), (Field::ResourceAttributes, "process", "tags")],
        tags: OPENTELEMETRY_TAGS,
        instants: Some(Unit::Microseconds),
        duration: Some(Unit::Microseconds),
        ..PLAIN
    },
    Dialect {
        format: "parquet_zipkin",
        has: &["traceId", "id", "timestamp", "localEndpoint"],
        columns: &[(Field::Service, &["localEndpoint.serviceName"])],
        members: &[(Field::Service, "localEndpoint", "serviceName")],
        tags: OPENTELEMETRY_TAGS,
        instants: Some(Unit::Microseconds),
        duration: Some(Unit::Microseconds),
        ..PLAIN
    },
];

/// What is a field in OpenTelemetry and a tag in Jaeger and Zipkin, as its exporters write it there.
const OPENTELEMETRY_TAGS: &[(Field, &str, &[&str])] = &[
    (Field::Kind, "tags", &["span.kind"]),
    (Field::Status, "tags", &["otel.status_code", "error"]),
    (Field::StatusMessage, "tags", &["otel.status_description"]),
    (Field::TraceState, "tags", &["w3c.tracestate"]),
    (Field::ScopeName, "tags", &["otel.scope.name", "otel.library.name"]),
    (Field::ScopeVersion, "tags", &["otel.scope.version", "otel.library.version"]),
];

/// What instrumentations put on resources and never on spans, by the beginning of the key.
const RESOURCE_KEYS: &[&str] =
    &["service.", "telemetry.", "host.", "k8s.", "container.", "process.", "os.", "deployment.", "device."];

/// Resource attributes by their usual keys, for tables that have `_` for the dots.
const USUAL_RESOURCE_KEYS: &[&str] = &[
    "service.namespace",
    "service.version",
    "service.instance.id",
    "telemetry.sdk.name",
    "telemetry.sdk.language",
    "telemetry.sdk.version",
    "telemetry.distro.name",
    "telemetry.distro.version",
    "deployment.environment",
    "deployment.environment.name",
    "host.name",
    "host.id",
    "host.arch",
    "host.ip",
    "os.type",
    "os.name",
    "os.version",
    "os.description",
    "process.pid",
    "process.command",
    "process.command_line",
    "process.executable.name",
    "process.executable.path",
    "process.runtime.name",
    "process.runtime.version",
    "process.runtime.description",
    "container.id",
    "container.name",
    "container.image.name",
    "k8s.cluster.name",
    "k8s.namespace.name",
    "k8s.node.name",
    "k8s.pod.name",
    "k8s.pod.uid",
    "k8s.pod.ip",
    "k8s.pod.start_time",
    "k8s.deployment.name",
    "k8s.container.name",
    "cloud.provider",
    "cloud.region",
    "cloud.availability_zone",
    "cloud.account.id",
];

/// OpenObserve puts `service_` before the keys of resources and `_` for all dots. What is no usual key keeps its `_`.
fn key_of_openobserve(name: &str) -> (Owner, String) {
    match name.strip_prefix("service_") {
        Some(rest) => {
            let usual = USUAL_RESOURCE_KEYS.iter().find(|key| key.replace('.', "_") == rest);
            (Owner::Resource, usual.map_or(rest, |key| key).into())
        }
        None => (Owner::Span, known_key(name).into()),
    }
}

/// Parseable keeps the attributes of spans and resources side by side.
fn key_of_parseable(name: &str) -> (Owner, String) {
    let is_of_resource = RESOURCE_KEYS.iter().any(|prefix| name.starts_with(prefix));
    (if is_of_resource { Owner::Resource } else { Owner::Span }, known_key(name).into())
}

/// A table of a trace store that cannot be read as spans.
pub(crate) struct Refused {
    /// The columns, in exact case, that tell it from others.
    has: &'static [&'static str],
    /// Columns that it does not have.
    lacks: &'static [&'static str],
    /// What it is.
    pub(crate) what: &'static str,
    /// What to do instead.
    pub(crate) advice: &'static str,
}

const OTAP_ADVICE: &str = "spans, attributes and resources stand in tables of their own there, and their numbers do not say \
                           for certain which resource a span has; let the collector write OTLP (JSON or protobuf) instead";

const REFUSED: &[Refused] = &[
    Refused {
        has: &["TraceId", "Start", "End"],
        lacks: &["SpanId"],
        what: "ClickHouse's table `otel_traces_trace_id_ts`, which says when each trace began and ended and holds no spans",
        advice: "export the table `otel_traces` instead",
    },
    Refused {
        has: &["id", "resource", "scope", "start_time_unix_nano", "duration_time_unix_nano"],
        lacks: &["resource_attributes", "span_attributes"],
        what: "the `spans` table of an OTAP (otel-arrow) dataset",
        advice: OTAP_ADVICE,
    },
    Refused {
        has: &["parent_id", "key", "type"],
        lacks: &["trace_id"],
        what: "a table of attributes of an OTAP (otel-arrow) dataset",
        advice: OTAP_ADVICE,
    },
    Refused {
        has: &["id", "parent_id", "time_unix_nano", "name"],
        lacks: &["trace_id", "span_id"],
        what: "the `span_events` table of an OTAP (otel-arrow) dataset",
        advice: OTAP_ADVICE,
    },
    Refused {
        has: &["id", "parent_id", "trace_id", "span_id"],
        lacks: &["name", "operation_name", "span_name"],
        what: "the `span_links` table of an OTAP (otel-arrow) dataset",
        advice: OTAP_ADVICE,
    },
];

/// The table without spans that has these columns, if it is known.
pub(crate) fn refused(has: impl Fn(&&str) -> bool) -> Option<&'static Refused> {
    REFUSED.iter().find(|table| table.has.iter().all(&has) && !table.lacks.iter().any(&has))
}
