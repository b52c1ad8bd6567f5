//! The fast way from a table's columns to a frame: by codes, with no record for a span.
//!
//! Of each text column a batch brings codes; the codes of a row together are looked up in a table of those that came
//! before, so that a signature is worked out once for each combination and a span costs a lookup.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use parquet::errors::ParquetError;

use super::attributes::{AttributeColumn, PairsOfRows, Wanted};
use super::codes::{NormalCodes, RowCodes, TextCodes};
use super::dialect::{Field, Place};
use super::events::{EventColumns, LinkColumns};
use super::fingerprint::Fingerprint;
use super::guard::guarded;
use super::ids::IdColumn;
use super::pages::{Cells, ColumnPages, ValueType};
use super::source::SharedFile;
use super::table::{Batches, Table};
use super::times::{Unit, length, read_times, read_times_of_pages};
use crate::frame::{
    ArgumentsIn, Attribute, FrameBuilder, SignatureId, SkipReason, SpanId, SpanKind, SpanRow, SpanSink, StatusCode,
    TraceId, TraceStateSampling, UNKNOWN_SERVICE,
};
use crate::ingest::{IngestError, TraceIds};

/// So many combinations of codes are remembered.
const MANY_COMBINATIONS: usize = 1 << 20;

/// What some row groups gave.
pub(super) struct Part {
    /// The spans.
    pub(super) builder: FrameBuilder,
    /// Row groups that are not complete, and why.
    pub(super) failures: Vec<(usize, IngestError)>,
    /// Ids that were replaced by a hash of their text.
    pub(super) opaque_ids: u64,
}

/// Reads some row groups into `builder`.
pub(super) fn read_part(
    table: &Table,
    row_groups: impl Iterator<Item = usize>,
    mut builder: FrameBuilder,
    on_row_group: &(dyn Fn(usize) + Sync),
) -> Part {
    let mut reader = ColumnReader::new(table);
    let mut failures = Vec::new();
    let mut opaque_ids = 0;
    for row_group in row_groups {
        let mut row = table.footer.first_row_of(row_group);
        // A panic while a batch is taken is as much the fault of hostile bytes as one while it is decoded.
        let read = guarded(|| Ok(reader.read_row_group(row_group, &mut builder, &mut row)));
        let read = read.unwrap_or_else(|error: ParquetError| {
            reader = ColumnReader::new(table);
            Err(table.footer.failure(row_group, row, &error))
        });
        if let Err(failure) = read {
            builder.skip(SkipReason::MalformedMessage, row);
            failures.push((row_group, failure));
        }
        opaque_ids += reader.take_opaque_ids();
        on_row_group(row_group);
    }
    Part { builder, failures, opaque_ids }
}

