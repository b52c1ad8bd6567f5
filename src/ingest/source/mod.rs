//! Where bytes come from: files, directories, standard input and object stores, as streams or in any order.

pub(crate) mod archive;
mod archived_blocks;
pub(crate) mod byte_stream;
pub(crate) mod compression;
pub(crate) mod input;
pub(crate) mod inputs;
pub(crate) mod limits;
pub(crate) mod no_spans;
pub(crate) mod object_stores;
pub(crate) mod position;
pub(crate) mod shared_file;
