//! What reading one Parquet file came to, beside its spans.

use crate::ingest::error::{IngestError, IngestWarning};

/// So many failures of one file are told one by one.
const MAX_FAILURES: usize = 10;

/// How a file was read.
#[derive(Debug)]
pub(crate) struct ParquetRead {
    /// The format, as `run.json` names it.
    pub(crate) format: &'static str,
    /// Which columns were taken for what, one on a line.
    pub(crate) mapping: String,
    /// What failed. The rest was read.
    pub(crate) errors: Vec<IngestError>,
    /// What the user should know although nothing failed.
    pub(crate) warnings: Vec<IngestWarning>,
    /// Ids that are neither hexadecimal nor base64 and were replaced by a hash.
    pub(crate) opaque_ids: u64,
}

impl ParquetRead {
    pub(crate) fn new(format: &'static str, mapping: String) -> Self {
        Self { format, mapping, errors: Vec::new(), warnings: Vec::new(), opaque_ids: 0 }
    }

    pub(crate) fn fail(&mut self, failure: IngestError) {
        if let Some(IngestError::MoreMalformed { count, .. }) = self.errors.last_mut() {
            *count += 1;
        } else if self.errors.len() < MAX_FAILURES {
            self.errors.push(failure);
        } else if let IngestError::Parquet { path, row, .. } = failure {
            self.errors.push(IngestError::MoreMalformed { path, offset: row, count: 1 });
        }
    }
}
