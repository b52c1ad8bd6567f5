//! Detectors of what services do with data: with that of others, with data and messages, and with what they do not undo.

pub(super) mod dual_write;
pub(super) mod shared_database;
pub(super) mod uncompensated_saga;
