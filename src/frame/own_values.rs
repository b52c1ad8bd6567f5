//! Values that are unique to spans, beside their rows, and only if a detector asks for them.
//!
//! What is kept of their resources beside rows is kept in the same way.
//!
//! They are no part of a row, so that rows stay as narrow as they are where nobody asks.

use crate::conventions::{AttributeClass, OwnAttribute, OwnAttributes, only_link_text};
use crate::span::{Link, Origin, SpanId, SpanKind, SpanRecord, TraceId};

const COUNT: usize = OwnAttribute::ALL.len();

/// The own values of one span, by attribute.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct OwnValues {
    present: Present,
    /// 0 where it has none.
    values: [u64; COUNT],
}

/// A bit for each attribute that a span has.
type Present = u32;

const _: () = assert!(COUNT <= Present::BITS as usize);

/// The places of the bits that are set, ascending.
fn places_of(mut present: Present) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = (present != 0).then(|| present.trailing_zeros() as usize)?;
        present &= present - 1;
        Some(place)
    })
}

impl OwnValues {
    /// Those of a span that has none.
    pub(crate) const NONE: Self = Self { present: 0, values: [0; COUNT] };

    /// The value of `attribute`, if the span has it.
    pub fn get(&self, attribute: OwnAttribute) -> Option<u64> {
        Some(self.values[attribute as usize]).filter(|&value| value != 0)
    }

    /// Sets the value of `attribute`; 0 for none.
    pub(crate) fn set(&mut self, attribute: OwnAttribute, value: u64) {
        self.set_at(attribute as usize, value);
    }

    fn set_at(&mut self, place: usize, value: u64) {
        self.values[place] = value;
        self.present = self.present & !(1 << place) | Present::from(value != 0) << place;
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.present == 0
    }

    /// Those of all attributes, 0 where the span has none.
    pub(super) fn words(&self) -> &[u64; COUNT] {
        &self.values
    }

    /// Those of all attributes from some words.
    pub(super) fn of_words(words: impl Iterator<Item = u64>) -> Self {
        let mut values = Self::default();
        (0..COUNT).zip(words).for_each(|(place, word)| values.set_at(place, word));
        values
    }
}

/// Own values of many rows, each of which takes eight bytes and eight more for each value that it has: most have few.
#[derive(Clone, Debug, Default)]
pub struct OwnRows {
    heads: Vec<Head>,
    values: Vec<u64>,
}

/// Which values a row has, and where they begin.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    present: Present,
    first: u32,
}

impl OwnRows {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// The values of `row`; none if there is no such row.
    pub fn get(&self, row: usize) -> OwnValues {
        self.all().get(row)
    }

    /// The value of `attribute` at `row`, if it has one.
    pub(crate) fn value(&self, row: usize, attribute: OwnAttribute) -> Option<u64> {
        let head = self.heads.get(row)?;
        let bit: Present = 1 << attribute as usize;
        if head.present & bit == 0 {
            return None;
        }
        let before = (head.present & (bit - 1)).count_ones();
        self.values.get((head.first + before) as usize).copied()
    }

    /// Whether there is any value at `row`.
    pub(crate) fn has_any(&self, row: usize) -> bool {
        self.heads.get(row).is_some_and(|head| head.present != 0)
    }

    /// All rows.
    pub(crate) fn all(&self) -> OwnSlice<'_> {
        OwnSlice { heads: &self.heads, values: &self.values }
    }

    /// Some rows; none if there are none.
    pub(crate) fn slice(&self, rows: std::ops::Range<usize>) -> OwnSlice<'_> {
        OwnSlice { heads: self.heads.get(rows).unwrap_or_default(), values: &self.values }
    }

    /// Forgets all rows.
    pub(crate) fn clear(&mut self) {
        self.heads.clear();
        self.values.clear();
    }

    /// Makes it so many rows; new ones have no values.
    pub(crate) fn resize(&mut self, rows: usize) {
        self.heads.resize(rows, Head::default());
    }

    /// Gives a row that has none its values.
    pub(crate) fn set(&mut self, row: usize, values: &OwnValues) {
        self.heads[row] = Head { present: values.present, first: self.values.len() as u32 };
        self.values.extend(places_of(values.present).map(|place| values.values[place]));
    }

    /// Adds a row of others.
    pub(crate) fn push_from(&mut self, rows: OwnSlice<'_>, row: usize) {
        let values = rows.values_of(row);
        let present = rows.heads.get(row).map_or(0, |head| head.present);
        self.heads.push(Head { present, first: self.values.len() as u32 });
        self.values.extend_from_slice(values);
    }
}

