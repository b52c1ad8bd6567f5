//! Tables in files of Parquet as frames of Polars.

use std::fs::File;
use std::path::Path;

use arrow::array::{Array, AsArray as _, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit as ArrowUnit, TimestampMicrosecondType};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::ChunkReader;
use polars::prelude::{
    BooleanChunked, Column, DataFrame, Float64Chunked, Int64Chunked, IntoColumn as _, IntoSeries as _,
    ListBuilderTrait as _, ListPrimitiveChunkedBuilder, ListStringChunkedBuilder, NewChunkedArray as _, PlSmallStr,
    PolarsResult, StringChunked, TimeUnit, TimeZone,
};

use super::QueryError;
use super::tables::unreadable;

/// The table in the file at `path`.
///
/// # Errors
/// If it is none that this program writes.
pub(super) fn frame_of_file(path: &Path) -> Result<DataFrame, QueryError> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    frame_of(file, path)
}

/// The table in what is read, which is called `path` if something is wrong.
///
/// # Errors
/// If it is none that this program writes.
pub(super) fn frame_of<R: ChunkReader + 'static>(reader: R, path: &Path) -> Result<DataFrame, QueryError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(reader).map_err(|error| unreadable(path, &error))?;
    let schema = builder.schema().clone();
    let batches = builder.build().and_then(|batches| Ok(batches.collect::<Result<Vec<RecordBatch>, _>>()?));
    let batches = batches.map_err(|error| unreadable(path, &error))?;
    let rows = batches.iter().map(RecordBatch::num_rows).sum();
    let columns = schema.fields().iter().enumerate().map(|(index, field)| {
        let arrays: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(index).as_ref()).collect();
        column(field.name(), field.data_type(), &arrays)
            .map_err(|error| unreadable(path, &error))?
            .ok_or_else(|| unreadable(path, &format!("column {} is {}", field.name(), field.data_type())))
    });
    let columns = columns.collect::<Result<Vec<Column>, QueryError>>()?;
    DataFrame::new(rows, columns).map_err(|error| unreadable(path, &error))
}

/// The values of a column; none if it is of a type that no table has.
fn column(name: &str, data_type: &DataType, arrays: &[&dyn Array]) -> PolarsResult<Option<Column>> {
    let name = PlSmallStr::from_str(name);
    let series = match data_type {
        DataType::Utf8 => {
            let texts = arrays.iter().flat_map(|array| array.as_string::<i32>().iter());
            StringChunked::from_iter_options(name, texts).into_series()
        }
        DataType::Int64 => {
            let numbers = arrays.iter().flat_map(|array| array.as_primitive::<Int64Type>().iter());
            Int64Chunked::from_iter_options(name, numbers).into_series()
        }
        DataType::Float64 => {
            let numbers = arrays.iter().flat_map(|array| array.as_primitive::<Float64Type>().iter());
            Float64Chunked::from_iter_options(name, numbers).into_series()
        }
        DataType::Boolean => {
            let flags = arrays.iter().flat_map(|array| array.as_boolean().iter());
            BooleanChunked::from_iter_options(name, flags).into_series()
        }
        DataType::Timestamp(ArrowUnit::Microsecond, _) => {
            let times = arrays.iter().flat_map(|array| array.as_primitive::<TimestampMicrosecondType>().iter());
            let times = Int64Chunked::from_iter_options(name, times);
            times.into_datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)).into_series()
        }
        DataType::List(item) if item.data_type() == &DataType::Utf8 => {
            let rows = arrays.iter().map(|array| array.len()).sum();
            let mut lists = ListStringChunkedBuilder::new(name, rows, rows);
            for list in arrays.iter().flat_map(|array| array.as_list::<i32>().iter()) {
                match list {
                    Some(names) => lists.append_values_iter(names.as_string::<i32>().iter().flatten()),
                    None => lists.append_null(),
                }
            }
            lists.finish().into_series()
        }
        DataType::List(item) if item.data_type() == &DataType::Int64 => {
            let rows = arrays.iter().map(|array| array.len()).sum();
            let item_type = polars::prelude::DataType::Int64;
            let mut lists = ListPrimitiveChunkedBuilder::<polars::prelude::Int64Type>::new(name, rows, rows, item_type);
            for list in arrays.iter().flat_map(|array| array.as_list::<i32>().iter()) {
                match list {
                    Some(numbers) => lists.append_values_iter(numbers.as_primitive::<Int64Type>().iter().flatten()),
                    None => lists.append_null(),
                }
            }
            lists.finish().into_series()
        }
        _ => return Ok(None),
    };
    Ok(Some(series.into_column()))
}
