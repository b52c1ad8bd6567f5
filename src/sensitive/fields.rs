//! Secrets that have a name in front of them: in URLs, query texts, JSON and command lines.

use std::borrow::Cow;
use std::ops::Range;

use super::placeholder::is_placeholder;
use super::secret_names::{SecretNames, as_argument, as_field, as_parameter};
use super::tokens::{end_of, entropy, is_word_byte};

/// The longest name that is looked at.
const MAX_NAME: usize = 64;

/// A value that does not end before is as good as one that does.
const MAX_VALUE: usize = 4 << 10;

/// The end of a value that begins at `start` and whose bytes `is_part`.
fn end_of_value(text: &str, start: usize, is_part: impl Fn(u8) -> bool) -> usize {
    end_of(&text[..end_of_look(text, start)], start, is_part)
}

fn end_of_look(text: &str, start: usize) -> usize {
    let mut end = text.len().min(start + MAX_VALUE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    end
}

/// Parameters of URLs that hold secrets.
pub(crate) const URL_PARAMETERS: [&str; 21] = [
    "access_token",
    "api_key",
    "apikey",
    "auth_token",
    "authtoken",
    "client_secret",
    "password",
    "passwd",
    "pwd",
    "secret",
    "refresh_token",
    "id_token",
    "session_token",
    "private_token",
    "sig",
    "signature",
    "x_amz_signature",
    "x_amz_security_token",
    "x_goog_signature",
    "awsaccesskeyid",
    "key_secret",
];

/// One more, which often is no secret.
const TOKEN: &str = "token";

/// Fields of JSON that hold secrets.
pub(crate) const JSON_FIELDS: [&str; 14] = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "client_secret",
    "access_token",
    "refresh_token",
    "id_token",
    "api_key",
    "private_key",
    "card_number",
    "cvv",
    "ssn",
];

/// What names of columns contain.
const COLUMNS: [&str; 7] = ["password", "passwd", "pwd", "secret", "api_key", "access_token", "passphrase"];

/// The name of which something is at `at`: letters, digits, `_`, `-` and `.`.
pub(super) fn name_around(text: &str, at: usize) -> Range<usize> {
    let is_of_name = |byte: u8| is_word_byte(byte) || matches!(byte, b'-' | b'.');
    let bytes = text.as_bytes();
    let before = bytes[..at].iter().rev().take(MAX_NAME).take_while(|&&byte| is_of_name(byte)).count();
    let behind = bytes[at..].iter().take(MAX_NAME).take_while(|&&byte| is_of_name(byte)).count();
    at - before..at + behind
}

/// The value of the URL's parameter `name`.
pub(super) fn url_parameter(text: &str, name: &Range<usize>, names: &SecretNames) -> Option<Range<usize>> {
    const MIN_BYTES: usize = 6;
    const MIN_BYTES_OF_TOKEN: usize = 16;
    const MIN_ENTROPY: f64 = 3.0;
    let bytes = text.as_bytes();
    let is_parameter = name.start == 0 || matches!(bytes[name.start - 1], b'?' | b'&' | b';' | b'#');
    if bytes.get(name.end) != Some(&b'=') || !is_parameter {
        return None;
    }
    let start = name.end + 1;
    let ends = |byte: u8| {
        byte.is_ascii_whitespace() || matches!(byte, b'&' | b'#' | b';' | b'"' | b'\'' | b'<' | b'>' | b'\\' | b'`')
    };
    let end = end_of_value(text, start, |byte| !ends(byte));
    let value = &text[start..end];
    let name = as_parameter(&text[name.clone()]);
    let is_secret = if names.url_parameters.contains(&name) {
        value.len() >= MIN_BYTES
    } else {
        name == TOKEN && value.len() >= MIN_BYTES_OF_TOKEN && entropy(value) >= MIN_ENTROPY
    };
    let is_masked =
        || is_placeholder(value, &names.masked_words) || is_placeholder(&decoded(value), &names.masked_words);
    (is_secret && !is_masked()).then_some(start..end)
}

/// A part of a URL without its escapes, as far as what they stand for is ASCII.
fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        // A sign would be taken as part of the number.
        let digits = rest.get(at + 1..at + 3).filter(|digits| !digits.starts_with('+'));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(u8::is_ascii);
        out.push(byte.map_or('%', char::from));
        rest = &rest[at + if byte.is_some() { 3 } else { 1 }..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The value of the command's argument `name`, which begins with the dashes.
pub(super) fn argument(text: &str, name: &Range<usize>, names: &SecretNames) -> Option<Range<usize>> {
    const MIN_BYTES: usize = 6;
    let bare = text[name.clone()].strip_prefix("--").map(as_argument)?;
    if text.as_bytes().get(name.end) != Some(&b'=') || !names.arguments.contains(&bare) {
        return None;
    }
    let (start, end) = match text.as_bytes().get(name.end + 1) {
        Some(&quote @ (b'"' | b'\'')) => {
            let start = name.end + 2;
            (start, end_of_value(text, start, |byte| byte != quote))
        }
        _ => {
            let start = name.end + 1;
            (
                start,
                end_of_value(text, start, |byte| !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'\'' | b',')),
            )
        }
    };
    (end - start >= MIN_BYTES && !is_placeholder(&text[start..end], &names.masked_words)).then_some(start..end)
}

