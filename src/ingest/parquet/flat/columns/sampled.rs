//! Looks for secrets in the rows of sampled traces, column by column.
//!
//! Most texts come again and again, and in most nothing is found. So of a column that has one value a row the values are looked at
//! that its dictionary has, and a row costs a look at what is known of its key; attributes in maps and in JSON, and events, are
//! decoded for these rows alone. What spans say is counted here; the few rows in which something is found, or of which the service
//! is not in its column, are read once more with all that they say.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, BooleanBufferBuilder};
use arrow::buffer::BooleanBuffer;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use parquet::errors::ParquetError;
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use crate::ingest::IngestError;
use crate::ingest::parquet::file::cell::Cell;
use crate::ingest::parquet::file::cells::value_at;
use crate::ingest::parquet::file::guard::guarded;
use crate::ingest::parquet::file::pages::{ColumnPages, ValueType};
use crate::ingest::parquet::flat::mapping::dialect::Place;
use crate::ingest::parquet::flat::mapping::field::Field;
use crate::ingest::parquet::flat::mapping::stores::Owner;
use crate::ingest::parquet::flat::table::Table;
use crate::ingest::source::shared_file::SharedFile;
use crate::sensitive::{Glance, Said, Scan, Secrets, Spot};
use crate::span::{UNKNOWN_SERVICE, Value};

use super::nested::{NestedOfRow, NestedPart, NestedValues, SERVICE_NAME};

/// A row, counted from the first of its row group, and the level of its trace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SampledRow {
    /// The number of the row.
    pub(crate) row: u32,
    /// The level of its trace.
    pub(crate) level: u32,
    /// What it says in the parts that were looked at when it came.
    pub(crate) nested: NestedOfRow,
}

/// Rows that must be read with all that they say.
#[derive(Debug, Default)]
pub(crate) struct RowsToRead {
    /// Those of which is counted already that they say something.
    pub(crate) counted: Vec<SampledRow>,
    /// The others.
    pub(crate) not_counted: Vec<SampledRow>,
}

/// The columns of a table in which secrets may be.
pub(crate) struct SampledColumns<'a> {
    table: &'a Table,
    columns: Vec<SampledColumn<'a>>,
    /// Whether each column says something of its own.
    are_distinct: bool,
    /// Whether some are those of attributes, which columns of many attributes may repeat.
    have_attributes: bool,
}

/// A column that has one value a row.
struct SampledColumn<'a> {
    said: Said<'a>,
    root: usize,
    value_type: Option<ValueType>,
}

/// The sampled rows of a row group by level and service.
struct Grouped {
    /// Which rows they are.
    rows: BooleanBuffer,
    /// The same rows ascending, each with the number of its group, from 1 on; 0 is for those that are left out.
    groups_of_rows: Vec<(u32, u32)>,
    /// The level and the service of each group.
    groups: Vec<(u32, Box<str>)>,
}

impl Grouped {
    /// The groups of rows that are asked for in their order. Few rows of many are sampled, so that a list of them stays near while
    /// one by all rows does not.
    fn walk(&self) -> impl FnMut(usize) -> usize {
        let mut left = self.groups_of_rows.iter();
        move |row| left.find(|(sampled, _)| *sampled as usize == row).map_or(0, |&(_, group)| group as usize)
    }
}

/// What was found in a column.
struct Found {
    /// Spans that say something, by group.
    spans: Vec<u64>,
    /// Rows in which a secret may be.
    rows: Vec<u32>,
}

impl<'a> SampledColumns<'a> {
    /// Those of `table`.
    pub(crate) fn of(table: &'a Table) -> Self {
        let mapping = &table.mapping;
        let fields = [
            (Field::Service, Said::resource_attribute(SERVICE_NAME)),
            (Field::Name, Said::NAME),
            (Field::StatusMessage, Said::STATUS_MESSAGE),
        ];
        let of_fields = fields.into_iter().filter_map(|(field, said)| Some((said, mapping.field(field)?.place)));
        let flat = if mapping.columns_repeat_attributes { &[] } else { &mapping.flat[..] };
        let of_attributes = flat.iter().filter_map(|flat| {
            let said = match flat.owner {
                Owner::Span => Said::attribute(&flat.key),
                Owner::Resource => Said::resource_attribute(&flat.key),
                Owner::Scope => return None,
            };
            Some((said, Place { root: flat.root, child: None }))
        });
        let mut are_distinct = mapping.field(Field::Service).is_some();
        let mut columns: Vec<SampledColumn<'a>> = Vec::new();
        for (said, place) in of_fields.chain(of_attributes) {
            let data_type = table.data_type(place);
            are_distinct &= data_type.is_some() && columns.iter().all(|known| known.said != said);
            columns.push(SampledColumn { said, root: place.root, value_type: data_type.and_then(ValueType::of_text) });
        }
        Self { table, columns, are_distinct, have_attributes: !flat.is_empty() }
    }

