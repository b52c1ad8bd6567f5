//! Flat Parquet: what a warehouse export looks like when ids are bytes and each attribute has a column of its own.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{ArrayBuilder as _, ArrayRef, FixedSizeBinaryBuilder, Int64Builder, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::Result;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use crate::generate::collector::Batch;
use crate::generate::services::ServiceFacts;
use crate::span::{SpanId, Value};

/// Rows that are gathered before they are encoded.
const ROWS_PER_BATCH: usize = 8_192;
const ROWS_PER_GROUP: usize = 1 << 20;

/// The column of what a span's status says.
const STATUS_MESSAGE: &str = "status_message";

/// The column of the instance of the service.
const INSTANCE_COLUMN: &str = "resource.service.instance.id";

/// The column of the version of the service.
const VERSION_COLUMN: &str = "resource.service.version";

/// Attributes of text that only smells have. Dumps without those have no columns for them.
const TEXT_COLUMNS_OF_SMELLS: &[&str] = &[
    VERSION_COLUMN,
    "url.query",
    "user.email",
    "http.request.header.authorization",
    "messaging.message.id",
    "messaging.kafka.message.key",
    "messaging.client.id",
    "peer.service",
    "process.command_line",
    "app.body",
    "app.bucket.key_id",
    "app.cloud.key",
    "app.database.url",
    "app.payment.card",
    "app.refund.account",
    "app.session",
    "app.smtp.password",
    "app.tls.key",
    "app.upstream.auth",
];

/// The same of whole numbers.
const NUMBER_COLUMNS_OF_SMELLS: &[&str] =
    &["messaging.kafka.offset", "messaging.message.body.size", "http.response.body.size"];

/// Attributes of text, each a nullable column of its name, and what a status says.
const TEXT_COLUMNS: &[&str] = &[
    STATUS_MESSAGE,
    "error.type",
    "exception.type",
    "exception.message",
    "http.request.method",
    "http.method",
    "http.route",
    "url.full",
    "http.url",
    "url.path",
    "http.target",
    "url.scheme",
    "http.scheme",
    "user_agent.original",
    "http.user_agent",
    "server.address",
    "net.peer.name",
    "rpc.system.name",
    "rpc.system",
    "rpc.service",
    "rpc.method",
    "rpc.response.status_code",
    "db.system.name",
    "db.system",
    "db.namespace",
    "db.name",
    "db.collection.name",
    "db.sql.table",
    "db.mongodb.collection",
    "db.operation.name",
    "db.operation",
    "db.query.summary",
    "db.query.text",
    "db.statement",
    "messaging.system",
    "messaging.destination.name",
    "messaging.destination",
    "messaging.operation.type",
    "messaging.operation.name",
    "messaging.operation",
    "messaging.consumer.group.name",
    "messaging.kafka.consumer.group",
    "messaging.destination.partition.id",
    "code.function.name",
    INSTANCE_COLUMN,
];

/// Attributes that are whole numbers, each a nullable column of its name.
const NUMBER_COLUMNS: &[&str] = &[
    "http.response.status_code",
    "http.status_code",
    "http.request.resend_count",
    "http.response.header.retry-after",
    "http.resend_count",
    "server.port",
    "net.peer.port",
    "rpc.grpc.status_code",
];

fn text_columns(has_smells: bool) -> Vec<&'static str> {
    [TEXT_COLUMNS, if has_smells { TEXT_COLUMNS_OF_SMELLS } else { &[] }].concat()
}

fn number_columns(has_smells: bool) -> Vec<&'static str> {
    [NUMBER_COLUMNS, if has_smells { NUMBER_COLUMNS_OF_SMELLS } else { &[] }].concat()
}

/// Where an attribute goes.
#[derive(Clone, Copy)]
enum Column {
    Text(usize),
    Number(usize),
}

/// Writes spans as flat Parquet.
pub(in crate::generate) struct FlatParquetWriter<W: Write + Send> {
    writer: ArrowWriter<W>,
    schema: SchemaRef,
    columns: HashMap<&'static str, Column, FixedState>,
    rows: usize,
    trace_id: Ids,
    span_id: Ids,
    parent_span_id: Ids,
    service_name: StringBuilder,
    name: StringBuilder,
    kind: StringBuilder,
    status_code: StringBuilder,
    start: Int64Builder,
    duration: Int64Builder,
    texts: Vec<SparseText>,
    numbers: Vec<Int64Builder>,
}

/// How ids are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::generate) enum IdStyle {
    /// As bytes.
    Binary,
    /// As hexadecimal text.
    Hex,
}

