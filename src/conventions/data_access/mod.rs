//! What a database call does with data, as far as its texts and words tell: tables, and whether they are read or written.

mod database_name;
mod operations;
mod statement;
mod summary;
mod systems;
mod table_name;
mod tokens;

pub(crate) use database_name::DatabaseName;
pub(crate) use operations::{Access, access_of_operation, creates_document, is_insert, key_value_access};
pub(crate) use statement::Statement;
pub(crate) use summary::{key_prefix, listed_names, listed_tables, tables_of_name, tables_of_summary, verb_of_summary};
pub(crate) use systems::SystemKind;
pub(crate) use table_name::TableUse;
pub(super) use tokens::end_of_dollar_quoted;
