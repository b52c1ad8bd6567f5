//! Tables as Parquet, for notebooks and SQL.
//!
//! A time is microseconds, because there are readers that know nothing finer (Spark), and beside it stands a column of
//! its name and [`UNIX_NANO`] with all its digits.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, Int64Builder, ListBuilder, StringArray, StringBuilder,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::compute_leaves;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use rayon::prelude::*;

use crate::detectors::{Cell, Column, Unit};
use crate::rank::Rows;

/// What ends the name of the column that stands beside a time and holds its nanoseconds since 1970.
pub(crate) const UNIX_NANO: &str = "_unix_nano";

/// Rows that are turned into arrays at a time, which bounds the copy.
const ROWS_OF_BATCH: usize = 1 << 13;

/// Rows of a row group.
const ROWS_OF_ROW_GROUP: usize = 1 << 20;

/// Writes all rows of a table, its columns encoded side by side. One without rows is written with its columns.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_parquet_table<W: Write + Send>(out: W, table: &dyn Rows) -> Result<W, ParquetError> {
    let columns: Vec<FileColumn<'_>> = file_columns(table.columns()).collect();
    let schema = Arc::new(Schema::new(columns.iter().map(FileColumn::field).collect::<Vec<_>>()));
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let writer = ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties))?;
    let (mut writer, row_groups) = writer.into_serialized_writer()?;
    for (number, first) in (0..table.row_count()).step_by(ROWS_OF_ROW_GROUP).enumerate() {
        let rows = first..(first + ROWS_OF_ROW_GROUP).min(table.row_count());
        let encoders = row_groups.create_column_writers(number)?;
        let columns: Vec<_> = encoders.into_iter().zip(schema.fields()).zip(&columns).collect();
        let chunks = columns.into_par_iter().map(|((mut encoder, field), column)| {
            for first in rows.clone().step_by(ROWS_OF_BATCH) {
                let cells = table.cells(column.index, first..(first + ROWS_OF_BATCH).min(rows.end));
                for leaf in compute_leaves(field, &column.array(&cells))? {
                    encoder.write(&leaf)?;
                }
            }
            encoder.close()
        });
        let chunks = chunks.collect::<Result<Vec<_>, ParquetError>>()?;
        let mut row_group = writer.next_row_group()?;
        for chunk in chunks {
            chunk.append_to_row_group(&mut row_group)?;
        }
        row_group.close()?;
    }
    writer.into_inner()
}

/// A column of the file.
struct FileColumn<'a> {
    column: &'a Column,
    /// Which column of the table it is.
    index: usize,
    /// Whether it holds the nanoseconds of a time.
    is_unix_nano: bool,
}

/// The columns of a file for those of a table.
fn file_columns(columns: &[Column]) -> impl Iterator<Item = FileColumn<'_>> {
    columns.iter().enumerate().flat_map(|(index, column)| {
        let beside = (column.unit == Unit::Time).then_some(FileColumn { column, index, is_unix_nano: true });
        std::iter::once(FileColumn { column, index, is_unix_nano: false }).chain(beside)
    })
}

impl FileColumn<'_> {
    fn field(&self) -> Field {
        if self.is_unix_nano {
            return Field::new(format!("{}{UNIX_NANO}", self.column.name), DataType::Int64, true);
        }
        Field::new(self.column.name, data_type(self.column.unit), true)
    }

    fn array(&self, values: &[Cell]) -> ArrayRef {
        if self.is_unix_nano {
            return Arc::new(integers(values).collect::<Int64Array>());
        }
        array(self.column, values)
    }
}

fn integers(values: &[Cell]) -> impl Iterator<Item = Option<i64>> {
    values.iter().map(|cell| if let Cell::Int(value) = cell { Some(*value) } else { None })
}

fn data_type(unit: Unit) -> DataType {
    match unit {
        Unit::Text | Unit::Id => DataType::Utf8,
        Unit::Count | Unit::Nanoseconds => DataType::Int64,
        Unit::Share | Unit::Number => DataType::Float64,
        Unit::Flag => DataType::Boolean,
        Unit::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Unit::Names => list_of(DataType::Utf8),
        Unit::Durations => list_of(DataType::Int64),
    }
}

fn list_of(items: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(items, true)))
}

/// The values as an array of the column's type. A value of another type than its column declares is none.
fn array(column: &Column, values: &[Cell]) -> ArrayRef {
    let texts = || values.iter().map(|cell| if let Cell::Text(text) = cell { Some(text.as_str()) } else { None });
    let floats = || values.iter().map(|cell| if let Cell::Float(value) = cell { Some(*value) } else { None });
    let flags = || values.iter().map(|cell| if let Cell::Flag(flag) = cell { Some(*flag) } else { None });
    debug_assert!(
        values.iter().all(|cell| matches!(
            (column.unit, cell),
            (_, Cell::None)
                | (Unit::Text | Unit::Id, Cell::Text(_))
                | (Unit::Count | Unit::Nanoseconds | Unit::Time, Cell::Int(_))
                | (Unit::Share | Unit::Number, Cell::Float(_))
                | (Unit::Flag, Cell::Flag(_))
                | (Unit::Names, Cell::Names(_))
                | (Unit::Durations, Cell::Ints(_))
        )),
        "{} has a value of another type than it declares",
        column.name
    );
    match column.unit {
        Unit::Text | Unit::Id => Arc::new(texts().collect::<StringArray>()),
        Unit::Count | Unit::Nanoseconds => Arc::new(integers(values).collect::<Int64Array>()),
        Unit::Share | Unit::Number => Arc::new(floats().collect::<Float64Array>()),
        Unit::Flag => Arc::new(flags().collect::<BooleanArray>()),
        Unit::Time => {
            let microseconds = integers(values).map(|nanoseconds| Some(nanoseconds?.div_euclid(1_000)));
            Arc::new(microseconds.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        }
        Unit::Names => {
            let mut lists = ListBuilder::new(StringBuilder::new());
            for cell in values {
                if let Cell::Names(names) = cell {
                    lists.append_value(names.iter().map(Some));
                } else {
                    lists.append_null();
                }
            }
            Arc::new(lists.finish())
        }
        Unit::Durations => {
            let mut lists = ListBuilder::new(Int64Builder::new());
            for cell in values {
                if let Cell::Ints(durations) = cell {
                    lists.append_value(durations.iter().copied().map(Some));
                } else {
                    lists.append_null();
                }
            }
            Arc::new(lists.finish())
        }
    }
}
