//! One object, read from its first byte on or in ranges, and never held whole.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt as _};
use prost::bytes::Bytes;

use super::runtime::{Pending, answer, start};
use super::store::{Location, describe};
use crate::ingest::IngestError;
use crate::ingest::source::shared_file::{ReadAt, SharedFile};

/// The first request takes what it takes to recognise the content, and tells how long the object is.
const HEAD_BYTES: u64 = 64 << 10;

/// What is asked for at once where the object is read from its first byte on.
const STREAM_BYTES: u64 = 8 << 20;

/// Least that is asked for at once where the object is read in ranges that nobody has announced.
const BLOCK_BYTES: u64 = 1 << 20;

/// What is not needed between two ranges is fetched with them if it costs less than another request.
const GAP_BYTES: u64 = 64 << 10;

/// So many blocks are kept: more than there are columns that are read side by side.
const MAX_BLOCKS: usize = 32;

/// Announced ranges that are longer than this in all are read block by block instead.
const MAX_HELD_BYTES: u64 = 128 << 20;

/// Opens an object, for reading from its first byte on and for reading in ranges.
pub(crate) fn open(url: &Path) -> Result<(Box<dyn Read + Send>, SharedFile), IngestError> {
    let location = Location::of(url)?;
    let (object, head) = Object::open(Arc::clone(&location.store), location.object()?)
        .map_err(|error| location.io_error(&error))?
        .map_err(|error| location.error(&error))?;
    let stream = ObjectStream { next: head.len() as u64, object: object.clone(), current: head, pending: None };
    Ok((Box::new(stream), SharedFile::from(Arc::new(ObjectRanges::new(object)))))
}

/// The content of the object called `name` beside the one at `url`, if there is one.
pub(crate) fn read_beside(url: &Path, name: &str) -> Option<Vec<u8>> {
    let location = Location::of(url).ok()?;
    let directory = location.key.rsplit_once('/').map_or("", |(directory, _)| directory);
    let key = Key::parse(format!("{directory}/{name}").trim_start_matches('/')).ok()?;
    let content = answer(async move { location.store.get(&key).await?.bytes().await });
    content.ok()?.ok().map(|bytes| bytes.to_vec())
}

#[derive(Clone, Debug)]
struct Object {
    store: Arc<dyn ObjectStore>,
    key: Key,
    length: u64,
    /// Says whether the object is still the same one.
    e_tag: Option<String>,
}

impl Object {
    /// The object and its first bytes.
    fn open(store: Arc<dyn ObjectStore>, key: Key) -> io::Result<object_store::Result<(Self, Bytes)>> {
        answer(async move {
            let range = Some(GetRange::Bounded(0..HEAD_BYTES));
            let got = match store.get_opts(&key, GetOptions { range, ..GetOptions::default() }).await {
                Ok(got) => got,
                Err(error) => {
                    // An object of no bytes has no range either.
                    return match store.head(&key).await {
                        Ok(meta) if meta.size == 0 => Ok((Self::new(store, key, meta), Bytes::new())),
                        _ => Err(error),
                    };
                }
            };
            let meta = got.meta.clone();
            let head = got.bytes().await?;
            Ok((Self::new(store, key, meta), head))
        })
    }

    fn new(store: Arc<dyn ObjectStore>, key: Key, meta: ObjectMeta) -> Self {
        // A weak tag never matches.
        let e_tag = meta.e_tag.filter(|tag| !tag.starts_with("W/"));
        Self { store, key, length: meta.size, e_tag }
    }

    fn start_reading(&self, range: Range<u64>) -> io::Result<Pending<object_store::Result<Bytes>>> {
        let object = self.clone();
        start(async move {
            let options =
                GetOptions { range: Some(GetRange::Bounded(range)), if_match: object.e_tag, ..GetOptions::default() };
            object.store.get_opts(&object.key, options).await?.bytes().await
        })
    }
}

/// The bytes of an answer to the request for `expected` of them.
fn received(pending: Pending<object_store::Result<Bytes>>, expected: u64) -> io::Result<Bytes> {
    let bytes = pending.wait()?.map_err(|error| io::Error::other(describe(&error)))?;
    if bytes.len() as u64 == expected {
        Ok(bytes)
    } else {
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("the store gave {} of {expected} bytes", bytes.len())))
    }
}