    /// Whether what the spans of a row group say can be looked at by columns.
    pub(crate) fn can_look_at(&self, row_group: usize) -> bool {
        let of_attributes = [NestedPart::Span, NestedPart::Resource];
        self.are_distinct && (!self.have_attributes || self.roots_of_parts(row_group, &of_attributes).is_empty())
    }

    /// The root fields that are looked at.
    pub(crate) fn roots(&self, row_group: usize) -> Vec<usize> {
        let of_columns = self.columns.iter().map(|column| column.root);
        of_columns.chain(self.roots_of_parts(row_group, &NestedPart::ALL)).collect()
    }

    /// Those of some parts.
    fn roots_of_parts(&self, row_group: usize, parts: &[NestedPart]) -> Vec<usize> {
        let fields = parts.iter().flat_map(|part| part.fields(self.table, row_group));
        fields.filter_map(|field| Some(self.table.mapping.field(field)?.place.root)).collect()
    }

    /// The parts of a row group of which `roots` hold everything.
    pub(crate) fn parts_in(&self, row_group: usize, roots: &[usize]) -> Vec<NestedPart> {
        let is_in = |part: &NestedPart| {
            let needed = self.roots_of_parts(row_group, &[*part]);
            !needed.is_empty() && needed.iter().all(|root| roots.contains(root))
        };
        NestedPart::ALL.into_iter().filter(is_in).collect()
    }

    /// Looks at some rows of a row group, which come in their order, and of which some parts were looked at before: `nested` tells
    /// what they say. `file` is prepared for [its columns](Self::roots).
    pub(crate) fn look_at(
        &self,
        file: &Arc<SharedFile>,
        row_group: usize,
        rows: &[SampledRow],
        (nested, parts): (&NestedValues, &[NestedPart]),
        scan: &mut Scan,
    ) -> Result<RowsToRead, IngestError> {
        let secrets = scan.secrets();
        let parts_left: Vec<NestedPart> = NestedPart::ALL.into_iter().filter(|part| !parts.contains(part)).collect();
        let read = guarded(|| {
            Ok((|| {
                let grouped = self.group(file, row_group, rows)?;
                let find = |column: &SampledColumn<'_>| self.find(file, row_group, column, &grouped, secrets);
                let look = |&part: &NestedPart| guarded(|| Ok(self.look_at_part(file, row_group, rows, part, secrets)));
                let (found, left) = rayon::join(
                    || self.columns.par_iter().map(find).collect::<Result<Vec<Found>, IngestError>>(),
                    || parts_left.par_iter().map(look).collect::<Result<Vec<_>, ParquetError>>(),
                );
                Ok((grouped, found?, left))
            })())
        });
        let failure = |error: ParquetError| {
            self.table.footer.failure(row_group, self.table.footer.first_row_of(row_group), &error)
        };
        let (grouped, found, left) = read.unwrap_or_else(|error| Err(failure(error)))?;
        let left: Vec<(NestedValues, Vec<NestedOfRow>)> = match left {
            Ok(left) => left.into_iter().collect::<Result<_, _>>()?,
            Err(error) => return Err(failure(error)),
        };
        let (groups, count) = (grouped.groups_of_rows.iter().copied(), grouped.groups.len());
        let mut nested = vec![nested.found(rows.iter().map(|row| row.nested).zip(groups.clone()), count)];
        nested.extend(
            left.into_iter().map(|(values, of_rows)| values.found(of_rows.into_iter().zip(groups.clone()), count)),
        );
        let of_columns = self.columns.iter().zip(&found).map(|(column, found)| (column.said, &found.spans));
        let of_nested = nested.iter().flat_map(|found| &found.spans);
        for (said, spans) in of_columns.chain(of_nested.map(|(said, spans)| (said.said(), spans))) {
            for ((level, service), &spans) in grouped.groups.iter().zip(&spans[1..]) {
                scan.count_spans(*level, service, said, spans);
            }
        }
        let of_nested = nested.into_iter().map(|found| found.rows);
        let mut with_finds: Vec<u32> = found.into_iter().map(|found| found.rows).chain(of_nested).flatten().collect();
        with_finds.sort_unstable();
        let mut to_read = RowsToRead::default();
        for (&row, &(_, group)) in rows.iter().zip(&grouped.groups_of_rows) {
            if group == 0 {
                to_read.not_counted.push(row);
            } else if with_finds.binary_search(&row.row).is_ok() {
                to_read.counted.push(row);
            }
        }
        Ok(to_read)
    }

