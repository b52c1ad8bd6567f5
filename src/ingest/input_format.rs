//! What the user says that the inputs are, where their bytes do not tell or mislead.

use crate::ingest::otlp::framing::Framing;
use crate::ingest::recognise::Content;

/// A format, once compression is taken off. Which dialect of JSON or Parquet it is, is always told by the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputFormat {
    /// JSON of any kind: OTLP, Jaeger, Zipkin, documents
    Json,
    /// One OTLP protobuf message, or several without anything between them
    Protobuf,
    /// OTLP messages, each after its length in 4 bytes, big-endian, as the collector's file exporter writes them
    LengthPrefixed,
    /// OTLP protobuf messages, each after its length as a varint
    VarintDelimited,
    /// OTLP messages as captured from gRPC: a flag byte and 4 bytes of length before each
    Grpc,
    /// Parquet of any known table
    Parquet,
}

impl InputFormat {
    /// Its name on the command line.
    pub(crate) fn name(self) -> String {
        use clap::ValueEnum as _;
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    pub(crate) fn content(self) -> Content {
        match self {
            Self::Json => Content::Json,
            Self::Protobuf => Content::Proto,
            Self::LengthPrefixed => Content::Framed(Framing::BigEndian32),
            Self::VarintDelimited => Content::Framed(Framing::Varint),
            Self::Grpc => Content::Framed(Framing::Grpc),
            Self::Parquet => Content::Parquet,
        }
    }
}