enum Ids {
    Binary(FixedSizeBinaryBuilder),
    Hex(StringBuilder),
}

impl Ids {
    fn new(style: IdStyle, bytes: i32) -> Self {
        match style {
            IdStyle::Binary => Self::Binary(FixedSizeBinaryBuilder::new(bytes)),
            IdStyle::Hex => Self::Hex(StringBuilder::new()),
        }
    }

    fn data_type(style: IdStyle, bytes: i32) -> DataType {
        match style {
            IdStyle::Binary => DataType::FixedSizeBinary(bytes),
            IdStyle::Hex => DataType::Utf8,
        }
    }

    fn append(&mut self, bytes: &[u8], text: impl std::fmt::Display) -> Result<()> {
        match self {
            Self::Binary(column) => column.append_value(bytes)?,
            Self::Hex(column) => column.append_value(text.to_string()),
        }
        Ok(())
    }

    fn append_null(&mut self) {
        match self {
            Self::Binary(column) => column.append_null(),
            Self::Hex(column) => column.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Binary(column) => Arc::new(column.finish()),
            Self::Hex(column) => Arc::new(column.finish()),
        }
    }
}

/// A text column that is null but where it is set.
struct SparseText(StringBuilder);

impl<W: Write + Send> FlatParquetWriter<W> {
    pub(super) fn new(output: W, ids: IdStyle, has_smells: bool) -> Result<Self> {
        let (texts, numbers) = (text_columns(has_smells), number_columns(has_smells));
        let mut fields = vec![
            Field::new("trace_id", Ids::data_type(ids, 16), false),
            Field::new("span_id", Ids::data_type(ids, 8), false),
            Field::new("parent_span_id", Ids::data_type(ids, 8), true),
            Field::new("service_name", DataType::Utf8, false),
            Field::new("name", DataType::Utf8, false),
            Field::new("kind", DataType::Utf8, false),
            Field::new("status_code", DataType::Utf8, false),
            Field::new("start_time_unix_nano", DataType::Int64, false),
            Field::new("duration_ns", DataType::Int64, false),
        ];
        fields.extend(texts.iter().map(|&name| Field::new(name, DataType::Utf8, true)));
        fields.extend(numbers.iter().map(|&name| Field::new(name, DataType::Int64, true)));
        let schema = Arc::new(Schema::new(fields));
        let text_places = texts.iter().enumerate().map(|(index, &key)| (key, Column::Text(index)));
        let number_places = numbers.iter().enumerate().map(|(index, &key)| (key, Column::Number(index)));
        // A dictionary of values that hardly repeat costs time and saves nothing.
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(ROWS_PER_GROUP))
            .set_created_by(concat!("tracescan ", env!("CARGO_PKG_VERSION")).to_owned());
        for unique in
            ["trace_id", "span_id", "parent_span_id", "start_time_unix_nano", "duration_ns", "url.full", "http.url"]
        {
            properties = properties.set_column_dictionary_enabled(ColumnPath::from(vec![unique.to_owned()]), false);
        }
        Ok(Self {
            writer: ArrowWriter::try_new(output, Arc::clone(&schema), Some(properties.build()))?,
            schema,
            columns: text_places.chain(number_places).collect(),
            rows: 0,
            trace_id: Ids::new(ids, 16),
            span_id: Ids::new(ids, 8),
            parent_span_id: Ids::new(ids, 8),
            service_name: StringBuilder::new(),
            name: StringBuilder::new(),
            kind: StringBuilder::new(),
            status_code: StringBuilder::new(),
            start: Int64Builder::new(),
            duration: Int64Builder::new(),
            texts: texts.iter().map(|_| SparseText(StringBuilder::new())).collect(),
            numbers: numbers.iter().map(|_| Int64Builder::new()).collect(),
        })
    }

    pub(super) fn write(&mut self, batch: &Batch) -> Result<()> {
        for span in &batch.spans {
            let record = &span.record;
            self.trace_id.append(&record.trace_id.0, record.trace_id)?;
            self.span_id.append(&record.span_id.to_bytes(), record.span_id)?;
            if record.parent_span_id == SpanId::NONE {
                self.parent_span_id.append_null();
            } else {
                self.parent_span_id.append(&record.parent_span_id.to_bytes(), record.parent_span_id)?;
            }
            self.service_name.append_value(span.service.name());
            self.name.append_value(&record.name);
            self.kind.append_value(record.kind.as_str());
            self.status_code.append_value(record.status.as_str());
            self.start.append_value(record.start_unix_nano as i64);
            self.duration.append_value((record.end_unix_nano - record.start_unix_nano) as i64);
            if let Some(&Column::Text(column)) = self.columns.get(STATUS_MESSAGE)
                && !record.status_message.is_empty()
            {
                self.texts[column].set(self.rows, &record.status_message);
            }
            let ServiceFacts { instance, version, .. } = span.service.semantics();
            for (name, value) in [(INSTANCE_COLUMN, instance), (VERSION_COLUMN, version)] {
                if let Some(&Column::Text(column)) = self.columns.get(name)
                    && !value.is_empty()
                {
                    self.texts[column].set(self.rows, value);
                }
            }
            let thrown = record.events.iter().flat_map(|event| &event.attributes);
            for attribute in record.attributes.iter().chain(thrown) {
                match (self.columns.get(attribute.key.as_ref()), &attribute.value) {
                    (Some(&Column::Text(column)), Value::Str(text)) => self.texts[column].set(self.rows, text),
                    (Some(&Column::Number(column)), &Value::Int(number)) => {
                        let column = &mut self.numbers[column];
                        pad_numbers(column, self.rows);
                        column.append_value(number);
                    }
                    _ => {}
                }
            }
            self.rows += 1;
            if self.rows == ROWS_PER_BATCH {
                self.encode()?;
            }
        }
        Ok(())
    }

    fn encode(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.rows);
        let mut arrays: Vec<ArrayRef> = vec![
            self.trace_id.finish(),
            self.span_id.finish(),
            self.parent_span_id.finish(),
            Arc::new(self.service_name.finish()),
            Arc::new(self.name.finish()),
            Arc::new(self.kind.finish()),
            Arc::new(self.status_code.finish()),
            Arc::new(self.start.finish()),
            Arc::new(self.duration.finish()),
        ];
        for SparseText(column) in &mut self.texts {
            pad_text(column, rows);
            arrays.push(Arc::new(column.finish()));
        }
        for column in &mut self.numbers {
            pad_numbers(column, rows);
            arrays.push(Arc::new(column.finish()));
        }
        self.writer.write(&RecordBatch::try_new(Arc::clone(&self.schema), arrays)?)
    }

    pub(super) fn finish(mut self) -> Result<W> {
        self.encode()?;
        self.writer.into_inner()
    }
}

