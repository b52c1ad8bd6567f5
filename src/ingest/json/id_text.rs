//! An id in whatever form JSON has it: text, a number, or its bytes one by one.
//!
//! Bytes come as an array, as an object with a key for each place, which is what JavaScript makes of its `Uint8Array`, or as
//! `{"type":"Buffer","data":[…]}`, which is what Node.js makes of its buffers.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::lenient::{Text, ignore};

/// The longest id that is taken from bytes; what has more is none.
const MAX_ID_BYTES: usize = 32;

/// An id as text: as it is written, or the hexadecimal digits of its bytes. Empty for what is none.
pub(crate) struct IdText;

impl<'de> DeserializeSeed<'de> for IdText {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for IdText {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(""))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(""))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(number.to_string().into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(number.to_string().into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(number.to_string().into())
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut digits = Some(String::new());
        while let Some(byte) = seq.next_element_seed(Byte)? {
            digits = push_byte(digits, byte);
        }
        Ok(digits.unwrap_or_default().into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut by_place: BTreeMap<usize, Option<u8>> = BTreeMap::new();
        let mut of_buffer = None;
        while let Some(key) = map.next_key_seed(Text)? {
            match (key.as_ref(), key.parse::<usize>()) {
                ("data", _) => of_buffer = Some(map.next_value_seed(Self)?),
                (_, Ok(place)) if place < MAX_ID_BYTES => {
                    by_place.insert(place, map.next_value_seed(Byte)?);
                }
                _ => ignore(&mut map)?,
            }
        }
        let is_dense = by_place.keys().copied().eq(0..by_place.len());
        let digits = by_place.into_values().fold(Some(String::new()), push_byte);
        Ok(of_buffer.unwrap_or_else(|| digits.filter(|_| is_dense).unwrap_or_default().into()))
    }
}

fn push_byte(digits: Option<String>, byte: Option<u8>) -> Option<String> {
    let mut digits = digits.filter(|digits| digits.len() < 2 * MAX_ID_BYTES)?;
    digits.push_str(&format!("{:02x}", byte?));
    Some(digits)
}

/// One byte as a number; `None` for anything else.
struct Byte;

impl<'de> DeserializeSeed<'de> for Byte {
    type Value = Option<u8>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<u8>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Byte {
    type Value = Option<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(u8::try_from(number).ok())
    }

    /// Java's bytes are signed.
    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(i8::try_from(number).ok().map(i8::cast_unsigned))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every form of the same eight bytes is the same text, and what only looks like one of them is no id.
    #[test]
    fn bytes_are_read_in_every_form() {
        let text =
            |json: &str| IdText.deserialize(&mut serde_json::Deserializer::from_str(json)).expect("JSON").into_owned();
        for json in [
            r#""78398cdaf26cde49""#,
            "[120,57,140,218,242,108,222,73]",
            "[120,57,-116,-38,-14,108,-34,73]",
            r#"{"1":57,"0":120,"2":140,"3":218,"4":242,"5":108,"6":222,"7":73}"#,
            r#"{"type":"Buffer","data":[120,57,140,218,242,108,222,73]}"#,
        ] {
            assert_eq!(text(json), "78398cdaf26cde49", "{json}");
        }
        for json in ["null", "true", "[]", "{}", "[256]", r#"[1,"x"]"#, r#"{"0":1,"2":1}"#, r#"{"a":[1]}"#] {
            assert_eq!(text(json), "", "{json}");
        }
        assert_eq!(text(&format!("[{}]", ["1"; 40].join(","))), "");
        assert_eq!(text("12"), "12");
    }
}
