//! What traces tell that they should not, and what they do not tell that they should.

pub(crate) mod sensitive_data;
pub(crate) mod trace_quality;
