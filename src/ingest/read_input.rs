//! From an input to its spans: opens it, takes compression and archives off, recognises it, and hands it to the reader of its
//! format.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ::parquet::file::reader::Length as _;

use crate::span::SkipReason;

use super::arrow_ipc::{self, ARROW_IPC, Copied};
use super::error::{IngestError, IngestWarning};
use super::input_format::InputFormat;
use super::input_report::InputReport;
use super::progress::{Meter, Progress};
use super::read::ReadOptions;
use super::recognise::{self, Content};
use super::refused::Refused;
use super::tally::{Tally, merge_skipped};
use crate::ingest::parquet::read::Unread;
use crate::ingest::source::archive::{self, Archive, Entry};
use crate::ingest::source::byte_stream::ByteStream;
use crate::ingest::source::compression::{self, AlmostAllEmpty, Compression, MAX_LAYERS};
use crate::ingest::source::input::{Input, NotRead, STANDARD_INPUT};
use crate::ingest::source::object_stores;
use crate::ingest::source::shared_file::SharedFile;

/// Where the spans of an input go.
pub(super) trait Target {
    /// Reads messages.
    fn messages(&mut self, content: Content, stream: &mut ByteStream, path: &Path, meter: &Meter<'_>) -> Tally;

    /// Reads a Parquet file.
    fn parquet(
        &mut self,
        file: SharedFile,
        report: &mut InputReport,
        progress: &dyn Progress,
    ) -> Result<Option<Unread>, IngestError>;
}

/// What was read of a file, which is an input or in one that is an archive.
pub(super) struct ReadInput {
    pub(super) report: InputReport,
    /// The part of a Parquet file that holds no span that matches.
    pub(super) unread: Option<Unread>,
}

impl ReadInput {
    pub(super) fn of(report: InputReport) -> Self {
        Self { report, unread: None }
    }
}

/// A stream, and how many bytes were read of what it came from.
pub(super) struct Counted {
    stream: ByteStream,
    raw_bytes: Arc<AtomicU64>,
}

impl Counted {
    pub(super) fn of(reader: impl Read + Send + 'static) -> Self {
        let raw_bytes = Arc::new(AtomicU64::new(0));
        Self { stream: ByteStream::new(CountedBytes { reader, bytes: Arc::clone(&raw_bytes) }), raw_bytes }
    }
}

/// Counts the bytes that are read.
struct CountedBytes<R> {
    reader: R,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for CountedBytes<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(target)?;
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// One input, and how it is read.
pub(super) struct Reading<'a> {
    pub(super) input: &'a Input,
    pub(super) options: &'a ReadOptions,
    pub(super) progress: &'a dyn Progress,
    /// What describes the input, if that is a Tempo block in an archive.
    pub(super) description: Option<Arc<[u8]>>,
}

/// Opens an input and reads it.
pub(super) fn read_input(reading: &Reading<'_>, target: &mut dyn Target) -> Vec<ReadInput> {
    let path = &reading.input.path;
    let fail = |error: IngestError| {
        let mut report = InputReport::new(path);
        report.errors.push(error);
        vec![ReadInput::of(report)]
    };
    if path.as_os_str() == STANDARD_INPUT {
        return read_stream(Counted::of(io::stdin()), None, reading, 0, target);
    }
    if object_stores::is_url(path) {
        return match object_stores::open(path, reading.options.retry_timeout()) {
            Ok((reader, file)) => read_stream(Counted::of(reader), file, reading, 0, target),
            Err(error) => fail(error),
        };
    }
    let opened = File::open(path).and_then(|file| Ok((file.try_clone()?, file.metadata()?, file)));
    match opened {
        Ok((reader, metadata, file)) => {
            let file = metadata.is_file().then(|| SharedFile::new(file)).and_then(Result::ok);
            read_stream(Counted::of(reader), file, reading, 0, target)
        }
        Err(source) => fail(IngestError::Open { path: path.clone(), source }),
    }
}

/// Reads a file from its first byte. `file` is where it can be read from in any order; `depth` tells how many archives it is
/// in. The answer has a report for each file of an archive, else one.
pub(super) fn read_stream(
    counted: Counted,
    file: Option<SharedFile>,
    reading: &Reading<'_>,
    depth: usize,
    target: &mut dyn Target,
) -> Vec<ReadInput> {
    let &Reading { input, options, progress, .. } = reading;
    let Counted { stream: mut plain, raw_bytes } = counted;
    let path = &input.path;
    let mut report = InputReport::new(path);
    let is_compressed = Compression::of(plain.fill(compression::MAGIC_BYTES)).is_some();
    let gave_spans = Arc::new(AtomicBool::new(false));
    let unpacked = compression::decompress(plain, &raw_bytes, &gave_spans).map(|mut stream| {
        let archive = Archive::of(stream.fill(archive::HEAD_BYTES));
        (stream, archive)
    });
    let mut stream = match unpacked {
        Ok((stream, None)) => stream,
        Ok((stream, Some(archive))) if depth < MAX_LAYERS => {
            let file = file.filter(|_| !is_compressed);
            return read_archive(archive, Counted { stream, raw_bytes }, file, reading, depth, target);
        }
        Ok((_, Some(_))) | Err(_) => {
            report.bytes = raw_bytes.load(Ordering::Relaxed);
            report.errors.push(IngestError::TooManyLayers { path: path.clone(), limit: MAX_LAYERS });
            return vec![ReadInput::of(report)];
        }
    };
    let mut unread = None;
    let recognised = recognise::recognise(&mut stream);
    let content = options.format.filter(|_| recognised != Content::Empty).map_or(recognised, InputFormat::content);
    match content {
        // What there is says nothing; why there is no more is said below.
        Content::Empty | Content::Unknown if stream.has_failed() => {}
        Content::Empty => {
            report.format = "empty";
            report.warnings.push(IngestWarning::Empty { path: path.clone() });
        }
        Content::Parquet => {
            report.format = "parquet";
            let file = match file.filter(|_| !is_compressed) {
                Some(file) => Ok(file),
                None => copy_to_file(&mut stream, path),
            };
            let read = file.and_then(|file| {
                report.bytes = file.len();
                let file = file.described_by(reading.description.clone());
                target.parquet(file, &mut report, progress)
            });
            match read {
                Ok(of_file) => unread = of_file,
                Err(error) => report.take_failure(error, input.found),
            }
            if let Some(format) = options.format.filter(|_| recognised != content) {
                report.blame_format(format, recognised);
            }
            return vec![ReadInput { report, unread }];
        }
        Content::Arrow => {
            report.format = ARROW_IPC;
            match arrow_ipc::to_parquet(&mut stream, path) {
                Ok(copied) => {
                    unread = read_table(copied, &mut report, input.found, &SpansOnly(progress), target);
                    progress.advance(raw_bytes.load(Ordering::Relaxed), 0);
                }
                Err(error) => report.take_failure(error, input.found),
            }
        }
        Content::Refused(Refused { what, advice }) => {
            report.skipped.add(SkipReason::UnsupportedFormat, 0);
            let (what, advice) = (what.to_owned(), advice.replace("FILE", &path.display().to_string()));
            report.errors.push(IngestError::Unsupported { path: path.clone(), what, advice });
        }
        Content::NoTraces(Refused { what, advice }) => {
            let (what, advice) = (what.to_owned(), advice.to_owned());
            report.not_traces(IngestError::Unsupported { path: path.clone(), what, advice }, input.found);
        }
        Content::Unknown => {
            let first_bytes = describe_bytes(stream.window());
            report.not_traces(IngestError::UnknownFormat { path: path.clone(), first_bytes }, input.found);
        }
        Content::Json | Content::Proto | Content::Framed(_) => {
            let meter = Meter::new(progress, &raw_bytes).noting(&gave_spans);
            let tally = target.messages(content, &mut stream, path, &meter);
            report.take_messages(content, tally);
            report.say_if_all_left_out("byte");
        }
    }
    if let Some(format) = options.format.filter(|_| recognised != content) {
        report.blame_format(format, recognised);
    }
    let failure = stream.take_failure();
    if failure.as_ref().is_some_and(AlmostAllEmpty::is_cause_of) {
        // What is said of a part that is cut off is of the giving up, not of the input.
        report.errors.retain(|error| !matches!(error, IngestError::Truncated { .. }));
        report.errors.push(IngestError::AlmostAllEmpty { path: path.clone(), offset: stream.offset() });
    } else if let Some(source) = failure {
        let is_counted = report.skipped.counts.contains_key(&SkipReason::Truncated);
        let is_nothing = report.spans == 0 && report.skipped.total() == 0;
        if (source.kind() == io::ErrorKind::UnexpectedEof || is_nothing) && !is_counted {
            report.skipped.add(SkipReason::Truncated, stream.offset());
        }
        report.errors.push(IngestError::Read { path: path.clone(), offset: stream.offset(), source });
    } else if report.spans == 0 && report.is_silent() {
        report.warnings.push(IngestWarning::NoSpans { path: path.clone() });
    }
    report.bytes = raw_bytes.load(Ordering::Relaxed);
    vec![ReadInput { report, unread }]
}

/// Reads a table that came as something else than Parquet.
fn read_table(
    copied: Copied,
    report: &mut InputReport,
    found: bool,
    progress: &dyn Progress,
    target: &mut dyn Target,
) -> Option<Unread> {
    let Copied { file, lost } = copied;
    let read = match SharedFile::new(file) {
        Ok(file) => target.parquet(file, report, progress),
        Err(source) => {
            let directory = tempfile::env::temp_dir();
            Err(IngestError::Copy { path: report.path.clone(), directory, source })
        }
    };
    report.format = ARROW_IPC;
    merge_skipped(&mut report.skipped, &lost.skipped);
    report.errors.extend(lost.errors);
    match read {
        Ok(unread) => return unread,
        Err(error) => report.take_failure(error, found),
    }
    None
}

/// Reads the files of an archive one after the other.
fn read_archive(
    archive: Archive,
    counted: Counted,
    file: Option<SharedFile>,
    reading: &Reading<'_>,
    depth: usize,
    target: &mut dyn Target,
) -> Vec<ReadInput> {
    let &Reading { input, options, progress, .. } = reading;
    let Counted { mut stream, raw_bytes } = counted;
    let path = &input.path;
    let mut read: Vec<ReadInput> = Vec::new();
    let mut told_bytes = 0;
    let mut take = |entry: Result<Entry, NotRead>| match entry {
        Ok(Entry { path, contents, description }) => {
            let input = Input { path, found: true };
            let reading = Reading { input: &input, options, progress: &SpansOnly(progress), description };
            read.extend(read_stream(Counted::of(contents), None, &reading, depth + 1, target));
            let bytes = raw_bytes.load(Ordering::Relaxed);
            progress.advance(bytes - std::mem::replace(&mut told_bytes, bytes), 0);
        }
        Err(not_read) => read.push(ReadInput::of(InputReport::of_not_read(not_read))),
    };
    match archive {
        Archive::Tar => archive::read_tar(stream, path, &mut take),
        Archive::Zip => match file.map_or_else(|| copy_to_file(&mut stream, path), Ok) {
            Ok(file) => {
                archive::read_zip(&file, path, &mut take);
                // It was not read as a stream, which counts.
                progress.advance(file.len().saturating_sub(raw_bytes.load(Ordering::Relaxed)), 0);
            }
            Err(error) => take(Err(NotRead::Failed(error))),
        },
    }
    if read.is_empty() {
        let mut report = InputReport::new(path);
        report.format = archive.as_str();
        report.bytes = raw_bytes.load(Ordering::Relaxed);
        report.warnings.push(IngestWarning::Empty { path: path.clone() });
        read.push(ReadInput::of(report));
    }
    read
}

/// Tells the spans of an archive's files: their bytes are none of the input's.
struct SpansOnly<'a>(&'a dyn Progress);

