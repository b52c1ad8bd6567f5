//! What the arguments and `tracescan.toml` mean together: arguments first, then the file, then the defaults.

mod error;
mod file;
mod keys;
mod memory;
mod selection;
mod settings;
mod values;

pub use error::{ConfigError, FileProblem};
pub use memory::memory_for_spans;
pub use selection::selection;
pub use settings::{AnalysedWith, Settings};
