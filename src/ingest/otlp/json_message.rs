//! One ResourceSpans of OTLP JSON, borrowed from its text, in whatever spelling its writer chose: keys in camel or snake
//! case, ids in hexadecimal or base64, enums as names or numbers, 64-bit integers as text or numbers.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::span::{Event, KeyValue, Link, SpanId, SpanKind, SpanRecord, StatusCode, TraceId, Value};

use super::value::{self, MAX_VALUE_DEPTH};
use crate::ingest::json::id_text::IdText;
use crate::ingest::json::lenient::{Fill, List, Listed, Message, Scalar, Text, Wanted, ignore, scalars_are};
use crate::ingest::json_formats::span_object;
use crate::ingest::text_ids::{self, TextId};

/// The spans of one resource.
#[derive(Debug)]
pub(crate) struct ResourceSpans<'a> {
    /// The resource's attributes.
    pub(crate) resource_attributes: Vec<KeyValue<'a>>,
    /// The spans, by instrumentation scope.
    pub(crate) scopes: Vec<ScopeSpans<'a>>,
    /// How many elements of `scopeSpans` are no objects.
    pub(crate) malformed: u64,
    /// Whether it holds logs, metrics or profiles.
    pub(crate) is_other_signal: bool,
    /// Whether it is one span that has its resource within itself.
    pub(crate) is_span: bool,
    /// Whether it has a key for spans, be there any or not.
    pub(crate) has_scopes: bool,
    /// Keys that no ResourceSpans has, the first ones.
    pub(crate) other_keys: Vec<String>,
    wanted: Wanted,
}

/// The spans of one instrumentation scope.
#[derive(Debug)]
pub(crate) struct ScopeSpans<'a> {
    /// The scope's name.
    pub(crate) name: Cow<'a, str>,
    /// The scope's version.
    pub(crate) version: Cow<'a, str>,
    /// The scope's attributes.
    pub(crate) attributes: Vec<KeyValue<'a>>,
    /// The spans.
    pub(crate) spans: Vec<Span<'a>>,
    /// How many elements of `spans` are no objects.
    pub(crate) malformed: u64,
    wanted: Wanted,
}

/// A span and where it was read.
#[derive(Debug)]
pub(crate) struct Span<'a> {
    /// The span.
    pub(crate) record: SpanRecord<'a>,
    /// The address of its first key in the text.
    pub(crate) address: usize,
    /// How many of its ids are hashes.
    pub(crate) opaque_ids: u64,
    wanted: Wanted,
}

/// So many keys that no ResourceSpans has are remembered to tell what an object is.
const MAX_OTHER_KEYS: usize = 24;

/// Whether an object with this key is a ResourceSpans.
pub(crate) fn is_resource_spans_key(key: &str) -> bool {
    is_scope_spans_key(key) || matches!(key, "resource" | "schemaUrl" | "schema_url")
}

/// Whether what stands under this key is telemetry, but not traces.
pub(crate) fn is_other_signal_key(key: &str) -> bool {
    matches!(
        key,
        "resourceLogs"
            | "resource_logs"
            | "resourceMetrics"
            | "resource_metrics"
            | "resourceProfiles"
            | "resource_profiles"
            | "scopeLogs"
            | "scope_logs"
            | "scopeMetrics"
            | "scope_metrics"
            | "scopeProfiles"
            | "scope_profiles"
    )
}

/// Whether what stands under this key is a list of ScopeSpans.
pub(crate) fn is_scope_spans_key(key: &str) -> bool {
    matches!(
        key,
        "scopeSpans"
            | "scope_spans"
            | "instrumentationLibrarySpans"
            | "instrumentation_library_spans"
            | "deprecatedScopeSpans"
            | "deprecated_scope_spans"
    )
}

