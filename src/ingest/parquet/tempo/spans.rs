//! From the rows of a Tempo block, each of which is a trace, to span records
//! (<https://github.com/grafana/tempo/blob/main/tempodb/encoding/vparquet4/schema.go>).
//!
//! ```text
//! row = trace ─▶ rs[] resource ─▶ ss[] scope ─▶ Spans[] ─▶ Events[], Links[]
//! ```
//!
//! Each list is a column of its own for the whole batch; a row of the one above has a range of it ([`Items`]).
//!
//! Only the start of a span is an instant. Its end and, from vParquet4 on, the times of its events are written as unsigned
//! differences from that start. A span that ends before it starts, or an event from before its span, is a difference of nearly
//! 2^64, so the sums below must wrap as the writer's subtractions did; to saturate or to refuse would lose the time.

use std::borrow::Cow;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StructArray};

use super::attributes::{AttributeLists, NamedColumn, WantedAttributes};
use super::dedicated::{Dedicated, Scope};
use super::items::{Items, bytes_at, number_at, number_or_none_at};
use crate::frame::{SpanSink, Wanted as WantedOfSpans};
use crate::ingest::otlp::proto;
use crate::ingest::parquet::file::cells::text_at;
use crate::span::{
    Event, KeyValue, Link, NO_START_TIME, Origin, SpanId, SpanKind, SpanRecord, StatusCode, TraceId, Value,
    is_exception,
};

/// Columns of resources that hold one attribute each, up to vParquet4.
pub(crate) const RESOURCE_COLUMNS: [(&str, &str); 8] = [
    ("Cluster", "cluster"),
    ("Namespace", "namespace"),
    ("Pod", "pod"),
    ("Container", "container"),
    ("K8sClusterName", "k8s.cluster.name"),
    ("K8sNamespaceName", "k8s.namespace.name"),
    ("K8sPodName", "k8s.pod.name"),
    ("K8sContainerName", "k8s.container.name"),
];

/// Columns of spans that hold one attribute each, up to vParquet4.
pub(crate) const SPAN_COLUMNS: [(&str, &str); 3] =
    [("HttpMethod", "http.method"), ("HttpUrl", "http.url"), ("HttpStatusCode", "http.status_code")];

/// Hands every span of a batch to `sink`. `row` is the number in the file of the batch's first row, and afterwards of the
/// row behind it; it is what spans and faults are told by, so all spans of a trace have one.
pub(crate) fn read_batch(batch: &RecordBatch, dedicated: &[Dedicated], sink: &mut dyn SpanSink, row: &mut u64) {
    let traces = StructArray::from(batch.clone());
    let Some(resources) = Items::of(&traces, "rs") else {
        *row += batch.num_rows() as u64;
        return;
    };
    let Some(scopes) = Items::of(resources.items, "ss") else {
        *row += batch.num_rows() as u64;
        return;
    };
    let wanted = sink.wanted();
    let trace_ids = traces.column_by_name("TraceID");
    let resource_columns = ResourceColumns::of(&resources, dedicated, wanted.of_any_trace());
    let scope_columns = ScopeColumns::of(&scopes);
    let Some(span_columns) = SpanColumns::of(scopes.items, dedicated, wanted) else {
        *row += batch.num_rows() as u64;
        return;
    };
    let mut origin = Origin::default();
    let mut span = SpanRecord::default();
    for trace in 0..batch.num_rows() {
        span.trace_id = TraceId::from_bytes(bytes_at(trace_ids, trace)).unwrap_or_default();
        for resource in resources.at(trace) {
            resource_columns.read(resource, &mut origin);
            for scope in scopes.at(resource) {
                scope_columns.read(scope, &mut origin);
                for at in span_columns.spans.at(scope) {
                    span_columns.read(at, &mut span);
                    sink.span(&origin, &span, *row);
                }
            }
        }
        *row += 1;
    }
}

fn text_of(column: Option<&ArrayRef>, row: usize) -> Cow<'_, str> {
    column.map_or(Cow::Borrowed(""), |column| text_at(column, row))
}

/// The dedicated columns of `parent` that were read.
fn dedicated_columns<'a>(
    parent: &'a StructArray,
    scope: Scope,
    dedicated: &'a [Dedicated],
) -> impl Iterator<Item = NamedColumn<'a>> {
    let group = parent.column_by_name("DedicatedAttributes").and_then(|column| column.as_struct_opt());
    dedicated.iter().filter(move |dedicated| dedicated.scope == scope).filter_map(move |dedicated| {
        let column = group?.column_by_name(&dedicated.column)?;
        Some(NamedColumn { key: &dedicated.key, column, is_array: dedicated.is_array })
    })
}

/// The columns of `names` in `parent` that were read.
fn named_columns<'a>(parent: &'a StructArray, names: &'a [(&str, &str)]) -> impl Iterator<Item = NamedColumn<'a>> {
    names
        .iter()
        .filter_map(|(name, key)| Some(NamedColumn { key, column: parent.column_by_name(name)?, is_array: false }))
}

