//! Makes a whole dump, trace by trace, in bounded memory.

use std::io::{self, Write};
use std::sync::mpsc;

use super::collector::{Batch, Collector};
use super::labels::LabelKind;
use super::origins::Origins;
use super::output::{BatchWriter, OutputFormat};
use super::random::Random;
use super::trace_builder::{MILLISECOND, TraceBuilder};
use super::{cases, faults, healthy, smells};

/// Usual time between two arrivals.
const ARRIVAL_NS: u64 = 5 * MILLISECOND;
/// Small dumps are spread over this time at least.
const MIN_TIME_RANGE_NS: u64 = 300_000 * MILLISECOND;
/// About the mean number of spans in a trace.
const SPANS_PER_TRACE: u64 = 25;
/// Batches that may wait for the writer.
const WAITING_BATCHES: usize = 32;
/// The stream of random numbers that is no trace's.
const ARRIVALS_STREAM: u64 = u64::MAX;

/// What to generate.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct GenerateOptions {
    /// How many spans. The last trace is written whole, so that there are at least as many, and more by less than one
    /// trace.
    pub spans: u64,
    /// Where the random numbers begin.
    pub seed: u64,
    /// Share of traces, 0 to 1, that show a planted anti-pattern or a look-alike.
    pub anti_patterns: f64,
    /// Share of traces, 0 to 1, that are part of a fault, which only many of them show together, or of what looks like one.
    pub faults: f64,
    /// Share of traces, 0 to 1, that are part of a smell, which lies in how the system is cut, or of what looks like one.
    pub smells: f64,
    /// When the first trace begins, in ns since 1970.
    pub start_unix_nano: u64,
}

impl Default for GenerateOptions {
    /// 1 million spans from noon, 2026-01-15, UTC.
    fn default() -> Self {
        Self {
            spans: 1_000_000,
            seed: 0,
            anti_patterns: 0.1,
            faults: 0.0,
            smells: 0.0,
            start_unix_nano: 1_768_478_400_000_000_000,
        }
    }
}

/// What was generated.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Summary {
    /// Spans written.
    pub spans: u64,
    /// Traces written.
    pub traces: u64,
    /// Labels of planted anti-patterns.
    pub planted: u64,
    /// Labels of look-alikes.
    pub look_alikes: u64,
}

/// Why nothing, or not all, was generated.
#[derive(thiserror::Error, Debug)]
pub enum GenerateError {
    /// The options make no sense.
    #[error(
        "a share of anti-patterns, of faults or of smells, or the sum of them, is {0}, but must lie between 0 and 1"
    )]
    Share(f64),
    /// The start is so late that times overflow.
    #[error("the start, {0} ns since 1970, is too late: times must stay below 2^63 ns")]
    Start(u64),
    /// The spans cannot be written.
    #[error("cannot write the spans: {0}")]
    Output(#[from] io::Error),
    /// The spans cannot be written as Parquet.
    #[error("cannot write the spans as Parquet: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// The labels cannot be written.
    #[error("cannot write the labels: {0}")]
    Labels(#[source] io::Error),
}

/// Generates spans and writes them to `output` in `format`, and what is known about them to `labels`, one JSON object a
/// line.
///
/// Traces are made on the calling thread and written on another. Memory does not grow with the number of spans, but for
/// the footer of a Parquet file. `done` is told after each trace how many spans it has.
pub fn generate(
    options: GenerateOptions,
    format: OutputFormat,
    output: impl Write + Send,
    labels: Option<impl Write>,
    done: &dyn Fn(u64),
) -> Result<Summary, GenerateError> {
    let GenerateOptions { anti_patterns, faults, smells, .. } = options;
    for share in [anti_patterns, faults, smells, anti_patterns + faults + smells] {
        if !(0.0..=1.0).contains(&share) {
            return Err(GenerateError::Share(share));
        }
    }
    if options.start_unix_nano > i64::MAX as u64 / 2 {
        return Err(GenerateError::Start(options.start_unix_nano));
    }
    let origins = Origins::new();
    let mut writer = BatchWriter::new(format, output, smells > 0.0)?;
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel::<Batch>(WAITING_BATCHES);
        let writing = scope.spawn(move || -> Result<(), GenerateError> {
            for batch in receiver {
                writer.write(&origins, &batch)?;
            }
            writer.finish()?.flush()?;
            Ok(())
        });
        let played = play(options, labels, sender, done);
        match writing.join() {
            Ok(written) => written?,
            Err(panic) => std::panic::resume_unwind(panic),
        }
        match played {
            Ok(summary) => Ok(summary),
            Err(Stopped::Labels(error)) => Err(GenerateError::Labels(error)),
            Err(Stopped::WriterGone) => unreachable!("a writer that stops early says why"),
        }
    })
}

