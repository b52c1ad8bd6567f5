//! Spans that are too many for memory, put aside in temporary files: one for each partition, so that each can be brought
//! back alone.
//!
//! The files are Arrow IPC streams, compressed; what is packed already goes to one more file as it is. They have no name in the file system (or lose it at once), so nothing is
//! left behind however the program ends.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use arrow::array::{
    ArrayRef, AsArray as _, BinaryBuilder, FixedSizeBinaryArray, Int64Array, RecordBatch, UInt32Array, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, UInt32Type, UInt64Type};
use arrow::error::ArrowError;
use arrow::ipc::CompressionType;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};

use crate::span::{SpanId, TraceId};

use super::own_values::{OwnReader, OwnValues};
use super::partitions::{CollectedRow, CollectedSpan, PARTITIONS, Partition};
use super::signatures::SignatureId;

/// Why spans cannot be put aside or brought back.
#[derive(Debug, thiserror::Error)]
pub enum SpillError {
    /// The directory takes no file, or no more bytes.
    #[error(
        "put spans aside in {}: {source}; free some space there, name another directory with --temp-dir, or allow more memory with --memory-limit",
        directory.display()
    )]
    Write {
        /// The directory for temporary files.
        directory: PathBuf,
        /// What failed.
        source: ArrowError,
    },
    /// What was written cannot be read.
    #[error("read spans that were put aside in {}: {source}", directory.display())]
    Read {
        /// The directory for temporary files.
        directory: PathBuf,
        /// What failed.
        source: ArrowError,
    },
}

/// Where spans are put aside, and how many bytes of them are in memory.
pub struct SpillStore {
    directory: PathBuf,
    limit_bytes: u64,
    bytes_in_memory: AtomicU64,
    spilled_bytes: AtomicU64,
    next_collector: AtomicU32,
    files: Vec<Mutex<PartitionFile>>,
    /// What [`SpillStore::put_bytes`] wrote, end to end, and how many bytes these are.
    packed: Mutex<(Option<File>, u64)>,
    failure: Mutex<Option<SpillError>>,
}

/// Where bytes are that were put aside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PutAside {
    offset: u64,
    bytes: usize,
}

#[derive(Default)]
enum PartitionFile {
    #[default]
    Empty,
    Writing(Box<StreamWriter<BufWriter<File>>>),
    Written(File),
}

impl fmt::Debug for SpillStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpillStore({}, {} bytes)", self.directory.display(), self.spilled_bytes())
    }
}

impl SpillStore {
    /// Nothing is put aside before `limit_bytes` of spans are in memory.
    pub fn new(directory: &Path, limit_bytes: u64) -> Self {
        let mut files = Vec::new();
        files.resize_with(PARTITIONS, Mutex::default);
        Self {
            directory: directory.to_owned(),
            limit_bytes,
            bytes_in_memory: AtomicU64::new(0),
            spilled_bytes: AtomicU64::new(0),
            next_collector: AtomicU32::new(0),
            files,
            packed: Mutex::default(),
            failure: Mutex::new(None),
        }
    }

    /// A number for a collector, by which its spans are told.
    pub(crate) fn new_collector(&self) -> u32 {
        self.next_collector.fetch_add(1, Ordering::Relaxed)
    }

    /// Takes notice of so many more bytes in memory; the answer is whether that is too much.
    pub(crate) fn grow(&self, bytes: u64) -> bool {
        self.bytes_in_memory.fetch_add(bytes, Ordering::Relaxed);
        self.is_full()
    }

    /// Takes notice of so many bytes that are no longer in memory.
    pub(crate) fn shrink(&self, bytes: u64) {
        self.bytes_in_memory.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether too much is in memory.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes_in_memory.load(Ordering::Relaxed) > self.limit_bytes
    }

    /// How many bytes of one collector are worth putting aside: where it has fewer, others have more.
    pub(crate) fn least_bytes(&self) -> u64 {
        (self.limit_bytes / 8).min(16 << 20)
    }

    /// Bytes that were put aside, as they were in memory.
    pub fn spilled_bytes(&self) -> u64 {
        self.spilled_bytes.load(Ordering::Relaxed)
    }

