//! The fast way from a table's columns to a frame: by codes, with no record for a span.
//!
//! Of each text column a batch brings codes; the codes of a row together are looked up in a table of those that came
//! before, so that a signature is worked out once for each combination and a span costs a lookup.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
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
use super::row_columns::RowColumns;
use super::source::SharedFile;
use super::table::{BatchColumns, Table};
use crate::frame::{
    ArgumentsIn, Attribute, FrameBuilder, PEER, SignatureId, SkipReason, SpanId, SpanKind, SpanSink, StatusCode,
    TraceId, TraceStateSampling, UNKNOWN_SERVICE, is_served,
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
        opaque_ids += reader.rows.take_opaque_ids();
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
    rows: RowColumns<'a>,
    record_types: TextCodes,
    codes_of_record_types: Vec<u32>,
    signatures: SignatureColumns,
}

/// What is needed of a row group.
struct Needed {
    /// Root fields of the texts of signatures.
    texts: Vec<usize>,
    /// Other root fields, but those of ids and times.
    roots: Vec<usize>,
}

impl<'a> ColumnReader<'a> {
    fn new(table: &'a Table) -> Self {
        Self {
            table,
            rows: RowColumns::new(table),
            record_types: TextCodes::default(),
            codes_of_record_types: Vec::new(),
            signatures: SignatureColumns::new(table),
        }
    }

    /// Reads a row group. `row` is always the number of the first row that was not taken.
    fn read_row_group(
        &mut self,
        row_group: usize,
        builder: &mut FrameBuilder,
        row: &mut u64,
    ) -> Result<(), IngestError> {
        let Needed { texts, mut roots } = self.needed(row_group);
        let all = [self.rows.roots(row_group), texts, roots.clone()].concat();
        let file = Arc::new(self.table.file_for(row_group, &all)?);
        self.rows.open(&file, row_group, &mut roots)?;
        self.signatures.open_pages(self.table, &file, row_group, &mut roots)?;
        let mut batches = self.table.batches_of((*file).clone(), row_group, &roots, true)?;
        while let Some(batch) = self.table.next_batch(&mut batches) {
            let (first_row, batch) = batch?;
            self.take_batch(&batches.columns, &batch, first_row, builder)
                .map_err(|error| self.table.footer.failure(row_group, first_row, &error))?;
            *row = first_row + batch.num_rows() as u64;
        }
        Ok(())
    }

    /// What is needed of a row group beside ids and times.
    fn needed(&self, row_group: usize) -> Needed {
        let says_something = |place: &Place| !self.table.is_empty_column(row_group, place.root);
        let mut places: Vec<Place> = self.signatures.places().filter(says_something).collect();
        let place = |field| self.table.mapping.field(field).map(|column| column.place);
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
        Needed { texts: texts.map(root).collect(), roots: places.into_iter().map(root).collect() }
    }

    fn take_batch(
        &mut self,
        columns: &BatchColumns,
        batch: &RecordBatch,
        first_row: u64,
        builder: &mut FrameBuilder,
    ) -> Result<(), ParquetError> {
        let Self { table, rows, record_types, codes_of_record_types, signatures } = self;
        codes_of_record_types.clear();
        let record_type = table.mapping.field(Field::RecordType).map(|column| column.place);
        if let Some(column) = record_type.and_then(|place| columns.get(batch, place)) {
            record_types.read(column, codes_of_record_types);
        }
        let is_span = |row: usize| match table.mapping.only {
            Some(span) => codes_of_record_types.get(row).is_some_and(|&code| record_types.text(code) == span),
            None => true,
        };
        signatures.begin_batch(columns, batch, rows)?;
        for row in 0..batch.num_rows() {
            let offset = first_row + row as u64;
            if !is_span(row) {
                builder.skip(SkipReason::OtherSignal, offset);
                continue;
            }
            let span = rows.at(row);
            let (signature, arguments) = signatures.at(row, span.trace_id, builder);
            builder.push_row(span, signature, arguments, offset);
        }
        Ok(())
    }
}

