//! The complete way from a table's rows to span records: everything that the table has, one span after the other.

use std::borrow::Cow;

use arrow::array::{ArrayRef, RecordBatch};
use parquet::errors::ParquetError;

use super::events::{EventColumns, LinkColumns};
use super::ids::IdColumn;
use super::mapping::dialect::{FlatAttribute, Place};
use super::mapping::field::Field;
use super::mapping::stores::Owner;
use super::table::{Batches, Table};
use super::times::{length, read_times};
use crate::frame::SpanSink;
use crate::ingest::IngestError;
use crate::ingest::parquet::file::cells::{attributes_at, text_at, value_at};
use crate::ingest::parquet::file::guard::guarded;
use crate::span::{KeyValue, NO_START_TIME, Origin, SkipReason, SpanKind, SpanRecord, UNKNOWN_SERVICE, Value};

/// Hands every span of a row group to `sink`; the answer is the number of ids that were replaced by a hash.
pub(crate) fn read_row_group(table: &Table, row_group: usize, sink: &mut dyn SpanSink) -> Result<u64, IngestError> {
    let mut row = table.footer.first_row_of(row_group);
    // A panic while a batch is taken is as much the fault of hostile bytes as one while it is decoded.
    let read = guarded(|| Ok(read_batches(table, row_group, sink, &mut row)));
    let read = read.unwrap_or_else(|error: ParquetError| Err(table.footer.failure(row_group, row, &error)));
    if read.is_err() {
        sink.skip(SkipReason::MalformedMessage, row);
    }
    read
}

/// Hands the spans of some rows of a row group to `sink`, complete. Rows are counted from the first of the row group, and come in
/// their order. What they are told by is not where they stand.
pub(crate) fn read_rows(
    table: &Table,
    row_group: usize,
    rows: &[usize],
    sink: &mut dyn SpanSink,
) -> Result<(), IngestError> {
    let first_row = table.footer.first_row_of(row_group);
    let read = guarded(|| {
        Ok((|| {
            let roots = roots_of_records(table);
            let mut batches =
                table.batches_of_rows(table.file_for(row_group, &roots)?, row_group, &roots, rows, false)?;
            while let Some(batch) = table.next_batch(&mut batches) {
                let (mut row, batch) = batch?;
                read_batch(table, &batches, &batch, sink, &mut row);
            }
            Ok(())
        })())
    });
    read.unwrap_or_else(|error: ParquetError| Err(table.footer.failure(row_group, first_row, &error)))
}

/// The root fields that records are made of.
fn roots_of_records(table: &Table) -> Vec<usize> {
    let columns = Field::ALL.iter().filter_map(|&field| table.mapping.field(field));
    let mut roots: Vec<usize> = columns.map(|column| column.place.root).collect();
    if !table.mapping.columns_repeat_attributes {
        roots.extend(table.mapping.flat.iter().map(|flat| flat.root));
    }
    roots
}

fn read_batches(table: &Table, row_group: usize, sink: &mut dyn SpanSink, row: &mut u64) -> Result<u64, IngestError> {
    let mut batches = table.batches(row_group, &roots_of_records(table), false)?;
    let mut opaque = 0;
    while let Some(batch) = table.next_batch(&mut batches) {
        let (first_row, batch) = batch?;
        *row = first_row;
        opaque += read_batch(table, &batches, &batch, sink, row);
    }
    Ok(opaque)
}

