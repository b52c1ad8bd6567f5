//! The attributes that the analysis wants, from a column that holds all attributes of a span: a map or JSON text.
//!
//! No map is built for a span. The keys are looked up once each, and of the values only the wanted ones are looked at.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;

use crate::conventions::{
    Attribute, AttributeClass, OwnAttribute, OwnAttributes, attribute_of_key, resource_attribute_of_key,
};
use crate::frame::{BEYOND_CAP, ValueCaps};
use crate::ingest::parquet::file::cells::{attributes_at, text_at};
use crate::ingest::parquet::file::dictionaries::dictionary_indices::ABSENT;
use crate::ingest::parquet::file::dictionaries::file_dictionary::KeysOfRows;
use crate::ingest::parquet::file::dictionaries::normalised_dictionary::NormalisedDictionary;
use crate::ingest::parquet::file::dictionaries::text_dictionary::TextDictionary;
use crate::ingest::parquet::file::fingerprint::Fingerprint;
use crate::ingest::parquet::file::own_texts::OwnTexts;

/// JSON texts hold all attributes of a span at once, so fewer are kept than of other texts.
const MANY_JSON_TEXTS: usize = 1 << 14;

/// What a key is wanted as, packed into the words of a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Wanted(pub(crate) u32);

impl Wanted {
    /// Not wanted.
    const NOT: Self = Self(0);
    /// The service's name.
    pub(crate) const SERVICE: Self = Self(1);
    /// How a link says that the span refers to its parent.
    pub(crate) const REF_TYPE: Self = Self(2);
    const FIRST_ATTRIBUTE: u32 = 1 << 16;
    const FIRST_OWN: u32 = 1 << 17;

    /// An attribute under spelling number `rank`.
    pub(crate) fn attribute(attribute: Attribute, rank: u8) -> Self {
        Self(Self::FIRST_ATTRIBUTE | u32::from(rank) << 8 | attribute as u32)
    }

    /// The attribute and the number of its spelling, if it is one.
    pub(crate) fn as_attribute(self) -> Option<(Attribute, u8)> {
        if !(Self::FIRST_ATTRIBUTE..Self::FIRST_OWN).contains(&self.0) {
            return None;
        }
        let attribute = Attribute::ALL.get((self.0 & 0xff) as usize)?;
        Some((*attribute, (self.0 >> 8) as u8))
    }

    /// Whether it is `attribute` under any spelling.
    fn is_attribute(self, attribute: Attribute) -> bool {
        (Self::FIRST_ATTRIBUTE..Self::FIRST_OWN).contains(&self.0) && self.0 & 0xff == attribute as u32
    }

    fn own(attribute: OwnAttribute, rank: u8) -> Self {
        Self(Self::FIRST_OWN | u32::from(rank) << 8 | attribute as u32)
    }

    /// The attribute that is kept beside rows and the number of its spelling, if it is one. Its values have no codes: they
    /// are told as what is kept of them.
    pub(crate) fn as_own(self) -> Option<(OwnAttribute, u8)> {
        if self.0 < Self::FIRST_OWN {
            return None;
        }
        let attribute = OwnAttribute::ALL.get((self.0 & 0xff) as usize)?;
        Some((*attribute, (self.0 >> 8) as u8))
    }

    /// Whether it tells who is at the other end of a connection.
    fn is_peer(self) -> bool {
        self.as_attribute().is_some_and(|(attribute, _)| attribute.is_peer())
    }

    /// Whether its values are told as hashes of arguments rather than only coded.
    fn is_told(self) -> bool {
        self.as_attribute().is_some_and(|(attribute, _)| attribute.is_normalised())
    }

    fn of_span_key(key: &str, own: OwnAttributes) -> Self {
        if let Some((attribute, rank)) = attribute_of_key(key) {
            return Self::attribute(attribute, rank);
        }
        own.of_key(key).map_or(Self::NOT, |(attribute, rank)| Self::own(attribute, rank))
    }

    fn of_resource_key(key: &str, in_signatures: bool, own: OwnAttributes) -> Self {
        if key == "service.name" {
            return Self::SERVICE;
        }
        if in_signatures && let Some((attribute, rank)) = resource_attribute_of_key(key) {
            return Self::attribute(attribute, rank);
        }
        own.of_resource_key(key).map_or(Self::NOT, |(attribute, rank)| Self::own(attribute, rank))
    }
}

/// For each row, what was found as pairs of [`Wanted`] and the code of a value.
#[derive(Debug, Default)]
pub(crate) struct PairsOfRows {
    pairs: Vec<u32>,
    ends: Vec<usize>,
}

