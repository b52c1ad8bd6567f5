//! From paths to spans: opens each input, recognises it, and hands it to the reader of its format.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ::parquet::file::reader::Length as _;
use rayon::iter::{IntoParallelIterator as _, IntoParallelRefMutIterator as _, ParallelIterator as _};

use crate::conventions::OwnAttributes;
use crate::frame::{Collecting, FrameBuilder, SpanSink, SpillStore, TooManyStrings};
use crate::span::{SkipReason, Skipped};

use super::arrow_ipc::{self, ARROW_IPC, Copied};
use super::counting_sink::CountingSink;
use super::error::{IngestError, IngestWarning};
use super::input_format::InputFormat;
use super::messages::splits;
use super::parquet;
use super::progress::{Meter, Progress};
use super::recognise::{self, Content};
use super::refused::Refused;
use super::selection::{LeftOut, Selection, TraceIds};
use super::tally::{Tally, Unknown, merge_skipped};
use super::zipkin;
use crate::ingest::otlp::names;
use crate::ingest::parquet::outcome::ParquetRead;
use crate::ingest::parquet::read::Unread;
use crate::ingest::source::archive::{self, Archive, Entry};
use crate::ingest::source::byte_stream::ByteStream;
use crate::ingest::source::compression::{self, AlmostAllEmpty, Compression, MAX_LAYERS};
use crate::ingest::source::input::{Input, NotRead, STANDARD_INPUT};
use crate::ingest::source::inputs::find_inputs;
use crate::ingest::source::object_stores;
use crate::ingest::source::shared_file::SharedFile;

/// What was read of one input.
#[derive(Debug)]
pub struct InputReport {
    /// The path as it was given, or of the file that was found in a directory; `-` for standard input.
    pub path: PathBuf,
    /// The format, as `run.json` names it.
    pub format: &'static str,
    /// Bytes read, before decompression.
    pub bytes: u64,
    /// Spans that can be analysed.
    pub spans: u64,
    /// What was left out.
    pub skipped: Skipped,
    /// What failed.
    pub errors: Vec<IngestError>,
    /// What the user should know although nothing failed.
    pub warnings: Vec<IngestWarning>,
    /// For tables: which columns were taken for what, one on a line; empty for other formats.
    pub mapping: String,
}

/// How inputs are read.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// What the inputs are; told by their bytes if not said.
    pub format: Option<InputFormat>,
    /// Which traces are wanted.
    pub selection: Selection,
    /// Where spans are put aside that are too many for memory. Spans of a selection are not: it is applied in memory.
    pub spill: Option<Arc<SpillStore>>,
    /// The attributes that may be unique to a span and are asked for.
    pub own_attributes: OwnAttributes,
    /// Whether the attributes of resources are asked for, beside the service. Formats that give them at no cost always do.
    pub resource_attributes: bool,
    /// How much time a request to an object store may lose by failures; three minutes if not said.
    pub retry_timeout: Option<Duration>,
}

impl ReadOptions {
    fn retry_timeout(&self) -> Duration {
        self.retry_timeout.unwrap_or(object_stores::DEFAULT_RETRY_TIMEOUT)
    }
}

/// What [`read_frames`] read.
#[derive(Debug, Default)]
pub struct ReadFrames {
    /// The spans of the wanted traces. An input may have any number of builders.
    pub builders: Vec<FrameBuilder>,
    /// What was read of each input, in the order of the paths.
    pub reports: Vec<InputReport>,
    /// What the selection left out.
    pub left_out: LeftOut,
}

