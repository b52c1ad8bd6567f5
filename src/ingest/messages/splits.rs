//! Reads one stream on several threads: it is cut into splits, each from where one message ends to where another does, which
//! are decoded apart from one another.
//!
//! A frame that cannot be believed ends a split. It is read with what is damaged around it, and splits begin again behind it.
//!
//! Where the cuts are depends on the bytes alone, so that the spans, and what is left out, do not depend on the number of
//! threads. What cannot be cut, such as one large pretty-printed document, is left for whoever reads it as a stream.
//!
//! ```text
//! stream   |--split 0--|--split 1--| … |--split 15--|--split 16--| …
//! batch    \____________________ 0 ________________/ \_____ 1 …
//! builder        0           1               15           0
//! ```
//!
//! While a batch is decoded, the next one is read and decompressed. The split with number n of each batch goes to builder n, so
//! that builders, too, hold the same whatever thread was when done. What one split leaves for later, as Zipkin's records are
//! left, is joined in the order of the input.

use std::path::Path;

use rayon::iter::{
    IndexedParallelIterator as _, IntoParallelIterator as _, IntoParallelRefMutIterator as _, ParallelIterator as _,
};

use super::framed;
use super::json_stream;
use super::partial_lines;
use crate::frame::{Collecting, FrameBuilder};
use crate::ingest::counting_sink::CountingSink;
use crate::ingest::json_formats::waiting::{self, Waiting};
use crate::ingest::otlp::framing::{self, FrameHeader};
use crate::ingest::otlp::proto;
use crate::ingest::otlp::whole_message::Effort;
use crate::ingest::progress::Meter;
use crate::ingest::recognise::Content;
use crate::ingest::source::byte_stream::ByteStream;
use crate::ingest::tally::Tally;
use crate::ingest::zipkin;

/// How large a split is, unless a message is larger.
const SPLIT_BYTES: usize = 1 << 20;

/// A split may be so large; a message that is larger is not held twice.
const MAX_SPLIT_BYTES: usize = 64 << 20;

/// So many bytes of empty frames are passed over at once.
const MAX_EMPTY_BYTES: u64 = 16 << 20;

/// The largest buffer that is kept for the next split.
const MAX_KEPT_BYTES: usize = 2 * SPLIT_BYTES;

/// How many splits are decoded together, each into a builder of its own.
const BATCH: usize = 16;

/// Messages that can be decoded without what stands around them.
struct Split {
    offset: u64,
    bytes: Vec<u8>,
}

/// Reads `stream`, which holds `content`, as far as it can be cut, and then the rest.
pub(crate) fn read(
    stream: &mut ByteStream,
    content: Content,
    path: &Path,
    meter: &Meter<'_>,
    collecting: &Collecting,
) -> (Vec<FrameBuilder>, Tally) {
    let mut builders = vec![FrameBuilder::of(collecting)];
    let mut tally = Tally::default();
    let mut held = zipkin::Held::default();
    let mut waiting = Waiting::default();
    let mut buffers = Vec::new();
    let mut effort = Effort::default();
    loop {
        let (mut batch, mut may_go_on) = next_batch(stream, content, &mut effort, &mut buffers);
        while may_go_on || !batch.is_empty() {
            if builders.len() < batch.len() {
                builders.resize_with(batch.len(), || FrameBuilder::of(collecting));
            }
            let decode = |(split, builder): (Split, &mut FrameBuilder)| {
                let mut sink = CountingSink::new(path, builder, meter);
                let mut stream = ByteStream::of_split(split.bytes, split.offset);
                let mut held = zipkin::Held::default();
                read_as(content, &mut stream, &mut held, &mut sink);
                sink.tell_progress();
                (sink.tally, sink.waiting, held, stream.into_buffer())
            };
            let decode_all = || -> Vec<_> { batch.into_par_iter().zip(builders.par_iter_mut()).map(decode).collect() };
            let (decoded, next) = rayon::join(decode_all, || next_batch(stream, content, &mut effort, &mut buffers));
            for (tally_of_split, waiting_of_split, held_of_split, buffer) in decoded {
                tally.add(tally_of_split);
                waiting.add(waiting_of_split);
                held.add(held_of_split);
                buffers.push(buffer);
            }
            buffers.retain(|buffer| buffer.capacity() <= MAX_KEPT_BYTES);
            if held.is_full() || waiting.is_full() {
                let (tally_so_far, was_waiting) = (std::mem::take(&mut tally), std::mem::take(&mut waiting));
                let mut sink = CountingSink::resume(path, &mut builders[0], meter, tally_so_far, was_waiting);
                if held.is_full() {
                    zipkin::release(&mut held, &mut sink);
                }
                if sink.waiting.is_full() {
                    waiting::release(&mut sink);
                }
                (tally, waiting) = (sink.tally, sink.waiting);
            }
            (batch, may_go_on) = next;
        }
        let mut sink = CountingSink::resume(path, &mut builders[0], meter, tally, waiting);
        if let Content::Framed(framing) = content
            && framed::read_frame(stream, framing, &mut held, &mut effort, &mut sink)
        {
            (tally, waiting) = (sink.tally, sink.waiting);
            continue;
        }
        read_to_end(content, stream, held, &mut sink);
        let tally = sink.tally;
        return (builders, tally);
    }
}

