//! How many distinct values a part of signatures may have: the span name, the service, each attribute.
//!
//! Production traces repeat, but some instrumentation puts an id into a name or a topic, and then every span has a signature of
//! its own. Of each part the values with the smallest hashes are kept, and what is beyond them becomes [`BEYOND_CAP`]. Which
//! values are kept depends on all values alone, not on which came first: the sets of any cut of the input merge to those of
//! the whole.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::conventions::{ATTRIBUTE_COUNT, Attribute, END_OF_HOST, nonzero_hash};
use crate::sensitive::{Secrets, masked};

/// What values beyond the cap become.
pub const BEYOND_CAP: &str = "…";

/// So many distinct values of a part are kept. Dumps of the largest shops have a few thousand names; where there are more, an
/// id stands in them.
pub const MAX_DISTINCT_VALUES: usize = 16_384;

/// A part of signatures that is capped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SignaturePart(u8);

impl SignaturePart {
    /// The span's name.
    pub const NAME: Self = Self(ATTRIBUTE_COUNT as u8);
    /// The service.
    pub const SERVICE: Self = Self(ATTRIBUTE_COUNT as u8 + 1);
    /// Number of parts.
    pub(super) const COUNT: usize = ATTRIBUTE_COUNT + 2;

    /// All parts in the order of their numbers.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT as u8).map(Self)
    }

    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The attribute, if it is one.
    fn attribute(self) -> Option<Attribute> {
        Attribute::ALL.get(self.index()).copied()
    }

    /// The name as told to users: an attribute's preferred spelling, or `name`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NAME => "name",
            Self::SERVICE => "service.name",
            Self(attribute) => Attribute::ALL[usize::from(attribute)].aliases()[0],
        }
    }
}

impl From<Attribute> for SignaturePart {
    fn from(attribute: Attribute) -> Self {
        Self(attribute as u8)
    }
}

/// What decides whether a value is kept: the same for equal texts in every run.
pub(super) fn hash_of_value(text: &str) -> u64 {
    nonzero_hash(text)
}

/// The values that all collectors of one input have met, as far as they may be kept.
#[derive(Debug)]
pub struct ValueCaps {
    /// What of values is secret, and is left out before they are compared.
    pub(crate) secrets: Secrets,
    /// Whether names and values are kept as they are, though they give secrets away.
    shows_values: bool,
    max_distinct: usize,
    parts: Vec<PartCap>,
}

#[derive(Debug)]
struct PartCap {
    /// What has a larger hash is certainly not kept. It only ever falls.
    largest_kept: AtomicU64,
    smallest: Mutex<BTreeSet<u64>>,
}

impl Default for ValueCaps {
    fn default() -> Self {
        Self::new(MAX_DISTINCT_VALUES)
    }
}

impl ValueCaps {
    /// Keeps `max_distinct` values of each part.
    pub fn new(max_distinct: usize) -> Self {
        let part = || PartCap { largest_kept: AtomicU64::new(u64::MAX), smallest: Mutex::default() };
        let parts = (0..SignaturePart::COUNT).map(|_| part()).collect();
        Self { secrets: Secrets::default(), shows_values: false, max_distinct, parts }
    }

    /// The same without `secrets`, unless it `shows_values` as they are.
    pub(crate) fn without(self, secrets: Secrets, shows_values: bool) -> Self {
        Self { secrets, shows_values, ..self }
    }

    /// How many values of each part are kept.
    pub fn max_distinct(&self) -> usize {
        self.max_distinct
    }

