//! The columns that make up signatures: what all of them say of a row is looked up at once.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use parquet::errors::ParquetError;

use super::own::OwnColumns;
use super::row::RowColumns;
use super::text::{Says, TextColumn};
use crate::conventions::{Attribute, AttributeClass, OwnAttribute, OwnAttributes, arguments_of};
use crate::frame::{FrameBuilder, OwnValues, SignatureId, SignaturePart, Symbol, ValueCaps, said_of_exception};
use crate::ingest::IngestError;
use crate::ingest::parquet::file::dictionaries::normalised_dictionary::NormalisedDictionary;
use crate::ingest::parquet::file::dictionaries::text_dictionary::TextDictionary;
use crate::ingest::parquet::file::fingerprint::Fingerprint;
use crate::ingest::parquet::file::guard::guarded;
use crate::ingest::parquet::file::pages::ValueType;
use crate::ingest::parquet::flat::attributes::{AttributeColumn, PairsOfRows, Wanted};
use crate::ingest::parquet::flat::events::{EventColumns, LinkColumns};
use crate::ingest::parquet::flat::mapping::dialect::Place;
use crate::ingest::parquet::flat::mapping::field::Field;
use crate::ingest::parquet::flat::table::{BatchColumns, Table};
use crate::ingest::parquet::flat::trace_states::TraceStates;
use crate::ingest::source::shared_file::SharedFile;
use crate::span::{SpanId, SpanKind, StatusCode, TraceId, UNKNOWN_SERVICE};

/// So many combinations of codes are remembered.
const MANY_COMBINATIONS: usize = 1 << 20;

/// The columns that make up a signature, and the signatures that came before.
pub(crate) struct SignatureColumns {
    /// The columns that are normalised stand first, those of peers last.
    texts: Vec<TextColumn>,
    normalised: usize,
    peers: usize,
    /// Which of them tell of more than an attribute.
    fields: FieldColumns,
    /// Which of them tell of attributes that some row of the batch has.
    said: Vec<usize>,
    /// The status that a text in its column stands for.
    status_of: fn(&str) -> StatusCode,
    caps: Arc<ValueCaps>,
    /// The attributes of spans; those of one span may be spread over several columns.
    attributes: Vec<AttributeSource>,
    /// Those of resources.
    resource_attributes: Option<AttributeSource>,
    /// Whether those of signatures that are asked for have columns of their own, or none is: then the others are needed only
    /// for spans whose service has no column or nothing in it.
    resource_has_columns: bool,
    /// The same of those that are kept beside rows.
    own_has_columns: bool,
    events: EventPlaces,
    exceptions: ExceptionTexts,
    exception_pairs: PairsOfRows,
    trace_states: Option<TraceStates>,
    links: LinkPlaces,
    /// Whether it is asked where the only link of a span leads to, and no column says it.
    asks_only_link: bool,
    ref_types: TextDictionary,
    ref_type_pairs: PairsOfRows,
    /// Signatures by the fingerprints of the rows that they were worked out from.
    known: HashMap<Fingerprint, SignatureId, FixedState>,
    /// What the rows of the batch say, as far as signatures go, but for normalised texts and peers.
    fingerprints: Vec<Fingerprint>,
    fingerprints_of_normalised: Vec<Fingerprint>,
    fingerprints_of_peers: Vec<Fingerprint>,
    /// Whether the spans of the batch serve a request: who their peer is makes no difference then
    /// ([`Attribute::is_peer`]).
    served: Vec<bool>,
    /// The same by the codes of kinds.
    served_kinds: Vec<bool>,
    arguments: Arguments,
    own: OwnColumns,
}

/// The attributes that are read only if they are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AskedAttributes {
    /// Those that are kept beside rows.
    pub(crate) own: OwnAttributes,
    /// Those of resources that are part of signatures, beside the service.
    pub(crate) of_resources: bool,
}

/// The root fields that signatures need of a row group.
pub(crate) struct Needed {
    /// Those of texts, which need not be read by Arrow.
    pub(crate) texts: Vec<usize>,
    /// The others.
    pub(crate) others: Vec<usize>,
}

/// The columns of what spans have beside attributes, by their places among the text columns.
struct FieldColumns {
    service: Option<usize>,
    name: Option<usize>,
    kind: Option<usize>,
    status: Option<usize>,
}

