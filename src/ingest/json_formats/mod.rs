//! Spans as JSON objects, each with its resource within itself: what SDKs print, what stores export, what vendors answer.
//!
//! The walk through the envelopes ([`json_stream`](super::messages::json_stream)) finds the objects; [`span_object`] tells
//! which format one is of, and each format has its file.

pub(crate) mod clickhouse_rows;
pub(crate) mod compact_rows;
pub(crate) mod datadog;
pub(crate) mod documents;
pub(crate) mod elastic_apm;
pub(crate) mod field_rows;
mod fields;
pub(crate) mod go_stdouttrace;
pub(crate) mod honeycomb;
pub(crate) mod jaeger_cassandra;
pub(crate) mod jaeger_clickhouse;
pub(crate) mod javascript_console;
pub(crate) mod members;
pub(crate) mod python_console;
pub(crate) mod span_object;
pub(crate) mod waiting;
pub(crate) mod xray;