impl SparseText {
    fn set(&mut self, row: usize, text: &str) {
        pad_text(&mut self.0, row);
        self.0.append_value(text);
    }
}

fn pad_text(column: &mut StringBuilder, rows: usize) {
    column.append_nulls(rows - column.len());
}

fn pad_numbers(column: &mut Int64Builder, rows: usize) {
    column.append_nulls(rows - column.len());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::random::Random;
    use crate::generate::trace_builder::TraceBuilder;
    use crate::generate::{cases, faults, healthy, smells};
    use crate::span::KeyValue;

    fn missing(has_smells: bool, stream: u64, play: impl FnOnce(&mut TraceBuilder)) -> Vec<String> {
        let mut builder = TraceBuilder::new(Random::new(1, stream));
        play(&mut builder);
        let attributes = builder.spans.iter().flat_map(|span| &span.record.attributes);
        let is_missing = |attribute: &&KeyValue<'_>| {
            let columns = match attribute.value {
                Value::Int(_) => number_columns(has_smells),
                _ => text_columns(has_smells),
            };
            !columns.contains(&attribute.key.as_ref())
        };
        attributes.filter(is_missing).map(|attribute| attribute.key.to_string()).collect()
    }

    /// Whatever attribute a generated span has is in the file.
    #[test]
    fn every_attribute_has_a_column() {
        for stream in 0..50 {
            assert_eq!(missing(false, stream, |builder| healthy::play(builder, 1_000)), [""; 0]);
        }
        for case in cases::all() {
            assert_eq!(missing(false, 50, |builder| (case.play)(builder, 1_000)), [""; 0], "{}", case.name);
        }
        for fault in faults::all() {
            for number in 0..faults::TRACES {
                let case = fault.case(number);
                assert_eq!(missing(false, 50, |builder| (case.play)(builder, 1_000)), [""; 0], "{}", case.name);
            }
        }
        for smell in smells::all() {
            for number in 0..30 {
                assert_eq!(
                    missing(true, number, |builder| (smell.play)(builder, 1_000, number)),
                    [""; 0],
                    "{}",
                    smell.name
                );
            }
        }
    }
}
