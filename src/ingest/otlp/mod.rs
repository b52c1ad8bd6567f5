//! OTLP: its messages in protobuf and in JSON, and the framings that they are stored in.

pub(crate) mod framing;
pub(crate) mod json_message;
pub(crate) mod json_quick;
pub(crate) mod names;
pub(crate) mod proto;
pub(crate) mod protobuf_fields;
pub(crate) mod value;
pub(crate) mod whole_message;