impl FieldColumns {
    fn of(texts: &[TextColumn]) -> Self {
        let column = |says| texts.iter().position(|text| text.says == says);
        Self {
            service: column(Says::Service),
            name: column(Says::Name),
            kind: column(Says::Kind),
            status: column(Says::Status),
        }
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
    trace_ids: Option<Place>,
    span_ids: Option<Place>,
    attributes: Option<Place>,
}

impl LinkPlaces {
    /// The place without which links say nothing of how a span refers to its parent.
    fn attributes(&self) -> Option<Place> {
        self.attributes.or(self.whole)
    }
}

impl SignatureColumns {
    pub(crate) fn new(table: &Table, caps: &Arc<ValueCaps>, asked: AskedAttributes) -> Self {
        let AskedAttributes { own, of_resources } = asked;
        let own_of_resources = own.of_class(AttributeClass::Resource);
        let mapping = &table.mapping;
        let place = |field| mapping.field(field).map(|column| column.place);
        let of_fields = [
            (Says::Service, Field::Service),
            (Says::Name, Field::Name),
            (Says::Kind, Field::Kind),
            (Says::Status, Field::Status),
            (Says::Attribute(Attribute::StatusMessage, 0), Field::StatusMessage),
        ];
        let of_fields = of_fields.into_iter().filter_map(|(says, field)| Some((says, place(field)?)));
        let of_flat_columns = mapping.flat.iter().filter_map(|flat| {
            let (attribute, rank) = flat.known?;
            Some((Says::Attribute(attribute, rank), Place { root: flat.root, child: None }))
        });
        let texts = of_fields.chain(of_flat_columns).zip(0..);
        let texts = texts.map(|((says, place), source)| TextColumn::new(says, place, source, caps));
        let (mut texts, whole): (Vec<TextColumn>, Vec<TextColumn>) = texts.partition(TextColumn::is_normalised);
        let normalised = texts.len();
        let (of_peers, others): (Vec<TextColumn>, Vec<TextColumn>) = whole.into_iter().partition(TextColumn::is_peer);
        texts.extend(others);
        let peers = of_peers.len();
        texts.extend(of_peers);
        let all_in_columns = mapping.columns_repeat_attributes;
        let of_spans =
            [Field::Attributes, Field::NumberAttributes, Field::BoolAttributes].into_iter().filter_map(place);
        let attributes = of_spans.map(|place| AttributeSource::new(place, AttributeColumn::of_spans(own, caps)));
        let resource_attributes = place(Field::ResourceAttributes);
        let resource_attributes = resource_attributes
            .map(|place| AttributeSource::new(place, AttributeColumn::of_resources(of_resources, own, caps)));
        let events = EventPlaces {
            whole: place(Field::Events),
            names: place(Field::EventNames),
            attributes: place(Field::EventAttributes),
        };
        let has_lists = place(Field::LinkTraceIds).or(place(Field::LinkSpanIds)).is_some();
        let links = LinkPlaces {
            whole: place(Field::Links).filter(|_| !has_lists),
            trace_ids: place(Field::LinkTraceIds),
            span_ids: place(Field::LinkSpanIds),
            attributes: place(Field::LinkAttributes).filter(|_| has_lists),
        };
        let only_link = OwnAttributes::of(&[OwnAttribute::OnlyLink]);
        let asks_only_link = own.contains_all(only_link) && !(all_in_columns && mapping.has_all_own_columns(only_link));
        Self {
            fields: FieldColumns::of(&texts),
            said: Vec::new(),
            texts,
            normalised,
            peers,
            status_of: mapping.status_of,
            caps: Arc::clone(caps),
            attributes: if all_in_columns
                && mapping.has_all_columns(AttributeClass::Shape)
                && mapping.has_all_own_columns(own.of_class(AttributeClass::Shape))
            {
                Vec::new()
            } else {
                attributes.collect()
            },
            resource_attributes,
            resource_has_columns: !of_resources || all_in_columns && mapping.has_all_columns(AttributeClass::Resource),
            own_has_columns: own_of_resources.is_empty()
                || all_in_columns && mapping.has_all_own_columns(own_of_resources),
            events: if all_in_columns && mapping.has_column_of(Attribute::ExceptionMessage) {
                EventPlaces::default()
            } else {
                events
            },
            exceptions: ExceptionTexts::new(caps),
            exception_pairs: PairsOfRows::default(),
            trace_states: place(Field::TraceState).map(TraceStates::new),
            links: if all_in_columns && !asks_only_link { LinkPlaces::default() } else { links },
            asks_only_link,
            ref_types: TextDictionary::default(),
            ref_type_pairs: PairsOfRows::default(),
            known: HashMap::default(),
            fingerprints: Vec::new(),
            fingerprints_of_normalised: Vec::new(),
            fingerprints_of_peers: Vec::new(),
            served: Vec::new(),
            served_kinds: Vec::new(),
            arguments: Arguments::default(),
            own: OwnColumns::new(table, own),
        }
    }

