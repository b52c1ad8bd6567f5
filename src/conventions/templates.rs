//! Templates: what repeats in a query, a path or a span name once its literals are taken out, so that a thousand calls
//! with a thousand ids count as one operation.

/// Longest template kept, in bytes.
const MAX_TEMPLATE_BYTES: usize = 1000;

/// A query text with literals and numbers as `?`, lists as `IN (?)`, white space folded and comments dropped. A text that
/// is JSON (MongoDB, Elasticsearch) keeps its keys and loses its values.
pub fn query_template(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(MAX_TEMPLATE_BYTES));
    let json = is_json(text);
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() && out.len() < MAX_TEMPLATE_BYTES {
        let byte = bytes[at];
        match byte {
            _ if byte.is_ascii_whitespace() => {
                push_space(&mut out);
                at += 1;
            }
            b'-' if bytes.get(at + 1) == Some(&b'-') && !json => {
                at = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |length| at + length);
                push_space(&mut out);
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                at = memchr::memmem::find(&bytes[at + 2..], b"*/").map_or(bytes.len(), |length| at + length + 4);
                push_space(&mut out);
            }
            b'\'' => {
                at = end_of_quoted(bytes, at);
                out.push('?');
            }
            b'"' if json => {
                let end = end_of_quoted(bytes, at);
                let is_key = bytes[end..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':');
                if is_key {
                    out.push_str(&text[at..end]);
                } else {
                    out.push('?');
                }
                at = end;
            }
            b'"' | b'`' => {
                let end = end_of_quoted(bytes, at);
                out.push_str(&text[at..end]);
                at = end;
            }
            b'$' if bytes.get(at + 1).is_some_and(u8::is_ascii_digit) => {
                at += 1;
                while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                    at += 1;
                }
                out.push('?');
            }
            _ if is_word(byte) => {
                let end = end_of_word(bytes, at);
                let word = &text[at..end];
                if is_literal(word) {
                    if out.ends_with('-')
                        && !out[..out.len() - 1].trim_end().ends_with(|c: char| c == '?' || c.is_alphanumeric())
                    {
                        out.pop();
                    }
                    out.push('?');
                } else {
                    out.push_str(word);
                }
                at = end;
            }
            _ => {
                let length = text[at..].chars().next().map_or(1, char::len_utf8);
                out.push_str(&text[at..at + length]);
                at += length;
            }
        }
    }
    let mut out = fold_lists(out.trim());
    truncate(&mut out, 0);
    out
}

/// Whether a query text leaves its arguments out: it has a placeholder (`?`, `$1`, `:x`, `%s`, `@p`) outside its string
/// literals.
pub(super) fn has_placeholder(text: &str) -> bool {
    let bytes = text.as_bytes();
    let json = is_json(text);
    let mut at = 0;
    while at < bytes.len() {
        let next = bytes.get(at + 1).copied().unwrap_or(b' ');
        let before = if at == 0 { b' ' } else { bytes[at - 1] };
        match bytes[at] {
            quote @ (b'\'' | b'"') => {
                let end = end_of_quoted(bytes, at);
                if quote == b'"' && matches!(&bytes[at + 1..end.saturating_sub(1).max(at + 1)], b"?" | b"%s") {
                    return true;
                }
                at = end;
                continue;
            }
            b'?' => return true,
            b'%' if next == b's' => return true,
            b'$' if next.is_ascii_digit() => return true,
            b':' if !json
                && next.is_ascii_alphabetic()
                && !is_word(before)
                && !matches!(before, b':' | b'}' | b']') =>
            {
                return true;
            }
            b'@' if !json && (next.is_ascii_alphabetic() || next == b'_') && !is_word(before) && before != b'@' => {
                return true;
            }
            _ => {}
        }
        at += 1;
    }
    false
}

/// A URL's path, or a request target, with identifiers as `{}`; query string and fragment are dropped.
pub fn path_template(path: &str) -> String {
    let mut template = String::new();
    push_path_template(path, &mut template);
    template
}

