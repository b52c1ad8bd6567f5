//! What is kept of many things of one kind: a column for each of their fields.
//!
//! [`columns!`] declares the fields once, as a struct of one thing; the struct of the columns, and how they merge, are
//! measured, written and read, follow from it.

use arrow::error::ArrowError;

use crate::conventions::{ErrorClass, FindingKind};
use crate::frame::Symbol;
use crate::span::{SpanId, TraceId};
use crate::trace::{Component, RootReason, Target, TargetKind};

use super::group::{GroupReader, GroupWriter};
use super::lists::Lists;

/// Columns of equal length.
pub(crate) trait Columns: Default + Send + Sync {
    /// One thing: a value of each column.
    type Row;

    /// Adds a row.
    fn push(&mut self, row: Self::Row);

    /// Moves all rows of `other` behind the own ones. It goes column by column, so that not all are there twice at once.
    fn append(&mut self, other: Self);

    /// Drops the rows of which `keep` does not hold, by their numbers.
    fn retain(&mut self, keep: &dyn Fn(usize) -> bool);

    /// Bytes of memory that the rows take.
    fn bytes(&self) -> usize;

    /// Writes the columns; `name` stands before their own names.
    fn write(&self, name: &str, group: &mut GroupWriter<'_>);

    /// Reads what [`Columns::write`] wrote.
    ///
    /// # Errors
    /// If a column is not there or has another type.
    fn read(name: &str, group: &GroupReader<'_>) -> Result<Self, ArrowError>;
}

/// A type of fields, and the column that holds many of them.
pub(crate) trait Stored {
    /// The column.
    type Column: Columns<Row = Self>;
}

/// A type of fields whose values have names in tables. The order of [`Named::ALL`] is that of the names.
pub(crate) trait Named: Copy + PartialEq + Send + Sync + 'static {
    /// All values.
    const ALL: &'static [Self];

    /// The name in tables.
    fn as_str(self) -> &'static str;

    /// Place in [`Named::ALL`].
    fn number(self) -> u8 {
        Self::ALL.iter().position(|known| *known == self).unwrap_or_default() as u8
    }
}

/// The number of a trace: one of [`analyse`](crate::analysis::analyse)'s while traces are seen, its place among all traces in
/// the order of their ids once they are merged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(crate) struct TraceNumber(pub(crate) u32);

impl TraceNumber {
    /// No trace: what is said of the whole input.
    pub(crate) const NONE: Self = Self(u32::MAX);

