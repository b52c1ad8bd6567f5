//! The identifiers that the rest of the crate passes around instead of strings and span structs.
//!
//! Each has a type of its own, so that a row number cannot be taken for a symbol. [`SpanId::NONE`] and an all-zero
//! [`TraceId`] are OpenTelemetry's invalid ids.

use std::fmt;

/// A trace id: 16 bytes, shorter ids of a source left-padded with zeros.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub [u8; 16]);

impl TraceId {
    /// Whether the id is all zero, which OpenTelemetry calls invalid.
    pub fn is_invalid(self) -> bool {
        self.0 == [0; 16]
    }

    /// The id whose last bytes are `bytes`; `None` if there are more than 16.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut id = [0; 16];
        id[16usize.checked_sub(bytes.len())?..].copy_from_slice(bytes);
        Some(Self(id))
    }

    /// The id written as hexadecimal digits, at most 32, of either case; `None` if `text` is anything else.
    pub fn from_hex(text: &str) -> Option<Self> {
        parse_hex(text, 32).map(|value| Self(value.to_be_bytes()))
    }
}

/// 32 lower-case hexadecimal digits.
impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A span id: 8 bytes as a big-endian number, so that numbers order as the bytes do.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(pub u64);

impl SpanId {
    /// The all-zero id: invalid as a span's own id, "no parent" as a parent's.
    pub const NONE: Self = Self(0);

    /// Whether this is [`SpanId::NONE`].
    pub fn is_none(self) -> bool {
        self.0 == 0
    }

    /// The id whose last bytes are `bytes`; `None` if there are more than 8.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut id = [0; 8];
        id[8usize.checked_sub(bytes.len())?..].copy_from_slice(bytes);
        Some(Self(u64::from_be_bytes(id)))
    }

    /// The id written as hexadecimal digits, at most 16, of either case; `None` if `text` is anything else.
    pub fn from_hex(text: &str) -> Option<Self> {
        parse_hex(text, 16).and_then(|value| u64::try_from(value).ok()).map(Self)
    }

    /// The 8 bytes of the id, as OTLP writes them.
    pub fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

/// 16 lower-case hexadecimal digits.
impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn parse_hex(text: &str, max_digits: usize) -> Option<u128> {
    if text.is_empty() || text.len() > max_digits {
        return None;
    }
    text.bytes().try_fold(0u128, |value, digit| {
        let digit = char::from(digit).to_digit(16)?;
        Some(value << 4 | u128::from(digit))
    })
}
