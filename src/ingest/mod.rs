//! Reads trace dumps: files, directories and standard input, in any format that is known by its bytes.
//!
//! An extension says nothing. Compression is taken off first, then the content is recognised and read as a stream.
//! Whatever cannot be read is counted in the input's [`InputReport`], and the rest is read.

mod byte_stream;
mod container;
mod damaged_json;
mod error;
mod framing;
mod input_format;
mod inputs;
mod intake;
mod jaeger_json;
mod json_attributes;
mod json_stream;
mod lenient_json;
mod object_stores;
mod otlp_json_message;
mod otlp_json_quick;
mod otlp_proto;
mod otlp_value;
mod parquet;
mod parts;
mod position;
mod protobuf_fields;
mod quick_json;
mod read;
mod selection;
mod span_document;
mod text_ids;
mod zipkin_json;

pub use error::{IngestError, IngestWarning};
pub use input_format::InputFormat;
pub use parquet::keep_caught_panics_quiet;
pub use read::{
    InputReport, Progress, ReadFrames, ReadOptions, find_wanted_traces, input_bytes, read_bytes, read_frames,
    read_records,
};
pub use selection::{LeftOut, Selection, TraceIds};
