//! Why a file of partial results cannot be written or read.

use std::io;
use std::path::PathBuf;

use arrow::error::ArrowError;

/// Why a file of partial results cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PartialError {
    /// The file cannot be opened, read or written.
    #[error("cannot access the partial results in {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file is none of partial results, or is cut short.
    #[error("{} holds no partial results, or was cut short: write it with analyze --partial", path.display())]
    NotPartial {
        /// The file.
        path: PathBuf,
    },
    /// Another version wrote the file.
    #[error("{} holds partial results of version {version}, and this program reads version {known}: write it again", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u64,
        /// The version that is read.
        known: u64,
    },
    /// A group of columns cannot be decoded.
    #[error("cannot decode {group} of the partial results in {}, at byte {offset}: {source}", path.display())]
    Arrow {
        /// The file.
        path: PathBuf,
        /// The group.
        group: String,
        /// Where it begins.
        offset: u64,
        /// What is wrong.
        source: ArrowError,
    },
    /// The files were made with settings that give other results.
    #[error("{} was written with other settings than {}: {difference}", path.display(), first.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// The file that it is compared with.
        first: PathBuf,
        /// What differs.
        difference: String,
    },
}
