//! Parquet as ClickHouse exports the table `otel_traces` of the collector's exporter: attributes as maps of text.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int64Builder, MapBuilder, MapFieldNames, RecordBatch, StringBuilder, TimestampNanosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::Result;
use parquet::file::properties::WriterProperties;

use crate::generate::collector::Batch;
use crate::generate::origins::Origins;
use crate::span::{KeyValue, SpanId, SpanKind, StatusCode};

/// Rows that are gathered before they are encoded, and ClickHouse's own size of a row group.
const ROWS_PER_BATCH: usize = 8_192;
const ROWS_PER_GROUP: usize = 1_000_000;

type TextMap = MapBuilder<StringBuilder, StringBuilder>;

/// Names of the columns of text.
const TEXTS: [&str; 11] = [
    "TraceId",
    "SpanId",
    "ParentSpanId",
    "TraceState",
    "SpanName",
    "SpanKind",
    "ServiceName",
    "ScopeName",
    "ScopeVersion",
    "StatusCode",
    "StatusMessage",
];

/// Writes spans as rows of `otel_traces`.
pub(in crate::generate) struct ClickHouseWriter<W: Write + Send> {
    writer: ArrowWriter<W>,
    schema: SchemaRef,
    rows: usize,
    timestamp: TimestampNanosecondBuilder,
    texts: [StringBuilder; TEXTS.len()],
    duration: Int64Builder,
    resource_attributes: TextMap,
    span_attributes: TextMap,
}

impl<W: Write + Send> ClickHouseWriter<W> {
    pub(super) fn new(output: W) -> Result<Self> {
        let timestamp = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
        let mut fields = vec![Field::new("Timestamp", timestamp, false)];
        fields.extend(TEXTS.iter().map(|&name| Field::new(name, DataType::Utf8, false)));
        fields.push(Field::new("Duration", DataType::Int64, false));
        for name in ["ResourceAttributes", "SpanAttributes"] {
            use arrow::array::Array as _;
            fields.push(Field::new(name, map().finish().data_type().clone(), false));
        }
        let schema = Arc::new(Schema::new(fields));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(ROWS_PER_GROUP));
        Ok(Self {
            writer: ArrowWriter::try_new(output, Arc::clone(&schema), Some(properties.build()))?,
            schema,
            rows: 0,
            timestamp: TimestampNanosecondBuilder::new().with_timezone("UTC"),
            texts: TEXTS.map(|_| StringBuilder::new()),
            duration: Int64Builder::new(),
            resource_attributes: map(),
            span_attributes: map(),
        })
    }

    pub(super) fn write(&mut self, origins: &Origins, batch: &Batch) -> Result<()> {
        for span in &batch.spans {
            let (record, origin) = (&span.record, origins.get(span.service, span.scope));
            let parent = record.parent_span_id;
            let values = [
                record.trace_id.to_string(),
                record.span_id.to_string(),
                if parent == SpanId::NONE { String::new() } else { parent.to_string() },
                record.trace_state.to_string(),
                record.name.to_string(),
                kind_name(record.kind).to_owned(),
                span.service.name().to_owned(),
                origin.scope_name.to_string(),
                origin.scope_version.to_string(),
                status_name(record.status).to_owned(),
                record.status_message.to_string(),
            ];
            for (column, value) in self.texts.iter_mut().zip(values) {
                column.append_value(value);
            }
            self.timestamp.append_value(record.start_unix_nano as i64);
            self.duration.append_value((record.end_unix_nano - record.start_unix_nano) as i64);
            append_map(&mut self.resource_attributes, &origin.resource_attributes)?;
            append_map(&mut self.span_attributes, &record.attributes)?;
            self.rows += 1;
            if self.rows == ROWS_PER_BATCH {
                self.encode()?;
            }
        }
        Ok(())
    }

    fn encode(&mut self) -> Result<()> {
        self.rows = 0;
        let mut arrays: Vec<ArrayRef> = vec![Arc::new(self.timestamp.finish())];
        for column in &mut self.texts {
            arrays.push(Arc::new(column.finish()));
        }
        arrays.push(Arc::new(self.duration.finish()));
        arrays.push(Arc::new(self.resource_attributes.finish()));
        arrays.push(Arc::new(self.span_attributes.finish()));
        self.writer.write(&RecordBatch::try_new(Arc::clone(&self.schema), arrays)?)
    }

    pub(super) fn finish(mut self) -> Result<W> {
        self.encode()?;
        self.writer.into_inner()
    }
}

fn map() -> TextMap {
    let names = MapFieldNames { entry: "key_value".to_owned(), key: "key".to_owned(), value: "value".to_owned() };
    MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new())
}

fn append_map(map: &mut TextMap, attributes: &[KeyValue<'_>]) -> Result<()> {
    for attribute in attributes {
        map.keys().append_value(&attribute.key);
        map.values().append_value(attribute.value.to_text());
    }
    Ok(map.append(true)?)
}

fn kind_name(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Unspecified => "Unspecified",
        SpanKind::Internal => "Internal",
        SpanKind::Server => "Server",
        SpanKind::Client => "Client",
        SpanKind::Producer => "Producer",
        SpanKind::Consumer => "Consumer",
    }
}

fn status_name(status: StatusCode) -> &'static str {
    match status {
        StatusCode::Unset => "Unset",
        StatusCode::Ok => "Ok",
        StatusCode::Error => "Error",
    }
}