/// Whether a row group has spans of `wanted` traces; also if its trace ids cannot be read, so that this is told once.
pub(super) fn has_trace(table: &Table, row_group: usize, wanted: &TraceIds) -> bool {
    let Some(column) = table.mapping.field(Field::TraceId) else {
        return true;
    };
    let find = || {
        let mut ids = IdColumn::default();
        let mut trace_ids: Vec<TraceId> = Vec::new();
        let mut batches = table.batches(row_group, &[column.place.root], true)?;
        while let Some(batch) = table.next_batch(&mut batches) {
            let (_, batch) = batch?;
            if let Some(array) = batches.column(&batch, column.place) {
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

/// A text column that is part of a signature.
struct TextColumn {
    says: Says,
    place: Place,
    texts: Texts,
    /// The column in the current row group, unless Arrow reads it.
    pages: Option<ColumnPages>,
    codes: RowCodes,
    source: u32,
}

/// What a text column says of a span.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    Service,
    Name,
    Kind,
    Status,
    Attribute(Attribute, u8),
}

struct ColumnReader<'a> {
    table: &'a Table,
    trace_ids: IdColumn<TraceId>,
    span_ids: IdColumn<SpanId>,
    parent_span_ids: IdColumn<SpanId>,
    record_types: TextCodes,
    signatures: SignatureColumns,
    /// Columns of ids and times in the current row group, but those that Arrow reads.
    pages: Vec<(Field, ColumnPages)>,
    rows: Rows,
}

/// What is needed of a row group.
struct Needed {
    /// Ids and times.
    fields: Vec<Field>,
    /// Root fields of the texts of signatures.
    texts: Vec<usize>,
    /// Other root fields.
    roots: Vec<usize>,
}

/// Ids and times of the rows of one batch.
#[derive(Default)]
struct Rows {
    trace_ids: Vec<TraceId>,
    span_ids: Vec<SpanId>,
    parent_span_ids: Vec<SpanId>,
    starts: Vec<Option<i64>>,
    ends: Vec<Option<i64>>,
    durations: Vec<Option<i64>>,
    record_types: Vec<u32>,
}

impl<'a> ColumnReader<'a> {
    fn new(table: &'a Table) -> Self {
        Self {
            table,
            trace_ids: IdColumn::default(),
            span_ids: IdColumn::default(),
            parent_span_ids: IdColumn::default(),
            record_types: TextCodes::default(),
            signatures: SignatureColumns::new(table),
            pages: Vec::new(),
            rows: Rows::default(),
        }
    }

    fn take_opaque_ids(&mut self) -> u64 {
        let counts = [&mut self.trace_ids.opaque, &mut self.span_ids.opaque, &mut self.parent_span_ids.opaque];
        counts.into_iter().map(std::mem::take).sum()
    }

    /// Reads a row group. `row` is always the number of the first row that was not taken.
    fn read_row_group(
        &mut self,
        row_group: usize,
        builder: &mut FrameBuilder,
        row: &mut u64,
    ) -> Result<(), IngestError> {
        let Needed { fields, texts, mut roots } = self.needed(row_group);
        let of_fields = fields.iter().filter_map(|&field| Some(self.table.mapping.field(field)?.place.root));
        let all: Vec<usize> = of_fields.chain(texts).chain(roots.iter().copied()).collect();
        let file = Arc::new(self.table.file_for(row_group, &all)?);
        self.open_pages(&file, row_group, &fields, &mut roots)?;
        self.signatures.open_pages(self.table, &file, row_group, &mut roots)?;
        let mut batches = self.table.batches_of((*file).clone(), row_group, &roots, true)?;
        while let Some(batch) = self.table.next_batch(&mut batches) {
            let (first_row, batch) = batch?;
            self.take_batch(&batches, &batch, first_row, builder)
                .map_err(|error| self.table.footer.failure(row_group, first_row, &error))?;
            *row = first_row + batch.num_rows() as u64;
        }
        Ok(())
    }

    /// What is needed of a row group.
    fn needed(&self, row_group: usize) -> Needed {
        let mapping = &self.table.mapping;
        let mut fields = vec![Field::TraceId, Field::SpanId, Field::ParentSpanId, Field::Start];
        let (length, other) =
            if mapping.end_is_finer { (Field::End, Field::Duration) } else { (Field::Duration, Field::End) };
        fields.push(length);
        if self.table.may_lack(row_group, length) {
            fields.push(other);
        }
        let says_something = |place: &Place| !self.table.is_empty_column(row_group, place.root);
        let mut places: Vec<Place> = self.signatures.places().filter(says_something).collect();
        let place = |field| mapping.field(field).map(|column| column.place);
        places.extend(place(Field::RecordType));
        if self.table.may_lack_text(row_group, Field::Service) {
            places.extend(place(Field::ResourceAttributes));
        }
        let LinkPlaces { span_ids, attributes, .. } = self.signatures.links;
        if attributes.is_some_and(|place| says_something(&place)) {
            places.extend(span_ids);
        }
        let texts = self.signatures.texts.iter().map(|text| text.place).filter(says_something);
        let root = |place: Place| place.root;
        Needed { fields, texts: texts.map(root).collect(), roots: places.into_iter().map(root).collect() }
    }

    /// Begins to read the ids and times of a row group; those that Arrow must read join `roots`.
    fn open_pages(
        &mut self,
        file: &Arc<SharedFile>,
        row_group: usize,
        fields: &[Field],
        roots: &mut Vec<usize>,
    ) -> Result<(), IngestError> {
        self.pages.clear();
        for &field in fields {
            let Some(column) = self.table.mapping.field(field) else { continue };
            let value_type = self.table.data_type(column.place).and_then(|data_type| match field {
                Field::TraceId | Field::SpanId | Field::ParentSpanId => ValueType::of_id(data_type),
                _ => ValueType::of_time(data_type)
                    .filter(|_| Unit::of_type(data_type).is_none_or(|unit| unit == self.table.mapping.unit(field))),
            });
            let pages = match value_type {
                Some(value_type) => self.table.pages(file, row_group, column.place.root, value_type)?,
                None => None,
            };
            match pages {
                Some(pages) => self.pages.push((field, pages)),
                None => roots.push(column.place.root),
            }
        }
        Ok(())
    }

    /// Reads the ids and times of a batch.
    fn read_rows(&mut self, batches: &Batches, batch: &RecordBatch) -> Result<(), ParquetError> {
        let Self { table, trace_ids, span_ids, parent_span_ids, rows, pages, .. } = self;
        let mut columns = FieldColumns { table, pages, batches, batch };
        if let Some((cells, data_type)) = columns.cells(Field::TraceId) {
            trace_ids.read_cells(cells, data_type, &mut rows.trace_ids)?;
        }
        for (field, column, ids) in [
            (Field::SpanId, span_ids, &mut rows.span_ids),
            (Field::ParentSpanId, parent_span_ids, &mut rows.parent_span_ids),
        ] {
            if let Some((cells, data_type)) = columns.cells(field) {
                column.read_cells(cells, data_type, ids)?;
            }
        }
        for (field, times) in
            [(Field::Start, &mut rows.starts), (Field::End, &mut rows.ends), (Field::Duration, &mut rows.durations)]
        {
            times.clear();
            match columns.cells(field) {
                Some((Cells::Array(column), _)) => read_times(column, table.mapping.unit(field), times),
                Some((Cells::Pages(pages, count), _)) => {
                    read_times_of_pages(pages, table.mapping.unit(field), count, times)?;
                }
                None => {}
            }
        }
        Ok(())
    }

    fn take_batch(
        &mut self,
        batches: &Batches,
        batch: &RecordBatch,
        first_row: u64,
        builder: &mut FrameBuilder,
    ) -> Result<(), ParquetError> {
        self.read_rows(batches, batch)?;
        let mapping = &self.table.mapping;
        let Rows { trace_ids, span_ids, parent_span_ids, starts, ends, durations, record_types } = &mut self.rows;
        record_types.clear();
        let record_type = mapping.field(Field::RecordType).map(|column| column.place);
        if let Some(column) = record_type.and_then(|place| batches.column(batch, place)) {
            self.record_types.read(column, record_types);
        }
        let is_span = |row: usize| match mapping.only {
            Some(span) => record_types.get(row).is_some_and(|&code| self.record_types.text(code) == span),
            None => true,
        };
        self.signatures.begin_batch(batches, batch, parent_span_ids)?;
        let offset = first_row;
        for row in 0..batch.num_rows() {
            if !is_span(row) {
                builder.skip(SkipReason::OtherSignal, offset + row as u64);
                continue;
            }
            let (signature, arguments) = self.signatures.at(row, trace_ids[row], builder);
            let start = starts[row].unwrap_or(0);
            let [end, duration] = [&*ends, &*durations].map(|times| times.get(row).copied().flatten());
            let span = SpanRow {
                trace_id: trace_ids[row],
                span_id: span_ids[row],
                parent_span_id: parent_span_ids.get(row).copied().unwrap_or_default(),
                start_unix_nano: start as u64,
                duration_ns: length(start, end, duration, mapping.end_is_finer),
            };
            builder.push_row(span, signature, arguments, offset + row as u64);
        }
        Ok(())
    }
}

/// Where the next rows of the columns of ids and times come from.
struct FieldColumns<'a> {
    table: &'a Table,
    pages: &'a mut Vec<(Field, ColumnPages)>,
    batches: &'a Batches,
    batch: &'a RecordBatch,
}

impl FieldColumns<'_> {
    /// The cells of a field, and the type that Arrow would give them.
    fn cells(&mut self, field: Field) -> Option<(Cells<'_>, Option<&DataType>)> {
        let place = self.table.mapping.field(field)?.place;
        let cells = match self.pages.iter_mut().find(|(of, _)| *of == field) {
            Some((_, pages)) => Cells::Pages(pages, self.batch.num_rows()),
            None => Cells::Array(self.batches.column(self.batch, place)?),
        };
        Some((cells, self.table.data_type(place)))
    }
}

