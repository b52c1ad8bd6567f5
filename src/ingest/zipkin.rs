//! Zipkin's JSON, version 2. The mapping to OpenTelemetry is that of the collector's Zipkin translator.
//!
//! What Zipkin calls a span may be spread over several records: the two halves of a call share an id, and each half may
//! have been reported piece by piece. So records are [held](Held) until the input has ended, and pieces are joined first
//! (zipkin's `Trace.merge`, `DependencyLinker` and `SpanNode`). That two halves stay two spans is the business of the tree.
//!
//! A record need not say when it began: it stands where its annotations, its other half, its parent or its trace begin.

use std::collections::{HashMap, HashSet};

use serde::de::MapAccess;

use crate::conventions::is_key_of_resource;
use crate::frame::SpanSink as _;
use crate::span::{Event, KeyValue, Link, NO_START_TIME, Origin, SkipReason, SpanKind, SpanRecord, StatusCode, Value};

use super::text_ids;
use crate::ingest::counting_sink::CountingSink;
use crate::ingest::json::lenient::{Fill, List, Listed, Message, Scalar, Wanted, ignore};
use crate::ingest::otlp::json_message::Attributes;
use crate::ingest::refused::json::{LEVELS_OF_LOGS, MESSAGES_OF_LOGS};

/// The format, as `run.json` names it.
pub(crate) const ZIPKIN_JSON: &str = "zipkin_json";

/// So many records are held, so that inputs of any size can be read; pieces that are further apart stay apart.
const MAX_HELD: usize = 400_000;

/// One record.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Record {
    trace_id: String,
    id: String,
    parent_id: String,
    kind: SpanKind,
    name: String,
    timestamp_us: Option<u64>,
    duration_us: i64,
    local: Endpoint,
    remote: Endpoint,
    annotations: Vec<Annotation>,
    tags: Vec<(String, String)>,
    shared: bool,
    debug: bool,
    is_version_1: bool,
    /// Whether it has what only Zipkin's records have.
    has_own_members: bool,
    /// Whether it has what only spans of others have.
    has_other_members: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Endpoint {
    service_name: String,
    address: String,
    port: u64,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Annotation {
    timestamp_us: u64,
    value: String,
    has_endpoint: bool,
}

impl<'de> Message<'de> for Record {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let mut text = |target: &mut String| -> Result<(), A::Error> {
            *target = Scalar::next(map)?.into_text().into_owned();
            Ok(())
        };
        match key {
            "traceId" => text(&mut self.trace_id)?,
            "id" => text(&mut self.id)?,
            "parentId" => text(&mut self.parent_id)?,
            "name" => text(&mut self.name)?,
            "kind" => self.kind = SpanKind::from_text(&Scalar::next(map)?.into_text()),
            "timestamp" => self.timestamp_us = Scalar::next(map)?.time(),
            "duration" => self.duration_us = Scalar::next(map)?.to_length(),
            "localEndpoint" | "remoteEndpoint" | "annotations" | "binaryAnnotations" | "tags" | "shared" => {
                self.has_own_members = true;
                self.own_field(key, map)?;
            }
            "debug" => self.debug = is_true(&Scalar::next(map)?),
            _ => {
                self.has_other_members |=
                    OF_OTHERS.contains(&key) || MESSAGES_OF_LOGS.contains(&key) || LEVELS_OF_LOGS.contains(&key);
                ignore(map)?;
            }
        }
        Ok(())
    }
}

/// Members of spans of others that have a `traceId` and an `id`; lines of logs may have these, too.
const OF_OTHERS: &[&str] =
    &["attributes", "events", "resource", "startTime", "parentObservationId", "parentSpanContext"];

