//! Secrets that have a form of their own.

use std::ops::Range;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::placeholder::is_placeholder;
use crate::conventions::WordList;

/// Whatever padding there is, and whatever the last bits are.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const BASE64_OF_URLS: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

/// Bits of Shannon's entropy a character. 16 different ones have 4; what somebody typed as an example has about 2.
pub(super) fn entropy(text: &str) -> f64 {
    let mut times = [0u32; 256];
    text.bytes().for_each(|byte| times[usize::from(byte)] += 1);
    let length = text.len() as f64;
    times
        .iter()
        .filter(|&&times| times > 0)
        .map(|&times| f64::from(times) / length)
        .map(|share| -share * share.log2())
        .sum()
}

pub(super) fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether what is at `at` begins a word.
pub(super) fn begins_word(text: &str, at: usize) -> bool {
    at == 0 || !is_word_byte(text.as_bytes()[at - 1])
}

/// The end of what `is_part` of bytes from `at` on.
pub(super) fn end_of(text: &str, at: usize, is_part: impl Fn(u8) -> bool) -> usize {
    let rest = &text.as_bytes()[at.min(text.len())..];
    at + rest.iter().position(|&byte| !is_part(byte)).unwrap_or(rest.len())
}

fn is_base64_of_urls(byte: u8) -> bool {
    is_word_byte(byte) || byte == b'-'
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// The token whose first part begins at `at`, with `eyJ`, which is `{"`.
pub(super) fn jwt(text: &str, at: usize) -> Option<Range<usize>> {
    const MIN_BYTES: usize = 10;
    let header = at..end_of(text, at, is_base64_of_urls);
    let payload = behind_point(text, header.end)?;
    let signature = behind_point(text, payload.end)?;
    let has_form = text[header.clone()].starts_with("eyJ")
        && text[payload.clone()].starts_with("eyJ")
        && [&header, &payload].iter().all(|part| part.len() >= MIN_BYTES + 3)
        && signature.len() >= MIN_BYTES;
    if !has_form {
        return None;
    }
    let decoded = BASE64_OF_URLS.decode(&text[header]).ok()?;
    let serde_json::Value::Object(header) = serde_json::from_slice(&decoded).ok()? else { return None };
    header.contains_key("alg").then_some(at..signature.end)
}

fn behind_point(text: &str, at: usize) -> Option<Range<usize>> {
    (text.as_bytes().get(at) == Some(&b'.')).then(|| at + 1..end_of(text, at + 1, is_base64_of_urls))
}

/// The key whose header begins at `at`, with five dashes.
pub(super) fn private_key(text: &str, at: usize) -> Option<Range<usize>> {
    /// The longest name of a kind of key.
    const MAX_HEADER: usize = 64;
    const MIN_CHARACTERS: usize = 32;
    let name = at + "-----BEGIN ".len();
    let end = text.as_bytes().get(name..)?.iter().take(MAX_HEADER).position(|&byte| byte == b'-')? + name;
    let is_key = text[name..end].to_ascii_uppercase().contains("PRIVATE KEY") && text[end..].starts_with("-----");
    if !is_key {
        return None;
    }
    let bytes = text.as_bytes();
    let (mut characters, mut place) = (0, end + 5);
    while let Some(&byte) = bytes.get(place) {
        match byte {
            // Lines end in a JSON text with an escape.
            b'\\' if matches!(bytes.get(place + 1), Some(b'n' | b'r')) => place += 1,
            _ if byte.is_ascii_whitespace() => {}
            _ if is_base64(byte) => characters += 1,
            _ => break,
        }
        place += 1;
    }
    (characters >= MIN_CHARACTERS).then_some(at..place)
}

/// What stands behind `Bearer`, which begins at `at`.
pub(super) fn bearer(text: &str, at: usize, masked_words: &WordList) -> Option<Range<usize>> {
    const MIN_BYTES: usize = 16;
    const MIN_ENTROPY: f64 = 3.0;
    let start = behind_scheme(text, at, "bearer")?;
    let end = end_of(text, start, |byte| is_base64_of_urls(byte) || matches!(byte, b'.' | b'~' | b'+' | b'/' | b'='));
    let token = &text[start..end];
    let is_one = token.len() >= MIN_BYTES
        && token.bytes().any(|byte| byte.is_ascii_digit())
        && entropy(token) >= MIN_ENTROPY
        && !is_placeholder(token, masked_words);
    is_one.then_some(start..end)
}

/// User and password behind `Basic`, which begins at `at`.
pub(super) fn basic_auth(text: &str, at: usize) -> Option<Range<usize>> {
    const MIN_CHARACTERS: usize = 8;
    let start = behind_scheme(text, at, "basic")?;
    let end = end_of(text, end_of(text, start, is_base64), |byte| byte == b'=');
    if end_of(text, start, is_base64) - start < MIN_CHARACTERS
        || text.as_bytes().get(end).is_some_and(|&byte| is_word_byte(byte))
    {
        return None;
    }
    let decoded = BASE64.decode(&text[start..end]).ok()?;
    let decoded = std::str::from_utf8(&decoded).ok()?;
    let (user, password) = decoded.split_once(':')?;
    let is_printed = !decoded.contains(|c: char| c.is_control());
    (is_printed && !user.is_empty() && !password.is_empty()).then_some(start..end)
}

/// Where the secret behind a scheme's name and white space begins.
fn behind_scheme(text: &str, at: usize, scheme: &str) -> Option<usize> {
    let behind = at + scheme.len();
    let start = end_of(text, behind, |byte| matches!(byte, b' ' | b'\t' | b'+'));
    let start = if start == behind && text[behind..].starts_with("%20") { behind + 3 } else { start };
    (begins_word(text, at) && start > behind).then_some(start)
}

/// The id of an access key that begins at `at`.
pub(super) fn aws_key(text: &str, at: usize) -> Option<Range<usize>> {
    const BYTES: usize = 20;
    const MIN_ENTROPY: f64 = 3.0;
    if !begins_word(text, at) {
        return None;
    }
    let end = end_of(text, at, is_word_byte);
    let key = &text[at..end];
    let is_prefix = ["AKIA", "ASIA", "ABIA", "ACCA"].iter().any(|prefix| key.starts_with(prefix))
        || (key.starts_with("A3T")
            && key.as_bytes().get(3).is_some_and(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()));
    let is_one = key.len() == BYTES
        && is_prefix
        && key.bytes().skip(4).all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'))
        && !key.ends_with("EXAMPLE")
        && entropy(key) >= MIN_ENTROPY;
    is_one.then_some(at..end)
}

/// The bytes that parts of a token are made of.
#[derive(Clone, Copy)]
enum Of {
    Alphanumeric,
    Word,
    WordOrDash,
    Letter,
    Digit,
    Hex,
    LowerHex,
}

impl Of {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Alphanumeric => byte.is_ascii_alphanumeric(),
            Self::Word => is_word_byte(byte),
            Self::WordOrDash => is_base64_of_urls(byte),
            Self::Letter => byte.is_ascii_alphabetic(),
            Self::Digit => byte.is_ascii_digit(),
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::LowerHex => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        }
    }
}

