//! One Parquet file as bytes: its footer, its pages, and the cells of its columns.

pub(crate) mod any_value;
pub(crate) mod cell;
pub(crate) mod cells;
pub(crate) mod column_cells;
pub(crate) mod dictionaries;
pub(crate) mod fingerprint;
pub(crate) mod footer;
pub(crate) mod guard;
pub(crate) mod json_attributes;
pub(crate) mod own_texts;
pub(crate) mod page_checksums;
pub(crate) mod pages;
pub(crate) mod rle_bit_packed;
