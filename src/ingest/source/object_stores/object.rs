//! One object, read from its first byte on or in ranges, and never held whole.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use object_store::path::Path as Key;
use prost::bytes::Bytes;

use super::download::{Download, Object, Opened};
use super::failure::Failure;
use super::location::Location;
use super::runtime::{Pending, answer, start};
use crate::ingest::IngestError;
use crate::ingest::source::shared_file::{ReadAt, SharedFile};

/// What is asked for at once where the object is read from its first byte on.
const STREAM_BYTES: u64 = 8 << 20;

/// What is gathered of an object that comes as a whole while what came before is decoded.
const PIECE_BYTES: u64 = 1 << 20;

/// Least that is asked for at once where the object is read in ranges that nobody has announced.
const BLOCK_BYTES: u64 = 1 << 20;

/// What is not needed between two ranges is fetched with them if it costs less than another request.
const GAP_BYTES: u64 = 64 << 10;

/// So many blocks are kept: more than there are columns that are read side by side.
const MAX_BLOCKS: usize = 32;

/// Announced ranges that are longer than this in all are read block by block instead.
const MAX_HELD_BYTES: u64 = 128 << 20;

/// Opens an object, for reading from its first byte on and, where the server gives parts, for reading in ranges.
pub(crate) fn open(
    url: &Path,
    retry_timeout: Duration,
) -> Result<(Box<dyn Read + Send>, Option<SharedFile>), IngestError> {
    let location = Location::of(url, Some(retry_timeout))?;
    let (store, key) = (Arc::clone(&location.store), location.object()?);
    let opened = answer(async move { Object::open(store, key).await }).map_err(|error| location.io_error(&error))?;
    match opened.map_err(|failure| location.error(&failure))? {
        Opened::InParts(object, head) => {
            let parts = Parts::of(object);
            let stream = ObjectStream::new(parts.clone(), head);
            Ok((Box::new(stream), Some(SharedFile::from(Arc::new(ObjectRanges::new(parts))))))
        }
        Opened::Whole(download) => Ok((Box::new(WholeStream::new(download)), None)),
    }
}

/// The content of the object called `name` beside the one at `url`, if there is one: its first `limit` bytes.
pub(crate) fn read_beside(url: &Path, name: &str, limit: u64) -> Option<io::Result<Vec<u8>>> {
    let location = Location::of(url, None).ok()?;
    let directory = location.key.rsplit_once('/').map_or("", |(directory, _)| directory);
    let key = Key::parse(format!("{directory}/{name}").trim_start_matches('/')).ok()?;
    let opened = match answer(async move { Object::open(location.store, key).await }) {
        Ok(Ok(opened)) => opened,
        // Who may not list is told that access is denied where there is nothing.
        Ok(Err(Failure::Absent | Failure::Denied | Failure::Unauthenticated)) => return None,
        Ok(Err(failure)) => return Some(Err(failure.into())),
        Err(error) => return Some(Err(error)),
    };
    let mut content = Vec::new();
    let read = match opened {
        Opened::InParts(object, head) => {
            ObjectStream::new(Parts::of(object), head).take(limit).read_to_end(&mut content)
        }
        Opened::Whole(download) => WholeStream::new(download).take(limit).read_to_end(&mut content),
    };
    Some(read.map(|_| content))
}

/// An object that is read in parts. What cannot be had once is not asked for again.
#[derive(Clone, Debug)]
struct Parts {
    object: Object,
    lost: Arc<OnceLock<Failure>>,
}

impl Parts {
    fn of(object: Object) -> Self {
        Self { object, lost: Arc::default() }
    }

    fn start_reading(&self, range: Range<u64>) -> io::Result<Pending<Result<Bytes, Failure>>> {
        if let Some(failure) = self.lost.get() {
            return Err(failure.clone().into());
        }
        start(self.object.clone().range(range))
    }

    /// The bytes that were asked for.
    fn received(&self, pending: Pending<Result<Bytes, Failure>>) -> io::Result<Bytes> {
        let received = pending.wait()?;
        received.map_err(|failure| self.lost.get_or_init(|| failure).clone().into())
    }
}

/// Reads on while what follows is on its way.
struct ObjectStream {
    parts: Parts,
    current: Bytes,
    /// Where the bytes after `current` and `pending` begin.
    next: u64,
    pending: Option<Pending<Result<Bytes, Failure>>>,
}

impl ObjectStream {
    fn new(parts: Parts, head: Bytes) -> Self {
        Self { next: head.len() as u64, parts, current: head, pending: None }
    }

