//! Ids written as text. Whether a text is hexadecimal or base64 is told value by value, because one file may have both.
//!
//! A text of 12 or 24 characters with padding can be no hexadecimal id, and one of 11 or 22 characters is base64 without
//! padding. Other hexadecimal text has lost its leading zeros, and may have `0x` or `\x` before it, as Python and PostgreSQL print
//! it. What is neither becomes a hash of the text, so that spans
//! still find their trace and their parent.

use std::hash::BuildHasher;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use foldhash::fast::FixedState;

use crate::span::{SpanId, TraceId};

/// An id, and whether its text was neither hexadecimal nor base64.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct TextId<T> {
    /// The id.
    pub(crate) id: T,
    /// Whether it is a hash of its text.
    pub(crate) is_hash: bool,
}

/// The trace id that `text` spells; all zero if it is empty.
pub(crate) fn trace_id(text: &str) -> TextId<TraceId> {
    let (id, is_hash) = bytes_of_text::<16>(text);
    TextId { id: TraceId(id), is_hash }
}

/// The span id that `text` spells; [`SpanId::NONE`] if it is empty.
pub(crate) fn span_id(text: &str) -> TextId<SpanId> {
    let (id, is_hash) = bytes_of_text::<8>(text);
    TextId { id: SpanId(u64::from_be_bytes(id)), is_hash }
}

/// The trace id that `text` spells in hexadecimal, leading zeros missing or not, as Jaeger and Zipkin write it: some
/// such texts could be taken for base64.
pub(crate) fn hex_trace_id(text: &str) -> TextId<TraceId> {
    let (id, is_hash) = bytes_of_hex::<16>(text);
    TextId { id: TraceId(id), is_hash }
}

/// The span id that `text` spells in hexadecimal, like [`hex_trace_id`].
pub(crate) fn hex_span_id(text: &str) -> TextId<SpanId> {
    let (id, is_hash) = bytes_of_hex::<8>(text);
    TextId { id: SpanId(u64::from_be_bytes(id)), is_hash }
}

/// The trace id whose 32 hexadecimal digits are `text`; `None` if it is anything else.
pub(crate) fn whole_hex_trace_id(text: &[u8]) -> Option<TraceId> {
    whole_hex(text).map(TraceId)
}

/// The span id whose 16 hexadecimal digits are `text`; `None` if it is anything else.
pub(crate) fn whole_hex_span_id(text: &[u8]) -> Option<SpanId> {
    whole_hex(text).map(|id| SpanId(u64::from_be_bytes(id)))
}

fn bytes_of_hex<const N: usize>(text: &str) -> ([u8; N], bool) {
    if let Some(id) = whole_hex(text.as_bytes()) {
        return (id, false);
    }
    let text = text.trim().as_bytes();
    match hex(without_mark(text)) {
        Some(id) => (id, false),
        None if is_nothing(text) => ([0; N], false),
        None => (hash(text), true),
    }
}

fn bytes_of_text<const N: usize>(text: &str) -> ([u8; N], bool) {
    if let Some(id) = whole_hex(text.as_bytes()) {
        return (id, false);
    }
    let text = without_mark(text.trim().as_bytes());
    if let Some(id) = whole_hex(text) {
        return (id, false);
    }
    if text.is_empty() || text.iter().all(|&digit| digit == b'0') || is_nothing(text) {
        return ([0; N], false);
    }
    if let Some(id) = unpadded_base64(text).or_else(|| hex(text)).or_else(|| uuid(text)) {
        return (id, false);
    }
    (hash(text), true)
}

/// Whether it is what languages print of no value where a column is made a text.
fn is_nothing(text: &[u8]) -> bool {
    [&b"None"[..], b"null", b"nil", b"nan", b"<NA>", b"undefined"].iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// `text` without what says that it is hexadecimal, if it is.
fn without_mark(text: &[u8]) -> &[u8] {
    let digits = [b"0x", b"0X", b"\\x"].iter().find_map(|mark| text.strip_prefix(mark.as_slice()));
    digits.filter(|digits| !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit)).unwrap_or(text)
}

/// Exactly two hexadecimal digits of either case a byte.
#[inline]
fn whole_hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    if digits.len() != 2 * N {
        return None;
    }
    let mut id = [0; N];
    let (eights, _) = digits.as_chunks();
    for (bytes, &digits) in id.chunks_exact_mut(4).zip(eights) {
        bytes.copy_from_slice(&four_bytes(digits)?);
    }
    Some(id)
}

/// The bytes that eight hexadecimal digits stand for, all worked out at once.
#[inline]
fn four_bytes(digits: [u8; 8]) -> Option<[u8; 4]> {
    /// Eight times the same byte.
    const fn each(byte: u8) -> u64 {
        u64::from_le_bytes([byte; 8])
    }
    let digits = u64::from_le_bytes(digits);
    let is_letter = digits >> 6 & each(1);
    // Within each byte the sums stay below 128, so that none reaches into the next.
    let values = (digits & each(0x0f)) + is_letter * 9;
    let is_above_nine = (values + each(128 - 10)) >> 7 & each(1);
    let written = values + each(b'0') + is_above_nine * u64::from(b'a' - b'0' - 10);
    let in_lower_case = digits | (is_letter * 0x20);
    if written != in_lower_case || values & each(0xf0) != 0 {
        return None;
    }
    // The first digit of a byte stands before the second, but counts for more.
    let pairs = (values << 4 | values >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    Some(((fours | fours >> 16) as u32).to_le_bytes())
}

/// Hexadecimal digits of either case, at most two a byte; the missing ones are zeros on the left.
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let padding = (2 * N).checked_sub(digits.len())?;
    let mut id = [0; N];
    let mut all = 0;
    for (index, &digit) in digits.iter().enumerate() {
        let value = DIGITS[digit as usize];
        all |= value;
        let place = padding + index;
        id[place / 2] |= (value & 0xf) << (4 * (1 - place % 2));
    }
    (all < NO_DIGIT).then_some(id)
}

