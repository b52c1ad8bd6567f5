//! Limits that hold for inputs of every format.

/// The largest message that is held in memory.
pub(crate) const MAX_MESSAGE_BYTES: usize = 1 << 30;
