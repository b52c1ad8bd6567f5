//! What can be had of JSON that does not parse: a mended copy, and the spans before a cut.
//!
//! Only text that the parser has refused comes here, so nothing here needs to be fast.

/// `text` with what writers are known to get wrong put right: `NaN`, `Infinity` and numbers that are none become `null`;
/// control characters in strings are escaped; escapes that are none, and halves of surrogate pairs, become U+FFFD.
pub(crate) fn mend(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut mended = String::with_capacity(text.len() + 16);
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'"' {
            at = mend_string(text, at, &mut mended);
        } else if is_bare(bytes[at]) {
            let length = bytes[at..].iter().take_while(|byte| is_bare(**byte)).count();
            let word = &text[at..at + length];
            mended.push_str(if is_json_word(word) { word } else { "null" });
            at += length;
        } else {
            let length = text[at..].chars().next().map_or(1, char::len_utf8);
            mended.push_str(&text[at..at + length]);
            at += length;
        }
    }
    mended
}

fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_')
}

fn is_json_word(word: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(word).is_ok()
}

/// Mends the string whose opening quote stands at `at`; the answer is where it ends.
fn mend_string(text: &str, mut at: usize, mended: &mut String) -> usize {
    const REPLACEMENT: &str = "\u{fffd}";
    mended.push('"');
    at += 1;
    while let Some(character) = text[at..].chars().next() {
        match character {
            '"' => {
                mended.push('"');
                return at + 1;
            }
            '\\' => {
                let length = escape_length(&text[at..]);
                match length {
                    Some(length) => mended.push_str(&text[at..at + length]),
                    None => mended.push_str(REPLACEMENT),
                }
                let skipped = if text[at + 1..].starts_with('u') { half_escape_length(&text[at..]) } else { 1 };
                at += length.unwrap_or(skipped);
            }
            control if control < ' ' => {
                mended.push_str(&format!("\\u{:04x}", u32::from(control)));
                at += 1;
            }
            other => {
                mended.push(other);
                at += other.len_utf8();
            }
        }
    }
    at
}

/// The length of the escape that `text` begins with, both halves of a surrogate pair together; `None` if it is none.
fn escape_length(text: &str) -> Option<usize> {
    match text.as_bytes().get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => match code_unit(text)? {
            0xd800..=0xdbff => code_unit(text.get(6..)?).filter(|low| (0xdc00..=0xdfff).contains(low)).map(|_| 12),
            0xdc00..=0xdfff => None,
            _ => Some(6),
        },
        _ => None,
    }
}

/// The length of a `\u` escape that is half a pair or has too few digits.
fn half_escape_length(text: &str) -> usize {
    2 + text.as_bytes()[2..].iter().take(4).take_while(|byte| byte.is_ascii_hexdigit()).count()
}

fn code_unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, 16).ok()
}

/// Deeper than any trace document goes; beyond it, remembering what is open would cost more than the spans are worth.
const MAX_OPEN: usize = 256;

/// `text` up to the last span that is complete, with all that is open closed; `None` if there is no such span.
pub(crate) fn up_to_last_span(text: &str) -> Option<String> {
    /// A closing bracket, and whether it closes an array of spans.
    type Closer = (u8, bool);

    let bytes = text.as_bytes();
    let mut closers: Vec<Closer> = Vec::new();
    let mut last: Option<(usize, Vec<Closer>)> = None;
    let mut string_start = None;
    let mut key = "";
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        if let Some(start) = string_start {
            match byte {
                b'\\' => at += 1,
                b'"' => {
                    key = text.get(start..at).unwrap_or_default();
                    string_start = None;
                }
                _ => {}
            }
        } else {
            match byte {
                b'"' => string_start = Some(at + 1),
                b'{' => closers.push((b'}', false)),
                b'[' => closers.push((b']', key == "spans")),
                b'}' | b']' => {
                    if closers.pop().is_none_or(|(closer, _)| closer != byte) {
                        break;
                    }
                    if closers.last().is_some_and(|(_, of_spans)| *of_spans) {
                        last = Some((at + 1, closers.clone()));
                    }
                }
                _ => {}
            }
        }
        if closers.len() > MAX_OPEN {
            break;
        }
        at += 1;
    }
    let (end, closers) = last?;
    let mut closed = text[..end].to_owned();
    closed.extend(closers.iter().rev().map(|&(closer, _)| char::from(closer)));
    Some(closed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mended_json_parses() {
        for (text, mended) in [
            (
                r#"{"a":NaN,"b":-Infinity,"c":1e999,"d":-1.5e3,"e":true}"#,
                r#"{"a":null,"b":null,"c":null,"d":-1.5e3,"e":true}"#,
            ),
            ("[\"a\nb\"]", r#"["a\u000ab"]"#),
            (r#"["\x \ud83d\ude00 \ud83d \ude00 \u12"]"#, "[\"\u{fffd}x \\ud83d\\ude00 \u{fffd} \u{fffd} \u{fffd}\"]"),
            (r#"["open\"#, "[\"open\u{fffd}"),
        ] {
            assert_eq!(mend(text), mended);
        }
    }

    #[test]
    fn spans_before_a_cut_are_kept() {
        let whole = r#"{"scopeSpans":[{"spans":[{"name":"a","x":[{}]},{"name":"b"}]},{"spans":[{"name":"c""#;
        assert_eq!(
            up_to_last_span(whole).unwrap(),
            r#"{"scopeSpans":[{"spans":[{"name":"a","x":[{}]},{"name":"b"}]}]}"#
        );
        assert_eq!(up_to_last_span(&whole[..50]).unwrap(), r#"{"scopeSpans":[{"spans":[{"name":"a","x":[{}]}]}]}"#);
        assert_eq!(up_to_last_span(&whole[..30]), None);
        assert_eq!(up_to_last_span("]"), None);
    }
}
