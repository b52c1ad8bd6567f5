//! Spans as JSON objects, each with its resource within itself: what SDKs print, what stores export, what vendors answer.
//!
//! The walk through the envelopes ([`json_stream`](super::messages::json_stream)) finds the objects; [`span_object`] tells
//! which format one is of, and each format has its file.

pub(crate) mod datadog;
pub(crate) mod documents;
pub(crate) mod elastic_apm;
mod fields;
pub(crate) mod go_stdouttrace;
pub(crate) mod honeycomb;
pub(crate) mod javascript_console;
pub(crate) mod members;
pub(crate) mod python_console;
pub(crate) mod rows;
pub(crate) mod span_object;
pub(crate) mod waiting;
pub(crate) mod xray;
