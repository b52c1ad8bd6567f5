//! Collects spans into columns while files are read.
//!
//! One builder serves one decoder on one thread; [`group`](crate::frame::group) joins them. High-cardinality
//! values (URLs, query texts) are never interned: a template and a hash of them are kept.

use std::borrow::Cow;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashSet;

use crate::conventions::{
    ATTRIBUTE_COUNT, Attribute, END_OF_HOST, OwnAttributes, RpcCode, TraceStateSampling, arguments_of,
    attribute_of_key, count_of_attribute, exception_attribute_of_key, normalise, resource_attribute_of_key,
};
use crate::sensitive::{Sampling, Scan, SensitiveFacts};
use crate::span::{
    Event, Origin, SkipReason, Skipped, SpanId, SpanKind, SpanRecord, SpanRow, StatusCode, TraceId, UNKNOWN_SERVICE,
    Value, unusable,
};

use super::own_values::{OwnValues, own_values_of};
use super::partitions::{CollectedRow, CollectedSpan, Partitions};
use super::signature_cache::SignatureCache;
use super::signatures::{Signature, SignatureId, Signatures};
use super::sink::{EncodedSpan, SpanSink};
use super::spill::SpillStore;
use super::symbols::{Symbol, Symbols};
use super::value_caps::{BEYOND_CAP, SignaturePart, ValueCaps, hash_of_value};

/// Collects spans, and the strings and signatures that they are made of.
#[derive(Debug, Default)]
pub struct FrameBuilder {
    pub(crate) spans: Partitions,
    pub(crate) symbols: Symbols,
    pub(crate) signatures: Signatures,
    pub(crate) skipped: Skipped,
    pub(crate) end_before_start: u64,
    pub(crate) inconsistent_sampling: u64,
    /// The attributes whose own values are kept beside rows.
    own_attributes: OwnAttributes,
    /// Whether the attributes of resources must be told.
    pub(crate) resource_attributes: bool,
    /// Looks for secrets, if somebody asks for them.
    scan: Option<Box<Scan>>,
    signature_cache: SignatureCache,
    pub(crate) caps: Arc<ValueCaps>,
    /// Values of signatures that `caps` was told of, so that it is told once.
    offered: HashSet<(SignaturePart, Symbol), FixedState>,
    spilling: Option<Spilling>,
}

/// What the collectors of one input share.
#[derive(Clone, Debug, Default)]
pub struct Collecting {
    /// How many distinct values parts of signatures may have.
    pub caps: Arc<ValueCaps>,
    /// Where spans go that are too many for memory.
    pub spill: Option<Arc<SpillStore>>,
    /// The attributes that may be unique to a span and are asked for.
    pub own_attributes: OwnAttributes,
    /// Whether the attributes of resources are asked for, beside the service.
    pub resource_attributes: bool,
    /// The traces in which secrets are looked for, if somebody asks for them.
    pub sampling: Option<Arc<Sampling>>,
}

/// Where spans go that are too many for memory.
#[derive(Clone, Debug)]
struct Spilling {
    store: Arc<SpillStore>,
    collector: u32,
    bytes_in_memory: u64,
    spilled: usize,
}

impl Spilling {
    fn put_aside(&mut self, spans: &mut Partitions) {
        self.spilled += spans.len();
        self.store.spill(self.collector, spans.take(), std::mem::take(&mut self.bytes_in_memory));
    }
}

impl FrameBuilder {
    /// One of several that together collect the spans of an input.
    pub fn of(collecting: &Collecting) -> Self {
        let spilling = collecting.spill.as_ref().map(|store| Spilling {
            store: Arc::clone(store),
            collector: store.new_collector(),
            bytes_in_memory: 0,
            spilled: 0,
        });
        let Collecting { own_attributes, resource_attributes, .. } = *collecting;
        let caps = Arc::clone(&collecting.caps);
        let scan = collecting.sampling.as_ref().map(|sampling| Box::new(Scan::of(sampling, caps.secrets)));
        Self { spilling, own_attributes, resource_attributes, scan, caps, ..Self::default() }
    }

    /// Number of spans taken.
    pub fn len(&self) -> usize {
        self.spans.len() + self.spilling.as_ref().map_or(0, |spilling| spilling.spilled)
    }

    /// Whether no span was taken.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number by which the spans that were put aside are told, if there may be any.
    pub(crate) fn collector(&self) -> Option<u32> {
        self.spilling.as_ref().map(|spilling| spilling.collector)
    }