    /// What is needed of a row group of `table`: the root fields of texts, and the others.
    pub(crate) fn needed(&self, table: &Table, row_group: usize) -> Needed {
        let says_something = |place: &Place| !table.is_empty_column(row_group, place.root);
        let mut places: Vec<Place> = self.places().filter(says_something).collect();
        if self.needs_resources(table, row_group) || !self.own_has_columns {
            places.extend(self.resource_attributes.iter().map(|source| source.place).filter(says_something));
        }
        let LinkPlaces { trace_ids, span_ids, attributes, .. } = self.links;
        if self.asks_only_link {
            places.extend([trace_ids, span_ids].into_iter().flatten().filter(says_something));
        } else if attributes.is_some_and(|place| says_something(&place)) {
            places.extend(span_ids);
        }
        let texts = self.texts.iter().map(|text| text.place).filter(says_something);
        let root = |place: Place| place.root;
        Needed { texts: texts.map(root).collect(), others: places.into_iter().map(root).collect() }
    }

    /// Whether attributes of resources are needed for signatures.
    fn needs_resources(&self, table: &Table, row_group: usize) -> bool {
        !self.resource_has_columns || table.may_lack_text(row_group, Field::Service)
    }

    /// The root field of resources' attributes, if nothing but values beside rows is needed of it and it has none. `file` is
    /// prepared for the columns that are needed.
    pub(crate) fn root_in_vain(&self, table: &Table, file: &Arc<SharedFile>, row_group: usize) -> Option<usize> {
        let root = self.resource_attributes.as_ref()?.place.root;
        let is_wanted = |key: &str| self.own.asked.of_resource_key(key).is_some();
        let is_for_own_alone = !self.own_has_columns && !self.needs_resources(table, row_group);
        (is_for_own_alone && !table.may_have_key(file, row_group, root, is_wanted)).then_some(root)
    }

    /// The columns beside texts that are always needed, if they are not empty. Resource attributes and the ids of links are
    /// not.
    fn places(&self) -> impl Iterator<Item = Place> + '_ {
        let columns = self.attributes.iter().map(|source| source.place);
        let lists = [self.events.whole, self.events.names, self.events.attributes, self.links.attributes()];
        let trace_states = self.trace_states.iter().map(|states| states.place);
        columns.chain(lists.into_iter().flatten()).chain(trace_states).chain(self.own.places())
    }