impl Record {
    /// Takes the value of `key`, which only Zipkin's records have.
    fn own_field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "localEndpoint" => map.next_value_seed(Fill(&mut self.local)).map(drop)?,
            "remoteEndpoint" => map.next_value_seed(Fill(&mut self.remote)).map(drop)?,
            "annotations" => {
                self.annotations.clear();
                let list = List { list: &mut self.annotations, malformed: &mut 0, wanted: Wanted::EVERYTHING };
                map.next_value_seed(list)?;
                self.is_version_1 |= self.annotations.iter().any(|annotation| annotation.has_endpoint);
            }
            "tags" => {
                let mut tags = Vec::new();
                map.next_value_seed(Attributes::all(&mut tags))?;
                let texts = tags.into_iter().map(|tag| (tag.key.into_owned(), tag.value.to_text().into_owned()));
                self.tags = texts.collect();
            }
            "shared" => self.shared = is_true(&Scalar::next(map)?),
            "binaryAnnotations" => {
                self.is_version_1 = true;
                ignore(map)?;
            }
            _ => ignore(map)?,
        }
        Ok(())
    }
}

fn is_true(scalar: &Scalar<'_>) -> bool {
    match scalar {
        Scalar::Bool(value) => *value,
        Scalar::Text(text) => text == "true",
        _ => false,
    }
}

impl<'de> Message<'de> for Endpoint {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "serviceName" => self.service_name = Scalar::next(map)?.into_text().into_owned(),
            "ipv4" => self.address = Scalar::next(map)?.into_text().into_owned(),
            "ipv6" => {
                let address = Scalar::next(map)?.into_text();
                if self.address.is_empty() {
                    self.address = address.into_owned();
                }
            }
            "port" => self.port = Scalar::next(map)?.to_time(),
            _ => ignore(map)?,
        }
        Ok(())
    }
}

impl Endpoint {
    fn is_empty(&self) -> bool {
        self.service_name.is_empty() && self.address.is_empty()
    }

    /// Whether both can be the same, as far as they say.
    fn agrees_with(&self, other: &Self) -> bool {
        let agree = |own: &str, other: &str| own.is_empty() || other.is_empty() || own == other;
        agree(&self.service_name, &other.service_name) && agree(&self.address, &other.address)
    }

    /// The service, where one is named.
    fn service(&self) -> Option<&str> {
        Some(self.service_name.as_str()).filter(|name| !matches!(*name, "" | "unknown"))
    }
}

impl<'de> Listed<'de> for Annotation {
    fn start(_: Wanted) -> Self {
        Self::default()
    }
}

impl<'de> Message<'de> for Annotation {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "timestamp" => self.timestamp_us = Scalar::next(map)?.to_time(),
            "value" => self.value = Scalar::next(map)?.into_text().into_owned(),
            "endpoint" => {
                self.has_endpoint = true;
                ignore(map)?;
            }
            _ => ignore(map)?,
        }
        Ok(())
    }
}

impl Record {
    /// Whether it is a span of another system, by all that it has.
    pub(crate) fn is_of_others(&self) -> bool {
        self.has_other_members && !self.has_own_members
    }

    /// Whether one of the two says the rest of what the other says. Two that start apart are two: several consumers that
    /// received one message, for instance.
    fn completes(&self, other: &Self) -> bool {
        let kinds_agree =
            self.kind == other.kind || self.kind == SpanKind::Unspecified || other.kind == SpanKind::Unspecified;
        let is_partial = |record: &Self| record.timestamp_us.is_none() || record.duration_us == 0;
        let start_together =
            self.timestamp_us == other.timestamp_us || self.timestamp_us.is_none() || other.timestamp_us.is_none();
        kinds_agree
            && start_together
            && (is_partial(self) || is_partial(other))
            && (self.local.is_empty() || other.local.is_empty() || self.local.agrees_with(&other.local))
    }