    /// As an index into per-trace tables; `None` for [`TraceNumber::NONE`].
    pub(crate) fn index(self) -> Option<usize> {
        (self != Self::NONE).then_some(self.0 as usize)
    }
}

/// A type whose values are written as they stand in memory.
pub(crate) trait Scalar: Copy + Send + Sync + Default {
    fn write(name: &str, values: impl Iterator<Item = Self>, group: &mut GroupWriter<'_>);
    fn read(name: &str, group: &GroupReader<'_>) -> Result<Vec<Self>, ArrowError>;
}

macro_rules! scalars {
    ($($type:ty: $write:ident |$value:ident| $to:expr, |$stored:ident| $from:expr;)+) => {$(
        impl Scalar for $type {
            fn write(name: &str, values: impl Iterator<Item = Self>, group: &mut GroupWriter<'_>) {
                group.$write(name, values.map(|$value| $to));
            }

            fn read(name: &str, group: &GroupReader<'_>) -> Result<Vec<Self>, ArrowError> {
                Ok(group.$write(name)?.into_iter().map(|$stored| $from).collect())
            }
        }

        impl Stored for $type {
            type Column = Vec<Self>;
        }
    )+};
}

scalars! {
    i64: i64s |value| value, |stored| stored;
    u64: u64s |value| value, |stored| stored;
    u32: u32s |value| value, |stored| stored;
    f64: f64s |value| value, |stored| stored;
    bool: bools |value| value, |stored| stored;
    SpanId: u64s |value| value.0, |stored| SpanId(stored);
    TraceId: trace_ids |value| value, |stored| stored;
    Symbol: symbols |value| value, |stored| stored;
    TraceNumber: traces |value| value, |stored| stored;
}

impl<T: Scalar> Columns for Vec<T> {
    type Row = T;

    fn push(&mut self, row: T) {
        Vec::push(self, row);
    }

    fn append(&mut self, mut other: Self) {
        Vec::append(self, &mut other);
    }

    fn retain(&mut self, keep: &dyn Fn(usize) -> bool) {
        retain(self, keep);
    }

    fn bytes(&self) -> usize {
        self.len() * size_of::<T>()
    }

    fn write(&self, name: &str, group: &mut GroupWriter<'_>) {
        T::write(name, self.iter().copied(), group);
    }

    fn read(name: &str, group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        T::read(name, group)
    }
}

macro_rules! have_names {
    ($($type:ty),+) => {$(
        impl Named for $type {
            const ALL: &'static [Self] = &<$type>::ALL;

            fn as_str(self) -> &'static str {
                <$type>::as_str(self)
            }

            fn number(self) -> u8 {
                self as u8
            }
        }

        impl Stored for $type {
            type Column = NamedColumn<Self>;
        }
    )+};
}

have_names!(ErrorClass, FindingKind, TargetKind, RootReason, Component);

/// Declares an enum whose values have names in tables, in the order of these.
macro_rules! named {
    ($(#[$doc:meta])* $visible:vis enum $name:ident { $($(#[$value_doc:meta])* $value:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        #[repr(u8)]
        $visible enum $name {
            $($(#[$value_doc])* $value,)+
        }

        impl $crate::partial::Named for $name {
            const ALL: &'static [Self] = &[$(Self::$value),+];

            fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $text,)+
                }
            }

            fn number(self) -> u8 {
                self as u8
            }
        }

        impl $crate::partial::Stored for $name {
            type Column = $crate::partial::NamedColumn<Self>;
        }
    };
}
pub(crate) use named;

/// Drops the values of the rows of which `keep` does not hold.
fn retain<T>(values: &mut Vec<T>, keep: &dyn Fn(usize) -> bool) {
    let mut rows = 0..;
    values.retain(|_| rows.next().is_some_and(keep));
}

/// Values that have names, a byte each.
#[derive(Clone, Debug)]
pub(crate) struct NamedColumn<T> {
    numbers: Vec<u8>,
    of: std::marker::PhantomData<T>,
}

impl<T> Default for NamedColumn<T> {
    fn default() -> Self {
        Self { numbers: Vec::new(), of: std::marker::PhantomData }
    }
}

impl<T: Named> NamedColumn<T> {
    /// Places of the values in [`Named::ALL`]: smaller ones have smaller names.
    pub(crate) fn numbers(&self) -> &[u8] {
        &self.numbers
    }

    /// The value of a row.
    pub(crate) fn get(&self, row: usize) -> T {
        T::ALL[usize::from(self.numbers[row])]
    }

    /// The name of the value at a place.
    pub(crate) fn name(number: u8) -> &'static str {
        T::ALL[usize::from(number)].as_str()
    }
}

impl<T: Named> Columns for NamedColumn<T> {
    type Row = T;

    fn push(&mut self, row: T) {
        self.numbers.push(row.number());
    }

    fn append(&mut self, other: Self) {
        self.numbers.extend(other.numbers);
    }

    fn retain(&mut self, keep: &dyn Fn(usize) -> bool) {
        retain(&mut self.numbers, keep);
    }

    fn bytes(&self) -> usize {
        self.numbers.len()
    }

    fn write(&self, name: &str, group: &mut GroupWriter<'_>) {
        group.u8s(name, self.numbers.iter().copied());
    }