    /// Begins to read the texts of a row group; those that Arrow must read join `roots`.
    pub(crate) fn open_pages(
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
    pub(crate) fn begin_batch(
        &mut self,
        columns: &BatchColumns,
        batch: &RecordBatch,
        rows: &mut RowColumns<'_>,
    ) -> Result<(), ParquetError> {
        self.forget_if_large();
        let Self { fingerprints, fingerprints_of_normalised, fingerprints_of_peers, arguments, .. } = self;
        fingerprints_of_peers.clear();
        if self.peers > 0 {
            fingerprints_of_peers.resize(batch.num_rows(), Fingerprint::NOTHING);
        }
        for fingerprints in [&mut *fingerprints, fingerprints_of_normalised] {
            fingerprints.clear();
            fingerprints.resize(batch.num_rows(), Fingerprint::NOTHING);
        }
        arguments.begin(batch.num_rows());
        let (normalised, whole) = self.texts.split_at_mut(self.normalised);
        let (whole, peers) = whole.split_at_mut(whole.len() - self.peers);
        // Whichever thread they are on, panics of the decoder become errors.
        let (of_rows, (of_normalised, of_texts)) = rayon::join(
            || guarded(|| rows.read(columns, batch)),
            || {
                rayon::join(
                    || {
                        guarded(|| {
                            normalised.iter_mut().try_for_each(|text| {
                                text.read(columns, batch, fingerprints_of_normalised, |says, row, hash| {
                                    if let Says::Attribute(attribute, rank) = says {
                                        arguments.put(attribute, row, rank, hash);
                                    }
                                })
                            })
                        })
                    },
                    || {
                        guarded(|| {
                            whole
                                .iter_mut()
                                .try_for_each(|text| text.read(columns, batch, fingerprints, |_, _, _| {}))?;
                            peers
                                .iter_mut()
                                .try_for_each(|text| text.read(columns, batch, fingerprints_of_peers, |_, _, _| {}))
                        })
                    },
                )
            },
        );
        of_rows.and(of_normalised).and(of_texts)?;
        let has_text = |text: &TextColumn| matches!(text.says, Says::Attribute(..)) && !text.is_empty();
        self.said.clear();
        self.said.extend(self.texts.iter().enumerate().filter(|(_, text)| has_text(text)).map(|(place, _)| place));
        let kinds = self.fields.kind.map(|kind| &self.texts[kind]);
        find_served(kinds, batch.num_rows(), &mut self.served, &mut self.served_kinds);
        if let Some(states) = &mut self.trace_states {
            states.read(columns, batch);
        }
        let sources = self.attributes.iter_mut().chain(&mut self.resource_attributes);
        self.own.read(columns, batch);
        let (own_asked, own_of_rows) = (self.own.asked, &mut self.own.of_rows);
        for (source, AttributeSource { place, column, pairs }) in (FIRST_ATTRIBUTE_SOURCE..).zip(sources) {
            let Some(values) = columns.get(batch, *place) else {
                pairs.clear();
                continue;
            };
            column.read(values, pairs, &mut |row, wanted, hash| {
                let own = match wanted.as_attribute() {
                    Some((attribute, rank)) => {
                        arguments.put(attribute, row, rank, hash);
                        own_asked.of_spelling(attribute, rank)
                    }
                    None => wanted.as_own(),
                };
                if let Some((attribute, rank)) = own {
                    own_of_rows.slots(row).put(attribute, rank, hash);
                }
            });
            pairs.add_to(fingerprints, source, &self.served);
        }
        self.read_exceptions(columns, batch);
        self.read_ref_types(columns, batch, rows.parent_span_ids());
        self.read_only_links(columns, batch);
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
                self.ref_type_pairs.push(Wanted::REF_TYPE, self.ref_types.index_of(&ref_type));
            }
            self.ref_type_pairs.end_row();
        }
    }

    /// Where the only links of CONSUMER spans lead to.
    fn read_only_links(&mut self, columns: &BatchColumns, batch: &RecordBatch) {
        let column = |place: Option<Place>| place.and_then(|place| columns.get(batch, place));
        let links = LinkColumns {
            whole: column(self.links.whole),
            trace_ids: column(self.links.trace_ids),
            span_ids: column(self.links.span_ids),
            trace_states: None,
            attributes: None,
        };
        let kinds = self.fields.kind.map(|kind| &self.texts[kind]);
        let (true, Some(ids), Some(kinds)) = (self.asks_only_link, links.span_ids.or(links.whole), kinds) else {
            return;
        };
        if !has_items(ids) {
            return;
        }
        for row in (0..batch.num_rows()).filter(|&row| self.served[row]) {
            if SpanKind::from_text(kinds.text_at(row)) == SpanKind::Consumer
                && let [link] = &links.at(row)[..]
            {
                self.own.of_rows.slots(row).put_only_link(link.trace_id, link.span_id);
            }
        }
    }

    fn read_exceptions(&mut self, columns: &BatchColumns, batch: &RecordBatch) {
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
            for event in events.exceptions_at(row) {
                said_of_exception(&event, |attribute, rank, value| {
                    let code = self.exceptions.code_of(attribute, &value.to_text());
                    self.exception_pairs.push(Wanted::attribute(attribute, rank), code);
                });
            }
            self.exception_pairs.end_row();
        }
    }

    /// Number of combinations that are known.
    #[cfg(test)]
    pub(crate) fn combinations(&self) -> usize {
        self.known.len()
    }

    /// Codes are good only together with the combinations that were made of them, so all go at once.
    fn forget_if_large(&mut self) {
        let is_large = self.known.len() > MANY_COMBINATIONS
            || self.texts.iter().any(|text| text.is_large())
            || self.trace_states.as_ref().is_some_and(TraceStates::is_large)
            || self.attributes.iter().chain(&self.resource_attributes).any(|source| source.column.is_large())
            || self.exceptions.is_large()
            || self.ref_types.is_large();
        if !is_large {
            return;
        }
        self.known = HashMap::default();
        self.served_kinds.clear();
        for text in &mut self.texts {
            text.forget(&self.caps);
        }
        self.trace_states = self.trace_states.take().map(|states| TraceStates::new(states.place));
        for source in self.attributes.iter_mut().chain(&mut self.resource_attributes) {
            source.column = source.column.begun_anew();
        }
        self.exceptions = ExceptionTexts::new(&self.caps);
        self.ref_types = TextDictionary::default();
    }

    /// The signature and the arguments of the span at `row` of the batch.
    pub(crate) fn at(&mut self, row: usize, trace_id: TraceId, builder: &mut FrameBuilder) -> (SignatureId, u64) {
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
        let signature = match self.known.get(&fingerprint) {
            Some(&known) => known,
            None => {
                let new = self.work_out(row, count, builder);
                self.known.insert(fingerprint, new);
                new
            }
        };
        (signature, self.arguments.at(row, self.served[row]))
    }

    /// The own values of the span at `row` of the batch, if they are asked for.
    pub(crate) fn own_values(&self, row: usize) -> Option<&OwnValues> {
        self.own.values(row)
    }

    fn work_out(&mut self, row: usize, count: u32, builder: &mut FrameBuilder) -> SignatureId {
        let service = self.service(row, builder);
        let Self { texts, fields, said, attributes, resource_attributes, .. } = self;
        let mut symbol_of_name =
            |column: &mut TextColumn| column.symbol_at(row, |name| builder.symbol_of(SignaturePart::NAME, name));
        let name = fields.name.map_or(Symbol::EMPTY, |name| symbol_of_name(&mut texts[name]));
        let kind = fields.kind.map_or(SpanKind::Unspecified, |kind| SpanKind::from_text(texts[kind].text_at(row)));
        let status = fields.status.map_or(StatusCode::Unset, |status| (self.status_of)(texts[status].text_at(row)));
        let adjusted_count = self.trace_states.as_ref().and_then(|states| states.count(count));
        builder.signature_of_symbols([service, name], kind, status, |slots| {
            if let Some(count) = adjusted_count {
                slots.put_trace_state_count(count);
            }
            for pair in self.ref_type_pairs.row(row).chunks_exact(2) {
                slots.put(Attribute::RefType, 0, self.ref_types.text(pair[1]));
            }
            // What an attribute column has counts more than a column that repeats it.
            for &place in &*said {
                let text = &mut texts[place];
                let Says::Attribute(attribute, rank) = text.says else { continue };
                if !attribute.is_kept_as_said() {
                    slots.put_normal(attribute, rank, text.text_at(row));
                } else if slots.takes(attribute, rank) {
                    let symbol = text.symbol_at(row, |text| slots.symbol_of(attribute, text));
                    slots.put_symbol(attribute, rank, symbol);
                }
            }
            for AttributeSource { column, pairs, .. } in attributes.iter().chain(&*resource_attributes) {
                for pair in pairs.row(row).chunks_exact(2) {
                    if let Some((attribute, rank)) = Wanted(pair[0]).as_attribute() {
                        slots.put_normal(attribute, rank, column.text(Wanted(pair[0]), pair[1]));
                    }
                }
            }
            for pair in self.exception_pairs.row(row).chunks_exact(2) {
                if let Some((attribute, rank)) = Wanted(pair[0]).as_attribute() {
                    slots.put_normal(attribute, rank, self.exceptions.text(attribute, pair[1]));
                }
            }
        })
    }

    /// The service of the span at `row` of the batch: of its column, and where that has none of the resource.
    fn service(&mut self, row: usize, builder: &mut FrameBuilder) -> Symbol {
        let of_column = self.fields.service.map(|service| &mut self.texts[service]);
        if let Some(service) = of_column.filter(|service| !matches!(service.text_at(row), "" | UNKNOWN_SERVICE)) {
            return service.symbol_at(row, |service| builder.symbol_of(SignaturePart::SERVICE, service));
        }
        let of_resource = self.resource_attributes.as_ref().and_then(|AttributeSource { column, pairs, .. }| {
            let mut services = pairs.row(row).chunks_exact(2).filter(|pair| Wanted(pair[0]) == Wanted::SERVICE);
            services.next_back().map(|pair| column.text(Wanted::SERVICE, pair[1]))
        });
        let service = of_resource.filter(|service| !service.is_empty()).unwrap_or(UNKNOWN_SERVICE);
        builder.symbol_of(SignaturePart::SERVICE, service)
    }
}

