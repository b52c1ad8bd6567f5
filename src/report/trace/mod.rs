//! One trace, ready to be shown: as a waterfall, as JSON, and for programs that draw traces.

mod chrome;
mod folding;
mod json;
mod lanes;
mod shown;
mod speedscope;

pub(crate) use chrome::write_chrome_trace;
pub(in crate::report) use folding::{Line, folded, unfolded};
pub(crate) use json::write_trace_as_json;
#[cfg(test)]
pub(in crate::report) use shown::samples;
pub(crate) use shown::{ShownFinding, ShownPath, ShownSection, ShownSpan, ShownTrace};
pub(crate) use speedscope::write_speedscope;
