//! What goes wrong with messages.

pub(super) mod consumer_lag;
pub(super) mod dead_letter;
mod evidence;
pub(super) mod large_payload;
