//! Writes canonical Parquet: everything that is known of a span, in columns that a scan can pick from.
//!
//! What detectors ask for stands in plain columns of its own ([`Attribute`]), so that a scan reads no map; it stays in the
//! maps too, so that nothing is lost. Start times are nanoseconds, or microseconds with the nanoseconds as a number
//! beside them, for readers that know nothing finer. Spans are written in the order given: callers that want row groups
//! of whole traces sort first.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayBuilder as _, ArrayRef, FixedSizeBinaryBuilder, Int64Builder, MapBuilder, MapFieldNames,
    RecordBatch, StringBuilder,
};
use arrow::datatypes::{
    DataType, Field, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType, TimestampNanosecondType,
};
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::Result;
use parquet::file::metadata::KeyValue as Metadata;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use serde_json::{Map, Value as Json};

use crate::cli::Timestamps;
use crate::conventions::{
    Attribute, AttributeClass, CANONICAL_VERSION, CANONICAL_VERSION_KEY, OwnAttribute, TraceStateSampling,
    attribute_of_key, exception_attribute_of_key, is_key_of_resource, only_link_text,
};
use crate::frame::only_link;
use crate::span::{KeyValue, Origin, REF_TYPE, SpanRecord};

/// Keys that detectors do not read, but people who query the file do.
const ALSO_PROMOTED: [&str; 2] = ["db.operation.batch.size", "db.response.status_code"];

/// Span attributes that have a column of their name, which holds the value of exactly that key as text: all spellings of
/// the attributes that the analysis asks for.
///
/// `exception.type` and `exception.message` are also taken from an event that tells of an exception, `opentracing.ref_type` from a
/// link to the parent, `tracescan.only_link` from that of a CONSUMER span, and `tracescan.adjusted_count` from the trace state.
fn promoted() -> impl Iterator<Item = &'static str> {
    let recorded = keys_of(AttributeClass::Shape).filter(|(attribute, _)| attribute.is_recorded());
    let own = own_keys_of(AttributeClass::Shape).filter(|key| attribute_of_key(key).is_none());
    recorded.map(|(_, key)| key).chain(ALSO_PROMOTED).chain(own)
}

/// Resource attributes that have a column: all spellings of those that the analysis asks for. The column's name is the key
/// behind [`RESOURCE`].
fn promoted_of_resources() -> impl Iterator<Item = &'static str> {
    keys_of(AttributeClass::Resource).map(|(_, key)| key).chain(own_keys_of(AttributeClass::Resource))
}

/// What begins the names of columns that hold an attribute of the resource.
const RESOURCE: &str = "resource.";

fn keys_of(class: AttributeClass) -> impl Iterator<Item = (Attribute, &'static str)> {
    let of_class = Attribute::ALL.iter().filter(move |attribute| attribute.class() == class);
    of_class.flat_map(|&attribute| attribute.aliases().iter().map(move |&key| (attribute, key)))
}

fn own_keys_of(class: AttributeClass) -> impl Iterator<Item = &'static str> {
    let of_class = OwnAttribute::ALL.iter().filter(move |attribute| attribute.class() == class);
    of_class.flat_map(|attribute| attribute.aliases()).copied()
}

const ADJUSTED_COUNT: &str = "tracescan.adjusted_count";

/// The column of where the only link of a CONSUMER span leads to.
const ONLY_LINK: &str = OwnAttribute::OnlyLink.aliases()[0];

/// The column that stands beside times of microseconds.
const START_UNIX_NANO: &str = "start_time_unix_nano";

/// Rows that are gathered before they are encoded.
const ROWS_PER_BATCH: usize = 4_096;
/// Row groups are closed at this many rows or this many encoded bytes.
const ROWS_PER_GROUP: usize = 1 << 20;
const BYTES_PER_GROUP: usize = 256 << 20;
/// Attributes of one span up to which repeated keys are looked for by comparing each with each.
const FEW_ATTRIBUTES: usize = 32;

