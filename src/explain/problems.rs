//! What `explain problems` says.

use crate::rank::{PROBLEM_COLUMNS, PROBLEMS};
use crate::report::{ExplainedTable, Page};

const DOCUMENTATION: &str = "\
## What it is

One list over all detectors: a row for each pattern that any of them found, in the order in which to mend them. A pattern is
the same finding over many traces; its `pattern_id` is the same in every run, and leads to its row in the detector's table.

Three currencies, none of which is a guess about the other two:

1. *Time*, `saving_ns`: by how much the requests would have been shorter without the pattern. Each request is timed again
   without the calls that a fix spares: what ran beside them takes over. `impact_ns` is what the findings claim in sum: it says
   how much is in play, not what is to be won.
2. *Failures*, `failed_requests`: failed roots that would not have failed.
3. *Waste*, `wasted_ns`: work that nobody waited for or used, such as retries that failed.

## Why it matters

Findings of several detectors overlap: a loop of calls that are retried is an N+1 and a retry storm, and mending one mends some
of the other. In a list by claimed impact the same second counts twice, and the first row may be the echo of the fifth.

## What it looks like

    1  checkout tries payment POST /charges up to 5 times, always after the same pause
       4 requests (1.9 %) · saves 2.8 s = 20 % of all request time · 12:01:00 to 12:04:03
       trace 7382f0db · tracescan explain retry-storm

*Ranking*: by `saving_share` plus the share of requests that would not have failed, so that one failed request weighs as much as
one request's whole time; then by `wasted_ns`. Chains of hops (sync-chain) come after all others because their saving is the
most that can go (`upper_bound`), and what another pattern explains comes last.

*Beyond*: `beyond_saving_ns` and `beyond_failed_requests` are what a row adds once all above it are mended. They add up, so
'the first five hold 55 % of all request time' is a sum that never passes 100 %.

*Explained by*: the pattern that causes this one, if it does so for over half of its findings: a loop that runs a smaller loop, a
retry storm whose attempts look like an N+1, the origin of a failure that spread. A retry storm is not explained by the failure
that it answers: each needs its own fix.

*Status*, with `--baseline` or `[[ignore]]`: `new`, `worse`, `better`, `same`, `unseen_entry` (too few requests came in by its
entries in the baseline), `ignored`; `status_reason` says why. `tracescan explain compare` has the rules; what is gone is in
table `changes`.

## How to use it

Work down the list. Open `example_trace_id` with `tracescan trace`: it is the trace in which the pattern saves most. `fix` is
what to do in one line, and `tracescan explain DETECTOR` says more. Rows with `explained_by` go when their cause goes.

## When it is wrong

A saving supposes that what is left takes as long as it did. In a system that is short of something, mending one pattern makes
others faster as well, so savings are rather too small. Requests that were not recorded, or not to their end, count for nothing,
and of a dump that was sampled by duration or failure shares are those of the sample.";

/// The page.
pub(super) fn page() -> Page {
    let tables = vec![ExplainedTable { name: PROBLEMS, columns: PROBLEM_COLUMNS.to_vec() }];
    Page::of_tables(
        "problems",
        "the patterns of all detectors in one list, in the order in which to mend them",
        DOCUMENTATION,
        tables,
    )
}