/// The columns that make up a signature, and the signatures that came before.
struct SignatureColumns {
    texts: Vec<TextColumn>,
    /// The attributes of spans; those of one span may be spread over several columns.
    attributes: Vec<AttributeSource>,
    /// Those of resources, for spans whose service has no column or nothing in it.
    resource_attributes: Option<AttributeSource>,
    events: EventPlaces,
    exception_types: TextCodes,
    exception_pairs: PairsOfRows,
    trace_states: Option<TraceStates>,
    links: LinkPlaces,
    ref_types: TextCodes,
    ref_type_pairs: PairsOfRows,
    /// Signatures by the fingerprints of the rows that they were worked out from.
    known: HashMap<Fingerprint, (SignatureId, ArgumentsIn), FixedState>,
    /// What the rows of the batch say, as far as signatures go.
    fingerprints: Vec<Fingerprint>,
    urls: Arguments,
    queries: Arguments,
}

/// A column and the codes of its rows.
struct CodedColumn {
    place: Place,
    codes: Vec<u32>,
}

/// What trace states say of sampling, each looked at once.
struct TraceStates {
    column: CodedColumn,
    texts: TextCodes,
    of_codes: Vec<Option<TraceStateSampling>>,
    /// The adjusted counts that occurred; a row's is named by its number here plus 1.
    counts: Vec<f64>,
}

