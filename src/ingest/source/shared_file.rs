//! A file that several threads read at once: every read names its position, so that none moves another's.

use std::fmt::Debug;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::ops::{Deref, Range};
use std::sync::Arc;

use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};
use prost::bytes::Bytes;

/// What Parquet can be read from.
pub(crate) trait ReadAt: Debug + Send + Sync {
    /// How many bytes there are.
    fn length(&self) -> u64;

    /// Reads at least one byte at `position` if there is one.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;

    /// The `length` bytes at `start`, all of which there are.
    fn bytes_at(&self, start: u64, length: usize) -> io::Result<Bytes>;

    /// A source of the same bytes that is quicker for `ranges`, which are read next; `None` if this one is as quick.
    fn announce(&self, ranges: &[Range<u64>]) -> io::Result<Option<Arc<dyn ReadAt>>>;
}

/// A Parquet file, here or in an object store. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct SharedFile {
    bytes: Arc<dyn ReadAt>,
    /// What describes it and lies beside it where it can be found by no path.
    description: Option<Arc<[u8]>>,
}

impl SharedFile {
    pub(crate) fn new(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { bytes: Arc::new(LocalFile { file, length }), description: None })
    }

    /// The same file, prepared for reading `ranges` next.
    pub(crate) fn prepared_for(&self, ranges: &[Range<u64>]) -> Result<Self> {
        let prepared = self.bytes.announce(ranges)?;
        Ok(prepared.map_or_else(|| self.clone(), |bytes| Self { bytes, ..self.clone() }))
    }

    /// The same file with what describes it.
    pub(crate) fn described_by(self, description: Option<Arc<[u8]>>) -> Self {
        Self { description, ..self }
    }

    /// What describes it, if that is known.
    pub(crate) fn description(&self) -> Option<&[u8]> {
        self.description.as_deref()
    }
}

impl SharedFile {
    /// Its bytes from the first one on, and from wherever it is sought.
    pub(crate) fn reader(&self) -> BufReader<ReadFrom> {
        BufReader::new(ReadFrom { file: Arc::clone(&self.bytes), position: 0 })
    }
}

#[cfg(feature = "object-stores")]
impl<T: ReadAt + 'static> From<Arc<T>> for SharedFile {
    fn from(source: Arc<T>) -> Self {
        Self { bytes: source, description: None }
    }
}

impl Length for SharedFile {
    fn len(&self) -> u64 {
        self.bytes.length()
    }
}

impl ChunkReader for SharedFile {
    type T = BufReader<ReadFrom>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::new(ReadFrom { file: Arc::clone(&self.bytes), position: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let end = start.checked_add(length as u64);
        if end.is_none_or(|end| end > self.len()) {
            return Err(ParquetError::EOF(format!("{length} bytes at offset {start} lie beyond the end of the file")));
        }
        Ok(self.bytes.bytes_at(start, length)?)
    }
}

/// Reads on from a position of its own.
#[derive(Debug)]
pub(crate) struct ReadFrom<F = Arc<dyn ReadAt>> {
    file: F,
    position: u64,
}

impl<F: Deref<Target: ReadAt>> Read for ReadFrom<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl<F: Deref<Target: ReadAt>> Seek for ReadFrom<F> {
    fn seek(&mut self, target: SeekFrom) -> io::Result<u64> {
        let position = match target {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(distance) => self.file.length().checked_add_signed(distance),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
        };
        self.position =
            position.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a position before the file"))?;
        Ok(self.position)
    }
}

#[derive(Debug)]
struct LocalFile {
    file: File,
    length: u64,
}

impl ReadAt for LocalFile {
    fn length(&self) -> u64 {
        self.length
    }

    #[cfg(unix)]
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.file, buffer, position)
    }

    #[cfg(windows)]
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(&self.file, buffer, position)
    }

    fn bytes_at(&self, start: u64, length: usize) -> io::Result<Bytes> {
        // Read behind what is there, not into zeros: jemalloc makes large zeros by giving their pages back to the system, which fetches
        // each anew when it is written to.
        let mut bytes = Vec::with_capacity(length);
        ReadFrom { file: self, position: start }.take(length as u64).read_to_end(&mut bytes)?;
        if bytes.len() < length {
            let message = format!("the file ends within the {length} bytes at offset {start}");
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        Ok(bytes.into())
    }

    fn announce(&self, _ranges: &[Range<u64>]) -> io::Result<Option<Arc<dyn ReadAt>>> {
        Ok(None)
    }
}
