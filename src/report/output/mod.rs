//! Files that appear whole or not at all, and the output directory made of them.

mod files;
mod older_run;
mod whole_file;

pub(crate) use files::{write_comparison_files, write_files};
pub(crate) use whole_file::{WholeFile, finish_files, remove_unfinished_files};