/// Reads on while what follows is on its way.
struct ObjectStream {
    object: Object,
    current: Bytes,
    /// Where the bytes after `current` and `pending` begin.
    next: u64,
    pending: Option<(Pending<object_store::Result<Bytes>>, u64)>,
}

impl ObjectStream {
    fn ask_for_more(&mut self) -> io::Result<()> {
        let length = STREAM_BYTES.min(self.object.length.saturating_sub(self.next));
        if length > 0 {
            self.pending = Some((self.object.start_reading(self.next..self.next + length)?, length));
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
            let Some((pending, length)) = self.pending.take() else {
                return Ok(0);
            };
            self.current = received(pending, length)?;
            self.ask_for_more()?;
        }
        let count = self.current.len().min(target.len());
        target[..count].copy_from_slice(&self.current.split_to(count));
        Ok(count)
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
    object: Object,
    announced: Vec<(u64, Bytes)>,
    blocks: Mutex<VecDeque<(u64, Bytes)>>,
}

impl ObjectRanges {
    fn new(object: Object) -> Self {
        Self { object, announced: Vec::new(), blocks: Mutex::default() }
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
        let end = (position + least).next_multiple_of(BLOCK_BYTES).min(self.object.length);
        let bytes = received(self.object.start_reading(start..end)?, end - start)?;
        if blocks.len() == MAX_BLOCKS {
            blocks.pop_front();
        }
        blocks.push_back((start, bytes.clone()));
        Ok(bytes.slice((position - start) as usize..))
    }
}

impl ReadAt for ObjectRanges {
    fn length(&self) -> u64 {
        self.object.length
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        if position >= self.object.length || buffer.is_empty() {
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
            return Ok(Some(Arc::new(Self::new(self.object.clone()))));
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
            requests.iter().map(|range| self.object.start_reading(range.clone())).collect();
        for (range, pending) in requests.into_iter().zip(pending?) {
            announced.push((range.start, received(pending, range.end - range.start)?));
        }
        Ok(Some(Arc::new(Self { object: self.object.clone(), announced, blocks: Mutex::default() })))
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
        formatter.debug_tuple("ObjectRanges").field(&self.object.key).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use object_store::memory::InMemory;

    use super::*;

    fn object(length: usize) -> (Object, Vec<u8>) {
        let content: Vec<u8> = (0..length).map(|position| (position / 7 + position / 5000) as u8).collect();
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let key = Key::from("directory/object");
        let (putting, to, bytes) = (Arc::clone(&store), key.clone(), content.clone());
        answer(async move { putting.put(&to, bytes.into()).await }).expect("an answer").expect("memory");
        let (object, head) = Object::open(store, key).expect("an answer").expect("the object");
        assert_eq!(head.len(), length.min(HEAD_BYTES as usize));
        (object, content)
    }

    /// All bytes come in their order, at every length around those of requests.
    #[test]
    fn streams_are_whole() {
        for length in [0, 1, HEAD_BYTES, HEAD_BYTES + 1, HEAD_BYTES + STREAM_BYTES, HEAD_BYTES + 2 * STREAM_BYTES + 5] {
            let (object, content) = object(length as usize);
            let current = Bytes::from(content[..content.len().min(HEAD_BYTES as usize)].to_vec());
            let mut stream = ObjectStream { next: current.len() as u64, object, current, pending: None };
            let mut read = Vec::new();
            stream.read_to_end(&mut read).expect("the object");
            assert!(read == content, "{length}");
        }
    }

    /// Ranges hold what stands there, announced or not, from several threads of another pool.
    #[test]
    fn ranges_are_those_of_the_object() {
        let (object, content) = object(3 * BLOCK_BYTES as usize + 100);
        let plain = ObjectRanges::new(object);
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
        assert_eq!(read_beside(Path::new(&url), "meta.json").as_deref(), Some(&b"{}"[..]));
        let request = server.join().expect("a request");
        assert!(request.starts_with("GET /a/block/meta.json?key=1 "), "{request}");
    }

    #[test]
    fn close_ranges_are_one_request() {
        assert_eq!(joined(vec![100..200, 0..50, 1 << 20..2 << 20, 150..300]), [0..300, 1 << 20..2 << 20]);
    }
}
