//! One span as a decoder hands it over: borrowed, complete, in OpenTelemetry's terms.
//!
//! This is the contract between an input format and whoever takes spans.

use std::borrow::Cow;

use super::ids::{SpanId, TraceId};
use super::kind::{SpanKind, StatusCode};
use super::left_out::NO_START_TIME;

/// An attribute's value. Arrays and maps come as JSON text, since no detector looks into them.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Value<'a> {
    /// No value was given.
    #[default]
    Empty,
    /// Text.
    Str(Cow<'a, str>),
    /// A boolean.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// A floating-point number, NaN and the infinities included.
    Double(f64),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// An array or a map, as JSON text.
    Json(Cow<'a, str>),
}

impl Value<'_> {
    /// The value as text: what canonical Parquet stores and what detectors compare. Bytes are base64, NaN and the
    /// infinities are spelled as in OTLP JSON.
    pub fn to_text(&self) -> Cow<'_, str> {
        use base64::Engine as _;
        match self {
            Self::Empty => Cow::Borrowed(""),
            Self::Str(text) | Self::Json(text) => Cow::Borrowed(text),
            Self::Bool(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
            Self::Int(value) => Cow::Owned(value.to_string()),
            Self::Double(value) if value.is_nan() => Cow::Borrowed("NaN"),
            Self::Double(value) if value.is_infinite() => {
                Cow::Borrowed(if *value > 0.0 { "Infinity" } else { "-Infinity" })
            }
            Self::Double(value) => Cow::Owned(value.to_string()),
            Self::Bytes(bytes) => Cow::Owned(base64::engine::general_purpose::STANDARD.encode(bytes)),
        }
    }
}

/// One attribute: key and value.
#[derive(Clone, PartialEq, Debug)]
pub struct KeyValue<'a> {
    /// The key as the source spells it.
    pub key: Cow<'a, str>,
    /// The value.
    pub value: Value<'a>,
}

/// One event of a span.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Event<'a> {
    /// When it happened, in ns since 1970.
    pub time_unix_nano: u64,
    /// Its name, for instance `exception`.
    pub name: Cow<'a, str>,
    /// Its attributes; of duplicate keys the last counts.
    pub attributes: Vec<KeyValue<'a>>,
}

impl Event<'_> {
    /// Whether it tells of an exception.
    pub fn is_exception(&self) -> bool {
        is_exception(&self.name)
    }
}

/// Whether an event of this name tells of an exception: `exception`, or `error` as OpenTracing has it.
pub fn is_exception(name: &str) -> bool {
    matches!(name, "exception" | "error")
}

/// One link of a span to another.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Link<'a> {
    /// The trace that is linked.
    pub trace_id: TraceId,
    /// The span that is linked.
    pub span_id: SpanId,
    /// The linked span's W3C trace state.
    pub trace_state: Cow<'a, str>,
    /// The link's attributes; of duplicate keys the last counts.
    pub attributes: Vec<KeyValue<'a>>,
}

/// The resource and the instrumentation scope that spans of one batch share.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Origin<'a> {
    /// Resource attributes, `service.name` among them where the source has it.
    pub resource_attributes: Vec<KeyValue<'a>>,
    /// The instrumentation scope's name, empty if not given.
    pub scope_name: Cow<'a, str>,
    /// The instrumentation scope's version, empty if not given.
    pub scope_version: Cow<'a, str>,
    /// The instrumentation scope's attributes.
    pub scope_attributes: Vec<KeyValue<'a>>,
}

impl Origin<'_> {
    /// The service: resource attribute `service.name`, or `unknown_service`.
    pub fn service_name(&self) -> Cow<'_, str> {
        self.resource_attributes
            .iter()
            .rev()
            .find(|attribute| attribute.key == "service.name")
            .map(|attribute| attribute.value.to_text())
            .filter(|name| !name.is_empty())
            .unwrap_or(Cow::Borrowed(UNKNOWN_SERVICE))
    }
}

/// The name of a service that did not say its name.
pub const UNKNOWN_SERVICE: &str = "unknown_service";

/// One span, normalised as far as a single span can be (FORMATS: ids padded, times in ns, kinds and codes as enums).
///
/// `end_unix_nano` may lie before `start_unix_nano` and ids may be invalid: whoever takes the span decides, so that one
/// place counts.
#[derive(Clone, PartialEq, Debug)]
pub struct SpanRecord<'a> {
    /// Id of the trace; invalid (all zero) if the source has none.
    pub trace_id: TraceId,
    /// Id of the span; [`SpanId::NONE`] if the source has none.
    pub span_id: SpanId,
    /// Id of the parent; [`SpanId::NONE`] for a root.
    pub parent_span_id: SpanId,
    /// The span's name.
    pub name: Cow<'a, str>,
    /// The span's kind.
    pub kind: SpanKind,
    /// The status code.
    pub status: StatusCode,
    /// The status message, empty if not given.
    pub status_message: Cow<'a, str>,
    /// W3C trace state, empty if not given.
    pub trace_state: Cow<'a, str>,
    /// Start in ns since 1970, [`NO_START_TIME`] if not given.
    pub start_unix_nano: u64,
    /// End in ns since 1970.
    pub end_unix_nano: u64,
    /// The span's attributes; of duplicate keys the last counts.
    pub attributes: Vec<KeyValue<'a>>,
    /// The span's events.
    pub events: Vec<Event<'a>>,
    /// The span's links.
    pub links: Vec<Link<'a>>,
}

/// The attribute by which OpenTracing says how a span refers to its parent; on the span, or on a link to the parent.
pub const REF_TYPE: &str = "opentracing.ref_type";

/// A span of which nothing is known.
impl Default for SpanRecord<'_> {
    fn default() -> Self {
        Self {
            trace_id: TraceId::default(),
            span_id: SpanId::NONE,
            parent_span_id: SpanId::NONE,
            name: Cow::Borrowed(""),
            kind: SpanKind::default(),
            status: StatusCode::default(),
            status_message: Cow::Borrowed(""),
            trace_state: Cow::Borrowed(""),
            start_unix_nano: NO_START_TIME,
            end_unix_nano: 0,
            attributes: Vec::new(),
            events: Vec::new(),
            links: Vec::new(),
        }
    }
}

impl SpanRecord<'_> {
    /// Makes it as it is by default, but that its vectors are used again.
    pub fn clear(&mut self) {
        let Self {
            trace_id,
            span_id,
            parent_span_id,
            name,
            kind,
            status,
            status_message,
            trace_state,
            start_unix_nano,
            end_unix_nano,
            attributes,
            events,
            links,
        } = self;
        (*trace_id, *span_id, *parent_span_id) = Default::default();
        (*kind, *status) = Default::default();
        (*start_unix_nano, *end_unix_nano) = (NO_START_TIME, 0);
        for text in [name, status_message, trace_state] {
            *text = Cow::Borrowed("");
        }
        attributes.clear();
        events.clear();
        links.clear();
    }

    /// How a link to the parent says that the span refers to it. The parent of a server's half of a shared span is the client's
    /// half, which has its id.
    pub fn ref_type_of_parent_link(&self) -> Option<Cow<'_, str>> {
        let is_parent = |id| id == self.parent_span_id || (self.kind == SpanKind::Server && id == self.span_id);
        let to_parent = self.links.iter().filter(|link| is_parent(link.span_id));
        let mut ref_types = to_parent.flat_map(|link| &link.attributes).filter(|attribute| attribute.key == REF_TYPE);
        ref_types.next_back().map(|attribute| attribute.value.to_text())
    }
}