/// The columns that make up a signature, and the signatures that came before.
struct SignatureColumns {
    /// The columns that are normalised stand first, those of peers last.
    texts: Vec<TextColumn>,
    normalised: usize,
    peers: usize,
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
    /// What the rows of the batch say, as far as signatures go, but for normalised texts and peers.
    fingerprints: Vec<Fingerprint>,
    fingerprints_of_normalised: Vec<Fingerprint>,
    fingerprints_of_peers: Vec<Fingerprint>,
    /// Whether the spans of the batch serve a request: who their peer is makes no difference then ([`PEER`]).
    served: Vec<bool>,
    /// The same by the codes of kinds.
    served_kinds: Vec<bool>,
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
        let texts = texts.map(|((says, place), source)| TextColumn::new(says, place, source));
        let (mut texts, whole): (Vec<TextColumn>, Vec<TextColumn>) = texts.partition(TextColumn::is_normalised);
        let normalised = texts.len();
        let (of_peers, others): (Vec<TextColumn>, Vec<TextColumn>) = whole.into_iter().partition(TextColumn::is_peer);
        texts.extend(others);
        let peers = of_peers.len();
        texts.extend(of_peers);
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
            normalised,
            peers,
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
            fingerprints_of_normalised: Vec::new(),
            fingerprints_of_peers: Vec::new(),
            served: Vec::new(),
            served_kinds: Vec::new(),
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

    /// Reads the rows of a batch and what they say. Two threads share the work if one has nothing else to do.
    fn begin_batch(
        &mut self,
        columns: &BatchColumns,
        batch: &RecordBatch,
        rows: &mut RowColumns<'_>,
    ) -> Result<(), ParquetError> {
        self.forget_if_large();
        let Self { fingerprints, fingerprints_of_normalised, fingerprints_of_peers, urls, queries, .. } = self;
        fingerprints_of_peers.clear();
        if self.peers > 0 {
            fingerprints_of_peers.resize(batch.num_rows(), Fingerprint::NOTHING);
        }
        for fingerprints in [&mut *fingerprints, fingerprints_of_normalised] {
            fingerprints.clear();
            fingerprints.resize(batch.num_rows(), Fingerprint::NOTHING);
        }
        urls.begin(batch.num_rows());
        queries.begin(batch.num_rows());
        let (normalised, whole) = self.texts.split_at_mut(self.normalised);
        let (whole, peers) = whole.split_at_mut(whole.len() - self.peers);
        // Whichever thread they are on, panics of the decoder become errors.
        let (of_rows, of_texts) = rayon::join(
            || {
                guarded(|| {
                    rows.read(columns, batch)?;
                    normalised.iter_mut().try_for_each(|text| {
                        text.read(columns, batch, fingerprints_of_normalised, |says, row, hash| match says {
                            Says::Attribute(Attribute::UrlFull, rank) => urls.put(row, rank, hash),
                            Says::Attribute(Attribute::DbQueryText, rank) => queries.put(row, rank, hash),
                            _ => {}
                        })
                    })
                })
            },
            || {
                guarded(|| {
                    whole.iter_mut().try_for_each(|text| text.read(columns, batch, fingerprints, |_, _, _| {}))?;
                    peers.iter_mut().try_for_each(|text| text.read(columns, batch, fingerprints_of_peers, |_, _, _| {}))
                })
            },
        );
        of_rows.and(of_texts)?;
        let kinds = self.texts.iter().find(|text| text.says == Says::Kind);
        find_served(kinds, batch.num_rows(), &mut self.served, &mut self.served_kinds);
        if let Some(TraceStates { column: text, texts, .. }) = &mut self.trace_states {
            text.codes.clear();
            if let Some(column) = columns.get(batch, text.place) {
                texts.read(column, &mut text.codes);
            }
        }
        let sources = self.attributes.iter_mut().chain(&mut self.resource_attributes);
        for (source, AttributeSource { place, column, pairs }) in (FIRST_ATTRIBUTE_SOURCE..).zip(sources) {
            let Some(values) = columns.get(batch, *place) else {
                pairs.clear();
                continue;
            };
            column.read(values, pairs, &mut |row, wanted, hash| match wanted.as_attribute() {
                Some((Attribute::UrlFull, rank)) => urls.put(row, rank, hash),
                Some((Attribute::DbQueryText, rank)) => queries.put(row, rank, hash),
                _ => {}
            });
            pairs.add_to(fingerprints, source, &self.served);
        }
        if let Some(states) = &mut self.trace_states {
            states.begin_batch();
        }
        self.read_exception_types(columns, batch);
        self.read_ref_types(columns, batch, rows.parent_span_ids());
        self.exception_pairs.add_to(&mut self.fingerprints, EXCEPTION_SOURCE, &self.served);
        self.ref_type_pairs.add_to(&mut self.fingerprints, REF_TYPE_SOURCE, &self.served);
        Ok(())
    }

