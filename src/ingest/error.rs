//! What can go wrong while inputs are read. One failure costs as little of its input as possible; the rest is read.
//!
//! Offsets count bytes of the decompressed input, which is what a user sees after `gzip -d` or `zstd -d`.

use std::io;
use std::path::PathBuf;

use parquet::errors::ParquetError;

/// Why an input, or a part of it, could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// The file cannot be opened.
    #[error("cannot open {}: {source}; check that it exists and may be read", path.display())]
    Open {
        /// The input.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A glob leads to nothing.
    #[error("cannot read {}: {what}; quote it so that the shell leaves it alone, and check it", path.display())]
    NoMatch {
        /// The glob.
        path: PathBuf,
        /// Why.
        what: String,
    },
    /// An object, or what is below a prefix, cannot be reached.
    #[error("cannot open {}: {reason}; {advice}", path.display())]
    ObjectStore {
        /// The URL.
        path: PathBuf,
        /// What the store said.
        reason: String,
        /// What to check.
        advice: &'static str,
    },
    /// A URL was given, and the program was built without what reads it.
    #[error(
        "cannot open {}: this program was built without object stores; build it with `--features object-stores`, or fetch the object and give its file",
        path.display()
    )]
    NoObjectStores {
        /// The URL.
        path: PathBuf,
    },
    /// Reading or decompressing failed midway.
    #[error(
        "cannot read {} past byte {offset} (after decompression): {source}; what stood before was used, fetch or copy the file again for the rest",
        path.display()
    )]
    Read {
        /// The input.
        path: PathBuf,
        /// Bytes that could be read.
        offset: u64,
        /// What failed.
        source: io::Error,
    },
    /// Reading or decompressing failed midway, and what stood before is of no use without the rest.
    #[error(
        "cannot read {} past byte {offset} (after decompression): {source}; Parquet is read from its end, so nothing of it was used: fetch or copy the file again",
        path.display()
    )]
    ReadWhole {
        /// The input.
        path: PathBuf,
        /// Bytes that could be read.
        offset: u64,
        /// What failed.
        source: io::Error,
    },
    /// What has to be read in any order, and comes in one only, cannot be copied to a file.
    #[error(
        "cannot copy {} to a temporary file in {}: {source}; free some space there or name another directory with --temp-dir",
        path.display(),
        directory.display()
    )]
    Copy {
        /// The input.
        path: PathBuf,
        /// The directory for temporary files.
        directory: PathBuf,
        /// What failed.
        source: io::Error,
    },
    /// The bytes are of no format that is known.
    #[error(
        "{} is in no known format: it begins with {first_bytes}; give OTLP, Jaeger or Zipkin JSON, OTLP protobuf or Parquet, plain, compressed or in an archive, or say what it is with --input-format",
        path.display()
    )]
    UnknownFormat {
        /// The input.
        path: PathBuf,
        /// The first 16 bytes, in hexadecimal and as text.
        first_bytes: String,
    },
    /// The bytes are of a known format that holds no spans that can be read.
    #[error("{} is {what}; {advice}", path.display())]
    Unsupported {
        /// The input.
        path: PathBuf,
        /// What it is.
        what: String,
        /// What to do instead.
        advice: String,
    },
    /// Some of the input is nothing that holds spans.
    #[error(
        "{} has {count} {} without spans, the first at byte {offset} (after decompression){what}; check what wrote it",
        path.display(),
        if *count == 1 { "part" } else { "parts" }
    )]
    UnknownContent {
        /// The input.
        path: PathBuf,
        /// Where the first of them stands.
        offset: u64,
        /// How many there are.
        count: u64,
        /// What the first one is, to be put behind it; empty if that cannot be told.
        what: String,
    },
    /// The input says itself that something went wrong while it was made.
    #[error(
        "{} says of errors, at byte {offset} (after decompression): {errors}; spans may be missing, ask for the traces again",
        path.display()
    )]
    SaysErrors {
        /// The input.
        path: PathBuf,
        /// Where it says so.
        offset: u64,
        /// What it says.
        errors: String,
    },
    /// All spans of the input are unusable.
    #[error(
        "{} has spans and none of them can be used: {reasons}, the first at {place} {offset}; check what wrote the file",
        path.display()
    )]
    AllLeftOut {
        /// The input.
        path: PathBuf,
        /// What is wrong with them, and how often.
        reasons: String,
        /// `byte` or `row`.
        place: &'static str,
        /// Where the first of them stands.
        offset: u64,
    },
    /// The user says what the input is, and it is not.
    #[error("{} cannot be read as {format}: {reason}; {advice}", path.display())]
    NotInFormat {
        /// The input.
        path: PathBuf,
        /// The format that was asked for.
        format: String,
        /// Why the first part of it cannot be read.
        reason: String,
        /// What to do instead.
        advice: String,
    },
    /// The input ends in the middle of something.
    #[error(
        "{} ends in the middle of {what} that begins at byte {offset} (after decompression); what stood before was used, fetch or copy the file again for the rest",
        path.display()
    )]
    Truncated {
        /// The input.
        path: PathBuf,
        /// Where the unfinished part begins.
        offset: u64,
        /// What is unfinished.
        what: &'static str,
    },
    /// Something in the input cannot be decoded and was left out.
    #[error(
        "{} has {what} at byte {offset} (after decompression): {reason}; it was left out, check what wrote the file",
        path.display()
    )]
    Malformed {
        /// The input.
        path: PathBuf,
        /// Where the fault stands: a byte, or a row for Parquet.
        offset: u64,
        /// What kind of part it is.
        what: &'static str,
        /// Why it cannot be decoded.
        reason: String,
    },
    /// More parts were as bad as those reported one by one.
    #[error(
        "{} has {count} more parts that cannot be decoded, the first of them at byte {offset} (after decompression); check what wrote the file",
        path.display()
    )]
    MoreMalformed {
        /// The input.
        path: PathBuf,
        /// Where the first of them stands.
        offset: u64,
        /// How many there are.
        count: u64,
    },
    /// One message is larger than may be held in memory.
    #[error(
        "{} has a message of more than {limit} bytes at byte {offset} (after decompression); it was left out, write smaller batches",
        path.display()
    )]
    TooLarge {
        /// The input.
        path: PathBuf,
        /// Where the message begins.
        offset: u64,
        /// The most that is read.
        limit: u64,
    },
    /// The input is compressed, and next to nothing.
    #[error(
        "{} expands more than 1,000 times and has given no span within 256 MB, so it was given up at byte {offset} (after decompression): it is almost all empty, check what wrote it",
        path.display()
    )]
    AlmostAllEmpty {
        /// The input.
        path: PathBuf,
        /// Bytes that were looked at.
        offset: u64,
    },
    /// The input is compressed, or packed into archives, more often than is plausible.
    #[error("{} is compressed or packed more than {limit} times over; unpack it before giving it", path.display())]
    TooManyLayers {
        /// The input.
        path: PathBuf,
        /// How many layers are unpacked.
        limit: usize,
    },
    /// A Parquet file cannot be decoded.
    #[error("cannot read {} as Parquet past row {row}: {source}; write or copy the file again", path.display())]
    Parquet {
        /// The input.
        path: PathBuf,
        /// Rows that could be read.
        row: u64,
        /// What the Parquet reader said.
        source: ParquetError,
    },
    /// A Parquet file has no columns that spans can be read from.
    #[error(
        "{} is a table without spans: no column for {missing}; its columns are {columns}; rename them as the documentation lists",
        path.display()
    )]
    NoSpanColumns {
        /// The input.
        path: PathBuf,
        /// The fields that no column was found for.
        missing: String,
        /// The columns that it has.
        columns: String,
    },
}

