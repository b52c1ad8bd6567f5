//! Pages of documentation, and how they are written.

mod markdown;
mod page;

pub(crate) use markdown::{write_book, write_page_as_markdown};
pub(crate) use page::{ExplainedDocument, ExplainedTable, Field, Page};