    /// What is kept of `text`, however many values there are.
    pub(crate) fn shown<'a>(&self, part: SignaturePart, text: &'a str) -> Cow<'a, str> {
        if self.shows_values {
            return Cow::Borrowed(text);
        }
        masked(text, part.attribute().map_or(self.secrets.without_key(), |key| self.secrets.traits_of_attribute(key)))
    }

    /// `said`, or what stands for it if what is shown of it is certainly beyond the cap: many that differ may be shown alike.
    pub(crate) fn kept_of_said<'a>(&self, part: SignaturePart, said: &'a str) -> &'a str {
        // Of what is not kept as it is said nothing is certain.
        if part.attribute().is_some_and(|attribute| !attribute.is_kept_as_said()) || self.kept(part, said) != BEYOND_CAP
        {
            return said;
        }
        match self.shown(part, said) {
            Cow::Owned(shown) if self.kept(part, &shown) != BEYOND_CAP => said,
            _ => BEYOND_CAP,
        }
    }

    /// `text`, which is what is shown, or what stands for it if it is certainly beyond the cap.
    pub(crate) fn kept<'a>(&self, part: SignaturePart, text: &'a str) -> &'a str {
        let largest_kept = self.parts[part.index()].largest_kept.load(Ordering::Relaxed);
        // Hashes are not worked out unless there are too many values: nearly always.
        if largest_kept != u64::MAX && hash_of_value(text) > largest_kept { BEYOND_CAP } else { text }
    }

    /// The same of a text that is still as it was encoded. What cannot be told so is left for when it is decoded.
    pub(super) fn kept_encoded<'a>(&self, part: SignaturePart, encoded: &'a [u8], text: Option<&[u8]>) -> &'a [u8] {
        if self.parts[part.index()].largest_kept.load(Ordering::Relaxed) == u64::MAX {
            return encoded;
        }
        let text = text.and_then(|text| std::str::from_utf8(text).ok());
        let is_beyond = text.is_some_and(|text| !text.is_empty() && self.kept_of_said(part, text) == BEYOND_CAP);
        if is_beyond { BEYOND_CAP.as_bytes() } else { encoded }
    }

    /// Takes notice of a value with the hash `hash`.
    pub(super) fn offer(&self, part: SignaturePart, hash: u64) {
        let PartCap { largest_kept, smallest } = &self.parts[part.index()];
        if hash > largest_kept.load(Ordering::Relaxed) {
            return;
        }
        let mut smallest = smallest.lock().unwrap_or_else(PoisonError::into_inner);
        if smallest.insert(hash) && smallest.len() > self.max_distinct {
            smallest.pop_last();
            if let Some(&largest) = smallest.last() {
                largest_kept.store(largest, Ordering::Relaxed);
            }
        }
    }

    /// Takes in what `other` may keep.
    pub(super) fn absorb(&self, other: &Self) {
        for (part, cap) in SignaturePart::all().zip(&other.parts) {
            let smallest = cap.smallest.lock().unwrap_or_else(PoisonError::into_inner);
            smallest.iter().for_each(|&hash| self.offer(part, hash));
            // What it let go is beyond the cap of both, whoever met it.
            let largest_kept = cap.largest_kept.load(Ordering::Relaxed);
            self.parts[part.index()].largest_kept.fetch_min(largest_kept, Ordering::Relaxed);
        }
    }

    /// The largest hash that is kept of each part; none where all values are.
    pub(super) fn limits(&self) -> Vec<Option<u64>> {
        let limit = |part: &PartCap| Some(part.largest_kept.load(Ordering::Relaxed)).filter(|&hash| hash != u64::MAX);
        self.parts.iter().map(limit).collect()
    }
}

/// Cuts what [`normalise`](crate::conventions::normalise) keeps of a value of `attribute` down to what is kept of its parts: a
/// URL is kept as host and path.
pub(crate) fn cap_normal(caps: &ValueCaps, attribute: Attribute, normal: &mut String) {
    if attribute != Attribute::UrlFull {
        if caps.kept_of_said(attribute.into(), normal) == BEYOND_CAP {
            BEYOND_CAP.clone_into(normal);
        }
        return;
    }
    let end_of_host = memchr::memchr(END_OF_HOST as u8, normal.as_bytes());
    let path = end_of_host.map_or(0, |end| end + 1);
    if caps.kept_of_said(Attribute::UrlPath.into(), &normal[path..]) == BEYOND_CAP {
        normal.truncate(path);
        normal.push_str(BEYOND_CAP);
    }
    if let Some(end) = end_of_host
        && caps.kept_of_said(Attribute::UrlHost.into(), &normal[..end]) == BEYOND_CAP
    {
        normal.replace_range(..end, BEYOND_CAP);
    }
}

