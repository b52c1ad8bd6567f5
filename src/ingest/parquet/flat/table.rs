//! An open Parquet file: its columns resolved, its row groups read one by one.
//!
//! A row group is the unit of damage: what cannot be decoded costs the rest of its row group and nothing else. The
//! `parquet` crate may panic on hostile bytes, so every call into it is guarded.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field as ArrowField, FieldRef, Fields, Schema};
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection,
    RowSelector,
};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_schema};
use parquet::basic::{ConvertedType, Encoding, LogicalType};
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::file::reader::Length as _;
use parquet::file::statistics::Statistics;
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use super::calibration::{Calibration, Durations};
use super::mapping::dialect::{Mapping, Place, Unresolved};
use super::mapping::field::Field;
use super::mapping::partition_values::PartitionValue;
use super::times::read_times;
use crate::conventions::{CANONICAL_VERSION, CANONICAL_VERSION_KEY};
use crate::ingest::parquet::file::footer::Footer;
use crate::ingest::parquet::file::guard::guarded;
use crate::ingest::parquet::file::pages::{ColumnPages, ValueType, dictionary_texts};
use crate::ingest::parquet::flat::derived::{Derived, derive};
use crate::ingest::source::shared_file::SharedFile;
use crate::ingest::{IngestError, IngestWarning, Selection};

/// Rows that are decoded at once: enough to make work by columns pay, few enough to stay in the cache.
const BATCH_ROWS: usize = 16 * 1024;

/// An open Parquet file whose columns are those of spans.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) footer: Footer,
    pub(crate) mapping: Mapping,
    /// What the user should know of its columns.
    pub(crate) warnings: Vec<IngestWarning>,
}

impl Table {
    /// Finds the columns.
    pub(crate) fn of(footer: Footer) -> Result<Self, IngestError> {
        let Footer { path, metadata, .. } = &footer;
        let of_file = metadata.metadata().file_metadata();
        let key_values = of_file.key_value_metadata();
        let restored = guarded(|| parquet_to_arrow_schema(of_file.schema_descr(), key_values));
        let restored = restored.unwrap_or_else(|_| metadata.schema().as_ref().clone());
        let canonical_version =
            key_values.into_iter().flatten().find(|entry| entry.key == CANONICAL_VERSION_KEY).map(|entry| &entry.value);
        if let Some(Some(version)) = canonical_version
            && version != CANONICAL_VERSION
        {
            return Err(IngestError::Unsupported {
                path: path.clone(),
                what: format!("canonical Parquet of version {version}"),
                advice: format!("this program reads version {CANONICAL_VERSION}, use a newer one"),
            });
        }
        let path_values = PartitionValue::all_in(path);
        let mapping = Mapping::resolve(metadata.schema(), &restored, path_values, canonical_version.is_some())
            .map_err(|unresolved| {
                let path = path.clone();
                match unresolved {
                    Unresolved::Missing { missing, found } => {
                        IngestError::NoSpanColumns { path, missing, columns: found }
                    }
                    Unresolved::Refused { what, advice } => {
                        IngestError::Unsupported { path, what: what.into(), advice: advice.into() }
                    }
                }
            })?;
        let mut table = Self { footer, mapping, warnings: Vec::new() };
        table.find_unit_of_durations();
        table.add_warnings();
        Ok(table)
    }

    /// Whether a row group may have a span that matches `selection`, as far as its statistics tell.
    pub(crate) fn may_match(&self, row_group: usize, selection: &Selection) -> bool {
        // Bounds of long texts may be cut short by the writer, but then they are wider, never narrower.
        let starts = || {
            let unit = self.mapping.field(Field::Start)?.unit?;
            match self.only_statistics(row_group, Field::Start)? {
                Statistics::Int64(values) => {
                    let instant = |value: Option<&i64>| value.and_then(|&value| unit.nanoseconds(value));
                    instant(values.min_opt()).zip(instant(values.max_opt()))
                }
                _ => None,
            }
        };
        let services = || match self.only_statistics(row_group, Field::Service)? {
            Statistics::ByteArray(values) => {
                values.min_opt().zip(values.max_opt()).map(|(first, last)| (first.data(), last.data()))
            }
            _ => None,
        };
        starts().is_none_or(|(first, last)| selection.may_start_within(first, last))
            && services().is_none_or(|(first, last)| selection.may_be_of_service_within(first, last))
    }

    /// The statistics of a row group's values in the column of `field`, if that is one plain column that has no nulls.
    fn only_statistics(&self, row_group: usize, field: Field) -> Option<&Statistics> {
        let place = self.mapping.field(field)?.place;
        if place.child.is_some() || self.may_lack(row_group, field) {
            return None;
        }
        let mut chunks = self.chunks_of(row_group, place.root);
        let chunk = chunks.next()?;
        chunks.next().is_none().then(|| chunk.statistics())?
    }