/// Writes spans as canonical Parquet.
pub struct CanonicalWriter<W: Write + Send> {
    writer: ArrowWriter<W>,
    schema: SchemaRef,
    /// Numbers of columns by the keys of span attributes, and by those of resources.
    promoted_by_key: HashMap<&'static str, usize, FixedState>,
    promoted_by_resource_key: HashMap<&'static str, usize, FixedState>,
    rows: usize,
    trace_id: FixedSizeBinaryBuilder,
    span_id: FixedSizeBinaryBuilder,
    parent_span_id: FixedSizeBinaryBuilder,
    service_name: StringBuilder,
    name: StringBuilder,
    kind: StringBuilder,
    status_code: StringBuilder,
    timestamps: Timestamps,
    start_unix_nano: Int64Builder,
    duration: Int64Builder,
    status_message: StringBuilder,
    trace_state: StringBuilder,
    scope_name: StringBuilder,
    scope_version: StringBuilder,
    attributes: MapBuilder<StringBuilder, StringBuilder>,
    resource_attributes: MapBuilder<StringBuilder, StringBuilder>,
    scope_attributes: MapBuilder<StringBuilder, StringBuilder>,
    events: StringBuilder,
    links: StringBuilder,
    promoted: Vec<StringBuilder>,
}

impl<W: Write + Send> CanonicalWriter<W> {
    /// Begins a file on `output` whose times are nanoseconds.
    pub fn new(output: W) -> Result<Self> {
        Self::with_timestamps(output, Timestamps::Ns)
    }

