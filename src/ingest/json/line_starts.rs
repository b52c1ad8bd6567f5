//! Lines that begin documents, which is all that tells where a document goes on or ends that was cut off.
//!
//! Compact or pretty-printed, a document begins at the start of a line, and its other lines begin otherwise: but for the
//! items of arrays that some writers set at the start of a line, too, behind `,` or `[`.

use super::opening::{log_prefix, logger_prefix, looks_like_json};

/// How much of the text behind a line's start may be looked at to tell what begins there.
pub(crate) const LOOKED_AT_BYTES: usize = 512;

/// What objects begin with that are in no other.
const ENVELOPES: [&[u8]; 5] =
    [b"{\"resourceSpans\"", b"{\"resource_spans\"", b"{\"batches\"", b"{\"resourceMetrics\"", b"{\"resourceLogs\""];

/// What `text` begins with up to its first key, without white space: what the documents of one writer have in common. Of
/// an array of texts, all but the brackets differs.
pub(crate) fn head(text: &[u8]) -> Vec<u8> {
    let mut head = Vec::new();
    for &byte in text.iter().take(LOOKED_AT_BYTES) {
        let in_key = head.contains(&b'"');
        if !in_key && byte.is_ascii_whitespace() {
            continue;
        }
        let is_complete = byte == b'"' && (in_key || head.last() == Some(&b'['));
        head.push(byte);
        if is_complete || !in_key && !matches!(byte, b'{' | b'[' | b'"') {
            break;
        }
    }
    head
}

/// Whether an object that begins so is in no other.
pub(crate) fn is_envelope(head: &[u8]) -> bool {
    ENVELOPES.contains(&head)
}

/// Whether a document may begin with `line`, or what a log wrote before one.
pub(crate) fn may_begin_document(line: &[u8]) -> bool {
    matches!(line.first(), Some(b'{' | b'[')) || has_prefix(line)
}

/// Whether a line begins with what a log wrote before a document.
pub(crate) fn has_prefix(line: &[u8]) -> bool {
    log_prefix(line).is_some() || logger_prefix(line).is_some()
}

/// Whether a document that does not end before it goes on with a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Begins {
    /// It goes on.
    Nothing,
    /// The line begins an item of an array or the next document: which of them, the brackets tell.
    Either,
    /// The line begins the next document.
    Document,
}

/// What stands in a text.
enum Mark {
    /// One that opens or closes an object or array.
    Bracket(u8),
    /// One that ends a line, be it within a string, as where the text was cut.
    LineFeed(Begins),
}

/// The brackets of a text and the ends of its lines, with where they stand.
struct Marks<'a> {
    bytes: &'a [u8],
    at: usize,
    in_string: bool,
    /// What stands before, but for white space.
    before: u8,
    /// What the document begins with, and the one that it is in.
    heads: [&'a [u8]; 2],
}

impl Marks<'_> {
    fn begins(&self, line: &[u8]) -> Begins {
        let is_of_texts = line.starts_with(b"[\"") && self.heads.iter().any(|head| head.starts_with(b"[\""));
        if has_prefix(line) {
            return Begins::Document;
        }
        if !looks_like_json(line) && !is_of_texts {
            return Begins::Nothing;
        }
        let head = head(line);
        let may_be_inner = match self.before {
            b',' | b'[' => true,
            // No writer begins a member's value at the start of a line, but for one that gives each bracket its own.
            b':' => !line.starts_with(b"{\""),
            _ => false,
        };
        if self.in_string || !may_be_inner || is_envelope(&head) {
            Begins::Document
        } else if self.heads.contains(&head.as_slice()) {
            Begins::Either
        } else {
            Begins::Nothing
        }
    }
}

impl Iterator for Marks<'_> {
    type Item = (usize, Mark);

    fn next(&mut self) -> Option<(usize, Mark)> {
        while let Some(&byte) = self.bytes.get(self.at) {
            let at = self.at;
            self.at += 1;
            match byte {
                b'\n' => {
                    let begins = self.begins(&self.bytes[self.at..]);
                    if begins != Begins::Nothing {
                        return Some((at, Mark::LineFeed(begins)));
                    }
                }
                // A line may be cut within an escape.
                b'\\' if self.in_string => self.at += usize::from(self.bytes.get(self.at) != Some(&b'\n')),
                b'"' => self.in_string = !self.in_string,
                _ => {}
            }
            if !byte.is_ascii_whitespace() {
                self.before = byte;
            }
            if !self.in_string && matches!(byte, b'{' | b'[' | b'}' | b']') {
                return Some((at, Mark::Bracket(byte)));
            }
        }
        None
    }
}

