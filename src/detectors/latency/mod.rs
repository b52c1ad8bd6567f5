//! What makes requests slow, and where their time goes.

pub(crate) mod latency_attribution;
pub(crate) mod n_plus_one;
pub(crate) mod sync_chain;