/// Own values of some rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnSlice<'a> {
    heads: &'a [Head],
    values: &'a [u64],
}

impl<'a> OwnSlice<'a> {
    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether no row has any value.
    pub(crate) fn is_empty(&self) -> bool {
        self.heads.iter().all(|head| head.present == 0)
    }

    fn values_of(&self, row: usize) -> &'a [u64] {
        let Some(head) = self.heads.get(row) else { return &[] };
        let first = head.first as usize;
        self.values.get(first..first + head.present.count_ones() as usize).unwrap_or_default()
    }

    /// The values of `row`; none if there is no such row.
    pub(crate) fn get(&self, row: usize) -> OwnValues {
        let mut values = OwnValues::default();
        if let Some(head) = self.heads.get(row) {
            values.present = head.present;
            places_of(head.present).zip(self.values_of(row)).for_each(|(place, &value)| values.values[place] = value);
        }
        values
    }

    /// The values of all rows.
    pub(crate) fn iter(self) -> impl Iterator<Item = OwnValues> {
        (0..self.len()).map(move |row| self.get(row))
    }
}

/// The own values of one span while they are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnSlots {
    values: OwnValues,
    ranks: [u8; COUNT],
}

impl Default for OwnSlots {
    fn default() -> Self {
        Self { values: OwnValues::default(), ranks: [u8::MAX; COUNT] }
    }
}

impl OwnSlots {
    /// What `origin` says of all its spans, as far as it is asked for.
    pub(crate) fn of_resource(asked: OwnAttributes, origin: &Origin<'_>) -> Self {
        let mut slots = Self::default();
        if asked.of_class(AttributeClass::Resource).is_empty() {
            return slots;
        }
        for attribute in &origin.resource_attributes {
            if let Some((own, rank)) = asked.of_resource_key(&attribute.key) {
                slots.put(own, rank, own.value_of(&attribute.value.to_text()));
            }
        }
        slots
    }

    /// Puts what is kept of a value that came under spelling number `rank`. The spelling with the lowest number wins; of one
    /// spelling, the last value.
    pub(crate) fn put(&mut self, attribute: OwnAttribute, rank: u8, value: u64) {
        let place = attribute as usize;
        if value != 0 && rank <= self.ranks[place] {
            self.ranks[place] = rank;
            self.values.set_at(place, value);
        }
    }

    /// Puts where the only link of a span leads to.
    pub(crate) fn put_only_link(&mut self, trace_id: TraceId, span_id: SpanId) {
        let link = OwnAttribute::OnlyLink;
        self.put(link, 0, link.value_of(&only_link_text(trace_id, span_id)));
    }

    /// What was put.
    pub(crate) fn values(&self) -> &OwnValues {
        &self.values
    }
}

/// The values of a span of `origin` that are asked for; `None` if there are none to ask for.
pub(crate) fn own_values_of(asked: OwnAttributes, origin: &Origin<'_>, span: &SpanRecord<'_>) -> Option<OwnValues> {
    if asked.is_empty() {
        return None;
    }
    let mut slots = OwnSlots::of_resource(asked, origin);
    for attribute in &span.attributes {
        if let Some((own, rank)) = asked.of_key(&attribute.key) {
            slots.put(own, rank, own.value_of(&attribute.value.to_text()));
        }
    }
    if asked.contains(OwnAttribute::OnlyLink)
        && let Some(link) = only_link(span)
    {
        slots.put_only_link(link.trace_id, link.span_id);
    }
    Some(slots.values)
}

/// The only link of a CONSUMER span, which leads to whoever has sent its message.
pub(crate) fn only_link<'s, 'a>(span: &'s SpanRecord<'a>) -> Option<&'s Link<'a>> {
    match &span.links[..] {
        [link] if span.kind == SpanKind::Consumer => Some(link),
        _ => None,
    }
}

/// Own values of rows in order of arrival. Of a row that has some there is a number that says which, in a byte for seven attributes
/// each (the last without its highest bit), then each value in as many bytes as it needs after one that says how many. A value of a
/// resource that is among the recent ones is its place there instead, once there are so many rows that places for recent values are
/// worth their memory. Rows without any are counted where a row with some follows: most inputs have few.
///
/// ```text
/// present 1001   8 bytes, value of the span   5 bytes, value of the resource
/// 0   300 rows without
/// present 1001   8 bytes, value of the span   place of a recent value
/// ```
#[derive(Clone, Debug, Default)]
pub(super) struct PackedOwnValues {
    bytes: Vec<u8>,
    rows: usize,
    /// Rows behind the last one with values.
    without: usize,
    recent: RecentValues,
}

