//! The inputs that paths stand for: files, standard input, the files of directories, and objects in object stores.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::input::{Input, NotRead, STANDARD_INPUT};
use super::no_spans::why_no_spans;
use super::object_stores;
use crate::ingest::error::IngestError;

/// How deep directories are searched.
const MAX_DIRECTORY_DEPTH: usize = 32;

/// The inputs in the order of `paths`; the files of a directory, and those that a glob matches, in the order of their
/// names. A path that exists is no glob, whatever its name. Requests to object stores may lose `retry_timeout` by
/// failures.
pub(crate) fn find_inputs(paths: &[PathBuf], retry_timeout: Duration) -> Vec<Result<Input, NotRead>> {
    let mut inputs = Vec::new();
    for path in paths {
        let is_standard_input = |path: &Path| path.as_os_str() == STANDARD_INPUT;
        if is_standard_input(path) && inputs.iter().flatten().any(|input: &Input| is_standard_input(&input.path)) {
            inputs.push(Err(NotRead::LeftOut { path: path.clone(), reason: "standard input is read once" }));
        } else if is_standard_input(path) {
            inputs.push(Ok(Input { path: path.clone(), found: false }));
        } else if object_stores::is_url(path) {
            inputs.extend(object_stores::find(path, retry_timeout));
        } else if path.is_dir() {
            inputs.extend(found_in(path));
        } else if let Some(pattern) = path.to_str().filter(|text| text.contains(['*', '?', '[']) && !path.exists()) {
            inputs.extend(find_matches(path, pattern));
        } else {
            inputs.push(Ok(Input { path: path.clone(), found: false }));
        }
    }
    inputs
}

fn found_in(directory: &Path) -> Vec<Result<Input, NotRead>> {
    let mut search = Search::default();
    search.directory(directory, 0);
    search.inputs
}

fn find_matches(path: &Path, pattern: &str) -> Vec<Result<Input, NotRead>> {
    let fail = |what: String| vec![Err(NotRead::Failed(IngestError::NoMatch { path: path.to_owned(), what }))];
    let matches = match glob::glob(pattern) {
        Ok(matches) => matches,
        Err(error) => return fail(format!("it is no glob ({error})")),
    };
    let mut inputs = Vec::new();
    for found in matches {
        match found {
            Ok(found) if found.is_dir() => inputs.extend(found_in(&found)),
            Ok(found) => {
                inputs.push(match why_no_spans(&name_of(&found), |name| found.with_file_name(name).exists()) {
                    Some(reason) => Err(NotRead::LeftOut { path: found, reason }),
                    None => Ok(Input { path: found, found: true }),
                })
            }
            Err(error) => {
                let path = error.path().to_owned();
                inputs.push(Err(NotRead::Failed(IngestError::Open { path, source: error.into() })));
            }
        }
    }
    if inputs.is_empty() { fail("no file matches it".to_owned()) } else { inputs }
}

/// A search through directories.
#[derive(Default)]
struct Search {
    inputs: Vec<Result<Input, NotRead>>,
    /// Directories that were met, by the paths that no link is part of: links may lead back, or to the same files again.
    met: HashSet<PathBuf>,
}

impl Search {
    fn fail(&mut self, path: &Path, source: io::Error) {
        self.inputs.push(Err(NotRead::Failed(IngestError::Open { path: path.to_owned(), source })));
    }

    fn leave_out(&mut self, path: PathBuf, reason: &'static str) {
        self.inputs.push(Err(NotRead::LeftOut { path, reason }));
    }

