//! The fields of a span, and the names that their columns go by.

macro_rules! fields {
    ($($variant:ident, $label:literal, [$($alias:literal),* $(,)?];)+) => {
        /// A field of a span.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum Field {
            $($variant),+
        }

        impl Field {
            /// Every field.
            pub(crate) const ALL: &[Self] = &[$(Self::$variant),+];
        }

        /// How many fields there are.
        pub(crate) const FIELD_COUNT: usize = Field::ALL.len();

        /// Every field, what it is called in messages, and its column's names in order of preference: lower-case and
        /// without `_`, `.`, `-` and space. A struct's column goes by its name and the struct's together.
        pub(crate) const ALIASES: [(Field, &str, &[&str]); FIELD_COUNT] = [$((Field::$variant, $label, &[$($alias),*])),+];
    };
}

/// The names of columns that tell the spans that failed, and not how the others ended
/// ([`failure`](crate::ingest::parquet::flat::failure)).
pub(crate) const FAILURES: [&str; 3] = ["haserror", "iserror", "error"];

fields! {
    TraceId, "trace id", ["traceid", "spantraceid", "tracetraceid", "contexttraceid", "oteltraceid"];
    SpanId, "span id", ["spanid", "spanspanid", "tracespanid", "contextspanid", "id"];
    ParentSpanId, "parent span id", [
        "parentspanid", "parentid", "traceparentid", "referenceparentspanid", "spanparentspanid", "parentspan", "recordparentspanid",
    ];
    Name, "name", ["spanname", "name", "operationname", "operation", "resourcename", "recordname"];
    Kind, "kind", ["spankind", "kind", "kindstring", "spankinddescription", "recordkind"];
    Start, "start", [
        "starttimeunixnano", "starttimens", "starttimeus", "starttimems", "starttimeseconds", "spanstarttimestampnanos", "spanstarttimeunixnano", "starttime", "starttimestamp",
        "timestamp", "time", "start",
    ];
    End, "end", [
        "endtimeunixnano", "endtimens", "endtimeus", "endtimems", "endtimeseconds", "spanendtimestampnanos", "spanendtimeunixnano", "endtime", "endtimestamp", "timestampend", "end",
    ];
    Duration, "duration", [
        "durationnano", "durationns", "durationtimeunixnano", "spandurationns", "durationnanos", "durationinnanos",
        "durationnanoseconds", "durationus", "durationmicros", "durationmicroseconds", "durationms", "durationmillis",
        "durationmilliseconds", "spandurationmillis", "durationseconds", "durationsec", "durations", "duration",
    ];
    Status, "status", [
        "statuscode", "spanstatuscode", "status", "statuscodestring", "spanstatus", "recordstatuscode", "otelstatuscode", "statusstatuscode", "haserror", "iserror", "error",
    ];
    StatusMessage, "status message", [
        "statusmessage", "spanstatusmessage", "statusstatusmessage", "recordstatusmessage", "otelstatusmessage", "statusdescription", "otelstatusdescription",
    ];
    Service, "service", ["servicename", "service", "resourceservicename", "resourceattributesservicename", "localendpointservicename", "processservicename"];
    TraceState, "trace state", ["tracestate", "spantracestate"];
    ScopeName, "scope name", ["scopename", "instrumentationscopename", "otelscopename"];
    ScopeVersion, "scope version", ["scopeversion", "instrumentationscopeversion", "otelscopeversion"];
    ScopeAttributes, "scope attributes", ["scopeattributes", "instrumentationscopeattributes"];
    ResourceAttributes, "resource attributes", [
        "resourceattributes", "otelresourceattributes", "resource", "resources", "resourcestring", "resourcesstring",
    ];
    Attributes, "attributes", [
        "spanattributes", "attributes", "traceattributes", "tags", "recordattributes", "attributesstring",
    ];
    NumberAttributes, "number attributes", ["attributesnumber"];
    BoolAttributes, "boolean attributes", ["attributesbool"];
    Events, "events", ["events", "eventsjson", "spanevents"];
    EventTimes, "event times", ["eventstimestamp"];
    EventNames, "event names", ["eventsname"];
    EventAttributes, "event attributes", ["eventsattributes"];
    Links, "links", ["links", "linksjson", "spanlinks", "references"];
    LinkTraceIds, "link trace ids", ["linkstraceid"];
    LinkSpanIds, "link span ids", ["linksspanid"];
    LinkTraceStates, "link trace states", ["linkstracestate"];
    LinkAttributes, "link attributes", ["linksattributes"];
    RecordType, "record type", [];
}