    /// Takes what the later record of the same half adds.
    fn join(&mut self, other: Self) {
        fn first(own: &mut String, other: String) {
            if own.is_empty() {
                *own = other;
            }
        }
        first(&mut self.parent_id, other.parent_id);
        first(&mut self.name, other.name);
        if self.kind == SpanKind::Unspecified {
            self.kind = other.kind;
        }
        self.timestamp_us = self.timestamp_us.into_iter().chain(other.timestamp_us).min();
        self.duration_us = match [self.duration_us, other.duration_us] {
            [0, said] | [said, 0] => said,
            [own, other] => own.max(other),
        };
        for (own, other) in [(&mut self.local, other.local), (&mut self.remote, other.remote)] {
            first(&mut own.service_name, other.service_name);
            first(&mut own.address, other.address);
            own.port = own.port.max(other.port);
        }
        for annotation in other.annotations {
            if !self.annotations.contains(&annotation) {
                self.annotations.push(annotation);
            }
        }
        self.annotations.sort_by_key(|annotation| annotation.timestamp_us);
        for (key, value) in other.tags {
            if !self.tags.iter().any(|(own, _)| *own == key) {
                self.tags.push((key, value));
            }
        }
        self.shared |= other.shared;
        self.debug |= other.debug;
    }
}

/// Records that wait for the rest of the input, in the order of the input: which records are pieces of one span does not
/// depend on where the input was cut into splits, and which of two pieces is the later one does not on threads.
#[derive(Debug, Default)]
pub(crate) struct Held(Vec<(Record, u64)>);

impl Held {
    /// Adds the records of a later part of the input.
    pub(crate) fn add(&mut self, later: Self) {
        self.0.extend(later.0);
    }

    /// Whether the records should be handed on before the input has ended.
    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= MAX_HELD
    }
}

/// Takes the record that stands at `offset`.
pub(crate) fn hold(record: Record, offset: u64, held: &mut Held, sink: &mut CountingSink<'_>) {
    sink.tally.format.get_or_insert(ZIPKIN_JSON);
    if record.is_version_1 {
        return sink.unsupported(
            "Zipkin JSON of version 1",
            "export it as version 2, with Zipkin's /api/v2 or zipkin-dependencies",
            offset,
        );
    }
    held.0.push((record, offset));
    if held.is_full() {
        release(held, sink);
    }
}

/// Joins what is held and hands it on.
pub(crate) fn release(held: &mut Held, sink: &mut CountingSink<'_>) {
    let mut held = std::mem::take(&mut held.0);
    if held.is_empty() {
        return;
    }
    use_longest_trace_ids(&mut held);
    forget_unset_starts(&mut held);
    let joined = join_pieces(held, sink);
    let starts = starts_of(&joined);
    for (Joined { record, offset, .. }, start_us) in joined.into_iter().zip(starts) {
        emit(record, offset, start_us, sink);
    }
}

/// Microseconds of a year: what begins before 1971 was never set, unless all of its trace does.
const YEAR_US: u64 = 365 * 24 * 60 * 60 * 1_000_000;

/// Old instrumentations write 0 for a start that they do not know. Where all of a trace begins near 0, it is a time.
fn forget_unset_starts(held: &mut [(Record, u64)]) {
    if !held.iter().any(|(record, _)| record.timestamp_us == Some(0)) {
        return;
    }
    let is_late = |record: &Record| record.timestamp_us.is_some_and(|start| start > YEAR_US);
    let late_traces: HashSet<String> =
        held.iter().filter(|(record, _)| is_late(record)).map(|(record, _)| record.trace_id.clone()).collect();
    for (record, _) in held {
        if record.timestamp_us == Some(0) && late_traces.contains(&record.trace_id) {
            record.timestamp_us = None;
        }
    }
}

/// So many parents are climbed for a start.
const MAX_CLIMB: usize = 1_000;