/// The value of the field `name` of a JSON object, which may itself stand in a JSON text.
pub(super) fn json_field(text: &str, name: &Range<usize>, names: &SecretNames) -> Option<Range<usize>> {
    if !names.json_fields.contains(&as_field(&text[name.clone()])) {
        return None;
    }
    let before = &text[..name.start];
    let quote = if before.ends_with("\\\"") {
        "\\\""
    } else if before.ends_with('"') {
        "\""
    } else {
        return None;
    };
    let is_space = |byte: u8| byte.is_ascii_whitespace();
    let behind = text[name.end..].strip_prefix(quote)?;
    let colon = end_of(text, text.len() - behind.len(), is_space);
    if text.as_bytes().get(colon) != Some(&b':') {
        return None;
    }
    let at = end_of(text, colon + 1, is_space);
    let (start, end) = match text.get(at..).and_then(|rest| rest.strip_prefix(quote)) {
        Some(value) => {
            let start = text.len() - value.len();
            (start, end_of_json_string(text, start, quote))
        }
        None => (at, end_of(text, at, |byte| byte.is_ascii_digit())),
    };
    let is_long = text[end..].starts_with(quote) || end - start >= MIN_DIGITS_OF_FIELD;
    (end > start && is_long && !is_placeholder(&text[start..end], &names.masked_words)).then_some(start..end)
}

/// Numbers that are secret have at least so many digits, as the security codes of cards: `{"password": 0}` is a projection of MongoDB.
const MIN_DIGITS_OF_FIELD: usize = 3;

fn end_of_json_string(text: &str, start: usize, quote: &str) -> usize {
    let bytes = &text.as_bytes()[..end_of_look(text, start)];
    let mut at = start;
    while at < bytes.len() {
        if bytes[at..].starts_with(quote.as_bytes()) {
            return at;
        }
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    bytes.len()
}

/// The literal that a query text compares a secret column with or sets it to, whose name is `name`.
pub(super) fn sql_literal(text: &str, name: &Range<usize>, names: &SecretNames) -> Option<Range<usize>> {
    let lower = text[name.clone()].to_ascii_lowercase();
    // `a.b` is a column of a table.
    let column = lower.rsplit('.').next().unwrap_or_default();
    let is_space = |byte: u8| byte.is_ascii_whitespace();
    let bytes = text.as_bytes();
    let mut at = name.end;
    if column == "identified" {
        let words: String = text[at..].chars().take(MAX_NAME).collect::<String>().to_ascii_lowercase();
        // What hashes it may be named in between.
        let by =
            words.find(" by ").filter(|&by| words[..by].is_empty() || words[..by].trim_start().starts_with("with "))?;
        at += by + " by ".len();
    } else if COLUMNS.iter().any(|secret| column.contains(secret)) {
        if matches!(bytes.get(at), Some(b'"' | b'`' | b']')) {
            at += 1;
        }
        let behind = end_of(text, at, is_space);
        let rest = &text[behind..];
        let assigned = [":=", "=>", "="].into_iter().find(|sign| rest.starts_with(sign));
        match assigned {
            Some(sign) => at = behind + sign.len(),
            None if column == "password" => at = end_of(text, behind, |byte| byte == b'('),
            None => return None,
        }
        // `IN ('password', 'totp')`: a quote right behind the name closes the literal that the name stands in.
        if at == name.end {
            return None;
        }
    } else {
        return None;
    }
    at = end_of(text, at, |byte| byte.is_ascii_whitespace());
    // `SET PASSWORD = PASSWORD('…')`: the second one is a name of its own.
    if matches!(bytes.get(at), Some(b'N' | b'n' | b'E' | b'e' | b'B' | b'b')) && bytes.get(at + 1) == Some(&b'\'') {
        at += 1;
    }
    // MySQL's literals may have double quotes, in which others have names of columns.
    let quote = *bytes.get(at).filter(|&&byte| matches!(byte, b'\'' | b'"'))?;
    let start = at + 1;
    let end = end_of_sql_string(text, start, quote);
    let is_name = quote == b'"' && bytes.get(end + 1) == Some(&b'.');
    (end > start && !is_name && !is_placeholder(&text[start..end], &names.masked_words)).then_some(start..end)
}

fn end_of_sql_string(text: &str, start: usize, quote: u8) -> usize {
    let bytes = &text.as_bytes()[..end_of_look(text, start)];
    let mut at = start;
    while at < bytes.len() {
        match bytes[at] {
            byte if byte == quote && bytes.get(at + 1) != Some(&quote) => return at,
            byte if byte == quote => at += 2,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The password of a user in the URL whose `://` is at `at`.
pub(super) fn url_password(text: &str, at: usize, names: &SecretNames) -> Option<Range<usize>> {
    /// Longer ones are no names and passwords.
    const MAX_USER_INFO: usize = 512;
    let start = at + "://".len();
    let bytes = &text.as_bytes()[start..];
    let ends =
        |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'?' | b'#' | b'"' | b'\'' | b'<' | b'>' | b',');
    let authority =
        bytes.iter().take(MAX_USER_INFO).position(|&byte| ends(byte)).unwrap_or(bytes.len().min(MAX_USER_INFO));
    let host = bytes[..authority].iter().rposition(|&byte| byte == b'@')?;
    let colon = bytes[..host].iter().position(|&byte| byte == b':')?;
    let has_host = bytes[host + 1..authority].first().is_some_and(|&byte| byte.is_ascii_alphanumeric() || byte == b'[');
    let password = start + colon + 1..start + host;
    let is_scheme = at > 0 && text.as_bytes()[at - 1].is_ascii_alphanumeric();
    (is_scheme && has_host && !password.is_empty() && !is_placeholder(&text[password.clone()], &names.masked_words))
        .then_some(password)
}
