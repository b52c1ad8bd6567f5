//! What makes requests slow, and where their time goes.

pub(crate) mod latency_attribution;
pub(crate) mod n_plus_one;
pub(crate) mod serial_fan_out;
pub(crate) mod sync_chain;
