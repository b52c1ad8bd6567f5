//! What `explain budgets` says.

use crate::gates::{BUDGET_COLUMNS, BUDGETS};
use crate::report::{ExplainedTable, Page};

const DOCUMENTATION: &str = "\
## What it is

Limits on what requests of an entry may cost, in `tracescan.toml`. Each limit that is set gives a row of the table `budgets`, and
`--fail-on budget` makes the run fail if one is not met. `max_calls`, `max_database_calls` and `max_depth` hold for the largest
of all requests, `max_p99` for the 99th percentile of durations, `max_failed_share` for the share of requests whose root failed.

## Why it matters

A request that makes 60 calls today made 12 a year ago, and no single change was to blame. A budget is agreed once and kept by
the build that would break it.

## What it looks like

    [budget.\"web POST /checkout\"]
    max_calls = 60
    max_database_calls = 40
    max_depth = 8
    max_p99 = \"2s\"
    max_failed_share = 0.05

The name is the entry: service and operation with a space between, as table `entries` has them.

## How to use it

    tracescan analyze traces-of-the-test/ --fail-on budget

`worst_trace_id` is the trace to open: the one with most calls, the deepest, the slowest, the slowest of those that failed.

## When it is wrong

An entry without requests has rows without values, and a warning: a budget that looks at nothing does not fail the run. A maximum
over few requests is luck; give budgets to tests that make the same requests each time, or to whole days.";

/// The page.
pub(super) fn page() -> Page {
    let tables = vec![ExplainedTable { name: BUDGETS, columns: BUDGET_COLUMNS.to_vec() }];
    Page::of_tables("budgets", "what requests of an entry may cost at most", DOCUMENTATION, tables)
}