impl ResourceSpans<'_> {
    /// Nothing yet.
    pub(crate) fn new(wanted: Wanted) -> Self {
        Self {
            resource_attributes: Vec::new(),
            scopes: Vec::new(),
            malformed: 0,
            is_other_signal: false,
            is_span: false,
            has_scopes: false,
            other_keys: Vec::new(),
            wanted,
        }
    }

    /// Whether it is of OTLP: other things have a `resource`, too.
    pub(crate) fn is_telemetry(&self) -> bool {
        self.has_scopes || self.is_other_signal || self.other_keys.is_empty()
    }
}

impl<'de> Message<'de> for ResourceSpans<'de> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        if is_scope_spans_key(key) {
            self.has_scopes = true;
            map.next_value_seed(List { list: &mut self.scopes, malformed: &mut self.malformed, wanted: self.wanted })
        } else if key == "resource" {
            let mut resource = Resource { attributes: Vec::new() };
            map.next_value_seed(Fill(&mut resource))?;
            self.resource_attributes = resource.attributes;
            Ok(())
        } else {
            let is_other_signal = is_other_signal_key(key);
            self.is_other_signal |= is_other_signal;
            self.is_span |= span_object::is_key_beside_resource(key);
            let is_known = is_other_signal || matches!(key, "schemaUrl" | "schema_url");
            if !is_known && self.other_keys.len() < MAX_OTHER_KEYS {
                self.other_keys.push(key.to_owned());
            }
            ignore(map)
        }
    }
}

struct Resource<'a> {
    attributes: Vec<KeyValue<'a>>,
}

impl<'de> Message<'de> for Resource<'de> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "attributes" => map.next_value_seed(Attributes::all(&mut self.attributes)),
            _ => ignore(map),
        }
    }
}

impl<'de> Listed<'de> for ScopeSpans<'de> {
    fn start(wanted: Wanted) -> Self {
        Self {
            name: Cow::Borrowed(""),
            version: Cow::Borrowed(""),
            attributes: Vec::new(),
            spans: Vec::new(),
            malformed: 0,
            wanted,
        }
    }
}

impl<'de> Message<'de> for ScopeSpans<'de> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "spans" => {
                map.next_value_seed(List { list: &mut self.spans, malformed: &mut self.malformed, wanted: self.wanted })
            }
            "scope" | "instrumentationLibrary" | "instrumentation_library" | "deprecatedScope" => {
                map.next_value_seed(Fill(&mut Scope(self))).map(drop)
            }
            _ => ignore(map),
        }
    }
}

struct Scope<'s, 'a>(&'s mut ScopeSpans<'a>);

impl<'de> Message<'de> for Scope<'_, 'de> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "name" => self.0.name = Scalar::next(map)?.into_text(),
            "version" => self.0.version = Scalar::next(map)?.into_text(),
            "attributes" => {
                self.0.attributes.clear();
                map.next_value_seed(Attributes::all(&mut self.0.attributes))?;
            }
            _ => ignore(map)?,
        }
        Ok(())
    }
}

impl<'de> Listed<'de> for Span<'de> {
    fn start(wanted: Wanted) -> Self {
        Self { record: SpanRecord::default(), address: 0, opaque_ids: 0, wanted }
    }
}

