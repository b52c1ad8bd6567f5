//! From an open Parquet file to spans: the builders of the analysis, or records.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::iter::{
    IndexedParallelIterator as _, IntoParallelIterator as _, IntoParallelRefIterator as _,
    IntoParallelRefMutIterator as _, ParallelIterator as _,
};

use crate::frame::{Collecting, FrameBuilder, SpanSink};
use crate::ingest::parquet::file::footer::Footer;
use crate::ingest::parquet::flat::columnar;
use crate::ingest::parquet::flat::records;
use crate::ingest::parquet::flat::table::Table;
use crate::ingest::parquet::outcome::ParquetRead;
use crate::ingest::parquet::tempo::block;
use crate::ingest::source::shared_file::SharedFile;
use crate::ingest::{IngestError, Progress, Selection, TraceIds};

/// Reads the columns that the analysis needs, with as many threads as there are: one builder for each. Row groups that hold no span that matches `selection` are left unread.
pub(crate) fn read_columns(
    file: SharedFile,
    path: &Path,
    selection: &Selection,
    collecting: &Collecting,
    progress: &dyn Progress,
) -> Result<(Vec<FrameBuilder>, Option<Unread>, ParquetRead), IngestError> {
    let footer = Footer::open(file, path)?;
    if block::is_block(&footer) {
        let (builders, read) = block::read_columns(footer, collecting, progress)?;
        return Ok((builders, None, read));
    }
    let table = Table::of(footer)?;
    let mut read = outcome_of(&table);
    let (wanted, unread): (Vec<usize>, Vec<usize>) =
        (0..table.footer.row_groups()).partition(|&row_group| table.may_match(row_group, selection));
    let (builders, errors, opaque_ids) = read_row_groups(&table, &wanted, collecting, progress);
    errors.into_iter().for_each(|failure| read.fail(failure));
    read.opaque_ids += opaque_ids;
    let unread = (!unread.is_empty()).then_some(Unread {
        table,
        collecting: Collecting { spill: None, ..collecting.clone() },
        row_groups: unread,
    });
    Ok((builders, unread, read))
}

fn read_row_groups(
    table: &Table,
    row_groups: &[usize],
    collecting: &Collecting,
    progress: &dyn Progress,
) -> (Vec<FrameBuilder>, Vec<IngestError>, u64) {
    let on_row_group = |row_group| progress.advance(table.footer.bytes_of(row_group), table.footer.rows_of(row_group));
    // Whoever is done takes the next one: row groups differ in size, and the last is often small. So it is chance which
    // builder a span gets into, and nothing that comes later may depend on it.
    let next = AtomicUsize::new(0);
    let mut of_threads: Vec<columnar::ReadRowGroups> = (0..rayon::current_num_threads().min(row_groups.len()))
        .into_par_iter()
        .with_max_len(1)
        .map(|_| {
            let taken = std::iter::from_fn(|| row_groups.get(next.fetch_add(1, Ordering::Relaxed)).copied());
            columnar::read_row_groups(table, taken, FrameBuilder::of(collecting), &on_row_group)
        })
        .collect();
    of_threads.par_iter_mut().with_max_len(1).for_each(|of_thread| of_thread.scan(table));
    let mut builders = Vec::with_capacity(of_threads.len());
    let (mut failures, mut opaque_ids) = (Vec::new(), 0);
    for of_thread in of_threads {
        failures.extend(of_thread.failures);
        opaque_ids += of_thread.opaque_ids;
        builders.push(of_thread.builder);
    }
    failures.sort_by_key(|&(row_group, _)| row_group);
    (builders, failures.into_iter().map(|(_, failure)| failure).collect(), opaque_ids)
}

/// The row groups of a file in which no span matches a selection. They may hold other spans of the traces that do.
pub(crate) struct Unread {
    table: Table,
    collecting: Collecting,
    row_groups: Vec<usize>,
}

/// What was read of them after all.
pub(crate) struct Rest {
    /// The spans.
    pub(crate) builders: Vec<FrameBuilder>,
    /// What failed.
    pub(crate) errors: Vec<IngestError>,
    /// How many row groups hold nothing that is wanted.
    pub(crate) row_groups_not_read: u64,
    /// The rows in those.
    pub(crate) rows_not_read: u64,
}

impl Unread {
    /// Reads the row groups that hold spans of `wanted` traces. Which ones do, their trace ids alone tell.
    pub(crate) fn read(&self, wanted: &TraceIds, progress: &dyn Progress) -> Rest {
        let table = &self.table;
        let has_wanted: Vec<bool> =
            self.row_groups.par_iter().map(|&row_group| columnar::has_trace(table, row_group, wanted)).collect();
        let needed: Vec<usize> =
            self.row_groups.iter().zip(&has_wanted).filter(|(_, has)| **has).map(|(&row_group, _)| row_group).collect();
        let left_out = || self.row_groups.iter().zip(&has_wanted).filter(|(_, has)| !**has);
        for (&row_group, _) in left_out() {
            progress.advance(table.footer.bytes_of(row_group), 0);
        }
        let (builders, errors, _) = read_row_groups(table, &needed, &self.collecting, progress);
        Rest {
            builders,
            errors,
            row_groups_not_read: left_out().count() as u64,
            rows_not_read: left_out().map(|(&row_group, _)| table.footer.rows_of(row_group)).sum(),
        }
    }
}

/// Hands every span, complete, to `sink`, in the order of the file.
pub(crate) fn read_records(
    file: SharedFile,
    path: &Path,
    sink: &mut dyn SpanSink,
    progress: &dyn Progress,
) -> Result<ParquetRead, IngestError> {
    let footer = Footer::open(file, path)?;
    if block::is_block(&footer) {
        return block::read_records(footer, sink, progress);
    }
    let table = Table::of(footer)?;
    let mut read = outcome_of(&table);
    for row_group in 0..table.footer.row_groups() {
        match records::read_row_group(&table, row_group, sink) {
            Ok(opaque_ids) => read.opaque_ids += opaque_ids,
            Err(failure) => read.fail(failure),
        }
        progress.advance(table.footer.bytes_of(row_group), table.footer.rows_of(row_group));
    }
    Ok(read)
}

fn outcome_of(table: &Table) -> ParquetRead {
    let mut read = ParquetRead::new(table.mapping.format, table.mapping.to_string());
    read.warnings.extend(table.warnings.iter().cloned());
    read
}