/// Stands before the number of rows without values.
const WITHOUT: u8 = 0;

/// Tells a byte of a number that another follows.
const GOES_ON: u8 = 1 << BITS_A_BYTE;

const BITS_A_BYTE: u32 = 7;

/// Tells the place of a recent value from a number of bytes.
const IS_RECENT: u8 = 1 << 7;

impl PackedOwnValues {
    /// Adds the values of a row, if it has some; the answer is how many bytes that took anew.
    pub(super) fn push(&mut self, values: Option<&OwnValues>) -> usize {
        let row = self.rows;
        self.rows += 1;
        let Some(values) = values.filter(|values| !values.is_empty()) else {
            self.without += 1;
            return 0;
        };
        let before = self.capacity();
        if self.without > 0 {
            self.bytes.push(WITHOUT);
            self.push_number(self.without);
            self.without = 0;
        }
        self.push_number(values.present as usize);
        for (place, value) in places_of(values.present).map(|place| (place, values.values[place])) {
            if comes_again(place, row)
                && let Some(recent) = self.recent.place_of(value)
            {
                self.bytes.push(IS_RECENT | recent);
                continue;
            }
            let length = (u64::BITS - value.leading_zeros()).div_ceil(8) as usize;
            self.bytes.push(length as u8);
            self.bytes.extend_from_slice(&value.to_le_bytes()[..length]);
        }
        self.capacity() - before
    }

    fn push_number(&mut self, mut number: usize) {
        while number >= usize::from(GOES_ON) {
            self.bytes.push(number as u8 | GOES_ON);
            number >>= BITS_A_BYTE;
        }
        self.bytes.push(number as u8);
    }

    fn capacity(&self) -> usize {
        self.bytes.capacity() + self.recent.0.capacity() * size_of::<u64>()
    }

    /// Whether any row has values.
    pub(super) fn has_any(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// Begins to read the rows.
    pub(super) fn reader(&self) -> OwnReader<'_> {
        OwnReader {
            bytes: &self.bytes,
            rows: 0,
            without: 0,
            recent: RecentValues::default(),
            values: OwnValues::default(),
        }
    }
}

/// Reads rows in order of arrival.
#[derive(Debug)]
pub struct OwnReader<'a> {
    bytes: &'a [u8],
    rows: usize,
    /// Rows without values that come before what is read next.
    without: usize,
    recent: RecentValues,
    values: OwnValues,
}

impl OwnReader<'_> {
    /// The values of the next row, if it has some.
    #[inline]
    pub(crate) fn next_row(&mut self) -> Option<&OwnValues> {
        self.rows += 1;
        if self.without > 0 {
            self.without -= 1;
            return None;
        }
        if self.bytes.is_empty() { None } else { self.read_row() }
    }

    fn read_row(&mut self) -> Option<&OwnValues> {
        let present = self.read_number()? as Present;
        if present == Present::from(WITHOUT) {
            self.without = self.read_number()?.saturating_sub(1);
            return None;
        }
        self.values = OwnValues::default();
        for place in places_of(present).filter(|&place| place < COUNT) {
            let length = self.read_byte()?;
            if length & IS_RECENT != 0 {
                self.values.set_at(place, self.recent.at(length & !IS_RECENT));
                continue;
            }
            let value = (0..length).fold(0, |word, byte| word | u64::from(self.read_byte().unwrap_or(0)) << (8 * byte));
            self.values.set_at(place, value);
            if comes_again(place, self.rows - 1) {
                self.recent.place_of(value);
            }
        }
        Some(&self.values)
    }

    fn read_byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(byte)
    }

    fn read_number(&mut self) -> Option<usize> {
        let mut number = 0;
        for shift in (0..usize::BITS).step_by(BITS_A_BYTE as usize) {
            let byte = self.read_byte()?;
            number |= usize::from(byte & !GOES_ON) << shift;
            if byte & GOES_ON == 0 {
                break;
            }
        }
        Some(number)
    }
}

/// Inputs may be many and small, with a few rows in each partition of each.
const ROWS_BEFORE_RECENT: usize = RecentValues::COUNT;

/// Whether values of the attribute with this number are looked for among the recent ones at `row`: those of resources, of which
/// there are few.
fn comes_again(place: usize, row: usize) -> bool {
    row >= ROWS_BEFORE_RECENT && matches!(OwnAttribute::ALL[place].class(), AttributeClass::Resource)
}

/// Of the values that share a place, the one that came last. Writer and reader see the same values in the same order, so they
/// agree on it.
#[derive(Clone, Debug, Default)]
struct RecentValues(Vec<u64>);