impl PairsOfRows {
    /// Forgets all rows.
    pub(crate) fn clear(&mut self) {
        self.pairs.clear();
        self.ends.clear();
    }

    /// Adds a pair to the row that is being filled.
    pub(crate) fn push(&mut self, wanted: Wanted, code: u32) {
        if code != ABSENT {
            self.pairs.extend([wanted.0, code]);
        }
    }

    /// Ends the row.
    pub(crate) fn end_row(&mut self) {
        self.ends.push(self.pairs.len());
    }

    /// Adds a row like the last one.
    fn repeat_row(&mut self) {
        let mut ends = self.ends.iter().rev();
        let end = ends.next().copied().unwrap_or(0);
        let start = ends.next().copied().unwrap_or(0);
        self.pairs.extend_from_within(start..end);
        self.end_row();
    }

    /// Adds all pairs to the fingerprints of their rows, as those of source number `source`, but for the peers of rows that
    /// are `served`.
    pub(crate) fn add_to(&self, fingerprints: &mut [Fingerprint], source: u32, served: &[bool]) {
        let mut start = 0;
        for ((fingerprint, &end), &is_served) in fingerprints.iter_mut().zip(&self.ends).zip(served) {
            let pairs = self.pairs[start..end].chunks_exact(2);
            let pairs = pairs.filter(|pair| !(is_served && Wanted(pair[0]).is_peer()));
            // Of a key that comes twice the last value counts, so the order is part of what is said.
            for (place, pair) in (0u32..).zip(pairs) {
                fingerprint.add(source, pair[0] ^ place << 20, pair[1]);
            }
            start = end;
        }
    }

    /// The pairs of row `row`, one after the other; none if the rows were not read.
    pub(crate) fn row(&self, row: usize) -> &[u32] {
        if self.ends.is_empty() {
            return &[];
        }
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.pairs[start..self.ends[row]]
    }
}

/// Whose attributes a column holds.
#[derive(Clone, Copy, Debug)]
enum Of {
    /// Spans', of whose own attributes some are asked for.
    Spans(OwnAttributes),
    /// Resources': whether those that are part of signatures are asked for, and those that are beside rows.
    Resources(bool, OwnAttributes),
}

/// The keys that are wanted both as attributes of signatures and as such that are kept beside rows. Values of which only a normal form
/// is kept are told for both anyway.
fn also_own(of: Of) -> Vec<(Wanted, Wanted)> {
    let mut both = Vec::new();
    for &attribute in Attribute::ALL.iter().filter(|attribute| !attribute.is_normalised()) {
        for (rank, key) in (0u8..).zip(attribute.aliases()) {
            let own = match (of, attribute.class()) {
                (Of::Spans(own), AttributeClass::Shape) => own.of_key(key),
                (Of::Resources(true, own), AttributeClass::Resource) => own.of_resource_key(key),
                _ => None,
            };
            both.extend(own.map(|(own, own_rank)| (Wanted::attribute(attribute, rank), Wanted::own(own, own_rank))));
        }
    }
    both
}

/// Reads one column of attributes.
#[derive(Debug)]
pub(crate) struct AttributeColumn {
    of: Of,
    caps: Arc<ValueCaps>,
    keys: Option<ArrayRef>,
    wanted_of_keys: Vec<Wanted>,
    pairs_of_texts: Vec<Option<Vec<(Wanted, u32, u64)>>>,
    texts: TextDictionary,
    codes: Vec<u32>,
    values: TextDictionary,
    own_values: OwnTexts,
    /// What was told of the row before.
    told: Vec<(Wanted, u64)>,
    /// What keys are wanted as that are wanted twice: in signatures, and beside rows.
    also_own: Vec<(Wanted, Wanted)>,
    /// The values of the attributes that are too many to be kept.
    normal_values: Vec<(Attribute, NormalisedDictionary)>,
}

impl AttributeColumn {
    /// For the attributes of spans, also those of the `own` attributes.
    pub(crate) fn of_spans(own: OwnAttributes, caps: &Arc<ValueCaps>) -> Self {
        Self::new(Of::Spans(own), caps)
    }

    /// For the attributes of resources: the service's name, those that are part of signatures if they are asked for, and those
    /// of the `own` attributes.
    pub(crate) fn of_resources(in_signatures: bool, own: OwnAttributes, caps: &Arc<ValueCaps>) -> Self {
        Self::new(Of::Resources(in_signatures, own), caps)
    }