impl TraceStates {
    fn new(place: Place) -> Self {
        let column = CodedColumn { place, codes: Vec::new() };
        Self { column, texts: TextCodes::default(), of_codes: Vec::new(), counts: Vec::new() }
    }

    fn begin_batch(&mut self) {
        let texts = &self.texts;
        let looked_at = self.of_codes.len();
        self.of_codes.extend((looked_at..texts.len()).map(|code| TraceStateSampling::of(texts.text(code as u32))));
    }

    /// Number of the adjusted count of the span at `row`; 0 for none.
    fn number_at(&mut self, row: usize, trace_id: TraceId, inconsistent: &mut u64) -> u32 {
        let Some(&code) = self.column.codes.get(row) else { return 0 };
        let Some(sampling) = self.of_codes[code as usize] else { return 0 };
        let Some(count) = sampling.adjusted_count(trace_id) else {
            *inconsistent += 1;
            return 0;
        };
        let number = self.counts.iter().position(|known| *known == count).unwrap_or_else(|| {
            self.counts.push(count);
            self.counts.len() - 1
        });
        number as u32 + 1
    }
}

/// A column of attributes, and what the current batch has of it.
struct AttributeSource {
    place: Place,
    column: AttributeColumn,
    pairs: PairsOfRows,
}

impl AttributeSource {
    fn new(place: Place, column: AttributeColumn) -> Self {
        Self { place, column, pairs: PairsOfRows::default() }
    }
}

/// Where events stand.
#[derive(Default)]
struct EventPlaces {
    whole: Option<Place>,
    names: Option<Place>,
    attributes: Option<Place>,
}

/// Where links stand.
#[derive(Default)]
struct LinkPlaces {
    whole: Option<Place>,
    span_ids: Option<Place>,
    attributes: Option<Place>,
}

impl LinkPlaces {
    /// The place without which links say nothing that is wanted.
    fn attributes(&self) -> Option<Place> {
        self.attributes.or(self.whole)
    }
}

