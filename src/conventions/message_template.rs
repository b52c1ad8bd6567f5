//! Messages of errors without what differs each time, so that a thousand failures with a thousand ids have one message.

use super::templates::is_uuid;

/// Longest template kept, in characters.
const MAX_CHARACTERS: usize = 200;

/// A message with ids in its words as `{}`, addresses, quoted literals and numbers as `?`, and white space folded.
pub(super) fn message_template(message: &str) -> String {
    let mut out = String::with_capacity(message.len().min(MAX_CHARACTERS));
    let mut rest = message.trim();
    // A placeholder stands for at least one character, so twice as many bytes as are kept are enough to look at.
    while let Some(first) = rest.chars().next()
        && out.len() < 4 * MAX_CHARACTERS
    {
        let length = if first.is_whitespace() {
            out.push(' ');
            rest.len() - rest.trim_start().len()
        } else if let Some(length) = quoted(rest, &out) {
            out.push('?');
            length
        } else if first.is_alphanumeric() {
            push_words(rest, &mut out)
        } else if let Some(length) = bracketed_address(rest) {
            out.push('?');
            length
        } else {
            out.push(first);
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    if let Some((end, _)) = out.char_indices().nth(MAX_CHARACTERS) {
        out.truncate(end);
    }
    out.truncate(out.trim_end().len());
    out
}

/// The length of the quoted literal that `text` begins with. An apostrophe within a word quotes nothing.
fn quoted(text: &str, before: &str) -> Option<usize> {
    let quote = text.bytes().next().filter(|byte| matches!(byte, b'"' | b'\'' | b'`'))?;
    if before.ends_with(char::is_alphanumeric) {
        return None;
    }
    let length = memchr::memchr(quote, &text.as_bytes()[1..])?;
    Some(length + 2)
}

/// The length of `[::1]:6379`, if `text` begins with such.
fn bracketed_address(text: &str) -> Option<usize> {
    let (inside, behind) = text.strip_prefix('[')?.split_once(']')?;
    let port = behind.strip_prefix(':').map_or(0, |port| port.bytes().take_while(u8::is_ascii_digit).count());
    is_ipv6(inside).then_some(inside.len() + 2 + if port > 0 { port + 1 } else { 0 })
}

/// Appends the template of the words that `text` begins with, up to white space or punctuation that belongs to none; the
/// answer is how long they are.
fn push_words(text: &str, out: &mut String) -> usize {
    let is_inside = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '@' | ':' | '/');
    let end = text.find(|c: char| !is_inside(c)).unwrap_or(text.len());
    let words = text[..end].trim_end_matches(|c: char| !c.is_alphanumeric());
    if let Some((scheme, _)) = words.split_once("://")
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
    {
        out.push('?');
        let url = text.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | ')' | ','));
        return text[..url.unwrap_or(text.len())].trim_end_matches([':', '.', ';']).len();
    }
    if is_address(words) || is_number(words) {
        out.push('?');
        return words.len();
    }
    let mut start = 0;
    for (at, separator) in words.match_indices([':', '/']).chain([(words.len(), "")]) {
        let word = &words[start..at];
        if is_number(word) {
            out.push('?');
        } else if is_id(word) {
            out.push_str("{}");
        } else {
            out.push_str(word);
        }
        out.push_str(separator);
        start = at + separator.len();
    }
    words.len()
}

/// Whether a word is an address: of mail, of a host with a port, or a number of IP, with a port or without.
fn is_address(word: &str) -> bool {
    if word.contains('@') || is_ipv6(word) {
        return true;
    }
    let is_ipv4 = |host: &str| host.parse::<std::net::Ipv4Addr>().is_ok();
    match word.rsplit_once(':') {
        None => is_ipv4(word),
        Some((host, port)) => {
            let is_port = !port.is_empty() && port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
            is_port && !host.contains([':', '/'])
        }
    }
}

fn is_ipv6(word: &str) -> bool {
    word.contains(':') && word.parse::<std::net::Ipv6Addr>().is_ok()
}

