//! What `explain compare` says.

use crate::compare::{CHANGE_COLUMNS, CHANGES, LATENCY_CHANGE_COLUMNS, LATENCY_CHANGES};
use crate::report::{ExplainedTable, Page};

const DOCUMENTATION: &str = "\
## What it is

`tracescan compare OLD NEW`, and `--baseline DIR` of analyze and merge, say of each pattern what became of it since another run.
Rates are requests with the pattern for 1,000 requests of its own entries, so that more traffic is no change:

1. `new`: not in the baseline, although at least 20 requests came in there by its entries;
2. `worse`, `better`: in at least 1.5 times as large a share of requests (or as small), or with 1.5 times the median impact on
   each, and beyond chance, in all requests of its entries or in those of one of them;
3. `gone`: its entries are used, the pattern is not there;
4. `unseen_entry`, `not_exercised`: too few requests came in by its entries in the baseline to tell, or none come in now;
5. `same`: nothing that chance would not do;
6. `ignored`: an `[[ignore]]` of the configuration knows it.

Rates are compared by an exact test of two Poisson rates, at a level that is that of all patterns together: each request with
those of its own entry, so that other traffic is no change. Of patterns in several entries each of these with at least 20
requests in both runs is tested once more alone, at a level of that family of tests: what became worse at one entry is not made
good by another. Medians of impacts are compared where both runs have 20 requests with the pattern, entry by entry where they
have as many of one, and must be apart by more than both MADs and by more than the 99.9 % bounds of each allow. The keys
`min_requests`, `min_ratio` and `chance` of `[compare]` in tracescan.toml set the numbers.

`latency_changes` says where the time of each entry went: its rows add up to the change of the entry's mean duration.

## Why it matters

Two nights are never alike. Rules that compare counts cry wolf on small ones, and a gate that does so is switched off.

## What it looks like

    rank  status  title                                        old_rate  new_rate
       1  new     cart calls postgresql SELECT items up to 50 times  0        80
       2  worse   web tries orders GET /orders up to 9 times         2        11

## How to use it

    tracescan analyze spans/today -o out/today --baseline out/yesterday --fail-on new,worse
    tracescan compare out/yesterday out/today

Open `old_example_trace_id` and `new_example_trace_id` side by side. Known patterns go into `[[ignore]]` with a reason, an owner
and a day on which they count again.

## When it is wrong

Runs with other thresholds, detectors or versions are compared as far as they can be, and it is said. A pattern that one request
has is no news, however bad. What is slow in both runs is `same`. Of a detector that tells nothing below a number of cases, none
may stand for up to one fewer. Structures that may do harm, of level `risk` or `note`, are not compared.";

/// The page.
pub(super) fn page() -> Page {
    let tables = vec![
        ExplainedTable { name: CHANGES, columns: CHANGE_COLUMNS.to_vec() },
        ExplainedTable { name: LATENCY_CHANGES, columns: LATENCY_CHANGE_COLUMNS.to_vec() },
    ];
    Page::of_tables("compare", "what became of each pattern from one run to another", DOCUMENTATION, tables)
}