/// The resources of a batch.
struct ResourceColumns<'a> {
    wanted: WantedAttributes,
    services: Option<&'a ArrayRef>,
    named: Vec<NamedColumn<'a>>,
    attributes: Option<AttributeLists<'a>>,
}

impl<'a> ResourceColumns<'a> {
    fn of(resources: &Items<'a>, dedicated: &'a [Dedicated], wanted: WantedOfSpans) -> Self {
        let wanted = match wanted {
            WantedOfSpans { everything: true, .. } => WantedAttributes::Everything,
            WantedOfSpans { own, .. } => WantedAttributes::KnownOfResources(own),
        };
        let Some(resources) = resources.group("Resource") else {
            return Self { wanted, services: None, named: Vec::new(), attributes: None };
        };
        let named = named_columns(resources, &RESOURCE_COLUMNS);
        Self {
            wanted,
            services: resources.column_by_name("ServiceName"),
            named: named.chain(dedicated_columns(resources, Scope::Resource, dedicated)).collect(),
            attributes: AttributeLists::of(resources),
        }
    }

    /// Takes the attributes of the resource at `row`. Whatever the list says, the service's own column decides.
    fn read(&self, row: usize, origin: &mut Origin<'a>) {
        let attributes = &mut origin.resource_attributes;
        attributes.clear();
        let service = text_of(self.services, row);
        attributes.extend(self.named.iter().filter_map(|column| column.at(row)));
        if let Some(lists) = &self.attributes {
            lists.read(row, self.wanted, attributes);
        }
        if !service.is_empty() {
            attributes.retain(|attribute| attribute.key != "service.name");
            attributes.insert(0, KeyValue { key: "service.name".into(), value: Value::Str(service) });
        }
    }
}

/// The instrumentation scopes of a batch.
#[derive(Default)]
struct ScopeColumns<'a> {
    names: Option<&'a ArrayRef>,
    versions: Option<&'a ArrayRef>,
    attributes: Option<AttributeLists<'a>>,
}

impl<'a> ScopeColumns<'a> {
    fn of(scopes: &Items<'a>) -> Self {
        let Some(scopes) = scopes.group("Scope") else {
            return Self::default();
        };
        Self {
            names: scopes.column_by_name("Name"),
            versions: scopes.column_by_name("Version"),
            attributes: AttributeLists::of(scopes),
        }
    }

    fn read(&self, row: usize, origin: &mut Origin<'a>) {
        origin.scope_name = text_of(self.names, row);
        origin.scope_version = text_of(self.versions, row);
        origin.scope_attributes.clear();
        if let Some(lists) = &self.attributes {
            lists.read(row, WantedAttributes::Everything, &mut origin.scope_attributes);
        }
    }
}

/// The spans of a batch.
struct SpanColumns<'a> {
    spans: Items<'a>,
    wanted: WantedOfSpans,
    span_ids: Option<&'a ArrayRef>,
    parent_span_ids: Option<&'a ArrayRef>,
    names: Option<&'a ArrayRef>,
    kinds: Option<&'a ArrayRef>,
    trace_states: Option<&'a ArrayRef>,
    starts: Option<&'a ArrayRef>,
    durations: Option<&'a ArrayRef>,
    status_codes: Option<&'a ArrayRef>,
    status_messages: Option<&'a ArrayRef>,
    named: Vec<NamedColumn<'a>>,
    attributes: Option<AttributeLists<'a>>,
    events: Option<EventColumns<'a>>,
    links: Option<LinkColumns<'a>>,
    link_messages: Option<&'a ArrayRef>,
}

impl<'a> SpanColumns<'a> {
    fn of(scopes: &'a StructArray, dedicated: &'a [Dedicated], wanted: WantedOfSpans) -> Option<Self> {
        let spans = Items::of(scopes, "Spans")?;
        let named = named_columns(spans.items, &SPAN_COLUMNS);
        Some(Self {
            wanted,
            span_ids: spans.column("SpanID"),
            parent_span_ids: spans.column("ParentSpanID"),
            names: spans.column("Name"),
            kinds: spans.column("Kind"),
            trace_states: spans.column("TraceState"),
            starts: spans.column("StartTimeUnixNano"),
            durations: spans.column("DurationNano"),
            status_codes: spans.column("StatusCode"),
            status_messages: spans.column("StatusMessage"),
            named: named.chain(dedicated_columns(spans.items, Scope::Span, dedicated)).collect(),
            attributes: AttributeLists::of(spans.items),
            events: EventColumns::of(spans.items, dedicated),
            links: LinkColumns::of(spans.items),
            link_messages: spans.column("Links").filter(|links| links.as_list_opt::<i32>().is_none()),
            spans,
        })
    }