/// Appends [`path_template`] of `path` to `out`.
pub(super) fn push_path_template(path: &str, out: &mut String) {
    let path = &path[..memchr::memchr2(b'?', b'#', path.as_bytes()).unwrap_or(path.len())];
    let path = match behind_scheme(path) {
        Some(rest) => memchr::memchr(b'/', rest.as_bytes()).map_or("/", |start| &rest[start..]),
        None => path,
    };
    push_name_template(path, out);
}

/// What is behind `://` in a URL.
fn behind_scheme(url: &str) -> Option<&str> {
    // A search for the three of them at once takes longer to prepare than most URLs to be looked through.
    let mut colons = memchr::memchr_iter(b':', url.as_bytes());
    colons.find_map(|colon| url[colon..].strip_prefix("://"))
}

/// A span name with the parts that are identifiers (between `/` or white space) as `{}`, and white space folded.
pub fn name_template(name: &str) -> String {
    let mut template = String::with_capacity(name.len());
    push_name_template(name, &mut template);
    template
}

fn push_name_template(name: &str, out: &mut String) {
    let start = out.len();
    // Splitting at any white space of Unicode takes ten times as long as seeing that there is none.
    if name.bytes().all(|byte| byte.is_ascii_graphic()) {
        push_segments(name, out);
    } else {
        for (index, word) in name.split_whitespace().enumerate() {
            if index > 0 {
                out.push(' ');
            }
            push_segments(word, out);
        }
    }
    truncate(out, start);
}

fn push_segments(word: &str, out: &mut String) {
    for (index, segment) in word.split('/').enumerate() {
        if index > 0 {
            out.push('/');
        }
        out.push_str(if is_identifier(segment) { "{}" } else { segment });
    }
}

/// The host and port in a URL or connection string; `None` if it has none.
pub fn url_host(url: &str) -> Option<&str> {
    let rest = behind_scheme(url)?;
    let end = rest.bytes().position(|byte| matches!(byte, b'/' | b'?' | b'#' | b';' | b','));
    let authority = &rest[..end.unwrap_or(rest.len())];
    let host = memchr::memrchr(b'@', authority.as_bytes()).map_or(authority, |at| &authority[at + 1..]);
    (!host.is_empty()).then_some(host)
}

/// Whether a path segment is an identifier rather than a word: a UUID, a number, or 8 or more hexadecimal digits of
/// which one is a digit.
fn is_identifier(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    if !bytes.first().is_some_and(u8::is_ascii_hexdigit) {
        return false;
    }
    is_uuid(bytes)
        || bytes.iter().all(u8::is_ascii_digit)
        || (bytes.len() >= 8 && bytes.iter().all(u8::is_ascii_hexdigit) && bytes.iter().any(u8::is_ascii_digit))
}

pub(super) fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn is_literal(word: &str) -> bool {
    word.as_bytes()[0].is_ascii_digit() || is_identifier(word)
}

fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// The end of the word at `at`: a UUID, a number with point and exponent, or a run of word characters.
fn end_of_word(bytes: &[u8], at: usize) -> usize {
    if bytes.len() >= at + 36 && is_uuid(&bytes[at..at + 36]) {
        return at + 36;
    }
    let number = bytes[at].is_ascii_digit();
    let mut end = at;
    while let Some(&byte) = bytes.get(end) {
        let next_is_digit = bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        let exponent_sign =
            number && matches!(byte, b'+' | b'-') && matches!(bytes[end - 1], b'e' | b'E') && next_is_digit;
        if !(is_word(byte) || (number && byte == b'.' && next_is_digit) || exponent_sign) {
            break;
        }
        end += 1;
    }
    end
}

/// The end of the quoted text at `at`, past its closing quote; the end of all if it is not closed. A quote is escaped by
/// a backslash or by being doubled.
fn end_of_quoted(bytes: &[u8], at: usize) -> usize {
    let quote = bytes[at];
    let mut end = at + 1;
    while end < bytes.len() {
        if bytes[end] == b'\\' && quote != b'`' {
            end += 1;
        } else if bytes[end] == quote {
            if bytes.get(end + 1) != Some(&quote) {
                return end + 1;
            }
            end += 1;
        }
        end += 1;
    }
    bytes.len()
}

