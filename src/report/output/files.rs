//! The output directory: a file for each table, and `run.json`.
//!
//! All appear or none: they are written under other names beside their places, then renamed. A directory holds one run:
//! tables of an earlier one that are not replaced are removed.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::cli::TableFormat;
use crate::rank::Rows;

use crate::report::csv::write_csv_table;
use crate::report::json::write_rows;
use crate::report::output::older_run::{self, RUN_JSON, older_tables};
use crate::report::output::whole_file::{WholeFile, replace_files};
use crate::report::parquet::write_parquet_table;
use crate::report::run_json::{ComparisonRun, Run, write_comparison_json, write_run_json};
use crate::report::summary::Summary;

/// Why an output file could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum OutputError {
    /// The directory is not there and cannot be made.
    #[error("cannot create the output directory {}: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}; a file of that name from an earlier run was left as it was", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What failed.
        source: io::Error,
    },
}

/// Writes a file for each table, and `run.json`, which is the last to appear: where that is, the tables are complete. The
/// directory is made if it is not there. `done` is called after each table.
///
/// # Errors
/// If the directory or a file cannot be written: then none is.
pub(crate) fn write_files(
    directory: &Path,
    tables: &[&dyn Rows],
    format: TableFormat,
    run: &Run,
    summary: &Summary,
    done: &dyn Fn(),
) -> Result<(), OutputError> {
    write_all(directory, tables, format, |out, names| write_run_json(out, run, summary, names), done)
}

/// Writes a file for each table of a comparison, and its `run.json`, in the same way.
///
/// # Errors
/// As [`write_files`].
pub(crate) fn write_comparison_files(
    directory: &Path,
    tables: &[&dyn Rows],
    format: TableFormat,
    comparison: &ComparisonRun,
) -> Result<(), OutputError> {
    write_all(directory, tables, format, |out, names| write_comparison_json(out, comparison, names), &|| ())
}

fn write_all(
    directory: &Path,
    tables: &[&dyn Rows],
    format: TableFormat,
    write_run: impl FnOnce(&mut BufWriter<&fs::File>, &[String]) -> io::Result<()>,
    done: &dyn Fn(),
) -> Result<(), OutputError> {
    fs::create_dir_all(directory).map_err(|source| OutputError::Directory { path: directory.to_owned(), source })?;
    // Before left-overs are removed, which tell of tables as well.
    let mut older = older_tables(directory);
    let mut files = Vec::new();
    let mut names = Vec::new();
    for table in tables {
        let name = file_name(*table, format);
        files.push(write_table(directory, *table, format, &name)?);
        names.push(name);
        done();
    }
    names.sort();
    files.push(write_unfinished(directory, RUN_JSON, |out| write_run(out, &names))?);
    let _locked = older_run::lock(directory);
    // Another run may have come to its end meanwhile.
    older.extend(older_tables(directory));
    older.retain(|path| !names.iter().any(|name| path.ends_with(name)));
    replace_files(files, &older).map_err(|(path, source)| OutputError::Write { path, source })
}

fn file_name(table: &dyn Rows, format: TableFormat) -> String {
    format!("{}.{}", table.name(), extension(format))
}

fn write_table(directory: &Path, table: &dyn Rows, format: TableFormat, name: &str) -> Result<WholeFile, OutputError> {
    write_unfinished(directory, name, |out| match format {
        TableFormat::Parquet => write_parquet_table(out, table).map(drop).map_err(io::Error::other),
        TableFormat::Csv => write_csv_table(out, table),
        TableFormat::Json => {
            write_rows(out, table, usize::MAX)?;
            out.write_all(b"\n")
        }
    })
}

fn extension(format: TableFormat) -> &'static str {
    match format {
        TableFormat::Parquet => "parquet",
        TableFormat::Csv => "csv",
        TableFormat::Json => "json",
    }
}