/// When each record begins, in µs, if that can be told at all.
fn starts_of(joined: &[Joined]) -> Vec<Option<u64>> {
    let mut starts: Vec<Option<u64>> = joined.iter().map(Joined::own_start_us).collect();
    if starts.iter().all(Option::is_some) {
        return starts;
    }
    let mut by_id: HashMap<(&str, &str), usize> = HashMap::new();
    let mut first_of_trace: HashMap<&str, u64> = HashMap::new();
    for (number, Joined { record, .. }) in joined.iter().enumerate() {
        by_id.entry((&record.trace_id, &record.id)).or_insert(number);
        if let Some(start) = starts[number] {
            let first = first_of_trace.entry(&record.trace_id).or_insert(start);
            *first = start.min(*first);
        }
    }
    let derived: Vec<(usize, Option<u64>)> = (0..joined.len())
        .filter(|&number| starts[number].is_none())
        .map(|number| {
            let parent_of = |number: &usize| {
                let Record { trace_id, parent_id, .. } = &joined[*number].record;
                by_id.get(&(trace_id.as_str(), parent_id.as_str())).copied()
            };
            let above = std::iter::successors(Some(number), parent_of).take(MAX_CLIMB);
            let of_parent = above.into_iter().find_map(|number| starts[number]);
            (number, of_parent.or_else(|| first_of_trace.get(joined[number].record.trace_id.as_str()).copied()))
        })
        .collect();
    derived.into_iter().for_each(|(number, start)| starts[number] = start);
    starts
}

/// A trace id of 64 bits is the same as one of 128 bits that ends in it.
fn use_longest_trace_ids(held: &mut [(Record, u64)]) {
    const SHORT: usize = 16;
    let mut long_by_end: HashMap<String, String> = HashMap::new();
    for (record, _) in held.iter() {
        let id = &record.trace_id;
        if id.len() > SHORT
            && id.is_ascii()
            && let (start, end) = id.split_at(id.len() - SHORT)
            && start.bytes().any(|digit| digit != b'0')
        {
            let long = long_by_end.entry(end.to_owned()).or_insert_with(|| id.clone());
            if id < long {
                long.clone_from(id);
            }
        }
    }
    if long_by_end.is_empty() {
        return;
    }
    for (record, _) in held {
        let end = record.trace_id.trim_start_matches('0');
        if end.len() <= SHORT
            && let Some(long) = long_by_end.get(&format!("{end:0>SHORT$}"))
        {
            record.trace_id.clone_from(long);
        }
    }
}

/// A half with all its pieces.
struct Joined {
    record: Record,
    offset: u64,
    /// The earliest start among all records of its id, for halves that have none.
    start_of_halves_us: Option<u64>,
}

impl Joined {
    /// When it begins, as far as it and its other half tell.
    fn own_start_us(&self) -> Option<u64> {
        let annotated = || self.record.annotations.iter().map(|annotation| annotation.timestamp_us);
        let start = self.record.timestamp_us.or_else(|| annotated().filter(|time| *time > 0).min());
        start.or(self.start_of_halves_us)
    }
}

/// Joins the records of each half.
fn join_pieces(held: Vec<(Record, u64)>, sink: &mut CountingSink<'_>) -> Vec<Joined> {
    let mut by_id: HashMap<(String, String), Vec<usize>> = HashMap::with_capacity(held.len());
    for (number, (record, _)) in held.iter().enumerate() {
        let numbers = by_id.entry((record.trace_id.clone(), record.id.clone())).or_default();
        numbers.push(number);
    }
    let alone = |(record, offset)| Some(Joined { record, offset, start_of_halves_us: None });
    let mut records: Vec<Option<Joined>> = held.into_iter().map(alone).collect();
    for numbers in by_id.into_values().filter(|numbers| numbers.len() > 1) {
        let mut same_id: Vec<(usize, Record, u64)> = Vec::with_capacity(numbers.len());
        for number in numbers {
            if let Some(Joined { record, offset, .. }) = records[number].take() {
                same_id.push((number, record, offset));
            }
        }
        let has_client = same_id.iter().any(|(_, record, _)| record.kind == SpanKind::Client);
        let is_shared_half = |record: &Record| record.shared || (has_client && record.kind == SpanKind::Server);
        let mut halves: Vec<(usize, Record, u64)> = Vec::with_capacity(same_id.len());
        for (number, record, offset) in same_id {
            let same_half = halves
                .iter_mut()
                .find(|(_, half, _)| is_shared_half(half) == is_shared_half(&record) && half.completes(&record));
            match same_half {
                Some((_, half, _)) => {
                    half.join(record);
                    sink.skip(SkipReason::JoinedRecord, offset);
                }
                None => halves.push((number, record, offset)),
            }
        }
        let start_of_halves_us = halves.iter().filter_map(|(_, half, _)| half.timestamp_us).min();
        for (number, record, offset) in halves {
            records[number] = Some(Joined { record, offset, start_of_halves_us });
        }
    }
    records.into_iter().flatten().collect()
}