fn push_space(out: &mut String) {
    if !out.is_empty() && !out.ends_with(' ') {
        out.push(' ');
    }
}

/// `IN (?, ?, ?)` to `IN (?)`, so that the length of a list does not make an operation of its own.
fn fold_lists(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('(') {
        let (before, list) = rest.split_at(open + 1);
        out.push_str(before);
        rest = list;
        let word = before[..open].trim_end();
        let follows_in = word.len() >= 2
            && word.is_char_boundary(word.len() - 2)
            && word[word.len() - 2..].eq_ignore_ascii_case("in")
            && !word[..word.len() - 2].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if follows_in && let Some(close) = list.find(')') {
            let items = &list[..close];
            if items.contains('?') && items.chars().all(|c| matches!(c, '?' | ',' | ' ' | ':' | '%' | 's')) {
                out.push('?');
                rest = &list[close..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// Cuts the template that begins at `start`.
fn truncate(text: &mut String, start: usize) {
    let mut end = text.len().min(start + MAX_TEMPLATE_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_lose_their_literals() {
        for (query, template) in [
            ("SELECT * FROM t WHERE id = 17", "SELECT * FROM t WHERE id = ?"),
            ("SELECT  *\n FROM t1 -- why\nWHERE a='it''s' AND b=-1.5e-3", "SELECT * FROM t1 WHERE a=? AND b=?"),
            ("select a from b where c in (1, 2,\n3)", "select a from b where c in (?)"),
            ("select min(3) /* hint */ from b", "select min(?) from b"),
            ("SELECT x FROM \"Order\" WHERE id = $12", "SELECT x FROM \"Order\" WHERE id = ?"),
            (r#"{"find": "users", "filter": {"_id": 5}}"#, r#"{"find": ?, "filter": {"_id": ?}}"#),
            ("GET user:550e8400-e29b-41d4-a716-446655440000", "GET user:?"),
            ("SELECT 'open", "SELECT ?"),
            ("select a /* b */ from t", "select a from t"),
            ("select a from t where b in (?, ?, ?)", "select a from t where b in (?)"),
        ] {
            assert_eq!(query_template(query), template);
        }
    }

    #[test]
    fn placeholders_are_told_from_literals() {
        for query in ["a = ?", "a = $1", "a = :id", "a = %s", "a = @p1", r#"{"a": "?"}"#] {
            assert!(has_placeholder(query), "{query}");
        }
        for query in ["a = '?'", "a = 1::text", "GET user:abc", r#"{"a":true}"#, "HGET k f", "mail = 'a@b.c'"] {
            assert!(!has_placeholder(query), "{query}");
        }
    }

    #[test]
    fn paths_and_names_lose_their_identifiers() {
        assert_eq!(path_template("/a/17/b?c=1"), "/a/{}/b");
        assert_eq!(path_template("http://h:80/a/deadbeef01"), "/a/{}");
        assert_eq!(path_template("http://h"), "/");
        assert_eq!(name_template("GET /u/550e8400-e29b-41d4-a716-446655440000/v1"), "GET /u/{}/v1");
        assert_eq!(name_template("decade facade"), "decade facade");
        assert_eq!(name_template("process  order 17"), "process order {}");
        assert_eq!(path_template("/a/deadbee1"), "/a/{}");
        assert_eq!(path_template("/a/v1/oauth2"), "/a/v1/oauth2");
    }

    /// A template holds 1,000 bytes and ends between characters.
    #[test]
    fn templates_are_cut() {
        assert_eq!(name_template(&"x".repeat(2000)).len(), 1000);
        assert_eq!(query_template(&format!("x{}", "é".repeat(2000))).len(), 999);
    }

    #[test]
    fn hosts_are_found_in_urls() {
        assert_eq!(url_host("https://u:p@h:8443/x"), Some("h:8443"));
        assert_eq!(url_host("jdbc:mysql://db:3306/x"), Some("db:3306"));
        assert_eq!(url_host("/x"), None);
    }
}
