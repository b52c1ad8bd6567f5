//! Looks for secrets in columns of which a cell holds many values: attributes in maps and in JSON, and events.
//!
//! To decode them takes far longer than to look at them. So they are looked at in the batches that are decoded for signatures
//! anyway, and decoded once more, for the sampled rows alone, only where signatures need none of them.
//!
//! Which service a span is of is not known yet then. So it is kept which keys each row has: most rows have the same ones as
//! others, so that lists of keys have numbers.

use std::borrow::Cow;
use std::ops::Range;

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::ingest::parquet::file::cells::{attributes_at, text_at, value_at};
use crate::ingest::parquet::file::dictionaries::file_dictionary::{FileDictionary, KeysOfRows};
use crate::ingest::parquet::flat::events::EventColumns;
use crate::ingest::parquet::flat::mapping::field::Field;
use crate::ingest::parquet::flat::table::{BatchColumns, Table};
use crate::sensitive::{Glance, KeyLists, Said, SaidKey, Secrets, Spot};
use crate::span::{KeyValue, Value};

/// What the resource calls the service, whatever its attributes say beside the service's own column.
pub(super) const SERVICE_NAME: &str = "service.name";

/// Whose attributes columns hold. Columns of one part may repeat each other's keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NestedPart {
    Span,
    Resource,
    Events,
}

impl NestedPart {
    pub(crate) const ALL: [Self; 3] = [Self::Span, Self::Resource, Self::Events];

    /// Where an attribute stands; `None` if it stands elsewhere too.
    fn said(self, key: &str) -> Option<Said<'_>> {
        match self {
            Self::Span => Some(Said::attribute(key)),
            // The service's own column says it.
            Self::Resource if key == SERVICE_NAME => None,
            Self::Resource => Some(Said::resource_attribute(key)),
            Self::Events => Some(Said::event_attribute(key)),
        }
    }

    /// The fields of `table` that tell all of it in a row group; none if it says nothing there.
    pub(crate) fn fields(self, table: &Table, row_group: usize) -> Vec<Field> {
        let has = |field: &Field| {
            let column = table.mapping.field(*field);
            column.is_some_and(|column| !table.is_empty_column(row_group, column.place.root))
        };
        match self {
            Self::Span => SPAN_ATTRIBUTES.into_iter().filter(has).collect(),
            Self::Resource => Some(Field::ResourceAttributes).filter(has).into_iter().collect(),
            Self::Events => match [Field::EventNames, Field::EventTimes].iter().find(|field| has(field)) {
                // How many events there are, and what they say.
                Some(&counted) if has(&Field::EventAttributes) => vec![counted, Field::EventAttributes],
                Some(_) => Vec::new(),
                None => Some(Field::Events).filter(has).into_iter().collect(),
            },
        }
    }
}

/// The fields in which a cell holds attributes of a span.
const SPAN_ATTRIBUTES: [Field; 3] = [Field::Attributes, Field::NumberAttributes, Field::BoolAttributes];

/// What a row says: the number of its list of keys, and whether a secret may be in a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct NestedOfRow {
    keys: u32,
    may_have_secret: bool,
}

/// Spans by group of rows that say something under each key, and rows in which a secret may be.
#[derive(Debug, Default)]
pub(super) struct NestedFound {
    pub(super) spans: Vec<(SaidKey, Vec<u64>)>,
    pub(super) rows: Vec<u32>,
}

/// What is known of the dictionaries of a map, as long as batches have the same.
#[derive(Debug, Default)]
struct OfDictionaries {
    keys: FileDictionary,
    /// The numbers of its keys, as far as they were met.
    numbers: Vec<Option<u32>>,
    values: FileDictionary,
    /// The number of the key under which a value was met last in which nothing was found.
    clean_under: Vec<Option<u32>>,
}

impl OfDictionaries {
    fn begin(&mut self, keys: &ArrayRef, values: &ArrayRef) {
        for (known, of_keys, dictionary) in
            [(&mut self.keys, &mut self.numbers, keys), (&mut self.values, &mut self.clean_under, values)]
        {
            if known.changes_to(dictionary) {
                of_keys.clear();
                of_keys.resize(dictionary.len(), None);
            }
        }
    }
}

/// What attributes say that have no columns of their own, in the rows of one row group.
#[derive(Debug, Default)]
pub(crate) struct NestedValues {
    secrets: Secrets,
    glance: Glance,
    numbers: HashMap<SaidKey, u32, FixedState>,
    /// By number of the key.
    keys: Vec<(SaidKey, Spot)>,
    /// By [`NestedPart`] that may be a map.
    of_dictionaries: [OfDictionaries; 2],
    lists: KeyLists,
    /// Keys of the row, and whether a secret may be in it.
    of_row: Vec<u32>,
    may_have_secret: bool,
}

impl NestedValues {
    /// Begins a row group.
    pub(crate) fn begin(&mut self, secrets: Secrets) {
        self.secrets = secrets;
        self.numbers.clear();
        self.keys.clear();
        self.lists.clear();
        self.of_dictionaries = Default::default();
    }

