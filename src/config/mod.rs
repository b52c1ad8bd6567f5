//! What the arguments and `tracescan.toml` mean together: arguments first, then the file, then the defaults.

mod error;
mod file;
mod incident;
mod keys;
mod memory;
mod selection;
mod settings;
mod values;

pub(crate) use error::nearest;
pub(crate) use memory::memory_for_spans;
pub(crate) use selection::selection;
pub(crate) use settings::{AnalysedWith, Settings, retry_timeout};