impl SignatureColumns {
    fn new(table: &Table) -> Self {
        let mapping = &table.mapping;
        let place = |field| mapping.field(field).map(|column| column.place);
        let of_fields = [
            (Says::Service, Field::Service),
            (Says::Name, Field::Name),
            (Says::Kind, Field::Kind),
            (Says::Status, Field::Status),
        ];
        let of_fields = of_fields.into_iter().filter_map(|(says, field)| Some((says, place(field)?)));
        let of_flat_columns = mapping.flat.iter().filter_map(|flat| {
            let (attribute, rank) = flat.known?;
            Some((Says::Attribute(attribute, rank), Place { root: flat.root, child: None }))
        });
        let texts = of_fields.chain(of_flat_columns).zip(0..);
        let texts = texts.map(|((says, place), source)| TextColumn::new(says, place, source)).collect();
        let all_in_columns = mapping.columns_repeat_attributes;
        let of_spans =
            [Field::Attributes, Field::NumberAttributes, Field::BoolAttributes].into_iter().filter_map(place);
        let attributes = of_spans.map(|place| AttributeSource::new(place, AttributeColumn::of_spans()));
        let resource_attributes = place(Field::ResourceAttributes);
        let resource_attributes =
            resource_attributes.map(|place| AttributeSource::new(place, AttributeColumn::of_resources()));
        let events = EventPlaces {
            whole: place(Field::Events),
            names: place(Field::EventNames),
            attributes: place(Field::EventAttributes),
        };
        let has_lists = place(Field::LinkTraceIds).or(place(Field::LinkSpanIds)).is_some();
        let links = LinkPlaces {
            whole: place(Field::Links).filter(|_| !has_lists),
            span_ids: place(Field::LinkSpanIds),
            attributes: place(Field::LinkAttributes).filter(|_| has_lists),
        };
        Self {
            texts,
            attributes: if all_in_columns { Vec::new() } else { attributes.collect() },
            resource_attributes,
            events: if all_in_columns { EventPlaces::default() } else { events },
            exception_types: TextCodes::default(),
            exception_pairs: PairsOfRows::default(),
            trace_states: place(Field::TraceState).filter(|_| !all_in_columns).map(TraceStates::new),
            links: if all_in_columns { LinkPlaces::default() } else { links },
            ref_types: TextCodes::default(),
            ref_type_pairs: PairsOfRows::default(),
            known: HashMap::default(),
            fingerprints: Vec::new(),
            urls: Arguments::default(),
            queries: Arguments::default(),
        }
    }

