//! A quick parser for serde, of JSON as it should be: it takes nothing that serde_json refuses and makes the same of the
//! rest, but gives up, without a reason, on anything out of the ordinary, for which serde_json is asked anew.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use crate::ingest::json::lenient::Message;

/// How deep arrays and objects may nest: less than serde_json allows, more than telemetry does.
const MAX_DEPTH: u32 = 64;

/// Parses the value at `at` of `text`; the answer is where it ends.
pub(crate) fn parse<'de, S: DeserializeSeed<'de>>(seed: S, text: &'de str, at: usize) -> Option<(S::Value, usize)> {
    let mut parser = Parser::new(text, at);
    let value = seed.deserialize(&mut parser).ok()?;
    Some((value, parser.at))
}

/// Whatever it is, serde_json will say it.
#[derive(Debug)]
pub(crate) struct GivenUp;

impl fmt::Display for GivenUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("out of the ordinary")
    }
}

impl std::error::Error for GivenUp {}

impl serde::de::Error for GivenUp {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl From<serde_json::Error> for GivenUp {
    fn from(_: serde_json::Error) -> Self {
        Self
    }
}

/// A parser and where it is.
#[derive(Clone)]
pub(crate) struct Parser<'de> {
    text: &'de str,
    at: usize,
    depth: u32,
}

impl<'de> Parser<'de> {
    pub(crate) fn new(text: &'de str, at: usize) -> Self {
        Self { text, at, depth: 0 }
    }

    /// The index of what comes next.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Reads an object; `take` must take the value of each key. Keys with escapes are out of the ordinary.
    #[inline]
    pub(crate) fn object(
        &mut self,
        mut take: impl FnMut(&mut Self, &'de str) -> Result<(), GivenUp>,
    ) -> Result<(), GivenUp> {
        if self.peek()? != b'{' {
            return Err(GivenUp);
        }
        self.enter()?;
        let mut is_first = true;
        while self.has_next(std::mem::take(&mut is_first), b'}')? {
            let Some(Cow::Borrowed(key)) = self.is_next(b'"').then(|| self.string()).transpose()? else {
                return Err(GivenUp);
            };
            self.expect(b':')?;
            take(self, key)?;
        }
        Ok(())
    }

    /// Reads an array; `take` must take each element.
    #[inline]
    pub(crate) fn array(&mut self, mut take: impl FnMut(&mut Self) -> Result<(), GivenUp>) -> Result<(), GivenUp> {
        if self.peek()? != b'[' {
            return Err(GivenUp);
        }
        self.enter()?;
        let mut is_first = true;
        while self.has_next(std::mem::take(&mut is_first), b']')? {
            take(self)?;
        }
        Ok(())
    }

    /// Reads the value of `key` as `message` does.
    pub(crate) fn field<T: Message<'de>>(&mut self, message: &mut T, key: &str) -> Result<(), GivenUp> {
        message.field(key, &mut NextValue(self))
    }

    /// Whether the next thing begins with `byte`.
    #[inline]
    pub(crate) fn is_next(&mut self, byte: u8) -> bool {
        self.peek().is_ok_and(|next| next == byte)
    }

    /// Reads `literal`, if it stands here to the byte.
    #[inline]
    pub(crate) fn literal(&mut self, literal: &str) -> Option<()> {
        let end = self.at + literal.len();
        (self.text.as_bytes().get(self.at..end)? == literal.as_bytes()).then(|| self.at = end)
    }

