//! What `explain incident` says.

use crate::detectors::{Column, Description, RankedBy};

use super::tables::{SUSPECT_COLUMNS, suspect_row_columns};

/// What the comparison is called.
const INCIDENT: &str = "incident";

/// The table of suspects.
pub(crate) static SUSPECTS: Description = Description {
    name: INCIDENT,
    table: "suspects",
    summary: "who made the requests of a window slower, or fail, compared with others",
    documentation: "\
## What it does

`analyze --window A..B` compares the requests that begin in a window with others of the dump: with all of them but those of
times in which entries were not as usual, or with `--baseline-window`. A trace belongs to where its first root begins.
Everything is compared entry by entry, for as many requests as the window has: a window with more logins than usual is not
slow for that. Entries with fewer than 3 requests in the baseline are left out, and said.

1. *Blame*: path time, as latency-attribution books it, beyond what the baseline lets expect. Time of a service is blamed on
   it, waiting on what is waited for, and the network and pauses between attempts on both ends.
2. *Failures* beyond those expected, by where they began: what a failed call did not reach, else the service.
3. *Calls* that are missing or were not there before, where that is beyond chance. They are shown and do not rank.
4. *Onset*: the first ten seconds in which the suspect's time per request was off.

The score adds up the shares of the window's request time and of failures per request. If the first two differ by less than
5 % and the network between them is slower, the callee comes first.

`--window auto` takes the longest time in which an entry was off: ten seconds with at least 10 requests of it whose failed
share or median duration is more than six deviations away from the median over all its ten seconds, with gaps of at most
two. The other times are listed, and left out of the baseline; of a dump of which more than a tenth of the rest is like that only
those that go on before or after the window are.

Times are those of `--since`, and times of day of the dump's day (`12:01..12:04`, UTC), times before the dump's end
(`-15min..`), and seconds since 1970. One side may be left open; the end is exclusive.

## Why it matters

In an incident everything that waits for the culprit is slow, and everything that calls it fails. What differs beyond what
the same requests took before is where to look first.

## What it looks like

    tracescan analyze export/ --window 04:27..04:30
    tracescan analyze export/ --window auto
    tracescan analyze export/ --window -15min.. --baseline-window 03:00..04:00

    incident 04:27:00 to 04:30:00, 512 requests compared with 10,233 others: clear
    1  cartservice: +53 % of the window's request time, most of it between frontend and cartservice (GetCart);
       249 ms per request, 9 ms before; since 04:27:10

## How to use it

Open the first suspect's trace and the one of the baseline beside it. `confidence` is `clear` if its score is at least 0.15,
or its requests take 4 times as long as before; `quiet` means that minutes in which nothing happens look like that too.

## When it is wrong

`auto` finds what is loud in a dump that is mostly quiet; of a dump that is mostly faults it finds about half. What changes
neither times nor failures cannot be seen, and neither can what is as bad in the baseline. Of a slow network nobody can say
which end it is. A service that is short of work because its caller fails looks as if calls had vanished.

## References

Z. Zhang et al., \"CRISP: Critical Path Analysis of Large-Scale Microservice Architectures\", USENIX ATC 2022.",
    currency: None,
    has_findings: false,
    gates_at_any_impact: false,
    finds_risks_only: false,
    needs_failures: false,
    least_of_all_traces: None,
    terminal_columns: &["rank", "suspect", "kind", "score", "blame_ns", "blame_share", "time_ratio", "excess_failures", "vanished_calls", "appeared_calls", "onset", "evidence", "example_trace_id"],
    ranked_by: &[RankedBy::Largest("score")],
    problem: None,
};

/// The table of their rows.
pub(crate) static SUSPECT_ROWS: Description = Description {
    name: "suspect-rows",
    table: "suspect_rows",
    summary: "where the blame of each suspect lies, by entry and place",
    documentation: "See `incident`.",
    currency: None,
    has_findings: false,
    gates_at_any_impact: false,
    finds_risks_only: false,
    needs_failures: false,
    least_of_all_traces: None,
    terminal_columns: &[
        "rank",
        "suspect",
        "entry_service",
        "entry_operation",
        "service",
        "operation",
        "component",
        "target",
        "window_ns",
        "baseline_ns",
        "difference_ns",
        "example_trace_id",
    ],
    ranked_by: &[RankedBy::Largest("difference_ns")],
    problem: None,
};

/// The columns of both tables.
pub(crate) fn columns() -> [Vec<Column>; 2] {
    [SUSPECT_COLUMNS.to_vec(), suspect_row_columns()]
}
