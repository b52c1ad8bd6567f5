//! The fast way from a table's columns to a frame: by dictionary indices, with no record for a span.
//!
//! Of each text column a batch brings indices; the indices of a row together are looked up in a table of those that came
//! before, so that a signature is worked out once for each combination and a span costs a lookup.
//!
//! A thread reads a row group batch by batch, and a thread that has nothing to do, because row groups are fewer or the
//! others are done, helps with each batch, of whose three parts it takes one, and who is done first the third:
//!
//! ```text
//! ids, times                                ─┐
//! texts to normalise (queries, URLs)        ─┼─▶ row by row: sum of fingerprints ─▶ signature ─▶ frame
//! texts kept whole, then those of peers     ─┘
//! ```
//!
//! Each writes fingerprints to arrays of its own, which are summed row by row, so that it makes no difference who was
//! first. Attributes in maps and in JSON, events and links are read by the one thread, before the rows.

use std::sync::Arc;

use arrow::array::RecordBatch;
use parquet::errors::ParquetError;

use super::columns::nested::{NestedPart, NestedValues};
use super::columns::row::RowColumns;
use super::columns::sampled::{RowsToRead, SampledColumns, SampledRow};
use super::columns::signature::{AskedAttributes, Needed, SignatureColumns};
use super::ids::IdColumn;
use super::mapping::dialect::Place;
use super::mapping::field::Field;
use super::records;
use super::table::{BatchColumns, Table};
use crate::frame::{FrameBuilder, SpanSink, ValueCaps};
use crate::ingest::parquet::file::dictionaries::text_dictionary::TextDictionary;
use crate::ingest::parquet::file::guard::guarded;
use crate::ingest::source::shared_file::SharedFile;
use crate::ingest::{IngestError, TraceIds};
use crate::sensitive::level_of;
use crate::span::{Origin, SkipReason, SpanRecord, TraceId};

/// What some row groups gave.
pub(crate) struct ReadRowGroups {
    /// The spans.
    pub(crate) builder: FrameBuilder,
    /// Row groups that are not complete, and why.
    pub(crate) failures: Vec<(usize, IngestError)>,
    /// Ids that were replaced by a hash of their text.
    pub(crate) opaque_ids: u64,
    /// Rows of sampled traces that must be read once more, by row group.
    to_read: Vec<(usize, RowsToRead)>,
}

impl ReadRowGroups {
    /// Looks for secrets in the spans of sampled traces that must be read once more with all that their rows say, once which traces
    /// these are is known from as many ids as can be. What cannot be read of them is no more than missing in a sample.
    pub(crate) fn scan(&mut self, table: &Table) {
        let Self { builder, to_read, .. } = self;
        let Some(lowest) = builder.sampled_level() else { return };
        for (row_group, RowsToRead { counted, not_counted }) in to_read.drain(..) {
            for (rows, is_counted) in [(counted, true), (not_counted, false)] {
                let rows: Vec<usize> =
                    rows.into_iter().filter(|row| row.level >= lowest).map(|row| row.row as usize).collect();
                if !rows.is_empty() {
                    let _ = records::read_rows(table, row_group, &rows, &mut Scanned { builder, is_counted });
                }
            }
        }
    }
}

/// Reads some row groups into `builder`.
pub(crate) fn read_row_groups(
    table: &Table,
    row_groups: impl Iterator<Item = usize>,
    mut builder: FrameBuilder,
    on_row_group: &(dyn Fn(usize) + Sync),
) -> ReadRowGroups {
    let caps = Arc::clone(&builder.caps);
    let asked = AskedAttributes { own: builder.own_attributes(), of_resources: builder.resource_attributes };
    let mut reader = ColumnReader::new(table, &caps, asked);
    let mut failures = Vec::new();
    let mut opaque_ids = 0;
    let mut to_read = Vec::new();
    for row_group in row_groups {
        let mut row = table.footer.first_row_of(row_group);
        // A panic while a batch is taken is as much the fault of hostile bytes as one while it is decoded.
        let read = guarded(|| Ok(reader.read_row_group(row_group, &mut builder, &mut row)));
        let read = read.unwrap_or_else(|error: ParquetError| {
            reader = ColumnReader::new(table, &caps, asked);
            Err(table.footer.failure(row_group, row, &error))
        });
        if let Err(failure) = read {
            builder.skip(SkipReason::MalformedMessage, row);
            failures.push((row_group, failure));
        }
        if let Some(rows) = reader.look_at_sampled(row_group, &mut builder) {
            to_read.push((row_group, rows));
        }
        opaque_ids += reader.rows.take_opaque_ids();
        on_row_group(row_group);
    }
    ReadRowGroups { builder, failures, opaque_ids, to_read }
}

