//! Reads trace dumps: files, directories and standard input, in any format that is known by its bytes.
//!
//! An extension says nothing. Compression is taken off first, then the content is recognised and read as a stream.
//! Whatever cannot be read is counted in the input's [`InputReport`], and the rest is read.

mod arrow_ipc;
mod counting_sink;
mod error;
mod input_format;
mod input_report;
mod jaeger;
mod json;
mod json_formats;
mod messages;
mod otlp;
mod parquet;
mod progress;
mod read;
mod read_input;
mod recognise;
mod refused;
mod selection;
mod source;
mod tally;
mod text_ids;
mod zipkin;

pub use error::{IngestError, IngestWarning};
pub use input_format::InputFormat;
pub use input_report::InputReport;
pub use parquet::keep_caught_panics_quiet;
pub use progress::Progress;
pub use read::{ReadFrames, ReadOptions, find_wanted_traces, read_bytes, read_frames, read_records};
pub(crate) use read::{input_bytes, offered};
pub use selection::{LeftOut, Offered, Selection, TraceIds};
pub(crate) use source::object_stores::DEFAULT_RETRY_TIMEOUT;