fn assumed(unit: &str) -> String {
    format!(
        "so they were taken as {unit}: if that is wrong, all lengths are; name the column for its unit (duration_ms) or \
         add the ends of spans (end_time)"
    )
}

const DISPROVED: &str = "that agree with start and end in no unit, so the time from start to end was taken";

const NO_PARENTS: &str = "has no column for the parents of spans, so every span is a root: no calls, chains or retries can be \
                          seen; name it parent_span_id";

/// What the user should know of an input that was read without failure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IngestWarning {
    /// There is nothing in the input.
    #[error("{} is empty", path.display())]
    Empty {
        /// The input.
        path: PathBuf,
    },
    /// The input is telemetry, but not traces.
    #[error("{} looks like logs, metrics or profiles: it holds no spans; give the traces instead", path.display())]
    OtherSignalOnly {
        /// The input.
        path: PathBuf,
    },
    /// Ids that are neither hexadecimal nor base64 were replaced by a hash.
    #[error(
        "{} has {count} ids that are neither hexadecimal nor base64; each is shown as a hash of what was written",
        path.display()
    )]
    OpaqueIds {
        /// The input.
        path: PathBuf,
        /// How many.
        count: u64,
    },
    /// A table keeps attributes in columns of type VARIANT.
    #[error(
        "{} keeps attributes as VARIANT in {columns}, which is not read: its spans are without them; write these columns as MAP or JSON text",
        path.display()
    )]
    VariantAttributes {
        /// The input.
        path: PathBuf,
        /// The columns.
        columns: String,
    },
    /// Nothing tells in which unit durations are.
    #[error("{} does not tell the unit of its durations ({column}), {}", path.display(), assumed(unit))]
    AssumedUnit {
        /// The input.
        path: PathBuf,
        /// The column.
        column: String,
        /// The unit that they were taken for.
        unit: &'static str,
    },
    /// Durations do not agree with starts and ends in any unit.
    #[error("{} has durations ({column}) {DISPROVED}", path.display())]
    DurationsDisproved {
        /// The input.
        path: PathBuf,
        /// The column.
        column: String,
    },
    /// A table has no column for parents.
    #[error("{} {NO_PARENTS}", path.display())]
    NoParents {
        /// The input.
        path: PathBuf,
    },
    /// The input is whole, and there is nothing in it.
    #[error("{} holds no spans: it is an answer or a message with nothing in it", path.display())]
    NoSpans {
        /// The input.
        path: PathBuf,
    },
    /// A Tempo block keeps attributes in columns that nothing names.
    #[error(
        "{} has attributes in columns that only its meta.json names, but {reason}; they were taken for {taken}, put the meta.json beside it to be sure",
        path.display()
    )]
    UnnamedColumns {
        /// The input.
        path: PathBuf,
        /// Why the names are not known.
        reason: String,
        /// Which names were taken instead.
        taken: &'static str,
    },
    /// A file of a directory was left out.
    #[error("left out {}: {reason}", path.display())]
    LeftOut {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl IngestWarning {
    /// What of the results is in doubt because of it, for the header: behind the name of the input, or of several.
    pub fn doubt(&self) -> Option<String> {
        match self {
            Self::AssumedUnit { column, unit, .. } => {
                Some(format!("does not tell the unit of its durations ({column}), {}", assumed(unit)))
            }
            Self::DurationsDisproved { column, .. } => Some(format!("has durations ({column}) {DISPROVED}")),
            Self::NoParents { .. } => Some(NO_PARENTS.to_owned()),
            _ => None,
        }
    }
}
