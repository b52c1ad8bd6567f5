//! The inputs that paths stand for: files, standard input, and the files of directories.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::IngestError;

/// Standard input, as a path.
pub(super) const STANDARD_INPUT: &str = "-";

/// How deep directories are searched.
const MAX_DIRECTORY_DEPTH: usize = 32;

/// One thing to read.
#[derive(Debug)]
pub(super) struct Input {
    /// Where it is; `-` for standard input.
    pub(super) path: PathBuf,
    /// Whether it was found in a directory, and so may be something else than traces.
    pub(super) found: bool,
}

/// A file that is not read, and why.
#[derive(Debug)]
pub(super) enum NotRead {
    /// Its name says that it holds no spans.
    ByName(PathBuf),
    /// It cannot be found out what it is.
    Failed(IngestError),
}

/// The inputs in the order of `paths`; the files of a directory in the order of their names.
pub(super) fn find_inputs(paths: &[PathBuf]) -> Vec<Result<Input, NotRead>> {
    let mut inputs = Vec::new();
    for path in paths {
        if path.as_os_str() != STANDARD_INPUT && path.is_dir() {
            search(path, 0, &mut inputs);
        } else {
            inputs.push(Ok(Input { path: path.clone(), found: false }));
        }
    }
    inputs
}

fn search(directory: &Path, depth: usize, inputs: &mut Vec<Result<Input, NotRead>>) {
    let entries: io::Result<Vec<fs::DirEntry>> = fs::read_dir(directory).and_then(Iterator::collect);
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(source) => {
            inputs.push(Err(NotRead::Failed(IngestError::Open { path: directory.to_owned(), source })));
            return;
        }
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if says_no_spans(&entry.file_name().to_string_lossy()) {
            inputs.push(Err(NotRead::ByName(path)));
        } else if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            // Linked directories are not searched: they may lead back here.
            if depth < MAX_DIRECTORY_DEPTH {
                search(&path, depth + 1, inputs);
            }
        } else if path.is_file() {
            inputs.push(Ok(Input { path, found: true }));
        }
    }
}

/// Hidden files, the markers and logs of table formats (`_SUCCESS`, `_delta_log`), and the indexes that Honeycomb writes
/// beside its archive.
fn says_no_spans(name: &str) -> bool {
    name.starts_with(['.', '_']) || name.starts_with("index_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_read_in_name_order() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir_all(directory.path().join("b/_delta_log")).expect("directories");
        for name in ["c", "b/z", "b/a", "b/_SUCCESS", "a.json", "index_x.json"] {
            fs::write(directory.path().join(name), "x").expect("a file");
        }
        let found: Vec<String> = find_inputs(&[directory.path().to_owned(), "-".into(), "absent".into()])
            .into_iter()
            .map(|input| {
                let (mark, path) = match input {
                    Ok(input) => (if input.found { "found" } else { "given" }, input.path),
                    Err(NotRead::ByName(path)) => ("not read", path),
                    Err(NotRead::Failed(error)) => panic!("{error}"),
                };
                let path = path.strip_prefix(directory.path()).unwrap_or(&path).display().to_string();
                format!("{mark} {path}")
            })
            .collect();
        assert_eq!(
            found,
            [
                "found a.json",
                "not read b/_SUCCESS",
                "not read b/_delta_log",
                "found b/a",
                "found b/z",
                "found c",
                "not read index_x.json",
                "given -",
                "given absent"
            ]
        );
    }
}