impl Progress for SpansOnly<'_> {
    fn advance(&self, _bytes: u64, spans: u64) {
        self.0.advance(0, spans);
    }
}

/// Parquet is read from its end, so what comes as a stream is written to a temporary file first.
fn copy_to_file(stream: &mut ByteStream, path: &Path) -> Result<SharedFile, IngestError> {
    let not_written =
        |source| IngestError::Copy { path: path.to_owned(), directory: tempfile::env::temp_dir(), source };
    let mut file = tempfile::tempfile().map_err(not_written)?;
    loop {
        let window = stream.fill(1);
        if window.is_empty() {
            break;
        }
        file.write_all(window).map_err(not_written)?;
        let length = window.len();
        stream.advance(length);
    }
    if let Some(source) = stream.take_failure() {
        let (path, offset) = (path.to_owned(), stream.offset());
        return Err(match AlmostAllEmpty::is_cause_of(&source) {
            true => IngestError::AlmostAllEmpty { path, offset },
            false => IngestError::ReadWhole { path, offset, source },
        });
    }
    SharedFile::new(file).map_err(not_written)
}

/// The first 16 of `bytes` in hexadecimal and, where they are printable, as text.
fn describe_bytes(bytes: &[u8]) -> String {
    let first = &bytes[..bytes.len().min(16)];
    let hex: Vec<String> = first.iter().map(|byte| format!("{byte:02x}")).collect();
    let text: String =
        first.iter().map(|&byte| if (0x20..0x7f).contains(&byte) { char::from(byte) } else { '.' }).collect();
    format!("{} ({text})", hex.join(" "))
}