    /// Whether a row group may have spans without a value in `field`'s column.
    pub(crate) fn may_lack(&self, row_group: usize, field: Field) -> bool {
        let Some(column) = self.mapping.field(field) else {
            return true;
        };
        if self.is_in_path(column.place.root) {
            return false;
        }
        self.is_derived(column.place.root)
            || self
                .chunks_of(row_group, column.place.root)
                .any(|chunk| chunk.column_descr().max_def_level() > 0 && nulls_of(chunk) != Some(0))
    }

    /// Whether a row group may have spans for which `field`'s column has no text, or an empty one.
    pub(crate) fn may_lack_text(&self, row_group: usize, field: Field) -> bool {
        let may_be_empty = |root| {
            let least = |chunk: &ColumnChunkMetaData| chunk.statistics()?.min_bytes_opt().map(<[u8]>::is_empty);
            self.chunks_of(row_group, root).any(|chunk| least(chunk) == Some(true))
        };
        self.may_lack(row_group, field)
            || self.mapping.field(field).is_some_and(|column| may_be_empty(column.place.root))
    }

    /// Whether a root field is known to have no value in a row group: not even, if it is a list or a map, an item.
    pub(crate) fn is_empty_column(&self, row_group: usize, root: usize) -> bool {
        let nothing = |chunk: &ColumnChunkMetaData| {
            nulls_of(chunk).is_some_and(|nulls| u64::try_from(chunk.num_values()) == Ok(nulls))
        };
        self.source_of(root).is_some_and(|source| self.chunks_of(row_group, source).all(nothing))
    }

    /// Whether a row group may have a key that `is_wanted` in the map that is the root field `root`: unless the dictionary of its
    /// keys is whole and has none. `file` is prepared for that column.
    pub(crate) fn may_have_key(
        &self,
        file: &Arc<SharedFile>,
        row_group: usize,
        root: usize,
        is_wanted: impl Fn(&str) -> bool,
    ) -> bool {
        let is_map = self.data_type(Place { root, child: None }).is_some_and(|of| matches!(of, DataType::Map(_, _)));
        // The keys of a map are its first column.
        let keys = self.chunks_of(row_group, root).next().filter(|chunk| is_map && is_dictionary(chunk));
        let rows = usize::try_from(self.footer.rows_of(row_group));
        let (Some(keys), Ok(rows)) = (keys, rows) else { return true };
        // What is wrong with it is told when it is read.
        let dictionary = guarded(|| dictionary_texts(file, keys, rows)).ok().flatten();
        let is_wanted = |key: &[u8]| std::str::from_utf8(key).is_ok_and(&is_wanted);
        dictionary.is_none_or(|dictionary| dictionary.iter().flatten().any(is_wanted))
    }

    fn is_derived(&self, root: usize) -> bool {
        root >= self.footer.metadata.schema().fields().len()
    }

    /// How the column with the number `root` is made, if it is none of the file's own.
    fn derived_at(&self, root: usize) -> Option<Derived> {
        let number = root.checked_sub(self.footer.metadata.schema().fields().len())?;
        self.mapping.derived.get(number).copied()
    }

    /// Whether the value of `root` stands in the file's path.
    fn is_in_path(&self, root: usize) -> bool {
        matches!(self.derived_at(root), Some(Derived::PathValue { .. }))
    }

    /// The root field that is read for `root`, which may be one that is made of another, or of none.
    fn source_of(&self, root: usize) -> Option<usize> {
        self.derived_at(root).map_or(Some(root), Derived::source)
    }

    /// The columns of a row group that a root field is spread over.
    fn chunks_of(&self, row_group: usize, root: usize) -> impl Iterator<Item = &ColumnChunkMetaData> {
        let columns = self.footer.parquet().file_metadata().schema_descr();
        let chunks = self.footer.parquet().row_group(row_group).columns().iter().enumerate();
        chunks.filter(move |(leaf, _)| columns.get_column_root_idx(*leaf) == root).map(|(_, chunk)| chunk)
    }

    /// The file, prepared for reading the columns of a row group whose root fields are `roots`.
    pub(crate) fn file_for(&self, row_group: usize, roots: &[usize]) -> Result<SharedFile, IngestError> {
        let mut roots: Vec<usize> = roots.iter().filter_map(|&root| self.source_of(root)).collect();
        roots.sort_unstable();
        roots.dedup();
        guarded(|| self.footer.file.prepared_for(&self.byte_ranges(row_group, &roots)))
            .map_err(|error| self.footer.failure(row_group, self.footer.first_row_of(row_group), &error))
    }