/// Whether a row group has spans of `wanted` traces; also if its trace ids cannot be read, so that this is told once.
pub(crate) fn has_trace(table: &Table, row_group: usize, wanted: &TraceIds) -> bool {
    let Some(column) = table.mapping.field(Field::TraceId) else {
        return true;
    };
    let find = || {
        let mut ids = IdColumn::default();
        let mut trace_ids: Vec<TraceId> = Vec::new();
        let mut batches = table.batches(row_group, &[column.place.root], true)?;
        while let Some(batch) = table.next_batch(&mut batches) {
            let (_, batch) = batch?;
            if let Some(array) = batches.columns.get(&batch, column.place) {
                ids.read(array, &mut trace_ids);
            }
            if trace_ids.iter().any(|trace_id| wanted.contains(trace_id)) {
                return Ok(true);
            }
        }
        Ok::<bool, IngestError>(false)
    };
    !wanted.is_empty() && guarded(|| Ok(find())).ok().and_then(Result::ok).unwrap_or(true)
}

/// Hands spans of sampled traces to a builder that has their rows already.
struct Scanned<'a> {
    builder: &'a mut FrameBuilder,
    is_counted: bool,
}

impl SpanSink for Scanned<'_> {
    fn span(&mut self, origin: &Origin<'_>, span: &SpanRecord<'_>, _offset: u64) {
        self.builder.scan(origin, span, self.is_counted);
    }

    fn skip(&mut self, _reason: SkipReason, _offset: u64) {}

    fn wants_everything(&self) -> bool {
        true
    }
}

struct ColumnReader<'a> {
    table: &'a Table,
    /// Rows of the row group that are of traces that were sampled when they came.
    sampled: Vec<SampledRow>,
    sampled_columns: SampledColumns<'a>,
    /// What these rows say in the parts that are looked at when they come.
    nested: NestedValues,
    nested_parts: Vec<NestedPart>,
    /// What the row group is read from.
    file: Option<Arc<SharedFile>>,
    rows: RowColumns<'a>,
    record_types: TextDictionary,
    record_type_indices: Vec<u32>,
    signatures: SignatureColumns,
}

impl<'a> ColumnReader<'a> {
    fn new(table: &'a Table, caps: &Arc<ValueCaps>, asked: AskedAttributes) -> Self {
        Self {
            table,
            sampled: Vec::new(),
            sampled_columns: SampledColumns::of(table),
            nested: NestedValues::default(),
            nested_parts: Vec::new(),
            file: None,
            rows: RowColumns::new(table),
            record_types: TextDictionary::default(),
            record_type_indices: Vec::new(),
            signatures: SignatureColumns::new(table, caps, asked),
        }
    }

    /// Reads a row group. `row` is always the number of the first row that was not taken.
    fn read_row_group(
        &mut self,
        row_group: usize,
        builder: &mut FrameBuilder,
        row: &mut u64,
    ) -> Result<(), IngestError> {
        self.sampled.clear();
        let Needed { texts, others: mut roots } = self.needed(row_group);
        let mut all = [self.rows.roots(row_group), texts, roots.clone()].concat();
        if builder.sampled_level().is_some() {
            all.extend(self.sampled_columns.roots(row_group));
        }
        let file = Arc::new(self.table.file_for(row_group, &all)?);
        self.file = Some(Arc::clone(&file));
        if let Some(root) = self.signatures.root_in_vain(self.table, &file, row_group) {
            roots.retain(|&needed| needed != root);
        }
        self.rows.open(&file, row_group, &mut roots)?;
        self.signatures.open_pages(self.table, &file, row_group, &mut roots)?;
        self.nested_parts.clear();
        if let Some(scan) = builder.scan_mut().filter(|scan| scan.counts_by_level())
            && self.sampled_columns.can_look_at(row_group)
        {
            self.nested.begin(scan.secrets());
            self.nested_parts = self.sampled_columns.parts_in(row_group, &roots);
        }
        let first_row_of_group = self.table.footer.first_row_of(row_group);
        let mut batches = self.table.batches_of((*file).clone(), row_group, &roots, true)?;
        while let Some(batch) = self.table.next_batch(&mut batches) {
            let (first_row, batch) = batch?;
            self.take_batch(&batches.columns, &batch, [first_row_of_group, first_row], builder)
                .map_err(|error| self.table.footer.failure(row_group, first_row, &error))?;
            *row = first_row + batch.num_rows() as u64;
        }
        Ok(())
    }