/// How often values of a part were beyond its cap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BeyondCap {
    /// The part.
    pub part: SignaturePart,
    /// Spans with a value that was not kept.
    pub spans: u64,
    /// Distinct values that were kept.
    pub kept: u64,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::frame::{Collecting, FrameBuilder, SignatureId, SpanSink as _, group};
    use crate::span::{KeyValue, Origin, SpanId, SpanRecord, TraceId, Value};

    /// In whatever order values come, and however often, the same are kept.
    #[test]
    fn what_is_kept_does_not_depend_on_the_order() {
        let texts: Vec<String> = (0..1_000).map(|number| format!("value {number}")).collect();
        let kept_of = |order: &mut dyn Iterator<Item = &String>| {
            let caps = ValueCaps::new(100);
            for text in order {
                if caps.kept(SignaturePart::NAME, text) != BEYOND_CAP {
                    caps.offer(SignaturePart::NAME, hash_of_value(text));
                }
            }
            let is_kept = |text: &&String| caps.kept(SignaturePart::NAME, text) == text.as_str();
            assert_eq!(caps.kept(SignaturePart::SERVICE, "value 1"), "value 1");
            texts.iter().filter(is_kept).cloned().collect::<Vec<_>>()
        };
        let forwards = kept_of(&mut texts.iter());
        assert_eq!(forwards.len(), 100);
        assert_eq!(kept_of(&mut texts.iter().rev().chain(&texts)), forwards);
    }

    /// Values that differ in nothing but what is secret are one value, whatever came before them, and are kept if that is.
    #[test]
    fn caps_count_what_is_shown() {
        const MAILS: usize = 200;
        let attributes = [Attribute::MessagingDestination, Attribute::UrlPath];
        let letters = |number: usize| [number / 26, number % 26].map(|letter| char::from(b'a' + letter as u8));
        let of_mail = |number: usize| {
            let [first, second] = letters(number % MAILS);
            format!("/list{first}{second}/ann{number}@shop.io")
        };
        let texts: Vec<String> =
            (0..1_000).flat_map(|number| [format!("value/{}", "x".repeat(number)), of_mail(number)]).collect();
        let signatures_of = |order: &mut dyn Iterator<Item = &String>| {
            let caps = Arc::new(ValueCaps::new(100));
            let mut builder = FrameBuilder::of(&Collecting { caps, ..Collecting::default() });
            for text in order {
                let attributes = attributes.map(|attribute| KeyValue {
                    key: attribute.aliases()[0].into(),
                    value: Value::Str(text.as_str().into()),
                });
                let span = SpanRecord {
                    trace_id: TraceId([1; 16]),
                    span_id: SpanId(1 + texts.iter().position(|known| known == text).expect("a text") as u64),
                    name: text.as_str().into(),
                    start_unix_nano: 1,
                    attributes: attributes.into(),
                    ..SpanRecord::default()
                };
                builder.span(&Origin::default(), &span, 0);
            }
            let (vocabulary, frame) = group(vec![builder]);
            let values_of = |&signature: &SignatureId| {
                let signature = vocabulary.signatures.resolve(signature);
                let values = attributes.map(|attribute| signature.attributes[attribute as usize]);
                [signature.name, values[0], values[1]].map(|value| vocabulary.symbols.resolve(value).to_owned())
            };
            let rows = frame.span_ids.iter().zip(&frame.signatures_of_rows);
            rows.map(|(&id, signature)| (id, values_of(signature))).collect::<BTreeMap<SpanId, [String; 3]>>()
        };
        let straight = signatures_of(&mut texts.iter());
        assert_eq!(signatures_of(&mut texts.iter().rev()), straight);
        for part in [0, 1, 2] {
            let of_mails: BTreeSet<(usize, &String)> =
                (0..1_000).map(|number| (number % MAILS, &straight[&SpanId(2 + 2 * number as u64)][part])).collect();
            assert_eq!(of_mails.len(), MAILS, "each is the same wherever it comes: {of_mails:?}");
            assert!(of_mails.iter().any(|(_, value)| *value != BEYOND_CAP), "{of_mails:?}");
        }
    }

    #[test]
    fn as_many_values_as_the_cap_are_all_kept() {
        let caps = ValueCaps::new(3);
        for text in ["a", "b", "c", "a"] {
            caps.offer(Attribute::HttpRoute.into(), hash_of_value(text));
        }
        assert!(caps.limits().iter().all(Option::is_none));
        caps.offer(Attribute::HttpRoute.into(), hash_of_value("d"));
        assert_eq!(caps.limits().iter().flatten().count(), 1);
    }
}