    /// For the same attributes, with nothing kept.
    pub(crate) fn begun_anew(&self) -> Self {
        Self::new(self.of, &self.caps)
    }

    fn new(of: Of, caps: &Arc<ValueCaps>) -> Self {
        let normalised = Attribute::ALL.iter().copied().filter(|attribute| attribute.is_normalised());
        Self {
            of,
            caps: Arc::clone(caps),
            keys: None,
            wanted_of_keys: Vec::new(),
            pairs_of_texts: Vec::new(),
            texts: TextDictionary::default(),
            codes: Vec::new(),
            values: TextDictionary::default(),
            own_values: OwnTexts::default(),
            told: Vec::new(),
            also_own: also_own(of),
            normal_values: normalised
                .map(|attribute| (attribute, NormalisedDictionary::new(attribute, 0, caps)))
                .collect(),
        }
    }

    /// What the key of `wanted` is wanted as beside rows, if it is part of signatures and its values are only coded.
    fn also_own(&self, wanted: Wanted) -> Option<(Wanted, OwnAttribute)> {
        let &(_, own) = self.also_own.iter().find(|(known, _)| *known == wanted)?;
        Some((own, own.as_own()?.0))
    }

    fn want(&self, key: &str) -> Wanted {
        match self.of {
            Of::Spans(own) => Wanted::of_span_key(key, own),
            Of::Resources(in_signatures, own) => Wanted::of_resource_key(key, in_signatures, own),
        }
    }

    /// What is kept of the value of `wanted` with the code `code`.
    pub(crate) fn text(&self, wanted: Wanted, code: u32) -> &str {
        match self.normal_values.iter().find(|(attribute, _)| wanted.is_attribute(*attribute)) {
            Some((_, normal)) => normal.text(code),
            None => self.values.text(code),
        }
    }

    /// The code of the value `text` of `wanted`, and the hash of its arguments; of own attributes no code, and what is kept.
    fn code_of(&mut self, wanted: Wanted, text: &str) -> (u32, u64) {
        if let Some((own, _)) = wanted.as_own() {
            return (ABSENT, own.value_of(text));
        }
        match self.normal_values.iter_mut().find(|(attribute, _)| wanted.is_attribute(*attribute)) {
            Some((_, normal)) => normal.index_of(text),
            None => match wanted.as_attribute() {
                Some((attribute, _)) => (self.values.index_of(self.caps.kept_of_said(attribute.into(), text)), 0),
                None => (self.values.index_of(text), 0),
            },
        }
    }

    /// Fills `pairs` with the rows of `column`, and tells each row that has arguments or an own value, whose they are, and
    /// their hash or the value.
    pub(crate) fn read(
        &mut self,
        column: &ArrayRef,
        pairs: &mut PairsOfRows,
        tell: &mut dyn FnMut(usize, Wanted, u64),
    ) {
        pairs.clear();
        match column.data_type() {
            DataType::Map(_, _) => self.read_map(column, pairs, tell),
            DataType::Utf8 | DataType::Binary | DataType::Dictionary(_, _) => self.read_json(column, pairs, tell),
            _ => {
                for row in 0..column.len() {
                    for attribute in attributes_at(column, row) {
                        let wanted = self.want(&attribute.key);
                        if wanted != Wanted::NOT {
                            let (code, hash) = self.code_of(wanted, &attribute.value.to_text());
                            pairs.push(wanted, code);
                            tell(row, wanted, hash);
                            if let Some((own, of)) = self.also_own(wanted) {
                                tell(row, own, of.value_of(&attribute.value.to_text()));
                            }
                        }
                    }
                    pairs.end_row();
                }
            }
        }
    }