    /// The type of the column at `place`, if it is one of the file's own that is not in a struct.
    pub(crate) fn data_type(&self, place: Place) -> Option<&DataType> {
        let Place { root, child: None } = place else { return None };
        Some(self.footer.metadata.schema().fields().get(root)?.data_type())
    }

    /// The values of a column of a row group without places for nulls; `None` if only [`Self::batches`] can read it.
    pub(crate) fn pages(
        &self,
        file: &Arc<SharedFile>,
        row_group: usize,
        root: usize,
        value_type: ValueType,
    ) -> Result<Option<ColumnPages>, IngestError> {
        let Some(chunk) = self.chunks_of(row_group, root).next() else { return Ok(None) };
        let Ok(rows) = usize::try_from(self.footer.rows_of(row_group)) else { return Ok(None) };
        guarded(|| ColumnPages::open(file, chunk, value_type, rows).transpose())
            .map_err(|error| self.footer.failure(row_group, self.footer.first_row_of(row_group), &error))
    }

    /// The batches of a row group, with the columns whose root fields are `roots`. If `dictionaries`, text columns that
    /// the file keeps as dictionaries come as such.
    pub(crate) fn batches(
        &self,
        row_group: usize,
        roots: &[usize],
        dictionaries: bool,
    ) -> Result<Batches, IngestError> {
        let file = self.file_for(row_group, roots)?;
        self.batches_of(file, row_group, roots, dictionaries)
    }

    /// The same, from a file that [`Self::file_for`] prepared.
    pub(crate) fn batches_of(
        &self,
        file: SharedFile,
        row_group: usize,
        roots: &[usize],
        dictionaries: bool,
    ) -> Result<Batches, IngestError> {
        self.batches_with(file, row_group, roots, dictionaries, None)
    }

    /// The batches of some rows of a row group, from a file that [`Self::file_for`] prepared, which come in their order and are counted from its first. What a batch says of
    /// the number of its first row does not hold.
    pub(crate) fn batches_of_rows(
        &self,
        file: SharedFile,
        row_group: usize,
        roots: &[usize],
        rows: &[usize],
        dictionaries: bool,
    ) -> Result<Batches, IngestError> {
        let mut selectors: Vec<RowSelector> = Vec::new();
        let mut next = 0;
        for run in rows.chunk_by(|left, right| left + 1 == *right) {
            selectors.extend([RowSelector::skip(run[0] - next), RowSelector::select(run.len())]);
            next = run[0] + run.len();
        }
        self.batches_with(file, row_group, roots, dictionaries, Some(RowSelection::from(selectors)))
    }

    fn batches_with(
        &self,
        file: SharedFile,
        row_group: usize,
        roots: &[usize],
        dictionaries: bool,
        rows: Option<RowSelection>,
    ) -> Result<Batches, IngestError> {
        let mut derived_roots: Vec<usize> = roots.iter().copied().filter(|&root| self.is_derived(root)).collect();
        let mut roots: Vec<usize> = roots.iter().filter_map(|&root| self.source_of(root)).collect();
        for roots in [&mut roots, &mut derived_roots] {
            roots.sort_unstable();
            roots.dedup();
        }
        let first_derived = self.footer.metadata.schema().fields().len();
        let derived = derived_roots.iter().map(|&root| self.mapping.derived[root - first_derived]).collect();
        let first_row = self.footer.first_row_of(row_group);
        let reader = guarded(|| {
            let metadata = if dictionaries { self.with_dictionaries(row_group) } else { self.footer.metadata.clone() };
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
            let columns = ProjectionMask::roots(builder.parquet_schema(), roots.iter().copied());
            let builder = match rows {
                Some(rows) => builder.with_row_selection(rows),
                None => builder,
            };
            builder.with_projection(columns).with_row_groups(vec![row_group]).with_batch_size(BATCH_ROWS).build()
        });
        let reader = reader.map_err(|error| self.footer.failure(row_group, first_row, &error))?;
        let derived_roots_are_empty = derived_roots.is_empty();
        let columns = BatchColumns { roots, derived_roots };
        let path_values = if derived_roots_are_empty { Vec::new() } else { self.mapping.path_values.clone() };
        Ok(Batches { reader, columns, derived, path_values, row_group, next_row: first_row })
    }