/// How far a JSON object or array goes, told by its brackets and quotes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Extent {
    /// It ends before this byte.
    Complete(usize),
    /// The text ends first. A line behind this byte may begin another document.
    Unfinished(Option<usize>),
    /// At this byte stands what cannot belong to it: the wrong bracket, or the end of a line behind which another document begins.
    Broken(usize),
}

/// The extent of the object or array that `text` begins with, within a document that begins with `outer`.
///
/// A line that may begin either an item or a document begins an item if the brackets around it are closed in the end, and
/// otherwise a document: one that was cut off before it is never closed by those that follow.
pub(crate) fn extent(text: &str, outer: &[u8]) -> Extent {
    let own = head(text.as_bytes());
    let mut closers = Vec::new();
    let mut cut = None;
    for (at, mark) in marks(text, &own, outer) {
        match mark {
            Mark::LineFeed(Begins::Document) => return Extent::Broken(cut.unwrap_or(at)),
            Mark::LineFeed(_) => cut = cut.or(Some(at)),
            Mark::Bracket(b'{') => closers.push(b'}'),
            Mark::Bracket(b'[') => closers.push(b']'),
            Mark::Bracket(bracket) => {
                if closers.pop() != Some(bracket) {
                    return Extent::Broken(cut.unwrap_or(at));
                }
                if closers.is_empty() {
                    return Extent::Complete(at + 1);
                }
            }
        }
    }
    Extent::Unfinished(cut)
}

/// Where the first line ends behind which another document begins, if that is within the first `length` bytes of `text`,
/// of a document that begins with `outer` and is cut off or damaged within them.
pub(crate) fn end_of_cut_line(text: &str, length: usize, outer: &[u8]) -> Option<usize> {
    let own = head(text.as_bytes());
    marks(text, &own, outer)
        .take_while(|(at, _)| *at < length)
        .find_map(|(at, mark)| matches!(mark, Mark::LineFeed(_)).then_some(at))
}

fn marks<'a>(text: &'a str, own: &'a [u8], outer: &'a [u8]) -> Marks<'a> {
    Marks { bytes: text.as_bytes(), at: 0, in_string: false, before: b' ', heads: [own, outer] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extents_end_with_their_bracket() {
        assert_eq!(extent(r#"{"a":["}]\""]} x"#, b""), Extent::Complete(14));
        assert_eq!(extent(r#"{"a":[1"#, b""), Extent::Unfinished(None));
        assert_eq!(extent(r#"{"a":[1}"#, b""), Extent::Broken(7));
        assert_eq!(extent("[\n{\"a\":1},\n{\"a\":2}\n]", b""), Extent::Complete(20));
        assert_eq!(extent("{\"a\":[\n{\"a\":1},\n{\"a\":2}\n]}", b""), Extent::Complete(26));
    }

    /// The line after a cut one is not taken for its continuation.
    #[test]
    fn a_cut_line_ends_where_the_next_document_begins() {
        for cut in [
            "{\"a\":[{\"b\":\"c",
            "{\"a\":[{\"b\":1}",
            "{\"a\":[{\"b\":\"c\\",
            "{\"a\":[",
            "{\"a\":[1,",
            "{\n  \"a\": {\n    \"b\":",
            "{\n  \"a\": [",
            "[\"a\",",
        ] {
            let line_feed = cut.len();
            for next in ["{\"a\":[]}", "{\n  \"a\": []\n}", "2026-01-15T12:00:00Z stdout F {\"a\":[]}", "[\"b\",1]"] {
                if next.starts_with('[') != cut.starts_with('[') {
                    continue;
                }
                let text = format!("{cut}\n{next}");
                assert!(
                    matches!(extent(&text, b""), Extent::Broken(at) | Extent::Unfinished(Some(at)) if at == line_feed),
                    "{text}: {:?}",
                    extent(&text, b"")
                );
                assert_eq!(end_of_cut_line(&text, text.len(), b""), Some(line_feed), "{text}");
            }
        }
    }

    #[test]
    fn heads_are_what_documents_have_in_common() {
        assert_eq!(head(b"{ \"a b\" : 1"), b"{\"a b\"");
        assert_eq!(head(b"[\n {\"a\""), b"[{\"a\"");
        assert_eq!(head(b"[\"x\",\"y\"]"), b"[\"");
        assert_eq!(head(b"{}"), b"{}");
    }
}
