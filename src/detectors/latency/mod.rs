//! What makes requests slow, and where their time goes.

mod call_order;
mod fan_outs;
mod item_sets;
pub(crate) mod latency_attribution;
pub(crate) mod n_plus_one;
mod pair_evidence;
pub(crate) mod serial_fan_out;
mod serial_run;
pub(crate) mod sync_chain;
