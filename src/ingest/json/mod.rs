//! What all formats in JSON share: two ways to parse a document, and what can be had of a damaged one.

pub(crate) mod attributes;
pub(crate) mod damaged;
pub(crate) mod id_text;
pub(crate) mod lenient;
pub(crate) mod line_starts;
pub(crate) mod opening;
pub(crate) mod printed_map;
pub(crate) mod quick;
