//! Results of a set of traces as a file: what `analyze --partial` writes and `merge` reads.
//!
//! Whatever a pass over traces keeps is made of columns ([`Columns`]), and columns are what is written: each group of them is
//! an Arrow IPC stream of its own, found by name in an index at the end of the file. Strings are written once and all
//! others refer to them by number, and so are traces; both get the numbers of the whole when they are read.
//!
//! ```text
//! magic ─ stream of group 1 ─ stream of group 2 ─ … ─ index as JSON: {"version", "groups": {name: [offset, bytes]}} ─ its length ─ magic
//! ```

mod columns;
mod error;
mod file;
mod group;
mod lists;
mod same_column;
#[cfg(test)]
mod written;

pub(crate) use columns::{Columns, Named, NamedColumn, Stored, TraceNumber, columns, named};
pub(crate) use error::PartialError;
pub(crate) use file::{PartialReader, PartialWriter};
pub(crate) use group::{GroupReader, GroupWriter, Renumbering};
pub(crate) use lists::Lists;
pub(crate) use same_column::Same;
#[cfg(test)]
pub(crate) use written::written;