    /// Fills `span`, whose vectors are used again. Its trace id stays.
    fn read(&self, at: usize, span: &mut SpanRecord<'a>) {
        let wanted = self.wanted.of_trace(span.trace_id);
        span.span_id = SpanId::from_bytes(bytes_at(self.span_ids, at)).unwrap_or_default();
        span.parent_span_id = SpanId::from_bytes(bytes_at(self.parent_span_ids, at)).unwrap_or_default();
        span.name = text_of(self.names, at);
        span.kind = SpanKind::from_number(number_at(self.kinds, at) as i64);
        span.status = StatusCode::from_number(number_at(self.status_codes, at) as i64);
        span.status_message = text_of(self.status_messages, at);
        span.trace_state = text_of(self.trace_states, at);
        span.start_unix_nano = number_or_none_at(self.starts, at).unwrap_or(NO_START_TIME);
        span.end_unix_nano = span.start_unix_nano.wrapping_add(number_at(self.durations, at));
        span.attributes.clear();
        span.attributes.extend(self.named.iter().filter_map(|column| column.at(at)));
        if let Some(lists) = &self.attributes {
            lists.read(at, WantedAttributes::Known(wanted), &mut span.attributes);
        }
        span.events.clear();
        if let Some(events) = &self.events {
            events.read(at, span.start_unix_nano, wanted.everything, &mut span.events);
        }
        span.links.clear();
        if let Some(links) = &self.links {
            links.read(at, wanted, &mut span.links);
        }
        span.links.extend(proto::links_of_message(bytes_at(self.link_messages, at)));
    }
}

/// The events of the spans of a batch.
struct EventColumns<'a> {
    events: Items<'a>,
    names: Option<&'a ArrayRef>,
    /// Since 1970, as vParquet3 has them.
    times: Option<&'a ArrayRef>,
    /// Since the span's start.
    relative_times: Option<&'a ArrayRef>,
    named: Vec<NamedColumn<'a>>,
    attributes: Option<AttributeLists<'a>>,
}

impl<'a> EventColumns<'a> {
    fn of(spans: &'a StructArray, dedicated: &'a [Dedicated]) -> Option<Self> {
        let events = Items::of(spans, "Events")?;
        Some(Self {
            names: events.column("Name"),
            times: events.column("TimeUnixNano"),
            relative_times: events.column("TimeSinceStartNano"),
            named: dedicated_columns(events.items, Scope::Event, dedicated).collect(),
            attributes: AttributeLists::of(events.items),
            events,
        })
    }

    /// Adds the events of the span at `row`, which began at `start`.
    fn read(&self, row: usize, start: u64, wants_everything: bool, events: &mut Vec<Event<'a>>) {
        for at in self.events.at(row) {
            let name = text_of(self.names, at);
            if !wants_everything && !is_exception(&name) {
                continue;
            }
            let time_unix_nano = match self.relative_times {
                Some(times) => start.wrapping_add(number_at(Some(times), at)),
                None => number_at(self.times, at),
            };
            let mut attributes: Vec<KeyValue<'a>> = self.named.iter().filter_map(|column| column.at(at)).collect();
            if let Some(lists) = &self.attributes {
                let wanted =
                    if wants_everything { WantedAttributes::Everything } else { WantedAttributes::OfExceptions };
                lists.read(at, wanted, &mut attributes);
            }
            events.push(Event { time_unix_nano, name, attributes });
        }
    }
}

/// The links of the spans of a batch, from vParquet4 on.
struct LinkColumns<'a> {
    links: Items<'a>,
    trace_ids: Option<&'a ArrayRef>,
    span_ids: Option<&'a ArrayRef>,
    trace_states: Option<&'a ArrayRef>,
    attributes: Option<AttributeLists<'a>>,
}

impl<'a> LinkColumns<'a> {
    fn of(spans: &'a StructArray) -> Option<Self> {
        let links = Items::of(spans, "Links")?;
        Some(Self {
            trace_ids: links.column("TraceID"),
            span_ids: links.column("SpanID"),
            trace_states: links.column("TraceState"),
            attributes: AttributeLists::of(links.items),
            links,
        })
    }

    fn read(&self, row: usize, wanted_of_spans: WantedOfSpans, links: &mut Vec<Link<'a>>) {
        let wanted = if wanted_of_spans.everything { WantedAttributes::Everything } else { WantedAttributes::RefType };
        for at in self.links.at(row) {
            let mut attributes = Vec::new();
            if let Some(lists) = &self.attributes {
                lists.read(at, wanted, &mut attributes);
            }
            if wanted_of_spans.takes_links() || !attributes.is_empty() {
                links.push(Link {
                    trace_id: TraceId::from_bytes(bytes_at(self.trace_ids, at)).unwrap_or_default(),
                    span_id: SpanId::from_bytes(bytes_at(self.span_ids, at)).unwrap_or_default(),
                    trace_state: text_of(self.trace_states, at),
                    attributes,
                });
            }
        }
    }
}