    /// The columns beside texts that are always needed, if they are not empty. Resource attributes and the ids of links are
    /// not.
    fn places(&self) -> impl Iterator<Item = Place> + '_ {
        let columns = self.attributes.iter().map(|source| source.place);
        let lists = [self.events.whole, self.events.names, self.events.attributes, self.links.attributes()];
        let trace_states = self.trace_states.iter().map(|states| states.column.place);
        columns.chain(lists.into_iter().flatten()).chain(trace_states)
    }

    /// Begins to read the texts of a row group; those that Arrow must read join `roots`.
    fn open_pages(
        &mut self,
        table: &Table,
        file: &Arc<SharedFile>,
        row_group: usize,
        roots: &mut Vec<usize>,
    ) -> Result<(), IngestError> {
        for text in &mut self.texts {
            text.pages = None;
            if table.is_empty_column(row_group, text.place.root) {
                continue;
            }
            let value_type = table.data_type(text.place).and_then(ValueType::of_text);
            if let Some(value_type) = value_type {
                text.pages = table.pages(file, row_group, text.place.root, value_type)?;
            }
            if text.pages.is_none() {
                roots.push(text.place.root);
            }
        }
        Ok(())
    }

    fn begin_batch(&mut self, batches: &Batches, batch: &RecordBatch, parents: &[SpanId]) -> Result<(), ParquetError> {
        self.forget_if_large();
        let rows = batch.num_rows();
        self.fingerprints.clear();
        self.fingerprints.resize(rows, Fingerprint::default());
        self.urls.begin(rows);
        self.queries.begin(rows);
        let Self { fingerprints, urls, queries, .. } = self;
        for text in &mut self.texts {
            text.codes.clear();
            let column = match (&mut text.pages, batches.column(batch, text.place)) {
                (Some(pages), _) => Cells::Pages(pages, rows),
                (None, Some(column)) => Cells::Array(column),
                (None, None) => continue,
            };
            let mut add = |row: usize, contribution| fingerprints[row].merge(contribution);
            match &mut text.texts {
                Texts::Whole(texts) => texts.read_each(column, &mut text.codes, add)?,
                Texts::Normal(texts) => texts.read_each(column, &mut text.codes, |row, contribution, hash| {
                    match text.says {
                        Says::Attribute(Attribute::UrlFull, rank) => urls.put(row, rank, hash),
                        Says::Attribute(Attribute::DbQueryText, rank) => queries.put(row, rank, hash),
                        _ => {}
                    }
                    add(row, contribution);
                })?,
            }
        }
        if let Some(TraceStates { column: text, texts, .. }) = &mut self.trace_states {
            text.codes.clear();
            if let Some(column) = batches.column(batch, text.place) {
                texts.read(column, &mut text.codes);
            }
        }
        let sources = self.attributes.iter_mut().chain(&mut self.resource_attributes);
        for (source, AttributeSource { place, column, pairs }) in (FIRST_ATTRIBUTE_SOURCE..).zip(sources) {
            let Some(values) = batches.column(batch, *place) else {
                pairs.clear();
                continue;
            };
            column.read(values, pairs, &mut |row, wanted, hash| match wanted.as_attribute() {
                Some((Attribute::UrlFull, rank)) => urls.put(row, rank, hash),
                Some((Attribute::DbQueryText, rank)) => queries.put(row, rank, hash),
                _ => {}
            });
            pairs.add_to(fingerprints, source);
        }
        if let Some(states) = &mut self.trace_states {
            states.begin_batch();
        }
        self.read_exception_types(batches, batch);
        self.read_ref_types(batches, batch, parents);
        self.exception_pairs.add_to(&mut self.fingerprints, EXCEPTION_SOURCE);
        self.ref_type_pairs.add_to(&mut self.fingerprints, REF_TYPE_SOURCE);
        Ok(())
    }

    fn read_ref_types(&mut self, batches: &Batches, batch: &RecordBatch, parents: &[SpanId]) {
        self.ref_type_pairs.clear();
        let column = |place: Option<Place>| place.and_then(|place| batches.column(batch, place));
        let links = LinkColumns {
            whole: column(self.links.whole),
            trace_ids: None,
            span_ids: column(self.links.span_ids),
            trace_states: None,
            attributes: column(self.links.attributes),
        };
        if !links.attributes.or(links.whole).is_some_and(has_items) {
            return;
        }
        for row in 0..batch.num_rows() {
            let parent = parents.get(row).copied().unwrap_or_default();
            if let Some(ref_type) = links.ref_type_at(row, parent) {
                self.ref_type_pairs.push(Wanted::REF_TYPE, self.ref_types.code(&ref_type));
            }
            self.ref_type_pairs.end_row();
        }
    }

    fn read_exception_types(&mut self, batches: &Batches, batch: &RecordBatch) {
        let column = |place: Option<Place>| place.and_then(|place| batches.column(batch, place));
        let events = EventColumns {
            whole: column(self.events.whole),
            times: None,
            names: column(self.events.names),
            attributes: column(self.events.attributes),
        };
        self.exception_pairs.clear();
        if !events.names.or(events.whole).is_some_and(has_items) {
            return;
        }
        for row in 0..batch.num_rows() {
            if events.may_have_exception(row)
                && let Some(exception_type) = events.exception_type_at(row)
            {
                self.exception_pairs.push(Wanted::EXCEPTION_TYPE, self.exception_types.code(&exception_type));
            }
            self.exception_pairs.end_row();
        }
    }

    /// Codes are good only together with the combinations that were made of them, so all go at once.
    fn forget_if_large(&mut self) {
        let is_large = self.known.len() > MANY_COMBINATIONS
            || self.texts.iter().any(|text| text.texts.is_large())
            || self.trace_states.as_ref().is_some_and(|states| states.texts.is_large())
            || self.attributes.iter().chain(&self.resource_attributes).any(|source| source.column.is_large())
            || self.exception_types.is_large()
            || self.ref_types.is_large();
        if !is_large {
            return;
        }
        self.known = HashMap::default();
        for text in &mut self.texts {
            text.texts = Texts::of(text.says, text.source);
        }
        self.trace_states = self.trace_states.take().map(|states| TraceStates::new(states.column.place));
        for source in &mut self.attributes {
            source.column = AttributeColumn::of_spans();
        }
        if let Some(source) = &mut self.resource_attributes {
            source.column = AttributeColumn::of_resources();
        }
        self.exception_types = TextCodes::default();
        self.ref_types = TextCodes::default();
    }

    /// The signature and the arguments of the span at `row` of the batch.
    fn at(&mut self, row: usize, trace_id: TraceId, builder: &mut FrameBuilder) -> (SignatureId, u64) {
        let count = self
            .trace_states
            .as_mut()
            .map_or(0, |states| states.number_at(row, trace_id, &mut builder.inconsistent_sampling));
        let mut fingerprint = self.fingerprints[row];
        if count > 0 {
            fingerprint.add(TRACE_STATE_SOURCE, 0, count);
        }
        let (signature, arguments) = match self.known.get(&fingerprint) {
            Some(&known) => known,
            None => {
                let new = self.work_out(row, count, builder);
                self.known.insert(fingerprint, new);
                new
            }
        };
        (signature, arguments.pick(self.urls.hashes[row], self.queries.hashes[row]))
    }

    fn work_out(&self, row: usize, count: u32, builder: &mut FrameBuilder) -> (SignatureId, ArgumentsIn) {
        let text_of = |says| {
            let column = self.texts.iter().find(|text| text.says == says)?;
            Some(column.texts.text(column.codes.at(row)))
        };
        let of_resource = self.resource_attributes.as_ref().and_then(|AttributeSource { column, pairs, .. }| {
            let pair = pairs.row(row).chunks_exact(2).next_back()?;
            Some(column.text(Wanted(pair[0]), pair[1]))
        });
        let of_column = text_of(Says::Service).filter(|service| !matches!(*service, "" | UNKNOWN_SERVICE));
        let service = of_column.or(of_resource).unwrap_or("");
        let name = text_of(Says::Name).unwrap_or("");
        let kind = text_of(Says::Kind).map_or(SpanKind::Unspecified, SpanKind::from_text);
        let status = text_of(Says::Status).map_or(StatusCode::Unset, StatusCode::from_text);
        let states = self.trace_states.as_ref();
        let adjusted_count = count.checked_sub(1).and_then(|number| states?.counts.get(number as usize).copied());
        let worked_out = builder.signature(service, name, kind, status, |slots| {
            if let Some(count) = adjusted_count {
                slots.put_trace_state_count(count);
            }
            for pair in self.ref_type_pairs.row(row).chunks_exact(2) {
                slots.put(Attribute::RefType, 0, self.ref_types.text(pair[1]));
            }
            // What an attribute column has counts more than a column that repeats it.
            for text in &self.texts {
                if let Says::Attribute(attribute, rank) = text.says {
                    slots.put_normal(attribute, rank, text.texts.text(text.codes.at(row)));
                }
            }
            for AttributeSource { column, pairs, .. } in &self.attributes {
                for pair in pairs.row(row).chunks_exact(2) {
                    if let Some((attribute, rank)) = Wanted(pair[0]).as_attribute() {
                        slots.put_normal(attribute, rank, column.text(Wanted(pair[0]), pair[1]));
                    }
                }
            }
            for pair in self.exception_pairs.row(row).chunks_exact(2) {
                slots.put(Attribute::ExceptionType, EVENT_RANK, self.exception_types.text(pair[1]));
            }
        });
        (worked_out.signature, worked_out.arguments)
    }
}

