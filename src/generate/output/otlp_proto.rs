//! OTLP protobuf as the collector's file exporter writes it: each request after its length.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;

use crate::generate::collector::Batch;
use crate::generate::origins::Origins;
use crate::generate::trace_builder::Scope;
use crate::span;
use crate::span::{SpanId, SpanRecord, StatusCode, Value};

/// One request for `batch`, after its length in 4 bytes, big-endian.
pub(super) fn frame_of(origins: &Origins, batch: &Batch) -> Vec<u8> {
    let resource = &origins.get(batch.service, Scope::Code).resource_attributes;
    let scope_spans = Scope::ALL.into_iter().filter_map(|scope| {
        let spans: Vec<Span> =
            batch.spans.iter().filter(|span| span.scope == scope).map(|span| span_of(&span.record)).collect();
        let origin = origins.get(batch.service, scope);
        (!spans.is_empty()).then(|| ScopeSpans {
            scope: Some(InstrumentationScope {
                name: origin.scope_name.to_string(),
                version: origin.scope_version.to_string(),
                ..Default::default()
            }),
            spans,
            schema_url: String::new(),
        })
    });
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource { attributes: attributes_of(resource), ..Default::default() }),
            scope_spans: scope_spans.collect(),
            schema_url: String::new(),
        }],
    };
    let length = u32::try_from(request.encoded_len()).expect("a batch is far smaller than 4 GB");
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend(request.encode_to_vec());
    bytes
}

fn span_of(record: &SpanRecord<'_>) -> Span {
    Span {
        trace_id: record.trace_id.0.to_vec(),
        span_id: record.span_id.to_bytes().to_vec(),
        parent_span_id: match record.parent_span_id {
            SpanId::NONE => Vec::new(),
            parent => parent.to_bytes().to_vec(),
        },
        name: record.name.to_string(),
        kind: record.kind as i32,
        start_time_unix_nano: record.start_unix_nano,
        end_time_unix_nano: record.end_unix_nano,
        attributes: attributes_of(&record.attributes),
        events: record
            .events
            .iter()
            .map(|event| Event {
                time_unix_nano: event.time_unix_nano,
                name: event.name.to_string(),
                attributes: attributes_of(&event.attributes),
                dropped_attributes_count: 0,
            })
            .collect(),
        status: (record.status != StatusCode::Unset)
            .then(|| Status { message: record.status_message.to_string(), code: record.status as i32 }),
        ..Default::default()
    }
}

fn attributes_of(attributes: &[span::KeyValue<'_>]) -> Vec<KeyValue> {
    attributes
        .iter()
        .map(|attribute| KeyValue {
            key: attribute.key.to_string(),
            value: Some(AnyValue {
                value: Some(match &attribute.value {
                    &Value::Int(number) => any_value::Value::IntValue(number),
                    other => any_value::Value::StringValue(other.to_text().into_owned()),
                }),
            }),
            ..Default::default()
        })
        .collect()
}