    /// Begins a file on `output`.
    pub fn with_timestamps(output: W, timestamps: Timestamps) -> Result<Self> {
        let schema = schema(timestamps);
        // A dictionary of values that hardly repeat costs time and saves nothing.
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(ROWS_PER_GROUP))
            .set_max_row_group_bytes(Some(BYTES_PER_GROUP))
            .set_created_by(concat!("tracescan ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_key_value_metadata(Some(vec![Metadata::new(
                CANONICAL_VERSION_KEY.to_owned(),
                CANONICAL_VERSION.to_owned(),
            )]));
        for unique in ["trace_id", "span_id", "parent_span_id", "start_time", START_UNIX_NANO, "duration_ns"] {
            properties = properties.set_column_dictionary_enabled(ColumnPath::from(vec![unique.to_owned()]), false);
        }
        Ok(Self {
            writer: ArrowWriter::try_new(output, Arc::clone(&schema), Some(properties.build()))?,
            schema,
            promoted_by_key: promoted().zip(0..).collect(),
            promoted_by_resource_key: promoted_of_resources().zip(promoted().count()..).collect(),
            rows: 0,
            trace_id: FixedSizeBinaryBuilder::new(16),
            span_id: FixedSizeBinaryBuilder::new(8),
            parent_span_id: FixedSizeBinaryBuilder::new(8),
            service_name: StringBuilder::new(),
            name: StringBuilder::new(),
            kind: StringBuilder::new(),
            status_code: StringBuilder::new(),
            timestamps,
            start_unix_nano: Int64Builder::new(),
            duration: Int64Builder::new(),
            status_message: StringBuilder::new(),
            trace_state: StringBuilder::new(),
            scope_name: StringBuilder::new(),
            scope_version: StringBuilder::new(),
            attributes: map_builder(),
            resource_attributes: map_builder(),
            scope_attributes: map_builder(),
            events: StringBuilder::new(),
            links: StringBuilder::new(),
            promoted: promoted().chain(promoted_of_resources()).map(|_| StringBuilder::new()).collect(),
        })
    }

    /// Adds one span. No span is refused: an end before the start gives a duration below 0, so that whoever reads it can count
    /// it, and times beyond 2^63 ns are cut to that.
    pub fn write(&mut self, origin: &Origin<'_>, span: &SpanRecord<'_>) -> Result<()> {
        self.trace_id.append_value(span.trace_id.0)?;
        self.span_id.append_value(span.span_id.to_bytes())?;
        if span.parent_span_id.is_none() {
            self.parent_span_id.append_null();
        } else {
            self.parent_span_id.append_value(span.parent_span_id.to_bytes())?;
        }
        self.service_name.append_value(origin.service_name());
        self.name.append_value(&span.name);
        self.kind.append_value(span.kind.as_str());
        self.status_code.append_value(span.status.as_str());
        self.start_unix_nano.append_value(signed(span.start_unix_nano));
        let backwards = signed(span.start_unix_nano.saturating_sub(span.end_unix_nano));
        self.duration.append_value(signed(span.end_unix_nano.saturating_sub(span.start_unix_nano)) - backwards);
        self.status_message.append_option(given(&span.status_message));
        self.trace_state.append_option(given(&span.trace_state));
        self.scope_name.append_option(given(&origin.scope_name));
        self.scope_version.append_option(given(&origin.scope_version));
        append_map(&mut self.resource_attributes, &origin.resource_attributes)?;
        append_map(&mut self.scope_attributes, &origin.scope_attributes)?;
        append_map(&mut self.attributes, &span.attributes)?;
        for attribute in last_of_each_key(&span.attributes) {
            if let Some(&column) = self.promoted_by_key.get(attribute.key.as_ref()) {
                self.promote(column, &attribute.value.to_text());
            }
        }
        for attribute in last_of_each_key(&origin.resource_attributes) {
            if is_key_of_resource(&attribute.key)
                && let Some(&column) = self.promoted_by_resource_key.get(attribute.key.as_ref())
            {
                self.promote(column, &attribute.value.to_text());
            }
        }
        self.promote_exception(span);
        if let Some(count) =
            TraceStateSampling::of_span(span).and_then(|sampling| sampling.adjusted_count(span.trace_id))
        {
            self.promote(self.promoted_by_key[ADJUSTED_COUNT], &count.to_string());
        }
        self.promote_ref_type(span);
        if let Some(link) = only_link(span) {
            self.promote(self.promoted_by_key[ONLY_LINK], &only_link_text(link.trace_id, link.span_id));
        }
        self.events.append_option((!span.events.is_empty()).then(|| events_as_json(span)));
        self.links.append_option((!span.links.is_empty()).then(|| links_as_json(span)));
        self.rows += 1;
        if self.rows == ROWS_PER_BATCH { self.encode() } else { Ok(()) }
    }

    fn promote(&mut self, column: usize, text: &str) {
        let column = &mut self.promoted[column];
        pad(column, self.rows);
        column.append_value(text);
    }

    /// Type and message of the last exception among the events, unless the span has the attribute itself.
    fn promote_exception(&mut self, span: &SpanRecord<'_>) {
        if span.events.is_empty() {
            return;
        }
        for said in [Attribute::ExceptionType, Attribute::ExceptionMessage] {
            let column = self.promoted_by_key[said.aliases()[0]];
            if self.promoted[column].len() > self.rows {
                continue;
            }
            let exceptions = span.events.iter().filter(|event| event.is_exception());
            let attributes = exceptions.flat_map(|event| &event.attributes);
            let mut texts = attributes
                .filter(|attribute| exception_attribute_of_key(&attribute.key) == Some(said))
                .map(|attribute| attribute.value.to_text())
                .filter(|text| !text.is_empty());
            if let Some(last) = texts.next_back() {
                self.promote(column, &last);
            }
        }
    }

    /// How a link says that the span refers to its parent, unless the span has the attribute itself.
    fn promote_ref_type(&mut self, span: &SpanRecord<'_>) {
        let column = self.promoted_by_key[REF_TYPE];
        if !span.links.is_empty()
            && self.promoted[column].len() <= self.rows
            && let Some(ref_type) = span.ref_type_of_parent_link()
        {
            self.promote(column, &ref_type);
        }
    }

    fn encode(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.rows);
        let mut arrays: Vec<ArrayRef> = vec![
            Arc::new(self.trace_id.finish()),
            Arc::new(self.span_id.finish()),
            Arc::new(self.parent_span_id.finish()),
            Arc::new(self.service_name.finish()),
            Arc::new(self.name.finish()),
            Arc::new(self.kind.finish()),
            Arc::new(self.status_code.finish()),
        ];
        let nanoseconds = self.start_unix_nano.finish();
        match self.timestamps {
            Timestamps::Ns => {
                let times = nanoseconds.reinterpret_cast::<TimestampNanosecondType>();
                arrays.push(Arc::new(times.with_timezone("UTC")));
            }
            Timestamps::Us => {
                let times = nanoseconds.unary::<_, TimestampMicrosecondType>(|time| time.div_euclid(1_000));
                arrays.push(Arc::new(times.with_timezone("UTC")));
                arrays.push(Arc::new(nanoseconds));
            }
        }
        let rest: [ArrayRef; 10] = [
            Arc::new(self.duration.finish()),
            Arc::new(self.status_message.finish()),
            Arc::new(self.trace_state.finish()),
            Arc::new(self.scope_name.finish()),
            Arc::new(self.scope_version.finish()),
            Arc::new(self.attributes.finish()),
            Arc::new(self.resource_attributes.finish()),
            Arc::new(self.scope_attributes.finish()),
            Arc::new(self.events.finish()),
            Arc::new(self.links.finish()),
        ];
        arrays.extend(rest);
        for column in &mut self.promoted {
            pad(column, rows);
            arrays.push(Arc::new(column.finish()));
        }
        self.writer.write(&RecordBatch::try_new(Arc::clone(&self.schema), arrays)?)
    }

    /// Writes what is left and the footer, and gives the output back.
    pub fn finish(mut self) -> Result<W> {
        self.encode()?;
        self.writer.into_inner()
    }
}

