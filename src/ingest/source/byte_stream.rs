//! A stream of bytes with a window that can be looked at before it is consumed.
//!
//! The window grows only as bytes arrive, so that a length written in the input never decides how much memory is taken.
//! A failure of the reader below ends the stream; whoever reads it takes the bytes before, then asks for the failure.

use std::io::{self, BufRead, Read};

/// How many bytes are asked of the reader at once.
const READ_SIZE: usize = 256 << 10;

/// How often a byte is moved for each that is consumed.
const MAX_MOVES: usize = 8;

/// See the module.
pub(crate) struct ByteStream {
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    offset: u64,
    ended: bool,
    failure: Option<io::Error>,
}

impl ByteStream {
    pub(crate) fn new(reader: impl Read + Send + 'static) -> Self {
        Self { reader: Box::new(reader), buffer: Vec::new(), start: 0, end: 0, offset: 0, ended: false, failure: None }
    }

    /// The stream of a split that stands at `offset` of a longer one.
    pub(crate) fn of_split(split: Vec<u8>, offset: u64) -> Self {
        Self { end: split.len(), buffer: split, offset, ended: true, ..Self::new(io::empty()) }
    }

    /// The memory of the window, to be used again.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    /// Reads on until the window holds `wanted` bytes or the stream ends; the answer is the window.
    pub(crate) fn fill(&mut self, wanted: usize) -> &[u8] {
        while self.end - self.start < wanted && !self.ended {
            self.make_room(wanted);
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.ended = true,
                Ok(count) => self.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    self.failure = Some(error);
                }
            }
        }
        self.window()
    }

    /// Makes room for at least one more byte. The window moves to the front of the buffer only when little room is left behind
    /// it, and not if little of it was consumed, so that bytes are moved seldom, whatever lengths the input claims. The buffer
    /// doubles as bytes arrive, however many are `wanted`.
    fn make_room(&mut self, wanted: usize) {
        let window_bytes = self.end - self.start;
        if self.start > window_bytes / MAX_MOVES && self.buffer.len() - self.end < READ_SIZE || window_bytes == 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let free = self.buffer.len() - self.end;
        if free == 0 || (free < READ_SIZE && self.buffer.len() < wanted) {
            self.buffer.resize(self.buffer.len() + self.buffer.len().max(READ_SIZE), 0);
        }
    }

    /// What has been read and not consumed.
    pub(crate) fn window(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// The window, for mending it.
    pub(crate) fn window_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[self.start..self.end]
    }

    /// Whether nothing follows the window.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// Where the window begins in the stream.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Drops the first `count` bytes of the window.
    pub(crate) fn advance(&mut self, count: usize) {
        debug_assert!(count <= self.end - self.start, "only what is in the window can be consumed");
        self.start += count;
        self.offset += count as u64;
    }

    /// Drops `count` bytes, in the window or after it; `false` if the stream ends before.
    pub(crate) fn skip(&mut self, mut count: u64) -> bool {
        while count > 0 {
            let available = self.fill(1).len();
            if available == 0 {
                return false;
            }
            let step = available.min(usize::try_from(count).unwrap_or(usize::MAX));
            self.advance(step);
            count -= step as u64;
        }
        true
    }

    /// Whether the stream was ended by a failure that nobody took notice of.
    pub(crate) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// What ended the stream, if it was not its end.
    pub(crate) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }
}

impl Read for ByteStream {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(target.len());
        target[..count].copy_from_slice(&available[..count]);
        self.advance(count);
        Ok(count)
    }
}

impl BufRead for ByteStream {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.fill(1).is_empty()
            && let Some(failure) = self.take_failure()
        {
            return Err(failure);
        }
        Ok(self.window())
    }

    fn consume(&mut self, count: usize) {
        self.advance(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, then fails.
    struct Drip(u8);

    impl Read for Drip {
        fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
            if self.0 == 5 {
                return Err(io::Error::other("broken"));
            }
            target[0] = self.0;
            self.0 += 1;
            Ok(1)
        }
    }

    #[test]
    fn the_bytes_before_a_failure_are_kept() {
        let mut stream = ByteStream::new(Drip(0));
        assert_eq!(stream.fill(2), [0, 1]);
        stream.advance(1);
        assert_eq!(stream.fill(100), [1, 2, 3, 4]);
        assert_eq!(stream.offset(), 1);
        assert!(stream.ended());
        assert!(!stream.skip(5));
        assert_eq!(stream.offset(), 5);
        assert!(stream.take_failure().is_some());
    }
}