/// A part of a token: so many bytes, and what stands behind them.
type Piece = (Of, usize, usize, &'static str);

/// Prefixes, which matter as they are spelled, and what follows.
const VENDORS: [(&str, &[Piece]); 19] = [
    ("ghp_", &[(Of::Alphanumeric, 36, 36, "")]),
    ("gho_", &[(Of::Alphanumeric, 36, 36, "")]),
    ("ghu_", &[(Of::Alphanumeric, 36, 36, "")]),
    ("ghs_", &[(Of::Alphanumeric, 36, 36, "")]),
    ("ghr_", &[(Of::Alphanumeric, 36, 36, "")]),
    ("github_pat_", &[(Of::Word, 82, 82, "")]),
    ("glpat-", &[(Of::WordOrDash, 20, 20, "")]),
    ("xoxb-", &[(Of::Digit, 10, 13, "-"), (Of::Digit, 10, 13, "-"), (Of::WordOrDash, 20, 64, "")]),
    (
        "xoxp-",
        &[(Of::Digit, 10, 13, "-"), (Of::Digit, 10, 13, "-"), (Of::Digit, 10, 13, "-"), (Of::WordOrDash, 28, 34, "")],
    ),
    (
        "xoxe-",
        &[(Of::Digit, 10, 13, "-"), (Of::Digit, 10, 13, "-"), (Of::Digit, 10, 13, "-"), (Of::WordOrDash, 28, 34, "")],
    ),
    ("sk_live_", &[(Of::Alphanumeric, 20, 250, "")]),
    ("rk_live_", &[(Of::Alphanumeric, 20, 250, "")]),
    ("SG.", &[(Of::WordOrDash, 22, 22, "."), (Of::WordOrDash, 43, 43, "")]),
    ("AIza", &[(Of::WordOrDash, 35, 35, "")]),
    ("npm_", &[(Of::Alphanumeric, 36, 36, "")]),
    ("sk-ant-api03-", &[(Of::WordOrDash, 95, 95, "")]),
    ("hf_", &[(Of::Letter, 34, 34, "")]),
    ("dop_v1_", &[(Of::LowerHex, 64, 64, "")]),
    ("shpat_", &[(Of::Hex, 32, 32, "")]),
];

/// How keys of Google end that are in published samples, and so are nobody's: their last ten characters.
const PUBLISHED_KEYS: [&str; 16] = [
    "xyz1234567",
    "oX-oo6YyIs",
    "rUEke8agEM",
    "CgHIAODrlU",
    "ZRR_znhrh0",
    "YefhixbX4A",
    "di_UUPwX7c",
    "9CKctWmLd4",
    "PjjaXeDQgY",
    "Jv_a_p4wtM",
    "1sjmdnP5sQ",
    "hhrOq1cS7g",
    "2AFnzAvvuU",
    "4MJmprNXsw",
    "cxaOi4FmqE",
    "srVL_n0nvY",
];

/// The prefixes of tokens of vendors.
pub(super) fn vendor_prefixes() -> impl Iterator<Item = &'static str> {
    VENDORS.iter().map(|&(prefix, _)| prefix)
}

/// The token that begins at `at`.
pub(super) fn vendor_token(text: &str, at: usize) -> Option<Range<usize>> {
    const MIN_ENTROPY: f64 = 3.2;
    let (prefix, pieces) = VENDORS.iter().find(|(prefix, _)| text[at..].starts_with(prefix))?;
    let secret = at + prefix.len();
    let mut end = secret;
    for &(of, least, most, behind) in *pieces {
        let start = end;
        // One byte too many says enough.
        end += text.as_bytes()[start..].iter().take(most + 1).take_while(|&&byte| of.has(byte)).count();
        if !(least..=most).contains(&(end - start)) || !text[end..].starts_with(behind) {
            return None;
        }
        end += behind.len();
    }
    let is_whole = begins_word(text, at)
        && text.as_bytes().get(end).is_none_or(|&byte| !is_word_byte(byte))
        && (*prefix != "sk-ant-api03-" || text[..end].ends_with("AA"))
        && (*prefix != "AIza" || !PUBLISHED_KEYS.iter().any(|last| text[..end].ends_with(last)));
    (is_whole && entropy(&text[secret..end]) >= MIN_ENTROPY).then_some(at..end)
}