/// Finds out which spans of a batch of `rows` rows serve a request. `of_codes` remembers it by the codes of kinds.
fn find_served(kinds: Option<&TextColumn>, rows: usize, served: &mut Vec<bool>, of_codes: &mut Vec<bool>) {
    served.clear();
    served.resize(rows, false);
    let Some(kinds) = kinds else { return };
    kinds.for_each_index(|row, code| {
        for new in of_codes.len()..=code as usize {
            of_codes.push(SpanKind::from_text(kinds.text(new as u32)).is_served());
        }
        served[row] = of_codes[code as usize];
    });
}

/// What tells the sources of codes apart in fingerprints. Columns of text are numbered from 0.
const FIRST_ATTRIBUTE_SOURCE: u32 = 1 << 16;
const EXCEPTION_SOURCE: u32 = 1 << 17;
const REF_TYPE_SOURCE: u32 = EXCEPTION_SOURCE + 1;
const TRACE_STATE_SOURCE: u32 = EXCEPTION_SOURCE + 2;

/// The hashes that make up arguments, by row.
#[derive(Default)]
struct Arguments {
    queries: ArgumentHashes,
    ids: ArgumentHashes,
    urls: ArgumentHashes,
    paths: ArgumentHashes,
}

impl Arguments {
    fn begin(&mut self, rows: usize) {
        for hashes in [&mut self.queries, &mut self.ids, &mut self.urls, &mut self.paths] {
            hashes.begin(rows);
        }
    }