    /// Why something could not be put aside, if that is so. What could not is lost.
    pub fn take_failure(&self) -> Option<SpillError> {
        lock(&self.failure).take()
    }

    /// Puts all spans of a collector, `bytes` in memory, aside.
    pub(crate) fn spill(&self, collector: u32, partitions: Vec<Partition>, bytes: u64) {
        for (part, partition) in partitions.into_iter().enumerate() {
            if !partition.is_empty() {
                self.put(part, collector, partition);
            }
        }
        self.bytes_in_memory.fetch_sub(bytes, Ordering::Relaxed);
        self.spilled_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Puts some spans of partition number `part` aside.
    pub(crate) fn put(&self, part: usize, collector: u32, partition: Partition) {
        let spans: Vec<CollectedSpan> = partition.spans().collect();
        let batch = batch_of(collector, &spans, partition.own_values());
        drop(partition);
        let mut file = lock(&self.files[part]);
        if let Err(source) = batch.and_then(|batch| self.write(&mut file, &batch)) {
            let directory = self.directory.clone();
            lock(&self.failure).get_or_insert(SpillError::Write { directory, source });
        }
    }

    /// Puts bytes aside that are packed; `None` if that is not possible, and they must stay in memory.
    pub(crate) fn put_bytes(&self, bytes: &[u8]) -> Option<PutAside> {
        let mut packed = lock(&self.packed);
        let (file, end) = &mut *packed;
        let place = PutAside { offset: *end, bytes: bytes.len() };
        let mut write = || -> io::Result<()> {
            if file.is_none() {
                *file = Some(tempfile::tempfile_in(&self.directory)?);
            }
            let Some(file) = file else { return Ok(()) };
            file.seek(SeekFrom::Start(*end))?;
            file.write_all(bytes)
        };
        if let Err(error) = write() {
            let directory = self.directory.clone();
            lock(&self.failure).get_or_insert(SpillError::Write { directory, source: error.into() });
            return None;
        }
        *end += bytes.len() as u64;
        self.shrink(bytes.len() as u64);
        self.spilled_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Some(place)
    }

    /// Brings bytes back.
    pub(crate) fn read_bytes(&self, place: PutAside) -> Result<Vec<u8>, SpillError> {
        let mut packed = lock(&self.packed);
        let mut bytes = vec![0; place.bytes];
        let mut read = || -> io::Result<()> {
            let Some(file) = &mut packed.0 else { return Err(io::ErrorKind::NotFound.into()) };
            file.seek(SeekFrom::Start(place.offset))?;
            file.read_exact(&mut bytes)
        };
        let read = read().map_err(|error| SpillError::Read { directory: self.directory.clone(), source: error.into() });
        read.map(|()| bytes)
    }

    /// Another store in the same directory.
    pub(crate) fn beside(&self) -> Self {
        Self::new(&self.directory, self.limit_bytes)
    }

    fn write(&self, file: &mut PartitionFile, batch: &RecordBatch) -> Result<(), ArrowError> {
        if let PartitionFile::Empty = file {
            let output = BufWriter::new(tempfile::tempfile_in(&self.directory)?);
            let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME))?;
            let writer = StreamWriter::try_new_with_options(output, &batch.schema(), options)?;
            *file = PartitionFile::Writing(Box::new(writer));
        }
        match file {
            PartitionFile::Writing(writer) => writer.write(batch),
            _ => Err(ArrowError::InvalidArgumentError("spans come after all were collected".to_owned())),
        }
    }

    /// Hands the spans of partition number `part` that were put aside to `take`, with the numbers of their collectors
    /// and their own values.
    pub(crate) fn read(
        &self,
        part: usize,
        mut take: impl FnMut(u32, CollectedSpan, Option<&OwnValues>),
    ) -> Result<(), SpillError> {
        let mut file = lock(&self.files[part]);
        let fail = |source| SpillError::Read { directory: self.directory.clone(), source };
        let written = match std::mem::take(&mut *file) {
            PartitionFile::Empty => return Ok(()),
            PartitionFile::Writing(writer) => {
                let finish = || -> Result<File, ArrowError> {
                    let output = writer.into_inner()?;
                    Ok(output.into_inner().map_err(io::IntoInnerError::into_error)?)
                };
                finish().map_err(|source| SpillError::Write { directory: self.directory.clone(), source })?
            }
            PartitionFile::Written(file) => file,
        };
        let mut rewound = &written;
        rewound.rewind().map_err(|error| fail(error.into()))?;
        let reader = StreamReader::try_new(BufReader::new(rewound), None).map_err(fail)?;
        for batch in reader {
            take_batch(&batch.map_err(fail)?, &mut take);
        }
        *file = PartitionFile::Written(written);
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The columns. Own values are one after the other, and nothing of spans that have none: not every batch of a file has any.
fn schema() -> SchemaRef {
    let field = |name: &str, data_type| Field::new(name, data_type, false);
    Arc::new(Schema::new(vec![
        field("trace_id", DataType::FixedSizeBinary(16)),
        field("span_id", DataType::UInt64),
        field("parent_span_id", DataType::UInt64),
        field("start", DataType::Int64),
        field("duration", DataType::Int64),
        field("arguments", DataType::UInt64),
        field("signature", DataType::UInt32),
        field("collector", DataType::UInt32),
        field("own_values", DataType::Binary),
    ]))
}

fn batch_of(collector: u32, spans: &[CollectedSpan], mut own_values: OwnReader<'_>) -> Result<RecordBatch, ArrowError> {
    let trace_ids: Vec<u8> = spans.iter().flat_map(|span| span.trace_id.0).collect();
    let mut of_spans = BinaryBuilder::with_capacity(spans.len(), 0);
    for _ in spans {
        match own_values.next_row() {
            Some(values) => of_spans.append_value(values.words().map(u64::to_le_bytes).concat()),
            None => of_spans.append_value([]),
        }
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(FixedSizeBinaryArray::try_new(16, trace_ids.into(), None)?),
        Arc::new(UInt64Array::from_iter_values(spans.iter().map(|span| span.row.span_id.0))),
        Arc::new(UInt64Array::from_iter_values(spans.iter().map(|span| span.row.parent_span_id.0))),
        Arc::new(Int64Array::from_iter_values(spans.iter().map(|span| span.row.start))),
        Arc::new(Int64Array::from_iter_values(spans.iter().map(|span| span.row.duration))),
        Arc::new(UInt64Array::from_iter_values(spans.iter().map(|span| span.row.arguments))),
        Arc::new(UInt32Array::from_iter_values(spans.iter().map(|span| span.row.signature.0))),
        Arc::new(UInt32Array::from_value(collector, spans.len())),
        Arc::new(of_spans.finish()),
    ];
    RecordBatch::try_new(schema(), columns)
}

fn take_batch(batch: &RecordBatch, take: &mut impl FnMut(u32, CollectedSpan, Option<&OwnValues>)) {
    let numbers = |column: usize| batch.column(column).as_primitive::<UInt64Type>().values();
    let times = |column: usize| batch.column(column).as_primitive::<Int64Type>().values();
    let small = |column: usize| batch.column(column).as_primitive::<UInt32Type>().values();
    let trace_ids = batch.column(0).as_fixed_size_binary();
    let of_spans = batch.column(8).as_binary::<i32>();
    for row in 0..batch.num_rows() {
        let span = CollectedSpan {
            trace_id: TraceId::from_bytes(trace_ids.value(row)).unwrap_or_default(),
            row: CollectedRow {
                span_id: SpanId(numbers(1)[row]),
                parent_span_id: SpanId(numbers(2)[row]),
                start: times(3)[row],
                duration: times(4)[row],
                arguments: numbers(5)[row],
                signature: SignatureId(small(6)[row]),
            },
        };
        let words = of_spans.value(row).as_chunks().0;
        let own_values = OwnValues::of_words(words.iter().map(|word| u64::from_le_bytes(*word)));
        take(small(7)[row], span, (!words.is_empty()).then_some(&own_values));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conventions::OwnAttribute;
    use crate::frame::partitions::{Partitions, partition_of};

    #[test]
    fn what_was_put_aside_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let store = SpillStore::new(folder.path(), 0);
        let span = |number: u64| CollectedSpan {
            trace_id: TraceId(u128::from(number % 50 + 1).to_be_bytes()),
            row: CollectedRow {
                span_id: SpanId(number),
                parent_span_id: SpanId(number / 2),
                start: number as i64,
                duration: 7,
                arguments: u64::MAX - number,
                signature: SignatureId(number as u32 % 3),
            },
        };
        let own = |number: u64| {
            let mut values = OwnValues::default();
            for (&attribute, value) in
                OwnAttribute::ALL.iter().zip([number % 5, u64::MAX / number, number % 2, number % 3])
            {
                values.set(attribute, value);
            }
            values
        };
        for collector in 0..2 {
            let mut partitions = Partitions::default();
            // Of the second collector no span has any.
            let given = |number: u64| (collector == 0).then(|| own(number));
            (1..=1_000).for_each(|number| assert!(partitions.push(span(number), given(number).as_ref()) < 1 << 20));
            store.spill(collector, partitions.take(), 64_000);
        }
        assert!(store.take_failure().is_none());
        for _ in 0..2 {
            let mut found = Vec::new();
            for part in 0..PARTITIONS {
                let take = |collector, span: CollectedSpan, values: Option<&OwnValues>| {
                    assert_eq!(partition_of(span.trace_id), part);
                    assert_eq!(values.copied(), (collector == 0).then(|| own(span.row.span_id.0)));
                    found.push((collector, format!("{span:?}")));
                };
                store.read(part, take).unwrap();
            }
            found.sort();
            let mut expected: Vec<(u32, String)> = (0..2)
                .flat_map(|collector| (1..=1_000).map(move |number| (collector, format!("{:?}", span(number)))))
                .collect();
            expected.sort();
            assert_eq!(found, expected);
        }
        assert_eq!(folder.path().read_dir().unwrap().count(), 0, "no file has a name");
    }

    /// Packed bytes come back, in whatever order they are asked for, and are no longer counted as memory.
    #[test]
    fn packed_bytes_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let store = SpillStore::new(folder.path(), 1_000);
        let pieces: Vec<Vec<u8>> = (0..100u8).map(|number| vec![number; usize::from(number)]).collect();
        assert!(store.grow(4_950));
        let places: Vec<PutAside> = pieces.iter().map(|piece| store.put_bytes(piece).unwrap()).collect();
        assert!(!store.is_full() && store.spilled_bytes() == 4_950);
        for (piece, &place) in pieces.iter().zip(&places).rev() {
            assert_eq!(&store.read_bytes(place).unwrap(), piece);
        }
        // More may follow what was read.
        let last = store.put_bytes(b"more").unwrap();
        assert_eq!(store.read_bytes(last).unwrap(), b"more");
        assert_eq!(store.read_bytes(places[7]).unwrap(), pieces[7]);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0, "no file has a name");
        let elsewhere = SpillStore::new(Path::new("/nowhere/at/all"), 0);
        assert!(elsewhere.put_bytes(b"lost").is_none() && elsewhere.take_failure().is_some());
        assert!(elsewhere.read_bytes(last).unwrap_err().to_string().contains("/nowhere/at/all"));
    }

    #[test]
    fn a_directory_that_takes_nothing_is_told() {
        let store = SpillStore::new(Path::new("/nowhere/at/all"), 0);
        let mut partitions = Partitions::default();
        let row = CollectedRow {
            span_id: SpanId(1),
            parent_span_id: SpanId::NONE,
            start: 1,
            duration: 1,
            arguments: 0,
            signature: SignatureId(0),
        };
        partitions.push(CollectedSpan { trace_id: TraceId([1; 16]), row }, None);
        store.spill(0, partitions.take(), 64);
        let failure = store.take_failure().unwrap().to_string();
        assert!(failure.contains("/nowhere/at/all") && failure.contains("--temp-dir"), "{failure}");
    }
}
