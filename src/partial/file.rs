//! The file: groups of columns, and an index that finds each by its name.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::error::ArrowError;
use arrow::ipc::CompressionType;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
use flate2::Crc;
use serde::{Deserialize, Serialize};

use super::error::PartialError;
use super::group::{GroupReader, GroupWriter, Renumbering};

/// What such a file begins and ends with.
const MAGIC: &[u8; 8] = b"TSPARTL\n";

/// The version that is written and read. Whenever a column changes, so does this.
const VERSION: u64 = 11;

/// Rows of a record batch: larger groups are written in pieces, so that their compression needs little memory.
const ROWS_PER_BATCH: usize = 1 << 16;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Index {
    version: u64,
    /// What the results are of, as JSON.
    description: serde_json::Value,
    /// Where each group is.
    groups: BTreeMap<String, Place>,
}

/// Where a group of columns is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Place {
    /// First byte.
    offset: u64,
    /// Length.
    bytes: u64,
    /// CRC-32 of these bytes: a bit that turned over would else be a wrong result that nobody sees.
    crc: u32,
}

/// Writes a file of partial results.
pub(crate) struct PartialWriter<W: Write> {
    out: BufWriter<W>,
    written: u64,
    index: Index,
}

impl<W: Write> PartialWriter<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn new(out: W) -> io::Result<Self> {
        let mut out = BufWriter::new(out);
        out.write_all(MAGIC)?;
        let index = Index { version: VERSION, ..Index::default() };
        Ok(Self { out, written: MAGIC.len() as u64, index })
    }

    /// Writes the group of columns that `fill` puts.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn group<'a>(
        &mut self,
        name: &str,
        numbers: Renumbering<'a>,
        fill: impl FnOnce(&mut GroupWriter<'a>),
    ) -> io::Result<()> {
        let mut group = GroupWriter::new(name, numbers);
        fill(&mut group);
        let mut batches = Vec::new();
        group.finish(&mut batches).map_err(io::Error::other)?;
        for (name, batch) in batches {
            let (bytes, crc) = self.stream(&batch).map_err(io::Error::other)?;
            self.index.groups.insert(name, Place { offset: self.written, bytes, crc });
            self.written += bytes;
        }
        Ok(())
    }

    fn stream(&mut self, batch: &RecordBatch) -> Result<(u64, u32), ArrowError> {
        let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME))?;
        let mut out = Counted { out: &mut self.out, written: 0, crc: Crc::new() };
        let mut writer = StreamWriter::try_new_with_options(&mut out, &batch.schema(), options)?;
        for first in (0..batch.num_rows()).step_by(ROWS_PER_BATCH) {
            writer.write(&batch.slice(first, ROWS_PER_BATCH.min(batch.num_rows() - first)))?;
        }
        writer.finish()?;
        drop(writer);
        Ok((out.written, out.crc.sum()))
    }

    /// Ends the file. `description` can be read without anything else.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn finish(mut self, description: serde_json::Value) -> io::Result<()> {
        self.index.description = description;
        let index = serde_json::to_vec(&self.index)?;
        self.out.write_all(&index)?;
        self.out.write_all(&(index.len() as u64).to_le_bytes())?;
        self.out.write_all(MAGIC)?;
        self.out.flush()
    }
}

