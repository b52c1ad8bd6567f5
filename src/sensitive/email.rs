//! Addresses of people.

use std::ops::Range;

/// The longest local part and the longest domain, as RFC 5321 has them.
const MAX_LOCAL: usize = 64;
const MAX_DOMAIN: usize = 255;

/// Last labels that make a file's name, or a host of nobody, of what has an `@`.
const NO_LAST_LABELS: [&str; 42] = [
    "png",
    "jpg",
    "jpeg",
    "gif",
    "svg",
    "webp",
    "ico",
    "js",
    "css",
    "json",
    "html",
    "htm",
    "php",
    "xml",
    "pdf",
    "txt",
    "md",
    "so",
    "py",
    "go",
    "rs",
    "java",
    "class",
    "jar",
    "local",
    "localhost",
    "internal",
    "svc",
    "cluster",
    "lan",
    "corp",
    "home",
    "test",
    "invalid",
    "example",
    "iam",
    "ts",
    "tsx",
    "jsx",
    "mjs",
    "arpa",
    "localdomain",
];

/// Users that are no people.
const NO_LOCALS: [&str; 11] = [
    "noreply",
    "no-reply",
    "no_reply",
    "donotreply",
    "do-not-reply",
    "do_not_reply",
    "git",
    "root",
    "postgres",
    "test",
    "no.reply",
];

/// Domains that are nobody's.
const NO_DOMAINS: [&str; 5] = ["example.com", "example.org", "example.net", "gserviceaccount.com", "test.com"];

/// An `@` as URLs write it.
pub(super) const ENCODED_AT: &str = "%40";

/// Where there is an `@`, as it is or as URLs write it.
pub(super) fn ats(text: &str) -> impl Iterator<Item = usize> {
    let is_at = |&at: &usize| text.as_bytes()[at] == b'@' || text[at..].starts_with(ENCODED_AT);
    memchr::memchr2_iter(b'@', b'%', text.as_bytes()).filter(is_at)
}

/// The address whose `@` is at `at`.
pub(super) fn email(text: &str, at: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let is_encoded = bytes[at] == b'%';
    let is_local = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-');
    let length = bytes[..at].iter().rev().take(MAX_LOCAL + 1).take_while(|&&byte| is_local(byte)).count();
    let mut start = at - length;
    if is_encoded && let Some(escape) = text[start..at].rfind('%') {
        // `email%3Djane%40host.com`
        start = (start + escape + ENCODED_AT.len()).min(at);
    }
    while start < at && !bytes[start].is_ascii_alphanumeric() {
        start += 1;
    }
    let local = &text[start..at];
    if local.is_empty() || length > MAX_LOCAL || local.ends_with('.') || is_user_info(text, start) {
        return None;
    }
    let is_domain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let behind = at + if is_encoded { ENCODED_AT.len() } else { 1 };
    let length = bytes[behind..].iter().take(MAX_DOMAIN + 1).take_while(|&&byte| is_domain(byte)).count();
    let domain = text[behind..behind + length].trim_end_matches(['.', '-']);
    let end = behind + domain.len();
    // `a@b@c` is none, and neither is `@scope/package@1.2.3`.
    if length > MAX_DOMAIN || bytes.get(end) == Some(&b'@') {
        return None;
    }
    let (labels, last) = domain.rsplit_once('.')?;
    let is_label = |label: &str| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-');
    let is_last = (2..=24).contains(&last.len()) && last.bytes().all(|byte| byte.is_ascii_alphabetic());
    if !is_last || !labels.split('.').all(is_label) || is_nobody(local, domain, last) {
        return None;
    }
    Some(start..end)
}

/// Whether an address is of no person: by its user, by its domain, or because it is none.
fn is_nobody(local: &str, domain: &str, last: &str) -> bool {
    let is = |names: &[&str], text: &str| names.iter().any(|name| name.eq_ignore_ascii_case(text));
    let lower = domain.to_ascii_lowercase();
    let is_of = |known: &str| lower.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    is(&NO_LAST_LABELS, last)
        || is(&NO_LOCALS, local)
        || NO_DOMAINS.iter().any(|domain| is_of(domain))
        || lower.starts_with("example.")
        || (is(&["user", "admin"], local) && lower.starts_with("example"))
}

/// Whether what begins at `start` and ends with an `@` stands in a URL before its host: `https://user@host`, `https://user:password@host`.
fn is_user_info(text: &str, start: usize) -> bool {
    const MAX_USER_INFO: usize = 128;
    let before = &text.as_bytes()[..start];
    let ends =
        |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'?' | b'&' | b'=' | b'<' | b'>' | b',');
    for (place, &byte) in before.iter().enumerate().rev().take(MAX_USER_INFO) {
        if byte == b'/' {
            return place > 0 && before[..=place].ends_with(b"://");
        }
        if ends(byte) {
            return false;
        }
    }
    false
}