    /// Number of spans whose end lies before their start; they count as having no length.
    pub fn end_before_start(&self) -> u64 {
        self.end_before_start
    }

    /// Number of spans whose sampling threshold says that they were not kept; what it says is not used.
    pub fn inconsistent_sampling(&self) -> u64 {
        self.inconsistent_sampling
    }

    /// Forgets the signatures that no span has: those of spans that were not taken.
    pub(crate) fn forget_unused_signatures(&mut self) {
        let renumbered = self.signatures.keep_only(self.spans.iter().map(|span| span.row.signature));
        self.spans.renumber_signatures(|signature| renumbered[signature.index()].unwrap_or(signature));
    }

    /// The services of the signatures, in the order of their numbers.
    pub(crate) fn services_of_signatures(&self) -> impl Iterator<Item = &str> {
        self.signatures.services().map(|service| self.symbols.resolve(service))
    }

    /// Drops the spans whose traces are not wanted; the answer is how many.
    pub(crate) fn retain_traces(&mut self, is_wanted: impl Fn(TraceId) -> bool) -> u64 {
        let before = self.spans.len();
        if let Some(scan) = &mut self.scan {
            scan.retain_traces(&is_wanted);
        }
        self.spans.retain_traces(is_wanted);
        self.forget_unused_signatures();
        (before - self.spans.len()) as u64
    }

    /// Whether secrets are looked for in the span of a row. Takes notice of its trace.
    pub(crate) fn samples(&mut self, row: SpanRow) -> bool {
        self.scan.as_mut().is_some_and(|scan| {
            unusable(row.trace_id, row.span_id, row.start_unix_nano).is_none() && scan.takes(row.trace_id)
        })
    }

    /// The lowest level of traces in which secrets are looked for, if they are.
    pub(crate) fn sampled_level(&self) -> Option<u32> {
        self.scan.as_ref().map(|scan| scan.level())
    }

    /// Who looks for secrets, if somebody does.
    pub(crate) fn scan_mut(&mut self) -> Option<&mut Scan> {
        self.scan.as_deref_mut()
    }

    /// Looks for secrets in a span, of which all is said, if it can be taken and its trace is one of those. It `is_counted` where
    /// [`Scan::count_spans`] knows it already.
    pub(crate) fn scan(&mut self, origin: &Origin<'_>, span: &SpanRecord<'_>, is_counted: bool) {
        if let Some(scan) = &mut self.scan
            && unusable(span.trace_id, span.span_id, span.start_unix_nano).is_none()
            && scan.takes(span.trace_id)
        {
            scan.see(origin, span, is_counted);
        }
    }

    /// What was found in the traces in which secrets were looked for.
    pub(crate) fn take_sensitive_facts(&mut self) -> Option<SensitiveFacts<Box<str>>> {
        self.scan.take().map(|scan| scan.into_facts())
    }

    /// What was left out so far.
    pub fn skipped(&self) -> &Skipped {
        &self.skipped
    }

