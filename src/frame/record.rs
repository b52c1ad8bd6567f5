//! One span as a decoder hands it over: borrowed, complete, in OpenTelemetry's terms.
//!
//! This is the contract between an input format and whoever takes spans. The analysis keeps only what detectors ask
//! for ([`FrameBuilder`](super::FrameBuilder)); `convert` keeps everything
//! ([`CanonicalWriter`](super::CanonicalWriter)).

use std::borrow::Cow;

use super::builder::SpanRow;
use super::ids::{SpanId, TraceId};
use super::sampling::TraceStateSampling;
use super::schema::Attribute;

/// A span's kind, with OTLP's numbers.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum SpanKind {
    /// Not said.
    #[default]
    Unspecified = 0,
    /// Work within a service.
    Internal = 1,
    /// A request served.
    Server = 2,
    /// A request sent.
    Client = 3,
    /// A message sent.
    Producer = 4,
    /// A message received or processed.
    Consumer = 5,
}

impl SpanKind {
    /// Whether spans of this kind serve a request.
    pub fn is_served(self) -> bool {
        matches!(self, Self::Server | Self::Consumer)
    }

    /// The kind with OTLP's number `number`; [`SpanKind::Unspecified`] for numbers that OTLP does not define.
    pub fn from_number(number: i64) -> Self {
        match number {
            1 => Self::Internal,
            2 => Self::Server,
            3 => Self::Client,
            4 => Self::Producer,
            5 => Self::Consumer,
            _ => Self::Unspecified,
        }
    }

    /// The kind named `text` in any case, with or without `SPAN_KIND_`, or given as a number in text;
    /// [`SpanKind::Unspecified`] for anything else.
    pub fn from_text(text: &str) -> Self {
        let name = strip_prefix_ignore_case(text.trim(), "SPAN_KIND_");
        [Self::Internal, Self::Server, Self::Client, Self::Producer, Self::Consumer]
            .into_iter()
            .find(|kind| kind.as_str().eq_ignore_ascii_case(name))
            .unwrap_or_else(|| name.parse().map_or(Self::Unspecified, Self::from_number))
    }

    /// The lower-case name that canonical Parquet uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Internal => "internal",
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }
}

/// A span's status code, with OTLP's numbers.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum StatusCode {
    /// Not said: neither success nor failure was recorded.
    #[default]
    Unset = 0,
    /// Success, said explicitly.
    Ok = 1,
    /// Failure.
    Error = 2,
}

impl StatusCode {
    /// The code with OTLP's number `number`; [`StatusCode::Unset`] for numbers that OTLP does not define.
    pub fn from_number(number: i64) -> Self {
        match number {
            1 => Self::Ok,
            2 => Self::Error,
            _ => Self::Unset,
        }
    }

    /// The code named `text` in any case, with or without `STATUS_CODE_`, given as a number in text, or as a
    /// `has_error` boolean; [`StatusCode::Unset`] for anything else.
    pub fn from_text(text: &str) -> Self {
        let name = strip_prefix_ignore_case(text.trim(), "STATUS_CODE_");
        if name.eq_ignore_ascii_case("ok") {
            Self::Ok
        } else if name.eq_ignore_ascii_case("error") || name.eq_ignore_ascii_case("true") {
            Self::Error
        } else {
            name.parse().map_or(Self::Unset, Self::from_number)
        }
    }

    /// The lower-case name that canonical Parquet uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unset => "unset",
            Self::Ok => "ok",
            Self::Error => "error",
        }
    }
}

fn strip_prefix_ignore_case<'a>(text: &'a str, prefix: &str) -> &'a str {
    match text.get(..prefix.len()) {
        Some(start) if start.eq_ignore_ascii_case(prefix) => &text[prefix.len()..],
        _ => text,
    }
}

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
#[derive(Clone, PartialEq, Debug, Default)]
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
    /// Start in ns since 1970, 0 if not given.
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
        (*start_unix_nano, *end_unix_nano) = Default::default();
        for text in [name, status_message, trace_state] {
            *text = Cow::Borrowed("");
        }
        attributes.clear();
        events.clear();
        links.clear();
    }

    /// How many spans this one stands for, as its trace state says.
    pub fn adjusted_count_of_trace_state(&self) -> Option<f64> {
        self.trace_state_sampling()?.adjusted_count(self.trace_id)
    }

    /// What the trace state says of sampling.
    pub fn trace_state_sampling(&self) -> Option<TraceStateSampling> {
        if self.trace_state.is_empty() { None } else { TraceStateSampling::of(&self.trace_state) }
    }

    /// How a link to the parent says that the span refers to it.
    pub fn ref_type_of_parent_link(&self) -> Option<Cow<'_, str>> {
        let to_parent = self.links.iter().filter(|link| link.span_id == self.parent_span_id);
        let mut ref_types = to_parent.flat_map(|link| &link.attributes).filter(|attribute| attribute.key == REF_TYPE);
        ref_types.next_back().map(|attribute| attribute.value.to_text())
    }
}

