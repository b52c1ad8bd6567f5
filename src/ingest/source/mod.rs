//! Where bytes come from: files, directories, standard input and object stores, as streams or in any order.

pub(crate) mod byte_stream;
pub(crate) mod inputs;
pub(crate) mod object_stores;
pub(crate) mod position;
pub(crate) mod shared_file;
