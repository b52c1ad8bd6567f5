//! What failures do to requests, and what makes them worse.

mod call_windows;
pub(crate) mod circuit_breaker;
mod deeper_patterns;
pub(in crate::detectors) mod edge_calls;
pub(crate) mod failure_amplification;
mod failure_evidence;
pub(crate) mod failure_origins;
pub(crate) mod hard_dependency;
mod named_windows;
pub(crate) mod retry_storm;
pub(crate) mod saturation;
pub(crate) mod throttling;
pub(crate) mod timeouts;
mod window_counts;
