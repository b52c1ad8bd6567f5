//! Files that appear whole or not at all: written under another name in their own directory, then renamed.
//!
//! Files are made, put in their places and removed under one lock, so that an interrupt finds all of them. What a
//! killed run left is taken away by the next that writes to the directory: unfinished files have names of their own and
//! are locked by whoever writes them, and a lock ends with its process, on whichever machine that is.

use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::NamedTempFile;

/// What the names of unfinished files begin and end with.
const UNFINISHED_PREFIX: &str = ".tracescan-";
const UNFINISHED_SUFFIX: &str = ".unfinished";

/// How often a file is begun anew that another run takes for a left-over before it is locked.
const MAX_BEGINNINGS: usize = 16;

#[derive(Default)]
struct Unfinished {
    /// Paths of files that are being written.
    paths: Vec<PathBuf>,
    /// Directories from which left-overs were taken away.
    cleaned: HashSet<PathBuf>,
}

static UNFINISHED: Mutex<Option<Unfinished>> = Mutex::new(None);

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
        let mut state = unfinished_files();
        let state = state.get_or_insert_default();
        if state.cleaned.insert(directory.to_owned()) {
            remove_left_overs(directory);
        }
        let unfinished = begin(directory)?;
        state.paths.push(unfinished.path().to_owned());
        Ok(Self { unfinished, path: path.to_owned() })
    }

    /// Where to write.
    pub(crate) fn file(&self) -> &File {
        self.unfinished.as_file()
    }
}

/// A file under a name of ours that is locked.
fn begin(directory: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED_PREFIX).suffix(UNFINISHED_SUFFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // A temporary file would else be for its owner alone.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    for _ in 0..MAX_BEGINNINGS {
        let unfinished = builder.tempfile_in(directory)?;
        // Where files cannot be locked, none is ever taken for a left-over.
        let _ = unfinished.as_file().lock();
        if unfinished.path().exists() {
            return Ok(unfinished);
        }
    }
    Err(io::Error::other("another run removes what this one begins"))
}

/// The files in `directory` that runs left unfinished which are over.
pub(crate) fn left_overs(directory: &Path) -> Vec<(PathBuf, File)> {
    let entries = fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
    let is_unfinished = |name: &str| name.starts_with(UNFINISHED_PREFIX) && name.ends_with(UNFINISHED_SUFFIX);
    let files = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_unfinished));
    let files = files.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    files
        .filter_map(|entry| {
            let path = entry.path();
            let file = File::options().read(true).write(true).open(&path).ok()?;
            match file.try_lock() {
                Ok(()) => Some((path, file)),
                Err(TryLockError::WouldBlock | TryLockError::Error(_)) => None,
            }
        })
        .collect()
}

/// Files that cannot be removed do no harm but take room.
fn remove_left_overs(directory: &Path) {
    for (path, locked) in left_overs(directory) {
        let _ = fs::remove_file(path);
        // Whoever waits for the lock then sees that the file is gone.
        drop(locked);
    }
}

/// Puts files in their places, where they replace any others: all or, if one cannot be renamed, those before it. An
/// interrupt comes before the first or after the last.
///
/// # Errors
/// The path that cannot be taken, and why.
pub(crate) fn finish_files(files: Vec<WholeFile>) -> Result<(), (PathBuf, io::Error)> {
    replace_files(files, &[])
}

/// The same, and removes the files at `older` before the last one is put in its place.
///
/// # Errors
/// The path that cannot be taken or freed, and why.
pub(crate) fn replace_files(files: Vec<WholeFile>, older: &[PathBuf]) -> Result<(), (PathBuf, io::Error)> {
    let mut state = unfinished_files();
    let state = state.get_or_insert_default();
    let last = files.len().saturating_sub(1);
    for (index, WholeFile { unfinished, path }) in files.into_iter().enumerate() {
        if index == last {
            remove_files(older)?;
        }
        state.paths.retain(|known| known != unfinished.path());
        if let Err(failed) = unfinished.persist(&path) {
            return Err((path, failed.error));
        }
    }
    Ok(())
}

fn remove_files(paths: &[PathBuf]) -> Result<(), (PathBuf, io::Error)> {
    for path in paths {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err((path.clone(), error)),
            _ => {}
        }
    }
    Ok(())
}

/// Removes what is being written, for the moment before the process ends: until then, no other file is begun or finished.
pub(crate) fn remove_unfinished_files() {
    let mut state = unfinished_files();
    for path in state.get_or_insert_default().paths.drain(..) {
        // What is gone already need not be removed.
        let _ = fs::remove_file(path);
    }
    std::mem::forget(state);
}

fn unfinished_files() -> MutexGuard<'static, Option<Unfinished>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// What nobody writes any more goes; what somebody writes, and what is not ours, stays.
    #[test]
    fn left_overs_are_taken_away() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        for name in [".tracescan-a.unfinished", ".tmpAbCdEf", ".tracescan-notes", "spans.unfinished"] {
            fs::write(path(name), "x").unwrap();
        }
        fs::create_dir(path(".tracescan-b.unfinished")).unwrap();
        // As another process would: a lock belongs to whoever opened the file.
        let other = begin(directory.path()).unwrap();
        let other_name = other.path().file_name().unwrap().to_string_lossy().into_owned();

        let file = WholeFile::create(&path("out")).unwrap();
        finish_files(vec![file]).unwrap();
        let mut expected =
            [".tmpAbCdEf", ".tracescan-b.unfinished", ".tracescan-notes", "out", "spans.unfinished", &other_name];
        expected.sort_unstable();
        assert_eq!(names(directory.path()), expected);

        drop(other);
        assert!(!names(directory.path()).contains(&other_name));
    }

    /// The older files are gone before the last one is there, and where one cannot be removed, that one never is.
    #[test]
    fn older_files_go_before_the_last_comes() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("older"), "x").unwrap();
        fs::create_dir(path("directory")).unwrap();
        let files = || ["first", "last"].map(|name| WholeFile::create(&path(name)).unwrap()).into();
        let (failed, _) = replace_files(files(), &[path("directory")]).unwrap_err();
        assert_eq!(failed, path("directory"));
        assert_eq!(names(directory.path()), ["directory", "first", "older"]);
        replace_files(files(), &[path("older"), path("absent")]).unwrap();
        assert_eq!(names(directory.path()), ["directory", "first", "last"]);
    }
}
