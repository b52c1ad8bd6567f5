//! Looks through spans of sampled traces while they are read.

use std::borrow::Cow;
use std::hash::BuildHasher as _;
use std::ops::Range;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::conventions::name_template;
use crate::span::{Origin, SpanRecord, TraceId, Value};

use super::evidence::{Bucket, Evidence, Place, SensitiveFacts, hash_of_place};
use super::finder::{Finds, find, masked};
use super::key::KeyTraits;
use super::kind::SensitiveKind;
use super::sampling::{Sampling, level_of};
use super::secret_names::Secrets;

/// Where a span says something.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Said<'a> {
    /// What stands before the keys of attributes that are not the span's own.
    prefix: &'static str,
    key: &'a str,
}

impl<'a> Said<'a> {
    /// In its name.
    pub(crate) const NAME: Self = Self { prefix: "", key: "span.name" };
    /// In the message of its status.
    pub(crate) const STATUS_MESSAGE: Self = Self { prefix: "", key: "status.message" };

    /// In an attribute of its own.
    pub(crate) fn attribute(key: &'a str) -> Self {
        Self { prefix: "", key }
    }

    /// In an attribute of its resource.
    pub(crate) fn resource_attribute(key: &'a str) -> Self {
        Self { prefix: "resource:", key }
    }

    /// In an attribute of one of its events.
    pub(crate) fn event_attribute(key: &'a str) -> Self {
        Self { prefix: "event:", key }
    }

    /// A hash that is the same in every run.
    fn hash(self) -> u64 {
        FixedState::default().hash_one((self.prefix, self.key))
    }
}

/// So many keys, services and buckets have numbers; where there are more, most do not come again.
const MANY_NUMBERS: usize = 1 << 10;
/// The same of lists of keys.
const MANY_LISTS: usize = 1 << 14;

/// Numbers from here on may be those of cards.
const MIN_CARD: u64 = 1_000_000_000_000;

/// Where a span says something, to keep.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct SaidKey {
    prefix: &'static str,
    key: Box<str>,
}

impl SaidKey {
    /// The place.
    pub(crate) fn said(&self) -> Said<'_> {
        Said { prefix: self.prefix, key: &self.key }
    }
}

impl From<Said<'_>> for SaidKey {
    fn from(said: Said<'_>) -> Self {
        Self { prefix: said.prefix, key: said.key.into() }
    }
}

impl hashbrown::Equivalent<SaidKey> for Said<'_> {
    fn equivalent(&self, key: &SaidKey) -> bool {
        *self == key.said()
    }
}

/// What one reader finds in spans of sampled traces.
#[derive(Debug)]
pub(crate) struct Scan {
    sampling: Arc<Sampling>,
    secrets: Secrets,
    /// The lowest level of which something is kept.
    level: u32,
    /// The trace that came last, and whether the sample takes it.
    last: Option<(TraceId, bool)>,
    facts: SensitiveFacts<Box<str>>,
    numbers: Numbers,
    /// Spans by numbers of bucket, service and list of keys under which they say something: most have the keys of others, so that a
    /// span is counted once and not under each of them.
    spans: HashMap<[u32; 3], u64, FixedState>,
    clean: CleanValues,
    /// Keys under which the span says something, and what was found there.
    keys_of_span: Vec<u32>,
    found_in_span: Vec<(u32, SensitiveKind)>,
}

/// Lists of the numbers of keys under which spans say something, each once: most spans have the keys of others.
#[derive(Debug, Default)]
pub(crate) struct KeyLists(HashMap<Box<[u32]>, u32, FixedState>);

impl KeyLists {
    /// The number of a list, new or known.
    pub(crate) fn number_of(&mut self, keys: &[u32]) -> u32 {
        if let Some(known) = self.0.get(keys) {
            return *known;
        }
        let next = self.0.len() as u32;
        *self.0.entry(keys.into()).or_insert(next)
    }