    fn ask_for_more(&mut self) -> io::Result<()> {
        let length = STREAM_BYTES.min(self.parts.object.length.saturating_sub(self.next));
        if length > 0 {
            self.pending = Some(self.parts.start_reading(self.next..self.next + length)?);
            self.next += length;
        }
        Ok(())
    }
}

impl Read for ObjectStream {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.current.is_empty() && !target.is_empty() {
            if self.pending.is_none() {
                self.ask_for_more()?;
            }
            let Some(pending) = self.pending.take() else {
                return Ok(0);
            };
            self.current = self.parts.received(pending)?;
            self.ask_for_more()?;
        }
        Ok(give(&mut self.current, target))
    }
}

fn give(current: &mut Bytes, target: &mut [u8]) -> usize {
    let count = current.len().min(target.len());
    target[..count].copy_from_slice(&current.split_to(count));
    count
}

/// Reads an object that comes as a whole, while what follows is on its way.
struct WholeStream {
    current: Bytes,
    state: WholeState,
}

enum WholeState {
    Ready(Download),
    Pending(Pending<(Download, Result<Bytes, Failure>)>),
    Ended,
}

impl WholeStream {
    fn new(download: Download) -> Self {
        Self { current: Bytes::new(), state: WholeState::Ready(download) }
    }

    fn next_piece(mut download: Download) -> io::Result<WholeState> {
        Ok(WholeState::Pending(start(async move {
            let piece = download.piece(PIECE_BYTES).await;
            (download, piece)
        })?))
    }
}

impl Read for WholeStream {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !target.is_empty() {
            self.state = match std::mem::replace(&mut self.state, WholeState::Ended) {
                WholeState::Ready(download) => Self::next_piece(download)?,
                WholeState::Pending(pending) => {
                    let (download, piece) = pending.wait()?;
                    self.current = piece?;
                    if self.current.is_empty() { WholeState::Ended } else { Self::next_piece(download)? }
                }
                WholeState::Ended => return Ok(0),
            };
        }
        Ok(give(&mut self.current, target))
    }
}

/// What of `bytes`, which stand at `start`, there is from `position` on, if it is at least `least` bytes.
fn part_of((start, bytes): &(u64, Bytes), position: u64, least: u64) -> Option<Bytes> {
    let skipped = usize::try_from(position.checked_sub(*start)?).ok()?;
    (position + least <= start + bytes.len() as u64).then(|| bytes.slice(skipped..))
}

/// Reads in ranges. Those that were announced came by a request for each, or for several that are close together; for
/// others whole blocks are fetched, of which the last few are kept.
struct ObjectRanges {
    parts: Parts,
    announced: Vec<(u64, Bytes)>,
    blocks: Mutex<VecDeque<(u64, Bytes)>>,
}

impl ObjectRanges {
    fn new(parts: Parts) -> Self {
        Self { parts, announced: Vec::new(), blocks: Mutex::default() }
    }

    /// What there is from `position` on, at least `least` bytes.
    fn from(&self, position: u64, least: u64) -> io::Result<Bytes> {
        if let Some(bytes) = self.announced.iter().find_map(|held| part_of(held, position, least)) {
            return Ok(bytes);
        }
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = blocks.iter().find_map(|held| part_of(held, position, least)) {
            return Ok(bytes);
        }
        let start = position - position % BLOCK_BYTES;
        let end = (position + least).next_multiple_of(BLOCK_BYTES).min(self.length());
        let bytes = self.parts.received(self.parts.start_reading(start..end)?)?;
        if blocks.len() == MAX_BLOCKS {
            blocks.pop_front();
        }
        blocks.push_back((start, bytes.clone()));
        Ok(bytes.slice((position - start) as usize..))
    }
}

