//! The formats that synthetic traces are written in.

mod clickhouse;
mod compressor;
mod flat_parquet;
mod format;
mod otlp_json;
mod otlp_proto;

use std::io::Write;

use super::GenerateError;
use super::collector::Batch;
use super::origins::Origins;
use crate::report::CanonicalWriter;
use clickhouse::ClickHouseWriter;
use compressor::Compressor;
use flat_parquet::{FlatParquetWriter, IdStyle};
pub use format::{Compression, OutputFormat};

/// Writes batches in one of the formats.
pub(super) enum BatchWriter<W: Write + Send> {
    Flat(Box<FlatParquetWriter<W>>),
    ClickHouse(Box<ClickHouseWriter<W>>),
    Canonical(Box<CanonicalWriter<W>>),
    OtlpJson(Compressor<W>),
    OtlpProto(Compressor<W>),
}

impl<W: Write + Send> BatchWriter<W> {
    /// `has_smells` tells whether spans have the attributes that only those of smells have.
    pub(super) fn new(format: OutputFormat, output: W, has_smells: bool) -> Result<Self, GenerateError> {
        let flat = |output, ids| FlatParquetWriter::new(output, ids, has_smells).map(Box::new);
        Ok(match format {
            OutputFormat::FlatParquet => Self::Flat(flat(output, IdStyle::Binary)?),
            OutputFormat::FlatParquetHexIds => Self::Flat(flat(output, IdStyle::Hex)?),
            OutputFormat::ClickHouseParquet => Self::ClickHouse(Box::new(ClickHouseWriter::new(output)?)),
            OutputFormat::CanonicalParquet => Self::Canonical(Box::new(CanonicalWriter::new(output)?)),
            OutputFormat::OtlpJsonLines(compression) => Self::OtlpJson(Compressor::new(output, compression)?),
            OutputFormat::OtlpProto(compression) => Self::OtlpProto(Compressor::new(output, compression)?),
        })
    }

    pub(super) fn write(&mut self, origins: &Origins, batch: &Batch) -> Result<(), GenerateError> {
        match self {
            Self::Flat(writer) => writer.write(batch)?,
            Self::ClickHouse(writer) => writer.write(origins, batch)?,
            Self::Canonical(writer) => {
                for span in &batch.spans {
                    writer.write(origins.get(span.service, span.scope), &span.record)?;
                }
            }
            Self::OtlpJson(output) => output.write_all(&otlp_json::line_of(origins, batch)?)?,
            Self::OtlpProto(output) => output.write_all(&otlp_proto::frame_of(origins, batch))?,
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<W, GenerateError> {
        Ok(match self {
            Self::Flat(writer) => writer.finish()?,
            Self::ClickHouse(writer) => writer.finish()?,
            Self::Canonical(writer) => writer.finish()?,
            Self::OtlpJson(output) | Self::OtlpProto(output) => output.finish()?,
        })
    }
}
