//! What failures do to requests, and what makes them worse.

mod call_windows;
mod edge_calls;
pub(crate) mod failure_amplification;
mod failure_evidence;
pub(crate) mod failure_origins;
mod named_windows;
pub(crate) mod retry_storm;
pub(crate) mod throttling;
mod window_counts;