impl ReadAt for ObjectRanges {
    fn length(&self) -> u64 {
        self.parts.object.length
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        if position >= self.length() || buffer.is_empty() {
            return Ok(0);
        }
        let bytes = self.from(position, 1)?;
        let count = bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn bytes_at(&self, start: u64, length: usize) -> io::Result<Bytes> {
        Ok(self.from(start, length as u64)?.slice(..length))
    }

    fn announce(&self, ranges: &[Range<u64>]) -> io::Result<Option<Arc<dyn ReadAt>>> {
        let total = ranges.iter().fold(0u64, |total, range| total.saturating_add(range.end - range.start));
        if total > MAX_HELD_BYTES {
            return Ok(Some(Arc::new(Self::new(self.parts.clone()))));
        }
        let mut announced = Vec::with_capacity(ranges.len());
        let mut missing = Vec::with_capacity(ranges.len());
        {
            // The block that the footer came with may be all of a small object.
            let blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
            for range in ranges {
                match blocks.iter().find_map(|held| part_of(held, range.start, range.end - range.start)) {
                    Some(bytes) => announced.push((range.start, bytes)),
                    None => missing.push(range.clone()),
                }
            }
        }
        let requests = joined(missing);
        let pending: io::Result<Vec<_>> =
            requests.iter().map(|range| self.parts.start_reading(range.clone())).collect();
        for (range, pending) in requests.into_iter().zip(pending?) {
            announced.push((range.start, self.parts.received(pending)?));
        }
        Ok(Some(Arc::new(Self { parts: self.parts.clone(), announced, blocks: Mutex::default() })))
    }
}

/// The ranges in order, with those as one that are less than a request apart.
fn joined(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(GAP_BYTES) => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

impl fmt::Debug for ObjectRanges {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("ObjectRanges").field(&self.parts.object.key).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use object_store::memory::InMemory;
    use object_store::{ObjectStore, ObjectStoreExt as _};

    use super::super::download::HEAD_BYTES;
    use super::super::store::Store;
    use super::*;

    /// An object of so many bytes, the first of them, and all.
    fn object(length: usize) -> (Opened, Vec<u8>) {
        let content: Vec<u8> = (0..length).map(|position| (position / 7 + position / 5000) as u8).collect();
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let key = Key::from("directory/object");
        let (putting, to, bytes) = (Arc::clone(&store), key.clone(), content.clone());
        answer(async move { putting.put(&to, bytes.into()).await }).expect("an answer").expect("memory");
        let store = Arc::new(Store::new(store, Arc::default(), Duration::ZERO));
        let opened = answer(async move { Object::open(store, key).await }).expect("an answer").expect("the object");
        (opened, content)
    }

    /// All bytes come in their order, at every length around those of requests.
    #[test]
    fn streams_are_whole() {
        for length in [0, 1, HEAD_BYTES, HEAD_BYTES + 1, HEAD_BYTES + STREAM_BYTES, HEAD_BYTES + 2 * STREAM_BYTES + 5] {
            let (object, content) = object(length as usize);
            let mut read = Vec::new();
            match object {
                Opened::InParts(object, head) => {
                    assert_eq!(head.len(), content.len().min(HEAD_BYTES as usize));
                    ObjectStream::new(Parts::of(object), head).read_to_end(&mut read).expect("the object");
                }
                Opened::Whole(download) => {
                    assert_eq!(length, 0, "only what is empty has no parts");
                    WholeStream::new(download).read_to_end(&mut read).expect("the object");
                }
            }
            assert!(read == content, "{length}");
        }
    }

    /// Ranges hold what stands there, announced or not, from several threads of another pool.
    #[test]
    fn ranges_are_those_of_the_object() {
        let (object, content) = object(3 * BLOCK_BYTES as usize + 100);
        let Opened::InParts(object, _) = object else { panic!("memory gives parts") };
        let plain = ObjectRanges::new(Parts::of(object));
        let announced = plain.announce(&[10..20, 1 << 20..2 << 20]).expect("the object").expect("another source");
        rayon::scope(|scope| {
            for source in [&plain as &dyn ReadAt, announced.as_ref()] {
                for (start, length) in
                    [(0, 1), (12, 8), (5, 100), (1 << 20, 1 << 20), (1_000_000, 2_000_000), (3_145_827, 1)]
                {
                    let content = &content;
                    scope.spawn(move |_| {
                        let bytes = source.bytes_at(start, length).expect("the object");
                        assert!(bytes == content[start as usize..][..length], "{start} {length}");
                    });
                }
            }
        });
        assert_eq!(plain.read_at(&mut [0], 3 * BLOCK_BYTES + 100).expect("the end"), 0);
    }

    /// A sidecar is asked for in the directory of its data, with the same signature.
    #[test]
    fn what_stands_beside_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/a/block/data.parquet?key=1", listener.local_addr().expect("an address"));
        let server = std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().expect("a client");
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                connection.read_exact(&mut byte).expect("a request");
                request.extend(byte);
            }
            let answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
            connection.write_all(answer).expect("a client");
            String::from_utf8(request).expect("text")
        });
        assert_eq!(read_beside(Path::new(&url), "meta.json", 100).and_then(Result::ok).as_deref(), Some(&b"{}"[..]));
        let request = server.join().expect("a request");
        assert!(request.starts_with("GET /a/block/meta.json?key=1 "), "{request}");
    }

    #[test]
    fn close_ranges_are_one_request() {
        assert_eq!(joined(vec![100..200, 0..50, 1 << 20..2 << 20, 150..300]), [0..300, 1 << 20..2 << 20]);
    }
}
