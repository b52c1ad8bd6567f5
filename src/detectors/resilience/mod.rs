//! What failures do to requests, and what makes them worse.

mod call_windows;
pub(crate) mod failure_amplification;
pub(crate) mod retry_storm;
