//! Repeated groups of a Tempo block, whichever way the file spells them: `LIST` groups and bare repeated groups both come
//! as Arrow lists of structs.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StructArray};
use arrow::datatypes::{DataType, Int32Type, Int64Type, UInt32Type, UInt64Type};

use crate::ingest::parquet::file::cells::list_at;
use crate::ingest::parquet::flat::times::{Unit, read_times};

/// The repeated group of all rows of its parent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Items<'a> {
    list: &'a ListArray,
    /// The items of all lists.
    pub(crate) items: &'a StructArray,
}

impl<'a> Items<'a> {
    /// The repeated group `name` of `parent`, if it was read.
    pub(crate) fn of(parent: &'a StructArray, name: &str) -> Option<Self> {
        let list = parent.column_by_name(name)?.as_list_opt::<i32>()?;
        Some(Self { list, items: list.values().as_struct_opt()? })
    }

    /// Which items belong to the parent at `row`.
    pub(crate) fn at(&self, row: usize) -> Range<usize> {
        list_at(self.list, row).1
    }

    /// The column `name` of the items, if it was read.
    pub(crate) fn column(&self, name: &str) -> Option<&'a ArrayRef> {
        self.items.column_by_name(name)
    }

    /// The group `name` of the items, if any of it was read.
    pub(crate) fn group(&self, name: &str) -> Option<&'a StructArray> {
        self.column(name)?.as_struct_opt()
    }
}

/// The bytes at `row`, none where there are none.
pub(crate) fn bytes_at(column: Option<&ArrayRef>, row: usize) -> &[u8] {
    let Some(column) = column.filter(|column| column.is_valid(row)) else {
        return &[];
    };
    match column.data_type() {
        DataType::Binary => column.as_binary::<i32>().value(row),
        DataType::Utf8 => column.as_string::<i32>().value(row).as_bytes(),
        DataType::FixedSizeBinary(_) => column.as_fixed_size_binary().value(row),
        _ => &[],
    }
}

/// The number at `row`, 0 where there is none. A signed one has the bits of the unsigned one.
pub(crate) fn number_at(column: Option<&ArrayRef>, row: usize) -> u64 {
    number_or_none_at(column, row).unwrap_or(0)
}

/// The number at `row`; nanoseconds where engines that rewrote the block made decimals, floating-point numbers or timestamps of it, as
/// those do that have no unsigned integers.
pub(crate) fn number_or_none_at(column: Option<&ArrayRef>, row: usize) -> Option<u64> {
    let column = column.filter(|column| column.is_valid(row))?;
    match column.data_type() {
        DataType::UInt64 => Some(column.as_primitive::<UInt64Type>().value(row)),
        DataType::Int64 => Some(column.as_primitive::<Int64Type>().value(row) as u64),
        DataType::UInt32 => Some(column.as_primitive::<UInt32Type>().value(row).into()),
        DataType::Int32 => Some(i64::from(column.as_primitive::<Int32Type>().value(row)) as u64),
        data_type if !data_type.is_nested() => {
            let mut times = Vec::new();
            read_times(&column.slice(row, 1), Unit::Nanoseconds, &mut times);
            times.pop().flatten().map(|nanoseconds| nanoseconds as u64)
        }
        _ => None,
    }
}