    fn read(name: &str, group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let numbers = group.u8s(name)?;
        match numbers.iter().find(|&&number| usize::from(number) >= T::ALL.len()) {
            Some(number) => Err(ArrowError::ParseError(format!("{number} in column {name} stands for nothing"))),
            None => Ok(Self { numbers, of: std::marker::PhantomData }),
        }
    }
}

impl<T: Scalar> Stored for Vec<T> {
    type Column = Lists<T>;
}

/// Declares a struct of one thing and the struct of columns that holds many.
macro_rules! columns {
    (
        $(#[$row_doc:meta])*
        $visible:vis struct $row:ident in $columns:ident {
            $($(#[$field_doc:meta])* $field:ident: $type:ty,)+
        }
    ) => {
        $(#[$row_doc])*
        #[derive(Clone, Debug)]
        $visible struct $row {
            $($(#[$field_doc])* pub(crate) $field: $type,)+
        }

        #[doc = concat!("Many [`", stringify!($row), "`]s.")]
        #[derive(Clone, Debug, Default)]
        $visible struct $columns {
            $($(#[$field_doc])* pub(crate) $field: <$type as $crate::partial::Stored>::Column,)+
        }

        impl $crate::partial::Columns for $columns {
            type Row = $row;

            fn push(&mut self, row: $row) {
                $($crate::partial::Columns::push(&mut self.$field, row.$field);)+
            }

            fn append(&mut self, other: Self) {
                $($crate::partial::Columns::append(&mut self.$field, other.$field);)+
            }

            fn retain(&mut self, keep: &dyn Fn(usize) -> bool) {
                $($crate::partial::Columns::retain(&mut self.$field, keep);)+
            }

            fn bytes(&self) -> usize {
                0 $(+ $crate::partial::Columns::bytes(&self.$field))+
            }

            fn write(&self, name: &str, group: &mut $crate::partial::GroupWriter<'_>) {
                $($crate::partial::Columns::write(&self.$field, &format!("{name}{}", stringify!($field)), group);)+
            }

            fn read(name: &str, group: &$crate::partial::GroupReader<'_>) -> Result<Self, arrow::error::ArrowError> {
                Ok(Self { $($field: $crate::partial::Columns::read(&format!("{name}{}", stringify!($field)), group)?,)+ })
            }
        }
    };
}
pub(crate) use columns;

/// Targets, if there are any.
#[derive(Clone, Debug, Default)]
pub(crate) struct TargetColumn {
    names: Vec<Symbol>,
    /// Places in [`TargetKind::ALL`], or [`NO_TARGET`].
    kinds: Vec<u8>,
}

const NO_TARGET: u8 = u8::MAX;

impl TargetColumn {
    /// The target of a row.
    pub(crate) fn get(&self, row: usize) -> Option<Target> {
        let kind = *TargetKind::ALL.get(usize::from(self.kinds[row]))?;
        Some(Target { name: self.names[row], kind })
    }
}

impl Columns for TargetColumn {
    type Row = Option<Target>;

    fn push(&mut self, row: Option<Target>) {
        self.names.push(row.map_or(Symbol::EMPTY, |target| target.name));
        self.kinds.push(row.map_or(NO_TARGET, |target| target.kind as u8));
    }

    fn append(&mut self, other: Self) {
        Columns::append(&mut self.names, other.names);
        self.kinds.extend(other.kinds);
    }

    fn retain(&mut self, keep: &dyn Fn(usize) -> bool) {
        Columns::retain(&mut self.names, keep);
        retain(&mut self.kinds, keep);
    }

    fn bytes(&self) -> usize {
        self.names.len() * size_of::<Symbol>() + self.kinds.len()
    }

    fn write(&self, name: &str, group: &mut GroupWriter<'_>) {
        self.names.write(name, group);
        group.u8s(&format!("{name}_kind"), self.kinds.iter().copied());
    }

    fn read(name: &str, group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        Ok(Self { names: Columns::read(name, group)?, kinds: group.u8s(&format!("{name}_kind"))? })
    }
}

impl Stored for Option<Target> {
    type Column = TargetColumn;
}