impl<'de> Message<'de> for Span<'de> {
    fn starts_at(&mut self, address: usize) {
        self.address = address;
    }

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let record = &mut self.record;
        match key {
            "traceId" | "trace_id" | "traceID" => record.trace_id = next_trace_id(map, &mut self.opaque_ids)?,
            "spanId" | "span_id" | "spanID" => record.span_id = next_span_id(map, &mut self.opaque_ids)?,
            "parentSpanId" | "parent_span_id" | "parentSpanID" => {
                record.parent_span_id = next_span_id(map, &mut self.opaque_ids)?;
            }
            "traceState" | "trace_state" => record.trace_state = Scalar::next(map)?.into_text(),
            "name" => record.name = Scalar::next(map)?.into_text(),
            "kind" => {
                record.kind = match Scalar::next(map)? {
                    Scalar::Text(text) => SpanKind::from_text(&text),
                    number => SpanKind::from_number(number.to_double().unwrap_or_default() as i64),
                };
            }
            "startTimeUnixNano" | "start_time_unix_nano" => record.start_unix_nano = Scalar::next(map)?.start_time(),
            "endTimeUnixNano" | "end_time_unix_nano" => record.end_unix_nano = Scalar::next(map)?.to_time(),
            "attributes" => {
                record.attributes.clear();
                let wanted = self.wanted.of_trace(record.trace_id);
                map.next_value_seed(Attributes { list: &mut record.attributes, depth: 0, wanted })?;
            }
            "status" => {
                (record.status, record.status_message) = Default::default();
                map.next_value_seed(Status(record))?;
            }
            "statusCode" | "status_code" => map.next_value_seed(Status(record))?,
            "statusMessage" | "status_message" => record.status_message = Scalar::next(map)?.into_text(),
            "events" => {
                let mut events: Vec<ReadEvent<'de>> = Vec::new();
                map.next_value_seed(List { list: &mut events, malformed: &mut 0, wanted: self.wanted })?;
                let everything = self.wanted.of_trace(record.trace_id).everything;
                let wanted = |event: &Event<'_>| everything || event.is_exception();
                record.events = events.into_iter().map(|event| event.0).filter(wanted).collect();
            }
            "links" => {
                let mut links: Vec<ReadLink<'de>> = Vec::new();
                map.next_value_seed(List { list: &mut links, malformed: &mut 0, wanted: self.wanted })?;
                self.opaque_ids += links.iter().map(|link| link.opaque_ids).sum::<u64>();
                record.links = links.into_iter().map(|link| link.link).collect();
            }
            _ => ignore(map)?,
        }
        Ok(())
    }
}

/// What `status` says: an object, or the code alone.
struct Status<'s, 'a>(&'s mut SpanRecord<'a>);

impl<'de> Message<'de> for Status<'_, 'de> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "code" | "statusCode" | "status_code" => {
                self.0.status = match Scalar::next(map)? {
                    Scalar::Text(text) => StatusCode::from_text(&text),
                    number => StatusCode::from_number(number.to_double().unwrap_or_default() as i64),
                };
            }
            "message" | "description" => self.0.status_message = Scalar::next(map)?.into_text(),
            _ => ignore(map)?,
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Status<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Status<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.0.status = i64::try_from(number).map_or(StatusCode::Unset, StatusCode::from_number);
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.0.status = StatusCode::from_number(number);
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.0.status = StatusCode::from_number(number as i64);
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.0.status = StatusCode::from_text(text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, map: A) -> Result<(), A::Error> {
        Fill(&mut self).visit_map(map).map(drop)
    }
}

struct ReadEvent<'a>(Event<'a>);

impl<'de> Listed<'de> for ReadEvent<'de> {
    fn start(_: Wanted) -> Self {
        Self(Event::default())
    }
}

impl<'de> Message<'de> for ReadEvent<'de> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "timeUnixNano" | "time_unix_nano" => self.0.time_unix_nano = Scalar::next(map)?.to_time(),
            "name" => self.0.name = Scalar::next(map)?.into_text(),
            "attributes" => {
                self.0.attributes.clear();
                map.next_value_seed(Attributes::all(&mut self.0.attributes))?;
            }
            _ => ignore(map)?,
        }
        Ok(())
    }
}

struct ReadLink<'a> {
    link: Link<'a>,
    opaque_ids: u64,
}

impl<'de> Listed<'de> for ReadLink<'de> {
    fn start(_: Wanted) -> Self {
        Self { link: Link::default(), opaque_ids: 0 }
    }
}

impl<'de> Message<'de> for ReadLink<'de> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "traceId" | "trace_id" => self.link.trace_id = next_trace_id(map, &mut self.opaque_ids)?,
            "spanId" | "span_id" => self.link.span_id = next_span_id(map, &mut self.opaque_ids)?,
            "traceState" | "trace_state" => self.link.trace_state = Scalar::next(map)?.into_text(),
            "attributes" => {
                self.link.attributes.clear();
                map.next_value_seed(Attributes::all(&mut self.link.attributes))?;
            }
            _ => ignore(map)?,
        }
        Ok(())
    }
}

