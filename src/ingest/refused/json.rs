//! JSON of other tracing systems, and answers of their APIs, told by keys that only they have.

use super::Refused;

/// An object that is known and not read.
struct Known {
    /// Keys that it has, all of them.
    all: &'static [&'static str],
    /// Keys of which it has at least one, unless there are none.
    any: &'static [&'static str],
    /// Keys that it does not have.
    none: &'static [&'static str],
    refused: Refused,
}

const SKYWALKING: Refused = Refused {
    what: "JSON of Apache SkyWalking",
    advice: "let its agents report to an OpenTelemetry Collector with the receiver `skywalking` and the exporter `file`, \
             and give what that writes",
};

const GOOGLE_CLOUD_TRACE: Refused = Refused {
    what: "JSON of Google Cloud Trace",
    advice: "let the OpenTelemetry Collector that sends the spans to Google Cloud write them with the exporter `file` as \
             well, and give what that writes",
};

/// Jaeger's own messages, as protobuf has them in JSON.
pub(crate) const JAEGER_PROTOBUF: Refused = Refused {
    what: "Jaeger's protobuf written as JSON",
    advice: "export the traces from Jaeger's UI or API (`curl 'JAEGER:16686/api/traces?service=NAME&limit=1500'`), or as OTLP",
};

const TEMPO_SEARCH: Refused = Refused {
    what: "the answer to a search in Grafana Tempo, which names traces and holds no spans",
    advice: "fetch the traces themselves, each with `curl TEMPO:3200/api/traces/TRACE_ID`, or give Tempo's blocks",
};

const LANGFUSE: Refused = Refused {
    what: "JSON of Langfuse",
    advice: "let the program that is observed send its spans to an OpenTelemetry Collector with the exporter `file` as well, \
             and give what that writes",
};

const KNOWN: &[Known] = &[
    Known { all: &["traceId", "parentObservationId"], any: &[], none: &[], refused: LANGFUSE },
    Known { all: &["id", "observations"], any: &["scores", "sessionId", "projectId"], none: &[], refused: LANGFUSE },
    Known {
        all: &["id", "traceId", "type", "startTime"],
        any: &["input", "output", "statusMessage", "completionStartTime", "usageDetails"],
        none: &["spanId", "localEndpoint"],
        refused: LANGFUSE,
    },
    Known {
        all: &["id", "run_type"],
        any: &["trace_id", "dotted_order", "parent_run_id"],
        none: &[],
        refused: Refused {
            what: "JSON of LangSmith, whose runs are no spans of a distributed trace",
            advice: "let the program that is observed send its spans to an OpenTelemetry Collector with the exporter `file` \
                     as well, and give what that writes",
        },
    },
    Known {
        all: &["segmentId", "parentSpanId"],
        any: &["endpointName", "serviceCode"],
        none: &[],
        refused: SKYWALKING,
    },
    Known { all: &["traceSegmentId"], any: &["spans", "serviceInstance", "service"], none: &[], refused: SKYWALKING },
    Known {
        all: &["spanType", "parentSpanId"],
        any: &["spanLayer", "componentId", "isError"],
        none: &[],
        refused: SKYWALKING,
    },
    Known {
        all: &["spanId", "startTime", "endTime"],
        any: &["name", "displayName", "labels", "kind"],
        none: &["traceId", "trace_id"],
        refused: GOOGLE_CLOUD_TRACE,
    },
    Known { all: &["projectId", "traceId"], any: &[], none: &["id"], refused: GOOGLE_CLOUD_TRACE },
    Known { all: &["traceId", "spanId", "operationName"], any: &[], none: &["name"], refused: JAEGER_PROTOBUF },
    Known { all: &["traceID"], any: &["rootServiceName", "rootTraceName"], none: &["spans"], refused: TEMPO_SEARCH },
    Known {
        all: &["span_id", "start_timestamp", "timestamp"],
        any: &["op", "description"],
        none: &[],
        refused: Refused {
            what: "JSON of Sentry",
            advice: "send the spans to an OpenTelemetry Collector with the exporter `file`, and give what that writes",
        },
    },
    Known {
        all: &["traceEvents"],
        any: &[],
        none: &[],
        refused: Refused {
            what: "trace events of Chrome or Perfetto, which are of one process and not of a distributed trace",
            advice: "record the same run with OpenTelemetry and give its OTLP",
        },
    },
    Known {
        all: &["parent", "child", "callCount"],
        any: &[],
        none: &[],
        refused: Refused {
            what: "a list of dependencies, which holds no spans",
            advice: "export the traces, from Zipkin with `curl 'ZIPKIN:9411/api/v2/traces?limit=10000'`, from Jaeger with \
                     `curl 'JAEGER:16686/api/traces?service=NAME&limit=1500'`",
        },
    },
    Known {
        all: &["tables"],
        any: &[],
        none: &["name", "id"],
        refused: Refused {
            what: "the answer to a query of Azure Monitor",
            advice: "let the OpenTelemetry Collector that sends the spans write them with the exporter `file` as well, and \
                     give what that writes",
        },
    },
];