/// Reads all inputs for the analysis, in parallel on the current pool of threads.
pub fn read_frames(paths: &[PathBuf], options: &ReadOptions, progress: &dyn Progress) -> ReadFrames {
    let spill = options.spill.clone().filter(|_| options.selection.is_all());
    let ReadOptions { own_attributes, resource_attributes, .. } = *options;
    let collecting = Collecting { spill, own_attributes, resource_attributes, ..Collecting::default() };
    let read: Vec<(Vec<FrameBuilder>, Vec<ReadInput>)> = find_inputs(paths, options.retry_timeout())
        .into_par_iter()
        .map(|input| {
            let mut target = Frames { selection: &options.selection, collecting: &collecting, builders: Vec::new() };
            let read = match input {
                Ok(input) => read_input(&Reading { input: &input, options, progress }, &mut target),
                Err(not_read) => vec![ReadInput::of(report_not_read(not_read))],
            };
            target.builders.iter_mut().for_each(FrameBuilder::end);
            (target.builders, read)
        })
        .collect();
    if options.selection.is_all() {
        let (builders, read): (Vec<_>, Vec<_>) = read.into_iter().unzip();
        let reports = read.into_iter().flatten().map(|read| read.report).collect();
        return ReadFrames {
            builders: builders.into_iter().flatten().collect(),
            reports,
            left_out: LeftOut::default(),
        };
    }
    read_wanted(read, &options.selection, progress)
}

/// Of what was read keeps the traces that are wanted, and reads the rest of them.
fn read_wanted(
    mut read: Vec<(Vec<FrameBuilder>, Vec<ReadInput>)>,
    selection: &Selection,
    progress: &dyn Progress,
) -> ReadFrames {
    let mut wanted = TraceIds::default();
    for builder in read.iter().flat_map(|(builders, _)| builders) {
        selection.collect(builder, &mut wanted);
    }
    let left_out: Vec<LeftOut> = read
        .par_iter_mut()
        .map(|(builders, read)| {
            let mut left_out = LeftOut::default();
            for builder in &mut *builders {
                left_out.spans += builder.retain_traces(|trace_id| wanted.contains(&trace_id));
            }
            for ReadInput { report, unread } in read {
                let Some(unread) = unread.take() else { continue };
                let rest = unread.read(&wanted, progress);
                left_out.row_groups += rest.row_groups_not_read;
                left_out.spans_not_read += rest.rows_not_read;
                report.errors.extend(rest.errors);
                for mut builder in rest.builders {
                    report.spans += builder.len() as u64;
                    merge_skipped(&mut report.skipped, builder.skipped());
                    left_out.spans += builder.retain_traces(|trace_id| wanted.contains(&trace_id));
                    builders.push(builder);
                }
            }
            left_out
        })
        .collect();
    let (builders, read): (Vec<_>, Vec<_>) = read.into_iter().unzip();
    ReadFrames {
        builders: builders.into_iter().flatten().collect(),
        reports: read.into_iter().flatten().map(|read| read.report).collect(),
        left_out: left_out.into_iter().fold(LeftOut::default(), |sum, part| LeftOut {
            spans: sum.spans + part.spans,
            row_groups: sum.row_groups + part.row_groups,
            spans_not_read: sum.spans_not_read + part.spans_not_read,
        }),
    }
}

/// The traces that are wanted of all inputs, to read them with [`read_records`] afterwards.
///
/// # Errors
/// If there are too many names to tell them.
pub fn find_wanted_traces(
    paths: &[PathBuf],
    options: &ReadOptions,
    progress: &dyn Progress,
) -> Result<TraceIds, TooManyStrings> {
    let read = read_frames(paths, options, progress);
    read.builders.iter().try_for_each(|builder| builder.symbols.check())?;
    Ok(read.builders.iter().flat_map(|builder| builder.spans.iter()).map(|span| span.trace_id).collect())
}

/// Reads all inputs one after the other into `sink`, nothing left out: the selection in `options` says nothing here.
pub fn read_records(
    paths: &[PathBuf],
    options: &ReadOptions,
    sink: &mut dyn SpanSink,
    progress: &dyn Progress,
) -> Vec<InputReport> {
    let mut target = Records(sink);
    let mut reports = Vec::new();
    for input in find_inputs(paths, options.retry_timeout()) {
        match input {
            Ok(input) => {
                let read = read_input(&Reading { input: &input, options, progress }, &mut target);
                reports.extend(read.into_iter().map(|read| read.report));
            }
            Err(not_read) => reports.push(report_not_read(not_read)),
        }
    }
    reports
}

