//! A group of columns on its way to a file or from one.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray as _, BooleanArray, FixedSizeBinaryArray, Float64Array, Int64Array, LargeStringArray,
    RecordBatch, RecordBatchOptions, UInt8Array, UInt32Array, UInt64Array,
};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, Float64Type, Int64Type, Schema, UInt8Type, UInt32Type, UInt64Type,
};
use arrow::error::ArrowError;

use crate::frame::Symbol;
use crate::span::TraceId;

use super::columns::TraceNumber;

/// Bytes of a trace id.
const TRACE_ID_BYTES: i32 = 16;

/// Gives the numbers of one set of traces their places in a larger one.
#[derive(Clone, Copy)]
pub(crate) struct Renumbering<'a> {
    /// New symbols by old ones; `None` where they stay.
    pub(crate) symbols: Option<&'a [Symbol]>,
    /// New numbers of traces by old ones; `None` where they stay.
    pub(crate) traces: Option<&'a [u32]>,
}

impl Renumbering<'_> {
    /// Everything stays.
    pub(crate) const NONE: Self = Self { symbols: None, traces: None };

    /// The new number of a trace.
    pub(crate) fn trace(&self, trace: TraceNumber) -> Option<TraceNumber> {
        match (self.traces, trace.index()) {
            (Some(traces), Some(index)) => traces.get(index).map(|&number| TraceNumber(number)),
            _ => Some(trace),
        }
    }

    fn symbol(&self, symbol: Symbol) -> Option<Symbol> {
        self.symbols.map_or(Some(symbol), |symbols| symbols.get(symbol.index()).copied())
    }
}

/// Takes the columns of one group.
pub(crate) struct GroupWriter<'a> {
    name: String,
    columns: Vec<(String, ArrayRef)>,
    beside: Vec<GroupWriter<'a>>,
    numbers: Renumbering<'a>,
}

impl<'a> GroupWriter<'a> {
    pub(super) fn new(name: &str, numbers: Renumbering<'a>) -> Self {
        Self { name: name.to_owned(), columns: Vec::new(), beside: Vec::new(), numbers }
    }

    fn push(&mut self, name: &str, array: impl Array + 'static) {
        self.columns.push((name.to_owned(), Arc::new(array)));
    }

    /// A column of signed numbers.
    pub(crate) fn i64s(&mut self, name: &str, values: impl Iterator<Item = i64>) {
        self.push(name, Int64Array::from_iter_values(values));
    }

    /// A column of unsigned numbers.
    pub(crate) fn u64s(&mut self, name: &str, values: impl Iterator<Item = u64>) {
        self.push(name, UInt64Array::from_iter_values(values));
    }

    /// A column of small unsigned numbers.
    pub(crate) fn u32s(&mut self, name: &str, values: impl Iterator<Item = u32>) {
        self.push(name, UInt32Array::from_iter_values(values));
    }

    /// A column of bytes.
    pub(crate) fn u8s(&mut self, name: &str, values: impl Iterator<Item = u8>) {
        self.push(name, UInt8Array::from_iter_values(values));
    }

    /// A column of floating-point numbers.
    pub(crate) fn f64s(&mut self, name: &str, values: impl Iterator<Item = f64>) {
        self.push(name, Float64Array::from_iter_values(values));
    }

    /// A column of flags.
    pub(crate) fn bools(&mut self, name: &str, values: impl Iterator<Item = bool>) {
        self.push(name, BooleanArray::from_iter(values.map(Some)));
    }

    /// A column of strings of the input.
    pub(crate) fn symbols(&mut self, name: &str, values: impl Iterator<Item = Symbol>) {
        self.push(name, UInt32Array::from_iter_values(values.map(|symbol| symbol.0)));
    }

    /// A column of numbers of traces; in the file they are places among its traces in the order of their ids.
    pub(crate) fn traces(&mut self, name: &str, values: impl Iterator<Item = TraceNumber>) {
        let numbers = self.numbers;
        let renumbered = values.map(|trace| numbers.trace(trace).unwrap_or(trace).0);
        self.push(name, UInt32Array::from_iter_values(renumbered));
    }

    /// A column of trace ids.
    pub(crate) fn trace_ids(&mut self, name: &str, values: impl Iterator<Item = TraceId>) {
        let bytes: Vec<u8> = values.flat_map(|trace_id| trace_id.0).collect();
        self.push(name, FixedSizeBinaryArray::new(TRACE_ID_BYTES, bytes.into(), None));
    }

    /// A column of texts.
    pub(crate) fn texts<'t>(&mut self, name: &str, values: impl Iterator<Item = &'t str>) {
        self.push(name, LargeStringArray::from_iter_values(values));
    }

    /// Columns with another number of rows, as a group of their own.
    pub(crate) fn beside(&mut self, name: &str, fill: impl FnOnce(&mut GroupWriter<'a>)) {
        let mut beside = GroupWriter::new(&format!("{}/{name}", self.name), self.numbers);
        fill(&mut beside);
        self.beside.push(beside);
    }

    /// The groups, each with its name.
    pub(super) fn finish(self, done: &mut Vec<(String, RecordBatch)>) -> Result<(), ArrowError> {
        let fields: Vec<Field> =
            self.columns.iter().map(|(name, array)| Field::new(name, array.data_type().clone(), false)).collect();
        let rows = self.columns.first().map_or(0, |(_, array)| array.len());
        let arrays = self.columns.into_iter().map(|(_, array)| array).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        done.push((self.name, RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)?));
        self.beside.into_iter().try_for_each(|beside| beside.finish(done))
    }
}