fn emit(record: Record, offset: u64, start_us: Option<u64>, sink: &mut CountingSink<'_>) {
    let trace_id = text_ids::hex_trace_id(&record.trace_id);
    let span_id = text_ids::hex_span_id(&record.id);
    let parent_id = text_ids::hex_span_id(&record.parent_id);
    sink.tally.opaque_ids += [trace_id.is_hash, span_id.is_hash, parent_id.is_hash].map(u64::from).iter().sum::<u64>();

    let tag = |key: &str| record.tags.iter().find(|(own, _)| own == key).map(|(_, value)| value.as_str());
    let kind = match record.kind {
        SpanKind::Unspecified if tag("span.kind") == Some("internal") => SpanKind::Internal,
        // A span that names both ends and no kind is a client's, as zipkin's DependencyLinker has it.
        SpanKind::Unspecified if record.local.service().is_some() && record.remote.service().is_some() => {
            SpanKind::Client
        }
        kind => kind,
    };
    let error = tag("error");
    let said = tag("otel.status_code").map(StatusCode::from_text);
    let status = if error.is_some() { StatusCode::Error } else { said.unwrap_or_default() };
    let error_message = error.filter(|message| !matches!(*message, "" | "true"));
    let status_message = tag("otel.status_description").or(error_message).unwrap_or_default();
    let scope = |new, old| tag(new).or_else(|| tag(old)).unwrap_or_default();

    let mut attributes: Vec<KeyValue<'_>> = Vec::with_capacity(record.tags.len() + 6);
    let service = record.local.service().map(|name| text_attribute("service.name", name));
    let mut resource_attributes: Vec<KeyValue<'_>> = service.into_iter().collect();
    let mut links = Vec::new();
    for (key, value) in &record.tags {
        match key.as_str() {
            "otel.status_code"
            | "otel.status_description"
            | "w3c.tracestate"
            | "otel.library.name"
            | "otel.library.version"
            | "otel.scope.name"
            | "otel.scope.version" => {}
            key if key.starts_with("otlp.link.") => match link(value) {
                Some(link) => links.push(link),
                None => attributes.push(text_attribute(key, value)),
            },
            "error" if value == "true" => {}
            // What was a resource's stands among the tags, since Zipkin has no other place for it.
            key if is_key_of_resource(key) => resource_attributes.push(text_attribute(key, value)),
            key => attributes.push(text_attribute(key, value)),
        }
    }
    for (endpoint, address_key, port_key) in
        [(&record.local, "net.host.ip", "net.host.port"), (&record.remote, "net.peer.ip", "net.peer.port")]
    {
        if !endpoint.address.is_empty() {
            attributes.push(text_attribute(address_key, &endpoint.address));
        }
        if endpoint.port > 0 {
            attributes.push(KeyValue { key: port_key.into(), value: Value::Int(endpoint.port as i64) });
        }
    }
    if let Some(peer) = record.remote.service() {
        attributes.push(text_attribute("peer.service", peer));
    }
    if record.timestamp_us.is_none() {
        attributes.push(KeyValue { key: "otel.zipkin.absentField.startTime".into(), value: Value::Bool(true) });
    }
    let origin = Origin {
        resource_attributes,
        scope_name: scope("otel.scope.name", "otel.library.name").into(),
        scope_version: scope("otel.scope.version", "otel.library.version").into(),
        scope_attributes: Vec::new(),
    };
    let start_unix_nano = start_us.map_or(NO_START_TIME, |start| start.saturating_mul(1000));
    let span = SpanRecord {
        trace_id: trace_id.id,
        span_id: span_id.id,
        parent_span_id: parent_id.id,
        name: record.name.as_str().into(),
        kind,
        status,
        status_message: status_message.into(),
        trace_state: tag("w3c.tracestate").unwrap_or_default().into(),
        start_unix_nano,
        end_unix_nano: start_unix_nano.saturating_add_signed(record.duration_us.saturating_mul(1000)),
        attributes,
        events: record.annotations.iter().map(event).collect(),
        links,
    };
    sink.span(&origin, &span, offset);
}

