//! The columns of ids and times: what every row has for itself.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use parquet::errors::ParquetError;

use crate::ingest::IngestError;
use crate::ingest::parquet::file::column_cells::Cells;
use crate::ingest::parquet::file::pages::{ColumnPages, ValueType};
use crate::ingest::parquet::flat::ids::IdColumn;
use crate::ingest::parquet::flat::mapping::field::Field;
use crate::ingest::parquet::flat::table::{BatchColumns, Table};
use crate::ingest::parquet::flat::times::{Unit, length, read_times, read_times_of_pages};
use crate::ingest::source::shared_file::SharedFile;
use crate::span::{NO_START_TIME, SpanId, SpanRow, TraceId};

/// The columns of ids and times of a table, and the rows of one batch.
pub(crate) struct RowColumns<'a> {
    table: &'a Table,
    of_trace_ids: IdColumn<TraceId>,
    of_span_ids: IdColumn<SpanId>,
    of_parent_span_ids: IdColumn<SpanId>,
    /// The columns in the current row group, but those that Arrow reads.
    pages: Vec<(Field, ColumnPages)>,
    trace_ids: Vec<TraceId>,
    span_ids: Vec<SpanId>,
    parent_span_ids: Vec<SpanId>,
    starts: Vec<Option<i64>>,
    ends: Vec<Option<i64>>,
    durations: Vec<Option<i64>>,
}

impl<'a> RowColumns<'a> {
    pub(crate) fn new(table: &'a Table) -> Self {
        Self {
            table,
            of_trace_ids: IdColumn::default(),
            of_span_ids: IdColumn::default(),
            of_parent_span_ids: IdColumn::default(),
            pages: Vec::new(),
            trace_ids: Vec::new(),
            span_ids: Vec::new(),
            parent_span_ids: Vec::new(),
            starts: Vec::new(),
            ends: Vec::new(),
            durations: Vec::new(),
        }
    }

    /// How many ids were replaced by a hash of their text since this was asked last.
    pub(crate) fn take_opaque_ids(&mut self) -> u64 {
        let counts = [&mut self.of_trace_ids.opaque, &mut self.of_span_ids.opaque, &mut self.of_parent_span_ids.opaque];
        counts.into_iter().map(std::mem::take).sum()
    }

    /// The fields that are needed of a row group.
    fn fields(&self, row_group: usize) -> Vec<Field> {
        let mut fields = vec![Field::TraceId, Field::SpanId, Field::ParentSpanId, Field::Start];
        let (length, other) =
            if self.table.mapping.end_is_finer { (Field::End, Field::Duration) } else { (Field::Duration, Field::End) };
        fields.push(length);
        // One of the two is enough, unless rows may be without it.
        if self.table.may_lack(row_group, length) {
            fields.push(other);
        }
        fields
    }

    /// The root fields that are needed of a row group.
    pub(crate) fn roots(&self, row_group: usize) -> Vec<usize> {
        let root = |field| Some(self.table.mapping.field(field)?.place.root);
        self.fields(row_group).into_iter().filter_map(root).collect()
    }

    /// Begins to read a row group; the root fields that Arrow must read join `roots`.
    pub(crate) fn open(
        &mut self,
        file: &Arc<SharedFile>,
        row_group: usize,
        roots: &mut Vec<usize>,
    ) -> Result<(), IngestError> {
        self.pages.clear();
        for field in self.fields(row_group) {
            let Some(column) = self.table.mapping.field(field) else { continue };
            let value_type = self.table.data_type(column.place).and_then(|data_type| match field {
                Field::TraceId | Field::SpanId | Field::ParentSpanId => ValueType::of_id(data_type),
                _ => ValueType::of_time(data_type)
                    .filter(|_| Unit::of_type(data_type).is_none_or(|unit| unit == self.table.mapping.unit(field))),
            });
            let pages = match value_type {
                Some(value_type) => self.table.pages(file, row_group, column.place.root, value_type)?,
                None => None,
            };
            match pages {
                Some(pages) => self.pages.push((field, pages)),
                None => roots.push(column.place.root),
            }
        }
        Ok(())
    }

    /// Reads the rows of a batch.
    pub(crate) fn read(&mut self, columns: &BatchColumns, batch: &RecordBatch) -> Result<(), ParquetError> {
        let mut source = Source { table: self.table, pages: &mut self.pages, columns, batch };
        if let Some((cells, data_type)) = source.cells(Field::TraceId) {
            self.of_trace_ids.read_cells(cells, data_type, &mut self.trace_ids)?;
        }
        for (field, column, ids) in [
            (Field::SpanId, &mut self.of_span_ids, &mut self.span_ids),
            (Field::ParentSpanId, &mut self.of_parent_span_ids, &mut self.parent_span_ids),
        ] {
            if let Some((cells, data_type)) = source.cells(field) {
                column.read_cells(cells, data_type, ids)?;
            }
        }
        for (field, times) in
            [(Field::Start, &mut self.starts), (Field::End, &mut self.ends), (Field::Duration, &mut self.durations)]
        {
            times.clear();
            let unit = self.table.mapping.unit(field);
            match source.cells(field) {
                Some((Cells::Array(column), _)) => read_times(column, unit, times),
                Some((Cells::Pages(pages, rows), _)) => read_times_of_pages(pages, unit, rows, times)?,
                None => {}
            }
        }
        Ok(())
    }

    /// The ids of the parents of the rows that were read, if the table has them.
    pub(crate) fn parent_span_ids(&self) -> &[SpanId] {
        &self.parent_span_ids
    }

    /// A row of those that were read.
    #[inline]
    pub(crate) fn at(&self, row: usize) -> SpanRow {
        let start = self.starts[row].unwrap_or(NO_START_TIME as i64);
        let [end, duration] = [&self.ends, &self.durations].map(|times| times.get(row).copied().flatten());
        SpanRow {
            trace_id: self.trace_ids[row],
            span_id: self.span_ids[row],
            parent_span_id: self.parent_span_ids.get(row).copied().unwrap_or_default(),
            start_unix_nano: start as u64,
            duration_ns: length(start, end, duration, self.table.mapping.end_is_finer),
        }
    }
}

/// Where the next rows come from.
struct Source<'a> {
    table: &'a Table,
    pages: &'a mut [(Field, ColumnPages)],
    columns: &'a BatchColumns,
    batch: &'a RecordBatch,
}

impl Source<'_> {
    /// The cells of a field, and the type that Arrow would give them.
    fn cells(&mut self, field: Field) -> Option<(Cells<'_>, Option<&DataType>)> {
        let place = self.table.mapping.field(field)?.place;
        let cells = match self.pages.iter_mut().find(|(of, _)| *of == field) {
            Some((_, pages)) => Cells::Pages(pages, self.batch.num_rows()),
            None => Cells::Array(self.columns.get(self.batch, place)?),
        };
        Some((cells, self.table.data_type(place)))
    }
}