/// Reads `bytes` as an input called `name` into `sink`, nothing left out. Of an archive, the report is that of all its files.
pub fn read_bytes(name: &Path, bytes: Vec<u8>, options: &ReadOptions, sink: &mut dyn SpanSink) -> InputReport {
    let input = Input { path: name.to_owned(), found: false };
    let stream = Counted::of(io::Cursor::new(bytes));
    let reading = Reading { input: &input, options, progress: &() };
    let mut reports = read_stream(stream, None, &reading, 0, &mut Records(sink)).into_iter().map(|read| read.report);
    let first = reports.next().unwrap_or_else(|| InputReport::new(name));
    reports.fold(first, InputReport::with)
}

/// How many bytes the inputs have, as far as files tell before they are read.
pub(crate) fn input_bytes(paths: &[PathBuf]) -> u64 {
    // Stores would be asked once more for what they cannot tell at once.
    let files: Vec<PathBuf> = paths.iter().filter(|path| !object_stores::is_url(path)).cloned().collect();
    let found = find_inputs(&files, Duration::ZERO).into_iter().filter_map(Result::ok);
    found.filter_map(|input| std::fs::metadata(input.path).ok()).map(|file| file.len()).sum()
}

/// Where the spans of an input go.
trait Target {
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

/// Into builders, for the analysis.
struct Frames<'a> {
    selection: &'a Selection,
    collecting: &'a Collecting,
    builders: Vec<FrameBuilder>,
}

impl Target for Frames<'_> {
    fn messages(&mut self, content: Content, stream: &mut ByteStream, path: &Path, meter: &Meter<'_>) -> Tally {
        let (builders, tally) = splits::read(stream, content, path, meter, self.collecting);
        self.builders.extend(builders);
        tally
    }

    fn parquet(
        &mut self,
        file: SharedFile,
        report: &mut InputReport,
        progress: &dyn Progress,
    ) -> Result<Option<Unread>, IngestError> {
        let (builders, unread, read) =
            parquet::read::read_columns(file, &report.path, self.selection, self.collecting, progress)?;
        for builder in &builders {
            report.spans += builder.len() as u64;
            merge_skipped(&mut report.skipped, builder.skipped());
        }
        self.builders.extend(builders);
        report_parquet(report, read);
        if unread.is_none() {
            report.say_if_all_left_out("row");
        }
        Ok(unread)
    }
}

/// Into one sink that takes everything.
struct Records<'a>(&'a mut dyn SpanSink);

impl Target for Records<'_> {
    fn messages(&mut self, content: Content, stream: &mut ByteStream, path: &Path, meter: &Meter<'_>) -> Tally {
        let mut sink = CountingSink::new(path, self.0, meter);
        splits::read_to_end(content, stream, zipkin::Held::default(), &mut sink);
        sink.tally
    }

    fn parquet(
        &mut self,
        file: SharedFile,
        report: &mut InputReport,
        progress: &dyn Progress,
    ) -> Result<Option<Unread>, IngestError> {
        let path = report.path.clone();
        let meter = Meter::new(&(), &Arc::default());
        let mut counting = CountingSink::new(&path, self.0, &meter);
        let read = parquet::read::read_records(file, &path, &mut counting, progress)?;
        report.spans = counting.tally.spans;
        report.skipped = counting.tally.skipped;
        report_parquet(report, read);
        report.say_if_all_left_out("row");
        Ok(None)
    }
}

fn report_parquet(report: &mut InputReport, read: ParquetRead) {
    report.format = read.format;
    report.mapping = read.mapping;
    report.errors.extend(read.errors);
    report.warnings.extend(read.warnings);
    if read.opaque_ids > 0 {
        report.warnings.push(IngestWarning::OpaqueIds { path: report.path.clone(), count: read.opaque_ids });
    }
}

/// What `run.json` names the format of an input of which it is not known.
const UNKNOWN_FORMAT: &str = "unknown";