fn write_unfinished(
    directory: &Path,
    name: &str,
    write: impl FnOnce(&mut BufWriter<&fs::File>) -> io::Result<()>,
) -> Result<WholeFile, OutputError> {
    let path = directory.join(name);
    let write = || {
        let file = WholeFile::create(&path)?;
        let mut out = BufWriter::new(file.file());
        write(&mut out)?;
        out.flush()?;
        drop(out);
        Ok(file)
    };
    write().map_err(|source| OutputError::Write { path: path.clone(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    /// Every value of every column comes back from Parquet with the type that its unit says, and nothing is left beside the
    /// files.
    #[test]
    fn files_hold_all_rows_with_their_types() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path().join("new/out");
        let (table, empty) = (samples::table(), samples::empty_table());
        let write = |tables: &[&dyn Rows], format| {
            write_files(&directory, tables, format, &Run::default(), &samples::summary(), &|| ()).unwrap();
        };
        write(&[&table, &empty], TableFormat::Parquet);
        assert_eq!(names(&directory), ["empty.parquet", "run.json", "sample.parquet"]);

        let read = |name: &str| {
            let file = fs::File::open(directory.join(name)).unwrap();
            let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
            let schema = reader.schema().clone();
            (schema, reader.build().unwrap().map(Result::unwrap).collect::<Vec<_>>())
        };
        let (schema, batches) = read("sample.parquet");
        assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), table.row_count());
        let types: Vec<String> =
            schema.fields().iter().map(|field| format!("{}: {}", field.name(), field.data_type())).collect();
        insta::assert_snapshot!(types.join("\n"), @r#"
        rank: Int64
        caller_service: Utf8
        operation: Utf8
        chain: List(Utf8)
        induced: Boolean
        calls_p50: Int64
        trace_share: Float64
        attempts_mean: Float64
        first_seen: Timestamp(µs, "UTC")
        first_seen_unix_nano: Int64
        saving_ns: Int64
        example_trace_id: Utf8
        "#);
        let (schema, batches) = read("empty.parquet");
        assert_eq!((schema.fields().len(), batches.len()), (empty.columns.len() + 1, 0));

        write(&[&table], TableFormat::Json);
        let json = fs::read_to_string(directory.join("sample.json")).unwrap();
        let rows: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
        assert_eq!(rows.len(), table.row_count());
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort_unstable();
        names
    }

    /// Tables of an earlier run go, whatever their format; what somebody else put there stays. What is there is listed.
    #[test]
    fn a_directory_holds_one_run() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        for name in ["notes.md", "mine.csv", "findings.csv"] {
            fs::write(path(name), "x").unwrap();
        }
        let (table, empty) = (samples::table(), samples::empty_table());
        let write = |tables: &[&dyn Rows], format| {
            let (run, summary) = (Run::default(), samples::summary());
            write_files(directory.path(), tables, format, &run, &summary, &|| ()).unwrap();
            let run: serde_json::Value = serde_json::from_slice(&fs::read(path("run.json")).unwrap()).unwrap();
            run["files"].clone()
        };
        let listed = write(&[&table, &empty], TableFormat::Csv);
        assert_eq!(listed, serde_json::json!(["empty.csv", "sample.csv"]));
        let foreign = ["findings.csv", "mine.csv", "notes.md", "run.json"];
        let with = |ours: &[&'static str]| {
            let mut all = [&foreign[..], ours].concat();
            all.sort_unstable();
            all
        };
        assert_eq!(names(directory.path()), with(&["empty.csv", "sample.csv"]));
        write(&[&table], TableFormat::Csv);
        assert_eq!(names(directory.path()), with(&["sample.csv"]));
        assert_eq!(write(&[&table], TableFormat::Parquet), serde_json::json!(["sample.parquet"]));
        assert_eq!(names(directory.path()), with(&["sample.parquet"]));
    }

    /// What was written before the failure does not appear either.
    #[test]
    fn a_failure_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let taken = directory.path().join("run.json");
        fs::create_dir(&taken).unwrap();
        let table = samples::table();
        let failed =
            write_files(directory.path(), &[&table], TableFormat::Csv, &Run::default(), &samples::summary(), &|| ())
                .unwrap_err();
        assert!(failed.to_string().contains("run.json"), "{failed}");
        let full = write_unfinished(directory.path(), "sample.csv", |out| {
            out.write_all(b"half")?;
            Err(io::Error::other("disk full"))
        });
        assert!(full.is_err());
        let left: Vec<PathBuf> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(left, [taken]);
    }
}