    fn read_ref_types(&mut self, columns: &BatchColumns, batch: &RecordBatch, parents: &[SpanId]) {
        self.ref_type_pairs.clear();
        let column = |place: Option<Place>| place.and_then(|place| columns.get(batch, place));
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

    fn read_exception_types(&mut self, columns: &BatchColumns, batch: &RecordBatch) {
        let column = |place: Option<Place>| place.and_then(|place| columns.get(batch, place));
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
        self.served_kinds.clear();
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
        fingerprint.merge(self.fingerprints_of_normalised[row]);
        if !self.served[row]
            && let Some(&peers) = self.fingerprints_of_peers.get(row)
        {
            fingerprint.merge(peers);
        }
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

/// Finds out which spans of a batch of `rows` rows serve a request. `of_codes` remembers it by the codes of kinds.
fn find_served(kinds: Option<&TextColumn>, rows: usize, served: &mut Vec<bool>, of_codes: &mut Vec<bool>) {
    served.clear();
    served.resize(rows, false);
    let Some(kinds) = kinds else { return };
    kinds.codes.for_each(|row, code| {
        for new in of_codes.len()..=code as usize {
            of_codes.push(is_served(SpanKind::from_text(kinds.texts.text(new as u32))));
        }
        served[row] = of_codes[code as usize];
    });
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

    fn is_normalised(&self) -> bool {
        matches!(self.texts, Texts::Normal(_))
    }

    fn is_peer(&self) -> bool {
        matches!(self.says, Says::Attribute(attribute, _) if PEER.contains(&attribute))
    }

    /// Reads the rows of a batch: adds what they say to their fingerprints, and tells the hashes of the arguments of
    /// normalised texts.
    fn read(
        &mut self,
        columns: &BatchColumns,
        batch: &RecordBatch,
        fingerprints: &mut [Fingerprint],
        mut tell: impl FnMut(Says, usize, u64),
    ) -> Result<(), ParquetError> {
        self.codes.clear();
        let column = match (&mut self.pages, columns.get(batch, self.place)) {
            (Some(pages), _) => Cells::Pages(pages, batch.num_rows()),
            (None, Some(column)) => Cells::Array(column),
            (None, None) => return Ok(()),
        };
        match &mut self.texts {
            Texts::Whole(texts) => texts.read_each(column, &mut self.codes, |row, contribution| {
                fingerprints[row].merge(contribution);
            }),
            Texts::Normal(texts) => texts.read_each(column, &mut self.codes, |row, contribution, hash| {
                fingerprints[row].merge(contribution);
                tell(self.says, row, hash);
            }),
        }
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

    fn table_of(columns: Vec<(&str, ArrayRef)>) -> (Table, RecordBatch) {
        let columns = columns.into_iter().map(|(name, column)| (name, column, true));
        let batch = RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length");
        let mut file = tempfile::tempfile().expect("a file");
        let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), None).expect("a writer");
        writer.write(&batch).expect("written");
        writer.close().expect("closed");
        let table = Footer::open(SharedFile::new(file).expect("a file"), "spans.parquet".as_ref())
            .and_then(Table::of)
            .expect("a table of spans");
        (table, batch)
    }

    /// The names of the columns that are read of a table's first row group.
    fn columns_read(columns: Vec<(&str, ArrayRef)>) -> Vec<String> {
        let (table, batch) = table_of(columns);
        let reader = ColumnReader::new(&table);
        let Needed { texts, roots } = reader.needed(0);
        let mut roots = [reader.rows.roots(0), texts, roots].concat();
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
        let mut reader = ColumnReader::new(&table);
        reader.read_row_group(0, &mut builder, &mut 0).expect("rows");
        assert_eq!((builder.len(), reader.signatures.known.len()), (4, 3));
    }
}
