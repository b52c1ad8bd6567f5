//! What failures do to requests, and what makes them worse.

mod call_windows;
pub(crate) mod failure_amplification;
mod failure_evidence;
pub(crate) mod failure_origins;
mod failure_windows;
pub(crate) mod retry_storm;
mod window_counts;
