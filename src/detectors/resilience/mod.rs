//! What failures do to requests, and what makes them worse.

mod call_windows;
mod deeper_patterns;
mod edge_calls;
pub(crate) mod failure_amplification;
mod failure_evidence;
pub(crate) mod failure_origins;
pub(crate) mod hard_dependency;
mod named_windows;
mod outcomes;
pub(crate) mod retry_storm;
pub(crate) mod saturation;
pub(crate) mod throttling;
mod window_counts;