    /// Looks for secrets in the sampled rows that were taken of a row group; the answer are those that must be read with all that
    /// they say. What cannot be read of them is no more than missing in a sample.
    fn look_at_sampled(&mut self, row_group: usize, builder: &mut FrameBuilder) -> Option<RowsToRead> {
        let file = self.file.take()?;
        let mut rows = std::mem::take(&mut self.sampled);
        let scan = builder.scan_mut()?;
        rows.retain(|row| row.level >= scan.level());
        if rows.is_empty() {
            return None;
        }
        if scan.counts_by_level() && self.sampled_columns.can_look_at(row_group) {
            let nested = (&self.nested, &self.nested_parts[..]);
            return self.sampled_columns.look_at(&file, row_group, &rows, nested, scan).ok();
        }
        Some(RowsToRead { counted: Vec::new(), not_counted: rows })
    }

    /// What is needed of a row group beside ids and times.
    fn needed(&self, row_group: usize) -> Needed {
        let mut needed = self.signatures.needed(self.table, row_group);
        needed.others.extend(self.record_type().map(|place| place.root));
        needed
    }

    /// The column that tells spans from other rows.
    fn record_type(&self) -> Option<Place> {
        self.table.mapping.field(Field::RecordType).map(|column| column.place)
    }

    fn take_batch(
        &mut self,
        columns: &BatchColumns,
        batch: &RecordBatch,
        [first_row_of_group, first_row]: [u64; 2],
        builder: &mut FrameBuilder,
    ) -> Result<(), ParquetError> {
        let record_type = self.record_type();
        let Self { table, sampled, nested, nested_parts, rows, record_types, record_type_indices, signatures, .. } =
            self;
        let is_scanned = builder.sampled_level().is_some();
        record_type_indices.clear();
        if let Some(column) = record_type.and_then(|place| columns.get(batch, place)) {
            record_types.read(column, record_type_indices);
        }
        let is_span = |row: usize| match table.mapping.only {
            Some(span) => record_type_indices.get(row).is_some_and(|&index| record_types.text(index) == span),
            None => true,
        };
        signatures.begin_batch(columns, batch, rows)?;
        for at in 0..batch.num_rows() {
            let offset = first_row + at as u64;
            if !is_span(at) {
                builder.skip(SkipReason::OtherSignal, offset);
                continue;
            }
            let span = rows.at(at);
            let (signature, arguments) = signatures.at(at, span.trace_id, builder);
            builder.push_row(span, signature, arguments, signatures.own_values(at), offset);
            if is_scanned && builder.samples(span) {
                // Row groups of more rows than that are none that anybody writes.
                let row = u32::try_from(offset - first_row_of_group).unwrap_or(u32::MAX);
                let nested = nested.look(table, columns, batch, at, nested_parts);
                sampled.push(SampledRow { row, level: level_of(span.trace_id), nested });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, ListBuilder, MapBuilder, StringArray, StringBuilder};
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::WriterProperties;

    use super::*;
    use crate::conventions::{OwnAttribute, OwnAttributes};
    use crate::ingest::parquet::file::footer::Footer;
    use crate::ingest::source::shared_file::SharedFile;

    fn table_of(columns: Vec<(&str, ArrayRef)>) -> (Table, RecordBatch) {
        table_with(columns, true)
    }

    fn table_with(columns: Vec<(&str, ArrayRef)>, dictionaries: bool) -> (Table, RecordBatch) {
        let columns = columns.into_iter().map(|(name, column)| (name, column, true));
        let batch = RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length");
        let mut file = tempfile::tempfile().expect("a file");
        let properties = WriterProperties::builder().set_dictionary_enabled(dictionaries).build();
        let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), Some(properties)).expect("a writer");
        writer.write(&batch).expect("written");
        writer.close().expect("closed");
        let table = Footer::open(SharedFile::new(file).expect("a file"), "spans.parquet".as_ref())
            .and_then(Table::of)
            .expect("a table of spans");
        (table, batch)
    }

    /// The names of the columns that are read of a table's first row group.
    fn columns_read(columns: Vec<(&str, ArrayRef)>, asked: AskedAttributes) -> Vec<String> {
        let (table, batch) = table_of(columns);
        let reader = ColumnReader::new(&table, &Arc::default(), asked);
        let Needed { texts, others } = reader.needed(0);
        let mut roots = [reader.rows.roots(0), texts, others].concat();
        roots.sort_unstable();
        roots.dedup();
        roots.into_iter().map(|root| batch.schema().field(root).name().clone()).collect()
    }

    fn lists(item: Option<&str>) -> ArrayRef {
        let mut lists = ListBuilder::new(StringBuilder::new());
        lists.append_value(item.map(Some));
        Arc::new(lists.finish())
    }