/// Reads all of `stream` as what it holds, and hands on what has waited for the end, `held` first.
pub(crate) fn read_to_end(
    content: Content,
    stream: &mut ByteStream,
    mut held: zipkin::Held,
    sink: &mut CountingSink<'_>,
) {
    read_as(content, stream, &mut held, sink);
    zipkin::release(&mut held, sink);
    waiting::release(sink);
    sink.tell_progress();
}

fn read_as(content: Content, stream: &mut ByteStream, held: &mut zipkin::Held, sink: &mut CountingSink<'_>) {
    match content {
        Content::Framed(framing) => framed::read_stream(stream, framing, held, sink),
        Content::Proto => proto::read_stream(stream, sink),
        _ => json_stream::read_stream(stream, held, sink),
    }
}

/// Takes the next splits from `stream` into `buffers`, as far as there are any: memory that is used again costs no page
/// faults. Also whether there may be more although there are not as many as could be: what was read before is to be looked at
/// before gigabytes of nothing are.
fn next_batch(
    stream: &mut ByteStream,
    content: Content,
    effort: &mut Effort,
    buffers: &mut Vec<Vec<u8>>,
) -> (Vec<Split>, bool) {
    let mut batch = Vec::new();
    while batch.len() < BATCH {
        if let Content::Framed(framing) = content
            && framed::skip_empty(stream, framing, MAX_EMPTY_BYTES)
        {
            return (batch, true);
        }
        let Some(length) = next_split(stream, content, effort).filter(|length| *length > 0) else {
            break;
        };
        let mut bytes = buffers.pop().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(&stream.window()[..length]);
        batch.push(Split { offset: stream.offset(), bytes });
        stream.advance(length);
    }
    (batch, false)
}

/// The length of the next split, which is then in the window; `None` if the stream cannot be cut here.
fn next_split(stream: &mut ByteStream, content: Content, effort: &mut Effort) -> Option<usize> {
    effort.passed(stream.offset());
    match content {
        Content::Framed(framing) => whole_messages(stream, |stream, start| {
            let header = framing.header(&stream.fill(start + framing::MAX_HEADER_BYTES)[start..]);
            let FrameHeader::Frame { bytes, length } = header else {
                return None;
            };
            end_in_split(start, bytes, length)?;
            framed::believed_frame(stream, framing, start, effort).map(|message| message.end)
        }),
        Content::Proto => whole_messages(stream, |stream, start| {
            let head = &stream.fill(start + proto::MAX_HEADER_BYTES)[start..];
            let end = match proto::header(&head[..head.len().min(proto::MAX_HEADER_BYTES)]) {
                proto::MessageHeader::Field { bytes, length, .. } => end_in_split(start, bytes, length)?,
                proto::MessageHeader::LineFeed => start + 1,
                _ => return None,
            };
            (stream.fill(end).len() >= end).then_some(end)
        }),
        _ => whole_documents(stream),
    }
}

/// Where a message ends whose header of so many `bytes` begins at `start` of a split, if the split may be so large: what is
/// too large is left in the stream.
fn end_in_split(start: usize, bytes: usize, length: u64) -> Option<usize> {
    let end = usize::try_from(length).ok()?.checked_add(start + bytes)?;
    (end <= MAX_SPLIT_BYTES).then_some(end)
}

/// Whole messages of together about [`SPLIT_BYTES`]. `end_of` tells where the message ends that begins at a place of the window,
/// `None` if it is cut off, damaged or too large, which is not ours to judge: it is left in the stream.
fn whole_messages(
    stream: &mut ByteStream,
    mut end_of: impl FnMut(&mut ByteStream, usize) -> Option<usize>,
) -> Option<usize> {
    let mut length = 0;
    while length < SPLIT_BYTES
        && let Some(end) = end_of(stream, length)
    {
        length = end;
    }
    (length > 0).then_some(length)
}

