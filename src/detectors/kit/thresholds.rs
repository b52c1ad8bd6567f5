//! Thresholds: typed numbers, and lists of words, with a default each, declared once by [`thresholds!`].

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use serde::{Serialize, Serializer};

use crate::conventions::{ListForm, WordList};

/// A threshold of a detector, as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// Name, also as a configuration key and in `--set DETECTOR.NAME=VALUE`.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// What it is.
    pub kind: ThresholdKind,
    /// Its default, as one would write it.
    pub default: String,
    /// The option of its own that it has, if it has one, without dashes.
    pub option: Option<&'static str>,
}

/// What a threshold is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThresholdKind {
    /// A whole number.
    Count,
    /// A share between 0 and 1.
    Share,
    /// A duration.
    Duration,
    /// A number of bytes.
    Bytes,
    /// A list of words.
    Words,
    /// A list of names.
    Names,
}

impl ThresholdKind {
    /// How its values are written.
    pub fn form(self) -> &'static str {
        match self {
            Self::Count => "a whole number like 5, up to 4294967295",
            Self::Share => "a share between 0 and 1 like 0.2, or 20%",
            Self::Duration => "a duration like 250ms or 30s",
            Self::Bytes => "a size like 256KiB or 1MB",
            Self::Words => ListForm::Words.told(),
            Self::Names => ListForm::Names.told(),
        }
    }

    /// The form of its entries, if it is a list.
    pub(crate) fn list(self) -> Option<ListForm> {
        match self {
            Self::Words => Some(ListForm::Words),
            Self::Names => Some(ListForm::Names),
            Self::Count | Self::Share | Self::Duration | Self::Bytes => None,
        }
    }
}

/// A type of thresholds.
pub(crate) trait ThresholdType: Sized + fmt::Display {
    /// What such thresholds are.
    const KIND: ThresholdKind;

    /// How their defaults are declared.
    type Declared;

    /// The default that is declared.
    fn declared(default: Self::Declared) -> Self;

    /// The value that somebody wrote, where it was this one before.
    ///
    /// # Errors
    /// If the text is none.
    fn written(&self, text: &str) -> Result<Self, WrongValue>;
}

/// A text that is no value of a threshold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {}", kind.form())]
pub struct WrongValue {
    text: String,
    kind: ThresholdKind,
}

/// Why a threshold is not set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSet {
    /// No detector has that name.
    #[error("there is no such detector")]
    UnknownDetector,
    /// The detector has no threshold of that name.
    #[error("there is no such threshold")]
    UnknownThreshold,
    /// The value is none of its kind.
    #[error(transparent)]
    WrongValue(#[from] WrongValue),
}

macro_rules! threshold_types {
    ($($(#[$doc:meta])* $name:ident($inner:ty) |$text:ident| $parse:expr, |$value:ident, $f:ident| $display:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, PartialOrd, Debug)]
        pub(crate) struct $name(pub(crate) $inner);

        impl ThresholdType for $name {
            const KIND: ThresholdKind = ThresholdKind::$name;

            type Declared = $inner;

            fn declared(default: $inner) -> Self {
                Self(default)
            }

            fn written(&self, text: &str) -> Result<Self, WrongValue> {
                text.parse()
            }
        }

        impl FromStr for $name {
            type Err = WrongValue;

            fn from_str($text: &str) -> Result<Self, WrongValue> {
                $parse.map(Self).ok_or_else(|| WrongValue { text: $text.to_owned(), kind: Self::KIND })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, $f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let $value = self.0;
                $display
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Written(Self::KIND)).and_then(|text| text.parse().map_err(D::Error::custom))
            }
        }
    )+};
}

threshold_types! {
    /// A whole number.
    Count(u32) |text| text.trim().parse::<u32>().ok(), |value, f| write!(f, "{value}");
    /// A share, 0 to 1.
    Share(f64) |text| share_of(text.trim()), |value, f| write!(f, "{value}");
    /// A duration in ns, never negative.
    Duration(i64) |text| duration_of(text.trim()), |value, f| f.write_str(&duration_text(value));
    /// A number of bytes.
    Bytes(u64) |text| text.trim().parse::<bytesize::ByteSize>().ok().map(|size| size.as_u64()),
        |value, f| f.write_str(&size_text(value));
}

