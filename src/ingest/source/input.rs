//! One thing to read, and why a file is none.

use std::path::PathBuf;

use crate::ingest::error::IngestError;

/// Standard input, as a path.
pub(crate) const STANDARD_INPUT: &str = "-";

/// One thing to read.
#[derive(Debug)]
pub(crate) struct Input {
    /// Where it is; `-` for standard input.
    pub(crate) path: PathBuf,
    /// Whether it was found in a directory, and so may be something else than traces.
    pub(crate) found: bool,
}

/// A file that is not read, and why.
#[derive(Debug)]
pub(crate) enum NotRead {
    /// It holds no spans, or none that count.
    LeftOut {
        /// The file or directory.
        path: PathBuf,
        /// Why, for people.
        reason: &'static str,
    },
    /// It cannot be found out what it is.
    Failed(IngestError),
}