/// Whole JSON documents: up to the last line in the window that begins an object where the line before ended one, which
/// in JSON can only be where a document begins.
fn whole_documents(stream: &mut ByteStream) -> Option<usize> {
    let mut wanted = SPLIT_BYTES;
    while wanted <= MAX_SPLIT_BYTES {
        let available = stream.fill(wanted).len();
        if stream.ended() && available <= wanted {
            return Some(available);
        }
        let window = &stream.window()[..wanted];
        // Between two objects of one document stands a comma, and strings hold no line feeds that are not escaped: `}`, a line
        // feed and `{` are the end of one document and the start of another. Text that is damaged may look so too, but
        // then the line begins what whoever reads on after damage would begin with, too.
        let is_cut = |line_feed: &usize| {
            let before = &window[..*line_feed];
            let line = || &before[memchr::memrchr(b'\n', before).map_or(0, |start| start + 1)..];
            window.get(line_feed + 1) == Some(&b'{')
                && before.trim_ascii_end().last() == Some(&b'}')
                && !partial_lines::is_part_of_record(line())
        };
        if let Some(line_feed) = memchr::memrchr_iter(b'\n', window).find(is_cut) {
            return Some(line_feed + 1);
        }
        wanted *= 2;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ingest::recognise;

    /// Counts of builders and spans, and the offsets of what was left out, read with so many threads.
    fn read_with(threads: usize, bytes: &[u8]) -> (u64, Vec<usize>, Vec<u64>, usize) {
        let mut stream = ByteStream::new(std::io::Cursor::new(bytes.to_vec()));
        let content = recognise::recognise(&mut stream);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        let meter = Meter::new(&(), &Arc::default());
        let (builders, tally) =
            pool.install(|| read(&mut stream, content, Path::new("test"), &meter, &Collecting::default()));
        let sizes = builders.iter().map(FrameBuilder::len).collect();
        (tally.spans, sizes, tally.skipped.first_offsets, tally.errors.len())
    }

    /// Threads change nothing, and a fault in one split is told with its place in the whole.
    #[test]
    fn parts_are_read_as_the_whole_is() {
        let good = |number: u64| {
            format!(
                r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{number:032x}","spanId":"01","startTimeUnixNano":"1","name":"{}"}}]}}]}}]}}"#,
                "x".repeat(500)
            )
        };
        let mut lines: Vec<String> = (1..=30_000).map(good).collect();
        lines[20_000] = "{broken".to_owned();
        let text = lines.join("\n");
        let one = read_with(1, text.as_bytes());
        assert_eq!((one.0, one.1.len(), one.3), (29_999, BATCH, 1));
        assert_eq!(one.2, [text.find("{broken").expect("it is there") as u64 + 1]);
        assert_eq!(one, read_with(3, text.as_bytes()));
        let array = format!("[{}]", lines.join(",\n").replace("{broken", "{}"));
        assert_eq!(read_with(2, array.as_bytes()).0, 29_999);
    }

    /// Frames without anything in them are passed over together, wherever they stand, and cost no place.
    #[test]
    fn empty_frames_cost_nothing() {
        let span = [&[0x0a, 16][..], &[7; 16], &[0x12, 8], &[9; 8], &[0x39, 1, 0, 0, 0, 0, 0, 0, 0]].concat();
        let in_field = |key: u8, bytes: &[u8]| [&[key, bytes.len() as u8][..], bytes].concat();
        let message = in_field(0x0a, &in_field(0x12, &in_field(0x12, &span)));
        let length = (message.len() as u32).to_be_bytes();
        // Some numbers of zeros at the start could be those of several framings.
        let headers = [(length.to_vec(), 3), ([&[0][..], &length].concat(), 4), (vec![message.len() as u8], 2)];
        for (header, empty_at_start) in headers {
            let frame = [&header[..], &message].concat();
            let empty = |count: usize| vec![0; header.len() * count];
            let bytes = [
                empty(empty_at_start),
                frame.clone(),
                empty(1_000_000),
                frame.repeat(2),
                empty(70_000),
                frame.clone(),
                empty(9),
            ];
            let (spans, _, skipped, errors) = read_with(2, &bytes.concat());
            assert_eq!((spans, skipped.len(), errors), (4, 0, 0), "{header:?}");
            let records = crate::ingest::read::tests::read_bytes(&bytes.concat());
            assert_eq!((records.0.spans.len(), records.1.errors.len()), (4, 0), "{header:?}");
        }
    }

    #[test]
    fn framed_messages_are_cut_between_frames() {
        let span = [&[0x0a, 16][..], &[7; 16], &[0x12, 8], &[9; 8], &[0x39, 1, 0, 0, 0, 0, 0, 0, 0]].concat();
        let in_field = |key: u8, bytes: &[u8]| [&[key, bytes.len() as u8][..], bytes].concat();
        let message = in_field(0x0a, &in_field(0x12, &in_field(0x12, &span)));
        let frame = [&(message.len() as u32).to_be_bytes()[..], &message].concat();
        for bytes in [frame.repeat(100_000), message.repeat(100_000)] {
            let (spans, sizes, _, errors) = read_with(2, &bytes);
            assert_eq!((spans, errors), (100_000, 0));
            assert!(sizes.len() > 1);
        }
    }
}
