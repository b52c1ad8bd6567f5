//! Spans from Parquet files: canonical ones, ClickHouse's `otel_traces`, and any flat table whose columns can be told by
//! their names.
//!
//! [`read_columns`] brings what the analysis needs by the shortest way, [`read_records`] everything that the table has.
//! Both read whatever part of a damaged file can be read, and say what could not.

mod attributes;
mod cells;
mod codes;
mod columnar;
mod dialect;
mod events;
mod ids;
mod records;
mod source;
mod table;
mod times;

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::{IngestError, Progress};
use crate::frame::{FrameBuilder, SpanSink};
use table::Table;

/// What Parquet files begin and end with.
pub(crate) const MAGIC: &[u8; 4] = b"PAR1";

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
    /// Ids that are neither hexadecimal nor base64 and were replaced by a hash.
    pub(crate) opaque_ids: u64,
}

impl ParquetRead {
    fn new(table: &Table) -> Self {
        Self { format: table.mapping.format, mapping: table.mapping.to_string(), errors: Vec::new(), opaque_ids: 0 }
    }

    fn fail(&mut self, failure: IngestError) {
        if let Some(IngestError::MoreMalformed { count, .. }) = self.errors.last_mut() {
            *count += 1;
        } else if self.errors.len() < MAX_FAILURES {
            self.errors.push(failure);
        } else if let IngestError::Parquet { path, row, .. } = failure {
            self.errors.push(IngestError::MoreMalformed { path, offset: row, count: 1 });
        }
    }
}

/// Reads the columns that the analysis needs, with as many threads as there are: one builder for each range of row
/// groups, in the order of the file.
pub(crate) fn read_columns(
    file: File,
    path: &Path,
    progress: &dyn Progress,
) -> Result<(Vec<FrameBuilder>, ParquetRead), IngestError> {
    let table = Table::open(file, path)?;
    let mut read = ParquetRead::new(&table);
    let on_row_group = |row_group| progress.advance(table.bytes_of(row_group), table.rows_of(row_group));
    let ranges = even_ranges(&table, rayon::current_num_threads());
    let parts: Vec<columnar::Part> =
        ranges.into_par_iter().map(|range| columnar::read_range(&table, range, &on_row_group)).collect();
    let mut builders = Vec::with_capacity(parts.len());
    for part in parts {
        part.failures.into_iter().for_each(|failure| read.fail(failure));
        read.opaque_ids += part.opaque_ids;
        builders.push(part.builder);
    }
    Ok((builders, read))
}

/// Hands every span, complete, to `sink`, in the order of the file.
pub(crate) fn read_records(
    file: File,
    path: &Path,
    sink: &mut dyn SpanSink,
    progress: &dyn Progress,
) -> Result<ParquetRead, IngestError> {
    let table = Table::open(file, path)?;
    let mut read = ParquetRead::new(&table);
    for row_group in 0..table.row_groups() {
        match records::read_row_group(&table, row_group, sink) {
            Ok(opaque_ids) => read.opaque_ids += opaque_ids,
            Err(failure) => read.fail(failure),
        }
        progress.advance(table.bytes_of(row_group), table.rows_of(row_group));
    }
    Ok(read)
}

/// All row groups in at most `parts` ranges of about as many rows each.
fn even_ranges(table: &Table, parts: usize) -> Vec<Range<usize>> {
    let rows: Vec<u64> = (0..table.row_groups()).map(|row_group| table.rows_of(row_group)).collect();
    let rows_of_part = rows.iter().fold(0u64, |sum, &rows| sum.saturating_add(rows)).div_ceil(parts.max(1) as u64);
    let mut ranges = Vec::new();
    let (mut start, mut rows_so_far) = (0, 0u64);
    for (row_group, &rows) in rows.iter().enumerate() {
        rows_so_far = rows_so_far.saturating_add(rows);
        if rows_so_far >= rows_of_part || row_group + 1 == table.row_groups() {
            ranges.push(start..row_group + 1);
            (start, rows_so_far) = (row_group + 1, 0);
        }
    }
    ranges
}