    /// Reads a string, if one is next.
    #[inline]
    pub(crate) fn next_string(&mut self) -> Option<Cow<'de, str>> {
        if self.is_next(b'"') { self.string().ok() } else { None }
    }

    /// The next byte that is no white space, which is not consumed.
    #[inline]
    fn peek(&mut self) -> Result<u8, GivenUp> {
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b' ' | b'\n' | b'\t' | b'\r') => self.at += 1,
                Some(&byte) => return Ok(byte),
                None => return Err(GivenUp),
            }
        }
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Result<(), GivenUp> {
        if self.peek()? != byte {
            return Err(GivenUp);
        }
        self.at += 1;
        Ok(())
    }

    /// Enters an array or object, whose bracket is the next byte.
    fn enter(&mut self) -> Result<(), GivenUp> {
        self.at += 1;
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(GivenUp) } else { Ok(()) }
    }

    /// Whether another item follows in what `close` closes, which is consumed if it does not.
    #[inline]
    fn has_next(&mut self, is_first: bool, close: u8) -> Result<bool, GivenUp> {
        let byte = self.peek()?;
        if byte == close {
            self.at += 1;
            self.depth -= 1;
            return Ok(false);
        }
        if !is_first {
            self.expect(b',')?;
        }
        Ok(true)
    }

    /// The index, from `at` on, of the next byte that a string cannot have in its middle as it is.
    #[inline]
    fn end_of_plain(&self, mut at: usize) -> Result<usize, GivenUp> {
        const ONES: u64 = u64::MAX / 0xff;
        const HIGH_BITS: u64 = ONES << 7;
        let bytes = self.text.as_bytes();
        // Eight bytes at once: a byte of `x - ONES` borrows, and so gets its high bit, first where a byte of x is 0.
        while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
            let word = u64::from_le_bytes(*chunk);
            let quotes = word ^ (ONES * u64::from(b'"'));
            let backslashes = word ^ (ONES * u64::from(b'\\'));
            let found = (quotes.wrapping_sub(ONES) & !quotes)
                | (backslashes.wrapping_sub(ONES) & !backslashes)
                | (word.wrapping_sub(ONES * u64::from(b' ')) & !word);
            let found = found & HIGH_BITS;
            if found != 0 {
                return Ok(at + found.trailing_zeros() as usize / 8);
            }
            at += 8;
        }
        let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..b' ');
        bytes[at..].iter().position(is_special).map(|length| at + length).ok_or(GivenUp)
    }

    /// Reads the string whose opening quote is the next byte.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<Cow<'de, str>, GivenUp> {
        let start = self.at + 1;
        let end = self.end_of_plain(start)?;
        if self.text.as_bytes()[end] == b'"' {
            self.at = end + 1;
            return Ok(Cow::Borrowed(&self.text[start..end]));
        }
        self.skip_string()?;
        Ok(Cow::Owned(serde_json::from_str(&self.text[start - 1..self.at])?))
    }

    fn skip_string(&mut self) -> Result<(), GivenUp> {
        let bytes = self.text.as_bytes();
        let mut at = self.end_of_plain(self.at + 1)?;
        while bytes[at] == b'\\' {
            let length = match bytes.get(at + 1) {
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
                Some(b'u') if bytes.get(at + 2..at + 6).is_some_and(|code| code.iter().all(u8::is_ascii_hexdigit)) => 6,
                _ => return Err(GivenUp),
            };
            at = self.end_of_plain(at + length)?;
        }
        if bytes[at] != b'"' {
            return Err(GivenUp);
        }
        self.at = at + 1;
        Ok(())
    }

    /// Takes what begins like a number as far as it may be one.
    fn number(&mut self) -> &'de str {
        let rest = &self.text[self.at..];
        let is_of_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let length = rest.bytes().position(|byte| !is_of_number(&byte)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn word(&mut self, word: &str) -> Result<(), GivenUp> {
        if !self.text[self.at..].starts_with(word) {
            return Err(GivenUp);
        }
        self.at += word.len();
        Ok(())
    }

    /// Passes over a value.
    pub(crate) fn skip_value(&mut self) -> Result<(), GivenUp> {
        match self.peek()? {
            b'"' => self.skip_string()?,
            b'{' => {
                self.enter()?;
                let mut is_first = true;
                while self.has_next(std::mem::take(&mut is_first), b'}')? {
                    if self.peek()? != b'"' {
                        return Err(GivenUp);
                    }
                    self.skip_string()?;
                    self.expect(b':')?;
                    self.skip_value()?;
                }
            }
            b'[' => {
                self.enter()?;
                let mut is_first = true;
                while self.has_next(std::mem::take(&mut is_first), b']')? {
                    self.skip_value()?;
                }
            }
            b'0'..=b'9' | b'-' => {
                let number = self.number();
                if small_number(number).is_none() {
                    serde_json::from_str::<IgnoredAny>(number)?;
                }
            }
            b't' => self.word("true")?,
            b'f' => self.word("false")?,
            _ => self.word("null")?,
        }
        Ok(())
    }
}

/// A number of few digits and nothing else.
fn small_number(digits: &str) -> Option<u64> {
    let begins_well = digits.len() == 1 || !digits.starts_with(['0', '+']);
    if begins_well && digits.len() < 19 { digits.parse().ok() } else { None }
}