    /// Groups rows by level and service.
    fn group(&self, file: &Arc<SharedFile>, row_group: usize, rows: &[SampledRow]) -> Result<Grouped, IngestError> {
        let count = rows.last().map_or(0, |last| last.row as usize + 1);
        let mut wanted = BooleanBufferBuilder::new(count);
        wanted.resize(count);
        rows.iter().for_each(|row| wanted.set_bit(row.row as usize, true));
        let wanted = wanted.finish();
        let mut grouped =
            Grouped { rows: wanted, groups_of_rows: rows.iter().map(|row| (row.row, 0)).collect(), groups: Vec::new() };
        let mut names: Vec<Box<str>> = Vec::new();
        let mut numbers: HashMap<Box<str>, u32, FixedState> = HashMap::default();
        let mut number_of = |value: &Value<'_>| {
            let service = value.to_text();
            // What such spans are called, their resources may tell.
            if matches!(&*service, "" | UNKNOWN_SERVICE) {
                return 0;
            }
            *numbers.entry(Box::from(&*service)).or_insert_with(|| {
                names.push(Box::from(&*service));
                names.len() as u32
            })
        };
        let mut of_keys: Vec<Option<u32>> = Vec::new();
        let mut left = grouped.groups_of_rows.iter_mut();
        self.for_each_value(file, row_group, &self.columns[0], &grouped.rows, |row, value| {
            let service = match value {
                Looked::Key(key, dictionary) => {
                    of_keys.resize(dictionary.len(), None);
                    *of_keys[key].get_or_insert_with(|| number_of(&value_at(dictionary, key)))
                }
                Looked::Value(value) => number_of(value),
            };
            if let Some((_, group)) = left.find(|(sampled, _)| *sampled as usize == row) {
                *group = service;
            }
        })?;
        let mut known: HashMap<(u32, u32), u32, FixedState> = HashMap::default();
        for (row, (_, group)) in rows.iter().zip(&mut grouped.groups_of_rows) {
            if *group > 0 {
                let service = &names[*group as usize - 1];
                *group = *known.entry((row.level, *group)).or_insert_with(|| {
                    grouped.groups.push((row.level, service.clone()));
                    grouped.groups.len() as u32
                });
            }
        }
        Ok(grouped)
    }

    /// Finds what a column says that has one value a row.
    fn find(
        &self,
        file: &Arc<SharedFile>,
        row_group: usize,
        column: &SampledColumn<'_>,
        grouped: &Grouped,
        secrets: Secrets,
    ) -> Result<Found, IngestError> {
        let spot = Spot::of(column.said, secrets);
        let mut glance = Glance::default();
        // Whether nothing is found in a value, and whether it is empty.
        let mut of_value = |value: &Value<'_>| (glance.is_clean(spot, value), value.to_text().is_empty());
        let mut of_keys: Vec<Option<(bool, bool)>> = Vec::new();
        let mut found = Found::none(grouped);
        // No message is not even an empty one.
        let counts_empty = column.said != Said::STATUS_MESSAGE;
        let mut group_of = grouped.walk();
        self.for_each_value(file, row_group, column, &grouped.rows, |row, value| {
            let group = group_of(row);
            if group == 0 {
                return;
            }
            let (is_clean, is_empty) = match value {
                Looked::Key(key, dictionary) => {
                    of_keys.resize(dictionary.len(), None);
                    *of_keys[key].get_or_insert_with(|| of_value(&value_at(dictionary, key)))
                }
                Looked::Value(value) => of_value(value),
            };
            found.spans[group] += u64::from(counts_empty || !is_empty);
            if !is_clean {
                found.rows.push(row as u32);
            }
        })?;
        // Every span has a name, though it may be empty.
        if column.said == Said::NAME {
            found.spans.fill(0);
            grouped.groups_of_rows.iter().for_each(|&(_, group)| found.spans[group as usize] += 1);
        }
        Ok(found)
    }

    /// Looks at a part of all of the rows, which signatures do not need.
    fn look_at_part(
        &self,
        file: &Arc<SharedFile>,
        row_group: usize,
        rows: &[SampledRow],
        part: NestedPart,
        secrets: Secrets,
    ) -> Result<(NestedValues, Vec<NestedOfRow>), IngestError> {
        let (mut values, mut of_rows) = (NestedValues::default(), Vec::with_capacity(rows.len()));
        let roots = self.roots_of_parts(row_group, &[part]);
        if roots.is_empty() {
            return Ok((values, of_rows));
        }
        values.begin(secrets);
        let rows: Vec<usize> = rows.iter().map(|row| row.row as usize).collect();
        let mut batches = self.table.batches_of_rows((**file).clone(), row_group, &roots, &rows, true)?;
        while let Some(batch) = self.table.next_batch(&mut batches) {
            let (_, batch) = batch?;
            let look = |at| values.look(self.table, &batches.columns, &batch, at, &[part]);
            of_rows.extend((0..batch.num_rows()).map(look));
        }
        Ok((values, of_rows))
    }

    /// Hands over the values that the `wanted` rows of a row group have in a column.
    fn for_each_value(
        &self,
        file: &Arc<SharedFile>,
        row_group: usize,
        column: &SampledColumn<'_>,
        wanted: &BooleanBuffer,
        mut take: impl FnMut(usize, Looked<'_>),
    ) -> Result<(), IngestError> {
        let pages = match column.value_type {
            Some(value_type) => self.table.pages(file, row_group, column.root, value_type)?,
            None => None,
        };
        if let Some(pages) = pages {
            let read = guarded(|| for_each_value_of_pages(pages, wanted, &mut take));
            let first_row = self.table.footer.first_row_of(row_group);
            return read.map_err(|error| self.table.footer.failure(row_group, first_row, &error));
        }
        let mut batches = self.table.batches_of((**file).clone(), row_group, &[column.root], false)?;
        let mut first = 0;
        while let Some(batch) = self.table.next_batch(&mut batches) {
            let (_, batch) = batch?;
            let Some(values) = batches.columns.get(&batch, Place { root: column.root, child: None }) else { break };
            let rows = values.len().min(wanted.len().saturating_sub(first));
            for row in wanted.slice(first.min(wanted.len()), rows).set_indices() {
                let value = value_at(values, row);
                if value != Value::Empty {
                    take(first + row, Looked::Value(&value));
                }
            }
            first += values.len();
        }
        Ok(())
    }
}

