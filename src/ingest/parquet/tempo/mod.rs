//! The blocks of Grafana Tempo, in which a row is a trace.

pub(crate) mod attributes;
pub(crate) mod block;
pub(crate) mod dedicated;
pub(crate) mod items;
pub(crate) mod spans;
