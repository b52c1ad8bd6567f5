//! What `explain incident` says: the text stands beside the comparison.

use crate::incident::{SUSPECT_ROWS, SUSPECTS, columns};
use crate::report::{ExplainedTable, Page};

/// The page.
pub(super) fn page() -> Page {
    let tables = [SUSPECTS.table, SUSPECT_ROWS.table].into_iter().zip(columns());
    let tables = tables.map(|(name, columns)| ExplainedTable { name, columns }).collect();
    let mut page = Page::of_tables(SUSPECTS.name, SUSPECTS.summary, SUSPECTS.documentation, tables);
    page.opening = format!("Finds {}.", SUSPECTS.summary);
    page
}