struct Counted<W> {
    out: W,
    written: u64,
    crc: Crc,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.written += written as u64;
        self.crc.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Reads a file of partial results, each group when it is asked for.
#[derive(Debug)]
pub(crate) struct PartialReader {
    path: PathBuf,
    index: Index,
}

impl PartialReader {
    /// Opens a file.
    ///
    /// # Errors
    /// If it cannot be read, is none of partial results, or of another version.
    pub(crate) fn open(path: &Path) -> Result<Self, PartialError> {
        let failed = |source| PartialError::Io { path: path.to_owned(), source };
        let is_none = || PartialError::NotPartial { path: path.to_owned() };
        let mut file = File::open(path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        let end_bytes = (size_of::<u64>() + MAGIC.len()) as u64;
        let behind_index = bytes.checked_sub(end_bytes).ok_or_else(is_none)?;
        let mut end = [0; size_of::<u64>() + MAGIC.len()];
        file.seek(SeekFrom::Start(behind_index)).map_err(failed)?;
        file.read_exact(&mut end).map_err(failed)?;
        let (length, magic) = end.split_at(size_of::<u64>());
        let length = u64::from_le_bytes(length.try_into().unwrap_or_default());
        let start = behind_index.checked_sub(length).filter(|_| magic == MAGIC).ok_or_else(is_none)?;
        file.seek(SeekFrom::Start(start)).map_err(failed)?;
        let mut index = Vec::new();
        file.take(length).read_to_end(&mut index).map_err(failed)?;
        let index: Index = serde_json::from_slice(&index).map_err(|_| is_none())?;
        if index.version != VERSION {
            return Err(PartialError::Version { path: path.to_owned(), version: index.version, known: VERSION });
        }
        Ok(Self { path: path.to_owned(), index })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What the results are of.
    pub(crate) fn description(&self) -> &serde_json::Value {
        &self.index.description
    }

    /// Names of the groups that begin with `prefix` and are no columns beside others.
    pub(crate) fn names(&self, prefix: &str) -> impl Iterator<Item = &str> {
        let names = self.index.groups.keys().map(String::as_str);
        names.filter(move |name| name.strip_prefix(prefix).is_some_and(|rest| !rest.contains('/')))
    }

    /// Reads a group.
    ///
    /// # Errors
    /// If it is not there or cannot be decoded.
    pub(crate) fn group<T>(
        &self,
        name: &str,
        numbers: Renumbering<'_>,
        read: impl FnOnce(&GroupReader<'_>) -> Result<T, ArrowError>,
    ) -> Result<T, PartialError> {
        let read_batch = |name: &str| self.batch(name);
        self.batch(name)
            .and_then(|batch| read(&GroupReader { name: name.to_owned(), batch, numbers, read: &read_batch }))
            .map_err(|source| PartialError::Arrow {
                path: self.path.clone(),
                group: name.to_owned(),
                offset: self.index.groups.get(name).map_or(0, |place| place.offset),
                source,
            })
    }

    fn batch(&self, name: &str) -> Result<RecordBatch, ArrowError> {
        let &Place { offset, bytes, crc } = self
            .index
            .groups
            .get(name)
            .ok_or_else(|| ArrowError::SchemaError(format!("the group {name} is not there")))?;
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut encoded = Vec::new();
        file.take(bytes).read_to_end(&mut encoded)?;
        let mut found = Crc::new();
        found.update(&encoded);
        if found.sum() != crc {
            return Err(ArrowError::ParseError("its bytes are not those that were written".to_owned()));
        }
        // Arrow trusts the lengths that a stream tells, and panics where they are wrong.
        let decoded = catch_unwind(|| {
            let reader = StreamReader::try_new(encoded.as_slice(), None)?;
            let schema = reader.schema();
            concat_batches(&schema, &reader.collect::<Result<Vec<_>, _>>()?)
        });
        decoded.unwrap_or_else(|_| Err(ArrowError::ParseError("its columns are not what their lengths say".to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Symbol;
    use crate::partial::{Columns as _, Lists, TraceNumber, columns};
    use crate::trace::{Target, TargetKind};

    columns! {
        /// One of each type.
        struct Thing in Things {
            trace: TraceNumber,
            count: i64,
            share: f64,
            flag: bool,
            name: Symbol,
            kind: TargetKind,
            target: Option<Target>,
            list: Vec<Symbol>,
        }
    }

    fn thing(number: u32) -> Thing {
        Thing {
            trace: TraceNumber(number),
            count: -i64::from(number),
            share: f64::from(number) / 3.0,
            flag: number.is_multiple_of(2),
            name: Symbol(number),
            kind: TargetKind::Messaging,
            target: number.is_multiple_of(3).then_some(Target { name: Symbol(number), kind: TargetKind::Service }),
            list: (0..number % 4).map(Symbol).collect(),
        }
    }

    /// What is written comes back with the numbers of the whole, in however many pieces it was gathered and written.
    #[test]
    fn columns_come_back_renumbered() {
        const COUNT: u32 = ROWS_PER_BATCH as u32 + 10;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.partial");
        let (mut things, mut more) = (Things::default(), Things::default());
        (0..COUNT / 2).for_each(|number| things.push(thing(number)));
        (COUNT / 2..COUNT).for_each(|number| more.push(thing(number)));
        things.append(more);
        // Traces are written backwards, and read as if ten others came first.
        let backwards: Vec<u32> = (0..COUNT).rev().collect();
        let written = Renumbering { traces: Some(&backwards), ..Renumbering::NONE };
        let mut writer = PartialWriter::new(File::create(&path).unwrap()).unwrap();
        writer.group("things", written, |group| things.write("", group)).unwrap();
        writer.group("none", Renumbering::NONE, |group| Things::default().write("", group)).unwrap();
        writer.finish(serde_json::json!({"spans": 7})).unwrap();

        let reader = PartialReader::open(&path).unwrap();
        assert_eq!(reader.description()["spans"], 7);
        assert!(reader.names("things").eq(["things"]) && reader.names("other").next().is_none());
        let symbols: Vec<Symbol> = (0..COUNT).map(|number| Symbol(number + 5)).collect();
        let traces: Vec<u32> = (10..COUNT + 10).collect();
        let numbers = Renumbering { symbols: Some(&symbols), traces: Some(&traces) };
        let read = reader.group("things", numbers, |group| Things::read("", group)).unwrap();
        assert_eq!(read.count.len(), COUNT as usize);
        for number in [0, 1, 3, COUNT / 2, COUNT - 1] {
            let row = number as usize;
            let expected = thing(number);
            assert_eq!(read.trace[row].0, COUNT - 1 - number + 10);
            assert_eq!(
                (read.count[row], read.share[row], read.flag[row]),
                (expected.count, expected.share, expected.flag)
            );
            assert_eq!((read.name[row].0, read.kind.get(row)), (number + 5, expected.kind));
            assert_eq!(
                read.target.get(row).map(|target| target.name.0),
                expected.target.map(|target| target.name.0 + 5)
            );
            let list: Vec<u32> = expected.list.iter().map(|symbol| symbol.0 + 5).collect();
            assert_eq!(read.list.get(row).iter().map(|symbol| symbol.0).collect::<Vec<_>>(), list);
        }
        let none = reader.group("none", Renumbering::NONE, |group| Things::read("", group)).unwrap();
        assert_eq!((none.count.len(), none.trace.len()), (0, 0));
    }

    /// Files of other kinds and damaged ones are named as such, and names of strings that are not there are no panic.
    #[test]
    fn what_is_no_partial_result_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.partial");
        let mut writer = PartialWriter::new(File::create(&path).unwrap()).unwrap();
        let mut lists = Lists::default();
        lists.push(vec![Symbol(3)]);
        writer.group("lists", Renumbering::NONE, |group| lists.write("list", group)).unwrap();
        writer.finish(serde_json::Value::Null).unwrap();
        let reader = PartialReader::open(&path).unwrap();
        let too_few = Renumbering { symbols: Some(&[Symbol(0)]), traces: None };
        let error = reader.group("lists", too_few, |group| Lists::<Symbol>::read("list", group)).unwrap_err();
        assert!(error.to_string().contains("string 3, which is not there"), "{error}");
        assert!(reader.group("lists", Renumbering::NONE, |group| group.f64s("list")).is_err());

        let whole = std::fs::read(&path).unwrap();
        for length in [0, 5, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(matches!(PartialReader::open(&path), Err(PartialError::NotPartial { .. })), "{length}");
        }
        for flipped in (0..whole.len()).step_by(3) {
            let mut damaged = whole.clone();
            damaged[flipped] ^= 0x55;
            std::fs::write(&path, &damaged).unwrap();
            if let Ok(reader) = PartialReader::open(&path) {
                // The description says nothing of columns: all else is found out.
                let read = reader.group("lists", Renumbering::NONE, |group| Lists::<Symbol>::read("list", group));
                assert!(read.is_err() || reader.index.groups["lists"].offset == MAGIC.len() as u64, "byte {flipped}");
            }
        }
    }
}
