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
        if path.as_os_str() == STANDARD_INPUT {
            inputs.push(Ok(Input { path: path.clone(), found: false }));
        } else if object_stores::is_url(path) {
            inputs.extend(object_stores::find(path, retry_timeout));
        } else if path.is_dir() {
            search(path, 0, &mut inputs);
        } else if let Some(pattern) = path.to_str().filter(|text| text.contains(['*', '?', '[']) && !path.exists()) {
            inputs.extend(find_matches(path, pattern));
        } else {
            inputs.push(Ok(Input { path: path.clone(), found: false }));
        }
    }
    inputs
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
            Ok(found) if found.is_dir() => search(&found, 0, &mut inputs),
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
    let names: HashSet<String> = entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    for entry in entries {
        let path = entry.path();
        if let Some(reason) = why_no_spans(&name_of(&path), |name| names.contains(name)) {
            inputs.push(Err(NotRead::LeftOut { path, reason }));
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

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

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