fn schema(timestamps: Timestamps) -> SchemaRef {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    let map = |name: &str| Field::new(name, map_builder().finish().data_type().clone(), false);
    let mut fields = vec![
        Field::new("trace_id", DataType::FixedSizeBinary(16), false),
        Field::new("span_id", DataType::FixedSizeBinary(8), false),
        Field::new("parent_span_id", DataType::FixedSizeBinary(8), true),
        text("service_name", false),
        text("name", false),
        text("kind", false),
        text("status_code", false),
    ];
    let unit = if timestamps == Timestamps::Us { TimeUnit::Microsecond } else { TimeUnit::Nanosecond };
    fields.push(Field::new("start_time", DataType::Timestamp(unit, Some("UTC".into())), false));
    if timestamps == Timestamps::Us {
        fields.push(Field::new(START_UNIX_NANO, DataType::Int64, false));
    }
    fields.extend([
        Field::new("duration_ns", DataType::Int64, false),
        text("status_message", true),
        text("trace_state", true),
        text("scope_name", true),
        text("scope_version", true),
        map("attributes"),
        map("resource_attributes"),
        map("scope_attributes"),
        text("events", true),
        text("links", true),
    ]);
    fields.extend(promoted().map(|key| text(key, true)));
    fields.extend(promoted_of_resources().map(|key| text(&format!("{RESOURCE}{key}"), true)));
    Arc::new(Schema::new(fields))
}

/// The names of a map's parts are those that Parquet's specification gives them.
fn map_builder() -> MapBuilder<StringBuilder, StringBuilder> {
    let names = MapFieldNames { entry: "key_value".to_owned(), key: "key".to_owned(), value: "value".to_owned() };
    MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new()).with_values_field(Field::new(
        "value",
        DataType::Utf8,
        false,
    ))
}

fn pad(column: &mut StringBuilder, rows: usize) {
    column.append_nulls(rows - column.len());
}

