//! Archives, which are read like directories: file by file, in the order of the archive.
//!
//! Each file is unpacked into memory or, if it is large, into a temporary file, and then read like any other, so that one that
//! is damaged costs itself.

use std::io::{self, BufRead, Read, Seek as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::file::reader::Length as _;
use tar::EntryType;
use tempfile::SpooledTempFile;
use zip::ZipArchive;
use zip::read::{ZipFile, read_zipfile_from_stream};
use zip::result::ZipError;

use super::archived_blocks::ArchivedBlocks;
use super::byte_stream::ByteStream;
use super::compression::{FREE_EXPANSION_BYTES, MAX_EXPANSION};
use super::input::NotRead;
use super::no_spans::why_no_spans;
use super::shared_file::SharedFile;
use crate::ingest::error::IngestError;

/// So many bytes tell an archive.
pub(crate) const HEAD_BYTES: usize = 512;

/// A larger file is unpacked to the disk, and a larger one of those that are held at the same time.
const MAX_MEMORY_BYTES: usize = 16 << 20;
const MAX_HELD_BYTES: usize = 1 << 20;

/// The kinds of archives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Archive {
    Tar,
    Zip,
}

impl Archive {
    /// The archive that begins with `head`, of which [`HEAD_BYTES`] are needed.
    pub(crate) fn of(head: &[u8]) -> Option<Self> {
        if [b"PK\x03\x04", b"PK\x05\x06"].iter().any(|magic| head.starts_with(*magic)) {
            Some(Self::Zip)
        } else {
            is_tar_header(head).then_some(Self::Tar)
        }
    }

    /// As `run.json` names it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Tar => "tar",
            Self::Zip => "zip",
        }
    }
}

/// The header of a file in a tar archive is told by its checksum: old ones have no magic bytes.
fn is_tar_header(head: &[u8]) -> bool {
    const CHECKSUM: std::ops::Range<usize> = 148..156;
    let Some(header) = head.get(..HEAD_BYTES).filter(|header| header[0] != 0) else {
        return false;
    };
    let text = String::from_utf8_lossy(&header[CHECKSUM]);
    let said = u32::from_str_radix(text.trim_matches(['\0', ' ']), 8);
    let bytes = header.iter().enumerate();
    let sum: u32 = bytes.map(|(at, &byte)| u32::from(if CHECKSUM.contains(&at) { b' ' } else { byte })).sum();
    said == Ok(sum)
}

/// A file of an archive.
pub(crate) struct Entry {
    /// The archive's path and below it the file's.
    pub(crate) path: PathBuf,
    /// The file. If it could not be unpacked to its end, what there is, and the failure after it.
    pub(crate) contents: Box<dyn Read + Send>,
    /// What describes the Tempo block that the file is, if something does.
    pub(crate) description: Option<Arc<[u8]>>,
}

/// Is given the files of an archive one by one, and what is no file to read.
pub(crate) trait TakeEntries: FnMut(Result<Entry, NotRead>) {}

impl<T: FnMut(Result<Entry, NotRead>)> TakeEntries for T {}