    fn table(item: Option<&str>) -> Vec<(&'static str, ArrayRef)> {
        let text = |text: &str| Arc::new(StringArray::from(vec![text])) as ArrayRef;
        let number = || Arc::new(Int64Array::from(vec![1_700_000_000_000_000_000])) as ArrayRef;
        vec![
            ("trace_id", text("1")),
            ("span_id", text("1")),
            ("status_message", text("oh")),
            ("name", text("a")),
            ("start_time_unix_nano", number()),
            ("end_time_unix_nano", number()),
            ("duration_nano", number()),
            ("service_name", text("cart")),
            ("resource_attributes", text("{}")),
            ("scope_name", text("lib")),
            ("attributes", text("{}")),
            ("http.route", text("/")),
            ("custom.key", text("v")),
            ("events_timestamp", lists(item)),
            ("events_name", lists(item)),
            ("events_attributes", lists(item)),
            ("links_trace_id", lists(item)),
            ("links_span_id", lists(item)),
            ("links_attributes", lists(item)),
        ]
    }

    /// Whatever no finding needs is not even decoded.
    #[test]
    fn only_needed_columns_are_read() {
        const ALWAYS: [&str; 9] = [
            "trace_id",
            "span_id",
            "status_message",
            "name",
            "start_time_unix_nano",
            "duration_nano",
            "service_name",
            "attributes",
            "http.route",
        ];
        let nothing = AskedAttributes::default();
        let all = AskedAttributes { of_resources: true, ..nothing };
        assert_eq!(columns_read(table(None), nothing), ALWAYS);
        let of_resources = [&ALWAYS[..7], &["resource_attributes"], &ALWAYS[7..]].concat();
        assert_eq!(columns_read(table(None), all), of_resources);
        let own = |own| AskedAttributes { own: OwnAttributes::of(&[own]), ..nothing };
        assert_eq!(columns_read(table(None), own(OwnAttribute::MessageId)), ALWAYS);
        assert_eq!(columns_read(table(None), own(OwnAttribute::HostName)), of_resources);
        let of_lists = ["events_name", "events_attributes", "links_span_id", "links_attributes"];
        assert_eq!(columns_read(table(Some("{}")), nothing), [&ALWAYS[..], &of_lists].concat());
    }

    /// A map of resources' attributes is not read for instances that none of its keys names, whatever its values are.
    #[test]
    fn maps_without_instances_are_not_read() {
        let of_keys = |keys: &[&str], by_dictionary: bool| {
            let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
            for key in keys {
                map.keys().append_value(key);
                map.values().append_value("host.name");
            }
            map.append(true).expect("as many keys as values");
            let map: ArrayRef = Arc::new(map.finish());
            let columns = table(None).into_iter();
            let columns = columns.map(|(name, column)| match name {
                "resource_attributes" => (name, Arc::clone(&map)),
                _ => (name, column),
            });
            table_with(columns.collect(), by_dictionary).0
        };
        let own = OwnAttributes::INSTANCE;
        let instances = AskedAttributes { own, of_resources: false };
        let is_left_out = |table: &Table, asked: AskedAttributes| {
            let signatures = SignatureColumns::new(table, &Arc::default(), asked);
            let file = Arc::new(table.file_for(0, &[8]).expect("a file"));
            signatures.root_in_vain(table, &file, 0)
        };
        let all = AskedAttributes { own, of_resources: true };
        let without = ["service.name", "host.id", "host.nam"];
        assert_eq!(is_left_out(&of_keys(&without, true), instances), Some(8));
        assert_eq!(is_left_out(&of_keys(&without, true), all), None);
        assert_eq!(is_left_out(&of_keys(&without, true), AskedAttributes::default()), None);
        assert_eq!(is_left_out(&of_keys(&without, false), instances), None, "who knows");
        assert_eq!(is_left_out(&of_keys(&["service.name", "host.name"], true), instances), None);
    }

    /// The port of a client is a combination of its own only where the span is not that of the server.
    #[test]
    fn peers_of_served_requests_make_no_difference() {
        let texts = |texts: [&str; 4]| Arc::new(StringArray::from_iter_values(texts)) as ArrayRef;
        let numbers = |numbers: [i64; 4]| Arc::new(Int64Array::from_iter_values(numbers)) as ArrayRef;
        let (table, _) = table_of(vec![
            ("trace_id", texts(["1"; 4])),
            ("span_id", texts(["1", "2", "3", "4"])),
            ("name", texts(["a"; 4])),
            ("start_time_unix_nano", numbers([1_700_000_000_000_000_000; 4])),
            ("duration_nano", numbers([1; 4])),
            ("service_name", texts(["s"; 4])),
            ("kind", texts(["server", "client", "server", "client"])),
            ("network.peer.port", numbers([40_001, 40_002, 40_003, 40_004])),
        ]);
        let mut builder = FrameBuilder::default();
        let mut reader = ColumnReader::new(&table, &Arc::default(), AskedAttributes::default());
        reader.read_row_group(0, &mut builder, &mut 0).expect("rows");
        assert_eq!((builder.len(), reader.signatures.combinations()), (4, 3));
    }
}
