//! Commands that print documentation: of what is found and written, and of the command line itself.

mod completions;
mod explain;
mod man;

pub(super) use completions::run as completions;
pub(super) use explain::run as explain;
pub(super) use man::run as man;
