//! Files that appear whole or not at all: written under another name in their own directory, then renamed.
//!
//! Files are made, put in their places and removed under one lock, so that an interrupt finds all of them.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::NamedTempFile;

/// Paths of files that are being written.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A file that is being written. Dropped before [`finish_files`], it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct WholeFile {
    unfinished: NamedTempFile,
    path: PathBuf,
}

impl WholeFile {
    /// Begins the file that will be at `path`, with the permissions that any new file gets.
    ///
    /// # Errors
    /// If the directory of `path` takes no new file, or something else than a file is there, such as a device.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        if path.metadata().is_ok_and(|present| !present.is_file()) {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "what is there is no file, and is left as it is"));
        }
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            // A temporary file would else be for its owner alone.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let mut unfinished_files = unfinished_files();
        let unfinished = builder.tempfile_in(directory)?;
        unfinished_files.push(unfinished.path().to_owned());
        Ok(Self { unfinished, path: path.to_owned() })
    }

    /// Where to write.
    pub(crate) fn file(&self) -> &File {
        self.unfinished.as_file()
    }
}

/// Puts files in their places, where they replace any others: all or, if one cannot be renamed, those before it. An
/// interrupt comes before the first or after the last.
///
/// # Errors
/// The path that cannot be taken, and why.
pub(crate) fn finish_files(files: Vec<WholeFile>) -> Result<(), (PathBuf, io::Error)> {
    let mut unfinished_files = unfinished_files();
    for WholeFile { unfinished, path } in files {
        unfinished_files.retain(|known| known != unfinished.path());
        if let Err(failed) = unfinished.persist(&path) {
            return Err((path, failed.error));
        }
    }
    Ok(())
}

/// Removes what is being written, for the moment before the process ends: until then, no other file is begun or finished.
pub(crate) fn remove_unfinished_files() {
    let mut unfinished_files = unfinished_files();
    for path in unfinished_files.drain(..) {
        // What is gone already need not be removed.
        let _ = std::fs::remove_file(path);
    }
    std::mem::forget(unfinished_files);
}

fn unfinished_files() -> MutexGuard<'static, Vec<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}
