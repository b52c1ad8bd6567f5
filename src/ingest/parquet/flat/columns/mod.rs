//! What columns of a table become: parts of signatures, values of rows, and texts that are looked at in a sample of traces.

pub(crate) mod nested;
pub(crate) mod own;
pub(crate) mod row;
pub(crate) mod sampled;
pub(crate) mod signature;
pub(crate) mod text;