fn next_trace_id<'de, A: MapAccess<'de>>(map: &mut A, opaque_ids: &mut u64) -> Result<TraceId, A::Error> {
    let TextId { id, is_hash } = text_ids::trace_id(&map.next_value_seed(IdText)?);
    *opaque_ids += u64::from(is_hash);
    Ok(id)
}

fn next_span_id<'de, A: MapAccess<'de>>(map: &mut A, opaque_ids: &mut u64) -> Result<SpanId, A::Error> {
    let TextId { id, is_hash } = text_ids::span_id(&map.next_value_seed(IdText)?);
    *opaque_ids += u64::from(is_hash);
    Ok(id)
}

/// A list of attributes: an array of `{"key":…,"value":…}`, or an object.
pub(crate) struct Attributes<'l, 'a> {
    list: &'l mut Vec<KeyValue<'a>>,
    depth: usize,
    /// Whether attributes are wanted that the analysis does not ask for.
    wanted: Wanted,
}

impl<'l, 'a> Attributes<'l, 'a> {
    /// Appends all attributes to `list`.
    pub(crate) fn all(list: &'l mut Vec<KeyValue<'a>>) -> Self {
        Self { list, depth: 0, wanted: Wanted::EVERYTHING }
    }
}

impl<'de> DeserializeSeed<'de> for Attributes<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Attributes<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    scalars_are!(());

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        loop {
            let mut attribute = ReadAttribute::new(self.depth, self.wanted);
            match seq.next_element_seed(Fill(&mut attribute))? {
                None => return Ok(()),
                Some(_) => self.list.extend(attribute.into_wanted()),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Text)? {
            let value = map.next_value_seed(AnyValue { depth: self.depth })?;
            self.list.push(KeyValue { key, value });
        }
        Ok(())
    }
}

/// An attribute that is being read.
pub(crate) struct ReadAttribute<'a> {
    key: Option<Cow<'a, str>>,
    is_wanted: bool,
    value: Value<'a>,
    depth: usize,
    wanted: Wanted,
}

impl<'a> ReadAttribute<'a> {
    /// Nothing yet. `wanted` says which are.
    pub(crate) fn new(depth: usize, wanted: Wanted) -> Self {
        Self { key: None, is_wanted: true, value: Value::Empty, depth, wanted }
    }

    /// What was read, if it is wanted and has a key.
    pub(crate) fn into_wanted(self) -> Option<KeyValue<'a>> {
        let Self { key, is_wanted, value, .. } = self;
        key.filter(|_| is_wanted).map(|key| KeyValue { key, value })
    }
}

impl<'de> Message<'de> for ReadAttribute<'de> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "key" => {
                let key = Scalar::next(map)?.into_text();
                self.is_wanted = self.wanted.takes(&key);
                self.key = Some(key);
            }
            "value" if self.is_wanted => self.value = map.next_value_seed(AnyValue { depth: self.depth })?,
            _ => ignore(map)?,
        }
        Ok(())
    }
}

/// The value that `json` is, alone.
pub(crate) fn read_value(json: &str) -> Option<Value<'_>> {
    AnyValue { depth: 0 }.deserialize(&mut serde_json::Deserializer::from_str(json)).ok()
}

/// An attribute's value: `{"stringValue":…}` and its like, or the value itself.
pub(crate) struct AnyValue {
    depth: usize,
}

impl AnyValue {
    /// A value that is in no other.
    pub(crate) fn top() -> Self {
        Self { depth: 0 }
    }
}

