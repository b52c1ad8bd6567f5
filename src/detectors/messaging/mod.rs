//! What goes wrong with messages.

pub(super) mod consumer_lag;
pub(super) mod dead_letter;
pub(super) mod duplicate_message;
mod evidence;
pub(super) mod large_payload;
pub(super) mod message_disorder;