/// What tells the sources of codes apart in fingerprints. Columns of text are numbered from 0.
const FIRST_ATTRIBUTE_SOURCE: u32 = 1 << 16;
const EXCEPTION_SOURCE: u32 = 1 << 17;
const REF_TYPE_SOURCE: u32 = EXCEPTION_SOURCE + 1;
const TRACE_STATE_SOURCE: u32 = EXCEPTION_SOURCE + 2;

/// Hashes of one kind of arguments, by row. Of several spellings the first in the list counts, of one spelling the last
/// value, as in [`AttributeSlots::put`](crate::frame::AttributeSlots::put).
#[derive(Default)]
struct Arguments {
    hashes: Vec<u64>,
    ranks: Vec<u8>,
}

impl Arguments {
    fn begin(&mut self, rows: usize) {
        self.hashes.clear();
        self.hashes.resize(rows, 0);
        self.ranks.clear();
        self.ranks.resize(rows, u8::MAX);
    }

    fn put(&mut self, row: usize, rank: u8, hash: u64) {
        if rank <= self.ranks[row] {
            self.ranks[row] = rank;
            self.hashes[row] = hash;
        }
    }
}

/// Whether any row has a value, or an item if they are lists.
fn has_items(column: &ArrayRef) -> bool {
    match column.as_list_opt::<i32>() {
        Some(list) => list.value_offsets().first() != list.value_offsets().last(),
        None => column.null_count() < column.len(),
    }
}

