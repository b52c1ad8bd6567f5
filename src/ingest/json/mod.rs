//! What all formats in JSON share: streams of documents, damaged ones included, and two ways to parse one.

pub(crate) mod attributes;
pub(crate) mod damaged;
pub(crate) mod lenient;
pub(crate) mod opening;
pub(crate) mod quick;
pub(crate) mod stream;