/// Whether a word is a number, a time, or a number with its unit.
fn is_number(word: &str) -> bool {
    let bytes = word.as_bytes();
    if !bytes.first().is_some_and(u8::is_ascii_digit) || is_uuid(bytes) {
        return false;
    }
    let is_of_number = |byte: &u8| byte.is_ascii_digit() || b"-:.,/TZe".contains(byte);
    if bytes.iter().all(is_of_number) || word.starts_with("0x") {
        return true;
    }
    let unit = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    unit.len() <= 3 && unit.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// Whether a word is an id, or one of the words that it is made of is none.
fn is_id(word: &str) -> bool {
    let bytes = word.as_bytes();
    bytes.iter().any(u8::is_ascii_digit)
        && (is_uuid(bytes)
            || is_hex_id(bytes)
            || word.split(['-', '_', '.']).any(|part| !part.is_empty() && !is_plain_word(part)))
}

fn is_hex_id(bytes: &[u8]) -> bool {
    bytes.len() >= 8 && bytes.iter().all(u8::is_ascii_hexdigit)
}

/// Letters with at most two digits behind them, lower-case letters with one run of at most two digits inside, or a version.
fn is_plain_word(word: &str) -> bool {
    let Some(first_digit) = word.find(|c: char| c.is_ascii_digit()) else { return true };
    let (letters, rest) = word.split_at(first_digit);
    let behind = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = rest.len() - behind.len();
    let is_lower = |text: &str| text.chars().all(char::is_lowercase);
    let is_version = matches!(letters, "v" | "V") && behind.is_empty();
    !letters.is_empty() && (is_version || digits <= 2 && (behind.is_empty() || is_lower(letters) && is_lower(behind)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_lose_what_differs_each_time() {
        for (message, template) in [
            ("dial tcp 10.0.0.7:5432: connect: connection refused", "dial tcp ?: connect: connection refused"),
            ("dial tcp [::1]:6379: connect: connection refused", "dial tcp ?: connect: connection refused"),
            ("no route to fe80::1", "no route to ?"),
            ("connect ECONNREFUSED orders-db:5432", "connect ECONNREFUSED ?"),
            ("order 4711 not found", "order ? not found"),
            ("order ord_9f3a8b2c not found", "order {} not found"),
            ("order-4711 not found", "{} not found"),
            ("order 550e8400-e29b-41d4-a716-446655440000 not found", "order {} not found"),
            ("session deadbeef01: gone", "session {}: gone"),
            ("timeout of 5000ms exceeded", "timeout of ? exceeded"),
            ("deadline exceeded after 4.999827s.", "deadline exceeded after ?."),
            ("at 2024-01-15T10:30:00Z", "at ?"),
            ("key 'user:17' is gone", "key ? is gone"),
            ("can't say \"why\"; don't ask", "can't say ?; don't ask"),
            ("it is 'open", "it is 'open"),
            ("GET https://api.example.com/v1/users/83?x=1: 503", "GET ?: ?"),
            ("id=8842, size=[3, 4]", "id=?, size=[?, ?]"),
            ("mail to ann@example.com failed", "mail to ? failed"),
            ("java.net.SocketTimeoutException: Read timed out", "java.net.SocketTimeoutException: Read timed out"),
            ("redis: nil", "redis: nil"),
            ("  two\n\t lines  ", "two lines"),
            ("at 0x7ffe00aa", "at ?"),
            ("oauth2 i18n v2 S3 failed", "oauth2 i18n v2 S3 failed"),
            ("", ""),
        ] {
            assert_eq!(message_template(message), template, "{message}");
        }
    }

    /// A template holds 200 characters, and a long message is not looked at to its end.
    #[test]
    fn templates_are_cut() {
        assert_eq!(message_template(&"é ".repeat(1_000)).chars().count(), 199);
        assert_eq!(message_template(&"x".repeat(1_000)).len(), 200);
        assert_eq!(message_template(&"17 ".repeat(1_000)).len(), 199);
    }

    /// Nothing that stands in a message makes it panic.
    #[test]
    fn any_message_is_taken() {
        for text in ["'", "\"é", "é'é'", "[", "[::1", "://", "a://é b", "@", ":", "-1", "1-", "ß1ß", "ǅ12ǅ", "１２"]
        {
            for other in ["", " ", "x", "é"] {
                message_template(&format!("{other}{text}"));
                message_template(&format!("{text}{other}"));
            }
        }
    }
}