/// Unpacks a tar archive as it comes.
pub(crate) fn read_tar(stream: ByteStream, path: &Path, mut take: impl TakeEntries) {
    let mut archive = tar::Archive::new(stream);
    // Behind the end of one archive another may stand, as `cat` leaves it.
    archive.set_ignore_zeros(true);
    let fail = |take: &mut dyn TakeEntries, offset: u64, source: io::Error| {
        take(Err(NotRead::Failed(IngestError::Read { path: path.to_owned(), offset, source })));
    };
    let entries = match archive.entries() {
        Ok(entries) => entries,
        Err(source) => return fail(&mut take, 0, source),
    };
    let mut offset = 0;
    let mut blocks = ArchivedBlocks::default();
    for entry in entries {
        let mut entry = match entry {
            Ok(entry) => entry,
            // Where the next file begins, nothing tells any more.
            Err(source) => {
                fail(&mut take, offset, source);
                break;
            }
        };
        offset = entry.raw_file_position();
        // Directories hold nothing themselves, and what is linked is in the archive under its own name.
        if !matches!(entry.header().entry_type(), EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse) {
            continue;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        take_entry(path, &name, &mut entry, u64::MAX, &mut blocks, &mut take);
    }
    blocks.hand_on(&mut take);
}

/// Unpacks a zip archive. One that has lost its end, where the list of its files is, is read from its start as far as it goes.
pub(crate) fn read_zip(file: &SharedFile, path: &Path, mut take: impl TakeEntries) {
    let mut left = file.len().saturating_mul(MAX_EXPANSION).max(FREE_EXPANSION_BYTES);
    let mut blocks = ArchivedBlocks::default();
    let mut archive = match ZipArchive::new(file.reader()) {
        Ok(archive) => archive,
        Err(error) => {
            take(Err(NotRead::Failed(without_end(path, error))));
            let mut reader = file.reader();
            while let Ok(Some(mut entry)) = read_zipfile_from_stream(&mut reader) {
                left -= take_zip_entry(path, &mut entry, left, &mut blocks, &mut take);
            }
            return blocks.hand_on(&mut take);
        }
    };
    for number in 0..archive.len() {
        let name = archive.name_for_index(number).and_then(Result::ok).map(|name| name.into_owned());
        match archive.by_index(number) {
            Ok(mut entry) => left -= take_zip_entry(path, &mut entry, left, &mut blocks, &mut take),
            Err(error) => {
                let path = path_of(path, &name.unwrap_or_else(|| format!("file {number}")));
                take(Err(NotRead::Failed(of_zip(&path, error))));
            }
        }
    }
    blocks.hand_on(&mut take);
}

fn take_zip_entry<R: Read>(
    archive: &Path,
    entry: &mut ZipFile<'_, R>,
    left: u64,
    blocks: &mut ArchivedBlocks,
    take: &mut dyn TakeEntries,
) -> u64 {
    if !entry.is_file() {
        return 0;
    }
    let name = entry.name().map(|name| name.into_owned());
    let name = name.unwrap_or_else(|_| String::from_utf8_lossy(entry.name_raw()).into_owned());
    take_entry(archive, &name, entry, left, blocks, take)
}

fn without_end(path: &Path, error: ZipError) -> IngestError {
    match error {
        ZipError::Io(source) => IngestError::Read { path: path.to_owned(), offset: 0, source },
        error => IngestError::Unsupported {
            path: path.to_owned(),
            what: format!("a zip archive without the list of its files, which stands at its end ({error})"),
            advice: "what could be found was used, fetch or copy the archive again for the rest".to_owned(),
        },
    }
}

fn of_zip(path: &Path, error: ZipError) -> IngestError {
    match error {
        ZipError::Io(source) => IngestError::Read { path: path.to_owned(), offset: 0, source },
        error => IngestError::Unsupported {
            path: path.to_owned(),
            what: format!("in a zip archive that cannot be unpacked ({error})"),
            advice: "unpack it and give its files, or pack them again".to_owned(),
        },
    }
}

/// Unpacks a file into at most `limit` bytes and hands it over, unless its name says that it holds no spans. The answer is
/// how many bytes it has.
fn take_entry(
    archive: &Path,
    name: &str,
    reader: &mut dyn Read,
    limit: u64,
    blocks: &mut ArchivedBlocks,
    take: &mut dyn TakeEntries,
) -> u64 {
    let path = path_of(archive, name);
    let mut components = components_of(name);
    if let Some(reason) = components.find_map(|component| why_no_spans(component, |_| false)) {
        take(Err(NotRead::LeftOut { path, reason }));
        return 0;
    }
    let is_held = ArchivedBlocks::holds(&path);
    let mut contents = SpooledTempFile::new(if is_held { MAX_HELD_BYTES } else { MAX_MEMORY_BYTES });
    let (bytes, unpacked) = unpack(reader, limit, &mut contents);
    let failure = match (unpacked, contents.rewind()) {
        (Unpacked::NoRoom(source), _) | (_, Err(source)) => {
            let directory = tempfile::env::temp_dir();
            take(Err(NotRead::Failed(IngestError::Copy { path, directory, source })));
            return bytes;
        }
        (Unpacked::Whole, Ok(())) => None,
        (Unpacked::Cut(failure), Ok(())) => Some(failure),
    };
    let failure = Failing(failure);
    if is_held {
        blocks.hold(path, contents, failure, take);
    } else {
        take(Ok(Entry { path, contents: Box::new(contents.chain(failure)), description: None }));
    }
    bytes
}

/// What came of unpacking a file.
enum Unpacked {
    Whole,
    /// What can be read of it, and the failure behind that.
    Cut(io::Error),
    /// There is no room for it.
    NoRoom(io::Error),
}

/// Unpacks at most `limit` bytes; the answer is also how many there are.
fn unpack(reader: &mut dyn Read, limit: u64, contents: &mut SpooledTempFile) -> (u64, Unpacked) {
    let mut reader = io::BufReader::with_capacity(64 << 10, reader);
    let mut bytes = 0;
    loop {
        let buffer = match reader.fill_buf() {
            Ok([]) => return (bytes, Unpacked::Whole),
            Ok(buffer) => buffer,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return (bytes, Unpacked::Cut(error)),
        };
        let count = buffer.len();
        if bytes + count as u64 > limit {
            let message =
                format!("the archive expands to more than {MAX_EXPANSION} times its size, which telemetry never does");
            return (bytes, Unpacked::Cut(io::Error::other(message)));
        }
        if let Err(error) = contents.write_all(buffer) {
            return (bytes, Unpacked::NoRoom(error));
        }
        bytes += count as u64;
        reader.consume(count);
    }
}

/// Fails once, if it has what to fail with.
pub(super) struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _target: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

fn components_of(name: &str) -> impl Iterator<Item = &str> {
    name.split(['/', '\\']).filter(|component| !matches!(*component, "" | "." | ".."))
}

/// The path of a file in an archive, as if the archive were a directory.
fn path_of(archive: &Path, name: &str) -> PathBuf {
    components_of(name).fold(archive.to_owned(), |path, component| path.join(component))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names lead nowhere else.
    #[test]
    fn paths_stay_below_the_archive() {
        let path = |name: &str| path_of(Path::new("a.zip"), name).display().to_string();
        assert_eq!(path("./b/c.json"), "a.zip/b/c.json");
        assert_eq!(path("/etc/../../x"), "a.zip/etc/x");
        assert_eq!(path("b\\c.json"), "a.zip/b/c.json");
    }

    #[test]
    fn archives_are_told_by_their_first_bytes() {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_old();
        header.set_size(1);
        header.set_cksum();
        builder.append_data(&mut header, "a.json", &b"{"[..]).unwrap();
        let bytes = builder.into_inner().unwrap();
        assert_eq!(Archive::of(&bytes[..HEAD_BYTES]), Some(Archive::Tar));
        assert_eq!(Archive::of(b"PK\x03\x04"), Some(Archive::Zip));
        for other in [&[0; HEAD_BYTES][..], &[b'{'; HEAD_BYTES], b"PK", b""] {
            assert_eq!(Archive::of(other), None);
        }
    }
}