fn text_attribute<'a>(key: &'a str, value: &'a str) -> KeyValue<'a> {
    KeyValue { key: key.into(), value: Value::Str(value.into()) }
}

/// The collector writes what an event has beside its name behind it: `name|{json attributes}|dropped`.
fn event(annotation: &Annotation) -> Event<'_> {
    let time_unix_nano = annotation.timestamp_us.saturating_mul(1000);
    let with_attributes = annotation.value.split_once('|').and_then(|(name, rest)| {
        let attributes = json_attributes(rest.rsplit_once('|').map_or(rest, |(json, _)| json))?;
        Some(Event { time_unix_nano, name: name.into(), attributes })
    });
    with_attributes.unwrap_or_else(|| Event {
        time_unix_nano,
        name: annotation.value.as_str().into(),
        attributes: Vec::new(),
    })
}

/// `traceid|spanid|tracestate|{json attributes}|dropped`.
fn link(text: &str) -> Option<Link<'_>> {
    let mut parts = text.splitn(4, '|');
    let trace_id = text_ids::hex_trace_id(parts.next()?).id;
    let span_id = text_ids::hex_span_id(parts.next()?).id;
    let trace_state = parts.next()?.into();
    let rest = parts.next().unwrap_or("{}");
    let attributes = json_attributes(rest.rsplit_once('|').map_or(rest, |(json, _)| json))?;
    Some(Link { trace_id, span_id, trace_state, attributes })
}

fn json_attributes(json: &str) -> Option<Vec<KeyValue<'static>>> {
    let serde_json::Value::Object(object) = serde_json::from_str(json).ok()? else {
        return None;
    };
    Some(crate::ingest::json::attributes::attributes_of_json(object))
}

#[cfg(test)]
mod tests {
    use crate::ingest::read::tests::read_bytes;
    use crate::span::SkipReason;