impl InputReport {
    fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            format: UNKNOWN_FORMAT,
            bytes: 0,
            spans: 0,
            skipped: Skipped::default(),
            errors: Vec::new(),
            warnings: Vec::new(),
            mapping: String::new(),
        }
    }

    /// What was read of two files of one archive.
    fn with(mut self, next: Self) -> Self {
        if self.spans == 0 {
            self.format = next.format;
        }
        self.bytes += next.bytes;
        self.spans += next.spans;
        merge_skipped(&mut self.skipped, &next.skipped);
        self.errors.extend(next.errors);
        self.warnings.extend(next.warnings);
        self
    }

    /// Whether nothing is known of it because it is not there, or cannot be opened.
    pub fn is_absent(&self) -> bool {
        let is_absence = |error: &IngestError| {
            matches!(
                error,
                IngestError::Open { .. }
                    | IngestError::NoMatch { .. }
                    | IngestError::ObjectStore { .. }
                    | IngestError::NoObjectStores { .. }
            )
        };
        self.bytes == 0 && self.spans == 0 && !self.errors.is_empty() && self.errors.iter().all(is_absence)
    }

    /// Whether nothing is said of it.
    fn is_silent(&self) -> bool {
        self.errors.is_empty() && self.warnings.is_empty() && self.skipped.total() == 0
    }

    /// Says it if there are spans and none of them can be used. `place` is what offsets count.
    fn say_if_all_left_out(&mut self, place: &'static str) {
        let counts = || self.skipped.counts.iter().filter(|(reason, _)| reason.is_of_span());
        if self.spans > 0 || counts().next().is_none() {
            return;
        }
        let reasons: Vec<String> =
            counts().map(|(reason, count)| format!("{count} with {}", reason.as_str().replace('_', " "))).collect();
        self.errors.push(IngestError::AllLeftOut {
            path: self.path.clone(),
            reasons: reasons.join(", "),
            place,
            offset: self.skipped.first_offsets.first().copied().unwrap_or(0),
        });
    }

    /// Makes one error of all, if nothing could be read of an input whose bytes are not of the `format` that it is said to be.
    fn blame_format(&mut self, format: InputFormat, recognised: Content) {
        if self.spans > 0 || self.errors.is_empty() {
            return;
        }
        let reason = match self.errors.swap_remove(0) {
            IngestError::Malformed { what, offset, reason, .. } => format!("{what} at byte {offset}: {reason}"),
            IngestError::Truncated { what, .. } => format!("it ends in the middle of {what}"),
            IngestError::TooLarge { .. } => "what would be a length is too large".to_owned(),
            IngestError::Parquet { source, .. } => source.to_string(),
            error => error.to_string(),
        };
        let advice = match recognised {
            Content::Unknown => "its bytes look like nothing known, check what wrote the file".to_owned(),
            recognised => format!("its bytes look like {}, leave --input-format out", recognised.name()),
        };
        self.errors = vec![IngestError::NotInFormat { path: self.path.clone(), format: format.name(), reason, advice }];
    }

    /// What turned out to be no traces is an error if it was asked for, and only left out if it was found in a directory.
    fn not_traces(&mut self, error: IngestError, found: bool) {
        self.skipped.add(SkipReason::UnknownContent, 0);
        if found {
            let reason = error.to_string().replacen(&format!("{} is ", self.path.display()), "it is ", 1);
            self.warnings.push(IngestWarning::LeftOut { path: self.path.clone(), reason });
        } else {
            self.errors.push(error);
        }
    }
}

fn report_not_read(not_read: NotRead) -> InputReport {
    match not_read {
        NotRead::LeftOut { path, reason } => {
            let mut report = InputReport::new(&path);
            report.skipped.add(SkipReason::UnknownContent, 0);
            report.warnings.push(IngestWarning::LeftOut { path, reason: reason.to_owned() });
            report
        }
        NotRead::Failed(error) => {
            let path = match &error {
                IngestError::Open { path, .. }
                | IngestError::NoMatch { path, .. }
                | IngestError::ObjectStore { path, .. }
                | IngestError::NoObjectStores { path }
                | IngestError::Read { path, .. }
                | IngestError::Copy { path, .. }
                | IngestError::Unsupported { path, .. } => path.clone(),
                _ => PathBuf::new(),
            };
            let mut report = InputReport::new(&path);
            match error {
                IngestError::Read { offset, .. } => report.skipped.add(SkipReason::Truncated, offset),
                IngestError::Unsupported { .. } => report.skipped.add(SkipReason::UnsupportedFormat, 0),
                _ => {}
            }
            report.errors.push(error);
            report
        }
    }
}

