//! An open Parquet file and its footer: which row groups it has, and how large each is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::Length as _;

use crate::ingest::IngestError;
use crate::ingest::parquet::file::guard::guarded;
use crate::ingest::parquet::file::page_checksums;
use crate::ingest::source::shared_file::SharedFile;

/// What Parquet files begin and end with.
pub(crate) const MAGIC: &[u8; 4] = b"PAR1";

/// An open Parquet file of any columns.
#[derive(Debug)]
pub(crate) struct Footer {
    pub(crate) file: SharedFile,
    pub(crate) path: PathBuf,
    pub(crate) metadata: ArrowReaderMetadata,
}

impl Footer {
    /// Reads the footer.
    pub(crate) fn open(file: SharedFile, path: &Path) -> Result<Self, IngestError> {
        // Types that a writer's Arrow schema would restore are many and say nothing that is needed here but units.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = guarded(|| ArrowReaderMetadata::load(&file, options)).map_err(|error| {
            let source = ParquetError::General(format!(
                "{error}; the description of the columns at the end of the file is damaged or missing, and without it \
                 nothing can be read"
            ));
            IngestError::Parquet { path: path.into(), row: 0, source }
        })?;
        Ok(Self { file, path: path.into(), metadata })
    }

    /// What the `parquet` crate knows of the file.
    pub(crate) fn parquet(&self) -> &Arc<ParquetMetaData> {
        self.metadata.metadata()
    }

    /// Number of row groups.
    pub(crate) fn row_groups(&self) -> usize {
        self.parquet().num_row_groups()
    }

    /// Number of rows of a row group.
    pub(crate) fn rows_of(&self, row_group: usize) -> u64 {
        u64::try_from(self.parquet().row_group(row_group).num_rows()).unwrap_or(0)
    }

    /// Number of compressed bytes of a row group.
    pub(crate) fn bytes_of(&self, row_group: usize) -> u64 {
        let columns = self.parquet().row_group(row_group).columns();
        columns
            .iter()
            .fold(0, |bytes, column| bytes.saturating_add(u64::try_from(column.compressed_size()).unwrap_or(0)))
    }

    /// Number in the file of a row group's first row.
    pub(crate) fn first_row_of(&self, row_group: usize) -> u64 {
        (0..row_group).fold(0, |rows, before| rows.saturating_add(self.rows_of(before)))
    }

    /// What `error` in a row group, whose rows before `row` could be read, comes to.
    pub(crate) fn failure(&self, row_group: usize, row: u64, error: &ParquetError) -> IngestError {
        let offset = guarded(|| {
            let columns = self.parquet().row_group(row_group).columns();
            Ok(columns.iter().map(|column| column.byte_range().0).min())
        });
        let damaged_page = || {
            self.parquet().row_group(row_group).columns().iter().find_map(|column| {
                let (start, length) = column.byte_range();
                let end = start.saturating_add(length).min(self.file.len());
                guarded(|| page_checksums::first_damaged(&self.file, start, end)).ok().flatten()
            })
        };
        let damaged_page = if page_checksums::is_of_checksum(error) { damaged_page() } else { None };
        let place = match offset {
            _ if let Some(page) = damaged_page => format!("the page at byte {page}, in row group {row_group}"),
            Ok(Some(offset)) => format!("row group {row_group}, which begins at byte {offset}"),
            _ => format!("row group {row_group}"),
        };
        let source = ParquetError::General(format!("{error}, in {place}"));
        IngestError::Parquet { path: self.path.clone(), row, source }
    }
}