impl Found {
    fn none(grouped: &Grouped) -> Self {
        Self { spans: vec![0; grouped.groups.len() + 1], rows: Vec::new() }
    }
}

/// A value, or where it is in a dictionary.
enum Looked<'a> {
    Key(usize, &'a ArrayRef),
    Value(&'a Value<'a>),
}

fn for_each_value_of_pages(
    mut pages: ColumnPages,
    wanted: &BooleanBuffer,
    take: &mut impl FnMut(usize, Looked<'_>),
) -> Result<(), ParquetError> {
    let dictionary = pages.dictionary()?.cloned();
    pages.for_each_value_of(wanted, |row, cell| match cell {
        Cell::Key(key) => {
            if let Some(dictionary) = &dictionary {
                take(row, Looked::Key(key as usize, dictionary));
            }
        }
        Cell::Text(text) => take(row, Looked::Value(&Value::Str(text.into()))),
        Cell::Bytes(bytes) => take(row, Looked::Value(&Value::Str(String::from_utf8_lossy(bytes)))),
        Cell::Number(number) => take(row, Looked::Value(&Value::Int(number))),
    })
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        ArrayRef, BooleanArray, Float64Array, Int64Array, MapBuilder, RecordBatch, StringArray, StringBuilder,
    };
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::WriterProperties;

    use super::*;
    use crate::frame::{Collecting, FrameBuilder};
    use crate::ingest::parquet::file::footer::Footer;
    use crate::ingest::parquet::flat::{columnar, records};
    use crate::sensitive::{Sampling, SensitiveFacts};

    const ROWS: usize = 4_000;

    type Texts<'a> = &'a dyn Fn(&dyn Fn(usize) -> Option<String>) -> ArrayRef;
    type Numbers<'a> = &'a dyn Fn(&dyn Fn(usize) -> Option<i64>) -> ArrayRef;

    /// Attributes that have columns of their own.
    fn flat_columns(texts: Texts<'_>, numbers: Numbers<'_>) -> Vec<(&'static str, ArrayRef)> {
        vec![
            ("user.email", texts(&|row| (row % 19 == 0).then(|| format!("kim{}@shop-mail.com", row % 4)))),
            (
                "url.full",
                texts(&|row| {
                    (row % 3 == 0).then(|| match row % 9 {
                        0 => format!("https://h/p?access_token=Zk3v9Qx{row}"),
                        _ => format!("https://h/p/{row}"),
                    })
                }),
            ),
            ("payment.card", numbers(&|row| (row % 23 == 0).then_some(4_556_737_586_899_855 + row as i64))),
            ("retries", numbers(&|row| (row % 2 == 0).then_some(3))),
            ("cached", Arc::new((0..ROWS).map(|row| (row % 4 == 0).then_some(true)).collect::<BooleanArray>())),
            ("ratio", Arc::new((0..ROWS).map(|row| (row % 5 == 0).then_some(0.5)).collect::<Float64Array>())),
        ]
    }

    /// Attributes and events in JSON.
    fn nested_columns(texts: Texts<'_>) -> Vec<(&'static str, ArrayRef)> {
        let attributes = texts(&|row| {
            Some(match row % 6 {
                0 => format!(r#"{{"user.email":"kim{}@shop-mail.com","n":4,"ok":true}}"#, row % 4),
                1 => format!(r#"{{"payment.card":{},"note":""}}"#, 4_556_737_586_899_855 + row),
                2 => String::new(),
                _ => format!(r#"{{"url.full":"https://h/{row}","n":1.5}}"#),
            })
        });
        let resources = texts(&|row| match row % 5 {
            0 => Some(r#"{"service.name":"told-by-the-resource","db.password":"tRustN0one!"}"#.to_owned()),
            1 => Some(r#"{"host.name":"h1"}"#.to_owned()),
            _ => None,
        });
        let events = texts(&|row| {
            (row % 29 == 0).then(|| format!(r#"[{{"name":"e","attributes":{{"token":"a8Kf39dKq02LsPw7Zx{row}"}}}}]"#))
        });
        vec![("attributes", attributes), ("resource_attributes", resources), ("events", events)]
    }

    /// Where attributes stand.
    #[derive(Clone, Copy, PartialEq, Debug)]
    enum Attributes {
        Columns,
        Json,
        Maps,
    }

    type Entries = Vec<(&'static str, Option<String>)>;

    fn maps(entries_of: &dyn Fn(usize) -> Option<Entries>) -> ArrayRef {
        let mut maps = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
        for row in 0..ROWS {
            let entries = entries_of(row);
            for (key, value) in entries.iter().flatten() {
                maps.keys().append_value(key);
                maps.values().append_option(value.as_ref());
            }
            maps.append(entries.is_some()).expect("keys and values");
        }
        Arc::new(maps.finish())
    }

    /// Attributes in maps, with values that stand under several keys, and keys that have no value.
    fn map_columns() -> Vec<(&'static str, ArrayRef)> {
        let attributes = maps(&|row| {
            let email = || Some(format!("kim{}@shop-mail.com", row % 4));
            match row % 6 {
                0 => Some(vec![("user.email", email()), ("n", Some("4".to_owned()))]),
                1 => Some(vec![
                    ("payment.card", Some(format!("{}", 4_556_737_586_899_855 + row as i64))),
                    ("note", None),
                ]),
                2 => Some(Vec::new()),
                3 => None,
                _ => Some(vec![("db.password", Some("tRustN0one!".to_owned())), ("n", Some("tRustN0one!".to_owned()))]),
            }
        });
        let resources = maps(&|row| {
            let service = ("service.name", Some("told-by-the-resource".to_owned()));
            Some(vec![service, ("host.name", Some(format!("h{}", row % 3))), ("n", Some("4".to_owned()))])
        });
        vec![("attributes", attributes), ("resource_attributes", resources)]
    }

    /// A table with something to find in each sort of column.
    fn table(dictionaries: bool, attributes: Attributes) -> Table {
        let texts = |text: &dyn Fn(usize) -> Option<String>| -> ArrayRef {
            Arc::new((0..ROWS).map(text).collect::<StringArray>())
        };
        let numbers = |number: &dyn Fn(usize) -> Option<i64>| -> ArrayRef {
            Arc::new((0..ROWS).map(number).collect::<Int64Array>())
        };
        let mut columns: Vec<(&str, ArrayRef)> = vec![
            ("trace_id", texts(&|row| Some(format!("{:032x}", row / 7 + 1)))),
            // Some rows are none that can be taken.
            ("span_id", texts(&|row| Some(format!("{:016x}", if row % 501 == 3 { 0 } else { row + 1 })))),
            ("start_time_unix_nano", numbers(&|row| Some(1_700_000_000_000_000_000 + row as i64))),
            ("duration_nano", numbers(&|_| Some(5))),
            ("name", texts(&|row| (row % 11 != 0).then(|| format!("GET /{}", row % 5)))),
            (
                "status_message",
                texts(&|row| match row % 13 {
                    0 => Some("Authorization: Bearer a8Kf39dKq02LsPw7Zx41".to_owned()),
                    1 => Some(String::new()),
                    _ => None,
                }),
            ),
            (
                "service_name",
                texts(&|row| match row % 17 {
                    0 => None,
                    1 => Some("unknown_service".to_owned()),
                    other => Some(format!("s{}", other % 3)),
                }),
            ),
        ];
        columns.extend(match attributes {
            Attributes::Columns => flat_columns(&texts, &numbers),
            Attributes::Json => nested_columns(&texts),
            Attributes::Maps => map_columns(),
        });
        let columns = columns.into_iter().map(|(name, column)| (name, column, true));
        let batch = RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length");
        let mut file = tempfile::tempfile().expect("a file");
        let properties = WriterProperties::builder()
            .set_dictionary_enabled(dictionaries)
            .set_max_row_group_row_count(Some(ROWS / 3))
            .build();
        let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), Some(properties)).expect("a writer");
        writer.write(&batch).expect("written");
        writer.close().expect("closed");
        Footer::open(SharedFile::new(file).expect("a file"), "spans.parquet".as_ref())
            .and_then(Table::of)
            .expect("a table of spans")
    }

    /// What was found, in order.
    fn told(facts: SensitiveFacts<Box<str>>) -> [Vec<String>; 4] {
        let mut traces: Vec<_> = facts.traces.iter().map(|trace| format!("{trace:?}")).collect();
        let mut found: Vec<_> = facts
            .found
            .iter()
            .map(|(key, of)| {
                let sizes = [of.traces.len(), of.values.len(), of.operations.len()];
                format!("{key:?} {} {sizes:?} {:?} {:?}", of.spans, of.seen, of.example)
            })
            .collect();
        let mut numbers: Vec<_> = facts.numbers.iter().map(|(key, of)| format!("{key:?} {}", of.len())).collect();
        let mut spans: Vec<_> = facts.spans.iter().map(|entry| format!("{entry:?}")).collect();
        [&mut traces, &mut found, &mut numbers, &mut spans].into_iter().for_each(|list| list.sort_unstable());
        [traces, found, numbers, spans]
    }

    /// Columns tell what spans tell one by one, with dictionaries and without, whether all traces are looked at or few.
    #[test]
    fn columns_say_what_spans_say() {
        for case in 0..12 {
            let [dictionaries, takes_all] = [1, 2].map(|bit| case & bit > 0);
            let most = if takes_all { ROWS } else { 60 };
            let attributes = [Attributes::Columns, Attributes::Json, Attributes::Maps][case / 4];
            let table = table(dictionaries, attributes);
            let row_groups = table.footer.row_groups();
            assert!(row_groups > 1 && SampledColumns::of(&table).can_look_at(0));
            let builder = || {
                let sampling = Some(Arc::new(Sampling::new(most, false)));
                FrameBuilder::of(&Collecting { sampling, ..Collecting::default() })
            };
            let mut by_columns = columnar::read_row_groups(&table, 0..row_groups, builder(), &|_| {});
            by_columns.scan(&table);
            let mut by_spans = builder();
            for row_group in 0..row_groups {
                records::read_row_group(&table, row_group, &mut by_spans).expect("rows");
            }
            let [by_columns, by_spans] =
                [&mut by_columns.builder, &mut by_spans].map(|of| told(of.take_sensitive_facts().expect("facts")));
            assert!(by_spans[1].len() > 9 && by_spans.iter().all(|list| !list.is_empty()), "{by_spans:?}");
            assert_eq!(by_columns, by_spans, "dictionaries {dictionaries}, {attributes:?}, {most} traces");
        }
    }
}
