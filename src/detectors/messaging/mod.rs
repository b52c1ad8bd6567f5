//! What goes wrong with messages.

pub(super) mod consumer_lag;
mod evidence;
