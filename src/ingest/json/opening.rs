//! What a JSON text begins with.

/// `bytes` after a byte order mark and white space.
pub(crate) fn text_start(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start()
}

/// Whether text that is not indented by white space can be the start of a JSON object or array.
pub(crate) fn looks_like_json(text: &[u8]) -> bool {
    let Some((first, rest)) = text.split_first() else {
        return false;
    };
    let second = rest.trim_ascii_start().first();
    match first {
        b'{' => matches!(second, None | Some(b'"' | b'}')),
        b'[' => matches!(second, None | Some(b'{' | b'[' | b']')),
        _ => false,
    }
}

/// The longest that a log may write before a document on its line.
const MAX_PREFIX_BYTES: usize = 80;

/// The length of what a log wrote before the object that a line begins with otherwise: a time, a space, and little else.
/// Lines that CloudWatch exports, and those of containers, are such.
pub(crate) fn log_prefix(line: &[u8]) -> Option<usize> {
    if let Some(ContainerLine { content, .. }) = container_line(line) {
        return (line.get(content) == Some(&b'{')).then_some(content);
    }
    let head = &line[..line.len().min(MAX_PREFIX_BYTES)];
    let brace = memchr::memchr(b'{', head)?;
    (begins_with_date(head) && head[..brace].ends_with(b" ") && !head[..brace].contains(&b'\n')).then_some(brace)
}

/// The longest that a logger may write before OTLP on its line: a time, a thread, a level and its own name.
const MAX_LOGGER_BYTES: usize = 512;

/// The length of what a logger wrote before OTLP that a line begins with otherwise, as exporters of Java log it.
pub(crate) fn logger_prefix(line: &[u8]) -> Option<usize> {
    let first = line.first()?;
    if !first.is_ascii_alphanumeric() && !matches!(first, b'[' | b'<' | b'(') {
        return None;
    }
    let head = &line[..line.len().min(MAX_LOGGER_BYTES)];
    let head = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let start = memchr::memmem::find(head, b"{\"resource")?;
    let prefix = &head[..start];
    // Within JSON there would be quotes, or nothing that is said.
    let is_text = prefix.iter().any(u8::is_ascii_alphanumeric) && !prefix.contains(&b'"');
    is_text.then_some(start)
}

/// Whether more of the text is needed to tell what [`log_prefix`] and [`logger_prefix`] tell.
pub(crate) fn may_be_logger_prefix(line: &[u8]) -> bool {
    line.len() < MAX_LOGGER_BYTES && !line.contains(&b'\n')
}

/// A line as the runtimes of containers write it: a time, a stream, a tag, and what the container wrote.
pub(crate) struct ContainerLine<'a> {
    pub(crate) stream: &'a [u8],
    /// Whether the line goes on with the next one of the stream.
    pub(crate) is_partial: bool,
    /// Where that begins which the container wrote.
    pub(crate) content: usize,
}

/// What `line` begins with, if it is a line of a container's log.
pub(crate) fn container_line(line: &[u8]) -> Option<ContainerLine<'_>> {
    if !begins_with_date(line) {
        return None;
    }
    let head = &line[..line.len().min(MAX_PREFIX_BYTES)];
    let time = memchr::memchr(b' ', head)?;
    let (stream, tag) = head[time + 1..].split_at_checked(b"stdout ".len())?;
    let is_partial = match tag.first()? {
        b'P' => true,
        b'F' => false,
        _ => return None,
    };
    let is_known = matches!(stream, b"stdout " | b"stderr ") && matches!(tag.get(1), None | Some(b' ' | b'\n'));
    let content = (time + 1 + stream.len() + 2).min(line.len());
    is_known.then_some(ContainerLine { stream, is_partial, content })
}

/// A date as ISO 8601 writes it, with a digit for each 0.
const DATE: &[u8] = b"0000-00-00T00:00";

fn begins_with_date(line: &[u8]) -> bool {
    let fits = |(&form, &byte): (&u8, &u8)| if form == b'0' { byte.is_ascii_digit() } else { form == byte };
    line.len() >= DATE.len() && DATE.iter().zip(line).all(fits)
}

/// Whether `text` begins with the names of the columns of a table, one of which is `TraceId`.
pub(crate) fn looks_like_named_rows(text: &[u8]) -> bool {
    let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    line.starts_with(b"[\"") && memchr::memmem::find(line, b"\"TraceId\"").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_json_only_if_it_begins_like_it() {
        for text in ["{\"a", "{ }", "[{", "[ [", "[]", "{"] {
            assert!(looks_like_json(text.as_bytes()), "{text}");
        }
        for text in ["", "{a", "[1", "[section]", "\"x\"", "{\\rtf1"] {
            assert!(!looks_like_json(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn loggers_write_before_documents() {
        for line in ["INFO: {\"resource\":{}}", "[otel 12:00] [main] INFO a.B - {\"resourceSpans\":[]}\nx"] {
            let length = logger_prefix(line.as_bytes()).expect("a prefix");
            assert!(line[length..].starts_with("{\"resource"), "{line}");
        }
        for line in [
            "{\"resource\":1}",
            "[{\"resource\":1}",
            "a\n{\"resource\":1}",
            "  {\"resource\":1}",
            "[\"a\",{\"resource\":1}]",
        ] {
            assert_eq!(logger_prefix(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn times_before_documents_are_passed_over() {
        for line in ["2026-01-15T12:00:00.000Z {\"a\":1}", "2026-01-15T12:00:00.123456789Z stdout F {\"a\":1}"] {
            let length = log_prefix(line.as_bytes()).expect("a prefix");
            assert_eq!(&line[length..], "{\"a\":1}");
        }
        for line in [
            "2026-01-15T12:00:00.000Z started",
            "12:00 {}",
            "2026-01-15T12:00:00Z\n {}",
            "2026-01-15T12:00:00Z{}",
            "2026-01-15T12:00:00Z stdout F \"rest of\": {}",
        ] {
            assert_eq!(log_prefix(line.as_bytes()), None, "{line}");
        }
        assert!(may_be_logger_prefix(b"2026-01") && !may_be_logger_prefix(b"started\n"));
    }
}