impl RecentValues {
    const COUNT: usize = IS_RECENT as usize;

    /// The place of `value` if it is the last that came there; from now on it is.
    fn place_of(&mut self, value: u64) -> Option<u8> {
        if self.0.is_empty() {
            self.0 = vec![0; Self::COUNT];
        }
        let place = value as usize % Self::COUNT;
        let before = std::mem::replace(&mut self.0[place], value);
        (before == value).then_some(place as u8)
    }

    /// The last value that came to `place`.
    fn at(&self, place: u8) -> u64 {
        self.0.get(usize::from(place)).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of all lengths come back, and rows without any take nothing.
    #[test]
    fn values_come_back() {
        let some = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (number % 64);
        let rows: Vec<OwnValues> = (0..1_000u64)
            .map(|number| {
                let value = |place: u64| if number % 3 == place { 0 } else { some(number + place) };
                // Some come again at once, some after others that have their place, some never.
                let of_resource = [some(number), 7, 7 + 128 * (number % 2), number % 200][number as usize % 4];
                OwnValues::of_words((0..COUNT).map(|place| match OwnAttribute::ALL[place] {
                    OwnAttribute::Instance => of_resource,
                    OwnAttribute::MessageBodySize => value(1) * (number % 2),
                    _ => value(place as u64 % 3),
                }))
            })
            .chain([[u64::MAX; COUNT], [1; COUNT], [0; COUNT]].map(|words| OwnValues::of_words(words.into_iter())))
            .chain((0..COUNT).map(|only| OwnValues::of_words((0..COUNT).map(|place| u64::from(place == only)))))
            .collect();
        // Between those that have some are runs of others, of all lengths that a number may have bytes.
        let with_others: Vec<Option<&OwnValues>> = (0..)
            .zip(&rows)
            .flat_map(|(number, row)| std::iter::repeat_n(None, number % 2 * number * number / 700).chain([Some(row)]))
            .chain([None; 9])
            .collect();
        let mut packed = PackedOwnValues::default();
        let bytes: usize = with_others.iter().map(|row| packed.push(*row)).sum();
        assert_eq!(bytes, packed.capacity());
        let mut reader = packed.reader();
        for expected in with_others {
            assert_eq!(reader.next_row(), expected.filter(|values| !values.is_empty()));
        }
        // Rows in any order, and those of others, hold the same.
        let mut in_rows = OwnRows::default();
        in_rows.resize(rows.len());
        let order = (0..rows.len()).map(|number| number * 7 % rows.len());
        order.for_each(|row| in_rows.set(row, &rows[row]));
        assert!(!rows.len().is_multiple_of(7) && in_rows.all().iter().eq(rows.iter().copied()));
        let mut of_others = OwnRows::default();
        (0..rows.len()).for_each(|row| of_others.push_from(in_rows.slice(5..rows.len()), row));
        for (row, expected) in rows.iter().skip(5).chain([OwnValues::default(); 5].iter()).enumerate() {
            assert_eq!(of_others.get(row), *expected);
            for &attribute in OwnAttribute::ALL {
                assert_eq!(of_others.value(row, attribute), expected.get(attribute));
            }
        }
        assert_eq!(
            (of_others.get(rows.len()), of_others.value(rows.len(), OwnAttribute::Instance)),
            Default::default()
        );
        let mut empty = PackedOwnValues::default();
        (0..100).for_each(|row| _ = empty.push((row % 2 == 0).then_some(&OwnValues::default())));
        assert!(!empty.has_any());
    }

    /// Of spans of a few instances in turn, the instance takes a byte; of few spans there is nothing but the values.
    #[test]
    fn values_that_come_again_take_a_byte() {
        let mut packed = PackedOwnValues::default();
        for number in 0..1_000 + ROWS_BEFORE_RECENT as u64 {
            let mut values = OwnValues::default();
            values.set(OwnAttribute::Instance, (1 << 39) + number % 10);
            packed.push(Some(&values));
            assert_eq!(packed.recent.0.is_empty(), number < ROWS_BEFORE_RECENT as u64);
        }
        assert_eq!(packed.bytes.len(), (ROWS_BEFORE_RECENT + 10) * 7 + 990 * 2);
    }

    #[test]
    fn the_best_spelling_wins() {
        let mut slots = OwnSlots::default();
        for (rank, value) in [(1, 7), (0, 8), (1, 9), (0, 0), (0, 10)] {
            slots.put(OwnAttribute::MessageId, rank, value);
        }
        assert_eq!(slots.values().get(OwnAttribute::MessageId), Some(10));
        assert_eq!(slots.values().get(OwnAttribute::MessageBodySize), None);
    }
}
