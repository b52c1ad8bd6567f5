//! The tables that an older run left in the output directory. A directory holds one run: what else is in it stays.
//!
//! Files count as such only where a `run.json` of ours says so: the one in its place, and one that a killed run could
//! not put there any more, which has put some tables in theirs before.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::whole_file::left_overs;
use crate::detectors::catalog;
use crate::rank::FINDINGS;

#[cfg(unix)]
use std::fs::TryLockError;
#[cfg(unix)]
use std::time::{Duration, Instant};

/// The name of the file that says how the results came about.
pub(super) const RUN_JSON: &str = "run.json";

/// What the names of table files end in.
pub(super) const EXTENSIONS: [&str; 3] = ["parquet", "csv", "json"];

/// What of a `run.json` tells that it is one, and what was written with it.
#[derive(Deserialize)]
struct Written {
    #[serde(rename = "version")]
    _version: String,
    #[serde(rename = "arguments")]
    _arguments: Vec<String>,
    #[serde(rename = "settings")]
    _settings: IgnoredAny,
    #[serde(rename = "totals")]
    _totals: IgnoredAny,
    #[serde(rename = "quality")]
    _quality: IgnoredAny,
    /// Runs did not always say it.
    files: Option<Vec<String>>,
}

/// The files in `directory` that hold tables of older runs.
pub(super) fn older_tables(directory: &Path) -> Vec<PathBuf> {
    let mut names = Vec::new();
    let in_place = File::open(directory.join(RUN_JSON)).ok();
    for file in in_place.into_iter().chain(left_overs(directory).into_iter().map(|(_, file)| file)) {
        if let Ok(written) = serde_json::from_reader::<_, Written>(BufReader::new(file)) {
            names.extend(written.files.unwrap_or_else(usual_names));
        }
    }
    names.sort();
    names.dedup();
    let paths = names.iter().filter(|name| is_table_file(name)).map(|name| directory.join(name));
    paths.filter(|path| fs::symlink_metadata(path).is_ok_and(|present| present.is_file())).collect()
}

/// Whether a name is that of a file in the directory itself which can be a table.
fn is_table_file(name: &str) -> bool {
    let path = Path::new(name);
    let is_plain = matches!(path.components().collect::<Vec<_>>()[..], [Component::Normal(only)] if only == name);
    is_plain
        && name != RUN_JSON
        && path.extension().is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known))
}

/// All names that files of tables may have.
fn usual_names() -> Vec<String> {
    let tables = catalog().into_iter().map(|entry| entry.description.table).chain([FINDINGS]);
    tables.flat_map(|table| EXTENSIONS.map(|extension| format!("{table}.{extension}"))).collect()
}

/// Keeps two runs from putting their files into one directory at the same time, as long as it lives. Nobody needs long
/// for that, so a lock that does not come soon is held by somebody else, such as `flock DIR tracescan …`, and is done
/// without.
#[cfg(unix)]
pub(super) fn lock(directory: &Path) -> Option<File> {
    const LONGEST_WAIT: Duration = Duration::from_secs(2);
    const PAUSE: Duration = Duration::from_millis(20);
    let opened = File::open(directory).ok()?;
    let since = Instant::now();
    while let Err(TryLockError::WouldBlock) = opened.try_lock() {
        if since.elapsed() > LONGEST_WAIT {
            return None;
        }
        std::thread::sleep(PAUSE);
    }
    Some(opened)
}

/// Directories cannot be locked here.
#[cfg(not(unix))]
pub(super) fn lock(_directory: &Path) {}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = r#""version":"1","arguments":[],"settings":{},"inputs":[],"totals":{},"quality":{}"#;

    fn directory(files: &[(&str, String)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::write(directory.path().join(name), content).unwrap();
        }
        directory
    }

    fn found(directory: &tempfile::TempDir) -> Vec<String> {
        let name = |path: PathBuf| path.strip_prefix(directory.path()).unwrap().display().to_string();
        older_tables(directory.path()).into_iter().map(name).collect()
    }

    /// What is listed counts if it is there and is a plain name of a table file, from a run that ended and one that was
    /// killed.
    #[test]
    fn listed_tables_are_older_ones() {
        let listed = r#"["a.csv","b.parquet","absent.csv","../x.csv","notes.txt","run.json","sub/a.csv",".","d.json"]"#;
        let run = format!("{{{OURS},\"files\":{listed}}}");
        let killed = format!("{{{OURS},\"files\":[\"c.json\",\"a.csv\"]}}");
        let files = ["a.csv", "b.parquet", "c.json", "notes.txt", "findings.csv"].map(|name| (name, String::new()));
        let more = [(RUN_JSON, run), (".tracescan-1.unfinished", killed)];
        let directory = directory(&[&files[..], &more].concat());
        fs::create_dir(directory.path().join("d.json")).unwrap();
        assert_eq!(found(&directory), ["a.csv", "b.parquet", "c.json"]);
    }

    /// Runs that listed nothing wrote tables with names of ours.
    #[test]
    fn tables_of_runs_that_listed_nothing_are_told_by_their_names() {
        let files = ["n_plus_one.csv", "findings.parquet", "other.csv", "n_plus_one.txt"];
        let mut files: Vec<(&str, String)> = files.map(|name| (name, String::new())).into();
        files.push((RUN_JSON, format!("{{{OURS}}}")));
        assert_eq!(found(&directory(&files)), ["findings.parquet", "n_plus_one.csv"]);
    }

    /// Whoever holds a directory locked for other reasons does not keep a run from its end.
    #[cfg(unix)]
    #[test]
    fn locks_of_others_are_not_waited_for_long() {
        let directory = tempfile::tempdir().unwrap();
        let own = lock(directory.path());
        assert!(own.is_some());
        assert!(lock(directory.path()).is_none());
        drop(own);
        assert!(lock(directory.path()).is_some());
    }

    /// Where no run of ours is, nothing is ours.
    #[test]
    fn files_of_others_stay() {
        for run in ["", "{}", "[]", r#"{"version":"1","files":["n_plus_one.csv"]}"#] {
            let files = [("n_plus_one.csv", String::new()), (RUN_JSON, run.to_owned())];
            assert!(found(&directory(&files)).is_empty(), "{run}");
        }
        assert!(found(&directory(&[("findings.csv", String::new())])).is_empty());
    }
}
