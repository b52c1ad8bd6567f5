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
}