    /// Works out the signature of a span from its parts. `fill` puts the attributes.
    pub fn signature(
        &mut self,
        service: &str,
        name: &str,
        kind: SpanKind,
        status: StatusCode,
        fill: impl FnOnce(&mut AttributeSlots<'_>),
    ) -> SignatureId {
        let service = if service.is_empty() { UNKNOWN_SERVICE } else { service };
        let service = self.symbol_of(SignaturePart::SERVICE, service);
        let name = self.symbol_of(SignaturePart::NAME, name);
        self.signature_of_symbols([service, name], kind, status, fill)
    }

    /// The symbol of what is kept of a value that was said.
    pub(crate) fn symbol_of(&mut self, part: SignaturePart, said: &str) -> Symbol {
        symbol_of(&self.caps, &mut self.symbols, part, said)
    }

    /// The same as [`Self::signature`] for who has the symbols of the service and of the name.
    pub(crate) fn signature_of_symbols(
        &mut self,
        [service, name]: [Symbol; 2],
        kind: SpanKind,
        status: StatusCode,
        fill: impl FnOnce(&mut AttributeSlots<'_>),
    ) -> SignatureId {
        let mut slots = AttributeSlots {
            caps: &self.caps,
            symbols: &mut self.symbols,
            attributes: [Symbol::EMPTY; ATTRIBUTE_COUNT],
            ranks: [u8::MAX; ATTRIBUTE_COUNT],
            error: false,
        };
        fill(&mut slots);
        let AttributeSlots { mut attributes, error, .. } = slots;
        if kind.is_served() {
            for &peer in Attribute::ALL.iter().filter(|attribute| attribute.is_peer()) {
                attributes[peer as usize] = Symbol::EMPTY;
            }
        }
        attributes[Attribute::ErrorFlag as usize] = Symbol::EMPTY;
        let status = if error && status == StatusCode::Unset { StatusCode::Error } else { status };
        if !self.may_have_failed(status, &attributes) {
            attributes[Attribute::StatusMessage as usize] = Symbol::EMPTY;
            attributes[Attribute::ExceptionMessage as usize] = Symbol::EMPTY;
        }
        let known = self.signatures.len();
        let signature = Signature { service, name, kind, status, attributes };
        let id = self.signatures.intern(&signature);
        if id.index() == known {
            self.offer_values(&signature);
        }
        id
    }

    /// Whether a span may have failed: of others, which tell of exceptions that they coped with, messages say nothing.
    fn may_have_failed(&self, status: StatusCode, attributes: &[Symbol; ATTRIBUTE_COUNT]) -> bool {
        let text = |attribute: Attribute| self.symbols.resolve(attributes[attribute as usize]);
        let recorded = |attribute| Some(text(attribute)).filter(|text| !text.is_empty());
        match status {
            StatusCode::Error => true,
            StatusCode::Ok => false,
            StatusCode::Unset => {
                text(Attribute::HttpStatusCode).trim().parse().is_ok_and(|code: u16| code >= 400)
                    || RpcCode::of(recorded).and_then(RpcCode::status).is_some_and(|status| !status.is_ok())
            }
        }
    }

    /// Tells `caps` of the values that are left, and no others: nothing is collected after that.
    pub(crate) fn count_towards(&mut self, caps: &Arc<ValueCaps>) {
        self.caps = Arc::clone(caps);
        self.offered.clear();
        for id in 0..self.signatures.len() as u32 {
            self.offer_values(&self.signatures.resolve(SignatureId(id)));
        }
    }

    /// Tells the caps of the values of a new signature.
    fn offer_values(&mut self, signature: &Signature) {
        for (part, value) in signature.parts() {
            if value.is_empty() || !self.offered.insert((part, value)) {
                continue;
            }
            // What stands for values beyond the cap is none of them: whether it occurs depends on which came first.
            let text = self.symbols.resolve(value);
            if text != BEYOND_CAP {
                self.caps.offer(part, hash_of_value(text));
            }
        }
    }

    /// Adds a span, or counts why it cannot be taken. `offset` is where it stands in its input. Its own values must be given if
    /// they are asked for, and only then.
    pub fn push_row(
        &mut self,
        row: SpanRow,
        signature: SignatureId,
        arguments: u64,
        own_values: Option<&OwnValues>,
        offset: u64,
    ) {
        debug_assert_eq!(own_values.is_some(), !self.own_attributes.is_empty());
        if let Some(reason) = unusable(row.trace_id, row.span_id, row.start_unix_nano) {
            self.skipped.add(reason, offset);
            return;
        }
        let start = row.start_unix_nano as i64;
        if row.duration_ns < 0 {
            self.end_before_start += 1;
        }
        let is_own_parent = row.parent_span_id == row.span_id;
        let collected = CollectedRow {
            span_id: row.span_id,
            parent_span_id: if is_own_parent { SpanId::NONE } else { row.parent_span_id },
            start,
            duration: row.duration_ns.clamp(0, i64::MAX - start),
            arguments,
            signature,
        };
        let new_bytes = self.spans.push(CollectedSpan { trace_id: row.trace_id, row: collected }, own_values);
        if new_bytes > 0
            && let Some(spilling) = &mut self.spilling
        {
            spilling.bytes_in_memory += new_bytes as u64;
            if spilling.store.grow(new_bytes as u64) && spilling.bytes_in_memory >= spilling.store.least_bytes() {
                spilling.put_aside(&mut self.spans);
            }
        }
    }

    /// Says that no more spans come. Where memory is short they are put aside, however few there are: inputs may be many.
    pub(crate) fn end(&mut self) {
        if let Some(spilling) = &mut self.spilling
            && spilling.store.is_full()
        {
            spilling.put_aside(&mut self.spans);
        }
    }
}

impl FrameBuilder {
    /// The signature of a span, worked out once for each combination of what is said, and its arguments.
    fn signature_of(&mut self, origin: &Origin<'_>, span: &SpanRecord<'_>) -> (SignatureId, u64) {
        let service = origin.service_name();
        let mut signature_cache = std::mem::take(&mut self.signature_cache);
        let caps = Arc::clone(&self.caps);
        let count = TraceStateSampling::of_span(span).and_then(|sampling| {
            let count = sampling.adjusted_count(span.trace_id);
            self.inconsistent_sampling += u64::from(count.is_none());
            count
        });
        signature_cache.begin(&caps, &service, &span.name, span.kind, span.status);
        said_of_resource(origin, |attribute, rank, value| signature_cache.put(&caps, attribute, rank, value));
        if let Some(count) = count {
            signature_cache.put(&caps, Attribute::AdjustedCount, 0, &Value::Double(count));
        }
        said_of(span, |attribute, rank, value| signature_cache.put(&caps, attribute, rank, value));
        let arguments = arguments_of(signature_cache.hashes());
        let signature = signature_cache.known().unwrap_or_else(|| {
            let signature = self.signature(&service, &span.name, span.kind, span.status, |slots| {
                said_of_resource(origin, |attribute, rank, value| slots.put(attribute, rank, &value.to_text()));
                if let Some(count) = count {
                    slots.put_trace_state_count(count);
                }
                said_of(span, |attribute, rank, value| slots.put(attribute, rank, &value.to_text()));
            });
            signature_cache.remember(signature);
            signature
        });
        self.signature_cache = signature_cache;
        (signature, arguments)
    }
}

impl SpanSink for FrameBuilder {
    fn span(&mut self, origin: &Origin<'_>, span: &SpanRecord<'_>, offset: u64) {
        let (signature, arguments) = self.signature_of(origin, span);
        let duration_ns = span.end_unix_nano.wrapping_sub(span.start_unix_nano) as i64;
        let row = SpanRow {
            trace_id: span.trace_id,
            span_id: span.span_id,
            parent_span_id: span.parent_span_id,
            start_unix_nano: span.start_unix_nano,
            duration_ns,
        };
        let own_values = own_values_of(self.own_attributes, origin, span);
        self.push_row(row, signature, arguments, own_values.as_ref(), offset);
        self.scan(origin, span, false);
    }

    fn encoded(&mut self, span: &EncodedSpan<'_>, offset: u64) -> bool {
        self.signature_cache.write_encoded(&self.caps, span);
        let arguments = arguments_of(self.signature_cache.hashes());
        let Some(signature) = self.signature_cache.known() else { return false };
        self.push_row(span.row, signature, arguments, span.own_values.as_ref(), offset);
        true
    }

    fn decoded(&mut self, encoded: &EncodedSpan<'_>, origin: &Origin<'_>, span: &SpanRecord<'_>, offset: u64) {
        let (signature, arguments) = self.signature_of(origin, span);
        self.signature_cache.write_encoded(&self.caps, encoded);
        self.signature_cache.remember(signature);
        let own_values = own_values_of(self.own_attributes, origin, span);
        self.push_row(encoded.row, signature, arguments, own_values.as_ref(), offset);
    }

    fn skip(&mut self, reason: SkipReason, offset: u64) {
        self.skipped.add(reason, offset);
    }

    fn own_attributes(&self) -> OwnAttributes {
        self.own_attributes
    }

    fn sampled_level(&self) -> Option<u32> {
        FrameBuilder::sampled_level(self)
    }
}

/// Tells the attributes of the resource that are part of the signatures of its spans, the numbers of their spellings, and
/// their values.
pub(crate) fn said_of_resource<'o>(origin: &'o Origin<'_>, mut tell: impl FnMut(Attribute, u8, &'o Value<'o>)) {
    for attribute in &origin.resource_attributes {
        if let Some((known, rank)) = resource_attribute_of_key(&attribute.key) {
            tell(known, rank, &attribute.value);
        }
    }
}

/// Tells the attributes of a span that are part of its signature, the numbers of their spellings, and their values.
fn said_of(span: &SpanRecord<'_>, mut tell: impl FnMut(Attribute, u8, &Value<'_>)) {
    if let Some(ref_type) = span.ref_type_of_parent_link() {
        tell(Attribute::RefType, 0, &Value::Str(ref_type));
    }
    for attribute in &span.attributes {
        if let Some((known, rank)) = attribute_of_key(&attribute.key) {
            tell(known, rank, &attribute.value);
        }
    }
    if !span.status_message.is_empty() {
        tell(Attribute::StatusMessage, 0, &Value::Str(Cow::Borrowed(&span.status_message)));
    }
    for event in span.events.iter().filter(|event| event.is_exception()) {
        said_of_exception(event, &mut tell);
    }
}

