//! What tells a file of canonical Parquet from others.

/// Key of the format's version in the file's metadata.
pub(crate) const CANONICAL_VERSION_KEY: &str = "tracescan.canonical.version";
/// The version that is written.
pub(crate) const CANONICAL_VERSION: &str = "1";
