//! The fields of a protobuf message, borrowed from its bytes. Keys and varints are read by prost.
//!
//! Strings come as bytes, so that one that is not UTF-8 costs its bad characters and not the message.

use std::borrow::Cow;

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// The value of a field.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Field<'a> {
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
pub(super) struct Undecodable {
    /// Why.
    pub(super) reason: String,
    /// Whether the bytes ended too early, and nothing else is wrong.
    pub(super) is_cut: bool,
}

/// Iterates over the fields of a message; ends after the first that cannot be read.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn next_field(&mut self) -> Result<(u32, Field<'a>), Undecodable> {
        // A key or a length that is cut off looks to prost like any other varint that is none.
        let few_left = self.rest.len() < 10;
        let undecodable = move |error: prost::DecodeError| Undecodable { reason: error.to_string(), is_cut: few_left };
        let (number, wire_type) = decode_key(&mut self.rest).map_err(undecodable)?;
        let field = match wire_type {
            WireType::Varint => Field::Varint(decode_varint(&mut self.rest).map_err(undecodable)?),
            WireType::SixtyFourBit => Field::Fixed64(u64::from_le_bytes(self.take()?)),
            WireType::ThirtyTwoBit => Field::Fixed32(u32::from_le_bytes(self.take()?)),
            WireType::LengthDelimited => {
                let length = decode_varint(&mut self.rest).map_err(undecodable)?;
                match usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length)) {
                    Some((bytes, rest)) => {
                        self.rest = rest;
                        Field::Bytes(bytes)
                    }
                    None => Field::Cut(std::mem::take(&mut self.rest)),
                }
            }
            WireType::StartGroup | WireType::EndGroup => {
                skip_field(wire_type, number, &mut self.rest, DecodeContext::default()).map_err(undecodable)?;
                Field::Group
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

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Field<'a>), Undecodable>;

    fn next(&mut self) -> Option<Self::Item> {
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
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_field_is_read() {
        let message =
            [0x08, 0x96, 0x01, 0x11, 1, 0, 0, 0, 0, 0, 0, 0, 0x1d, 2, 0, 0, 0, 0x22, 1, 7, 0x2b, 0x2c, 0x32, 9, 8];
        let fields: Vec<(u32, Field<'_>)> = Fields::of(&message).map(|field| field.expect("a field")).collect();
        assert_eq!(
            fields,
            [
                (1, Field::Varint(150)),
                (2, Field::Fixed64(1)),
                (3, Field::Fixed32(2)),
                (4, Field::Bytes(&[7])),
                (5, Field::Group),
                (6, Field::Cut(&[8])),
            ]
        );
    }

    #[test]
    fn reading_ends_with_the_first_fault() {
        assert!(Fields::of(&[0x11, 1, 2]).next().is_some_and(|field| field.is_err_and(|error| error.is_cut)));
        let mut fields = Fields::of(&[0x0f, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        assert!(fields.next().is_some_and(|field| field.is_err_and(|error| !error.is_cut)));
        assert_eq!(fields.next(), None);
    }
}
