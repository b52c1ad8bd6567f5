//! The fields of a protobuf message, borrowed from its bytes. Keys and varints are read by prost.
//!
//! Strings come as bytes, so that one that is not UTF-8 costs its bad characters and not the message.

use std::borrow::Cow;

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// The value of a field.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum WireField<'a> {
    /// A varint.
    Varint(u64),
    /// 8 bytes, little-endian.
    Fixed64(u64),
    /// 4 bytes, little-endian.
    Fixed32(u32),
    /// Bytes, a string or a message.
    Bytes(&'a [u8]),
    /// What is there of bytes that are cut off.
    Cut(&'a [u8]),
    /// A group, which OTLP does not use.
    Group,
}

/// The message cannot be read on from here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Undecodable {
    /// Why.
    pub(crate) reason: String,
    /// Whether the bytes ended too early, and nothing else is wrong.
    pub(crate) is_cut: bool,
}

/// Iterates over the fields of a message; ends after the first that cannot be read.
#[derive(Clone, Debug)]
pub(crate) struct WireFields<'a> {
    rest: &'a [u8],
}

impl<'a> WireFields<'a> {
    pub(crate) fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The fields before the first that cannot be read.
    pub(crate) fn readable(self) -> impl Iterator<Item = (u32, WireField<'a>)> {
        self.map_while(Result::ok)
    }

    /// What has not been read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next field if its key is one byte and its length or number few, as those of spans are; else nothing is read.
    #[inline]
    fn next_short(&mut self) -> Option<(u32, WireField<'a>)> {
        let (&key, rest) = self.rest.split_first().filter(|(key, _)| (1 << 3..0x80).contains(*key))?;
        let (field, rest) = match WireType::try_from(u64::from(key & 7)).ok()? {
            WireType::Varint => {
                let (&number, rest) = rest.split_first().filter(|(number, _)| **number < 0x80)?;
                (WireField::Varint(number.into()), rest)
            }
            WireType::SixtyFourBit => {
                let (bytes, rest) = rest.split_first_chunk()?;
                (WireField::Fixed64(u64::from_le_bytes(*bytes)), rest)
            }
            WireType::LengthDelimited => {
                let (length, rest) = match rest {
                    [length @ 0..0x80, rest @ ..] => (usize::from(*length), rest),
                    [low, high @ 0..0x80, rest @ ..] => (usize::from(low & 0x7f) | usize::from(*high) << 7, rest),
                    _ => return None,
                };
                let (bytes, rest) = rest.split_at_checked(length)?;
                (WireField::Bytes(bytes), rest)
            }
            _ => return None,
        };
        self.rest = rest;
        Some((u32::from(key >> 3), field))
    }

    #[cold]
    fn next_field(&mut self) -> Result<(u32, WireField<'a>), Undecodable> {
        // A key or a length that is cut off looks to prost like any other varint that is none.
        let few_left = self.rest.len() < 10;
        let undecodable = move |error: prost::DecodeError| Undecodable { reason: error.to_string(), is_cut: few_left };
        let (number, wire_type) = decode_key(&mut self.rest).map_err(undecodable)?;
        let field = match wire_type {
            WireType::Varint => WireField::Varint(decode_varint(&mut self.rest).map_err(undecodable)?),
            WireType::SixtyFourBit => WireField::Fixed64(u64::from_le_bytes(self.take()?)),
            WireType::ThirtyTwoBit => WireField::Fixed32(u32::from_le_bytes(self.take()?)),
            WireType::LengthDelimited => {
                let length = decode_varint(&mut self.rest).map_err(undecodable)?;
                match usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length)) {
                    Some((bytes, rest)) => {
                        self.rest = rest;
                        WireField::Bytes(bytes)
                    }
                    None => WireField::Cut(std::mem::take(&mut self.rest)),
                }
            }
            WireType::StartGroup | WireType::EndGroup => {
                skip_field(wire_type, number, &mut self.rest, DecodeContext::default()).map_err(undecodable)?;
                WireField::Group
            }
        };
        Ok((number, field))
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Undecodable> {
        match self.rest.split_first_chunk::<N>() {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(*bytes)
            }
            None => Err(Undecodable { reason: "it ends in the middle of a number".to_owned(), is_cut: true }),
        }
    }
}

impl<'a> Iterator for WireFields<'a> {
    type Item = Result<(u32, WireField<'a>), Undecodable>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if let Some(field) = self.next_short() {
            return Some(Ok(field));
        }
        if self.rest.is_empty() {
            return None;
        }
        let result = self.next_field();
        if result.is_err() {
            self.rest = &[];
        }
        Some(result)
    }
}

/// A string; bytes that are not UTF-8 become U+FFFD.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_field_is_read() {
        let message =
            [0x08, 0x96, 0x01, 0x11, 1, 0, 0, 0, 0, 0, 0, 0, 0x1d, 2, 0, 0, 0, 0x22, 1, 7, 0x2b, 0x2c, 0x32, 9, 8];
        let fields: Vec<(u32, WireField<'_>)> = WireFields::of(&message).map(|field| field.expect("a field")).collect();
        assert_eq!(
            fields,
            [
                (1, WireField::Varint(150)),
                (2, WireField::Fixed64(1)),
                (3, WireField::Fixed32(2)),
                (4, WireField::Bytes(&[7])),
                (5, WireField::Group),
                (6, WireField::Cut(&[8])),
            ]
        );
    }

    #[test]
    fn reading_ends_with_the_first_fault() {
        assert!(WireFields::of(&[0x11, 1, 2]).next().is_some_and(|field| field.is_err_and(|error| error.is_cut)));
        let mut fields = WireFields::of(&[0x0f, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        assert!(fields.next().is_some_and(|field| field.is_err_and(|error| !error.is_cut)));
        assert_eq!(fields.next(), None);
    }
    /// Lengths, numbers and keys may take more bytes than they need, or than most do.
    #[test]
    fn any_varint_is_read() {
        let long = [&[0x0a, 0xc8, 0x01][..], &[7; 200]].concat();
        assert_eq!(WireFields::of(&long).next(), Some(Ok((1, WireField::Bytes(&[7; 200])))));
        let longer = [&[0x0a, 0x80, 0x80, 0x01][..], &[7; 1 << 14]].concat();
        assert_eq!(WireFields::of(&longer).next(), Some(Ok((1, WireField::Bytes(&[7; 1 << 14])))));
        assert_eq!(WireFields::of(&[0x0a, 0x81, 0x00, 7]).next(), Some(Ok((1, WireField::Bytes(&[7])))));
        assert_eq!(WireFields::of(&[0x88, 0x00, 0x05]).next(), Some(Ok((1, WireField::Varint(5)))));
        assert_eq!(WireFields::of(&[0x82, 0x01, 0x00]).next(), Some(Ok((16, WireField::Bytes(&[])))));
        assert_eq!(WireFields::of(&[0x02, 0x00]).readable().count(), 0);
    }
}