macro_rules! list_types {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Debug, Serialize)]
        #[serde(transparent)]
        pub(crate) struct $name(pub(crate) WordList);

        impl ThresholdType for $name {
            const KIND: ThresholdKind = ThresholdKind::$name;

            type Declared = &'static [&'static str];

            fn declared(default: &'static [&'static str]) -> Self {
                Self(WordList::of(default))
            }

            fn written(&self, text: &str) -> Result<Self, WrongValue> {
                let entries = (text.trim() != NO_ENTRIES).then(|| text.split(SEPARATOR)).into_iter().flatten();
                let wrong = |_| WrongValue { text: text.to_owned(), kind: Self::KIND };
                WordList::read(entries, ListForm::$name, &self.0).map(Self).map_err(wrong)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&list_text(self.0.iter()))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let entries = Vec::<String>::deserialize(deserializer)?;
                let none = WordList::default();
                let wrong = |entry: &str| D::Error::custom(format!("{entry:?} is not in {}", Self::KIND.form()));
                WordList::read(entries.iter().map(String::as_str), ListForm::$name, &none).map(Self).map_err(wrong)
            }
        }
    )+};
}

list_types! {
    /// A list of words.
    Words;
    /// A list of names.
    Names;
}

/// Parts the entries of a list that is written as one text.
const SEPARATOR: char = ',';

/// A list without entries, written as one text.
const NO_ENTRIES: &str = "[]";

/// A list as one text.
pub(crate) fn list_text<'t>(entries: impl IntoIterator<Item = &'t str>) -> String {
    let mut text = String::new();
    for entry in entries {
        if !text.is_empty() {
            text.push(SEPARATOR);
        }
        text.push_str(entry);
    }
    if text.is_empty() { NO_ENTRIES.to_owned() } else { text }
}

fn share_of(text: &str) -> Option<f64> {
    let share = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().ok()? / 100.0,
        None => text.parse().ok()?,
    };
    (0.0..=1.0).contains(&share).then_some(share)
}

fn duration_of(text: &str) -> Option<i64> {
    let duration: jiff::SignedDuration = text.parse().ok()?;
    i64::try_from(duration.as_nanos()).ok().filter(|&duration| duration >= 0)
}

/// The duration in the largest unit in which it is a whole number.
pub(crate) fn duration_text(ns: i64) -> String {
    const UNITS: [(i64, &str); 4] = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"), (1, "ns")];
    let (unit_ns, unit) = UNITS.into_iter().find(|(unit_ns, _)| ns % unit_ns == 0).unwrap_or((1, "ns"));
    format!("{}{unit}", ns / unit_ns)
}

/// The size in the largest unit in which it is a whole number.
pub(crate) fn size_text(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B")];
    let (unit_bytes, unit) =
        UNITS.into_iter().find(|(unit_bytes, _)| bytes.is_multiple_of(*unit_bytes)).unwrap_or((1, "B"));
    format!("{}{unit}", bytes / unit_bytes)
}

/// Numbers stay numbers, so that whoever reads the settings need not parse them.
impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.0)
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

/// A value as it is written in a configuration: a number or a text.
struct Written(ThresholdKind);

impl Visitor<'_> for Written {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.form())
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<String, E> {
        Ok(value.to_owned())
    }
}

/// The thresholds of a detector.
pub(crate) trait Thresholds {
    /// All of them, in the order of their declaration.
    fn thresholds() -> Vec<Threshold>;

    /// Their values as one would write them, in the same order.
    fn values(&self) -> Vec<String>;

    /// Sets one.
    ///
    /// # Errors
    /// If there is none of that name or the value is none of its kind.
    fn set(&mut self, name: &str, value: &str) -> Result<(), NotSet>;
}

