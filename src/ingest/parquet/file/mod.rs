//! One Parquet file as bytes: its footer, its pages, and the cells of its columns.

pub(crate) mod cell;
pub(crate) mod cells;
pub(crate) mod codes;
pub(crate) mod column_cells;
pub(crate) mod dictionary;
pub(crate) mod fingerprint;
pub(crate) mod footer;
pub(crate) mod guard;
pub(crate) mod hybrid;
pub(crate) mod pages;
pub(crate) mod row_codes;