    fn put(&mut self, attribute: Attribute, row: usize, rank: u8, hash: u64) {
        match attribute {
            Attribute::DbQueryText => self.queries.put(row, rank, hash),
            Attribute::RequestId => self.ids.put(row, rank, hash),
            Attribute::UrlFull => self.urls.put(row, rank, hash),
            Attribute::UrlPath => self.paths.put(row, rank, hash),
            _ => {}
        }
    }

    /// The arguments at `row`. Nobody asks what path a request had that is `served`.
    fn at(&self, row: usize, served: bool) -> u64 {
        let path = if served { 0 } else { self.paths.hashes[row] };
        arguments_of([self.queries.hashes[row], self.ids.hashes[row], self.urls.hashes[row], path])
    }
}

/// Hashes of one kind of arguments, by row. Of several spellings the first in the list counts, of one spelling the last
/// value, as in [`AttributeSlots::put`](crate::frame::AttributeSlots::put).
#[derive(Default)]
struct ArgumentHashes {
    hashes: Vec<u64>,
    ranks: Vec<u8>,
}

impl ArgumentHashes {
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

/// What events tell of exceptions: their types, and their messages, which are too many to be kept.
struct ExceptionTexts {
    types: TextDictionary,
    messages: NormalisedDictionary,
}

impl ExceptionTexts {
    fn new(caps: &Arc<ValueCaps>) -> Self {
        Self {
            types: TextDictionary::default(),
            messages: NormalisedDictionary::new(Attribute::ExceptionMessage, EXCEPTION_SOURCE, caps),
        }
    }

    fn code_of(&mut self, attribute: Attribute, text: &str) -> u32 {
        match attribute {
            Attribute::ExceptionMessage => self.messages.index_of(text).0,
            _ => self.types.index_of(text),
        }
    }

    fn text(&self, attribute: Attribute, code: u32) -> &str {
        match attribute {
            Attribute::ExceptionMessage => self.messages.text(code),
            _ => self.types.text(code),
        }
    }

    fn is_large(&self) -> bool {
        self.types.is_large() || self.messages.is_large()
    }
}

/// Whether any row has a value, or an item if they are lists.
fn has_items(column: &ArrayRef) -> bool {
    match column.as_list_opt::<i32>() {
        Some(list) => list.value_offsets().first() != list.value_offsets().last(),
        None => column.null_count() < column.len(),
    }
}