const NO_DIGIT: u8 = 0x10;

static DIGITS: [u8; 256] = {
    let mut table = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value as usize] as usize] = value;
        table[b"0123456789ABCDEF"[value as usize] as usize] = value;
        value += 1;
    }
    table
};

fn uuid<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    if text.len() != 36 || [8, 13, 18, 23].iter().any(|&dash| text[dash] != b'-') {
        return None;
    }
    let digits: Vec<u8> = text.iter().copied().filter(|&byte| byte != b'-').collect();
    hex(&digits)
}

/// Base64 of 8 or of 16 bytes, with the padding it should have or none.
fn unpadded_base64<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    if !matches!(text.len(), 11 | 12 | 22 | 24) {
        return None;
    }
    let bytes = base64_bytes(text)?;
    let padding = N.checked_sub(bytes.len())?;
    if !matches!(bytes.len(), 8 | 16) {
        return None;
    }
    let mut id = [0; N];
    id[padding..].copy_from_slice(&bytes);
    Some(id)
}

/// The bytes that `text` is the base64 of: standard or URL-safe alphabet, with padding or without.
pub(crate) fn base64_bytes(text: &[u8]) -> Option<Vec<u8>> {
    const CONFIG: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const ALPHABETS: [GeneralPurpose; 2] =
        [GeneralPurpose::new(&alphabet::STANDARD, CONFIG), GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG)];
    ALPHABETS.iter().find_map(|base64| base64.decode(text).ok())
}

/// An id in place of a text that spells none. The seed is fixed (`traceids` in ASCII, and for the second half of a trace id the
/// next number), so that equal texts give equal ids in every input, on every thread and in every run: that is all that the
/// tree of a trace needs of ids. The text itself is not kept anywhere.
fn hash<const N: usize>(text: &[u8]) -> [u8; N] {
    let mut id = [0; N];
    for (seed, part) in (0x7472_6163_6569_6473..).zip(id.chunks_mut(8)) {
        part.copy_from_slice(&FixedState::with_seed(seed).hash_one(text).to_be_bytes());
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_span_id_is_read() {
        let id = SpanId(0xff01_0203_0405_0607);
        for text in ["ff01020304050607", "FF01020304050607", " ff01020304050607 ", "/wECAwQFBgc=", "_wECAwQFBgc"] {
            assert_eq!(span_id(text), TextId { id, is_hash: false }, "{text}");
        }
        assert_eq!(span_id("f1").id, SpanId(0xf1));
        for marked in ["0xff01020304050607", "0Xff01020304050607", r"\xFF01020304050607", " 0xff01020304050607\n"] {
            assert_eq!([span_id(marked), hex_span_id(marked)], [TextId { id, is_hash: false }; 2], "{marked}");
        }
        assert_eq!(span_id("0xf1").id, SpanId(0xf1));
        assert_eq!(span_id("0x0"), TextId::default());
        assert!(["0x", r"\x", "0xg", "0x-1"].into_iter().all(|text| span_id(text).is_hash));
        for none in ["", "0", "0000000000000000", "00000000000000000000000000000000", "AAAAAAAAAAA="] {
            assert_eq!(span_id(none), TextId::default(), "{none}");
        }
    }

    #[test]
    fn every_spelling_of_a_trace_id_is_read() {
        let id = TraceId([0xff, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
        for text in [
            "ff0102030405060708090a0b0c0d0e0f",
            "/wECAwQFBgcICQoLDA0ODw==",
            "_wECAwQFBgcICQoLDA0ODw",
            "ff010203-0405-0607-0809-0a0b0c0d0e0f",
        ] {
            assert_eq!(trace_id(text), TextId { id, is_hash: false }, "{text}");
        }
        let short = TraceId([0, 0, 0, 0, 0, 0, 0, 0, 0xff, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(trace_id("ff01020304050607").id, short);
        assert_eq!(trace_id("/wECAwQFBgc=").id, short);
    }

    #[test]
    fn what_is_printed_of_no_value_is_no_id() {
        for text in ["None", "null", "NaN", "nan", "<NA>", "nil", " None ", "0x0", ""] {
            assert_eq!(span_id(text), TextId::default(), "{text}");
            assert_eq!(hex_span_id(text), TextId::default(), "{text}");
            assert_eq!(trace_id(text), TextId::default(), "{text}");
        }
    }

    /// Text that is neither still tells one trace from another.
    #[test]
    fn other_text_is_hashed() {
        let ids = ["zzz", "zzy", "!!!INVALID_BASE64!!!", "ff0102030405060708090a0b0c0d0e0f00"].map(trace_id);
        for (index, id) in ids.iter().enumerate() {
            assert!(id.is_hash && !id.id.is_invalid());
            assert!(ids[..index].iter().all(|other| other.id != id.id));
        }
        assert_eq!(trace_id("zzz"), trace_id("zzz"));
    }

    /// Eight digits at once are what they are one by one, whatever stands in any of their places.
    #[test]
    fn digits_at_once_are_those_one_by_one() {
        for place in 0..8 {
            for byte in 0..=u8::MAX {
                for mut digits in [*b"0123abEF", *b"99999999", *b"ffffffff"] {
                    digits[place] = byte;
                    assert_eq!(four_bytes(digits), hex::<4>(&digits), "{digits:?}");
                }
            }
        }
        assert_eq!(whole_hex(b"0123456789aBcDeF"), Some(0x0123_4567_89ab_cdef_u64.to_be_bytes()));
        assert_eq!(whole_hex::<8>(b"123456789abcdef"), None);
    }
}