impl<'de> DeserializeSeed<'de> for AnyValue {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        if self.depth > MAX_VALUE_DEPTH {
            return deserializer.deserialize_ignored_any(IgnoredAny).map(|_| Value::Empty);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Empty)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(number).map_or(Value::Double(number as f64), Value::Int))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Value::Double(number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Str(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Value::Str(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        Values { depth: self.depth + 1 }.visit_seq(seq)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let depth = self.depth + 1;
        let mut value = Value::Empty;
        while let Some(key) = map.next_key_seed(Text)? {
            match key.as_ref() {
                "stringValue" | "string_value" | "StringValue" => {
                    value = Value::Str(Scalar::next(&mut map)?.into_text())
                }
                "boolValue" | "bool_value" | "BoolValue" => value = boolean(Scalar::next(&mut map)?),
                "intValue" | "int_value" | "IntValue" => value = integer(Scalar::next(&mut map)?),
                "doubleValue" | "double_value" | "DoubleValue" => value = double(Scalar::next(&mut map)?),
                "bytesValue" | "bytes_value" | "BytesValue" => value = bytes(Scalar::next(&mut map)?),
                "arrayValue" | "array_value" | "ArrayValue" => {
                    let mut array = ArrayValue { value: value::array(&[]), depth };
                    map.next_value_seed(Fill(&mut array))?;
                    value = array.value;
                }
                "kvlistValue" | "kvlist_value" | "KvlistValue" => {
                    let mut list = KvlistValue { entries: Vec::new(), depth };
                    map.next_value_seed(Fill(&mut list))?;
                    value = value::map(&list.entries);
                }
                // Go's `encoding/json` writes the struct of the oneof around what is set of it: `{"Value":{"StringValue":…}}`.
                "value" | "Value" => value = map.next_value_seed(AnyValue { depth })?,
                _ => ignore(&mut map)?,
            }
        }
        Ok(value)
    }
}

fn boolean(scalar: Scalar<'_>) -> Value<'_> {
    match scalar {
        Scalar::Null => Value::Empty,
        Scalar::Bool(value) => Value::Bool(value),
        Scalar::Text(text) if text.eq_ignore_ascii_case("true") => Value::Bool(true),
        Scalar::Text(text) if text.eq_ignore_ascii_case("false") => Value::Bool(false),
        other => Value::Str(other.into_text()),
    }
}

/// What stands under `intValue`.
pub(crate) fn integer(scalar: Scalar<'_>) -> Value<'_> {
    match scalar {
        Scalar::Null => Value::Empty,
        Scalar::Negative(number) => Value::Int(number),
        Scalar::Unsigned(number) => i64::try_from(number).map_or(Value::Double(number as f64), Value::Int),
        Scalar::Float(number) => Value::Double(number),
        Scalar::Text(text) => match text.trim().parse() {
            Ok(number) => Value::Int(number),
            Err(_) => Value::Str(text),
        },
        Scalar::Bool(value) => Value::Bool(value),
    }
}

fn double(scalar: Scalar<'_>) -> Value<'_> {
    match (scalar.to_double(), scalar) {
        (Some(number), _) => Value::Double(number),
        (None, Scalar::Null) => Value::Empty,
        (None, other) => Value::Str(other.into_text()),
    }
}

fn bytes(scalar: Scalar<'_>) -> Value<'_> {
    match scalar {
        Scalar::Null => Value::Empty,
        other => {
            let text = other.into_text();
            match text_ids::base64_bytes(text.as_bytes()) {
                Some(bytes) => Value::Bytes(bytes.into()),
                None => Value::Str(text),
            }
        }
    }
}

struct ArrayValue<'a> {
    value: Value<'a>,
    depth: usize,
}

impl<'de> Message<'de> for ArrayValue<'de> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "values" => self.value = map.next_value_seed(Values { depth: self.depth })?,
            _ => ignore(map)?,
        }
        Ok(())
    }
}

/// The elements of an array, as JSON text.
struct Values {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Values {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Values {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    scalars_are!(value::array(&[]));

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(value::array(&[]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(AnyValue { depth: self.depth })? {
            values.push(value);
        }
        Ok(value::array(&values))
    }
}

struct KvlistValue<'a> {
    entries: Vec<KeyValue<'a>>,
    depth: usize,
}

impl<'de> Message<'de> for KvlistValue<'de> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "values" => map.next_value_seed(Attributes {
                list: &mut self.entries,
                depth: self.depth,
                wanted: Wanted::EVERYTHING,
            }),
            _ => ignore(map),
        }
    }
}
