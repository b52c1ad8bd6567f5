//! Lines that the runtimes of containers have cut into parts, 16 KiB each, put together again.
//!
//! ```text
//! 2026-01-15T12:00:00Z stdout P {"resourceSpans":[{"resou      containerd and CRI-O: P is a part, F the last one
//! 2026-01-15T12:00:00Z stderr F started                        of another stream, may stand between
//! 2026-01-15T12:00:00Z stdout F rce":{…}}]}
//!
//! {"log":"{\"resourceSpans\":[{\"resou","stream":"stdout"}     Docker: a part has no line feed at its end
//! {"log":"rce\":{…}}]}\n","stream":"stdout"}
//! ```

use std::borrow::Cow;

use crate::ingest::json::line_starts::{Extent, extent};
use crate::ingest::json::opening::{container_line, looks_like_json};

/// The line that parts make.
pub(super) struct Joined {
    /// It, and behind it the lines of other streams that stood between its parts.
    pub(super) text: String,
    /// How long all that is in the log, but for the last line feed.
    pub(super) length: usize,
}

/// Puts the parts together of which the first stands at the start of `text`; `None` if more text may follow and is needed.
/// A line whose last part is missing is as long as its parts.
pub(super) fn join(text: &str, ended: bool) -> Option<Joined> {
    let stream_of_line = container_line(text.as_bytes())?.stream;
    let mut joined = String::new();
    let mut others = String::new();
    let mut at = 0;
    while at < text.len() || !ended {
        let rest = text.get(at..).unwrap_or_default();
        let line = match memchr::memchr(b'\n', rest.as_bytes()) {
            Some(length) => &rest[..length],
            None if ended => rest,
            None => return None,
        };
        let Some(part) = container_line(line.as_bytes()) else {
            break;
        };
        at += line.len();
        if part.stream == stream_of_line {
            joined.push_str(line[part.content..].trim_end_matches('\r'));
            if !part.is_partial {
                break;
            }
        } else {
            others.push('\n');
            others.push_str(line);
        }
        at += 1;
    }
    joined.push_str(&others);
    Some(Joined { text: joined, length: at.min(text.len()) })
}

/// A text of a log, and where it or its first part stands.
pub(super) type Logged<'t> = (Cow<'t, str>, u64);

/// The parts of Docker's records that wait for the rest of their lines.
#[derive(Default)]
pub(super) struct PartialRecords {
    waiting: Vec<Waiting>,
}

struct Waiting {
    stream: String,
    text: String,
    offset: u64,
}

impl PartialRecords {
    /// Takes the text of a record; the answer are those that are complete, or will not be.
    pub(super) fn take<'t>(&mut self, stream: &str, text: Cow<'t, str>, offset: u64) -> Vec<Logged<'t>> {
        let is_whole = is_document(&text);
        match self.waiting.iter().position(|waiting| waiting.stream == stream) {
            None if is_whole || text.ends_with('\n') || !looks_like_json(text.as_bytes()) => vec![(text, offset)],
            None => {
                self.waiting.push(Waiting { stream: stream.to_owned(), text: text.into_owned(), offset });
                Vec::new()
            }
            Some(at) if is_whole => {
                let cut = self.waiting.remove(at);
                vec![(cut.text.into(), cut.offset), (text, offset)]
            }
            Some(at) => {
                let waiting = &mut self.waiting[at];
                waiting.text.push_str(&text);
                if !text.ends_with('\n') && !is_document(&waiting.text) {
                    return Vec::new();
                }
                let complete = self.waiting.remove(at);
                vec![(complete.text.into(), complete.offset)]
            }
        }
    }

    /// Those that will not be complete.
    pub(super) fn rest(&mut self) -> Vec<Logged<'static>> {
        std::mem::take(&mut self.waiting).into_iter().map(|waiting| (waiting.text.into(), waiting.offset)).collect()
    }
}

fn is_document(text: &str) -> bool {
    let text = text.trim();
    text.ends_with(['}', ']']) && looks_like_json(text.as_bytes()) && extent(text, b"") == Extent::Complete(text.len())
}

/// The stream that a record of Docker names in `rest`, behind its text.
pub(super) fn stream_of_record(rest: &str) -> &str {
    let rest = rest.trim_start_matches([',', ' ']);
    let value = rest.strip_prefix("\"stream\":").map(str::trim_start).and_then(|value| value.strip_prefix('"'));
    value.and_then(|value| value.split_once('"')).map_or("", |(stream, _)| stream)
}

/// How long the parts of a line are, but for the last one.
const PART_BYTES: usize = 16 << 10;

/// Whether `line` is a record of Docker that has a part of a line which is not the last one.
pub(super) fn is_part_of_record(line: &[u8]) -> bool {
    line.len() >= PART_BYTES && line.starts_with(b"{\"log\":") && memchr::memmem::find(line, b"\\n\"").is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_make_a_line() {
        let log = "2026-01-15T12:00:00Z stdout P {\"a\"\n2026-01-15T12:00:00Z stderr F x\n2026-01-15T12:00:01Z stdout P :\n\
                   2026-01-15T12:00:01Z stdout F 1}\n2026-01-15T12:00:01Z stdout F {}\n";
        let joined = join(log, false).expect("all parts");
        assert_eq!(joined.text, "{\"a\":1}\n2026-01-15T12:00:00Z stderr F x");
        assert_eq!(&log[joined.length..], "\n2026-01-15T12:00:01Z stdout F {}\n");
        let without_last = &log[..log.find("2026-01-15T12:00:01Z stdout F 1}").expect("it is there")];
        assert!(join(without_last, false).is_none());
        assert_eq!(join(without_last, true).expect("it ends").length, without_last.len());
        let interrupted = "2026-01-15T12:00:00Z stdout P {\"a\"\nGoodbye";
        assert_eq!(join(interrupted, true).expect("it ends").text, "{\"a\"");
    }

    #[test]
    fn records_wait_for_the_rest_of_their_lines() {
        let mut records = PartialRecords::default();
        let mut take = |stream: &str, text: &'static str| -> Vec<String> {
            records.take(stream, text.into(), 0).into_iter().map(|(text, _)| text.into_owned()).collect()
        };
        assert!(take("stdout", "{\"a\":").is_empty());
        assert_eq!(take("stderr", "started\n"), ["started\n"]);
        assert!(take("stdout", "[1,").is_empty());
        assert_eq!(take("stdout", "2]}\n"), ["{\"a\":[1,2]}\n"]);
        assert_eq!(take("stdout", "{\"a\":1}"), ["{\"a\":1}"]);
        assert!(take("stdout", "{\"b\":").is_empty());
        assert_eq!(take("stdout", "{\"a\":1}\n"), ["{\"b\":", "{\"a\":1}\n"]);
        assert!(take("stdout", "{\"c\":").is_empty());
        assert_eq!(records.rest().len(), 1);
        assert_eq!(stream_of_record(r#","stream":"stderr","time":"x"}"#), "stderr");
    }
}