    /// Where a row group keeps the columns of some root fields.
    fn byte_ranges(&self, row_group: usize, roots: &[usize]) -> Vec<Range<u64>> {
        let chunks = roots.iter().flat_map(|&root| self.chunks_of(row_group, root));
        let ranges = chunks.map(|chunk| {
            let (start, length) = chunk.byte_range();
            start..start.saturating_add(length).min(self.footer.file.len())
        });
        ranges.filter(|range| !range.is_empty()).collect()
    }

    /// The same metadata with a schema that keeps the dictionaries of a row group.
    fn with_dictionaries(&self, row_group: usize) -> ArrowReaderMetadata {
        let chunks = self.footer.parquet().row_group(row_group);
        let mut leaf = 0;
        let fields: Vec<FieldRef> = self
            .footer
            .metadata
            .schema()
            .fields()
            .iter()
            .map(|field| keep_dictionaries(field, chunks, &mut leaf))
            .collect();
        let schema = Schema::new_with_metadata(fields, self.footer.metadata.schema().metadata().clone());
        let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
        ArrowReaderMetadata::try_new(Arc::clone(self.footer.parquet()), options)
            .unwrap_or_else(|_| self.footer.metadata.clone())
    }

    /// The next batch and the number of its first row.
    pub(crate) fn next_batch(&self, batches: &mut Batches) -> Option<Result<(u64, RecordBatch), IngestError>> {
        let decoded = guarded(|| {
            let batch = batches.reader.next().transpose()?;
            Ok(batch.map(|batch| batches.with_derived(batch)).transpose()?)
        });
        let decoded = decoded.transpose()?;
        let first_row = batches.next_row;
        Some(match decoded {
            Ok(batch) => {
                batches.next_row += batch.num_rows() as u64;
                Ok((first_row, batch))
            }
            Err(error) => Err(self.footer.failure(batches.row_group, first_row, &error)),
        })
    }

    /// Durations whose unit nothing tells are compared with the time from start to end, in all rows.
    fn find_unit_of_durations(&mut self) {
        let Some(column) = self.mapping.field(Field::Duration).filter(|column| column.unit.is_none()).cloned() else {
            return;
        };
        let path = self.footer.path.clone();
        let (schema, column) = (Arc::clone(self.footer.metadata.schema()), column.name);
        match self.calibration().conclude() {
            Durations::Proved(unit) => self.mapping.set_unit_of_durations(unit, &schema),
            Durations::Disproved => {
                self.mapping.forget_durations();
                self.warnings.push(IngestWarning::DurationsDisproved { path, column });
            }
            Durations::Assumed(unit) => {
                self.mapping.set_unit_of_durations(unit, &schema);
                self.warnings.push(IngestWarning::AssumedUnit { path, column, unit: unit.as_str() });
            }
        }
    }

    /// What the rows say of the unit of durations. What cannot be read has no say, and is told when it is read again.
    fn calibration(&self) -> Calibration {
        let columns = [Field::Start, Field::End, Field::Duration].map(|field| self.mapping.field(field));
        let Some(duration) = columns[2].map(|column| column.place) else { return Calibration::default() };
        let is_whole = self.data_type(duration).is_some_and(DataType::is_integer);
        if columns[1].is_none() && is_whole {
            return Calibration::default();
        }
        let roots: Vec<usize> = columns.iter().flatten().map(|column| column.place.root).collect();
        let of_row_group = |row_group| self.calibration_of(row_group, &roots, duration);
        (0..self.footer.row_groups()).into_par_iter().map(of_row_group).reduce(Calibration::default, Calibration::merge)
    }

    fn calibration_of(&self, row_group: usize, roots: &[usize], duration: Place) -> Calibration {
        let mut calibration = Calibration::default();
        let Ok(mut batches) = self.batches(row_group, roots, false) else { return calibration };
        while let Some(Ok((_, batch))) = self.next_batch(&mut batches) {
            let [mut starts, mut ends] = [Vec::new(), Vec::new()];
            for (field, times) in [(Field::Start, &mut starts), (Field::End, &mut ends)] {
                let place = self.mapping.field(field).map(|column| column.place);
                if let Some(column) = place.and_then(|place| batches.columns.get(&batch, place)) {
                    read_times(column, self.mapping.unit(field), times);
                }
            }
            if let Some(durations) = batches.columns.get(&batch, duration) {
                calibration.see(&starts, &ends, durations);
            }
        }
        calibration
    }

    /// Says what the columns leave in doubt.
    fn add_warnings(&mut self) {
        let path = || self.footer.path.clone();
        let mut warnings = Vec::new();
        if !self.mapping.variants.is_empty() {
            warnings.push(IngestWarning::VariantAttributes { path: path(), columns: self.mapping.variants.join(", ") });
        }
        if self.mapping.field(Field::ParentSpanId).is_none() {
            warnings.push(IngestWarning::NoParents { path: path() });
        }
        self.warnings.extend(warnings);
    }
}