fn signed(nanoseconds: u64) -> i64 {
    i64::try_from(nanoseconds).unwrap_or(i64::MAX)
}

fn given(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn append_map(map: &mut MapBuilder<StringBuilder, StringBuilder>, attributes: &[KeyValue<'_>]) -> Result<()> {
    for attribute in last_of_each_key(attributes) {
        map.keys().append_value(&attribute.key);
        map.values().append_value(attribute.value.to_text());
    }
    Ok(map.append(true)?)
}

/// The attributes without those whose key comes again: a map has each key once, and the last counts.
fn last_of_each_key<'a>(attributes: &'a [KeyValue<'a>]) -> impl Iterator<Item = &'a KeyValue<'a>> {
    let mut repeated = HashSet::<usize, FixedState>::default();
    if attributes.len() > FEW_ATTRIBUTES {
        let mut seen = HashSet::<&str, FixedState>::default();
        repeated.extend((0..attributes.len()).rev().filter(|&index| !seen.insert(&attributes[index].key)));
    }
    attributes.iter().enumerate().filter_map(move |(index, attribute)| {
        let comes_again = if attributes.len() > FEW_ATTRIBUTES {
            repeated.contains(&index)
        } else {
            attributes[index + 1..].iter().any(|later| later.key == attribute.key)
        };
        (!comes_again).then_some(attribute)
    })
}

fn events_as_json(span: &SpanRecord<'_>) -> String {
    let events = span.events.iter().map(|event| {
        Json::Object(Map::from_iter([
            ("time_unix_nano".to_owned(), Json::from(event.time_unix_nano)),
            ("name".to_owned(), Json::from(event.name.as_ref())),
            ("attributes".to_owned(), attributes_as_json(&event.attributes)),
        ]))
    });
    Json::Array(events.collect()).to_string()
}

fn links_as_json(span: &SpanRecord<'_>) -> String {
    let links = span.links.iter().map(|link| {
        Json::Object(Map::from_iter([
            ("trace_id".to_owned(), Json::from(link.trace_id.to_string())),
            ("span_id".to_owned(), Json::from(link.span_id.to_string())),
            ("trace_state".to_owned(), Json::from(link.trace_state.as_ref())),
            ("attributes".to_owned(), attributes_as_json(&link.attributes)),
        ]))
    });
    Json::Array(links.collect()).to_string()
}

fn attributes_as_json(attributes: &[KeyValue<'_>]) -> Json {
    let pairs = attributes.iter().map(|attribute| (attribute.key.to_string(), Json::from(attribute.value.to_text())));
    Json::Object(pairs.collect())
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use arrow::array::AsArray as _;
    use arrow::datatypes::Int64Type;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;
    use crate::span::{Event, Link, SpanId, SpanKind, StatusCode, TraceId, Value};

    fn pair(key: &'static str, value: Value<'static>) -> KeyValue<'static> {
        KeyValue { key: Cow::Borrowed(key), value }
    }

    fn text(value: &'static str) -> Value<'static> {
        Value::Str(Cow::Borrowed(value))
    }

    fn written(origin: &Origin<'_>, spans: &[SpanRecord<'_>]) -> (RecordBatch, Option<String>) {
        let mut writer = CanonicalWriter::new(Vec::new()).expect("a vector takes all");
        for span in spans {
            writer.write(origin, span).expect("a vector takes all");
        }
        let file = writer.finish().expect("a vector takes all");
        let reader = ParquetRecordBatchReaderBuilder::try_new(arrow_bytes(file)).expect("the file is Parquet");
        let metadata = reader.metadata().file_metadata().key_value_metadata().cloned().unwrap_or_default();
        let version = metadata.into_iter().find(|pair| pair.key == CANONICAL_VERSION_KEY).and_then(|pair| pair.value);
        let mut batches = reader.build().expect("the file can be read");
        let batch = batches.next().expect("there is a batch").expect("the batch can be read");
        (batch, version)
    }

    fn arrow_bytes(file: Vec<u8>) -> std::fs::File {
        use std::io::{Seek as _, Write as _};
        let mut on_disk = tempfile::tempfile().expect("a temporary file can be made");
        on_disk.write_all(&file).expect("a temporary file can be written");
        on_disk.rewind().expect("a temporary file can be read");
        on_disk
    }

    /// Nothing of a span is lost, and what detectors need has a column.
    #[test]
    fn a_span_comes_back_whole() {
        let origin = Origin {
            resource_attributes: vec![pair("service.name", text("cart"))],
            scope_name: "scope".into(),
            scope_attributes: vec![pair("a", Value::Bool(true))],
            ..Origin::default()
        };
        let span = SpanRecord {
            trace_id: TraceId([1; 16]),
            span_id: SpanId(2),
            name: "GET".into(),
            kind: SpanKind::Client,
            status: StatusCode::Error,
            start_unix_nano: 10,
            end_unix_nano: 25,
            attributes: vec![
                pair("http.request.method", text("PUT")),
                pair("http.response.status_code", Value::Int(503)),
                pair("http.request.method", text("GET")),
            ],
            events: vec![Event {
                time_unix_nano: 20,
                name: "exception".into(),
                attributes: vec![pair("exception.type", text("IOError"))],
            }],
            links: vec![Link { trace_id: TraceId([3; 16]), span_id: SpanId(4), ..Link::default() }],
            ..SpanRecord::default()
        };
        let (batch, version) = written(&origin, &[span]);
        let text_of = |column: &str| batch[column].as_string::<i32>().value(0).to_owned();
        assert_eq!(version.as_deref(), Some(CANONICAL_VERSION));
        assert!(batch["parent_span_id"].is_null(0));
        assert_eq!(text_of("service_name"), "cart");
        assert_eq!((text_of("kind"), text_of("status_code")), ("client".to_owned(), "error".to_owned()));
        assert_eq!(batch["start_time"].as_primitive::<TimestampNanosecondType>().value(0), 10);
        assert_eq!(batch["duration_ns"].as_primitive::<Int64Type>().value(0), 15);
        assert_eq!(text_of("http.request.method"), "GET");
        assert_eq!(text_of("http.response.status_code"), "503");
        assert_eq!(text_of("exception.type"), "IOError");
        assert!(batch["db.system"].is_null(0));
        assert_eq!(batch["attributes"].as_map().value_length(0), 2);
        assert_eq!(batch["scope_attributes"].as_map().value_length(0), 1);
        assert_eq!(
            text_of("events"),
            r#"[{"time_unix_nano":20,"name":"exception","attributes":{"exception.type":"IOError"}}]"#
        );
        assert!(text_of("links").contains("0000000000000004"));
        assert!(batch["status_message"].is_null(0));
    }

    /// No span is lost, however wrong its times are, and none becomes one that is right.
    #[test]
    fn an_end_before_the_start_is_told() {
        for (start, end, expected) in
            [(12, 5, [12, -7]), (u64::MAX, 5, [i64::MAX, -i64::MAX]), (5, u64::MAX, [5, i64::MAX])]
        {
            let span = SpanRecord { start_unix_nano: start, end_unix_nano: end, ..SpanRecord::default() };
            let (batch, _) = written(&Origin::default(), &[span]);
            let times = batch["start_time"].as_primitive::<TimestampNanosecondType>().value(0);
            assert_eq!([times, batch["duration_ns"].as_primitive::<Int64Type>().value(0)], expected);
        }
    }

    #[test]
    fn of_repeated_keys_the_last_counts() {
        for count in [3, 100] {
            let attributes: Vec<_> = (0..count).map(|number| pair("k", Value::Int(number))).collect();
            let kept: Vec<_> = last_of_each_key(&attributes).map(|attribute| attribute.value.clone()).collect();
            assert_eq!(kept, [Value::Int(count - 1)]);
        }
    }
}