    fn read_map(&mut self, column: &ArrayRef, pairs: &mut PairsOfRows, tell: &mut dyn FnMut(usize, Wanted, u64)) {
        let map = column.as_map();
        let (keys, entries) = (map.keys(), map.values());
        self.begin_keys(keys);
        self.values.begin(entries);
        self.own_values.begin(entries);
        let (known_keys, known_values) = (KeysOfRows::of(keys), KeysOfRows::of(entries));
        let offsets = map.value_offsets();
        let mut told = std::mem::take(&mut self.told);
        let mut last = 0..0;
        told.clear();
        for row in 0..map.len() {
            let entries_of_row = match map.is_valid(row) {
                true => offsets[row] as usize..offsets[row + 1] as usize,
                false => 0..0,
            };
            // Spans of one batch of an exporter have one resource, and lie one behind the other.
            let are_last = |known: KeysOfRows<'_>| known.are_equal(entries_of_row.clone(), last.clone());
            if row > 0 && known_values.is_some_and(are_last) && known_keys.is_some_and(are_last) {
                pairs.repeat_row();
                told.iter().for_each(|&(wanted, hash)| tell(row, wanted, hash));
                continue;
            }
            told.clear();
            for entry in entries_of_row.clone() {
                let wanted = match known_keys {
                    Some(known) => known.at(entry).and_then(|key| self.wanted_of_keys.get(key).copied()),
                    None => Some(self.want(&text_at(keys, entry))),
                };
                let Some(wanted) = wanted.filter(|&wanted| wanted != Wanted::NOT) else { continue };
                let key = known_values.and_then(|known| Some((known.values, known.at(entry)?)));
                if let Some((own, _)) = wanted.as_own() {
                    told.push((wanted, self.own_value(own, entries, entry, key)));
                } else if wanted.is_told() {
                    let (code, hash) = self.code_of(wanted, &text_at(entries, entry));
                    pairs.push(wanted, code);
                    told.push((wanted, hash));
                } else {
                    let index = match key {
                        Some((_, key)) => self.values.index_of_key(key),
                        None => self.values.index_at(entries, entry),
                    };
                    pairs.push(wanted, self.capped(wanted, index));
                    if let Some((own, of)) = self.also_own(wanted) {
                        told.push((own, self.own_value(of, entries, entry, key)));
                    }
                }
            }
            pairs.end_row();
            told.iter().for_each(|&(wanted, hash)| tell(row, wanted, hash));
            last = entries_of_row;
        }
        self.told = told;
    }

    /// What is kept of the value of `attribute` at `entry`, of which the dictionary and the key in it are told if there is one.
    fn own_value(
        &mut self,
        attribute: OwnAttribute,
        entries: &ArrayRef,
        entry: usize,
        key: Option<(&ArrayRef, usize)>,
    ) -> u64 {
        match key {
            Some((dictionary, key)) => self.own_values.kept_of_key(attribute, dictionary, key),
            None => self.own_values.kept_at(attribute, entries, entry),
        }
    }

    /// The index of what is kept of the value of `wanted` with the index `index`.
    fn capped(&mut self, wanted: Wanted, index: u32) -> u32 {
        let Some((attribute, _)) = wanted.as_attribute() else { return index };
        if self.caps.kept_of_said(attribute.into(), self.values.text(index)) == BEYOND_CAP {
            return self.values.index_of(BEYOND_CAP);
        }
        index
    }

    fn begin_keys(&mut self, keys: &ArrayRef) {
        let Some(KeysOfRows { values: texts, .. }) = KeysOfRows::of(keys) else { return };
        if !self.keys.as_ref().is_some_and(|known| Arc::ptr_eq(known, texts)) {
            self.wanted_of_keys = (0..texts.len()).map(|key| self.want(&text_at(texts, key))).collect();
            self.keys = Some(Arc::clone(texts));
        }
    }

    fn read_json(&mut self, column: &ArrayRef, pairs: &mut PairsOfRows, tell: &mut dyn FnMut(usize, Wanted, u64)) {
        let mut codes = std::mem::take(&mut self.codes);
        self.texts.read(column, &mut codes);
        self.pairs_of_texts.resize(self.texts.len(), None);
        for (row, &code) in codes.iter().enumerate() {
            if self.pairs_of_texts[code as usize].is_none() {
                let mut of_text = Vec::new();
                for attribute in attributes_at(column, row) {
                    let wanted = self.want(&attribute.key);
                    if wanted != Wanted::NOT {
                        let (code, hash) = self.code_of(wanted, &attribute.value.to_text());
                        of_text.push((wanted, code, hash));
                        let also = self.also_own(wanted);
                        let kept =
                            |(own, of): (Wanted, OwnAttribute)| (own, ABSENT, of.value_of(&attribute.value.to_text()));
                        of_text.extend(also.map(kept));
                    }
                }
                self.pairs_of_texts[code as usize] = Some(of_text);
            }
            for &(wanted, value, hash) in self.pairs_of_texts[code as usize].iter().flatten() {
                pairs.push(wanted, value);
                tell(row, wanted, hash);
            }
            pairs.end_row();
        }
        self.codes = codes;
    }