    fn record(id: &str, more: &str) -> String {
        format!(r#"{{"traceId":"00000000000000ab","id":"{id}"{more}}}"#)
    }

    const CLIENT: &str = r#","kind":"CLIENT","name":"get","timestamp":1700000000000000,"duration":9,"localEndpoint":{"serviceName":"web","ipv4":"10.0.0.1","port":80},"remoteEndpoint":{"serviceName":"cart"},"tags":{"error":"boom","http.path":"/x"}"#;

    #[test]
    fn every_shape_is_read() {
        let (one, other) = (record("1", CLIENT), record("2", CLIENT));
        let expected = read_bytes(format!("[{one},{other}]").as_bytes()).0.spans;
        for part in
            ["web: ", "kind: Client", "status: Error", r#"status_message: "boom""#, "peer.service", "net.host.port"]
        {
            assert!(expected[0].contains(part), "{part} in {}", expected[0]);
        }
        for text in [format!("[[{one}],[{other}]]"), format!("{one}\n{other}\n"), format!("{one}{other}")] {
            let (collected, report) = read_bytes(text.as_bytes());
            assert_eq!(collected.spans, expected, "{text}");
            assert_eq!((report.format, report.skipped.total()), ("zipkin_json", 0));
        }
    }

    /// What was reported piece by piece is one span; the two halves of a call stay two.
    #[test]
    fn pieces_are_joined_and_halves_are_not() {
        let unfinished =
            r#","kind":"CLIENT","name":"get","timestamp":1700000000000000,"localEndpoint":{"serviceName":"web"}"#;
        let rest = r#","duration":9,"annotations":[{"timestamp":1700000000000001,"value":"ws"}],"tags":{"late":"yes"}"#;
        let server = r#","kind":"SERVER","shared":true,"localEndpoint":{"serviceName":"cart"}"#;
        let text = format!("[{},{},{}]", record("1", unfinished), record("1", server), record("1", rest));
        let (collected, report) = read_bytes(text.as_bytes());
        assert_eq!(report.skipped.counts.get(&SkipReason::JoinedRecord), Some(&1));
        assert_eq!((collected.spans.len(), report.spans), (2, 2));
        assert!(collected.spans[0].contains("1700000000000009000") && collected.spans[0].contains("late"));
        // A half that was never timed begins with the other.
        assert!(
            collected.spans[1].starts_with("cart")
                && collected.spans[1].contains("start_unix_nano: 1700000000000000000")
        );
    }

    /// Several consumers that share the id of the message are several spans.
    #[test]
    fn receivers_of_one_message_stay_apart() {
        let receive = |time: u64| {
            record(
                "1",
                &format!(r#","kind":"SERVER","shared":true,"timestamp":{time},"localEndpoint":{{"serviceName":"a"}}"#),
            )
        };
        let text = format!("[{},{}]", receive(1_700_000_000_000_001), receive(1_700_000_000_000_002));
        assert_eq!(read_bytes(text.as_bytes()).0.spans.len(), 2);
    }

    /// A record without start stands where its annotations or its parent begin; only if nothing of its trace has a start is
    /// it left out.
    #[test]
    fn starts_are_found_where_records_have_none() {
        let root = record("1", r#","timestamp":1700000000000000,"duration":90"#);
        let annotated = r#","parentId":"1","annotations":[{"timestamp":1700000000000010,"value":"ws"}]"#;
        let later = r#","parentId":"1","timestamp":1700000000000050,"duration":5"#;
        let rest = [
            record("2", r#","parentId":"1","duration":10"#),
            record("3", r#","parentId":"2","timestamp":0"#),
            record("4", annotated),
            record("5", later),
            record("6", r#","parentId":"5""#),
            record("7", r#","parentId":"not there""#),
        ];
        let starts = |text: &str| -> Vec<String> {
            let (collected, _) = read_bytes(text.as_bytes());
            let start = |span: &String| span.split("start_unix_nano: ").nth(1)?.split(',').next().map(str::to_owned);
            collected.spans.iter().filter_map(start).map(|start| start[start.len() - 5..].to_owned()).collect()
        };
        let expected = ["00000", "00000", "00000", "10000", "50000", "50000", "00000"];
        assert_eq!(starts(&format!("[{root},{}]", rest.join(","))), expected);
        let (_, report) = read_bytes(format!("[{}]", record("1", r#","name":"x""#)).as_bytes());
        assert_eq!(report.skipped.counts.get(&SkipReason::MissingStartTime), Some(&1));
        let (_, report) = read_bytes(format!("[{}]", record("1", r#","timestamp":0,"duration":5"#)).as_bytes());
        assert_eq!((report.spans, report.skipped.total()), (1, 0));
    }

    #[test]
    fn the_longest_trace_id_wins() {
        let long = record("2", CLIENT).replace("00000000000000ab", "000000000000000100000000000000ab");
        let (collected, _) = read_bytes(format!("[{},{long}]", record("1", CLIENT)).as_bytes());
        for span in &collected.spans {
            assert!(span.contains("trace_id: 000000000000000100000000000000ab"), "{span}");
        }
    }

    #[test]
    fn version_1_is_refused_by_name() {
        let text = r#"[{"traceId":"1","id":"1","name":"x","annotations":[{"endpoint":{"serviceName":"a"},"timestamp":1,"value":"sr"}],"binaryAnnotations":[]}]"#;
        let (collected, report) = read_bytes(text.as_bytes());
        assert!(collected.spans.is_empty());
        assert!(report.errors[0].to_string().contains("version 1"), "{}", report.errors[0]);
        assert_eq!(report.skipped.counts.get(&SkipReason::UnsupportedFormat), Some(&1));
    }
}
