//! Files that appear whole or not at all: written under another name in their own directory, then renamed.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::NamedTempFile;

/// Paths of files that are being written.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A file that is being written. Dropped before [`WholeFile::finish`], it leaves nothing behind.
#[derive(Debug)]
pub struct WholeFile {
    unfinished: NamedTempFile,
    path: PathBuf,
}

impl WholeFile {
    /// Begins the file that will be at `path`, with the permissions that any new file gets.
    ///
    /// # Errors
    /// If the directory of `path` takes no new file.
    pub fn create(path: &Path) -> io::Result<Self> {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            // A temporary file would else be for its owner alone.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let unfinished = builder.tempfile_in(directory)?;
        unfinished_files().push(unfinished.path().to_owned());
        Ok(Self { unfinished, path: path.to_owned() })
    }

    /// Where to write.
    pub fn file(&self) -> &File {
        self.unfinished.as_file()
    }

    /// Puts the file in its place, where it replaces any other.
    ///
    /// # Errors
    /// If it cannot be renamed.
    pub fn finish(self) -> io::Result<()> {
        unfinished_files().retain(|path| path != self.unfinished.path());
        self.unfinished.persist(&self.path)?;
        Ok(())
    }
}

/// Removes what is being written; for the moment before the process is ended from outside.
pub fn remove_unfinished_files() {
    for path in unfinished_files().drain(..) {
        // What is gone already need not be removed.
        let _ = std::fs::remove_file(path);
    }
}

fn unfinished_files() -> MutexGuard<'static, Vec<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}