    /// What the row at `at` of `batch` says in some parts.
    pub(crate) fn look(
        &mut self,
        table: &Table,
        columns: &BatchColumns,
        batch: &RecordBatch,
        at: usize,
        parts: &[NestedPart],
    ) -> NestedOfRow {
        if parts.is_empty() {
            return NestedOfRow::default();
        }
        self.of_row.clear();
        self.may_have_secret = false;
        let column = |field| table.mapping.field(field).and_then(|of| columns.get(batch, of.place));
        for part in parts {
            match part {
                NestedPart::Span => {
                    for column in SPAN_ATTRIBUTES.into_iter().filter_map(column) {
                        self.see_attributes(*part, column, at);
                    }
                }
                NestedPart::Resource => {
                    if let Some(column) = column(Field::ResourceAttributes) {
                        self.see_attributes(*part, column, at);
                    }
                }
                NestedPart::Events => {
                    let [whole, times, names, attributes] =
                        [Field::Events, Field::EventTimes, Field::EventNames, Field::EventAttributes].map(column);
                    for event in (EventColumns { whole, times, names, attributes }).at(at) {
                        for KeyValue { key, value } in event.attributes.iter().filter(|said| said.value != Value::Empty)
                        {
                            let number = self.number_of(Said::event_attribute(key));
                            self.see(number, value);
                        }
                    }
                }
            }
        }
        let keys = self.lists.number_of(&self.of_row);
        NestedOfRow { keys, may_have_secret: self.may_have_secret }
    }

    fn see_attributes(&mut self, part: NestedPart, column: &ArrayRef, at: usize) {
        if let Some(map) = column.as_map_opt()
            && let Some(keys) = KeysOfRows::of(map.keys())
            && let Some(values) = KeysOfRows::of(map.values())
        {
            if map.is_valid(at) {
                let offsets = map.value_offsets();
                self.see_entries(part, offsets[at] as usize..offsets[at + 1] as usize, keys, values);
            }
            return;
        }
        for KeyValue { key, value } in &attributes_at(column, at) {
            if *value != Value::Empty
                && let Some(said) = part.said(key)
            {
                let number = self.number_of(said);
                self.see(number, value);
            }
        }
    }

    /// The same of a map with dictionaries: most entries are those of other rows.
    fn see_entries(&mut self, part: NestedPart, entries: Range<usize>, keys: KeysOfRows<'_>, values: KeysOfRows<'_>) {
        let mut known = std::mem::take(&mut self.of_dictionaries[part as usize]);
        known.begin(keys.values, values.values);
        for entry in entries {
            let Some(value) = values.at(entry) else { continue };
            let key = keys.at(entry);
            let number = match key.and_then(|key| known.numbers.get(key).copied().flatten()) {
                Some(number) => number,
                None => {
                    let text = key.map_or(Cow::Borrowed(""), |key| text_at(keys.values, key));
                    let Some(said) = part.said(&text) else { continue };
                    let number = self.number_of(said);
                    if let Some(known) = key.and_then(|key| known.numbers.get_mut(key)) {
                        *known = Some(number);
                    }
                    number
                }
            };
            let Some(clean_under) = known.clean_under.get_mut(value) else { continue };
            if *clean_under == Some(number) {
                self.say(number);
                continue;
            }
            let value = value_at(values.values, value);
            if value != Value::Empty && self.see(number, &value) {
                *clean_under = Some(number);
            }
        }
        self.of_dictionaries[part as usize] = known;
    }

    fn number_of(&mut self, said: Said<'_>) -> u32 {
        match self.numbers.get(&said) {
            Some(&known) => known,
            None => {
                let next = self.keys.len() as u32;
                self.keys.push((said.into(), Spot::of(said, self.secrets)));
                self.numbers.insert(said.into(), next);
                next
            }
        }
    }

    /// Takes notice that the row says something under a key.
    fn say(&mut self, number: u32) {
        if !self.of_row.contains(&number) {
            self.of_row.push(number);
        }
    }

    /// Takes notice of what the row says under a key; true if nothing is found in it.
    fn see(&mut self, number: u32, value: &Value<'_>) -> bool {
        self.say(number);
        let is_clean = self.glance.is_clean(self.keys[number as usize].1, value);
        self.may_have_secret |= !is_clean;
        is_clean
    }

    /// What `rows` say, of which each has its number and that of its group; there are so many groups. Group 0 is for rows that are
    /// left out.
    pub(super) fn found(&self, rows: impl Iterator<Item = (NestedOfRow, (u32, u32))>, groups: usize) -> NestedFound {
        let mut found = NestedFound::default();
        let mut rows_with_list: HashMap<[u32; 2], u64, FixedState> = HashMap::default();
        for (NestedOfRow { keys, may_have_secret }, (row, group)) in rows.filter(|(_, (_, group))| *group > 0) {
            *rows_with_list.entry([keys, group]).or_default() += 1;
            if may_have_secret {
                found.rows.push(row);
            }
        }
        let lists = self.lists.by_number();
        let mut spans: Vec<Vec<u64>> = vec![vec![0; groups + 1]; self.keys.len()];
        for ([list, group], rows) in rows_with_list {
            let keys = lists.get(list as usize).copied().unwrap_or_default();
            keys.iter().for_each(|&key| spans[key as usize][group as usize] += rows);
        }
        found.spans = self.keys.iter().map(|(said, _)| said.clone()).zip(spans).collect();
        found
    }
}