fn read_batch(
    table: &Table,
    batches: &Batches,
    batch: &RecordBatch,
    sink: &mut dyn SpanSink,
    row_of_file: &mut u64,
) -> u64 {
    let mapping = &table.mapping;
    let column = |field| mapping.field(field).and_then(|column| batches.columns.get(batch, column.place));
    let [mut starts, mut ends, mut durations] = [const { Vec::new() }; 3];
    for (field, times) in [(Field::Start, &mut starts), (Field::End, &mut ends), (Field::Duration, &mut durations)] {
        if let Some(column) = column(field) {
            read_times(column, mapping.unit(field), times);
        }
    }
    let (mut trace_ids, mut span_ids, mut parent_span_ids) = (Vec::new(), Vec::new(), Vec::new());
    let mut trace_id_column = IdColumn::default();
    let [mut span_id_column, mut parent_span_id_column] = [IdColumn::default(), IdColumn::default()];
    if let Some(column) = column(Field::TraceId) {
        trace_id_column.read(column, &mut trace_ids);
    }
    if let Some(column) = column(Field::SpanId) {
        span_id_column.read(column, &mut span_ids);
    }
    if let Some(column) = column(Field::ParentSpanId) {
        parent_span_id_column.read(column, &mut parent_span_ids);
    }
    let columns = RecordColumns {
        service: column(Field::Service),
        scope_name: column(Field::ScopeName),
        scope_version: column(Field::ScopeVersion),
        scope_attributes: column(Field::ScopeAttributes),
        resource_attributes: column(Field::ResourceAttributes),
        attributes: [Field::Attributes, Field::NumberAttributes, Field::BoolAttributes].map(column),
        flat: mapping
            .flat
            .iter()
            .filter_map(|flat| Some((flat, batches.columns.get(batch, Place { root: flat.root, child: None })?)))
            .collect(),
    };
    let (name, kind, status) = (column(Field::Name), column(Field::Kind), column(Field::Status));
    let (status_message, trace_state) = (column(Field::StatusMessage), column(Field::TraceState));
    let events = EventColumns {
        whole: column(Field::Events),
        times: column(Field::EventTimes),
        names: column(Field::EventNames),
        attributes: column(Field::EventAttributes),
    };
    let links = LinkColumns {
        whole: column(Field::Links),
        trace_ids: column(Field::LinkTraceIds),
        span_ids: column(Field::LinkSpanIds),
        trace_states: column(Field::LinkTraceStates),
        attributes: column(Field::LinkAttributes),
    };
    let wanted = sink.wanted();
    let takes_links = wanted.takes_links();
    let record_type = column(Field::RecordType);
    for row in 0..batch.num_rows() {
        if mapping.only.is_some_and(|span| text_of(record_type, row) != span) {
            sink.skip(SkipReason::OtherSignal, *row_of_file);
            *row_of_file += 1;
            continue;
        }
        let wants_everything = wanted.of_trace(trace_ids[row]).everything;
        let start = starts[row].unwrap_or(NO_START_TIME as i64);
        let [end, duration] = [&ends, &durations].map(|times| times.get(row).copied().flatten());
        let end = start.wrapping_add(length(start, end, duration, mapping.end_is_finer));
        let span = SpanRecord {
            trace_id: trace_ids[row],
            span_id: span_ids[row],
            parent_span_id: parent_span_ids.get(row).copied().unwrap_or_default(),
            name: text_of(name, row),
            kind: SpanKind::from_text(&text_of(kind, row)),
            status: (mapping.status_of)(&text_of(status, row)),
            status_message: text_of(status_message, row),
            trace_state: text_of(trace_state, row),
            start_unix_nano: start as u64,
            end_unix_nano: end as u64,
            attributes: columns.span_attributes(row),
            events: if wants_everything || events.may_have_exception(row) { events.at(row) } else { Vec::new() },
            links: if takes_links || links.may_have_ref_type(row) { links.at(row) } else { Vec::new() },
        };
        sink.span(&columns.origin(row), &span, *row_of_file);
        *row_of_file += 1;
    }
    trace_id_column.opaque + span_id_column.opaque + parent_span_id_column.opaque
}

fn text_of(column: Option<&ArrayRef>, row: usize) -> Cow<'_, str> {
    column.map_or(Cow::Borrowed(""), |column| text_at(column, row))
}

/// The columns of one batch that make up attributes and origins.
struct RecordColumns<'a> {
    service: Option<&'a ArrayRef>,
    scope_name: Option<&'a ArrayRef>,
    scope_version: Option<&'a ArrayRef>,
    scope_attributes: Option<&'a ArrayRef>,
    resource_attributes: Option<&'a ArrayRef>,
    attributes: [Option<&'a ArrayRef>; 3],
    flat: Vec<(&'a FlatAttribute, &'a ArrayRef)>,
}

impl<'a> RecordColumns<'a> {
    fn span_attributes(&self, row: usize) -> Vec<KeyValue<'a>> {
        self.with_flat(&self.attributes, Owner::Span, row)
    }

    /// The attributes of a map or of JSON, and after them those of columns of their own that it does not repeat.
    fn with_flat(&self, columns: &[Option<&'a ArrayRef>], owner: Owner, row: usize) -> Vec<KeyValue<'a>> {
        let columns = columns.iter().copied().flatten();
        let mut attributes: Vec<KeyValue<'a>> = columns.flat_map(|column| attributes_at(column, row)).collect();
        let in_map = attributes.len();
        for &(flat, column) in self.flat.iter().filter(|(flat, _)| flat.owner == owner) {
            let value = value_at(column, row);
            let is_repeated = || {
                let same =
                    |attribute: &KeyValue<'_>| attribute.key == flat.key && !attribute.value.to_text().is_empty();
                attributes[..in_map].iter().any(same)
            };
            if value != Value::Empty && !is_repeated() {
                attributes.push(KeyValue { key: flat.key.as_str().into(), value });
            }
        }
        attributes
    }

    fn origin(&self, row: usize) -> Origin<'a> {
        let mut resource_attributes = self.with_flat(&[self.resource_attributes], Owner::Resource, row);
        let service = text_of(self.service, row);
        // The service's own column is what the fast way reads, so it decides here too.
        let said = resource_attributes.iter().rev().find(|attribute| attribute.key == "service.name");
        if !matches!(service.as_ref(), "" | UNKNOWN_SERVICE) && said.is_none_or(|said| said.value.to_text() != service)
        {
            resource_attributes.retain(|attribute| attribute.key != "service.name");
            resource_attributes.insert(0, KeyValue { key: "service.name".into(), value: Value::Str(service) });
        }
        Origin {
            resource_attributes,
            scope_name: text_of(self.scope_name, row),
            scope_version: text_of(self.scope_version, row),
            scope_attributes: self.with_flat(&[self.scope_attributes], Owner::Scope, row),
        }
    }
}
