//! Which format a file is written in, by its name.

use std::path::Path;

/// How a text or protobuf format is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// Gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

/// A format that synthetic traces can be written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OutputFormat {
    /// Parquet with ids as bytes and one column for each attribute.
    FlatParquet,
    /// The same with ids as hexadecimal text.
    FlatParquetHexIds,
    /// Parquet as ClickHouse exports the table `otel_traces`, attributes as maps; without events.
    ClickHouseParquet,
    /// Canonical Parquet, in the order of collection.
    CanonicalParquet,
    /// OTLP JSON, one request a line.
    OtlpJsonLines(Compression),
    /// OTLP protobuf requests, each after its length in 4 bytes, big-endian.
    OtlpProto(Compression),
}

impl OutputFormat {
    /// The format that the end of a file's name asks for; `None` if it asks for none that is known.
    pub fn from_path(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        if name.ends_with(".hex.parquet") {
            return Some(Self::FlatParquetHexIds);
        }
        if name.ends_with(".otel_traces.parquet") {
            return Some(Self::ClickHouseParquet);
        }
        if name.ends_with(".flat.parquet") {
            return Some(Self::FlatParquet);
        }
        if name.ends_with(".parquet") {
            return Some(Self::CanonicalParquet);
        }
        let (name, compression) = if let Some(name) = name.strip_suffix(".gz") {
            (name, Compression::Gzip)
        } else if let Some(name) = name.strip_suffix(".zst") {
            (name, Compression::Zstd)
        } else {
            (name.as_str(), Compression::None)
        };
        if name.ends_with(".jsonl") {
            Some(Self::OtlpJsonLines(compression))
        } else if name.ends_with(".binpb") || name.ends_with(".pb") {
            Some(Self::OtlpProto(compression))
        } else {
            None
        }
    }

    /// The endings that [`OutputFormat::from_path`] knows, for messages.
    pub const ENDINGS: &str = ".flat.parquet, .hex.parquet, .otel_traces.parquet, .parquet, .jsonl and .binpb, the last two with .gz or .zst after them";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_the_format() {
        for (name, format) in [
            ("a.flat.parquet", Some(OutputFormat::FlatParquet)),
            ("a.hex.parquet", Some(OutputFormat::FlatParquetHexIds)),
            ("a.otel_traces.parquet", Some(OutputFormat::ClickHouseParquet)),
            ("a.parquet", Some(OutputFormat::CanonicalParquet)),
            ("a.canonical.parquet", Some(OutputFormat::CanonicalParquet)),
            ("a.jsonl", Some(OutputFormat::OtlpJsonLines(Compression::None))),
            ("a.otlp.jsonl.gz", Some(OutputFormat::OtlpJsonLines(Compression::Gzip))),
            ("A.BINPB.ZST", Some(OutputFormat::OtlpProto(Compression::Zstd))),
            ("a.pb", Some(OutputFormat::OtlpProto(Compression::None))),
            ("a.parquet.gz", None),
            ("a.csv", None),
        ] {
            assert_eq!(OutputFormat::from_path(Path::new(name)), format, "{name}");
        }
    }
}