/// What an object is that `has` these keys, if it is known and not read.
pub(crate) fn of_keys(has: impl Fn(&str) -> bool) -> Option<Refused> {
    let is_it = |known: &&Known| {
        known.all.iter().all(|key| has(key))
            && (known.any.is_empty() || known.any.iter().any(|key| has(key)))
            && !known.none.iter().any(|key| has(key))
    };
    KNOWN.iter().find(is_it).map(|known| known.refused)
}

/// What a line of a log says, and how bad that is.
pub(crate) const MESSAGES_OF_LOGS: &[&str] = &["message", "msg", "body"];
pub(crate) const LEVELS_OF_LOGS: &[&str] =
    &["level", "log.level", "severity", "severityText", "severity_text", "levelname"];

/// Whether an object that names a span is the record of a log within it. Lines of logs have times and durations as spans
/// have: what they never have is a span's name. Some name their logger; where they have both a message and a level, they are spans
/// only if something else says so.
pub(crate) fn is_log_record(has: impl Fn(&str) -> bool) -> bool {
    const OF_LOGS: &[&str] = &["logger", "logger_name", "log"];
    const OF_LOGGERS: &[&str] = &["name", "Name"];
    const OF_SPANS: &[&str] = &[
        "kind",
        "Kind",
        "spanKind",
        "span_kind",
        "span.kind",
        "SpanKind",
        "parentSpanId",
        "parent_span_id",
        "ParentSpanId",
        "parentId",
        "parent_id",
        "startTime",
        "start_time",
        "StartTime",
        "endTime",
        "end_time",
        "EndTime",
        "attributes",
        "Attributes",
        "span_attributes",
    ];
    const NAMES_OF_SPANS: &[&str] = &[
        "spanName",
        "span_name",
        "span.name",
        "SpanName",
        "operationName",
        "operation_name",
        "operation",
        "resource_name",
        // Datadog's.
        "resource",
        // Elastic APM's.
        "transaction",
        "transaction.name",
        // OTLP leaves out a name that is empty.
        "startTimeUnixNano",
        "start_time_unix_nano",
        "span_start_timestamp_nanos",
    ];
    let has_any = |keys: &[&str]| keys.iter().any(|key| has(key));
    if has_any(NAMES_OF_SPANS) {
        return false;
    }
    let (has_message, has_level) = (has_any(MESSAGES_OF_LOGS), has_any(LEVELS_OF_LOGS));
    match has_any(OF_LOGGERS) {
        true => has_message && has_level && !has_any(OF_SPANS),
        false => has_message || has_level || has_any(OF_LOGS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(keys: &[&str]) -> Option<&'static str> {
        of_keys(|key| keys.contains(&key)).map(|refused| refused.what)
    }

    /// What has the ids of another system's spans is known by what else it has.
    #[test]
    fn runs_and_observations_are_refused() {
        let observation = ["id", "traceId", "type", "name", "startTime", "input", "parentObservationId"];
        assert_eq!(refused(&observation), Some(LANGFUSE.what));
        assert_eq!(refused(&observation[..6]), Some(LANGFUSE.what));
        assert_eq!(refused(&["id", "name", "timestamp", "observations", "scores"]), Some(LANGFUSE.what));
        assert!(refused(&["id", "trace_id", "name", "run_type", "start_time", "inputs"]).is_some());
        assert_eq!(refused(&["id", "traceId", "name", "timestamp", "kind", "tags"]), None);
        assert_eq!(refused(&["id", "trace_id", "parent_span_id", "name", "start_time"]), None);
    }

    /// What is read is never refused: one key more or less tells.
    #[test]
    fn keys_tell_one_system_from_another() {
        let skywalking = refused(&["traceId", "segmentId", "spanId", "parentSpanId", "serviceCode", "endpointName"]);
        assert_eq!(skywalking, Some(SKYWALKING.what));
        assert_eq!(refused(&["spanId", "name", "startTime", "endTime", "labels"]), Some(GOOGLE_CLOUD_TRACE.what));
        assert_eq!(refused(&["traceId", "spanId", "name", "startTime", "endTime", "kind"]), None);
        assert_eq!(refused(&["traceId", "spanId", "operationName", "startTime"]), Some(JAEGER_PROTOBUF.what));
        assert_eq!(refused(&["traceID", "spanID", "operationName", "startTime"]), None);
        assert_eq!(refused(&["traceID", "rootServiceName", "durationMs"]), Some(TEMPO_SEARCH.what));
        assert_eq!(refused(&["trace_id", "span_id", "name", "start_time_unix_nano"]), None);
    }

    #[test]
    fn log_records_name_spans_and_are_none() {
        let is_log = |keys: &[&str]| is_log_record(|key| keys.contains(&key));
        assert!(is_log(&["trace_id", "span_id", "level", "msg"]));
        assert!(is_log(&["trace_id", "span_id", "start_time", "duration", "severity", "status"]));
        assert!(!is_log(&["trace_id", "span_id", "operation_name", "start_time", "level"]));
        assert!(!is_log(&["trace_id", "span_id", "name", "message"]));
        assert!(is_log(&["@timestamp", "traceId", "spanId", "severity", "message", "name", "durationMs"]));
        assert!(!is_log(&["@timestamp", "traceId", "spanId", "severity", "message", "name", "parentSpanId"]));
        assert!(!is_log(&["trace_id", "span_id"]));
    }
}
