//! Where decoders put spans. The analysis keeps only what detectors ask for ([`FrameBuilder`](super::FrameBuilder)); `convert`
//! keeps everything.

use crate::conventions::{Attribute, OwnAttribute, OwnAttributes, attribute_of_key, attribute_of_key_bytes};
use crate::sensitive::level_of;
use crate::span::{Origin, SkipReason, SpanKind, SpanRecord, SpanRow, StatusCode, TraceId, Value};

use super::own_values::{OwnSlots, OwnValues};

/// A span of which what is said often is still as it was encoded: the same bytes say the same.
#[derive(Clone, Default, Debug)]
pub struct EncodedSpan<'a> {
    /// Ids and times.
    pub row: SpanRow,
    /// The service that recorded it.
    pub service: String,
    /// The attributes of the resource that are part of signatures, with the number of the spelling of each.
    pub resource: Vec<(Attribute, u8, Value<'static>)>,
    /// What its resource says of the own values that are asked for.
    pub(crate) own_of_resource: OwnSlots,
    /// Its name, as it was encoded.
    pub name: &'a [u8],
    /// Its kind.
    pub kind: SpanKind,
    /// Its status code.
    pub status: StatusCode,
    /// The attributes that the analysis asks for, with the number of the spelling of each.
    pub attributes: Vec<(Attribute, u8, Said<'a>)>,
    /// Its own values, if they are asked for.
    pub own_values: Option<OwnValues>,
}

/// What a sink wants to know of spans.
#[derive(Clone, Copy, Default, Debug)]
pub struct Wanted {
    /// Everything. Otherwise decoders may leave out links without [`REF_TYPE`](crate::span::REF_TYPE) (but see
    /// [`Wanted::takes_links`]), events but for those named `exception`, and
    /// attributes that [`Wanted::takes`] does not take.
    pub everything: bool,
    /// The attributes that may be unique to a span and are asked for.
    pub own: OwnAttributes,
    /// The lowest level of traces of which everything is wanted, if there are any.
    pub sampled_level: Option<u32>,
}

impl Wanted {
    /// All that there is.
    pub const EVERYTHING: Self = Self { everything: true, own: OwnAttributes::ALL, sampled_level: None };

    /// What is wanted of the spans of a trace; everything, if everything may be wanted and the trace is not known yet.
    pub fn of_trace(self, trace_id: TraceId) -> Self {
        if self.is_sampled(trace_id) { Self::EVERYTHING } else { self }
    }

    /// Whether everything is wanted of a trace because it is a sample.
    pub fn is_sampled(self, trace_id: TraceId) -> bool {
        self.sampled_level.is_some_and(|level| trace_id.is_invalid() || level_of(trace_id) >= level)
    }

    /// What is wanted of traces that cannot be told from one another.
    pub fn of_any_trace(self) -> Self {
        if self.sampled_level.is_some() { Self::EVERYTHING } else { self }
    }

    /// Whether links are wanted that are no reference to the parent: those of CONSUMER spans.
    pub fn takes_links(self) -> bool {
        self.everything || self.own.contains(OwnAttribute::OnlyLink)
    }

    /// Whether a span's attribute `key` is wanted.
    pub fn takes(self, key: &str) -> bool {
        self.everything || attribute_of_key(key).is_some() || self.own.of_key(key).is_some()
    }

    /// The same of a key that need not be UTF-8.
    pub fn takes_bytes(self, key: &[u8]) -> bool {
        self.everything || attribute_of_key_bytes(key).is_some() || self.own.of_key_bytes(key).is_some()
    }
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

    /// Whether everything is wanted.
    fn wants_everything(&self) -> bool {
        false
    }

    /// The attributes that may be unique to a span and are asked for.
    fn own_attributes(&self) -> OwnAttributes {
        OwnAttributes::NONE
    }

    /// The lowest level of traces of which everything is wanted, if there are any: spans of these must come as records
    /// ([`SpanSink::span`]) that leave nothing out. It only rises.
    fn sampled_level(&self) -> Option<u32> {
        None
    }

    /// What is wanted.
    fn wanted(&self) -> Wanted {
        let sampled_level = self.sampled_level();
        Wanted { everything: self.wants_everything(), own: self.own_attributes(), sampled_level }
    }
}
