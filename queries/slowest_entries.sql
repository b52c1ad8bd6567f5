-- Which entries are slow, and for how much of all request time do they stand?
-- One row an entry, the one that takes most time first. p50_ms, p99_ms, max_ms: milliseconds of a request; time_share: its share of the
-- summed durations of all requests; tail: how many times as long as the median the slowest hundredth takes.
SELECT entry_service, entry_operation, requests, p50_ns / 1e6 AS p50_ms, p99_ns / 1e6 AS p99_ms,
       max_ns / 1e6 AS max_ms, duration_ns / nullif(sum(duration_ns) OVER (), 0) AS time_share,
       p99_ns / nullif(p50_ns, 0) AS tail, failed_share, slowest_trace_id
FROM entries
ORDER BY duration_ns DESC, rank
LIMIT 20;