    /// The lists by their numbers.
    pub(crate) fn by_number(&self) -> Vec<&[u32]> {
        let mut lists: Vec<&[u32]> = vec![&[]; self.0.len()];
        self.0.iter().for_each(|(keys, &list)| lists[list as usize] = keys);
        lists
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

/// Buckets, services and keys as numbers.
#[derive(Debug, Default)]
struct Numbers {
    buckets: Vec<Bucket>,
    /// As they are, and as they may be shown.
    services: Vec<(Box<str>, Box<str>)>,
    keys: HashMap<SaidKey, Key, FixedState>,
    /// Numbers of keys.
    lists: KeyLists,
}

/// What is known of a key.
#[derive(Clone, Copy, Debug)]
struct Key {
    number: u32,
    traits: KeyTraits,
    hash: u64,
}

impl Numbers {
    /// The number of a bucket, of which the last one mostly comes again.
    fn bucket(&mut self, bucket: Bucket) -> u32 {
        number_in(&mut self.buckets, |known| *known == bucket, || bucket)
    }

    fn service(&mut self, service: &str, secrets: Secrets) -> u32 {
        let new = || (service.into(), masked(service, secrets.without_key()).into());
        number_in(&mut self.services, |(known, _)| **known == *service, new)
    }

    fn key(&mut self, said: Said<'_>, secrets: Secrets) -> Key {
        if let Some(known) = self.keys.get(&said) {
            return *known;
        }
        let new = Key { number: self.keys.len() as u32, traits: secrets.traits_of(said.key), hash: said.hash() };
        self.keys.insert(said.into(), new);
        new
    }

    fn are_many(&self) -> bool {
        self.keys.len().max(self.services.len()).max(self.buckets.len()) > MANY_NUMBERS || self.lists.len() > MANY_LISTS
    }
}

/// The place of what `is_it` in `all`, new or known. There are few, and those that came lately come again.
fn number_in<T>(all: &mut Vec<T>, is_it: impl Fn(&T) -> bool, new: impl FnOnce() -> T) -> u32 {
    let place = all.iter().rposition(is_it).unwrap_or_else(|| {
        all.push(new());
        all.len() - 1
    });
    place as u32
}

impl Scan {
    /// One of several that look through an input together.
    pub(crate) fn of(sampling: &Arc<Sampling>, secrets: Secrets) -> Self {
        Self {
            sampling: Arc::clone(sampling),
            secrets,
            level: 0,
            last: None,
            facts: SensitiveFacts::default(),
            numbers: Numbers::default(),
            spans: HashMap::default(),
            clean: CleanValues::default(),
            keys_of_span: Vec::new(),
            found_in_span: Vec::new(),
        }
    }

    /// What is set of secrets.
    pub(crate) fn secrets(&self) -> Secrets {
        self.secrets
    }

    /// The lowest level of traces that are looked at.
    pub(crate) fn level(&self) -> u32 {
        self.sampling.level()
    }

    /// Whether the sample takes a trace so far; all take notice of it.
    pub(crate) fn takes(&mut self, trace_id: TraceId) -> bool {
        if let Some((last, is_taken)) = self.last
            && last == trace_id
        {
            return is_taken;
        }
        let level = level_of(trace_id);
        if level >= self.sampling.level() {
            self.sampling.add(trace_id);
        }
        let is_taken = level >= self.sampling.level();
        self.last = Some((trace_id, is_taken));
        is_taken
    }

    /// Whether what spans say can be counted by the level of their trace alone, as [`Self::count_spans`] does.
    pub(crate) fn counts_by_level(&self) -> bool {
        !self.sampling.is_by_trace
    }

    /// Counts spans of sampled traces of a level, all of one service, that say something, whatever it is.
    pub(crate) fn count_spans(&mut self, level: u32, service: &str, said: Said<'_>, spans: u64) {
        self.keep_up();
        if level < self.level || spans == 0 {
            return;
        }
        let numbers = [self.numbers.bucket(Bucket::of_level(level)), self.numbers.service(service, self.secrets)];
        let key = self.numbers.key(said, self.secrets).number;
        let list = self.numbers.lists.number_of(&[key]);
        *self.spans.entry([numbers[0], numbers[1], list]).or_default() += spans;
    }

    /// Gives up what is no longer wanted.
    fn keep_up(&mut self) {
        let level = self.sampling.level();
        if level > self.level {
            self.level = level;
            self.facts.forget_below(level);
        }
        if self.numbers.are_many() {
            self.settle();
        }
    }

    /// Looks through a span of a trace that the sample takes. It `is_counted` where [`Self::count_spans`] knows it already.
    pub(crate) fn see(&mut self, origin: &Origin<'_>, span: &SpanRecord<'_>, is_counted: bool) {
        self.keep_up();
        if level_of(span.trace_id) < self.level {
            return;
        }
        let bucket = Bucket::of(span.trace_id, self.sampling.is_by_trace);
        let numbers = [self.numbers.bucket(bucket), self.numbers.service(&origin.service_name(), self.secrets)];
        let of_span = OfSpan { span, bucket, numbers };
        self.keys_of_span.clear();
        self.found_in_span.clear();
        self.see_text(of_span, Said::NAME, &span.name);
        if !span.status_message.is_empty() {
            self.see_text(of_span, Said::STATUS_MESSAGE, &span.status_message);
        }
        for attribute in &span.attributes {
            self.see_value(of_span, Said::attribute(&attribute.key), &attribute.value);
        }
        for attribute in span.events.iter().flat_map(|event| &event.attributes) {
            self.see_value(of_span, Said::event_attribute(&attribute.key), &attribute.value);
        }
        for attribute in &origin.resource_attributes {
            self.see_value(of_span, Said::resource_attribute(&attribute.key), &attribute.value);
        }
        if !is_counted {
            let list = self.numbers.lists.number_of(&self.keys_of_span);
            *self.spans.entry([numbers[0], numbers[1], list]).or_default() += 1;
        }
    }

    /// What was found, once all were read. The traces are those of all who looked through the input together.
    pub(crate) fn into_facts(mut self) -> SensitiveFacts<Box<str>> {
        self.settle();
        self.facts.traces = self.sampling.traces();
        let level = self.facts.traces.level();
        self.facts.forget_below(level);
        self.facts
    }

    /// Keeps what is of wanted traces.
    pub(crate) fn retain_traces(&mut self, is_wanted: impl Fn(TraceId) -> bool) {
        self.settle();
        self.sampling.retain(&is_wanted);
        self.facts.retain_traces(is_wanted);
    }

    /// Books what was counted by numbers, and forgets these.
    fn settle(&mut self) {
        let Numbers { buckets, services, keys, lists } = std::mem::take(&mut self.numbers);
        let mut names: Vec<String> = vec![String::new(); keys.len()];
        for (key, known) in keys {
            names[known.number as usize] = name_of_place(key.said(), self.secrets);
        }
        let keys_of_lists = lists.by_number();
        let mut by_key: HashMap<[u32; 3], u64, FixedState> = HashMap::default();
        for ([bucket, service, list], spans) in self.spans.drain() {
            for &key in keys_of_lists[list as usize] {
                *by_key.entry([bucket, service, key]).or_default() += spans;
            }
        }
        for ([bucket, service, key], spans) in by_key {
            let place = hash_of_place(&services[service as usize].1, &names[key as usize]);
            *self.facts.spans.entry((buckets[bucket as usize], place)).or_default() += spans;
        }
        self.facts.forget_below(self.level);
    }

    fn see_value(&mut self, of_span: OfSpan<'_>, said: Said<'_>, value: &Value<'_>) {
        if *value == Value::Empty {
            return;
        }
        let known = self.key_of_span(said);
        if let Some(text) = text_to_look_at(value, known.traits) {
            self.look(of_span, said, known, &text);
        }
    }

    fn see_text(&mut self, of_span: OfSpan<'_>, said: Said<'_>, text: &str) {
        let known = self.key_of_span(said);
        if !text.is_empty() {
            self.look(of_span, said, known, text);
        }
    }

    /// Takes notice that the span says something under a key.
    fn key_of_span(&mut self, said: Said<'_>) -> Key {
        let known = self.numbers.key(said, self.secrets);
        if !self.keys_of_span.contains(&known.number) {
            self.keys_of_span.push(known.number);
        }
        known
    }

    fn look(&mut self, of_span: OfSpan<'_>, said: Said<'_>, known: Key, text: &str) {
        let hash = FixedState::with_seed(known.hash).hash_one(text);
        if self.clean.has(hash) {
            return;
        }
        let mut found = FoundInText::default();
        find(text, known.traits, &mut found);
        if found.is_empty() {
            return self.clean.add(hash);
        }
        let [_, service] = of_span.numbers;
        let service = self.numbers.services[service as usize].1.clone();
        let place = Place { service, attribute: name_of_place(said, self.secrets).into_boxed_str() };
        if !found.numbers.is_empty() {
            let numbers = self.facts.numbers.entry((of_span.bucket, place.clone())).or_default();
            numbers.extend(found.numbers);
        }
        let span = of_span.span;
        let start = i64::try_from(span.start_unix_nano).unwrap_or(i64::MAX);
        for (kind, value) in found.secrets {
            let evidence = self.facts.found.entry((of_span.bucket, place.clone(), kind)).or_default();
            evidence.values.insert(value);
            if self.found_in_span.contains(&(known.number, kind)) {
                continue;
            }
            self.found_in_span.push((known.number, kind));
            let mut of_one = Evidence {
                spans: 1,
                seen: Some((start, start)),
                example: Some((span.trace_id, start, span.span_id)),
                ..Evidence::default()
            };
            of_one.traces.insert(hash_of(&span.trace_id.0));
            of_one.operations.insert(hash_of(name_template(&span.name).as_str()));
            evidence.merge(of_one);
        }
    }
}

/// The text of a value in which something may be found: the one that formats have which know only texts. Nothing that is secret is a
/// flag or a measure, and of bytes that nobody can read only their key tells.
fn text_to_look_at<'a>(value: &'a Value<'_>, traits: KeyTraits) -> Option<Cow<'a, str>> {
    match value {
        Value::Str(text) | Value::Json(text) if !text.is_empty() => Some(Cow::Borrowed(text)),
        Value::Int(number) if number.unsigned_abs() >= MIN_CARD || traits.credential.is_some() => {
            Some(Cow::Owned(number.to_string()))
        }
        // Some stores keep all numbers so.
        Value::Double(number) if number.abs() >= MIN_CARD as f64 || traits.credential.is_some() => {
            Some(Cow::Owned(value.to_text().into_owned()))
        }
        Value::Bytes(_) if traits.credential.is_some() => Some(Cow::Owned(value.to_text().into_owned())),
        _ => None,
    }
}

/// Tells values in which nothing is found from others.
#[derive(Debug, Default)]
pub(crate) struct Glance {
    clean: CleanValues,
}

/// What must be known of where a value stands to look at it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    traits: KeyTraits,
    seed: u64,
}

impl Spot {
    /// Where a span says something.
    pub(crate) fn of(said: Said<'_>, secrets: Secrets) -> Self {
        Self { traits: secrets.traits_of(said.key), seed: said.hash() }
    }
}

impl Glance {
    /// Whether nothing is found in a value.
    pub(crate) fn is_clean(&mut self, spot: Spot, value: &Value<'_>) -> bool {
        let Some(text) = text_to_look_at(value, spot.traits) else { return true };
        let hash = FixedState::with_seed(spot.seed).hash_one(&*text);
        if self.clean.has(hash) {
            return true;
        }
        let mut found = FoundInText::default();
        find(&text, spot.traits, &mut found);
        if found.is_empty() {
            self.clean.add(hash);
        }
        found.is_empty()
    }
}

/// What a place is called, which is shown: keys hold no secrets, unless somebody makes them of values.
fn name_of_place(said: Said<'_>, secrets: Secrets) -> String {
    masked(&[said.prefix, said.key].concat(), secrets.without_key()).into_owned()
}

/// A hash that is the same in every run.
fn hash_of<T: std::hash::Hash + ?Sized>(value: &T) -> u64 {
    FixedState::with_seed(0x7365_6e73_6974).hash_one(value)
}

/// What is looked at.
#[derive(Clone, Copy)]
struct OfSpan<'a> {
    span: &'a SpanRecord<'a>,
    bucket: Bucket,
    /// Of the bucket and the service.
    numbers: [u32; 2],
}

