//! Inputs that are streams of messages: JSON documents of all formats, what is framed, and splits of either for several
//! threads.

pub(crate) mod envelope;
pub(crate) mod framed;
mod json_document;
pub(crate) mod json_stream;
mod partial_lines;
pub(crate) mod splits;