/// Tells what an event says of an exception. An attribute of the span itself counts more.
pub(crate) fn said_of_exception(event: &Event<'_>, mut tell: impl FnMut(Attribute, u8, &Value<'_>)) {
    for attribute in &event.attributes {
        if let Some(known) = exception_attribute_of_key(&attribute.key) {
            tell(known, RANK_OF_EVENTS, &attribute.value);
        }
    }
}

/// The number of the spelling that attributes of events count as.
const RANK_OF_EVENTS: u8 = 1;

/// Where the attributes of one span are put before they become a signature.
pub struct AttributeSlots<'a> {
    caps: &'a ValueCaps,
    symbols: &'a mut Symbols,
    attributes: [Symbol; ATTRIBUTE_COUNT],
    ranks: [u8; ATTRIBUTE_COUNT],
    error: bool,
}

impl AttributeSlots<'_> {
    /// Puts a value that came under spelling number `rank` of `attribute`. The spelling with the lowest number wins; of
    /// one spelling, the last value. Empty values are absent values.
    pub fn put(&mut self, attribute: Attribute, rank: u8, value: &str) {
        if value.is_empty() || !self.takes(attribute, rank) {
            return;
        }
        let mut normal = String::new();
        normalise(attribute, value, self.caps.secrets, &mut normal);
        self.put_normal(attribute, rank, &normal);
    }

    /// Puts a value that was made by [`normalise`], without its hash.
    pub fn put_normal(&mut self, attribute: Attribute, rank: u8, normal: &str) {
        if normal.is_empty() || !self.takes(attribute, rank) {
            return;
        }
        if attribute == Attribute::AdjustedCount {
            if let Some(count) = count_of_attribute(rank, normal) {
                self.put_adjusted_count(rank, count);
            }
            return;
        }
        self.ranks[attribute as usize] = rank;
        match attribute {
            Attribute::UrlFull => {
                let (host, path) = normal.split_once(END_OF_HOST).unwrap_or(("", normal));
                self.derive(Attribute::UrlHost, host);
                if self.ranks[Attribute::UrlPath as usize] == u8::MAX {
                    self.derive(Attribute::UrlPath, path);
                }
            }
            Attribute::ErrorFlag => self.error = normal == "true",
            _ => self.derive(attribute, normal),
        }
    }

    /// Puts how many spans this one stands for, as its trace state says.
    pub fn put_trace_state_count(&mut self, count: f64) {
        self.put_adjusted_count(0, count);
    }

    fn put_adjusted_count(&mut self, rank: u8, count: f64) {
        self.ranks[Attribute::AdjustedCount as usize] = rank;
        self.derive(Attribute::AdjustedCount, &count.to_string());
    }

    /// Puts a value of which [`Self::symbol_of`] told the symbol. Of attributes that become others or are no more than a flag
    /// there is none: see [`Attribute::is_kept_as_said`].
    pub(crate) fn put_symbol(&mut self, attribute: Attribute, rank: u8, symbol: Symbol) {
        if !symbol.is_empty() && self.takes(attribute, rank) {
            self.ranks[attribute as usize] = rank;
            self.attributes[attribute as usize] = symbol;
        }
    }

    /// Whether a value that comes under spelling number `rank` of `attribute` is taken.
    pub(crate) fn takes(&self, attribute: Attribute, rank: u8) -> bool {
        rank <= self.ranks[attribute as usize]
    }

    /// The symbol of what is kept of a value that was made by [`normalise`].
    pub(crate) fn symbol_of(&mut self, attribute: Attribute, normal: &str) -> Symbol {
        symbol_of(self.caps, self.symbols, attribute.into(), normal)
    }

    fn derive(&mut self, attribute: Attribute, value: &str) {
        self.attributes[attribute as usize] = self.symbol_of(attribute, value);
    }
}

/// The symbol of what is kept of a value: whatever is shown later is made of signatures, so here nothing can be forgotten.
fn symbol_of(caps: &ValueCaps, symbols: &mut Symbols, part: SignaturePart, said: &str) -> Symbol {
    symbols.intern(caps.kept(part, &caps.shown(part, said)))
}