/// What was read of a file, which is an input or in one that is an archive.
struct ReadInput {
    report: InputReport,
    /// The part of a Parquet file that holds no span that matches.
    unread: Option<Unread>,
}

impl ReadInput {
    fn of(report: InputReport) -> Self {
        Self { report, unread: None }
    }
}

/// A stream, and how many bytes were read of what it came from.
struct Counted {
    stream: ByteStream,
    raw_bytes: Arc<AtomicU64>,
}

impl Counted {
    fn of(reader: impl Read + Send + 'static) -> Self {
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
struct Reading<'a> {
    input: &'a Input,
    options: &'a ReadOptions,
    progress: &'a dyn Progress,
}

fn read_input(reading: &Reading<'_>, target: &mut dyn Target) -> Vec<ReadInput> {
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
fn read_stream(
    counted: Counted,
    file: Option<SharedFile>,
    reading: &Reading<'_>,
    depth: usize,
    target: &mut dyn Target,
) -> Vec<ReadInput> {
    let &Reading { input, options, progress } = reading;
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
        Content::Empty if stream.offset() == 0 => {
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
                target.parquet(file, &mut report, progress)
            });
            match read {
                Ok(of_file) => unread = of_file,
                Err(error @ (IngestError::NoSpanColumns { .. } | IngestError::Unsupported { .. })) => {
                    report.not_traces(error, input.found);
                }
                Err(error) => report.errors.push(error),
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
                Err(error @ IngestError::Unsupported { .. }) => report.not_traces(error, input.found),
                Err(error) => report.errors.push(error),
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
        Content::Empty | Content::Json | Content::Proto | Content::Framed(_) => {
            let meter = Meter::new(progress, &raw_bytes).noting(&gave_spans);
            let tally = target.messages(content, &mut stream, path, &meter);
            report_messages(content, tally, input, &mut report);
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
        if source.kind() == io::ErrorKind::UnexpectedEof && !is_counted {
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
        Err(error @ (IngestError::NoSpanColumns { .. } | IngestError::Unsupported { .. })) => {
            report.not_traces(error, found)
        }
        Err(error) => report.errors.push(error),
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
    let &Reading { input, options, progress } = reading;
    let Counted { mut stream, raw_bytes } = counted;
    let path = &input.path;
    let mut read: Vec<ReadInput> = Vec::new();
    let mut told_bytes = 0;
    let mut take = |entry: Result<Entry, NotRead>| match entry {
        Ok(Entry { path, contents }) => {
            let input = Input { path, found: true };
            let reading = Reading { input: &input, options, progress: &SpansOnly(progress) };
            read.extend(read_stream(Counted::of(contents), None, &reading, depth + 1, target));
            let bytes = raw_bytes.load(Ordering::Relaxed);
            progress.advance(bytes - std::mem::replace(&mut told_bytes, bytes), 0);
        }
        Err(not_read) => read.push(ReadInput::of(report_not_read(not_read))),
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

fn report_messages(content: Content, tally: Tally, input: &Input, report: &mut InputReport) {
    let is_known = |reason: &SkipReason| !matches!(reason, SkipReason::UnknownContent | SkipReason::UnsupportedFormat);
    let holds_nothing_known = tally.spans == 0
        && tally.format.is_none()
        && tally.skipped.total() > 0
        && !tally.skipped.counts.keys().any(is_known);
    report.format = match content {
        _ if holds_nothing_known => UNKNOWN_FORMAT,
        Content::Json | Content::Empty => tally.format.unwrap_or(names::OTLP_JSON),
        _ => tally.format.unwrap_or(names::OTLP_PROTO),
    };
    report.warnings.extend(tally.warnings(&input.path));
    report.spans = tally.spans;
    report.skipped = tally.skipped;
    report.errors.extend(tally.errors);
    let nothing_known = report.spans == 0 && report.format == UNKNOWN_FORMAT;
    let Some(&count) = report.skipped.counts.get(&SkipReason::UnknownContent) else { return };
    let what = tally.unknown.as_ref().map_or_else(String::new, Unknown::in_words);
    let path = input.path.clone();
    if nothing_known && report.skipped.counts.len() == 1 && report.errors.is_empty() {
        report.errors.push(IngestError::Unsupported {
            path,
            what: format!("JSON or protobuf without spans{what}"),
            advice: "give OTLP (whose JSON has the key resourceSpans), Jaeger or Zipkin".to_owned(),
        });
    } else {
        let first =
            tally.unknown.map(|unknown| unknown.offset).or_else(|| report.skipped.first_offsets.first().copied());
        report.errors.push(IngestError::UnknownContent { path, offset: first.unwrap_or(0), count, what });
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

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write as _;

    use opentelemetry_proto::tonic::common::v1 as common;
    use opentelemetry_proto::tonic::trace::v1 as otlp;
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;
    use crate::span::{Origin, SpanRecord};

    /// Keeps spans as text.
    #[derive(Default)]
    pub(crate) struct Collected {
        pub(crate) spans: Vec<String>,
        pub(crate) offsets: Vec<u64>,
        pub(crate) skipped: Vec<(SkipReason, u64)>,
    }

    impl SpanSink for Collected {
        fn span(&mut self, origin: &Origin<'_>, span: &SpanRecord<'_>, offset: u64) {
            self.spans.push(format!("{}: {span:?}", origin.service_name()));
            self.offsets.push(offset);
        }

        fn skip(&mut self, reason: SkipReason, offset: u64) {
            self.skipped.push((reason, offset));
        }

        fn wants_everything(&self) -> bool {
            true
        }
    }

    pub(crate) fn read_bytes(bytes: &[u8]) -> (Collected, InputReport) {
        let mut collected = Collected::default();
        let options = ReadOptions::default();
        let report = crate::ingest::read_bytes(Path::new("test"), bytes.to_vec(), &options, &mut collected);
        (collected, report)
    }

    fn attribute(key: &str, value: &str) -> common::KeyValue {
        let value = common::any_value::Value::StringValue(value.to_owned());
        common::KeyValue {
            key: key.to_owned(),
            value: Some(common::AnyValue { value: Some(value) }),
            ..Default::default()
        }
    }

    fn message(first_span: u8, spans: u8) -> otlp::TracesData {
        let spans = (first_span..first_span + spans)
            .map(|number| otlp::Span {
                trace_id: vec![number; 16],
                span_id: vec![number; 8],
                name: format!("span {number}"),
                kind: 3,
                start_time_unix_nano: 1_700_000_000_000_000_000,
                end_time_unix_nano: 1_700_000_000_000_000_001,
                attributes: vec![attribute("http.route", "/{x}\n\u{1f600}")],
                ..Default::default()
            })
            .collect();
        otlp::TracesData {
            resource_spans: vec![otlp::ResourceSpans {
                resource: Some(opentelemetry_proto::tonic::resource::v1::Resource {
                    attributes: vec![attribute("service.name", "shop")],
                    ..Default::default()
                }),
                scope_spans: vec![otlp::ScopeSpans { spans, ..Default::default() }],
                ..Default::default()
            }],
        }
    }

    fn json(data: &otlp::TracesData) -> String {
        let resource_spans = &data.resource_spans[0];
        let spans: Vec<serde_json::Value> = resource_spans.scope_spans[0]
            .spans
            .iter()
            .map(|span| {
                let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
                serde_json::json!({
                    "traceId": hex(&span.trace_id), "spanId": hex(&span.span_id), "name": span.name, "kind": span.kind,
                    "startTimeUnixNano": span.start_time_unix_nano.to_string(),
                    "endTimeUnixNano": span.end_time_unix_nano,
                    "attributes": [{"key": "http.route", "value": {"stringValue": "/{x}\n\u{1f600}"}}],
                })
            })
            .collect();
        let resource = serde_json::json!({"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]});
        serde_json::json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}).to_string()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::stream::encode_all(bytes, 1).expect("memory")
    }

    fn with_lengths(messages: &[Vec<u8>], header: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for message in messages {
            out.extend_from_slice(header);
            out.extend_from_slice(&(message.len() as u32).to_be_bytes());
            out.extend_from_slice(message);
        }
        out
    }

    /// Six spans in three messages in every framing: name, bytes, and whether the spans stand in them as they are.
    fn framings() -> Vec<(&'static str, Vec<u8>, bool)> {
        let data = [message(1, 2), message(3, 1), message(4, 3)];
        let protos: Vec<Vec<u8>> = data.iter().map(otlp::TracesData::encode_to_vec).collect();
        let jsons: Vec<String> = data.iter().map(json).collect();
        let values: Vec<serde_json::Value> =
            jsons.iter().map(|json| serde_json::from_str(json).expect("JSON")).collect();
        let lines = jsons.join("\n");
        let pretty = |value: &serde_json::Value| serde_json::to_string_pretty(value).expect("JSON");
        let zstds: Vec<Vec<u8>> = protos.iter().map(|message| zstd(message)).collect();
        let zstd_jsons: Vec<Vec<u8>> = jsons.iter().map(|message| zstd(message.as_bytes())).collect();
        let bare: Vec<String> = values.iter().map(|value| value["resourceSpans"][0].to_string()).collect();
        let mut varints = Vec::new();
        protos.iter().for_each(|message| {
            prost::encoding::encode_varint(message.len() as u64, &mut varints);
            varints.extend_from_slice(message);
        });
        vec![
            ("lines", lines.clone().into_bytes(), true),
            ("concatenated", jsons.concat().into_bytes(), true),
            ("pretty", values.iter().map(pretty).collect::<Vec<_>>().join("\n").into_bytes(), true),
            ("array", format!("[{}]", bare.join(",")).into_bytes(), true),
            ("bare", bare.join("\n").into_bytes(), true),
            ("mark", format!("\u{feff}{lines}").into_bytes(), true),
            ("proto", protos.concat(), true),
            ("framed", with_lengths(&protos, b""), true),
            (
                "framed json",
                with_lengths(&jsons.iter().map(|json| json.clone().into_bytes()).collect::<Vec<_>>(), b""),
                true,
            ),
            ("grpc", with_lengths(&protos, &[0]), true),
            ("varints", varints, true),
            ("framed zstd", with_lengths(&zstds, b""), false),
            ("framed zstd json", with_lengths(&zstd_jsons, b""), false),
            ("gzip members", jsons.iter().flat_map(|json| gzip(json.as_bytes())).collect(), false),
            ("zstd frames", protos.iter().flat_map(|message| zstd(message)).collect(), false),
            ("gzip of framed", gzip(&with_lengths(&zstds, b"")), false),
        ]
    }

    #[test]
    fn all_framings_give_the_same_spans() {
        let all = framings();
        let (first, _) = read_bytes(&all[0].1);
        assert_eq!(first.spans.len(), 6);
        for (name, bytes, _) in &all {
            let (collected, report) = read_bytes(bytes);
            assert_eq!(collected.spans, first.spans, "{name}");
            assert!(report.errors.is_empty() && report.warnings.is_empty() && collected.skipped.is_empty(), "{name}");
        }
    }

    /// Whatever is cut off, what stood before is read: all spans up to the cut, and no others.
    #[test]
    fn a_cut_costs_only_what_follows() {
        for (name, bytes, verbatim) in framings() {
            let (whole, _) = read_bytes(&bytes);
            for length in (32..bytes.len()).step_by(3) {
                let (cut, report) = read_bytes(&bytes[..length]);
                assert!(whole.spans.starts_with(&cut.spans), "{name} cut at {length}");
                if verbatim {
                    let before = whole.offsets.iter().skip(1).filter(|&&next| next as usize + 2 < length).count();
                    let at_least = if report.format == "unknown" { 0 } else { before };
                    assert!(cut.spans.len() >= at_least, "{name} cut at {length}: {} < {before}", cut.spans.len());
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

        /// Damage anywhere neither panics nor hangs, and never makes more spans than there is room for.
        #[test]
        fn damage_is_survived(
            framing in 0usize..16,
            damages in prop::collection::vec((any::<prop::sample::Index>(), 0u8..5, any::<u8>()), 1..6),
        ) {
            let (_, mut bytes, _) = framings().swap_remove(framing);
            for (place, kind, byte) in damages {
                if bytes.is_empty() {
                    break;
                }
                let at = place.index(bytes.len());
                match kind {
                    0 => bytes[at] = byte,
                    1 => bytes[at] ^= 1 << (byte % 8),
                    2 => bytes.truncate(at),
                    3 => bytes.insert(at, byte),
                    _ => {
                        let end = (at + usize::from(byte)).min(bytes.len());
                        let copy = bytes[at..end].to_vec();
                        bytes.splice(at..at, copy);
                    }
                }
            }
            let (collected, report) = read_bytes(&bytes);
            prop_assert!(report.spans as usize <= collected.spans.len());
            prop_assert!(collected.spans.len() < 40);
            for error in &report.errors {
                prop_assert!(error.to_string().contains("test"));
            }
        }

        /// So do bytes that were never a trace.
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300), start in 0usize..6) {
            let start: &[u8] = [&b""[..], b"{\"resourceSpans\":[", b"\x0a", b"\0\0\0\x20", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"][start];
            read_bytes(&[start, &bytes].concat());
        }
    }

    #[test]
    fn nothing_is_a_warning() {
        for bytes in [&b""[..], b" \n", b"\xef\xbb\xbf", &gzip(b"")] {
            let (_, report) = read_bytes(bytes);
            assert!(matches!(report.warnings[..], [IngestWarning::Empty { .. }]), "{report:?}");
            assert!(report.errors.is_empty());
        }
    }

    #[test]
    fn what_is_no_trace_is_an_error() {
        let (_, report) = read_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\0\0\0\x01\0");
        let message = report.errors[0].to_string();
        assert!(message.contains("89 50 4e 47 0d 0a 1a 0a 00 00 00 0d 49 48 44 52 (.PNG........IHDR)"), "{message}");
        let (_, report) = read_bytes(b"Dear Sir or Madam,\n");
        assert!(matches!(report.errors[..], [IngestError::UnknownFormat { .. }]));
        let (_, report) = read_bytes(br#"{"name":"x","version":[1,2]}"#);
        assert!(report.errors[0].to_string().contains("name, version"), "{report:?}");
        assert_eq!(report.format, "unknown");
    }

    /// A log record has the outer fields of traces.
    #[test]
    fn logs_are_told_from_traces() {
        // LogsData{ResourceLogs{Resource{}, ScopeLogs{LogRecord{time, severity, body}}}}
        let record =
            [&[0x09][..], &1_700_000_000_000_000_000u64.to_le_bytes(), &[0x10, 9, 0x2a, 4, 0x0a, 2, b'h', b'i']]
                .concat();
        let scope_logs = [&[0x12, record.len() as u8][..], &record].concat();
        let resource_logs = [&[0x0a, 0, 0x12, scope_logs.len() as u8][..], &scope_logs].concat();
        let bytes = [&[0x0a, resource_logs.len() as u8][..], &resource_logs].concat();
        let (collected, report) = read_bytes(&bytes);
        assert_eq!(report.skipped.counts.into_iter().collect::<Vec<_>>(), [(SkipReason::OtherSignal, 1)]);
        assert!(matches!(report.warnings[..], [IngestWarning::OtherSignalOnly { .. }]));
        assert!(collected.spans.is_empty());
    }
}
