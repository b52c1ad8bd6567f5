//! What `explain entries` says.

use crate::rank::{ENTRIES, ENTRY_COLUMNS, PATTERN_COLUMNS, PATTERN_ENTRIES, PATTERN_ENTRY_COLUMNS, PATTERNS};
use crate::report::{ExplainedTable, Page};

const DOCUMENTATION: &str = "\
## What it is

Three tables of an output directory about requests. `entries` has a row for each way in: service and operation of a trace's
first root, with how many requests came in there, how many failed and how long they took. `patterns` has a row for each pattern
of each detector with the requests that have it, and `pattern_entries` says by which entries these came in.

## Why it matters

A count means nothing without what it is a count of. Twice as many retries are no news if there were twice as many requests.
Comparisons between runs and budgets are made from these tables.

## What it looks like

    entry_service  entry_operation  requests  failed_requests  p50_ns     p99_ns       most_calls_trace_id
    web            GET /orders          1200               14  31000000  2400000000  21130da83f376fcc5e6f4562c7a2e50d

## How to use it

Divide `requests` of a row of `pattern_entries` by `requests` of its entry: that is how many of the entry's requests have the
pattern. The trace ids lead to the slowest, the slowest failed, the busiest and the deepest request of each entry.

## When it is wrong

Entries of kind `fragment` begin at spans whose parent is not in the input: what came before is not known, and their times are
those of the rest. Where ids stand in names of operations there are as many entries as requests; `quality.beyond_cap` of
`run.json` says so.";

/// The page.
pub(super) fn page() -> Page {
    let tables = vec![
        ExplainedTable { name: ENTRIES, columns: ENTRY_COLUMNS.to_vec() },
        ExplainedTable { name: PATTERNS, columns: PATTERN_COLUMNS.to_vec() },
        ExplainedTable { name: PATTERN_ENTRIES, columns: PATTERN_ENTRY_COLUMNS.to_vec() },
    ];
    Page::of_tables("entries", "where requests come in, and which requests have which pattern", DOCUMENTATION, tables)
}