impl<'de> Deserializer<'de> for &mut Parser<'de> {
    type Error = GivenUp;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, GivenUp> {
        match self.peek()? {
            b'"' => self.deserialize_str(visitor),
            b'{' => {
                self.enter()?;
                let depth = self.depth;
                let value = visitor.visit_map(Items { parser: self, is_first: true })?;
                if self.depth < depth { Ok(value) } else { Err(GivenUp) }
            }
            b'[' => {
                self.enter()?;
                let depth = self.depth;
                let value = visitor.visit_seq(Items { parser: self, is_first: true })?;
                if self.depth < depth { Ok(value) } else { Err(GivenUp) }
            }
            b'0'..=b'9' | b'-' => {
                let number = self.number();
                match small_number(number) {
                    Some(number) => visitor.visit_u64(number),
                    None => {
                        let mut parser = serde_json::Deserializer::from_str(number);
                        let value = parser.deserialize_any(visitor)?;
                        parser.end()?;
                        Ok(value)
                    }
                }
            }
            b't' => self.word("true").and_then(|()| visitor.visit_bool(true)),
            b'f' => self.word("false").and_then(|()| visitor.visit_bool(false)),
            _ => self.word("null").and_then(|()| visitor.visit_unit()),
        }
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, GivenUp> {
        if self.peek()? != b'"' {
            return Err(GivenUp);
        }
        match self.string()? {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_str(&text),
        }
    }

    #[inline]
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, GivenUp> {
        self.skip_value()?;
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, _: V) -> Result<V::Value, GivenUp> {
        Err(GivenUp)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, _: V) -> Result<V::Value, GivenUp> {
        Err(GivenUp)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, GivenUp> {
        Err(GivenUp)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier
    }
}

/// The value of a key that was read already.
struct NextValue<'p, 'de>(&'p mut Parser<'de>);

impl<'de> MapAccess<'de> for NextValue<'_, 'de> {
    type Error = GivenUp;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, _: K) -> Result<Option<K::Value>, GivenUp> {
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, GivenUp> {
        seed.deserialize(&mut *self.0)
    }
}

/// What is in an array or an object.
struct Items<'p, 'de> {
    parser: &'p mut Parser<'de>,
    is_first: bool,
}

impl<'de> MapAccess<'de> for Items<'_, 'de> {
    type Error = GivenUp;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, GivenUp> {
        if !self.parser.has_next(std::mem::take(&mut self.is_first), b'}')? {
            return Ok(None);
        }
        if self.parser.peek()? != b'"' {
            return Err(GivenUp);
        }
        seed.deserialize(&mut *self.parser).map(Some)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, GivenUp> {
        self.parser.expect(b':')?;
        seed.deserialize(&mut *self.parser)
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = GivenUp;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, GivenUp> {
        if !self.parser.has_next(std::mem::take(&mut self.is_first), b']')? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.parser).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value as Json;

    fn quick(text: &str) -> Option<(Json, usize)> {
        parse(std::marker::PhantomData::<Json>, text, 0)
    }

    fn skipped(text: &str) -> Option<usize> {
        parse(std::marker::PhantomData::<IgnoredAny>, text, 0).map(|(_, end)| end)
    }

    /// What serde_json makes of the value that `text` begins with, and where that ends.
    fn slow<T: serde::de::DeserializeOwned>(text: &str) -> Option<(T, usize)> {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<T>();
        let value = values.next()?.ok()?;
        Some((value, values.byte_offset()))
    }

    #[test]
    fn ordinary_json_is_taken() {
        for text in [
            r#"{"a":"b","c":["é",{"d":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"},[],{}],"e":{}}"#,
            " [ 1 , -1 , 0 , 18446744073709551615 , 999999999999999999 , 1.5 , -0 , 1e3 , true , false , null ] ",
            r#""exactly8""#,
            r#""a string of more than sixteen bytes""#,
        ] {
            assert_eq!(quick(text), slow(text), "{text}");
            assert_eq!(skipped(text), slow::<IgnoredAny>(text).map(|(_, end)| end), "{text}");
        }
    }

    /// Whatever is wrong, wherever it stands, and wherever the text is cut: what is taken is taken as by serde_json.
    #[test]
    fn nothing_is_taken_that_serde_json_refuses() {
        let document =
            r#" {"key" : ["text\n\u00e9", -1.5e3, 01, 12 ,true,false, null ,{"" : {}}, []], "b":"0123456789"}"#;
        let document = document.replace("01,", "10,");
        assert!(quick(&document).is_some());
        for at in 0..document.len() {
            for replaced in "\"\\{}[]:,0-+.eunx \n\u{1}\u{7f}".chars() {
                let mut text = document.clone();
                if !text.is_char_boundary(at) || !text.is_char_boundary(at + 1) {
                    continue;
                }
                text.replace_range(at..=at, &replaced.to_string());
                for text in [&text, &text[..text.len() - 1], &document[..at]] {
                    if let Some(taken) = quick(text) {
                        assert_eq!(Some(taken), slow(text), "{text}");
                    }
                    if let Some(end) = skipped(text) {
                        assert_eq!(Some(end), slow::<IgnoredAny>(text).map(|(_, end)| end), "{text}");
                    }
                }
            }
        }
    }

    #[test]
    fn deep_nesting_is_left_to_serde_json() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(quick(&nested(MAX_DEPTH as usize)).is_some() && skipped(&nested(MAX_DEPTH as usize)).is_some());
        assert!(quick(&nested(MAX_DEPTH as usize + 1)).is_none() && skipped(&nested(100_000)).is_none());
    }
}