/// Why a span, a message or a line was left out. The names are keys of `skipped` in `run.json`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SkipReason {
    /// The trace id is absent, all zero or too long.
    InvalidTraceId,
    /// The span id is absent, all zero or too long.
    InvalidSpanId,
    /// The start time is absent or 0.
    MissingStartTime,
    /// The start time is beyond the year 2262, which 64 bits of nanoseconds do not hold.
    TimeOutOfRange,
    /// The span is not shaped like one.
    MalformedSpan,
    /// A JSON value, a line or a protobuf message that cannot be decoded.
    MalformedMessage,
    /// The input ends in the middle of a value, a message or a compressed stream.
    Truncated,
    /// Metrics, logs or profiles among the traces.
    OtherSignal,
    /// JSON or a message that holds nothing known.
    UnknownContent,
    /// A span in a format that is known and not read.
    UnsupportedFormat,
    /// A record that says the rest of a span of which another record was read: nothing is lost.
    JoinedRecord,
}

impl SkipReason {
    /// The key in `run.json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidTraceId => "invalid_trace_id",
            Self::InvalidSpanId => "invalid_span_id",
            Self::MissingStartTime => "missing_start_time",
            Self::TimeOutOfRange => "time_out_of_range",
            Self::MalformedSpan => "malformed_span",
            Self::MalformedMessage => "malformed_message",
            Self::Truncated => "truncated",
            Self::OtherSignal => "other_signal",
            Self::UnknownContent => "unknown_content",
            Self::UnsupportedFormat => "unsupported_format",
            Self::JoinedRecord => "joined_record",
        }
    }
}

/// A span of which what is said often is still as it was encoded: the same bytes say the same.
#[derive(Clone, Default, Debug)]
pub struct EncodedSpan<'a> {
    /// Ids and times.
    pub row: SpanRow,
    /// The service that recorded it.
    pub service: String,
    /// Its name, as it was encoded.
    pub name: &'a [u8],
    /// Its kind.
    pub kind: SpanKind,
    /// Its status code.
    pub status: StatusCode,
    /// The attributes that the analysis asks for, with the number of the spelling of each.
    pub attributes: Vec<(Attribute, u8, Said<'a>)>,
}

/// What is said of an attribute.
#[derive(Clone, Debug)]
pub enum Said<'a> {
    /// As it was encoded.
    Encoded(&'a [u8]),
    /// One of the attributes of which only a normalised form is kept ([`Attribute::is_normalised`]).
    Value(Value<'a>),
}

/// Takes what a decoder reads.
pub trait SpanSink {
    /// Takes one span of `origin`. `offset` is where it stands in the (decompressed) input: bytes, or rows for Parquet.
    fn span(&mut self, origin: &Origin<'_>, span: &SpanRecord<'_>, offset: u64);

    /// Takes a span if all that it says was said before; else nothing is done, and [`SpanSink::decoded`] must follow.
    fn encoded(&mut self, _span: &EncodedSpan<'_>, _offset: u64) -> bool {
        false
    }

    /// Takes one span of `origin`, and takes notice of how what it says is encoded.
    fn decoded(&mut self, _encoded: &EncodedSpan<'_>, origin: &Origin<'_>, span: &SpanRecord<'_>, offset: u64) {
        self.span(origin, span, offset);
    }

    /// Takes notice of something that was left out.
    fn skip(&mut self, reason: SkipReason, offset: u64);

    /// Whether everything is wanted. Otherwise decoders may leave out links without [`REF_TYPE`], events but for those named `exception`, and
    /// attributes that [`attribute_of_key`](super::attribute_of_key) does not know.
    fn wants_everything(&self) -> bool {
        false
    }
}
