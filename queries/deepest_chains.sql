-- Which chains of synchronous hops are deepest, and what does a request spend beyond the hops that it may have?
-- hops: calls that wait for each other; traces: requests that have the chain; p50_ms and p99_ms: milliseconds of such a request;
-- deep_ms: milliseconds spent in the hops that are too many, of all requests together: the most that a shorter chain could save.
SELECT array_to_string(chain, ' > ') AS chain, hops, traces, revisits AS comes_back, duration_p50_ns / 1e6 AS p50_ms,
       duration_p99_ns / 1e6 AS p99_ms, deep_critical_ns / 1e6 AS deep_ms, success_rate AS success_share,
       example_trace_id
FROM sync_chain
ORDER BY hops DESC, deep_critical_ns DESC, rank
LIMIT 20;