/// Hashes of what was found in a text.
#[derive(Default)]
struct FoundInText {
    secrets: Vec<(SensitiveKind, u64)>,
    numbers: Vec<u64>,
}

impl FoundInText {
    fn is_empty(&self) -> bool {
        self.secrets.is_empty() && self.numbers.is_empty()
    }
}

impl Finds for FoundInText {
    fn secret(&mut self, kind: SensitiveKind, _range: Range<usize>, value: &str) {
        self.secrets.push((kind, hash_of(value)));
    }

    fn number(&mut self, digits: &str) {
        self.numbers.push(hash_of(digits));
    }
}

/// Hashes of values in which nothing was found, as far as they came lately: most come again.
#[derive(Debug)]
struct CleanValues(Vec<u64>);

impl Default for CleanValues {
    fn default() -> Self {
        Self(vec![0; Self::COUNT])
    }
}

impl CleanValues {
    const COUNT: usize = 1 << 13;

    fn has(&self, hash: u64) -> bool {
        self.0[hash as usize % Self::COUNT] == hash
    }

    fn add(&mut self, hash: u64) {
        self.0[hash as usize % Self::COUNT] = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers and bytes are looked at as the texts that they are in formats which know only texts: where their key is that of a secret,
    /// or they may be of a card.
    #[test]
    fn values_of_all_types_are_looked_at() {
        let secrets = Secrets::default();
        let look =
            |key: &str, value: &Value<'_>| text_to_look_at(value, secrets.traits_of(key)).map(|text| text.into_owned());
        for (key, value, text) in [
            ("n", Value::Int(4_556_737_586_899_855), Some("4556737586899855")),
            ("n", Value::Double(4_556_737_586_899_855.0), Some("4556737586899855")),
            ("n", Value::Double(0.5), None),
            ("db.password", Value::Double(4821.0), Some("4821")),
            ("db.password", Value::Bytes(b"hunter2".as_slice().into()), Some("aHVudGVyMg==")),
            ("n", Value::Bytes(b"hunter2".as_slice().into()), None),
            ("db.password", Value::Bool(true), None),
        ] {
            assert_eq!(look(key, &value).as_deref(), text, "{key} {value:?}");
        }
    }
}