/// Declares a detector with its thresholds and lists of words: a struct of typed fields with their defaults, from which
/// configuration, help and `explain` are made. `option` gives a threshold an option of its own beside `--set`.
macro_rules! thresholds {
    ($(#[$struct_doc:meta])* $visible:vis struct $detector:ident {
        $($(#[doc = $doc:literal])+ $field:ident: $type:ident = $default:expr $(, option $option:literal)?;)*
    }) => {
        $(#[$struct_doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        $visible struct $detector {
            $($(#[doc = $doc])+ pub(crate) $field: $crate::detectors::kit::$type,)*
        }

        impl Default for $detector {
            fn default() -> Self {
                Self {
                    $($field: <$crate::detectors::kit::$type as $crate::detectors::kit::ThresholdType>::declared($default)),*
                }
            }
        }

        impl $crate::detectors::kit::Thresholds for $detector {
            fn thresholds() -> Vec<$crate::detectors::Threshold> {
                vec![$($crate::detectors::Threshold {
                    name: stringify!($field),
                    doc: concat!($($doc),+).trim(),
                    kind: <$crate::detectors::kit::$type as $crate::detectors::kit::ThresholdType>::KIND,
                    default: <$crate::detectors::kit::$type as $crate::detectors::kit::ThresholdType>::declared($default)
                        .to_string(),
                    option: $crate::detectors::kit::thresholds!(@option $($option)?),
                }),*]
            }

            fn values(&self) -> Vec<String> {
                vec![$(self.$field.to_string()),*]
            }

            fn set(&mut self, name: &str, value: &str) -> Result<(), $crate::detectors::kit::NotSet> {
                let _ = value;
                match name {
                    $(stringify!($field) => {
                        self.$field = $crate::detectors::kit::ThresholdType::written(&self.$field, value)?;
                    })*
                    _ => return Err($crate::detectors::kit::NotSet::UnknownThreshold),
                }
                #[allow(unreachable_code, reason = "a detector may have no thresholds")]
                Ok(())
            }
        }
    };
    (@option) => { None };
    (@option $option:literal) => { Some($option) };
}
pub(crate) use thresholds;

#[cfg(test)]
mod tests {
    use super::*;

    thresholds! {
        /// One of each kind.
        struct Sample {
            /// So many.
            max_calls: Count = 5, option "max-calls";
            /// Such a share.
            min_share: Share = 0.1;
            /// So long.
            max_wait: Duration = 30_000_000_000;
            /// So large.
            max_bytes: Bytes = 256 << 10;
            /// Such words.
            file_words: Words = &["file", "blob"];
            /// Such names.
            secret_names: Names = &["api_key"];
        }
    }

    #[test]
    fn thresholds_are_declared_once() {
        let described: Vec<(&str, ThresholdKind, String, Option<&str>)> = Sample::thresholds()
            .into_iter()
            .map(|threshold| (threshold.name, threshold.kind, threshold.default, threshold.option))
            .collect();
        assert_eq!(
            described,
            [
                ("max_calls", ThresholdKind::Count, "5".to_owned(), Some("max-calls")),
                ("min_share", ThresholdKind::Share, "0.1".to_owned(), None),
                ("max_wait", ThresholdKind::Duration, "30s".to_owned(), None),
                ("max_bytes", ThresholdKind::Bytes, "256KiB".to_owned(), None),
                ("file_words", ThresholdKind::Words, "file,blob".to_owned(), None),
                ("secret_names", ThresholdKind::Names, "api_key".to_owned(), None),
            ]
        );
        assert_eq!(Sample::thresholds()[0].doc, "So many.");
    }

    /// What is printed can be set again, and what cannot be meant is refused with what can.
    #[test]
    fn values_are_read_as_people_write_them() {
        let mut sample = Sample::default();
        for (name, written, printed) in [
            ("max_calls", " 7 ", "7"),
            ("min_share", "20%", "0.2"),
            ("min_share", "1", "1"),
            ("max_wait", "1.5s", "1500ms"),
            ("max_wait", "250 us", "250us"),
            ("max_bytes", "1 MB", "1000000B"),
            ("max_bytes", "2KiB", "2KiB"),
            ("file_words", "...,Image", "file,blob,image"),
            ("file_words", "..., scan ,blob", "file,blob,image,scan"),
            ("file_words", "scan", "scan"),
            ("file_words", "[]", "[]"),
            ("file_words", "...,file", "file"),
            ("secret_names", "x-pin,api_key", "x-pin,api_key"),
        ] {
            sample.set(name, written).unwrap();
            let place = Sample::thresholds().iter().position(|threshold| threshold.name == name).unwrap();
            assert_eq!(sample.values()[place], printed, "{name} = {written}");
        }
        for (name, written) in [
            ("max_calls", "-1"),
            ("max_calls", "5000000000"),
            ("min_share", "1.2"),
            ("max_wait", "-1s"),
            ("max_bytes", "x"),
            ("file_words", ""),
            ("file_words", "file,,blob"),
            ("file_words", "my-file"),
            ("secret_names", "my pin"),
        ] {
            let error = sample.set(name, written).unwrap_err();
            assert!(matches!(error, NotSet::WrongValue(_)) && error.to_string().contains(" is not a "), "{error}");
        }
        assert_eq!(sample.set("other", "1"), Err(NotSet::UnknownThreshold));
    }

    #[test]
    fn configuration_takes_numbers_and_texts() {
        let sample: Sample = toml::from_str(
            "max_calls = 6\nmin_share = 0.5\nmax_wait = \"10s\"\nmax_bytes = \"1MiB\"\nfile_words = [\"a\"]",
        )
        .unwrap();
        assert_eq!((sample.max_calls.0, sample.min_share.0), (6, 0.5));
        assert_eq!((sample.max_wait.0, sample.max_bytes.0), (10_000_000_000, 1 << 20));
        assert_eq!(sample.file_words.0.iter().collect::<Vec<_>>(), ["a"]);
        assert!(toml::from_str::<Sample>("max_call = 6").is_err());
        assert!(toml::from_str::<Sample>("file_words = [\"a b\"]").is_err());
        assert!(toml::from_str::<Sample>("min_share = 2").is_err());
    }
}