/// Why traces are no longer made.
enum Stopped {
    Labels(io::Error),
    WriterGone,
}

fn play(
    options: GenerateOptions,
    mut labels: Option<impl Write>,
    sender: mpsc::SyncSender<Batch>,
    done: &dyn Fn(u64),
) -> Result<Summary, Stopped> {
    let mut send = |batch| sender.send(batch).map_err(|_| Stopped::WriterGone);
    let expected_traces = options.spans / SPANS_PER_TRACE + 1;
    let mean_gap = ARRIVAL_NS.max(MIN_TIME_RANGE_NS / expected_traces);
    let mut arrivals = Random::new(options.seed, ARRIVALS_STREAM);
    let mut collector = Collector::new(options.start_unix_nano);
    let mut summary = Summary::default();
    let mut now = options.start_unix_nano;
    let mut case_order = cases::all().cycle();
    let mut fault_order = faults::all().cycle().flat_map(|fault| (0..faults::TRACES).map(|number| fault.case(number)));
    let mut smell_order = (0..).flat_map(|number| smells::all().map(move |smell| (smell, number)));
    let mut streams = 0..;
    while summary.spans < options.spans {
        collector.advance(now, &mut send)?;
        let stream = streams.next().unwrap_or_default();
        let mut builder = TraceBuilder::new(Random::new(options.seed, stream));
        let GenerateOptions { anti_patterns, faults, smells, .. } = options;
        let case = if arrivals.chance(anti_patterns) {
            case_order.next()
        } else if faults > 0.0 && arrivals.chance(faults / (1.0 - anti_patterns)) {
            fault_order.next()
        } else {
            None
        };
        if let Some(case) = case {
            builder.case = case.name;
            (case.play)(&mut builder, now);
        } else if smells > 0.0
            && arrivals.chance(smells / (1.0 - anti_patterns - faults))
            && let Some((smell, number)) = smell_order.next()
        {
            builder.case = smell.name;
            (smell.play)(&mut builder, now, number);
        } else {
            healthy::play(&mut builder, now);
        }
        summary.traces += builder.traces;
        let spans = builder.spans.len() as u64;
        summary.spans += spans;
        for label in &builder.labels {
            match label.kind {
                LabelKind::Planted => summary.planted += 1,
                LabelKind::LookAlike => summary.look_alikes += 1,
            }
            if let Some(labels) = &mut labels {
                label.write(labels).map_err(Stopped::Labels)?;
            }
        }
        collector.add(&mut builder.spans);
        done(spans);
        now += arrivals.between(mean_gap / 2, mean_gap * 3 / 2);
    }
    collector.finish(&mut send)?;
    if let Some(labels) = &mut labels {
        labels.flush().map_err(Stopped::Labels)?;
    }
    Ok(summary)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::{Seek as _, SeekFrom};

    use arrow::array::{Array as _, AsArray as _, RecordBatch};
    use arrow::datatypes::{Int64Type, TimestampNanosecondType};
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use prost::Message as _;

    use super::*;
    use crate::generate::Compression;

    const OPTIONS: GenerateOptions = GenerateOptions {
        spans: 3_000,
        seed: 5,
        anti_patterns: 0.4,
        faults: 0.2,
        smells: 0.2,
        start_unix_nano: 1_768_478_400_000_000_000,
    };

    fn generated(options: GenerateOptions, format: OutputFormat) -> (Vec<u8>, String, Summary) {
        let mut output = Vec::new();
        let mut labels = Vec::new();
        let summary = generate(options, format, &mut output, Some(&mut labels), &|_| ()).expect("vectors take all");
        (output, String::from_utf8(labels).expect("labels are text"), summary)
    }

    /// A span as every format has it: hexadecimal ids, parent, service, name, start, duration.
    type Seen = (String, String, String, String, String, i64, i64);

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn seen_in_parquet(file: &[u8], start: impl Fn(&RecordBatch, usize) -> i64) -> BTreeSet<Seen> {
        let mut on_disk = tempfile::tempfile().expect("a temporary file can be made");
        on_disk.write_all(file).expect("a temporary file can be written");
        on_disk.seek(SeekFrom::Start(0)).expect("a temporary file can be read");
        let reader = ParquetRecordBatchReaderBuilder::try_new(on_disk).expect("the file is Parquet");
        let mut seen = BTreeSet::new();
        for batch in reader.build().expect("the file can be read") {
            let batch = batch.expect("the file can be read");
            let id = |name: &str, row: usize| match batch[name].as_fixed_size_binary() {
                ids if ids.is_null(row) => String::new(),
                ids => hex(ids.value(row)),
            };
            let text = |name: &str, row: usize| batch[name].as_string::<i32>().value(row).to_owned();
            for row in 0..batch.num_rows() {
                seen.insert((
                    id("trace_id", row),
                    id("span_id", row),
                    id("parent_span_id", row),
                    text("service_name", row),
                    text("name", row),
                    start(&batch, row),
                    batch["duration_ns"].as_primitive::<Int64Type>().value(row),
                ));
            }
        }
        seen
    }

    fn seen_in_proto(mut bytes: &[u8]) -> BTreeSet<Seen> {
        let mut seen = BTreeSet::new();
        while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
            let (message, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
            bytes = rest;
            let request = ExportTraceServiceRequest::decode(message).expect("the frame is a request");
            for resource in &request.resource_spans {
                let service = resource.resource.as_ref().and_then(|resource| {
                    let name = resource.attributes.iter().find(|attribute| attribute.key == "service.name")?;
                    match name.value.as_ref()?.value.as_ref()? {
                        opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue(name) => {
                            Some(name.clone())
                        }
                        _ => None,
                    }
                });
                for span in resource.scope_spans.iter().flat_map(|scope| &scope.spans) {
                    seen.insert((
                        hex(&span.trace_id),
                        hex(&span.span_id),
                        hex(&span.parent_span_id),
                        service.clone().unwrap_or_default(),
                        span.name.clone(),
                        span.start_time_unix_nano as i64,
                        (span.end_time_unix_nano - span.start_time_unix_nano) as i64,
                    ));
                }
            }
        }
        seen
    }

    fn seen_in_json(lines: &[u8]) -> BTreeSet<Seen> {
        let mut seen = BTreeSet::new();
        for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let request: serde_json::Value = serde_json::from_slice(line).expect("a line is JSON");
            let resource = &request["resourceSpans"][0];
            let service = resource["resource"]["attributes"][0]["value"]["stringValue"].as_str().unwrap_or_default();
            let time = |span: &serde_json::Value, key: &str| -> i64 {
                span[key].as_str().and_then(|time| time.parse().ok()).expect("times are numbers in text")
            };
            for span in
                resource["scopeSpans"].as_array().into_iter().flatten().flat_map(|scope| scope["spans"].as_array())
            {
                for span in span {
                    let text = |key: &str| span[key].as_str().unwrap_or_default().to_owned();
                    let start = time(span, "startTimeUnixNano");
                    seen.insert((
                        text("traceId"),
                        text("spanId"),
                        text("parentSpanId"),
                        service.to_owned(),
                        text("name"),
                        start,
                        time(span, "endTimeUnixNano") - start,
                    ));
                }
            }
        }
        seen
    }

    /// The format never changes what is generated.
    #[test]
    fn all_formats_hold_the_same_spans() {
        let (flat, labels, summary) = generated(OPTIONS, OutputFormat::FlatParquet);
        let flat =
            seen_in_parquet(&flat, |batch, row| batch["start_time_unix_nano"].as_primitive::<Int64Type>().value(row));
        assert_eq!(flat.len() as u64, summary.spans);
        let (canonical, canonical_labels, _) = generated(OPTIONS, OutputFormat::CanonicalParquet);
        let canonical = seen_in_parquet(&canonical, |batch, row| {
            batch["start_time"].as_primitive::<TimestampNanosecondType>().value(row)
        });
        let (json, ..) = generated(OPTIONS, OutputFormat::OtlpJsonLines(Compression::None));
        let (proto, ..) = generated(OPTIONS, OutputFormat::OtlpProto(Compression::None));
        assert!(flat == canonical, "flat and canonical Parquet differ");
        assert!(flat == seen_in_json(&json), "flat Parquet and OTLP JSON differ");
        assert!(flat == seen_in_proto(&proto), "flat Parquet and OTLP protobuf differ");
        assert_eq!(labels, canonical_labels);
    }

    #[test]
    fn a_seed_gives_the_same_bytes_and_another_does_not() {
        for format in [
            OutputFormat::FlatParquet,
            OutputFormat::CanonicalParquet,
            OutputFormat::OtlpJsonLines(Compression::Gzip),
            OutputFormat::OtlpProto(Compression::Zstd),
        ] {
            let first = generated(OPTIONS, format);
            assert!(first == generated(OPTIONS, format), "{format:?} differs from run to run");
            assert!(
                first.0 != generated(GenerateOptions { seed: 6, ..OPTIONS }, format).0,
                "{format:?} ignores the seed"
            );
        }
    }

    /// As many spans as asked for, and more by less than the last trace.
    #[test]
    fn the_number_of_spans_is_kept() {
        for spans in [0, 1, 100, 2_000] {
            let (.., summary) = generated(GenerateOptions { spans, ..OPTIONS }, OutputFormat::FlatParquet);
            assert!((spans..spans + 1_500).contains(&summary.spans), "{spans}: {summary:?}");
        }
    }

    #[test]
    fn the_share_decides_how_many_traces_are_labelled() {
        let labelled = |anti_patterns| {
            let options = GenerateOptions { spans: 20_000, anti_patterns, faults: 0.0, smells: 0.0, ..OPTIONS };
            let (_, labels, summary) = generated(options, OutputFormat::OtlpProto(Compression::None));
            let traces: BTreeSet<&str> = labels.lines().map(|line| &line[..50]).collect();
            traces.len() as f64 / summary.traces as f64
        };
        assert_eq!(labelled(0.0), 0.0);
        assert_eq!(labelled(1.0), 1.0);
        assert!((labelled(0.3) - 0.3).abs() < 0.06);
    }

    #[test]
    fn impossible_shares_are_refused() {
        for (anti_patterns, faults, smells) in [
            (-0.1, 0.0, 0.0),
            (1.1, 0.0, 0.0),
            (f64::NAN, 0.0, 0.0),
            (0.0, -0.1, 0.0),
            (0.6, 0.6, 0.0),
            (0.0, f64::NAN, 0.0),
            (0.0, 0.0, 1.1),
            (0.4, 0.3, 0.4),
            (0.0, 0.0, f64::NAN),
        ] {
            let options = GenerateOptions { anti_patterns, faults, smells, ..OPTIONS };
            let refused = generate(options, OutputFormat::FlatParquet, Vec::new(), None::<Vec<u8>>, &|_| ());
            assert!(matches!(refused, Err(GenerateError::Share(_))));
        }
    }
}
