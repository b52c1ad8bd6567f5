//! The names of OTLP's formats in `run.json`.

/// Messages in JSON, however they are framed.
pub(crate) const OTLP_JSON: &str = "otlp_json";

/// Messages in protobuf, however they are framed.
pub(crate) const OTLP_PROTO: &str = "otlp_proto";
