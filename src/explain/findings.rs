//! What `explain findings` says.

use crate::rank::{FINDING_COLUMNS, FINDINGS};
use crate::report::{ExplainedTable, Page};

const DOCUMENTATION: &str = "\
## What it is

The table `findings` of an output directory (`analyze --output DIR`): one row for each time that a detector found its pattern in
one trace, with the spans that prove it. Rows of the detectors' own tables and of `problems` are sums over findings with one
`pattern_id`. `latency-attribution` has no findings: it judges nothing.

## Why it matters

Whatever a table or a gate says can be checked: each row names its trace, the span to look at first, what was measured and what
that was compared with. Dashboards and notebooks count findings by service, hour or owner from it.

## What it looks like

    detector    pattern_id        trace_id                          span_id           measured  threshold  impact_ns
    n-plus-one  3f0c7d51a2b4e689  4bf92f3577b34da6a3ce929d0e0e4736  00f067aa0ba902b7        50          5  340000000

What `measured` and `threshold` count is the detector's: calls to the target (n-plus-one), hops of the chain (sync-chain),
different calls one after the other (serial-fan-out),
the larger of attempts and amplification (retry-storm), failed services (failure-amplification); failure-origins has no
threshold and measures 1. hard-dependency counts the calls of a request that were outages, and throttling the refused calls of a
trace, as circuit-breaker counts those that a breaker had rejected: their thresholds are over the whole input. timeouts measures
seconds, and saturation those that a call waited.

## How to use it

    tracescan trace export/ TRACE_ID
    tracescan explain DETECTOR

The findings of one pattern, by cost, are those with its `pattern_id`, ordered by `impact_ns`. Patterns keep their ids from run
to run and from version to version, so that rows of two nights can be joined.

## When it is wrong

`impact_ns` is critical-path time that the finding claims. Findings of several patterns may claim the same time, so their sums are
not what a fix saves: that is `saving_ns` of `problems`.";

/// The page.
pub(super) fn page() -> Page {
    let tables = vec![ExplainedTable { name: FINDINGS, columns: FINDING_COLUMNS.to_vec() }];
    Page::of_tables("findings", "every single finding of all detectors, with its evidence", DOCUMENTATION, tables)
}
