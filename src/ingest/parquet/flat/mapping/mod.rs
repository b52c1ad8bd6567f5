//! Which column of a table holds which field of a span: the tables that are known by name, and the names that columns go by.

pub(crate) mod dialect;
pub(crate) mod field;
pub(crate) mod known_key;
pub(crate) mod partition_values;
pub(crate) mod stores;