/// Decoded batches of one row group.
pub(crate) struct Batches {
    reader: ParquetRecordBatchReader,
    /// Which columns each batch has.
    pub(crate) columns: BatchColumns,
    /// How those that are not the file's own are made.
    derived: Vec<Derived>,
    /// The values of those that stand in the file's path.
    path_values: Vec<PartitionValue>,
    row_group: usize,
    next_row: u64,
}

/// Where the columns of a batch stand.
pub(crate) struct BatchColumns {
    /// The file's columns, in order.
    roots: Vec<usize>,
    /// The columns that are made of them and stand behind them, in order.
    derived_roots: Vec<usize>,
}

impl BatchColumns {
    /// The column of `batch` at `place`, if it was asked for.
    pub(crate) fn get<'a>(&self, batch: &'a RecordBatch, place: Place) -> Option<&'a ArrayRef> {
        let of_file = self.roots.binary_search(&place.root).ok();
        let number = of_file.or_else(|| Some(self.roots.len() + self.derived_roots.binary_search(&place.root).ok()?));
        let column = batch.columns().get(number?)?;
        match place.child {
            None => Some(column),
            Some(child) => column.as_struct_opt()?.columns().get(child),
        }
    }
}

impl Batches {
    fn with_derived(&self, batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
        if self.derived.is_empty() {
            return Ok(batch);
        }
        let column = |root: usize| batch.columns().get(self.columns.roots.binary_search(&root).ok()?);
        let made = derive(&self.derived, &self.path_values, batch.num_rows(), column);
        let names = (self.columns.derived_roots.iter().zip(&made))
            .map(|(root, made)| ArrowField::new(format!("derived {root}"), made.data_type().clone(), true));
        let fields: Vec<FieldRef> = batch.schema().fields().iter().cloned().chain(names.map(Arc::new)).collect();
        let columns = batch.columns().iter().cloned().chain(made).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
    }
}

/// `field` with the text columns that are dictionaries in the file as dictionaries. `leaf` counts the file's leaf
/// columns, in whose order the fields come. Those in lists are few and stay as they are.
fn keep_dictionaries(field: &FieldRef, chunks: &RowGroupMetaData, leaf: &mut usize) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Map(entries, sorted) => match entries.data_type() {
            DataType::Struct(fields) => {
                let fields: Fields = fields.iter().map(|field| keep_dictionaries(field, chunks, leaf)).collect();
                DataType::Map(with_type(entries, DataType::Struct(fields)), *sorted)
            }
            data_type => {
                *leaf += leaves_of(data_type);
                field.data_type().clone()
            }
        },
        data_type @ (DataType::Utf8 | DataType::Binary) => {
            let chunk = chunks.columns().get(*leaf);
            *leaf += 1;
            if chunk.is_some_and(is_dictionary) {
                DataType::Dictionary(Box::new(DataType::Int32), Box::new(data_type.clone()))
            } else {
                data_type.clone()
            }
        }
        data_type => {
            *leaf += leaves_of(data_type);
            data_type.clone()
        }
    };
    with_type(field, data_type)
}

fn with_type(field: &FieldRef, data_type: DataType) -> FieldRef {
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

/// How many of the file's columns a field of this type is spread over.
fn leaves_of(data_type: &DataType) -> usize {
    match data_type {
        DataType::Struct(fields) => fields.iter().map(|field| leaves_of(field.data_type())).sum(),
        DataType::List(inner) | DataType::Map(inner, _) => leaves_of(inner.data_type()),
        _ => 1,
    }
}

/// How many nulls a column chunk has, if it says so.
fn nulls_of(chunk: &ColumnChunkMetaData) -> Option<u64> {
    chunk.statistics()?.null_count_opt()
}

/// Whether all values of a column chunk are in its dictionary. A chunk that goes on without it, as writers do when it
/// grows too large, costs more as a dictionary than plain. The reader has no dictionaries of JSON.
fn is_dictionary(chunk: &ColumnChunkMetaData) -> bool {
    let only_dictionary = chunk
        .page_encoding_stats_mask()
        .is_some_and(|mask| mask.is_only(Encoding::PLAIN_DICTIONARY) || mask.is_only(Encoding::RLE_DICTIONARY));
    let is_json = chunk.column_descr().converted_type() == ConvertedType::JSON
        || chunk.column_descr().logical_type_ref() == Some(&LogicalType::Json);
    chunk.dictionary_page_offset().is_some() && only_dictionary && !is_json
}