    /// Whether so many texts are kept that it is time to begin anew.
    pub(crate) fn is_large(&self) -> bool {
        self.texts.len() > MANY_JSON_TEXTS
            || self.values.is_large()
            || self.normal_values.iter().any(|(_, normal)| normal.is_large())
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{DictionaryArray, Int32Array, MapArray, StringArray, StructArray};
    use arrow::buffer::{NullBuffer, OffsetBuffer};
    use arrow::datatypes::{Field, Fields};

    use super::*;

    /// Maps of so many entries a row, none of which is not even an empty one.
    fn map_of(keys: ArrayRef, values: ArrayRef, rows: &[Option<usize>]) -> ArrayRef {
        let fields = Fields::from(vec![
            Field::new("key", keys.data_type().clone(), false),
            Field::new("value", values.data_type().clone(), true),
        ]);
        let entries = StructArray::new(fields.clone(), vec![keys, values], None);
        let field = Field::new("entries", DataType::Struct(fields), false);
        let offsets = OffsetBuffer::from_lengths(rows.iter().map(|entries| entries.unwrap_or(0)));
        let nulls = NullBuffer::from_iter(rows.iter().map(Option::is_some));
        Arc::new(MapArray::new(Arc::new(field), offsets, entries, Some(nulls), false))
    }

    type Texts = Vec<(Wanted, String)>;
    type Told = Vec<(Wanted, u64)>;
    /// Key and value of an entry.
    type Entry = (i32, Option<i32>);

    /// What each row says as texts, and what it was told beside that.
    fn read(column: &ArrayRef) -> Vec<(Texts, Told)> {
        let caps = Arc::new(ValueCaps::default());
        let mut attributes = AttributeColumn::of_resources(true, OwnAttributes::INSTANCE, &caps);
        let (mut pairs, mut told) = (PairsOfRows::default(), vec![Vec::new(); column.len()]);
        attributes.read(column, &mut pairs, &mut |row, wanted, hash| told[row].push((wanted, hash)));
        let text = |pair: &[u32]| (Wanted(pair[0]), attributes.text(Wanted(pair[0]), pair[1]).to_owned());
        let texts = (0..column.len()).map(|row| pairs.row(row).chunks_exact(2).map(text).collect());
        texts.zip(told).collect()
    }

    /// Rows that say the same as the one before say it again, and others do not, also those that begin or end like it.
    #[test]
    fn maps_with_dictionaries_say_what_others_say() {
        let keys = ["service.name", "service.instance.id", "service.version", "unknown"];
        let values = ["cart", "i-1", "i-2", "v1"];
        let cart = [(0, Some(0)), (1, Some(1)), (2, Some(3)), (3, Some(3))];
        let other = [(0, Some(0)), (1, Some(2)), (2, Some(3)), (3, Some(3))];
        let rows: [Option<&[Entry]>; 11] = [
            Some(&cart),
            Some(&cart),
            Some(&other),
            Some(&cart[..2]),
            Some(&cart[..2]),
            None,
            Some(&[]),
            Some(&cart),
            None,
            Some(&other[1..]),
            Some(&other[1..]),
        ];
        let without_value = [(0, Some(0)), (1, None)];
        let with_nulls = rows.iter().copied().chain([Some(&without_value[..]); 2]).collect::<Vec<_>>();
        for rows in [&rows[..], &with_nulls] {
            let entries: Vec<Entry> = rows.iter().copied().flatten().flatten().copied().collect();
            let lengths: Vec<Option<usize>> = rows.iter().map(|row| row.map(<[_]>::len)).collect();
            let key_numbers = Int32Array::from_iter_values(entries.iter().map(|entry| entry.0));
            let value_numbers: Int32Array = entries.iter().map(|entry| entry.1).collect();
            let dictionary = |numbers: Int32Array, texts: [&str; 4]| -> ArrayRef {
                Arc::new(DictionaryArray::new(numbers, Arc::new(StringArray::from_iter_values(texts))))
            };
            let plain_keys = entries.iter().map(|entry| keys[entry.0 as usize]);
            let plain_values = entries.iter().map(|entry| Some(values[entry.1? as usize]));
            let plain = map_of(
                Arc::new(StringArray::from_iter_values(plain_keys)),
                Arc::new(plain_values.collect::<StringArray>()),
                &lengths,
            );
            let read_plain = read(&plain);
            assert_eq!(
                read(&map_of(dictionary(key_numbers, keys), dictionary(value_numbers, values), &lengths)),
                read_plain
            );
            assert_eq!(read_plain[0], read_plain[1]);
            assert!(read_plain[0].0.len() > 1 && !read_plain[0].1.is_empty() && read_plain[2] != read_plain[1]);
        }
    }
}