    fn directory(&mut self, directory: &Path, depth: usize) {
        let own = match fs::canonicalize(directory) {
            Ok(own) => own,
            Err(source) => return self.fail(directory, source),
        };
        if !self.met.insert(own) {
            return self.leave_out(directory.to_owned(), "what is there was met by another path already");
        }
        if depth > MAX_DIRECTORY_DEPTH {
            return self.leave_out(directory.to_owned(), "it lies too deep; give it by its own path to read it");
        }
        let entries: io::Result<Vec<fs::DirEntry>> = fs::read_dir(directory).and_then(Iterator::collect);
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(source) => return self.fail(directory, source),
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        let names: HashSet<String> =
            entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        for entry in entries {
            let path = entry.path();
            if let Some(reason) = why_no_spans(&name_of(&path), |name| names.contains(name)) {
                self.leave_out(path, reason);
                continue;
            }
            match fs::metadata(&path) {
                Ok(found) if found.is_dir() => self.directory(&path, depth + 1),
                Ok(found) if found.is_file() => self.inputs.push(Ok(Input { path, found: true })),
                Ok(_) => self.leave_out(path, "it is a pipe, a socket or a device; give it by its own path to read it"),
                Err(source) => self.fail(&path, source),
            }
        }
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Linked directories are read, once; what cannot be read is told.
    #[cfg(unix)]
    #[test]
    fn nothing_in_a_directory_vanishes() {
        use std::os::unix::fs::symlink;
        use std::os::unix::net::UnixListener;

        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = |name: &str| directory.path().join(name);
        fs::create_dir_all(path("in/day")).expect("directories");
        fs::create_dir_all(path("elsewhere")).expect("directories");
        fs::write(path("in/day/a"), "x").expect("a file");
        fs::write(path("elsewhere/b"), "x").expect("a file");
        symlink(path("elsewhere"), path("in/linked")).expect("a link");
        symlink(path("in"), path("in/up")).expect("a link");
        symlink(path("in/day"), path("in/day 2")).expect("a link");
        symlink(path("nowhere"), path("in/gone")).expect("a link");
        symlink(path("elsewhere/b"), path("in/file")).expect("a link");
        let _listener = UnixListener::bind(path("in/socket")).expect("a socket");
        let found: Vec<String> = find_inputs(&[path("in")], Duration::ZERO)
            .into_iter()
            .map(|input| match input {
                Ok(input) => name_of(&input.path),
                Err(NotRead::LeftOut { path, reason }) => format!("{}: {reason}", name_of(&path)),
                Err(NotRead::Failed(error)) => error.to_string(),
            })
            .collect();
        let again = "what is there was met by another path already";
        assert_eq!(found[..3], ["a".to_owned(), format!("day 2: {again}"), "file".to_owned()]);
        assert!(found[3].contains("gone") && found[3].contains("No such file"), "{}", found[3]);
        let socket = "socket: it is a pipe, a socket or a device; give it by its own path to read it";
        assert_eq!(found[4..], ["b".to_owned(), socket.to_owned(), format!("up: {again}")]);
    }

    #[test]
    fn globs_are_expanded_unless_the_file_is_there() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = |name: &str| directory.path().join(name);
        fs::create_dir_all(path("day=1/part")).expect("directories");
        fs::create_dir_all(path("_part_id=2")).expect("directories");
        for name in ["day=1/a.json", "day=1/part/b", "_part_id=2/c", "[x].json", "a.parquet.crc"] {
            fs::write(path(name), "x").expect("a file");
        }
        let found = |pattern: &str| -> Vec<String> {
            let name = |path: &Path| path.strip_prefix(directory.path()).unwrap_or(path).display().to_string();
            let inputs = find_inputs(&[path(pattern)], Duration::ZERO).into_iter();
            inputs
                .map(|input| match input {
                    Ok(input) => name(&input.path),
                    Err(NotRead::LeftOut { path, .. }) => format!("not {}", name(&path)),
                    Err(NotRead::Failed(error)) => error.to_string(),
                })
                .collect()
        };
        assert_eq!(found("day=*"), ["day=1/a.json", "day=1/part/b"]);
        assert_eq!(found("**/*.json"), ["[x].json", "day=1/a.json"]);
        assert_eq!(found("[x].json"), ["[x].json"]);
        assert_eq!(found("*"), ["[x].json", "_part_id=2/c", "not a.parquet.crc", "day=1/a.json", "day=1/part/b"]);
        let twice = find_inputs(&[STANDARD_INPUT, STANDARD_INPUT].map(PathBuf::from), Duration::ZERO);
        assert!(twice[0].is_ok() && matches!(twice[1], Err(NotRead::LeftOut { .. })), "{twice:?}");
        assert!(found("none*")[0].contains("no file matches"), "{:?}", found("none*"));
    }

    /// A block is one file; once it was merged into another it is none.
    #[test]
    fn tempo_blocks_are_told_from_their_descriptions() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for (folder, names) in [
            ("new", &["data.parquet", "meta.json", "bloom-0", "index", "nodes-flat", "other.json"][..]),
            ("old", &["data.parquet", "meta.compacted.json"]),
            ("plain", &["index", "meta.json"]),
        ] {
            fs::create_dir(directory.path().join(folder)).expect("a directory");
            for name in names {
                fs::write(directory.path().join(folder).join(name), "x").expect("a file");
            }
        }
        let read = |paths: &[PathBuf]| -> Vec<String> {
            let inputs = find_inputs(paths, Duration::ZERO).into_iter().filter_map(Result::ok);
            inputs.map(|input| input.path.strip_prefix(directory.path()).unwrap().display().to_string()).collect()
        };
        let expected = ["new/data.parquet", "new/other.json", "plain/index", "plain/meta.json"];
        assert_eq!(read(&[directory.path().to_owned()]), expected);
        assert_eq!(read(&[directory.path().join("*/data.parquet")]), ["new/data.parquet"]);
        assert_eq!(read(&[directory.path().join("old/data.parquet")]), ["old/data.parquet"]);
    }

    #[test]
    fn directories_are_read_in_name_order() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir_all(directory.path().join("b/_delta_log")).expect("directories");
        for name in ["c", "b/z", "b/a", "b/_SUCCESS", "a.json", "index_x.json"] {
            fs::write(directory.path().join(name), "x").expect("a file");
        }
        let found: Vec<String> =
            find_inputs(&[directory.path().to_owned(), "-".into(), "absent".into()], Duration::ZERO)
                .into_iter()
                .map(|input| {
                    let (mark, path) = match input {
                        Ok(input) => (if input.found { "found" } else { "given" }, input.path),
                        Err(NotRead::LeftOut { path, .. }) => ("not read", path),
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
