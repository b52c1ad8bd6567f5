//! What the arguments and `tracescan.toml` mean together: arguments first, then the file, then the defaults.

mod error;
mod file;
mod incident;
mod keys;
mod limits;
mod memory;
mod resolved;
mod schema;
mod selection;
mod settings;
mod values;

pub(crate) use error::{ConfigError, nearest};
pub(crate) use memory::memory_for_spans;
pub(crate) use resolved::resolved_settings;
pub(crate) use schema::configuration_schema;
pub(crate) use selection::selection;
pub(crate) use settings::{AnalysedWith, Settings, retry_timeout};