/// An exception that an event tells of counts less than one that the span's attributes name.
const EVENT_RANK: u8 = 1;

/// The texts of a column, whole or normalised.
enum Texts {
    Whole(TextCodes),
    Normal(NormalCodes),
}

impl Texts {
    fn of(says: Says, source: u32) -> Self {
        match says {
            Says::Attribute(attribute, _) if attribute.is_normalised() => {
                Self::Normal(NormalCodes::new(attribute, source))
            }
            _ => Self::Whole(TextCodes::of_source(source)),
        }
    }

    fn text(&self, code: u32) -> &str {
        match self {
            Self::Whole(texts) => texts.text(code),
            Self::Normal(texts) => texts.text(code),
        }
    }

    fn is_large(&self) -> bool {
        match self {
            Self::Whole(texts) => texts.is_large(),
            Self::Normal(texts) => texts.is_large(),
        }
    }
}

impl TextColumn {
    fn new(says: Says, place: Place, source: u32) -> Self {
        Self { says, place, texts: Texts::of(says, source), pages: None, codes: RowCodes::default(), source }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, ListBuilder, StringArray, StringBuilder};
    use parquet::arrow::ArrowWriter;

    use super::*;
    use crate::ingest::parquet::footer::Footer;
    use crate::ingest::parquet::source::SharedFile;

    /// The names of the columns that are read of a table's first row group.
    fn columns_read(columns: Vec<(&str, ArrayRef)>) -> Vec<String> {
        let columns = columns.into_iter().map(|(name, column)| (name, column, true));
        let batch = RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length");
        let mut file = tempfile::tempfile().expect("a file");
        let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), None).expect("a writer");
        writer.write(&batch).expect("written");
        writer.close().expect("closed");
        let table = Footer::open(SharedFile::new(file).expect("a file"), "spans.parquet".as_ref())
            .and_then(Table::of)
            .expect("a table of spans");
        let Needed { fields, texts, roots } = ColumnReader::new(&table).needed(0);
        let of_fields = fields.iter().filter_map(|&field| Some(table.mapping.field(field)?.place.root));
        let mut roots: Vec<usize> = of_fields.chain(texts).chain(roots).collect();
        roots.sort_unstable();
        roots.dedup();
        roots.into_iter().map(|root| batch.schema().field(root).name().clone()).collect()
    }

    fn lists(item: Option<&str>) -> ArrayRef {
        let mut lists = ListBuilder::new(StringBuilder::new());
        lists.append_value(item.map(Some));
        Arc::new(lists.finish())
    }

    fn table(service: Option<&str>, item: Option<&str>) -> Vec<(&'static str, ArrayRef)> {
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
            ("service_name", Arc::new(StringArray::from(vec![service]))),
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
        const ALWAYS: [&str; 8] = [
            "trace_id",
            "span_id",
            "name",
            "start_time_unix_nano",
            "duration_nano",
            "service_name",
            "attributes",
            "http.route",
        ];
        assert_eq!(columns_read(table(Some("cart"), None)), ALWAYS);
        let of_lists = ["events_name", "events_attributes", "links_span_id", "links_attributes"];
        assert_eq!(columns_read(table(Some("cart"), Some("{}"))), [&ALWAYS[..], &of_lists].concat());
        for no_service in [None, Some("")] {
            let columns = columns_read(table(no_service, None));
            assert!(columns.iter().any(|name| name == "resource_attributes"), "{columns:?}");
        }
    }
}
