//! From paths to spans: finds the inputs, has each read, and keeps what is wanted of them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rayon::iter::{IntoParallelIterator as _, IntoParallelRefMutIterator as _, ParallelIterator as _};

use crate::conventions::OwnAttributes;
use crate::frame::{Collecting, FrameBuilder, MAX_DISTINCT_VALUES, SpanSink, SpillStore, TooManyStrings, ValueCaps};
use crate::sensitive::{Sampling, Secrets};

use super::counting_sink::CountingSink;
use super::error::IngestError;
use super::input_format::InputFormat;
use super::input_report::InputReport;
use super::messages::splits;
use super::parquet;
use super::progress::{Meter, Progress};
use super::read_input::{Counted, ReadInput, Reading, Target, read_input, read_stream};
use super::recognise::Content;
use super::selection::{LeftOut, Offered, Selection, TraceIds};
use super::tally::{Tally, merge_skipped};
use super::zipkin;
use crate::ingest::parquet::read::Unread;
use crate::ingest::source::byte_stream::ByteStream;
use crate::ingest::source::input::Input;
use crate::ingest::source::inputs::find_inputs;
use crate::ingest::source::object_stores;
use crate::ingest::source::shared_file::SharedFile;

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
    /// Whether names and values are kept as they are, though they give secrets away.
    pub shows_values: bool,
    /// In how many traces secrets are looked for; 0 if nobody asks for them.
    pub sample_traces: u32,
    /// What is secret.
    pub secrets: Secrets,
    /// How much time a request to an object store may lose by failures; three minutes if not said.
    pub retry_timeout: Option<Duration>,
}

impl ReadOptions {
    pub(super) fn retry_timeout(&self) -> Duration {
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
    /// What could have been selected, if nothing was: of row groups that were not read it says nothing.
    pub offered: Option<Offered>,
}

/// Reads all inputs for the analysis, in parallel on the current pool of threads.
pub fn read_frames(paths: &[PathBuf], options: &ReadOptions, progress: &dyn Progress) -> ReadFrames {
    let spill = options.spill.clone().filter(|_| options.selection.is_all());
    let ReadOptions { own_attributes, resource_attributes, shows_values, sample_traces, secrets, .. } = *options;
    let is_by_trace = !options.selection.is_all();
    let sampling = (sample_traces > 0).then(|| Arc::new(Sampling::new(sample_traces as usize, is_by_trace)));
    let new_caps = |most| Arc::new(ValueCaps::new(most).without(secrets, shows_values));
    // What is kept must not depend on values that only others have than the wanted traces.
    let caps = new_caps(if is_by_trace { MAX_DISTINCT_VALUES * READ_FOR_EACH_KEPT } else { MAX_DISTINCT_VALUES });
    let collecting = Collecting { caps, spill, own_attributes, resource_attributes, sampling };
    let read: Vec<(Vec<FrameBuilder>, Vec<ReadInput>)> = find_inputs(paths, options.retry_timeout())
        .into_par_iter()
        .map(|input| {
            let mut target = Frames { selection: &options.selection, collecting: &collecting, builders: Vec::new() };
            let read = match input {
                Ok(input) => read_input(&Reading { input: &input, options, progress, description: None }, &mut target),
                Err(not_read) => vec![ReadInput::of(InputReport::of_not_read(not_read))],
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
            offered: None,
        };
    }
    let mut read = read_wanted(read, &options.selection, progress);
    let caps = new_caps(MAX_DISTINCT_VALUES);
    read.builders.iter_mut().for_each(|builder| builder.count_towards(&caps));
    read
}

/// So many distinct values are told apart while traces are selected, for each that is in the end: more than any input has that is not
/// made of ids, and few enough for memory.
const READ_FOR_EACH_KEPT: usize = 64;

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
    let offered = wanted.is_empty().then(|| {
        let mut offered = Offered::default();
        read.iter().flat_map(|(builders, _)| builders).for_each(|builder| offered.add(builder));
        offered
    });
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
        offered,
        builders: builders.into_iter().flatten().collect(),
        reports: read.into_iter().flatten().map(|read| read.report).collect(),
        left_out: left_out.into_iter().fold(LeftOut::default(), |sum, part| LeftOut {
            spans: sum.spans + part.spans,
            row_groups: sum.row_groups + part.row_groups,
            spans_not_read: sum.spans_not_read + part.spans_not_read,
        }),
    }
}

/// What can be selected of all inputs, all of them read.
pub(crate) fn offered(paths: &[PathBuf], options: &ReadOptions, progress: &dyn Progress) -> Offered {
    let options = ReadOptions { selection: Selection::default(), spill: None, sample_traces: 0, ..options.clone() };
    let mut offered = Offered::default();
    read_frames(paths, &options, progress).builders.iter().for_each(|builder| offered.add(builder));
    offered
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
                let read = read_input(&Reading { input: &input, options, progress, description: None }, &mut target);
                reports.extend(read.into_iter().map(|read| read.report));
            }
            Err(not_read) => reports.push(InputReport::of_not_read(not_read)),
        }
    }
    reports
}

/// Reads `bytes` as an input called `name` into `sink`, nothing left out. Of an archive, the report is that of all its files.
pub fn read_bytes(name: &Path, bytes: Vec<u8>, options: &ReadOptions, sink: &mut dyn SpanSink) -> InputReport {
    let input = Input { path: name.to_owned(), found: false };
    let stream = Counted::of(io::Cursor::new(bytes));
    let reading = Reading { input: &input, options, progress: &(), description: None };
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
        report.take_parquet(read);
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
        report.take_parquet(read);
        report.say_if_all_left_out("row");
        Ok(None)
    }
}

#[cfg(test)]
pub(crate) mod tests;