/// Reads another group of a file by its name.
pub(super) type ReadOther<'a> = dyn Fn(&str) -> Result<RecordBatch, ArrowError> + 'a;

/// Gives the columns of one group.
pub(crate) struct GroupReader<'a> {
    pub(super) name: String,
    pub(super) batch: RecordBatch,
    pub(super) numbers: Renumbering<'a>,
    /// Reads another group of the file.
    pub(super) read: &'a ReadOther<'a>,
}

impl GroupReader<'_> {
    fn column(&self, name: &str, data_type: &DataType) -> Result<&ArrayRef, ArrowError> {
        let column = self
            .batch
            .column_by_name(name)
            .ok_or_else(|| ArrowError::SchemaError(format!("there is no column {name}")))?;
        if column.data_type() != data_type {
            return Err(ArrowError::SchemaError(format!("column {name} is {}, not {data_type}", column.data_type())));
        }
        Ok(column)
    }

    fn numbers<T: ArrowPrimitiveType>(&self, name: &str) -> Result<Vec<T::Native>, ArrowError> {
        Ok(self.column(name, &T::DATA_TYPE)?.as_primitive::<T>().values().to_vec())
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.batch.num_rows()
    }

    /// Whether there is a column `name`.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.batch.column_by_name(name).is_some()
    }

    /// A column of signed numbers.
    pub(crate) fn i64s(&self, name: &str) -> Result<Vec<i64>, ArrowError> {
        self.numbers::<Int64Type>(name)
    }

    /// A column of unsigned numbers.
    pub(crate) fn u64s(&self, name: &str) -> Result<Vec<u64>, ArrowError> {
        self.numbers::<UInt64Type>(name)
    }

    /// A column of small unsigned numbers.
    pub(crate) fn u32s(&self, name: &str) -> Result<Vec<u32>, ArrowError> {
        self.numbers::<UInt32Type>(name)
    }

    /// A column of bytes.
    pub(crate) fn u8s(&self, name: &str) -> Result<Vec<u8>, ArrowError> {
        self.numbers::<UInt8Type>(name)
    }

    /// A column of floating-point numbers.
    pub(crate) fn f64s(&self, name: &str) -> Result<Vec<f64>, ArrowError> {
        self.numbers::<Float64Type>(name)
    }

    /// A column of flags.
    pub(crate) fn bools(&self, name: &str) -> Result<Vec<bool>, ArrowError> {
        let column = self.column(name, &DataType::Boolean)?.as_boolean();
        Ok((0..column.len()).map(|row| column.value(row)).collect())
    }

    /// A column of strings, as symbols of the whole.
    pub(crate) fn symbols(&self, name: &str) -> Result<Vec<Symbol>, ArrowError> {
        let unknown =
            |number| ArrowError::ParseError(format!("column {name} names string {number}, which is not there"));
        self.u32s(name)?
            .into_iter()
            .map(|number| self.numbers.symbol(Symbol(number)).ok_or_else(|| unknown(number)))
            .collect()
    }

    /// A column of numbers of traces of the whole.
    pub(crate) fn traces(&self, name: &str) -> Result<Vec<TraceNumber>, ArrowError> {
        let unknown =
            |number| ArrowError::ParseError(format!("column {name} names trace {number}, which is not there"));
        let numbers = self.u32s(name)?.into_iter();
        numbers.map(|number| self.numbers.trace(TraceNumber(number)).ok_or_else(|| unknown(number))).collect()
    }

    /// A column of trace ids.
    pub(crate) fn trace_ids(&self, name: &str) -> Result<Vec<TraceId>, ArrowError> {
        let column = self.column(name, &DataType::FixedSizeBinary(TRACE_ID_BYTES))?.as_fixed_size_binary();
        Ok((0..column.len()).map(|row| TraceId::from_bytes(column.value(row)).unwrap_or_default()).collect())
    }

    /// A column of texts.
    pub(crate) fn texts(&self, name: &str) -> Result<&LargeStringArray, ArrowError> {
        Ok(self.column(name, &DataType::LargeUtf8)?.as_string::<i64>())
    }

    /// A group that stands beside this one.
    pub(crate) fn beside<T>(
        &self,
        name: &str,
        read: impl FnOnce(&GroupReader<'_>) -> Result<T, ArrowError>,
    ) -> Result<T, ArrowError> {
        let name = format!("{}/{name}", self.name);
        let batch = (self.read)(&name)?;
        read(&GroupReader { name, batch, numbers: self.numbers, read: self.read })
    }
}
