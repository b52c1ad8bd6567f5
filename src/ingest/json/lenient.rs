//! Serde visitors that take JSON as it comes: any type where another is expected, any key in any order, the last of
//! duplicate keys. Only text that is not JSON is an error.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

pub(crate) use crate::frame::Wanted;
use crate::span::NO_START_TIME;

/// A message that is filled field by field.
pub(crate) trait Message<'de> {
    /// Takes the value of `key`; every value must be taken, wanted or not.
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error>;

    /// Takes notice of the address of the message's first key.
    fn starts_at(&mut self, _address: usize) {}
}

/// A message of which there is a list.
pub(crate) trait Listed<'de>: Message<'de> {
    /// The message before its first field.
    fn start(wanted: Wanted) -> Self;
}

/// Takes the value that stands next and drops it.
pub(crate) fn ignore<'de, A: MapAccess<'de>>(map: &mut A) -> Result<(), A::Error> {
    map.next_value::<IgnoredAny>().map(drop)
}

/// Fills `0` from an object; the answer is whether there was one.
pub(crate) struct Fill<'a, T>(pub(crate) &'a mut T);

impl<'de, T: Message<'de>> DeserializeSeed<'de> for Fill<'_, T> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// The methods of a visitor that makes the same of every scalar.
macro_rules! scalars_are {
    ($answer:expr) => {
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok($answer)
        }
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok($answer)
        }
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok($answer)
        }
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok($answer)
        }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok($answer)
        }
        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok($answer)
        }
    };
}

pub(crate) use scalars_are;

impl<'de, T: Message<'de>> Visitor<'de> for Fill<'_, T> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    scalars_are!(false);

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(false)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut first = true;
        while let Some(key) = map.next_key_seed(Text)? {
            if std::mem::take(&mut first)
                && let Cow::Borrowed(key) = key
            {
                self.0.starts_at(key.as_ptr().addr());
            }
            self.0.field(&key, &mut map)?;
        }
        Ok(true)
    }
}

/// Reads an array of messages into `list`; elements that are no objects are counted in `malformed`.
pub(crate) struct List<'a, T> {
    pub(crate) list: &'a mut Vec<T>,
    pub(crate) malformed: &'a mut u64,
    pub(crate) wanted: Wanted,
}

impl<'de, T: Listed<'de>> DeserializeSeed<'de> for List<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Listed<'de>> Visitor<'de> for List<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    scalars_are!(());

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        loop {
            let mut message = T::start(self.wanted);
            match seq.next_element_seed(Fill(&mut message))? {
                None => return Ok(()),
                Some(true) => self.list.push(message),
                Some(false) => *self.malformed += 1,
            }
        }
    }
}

/// A text where one is expected: a key.
pub(crate) struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// A value that is no message: whatever was written, to be understood as what the field should be.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Scalar<'de> {
    /// `null`, or something that cannot be understood.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer, unsigned unless it is negative. `{"low":…,"high":…}` is one too.
    Unsigned(u64),
    /// A negative integer.
    Negative(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(Cow<'de, str>),
}

impl<'de> Scalar<'de> {
    /// The next value of `map`.
    pub(crate) fn next<A: MapAccess<'de>>(map: &mut A) -> Result<Self, A::Error> {
        map.next_value_seed(AnyScalar { is_half: false })
    }

    /// As text; empty for `null`.
    pub(crate) fn into_text(self) -> Cow<'de, str> {
        match self {
            Self::Null => Cow::Borrowed(""),
            Self::Bool(value) => Cow::Owned(value.to_string()),
            Self::Unsigned(number) => Cow::Owned(number.to_string()),
            Self::Negative(number) => Cow::Owned(number.to_string()),
            Self::Float(number) => Cow::Owned(number.to_string()),
            Self::Text(text) => text,
        }
    }

    /// As a time or a duration; 0 for what is none.
    pub(crate) fn to_time(&self) -> u64 {
        self.time().unwrap_or(0)
    }

    /// As a time or a duration, if it is one. Numbers beyond 2^53 come from JavaScript as floats.
    pub(crate) fn time(&self) -> Option<u64> {
        let rounded = |number: f64| (number >= 0.0).then(|| number.round() as u64);
        match self {
            Self::Unsigned(number) => Some(*number),
            Self::Float(number) => rounded(*number),
            Self::Text(text) => {
                let text = text.trim();
                text.parse().ok().or_else(|| text.parse().ok().and_then(rounded))
            }
            Self::Null | Self::Bool(_) | Self::Negative(_) => None,
        }
    }

    /// As a length, 0 for what is none. It is below 0 where a span ends before it starts, which who counts without a sign says by
    /// going around.
    pub(crate) fn to_length(&self) -> i64 {
        let rounded =
            |number: f64| if number < 2f64.powi(63) { number.round() as i64 } else { (number - 2f64.powi(64)) as i64 };
        match self {
            Self::Unsigned(number) => *number as i64,
            Self::Negative(number) => *number,
            Self::Float(number) => rounded(*number),
            Self::Text(text) => {
                let text = text.trim();
                let whole = text.parse().ok().or_else(|| text.parse().ok().map(|number: u64| number as i64));
                whole.or_else(|| text.parse().ok().map(rounded)).unwrap_or(0)
            }
            Self::Null | Self::Bool(_) => 0,
        }
    }

    /// As the start time of a span in ns.
    pub(crate) fn start_time(&self) -> u64 {
        self.time().unwrap_or(NO_START_TIME)
    }

    /// As a double; `None` for what is none.
    pub(crate) fn to_double(&self) -> Option<f64> {
        match self {
            Self::Unsigned(number) => Some(*number as f64),
            Self::Negative(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            // The parser of Rust knows `NaN`, `Infinity` and `-Infinity` as OTLP spells them.
            Self::Text(text) => text.trim().parse().ok(),
            Self::Null | Self::Bool(_) => None,
        }
    }
}

struct AnyScalar {
    /// Whether this is one half of a 64-bit integer, which has no halves itself.
    is_half: bool,
}

impl<'de> DeserializeSeed<'de> for AnyScalar {
    type Value = Scalar<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Scalar<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AnyScalar {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Scalar::Unsigned(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(u64::try_from(number).map_or(Scalar::Negative(number), Scalar::Unsigned))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Float(number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Null)
    }

    /// The halves of a 64-bit integer are signed or unsigned 32-bit numbers, as JavaScript's `Long` has them.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut low, mut high) = (None, None);
        while let Some(key) = map.next_key_seed(Text)? {
            match key.as_ref() {
                "low" if !self.is_half => low = half(map.next_value_seed(AnyScalar { is_half: true })?),
                "high" if !self.is_half => high = half(map.next_value_seed(AnyScalar { is_half: true })?),
                _ => ignore(&mut map)?,
            }
        }
        Ok(match (low, high) {
            (Some(low), Some(high)) => Scalar::Unsigned(u64::from(high) << 32 | u64::from(low)),
            _ => Scalar::Null,
        })
    }
}

fn half(number: Scalar<'_>) -> Option<u32> {
    match number {
        Scalar::Unsigned(number) => u32::try_from(number).ok(),
        Scalar::Negative(number) => i32::try_from(number).ok().map(|number| number as u32),
        _ => None,
    }
}
