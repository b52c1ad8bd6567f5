//! Values and names as text: with units that people read, and sanitized for where they go.

pub(in crate::report) mod cell_text;
pub(in crate::report) mod sanitized;
pub(crate) mod units;
