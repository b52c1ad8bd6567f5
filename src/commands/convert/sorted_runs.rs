//! Spans that are too many for memory: sorted runs in temporary files, merged when all are there.
//!
//! Files are compressed and have no name in the file system, so nothing is left behind however the program ends. A run
//! that is being merged has buffers of some hundred kilobytes, so there are never more than [`FAN_IN`] of each size: that
//! many are merged into one of the next.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek as _, Write as _};
use std::path::PathBuf;

use crate::span::{SpanId, TraceId};

/// Runs of one size before they are merged.
const FAN_IN: usize = 16;

/// What spans are sorted by, in this order; then come the bytes of their content and of their origin.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct SpanKey {
    pub(super) trace_id: TraceId,
    pub(super) start_unix_nano: u64,
    pub(super) span_id: SpanId,
}

/// See the module.
pub(super) struct SortedRuns {
    directory: PathBuf,
    /// Runs by how often they were merged.
    levels: Vec<Vec<File>>,
}

impl SortedRuns {
    /// None yet; files will be in `directory`.
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory, levels: Vec::new() }
    }

    /// Begins a run.
    pub(super) fn begin(&self) -> io::Result<RunWriter> {
        let file = tempfile::tempfile_in(&self.directory).map_err(|source| self.not_written(source))?;
        Ok(RunWriter { output: zstd::Encoder::new(BufWriter::new(file), 1)?, origin: None })
    }

    /// Takes in a run.
    pub(super) fn end(&mut self, run: RunWriter) -> io::Result<()> {
        let mut file = run.finish().map_err(|source| self.not_written(source))?;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(file);
            if self.levels[level].len() < FAN_IN {
                break;
            }
            let mut merged = self.begin()?;
            let full = std::mem::take(&mut self.levels[level]);
            merge(full, |key, origin, content| merged.push(key, origin, content))?;
            file = merged.finish().map_err(|source| self.not_written(source))?;
        }
        Ok(())
    }

    /// Hands over all spans in order: key, origin, content.
    pub(super) fn merge<E: From<io::Error>>(
        &mut self,
        take: impl FnMut(&SpanKey, &[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        merge(std::mem::take(&mut self.levels).into_iter().flatten().collect(), take)
    }

    fn not_written(&self, source: io::Error) -> io::Error {
        let text = format!(
            "put spans aside in {}: {source}; free some space there, name another directory with --temp-dir, or allow more memory with --memory-limit",
            self.directory.display()
        );
        io::Error::new(source.kind(), text)
    }
}

fn merge<E: From<io::Error>>(
    files: Vec<File>,
    mut take: impl FnMut(&SpanKey, &[u8], &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut heads = BinaryHeap::new();
    for file in files {
        heads.extend(Head::first_of(file)?.map(Reverse));
    }
    while let Some(mut least) = heads.peek_mut() {
        let Reverse(head) = &mut *least;
        take(&head.key, &head.origin, &head.content)?;
        if !head.advance()? {
            PeekMut::pop(least);
        }
    }
    Ok(())
}

/// A run that is being written.
pub(super) struct RunWriter {
    output: zstd::Encoder<'static, BufWriter<File>>,
    /// Of the span before: it is not written again.
    origin: Option<Vec<u8>>,
}

impl RunWriter {
    /// Adds a span, which comes after all others of this run.
    pub(super) fn push(&mut self, key: &SpanKey, origin: &[u8], content: &[u8]) -> io::Result<()> {
        let is_new = self.origin.as_deref() != Some(origin);
        self.output.write_all(&[HAS_SPAN, u8::from(is_new)])?;
        self.output.write_all(&key.trace_id.0)?;
        self.output.write_all(&key.start_unix_nano.to_le_bytes())?;
        self.output.write_all(&key.span_id.0.to_le_bytes())?;
        if is_new {
            self.bytes(origin)?;
            self.origin = Some(origin.to_vec());
        }
        self.bytes(content)
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.output.write_all(&(bytes.len() as u64).to_le_bytes())?;
        self.output.write_all(bytes)
    }

    fn finish(mut self) -> io::Result<File> {
        self.output.write_all(&[END])?;
        let mut file = self.output.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(file)
    }
}

const END: u8 = 0;
const HAS_SPAN: u8 = 1;

/// The first span of a run that was not handed over yet.
struct Head {
    input: zstd::Decoder<'static, BufReader<File>>,
    key: SpanKey,
    origin: Vec<u8>,
    content: Vec<u8>,
}

impl Head {
    fn first_of(file: File) -> io::Result<Option<Self>> {
        let input = zstd::Decoder::new(file)?;
        let mut head = Self { input, key: SpanKey::default(), origin: Vec::new(), content: Vec::new() };
        Ok(head.advance()?.then_some(head))
    }

    /// Goes on to the next span, if there is one.
    fn advance(&mut self) -> io::Result<bool> {
        if let [END] = array(&mut self.input)? {
            return Ok(false);
        }
        let [is_new_origin] = array(&mut self.input)?;
        self.key = SpanKey {
            trace_id: TraceId(array(&mut self.input)?),
            start_unix_nano: u64::from_le_bytes(array(&mut self.input)?),
            span_id: SpanId(u64::from_le_bytes(array(&mut self.input)?)),
        };
        if is_new_origin == 1 {
            bytes(&mut self.input, &mut self.origin)?;
        }
        bytes(&mut self.input, &mut self.content)?;
        Ok(true)
    }
}

fn array<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut array = [0; N];
    input.read_exact(&mut array)?;
    Ok(array)
}

fn bytes(input: &mut impl Read, to: &mut Vec<u8>) -> io::Result<()> {
    let length = u64::from_le_bytes(array(input)?);
    to.resize(length as usize, 0);
    input.read_exact(to)
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key
            .cmp(&other.key)
            .then_with(|| self.content.cmp(&other.content))
            .then_with(|| self.origin.cmp(&other.origin))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}
